# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The memory of a worker does not grow with the number of requests, of which
# there is a mixture of good ones, failures, timeouts and clients that leave;
# and it is bounded while services send without end.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

# a sanitizer keeps what was freed, and is slow
my $sanitized = ($ENV{MLSEC_SANITIZER_LOG} // '') ne '';

my $requests = $ENV{MLSEC_MEMORY_REQUESTS} // ($sanitized ? 5_000 : 50_000);
my $clients  = 4;

my $faulty = MlsecTest::Faulty->start;

my $nginx = MlsecTest::Instance->start(
    http => qq{
    access_log off;
    error_log \$DIR/logs/error.log alert;
    keepalive_requests 1000000;
    proxy_cache_path \$DIR/cache keys_zone=c:1m;

    upstream faulty { server @{[$faulty->address]}; keepalive 16; }
    upstream self   { server unix:\$DIR/service.sock; keepalive 64;
                      keepalive_requests 1000000; }
    upstream none   { server unix:\$DIR/nobody.sock; }

    server {
        listen unix:\$DIR/service.sock;
        keepalive_requests 1000000;
        location = /json  { return 200 '{"a":[1,2,3,{"b":"text"}],"c":null}'; }
        location = /bad   { return 200 '[1,'; }
        location = /500   { return 500 '{"error":1}'; }
        location = /large { root \$DIR/html; }
    }
    },
    server => qq{
    include \$CONF/mlsec_parts.conf;

    location = /good {
        mlsec_call a http://self/json;
        mlsec_call b http://self/json required;
        mlsec_call c /inner;
        mlsec_call d http://self/json pick=a;
    }

    location = /inner {
        mlsec_merge flat on_conflict=first;
        mlsec_call a http://self/json;
        mlsec_call b http://self/json;
    }

    location = /partial {
        mlsec_call a http://self/json;
        mlsec_call b http://self/bad;
        mlsec_call c http://none/;
        mlsec_call d http://self/500 'fallback=json:{"n":0}';
        mlsec_call e /cached;
    }

    location = /fails {
        mlsec_call a http://self/json;
        mlsec_call b http://none/ required;
        mlsec_call c /inner;
    }

    location = /large {
        mlsec_call_max_size 100k;
        mlsec_call a http://self/large;
        mlsec_call b http://self/json;
    }

    location = /late {
        mlsec_call a http://faulty/hang/late timeout=10ms;
        mlsec_call b http://self/json;
    }

    location = /leave {
        mlsec_call a http://faulty/hang/leave;
        mlsec_call b /inner;
    }

    location = /cached {
        proxy_pass http://self/json;
        proxy_cache c;
        proxy_cache_valid 1m;
    }

    location = /capped {
        mlsec_call_max_size 64k;
        mlsec_call a http://faulty/endless/a;
        mlsec_call b http://faulty/endless/b;
        mlsec_call c http://faulty/size-announced/104857600;
        mlsec_call d http://faulty/endless/d;
    }
    },
);

$nginx->write_file('html/large', '"' . 'x' x 300_000 . '"');

my ($worker) = $nginx->worker_pids;


# Sends N requests over some connections at once; returns how many of the
# responses had another status than expected.
sub storm {
    my ($n) = @_;

    pipe my $in, my $out or die "pipe: $!";

    my @pids;

    for my $client (1 .. $clients) {
        my $pid = fork // die "fork: $!";

        if ($pid == 0) {
            syswrite $out, eval { storm_client($n / $clients) } // "died $@";
            POSIX::_exit(0);
        }

        push @pids, $pid;
    }

    close $out;
    waitpid $_, 0 for @pids;

    my $bad = 0;

    $bad += /^(\d+)$/ ? $1 : 1_000_000 for <$in>;

    return $bad;
}


sub storm_client {
    my ($n) = @_;

    my $client = $nginx->client;
    my $bad    = 0;

    # of 100 requests
    my @mixture = (
        (['/good', 200]) x 40, (['/partial', 200]) x 30,
        (['/fails', 502]) x 20, (['/large', 200]) x 5, (['/late', 200]) x 2,
        (['/leave']) x 3,
    );

    for my $i (1 .. $n) {
        my ($path, $status) = @{ $mixture[$i * 37 % 100] };

        if (!defined $status) {
            my $other = $nginx->client;

            $other->request($path);
            $other->close;
            next;
        }

        $client->request($path);

        my $response = $client->response(20);

        next if $response && $response->{status} == $status;

        $bad++;
        $client = $nginx->client unless $response;
    }

    return "$bad\n";
}


is(storm($requests / 5), 0, 'the first requests are answered');

my $before = $nginx->rss($worker);

is(storm($requests), 0, "$requests requests are answered");

my $after = $nginx->rss($worker);

note("$before kB, then $after kB");

SKIP: {
    skip 'a sanitizer keeps what was freed', 1 if $sanitized;
    cmp_ok($after - $before, '<', 1024, 'memory does not grow with them');
}

# four services that send as fast as they can, and a cap of 64 kB each

for (1 .. 50) {
    my $response = $nginx->get('/capped');

    last if !$response || $response->{status} != 502;
}

my $capped = $nginx->rss($worker);

note("$capped kB after endless bodies");

SKIP: {
    skip 'a sanitizer keeps what was freed', 1 if $sanitized;
    cmp_ok($capped - $after, '<', 4096, 'nor with the size of a body');
}

is(($nginx->worker_pids)[0], $worker, 'it is the same worker');

$nginx->finish;

done_testing;
