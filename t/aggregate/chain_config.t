# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# after=, foreach=, max=, concurrency= and "{NAME.path}" that do not load, and
# what is said then.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(repeat => 1);

no_long_string();
run_tests();

__DATA__

=== after= without a name
--- config
    location = /t { mlsec_call a http://u/; mlsec_call b http://u/ after=; }
--- must_die
--- error_log eval
[
"[emerg]",
'empty name in "after=" in "mlsec_call", expected names of parts such as "jobs" or "jobs,models" in ',
]



=== after= with an empty name
--- config
    location = /t { mlsec_call a http://u/; mlsec_call b http://u/ after=a,,a; }
--- must_die
--- error_log eval
[
"[emerg]",
'empty name in "after=a,,a" in "mlsec_call", expected names of parts such as "jobs" or "jobs,models" in ',
]



=== after= a part that is not there
--- config
    location = /t { mlsec_call a http://u/; mlsec_call b http://u/ after=a,c; }
--- must_die
--- error_log eval
[
"[emerg]",
qr/unknown part "c" in "after=c" of part "b", expected the name of another "mlsec_call" of the location in \S+nginx\.conf:\d+$/m,
]



=== after= a part of another location
--- config
    location = /o { mlsec_call c http://u/; }
    location = /t { mlsec_call a http://u/; mlsec_call b http://u/ after=c; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown part "c" in "after=c" of part "b", expected the name of another "mlsec_call" of the location in ',
]



=== after= itself
--- config
    location = /t { mlsec_call a http://u/ after=a; }
--- must_die
--- error_log eval
[
"[emerg]",
qr/part "a" waits for itself by "after=a" in \S+nginx\.conf:\d+$/m,
]



=== after= each other
--- config
    location = /t { mlsec_call a http://u/ after=b; mlsec_call b http://u/ after=a; }
--- must_die
--- error_log eval
[
"[emerg]",
qr/parts in a circle: "a" waits for "b" waits for "a" in \S+nginx\.conf:\d+$/m,
]



=== a circle behind parts that are not in it, by all three ways
--- config
    location = /t {
        mlsec_call start http://u/;
        mlsec_call out http://u/ after=a,start;
        mlsec_call a http://u/$mlsec_item foreach=b.ids;
        mlsec_call b 'http://u/{c.id}';
        mlsec_call c http://u/ after=start,a;
    }
--- must_die
--- error_log eval
[
"[emerg]",
qr/parts in a circle: (?:"a" waits for "b" waits for "c" waits for "a"|"b" waits for "c" waits for "a" waits for "b"|"c" waits for "a" waits for "b" waits for "c") in /,
]



=== foreach= without a name
--- config
    location = /t { mlsec_call a http://u/ foreach=; }
--- must_die
--- error_log eval
[
"[emerg]",
'no part in "foreach=" in "mlsec_call", expected "NAME" or "NAME.path" in ',
]



=== foreach= that begins with a dot
--- config
    location = /t { mlsec_call a http://u/ foreach=.ids; }
--- must_die
--- error_log eval
[
"[emerg]",
'no part in "foreach=.ids" in "mlsec_call", expected "NAME" or "NAME.path" in ',
]



=== foreach= that ends with a dot
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b.; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 10 of "foreach=b." in "mlsec_call", expected "NAME" or "NAME.path" in ',
]



=== foreach= with an empty name in the path
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b.ids..x; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 14 of "foreach=b.ids..x" in "mlsec_call", expected "NAME" or "NAME.path" in ',
]



=== foreach= with two paths
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b.x,y; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 11 of "foreach=b.x,y" in "mlsec_call", expected "NAME" or "NAME.path" in ',
]



=== a second foreach=
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b foreach=b.x; }
--- must_die
--- error_log eval
[
"[emerg]",
'a second "foreach=b.x" in "mlsec_call", a part has one list in ',
]



=== foreach= over a part that is not there
--- config
    location = /t { mlsec_call a http://u/ foreach=b.ids; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown part "b" in "foreach=b.ids" of part "a", expected the name of another "mlsec_call" of the location in ',
]



=== foreach= over itself
--- config
    location = /t { mlsec_call a http://u/ foreach=a.ids; }
--- must_die
--- error_log eval
[
"[emerg]",
'part "a" waits for itself by "foreach=a.ids" in ',
]



=== foreach= over a text
--- config
    location = /t { mlsec_call b http://u/ as=text; mlsec_call a http://u/ foreach=b; }
--- must_die
--- error_log eval
[
"[emerg]",
qr/"foreach=b" of part "a" over a part with "as=text", a text has no elements in \S+nginx\.conf:\d+$/m,
]



=== foreach= in flat
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b; mlsec_merge flat; }
--- must_die
--- error_log eval
[
"[emerg]",
qr/"foreach=b" of part "a" does not fit "mlsec_merge flat", a list has no members in \S+nginx\.conf:\d+$/m,
]



=== max= 0
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b max=0; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "0" of "max=" in "mlsec_call", expected 1-1000 in ',
]



=== max= 1001
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b max=1001; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "1001" of "max=" in "mlsec_call", expected 1-1000 in ',
]



=== max= no number
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b max=all; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "all" of "max=" in "mlsec_call", expected 1-1000 in ',
]



=== concurrency= 0
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b concurrency=0; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "0" of "concurrency=" in "mlsec_call", expected 1-100 in ',
]



=== concurrency= 101
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ foreach=b concurrency=101; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "101" of "concurrency=" in "mlsec_call", expected 1-100 in ',
]



