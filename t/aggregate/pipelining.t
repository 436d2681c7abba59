# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# HTTP/1.x: one connection for many aggregates, pipelining, HEAD, HTTP/1.0,
# bodies in chunks, Expect.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep);

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/echo' => sub {
        my ($request) = @_;
        my $h = $request->{headers};

        return MlsecTest::Faulty::json(sprintf
            '{"method":"%s","length":%d,"sum":%d,"cl":"%s","te":"%s",'
            . '"expect":"%s"}', $request->{method}, length $request->{body},
            unpack('%32C*', $request->{body}), $h->{'content-length'} // '',
            $h->{'transfer-encoding'} // '', $h->{expect} // '');
    },
});

my $nginx = MlsecTest::Instance->start(
    http => qq{
    upstream faulty { server @{[$faulty->address]}; keepalive 8; }
    },
    server => qq{
    include \$CONF/mlsec_parts.conf;
    client_max_body_size 1m;
    client_body_buffer_size 8k;

    location = /n {
        mlsec_call a http://faulty/ok/\$arg_n;
    }

    location = /slow {
        mlsec_call a http://faulty/slow/100/\$arg_n;
        mlsec_call b http://faulty/ok/\$arg_n;
    }

    location = /fails {
        mlsec_call a http://faulty/status/500 required;
        mlsec_call b http://faulty/hang/\$arg_n;
    }

    location = /post {
        mlsec_call a http://faulty/echo body=on;
        mlsec_call b http://faulty/echo;
        mlsec_call c http://faulty/echo method=PUT body=on;
    }

    location = /plain {
        return 200 plain;
    }
    },
);


sub n {
    my ($n) = @_;

    return qq({"a":{"name":"$n"}});
}


