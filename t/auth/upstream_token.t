# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_upstream_token: what services are shown, by whom it can be checked, that
# it is kept for whoever it is about and nobody else, and when a new one is
# signed; certificates between the gateway and services.

use strict;
use warnings;
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);
use Test::More;
use lib 't/lib';
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my $dir = $t->dir;

sub openssl {
    system("cd $dir && openssl $_[0] >/dev/null 2>&1") == 0
        or BAIL_OUT("openssl $_[0]");
}
openssl('ecparam -name prime256v1 -genkey -noout -out gw.pem');
openssl('ec -in gw.pem -pubout -out gw.pub');
openssl('ecparam -name secp384r1 -genkey -noout -out gw384.pem');
openssl('ec -in gw384.pem -pubout -out gw384.pub');
openssl('genrsa -out gwrsa.pem 2048');
openssl('rsa -in gwrsa.pem -pubout -out gwrsa.pub');
openssl('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem');
for my $name (qw(gateway service stranger)) {
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name.key -out $name.csr");
    openssl("x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -set_serial 3 -days 2 -out $name.pem");
}
chmod 0600, map { "$dir/$_" } qw(gw.pem gw384.pem gwrsa.pem);

my $proxy = 'proxy_pass http://unix:$DIR/service.sock;';
my $seen = 'proxy_pass http://unix:$DIR/service.sock:/seen;';
my $sign = "mlsec_upstream_token $dir/gw.pem issuer=https://gw.example audience=training";

my $nginx = MlsecTest::Instance->start(http => <<"END", server => <<"END2");
    mlsec_role viewer;
    mlsec_role admin viewer;

    # a service that believes nothing but what the gateway has signed
    server {
        listen unix:\$DIR/checked.sock;
        mlsec_auth jwt;
        mlsec_jwt_key_file $dir/gw.pub $dir/gw384.pub $dir/gwrsa.pub;
        mlsec_jwt_alg ES256 ES384 RS256;
        mlsec_jwt_issuer https://gw.example;
        mlsec_jwt_audience training;
        mlsec_allow any;
        location / {
            mlsec_respond '{"sub":"\$mlsec_identity","roles":"\$mlsec_roles","tenant":"\$mlsec_tenant","token":"\$http_authorization"}';
        }
    }
    server {
        listen unix:\$DIR/service.sock;
        location / {
            proxy_set_header Authorization "Bearer \$http_x_gateway_token";
            proxy_pass http://unix:\$DIR/checked.sock;
        }
        location /seen { mlsec_respond '{"token":"\$http_x_gateway_token"}'; }
    }

    # one that asks for the gateway's certificate
    server {
        listen unix:\$DIR/mutual.sock ssl;
        ssl_certificate $dir/service.pem;
        ssl_certificate_key $dir/service.key;
        ssl_client_certificate $dir/ca.pem;
        ssl_verify_client on;
        location / { mlsec_respond '{"client":"\$ssl_client_s_dn"}'; }
    }
    upstream service { server unix:\$DIR/service.sock; }
    upstream mutual { server unix:\$DIR/mutual.sock; }
