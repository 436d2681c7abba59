/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The filter language: what the syntax means. */


#include "filter.h"


static const filter_case_t  basics[] = {
    { ".", "{\"a\": 1.50}", "{\"a\":1.50}\n" },
    { ".a.b", "{\"a\":{\"b\":[2]}}", "[2]\n" },
    { ".a[\"b\"], .\"a\".b, .a.\"b\"", "{\"a\":{\"b\":2}}", "2\n2\n2\n" },
    { ".[1], .[-1], .[5]", "[1,2,3]", "2\n3\nnull\n" },
    { ".[1:], .[:-1], .[1:2]", "[1,2,3]", "[2,3]\n[1,2]\n[2]\n" },
    { ".[1:3]", "\"a\xc3\xa9\xe2\x82\xac" "d\"",
      "\"\xc3\xa9\xe2\x82\xac\"\n" },
    { ".[]", "{\"x\":1,\"y\":2}", "1\n2\n" },
    { ".a?, .[0]?, 1", "\"x\"", "1\n" },
    { "1, (2, 3) | . * 10", "", "10\n20\n30\n" },
    { "[.[] | . + 1]", "[1,2]", "[2,3]\n" },
    { "{a: 1, (\"b\", \"c\"): (2, 3)}", "",
      "{\"a\":1,\"b\":2}\n{\"a\":1,\"b\":3}\n"
      "{\"a\":1,\"c\":2}\n{\"a\":1,\"c\":3}\n" },
    { "{a, \"b\": 2, $__loc__, \"c\\(1)\": 3}", "{\"a\":1}",
      "{\"a\":1,\"b\":2,\"__loc__\":{\"file\":\"<top-level>\",\"line\":1},"
      "\"c1\":3}\n" },
    { "\"\\(1, 2) \\(\"a\", \"b\")\"", "",
      "\"1 a\"\n\"2 a\"\n\"1 b\"\n\"2 b\"\n" },
    { "(1, 2) + (10, 20)", "", "11\n12\n21\n22\n" },
    { "1 + 2 * 3 - 4 / 2, 7 % 3, -(1)", "", "5\n1\n-1\n" },
    { "1 == 1.0, 1 != 2, \"a\" < \"b\", [] >= {}", "",
      "true\ntrue\ntrue\nfalse\n" },
    { "true and (true, false), false or (false, true)", "",
      "true\nfalse\nfalse\ntrue\n" },
    { "(null, false, 1, 2) // 3", "", "1\n2\n" },
    { "(null, false) // 3, .a.b.c // 5, (error(\"x\") // 4)", "",
      "3\n5\nerror: x" },
    { "if . then 1 end, if .a then 2 elif .b then 3 else 4 end",
      "{\"b\":0}", "1\n3\n" },
    { "[if (true, false, null) then 1 else 2 end]", "", "[1,2,2]\n" },
    { "try error(\"x\") catch ., try error catch .", "{\"a\":1}",
      "\"x\"\n{\"a\":1}\n" },
    { "[.[] | try if . > 2 then error else . end catch -.]", "[1,2,3,4]",
      "[1,2,-3,-4]\n" },
    { "try error(null) catch .", "", "null\n" },
    { "(try 1 catch 2) | error", "", "error: (not a string): 1" },
    { "# a comment\n.a # and one\n", "{\"a\":1}", "1\n" },
    { "\"a\nb\"", "", "\"a\\nb\"\n" },
    { "..", "[[1]]", "[[1]]\n[1]\n1\n" },
    { "\"\\u00e9\\ud83d\\ude00\\ud83d\"", "",
      "\"\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd\"\n" },
};

