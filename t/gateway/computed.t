#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The computed routes of the shipped configuration in front of services whose
# bodies are drawn anew for each request: what is asked of whom, that the
# answer is what jq makes of these bodies, what becomes of it when a service
# fails, arguments that are refused. filters.txt says what has to happen.
# MLSEC_SEED=N repeats a run, MLSEC_FILTERS=WORD takes routes with that word.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use JSON::PP ();
use MlsecTest::Filters qw(read_cases values_of with_argument body @services);
use MlsecTest::Jq qw(engines run_jq program_text vars query_args same);
use MlsecTest::Mutate 'mutate';
use MlsecTest::Recorder;
use MlsecTest::Shape 'shape_errors';
use Run;
use Test::More;
use Time::Local 'timegm';

plan skip_all => 'the module is not built: make build' if !with_module();

my $seed = $ENV{MLSEC_SEED} // time ^ $$;
srand $seed;
diag "MLSEC_SEED=$seed";

my ($engine) = engines($ENV{BUILD_DIR} // "$Bin/../../build");
plan skip_all => 'no jq' if !$engine;
diag "the reference is $engine->{name}";

my $filters = "$Bin/../../conf/filters";
my $ascii = JSON::PP->new->ascii->canonical->allow_nonref;
my ($dir, $port) = (run_dir(), free_port());
my $nginx = $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx';

mkdir "$dir/demo";
my $recorder = MlsecTest::Recorder->start("$dir/calls", $seed,
    { map { $_ => "$dir/demo/$_.sock" }
      qw(model-api training analytics business-metrics data-privacy
         model-cache tracing mlflow red-team) }, "$dir/bodies");
# more requests than one client may make: limits.t has the limits
my ($status, $out, $err) = run({ RUN_DIR => $dir, SERVICE_PORT => $port,
                                 LIMITS => 'off', MLSEC_DEMO => 'open' },
                               'util/render');
is($status, 0, 'rendered') or die($err);
# A machine that has other things to do is not what is tried here, nor what
# becomes of a service that fails again and again (probes.t does that): each case
# fails a service twice, so that the shipped breaker would open for the next.
my %changed;
for my $file (glob "$dir/conf/*.conf $dir/conf/routes/*.conf") {
    my $text = slurp($file);
    for (['timeout', qr/timeout=2s/, 'timeout=60s'],
         ['deadline', qr/mlsec_deadline +\w+/, 'mlsec_deadline 60s'],
         ['breaker', qr/mlsec_breaker;/, 'mlsec_breaker volume=10000;'])
    {
        my ($name, $from, $to) = @$_;
        $changed{$name} += $text =~ s/$from/$to/g;
    }
    open my $f, '>:raw', $file or die $!;
    print {$f} $text;
}
is($changed{breaker}, 9, 'the breaker of each service stands aside');
cmp_ok($changed{$_}, '>', 5, "each $_ is a long one") for qw(timeout deadline);
spawn({}, "$dir/out", 'env', '-u', 'NGINX', $nginx, '-e',
      "$dir/logs/error.log", '-c', "$dir/conf/nginx.conf", '-g',
      'daemon off;');
ok(until_true(sub { http($port, 'GET', '/health')->{status} == 200 }),
   'the gateway is up') or die(slurp("$dir/logs/error.log"));

# ---- services ----

# What they answer now: {"SERVICE METHOD PATH": {...}}.
sub serve {
    my ($answers) = @_;
    open my $f, '>:raw', "$dir/bodies.new" or die $!;
    print {$f} $ascii->encode($answers);
    close $f;
    rename "$dir/bodies.new", "$dir/bodies" or die $!;
}

sub key_of {
    my ($call) = @_;
    return "$call->{service} $call->{method} " . $call->{target} =~ s/\?.*//sr;
}

sub answer_of {
    my ($body) = @_;
    return ref $body || !defined $body ? { body => $body } : { text => $body };
}

# The bodies of a case, drawn: what the parts see, and who sends it.
sub draw {
    my ($case) = @_;
    my (%input, %answers);
    if ($case->{health}) {
        for (@services, 'mlflow') {
            $input{$_} = $_ eq 'mlflow' ? "OK\n" : mutate($case->{input}{$_});
            $answers{ tr/_/-/r . ' GET /health' } = answer_of($input{$_});
        }
    }
    for my $call (grep { $_->{service} } @{ $case->{calls} }) {
        my ($part, $key) = ($call->{part}, key_of($call));
        my ($serves) = ($case->{serves} // '') =~ /\b$part=(\S+)/;
        # a text, and what a program of the part looks at, are as they are
        $input{$part} = $answers{$key}{body}
            // ($serves ? body($serves) : ref $case->{input}{$part}
                ? mutate($case->{input}{$part}) : $case->{input}{$part});
        $answers{$key} = answer_of($input{$part});
    }
    return (\%input, \%answers);
}

# ---- requests ----

sub path_of {
    my ($case) = @_;
    my ($method, $path) = split / /, $case->{route};
    return ($method, $path =~ s/[{}]//gr);
}

sub drive {
    my ($case, $args) = @_;
    my ($method, $path) = path_of($case);
    $recorder->calls;
    my $body = $case->{send};
    my $reply = http($port, $method, $path . (length($args // '') ? "?$args"
                                                                  : ''),
        $body, defined $body ? { 'Content-Type' => 'application/json' } : {});
    my $json = eval { JSON::PP->new->utf8->allow_nonref
                          ->decode($reply->{body}) };
    return ($reply, $json, $recorder->calls);
}

# ---- what has to come of them ----

sub check_calls {
    my ($case, $name, $input, @calls) = @_;
    my @want = map { "$_->{service} $_->{method} $_->{target}" }
        grep { $_->{service} } @{ $case->{calls} };
    push @want, map { tr/_/-/r . ' GET /health' } @services, 'mlflow'
        if $case->{health};
    if ($case->{route} =~ m{/training/logs}) {
        push @want, map { "training GET /training/jobs/$_->{job_id}/logs" }
            grep { defined } @{ $input->{jobs} }[0 .. 9];
    }
    if ($case->{route} =~ m{/models/compare}) {
        push @want, map { "mlflow GET /api/2.0/mlflow/runs/get?run_id=$_" }
            map { $_->{latest_versions}[0]{run_id} }
            @{ $input->{found}{registered_models} };
    }
    my @got = map { "$_->{service} $_->{method} $_->{target}" } @calls;
    is(join("\n", sort @got), join("\n", sort @want), "$name: the calls");

    for my $call (grep { defined $_->{body} } @{ $case->{calls} }) {
        my ($made) = grep { key_of($_) eq key_of($call) } @calls;
        my $want = $call->{body} ne 'ALL'
            ? JSON::PP->new->allow_nonref->decode($call->{body})
            : { max_results => 1000, experiment_ids => [
                map { $_->{experiment_id} } @{ $input->{found}{experiments} }
            ] };
        my $differs = same($want, eval {
            JSON::PP->new->utf8->allow_nonref->decode($made->{body}) });
        ok(!$differs, "$name: what $call->{part} sends") or diag $differs;
        is($made->{headers}{'content-type'}, 'application/json',
           "$name: its type");
    }
}

# When the program ran, by what it says itself.
sub now_of {
    my ($json) = @_;
    my ($first) = ref $json eq 'ARRAY' ? @$json : $json;
    my ($text) = grep { defined } map { ref eq 'HASH' ? @$_{
        qw(timestamp last_updated last_check)} : () }
        $first, (ref $first eq 'HASH' ? values %$first : ());
    my ($y, $m, $d, $h, $min, $s, $us) = ($text // '') =~
        /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})000Z\z/
        or return time;
    return timegm($s, $min, $h, $d, $m - 1, $y) + $us / 1000;
}

# times that this test cannot know
sub without_times {
    my ($value) = @_;
    return [map { without_times($_) } @$value] if ref $value eq 'ARRAY';
    return $value if ref $value ne 'HASH';
    return { map { $_ => without_times($value->{$_}) }
             grep { !/^(?:average_)?response_time|^uptime/ } keys %$value };
}

sub check_answer {
    my ($case, $name, $input, $reply, $json) = @_;
    my %input = %$input;
    for my $call (grep { !$_->{service} } @{ $case->{calls} }) {
        $input{ $call->{part} } = $call->{part} eq 'asked'
            ? JSON::PP->new->decode($case->{send})
            : { version => '1.0.0' };
    }
    my $text = program_text($filters, 'lib.jq', 'answer.jq',
                            split ' ', $case->{program});
    my ($wanted) = run_jq($engine, $text, {
        input => \%input,
        vars => vars(now => now_of($json),
                     args => query_args($case->{args}),
                     captures => $case->{captures} // {},
                     status => { map { $_ => 200 } keys %input }) });
    my $differs = same(map { $case->{health} ? without_times($_) : $_ }
                       $wanted, $json);
    ok(!$differs, "$name: the answer") or diag $differs;
}

sub check_ok {
    my ($case, $name) = @_;
    my ($input, $answers) = draw($case);
    serve($answers);
    my ($reply, $json, @calls) = drive($case, $case->{args});

    is(join(' ', $reply->{status}, map { $reply->{headers}{$_} // '-' }
            qw(content-type x-gateway-completed)),
       '200 application/json true', "$name: complete") or diag $reply->{body};
    check_calls($case, $name, $input, @calls);
    my @wrong = shape_errors($case->{shape}, $json);
    ok(!@wrong, "$name: shape") or diag @wrong;
    check_answer($case, $name, $input, $reply, $json)
        if !$case->{serves} && !exists $case->{live};
}

# The calls of a part that cannot be done without, or of an optional one.
sub check_failure {
    my ($case, $name, $call) = @_;
    my ($input, $answers) = draw($case);
    my $part = $call->{part};
    $answers->{ key_of($call) } = { status => 503, body => { no => 1 } };
    serve($answers);
    my ($reply, $json) = drive($case, $case->{args});
    my $where = "$name, without $part";

    if ($case->{required}{$part}) {
        # two parts that ask for the same fail together
        my @same = map { $_->{part} } grep { $_->{service}
            && key_of($_) eq key_of($call) } @{ $case->{calls} };
        my $named = $json->{details}{part} // '-';
        ok($reply->{status} == 502 && (grep { $_ eq $named } @same),
           "$where: an envelope") or diag $reply->{body};
        return;
    }
    is("$reply->{status} " . ($reply->{headers}{'x-gateway-completed'} // '-'),
       '200 false', "$where: an answer") or diag $reply->{body};
    my @wrong = shape_errors($case->{shape}, $json);
    ok(!@wrong, "$where: shape") or diag @wrong;
    return if ref $json ne 'HASH';
    ok((grep { $_->{part} eq $part && $_->{status_code} == 503 }
        @{ $json->{errors} // [] }), "$where: errors") or diag $reply->{body};
}

sub check_argument {
    my ($case, $name, $check) = @_;
    my ($argument, $kind, $value) = @$check;
    my (undef, $answers) = draw($case);
    serve($answers);
    my ($reply, $json, @calls) = drive($case,
        with_argument($case->{args}, $argument, $value));
    my $where = "$name, $argument=" . ($value // '(none)');

    if ($kind eq 'good') {
        return is($reply->{status}, 200, "$where: taken")
            || diag $reply->{body};
    }
    my $first = $json->{details}{errors}[0];
    is(join(' ', $reply->{status}, $json->{message}, @{ $first->{loc} // [] }),
       "422 Validation error query $argument", "$where: refused")
        or diag $reply->{body};
    is(scalar(@calls), 0, "$where: before a service is asked")
        if ($value // '') =~ /^[\w.-]+\z/ && $kind eq 'bad'
            && $case->{program} !~ /export|vulnerab/;
}

# ---- run ----

my %seen;
for my $case (read_cases()) {
    next if index("$case->{route} $case->{program}",
                  $ENV{MLSEC_FILTERS} // '') < 0;
    my $name = $case->{route};
    check_ok($case, "$name $_") for 1 .. 2;

    my @calls = grep { $_->{service} } @{ $case->{calls} };
    push @calls, map { { part => $_, service => tr/_/-/r, method => 'GET',
                         target => '/health' } } $services[rand @services],
        'mlflow' if $case->{health} && !$seen{health}++;
    check_failure($case, $name, $_)
        for grep { $name !~ m{^POST /models/(?:reload|predict)\z} } @calls;

    for my $check (map { values_of($_) } @{ $case->{check} }) {
        check_argument($case, $name, $check);
    }
}
# ---- routes with a will of their own ----

sub asked {
    my ($method, $path, $body, %answers) = @_;
    serve({ map { $_ => ref $answers{$_} ? { body => $answers{$_} }
                                         : { status => $answers{$_},
                                             body => { detail => 'no' } } }
            keys %answers });
    $recorder->calls;
    my $reply = http($port, $method, $path, $body, defined $body
                     ? { 'Content-Type' => 'application/json' } : {});
    return ($reply, $recorder->calls);
}

sub said {
    my ($reply, @calls) = @_;
    return join ' | ', $reply->{status},
        map { "$_->{service} $_->{method} $_->{target} $_->{body}" =~ s/ \z//r }
        @calls;
}

my ($cache, $api) = ('model-cache POST /predict', 'model-api POST /predict');
my $plain = '{"text":"t","ensemble":false,"return_probabilities":true}';
my $named = '{"models":["m"],"text":"t","ensemble":false,'
    . '"return_probabilities":true}';
my $one = body('model-api/predict.json');

is(said(asked('POST', '/models/predict', '{"text":"t"}', $api => $one)),
   "200 | $api $plain", 'a prediction without a model: model-api alone');
is(said(asked('POST', '/models/predict',
              '{"text":"\"models\":[1]{\"models\":"}', $api => $one)),
   "200 | $api " . $plain =~ s/"t"/"\\"models\\":[1]{\\"models\\":"/r,
   'whatever the text is');
is(said(asked('POST', '/models/predict', '{"text":"t","model_name":"m"}',
              $cache => $one, $api => 500)),
   "200 | $cache $named", 'with a model: model-cache');
for my $status (404, 422, 500, 503) {
    is(said(asked('POST', '/models/predict', '{"text":"t","model_name":"m"}',
                  $cache => $status, $api => $one)),
       "200 | $cache $named | $api $named",
       "model-api where model-cache says $status");
}
is(said(asked('POST', '/models/predict', '{"text":"t","model_name":"m"}',
              $cache => 500, $api => 404)),
   "404 | $cache $named | $api $named", 'where neither can');

my ($unload, $load) = map { "model-api POST /$_" } qw(unload load);
my $model = '{"model_name":"m"}';
for my $status (400, 404) {
    my ($reply, @calls) = asked('POST', '/models/reload', $model,
        $unload => $status, $load => { status => 'success' });
    is(said($reply, @calls), "200 | $unload $model | $load $model",
       "a reload of what was not loaded: $status");
    is($reply->{headers}{'x-gateway-completed'}, 'true', 'is complete');
}
is(said(asked('POST', '/models/reload', $model, $unload => {}, $load => 409)),
   "409 | $unload $model | $load $model", 'a load that is refused');
is(said(asked('POST', '/models/reload', $model, $unload => 503, $load => {})),
   "502 | $unload $model", 'nothing is loaded over what would not go');
is(said(asked('POST', '/models/reload', undef,
              'model-api POST /models/reload' => {})),
   '200 | model-api POST /models/reload', 'a reload of all');

for my $pair ([1, 1], [24, 1], [25, 2], [48, 2], [49, 3], [8760, 365]) {
    my ($hours, $days) = @$pair;
    my (undef, @calls) = asked('GET',
        "/dashboard/performance/trends?hours=$hours");
    is(join(' ', map { $_->{target} } @calls),
       "/analytics/trends?days=$days", "$hours hours begin $days days");
}
for my $pair (['1h', 1], ['24h', 1], ['48h', 2], ['72h', 3], ['30d', 30],
              ['365d', 365], ['2w', 14], ['1y', 365]) {
    my ($range, $days) = @$pair;
    my (undef, @calls) = asked('GET',
        "/business-metrics/cost-analysis?time_range=$range");
    is(join(' ', map { $_->{target} } @calls),
       "/api/v1/cost-metrics?time_range_days=$days", "$range: $days days");
}
for my $path ('/analytics/drift?time_range=7%64',
              '/data/quality-thresholds?model_type=securit%79',
              '/models/m/performance?days=%37',
              '/training/experiments/m/runs?limit=%37',
              '/dashboard/activity/recent?limit=%37',
              '/data/datasets/d/preview?lines=%37',
              '/dashboard/performance/trends?hours=%37')
{
    my ($reply, @calls) = asked('GET', $path);
    is("$reply->{status} " . @calls, '422 0', "$path: escaped without need");
}

# What is said of an argument is what the service was asked: of two the first,
# a name that looks like "no" is a name, a blank is a blank.
for my $three (
    ['GET', '/analytics/performance/trends?days=7&days=30',
     '/analytics/trends?days=7', 'days', 7],
    ['GET', '/analytics/drift/alerts?days=2&days=9', '/drift/alerts?days=2'],
    ['GET', '/analytics/model-comparison?model_name=a&days=1&model_name=b&days=2',
     '/red-team/comparison/a?days=1', 'model_name', 'a'],
    ['POST', '/analytics/production/drift-check?model_name=a&model_name=b',
     '/drift/drift/production-data?model_name=a&hours=24', 'model_name', 'a'],
    ['POST', '/analytics/drift/check?model_name=0',
     '/auto-retrain/check-drift/0', 'model_name', '0'],
    ['GET', '/training/experiments/compare?model_names=0',
     '/models/experiments/compare?model_names=0', 'models_compared', ['0']],
    ['GET', '/business-metrics/trend-analysis?metric_name=a+b&metric_name=c',
     '/metrics?limit=1000&metric_name=a%20b', 'metric_name', 'a b'],
    ['GET', '/business-metrics/anomaly-detection?metric_name=a%26limit%3D1',
     '/metrics?limit=1000&metric_name=a%26limit%3D1', 'metric_name',
     'a&limit=1'],
    ['GET', '/business-metrics/metrics/export?metric_names=a+b',
     '/metrics?limit=1000&metric_name=', 'metric_names', ['a b']])
{
    my ($method, $path, $target, $name, $value) = @$three;
    my ($reply, @calls) = asked($method, $path, undef);
    is(join(' ', $reply->{status}, map { $_->{target} } @calls),
       "200 $target", "$method $path: the service is asked") or next;
    next if !defined $name;
    ok(!same($value, JSON::PP->new->utf8->decode($reply->{body})->{$name}),
       "and $name says so") or diag $reply->{body};
}
for my $path ('/_asked', '/_nothing', '/_predict', '/_reload', '/api/_asked',
              '/_services', '/_system', '/_breakers', '/_about', '/_drained') {
    my ($reply, @calls) = asked('POST', $path, '{}');
    is("$reply->{status} " . @calls, '404 0', "$path: nothing there");
}
for my $path ('/models/predict', '/anonymize', '/models/batching/configure') {
    my $big = '{"text":"' . 'x' x (1024 * 1024) . '"}';
    my ($reply, @calls) = asked('POST', $path, $big);
    is("$reply->{status} " . @calls, '413 0', "$path: too large");
    ($reply, @calls) = asked('POST', $path, '{"text":');
    is("$reply->{status} " . @calls, '422 0', "$path: no JSON");
}

# every service gone: what a dashboard shows is nothing, and it says so
serve({ map { ("$_ GET /health" => { status => 500, body => 1 }) }
        map { tr/_/-/r } @services, 'mlflow' });
for my $path ('/services/health', '/status', '/dashboard/system/health',
              '/monitoring/health/detailed', '/monitoring/alerts')
{
    my $reply = http($port, 'GET', $path);
    is(join(' ', $reply->{status}, $reply->{headers}{'x-gateway-completed'}),
       '200 false', "$path: all of them down") or diag $reply->{body};
    like($reply->{body}, qr/"status":"unhealthy"/, 'is what it says');
}
serve({});

unlike(slurp("$dir/logs/error.log"), qr/\[(?:alert|emerg|crit)\]/,
       'a quiet log');

done_testing();
