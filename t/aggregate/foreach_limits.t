# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What bounds a list of calls: max=, concurrency=, the caps on bodies, and
# time: of an item, the deadline, the soft deadline.  The same times for a
# part that waits for another one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/t/1' => [MlsecTest::Faulty::json('1')],
    '/t/2' => [['hang']],
    '/t/3' => [MlsecTest::Faulty::header(length => 9), [out => '{'], ['hang']],
    '/t/4' => [MlsecTest::Faulty::json('4')],
});

# "[1,2,...]" of a length
sub list {
    my ($n) = @_;

    return '[' . join(',', 1 .. $n) . ']';
}

my $lists = join '', map {
    "    location = /list/$_ { return 200 '" . list($_) . "'; }\n"
} 0, 3, 4, 20, 50, 51, 60, 200;

my $nginx = MlsecTest::Instance->start(
    http => qq{
    upstream faulty { server @{[$faulty->address]}; keepalive 100; }
    map \$mlsec_item \$soft_mode { volatile; 4 hang; default ok; }
    },
    server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    mlsec_max_calls 4;
    $lists

    location ~ ^/max/(\\d+)\$ {
        mlsec_call l /list/\$1;
        mlsec_call i http://faulty/ok/\$mlsec_item foreach=l target=name;
    }

    location ~ ^/max3/(\\d+)\$ {
        mlsec_call l /list/\$1;
        mlsec_call i http://faulty/ok/\$mlsec_item foreach=l max=3 target=name
                     required;
        mlsec_call f http://faulty/ok/\$mlsec_item foreach=l max=3
                     target=name fallback=omit;
    }

    location = /max3array {
        mlsec_merge array;
        mlsec_call l /list/4;
        mlsec_call i http://faulty/ok/\$mlsec_item foreach=l max=3
                     target=name;
    }

    location ~ ^/at-once\$ {
        mlsec_call l /list/20;
        mlsec_call i http://faulty/slow/200/d\$mlsec_item foreach=l;
    }

    location ~ ^/three\$ {
        mlsec_call l /list/20;
        mlsec_call i http://faulty/slow/100/t\$mlsec_item foreach=l
                     concurrency=3;
    }

    location ~ ^/one\$ {
        mlsec_call l /list/4;
        mlsec_call i http://faulty/slow/40/o\$mlsec_item foreach=l
                     concurrency=1;
    }

    location = /hundred {
        mlsec_call l /list/200;
        mlsec_call i http://faulty/ok/\$mlsec_item foreach=l target=name
                     max=1000 concurrency=100;
    }

    location = /call-max {
        mlsec_call_max_size 100;
        mlsec_call l /sizes;
        mlsec_call i http://faulty/size/\$mlsec_item foreach=l;
        mlsec_call c http://faulty/size-chunked/\$mlsec_item foreach=l;
    }

    location = /total-max {
        mlsec_total_max_size 1000;
        mlsec_call l /totals;
        mlsec_call i http://faulty/size/\$mlsec_item foreach=l concurrency=1;
    }

    location = /sizes { return 200 '[50,100,101,5000,60]'; }
    location = /totals { return 200 '[500,400,300,50,20]'; }

    location = /timeout {
        mlsec_call l /list/4;
        mlsec_call i http://faulty/t/\$mlsec_item foreach=l timeout=1s
                     concurrency=2;
    }

    location = /deadline {
        mlsec_deadline 1200ms;
        mlsec_call l /list/4;
        mlsec_call i http://faulty/hang/dl\$mlsec_item foreach=l concurrency=2;
        mlsec_call x http://faulty/ok/x;
    }

    location = /deadline-late {
        mlsec_deadline 1500ms;
        mlsec_call a http://faulty/slow/300/a;
        mlsec_call b http://faulty/hang/late after=a timeout=10s;
        mlsec_call c http://faulty/ok/c after=b;
    }

    location = /deadline-fallback {
        mlsec_deadline 1s;
        mlsec_call a http://faulty/hang/fb fallback=json:1;
        mlsec_call b 'http://faulty/ok/never-{a}';
        mlsec_call c http://faulty/ok/c;
    }

    location = /soft {
        mlsec_deadline 20s soft=1s;
        mlsec_call l /list/4;
        mlsec_call i http://faulty/\$soft_mode/s\$mlsec_item foreach=l
                     concurrency=2;
        mlsec_call w http://faulty/ok/soft-never after=i;
    }

    location = /soft-required {
        mlsec_deadline 20s soft=100ms;
        mlsec_call a http://faulty/slow/400/a;
        mlsec_call b http://faulty/slow/100/sr after=a required;
        mlsec_call c http://faulty/hang/sr;
        mlsec_call n /list/3;
    }

    location = /soft-list {
        mlsec_deadline 20s soft=100ms;
        mlsec_call l /list/3;
        mlsec_call i http://faulty/slow/200/sl\$mlsec_item foreach=l
                     concurrency=1 required;
    }
    },
);

