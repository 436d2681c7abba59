# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_max_inflight: what is over it is refused at once, optional parts first.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my $faulty = MlsecTest::Faulty->start;

my $nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    upstream u {
        server @{[$faulty->address]}; mlsec_service u; mlsec_max_inflight 5;
    }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    location = /state { mlsec_services; }
    location /via/ { mlsec_via u; proxy_pass http://u/; proxy_read_timeout 20s; }
    location /plain/ { proxy_pass http://u/; }
    location = /optional { mlsec_call a http://u/ok/o; mlsec_call b /b; }
    location = /required { mlsec_call a http://u/ok/r required; }
    location = /b { mlsec_respond 1; }
    location = /burst {
        @{[join "\n", map { "mlsec_call p$_ http://u/slow/200/burst required;" } 1 .. 8]}
    }
    location = /burst-optional {
        @{[join "\n", map { "mlsec_call p$_ http://u/slow/200/optional;" } 1 .. 8]}
    }
});


sub state_of {
    return JSON::PP::decode_json($nginx->get('/state')->{body})->{services}[0];
}


my @held;

# N calls in flight
sub hold {
    my ($n) = @_;

    while (@held < $n) {
        push @held, $nginx->client;
        $held[-1]->request('/via/hang/held');
    }

    $faulty->wait_for('request', '/hang/held', 5, $n);
    until_ok(5, sub { state_of()->{inflight} == $n }, "$n in flight");
}

hold(3);
is($nginx->get('/optional')->{body}, '{"a":{"name":"o"},"b":1}', '3: an optional part');

hold(4);
like($nginx->get('/optional')->{body},
     qr/^\{"a":null,"b":1,"errors":\[\{"service":"u","part":"a","error_type":"shed","status_code":503,"attempts":0,/,
     '4: no optional part');
is($nginx->get('/required')->{body}, '{"a":{"name":"r"}}', '4: a required part');
is($nginx->get('/via/ok/x')->{status}, 200, '4: a plain request');

hold(5);

my $n = $faulty->count('request');
my $r = $nginx->get('/required');

is($r->{status}, 503, '5: no required part');
like($r->{body}, qr/"message":"Service u has as many calls in flight as it may have".*"error_type":"shed"/,
     '5: envelope');
is($r->{headers}{'retry-after'}, 1, '5: Retry-After');
$r = $nginx->get('/via/ok/x');
is($r->{status}, 503, '5: mlsec_via');
like($r->{body}, qr/"details":\{"service":"u","error_type":"shed"\}/, '5: mlsec_via, envelope');
is($r->{headers}{'retry-after'}, 1, '5: mlsec_via, Retry-After');
is($nginx->get('/plain/ok/x')->{status}, 502, '5: plain proxy_pass');
is($faulty->count('request'), $n, '5: the service is not called');
is(state_of()->{shed}, 4, '5: counted');
is(state_of()->{max_inflight}, 5, '5: told');

@held = ();
until_ok(5, sub { state_of()->{inflight} == 0 }, 'let go');
is($nginx->get('/required')->{status}, 200, 'let go: called');

# all at once, before any of them is in flight
$n = $faulty->count('request', '/slow/200/burst');
$r = $nginx->get('/burst');
is($r->{status}, 503, 'burst: one part is refused');
like($r->{body}, qr/"error_type":"shed"/, 'burst: shed');
until_ok(5, sub { state_of()->{inflight} == 0 }, 'burst: over');
cmp_ok($faulty->count('request', '/slow/200/burst') - $n, '<=', 5, 'burst: not more than there may be');

# of the first ones some may be read by the service only now
$r = $nginx->get('/burst-optional');

my @shed = $r->{body} =~ /"error_type":"shed"/g;

is($faulty->count('request', '/slow/200/optional'), 8 - @shed, 'burst: what is not refused is made');
cmp_ok(scalar @shed, '>=', 3, 'burst: the rest is refused');

$nginx->finish('max_inflight');
done_testing;
