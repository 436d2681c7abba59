#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Every route of the shipped configuration in front of services that record
# what they are asked and whose answers vary. routes.tsv says what has to
# happen. MLSEC_SEED=N repeats a run.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use Run;
use MlsecTest::Recorder;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my $seed = $ENV{MLSEC_SEED} // time ^ $$;
srand $seed;
diag "MLSEC_SEED=$seed";

my @services = qw(model-api training analytics business-metrics data-privacy
                  model-cache tracing mlflow red-team);
my ($dir, $port) = (run_dir(), free_port());
my $nginx = $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx';

sub gateway_up {
    my ($where, %env) = @_;
    # thousands of requests of one client: limits.t has the limits
    my ($status, $out, $err) = run({ LIMITS => 'off', MLSEC_DEMO => 'open',
                                     %env, RUN_DIR => $where }, 'util/render');
    is($status, 0, 'rendered') or die($err);
    # a variable NGINX would be a list of sockets to nginx
    spawn({}, "$where/out", 'env', '-u', 'NGINX', $nginx, '-e', "$where/logs/error.log", '-c',
          "$where/conf/nginx.conf", '-g', 'daemon off;');
    return until_true(sub {
        http($env{SERVICE_PORT}, 'GET', '/health')->{status} == 200;
    });
}

mkdir "$dir/demo";
my $recorder = MlsecTest::Recorder->start(
    "$dir/calls", $seed, { map { $_ => "$dir/demo/$_.sock" } @services });
ok(gateway_up($dir, SERVICE_PORT => $port), 'the gateway is up')
    or die(slurp("$dir/logs/error.log"));

# ---- what has to happen ----

my (@rows, %methods);
for (split /\n/, slurp("$Bin/routes.tsv")) {
    next if /^#/ || !length;
    my %row;
    @row{qw(method path state service call)} = split /\t/;
    $row{method} =~ s/^WS$/GET/;
    push @rows, \%row;
    $methods{ $row{path} }{ $row{method} } = 1;
}
cmp_ok(scalar(@rows), '>', 200, 'rows are there');

sub word { return join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 12; }

sub body_of {
    my ($row) = @_;
    return (undef) if $row->{method} !~ /^(?:POST|PUT)$/;
    my $boundary = word();
    return ("--$boundary\r\nContent-Disposition: form-data; name=\"file\"; "
            . "filename=\"a\"\r\n\r\n" . word() . "\r\n--$boundary--\r\n",
            "multipart/form-data; boundary=$boundary")
        if $row->{state} eq 'upload';
    # what the rules in conf/validate take of each route
    my $body = sprintf '{"model_name":"%s", "n":%d, "text":"%s", '
        . '"training_data_path":"%s", "test_id":"%s"}', word(), rand 1e6,
        word(), word(), word();
    return ($row->{path} eq '/predict/batch' ? "[$body]" : $body,
            'application/json');
}

# One request: the reply, and the calls it caused.
sub drive {
    my ($method, $path, $body, %headers) = @_;
    $recorder->calls;
    my $reply = http($port, $method, $path, $body, \%headers);
    return ($reply, $recorder->calls);
}

sub envelope {
    my ($reply, $status, $message) = @_;
    my $e = json($reply->{body});
    return "no envelope: $reply->{status} $reply->{body}" if ref $e ne 'HASH';
    return join ' ', $reply->{status}, $e->{status_code} // '-',
        $e->{message} // '-', $e->{details}{service} // '-';
}

# ---- every route, in its three forms ----

# computed.t drives what the gateway makes itself
my %computed = map { $_ => 1 }
    map { s/\{[^}]*\}/{x}/r =~ s/ .*?\K \d\z//r }
    slurp("$Bin/filters.txt") =~ /^((?:GET|POST|PUT|DELETE) \S+)$/mg;

