# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Counts are exact: over four workers, with a worker killed, over reloads under
# load; no sum ever gets smaller.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
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


# Clients that each make so many requests on connections of their own, and go on
# until they are told to stop.
sub clients {
    my ($nginx, $requests) = @_;

    my @clients;

    pipe my $stop, my $stopper or die "pipe: $!";

    for (1 .. CLIENTS) {
        pipe my $in, my $out or die "pipe: $!";

        my $pid = fork // die "fork: $!";

        if ($pid) {
            close $out;
            push @clients, { pid => $pid, in => $in };
            next;
        }

        close $stopper;

        my ($made, $lost) = (0, 0);
        my $select = IO::Select->new($stop);

        while ($made < $requests || !$select->can_read(0)) {
            my $r = eval { $nginx->get('/page') };
            $made++;
            $lost++ if !$r || ($r->{status} // 0) != 200;
        }

        syswrite $out, "$made $lost\n";
        POSIX::_exit(0);
    }

    return { clients => \@clients, stopper => $stopper };
}


# Ends them; how many requests they have made, and how many were not answered.
sub ends {
    my ($load) = @_;

    my ($made, $lost) = (0, 0);

    close $load->{stopper};

    for my $client (@{ $load->{clients} }) {
        my ($n, $of_them) = split ' ', readline($client->{in}) // '0 1';

        waitpid $client->{pid}, 0;
        $made += $n;
        $lost += $of_them;
    }

    return ($made, $lost);
}

my $nginx = MlsecTest::Instance->start(options());

# ---- reloads under load ----------------------------------------------------

my $load = clients($nginx, REQUESTS);
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

    last if $n >= CLIENTS * REQUESTS && $reloads == 5;
}

my ($all, $lost) = ends($load);

is($lost, 0, 'reloads: no request is lost');
is($reloads, 5, 'reloads: five of them, under load');
is($backwards, 0, "reloads: never backwards, $scrapes scrapes");
is($odd, 0, 'reloads: every scrape can be read');

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
until_ok(10, sub { metrics($nginx)->value('mlsec_workers') == 4 },
         'killed: four workers');

(my $more_of_them, $lost) = ends(clients($nginx, 100));
is($lost, 0, 'killed: the new ones answer');
$all += $more_of_them;
until_ok(10, sub {
    return metrics($nginx)->value('mlsec_http_requests_total',
                                  route => '/page') == $all;
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
   $all, 'the others have theirs');

$nginx->configure(options(size => '1m'));
$nginx->signal('HUP');
until_ok(10, sub {
    return !defined metrics($nginx)->value('mlsec_http_requests_total',
                                           route => '/page');
}, 'another size: counts begin anew');

$nginx->finish;

done_testing();
