#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What clients should not send, and clients that are slow or go away: the
# exact answer, and that no service sees what is refused.

use strict;
use warnings;

use Digest::MD5 'md5_hex';
use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use Run;
use MlsecTest::Recorder;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my ($dir, $port) = (run_dir(), free_port());
my ($training, $models) = (free_port(), free_port());
my $recorder = MlsecTest::Recorder->start("$dir/calls", 1,
    { training => $training, 'model-api' => $models });

# For those who are slow, further down: the shipped configuration with times
# that a test can wait for; that these lines are there is part of the test. Until
# then this test may be as slow as it likes.
my %times = ('templates/http.conf.template' => [
                 ['client_header_timeout       10s', 'client_header_timeout 1s'],
                 ['client_body_timeout         30s', 'client_body_timeout 1s'],
                 ['proxy_read_timeout    30s', 'proxy_read_timeout 1s']],
             'templates/routes/training.conf.template' => [
                 ['proxy_read_timeout 300s', 'proxy_read_timeout 20s']],
             'templates/routes/models.conf.template' => [
                 ['proxy_read_timeout 10s', 'proxy_read_timeout 1s']],
             'upload.conf' => [
                 ['proxy_read_timeout      300s', 'proxy_read_timeout 20s'],
                 ['proxy_send_timeout      300s', 'proxy_send_timeout 20s']],
             'download.conf' => [
                 ['proxy_read_timeout       300s', 'proxy_read_timeout 20s']]);
is(system('cp', '-r', "$Bin/../../conf", "$dir/quick"), 0, 'a copy of conf');
for my $name (sort keys %times) {
    my $text = slurp("$dir/quick/$name");
    for my $pair (@{ $times{$name} }) {
        is($text =~ s/\Q$pair->[0]\E;/$pair->[1];/, 1, "$name: $pair->[0]");
    }
    open my $f, '>', "$dir/quick/$name" or die;
    print {$f} $text;
    close $f;
}

my %env = (SERVICE_PORT => $port,
           TRAINING_SERVICE_URL => "http://127.0.0.1:$training",
           MODEL_API_URL => "http://127.0.0.1:$models",
           ANALYTICS_SERVICE_URL => 'http://127.0.0.1:1');
my ($status, $out, $err) = run(\%env, 'util/gateway', 'start');
is($status, 0, 'the gateway runs') or die("$out$err");

END {
    my $code = $?;
    run(\%env, 'util/gateway', 'stop', '--quiet') if defined $dir;
    $? = $code;
}

# Bytes out; the envelope without what differs each time, and its headers.
sub raw {
    my ($bytes) = @_;
    my $text = ask($port, $bytes);
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    $body //= '';
    $body =~ s/"timestamp":"\d{4}-[^"]*Z","request_id":"[0-9a-f]{32}",//;
    return ($head // '', $body);
}

