# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_auth jwt: which tokens are taken, what the others are told, what the
# service sees, and what is in no log.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Token;
use MIME::Base64 qw(encode_base64url);

repeat_each($ENV{TEST_NGINX_REPEAT} || 1);
log_level('info');

our $T = MlsecTest::Token->new;
our $Good = $T->token;

$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();
BEGIN { use Cwd; $ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf'; }
$ENV{TEST_NGINX_KEYS} = $T->dir;
$T->write('revoked', "jti bad-one\nsub eve 2000000000\n");

# the whole file is run twice, with t/auth/cache.t
$ENV{TEST_NGINX_CACHE} ||= '';

our $Http = <<'EOT';
    $TEST_NGINX_CACHE
    mlsec_role viewer;
    mlsec_role analyst viewer;
    mlsec_role admin analyst;
    mlsec_errors on;

    server {
        listen unix:$TEST_NGINX_HTML_DIR/u.sock;
        access_log $TEST_NGINX_HTML_DIR/seen.log;
        location / {
            add_header X-Seen-User "$http_x_user_id" always;
            add_header X-Seen-Roles "$http_x_user_roles" always;
            add_header X-Seen-Tenant "$http_x_tenant_id" always;
            add_header X-Seen-Other "$http_x_user_name|$http_x_roles|$http_x_original_url" always;
            add_header X-Seen-Protocol "$http_sec_websocket_protocol" always;
            add_header X-Seen-Args "$args" always;
            return 200 "seen\n";
        }
    }
EOT

our $Config = <<'EOT';
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;

    mlsec_auth jwt;
    mlsec_jwt_key_file $TEST_NGINX_KEYS/jwks.json;
    mlsec_jwt_issuer https://id.example;
    mlsec_jwt_audience gateway;
    mlsec_jwt_revoke $TEST_NGINX_KEYS/revoked;
    mlsec_allow GET viewer;
    mlsec_allow POST admin;

    location / { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/u.sock; }

    location = /public {
        mlsec_auth off;
        proxy_pass http://unix:$TEST_NGINX_HTML_DIR/u.sock;
    }

    location = /variables {
        mlsec_respond '{"i":"$mlsec_identity","r":"$mlsec_roles","t":"$mlsec_tenant","d":"$mlsec_jwt_claim_dept","n":"$mlsec_jwt_claim_n"}';
    }

    location = /claims {
        mlsec_call x /constant;
        mlsec_filter '$claims | {sub, roles}';
    }

    location = /constant { internal; mlsec_respond '{}'; }

    location = /required {
        mlsec_jwt_require dept eq ops;
        mlsec_jwt_require n ge 3 error=401;
        proxy_pass http://unix:$TEST_NGINX_HTML_DIR/u.sock;
    }

    location = /same { mlsec_jwt_require n eq $arg_n; mlsec_respond '{}'; }
    location = /atleast { mlsec_jwt_require n ge $arg_n; mlsec_respond '{}'; }
    location = /among { mlsec_jwt_require n in $arg_n; mlsec_respond '{}'; }

    location = /more {
        mlsec_jwt_source bearer cookie=session websocket query=token;
        proxy_pass http://unix:$TEST_NGINX_HTML_DIR/u.sock;
    }

    location = /other_issuer {
        mlsec_jwt_issuer https://other.example;
        mlsec_respond '{}';
    }

    location = /other_claims {
        mlsec_jwt_claim identity dept;
        mlsec_respond '{"i":"$mlsec_identity"}';
    }

    location = /not_revoked {
        mlsec_jwt_leeway 0;
        mlsec_respond '{"i":"$mlsec_identity"}';
    }

    location = /moved { rewrite ^ /admin last; }
    location = /admin {
        mlsec_allow any admin;
        proxy_pass http://unix:$TEST_NGINX_HTML_DIR/u.sock;
    }
EOT

sub fixed {
    my $body = shift;
    $body =~ s/"timestamp":"[^"]+"/"timestamp":"T"/;
    $body =~ s/"request_id":"[0-9a-f]{32}"/"request_id":"R"/;
    return $body;
}

