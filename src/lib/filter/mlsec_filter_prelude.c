/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Which functions there are. */


#include <lib/filter/mlsec_filter_native.h>


#define mlsec_fn_entry(name, nargs, call)  { #name, nargs, call },

static const mlsec_fn_t  mlsec_fn_natives[] = {
    MLSEC_FN_NATIVES(mlsec_fn_entry)
};


/* Functions in the language; of those with a dollar, each value is one loop. */

static const struct {
    const char           *name;
    unsigned              nargs;
    const char           *text;
} mlsec_fn_preludes[] = {
    { "IN", 1, "def IN(s): any(s == .; .);" },
    { "IN", 2, "def IN(src; s): any(src == s; .);" },
    { "INDEX", 1, "def INDEX(f): INDEX(.[]; f);" },
    { "INDEX", 2, "def INDEX(stream; f): reduce stream as $row ({}; "
                  ".[$row | f | tostring] |= $row);" },
    { "JOIN", 2, "def JOIN($idx; f): [.[] | [., $idx[f]]];" },
    { "JOIN", 3, "def JOIN($idx; stream; f): stream | [., $idx[f]];" },
    { "JOIN", 4, "def JOIN($idx; stream; f; join): stream | [., $idx[f]] | "
                 "join;" },
    { "add", 1, "def add(f): reduce f as $x (null; . + $x);" },
    { "all", 0, "def all: all(.[]; .);" },
    { "all", 1, "def all(f): all(.[]; f);" },
    { "all", 2, "def all(g; cond): isempty(first(g | cond | "
                "select(. | not)));" },
    { "any", 0, "def any: any(.[]; .);" },
    { "any", 1, "def any(f): any(.[]; f);" },
    { "any", 2, "def any(g; cond): isempty(first(g | select(cond))) | "
                "not;" },
    { "arrays", 0, "def arrays: select(type == \"array\");" },
    { "booleans", 0, "def booleans: select(type == \"boolean\");" },
    { "capture", 1, "def capture(re): match(re) | _captures;" },
    { "capture", 2, "def capture(re; flags): match(re; flags) | "
                    "_captures;" },
    { "combinations", 0, "def combinations: if length == 0 then [] else "
                         ".[0][] as $x | (.[1:] | combinations) as $w | "
                         "[$x] + $w end;" },
    { "combinations", 1, "def combinations(n): . as $dot | "
                         "[range(n)] | map($dot) | combinations;" },
    { "contains", 1, "def contains($b): def c($b): "
                     "if type == \"object\" and ($b | type) == \"object\" "
                     "then . as $a | all($b | keys_unsorted[]; . as $k | "
                     "($a | has($k)) and ($a[$k] | c($b[$k]))) "
                     "elif type == \"array\" and ($b | type) == \"array\" "
                     "then . as $a | all($b[]; . as $x | any($a[]; c($x))) "
                     "elif type == ($b | type) then _contains($b) "
                     "else false end; if type == ($b | type) then c($b) "
                     "else _contains($b) end;" },
    { "date", 0, "def date: todate;" },
    { "dateadd", 2, "def dateadd(u; n): . + n;" },
    { "datesub", 2, "def datesub(u; n): . - n;" },
    { "del", 1, "def del(f): delpaths([path(f)]);" },
    { "finites", 0, "def finites: select(isinfinite or isnan | not);" },
    { "first", 0, "def first: .[0];" },
    { "fromdate", 0, "def fromdate: fromdateiso8601;" },
    { "fromdateiso8601", 0, "def fromdateiso8601: "
                            "strptime(\"%Y-%m-%dT%H:%M:%SZ\") | mktime;" },
    { "fromstream", 1, "def fromstream(f): {x: null, e: false} as $init | "
                       "foreach f as $i ($init; if .e then $init else . end "
                       "| if $i | length == 2 then setpath([\"e\"]; $i[0] | "
                       "length == 0) | setpath([\"x\"] + $i[0]; $i[1]) else "
                       "setpath([\"e\"]; $i[0] | length == 1) end; if .e "
                       "then .x else empty end);" },
    { "group_by", 1, "def group_by(f): _group_by(map([f]));" },
    { "gsub", 2, "def gsub($re; str): sub($re; str; \"g\");" },
    { "gsub", 3, "def gsub($re; str; $flags): sub($re; str; $flags + "
                 "\"g\");" },
    { "in", 1, "def in(xs): . as $x | xs | has($x);" },
    { "index", 1, "def index($i): _indices($i) | .[0];" },
    { "indices", 1, "def indices($i): _indices($i);" },
    { "inside", 1, "def inside(xs): . as $x | xs | contains($x);" },
    { "iterables", 0, "def iterables: select(type | . == \"array\" or "
                      ". == \"object\");" },
    { "last", 0, "def last: .[-1];" },
    { "leaf_paths", 0, "def leaf_paths: paths(scalars);" },
    { "map", 1, "def map(f): [.[] | f];" },
    { "map_values", 1, "def map_values(f): .[] |= f;" },
    { "mask_pii", 0, "def mask_pii: walk(if type == \"string\" then "
                     "mask_email | mask_card | mask_phone else . end);" },
    { "match", 1, "def match($re): if $re | type == \"array\" then "
                  "match($re[0]; $re[1]) else match($re; null) end;" },
    { "match", 2, "def match(re; flags): _match(re; flags; false) | .[];" },
    { "max_by", 1, "def max_by(f): _max_by(map([f]));" },
    { "min_by", 1, "def min_by(f): _min_by(map([f]));" },
    { "normals", 0, "def normals: select(isnormal);" },
    { "nth", 1, "def nth($n): .[$n];" },
    { "nth", 2, "def nth($n; f): if $n < 0 then error(\"nth doesn't support "
                "negative indices\") else first(skip($n; f)) end;" },
    { "nulls", 0, "def nulls: select(. == null);" },
    { "numbers", 0, "def numbers: select(type == \"number\");" },
    { "objects", 0, "def objects: select(type == \"object\");" },
    { "paths", 0, "def paths: path(..) | select(length > 0);" },
    { "paths", 1, "def paths(f): . as $dot | paths | select(. as $p | "
                  "$dot | getpath($p) | f);" },
    { "pick", 1, "def pick(f): . as $top | reduce path(f) as $p (null; "
                 "setpath($p; $top | getpath($p)));" },
    { "recurse", 0, "def recurse: recurse(.[]?);" },
    { "recurse", 1, "def recurse(f): def r: ., (f | r); r;" },
    { "recurse", 2, "def recurse(f; cond): def r: ., (f | select(cond) | "
                    "r); r;" },
    { "repeat", 1, "def repeat(f): def r: ., (f | r); r;" },
    { "rindex", 1, "def rindex($i): _indices($i) | .[-1:][0];" },
    { "scalars", 0, "def scalars: select(type | . != \"array\" and "
                    ". != \"object\");" },
    { "scan", 1, "def scan($re): scan($re; null);" },
    { "scan", 2, "def scan($re; $flags): match($re; \"g\" + $flags) | if "
                 ".captures | length > 0 then [.captures[].string] else "
                 ".string end;" },
    { "sort_by", 1, "def sort_by(f): _sort_by(map([f]));" },
    { "split", 2, "def split($re; $flags): . as $s | [foreach ((match($re; "
                  "$flags + \"g\") | [.offset, .length]), null) as $m ([0, "
                  "null]; if $m == null then .[1] = $s[.[0]:] else .[1] = "
                  "$s[.[0]:$m[0]] | .[0] = $m[0] + $m[1] end; .[1])];" },
    { "splits", 1, "def splits($re): split($re; null) | .[];" },
    { "splits", 2, "def splits($re; $flags): split($re; $flags) | .[];" },
    { "strings", 0, "def strings: select(type == \"string\");" },
    { "sub", 2, "def sub($re; str): sub($re; str; \"\");" },
    { "sub", 3, "def sub($re; str; $flags): . as $in | (reduce match($re; "
                "$flags) as $m ({r: [], at: 0}; $in[.at:$m.offset] as $gap "
                "| [$m | _captures | str] as $new | reduce range(0; $new | "
                "length) as $i (.; .r[$i] += $gap + $new[$i]) | .at = "
                "$m.offset + $m.length) | .r[] + $in[.at:]) // $in;" },
    { "test", 1, "def test($re): if $re | type == \"array\" then "
                 "test($re[0]; $re[1]) else test($re; null) end;" },
    { "test", 2, "def test(re; flags): _match(re; flags; true);" },
    { "todate", 0, "def todate: todateiso8601;" },
    { "todateiso8601", 0, "def todateiso8601: "
                          "strftime(\"%Y-%m-%dT%H:%M:%SZ\");" },
    { "tostream", 0, "def tostream: path(def r: (.[]? | r), .; r) as $p | "
                     "getpath($p) | reduce path(.[]?) as $q ([$p, .]; "
                     "[$p + $q]);" },
    { "transpose", 0, "def transpose: if . == [] then [] else . as $in | "
                      "(map(length) | max) as $n | [range(0; $n) as $j | "
                      "[range(0; $in | length) as $i | $in[$i][$j]]] end;" },
    { "truncate_stream", 1, "def truncate_stream(stream): . as $n | null | "
                            "stream | if .[0] | length > $n then "
                            "setpath([0]; .[0][$n:]) else empty end;" },
    { "unique_by", 1, "def unique_by(f): _unique_by(map([f]));" },
    { "until", 2, "def until(cond; update): def u: if cond then . else "
                  "update | u end; u;" },
    { "values", 0, "def values: select(. != null);" },
    { "walk", 1, "def walk(f): def w: if type == \"object\" then "
                 "map_values(w) elif type == \"array\" then map(w) else . "
                 "end | f; w;" },
    { "while", 2, "def while(cond; update): def w: if cond then ., (update "
                  "| w) else empty end; w;" },
    { "with_entries", 1, "def with_entries(f): to_entries | map(f) | "
                         "from_entries;" },
};


