# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Ways around access control by HTTP itself: methods, framing, headers that
# pretend, redirects inside of nginx, "satisfy any", cookies of foreign pages.
# Each with status, challenge and body, and that the service saw nothing.

use strict;
use warnings;
use JSON::PP ();
use Test::More;
use lib 't/lib';
use MlsecTest::Attack;
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my $keys = $t->dir;
my $up = 'proxy_pass http://unix:$DIR/up.sock;';

my $nginx = MlsecTest::Instance->start(http => <<"END", server => <<"END2");
    mlsec_audit_log \$DIR/logs/audit.log flush=0;
    mlsec_role viewer;
    mlsec_role admin viewer;
    mlsec_limit_zone who:1m key=\$mlsec_identity;
    mlsec_limit_zone what:1m key=\$arg_k;

    server {
        listen unix:\$DIR/up.sock;
        mlsec_audit_log off;
        access_log \$DIR/logs/seen.log; lingering_close off;
        underscores_in_headers on;
        location / {
            mlsec_respond '{"method":"\$request_method","user":"\$http_x_user_id","roles":"\$http_x_user_roles","other":"\$http_x_roles\$http_x_user\$http_x_original_url\$http_x_rewrite_url\$http_x_http_method_override\$http_x_forwarded_user\$http_x_consumer_username\$http_x_scope_orgid\$http_x_amzn_oidc_identity\$http_x_original_method\$http_remote_groups\$http_client_cert\$http_ssl_client_s_dn\$http_cf_access_user\$http_impersonate_user\$http_x_oidc_sub\$http_x_org_id\$http_x_forwarded_roles","for":"\$http_x_forwarded_for","connection":"\$http_connection"}';
            mlsec_allow any;
        }
    }
END
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    mlsec_auth jwt;
    mlsec_jwt_key_file $keys/jwks.json;
    mlsec_jwt_issuer any;
    mlsec_jwt_audience any;
    mlsec_jwt_source bearer websocket cookie=session;
    mlsec_cors https://app.example;
    mlsec_allow GET viewer;
    underscores_in_headers on;

    location / { $up }
    location /any { mlsec_allow any admin; $up }
    location /admin { mlsec_allow GET,POST admin; $up }
    location /public { mlsec_auth off; mlsec_allow any; $up }
    location /to_admin { mlsec_auth off; rewrite ^ /admin/x; }
    location /by_error { mlsec_auth off; error_page 418 /admin/x; return 418; }
    location /by_name { mlsec_auth off; error_page 418 = \@admin; return 418; }
    location /by_try { mlsec_auth off; try_files /none /admin/x; }
    location /by_index/ { mlsec_auth off; index /admin/x; root \$DIR/html; }
    location /by_part { mlsec_allow GET admin; mlsec_call a /inside; }
    location = /inside { internal; $up }
    location \@admin { mlsec_allow GET admin; $up }
    location /except { mlsec_allow any admin; limit_except GET { deny all; } $up }
    location /nested {
        mlsec_allow GET admin;
        $up
        location /nested/open { mlsec_auth off; $up }
        location /nested/more { $up }
    }
    location /satisfied {
        satisfy any;
        allow all;
        mlsec_allow GET admin;
        mlsec_limit zone=what name=what rate=1r/h burst=2;
        $up
    }
    location /unsatisfied { satisfy any; deny all; mlsec_allow GET admin; $up }
    location /limited {
        mlsec_allow GET admin;
        mlsec_limit zone=who name=who rate=1r/h burst=2;
        $up
    }
END2

my $attack = MlsecTest::Attack->new($nginx);

