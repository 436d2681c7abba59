# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Chains and lists when things go wrong: each fault of a part that others wait
# for, a required sibling that fails, a client that leaves, an aggregate
# around it that runs out of time, HTTP/2; then lists of 50 with faults of
# every kind, many at a time.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::H2;
use MlsecTest::Instance;

use constant {
    CLIENTS => 8,
    ROUNDS  => 3,
};

my $list = '[' . join(',', 1 .. 50) . ']';

# every kind of end for the items of a list
my %ends = (
    ok       => sub { MlsecTest::Faulty::json(qq({"n":$_[0]})) },
    status   => sub { MlsecTest::Faulty::json('{}', status => 503) },
    bad      => sub { MlsecTest::Faulty::json('{"n":') },
    large    => sub { MlsecTest::Faulty::json('"' . 'x' x 3000 . '"') },
    chunked  => sub { MlsecTest::Faulty::chunked('"' . 'x' x 3000 . '"') },
    close    => sub { [out => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"],
                      ['close'] },
    reset    => sub { ['reset'] },
    hang     => sub { ['hang'] },
    half     => sub { MlsecTest::Faulty::header(length => 9), [out => '{'],
                      ['hang'] },
    slow     => sub { [wait => 0.05], MlsecTest::Faulty::json($_[0]) },
);
my @ends = sort keys %ends;

sub end_of { return $ends[$_[0] % @ends] }

my $faulty = MlsecTest::Faulty->start(replies => {
    '/list'     => [MlsecTest::Faulty::json($list)],
    '/slowlist' => [[wait => 0.2], MlsecTest::Faulty::json($list)],
    '/late500'  => [[wait => 1],
                    MlsecTest::Faulty::json('{}', status => 500)],
    map { my $n = $_; ("/mix/$n" => sub { $ends{ end_of($n) }->($n) }) }
        1 .. 50,
});

my $hole = MlsecTest::Faulty::Blackhole->new;

my %parent = (
    connect => 'http://none/',
    hole    => 'http://hole/ timeout=200ms',
    status  => 'http://faulty/status/500',
    bad     => 'http://faulty/mix/' . (grep { end_of($_) eq 'bad' } 1 .. 50)[0],
    close   => 'http://faulty/mix/'
               . (grep { end_of($_) eq 'close' } 1 .. 50)[0],
    reset   => 'http://faulty/mix/'
               . (grep { end_of($_) eq 'reset' } 1 .. 50)[0],
    large   => 'http://faulty/size/3000',
    endless => 'http://faulty/endless',
    hang    => 'http://faulty/hang/parent timeout=200ms',
    half    => 'http://faulty/half-body/parent timeout=200ms',
    target  => 'http://faulty/ok/x target=no',
    local   => '/no/such',
    nested  => '/inner-fails',
);

my $parents = join '', map { qq{
    location = /parent/$_ {
        mlsec_call p $parent{$_};
        mlsec_call c http://faulty/ok/$_-c after=p;
        mlsec_call v 'http://faulty/ok/$_-{p.id}';
        mlsec_call i http://faulty/ok/$_-\$mlsec_item foreach=p.ids;
        mlsec_call z http://faulty/ok/z;
    }
} } sort keys %parent;

my $nginx = MlsecTest::Instance->start(
    http => qq{
    upstream faulty { server @{[$faulty->address]} max_fails=0; keepalive 64; }
    upstream hole   { server @{[$hole->address]}; }
    upstream none   { server unix:\$DIR/nobody.sock; }
    limit_req_zone \$uri zone=delayed:1m rate=10r/s;
    log_format names '\$status \$uri \$mlsec_failed';
    access_log \$DIR/logs/names.log names;
    },
    server => qq{
    listen unix:\$DIR/h2.sock http2;
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    mlsec_call_max_size 2000;
    $parents

    location = /no/such { return 404; }

    location = /inner-fails {
        mlsec_call a http://faulty/ok/inner;
        mlsec_call b 'http://faulty/status/500?{a.name}' required;
    }

    location = /ok {
        mlsec_call l http://faulty/list;
        mlsec_call i http://faulty/ok/\$mlsec_item foreach=l target=name;
        mlsec_call n 'http://faulty/ok/x{o.name}';
        mlsec_call o http://faulty/ok/o;
    }

    location = /cancel {
        mlsec_call l    http://faulty/list;
        mlsec_call i    http://faulty/hang/\$arg_n-\$mlsec_item foreach=l
                        concurrency=5;
        mlsec_call w    http://faulty/ok/never after=i;
        mlsec_call bad  http://faulty/late500 required;
    }

    location = /cancel-starting {
        mlsec_call bad http://faulty/late500;
        mlsec_call b   'http://faulty/x{bad}' required;
        mlsec_call i   http://faulty/hang/\$arg_n-\$mlsec_item foreach=l;
        mlsec_call l   http://faulty/list;
    }

    location = /hang {
        mlsec_call l http://faulty/slowlist;
        mlsec_call i http://faulty/hang/\$arg_n-\$mlsec_item foreach=l;
        mlsec_call h http://faulty/half-body/\$arg_n-h after=l;
    }

    location = /outer {
        mlsec_call in /hang timeout=1500ms args=n;
        mlsec_call z  http://faulty/ok/z after=in;
    }

    location = /outer-list {
        mlsec_call l /three;
        mlsec_call i /hang foreach=l timeout=1500ms args=n;
        mlsec_call z http://faulty/ok/z;
    }

    location = /three { return 200 '[1,2,3]'; }

    location = /post {
        mlsec_call l http://faulty/list body=on;
        mlsec_call i http://faulty/ok/\$mlsec_item foreach=l max=50
                     method=POST body=on target=name;
    }

    location = /mix {
        mlsec_call l http://faulty/list;
        mlsec_call i http://faulty/mix/\$mlsec_item foreach=l timeout=2500ms
                     concurrency=20;
        mlsec_call j 'http://faulty/ok/{x.name}';
        mlsec_call x http://faulty/ok/x;
    }

    location = /limited {
        mlsec_call l /three;
        mlsec_call i /delayed/same foreach=l target=name;
        mlsec_call z http://faulty/ok/z;
    }

    location /delayed/ {
        limit_req zone=delayed burst=10;
        proxy_pass http://faulty/ok/;
    }
    },
);


sub ask {
    my ($path, %o) = @_;

    my $client = $nginx->client;

    $client->request($path, %o);

    my $response = $client->response(20) // { status => 0, body => '' };

    $response->{body} =~ s/"elapsed_ms":\d+/"elapsed_ms":0/g;

    return $response;
}


sub gone {
    my ($name, @paths) = @_;

    my $left = grep { !defined $faulty->wait_for('gone', $_, 10) } @paths;

    is($left, 0, "$name: all are stopped");

    return;
}


my $worker = ($nginx->worker_pids)[0];
my $all = '{"l":' . $list . ',"i":['
    . join(',', map { qq("$_") } 1 .. 50)
    . '],"n":{"name":"xo"},"o":{"name":"o"}}';

is(ask('/ok')->{body}, $all, 'all is well');

for my $fault (sort keys %parent) {
    my $response = ask("/parent/$fault");
    my $entry = '\{"service":"faulty","part":"%s","error_type":"dependency",'
        . '"status_code":502,"attempts":0,"elapsed_ms":0\}';
    my $entries = join ',', map { sprintf $entry, $_ } qw(c v i);

    like($response->{body},
         qr/^\{"p":null,"c":null,"v":null,"i":null,"z":\{"name":"z"\},"errors":\[\{[^}]+"part":"p"[^}]+\},$entries\]\}$/,
         "after $fault");
    is((grep { $_->[1] =~ m{^/ok/$fault-} } $faulty->events), 0,
       "after $fault: nothing is asked");
}