sub envelope {
    my ($status, $message, $path) = @_;
    return qq({"error":true,"status_code":$status,"message":"$message",)
         . qq("path":"$path","timestamp":"T","request_id":"R",)
         . qq("detail":"$message","details":{}});
}

# Nothing has reached the service, and no token any log.
sub seen {
    my $lines = 0;
    if (open my $f, '<', html_dir() . '/seen.log') {
        $lines++ while <$f>;
    }
    return $lines;
}

our (@Bad, @Basic);

sub bad {
    my ($name, $token) = @_;
    push @Bad, [$name, $token];
}

my $rs = '{"alg":"RS256","kid":"k1"}';
my $payload = $T->payload;

bad('alg none', encode_base64url('{"alg":"none"}') . '.'
    . encode_base64url($payload) . '.');
bad('HS256 with the public key', $T->hmac('{"alg":"HS256","kid":"k1"}',
    $payload, $T->read('public.pem')));
bad('crit', $T->sign('{"alg":"RS256","kid":"k1","crit":["x"]}', $payload));
bad('b64', $T->sign('{"alg":"RS256","kid":"k1","b64":false}', $payload));
bad('another kid', $T->sign('{"alg":"RS256","kid":"../../dev/null"}',
    $payload));
bad('kid with a newline', $T->sign('{"alg":"RS256","kid":"k1\n"}', $payload));
bad('alg twice', $T->sign('{"alg":"RS256","alg":"RS256","kid":"k1"}',
    $payload));
bad('sub twice', $T->sign($rs, '{"sub":"a",' . substr $payload, 1));
bad('expired', $T->token(exp => time - 31));
bad('no exp', $T->token(exp => undef));
bad('exp is text', $T->token(exp => '9999999999'));
bad('not yet', $T->token(nbf => time + 60));
bad('from the future', $T->token(iat => time + 60));
bad('another issuer', $T->token(iss => 'https://id.example.evil'));
bad('no issuer', $T->token(iss => undef));
bad('another audience', $T->token(aud => ['other']));
bad('no audience', $T->token(aud => undef));
bad('bound to a key', $T->token(cnf => { jkt => 'x' }));
bad('revoked by jti', $T->token(jti => 'bad-one'));
bad('revoked by sub', $T->token(sub => 'eve'));
bad('payload is an array', $T->sign($rs, '[1]'));
bad('payload is empty', $T->sign($rs, ''));
bad('dpop+jwt', $T->sign('{"alg":"RS256","kid":"k1","typ":"dpop+jwt"}',
    $payload));
bad('padding', "$Good=");
bad('a dot more', "$Good.");
bad('no signature', $Good =~ s/[^.]+\z//r);
bad('a bit less', substr $Good, 0, -2);
bad('another last character', $Good =~ s/(.)\z/$1 eq 'A' ? 'B' : 'A'/er);
bad('words', 'this.is.none');
bad('two words', 'a b');

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(http_config => $Http)
        if !defined $block->http_config;
    $block->set_value(config => $Config) if !defined $block->config;
    $block->set_value(response_body_filters => [\&fixed])
        if !defined $block->must_die;
    $block->set_value(no_error_log => [qr/eyJ/, '[alert]'])
        if !defined $block->no_error_log && !defined $block->must_die;
});

no_long_string();
no_shuffle();
no_root_location();
run_tests();

__DATA__

=== a good token; the service is told who it is, once
--- request
GET /x
--- more_headers eval
"Authorization: Bearer $main::Good
X-User-Id: root
X-User-Name: root
X-Roles: admin
X-Original-URL: /admin
X-Tenant-Id: other"
--- response_body
seen
--- response_headers
X-Seen-User: ann
X-Seen-Roles: viewer
! X-Seen-Tenant
X-Seen-Other: ||

