# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What does not load, and what is said then.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(repeat => 1);

run_tests();

__DATA__

=== a part name given twice
--- config
    location = /t { mlsec_call a http://u/; mlsec_call b http://u/; mlsec_call a /x; }
--- must_die
--- error_log eval
[
"[emerg]",
'duplicate part name "a" in "mlsec_call"',
]



=== a part named errors
--- config
    location = /t { mlsec_call errors http://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
'a part cannot be named "errors" in "mlsec_call", that member lists failed parts',
]



=== an empty part name
--- config
    location = /t { mlsec_call "" http://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid part name "" in "mlsec_call", expected 1-64 letters, digits, "_" or "-"',
]



=== a part name with a dot
--- config
    location = /t { mlsec_call a.b http://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid part name "a.b" in "mlsec_call", expected 1-64 letters, digits, "_" or "-"',
]



=== a part name with a space
--- config
    location = /t { mlsec_call "a b" http://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid part name "a b" in "mlsec_call", expected 1-64 letters, digits, "_" or "-"',
]



=== a part name above ASCII
--- config
    location = /t { mlsec_call é http://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid part name "é" in "mlsec_call", expected 1-64 letters, digits, "_" or "-"',
]



=== a quote in part name
--- config
    location = /t { mlsec_call 'a"b' http://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid part name "a"b" in "mlsec_call", expected 1-64 letters, digits, "_" or "-"',
]



=== a name of 65 letters for part name
--- config
    location = /t { mlsec_call nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn http://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid part name "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" in "mlsec_call", expected 1-64 letters, digits, "_" or "-"',
]



=== no URI
--- config
    location = /t { mlsec_call a; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number of arguments in "mlsec_call" directive',
]



=== a URI that is neither
--- config
    location = /t { mlsec_call a training/jobs; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid URI "training/jobs" in "mlsec_call", expected "http://UPSTREAM/path" or "/local/path"',
]



=== another scheme
--- config
    location = /t { mlsec_call a ftp://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid URI "ftp://u/" in "mlsec_call", expected "http://UPSTREAM/path" or "/local/path"',
]



=== an empty URI
--- config
    location = /t { mlsec_call a ""; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid URI "" in "mlsec_call", expected "http://UPSTREAM/path" or "/local/path"',
]



=== a variable in place of the URI
--- config
    location = /t { mlsec_call a $uri; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid URI "$uri" in "mlsec_call", expected "http://UPSTREAM/path" or "/local/path"',
]



=== an upstream without a path
--- config
    location = /t { mlsec_call a http://u; }
--- must_die
--- error_log eval
[
"[emerg]",
'no path in URI "http://u" in "mlsec_call", expected "http://UPSTREAM/path" or "/local/path"',
]



=== an upstream with a query only
--- config
    location = /t { mlsec_call a https://u?x=1; }
--- must_die
--- error_log eval
[
"[emerg]",
'no path in URI "https://u?x=1" in "mlsec_call", expected "http://UPSTREAM/path" or "/local/path"',
]



=== no upstream
--- config
    location = /t { mlsec_call a http:///x; }
--- must_die
--- error_log eval
[
"[emerg]",
'no upstream in URI "http:///x" in "mlsec_call", expected "http://UPSTREAM/path" or "/local/path"',
]



=== a variable in place of the upstream
--- config
    location = /t { mlsec_call a http://$host/x; }
--- must_die
--- error_log eval
[
"[emerg]",
'no upstream in URI "http://$host/x" in "mlsec_call", expected "http://UPSTREAM/path" or "/local/path"',
]



=== a lone dollar in the path
--- config
    location = /t { mlsec_call a http://u/x$; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid variable at byte ',
'in "mlsec_call", expected "$name" or "${name}"',
]



=== a lone dollar in the query
--- config
    location = /t { mlsec_call a http://u/?x=$; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid variable at byte ',
'in "mlsec_call", expected "$name" or "${name}"',
]



=== an unknown variable in the path
--- config
    location = /t { mlsec_call a http://u/$nope/x; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown "nope" variable',
]



=== an unknown upstream
--- config
    location = /t { mlsec_call a http://nope/x; }
--- must_die
--- error_log eval
[
"[emerg]",
qr/unknown upstream "nope" in "mlsec_call", expected the name of an "upstream" block in \S+nginx\.conf:\d+/,
]



=== a port behind the upstream
--- config
    location = /t { mlsec_call a http://u:8080/x; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown upstream "u:8080" in "mlsec_call", expected the name of an "upstream" block',
]



=== an address that proxy_pass uses is no upstream block
--- config
    location = /p { proxy_pass http://127.0.0.1:1; } location = /t { mlsec_call a http://127.0.0.1:1/; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown upstream "127.0.0.1:1" in "mlsec_call"',
]



=== a call without the include
--- no_parts
--- config
    location = /t { mlsec_call a http://u/x; }
--- must_die
--- error_log eval
[
"[emerg]",
qr/"mlsec_call" to an upstream in a server without "mlsec_parts", add "include mlsec_parts\.conf;" to the server in \S+nginx\.conf:\d+/,
]



=== the include given twice
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
--- must_die
--- error_log eval
[
"[emerg]",
'mlsec_parts',
]



=== mlsec_parts given twice
--- config
    location @other { mlsec_parts; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_parts" is given twice in one server, include mlsec_parts.conf once',
]



=== mlsec_parts without the include in a location with a path
--- no_parts
--- config
    location /x/ { mlsec_parts; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_parts" in location "/x/", expected a named location such as "@mlsec_parts"',
]



=== mlsec_parts without the include in the server
--- no_parts
--- config
    mlsec_parts;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_parts" directive is not allowed here',
]



=== an unknown parameter: colour=red
--- config
    location = /t { mlsec_call a http://u/ colour=red; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown parameter "colour=red" in "mlsec_call"',
]



=== an unknown parameter: Required
--- config
    location = /t { mlsec_call a http://u/ Required; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown parameter "Required" in "mlsec_call"',
]



=== an unknown parameter: timeout
--- config
    location = /t { mlsec_call a http://u/ timeout; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown parameter "timeout" in "mlsec_call"',
]



=== a bad time: "3x"
--- config
    location = /t { mlsec_call a http://u/ timeout=3x; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid time "3x" in "timeout=" of "mlsec_call", expected a time such as "3s" or "250ms"',
]



=== a bad time: "0"
--- config
    location = /t { mlsec_call a http://u/ timeout=0; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid time "0" in "timeout=" of "mlsec_call", expected a time such as "3s" or "250ms"',
]



=== a bad time: "0s"
--- config
    location = /t { mlsec_call a http://u/ timeout=0s; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid time "0s" in "timeout=" of "mlsec_call", expected a time such as "3s" or "250ms"',
]



=== a bad time: "-1s"
--- config
    location = /t { mlsec_call a http://u/ timeout=-1s; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid time "-1s" in "timeout=" of "mlsec_call", expected a time such as "3s" or "250ms"',
]



=== a bad time: ""
--- config
    location = /t { mlsec_call a http://u/ timeout=; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid time "" in "timeout=" of "mlsec_call", expected a time such as "3s" or "250ms"',
]



=== a bad method: "get"
--- config
    location = /t { mlsec_call a http://u/ method=get; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid method "get" in "mlsec_call", expected "GET", "POST", "PUT", "PATCH" or "DELETE"',
]



=== a bad method: "HEAD"
--- config
    location = /t { mlsec_call a http://u/ method=HEAD; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid method "HEAD" in "mlsec_call", expected "GET", "POST", "PUT", "PATCH" or "DELETE"',
]



=== a bad method: "OPTIONS"
--- config
    location = /t { mlsec_call a http://u/ method=OPTIONS; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid method "OPTIONS" in "mlsec_call", expected "GET", "POST", "PUT", "PATCH" or "DELETE"',
]



=== a bad method: ""
--- config
    location = /t { mlsec_call a http://u/ method=; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid method "" in "mlsec_call", expected "GET", "POST", "PUT", "PATCH" or "DELETE"',
]



=== a bad body=: "yes"
--- config
    location = /t { mlsec_call a http://u/ body=yes; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "yes" of "body=" in "mlsec_call", expected "on", "off", "filter:PROGRAM" or "file:PATH"',
]



=== a bad body=: ""
--- config
    location = /t { mlsec_call a http://u/ body=; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "" of "body=" in "mlsec_call", expected "on", "off", "filter:PROGRAM" or "file:PATH"',
]



=== a bad header: "X-A"
--- config
    location = /t { mlsec_call a http://u/ 'header=X-A'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid header "X-A" in "mlsec_call", expected "header=Name: value"',
]



=== a bad header: ": x"
--- config
    location = /t { mlsec_call a http://u/ 'header=: x'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid header ": x" in "mlsec_call", expected "header=Name: value"',
]



=== a bad header: "X A: x"
--- config
    location = /t { mlsec_call a http://u/ 'header=X A: x'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid header "X A: x" in "mlsec_call", expected "header=Name: value"',
]



=== a bad header: "X(A: x"
--- config
    location = /t { mlsec_call a http://u/ 'header=X(A: x'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid header "X(A: x" in "mlsec_call", expected "header=Name: value"',
]



=== a bad header: ""
--- config
    location = /t { mlsec_call a http://u/ 'header='; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid header "" in "mlsec_call", expected "header=Name: value"',
]



=== an unknown variable in a header
--- config
    location = /t { mlsec_call a http://u/ 'header=X-A: $nope'; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown "nope" variable',
]



=== a bad list of arguments: ""
--- config
    location = /t { mlsec_call a http://u/ args=; }
--- must_die
--- error_log eval
[
"[emerg]",
'empty name in "args=" in "mlsec_call", expected names such as "limit,offset" or "*"',
]



=== a bad list of arguments: "a,,b"
--- config
    location = /t { mlsec_call a http://u/ args=a,,b; }
--- must_die
--- error_log eval
[
"[emerg]",
'empty name in "args=a,,b" in "mlsec_call", expected names such as "limit,offset" or "*"',
]



=== a bad list of arguments: "a,"
--- config
    location = /t { mlsec_call a http://u/ args=a,; }
--- must_die
--- error_log eval
[
"[emerg]",
'empty name in "args=a," in "mlsec_call", expected names such as "limit,offset" or "*"',
]



=== a bad list of arguments: ",a"
--- config
    location = /t { mlsec_call a http://u/ args=,a; }
--- must_die
--- error_log eval
[
"[emerg]",
'empty name in "args=,a" in "mlsec_call", expected names such as "limit,offset" or "*"',
]



=== a bad status: "200-299"
--- config
    location = /t { mlsec_call a http://u/ ok=200-299; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "200-299" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "1xx"
--- config
    location = /t { mlsec_call a http://u/ ok=1xx; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "1xx" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "6xx"
--- config
    location = /t { mlsec_call a http://u/ ok=6xx; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "6xx" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "20"
--- config
    location = /t { mlsec_call a http://u/ ok=20; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "20" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "2Xx"
--- config
    location = /t { mlsec_call a http://u/ ok=2Xx; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "2Xx" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "2xx,"
--- config
    location = /t { mlsec_call a http://u/ ok=2xx,; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: ""
--- config
    location = /t { mlsec_call a http://u/ ok=; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "2xx,teapot"
--- config
    location = /t { mlsec_call a http://u/ ok=2xx,teapot; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "teapot" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "2x0"
--- config
    location = /t { mlsec_call a http://u/ ok=2x0; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "2x0" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "600"
--- config
    location = /t { mlsec_call a http://u/ ok=600; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "600" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad status: "199"
--- config
    location = /t { mlsec_call a http://u/ ok=199; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "199" of "ok=" in "mlsec_call", expected a list such as "2xx,404"',
]



=== a bad fallback: "none"
--- config
    location = /t { mlsec_call a http://u/ 'fallback=none'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "none" of "fallback=" in "mlsec_call", expected "json:...", "null" or "omit"',
]



=== a bad fallback: ""
--- config
    location = /t { mlsec_call a http://u/ 'fallback='; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "" of "fallback=" in "mlsec_call", expected "json:...", "null" or "omit"',
]



=== a bad fallback: "{}"
--- config
    location = /t { mlsec_call a http://u/ 'fallback={}'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "{}" of "fallback=" in "mlsec_call", expected "json:...", "null" or "omit"',
]



=== a bad fallback: "json"
--- config
    location = /t { mlsec_call a http://u/ 'fallback=json'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "json" of "fallback=" in "mlsec_call", expected "json:...", "null" or "omit"',
]



=== a fallback that is no JSON: "{"a":"
--- config
    location = /t { mlsec_call a http://u/ 'fallback=json:{"a":'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid JSON "{"a":" of "fallback=" in "mlsec_call": truncated',
]



=== a fallback that is no JSON: ""
--- config
    location = /t { mlsec_call a http://u/ 'fallback=json:'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid JSON "" of "fallback=" in "mlsec_call": empty',
]



=== a fallback that is no JSON: "{a:1}"
--- config
    location = /t { mlsec_call a http://u/ 'fallback=json:{a:1}'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid JSON "{a:1}" of "fallback=" in "mlsec_call": unexpected byte',
]



=== a fallback that is no JSON: "[1,]"
--- config
    location = /t { mlsec_call a http://u/ 'fallback=json:[1,]'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid JSON "[1,]" of "fallback=" in "mlsec_call": unexpected byte',
]



=== a fallback that is no JSON: "1 2"
--- config
    location = /t { mlsec_call a http://u/ 'fallback=json:1 2'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid JSON "1 2" of "fallback=" in "mlsec_call": ',
]



=== a fallback that is no JSON: "01"
--- config
    location = /t { mlsec_call a http://u/ 'fallback=json:01'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid JSON "01" of "fallback=" in "mlsec_call": ',
]



=== a bad target: ""
--- config
    location = /t { mlsec_call a http://u/ 'target='; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 0 of "target=" in "mlsec_call", expected one path such as "a.b"',
]



=== a bad target: "a..b"
--- config
    location = /t { mlsec_call a http://u/ 'target=a..b'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "target=a..b" in "mlsec_call", expected one path such as "a.b"',
]



=== a bad target: ".a"
--- config
    location = /t { mlsec_call a http://u/ 'target=.a'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 0 of "target=.a" in "mlsec_call", expected one path such as "a.b"',
]



=== a bad target: "a."
--- config
    location = /t { mlsec_call a http://u/ 'target=a.'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "target=a." in "mlsec_call", expected one path such as "a.b"',
]



=== a bad target: "a,b"
--- config
    location = /t { mlsec_call a http://u/ 'target=a,b'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 1 of "target=a,b" in "mlsec_call", expected one path such as "a.b"',
]



=== a bad target: "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"
--- config
    location = /t { mlsec_call a http://u/ 'target=a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 32 of "target=a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q" in "mlsec_call", expected one path such as "a.b"',
]



=== a bad pick=: ""
--- config
    location = /t { mlsec_call a http://u/ 'pick='; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 0 of "pick=" in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad pick=: "a,"
--- config
    location = /t { mlsec_call a http://u/ 'pick=a,'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "pick=a," in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad pick=: "a,,b"
--- config
    location = /t { mlsec_call a http://u/ 'pick=a,,b'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "pick=a,,b" in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad pick=: "a..b"
--- config
    location = /t { mlsec_call a http://u/ 'pick=a..b'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "pick=a..b" in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad pick=: ",a"
--- config
    location = /t { mlsec_call a http://u/ 'pick=,a'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 0 of "pick=,a" in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad pick=: "a."
--- config
    location = /t { mlsec_call a http://u/ 'pick=a.'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "pick=a." in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad drop=: ""
--- config
    location = /t { mlsec_call a http://u/ 'drop='; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 0 of "drop=" in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad drop=: "a,"
--- config
    location = /t { mlsec_call a http://u/ 'drop=a,'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "drop=a," in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad drop=: "a,,b"
--- config
    location = /t { mlsec_call a http://u/ 'drop=a,,b'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "drop=a,,b" in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad drop=: "a..b"
--- config
    location = /t { mlsec_call a http://u/ 'drop=a..b'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "drop=a..b" in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad drop=: ",a"
--- config
    location = /t { mlsec_call a http://u/ 'drop=,a'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 0 of "drop=,a" in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad drop=: "a."
--- config
    location = /t { mlsec_call a http://u/ 'drop=a.'; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid path at byte 2 of "drop=a." in "mlsec_call", expected paths such as "a,b.c"',
]



=== a bad as=: "xml"
--- config
    location = /t { mlsec_call a http://u/ as=xml; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "xml" of "as=" in "mlsec_call", expected "text" or "json"',
]



=== a bad as=: ""
--- config
    location = /t { mlsec_call a http://u/ as=; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "" of "as=" in "mlsec_call", expected "text" or "json"',
]



=== target= of a text
--- config
    location = /t { mlsec_call a http://u/ target=a as=text; }
--- must_die
--- error_log eval
[
"[emerg]",
'"as=text" with "target=" in "mlsec_call", a text has no members',
]



=== pick= of a text
--- config
    location = /t { mlsec_call a http://u/ pick=a as=text; }
--- must_die
--- error_log eval
[
"[emerg]",
'"as=text" with "pick=" in "mlsec_call", a text has no members',
]



=== drop= of a text
--- config
    location = /t { mlsec_call a http://u/ drop=a as=text; }
--- must_die
--- error_log eval
[
"[emerg]",
'"as=text" with "drop=" in "mlsec_call", a text has no members',
]



=== a bad condition: "1"
--- config
    location = /t { mlsec_call a http://u/ if=1; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid condition "1" of "if=" in "mlsec_call", expected a variable such as "if=$arg_full"',
]



=== a bad condition: ""
--- config
    location = /t { mlsec_call a http://u/ if=; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid condition "" of "if=" in "mlsec_call", expected a variable such as "if=$arg_full"',
]



=== a bad condition: "arg_x"
--- config
    location = /t { mlsec_call a http://u/ if=arg_x; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid condition "arg_x" of "if=" in "mlsec_call", expected a variable such as "if=$arg_full"',
]



=== an unknown variable in a condition
--- config
    location = /t { mlsec_call a http://u/ if=$nope; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown "nope" variable',
]



=== an empty service=
--- config
    location = /t { mlsec_call a http://u/ service=; }
--- must_die
--- error_log eval
[
"[emerg]",
'empty "service=" in "mlsec_call", expected a name for logs and errors',
]



=== mlsec_call outside of a location
--- config
    mlsec_call a http://u/;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call" directive is not allowed here',
]



=== mlsec_call in an if
--- config
    location = /t { if ($arg_x) { mlsec_call a http://u/; } }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call" directive is not allowed here',
]



=== mlsec_call in limit_except
--- config
    location = /t { limit_except GET { mlsec_call a http://u/; } }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call" directive is not allowed here',
]



=== mlsec_merge outside of a location
--- config
    mlsec_merge flat;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_merge" directive is not allowed here',
]



=== mlsec_merge in an if
--- config
    location = /t { if ($arg_x) { mlsec_merge flat; } }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_merge" directive is not allowed here',
]



=== mlsec_merge in limit_except
--- config
    location = /t { limit_except GET { mlsec_merge flat; } }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_merge" directive is not allowed here',
]



=== 17 calls
--- config
    location = /t { mlsec_call p0 http://u/; mlsec_call p1 http://u/; mlsec_call p2 http://u/; mlsec_call p3 http://u/; mlsec_call p4 http://u/; mlsec_call p5 http://u/; mlsec_call p6 http://u/; mlsec_call p7 http://u/; mlsec_call p8 http://u/; mlsec_call p9 http://u/; mlsec_call p10 http://u/; mlsec_call p11 http://u/; mlsec_call p12 http://u/; mlsec_call p13 http://u/; mlsec_call p14 http://u/; mlsec_call p15 http://u/; mlsec_call p16 http://u/; }
--- must_die
--- error_log eval
[
"[emerg]",
qr/17 calls in one location, over "mlsec_max_calls 16" in \S+nginx\.conf:\d+/,
]



=== more calls than the location allows
--- config
    location = /t { mlsec_max_calls 2; mlsec_call a /a; mlsec_call b /b; mlsec_call c /c; }
--- must_die
--- error_log eval
[
"[emerg]",
'3 calls in one location, over "mlsec_max_calls 2" in ',
]



=== more calls than the server allows
--- config
    mlsec_max_calls 1; location = /t { mlsec_call a /a; mlsec_call b /b; }
--- must_die
--- error_log eval
[
"[emerg]",
'2 calls in one location, over "mlsec_max_calls 1" in ',
]



=== more calls than http allows
--- http_config
    upstream u { server 127.0.0.1:1; }
    mlsec_max_calls 1;
--- config
    location = /t { mlsec_call a /a; mlsec_call b /b; }
--- must_die
--- error_log eval
[
"[emerg]",
'2 calls in one location, over "mlsec_max_calls 1" in ',
]



=== a bad number of calls: "0"
--- config
    mlsec_max_calls "0";
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "0" in "mlsec_max_calls", expected 1-1000',
]



=== a bad number of calls: "1001"
--- config
    mlsec_max_calls "1001";
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "1001" in "mlsec_max_calls", expected 1-1000',
]



=== a bad number of calls: "many"
--- config
    mlsec_max_calls "many";
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "many" in "mlsec_max_calls", expected 1-1000',
]



=== a bad number of calls: "-1"
--- config
    mlsec_max_calls "-1";
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "-1" in "mlsec_max_calls", expected 1-1000',
]



=== a bad number of calls: ""
--- config
    mlsec_max_calls "";
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number "" in "mlsec_max_calls", expected 1-1000',
]



=== mlsec_merge without a call
--- config
    location = /t { mlsec_merge flat; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_merge" in location "/t" without "mlsec_call"',
]



=== mlsec_merge whose calls are in the location around it
--- config
    location /t { mlsec_call a /a; location /t/in { mlsec_merge flat; } }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_merge" in location "/t/in" without "mlsec_call"',
]



=== a bad mode
--- config
    location = /t { mlsec_call a /a; mlsec_merge deep; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid mode "deep" in "mlsec_merge", expected "namespace", "flat", "array" or "concat"',
]



=== an unknown parameter of mlsec_merge
--- config
    location = /t { mlsec_call a /a; mlsec_merge flat conflict=first; }
--- must_die
--- error_log eval
[
"[emerg]",
'unknown parameter "conflict=first" in "mlsec_merge", expected "on_conflict="',
]



=== a bad on_conflict=
--- config
    location = /t { mlsec_call a /a; mlsec_merge flat on_conflict=any; }
--- must_die
--- error_log eval
[
"[emerg]",
'invalid value "any" of "on_conflict=" in "mlsec_merge", expected "first", "last" or "error"',
]



=== on_conflict= where there are none
--- config
    location = /t { mlsec_call a /a; mlsec_merge namespace on_conflict=first; }
--- must_die
--- error_log eval
[
"[emerg]",
'"on_conflict=" in "mlsec_merge namespace", only "flat" can have conflicts',
]



=== mlsec_respond after mlsec_call
--- config
    location = /t { mlsec_call a /a; mlsec_respond 1; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_respond" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_fail after mlsec_call
--- config
    location = /t { mlsec_call a /a; mlsec_fail 501 x; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_fail" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_call after mlsec_respond
--- config
    location = /t { mlsec_respond 1; mlsec_call a /a; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_fail after mlsec_respond
--- config
    location = /t { mlsec_respond 1; mlsec_fail 501 x; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_fail" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_call after mlsec_fail
--- config
    location = /t { mlsec_fail 501 x; mlsec_call a /a; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_respond after mlsec_fail
--- config
    location = /t { mlsec_fail 501 x; mlsec_respond 1; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_respond" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_call after proxy_pass
--- config
    location = /t { proxy_pass http://u; mlsec_call a /a; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_call before proxy_pass
--- config
    location = /t { mlsec_call a /a; proxy_pass http://u; }
--- must_die
--- error_log eval
[
"[emerg]",
qr{"mlsec_call" in location "/t" that also has another content handler, use one of them or a location of its own in \S+nginx\.conf:\d+},
]



=== mlsec_call before stub_status
--- config
    location = /t { mlsec_call a /a; stub_status; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call" in location "/t" that also has another content handler',
]



=== mlsec_respond after proxy_pass
--- config
    location = /t { proxy_pass http://u; mlsec_respond 1; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_respond" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_respond before proxy_pass
--- config
    location = /t { mlsec_respond 1; proxy_pass http://u; }
--- must_die
--- error_log eval
[
"[emerg]",
qr{"mlsec_respond" in location "/t" that also has another content handler, use one of them or a location of its own in \S+nginx\.conf:\d+},
]



=== mlsec_respond before stub_status
--- config
    location = /t { mlsec_respond 1; stub_status; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_respond" in location "/t" that also has another content handler',
]



=== mlsec_fail after proxy_pass
--- config
    location = /t { proxy_pass http://u; mlsec_fail 501 x; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_fail" in location "/t" that already has a content handler, use one of them or a location of its own',
]



=== mlsec_fail before proxy_pass
--- config
    location = /t { mlsec_fail 501 x; proxy_pass http://u; }
--- must_die
--- error_log eval
[
"[emerg]",
qr{"mlsec_fail" in location "/t" that also has another content handler, use one of them or a location of its own in \S+nginx\.conf:\d+},
]



=== mlsec_fail before stub_status
--- config
    location = /t { mlsec_fail 501 x; stub_status; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_fail" in location "/t" that also has another content handler',
]



=== a bad status of mlsec_on_partial: 199
--- config
    mlsec_on_partial 199;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "199" in "mlsec_on_partial", expected 200-299 but 204, or 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_partial: 204
--- config
    mlsec_on_partial 204;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "204" in "mlsec_on_partial", expected 200-299 but 204, or 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_partial: 301
--- config
    mlsec_on_partial 301;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "301" in "mlsec_on_partial", expected 200-299 but 204, or 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_partial: 404x
--- config
    mlsec_on_partial 404x;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "404x" in "mlsec_on_partial", expected 200-299 but 204, or 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_partial: 444
--- config
    mlsec_on_partial 444;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "444" in "mlsec_on_partial", expected 200-299 but 204, or 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_partial: 499
--- config
    mlsec_on_partial 499;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "499" in "mlsec_on_partial", expected 200-299 but 204, or 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_partial: 600
--- config
    mlsec_on_partial 600;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "600" in "mlsec_on_partial", expected 200-299 but 204, or 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_partial: ok
--- config
    mlsec_on_partial ok;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "ok" in "mlsec_on_partial", expected 200-299 but 204, or 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_failure: 200
--- config
    mlsec_on_failure 200;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "200" in "mlsec_on_failure", expected 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_failure: 302
--- config
    mlsec_on_failure 302;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "302" in "mlsec_on_failure", expected 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_failure: 444
--- config
    mlsec_on_failure 444;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "444" in "mlsec_on_failure", expected 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_failure: 499
--- config
    mlsec_on_failure 499;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "499" in "mlsec_on_failure", expected 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_failure: 600
--- config
    mlsec_on_failure 600;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "600" in "mlsec_on_failure", expected 400-599 but 444 and 499',
]



=== a bad status of mlsec_on_failure: fail
--- config
    mlsec_on_failure fail;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid status "fail" in "mlsec_on_failure", expected 400-599 but 444 and 499',
]



=== mlsec_on_partial given twice
--- config
    mlsec_on_partial 206; mlsec_on_partial 206;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_on_partial" directive is duplicate',
]



=== mlsec_on_partial without a value
--- config
    mlsec_on_partial;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number of arguments in "mlsec_on_partial" directive',
]



=== mlsec_on_failure given twice
--- config
    mlsec_on_failure 503; mlsec_on_failure 503;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_on_failure" directive is duplicate',
]



=== mlsec_on_failure without a value
--- config
    mlsec_on_failure;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number of arguments in "mlsec_on_failure" directive',
]



=== mlsec_call_max_size given twice
--- config
    mlsec_call_max_size 1k; mlsec_call_max_size 1k;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call_max_size" directive is duplicate',
]



=== mlsec_call_max_size without a value
--- config
    mlsec_call_max_size;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number of arguments in "mlsec_call_max_size" directive',
]



=== mlsec_total_max_size given twice
--- config
    mlsec_total_max_size 1k; mlsec_total_max_size 1k;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_total_max_size" directive is duplicate',
]



=== mlsec_total_max_size without a value
--- config
    mlsec_total_max_size;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number of arguments in "mlsec_total_max_size" directive',
]



=== mlsec_max_calls given twice
--- config
    mlsec_max_calls 3; mlsec_max_calls 3;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_max_calls" directive is duplicate',
]



=== mlsec_max_calls without a value
--- config
    mlsec_max_calls;
--- must_die
--- error_log eval
[
"[emerg]",
'invalid number of arguments in "mlsec_max_calls" directive',
]



=== mlsec_merge given twice
--- config
    location = /t { mlsec_call a /a; mlsec_merge flat; mlsec_merge flat; }
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_merge" directive is duplicate',
]



=== a bad size of mlsec_call_max_size
--- config
    mlsec_call_max_size big;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_call_max_size" directive invalid value',
]



=== a bad size of mlsec_total_max_size
--- config
    mlsec_total_max_size big;
--- must_die
--- error_log eval
[
"[emerg]",
'"mlsec_total_max_size" directive invalid value',
]



=== as many calls as are allowed load
--- config eval
"mlsec_max_calls 1000; location = /t { " . CORE::join(' ', map { "mlsec_call p$_ /nowhere if=\$arg_x;" } 1 .. 1000) . " }"
--- request
GET /t
--- response_body chomp
{}
