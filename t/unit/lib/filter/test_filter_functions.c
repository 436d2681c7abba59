/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The filter language: a table for each family of functions. */


#include "filter.h"


static const filter_case_t  objects[] = {
    { "map(length)", "[null,-3,\"a\xc3\xa9\",[1,2],{\"a\":1}]",
      "[0,3,2,2,1]\n" },
    { "length", "true", "error: boolean (true) has no length" },
    { "utf8bytelength", "\"a\xc3\xa9\"", "3\n" },
    { "keys, keys_unsorted", "{\"b\":1,\"a\":2}",
      "[\"a\",\"b\"]\n[\"b\",\"a\"]\n" },
    { "keys", "[5,6]", "[0,1]\n" },
    { "[has(\"a\", \"c\")], (.a | has(0, 1))", "{\"a\":[1]}",
      "[true,false]\ntrue\nfalse\n" },
    { "\"a\" | in({\"a\":1})", "", "true\n" },
    { "[contains({a: [1]}, {a: [3]}, {})]", "{\"a\":[1,2]}",
      "[true,false,true]\n" },
    { "[\"foobar\", [\"foobar\"]] | .[0] as $s | ($s | contains(\"bar\")), "
      "(.[1] | contains([\"bar\"])), (\"bar\" | inside($s))", "",
      "true\ntrue\ntrue\n" },
    { "map(add)", "[[1,2],[\"a\",\"b\"],[[1],[2]],[{\"a\":1},{\"b\":2}],[]]",
      "[3,\"ab\",[1,2],{\"a\":1,\"b\":2},null]\n" },
    { "add, add(.[] | . * 2)", "{\"x\":1,\"y\":2}", "3\n6\n" },
    { "reverse", "[1,2,3]", "[3,2,1]\n" },
    { "flatten, flatten(1)", "[1,[2,[3,[4]]]]",
      "[1,2,3,4]\n[1,2,[3,[4]]]\n" },
    { "flatten(-1)", "[]", "error: flatten depth must not be negative" },
    { "to_entries", "{\"a\":1}", "[{\"key\":\"a\",\"value\":1}]\n" },
    { "from_entries",
      "[{\"key\":\"a\",\"value\":1},{\"name\":\"b\",\"v\":2},{\"Key\":\"c\","
      "\"Value\":3}]", "{\"a\":1,\"b\":2,\"c\":3}\n" },
    { "with_entries(.key |= ascii_upcase)", "{\"a\":1}", "{\"A\":1}\n" },
    { "{a: 1} + {a: 2, b: 3}, {a: {b: 1}} * {a: {c: 2}}", "",
      "{\"a\":2,\"b\":3}\n{\"a\":{\"b\":1,\"c\":2}}\n" },
    { "pick(.a.b, .c[1])", "{\"a\":{\"b\":1,\"x\":2},\"c\":[3,4]}",
      "{\"a\":{\"b\":1},\"c\":[null,4]}\n" },
    { "[paths], [leaf_paths], [paths(type == \"number\")]", "{\"a\":[1]}",
      "[[\"a\"],[\"a\",0]]\n[[\"a\",0]]\n[[\"a\",0]]\n" },
    { "[tostream], fromstream(tostream)", "{\"a\":[1]}",
      "[[[\"a\",0],1],[[\"a\",0]],[[\"a\"]]]\n{\"a\":[1]}\n" },
    { "[1 | truncate_stream([[0],1], [[1,0],2], [[1,0]], [[1]])]", "",
      "[[[0],2],[[0]]]\n" },
    { "getpath([\"a\", 0]), setpath([\"a\", 1]; 2), delpaths([[\"a\", 0]])",
      "{\"a\":[1]}", "1\n{\"a\":[1,2]}\n{\"a\":[]}\n" },
    { "toarray, (.[0] | toarray)", "[1]", "[1]\n[1]\n" },
    { "transpose", "[[1],[2,3]]", "[[1,2],[null,3]]\n" },
    { "[combinations]", "[[1,2],[3,4]]", "[[1,3],[1,4],[2,3],[2,4]]\n" },
    { "map(type)", "[null,true,1,\"\",[],{}]", "[\"null\",\"boolean\","
      "\"number\",\"string\",\"array\",\"object\"]\n" },
    { "INDEX(.id), IN(.[]; {id: 1}), (.[0] | IN({id: 1}, 2))",
      "[{\"id\":1}]", "{\"1\":{\"id\":1}}\ntrue\ntrue\n" },
    { "walk(if type == \"number\" then . + 1 else . end)", "[1,{\"a\":2}]",
      "[2,{\"a\":3}]\n" },
    { "[range(40)] | map({key: \"k\\(.)\", value: .}) | from_entries | "
      "[.k39, .k0, length, (del(.k5) | has(\"k5\", \"k6\"))]", "",
      "[39,0,40,false,true]\n" },
};

