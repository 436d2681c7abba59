# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# How the sections of a request become bytes on the wire.

use Test::Nginx::Socket;

repeat_each(2);

plan tests => repeat_each() * (2 * blocks() + 10);

# A location that shows what arrived, and one that shows the body too: nginx
# reads a body only in order to pass it on.
add_block_preprocessor(sub {
    my $block = shift;

    return if defined $block->config;

    $block->set_value(config => <<'EOC');
    location /show {
        add_header X-Host       $http_host always;
        add_header X-Connection $http_connection always;
        add_header X-Length     $http_content_length always;
        add_header X-Custom     $http_x_custom always;
        return 200 "$request_method $request_uri $server_protocol\n";
    }
    location /body {
        add_header X-Body "[$request_body]" always;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/show;
    }
EOC
});

no_long_string();
run_tests();

__DATA__

=== TEST 1: method and uri
--- request
GET /show?a=1&b=%20x
--- response_body
GET /show?a=1&b=%20x HTTP/1.1
--- response_headers
X-Host: localhost
X-Connection: close
! X-Length


=== TEST 2: method alone asks for the root
--- request
GET
--- response_body_like: It works


=== TEST 3: the version can be named
--- request
GET /show HTTP/1.0
--- response_body
GET /show HTTP/1.0


=== TEST 4: leading blank and comment lines are dropped
--- request eval
"\n# a comment\n\nGET /show\n"
--- response_body
GET /show HTTP/1.1


=== TEST 5: another method
--- request
DELETE /show
--- response_body
DELETE /show HTTP/1.1


=== TEST 6: HEAD has no body
--- request
HEAD /show
--- response_body


=== TEST 7: a body is trimmed at both ends and counted
--- request eval
"POST /body\n\n  alpha beta \n\n"
--- response_headers
X-Length: 10
X-Body: [alpha beta]


=== TEST 8: a body without a line break
--- request eval
"PUT /body\nhello"
--- response_headers
X-Length: 5
X-Body: [hello]


=== TEST 9: more_headers as text, comments left out
--- request
GET /show
--- more_headers
X-Custom: abc
# X-Custom: def
Host: example.org
--- response_headers
X-Custom: abc
X-Host: example.org
X-Connection: close


=== TEST 10: a given Content-Length is kept
--- request eval
"POST /body\nabc"
--- more_headers
Content-Length: 3
--- response_headers
X-Length: 3
X-Body: [abc]


=== TEST 11: a body with a given coding is sent as it is
--- request eval
"POST /body\n3\r\nabc\r\n0\r\n\r\n"
--- more_headers
Transfer-Encoding: chunked
--- response_headers
X-Length: 3
X-Body: [abc]


=== TEST 12: raw_request
--- raw_request eval
"GET /show HTTP/1.1\r\nHost: raw\r\nConnection: close\r\n\r\n"
--- response_headers
X-Host: raw


=== TEST 13: raw_request in pieces with a pause between
--- raw_request eval
["GET /sh", "ow HTTP/1.1\r\nHost: ra", "w\r\nConnection: close\r\n\r\n"]
--- raw_request_middle_delay
0.02
--- response_headers
X-Host: raw


=== TEST 14: a request in packets
--- request eval
[["POST /body\r\nabc", {value => "def", delay_before => 0.02}]]
--- response_headers
X-Body: [abcdef]


=== TEST 15: a body with a given length is sent as it is
--- request eval
"POST /body\n  abc  "
--- more_headers
Content-Length: 7
--- response_headers
X-Length: 7
X-Body: [  abc  ]
