# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# timeout= of mlsec_call: it covers the part as a whole, whatever the service
# is slow at.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd ();
use IO::Socket::INET;
use Test::Nginx::Socket;

use MlsecTest::Faulty;

our ($faulty, $hole);

BEGIN {
    $ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf';
}

$faulty = MlsecTest::Faulty->start;
$hole   = MlsecTest::Faulty::Blackhole->new;

# a name server that never answers
our $dns = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp')
    or die "no UDP port: $!";

$ENV{TEST_NGINX_DNS}    = '127.0.0.1:' . $dns->sockport;
$ENV{TEST_NGINX_FAULTY} = $faulty->address;
$ENV{TEST_NGINX_HOLE}   = $hole->address;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF' . ($block->http_config // ''));
    upstream faulty { server $TEST_NGINX_FAULTY; keepalive 4; }
    upstream hole   { server $TEST_NGINX_HOLE; }
CONF
});

repeat_each(1);
no_long_string();
plan('no_plan');
run_tests();

__DATA__

=== TEST 1: no connection: connection_timeout
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://hole/ timeout=300ms;
        mlsec_call b http://faulty/ok/b;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body_like eval
qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"hole","part":"a","error_type":"connection_timeout","status_code":504,"attempts":1,"elapsed_ms":(?:3\d\d|[4-9]\d\d|\d{4})\}\]\}$/
--- error_log
part failed, part: "a", service: "hole", type: connection_timeout
--- error_code: 200



=== TEST 2: no connection, and nginx's own connect timeout comes first
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://hole/ timeout=30s;
        mlsec_call b http://faulty/ok/b;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"hole","part":"a","error_type":"connection_timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\}\]\}$/
--- error_log
upstream timed out
--- error_code: 200
--- timeout: 10
--- no_error_log
[alert]



=== TEST 3: no connection, required: 504
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://hole/ timeout=300ms required;
        mlsec_call b http://faulty/hang/t3;
    }
--- request
GET /t
--- error_code: 504
--- response_body_like eval
qr/"message":"Service hole did not accept the connection in time".*"error_type":"connection_timeout".*"error_type":"canceled"/
--- error_log
type: canceled
--- no_error_log
[alert]



=== TEST 4: no byte of a header
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://faulty/hang/t4 timeout=200ms;
        mlsec_call b http://faulty/ok/b;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/hang/t4"]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"faulty","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\}\]\}$/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 5: half a header
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://faulty/half-header/t5 timeout=200ms;
        mlsec_call b http://faulty/ok/b;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/half-header/t5"]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"faulty","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\}\]\}$/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 6: half a body
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://faulty/half-body/t6 timeout=200ms;
        mlsec_call b http://faulty/ok/b;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/half-body/t6"]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"faulty","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\}\]\}$/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 7: a byte of the header now and then, which no read timeout sees
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://faulty/drip-header/100/t7 timeout=700ms;
        mlsec_call b http://faulty/ok/b;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/drip-header/100/t7"]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"faulty","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":(?:[7-9]\d\d|\d{4})\}\]\}$/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 8: a byte of the body a second
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://faulty/drip/1000/t8 timeout=1500ms;
        mlsec_call b http://faulty/ok/b;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/drip/1000/t8"]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"faulty","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":(?:1[5-9]\d\d|[2-9]\d{3})\}\]\}$/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 9: parts with timeouts of their own
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://faulty/hang/a timeout=100ms;
        mlsec_call b http://faulty/slow/400/b timeout=20s;
        mlsec_call c http://faulty/hang/c timeout=200ms;
        mlsec_call d http://faulty/slow/400/d;
        mlsec_call e http://hole/ timeout=150ms;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":null,"b":\{"name":"b"\},"c":null,"d":\{"name":"d"\},"e":null,"errors":\[\{"service":"faulty","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\},\{"service":"faulty","part":"c","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\},\{"service":"hole","part":"e","error_type":"connection_timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\}\]\}$/
--- error_code: 200
--- no_error_log
[alert]
[crit]



=== TEST 10: required part out of time: 504, the others are canceled
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://faulty/half-body/t10 timeout=20s;
        mlsec_call b http://faulty/hang/t10 timeout=200ms required;
        mlsec_call c http://faulty/ok/c;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/half-body/t10"]