static const struct {
    const char           *name;
    const char           *why;
} mlsec_fn_forbiddens[] = {
    { "debug", "a program writes nothing but its results" },
    { "env", "a program does not see the environment" },
    { "get_search_list", "there are no modules" },
    { "halt", "a program cannot end its process, use empty or error" },
    { "halt_error", "a program cannot end its process, use error" },
    { "input", "a program has one input, and does not read more" },
    { "input_filename", "a program reads no files" },
    { "input_line_number", "a program reads no files" },
    { "inputs", "a program has one input, and does not read more" },
    { "modulemeta", "there are no modules" },
    { "stderr", "a program writes nothing but its results" },
};


/* Compares a name and number with an entry of a list. */

static int
mlsec_fn_order(mlsec_str_t name, unsigned nargs, const char *entry,
    unsigned count)
{
    int     order;
    size_t  len;

    len = strlen(entry);
    order = memcmp(name.data, entry, name.len < len ? name.len : len);

    if (order == 0 && name.len != len) {
        return name.len < len ? -1 : 1;
    }

    return order != 0 ? order : (nargs > count) - (nargs < count);
}


int
mlsec_fn_find(mlsec_str_t name, unsigned nargs)
{
    int  order, low, high, mid;

    low = 0;
    high = (int) (sizeof(mlsec_fn_natives) / sizeof(mlsec_fn_t)) - 1;

    while (low <= high) {
        mid = (low + high) / 2;
        order = mlsec_fn_order(name, nargs, mlsec_fn_natives[mid].name,
                               mlsec_fn_natives[mid].nargs);

        if (order == 0) {
            return mid;
        }

        if (order < 0) {
            high = mid - 1;

        } else {
            low = mid + 1;
        }
    }

    return -1;
}


