# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Services that fail under load, with everything switched on: how many
# requests are lost, how many calls reach the sick one, how long it takes to
# see it and to see it well again, and whether the counters add up.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use IO::Select;
use JSON::PP ();
use List::Util qw(sum0);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $json = \&MlsecTest::Faulty::json;


# A service with a mood of its own, which the test may change.
sub service {
    my ($mood) = @_;

    my $file = File::Temp->new;
    my $steps = sub {
        open my $in, '<', "$file" or die "$file: $!";
        my $text = <$in>;

        return $text eq 'well' ? $json->('{"a":1}')
            : $text =~ /^p(\d+)$/ ? (rand 100 < $1 ? $json->('{}', status => 500)
                                                   : $json->('{"a":1}'))
            : $text eq 'reset' ? (MlsecTest::Faulty::header(length => 100),
                                  [out => '{"a":'], [wait => 0.002], ['reset'])
            : $text eq 'hang' ? ['hang']
            : $text eq 'slow' ? ([wait => 0.1], $json->('{"a":1}'))
            : $json->('{}', status => $text);
    };
    my $self = {
        file => $file,
        faulty => MlsecTest::Faulty->start(
            replies => { '/x' => $steps, '/health' => $steps }),
    };

    mood($self, $mood // 'well');

    return $self;
}

sub mood {
    my ($service, $text) = @_;

    # in one step: a service that reads it must not find half of it
    open my $out, '>', "$service->{file}.new" or die $!;
    print $out $text;
    close $out;
    rename "$service->{file}.new", "$service->{file}" or die $!;
}

sub address { return $_[0]{faulty}->address }
sub reached { return $_[0]{faulty}->count('request', '/x') }


sub options {
    my (%o) = @_;

    return (workers => $o{workers} // 4, http => qq{
    error_log \$DIR/logs/error.log notice;
    mlsec_zone mlsec:1m;
    upstream u {
        zone u 64k;
        @{[join "\n", map { 'server ' . address($_) . ';' } @{ $o{services} }]}
        keepalive 8;
        mlsec_service u;
        @{[$o{rules} // '']}
    }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout @{[$o{read} // '10s']};
    proxy_next_upstream error timeout http_500 http_503;
    }, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    location = /state { mlsec_services; }
    location = /x { mlsec_via u; proxy_pass http://u; }
    location = /part { mlsec_call a http://u/x timeout=10s required; }
    location = /fallback { mlsec_call a http://u/x timeout=10s 'fallback=json:{"a":2}'; }
    });
}

my $breaker = 'mlsec_breaker volume=20 ratio=50% open=1s max_open=1s;';
my $outlier = 'mlsec_outlier consecutive=3 base=1s max=1s;';


sub state_of {
    my ($nginx) = @_;

    return JSON::PP::decode_json($nginx->get('/state')->{body})->{services}[0];
}


sub calls {
    my ($nginx) = @_;

    my %sum;

    for my $peer (@{ state_of($nginx)->{peers} }) {
        $sum{$_} += $peer->{calls}{$_} for keys %{ $peer->{calls} };
    }

    return \%sum;
}


sub until_ok {
    my ($limit, $test, $name) = @_;

    my $start = time;
    my $pass;

    sleep 0.02 until ($pass = $test->()) || time - $start > $limit;

    ok($pass, $name);

    return time - $start;
}


# Clients that ask for PATH without a pause, in processes of their own.
sub load_start {
    my ($nginx, $path, $clients) = @_;

    my @load;

    pipe my $stop, my $stopper or die "pipe: $!";

    for (1 .. $clients) {
        pipe my $in, my $out or die "pipe: $!";

        my $pid = fork // die "fork: $!";

        if ($pid == 0) {
            close $stopper;

            my $select = IO::Select->new($stop);
            my %status;

            until ($select->can_read(0)) {
                my $response = eval { $nginx->get($path, limit => 20) };

                $status{$response ? $response->{status} : 'none'}++;
            }

            syswrite $out, JSON::PP::encode_json(\%status) . "\n";
            POSIX::_exit(0);
        }

        close $out;
        push @load, { pid => $pid, in => $in };
    }

    return { clients => \@load, stopper => $stopper };
}


# Ends the load; how often each status came.
sub load_stop {
    my ($load) = @_;

    my %sum;

    close $load->{stopper};

    for (@{ $load->{clients} }) {
        my $in = $_->{in};
        my $status = JSON::PP::decode_json(<$in> // '{"lost":1}');

        $sum{$_} += $status->{$_} for keys %$status;
        waitpid $_->{pid}, 0;
    }

    return \%sum;
}


sub shown {
    my ($name, $status) = @_;

    diag("$name: ", join ', ', map { "$_: $status->{$_}" } sort keys %$status);
}


# one of three fails, in different ways
for my $mood (qw(500 hang reset p70)) {
    my @services = (service(), service(), service());
    my $nginx = MlsecTest::Instance->start(options(
        services => \@services, rules => "$outlier $breaker",
        read => $mood eq 'hang' ? '500ms' : '10s'));
    my $load = load_start($nginx, '/x', 4);

    until_ok(10, sub { reached($services[0]) > 20 }, "$mood: under load");

    my $start = time;
    my $before = reached($services[0]);

    mood($services[0], $mood);

    my $seen = until_ok(20, sub {
        grep { $_->{ejections} } @{ state_of($nginx)->{peers} }
    }, "$mood: ejected");

    sleep 1.5;
    mood($services[0], 'well');

    my $reached = reached($services[0]) - $before;
    my $well = until_ok(20, sub {
        my $n = reached($services[0]);
        sleep 0.1;
        reached($services[0]) > $n
            && state_of($nginx)->{peers}[0]{state} eq 'up';
    }, "$mood: taken back");

    my $status = load_stop($load);

    shown(sprintf("%s, one of three: ejected after %.2f s, %d calls reached it"
                  . " in %.1f s, back after %.2f s", $mood, $seen, $reached,
                  time - $start, $well), $status);

    # what is not known before a header can be tried elsewhere
    my $lost = sum0(map { $status->{$_} } grep { $_ ne '200' } keys %$status);

    is($lost, 0, "$mood: no request is lost") if $mood ne 'reset';
    is(state_of($nginx)->{breaker}{opened}, 0, "$mood: the service is called");
    until_ok(10, sub { state_of($nginx)->{inflight} == 0 },
             "$mood: nothing is in flight");
    $nginx->finish($mood);
}

# all fail: the service is spared, clients are answered at once
{
    my @services = (service(), service());
    my $nginx = MlsecTest::Instance->start(options(
        services => \@services, rules => "$outlier $breaker"));
    my $load = load_start($nginx, '/fallback', 4);

    until_ok(10, sub { reached($services[0]) > 20 }, 'all: under load');
    mood($_, '503') for @services;
    until_ok(10, sub { state_of($nginx)->{breaker}{state} eq 'open' },
             'all: open');

    my $before = sum0(map { reached($_) } @services);
    my $start = time;

    sleep 2.5;

    my $breaker = state_of($nginx)->{breaker};
    my $trials = sum0(map { reached($_) } @services) - $before;
    my $took = time - $start;

    # what was on its way; open for 0.8 to 1.2 s, then three trials at most
    cmp_ok($trials, '<=', 4 + 3 * int($took / 0.8 + 1),
           sprintf 'all: %d calls reach them in %.1f s', $trials, $took);
    cmp_ok($breaker->{refused}, '>', 100, "all: $breaker->{refused} do not");

    mood($_, 'well') for @services;

    my $well = until_ok(10, sub {
        state_of($nginx)->{breaker}{state} eq 'closed'
    }, 'all: closed');
    my $status = load_stop($load);

    shown(sprintf('all down: closed %.2f s after they are well', $well),
          $status);
    is_deeply([keys %$status], [200], 'all: every answer is whole');
    $nginx->finish('all');
}

# workers are killed under load: what they knew is kept, what they had in
# flight is taken back, what is counted is what came
{
    my @services = (service(), service('p30'));
    my $nginx = MlsecTest::Instance->start(options(
        workers => 4, services => \@services,
        rules => "$outlier mlsec_breaker ratio=100%; mlsec_health uri=/health interval=100ms;"));

    $nginx->allow(qr/worker process \d+ exited on signal 9/);

    my $load = load_start($nginx, '/x', 6);

    for (1 .. 8) {
        sleep 0.25;

        my @pids = $nginx->worker_pids;

        kill KILL => $pids[rand @pids];
    }

    sleep 0.5;

    my $status = load_stop($load);

    shown('8 workers killed', $status);
    until_ok(10, sub { $nginx->worker_pids == 4 }, 'killed: four again');
    cmp_ok($status->{200}, '>', 100, 'killed: goes on');
    cmp_ok($status->{none} // 0, '<=', 8 * 6, 'killed: only what was in flight');
    until_ok(10, sub { state_of($nginx)->{inflight} == 0 },
             'killed: nothing is in flight');

    # services have seen a few more: those of workers that died
    my $reached = sum0(map { reached($_) } @services);
    my $calls   = calls($nginx);
    my $counted = sum0(values %$calls);

    cmp_ok($counted, '<=', $reached, 'killed: none is counted twice');
    cmp_ok($counted, '>=', $reached - 8 * 6, "killed: $counted of $reached calls are counted");
    is($calls->{reset} + $calls->{timeout} + $calls->{connect}, 0,
       'killed: none of it is held against the services');
    is(state_of($nginx)->{breaker}{state}, 'closed', 'killed: closed');
    $nginx->finish('killed');
}

# reloads under load: nothing is lost, nothing is forgotten
{
    my @services = (service(), service('p20'));
    my $nginx = MlsecTest::Instance->start(options(
        workers => 2, services => \@services,
        rules => "$outlier mlsec_breaker ratio=100%; mlsec_health uri=/health interval=200ms fails=200;"));
    my $load = load_start($nginx, '/part', 4);

    for (1 .. 20) {
        my $n = sum0(map { reached($_) } @services);

        $nginx->signal('HUP');

        my $until = time + 10;

        sleep 0.02 while sum0(map { reached($_) } @services) < $n + 10
            && time < $until;
    }

    my $status = load_stop($load);

    shown('20 reloads', $status);
    ok(!$status->{none}, 'reloads: every request is answered');
    until_ok(20, sub { $nginx->worker_pids == 2 }, 'reloads: old workers end');
    until_ok(10, sub { state_of($nginx)->{inflight} == 0 },
             'reloads: nothing is in flight');
    is(sum0(values %{ calls($nginx) }), sum0(map { reached($_) } @services),
       'reloads: every call is counted, once');
    $nginx->finish('reloads');
}

done_testing;