sub check_done {
    my ($row, $path, $expected) = @_;
    my ($body, $type) = body_of($row);
    my $id = word();
    my $query = $row->{path} eq '/mlflow/runs'
        ? 'experiment_id=' . int rand 1e6 : "q=$id&q=%2F&empty=&version=1";
    my ($reply, @calls) = drive($row->{method}, "$path?$query", $body,
        Authorization => "Bearer $id", 'X-Request-ID' => $id,
        $type ? ('Content-Type' => $type) : ());
    my $name = "$row->{method} $path";

    is(scalar(@calls), 1, "$name: one call") or return diag $reply->{body};
    my $call = $calls[0];
    my ($method, $target) = split / /, $expected;

    if ($row->{path} eq '/mlflow/runs') {
        my ($n) = $query =~ /=(.*)/;
        ($body, $type) = (qq({"experiment_ids":["$n"],"max_results":100}),
                          'application/json');
    }
    else {
        # a part passes the arguments on as a proxied route does
        $target .= ($target =~ /\?/ ? '&' : '?') . $query;
    }
    my $h = $call->{headers};
    is("$call->{service} $call->{method} $call->{target}",
       "$row->{service} $method $target", "$name: the call");
    is($call->{body}, $body // '', "$name: its body");
    is(join('|', map { $h->{$_} // '-' } qw(host authorization x-request-id
               x-forwarded-for x-forwarded-proto content-type)),
       join('|', $row->{service}, "Bearer $id", $id, '127.0.0.1', 'http',
            $type // '-'), "$name: its headers");

    my $want = $row->{state} eq 'part'
        ? qq({"recommendations":$call->{reply}}) : $call->{reply};
    ok($reply->{status} == 200 && $reply->{body} eq $want,
       "$name: the answer is the service's") or diag $reply->{body};
    is($reply->{headers}{'content-type'}, $call->{reply_type}, "$name: type");
    if ($row->{state} eq 'download') {
        is($reply->{headers}{'content-disposition'},
           qq(attachment; filename="$call->{number}.csv"), "$name: its name");
    }
}

for my $row (@rows) {
    my %row = %$row;
    if ($row{state} eq 'made') {
        ok($computed{"$row{method} $row{path}"},
           "$row{method} $row{path}: in filters.txt");
        next;
    }
    for my $prefix ('', '/api', '/api/v1') {
        my $x = $row{service} eq 'SERVICE' ? $services[rand @services] : word();
        my $path = $prefix . $row{path} =~ s/\{x\}/$x/r;
        my $expected = $row{call} =~ s/\{x\}/$x/r;
        local $row->{service} = $x if $row{service} eq 'SERVICE';

        if ($row{state} =~ /^(?:done|upload|download|part)$/) {
            check_done($row, $path, $expected);
            next;
        }
        my ($body, $type) = body_of($row);
        my ($reply, @calls) = drive($row{method}, $path, $body,
                                    $type ? ('Content-Type' => $type) : ());
        my $name = "$row{method} $path";
        is(scalar(@calls), 0, "$name: no call");
        if ($row{state} eq 'self') {
            is($reply->{status}, 200, "$name: the gateway's own");
            next;
        }
        my $said = { pending => "501 501 $row{call} pending -",
                     none => "501 501 $row{service} does not offer this"
                         . " $row{service}",
                     refused => '403 403 raw SQL is refused -' }
            ->{ $row{state} };
        is(envelope($reply), $said, "$name: $row{state}");
    }
}

# ---- other methods ----

for my $path (sort keys %methods) {
    my $x = $path =~ m{^/health/} ? 'training' : word();
    my $real = $path =~ s/\{x\}/$x/r;
    my %has = %{ $methods{$path} };
    my @others = grep { !$has{$_} } qw(GET POST PUT DELETE PATCH);
    my $method = $others[rand @others];
    my ($reply, @calls) = drive($method, $real, undef);
    is("$reply->{status} " . scalar @calls, '405 0', "$method $real: 405");
    $has{HEAD} = 1 if $has{GET};
    is(join(' ', sort split /, /, $reply->{headers}{allow} // ''),
       join(' ', sort keys %has), "$method $real: Allow");
}
my $raw = ask($port, "PUT /load HTTP/1.0\r\n\r\n");
is(scalar(() = $raw =~ /^Allow:/gmi), 1, 'Allow is there once');

# ---- bodies that are refused, and bodies that are not ----

for my $row (grep { $_->{method} =~ /^P/ && $_->{state} =~ /^(done|upload|made)$/ }
             @rows)
{
    my $path = $row->{path} =~ s/\{x\}/x/r;
    for my $type ('text/plain', 'application/jsonx',
                  $row->{state} eq 'upload' ? 'application/json'
                                            : 'multipart/form-data')
    {
        my ($reply, @calls) = drive($row->{method}, $path, 'x',
                                    'Content-Type' => $type);
        is("$reply->{status} " . scalar @calls, '415 0', "$path: $type");
    }
}
my ($reply, @calls) = drive('POST', '/red-team/start');
is(scalar(@calls), 1, 'no body needs no type');
($reply, @calls) = drive('POST', '/load', '{"model_name":"m"}',
                         'Content-Type' => 'Application/JSON ; charset=utf-8');
is(scalar(@calls), 1, 'a type with a parameter');
($reply, @calls) = drive('POST', '/load', 'x' x (1024 * 1024 + 1),
                         'Content-Type' => 'application/json');
is(envelope($reply), '413 413 Content Too Large -', 'a body that is too large');
is(scalar(@calls), 0, 'is not seen by the service');
$recorder->heads;
$reply = ask($port, "POST /data/upload-large-file HTTP/1.1\r\nHost: a\r\n"
    . "Content-Type: multipart/form-data; boundary=x\r\n"
    . "Content-Length: 536870913\r\nConnection: close\r\n\r\n");
like($reply, qr{^HTTP/1\.1 413 }, 'an upload that is too large');
is(scalar($recorder->heads), 0, 'is not seen either');

# ---- an upload streams ----

my $s = connect_to($port);
syswrite $s, "POST /api/data/efficient/upload-large-file HTTP/1.1\r\nHost: a\r\n"
    . "Content-Type: multipart/form-data; boundary=x\r\n"
    . "Content-Length: 2000\r\nConnection: close\r\n\r\n" . 'a' x 1000;
my $head;
until_true(sub { ($head) = $recorder->heads; $head });
is($head->{target}, '/data/efficient/upload-large-file',
   'the service has an upload before all of it is here');
my $text = ask($s, 'b' x 1000);
like($text, qr{^HTTP/1\.1 200 }, 'and answers when it is');
my ($call) = $recorder->calls;
is($call->{body}, 'a' x 1000 . 'b' x 1000, 'all of it');

# ---- a download that goes on where it was ----

# services that know nothing of ranges, and one that does
my $file = '/data/download-file/x';
for (['bytes=10-19', 206, 'bytes 10-19/5000', 10, 10], ['bytes=4990-', 206, 'bytes 4990-4999/5000', 4990, 10],
     ['bytes=-10', 206, 'bytes 4990-4999/5000', 4990, 10], ['bytes=0-1,4-5', 200, '-', 0, 5000],
     ['lines=1-2', 200, '-', 0, 5000],
     ['bytes=10-19', 206, 'bytes 10-19/5000', 10, 10, 'If-Range' => '"v1"'],
     ['bytes=10-19', 200, '-', 0, 5000, 'If-Range' => '"v0"'])
{
    my ($range, $status, $is, $from, $length, @more) = @$_;
    my ($r, $made) = drive('GET', $file, undef, Range => $range, 'X-Want-Header' => 'ETag: "v1"', @more);
    is(join(' ', $r->{status}, $r->{headers}{'content-range'} // '-', $r->{headers}{etag}),
       qq($status $is "v1"), "Range: $range @more");
    ok($r->{body} eq substr($made->{reply}, $from, $length), 'these bytes');
    is($r->{headers}{'content-disposition'}, qq(attachment; filename="$made->{number}.csv"), 'and its name');
    is($made->{headers}{range}, $range, 'the service may do it itself');
}
($reply, @calls) = drive('GET', $file, undef, Range => 'bytes=5000-');
is(envelope($reply), '416 416 Range Not Satisfiable -', 'a range behind the end');
is($reply->{headers}{'content-range'}, 'bytes */5000', 'and where that is');
($reply, @calls) = drive('GET', $file, undef, Range => 'bytes=1-5000', 'X-Want-Status' => 206,
                         'X-Want-Header' => 'Content-Range: bytes 1-5000/9000');
ok($reply->{body} eq $calls[0]{reply}, "a service's own part") or diag $reply->{status};
is("$reply->{status} $reply->{headers}{'content-range'}", '206 bytes 1-5000/9000', 'as it is');

# ---- HEAD; errors of a service ----

($reply, @calls) = drive('HEAD', '/kpis');
is("$reply->{status} $reply->{body} $calls[0]{method}", '200  GET',
   'HEAD is GET at the service');
for my $status (404, 405, 422, 500, 503) {
    ($reply, @calls) = drive('POST', '/predict', '{"text":"a"}',
                             'X-Want-Status' => $status, 'Content-Type' => 'application/json');
    is(scalar(@calls) . " $reply->{status} $reply->{body}",
       "1 $status $calls[0]{reply}", "a service's own $status, asked once");
}
is($reply->{headers}{allow}, undef, 'with nothing of ours');

# ---- paths that want to get elsewhere ----

for my $id ('a%2Fb', 'a%2flogs', '%2e%2e', '..', '.', '%2E', '..%2f..%2fx',
            'a%5cb', 'a\\b', 'a/../b', 'a//b', '%2e%2e%2fconfigs', 'a%252fb/../c')
{
    for my $path ("/training/jobs/$id", "/models/$id", "/models/$id/versions",
                  "/api/training/config/$id", "/mlflow/runs/$id",
                  "/mlflow/models/$id")
    {
        ($reply, @calls) = drive('GET', $path);
        my $refused = $reply->{status} =~ /^(?:400|404|501)$/;
        # "/models/.." is the page
        $refused ||= $reply->{headers}{'content-type'} =~ m{^text/html};
        ok($refused && !@calls, "GET $path: refused") or diag "$reply->{status} "
            . join ' ', map { $_->{target} } @calls;
    }
}
for my $pair (['a%20b', 'a%20b'], ['a%3Fb%3D1', 'a%3Fb=1'], ['a%23b', 'a%23b'],
              ['%c3%a9', '%C3%A9'], ['100%25', '100%25'],
              ['a&b=1', 'a&b=1'], ['a%26b', 'a&b'],
              ['...', '...'], ['.x', '.x'])
{
    ($reply, @calls) = drive('GET', "/training/jobs/$pair->[0]/logs");
    is(@calls ? $calls[0]{target} : "none $reply->{status}",
       "/training/jobs/$pair->[1]/logs", "$pair->[0] stays one segment");
}
for my $id ('a%26x=1', 'a&x=1', 'a%20b', 'a+b', 'a%23b', '%c3%a9') {
    for my $path ("/mlflow/runs/$id", "/mlflow/models/$id") {
        ($reply, @calls) = drive('GET', $path);
        is("$reply->{status} " . scalar @calls, '404 0',
           "$path: no word for an argument");
    }
}
for my $value ('', 'x', '1","2', '1%22', '-1', '1' x 21) {
    ($reply, @calls) = drive('GET', "/mlflow/runs?experiment_id=$value");
    is("$reply->{status} " . scalar @calls, '422 0',
       "experiment_id=$value: no number");
}
for my $name ('model_api', 'red_team', 'data-privacy') {
    ($reply, @calls) = drive('GET', "/health/$name");
    is($calls[0]{service}, $name =~ tr/_/-/r, "/health/$name");
}
($reply, @calls) = drive('GET', '/health/unknown');
is("$reply->{status} " . scalar @calls, '404 0', '/health/unknown');
for my $path ('/_refused/method', '/api/_refused/method', '/training/none',
              '/models/a/b/c', '/api', '/api/v1', '/api/api/models')
{
    ($reply, @calls) = drive('GET', $path);
    is("$reply->{status} " . scalar @calls, '404 0', "$path: nothing there");
}

# ---- long queries ----

my $long = join '&', map { "k$_=" . word() } 1 .. 650;
cmp_ok(length $long, '>', 10_000, 'a query of 10 kB');
($reply, @calls) = drive('GET', "/staged?$long");
is($reply->{status}, 404, 'is no reason for an error of its own');
($reply, @calls) = drive('GET', "/data/staged-files?$long");
is($calls[0]{target}, "/data/efficient/staged-files?$long", 'and goes through');
($reply) = drive('GET', '/?' . 'a' x 20_000);
is($reply->{status}, 414, 'one that is too long');

# ---- what is counted ----

drive('GET', '/dashboard/training/overview');
($reply) = drive('GET', '/metrics');
is($reply->{status}, 200, '/metrics');
is($reply->{headers}{'content-type'},
   'text/plain; version=0.0.4; charset=utf-8', '/metrics: its type');
like($reply->{body}, qr/^mlsec_http_requests_total\{route="\/models",method="GET",code="2xx"\} [1-9]/m,
     '/metrics: a route');
like($reply->{body}, qr/^mlsec_aggregate_parts_total\{service="training",error_type="\w+"\} [1-9]/m,
     '/metrics: parts of a service');
my ($used, $all) = map { $reply->{body} =~ /^mlsec_metrics_words\{state="$_"\} (\d+)/m }
    qw(used all);
cmp_ok($used, '<', $all * 0.7, '/metrics: there is room for more');
unlike($reply->{body}, qr/x_id|%20|\?x=1/, '/metrics: nothing of a client');
($reply) = drive('GET', '/api/monitoring/prometheus/metrics');
my ($counted) = grep { $_->{route} eq '/models' }
    @{ json($reply->{body})->{routes}{each} };
cmp_ok($counted->{requests}, '>', 1, 'and the same for the page');
($reply) = drive('GET', '/_metrics');
is($reply->{status}, 404, 'what is inside stays inside');

# ---- a service below a path; services that are not there ----

my ($real, $tcp) = (free_port(), free_port());
mkdir "$dir/real";
chmod 0755, "$dir/real";
$recorder = MlsecTest::Recorder->start("$dir/calls2", $seed,
                                       { training => $tcp });
ok(gateway_up("$dir/real", SERVICE_PORT => $real,
              TRAINING_SERVICE_URL => "http://127.0.0.1:$tcp/be%20low"),
   'a real configuration is up');
$port = $real;
($reply, @calls) = drive('GET', '/api/v1/training/models/m%201?x=1');
is("$calls[0]{target} $calls[0]{headers}{host}",
   "/be%20low/models/models/m%201/info?x=1 127.0.0.1:$tcp", 'below its path')
    or diag $reply->{body};
($reply) = drive('GET', '/models');
is(envelope($reply),
   '503 503 model-api is not configured: set MODEL_API_URL model-api',
   'a service that is not configured');
($reply) = drive('PATCH', '/models');
is("$reply->{status} $reply->{headers}{allow}", '405 GET, HEAD',
   'even so the method counts first');

for my $log ("$dir/logs/error.log", "$dir/real/logs/error.log") {
    unlike(slurp($log), qr/\[(?:alert|emerg|crit)\]|uninitialized/, 'a quiet log');
}

done_testing();
