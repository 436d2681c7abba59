# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What of the client's request header a part gets, and header= of mlsec_call.
# The first blocks look at the very bytes that a service receives.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

our $Reply = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue";

parts(service => <<'SERVICE', http => <<'HTTP');
    location / {
        return 200 '["$http_host","$http_authorization","$http_accept","$http_x_a","$http_x_b"]';
    }
SERVICE
    map $arg_m $mapped { default no; "~(.)(.+)" "<$2>"; }

    upstream mock {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== a bare request
--- config
    location = /t { mlsec_call a http://mock/x?y=1; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"GET /x?y=1 HTTP/1.1\r\nHost: mock\r\nX-Request-Deadline-Ms: 30000\r\nX-Request-ID: id-1\r\n"
. "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
. "X-Forwarded-Host: localhost\r\n\r\n"
--- tcp_reply eval: $::Reply
--- request
GET /t
--- more_headers
X-Request-ID: id-1
--- response_body chomp
{"a":true}



=== what passes and what does not
--- config
    location = /t { mlsec_call a http://mock/x; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"GET /x HTTP/1.1\r\nHost: mock\r\nX-Request-Deadline-Ms: 30000\r\n"
. "Authorization: Bearer abc\r\nAccept: application/json\r\n"
. "Accept-Language: de\r\nContent-Type: text/plain\r\n"
. "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
. "tracestate: a=b\r\n"
. "X-Request-ID: id-1\r\nX-Forwarded-For: 127.0.0.1\r\n"
. "X-Forwarded-Proto: http\r\nX-Forwarded-Host: example.org:81\r\n\r\n"
--- tcp_reply eval: $::Reply
--- request
GET /t
--- more_headers
Host: example.org:81
Authorization: Bearer abc
Accept: application/json
Accept-Charset: utf-8
Accept-Encoding: gzip
Accept-Language: de
Cache-Control: no-cache
Content-Type: text/plain
Cookie: session=1
Date: Tue, 15 Nov 1994 08:12:31 GMT
Forwarded: for=1.2.3.4
From: a@b.c
If-Match: "a"
If-Modified-Since: Tue, 15 Nov 1994 08:12:31 GMT
If-None-Match: "a"
If-Range: "a"
If-Unmodified-Since: Tue, 15 Nov 2094 08:12:31 GMT
Keep-Alive: timeout=5
Max-Forwards: 3
Origin: http://example.org
Pragma: no-cache
Prefer: return=minimal
Priority: u=1
Proxy-Authorization: Basic eDp5
Proxy-Connection: keep-alive
Range: bytes=0-1
Referer: http://example.org/
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
TE: trailers
traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
tracestate: a=b
Upgrade: websocket
User-Agent: test
Via: 1.1 x
X-Api-Key: secret
X-Forwarded-For: 1.2.3.4
X-Forwarded-Host: evil.example
X-Forwarded-Proto: https
X-Real-IP: 1.2.3.4
X-Request-ID: id-1
X-Tenant: other
--- response_body chomp
{"a":true}



=== what goes with a body
--- config
    location = /t { mlsec_call a http://mock/x body=on; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"POST /x HTTP/1.1\r\nHost: mock\r\nContent-Length: 5\r\nX-Request-Deadline-Ms: 30000\r\n"
. "Content-Type: text/plain\r\nX-Request-ID: id-1\r\n"
. "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
. "X-Forwarded-Host: localhost\r\n\r\nhello"
--- tcp_reply eval: $::Reply
--- request
POST /t HTTP/1.0
hello
--- more_headers
Content-Type: text/plain
Content-Encoding: identity
Content-MD5: x
Expect: 100-continue
X-Request-ID: id-1
--- response_body chomp
{"a":true}



=== a header in several lines
--- config
    location = /t { mlsec_call a http://mock/x; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"GET /x HTTP/1.1\r\nHost: mock\r\nX-Request-Deadline-Ms: 30000\r\nAccept: a/b\r\nAccept: c/d\r\n"
. "X-Request-ID: id-1\r\n"
. "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
. "X-Forwarded-Host: localhost\r\n\r\n"
--- tcp_reply eval: $::Reply
--- request
GET /t
--- more_headers
Accept: a/b
Accept: c/d
X-Request-ID: id-1
--- response_body chomp
{"a":true}



=== header= adds, replaces, removes
--- config
    location = /t {
        mlsec_call a http://mock/x 'header=X-Key: $arg_k-1' 'header=Accept: c/d'
                   header=authorization: 'header=X-Forwarded-Host:'
                   'header=Range: bytes=0-1' 'header=Cookie: gateway=1';
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"GET /x HTTP/1.1\r\nHost: mock\r\nX-Request-Deadline-Ms: 30000\r\nX-Request-ID: id-1\r\n"
. "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
. "X-Key: v-1\r\nAccept: c/d\r\nRange: bytes=0-1\r\nCookie: gateway=1\r\n\r\n"
--- tcp_reply eval: $::Reply
--- request
GET /t?k=v
--- more_headers
Accept: a/b
Authorization: Bearer abc
X-Request-ID: id-1
Cookie: session=1
--- response_body chomp
{"a":true}



=== header= with a variable that has no value sends nothing
--- config
    location = /t {
        mlsec_call a http://mock/x 'header=X-Key: $arg_k' 'header=Accept: $arg_k';
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"GET /x HTTP/1.1\r\nHost: mock\r\nX-Request-Deadline-Ms: 30000\r\nX-Request-ID: id-1\r\n"
. "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
. "X-Forwarded-Host: localhost\r\n\r\n"
--- tcp_reply eval: $::Reply
--- request
GET /t
--- more_headers
Accept: a/b
X-Request-ID: id-1
--- response_body chomp
{"a":true}



=== header= given twice: the last one counts
--- config
    location = /t {
        mlsec_call a http://u/ 'header=X-A: 1' 'header=x-a: 2';
    }
--- request
GET /t
--- response_body chomp
{"a":["u","","","2",""]}



=== every part has its own
--- config
    location = /t {
        mlsec_call a http://u/ 'header=X-A: 1';
        mlsec_call b http://u/ 'header=X-B: 2' header=Authorization:;
        mlsec_call c http://u/;
    }
--- request
GET /t
--- more_headers
Authorization: Basic eDp5
X-A: client's
--- response_body chomp
{"a":["u","Basic eDp5","","1",""],"b":["u","","","","2"],"c":["u","Basic eDp5","","",""]}



=== Host
--- config
    location = /t {
        mlsec_call a http://u/ 'header=Host: a.example:81';
        mlsec_call b http://u/ 'header=host: $arg_h.example';
        mlsec_call c http://u/ 'header=Host: $arg_no';
        mlsec_call d http://u/;
    }
--- request
GET /t?h=b
--- response_body chomp
{"a":["a.example:81","","","",""],"b":["b.example","","","",""],"c":["u","","","",""],"d":["u","","","",""]}



=== a local part
--- config
    location = /t { mlsec_call a /local 'header=X-A: 1'; }
    location = /local { proxy_pass http://u; }
--- request
GET /t
--- more_headers
Authorization: Basic eDp5
X-B: client's
--- response_body chomp
{"a":["u","Basic eDp5","","1",""]}



=== the client's header is what it was, for the aggregate itself
--- config
    location = /t {
        mlsec_call a http://u/;
        add_header X-Seen "$http_cookie $http_user_agent";
    }
--- request
GET /t
--- more_headers
Cookie: c=1
User-Agent: test
--- response_headers
X-Seen: c=1 test
--- response_body chomp
{"a":["u","","","",""]}



=== a line break in a value is refused
--- config
    mlsec_errors on;
    location ~ (?s)^/t/(.*)$ {
        mlsec_call a http://u/;
        mlsec_call b http://u/ 'header=X-A: $1';
    }
--- request
GET /t/a%0d%0aX-B:%20evil
--- error_code: 400
--- response_body_like: ^\{"error":true,"status_code":400,
--- no_error_log
[error]



=== a lone line feed
--- config
    location ~ (?s)^/t/(.*)$ { mlsec_call a http://u/ 'header=X-A: $1'; }
--- request
GET /t/a%0ab
--- error_code: 400



=== a lone carriage return
--- config
    location ~ (?s)^/t/(.*)$ { mlsec_call a http://u/ 'header=X-A: $1'; }
--- request
GET /t/a%0db
--- error_code: 400



=== another control character
--- config
    location ~ (?s)^/t/(.*)$ { mlsec_call a http://u/ 'header=X-A: $1'; }
--- request
GET /t/a%01b
--- error_code: 400



=== a line break in Host
--- config
    location ~ (?s)^/t/(.*)$ { mlsec_call a http://u/ 'header=Host: $1'; }
--- request
GET /t/a%0d%0aX-B:%20evil
--- error_code: 400



=== a tab and bytes above ASCII are fine
--- config
    location ~ (?s)^/t/(.*)$ { mlsec_call a http://mock/x 'header=X-A: $1'; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"GET /x HTTP/1.1\r\nHost: mock\r\nX-Request-Deadline-Ms: 30000\r\nX-Request-ID: id-1\r\n"
. "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
. "X-Forwarded-Host: localhost\r\nX-A: a\tb\xc3\xa9\r\n\r\n"
--- tcp_reply eval: $::Reply
--- request
GET /t/a%09b%C3%A9
--- more_headers
X-Request-ID: id-1
--- response_body chomp
{"a":true}



=== a map with a regex changes no capture of the request
--- config
    location ~ ^/jobs/(.+)$ {
        mlsec_call a http://u/x 'header=X-A: $mapped';
        mlsec_call b http://u/x 'header=X-A: $1';
        mlsec_call c http://u/$1 'header=X-A: $1 $mapped $1' 'header=X-B: $1';
    }
--- request
GET /jobs/7?m=abcdefghijklmnopqrstuvwxyz
--- response_body chomp
{"a":["u","","","<bcdefghijklmnopqrstuvwxyz>",""],"b":["u","","","7",""],"c":["u","","","7 <bcdefghijklmnopqrstuvwxyz> 7","7"]}



=== a value of nothing but variables without a value sends no header
--- config
    location = /t { mlsec_call a http://u/x 'header=X-A: $arg_a$arg_b'; }
--- request
GET /t
--- more_headers
X-A: 1
--- response_body chomp
{"a":["u","","","",""]}
