# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Attacks on API keys, with paths, by pages of other origins and over plain
# http: what the client is told, that the service has seen nothing of it, and
# the line of the audit log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;

use MlsecTest::Attack;
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my %key;
my $lines = '';

for (['ci', tenant => 'acme'], ['old', expires => time - 1], ['off', state => 'disabled'],
     ['far', cidr => ['192.0.2.0/24']], ['other', tenant => 'evil'])
{
    my ($id, @more) = @$_;
    (my $line, $key{$id}) = $t->api_key($id, roles => ['viewer'], @more);
    $lines .= $line;
}

# two secrets at once, while one is being changed
my ($first) = $t->api_key('two', roles => ['viewer']);
my ($second) = $t->api_key('three');
my ($hash) = $second =~ /"sha256":"(\w+)"/;
$lines .= $first =~ s/"sha256":"(\w+)"/"sha256":["$hash","$1"]/r;
$t->write('api_keys', $lines);

my $nginx = MlsecTest::Instance->start(http => <<'HTTP', server => <<"SERVER");
    mlsec_audit_log $DIR/logs/audit.log flush=0;
    mlsec_role viewer;
    mlsec_role admin viewer;
    mlsec_limit_zone addresses:64k key=address;
    server {
        listen unix:$DIR/up.sock;
        mlsec_audit_log off;
        access_log $DIR/logs/seen.log; lingering_close off;
        location / { mlsec_allow any; mlsec_respond '{"uri":"$request_uri","user":"$http_x_user_id","key":"$http_x_api_key"}'; }
    }
