# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec-token: keys of each type, the set that they make, tokens that the gateway
# takes, what is said of bad arguments, and that nothing is left half written.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd ();
use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);
use Test::More;

use MlsecTest::Instance;

my $tool = ($ENV{BUILD_DIR} // Cwd::cwd() . '/build') . '/mlsec-token';
my $dir  = File::Temp->newdir('mlsec-tool-XXXXXX', TMPDIR => 1);

chmod 0755, "$dir";


# (exit code, stdout, stderr) of the tool in the folder; what stdin has
sub tool {
    my ($stdin, @arguments) = @_;

    write_file('stdin', $stdin);

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        chdir "$dir" or die $!;
        open STDIN, '<', 'stdin' or die $!;
        open STDOUT, '>', 'stdout' or die $!;
        open STDERR, '>', 'stderr' or die $!;
        exec $tool, @arguments or die "$tool: $!";
    }

    waitpid $pid, 0;

    return ($? >> 8, read_file('stdout'), read_file('stderr'));
}


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', "$dir/$name" or die "$name: $!";
    print {$out} $text;
    close $out or die "$name: $!";

    return;
}


sub read_file {
    my ($name) = @_;

    open my $in, '<', "$dir/$name" or return '';
    local $/;

    return scalar <$in> // '';
}


# What is wrong: one line, exit code 2, nothing on stdout.
sub fails {
    my ($text, @arguments) = @_;

    my ($code, $out, $err) = tool('', @arguments);

    return is("$code|$out|$err", "2||mlsec-token: $text\n", "@arguments");
}


# ---- keys, the set of each, and a token ----

my @types = (['rsa', 'RS256', 'RSA'], ['ec', 'ES256', 'EC'], ['ed25519', 'EdDSA', 'OKP'],
             ['oct', 'HS256', 'oct']);

for my $type (@types) {
    my ($name, $alg, $kty) = @$type;

    is(join('|', tool('', 'keygen', '--type', $name, '--out', "$name.key")), '0||', "keygen: $name");
    is(sprintf('%o', 07777 & (stat "$dir/$name.key")[2]), '600', "$name: for its owner alone");
    next if $name eq 'oct';

    my ($code, $out) = tool('', 'jwks', '--key', "$name.key", '--kid', "the \"$name\"");
    my $set = JSON::PP->new->utf8->decode($out);
    my $jwk = $set->{keys}[0];

    is("$code $jwk->{kty} $jwk->{alg} $jwk->{use} $jwk->{kid}", "0 $kty $alg sig the \"$name\"", "jwks: $name");
    is(join(' ', grep { /^(?:d|p|q|dp|dq|qi|k)$/ } keys %$jwk), '', "$name: nothing of the private half");
    write_file("$name.json", $out);
}

for (['P-384', 'ES384'], ['P-521', 'ES512']) {
    my ($curve, $alg) = @$_;

    is(system("openssl ecparam -name @{[$curve =~ s/P-(\d+)/secp$1r1/r]} -genkey -noout -out $dir/$curve.key"), 0, $curve);

    my ($code, $out) = tool('', 'jwks', '--key', "$curve.key");
    my $jwk = JSON::PP->new->utf8->decode($out)->{keys}[0];

    is("$code $jwk->{crv} $jwk->{alg} " . length decode_base64url($jwk->{x}),
       "0 $curve $alg " . ($curve eq 'P-384' ? 48 : 66), "jwks: $curve");
    write_file("$curve.json", $out);
}

# ---- tokens, which the gateway takes ----

my $files = join ' ', map { "$dir/$_.json" } qw(rsa ec ed25519 P-384 P-521);
my $nginx = MlsecTest::Instance->start(http => 'mlsec_role viewer; mlsec_role operator viewer;',
    server => <<"END");
    mlsec_auth jwt;
    mlsec_jwt_alg RS256 ES256 ES384 ES512 EdDSA HS256;
    mlsec_jwt_issuer https://id.example;
    mlsec_jwt_audience gateway;
    mlsec_allow GET operator;
    mlsec_jwt_key_file $files;
    location / {
        mlsec_respond '{"who":"\$mlsec_identity","roles":"\$mlsec_roles"}';
    }
    location /secret { mlsec_jwt_key_file $dir/oct.key; mlsec_respond '{}'; }
END

my @good = ('--issuer', 'https://id.example', '--audience', 'other', '--audience', 'gateway');
my @who = ('--sub', 'ann', '--role', 'operator', '--role', 'none', '--ttl', '1h');

