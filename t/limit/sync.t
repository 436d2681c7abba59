# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_limit_sync: three gateways and a real redis-server. What they admit
# together, what they do while Redis is stopped, dead, empty or busy, and how
# they come back. failures.t has everything else that Redis can do.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Instance;
use MlsecTest::Redis;

plan skip_all => MlsecTest::Redis->missing if MlsecTest::Redis->missing;

# What a request may wait; where numbers have to be exact it is 5 s, so that a
# machine that is busy does not make an answer late. What such a machine may add
# to a time.
use constant BUDGET => 0.3;    # s
use constant SLACK  => 4;      # s
use constant BACK  => 2;       # s, until a lost Redis is used again

my $http = q{
    mlsec_redis %s connect_timeout=200ms timeout=5s;
    mlsec_limit_store nodes=3;
    mlsec_limit_zone user:256k key=$http_x_user;
    mlsec_limit_zone tenant:256k key=$arg_tenant;
    mlsec_limit_sync timeout=300ms;
    log_format t '$uri $status $request_time';
    access_log $DIR/logs/times.log t;
};

my $server = q{
    mlsec_errors on;

    location = /lease { mlsec_limit_sync timeout=5s; mlsec_limit zone=user rate=1r/h burst=50 name=lease; mlsec_respond 1; }
    location = /strict { mlsec_limit_sync every=0 timeout=300ms; mlsec_limit zone=user rate=1r/h burst=21 name=strict; mlsec_respond 1; }
    location = /exact { mlsec_limit_sync every=0 timeout=5s; mlsec_limit zone=user rate=1r/h burst=21 name=exact; mlsec_respond 1; }
    location = /two {
        mlsec_limit_sync every=0 timeout=5s;
        mlsec_limit zone=user rate=1r/h burst=10 name=two;
        mlsec_limit zone=tenant rate=1r/h burst=3;
        mlsec_respond 1;
    }
    location = /mixed {
        mlsec_limit_sync every=0 timeout=5s;
        mlsec_limit zone=user rate=1r/h burst=2 name=mixed;
        mlsec_limit zone=user rate=1r/h burst=1 name=dry dry_run;
        mlsec_respond 1;
    }
    location = /quota { mlsec_limit_sync every=0 timeout=5s; mlsec_limit zone=user quota=5/day name=quota; mlsec_respond 1; }
    location = /month { mlsec_limit_sync lease=20%% timeout=5s; mlsec_limit zone=user quota=20/month name=month; mlsec_respond 1; }
    location = /cost { mlsec_limit_sync every=0 timeout=5s; mlsec_limit zone=user rate=1r/h burst=10 cost=$arg_cost name=cost; mlsec_respond 1; }
    location = /login {
        mlsec_limit_sync every=0 timeout=5s;
        mlsec_limit zone=user rate=1r/h burst=3 count=401 name=failures;
        proxy_pass http://unix:$DIR/http.sock:/$arg_to;
    }
    location = /s401 { mlsec_limit off; return 401; }
    location = /s200 { mlsec_limit off; return 200; }
    location = /open { mlsec_limit_sync every=0 timeout=300ms fail=open; mlsec_limit zone=user rate=1r/h burst=3 name=open; mlsec_respond 1; }
    location = /closed { mlsec_limit_sync every=0 timeout=300ms fail=closed; mlsec_limit zone=user rate=1r/h burst=3 name=closed; mlsec_respond 1; }
    location = /closed_lease { mlsec_limit_sync timeout=300ms fail=closed; mlsec_limit zone=user rate=1r/h burst=3 name=cl; mlsec_respond 1; }
    location = /here { mlsec_limit_sync off; mlsec_limit zone=user rate=1r/h burst=2 name=here; mlsec_respond 1; }
    location = /state { mlsec_limit_status; }
    location = /metrics { mlsec_metrics; }
};

$server =~ s/%%/%/g;

