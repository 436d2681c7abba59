# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_services admin: what an operator can tell the gateway, and who may.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

my @service = map { MlsecTest::Faulty->start } 1, 2;
my ($one, $two) = map { $_->address } @service;

my $nginx = MlsecTest::Instance->start(workers => 3, http => qq{
    mlsec_zone mlsec:1m;
    set_real_ip_from unix:;
    real_ip_header X-Real;
    upstream u {
        server $one; server $two;
        mlsec_service 'the service'; mlsec_breaker; mlsec_health uri=/ok/health interval=1h;
    }
    upstream plain { server $one; server $two; mlsec_service plain; }
    upstream slashed { server $one; mlsec_service 'a/plain'; mlsec_breaker; }
    upstream reads { server $one; mlsec_service twin; mlsec_breaker; }
    upstream writes { server $one; mlsec_service twin; mlsec_breaker; }
}, server => qq{
    mlsec_errors on;
    location = /state { mlsec_services; }
    location /admin/services/ { mlsec_services admin; }
    location /any/ { mlsec_services admin=any; }
    location /u/ { mlsec_via 'the service'; proxy_pass http://u/; }
    location /plain/ { proxy_pass http://plain/; }
});

my $admin = '/admin/services/the%20service';


sub post {
    my ($path, @headers) = @_;

    return $nginx->get($path, method => 'POST', headers => \@headers);
}

sub service {
    my ($name) = @_;

    my $state = JSON::PP::decode_json($nginx->get('/state')->{body});

    return (grep { $_->{name} eq $name } @{ $state->{services} })[0];
}

# how many of N requests each service has got
sub shares {
    my ($path, $n) = @_;

    my @before = map { $_->count('request', '/ok/x') } @service;
    my @status = map { $nginx->get("$path/ok/x")->{status} } 1 .. $n;

    return [(map { $service[$_]->count('request', '/ok/x') - $before[$_] } 0, 1),
            scalar grep { $_ == 200 } @status];
}

# the breaker
my $r = post("$admin/open");

is($r->{status}, 200, 'open');
is(JSON::PP::decode_json($r->{body})->{breaker}{state}, 'forced_open',
   'open: the state is the answer');
is_deeply(shares('/u', 20), [0, 0, 0], 'open: no worker calls it');
is($nginx->get('/u/ok/x')->{headers}{'retry-after'}, 5, 'open: Retry-After');
like($nginx->error_log, qr/\[notice\] .*mlsec service: told to open by an operator, service: "the service"/,
     'open: logged');

$r = post("$admin/close");
is(JSON::PP::decode_json($r->{body})->{breaker}{state}, 'closed', 'close');
is(shares('/u', 20)->[2], 20, 'close: it is called');

# one peer, all peers; with and without rules
for ([u => $admin], [plain => '/admin/services/plain']) {
    my ($name, $path) = @$_;

    is(shares("/$name", 20)->[2], 20, "$name: called");

    $r = post("$path/drain?peer=$one");
    is($r->{status}, 200, "$name: drain one");
    is_deeply([map { "$_->{state} $_->{left_out}" }
               @{ JSON::PP::decode_json($r->{body})->{peers} }],
              ['drained 1', 'up 0'], "$name: drain one: states");
    is_deeply(shares("/$name", 20), [0, 20, 20], "$name: drain one: left out");

    my @old = $nginx->worker_pids;
    my $until = time + 10;

    $nginx->signal('HUP');

    while (time < $until) {
        my %now = map { $_ => 1 } $nginx->worker_pids;

        last unless grep { $now{$_} } @old;
        sleep 0.02;
    }

    is_deeply(shares("/$name", 20), [0, 20, 20], "$name: drain one: over a reload");

    is(post("$path/drain")->{status}, 200, "$name: drain all");
    is_deeply(shares("/$name", 5), [0, 0, 0], "$name: drain all: none is called");

    is(post("$path/undrain?peer=127.0.0.1%3A" . $service[1]->port)->{status}, 200,
       "$name: undrain one, escaped");
    is_deeply(shares("/$name", 20), [0, 20, 20], "$name: undrain one: called");
    is(post("$path/undrain")->{status}, 200, "$name: undrain all");
    is(shares("/$name", 20)->[0] > 0, 1, "$name: undrain all: called");
}

# probe
{
    my $n = $service[0]->count('request', '/ok/health');

    is(post("$admin/probe")->{status}, 200, 'probe');
    ok(defined $service[0]->wait_for('request', '/ok/health', 5, $n + 1),
       'probe: at once');
}

# what is wrong
for (["$admin/close", 'GET', 405], [$admin, 'POST', 404], ["$admin/", 'POST', 404],
     ["$admin/none", 'POST', 404], ['/admin/services/none/open', 'POST', 404],
     ["$admin/drain?peer=10.0.0.1:1", 'POST', 404],
     ['/admin/services/plain/open', 'POST', 409],
     ['/admin/services/plain/close', 'POST', 409],
     ['/admin/services/plain/probe', 'POST', 409])
{
    my ($path, $method, $status) = @$_;

    $r = $nginx->get($path, method => $method);
    is($r->{status}, $status, "$method $path: $status");
    like($r->{body}, qr/^\{"error":true,"status_code":$status,/, "$method $path: envelope");
}

is($nginx->get("$admin/close")->{headers}{allow}, 'POST', 'GET: what is allowed');

# names
for (['a%2Fplain', 'slashed'], ['a/plain', 'slashed'], ['reads', 'reads'], ['u', 'u']) {
    my ($name, $upstream) = @$_;

    $r = post("/admin/services/$name/open");
    is($r->{status}, 200, "$name: open");

    my $state = JSON::PP::decode_json($r->{body});

    is("$state->{upstream} $state->{breaker}{state}", "$upstream forced_open", "$name: it is $upstream");
    post("/admin/services/$name/close");
}

$r = post('/admin/services/twin/open');
is($r->{status}, 409, 'a name that two have: 409');
like($r->{body}, qr/"message":"Several services have this name"/, 'a name that two have: says so');
is(scalar grep({ $_->{breaker} && $_->{breaker}{state} ne 'closed' }
               @{ JSON::PP::decode_json($nginx->get('/state')->{body})->{services} }), 0,
   'a name that two have: nothing is done');

# who may
is(post("$admin/close", 'Origin: http://localhost')->{status}, 403,
   'not a page in a browser');

for (['127.0.0.1', 200], ['127.255.0.9', 200], ['::1', 200], ['10.0.0.1', 403],
     ['2001:db8::1', 403], ['::ffff:10.0.0.1', 403])
{
    my ($address, $status) = @$_;

    is(post("$admin/close", "X-Real: $address")->{status}, $status,
       "from $address: $status");
}

is(post('/any/the%20service/close', 'X-Real: 10.0.0.1')->{status}, 200,
   'admin=any: from anywhere');
is(post('/any/the%20service/close', 'Origin: null')->{status}, 403,
   'admin=any: not from a page');
is(service('the service')->{breaker}{state}, 'closed', 'closed in the end');

$nginx->finish('admin');
done_testing;
