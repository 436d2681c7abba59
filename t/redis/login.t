# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_redis: passwords, ACL users, TLS with certificates that are not what
# they should be, names that move; and nothing secret in the log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Certificates;
use MlsecTest::Dns;
use MlsecTest::Instance;
use MlsecTest::Redis;

plan skip_all => MlsecTest::Redis->missing if MlsecTest::Redis->missing;
plan skip_all => 'dnsmasq is not installed' unless MlsecTest::Dns->binary;

my $certs = File::Temp->newdir;
chmod 0755, $certs;

certificate($certs, 'ca', 'a CA of this test');
certificate($certs, 'other', 'another CA');
certificate($certs, 'good', 'redis.test', ca => 'ca', san => 'DNS:redis.test,IP:127.0.0.3');
plan skip_all => 'no openssl to make certificates with'
    if grep { !-s "$certs/$_.pem" } qw(ca other good);

my $dns = MlsecTest::Dns->start(ttl => 60);
my $redis = MlsecTest::Redis->start(
    args => ['--requirepass', 'sesame-open', '--bind', '127.0.0.1', '127.0.0.3'],
    tls => ["$certs/ca.pem", "$certs/good.pem", "$certs/good.key"]);
$redis->{auth} = ['-a', 'sesame-open'];

# a user for limits, as docs/directives/redis.md has it; and one that may little
$redis->cli('ACL', 'SETUSER', 'gateway', 'on', '>word@of/gateway', '~mlsec:*', '&mlsec:*',
            '+@read', '+@write', '+@scripting', '+@pubsub', '+@connection', '+time');
$redis->cli('ACL', 'SETUSER', 'poor', 'on', '>poor', '~other:*', 'resetchannels', '+@all', '-client',
            '-ping', '-subscribe');

$dns->set('redis.test' => ['127.0.0.1'], 'moved.test' => ['127.0.0.2']);

my ($port, $tls) = ($redis->port, $redis->tls_port);
my %case = (
    none     => ["redis://127.0.0.1:$port", 'auth'],
    wrong    => ["redis://:sesame-shut\@127.0.0.1:$port", 'auth'],
    stranger => ["redis://nobody:sesame-open\@127.0.0.1:$port", 'auth'],
    password => ["redis://:sesame-open\@127.0.0.1:$port", 'ok'],
    file     => ["redis://127.0.0.1:$port password_file=\$DIR/word", 'ok'],
    user     => ["redis://gateway:word%40of%2Fgateway\@127.0.0.1:$port", 'ok', 'ok', 'ok'],
    unix     => ['unix://gateway:word%40of%2Fgateway@' . $redis->socket . '?db=1', 'ok', 'ok', 'ok'],
    database => ["redis://:sesame-open\@127.0.0.1:$port/4711", 'refused'],
    name     => ["redis://:sesame-open\@redis.test:$port", 'ok'],
    localhost => ["redis://:sesame-open\@localhost:$port", 'ok'],
    unknown  => ["redis://:sesame-open\@unknown.test:$port", 'resolve'],
    tls      => ["rediss://:sesame-open\@redis.test:$tls trusted=$certs/ca.pem", 'ok', 'ok', 'ok'],
    sni      => ["rediss://:sesame-open\@127.0.0.1:$tls sni=redis.test trusted=$certs/ca.pem", 'ok'],
    address  => ["rediss://:sesame-open\@127.0.0.3:$tls trusted=$certs/ca.pem", 'ok'],
    misnamed => ["rediss://:sesame-open\@127.0.0.1:$tls trusted=$certs/ca.pem", 'tls'],
    foreign  => ["rediss://:sesame-open\@redis.test:$tls trusted=$certs/other.pem", 'tls'],
    system   => ["rediss://:sesame-open\@redis.test:$tls", 'tls'],
    anybody  => ["rediss://:sesame-open\@127.0.0.1:$tls verify=off", 'ok'],
    plain    => ["rediss://:sesame-open\@redis.test:$port trusted=$certs/ca.pem", 'tls'],
    poor     => ["redis://poor:poor\@127.0.0.1:$port", 'denied', 'denied', 'denied'],
);

