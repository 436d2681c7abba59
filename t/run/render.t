#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/render: what it refuses and with which words, which name wins, what it
# writes.

use strict;
use warnings;

use FindBin '$Bin';
use lib $Bin;
use Run;
use Test::More;

my $dir = run_dir();
my $stub = "$dir/module.so";
open my $f, '>', $stub or die;
close $f;

my $conf = conf_without_programs();

sub render {
    my (%env) = @_;
    return run({ MODULE => $stub, CONF_DIR => $conf, %env }, 'util/render');
}

my $url = 'http(s)://host[:port][/path]';
my $ca = "$Bin/render.t";

# ---- what is refused: NAME, value, expected, what is shown of the value ----

my @bad = (
    (map { ['MODEL_API_URL', $_, $url] }
        'host', 'host:80', 'ftp://host', 'http://', 'http:///path',
        'http://host:0', 'http://host:65536', 'http://host:080',
        'http://host:', 'http://host:8o', 'http://a b', 'http://host;x',
        'http://host/{x}', 'http://host/$uri', 'http://host/"',
        "http://host/'", 'http://host/#x', 'http://host/a/../b',
        'http://host/a//b', 'http://host/%zz', 'http://host/%4',
        'http://-host', 'http://host-', 'http://a..b', 'http://.a',
        'http://1.2.3', 'http://1.2.3.256', 'http://1.2.3.4.5',
        'http://[::1', 'http://[::g]', 'http://[1:::2]', 'http://::1',
        'http://host\\x', 'http://h*st'),
    ['MODEL_API_URL', "http://host\nevil", $url, 'http://host?evil'],
    ['MODEL_API_URL', "http://h\xc3\xb6st", $url, 'http://h??st'],
    ['MODEL_API_URL', 'http://user:pass@host', $url, 'http://***@host'],
    ['MODEL_API_URL', 'http://host/?key=pass', $url, 'http://host/?***'],
    (map { [$_, 'x', $url] }
        qw(TRAINING_SERVICE_URL TRAINING_URL ANALYTICS_SERVICE_URL
           ANALYTICS_URL BUSINESS_METRICS_URL DATA_PRIVACY_URL
           MODEL_CACHE_URL TRACING_URL MLFLOW_URL RED_TEAM_URL
           DASHBOARD_URL JWT_JWKS_URL OTEL_EXPORTER_OTLP_ENDPOINT)),
    (map { ['SERVICE_PORT', $_, 'a port from 1 to 65535'] }
        '0', '65536', '-1', '80a', '080', '1e3', ' 80', '99999999999999999'),
    (map { ['SERVICE_HOST', $_, 'an IP address of this machine'] }
        'example.org', '1.2.3', '256.1.1.1', '1.2.3.4;', '[::1'),
    (map { ['LOG_LEVEL', $_, 'DEBUG, INFO, WARNING, ERROR or CRITICAL'] }
        'loud', 'info;', '5'),
    (map { [$_, 'maybe', 'true or false'] }
        qw(ENABLE_WEBSOCKET PROMETHEUS_ENABLED JAEGER_ENABLED)),
    (map { ['LIMITS', $_, 'on or off'] } 'true', 'ON '),
    (map { my $name = $_;
           map { [$name, $_, 'a rate such as 100r/s (r/m, r/h, r/d), or off'] }
               '0r/s', '100', '5r/w', '1.5r/s', '-1r/s', '5r/s;', '100000r/s' }
        qw(LIMIT_ADDRESS LIMIT_IDENTITY LIMIT_PREDICTIONS LIMIT_TRAINING
           LIMIT_CHANGES LIMIT_FAILURES)),
    (map { ['CORS_ORIGINS', $_, 'a JSON array or comma list of origins '
            . '(https://host[:port]) or *'] }
        'host', '["http://a"', 'http://a/path', 'http://a,b',
        '["http://a", 5]', '["http://a" "http://b"]', '["http://a",]', '[*]',
        '["http://a http://b"]', ','),
    (map { ['TRUSTED_PROXIES', $_, 'a comma list of addresses or networks '
            . '(10.0.0.0/8)'] }
        '10.0.0.0/33', '10.0.0/8', '10.0.0.0/', 'fd00::/129', 'proxy', ',',
        '1.2.3.4;'),
    (map { ['RESOLVER', $_, 'a comma list of DNS server addresses, '
            . 'addr[:port], or off'] } 'dns', '1.2.3.4:0', '[::1', '1.2.3.4 x'),
    (map { ['WEBSOCKET_CLEANUP_INTERVAL', $_, 'seconds from 1 to 86400'] }
        '0', '86401', '5m'),
    (map { ['SERVICE_NAME', $_, 'up to 40 of the characters A-Z a-z 0-9 . _ -'] }
        'a"b', 'a b', 'x' x 41),
    (map { ['SERVICE_VERSION', $_,
            'up to 40 of the characters A-Z a-z 0-9 . _ + -'] }
        'a"b', '1;0', 'x' x 41),
    (map { ['DASHBOARD_ROOT', $_, 'a folder with an index.html that can be '
            . 'read'] } '/nowhere', $Bin),
    (map { [$_, '/nowhere', 'a file that can be read'] }
        qw(JWT_KEY_FILE JWT_REVOKED_FILE API_KEYS_FILE UPSTREAM_CA_FILE)),
    (map { [$_, 'a b', 'printable characters, no blanks'] }
        qw(JWT_ISSUER JWT_AUDIENCE)),
    (map { ['AUDIT_LOG', $_, 'an absolute path, or off'] } 'audit.log', 'on'),
    ['MLSEC_DEMO', 'on', 'auto, open or off'],
    (map { [$_->[0], $_->[1],
            'postgresql://[user[:password]@]host[:port]/database', $_->[2]] }
        ['POSTGRES_URL', 'mysql://u:hidden@host/d', 'mysql://***'],
        ['POSTGRES_URL', 'postgres://u:hidden@host:x/d', 'postgres://***'],
        ['DATABASE_URL', 'hidden', '***']),
    (map { ['REDIS_URL', $_->[0],
            'redis[s]://[[user]:password@]host[:port][/number]', $_->[1]] }
        ['redis://:hidden', 'redis://***'],
        ['redis://:hid den@host', 'redis://***'],
        ['redis://host/hidden', 'redis://***'],
        ['redis://host/1?password=hidden', 'redis://***'],
        ['redis://host/-1', 'redis://***'],
        ['hidden', '***']),
);

