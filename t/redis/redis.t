# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_redis against a real server: what calls find, in how many ways they are
# sent, and how long it takes when the server stalls, dies, comes back empty,
# loads, is a replica, or the network does something.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Instance;
use MlsecTest::Redis;
use MlsecTest::TcpProxy;
use MlsecTest::Until;

plan skip_all => MlsecTest::Redis->missing if MlsecTest::Redis->missing;

# slack of a machine that does other things too, s
use constant SLACK => 4;

my $redis = MlsecTest::Redis->start;
my $replica = MlsecTest::Redis->start(args => ['--replicaof', '127.0.0.1', $redis->port]);
my $proxy = MlsecTest::TcpProxy->start(to => $redis->socket);
my $nginx = MlsecTest::Instance->start(
    http => 'mlsec_redis unix:' . $redis->socket . ':3 timeout=800ms;'
        . "\nmlsec_redis redis://127.0.0.1:" . $proxy->port
        . ' name=proxied timeout=600ms connect_timeout=300ms queue=8 max_reply=1k;'
        . "\nmlsec_redis unix:" . $replica->socket . ' name=replica;'
        . "\nmlsec_redis unix:\$DIR/nobody.sock name=nobody;",
    server => q{
    location = /all     { mlsec_redis_status check=ping,write,pubsub; }
    location = /ping    { mlsec_redis_status; }
    location = /write   { mlsec_redis_status check=write; }
    location = /state   { mlsec_redis_status check=off; }
    location = /proxied { mlsec_redis_status name=proxied; }
    location = /proxied/write { mlsec_redis_status name=proxied check=write; }
    location = /proxied/pubsub { mlsec_redis_status name=proxied check=pubsub; }
    location = /proxied/state { mlsec_redis_status name=proxied check=off; }
    location = /replica { mlsec_redis_status name=replica check=ping,write; }
    location = /nobody  { mlsec_redis_status name=nobody; }
    });

sub state_of { return JSON::PP::decode_json($nginx->get($_[0])->{body}) }

