# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_errors: errors that the gateway or nginx makes have one JSON form;
# what others have written goes through.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, repeat => 1, service => <<'SERVICE', http => <<'HTTP');
    location = /html { default_type text/html; return 500 "<h1>own</h1>\n"; }
    location = /json { default_type application/json; add_header X-Own 1 always; return 422 '{"detail":"own"}'; }
    location = /empty { return 503; }
    location = /ok { return 200 '{"ok":1}'; }
    location = /401 { default_type text/plain; add_header WWW-Authenticate Basic always; return 401 "no\n"; }
SERVICE
    upstream mock {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== not set: nginx's own errors stay nginx's
--- config
    location = /t { return 403; }
--- request
GET /t
--- error_code: 403
--- response_headers
Content-Type: text/html
--- response_body_like: <center><h1>403 Forbidden</h1></center>



=== not set: the module's own errors are envelopes
--- config
    location = /t { mlsec_call a http://dead/; }
--- request
GET /t
--- error_code: 502
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service dead cannot be connected to","path":"/t",



=== off: no envelope at all
--- config
    mlsec_errors off;
    location = /t { mlsec_call a http://dead/; }
--- request
GET /t
--- error_code: 502
--- response_headers
Content-Type: text/html
--- response_body_like: <center><h1>502 Bad Gateway</h1></center>



=== on: the whole of it
--- config
    mlsec_errors on;
    location = /t { return 403; }
--- request
GET /t
--- error_code: 403
--- response_headers
Content-Type: application/json
Content-Length: 190
! X-Gateway-Completed
! Transfer-Encoding
--- response_body chomp
{"error":true,"status_code":403,"message":"Forbidden","path":"/t","timestamp":"T","request_id":"R","detail":"Forbidden","details":{}}



=== time and request id
--- config
    mlsec_errors on;
    location = /t { return 403; }
--- response_body_filters eval
[sub { $_[0] }]
--- request
GET /t
--- error_code: 403
--- response_body_like: "timestamp":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","request_id":"[0-9a-f]{32}"



=== set by the server, the location says otherwise
--- config
    mlsec_errors on;
    location = /on { return 403; }
    location = /off { mlsec_errors off; return 403; }
--- request eval
["GET /on", "GET /off"]
--- error_code eval
[403, 403]
--- response_headers eval
["Content-Type: application/json", "Content-Type: text/html"]



=== set by http, the server and the location say otherwise
--- http_config eval
$::Http . "mlsec_errors on;"
--- config
    mlsec_errors off;
    location = /off { return 403; }
    location /on { mlsec_errors on; location = /on/in { return 403; } }
--- request eval
["GET /off", "GET /on/in"]
--- error_code eval
[403, 403]
--- response_headers eval
["Content-Type: text/html", "Content-Type: application/json"]



=== set by http
--- http_config eval
$::Http . "mlsec_errors on;"
--- config
    location = /t { return 403; }
--- request
GET /t
--- error_code: 403
--- response_headers
Content-Type: application/json



=== in an if inside of a location
--- config
    location = /t { mlsec_errors on; if ($arg_x) { return 403; } return 200 "ok"; }
--- request
GET /t?x=1
--- error_code: 403
--- response_headers
Content-Type: application/json



=== neither on nor off
--- config
    mlsec_errors json;
--- must_die
--- error_log
[emerg]
invalid value "json" in "mlsec_errors" directive, it must be "on" or "off"



=== given twice
--- config
    mlsec_errors on;
    mlsec_errors off;
--- must_die
--- error_log
[emerg]
"mlsec_errors" directive is duplicate



=== 400: a header that is not allowed
--- config
    mlsec_errors on;
--- raw_request eval
"GET /a/b?c HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":400,"message":"Bad Request","path":"/a/b","timestamp":"T","request_id":"R","detail":"Bad Request","details":{}}



=== 400: a request line that cannot be read
--- config
    mlsec_errors on;
--- raw_request eval
"GE(T / HTTP/1.1\r\n\r\n"
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":400,"message":"Bad Request","path":"","timestamp":"T","request_id":"R","detail":"Bad Request","details":{}}



=== 400: header that does not fit
--- http_config eval
$::Http . "mlsec_errors on; large_client_header_buffers 2 1k;"
--- config
--- request
GET /t
--- more_headers eval
"X-Long: " . "x" x 2000
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":400,"message":"Bad Request","path":"/t","timestamp":"T","request_id":"R","detail":"Bad Request","details":{}}



=== 401 keeps its challenge
--- config
    mlsec_errors on;
    location = /t { auth_basic "x"; auth_basic_user_file $TEST_NGINX_HTML_DIR/htpasswd; }
--- user_files
>>> htpasswd
--- request
GET /t
--- error_code: 401
--- response_headers
Content-Type: application/json
WWW-Authenticate: Basic realm="x"
--- response_body chomp
{"error":true,"status_code":401,"message":"Unauthorized","path":"/t","timestamp":"T","request_id":"R","detail":"Unauthorized","details":{}}



=== 404 and what there is
--- config
    mlsec_errors on;
    location = /b { mlsec_respond 1; }
    location /a/ { proxy_pass http://u; }
    location = /agg { mlsec_call a http://u/ok; }
    location = /fail { mlsec_fail 501 "x"; }
    location = /inside { internal; mlsec_respond 1; }
    location = /static { root html; }
    location ~ ^/regex { mlsec_respond 1; }
    location @named { mlsec_respond 1; }
    location /nest { location = /nest/in { mlsec_respond 1; } }
--- request
GET /no/where?x=1
--- error_code: 404
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":404,"message":"Endpoint not found: /no/where","path":"/no/where","timestamp":"T","request_id":"R","detail":"Endpoint not found: /no/where","details":{"available_endpoints":["/a/","/agg","/b","/fail","/nest/in"]}}



=== 404: every server has its own list
--- http_config eval
$::Http . 'server { listen unix:$TEST_NGINX_HTML_DIR/o.sock; mlsec_errors on; location = /other { mlsec_respond 1; } }'
--- config
    mlsec_errors on;
    location = /b { mlsec_respond 1; }
    location /o { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/o.sock; }
--- request eval
["GET /x", "GET /o"]
--- error_code eval
[404, 404]
--- response_body_like eval
[qr/"available_endpoints":\["\/b","\/o"\]/, qr/"available_endpoints":\["\/other"\]/]



=== 404: an internal location
--- config
    mlsec_errors on;
    location = /inside { internal; mlsec_respond 1; }
--- request
GET /inside
--- error_code: 404
--- response_body chomp
{"error":true,"status_code":404,"message":"Endpoint not found: /inside","path":"/inside","timestamp":"T","request_id":"R","detail":"Endpoint not found: /inside","details":{"available_endpoints":[]}}



=== 405 says what is allowed
--- config
    mlsec_errors on;
--- request
POST /index.html
--- error_code: 405
--- response_headers
Content-Type: application/json
Allow: GET, HEAD
--- response_body chomp
{"error":true,"status_code":405,"message":"Method Not Allowed","path":"/index.html","timestamp":"T","request_id":"R","detail":"Method Not Allowed","details":{}}



=== 405 of the module
--- config
    location = /t { mlsec_respond 1; }
--- request
DELETE /t
--- error_code: 405
--- response_headers
Allow: GET, HEAD



=== 413
--- config
    mlsec_errors on;
    location = /t { client_max_body_size 1; proxy_pass http://u; }
--- request
POST /t
too long
--- error_code: 413
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":413,"message":"Content Too Large","path":"/t","timestamp":"T","request_id":"R","detail":"Content Too Large","details":{}}



=== 414
--- http_config eval
$::Http . "mlsec_errors on; large_client_header_buffers 2 1k;"
--- config
--- request eval
"GET /" . "x" x 2000
--- error_code: 414
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"error":true,"status_code":414,"message":"URI Too Long","path":"



=== 415, 422, 429
--- config
    mlsec_errors on;
    location = /415 { return 415; }
    location = /422 { return 422; }
    location = /429 { return 429; }
--- request eval
["GET /415", "GET /422", "GET /429"]
--- error_code eval
[415, 422, 429]
--- response_body eval
[
'{"error":true,"status_code":415,"message":"Unsupported Media Type","path":"/415","timestamp":"T","request_id":"R","detail":"Unsupported Media Type","details":{}}',
'{"error":true,"status_code":422,"message":"Unprocessable Content","path":"/422","timestamp":"T","request_id":"R","detail":"Unprocessable Content","details":{}}',
'{"error":true,"status_code":429,"message":"Too Many Requests","path":"/429","timestamp":"T","request_id":"R","detail":"Too Many Requests","details":{}}',
]



=== 500
--- config
    mlsec_errors on;
    location = /t { return 500; }
--- request
GET /t
--- error_code: 500
--- response_body chomp
{"error":true,"status_code":500,"message":"Internal Server Error","path":"/t","timestamp":"T","request_id":"R","detail":"Internal Server Error","details":{}}



=== 500: an endless redirect
--- config
    mlsec_errors on;
    location = /t { rewrite ^ /t; }
--- request
GET /t?x
--- error_code: 500
--- response_body chomp
{"error":true,"status_code":500,"message":"Internal Server Error","path":"/t","timestamp":"T","request_id":"R","detail":"Internal Server Error","details":{}}



=== 502 of a plain proxied route
--- config
    mlsec_errors on;
    location = /t { proxy_pass http://dead; }
--- request
GET /t
--- error_code: 502
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":502,"message":"Bad Gateway","path":"/t","timestamp":"T","request_id":"R","detail":"Bad Gateway","details":{}}



=== 503
--- http_config eval
$::Http . 'limit_req_zone $uri zone=z:64k rate=1r/m;'
--- config
    mlsec_errors on;
    location = /t { limit_req zone=z; return 200 "ok"; }
    location = /u { return 503; }
--- request
GET /u
--- error_code: 503
--- response_body chomp
{"error":true,"status_code":503,"message":"Service Unavailable","path":"/u","timestamp":"T","request_id":"R","detail":"Service Unavailable","details":{}}



=== 504 of a plain proxied route
--- config
    mlsec_errors on;
    location = /t { proxy_read_timeout 100ms; proxy_pass http://mock; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 1
--- tcp_reply eval
"HTTP/1.0 200 OK\r\n\r\n"
--- request
GET /t
--- error_code: 504
--- response_body chomp
{"error":true,"status_code":504,"message":"Gateway Timeout","path":"/t","timestamp":"T","request_id":"R","detail":"Gateway Timeout","details":{}}



=== HEAD: the header of GET, no body
--- config
    mlsec_errors on;
    location = /t { return 403; }
--- request
HEAD /t
--- error_code: 403
--- response_headers
Content-Type: application/json
Content-Length: 190
--- response_body



=== the path is the client's: before rewrites, escaped, without the query
--- config
    mlsec_errors on;
    rewrite ^/old/(.*)$ /new/$1?y=2;
    location /new/ { return 403; }
--- request
GET /old/a%20b/../c%2Fd?x=1
--- error_code: 403
--- response_body chomp
{"error":true,"status_code":403,"message":"Forbidden","path":"/old/a%20b/../c%2Fd","timestamp":"T","request_id":"R","detail":"Forbidden","details":{}}



=== a path with quotes and bytes that are no UTF-8
--- config
    mlsec_errors on;
--- raw_request eval
"GET /a\"b\\c\xff\xc3\xa9 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
--- error_code: 404
--- response_body eval
'{"error":true,"status_code":404,"message":"Endpoint not found: /a\\"b\\\\c' . "\xef\xbf\xbd\xc3\xa9" . '","path":"/a\\"b\\\\c' . "\xef\xbf\xbd\xc3\xa9"
. '","timestamp":"T","request_id":"R","detail":"Endpoint not found: /a\\"b\\\\c' . "\xef\xbf\xbd\xc3\xa9" . '","details":{"available_endpoints":[]}}'



=== an absolute request line
--- config
    mlsec_errors on;
    location = /t { return 403; }
--- raw_request eval
"GET http://a.example/t?x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
--- error_code: 403
--- response_body_like: "path":"/t",



=== a service's own error goes through untouched: HTML
--- config
    mlsec_errors on;
    location ~ ^/ { proxy_pass http://u; }
--- request
GET /html
--- error_code: 500
--- response_headers
Content-Type: text/html
Content-Length: 13
--- response_body
<h1>own</h1>



=== a service's own error: JSON
--- config
    mlsec_errors on;
    location ~ ^/ { proxy_pass http://u; }
--- request
GET /json
--- error_code: 422
--- response_headers
Content-Type: application/json
X-Own: 1
--- response_body chomp
{"detail":"own"}



=== a service's own error: a challenge
--- config
    mlsec_errors on;
    location ~ ^/ { proxy_pass http://u; }
--- request
GET /401
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic
--- response_body
no



=== a service's own error: nginx's page
--- config
    mlsec_errors on;
    location ~ ^/ { proxy_pass http://u; }
--- request
GET /empty
--- error_code: 503
--- response_headers
Content-Type: text/html
--- response_body_like: <center><h1>503



=== a service's own error with proxy_intercept_errors and no page for it
--- config
    mlsec_errors on;
    error_page 404 /x;
    proxy_intercept_errors on;
    location ~ ^/ { proxy_pass http://u; }
--- request
GET /json
--- error_code: 422
--- response_body chomp
{"detail":"own"}



=== an error that the configuration answers itself
--- config
    mlsec_errors on;
    location = /t { return 404 "own\n"; }
--- request
GET /t
--- error_code: 404
--- response_headers
Content-Type: text/plain
--- response_body
own



=== no envelope on success, redirects, not modified
--- config
    mlsec_errors on;
    location = /301 { return 301 /x; }
    location = /204 { return 204; }
    location = /200 { return 200 "ok"; }
--- request eval
["GET /301", "GET /204", "GET /200"]
--- error_code eval
[301, 204, 200]
--- response_body_like eval
[qr/<html>/, qr/^$/, qr/^ok$/]



=== error_page wins: a file
--- config
    mlsec_errors on;
    error_page 403 /403.html;
    location = /t { return 403; }
--- user_files
>>> 403.html
own page
--- request
GET /t
--- error_code: 403
--- response_headers
Content-Type: text/html
--- response_body
own page



=== error_page wins: text of a location
--- config
    mlsec_errors on;
    error_page 403 /page;
    location = /t { return 403; }
    location = /page { return 403 "own page\n"; }
--- request
GET /t
--- error_code: 403
--- response_body
own page



=== error_page wins: HTML of a location
--- config
    mlsec_errors on;
    error_page 403 /page;
    location = /t { return 403; }
    location = /page { default_type text/html; return 403 "<p>own page</p>\n"; }
--- request
GET /t
--- error_code: 403
--- response_headers
Content-Type: text/html
--- response_body
<p>own page</p>



=== error_page wins: HTML of a location for the module's own error
--- config
    error_page 502 /page.html;
    location = /t { mlsec_call a http://dead/; }
    location = /page.html { default_type text/html; return 200 "<p>own page</p>\n"; }
--- request
GET /t
--- error_code: 502
--- response_headers
Content-Type: text/html
--- response_body
<p>own page</p>



=== error_page wins: an empty answer of a location
--- config
    mlsec_errors on;
    error_page 403 /page;
    location = /t { return 403; }
    location = /page { default_type text/html; return 200 ""; }
--- request
GET /t
--- error_code: 403
--- response_body



=== error_page wins: JSON of the module
--- config
    mlsec_errors on;
    error_page 403 /page;
    location = /t { return 403; }
    location = /page { mlsec_respond '{"own":"$uri"}'; }
--- request
GET /t
--- error_code: 403
--- response_body chomp
{"own":"/page"}



=== error_page wins: another status
--- config
    mlsec_errors on;
    error_page 403 =200 /page;
    location = /t { return 403; }
    location = /page { default_type text/html; return 200 "<p>own page</p>\n"; }
--- request
GET /t
--- error_code: 200
--- response_body
<p>own page</p>



=== error_page wins: another place
--- config
    mlsec_errors on;
    error_page 403 http://other.example/;
    location = /t { return 403; }
--- request
GET /t
--- error_code: 302
--- response_headers
Location: http://other.example/
--- response_body_like: <h1>302 Found</h1>



=== error_page wins: a named location
--- config
    mlsec_errors on;
    location = /t { error_page 403 @page; return 403; }
    location @page { default_type text/html; return 403 "<p>own page</p>\n"; }
--- request
GET /t
--- error_code: 403
--- response_body
<p>own page</p>



=== error_page wins: a named location that asks a service
--- config
    mlsec_errors on;
    location = /t { error_page 403 = @page; return 403; }
    location @page { rewrite ^ /html break; proxy_pass http://u; }
--- request
GET /t
--- error_code: 500
--- response_headers
Content-Type: text/html
--- response_body
<h1>own</h1>



=== error_page wins: for the module's own errors
--- config
    mlsec_errors on;
    location = /t { error_page 502 @page; mlsec_call a http://dead/; }
    location @page { return 200 "own page\n"; }
--- request
GET /t
--- error_code: 502
--- response_headers
! X-Gateway-Completed
--- response_body
own page



=== error_page of another code does not
--- config
    mlsec_errors on;
    error_page 500 /page;
    location = /t { return 403; }
    location = /page { return 200 "own page\n"; }
--- request
GET /t
--- error_code: 403
--- response_body_like: ^\{"error":true,"status_code":403,



=== error_page whose page is missing
--- config
    mlsec_errors on;
    error_page 403 /missing.html;
    location = /t { return 403; }
--- request
GET /t
--- error_code: 404
--- response_body_like: ^\{"error":true,"status_code":404,"message":"Endpoint not found: /t","path":"/t",



=== recursive_error_pages: the last one wins
--- config
    mlsec_errors on;
    recursive_error_pages on;
    error_page 403 /second;
    error_page 410 /third;
    location = /t { return 403; }
    location = /second { return 410; }
    location = /third { default_type text/html; return 200 "<p>third</p>\n"; }
--- request
GET /t
--- error_code: 410
--- response_body
<p>third</p>



=== recursive_error_pages: nobody takes the last one
--- config
    mlsec_errors on;
    recursive_error_pages on;
    error_page 403 /second;
    location = /t { return 403; }
    location = /second { return 410; }
--- request
GET /t
--- error_code: 410
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":410,"message":"Gone","path":"/t","timestamp":"T","request_id":"R","detail":"Gone","details":{}}



=== recursive_error_pages with named locations
--- config
    mlsec_errors on;
    recursive_error_pages on;
    location = /t { error_page 403 = @second; return 403; }
    location @second { error_page 502 = @third; proxy_pass http://dead; }
    location @third { return 410; }
--- request
GET /t
--- error_code: 410
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":410,"message":"Gone","path":"/t","timestamp":"T","request_id":"R","detail":"Gone","details":{}}



=== an error after try_files and a rewrite
--- config
    mlsec_errors on;
    location /t { try_files /a /b @last; }
    location @last { rewrite ^ /dead break; proxy_pass http://dead; }
--- request
GET /t/x?y
--- error_code: 502
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":true,"status_code":502,"message":"Bad Gateway","path":"/t/x","timestamp":"T","request_id":"R","detail":"Bad Gateway","details":{}}



=== after an internal redirect of a service
--- config
    mlsec_errors on;
    location = /t { mlsec_fail 501 "not here"; }
    location = /r { rewrite ^ /t last; }
--- request
GET /r
--- error_code: 501
--- response_body chomp
{"error":true,"status_code":501,"message":"not here","path":"/r","timestamp":"T","request_id":"R","detail":"not here","details":{}}



=== a status that nginx has no page for, after a rewrite
--- config
    mlsec_errors on;
    location = /r { rewrite ^ /t last; }
    location = /t { mlsec_call a http://u/json required; }
--- request
GET /r
--- error_code: 422
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"error":true,"status_code":422,"message":"Service u answered with status 422","path":"/r",



=== a status that nginx has no page for, at a named location
--- config
    mlsec_errors on;
    location = /t { error_page 403 = @u; return 403; }
    location @u { return 418; }
--- request
GET /t
--- error_code: 418
--- response_body chomp
{"error":true,"status_code":418,"message":"Error","path":"/t","timestamp":"T","request_id":"R","detail":"Error","details":{}}



=== an index that leads to an error
--- config
    mlsec_errors on;
    location = /d/ { index x.html; alias $TEST_NGINX_HTML_DIR/; }
    location ~ x\.html$ { return 403; }
--- user_files
>>> x.html
x
--- request
GET /d/
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"error":true,"status_code":403,.*"path":"/d/",



=== add_header always stays
--- config
    mlsec_errors on;
    location = /t { add_header X-Frame-Options DENY always; add_header X-Not 1; return 403; }
--- request
GET /t
--- error_code: 403
--- response_headers
X-Frame-Options: DENY
! X-Not



=== the next request on the connection is a new one
--- config
    mlsec_errors on;
    location = /t { return 403; }
    location = /u { return 200 "fine\n"; }
--- pipelined_requests eval
["GET /t", "GET /u", "GET /t"]
--- error_code eval
[403, 200, 403]
--- response_body_like eval
[qr/^\{"error":true,/, qr/^fine$/, qr/^\{"error":true,/]



=== an error of a subrequest is not the answer's
--- config
    mlsec_errors on;
    location = /t { default_type text/html; ssi on; ssi_types *; root $TEST_NGINX_HTML_DIR; }
    location = /in { return 403; }
--- user_files
>>> t
a<!--#include virtual="/in" -->b
--- request
GET /t
--- response_body_like: ^a.*b\s*$



=== auth_request
--- config
    mlsec_errors on;
    location = /t { auth_request /auth; return 200 "x"; }
    location = /auth { internal; return 403; }
    location = /u { auth_request /auth; root html; }
--- request
GET /u
--- error_code: 403
--- response_body chomp
{"error":true,"status_code":403,"message":"Forbidden","path":"/u","timestamp":"T","request_id":"R","detail":"Forbidden","details":{}}
