#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Sign-in to the shipped configuration in front of the demo: what is public,
# which role may do what, and what the logs do not have.

use strict;
use warnings;

use FindBin '$Bin';
use lib $Bin, "$Bin/../lib";
use MlsecTest::Audit;
use MlsecTest::Faulty;
use MlsecTest::Token;
use Run;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my $t = MlsecTest::Token->new;
my $dir = run_dir();
my $port = free_port();
my ($line, $key) = $t->api_key('ci', roles => ['service']);

$t->write('api_keys', $line);
$t->write('revoked', '');

# as Kubernetes has secrets: names that lead through a link, which is replaced
mkdir $t->dir . "/$_" for 'one', 'two';
rename $t->dir . "/$_", $t->dir . "/one/$_" for 'api_keys', 'revoked';
symlink 'one', $t->dir . '/now';

my $issuer = MlsecTest::Faulty->start(
    replies => { '/keys' => [MlsecTest::Faulty::json($t->jwks('k1'))] });

my %env = (SERVICE_PORT => $port, DEMO_SPEED => 1,
           JWT_JWKS_URL => 'http://' . $issuer->address . '/keys',
           JWT_ISSUER => 'https://id.example', JWT_AUDIENCE => 'gateway',
           JWT_REVOKED_FILE => $t->dir . '/now/revoked',
           API_KEYS_FILE => $t->dir . '/now/api_keys');

END {
    my $code = $?;
    run({%env}, 'util/gateway', 'stop') if defined $dir;
    $? = $code;
}

my ($status, $out, $err) = run({%env}, 'util/gateway', 'start');
is($status, 0, 'start') or die("$out$err");
unlike(slurp("$dir/logs/error.log"), qr/refuses everything/,
    'every location says who may use it');

sub status {
    my ($method, $path, %headers) = @_;
    return http($port, $method, $path, $method eq 'POST' ? '{}' : undef,
        { 'Content-Type' => 'application/json', %headers })->{status};
}

# ---- public ----

is(status('GET', $_), 200, "$_ is public") for '/health', '/', '/ui/app.js';
is(status('GET', $_), 401, "$_ is not")
    for '/models', '/dashboard/metrics', '/dashboard/overview',
        '/services/training/training/jobs', '/api/v1/models';

# whatever else may be wrong with a request, who it is comes first
my @routes_all = map { [split /\t/] } grep { /^[A-Z]+\t/ }
    split /\n/, slurp("$Bin/../gateway/routes.tsv");
my @answered = grep { $_->[2] != 401 } map {
    my ($method, $path) = @$_;
    $method = 'GET' if $method eq 'WS';
    $path =~ s/\{x\}/training/g;
    [$method, $path, status($method, $path)];
} @routes_all;
cmp_ok(scalar @routes_all, '>', 200, 'routes');
is(join(' ', map { $_->[1] } @answered), '/ /health /livez /readyz /startupz',
   'no other one answers whom it does not know');

my $none = http($port, 'GET', '/models');
is($none->{headers}{'www-authenticate'}, 'Bearer realm="mlsec"', 'challenge');

# ---- who may do what; what is allowed is not 401 or 403 ----

my @routes = (
    # method, path, roles that may
    ['GET', '/models', 'viewer analyst operator admin'],
    ['GET', '/dashboard/metrics', 'viewer analyst operator admin'],
    ['POST', '/models/predict', 'analyst operator admin service'],
    ['POST', '/models/unload', 'operator admin'],
    ['POST', '/training/stop/none', 'operator admin'],
    ['DELETE', '/data/cleanup-old-data', 'admin'],
    ['GET', '/admin/logs', 'admin'],
    ['GET', '/services/training/training/jobs',
     'viewer analyst operator admin'],
    ['POST', '/services/training/none', 'operator admin'],
    ['DELETE', '/services/training/none', 'admin'],
);

