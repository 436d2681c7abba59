# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_health: one worker probes all peers, from the start; what fails is left
# out by all workers and taken back, over reloads and dead workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my $json = \&MlsecTest::Faulty::json;

# its health is the content of a file: a status, or steps
my $mood = File::Temp->new;

sub mood {
    my ($text) = @_;

    # in one step: a probe must not find half of it, or none
    open my $out, '>', "$mood.new" or die "$mood.new: $!";
    print $out $text;
    close $out or die "$mood.new: $!";
    rename "$mood.new", "$mood" or die "$mood: $!";
}

sub moody {
    open my $in, '<', "$mood" or die "$mood: $!";
    my $text = <$in> // '200';

    return $1 eq 'json' ? $json->($2)
        : $1 eq 'chunked' ? MlsecTest::Faulty::chunked($2)
        : $1 eq 'end' ? ([out => "HTTP/1.1 200 OK\r\n\r\n"], [wait => 0.02], [out => $2], ['close'])
        : $1 eq 'cut' ? (MlsecTest::Faulty::header(length => 1 + length $2), [out => $2], ['close'])
        : $1 eq 'large' ? MlsecTest::Faulty::chunked('"' . 'x' x $2 . '"')
        : die $text
        if $text =~ /^(json|chunked|end|cut|large):(.*)/s;

    return $text =~ /^\d/ ? $json->('{}', status => $text)
        : $text eq 'hang' ? ['hang']
        : $text eq 'close' ? ['close']
        : $text eq 'garbage' ? ([out => "garbage\r\n\r\n"], ['close'])
        : $text eq 'slow' ? ([wait => 0.05], [out => 'HTTP/1.1 2'],
                             [wait => 0.05], [out => "00 OK\r\n\r\n"], ['close'])
        : $text eq 'interim' ? ([out => "HTTP/1.1 103 x\r\nA: b\r\n\r\nHTTP/1.1 200 y\r\n\r\n"],
                                ['close'])
        : die $text;
}

