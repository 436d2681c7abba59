# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What Redis and the way to it can do, a row for each, as in the table of
# docs/internals/leases.md: what requests get by each fail= meanwhile, how long
# they wait, what the log says (one line for each transition, of all workers),
# how soon limits are shared again, and that nothing is left behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Instance;
use MlsecTest::Redis;
use MlsecTest::TcpProxy;
use MlsecTest::Until;

plan skip_all => MlsecTest::Redis->missing if MlsecTest::Redis->missing;

# What a request may wait; what a machine that is busy may add to that; what
# may pass until a lost Redis is used again.
use constant BUDGET => 0.25;   # s
use constant SLACK  => 4;      # s
use constant BACK   => 2;      # s
use constant WORKERS => 4;

my $certs = File::Temp->newdir;
chmod 0755, $certs;

# NAME.pem and NAME.key, a CA of its own
sub certificate {
    my ($name, $subject) = @_;

    return system('sh', '-c', 'exec "$@" 2>/dev/null', 'sh', 'openssl', 'req', '-x509', '-days', 2,
        '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', "/CN=$subject",
        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$certs/$name.key",
        '-out', "$certs/$name.pem") == 0;
}

plan skip_all => 'no openssl to make certificates with' unless certificate('good', 'redis');
certificate('other', 'somebody else');

sub tls { my ($name) = @_; return ["$certs/$name.pem", "$certs/$name.pem", "$certs/$name.key"] }

my @user = ('--user', 'gateway', 'on', '>word', '~mlsec:*', '+@read', '+@write', '+@scripting', '+@connection', '+time');
my $redis = MlsecTest::Redis->start(tls => tls('good'), args => \@user);
my $other = MlsecTest::Redis->start(args => \@user);
my $replica = MlsecTest::Redis->start(args => [@user, '--replicaof', '127.0.0.1', $redis->port]);
my $proxy = MlsecTest::TcpProxy->start(to => $redis->socket);

my $http = q{
    mlsec_redis %s connect_timeout=1s timeout=2s;
    mlsec_limit_zone user:256k key=$http_x_user;
    log_format t '$uri $status $request_time';
    access_log $DIR/logs/times.log t;
};

my $server = q{
    mlsec_errors on;
    mlsec_limit_sync every=0 timeout=250ms;
    location = /local { mlsec_limit zone=user rate=1r/h burst=6 name=local; mlsec_respond 1; }
    location = /lease { mlsec_limit_sync timeout=250ms; mlsec_limit zone=user rate=1r/h burst=6 name=lease; mlsec_respond 1; }
    location = /open { mlsec_limit_sync every=0 timeout=250ms fail=open; mlsec_limit zone=user rate=1r/h burst=3 name=open; mlsec_respond 1; }
    location = /closed { mlsec_limit_sync every=0 timeout=250ms fail=closed; mlsec_limit zone=user rate=1r/h burst=3 name=closed; mlsec_respond 1; }
    location = /exact { mlsec_limit_sync every=0 timeout=5s; mlsec_limit zone=user rate=1r/h burst=6 name=exact; mlsec_respond 1; }
    location = /cost { mlsec_limit zone=user rate=1r/h burst=6 cost=$arg_cost name=cost; mlsec_respond 1; }
    location = /filled {
        mlsec_limit_sync every=0 timeout=5s;
        mlsec_limit zone=user rate=1r/h burst=6 cost=$arg_cost name=cost; mlsec_respond 1;
    }
    location = /state { mlsec_limit_status; }
    location = /redis { mlsec_redis_status check=off; }
    location = /metrics { mlsec_metrics; }
};

sub gateway {
    my ($url) = @_;

    return MlsecTest::Instance->start(workers => WORKERS, http => sprintf($http, $url), server => $server);
}

my %gateway = (
    network => gateway('redis://gateway:word@127.0.0.1:' . $proxy->port),
    tls => gateway("rediss://gateway:word\@127.0.0.1:@{[$redis->tls_port]} trusted=$certs/good.pem"),
);
our $nginx;     # the one of the row
my $i = 0;


sub user { return 'user-' . ++$i }


