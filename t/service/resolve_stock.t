# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_resolve beside nginx's own "server ... resolve" in one upstream, with
# every balancer: both lists change, no request is lost, no worker dies.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;

use MlsecTest::DnsMock;
use MlsecTest::Instance;
use MlsecTest::Until;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my ($minor, $patch) = `$binary -v 2>&1` =~ m{nginx/1\.(\d+)\.(\d+)};

plan(skip_all => '"resolve" of "server" needs nginx 1.27.3')
    if $minor < 27 || ($minor == 27 && $patch < 3);

my $dns  = MlsecTest::DnsMock->start;
my $port = $dns->spare('services');

sub ips { return [map { [1, A => "127.0.0.$_"] } @_] }

sub names {
    my ($stock, $ours) = @_;

    return $dns->set('stock.test A' => ips(@$stock), 'ours.test A' => ips(@$ours), 'late.test A' => ips(@$ours));
}

names([2, 3], [4]);

my $services = MlsecTest::Instance->start(workers => 1, http => qq{
    server {
        @{[join "\n", map { "listen 127.0.0.$_:$port;" } 2 .. 9]}
        location / { return 200 \$server_addr; }
    }
});

my $stock = "server stock.test:$port resolve;";
my $ours = "mlsec_resolve ours.test:$port min=100ms max=200ms;";
my %upstreams = (
    turn => "$stock $ours",
    few => "least_conn; $stock $ours",
    hash => "hash \$arg_key; $stock $ours",
    ring => "hash \$arg_key consistent; $stock $ours",
    random => "random; $stock $ours",
    rules => "$stock $ours mlsec_outlier; mlsec_health; mlsec_breaker; mlsec_retry; keepalive 4;",
    backup => "$ours server stock.test:$port resolve backup;",
    alone => "$stock mlsec_breaker; mlsec_retry;",
);
my @names = sort keys %upstreams;

my $nginx = MlsecTest::Instance->start(workers => 2, http => qq{
    mlsec_zone mlsec:2m;
    resolver @{[$dns->address]} ipv6=off valid=1s;
    resolver_timeout 2s;
    @{[map { "upstream $_ { zone $_ 256k; $upstreams{$_} mlsec_service $_; }\n" } @names]}
}, server => qq{
    location = /state { mlsec_services; }
    @{[map { "location = /$_ { mlsec_via $_; proxy_pass http://$_; }\n" } @names]}
});

my %lost;

# Those who answer, of so many requests.
sub who {
    my ($name) = @_;

    my %seen;

    for my $i (1 .. 30) {
        my $r = $nginx->get("/$name?key=$i");

        # one that has died may keep the lock of the peers
        die "$name: no worker answers" if !defined $r->{status};

        $seen{ $r->{body} =~ s/^127\.0\.0\.//r }++ if $r->{status} == 200;
        $lost{"$name $r->{status}"}++ if $r->{status} != 200;
    }

    return join ' ', sort keys %seen;
}

sub are {
    my ($what, %expected) = @_;

    for my $name (@names) {
        my $expected = $expected{$name} // $expected{any};
        my $got = '';

        until_ok(15, sub { ($got = who($name)) eq $expected }, "$what: $name")
            or diag("got \"$got\", expected \"$expected\"");
    }

    return;
}

until_ok(15, sub { who($_) ne '' }, "$_: first answers") for @names;
%lost = ();
are('both', any => '2 3 4', backup => '4', alone => '2 3');
names([5], [6, 7]);
are('both have changed', any => '5 6 7', backup => '6 7', alone => '5');
my @old = $nginx->worker_pids;
$nginx->signal('HUP');
until_ok(15, sub { my %now = map { $_ => 1 } $nginx->worker_pids; return !grep { $now{$_} } @old }, 'reload');
are('after a reload', any => '5 6 7', backup => '6 7', alone => '5');
names([8, 9], [2]);
are('and again', any => '2 8 9', backup => '2', alone => '8 9');
is(JSON::PP::encode_json(\%lost), '{}', 'no request is lost');

$nginx->finish('stock');
done_testing;