for my $role (qw(viewer analyst operator admin service)) {
    my $bearer = 'Bearer ' . $t->token(roles => [$role]);

    for (@routes) {
        my ($method, $path, $may) = @$_;
        my $got = status($method, $path, Authorization => $bearer);
        my $want = $may =~ /\b$role\b/;
        ok($want ? $got != 401 && $got != 403 : $got == 403,
           "$role: $method $path") or diag $got;
    }
}

# by the table of docs/operations.md, for every route that changes something
my %beyond = (
    viewer   => sub { 1 },
    analyst  => sub { $_[1] !~ m{predict|classify|anonymize|/validate$|preview|export
                                 |/check$|-check$|/reports/generate$}x },
    operator => sub { $_[0] eq 'DELETE' || $_[1] =~ m{^/admin/} },
    service  => sub { $_[1] !~ m{/predict(?:/|$)} },
);
for my $role (sort keys %beyond) {
    my $bearer = 'Bearer ' . $t->token(roles => [$role]);
    my @let = grep { $_->[2] != 403 }
        map { [$_->[0], $_->[1], status(@$_, Authorization => $bearer)] }
        grep { $beyond{$role}->(@$_) }
        map { [$_->[0], $_->[1] =~ s/\{x\}/none/gr] }
        grep { $_->[0] =~ /^(?:POST|PUT|PATCH|DELETE)$/ } @routes_all;
    is(join(' ', map { "@$_" } @let), '', "$role: nothing beyond that");
}

my $expired = 'Bearer ' . $t->token(exp => time - 100);
is(status('GET', '/models', Authorization => $expired), 401, 'expired');
is(status('POST', '/models/predict', 'X-API-Key' => $key), 422, 'API key');
is(status('GET', '/models', 'X-API-Key' => $key), 403, 'of a service');
is(status('GET', '/models', 'X-API-Key' => "${key}x"), 401, 'wrong');

# ---- files that are replaced as Kubernetes does it ----

my $token = 'Bearer ' . $t->token(jti => 'out');
is(status('GET', '/models', Authorization => $token), 200, 'a token');

my ($line2, $key2) = $t->api_key('cd', roles => ['service']);
$t->write('two/api_keys', $line2);
$t->write('two/revoked', "jti out\n");
symlink 'two', $t->dir . '/next';
rename $t->dir . '/next', $t->dir . '/now';
unlink map { $t->dir . "/one/$_" } 'api_keys', 'revoked';

# each worker by itself: twenty times in a row
my $row = 0;
ok(until_true(sub {
    $row = status('GET', '/models', Authorization => $token) == 401
        && status('GET', '/models', 'X-API-Key' => $key) == 401
        && status('GET', '/models', 'X-API-Key' => $key2) == 403 ? $row + 1 : 0;
    return $row == 20;
}), 'a revoked token, an API key that is gone, a new one');

# ---- nothing in the logs; the audit log has who was refused ----

is(($status, $out, $err) = run({%env}, 'util/gateway', 'stop'), 3, 'stop');

my $audit = MlsecTest::Audit->new("$dir/logs/audit.log");
my @denied = grep { $_->{event} eq 'deny' } $audit->requests;
is((grep { $_->{status} == 401 && $_->{reason} eq 'it has expired' } @denied),
    1, 'the audit log has who was refused');
ok((grep { $_->{path} eq '/data/cleanup-old-data' && $_->{status} == 403
           && "@{$_->{roles}}" eq 'viewer' } @denied),
    'and who lacked a role');
ok((grep { $_->{event} eq 'write' && $_->{path} eq '/data/cleanup-old-data'
           && "@{$_->{roles}}" eq 'admin' } $audit->requests),
    'and who has changed something');
my ($code, $said) = $audit->verify('--ended', $audit->path);
is($code, 0, 'its chains are whole') or diag($said);

for my $log ('access', 'error', 'audit') {
    unlike(slurp("$dir/logs/$log.log"), qr/eyJ|secret-of/,
        "no token and no key in the $log log");
}

done_testing();
