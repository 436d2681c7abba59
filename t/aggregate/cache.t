# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Parts that are answered out of nginx's cache.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd ();
use Test::Nginx::Socket;

use MlsecTest::Faulty;

$ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf';

my %count;

# each answer has a number, so that a test sees which one it got

sub numbered {
    my ($request) = @_;

    my $n = ++$count{ $request->{path} };

    return MlsecTest::Faulty::json(
        qq({"n":$n,"method":"$request->{method}"}));
}


our $faulty = MlsecTest::Faulty->start(replies => {
    (map { ("/$_" => \&numbered) } qw(hit post head bypass)),
    '/slow-one' => sub { return [wait => 0.3], numbered(@_) },
    '/large'    => [MlsecTest::Faulty::json('"' . 'x' x 300_000 . '"')],
    '/once'     => sub {
        return $count{once}++ ? ['close'] : numbered(@_);
    },
    '/updating' => sub {
        return $count{updating}++ ? ([wait => 0.2], numbered(@_))
                                  : numbered(@_);
    },
    '/bad'      => [MlsecTest::Faulty::json('{"bad":')],
    '/etag'     => [MlsecTest::Faulty::json('{"etag":1}', lines => [
                        'ETag: "e"', 'Last-Modified: '
                        . 'Sun, 01 Jan 2023 00:00:00 GMT'])],
});

$ENV{TEST_NGINX_FAULTY} = $faulty->address;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    upstream faulty { server $TEST_NGINX_FAULTY; keepalive 4; }
    proxy_cache_path $TEST_NGINX_SERVER_ROOT/cache keys_zone=c:1m;
CONF

    $block->set_value(config => <<'CONF' . ($block->config // ''));
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;

    location /cached/ {
        proxy_pass http://faulty/;
        proxy_cache c;
        proxy_cache_key $uri;
        proxy_cache_valid 200 1m;
    }
CONF
});

no_long_string();
no_shuffle();
plan('no_plan');
run_tests();

__DATA__

=== TEST 1: miss, then hits
--- config
    location = /t {
        mlsec_call a /cached/hit;
        mlsec_call b http://faulty/ok/b;
    }
--- pipelined_requests eval
["GET /t", "GET /t", "GET /t"]
--- response_body eval
[(qq({"a":{"n":1,"method":"GET"},"b":{"name":"b"}})) x 3]
--- no_error_log
[alert]
[error]



=== TEST 2: all parts are hits: the answer is there at once
--- config
    location = /t {
        mlsec_merge array;
        mlsec_call a /cached/large;
        mlsec_call b /cached/hit;
        mlsec_call c /cached/large;
    }
--- pipelined_requests eval
["GET /t", "GET /t", "HEAD /t"]
--- response_body eval
[(qq(["300000",{"n":2,"method":"GET"},"300000"])) x 2, ""]
--- response_body_filters eval
sub { $_[0] =~ s/(xx+)/length $1/ger }
--- no_error_log
[alert]
[error]



=== TEST 3: the same part twice: one waits for the cache lock of the other
--- config
    location = /t {
        mlsec_call a /lock/slow-one;
        mlsec_call b /lock/slow-one;
        mlsec_call c /lock/slow-one;
    }
    location /lock/ {
        proxy_pass http://faulty/;
        proxy_cache c;
        proxy_cache_key $uri;
        proxy_cache_valid 200 1m;
        proxy_cache_lock on;
    }
--- request
GET /t
--- response_body chomp
{"a":{"n":1,"method":"GET"},"b":{"n":1,"method":"GET"},"c":{"n":1,"method":"GET"}}
--- timeout: 10
--- no_error_log
[alert]
[error]



