# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# In front of every program here, of those that make a request body, and of the
# rules in validate/ too: mlsec_filter_library in nginx.conf.
#
# What a client sent is checked as the API that is taken over does it: 422,
# and a list that names each place. Rates that are computed here are 0-100.

def round2: . * 100 | round | . / 100;
def pct($a; $b): if $b > 0 then 100 * $a / $b else 0 end;
def mean: if length > 0 then add / length else 0 end;

# a number, also one that came as text; anything else is nothing
def numbers_of: if type == "string" then (tonumber? // empty)
                elif type == "number" then . else empty end;
def number($other): [numbers_of] | if length > 0 then .[0] else $other end;
def list: if type == "array" then . else [] end;
def object: if type == "object" then . else {} end;
def rows: list | map(objects);
def indexed: . as $list | [range(length) | {key: ., value: $list[.]}];
def text($other): if type == "string" then . else $other end;

# ---- what the client asked for ----

def problem($loc; $type; $msg; $input):
    {type: $type, loc: $loc, msg: $msg, input: $input};
def missing($loc): problem($loc; "missing"; "Field required"; null);
def refuse_if($problems):
    if ($problems | length) > 0
    then error({status: 422, message: "Validation error", errors: $problems})
    else . end;

# an argument of the query; of several of one name the first, as in nginx
def argument($name):
    $args[$name] | if type == "array" then .[0] else . end;
def argument($name; $default): argument($name) // $default;
def integer($name; $default): argument($name) // $default | tonumber;

def out_of_range($loc; $value; $min; $max; $input):
    if $value < $min
    then problem($loc; "greater_than_equal";
                 "Input should be greater than or equal to \($min)"; $input)
    elif $value > $max
    then problem($loc; "less_than_equal";
                 "Input should be less than or equal to \($max)"; $input)
    else empty end;

def bad_integer($name; $min; $max):
    ["query", $name] as $loc | argument($name)
    | if . == null then empty
      elif test("^-?[0-9]{1,9}\\z") | not
      then problem($loc; "int_parsing"; "Input should be a valid integer, "
                   + "unable to parse string as an integer"; .)
      else out_of_range($loc; tonumber; $min; $max; .) end;

# (a "$" also stands in front of a line end)
def bad_word($name; $pattern):
    argument($name)
    | if . == null or (test($pattern) and (endswith("\n") | not)) then empty
      else problem(["query", $name]; "string_pattern_mismatch";
                   "String should match pattern '\($pattern)'"; .) end;

def bad_required($name):
    argument($name)
    | if . == null or . == "" then missing(["query", $name]) else empty end;

# time_range: hours, days, weeks or a year; in days, of which an hour is a part
def range_pattern: "^((24|48|72|[1-9]|1[0-9]|2[0-3])h|([1-9][0-9]?|"
    + "[12][0-9][0-9]|3[0-5][0-9]|36[0-5])d|[124]w|1y)$";
def bad_range: bad_word("time_range"; range_pattern);
def range_days($default):
    argument("time_range"; $default)
    | (.[:-1] | tonumber) as $n | .[-1:]
    | if . == "h" then $n / 24 elif . == "d" then $n
      elif . == "w" then 7 * $n else 365 end;

# ---- bodies of clients ----

def bad_object:
    if type == "object" then empty
    else problem(["body"]; "model_attributes_type";
                 "Input should be a valid dictionary or object to extract "
                 + "fields from"; .) end;

# (a parameter called $type would hide the function)
def bad_field($name; $kind; $what):
    if type != "object" or .[$name] == null or (.[$name] | type) == $kind
    then empty
    else problem(["body", $name]; "\($what)_type";
                 "Input should be a valid \($what)"; .[$name]) end;
def bad_text($name): bad_field($name; "string"; "string");
def bad_flag($name): bad_field($name; "boolean"; "boolean");
def bad_list($name): bad_field($name; "array"; "list");
def bad_map($name): bad_field($name; "object"; "dict");
def bad_number($name): bad_field($name; "number"; "number");
def bad_whole($name; $min; $max):
    bad_field($name; "number"; "integer"),
    (if type == "object" and (.[$name] | type) == "number"
     then .[$name]
         | if . != floor then problem(["body", $name]; "int_from_float";
               "Input should be a valid integer, got a number with a "
               + "fractional part"; .)
           else out_of_range(["body", $name]; .; $min; $max; .) end
     else empty end);

def needed($name):
    if type == "object" and .[$name] == null
    then missing(["body", $name]) else empty end;

# a text that has to be there, and must not be empty
def bad_name($name):
    needed($name), bad_text($name),
    (if type == "object" and .[$name] == ""
     then problem(["body", $name]; "string_too_short";
                  "String should have at least 1 character"; "")
     else empty end);

def bad_long($name; $max):
    if type == "object" and (.[$name] | type) == "string"
       and (.[$name] | length) > $max
    then problem(["body", $name]; "string_too_long";
                 "String should have at most \($max) characters";
                 .[$name] | length)
    else empty end;

def bad_texts($name):
    bad_list($name),
    (if type == "object" and (.[$name] | type) == "array"
     then .[$name] | indexed[] | select(.value | type != "string")
         | problem(["body", $name, .key]; "string_type";
                   "Input should be a valid string"; .value)
     else empty end);

# what is wrong in the object of this name
def inside($name; problems):
    if type == "object" and (.[$name] | type) == "object"
    then .[$name] | problems | .loc |= ["body", $name] + .[1:]
    else empty end;

# ---- times ----

# seconds since the epoch as the services write times, with an offset
def iso: floor as $s
    | ([(. - $s) * 1000000 | round, 999999] | min + 1000000 | tostring) as $us
    | ($s | todate | .[:19]) + "." + $us[1:] + "Z";
def stamp: $now | iso;
def from_ms: if type == "number" then . / 1000 | iso else . end;

# the other way; a time without an offset is UTC
def seconds: if type == "string"
    then (try (.[:19] + "Z" | fromdate) catch null)
    elif type == "number" then . else null end;
def since($days): seconds | . == null or . >= $now - $days * 86400;