my ($http, $server) = ('resolver ' . $dns->address . ' ipv6=off valid=60s; resolver_timeout 2s;', '');
for my $name (sort keys %case) {
    my $more = @{ $case{$name} } > 2 ? 'ping,write,pubsub' : 'ping';
    $http .= "\nmlsec_redis $case{$name}[0] name=$name;";
    $server .= "\nlocation = /$name { mlsec_redis_status name=$name check=$more; }"
        . "\nlocation = /$name/state { mlsec_redis_status name=$name check=off; }";
}
my $files = File::Temp->newdir;
open my $word, '>', "$files/word" or die $!;
print $word "sesame-open\n";
close $word;
chmod 0755, $files;
$http =~ s/\$DIR\/word/$files\/word/;
$http .= "\nmlsec_redis redis://:sesame-open\@moved.test:$port name=moved connect_timeout=200ms;";
$server .= "\nlocation = /moved { mlsec_redis_status name=moved; }";

my $nginx = MlsecTest::Instance->start(http => $http, server => $server);

sub state_of { return JSON::PP::decode_json($nginx->get($_[0])->{body}) }

for my $name (sort keys %case) {
    my (undef, $ping, $write, $pubsub) = @{ $case{$name} };
    my %want = ($ping eq 'ok' || $write ? (ping => $ping) : ());
    $want{write} = $write if $write;
    $want{pubsub} = $pubsub if $pubsub;
    my ($until, $state, $is) = (time + 20, undef, '');

    if (!%want) {
        # not a single call is made: the connection says it
        while (time < $until && $is ne $ping) {
            $is = (state_of("/$name/state")->{last_error} // {})->{error} // '';
            sleep 0.02;
        }
        is($is, $ping, "$name: $ping");
        ok(!state_of("/$name/state")->{usable}, "$name: not used");
        like($nginx->error_log, qr/not in use, server: "[^"]*", error: "$ping"/, "$name: a line");
        next;
    }

    my %is;
    while (time < $until) {
        $state = state_of("/$name");
        %is = map { $_ => $state->{checks}{$_}{result} } keys %want;
        last if $name eq 'poor' || join(',', map { $is{$_} } sort keys %want) eq join(',', map { $want{$_} } sort keys %want);
        sleep 0.02;
    }
    if ($name eq 'poor') {
        # what was found out once is not asked again and again
        isnt($is{$_}, 'ok', "$name: $_ is $is{$_}") for sort keys %want;
        cmp_ok($state->{errors}{denied} // 0, '>', 0, 'poor: denied');
        next;
    }
    is_deeply(\%is, \%want, "$name: " . join ', ', map { "$_ $want{$_}" } sort keys %want);
}

is(state_of('/unix')->{server}, 'unix:' . $redis->socket . ':1', 'status: no user, no password');
is(state_of('/user')->{server}, "redis://127.0.0.1:$port/0", 'nor for TCP');

# A name that moves: the resolver still has the old address, for a minute.
isnt(state_of('/moved')->{checks}{ping}{result}, 'ok', 'nobody is at the address of a name');
$dns->set('redis.test' => ['127.0.0.1'], 'moved.test' => ['127.0.0.3']);
{
    my ($until, $is) = (time + 20, '');
    while (time < $until && $is ne 'ok') {
        $is = state_of('/moved')->{checks}{ping}{result};
        sleep 0.05;
    }
    is($is, 'ok', 'the name stands for another one: found');
}

# A password that is changed while all is well, and the user's rights.
$redis->cli('ACL', 'SETUSER', 'gateway', '-@write', '-@scripting');
{
    my ($until, $seen) = (time + 20, 0);
    while (time < $until && !$seen) {
        $seen = state_of('/user')->{errors}{denied} // 0;
        sleep 0.02;
    }
    cmp_ok($seen, '>', 0, 'rights that are taken away: denied');
}
$redis->cli('ACL', 'SETUSER', 'gateway', '+@write', '+@scripting');
{
    my ($until, $is) = (time + 20, '');
    while (time < $until && $is ne 'ok') {
        $is = state_of('/user')->{checks}{write}{result};
        sleep 0.05;
    }
    is($is, 'ok', 'and given back: in use');
}

my $log = $nginx->error_log . $nginx->access_log;
unlike($log, qr/sesame|word.of|WRONGPASS|:poor/, 'no password is logged, nor what the server says of one');
unlike(join('', map { $nginx->get("/$_")->{body} } sort keys %case), qr/sesame|word.of|gateway/,
       'nor told');
$nginx->finish('login');

done_testing;
