# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Attacks on tokens, one by one: what the client is told, that the service has
# seen nothing of it, and that it is in no log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Encode ();
use MIME::Base64 qw(decode_base64url encode_base64url);
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Attack;
use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Token;

my $t = MlsecTest::Token->new;
my $evil = MlsecTest::Token->new;
my $b64 = \&encode_base64url;

# a listener that nobody should ever connect to
my $trap = MlsecTest::Faulty->start(
    replies => { '/keys' => [MlsecTest::Faulty::json($evil->jwks('k1'))] });
my $url = 'http://' . $trap->address . '/keys';

# a key for PS256 alone, two keys without kid, one key without kid
$t->write('ps256.json', $t->jwks('k1') =~ s/"kty"/"alg":"PS256","kty"/r);
$t->write('two.json', $t->jwks('k1') =~ s/"kid":"k1",//r
    =~ s/\]\}$/,/r . ($evil->jwks('k2') =~ s/^\{"keys":\[//r =~ s/"kid":"k2",//r));
$t->write('one.json', $t->jwks('k1') =~ s/"kid":"k1",//r);
$t->write('revoked', "jti gone\n");
$t->write('live.json', $t->jwks('k1'));
$t->_run('openssl ecparam -name prime256v1 -genkey -noout -out ec.pem');
my $point = $t->_run('openssl ec -in ec.pem -pubout -outform DER 2>/dev/null | tail -c 64');
$t->write('ec.json', sprintf '{"kty":"EC","crv":"P-256","kid":"e1","x":"%s","y":"%s"}',
          map { $b64->($_) } unpack 'a32 a32', $point);

my $locations = join '', map {
    "location = /$_ { mlsec_jwt_key_file @{[$t->dir]}/$_.json;"
        . " proxy_pass http://unix:\$DIR/up.sock; }\n"
} qw(ps256 two one live ec);

my $nginx = MlsecTest::Instance->start(
    http => "mlsec_errors on; mlsec_role viewer; mlsec_jwt_cache tokens:256k;
        mlsec_audit_log \$DIR/logs/audit.log flush=0;
        server { listen unix:\$DIR/up.sock; mlsec_audit_log off; access_log \$DIR/logs/seen.log;
            large_client_header_buffers 4 32k; return 200 seen; }",
    server => <<"SERVER");
    large_client_header_buffers 4 32k;
    mlsec_auth jwt;
    mlsec_jwt_alg RS256 PS256 ES256 EdDSA HS256;
    mlsec_jwt_key_file @{[$t->dir]}/jwks.json;
    mlsec_jwt_issuer https://id.example;
    mlsec_jwt_audience gateway;
    mlsec_jwt_revoke @{[$t->dir]}/revoked;
    mlsec_allow GET viewer;
    location / { proxy_pass http://unix:\$DIR/up.sock; }
    $locations
SERVER

my $FIXED = qr/"timestamp":"[^"]+","request_id":"[0-9a-f]{32}"/;

my $attack = MlsecTest::Attack->new($nginx);

# One request; status, challenge and body as one text.
sub ask {
    my ($path, @headers) = @_;
    my $r = $nginx->get($path, headers => [@headers]) // return 'none';
    my $body = $r->{body} =~ s/$FIXED/FIXED/r;
    return join '|', $r->{status}, $r->{headers}{'www-authenticate'} // '',
        $r->{headers}{'cache-control'} // '', $body;
}

sub envelope {
    my ($status, $text, $error, $path) = @_;
    my $challenge = 'Bearer realm="mlsec"' . ($error ? qq(, error="$error") : '');
    return qq($status|$challenge|no-store|{"error":true,"status_code":$status,"message":"$text",)
         . qq("path":"$path",FIXED,"detail":"$text","details":{}});
}

my ($requests, $row) = (0, '');

# Refused with WANT: no service has seen it, the audit log has a line.
sub denied {
    my ($name, $want, @headers) = @_;
    $requests++;
    $attack->refused("$row: $name", $want, sub { ask('/x', @headers) });
}

sub refused {
    my ($name, $token, $path) = @_;
    $path //= '/x';
    $requests++;
    $attack->refused("$row: $name", envelope(401, 'Unauthorized', 'invalid_token', $path),
                     sub { ask($path, "Authorization: Bearer $token") });
}

sub taken {
    my ($name, $token, $path) = @_;
    like(ask($path // '/x', "Authorization: Bearer $token"), qr/^200\|.*seen$/, $row ? "$row: $name" : $name);
}

# A handle that has something to be read when a file of a folder is opened.
sub watch {
    my ($folder) = @_;
    eval { require 'syscall.ph'; 1 } or return;
    my $fd = syscall(SYS_inotify_init1(), 04000);               # IN_NONBLOCK
    return if $fd < 0 || syscall(SYS_inotify_add_watch(), $fd, $folder, 0x20) < 0;  # IN_OPEN
    open my $watch, '<&=', $fd or return;
    return $watch;
}

# r and s of a signature in DER, of SIZE bytes each
sub pair {
    my ($der, $size) = @_;
    my ($r, $s) = unpack 'x2 x C/a x C/a', $der;
    return join '', map { substr "\0" x $size . $_, -$size } $r, $s;
}

my $rs = '{"alg":"RS256","kid":"k1"}';
my $payload = $t->payload;
my $good = $t->token;
my ($h, $p, $s) = split /\./, $good;

taken('a good token', $good);

$row = 'J1';   # no token, another scheme, nothing behind the scheme

denied('no header', envelope(401, 'Unauthorized', '', '/x'));
denied($_, envelope(401, 'Unauthorized', '', '/x'), "Authorization: $_")
    for 'Basic eA==', 'Digest x', 'Bearerx', "Bearer\tx";
denied("\"$_\"", envelope(400, 'Bad Request', 'invalid_request', '/x'), "Authorization: $_")
    for 'Bearer', 'Bearer ', 'Bearer    ';

$row = 'J17';  # nginx itself refuses a second one, and says so in its own words

$attack->refused('J17: two headers', 400, sub { ask('/x', ("Authorization: Bearer $good") x 2) =~ /^400\b/ ? 400 : 0 });

$row = 'J2';   # algorithms that are none

for my $alg ('"none"', '"None"', '"nOnE"', '""', '17', '["RS256"]', 'null', '"rs256"', '"RS1"',
             '"ES256K"', '"HS1"', '"RS256 "', '"RS256\u0000"', '"A128KW"')
{
    my $header = qq({"alg":$alg,"kid":"k1"});
    refused("alg $alg, no signature", $b64->($header) . ".$p.");
    refused("alg $alg, a signature", $t->sign($header, $payload));
}
refused('no alg', $t->sign('{"kid":"k1"}', $payload));

$row = 'J3';   # keys that are none

$t->_run('openssl rsa -in key.pem -pubout -outform DER -out public.der');
my %secret = ('PEM' => $t->read('public.pem'), 'PEM without its end' => $t->read('public.pem') =~ s/\n\z//r,
    'DER' => $t->read('public.der'), 'the JWK set' => $t->read('jwks.json'), 'n' => $t->{n},
    'nothing' => '', 'zeros' => "\0" x 32);
refused("HS256 with $_ for a secret", $t->hmac('{"alg":"HS256","kid":"k1"}', $payload, $secret{$_}))
    for sort keys %secret;

$row = 'J4';   # another algorithm than the key's

refused('RS256 with a key for PS256', $good, '/ps256');
refused('PS256 over a PKCS #1 signature', $t->sign('{"alg":"PS256","kid":"k1"}', $payload));
refused("$_ with an RSA key", $t->sign(qq({"alg":"$_","kid":"k1"}), $payload)) for qw(ES256 EdDSA);
refused("$_, which is not allowed", $t->sign(qq({"alg":"$_","kid":"k1"}), $payload)) for qw(RS512 PS384 ES512);

$row = 'J5';   # kid

for my $kid ('"../../dev/null"', q("' OR 1=1--"), '"' . 'k' x 4096 . '"', '"k1\u0000"', '"k1\r\nX: y"',
             '17', 'null', '["k1"]', '""', '" k1"', '"K1"', '"k\u0131"')
{
    refused('kid ' . substr($kid, 0, 30), $t->sign(qq({"alg":"RS256","kid":$kid}), $payload));
}

# none of it is opened: the kernel says what is

my $kids = $nginx->dir . '/kids';
mkdir $kids;
open my $file, '>', "$kids/key.json" or die $!;
print {$file} $evil->jwks("$kids/key.json");
close $file;

SKIP: {
    my $watch = watch($kids);
    skip 'no inotify', 6 if !$watch;
    for my $kid ("$kids/key.json", "../kids/key.json", 'kids/key.json', "file://$kids/key.json",
                 "$kids/key.json\\u0000")
    {
        refused('kid ' . ($kid =~ s/.*kids/.../r),
                $evil->sign(qq({"alg":"RS256","kid":"$kid"}), $payload));
    }
    my $opened = -1;
    $opened++ while sysread $watch, my $event, 4096;
    open $file, '<', "$kids/key.json";
    my $mine = sysread $watch, my $own, 4096;
    is($opened . ' ' . ($mine ? 'seen' : 'not seen'), '-1 seen', 'J5: no file is opened');
}

my $no_kid = $t->sign('{"alg":"RS256"}', $payload);
taken('no kid, one key', $no_kid, '/one');
refused('no kid, two keys', $no_kid, '/two');
refused('no kid, one key, not this one', $evil->sign('{"alg":"RS256"}', $payload), '/one');
taken('a kid, and a set without any', $good, '/two');

$row = 'J6';   # keys that the token brings or points at

my $jwk = $evil->jwks('k1') =~ s/^\{"keys":\[//r =~ s/\]\}$//r;
my %brings = (jku => qq("$url"), x5u => qq("$url"), jwk => $jwk, x5c => '["AAAA"]', 'x5t#S256' => '"AAAA"');

for my $name (sort keys %brings) {
    my $header = qq({"alg":"RS256","kid":"k1","$name":$brings{$name}});
    refused("$name, signed by it", $evil->sign($header, $payload));
    taken("$name, signed by us: it is not looked at", $t->sign($header, $payload));
}
is($trap->events, 0, 'J6: nobody has asked the address in the token');

$row = 'J7';   # extensions; J8: members twice

refused("header with $_", $t->sign(qq({"alg":"RS256","kid":"k1",$_}), $payload))
    for '"crit":[]', '"crit":["exp"]', '"crit":"b64"', '"crit":null', '"b64":false', '"b64":0',
        '"b64":false,"crit":["b64"]', '"alg":"RS256"', '"kid":"k1"', '"a":1,"a":1', '"typ":7',
        '"typ":"secevent+jwt"', '"typ":"JWE"', '"zip":"DEF","crit":["zip"]';
$row = 'J8';
refused("$_ twice", $t->sign($rs, $payload =~ s/\}\z/,$_}/r))
    for '"sub":"ann"', '"exp":9999999999', '"roles":["admin"]', '"s\u0075b":"ann"';

$row = 'J9';   # other spellings of one token; one that is revoked stays so under each

my $revoked = $t->token(jti => 'gone');
refused('a revoked one', $revoked);

for my $token ($good, $revoked) {
    my ($h, $p, $s) = split /\./, $token;
    my $last = substr $s, -1;
    my $other = $last =~ tr/AQgwBRhxCSiyDTjzEUk0FVl1GWm2HXn3IYo4JZp5Kaq6Lbr7Mcs8Ndt9Oeu\-Pfv_/BRhxCSiyDTjzEUk0FVl1GWm2HXn3IYo4JZp5Kaq6Lbr7Mcs8Ndt9Oeu\-Pfv_A/r;

    refused("spelling: $_->[0]", $_->[1]) for
        ['padding', "$token="], ['padding, twice', "$token=="], ['padding of the header', "$h=.$p.$s"],
        ['a blank', "$h.$p. $s"], ['a blank in it', "$h.$p." . substr($s, 0, 9) . ' ' . substr $s, 9],
        ['a tab', "$h.$p\t.$s"], ['+ and /', $token =~ tr{_-}{/+}r . '+'], ['bits behind the end', "$h.$p." . substr($s, 0, -1) . $other],
        ['an exclamation mark', "$token!"], ['%2E', "$h%2E$p.$s"], ['a comma', "$token,"],
        ['two segments', "$h.$p"], ['four', "$token."], ['four, one of them empty', "$h..$p.$s"],
        ['five', "$h.$p.$s.x.y"], ['one', $h], ['dots', '..'], ['a segment of one character', "$h.$p.A"],
        ['nothing signed', "$h..$s"], ['the header twice', "$h.$h.$s"], ['in quotes', "\"$token\""];
}

$row = 'J10';  # signatures

my $raw = decode_base64url($s);
refused("signature: $_->[0]", "$h.$p." . $b64->($_->[1])) for
    ['nothing', ''], ['a bit', $raw ^ ("\0" x 255 . "\1")], ['the first bit', $raw ^ "\x80"], ['zeros', "\0" x 256],
    ['all bits', "\xff" x 256], ['n', $t->{n}], ['a byte less', substr $raw, 1], ['a byte more', "\0$raw"],
    ['a byte behind', "$raw\0"], ['64 bytes', substr $raw, 0, 64], ['of another token', decode_base64url((split /\./, $revoked)[2])];

# ... of ECDSA: numbers that are none, other ways to write two of them

my $input = $b64->('{"alg":"ES256","kid":"e1"}') . ".$p";
$t->write('input', $input);
my $der = $t->_run('openssl dgst -sha256 -sign ec.pem input');
my $es = pair($der, 32);
my $n = pack 'H*', 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
my ($r, $s2) = unpack 'a32 a32', $es;

taken('ECDSA', "$input." . $b64->($es), '/ec');
refused("ECDSA: $_->[0]", "$input." . $b64->($_->[1]), '/ec') for
    ['0, 0', "\0" x 64], ['0, s', "\0" x 32 . $s2], ['r, 0', $r . "\0" x 32], ['n, n', $n . $n], ['n, s', $n . $s2],
    ['r, n', $r . $n], ['1, 1', ("\0" x 31 . "\1") x 2], ['all bits', "\xff" x 64], ['DER', $der],
    ['DER, of 64 bytes', substr $der . "\0" x 8, 0, 64], ['63 bytes', substr $es, 0, 63], ['65 bytes', "$es\0"],
    ['a zero before each', "\0$r\0$s2"], ['s, r', $s2 . $r], ['nothing', ''], ['a bit', $es ^ ("\0" x 63 . "\1")];

$row = 'J11';  # times

my $now = time;
for my $exp ('"123"', '"9999999999"', '-1', '0', '1e30', '9223372036854775808', '9007199254740993', 'null', 'true',
             '[]', '{}', '1.5', 'NaN', 'Infinity', '09999999999', '9999999999999999999999')
{
    refused("exp $exp", $t->sign($rs, $payload =~ s/"exp":\d+/"exp":$exp/r));
}
taken('exp with a fraction', $t->sign($rs, $payload =~ s/"exp":(\d+)/"exp":$1.5/r));
taken('exp with an exponent', $t->sign($rs, $payload =~ s/"exp":\d+/"exp":4e9/r));
refused("$_->[0]", $t->token(@{ $_->[1] })) for
    ['expired for longer than the leeway', [exp => int $now - 40]], ['nbf beyond it', [nbf => int $now + 60]],
    ['iat beyond it', [iat => int $now + 60]], ['nbf is text', [nbf => 'soon']], ['iat is true', [iat => JSON::PP::true()]];
taken('expired within the leeway', $t->token(exp => int $now - 5));

$row = 'J13';  # issuer, audience

refused("iss $_", $t->sign($rs, $payload =~ s/"iss":"[^"]+"/"iss":$_/r)) for
    '"https://id.example/"', '"https://id.example.evil"', '"https://id.exampl"', '"HTTPS://ID.EXAMPLE"', '""',
    '["https://id.example"]', 'null', '"https://id.example\u0000"';
refused("aud $_", $t->sign($rs, $payload =~ s/"aud":"[^"]+"/"aud":$_/r)) for
    '[]', '""', '7', '{"gateway":1}', '["other"]', '"gateway "', '"gateway,other"', '["gateway",7]', 'null';
taken('one audience of several', $t->token(aud => ['other', 'gateway']));

$row = 'J14';  # payloads

my $inner = substr $payload, 1, -1;
refused("payload: $_->[0]", $t->sign($rs, $_->[1])) for
    ['an array', '[1,2]'], ['a string', '"x"'], ['a number', '1'], ['null', 'null'], ['nothing', ''], ['blanks', '  '],
    ['two documents', $payload . $payload], ['something behind', $payload . 'x'], ['a byte order mark', "\xef\xbb\xbf$payload"],
    ['a zero byte behind', "$payload\0"], ['a zero byte and another document', "$payload\0{}"],
    ['a zero in a string', qq({$inner,"x":"\\u0000"})], ['a raw zero in a string', qq({$inner,"x":"\0"})],
    ['a zero in a name', qq({$inner,"x\\u0000":1})],
    ['bytes that are not UTF-8', qq({$inner,"x":"\xff\xfe"})], ['an overlong slash', qq({$inner,"x":"\xc0\xaf"})],
    ['half of a surrogate', qq({$inner,"x":"\\ud800"})], ['a raw surrogate', qq({$inner,"x":"\xed\xa0\x80"})],
    ['a line end in a string', qq({$inner,"x":"\n"})], ['a comma too many', "{$inner,}"], ["'", "{$inner,'x':1}"],
    ['a comment', "{$inner/**/}"], ['no end', "{$inner"], ['UTF-16', Encode::encode('UTF-16LE', $payload)];

$row = 'J15';  # sizes; memory stays as it is

my ($worker) = $nginx->worker_pids;
my $rss = $nginx->rss($worker);

for my $depth (17, 2000, 5000) {
    refused("nested $depth deep", $t->sign($rs, qq({$inner,"x":) . '[' x $depth . ']' x $depth . '}'));
}
refused('thousands of elements', $t->sign($rs, qq({$inner,"x":[) . '1,' x 2100 . '1]}'));
refused('thousands of members', $t->sign($rs, qq({$inner,"x":[) . '{"a":1},' x 1100 . '1]}'));
refused('a header of 4000 members', $t->sign('{"alg":"RS256","kid":"k1",' . join(',', map { qq("$_":1) } 1 .. 1500) . '}', '{}'));
refused('a token beyond 16k', $t->sign($rs, qq({$inner,"x":") . 'x' x 14000 . '"}'));
$attack->refused('J15: a header that nginx does not take', 400, sub {
    ask('/x', "Authorization: Bearer $h." . 'A' x 200_000) =~ /^400\b/ ? 400 : 0 });
cmp_ok($nginx->rss($worker) - $rss, '<', 4096, 'J15: none of it is kept');

$row = 'J16';  # roles are compared byte for byte

my $forbidden = envelope(403, 'Forbidden', 'insufficient_scope', '/x');

denied("roles: $_->[0]", $forbidden, 'Authorization: Bearer ' . $t->token(roles => $_->[1])) for
    ['another case', ['Viewer']], ['a blank behind', ['viewer ']], ['a list in a string', 'viewer admin'],
    ['a comma', ['viewer,admin']], ['an object', { viewer => 1 }], ['nested', [['viewer']]], ['a number', [1]], ['none', []],
    ['null', JSON::PP::null()], ['Cyrillic', ["v\x{456}ewer"]], ['wide', ["\x{ff56}iewer"]],
    ['a space without width', ["viewer\x{200b}"]], ['a thousand others', [map { "role$_" } 1 .. 1000]];
$row = 'J18';
denied('the role is another', $forbidden, 'Authorization: Bearer ' . $t->token(roles => ['nobody']));
$row = 'J16';
taken('a thousand and ours', $t->token(roles => [(map { "role$_" } 1 .. 1000), 'viewer']));

$row = 'J21';  # a key file that is nothing any more: a reload does not come, what runs goes on

for my $text ('', '{"keys":[]}', '{') {
    $t->write('live.json', $text);
    my $before = () = $nginx->error_log =~ /\[emerg\]/g;
    $nginx->signal('HUP');
    my $until = time + 20;
    sleep 0.02 while $before == (() = $nginx->error_log =~ /\[emerg\]/g) && time < $until;
    taken("a key file of \"$text\" at a reload: the old keys go on", $good, '/live');
}
$nginx->allow(qr/cannot use "\S+live\.json" of "mlsec_jwt_key_file"/);

$row = 'J22';  # nothing of a bad token is left for the next one

for (1 .. 3) {
    refused('alg none', $b64->('{"alg":"none"}') . ".$p.");
    refused('a forged one', $evil->sign($rs, $payload));
    taken('a good one', $good);
}

$nginx->finish;

$row = 'J24';  # no token in any log: all of them are written when nginx has ended

# but for what nginx writes itself about header lines that it does not take, at level info

my @lines = grep { /eyJ[\w-]{20}/ && !/ \[info\] .* client sent (?:duplicate|too long) header line/ }
    split /\n/, $nginx->error_log;
is(scalar @lines, 0, 'J24: no token in the error log');
is($nginx->access_log =~ /eyJ[\w-]{20}/ ? 'there is one' : 'none', 'none', 'J24: no token in the access log');
is($nginx->log_file('audit.log') =~ /eyJ[\w-]{20}/ ? 'there is one' : 'none', 'none', 'J24: no token in the audit log');
cmp_ok($requests, '>', 240, "$requests were refused");
is($attack->rows, join(' ', map { "J$_" } 1 .. 11, 13 .. 17, 18, 22), 'rows J');
$attack->finish;
done_testing();
