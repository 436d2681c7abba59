# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A required part fails: the answer goes out at once and every sibling is
# stopped, whatever it is doing, with its upstream connection closed.  Then
# the client's connection takes the next request at once, which shows that no
# reference is left on the one before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/late500' => [[wait => 0.3],
                   MlsecTest::Faulty::json('{}', status => 500)],
});

my $hole = MlsecTest::Faulty::Blackhole->new;

my $nginx = MlsecTest::Instance->start(
    http => qq{
    proxy_cache_path \$DIR/cache keys_zone=lock:1m;

    upstream faulty { server @{[$faulty->address]}; keepalive 4; }
    upstream hole   { server @{[$hole->address]}; }
    upstream none   { server unix:\$DIR/nobody.sock; }
    },
    server => qq{
    include \$CONF/mlsec_parts.conf;

    location = /ok {
        mlsec_call a http://faulty/ok/a;
    }

    location = /connect {
        mlsec_call victim http://hole/;
        mlsec_call bad    http://faulty/late500 required;
    }

    location = /header {
        mlsec_call victim http://faulty/hang/header;
        mlsec_call bad    http://faulty/late500 required;
    }

    location = /half-header {
        mlsec_call victim http://faulty/half-header/x;
        mlsec_call bad    http://faulty/late500 required;
    }

    location = /body {
        mlsec_call victim http://faulty/half-body/x;
        mlsec_call bad    http://faulty/late500 required;
    }

    location = /endless {
        mlsec_call_max_size 1024m;
        mlsec_call victim http://faulty/drip/50;
        mlsec_call bad    http://faulty/late500 required;
    }

    location /not-started/ {
        mlsec_call victim http://faulty/ok/never;
        mlsec_call second /nested;
        mlsec_call bad    http://faulty/ 'header=X-Path: \$uri';
    }

    location = /all {
        mlsec_call one    http://faulty/hang/all1;
        mlsec_call two    http://faulty/half-header/all2;
        mlsec_call three  http://faulty/half-body/all3;
        mlsec_call four   http://hole/;
        mlsec_call bad    http://faulty/late500 required;
        mlsec_call five   /nested;
        mlsec_call six    /unbuffered/hang/all6;
    }

    location = /nested {
        mlsec_call inner  http://faulty/hang/inner;
        mlsec_call more   /nested2;
    }

    location = /nested2 {
        mlsec_call inner  http://faulty/half-body/inner2;
    }

    location = /nested-cancel {
        mlsec_call victim /nested;
        mlsec_call bad    http://faulty/late500 required;
    }

    location = /nested-error-page {
        mlsec_call victim /failing;
        mlsec_call bad    http://faulty/late500 required;
    }

    # an aggregate that fails and hands over to a plain proxy
    location = /failing {
        mlsec_call inner http://none/ required;
        error_page 502 = \@plain;
    }

    location \@plain {
        rewrite ^ /hang/plain break;
        proxy_pass http://faulty;
    }

    location /unbuffered/ {
        proxy_pass http://faulty/;
        proxy_buffering off;
    }

    location = /unbuffered-body {
        mlsec_call victim /unbuffered/half-body/unbuffered;
        mlsec_call bad    http://faulty/late500 required;
    }

    location /locked/ {
        proxy_pass http://faulty/;
        proxy_cache lock;
        proxy_cache_valid any 1m;
        proxy_cache_lock on;
        proxy_cache_lock_timeout 30s;
        proxy_cache_lock_age 30s;
    }

    location = /lock {
        mlsec_call victim /locked/hang/lock;
        mlsec_call bad    http://faulty/late500 required;
    }

    location = /holder {
        mlsec_call holder /locked/hang/lock timeout=3s;
    }

    location = /self-failing {
        mlsec_call first  /bad-json required;
        mlsec_call victim http://faulty/hang/self;
    }

    location = /bad-json {
        return 200 "not json";
    }

    location = /ping {
        return 200 "pong";
    }
    },
);


