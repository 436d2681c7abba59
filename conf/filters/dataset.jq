# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: the records of a data set, from its file as text. A file is
# JSON lines, or one JSON list; a record has a text and a label.

def records:
    (. // "") as $text
    | (try ($text | fromjson | if type == "array" then . else error end)
       catch ($text | split("\n") | map(select(test("\\S"))
                                        | try fromjson catch null)))
    | map(select(type == "object" and (.text | type) == "string"));
def texts: map(.text);
def labels: map(.label // "unknown" | tostring);
