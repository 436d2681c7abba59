# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The server of one reply.

use Test::Nginx::Socket;

repeat_each(2);

plan tests => repeat_each() * (2 + 3 + 4 + 2 + 2 + 2 + 2);

# the defaults before nginx 1.29.7
add_block_preprocessor(sub {
    $_[0]->set_value(http_config => "proxy_http_version 1.0;\n"
                                    . "proxy_set_header Connection close;\n");
});

run_tests();

__DATA__

=== TEST 1: a reply
--- config
    location /t { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"
--- request
GET /t
--- response_body: abc


=== TEST 2: the query is checked
--- config
    location /t {
        proxy_set_header Host mock;
        proxy_set_header Connection close;
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"GET /t HTTP/1.0\r\nHost: mock\r\nConnection: close\r\n\r\n"
--- tcp_reply eval
"HTTP/1.0 201 Created\r\n\r\nabc"
--- request
GET /t
--- error_code: 201
--- response_body: abc


=== TEST 3: the length of the query
--- config
    location /t {
        proxy_set_header Host mock;
        proxy_set_header Connection close;
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_query eval
"GET /t HTTP/1.0\r\nHost: mock\r\nConnection: close\r\n\r\n"
--- tcp_query_len: 50
--- tcp_reply eval
"HTTP/1.0 200 OK\r\n\r\nabc"
--- request
GET /t
--- response_body: abc


=== TEST 4: a reply in parts
--- config
    location /t { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
["HTTP/1.0 200 OK\r\n\r\n", "abc", "def"]
--- request
GET /t
--- response_body: abcdef


=== TEST 5: a reply by code
--- config
    location /t { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
sub { my ($line) = split /\r\n/, shift; "HTTP/1.0 200 OK\r\n\r\n[$line]" }
--- request
GET /t?x
--- response_body: [GET /t?x HTTP/1.0]


=== TEST 6: on a unix socket
--- config
    location /t {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/mock.sock;
    }
--- tcp_listen: $TEST_NGINX_SERVER_ROOT/html/mock.sock
--- tcp_reply eval
"HTTP/1.0 200 OK\r\n\r\nunix"
--- request
GET /t
--- response_body: unix


=== TEST 7: a reply that stops halfway and stays open
--- config
    location /t {
        proxy_read_timeout 100ms;
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_no_close
--- tcp_reply eval
"HTTP/1.0 200 O"
--- request
GET /t
--- error_code: 504
--- response_body_like: 504 Gateway Time-out
