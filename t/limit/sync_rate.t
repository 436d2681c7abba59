# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Three gateways at twice the limit for some seconds, one of them with most of
# the requests: what they admit together is the limit, as an ideal limiter
# would that sees all of them. Then with a Redis that comes and goes.
# MLSEC_SYNC_SECONDS (5): bench/limits has 30.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Instance;
use MlsecTest::Redis;

plan skip_all => MlsecTest::Redis->missing if MlsecTest::Redis->missing;

use constant {
    SECONDS => $ENV{MLSEC_SYNC_SECONDS} // 5,
    RATE    => 100,             # units in a second
    BURST   => 50,
    LEASE   => 5,               # units, 10 %
    OFFERED => [140, 40, 20],   # requests in a second
};

my $redis = MlsecTest::Redis->start;

my @gateways = map {
    MlsecTest::Instance->start(workers => 2, http => sprintf(q{
        keepalive_requests 1000000;
        mlsec_redis unix:%s timeout=5s;
        mlsec_limit_zone user:256k key=$http_x_user;
    }, $redis->socket), server => sprintf(q{
        location = /x { mlsec_limit_sync timeout=5s; mlsec_limit zone=user rate=%1$dr/s burst=%2$d name=x; mlsec_respond 1; }
        location = /y { mlsec_limit_sync timeout=50ms; mlsec_limit zone=user rate=%1$dr/s burst=%2$d name=y; mlsec_respond 1; }
        location = /state { mlsec_limit_status; }
    }, RATE, BURST));
} 1 .. 3;

my $until = time + 20;

sleep 0.05 while time < $until
    && grep { $_->get('/state')->{body} !~ /"gateways":3,/ } @gateways;

my @clients = map { my $nginx = $_; [map { $nginx->client } 1 .. 4] } @gateways;


# A user asks for a path for so many seconds, and $meanwhile->(seconds so far) is called.
# Seconds; requests, admitted, admitted by the ideal (a bucket that fills at the
# rate), answers that are neither 200 nor 429.
sub ask {
    my ($seconds, $path, $meanwhile) = @_;

    my @next = map { time + 0.01 * $_ } 0 .. 2;
    my ($start, $left, $at) = (time, BURST, time);
    my ($asked, $ideal, $admitted, $other) = (0, 0, 0, 0);

    while (time < $start + $seconds) {
        my ($g) = sort { $next[$a] <=> $next[$b] } 0 .. 2;
        my $wait = $next[$g] - time;

        sleep $wait if $wait > 0;
        $meanwhile->(time - $start);

        # nobody catches up: who is late asks less
        $next[$g] += 1 / OFFERED->[$g];
        $next[$g] = time if $next[$g] < time - 0.1;

        my $client = $clients[$g][$asked % 4];

        $client->request($path, headers => ['X-User: one']);

        my $status = $client->response(10)->{status};
        my $now = time;

        $left += ($now - $at) * RATE;
        $left = BURST if $left > BURST;
        $at = $now;

        if ($left >= 1) {
            $left--;
            $ideal++;
        }

        $asked++;
        $admitted++ if $status == 200;
        $other++ if $status != 200 && $status != 429;
    }

    return (time - $start, $asked, $admitted, $ideal, $other);
}


sub outages { return map { $_->get('/state')->{body} =~ /"outages":(\d+)/ } @gateways }

# in touch
{
    my ($took, $asked, $admitted, $ideal, $other) = ask(SECONDS, '/x', sub { });
    my $most = BURST + RATE * $took + 3 * LEASE;

    diag(sprintf '%.1f s: asked %d, admitted %d, ideal %d, at most %d', $took, $asked, $admitted,
         $ideal, $most);
    is($other, 0, 'nothing but 200 and 429');
    cmp_ok($admitted, '<=', $most, 'not more than the limit and a lease each');
    cmp_ok($admitted, '>=', 0.98 * $ideal, 'at least 98 % of the limit');
    cmp_ok($asked, '>', $admitted, 'more was asked for');
    is(join(' ', outages()), '0 0 0', 'in touch all the time');
}

# a Redis that comes and goes: a burst more each time that it is found
{
    my ($stopped, $stops) = (0, 0);
    my ($took, $asked, $admitted, $ideal, $other) = ask(SECONDS, '/y', sub {
        my ($now) = @_;
        my $stop = $now - int($now / 2) * 2 > 0.8;

        return if $stop == $stopped;
        $redis->signal($stop ? 'STOP' : 'CONT');
        $stopped = $stop;
        $stops += $stop;
    });

    $redis->signal('CONT');

    my @outages = sort { $a <=> $b } outages();
    my $most = BURST + RATE * $took + 3 * LEASE;

    diag(sprintf '%.1f s: asked %d, admitted %d, limit %d, %d stops', $took, $asked, $admitted, $most, $stops);
    is($other, 0, 'flapping: nothing but 200 and 429');
    cmp_ok($outages[0], '>=', 1, "flapping: Redis was lost, @outages times");
    cmp_ok($admitted, '<=', $most + BURST * $stops, 'flapping: a burst more for each time');
    cmp_ok($admitted, '>=', 0.9 * $ideal, 'flapping: and not much less than the limit');
}

@clients = ();      # one that has never asked would keep nginx from ending
$_->finish for @gateways;
done_testing();
