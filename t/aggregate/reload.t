# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Aggregates in flight while nginx is reloaded, quits, or loses a worker.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::H2;
use MlsecTest::Instance;
use MlsecTest::Until;

my $faulty = MlsecTest::Faulty->start;

my $have_h2 = `@{[$ENV{TEST_NGINX_BINARY} || 'nginx']} -V 2>&1`
    =~ /--with-http_v2_module/;


sub options {
    my ($version, %o) = @_;

    return (
        workers => $o{workers} // 2,
        main => $o{shutdown} ? "worker_shutdown_timeout $o{shutdown};\n" : '',
        http => qq{
    upstream faulty { server @{[$faulty->address]}; keepalive 8; }
        },
        server => ($have_h2 ? "listen unix:\$DIR/h2.sock http2;\n" : '') . qq{
    include \$CONF/mlsec_parts.conf;

    location = /version {
        mlsec_call version /v;
        mlsec_call a       http://faulty/ok/a;
    }
    location = /v { return 200 $version; }

    location = /slow {
        mlsec_call a http://faulty/slow/1000/\$arg_n required;
        mlsec_call b http://faulty/ok/b;
        mlsec_call c /inner;
    }

    location = /inner {
        mlsec_call a http://faulty/slow/500/inner;
    }

    location = /load {
        mlsec_call a http://faulty/slow/5/a required;
        mlsec_call b http://faulty/ok/b required;
        mlsec_call c http://faulty/hang/load timeout=20ms;
        mlsec_call d /inner-load required;
    }

    location = /inner-load {
        mlsec_call a http://faulty/ok/a required;
        mlsec_call b http://faulty/status/500;
    }

    location = /stuck {
        mlsec_deadline 1h;
        mlsec_call a http://faulty/hang/\$arg_n timeout=1h;
        mlsec_call b http://faulty/half-body/\$arg_n timeout=1h;
        mlsec_call c /inner-stuck?n=\$arg_n timeout=1h;
    }

    location = /inner-stuck {
        mlsec_deadline 1h;
        mlsec_call a http://faulty/hang/inner-\$arg_n timeout=1h;
    }
        },
    );
}