my $hosts = File::Temp->new;
my $host  = sub {
    open my $out, '>>', "$hosts" or die "$hosts: $!";
    print $out join(' ', @{ $_[0] }{qw(method path)},
                    map { $_[0]{headers}{$_} // '-' } qw(host user-agent connection)), "\n";
    close $out;
    return $json->('{}');
};
my $moody = MlsecTest::Faulty->start(replies => {
    '/x'       => [$json->('"moody"')],
    '/health'  => \&moody,
    '/host'    => $host, '/other' => $host,
});
my $well = MlsecTest::Faulty->start(replies => {
    '/x' => [$json->('"well"')], '/health' => [$json->('{}')],
});


sub options {
    my (%o) = @_;

    return (workers => $o{workers} // 3, main => $o{main}, http => qq{
    mlsec_zone mlsec:1m;
    upstream u {
        @{[$o{block} // 'zone u 64k;']}
        @{[join "\n", map { "server $_;" } @{ $o{servers} // [$moody->address, $well->address] }]}
        mlsec_service u host=u.example;
        mlsec_health @{[$o{health} // 'uri=/health interval=100ms timeout=5s']};
        @{[$o{more} // '']}
    }
    }, server => qq{
    location = /state { mlsec_services; }
    location / { proxy_pass http://u; }
    });
}


sub peers {
    my ($nginx) = @_;

    my $state = JSON::PP::decode_json($nginx->get('/state')->{body});

    return { map { $_->{address} => $_ } @{ $state->{services}[0]{peers} } };
}


sub state_is {
    my ($nginx, $state, $name, $service) = @_;

    $service //= $moody;

    return until_ok(10, sub {
        peers($nginx)->{ref $service ? $service->address : $service}{health}{state} eq $state
    }, $name);
}


# How many of N requests a service has got.
sub share {
    my ($nginx, $service, $n) = @_;

    my $before = $service->count('request', '/x');

    $nginx->get('/x') for 1 .. $n;

    return $service->count('request', '/x') - $before;
}


sub replaced {
    my ($nginx, @old) = @_;

    return until_ok(10, sub {
        my %now = map { $_ => 1 } $nginx->worker_pids;

        return %now && !grep { $now{$_} } @old;
    }, 'new workers');
}


for my $block ('zone u 64k;', '', 'least_conn; zone u 64k;') {
    my $name = $block || 'no zone';

    mood('503');

    my $nginx = MlsecTest::Instance->start(options(block => $block));

    # no request has been made by then
    ok($nginx->wait_log(qr/\[error\] .*mlsec service: peer down, service: "u", peer: "\Q@{[$moody->address]}\E", probe: status not expected, status: 503/, 10),
       "$name: down, from the start");
    state_is($nginx, 'down', "$name: and the zone says so");
    is(share($nginx, $moody, 30), 0, "$name: no worker calls it");

    my $peer = peers($nginx)->{$moody->address};

    is($peer->{state}, 'unhealthy', "$name: unhealthy");
    ok($peer->{left_out}, "$name: left out");
    is($peer->{health}{last_status}, 503, "$name: its status");
    cmp_ok($peer->{health}{age_ms}, '<', 5000, "$name: the age of it");

    mood('200');
    ok($nginx->wait_log(qr/\[notice\] .*mlsec service: peer up, service: "u", peer: "\Q@{[$moody->address]}\E"/, 10),
       "$name: up");
    cmp_ok(share($nginx, $moody, 30), '>=', 5, "$name: called again");

    my @down = $nginx->error_log =~ /peer down/g;

    is(scalar @down, 1, "$name: logged once");
    $nginx->finish($name);
}

{
    mood('200');

    my $nginx = MlsecTest::Instance->start(options(
        health => 'uri=/health interval=50ms timeout=1s fails=2 passes=2 jitter=1%'));

    for my $fault (qw(500 404 hang close garbage)) {
        state_is($nginx, 'up', "$fault: up before");
        mood($fault);
        state_is($nginx, 'down', "$fault: down");
        mood('200');
    }

    for my $good (qw(204 slow interim)) {
        mood('500');
        state_is($nginx, 'down', "$good: down before");
        mood($good);
        state_is($nginx, 'up', "$good: up");
    }

    like($nginx->error_log, qr/peer down, .* probe: $_, status: 0/, "log: $_")
        for 'timed out', 'connection broken', 'no HTTP';
    $nginx->finish('faults');
}

# one of them probes, all of the time
{
    mood('200');

    my $nginx = MlsecTest::Instance->start(options(
        workers => 4, health => 'uri=/health interval=100ms jitter=1%'));

    state_is($nginx, 'up', 'one: probes');

    my $start = time;
    my $n = $moody->count('request', '/health');

    sleep 1.5;

    my $rate = ($moody->count('request', '/health') - $n) / (time - $start);

    cmp_ok($rate, '<', 13, 'one: one worker probes');
    cmp_ok($rate, '>', 2, 'one: and goes on');

    # the leader dies; the kill of all of the old ones is sure to hit it
    $nginx->allow(qr/worker process \d+ exited on signal 9/);

    my @old = $nginx->worker_pids;

    mood('503');
    kill KILL => @old;
    replaced($nginx, @old);
    state_is($nginx, 'down', 'killed: another one probes');

    # one after the other
    for my $i (1 .. 4) {
        mood($i % 2 ? '200' : '503');
        kill KILL => ($nginx->worker_pids)[0];
        state_is($nginx, $i % 2 ? 'up' : 'down', "killed: $i, goes on");
    }

    # a reload
    mood('503');
    state_is($nginx, 'down', 'reload: down before');
    @old = $nginx->worker_pids;
    $nginx->signal('HUP');
    replaced($nginx, @old);
    is(share($nginx, $moody, 30), 0, 'reload: left out at once');
    mood('200');
    state_is($nginx, 'up', 'reload: the new ones probe');

    # a server that is gone is not probed any more
    $nginx->configure(options(servers => [$well->address, 'unix:$DIR/none']));
    @old = $nginx->worker_pids;
    $nginx->signal('HUP');
    replaced($nginx, @old);
    state_is($nginx, 'down', 'changed: the new one is probed',
             'unix:' . $nginx->dir . '/none');
    # the service may get to read the last one late
    $n = $moody->count('request', '/health');
    sleep 0.5;
    cmp_ok($moody->count('request', '/health'), '<=', $n + 1, 'changed: the old one is not');
    is(share($nginx, $well, 20), 20, 'changed: what is there is called');
    $nginx->finish('one');
}

# panic: half of them stay
{
    my $nginx = MlsecTest::Instance->start(options(
        servers => ['unix:$DIR/a', $moody->address], health => 'uri=/health interval=50ms'));

    mood('503');
    state_is($nginx, 'down', 'half: one');
    state_is($nginx, 'down', 'half: the other', 'unix:' . $nginx->dir . '/a');

    my $peers = peers($nginx);

    is((grep { $_->{left_out} } values %$peers), 1, 'half: one is left out');
    $nginx->finish('half');

    # two of four, rounded down of three; the last half is called
    for my $n (3, 4) {
        my @dead = map { 'unix:$DIR/dead' . $_ } 2 .. $n;

        $nginx = MlsecTest::Instance->start(options(
            servers => [@dead, $moody->address], health => 'uri=/health interval=50ms'));
        until_ok(10, sub {
            my $peers = peers($nginx);

            return $n == grep { $_->{health}{state} eq 'down' } values %$peers;
        }, "half: all $n are down");
        is((grep { $_->{left_out} } values %{ peers($nginx) }), int($n / 2), "half of $n is left out");
        mood('200');
        state_is($nginx, 'up', "half of $n: one recovers");
        cmp_ok(share($nginx, $moody, 8), '>=', 1, "half of $n: it is called");
        mood('503');
        $nginx->finish("half of $n");
    }
}

# match=: what the body has to be
{
    my $file = File::Temp->new;

    print $file "# a program of several lines\ndef good: .status == \"healthy\";\ngood and \$status == 200\n";
    close $file;

    for my $match (q{'match=.status == "healthy" and $status == 200'}, "match_file=$file") {
        mood('json:{"status":"healthy"}');

        my ($word) = $match =~ /(match\w*)/;
        my $nginx = MlsecTest::Instance->start(options(
            health => "uri=/health interval=40ms timeout=10s fails=1 passes=1 jitter=1% $match"));
        my %faults = (
            'json:{"status":"degraded"}'  => 'body not as expected',
            'json:[]'                     => 'match= failed on the body',
            'json:<html>'                 => 'body is no JSON',
            'json:'                       => 'no body',
            '204'                         => 'no body',
            '500'                         => 'status not expected',
            'cut:{"status":"healthy"}'    => 'connection broken',
            'large:65537'                 => 'body too large',
        );
        %faults = map { $_ => $faults{$_} } 'json:{"status":"degraded"}' if $word ne 'match';

        for my $fault (sort keys %faults) {
            state_is($nginx, 'up', "$word: up before $fault");
            mood($fault);
            ok($nginx->wait_log(qr/peer down, .*probe: \Q$faults{$fault}\E, status/, 10), "$word: $fault");
            mood('json:{"status":"healthy","more":[1,2,3]}');
        }

        for my $good ('chunked:{"status":"healthy"}', 'end:{"status":"healthy"}',
                      'json:{"status":"healthy","pad":"' . 'x' x 60000 . '"}')
        {
            mood('json:{"status":"starting"}');
            state_is($nginx, 'down', "$word: down before " . substr $good, 0, 30);
            mood($good);
            state_is($nginx, 'up', "$word: up by " . substr $good, 0, 30);
        }

        unlike($nginx->error_log, qr/degraded|html/, "$word: nothing of a body is logged");
        $nginx->finish($word);
    }
}

# match=: a program that runs away is a failed probe, and harms nobody
{
    my %runaway = ('[limit(1000000; repeat(1))] | length' => 'too many steps',
                   '[range(30)] | map("x" * 200000) | length > 0' => 'too much memory');

    for my $program (sort keys %runaway) {
        mood('json:{}');

        my $nginx = MlsecTest::Instance->start(options(
            health => qq{uri=/health interval=40ms timeout=10s fails=1 'match=$program'}));

        ok($nginx->wait_log(qr/peer down, .*probe: match= took $runaway{$program}/, 10), "match: $runaway{$program}");
        is($nginx->get('/x')->{status}, 200, 'match: the gateway answers');
        $nginx->finish('runaway');
    }
}

# the request; a single server; a port of its own; a connection alone
{
    mood('200');

    my $nginx = MlsecTest::Instance->start(options(
        servers => [$moody->address], health => 'uri=/host interval=50ms'));

    state_is($nginx, 'up', 'request: up');
    open my $in, '<', "$hosts" or die "$hosts: $!";
    is(scalar <$in>, "GET /host u.example mlsec_health close\n", 'request');
    $nginx->finish('request');

    $nginx = MlsecTest::Instance->start(options(
        servers => ['127.0.0.1:1'],
        health => 'uri=/other host=other:81 interval=50ms port=' . $moody->port));
    state_is($nginx, 'up', 'port=: up', '127.0.0.1:1');
    open $in, '<', "$hosts" or die "$hosts: $!";
    is((grep { m{/other} } <$in>)[0], "GET /other other:81 mlsec_health close\n", 'host=');
    $nginx->finish('port=');

    $nginx = MlsecTest::Instance->start(options(
        servers => ['unix:$DIR/none', $moody->address], health => 'interval=50ms'));
    state_is($nginx, 'up', 'connect: up');
    state_is($nginx, 'down', 'connect: down', 'unix:' . $nginx->dir . '/none');
    like($nginx->error_log, qr/peer down, .*none", probe: no connection, status: 0/,
         'connect: log');
    is(share($nginx, $moody, 20), 20, 'connect: left out');
    $nginx->finish('connect');
}

# beside mlsec_outlier: probes that pass take a peer back
{
    my $sick = MlsecTest::Faulty->start(replies => {
        '/x' => [$json->('1', status => 500)], '/health' => \&moody,
    });

    mood('503');

    my $nginx = MlsecTest::Instance->start(options(
        workers => 1, servers => [$sick->address, $well->address, $moody->address],
        health => 'uri=/health interval=50ms fails=200',
        more => 'mlsec_outlier consecutive=2 base=1h;'));

    until_ok(10, sub { $nginx->get('/x'); peers($nginx)->{$sick->address}{state} eq 'ejected' },
             'outlier: ejected');
    is(share($nginx, $sick, 9), 0, 'outlier: left out');
    mood('200');
    until_ok(10, sub { share($nginx, $sick, 3) }, 'outlier: taken back by probes');
    $nginx->finish('outlier');

    # those that passed before it was ejected do not speak for it
    $nginx = MlsecTest::Instance->start(options(
        workers => 1, servers => [$sick->address, $well->address],
        health => 'uri=/health interval=150ms jitter=1% passes=4',
        more => 'mlsec_outlier consecutive=2 base=1h;'));

    until_ok(10, sub { peers($nginx)->{$sick->address}{health}{passes} > 5 }, 'outlier: probes pass');

    # those that came before the request that ejects it are not to count
    my $n;

    until_ok(10, sub {
        $n = $sick->count('request', '/health');
        $nginx->get('/x');
        peers($nginx)->{$sick->address}{state} eq 'ejected';
    }, 'outlier: ejected all the same');

    until_ok(10, sub { peers($nginx)->{$sick->address}{state} eq 'up' }, 'outlier: taken back');
    cmp_ok($sick->count('request', '/health') - $n, '>=', 4, 'outlier: by as many probes as it takes');
    $nginx->finish('outlier, passes');
}

# ends in time while a probe has no answer
{
    mood('hang');

    my $nginx = MlsecTest::Instance->start(options(
        health => 'uri=/health interval=50ms timeout=60s'));
    my $n = $moody->count('request', '/health');

    until_ok(10, sub { $moody->count('request', '/health') > 0 }, 'quit: a probe hangs');

    my $start = time;

    $nginx->finish('quit');
    cmp_ok(time - $start, '<', 5, 'quit: in time');
    mood('200');
}

done_testing;
