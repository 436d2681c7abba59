# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What a location takes from the server and http around it, what it does not,
# and what "if" and "limit_except" inside of it change.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

our $Reply = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue";

parts(repeat => 1, service => <<'SERVICE', http => <<'HTTP');
    location = /10 { return 200 '"12345678"'; }
    location = /o { return 200 '{"o":1}'; }
    location = /404 { return 404; }
    location / { return 200 '"$request_uri $request_method"'; }
SERVICE
    upstream mock {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== mlsec_call_max_size of http
--- http_config eval
$::Http . "mlsec_call_max_size 9;"
--- config
    location = /t { mlsec_call a http://u/10; mlsec_call b http://u/o; }
--- request
GET /t
--- response_body_like: ^\{"a":null,"b":\{"o":1\},"errors":\[\{"service":"u","part":"a","error_type":"too_large",



=== mlsec_call_max_size of the server wins
--- http_config eval
$::Http . "mlsec_call_max_size 9;"
--- config
    mlsec_call_max_size 10;
    location /t { location = /t/in { mlsec_call a http://u/10; } }
--- request
GET /t/in
--- response_body chomp
{"a":"12345678"}



=== mlsec_call_max_size of the location wins
--- config
    mlsec_call_max_size 9;
    location = /t { mlsec_call_max_size 10; mlsec_call a http://u/10; }
--- request
GET /t
--- response_body chomp
{"a":"12345678"}



=== mlsec_call_max_size of the location around it
--- config
    location /t { mlsec_call_max_size 9; location = /t/in { mlsec_call a http://u/10; } }
--- request
GET /t/in
--- error_code: 502



=== mlsec_total_max_size of http
--- http_config eval
$::Http . "mlsec_total_max_size 9;"
--- config
    location = /t { mlsec_call a http://u/10; mlsec_call b http://u/o; }
--- request
GET /t
--- response_body_like: ^\{"a":null,"b":\{"o":1\},"errors":\[\{"service":"u","part":"a","error_type":"too_large",



=== mlsec_total_max_size of the server wins, the location's wins over it
--- http_config eval
$::Http . "mlsec_total_max_size 9;"
--- config
    mlsec_total_max_size 10;
    location = /s { mlsec_call a http://u/10; }
    location = /l { mlsec_total_max_size 9; mlsec_call a http://u/10; }
--- request eval
["GET /s", "GET /l"]
--- error_code eval
[200, 502]



=== mlsec_max_calls of the location wins over the server's and http's
--- http_config eval
$::Http . "mlsec_max_calls 1;"
--- config
    mlsec_max_calls 2;
    location = /s { mlsec_call a http://u/o; mlsec_call b http://u/o; }
    location = /l { mlsec_max_calls 3; mlsec_call a http://u/o; mlsec_call b http://u/o; mlsec_call c http://u/o; }
--- request
GET /l
--- response_body chomp
{"a":{"o":1},"b":{"o":1},"c":{"o":1}}



=== mlsec_deadline of http
--- http_config eval
$::Http . "mlsec_deadline 1s;"
--- config
    location = /t { mlsec_call a http://mock/; mlsec_call b http://u/o; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 5
--- tcp_reply eval: $::Reply
--- request
GET /t
--- response_body_like: ^\{"a":null,"b":\{"o":1\},"errors":\[\{"service":"mock","part":"a","error_type":"timeout","status_code":504,



=== mlsec_deadline of the server wins
--- http_config eval
$::Http . "mlsec_deadline 10ms;"
--- config
    mlsec_deadline 20s;
    location = /t { mlsec_call a http://mock/; mlsec_call b http://u/o; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval: $::Reply
--- request
GET /t
--- response_body chomp
{"a":true,"b":{"o":1}}



=== mlsec_deadline of the location wins
--- config
    mlsec_deadline 10ms;
    location = /t { mlsec_deadline 20s; mlsec_call a http://mock/; mlsec_call b http://u/o; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval: $::Reply
--- request
GET /t
--- response_body chomp
{"a":true,"b":{"o":1}}



=== the soft deadline goes with the deadline: inherited
--- config
    mlsec_deadline 20s soft=1s;
    location = /t { mlsec_call a http://mock/; mlsec_call b http://u/o required; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 5
--- tcp_reply eval: $::Reply
--- request
GET /t
--- response_body_like: ^\{"a":null,"b":\{"o":1\},"errors":\[\{"service":"mock","part":"a","error_type":"timeout",



=== the soft deadline goes with the deadline: replaced
--- config
    mlsec_deadline 20s soft=10ms;
    location = /t { mlsec_deadline 20s; mlsec_call a http://mock/; mlsec_call b http://u/o required; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval: $::Reply
--- request
GET /t
--- response_body chomp
{"a":true,"b":{"o":1}}



=== parts are not inherited by a location inside
--- config
    mlsec_errors on;
    location /t {
        mlsec_call a http://u/o;
        location = /t/in { root html; }
        location = /t/x { return 200 "x"; }
    }
--- request eval
["GET /t", "GET /t/in", "GET /t/x"]
--- error_code eval
[200, 404, 200]
--- response_body_like eval
[qr/^\{"a":\{"o":1\}\}$/, qr/^\{"error":true,"status_code":404,/, qr/^x$/]



=== a location inside has its own parts and its own mode
--- config
    location /t {
        mlsec_merge array;
        mlsec_call a http://u/o;
        location = /t/in { mlsec_call b http://u/10; }
    }
--- request eval
["GET /t", "GET /t/in"]
--- response_body eval
['[{"o":1}]', '{"b":"12345678"}']



=== the same name in another location is no duplicate
--- config
    location = /s { mlsec_call a http://u/o; }
    location /t { mlsec_call a http://u/10; location = /t/in { mlsec_call a http://u/o; } }
--- request eval
["GET /s", "GET /t", "GET /t/in"]
--- response_body eval
['{"a":{"o":1}}', '{"a":"12345678"}', '{"a":{"o":1}}']



=== the body that a part asks for is asked for there only
--- config
    location /t {
        client_max_body_size 4;
        mlsec_call a http://u/x body=on;
        location = /t/in { client_max_body_size 100; mlsec_call a http://u/x; }
    }
--- request
POST /t/in
more than four
--- response_body chomp
{"a":"/x GET"}



=== a regex location and a named one
--- config
    location ~ ^/r/(.*)$ { mlsec_call a http://u/$1; }
    location = /n { error_page 403 = @n; return 403; }
    location @n { mlsec_call a http://u/n; }
--- request eval
["GET /r/x", "GET /n"]
--- response_body eval
['{"a":"/x GET"}', '{"a":"/n GET"}']



=== an if that sets something
--- config
    location = /t {
        set $who nobody;
        if ($arg_who) { set $who $arg_who; }
        mlsec_merge array;
        mlsec_call a http://u/$who;
        mlsec_call b http://u/o;
    }
--- request eval
["GET /t?who=me", "GET /t"]
--- response_body eval
['["/me GET",{"o":1}]', '["/nobody GET",{"o":1}]']



=== an if that answers
--- config
    location = /t {
        if ($arg_no) { return 403; }
        mlsec_call a http://u/o;
    }
--- request eval
["GET /t?no=1", "GET /t"]
--- error_code eval
[403, 200]



=== an if with directives of its own is the location still
--- config
    mlsec_errors on;
    location = /t {
        mlsec_on_partial 206;
        mlsec_server_timing on;
        mlsec_call_max_size 20;
        if ($arg_x) { add_header X-If 1; }
        mlsec_call a http://u/o;
        mlsec_call b http://u/404;
    }
--- request
GET /t?x=1
--- error_code: 206
--- response_headers_like
X-If: 1
Server-Timing: a;dur=\d+, b;dur=\d+;desc="upstream_status"
X-Gateway-Completed: false
--- response_body_like: ^\{"a":\{"o":1\},"b":null,"errors":\[



=== an if before the parts
--- config
    location = /t {
        if ($arg_x) { add_header X-If 1; }
        mlsec_merge flat on_conflict=first;
        mlsec_call a http://u/o;
        mlsec_call b http://u/x body=on target=x;
    }
--- request
POST /t?x=1
body
--- response_headers
X-If: 1
X-Gateway-Completed: false
--- response_body_like: ^\{"o":1,"errors":\[\{"service":"u","part":"b","error_type":"bad_type",



=== an if of a location inside
--- config
    location /t {
        mlsec_call a http://u/o;
        location = /t/in {
            if ($arg_x) { add_header X-If 1; }
            mlsec_call b http://u/10;
        }
    }
--- request
GET /t/in?x=1
--- response_headers
X-If: 1
--- response_body chomp
{"b":"12345678"}



=== limit_except that denies
--- config
    mlsec_errors on;
    location = /t {
        limit_except GET { deny all; }
        mlsec_call a http://u/o;
    }
--- request eval
["GET /t", "HEAD /t", "POST /t"]
--- error_code eval
[200, 200, 403]



=== limit_except that lets pass
--- config
    location = /t {
        limit_except GET { allow all; }
        mlsec_merge array;
        mlsec_call a http://u/x body=on;
        mlsec_call b http://u/x;
    }
--- request
POST /t
body
--- response_body chomp
["/x POST","/x GET"]



=== limit_except after the parts
--- config
    location = /t {
        mlsec_call a http://u/o;
        limit_except GET { allow all; }
    }
--- request eval
["GET /t", "DELETE /t"]
--- response_body eval
['{"a":{"o":1}}', '{"a":{"o":1}}']



=== a location inside does not take the parts through an if of its own
--- config
    location /t {
        mlsec_call a http://u/o;
        location = /t/in { if ($arg_x) { add_header X-If 1; } root html; }
    }
--- request
GET /t/in?x=1
--- error_code: 404



=== two servers, each with the include
--- http_config eval
$::Http . 'server { listen unix:$TEST_NGINX_HTML_DIR/o.sock; include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf; location = /in { mlsec_call b http://u/o; } }'
--- config
    location = /t { mlsec_call a /local; mlsec_call b http://u/10; }
    location = /local { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/o.sock:/in; }
--- request
GET /t
--- response_body chomp
{"a":{"b":{"o":1}},"b":"12345678"}
