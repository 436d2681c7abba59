#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# DASHBOARD_ROOT and DASHBOARD_URL: what is a page, what is the API, what is
# kept by browsers, what is never given away.

use strict;
use warnings;

use Cwd 'abs_path';
use Digest::SHA 'sha256_hex';
use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use IO::Uncompress::Gunzip 'gunzip';
use Run;
use MlsecTest::WebSocket;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my $dir = run_dir();
my $port = free_port();
my %env = (SERVICE_PORT => $port);
my $spa = "$dir/spa";
my $page = 'text/html,application/xhtml+xml,*/*;q=0.8';

END {
    my $code = $?;
    run(\%env, 'util/gateway', 'stop', '--quiet') if defined $dir;
    $? = $code;
}

sub gateway {
    my ($command, %more) = @_;
    my ($status, $out, $err) = run({ %env, %more }, 'util/gateway', $command);
    is("$status|$err", '0|', "gateway $command") or die($out);
    sign_in();
    return $out;
}

sub get {
    my ($path, %headers) = @_;
    my $method = delete $headers{METHOD} // 'GET';
    return http($port, $method, $path, $method eq 'POST' ? 'x' : undef,
                \%headers);
}

sub said {
    my ($reply) = @_;
    my $e = json($reply->{body});
    return ref $e eq 'HASH' && $e->{error}
        ? "$reply->{status} $e->{message}"
        : "$reply->{status} " . ($reply->{headers}{'content-type'} // 'none');
}

# ---- a build, with a few things around it ----

is(system('cp', '-r', "$Bin/spa", $spa), 0, 'a copy of the build');
my ($script) = map { s{.*/}{}r } glob "$spa/assets/app-*.js";
my ($style) = map { s{.*/}{}r } glob "$spa/assets/style-*.css";
for my $name ($script, $style) {
    my $hash = substr sha256_hex(slurp("$spa/assets/$name")), 0, 8;
    like($name, qr/-$hash\./,
         "$name: the hash in the name is that of the file");
    like(slurp("$spa/index.html"), qr{"/assets/\Q$name\E"}, 'and the page has it');
}
is(system('gzip', '-kn9', "$spa/assets/$script"), 0, 'a precompressed file');
for (['favicon.ico', 'icon'], ['.env', 'SECRET=1'], ['my-component.js', 'x'],
     ['.well-known/security.txt', 'Contact: x'], ['.git/config', 'x'],
     ['main.8d3f1a2b.chunk.js', 'x'], ['a b.txt', 'blank'],
     ['health', 'a file with the name of a route'])
{
    my ($name, $text) = @$_;
    mkdir "$spa/" . ($name =~ s{/.*}{}r) if $name =~ m{/};
    open my $f, '>', "$spa/$name" or die "$name: $!";
    print {$f} $text;
    close $f;
}
open my $f, '>', "$dir/outside.txt" or die;
print {$f} 'outside';
close $f;

gateway('start', DASHBOARD_ROOT => $spa);
my $index = slurp("$spa/index.html");

# ---- the page and its deep links ----

for my $path ('/', '/index.html', '/reports', '/reports/a/b/c?x=1',
              '/reports/model-v1.2', '/dashboard', '/%7Euser', '/apiary')
{
    for my $accept ($page, '*/*', undef) {
        next if $path eq '/' && !defined $accept;
        my $reply = get($path, defined $accept ? (Accept => $accept) : ());
        is("$reply->{status} $reply->{headers}{'content-type'}",
           '200 text/html; charset=utf-8', "GET $path: the page");
        is($reply->{body}, $index, 'all of it');
        is($reply->{headers}{'cache-control'}, 'no-cache', 'asked for anew');
        ok($reply->{headers}{etag}, 'with an ETag');
    }
}
my $reply = get('/reports', METHOD => 'HEAD');
is("$reply->{status} $reply->{headers}{'content-length'} $reply->{body}",
   '200 ' . length($index) . ' ', 'HEAD');
$reply = get('/reports', 'If-None-Match' => get('/')->{headers}{etag});
is("$reply->{status} $reply->{headers}{'cache-control'}", '304 no-cache',
   'the same page need not be sent again');
$reply = get('/', Accept => 'application/json');
is(json($reply->{body})->{status}, 'healthy', '/ for a program is /health');
is($reply->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff');
is(get('/')->{headers}{'content-security-policy'}, "frame-ancestors 'self'",
   'no frame elsewhere');

# ---- what browsers keep ----

my $forever = 'public, max-age=31536000, immutable';
for (["/assets/$script", $forever, 'application/javascript'],
     ["/assets/$style", $forever, 'text/css'],
     ['/main.8d3f1a2b.chunk.js', $forever, 'application/javascript'],
     ['/my-component.js', 'no-cache', 'application/javascript'],
     ['/favicon.ico', 'no-cache', 'image/x-icon'],
     ['/a%20b.txt', 'no-cache', 'text/plain'],
     ['/.well-known/security.txt', 'no-cache', 'text/plain'])
{
    my ($path, $cache, $type) = @$_;
    $reply = get($path);
    my $h = $reply->{headers};
    is(join('|', $reply->{status}, $h->{'cache-control'},
            $h->{'content-type'} =~ s/;.*//r), "200|$cache|$type", $path);
}
$reply = get("/assets/$script", 'Accept-Encoding' => 'gzip');
is("$reply->{headers}{'content-encoding'} $reply->{headers}{vary}",
   'gzip Accept-Encoding', 'a precompressed file');
is($reply->{body}, slurp("$spa/assets/$script.gz"), 'as it was compressed');
is($reply->{headers}{'cache-control'}, $forever, 'and kept');
gunzip(\$reply->{body}, \my $plain);
is($plain, slurp("$spa/assets/$script"), 'it is the same');
$reply = get("/assets/$script");
is($reply->{headers}{'content-encoding'}, undef, 'plain for who wants it plain');
is($reply->{body}, $plain, 'all of it');
$reply = get("/assets/$script", Range => 'bytes=0-9');
is("$reply->{status} $reply->{body}", '206 ' . substr($plain, 0, 10), 'a range');

# ---- what is not there is not the page ----

for my $path ('/assets/app-00000000.js', '/missing.css', '/old.html', '/x/y.png',
              '/.env', '/.git/config', '/.git/', '/reports/.hidden/x')
{
    $reply = get($path, Accept => '*/*');
    is(said($reply), "404 Endpoint not found: $path", "$path: not there");
    is($reply->{headers}{'cache-control'}, undef, 'and not for a year');
}
for my $path ('/../outside.txt', '/%2e%2e/outside.txt', '/assets/../../outside.txt',
              '/assets/..%2f..%2foutside.txt', '/..%5coutside.txt',
              '/assets/%00', '//../outside.txt', '/./../outside.txt')
{
    for my $accept ($page, '*/*') {
        $reply = get($path, Accept => $accept);
        unlike($reply->{body}, qr/outside\z/, "GET $path stays inside");
        like($reply->{status}, qr/^(?:400|404|200)$/, 'and is answered');
        ok($reply->{status} != 200 || $reply->{body} eq $index, 'by the page');
    }
}

# ---- the API is never the page ----

for my $path ('/api/none', '/api/v1/none', '/api', '/api/v1', '/api/assets/none',
              '/api/models/a/b/c', "/api/assets/$script", '/api/index.html',
              '/services/none/x', '/services/')
{
    for my $accept ($page, '*/*', 'application/json') {
        is(said(get($path, Accept => $accept)),
           "404 Endpoint not found: $path", "GET $path ($accept)");
    }
}
for my $path ('/training/none', '/models/a/b/c', '/data/none') {
    for my $accept ('*/*', 'application/json', undef) {
        is(said(get($path, defined $accept ? (Accept => $accept) : ())),
           "404 Endpoint not found: $path", "GET $path");
    }
    is(said(get($path, Accept => $page)), '200 text/html; charset=utf-8',
       'a browser that goes there gets the page');
}
is(said(get('/none', METHOD => 'POST')), '404 Endpoint not found: /none',
   'a page is not posted to');
is(said(get('/models', Accept => '*/*')), '200 application/json', 'a route');
is(get('/models', Accept => $page)->{body}, $index,
   'the same address in a browser');
is(said(get('/api/models', Accept => $page)), '200 application/json',
   'below /api the route');
is(said(get('/health', Accept => '*/*')), '200 application/json',
   'a route goes before a file');
is(said(get('/models', METHOD => 'PUT', Accept => $page)),
   '405 Method Not Allowed', 'a form in a browser is no page');

# ---- a server instead of a folder ----

my $dev = free_port();
spawn({}, "$dir/dev.out", '/usr/bin/python3', "$Bin/websocket_service.py",
      "$dir/dev", $dev);
ok(until_true(sub { connect_to($dev) }), 'a development server');
gateway('stop');
gateway('start', DASHBOARD_URL => "http://localhost:$dev/base/");

sub last_call {
    my @lines = grep { $_->{event} eq 'head' } map { json($_) }
        split /\n/, slurp("$dir/dev");
    return $lines[-1];
}
for (['/', '/base/'], ['/@vite/client', '/base/@vite/client'],
     ['/src/app.ts?t=1', '/base/src/app.ts?t=1'], ['/reports/x', '/base/reports/x'],
     ['/reports/x', '/base/', $page], ['/models', '/base/', $page])
{
    my ($path, $target, $accept) = @$_;
    $reply = get($path, Accept => $accept // '*/*');
    is("$reply->{status} $reply->{body}", "200 GET $target HTTP/1.1",
       "GET $path: the server's");
}
is(last_call()->{headers}{host}, "localhost:$dev", 'by its own name');
for my $path ('/api/none', '/services/none/x') {
    is(said(get($path, Accept => $page)), "404 Endpoint not found: $path",
       "GET $path");
}
is(said(get('/models', Accept => '*/*')), '200 application/json', 'a route');
my $w = MlsecTest::WebSocket->open($port, '/?token=1',
    Origin => "http://127.0.0.1:$port", 'Sec-WebSocket-Protocol' => 'vite-hmr');
is($w->{status}, 101, 'hot reload: a WebSocket');
is(last_call()->{first}, 'GET /base/?token=1 HTTP/1.1', 'with its query');
$w->send(1, 'changed');
is($w->next_message, '1 changed', 'that lives');
$w = MlsecTest::WebSocket->open($port, '/', Origin => 'http://evil.example');
is(said($w), '403 this origin may not open WebSockets: CORS_ORIGINS',
   'not for a foreign page');
gateway('reload', DASHBOARD_URL => 'http://127.0.0.1:1');
ok(until_true(sub {
    said(get('/')) eq '502 the dashboard does not answer: DASHBOARD_URL';
}), 'a server that is gone') or diag said(get('/'));
like(gateway('reload', DASHBOARD_URL => 'http://no-such-host.invalid'),
     qr/^mlsec: DASHBOARD_URL="http:\/\/no-such-host\.invalid": host "no-such-host\.invalid" does not resolve now;/m,
     'one that is not found is said');
ok(until_true(sub {
    said(get('/')) eq '502 the dashboard cannot be found: the host of'
        . ' DASHBOARD_URL does not resolve';
}), 'and says so') or diag said(get('/'));

# ---- neither; both; none that can be read ----

gateway('reload');
ok(until_true(sub { get('/', Accept => $page)->{body} =~ m{/ui/app\.js} }),
   'neither: the small page');
is(said(get('/reports', Accept => $page)), '404 Endpoint not found: /reports',
   'has no deep links');
like(gateway('reload', DASHBOARD_ROOT => $spa, DASHBOARD_URL => 'http://127.0.0.1:1'),
     qr/^mlsec: DASHBOARD_ROOT and DASHBOARD_URL are both set, DASHBOARD_ROOT counts$/m,
     'both: the folder, and it is said');
ok(until_true(sub { get('/')->{body} eq $index }), 'and it is so');

SKIP: {
    skip 'only root can be somebody else', 1 if $> != 0
        || slurp("$dir/conf/nginx.conf") !~ /^user www-data /m;
    chmod 0600, "$spa/index.html";
    my ($status, $out, $err) = run({ %env, DASHBOARD_ROOT => $spa }, 'util/render');
    is("$status|$err", "1|mlsec: DASHBOARD_ROOT=\"$spa\": expected a folder with"
       . " an index.html that the user www-data can read\n",
       'a folder that the workers cannot read');
}

unlike(slurp("$dir/logs/error.log"), qr/\[(?:alert|emerg|crit)\]/, 'a quiet log');

done_testing();
