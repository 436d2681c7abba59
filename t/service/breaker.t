# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_breaker with several workers: parts, mlsec_via and plain proxy_pass;
# open, half-open, closed; reload, killed workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use List::Util qw(sum0);
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my $faulty = MlsecTest::Faulty->start;


sub options {
    my (%o) = @_;

    my $breaker = $o{breaker} // 'volume=10 open=1s';

    return (workers => $o{workers} // 4, http => qq{
    mlsec_zone mlsec:@{[$o{size} // '1m']};
    upstream u {
        zone u 64k; server @{[$faulty->address]}; keepalive 4;
        mlsec_service training; mlsec_breaker $breaker;
    }
    upstream slow {
        server @{[$faulty->address]};
        mlsec_breaker volume=4 open=30s slow=100ms slow_ratio=50%;
    }
    }, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    location = /state { mlsec_services; }
    location ~ ^/part(/.*) { mlsec_call a http://u\$1 timeout=2s required; }
    location ~ ^/fallback(/.*) { mlsec_call a http://u\$1 fallback=null; mlsec_call b /b; }
    location = /b { mlsec_respond 1; }
    location = /unused { mlsec_via training; mlsec_respond 1; }
    location /plain/ { proxy_pass http://u/; }
    location /via/ { mlsec_via training; proxy_pass http://u/; }
    location /via-page/ {
        mlsec_via training; proxy_pass http://u/; error_page 503 =200 /b;
    }
    location /slow/ { mlsec_via slow; proxy_pass http://slow/slow/; }
    location = /hanging { mlsec_call a http://u/hang/trial timeout=60s; }
    });
}


sub service {
    my ($nginx, $name) = @_;

    my $state = JSON::PP::decode_json($nginx->get('/state')->{body});

    return (grep { $_->{name} eq ($name // 'training') }
            @{ $state->{services} })[0];
}


sub breaker { return service(@_)->{breaker} }


sub calls {
    my ($nginx) = @_;

    return sum0(map { values %{ $_->{calls} } } @{ service($nginx)->{peers} });
}


# A breaker that has just been opened.
sub open_it {
    my ($nginx) = @_;

    $nginx->get('/part/status/500') for 1 .. 10;
}

{
    my $nginx = MlsecTest::Instance->start(options(breaker => 'volume=10 open=20s'));

    is(breaker($nginx)->{state}, 'closed', 'closed at first');
    $nginx->get('/part/status/500') for 1 .. 9;
    is(breaker($nginx)->{state}, 'closed', 'closed below the volume');

    # connections go to all workers
    my $last = $nginx->get('/part/status/500');

    is($last->{status}, 502, 'the last failure is told as it is');

    my $b = breaker($nginx);

    is($b->{state}, 'open', 'open');
    is($b->{opened}, 1, 'open: once');
    cmp_ok($b->{retry_after_ms}, '>', 10000, 'open: for a while');
    cmp_ok($b->{retry_after_ms}, '<=', 24000, 'open: no longer');

    my $n = $faulty->count('request');
    my $r = $nginx->get('/part/ok/x');

    is($r->{status}, 503, 'open: a required part, 503');
    like($r->{body}, qr/"message":"Service training has failed too often and is not called for now".*"error_type":"circuit_open","status_code":503,"attempts":0/,
         'open: envelope');
    like($r->{headers}{'retry-after'} // '', qr/^(?:1\d|2[0-4])$/,
         'open: Retry-After');

    $r = $nginx->get('/fallback/ok/x');
    is($r->{status}, 200, 'open: a part with a fallback');
    like($r->{body}, qr/^\{"a":null,"b":1,"errors":\[\{"service":"training","part":"a","error_type":"circuit_open","status_code":503,"attempts":0,"elapsed_ms":0,"fallback":true\}\]\}$/,
         'open: the fallback is used');

    $r = $nginx->get('/via/ok/x');
    is($r->{status}, 503, 'open: mlsec_via, 503');
    like($r->{body}, qr/"details":\{"service":"training","error_type":"circuit_open"\}/,
         'open: mlsec_via, envelope');
    like($r->{headers}{'retry-after'} // '', qr/^(?:1\d|2[0-4])$/,
         'open: mlsec_via, Retry-After');
    is($nginx->get('/via-page/ok/x')->{body}, '1',
       'open: mlsec_via, error_page');
    is($nginx->get('/plain/ok/x')->{status}, 502,
       'open: plain proxy_pass, no live upstream');

    is($faulty->count('request'), $n, 'open: the service is spared');
    is(breaker($nginx)->{refused}, 5, 'open: what was refused is counted');
    is(calls($nginx), 10, 'open: and is no call');

    for (1 .. 100) {
        $nginx->get('/part/ok/x')->{status} == 503 or last;
    }

    is(breaker($nginx)->{refused}, 105, 'open: in all workers');

    my $log = $nginx->error_log;
    my @opened = $log =~ /\[error\] .*?mlsec service: breaker opened, service: "training", for \d+ ms/g;

    is(scalar @opened, 1, 'open: logged once');
    unlike($log, qr/\[error\].*circuit_open/, 'open: refusals are no errors');

    # the zone is kept
    my @old = $nginx->worker_pids;

    $nginx->signal('HUP');
    until_ok(10, sub { my %now = map { $_ => 1 } $nginx->worker_pids;
                       !grep { $now{$_} } @old }, 'reload');
    is(breaker($nginx)->{state}, 'open', 'reload: still open');
    is(calls($nginx), 10, 'reload: counters stay');
    is($nginx->get('/part/ok/x')->{status}, 503, 'reload: still refused');

    # a zone of another size is a new one
    $nginx->configure(options(breaker => 'volume=10 open=20s', size => '2m'));
    $nginx->signal('HUP');
    ok($nginx->wait_log(qr/\[warn\] .*mlsec service: size of zone "mlsec" changes from 1048576 to 2097152 bytes, states of services begin anew/, 5),
       'another size: logged');
    until_ok(10, sub { breaker($nginx)->{state} eq 'closed' },
             'another size: begins anew');
    $nginx->finish('open');
}

{
    my $nginx = MlsecTest::Instance->start(options(breaker => 'volume=10 open=3s trials=3'));

    open_it($nginx);
    is(breaker($nginx)->{state}, 'open', 'half-open: open before');

    my $n = $faulty->count('request');

    until_ok(5, sub { breaker($nginx)->{retry_after_ms} == 0 },
             'half-open: its time passes');
    is(breaker($nginx)->{state}, 'open', 'half-open: not by looking at it');

    # more calls at once than trials, in one aggregate and in several workers
    my @clients = map { $nginx->client } 1 .. 12;

    $_->request('/part/slow/1500/trial') for @clients;

    my @status = map { $_->response(5)->{status} } @clients;

    is(scalar(grep { $_ == 200 } @status), 3, 'half-open: three trials');
    is(scalar(grep { $_ == 503 } @status), 9, 'half-open: the rest is refused');
    is($faulty->count('request') - $n, 3, 'half-open: the service sees three');

    my $b = breaker($nginx);

    is($b->{state}, 'closed', 'half-open: closed by them');
    cmp_ok($b->{admitted_percent}, '<=', 40, 'closed: not for all at once');

    my $log = $nginx->error_log;
    my @closed = $log =~ /\[notice\] .*?mlsec service: breaker closed, service: "training"/g;

    is(scalar @closed, 1, 'closed: logged once');

    until_ok(15, sub { breaker($nginx)->{admitted_percent} == 100 },
             'closed: for all after a while');
    is($nginx->get('/part/ok/x')->{status}, 200, 'closed: calls');
    $nginx->finish('half-open');
}

{
    # one worker: a ticket is given back when a request has ended, which is after
    # its client has the answer
    my $nginx = MlsecTest::Instance->start(options(breaker => 'volume=4 open=500ms trials=1', workers => 1));

    $nginx->get('/plain/status/500') for 1 .. 4;
    is(breaker($nginx)->{opened}, 1, 'again: once');
    until_ok(5, sub { breaker($nginx)->{retry_after_ms} == 0 }, 'again: due');
    is($nginx->get('/via/status/500')->{status}, 500, 'again: a failed trial');

    my $b = breaker($nginx);

    is($b->{state}, 'open', 'again: open');
    is($b->{opened}, 2, 'again: twice');

    my ($first, $second) = $nginx->error_log
        =~ /breaker opened(?: again)?, service: "training", for (\d+) ms/g;

    ok($first >= 400 && $first <= 600, "again: for $first ms");
    ok($second >= 800 && $second <= 1200, "again: then for $second ms");

    # a trial that is not made or is broken off leaves its place
    until_ok(5, sub { breaker($nginx)->{retry_after_ms} == 0 }, 'trial: due');

    my $client = $nginx->client;

    $client->request('/hanging');
    ok(defined $faulty->wait_for('request', '/hang/trial', 5), 'trial: made');
    is($nginx->get('/part/ok/x')->{status}, 503, 'trial: one only');
    undef $client;
    until_ok(5, sub { service($nginx)->{inflight} == 0 }, 'trial: left');
    is($nginx->get('/unused')->{body}, '1', 'trial: taken, and not made');
    is($nginx->get('/part/ok/x')->{status}, 200, 'trial: another one');
    is(breaker($nginx)->{state}, 'closed', 'trial: closed');
    $nginx->finish('trial');
}

{
    my $nginx = MlsecTest::Instance->start(options(breaker => 'volume=4 open=1s trials=1', workers => 2));

    # a worker that dies with the trial
    $nginx->allow(qr/worker process \d+ exited on signal 9/);
    $nginx->get('/plain/status/500') for 1 .. 4;
    until_ok(5, sub { breaker($nginx)->{state} eq 'open' }, 'killed: open');
    until_ok(5, sub { breaker($nginx)->{retry_after_ms} == 0 }, 'killed: due');

    my $client = $nginx->client;
    my $n      = $faulty->count('request', '/hang/trial');

    $client->request('/hanging');
    ok(defined $faulty->wait_for('request', '/hang/trial', 5, $n + 1),
       'killed: a trial is out');
    is(service($nginx)->{inflight}, 1, 'killed: in flight');

    my @old = $nginx->worker_pids;

    kill KILL => @old;
    until_ok(10, sub { my %now = map { $_ => 1 } $nginx->worker_pids;
                       keys %now == 2 && !grep { $now{$_} } @old },
             'killed: workers are there again');
    until_ok(5, sub { service($nginx)->{inflight} == 0 }, 'killed: what was in flight is gone');
    is(breaker($nginx)->{state}, 'half_open', 'killed: the state is kept');
    until_ok(5, sub { $nginx->get('/part/ok/x')->{status} == 200 },
             'killed: the lost trial is written off');
    is(breaker($nginx)->{state}, 'closed', 'killed: closed');
    $nginx->finish('killed');
}

{
    my $nginx = MlsecTest::Instance->start(options(workers => 1));

    $nginx->get('/slow/150/x') for 1 .. 2;
    $nginx->get('/slow/1/x') for 1 .. 2;
    is(breaker($nginx, 'slow')->{state}, 'open', 'slow: half of the calls');
    is(breaker($nginx, 'slow')->{window_failed}, 0, 'slow: are no failures');
    $nginx->finish('slow');
}

{
    my $nginx = MlsecTest::Instance->start(options(breaker => 'volume=4 open=20s window=60s', workers => 1));

    for (1 .. 10) {
        $nginx->get('/part/status/404');
        $nginx->get('/plain/status/429');

        my $client = $nginx->client;
        my $n      = $faulty->count('request', '/hang/trial');

        $client->request('/hanging');
        $faulty->wait_for('request', '/hang/trial', 5, $n + 1);
    }

    until_ok(5, sub { service($nginx)->{inflight} == 0 }, 'harmless: all ended');
    is(breaker($nginx)->{state}, 'closed', 'harmless: 4xx, clients that leave');
    is(breaker($nginx)->{window_calls}, 20, 'harmless: those are not counted');

    my $state = $nginx->get('/state');

    is($state->{headers}{'content-type'}, 'application/json',
       'mlsec_services: type');
    is($nginx->get('/state', method => 'HEAD')->{status}, 200,
       'mlsec_services: HEAD');
    is($nginx->get('/state', method => 'POST')->{status}, 405,
       'mlsec_services: POST');
    $nginx->finish('harmless');
}

# every worker has seen the breaker open, each failure is counted
{
    my $nginx = MlsecTest::Instance->start(options(breaker => 'volume=1000000 ratio=100% open=20s window=60s'));
    my @load;

    for (1 .. 4) {
        my $pid = fork // die "fork: $!";

        if ($pid == 0) {
            my $client = $nginx->client;

            for (1 .. 250) {
                $client->request('/plain/' . ($_ % 2 ? 'ok/x' : 'status/500'));
                $client->response(10) or last;
            }

            POSIX::_exit(0);
        }

        push @load, $pid;
    }

    waitpid $_, 0 for @load;

    my $service = service($nginx);
    my $calls   = $service->{peers}[0]{calls};

    is($calls->{ok}, 500, 'exact: good calls of four workers');
    is($calls->{status}, 500, 'exact: failed ones');
    is($service->{breaker}{window_calls}, 1000, 'exact: of the window');
    is($service->{breaker}{window_failed}, 500, 'exact: failed ones of it');
    $nginx->finish('exact');
}

done_testing;
