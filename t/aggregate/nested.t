# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Parts that are locations of this server: aggregates inside aggregates, error
# pages, internal redirects, files.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd ();
use Test::Nginx::Socket;

use MlsecTest::Faulty;

$ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf';

our $faulty = MlsecTest::Faulty->start;

$ENV{TEST_NGINX_FAULTY} = $faulty->address;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF' . ($block->http_config // ''));
    upstream faulty { server $TEST_NGINX_FAULTY; keepalive 4; }
    upstream nobody { server unix:/nonexistent/nobody.sock; }
CONF

    $block->set_value(config => <<'CONF' . ($block->config // ''));
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
CONF
});

no_long_string();
plan('no_plan');
run_tests();

__DATA__

=== TEST 1: three deep
--- config
    location = /t {
        mlsec_call a /two;
        mlsec_call b http://faulty/ok/b;
    }
    location = /two {
        mlsec_merge array;
        mlsec_call a /three;
        mlsec_call b http://faulty/slow/50/b2;
    }
    location = /three {
        mlsec_merge flat on_conflict=first;
        mlsec_call a http://faulty/slow/20/a3;
        mlsec_call b /local;
    }
    location = /local {
        return 200 '{"local":true}';
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":[{"name":"a3","local":true},{"name":"b2"}],"b":{"name":"b"}}
--- no_error_log
[alert]
[error]



=== TEST 2: an optional part fails at the bottom: every level says so
--- config
    location = /t {
        mlsec_call a /two;
    }
    location = /two {
        mlsec_call a /three;
        mlsec_call b http://faulty/ok/b;
    }
    location = /three {
        mlsec_call a http://faulty/status/500;
        mlsec_call b http://faulty/ok/b3;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body_like eval
qr/^\{"a":\{"a":\{"a":null,"b":\{"name":"b3"\},"errors":\[\{"service":"faulty","part":"a","error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":\d+\}\]\},"b":\{"name":"b"\}\}\}$/
--- no_error_log
[alert]



=== TEST 3: a required part fails at the bottom
--- config
    location = /t {
        mlsec_call a /two;
        mlsec_call b http://faulty/ok/b;
    }
    location = /two {
        mlsec_call a /three required;
        mlsec_call b http://faulty/hang/n3;
    }
    location = /three {
        mlsec_call a http://faulty/ok/n3a required;
        mlsec_call b http://faulty/hang/n3b required timeout=200ms;
        mlsec_call c http://faulty/hang/n3c;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/hang/n3", "GET /_wait/gone/hang/n3c"]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"a","part":"a","error_type":"upstream_status","status_code":502,"attempts":\d,"elapsed_ms":\d+\}\]\}$/,
 qr/^\{"gone":true\}$/, qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 4: statuses that the client can do something about go all the way up
--- config
    location = /t {
        mlsec_call a /two required;
    }
    location = /two {
        mlsec_call a http://faulty/status/404 required;
    }
--- request
GET /t
--- error_code: 404
--- response_body_like eval
qr/"status_code":404/
--- no_error_log
[alert]



=== TEST 5: an aggregate that is a part of itself
--- config
    location = /alone {
        mlsec_call a /alone;
    }
    location = /both {
        mlsec_call a /both;
        mlsec_call b /both;
        mlsec_call c http://faulty/ok/c;
    }
--- pipelined_requests eval
["GET /alone", "GET /both"]
--- error_code eval
[502, 200]
--- response_body_like eval
[qr/"error_type":"upstream_status","status_code":500/,
 qr/^\{"a":null,"b":null,"c":\{"name":"c"\},"errors":\[/]
--- no_error_log
[alert]
subrequests cycle



=== TEST 6: two aggregates that are parts of each other
--- config
    location = /one {
        mlsec_call a /two;
        mlsec_call b http://faulty/ok/b;
    }
    location = /two {
        mlsec_call a /one;
        mlsec_call b /one;
        mlsec_call c http://faulty/ok/c;
    }
--- request
GET /one
--- response_body_like eval
qr/^\{"a":\{"a":null,"b":null,"c":\{"name":"c"\},"errors":\[.*?\]\},"b":\{"name":"b"\}\}$/
--- error_log
it is a part of itself
--- no_error_log
[alert]
subrequests cycle



=== TEST 7: a cycle by way of a rewrite, an error_page and a prefix location
--- config
    location /one/ {
        mlsec_call a /rewrite/x;
        mlsec_call b /failing;
        mlsec_call c http://faulty/ok/c;
    }
    location /rewrite/ {
        rewrite ^ /one/other last;
    }
    location = /failing {
        mlsec_call a http://nobody/ required;
        error_page 502 = /one/error;
    }
--- request
GET /one/first
--- response_body_like eval
qr/^\{"a":null,"b":null,"c":\{"name":"c"\},"errors":\[.*\]\}$/
--- no_error_log
[alert]
cycle while



=== TEST 8: too deep
--- config
    location ~ ^/d(\d)(\d)$ {
        mlsec_call a http://faulty/ok/a;
    }
    location = /l0 { mlsec_call n /l1; }
    location = /l1 { mlsec_call n /l2; }
    location = /l2 { mlsec_call n /l3; }
    location = /l3 { mlsec_call n /l4; }
    location = /l4 { mlsec_call n /l5; }
    location = /l5 { mlsec_call n /l6; }
    location = /l6 { mlsec_call n /l7; }
    location = /l7 { mlsec_call n /l8; mlsec_call ok http://faulty/ok/7; }
    location = /l8 { mlsec_call n /l9; mlsec_call ok http://faulty/ok/8; }
    location = /l9 { mlsec_call n http://faulty/ok/9; }
--- request
GET /l0
--- response_body_like eval
qr/^(?:\{"n":){8}.*"errors":\[.*\}\]/
--- error_log
nested too deep
--- no_error_log
[alert]



=== TEST 9: error_page of a local part: a URI, a named location, with and without a status of its own
--- config
    location = /t {
        mlsec_call uri     /fails-uri;
        mlsec_call named   /fails-named;
        mlsec_call keeps   /fails-keeps;
        mlsec_call slow    /fails-slow;
        mlsec_call ok      http://faulty/ok/ok;
    }
    location = /fails-uri {
        proxy_pass http://nobody;
        error_page 502 = /fallback;
    }
    location = /fails-named {
        proxy_pass http://nobody;
        error_page 502 =200 @fallback;
    }
    location = /fails-keeps {
        proxy_pass http://nobody;
        error_page 502 /fallback;
    }
    location = /fails-slow {
        proxy_pass http://faulty/status/500;
        proxy_intercept_errors on;
        error_page 500 = @slow;
    }
    location = /fallback {
        return 200 '{"fallback":"uri"}';
    }
    location @fallback {
        return 200 '{"fallback":"named"}';
    }
    location @slow {
        rewrite ^ /slow/100/second break;
        proxy_pass http://faulty;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"uri":\{"fallback":"uri"\},"named":\{"fallback":"named"\},"keeps":null,"slow":\{"name":"second"\},"ok":\{"name":"ok"\},"errors":\[\{"service":"keeps","part":"keeps","error_type":"upstream_status","status_code":502,[^}]*\}\]\}$/
--- no_error_log
[alert]



=== TEST 10: error_page of an aggregate inside: a file, another aggregate, and one that fails as well
--- config
    location = /t {
        mlsec_call file  /fails-file;
        mlsec_call agg   /fails-agg;
        mlsec_call twice /fails-twice;
        mlsec_call ok    http://faulty/ok/ok;
    }
    location = /fails-file {
        mlsec_call a http://nobody/ required;
        error_page 502 = /static.json;
    }
    location = /static.json {
    }
    location = /fails-agg {
        mlsec_call a http://faulty/status/500 required;
        mlsec_call b http://faulty/hang/n10 ;
        error_page 502 = @agg;
    }
    location @agg {
        mlsec_call x http://faulty/slow/50/x;
        mlsec_call y http://faulty/ok/y;
    }
    location = /fails-twice {
        mlsec_call a http://nobody/ required;
        error_page 502 = @twice;
    }
    location @twice {
        mlsec_call a http://nobody/ required;
    }
--- user_files
>>> static.json
{"file":1}
--- request
GET /t
--- response_body_like eval
qr/^\{"file":\{"file":1\}\n?,"agg":\{"x":\{"name":"x"\},"y":\{"name":"y"\}\},"twice":null,"ok":\{"name":"ok"\},"errors":\[\{"service":"twice","part":"twice","error_type":"upstream_status","status_code":502,[^}]*\}\]\}$/
--- no_error_log
[alert]



=== TEST 11: error_page of the outermost aggregate
--- config
    location = /t {
        mlsec_call a http://faulty/status/500 required;
        mlsec_call b http://faulty/hang/n11;
        error_page 502 = @plan-b;
    }
    location @plan-b {
        mlsec_call c http://faulty/slow/50/c;
        mlsec_call d http://nobody/;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/hang/n11"]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/^\{"c":\{"name":"c"\},"d":null,"errors":\[\{"service":"nobody","part":"d","error_type":"connect"[^}]*\}\]\}$/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 12: internal redirects: index, try_files, rewrite
--- config
    location = /t {
        mlsec_call index  /dir/;
        mlsec_call try    /try/none;
        mlsec_call named  /try-named/none;
        mlsec_call last   /last;
        mlsec_call agg    /last-agg;
    }
    location /dir/ {
        index none.json index.json;
    }
    location /try/ {
        try_files $uri /dir/index.json;
    }
    location /try-named/ {
        try_files $uri @named;
    }
    location @named {
        rewrite ^ /slow/50/named break;
        proxy_pass http://faulty;
    }
    location = /last {
        rewrite ^ /dir/index.json last;
    }
    location = /last-agg {
        rewrite ^ /agg last;
    }
    location = /agg {
        mlsec_call a http://faulty/slow/50/a;
    }
--- user_files eval
[["dir/index.json" => '{"index":1}']]
--- request
GET /t
--- response_body chomp
{"index":{"index":1},"try":{"index":1},"named":{"name":"named"},"last":{"index":1},"agg":{"a":{"name":"a"}}}
--- no_error_log
[alert]
[error]



=== TEST 13: files: small, large, empty, absent, a directory; with sendfile
--- config
    sendfile on;
    location = /t {
        mlsec_call small  /small.json;
        mlsec_call large  /large.json;
        mlsec_call empty  /empty.json;
        mlsec_call absent /absent.json;
        mlsec_call dir    /dir;
    }
--- user_files eval
[["small.json" => '[1]'], ["large.json" => '"' . 'x' x 700_000 . '"'],
 ["empty.json" => ''], ["dir/x" => 'x']]
--- request
GET /t
--- response_body_like eval
qr/^\{"small":\[1\],"large":"700000","empty":null,"absent":null,"dir":null,"errors":\[\{[^{]*"part":"absent","error_type":"upstream_status","status_code":404,"attempts":0[^{]*\},\{[^{]*"part":"dir","error_type":"upstream_status","status_code":301[^{]*\}\]\}$/
--- response_body_filters eval
sub { $_[0] =~ s/(xx+)/length $1/er }
--- no_error_log
[alert]



=== TEST 14: files, read by threads
--- config
    aio threads;
    sendfile off;
    output_buffers 1 32k;
    location = /t {
        mlsec_call small  /small.json;
        mlsec_call large  /large.json;
        mlsec_call more   /large.json;
    }
    location = /sendfile {
        mlsec_call large  /sendfile/large.json;
        mlsec_call small  /small.json;
    }
    location = /sendfile/large.json {
        sendfile on;
        alias $TEST_NGINX_SERVER_ROOT/html/large.json;
    }
--- user_files eval
[["small.json" => '[1]'], ["large.json" => '"' . 'x' x 700_000 . '"']]
--- pipelined_requests eval
["GET /t", "GET /sendfile"]
--- response_body eval
[qq({"small":[1],"large":"700000","more":"700000"}),
 qq({"large":"700000","small":[1]})]
--- response_body_filters eval
sub { $_[0] =~ s/(xx+)/length $1/ger }
--- no_error_log
[alert]
[error]



=== TEST 15: return, with and without a body
--- config
    location = /t {
        mlsec_call json  /return-json;
        mlsec_call s204  /return-204;
        mlsec_call s404  /return-404;
        mlsec_call s302  /return-302;
        mlsec_call s444  /return-444;
        mlsec_call last  http://faulty/ok/last;
    }
    location = /return-json { return 200 '{"a":1}'; }
    location = /return-204  { return 204; }
    location = /return-404  { return 404; }
    location = /return-302  { return 302 /elsewhere; }
    location = /return-444  { return 444; }
--- request
GET /t
--- response_body_like eval
qr/^\{"json":\{"a":1\},"s204":null,"s404":null,"s302":null,"s444":null,"last":\{"name":"last"\},"errors":\[\{[^{]*"part":"s404"[^{]*"status_code":404[^{]*\},\{[^{]*"part":"s302"[^{]*"status_code":302[^{]*\},\{[^{]*"part":"s444"[^{]*\}\]\}$/
--- no_error_log
[alert]



=== TEST 16: access rules are those of the aggregate, not of its parts
--- config
    location = /t {
        mlsec_call a /closed;
        mlsec_call b /asked;
    }
    location = /guarded {
        deny all;
        mlsec_call a /open;
    }
    location = /closed {
        internal;
        deny all;
        return 200 '"closed"';
    }
    location = /asked {
        auth_request /auth;
        proxy_pass http://faulty/ok/asked;
    }
    location = /auth {
        return 403;
    }
    location = /open {
        return 200 '"open"';
    }
--- pipelined_requests eval
["GET /t", "GET /guarded", "GET /closed", "GET /asked"]
--- error_code eval
[200, 403, 404, 403]
--- response_body_like eval
[qr/^\{"a":"closed","b":\{"name":"asked"\}\}$/, qr/403/, qr/404/, qr/403/]
--- no_error_log
[alert]



=== TEST 17: the same aggregate twice in one, and wide below
--- config
    location = /t {
        mlsec_call a /wide;
        mlsec_call b /wide;
        mlsec_call c /wide;
    }
    location = /wide {
        mlsec_merge array;
        mlsec_call a http://faulty/ok/1;
        mlsec_call b http://faulty/ok/2;
        mlsec_call c http://faulty/ok/3;
        mlsec_call d http://faulty/ok/4;
        mlsec_call e /local;
    }
    location = /local {
        return 200 5;
    }
--- request
GET /t
--- response_body eval
my $wide = '[' . CORE::join(',', map({ qq({"name":"$_"}) } 1 .. 4), 5) . ']';
qq({"a":$wide,"b":$wide,"c":$wide})
--- no_error_log
[alert]
[error]
