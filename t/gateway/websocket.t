#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# WebSockets through /services/NAME/ws: the handshake and who is refused, what
# passes, how it ends, a reload, many at once.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use Run;
use MlsecTest::WebSocket;
use Socket 'SHUT_WR';
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

use constant MANY => 2000;

my @services = qw(model-api training analytics business-metrics data-privacy
                  model-cache tracing mlflow red-team);
my $nginx = $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx';

# Test, services and server hold thousands of descriptors; children inherit.
my $limit = `sh -c 'ulimit -Hn'` + 0;
if ($limit < 16_384 || `sh -c 'ulimit -Sn'` < MANY + 200) {
    exec 'sh', '-c', 'ulimit -Sn "$(ulimit -Hn)"; exec "$@"', 'sh', $^X, $0
        if !$ENV{MLSEC_RAISED}++;
}

my ($dir, $port) = (run_dir(), free_port());
my $seen = 0;

mkdir "$dir/demo";
spawn({}, "$dir/service.out", '/usr/bin/python3',
      "$Bin/websocket_service.py", "$dir/calls",
      map { "$dir/demo/$_.sock" } @services);

sub render {
    my (%env) = @_;
    # auth.t has who may; here are sockets of our own in the demo's place
    my ($status, $out, $err) = run({ SERVICE_HOST => "127.0.0.1",
                                     MLSEC_DEMO => 'open',
                                     SERVICE_PORT => $port, %env },
                                   'util/render');
    is($status, 0, 'rendered') or die($err);
}

sub reload {
    my (%env) = @_;
    render(%env);
    my ($master) = slurp("$dir/nginx.pid") =~ /(\d+)/;
    my %old = map { $_ => 1 } workers();
    kill 'HUP', $master;
    ok(until_true(sub {
        my @new = grep { !$old{$_} } workers();
        # the old ones do not listen any more
        @new && !grep { slurp("/proc/$_/cmdline") =~ /worker process[\0 ]*$/ }
            grep { $old{$_} } workers();
    }), 'new workers');
}

sub workers {
    my ($master) = slurp("$dir/nginx.pid") =~ /(\d+)/;
    return split ' ', slurp("/proc/$master/task/$master/children");
}