sub get {
    my ($path, $user) = @_;

    return $nginx->get($path, headers => ["X-User: $user"]);
}


sub series {
    my ($n, $path, $user) = @_;

    return join ' ', map { get($path, $user)->{status} } 1 .. $n;
}


sub crowd {
    my ($n, $path, $user) = @_;

    my @clients = map { $nginx->client } 1 .. $n;
    my %count;

    $_->request($path, headers => ["X-User: $user"]) for @clients;
    $count{ $_->response(20)->{status} }++ for @clients;

    return \%count;
}


sub state { return JSON::PP::decode_json($nginx->get('/state')->{body})->{sync} }


# In touch: whichever worker is so first is so for all of them.
sub until_shared {
    my $start = time;

    sleep 0.02 while time < $start + 20 && state()->{state} ne 'shared';

    return time - $start;
}


# Who asks finds out sooner than who does not.
sub until_lost {
    my $start = time;

    get('/local', user()) while time < $start + 20 && state()->{state} ne 'alone';

    return state()->{state} eq 'alone';
}


# Times of requests that have waited for Redis, longest first, since this was
# asked last.
sub waits {
    my @waits;

    open my $in, '<', $nginx->dir . '/logs/times.log' or return;
    seek $in, $nginx->{seen} // 0, 0;
    while (<$in>) {
        my ($path, $time) = m{^(\S+) \d+ (\S+)$};
        push @waits, $time if $path !~ m{^/(?:exact|filled)$} && $time > 0.8 * BUDGET;
    }
    $nginx->{seen} = tell $in;

    return sort { $b <=> $a } @waits;
}


# "lost found" of limits, since this was asked last.
sub lines {
    my $log = substr $nginx->error_log, $nginx->{read} // 0;

    my @n = map { my $n = () = $log =~ /$_/g; $n }
        qr/\[error\] [^\n]*mlsec limit: redis is out of reach/, qr/\[notice\] [^\n]*mlsec limit: redis is back/;

    return "@n";
}


# The same of the client: causes of being lost, and "found", in their order.
sub standings {
    my $log = substr $nginx->error_log, $nginx->{read} // 0;

    return map { /error: "(\w+)"/ ? $1 : 'found' } $log =~ /mlsec redis: ((?:not )?in use[^\n]*)/g;
}