--- error_code eval
[504, 200]
--- response_body_like eval
[qr/"details":\{"service":"faulty","part":"b","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d+,"errors":\[\{"service":"faulty","part":"a","error_type":"canceled",.*?\},\{"service":"faulty","part":"b","error_type":"timeout",.*?\}\]\}/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 11: a local part
--- config
    location = /t {
        mlsec_call a /local timeout=200ms;
    }
    location = /local {
        proxy_pass http://faulty/half-body/t11;
    }
--- request
GET /t
--- error_code: 504
--- response_body_like eval
qr/"service":"a","part":"a","error_type":"timeout"/
--- error_log
type: timeout
--- no_error_log
[alert]



=== TEST 12: nginx's read timeout of a local part, before the header
--- config
    location = /t {
        mlsec_call a /local;
        mlsec_call b http://faulty/ok/b;
    }
    location = /local {
        proxy_pass http://faulty/hang/t12;
        proxy_read_timeout 200ms;
    }
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
--- request
GET /t
--- error_code: 200
--- response_body_like eval
qr/"part":"a","error_type":"timeout","status_code":504/
--- error_log
upstream timed out
--- no_error_log
[alert]



=== TEST 13: nginx's read timeout of a local part, in the body
--- config
    location = /t {
        mlsec_call a /local;
        mlsec_call b http://faulty/ok/b;
    }
    location = /local {
        proxy_pass http://faulty/half-body/t13;
        proxy_read_timeout 200ms;
    }
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
--- request
GET /t
--- error_code: 200
--- response_body_like eval
qr/"part":"a","error_type":"timeout","status_code":504/
--- error_log
upstream timed out
--- no_error_log
[alert]



=== TEST 14: max_fails: parts that are out of time make a peer a failed one
--- http_config
    upstream counted {
        server $TEST_NGINX_FAULTY max_fails=2 fail_timeout=60s;
        server $TEST_NGINX_HOLE down;
    }
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /slow {
        mlsec_call a http://counted/half-body/t14 timeout=100ms;
        mlsec_call b http://faulty/ok/b;
    }
    location = /t {
        mlsec_call a http://counted/ok/a required;
    }
--- pipelined_requests eval
["GET /slow", "GET /t", "GET /slow", "GET /t"]
--- error_code eval
[200, 200, 200, 503]
--- response_body_like eval
[qr/"part":"a","error_type":"timeout"/,
 qr/^\{"a":\{"name":"a"\}\}$/,
 qr/"part":"a","error_type":"timeout"/,
 qr/"error_type":"no_peer","status_code":503,"attempts":0/]
--- no_error_log
[alert]



=== TEST 15: max_fails: parts that are canceled do not
--- http_config
    upstream counted {
        server $TEST_NGINX_FAULTY max_fails=1 fail_timeout=60s;
        server $TEST_NGINX_HOLE down;
    }
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /cancel {
        mlsec_call a http://counted/half-body/t15;
        mlsec_call b http://counted/hang/t15;
        mlsec_call c http://faulty/hang/t15 timeout=100ms required;
    }
    location = /t {
        mlsec_call a http://counted/ok/a required;
    }
--- pipelined_requests eval
["GET /cancel", "GET /cancel", "GET /t"]
--- error_code eval
[504, 504, 200]
--- response_body_like eval
[qr/"part":"a","error_type":"canceled"/,
 qr/"part":"b","error_type":"canceled"/,
 qr/^\{"a":\{"name":"a"\}\}$/]
--- no_error_log
[alert]



=== TEST 16: max_conns: a part that was stopped gives its place back
--- http_config
    upstream limited {
        zone limited 64k;
        server $TEST_NGINX_FAULTY max_conns=1;
        keepalive 2;
    }
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /slow {
        mlsec_call a http://limited/hang/t16 timeout=100ms;
        mlsec_call b http://faulty/ok/b;
    }
    location = /t {
        mlsec_call a http://limited/ok/a required;
    }
--- pipelined_requests eval
["GET /slow", "GET /slow", "GET /t"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/"part":"a","error_type":"timeout"/,
 qr/"part":"a","error_type":"timeout"/,
 qr/^\{"a":\{"name":"a"\}\}$/]
--- no_error_log
[alert]



=== TEST 17: a local part that waits for a name
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    resolver $TEST_NGINX_DNS;
    location = /t {
        mlsec_call a /name timeout=200ms;
        mlsec_call b http://faulty/ok/b;
    }
    location = /name {
        set $name service.test;
        proxy_pass http://$name:8000;
    }
--- pipelined_requests eval
["GET /t", "GET /t"]
--- response_body_like eval
[(qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"a","part":"a","error_type":"dns","status_code":502,[^}]*\}\]\}$/) x 2]
--- no_error_log
[alert]



=== TEST 18: and is canceled
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    resolver $TEST_NGINX_DNS;
    location = /t {
        mlsec_call a /name timeout=20s;
        mlsec_call b http://faulty/hang/t18 timeout=200ms required;
    }
    location = /name {
        set $name service.test;
        proxy_pass http://$name:8000;
    }
--- pipelined_requests eval
["GET /t", "GET /t"]
--- error_code eval
[504, 504]
--- response_body_like eval
[(qr/"part":"a","error_type":"canceled"/) x 2]
--- no_error_log
[alert]
