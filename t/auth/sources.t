# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Tokens that are not in Authorization: what of them is left for services and
# logs, whoever refuses the request and wherever it is moved to; which pages a
# cookie is taken from.

use strict;
use warnings;
use Test::More;
use lib 't/lib';
use MlsecTest::H2;
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $h2 = `$binary -V 2>&1` =~ /--with-http_v2_module/;
my $h2_listen = $h2 ? 'listen unix:$DIR/h2.sock http2;' : '';

my $nginx = MlsecTest::Instance->start(http => q{
    log_format all '$request|$uri|$args|$request_uri|$http_sec_websocket_protocol';
    access_log $DIR/logs/all.log all;
    mlsec_limit_zone hits:64k key=$arg_k;
    mlsec_role viewer;
    server {
        listen unix:$DIR/up.sock;
        access_log $DIR/logs/seen.log;
        return 200 "$request_uri|$http_sec_websocket_protocol";
    }
}, server => "
    $h2_listen
    access_log \$DIR/logs/all.log all;
    mlsec_errors on;
    mlsec_auth jwt;
    mlsec_jwt_key_file @{[$t->dir]}/jwks.json;
    mlsec_jwt_issuer any;
    mlsec_jwt_audience any;
    mlsec_jwt_source bearer websocket cookie=session query=token;
    mlsec_allow GET,POST viewer;
    " . q{
    location / { proxy_pass http://unix:$DIR/up.sock; }
    location /get { mlsec_allow GET viewer; proxy_pass http://unix:$DIR/up.sock; }
    location /https { mlsec_https redirect; proxy_pass http://unix:$DIR/up.sock; }
    location /closed { deny all; proxy_pass http://unix:$DIR/up.sock; }
    location /limited {
        mlsec_limit zone=hits rate=1r/h burst=1;
        proxy_pass http://unix:$DIR/up.sock;
    }
    location /moved { rewrite ^ /to?z=1; }
    location /tried { try_files /none /to$is_args$args; }
    location /named { error_page 502 = @named; proxy_pass http://unix:$DIR/none; }
    location @named { proxy_pass http://unix:$DIR/up.sock; }
    location /host { mlsec_jwt_source cookie=__Host-session; proxy_pass http://unix:$DIR/up.sock; }
    location /star { mlsec_cors *; proxy_pass http://unix:$DIR/up.sock; }
    location /star/listed { mlsec_cors * https://app.example; proxy_pass http://unix:$DIR/up.sock; }
    location /origin { mlsec_auth off; mlsec_cors *; return 200 "[$mlsec_origin]"; }
});

sub get {
    my ($path, @headers) = @_;
    my $r = $nginx->get($path, headers => [@headers]) // return 'none';
    return "$r->{status} " . ($r->{status} == 200 ? $r->{body} : '');
}

my $token = $t->token;
my $stars = '*' x length $token;
my $viewer = "Authorization: Bearer $token";

# ---- the query ----

is(get("/x?a=1&token=$token&b=2"), "200 /x?a=1&token=$stars&b=2|", 'J24: the service sees stars');
is(get("/x?TOKEN=$token"), "200 /x?TOKEN=$stars|", 'J24: in any case');
is(get("/x?token=$token&x=?"), "200 /x?token=$stars&x=?|", 'J24: a question mark behind it');
is(get("/x?x=?&token=$token"), "200 /x?x=?&token=$stars|", 'J24: a question mark before it');
is(get('/origin?token=its-own'), '200 []', 'a public location');
is(get("/x?token="), '401 ', 'J1: an empty one is none');
is(get("/x?token=$token&token=$token"), '400 ', 'J17: twice');
is(get("/x?token=$token&Token=x"), '400 ', 'J17: twice, another one');
is(get("/x?token=$token", $viewer), '400 ', 'J17: with a bearer token');
is(get("/x?token=$token", "Cookie: session=$token"), '400 ', 'J17: with a cookie');
is(get("/x?token=$token", 'X-More: 1', 'Authorization: Bearer'), '400 ', 'J17: with an empty one');
is($nginx->get("/get?token=$token", method => 'POST')->{status}, 405, 'J24: a method');
my $leaked = $nginx->get("/https?token=$token", headers => ['Accept: text/html']);
is($leaked->{status}, 403, 'T1: it is not sent on to https');
like($leaked->{body}, qr/"error_type":"credential_over_plaintext"/, 'T1: and why is said');
is($nginx->get('/https?a=1', headers => ['Accept: text/html'])->{headers}{location},
   'https://localhost/https?a=1', 'T1: others are');
is(get("/closed?token=$token"), '403 ', 'J24: an address');
is(get("/limited?k=1&token=$token"), "200 /limited?k=1&token=$stars|", 'J24: below a limit');
is(get("/limited?k=1&token=$token"), '429 ', 'J24: above it');
is($nginx->get("/x?token=$token", method => 'POST', body => '{}',
               headers => ['Cookie: session=x'])->{status}, 403, 'J24: a cookie of nobody');

# ---- moved inside of nginx: it is looked for again, and found ----

is(get("/moved?token=$token"), "200 /to?z=1&token=$stars|", 'P9: rewrite');
is(get("/tried?token=$token"), "200 /to?token=$stars|", 'P9: try_files');
is(get("/named?token=$token"), "200 /named?token=$stars|", 'P9: error_page');

my @upgrade = ('Connection: upgrade', 'Upgrade: websocket');
my $protocol = "Sec-WebSocket-Protocol: bearer, $token";

is(get('/x', @upgrade, $protocol), '200 /x|bearer', 'W2: the service sees "bearer"');
is(get($_->[0], @upgrade, $protocol), "200 $_->[1]|bearer", "W2: $_->[0]")
    for ['/moved', '/to?z=1'], ['/tried', '/to'], ['/named', '/named'];

# ---- HTTP/2 has a request line of its own for logs ----

SKIP: {
    skip 'nginx without HTTP/2', 1 if !$h2;
    my $c = MlsecTest::H2->new($nginx->dir . '/h2.sock');
    my $stream = $c->request("/x?token=$token");
    is($c->response($stream, 10)->{body}, "/x?token=$stars|", 'J24: HTTP/2');
}

# ---- cookies, where every page may read ----

my $cookie = "Cookie: session=$token";
for my $path ('/star', '/star/listed') {
    for my $origin ('https://evil.example', 'null') {
        is($nginx->get($path, method => 'POST', body => '{}', headers =>
            [$cookie, "Origin: $origin"])->{status}, 403, "W1: \"mlsec_cors *\" is no word for $origin: POST $path");
        is(get($path, $cookie, @upgrade, "Origin: $origin"), '403 ',
           "W1: nor for a WebSocket");
        is($nginx->get($path, method => 'POST', body => '{}', headers =>
            [$viewer, "Origin: $origin"])->{status}, 200, 'a token that is no cookie');
        my $r = $nginx->get($path, headers => [$viewer, "Origin: $origin"]);
        is("$r->{status} $r->{headers}{'access-control-allow-origin'}", '200 *', 'C1: it may read');
    }
    is($nginx->get($path, method => 'POST', body => '{}', headers =>
        [$cookie, 'Origin: http://localhost'])->{status}, 200, 'a page of its own');
}
is($nginx->get('/star/listed', method => 'POST', body => '{}', headers =>
    [$cookie, 'Origin: https://app.example'])->{status}, 200, 'one that is named beside it');
is(get('/origin', "Origin: $_->[0]"), "200 [$_->[1]]", "\$mlsec_origin of $_->[0]")
    for ['https://evil.example', 'any'], ['null', 'any'], ['http://localhost', 'same'];

# A neighbour's page can set cookies, too, and choose which of them is first.

my $other = $t->token(sub => 'mallory');
for (['twice' => "Cookie: session=$token; session=$other"],
     ['twice, the same' => "Cookie: session=$token; session=$token"],
     ['with something between' => "Cookie: session=$token; a=1; session=$other"],
     ['with one that is no token' => "Cookie: session=$token; session=x"],
     ['in two headers' => "Cookie: session=$token", "Cookie: session=$other"])
{
    my ($name, @headers) = @$_;
    is(get('/x', @headers), '400 ', "J17: a cookie, $name");
}
is($nginx->get('/x', method => 'POST', body => '{}', headers =>
    ["Cookie: session=$token; session=$other"])->{status}, 403, 'W1: for a page of nobody it is that');
is(get('/x', $_->[1]), $_->[2], "a cookie, $_->[0]")
    for ['the last', "Cookie: a=1; session=$token", '200 /x|'],
        ['the first', "Cookie: session=$token; a=1", '200 /x|'],
        ['without a blank', "Cookie: a=1;session=$token;b=2", '200 /x|'],
        ['beside an empty one', "Cookie: session=; session=$token", '200 /x|'],
        ['in another case', "Cookie: Session=$token", '401 '],
        ['of a longer name', "Cookie: my_session=$token; sessions=$token", '401 '],
        ['inside of another one', "Cookie: a=1, session=$token", '401 '],
        ['with a blank before =', "Cookie: session =$token", '401 '],
        ['that is empty', 'Cookie: session=', '401 '],
        ['of nothing', 'Cookie: ;;session;', '401 '];
is(get('/host', "Cookie: __Host-session=$token"), '200 /host|', 'a cookie of this host');
is(get('/host', "Cookie: __host-session=$token"), '401 ', 'and one that anybody can set');
is(get('/host', "Cookie: __host-session=$other; __Host-session=$token"), '200 /host|', 'is not even looked at');

# ---- nothing of it in a log: all of them are written when nginx has ended ----

$nginx->finish;

for my $name ('all.log', 'error.log', 'seen.log', 'access.log') {
    my @lines = grep { /eyJ/ && !/ \[info\] .* client sent duplicate header line/ }
        split /\n/, $nginx->log_file($name);
    is("@lines", '', "J24: no token in $name");
}
my $all = $nginx->log_file('all.log');
like($all, qr/token=\*{100}/, 'the logs have the requests');
like($all, qr{/origin\?token=its-own }, 'a public location has arguments of its own');
done_testing();