{
    my $client = $nginx->client;

    $client->request("/n?n=$_") for 1 .. 50;

    my @bodies = map { ($client->response(10) // {})->{body} } 1 .. 50;

    is_deeply(\@bodies, [map { n($_) } 1 .. 50], '50 requests in one go');
}

{
    my $client = $nginx->client;

    $client->request('/slow?n=1');
    $client->request('/plain');
    $client->request('/fails?n=1');
    $client->request('/slow?n=2', method => 'HEAD');
    $client->request('/n?n=3');

    my @got = map { $client->response(10) } 1 .. 5;

    is($got[0]{body}, '{"a":{"name":"1"},"b":{"name":"1"}}', 'slow');
    is($got[1]{body}, 'plain', 'plain after it');
    is($got[2]{status}, 502, 'a failure');
    is($got[3]{body}, '', 'HEAD');
    is($got[3]{headers}{'content-length'},
       length '{"a":{"name":"2"},"b":{"name":"2"}}', 'HEAD: its length');
    is($got[4]{body}, n(3), 'and the last');
}

{
    my $get  = $nginx->get('/slow?n=x');
    my $head = $nginx->get('/slow?n=x', method => 'HEAD');

    my @headers = map {
        my $raw = $_->{raw};
        $raw =~ s/^Date: .*\r\n//m;
        $raw;
    } $get, $head;

    is($headers[1], $headers[0], 'HEAD has the headers of GET');

    $head = $nginx->get('/fails?n=x', method => 'HEAD');
    is($head->{status}, 502, 'HEAD of a failure');
    is($head->{body}, '', 'without a body');
}

{
    my $client = $nginx->client;
    my $bad    = 0;

    for my $n (1 .. 300) {
        $client->request("/n?n=$n");

        my $response = $client->response(10);

        $bad++ unless $response && $response->{body} eq n($n);
    }

    is($bad, 0, '300 requests on one connection, one after the other');
}

for my $version ('1.0') {
    my $client = $nginx->client;

    $client->request('/slow?n=old', version => $version);

    my $response = $client->response(10);

    is($response->{body}, '{"a":{"name":"old"},"b":{"name":"old"}}',
       'HTTP/1.0');
    ok($client->is_closed(10), 'HTTP/1.0: closed after it');

    $client = $nginx->client;
    $client->request('/slow?n=old', version => $version,
                     headers => ['Connection: keep-alive']);
    $response = $client->response(10);
    is($response->{headers}{connection}, 'keep-alive',
       'HTTP/1.0 with keep-alive');
    $client->request('/n?n=2', version => $version);
    is(($client->response(10) // {})->{body}, n(2), 'and the next');
}

{
    my $client = $nginx->client;

    $client->request('/slow?n=bye', headers => ['Connection: close']);
    is($client->response(10)->{body},
       '{"a":{"name":"bye"},"b":{"name":"bye"}}', 'Connection: close');
    ok($client->is_closed(10), 'is obeyed');
}

my $echo = sub {
    my ($n, $sum) = @_;

    return qq({"a":{"method":"POST","length":$n,"sum":$sum,"cl":"$n","te":"",)
        . '"expect":""},'
        . '"b":{"method":"GET","length":0,"sum":0,"cl":"","te":"",'
        . '"expect":""},'
        . qq("c":{"method":"PUT","length":$n,"sum":$sum,"cl":"$n","te":"",)
        . '"expect":""}}';
};

is($nginx->get('/post', method => 'POST', body => 'abc')->{body},
   $echo->(3, 294), 'POST');
is($nginx->get('/post', method => 'POST', body => '')->{body},
   $echo->(0, 0), 'POST of nothing');
is($nginx->get('/post', method => 'POST', body => 'a' x 300_000)->{body},
   $echo->(300_000, 29_100_000), 'POST by way of a temporary file');
is($nginx->get('/post', method => 'POST', body => 'a' x 1_048_577)->{status},
   413, 'POST that is too large');

{
    my $client = $nginx->client;

    $client->send("POST /post HTTP/1.1\r\nHost: a\r\n"
                  . "Transfer-Encoding: chunked\r\n\r\n");
    $client->expect('POST');

    for ('a' x 10, 'a' x 1000, 'a') {
        $client->send(sprintf("%x\r\n%s\r\n", length, $_));
        sleep 0.03;
    }

    $client->send("0\r\n\r\n");
    is(($client->response(10) // {})->{body}, $echo->(1011, 98_067),
       'POST in chunks, slowly');

    my $many = join '', map { "10\r\n" . 'a' x 16 . "\r\n" } 1 .. 5000;

    $client->send("POST /post HTTP/1.1\r\nHost: a\r\n"
                  . "Transfer-Encoding: chunked\r\n\r\n${many}0\r\n\r\n");
    $client->request('/n?n=after');
    is(($client->response(10) // {})->{body}, $echo->(80_000, 7_760_000),
       'POST in many chunks');
    is(($client->response(10) // {})->{body}, n('after'),
       'and a request right behind it');
}

{
    my $client = $nginx->client;

    $client->send("POST /post HTTP/1.1\r\nHost: a\r\n"
                  . "Transfer-Encoding: chunked\r\n\r\nzz\r\n");
    is(($client->response(10) // {})->{status}, 400, 'a bad chunk');
}

{
    my $client = $nginx->client;

    $client->send("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                  . "Expect: 100-continue\r\n\r\n");
    sleep 0.1;
    $client->send('abc');
    is(($client->response(10) // {})->{body}, $echo->(3, 294),
       'Expect: 100-continue');
}

for my $expect (0, 1) {

    # a body that no part wants: with it, without waiting for it, behind it

    my $client = $nginx->client;

    $client->send("POST /slow?n=u HTTP/1.1\r\nHost: a\r\n"
                  . 'Content-Length: 100000' . "\r\n"
                  . ($expect ? "Expect: 100-continue\r\n" : '') . "\r\n");
    sleep 0.02;
    $client->send('b' x 100_000);
    $client->request('/n?n=behind');

    my $response = $client->response(10);

    is($response && $response->{body}, '{"a":{"name":"u"},"b":{"name":"u"}}',
       "a body that no part wants, Expect: $expect");

    $response = $client->response(10);
    is($response && $response->{body}, n('behind'),
       "and a request right behind it, Expect: $expect");
}

{
    # and one that comes after the answer

    my $client = $nginx->client;

    $client->send("POST /slow?n=l HTTP/1.1\r\nHost: a\r\n"
                  . "Content-Length: 10\r\n\r\n01234");

    my $response = $client->response(10);

    is($response && $response->{body}, '{"a":{"name":"l"},"b":{"name":"l"}}',
       'the answer does not wait for a body that no part wants');
    $client->send('56789');
    $client->request('/n?n=late');
    $response = $client->response(10);
    is($response && $response->{body}, n('late'), 'whose rest is thrown away');
}

# the services are reached over a handful of connections: keepalive works
cmp_ok($faulty->count('idle'), '<', 100, 'upstream connections are kept');

$nginx->finish;

done_testing;
