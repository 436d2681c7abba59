# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# required of mlsec_call: what becomes of the answer when such a part fails.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, repeat => 1, service => <<'SERVICE', http => <<'HTTP');
    location = /ok { return 200 '{"ok":1}'; }
    location = /bad { return 200 '{"ok":'; }
    location = /302 { return 302 /ok; }
    location = /400 { return 400 '{"own":400}'; }
    location = /402 { return 402 '{"own":402}'; }
    location = /403 { return 403 '{"own":403}'; }
    location = /404 { return 404 '{"own":404}'; }
    location = /405 { return 405 '{"own":405}'; }
    location = /409 { return 409 '{"own":409}'; }
    location = /410 { return 410 '{"own":410}'; }
    location = /418 { return 418 '{"own":418}'; }
    location = /422 { return 422 '{"own":422}'; }
    location = /500 { return 500 '{"own":500}'; }
    location = /501 { return 501 '{"own":501}'; }
    location = /502 { return 502 '{"own":502}'; }
    location = /503 { return 503 '{"own":503}'; }
    location = /504 { return 504 '{"own":504}'; }

    location = /401 { add_header WWW-Authenticate 'Bearer realm="x", error="invalid_token"' always; return 401 '{}'; }
    location = /429 { add_header Retry-After 17 always; return 429 '{}'; }
    location = /503r { add_header Retry-After 17 always; return 503 '{}'; }