=== strangers' headers are taken away from public locations too
--- request
GET /public
--- more_headers
X-User-Id: root
X-Roles: admin
--- response_body
seen
--- response_headers
! X-Seen-User
X-Seen-Other: ||

=== the word Bearer in any case, spaces between
--- request
GET /x
--- more_headers eval
"Authorization: bEARER    $main::Good"
--- response_body
seen

=== no credential, another scheme
--- request eval
["GET /x", "GET /x", "GET /x"]
--- more_headers eval
["", "Authorization: Basic eHg6eHg=", "Authorization: Bearerx"]
--- error_code eval
[401, 401, 401]
--- response_headers eval
['WWW-Authenticate: Bearer realm="mlsec"',
 'WWW-Authenticate: Bearer realm="mlsec"',
 'WWW-Authenticate: Bearer realm="mlsec"']
--- response_body eval
[(main::envelope(401, 'Unauthorized', '/x')) x 3]

=== an empty bearer, two headers
--- request
GET /x
--- more_headers
Authorization: Bearer
--- error_code: 400
--- response_headers
WWW-Authenticate: Bearer realm="mlsec", error="invalid_request"
Cache-Control: no-store
--- response_body eval
main::envelope(400, 'Bad Request', '/x')

=== each bad token, with one answer for all of them
--- request eval
[map { 'GET /x' } @main::Bad]
--- more_headers eval
[map { "Authorization: Bearer $_->[1]" } @main::Bad]
--- error_code eval
[map { 401 } @main::Bad]
--- response_headers eval
[map { 'WWW-Authenticate: Bearer realm="mlsec", error="invalid_token"'
       . "\nCache-Control: no-store" } @main::Bad]
--- response_body eval
[map { main::envelope(401, 'Unauthorized', '/x') } @main::Bad]

=== nothing of them has reached the service, and the reason is in the log
--- request
GET /x
--- more_headers eval
"Authorization: Bearer $main::Bad[8][1]"
--- error_code: 401
--- error_log
mlsec auth: refused with 401, reason: "it has expired"
--- response_body eval
main::seen() == 0 ? main::envelope(401, 'Unauthorized', '/x') : 'seen';

=== a bad one, then a forged one, then a good one, in the same worker
--- request eval
["GET /x", "GET /x", "GET /x", "GET /x"]
--- more_headers eval
["Authorization: Bearer $main::Bad[0][1]",
 "Authorization: Bearer $main::Bad[1][1]",
 "Authorization: Bearer $main::Good",
 "Authorization: Bearer $main::Bad[0][1]"]
--- error_code eval
[401, 401, 200, 401]

=== roles: of the method, inherited, byte for byte
--- request eval
["POST /x", "POST /x", "GET /x", "GET /x", "GET /x", "GET /x", "GET /x",
 "GET /x", "GET /x", "GET /x"]
--- more_headers eval
my @roles = (['viewer'], ['admin'], ['admin'], 'viewer', ['Viewer'],
    "viewer admin", { viewer => 1 }, ["viewer,admin"], [], ["vi\x{435}wer"]);
[map { "Authorization: Bearer " . $main::T->token(roles => $_) } @roles]
--- error_code eval
[403, 200, 200, 200, 403, 403, 403, 403, 403, 403]

=== a role is missing: 403 and what for
--- request
POST /x
--- more_headers eval
"Authorization: Bearer $main::Good"
--- error_code: 403
--- response_headers
WWW-Authenticate: Bearer realm="mlsec", error="insufficient_scope"
Cache-Control: no-store
--- response_body eval
main::envelope(403, 'Forbidden', '/x')
--- error_log
mlsec auth: refused with 403, reason: "a role is missing"

=== a method that nobody has is 405 before anybody is asked
--- request
DELETE /variables
--- error_code: 405
--- response_headers
Allow: GET, HEAD, POST

