# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# soft= of mlsec_deadline: when it has passed, what has come is sent as soon as
# every required part is in.

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
CONF
});

no_long_string();
plan('no_plan');
run_tests();

__DATA__

=== TEST 1: optional parts that are late are left out
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 20s soft=1s;
        mlsec_call a http://faulty/ok/a required;
        mlsec_call b http://faulty/hang/s1;
        mlsec_call c http://faulty/ok/c;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/hang/s1"]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/^\{"a":\{"name":"a"\},"b":null,"c":\{"name":"c"\},"errors":\[\{"service":"faulty","part":"b","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d{4,5}\}\]\}$/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 2: a required part is waited for, and nothing else
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 20s soft=100ms;
        mlsec_call a http://faulty/slow/1500/a required;
        mlsec_call b http://faulty/hang/s2;
        mlsec_call c http://faulty/slow/250/c;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/hang/s2"]
--- response_body_like eval
[qr/^\{"a":\{"name":"a"\},"b":null,"c":\{"name":"c"\},"errors":\[\{"service":"faulty","part":"b","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d{4,5}\}\]\}$/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 3: all are in before
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 30s soft=20s;
        mlsec_call a http://faulty/slow/50/a;
        mlsec_call b http://faulty/ok/b required;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":{"name":"a"},"b":{"name":"b"}}
--- no_error_log
[alert]
[error]



=== TEST 4: no part is required
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 20s soft=1s;
        mlsec_call a http://faulty/ok/a;
        mlsec_call b http://faulty/half-body/s4;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":\{"name":"a"\},"b":null,"errors":\[\{"service":"faulty","part":"b","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\}\]\}$/
--- no_error_log
[alert]



=== TEST 5: nothing has come
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 20s soft=200ms;
        mlsec_call a http://faulty/half-header/s5;
        mlsec_call b http://faulty/half-body/s5;
    }
--- request
GET /t
--- error_code: 504
--- response_body_like eval
qr/"status_code":504/
--- no_error_log
[alert]



=== TEST 6: a required part fails after it
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 20s soft=100ms;
        mlsec_call a http://faulty/hang/s6 timeout=300ms required;
        mlsec_call b http://faulty/hang/s6;
    }
--- request
GET /t
--- error_code: 504
--- response_body_like eval
qr/"part":"a","error_type":"timeout".*"part":"b","error_type":"canceled"/
--- no_error_log
[alert]



=== TEST 7: a fallback stands in for a late part
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 20s soft=1s;
        mlsec_call a http://faulty/ok/a;
        mlsec_call b http://faulty/hang/s7 'fallback=json:{"n":0}';
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body_like eval
qr/^\{"a":\{"name":"a"\},"b":\{"n":0\},"errors":\[\{"service":"faulty","part":"b","error_type":"timeout",[^}]*"fallback":true\}\]\}$/
--- no_error_log
[alert]
