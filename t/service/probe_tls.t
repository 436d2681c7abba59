# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_health with "tls": probes of peers that speak TLS for real, the name
# that they are asked for, and certificates that are not what they should be.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Certificates;
use MlsecTest::Faulty;
use MlsecTest::Instance;

my $certs = File::Temp->newdir;

certificate($certs, 'ca', 'a CA of this test');
certificate($certs, 'other', 'another CA');
certificate($certs, 'good', 'u.example', ca => 'ca', san => 'DNS:u.example');
certificate($certs, 'named', 'else.example', ca => 'ca', san => 'DNS:else.example');
certificate($certs, 'foreign', 'u.example', ca => 'other', san => 'DNS:u.example');
certificate($certs, 'expired', 'u.example', ca => 'ca', san => 'DNS:u.example', days => -1);
plan skip_all => 'no openssl to make certificates with'
    if grep { !-s "$certs/$_.pem" } qw(ca other good named foreign expired);

my $mute = MlsecTest::Faulty->start(replies => {});

# a peer for each certificate, by SNI, and upstreams that look at them
my %case = (
    open       => ['good', '', 'up'],
    verified   => ['good', "trusted=$certs/ca.pem", 'up'],
    by_host    => ['good', "host=u.example:8443 trusted=$certs/ca.pem", 'up'],
    by_sni     => ['named', "sni=else.example trusted=$certs/ca.pem", 'up'],
    unverified => ['foreign', '', 'up'],
    foreign    => ['foreign', "trusted=$certs/ca.pem", 'down', 'certificate not trusted'],
    expired    => ['expired', "trusted=$certs/ca.pem", 'down', 'certificate not trusted'],
    misnamed   => ['named', "trusted=$certs/ca.pem", 'down', 'certificate of another name'],
    address    => ['good', "sni=127.0.0.1 trusted=$certs/ca.pem", 'down', 'certificate of another name'],
    body       => ['good', q{'match=.sni == "u.example"'}, 'up'],
    handshake  => ['good', 'uri=', 'up'],
    plain      => ['http', '', 'down', 'no handshake'],
    mute       => [$mute->address, 'timeout=150ms', 'down', 'timed out'],
);
my ($servers, $upstreams) = ('', '');

for my $name (qw(good named foreign expired)) {
    $servers .= qq[
    server {
        listen unix:\$DIR/$name.sock ssl;
        ssl_certificate $certs/$name.pem;
        ssl_certificate_key $certs/$name.key;
        location = /health { default_type application/json; return 200 '{"sni":"\$ssl_server_name","host":"\$host"}'; }
    }];
}
for my $name (sort keys %case) {
    my ($peer, $more) = @{ $case{$name} };
    my $uri = $more eq 'uri=' ? '' : 'uri=/health';
    my $address = $peer =~ /:/ ? $peer : "unix:\$DIR/$peer.sock";

    $more = '' if $more eq 'uri=';
    $upstreams .= qq[
    upstream $name { server $address; mlsec_service $name host=u.example;
        mlsec_health $uri tls interval=60ms fails=2 passes=2 $more; }];
}

my $nginx = MlsecTest::Instance->start(workers => 2, http => "
    mlsec_zone mlsec:1m; $upstreams $servers", server => '
    location = /state { mlsec_services; }');

sub states {
    my $state = JSON::PP::decode_json($nginx->get('/state')->{body});

    return map { $_->{name} => $_->{peers}[0]{health} } @{ $state->{services} };
}

my ($until, %is) = (time + 20);

while (time < $until) {
    %is = states();
    last if !grep { $is{$_}{state} ne $case{$_}[2] } keys %case;
    sleep 0.05;
}

for my $name (sort keys %case) {
    is($is{$name}{state}, $case{$name}[2], "$name: $case{$name}[2]");
    ok($nginx->wait_log(qr/peer down, service: "$name", .*probe: $case{$name}[3], status: 0/, 5),
       "$name: why") if $case{$name}[3];
}
is($is{verified}{last_status}, 200, 'the status is that of the peer');

# no connection, pool or descriptor is left behind by hundreds of probes
sub descriptors {
    my $n = 0;
    for my $pid ($nginx->worker_pids) {
        opendir my $dir, "/proc/$pid/fd" or next;
        $n += grep { !/^\./ } readdir $dir;
    }
    return $n;
}

my $before = descriptors();
sleep 1;
cmp_ok(descriptors(), '<', $before + 30, 'descriptors are given back');
$nginx->finish('tls');

done_testing;
