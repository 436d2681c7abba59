# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Aggregates for HTTP/2 clients.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep);

use MlsecTest::Faulty;
use MlsecTest::H2;
use MlsecTest::Instance;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';

plan(skip_all => 'nginx without HTTP/2')
    unless `$binary -V 2>&1` =~ /--with-http_v2_module/;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/echo' => sub {
        my ($request) = @_;

        return MlsecTest::Faulty::json(sprintf
            '{"method":"%s","length":%d,"sum":%d}', $request->{method},
            length $request->{body}, unpack '%32C*', $request->{body});
    },
    '/late500' => [[wait => 0.3],
                   MlsecTest::Faulty::json('{}', status => 500)],
});

my $nginx = MlsecTest::Instance->start(
    http => qq{
    upstream faulty { server @{[$faulty->address]}; keepalive 8; }
    proxy_cache_path \$DIR/cache keys_zone=c:1m;
    },
    server => qq{
    listen unix:\$DIR/h2.sock http2;
    include \$CONF/mlsec_parts.conf;
    client_max_body_size 1m;

    location = /ok {
        mlsec_call a http://faulty/ok/a;
        mlsec_call b http://faulty/slow/50/b;
    }

    location = /number {
        mlsec_call a http://faulty/slow/100/\$arg_n;
        mlsec_call b http://faulty/ok/\$arg_n;
    }

    location = /hang {
        mlsec_call a http://faulty/hang/\$arg_n;
        mlsec_call b http://faulty/half-body/\$arg_n;
    }

    location = /fails {
        mlsec_call a http://faulty/hang/\$arg_n;
        mlsec_call b http://faulty/late500 required;
    }

    location = /post {
        mlsec_call a http://faulty/echo body=on;
        mlsec_call b /cached;
        mlsec_call c /return;
        mlsec_call d http://faulty/ok/d;
    }

    location = /post-cached {
        mlsec_call a /cached body=on method=GET;
        mlsec_call b /return;
    }

    location /post-refused/ {
        mlsec_call a http://faulty/echo body=on;
        mlsec_call b http://faulty/ok/b 'header=X-Path: \$uri';
    }

    location = /post-unread {
        mlsec_call a http://faulty/slow/200/a;
        mlsec_call b http://faulty/ok/b;
    }

    location = /cached {
        proxy_pass http://faulty/ok/cached;
        proxy_cache c;
        proxy_cache_methods GET HEAD POST;
        proxy_cache_valid 1m;
    }

    location = /return {
        return 200 '{"r":1}';
    }
    },
);

my $h2 = MlsecTest::H2->new($nginx->dir . '/h2.sock');


sub answers {
    my ($id, $status, $body, $name) = @_;

    my $response = $h2->response($id, 5);

    is($response && $response->{status}, $status, "$name: status");
    is($response && $response->{body}, $body, "$name: body")
        if defined $body;

    return $response;
}


answers($h2->request('/ok'), 200, '{"a":{"name":"a"},"b":{"name":"b"}}',
        'GET');
answers($h2->request('/ok', method => 'HEAD'), 200, '', 'HEAD');

answers($h2->request('/cached'), 200, '{"name":"cached"}', 'cache is filled');

