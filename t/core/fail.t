# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_fail: a constant error.

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

=== status, message, details
--- config
    location = /t { mlsec_fail 501 "not built yet" service=training error_type=none; }
--- request
GET /t?x=1
--- error_code: 501
--- response_headers
Content-Type: application/json
! X-Gateway-Completed
--- response_body chomp
{"error":true,"status_code":501,"message":"not built yet","path":"/t","timestamp":"T","request_id":"R","detail":"not built yet","details":{"service":"training","error_type":"none"}}



=== the details' order is the configuration's
--- config
    location = /t { mlsec_fail 503 "x" error_type=none 'service=a "b"'; }
--- request
GET /t
--- error_code: 503
--- response_headers
! Retry-After
--- response_body chomp
{"error":true,"status_code":503,"message":"x","path":"/t","timestamp":"T","request_id":"R","detail":"x","details":{"error_type":"none","service":"a \"b\""}}



=== a message alone, with variables, escaped
--- config
    location ~ (?s)^/t/(.*)$ { mlsec_fail 400 "no $1 in $request_method"; }
--- request
POST /t/%22%0A
body
--- error_code: 400
--- response_body chomp
{"error":true,"status_code":400,"message":"no \"\n in POST","path":"/t/%22%0A","timestamp":"T","request_id":"R","detail":"no \"\n in POST","details":{}}



=== a map with a regex changes no capture in the message
--- http_config
    map $arg_m $mapped { default no; "~(.)(.+)" "<$2>"; }
--- config
    location ~ ^/t/(.*)$ { mlsec_fail 400 "$1 $mapped $1"; }
--- request
GET /t/7?m=abcdefghijklmnopqrstuvwxyz
--- error_code: 400
--- response_body chomp
{"error":true,"status_code":400,"message":"7 <bcdefghijklmnopqrstuvwxyz> 7","path":"/t/7","timestamp":"T","request_id":"R","detail":"7 <bcdefghijklmnopqrstuvwxyz> 7","details":{}}



=== an empty message is the status's own
--- config
    location = /t { mlsec_fail 418 ""; }
    location = /u { mlsec_fail 410 ""; }
--- request eval
["GET /t", "GET /u"]
--- error_code eval
[418, 410]
--- response_body_like eval
[qr/"message":"Error",/, qr/"message":"Gone",/]



=== 404 says what there is, unless it has details of its own
--- config
    location = /t { mlsec_fail 404 "no such job"; }
    location = /u { mlsec_fail 404 "no such job" service=x; }
--- request eval
["GET /t", "GET /u"]
--- error_code eval
[404, 404]
--- response_body_like eval
[qr/"message":"no such job".*"details":\{"available_endpoints":\["\/t","\/u"\]\}\}$/, qr/"message":"no such job".*"details":\{"service":"x"\}\}$/]



=== HEAD
--- config
    location = /t { mlsec_fail 501 "x"; }
--- request
HEAD /t
--- error_code: 501
--- response_headers
Content-Type: application/json
Content-Length: 174
--- response_body



=== mlsec_errors off: nginx's page
--- config
    location = /t { mlsec_errors off; mlsec_fail 501 "x"; }
--- request
GET /t
--- error_code: 501
--- response_headers
Content-Type: text/html
--- response_body_like: 501 Not Implemented



=== error_page wins
--- config
    location = /t { error_page 501 /page; mlsec_fail 501 "x"; }
    location = /page { return 200 "page\n"; }
--- request
GET /t
--- error_code: 501
--- response_body
page



=== as a named location of error_page
--- config
    mlsec_errors on;
    location = /t { error_page 403 @no; return 403; }
    location = /u { error_page 403 = @no; return 403; }
    location @no { mlsec_fail 451 "go away" error_type=law; }
--- request eval
["GET /t", "GET /u"]
--- error_code eval
[451, 451]
--- response_body eval
[
'{"error":true,"status_code":451,"message":"go away","path":"/t","timestamp":"T","request_id":"R","detail":"go away","details":{"error_type":"law"}}',
'{"error":true,"status_code":451,"message":"go away","path":"/u","timestamp":"T","request_id":"R","detail":"go away","details":{"error_type":"law"}}',
]



=== as a part
--- config
    location = /t { mlsec_call a /no; mlsec_call b http://u/ok; }
    location = /no { mlsec_fail 503 "x"; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"ok":1},"errors":[{"service":"a","part":"a","error_type":"upstream_status","status_code":503,"attempts":0,"elapsed_ms":0}]}



=== in an if
--- config
    location = /t { if ($arg_x) { set $y 1; } mlsec_fail 501 "x$y"; }
--- request
GET /t?x=1
--- error_code: 501
--- response_body_like: "message":"x1"



