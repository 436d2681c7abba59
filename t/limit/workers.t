# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A gateway of several workers that shares its limits through a Redis that is
# well, but slow, or not in touch with all of them: nobody is decided without
# it, and what is on the way to it counts.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Instance;
use MlsecTest::Redis;
use MlsecTest::TcpProxy;
use MlsecTest::Until;

plan skip_all => MlsecTest::Redis->missing if MlsecTest::Redis->missing;

use constant WORKERS => 4;

my $redis = MlsecTest::Redis->start;
my $proxy = MlsecTest::TcpProxy->start(to => $redis->socket);

my $nginx = MlsecTest::Instance->start(workers => WORKERS, http => sprintf(q{
    mlsec_redis redis://127.0.0.1:%d connect_timeout=5s timeout=10s;
    mlsec_limit_zone user:256k key=$http_x_user;
    mlsec_limit_sync timeout=10s;
}, $proxy->port), server => q{
    location = /lease { mlsec_limit zone=user rate=1r/h burst=200 name=lease; mlsec_respond 1; }
    location = /strict { mlsec_limit_sync every=0 timeout=10s; mlsec_limit zone=user rate=1r/h burst=200 name=strict; mlsec_respond 1; }
    location = /hasty { mlsec_limit_sync every=0 timeout=50ms; mlsec_limit zone=user rate=1r/h burst=200 name=hasty; mlsec_respond 1; }
    location = /state { mlsec_limit_status; }
    location = /redis { mlsec_redis_status check=off; }
    location = /metrics { mlsec_metrics; }
});

$nginx->allow(qr/exited on signal 9/);

my $i = 0;

sub user { return 'user-' . ++$i }

sub json { return JSON::PP::decode_json($nginx->get($_[0])->{body}) }

# Statuses of requests that are sent at the same time, or with a pause after
# each, so that they are no few turns of the loop; counted.
sub crowd {
    my ($n, $path, $user, $pause) = @_;

    my @clients = map { $nginx->client } 1 .. $n;
    my %count;

    for my $client (@clients) {
        $client->request($path, headers => ["X-User: $user"]);
        sleep $pause if $pause;
    }
    $count{ ($_->response(30) // { status => 'none' })->{status} }++ for @clients;

    return \%count;
}

# What several workers say, perhaps all of them.
sub everywhere {
    my ($path) = @_;

    my @clients = map { $nginx->client } 1 .. 4 * WORKERS;

    $_->request($path) for @clients;

    return map { JSON::PP::decode_json($_->response(10)->{body}) } @clients;
}

# Decisions about /lease and /strict that Redis did not take part in.
sub without {
    my $n = 0;

    $nginx->get('/metrics')->{body} =~ /^mlsec_limit_sync_decisions_total\{policy="(?:lease|strict)",[^}]*how="(?:late|alone)"\} (\d+)(?{ $n += $1 })(*FAIL)/m;

    return $n;
}

sub shared { return json('/state')->{sync}{state} eq 'shared' }

until_ok(20, sub { my @c = $redis->clients; @c == WORKERS && json('/state')->{sync}{gateways} }, 'workers are connected');

# more are under way than a worker has batches
for my $delay (0, 0.3) {
    $proxy->mode($delay ? ('delay', $delay) : 'pass');
    is_deeply(crowd(300, '/strict', user(), $delay && 0.0005), { 200 => 200, 429 => 100 }, "300 at once, replies after $delay s: exactly 200");
}

# what is told and not answered is in no lease
for my $delay (0, 0.01, 0.3) {
    $proxy->mode($delay ? ('delay', $delay) : 'pass');

    my $user = user();
    my $n = crowd(400, '/lease', $user, $delay && 0.0005)->{200};

    cmp_ok($n, '>=', 200, "leases, replies after $delay s: a whole burst");
    $n += crowd(60, '/lease', $user)->{200} // 0;
    cmp_ok($n, '<=', 200 + 20, "leases, replies after $delay s: and one lease at most on top, $n");
}

# workers that have just begun: their greeting is answered late
for my $how ('a killed worker', 'a reload') {
    my $user = user();
    my @old = $nginx->worker_pids;
    my $n = crowd(100, '/strict', $user)->{200};

    if ($how eq 'a reload') {
        $nginx->signal('HUP');

    } else {
        kill KILL => $old[0];
        until_ok(10, sub { !kill 0, $old[0] }, 'killed: it is dead');
    }
    until_ok(10, sub { grep { my $p = $_; !grep { $_ == $p } @old } $nginx->worker_pids }, "$how: a new one");

    $n += crowd(150, '/strict', $user)->{200};
    is($n, 200, "$how: new workers wait for their connection");
}

$proxy->mode('pass');
is(without(), 0, 'Redis has decided all of it');

# all workers have lost it, and wait before they try again: the one that finds it
# does so for all
{
    $proxy->mode('reset');
    until_ok(10, sub { $nginx->get('/hasty', headers => ['X-User: x']); !shared() }, 'Redis is lost');

    my %waits;

    until_ok(10, sub { $waits{ $_->{pid} } = 1 for grep { $_->{state} eq 'waiting' } everywhere('/redis'); return keys %waits == WORKERS },
             'by all workers');
    $proxy->mode('pass');
    until_ok(20, \&shared, 'and found');
    is_deeply(crowd(300, '/strict', user()), { 200 => 200, 429 => 100 }, 'at once by all: exactly 200');
    is(without(), 0, 'and Redis has decided all of it');
}

$nginx->finish;
done_testing();