my $post = sub {
    my ($n, $sum) = @_;

    return qq({"a":{"method":"POST","length":$n,"sum":$sum},)
        . '"b":{"name":"cached"},"c":{"r":1},"d":{"name":"d"}}';
};

{
    my $id = $h2->request('/post', method => 'POST', end => 0);

    $h2->data($id, 'abc', 1);
    answers($id, 200, $post->(3, 97 + 98 + 99), 'POST in one frame');
}

{
    my $id = $h2->request('/post', method => 'POST', end => 0);

    for (1 .. 10) {
        $h2->data($id, 'a' x 100, 0);
        sleep 0.02;
    }

    $h2->data($id, '', 1);
    answers($id, 200, $post->(1000, 97_000), 'POST in slow frames');
}

{
    my $id = $h2->request('/post', method => 'POST', end => 0,
                          headers => [['content-length', 20]]);

    sleep 0.1;
    $h2->data($id, 'a' x 10, 0);
    sleep 0.1;
    $h2->data($id, 'a' x 10, 1);
    answers($id, 200, $post->(20, 1940), 'POST with a length');
}

{
    my $id = $h2->request('/post', method => 'POST');

    answers($id, 200, $post->(0, 0), 'POST without a body');
}

{
    my $id = $h2->request('/post', method => 'POST', end => 0);

    ok($h2->body($id, 'a' x 400_000, 10), 'POST of 400 kB is let in');
    answers($id, 200, $post->(400_000, 38_800_000), 'POST of 400 kB');
}

# every part is answered before the handler returns

for my $end (1, 0) {
    my $id = $h2->request('/post-cached', method => 'POST', end => 0);

    sleep 0.05;
    $h2->data($id, 'a' x 10, $end);
    sleep 0.05;
    $h2->data($id, '', 1) unless $end;
    answers($id, 200, '{"a":{"name":"cached"},"b":{"r":1}}',
            "POST, all parts from the cache, end with data: $end");
}

{
    my $id = $h2->request('/post-refused/a%0ab', method => 'POST', end => 0);

    sleep 0.05;
    $h2->data($id, 'a' x 10, 1);
    answers($id, 400, undef, 'POST that is refused after its body');
}

{
    my $id = $h2->request('/post-unread', method => 'POST', end => 0);

    $h2->body($id, 'a' x 300_000, 10);
    answers($id, 200, '{"a":{"name":"a"},"b":{"name":"b"}}',
            'POST that no part wants');
}

{
    my $id = $h2->request('/post', method => 'POST', end => 0,
                          headers => [['content-length', 2_000_000]]);

    answers($id, 413, undef, 'POST that is too large');
}

{
    # one stream is reset, its neighbour is not harmed

    my $one = $h2->request('/hang?n=one');
    my $two = $h2->request('/number?n=2');

    ok(defined $faulty->wait_for('request', '/hang/one', 10), 'reset: begun');
    $h2->reset($one);
    ok(defined $faulty->wait_for('gone', '/hang/one', 10),
       'reset: the first part is stopped');
    ok(defined $faulty->wait_for('gone', '/half-body/one', 10),
       'reset: so is the second');
    answers($two, 200, '{"a":{"name":"2"},"b":{"name":"2"}}',
            'the stream beside it');
}

{
    my $id = $h2->request('/post', method => 'POST', end => 0);

    $h2->data($id, 'abc', 0);
    sleep 0.05;
    $h2->reset($id);
    ok($h2->ping(10), 'reset in the body: the connection goes on');
}

{
    my $id = $h2->request('/fails?n=f');

    answers($id, 502, undef, 'a required part fails');
    ok(defined $faulty->wait_for('gone', '/hang/f', 10),
       'its sibling is stopped');
}

{
    my @ids = map { [$_, $h2->request("/number?n=$_")] } 100 .. 199;
    my $bad = 0;

    for (@ids) {
        my ($n, $id) = @$_;
        my $response = $h2->response($id, 10);

        $bad++ unless $response && $response->{body}
            eq qq({"a":{"name":"$n"},"b":{"name":"$n"}});
    }

    is($bad, 0, '100 streams at once');
}

{
    # a mixture of streams that end well, are reset, fail, and post

    my $bad = 0;

    for my $round (1 .. 20) {
        my $ok    = $h2->request('/ok');
        my $hang  = $h2->request("/hang?n=m$round");
        my $fails = $h2->request("/fails?n=m$round");
        my $post  = $h2->request('/post-cached', method => 'POST', end => 0);

        $h2->reset($hang);
        $h2->data($post, 'x', 1);

        for ([$ok, 200], [$fails, 502], [$post, 200]) {
            my $response = $h2->response($_->[0], 5);

            $bad++ unless $response && $response->{status} == $_->[1];
        }
    }

    is($bad, 0, 'a mixture of good and bad');
}

{
    # the whole connection goes away

    my $other = MlsecTest::H2->new($nginx->dir . '/h2.sock');

    $other->request("/hang?n=c$_") for 1 .. 5;
    ok(defined $faulty->wait_for('request', "/hang/c$_", 10),
       "close: stream $_ has begun") for 1 .. 5;
    $other->close;
    ok(defined $faulty->wait_for('gone', "/hang/c$_", 10),
       "close: stream $_ is stopped") for 1 .. 5;
}

ok(!$h2->goaway, 'the connection was never given up');
answers($h2->request('/ok'), 200, '{"a":{"name":"a"},"b":{"name":"b"}}',
        'and goes on');
$h2->close;

my $curl = `curl -s --http2-prior-knowledge --unix-socket @{[$nginx->dir]}/h2.sock -d xyz http://localhost/post 2>/dev/null`;

SKIP: {
    skip 'no curl', 1 if $? == -1 || $? >> 8 == 127;
    is($curl, $post->(3, 120 + 121 + 122), 'curl');
}

# a stream that was never released would hold the worker
$nginx->finish;

done_testing;
