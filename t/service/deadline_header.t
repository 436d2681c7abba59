# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# X-Request-Deadline-Ms: of the client, who can only make its own request end
# sooner, and what is left of it for services.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

my %tries;
my $faulty = MlsecTest::Faulty->start(replies => {
    '/seen' => sub { return left($_[0]) },
    '/second' => sub {
        my ($request) = @_;

        return ([wait => 0.15], MlsecTest::Faulty::json('{}', status => 503))
            unless $tries{second}++;
        return left($request);
    },
});


sub left {
    my ($request) = @_;

    my @all = map { /^X-Request-Deadline-Ms: (.*)/i ? $1 : () }
        @{ $request->{lines} };

    return MlsecTest::Faulty::json(JSON::PP::encode_json([@all]));
}

my $nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    upstream u { server @{[$faulty->address]}; keepalive 4; }
    upstream again {
        server @{[$faulty->address]}; mlsec_service again;
        mlsec_retry min=1000 base=1ms;
    }
    upstream counted { server @{[$faulty->address]}; mlsec_breaker; }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    location = /b { mlsec_respond 1; }
    location = /ids { mlsec_respond [1]; }
    location ~ ^/part(/.*) { mlsec_call a http://u\$1 timeout=10s; mlsec_call b /b; }
    location ~ ^/required(/.*) { mlsec_call a http://u\$1 required; }
    location ~ ^/limit(/.*) { mlsec_call a http://u\$1; mlsec_deadline 20s; }
    location ~ ^/own(/.*) { mlsec_call a http://u\$1 'header=X-Request-Deadline-Ms: 7'; }
    location ~ ^/none(/.*) { mlsec_call a http://u\$1 header=X-Request-Deadline-Ms:; }
    location ~ ^/again(/.*) { mlsec_call a http://again\$1 timeout=10s; }
    location = /outer/seen { mlsec_call a /part/seen timeout=8s; }
    location ~ ^/after(/.*) {
        mlsec_call s http://u/slow/150/s; mlsec_call a http://u\$1 after=s timeout=9s;
    }
    location /plain/ {
        mlsec_via counted; proxy_pass http://counted/; proxy_read_timeout 20s;
        proxy_set_header X-Request-Deadline-Ms \$mlsec_deadline_ms;
    }
    location = /left { mlsec_respond '["\$mlsec_deadline_ms"]'; }
});


# What the service was told.
sub told {
    my ($path, @values) = @_;

    my $r = $nginx->get($path,
                        headers => [map { "X-Request-Deadline-Ms: $_" }
                                    @values]);
    my $body = JSON::PP::decode_json($r->{body});

    $body = $body->{a} while ref $body eq 'HASH';

    return @{ $body // [] };
}


# One number, a little below what is expected.
sub about {
    my ($name, $most, @told) = @_;

    is(scalar @told, 1, "$name: one header");
    cmp_ok($told[0] // 0, '<=', $most, "$name: at most $most");

    return cmp_ok($told[0] // 0, '>', $most - 3000, "$name: about that");
}

about('the time of the part', 10_000, told('/part/seen'));
about('the deadline', 20_000, told('/limit/seen'));
about('the client, sooner', 4000, told('/part/seen', 4000));
about('the client, later', 10_000, told('/part/seen', 60_000));
about('twice, the sooner one', 4000, told('/part/seen', 6000, 4000));
about("an aggregate's part", 8000, told('/outer/seen'));
about("an aggregate's part, the client", 4000, told('/outer/seen', 4000));
about('plain', 4000, told('/plain/seen', 4000));

for my $bad ('0', '-1', 'soon', '1.5', '99999999999999999999', '') {
    about("\"$bad\" is nothing", 10_000, told('/part/seen', $bad));
    is(join(',', told('/plain/seen', $bad)), '', "plain, \"$bad\": no header");
}

is(join(',', told('/plain/seen')), '', 'plain: no header without one');
is(join(',', told('/own/seen', 4000)), '7', 'header= of the call');
is(join(',', told('/none/seen', 4000)), '', 'header= of the call, empty');

{
    my @after = told('/after/seen', 5000);

    about('a part that waits', 4900, @after);

    my @second = told('/again/second', 4000);

    about('the second attempt', 3850, @second);
    is($nginx->get('/left', headers => ['X-Request-Deadline-Ms: x'])->{body},
       '[""]', '$mlsec_deadline_ms is empty');
}

# time is up

for my $path ('/required/hang/a', '/plain/hang/b', '/plain/half-header') {
    my $r = $nginx->get($path, headers => ['X-Request-Deadline-Ms: 300']);

    is($r->{status}, 504, "$path: out of time");
    cmp_ok($r->{time}, '>=', 0.29, "$path: not before");
    cmp_ok($r->{time}, '<', 5, "$path: and not long after");
}

{
    my $r = $nginx->get('/again/status/503/late',
                        headers => ['X-Request-Deadline-Ms: 1']);

    cmp_ok($faulty->count('request', '/status/503/late'), '<=', 1,
           'no time for another attempt');
}

$nginx->finish;

done_testing;
