# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_respond: a constant JSON body; no value of a variable can break it.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /ok { return 200 '{"ok":1}'; }
    location = /422 { default_type application/json; return 422 '{"secret":[1.10, 2]}'; }
    location = /500 { default_type text/html; return 500 "<p>\"stack\"</p>"; }
    location = /503 { error_page 503 /empty.txt; return 503; }
    location = /bad { return 200 '{"secret":'; }
    location / { root $TEST_NGINX_HTML_DIR; error_page 404 =500 /big.txt; }
EOT

run_tests();

__DATA__

=== a constant
--- config
    location = /t { mlsec_respond '{"a" : [1.10, null]}'; }
--- request
GET /t
--- response_headers
Content-Type: application/json
Content-Length: 20
! X-Gateway-Completed
--- response_body chomp
{"a" : [1.10, null]}



=== scalars
--- config
    location = /n { mlsec_respond 12; }
    location = /s { mlsec_respond '"x"'; }
    location = /t { mlsec_respond true; }
--- request eval
["GET /n", "GET /s", "GET /t"]
--- response_body eval
['12', '"x"', 'true']



=== a variable in a string is escaped
--- config
    location ~ (?s)^/t/(.*)$ { mlsec_respond '{"v":"<$1>","u":"${uri}x"}'; }
--- request
GET /t/a%22b%5Cc%0Ad%01%FF%C3%A9
--- response_body eval
qq({"v":"<a\\"b\\\\c\\nd\\u0001\xef\xbf\xbd\xc3\xa9>","u":"/t/a\\"b\\\\c\\nd\\u0001\xef\xbf\xbd\xc3\xa9x"})



=== a variable after an escaped quote is still in the string
--- config
    location = /t { mlsec_respond '{"v":"\\"$arg_x\\\\","w":$arg_x}'; }
--- request
GET /t?x=a
--- response_body chomp
{"v":"\"a\\","w":"a"}



=== a variable as a value: a scalar as it is
--- config
    location = /t { mlsec_respond '[$arg_a,$arg_b,$arg_c,$arg_d,$arg_e]'; }
--- request
GET /t?a=1.10&b=true&c=null&d=-1e400&e="x"
--- response_body chomp
[1.10,true,null,-1e400,"x"]



=== a variable as a value: anything else is a string
--- config
    location = /t { mlsec_respond '[$arg_a,$arg_b,$arg_c,$arg_d,$arg_e,$arg_f]'; }
--- request
GET /t?a=01&b={}&c=[1]&d=1,2&e="x&f=
--- response_body chomp
["01","{}","[1]","1,2","\"x",""]



=== a variable that has no value
--- config
    location = /t { mlsec_respond '{"a":$arg_a,"b":"$arg_a"}'; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":""}



=== a variable as a member's name
--- config
    location = /t { mlsec_respond '{"$arg_a":1}'; }
--- request
GET /t?a="b
--- response_body chomp
{"\"b":1}



=== HEAD
--- config
    location = /t { mlsec_respond '{"u":"$uri"}'; }
--- request
HEAD /t
--- response_headers
Content-Type: application/json
Content-Length: 10
--- response_body



=== GET with a body
--- config
    location = /t { mlsec_respond '{"u":"$uri"}'; }
--- request
GET /t
body
--- response_body chomp
{"u":"/t"}



=== other methods are not allowed
--- config
    mlsec_errors on;
    location = /t { mlsec_respond 1; }
--- request
POST /t
body
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- response_body chomp
{"error":true,"status_code":405,"message":"Method Not Allowed","path":"/t","timestamp":"T","request_id":"R","detail":"Method Not Allowed","details":{}}



=== a location inside has its own
--- config
    location /t { mlsec_respond 1; location /t/in { root html; } }
--- request
GET /t/in
--- error_code: 404



=== an if inside of the location is the location
--- config
    location = /t { if ($arg_x) { add_header X-If 1; } mlsec_respond '{"x":"$arg_x"}'; }
--- request
GET /t?x=1
--- response_headers
X-If: 1
--- response_body chomp
{"x":"1"}



=== limit_except
--- config
    mlsec_errors on;
    location = /t { limit_except GET { deny all; } mlsec_respond 1; }
--- request eval
["GET /t", "POST /t"]
--- error_code eval
[200, 403]



=== a handler in limit_except is the location's
--- config
    mlsec_errors on;
    location = /t { mlsec_respond 1; limit_except GET { allow all; } }
--- request
POST /t
--- error_code: 405
--- response_headers
Allow: GET, HEAD



=== as a part
--- config
    location = /t { mlsec_call a /in args=*; }
    location = /in { mlsec_respond '{"u":"$uri","x":$arg_x}'; }
--- request
GET /t?x=5
--- response_body chomp
{"a":{"u":"/in","x":5}}



=== no JSON
--- config
    location = /t { mlsec_respond '{"a":}'; }
--- must_die
--- error_log
[emerg]
invalid JSON "{"a":}" in "mlsec_respond": unexpected byte



=== nothing
--- config
    location = /t { mlsec_respond ''; }
--- must_die
--- error_log
[emerg]
invalid JSON "" in "mlsec_respond": empty



=== no JSON once a variable stands in it
--- config
    location = /t { mlsec_respond '{"a":1$uri}'; }
--- must_die
--- error_log
[emerg]
invalid JSON "{"a":1$uri}" in "mlsec_respond":



=== an unknown variable
--- config
    location = /t { mlsec_respond '{"a":"$nope"}'; }
--- must_die
--- error_log
[emerg]
unknown "nope" variable



=== no variable
--- config
    location = /t { mlsec_respond '{"a":"$"}'; }
--- must_die
--- error_log
[emerg]
invalid variable at byte 6 of "{"a":"$"}" in "mlsec_respond", expected "$name" or "${name}"



=== braces that do not close
--- config
    location = /t { mlsec_respond '{"a":"${uri"}'; }
--- must_die
--- error_log
[emerg]
invalid variable at byte 6 of "{"a":"${uri"}" in "mlsec_respond", expected "$name" or "${name}"



=== given twice
--- config
    location = /t { mlsec_respond 1; mlsec_respond 2; }
--- must_die
--- error_log
[emerg]
"mlsec_respond" directive is duplicate



=== outside of a location
--- config
    mlsec_respond 1;
--- must_die
--- error_log
[emerg]
"mlsec_respond" directive is not allowed here



=== a second argument
--- config
    location = /t { mlsec_respond 1 2; }
--- must_die
--- error_log
[emerg]
invalid number of arguments in "mlsec_respond" directive
