# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What is counted of every attempt to reach a peer, for parts of aggregates
# and for plain proxy_pass, buffered and not: each fault has its outcome, and
# what is nobody's fault has none.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $json = \&MlsecTest::Faulty::json;
my $head = \&MlsecTest::Faulty::header;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/reset'       => [['reset']],
    '/close'       => [['close']],
    '/reset-body'  => [$head->(length => 100), [out => '{"a":'],
                       [wait => 0.05], ['reset']],
    '/close-body'  => [$head->(length => 100), [out => '{"a":1}'], ['close']],
    '/close-chunk' => [$head->(chunked => 1), [out => "7\r\n{\"a\":1}\r\n"],
                       ['close']],
    '/until-close' => [$head->(), [out => '{"a":1}'], ['close']],
    '/garbage'     => [[out => "\x16\x03\x01\x02\x00 no HTTP\r\n\r\n"],
                       ['close']],
    '/kept'        => sub {
        return $_[0]{method} eq 'GET' ? $json->('{"a":1}') : ['reset'];
    },
    '/204'         => [[out => "HTTP/1.1 204 No Content\r\n\r\n"]],
    '/accel'       => [[out => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                        . "X-Accel-Redirect: /elsewhere\r\n\r\n"]],
});
my $hole = MlsecTest::Faulty::Blackhole->new;

