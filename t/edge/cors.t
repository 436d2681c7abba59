# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_cors: whose pages may read, what a preflight is told, that both count
# for errors, and that no service and no access check is asked.

use strict;
use warnings;
use Test::More;
use lib 't/lib';
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my $keys = $t->dir;

my $nginx = MlsecTest::Instance->start(http => <<"END", server => <<"END2");
    mlsec_limit_zone addresses:1m key=address;

    server {
        listen unix:\$DIR/up.sock;
        access_log \$DIR/logs/upstream.log;
        location / {
            add_header Access-Control-Allow-Origin * always;
            add_header Access-Control-Allow-Credentials true always;
            add_header Vary Accept always;
            return 200 '{}';
        }
    }
END
    mlsec_errors on;
    mlsec_auth jwt;
    mlsec_jwt_key_file $keys/jwks.json;
    mlsec_jwt_issuer any;
    mlsec_jwt_audience any;
    mlsec_allow GET;
    mlsec_cors https://app.example http://b.example:3000;

    location /up { proxy_pass http://unix:\$DIR/up.sock; }
    location /write { mlsec_allow POST,DELETE admin; proxy_pass http://unix:\$DIR/up.sock; }
    location /any { mlsec_allow any; proxy_pass http://unix:\$DIR/up.sock; }
    location /public { mlsec_auth off; proxy_pass http://unix:\$DIR/up.sock; }
    location /down { mlsec_auth off; proxy_pass http://unix:\$DIR/none.sock; }
    location /gone { mlsec_auth off; return 410; }
    location /limited { mlsec_auth off; mlsec_limit zone=addresses rate=1r/h burst=2; mlsec_respond '{}'; }
    location /page { mlsec_auth off; error_page 404 /404.html; return 404; }
    location = /404.html { mlsec_auth off; mlsec_respond '"page"'; }
    location /none { mlsec_cors none; mlsec_auth off; mlsec_allow any; proxy_pass http://unix:\$DIR/up.sock; }
    location /off { mlsec_cors off; mlsec_auth off; mlsec_allow any; proxy_pass http://unix:\$DIR/up.sock; }
    location /all { mlsec_cors *; mlsec_auth off; proxy_pass http://unix:\$DIR/up.sock; }
    location /own {
        mlsec_cors https://app.example credentials methods=GET,PURGE
                   headers=X-A,X-B expose=X-C max_age=5m;
        mlsec_auth off;
        mlsec_respond '{}';
    }
    location /origin { mlsec_auth off; mlsec_respond '"\$mlsec_origin"'; }
END2

my @ask = ('Access-Control-Request-Method: POST');

sub calls {
    open my $f, '<', $nginx->dir . '/logs/upstream.log' or return 0;
    my @lines = <$f>;
    return scalar @lines;
}

# "STATUS ACAO VARY", the headers
sub seen {
    my ($method, $path, @headers) = @_;
    my $reply = $nginx->get($path, method => $method, headers => \@headers,
                            $method eq 'POST' ? (body => '{}') : ());
    my $h = $reply->{headers};
    return (join(' ', $reply->{status},
                 map { $_ // '-' } @$h{qw(access-control-allow-origin vary)}),
            $h, $reply->{body});
}

my $app = 'https://app.example';
my $token = 'Authorization: Bearer ' . $t->token;

# ---- who may read ----

is((seen('GET', '/up', "Origin: $_", $token))[0], "200 $_ Accept, Origin",
   "$_ may") for $app, 'http://b.example:3000';
is((seen('GET', '/up', $token))[0], '200 - Accept, Origin', 'a program');

for my $origin ('https://evil.example', 'null', 'https://app.example.com.evil',
                'https://appXexample', 'http://app.example',
                'HTTPS://APP.EXAMPLE', 'https://app.example:443',
                'https://app.example.', 'https://u@app.example',
                'https://app.example/', 'https://app.exampl', '',
                'https://app.example, https://app.example', 'x' x 8000)
{
    my $name = substr $origin, 0, 40;
    is((seen('GET', '/up', "Origin: $origin", $token))[0],
       '200 - Accept, Origin', "\"$name\" may not");

    my $before = calls();
    my ($line, $h, $body) = seen('OPTIONS', '/any', "Origin: $origin", @ask);
    is($line, '403 - Origin', 'nor ask');
    like($body, qr/"message":"Pages of this origin may not call".*"details":\{"error_type":"origin"\}/,
         'and is told so');
    is($h->{'access-control-allow-methods'}, undef, 'and nothing else');
    is(calls(), $before, 'no service is asked');
}

my ($line, $h) = seen('GET', '/up', "Origin: $app", $token);
is($h->{'access-control-allow-credentials'}, undef,
   'what the service says does not count');
is($h->{'access-control-expose-headers'},
   'X-Request-ID, X-Gateway-Completed, X-Gateway-Failed, RateLimit, '
   . 'RateLimit-Policy, Retry-After, WWW-Authenticate, Allow, '
   . 'Content-Disposition', 'headers to read');
unlike($nginx->get('/up', headers => [$token])->{raw}, qr/access-control/i,
       'a program is told nothing');

my $before = calls();
is((seen('GET', '/up', "Origin: $app", "Origin: $app", $token))[0],
   '400 - Origin', 'two origins');
is(calls(), $before, 'are not sent on');

# ---- preflights ----

$before = calls();
($line, $h) = seen('OPTIONS', '/write', "Origin: $app", @ask,
                   'Access-Control-Request-Headers: authorization',
                   'Access-Control-Request-Private-Network: true');
is($line, "204 $app Origin", 'a preflight needs no token');
is($h->{'access-control-allow-methods'}, 'POST, DELETE',
   'the methods of the location');
is($h->{'access-control-allow-headers'},
   'Authorization, Content-Type, Idempotency-Key, X-API-Key, X-Request-ID, '
   . 'traceparent, tracestate', 'headers to send');
is($h->{'access-control-max-age'}, 600, 'for ten minutes');
is($h->{'access-control-allow-private-network'}, undef, 'no private network');
is($h->{'access-control-expose-headers'}, undef, 'nothing to read in it');
($line, $h) = seen('OPTIONS', '/any', "Origin: $app", @ask);
is($h->{'access-control-allow-methods'}, 'GET, HEAD, POST, PUT, PATCH, DELETE',
   'where any is allowed');
is((seen('OPTIONS', '/gone', "Origin: $app", @ask))[0], "204 $app Origin",
   'before "return"');
is(calls(), $before, 'no service sees one');

is((seen('OPTIONS', '/up', "Origin: $app"))[0], "405 $app Origin",
   'OPTIONS that is no preflight');
is((seen('OPTIONS', '/any', @ask, $token))[0], '200 - Accept, Origin',
   'nor without an origin: it goes on');

# ---- errors can be read ----

for (['GET', '/up', 401], ['POST', '/up', 405], ['GET', '/down', 502],
     ['GET', '/gone', 410], ['GET', '/missing', 401])
{
    my ($method, $path, $status) = @$_;
    is((seen($method, $path, "Origin: $app"))[0], "$status $app Origin",
       "$method $path: $status can be read");
}
is((seen('DELETE', '/write', "Origin: $app", $token))[0], "403 $app Origin",
   '403 too');
is((seen('GET', '/page', "Origin: $app"))[0], "404 $app Origin",
   'and the page of an error_page');

is((seen('GET', '/limited', "Origin: $app"))[0], "200 $app Origin",
   'the first of two');
is((seen('OPTIONS', '/limited', "Origin: $app", @ask))[0], "204 $app Origin",
   'a preflight is the second');
is((seen($_, '/limited', "Origin: $app", @ask))[0], "429 $app Origin",
   "429: $_") for 'GET', 'OPTIONS';

# ---- other settings ----

($line, $h) = seen('GET', '/own', "Origin: $app");
is($line, "200 $app Origin", 'a location of its own');
is($h->{'access-control-allow-credentials'}, 'true', 'with cookies');
is($h->{'access-control-expose-headers'}, 'X-C', 'expose=');
($line, $h) = seen('OPTIONS', '/own', "Origin: $app", @ask);
is(join('|', $line, @$h{map { "access-control-$_" } qw(allow-credentials
                        allow-methods allow-headers max-age)}),
   "204 $app Origin|true|GET, PURGE|X-A, X-B|300", 'its preflight');
is((seen('GET', '/own', 'Origin: http://b.example:3000'))[0], '200 - Origin',
   'replaces the list of the server');

is((seen('GET', '/none', "Origin: $app"))[0], '200 - Accept',
   'none: what the service says is taken away');
is((seen('OPTIONS', '/none', "Origin: $app", @ask))[0], '403 - -',
   'none: no preflight');
is((seen('GET', '/off', "Origin: $app"))[0], '200 * Accept',
   'off: the service has its say');
$before = calls();
is((seen('OPTIONS', '/off', "Origin: $app", @ask))[0], '200 * Accept',
   'off: and the preflight');
is(calls(), $before + 1, 'which it sees');

for my $origin ('https://any.example', 'null') {
    is((seen('GET', '/all', "Origin: $origin"))[0], '200 * Accept',
       "*: $origin");
    is((seen('OPTIONS', '/all', "Origin: $origin", @ask))[0], '204 * -',
       'and its preflight');
}

# ---- $mlsec_origin ----

for (['', []], ['listed', ["Origin: $app"]], ['foreign', ['Origin: null']],
     ['same', ['Origin: http://LOCALHOST']],
     ['foreign', ['Origin: https://localhost']],
     ['foreign', ['Origin: http://localhost:80']])
{
    my ($word, $headers) = @$_;
    is((seen('GET', '/origin', @$headers))[2], "\"$word\"",
       "\$mlsec_origin \"$word\": @$headers");
}

$nginx->finish;
done_testing();