for (@bad) {
    my ($name, $value, $expected, $shown) = @$_;
    my ($status, $out, $err) = render($name => $value);
    $shown //= $value;

    is("$status|$out|$err", "1||mlsec: $name=\"$shown\": expected $expected\n",
       "$name: refused \"" . ($value =~ s/[^ -~]/?/gr) . '"');
}

ok(!-e "$dir/conf", 'what is refused writes nothing');

# ---- what is taken ----

for (['MODEL_API_URL', 'http://127.0.0.1:1'], ['MODEL_API_URL', 'http://[::1]:80/'],
     ['MODEL_API_URL', 'http://127.0.0.1/a-b_c~/%2f.x/'],
     (map { ['SERVICE_HOST', $_, MLFLOW_URL => 'http://127.0.0.1:1'] } '*', '::'),
     ['SERVICE_HOST', '[::1]'],
     ['SERVICE_HOST', 'localhost'], ['LOG_LEVEL', 'wArning'],
     ['CORS_ORIGINS', '["http://a", "https://b:3000"]'],
     ['CORS_ORIGINS', 'http://a,https://b:3000'], ['CORS_ORIGINS', '*'],
     ['CORS_ORIGINS', "[ ]\n"], ['CORS_ORIGINS', '[ "http://a" ,"*"]'],
     ['REQUIRE_HTTPS', 'redirect'], ['REQUIRE_HTTPS', 'off'],
     ['TRUSTED_PROXIES', '10.0.0.0/8, fd00::/8 192.0.2.1'],
     ['RESOLVER', '127.0.0.11, [::1]:53 10.0.0.2:5353'], ['RESOLVER', 'off'],
     ['POSTGRES_URL', 'postgresql://u:p%40@db:5432/x?sslmode=disable'],
     ['REDIS_URL', 'redis://:p@redis:6379/0'], ['REDIS_URL', 'rediss://redis'],
     ['ENABLE_WEBSOCKET', 'FALSE'], ['SERVICE_PORT', '65535'],
     ['MODEL_API_URL', ''], ['SERVICE_PORT', ''],
     ['MODEL_API_URL', "http://127.0.0.1:1\n", JWT_KEY_FILE => "$ca\n", JWT_ISSUER => "me\n"])
{
    my ($status, $out, $err) = render(@$_);
    is("$status|$err", '0|', "$_->[0]: takes \"$_->[1]\"");
    unlike($out, qr/p%40|:p@/, 'no password is shown') if $_->[1] =~ /:p/;
}

