# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_https: what becomes of plain http, whom X-Forwarded-Proto is believed,
# where Strict-Transport-Security is sent. mlsec_browser_headers.

use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Test::More;
use lib 't/lib';
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my $keys = $t->dir;
system("cd $keys && openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
       . "-subj /CN=localhost -keyout tls.key -out tls.pem >/dev/null 2>&1") == 0
    or BAIL_OUT('openssl');

my $locations = <<'END';
        server_tokens off;
        mlsec_errors on;
        mlsec_browser_headers on;

        location / { proxy_pass http://unix:$DIR/up.sock; }
        location /redirect { mlsec_https redirect; proxy_pass http://unix:$DIR/up.sock; }
        location /port { mlsec_https redirect port=8443 hsts=off; proxy_pass http://unix:$DIR/up.sock; }
        location /off { mlsec_https off; proxy_pass http://unix:$DIR/up.sock; }
        location /day { mlsec_https refuse hsts=1d subdomains; proxy_pass http://unix:$DIR/up.sock; }
        location /return { return 204; }
        location /key {
            mlsec_https redirect;
            mlsec_auth api_key;
            mlsec_api_key API_KEYS header=X-Service-Key;
            mlsec_allow GET viewer;
            proxy_pass http://unix:$DIR/up.sock;
        }
        location /spa {
            mlsec_https off;
            mlsec_browser_headers on "csp=frame-ancestors 'self'" referrer=off;
            return 200 page;
        }
        location /mine {
            mlsec_https off;
            add_header Content-Security-Policy "default-src 'none'" always;
            add_header X-Content-Type-Options nosniff always;
            return 200 page;
        }
        location /plain { mlsec_https off; mlsec_browser_headers off; return 200 page; }
        location /said { mlsec_https off; proxy_pass http://unix:$DIR/up.sock; }
END

open my $f, '>', "$keys/api_keys" or die $!;
print {$f} '{"id":"ci","sha256":"', sha256_hex('s' x 30), '","roles":["viewer"]}';
close $f;
$locations =~ s/API_KEYS/$keys\/api_keys/;

my $nginx = MlsecTest::Instance->start(http => <<"END", server => <<"END2");
    server {
        listen unix:\$DIR/up.sock;
        access_log \$DIR/logs/upstream.log;
        location / { return 200 '{}'; }
        location /said { add_header Referrer-Policy no-referrer; return 200 x; }
    }
    server {
        listen unix:\$DIR/tls.sock ssl;
        ssl_certificate $keys/tls.pem;
        ssl_certificate_key $keys/tls.key;
        mlsec_https refuse;
        $locations
    }
    server {
        listen unix:\$DIR/proxied.sock;
        set_real_ip_from unix:;
        real_ip_header X-Forwarded-For;
        mlsec_https refuse;
        $locations
    }
END
        mlsec_https refuse;
        $locations
END2

sub calls {
    open my $f, '<', $nginx->dir . '/logs/upstream.log' or return 0;
    my @lines = <$f>;
    return scalar @lines;
}

sub plain {
    my ($path, @headers) = @_;
    return $nginx->get($path, headers => \@headers);
}

sub proxied {
    my ($path, @headers) = @_;
    my $client = $nginx->client('proxied');
    $client->request($path, headers => \@headers);
    return $client->response(10);
}

# over TLS: status, {header => value}
sub tls {
    my ($path, @headers) = @_;
    my @command = ('curl', '-sik', '--unix-socket', $nginx->dir . '/tls.sock',
                   (map { ('-H', $_) } @headers), "https://localhost$path");
    open my $f, '-|', @command or die $!;
    my $text = do { local $/; <$f> } // '';
    my %h = map { /^([^:\s]+): (.*?)\r?$/ ? (lc $1 => $2) : () }
        split /\n/, $text;
    return ($text =~ m{^HTTP/\S+ (\d+)} ? $1 : 0, \%h);
}

my @browser = ('Accept: text/html,application/xhtml+xml,*/*;q=0.8');
my $bearer = 'Authorization: Bearer ' . $t->token;

# ---- plain http ----

my $before = calls();
for (['/', 'refuse'], ['/redirect', 'redirect, but no browser'],
     ['/day', 'with parameters'])
{
    my ($path, $name) = @$_;
    my $reply = plain($path, 'Accept: application/json');
    is($reply->{status}, 403, "$name: refused");
    like($reply->{body}, qr/"message":"Use https".*"details":\{"error_type":"plaintext"\}/,
         'and told why');
    is($reply->{headers}{'cache-control'}, 'no-store', 'not to be kept');
    is($reply->{headers}{'strict-transport-security'}, undef, 'no HSTS');
}
is(plain('/return')->{status}, 403, 'before "return"');

my $reply = plain('/redirect?a=%20b', @browser);
is("$reply->{status} $reply->{headers}{location}",
   '308 https://localhost/redirect?a=%20b', 'a browser is sent on');
is($reply->{headers}{'strict-transport-security'}, undef, 'no HSTS');
is(plain('/port/x', @browser)->{headers}{location},
   'https://localhost:8443/port/x', 'to the port that is given');
is(plain('/', @browser)->{status}, 403, 'not where it is refused');
is($nginx->get('/redirect', method => 'POST', headers => \@browser, body => 'x')
   ->{status}, 403, 'not with a body');

my $client = $nginx->client;
$client->send("GET /redirect HTTP/1.1\r\nHost: Example.com:8080\r\n"
              . "Accept: text/html\r\n\r\n");
is($client->response(10)->{headers}{location}, 'https://Example.com/redirect',
   'the host without its port');
$client = $nginx->client;
$client->send("GET /redirect HTTP/1.1\r\nHost: [::1]:8080\r\n"
              . "Accept: text/html\r\n\r\n");
is($client->response(10)->{headers}{location}, 'https://[::1]/redirect',
   'an address');
$client = $nginx->client;
$client->send("GET /redirect HTTP/1.0\r\nAccept: text/html\r\n\r\n");
is($client->response(10)->{status}, 403, 'no host to be sent to');

# ---- credentials ----

for (['a token', $bearer], ['a password', 'Authorization: Basic eDp5'],
     ['a key', 'X-API-Key: ci.secret'],
     ['a token of a WebSocket', 'Sec-WebSocket-Protocol: bearer, eyJ'])
{
    my ($name, $header) = @$_;
    for my $path ('/redirect', '/day') {
        my $got = plain($path, @browser, $header);
        is($got->{status}, 403, "$name: refused");
        is($got->{headers}{location}, undef, 'and not sent on');
        like($got->{body}, qr/"details":\{"error_type":"credential_over_plaintext"\}/,
             'it is no secret any more');
    }
}
$reply = plain('/key', @browser, 'X-Service-Key: ci.' . 's' x 30);
is($reply->{status}, 403, 'a key in a header of its own name: refused');
like($reply->{body}, qr/"error_type":"credential_over_plaintext"/, 'and why is said');
is(plain('/key', @browser)->{status}, 308, 'without it a browser is sent on');
is(plain('/redirect', @browser, 'X-Service-Key: x')->{status}, 308,
   'where nobody asks for it, it is a header');
is(plain('/redirect', @browser, 'Cookie: session=x')->{status}, 308,
   'a cookie is sent by itself');
is(calls(), $before, 'no service has seen any of it');
is(plain('/off', $bearer)->{status}, 200, 'off: as it comes');
like($nginx->error_log, qr/\[warn\].*mlsec edge: a credential came over plain http, whoever saw it on the way can use it/,
     'the log has it');

# ---- TLS ----

my ($status, $h) = tls('/', $bearer);
is("$status $h->{'strict-transport-security'}", '200 max-age=31536000',
   'T2: TLS: a year of HSTS');
($status, $h) = tls('/day');
is($h->{'strict-transport-security'}, 'max-age=86400; includeSubDomains',
   'T2: a day, and below');
($status, $h) = tls('/redirect', @browser);
is("$status $h->{'strict-transport-security'}", '200 max-age=31536000',
   'nothing to be sent on to');
is((tls('/port'))[1]{'strict-transport-security'}, undef, 'hsts=off');
is((tls('/off'))[1]{'strict-transport-security'}, undef, 'mlsec_https off');
($status, $h) = tls('/return', 'Transfer-Encoding: gzip');
is("$status $h->{'strict-transport-security'}", '501 max-age=31536000',
   'an error too');

# ---- a proxy in front ----

my @via = ('X-Forwarded-For: 192.0.2.7');
is(plain('/', @via, 'X-Forwarded-Proto: https')->{status}, 403,
   'a stranger is not believed');
is(plain('/', 'Forwarded: proto=https')->{status}, 403, 'nor with Forwarded');
is(proxied('/', 'X-Forwarded-Proto: https')->{status}, 403,
   'a trusted proxy that names no client neither');
$reply = proxied('/', @via, 'X-Forwarded-Proto: https', $bearer);
is("$reply->{status} $reply->{headers}{'strict-transport-security'}",
   '200 max-age=31536000', 'a trusted proxy is');
is(proxied('/', @via, 'X-Forwarded-Proto: http')->{status}, 403,
   'also when it says http');
is(proxied('/', @via)->{status}, 403, 'or nothing');
is(proxied('/', @via, map { "X-Forwarded-Proto: $_" } @$_)->{status}, 403,
   "or two things: @$_") for ['https', 'http'], ['https', 'https'], ['http', 'https'];
is(proxied('/', @via, 'X-Forwarded-Proto: httpsx')->{status}, 403,
   'or something else');
$reply = proxied('/redirect', @via, @browser, 'X-Forwarded-Proto: http',
                 'X-Forwarded-Host: app.example:80');
is($reply->{headers}{location}, 'https://app.example/redirect',
   'the host that the client knows');
$reply = proxied('/redirect', @via, @browser, 'X-Forwarded-Proto: http',
                 'X-Forwarded-Host: evil.example', 'X-Forwarded-Host: app.example');
is($reply->{headers}{location}, 'https://localhost/redirect',
   'of two hosts none');

# ---- headers for browsers ----

sub browser_headers {
    my ($path) = @_;
    my $got = plain($path)->{headers};
    return join '|', map { $got->{$_} // '-' }
        qw(x-content-type-options content-security-policy referrer-policy);
}
is(browser_headers('/off'), "nosniff|frame-ancestors 'none'|same-origin",
   'an answer');
is(browser_headers('/'), "nosniff|frame-ancestors 'none'|same-origin",
   'an error');
is(browser_headers('/spa'), "nosniff|frame-ancestors 'self'|-", 'a page');
is(browser_headers('/mine'), "nosniff|default-src 'none'|same-origin",
   'add_header knows better');
is(browser_headers('/said'), "nosniff|frame-ancestors 'none'|no-referrer",
   'a service too');
is(browser_headers('/plain'), '-|-|-', 'off');
is(plain($_)->{headers}{server}, 'nginx', "$_: no version") for '/off', '/';

$nginx->finish;
unlike($nginx->error_log, qr/eyJ|eDp5|secret/, 'no credential in the log');
done_testing();
