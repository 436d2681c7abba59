# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# From the configuration to a running nginx and back.

use Test::Nginx::Socket;

repeat_each(2);

plan tests => repeat_each() * (2 * blocks() + 1);

add_block_preprocessor(sub {
    my $block = shift;

    if ($block->name =~ /preprocessor/) {
        $block->set_value(config => 'location /t { return 200 "set\n"; }');
    }
});

env_to_nginx('MLSEC_PROBE=value', 'PATH');
worker_connections(77);
log_level('notice');

no_shuffle();
run_tests();

__DATA__

=== TEST 1: main_config, http_config and post_main_config
--- main_config
    worker_shutdown_timeout 5s;
--- http_config
    map $uri $mapped { default "mapped $uri"; }
--- config
    location /t { return 200 "$mapped\n"; }
--- post_main_config
    worker_rlimit_core 0;
--- request
GET /t
--- response_body
mapped /t


=== TEST 2: without config the server of the block before goes on
--- request
GET /t/again
--- response_body
mapped /t/again


=== TEST 3: a new config is a new server
--- config
    location /t { return 200 "new\n"; }
--- request
GET /t
--- response_body
new


=== TEST 4: the index page
--- config
--- request
GET /
--- response_body_like: It works!


=== TEST 5: user_files
--- config
--- user_files
>>> one.txt 201001151204.05
first
--- request
GET /one.txt
--- response_body
first
--- response_headers_like
Last-Modified: Fri, 15 Jan 2010 .*


=== TEST 6: the environment in a configuration
--- config
    location /t {
        alias $TEST_NGINX_SERVER_ROOT/html/;
        add_header X-Port $TEST_NGINX_SERVER_PORT;
    }
--- user_files
>>> f
port $TEST_NGINX_SERVER_PORT
--- request
GET /t/f
--- response_body eval
"port $ENV{TEST_NGINX_SERVER_PORT}\n"
--- response_headers
X-Port: $ServerPort


=== TEST 7: a random port is one and the same throughout a block
--- http_config
    server {
        listen $TEST_NGINX_RAND_PORT_1;
        location / { return 200 "$TEST_NGINX_RAND_PORT_1 $server_port\n"; }
    }
    server {
        listen $TEST_NGINX_RAND_PORT_2;
    }
--- config
    location /t { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- request
GET /t
--- response_body_like: ^(\d+) \1$


=== TEST 8: an error at start
--- config
    location /t { no_such_directive; }
--- must_die


=== TEST 9: an error at start, its exit code and its words
--- config
    location /t { return 200 "missing the brace;
--- must_die: 1
--- error_log
[emerg]


=== TEST 10: the server after one that died
--- config
    location /t { return 200 "alive\n"; }
--- request
GET /t
--- response_body
alive


=== TEST 11: a preprocessor supplies the config
--- request
GET /t
--- response_body
set


=== TEST 12: a module that is not there
--- main_config
    load_module /nonexistent/module.so;
--- config
--- must_die: 1


=== TEST 13: the server name
--- config
    location /t { return 200 "$server_name\n"; }
--- request
GET /t
--- response_body
localhost


=== TEST 14: a big request body
--- config
    location /t { return 200 "$content_length\n"; }
--- request eval
"POST /t\n" . "0123456789" x 100000
--- response_body
1000000
--- response_headers
Content-Length: 8


=== TEST 15: a connection that stays open, given up on purpose
--- config
    location /t { return 200 "open"; }
--- request
GET /t
--- more_headers
Connection: keep-alive
--- abort
--- timeout: 1
--- response_body: open


=== TEST 16: a connection that is closed without a response
--- config
    location /t { return 444; }
--- request
GET /t
--- ignore_response
--- no_error_log
[alert]
[crit]


=== TEST 17: what the functions put into the configuration
--- config
    location /t { alias $TEST_NGINX_SERVER_ROOT/conf/nginx.conf; }
--- request
GET /t
--- response_body_like eval
qr{^\ *error_log\ \S+/error\.log\ notice;$
   .*^\ *env\ MLSEC_PROBE=value;$
   .*^\ *env\ PATH;$
   .*^\ *worker_connections\ *77;$}xms
