#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/gateway: start, stop, run and how they end; a port that is taken; no
# root; and what the shipped configuration does in front of the demo.

use strict;
use warnings;

use FindBin '$Bin';
use lib $Bin;
use Run;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my $dir = run_dir();
my $port = free_port();
my %env = (SERVICE_PORT => $port, DEMO_SPEED => 1);

sub gateway {
    my ($command, %more) = @_;
    return run({ %env, %more }, 'util/gateway', $command);
}

# The members of a JSON object; none of anything else.
sub members {
    my $value = json($_[0]->{body});
    return ref $value eq 'HASH' ? $value : {};
}

END {
    my $code = $?;
    gateway('stop') if defined $dir;
    $? = $code;
}

# ---- start and stop ----

my ($status, $out, $err) = gateway('stop');
is("$status|$out", "0|mlsec: nothing runs\n", 'stop: nothing runs');
($status, $out) = gateway('status');
is("$status|$out", "3|mlsec: nothing runs\n", 'status: nothing runs');

($status, $out, $err) = gateway('start');
is($status, 0, 'start') or die("$out$err" . slurp("$dir/logs/error.log"));
is($err, '', 'and nothing more');
is(http($port, 'GET', '/health')->{status}, 200, 'it answers at once');
is(http($port, 'GET', $_)->{status}, 401, "$_: nobody is signed in")
    for '/dashboard/overview', '/services/training/health';