=== a location inside has its own
--- config
    location /t { mlsec_fail 501 "x"; location /t/in { root html; } }
--- request
GET /t/in
--- error_code: 404



=== limit_except
--- config
    location = /t { limit_except GET { deny all; } mlsec_fail 501 "x"; }
--- request eval
["GET /t", "POST /t"]
--- error_code eval
[501, 403]



=== no error status
--- config
    location = /t { mlsec_fail 200 "x"; }
--- must_die
--- error_log
[emerg]
invalid status "200" in "mlsec_fail", expected 400-599 but 444 and 499



=== no status
--- config
    location = /t { mlsec_fail teapot "x"; }
--- must_die
--- error_log
[emerg]
invalid status "teapot" in "mlsec_fail", expected 400-599 but 444 and 499, or "same"



=== 444 closes connections in nginx
--- config
    location = /t { mlsec_fail 444 "x"; }
--- must_die
--- error_log
[emerg]
invalid status "444" in "mlsec_fail", expected 400-599 but 444 and 499



=== 499 is nginx's own
--- config
    location = /t { mlsec_fail 499 "x"; }
--- must_die
--- error_log
[emerg]
invalid status "499" in "mlsec_fail", expected 400-599 but 444 and 499



=== 600
--- config
    location = /t { mlsec_fail 600 "x"; }
--- must_die
--- error_log
[emerg]
invalid status "600" in "mlsec_fail", expected 400-599 but 444 and 499



=== an unknown parameter
--- config
    location = /t { mlsec_fail 501 "x" colour=red; }
--- must_die
--- error_log
[emerg]
unknown parameter "colour=red" in "mlsec_fail", expected "service=" or "error_type="



=== no message
--- config
    location = /t { mlsec_fail 501; }
--- must_die
--- error_log
[emerg]
invalid number of arguments in "mlsec_fail" directive



=== given twice
--- config
    location = /t { mlsec_fail 501 "x"; mlsec_fail 502 "y"; }
--- must_die
--- error_log
[emerg]
"mlsec_fail" directive is duplicate



=== outside of a location
--- config
    mlsec_fail 501 "x";
--- must_die
--- error_log
[emerg]
"mlsec_fail" directive is not allowed here



=== same: the status of the error that an error_page brought here
--- config
    location = /t { proxy_pass http://u/422; proxy_intercept_errors on; error_page 422 @f; }
    location @f { mlsec_fail same "u said no" service=u error_type=handshake; }
--- request
GET /t
--- error_code: 422
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":422,"message":"u said no","path":"/t","timestamp":"T","request_id":"R","detail":"u said no","details":{"service":"u","error_type":"handshake"}}



=== same: the status that error_page has changed
--- config
    location = /t { return 503; error_page 503 =409 /f; }
    location = /f { mlsec_fail same "x"; }
--- request
GET /t
--- error_code: 409
--- response_body_like: "status_code":409,"message":"x","path":"/t"



=== same: a service that is not there
--- config
    location = /t { proxy_pass http://dead; error_page 502 @f; }
    location @f { mlsec_fail same "gone"; }
--- request
POST /t
body
--- error_code: 502
--- response_body_like: "status_code":502,"message":"gone"



=== same: no error before
--- config
    location = /t { mlsec_fail same "x"; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "status_code":500,"message":"x"



=== same: what the gateway has said itself stays
--- config
    location = /t { mlsec_allow POST; return 200; error_page 405 @f; }
    location @f { mlsec_allow any; mlsec_fail same "u said no" service=u; }
--- request
GET /t
--- error_code: 405
--- response_headers
Allow: POST
--- response_body chomp
{"error":true,"status_code":405,"message":"Method Not Allowed","path":"/t","timestamp":"T","request_id":"R","detail":"Method Not Allowed","details":{}}



=== same: with its details
--- config
    location = /t { rewrite ^ /g last; }
    location = /g { mlsec_fail 503 "off" error_type=off; error_page 503 @f; }
    location @f { mlsec_fail same "u said no" service=u; }
--- request
GET /t
--- error_code: 503
--- response_body_like: "status_code":503,"message":"off",.*"details":\{"error_type":"off"\}



=== same: what was said of another status does not count
--- config
    location = /t { mlsec_allow POST; return 200; error_page 405 =409 @f; }
    location @f { mlsec_allow any; mlsec_fail same "u said no" service=u; }
--- request
GET /t
--- error_code: 409
--- response_body_like: "status_code":409,"message":"u said no",.*"details":\{"service":"u"\}



=== a page for an error that fails with the very same status
--- config
    location = /t { return 503; error_page 503 /f; }
    location = /f { mlsec_fail 503 "x"; }
--- request
GET /t
--- error_code: 503
--- response_body_like: "status_code":503,"message":"x"
