# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_auth mtls, mlsec_mtls: who a client certificate is; tokens that are
# bound to one (RFC 8705).

use strict;
use warnings;
use Digest::SHA qw(sha256);
use MIME::Base64 qw(decode_base64 encode_base64url);
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

for my $ca ('ca', 'stranger') {
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca "
            . "-keyout $ca.key -out $ca.pem");
}
for my $c (['training', 'ca', '/CN=training'], ['other', 'ca', '/O=a b/CN=x'],
           ['forged', 'stranger', '/CN=training'], ['server', 'ca', '/CN=s']) {
    my ($name, $ca, $subject) = @$c;
    openssl("req -newkey rsa:2048 -nodes -subj '$subject' "
            . "-keyout $name.key -out $name.csr");
    openssl("x509 -req -in $name.csr -CA $ca.pem -CAkey $ca.key "
            . "-set_serial 2 -days 2 -out $name.pem");
}

my $nginx = MlsecTest::Instance->start(server => '', http => <<"END");
    mlsec_jwt_cache tokens:64k;
    mlsec_mtls "CN=training" trainer service;

    server {
        listen unix:\$DIR/tls.sock ssl;
        ssl_certificate $dir/server.pem;
        ssl_certificate_key $dir/server.key;
        ssl_client_certificate $dir/ca.pem;
        ssl_verify_client optional_no_ca;

        mlsec_auth mtls;
        mlsec_jwt_key_file $dir/jwks.json;
        mlsec_jwt_issuer any;
        mlsec_jwt_audience any;
        mlsec_allow GET;

        location / {
            mlsec_respond '{"i":"\$mlsec_identity","r":"\$mlsec_roles"}';
        }
        location /service { mlsec_allow GET service; mlsec_respond '{}'; }
        location /token { mlsec_auth jwt; mlsec_respond '{}'; }
        location /both {
            mlsec_auth jwt mtls all;
            mlsec_respond '{"i":"\$mlsec_identity"}';
        }
    }
END

# (status, body, challenge)
sub ask {
    my ($path, $cert, @headers) = @_;
    my @command = ('curl', '-sik', '--unix-socket', $nginx->dir . '/tls.sock',
                   $cert ? ('--cert', "$dir/$cert.pem", '--key',
                            "$dir/$cert.key") : (),
                   (map { ('-H', $_) } @headers), "https://localhost$path");
    open my $f, '-|', @command or die $!;
    my $text = do { local $/; <$f> } // '';
    my ($status) = $text =~ m{^HTTP/\S+ (\d+)};
    my ($challenge) = $text =~ /^WWW-Authenticate: (.*?)\r$/m;
    return ($status // 0, ($text =~ /\r\n\r\n(.*)/s)[0] // '',
            $challenge // '');
}

my ($status, $body, $challenge) = ask('/', 'training');
is("$status $body", '200 {"i":"trainer","r":"service"}', 'a known one');

($status, $body) = ask('/', 'other');
is("$status $body", '200 {"i":"CN=x,O=a b","r":""}', 'its subject');

($status, $body, $challenge) = ask('/');
is("$status $challenge", '401 Mutual realm="mlsec"', 'none');
is((ask('/', 'forged'))[0], 401, 'the same subject of another authority');

is((ask('/service', 'training'))[0], 200, 'a role');
is((ask('/service', 'other'))[0], 403, 'no role');

# ---- bound to a certificate ----

my $pem = $t->read('training.pem');
my ($der) = $pem =~ /-----BEGIN CERTIFICATE-----(.*?)-----END/s;
my $x5t = encode_base64url(sha256(decode_base64($der)));
my $bound = 'Authorization: Bearer '
            . $t->token(cnf => { 'x5t#S256' => $x5t });

is((ask('/token', 'training', $bound))[0], 200, 'with its certificate');
is((ask('/token', 'other', $bound))[0], 401, 'with another one');
is((ask('/token', 'forged', $bound))[0], 401, 'with a forged one');
is((ask('/token', undef, $bound))[0], 401, 'without');
is((ask('/token', 'training', $bound))[0], 200, 'with it once more');

# ---- both ----

my $free = 'Authorization: Bearer ' . $t->token;
($status, $body) = ask('/both', 'training', $free);
is("$status $body", '200 {"i":"ann"}', 'a token and a certificate');
is((ask('/both', undef, $free))[0], 401, 'a token alone');
is((ask('/both', 'training'))[0], 401, 'a certificate alone');

$nginx->finish;
done_testing();
