# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# body=filter:, body=file: of mlsec_call: a program makes what a part sends.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'SERVICE', http => <<'HTTP');
    location = /jobs { return 200 '{"jobs":[{"id":1,"p":0.10},{"id":2,"p":0.9}]}'; }
    location = /kpis { return 200 '{"k":[1,2,3],"big":12345678901234567890}'; }
    location = /bad { return 503 '{}'; }
    location = /204 { return 204; }
SERVICE
    large_client_header_buffers 4 64k;

    # the body is put into a header on its way from one server to the next

    upstream e {
        server unix:$TEST_NGINX_HTML_DIR/e.sock;
    }

    server {
        listen unix:$TEST_NGINX_HTML_DIR/e.sock;
        client_body_buffer_size 64k;

        location / {
            proxy_set_header X-Body $request_body;
            proxy_set_header X-Type $content_type;
            proxy_set_header X-Length $content_length;
            proxy_set_header Content-Length "";
            proxy_pass_request_body off;
            proxy_method GET;
            proxy_pass http://unix:$TEST_NGINX_HTML_DIR/sink.sock;
        }
    }

    server {
        listen unix:$TEST_NGINX_HTML_DIR/sink.sock;
        location = /echo { return 200 $http_x_body; }
        location = /more { return 200 '{"type":"$http_x_type","length":$http_x_length,"body":$http_x_body,"id":"$http_x_request_id"}'; }
    }
HTTP

run_tests();

__DATA__