my $nginx = MlsecTest::Instance->start(http => qq{
    error_log \$DIR/logs/error.log alert;
    mlsec_zone mlsec:1m;
    upstream faulty {
        zone faulty 64k; server @{[$faulty->address]}; keepalive 4;
        mlsec_service faulty;
    }
    upstream none { server unix:\$DIR/nobody.sock; mlsec_service none; }
    upstream hole { server @{[$hole->address]}; mlsec_service hole; }
    upstream pair {
        server unix:\$DIR/nobody.sock; server @{[$faulty->address]};
        mlsec_service pair;
    }
    upstream unknown { server @{[$faulty->address]}; }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_deadline 20s;
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    location = /state { mlsec_services; }
    location = /elsewhere { return 200 else; }
    location = /rescue { return 200 rescued; }

    location /buffered/   { proxy_pass http://faulty/; }
    location /unbuffered/ { proxy_pass http://faulty/; proxy_buffering off; }
    location /intercepted/ {
        proxy_pass http://faulty/;
        proxy_intercept_errors on;
        error_page 404 500 = /rescue;
    }
    location /pair/ { proxy_pass http://pair/; }
    location /hole/ { proxy_pass http://hole/; proxy_connect_timeout 300ms; }
    location /none/ { proxy_pass http://none/; }
    location /unknown/ { proxy_pass http://unknown/; }
    location ~ ^/part(/.*) { mlsec_call a http://faulty\$1 timeout=20s; }

    # for what never ends
    location /short-buffered/ { proxy_pass http://faulty/; proxy_read_timeout 300ms; }
    location /short-unbuffered/ {
        proxy_pass http://faulty/; proxy_read_timeout 300ms; proxy_buffering off;
    }
    location ~ ^/short-part(/.*) { mlsec_call a http://faulty\$1 timeout=300ms; }
    location /part-none/ { mlsec_call a http://none/; }
    location /part-hole/ { mlsec_call a http://hole/ timeout=300ms; }
    location ~ ^/small(/.*) {
        mlsec_call_max_size 100;
        mlsec_call a http://faulty\$1;
    }
    location /sibling/ {
        mlsec_call a http://faulty/hang/sibling;
        mlsec_call b /missing required;
    }
    location /sibling-body/ {
        mlsec_call a http://faulty/half-body/sibling;
        mlsec_call b http://faulty/slow/200/none required ok=404;
    }
    location /half/ { proxy_pass http://faulty/half-body/; proxy_read_timeout 9s; }
});


# The counters of a service's peers: {outcome => count}, summed up.
sub calls {
    my ($service) = @_;

    my $state = JSON::PP::decode_json($nginx->get('/state')->{body});
    my ($found) = grep { $_->{name} eq $service } @{ $state->{services} };
    my %sum;

    for my $peer (@{ $found->{peers} }) {
        $sum{$_} += $peer->{calls}{$_} for keys %{ $peer->{calls} };
    }

    $sum{inflight} = $found->{inflight};

    return \%sum;
}


# What has been added, as text: "ok 1, reset 2".
sub added {
    my ($before, $after) = @_;

    return join ', ', map { "$_ " . ($after->{$_} - $before->{$_}) }
        grep { $after->{$_} != $before->{$_} } sort keys %$after;
}


# A request and what it is to add; waits until that has happened.
sub counts {
    my ($path, $expected, $service, $name) = @_;

    $service //= 'faulty';

    my $before = calls($service);
    my $until  = time + 5;
    my $got;

    $nginx->get($path);

    do {
        $got = added($before, calls($service));
    } while ($got ne $expected && time < $until
             && !select undef, undef, undef, 0.02);

    is($got, $expected, $name // "$path: $expected");
}

for my $name ('buffered', 'unbuffered', 'part') {
    my ($way, $short) = ("/$name", "/short-$name");

    counts("$way/ok/x", 'ok 1');
    counts("$way/204", 'ok 1');
    counts("$way/status/404", 'ok 1');
    counts("$way/status/429", 'ok 1');
    counts("$way/status/500", 'status 1');
    counts("$way/status/503", 'status 1');
    counts("$way/until-close", 'ok 1');
    counts("$way/garbage", 'reset 1');
    counts("$way/reset", 'reset 1');
    counts("$way/close", 'reset 1');
    counts("$way/reset-body", 'reset 1');
    counts("$way/close-body", 'reset 1');
    counts("$way/close-chunk", 'reset 1');
    counts("$short/hang/x", 'timeout 1');
    counts("$short/half-header", 'timeout 1');
    counts("$short/half-body/x", 'timeout 1');
}

counts('/buffered/size/300000', 'ok 1');
counts('/unbuffered/size-chunked/300000', 'ok 1');
counts('/buffered/accel', 'ok 1');
counts('/intercepted/status/404', 'ok 1');
counts('/intercepted/status/500', 'status 1');

counts('/none/', 'connect 1', 'none');
counts('/hole/', 'connect 1', 'hole');
counts('/part-none/', 'connect 1', 'none');
counts('/part-hole/', 'connect 1', 'hole');

# limits of ours, siblings
counts('/small/size/5000', 'aborted 1', undef, 'a part too large for us');
counts('/part/status/502', 'status 1');
counts('/sibling/', 'aborted 1');
counts('/sibling-body/', 'aborted 1, ok 1');

# a kept connection that the peer has closed is its right, and nginx begins anew
# on another one; where it must not, since it may have been done, the client is
# told, and that is a failure
$nginx->get('/buffered/kept');
counts('/buffered/close', 'aborted 1, reset 1', undef, 'GET on a kept connection');

for my $method (qw(POST PATCH)) {
    my $before = calls('faulty');

    is($nginx->get('/buffered/kept')->{status}, 200, "$method: a connection is kept");
    is($nginx->get('/buffered/kept', method => $method, body => 'x')->{status}, 502,
       "$method on it: 502");
    is(added($before, calls('faulty')), 'ok 1, reset 1', "$method on it: a failure");
}

# every attempt
{
    my $before = calls('pair');

    $nginx->get('/pair/ok/x') for 1, 2;

    is(added($before, calls('pair')), 'connect 1, ok 2',
       'each attempt is counted, a server that max_fails leaves out is not');
}

# an upstream without any of our directives
is($nginx->get('/unknown/ok/x')->{status}, 200, 'unknown: not touched');

# a client that goes away
for my $path ('/part/hang/gone', '/half/gone', '/buffered/hang/gone') {
    my $before = calls('faulty');
    my $client = $nginx->client;
    my $seen   = $path =~ /half/ ? '/half-body/gone' : '/hang/gone';
    my $n      = $faulty->count('request', $seen);

    $client->request($path);
    ok(defined $faulty->wait_for('request', $seen, 5, $n + 1),
       "$path: the service has it");
    is(calls('faulty')->{inflight}, 1, "$path: in flight");
    undef $client;

    my $until = time + 5;
    my $got;

    do {
        $got = added($before, calls('faulty'));
    } while ($got ne 'aborted 1' && time < $until
             && !select undef, undef, undef, 0.02);

    is($got, 'aborted 1', "$path: left by the client");
}

is(calls($_)->{inflight}, 0, "$_: nothing is in flight") for qw(faulty none hole pair);

$nginx->finish('outcomes');
done_testing;
