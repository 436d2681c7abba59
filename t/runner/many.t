# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Several requests in one block.

use Test::Nginx::Socket;

repeat_each(2);

plan tests => repeat_each() * (4 + 3 + 4 + 6 + 4 + 4);

run_tests();

__DATA__

=== TEST 1: an array is one connection each
--- config
    location /a { return 200 "a $connection_requests\n"; }
    location /b { return 404 "b $connection_requests\n"; }
--- request eval
["GET /a", "GET /b"]
--- error_code eval
[200, 404]
--- response_body eval
["a 1\n", "b 1\n"]


=== TEST 2: an array without error_code expects 200 of each
--- config
    location /a { return 200 "a"; }
--- request eval
["GET /a", "HEAD /a", "GET /a"]


=== TEST 3: pipelined requests share a connection
--- config
    location /a { return 200 "a $connection_requests\n"; }
    location /b { return 200 "b $connection_requests\n"; }
--- pipelined_requests eval
["GET /a", "GET /b"]
--- response_body eval
["a 1\n", "b 2\n"]


=== TEST 4: pipelined requests, chunked and counted bodies
--- config
    location /a {
        chunked_transfer_encoding on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/old;
    }
    location /old { ssi on; default_type text/html; root html; }
    location /b { return 404 "b\n"; }
--- user_files
>>> old
one<!--#echo var="x" default="two" -->three
--- pipelined_requests eval
["GET /a", "GET /b", "GET /a"]
--- error_code eval
[200, 404, 200]
--- response_body eval
["onetwothree\n", "b\n", "onetwothree\n"]


=== TEST 5: a pattern for each body
--- config
    location /a { return 200 "a $request_id\n"; }
--- request eval
["GET /a", "GET /a"]
--- response_body_like eval
[qr/^a [0-9a-f]{32}$/, '^a \w+$']


=== TEST 6: headers of each response
--- config
    location /a { add_header X-Got $http_x_n; return 200 "a"; }
--- request eval
["GET /a", "GET /a"]
--- more_headers eval
["X-N: 1", "X-N: 2"]
--- response_headers eval
["X-Got: 1", "X-Got: 2"]
