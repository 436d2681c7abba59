# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# if= of mlsec_call: a part that is left out is no error.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /x { return 200 '{"x":1}'; }
EOT

run_tests();

__DATA__

=== false: no value, empty, 0
--- config
    location = /t {
        mlsec_call a http://u/x if=$arg_no;
        mlsec_call b http://u/x if=$arg_empty;
        mlsec_call c http://u/x if=$arg_zero;
        mlsec_call d http://u/x;
    }
--- request
GET /t?empty=&zero=0
--- response_headers
X-Gateway-Completed: true
! X-Gateway-Failed
--- response_body chomp
{"d":{"x":1}}



=== true: anything else
--- config
    location = /t {
        mlsec_call a http://u/x if=$arg_a;
        mlsec_call b http://u/x if=$arg_b;
        mlsec_call c http://u/x if=$arg_c;
        mlsec_call d http://u/x if=$arg_d$arg_e;
    }
--- request
GET /t?a=1&b=false&c=00&e=1
--- response_body chomp
{"a":{"x":1},"b":{"x":1},"c":{"x":1},"d":{"x":1}}



=== a required part that is left out
--- config
    location = /t { mlsec_call a http://dead/ required if=$arg_a; mlsec_call b http://u/x; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"b":{"x":1}}



=== the same part when it is not left out
--- config
    location = /t { mlsec_call a http://dead/ required if=$arg_a; mlsec_call b http://u/x; }
--- request
GET /t?a=1
--- error_code: 502



=== all of them
--- config
    location = /t { mlsec_call a http://u/x if=$arg_a; mlsec_call b http://u/x if=$arg_a; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{}



=== all of them in array and concat
--- config
    location = /t { mlsec_call a /a; mlsec_call c /c; mlsec_call f /f; }
    location = /a { mlsec_merge array; mlsec_call a http://u/x if=$arg_a; }
    location = /c { mlsec_merge concat; mlsec_call a http://u/x if=$arg_a; }
    location = /f { mlsec_merge flat; mlsec_call a http://u/x if=$arg_a; }
--- request
GET /t
--- response_body chomp
{"a":[],"c":[],"f":{}}



=== in array it leaves no place
--- config
    location = /t { mlsec_merge array; mlsec_call a http://u/x if=$arg_a; mlsec_call b http://u/x; }
--- request
GET /t
--- response_body chomp
[{"x":1}]



=== a part that is left out is not asked
--- config
    location = /t { mlsec_call a /local if=$arg_a; mlsec_call b http://u/x; }
    location = /local { log_subrequest on; return 200 '{}'; }
--- request
GET /t
--- response_body chomp
{"b":{"x":1}}
--- no_error_log
mlsec capture done: "/local"



=== its fallback is not used
--- config
    location = /t { mlsec_call a http://u/x if=$arg_a fallback=json:1; mlsec_call b http://u/x; }
--- request
GET /t
--- response_body chomp
{"b":{"x":1}}



=== its values are not looked at
--- config
    location = /t { mlsec_call a http://u/x/$arg_p if=$arg_a; mlsec_call b http://u/x; }
--- request
GET /t?p=..
--- response_body chomp
{"b":{"x":1}}



=== the others failed: that is a failure
--- config
    location = /t { mlsec_call a http://u/x if=$arg_a; mlsec_call b http://dead/; }
--- request
GET /t
--- error_code: 502



=== a condition that a map has made
--- http_config
    upstream u {
        server unix:$TEST_NGINX_HTML_DIR/u.sock;
    }
    map $http_accept_language $german {
        default 0;
        ~^de 1;
    }
    server {
        listen unix:$TEST_NGINX_HTML_DIR/u.sock;
        location / { return 200 '1'; }
    }
--- config
    location = /t { mlsec_call a http://u/x if=$german; mlsec_call b http://u/x; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Accept-Language: de-AT", "Accept-Language: en"]
--- response_body eval
['{"a":1,"b":1}', '{"b":1}']



=== a condition with a regex changes no capture of the request
--- http_config
    upstream u {
        server unix:$TEST_NGINX_HTML_DIR/u.sock;
    }
    map $arg_m $long {
        default 0;
        ~^(.)(.+)$ $2;
    }
    server {
        listen unix:$TEST_NGINX_HTML_DIR/u.sock;
        location / { return 200 '"$request_uri"'; }
    }
--- config
    location ~ ^/jobs/(.+)/(.+)$ {
        mlsec_call a http://u/$1 if=$long;
        mlsec_call b http://u/$2/$1;
    }
--- request eval
["GET /jobs/x/y?m=abc", "GET /jobs/x/y?m=a"]
--- response_body eval
['{"a":"/x","b":"/y/x"}', '{"b":"/y/x"}']
