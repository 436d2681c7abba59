# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A real Prometheus scrapes mlsec_metrics and is asked.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Ports;

plan skip_all => 'prometheus is not installed'
    if !grep { -x "$_/prometheus" } split /:/, $ENV{PATH};

my $ports = MlsecTest::Ports->claim_block;
my ($port, $asked) = ($ports->{main}, shift @{ $ports->{spare} });
my $faulty = MlsecTest::Faulty->start;
my $dir    = File::Temp->newdir('mlsec-prometheus-XXXXXXXX', TMPDIR => 1);

my $nginx = MlsecTest::Instance->start(workers => 2, http => qq{
    mlsec_zone mlsec:1m;
    upstream u {
        server @{[$faulty->address]};
        mlsec_service training; mlsec_breaker volume=10 open=60s;
        mlsec_outlier consecutive=100;
    }
    server {
        listen 127.0.0.1:$port;
        location = /metrics { mlsec_metrics; }
    }
}, server => q{
    include $CONF/mlsec_parts.conf;
    mlsec_errors on;
    location = /page { mlsec_call a http://u/ok/x; mlsec_call b /b; }
    location = /bad { mlsec_call a http://u/status/500; mlsec_call b /b; }
    location = /b { mlsec_respond 1; }
    location ~ "^/odd/\"(\\d|é)+$" { return 204; }
});

open my $conf, '>', "$dir/prometheus.yml" or die "prometheus.yml: $!";
print $conf <<"YAML";
global: { scrape_interval: 250ms, scrape_timeout: 250ms }
scrape_configs:
  - job_name: gateway
    static_configs: [{ targets: ['127.0.0.1:$port'] }]
YAML
close $conf or die "prometheus.yml: $!";

my $pid = fork // die "fork: $!";

if ($pid == 0) {
    open STDOUT, '>', "$dir/log" or POSIX::_exit(126);
    open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
    exec 'prometheus', "--config.file=$dir/prometheus.yml",
        '--log.level=debug',
        "--storage.tsdb.path=$dir/data",
        "--web.listen-address=127.0.0.1:$asked" or POSIX::_exit(127);
}

END {
    my $status = $?;

    if ($pid) {
        kill TERM => $pid;
        waitpid $pid, 0;
    }

    $? = $status;
}


# Asks Prometheus; the decoded "data", undef if it does not answer.
sub ask {
    my ($path) = @_;

    my $sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$asked")
        or return;

    print $sock "GET /api/v1/$path HTTP/1.0\r\n\r\n";
    local $/;
    my $answer = <$sock> // '';

    return $answer =~ /\r\n\r\n(\{.*\})/s
        ? JSON::PP::decode_json($1)->{data} : undef;
}


# The values of a query's vector, sorted by one of their labels.
sub query {
    my ($query, $label) = @_;

    $query =~ s/([^\w])/sprintf '%%%02X', ord $1/ge;

    my $data = ask("query?query=$query") or return;

    return map { $label ? "$_->{metric}{$label} $_->{value}[1]"
                        : $_->{value}[1] }
        sort { ($a->{metric}{$label // ''} // '')
               cmp ($b->{metric}{$label // ''} // '') }
        @{ $data->{result} };
}


# Until a query has that answer, at most 20 s.
sub answers {
    my ($name, $query, $label, @expected) = @_;

    my $until = time + 20;
    my @got;

    do {
        sleep 0.1 if @got;
        @got = query($query, $label);
    } until ("@got" eq "@expected" || time > $until);

    return is("@got", "@expected", $name);
}

$nginx->get('/page') for 1 .. 20;
$nginx->get('/odd/"1');

my $until = time + 30;
my $target;

until ($target || time > $until) {
    sleep 0.1;
    $target = (ask('targets') // {})->{activeTargets}[0];
    undef $target if ($target->{health} // '') ne 'up';
}

is(($target // {})->{health}, 'up', 'the target is up');
is($target->{lastError}, '', 'without an error');

answers('requests', 'mlsec_http_requests_total{route="/page",code="2xx"}',
        undef, 20);
answers('parts', 'mlsec_aggregate_parts_total{error_type="none"}', 'service',
        'b 20', 'training 20');
answers('a histogram', 'mlsec_http_request_duration_seconds_bucket{'
        . 'route="/page",le="+Inf"}', undef, 20);
answers('quantiles are numbers', 'histogram_quantile(0.95, sum by (le) ('
        . 'mlsec_aggregate_part_duration_seconds_bucket)) < bool 300', undef,
        1);
answers('a location with all that has to be escaped',
        'mlsec_http_requests_total{route=~".*odd.*"}', 'route',
        "^/odd/\"(\\d|\x{e9})+\$ 1");
answers('a breaker that is closed', 'mlsec_circuit_state', 'service',
        'training 0');

$nginx->get('/bad') for 1 .. 40;

answers('a breaker that has opened', 'mlsec_circuit_state', 'service',
        'training 2');
answers('what it has refused',
        'mlsec_upstream_refused_total > bool 10', 'service', 'training 1');
answers('partial answers',
        'mlsec_aggregate_results_total{outcome="partial"} > 0', 'route',
        '/bad 40');

# counters are counters, histograms are histograms
my $meta = ask('metadata');
my @types = map { "$_ $meta->{$_}[0]{type}" }
    grep { /^mlsec_(?:http_requests|circuit_state|http_request_duration)/ }
    sort keys %$meta;

is("@types", 'mlsec_circuit_state gauge '
   . 'mlsec_http_request_duration_seconds histogram '
   . 'mlsec_http_requests counter mlsec_http_requests_in_flight gauge',
   'types, as OpenMetrics names them');

answers('samples of a scrape',
        'max_over_time(scrape_samples_scraped[1m]) > bool 50', undef, 1);
answers('scrapes', 'sum_over_time(up[1m]) > bool 5', undef, 1);

# a machine that stops for a moment is too late for one; nothing else may fail
open my $log, '<', "$dir/log" or die "log: $!";

my @failed = grep { /(?:Scrape|Append) failed/ && !/deadline exceeded/ } <$log>;

is("@failed", '', 'no scrape has failed');

$nginx->finish;

done_testing();