{
    my $response = ask('/cancel?n=c');

    is($response->{status}, 502, 'a required sibling fails');
    cmp_ok($response->{time}, '<', 5, 'at once');
    like($response->{body},
         qr/"details":\{"service":"faulty","part":"bad",.*"errors":\[\{"service":"faulty","part":"i","error_type":"canceled","status_code":503,"attempts":5,[^}]+\},\{"service":"faulty","part":"w","error_type":"canceled","status_code":503,"attempts":0,[^}]+\},\{"service":"faulty","part":"bad"/,
         'one entry for the list');
    gone('/cancel', map { "/hang/c-$_" } 1 .. 5);
    is($faulty->count('request', '/hang/c-6'), 0, 'no further item begins');
}

{
    my $response = ask('/cancel-starting?n=s');

    is($response->{status}, 502, 'a required part fails with what it needs');
    like($response->{body}, qr/"part":"b","error_type":"dependency"/,
         'it is the cause');
    gone('/cancel-starting', map { "/hang/s-$_" } 1 .. 10);
}

{
    my $client = $nginx->client;

    $client->request('/hang?n=a');
    ok(defined $faulty->wait_for('request', '/slowlist', 10), 'the list is asked');
    $client->close;
    gone('the client leaves while a part waits', '/slowlist');

    $client = $nginx->client;
    $client->request('/hang?n=b');
    ok(defined $faulty->wait_for('request', "/hang/b-$_", 10), "item $_ has begun")
        for 1, 10;
    ok(defined $faulty->wait_for('request', '/half-body/b-h', 10),
       'the part after it has begun');
    $client->close;
    gone('the client leaves', '/half-body/b-h', map { "/hang/b-$_" } 1 .. 10);
    is($faulty->count('request', '/hang/b-11'), 0, 'no further item begins');
    ok($nginx->wait_log(qr/client prematurely closed connection/, 10),
       'it is logged');
}

{
    my $response = ask('/outer?n=o');

    like($response->{body},
         qr/^\{"error":true,"status_code":504,.*"part":"in","error_type":"timeout"/,
         'an aggregate around it is out of time');
    gone('/outer', '/half-body/o-h', map { "/hang/o-$_" } 1 .. 10);

    $response = ask('/outer-list?n=p');
    like($response->{body},
         qr/^\{"l":\[1,2,3\],"i":\[null,null,null\],"z":\{"name":"z"\},"errors":\[(?:\{"service":"i","part":"i","index":[012],"error_type":"timeout",[^}]+\},?){3}\]\}$/,
         'a list of aggregates with lists is out of time');
    ok(defined $faulty->wait_for('gone', "/hang/p-$_", 10, 3),
       "item $_ of all three is stopped") for 1, 10;
}

for (1 .. 3) {
    is(ask('/limited')->{body},
       '{"l":[1,2,3],"i":["same","same","same"],"z":{"name":"z"}}',
       'an item that limit_req delays');
}

ok($nginx->wait_log(qr/delaying request/, 10), 'it was delayed');

{
    my $response = ask('/post', method => 'POST', body => 'x' x 30000);

    is(() = $response->{body} =~ /"\d+"/g, 50, '50 times the body');

    my $client = $nginx->client;

    $client->request('/ok', method => 'POST', body => 'x' x 70000);
    is(($client->response(10) // {})->{body}, $all, 'a body nobody wants');
    $client->request('/ok');
    is(($client->response(10) // {})->{body}, $all, 'the connection goes on');
}

SKIP: {
    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';

    skip 'nginx without HTTP/2', 7
        unless `$binary -V 2>&1` =~ /--with-http_v2_module/;

    my $h2 = MlsecTest::H2->new($nginx->dir . '/h2.sock');
    my @ids = map { $h2->request('/ok') } 1 .. 4;

    for my $id (@ids) {
        is(($h2->response($id, 10) // {})->{body}, $all, "HTTP/2 stream $id");
    }

    my $id = $h2->request('/hang?n=h2');

    ok(defined $faulty->wait_for('request', '/hang/h2-10', 10),
       'HTTP/2: items have begun');
    $h2->reset($id);
    gone('HTTP/2: the stream is reset', '/half-body/h2-h',
         map { "/hang/h2-$_" } 1 .. 10);

    $id = $h2->request('/post', method => 'POST', end => 0);
    $h2->body($id, 'x' x 5000, 10);
    is(() = (($h2->response($id, 10) // {})->{body} // '') =~ /"\d+"/g, 50,
       'HTTP/2: with a body');
}

# the load

my %type = (
    status => 'upstream_status', bad => 'bad_json', large => 'too_large',
    chunked => 'too_large', close => 'reset', reset => 'reset',
    hang => 'timeout', half => 'timeout',
);
my $elements = join ',', map {
    end_of($_) eq 'ok' ? qq({"n":$_}) : end_of($_) eq 'slow' ? $_ : 'null'
} 1 .. 50;
my @failed = grep { $type{ end_of($_) } } 1 .. 50;
my $wrong = 0;

for my $round (1 .. ROUNDS) {
    my @clients = map { $nginx->client } 1 .. CLIENTS;

    $_->request('/mix') for @clients;

    # some do not wait
    (pop @clients)->close for 1 .. 2;

    for my $client (@clients) {
        my $body = ($client->response(30) // {})->{body} // '';

        my @entries = $body =~ /"index":(\d+),"error_type":"(\w+)"/g;
        my @expected = map { ($_ - 1, $type{ end_of($_) }) } @failed;

        next if index($body, qq("i":[$elements],"j":{"name":"x"},)) > 0
            && "@entries" eq "@expected";

        diag("got $body\n@entries\n@expected") if !$wrong++;
    }
}

is($wrong, 0, 'lists of 50 with all kinds of faults, many at a time');

is(ask('/ok')->{body}, $all, 'the gateway goes on');
is(($nginx->worker_pids)[0], $worker, 'with the same worker');

$nginx->finish;

my @log = grep { m{ /(?:cancel|hang|mix) } }
    split /\n/, $nginx->_read('logs/names.log');

is(scalar(grep { m{^499 /mix} } @log), 2 * ROUNDS, 'those who left');
is(scalar(grep { m{^200 /mix i$} } @log), (CLIENTS - 2) * ROUNDS,
   'the others, and the name of the list');

done_testing;
