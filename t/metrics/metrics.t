# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_metrics: what is counted, the two text formats, the JSON.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Metrics;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/no-json' => [[out => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{no"]],
});

my $nginx = MlsecTest::Instance->start(workers => 4, http => qq{
    mlsec_zone mlsec:1m;
    mlsec_metrics_zone 8m;
    upstream u {
        server @{[$faulty->address]}; server @{[$faulty->address]};
        mlsec_service training; mlsec_breaker volume=50 ratio=90%;
        mlsec_outlier consecutive=100;
    }
    upstream opens {
        server @{[$faulty->address]};
        mlsec_service "o\\"pens"; mlsec_breaker volume=4 open=60s;
    }
    upstream one { server @{[$faulty->address]}; mlsec_max_inflight 1; }
    upstream away { server 127.0.0.1:1; mlsec_service away; mlsec_outlier; }
    upstream bare { server @{[$faulty->address]}; }
}, server => q{
    include $CONF/mlsec_parts.conf;
    mlsec_errors on;
    location = /metrics { mlsec_metrics; }
    location = /json { mlsec_metrics json; }
    location = /in-part { mlsec_call m /json; }
    location = /page { return 200 page; }
    location ~ "^/re/(\d+)$" { return 204; }
    location = /moved { rewrite ^ /page last; }
    location = /if { if ($arg_a) { return 201; } return 200; }
    location = /error { error_page 503 =200 /page; return 503; }
    location = /drop { return 444; }
    location /ok/ { mlsec_call a http://u/ok/x; mlsec_call b /b; }
    location = /b { mlsec_respond 1; }
    location = /bad { mlsec_call a http://u/status/500; mlsec_call b /b; }
    location = /json-bad { mlsec_call a http://u/no-json; mlsec_call b /b; }
    location = /fall { mlsec_call a http://u/status/500 fallback=null; }
    location = /required { mlsec_call a http://u/status/404 required; }
    location = /away { mlsec_call a http://away/x fallback=null; }
    location = /open { mlsec_call a http://opens/status/500 fallback=null; }
    location = /bare { mlsec_call a http://bare/ok/x; }
    location = /each {
        mlsec_call l /list;
        mlsec_call i http://u/ok/$mlsec_item foreach=l;
    }
    location = /list { mlsec_respond '[1,2,3]'; }
    location = /depends {
        mlsec_call l http://u/status/500;
        mlsec_call i http://u/ok/$mlsec_item foreach=l service=items;
    }
    location /plain/ { proxy_pass http://u/; }
    location /one/ { mlsec_via one; proxy_pass http://one/; }
});


sub scrape {
    my (@headers) = @_;

    return $nginx->get('/metrics', headers => \@headers);
}


sub metrics { return MlsecTest::Metrics->new(scrape()->{body}) }


# Until it is so, at most ten seconds: a request is counted when nginx logs it,
# which may be after the client has its answer.
sub until_is {
    my ($expected, $name, %labels) = @_;

    my $what  = delete $labels{name};
    my $until = time + 10;
    my $got;

    do {
        $got = metrics()->value($name, %labels);
    } until (($got // 'none') eq $expected || time > $until);

    return is($got // 'none', $expected, $what);
}


sub requests {
    my ($expected, %labels) = @_;

    return until_is($expected, 'mlsec_http_requests_total', %labels,
                    name => 'requests: ' . join ' ', map { $_ // '' }
                        @labels{qw(route method code)});
}


sub parts {
    my ($expected, $service, $type) = @_;

    return until_is($expected, 'mlsec_aggregate_parts_total',
                    service => $service, error_type => $type,
                    name => "parts: $service, $type");
}


sub promtool {
    my ($text) = @_;

    open my $out, '>', $nginx->dir . '/scrape' or die "scrape: $!";
    print $out $text;
    close $out or die "scrape: $!";

    my $said = `promtool check metrics < '@{[$nginx->dir]}/scrape' 2>&1`;

    return ($?, $said);
}

# ---- requests ------------------------------------------------------------

my $first = metrics();

is_deeply($first->odd, [], 'every line is a sample, none twice');
is($first->value('mlsec_http_requests_total'), undef,
   'requests: none before the first');
is($first->value('mlsec_aggregate_parts_total', service => 'training',
                 error_type => 'timeout'), 0, 'parts: 0 before the first');

for my $case (['/page', 7], ['/re/12', 3], ['/nowhere', 2], ['/if?a=1', 1],
              ['/if', 1], ['/moved', 1], ['/error', 1], ['/drop', 1])
{
    my ($path, $n) = @$case;

    for (1 .. $n) {
        my $client = $nginx->client;

        $client->request($path);
        $path eq '/drop' ? sleep 0.01 : $client->response(10);
    }
}

$nginx->get('/page', method => $_)
    for qw(HEAD POST PUT PATCH DELETE OPTIONS PROPFIND GETS);

my $client = $nginx->client;

$client->send("no request\r\n\r\n");
$client->response(10);

requests(9, route => '/page', method => 'GET', code => '2xx');
requests(1, route => '/page', method => $_, code => '2xx')
    for qw(HEAD POST PUT PATCH DELETE OPTIONS);
requests(2, route => '/page', method => 'other');
requests(3, route => '^/re/(\\\\d+)$', code => '2xx');
requests(2, route => '/if', code => '2xx');
requests(3, route => 'unknown', code => '4xx');
requests(1, route => '/drop', code => '4xx');
requests('none', route => '/moved');
requests('none', route => '/error');

my $m = metrics();

cmp_ok($m->value('mlsec_http_request_duration_seconds_count',
                 route => '/page'), '==', 17, 'duration: all of a route');
is($m->value('mlsec_http_request_duration_seconds_bucket', route => '/page',
             le => '+Inf'), 17, 'duration: the last bucket has all');
cmp_ok($m->value('mlsec_http_request_bytes_total', route => '/page'), '>',
       17 * 30, 'bytes of requests');
cmp_ok($m->value('mlsec_http_response_bytes_total', route => '/page'), '>',
       17 * 100, 'bytes of answers');
until_is(1, 'mlsec_http_requests_in_flight', name => 'in flight: the scrape');
is($m->value('mlsec_workers'), 4, 'workers');
is($m->value('mlsec_build_info', nginx_version =>
             ($nginx->get('/page')->{headers}{server} =~ m{nginx/(\S+)})[0]),
   1, 'version');
cmp_ok(abs($m->value('mlsec_start_time_seconds') - time), '<', 60, 'start');

# ---- parts, aggregates, services -------------------------------------------

$nginx->get('/ok/x') for 1 .. 5;
$nginx->get("/$_") for qw(bad json-bad fall required away bare each depends);
$nginx->get('/open') for 1 .. 6;
$nginx->get('/plain/ok/x') for 1 .. 4;
$nginx->get('/plain/status/500');

# ok: 5, and the items of a list; failed: bad, fall, and what a list needed
parts(8, 'training', 'none');
parts(4, 'training', 'upstream_status');
parts(1, 'training', 'bad_json');
parts(0, 'training', 'timeout');
parts(1, 'away', 'connect');
parts(4, 'o\\"pens', 'upstream_status');
parts(2, 'o\\"pens', 'circuit_open');
parts(1, 'bare', 'none');
parts(1, 'items', 'dependency');
parts(7, 'b', 'none');

$m = metrics();

until_is(1, 'mlsec_aggregate_part_fallbacks_total', service => 'training',
         name => 'fallbacks');
until_is(1, 'mlsec_aggregate_part_fallbacks_total', service => 'away',
         name => 'fallbacks: another service');
until_is(13, 'mlsec_aggregate_part_attempts_total', service => 'training',
         name => 'attempts');
until_is(13, 'mlsec_aggregate_part_duration_seconds_count',
         service => 'training',
         name => 'durations of parts');
until_is(5, 'mlsec_aggregate_results_total',
         route => '/ok/', outcome => 'complete',
         name => 'results: complete');
until_is(1, 'mlsec_aggregate_results_total',
         route => '/bad', outcome => 'partial',
         name => 'results: partial');
until_is(1, 'mlsec_aggregate_results_total',
         route => '/required', outcome => 'failed',
         name => 'results: failed');

until_is(14, 'mlsec_upstream_requests_total',
         upstream => 'u', outcome => 'ok',
         name => 'upstream: ok, with plain ones');
until_is(4, 'mlsec_upstream_requests_total',
         upstream => 'u', outcome => 'status',
         name => 'upstream: status');
until_is(1, 'mlsec_upstream_requests_total',
         upstream => 'away', outcome => 'connect',
         name => 'upstream: connect');
until_is('none', 'mlsec_upstream_requests_total', upstream => 'bare',
         name => 'upstream: one without directives');
until_is(18, 'mlsec_upstream_request_duration_seconds_count', upstream => 'u',
         name => 'upstream: durations');
until_is(2, 'mlsec_circuit_state', upstream => 'opens',
         name => 'breaker: open');
until_is(0, 'mlsec_circuit_state', upstream => 'u',
         name => 'breaker: closed');
until_is(1, 'mlsec_circuit_transitions_total',
         upstream => 'opens', to => 'open',
         name => 'breaker: opened once');
until_is(2, 'mlsec_upstream_refused_total',
         upstream => 'opens', reason => 'circuit_open',
         name => 'breaker: refused');
until_is('none', 'mlsec_upstream_refused_total',
         upstream => 'u', reason => 'shed',
         name => 'no limit, none shed');
until_is(1, 'mlsec_upstream_peer_up', upstream => 'u',
         name => 'peers: a server that is listed twice is one');
until_is(0, 'mlsec_upstream_peer_ejected', upstream => 'u',
         name => 'peers: not ejected');
until_is('none', 'mlsec_upstream_peer_ejected', upstream => 'opens',
         name => 'peers: without mlsec_outlier');

{
    my $slow = $nginx->client;

    $slow->request('/one/hang/x');
    until_is(1, 'mlsec_upstream_requests_in_flight', upstream => 'one',
             name => 'in flight: of a service');
    is($nginx->get('/one/ok/x')->{status}, 503, 'shed');
    $slow->close;
    until_is(0, 'mlsec_upstream_requests_in_flight', upstream => 'one',
             name => 'in flight: none');
    until_is(1, 'mlsec_upstream_refused_total', upstream => 'one',
             reason => 'shed', name => 'shed: counted');
}

# ---- formats ---------------------------------------------------------------

my $r = scrape();

is($r->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8',
   'text: type');
is($r->{headers}{vary}, 'Accept', 'text: Vary');
unlike($r->{body}, qr/# EOF/, 'text: no end');
like($r->{body}, qr/^# TYPE mlsec_http_requests_total counter$/m,
     'text: families are called as their samples');

my ($status, $said) = promtool($r->{body});
is($status, 0, 'text: promtool') or diag($said);
is($said, '', 'text: promtool has nothing to say');

$r = scrape('Accept: application/openmetrics-text;version=1.0.0,'
            . 'text/plain;version=0.0.4;q=0.5');
is($r->{headers}{'content-type'},
   'application/openmetrics-text; version=1.0.0; charset=utf-8',
   'OpenMetrics: type');
like($r->{body}, qr/\n# EOF\n\z/, 'OpenMetrics: the end');
like($r->{body}, qr/^# TYPE mlsec_http_requests counter$/m,
     'OpenMetrics: families without _total');
unlike($r->{body}, qr/\n\n/, 'OpenMetrics: no empty line');
is_deeply(MlsecTest::Metrics->new($r->{body})->odd, [],
          'OpenMetrics: samples');

# families stand together, and each is begun once
my %begun;
$begun{$_}++ for $r->{body} =~ /^# TYPE (\w+)/mg;
is(scalar(grep { $_ != 1 } values %begun), 0, 'each family once');

$r = $nginx->get('/metrics', method => 'HEAD');
is("$r->{status} $r->{body}", '200 ', 'HEAD');
cmp_ok($r->{headers}{'content-length'}, '>', 1000, 'HEAD: a length');
is($nginx->get('/metrics', method => 'POST')->{status}, 405, 'POST');
is($nginx->get('/json', method => 'POST')->{status}, 405, 'POST, JSON');

# ---- JSON ------------------------------------------------------------------

$r = $nginx->get('/json');
is($r->{headers}{'content-type'}, 'application/json', 'JSON: type');

my $json = JSON::PP::decode_json($r->{body});
my %service = map { $_->{service} => $_ } @{ $json->{parts}{each} };
my ($u) = grep { $_->{upstream} eq 'u' } @{ $json->{upstreams}{each} };
my ($page) = grep { $_->{route} eq '/page' } @{ $json->{routes}{each} };

is($service{training}{requests}, 13, 'JSON: parts of a service');
is($service{training}{errors}, 5, 'JSON: failed ones');
is(sprintf('%.6f', $service{training}{error_rate}), '0.384615', 'JSON: rate');
is($service{training}{by_error_type}{bad_json}, 1, 'JSON: by type');
is($service{'o"pens'}{by_error_type}{circuit_open}, 2,
   'JSON: a name with a quote');
is($u->{requests}, 18, 'JSON: attempts');
is($u->{by_outcome}{status}, 4, 'JSON: outcomes');
is($page->{by_code}{'2xx'}, 18, 'JSON: codes');
ok(!(grep { $_->{route} eq '/moved' } @{ $json->{routes}{each} }),
   'JSON: routes without requests are left out');
cmp_ok($json->{routes}{total}{requests}, '>=', 60, 'JSON: total');
cmp_ok($page->{latency_ms}{p50}, '<=', $page->{latency_ms}{p99},
       'JSON: quantiles');
is($service{items}{latency_ms}{count}, 1, 'JSON: count');

my $in = JSON::PP::decode_json($nginx->get('/in-part')->{body});
is($in->{m}{parts}{total}{requests}, $json->{parts}{total}{requests},
   'JSON: as a part of an aggregate');

$nginx->finish;

done_testing();
