#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The platform with REDIS_URL: two gateways share their limits, Redis is killed
# and comes back without data, and what /_limits, /_redis, /metrics and the log
# say meanwhile.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use JSON::PP ();
use Run;
use MlsecTest::Redis;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();
plan skip_all => MlsecTest::Redis->missing if MlsecTest::Redis->missing;

my $redis = MlsecTest::Redis->start(args => ['--requirepass', 'hid$den"x']);
$redis->{auth} = ['-a', 'hid$den"x'];
my $url = 'redis://:hid$den"x@127.0.0.1:' . $redis->port . '/3';
my @dirs = (run_dir(), run_dir(1));
my @ports = (free_port(), free_port());

# Redis gets 5 s where it has 25 ms: a machine that is busy is not one whose Redis
# is out of reach. What is out of reach here does not answer at all.
sub start {
    my ($which) = @_;
    my $dir = $dirs[$which];
    my ($status, $out, $err) = run({
        RUN_DIR => $dir, SERVICE_PORT => $ports[$which], SERVICE_HOST => '127.0.0.1',
        TRUSTED_PROXIES => '127.0.0.1', MODEL_API_URL => 'http://127.0.0.1:9',
        LIMIT_TRAINING => '20r/d', REDIS_URL => $url }, 'util/render');
    is("$status|$err", '0|', 'rendered') or die $out;
    for (['redis.conf', qr/^(mlsec_redis ".*");$/m, 'timeout=10s'],
         ['limits.conf', qr/^(mlsec_limit_sync) on;$/m, 'timeout=5s'])
    {
        my ($name, $line, $more) = @$_;
        my $text = slurp("$dir/conf/$name");
        is($text =~ s/$line/$1 $more;/, 1, "$name: $more");
        open my $f, '>', "$dir/conf/$name" or die $!;
        print {$f} $text;
        close $f;
    }
    spawn({}, "$dir/out", 'env', '-u', 'NGINX', $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx', '-e',
          "$dir/logs/error.log", '-c', "$dir/conf/nginx.conf", '-g', 'daemon off;');
    ok(until_true(sub { http($ports[$which], 'GET', '/livez')->{status} == 200 }), 'a gateway starts')
        or die slurp("$dir/logs/error.log");
}

sub state_of {
    my ($which, $path) = @_;
    return JSON::PP::decode_json(http($ports[$which], 'GET', $path)->{body});
}

sub sync { return state_of($_[0], '/_limits')->{sync} }

# How many of n requests of an address to the gateways in turn were let through.
sub passed {
    my ($n, $address, @which) = @_;
    return scalar grep {
        http($ports[$which[$_ % @which]], 'POST', '/training/train', '{}',
             { 'X-Forwarded-For' => $address, 'Content-Type' => 'application/json' })->{status} != 429
    } 1 .. $n;
}

start($_) for 0, 1;
ok(until_true(sub { sync(0)->{gateways} == 2 && sync(1)->{gateways} == 2 }), 'they know of each other');

# a lease is a tenth of 20: two units each
my $n = passed(40, '192.0.2.1', 0, 1);
cmp_ok($n, '>=', 20, "one limit of both: $n of 20");
cmp_ok($n, '<=', 20 + 2 * 2, 'and not more than a lease each on top');
my ($limited) = grep { $_->{zone} eq 'limit_client' } @{ state_of(1, '/_limits')->{zones} };
is($limited->{limited}[0]{policy}, 'training', '/_limits: who is limited, by what');
like($limited->{limited}[0]{key}, qr/^[0-9a-f]{16}$/, '/_limits: by a hash');
unlike(http($ports[1], 'GET', '/_limits')->{body}, qr/192\.0\.2/, '/_limits: without an address');

my $r = state_of(0, '/_redis');
is("$r->{server} $r->{checks}{ping}{result} $r->{checks}{write}{result}",
   'redis://127.0.0.1:' . $redis->port . '/3 ok ok', '/_redis: is asked now');
is(http($ports[0], 'GET', '/_redis', undef, { 'X-Forwarded-For' => '192.0.2.1' })->{status}, 403,
   '/_redis: not for others');
is(http($ports[0], 'GET', "$_/_redis")->{status}, 404, "$_/_redis is no place") for '/api', '/api/v1';

$redis->kill;
$n = passed(20, '192.0.2.2', 0);
cmp_ok($n, '>=', 10, "killed: half of the limit, $n, from the first request on");
cmp_ok($n, '<=', 10 + 2, 'killed: and the lease that it had');
ok(until_true(sub { sync(0)->{state} eq 'alone' && sync(1)->{state} eq 'alone' }), 'killed: is noticed');
is(passed(5, '192.0.2.2', 0), 0, 'killed: and no more');
$r = state_of(0, '/_redis');
is($r->{checks}{ping}{result}, 'unavailable', 'killed: /_redis');
like($r->{last_error}{error}, qr/^(?:closed|connect)$/, 'killed: /_redis says why');
like(http($ports[1], 'GET', '/metrics')->{body}, qr/^mlsec_limit_degraded 1$/m, 'killed: metrics');

$redis->restart;
ok(until_true(sub { sync(0)->{state} eq 'shared' && sync(1)->{state} eq 'shared' }), 'found again');
ok(until_true(sub { 2 == grep { slurp("$dirs[$_]/logs/error.log") =~ /mlsec redis: in use/ } 0, 1 }), 'by all workers');
$n = passed(40, '192.0.2.2', 0, 1);
cmp_ok($n, '>=', 20, 'a new limit for both');
cmp_ok($n, '<=', 20 + 2 * 2, 'which is one');

for my $which (0, 1) {
    my $log = slurp("$dirs[$which]/logs/error.log");
    my @n = map { my $n = () = $log =~ /$_/g; $n } qr/mlsec redis: not in use/, qr/mlsec redis: in use/,
        qr/mlsec limit: redis is out of reach/, qr/mlsec limit: redis is back/;
    is("@n", '1 1 1 1', 'one line for each transition');
    unlike(join("\n", grep { /mlsec/ } split /\n/, $log), qr/hid|192\.0\.2/, 'neither password nor address');
    unlike($log, qr/hid\$/, 'the password is in no line at all');
}

done_testing();
