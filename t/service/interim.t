# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What a service says before it answers, 1xx, is neither its answer nor a
# client's; nor is one that it does not follow up, or 101 without a question.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $json = \&MlsecTest::Faulty::json;

my $continue = [out => "HTTP/1.1 100 Continue\r\n\r\n"];
my $hints = [out => "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n"
             . "Set-Cookie: hint=1\r\nContent-Length: 3\r\n\r\n"];
my $answer = $json->('{"ok":1}');
my %seen;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/at-once'  => [[out => join '', map { $_->[1] } $continue, $hints, $answer]],
    '/later'    => [$continue, [wait => 0.02], $hints, [wait => 0.02], $hints, [wait => 0.02], $answer],
    '/split'    => [map({ [out => $_], [wait => 0.01] } "HTTP/1.1 10", "3 x\r\nLink: ", "y\r\n\r", "\nHTTP/1.1 2", "00 OK\r\n"),
                    [out => "Content-Length: 8\r\n\r\n{\"ok\":1}"]],
    '/chunked'  => [$hints, MlsecTest::Faulty::chunked('{"ok":1}')],
    '/large'    => [$hints, $json->('"' . 'x' x 100_000 . '"')],
    '/empty'    => [$hints, [out => "HTTP/1.1 204 No Content\r\n\r\n"]],
    '/not-well' => [$hints, $json->('{}', status => 404)],
    '/silent'   => [$continue, ['hang']],
    '/gone'     => [$hints, ['close']],
    '/endless'  => [map { $hints } 1 .. 40],
    '/switch'   => [[out => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
                     . "Connection: upgrade\r\n\r\n"], ['hang']],
    '/zero'     => [$json->('{}', status => '099')],
    '/words'    => [[out => "HTTP/1.1 well\r\n\r\n{}"], ['close']],
    '/kept'     => [$hints, MlsecTest::Faulty::header(length => 8, lines => ['Cache-Control: max-age=60']),
                    [out => '{"ok":1}']],
    '/unkept'   => [[out => "HTTP/1.1 103 x\r\nCache-Control: max-age=60\r\n\r\n"], $answer],
    '/second'   => sub { return ($hints, $json->('{"ok":1}', status => $seen{second}++ % 2 ? 200 : 503)) },
});
my $address = $faulty->address;

my $nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    proxy_cache_path \$DIR/cache keys_zone=c:1m;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream u { server $address max_fails=0; keepalive 4; mlsec_service u; }
    upstream again {
        server $address max_fails=0; server 127.0.0.1:@{[$faulty->port]} max_fails=0;
        mlsec_service again; mlsec_retry min=1000 base=1ms;
    }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    location /plain/ { proxy_pass http://u/; add_header X-Status \$upstream_status; }
    location /short/ { proxy_pass http://u/; proxy_read_timeout 300ms; }
    location /raw/ { proxy_pass http://u/; proxy_buffering off; }
    location /again/ { proxy_pass http://again/; }
    location /cached/ {
        proxy_pass http://u/; proxy_cache c; add_header X-Cache \$upstream_cache_status;
    }
    location ~ ^/part(/.*) { mlsec_call a http://u\$1 timeout=5s; mlsec_call b /b; }
    location ~ ^/hasty(/.*) { mlsec_call a http://u\$1 timeout=300ms; mlsec_call b /b; }
    location ~ ^/parts(/.*) { mlsec_call a http://again\$1; mlsec_call b /b; }
    location = /b { mlsec_respond 1; }
});

my $client = $nginx->client;

sub ask {
    my ($path, %o) = @_;

    $client->request($path, %o);

    return $client->response(10) // { status => 'none', body => '' };
}

# on one connection: what is too much of an answer would be the next one
for my $path (qw(at-once later split chunked)) {
    for my $way (qw(plain raw again)) {
        my $r = ask("/$way/$path");

        is("$r->{status} $r->{body}", '200 {"ok":1}', "$way, $path");
        is($r->{headers}{'set-cookie'} // $r->{headers}{link}, undef, "$way, $path: its own headers");
        is($r->{headers}{'x-status'} // 200, 200, "$way, $path: \$upstream_status");
    }

    is(ask("/$_/$path")->{body}, '{"a":{"ok":1},"b":1}', "$_, $path") for qw(part parts);
}

for my $way (qw(plain raw)) {
    is(length ask("/$way/large")->{body}, 100_002, "$way: a large one");
    is(ask("/$way/empty")->{status}, 204, "$way: one without a body");
    is(ask("/$way/not-well")->{status}, 404, "$way: its status");
    is(ask("/$way/later", method => 'HEAD')->{status}, 200, "$way: HEAD");
    is(ask("/$way/later", method => 'POST', body => 'x')->{body}, '{"ok":1}', "$way: POST");
}

my $n = $faulty->count('request', '/second');

is(ask('/again/second')->{status}, 200, 'another attempt');
is(ask('/parts/second')->{body}, '{"a":{"ok":1},"b":1}', 'another attempt of a part');
is($faulty->count('request', '/second') - $n, 4, 'two calls each');

for ('MISS', 'HIT', 'HIT') {
    my $r = ask('/cached/kept');

    is("$r->{status} $r->{headers}{'x-cache'} $r->{body}", qq(200 $_ {"ok":1}), "a cache, $_");
}

is(ask('/cached/unkept')->{headers}{'x-cache'}, 'MISS', 'a cache: its own headers') for 1, 2;

# and then nothing
my $r = ask('/short/silent');

is($r->{status}, 504, 'silent: 504');
like($r->{body}, qr/"details":\{"service":"u","error_type":"timeout"\}/, 'silent: envelope');
like(ask('/hasty/silent')->{body}, qr/"part":"a","error_type":"timeout","status_code":504,"attempts":1/,
     'silent: a part');

for my $path (qw(gone endless switch zero words)) {
    $r = ask("/plain/$path");
    is($r->{status}, 502, "$path: 502");
    like($r->{body}, qr/"details":\{"service":"u","error_type":"reset"\}/, "$path: envelope");
    like(ask("/part/$path")->{body}, qr/"part":"a","error_type":"reset","status_code":502,"attempts":1/,
         "$path: a part");
}

like($nginx->error_log, qr/\[error\] .*mlsec service: no answer but status $_, service: "u"/, "logged: $_")
    for 101, 103, 99, 0;

$nginx->finish('interim');
done_testing;
