# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_explain: what became of the parts of a request, for whom, and never
# what was said.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use JSON::PP ();
use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Ports;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/secret' => [[out => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
                   . '"sesame-1"']],
});
my $ports = MlsecTest::Ports->claim_block;
my $port  = $ports->{main};

my $nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    proxy_cache_path \$DIR/cache keys_zone=c:1m;
    upstream u { server @{[$faulty->address]}; mlsec_service training;
                 mlsec_breaker volume=100; }
    upstream two { server 127.0.0.1:1 max_fails=0; server @{[$faulty->address]} backup; }
    upstream again { server @{[$faulty->address]} max_fails=0; mlsec_service again;
                     mlsec_retry tries=3 base=1ms; }
    upstream opens { server @{[$faulty->address]}; mlsec_service opens;
                     mlsec_breaker volume=2 open=60s; }
    mlsec_explain on;
    server {
        listen 127.0.0.1:$port;
        include \$CONF/mlsec_parts.conf;
        location = /on { mlsec_call a /b; }
        location = /off { mlsec_explain off; mlsec_call a /b; }
        location = /other { mlsec_explain 10.0.0.0/8 unix:; mlsec_call a /b; }
        location = /this { mlsec_explain 10.0.0.0/8 127.0.0.1; mlsec_call a /b; }
        location /real/ {
            set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;
            mlsec_call a /b;
        }
        location = /b { mlsec_respond 1; }
    }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    location = /page {
        mlsec_call a http://u/secret?token=sesame-2 required timeout=5s
                   'header=Authorization: Bearer sesame-3';
        mlsec_call b http://u/status/503 'fallback=json:{"x":"sesame-4"}';
        mlsec_call c http://u/ok/x if=\$arg_c;
        mlsec_call d http://two/ok/x;
        mlsec_call e http://opens/status/500;
        mlsec_call f http://u/slow/40/x after=a filter=.name;
        mlsec_call g http://u/ok/x after=e;
        mlsec_filter '{all: [.a, .f]}';
    }
    location = /cached-part {
        proxy_pass http://@{[$faulty->address]}/ok/x;
        proxy_cache c; proxy_cache_valid 200 1h;
    }
    location = /again { mlsec_call a http://again/status/503; mlsec_call b /b; }
    location = /cached { mlsec_call a /cached-part; }
    location = /each {
        mlsec_call l /list; mlsec_call i http://u/ok/\$mlsec_item foreach=l;
    }
    location = /list { mlsec_respond '["sesame-5",2]'; }
    location = /failed { mlsec_call a http://u/status/404 required; }
    location = /late { mlsec_call a http://u/hang/x timeout=50ms; mlsec_call b /b; }
    location = /wrong { mlsec_call a /b; mlsec_filter '1 + "sesame-6"'; }
    location = /b { mlsec_respond 1; }
});


sub explained {
    my ($path, %o) = @_;

    my $r = $nginx->get($path, headers => ['X-Mlsec-Explain: 1'], %o);

    return ($r, $r->{body} =~ /^\{"request_id"/
                ? JSON::PP::decode_json($r->{body}) : undef);
}


# From an address that is 127.0.0.1.
sub tcp {
    my ($path, @headers) = @_;

    my $sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or return;

    print $sock join "\r\n", "GET $path HTTP/1.0",
        'X-Mlsec-Explain: 1', @headers, '', '';
    local $/;

    return (<$sock> // '') =~ /"decision"/ ? 'explained' : 'answered';
}

$nginx->get('/page') for 1 .. 3;

my ($r, $json) = explained('/page?token=sesame-7',
                         headers => ['X-Mlsec-Explain: 1',
                                     'Authorization: Bearer sesame-8']);

is($r->{status}, 200, 'status');
is($r->{headers}{'content-type'}, 'application/json', 'type');
is($r->{headers}{'cache-control'}, 'no-store', 'not to be stored');
is($r->{headers}{'x-gateway-completed'}, undef, 'it is no aggregate');
unlike($r->{body}, qr/sesame|token|Bearer/, 'nothing that was said');

is($json->{status}, 200, 'status of the answer');
is($json->{result}, 'filter', 'by a program');
cmp_ok($json->{result_us}, '>', 0, 'time of the program');
cmp_ok($json->{elapsed_ms}, '>=', 40, 'elapsed');
is($json->{deadline_ms}, 30000, 'deadline');
is($json->{soft_ms}, undef, 'no soft one');
is(join(' ', map { "$_->{part}:$_->{decision}" } @{ $json->{parts} }),
   'a:called b:fallback c:skipped d:called e:refused f:called g:not_called',
   'decisions');

my %part = map { $_->{part} => $_ } @{ $json->{parts} };

is($part{a}{kind}, 'required', 'required');
is($part{b}{kind}, 'optional', 'optional');
is($part{a}{service}, 'training', 'service');
is($part{a}{upstream}, 'u', 'upstream');
is($part{a}{breaker}, 'closed', 'breaker: closed');
is($part{e}{breaker}, 'open', 'breaker: open');
is($part{d}{breaker}, undef, 'breaker: none');
is($part{a}{timeout_ms}, 5000, 'timeout');
is($part{a}{bytes}, 10, 'bytes of a body');
is($part{a}{upstream_status}, 200, 'status of a part');
is($part{b}{error_type}, 'upstream_status', 'error type');
is($part{b}{upstream_status}, 503, 'status of a failed part');
is($part{e}{error_type}, 'circuit_open', 'error type: breaker');
is($part{g}{error_type}, 'dependency', 'error type: dependency');
is($part{a}{error_type}, undef, 'no error');
is_deeply($part{e}{attempts}, [], 'no attempt while the breaker is open');

is(scalar @{ $part{a}{attempts} }, 1, 'one attempt');
is($part{a}{attempts}[0]{peer}, $faulty->address, 'its peer');
is($part{a}{attempts}[0]{status}, 200, 'its status');
cmp_ok($part{f}{attempts}[0]{header_ms}, '>=', 35, 'time until the header');
cmp_ok($part{f}{attempts}[0]{body_ms}, '>=', 0, 'time of the body');
cmp_ok($part{f}{attempts}[0]{elapsed_ms}, '>=',
       $part{f}{attempts}[0]{header_ms}, 'time of all');
cmp_ok($part{f}{filter_us}, '>', 0, 'time of filter=');
is($part{a}{filter_us}, undef, 'no filter=');
cmp_ok($part{f}{queue_ms}, '<=', $json->{elapsed_ms} - 35, 'waited for a');

is(scalar @{ $part{d}{attempts} }, 2, 'two attempts');
is($part{d}{attempts}[0]{peer}, '127.0.0.1:1', 'the first peer');
is($part{d}{attempts}[0]{connect_ms}, undef, 'was not connected to');
is($part{d}{attempts}[1]{status}, 200, 'the second answers');

# ---- other answers ---------------------------------------------------------

(undef, $json) = explained('/page?c=1');
is($json->{parts}[2]{decision}, 'called', 'if= is true');

$nginx->get('/cached');
(undef, $json) = explained('/cached');
is($json->{parts}[0]{decision}, 'cached', 'a part that nginx has cached');
is($json->{parts}[0]{upstream}, undef, 'a part of this server');
is($json->{result}, 'merge', 'merged');

($r, $json) = explained('/each');
is(scalar @{ $json->{parts}[1]{items} }, 2, 'items of a foreach=');
is($json->{parts}[1]{items}[1]{index}, 1, 'their index');
is($json->{parts}[1]{items}[1]{attempts}[0]{status}, 200, 'their attempts');
unlike($r->{body}, qr/sesame/, 'not their values');

($r, $json) = explained('/failed');
is("$r->{status} $json->{status}", '200 404', 'one that has failed');
is($json->{parts}[0]{decision}, 'failed', 'its part');

($r, $json) = explained('/late');
is($json->{parts}[0]{error_type}, 'timeout', 'one that is late');
cmp_ok($json->{parts}[0]{elapsed_ms}, '>=', 50, 'how late');
is($json->{parts}[0]{attempts}[0]{header_ms}, undef, 'without a header');

($r, $json) = explained('/again');
is(join(' ', map { $_->{status} } @{ $json->{parts}[0]{attempts} }),
   '503 503 503', 'each attempt of a part that is called again');

($r, $json) = explained('/wrong');
is("$r->{status} $json->{status}", '200 500', 'a program that fails');
unlike($r->{body}, qr/sesame/, 'and not why');

# ---- for whom --------------------------------------------------------------

like($nginx->get('/each')->{body}, qr/^\{"l":/, 'without the header');
like($nginx->get('/each', headers => ['X-Mlsec-Explain: 0'])->{body},
     qr/^\{"l":/, 'a header that says no');
like($nginx->get('/each', headers => ['X-Mlsec-Explain:'])->{body},
     qr/^\{"l":/, 'a header that says nothing');

is(tcp('/on'), 'explained', 'on: loopback');
is(tcp('/off'), 'answered', 'off');
is(tcp('/other'), 'answered', 'another network');
is(tcp('/this'), 'explained', 'this network');
is(tcp('/real/', 'X-Real-IP: 127.0.0.2'), 'explained',
   'behind a proxy: loopback');
is(tcp('/real/', 'X-Real-IP: 192.0.2.1'), 'answered',
   'behind a proxy: from elsewhere');

$nginx->finish;

# ---- what does not load ----------------------------------------------------

for my $case (
    ['mlsec_explain 10.0.0.0/99;', qr{invalid address "10.0.0.0/99" in "mlsec_explain", expected "on", "off" alone, or a network such as "10.0.0.0/8" in}],
    ['mlsec_explain off on;', qr{invalid address "off" in "mlsec_explain"}],
    ['mlsec_explain on; mlsec_explain off;', qr{"mlsec_explain" directive is duplicate}],
    ['mlsec_explain;', qr{invalid number of arguments in "mlsec_explain"}],
) {
    my ($conf, $expected) = @$case;

    eval { MlsecTest::Instance->start(http => $conf)->finish };
    like($@, $expected, $conf);
}

done_testing();