# For who looks into a failure: what workers know of Redis, how was decided.
sub why {
    my @clients = map { $nginx->client } 1 .. 4 * WORKERS;
    my %seen;

    $_->request('/redis') for @clients;
    $seen{ $_->response(20)->{body} } = 1 for @clients;
    diag($_) for sort keys %seen;
    diag(grep { /"exact"/ } split /^/, $nginx->get('/metrics')->{body});
    diag(grep { /redis/ } split /^/, substr $nginx->error_log, $nginx->{read} // 0);

    return;
}


# Batches that were sent in vain, so far.
sub failed {
    my ($n) = $nginx->get('/metrics')->{body} =~ /^mlsec_limit_sync_batches_total\{result="failed"\} (\d+)/m;

    return $n;
}


sub seen { $nginx->{read} = length $nginx->error_log; return }


# Descriptors of all workers.
sub descriptors {
    my $n = 0;

    for my $pid ($nginx->worker_pids) {
        opendir my $dir, "/proc/$pid/fd" or next;
        $n += grep { /^\d/ } readdir $dir;
    }

    return $n;
}


# Each worker has its connection, and nothing else.
sub all_connected {
    my $until = time + 20;

    sleep 0.02 while time < $until && descriptors() != $nginx->{descriptors};

    return;
}


# The same, and nothing is wrong with it: a machine that is busy may have been
# too slow for Redis.
sub all_ready {
    my %ready;

    until_ok(20, sub {
        my @clients = map { $nginx->client } 1 .. 4 * WORKERS;

        $_->request('/redis') for @clients;

        for my $state (map { JSON::PP::decode_json($_->response(20)->{body}) } @clients) {
            $ready{ $state->{pid} } = "$state->{state} $state->{breaker}" eq 'ready closed';
        }

        return WORKERS == grep { $ready{$_} } $nginx->worker_pids;
    }, 'all workers have their connection');

    return;
}


# row NAME, GATEWAY, what it does, what undoes it; MORE: why (what the log says),
# meanwhile (what else happens)
sub row {
    my ($name, $which, $break, $mend, %more) = (@_);

    $nginx = $gateway{$which};

    until_shared();
    all_connected();

    my $until = time + 20;

    sleep 0.05 while time < $until
        && (state()->{gateways} != 2 || $nginx->error_log !~ /mlsec redis: in use(?!.*mlsec redis: not in use)/s);
    seen();
    waits();

    my @workers = $nginx->worker_pids;
    my $failed = failed();

    $break->();

    # from the first request on, before anybody knows, and then
    my $part = join ' ', (200) x 3, (429) x 4;
    my ($one, $two) = (user(), user());

    is(series(7, '/lease', $one), $part, "$name: fail=local, half of 6 at once, of a lease");
    is(series(7, '/local', $two), $part, "$name: fail=local, half of 6 at once");
    ok(until_lost(), "$name: is noticed");
    is(series(4, '/lease', $one), '429 429 429 429', "$name: and no more, of a lease");
    is(series(4, '/local', $two), '429 429 429 429', "$name: and no more");
    is(series(7, '/local', user()), $part, "$name: fail=local, for others");
    is(series(4, '/open', user()), '200 200 200 200', "$name: fail=open");

    my $r = get('/closed', user());

    is("$r->{status} " . ($r->{headers}{'retry-after'} // ''), '503 1', "$name: fail=closed, 503 and Retry-After");
    $more{meanwhile}->() if $more{meanwhile};
    @workers = $nginx->worker_pids if $more{meanwhile};
    $mend->();
    my $took = until_shared();
    is_deeply(crowd(7, '/exact', user()), { 200 => 6, 429 => 1 }, "$name: exact again, at once") or why();
    cmp_ok($took, '<=', BACK + SLACK, sprintf '%s: shared again after %d ms', $name, $took * 1000);
    my @waits = (waits(), 0);
    cmp_ok($waits[0], '<=', BUDGET + SLACK, "$name: nobody waited longer than he may, $waits[0] s");
    $failed = failed() - $failed;
    cmp_ok($failed, '<=', 12, "$name: and few have waited at all, $failed");

    # Of the client the last worker says it, which may have nothing to ask.  One
    # that reads late what was said meanwhile loses it once more.
    my @said;

    $until = time + 20;

    while (time < $until) {
        @said = standings();
        last if !@said || $said[-1] eq 'found';
        crowd(7, '/exact', user());
    }

    my $said = join ' ', @said;

    is(lines(), '1 1', "$name: one line for each transition of limits, of @{[WORKERS]} workers");
    like($said, qr/^(?:|[^f].*found)$/, "$name: the client says lost and found: $said");
    unlike($said, qr/\b(\w+) \1\b/, "$name: and nothing twice");

    my ($why) = substr($nginx->error_log, $nginx->{read}) =~ /mlsec limit: redis is out of reach[^\n]*error: "([^"]*)"/;

    # on a machine that is busy what comes at once may come too late
    $more{why} .= '|timeout' if $waits[0] >= BUDGET;
    like($why // '', qr/^(?:$more{why})$/, "$name: the log says why");
    is(join(' ', $nginx->worker_pids), "@workers", "$name: no worker has died");
    all_connected();
    is(descriptors(), $nginx->{descriptors}, "$name: no connection is left, and none is missing");

    return;
}


# a row whose fault is bytes in place of the server's
sub answers {
    my ($name, $text, $why) = @_;

    return row($name, 'network', sub { $proxy->mode('answer', $text) }, sub { $proxy->mode('pass') },
               why => $why);
}


{
    my $until = time + 20;

    my @clients;

    sleep 0.05 while time < $until && (@clients = $redis->clients) < 2 * WORKERS;
    is(scalar @clients, 2 * WORKERS, 'each worker has a connection');

    for my $name (keys %gateway) {
        local $nginx = $gateway{$name};
        get('/state', user());

        # the client of this request leaves a little later
        my $least = descriptors();
        for (1 .. 20) { sleep 0.02; my $n = descriptors(); $least = $n if $n < $least }
        $nginx->{descriptors} = $least;
    }
}


# TLS is not another matter for limits than a socket is
{
    $nginx = $gateway{tls};
    until_shared();
    is_deeply(crowd(9, '/exact', user()), { 200 => 6, 429 => 3 }, 'TLS: N+3 at once, exactly N');
    my $user = user();
    is(join(' ', map { local $nginx = $_; series(2, '/exact', $user) } @gateway{qw(tls network tls network)}),
       '200 200 200 200 200 200 429 429', 'TLS: shared with a gateway without');

    for my $name (sort keys %gateway) {
        local $nginx = $gateway{$name};
        my $until = time + 10;

        sleep 0.05 while time < $until && state()->{gateways} != 2;
        is(state()->{gateways}, 2, "TLS: $name knows of two gateways");
    }
    like($redis->cli('CLIENT', 'LIST'), qr/name=mlsec-/, 'TLS: connections have names');
}

row('SIGSTOP', 'network', sub { $redis->signal('STOP') }, sub { $redis->signal('CONT') },
    why => 'timeout|closed|connect');
row('SIGSTOP with TLS', 'tls', sub { $redis->signal('STOP') }, sub { $redis->signal('CONT') },
    why => 'timeout|closed|connect|tls');
row('kill -9, restart empty', 'network', sub { $redis->kill }, sub { $redis->restart },
    why => 'closed|connect');
row('kill -9, a worker too, and a reload', 'network', sub { $redis->kill }, sub { $redis->restart },
    why => 'closed|connect', meanwhile => \&replace_workers);
row('another certificate', 'tls', sub { $redis->{tls} = tls('other'); $redis->restart },
    sub { $redis->{tls} = tls('good'); $redis->restart }, why => 'closed|tls|connect');
row('blackhole', 'network', sub { $proxy->mode('blackhole') }, sub { $proxy->mode('pass') }, why => 'timeout|closed|connect');
row('latency of 5 s', 'network', sub { $proxy->mode('delay', 5) }, sub { $proxy->mode('pass') }, why => 'timeout');
row('RST', 'network', sub { $proxy->mode('reset') }, sub { $proxy->mode('pass') }, why => 'closed|connect');
row('RST in a reply', 'network', sub { $proxy->mode('cut') }, sub { $proxy->mode('pass') }, why => 'closed');
row('read-only replica', 'network', sub { $proxy->to($replica->socket) }, sub { $proxy->to($redis->socket) },
    why => 'readonly|closed');
row('failover to one that is empty', 'network', sub { $proxy->mode('reset') },
    sub { $proxy->to($other->socket); $proxy->mode('pass') }, why => 'closed|connect');
$proxy->to($redis->socket);
row('maxmemory', 'network', sub { $redis->cli('CONFIG', 'SET', 'maxmemory', '1') },
    sub { $redis->cli('CONFIG', 'SET', 'maxmemory', '0') }, why => 'oom');
row('another password', 'network',
    sub { $redis->cli('ACL', 'SETUSER', 'gateway', 'resetpass', '>other'); kill_clients() },
    sub { acl() }, why => 'closed|auth');
row('a user without EVALSHA', 'network',
    sub { $redis->cli('ACL', 'SETUSER', 'gateway', '-@scripting'); kill_clients() },
    sub { acl() }, why => 'closed|denied');

answers(@$_) for
    ['-LOADING', '-LOADING Redis is loading the dataset in memory\r\n', 'loading'],
    ['-MOVED', '-MOVED 3999 127.0.0.1:6381\r\n', 'cluster'],
    ['-NOSCRIPT, always', '-NOSCRIPT No matching script.\r\n', 'noscript'],
    ['nil', '$-1\r\n', 'protocol'],
    ['a huge bulk', '$536870912\r\n', 'too_large|closed'],
    ['garbage', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'protocol|closed'];


# An answer that comes after a request has been decided without it: what differs
# is put right.
{
    # what Redis says a user owes, in units
    my $owes = sub {
        my ($user) = @_;
        my $ms = $redis->cli('PTTL', "mlsec:limit:user:cost:$user") - 1000;
        return sprintf '%.1f', $ms / 3_600_000;
    };
    my $until_owes = sub {
        my ($user, $units) = @_;
        my $until = time + 10;

        sleep 0.02 while time < $until && $owes->($user) != $units;
        return $owes->($user);
    };

    # one request that Redis is too slow for, of workers that have no complaint
    my $slow = sub {
        all_ready();
        crowd(2, '/exact', user());
        $proxy->mode('delay', 5);
        my $status = series(1, @_);
        $proxy->mode('pass');
        return $status;
    };

    my $late = sub {
        my ($same, $more, $less) = (user(), user(), user());
        my @got;

        {
            local $nginx = $gateway{tls};
            until_shared();
            all_ready();
            push @got, series(6, '/filled', $more);
        }

        $nginx = $gateway{network};
        until_shared();
        seen();
        push @got, $slow->('/cost?cost=2', $same), $until_owes->($same, 2), $slow->('/cost', $more),
            $until_owes->($more, 7), $slow->('/cost?cost=5', $less), $until_owes->($less, 5),
            $slow->('/cost', $less), $until_owes->($less, 5);

        return @got;
    };
    my @expected = (
        '200 200 200 200 200 200', 'a bucket is empty, says another gateway',
        '200', 'admitted by the part of this gateway', '2.0', 'and by Redis, counted once',
        '200', 'admitted here, and refused by Redis', '7.0', 'it is owed all the same',
        '200', 'nearly all that there is', '5.0', 'counted once',
        '429', 'refused here, and admitted by Redis', '5.0', 'given back',
    );
    my (@got, $tries);

    # a machine that is busy may be late three times in a row: that is an outage
    do { @got = $late->() } while (lines() ne '0 0' && ++$tries < 5);

    is(lines(), '0 0', 'late: is no outage');
    is(shift @got, $expected[2 * $_], "late: $expected[2 * $_ + 1]") for 0 .. $#expected / 2;
}


# what is no failure
{
    $nginx = $gateway{network};
    until_shared();
    all_ready();
    seen();

    my $user = user();
    my $key = "mlsec:limit:user:exact:$user";

    $redis->cli('SCRIPT', 'FLUSH');
    is(series(3, '/exact', $user), '200 200 200', 'NOSCRIPT: sent with its text');
    $redis->cli('FLUSHALL');
    is(series(6, '/exact', $user), '200 200 200 200 200 200', 'FLUSHALL: a full bucket');
    is(series(1, '/exact', $user), '429', 'FLUSHALL: which is counted');

    for my $case (['a list', 'RPUSH', 'a', 'b'], ['text', 'SET', 'x'], ['no number', 'SET', 'nan'],
                  ['less than nothing', 'SET', '-1e30'], ['infinite', 'SET', 'inf'], ['far ahead', 'SET', '1e300'])
    {
        my ($name, $command, @value) = @$case;

        $redis->cli('DEL', $key);
        $redis->cli($command, $key, @value);
        my $got = series(8, '/exact', $user);
        like($got, qr/^(?:200 ){0,6}429(?: 429)*$/, "a key that is $name: no more than the limit");
    }

    is(lines() . " @{[standings()]}", '0 0 ', 'nothing of it is an outage');
}


sub acl {
    $redis->cli('ACL', 'SETUSER', 'gateway', 'reset', 'on', '>word', '~mlsec:*', '+@read', '+@write',
                '+@scripting', '+@connection', '+time');
    return;
}


# One by death, all by a reload.
sub replace_workers {
    my ($dead, @old) = $nginx->worker_pids;
    my $until = time + 20;

    $nginx->allow(qr/exited on signal 9/);
    kill KILL => $dead;
    sleep 0.02 while time < $until && grep { $_ == $dead } $nginx->worker_pids;
    @old = $nginx->worker_pids;
    $nginx->signal('HUP');
    sleep 0.02 while time < $until && grep { my $p = $_; grep { $_ == $p } @old } $nginx->worker_pids;

    return;
}


sub kill_clients {
    $redis->cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    return;
}

unlike(join('', map { $_->error_log } values %gateway), qr/user-\d|word|sesame/, 'no key and no password is logged');
$_->finish for values %gateway;
done_testing();
