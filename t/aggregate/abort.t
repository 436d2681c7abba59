# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The client goes away: all parts are stopped at once, the access log says 499
# and the worker lives.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $faulty = MlsecTest::Faulty->start;
my $hole   = MlsecTest::Faulty::Blackhole->new;

my $nginx = MlsecTest::Instance->start(
    http => qq{
    proxy_cache_path \$DIR/cache keys_zone=lock:1m;

    upstream faulty { server @{[$faulty->address]}; keepalive 4; }
    upstream hole   { server @{[$hole->address]}; }
    upstream limited {
        zone limited 64k;
        server @{[$faulty->address]} max_conns=2;
        keepalive 1;
    }
    log_format abort '\$status \$uri \$mlsec_failed';
    access_log \$DIR/logs/abort.log abort;
    },
    server => qq{
    include \$CONF/mlsec_parts.conf;

    location = /waiting {
        mlsec_call a http://faulty/hang/\$arg_n/a;
        mlsec_call b http://faulty/half-header/\$arg_n/b required;
        mlsec_call c http://faulty/half-body/\$arg_n/c;
        mlsec_call d http://hole/;
        mlsec_call e http://faulty/ok/\$arg_n/e;
    }

    location = /outer {
        mlsec_call a /middle;
        mlsec_call b http://faulty/hang/outer;
    }

    location = /middle {
        mlsec_call a /inner;
        mlsec_call b http://faulty/hang/middle;
    }

    location = /inner {
        mlsec_call a http://faulty/half-body/inner;
    }

    location = /body {
        mlsec_call a http://faulty/hang/body body=on method=POST;
    }

    location = /locked {
        proxy_pass http://faulty/slow/1500/locked;
        proxy_cache lock;
        proxy_cache_valid any 1m;
        proxy_cache_lock on;
        proxy_cache_lock_timeout 30s;
        proxy_cache_lock_age 30s;
    }

    location = /lock {
        mlsec_call victim  /locked;
        mlsec_call sibling http://faulty/hang/lock;
    }

    location = /limited {
        mlsec_call a http://limited/hang/\$arg_n/a;
        mlsec_call b http://limited/half-body/\$arg_n/b;
    }

    location = /limited-ok {
        mlsec_call a http://limited/ok/a required;
    }

    location = /ok {
        mlsec_call a http://faulty/ok/a;
    }
    },
);

my ($worker) = $nginx->worker_pids;


sub left {
    my ($path, @gone) = @_;

    for my $gone (@gone) {
        my $took = $faulty->wait_for('gone', $gone, 10);

        ok(defined $took, "$path: $gone is stopped");
        note(sprintf '%.0f ms', 1000 * $took) if defined $took;
    }

    return;
}


sub start {
    my ($path, %o) = @_;

    my $client = $nginx->client;

    $client->request($path, %o);

    ok(defined $faulty->wait_for('request', $_, 10), "$path: $_ has begun")
        for @{ $o{begun} };

    return $client;
}


{
    my $client = start('/waiting?n=1', begun => [
        '/hang/1/a', '/half-header/1/b',
        '/half-body/1/c',
    ]);

    ok($hole->wait_for(1, 2), '/waiting: one is connecting');
    $client->close;
    left('/waiting', '/hang/1/a', '/half-header/1/b',
         '/half-body/1/c');
    ok($hole->wait_for(0, 10), '/waiting: nobody is connecting any more');
}

{
    my $client = start('/outer', begun => [
        '/hang/outer', '/hang/middle', '/half-body/inner',
    ]);

    $client->close;
    left('/outer', '/hang/outer', '/hang/middle', '/half-body/inner');
}

{
    # the body of the client is thrown away, and is still coming

    my $client = $nginx->client;

    $client->send("POST /waiting?n=2 HTTP/1.1\r\nHost: a\r\n"
                  . "Content-Length: 100\r\n\r\n0123456789");
    ok(defined $faulty->wait_for('request', '/hang/2/a', 10),
       'unread body: begun');
    $client->close;
    left('unread body', '/hang/2/a', '/half-body/2/c');
}

{
    # the same, but the body has come to its end before the client leaves

    my $client = $nginx->client;

    $client->send("POST /waiting?n=3 HTTP/1.1\r\nHost: a\r\n"
                  . "Content-Length: 20\r\n\r\n0123456789");
    ok(defined $faulty->wait_for('request', '/hang/3/a', 10),
       'late body: begun');
    $client->send('0123456789');
    sleep 0.1;
    $client->close;
    left('late body', '/hang/3/a', '/half-body/3/c');
}

{
    # body=on: gone while the body is read, then gone after it

    my $client = $nginx->client;

    $client->send("POST /body HTTP/1.1\r\nHost: a\r\n"
                  . "Content-Length: 100\r\n\r\n0123456789");
    sleep 0.1;
    $client->close;

    $client = start('/body', method => 'POST', body => 'x' x 100,
                    begun => ['/hang/body']);
    $client->close;
    left('/body', '/hang/body');
    is($faulty->count('request', '/hang/body'), 1,
       '/body: no part starts with half a body');
}

{
    # another request is already in the pipe when the client leaves

    my $client = start('/waiting?n=4', begun => ['/hang/4/a']);

    $client->request('/ok');
    sleep 0.05;
    $client->close;
    left('pipelined', '/hang/4/a', '/half-body/4/c');
}

{
    # one part waits for a cache lock that is held by somebody else

    my $holder = start('/locked', begun => ['/slow/1500/locked']);
    my $client = start('/lock', begun => ['/hang/lock']);

    $client->close;
    left('/lock', '/hang/lock');
    is(($holder->response(10) // {})->{body}, '{"name":"locked"}',
       '/lock: the holder goes on');
    sleep 0.6;     # a waiter looks every 500 ms
    is($faulty->count('request', '/slow/1500/locked'), 1,
       '/lock: the part of the client that left does not start');
}

{
    # the balancer gets its connections back

    for my $i (1 .. 5) {
        my $client = start("/limited?n=l$i", begun => ["/hang/l$i/a"]);

        $client->close;
        left('/limited', "/hang/l$i/a",
             "/half-body/l$i/b");
    }

    is($nginx->get('/limited-ok')->{status}, 200,
       '/limited: max_conns is not used up');
}

is($nginx->get('/ok')->{body}, '{"a":{"name":"a"}}', 'the gateway goes on');
is(($nginx->worker_pids)[0], $worker, 'with the same worker');

ok($nginx->wait_log(qr/client prematurely closed connection/, 10),
   'the error log tells');

$nginx->finish;

my @log = grep { m{/(?:waiting|outer|body|limited|lock) } }
    split /\n/, $nginx->_read('logs/abort.log');

is(scalar @log, 13, 'all are in the access log');
is(scalar(grep { !/^499 / } @log), 1,
   'with status 499, but for the one that left in its own body') or diag(join "\n", @log);

done_testing;