=== max= without foreach=
--- config
    location = /t { mlsec_call a http://u/ max=5; }
--- must_die
--- error_log eval
[
"[emerg]",
'"max=" without "foreach=" in "mlsec_call" in ',
]



=== concurrency= without foreach=
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ after=b concurrency=5; }
--- must_die
--- error_log eval
[
"[emerg]",
'"concurrency=" without "foreach=" in "mlsec_call" in ',
]



=== braces with a part that is not there
--- config
    location = /t { mlsec_call a 'http://u/{id}'; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown part "id" in "{id}" of part "a", expected the name of another "mlsec_call" of the location in ',
]



=== braces in the query
--- config
    location = /t { mlsec_call a 'http://u/?x={job.id}'; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown part "job" in "{job.id}" of part "a", expected the name of another "mlsec_call" of the location in ',
]



=== braces in a header
--- config
    location = /t { mlsec_call a http://u/ 'header=X: b{job.id}'; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown part "job" in "{job.id}" of part "a", expected the name of another "mlsec_call" of the location in ',
]



=== braces with the part itself
--- config
    location = /t { mlsec_call a 'http://u/{a.id}'; }
--- must_die
--- error_log eval
[
"[emerg]",
'part "a" waits for itself by "{a.id}" in ',
]



=== braces with a bad path
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a 'http://u/{b.x..y}'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 5 of "{b.x..y}" in "mlsec_call", expected "{NAME}" or "{NAME.path}" in ',
]



=== braces without a path behind the dot
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a 'http://u/{b.}'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 3 of "{b.}" in "mlsec_call", expected "{NAME}" or "{NAME.path}" in ',
]



=== braces in a URI without quotes
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/{b}; }
--- must_die
--- error_log
[emerg]



=== a variable that is not finished, beside braces in a header
--- config
    location = /t { mlsec_call b http://u/; mlsec_call a http://u/ 'header=X: {b}${x'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid variable at byte 3 of "{b}${x" in "mlsec_call", expected "$name" or "${name}" in ',
]



=== the most that loads
--- config
    location = /t {
        mlsec_call a http://u/$mlsec_item foreach=b.x.y max=1000 concurrency=100;
        mlsec_call b http://u/ after=c,d after=c;
        mlsec_call c 'http://u/{d}';
        mlsec_call d http://u/ as=text;
        mlsec_call e http://u/$mlsec_item foreach=a as=text;
        mlsec_call f http://u/$mlsec_item foreach=e fallback=null;
        mlsec_merge concat;
    }
    location = /ok { return 200 ok; }
--- request
GET /ok
--- response_body chomp
ok
