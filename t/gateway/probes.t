#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# /livez, /readyz, /startupz and the views of what the gateway knows, in front
# of services whose health changes: that what is said is so, that looking
# changes nothing, that a gateway which is to be stopped says no in time.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use JSON::PP ();
use MlsecTest::Recorder;
use Run;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my @services = qw(model-api training analytics business-metrics data-privacy
                  model-cache tracing mlflow red-team);
my %weight = ((map { $_ => 1 } @services), 'model-api' => 3, training => 2);
my $nginx = $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx';
my ($dir, $port) = (run_dir(), free_port());

mkdir "$dir/demo";
my $recorder = MlsecTest::Recorder->start("$dir/calls", 1,
    { map { $_ => "$dir/demo/$_.sock" } @services }, "$dir/bodies");

# The services with these names are ill.
sub ill {
    my %ill = map { $_ => 1 } @_;
    open my $f, '>:raw', "$dir/bodies.new" or die $!;
    print {$f} JSON::PP->new->encode({ map {
        ("$_ GET /health" => { status => $ill{$_} ? 503 : 200,
                               body => { status => 'healthy' } }) } @services });
    close $f;
    rename "$dir/bodies.new", "$dir/bodies" or die $!;
}

# probes every now and then would take minutes here
sub render {
    my (%env) = @_;
    my ($status, $out, $err) = run({ RUN_DIR => $dir, SERVICE_PORT => $port,
                                     MLSEC_DEMO => 'open', %env },
                                   'util/render');
    is($status, 0, 'rendered') or die($err);
    my $text = slurp("$dir/conf/upstreams.conf");
    # one that opens stays open while it is looked at
    is(scalar($text =~ s{mlsec_breaker;}{mlsec_breaker open=60s;}g), 9, 'each has a breaker');
    is(scalar($text =~ s{(mlsec_health \S+) interval=5s}{$1 interval=100ms}g), 9,
       'each service is probed');
    write_conf('upstreams.conf', $text);
    # nor is it here that a client is too slow
    $text = slurp("$dir/conf/http.conf");
    is($text =~ s{client_header_timeout +\d+s}{client_header_timeout 60s}, 1, 'time to send');
    write_conf('http.conf', $text);
}

sub write_conf {
    my ($name, $text) = @_;
    open my $f, '>:raw', "$dir/conf/$name" or die $!;
    print {$f} $text;
    close $f or die $!;
}

sub get {
    my ($path, %headers) = @_;
    my $reply = http($port, 'GET', $path, undef, \%headers);
    return ($reply, json($reply->{body}));
}

sub until_status {
    my ($path, $status, $name) = @_;
    my ($reply, $json);
    my $pass = until_true(sub {
        ($reply, $json) = get($path);
        return $reply->{status} == $status;
    });
    ok($pass, $name) or diag $reply->{body};
    return $json;
}

# Whether the other side has accepted a connection and read what there was: its
# line in /proc/net/tcp has no bytes that wait, and an inode.
sub is_read {
    my ($s) = @_;
    my $ends = sprintf ' [0-9A-F]{8}:%04X [0-9A-F]{8}:%04X ', $s->peerport, $s->sockport;
    my ($waits, $inode) = slurp('/proc/net/tcp')
        =~ /$ends\S+ [0-9A-F]+:([0-9A-F]+) \S+ \S+ +\d+ +\d+ (\d+)/;
    return defined $inode && $inode && !hex $waits;
}

ill();
render();
my $pid = spawn({}, "$dir/out", 'env', '-u', 'NGINX', $nginx, '-e',
    "$dir/logs/error.log", '-c', "$dir/conf/nginx.conf", '-g', 'daemon off;');
ok(until_true(sub { http($port, 'GET', '/livez')->{status} == 200 }),
   '/livez: a worker answers') or die(slurp("$dir/logs/error.log"));

# ---- well ----