# "result" of a check; and how long it took
sub result {
    my ($path, $check) = @_;
    my $start = time;
    my $state = state_of($path);

    return wantarray ? ($state->{checks}{ $check // 'ping' }{result}, time - $start)
                     : $state->{checks}{ $check // 'ping' }{result};
}

# Seconds until a check has a result; undef when it never had within LIMIT.
sub until_result {
    my ($path, $check, $wanted, $limit) = @_;
    my $start = time;

    while (time - $start < ($limit // 20)) {
        return time - $start if result($path, $check) eq $wanted;
        sleep 0.01;
    }
    return;
}

sub lines {
    my ($pattern) = @_;
    return scalar grep { /$pattern/ } split /\n/, $nginx->error_log;
}

# ---- one that is well ----------------------------------------------------

ok(defined until_result('/ping', 'ping', 'ok'), 'a server on a unix socket is used');

my $state = state_of('/all');
is($state->{state}, 'ready', 'it is ready');
is($state->{checks}{$_}{result}, 'ok', "check $_") for qw(ping write pubsub);
cmp_ok(abs($state->{checks}{write}{clock_ms} // 1e9), '<', 5000,
       'the clock, asked for in the same batch as a script that was not known');
is($state->{server}, 'unix:' . $redis->socket . ':3', 'the server is told');
is($state->{breaker}, 'closed', 'the breaker is closed');
is($state->{connects}, 1, 'one connection for all of it');
like($redis->cli('-n', 3, 'KEYS', '*'), qr/^mlsec:status:\d+$/, 'it is in the database of the URL');

my ($pid) = $nginx->worker_pids;
is_deeply([grep { /$pid/ } $redis->clients], [("mlsec-$pid") x 2, "mlsec-$pid-sub"],
          'connections have names: calls and subscriptions of one, calls of the other');

# the script was not known, and is once it was sent
is($state->{errors}{noscript}, 1, 'a script is sent with its text once');
result('/write', 'write') for 1 .. 3;
is(state_of('/state')->{errors}{noscript}, 1, 'and by its name after that');
$redis->cli('SCRIPT', 'FLUSH');
$state = state_of('/write');
is($state->{checks}{write}{result}, 'ok', 'the server has forgotten it: nobody notices');
cmp_ok(abs($state->{checks}{write}{clock_ms} // 1e9), '<', 5000, 'and no other reply is lost');
is(state_of('/state')->{errors}{noscript}, 2, 'it was sent again');
$redis->cli('FLUSHALL');
is(result('/write', 'write'), 'ok', 'everything is gone: nobody notices');

# calls of one turn of the loop go out together
{
    my @clients = map { $nginx->client } 1 .. 40;
    my $before = state_of('/state')->{calls};
    $_->request('/all') for @clients;
    my @found = map { JSON::PP::decode_json($_->response(10)->{body}) } @clients;
    is(scalar(grep { $_->{checks}{ping}{result} eq 'ok' && $_->{checks}{write}{result} eq 'ok'
                     && $_->{checks}{pubsub}{result} eq 'ok' } @found), 40,
       '40 at once, each has its own replies');
    is(state_of('/state')->{calls}, $before + 120, 'three calls each');
    is(state_of('/state')->{pubsub}{channels}, 0, 'no subscription is left');
}

# ---- calls that nobody waits for any more ---------------------------------

$redis->signal('STOP');
for (1 .. 20) {
    my $client = $nginx->client;
    $client->request('/ping');
    sleep 0.002;
    undef $client;
}
$redis->signal('CONT');
ok(defined until_result('/ping', 'ping', 'ok'), 'clients that go away take nothing with them');
is(state_of('/state')->{queued}, 0, 'nothing waits');

# ---- one that stalls ------------------------------------------------------

ok(defined until_result('/ping', 'ping', 'ok'), 'all is well');
sleep 1.1;      # a connection that was good for a while
my $before = lines('redis: not in use');

$redis->signal('STOP');
my @slow;
for (1 .. 12) {
    my ($found, $took) = result('/ping');
    push @slow, $took if $took > 0.8 + SLACK;
    isnt($found, 'ok', "stalled: $found") if $_ == 1;
}
is(scalar @slow, 0, 'no call waits longer than timeout=');
my $state_down = state_of('/ping');
is($state_down->{checks}{ping}{result}, 'unavailable', 'it is known to be down');
is($state_down->{checks}{ping}{ms}, 0, 'and costs no time then');
$state_down = state_of('/state');
ok(!$state_down->{usable}, 'status says so');
is(lines('redis: not in use'), $before + 1, 'one line tells of it');
$redis->signal('CONT');
my $back = until_result('/ping', 'ping', 'ok');
cmp_ok($back // 99, '<', 2 + SLACK, 'it is used again within 2 s');
is(lines('redis: not in use'), $before + 1, 'and no further line');

# busy for a moment: calls end in time, the connection stays
{
    my $connects = state_of('/state')->{connects};
    my $cli = fork // die;
    if ($cli == 0) { $redis->cli('DEBUG', 'SLEEP', '0.2'); POSIX::_exit(0) }
    sleep 0.05;
    is(result('/ping'), 'ok', 'slow, but in time');
    waitpid $cli, 0;
    is(state_of('/state')->{connects}, $connects, 'the connection is the same');
}

# ---- one that dies, and comes back empty ----------------------------------

sleep 1.1;
$redis->kill;
ok(defined until_result('/ping', 'ping', 'unavailable'), 'dead: unavailable');
my ($found, $took) = result('/all', 'pubsub');
isnt($found, 'ok', 'nor are there messages');
$redis->restart;
$back = until_result('/ping', 'ping', 'ok');
cmp_ok($back // 99, '<', 2 + SLACK, 'a server that was restarted is used within 2 s');
is(result('/write', 'write'), 'ok', 'and scripts are known to it again');
cmp_ok(until_result('/all', 'pubsub', 'ok') // 99, '<', 5 + SLACK, 'and messages come');
unlike($nginx->error_log, qr/\[crit\]/, 'no line for each connect()');

# nobody is there from the beginning
is(result('/nobody'), 'unavailable', 'a server that was never there');
is(lines('not in use, server: "unix:[^"]*nobody.sock", error: "connect"'), 1, 'one line for it');

# ---- a replica ------------------------------------------------------------

ok(defined until_result('/replica', 'ping', 'ok'), 'a replica answers');
is(result('/replica', 'write'), 'readonly', 'it does not write');
ok(defined until_result('/replica', 'write', 'unavailable'), 'and is not asked to any more');
is(lines(qr/not in use, server: "unix:\Q${\ $replica->socket}\E", error: "readonly"/), 1,
   'one line says why');
$replica->cli('REPLICAOF', 'NO', 'ONE');
cmp_ok(until_result('/replica', 'write', 'ok') // 99, '<', 3 + SLACK, 'promoted: it is used');
is(lines(qr/: in use, server: "unix:\Q${\ $replica->socket}\E"$/), 2, 'which is a line too');

# ---- the network ----------------------------------------------------------

ok(defined until_result('/proxied', 'ping', 'ok'), 'through TCP');
ok(defined until_result('/proxied/pubsub', 'pubsub', 'ok'), 'with messages');

$proxy->mode('blackhole');
@slow = ();
for (1 .. 6) {
    ($found, $took) = result('/proxied');
    push @slow, $took if $took > 0.6 + SLACK;
}
is($found, 'unavailable', 'a black hole: unavailable');
is(scalar @slow, 0, 'and never more than timeout=');

# connections are made in there, and hang; none of them is left behind
{
    my $n = $proxy->count;
    my $until = time + 10;
    sleep 0.02 while $proxy->count < $n + 2 && time < $until;
    cmp_ok($proxy->count, '>=', $n + 2, 'it is tried again and again');
}
$proxy->mode('pass');
cmp_ok(until_result('/proxied', 'ping', 'ok') // 99, '<', 2.5 + SLACK, 'back within 2 s and what hangs');

sleep 1.1;
$proxy->mode('reset');
isnt(result('/proxied'), 'ok', 'reset');
$proxy->mode('pass');
cmp_ok(until_result('/proxied', 'ping', 'ok') // 99, '<', 2 + SLACK, 'back within 2 s');

$proxy->mode('drip', 0.002);
is(result('/proxied'), 'ok', 'a byte at a time is a reply too');
$proxy->mode('pass');

# ---- a bounded queue ------------------------------------------------------

ok(defined until_result('/proxied', 'ping', 'ok'), 'all is well');
$proxy->mode('blackhole');
{
    my @clients = map { $nginx->client } 1 .. 12;
    $_->request('/proxied') for @clients;
    my @found = map { JSON::PP::decode_json($_->response(10)->{body})->{checks}{ping}{result} } @clients;
    is(scalar(grep { $_ eq 'full' } @found), 4, 'more than queue= are refused')
        or diag("@found");
    is(scalar(grep { $_ eq 'timeout' } @found), 8, 'the others had a place');
}
$proxy->mode('pass');
ok(defined until_result('/proxied', 'ping', 'ok'), 'places are free again');

# ---- what a server says when it does not want a connection ----------------

for my $case (['-LOADING Redis is loading the dataset in memory', 'loading'],
              ['-MOVED 1 127.0.0.1:1', 'cluster'],
              ['-NOAUTH Authentication required.', 'auth'],
              ['-ERR max number of clients reached', 'busy'],
              ['HTTP/1.1 400 Bad Request', 'protocol'],
              ['$100000', 'too_large'],
              ['*100000', 'too_large'])
{
    my ($says, $error) = @$case;
    my $text = $says =~ /^\$/ ? "$says\\r\\n" . 'x' x 3000 : "$says\\r\\n";
    my $until = time + 10;
    my $last = '';

    $proxy->mode('reset');      # the connection that is there
    $proxy->mode('say', $text);
    while (time < $until && $last ne $error) {
        $last = (state_of('/proxied/state')->{last_error} // {})->{error} // '';
        sleep 0.02;
    }
    is($last, $error, "a server that says $says");
}
$proxy->mode('reset');
$proxy->mode('pass');
cmp_ok(until_result('/proxied', 'ping', 'ok') // 99, '<', 3 + SLACK, 'and that does so no more');

# ---- reload, killed workers, the end --------------------------------------

{
    my @clients = map { $nginx->client } 1 .. 20;
    $redis->signal('STOP');
    $_->request('/all') for @clients;
    sleep 0.1;
    $nginx->signal('HUP');
    sleep 0.1;
    $redis->signal('CONT');
    my @found = map { $_->response(10)->{status} } @clients;
    is(scalar(grep { $_ == 200 } @found), 20, 'a reload: calls under way are answered');
}
ok(defined until_result('/ping', 'ping', 'ok'), 'the new worker has its own connection');
{
    my $until = time + 10;
    my ($now) = $nginx->worker_pids;
    my @names;
    while (time < $until) {
        ($now) = $nginx->worker_pids;
        @names = grep { !/^mlsec-$now(-sub)?$/ } $redis->clients;
        last if !@names;
        sleep 0.05;
    }
    is(scalar @names, 0, 'those of the old one are closed') or diag("@names");
}

{
    my ($old) = $nginx->worker_pids;
    my @clients = map { $nginx->client } 1 .. 20;
    $redis->signal('STOP');
    $_->request('/all') for @clients;
    $nginx->allow(qr/exited on signal 9/);
    kill KILL => $old;
    $redis->signal('CONT');
    ok(defined until_result('/ping', 'ping', 'ok'), 'a worker is killed: the next one goes on');
}

# a worker that is told to quit waits for calls, not for the connection
{
    my $client = $nginx->client;
    $redis->signal('STOP');
    $client->request('/ping');
    until_ok(10, sub { state_of('/state')->{in_flight} }, 'a call is under way');
    my $start = time;
    $nginx->finish('redis');
    cmp_ok(time - $start, '<', 5 + SLACK, 'it ends while the server stalls');
    $redis->signal('CONT');
    is(JSON::PP::decode_json($client->response(1)->{body})->{checks}{ping}{result}, 'timeout',
       'and its last request was answered');
}

# nginx does not wait longer than it was told to, and finds all handlers in place
{
    my $other = MlsecTest::Instance->start(main => "worker_shutdown_timeout 200ms;\n",
        http => 'mlsec_redis unix:' . $redis->socket . ' timeout=8s;',
        server => q{
            location = /all { mlsec_redis_status check=ping,write,pubsub; }
            location = /state { mlsec_redis_status check=off; }
        });
    my $until = time + 10;
    sleep 0.02 while $other->get('/all')->{body} !~ /"pubsub":\{"ms":\d+,"result":"ok"/ && time < $until;

    my $client = $other->client;
    $redis->signal('STOP');
    $client->request('/all');
    until_ok(10, sub { $other->get('/state')->{body} =~ /"in_flight":[1-9]/ }, 'calls are under way');
    my $start = time;
    $other->finish('worker_shutdown_timeout');
    cmp_ok(time - $start, '<', 6, 'it is not waited for');
    $redis->signal('CONT');
}

done_testing;
