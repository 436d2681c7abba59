# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_max_inflight with a queue: who waits, in which order, for how long, and
# what is left behind by those that do not wait any more.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/echo' => sub {
        return MlsecTest::Faulty::json(JSON::PP::encode_json({
            length => length $_[0]{body}, sum => unpack('%32C*', $_[0]{body}),
            left => $_[0]{headers}{'x-request-deadline-ms'},
        }));
    },
});
my $address = $faulty->address;

my $server = qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    client_body_buffer_size 8k; client_max_body_size 2m;
    location = /state { mlsec_services; }
    location = /metrics { mlsec_metrics; }
    location /admin/ { mlsec_services admin=any; }
    location /via/ { mlsec_via u; proxy_pass http://u/; proxy_read_timeout 20s;
        proxy_set_header X-Request-Deadline-Ms \$mlsec_deadline_ms; }
    location /stream/ { mlsec_via u; proxy_pass http://u/;
        proxy_request_buffering off; }
    location /shop/ { mlsec_via w; proxy_pass http://w/; }
    location = /local { mlsec_call a /via/ok/local timeout=300ms; mlsec_call b /b; }
    location = /patient { mlsec_call a /via/ok/local timeout=10s; mlsec_call b /b; }
    location /wake/ { mlsec_via v; proxy_pass http://v/; }
    location = /required { mlsec_call a http://u/ok/required required; }
    location = /page { mlsec_call a http://u/ok/page; mlsec_call b /b; }
    location = /hurry { mlsec_call a http://u/ok/hurry timeout=200ms; mlsec_call b /b; }
    location = /b { mlsec_respond 1; }
    location = /pid { return 200 \$pid; }
};
my $http = qq{
    mlsec_metrics_zone 1m;
    mlsec_zone mlsec:1m;
    upstream u { zone u 64k; server $address; mlsec_service u; mlsec_breaker;
        mlsec_max_inflight 2 queue=3 wait=4s; }
    upstream v { zone v 64k; server $address; mlsec_service v;
        mlsec_max_inflight 1 queue=100 wait=10s; }
    upstream w { zone w 64k; server $address; mlsec_service w;
        mlsec_max_inflight 1 queue=100 wait=600ms; }
};
my $nginx = MlsecTest::Instance->start(workers => 1, http => $http,
                                       server => $server);
my $n = 0;

sub state_of {
    my ($name) = @_;

    my ($s) = grep { $_->{name} eq ($name // 'u') }
        @{ JSON::PP::decode_json($nginx->get('/state')->{body})->{services} };

    return $s;
}

sub asks {
    my ($path, %o) = @_;

    my $client = $nginx->client;

    $client->request($path, %o);

    return $client;
}

# so many calls that do not end before they are let go
sub hold {
    my ($count, $path) = @_;

    my $before = $faulty->count('request');
    my @held = map { asks(($path // '/via') . '/hang/h' . ++$n) } 1 .. $count;

    until_ok(5, sub { $faulty->count('request') == $before + $count }, "$count in flight");

    return @held;
}

sub waiting {
    my ($count, $name) = @_;

    return until_ok(5, sub { state_of($name)->{queue}{waiting} == $count }, "$count waiting");
}

sub empty {
    my ($what) = @_;

    return until_ok(5, sub {
        my $s = state_of();
        return $s->{inflight} == 0 && $s->{queue}{waiting} == 0;
    }, "$what: nothing is left");
}

# connections to two workers, three or more to each, and the second one's pid
sub two_workers {
    my ($what) = @_;

    my %by_pid;

    for (1 .. 20) {
        my @clients = map { asks('/pid') } 1 .. 20;

        push @{ $by_pid{ $_->response(5)->{body} } }, $_ for @clients;
        last if 1 < grep { @$_ > 2 } values %by_pid;
    }

    my @pids = grep { @{ $by_pid{$_} } > 2 } keys %by_pid;

    cmp_ok(scalar @pids, '>', 1, "$what: connections to two workers");

    return (@by_pid{ @pids[0, 1] }, $pids[1]);
}

sub reached { return map { $_->[1] } grep { $_->[0] eq 'request' && $_->[1] !~ /hang/ } $faulty->events }

# in order
my @held = hold(2);
my @waits;

for my $i (1 .. 3) {
    push @waits, asks("/via/ok/in-order-$i");
    waiting($i);
}

my $r = $nginx->get('/via/ok/over');

is($r->{status}, 503, 'a full queue: refused at once');
like($r->{body}, qr/"error_type":"shed"/, 'a full queue: envelope');
is($r->{headers}{'retry-after'}, 1, 'a full queue: Retry-After');
ok(!grep({ /order|over/ } reached()), 'nobody passes');
is($nginx->get('/metrics')->{body} =~ /^mlsec_upstream_requests_waiting\{service="u",upstream="u"\} (\d+)$/m && $1, 3,
   'metrics: waiting');

$held[0]->close;
is($waits[$_]->response(5)->{status}, 200, "a place: the waiting one " . ($_ + 1)) for 0 .. 2;
is_deeply([grep { /order/ } reached()], [map { "/ok/in-order-$_" } 1 .. 3], 'first come, first served');
$held[1]->close;
empty('in order');
is(state_of()->{queue}{called}, 3, 'counted');

# its time is over
@held = hold(1, '/shop');
my $start = time;
$r = $nginx->get('/shop/ok/late');
is($r->{status}, 503, 'wait=: refused then');
like($r->{body}, qr/"message":"Service w has as many calls in flight as it may have".*"error_type":"shed"/, 'wait=: envelope');
cmp_ok(time - $start, '>=', 0.59, 'wait=: not before');
is(state_of('w')->{queue}{expired}, 1, 'wait=: counted');
is(state_of('w')->{shed}, 1, 'wait=: as shed too');
@held = ();

# the client's own time
@held = hold(2);
$start = time;
$r = $nginx->get('/via/ok/deadline', headers => ['X-Request-Deadline-Ms: 200']);
is($r->{status}, 504, 'deadline: 504');
like($r->{body}, qr/"details":\{"service":"u","error_type":"timeout"\}/, 'deadline: envelope');
cmp_ok(time - $start, '<', 3.5, 'deadline: before wait=');
my $client = asks('/via/echo', headers => ['X-Request-Deadline-Ms: 3000']);
waiting(1);
sleep 0.3;
@held = ();
$r = JSON::PP::decode_json($client->response(5)->{body});
cmp_ok($r->{left}, '<=', 2700, 'deadline: what was waited is taken off');
empty('deadline');
@held = hold(2);
$client = asks('/via/hang/left', headers => ['X-Request-Deadline-Ms: 2000']);
waiting(1);
sleep 1.5;
$start = time;
$held[0]->close;
is($client->response(5)->{status}, 504, 'deadline: of a call that has waited');
cmp_ok(time - $start, '<', 1.7, 'deadline: the rest of it');
@held = ();
empty('deadline');

# the client goes away
@held = hold(2);
my @gone = map { asks("/via/ok/gone-$_") } 1, 2;
waiting(2);
$_->close for @gone;
waiting(0);
is(state_of()->{queue}{aborted}, 2, 'gone: counted');
@held = ();
empty('gone');
ok(!grep({ /gone/ } reached()), 'gone: not called');

# parts: optional ones have half of the queue, and make room
@held = hold(2);
@waits = map { asks('/page') } 1, 2;
waiting(2);
$r = $nginx->get('/page');
like($r->{body}, qr/^\{"a":null,"b":1,"errors":\[\{"service":"u","part":"a","error_type":"shed","status_code":503,"attempts":0,/,
     'optional parts: half of the queue');
push @waits, asks('/required');
waiting(3);
push @waits, asks('/required');
like($waits[1]->response(5)->{body}, qr/"error_type":"shed"/, 'an optional part is crowded out, the last one');
waiting(3);
is(state_of()->{queue}{crowded_out}, 1, 'crowded out: counted');
$held[0]->close;
is($waits[2]->response(5)->{body}, '{"a":{"name":"required"}}', 'a required part');
is($waits[3]->response(5)->{body}, '{"a":{"name":"required"}}', 'another one');
@held = ();
like($waits[0]->response(5)->{body}, qr/^\{"a":(?:\{"name":"page"\}|null),"b":1/, 'the optional part, last');
empty('parts');

# a part's own time; a subrequest of a location with mlsec_via
@held = hold(2);
$r = $nginx->get('/hurry');
like($r->{body}, qr/"part":"a","error_type":"timeout","status_code":504,"attempts":0/, 'a part: its time is over');
$r = $nginx->get('/local');
like($r->{body}, qr/"part":"a","error_type":"timeout"/, 'a local part that waits is stopped');
waiting(0);
$client = asks('/patient');
waiting(1);
$held[0]->close;
is($client->response(5)->{body}, '{"a":{"name":"local"},"b":1}', 'a local part that has waited');
@held = ($held[1], hold(1));
push @waits, asks('/page');
waiting(1);
$waits[-1]->close;
waiting(0);
@held = ();
empty('local');

# bodies
@held = hold(2);
my %bodies = (memory => 'x' x 3000, spilled => join('', map { chr(65 + $_ % 26) } 1 .. 300_000));
my %sent = map { ($_ => asks('/via/echo', method => 'POST', body => $bodies{$_})) } sort keys %bodies;
waiting(2);
@held = ();

for (sort keys %bodies) {
    $r = JSON::PP::decode_json($sent{$_}->response(5)->{body});
    is($r->{length}, length $bodies{$_}, "body, $_: length");
    is($r->{sum}, unpack('%32C*', $bodies{$_}), "body, $_: bytes");
}

empty('bodies');
my $slow = $nginx->client;
$slow->send("POST /via/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
sleep 0.1;
is(state_of()->{inflight}, 0, 'a body that has not come holds no place');
$slow->send('cd');
$slow->expect('POST');
is(JSON::PP::decode_json($slow->response(5)->{body})->{length}, 4, 'a body that has come');
$slow = $nginx->client;
$slow->send("POST /stream/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
until_ok(5, sub { state_of()->{inflight} == 1 }, 'one that is passed on as it comes does');
$slow->send('cd');
$slow->expect('POST');
is(JSON::PP::decode_json($slow->response(5)->{body})->{length}, 4, 'passed on');
empty('streams');

# the breaker opens meanwhile
@held = hold(2);
@waits = map { asks("/via/ok/open-$_") } 1 .. 3;
waiting(3);
$nginx->get('/admin/services/u/open', method => 'POST');
$held[0]->close;

for (@waits) {
    $r = $_->response(5);
    is($r->{status}, 503, 'breaker: refused');
    like($r->{body}, qr/"error_type":"circuit_open"/, 'breaker: says so');
}

$slow = $nginx->client;
$slow->send("POST /via/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
$slow->expect('POST');
like($slow->response(5)->{body}, qr/circuit_open/, 'breaker: a body is not waited for');
$nginx->get('/admin/services/u/close', method => 'POST');
@held = ();
empty('breaker');

# what changes while a body comes is no 502 of nginx's
$slow = $nginx->client;
$slow->send("POST /via/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
sleep 0.1;
$nginx->get('/admin/services/u/open', method => 'POST');
$slow->send('cd');
$slow->expect('POST');
$r = $slow->response(5);
is($r->{status}, 503, 'opened while the body came: 503');
like($r->{body}, qr/"error_type":"circuit_open"/, 'opened while the body came: envelope');
ok($r->{headers}{'retry-after'}, 'opened while the body came: Retry-After');
$nginx->get('/admin/services/u/close', method => 'POST');

# workers: one is left over by a reload, one is killed
$nginx->configure(workers => 3, http => $http, server => $server);
@held = hold(2);
my $old = asks('/via/ok/old');
waiting(1);
my ($before) = $nginx->worker_pids;
$nginx->signal('HUP');
until_ok(10, sub { 3 <= grep { $_ != $before } $nginx->worker_pids }, 'reload: new workers');
my $new = asks('/via/ok/new');
waiting(2);
$held[0]->close;
is($old->response(5)->{status}, 200, 'reload: one that waits in an old worker');
is($new->response(5)->{status}, 200, 'reload: one that waits in a new one');
@held = ();
empty('reload');
until_ok(10, sub { !grep { $_ == $before } $nginx->worker_pids }, 'reload: the old worker ends');

$nginx->allow(qr/exited on signal 9/);
my %worker = map { ($_ => 1) } $nginx->worker_pids;
my @places = hold(2);
@waits = map { asks("/via/ok/killed-$_") } 1 .. 3;
waiting(3);
kill KILL => keys %worker;
until_ok(10, sub { 3 == grep { !$worker{$_} } $nginx->worker_pids }, 'killed: others begin');
until_ok(10, sub { eval { state_of()->{inflight} == 0 && state_of()->{queue}{waiting} == 0 } }, 'killed: counts');
is($nginx->get('/via/ok/x')->{status}, 200, 'killed: places are there');
@places = ();

# a place is left in one worker, the next in line is in another: that is woken,
# and does not find out by looking ten times a second
my ($here, $there) = two_workers('woken');
my @took;

for my $round (1 .. 15) {
    my $holder = pop @$here or last;

    $holder->request("/wake/hang/w$round");
    until_ok(5, sub { $faulty->count('request', "/hang/w$round") }, "woken: $round");
    $there->[0]->request("/wake/ok/woken-$round");
    waiting(1, 'v');
    $start = time;
    $holder->close;
    is($there->[0]->response(5)->{status}, 200, "woken: $round, called");
    push @took, time - $start;
}

# the look is 100 ms after the wait has begun, which is some 80 ms from here; a
# busy machine makes some of the rounds slow, not all of them
my $quarter = (sort { $a <=> $b } @took)[@took / 4];
cmp_ok($quarter, '<', 0.05, sprintf 'woken: after %.1f ms', $quarter * 1000);
until_ok(5, sub { state_of('v')->{inflight} == 0 }, 'woken: nothing is left');

# a worker that has stopped, with the one in front of all others: nobody waits
# behind it for longer than it takes to see that
{
    my ($goes_on, $stops, $stopped) = two_workers('stopped');
    my ($holder, $other, $next) = @$goes_on;
    my $first = $stops->[0];

    $holder->request('/via/hang/stop-1');
    $other->request('/via/hang/stop-2');
    until_ok(5, sub { state_of()->{inflight} == 2 }, 'stopped: no place is left');
    $first->request('/via/ok/stop-first');
    waiting(1);
    kill STOP => $stopped;
    $holder->close;
    $start = time;
    $next->request('/via/ok/stop-next');
    is($next->response(10)->{status}, 200, 'stopped: the next one is called');
    cmp_ok(time - $start, '<', 3, 'stopped: before its time is up');
    kill CONT => $stopped;
    is($first->response(10)->{status}, 200, 'stopped: it goes on');
    $other->close;
    empty('stopped');
}

like($nginx->get('/metrics')->{body}, qr/^mlsec_upstream_waits_total\{service="v",upstream="v",result="called"\} [1-9]/m,
     'metrics: waits');

$nginx->finish('queue');
done_testing;
