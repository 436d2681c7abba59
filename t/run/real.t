#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Real services: what the gateway sends them, http and https, prefixes,
# redirects, those that are not there, and a reload.

use strict;
use warnings;

use FindBin '$Bin';
use lib $Bin;
use IO::Socket::IP;
use MlsecTest::Token;
use Run;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my $dir = run_dir();
my ($port, $plain, $tls) = map { free_port() } 1 .. 3;

# ---- a service: nginx that says what it was asked ----

mkdir "$dir/service";
my ($status, $out, $err) = run({}, 'openssl', 'req', '-x509', '-newkey', 'rsa:2048',
    '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', "$dir/service/key.pem", '-out', "$dir/service/cert.pem");
is($status, 0, 'a certificate') or die($err);

my $user = $> == 0 ? 'user root;' : '';
open my $f, '>', "$dir/service/nginx.conf" or die;
print $f <<"END";
$user
pid $dir/service/pid;
error_log $dir/service/error.log;
events {}
http {
    client_body_temp_path $dir/service/body;
    proxy_temp_path $dir/service/proxy;
    fastcgi_temp_path $dir/service/fastcgi;
    uwsgi_temp_path $dir/service/uwsgi;
    scgi_temp_path $dir/service/scgi;
    access_log off;
    server {
        listen 127.0.0.1:$plain;
        listen 127.0.0.1:$tls ssl;
        ssl_certificate $dir/service/cert.pem;
        ssl_certificate_key $dir/service/key.pem;
        default_type application/json;
        location / {
            add_header X-Request-ID theirs;
            add_header X-Powered-By magic;
            return 200 '{"uri":"\$request_uri","host":"\$http_host","id":"\$http_x_request_id","for":"\$http_x_forwarded_for","proto":"\$http_x_forwarded_proto","fhost":"\$http_x_forwarded_host","connection":"\$http_connection","upgrade":"\$http_upgrade","tls":"\$ssl_server_name","auth":"\$http_authorization","forwarded":"\$http_forwarded\$http_proxy\$http_x_forwarded_port\$http_x_forwarded_prefix\$http_x_forwarded_scheme\$http_x_forwarded_ssl\$http_x_client_ip\$http_true_client_ip\$http_cf_connecting_ip","key":"\$http_x_api_key"}';
        }
        location /api/moved { return 302 http://localhost:$plain/api/there?x=1; }
        location /api/relative { absolute_redirect off; return 302 /api/there; }
        location /api/away { return 302 http://elsewhere.example/; }
    }
}
END
close $f;
is((run({}, 'nginx', '-e', "$dir/service/error.log", '-c', "$dir/service/nginx.conf"))[0],
   0, 'the service runs') or die(slurp("$dir/service/error.log"));

my %env = (
    SERVICE_HOST => '127.0.0.1', SERVICE_PORT => $port,
    MODEL_API_URL => "http://127.0.0.1:$plain",
    TRAINING_SERVICE_URL => "http://localhost:$plain/api/",
    ANALYTICS_SERVICE_URL => "https://localhost:$tls/sub",
    MLFLOW_URL => 'http://no-such-host.invalid:5000',
    UPSTREAM_CA_FILE => "$dir/service/cert.pem");

sub gateway {
    my ($command, %more) = @_;
    return run({ %env, %more }, 'util/gateway', $command);
}

END {
    my $code = $?;
    if (defined $dir) {
        gateway('stop');
        my $pid = slurp("$dir/service/pid");
        kill 'TERM', $1 if $pid =~ /(\d+)/;
    }
    $? = $code;
}

sub ask_for {
    my ($path, %headers) = @_;
    my $reply = http($port, 'GET', $path, undef, \%headers);
    my $body = json($reply->{body});
    return ($reply, ref $body eq 'HASH' ? $body : {});
}

($status, $out, $err) = gateway('start');
is($status, 0, 'the gateway runs') or die("$out$err");
like($out, qr/^mlsec: MLFLOW_URL="[^"]*": host "no-such-host\.invalid" does not resolve now; /m,
     'a name that does not resolve is said');
like($out, qr/^mlsec: not configured, these answer 503: business-metrics data-privacy model-cache tracing red-team$/m,
     'what is not configured is said');
is(scalar(processes("$dir/demo")), 0, 'no demo beside real services');

# ---- what is sent on ----

my @handshake = (Upgrade => 'websocket', Connection => 'close, Upgrade',
                 'Sec-WebSocket-Version' => 13,
                 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==');

my ($reply, $said) = ask_for('/services/training/x/y?a=1&b=%2F');
is($said->{uri}, '/api/x/y?a=1&b=%2F', 'the path of the URL, the query as it is');
is($said->{host}, "localhost:$plain", 'Host is that of the URL');
is($said->{id}, $reply->{headers}{'x-request-id'}, 'one request id on both sides');
isnt($said->{id}, 'theirs', 'and not that of the service');
ok(!exists $reply->{headers}{'x-powered-by'}, 'X-Powered-By ends here');
is($said->{for}, '127.0.0.1', 'X-Forwarded-For');
is($said->{proto}, 'http', 'X-Forwarded-Proto');
is($said->{fhost}, 'localhost', 'X-Forwarded-Host');
is($said->{connection}, '', 'the connection is kept');

($reply, $said) = ask_for('/services/training/x', Authorization => 'Bearer a',
    'X-Forwarded-For' => '6.6.6.6', 'X-Forwarded-Proto' => 'https',
    'X-Forwarded-Host' => 'evil', 'X-Request-ID' => 'given',
    Forwarded => 'for=6.6.6.6;proto=https', Proxy => 'http://evil', 'X-API-Key' => 'k',
    'X-Forwarded-Port' => 1, 'X-Forwarded-Prefix' => '//evil', 'X-Forwarded-Scheme' => 'https',
    'X-Forwarded-Ssl' => 'on', map { ($_ => '6.6.6.6') }
        'X-Client-IP', 'True-Client-IP', 'CF-Connecting-IP');
is("$said->{for} $said->{proto} $said->{fhost}|$said->{forwarded}", '127.0.0.1 http localhost|',
   'a client is not believed');
is("$said->{auth} $said->{id} $said->{key}", 'Bearer a given k', 'what is its own goes on');

(undef, $said) = ask_for('/services/training/ws', @handshake);
is("$said->{uri} $said->{upgrade} $said->{connection}", '/api/ws websocket upgrade',
   'an upgrade goes on');
(undef, $said) = ask_for('/services/training/x', Upgrade => 'h2c',
                         Connection => 'close, Upgrade');
is("$said->{upgrade}|$said->{connection}", '|', 'no other one');

(undef, $said) = ask_for('/services/model-api/b');
is($said->{uri}, '/b', 'without a path in the URL');
is((ask_for('/services/model-api/a/../b'))[0]{status}, 400,
   'a path with two meanings');

# ---- https ----

($reply, $said) = ask_for('/services/analytics/x');
is("$said->{uri} $said->{tls} $said->{host}", "/sub/x localhost localhost:$tls",
   'https: path, server name, Host') or diag(slurp("$dir/logs/error.log"));

# ---- parts of an aggregate ----

($reply, $said) = ask_for('/dashboard/overview', 'X-Request-ID' => 'whole');
is(($said->{models} // {})->{uri}, '/models', 'a part by http');
is(($said->{jobs} // {})->{uri}, '/api/training/jobs', 'below the path of the URL');
is(($said->{jobs} // {})->{host}, "localhost:$plain", 'with the Host of the URL');
is(($said->{trends} // {})->{uri}, '/sub/analytics/trends?days=7', 'a part by https')
    or diag(explain($said->{errors}));
is(($said->{trends} // {})->{tls}, 'localhost', 'by its server name');
is(($said->{jobs} // {})->{id}, 'whole', 'with the request id');
ok(!defined $said->{kpis}, 'what is not configured is null');
is(join(' ', map { "$_->{part}:$_->{error_type}" } @{ $said->{errors} // [] }),
   'kpis:no_peer compliance:no_peer business_metrics_health:no_peer'
   . ' data_privacy_health:no_peer', 'and says so');

# ---- redirects ----

for (['moved', '/services/training/there?x=1'], ['relative', '/services/training/there'],
     ['away', 'http://elsewhere.example/'])
{
    ($reply) = ask_for("/services/training/$_->[0]");
    is($reply->{headers}{location}, $_->[1], "a redirect: $_->[0]");
}

# ---- what is not there ----

($reply, $said) = ask_for('/services/tracing/x');
is($reply->{status}, 503, 'not configured: 503');
is($said->{message}, 'tracing is not configured: set TRACING_URL', 'and why');
is($said->{details}{service}, 'tracing', 'and which');
is($said->{path}, '/services/tracing/x', 'and where');
($reply, $said) = ask_for('/services/mlflow/x');
is("$reply->{status} $said->{message}",
   '503 mlflow cannot be found: the host of MLFLOW_URL does not resolve',
   'a name that does not resolve: 503, and why');

# ---- nothing at all is configured, as in a bare container ----

($status, $out, $err) = run({ RUN_DIR => "$dir/none", MLSEC_DEMO => 'off' },
                            'util/render');
is("$status|$err", '0|', 'no service at all: rendered');
($status, $out, $err) = run({}, $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx',
    '-t', '-q', '-e', 'stderr', '-c', "$dir/none/conf/nginx.conf");
is("$status|$err", '0|', 'and nginx takes it');

# ---- a reload takes what has changed ----

my $master = slurp("$dir/nginx.pid");
($status, $out, $err) = gateway('reload', TRACING_URL => "http://127.0.0.1:$plain",
    ENABLE_WEBSOCKET => 'false', TRUSTED_PROXIES => '127.0.0.1',
    UPSTREAM_CA_FILE => '/etc/ssl/certs/ca-certificates.crt');
is($status, 0, 'reload') or diag($out, $err);
ok(until_true(sub { (ask_for('/services/tracing/x'))[0]{status} == 200 }),
   'a service that is configured now');
is(slurp("$dir/nginx.pid"), $master, 'by the same server');

($reply, $said) = ask_for('/services/training/ws', @handshake);
is("$reply->{status} $said->{message}",
   '503 WebSockets are off: ENABLE_WEBSOCKET=false', 'ENABLE_WEBSOCKET=false');

(undef, $said) = ask_for('/services/training/x', 'X-Forwarded-For' => '192.0.2.7',
    'X-Forwarded-Proto' => 'https', 'X-Forwarded-Host' => 'www.example.org');
like($said->{for}, qr/^192\.0\.2\.7\b/, 'TRUSTED_PROXIES: X-Forwarded-For is believed');
is("$said->{proto} $said->{fhost}", 'https www.example.org', 'and the others');

($reply) = ask_for('/services/analytics/x');
is($reply->{status}, 502, 'https: a certificate that nobody vouches for is refused');

($status, $out, $err) = gateway('reload', MODEL_API_URL => 'nonsense');
like("$status|$err", qr/^1\|mlsec: MODEL_API_URL="nonsense": expected /,
     'a reload with a bad variable is refused');
is((ask_for('/services/tracing/x'))[0]{status}, 200, 'and changes nothing');
my $conf = slurp("$dir/conf/nginx.conf");
($status, $out, $err) = gateway('reload', SERVICE_NAME => 'other',
                                JWT_KEY_FILE => "$dir/service/nginx.conf");
is($status, 1, 'one that nginx does not take');
like($out . $err, qr/^mlsec: nginx does not take \Q$dir\E/m, 'is refused as well');
unlike(join('', map { slurp($_) } glob "$dir/conf/*.conf"), qr/"service":"other"|mlsec_jwt_key_file/,
       'and the one that answers stays where it is');
is(slurp("$dir/conf/nginx.conf"), $conf, 'all of it');
is(scalar(grep { -e } map { "$dir/conf.$_" } qw(new old kept)), 0, 'and nothing beside');

# ---- keys of programs, which are for the gateway ----

my $t = MlsecTest::Token->new;
my ($line, $key) = $t->api_key('ci', roles => ['viewer']);

is((gateway('reload', API_KEYS_FILE => $t->write('api_keys', $line)))[0], 0, 'API_KEYS_FILE');
ok(until_true(sub { (ask_for('/services/training/x'))[0]{status} == 401 }), 'who asks has to say it');
($reply, $said) = ask_for('/services/training/x', 'X-API-Key' => $key);
is("$reply->{status} $said->{key}", '200 ', 'the key is not sent on');

# ---- every address ----

SKIP: {
    my $six = eval { IO::Socket::IP->new(LocalAddr => '::1', Listen => 1) };
    skip 'this machine has no IPv6', 5 if !$six;
    gateway('stop');
    ($status, $out, $err) = gateway('start', SERVICE_HOST => '::');
    is($status, 0, 'SERVICE_HOST=::') or diag($out, $err);
    for my $address ('127.0.0.1', '::1') {
        my $s = IO::Socket::IP->new(PeerHost => $address, PeerPort => $port, Timeout => 10);
        ok($s, "$address: there") or next;
        like(ask($s, "GET /services/model-api/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
             qr/"for":"\Q$address\E"/, 'and the service is told who it is');
    }
}

done_testing();
