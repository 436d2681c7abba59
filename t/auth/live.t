# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# W3: a WebSocket ends with the word of whoever opened it: the token expires or
# is revoked, its key or the API key is taken away.  Others stay open.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Audit;
use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Ports;
use MlsecTest::Token;
use MlsecTest::WebSocket;

my $t = MlsecTest::Token->new;
my $other = MlsecTest::Token->new;
my @keys = map { [$t->api_key($_, roles => ['viewer'])] } qw(k1 k2 k3 k4);

$t->write('api_keys', join '', map { $_->[0] } @keys);
$t->write('revoked', '');
$t->write('other.json', $other->jwks('k2'));

# Instance is on unix sockets, the client on TCP
my $ports = MlsecTest::Ports->claim_block;
my $port = $ports->main;

my $ok = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    . "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
my $service = MlsecTest::Faulty->start(replies => {
    '/silent' => [[out => $ok . "\x81\x05hello"], ['hang']],
    '/half'   => [[out => "$ok\x81\x7e\x01\x00half of it"], ['hang']],
    '/bye'    => [[out => "$ok\x88\x02\x03\xe8"], ['hang']],
    '/talk'   => [[out => $ok], [drip => "\x81\x03abc" x 40, 0.1], ['hang']],
    '/named'  => [[out => $ok =~ s/Upgrade\r/Upgrade\r\nSec-WebSocket-Protocol: chat\r/r], ['hang']],
    '/no'     => [[out => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"]],
    '/slow'   => [[wait => 7], [out => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]],
});
my $address = $service->address;

my $nginx = MlsecTest::Instance->start(http => q{
    mlsec_audit_log $DIR/logs/audit.log flush=0;
    mlsec_role viewer;
    mlsec_role admin;
    mlsec_jwt_cache tokens:64k;
}, server => <<"END");
    listen 127.0.0.1:$port;
    mlsec_errors on;
    mlsec_auth jwt api_key;
    mlsec_jwt_key_file @{[$t->dir]}/jwks.json @{[$t->dir]}/other.json;
    mlsec_jwt_issuer any;
    mlsec_jwt_audience any;
    mlsec_jwt_leeway 0;
    mlsec_jwt_source bearer websocket query=token;
    mlsec_jwt_revoke @{[$t->dir]}/revoked;
    mlsec_api_key @{[$t->dir]}/api_keys;
    mlsec_allow GET viewer;
    proxy_http_version 1.1;
    proxy_set_header Upgrade \$http_upgrade;
    proxy_set_header Connection upgrade;
    location / { proxy_pass http://$address; }
    location /aged/ { mlsec_jwt_max_age 4s; proxy_pass http://$address/; }
    location /moved { mlsec_allow GET viewer; error_page 502 = \@public; proxy_pass http://unix:\$DIR/none; }
    location \@public { mlsec_auth off; rewrite ^ /silent break; proxy_pass http://$address; }
END

my $audit = MlsecTest::Audit->new($nginx->dir . '/logs/audit.log');

sub open_socket {
    my ($path, %headers) = @_;
    my $w = MlsecTest::WebSocket->open($port, $path, %headers);
    is($w->{status}, 101, "open: $path") or diag $w->{body};
    return $w;
}

sub bearer { return (Authorization => "Bearer $_[0]") }

# what comes until the end, how long after FROM
sub ends {
    my ($w) = @_;
    my @all;
    while (1) {
        my $m = $w->next_message;
        push @all, $m =~ s/\A8 (..)/'close ' . unpack 'n', $1/ser;
        return join '|', @all if $m eq 'end';
    }
}

my $closed = 'close 1008not authorized any more|end';

# open at once, so that they wait together

my $soon = sub { $t->token(exp => int(time) + 5, @_) };
my $start = time;
my %w = (
    expired  => open_socket('/silent', bearer($soon->())),
    protocol => open_socket('/silent', 'Sec-WebSocket-Protocol' => 'bearer, ' . $soon->()),
    query    => open_socket('/silent?token=' . $soon->()),
    aged     => open_socket('/aged/silent', bearer($t->token)),
    half     => open_socket('/half', bearer($soon->())),
    bye      => open_socket('/bye', bearer($soon->())),
    talk     => open_socket('/talk', bearer($soon->())),
    revoked  => open_socket('/silent', bearer($t->token(jti => 'gone'))),
    subject  => open_socket('/silent', bearer($t->token(sub => 'bob'))),
    unsigned => open_socket('/silent', bearer($other->sign('{"alg":"RS256","kid":"k2"}', $other->payload))),
    stays    => open_socket('/silent', bearer($t->token)),
    public   => open_socket('/moved', bearer($soon->())),
    'API key gone'     => open_socket('/silent', 'X-API-Key' => $keys[0][1]),
    'API key off'      => open_socket('/silent', 'X-API-Key' => $keys[1][1]),
    'API key less'     => open_socket('/silent', 'X-API-Key' => $keys[2][1]),
    'API key stays'    => open_socket('/silent', 'X-API-Key' => $keys[3][1]),
);

# not an upgrade: nothing of it is cut, and the connection is kept
my $no = MlsecTest::WebSocket->open($port, '/no', bearer($soon->()));
is("$no->{status} $no->{body}", '200 no', 'W3: no upgrade');
$no->{text} = '';
$no->raw("GET /no HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " . $t->token . "\r\n\r\n");
ok($no->more && $no->{text} =~ /\AHTTP\/1.1 200 /, 'W3: the next request of its connection');
my $slow = $nginx->client;
$slow->request('/slow', headers => ['Upgrade: websocket', 'Connection: upgrade',
                                    'Authorization: Bearer ' . $soon->()]);

$t->write('revoked', "jti gone\nsub bob 9999999999\n");
$t->write('other.json', $t->jwks('k1'));
my ($line) = $t->api_key('k2', roles => ['viewer'], state => 'disabled');
my ($less) = $t->api_key('k3', roles => ['admin']);
my ($more) = $t->api_key('k5', roles => ['viewer']);
$t->write('api_keys', join '', $line, $less, $keys[3][0], $more);

is(ends($w{$_}), "1 hello|$closed", "W3: $_")
    for 'revoked', 'subject', 'unsigned', 'API key gone', 'API key off', 'API key less';
cmp_ok(time - $start, '<', 20, 'W3: soon');
is(ends($w{$_}), "1 hello|$closed", "W3: $_") for 'expired', 'protocol', 'query', 'aged';
is(ends($w{bye}), 'close 1000|end', 'W3: no close behind the service\'s own');
is(ends($w{half}), 'end', 'W3: no close inside of a frame');
is($w{half}{text}, "\x81\x7e\x01\x00half of it", 'W3: which has come as far as it was sent');
my $talk = ends($w{talk});
like($talk, qr/\A(?:1 abc\|)*(?:\Q$closed\E|end)\z/, 'W3: while the service talks');
is($slow->response(10)->{body}, 'ok', 'W3: an answer that is no WebSocket comes as a whole');

# those that are still good: they can be written to, and the service hears it

for my $name ('stays', 'API key stays', 'public') {
    is($w{$name}->next_message, '1 hello', "W3: $name");
    my $select = IO::Select->new($w{$name}{socket});
    ok(!$select->can_read(0), "W3: $name is open");
}

# each once in the audit log, with who it was and why

my %count;
$audit->wait(sub {
    %count = ();
    $count{$_->{reason}}++ for grep { $_->{event} eq 'deny' && $_->{status} == 101 } @_;
    my $n = 0;
    $n += $_ for values %count;
    return $n >= 13;
});
is_deeply(\%count, { 'it has expired' => 7, 'it has been revoked' => 2,
    'no key has this "kid"' => 1, 'there is no such key' => 1, 'the key is disabled' => 1,
    'a role is missing' => 1 }, 'W3: the audit log got one line each') or diag explain \%count;
my ($who) = grep { $_->{event} eq 'deny' && $_->{status} == 101 && $_->{identity} eq 'bob' } $audit->records;
is($who->{policy}, 'mlsec_auth', 'W3: with who it was');
my @lines = $nginx->error_log =~ /mlsec auth: a WebSocket is closed, reason: "/g;
is(scalar @lines, 13, 'W3: and so the error log');

# ---- the protocol of browsers, that they have offered ----

my $named = sub {
    my $w = open_socket(shift, 'Sec-WebSocket-Protocol' => shift, @_);
    my $said = $w->{headers}{'sec-websocket-protocol'} // '-';
    close $w->{socket};
    return $said;
};
is($named->('/silent', 'bearer, ' . $t->token), 'bearer', 'W2: one that the service does not know');
is($named->('/named', 'bearer, ' . $t->token), 'chat', 'W2: the service names one');
is($named->('/silent', 'chat', bearer($t->token)), '-', 'W2: where it has no token none is named');
is($service->count('request', '/named'), 1, 'it was asked');

close $_->{socket} for values %w, $no;
$nginx->finish;
done_testing();
