#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The limits of the platform: what counts as what, who is told what, LIMITS=off.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use Digest::SHA 'sha256_hex';
use JSON::PP ();
use Run;
use MlsecTest::Recorder;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my ($dir, $port) = (run_dir(), free_port());
my ($training, $models) = (free_port(), free_port());
my $recorder = MlsecTest::Recorder->start("$dir/calls", 1,
    { training => $training, 'model-api' => $models });
my %env = (SERVICE_PORT => $port, SERVICE_HOST => '127.0.0.1',
           TRUSTED_PROXIES => '127.0.0.1',
           TRAINING_SERVICE_URL => "http://127.0.0.1:$training",
           MODEL_API_URL => "http://127.0.0.1:$models");

END {
    my $code = $?;
    run(\%env, 'util/gateway', 'stop', '--quiet') if defined $dir;
    $? = $code;
}

sub gateway {
    my ($command, %more) = @_;
    my ($status, $out, $err) = run({ %env, %more }, 'util/gateway', $command);
    is("$status|$err", '0|', "gateway $command") or die($out);
}

my $address = 0;

# How many of n requests of a new address were not refused.
sub passed {
    my ($n, $method, $path, $body) = @_;
    my %headers = ('X-Forwarded-For' => '192.0.2.' . ++$address);
    $headers{'Content-Type'} = 'application/json' if defined $body;
    return scalar grep { http($port, $method, $path, $body, \%headers)->{status} != 429 } 1 .. $n;
}

sub as {
    my ($from, $method, $path) = @_;
    return http($port, $method, $path, undef, { 'X-Forwarded-For' => $from });
}

# as slow as an hour, so that a machine that is busy counts the same
my %slow = (LIMIT_ADDRESS => '2r/h', LIMIT_PREDICTIONS => '12r/h',
            LIMIT_TRAINING => '2r/h', LIMIT_CHANGES => '4r/h');

gateway('start', %slow);
is(passed(25, 'GET', '/training/jobs/1/logs'), 20, 'an address: ten times the number');
is(passed(25, 'GET', '/models'), 20, 'whatever it asks for');
is(passed(25, 'GET', '/health'), 25, 'health is free');
is(passed(5, 'POST', '/training/train', '{}'), 2, 'training');
is(passed(5, 'POST', '/api/v1/training/train', '{}'), 2, 'below /api/v1 too');
is(passed(5, 'POST', '/services/training/training/train', '{}'), 2, 'and below /services');
is(as('192.0.2.250', 'POST', '/tr%61ining/train')->{status}, 400,
   'written in another way it is no path');
is(passed(5, 'POST', '/predict', '{}'), 5, 'predictions');
is(passed(15, 'POST', '/predict', '{}'), 12, 'but no more than these');
is(passed(3, 'POST', '/predict/batch', '{}'), 1, 'a batch counts for ten');
is(passed(3, 'POST', '/models/predict/batch', '{}'), 1, 'computed ones as well');
is(passed(6, 'POST', '/load', '{}'), 4, 'changes');

as('2001:db8:1:2::1', 'POST', '/training/train') for 1 .. 2;
my $r = as('2001:db8:1:2:ffff::2', 'POST', '/training/train');
is($r->{status}, 429, 'an IPv6 network is one client');
my $e = JSON::PP::decode_json($r->{body});
is($e->{details}{change}, 'LIMIT_TRAINING', 'what to change is told');
is($e->{details}{policy}, 'training', 'and which limit it was');
like($r->{headers}{'retry-after'}, qr/^\d{4}$/, 'and when to come back');
is(as('2001:db8:1:3::1', 'GET', '/models')->{headers}{ratelimit}, '"address";r=19;t=1800', 'RateLimit');

is(as('192.0.2.200', 'GET', '/_limits')->{status}, 403, '/_limits: not for others');
$r = http($port, 'GET', '/_limits');
is($r->{status}, 200, '/_limits: on this machine');
my %zone = map { $_->{zone} => $_ } @{ JSON::PP::decode_json($r->{body})->{zones} };
is(join(' ', sort keys %zone), 'limit_address limit_client limit_identity', '/_limits: zones');
cmp_ok($zone{limit_client}{limited_keys}, '>=', 8, '/_limits: who is limited');
is($zone{limit_identity}{keys}, 0, '/_limits: nobody has an identity');

gateway('stop');
gateway('start', %slow, LIMITS => 'off');
is(passed(25, 'POST', '/training/train', '{}'), 25, 'LIMITS=off');
$r = http($port, 'GET', '/_limits');
is_deeply(JSON::PP::decode_json($r->{body})->{zones}, [], 'nothing is counted then');
is($r->{headers}{ratelimit}, undef, 'and nobody is told of limits');

gateway('stop');
gateway('start');
is(passed(120, 'GET', '/training/jobs/1/logs'), 120, 'nobody who works notices');

# guesses
my $key = 'k' x 40;
open my $keys, '>', "$dir/api_keys" or die $!;
printf $keys qq({"id":"one","sha256":"%s","roles":["admin"]}\n), sha256_hex($key);
close $keys;

gateway('stop');
gateway('start', API_KEYS_FILE => "$dir/api_keys", LIMIT_FAILURES => '3r/h');

sub guess {
    my ($from, $given) = @_;
    return http($port, 'GET', '/models', undef,
                { 'X-Forwarded-For' => $from, defined $given ? ('X-API-Key' => $given) : () })->{status};
}

is(join(' ', map { guess('198.51.100.1', "one.$key") } 1 .. 5), '200 200 200 200 200', 'a good key is no guess');
is(join(' ', map { guess('198.51.100.1', "one.bad$_") } 1 .. 5), '401 401 401 429 429', 'three guesses');
is(guess('198.51.100.1', "one.$key"), 429, 'then nothing of that address');
is(guess('198.51.100.2', "one.$key"), 200, 'but of others');

done_testing();
