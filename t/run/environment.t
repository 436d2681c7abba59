#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Every variable of docs/operations.md: what it changes in the configuration,
# or that it changes nothing and is said to. A row of the page without a line
# here fails.

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
chmod 0755, $dir;
mkdir $_ for map { "$dir/$_" } qw(spa html build);
for my $name ("$dir/spa/index.html", "$dir/html/index.html",
              "$dir/build/ngx_mlsec_module.so")
{
    open my $page, '>', $name or die;
    close $page;
}
my $ca = "$Bin/environment.t";
open $f, '>', "$dir/resolv.conf" or die;
print {$f} "nameserver 192.0.2.2\n";
close $f;

# What every run says beside the variable in question.
my %base = (MODULE => $stub, CONF_DIR => conf_without_programs(),
            MLFLOW_URL => 'http://127.0.0.1:9999');

# Files that were written, by name; what was said.
sub render {
    my (%env) = @_;
    my ($status, $out, $err) = run({ %base, %env }, 'util/render');
    my $where = $env{RUN_DIR} // $dir;
    my %files = map { (s{\Q$where\E/conf/}{}r => slurp($_)) }
        glob "$where/conf/*.conf $where/conf/*/*.conf $where/conf/settings";
    return ($status, "$out$err", %files);
}

sub service {
    my ($name) = @_;
    return ['http://127.0.0.1:4321/base',
            qr/^upstream $name \{\n(?:    .*\n)*?    server 127\.0\.0\.1:4321;/m,
            qr{proxy_pass +http://$name/base/;}];
}

# variable => [value, what then stands in the configuration...]
my %effect = (
    SERVICE_HOST => ['127.0.0.1', qr/listen +127\.0\.0\.1:8007;/],
    SERVICE_PORT => [8123, qr/listen +0\.0\.0\.0:8123;/],
    SERVICE_NAME => ['gw', qr/"service":"gw"/],
    SERVICE_VERSION => ['9.1', qr/"version":"9\.1"/],
    LOG_LEVEL => ['ERROR', qr/error\.log" error;/],
    ENABLE_WEBSOCKET => ['false', qr/"~\^good " off;/],
    PROMETHEUS_ENABLED => ['off', qr/^location = \/metrics \{ return 404; \}$/m],
    CORS_ORIGINS => ['["https://a.example"]', qr{^ +mlsec_cors https://a\.example;}m],
    REQUIRE_HTTPS => ['refuse', qr{^ +mlsec_https refuse;}m],
    TRUSTED_PROXIES => ['10.0.0.0/8', qr{^set_real_ip_from 10\.0\.0\.0/8;}m],
    DASHBOARD_ROOT => ["$dir/spa", qr{root +"\Q$dir\E/spa";}],
    DASHBOARD_URL => ['http://127.0.0.1:4321/x', qr{proxy_pass +http://dashboard/x/;},
                      qr/^upstream dashboard \{\n(?:    .*\n)*?    server 127\.0\.0\.1:4321;/m],
    MODEL_API_URL => service('model-api'),
    TRAINING_SERVICE_URL => service('training'),
    TRAINING_URL => service('training'),
    ANALYTICS_SERVICE_URL => service('analytics'),
    ANALYTICS_URL => service('analytics'),
    BUSINESS_METRICS_URL => service('business-metrics'),
    DATA_PRIVACY_URL => service('data-privacy'),
    MODEL_CACHE_URL => service('model-cache'),
    TRACING_URL => service('tracing'),
    MLFLOW_URL => service('mlflow'),
    RED_TEAM_URL => service('red-team'),
    JWT_KEY_FILE => [$ca, qr/^mlsec_auth jwt;\nmlsec_jwt_key_file "\Q$ca\E";/m],
    JWT_JWKS_URL => ['https://127.0.0.1/k', qr{^mlsec_auth jwt;\nmlsec_jwt_key_uri  "https://127\.0\.0\.1/k";}m],
    JWT_ISSUER => ['https://a', qr{^mlsec_jwt_issuer   "https://a";}m,
                   { JWT_KEY_FILE => $ca }],
    JWT_AUDIENCE => ['gw', qr/^mlsec_jwt_audience "gw";/m,
                     { JWT_KEY_FILE => $ca }],
    JWT_REVOKED_FILE => [$ca, qr/^mlsec_jwt_revoke "\Q$ca\E";/m, { JWT_KEY_FILE => $ca }],
    API_KEYS_FILE => [$ca, qr/^mlsec_auth api_key;\nmlsec_api_key "\Q$ca\E";/m],
    AUDIT_LOG => ['/dev/null', qr{^mlsec_audit_log "/dev/null";}m],
    UPSTREAM_CA_FILE => [$ca, qr/proxy_ssl_trusted_certificate "\Q$ca\E";/,
                         { RED_TEAM_URL => 'https://127.0.0.1' }],
    UPSTREAM_CERT_FILE => [$ca, qr/proxy_ssl_certificate "\Q$ca\E";\nproxy_ssl_certificate_key\n    "\Q$ca\E";/,
                           { RED_TEAM_URL => 'https://127.0.0.1' }],
    UPSTREAM_KEY_FILE => ["$dir/resolv.conf", qr/proxy_ssl_certificate_key\n    "\Q$dir\E\/resolv\.conf";/,
                          { RED_TEAM_URL => 'https://127.0.0.1', UPSTREAM_CERT_FILE => $ca }],
    UPSTREAM_TOKEN_KEY_FILE => [$ca, qr/^mlsec_upstream_token "\Q$ca\E"\n +"issuer=mlsec-gateway"\n +"audience=services";/m,
                                { API_KEYS_FILE => $ca }],
    UPSTREAM_TOKEN_ISSUER => ['https://gw', qr{^ +"issuer=https://gw"\n}m,
                              { API_KEYS_FILE => $ca, UPSTREAM_TOKEN_KEY_FILE => $ca }],
    UPSTREAM_TOKEN_AUDIENCE => ['a,b', qr{^ +"audience=a,b";}m,
                                { API_KEYS_FILE => $ca, UPSTREAM_TOKEN_KEY_FILE => $ca }],
    ACCESS_LOG => ['/dev/null', qr{access_log "/dev/null" }],
    ERROR_LOG => ['stderr', qr{error_log "stderr" }],
    RUN_DIR => ["$dir/run", qr{pid +"\Q$dir\E/run/nginx\.pid";}],
    MODULE => ["$dir/build/ngx_mlsec_module.so",
               qr{load_module "\Q$dir\E/build/ngx_mlsec_module\.so";}],
    BUILD_DIR => ["$dir/build", qr{load_module "\Q$dir\E/build/ngx_mlsec_module\.so";},
                  { MODULE => '' }],
    CONF_DIR => ["$dir/conf2", qr/^# mine$/m],
    LIMITS => ['off', qr/^# LIMITS=off:/m, qr/^ +# \(LIMITS=off\)$/m],
    LIMIT_ADDRESS => ['7r/s', qr/name=address rate=7r\/s$/m, qr/burst=70 /],
    LIMIT_IDENTITY => ['8r/m', qr/name=identity rate=8r\/m$/m, qr/burst=16 /],
    LIMIT_PREDICTIONS => ['9r/h', qr/name=predictions rate=9r\/h$/m],
    LIMIT_TRAINING => ['5r/d', qr/name=training rate=5r\/d$/m],
    LIMIT_CHANGES => ['6r/m', qr/name=changes rate=6r\/m$/m],
    LIMIT_FAILURES => ['4r/m', qr/name=failures rate=4r\/m count=401$/m],
    HTML => ["$dir/html", qr{root +"\Q$dir\E/html";}],
    CRITICAL_SERVICES => ['training', qr/mlsec_service training timeout=\S+ host=\S+[^;]* critical/],
    RESOLVER => ['192.0.2.1', qr/^resolver 192\.0\.2\.1[ ;]/m],
    RESOLV_CONF => ["$dir/resolv.conf", qr/^resolver 192\.0\.2\.2[ ;]/m],
    REDIS_URL => ['redis://127.0.0.1:1/2', qr/mlsec_limit_sync on;/],
    MLSEC_DEMO => ['off', qr/server 127\.0\.0\.1:9 down;/, { MLFLOW_URL => '' }],
);
is(system('cp', '-r', $base{CONF_DIR}, "$dir/conf2"), 0, 'a copy of conf');
open $f, '>>', "$dir/conf2/templates/http.conf.template" or die;
print {$f} "# mine\n";
close $f;

my %idle = (
    WEBSOCKET_CLEANUP_INTERVAL => 300, POSTGRES_URL => 'postgres://a/b',
    DATABASE_URL => 'postgres://a/b',
    JAEGER_ENABLED => 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT => 'http://a:4318',
    API_TIMEOUT => 30, CACHE_TTL => 300, ENABLE_CACHING => 'true',
    JAEGER_AGENT_HOST => 'jaeger', JAEGER_AGENT_PORT => 6831,
    MAX_WEBSOCKET_CONNECTIONS => 100, MINIO_URL => 'http://minio:9000',
    MONITORING_URL => 'http://monitoring:8010', WEBSOCKET_PING_INTERVAL => 30);

# ---- the page and this table have the same names ----

my ($section) = slurp("$Bin/../../docs/operations.md")
    =~ /^## Environment\n(.*?)^## /ms;
my @named = $section =~ /^\| `([A-Z0-9_]+)` \|/mg;
is(join(' ', sort @named),
   join(' ', sort keys %effect, keys %idle),
   'every variable of docs/operations.md is here');

# ---- without any ----

my ($status, $said, %plain) = render();
is($status, 0, 'the base') or die($said);
my $base_said = $said;
unlike($said, qr/no effect/, 'nothing idle is named');

# ---- those with an effect ----

# What the others that a variable needs make by themselves.
my %made;

sub before {
    my (%more) = @_;
    return %plain if !%more;
    my $key = join "\0", map { ($_, $more{$_}) } sort keys %more;
    if (!$made{$key}) {
        my (undef, undef, %files) = render(%more);
        $made{$key} = \%files;
    }
    return %{ $made{$key} };
}

for my $name (sort keys %effect) {
    my ($value, @patterns) = @{ $effect{$name} };
    my $more = ref $patterns[-1] eq 'HASH' ? pop @patterns : {};
    my %before = before(%$more);
    my ($code, $text, %after) = render(%$more, $name => $value);
    is($code, 0, "$name=$value") or diag $text;
    my ($old, $new) = map { my $h = $_; join "\n", map { $h->{$_} } sort keys %$h }
        \%before, \%after;
    for (@patterns) {
        like($new, $_, "$name does what it says");
        # the module of BUILD_DIR is what is used without one
        unlike($old, $_, 'and nothing else did');
    }
    unlike($text, qr/\b$name has no effect/, "$name is not said to be idle");
}

# ---- those without ----

# all at once, but for two names of one thing
for my $set ([grep { $_ ne 'DATABASE_URL' } sort keys %idle], ['DATABASE_URL']) {
    my ($code, $text, %after) = render(map { $_ => $idle{$_} } @$set);
    (my $rest = $text) =~ s/^mlsec: (\w+) has no effect yet\n//mg;
    is("$code|$rest", "0|$base_said", 'nothing else is said');
    my %said;
    $said{$_}++ for $text =~ /^mlsec: (\w+) has no effect yet$/mg;
    is(delete $said{$_}, 1, "$_: no effect, said once") for @$set;
    delete $said{POSTGRES_URL} if $set->[0] eq 'DATABASE_URL';
    is(join(' ', keys %said), '', 'and of no other');
    is_deeply(\%after, \%plain, 'and they have none');
}

# ---- aliases: the first name wins, whichever is set ----

for (['TRAINING_SERVICE_URL', 'TRAINING_URL', 'training'],
     ['ANALYTICS_SERVICE_URL', 'ANALYTICS_URL', 'analytics'])
{
    my ($first, $second, $service) = @$_;
    my (undef, $text, %files) = render($first => 'http://127.0.0.1:1111',
                                       $second => 'http://127.0.0.1:2222');
    like($files{'upstreams.conf'},
         qr/^upstream $service \{\n(?:    .*\n)*?    server 127\.0\.0\.1:1111;/m,
         "$first wins over $second");
    like($text, qr/^mlsec: $first and $second differ, $first counts$/m, 'said');
}
(undef, $said) = render(POSTGRES_URL => 'postgres://a/b', DATABASE_URL => 'postgres://c/d');
like($said, qr/^mlsec: POSTGRES_URL and DATABASE_URL differ, POSTGRES_URL counts$/m,
     'POSTGRES_URL wins over DATABASE_URL');

done_testing();
