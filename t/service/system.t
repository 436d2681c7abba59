# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_system: what the gateway knows of itself and of the machine, next to
# what the test sees of the same by other ways.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $slow = MlsecTest::Faulty->start(replies => {});

sub options {
    my (%o) = @_;

    return (workers => $o{workers} // 2, main => $o{main}, http => q[
    mlsec_zone mlsec:1m;
    upstream u { zone u 64k; server 127.0.0.1:1; server 127.0.0.1:2; mlsec_service u; mlsec_breaker; }
    upstream v { server 127.0.0.1:3; mlsec_breaker; }
    upstream slow { server ] . $slow->address . q[; }
    ], server => q{
    location = /system { mlsec_system disk=/; }
    location = /bare { mlsec_system; }
    location = /busy { mlsec_respond '{}'; }
    location = /hang { proxy_pass http://slow/hang; }
    });
}

sub system_of {
    my ($nginx, $path) = @_;

    my $reply = $nginx->get($path // '/system');

    is($reply->{status}, 200, ($path // '/system') . ': answered');

    return JSON::PP::decode_json($reply->{body});
}

sub slurp {
    open my $in, '<', $_[0] or return '';
    local $/;

    return <$in> // '';
}

sub until_true {
    my ($test) = @_;
    my $until = time + 10;
    my $pass;

    sleep 0.05 until ($pass = $test->()) || time > $until;

    return $pass;
}

my $nginx = MlsecTest::Instance->start(options());

# a worker that has begun knows of the next one a moment later, and figures are
# kept for a second
my $s;

until_true(sub { $s = system_of($nginx); @{ $s->{processes} } == 2 });

my ($version) = `$ENV{TEST_NGINX_BINARY} -v 2>&1` =~ m{nginx/([\d.]+)};

is($s->{gateway}{nginx}, $version, 'the version of nginx');
is($s->{gateway}{workers}, 2, 'workers');
is($s->{gateway}{connections_per_worker}, 2048, 'worker_connections');
ok(!$s->{gateway}{exiting}, 'not exiting');
cmp_ok($s->{gateway}{uptime_seconds}, '<=', 30, 'uptime');
is(join(' ', sort map { $_->{pid} } @{ $s->{processes} }),
   join(' ', sort $nginx->worker_pids), 'the workers');
ok((grep { $_->{pid} == $s->{gateway}{pid} } @{ $s->{processes} }), 'one of them has answered');

my $sum = 0;

for (@{ $s->{processes} }) {
    my $kb = $nginx->rss($_->{pid});

    cmp_ok(abs($_->{rss_bytes} / 1024 - $kb), '<', 4096, "worker $_->{pid}: its memory");
    $sum += $_->{rss_bytes};
}
is($s->{rss_bytes}, $sum, 'memory of all');

my ($total) = slurp('/proc/meminfo') =~ /^MemTotal: +(\d+)/m;

is($s->{memory}{total_bytes}, $total * 1024, 'memory of the machine');
is($s->{memory}{used_bytes}, $s->{memory}{total_bytes} - $s->{memory}{available_bytes}, 'used memory');
cmp_ok(abs($s->{memory}{used_percent} - 100 * $s->{memory}{used_bytes} / $s->{memory}{total_bytes}), '<', 0.2,
       'used memory, percent');
is($s->{cpu}{cpus}, () = (slurp('/proc/cpuinfo') =~ /^processor/mg), 'CPUs') if -s '/proc/cpuinfo';
is(scalar @{ $s->{cpu}{load} }, 3, 'load');
cmp_ok($s->{age_ms}, '<', 1000, 'the age of the figures');

my ($blocks, $free) = (split ' ', (split /\n/, `df -P -k /`)[1])[1, 3];

is($s->{disk}{path}, '/', 'disk');
is($s->{disk}{total_bytes}, $blocks * 1024, 'disk: total');
cmp_ok(abs($s->{disk}{available_bytes} / 1024 - $free), '<', 512 * 1024, 'disk: available');
is_deeply({ map { $_ => $s->{zone}{$_} } qw(name size_bytes services peers) },
          { name => 'mlsec', size_bytes => 1048576, services => 2, peers => 3 }, 'zone');
cmp_ok($s->{zone}{peers_max}, '>=', 8 * $s->{zone}{services_max} / 2, 'zone: room');
is(system_of($nginx, '/bare')->{disk}, undef, 'no disk= no disk');

# counters of nginx's own: exact differences
SKIP: {
    skip 'nginx without stub_status', 3 if !defined $s->{requests};

    my $before = system_of($nginx)->{requests};

    $nginx->get('/busy') for 1 .. 7;
    is(system_of($nginx)->{requests}, $before + 8, 'requests, this one too');

    my $client = $nginx->client;

    $client->request('/hang');
    until_true(sub { $slow->count('request', '/hang') });

    my $c = system_of($nginx)->{connections};

    cmp_ok($c->{writing}, '>=', 2, 'a request that waits is writing');
    cmp_ok($c->{active}, '>=', $c->{writing}, 'connections');
}

# CPU: what a worker burns is seen, of the gateway and of the machine
{
    my $cpu;

    $nginx->get('/system') for 1 .. 2;
    ok(until_true(sub {
        $nginx->get('/busy') for 1 .. 300;
        $cpu = system_of($nginx)->{cpu};

        return defined $cpu->{gateway_percent} && $cpu->{gateway_percent} > 1;
    }), 'the gateway\'s share of a CPU') or diag explain $cpu;
    cmp_ok($cpu->{busy_percent}, '>', 0, 'the machine is busy then');
    cmp_ok($cpu->{busy_percent}, '<=', 100, 'at most so');
    cmp_ok($cpu->{interval_ms}, '>=', 500, 'over what time');
}

# figures are kept for a second, and not longer
{
    my %ages = map { system_of($nginx)->{age_ms} => 1 } 1 .. 20;

    ok(!(grep { $_ > 1000 } keys %ages), 'never older than a second');
}

my $reply = $nginx->get('/system', method => 'POST');

is($reply->{status}, 405, 'POST');
$nginx->finish('system');

# a single process
$nginx = MlsecTest::Instance->start(options(workers => 1, main => "master_process off;\n"));
$s = system_of($nginx);
is($s->{gateway}{workers}, 1, 'single: itself');
is(join(' ', map { $_->{pid} } @{ $s->{processes} }), $s->{gateway}{pid}, 'single: its figures');
$nginx->finish('single');

done_testing;
