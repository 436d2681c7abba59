#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# CORS_ORIGINS: whose scripts may read answers, and what they ask beforehand.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use Run;
use MlsecTest::Recorder;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my ($dir, $port, $service) = (run_dir(), free_port(), free_port());
my $recorder = MlsecTest::Recorder->start("$dir/calls", 1,
                                          { training => $service });
my %env = (SERVICE_PORT => $port,
           TRAINING_SERVICE_URL => "http://127.0.0.1:$service");

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

# What a browser looks at: status, allowed origin, what varies; calls made.
sub seen {
    my ($method, $path, %headers) = @_;
    $recorder->calls;
    my $reply = http($port, $method, $path, undef, \%headers);
    my $h = $reply->{headers};
    return (join(' ', $reply->{status},
                 map { $_ // '-' } @$h{qw(access-control-allow-origin vary)}),
            scalar($recorder->calls), $h);
}
my $job = '/training/jobs/1/logs';
my %ask = ('Access-Control-Request-Method' => 'POST');

# ---- not set ----

gateway('start');
is((seen('GET', $job, Origin => 'https://a.example'))[0], '200 - -',
   'not set: nothing is allowed');
is((seen('OPTIONS', $job, Origin => 'https://a.example', %ask))[0],
   '403 - -', 'and no preflight');

# ---- a list ----

gateway('reload', CORS_ORIGINS => 'https://a.example, http://b.example:3000');
my $mine = 'Access-Control-Allow-Origin: *';
ok(until_true(sub {
    (seen('GET', $job, Origin => 'https://a.example'))[0] =~ /^200 https/;
}), 'a list');
for my $origin ('https://a.example', 'http://b.example:3000') {
    for my $path ($job, "/api$job", '/health', '/services/training/x') {
        is((seen('GET', $path, Origin => $origin))[0], "200 $origin Origin",
           "$path: $origin may read");
    }
    for (['GET', '/none', 404], ['PUT', '/health', 405], ['GET', '/models', 503],
         ['GET', '/monitoring/logs', 501], ['POST', '/load', 422])
    {
        my ($method, $path, $status) = @$_;
        is((seen($method, $path, Origin => $origin))[0],
           "$status $origin Origin", "$method $path: an error can be read too");
    }
    my ($text, $calls, $h) = seen('OPTIONS', "/api$job", Origin => $origin, %ask);
    is("$text $calls", "204 $origin Origin 0", 'a preflight is answered here');
    is($h->{'access-control-allow-methods'}, 'GET, HEAD',
       'methods of the route');
    like($h->{'access-control-allow-headers'}, qr/^Authorization, Content-Type,/,
         'headers');
    is($h->{'access-control-max-age'}, 600, 'for ten minutes');
    is($h->{'access-control-allow-credentials'}, undef, 'no cookies');
}
for my $origin ('https://evil.example', 'null', 'http://a.example',
                'https://a.example.evil.example', 'https://xa.example')
{
    is((seen('GET', $job, Origin => $origin))[0], '200 - Origin',
       "$origin may not");
    my ($text, $calls) = seen('OPTIONS', $job, Origin => $origin, %ask);
    is("$text $calls", '403 - Origin 0', 'nor ask');
}
is((seen('GET', $job))[0], '200 - Origin', 'no Origin, but caches are told');
is((seen('OPTIONS', $job, Origin => 'https://a.example'))[0],
   '405 https://a.example Origin', 'OPTIONS that is no preflight');
my (undef, undef, $h) = seen('GET', $job, Origin => 'https://a.example',
                             'X-Want-Header' => $mine);
is($h->{'access-control-allow-origin'}, 'https://a.example',
   "not what the service says");
($h) = (seen('GET', $job, 'X-Want-Header' => $mine))[2];
is($h->{'access-control-allow-origin'}, undef, 'to nobody else either');
like((seen('GET', $job, Origin => 'https://a.example'))[2]
     ->{'access-control-expose-headers'}, qr/\bX-Request-ID\b/, 'headers to read');

# ---- all ----

gateway('reload', CORS_ORIGINS => '*');
ok(until_true(sub {
    (seen('GET', $job, Origin => 'https://any.example'))[0]
        eq '200 * -';
}), 'CORS_ORIGINS=*');
is((seen('OPTIONS', $job, Origin => 'https://any.example', %ask))[0],
   '204 * -', 'preflights too');

unlike(slurp("$dir/logs/error.log"), qr/\[(?:alert|emerg|crit)\]/, 'a quiet log');

done_testing();
