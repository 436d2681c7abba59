# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# body= of mlsec_call: the client's body goes to the parts that ask for it
# and to no other.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

our $Big = '0123456789abcdef' x 1024;

# the body is put into a header on its way from one server to the next

parts(upstream => 'keepalive 4;', service => <<'SERVICE', http => <<'HTTP');
    location / {
        proxy_set_header X-Body $request_body;
        proxy_set_header X-Length $content_length;
        proxy_set_header X-Method $request_method;
        proxy_set_header X-Coding $http_transfer_encoding;
        proxy_set_header Content-Length "";
        proxy_pass_request_body off;
        proxy_method GET;
        proxy_pass http://unix:$TEST_NGINX_HTML_DIR/sink.sock;
        proxy_buffer_size 64k;
        proxy_buffers 8 64k;
    }
SERVICE
    large_client_header_buffers 4 64k;
    client_body_buffer_size 64k;

    server {
        listen unix:$TEST_NGINX_HTML_DIR/sink.sock;

        location / {
            return 200 '["$http_x_method","$http_x_length","$http_x_coding","$http_x_body"]';
        }
    }
HTTP

run_tests();

__DATA__

=== the body and its length
--- config
    location = /t { mlsec_call a http://u/ body=on; }
--- request
POST /t
hello world
--- response_body chomp
{"a":["POST","11","","hello world"]}



=== only the named parts get it
--- config
    location = /t {
        mlsec_call a http://u/;
        mlsec_call b http://u/ body=on;
        mlsec_call c http://u/ body=off;
        mlsec_call d http://u/ body=on;
        mlsec_call e http://u/ method=POST;
    }
--- request
POST /t
hello
--- response_body chomp
{"a":["GET","","",""],"b":["POST","5","","hello"],"c":["GET","","",""],"d":["POST","5","","hello"],"e":["POST","0","",""]}



=== no part asks: the body is thrown away
--- config
    location = /t { mlsec_call a http://u/; mlsec_call b http://u/ body=off; }
--- request eval
"POST /t\n" . "x" x 100000
--- response_body chomp
{"a":["GET","","",""],"b":["GET","","",""]}



=== a body that came in chunks is sent with its length
--- config
    location = /t { mlsec_call a http://u/; mlsec_call b http://u/ body=on; }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
. "6\r\nhello \r\n5;ext=1\r\nworld\r\n0\r\n\r\n"
--- response_body chomp
{"a":["GET","","",""],"b":["POST","11","","hello world"]}



=== chunks that nobody asks for
--- config
    location = /t { mlsec_call a http://u/; }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
. "6\r\nhello \r\n0\r\n\r\n"
--- response_body chomp
{"a":["GET","","",""]}



=== chunks without content
--- config
    location = /t { mlsec_call a http://u/ body=on; }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
--- response_body chomp
{"a":["POST","0","",""]}



=== malformed chunks
--- config
    mlsec_errors on;
    location = /t { mlsec_call a http://u/ body=on; }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
--- error_code: 400
--- response_body_like: ^\{"error":true,"status_code":400,"message":"Bad Request","path":"/t",



=== a body in a temporary file
--- config
    location = /t {
        client_body_in_file_only clean;
        mlsec_call a http://u/;
        mlsec_call b http://u/ body=on;
        mlsec_call c http://u/ body=on;
    }
--- request
POST /t
from a file
--- response_body chomp
{"a":["GET","","",""],"b":["POST","11","","from a file"],"c":["POST","11","","from a file"]}



=== a body over the buffer, half in memory and half in a file
--- config
    location = /t {
        client_body_buffer_size 1k;
        mlsec_call a http://u/ body=on;
        mlsec_call b http://u/ body=on;
    }
--- request eval
"POST /t\n" . $::Big
--- response_body eval
"{\"a\":[\"POST\",\"16384\",\"\",\"$::Big\"],\"b\":[\"POST\",\"16384\",\"\",\"$::Big\"]}"



=== a body over the buffer in chunks
--- config
    location = /t {
        client_body_buffer_size 1k;
        mlsec_call a http://u/ body=on;
    }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
. "4000\r\n$::Big\r\n0\r\n\r\n"
--- response_body eval
"{\"a\":[\"POST\",\"16384\",\"\",\"$::Big\"]}"



=== a body that comes in two pieces
--- config
    location = /t { mlsec_call a http://u/ body=on; }
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhello", "world"]
--- raw_request_middle_delay: 0.1
--- response_body chomp
{"a":["POST","10","","helloworld"]}



=== Expect: 100-continue is the gateway's to answer
--- config
    location = /t { mlsec_call a http://u/ body=on; }
--- request
POST /t
hello
--- more_headers
Expect: 100-continue
--- error_code_like: ^(?:100|200)$
--- response_body_like: \{"a":\["POST","5","","hello"\]\}$



=== a body over client_max_body_size
--- config
    mlsec_errors on;
    location = /t { client_max_body_size 4; mlsec_call a http://u/ body=on; }
--- request
POST /t
hello
--- error_code: 413
--- response_headers
Content-Type: application/json
--- response_body_like: "status_code":413



=== chunks over client_max_body_size
--- config
    mlsec_errors on;
    location = /t { client_max_body_size 4; mlsec_call a http://u/ body=on; }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
--- error_code: 413
--- response_body_like: "status_code":413



=== a GET without a body
--- config
    location = /t { mlsec_call a http://u/ body=on; }
--- request
GET /t
--- response_body_like: ^\{"a":\["GET","0?","",""\]\}$



=== a local part gets the body
--- config
    location = /t { mlsec_call a /local body=on; mlsec_call b /local; }
    location = /local { proxy_pass http://u; }
--- request
POST /t
hello
--- response_body chomp
{"a":["POST","5","","hello"],"b":["GET","","",""]}