=== TEST 4: a stale answer is better than none
--- config
    location = /t {
        mlsec_call a /stale/once;
        mlsec_call b http://faulty/ok/b;
    }
    location /stale/ {
        proxy_pass http://faulty/;
        proxy_cache c;
        proxy_cache_key $uri;
        proxy_cache_valid 200 1s;
        proxy_cache_use_stale error timeout;
    }
    location = /sleep {
        proxy_pass http://faulty/slow/2500/x;
    }
--- pipelined_requests eval
["GET /t", "GET /sleep", "GET /t"]
--- response_body eval
[qq({"a":{"n":1,"method":"GET"},"b":{"name":"b"}}), qq({"name":"x"}),
 qq({"a":{"n":1,"method":"GET"},"b":{"name":"b"}})]
--- timeout: 10
--- no_error_log
[alert]
part failed



=== TEST 5: stale while updating: a part waits for the update, nginx starts no update from a background request
--- config
    location = /t {
        mlsec_call a /update/updating;
        mlsec_call b http://faulty/ok/b;
    }
    location /update/ {
        proxy_pass http://faulty/;
        proxy_cache c;
        proxy_cache_key $uri;
        proxy_cache_valid 200 1s;
        proxy_cache_use_stale updating;
        proxy_cache_background_update on;
    }
    location = /sleep {
        proxy_pass http://faulty/slow/2500/x;
    }
    location = /short {
        proxy_pass http://faulty/slow/600/x;
    }
--- pipelined_requests eval
["GET /t", "GET /sleep", "GET /t", "GET /short", "GET /t"]
--- response_body eval
[qq({"a":{"n":1,"method":"GET"},"b":{"name":"b"}}), qq({"name":"x"}),
 qq({"a":{"n":2,"method":"GET"},"b":{"name":"b"}}), qq({"name":"x"}),
 qq({"a":{"n":2,"method":"GET"},"b":{"name":"b"}})]
--- timeout: 10
--- no_error_log
[alert]
[error]



=== TEST 6: what is cached and no JSON stays an error
--- config
    location = /t {
        mlsec_call a /cached/bad;
        mlsec_call b http://faulty/ok/b;
    }
--- pipelined_requests eval
["GET /t", "GET /t"]
--- response_body_like eval
[(qr/^\{"a":null,"b":\{"name":"b"\},"errors":\[\{[^{]*"error_type":"bad_json"[^{]*\}\]\}$/) x 2]
--- no_error_log
[alert]



=== TEST 7: conditions and ranges of the client do not reach the cache
--- config
    location = /t {
        mlsec_call a /cached/etag;
    }
--- pipelined_requests eval
["GET /t", "GET /t"]
--- more_headers
If-None-Match: "e"
If-Modified-Since: Sun, 01 Jan 2023 00:00:00 GMT
Range: bytes=0-2
--- error_code eval
[200, 200]
--- response_body eval
[qq({"a":{"etag":1}}), qq({"a":{"etag":1}})]
--- no_error_log
[alert]
[error]



=== TEST 8: HEAD fills the cache with what GET gets
--- config
    location = /t {
        mlsec_call a /cached/head;
    }
--- request eval
["HEAD /t", "GET /t"]
--- response_body eval
["", qq({"a":{"n":1,"method":"GET"}})]
--- no_error_log
[alert]
[error]



=== TEST 9: a POST with its body to one part, and a cached part beside it
--- config
    location = /t {
        mlsec_call a /cached/post;
        mlsec_call b http://faulty/ok/b body=on;
        mlsec_call c /cached/post;
    }
--- pipelined_requests eval
["GET /t", "POST /t\nbody of some length", "POST /t\n" . "x" x 100_000]
--- response_body_like eval
[qr/^\{"a":\{"n":\d,"method":"GET"\},"b":\{"name":"b"\},"c":\{"n":\d,"method":"GET"\}\}$/,
 (qr/^\{"a":\{"n":(\d),"method":"GET"\},"b":\{"name":"b"\},"c":\{"n":\1,"method":"GET"\}\}$/) x 2]
--- no_error_log
[alert]
[error]