=== variables; bytes that cannot stand in a header are escaped
--- request
GET /variables
--- more_headers eval
"Authorization: Bearer " . $main::T->token(sub => "a\r\nX: 1%\x{e9}",
    tenant => 'acme', dept => "x\ny", n => 3)
--- response_body chomp
{"i":"a%0D%0AX: 1%25%C3%A9","r":"viewer","t":"acme","d":"x%0Ay","n":"3"}

=== claims in programs
--- request
GET /claims
--- more_headers eval
"Authorization: Bearer $main::Good"
--- response_body chomp
{"sub":"ann","roles":["viewer"]}

=== claims that are required
--- request eval
["GET /required", "GET /required", "GET /required", "GET /required",
 "GET /required"]
--- more_headers eval
[map { "Authorization: Bearer " . $main::T->token(@$_) }
    [dept => 'ops', n => 3], [dept => 'dev', n => 3], [n => 3],
    [dept => 'ops', n => 2], [dept => 'ops', n => '3']]
--- error_code eval
[200, 403, 403, 401, 401]

=== a number that a request names is one, and exactly that
--- request eval
[map { "GET $_" } '/same?n=3', '/same?n=3.0', '/same?n=nan', '/same?n=-NAN',
 '/same?n=0x3', '/same?n=', '/same', '/atleast?n=2', '/atleast?n=-inf',
 '/among?n=1,3', '/among?n=1,nan']
--- more_headers eval
"Authorization: Bearer " . $main::T->token(n => 3)
--- error_code eval
[200, 200, 403, 403, 403, 403, 403, 200, 403, 200, 403]

=== and no neighbour of it
--- request eval
[map { "GET /same?n=900719925474099$_" } 2 .. 4]
--- more_headers eval
"Authorization: Bearer " . $main::T->token(n => 9007199254740993)
--- error_code eval
[403, 200, 403]

=== what one location has found out is not another one's
--- request eval
["GET /variables", "GET /other_issuer", "GET /other_claims",
 "GET /not_revoked", "GET /variables"]
--- more_headers eval
"Authorization: Bearer " . $main::T->token(dept => 'ops', n => 3)
--- error_code eval
[200, 401, 200, 200, 200]
--- response_body_like eval
['"i":"ann","r":"viewer"', '401', '"i":"ops"', '"i":"ann"',
 '"i":"ann","r":"viewer"']

=== nor the other way round
--- request eval
["GET /other_issuer", "GET /other_claims", "GET /variables",
 "GET /other_issuer"]
--- more_headers eval
"Authorization: Bearer " . $main::T->token(dept => 'ops', n => 4)
--- error_code eval
[401, 200, 200, 401]
--- response_body_like eval
['401', '"i":"ops"', '"i":"ann"', '401']

=== cookie, WebSocket, query; the token goes no further
--- request eval
["GET /more", "GET /more", "GET /more?a=1&token=$main::Good&b=2"]
--- more_headers eval
["Cookie: session=$main::Good",
 "Sec-WebSocket-Protocol: bearer, $main::Good", ""]
--- error_code eval
[200, 200, 200]
--- response_headers_like eval
["X-Seen-User: ann", "X-Seen-Protocol: bearer",
 'X-Seen-Args: a=1&token=\*+&b=2']

=== several at once
--- request eval
["GET /more", "GET /more?token=$main::Good"]
--- more_headers eval
["Authorization: Bearer $main::Good\nCookie: session=$main::Good",
 "Cookie: session=$main::Good"]
--- error_code eval
[400, 400]

=== only where they are enabled
--- request eval
["GET /x", "GET /x"]
--- more_headers eval
["Cookie: session=x", "Sec-WebSocket-Protocol: bearer, x"]
--- error_code eval
[401, 401]

=== a redirect inside of nginx is decided anew
--- request eval
["GET /moved", "GET /moved"]
--- more_headers eval
["Authorization: Bearer $main::Good",
 "Authorization: Bearer " . $main::T->token(roles => ['admin'])]
--- error_code eval
[403, 200]
