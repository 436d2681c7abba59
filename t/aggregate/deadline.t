# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_deadline: one wall clock for all parts of an aggregate.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd ();
use Test::Nginx::Socket;

use MlsecTest::Faulty;

$ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf';

our $faulty = MlsecTest::Faulty->start;
our $hole   = MlsecTest::Faulty::Blackhole->new;

$ENV{TEST_NGINX_FAULTY} = $faulty->address;
$ENV{TEST_NGINX_HOLE}   = $hole->address;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF' . ($block->http_config // ''));
    upstream faulty { server $TEST_NGINX_FAULTY; keepalive 4; }
    upstream hole   { server $TEST_NGINX_HOLE; }
CONF
});

no_long_string();
plan('no_plan');
run_tests();

__DATA__

=== TEST 1: shorter than the timeouts of the parts
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 1s;
        mlsec_call a http://faulty/hang/d1 timeout=20s;
        mlsec_call b http://faulty/ok/b;
        mlsec_call c http://faulty/drip/50/d1;
        mlsec_call d http://hole/;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/hang/d1", "GET /_wait/gone/drip/50/d1"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"c":null,"d":null,"errors":\[\{"service":"faulty","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d{4,5}\},\{"service":"faulty","part":"c","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\},\{"service":"hole","part":"d","error_type":"connection_timeout","status_code":504,"attempts":1,"elapsed_ms":\d+\}\]\}$/,
 qr/^\{"gone":true\}$/, qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 2: longer than the timeout of a part
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 20s;
        mlsec_call a http://faulty/hang/d2 timeout=100ms;
        mlsec_call b http://faulty/slow/300/b;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"faulty","part":"a","error_type":"timeout",/
--- no_error_log
[alert]



=== TEST 3: a required part: 504
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 200ms;
        mlsec_call a http://faulty/ok/a;
        mlsec_call b http://faulty/half-body/d3 required;
    }
--- request
GET /t
--- error_code: 504
--- response_body_like eval
qr/"message":"Service faulty did not answer in time".*"details":\{"service":"faulty","part":"b","error_type":"timeout","status_code":504/
--- no_error_log
[alert]



=== TEST 4: a required part and optional ones at the same moment: all are out of time, none is canceled
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 200ms;
        mlsec_call a http://faulty/hang/d4;
        mlsec_call b http://faulty/half-body/d4 required;
        mlsec_call c http://faulty/hang/d4;
    }
--- request
GET /t
--- error_code: 504
--- response_body_like eval
qr/"errors":\[\{[^}]*"part":"a","error_type":"timeout"[^}]*\},\{[^}]*"part":"b","error_type":"timeout"[^}]*\},\{[^}]*"part":"c","error_type":"timeout"[^}]*\}\]/
--- no_error_log
[alert]
canceled



=== TEST 5: nothing has come: 504, not 200 with nulls
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 200ms;
        mlsec_call a http://faulty/hang/d5;
        mlsec_call b http://faulty/half-body/d5;
    }
--- request
GET /t
--- error_code: 504
--- response_body_like eval
qr/"error":true,"status_code":504/
--- no_error_log
[alert]



=== TEST 6: inherited from http and server
--- http_config
    mlsec_deadline 30s;
--- config
    mlsec_deadline 1s;
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a http://faulty/hang/d6;
        mlsec_call b http://faulty/ok/b;
    }
    location = /own {
        mlsec_deadline 20s;
        mlsec_call a http://faulty/slow/400/a;
        mlsec_call b http://faulty/ok/b;
    }
--- pipelined_requests eval
["GET /t", "GET /own"]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"faulty","part":"a","error_type":"timeout",/,
 qr/^\{"a":\{"name":"a"\},"b":\{"name":"b"\}\}$/]
--- no_error_log
[alert]



=== TEST 7: an aggregate inside another is cut with it
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_deadline 1s;
        mlsec_call a /inner;
        mlsec_call b http://faulty/ok/b;
    }
    location = /inner {
        mlsec_deadline 20s;
        mlsec_call a http://faulty/hang/d7;
    }
    location /_wait/ {
        proxy_pass http://faulty;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/hang/d7"]
--- response_body_like eval
[qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"a","part":"a","error_type":"timeout",/,
 qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 8: the inner deadline comes first
--- config
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;
    location = /t {
        mlsec_call a /inner;
    }
    location = /inner {
        mlsec_deadline 1s;
        mlsec_call a http://faulty/hang/d8;
        mlsec_call b http://faulty/ok/b;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body_like eval
qr/^\{"a":\{"a":null,"b":\{"name":"b"\},"errors":\[\{"service":"faulty","part":"a","error_type":"timeout",[^}]*\}\]\}\}$/
--- no_error_log
[alert]