my $started = until_status('/startupz', 200, '/startupz: started');
is("$started->{status} $started->{probed}", 'started 9', 'all are probed');
my $ready = until_status('/readyz', 200, '/readyz: ready');
is($ready->{score}, 100, 'all of it');
is($ready->{arithmetic}, '(3 * 100 + 2 * 100' . ' + 1 * 100' x 7 . ') / 12 = 100',
   'its arithmetic');
is(join(' ', map { "$_->{service}:$_->{weight}" } @{ $ready->{services} }),
   join(' ', map { "$_:$weight{$_}" } @services), 'its services');
my (undef, $health) = get('/health');
is("$health->{status} $health->{score}", 'healthy 100', '/health');
like($health->{uptime_seconds}, qr/^\d+\z/, 'uptime');

# ---- ill ----

# of 12, and where it ends: 75, 50, 41.67
for my $case ([75, 200, 'degraded', qw(training tracing)],
              [50, 200, 'degraded', qw(training model-api mlflow)],
              [41.67, 503, 'unhealthy', qw(training model-api mlflow tracing)])
{
    my ($score, $status, $word, @ill) = @$case;
    ill(@ill);
    ok(until_true(sub {
        my (undef, $json) = get('/health');
        return $json->{score} == $score;
    }), "@ill: $score");
    my ($reply, $json) = get('/readyz');
    is($reply->{status}, $status, "/readyz: $status");
    if ($status == 200) {
        is($json->{health}, $word, $word);
    }
    else {
        is($json->{details}{error_type}, 'not_ready', 'an envelope');
        like($json->{message}, qr{^Score 41\.67 of 100, 50 are needed: \(3 \* 0 \+ 2 \* 0 .*\) / 12 = 41\.67\z},
             'with its arithmetic');
        is(join(' ', map { $_->{service} } grep { !$_->{score} }
                @{ $json->{details}{errors} }),
           'model-api training tracing mlflow', 'and who it is');
    }
    (undef, $json) = get('/health');
    is($json->{status}, $word, '/health says so, with 200');
    is((get('/livez'))[0]{status}, 200, '/livez does not care');
}
ill();
until_status('/readyz', 200, '/readyz: well again');

# ---- a breaker ----

my (undef, $before) = get('/monitoring/performance');
$before = $before->{performance_metrics}{business_metrics};
get('/kpis') for 1 .. 5;
# a call is counted when it has ended, which the client need not wait for
my $after;
until_true(sub {
    (undef, my $json) = get('/monitoring/performance');
    $after = $json->{performance_metrics}{business_metrics};
    return $after->{calls}{ok} - $before->{calls}{ok} >= 5;
});
is($after->{calls}{ok} - $before->{calls}{ok}, 5, 'calls are counted, probes are none');
is($after->{circuit_breaker}{state}, 'closed', 'closed');
cmp_ok($after->{latency_ms}, '>', 0, 'their time');
is($after->{timeout_settings}{timeout_ms}, 30000, 'the timeout that calls have');
is($after->{connection_pool}{peers_up}, 1, 'peers');

my $reply;
for (1 .. 60) {
    ($reply) = get('/kpis', 'X-Want-Status' => 500);
    last if $reply->{status} == 503;
}
is(json($reply->{body})->{details}{error_type}, 'circuit_open', 'a breaker opens');
cmp_ok($reply->{headers}{'retry-after'}, '>=', 1, 'Retry-After');
$recorder->calls;
for (1 .. 20) {
    my (undef, $json) = get('/monitoring/circuit-breakers');
    my $b = $json->{circuit_breakers}{business_metrics};
    if ($_ == 1) {
        is(join(' ', @$b{qw(service state)}), 'business-metrics open', 'is shown');
        ok(!$b->{can_execute}, 'cannot execute');
        cmp_ok($b->{failure_count}, '>=', 10, 'failures');
        cmp_ok(abs($b->{last_failure_time} - time), '<=', 10, 'the last one');
        is(join(' ', sort keys %{ $json->{circuit_breakers} }),
           join(' ', sort map { tr/-/_/r } @services), 'all of them');
    }
}
is(scalar($recorder->calls), 0, 'looking asks no service');
(undef, my $json) = get('/monitoring/circuit-breakers');
is($json->{circuit_breakers}{business_metrics}{state}, 'open', 'and changes nothing');
(undef, $json) = get('/monitoring/alerts');
is(join(' ', map { "$_->{type}:$_->{service}" } grep { $_->{severity} eq 'critical' }
        @{ $json->{alerts} }), 'circuit_breaker_open:business_metrics', 'an alert');