my $redis = MlsecTest::Redis->start;
my @gateways = map { gateway('unix:' . $redis->socket, $_) } 2, 1, 1;
my $i = 0;


sub gateway {
    my ($url, $workers) = @_;

    return MlsecTest::Instance->start(workers => $workers,
        http => sprintf($http, $url), server => $server);
}


sub user { return 'user-' . ++$i }


sub get {
    my ($nginx, $path, $user, @headers) = @_;

    return $nginx->get($path, headers => ["X-User: $user", @headers]);
}


# Statuses of n requests, one after the other, to the gateways in turn.
sub series {
    my ($n, $path, $user, @on) = @_;

    @on = @gateways unless @on;

    return join ' ', map { get($on[$_ % @on], $path, $user)->{status} } 0 .. $n - 1;
}


# Statuses of requests that are sent at the same time, counted.
sub crowd {
    my ($n, $path, $user, @on) = @_;

    @on = @gateways unless @on;

    my @clients = map { $on[$_ % @on]->client } 0 .. $n - 1;
    my %count;

    $_->request($path, headers => ["X-User: $user"]) for @clients;
    $count{ $_->response(20)->{status} }++ for @clients;

    return \%count;
}


sub state {
    my ($nginx) = @_;

    return JSON::PP::decode_json($nginx->get('/state')->{body})->{sync};
}


# Until all gateways are in a state; the seconds that it took.
sub wait_state {
    my ($state, @on) = @_;

    @on = @gateways unless @on;

    my $start = time;
    my $until = $start + 20;

    sleep 0.02 while time < $until && grep { state($_)->{state} ne $state } @on;

    return time - $start;
}


# In touch, and so are all workers: whichever found Redis first has done so for
# the others.
sub shared {
    my ($name, @on) = @_;

    my $took = wait_state('shared', @on);

    cmp_ok($took, '<=', BACK + SLACK, "$name: in touch again in " . int($took * 1000) . ' ms');

    return;
}


sub lost {
    my ($name, @on) = @_;

    my ($start, @left) = (time, @on ? @on : @gateways);

    # who asks finds out sooner than who does not
    while (time < $start + 10 && @left) {
        get($_, '/strict', user()) for @left;
        @left = grep { state($_)->{state} ne 'alone' } @left;
    }

    is(scalar @left, 0, "$name: is noticed");

    return;
}


# Lines of a log of transitions: lost, found.
sub transitions {
    my ($nginx) = @_;

    my $log = $nginx->error_log;
    my $lost = () = $log =~ /\[error\] [^\n]*mlsec limit: redis is out of reach/g;
    my $found = () = $log =~ /\[notice\] [^\n]*mlsec limit: redis is back/g;

    return "$lost $found";
}


# The longest time of a request so far, and forgets it.
sub longest {
    my $most = 0;

    for my $nginx (@gateways) {
        open my $in, '<', $nginx->dir . '/logs/times.log' or next;
        my $from = $nginx->{seen} // 0;
        seek $in, $from, 0;
        while (<$in>) {
            my ($time) = /(\S+)$/;
            $most = $time if $time > $most;
        }
        $nginx->{seen} = tell $in;
    }

    return $most;
}


sub details { return JSON::PP::decode_json($_[0]{body})->{details} }

{
    my $until = time + 20;

    sleep 0.05 while time < $until && grep { state($_)->{gateways} != 3 } @gateways;
    is(join(' ', map { state($_)->{gateways} } @gateways), '3 3 3', 'three gateways know of each other');
    is(state($gateways[0])->{state}, 'shared', 'in touch');
    like($redis->cli('ZCARD', 'mlsec:nodes'), qr/^3$/, 'heartbeats');
}