SERVICE
    upstream mock {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== one that answers
--- config
    location = /t { mlsec_call a http://u/ok required; mlsec_call b http://dead/; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"a":{"ok":1},"b":null,"errors":[{"service":"dead","part":"b","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== optional is the default and can be said
--- config
    location = /t { mlsec_call a http://dead/ required optional; mlsec_call b http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"ok":1},"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== the whole envelope
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://dead/ required; }
--- request
GET /t?x=1
--- error_code: 502
--- response_headers
Content-Type: application/json
! X-Gateway-Completed
! X-Gateway-Failed
! Retry-After
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service dead cannot be connected to","path":"/t","timestamp":"T","request_id":"R","detail":"Service dead cannot be connected to","details":\{"service":"dead","part":"b","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"errors":\[(?:\{"service":"u","part":"a","error_type":"canceled","status_code":503,"attempts":\d,"elapsed_ms":0\},)?\{"service":"dead","part":"b","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0\}\]\}\}$
--- error_log
mlsec aggregate: part failed, part: "b", service: "dead", type: connect, status: 502, attempts: 1



=== 403 of the service is passed through
--- config
    location = /t { mlsec_call a http://u/403 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 403
--- response_headers
Content-Type: application/json
! Retry-After
! WWW-Authenticate
--- response_body_like: ^\{"error":true,"status_code":403,"message":"Service u answered with status 403","path":"/t",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":403,"attempts":1,"elapsed_ms":0,"errors":\[



=== 404 of the service is passed through
--- config
    location = /t { mlsec_call a http://u/404 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 404
--- response_headers
Content-Type: application/json
! Retry-After
! WWW-Authenticate
--- response_body_like: ^\{"error":true,"status_code":404,"message":"Service u answered with status 404","path":"/t",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":404,"attempts":1,"elapsed_ms":0,"errors":\[



=== 409 of the service is passed through
--- config
    location = /t { mlsec_call a http://u/409 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 409
--- response_headers
Content-Type: application/json
! Retry-After
! WWW-Authenticate
--- response_body_like: ^\{"error":true,"status_code":409,"message":"Service u answered with status 409","path":"/t",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":409,"attempts":1,"elapsed_ms":0,"errors":\[



=== 422 of the service is passed through
--- config
    location = /t { mlsec_call a http://u/422 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 422
--- response_headers
Content-Type: application/json
! Retry-After
! WWW-Authenticate
--- response_body_like: ^\{"error":true,"status_code":422,"message":"Service u answered with status 422","path":"/t",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":422,"attempts":1,"elapsed_ms":0,"errors":\[



=== 400 of the service is 502
--- config
    location = /t { mlsec_call a http://u/400 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 400",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":400,"attempts":1,



=== 402 of the service is 502
--- config
    location = /t { mlsec_call a http://u/402 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 402",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":402,"attempts":1,



=== 405 of the service is 502
--- config
    location = /t { mlsec_call a http://u/405 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 405",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":405,"attempts":1,



=== 410 of the service is 502
--- config
    location = /t { mlsec_call a http://u/410 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 410",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":410,"attempts":1,



=== 418 of the service is 502
--- config
    location = /t { mlsec_call a http://u/418 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 418",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":418,"attempts":1,



=== 500 of the service is 502
--- config
    location = /t { mlsec_call a http://u/500 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 500",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":500,"attempts":1,



=== 501 of the service is 502
--- config
    location = /t { mlsec_call a http://u/501 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 501",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":501,"attempts":1,



=== 502 of the service is 502
--- config
    location = /t { mlsec_call a http://u/502 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 502",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":502,"attempts":1,



=== 503 of the service is 502
--- config
    location = /t { mlsec_call a http://u/503 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 503",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":503,"attempts":1,



=== 504 of the service is 502
--- config
    location = /t { mlsec_call a http://u/504 required; mlsec_call b http://u/ok; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After
! Allow
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u answered with status 504",.*"details":\{"service":"u","part":"a","error_type":"upstream_status","status_code":504,"attempts":1,




=== 401 and its challenge
--- config
    location = /t { mlsec_call a http://u/401 required; }
--- request
GET /t
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="x", error="invalid_token"
--- response_body_like: ^\{"error":true,"status_code":401,"message":"Service u answered with status 401",



=== 429 and when to come back
--- config
    location = /t { mlsec_call a http://u/429 required; }
--- request
GET /t
--- error_code: 429
--- response_headers
Retry-After: 17
--- response_body_like: ^\{"error":true,"status_code":429,



=== 503 with Retry-After is still the gateway's 502
--- config
    location = /t { mlsec_call a http://u/503r required; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After



=== a redirect is 502
--- config
    location = /t { mlsec_call a http://u/302 required; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Location
--- response_body_like: "message":"Service u answered with status 302"



=== not JSON is 502
--- config
    location = /t { mlsec_call a http://u/bad required; }
--- request
GET /t
--- error_code: 502
--- response_body_like: "message":"Service u sent an answer that is not valid JSON",.*"details":\{"service":"u","part":"a","error_type":"bad_json","status_code":502,



=== the wrong type is 502
--- config
    location = /t { mlsec_call a http://u/ok required target=x; }
--- request
GET /t
--- error_code: 502
--- response_body_like: "message":"Service u sent an answer of the wrong type",.*"error_type":"bad_type","status_code":502,



=== too large is 502
--- config
    location = /t { mlsec_call_max_size 4; mlsec_call a http://u/ok required; }
--- request
GET /t
--- error_code: 502
--- response_body_like: "message":"Service u sent an answer that is too large",.*"error_type":"too_large","status_code":502,



=== no peer is 503 and says when to come back
--- config
    location = /t { mlsec_call a http://down/ required; }
--- request
GET /t
--- error_code: 503
--- response_headers
Retry-After: 10
--- response_body_like: "status_code":503,"message":"Service down has no peer that takes requests",.*"error_type":"no_peer","status_code":503,"attempts":0,



=== late is 504
--- config
    location = /t { mlsec_call a http://mock/ required timeout=100ms; mlsec_call b http://u/ok; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
--- request
GET /t
--- error_code: 504
--- response_body_like: "status_code":504,"message":"Service mock did not answer in time",.*"error_type":"timeout","status_code":504,"attempts":1,



=== the others are canceled, not waited for
--- config
    location = /t { mlsec_call a http://mock/; mlsec_call b http://u/404 required; mlsec_call c /local required; }
    location = /local { mlsec_respond 1; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 30
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
--- request
GET /t
--- error_code: 404
--- response_body_like: "details":\{"service":"u","part":"b","error_type":"upstream_status","status_code":404,"attempts":1,"elapsed_ms":0,"errors":\[\{"service":"mock","part":"a","error_type":"canceled","status_code":503,"attempts":1,"elapsed_ms":0\},\{"service":"u","part":"b","error_type":"upstream_status","status_code":404,"attempts":1,"elapsed_ms":0\}\]\}\}$
--- error_log eval
[qr/\[error\] [^\n]* part failed, part: "b"/, qr/\[info\] [^\n]* part failed, part: "a"/]



=== a required part of a local path
--- config
    location = /t { mlsec_call a /local required; }
    location = /local { mlsec_fail 409 "busy" service=x; }
--- request
GET /t
--- error_code: 409
--- response_body_like: "message":"Service a answered with status 409"
