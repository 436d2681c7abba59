# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_via: where no peer takes requests, that is said before nginx tries.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my @service = map { MlsecTest::Faulty->start } 1, 2;
my ($one, $two) = map { $_->address } @service;

my %upstream = (
    down => "server $one down; server $two down; mlsec_breaker;",
    pair => "zone pair 64k; server $one; server $two; mlsec_breaker;",
    spare => "server $one; server $two backup; mlsec_breaker;",
    health => "server $one; mlsec_health uri=/ok/h interval=1h;",
    outlier => "server $one; mlsec_outlier;",
    named => "mlsec_resolve $one; mlsec_breaker;",
    hashed => "hash \$uri; server $one; server $two; mlsec_breaker;",
    queue => "server $one; mlsec_max_inflight 1 queue=5 wait=20s;",
);
my @names = sort keys %upstream;
my $locations = join '', map { qq{
    location /$_/ { mlsec_via $_; proxy_pass http://$_/; }} } @names;

my $nginx = MlsecTest::Instance->start(workers => 3, http => qq{
    mlsec_zone mlsec:1m;
    @{[map { "upstream $_ { $upstream{$_} mlsec_service $_; }\n" } @names]}
}, server => qq{
    mlsec_errors on;
    location = /state { mlsec_services; }
    location /admin/ { mlsec_services admin; }
    location /plain/ { proxy_pass http://down/; }
    location /page/ { mlsec_via down; proxy_pass http://down/; error_page 503 =200 /b; }
    location = /b { mlsec_respond 1; }
    $locations
});


sub state_of {
    my ($name) = @_;

    my $state = JSON::PP::decode_json($nginx->get('/state')->{body});

    return (grep { $_->{name} eq $name } @{ $state->{services} })[0];
}

sub told {
    my ($what) = @_;

    return $nginx->get("/admin/$what", method => 'POST')->{status};
}

sub refused {
    my ($r, $name, $what) = @_;

    is($r->{status}, 503, "$what: 503");
    like($r->{body}, qr/^\{"error":true,"status_code":503,"message":"Service $name has no peer that takes requests",.*"details":\{"service":"$name","error_type":"no_peer"\}\}$/,
         "$what: envelope");

    return like($r->{headers}{'retry-after'} // '', qr/^(?:[1-9]|[123]\d)$/, "$what: Retry-After");
}

refused($nginx->get('/down/ok/x'), 'down', 'all are marked as down');
is($nginx->get('/down/ok/x')->{headers}{'retry-after'}, 10, 'Retry-After: nginx\'s fail_timeout');
like($nginx->error_log, qr/\[info\] .*mlsec service: no peer, service: "down"/, 'logged');
unlike($nginx->error_log, qr/no live upstreams/, 'nginx has not tried');
is($nginx->get('/page/x')->{body}, '1', 'error_page');
is($nginx->get('/down/ok/x', method => 'HEAD')->{status}, 503, 'HEAD');
is($nginx->get('/plain/x')->{status}, 502, 'without mlsec_via: 502');

# a word of an operator is obeyed by all workers at once, both ways
for my $name (grep { $_ ne 'down' } @names) {
    is($nginx->get("/$name/ok/x")->{status}, 200, "$name: called");
    is(told("$name/drain"), 200, "$name: drain");
    is(join(' ', map { $nginx->get("/$name/ok/x")->{status} } 1 .. 12),
       join(' ', (503) x 12), "$name: no worker calls it");
    refused($nginx->get("/$name/ok/x"), $name, $name);
    is(told("$name/undrain"), 200, "$name: undrain");
    is(join(' ', map { $nginx->get("/$name/ok/x")->{status} } 1 .. 12),
       join(' ', (200) x 12), "$name: all workers call it");
}

is(told("pair/drain?peer=$one"), 200, 'one of two');
is($nginx->get('/pair/ok/x')->{status}, 200, 'one of two: the other is called');

# who waits for a place is told as well
{
    my ($holder, $waits) = ($nginx->client, $nginx->client);

    $holder->request('/queue/hang/held');
    ok(defined $service[0]->wait_for('request', '/hang/held', 10), 'queue: full');
    $waits->request('/queue/ok/waits');
    until_ok(10, sub { state_of('queue')->{queue}{waiting} == 1 }, 'queue: one waits');
    told('queue/drain');
    $holder->close;
    refused($waits->response(10), 'queue', 'queue');
    until_ok(10, sub { state_of('queue')->{inflight} == 0 }, 'queue: its place is given back');
    is($service[0]->count('request', '/ok/waits'), 0, 'queue: not called');
    told('queue/undrain');
    is($nginx->get('/queue/ok/x')->{status}, 200, 'queue: called again');
}

# a body is not waited for
{
    my $client = $nginx->client;

    $client->send("POST /down/ok/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    $client->expect('POST');
    refused($client->response(10), 'down', 'a body that has not come');
}

$nginx->finish('no peer');

# nginx's own max_fails; max_conns
$nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    upstream fails {
        server unix:\$DIR/a max_fails=1 fail_timeout=40s;
        server unix:\$DIR/b max_fails=1 fail_timeout=30s; mlsec_breaker;
    }
    upstream soon {
        server unix:\$DIR/a max_fails=1 fail_timeout=1s;
        server unix:\$DIR/b max_fails=1 fail_timeout=1s; mlsec_breaker;
    }
    upstream single { server unix:\$DIR/a max_fails=1 fail_timeout=40s; mlsec_breaker; }
    upstream full { zone full 64k; server $one max_conns=1; mlsec_breaker; }
}, server => q{
    mlsec_errors on;
    location /fails/ { mlsec_via fails; proxy_pass http://fails/; }
    location /soon/ { mlsec_via soon; proxy_pass http://soon/; }
    location /single/ { mlsec_via single; proxy_pass http://single/; }
    location /full/ { mlsec_via full; proxy_pass http://full/; }
});

is($nginx->get('/fails/x')->{status}, 502, 'max_fails: both refuse');
refused($nginx->get('/fails/x'), 'fails', 'max_fails: both are paused');

my $wait = $nginx->get('/fails/x')->{headers}{'retry-after'};

ok($wait > 10 && $wait <= 31, "max_fails: until the first is not, $wait s");
$nginx->get('/soon/x');
until_ok(15, sub { $nginx->get('/soon/x')->{status} == 502 }, 'max_fails: and is called then');
is($nginx->get('/single/x')->{status}, 502, "a single server, $_: is called whatever it does") for 1 .. 3;

{
    my $holder = $nginx->client;

    $holder->request('/full/hang/full');
    ok(defined $service[0]->wait_for('request', '/hang/full', 10), 'max_conns: full');
    $nginx->get('/full/ok/x');
    refused($nginx->get('/full/ok/x'), 'full', 'max_conns');
    $holder->close;
    until_ok(10, sub { $nginx->get('/full/ok/x')->{status} == 200 }, 'max_conns: given back');
    $holder = $nginx->client;
    $holder->request('/full/hang/full-2');
    ok(defined $service[0]->wait_for('request', '/hang/full-2', 10), 'max_conns: full again');
    refused($nginx->get('/full/ok/x'), 'full', 'max_conns, again: at once');
}

$nginx->finish('max_fails');

# where peers are in a zone they are paused for all workers, by any of them
$nginx = MlsecTest::Instance->start(workers => 2, http => qq{
    mlsec_zone mlsec:1m;
    upstream shared {
        zone shared 64k; server $one fail_timeout=30s; server $two fail_timeout=30s; mlsec_breaker;
    }
}, server => q{
    mlsec_errors on;
    location /shared/ { mlsec_via shared; proxy_pass http://shared/; }
    location /short/ { mlsec_via shared; proxy_pass http://shared/; proxy_read_timeout 100ms; }
});

my @pids = $nginx->worker_pids;

sub process_state {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return 'Z';

    return <$in> =~ /\) (\S)/ ? $1 : 'Z';
}

# A request that one of the two answers; the other one is stopped.
sub by {
    my ($i, $path) = @_;

    kill STOP => $pids[!$i];
    until_ok(10, sub { process_state($pids[!$i]) eq 'T' }, "$path: the other one is stopped");
    my $r = $nginx->get($path);
    kill CONT => $pids[!$i];

    return $r;
}

is(by($_, '/shared/ok/x')->{status}, 200, "max_fails in a zone: worker $_ calls") for 0, 1;
is(by(0, '/short/hang/x')->{status}, 504, 'max_fails in a zone: both fail, in one worker');
refused(by(1, '/shared/ok/x'), 'shared', 'max_fails in a zone: the other worker');
unlike($nginx->error_log, qr/no live upstreams/, 'max_fails in a zone: nginx has not tried');

$nginx->finish('max_fails in a zone');
done_testing;