# exactly
{
    my $user = user();

    is_deeply(crowd(24, '/exact', $user), { 200 => 21, 429 => 3 },
              'every=0: N+3 at once on three gateways, exactly N');
    is_deeply(crowd(9, '/exact', $user), { 429 => 9 }, 'every=0: and no more');

    my $r = get($gateways[1], '/exact', $user);

    like($r->{headers}{ratelimit}, qr/^"exact";r=0;t=3(?:600|59\d)$/, 'every=0: RateLimit');
    cmp_ok($r->{headers}{'retry-after'}, '>=', 3590, 'every=0: Retry-After');
    is(details($r)->{policy}, 'exact', 'every=0: the envelope');
    is(get($gateways[0], '/exact', user())->{headers}{ratelimit}, '"exact";r=20;t=3600',
       'every=0: what is left');

    is(series(12, '/two?tenant=t1', $user), join(' ', (200) x 3, (429) x 9), 'two limits: the second refuses');
    is(series(8, '/two?tenant=t2', $user), join(' ', (200) x 3, (429) x 5),
       'two limits: what it refused was not taken from the first');
    is(series(5, '/mixed', $user), '200 200 429 429 429', 'a dry run refuses nobody');
    # what is asked before midnight and after it are two days
    sleep 1 while time - 86400 * int(time / 86400) > 86400 - 20;
    is(series(7, '/quota', $user), join(' ', (200) x 5, 429, 429), 'a quota');
    is(series(1, '/cost?cost=11', $user), '429', 'a cost over the burst');
    is(series(3, '/cost?cost=0', $user), '200 200 200', 'a cost of 0');
    is(series(4, '/cost?cost=4', $user), '200 200 429 429', 'costs');
    is(series(1, '/cost?cost=2', $user), '200', 'and the rest');
    is(series(3, '/login?to=s200', $user), '200 200 200', 'count=: others are not counted');
    is(series(3, '/login?to=s401', $user), '401 401 401', 'count=: three failures');

    my $until = time + 5;

    sleep 0.02 until time > $until || series(1, '/login?to=s200', $user, $gateways[2]) eq '429';
    is(series(3, '/login?to=s200', $user), '429 429 429', 'count=: then nothing, on all gateways');
    is(series(6, '/here', $user), '200 200 200 200 200 200', 'off: each counts for itself');
    is(series(3, '/here', $user), '429 429 429', 'off: two each');
}

