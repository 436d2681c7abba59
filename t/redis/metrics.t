# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What is counted of Redis calls, over all workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Instance;
use MlsecTest::Redis;

plan skip_all => MlsecTest::Redis->missing if MlsecTest::Redis->missing;

my $redis = MlsecTest::Redis->start;
my $label = 'server="unix:' . $redis->socket . '"';
my $nginx = MlsecTest::Instance->start(workers => 2,
    http => 'mlsec_redis unix:' . $redis->socket . ' timeout=200ms;', server => q{
    location = /all { mlsec_redis_status check=ping,write,pubsub; }
    location = /ping { mlsec_redis_status; }
    location = /metrics { mlsec_metrics; }
    location = /json { mlsec_metrics json; }
    });

sub value {
    my ($name, $more) = @_;
    my $text = $nginx->get('/metrics')->{body};
    my $labels = $label . ($more ? ",$more" : '');

    return $text =~ /^\Q$name\E\{\Q$labels\E\} (\d+)$/m ? $1 : undef;
}

# what two workers do when they start, and a script that neither knows
my $until = time + 20;
sleep 0.02 while (value('mlsec_redis_connects_total') // 0) < 2 && time < $until;
is(value('mlsec_redis_connects_total'), 2, 'a connection of each worker');
is(value('mlsec_redis_calls_total', 'result="ok"'), undef, 'no call yet: no sample');

$nginx->get('/all') for 1 .. 10;
is(value('mlsec_redis_calls_total', 'result="ok"'), 30, 'ten times three calls');
is(value('mlsec_redis_calls_total', 'result="noscript"'), 1, 'the script was sent once, for both');
is(value('mlsec_redis_messages_total'), 10, 'ten messages');
is(value('mlsec_redis_call_duration_seconds_count'), 30, 'times of all');

$redis->signal('STOP');
$nginx->get('/ping');
$redis->signal('CONT');
is(value('mlsec_redis_calls_total', 'result="timeout"'), 1, 'one that was too slow');
is(value('mlsec_redis_call_duration_seconds_count'), 30, 'which has no time');

$redis->kill;
$until = time + 20;
sleep 0.02 while (value('mlsec_redis_connections_lost_total') // 0) < 6 && time < $until;
cmp_ok(value('mlsec_redis_connections_lost_total'), '>=', 6, 'connections that are lost, or not made');

my $json = JSON::PP::decode_json($nginx->get('/json')->{body})->{redis};
my ($mine) = grep { $_->{server} eq "unix:" . $redis->socket } @{ $json->{each} };
is($mine->{calls}, 31, 'the same as JSON');
is($mine->{errors}, 1, 'with errors');
is($mine->{messages}, 10, 'and messages');
$nginx->finish('metrics');

done_testing;