static const filter_case_t  sorting[] = {
    { "sort", "[{},[2],[1,3],\"b\",\"a\",2,1,true,false,null]",
      "[null,false,true,1,2,\"a\",\"b\",[1,3],[2],{}]\n" },
    { "sort", "[{\"b\":1},{\"a\":2},{\"a\":1,\"b\":0},{\"a\":1}]",
      "[{\"a\":1},{\"a\":2},{\"a\":1,\"b\":0},{\"b\":1}]\n" },
    { "sort_by(.a, -.b) | map(.b)",
      "[{\"a\":1,\"b\":1},{\"a\":0,\"b\":2},{\"a\":1,\"b\":3}]",
      "[2,3,1]\n" },
    { "group_by(. % 2), unique_by(. % 2), unique", "[3,1,2,4,1]",
      "[[2,4],[3,1,1]]\n[2,3]\n[1,2,3,4]\n" },
    { "min, max, min_by(-.), max_by(-.), ([] | min, max)", "[3,1,2]",
      "1\n3\n3\n1\nnull\nnull\n" },
    { "sort", "{}", "error: object ({}) cannot be sorted, as it is not an "
      "array" },
    { "[bsearch(2, 0, 9, 3)]", "[1,2,4]", "[1,-1,-4,-3]\n" },
    { "index(1), rindex(1), indices(1), indices([1, 2])", "[1,2,1,2]",
      "0\n2\n[0,2]\n[0,2]\n" },
    { "index(\"b\"), rindex(\"b\"), indices(\"b\"), index(\"z\")",
      "\"\xc3\xa9" "bab\"", "1\n3\n[1,3]\nnull\n" },
    { "[.[] as $x | .[] as $y | $x < $y]", "[1,\"a\",null]",
      "[false,true,false,false,false,false,true,true,false]\n" },
    { "12345678901234567890 == 12345678901234567891, 1.0 == 1", "",
      "false\ntrue\n" },
    { "nan < nan, nan == nan, ([nan, 1] | sort | tojson)", "",
      "true\nfalse\n\"[null,1]\"\n" },
};