# leases
{
    my $user = user();
    my $all = crowd(150, '/lease', $user);

    cmp_ok($all->{200}, '>=', 50, "lease: $all->{200} of 50 at once, on three gateways");
    cmp_ok($all->{200}, '<=', 50 + 3 * 5, 'lease: not more than a lease each on top');

    my $again = crowd(30, '/lease', $user);

    cmp_ok($all->{200} + ($again->{200} // 0), '<=', 50 + 3 * 5, 'lease: nor later');

    my $one = crowd(51, '/lease', user(), $gateways[0]);

    cmp_ok($one->{200}, '>=', 50, 'lease: a whole burst at once on one gateway is admitted');

    my $month = 0;

    $month += () = series(30, '/month', $user) =~ /200/g;
    cmp_ok($month, '>=', 20, "lease: $month of a quota of 20");
    cmp_ok($month, '<=', 20 + 3 * 4, 'lease: and a lease each');
}

# keys
{
    my $user = "we ird:\x7f{}\xff%";

    series(1, '/strict', $user);
    series(1, '/strict', 'x' x 1000);

    my @keys = sort grep { !/nodes$/ } split /\n/, $redis->cli('KEYS', '*');

    ok((grep { $_ eq 'mlsec:limit:user:strict:we%20ird%3A%7F%7B%7D%FF%25' } @keys),
       'a key is escaped');
    ok((grep { /^mlsec:limit#[0-9A-F]{64}$/ } @keys), 'a long one is a hash');
    is(join(' ', grep { length > 240 || /[^!-~]/ } @keys), '', 'all are short and plain');
    is(join(' ', grep { $redis->cli('PTTL', $_) < 1 } @keys, 'mlsec:nodes'), '', 'all have a time to live');
    ok(!(grep { /here/ } @keys), 'off: is not told');
}

is(join(', ', map { transitions($_) } @gateways), '0 0, 0 0, 0 0', 'nothing was lost so far');
cmp_ok(longest(), '<=', 5 + SLACK, 'nobody waited for longer than he may');

# a client that goes away while it waits
{
    $redis->signal('STOP');

    for (1 .. 20) {
        my $client = $gateways[$_ % 3]->client;

        $client->request('/strict', headers => ['X-User: gone']);
        $client->close;
    }

    $redis->signal('CONT');
    shared('gone clients');
}

my @before = map { transitions($_) } @gateways;

# Lost and found, once each, since this was asked last.
sub told {
    my ($name) = @_;

    my $until = time + 5;
    my $expected = join ', ', map { join ' ', map { $_ + 1 } split } @before;

    sleep 0.05 while time < $until && join(', ', map { transitions($_) } @gateways) ne $expected;
    @before = map { transitions($_) } @gateways;
    is(join(', ', @before), $expected, "$name: one line for each transition");

    return;
}

# stopped: what fail= says
{
    $redis->signal('STOP');

    my @users = map { user() } 1 .. 9;
    my $start = time;

    is(join(' ', map { get($gateways[0], '/strict', $_)->{status} } @users), join(' ', (200) x 9),
       'stopped: requests are answered');

    my $longest = longest();

    cmp_ok($longest, '>=', BUDGET - 0.05, "stopped: who asks waits, $longest s");
    cmp_ok($longest, '<=', BUDGET + SLACK, 'stopped: but within the budget');
    lost('stopped');

    my $user = user();

    is(series(9, '/exact', $user, $gateways[0]), join(' ', (200) x 7, 429, 429),
       'fail=local: a third of 21');
    like(get($gateways[0], '/exact', $user)->{headers}{ratelimit}, qr/^"exact";r=0;/, 'fail=local: is told');
    is(series(9, '/open', user(), $gateways[1]), join(' ', (200) x 9), 'fail=open');

    my $r = get($gateways[2], '/closed', user());

    is($r->{status}, 503, 'fail=closed');
    is($r->{headers}{'retry-after'}, 1, 'fail=closed: Retry-After');
    like($r->{body}, qr/"message":"Limit \\"closed\\" cannot be checked now"/, 'fail=closed: message');
    is_deeply(details($r), { error_type => 'limit_unavailable', policy => 'closed', retry_after => 1,
                             change => 'mlsec_limit_sync fail=' }, 'fail=closed: details');
    ok(!exists $r->{headers}{ratelimit}, 'fail=closed: no RateLimit');
    is(get($gateways[2], '/closed_lease', user())->{status}, 503, 'fail=closed: of a lease too');
    is(series(2, '/here', user(), $gateways[2]), '200 200', 'off: does not notice');

    my $metrics = $gateways[2]->get('/metrics')->{body};

    like($metrics, qr/^mlsec_limit_degraded 1$/m, 'metrics: degraded');
    like($metrics, qr/^mlsec_limit_decisions_total\{policy="closed",zone="user",result="unavailable"\} [1-9]/m,
         'metrics: refused for want of Redis');
    like($metrics, qr/^mlsec_limit_gateways 3$/m, 'metrics: gateways');

    $redis->signal('CONT');
    shared('stopped');
    told('stopped');
    is(series(3, '/closed', user()), '200 200 200', 'fail=closed: and open again');
    is_deeply(crowd(24, '/exact', $user), { 200 => 21, 429 => 3 }, 'nothing of it is told afterwards');
}

# dead, and empty
{
    my $user = user();

    series(21, '/strict', $user);
    $redis->kill;
    lost('killed');
    is(series(3, '/strict', user()), '200 200 200', 'killed: requests are answered');
    $redis->restart;
    shared('killed');
    told('killed');
    is_deeply(crowd(24, '/exact', user()), { 200 => 21, 429 => 3 }, 'restarted empty: exact again');
}

# FLUSHALL is no outage
{
    my $user = user();

    series(5, '/exact', $user);
    $redis->cli('FLUSHALL');
    is_deeply(crowd(24, '/exact', $user), { 200 => 21, 429 => 3 }, 'FLUSHALL: full buckets');
}

# busy
{
    my $sleep = fork // die "fork: $!";

    if ($sleep == 0) {
        $redis->cli('DEBUG', 'SLEEP', '1');
        POSIX::_exit(0);
    }

    longest();

    my $until = time + 1.5;

    series(1, '/strict', user()) while time < $until;
    waitpid $sleep, 0;
    cmp_ok(longest(), '<=', BUDGET + SLACK, 'DEBUG SLEEP: within the budget');
    shared('DEBUG SLEEP');
}

# reload, killed workers
{
    my $nginx = $gateways[0];
    my ($strict, $lease) = (user(), user());
    my @old = $nginx->worker_pids;
    my $until = time + 20;
    my $ok = 0;
    my $name = state($nginx)->{gateway};

    $ok += () = series(20, '/lease', $lease, $nginx) =~ /200/g;
    series(10, '/exact', $strict, $nginx);
    $nginx->signal('HUP');
    sleep 0.05 until time > $until || !grep { my $p = $_; grep { $_ == $p } $nginx->worker_pids } @old;
    $ok += () = series(20, '/lease', $lease, $nginx) =~ /200/g;

    $nginx->allow(qr/exited on signal 9/);

    my ($pid) = $nginx->worker_pids;
    my @clients = map { $nginx->client } 1 .. 8;

    $_->request('/exact', headers => ["X-User: $strict"]) for @clients;
    kill KILL => $pid;

    my $sure = 10 + grep { ($_->response(10) // { status => 0 })->{status} == 200 } @clients;

    sleep 0.05 until time > $until || !grep { $_ == $pid } $nginx->worker_pids;
    wait_state('shared', $nginx);
    $sure += () = series(24, '/exact', $strict) =~ /200/g;
    cmp_ok($sure, '<=', 21, 'a killed worker: nothing is admitted twice');
    cmp_ok($sure, '>=', 21 - 8, 'a killed worker: and little is lost');
    $ok += () = series(60, '/lease', $lease) =~ /200/g;
    cmp_ok($ok, '<=', 50 + 3 * 5, 'leases: a reload and a killed worker keep counts');
    cmp_ok($ok, '>=', 50 - 5, 'leases: and lose nothing');
    is(state($nginx)->{gateway}, $name, 'the gateway is the same one');
}

# metrics
{
    my $metrics = $gateways[0]->get('/metrics')->{body};

    like($metrics, qr/^mlsec_limit_decisions_total\{policy="strict",zone="user",result="admitted"\} [1-9]/m,
         'metrics: admitted');
    like($metrics, qr/^mlsec_limit_decisions_total\{policy="exact",zone="user",result="refused"\} [1-9]/m,
         'metrics: refused');
    like($metrics, qr/^mlsec_limit_sync_decisions_total\{policy="lease",zone="user",how="leased"\} [1-9]/m,
         'metrics: leased');
    like($metrics, qr/^mlsec_limit_sync_decisions_total\{policy="strict",zone="user",how="asked"\} [1-9]/m,
         'metrics: asked');
    like($metrics, qr/^mlsec_limit_degraded 0$/m, 'metrics: not degraded');
    like($metrics, qr/^mlsec_limit_outages_total [1-9]/m, 'metrics: outages');
    like($metrics, qr/^mlsec_limit_sync_batches_total\{result="ok"\} [1-9]/m, 'metrics: batches');
    like($metrics, qr/^mlsec_limit_zone_evicted_total\{zone="user"\} \d+$/m, 'metrics: evicted');
}

$_->finish for @gateways;
done_testing();