static const filter_case_t  variables[] = {
    { ". as $x | [$x, $x + 1]", "1", "[1,2]\n" },
    { ". as [$a, {b: $c}] | [$a, $c]", "[1,{\"b\":2}]", "[1,2]\n" },
    { ". as {$a, b: [$c]} | [$a, $c]", "{\"a\":1,\"b\":[2]}", "[1,2]\n" },
    { ". as {(\"a\", \"b\"): $x} | $x", "{\"a\":1,\"b\":2}", "1\n2\n" },
    { ". as {$a: [$b]} | [$a, $b]", "{\"a\":[1]}", "[[1],1]\n" },
    { ".[] as [$a] ?// $b | [$a, $b]", "[[1],2]",
      "[1,null]\n[null,2]\n" },
    { ".[] as [$a] ?// $a | if ($a | type) == \"number\" then error(\"no\") "
      "else [$a] end", "[[1]]", "[[1]]\n" },
    { "reduce .[] as $x (0; . + $x)", "[1,2,3]", "6\n" },
    { "reduce .[] as [$k, $v] ({}; .[$k] += $v)",
      "[[\"a\",1],[\"b\",2],[\"a\",3]]", "{\"a\":4,\"b\":2}\n" },
    { "reduce empty as $x (3; 4), reduce (1, 2) as $x (0; empty)", "",
      "3\nnull\n" },
    { "[foreach .[] as $x (0; . + $x)]", "[1,2,3]", "[1,3,6]\n" },
    { "[foreach .[] as $x (0; . + $x; [$x, .])]", "[1,2]",
      "[[1,1],[2,3]]\n" },
    { "[label $out | .[] | if . > 2 then break $out else . end]",
      "[1,2,3,1]", "[1,2]\n" },
    { "label $a | label $b | 1, break $a, 2", "", "1\n" },
    { "[limit(3; repeat(1))]", "", "[null,1,1]\n" },
    { "$__loc__.line", "", "1\n" },
};

static const filter_case_t  functions[] = {
    { "def f: . + 1; f | f", "1", "3\n" },
    { "def f(g): g | g; f(. * 2)", "3", "12\n" },
    { "def f($a; $b): $a + $b; [f(1, 2; 10, 20)]", "",
      "[11,21,12,22]\n" },
    { "def f($a): $a, a; [f(.)]", "1", "[1,1]\n" },
    { "def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; 10 | fac", "",
      "3628800\n" },
    { "def f: def g: 3; g; f, (def g: 4; g)", "", "3\n4\n" },
    { "def f(x): 1 as $y | x; 2 as $y | f($y)", "", "2\n" },
    { "def f: reduce range(1000) as $i (0; . + $i); f", "", "499500\n" },
    { "def f(x): if . == 0 then x else . - 1 | f(x + 1) end; 3 | f(0)", "",
      "3\n" },
    { "def gen: 1, 2; [gen as $x | gen | . * $x]", "", "[1,2,2,4]\n" },
    { "[recurse(if . < 3 then . + 1 else empty end)]", "0", "[0,1,2,3]\n" },
    { "def even: if . == 0 then true else . - 1 | if . == 0 then false else "
      ". - 1 | even end end; 1000 | even", "", "true\n" },
    { "def f(g): def h: g; [h, (5 | h)]; 1 | f(. + 1)", "", "[2,6]\n" },
    { "def r(f): def x: ., (f | select(. != null) | x); x; "
      "[r(.c) | .v]", "{\"v\":1,\"c\":{\"v\":2,\"c\":{\"v\":3}}}",
      "[1,2,3]\n" },
};

static const filter_case_t  paths[] = {
    { "path(.a[0].b), path(.[]?)", "{}", "[\"a\",0,\"b\"]\n" },
    { "[path(..)]", "[1,[2]]", "[[],[0],[1],[1,0]]\n" },
    { "path(.a | select(.b == 1))", "{\"a\":{\"b\":1}}", "[\"a\"]\n" },
    { "path(first(.a, .b)), path(if .a then .b else .c end)", "{\"a\":1}",
      "[\"a\"]\n[\"b\"]\n" },
    { "path(.a // .b), path(getpath([\"x\", \"y\"]))", "{\"b\":1}",
      "[\"b\"]\n[\"x\",\"y\"]\n" },
    { "path(.a[1:3])", "",
      "[\"a\",{\"start\":1,\"end\":3}]\n" },
    { "path(1)", "", "error: Invalid path expression with result 1" },
    { "path(. + 1 | .a)", "1",
      "error: Invalid path expression near attempt to access element \"a\" "
      "of 2" },
    { "def f: .a, .b; [path(f | f)]", "",
      "[[\"a\",\"a\"],[\"a\",\"b\"],[\"b\",\"a\"],[\"b\",\"b\"]]\n" },
    { "path(limit(1; .a, .b)), path(last(.a, .b))", "", "[\"a\"]\n[\"b\"]\n" },
    { "path(reduce (\"a\", \"b\") as $k (.; .[$k]))", "",
      "[\"a\",\"b\"]\n" },
};