sub status {
    my ($token, $path) = @_;

    return $nginx->get($path // '/', headers => ["Authorization: Bearer $token"]);
}

for my $name (qw(rsa ec P-384 P-521 oct)) {
    my ($code, $token, $err) = tool('', 'mint', '--key', "$name.key", @good, @who,
                                    $name =~ /rsa|ec/ ? ('--kid', "the \"$name\"") : ());
    chomp $token;
    is("$code|$err", '0|', "mint: $name");

    my $r = status($token, $name eq 'oct' ? '/secret' : '/');
    is($r->{status}, 200, "$name: the gateway takes it");
    is($r->{body}, '{"who":"ann","roles":"operator"}', "$name: and knows whose it is")
        if $name ne 'oct';

    # the second opinion is the same code
    my @verify = ('verify', '--alg', 'all', @good[0 .. 1], '--audience', 'gateway', '--key',
                  $name eq 'oct' ? 'oct.key' : "$name.json");
    is(join('|', tool('', @verify, $token)), "0|ok: accepted\n|", "verify: $name");
    is(join('|', tool("$token\n", @verify)), "0|ok: accepted\n|", "verify: $name, of stdin");
    is((tool('', @verify, substr $token, 0, -5))[0], 1, "verify: $name, a piece of it");

    my ($header, $payload) = split /\n/, (tool('', 'inspect', $token))[1];
    my $claims = JSON::PP->new->utf8->decode($payload);
    is("$claims->{iss} @{ $claims->{aud} } $claims->{sub} @{ $claims->{roles} } "
       . ($claims->{exp} - $claims->{iat}), 'https://id.example other gateway ann operator none 3600',
       "inspect: $name");
    ok(JSON::PP->new->utf8->decode($header)->{alg}, "inspect: $name, its header");
}

my (undef, $token) = tool('', 'mint', '--key', 'ec.key', @good, '--ttl', '30d', '--kid', 'the "ec"',
                          '--claims', '{"sub":"bob","roles":["operator"],"exp":9999999999,"dept":"ops"}');
chomp $token;
is(status($token)->{body}, '{"who":"bob","roles":"operator"}', '--claims');
like((tool('', 'inspect', $token))[1], qr/"dept":"ops","exp":9999999999,/, '--claims wins over what is minted');
(undef, $token) = tool('', 'mint', '--key', 'ec.key', @good, @who[0 .. 5], '--ttl', '0');
chomp $token;
is(join('|', tool('', 'verify', '--key', 'ec.json', $token, '--leeway', '0')), "1|exp: it has expired\n|",
   '--ttl 0: as an expired one has to look');
is(join('|', tool('', 'verify', '--key', 'ec.json', '--alg', 'RS256', $token)),
   "1|alg_refused: \"alg\" is not among the configured ones\n|", 'verify: another algorithm');

# ---- what is wrong ----

fails('cannot make "ec.key": File exists', 'keygen', '--out', 'ec.key');
fails('--type "dsa": expected rsa, ec, ed25519 or oct', 'keygen', '--type', 'dsa', '--out', 'x');
ok(!-e "$dir/x", 'no file is left');
fails('--out is missing', 'keygen');
fails('cannot make "none/x": No such file or directory', 'keygen', '--out', 'none/x');
fails('--key is missing', $_) for 'jwks', 'mint', 'verify';
fails('cannot open "none": No such file or directory', $_, '--key', 'none') for 'jwks', 'mint';
fails('the key is a secret: there is nothing to publish', 'jwks', '--key', 'oct.key');
fails('the key is not a private key in PEM', $_, '--key', '/dev/null') for 'jwks', 'mint';
fails('the key is not a private key in PEM', 'mint', '--key', 'stdin');

system("openssl genpkey -algorithm ed448 -out $dir/ed448.key 2>/dev/null");
fails('the key is none of RSA, P-256, P-384, P-521, Ed25519', 'jwks', '--key', 'ed448.key');
fails('libjwt signs with keys of type rsa, ec and oct only', 'mint', '--key', 'ed25519.key');
fails('--ttl "1x": expected a number of seconds', 'mint', '--key', 'ec.key', '--ttl', '1x');
fails('--ttl "-1": expected a number of seconds', 'mint', '--key', 'ec.key', '--ttl', '-1');
fails('--ttl "": expected a time such as 1h', 'mint', '--key', 'ec.key', '--ttl', '');
fails("--ttl \"$_\": expected a hundred years at most", 'mint', '--key', 'ec.key', '--ttl', $_)
    for '3155760001', '36526d', '9999999999999999d';
fails('--claims: expected a JSON object', 'mint', '--key', 'ec.key', '--claims', $_) for '{', '[]', '';
fails('"--frob" is unknown or has no value', 'mint', '--frob', 'x');
fails('"--key" is unknown or has no value', 'mint', '--key');
fails('"b" is one argument too many', 'verify', '--key', 'ec.json', 'a', 'b');
fails('--alg: "none" is unknown', 'verify', '--key', 'ec.json', '--alg', 'none', 'x');
fails('"ec.key" cannot be used: it is a private key, expected the public one', 'verify', '--key', 'ec.key', 'x');
fails('the token is not three segments', 'inspect', 'x');
fails('segment 1 is not canonical base64url', 'inspect', 'x.y.z');

# ---- help ----

my ($code, $out, $err) = tool('');
is("$code|$out", '2|', 'no command');
like($err, qr/\Ausage: mlsec-token keygen /, 'which is told');
for (['--help'], ['keygen', '--help'], ['verify', '--key', 'x', '--help']) {
    is(join('|', tool('', @$_)), "0|$err|", "@$_");
}

$nginx->finish;
done_testing();
