# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_resolve and mlsec_retry together: addresses come and go under load,
# some of them where nobody listens, and no request fails; what is counted of
# attempts and of the budget is right to the last one, in all workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(time);

use MlsecTest::Dns;
use MlsecTest::Instance;
use MlsecTest::Until;

plan skip_all => 'dnsmasq is not installed' unless MlsecTest::Dns->binary;

my $dns  = MlsecTest::Dns->start(ttl => 30);
my $port = $dns->spare('service');

my $services = MlsecTest::Instance->start(workers => 1, http => qq{
    keepalive_requests 1000000;
    server {
        @{[join "\n", map { "listen 127.0.0.$_:$port;" } 2 .. 9]}
        location / { return 200 fine; }
        location /bad { return 503; }
        location /u/bad { return 503; }
    }
});

my $nginx = MlsecTest::Instance->start(workers => 4, http => qq{
    mlsec_zone mlsec:1m;
    mlsec_metrics_zone 1m;
    resolver @{[$dns->address]} ipv6=off;
    resolver_timeout 1s;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_connect_timeout 1s;
    keepalive_requests 1000000;
    upstream u {
        zone u 128k; mlsec_resolve a.test:$port min=100ms max=200ms;
        keepalive 16; mlsec_service u;
        mlsec_outlier consecutive=3 base=300ms max=300ms; mlsec_retry;
    }
    upstream down {
        zone down 64k; keepalive 16; mlsec_service down; mlsec_retry min=1;
        server 127.0.0.2:$port max_fails=0; server 127.0.0.3:$port max_fails=0;
    }
}, server => qq{
    mlsec_errors on;
    location = /state { mlsec_services; }
    location = /metrics { mlsec_metrics; }
    location = /pid { return 200 \$pid; }
    location /u/ { mlsec_via u; proxy_pass http://u; }
    location /bad { mlsec_via down; proxy_pass http://down; }
});

sub state_of {
    my ($name) = @_;

    my ($s) = grep { $_->{name} eq $name }
        @{ JSON::PP::decode_json($nginx->get('/state')->{body})->{services} };

    return $s;
}

# attempts by what came of them, of all peers that there ever were
sub outcomes {
    my ($name) = @_;

    return { $nginx->get('/metrics')->{body}
        =~ /^mlsec_upstream_requests_total\{service="$name",upstream="$name",outcome="(\w+)"\} (\d+)$/mg };
}

sub addresses { return [map { "127.0.0.$_" } @_] }

# connections to all workers
my %clients;

for (1 .. 40) {
    my @some = map { $nginx->client } 1 .. 12;

    $_->request('/pid') for @some;
    $clients{ $_->response(10)->{body} } //= $_ for @some;
    last if keys %clients == 4;
}

my @clients = values %clients;

cmp_ok(scalar @clients, '>', 1, 'connections to several workers');

sub round {
    my ($path, $count) = @_;

    $_->request($path) for @clients;
    $count->{ ($_->response(10) // { status => 'none' })->{status} }++ for @clients;

    return;
}

# peers come and go; 127.0.0.20 and up are nobody
$dns->set('a.test' => addresses(2, 3, 4));
until_ok(10, sub { @{ state_of('u')->{peers} } == 3 }, 'the first list');

my @lists = ([3, 4, 20], [4, 5, 6], [5, 21, 6, 7], [7, 8], [8, 9, 22], [2, 3, 9], [2, 3, 4]);
my %answers;
my $before = state_of('u')->{retries};

for my $list (@lists) {
    my $until = time + 0.6;

    $dns->set('a.test' => addresses(@$list));
    round('/u/x', \%answers) while time < $until;
}

my $n = sum0 values %answers;
my $outcomes = outcomes('u');
my $failed = $outcomes->{connect} + $outcomes->{reset} + $outcomes->{timeout};
my $retries = state_of('u')->{retries};

is_deeply(\%answers, { 200 => $n }, "none of $n requests failed");
cmp_ok($n, '>', 100, 'there was load');
cmp_ok($failed, '>', 0, "$failed attempts failed");
is($outcomes->{ok}, $n, 'each request has one good attempt');
is($retries->{made}, $failed, 'each failed attempt is made up for by one');
is($retries->{refused}, 0, 'the budget was enough');
until_ok(5, sub { state_of('u')->{retries}{now} == 0 }, 'nothing is left of it');
until_ok(5, sub { state_of('u')->{inflight} == 0 }, 'nothing is in flight');

# ejected, and taken back when the time is up, by no probe
round('/u/bad', {}) for 1 .. 20;
until_ok(5, sub {
    return 1 if grep { $_->{ejections} } @{ state_of('u')->{peers} };
    round('/u/bad', {});
    return 0;
}, 'peers are ejected');
until_ok(5, sub {
    round('/u/x', {});
    return !grep { $_->{state} ne 'up' || $_->{left_out} } @{ state_of('u')->{peers} };
}, 'and taken back');
like($nginx->error_log, qr/\[notice\] .*mlsec service: peer taken back, service: "u", peer: "127\.0\.0\.\d:$port"/,
     'which is logged');

# the budget, across workers: all of them spend it
%answers = ();
my $started = time;
round('/bad', \%answers) for 1 .. 500;
my $took = time - $started;
$n = 500 * @clients;
$outcomes = outcomes('down');
$retries = state_of('down')->{retries};
is($answers{503}, $n, 'budget: all fail');
is(sum0(values %$outcomes), $n + $retries->{made}, 'budget: attempts are requests and second attempts');
is($retries->{made} + $retries->{refused}, $n, 'budget: each request has asked once');

# a fifth of the first ones, or one a second; what two workers may be granted
# at once is the last one
my $most = $n / 5 + ($took > 10 ? $took : 10) + @clients;
cmp_ok($retries->{made}, '<=', $most, "budget: $retries->{made} of $n");
cmp_ok($retries->{made}, '>=', $n / 5 - 20, 'budget: and not less than a fifth') if $took < 9;
until_ok(5, sub { state_of('down')->{retries}{now} == 0 }, 'budget: nothing is left of it');

$nginx->finish('resolve and retry');
$services->finish('services');
done_testing;