like(slurp("$dir/conf/auth.conf"), qr/^mlsec_jwt_key_file "\Q$ca\E";\nmlsec_jwt_issuer   "me";$/m,
     'a newline at the end is no part of a value');

# ---- which name wins, what is said ----

my ($status, $out, $err) = render(
    TRAINING_SERVICE_URL => 'http://127.0.0.1:11', TRAINING_URL => 'http://127.0.0.1:12',
    ANALYTICS_URL => 'http://127.0.0.1:13/x/');
is($err, '', 'two names: no complaint');
is($out, "mlsec: TRAINING_SERVICE_URL and TRAINING_URL differ,"
         . " TRAINING_SERVICE_URL counts\n"
         . "mlsec: not configured, these answer 503: model-api"
         . " business-metrics data-privacy model-cache tracing mlflow"
         . " red-team\n", 'two names that differ: said, with what is missing');

my $upstreams = slurp("$dir/conf/upstreams.conf");
like($upstreams, qr/upstream training \{\n(?:.*\n){4}    server 127\.0\.0\.1:11;/,
     'the first name wins');
like($upstreams, qr/upstream analytics \{\n(?:.*\n){4}    server 127\.0\.0\.1:13;/,
     'the alias counts when it is alone');
like($upstreams, qr/upstream mlflow \{\n(?:.*\n){4}    server 127\.0\.0\.1:9 down;/,
     'a service that is not named has a peer that is down');

my $aggregates = slurp("$dir/conf/aggregates.conf");
like($aggregates, qr{ http://analytics/x/analytics/trends},
     'parts go below the path of the URL');
like(slurp("$dir/conf/services.conf"),
     qr{location \^~ /services/analytics/ \{\s+(?:[#m][^\n]*\n\s+)*proxy_pass +http://analytics/x/;},
     'so do plain requests');

($status, $out) = render(TRAINING_SERVICE_URL => 'http://127.0.0.1:11',
                         TRAINING_URL => 'http://127.0.0.1:11');
unlike($out, qr/differ/, 'two names that agree: nothing to say');

# ---- what has no effect is said, and nothing else is ----

my %idle = (
    WEBSOCKET_CLEANUP_INTERVAL => 300,
    POSTGRES_URL => 'postgres://a/b',
    JAEGER_ENABLED => 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT => 'http://a:4318',
    );
my %active = (
    SERVICE_HOST => '127.0.0.1', SERVICE_PORT => 8123, SERVICE_VERSION => '2',
    LOG_LEVEL => 'ERROR', ENABLE_WEBSOCKET => 'false',
    TRUSTED_PROXIES => '10.0.0.0/8', PROMETHEUS_ENABLED => 'false',
    API_KEYS_FILE => $ca, REDIS_URL => 'redis://:p"\\@127.0.0.1:1/2',
    CORS_ORIGINS => 'http://a.example, http://A.example,http://b:1'
                    . ' https://c:443 http://d:80 https://e:80');
($status, $out, $err) = render(%idle, %active);
is(join("\n", sort split /\n/, $out),
   join("\n", sort map { "mlsec: $_ has no effect yet" } keys %idle),
   'exactly what has no effect is named');
my $text = join '', map { slurp($_) } glob "$dir/conf/*.conf";
like($text, qr{^mlsec_redis "redis://:p\\"\\\\\@127\.0\.0\.1:1/2";$}m, 'REDIS_URL counts');
like($text, qr/^include redis\.conf;\nmlsec_limit_sync on;$/m, 'REDIS_URL: limits are shared');
is((stat "$dir/conf/redis.conf")[2] & 077, 0, 'REDIS_URL: nobody else can read its password');
like($text, qr/location = \/_redis \{\s+allow 127\.0\.0\.1; allow ::1; deny all;/, 'REDIS_URL: /_redis, for this machine');
like($text, qr/listen\s+127\.0\.0\.1:8123;/, 'SERVICE_HOST, SERVICE_PORT count');
like($text, qr/error\.log" error;/, 'LOG_LEVEL counts');
like($text, qr/"version":"2"/, 'SERVICE_VERSION counts');
like($text, qr/\$websocket_refused \{\n    default           upgrade;\n    "~\^good " off;\n\}/,
     'ENABLE_WEBSOCKET counts');
like($text, qr/^location = \/metrics \{ return 404; \}$/m,
     'PROMETHEUS_ENABLED counts');
like($text, qr{^ +mlsec_cors http://a\.example http://b:1 https://c http://d https://e:80;$}m,
     'CORS_ORIGINS counts, each once, as browsers say it');
like($text, qr{set_real_ip_from 10\.0\.0\.0/8;},
     'TRUSTED_PROXIES counts');
like($text, qr{^mlsec_audit_log "\Q$dir\E/logs/audit\.log";}m,
     'with sign-in there is an audit log');
unlike($text, qr/\$\{[A-Z_]+\}(?! are)/m, 'nothing is left to fill')
    or diag($text =~ /(.*\$\{[A-Z_]+\}.*)/);

($status, $out, $err) = render(JWT_JWKS_URL => 'http://a.example/keys', RESOLVER => '127.0.0.1',
                               JWT_ISSUER => 'i', JWT_AUDIENCE => 'a');
is($out, "mlsec: JWT_JWKS_URL is not https: whoever is on the way may change keys\n",
   'keys without TLS: it is said');
like(slurp("$dir/conf/auth.conf"), qr{^mlsec_auth jwt;\nmlsec_jwt_key_uri  "http://a\.example/keys" insecure;$}m,
     'and done');
($status, $out, $err) = render(JWT_JWKS_URL => 'https://a.example/keys', RESOLVER => 'off');
isnt($status, 0, 'a name of an issuer, and no DNS server');
is($err, 'mlsec: JWT_JWKS_URL has a name that nobody can be asked for: RESOLVER is off,'
   . " or the machine has no DNS server\n", 'and why');
render(JWT_JWKS_URL => 'https://127.0.0.1:1/keys', RESOLVER => 'off');
like(slurp("$dir/conf/auth.conf"), qr{^mlsec_jwt_key_uri  "https://127\.0\.0\.1:1/keys";$}m,
     'an address needs none; CAs are the system\'s');
render(JWT_JWKS_URL => 'https://127.0.0.1:1/keys', UPSTREAM_CA_FILE => $ca, JWT_KEY_FILE => $ca);
like(slurp("$dir/conf/auth.conf"),
     qr{^mlsec_jwt_key_file "\Q$ca\E";\nmlsec_jwt_key_uri  "https://127\.0\.0\.1:1/keys" "trusted=\Q$ca\E";$}m,
     'or those of UPSTREAM_CA_FILE; a file may be there too');
($status, $out, $err) = render(UPSTREAM_KEY_FILE => $ca);
is("$status|$err", "1|mlsec: UPSTREAM_KEY_FILE is set, and UPSTREAM_CERT_FILE is not\n",
   'a key without its certificate');
($status, $out, $err) = render(UPSTREAM_TOKEN_KEY_FILE => $ca,
                                MLSEC_DEMO => 'open');
like("$out$err", qr/^mlsec: UPSTREAM_TOKEN_KEY_FILE has no effect: nobody is asked to sign in$/m,
     'a token for services about nobody');
($status, $out, $err) = render(REQUIRE_HTTPS => 'refuse');
like("$out$err", qr/^mlsec: REQUIRE_HTTPS is set and TRUSTED_PROXIES is not: nobody is believed to have used https$/m,
     'https that nobody can use');

# ---- demo or real ----

like($text, qr{server "unix:\Q$dir\E/demo/training\.sock";},
     'no service URL: the demo');
render();
like(slurp("$dir/conf/metrics.conf"), qr/^    deny  all;\n    mlsec_metrics;$/m,
     'metrics are there unless they are not wanted');
like(slurp("$dir/conf/nginx.conf"), qr/listen\s+127\.0\.0\.1:8007;/,
     'the demo is on loopback');
render(MLFLOW_URL => 'http://127.0.0.1:1');
unlike(slurp("$dir/conf/upstreams.conf"), qr/unix:/,
       'one service URL: no demo at all');
like(slurp("$dir/conf/nginx.conf"), qr/listen\s+0\.0\.0\.0:8007;/,
     'real: on every address');
render();
like(slurp("$dir/conf/auth.conf"), qr{^mlsec_auth jwt;\nmlsec_jwt_key_file "\Q$dir\E/demo/jwks\.json";\nmlsec_jwt_issuer   "mlsec-demo";\nmlsec_jwt_audience "mlsec-gateway";\nmlsec_jwt_source   bearer websocket cookie=mlsec_demo;}m,
     'the demo asks to sign in');
like(slurp("$dir/conf/sign_in.conf"), qr{^location = /sign-in\.html \{}m,
     'and shows how');
render(MLSEC_DEMO => 'open');
unlike(slurp("$dir/conf/auth.conf") . slurp("$dir/conf/sign_in.conf"),
       qr/mlsec_auth|^location/m, 'MLSEC_DEMO=open: it does not');
render(API_KEYS_FILE => $ca);
like(slurp("$dir/conf/auth.conf"), qr{^mlsec_auth api_key;$}m,
     'with keys of its own it asks for those');
unlike(slurp("$dir/conf/sign_in.conf"), qr/^location/m, 'and has no page for it');
render(MLSEC_DEMO => 'off');
unlike(slurp("$dir/conf/upstreams.conf"), qr/unix:/, 'MLSEC_DEMO=off: no demo');

# ---- names and certificates ----

($status, $out, $err) = render(RED_TEAM_URL => 'http://no-such-host.invalid:1');
is($status, 0, 'a host that does not resolve does not stop the start');
like($out, qr{^mlsec: RED_TEAM_URL="http://no-such-host\.invalid:1": host "no-such-host\.invalid" does not resolve now; it answers 503 until a reload finds it$}m,
     'it is said');
like(slurp("$dir/conf/upstreams.conf"),
     qr/upstream red-team \{\n(?:.*\n){4}    server 127\.0\.0\.1:9 down;/,
     'its peer is down');

($status, $out) = render(ANALYTICS_URL => 'http://no-such-host.invalid:1');
like($out, qr/^mlsec: ANALYTICS_URL="/m, 'the name that was set is the one said');

render(RED_TEAM_URL => 'http://localhost:99');
like(slurp("$dir/conf/upstreams.conf"),
     qr/upstream red-team \{\n(?:.*\n){4}    server 127\.0\.0\.1:99;/,
     'a host that resolves');

# ---- names that are followed ----

my $system = "$dir/resolv.conf";
open $f, '>', $system or die;
print {$f} "# ours\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\n"
    . "nameserver 2001:db8::1\nsearch ns.svc.cluster.local svc.cluster.local\n";
close $f;

sub rendered {
    my ($status, $out, $err) = render(@_);
    return ($status, $out, slurp("$dir/conf/upstreams.conf"),
            slurp("$dir/conf/http.conf"), slurp("$dir/conf/services.conf"));
}

my $there = qr/upstream red-team \{\n(?:.*\n){4}    /;
my ($http, $services);

($status, $out, $upstreams, $http, $services)
    = rendered(RED_TEAM_URL => 'http://red-team:1', RESOLVER => '127.0.0.9:54,[::1]');
is($status, 0, 'a resolver is known');
like($out, qr{^mlsec: RED_TEAM_URL="http://red-team:1": host "red-team" does not resolve now; it answers 503 until it does$}m,
     'what is not there yet is said');
like($upstreams, qr/${there}mlsec_resolve red-team:1;/, 'it is followed');
like($http, qr/^resolver 127\.0\.0\.9:54 \[::1\](?: ipv6=off)?;\nresolver_timeout 5s;/m, 'there');
like($services, qr/mlsec_via +red-team;/, 'it is answered for');

(undef, $out, $upstreams) = rendered(RED_TEAM_URL => 'http://localhost:99', RESOLVER => '127.0.0.9');
like($upstreams, qr/${there}server 127\.0\.0\.1:99;/, "a name of the machine's own is not");
(undef, undef, $upstreams, undef, $services)
    = rendered(RED_TEAM_URL => 'http://192.0.2.7:99', RESOLVER => '127.0.0.9');
like($upstreams, qr/${there}server 192\.0\.2\.7:99;/, 'an address is not');
like($services, qr/^ *mlsec_via +red-team;/m, 'and has a breaker all the same');

(undef, undef, $upstreams, $http)
    = rendered(RED_TEAM_URL => 'http://red-team:1', RESOLV_CONF => $system);
like($http, qr/^resolver 192\.0\.2\.1 \[2001:db8::1\](?: ipv6=off)?;/m, "the system's servers");
like($upstreams, qr/${there}mlsec_resolve red-team\.ns\.svc\.cluster\.local:1;/,
     'the domain of a cluster');
(undef, undef, $upstreams)
    = rendered(RED_TEAM_URL => 'http://red-team.other:1', RESOLV_CONF => $system);
like($upstreams, qr/${there}mlsec_resolve red-team\.other:1;/, 'a name with a dot is whole');
(undef, undef, $upstreams, $http)
    = rendered(RED_TEAM_URL => 'http://red-team:1', RESOLV_CONF => $system, RESOLVER => 'off');
like($upstreams, qr/${there}server 127\.0\.0\.1:9 down;/, 'off: not followed');
unlike($http, qr/^resolver /m, 'off: no resolver');

render(RED_TEAM_URL => 'https://[::1]/', UPSTREAM_CA_FILE => $ca);
$text = join '', map { slurp($_) } glob "$dir/conf/*.conf";
like($text, qr/server \[::1\]:443;/, 'https: port 443');
like(slurp("$dir/conf/upstreams.conf"),
     qr/upstream red-team \{\n(?:.*\n){3}.*mlsec_health uri=\/health .*\n +tls "trusted=\Q$ca\E";/,
     'https: so do probes');
like($text, qr{proxy_pass +https://red-team/;}, 'https: to the service');
like($text, qr/proxy_ssl_verify on;/, 'https: certificates are checked');
like($text, qr/proxy_ssl_trusted_certificate "\Q$ca\E";/, 'UPSTREAM_CA_FILE counts');

# ---- what is not there ----

($status, $out, $err) = render(MODULE => "$dir/none.so");
is("$status|$err", "1|mlsec: $dir/none.so is missing: make build\n",
   'no module: what to do');
($status, $out, $err) = render(RUN_DIR => "$dir/a\"b");
is("$status|$err", "1|mlsec: the path \"$dir/a\"b\" has characters that nginx"
   . " does not take\n", 'a path that would break the configuration');

($status, $out, $err) = render(LIMITS => 'off', REDIS_URL => 'redis://:p@127.0.0.1:1');
like($out, qr/^mlsec: REDIS_URL is set and LIMITS is off: there is nothing to share$/m, 'LIMITS=off, REDIS_URL: said');
$text = join '', map { slurp($_) } glob "$dir/conf/*.conf";
unlike($text, qr/^\s*(?:mlsec_redis|mlsec_limit_sync|location = \/_redis) /m, 'LIMITS=off, REDIS_URL: nothing of it');

done_testing();