sub envelope {
    my ($code, $message, $path, $details) = @_;
    return qq({"error":true,"status_code":$code,"message":"$message",)
        . qq("path":"$path","detail":"$message","details":{) . ($details // '')
        . '}}';
}

sub refused {
    my ($bytes, $status, $expected, $name) = @_;
    $recorder->events;
    my ($head, $body) = raw($bytes);
    like($head, qr{\AHTTP/1\.1 $status }, "$name: $status");
    like($head, qr/^Content-Type: application\/json\r?$/m, "$name: JSON");
    is($body, $expected, "$name: the envelope");
    is(scalar($recorder->heads), 0, "$name: no service sees it");
    return $head;
}

sub wrong_type {
    my ($path, $message) = @_;
    return envelope(415, $message, $path, '"error_type":"validation","errors":'
        . '[{"type":"content_type","loc":["header","content-type"],'
        . qq("msg":"$message"}]));
}
my $is_json = 'The Content-Type must be application/json';

my $tail = "Host: a\r\nConnection: close\r\n";
my $json = "Content-Type: application/json\r\n";

# ---- methods, types, sizes, paths: exact ----

my $head = refused("POST /dashboard/overview HTTP/1.1\r\n${tail}Content-Length: 1\r\n\r\nx",
    405, envelope(405, 'Method Not Allowed', '/dashboard/overview'), 'POST to read');
like($head, qr/^Allow: GET, HEAD\r?$/m, 'Allow');
$head = refused("GET /api/v1/training/start?x=1 HTTP/1.1\r\n$tail\r\n",
    405, envelope(405, 'Method Not Allowed', '/api/v1/training/start'), 'GET to write');
like($head, qr/^Allow: POST\r?$/m, 'Allow');
$head = refused("PATCH /training/config/m HTTP/1.1\r\n$tail${json}Content-Length: 2\r\n\r\n{}",
    405, envelope(405, 'Method Not Allowed', '/training/config/m'), 'PATCH');
like($head, qr/^Allow: GET, HEAD, PUT, DELETE\r?$/m, 'Allow');
$head = refused("BREW /models HTTP/1.1\r\n$tail\r\n",
    405, envelope(405, 'Method Not Allowed', '/models'), 'a method nobody knows');
$head = refused("TRACE /models HTTP/1.1\r\n$tail\r\n",
    405, envelope(405, 'Method Not Allowed', '/models'), 'TRACE');
like($head, qr/^Allow: GET, HEAD\r?$/m, 'Allow');

refused("POST /load HTTP/1.1\r\n${tail}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    415, wrong_type('/load', $is_json), 'a type');
refused("POST /load HTTP/1.1\r\n${tail}Content-Length: 2\r\n\r\n{}",
    415, wrong_type('/load', $is_json), 'no type');
refused("POST /data/upload HTTP/1.1\r\n$tail${json}Content-Length: 2\r\n\r\n{}",
    415, wrong_type('/data/upload', 'This Content-Type is not taken here'),
    'no upload');
refused("POST /load HTTP/1.1\r\n$tail${json}Transfer-Encoding: chunked\r\n\r\n"
    . "100001\r\n" . 'x' x 0x100001 . "\r\n0\r\n\r\n",
    413, envelope(413, 'Content Too Large', '/load'), 'too large, in chunks');
refused("POST /load HTTP/1.1\r\n$tail${json}Content-Length: 1048577\r\n\r\n",
    413, envelope(413, 'Content Too Large', '/load'), 'too large, announced');
refused("POST /data/upload HTTP/1.1\r\n${tail}Content-Type: multipart/form-data; "
    . "boundary=x\r\nContent-Length: 536870913\r\n\r\n",
    413, envelope(413, 'Content Too Large', '/data/upload'), 'an upload of 512 MB');

my $path = '"error_type":"path"';
for my $id ('a%2Fb', '%2e%2e', '%2E', 'a%5Cb', 'a/../b', 'a//b', 'a/./b', 'a;b',
            '%252e%252e', 'a%0d%0aX-Evil:1', '%61', '%c0%af')
{
    refused("GET /models/$id HTTP/1.1\r\n$tail\r\n", 400,
        envelope(400, 'Bad Request', "/models/$id" =~ s/\\/\\\\/r, $path), "/models/$id");
}
refused("GET /models/\\x HTTP/1.1\r\n$tail\r\n", 400,
    envelope(400, 'Bad Request', '/models/\\\\x', $path), 'a backslash');
refused("GET /models/%00 HTTP/1.1\r\n$tail\r\n", 400,
    envelope(400, 'Bad Request', ''), 'a NUL');
refused("GET /models/%zz HTTP/1.1\r\n$tail\r\n", 400,
    envelope(400, 'Bad Request', ''), 'no hexadecimal digits');
refused("GET /../../etc/passwd HTTP/1.1\r\n$tail\r\n", 400,
    envelope(400, 'Bad Request', ''), 'above the root');
refused('GET /models?' . 'a' x 70_000 . " HTTP/1.1\r\n$tail\r\n", 414,
    envelope(414, 'URI Too Long', ''), 'a query of 70 kB');

# ---- lines that are no HTTP, and bodies with two lengths ----

refused("GET /models HTTP/1.1\r\nConnection: close\r\n\r\n", 400,
    envelope(400, 'Bad Request', '/models'), 'no Host');
refused("NONSENSE\r\n\r\n", 400, envelope(400, 'Bad Request', ''), 'no request');
refused("POST /load HTTP/1.1\r\n$tail${json}Content-Length: 2\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    400, envelope(400, 'Bad Request', '/load'), 'a length and chunks');
refused("POST /load HTTP/1.1\r\n$tail${json}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    400, envelope(400, 'Bad Request', '/load'), 'two lengths');
refused("POST /load HTTP/1.1\r\n$tail${json}Content-Length: -1\r\n\r\n{}",
    400, envelope(400, 'Bad Request', '/load'), 'a length below nothing');
refused("POST /load HTTP/1.1\r\n$tail${json}Transfer-Encoding: gzip\r\n\r\n{}",
    501, envelope(501, 'Not Implemented', '/load'), 'an unknown encoding');
refused("POST /load HTTP/1.1\r\n$tail${json}Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    400, envelope(400, 'Bad Request', '/load'), 'no chunks');
refused("GET /models HTTP/1.1\r\n${tail}X-Long: " . 'a' x 70_000 . "\r\n\r\n",
    400, envelope(400, 'Bad Request', '/models'), 'a header of 70 kB');

# ---- arguments ----

sub target {
    my ($bytes) = @_;
    $recorder->events;
    my ($head) = raw($bytes);
    my ($call) = $recorder->calls;
    return $call ? $call->{target} : $head =~ s/\r.*//sr;
}
my $many = join '&', map { "k$_=v" } 1 .. 1500;
cmp_ok(length $many, '>', 10_000, 'more than 10 kB');
for my $query ('a=1&a=2&a=1', 'a&a=&=a', 'a=%2F%26&b[]=1&b[]=2', $many,
               'a=%00%0d%0a', '%zz', "x='\"<>")
{
    is(target("GET /training/jobs/1/logs?$query HTTP/1.1\r\n$tail\r\n"),
       "/training/jobs/1/logs?$query",
       'a query goes on as it is: ' . substr $query, 0, 30);
}
is(target("GET /training/jobs/a%20%25b/logs HTTP/1.1\r\n$tail\r\n"),
   '/training/jobs/a%20%25b/logs', 'what is escaped stays so');

# ---- services that would steer the gateway ----

for my $header ('X-Accel-Redirect: /health', 'X-Accel-Redirect: @mlsec_parts',
                'X-Accel-Limit-Rate: 1', 'X-Accel-Charset: koi8-r')
{
    for my $path ('/models', '/services/model-api/models') {
        $recorder->events;
        my $reply = http($port, 'GET', $path, undef,
                         { 'X-Want-Header' => $header });
        my ($call) = $recorder->calls;
        is("$reply->{status} $reply->{body} $reply->{headers}{'content-type'}",
           "200 $call->{reply} application/json", "$path: $header is ignored");
        is(scalar(grep { /^x-accel/ } keys %{ $reply->{headers} }), 0,
           'and not shown');
    }
}

# ---- clients that go away ----

sub descriptors {
    my ($master) = slurp("$dir/nginx.pid") =~ /(\d+)/;
    my $sum = 0;
    for my $pid (split ' ', slurp("/proc/$master/task/$master/children")) {
        $sum += grep { (readlink($_) // '') =~ /^socket/ } glob "/proc/$pid/fd/*";
    }
    return $sum;
}
my $upload = "POST /data/upload HTTP/1.1\r\n${tail}Content-Type: multipart/form-data; "
    . "boundary=x\r\nContent-Length: 1000\r\n\r\n";
ok(until_true(sub { http($port, 'GET', '/models')->{status} == 200 }),
   'the gateway still answers');
my $before = descriptors();
my $told = 0;
for (1 .. 20) {
    $recorder->events;
    my $s = connect_to($port);
    syswrite $s, $upload . 'a' x 500;
    until_true(sub { $recorder->heads }) or last;
    close $s;
    $told++ if until_true(sub { $recorder->gone });
}
is($told, 20, '20 clients go away in the middle of an upload: the service is told');
ok(until_true(sub { descriptors() <= $before }), 'no descriptor is left')
    or diag descriptors() . " now, $before before";

# ---- an upload is not kept here ----

$recorder->events;
my $size = 8 * 1024 * 1024;
my $s = connect_to($port);
syswrite $s, $upload =~ s/1000/$size/r . 'u' x 100_000;
until_true(sub { $recorder->heads });
is(join(' ', glob "$dir/tmp/body/*"), '', 'no file while an upload comes');
my $rest = 'u' x ($size - 100_000);
while (length $rest) {
    my $n = syswrite $s, $rest, 1 << 20 or last;
    substr $rest, 0, $n, '';
}
like(ask($s, ''), qr{\AHTTP/1\.1 200 }, 'an upload of 8 MB');
my ($call) = $recorder->calls;
is($call && $call->{body}, 'md5:' . md5_hex('u' x $size), 'all of it arrives');

# ---- clients that are slow ----

$env{CONF_DIR} = "$dir/quick";
is((run(\%env, 'util/gateway', 'reload'))[0], 0, 'a gateway that is in a hurry');

sub send_slowly {
    my ($first, $rest) = @_;
    $recorder->events;
    my $s = connect_to($port);
    syswrite $s, $first;
    my $text = ask($s, $rest // '');
    return $text =~ m{\AHTTP/1\.1 (\d+)} ? $1 : 'nothing: ' . length $text;
}
like(send_slowly("GET /models HTTP/1.1\r\nHo"), qr/^(?:408|nothing: 0)$/,
     'half a header: closed');
like(send_slowly("POST /load HTTP/1.1\r\n$tail${json}Content-Length: 10\r\n\r\n{"),
     qr/^(?:408|nothing: 0)$/, 'half a body: closed');
is(scalar($recorder->heads), 0, 'and no service knows of it');
like(send_slowly($upload . 'half'), qr/^(?:408|nothing: 0)$/,
     'half an upload: closed');
my @gone;
ok(until_true(sub { @gone = (@gone, $recorder->gone); @gone }),
   'the service is told') or diag $recorder->events;
is("$gone[0]{target} $gone[0]{bytes}", '/data/upload-data 4',
   'after what there was of it');

# ---- services that are slow: what each kind may take ----

# what the rules in conf/validate take of each route that is asked here
my $good = '{"text":"a","model_name":"m","training_data_path":"p"}';

# [METHOD, PATH, {header => value}, name, what comes of it]: all at once, each
# waits for a service that takes its time
my @delayed = (
    ['GET', '/models', {}, '504 Service model-api did not answer in time',
     'a plain route: 30 s'],
    ['POST', '/predict', {}, '504 Service model-api did not answer in time',
     'a prediction: 10 s'],
    ['POST', '/training/train', {}, 200, 'training: 300 s'],
    ['GET', '/data/download-file/x', {}, 200, 'a download: 300 s'],
    ['POST', '/data/upload', { 'Content-Type' => 'multipart/form-data' }, 200,
     'an upload: 300 s'],
);
for (@delayed) {
    my ($method, $path, $more) = @$_;
    my $body = $method eq 'POST' ? $good : '';
    my %headers = ('Content-Type' => 'application/json', 'X-Want-Delay' => 5, %$more);
    unshift @$_, connect_to($port);
    syswrite $_->[0], "$method $path HTTP/1.1\r\n$tail"
        . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers)
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}
for (@delayed) {
    my ($socket, undef, undef, undef, $expected, $name) = @$_;
    my ($code, $said) = ask($socket, '') =~ m{\AHTTP/1\.1 (\d+).*?\r\n\r\n(.*)}s;
    my $e = json($said);
    is($code == 200 ? 200 : "$code " . ($e->{message} // ''), $expected, $name);
}

# ---- it ends without complaint ----

is((run(\%env, 'util/gateway', 'stop'))[0], 0, 'the gateway ends');
unlike(slurp("$dir/logs/error.log"), qr/\[(?:alert|emerg|crit)\]|left in connection/,
       'a quiet log');
unlike(slurp("$dir/logs/error.log"), qr/smuggled|X-Evil/, 'with nothing of bodies');
my @lines = split /\n/, slurp("$dir/logs/access.log");
is(scalar(grep { ref json($_) ne 'HASH' } @lines), 0, 'each line of the access log is JSON');
unlike(slurp("$dir/logs/access.log"), qr/k1=v|\?/, 'and has no query');

done_testing();
