# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_redact, mlsec_redact_max_size: what is left of an answer, of a service
# and of an aggregate, and what happens to one that cannot be looked into.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Faulty;
use MlsecTest::H2;
use MlsecTest::Instance;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $http2 = `$binary -V 2>&1` =~ /--with-http_v2_module/;
my $h2 = $http2 ? 'listen unix:$DIR/h2.sock http2;' : '';

my $big = '[' . join(',', map { qq({"id":$_,"password":"p$_"}) } 1 .. 40_000)
    . ']';
my $big_left = '[' . join(',', map { qq({"id":$_}) } 1 .. 40_000) . ']';

my %bodies = (
    user => '{"name":"bob","password":"x","n":1.50,"user":{"token":"t","id":7}}',
    list => '[{"password":"a","id":12345678901234567890},[{"password":"b"}],3]',
    deep => '{"a":{"b":[{"secret":1,"c":{"secret":{"secret":2}}}]},"secret":0}',
    map => '{"eu":{"key":"k1","n":1},"us":{"key":"k2","n":2},"x":3}',
    twice => '{"password":"a","id":1,"password":"b"}',
    escaped => '{"pass\u0077ord":"a","id":1}',
    scalar => '"password"',
    pii => '{"to":"bob@example.com, 4111 1111 1111 1111","tel":["+49 30 1234567"],"n":4111111111111111}',
    bad => '{"password":"x"',
    text => 'password=x',
);

my %replies = map {
    my $body = $bodies{$_};
    ("/$_" => [MlsecTest::Faulty::json($body)],
     "/chunked/$_" => [MlsecTest::Faulty::chunked($body)]);
} keys %bodies;

my $faulty = MlsecTest::Faulty->start(replies => {
    %replies,
    '/pieces' => [MlsecTest::Faulty::header(chunked => 1),
                  (map { ([out => sprintf("%x\r\n%s\r\n", length $_, $_)],
                         [wait => 0.02]) }
                  ('{"pass', 'word":"x', '","id"', ':1}')),
                  [out => "0\r\n\r\n"]],
    '/big' => [MlsecTest::Faulty::json($big)],
    '/big/chunked' => [MlsecTest::Faulty::chunked($big)],
    '/empty' => [MlsecTest::Faulty::json('')],
    '/status' => [MlsecTest::Faulty::json($bodies{user}, status => 409)],
    '/204' => [MlsecTest::Faulty::header(status => 204)],
    '/304' => [MlsecTest::Faulty::header(status => 304, lines => ['ETag: "a"'])],
    '/part' => [MlsecTest::Faulty::json($bodies{user}, status => 206,
        lines => ['Content-Range: bytes 0-1/2'])],
    '/gzip' => [MlsecTest::Faulty::json($bodies{user},
        lines => ['Content-Encoding: gzip'])],
    '/plain' => [MlsecTest::Faulty::json($bodies{user}, type => 'text/plain')],
    '/problem' => [MlsecTest::Faulty::json($bodies{user},
        type => 'application/problem+json; charset=utf-8')],
    '/tagged' => [MlsecTest::Faulty::json($bodies{user}, lines => ['ETag: "a"',
        'Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT',
        'Accept-Ranges: bytes'])],
    '/cut' => [MlsecTest::Faulty::header(length => 100),
               [out => '{"password":"x"'], [close => 1]],
});

my $proxy = 'proxy_pass http://faulty/;';

