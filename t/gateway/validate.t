#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The rules of the platform's write routes (conf/validate, and the programs
# that make bodies): validate.txt has bodies that are good, and bodies that
# are not with what is said of them. The service sees those that are good, as
# they are, and nothing of the others.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use Run;
use MlsecTest::Recorder;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my @services = qw(model-api training analytics business-metrics data-privacy
                  model-cache tracing mlflow red-team);
my ($dir, $port) = (run_dir(), free_port());
my $nginx = $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx';

mkdir "$dir/demo";
my $recorder = MlsecTest::Recorder->start(
    "$dir/calls", 1, { map { $_ => "$dir/demo/$_.sock" } @services });
my ($status, $out, $err) = run({ LIMITS => 'off', MLSEC_DEMO => 'open',
                                 SERVICE_PORT => $port,
                                 RUN_DIR => $dir }, 'util/render');
is($status, 0, 'rendered') or die($err);
spawn({}, "$dir/out", 'env', '-u', 'NGINX', $nginx, '-e',
      "$dir/logs/error.log", '-c', "$dir/conf/nginx.conf", '-g',
      'daemon off;');
ok(until_true(sub { http($port, 'GET', '/health')->{status} == 200 }),
   'the gateway is up') or die(slurp("$dir/logs/error.log"));

# METHOD PATH [PATH...], then lines of "good BODY", "bad BODY => LOC TYPE, ..."
my (%covered, $method, @paths);
for my $line (split /\n/, slurp("$Bin/validate.txt")) {
    next if $line =~ /^\s*(?:#|$)/;

    if ($line =~ /^([A-Z]+) (.*)/) {
        ($method, @paths) = ($1, split / /, $2);
        $covered{"$method $_"} = 1 for @paths;
        next;
    }
    $line =~ /^\s+(good|bad|made)\s+(.*?)(?: => (.*))?$/ or die $line;
    my ($kind, $body, $said) = ($1, $2, $3);

    $body =~ s/<([\w\[]+) x (\d+)>/$1 x $2/ge;
    $body =~ s/\[\[(.*?) x (\d+)\]\]/'[' . join(',', ($1) x $2) . ']'/ge;
    check($_, $kind, $body eq '-' ? undef : $body, $said) for @paths;
}

sub check {
    my ($path, $kind, $body, $said) = @_;
    my $short = substr $body // 'nothing', 0, 60;
    my $name = "$method $path: $short";

    $recorder->events;
    my $reply = http($port, $method, $path, $body,
        defined $body ? { 'Content-Type' => 'application/json' } : {});
    my @calls = $recorder->calls;

    if ($kind eq 'good') {
        is($reply->{status}, 200, $name) or diag $reply->{body};
        is(scalar(@calls), 1, "$name: one call");
        is($calls[0]{body} // '', $body // '', "$name: as it is");
        return;
    }
    if ($kind eq 'made') {
        isnt($reply->{status}, 422, $name) or diag $reply->{body};
        cmp_ok(scalar(@calls), '>', 0, "$name: a call");
        return;
    }
    my $e = json($reply->{body});
    my $errors = ref $e eq 'HASH' ? $e->{details}{errors} // [] : [];
    is(join(', ', map { join('.', @{ $_->{loc} }) . " $_->{type}" } @$errors),
       $said, $name) or diag $reply->{body};
    is("$reply->{status} " . ($e->{message} // ''), '422 Validation error',
       "$name: status");
    is(scalar(grep { !length $_->{msg} } @$errors), 0, "$name: in words");
    is(scalar($recorder->heads), 0, "$name: no service sees it");
    is(scalar(@calls), 0, "$name: no call");
}

# every route that takes a body has its rules, and its bodies here
for my $row (split /\n/, slurp("$Bin/routes.tsv")) {
    next if $row !~ /^(?:POST|PUT|PATCH)\t/;
    my ($verb, $path, $state) = split /\t/, $row;
    next if $state !~ /^(?:done|made)$/;
    # these take no body of a known kind
    next if $path =~ m{/(?:stop|retry-failed-file|reload|promote)(?:/|$)
                     |/drift-check$|/drift/check$|/create-sample-data$
                     |/data-privacy/classify$|^/red-team/stop$}x
        && $path ne '/models/reload';
    ok($covered{"$verb " . $path =~ s/\{x\}/x/r}, "$verb $path has bodies");
}

unlike(slurp("$dir/logs/error.log"), qr/\[(?:alert|emerg|crit|error)\]/,
       'no rule fails');
done_testing();