END
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    mlsec_auth jwt;
    mlsec_jwt_key_file $dir/jwks.json;
    mlsec_jwt_issuer any;
    mlsec_jwt_audience any;
    mlsec_allow any;
    $sign;

    location / { $proxy }
    location /other { $sign,other kid=k7 ttl=4s; $proxy }
    location /p384 { mlsec_upstream_token $dir/gw384.pem issuer=https://gw.example audience=training; $proxy }
    location /rsa { mlsec_upstream_token $dir/gwrsa.pem issuer=https://gw.example audience=training; $proxy }
    location /ids { $sign request_id; $proxy }
    location /off { mlsec_upstream_token off; $seen }
    location /public { mlsec_auth off; $seen }
    location /parts { mlsec_call a http://service/; mlsec_call b http://service/seen; }
    location /moved { error_page 418 =200 /seen/none; return 418; }
    location /seen/none { mlsec_upstream_token off; $seen }
    location /variable { mlsec_respond '"\$mlsec_upstream_token"'; }
    location /mutual {
        proxy_ssl_certificate $dir/gateway.pem;
        proxy_ssl_certificate_key $dir/gateway.key;
        proxy_ssl_trusted_certificate $dir/ca.pem;
        proxy_ssl_verify on;
        proxy_ssl_name service;
        proxy_pass https://mutual;
    }
    location /impostor {
        proxy_ssl_certificate $dir/gateway.pem;
        proxy_ssl_certificate_key $dir/gateway.key;
        proxy_ssl_trusted_certificate $dir/ca.pem;
        proxy_ssl_verify on;
        proxy_ssl_name another;
        proxy_pass https://mutual;
    }
    location /bare { proxy_ssl_session_reuse off; proxy_pass https://mutual; }
END2

sub ask {
    my ($path, @headers) = @_;
    my $reply = $nginx->get($path, headers => \@headers);
    return ($reply->{status},
            eval { JSON::PP->new->allow_nonref->decode($reply->{body}) },
            $reply->{body});
}

# (header, payload) of a token
sub parts {
    my ($token) = @_;
    my @parts = split /\./, $token =~ s/^Bearer //r;
    return map { JSON::PP->new->decode(decode_base64url($_)) } @parts[0, 1];
}

my %bearer = map {
    my ($sub, %more) = @$_;
    ($sub => 'Authorization: Bearer ' . $t->token(sub => $sub, %more))
} ['ann', roles => ['viewer', 'admin', 'unknown'], tenant => 'a'],
  ['bob'], ["eve\r\nX: 1", tenant => "\x{e9}"];

# ---- what it says, and that a service can check it ----

my ($status, $said) = ask('/', $bearer{ann});
is("$status $said->{sub} $said->{roles} $said->{tenant}",
   '200 ann viewer,admin a', 'a service knows who it is by the signature');
my ($head, $claims) = parts($said->{token});
is_deeply($head, { alg => 'ES256', typ => 'JWT' }, 'header');
is(join(' ', sort keys %$claims), 'aud exp iat iss jti roles sub tenant',
   'claims');
is_deeply([@$claims{qw(iss aud sub roles tenant)}],
          ['https://gw.example', 'training', 'ann', ['viewer', 'admin'], 'a'],
          'their values');
is($claims->{exp} - $claims->{iat}, 60, 'a minute');
ok(abs($claims->{iat} - time) <= 20, 'from now on');
like($claims->{jti}, qr/^[0-9a-f]{32}$/, 'an id');

is((ask('/', $bearer{bob}))[1]{sub}, 'bob', 'another one');
($status, $said) = ask('/', $bearer{"eve\r\nX: 1"});
is("$status $said->{sub} $said->{tenant}", '200 eve%250D%250AX: 1 %25C3%25A9',
   'text that is no header, as in X-User-Id') or diag $said->{sub};

is((ask('/p384', $bearer{ann}))[1]{sub}, 'ann', 'P-384');
is((ask('/rsa', $bearer{ann}))[1]{sub}, 'ann', 'RSA');

# ---- kept, for the same only ----

my $first = (ask('/', $bearer{ann}))[1]{token};
is((ask('/', $bearer{ann}))[1]{token}, $first, 'the same again');
is((ask('/', 'Authorization: Bearer '
        . $t->token(sub => 'ann', roles => ['admin', 'viewer'],
                    tenant => 'a', jti => 'new')))[1]{token}, $first,
   'for the same identity, roles and tenant');
my %tokens = ($first => 1);
for (['ann', roles => ['viewer', 'admin'], tenant => 'b'],
     ['ann', roles => ['viewer'], tenant => 'a'], ['anna', roles =>
     ['viewer', 'admin']], ['an', roles => ['viewer', 'admin'],
     tenant => 'na'], ['ann', roles => ['viewer', 'admin']])
{
    my ($sub, %more) = @$_;
    my ($got, $one) = ask('/', 'Authorization: Bearer '
                          . $t->token(sub => $sub, %more));
    ok($got == 200 && !$tokens{$one->{token}}++,
       "not for $sub " . ($more{tenant} // '') . " @{$more{roles}}");
    is("$one->{sub} $one->{roles} $one->{tenant}",
       join(' ', $sub, join(',', @{$more{roles}}), $more{tenant} // ''),
       'which has its own');
}
($status, $said) = ask('/other', $bearer{ann});
isnt($said->{token}, $first, 'nor for other parameters');
($head, $claims) = parts($said->{token});
is("$status $head->{kid} @{$claims->{aud}}", '200 k7 training other',
   'several audiences, a key id');

my $kept = $said->{token};
ok(sub {
    for (1 .. 80) {
        return 1 if (ask('/other', $bearer{ann}))[1]{token} ne $kept;
        select undef, undef, undef, 0.1;
    }
    return 0;
}->(), 'a new one before the old one ends');
my $asked = time;
($head, $claims) = parts((ask('/other', $bearer{ann}))[1]{token});
ok($claims->{exp} > $asked, 'which is good');

# ---- a token for each request ----

my ($one, $two) = map {
    (parts((ask('/ids', $bearer{ann}, "X-Request-ID: r-$_"))[1]{token}))[1]
} 1, 2;
is("$one->{request_id} $two->{request_id}", 'r-1 r-2', 'request_id');
isnt($one->{jti}, $two->{jti}, 'is of one request');

# ---- where it is, and where none is ----

# the one of before may have come to its end meanwhile
$first = (ask('/', $bearer{ann}))[1]{token};
(undef, $said) = ask('/parts', $bearer{ann});
is($said->{a}{sub}, 'ann', 'parts carry it');
is("Bearer $said->{b}{token}", $first, 'the same');
is((ask('/variable', $bearer{ann}))[1], $first =~ s/Bearer //r, 'the variable');
for my $path ('/off', '/public', '/moved') {
    is((ask($path, $bearer{ann}, 'X-Gateway-Token: forged',
            'x_gateway_token: forged'))[2], '{"token":""}',
       "$path: none, and no forged one");
}
is((ask('/', $bearer{ann}, "X-Gateway-Token: forged"))[1]{token}, $first,
   "not the client's");
is((ask('/', 'Authorization: Bearer ' . ($first =~ s/Bearer //r)))[0], 401,
   'the gateway itself does not take it');

# ---- certificates ----

is((ask('/mutual', $bearer{ann}))[1]{client}, 'CN=gateway',
   'a service knows the gateway by its certificate');
is((ask('/bare', $bearer{ann}))[0], 400, 'and refuses one without');
is((ask('/impostor', $bearer{ann}))[0], 502,
   'the gateway refuses a service with another name');

$nginx->finish;
unlike($nginx->error_log, qr/eyJ|PRIVATE/, 'no token and no key in the log');
done_testing();