my $nginx = MlsecTest::Instance->start(
    http => <<"EOT",
    mlsec_errors on;
    upstream faulty { server @{[$faulty->address]}; }
    gzip_types application/json;
    gzip_min_length 1;
    proxy_buffer_size 4k;
    proxy_buffers 2 4k;
    proxy_busy_buffers_size 4k;
EOT
    server => <<"EOT",
    $h2
    include \$CONF/mlsec_parts.conf;
    location /all/ { mlsec_redact **.password; $proxy }
    location /dot/ { mlsec_redact .password user.token; $proxy }
    location /deep/ { mlsec_redact **.secret; $proxy }
    location /path/ { mlsec_redact a.b.c.secret secret; $proxy }
    location /star/ { mlsec_redact *.key; $proxy }
    location /none/ { mlsec_redact user.*; $proxy }
    location /mask/ { mlsec_redact mask=email,card; $proxy }
    location /both/ { mlsec_redact n to mask=phone; $proxy }
    location /small/ { mlsec_redact **.password; mlsec_redact_max_size 80; $proxy }
    location /large/ { mlsec_redact **.password; mlsec_redact_max_size 2m; $proxy }
    location /zip/ { mlsec_redact **.password; gzip on; $proxy }
    location /page/ { mlsec_redact **.password; error_page 502 /kept; $proxy }
    location = /kept { return 502 "kept back\\n"; }
    location /out/ {
        mlsec_redact **.password;
        $proxy
        location /out/in/ { $proxy }
        location /out/off/ { mlsec_redact off; $proxy }
    }
    location = /aggregate {
        mlsec_redact **.password user.user;
        mlsec_call user http://faulty/user;
        mlsec_call list http://faulty/list;
    }
    location = /filtered {
        mlsec_redact **.password;
        mlsec_call user http://faulty/user;
        mlsec_filter '{a: .user}';
    }
    location = /parts { mlsec_call user /all/user; }
    location = /own { mlsec_redact **.password **.message; mlsec_respond '{"password":"x","id":1}'; }
    location = /fail { mlsec_redact **.message; mlsec_fail 503 "words"; }
    location /static/ { mlsec_redact **.password; default_type application/json; alias \$DIR/html/; }
EOT
);

$nginx->write_file('html/file', $bodies{user});

my $left = '{"name":"bob","n":1.50,"user":{"token":"t","id":7}}';

sub got {
    my ($name, $path, $status, $body, %o) = @_;
    my $response = $nginx->get($path, %o);

    is($response->{status}, $status, "$name: status")
        or diag $response->{body};
    is($response->{body}, $body, "$name: body") if defined $body && !ref $body;
    like($response->{body}, $body, "$name: body") if ref $body;
    is($response->{headers}{'content-length'}, length $response->{body},
       "$name: length")
        if defined $body && !ref $body && length $body;

    return $response->{headers};
}

# ---- what is left ----

got('a name', '/all/user', 200, $left);
got('a name, in chunks', '/all/chunked/user', 200, $left);
got('in pieces', '/all/pieces', 200, '{"id":1}');
got('a list', '/all/list', 200, '[{"id":12345678901234567890},[{}],3]');
got('a name and a path', '/dot/user', 200,
    '{"name":"bob","n":1.50,"user":{"id":7}}');
got('a name of each element', '/dot/list', 200,
    '[{"id":12345678901234567890},[{}],3]');
got('at any depth', '/deep/deep', 200, '{"a":{"b":[{"c":{}}]}}');
got('a path through a list', '/path/deep', 200,
    '{"a":{"b":[{"secret":1,"c":{}}]}}');
got('any name on the way', '/star/map', 200,
    '{"eu":{"n":1},"us":{"n":2},"x":3}');
got('any name at the end', '/none/user', 200,
    '{"name":"bob","password":"x","n":1.50,"user":{}}');
got('a name that is there twice', '/all/twice', 200, '{"id":1}');
got('a name that is escaped', '/all/escaped', 200, '{"id":1}');
got('a scalar', '/all/scalar', 200, '"password"');
got('nothing of it', '/star/user', 200, $bodies{user});
got('masks', '/mask/pii', 200,
    '{"to":"b**@example.com, **** **** **** 1111","tel":["+49 30 1234567"],"n":4111111111111111}');
got('names and a mask', '/both/pii', 200, '{"tel":["+** ** *****67"]}');
got('many', '/large/big', 200, $big_left);
got('many, in chunks', '/large/big/chunked', 200, $big_left);
got('an error of the service', '/all/status', 409, $left);
got('another JSON', '/all/problem', 200, $left);
got('another type', '/all/plain', 200, $bodies{user});
got('nothing at all', '/all/empty', 200, '');
got('no content', '/all/204', 204, '');
got('not modified', '/all/304', 304, '');

# ---- where ----