# New lines of the services' log.
sub events {
    my @lines = slurp("$dir/calls") =~ /^(.*)\n/mg;
    my @new = map { json($_) } @lines[$seen .. $#lines];
    $seen = @lines;
    return @new;
}

sub heads { return grep { $_->{event} eq 'head' } events(); }

sub attempt {
    my ($path, %headers) = @_;
    my $w = MlsecTest::WebSocket->open($port, $path, %headers);
    my $e = json($w->{body} // '');
    return ($w, ref $e eq 'HASH' ? join ' ', $w->{status}, $e->{status_code},
            $e->{message}, map { $_ // '-' } @{ $e->{details} }{qw(service error_type)}
            : $w->{status} . ' no envelope');
}

render();
spawn({}, "$dir/out", 'env', '-u', 'NGINX', $nginx, '-e',
      "$dir/logs/error.log", '-c', "$dir/conf/nginx.conf", '-g', 'daemon off;');
ok(until_true(sub { http($port, 'GET', '/health')->{status} == 200 }),
   'the gateway is up') or die(slurp("$dir/logs/error.log"));
ok(until_true(sub {
    9 == grep { -S && (stat)[2] & 2 } map { "$dir/demo/$_.sock" } @services;
}), 'the services are up')
    or die(slurp("$dir/service.out"));

# ---- every service: the handshake, an echo, a close ----

for my $name (@services) {
    my $w = MlsecTest::WebSocket->open($port, "/services/$name/ws?a=1&b=%2F",
        Authorization => 'Bearer t', 'Sec-WebSocket-Protocol' => 'chat');
    is($w->{status}, 101, "$name: a handshake");
    is($w->{headers}{'sec-websocket-accept'}, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
       "$name: the service's word");
    my ($head) = heads();
    my $h = $head->{headers};
    is(join('|', $head->{service}, $head->{first}, @$h{qw(host upgrade
            connection authorization sec-websocket-protocol x-forwarded-for)}),
       "$name|GET /ws?a=1&b=%2F HTTP/1.1|$name|websocket|upgrade|Bearer t|chat"
       . '|127.0.0.1', "$name: what it is asked");
    $w->send(1, "hello $name");
    is($w->next_message, "1 hello $name", "$name: an echo");
    $w->send(8, "\x03\xe8");
    is($w->next_message, "8 \x03\xe8", "$name: a close is answered");
    is($w->next_message, 'end', "$name: the end");
}
my ($w, $said) = attempt('/services/training/ws/rooms/1%202');
is($w->{status}, 101, 'below /ws');
is((heads())[0]{first}, 'GET /ws/rooms/1%202 HTTP/1.1', 'with its path');

# ---- what passes ----

my %text = ('text' => [1, "\xc3\xa4 \xe2\x82\xac"], 'nothing' => [1, ''],
            'all bytes' => [2, join '', map { chr } 0 .. 255],
            '125' => [2, 'a' x 125], '126' => [2, 'b' x 126],
            '65535' => [2, 'c' x 65535], '65536' => [2, 'd' x 65536],
            'a million' => [2, join '', map { chr rand 256 } 1 .. 1_000_000]);
for my $name (sort keys %text) {
    my ($opcode, $data) = @{ $text{$name} };
    $w->send($opcode, $data);
    my @back = $w->receive;
    ok($back[0] == $opcode && $back[1] eq $data, "a frame comes back: $name");
}
$w->send(9, 'here?');
is($w->next_message, '10 here?', 'a ping of the client has its pong');
my ($p) = attempt('/services/training/ws/ping');
is($p->next_message, '9 are you there', 'a ping of the service arrives');
$p->send(10, 'are you there');
ok(until_true(sub {
    grep { $_->{event} eq 'frame' && $_->{opcode} == 10 } events();
}), 'and so does the pong');
$w->raw(substr MlsecTest::WebSocket::frame(1, 'in pieces'), 0, 3);
select undef, undef, undef, 0.05;
$w->raw(substr MlsecTest::WebSocket::frame(1, 'in pieces'), 3);
is($w->next_message, '1 in pieces', 'a frame in pieces');

# what is sent together with the handshake is not lost
my $early = connect_to($port);
syswrite $early, "GET /services/training/ws HTTP/1.1\r\nHost: a\r\n"
    . "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    . "Sec-WebSocket-Version: 13\r\n"
    . "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    . MlsecTest::WebSocket::frame(1, 'early')
    . MlsecTest::WebSocket::frame(8, '');
like(ask($early, ''), qr/\AHTTP\/1\.1 101 .*\x81\x05early\x88\x00\z/s,
     'a frame right behind the handshake');

# ---- how it ends ----

events();
$w->send(1, 'the last word');
shutdown $w->{socket}, SHUT_WR;
ok(until_true(sub { grep { $_->{event} eq 'end' } events() }),
   'the client ends its side: the service is told');
($w) = attempt('/services/training/ws/end');
is($w->next_message . '|' . $w->next_message, '1 the last word|end',
   'the service ends its side: what it said arrives before the end');
($w) = attempt('/services/training/ws');
events();
close $w->{socket};
ok(until_true(sub { grep { $_->{event} eq 'end' } events() }),
   'a client that is gone: the service is told');

# ---- handshakes that fail ----

events();
for my $status (400, 401, 403, 404, 405, 426, 429, 500, 502, 503) {
    (undef, $said) = attempt("/services/analytics/ws/refuse/$status");
    is($said, "$status $status analytics did not take the WebSocket"
       . ' analytics handshake', "the service says $status");
}
(undef, $said) = attempt('/services/analytics/ws/drop');
is($said, '502 502 analytics did not take the WebSocket analytics handshake',
   'the service goes away');
($w, $said) = attempt('/services/analytics/ws/plain');
is("$w->{status} $w->{body}", '200 mine', 'an answer that is no refusal passes');
is(scalar(heads()), 12, 'each was asked once');
($w, $said) = attempt('/services/analytics/ws', Upgrade => undef);
is($said, '426 426 a WebSocket handshake is expected here - upgrade',
   'no handshake');
is($w->{headers}{upgrade}, 'websocket', 'the reply says what is missing');
ok($w->{headers}{'x-request-id'}, 'and has an id');
($w, $said) = attempt('/services/analytics/ws', Upgrade => 'h2c');
is($said, '426 426 a WebSocket handshake is expected here - upgrade',
   'another protocol');
is($w->{headers}{'sec-websocket-version'}, 13, 'and which version there is');
heads();

# RFC 6455, 4.2.1: of each thing that a handshake has, one that it has not
for (['no Connection', Connection => undef], ['Connection: close', Connection => 'close'],
     ['a word like it', Connection => 'upgraded'], ['no version', 'Sec-WebSocket-Version' => undef],
     ['version 8', 'Sec-WebSocket-Version' => 8], ['versions', 'Sec-WebSocket-Version' => '13, 8'],
     ['no key', 'Sec-WebSocket-Key' => undef], ['a key of 15 bytes', 'Sec-WebSocket-Key' => 'AAAAAAAAAAAAAAAAAAAA'],
     ['of 17', 'Sec-WebSocket-Key' => 'AAAAAAAAAAAAAAAAAAAAAAA='],
     ['of other bytes', 'Sec-WebSocket-Key' => 'AAAAAAAAAAAAAAAAAAAAA?=='],
     ['two protocols', Upgrade => 'websocket, h2c'])
{
    my ($name, @header) = @$_;
    (undef, $said) = attempt('/services/analytics/ws', @header);
    is($said . ' ' . heads(), '426 426 a WebSocket handshake is expected here - upgrade 0',
       "W4: $name");
    (undef, $said) = attempt('/services/analytics/ws', Origin => 'http://evil.example', @header);
    is($said . ' ' . heads(), '426 426 a WebSocket handshake is expected here - upgrade 0',
       "W4: $name, of a foreign page");
}
for (['keep-alive, Upgrade'], ['upgrade,keep-alive'], ['UPGRADE']) {
    ($w) = attempt('/services/analytics/ws', Connection => $_->[0]);
    is($w->{status}, 101, "W4: Connection: $_->[0]");
}
{
    my $old = connect_to($port);
    syswrite $old, "GET /services/analytics/ws HTTP/1.0\r\nHost: a\r\n"
        . "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        . "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    like(ask($old, ''), qr/\AHTTP\/1\.1 426 /, 'W4: HTTP/1.0');
}
my $post = http($port, 'POST', '/services/analytics/ws', 'x',
                { Upgrade => 'websocket', Connection => 'Upgrade' });
is("$post->{status} $post->{headers}{allow}", '405 GET, HEAD', 'not by POST');
heads();
($w) = attempt('/services/analytics/other');
is((heads())[0]{headers}{upgrade}, undef, 'no upgrade anywhere else');

# what the gateway refuses itself is not said to be the service's
for my $case (['POST', {}, '405 405 Method Not Allowed'],
              ['GET', { Origin => [("http://127.0.0.1:$port") x 2] },
               '400 400 There are two Origin headers'])
{
    my ($method, $more, $expected) = @$case;
    heads();
    my $lines = join '', map { my $name = $_;
        map { "$name: $_\r\n" } @{ $more->{$name} } } sort keys %$more;
    my $text = ask($port, "$method /services/analytics/ws HTTP/1.1\r\nHost: "
        . "127.0.0.1:$port\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n$lines\r\n");
    my ($status, $body) = $text =~ m{\AHTTP/1\.1 (\d+).*?\r\n\r\n(.*)}s;
    my $e = json($body // '') // {};
    is("$status $e->{status_code} $e->{message}", $expected,
       "$method: the gateway's own word");
    is($e->{details}{service}, undef, 'names no service');
    is(scalar(heads()), 0, 'none was asked');
}

# ---- origins ----

sub origin_is {
    my ($origin, $expected, $why, %more) = @_;
    heads();
    my (undef, $text) = attempt('/services/tracing/ws', Origin => $origin, %more);
    is(join(' ', $text, scalar heads()), $expected
       ? '101 no envelope 1'
       : '403 403 this origin may not open WebSockets: CORS_ORIGINS - origin 0',
       $why);
}
origin_is(undef, 1, 'no Origin: a program');
origin_is("http://127.0.0.1:$port", 1, 'a page of the gateway');
origin_is('http://gw.example', 1, 'by its name', Host => 'gw.example');
for (['http://evil.example', 'a foreign origin'], ['null', 'no origin'],
     ["https://127.0.0.1:$port", 'another scheme'],
     ["http://127.0.0.1:$port.evil.example", 'a longer name'],
     ["http://evil.example http://127.0.0.1:$port", 'two origins'],
     ['http://127.0.0.1', 'another port'], ['', 'an empty one'])
{
    origin_is($_->[0], $_->[0] eq '', $_->[1]);
}
reload(CORS_ORIGINS => '["https://a.example", "http://B.example:3000",'
                       . '"http://b.example:3000"]');
origin_is('https://a.example', 1, 'one of CORS_ORIGINS');
origin_is('http://b.example:3000', 1, 'and another');
origin_is('https://aXexample', 0, 'a dot is a dot');
origin_is('http://a.example', 0, 'not by http');
origin_is("http://127.0.0.1:$port", 1, 'its own pages still');
origin_is('https://x.example', 0, 'X-Forwarded-Host of just anybody',
          'X-Forwarded-Host' => 'x.example', 'X-Forwarded-Proto' => 'https');
reload(CORS_ORIGINS => '*', TRUSTED_PROXIES => '127.0.0.1');
origin_is('http://evil.example', 1, 'CORS_ORIGINS=*');
reload(TRUSTED_PROXIES => '127.0.0.1');
origin_is('https://x.example', 1, 'X-Forwarded-Host of a trusted proxy',
          'X-Forwarded-For' => '192.0.2.1', 'X-Forwarded-Host' => 'x.example',
          'X-Forwarded-Proto' => 'https');

# ---- a reload; off ----

($w) = attempt('/services/training/ws');
reload(ENABLE_WEBSOCKET => 'false');
$w->send(2, 'x' x 100_000);
is(join(' ', map { length } $w->receive), '1 100000',
   'the old worker keeps what is open');
heads();
(undef, $said) = attempt('/services/training/ws');
is($said . ' ' . heads(),
   '503 503 WebSockets are off: ENABLE_WEBSOCKET=false - websocket_off 0',
   'new ones are refused');
close $w->{socket};

# ---- services that are not there ----

reload(TRAINING_SERVICE_URL => 'http://127.0.0.1:1');
(undef, $said) = attempt('/services/mlflow/ws');
is($said, '503 503 mlflow is not configured: set MLFLOW_URL mlflow no_peer',
   'not configured');
(undef, $said) = attempt('/services/training/ws');
is($said, '502 502 training did not take the WebSocket training handshake',
   'nobody listens');

# ---- many ----

SKIP: {
    skip "only $limit descriptors (ulimit -Hn), 16384 are needed", 4
        if $limit < 16_384;
    undef $_ for $w, $p;        # else the old workers wait for them
    reload();
    until_true(sub { workers() == grep { slurp("/proc/$_/cmdline")
                         !~ /shutting down/ } workers() });
    sub private {
        my $sum = 0;
        $sum += slurp("/proc/$_/smaps_rollup") =~ /Private_Dirty:\s+(\d+)/
            ? $1 : 0 for workers();
        return $sum;
    }
    my $before = private();
    my @open = map { (attempt('/services/training/ws'))[0] } 1 .. MANY;
    is(scalar(grep { $_->{status} == 101 } @open), MANY, MANY . ' sockets');
    for my $round (1, 2) {
        $_->send(1, "round $round") for @open;
        is(scalar(grep { $_->next_message eq "1 round $round" } @open), MANY,
           "all of them echo, round $round");
    }
    my $each = (private() - $before) / MANY;
    diag sprintf 'memory of the workers: %.1f KB a socket', $each;
    cmp_ok($each, '<', 40, 'a socket costs less than 40 KB');
    events();
    close $_->{socket} for @open;
    my $ends = 0;
    ok(until_true(sub { ($ends += grep { $_->{event} eq 'end' } events()) >= MANY }),
       'and all end') or diag $ends;
}

unlike(slurp("$dir/logs/error.log"),
       qr/\[(?:alert|emerg|crit)\]|worker_connections are not enough/,
       'a quiet log');

done_testing();
