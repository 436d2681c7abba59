# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Counts are exact: over four workers, with a worker killed, over reloads under
# load; no sum ever gets smaller.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Metrics;
use MlsecTest::Until;

use constant {
    CLIENTS  => 4,
    REQUESTS => 800,            # of each
};


my $faulty = MlsecTest::Faulty->start;


sub options {
    my (%o) = @_;

    return (workers => 4, http => qq{
    mlsec_zone mlsec:1m;
    mlsec_metrics_zone @{[$o{size} // '4m']};
    upstream u { server unix:\$DIR/http.sock; keepalive 8; mlsec_service u;
                 mlsec_outlier; }
    }, server => qq{
    include \$CONF/mlsec_parts.conf;
    location = /metrics { mlsec_metrics; }
    location = /service { mlsec_respond '{"a":1}'; }
    location = /page { mlsec_call a http://u/service; mlsec_call b /b; }
    location = /b { mlsec_respond 1; }
    location = /slow { proxy_pass http://@{[$faulty->address]}/hang/x; }
    @{[$o{more} // '']}
    });
}


sub metrics {
    my ($nginx) = @_;

    return MlsecTest::Metrics->new($nginx->get('/metrics')->{body});
}


# Clients that each make their requests on connections of their own, and exit
# with the number of those that were not answered.
sub clients {
    my ($nginx, $requests) = @_;

    my @pids;

    for (1 .. CLIENTS) {
        my $pid = fork // die "fork: $!";

        if ($pid) {
            push @pids, $pid;
            next;
        }

        my $lost = 0;

        for my $i (1 .. $requests) {
            my $r = eval { $nginx->get('/page') };
            $lost++ if !$r || ($r->{status} // 0) != 200;
        }

        POSIX::_exit($lost > 250 ? 250 : $lost);
    }

    return @pids;
}


sub ends {
    my (@pids) = @_;

    my $lost = 0;

    for my $pid (@pids) {
        waitpid $pid, 0;
        $lost += $? >> 8;
    }

    return $lost;
}

my $nginx = MlsecTest::Instance->start(options());

# ---- reloads under load ----------------------------------------------------

my @pids = clients($nginx, REQUESTS);
my ($backwards, $scrapes, $reloads, $last, $odd) = (0, 0, 0, 0, 0);
my $until = time + 60;

while (time < $until) {
    my $m = metrics($nginx);
    my $n = $m->value('mlsec_http_requests_total', route => '/page') // 0;

    $scrapes++;
    $backwards++ if $n < $last;
    $odd += @{ $m->odd };
    $last = $n;

    if ($reloads < 5 && $n > ($reloads + 1) * CLIENTS * REQUESTS / 6) {
        $nginx->signal('HUP');
        $reloads++;
    }

    last if $n >= CLIENTS * REQUESTS;
}

is(ends(@pids), 0, 'reloads: no request is lost');
is($reloads, 5, 'reloads: five of them, under load');
is($backwards, 0, "reloads: never backwards, $scrapes scrapes");
is($odd, 0, 'reloads: every scrape can be read');

my $all = CLIENTS * REQUESTS;
my %expected = (
    'requests' => ['mlsec_http_requests_total', route => '/page',
                   code => '2xx'],
    'durations' => ['mlsec_http_request_duration_seconds_count',
                    route => '/page'],
    'parts' => ['mlsec_aggregate_parts_total', service => 'u',
                error_type => 'none'],
    'durations of parts' => ['mlsec_aggregate_part_duration_seconds_count',
                             service => 'u'],
    'aggregates' => ['mlsec_aggregate_results_total', route => '/page',
                     outcome => 'complete'],
    'attempts' => ['mlsec_upstream_requests_total', upstream => 'u',
                   outcome => 'ok'],
    'requests of parts' => ['mlsec_http_requests_total', route => '/service',
                            code => '2xx'],
);

for my $name (sort keys %expected) {
    my ($metric, @labels) = @{ $expected{$name} };

    until_ok(10, sub { metrics($nginx)->value($metric, @labels) == $all },
             "reloads: $name are exact")
        or diag(metrics($nginx)->value($metric, @labels), " of $all");
}

until_ok(10, sub { metrics($nginx)->value('mlsec_workers') == 4 },
         'reloads: the old workers have ended');

# ---- killed workers --------------------------------------------------------

my @hold = map { my $c = $nginx->client; $c->request('/slow'); $c } 1 .. 8;

until_ok(10, sub {
    return metrics($nginx)->value('mlsec_http_requests_in_flight') == 9;
}, 'killed: requests in flight');

my $before = metrics($nginx);

for my $pid ($nginx->worker_pids) {
    $nginx->allow(qr/worker process $pid exited on signal 9/);
    kill KILL => $pid;
}

until_ok(10, sub {
    my $m = eval { metrics($nginx) } or return 0;
    return ($m->value('mlsec_http_requests_in_flight') // 0) == 1;
}, 'killed: nothing is in flight for ever');

is(metrics($nginx)->value('mlsec_http_requests_total', route => '/page'),
   $all, 'killed: what was counted stays');
is(metrics($nginx)->value('mlsec_workers'), 4, 'killed: four workers');

@pids = clients($nginx, 100);
is(ends(@pids), 0, 'killed: the new ones answer');
until_ok(10, sub {
    return metrics($nginx)->value('mlsec_http_requests_total',
                                  route => '/page') == $all + CLIENTS * 100;
}, 'killed: and count on');

# ---- other locations, another size -----------------------------------------

my $more = 'location = /new { return 200 new; }';

$nginx->configure(options(more => $more));
$nginx->signal('HUP');
until_ok(10, sub { $nginx->get('/new')->{body} eq 'new' }, 'another location');
until_ok(10, sub {
    return (metrics($nginx)->value('mlsec_http_requests_total',
                                   route => '/new') // 0) > 0;
}, 'another location: is counted');

$nginx->configure(options());
$nginx->signal('HUP');
until_ok(10, sub { $nginx->get('/new')->{status} == 404 }, 'it is gone');
until_ok(10, sub {
    return !defined metrics($nginx)->value('mlsec_http_requests_total',
                                           route => '/new');
}, 'it is gone: and not told');

$nginx->configure(options(more => $more));
$nginx->signal('HUP');
until_ok(10, sub {
    return (metrics($nginx)->value('mlsec_http_requests_total',
                                   route => '/new') // 0) > 0;
}, 'it is back: with its counts');
is(metrics($nginx)->value('mlsec_http_requests_total', route => '/page'),
   $all + CLIENTS * 100, 'the others have theirs');

$nginx->configure(options(size => '1m'));
$nginx->signal('HUP');
until_ok(10, sub {
    return !defined metrics($nginx)->value('mlsec_http_requests_total',
                                           route => '/page');
}, 'another size: counts begin anew');

$nginx->finish;

done_testing();