static const filter_case_t  assignments[] = {
    { ".a = 1, .a.b.c = 2, .[\"x\"] = 3", "{\"a\":null}",
      "{\"a\":1}\n{\"a\":{\"b\":{\"c\":2}}}\n{\"a\":null,\"x\":3}\n" },
    { ".a = (1, 2)", "{}", "{\"a\":1}\n{\"a\":2}\n" },
    { "(.a, .b) = 1", "{}", "{\"a\":1,\"b\":1}\n" },
    { ".[] |= . + 1, .[1] |= empty, (.[] | select(. > 1)) |= empty",
      "[1,2,3]", "[2,3,4]\n[1,3]\n[1]\n" },
    { ".a |= (1, 2)", "{}", "{\"a\":1}\n" },
    { ".[0] += 10, .[0] -= 1, .[0] *= 3, .[0] /= 2, .[0] %= 2, .[1] //= 7",
      "[4]", "[14]\n[3]\n[12]\n[2]\n[0]\n[4,7]\n" },
    { ".a += (1, 2)", "{\"a\":10}", "{\"a\":11}\n{\"a\":12}\n" },
    { ".[1:3] = [\"x\"], .[2:] |= map(. * 2)", "[1,2,3,4]",
      "[1,\"x\",4]\n[1,2,6,8]\n" },
    { ".[-1] = 9", "[1,2]", "[1,9]\n" },
    { "try (.[-1] = 1) catch .", "[]",
      "\"Out of bounds negative array index\"\n" },
    { "del(.a), del(.[\"a\", \"b\"]), del(.c.d)",
      "{\"a\":1,\"b\":2,\"c\":{\"d\":3,\"e\":4}}",
      "{\"b\":2,\"c\":{\"d\":3,\"e\":4}}\n{\"c\":{\"d\":3,\"e\":4}}\n"
      "{\"a\":1,\"b\":2,\"c\":{\"e\":4}}\n" },
    { "del(.[0, 2]), del(.[1:]), del(.[-1]), del(.[])", "[1,2,3]",
      "[2]\n[1]\n[1,2]\n[]\n" },
    { ". as $x | .a = 2 | [$x, .]", "{\"a\":1}", "[{\"a\":1},{\"a\":2}]\n" },
    { "[.] | .[0].a = 2 | . + [1] | .[1] = 3", "{\"a\":1}",
      "[{\"a\":2},3]\n" },
    { "[1,2] as $x | $x + [3] | .[0] = 9 | [$x, .]", "",
      "[[1,2],[9,2,3]]\n" },
    { "[1,2] as $x | ($x + []) | .[0] = 9 | [$x, .]", "",
      "[[1,2],[9,2]]\n" },
    { "{a: {b: 1}} as $x | ($x | .a.b = 2), $x", "",
      "{\"a\":{\"b\":2}}\n{\"a\":{\"b\":1}}\n" },
    { "reduce (1, 2, 3) as $i ([]; . as $old | . + [$i] | .[0] = $old)", "",
      "[[[[]],2],2,3]\n" },
    { "to_entries | map(.value += 1) | from_entries", "{\"a\":1}",
      "{\"a\":2}\n" },
    { "[.a, (.a = 5 | .a), .a]", "{\"a\":1}", "[1,5,1]\n" },
    { "[foreach (1, 2) as $x ([]; . + [$x]; .)] | .[0][0] = 9", "",
      "[[9],[1,2]]\n" },
};


int
main(void)
{
    filter_table(basics);
    filter_table(variables);
    filter_table(functions);
    filter_table(paths);
    filter_table(assignments);

    return tap_done();
}