sub ask {
    my ($path) = @_;

    my $client = $nginx->client;

    $client->request($path);

    my $response = $client->response(20) // { status => 0, body => '' };

    $response->{body} =~ s/"elapsed_ms":\d+/"elapsed_ms":0/g;

    return $response;
}


# how many requests whose path matches were in the service at one time
sub peak {
    my ($like) = @_;

    my ($now, $peak) = (0, 0);

    for my $event ($faulty->events) {
        next unless $event->[1] =~ $like;

        $now += $event->[0] eq 'request' ? 1 : -1;
        $peak = $now if $now > $peak;
    }

    return $peak;
}


sub names {
    return '[' . join(',', map { qq("$_") } @_) . ']';
}


sub entry {
    my ($part, $index, $type, $status, $attempts, $service) = @_;

    return '{"service":"' . ($service // 'faulty') . qq(","part":"$part")
        . (defined $index ? qq(,"index":$index) : '')
        . qq(,"error_type":"$type","status_code":$status,)
        . qq("attempts":$attempts,"elapsed_ms":0});
}


for my $n (3, 50) {
    my $response = ask("/max/$n");

    is($response->{body}, qq({"l":@{[list($n)]},"i":@{[names(1 .. $n)]}}),
       "$n items by default");
    is($response->{headers}{'x-gateway-completed'}, 'true', 'complete');
}