my $slow = sub {
    my ($n) = @_;

    return qq({"a":{"name":"$n"},"b":{"name":"b"},)
        . '"c":{"a":{"name":"inner"}}}';
};


# Waits until none of the processes is there.
sub gone {
    my ($limit, @pids) = @_;

    my $until = time + $limit;

    while (grep { kill 0 => $_ } @pids) {
        return 0 if time > $until;
        sleep 0.01;
    }

    return 1;
}


# Clients that ask for PATH without a pause, in processes of their own.
sub load_start {
    my ($nginx, $path, $clients) = @_;

    my @load;

    # one pipe tells all: its end is there when the test has closed it
    pipe my $stop, my $stopper or die "pipe: $!";

    for (1 .. $clients) {
        pipe my $in, my $out or die "pipe: $!";

        my $pid = fork // die "fork: $!";

        if ($pid == 0) {
            close $stopper;

            my ($good, $bad) = (0, 0);
            my $select = IO::Select->new($stop);

            until ($select->can_read(0)) {
                my $response = eval { $nginx->get($path) };

                if ($response && $response->{status} == 200
                    && $response->{body} =~ /^\{"a":.*\}$/)
                {
                    $good++;

                } else {
                    $bad++;
                }
            }

            syswrite $out, "$good $bad\n";
            POSIX::_exit(0);
        }

        push @load, { pid => $pid, in => $in };
    }

    return { clients => \@load, stopper => $stopper };
}


# Ends the load; returns how many responses were good and how many not.
sub load_stop {
    my ($load) = @_;

    my ($good, $bad) = (0, 0);

    close $load->{stopper};

    for (@{ $load->{clients} }) {
        my $in = $_->{in};
        my ($g, $b) = split ' ', <$in> // '0 1';

        waitpid $_->{pid}, 0;
        $good += $g;
        $bad  += $b;
    }

    return ($good, $bad);
}


{
    my $nginx = MlsecTest::Instance->start(options(1));
    my @old   = $nginx->worker_pids;

    is($nginx->get('/version')->{body},
       '{"version":1,"a":{"name":"a"}}', 'reload: before');

    my @clients = map { $nginx->client } 1 .. 10;
    my ($h2, $stream);

    $clients[$_]->request("/slow?n=r$_") for 0 .. $#clients;

    if ($have_h2) {
        $h2     = MlsecTest::H2->new($nginx->dir . '/h2.sock');
        $stream = $h2->request('/slow?n=h2');
        ok($faulty->wait_for('request', '/slow/1000/h2', 5), 'reload: h2');
    }

    $faulty->wait_for('request', "/slow/1000/r$_", 5) for 0 .. $#clients;

    $nginx->configure(options(2));
    $nginx->signal('HUP');

    my $until = time + 20;
    my $body  = '';

    while (time < $until && $body ne '{"version":2,"a":{"name":"a"}}') {
        $body = ($nginx->get('/version') // {})->{body} // '';
    }

    is($body, '{"version":2,"a":{"name":"a"}}', 'reload: new configuration');

    my @bodies = map { ($_->response(10) // {})->{body} } @clients;

    is_deeply(\@bodies, [map { $slow->("r$_") } 0 .. $#clients],
              'reload: what was in flight ends well');

    if ($have_h2) {
        my $response = $h2->response($stream, 5);

        is($response && $response->{body}, $slow->('h2'),
           'reload: so does a stream');
        $h2->close;
    }

    ok(gone(20, @old), 'reload: the old workers end');
    $nginx->finish('reload');
}

{
    my $nginx = MlsecTest::Instance->start(options(1));
    my $load  = load_start($nginx, '/load', 6);

    for (1 .. 6) {
        sleep 0.3;
        $nginx->signal('HUP');
    }

    sleep 0.5;

    my ($good, $bad) = load_stop($load);

    cmp_ok($good, '>', 50, 'reloads under load: there was one');
    is($bad, 0, 'reloads under load: no request fails');
    note("$good requests");
    $nginx->finish('reloads under load');
}

{
    my $nginx = MlsecTest::Instance->start(options(1, shutdown => '500ms'));
    my @old   = $nginx->worker_pids;
    my $stuck = $nginx->client;
    my $slow  = $nginx->client;

    $stuck->request('/stuck?n=s1');
    $slow->request('/slow?n=s1');
    ok(defined $faulty->wait_for('request', '/hang/inner-s1', 5),
       'shutdown timeout: a part is stuck');

    $nginx->signal('HUP');
    ok(gone(10, @old), 'shutdown timeout: the old workers end');
    ok(defined $faulty->wait_for('gone', $_, 10),
       "shutdown timeout: $_ is let go")
        for '/hang/s1', '/half-body/s1', '/hang/inner-s1';
    ok(!defined $stuck->response(1), 'shutdown timeout: no half answer');
    is($nginx->get('/version')->{status}, 200, 'shutdown timeout: goes on');
    $nginx->finish('shutdown timeout');
}

{
    my $nginx  = MlsecTest::Instance->start(options(1));
    my $client = $nginx->client;

    $client->request('/slow?n=quit');
    $faulty->wait_for('request', '/slow/1000/quit', 5);
    $nginx->signal('QUIT');

    is(($client->response(10) // {})->{body}, $slow->('quit'),
       'quit: waits for what is in flight');
    is($nginx->wait_exit(10), 0, 'quit: then ends');
    $nginx->finish('quit');
}

{
    my $nginx  = MlsecTest::Instance->start(options(1));
    my $client = $nginx->client;

    $client->request('/stuck?n=term');
    $faulty->wait_for('request', '/hang/inner-term', 5);
    $nginx->signal('TERM');
    is($nginx->wait_exit(10), 0, 'term: ends at once');
    ok(defined $faulty->wait_for('gone', '/hang/term', 10),
       'term: services are let go');
    $nginx->finish('term');
}

{
    my $nginx = MlsecTest::Instance->start(options(1));

    $nginx->allow(qr/worker process \d+ exited on signal 9/);

    my $load = load_start($nginx, '/load', 6);

    for (1 .. 4) {
        sleep 0.3;
        kill KILL => ($nginx->worker_pids)[0];
    }

    sleep 0.5;

    my ($good, $bad) = load_stop($load);

    cmp_ok($good, '>', 30, 'killed workers: the rest goes on');

    # 4 kills cannot cost more than what 6 clients had in flight each time
    cmp_ok($bad, '<=', 4 * 6, 'killed workers: only what was in flight fails');
    is($nginx->get('/version')->{status}, 200, 'killed workers: goes on');
    until_ok(10, sub { $nginx->worker_pids == 2 },
             'killed workers: are there again');
    $nginx->finish('killed workers');
}

done_testing;