static const filter_case_t  strings[] = {
    { "ascii_upcase, ascii_downcase", "\"aB\xc3\xa9\"",
      "\"AB\xc3\xa9\"\n\"ab\xc3\xa9\"\n" },
    { "startswith(\"ab\"), endswith(\"ab\")", "\"abc\"", "true\nfalse\n" },
    { "ltrimstr(\"a\"), rtrimstr(\"a\"), trimstr(\"a\")",
      "\"aba\"", "\"ba\"\n\"ab\"\n\"b\"\n" },
    { "try ltrimstr(1) catch ., try (1 | rtrimstr(\"a\")) catch .",
      "\"aba\"", "\"startswith() requires string inputs\"\n"
      "\"endswith() requires string inputs\"\n" },
    { "\"NaN1\", \"nul\", \"1.e\" | try fromjson catch .", "null",
      "\"Invalid numeric literal at EOF at line 1, column 4 "
      "(while parsing 'NaN1')\"\n"
      "\"Invalid literal at EOF at line 1, column 3 "
      "(while parsing 'nul')\"\n"
      "\"Invalid numeric literal at EOF at line 1, column 3 "
      "(while parsing '1.e')\"\n" },
    { "[range(10001) | 0] as $p | try getpath($p) catch ., "
      "try setpath($p; 1) catch ., try delpaths([$p]) catch ., "
      "getpath($p[1:])", "null", "\"Path too deep\"\n"
      "\"Path too deep\"\n\"Path too deep\"\nnull\n" },
    { "mask_email, mask_card, mask_phone",
      "\"bob@a.example, 4111 1111 1111 1111, +49 30 1234567, \\u00e9\"",
      "\"b**@a.example, 4111 1111 1111 1111, +49 30 1234567, \xc3\xa9\"\n"
      "\"bob@a.example, **** **** **** 1111, +49 30 1234567, \xc3\xa9\"\n"
      "\"bob@a.example, 4111 1111 1111 1111, +** ** *****67, \xc3\xa9\"\n" },
    { "mask_email", "\"a\\u0062c\"", "\"abc\"\n" },
    { "1 | mask_card", "", "error: mask_card input must be a string" },
    { "mask_pii", "{\"a\":[\"bob@a.example +49 30 1234567\",1.50,null],"
      "\"x@y.example\":{\"c\":\"5555555555554444\"}}",
      "{\"a\":[\"b**@a.example +** ** *****67\",1.50,null],"
      "\"x@y.example\":{\"c\":\"************4444\"}}\n" },
    { "trim, ltrim, rtrim", "\" a\\u00a0 \"",
      "\"a\"\n\"a\xc2\xa0 \"\n\" a\"\n" },
    { "explode, (explode | implode)", "\"a\xe2\x82\xac\"",
      "[97,8364]\n\"a\xe2\x82\xac\"\n" },
    { "[55296, 1114112] | implode", "",
      "\"\xef\xbf\xbd\xef\xbf\xbd\"\n" },
    { "split(\",\"), split(\"\"), . / \"b\"", "\"a,b\"",
      "[\"a\",\"b\"]\n[\"a\",\",\",\"b\"]\n[\"a,\",\"\"]\n" },
    { "join(\"-\"), ([] | join(\"-\"))", "[\"a\",1,null,true]",
      "\"a-1--true\"\n\"\"\n" },
    { "tostring, tojson, (tojson | fromjson)", "[1,\"a\"]",
      "\"[1,\\\"a\\\"]\"\n\"[1,\\\"a\\\"]\"\n[1,\"a\"]\n" },
    { "map(tonumber)", "[\"12\",\"-1.5e2\",\".5\",\"+3\",4]",
      "[12,-150,0.5,3,4]\n" },
    { "tonumber", "\"1 \"",
      "error: string (\"1 \") cannot be parsed as a number" },
    { "map(toboolean)", "[\"true\",false]", "[true,false]\n" },
    { "\"ab\" * 2, \"ab\" * 0.5, (\"ab\" * -1)", "",
      "\"abab\"\n\"\"\nnull\n" },
    { "@text, @json, @html, @uri, @csv \"\\([.])\", @sh, @base64, @base32",
      "\"<'&\xc3\xa9\"",
      "\"<'&\xc3\xa9\"\n\"\\\"<'&\xc3\xa9\\\"\"\n\"&lt;&apos;&amp;\xc3\xa9\""
      "\n\"%3C%27%26%C3%A9\"\n\"\\\"<'&\xc3\xa9\\\"\"\n"
      "\"'<'\\\\''&\xc3\xa9'\"\n\"PCcmw6k=\"\n\"HQTSNQ5J\"\n" },
    { "@base64d, (\"HQTSNQ5J\" | @base32d), (\"%C3%A9\" | @urid)",
      "\"PCcmw6k=\"", "\"<'&\xc3\xa9\"\n\"<'&\xc3\xa9\"\n\"\xc3\xa9\"\n" },
    { "@tsv", "[\"a\\tb\",1,null]", "\"a\\\\tb\\t1\\t\"\n" },
    { "test(\"B.\"; \"i\"), [match(\"(?<x>b)|c\"; \"g\") | .offset, .length, "
      ".captures[0].name]", "\"\xc3\xa9" "bc\"",
      "true\n[1,1,\"x\",2,1,\"x\"]\n" },
    { "capture(\"(?<y>[0-9]+)-(?<m>[0-9]+)\")", "\"2025-01\"",
      "{\"y\":\"2025\",\"m\":\"01\"}\n" },
    { "[scan(\"[a-z]\")], [scan(\"(a)(b)?\")]", "\"ab1a\"",
      "[\"a\",\"b\",\"a\"]\n[[\"a\",\"b\"],[\"a\",null]]\n" },
    { "sub(\"a\"; \"x\"), gsub(\"(?<l>[ab])\"; \"<\\(.l)>\"), "
      "[gsub(\"a\"; \"1\", \"2\")]", "\"aba\"",
      "\"xba\"\n\"<a><b><a>\"\n[\"1b1\",\"2b2\"]\n" },
    { "[splits(\", *\")], split(\",\"; null)", "\"a, b\"",
      "[\"a\",\"b\"]\n[\"a\",\" b\"]\n" },
    { "test(\"(\")", "\"a\"", "error: ( (at offset 1) is not a valid regex: "
      "missing closing parenthesis" },
    { "test(\"a\"; \"q\")", "\"a\"",
      "error: q is not a valid modifier string" },
    { "try test(\"^(a+)+$\") catch \"bounded\"",
      "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"", "\"bounded\"\n" },
};

