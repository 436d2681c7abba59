# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_call_max_size, mlsec_total_max_size: a body over the cap is that part's
# error, and its service is let go at once, however much it has to say.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd ();
use Test::Nginx::Socket;

use MlsecTest::Faulty;

$ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf';

our $faulty = MlsecTest::Faulty->start(replies => {
    '/error' => [MlsecTest::Faulty::json('"' . 'e' x 5000 . '"',
                                         status => 500)],
});

$ENV{TEST_NGINX_FAULTY} = $faulty->address;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF' . ($block->http_config // ''));
    upstream faulty { server $TEST_NGINX_FAULTY; keepalive 4; }
CONF

    $block->set_value(config => <<'CONF' . ($block->config // ''));
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;

    location /_wait/ {
        proxy_pass http://faulty;
    }

    location /local/ {
        proxy_pass http://faulty/;
    }
CONF
});


# that every response is "ab" => a string of x's of a length
sub strings {
    my ($lengths) = @_;

    return CORE::join ',', map { qq("$_":") . 'x' x ($lengths->{$_} - 2) . '"' }
        sort keys %$lengths;
}

no_long_string();
plan('no_plan');
run_tests();

__DATA__

=== TEST 1: at the cap, and a byte over it, with Content-Length
--- config
    location = /t {
        mlsec_call_max_size 1000;
        mlsec_call a http://faulty/size/1000;
        mlsec_call b http://faulty/size/1001;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":"x{998}","b":null,"errors":\[\{"service":"faulty","part":"b","error_type":"too_large","status_code":502,"attempts":1,"elapsed_ms":\d+\}\]\}$/
--- no_error_log
[alert]



=== TEST 2: at the cap, and a byte over it, in chunks
--- config
    location = /t {
        mlsec_call_max_size 1000;
        mlsec_call a http://faulty/size-chunked/1000;
        mlsec_call b http://faulty/size-chunked/1001;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":"x{998}","b":null,"errors":\[\{"service":"faulty","part":"b","error_type":"too_large","status_code":502,"attempts":1,"elapsed_ms":\d+\}\]\}$/
--- no_error_log
[alert]



=== TEST 3: the default of 1m
--- config
    location = /t {
        mlsec_call a http://faulty/size/1048576;
        mlsec_call b http://faulty/size/1048577;
        mlsec_call c http://faulty/size-chunked/1048577;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":"1048574","b":null,"c":null,"errors":\[\{[^{]*"part":"b","error_type":"too_large"[^{]*\},\{[^{]*"part":"c","error_type":"too_large"[^{]*\}\]\}$/
--- response_body_filters eval
sub { $_[0] =~ s/(xx+)/length $1/er }
--- no_error_log
[alert]



=== TEST 4: bodies of every size around nginx's buffers
--- config
    location ~ ^/t/(\d+)$ {
        mlsec_call a http://faulty/size/$1;
        mlsec_call b http://faulty/size-chunked/$1;
        mlsec_call c /local/size/$1;
    }
--- pipelined_requests eval
[map { "GET /t/$_" } 4000, 4095, 4096, 4097, 8192, 16384, 32768, 36864, 36900,
 65536, 100_000, 500_000]
--- response_body eval
[map { '{' . main::strings({ a => $_, b => $_, c => $_ }) . '}' }
 4000, 4095, 4096, 4097, 8192, 16384, 32768, 36864, 36900, 65536, 100_000,
 500_000]
--- timeout: 10
--- no_error_log
[alert]



=== TEST 5: 100 MB announced, and sent without end: the service is let go
--- config
    location = /t {
        mlsec_call a http://faulty/size-announced/104857600;
        mlsec_call b http://faulty/endless/5;
        mlsec_call c http://faulty/ok/c;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/size-announced/104857600",
 "GET /_wait/gone/endless/5"]
--- response_body_like eval
[qr/^\{"a":null,"b":null,"c":\{"name":"c"\},"errors":\[\{[^{]*"part":"a","error_type":"too_large"[^{]*\},\{[^{]*"part":"b","error_type":"too_large"[^{]*\}\]\}$/,
 qr/^\{"gone":true\}$/, qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 6: the same through a local part
--- config
    location = /t {
        mlsec_call a /local/size-announced/104857600;
        mlsec_call b /local/endless/6;
        mlsec_call c http://faulty/ok/c;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/size-announced/104857600",
 "GET /_wait/gone/endless/6"]
--- response_body_like eval
[qr/^\{"a":null,"b":null,"c":\{"name":"c"\},"errors":\[\{[^{]*"part":"a","error_type":"too_large"[^{]*\},\{[^{]*"part":"b","error_type":"too_large"[^{]*\}\]\}$/,
 qr/^\{"gone":true\}$/, qr/^\{"gone":true\}$/]
--- timeout: 10
--- no_error_log
[alert]



=== TEST 7: a required part that is too large: 502, and the siblings are canceled
--- config
    location = /t {
        mlsec_call a http://faulty/endless/7 required;
        mlsec_call b http://faulty/hang/7;
    }
--- pipelined_requests eval
["GET /t", "GET /_wait/gone/endless/7", "GET /_wait/gone/hang/7"]
--- error_code eval
[502, 200, 200]
--- response_body_like eval
[qr/"message":"Service faulty sent an answer that is too large".*"part":"b","error_type":"canceled"/,
 qr/^\{"gone":true\}$/, qr/^\{"gone":true\}$/]
--- no_error_log
[alert]



=== TEST 8: all bodies together
--- config
    location = /fits {
        mlsec_total_max_size 3000;
        mlsec_call a http://faulty/size/1000;
        mlsec_call b http://faulty/size/1000;
        mlsec_call c http://faulty/size-chunked/1000;
    }
    location = /over {
        mlsec_total_max_size 2999;
        mlsec_call a http://faulty/size/1000;
        mlsec_call b http://faulty/size/1000;
        mlsec_call c http://faulty/size-chunked/1000;
    }
--- pipelined_requests eval
["GET /fits", "GET /over"]
--- response_body_like eval
[qr/^\{"a":"x{998}","b":"x{998}","c":"x{998}"\}$/,
 qr/"errors":\[\{[^{]*"error_type":"too_large"[^{]*\}\]\}$/]
--- no_error_log
[alert]



=== TEST 9: the cap of all bounds a single one
--- config
    location = /t {
        mlsec_total_max_size 500;
        mlsec_call a http://faulty/size/501;
        mlsec_call b http://faulty/ok/b;
        mlsec_call c http://faulty/endless/9;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":null,"b":\{"name":"b"\},"c":null,"errors":\[\{[^{]*"part":"a","error_type":"too_large"[^{]*\},\{[^{]*"part":"c","error_type":"too_large"[^{]*\}\]\}$/
--- no_error_log
[alert]



=== TEST 10: what failed does not count
--- config
    location = /t {
        mlsec_total_max_size 4000;
        mlsec_call a http://faulty/error;
        mlsec_call b http://faulty/size/2000;
        mlsec_call c http://faulty/size/2000;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"a":null,"b":"x{1998}","c":"x{1998}","errors":\[\{[^{]*"part":"a","error_type":"upstream_status","status_code":500[^{]*\}\]\}$/
--- no_error_log
[alert]
too_large



=== TEST 11: a fallback stands in for a part that is too large
--- config
    location = /t {
        mlsec_call_max_size 100;
        mlsec_call a http://faulty/size/101 'fallback=json:[]';
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body_like eval
qr/^\{"a":\[\],"errors":\[\{[^{]*"error_type":"too_large"[^{]*"fallback":true\}\]\}$/
--- no_error_log
[alert]



=== TEST 12: a static file over the cap
--- config
    location = /t {
        mlsec_call_max_size 100;
        mlsec_call a /file.json;
        mlsec_call b http://faulty/ok/b;
    }
    location = /file.json {
    }
--- user_files eval
[["file.json" => '"' . 'x' x 200_000 . '"']]
--- request
GET /t
--- response_body_like eval
qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{[^{]*"part":"a","error_type":"too_large"[^{]*\}\]\}$/
--- no_error_log
[alert]