HTTP
    large_client_header_buffers 4 32k;
    set_real_ip_from unix:;
    real_ip_header X-From;
    mlsec_errors on;
    mlsec_auth jwt api_key;
    mlsec_jwt_key_file @{[$t->dir]}/jwks.json;
    mlsec_jwt_issuer any;
    mlsec_jwt_audience any;
    mlsec_api_key @{[$t->dir]}/api_keys;
    mlsec_allow GET viewer;
    mlsec_allow POST,DELETE admin;
    mlsec_cors https://app.example credentials;
    location / { proxy_pass http://unix:\$DIR/up.sock; }
    location /admin/ { mlsec_allow GET admin; proxy_pass http://unix:\$DIR/up.sock; }
    location /all { mlsec_auth jwt api_key all; proxy_pass http://unix:\$DIR/up.sock; }
    location /keys { mlsec_auth api_key; proxy_pass http://unix:\$DIR/up.sock; }
    location /refuse { mlsec_https refuse; proxy_pass http://unix:\$DIR/up.sock; }
    location /redirect { mlsec_https redirect; proxy_pass http://unix:\$DIR/up.sock; }
    location /limited {
        mlsec_limit zone=addresses name=a rate=1r/h burst=1;
        proxy_pass http://unix:\$DIR/up.sock;
    }
    location /dead { proxy_pass http://unix:\$DIR/none; }
SERVER

my $attack = MlsecTest::Attack->new($nginx);
my $bearer = 'Authorization: Bearer ' . $t->token(roles => ['admin'], tenant => 'acme');
my $viewer = 'Authorization: Bearer ' . $t->token;

sub ask {
    my ($path, %o) = @_;
    my $client = $nginx->client;
    my $method = $o{method} // 'GET';
    $client->send("$method $path HTTP/1.1\r\nHost: localhost\r\n"
        . join('', map { "$_\r\n" } @{ $o{headers} // [] }) . "\r\n");
    $client->expect($method);
    return $client->response(10) // { status => 0, headers => {}, body => '' };
}

# One text of what the client is told, but for the time and the id.
sub told {
    my ($r, @names) = @_;
    my $body = $r->{body} =~ s/"path":"[^"]*","timestamp":"[^"]+","request_id":"[0-9a-f]{32}"/FIXED/r;
    return join '|', $r->{status}, (map { $r->{headers}{$_} // '-' }
        @names ? @names : qw(www-authenticate cache-control)), $body;
}

sub envelope {
    my ($status, $text, $challenge, $store, %more) = @_;
    return "$status|$challenge|$store|" . qq({"error":true,"status_code":$status,"message":"$text",)
        . qq(FIXED,"detail":"$text","details":{) . ($more{details} // '') . '}}';
}

sub refused {
    my ($name, $want, $path, @headers) = @_;
    $attack->refused($name, $want, sub { told(ask($path, headers => [@headers])) });
}

my $none = 'Bearer realm="mlsec"';
my $unauthorized = envelope(401, 'Unauthorized', "$none, error=\"invalid_token\"", 'no-store');
my $missing = envelope(401, 'Unauthorized', $none, 'no-store');
my $forbidden = envelope(403, 'Forbidden', "$none, error=\"insufficient_scope\"", 'no-store');
my $bad = envelope(400, 'Bad Request', "$none, error=\"invalid_request\"", 'no-store');

# ---- K1, K2: keys that are none ----

is(ask('/x', headers => ["X-API-Key: $key{ci}"])->{status}, 200, 'a key');

my ($secret) = $key{ci} =~ /\.(.*)/;
my %wrong = ('an id that there is not' => "nobody.$secret", 'a wrong secret' => 'ci.' . 'x' x length $secret,
    'the secret of another' => 'ci.' . ($key{other} =~ /\.(.*)/)[0]);
refused("K1: $_", $unauthorized, '/x', "X-API-Key: $wrong{$_}") for sort keys %wrong;

%wrong = ('the beginning of the secret' => substr($key{ci}, 0, -1), 'its end' => 'ci.' . substr($secret, 1),
    'a byte more' => "$key{ci}x", 'a blank in it' => $key{ci} =~ s/-/ /r, 'no secret' => 'ci.', 'no dot' => 'ci',
    'no id' => ".$secret", 'nothing' => '', 'a dot' => '.', 'bytes beyond ASCII' => "ci.\xc3\xa9" . 'x' x 30,
    '8 kB' => 'ci.' . 'x' x 8192, 'another case' => uc $key{ci}, 'the hash' => 'ci.' . ($lines =~ /"sha256":"(\w+)"/)[0],
    'two with a comma' => "$key{ci},$key{ci}", 'a long id' => 'c' x 65 . ".$secret", 'an id with a slash' => "../ci.$secret");
refused("K2: $_", $unauthorized, '/x', "X-API-Key: $wrong{$_}") for sort keys %wrong;
$attack->refused('K2: NUL', '400', sub { ask('/x', headers => ["X-API-Key: $key{ci}\0"])->{status} });
refused('K2: two headers', $bad, '/x', ("X-API-Key: $key{ci}") x 2);
refused('K2: a good one and another', $bad, '/x', "X-API-Key: $key{ci}", 'x-api-key: x');
refused("K2: $_", $missing, $_) for "/x?api_key=$key{ci}", "/x?X-API-Key=$key{ci}", "/x?x_api_key=$key{ci}";
refused('K2: without tokens another challenge', envelope(401, 'Unauthorized', 'ApiKey realm="mlsec"', 'no-store'),
        '/keys', 'X-API-Key: ci.x');

# ---- K3, K4: keys that are not good any more, or not here ----

refused('K3: expired', $unauthorized, '/x', "X-API-Key: $key{old}");
refused('K3: disabled', $unauthorized, '/x', "X-API-Key: $key{off}");
refused('K3: from another network', $forbidden, '/x', "X-API-Key: $key{far}");
is($attack->record->{reason}, 'the key is not for this address', 'K3: the record says why');
refused('K3: of another tenant', $forbidden, '/all', $bearer, "X-API-Key: $key{other}");
is(ask('/x', headers => ["X-API-Key: $_"])->{status}, 200, 'K3: both secrets while one is changed')
    for 'two.' . ($key{ci} =~ s/.*/secret-of-two-/r) . 'x' x 24, 'two.secret-of-three-' . 'x' x 24;
refused('K4: a token as a key', $unauthorized, '/x', 'X-API-Key: ' . $t->token);
refused('K4: a key as a token', $unauthorized, '/x', "Authorization: Bearer $key{ci}");
refused('K4: all of them, one is missing', $missing, '/all', $bearer);
refused('K4: all of them, the other is', $missing, '/all', "X-API-Key: $key{ci}");
refused('K4: all of them, one is bad', $unauthorized, '/all', $bearer, "X-API-Key: ci.$secret-");
is(ask('/all', headers => [$bearer, "X-API-Key: $key{ci}"])->{status}, 200, 'K4: all of one tenant');
is(ask('/x', headers => ['Authorization: Bearer x', "X-API-Key: $key{ci}"])->{status}, 200, 'K4: any of them');

# ---- P1 - P4: paths that mean two things, with the right to all of them ----

my $path = envelope(400, 'Bad Request', '-', '-', details => '"error_type":"path"');
my $nginx_says = envelope(400, 'Bad Request', '-', '-');

refused("P1: $_", $path, $_, $bearer) for '//admin/x', '/a/../admin/x', '/a/..%2fadmin/x', '/%61dmin/x', '/admin%2fx',
    '/admin/./x', '/admin/%2e/x', '/admin//x', '/a/%2e%2e/admin/x', '/admin/..', '/a/..%2Fadmin/x', '/%2fadmin/x';
refused("P2: $_", $path, $_, $bearer) for '/admin%252fx', '/admin;/x', '/a/..;/admin/x', '/\\admin/x', '/..%5cadmin/x',
    '/admin%3bx', '/admin%255cx', '/a/..;x=1/admin/x';
refused('P2: another case is another path', $missing, '/ADMIN/x');
is(JSON::PP->new->decode(ask('/ADMIN/x', headers => [$viewer])->{body})->{uri}, '/ADMIN/x', 'P2: with its own policy');
refused('P2: the path itself', $forbidden, '/admin/x', $viewer);
refused("P3: $_", $nginx_says, $_, $bearer) for '/admin%00/x', '/admin%zz', '/admin%', '/../admin/x', '/%2e%2e/admin/x', "/a\x01b";
refused('P3: ' . unpack('H*', $_), $path, $_, $bearer) for "/%c0%afx", "/\xff", "/%ff", "/%ed%a0%80", "/%0d%0aX:y", '/%7f';
refused("P4: $_", $path, $_, $bearer) for 'http://evil/admin/x', 'http://localhost:81/admin/x', '/admin/x#y', 'http://localhost/a/../admin/x';
is(ask('http://localhost/admin/x', headers => [$bearer])->{status}, 200, 'P4: its own host');
refused('P4: no way around the policy', $forbidden, 'http://localhost/admin/x', $viewer);

# ---- P8: claims as headers ----

for (["a\r\nX-Evil: 1", 'a%0D%0AX-Evil: 1'], ["a\tb", 'a%09b'], ["\x{e9}", '%C3%A9'], ['100%', '100%25'], ["\x{202e}x", '%E2%80%AEx']) {
    my $r = ask('/x', headers => ['Authorization: Bearer ' . $t->token(sub => $_->[0])]);
    is(JSON::PP->new->decode($r->{body})->{user}, $_->[1], "P8: $_->[1]");
}
refused('P8: NUL', $unauthorized, '/x', 'Authorization: Bearer '
        . $t->sign('{"alg":"RS256","kid":"k1"}', $t->payload =~ s/"ann"/"a\\u0000"/r));

# ---- C1 - C4: pages ----

my @cors = qw(access-control-allow-origin vary);
my @preflight = ('Access-Control-Request-Method: DELETE', 'Access-Control-Request-Headers: authorization');
my $origin = '403|-|Origin|' . (envelope(403, 'Pages of this origin may not call', '', '', details => '"error_type":"origin"') =~ /(\{.*)/)[0];

for my $from ('https://evil.example', 'null', 'https://app.example.com.evil', 'https://appXexample', 'http://app.example',
              'HTTPS://APP.EXAMPLE', 'https://app.example:443', 'https://app.example:8443', 'https://app.example.',
              'https://a:b@app.example', 'https://app.example/', 'https://app.example https://evil.example', 'x' x 8000)
{
    my $name = substr $from, 0, 40;
    $attack->refused("C1: a preflight of $name", $origin, sub {
        told(ask('/x', method => 'OPTIONS', headers => ["Origin: $from", @preflight]), @cors) });
    my $r = ask('/x', headers => [$viewer, "Origin: $from"]);
    is(join('|', $r->{status}, map { $r->{headers}{$_} // '-' } @cors, 'access-control-allow-credentials'),
       '200|-|Origin|-', "C1: $name may not read");
}
$attack->refused('C1: two origins', '400 -', sub {
    my $r = ask('/x', headers => [$viewer, 'Origin: https://app.example', 'Origin: https://evil.example']);
    return "$r->{status} " . ($r->{headers}{'access-control-allow-origin'} // '-') });

my $before = $attack->seen;
my $r = ask('/x', method => 'OPTIONS', headers => ['Origin: https://app.example', @preflight,
                                                 'Access-Control-Request-Private-Network: true']);
is(join('|', $r->{status}, $r->{body}, map { $r->{headers}{"access-control-$_"} // '-' }
        qw(allow-origin allow-methods allow-credentials max-age allow-private-network)),
   '204||https://app.example|GET, HEAD, POST, DELETE|true|600|-', 'C2: a preflight is answered before anybody is asked; C4');
is($attack->seen, $before, 'C2: and not sent on');
is(ask('/limited', method => 'OPTIONS', headers => ['X-From: 192.0.2.9', 'Origin: https://app.example', @preflight])->{status},
   204, 'C2: it counts for its address');
$attack->refused('C2: as any other does', '429', sub {
    ask('/limited', method => 'OPTIONS', headers => ['X-From: 192.0.2.9', 'Origin: https://app.example', @preflight])->{status} });

my $expose = 'X-Request-ID, X-Gateway-Completed, X-Gateway-Failed, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, '
    . 'Allow, Content-Disposition';
for ([401, '/x'], [403, '/admin/x', $viewer], [429, '/limited', $viewer, 'X-From: 192.0.2.9'], [405, '/x', $viewer]) {
    my ($status, $where, @headers) = @$_;
    $attack->refused("C3: $status can be read", "$status|https://app.example|Origin|$expose", sub {
        my $r = ask($where, headers => ['Origin: https://app.example', @headers], $status == 405 ? (method => 'PUT') : ());
        return join '|', $r->{status}, map { $r->{headers}{$_} // '-' } @cors, 'access-control-expose-headers' });
}
$r = ask('/dead', headers => ['Origin: https://app.example', $viewer]);
is(join('|', $r->{status}, map { $r->{headers}{$_} // '-' } @cors), '502|https://app.example|Origin', 'C3: 502 can be read');

# ---- T1: plain http ----

my $leaked = envelope(403, 'A credential came over plain http: replace it, and use https', '-', 'no-store',
                      details => '"error_type":"credential_over_plaintext"');
my $plain = envelope(403, 'Use https', '-', 'no-store', details => '"error_type":"plaintext"');

for my $where ('/refuse', '/redirect') {
    for my $header ($bearer, "X-API-Key: $key{ci}", 'Authorization: Basic eA==', 'Sec-WebSocket-Protocol: bearer, ' . $t->token) {
        refused("T1: $where, " . ($header =~ /\A(\S+ \w+)/)[0], $leaked, $where, $header, 'Accept: text/html');
        is($attack->record->{reason}, 'credential_over_plaintext', 'T1: the record says so');
    }
    refused("T1: $where, a proxy that nobody trusts", $leaked, $where, $bearer, 'X-Forwarded-Proto: https');
    refused("T1: $where, a program", $plain, $where, 'Accept: */*');
}
$r = ask('/redirect?a=1', headers => ['Accept: text/html']);
is("$r->{status} $r->{headers}{location}", '308 https://localhost/redirect?a=1', 'T1: a browser without one');
is($r->{headers}{'strict-transport-security'}, undef, 'T2: no HSTS over plain http');
is(ask('/refuse')->{headers}{'strict-transport-security'}, undef, 'T2: nor with an error');
$attack->more(1);

is($attack->rows, 'C1 K1 P1 T1 C2 K2 P2 C3 K3 P3 K4 P4 P8', 'rows K, P, C, T');
$nginx->finish;
$attack->finish;

for my $name ('audit.log', 'error.log', 'access.log') {
    my $text = $nginx->log_file($name);
    # nginx itself shows the beginning of header lines that it refuses
    my @lines = grep { /eyJ[\w-]{20}|secret-of/ && !/\[info\] .* client sent |"GET \S+secret-of/ } split /\n/, $text;
    is(length $text ? "@lines" : 'it is empty', '', "J24: no token and no key in $name");
}
done_testing();