sub raw {
    my ($bytes, $method) = @_;
    my $client = $nginx->client;
    $client->send($bytes);
    $client->expect($method // 'GET');
    return $client->response(10) // { status => 0, headers => {}, body => '' };
}

sub get {
    my ($path, @headers) = @_;
    return $nginx->get($path, headers => \@headers);
}

# Refused as STATUS with CHALLENGE: an envelope, no call, a line of the log.
sub refused {
    my ($status, $challenge, $name, $do) = @_;
    $challenge //= 'no challenge';
    $attack->refused($name, "$status, $challenge, an envelope", sub {
        my $reply = $do->();
        my $e = eval { JSON::PP->new->decode($reply->{body}) } // {};
        return join ', ', $reply->{status},
            $reply->{headers}{'www-authenticate'} // 'no challenge',
            $e->{error} && $e->{status_code} == $status && !exists $e->{reason}
            && $e->{request_id} && exists $e->{path} ? 'an envelope' : $reply->{body};
    });
}

my %bearer = map { ($_ => 'Authorization: Bearer ' . $t->token(roles => [$_])) }
    qw(viewer admin);
my $none = 'Bearer realm="mlsec"';
my $scope = 'Bearer realm="mlsec", error="insufficient_scope"';
my $request = 'Bearer realm="mlsec", error="invalid_request"';
my $host = "Host: localhost\r\nConnection: close\r\n";
my $admin = "$host$bearer{admin}\r\n";

# ---- methods ----

refused(405, undef, "P5: $_ of an administrator", sub {
    raw("$_ /admin/x HTTP/1.1\r\n$admin\r\n", $_) })
    for qw(TRACE PROPFIND DELETE PUT PATCH OPTIONS BREW);
refused(405, undef, 'P5: TRACE where any is allowed',
        sub { raw("TRACE /any HTTP/1.1\r\n$admin\r\n") });
refused(400, undef, 'P5: a method in lower case',
        sub { raw("get /admin/x HTTP/1.1\r\n$admin\r\n") });
# nginx does not know what follows the method, or does and does not allow it
my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my ($minor) = `$binary -v 2>&1` =~ m{nginx/1\.(\d+)};
refused($minor < 29 ? 400 : 405, undef, 'P5: CONNECT',
        sub { raw("CONNECT localhost:443 HTTP/1.1\r\n$admin\r\n") });
{
    $attack->refused('P5: HEAD is GET, and no way around it', "403 $scope", sub {
        my $reply = raw("HEAD /admin/x HTTP/1.1\r\n$host$bearer{viewer}\r\n\r\n", 'HEAD');
        return "$reply->{status} $reply->{headers}{'www-authenticate'}";
    });
}
my $said = JSON::PP->new->decode(get('/', $bearer{viewer},
    'X-HTTP-Method-Override: DELETE', 'X-HTTP-Method: DELETE',
    'X-Method-Override: DELETE')->{body});
is("$said->{method} $said->{other}", 'GET ', 'P5: no other method by a header');

# ---- framing ----

for (['two lengths', "Content-Length: 1\r\nContent-Length: 2\r\n", 'x', 400],
     ['a length and chunks', "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400],
     ['a length with a sign', "Content-Length: +1\r\n", 'x', 400],
     ['a length in hex', "Content-Length: 0x1\r\n", 'x', 400],
     ['chunks twice', "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400],
     ['something like chunks', "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n", 501],
     ['chunks and identity', "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n", 501],
     ['a blank before the colon', "X-A : b\r\n", '', 400],
     ['a NUL in a value', "X-A: a\0b\r\n", '', 400],
     ['a folded line', "X-A: a\r\n b\r\n", '', 400],
     ['a header of 33 kB', 'X-A: ' . 'a' x 33_000 . "\r\n", '', 400])
{
    my ($name, $headers, $body, $status) = @$_;
    refused($status, undef, "P6: $name", sub {
        raw("POST /admin/x HTTP/1.1\r\n$admin$headers\r\n$body") });
}
refused(400, undef, 'P11: a thousand headers', sub {
    raw("GET /admin/x HTTP/1.1\r\n$admin" . join('', map { "X-$_: " . 'b' x 60 . "\r\n" } 1 .. 1000)
        . "\r\n") });
refused(400, $request, 'J17: a token in two places',
        sub { get('/admin/x', $bearer{admin}, 'Cookie: session=' . $t->token) });

# ---- headers that pretend ----

for my $header ('X-User-Id: root', 'x_user_id: root', 'X-User-Roles: admin',
                'X_Roles: admin', 'X-Roles: admin', 'X-User: root',
                'X-Forwarded-User: root', 'X-Original-URL: /admin/x',
                'X-Rewrite-URL: /admin/x', 'X-Auth-Request-User: root',
                'X-Consumer-Username: root', 'X-Scope-OrgID: other',
                'X-Amzn-Oidc-Identity: root', 'X_Original_Method: DELETE',
                'Remote-Groups: admin', 'remote_groups: admin', 'Client-Cert: :cm9vdA==:',
                'SSL-Client-S-DN: CN=root', 'CF-Access-User: root', 'Impersonate-User: root',
                'X-OIDC-Sub: root', 'X-Org-Id: other', 'X-Forwarded-Roles: admin')
{
    for my $path ('/', '/public') {
        $said = JSON::PP->new->decode(
            get($path, $bearer{viewer}, $header, $header)->{body});
        is("$said->{user}|$said->{roles}|$said->{other}",
           $path eq '/' ? 'ann|viewer|' : '||', "P7: $path: $header is not sent on");
    }
    refused(403, $scope, "P7: $header",
            sub { get('/admin/x', $bearer{viewer}, $header) });
    refused(401, $none, "P7: $header", sub { get('/admin/x', $header) });
}
$said = JSON::PP->new->decode(
    raw("GET / HTTP/1.1\r\nHost: localhost\r\n$bearer{viewer}\r\n"
        . "Connection: close, X-User-Id, X-User-Roles\r\n\r\n")->{body});
# ("close" is what nginx itself sends, before 1.29.7)
like("$said->{user} $said->{roles} $said->{connection}", qr/\Aann viewer (?:close)?\z/,
     'P7: Connection does not take the gateway\'s away');

# ---- redirects inside of nginx ----

for my $path ('/to_admin', '/by_error', '/by_name', '/by_try') {
    refused(401, $none, "P9: $path", sub { get($path) });
    refused(403, $scope, "P9: $path", sub { get($path, $bearer{viewer}) });
    is(get($path, $bearer{admin})->{status} =~ /^(?:200|418)$/, 1,
       "P9: $path: an administrator may");
}
refused(403, $scope, 'P9: an aggregate', sub { get('/by_part', $bearer{viewer}) });
is(get('/inside', $bearer{admin})->{status}, 404, 'P9: a part by itself');
refused(401, $none, 'P10: /nested', sub { get('/nested/x') });
refused(401, $none, 'P10: /nested/more', sub { get('/nested/more') });
refused(403, $scope, 'P10: /nested/more', sub { get('/nested/more', $bearer{viewer}) });
is(get('/nested/open')->{status}, 200, 'P10: /nested/open is public');
refused(401, $none, 'P10: limit_except', sub { get('/except') });
refused(403, undef, 'P10: limit_except', sub {
    raw("DELETE /except HTTP/1.1\r\n$admin\r\n") });

# ---- satisfy any, limits ----

my @got = map { get('/satisfied?k=1') } 1 .. 3;
is(join(' ', map { $_->{status} } @got), '200 200 429',
   'P10: satisfy any: an address is enough, and is counted all the same');
is(join('|', map { $_ // '-' } @{ $got[0]{headers} }{qw(www-authenticate cache-control)}),
   '-|-', 'with nothing of the refusal that was none');
$said = JSON::PP->new->decode($got[0]{body});
is("$said->{user}$said->{roles}", '', 'nobody is known');
@got = map { get('/satisfied?k=2', $bearer{admin}) } 1 .. 3;
is(join(' ', map { $_->{status} } @got), '200 200 429',
   'a token: counted once each');
@got = map { get('/satisfied?k=3', $bearer{viewer}) } 1 .. 3;
is(join(' ', map { $_->{status} } @got), '200 200 429', 'one without the role');
is(JSON::PP->new->decode($got[0]{body})->{user}, '', 'is nobody');
$attack->more(3);          # 429, and none of those that an address let in
refused(401, $none, 'P10: satisfy any, no address', sub { get('/unsatisfied') });
refused(403, $scope, 'P10: satisfy any, no role',
        sub { get('/unsatisfied', $bearer{viewer}) });
is(get('/unsatisfied', $bearer{admin})->{status}, 200, 'a role is enough');

refused(403, $scope, 'P10: a role is looked at before limits',
        sub { get('/limited', 'Authorization: Bearer '
                  . $t->token(sub => 'bob', roles => ['viewer'])) }) for 1 .. 3;
my $bob = 'Authorization: Bearer ' . $t->token(sub => 'bob', roles => ['admin']);
is(join(' ', map { get('/limited', $bob)->{status} } 1 .. 3), '200 200 429',
   'and what was refused has not been counted');
$attack->more(1);

# ---- cookies of foreign pages ----

my $cookie = 'Cookie: session=' . $t->token(roles => ['admin']);
my @upgrade = ('Connection: upgrade', 'Upgrade: websocket',
               'Sec-WebSocket-Version: 13',
               'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==');

for (['no origin'], ['null', 'Origin: null'],
     ['a foreign one', 'Origin: https://evil.example'],
     ['one like it', 'Origin: https://app.example.evil'],
     ['its own by https', 'Origin: https://localhost'])
{
    my ($name, @origin) = @$_;
    refused(403, $scope, "W1: POST with a cookie, $name", sub {
        $nginx->get('/admin/x', method => 'POST', body => '{}',
                    headers => [$cookie, @origin]) });
    refused(403, $scope, "W1: a WebSocket with a cookie, $name",
            sub { get('/admin/x', $cookie, @upgrade, @origin) });
    is(get('/admin/x', $cookie, @origin)->{status}, 200,
       "W1: GET with a cookie, $name");
    is($nginx->get('/admin/x', method => 'POST', body => '{}',
                   headers => [$bearer{admin}, @origin])->{status}, 200,
       "W1: a token that is no cookie, $name");
}
for my $origin ('https://app.example', 'http://localhost') {
    is($nginx->get('/admin/x', method => 'POST', body => '{}',
                   headers => [$cookie, "Origin: $origin"])->{status}, 200,
       "W1: POST with a cookie, $origin");
    is(get('/admin/x', $cookie, @upgrade, "Origin: $origin")->{status}, 200,
       "W1: a WebSocket with a cookie, $origin");
}
like($nginx->error_log, qr/reason: "a cookie came for a page of another origin, or of none"/,
     'the log says why');

is($attack->rows, 'P5 P6 P7 P9 P10 P11 J17 W1' =~ s/(.*)/join ' ', sort { ($a =~ m|(\d+)|)[0] <=> ($b =~ m|(\d+)|)[0] || $a cmp $b } split ' ', $1/er, 'rows');
$nginx->finish;
$attack->finish;
unlike($nginx->error_log, qr/eyJ/, 'no token in the log');
done_testing();