got('aggregate', '/aggregate', 200,
    '{"user":{"name":"bob","n":1.50},"list":[{"id":12345678901234567890},[{}],3]}');
got('aggregate, filtered', '/filtered', 200, '{"a":' . $left . '}');
got('a part is not', '/parts', 200, qr/"password":"x"/);
got('an answer of the gateway', '/own', 200, '{"id":1}');
got('a file', '/static/file', 200, $left);
got('inherited', '/out/in/user', 200, $left);
got('off', '/out/off/user', 200, $bodies{user});
got('an envelope is not', '/fail', 503, qr/"message":"words"/);

# ---- headers ----

my $headers = got('a tag', '/all/tagged', 200, $left);

is($headers->{etag}, 'W/"a"', 'a tag: a weak one');
is($headers->{'last-modified'}, undef, 'a tag: no date');
is($headers->{'accept-ranges'}, undef, 'a tag: no ranges');

$headers = got('a range of a file', '/static/file', 200, $left,
               headers => ['Range: bytes=0-3']);
is($headers->{'content-range'}, undef, 'a range of a file: none');

$headers = got('HEAD', '/all/user', 200, '', method => 'HEAD');
is($headers->{'content-length'}, undef, 'HEAD: no length, which is not known');

$headers = got('gzip', '/zip/user', 200, undef,
               headers => ['Accept-Encoding: gzip']);
is($headers->{'content-encoding'}, 'gzip', 'gzip: afterwards');

# ---- what cannot be looked into does not leave ----

my $seen = 0;

for my $case (['compressed', '/all/gzip', 502], ['a part only', '/all/part', 502],
              ['too large', '/small/pii', 502],
              ['too large', '/small/chunked/pii', 502],
              ['too large', '/all/big', 502], ['too large', '/all/big/chunked', 502],
              ['not JSON', '/all/bad', 502], ['not JSON', '/all/chunked/bad', 502],
              ['not JSON', '/all/text', 502]) {
    my ($reason, $path, $status) = @$case;
    my $h = got("$reason: $path", $path, $status,
        qr/^\{"error":true,"status_code":$status,"message":"The answer cannot be passed on","path":"$path".*"details":\{"error_type":"redact"\}\}$/);
    is($h->{'content-type'}, 'application/json', "$path: type");
    like($nginx->error_log, qr/\[error\].*mlsec redact: an answer was held back, reason: "$reason", location: "$path"/,
         "$path: log");
}

got('a page for it', '/page/bad', 502, "kept back\n");
got('a page for what is too large', '/page/big', 502, "kept back\n");

# a service that goes away in the middle
{
    my $client = $nginx->client;
    $client->request('/all/cut');
    my $response = $client->response(5);
    my $body = $response ? $response->{body} // '' : '';
    unlike($body, qr/password/, 'cut off: nothing of it');
}

# a connection is kept after what is good; and other streams go on after what
# is not
{
    my $client = $nginx->client;
    for (1 .. 2) {
        $client->request('/all/user');
        is($client->response(5)->{body}, $left, 'kept');
    }
}

SKIP: {
    skip 'nginx without HTTP/2', 12 unless $http2;

    my $client = MlsecTest::H2->new($nginx->dir . '/h2.sock');

    for my $case (['/all/user', 200, qr/^\Q$left\E$/],
                  ['/all/bad', 502, qr/"error_type":"redact"/],
                  ['/all/big', 502, qr/"error_type":"redact"/],
                  ['/all/big/chunked', 502, qr/"error_type":"redact"/],
                  ['/all/chunked/user', 200, qr/^\Q$left\E$/],
                  ['/aggregate', 200, qr/"n":1.50}/]) {
        my ($path, $status, $body) = @$case;
        my $response = $client->response($client->request($path), 5);
        is($response && $response->{status}, $status, "HTTP/2: $path");
        like($response ? $response->{body} : '', $body, "HTTP/2: $path: body");
    }
}

$nginx->finish;
unlike($nginx->error_log =~ s/request: "[^"]*"//gr, qr/"x"|bob|4111/,
       'nothing of bodies in the log');

done_testing();