const mlsec_fn_t *
mlsec_fn_get(unsigned index)
{
    return &mlsec_fn_natives[index];
}


const char *
mlsec_fn_prelude(mlsec_str_t name, unsigned nargs)
{
    int  order, low, high, mid;

    low = 0;
    high = (int) (sizeof(mlsec_fn_preludes) / sizeof(mlsec_fn_preludes[0]))
           - 1;

    while (low <= high) {
        mid = (low + high) / 2;
        order = mlsec_fn_order(name, nargs, mlsec_fn_preludes[mid].name,
                               mlsec_fn_preludes[mid].nargs);

        if (order == 0) {
            return mlsec_fn_preludes[mid].text;
        }

        if (order < 0) {
            high = mid - 1;

        } else {
            low = mid + 1;
        }
    }

    return NULL;
}


const char *
mlsec_fn_forbidden(mlsec_str_t name, unsigned nargs)
{
    size_t  i;

    (void) nargs;

    for (i = 0; i < sizeof(mlsec_fn_forbiddens)
                    / sizeof(mlsec_fn_forbiddens[0]); i++)
    {
        if (mlsec_fn_order(name, 0, mlsec_fn_forbiddens[i].name, 0) == 0) {
            return mlsec_fn_forbiddens[i].why;
        }
    }

    return NULL;
}


int
mlsec_fn_other_arity(mlsec_str_t name)
{
    unsigned  n;

    for (n = 0; n < 8; n++) {
        if (mlsec_fn_find(name, n) >= 0 || mlsec_fn_prelude(name, n) != NULL)
        {
            return 1;
        }
    }

    return 0;
}


/* builtins: the names of all functions, as "name/arguments". */

int
mlsec_fn_builtins(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    size_t           i, natives, n;
    mlsec_fx_text_t  text;
    const char      *name;
    unsigned char    digit;

    (void) args;

    natives = sizeof(mlsec_fn_natives) / sizeof(mlsec_fn_natives[0]);
    n = natives + sizeof(mlsec_fn_preludes) / sizeof(mlsec_fn_preludes[0]);

    if (mlsec_fv_new_array(fx, n, out) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < n; i++) {
        name = i < natives ? mlsec_fn_natives[i].name
                           : mlsec_fn_preludes[i - natives].name;
        digit = (unsigned char) ('0' + (i < natives
                                        ? mlsec_fn_natives[i].nargs
                                        : mlsec_fn_preludes[i - natives]
                                              .nargs));

        if (name[0] == '_') {
            continue;
        }

        memset(&text, 0, sizeof(text));

        if (mlsec_fx_put(fx, &text, name, strlen(name)) != MLSEC_OK
            || mlsec_fx_put(fx, &text, "/", 1) != MLSEC_OK
            || mlsec_fx_put(fx, &text, &digit, 1) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        (void) mlsec_fv_append(fx, out, mlsec_fv_string(text.data,
                                                        text.len));
    }

    return MLSEC_OK;
}