# Asks for PATH and, on the same connection, for another page right after.
sub fails_at_once {
    my ($path, %o) = @_;

    my $client = $nginx->client;
    my $status = $o{status} // 502;

    $client->request($path);

    my $response = $client->response(10);

    is($response && $response->{status}, $status, "$path: status");
    is(() = ($response->{body} // '') =~ /"error_type":"canceled"/g,
       $o{canceled} // 1, "$path: siblings are canceled");

    cmp_ok($response->{time} // 99, '<', 4, "$path: is not waited for");

    for my $victim (@{ $o{gone} // [] }) {
        ok(defined $faulty->wait_for('gone', $victim, 10),
           "$path: the connection of $victim is closed");
    }

    if (($response->{headers}{connection} // '') eq 'close') {

        # nginx does so after a 400

        ok($client->is_closed(10), "$path: the connection is closed");
        return;
    }

    $client->request('/ping');
    is(($client->response(10) // {})->{body}, 'pong',
       "$path: the connection goes on");

    $client->request('/ok');
    is(($client->response(10) // {})->{body}, '{"a":{"name":"a"}}',
       "$path: also with an aggregate");

    return;
}


fails_at_once('/connect');
ok($hole->wait_for(0, 10), 'nobody is connecting any more');

fails_at_once('/header', gone => ['/hang/header']);
fails_at_once('/half-header', gone => ['/half-header/x']);
fails_at_once('/body', gone => ['/half-body/x']);
fails_at_once('/endless', gone => ['/drip/50']);
fails_at_once('/unbuffered-body', gone => ['/half-body/unbuffered']);

# a line break in a header of the last part: 400, and no part runs
fails_at_once('/not-started/a%0ab', canceled => 0, status => 400);
is($faulty->count('request', '/ok/never'), 0,
   'a part that has not run yet never does');

fails_at_once('/self-failing', gone => ['/hang/self']);

fails_at_once('/nested-cancel', gone => ['/hang/inner', '/half-body/inner2']);
fails_at_once('/nested-error-page', gone => ['/hang/plain']);

fails_at_once('/all', canceled => 6, gone => [
    '/hang/all1', '/half-header/all2', '/half-body/all3', '/hang/all6',
]);
ok(defined $faulty->wait_for('gone', '/hang/inner', 10, 2),
   '/all: the nested part is stopped');
ok(defined $faulty->wait_for('gone', '/half-body/inner2', 10, 2),
   '/all: and what is nested in it');
ok($hole->wait_for(0, 10), '/all: nobody is connecting any more');

{
    # the holder of a cache lock and one that waits for it

    my $holder = $nginx->client;
    my $client = $nginx->client;

    $holder->request('/holder');
    ok(defined $faulty->wait_for('request', '/hang/lock', 10),
       'the cache lock is held');

    $client->request('/lock');

    my $response = $client->response(10);

    is($response->{status}, 502, 'lock: status');
    like($response->{body}, qr/"error_type":"canceled"/, 'lock: canceled');
    cmp_ok($response->{time}, '<', 2.7, 'lock: does not wait for the holder');

    is($holder->response(10)->{status}, 504, 'lock: the holder times out');

    # a waiter looks at the lock every 500 ms; only then is it let go

    $client->request('/ping');
    is(($client->response(10) // {})->{body}, 'pong',
       'lock: the connection goes on');
    is($faulty->count('request', '/hang/lock'), 1,
       'lock: the canceled part does not start');
}

{
    # many times over: a leak of a reference or of a connection would show

    my $client = $nginx->client;
    my $bad    = 0;

    for my $i (1 .. 200) {
        $client->request('/self-failing');
        my $response = $client->response(10);
        $bad++ unless $response && $response->{status} == 502;
    }

    is($bad, 0, '200 failures on one connection');
}

$nginx->finish;

done_testing;