for my $n (51, 60) {
    my $response = ask("/max/$n");

    is($response->{body},
       qq({"l":@{[list($n)]},"i":@{[names(1 .. 50)]},"errors":[)
       . entry('i', undef, 'too_large', 502, 0) . ']}',
       "50 of $n items, and one entry");
    is($response->{headers}{'x-gateway-completed'}, 'false',
       'not complete');
}

ok($nginx->wait_log(qr/\[error\].* mlsec aggregate: list is longer than max=50, part: "i"/, 10),
   'it is logged');

is(ask('/max3/3')->{body}, '{"l":[1,2,3],"i":["1","2","3"],"f":["1","2","3"]}',
   'max=3 of 3');
is(ask('/max3/4')->{body},
   '{"l":[1,2,3,4],"i":["1","2","3"],"f":["1","2","3"],"errors":['
   . entry('i', undef, 'too_large', 502, 0) . ','
   . entry('f', undef, 'too_large', 502, 0) . ']}',
   'max=3 of 4: required has what there is, no fallback stands in');

{
    my $response = ask('/max3array');

    is($response->{body}, '[[1,2,3,4],["1","2","3"]]', 'array');
    is($response->{headers}{'x-gateway-failed'}, 'i', 'names the list');
}

is(() = ask('/at-once')->{body} =~ /"name":"d\d+"/g, 20, '20 items');
is(peak(qr{^/slow/200/d}), 10, 'ten at once by default');

is(() = ask('/three')->{body} =~ /"name":"t\d+"/g, 20, '20 items');
is(peak(qr{^/slow/100/t}), 3, 'three at once');

is(() = ask('/one')->{body} =~ /"name":"o\d+"/g, 4, '4 items');
is(peak(qr{^/slow/40/o}), 1, 'one after the other');

is(ask('/hundred')->{body}, qq({"l":@{[list(200)]},"i":@{[names(1 .. 200)]}}),
   '200 items, 100 at once');

like(ask('/call-max')->{body},
     qr/^\{"l":\[50,100,101,5000,60\],"i":\["x{48}","x{98}",null,null,"x{58}"\],"c":\["x{48}","x{98}",null,null,"x{58}"\],"errors":\[(?:\{"service":"faulty","part":"[ic]","index":[23],"error_type":"too_large","status_code":502,"attempts":[01],"elapsed_ms":0\},?){4}\]\}$/,
     'mlsec_call_max_size is that of an item');

like(ask('/total-max')->{body},
     qr/"i":\["x{498}","x{398}",null,"x{48}","x{18}"\],"errors":\[\{"service":"faulty","part":"i","index":2,"error_type":"too_large"/,
     'mlsec_total_max_size is that of all');

{
    my $response = ask('/timeout');

    is($response->{body},
       '{"l":[1,2,3,4],"i":[1,null,null,4],"errors":['
       . entry('i', 1, 'timeout', 504, 1) . ','
       . entry('i', 2, 'timeout', 504, 1) . ']}',
       'timeout= is that of an item');
    cmp_ok($response->{time}, '<', 5, 'in time');

    ok(defined $faulty->wait_for('gone', "/t/$_", 10), "item $_ is stopped")
        for 2, 3;
}

{
    my $response = ask('/deadline');

    is($response->{body},
       '{"l":[1,2,3,4],"i":[null,null,null,null],"x":{"name":"x"},"errors":['
       . join(',', map { entry('i', $_, 'timeout', 504, $_ < 2 ? 1 : 0) }
              0 .. 3) . ']}',
       'the deadline ends those that run and those that do not');
    cmp_ok($response->{time}, '<', 5, 'in time');

    for my $n (1, 2) {
        ok(defined $faulty->wait_for('gone', "/hang/dl$n", 10),
           "item $n is stopped");
    }

    is($faulty->count('request', "/hang/dl$_"), 0, "item $_ has not begun")
        for 3, 4;
}

{
    my $response = ask('/deadline-late');

    is($response->{body},
       '{"a":{"name":"a"},"b":null,"c":null,"errors":['
       . entry('b', undef, 'timeout', 504, 1) . ','
       . entry('c', undef, 'dependency', 502, 0) . ']}',
       'a part that starts late has what is left of the deadline');
    cmp_ok($response->{time}, '<', 5, 'in time');
    ok(defined $faulty->wait_for('gone', '/hang/late', 10), 'it is stopped');
}

is(ask('/deadline-fallback')->{body},
   '{"a":1,"b":null,"c":{"name":"c"},"errors":['
   . '{"service":"faulty","part":"a","error_type":"timeout",'
   . '"status_code":504,"attempts":1,"elapsed_ms":0,"fallback":true},'
   . entry('b', undef, 'timeout', 504, 0) . ']}',
   'after the deadline nothing starts');
is($faulty->count('request', '/ok/never-1'), 0, 'it has not begun');

is(ask('/soft')->{body},
   '{"l":[1,2,3,4],"i":[{"name":"s1"},{"name":"s2"},{"name":"s3"},null],'
   . '"w":null,"errors":[' . entry('i', 3, 'timeout', 504, 1) . ','
   . entry('w', undef, 'timeout', 504, 0) . ']}',
   'soft: the items that have come, and nothing starts any more');
is($faulty->count('request', '/ok/soft-never'), 0, 'it has not begun');
ok(defined $faulty->wait_for('gone', '/hang/s4', 10), 'the late one is stopped');

is(ask('/soft-required')->{body},
   '{"a":{"name":"a"},"b":{"name":"sr"},"c":null,"n":[1,2,3],"errors":['
   . entry('c', undef, 'timeout', 504, 1) . ']}',
   'soft: a required part that waits is waited for');

is(ask('/soft-list')->{body},
   '{"l":[1,2,3],"i":[{"name":"sl1"},{"name":"sl2"},{"name":"sl3"}]}',
   'soft: a required list is waited for');

$nginx->finish;

done_testing;
