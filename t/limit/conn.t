# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_limit_conn: requests at once, given back on every way that a request
# can end: answered, the client gone, the service broken, the worker killed,
# the worker replaced by a reload.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my $faulty = MlsecTest::Faulty->start;

my $nginx = MlsecTest::Instance->start(workers => 4, http => qq{
    mlsec_limit_zone user:1m key=\$http_x_user;
    mlsec_limit_zone ip:64k key=address;
    upstream u { server @{[$faulty->address]}; }
}, server => q{
    mlsec_errors on;
    include $CONF/mlsec_parts.conf;

    location /at-once/ {
        mlsec_limit_conn zone=user max=3;
        proxy_pass http://u/; proxy_read_timeout 20s;
    }
    location /part/ { mlsec_limit_conn zone=user max=3; mlsec_call a http://u/hang/part timeout=20s; }
    location /short/ { mlsec_limit_conn zone=user max=3; proxy_pass http://u/; proxy_read_timeout 200ms; }
    location /hop/ { mlsec_limit_conn zone=user max=1 name=hop; try_files /none @hopped; }
    location @hopped { mlsec_limit_conn zone=user max=1 name=hop; rewrite ^/hop(/.*) $1 break; proxy_pass http://u; }
    location /late/ {
        mlsec_limit_conn zone=user max=1 name=late; proxy_pass http://u/; proxy_read_timeout 100ms;
        error_page 504 =200 @late;
    }
    location @late { mlsec_limit_conn zone=user max=1 name=late; mlsec_limit_conn zone=ip max=9 name=more; mlsec_respond 1; }
    location = /accel { mlsec_limit_conn zone=user max=1 name=accel; proxy_pass http://unix:$DIR/http.sock:/accel/service; }
    location = /accel/service { add_header X-Accel-Redirect /accel/end; return 204; }
    location = /accel/end { mlsec_limit_conn zone=user max=1 name=accel; mlsec_respond 1; }
    location /dry/ { mlsec_limit_conn zone=user max=1 name=dry dry_run; proxy_pass http://u/; }
    location /rate/ {
        mlsec_limit zone=user rate=1r/h burst=5 name=rate;
        mlsec_limit_conn zone=ip max=1;
        mlsec_limit_conn zone=user max=1 name=one;
        proxy_pass http://u/;
    }
    location /ws/ {
        mlsec_limit_conn zone=user max=3; proxy_pass http://u/; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }
    location = /state { mlsec_limit_status; }
});

$nginx->allow(qr/exited on signal 9/);


# Clients that hang in there.
sub hold {
    my ($n, $path, $user) = @_;

    return map {
        my $client = $nginx->client;
        $client->request("$path$_", headers => ["X-User: $user"]);
        $client;
    } 1 .. $n;
}


sub status {
    my ($path, $user) = @_;

    my $r = $nginx->get($path, headers => ["X-User: $user"]);

    return $r ? $r->{status} : 'none';
}


# A request is answered before its place is given back, and the next one may come
# to another worker: it is admitted soon.
sub until_status {
    my ($path, $user, $status, $name) = @_;

    return until_ok(20, sub { status($path, $user) eq $status }, $name);
}


# Three requests that hang have come to the service: nobody polls meanwhile,
# who might take a place.
sub arrived {
    my ($path) = @_;

    return until_ok(20, sub { 3 == grep { $faulty->count('request', "$path$_") } 1 .. 3 }, 'three are under way');
}


sub all_free {
    my ($user, $name) = @_;

    return until_ok(20, sub {
        my @clients = hold(3, '/at-once/slow/100/', $user);
        my @got = map { ($_->response(10) // {})->{status} // 0 } @clients;

        return "@got" eq '200 200 200';
    }, $name);
}

# exactly, over all workers
{
    my @clients = hold(20, '/at-once/hang/', 'a');
    my %refused;

    # those that were admitted get no answer
    until_ok(20, sub {
        for my $n (grep { !$refused{$_} } 0 .. $#clients) {
            $refused{$n} = ($clients[$n]->response(0.01) // {})->{status};
        }
        return 17 == grep { $_ && $_ == 429 } values %refused;
    }, '20 at once: 17 are refused');
    until_ok(20, sub { 3 == grep { $faulty->count('request', "/hang/$_") } 1 .. 20 }, '20 at once: exactly 3 have come to the service');
    $_->close for @clients;
    all_free('a', 'all are free');
}

# the answer
{
    my @clients = hold(3, '/at-once/hang/answer', 'b');

    arrived('/hang/answer');
    my $r = $nginx->get('/at-once/ok/x', headers => ['X-User: b']);

    is($r->{status}, 429, 'refused');
    is($r->{headers}{'retry-after'}, 1, 'refused: Retry-After');
    is($r->{headers}{'ratelimit-policy'}, '"user";q=3;qu="concurrent-requests"', 'refused: RateLimit-Policy');
    is($r->{headers}{ratelimit}, '"user";r=0', 'refused: RateLimit');
    is_deeply(JSON::PP::decode_json($r->{body})->{details}, {
        error_type => 'rate_limited', policy => 'user', limit => '3', retry_after => 1,
        change => 'mlsec_limit_conn zone=user' }, 'refused: details');
    like($r->{body}, qr/"message":"Too many requests at once: limit \\"user\\" is 3"/, 'refused: message');
    is(status('/at-once/ok/x', 'c'), 200, 'another key is not');
    $_->close for @clients;
    all_free('b', 'clients gone: all are free');
}

# ways to end
{
    my @clients = hold(3, '/part/', 'd');

    until_ok(20, sub { $faulty->count('request', '/hang/part') == 3 }, 'parts are under way');
    is(status('/at-once/ok/x', 'd'), 429, 'parts hold the place of their parent');
    $_->close for @clients;
    all_free('d', 'aggregates: all are free');

    is(status('/short/hang/x', 'e'), 504, 'a service that hangs');
    until_status('/short/half-body/x', 'e', 'none', 'a service that breaks off') for 1 .. 3;
    all_free('e', 'broken services: all are free');

    my @sockets = hold(3, '/ws/hang/socket', 'f');

    arrived('/hang/socket');
    is(status('/at-once/ok/x', 'f'), 429, 'upgrades hold theirs');
    $_->close for @sockets;
    all_free('f', 'upgrades: all are free');
}

# redirects: one place, once, and given back
{
    until_status('/hop/ok/x', 'r', 200, 'a named location') for 1 .. 3;
    until_status('/late/hang/x', 'r', 200, 'error_page after a timeout') for 1 .. 3;
    until_status('/accel', 'r', 200, 'X-Accel-Redirect') for 1 .. 3;

    my ($held) = hold(1, '/at-once/hang/r', 'r2');

    until_ok(20, sub { $faulty->count('request', '/hang/r1') }, 'one is under way');
    until_status('/hop/ok/x', 'r2', 200, 'another name is another place') for 1 .. 2;
    $held->close;
}

# a stack: refused by one, given back by the others
{
    my ($holds) = hold(1, '/rate/hang/g', 'g');

    until_ok(20, sub { $faulty->count('request', '/hang/g1') }, 'one holds the address');
    is(join(' ', map { status('/rate/ok/x', 'h') } 1 .. 9), join(' ', (429) x 9), 'others are refused');
    $holds->close;
    until_status('/rate/ok/x', 'h', 200, 'until it leaves');
    until_status('/rate/ok/x', 'h', 200, 'refusals took nothing of the rate') for 1 .. 4;
    until_ok(20, sub {
        my $r = $nginx->get('/rate/ok/x', headers => ['X-User: h']);
        return $r->{status} == 429 && JSON::PP::decode_json($r->{body})->{details}{policy} eq 'rate';
    }, 'and then it is used up');

    is(join(' ', map { $_->response(10)->{status} } hold(3, '/dry/slow/50/', 'i')), '200 200 200', 'dry_run refuses nobody');
}

# kill, reload
{
    my @clients = hold(3, '/at-once/hang/kill', 'j');

    arrived('/hang/kill');
    is(status('/at-once/ok/x', 'j'), 429, 'kill: full');
    my @old = $nginx->worker_pids;

    kill KILL => @old;
    until_ok(20, sub { my %now = map { $_ => 1 } $nginx->worker_pids;
                       keys %now == 4 && !grep { $now{$_} } @old }, 'kill: new workers');
    all_free('j', 'workers killed: all are free');

    my ($answered) = hold(1, '/at-once/slow/2000/reload', 'other');

    @clients = hold(2, '/at-once/hang/reload', 'k');
    until_ok(20, sub {
        $faulty->count('request', '/hang/reload2') && $faulty->count('request', '/slow/2000/reload1');
    }, 'reload: two hold');
    @old = $nginx->worker_pids;
    $nginx->signal('HUP');
    until_ok(20, sub { my %old = map { $_ => 1 } @old; grep { !$old{$_} } $nginx->worker_pids }, 'reload: new workers');

    my ($third) = hold(1, '/at-once/hang/third', 'k');

    until_ok(20, sub { $faulty->count('request', '/hang/third1') }, 'reload: a third one comes');
    is(status('/at-once/ok/x', 'k'), 429, 'reload: what old workers hold counts');
    is(($answered->response(20) // {})->{status}, 200, 'reload: who was there before is answered');
    $_->close for @clients, $third;
    all_free('k', 'reload: all are free');
}

$nginx->finish;
done_testing();