static const filter_case_t  numbers[] = {
    { "map(floor, ceil, round, trunc, fabs)", "[-1.5]",
      "[-2,-1,-2,-1,1.5]\n" },
    { "sqrt, pow(.; 2), log2, exp2", "4", "2\n16\n2\n16\n" },
    { "frexp, modf, ldexp(1; 3), significand, logb", "8",
      "[0.5,4]\n[0,8]\n8\n1\n3\n" },
    { "[infinite, -infinite, nan] | tojson", "",
      "\"[1.7976931348623157e+308,-1.7976931348623157e+308,null]\"\n" },
    { "[nan, infinite, 1, \"a\"] | map(isnan), map(isinfinite), "
      "map(isnormal)", "",
      "[true,false,false,false]\n[false,true,false,false]\n"
      "[false,false,true,false]\n" },
    { "map(. % 3)", "[-7,7,7.9,-7.9]", "[-1,1,1,-1]\n" },
    { "1 % 0", "", "error: number (1) and number (0) cannot be divided "
      "(remainder) because the divisor is zero" },
    { ".[]", "[1.10,1e400,12345678901234567890,-0,1E2]",
      "1.10\n1e400\n12345678901234567890\n-0\n1E2\n" },
    { "map(. + 0)", "[1.10,0.1,100,1e17,1e-5,123456789.125,1e16,0.0001]",
      "[1.1,0.1,100,1e+17,1e-05,123456789.125,1e+16,0.0001]\n" },
    { "0.1 + 0.2, 1 / 3, 2 / 3 * 3, 100 / 3", "",
      "0.30000000000000004\n0.3333333333333333\n2\n33.333333333333336\n" },
    { "-(.), (. | abs)", "-12345678901234567890",
      "12345678901234567890\n12345678901234567890\n" },
    { "sqrt", "\"a\"", "error: string (\"a\") number required" },
    { "[range(3)], [range(1; 3)], [range(5; 0; -2)], [range(0; 1; 0)]", "",
      "[0,1,2]\n[1,2]\n[5,3,1]\n[]\n" },
};

static const filter_case_t  dates[] = {
    { "now", "", "1425599621.678\n" },
    { "todate, (todate | fromdate)", "1425599621",
      "\"2015-03-05T23:53:41Z\"\n1425599621\n" },
    { "gmtime, (gmtime | mktime)", "1425599621.5",
      "[2015,2,5,23,53,41.5,4,63]\n1425599621\n" },
    { "strftime(\"%A, %d %B %Y %j\")", "1425599621",
      "\"Thursday, 05 March 2015 064\"\n" },
    { "strptime(\"%Y-%m-%dT%H:%M:%SZ\")", "\"2000-02-29T01:02:03Z\"",
      "[2000,1,29,1,2,3,2,59]\n" },
    { "map(todate)", "[0,-1,951782400,4102444800,-2208988800]",
      "[\"1970-01-01T00:00:00Z\",\"1969-12-31T23:59:59Z\","
      "\"2000-02-29T00:00:00Z\",\"2100-01-01T00:00:00Z\","
      "\"1900-01-01T00:00:00Z\"]\n" },
    { "strptime(\"%Y\")", "\"x\"",
      "error: date \"x\" does not match format \"%Y\"" },
    { "mktime", "\"x\"", "error: mktime requires array inputs" },
    { "localtime == gmtime, strflocaltime(\"%Z\")", "0", "true\n\"UTC\"\n" },
};

static const filter_case_t  loops[] = {
    { "[limit(2; 1, 2, 3)], [limit(0; error)], [skip(1; 1, 2, 3)]", "",
      "[1,2]\n[]\n[2,3]\n" },
    { "first(range(9)), last(range(9)), nth(2; range(9)), "
      "[first(empty)], [last(empty)]", "", "0\n8\n2\n[]\n[]\n" },
    { "limit(-1; 1)", "", "error: limit doesn't support negative count" },
    { "first, last, nth(1)", "[1,2,3]", "1\n3\n2\n" },
    { "[while(. < 9; . * 2)], until(. > 9; . * 2), "
      "[limit(3; repeat(. * 2))]", "1", "[1,2,4,8]\n16\n[1,2,4]\n" },
    { "isempty(empty), isempty(1, error)", "", "true\nfalse\n" },
    { "any, all, any(. > 2), all(. > 2), any(.[]; . == 1)", "[1,3]",
      "true\ntrue\ntrue\nfalse\ntrue\n" },
    { "[recurse], [recurse(.[]?; . != 2)]", "[1,2]",
      "[[1,2],1,2]\n[[1,2],1]\n" },
    { "[.[] | numbers, strings, nulls, booleans, arrays, objects]",
      "[{},[],true,null,\"a\",1]", "[{},[],true,null,\"a\",1]\n" },
    { "[.[] | values, scalars, iterables]", "[[],null,1]",
      "[[],[],null,1,1]\n" },
    { "builtins | length > 100, any(. == \"map/1\"), any(startswith(\"_\"))",
      "", "true\ntrue\nfalse\n" },
};


int
main(void)
{
    filter_table(objects);
    filter_table(sorting);
    filter_table(strings);
    filter_table(numbers);
    filter_table(dates);
    filter_table(loops);

    return tap_done();
}
