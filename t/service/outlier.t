# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_outlier: a peer whose calls fail one after the other is left out, by
# all workers, with "zone" and without, whatever balances; at most half of
# them; again after a reload.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my $json = \&MlsecTest::Faulty::json;

# a service that gets well by a request of its own
my $flag = File::Temp->new;
my $sick = MlsecTest::Faulty->start(replies => {
    '/x'    => sub { return $json->('"sick"', status => -s "$flag" ? 200 : 500) },
});
my @well = map { MlsecTest::Faulty->start(replies => { '/x' => [$json->('"well"')] }) } 1, 2;
my $bad  = MlsecTest::Faulty->start(replies => { '/x' => [$json->('"bad"', status => 503)] });


sub options {
    my (%o) = @_;

    return (workers => $o{workers} // 4, http => qq{
    mlsec_zone mlsec:1m;
    upstream u {
        @{[$o{block} // 'zone u 64k;']}
        @{[join "\n", map { "server $_;" } @{ $o{servers} }]}
        mlsec_service u; @{[$o{outlier} // 'mlsec_outlier consecutive=3 base=20s;']}
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


# How many of N requests a service has got.
sub share {
    my ($nginx, $service, $n) = @_;

    my $before = $service->count('request', '/x');

    $nginx->get('/x') for 1 .. $n;

    return $service->count('request', '/x') - $before;
}


my @blocks = (
    zone        => 'zone u 64k;',
    'no zone'   => '',
    least_conn  => 'least_conn;',
    'hash'      => 'hash $request_id consistent; zone u 64k;',
    random      => 'random; zone u 64k;',
    keepalive   => 'zone u 64k; keepalive 8;',
);

while (my ($name, $block) = splice @blocks, 0, 2) {
    my $nginx = MlsecTest::Instance->start(options(
        block => $block,
        servers => [$sick->address, $well[0]->address, $well[1]->address]));

    # every worker has its own turn to meet it
    until_ok(10, sub { $nginx->get('/x');
                       peers($nginx)->{$sick->address}{state} eq 'ejected' },
             "$name: ejected");

    my $peer = peers($nginx)->{$sick->address};

    ok($peer->{left_out}, "$name: left out");
    is($peer->{ejections}, 1, "$name: once");
    is($peer->{calls}{status}, 3, "$name: after three failures");
    is(share($nginx, $sick, 60), 0, "$name: no worker calls it");

    my @log = $nginx->error_log =~ /\[error\] .*mlsec service: peer ejected, service: "u", peer: "([^"]+)"/g;

    is_deeply(\@log, [$sick->address], "$name: logged once");

    my @old = $nginx->worker_pids;

    $nginx->signal('HUP');
    until_ok(10, sub { my %now = map { $_ => 1 } $nginx->worker_pids;
                       !grep { $now{$_} } @old }, "$name: reload");
    is(share($nginx, $sick, 60), 0, "$name: left out after it");
    $nginx->finish($name);
}

{
    my $nginx = MlsecTest::Instance->start(options(
        outlier => 'mlsec_outlier consecutive=3 base=1s max=2s;',
        servers => [$sick->address, $well[0]->address]));

    until_ok(10, sub { $nginx->get('/x');
                       peers($nginx)->{$sick->address}{state} eq 'ejected' },
             'time: ejected');
    until_ok(10, sub { share($nginx, $sick, 4) }, 'time: taken back');
    like($nginx->error_log, qr/\[notice\] .*mlsec service: peer taken back, service: "u", peer: "\Q@{[$sick->address]}\E"/,
         'time: logged');
    # the time before the request that ejects it
    my $start;

    until_ok(10, sub { $start = time;
                       $nginx->get('/x');
                       peers($nginx)->{$sick->address}{ejections} >= 2 },
             'time: again');
    syswrite $flag, 'well';
    until_ok(10, sub { share($nginx, $sick, 4) }, 'time: well');
    cmp_ok(time - $start, '>', 1.9, 'time: the second time for longer');
    is(share($nginx, $sick, 40) >= 10, 1, 'time: has its share');
    truncate $flag, 0;
    $nginx->finish('time');
}

{
    my $nginx = MlsecTest::Instance->start(options(
        servers => [$sick->address, $bad->address]));

    $nginx->get('/x') for 1 .. 40;

    my $peers = peers($nginx);

    is($peers->{$_->address}{state}, 'ejected', 'half: both have failed')
        for $sick, $bad;
    is($peers->{$sick->address}{left_out} + $peers->{$bad->address}{left_out},
       1, 'half: one is left out');

    like($nginx->get('/x')->{body}, qr/^"(?:sick|bad)"$/,
         'half: the other is called all the same');
    $nginx->finish('half');
}

{
    my $nginx = MlsecTest::Instance->start(options(
        servers => [$sick->address . ' max_fails=1 fail_timeout=20s',
                    $well[0]->address . ' max_fails=1 fail_timeout=20s',
                    $well[1]->address . ' down', $bad->address . ' backup'],
        outlier => 'mlsec_outlier consecutive=200; ',
        block => 'zone u 64k;'));

    $nginx->get('/x') for 1 .. 10;
    cmp_ok(share($nginx, $sick, 20), '>=', 9, 'max_fails: is off');

    my $peers = peers($nginx);

    is($peers->{$well[1]->address}{state}, 'down', 'a server marked as down');
    is(share($nginx, $well[1], 20), 0, 'a server marked as down: stays so');
    ok($peers->{$bad->address}{backup}, 'a backup server');
    is(share($nginx, $bad, 20), 0, 'a backup server: is not called');
    $nginx->finish('max_fails');
}

for my $block ('zone u 64k;', 'least_conn;') {
    # all of those that others stand by for may be left out
    my $nginx = MlsecTest::Instance->start(options(
        servers => [$sick->address, $bad->address, $well[0]->address . ' backup'],
        block => $block));

    until_ok(10, sub {
        my @peers;
        $nginx->get('/x');
        @peers = @{ peers($nginx) }{ $sick->address, $bad->address };
        return 2 == grep { $_->{left_out} } @peers;
    }, "$block spare: all of them are left out");
    is(share($nginx, $well[0], 20), 20, "$block spare: the backup is called, by all workers");

    my $peer = peers($nginx)->{$well[0]->address};
    is("$peer->{state} $peer->{left_out}", 'up 0', "$block spare: it is up");
    $nginx->finish("$block spare");

    # unless it is ill itself
    $nginx = MlsecTest::Instance->start(options(
        servers => [$sick->address, $bad->address . ' backup'], block => $block));
    $nginx->get('/x') for 1 .. 30;
    until_ok(10, sub {
        $nginx->get('/x');
        my @peers = values %{ peers($nginx) };
        return 2 == grep { $_->{state} eq 'ejected' && !$_->{left_out} } @peers;
    }, "$block spare: it is ill");
    is(share($nginx, $sick, 20), 20, "$block spare: the first ones are called");
    $nginx->finish("$block spare, ill");
}

{
    # two refuse: next_upstream reaches for others, each refusal counts
    my $nginx = MlsecTest::Instance->start(options(
        workers => 1,
        servers => ['unix:$DIR/none', $well[0]->address, $well[1]->address]));

    my @status = map { $nginx->get('/x')->{status} } 1 .. 30;

    is_deeply([grep { $_ != 200 } @status], [], 'refused: no request fails');

    my ($none) = grep { $_->{address} =~ /none/ } values %{ peers($nginx) };

    is($none->{state}, 'ejected', 'refused: ejected');
    is($none->{calls}{connect}, 3, 'refused: after three attempts');
    $nginx->finish('refused');
}

done_testing;
