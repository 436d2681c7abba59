# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_uri_strict: paths and hosts that could be one thing here and another
# at a service are refused, before anybody is asked and no service sees them;
# where it is on by itself.

use strict;
use warnings;
use Test::More;
use lib 't/lib';
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my $keys = $t->dir;
my $admin = 'Authorization: Bearer ' . $t->token(roles => ['admin']);
my $viewer = 'Authorization: Bearer ' . $t->token;

my $auth = <<"END";
        mlsec_errors on;
        mlsec_jwt_key_file $keys/jwks.json;
        mlsec_jwt_issuer any;
        mlsec_jwt_audience any;

        location / {
            mlsec_auth jwt;
            mlsec_allow GET viewer;
            proxy_pass http://unix:\$DIR/up.sock;
        }
        location /admin {
            mlsec_auth jwt;
            mlsec_allow GET admin;
            proxy_pass http://unix:\$DIR/up.sock;
        }
        location = /inside { internal; proxy_pass http://unix:\$DIR/up.sock; }
        location = /moved { mlsec_auth off; error_page 418 =200 /inside; return 418; }
        location = /rewritten { mlsec_auth off; rewrite ^ "/a;b" break; proxy_pass http://unix:\$DIR/up.sock; }
END

my $nginx = MlsecTest::Instance->start(server => $auth, http => <<"END");
    mlsec_role viewer;
    mlsec_role admin viewer;
    server {
        listen unix:\$DIR/up.sock;
        access_log \$DIR/logs/upstream.log;
        location / { return 200 '{}'; }
    }
    server { listen unix:\$DIR/lax.sock; mlsec_uri_strict off; $auth }
    server {
        listen unix:\$DIR/open.sock;
        location / { proxy_pass http://unix:\$DIR/up.sock; }
    }
    server {
        listen unix:\$DIR/on.sock;
        mlsec_uri_strict on;
        mlsec_errors on;
        location / { proxy_pass http://unix:\$DIR/up.sock; }
    }
END

sub calls {
    open my $f, '<', $nginx->dir . '/logs/upstream.log' or return 0;
    my @lines = <$f>;
    return scalar @lines;
}

# bytes of a request line: status, body, challenge
sub ask {
    my ($where, $target, @headers) = @_;
    my $client = $nginx->client($where);
    $client->send(join "\r\n", "GET $target HTTP/1.1",
                  (grep { /^Host:/ } @headers) ? () : 'Host: localhost',
                  @headers, '', '');
    my $reply = $client->response(10) // {};
    return ($reply->{status} // 0, $reply->{body} // '',
            $reply->{headers}{'www-authenticate'});
}

my @paths = (
    # what somebody could take for /admin/x
    '//admin/x', '/a/../admin/x', '/a/..%2fadmin/x', '/%61dmin/x',
    '/admin%2fx', '/admin/./x', '/admin%252fx', '/admin;/x',
    '/a/..;/admin/x', '/\\admin/x', '/..%5cadmin/x', '/%2e/admin/x',
    '/a/%2e%2e/admin/x', '/a/.%2E/admin/x', '/admin%3bx', '/admin//x',
    '/admin/%2e%2e/admin/x', '/%2561dmin/x', '/admin%5cx', '/admin/x/..',
    # what is no text, or ends one
    '/x%0d%0aX-Evil:%201', '/x%01', '/x%7f', '/%c0%af', '/%ff', "/\xff",
    '/%e0%80%af', '/%ed%a0%80', '/x%c3', '/admin/x#frag',
    # arguments that only the service would have
    '/x?a=1#&b=2', '/x?#', '/admin/x?a=/#/../x',
);

for my $path (@paths) {
    my $before = calls();
    for my $header ($admin, $viewer, 'X-Nobody: 1') {
        my ($status, $body, $challenge) = ask('http', $path, $header);
        is($status, 400, "$path: refused");
        like($body, qr/"message":"Bad Request".*"details":\{"error_type":"path"\}/,
             'with an envelope');
        is($challenge, undef, 'nobody is asked who it is');
    }
    is((ask('on', $path))[0], 400, 'on: without mlsec_auth too');
    is(calls(), $before, 'no service sees it');
}
like($nginx->error_log, qr/mlsec edge: the path is refused, reason: "$_"/, $_)
    for 'an empty segment', 'a semicolon', 'something that is escaped twice',
        'an escaped letter or digit', 'a segment of dots, or an escaped dot',
        'a backslash, or an escaped slash', 'ill-formed UTF-8', 'a fragment',
        'a control character';

# nginx itself
for my $path ('/%00', '/x%00y', '/%zz', '/x%', '/x%4', '/../x', "/\x01", "/x\x7f") {
    my $before = calls();
    is((ask($_, $path, $admin))[0], 400, "$path: refused, $_")
        for 'http', 'lax';
    is(calls(), $before, 'no service sees it');
}

# ---- what is taken ----

for my $path ('/', '/admin/x', '/a.b/...', '/x%20y', '/100%25', '/%C3%A9',
              '/~x-y_z', '/x?a=/../%2f;%00%ff//', '/x?', '/x%3Fy')
{
    my $before = calls();
    is((ask('http', $path, $admin))[0], 200, "$path: taken");
    is(calls(), $before + 1, 'and sent on');
}
is((ask('http', '/ADMIN/x', $viewer))[0], 200,
   'another case is another path, under the rule of /');
is((ask('http', '/admin/x', $viewer))[0], 403, 'and this one is not');
is((ask('http', '/moved'))[0], 200, 'an error_page');
is((ask('http', '/rewritten'))[0], 200, 'a rewrite may do what it likes');

# ---- two hosts ----

for (['http://evil.example/admin/x', 'Host: localhost', 400],
     ['http://localhost:81/', 'Host: localhost', 400],
     ['http://localhost/', 'Host: localhost:81', 400],
     ['http://localhost.evil/', 'Host: localhost', 400],
     ['http://localhost/admin/x', 'Host: localhost', 200],
     ['http://LOCALHOST/', 'Host: localhost', 200],
     ['http://localhost:81/?x', 'Host: localhost:81', 200],
     ['http://localhost', 'Host: localhost', 200],
     ['http://localhost//admin/x', 'Host: localhost', 400])
{
    my ($target, $host, $status) = @$_;
    my $before = calls();
    is((ask('http', $target, $host, $admin))[0], $status, "$target, $host");
    is(calls(), $before + ($status == 200), 'what the service sees');
}
like($nginx->error_log, qr/reason: "the request names two hosts"/, 'why');

# ---- where it is on ----

is((ask('open', $_))[0], 200, "$_: no mlsec_auth, nothing is looked at")
    for '/a//b', '/a;b', '/%61';
is((ask('lax', '/a;b', $admin))[0], 200, 'off: not with mlsec_auth either');
is((ask('lax', '/%61dmin/x', $viewer))[0], 403,
   'but the rule of what it decodes to counts');

$nginx->finish;
done_testing();
