# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_resolve and a DNS server that is not as helpful as most: aliases of
# which nothing more is told, addresses twice or too many, TTLs of 0, errors of
# one type, answers that need TCP, SRV records without a port, without a host.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::DnsMock;
use MlsecTest::Instance;
use MlsecTest::Until;

my $dns  = MlsecTest::DnsMock->start;
my $port = $dns->spare('services');
my @long = map { [1, A => "127.0.0.$_"] } 2 .. 60;

sub ips { return [map { [$_[0], A => "127.0.0.$_"] } @_[1 .. $#_]] }

sub srv {
    my ($name, @records) = @_;

    return ("_http._tcp.$name SRV" => [map { [1, SRV => @$_] } @records]);
}

$dns->set(
    'alias.test A' => [[1, CNAME => 'real.test']],
    'alias.test AAAA' => [[1, CNAME => 'real.test']],
    'real.test A' => ips(300, 2),
    'whole.test A' => [[1, CNAME => 'x.test'], @{ ips(300, 3) }],
    'loop.test A' => [[1, CNAME => 'pool.test']], 'loop.test AAAA' => [[1, CNAME => 'pool.test']],
    'pool.test A' => [[1, CNAME => 'loop.test']], 'pool.test AAAA' => [[1, CNAME => 'loop.test']],
    'zero.test A' => ips(0, 4),
    'twice.test A' => ips(1, 5, 6, 5, 5),
    'long.test A' => { cut => 1, records => \@long },
    'six.test AAAA' => [[1, AAAA => '::1']],
    'half.test A' => ips(1, 7), 'half.test AAAA' => 2,
    'gone.test A' => ips(1, 8),
    'dotted.test A' => ips(300, 14),
    srv('ports.test', [1, 1, $port, 'host.test'], [1, 1, 9, 'host.test']),
    srv('light.test', [1, 0, $port, 'host.test'], [1, 65535, $port, 'other.test'],
        [2, 1, $port, 'back.test']),
    srv('nowhere.test', [0, 0, 0, '.']),
    srv('portless.test', [1, 1, 0, 'host.test']),
    'host.test A' => ips(1, 9), 'other.test A' => ips(1, 10), 'back.test A' => ips(1, 11),
);

my %upstreams = (
    alias => "alias.test:$port min=100ms", whole => "whole.test:$port", loop => "loop.test:$port min=100ms",
    zero => "zero.test:$port min=300ms", twice => "twice.test:$port", some => "long.test:$port slots=4",
    all => "long.test:$port slots=64", six => "six.test:$port", half => "half.test:$port min=100ms max=200ms",
    dotted => "dotted.test.:$port min=100ms max=200ms",
    gone => "gone.test:$port min=100ms", ports => 'ports.test srv', light => 'light.test srv',
    nowhere => 'nowhere.test srv min=100ms', portless => 'portless.test srv min=100ms',
    port => "portless.test:$port srv",
);
my $nginx = MlsecTest::Instance->start(workers => 2, http => qq{
    mlsec_zone mlsec:2m;
    resolver @{[$dns->address]};
    resolver_timeout 2s;
    @{[map { "upstream $_ { zone $_ 256k; mlsec_resolve $upstreams{$_}; mlsec_service $_; }\n" }
       sort keys %upstreams]}
}, server => qq{
    location = /state { mlsec_services; }
    @{[map { "location = /$_ { mlsec_via $_; proxy_pass http://$_; }\n" } sort keys %upstreams]}
});

sub states {
    return { map { $_->{name} => $_ }
             @{ JSON::PP::decode_json($nginx->get('/state')->{body})->{services} } };
}

# "2 3 4": the addresses of this port in the loopback network
sub addresses {
    my ($name) = @_;

    return join ' ', sort { ($a =~ /(\d+)/)[0] <=> ($b =~ /(\d+)/)[0] }
        map { $_->{address} =~ s/^127\.0\.0\.//r =~ s/:$port$//r }
        @{ states()->{$name}{peers} };
}

sub addresses_are {
    my ($name, $expected, $what) = @_;

    my $got = '';

    until_ok(10, sub { ($got = addresses($name)) eq $expected }, $what)
        or diag("$name: got \"$got\", expected \"$expected\", ",
                JSON::PP::encode_json(states()->{$name}{resolve}));

    return;
}

# errors
until_ok(10, sub { states()->{half}{resolve}{last} eq 'failed' }, 'an error for AAAA is one for both');
is(states()->{half}{resolve}{reason}, 'server failure', 'and is told');
$dns->set('half.test AAAA' => []);
addresses_are('half', '7', 'no such records are none');
$dns->set('half.test A' => 2);
until_ok(10, sub { states()->{half}{resolve}{last} eq 'failed' }, 'an error later on');
is(addresses('half'), '7', 'changes nothing');
$dns->set('half.test A' => 5);
until_ok(10, sub { states()->{half}{resolve}{reason} eq 'refused' }, 'nor does a refusal');
is(addresses('half'), '7', 'by nobody');

# aliases
addresses_are('alias', '2', 'an alias, of which nothing else is told');
addresses_are('whole', '3', 'an alias, and what it stands for');
$dns->set('real.test A' => ips(300, 12));
addresses_are('alias', '12', 'it is asked for as often as the alias, whatever its own TTL');
until_ok(10, sub { states()->{loop}{resolve}{empty_in_a_row} > 2 }, 'an alias of itself');

# addresses
addresses_are('zero', '4', 'a TTL of 0');
my %times;
my $until = time + 1;
while (time < $until) {
    my $resolve = states()->{zero}{resolve};

    $times{int(($resolve->{age_ms} + $resolve->{next_ms}) / 50)}++;
    sleep 0.02;
}
cmp_ok((sort { $a <=> $b } keys %times)[-1], '<', 100, 'a TTL of 0: min= is the time');
addresses_are('dotted', '14', 'a name that is whole');
$dns->set('dotted.test A' => ips(300, 15));
addresses_are('dotted', '15', 'a name that is whole is asked for again');
addresses_are('twice', '5 6', 'an address that is there more than once');
addresses_are('all', join(' ', 2 .. 60), 'an answer that needs TCP');
addresses_are('some', '10 11 12 13', 'more addresses than slots');
addresses_are('six', "[::1]:$port" =~ s/:$port$//r, 'no other than IPv6');

# nothing
addresses_are('gone', '8', 'a name');
$dns->set('gone.test A' => []);
addresses_are('gone', '', 'no records any more: the third time');
is($nginx->get('/gone')->{status}, 503, 'no address');
$dns->set('gone.test A' => 3);
sleep 0.3;
$dns->set('gone.test A' => ips(1, 13));
addresses_are('gone', '13', 'and there again');

# SRV
addresses_are('ports', "9 9:9", 'srv: two ports of a host');
addresses_are('light', '9 10 11', 'srv: weights of 0 and of all there is');
is(join(' ', map { $_->{address} =~ /\.11:/ ? $_->{backup} : $_->{backup} ? 'no' : () }
         @{ states()->{light}{peers} }), '1', 'srv: priority');
until_ok(10, sub { states()->{nowhere}{resolve}{empty_in_a_row} > 2 }, 'srv: "." is nowhere');
until_ok(10, sub { states()->{portless}{resolve}{empty_in_a_row} > 2 }, 'srv: no port is no address');
is($nginx->get('/portless')->{status}, 503, 'srv: no port, 503');
addresses_are('port', '9', 'srv: the port of the directive instead');

# it is being asked while a reload comes, ten times
for (1 .. 10) {
    $dns->set('real.test A' => ips(1, 20 + $_));
    $nginx->signal('HUP');
    sleep 0.05;
}

addresses_are('alias', '30', 'reloads while names are asked for');
addresses_are('ports', "9 9:9", 'and the others are there');
is(scalar(grep { /\[(?:alert|emerg|crit)\]/ } split /\n/, $nginx->error_log), 0, 'nothing is wrong');

$nginx->finish('answers');
done_testing;
