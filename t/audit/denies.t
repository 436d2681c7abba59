# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Whoever is refused has one line, which says why; whoever changes something
# has one line with what came of it; who only reads has none. And nothing of
# what is secret is in any line.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Audit;
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my ($line, $key)   = $t->api_key('ci', roles => ['service'], tenant => 'acme');
my ($line2, $key2) = $t->api_key('off', state => 'disabled');

$t->write('api_keys', $line . $line2);
$t->write('revoked', "jti gone\n");

my $auth = "mlsec_jwt_key_file @{[$t->dir]}/jwks.json;
    mlsec_jwt_issuer https://id.example;
    mlsec_jwt_audience gateway;
    mlsec_jwt_revoke @{[$t->dir]}/revoked;
    mlsec_api_key @{[$t->dir]}/api_keys;";

my $nginx = MlsecTest::Instance->start(http => q{
    mlsec_audit_log $DIR/logs/audit.log flush=0;
    mlsec_limit_zone who:64k key=$mlsec_identity;
    mlsec_role viewer;
    mlsec_role service;
    mlsec_role admin viewer;
    upstream unix_service { server unix:$DIR/service.sock; }
    upstream open {
        server unix:$DIR/absent.sock;
        mlsec_breaker volume=1 ratio=1% open=60s;
    }
    mlsec_zone services:1m;
    server {
        listen unix:$DIR/service.sock;
        mlsec_audit_log off;
        access_log $DIR/logs/seen.log;
        location / { return 200 "seen\n"; }
        location /says/403 { return 403; }
        location /says/422 { return 422; }
        location /says/201 { return 201; }
    }
}, server => "
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    $auth
    mlsec_auth jwt api_key;
    mlsec_allow GET viewer service;
    mlsec_allow POST,PUT,PATCH,DELETE admin;
    location / { proxy_pass http://unix:\$DIR/service.sock:; }
" . q{
    location = /none { mlsec_allow GET viewer; mlsec_respond '{}'; }
    location = /require {
        mlsec_jwt_require dept eq ops;
        proxy_pass http://unix:$DIR/service.sock:;
    }
    location = /limited {
        mlsec_limit zone=who rate=1r/d burst=1;
        proxy_pass http://unix:$DIR/service.sock:;
    }
    location = /closed { deny all; mlsec_respond '{}'; }
    location = /small {
        client_max_body_size 1;
        proxy_pass http://unix:$DIR/service.sock:;
    }
    location = /valid {
        mlsec_validate max_size=8 header_size=2k;
        proxy_pass http://unix:$DIR/service.sock:;
    }
    location = /cors {
        mlsec_cors https://a.example;
        mlsec_allow GET viewer;
        mlsec_respond '{}';
    }
    location = /https { mlsec_https refuse; mlsec_respond '{}'; }
    location = /fails { mlsec_auth off; mlsec_fail 403 "not \"here\""; }
    location = /aggregate {
        mlsec_call a http://unix_service/says/403 required;
    }
    location = /aggregate422 {
        mlsec_call a http://unix_service/says/422 required method=POST;
    }
    location = /breaker { mlsec_via open; proxy_pass http://open; }
    location = /quiet { mlsec_audit_log off; mlsec_allow GET; mlsec_respond '{}'; }
    location = /gone { mlsec_auth off; return 444; }
    location = /page {
        error_page 403 /_page;
        proxy_pass http://unix:$DIR/service.sock:;
    }
    location = /_page { internal; mlsec_auth off; return 200 "sorry\n"; }
    location = /moved {
        error_page 502 = @moved;
        proxy_pass http://unix:$DIR/absent.sock:;
    }
    location = /failed {
        error_page 502 /_page;
        proxy_pass http://unix:$DIR/absent.sock:;
    }
    location @moved {
        mlsec_auth off;
        proxy_pass http://unix:$DIR/service.sock:;
    }
});

my $audit  = MlsecTest::Audit->new($nginx->dir . '/logs/audit.log');
my $viewer = 'Authorization: Bearer ' . $t->token(tenant => 'acme');
my $admin  = 'Authorization: Bearer ' . $t->token(sub => 'bob',
                                                  roles => ['admin']);
my $secret = 'do-not-log-me';

# name, path, options, status, what the record has; undef: there is none
my @cases = (
    ['a read', '/x', { headers => [$viewer] }, 200, undef],
    ['no credential', '/x', {}, 401,
     { event => 'deny', policy => 'mlsec_auth',
       reason => 'there is no credential', identity => undef }],
    ['a bad signature', '/x', { headers => [$viewer =~ s/.\z/=/r] }, 401,
     { event => 'deny', policy => 'mlsec_auth' }],
    ['expired', '/x',
     { headers => ['Authorization: Bearer ' . $t->token(exp => time - 100)] },
     401, { event => 'deny', reason => 'it has expired' }],
    ['revoked', '/x',
     { headers => ['Authorization: Bearer ' . $t->token(jti => 'gone')] },
     401, { event => 'deny', policy => 'mlsec_auth' }],
    ['an empty bearer', '/x', { headers => ['Authorization: Bearer'] }, 400,
     { event => 'deny', policy => 'mlsec_auth' }],
    ['a wrong key', '/x', { headers => ["X-API-Key: ci.$secret" . 'x' x 32] },
     401, { event => 'deny', policy => 'mlsec_auth' }],
    ['a disabled key', '/x', { headers => ["X-API-Key: $key2"] }, 401,
     { event => 'deny', reason => 'the key is disabled' }],
    ['a role', '/x', { method => 'POST', body => $secret,
                       headers => [$viewer] }, 403,
     { event => 'deny', policy => 'mlsec_allow',
       reason => 'a role is missing', identity => 'ann', tenant => 'acme',
       roles => ['viewer'], method => 'POST' }],
    ['a role of a key', '/none', { headers => ["X-API-Key: $key"] }, 403,
     { event => 'deny', policy => 'mlsec_allow', identity => 'ci',
       roles => ['service'] }],
    ['a claim', '/require', { headers => [$viewer] }, 403,
     { event => 'deny', policy => 'mlsec_jwt_require', identity => 'ann' }],
    ['a method', '/none', { method => 'DELETE', headers => [$admin] }, 405,
     { event => 'deny', policy => 'mlsec_allow',
       reason => 'the location does not have the method' }],
    ['below a limit', '/limited', { headers => [$viewer] }, 200, undef],
    ['a limit', '/limited', { headers => [$viewer] }, 429,
     { event => 'deny', policy => 'mlsec_limit', identity => 'ann',
       tenant => 'acme' }],
    ['an address', '/closed', { headers => [$viewer] }, 403,
     { event => 'deny', policy => 'nginx', reason => 'Forbidden' }],
    ['a body', '/small', { method => 'POST', body => $secret,
                           headers => [$admin] }, 413,
     { event => 'deny', policy => 'nginx', reason => 'Content Too Large' }],
    ['a type of a body', '/valid',
     { method => 'POST', body => '{}', headers => [$admin] }, 415,
     { event => 'deny', policy => 'mlsec_validate', identity => 'bob' }],
    ['a large body', '/valid',
     { method => 'POST', body => '{"a":"' . $secret . '"}',
       headers => [$admin, 'Content-Type: application/json'] }, 413,
     { event => 'deny', policy => 'mlsec_validate', identity => 'bob' }],
    ['a body that is no JSON', '/valid',
     { method => 'POST', body => '{"a":',
       headers => [$admin, 'Content-Type: application/json'] }, 422,
     { event => 'deny', policy => 'mlsec_validate', identity => 'bob' }],
    ['a long header', '/valid',
     { headers => [$viewer, 'X-Long: ' . 'x' x 3000] }, 431,
     { event => 'deny', policy => 'mlsec_validate', identity => 'ann' }],
    ['mlsec_fail', '/fails', {}, 403,
     { event => 'deny', policy => 'mlsec_fail', reason => 'not "here"' }],
    ['a page for it', '/page', { method => 'POST', headers => [$viewer] }, 403,
     { event => 'deny', policy => 'mlsec_allow', identity => 'ann' }],
    ['a service says 403', '/says/403', { headers => [$viewer] }, 403, undef],
    ['a part says 403', '/aggregate', { headers => [$viewer] }, 403, undef],
    ['a write', '/says/201', { method => 'POST', body => $secret,
                               headers => [$admin] }, 201,
     { event => 'write', identity => 'bob', roles => ['admin'],
       policy => undef, path => '/says/201', route => '/' }],
    ['another', '/x', { method => 'DELETE', headers => [$admin] }, 200,
     { event => 'write', identity => 'bob', method => 'DELETE' }],
    ['a write that the service refuses', '/says/422?a=1',
     { method => 'PUT', headers => [$admin] }, 422,
     { event => 'write', policy => undef, identity => 'bob' }],
    ['a write that a part refuses', '/aggregate422',
     { method => 'POST', headers => [$admin] }, 422,
     { event => 'write', policy => undef, identity => 'bob' }],
    ['a write that has failed', '/breaker',
     { method => 'POST', headers => [$admin] }, 502,
     { event => 'write', identity => 'bob' }],
    ['a write that a breaker stops', '/breaker',
     { method => 'POST', headers => [$admin] }, 503, { event => 'write' }],
    ['a write that was moved', '/moved',
     { method => 'POST', headers => [$admin] }, 200,
     { event => 'write', identity => 'bob' }],
    ['a write with a page for its error', '/failed',
     { method => 'PATCH', headers => [$admin] }, 502,
     { event => 'write', identity => 'bob' }],
    ['a write of an unknown kind', '/x',
     { method => 'FROB', headers => [$admin] }, 405,
     { event => 'deny', method => 'FROB' }],
    ['where it is off', '/quiet', {}, 401, undef],
    ['a preflight of a stranger', '/cors',
     { method => 'OPTIONS',
       headers => ['Origin: https://evil.example',
                   'Access-Control-Request-Method: GET'] }, 403,
     { event => 'deny', policy => 'mlsec_cors' }],
    ['a key over plain http', '/https', { headers => ["X-API-Key: $key"] },
     403, { event => 'deny', policy => 'mlsec_https',
            reason => 'credential_over_plaintext' }],
    ['bytes', "/\xc3(%0d%0a\"\\/x", { headers => [] }, 400,
     { event => 'deny', policy => 'mlsec_uri_strict',
       path => "/\x{fffd}(%0d%0a\"\\/x" }],
    ['no query, no fragment', "/x?token=$secret&b=$secret", {}, 401,
     { event => 'deny', path => '/x' }],
    ['a fragment', "/x#$secret", {}, 400,
     { event => 'deny', reason => 'a fragment', path => '/x' }],
);

my $n = 0;

for my $case (@cases) {
    my ($name, $path, $o, $status, $want) = @$case;
    my $id = 'case-' . $n++;

    my $response = $nginx->get($path, %$o,
        headers => [@{ $o->{headers} // [] }, "X-Request-ID: $id"]);

    is($response->{status}, $status, "$name: $status");

    next if !$want;

    my $found = $audit->wait(sub {
        return (grep { ($_->{request_id} // '') eq $id } @_)[0];
    });

    $want->{status} //= $status;
    $want->{method} //= $o->{method} // 'GET';
    $want->{client} = 'unix:';

    is_deeply({ map { $_ => $found->{$_} } keys %$want }, $want,
        "$name: the record");
}

# What has no id of its own: a request that is none, and no answer at all.
my $bad = $nginx->client;
$bad->send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
is($bad->response(10)->{status}, 400, 'two hosts');
$bad = $nginx->client;
$bad->send("\x16\x03\x01\x00\r\n\r\n");
$bad->response(10);
ok($audit->wait(sub { 2 == grep { ($_->{status} // 0) == 400
    && $_->{policy} eq 'nginx' } @_ }), 'what is no request');
$bad = $nginx->client;
$bad->send("GET /gone HTTP/1.1\r\nHost: a\r\n\r\n");
$bad->response(10);
ok($audit->wait(sub { 1 == grep { ($_->{status} // 0) == 444 } @_ }),
    'no answer');

# each once, and none of those that have none; whatever was to come has come
$nginx->finish;
my %lines;
$lines{ $_->{request_id} // '' }++ for $audit->requests;
my @wrong = grep { ($lines{"case-$_"} // 0) != ($cases[$_][4] ? 1 : 0) }
            0 .. $#cases;
is("@{[map { $cases[$_][0] } @wrong]}", '', 'one line each');

my $text = $audit->text;
unlike($text, qr/eyJ|\Q$secret\E|secret-of/, 'no token, key, body or query');

my ($code, $said) = $audit->verify('--ended', '--quiet', $audit->path);
is($code, 0, 'the chain is whole') or diag($said);

done_testing();