my $first = sign_in();
like($out, qr{^mlsec: open http://127\.0\.0\.1:$port/sign-in\.html#\Q$first\E$}m,
     'it says what to open, with a token');
is($out =~ s/\Q$first\E//g, 1, 'once');
is(sprintf('%o', (stat "$dir/demo/$_")[2] & 0777), '600', "$_ is its owner's")
    for 'token', 'key.pem';
is(http($port, 'GET', '/dashboard/overview')->{status}, 200, 'which is good');
is((gateway('reload'))[0], 0, 'after a reload');
is(http($port, 'GET', '/dashboard/overview')->{status}, 200, 'it still is');

# a browser has it in a cookie
my $cookie = "mlsec_demo=$first";
for (['GET', 200], ['GET', 200, Origin => 'https://evil.example'],
     ['POST', 403], ['POST', 403, Origin => 'https://evil.example'],
     ['POST', 422, Origin => "http://localhost"])
{
    my ($method, $expected, @more) = @$_;
    my $reply = ask($port, join "\r\n", $method
        . ($method eq 'GET' ? ' /models' : ' /models/predict') . ' HTTP/1.1',
        'Host: localhost', "Cookie: $cookie", 'Connection: close',
        (@more ? "$more[0]: $more[1]" : ()),
        ($method eq 'POST' ? ('Content-Type: application/json',
                              'Content-Length: 2') : ()), '',
        $method eq 'POST' ? '{}' : '');
    like($reply, qr{\AHTTP/1\.1 $expected }, "$method with the cookie: @more");
}

($status, $out) = gateway('status');
like("$status|$out", qr{^0\|mlsec: http://127\.0\.0\.1:$port/ is up, process \d+$}m,
     'status');
like($out, qr/^mlsec: training is up, process \d+$/m, 'status of the demo');

($status, $out) = gateway('start');
like("$status|$out", qr{^0\|mlsec: already running at http://127\.0\.0\.1:$port/ \(process \d+\); make stop ends it$},
     'a second start changes nothing');

# ---- the port is taken ----

($status, $out, $err) = gateway('start', RUN_DIR => "$dir/other");
my $next = $port + 1;
like("$status|$err", qr/^1\|mlsec: port $port is taken( by "nginx", process \d+)?; choose another: SERVICE_PORT=$next make run\n\z/,
     'a port that is taken: by whom, and what to do');
($status, $out, $err) = gateway('run', RUN_DIR => "$dir/other");
like("$status|$err", qr/^1\|mlsec: port $port is taken/, 'run says the same');
is(scalar(processes("$dir/other")), 0, 'and leaves nothing behind');
($status, $out, $err) = gateway('start', RUN_DIR => "$dir/other",
                                SERVICE_HOST => '192.0.2.1',
                                TRAINING_URL => 'http://127.0.0.1:1');
is("$status|$err", "1|mlsec: SERVICE_HOST=\"192.0.2.1\": expected an IP address"
   . " of this machine\n", 'an address that is not ours');
for my $host ('0.0.0.0', '*', '::', '192.0.2.1') {
    ($status, $out, $err) = gateway('start', RUN_DIR => "$dir/other",
                                    SERVICE_HOST => $host);
    is("$status|$err", "1|mlsec: SERVICE_HOST=\"$host\": the demo is for this"
       . " machine alone; leave it out, or set the URL of a service\n",
       "the demo is not for others: $host");
}

# ---- what it serves ----

my $reply = http($port, 'GET', '/health');
my $body = members($reply);
is($body->{status}, 'healthy', '/health');
is($body->{version}, '1.0.0', '/health: version');
like($reply->{headers}{'x-request-id'}, qr/^[0-9a-f]{32}$/, 'a request id');

$reply = http($port, 'GET', '/health', undef, { 'X-Request-ID' => 'mine-1' });
is($reply->{headers}{'x-request-id'}, 'mine-1', 'the client may bring its own');
is(http($port, 'POST', '/health', '')->{status}, 405, '/health: GET only');

$reply = http($port, 'GET', '/dashboard/overview');
$body = members($reply);
is($reply->{status}, 200, '/dashboard/overview');
is(join(' ', sort keys %$body),
   'analytics_health business_metrics_health compliance data_privacy_health'
   . ' jobs kpis model_api_health models training_health trends',
   'every part and no errors');
ok(ref $body->{jobs} eq 'ARRAY' && @{ $body->{jobs} }, 'with what the services say');
is($reply->{headers}{'x-gateway-completed'}, 'true', 'complete');
like($reply->{headers}{'server-timing'}, qr/\bjobs;dur=[\d.]+/, 'with timings');

$reply = http($port, 'GET', '/dashboard/training/logs');
$body = members($reply);
is($reply->{status}, 200, '/dashboard/training/logs');
is($reply->{headers}{'x-gateway-completed'}, 'true', 'complete');
my @ids = map { $_->{job_id} } @{ $body->{jobs} // [] };
cmp_ok(scalar(@ids), '>', 2, 'there are jobs');
is(scalar(@{ $body->{logs} // [] }), scalar @ids, 'a log for each');
for my $i (0 .. $#ids) {
    my %of = map { $_->{job_id} => 1 } @{ $body->{logs}[$i] };
    is(join(' ', keys %of), @{ $body->{logs}[$i] } ? $ids[$i] : '',
       "its own: $ids[$i]");
}
ok((grep { @$_ } @{ $body->{logs} }) > 0, 'something is logged');

$reply = http($port, 'GET', '/services/training/training/configs');
is($reply->{headers}{'x-demo'}, 'true', 'plain proxying');
ok(members($reply)->{count}, 'of one service');
$reply = http($port, 'GET', '/services/training/none');
is("$reply->{status} $reply->{body}", '404 {"detail":"Not Found"}',
   'a service says its own errors');
$reply = http($port, 'POST', '/services/training/training/train',
              '{"model_name":"through-the-gateway"}');
like($reply->{body}, qr/train_through-the-gateway_/, 'bodies go through');
$reply = http($port, 'POST', '/data/upload', 'x' x (40 * 2**20),
              { 'Content-Type' => 'multipart/form-data; boundary=x' });
is("$reply->{status} $reply->{body}", '413 {"detail":"body is over 33554432 bytes"}',
   'a service that refuses an upload half way is heard');
is(http($port, 'GET', '/services/training')->{headers}{location},
   '/services/training/', 'the slash is added');

for (['GET', '/none', 404], ['POST', '/ui/app.js', 405],
     ['GET', '/_mlsec_part/x', 404], ['GET', '/services/none/', 404],
     ['GET', '/ui/../../Makefile', 400], ['GET', '/ui/none.js', 404])
{
    my ($method, $path, $expected) = @$_;
    $reply = http($port, $method, $path);
    my $envelope = members($reply);
    is($reply->{status}, $expected, "$method $path");
    is($envelope->{error} && $envelope->{status_code}, $expected,
       "$method $path: the envelope");
}

# ---- the page ----

$reply = http($port, 'GET', '/');
like($reply->{headers}{'content-type'}, qr{^text/html}, 'the page');
like($reply->{headers}{'content-security-policy'}, qr/default-src 'none'/,
     'its policy');
unlike($reply->{body}, qr{(src|href)="(https?:)?//|<script>|style="| on\w+="},
       'nothing from elsewhere, nothing inline');
for my $path ($reply->{body} =~ /(?:src|href)="(\/[^"]*)"/g) {
    next if $path eq '/no/such/path';
    is(http($port, 'GET', $path)->{status}, 200, "the page links to $path");
}
unlike(http($port, 'GET', '/ui/app.js')->{body}, qr/innerHTML|insertAdjacent|document\.write|eval\(/,
       'data never becomes markup');

# ---- WebSocket through the gateway ----

my %upgrade = (Upgrade => 'websocket', Connection => 'Upgrade',
               'Sec-WebSocket-Version' => 13,
               'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==');
my $text = "GET /services/training/ws HTTP/1.1\r\nHost: a\r\n"
    . join('', map { "$_: $upgrade{$_}\r\n" } sort keys %upgrade)
    . "Sec-WebSocket-Protocol: bearer, $first\r\n\r\n";
my $hello = "\x81\x85\1\2\3\4" . ('hello' ^ "\1\2\3\4\1");
my $bye = "\x88\x82\1\2\3\4" . ("\x03\xe8" ^ "\1\2");
$reply = ask($port, $text . $hello . $bye);
like($reply, qr{\AHTTP/1\.1 101 .*\r\n\r\n\x81\x05hello\x88\x02\x03\xe8\z}s,
     'an echo through the gateway');

# ---- the log ----

ask($port, "GET /a\xff\xfe\"b\\c\x7f?token=hidden HTTP/1.1\r\nHost: x\r\n"
    . "User-Agent: \xc3\xa9\xff\"\\\x01\r\nConnection: close\r\n\r\n");
ask($port, "\x16\x03\x01\r\n\r\n");
ask($port, "GET /u HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: "
    . "\xf0\x9f\x98\x80" x 3000 . "\r\n\r\n");
ask($port, "GET /%ff%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
http($port, 'GET', '/dashboard/overview', undef, { 'X-Request-ID' => 'logged' });

my @lines;
ok(until_true(sub {
    @lines = slurp("$dir/logs/access.log") =~ /^(.*)\n/mg;
    return (grep { /"logged"/ } @lines) && (grep { m{"path":"/u"} } @lines);
}), 'the log is written');
is(scalar(grep { !ref json($_) } @lines), 0,
   'every line is JSON in UTF-8, whatever a client sends');
unlike(join('', @lines), qr/hidden/, 'no query in it');
unlike(join('', @lines) . slurp("$dir/logs/error.log"), qr/eyJ/,
       'no token in any');
my ($line) = map { json($_) } grep { /"logged"/ } @lines;
is($line->{path}, '/dashboard/overview', 'path');
is($line->{status}, 200, 'status');
like($line->{parts}, qr/^\d+$/, 'how many parts') or diag(explain($line));

# ---- one service dies, the rest goes on ----

is((run({}, 'util/demo/control', 'kill', 'training'))[0], 0, 'training dies');
$reply = http($port, 'GET', '/dashboard/overview');
$body = members($reply);
is($reply->{status}, 200, 'the overview is there');
is($reply->{headers}{'x-gateway-completed'}, 'false', 'not complete');
is(join(' ', map { "$_->{part}:$_->{service}" } @{ $body->{errors} // [] }),
   'jobs:training training_health:training', 'it names what is missing');
ok(!defined $body->{jobs} && ref $body->{models}, 'the rest is there');
$reply = http($port, 'GET', '/services/training/health');
is($reply->{status}, 502, 'a plain request fails');
is(members($reply)->{status_code}, 502, 'with the envelope');
is((run({}, 'util/demo/control', 'start', 'training'))[0], 0, 'training comes back');
ok(until_true(sub {
    (http($port, 'GET', '/dashboard/overview')->{headers}{'x-gateway-completed'} // '') eq 'true'
}), 'and is used again');

# ---- stop ----

($status, $out, $err) = gateway('stop');
is("$status|$out|$err", "0|mlsec: stopped\n|", 'stop');
is(scalar(processes($dir)), 0, 'no process is left');
ok(!connect_to($port), 'the port is free');
ok(!-e "$dir/demo/$_", "$_ is gone") for 'token', 'key.pem';

# ---- a server that was ended by force: its workers go on, and have the port ----

is((gateway('start'))[0], 0, 'start');
my ($master) = slurp("$dir/nginx.pid") =~ /(\d+)/;
kill 'KILL', $master;
ok(until_true(sub { !-e "/proc/$master" }), 'the master is killed');
($status, $out, $err) = gateway('start');
like("$status|$err", qr/^1\|mlsec: workers of a server that was ended by force still run \(process [\d ]+\); make stop ends them$/,
     'start: who has the port, and what to do');
($status, $out) = gateway('stop');
is("$status|$out", "0|mlsec: stopped\n", 'stop ends them');
ok(until_true(sub { !connect_to($port) }), 'and the port is free');
($status, $out) = gateway('stop');
is("$status|$out", "0|mlsec: nothing runs\n", 'a second stop has nothing to do');

# ---- run, and each way to end it ----

for (['Ctrl-C', 'INT', 1, 0], ['a hang-up', 'HUP', 1, 0], ['SIGTERM', 'TERM', 0, 0],
     ['SIGKILL', 'KILL', 0, 9])
{
    my ($name, $signal, $group, $code) = @$_;
    my $log = "$dir/run.log";
    unlink $log;
    my $pid = spawn({ %env }, $log, 'util/gateway', 'run');
    ok(until_true(sub { slurp($log) =~ /Ctrl-C ends it/ }), "run: up ($name)")
        or diag(slurp($log));
    is(http($port, 'GET', '/services/training/health')->{status}, 401,
       'an earlier token is worth nothing');
    isnt(sign_in(), $first, 'there is a new one');
    is(http($port, 'GET', '/services/training/health')->{status}, 200, 'it answers');
    kill $signal, $group ? -$pid : $pid;
    waitpid $pid, 0;
    is($? & 127 || $? >> 8, $code, "run: ends by $name");
    ok(until_true(sub { !processes($dir) }), 'no process is left')
        or diag(map { slurp("/proc/$_/cmdline") . "\n" } processes($dir));
}

# ---- a server that does not start ----

my $fails = "$dir/no-nginx";
open my $script, '>', $fails or die "$fails: $!";
print {$script} qq(#!/bin/sh\n[ "\$1" = -t ]\n);
close $script;
chmod 0755, $fails;
($status, $out, $err) = gateway('start', NGINX_BINARY => $fails);
like("$status|$err", qr{^1\|mlsec: no answer from http://127\.0\.0\.1:$port/health, see \Q$dir\E/logs/error\.log$}m,
     'a server that does not start: which log to read');
is(scalar(processes($dir)), 0, 'no process is left');

# ---- files that only nginx looks into: the variable is named ----

for my $case (['JWT_KEY_FILE', '/etc/hostname'],
              ['API_KEYS_FILE', '/etc/hostname'],
              ['UPSTREAM_CERT_FILE', '/etc/hostname', 'https://127.0.0.1:1'],
              ['UPSTREAM_CA_FILE', '/etc/hostname', 'https://127.0.0.1:1'],
              ['AUDIT_LOG', "$dir/none/audit.log"],
              ['ACCESS_LOG', "$dir/none/access.log"])
{
    my ($name, $path, $url) = @$case;
    my %more = ($name => $path, MODEL_API_URL => $url // '');
    ($status, $out, $err) = gateway('start', %more);
    is($status, 1, "$name: no start");
    like("$out$err", qr/\[emerg\].*^mlsec: $name="\Q$path\E": this is what nginx does not take$/ms,
         "$name: is named");
    my @named = "$out$err" =~ /^mlsec: (\w+)="[^\n]*does not take$/mg;
    is("@named", $name, 'and nothing else is');
    is(scalar(processes($dir)), 0, 'no process is left');
}

# ---- without root ----

SKIP: {
    skip 'only root can become somebody else', 3 if $> != 0;
    skip 'no setpriv', 3 if !-x '/usr/bin/setpriv';

    my @nobody = ('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups');
    my $mine = run_dir('fresh');
    chown 65534, 65534, $mine;
    skip 'the tree cannot be read by others', 3
        if (run({}, @nobody, 'test', '-r', top() . '/util/gateway'))[0] != 0;

    # the log of run() itself is written here by root before the change
    ($status, $out, $err) = run({ %env, RUN_DIR => "$mine/x" }, @nobody,
                                'util/gateway', 'start');
    is($status, 0, 'start without root') or diag($out, $err);
    sign_in("$mine/x");
    is(http($port, 'GET', '/dashboard/overview')->{status}, 200, 'it answers');
    unlike(slurp("$mine/x/logs/error.log"), qr/\[(alert|crit|emerg)\]/,
           'and has nothing to complain of');
    run({ %env, RUN_DIR => "$mine/x" }, @nobody, 'util/gateway', 'stop');
}

done_testing();