(undef, $json) = get('/monitoring/health/detailed');
is($json->{circuit_breakers}{business_metrics}{state}, 'open', 'in the details');
is($json->{health}{services}{business_metrics}{status}, 'unhealthy', 'not asked: unhealthy');
(undef, $json) = get('/health');
is($json->{score}, 91.67, 'in the score');
($reply) = get('/services/business-metrics/x');
is($reply->{status}, 503, 'its plain form does not go through either');

# ---- an operator ----

for my $case (['', 'close', 'closed'], ['/api', 'open', 'forced_open'],
              ['/api/v1', 'close', 'closed'], ['', 'probe', 'closed'])
{
    my ($prefix, $action, $state) = @$case;
    my $path = "$prefix/admin/services/business-metrics/$action";
    $reply = http($port, 'POST', $path);
    is("$reply->{status} " . (json($reply->{body})->{breaker}{state} // ''), "200 $state", "POST $path");
    (undef, $json) = get('/monitoring/circuit-breakers');
    is($json->{circuit_breakers}{business_metrics}{forced} ? 1 : 0, $state =~ /forced/ ? 1 : 0,
       "$action: is shown");
    is($json->{circuit_breakers}{business_metrics}{can_execute} ? 1 : 0, $action eq 'open' ? 0 : 1,
       "$action: and whether it is called");
    is((get('/kpis'))[0]{status}, $action eq 'open' ? 503 : 200, "$action: its routes");
}
for my $action (qw(drain undrain)) {
    $reply = http($port, 'POST', "/admin/services/business-metrics/$action");
    is($reply->{status}, 200, $action);
    is((get('/kpis'))[0]{status} == 200 ? 1 : 0, $action eq 'drain' ? 0 : 1, "$action: its routes");
}
$reply = http($port, 'POST', '/admin/services/none/open');
is($reply->{status}, 404, 'no such service');
$reply = http($port, 'POST', '/admin/services/training/restart');
is($reply->{status}, 501, 'what nobody can do for it');
$reply = http($port, 'GET', '/admin/services/training/open');
is("$reply->{status} $reply->{headers}{allow}", '405 POST', 'no GET');
$reply = http($port, 'POST', '/admin/services/training/open', undef, { Origin => 'http://localhost' });
is($reply->{status}, 403, 'no page of a browser');

(undef, $json) = get('/services/health', 'X-Mlsec-Explain' => 1);
is(join(' ', sort map { "$_->{service} $_->{decision}" } @{ $json->{parts} }),
   join(' ', sort map { "$_ called" } grep { $_ ne 'red-team' } @services), 'one request, explained');

# ---- the gateway itself ----

(undef, my $one) = get('/analytics/system/performance');
get('/models') for 1 .. 4;
my $two;
until_true(sub {
    (undef, $two) = get('/analytics/system/performance');
    return $two->{performance}{total_calls} - $one->{performance}{total_calls} >= 4;
});
is($two->{performance}{total_calls} - $one->{performance}{total_calls}, 4,
   '/analytics/system/performance: calls');
(undef, $json) = get('/system/info');
is("$json->{service} $json->{version}", 'enterprise-dashboard-backend 1.0.0', '/system/info');
is($json->{gateway}{workers}, scalar @{ $json->{processes} }, 'its workers');
my $workers = $json->{gateway}{workers};
(undef, $json) = get('/analytics/system/resources');
my $memory = $json->{resources}{memory};
cmp_ok($memory->{used_bytes}, '<=', $memory->{total_bytes}, 'memory');
cmp_ok($memory->{gateway_bytes}, '>', 1 << 20, 'the gateway has some');
cmp_ok($json->{resources}{disk}{total_bytes}, '>', 0, 'a disk');
(undef, $json) = get('/dashboard/system/health');
ok(defined $json->{resource_usage}{memory_percent}, '/dashboard/system/health: resources');

# ---- going away ----

open my $drain, '>', "$dir/drain" or die $!;
close $drain;
($reply, $json) = get('/readyz');
is("$reply->{status} $json->{details}{error_type} $json->{path}", '503 draining /readyz', 'drain: not ready');
is((get('/health'))[0]{status}, 200, 'drain: up');
unlink "$dir/drain";
is((get('/readyz'))[0]{status}, 200, 'drain: over');

# a worker that a reload has told to end answers what it has begun to read
render(CRITICAL_SERVICES => 'training');
my $s = connect_to($port);
syswrite $s, "GET /readyz HTTP/1.1\r\nHost: a\r\n";
ok(until_true(sub { is_read($s) }), 'a worker has read half of a request');
kill 'HUP', $pid;
ok(until_true(sub {
    $workers <= (() = slurp("$dir/logs/error.log") =~ /gracefully shutting down/g);
}), 'a reload');
my $text = ask($s, "Connection: close\r\n\r\n");
like($text, qr{^HTTP/1\.1 503 .*"error_type":"draining"}s, 'a worker that ends: not ready');

# ---- a critical service ----

ill('training');
until_status('/readyz', 503, 'a critical service: not ready');
($reply, $json) = get('/readyz');
like($json->{message}, qr{^Score 49 of 100, 50 are needed: \(.*\) / 12 = [\d.]+; training is critical: at most 49\z},
     'though the mean would do');
ill();
until_status('/readyz', 200, 'well again');

my ($status, undef, $err) = run({ RUN_DIR => "$dir/bad", SERVICE_PORT => $port,
    CRITICAL_SERVICES => 'training,model_api' }, 'util/render');
like($err, qr/^mlsec: CRITICAL_SERVICES="training,model_api": expected a comma list of services \(model-api,training\)$/m,
     'a service that is none');

# ---- a service that has not been heard of ----

{
    local $SIG{ALRM} = sub { die };
    my $mute = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die $!;
    my $other = free_port();
    mkdir "$dir/mute";
    chmod 0755, "$dir/mute";
    ($status, undef, $err) = run({ RUN_DIR => "$dir/mute", SERVICE_PORT => $other,
        TRAINING_SERVICE_URL => 'http://127.0.0.1:' . $mute->sockport }, 'util/render');
    is($status, 0, 'rendered') or diag $err;
    my $conf = slurp("$dir/mute/conf/upstreams.conf") =~ s/timeout=2s/timeout=60s/gr;
    open my $f, '>', "$dir/mute/conf/upstreams.conf" or die $!;
    print {$f} $conf;
    close $f;
    spawn({}, "$dir/mute/out", 'env', '-u', 'NGINX', $nginx, '-e', "$dir/mute/logs/error.log",
          '-c', "$dir/mute/conf/nginx.conf", '-g', 'daemon off;');
    until_true(sub { http($other, 'GET', '/livez')->{status} == 200 });
    my $reply = http($other, 'GET', '/startupz');
    is("$reply->{status} " . json($reply->{body})->{message},
       '503 Waiting for the first probe of training', '/startupz: waits');
    is(scalar(@{ json(http($other, 'GET', '/readyz')->{body})->{services} }), 1,
       'services that are not configured do not count');
}

unlike(slurp("$dir/logs/error.log"), qr/\[(?:alert|emerg|crit)\]/, 'a quiet log');
done_testing();