=== the client's JSON in another shape
--- config
    location = /t { mlsec_call e http://e/echo 'body=filter:{texts: [.items[].text], n: (.items | length)}'; }
--- request
POST /t
{"items":[{"text":"a"},{"text":"b"}]}
--- more_headers
Content-Type: application/json
--- response_body chop
{"e":{"texts":["a","b"],"n":2}}



=== in a file, with a type of its own, a charset
--- user_files
>>> b.jq
[.[] * 2]
--- config
    location = /t { mlsec_call e http://e/echo body=file:$TEST_NGINX_HTML_DIR/b.jq; }
--- request
PUT /t
[1,2]
--- more_headers
Content-Type: application/vnd.x+json ; charset=utf-8
--- response_body chop
{"e":[2,4]}



=== no body: the program decides
--- config
    location = /t { mlsec_call e http://e/more 'body=filter:. // {config: {}}'; }
--- request
POST /t
--- more_headers
X-Request-ID: id-1
--- response_body chop
{"e":{"type":"application/json","length":13,"body":{"config":{}},"id":"id-1"}}



=== a body in a file
--- config
    location = /t { client_body_buffer_size 1k; mlsec_call e http://e/echo 'body=filter:[length, .[9999]]'; }
--- request eval
"POST /t\n[" . CORE::join(",", 0 .. 9999) . "]"
--- more_headers
Content-Type: application/json
--- response_body chop
{"e":[10000,9999]}



=== chunked
--- config
    location = /t { mlsec_call e http://e/echo 'body=filter:.a'; }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\n{\"a\r\n5\r\n\":[1]\r\n1\r\n}\r\n0\r\n\r\n"
--- response_body_like: \{"e":\[1\]\}



=== not JSON
--- config
    location = /t { mlsec_errors on; mlsec_call e http://e/echo 'body=filter:.'; }
--- request
POST /t
{"a":
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like: "status_code":422,"message":"The request body is not valid JSON"



=== another type
--- config
    location = /t { mlsec_errors on; mlsec_call e http://e/echo 'body=filter:.'; }
--- request
POST /t
a=1
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- error_code: 415
--- response_body_like: "status_code":415,"message":"The Content-Type must be application/json"



=== no type
--- config
    location = /t { mlsec_errors on; mlsec_call e http://e/echo 'body=filter:.'; }
--- request
POST /t
{"a":1}
--- error_code: 415



=== over the cap of a body
--- config
    location = /t { mlsec_errors on; mlsec_call_max_size 10; mlsec_call e http://e/echo 'body=filter:.'; }
--- request
POST /t
{"a":"12345"}
--- more_headers
Content-Type: application/json
--- error_code: 413
--- response_body_like: "message":"The request body is too large"



=== a program that refuses, before any service is asked
--- config
    location = /t {
        mlsec_errors on;
        mlsec_call first http://u/jobs;
        mlsec_call e http://e/echo 'body=filter:if (.texts | type) != "array" then error({status: 422, message: "texts: expected an array", errors: [{field: "texts"}]}) else . end';
    }
--- request
POST /t
{"texts":"x"}
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like: "status_code":422,"message":"texts: expected an array".*"details":\{"errors":\[\{"field":"texts"\}\]\}
--- no_error_log
[error]



=== a program that fails
--- config
    location = /t { mlsec_errors on; mlsec_call e http://e/echo 'body=filter:.a.b'; }
--- request
POST /t
{"a":1}
--- more_headers
Content-Type: application/json
--- error_code: 500
--- response_body_like: "message":"The filter failed".*"details":\{"error_type":"filter"\}



=== two parts, two bodies
--- config
    location = /t { mlsec_call a http://e/echo 'body=filter:.a'; mlsec_call b http://e/echo 'body=filter:.b'; mlsec_call c http://e/echo body=on; }
--- request
POST /t
{"a":[1],"b":{"x":2}}
--- more_headers
Content-Type: application/json
--- response_body chop
{"a":[1],"b":{"x":2},"c":{"a":[1],"b":{"x":2}}}



=== a part that is left out does not look at the body
--- config
    location = /t { mlsec_call a http://u/jobs pick=none; mlsec_call e http://e/echo 'body=filter:error' if=$arg_e; }
--- request
POST /t
not JSON
--- response_body chop
{"a":{}}



=== a wrong value
--- config
    location = /t { mlsec_call e http://e/echo body=maybe; }
--- must_die
--- error_log
invalid value "maybe" of "body=" in "mlsec_call", expected "on", "off", "filter:PROGRAM" or "file:PATH"



=== a wrong program
--- config
    location = /t { mlsec_call e http://e/echo 'body=filter:.a +'; }
--- must_die
--- error_log
invalid program in "mlsec_call", line 1, column 5: 


=== $parts: what this part waits for
--- config
    location = /t {
        mlsec_call jobs http://u/jobs;
        mlsec_call kpis http://u/kpis;
        mlsec_call made http://e/echo method=POST after=jobs
                   'body=filter:{ids: [$parts.jobs.jobs[]?.id], own: ., parts: ($parts | keys?)}';
        mlsec_call both 'http://e/echo?n={kpis.big}' method=POST after=jobs,kpis
                   'body=filter:$parts | keys?';
        mlsec_filter '[.made, .both]';
    }
--- more_headers
Content-Type: application/json
--- request
POST /t
{"a":1.10}
--- response_body chop
[{"ids":[1,2],"own":{"a":1.10},"parts":["jobs"]},["jobs","kpis"]]



=== $parts: a refusal comes before any service is asked
--- config
    location = /t {
        mlsec_call jobs http://dead/jobs required;
        mlsec_call made http://e/echo method=POST after=jobs
                   'body=filter:if .ok then $parts.jobs.jobs else error({status: 422, message: "not ok"}) end';
        mlsec_filter '.made';
    }
--- more_headers
Content-Type: application/json
--- request
POST /t
{"ok":false}
--- error_code: 422
--- response_body_like: "message":"not ok"
--- no_error_log
type: connect



=== $parts: a program that fails on them
--- config
    location = /t {
        mlsec_call jobs http://u/jobs;
        mlsec_call made http://e/echo method=POST after=jobs
                   'body=filter:$parts.jobs.jobs | keys[0] + "x"';
    }
--- request
GET /t
--- response_body_like: "made":null,"errors":\[\{"service":"e","part":"made","error_type":"filter","status_code":500,"attempts":0,
--- error_log
mlsec filter: program failed, reason: "error"



=== a type of its own is the only one
--- config
    location = /t {
        mlsec_call made http://e/more method=POST 'body=filter:{a: 1}' 'header=content-TYPE: application/merge-patch+json';
        mlsec_filter '.made.type';
    }
--- request
GET /t
--- response_body chop
"application/merge-patch+json"



=== what a program has made is JSON where the client has sent nothing
--- config
    location = /t {
        mlsec_call made http://e/more method=POST 'body=filter:{a: 1}';
        mlsec_filter '.made.type';
    }
--- request
GET /t
--- response_body chop
"application/json"
