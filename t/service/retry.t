# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_retry: what is called again, where and how often, of parts and of plain
# proxy_pass.  The calls that count are those that the services have seen.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use JSON::PP ();
use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(time);

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my $BIG = join '', map { md5_hex($_) } 1 .. 2000;      # 64000 bytes


sub answer {
    my ($status, $body, @lines) = @_;

    return MlsecTest::Faulty::json($body, status => $status, lines => [@lines]);
}


# What was sent, as the service got it.
sub seen {
    my ($request) = @_;

    return sprintf '{"method":"%s","md5":"%s","length":%d,"deadline":"%s"}',
        $request->{method}, md5_hex($request->{body}),
        length $request->{body},
        $request->{headers}{'x-request-deadline-ms'} // '';
}


# What a service may say about when to come back (RFC 9110, 10.2.3), and how
# many calls a plain request and a part come to, after 503 and after 429.
my %when = (
    now   => ['0', 2, 2, 2, 2],
    over  => ['Sun, 06 Nov 1994 08:49:37 GMT', 2, 2, 2, 2],
    late  => ['120', 1, 1, 1, 1],
    dated => ['Fri, 31 Dec 2100 23:59:59 GMT', 1, 1, 1, 1],
    # says nothing: as if it were not there
    words => ['soon', 2, 2, 2, 1],
    point => ['1.5', 2, 2, 2, 1],
    minus => ['-1', 2, 2, 2, 1],
    two   => ['1, 2', 2, 2, 2, 1],
);


# Paths below /bad fail at one peer and go well at the others; /once/PATH
# fails the first time at each peer.
sub service {
    my ($bad) = @_;

    my %seen;
    my $fail = sub { return answer(503, '{"own":"words"}') };
    my $once = sub {
        my ($request) = @_;

        return $seen{ $request->{path} }++ ? answer(200, seen($request))
                                           : answer(503, '{}');
    };

    return MlsecTest::Faulty->start(replies => {
        '/bad' => sub { return $bad ? $fail->() : answer(200, seen($_[0])) },
        '/bad/reset' => $bad ? [['reset']] : [answer(200, '{"ok":1}')],
        '/bad/hang' => $bad ? [['hang']] : [answer(200, '{"ok":1}')],
        '/bad/half' => $bad ? [MlsecTest::Faulty::header(length => 100),
                               [out => '{"a":'], ['wait', 0.05], ['reset']]
                            : [answer(200, '{"ok":1}')],
        '/bad/kept' => sub {
            return $bad && $_[0]{method} eq 'POST' ? ['reset'] : answer(200, seen($_[0]));
        },
        '/bad/garbage' => $bad ? [[out => "no HTTP\r\n\r\n"], ['close']] : [answer(200, '{"ok":1}')],
        '/later' => sub { return answer(503, '{}', 'Retry-After: 1') },
        '/much-later' => sub { return answer(503, '{}', 'Retry-After: 60') },
        '/never' => sub { return answer(503, '{}', 'Retry-After: 99999999999999999999') },
        '/later-once' => sub {
            my ($request) = @_;

            return $seen{later}++ ? answer(200, '{"ok":1}')
                                  : answer(429, '{}', 'Retry-After: 1');
        },
        (map { ("/once/$_" => $once) } qw(a post item)),
        (map { my $name = $_; map { ("/when/$name/$_" => [answer($_, '{}', "Retry-After: $when{$name}[0]")]) } 503, 429 }
            keys %when),
    });
}

my @services = (service(1), service(0), service(0));
my ($bad, $good) = @services;
my $servers = join ' ', map { 'server ' . $_->address . ' max_fails=0;' } @services;
my $closed = do {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
    '127.0.0.1:' . $s->sockport;
};


# Calls that all services have seen of a path.
sub calls { return sum0(map { $_->count('request', $_[0]) } @services) }


my @busy = map { "mlsec_call p$_ http://busy/status/503/busy;" } 1 .. 10;
my @local = map { "mlsec_call p$_ /busy-plain/status/503/local;" } 1 .. 10;
my @nested = map { "mlsec_call p$_ /busy-one/$_;" } 1 .. 10;
my @ten = map { "mlsec_call p$_ http://down/status/503/p$_;" } 1 .. 10;
my $parts = sub {
    my ($upstream) = @_;

    return qq{location ~ ^/$upstream(/.*) {
        mlsec_call a http://$upstream\$1 timeout=3s; mlsec_call b /b;
        access_log \$DIR/logs/attempts.log attempts;
    }};
};

my $nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    log_format attempts '\$uri \$mlsec_attempts';

    # nothing is refused for want of budget
    upstream three {
        zone three 64k; $servers keepalive 8; mlsec_service three;
        mlsec_retry min=1000 base=1ms;
    }
    upstream tries {
        zone tries 64k; $servers mlsec_retry tries=3 min=1000 base=1ms on=503,500;
    }
    upstream single {
        server @{[$good->address]}; keepalive 4; mlsec_service single;
        mlsec_retry min=1000 base=1ms;
    }
    upstream hasty {
        zone hasty 64k; server @{[$bad->address]} max_fails=0; server @{[$good->address]} max_fails=0;
        mlsec_service hasty; mlsec_retry min=1000 base=1ms attempt=700ms;
    }
    upstream slow {
        server @{[$good->address]}; mlsec_service slow;
        mlsec_retry min=1000 base=60s cap=60s;
    }
    upstream dead {
        server $closed max_fails=0; server @{[$good->address]} max_fails=0;
        mlsec_retry min=1000 base=1ms;
    }
    upstream weighted {
        server @{[$bad->address]} weight=20 max_fails=0;
        server @{[$good->address]}; keepalive 4;
        mlsec_retry min=1000 base=1ms;
    }
    upstream gone { server $closed; mlsec_retry min=1000 base=1ms; }
    upstream breaks {
        $servers mlsec_service breaks; mlsec_outlier consecutive=200;
        mlsec_breaker volume=2 open=20s; mlsec_retry tries=5 min=1000 base=1ms;
    }
    upstream down {
        $servers mlsec_service down; mlsec_retry tries=3 base=20ms;
    }
    upstream busy { $servers mlsec_service busy; mlsec_retry tries=3 base=1ms; }
    upstream seq { $servers mlsec_service seq; mlsec_retry tries=3 min=1; }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    client_max_body_size 1m;
    location = /state { mlsec_services; }
    location = /metrics { mlsec_metrics; }
    location = /b { mlsec_respond 1; }
    location = /busy { proxy_pass http://busy/ok/busy; }
    location = /busy-page {
        @{[join "\n", @busy]}
    }
    location = /busy-local { @local }
    location = /busy-nested { @nested }
    location /busy-plain/ { proxy_pass http://busy/; }
    location /busy-one/ { mlsec_call a http://busy/status/503/nested; }
    location /plain/ {
        mlsec_via three; proxy_pass http://three/; proxy_http_version 1.1;
        proxy_read_timeout 1s; proxy_set_header Connection "";

        # not theirs to say
        proxy_next_upstream error timeout http_500 http_404 non_idempotent;
        proxy_next_upstream_tries 9;
    }
    location /small/ {
        proxy_pass http://three/; client_body_buffer_size 1k;
        proxy_http_version 1.1; proxy_set_header Connection "";
    }
    location /off/ { proxy_pass http://three/; proxy_next_upstream off; }
    location /posted/ { proxy_pass http://three/; proxy_method POST; }
    location /unbuffered/ {
        proxy_pass http://three/; proxy_request_buffering off;
        proxy_http_version 1.1;
    }
    location /tries-plain/ { proxy_pass http://tries/; }
    location /one/ { proxy_pass http://single/; }
    location /dead-plain/ { proxy_pass http://dead/; }
    location /seq/ { proxy_pass http://seq/; }
    location /hasty-plain/ { proxy_pass http://hasty/; }
    location /hasty-off/ { proxy_pass http://hasty/; proxy_next_upstream off; proxy_read_timeout 1500ms; }
    @{[map { $parts->($_) } qw(hasty three single tries dead gone breaks
                                weighted)]}
    location ~ ^/body(/.*) { mlsec_call a http://three\$1 body=on required; client_body_buffer_size 1k; }
    location ~ ^/keyed(/.*) {
        mlsec_call a http://three\$1 body=on required
            'header=Idempotency-Key: \$http_idempotency_key';
        client_body_buffer_size 1k;
    }
    location ~ ^/short(/.*) { mlsec_call a http://three\$1 timeout=300ms; mlsec_call b /b; }
    location ~ ^/slow(/.*) { mlsec_call a http://slow\$1 timeout=90s; mlsec_call b /b; mlsec_deadline 100s; }
    location ~ ^/soft(/.*) {
        mlsec_call a http://slow\$1 timeout=90s; mlsec_call b /b; mlsec_deadline 100s soft=1s;
    }
    location = /items {
        mlsec_call ids /ids; mlsec_call each 'http://single/once/item?{ids}' foreach=ids;
    }
    location = /each { mlsec_call ids /ids; mlsec_call each 'http://single/once/\$mlsec_item' foreach=ids; }
    location = /ids { mlsec_respond ["item"]; }
    location = /ten { @ten }
});


sub state_of {
    my ($name) = @_;

    my $state = JSON::PP::decode_json($nginx->get('/state')->{body});

    return (grep { $_->{name} eq $name } @{ $state->{services} })[0];
}


# One request, and how many calls it came to.
sub ask {
    my ($path, $called, %o) = @_;

    my $before   = calls($called);
    my $response = $nginx->get($path, %o);

    return ($response, calls($called) - $before);
}


# Until the peer that fails has had it: calls of one request, its status.
sub until_bad {
    my ($path, $called, %o) = @_;

    for (1 .. 6) {
        my $before = $bad->count('request', $called);
        my ($r, $n) = ask($path, $called, %o);

        return ($r, $n) if $bad->count('request', $called) > $before;
    }

    return ({ status => 0, body => '' }, 0);
}

# plain proxy_pass

for my $case (['503', '/bad'], ['reset', '/bad/reset'],
              ['timeout', '/bad/hang'])
{
    my ($name, $path) = @$case;
    my ($r, $n) = until_bad("/plain$path", $path);

    is($r->{status}, 200, "plain, $name: another peer");
    is($n, 2, "plain, $name: two calls");
}

{
    my ($r, $n) = ask('/plain/status/503/x', '/status/503/x');

    is("$r->{status} $r->{body}", '503 {"status":503}',
       'plain: the last answer is the own one of the service');
    is($n, 2, 'plain: two of three peers, no more');

    ($r, $n) = ask('/tries-plain/status/503/x', '/status/503/x');
    is($n, 3, 'plain: tries=3');
    ($r, $n) = ask('/tries-plain/status/502/x', '/status/502/x');
    is("$r->{status} $n", '502 1', 'plain: not in on=');

    for my $status (200, 302, 404, 429, 500) {
        ($r, $n) = ask("/plain/status/$status/x", "/status/$status/x");
        is("$r->{status} $n", "$status " . ($status == 429 ? 2 : 1),
           "plain: $status, whatever proxy_next_upstream says");
    }

    ($r, $n) = ask('/plain/later', '/later');
    is("$r->{status} $n", '503 1', 'plain: Retry-After is not now');
    is($r->{headers}{'retry-after'}, '1', 'plain: and is passed on');

    ($r, $n) = ask('/off/status/503/y', '/status/503/y');
    is("$r->{status} $n", '503 1', 'plain: proxy_next_upstream off');

    ($r, $n) = ask('/one/status/503/x', '/status/503/x');
    is("$r->{status} $n", '503 1', 'plain: no other peer');

    $nginx->get('/small/ok/x') for 1 .. 3;
    ($r, $n) = until_bad('/small/bad/garbage', '/bad/garbage');
    is("$r->{status} $n", '200 2', 'plain: no HTTP on a connection that was kept');

    $n = calls('/bad/half');
    $nginx->get('/plain/bad/half') for 1 .. 3;
    is(calls('/bad/half') - $n, 3, 'plain: never after the first byte');
}

# attempt=: one that hangs is not all that a part has time for
{
    my ($r, $n) = until_bad('/hasty/bad/hang', '/bad/hang');

    is("$r->{body} $n", '{"a":{"ok":1},"b":1} 2', 'attempt=: a part');
    ($r, $n) = until_bad('/hasty-plain/bad/hang', '/bad/hang');
    is("$r->{body} $n", '{"ok":1} 2', 'attempt=: plain');
    ($r, $n) = until_bad('/hasty-plain/bad/hang', '/bad/hang', headers => ['X-Request-Deadline-Ms: 5000']);
    is("$r->{body} $n", '{"ok":1} 2', 'attempt=: plain, with a deadline');

    # the service may get to read it when the time is up
    for my $i (1 .. 6) {
        my $called = "/bad/hang?sooner=$i";

        ($r) = ask("/hasty-plain$called", $called, headers => ['X-Request-Deadline-Ms: 300']);
        until_ok(10, sub { calls($called) }, "attempt=: called, $i");
        next if !$bad->count('request', $called);
        is("$r->{status} " . calls($called), '504 1', 'attempt=: a deadline that comes sooner');
        last;
    }

    my $start = time;

    ($r, $n) = until_bad('/hasty-off/bad/hang', '/bad/hang');
    is("$r->{status} $n", '504 1', 'attempt=: not where mlsec_retry is switched off');
    cmp_ok(time - $start, '>', 1.4, 'attempt=: the time of the location');
}

# methods and bodies

for my $method (qw(GET HEAD OPTIONS PUT DELETE)) {
    my (undef, $n) = ask('/plain/status/503/m', '/status/503/m',
                         method => $method);

    is($n, 2, "$method is called again");
}

for my $method (qw(POST PATCH)) {
    my ($r, $n) = ask('/plain/status/503/m', '/status/503/m',
                      method => $method, body => 'x');

    is("$n $r->{body}", '1 {"status":503}', "$method is not");

    (undef, $n) = ask('/plain/status/503/m', '/status/503/m',
                      method => $method, body => 'x',
                      headers => ['Idempotency-Key: k']);
    is($n, 2, "$method with Idempotency-Key is");
}

# a kept connection that breaks with a request that may have been done
{
    my $broken = $bad->count('request', '/bad/kept');

    for (1 .. 4) {
        $nginx->get('/plain/bad/kept') for 1 .. 3;
        is($nginx->get('/plain/bad/kept', method => 'POST', body => $BIG, headers => ['Idempotency-Key: k'])->{body}
           =~ s/,"deadline.*//sr, sprintf('{"method":"POST","md5":"%s","length":64000', md5_hex($BIG)),
           'POST with Idempotency-Key, kept connections');
    }

    cmp_ok($bad->count('request', '/bad/kept') - $broken, '>', 4, 'some of them broke');
}

# what nginx would take for HTTP/0.9
for (1 .. 3) {
    my ($r) = ask('/plain/bad/garbage', '/bad/garbage');

    is("$r->{status} $r->{body}", '200 {"ok":1}', 'what is no HTTP is called again');
}

{
    my ($r, $n) = ask('/posted/status/503/m', '/status/503/m');

    is($n, 1, 'what counts is the method that the service gets');

    ($r, $n) = ask('/unbuffered/status/503/m', '/status/503/m',
                   method => 'PUT', body => $BIG);
    is($n, 1, 'a body that was not kept is not sent again');

    for (1 .. 4) {
        ($r, $n) = ask('/dead-plain/bad', '/bad', method => 'POST',
                       body => 'x');
        is("$r->{status} $n", '200 1', 'POST: a peer that has not seen it');
    }
}

my $chunks = join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
    $BIG =~ /.{1,7000}/gs;

for my $case (['memory', '/plain/bad', $BIG =~ s/.{63000}\z//r],
              ['file', '/small/bad', $BIG],
              ['part, file', '/keyed/bad', $BIG])
{
    my ($name, $path, $body) = @$case;
    my ($r, $n) = until_bad($path, '/bad', method => 'PUT', body => $body,
                            headers => ['Idempotency-Key: k']);
    my $md5 = md5_hex($body);

    is($n, 2, "body, $name: two calls");
    like($r->{body}, qr/"method":"PUT","md5":"$md5"/,
         "body, $name: as it came");
}

for my $path ('/small/bad', '/keyed/bad') {
    my ($before, $r) = ($bad->count('request', '/bad'));

    for (1 .. 6) {
        my $client = $nginx->client;

        $client->send("PUT $path HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\n"
                      . "Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n");
        $client->expect('PUT');
        $r = $client->response(10);
        last if $bad->count('request', '/bad') > $before;
    }

    my $md5 = md5_hex($BIG);

    is($bad->count('request', '/bad'), $before + 1, "$path, chunked: failed");
    like($r->{body}, qr/"method":"PUT","md5":"$md5","length":64000/,
         "$path, chunked: as it came");
}

# parts

sub attempts {
    my ($path) = @_;

    open my $in, '<', $nginx->dir . '/logs/attempts.log' or return '';

    return (map { /^\S+ (\S+)$/ ? $1 : () } grep { index($_, "$path ") == 0 }
            <$in>)[-1] // '';
}

for my $case (['503', '/bad'], ['reset', '/bad/reset']) {
    my ($name, $path) = @$case;
    my ($r, $n) = until_bad("/three$path", $path);

    is("$r->{status} $r->{headers}{'x-gateway-completed'}", '200 true',
       "part, $name: another peer");
    is($n, 2, "part, $name: two calls");
    until_ok(5, sub { attempts("/three$path") eq '2' }, "part, $name: \$mlsec_attempts");
}

{
    my $before = $bad->count('request', '/bad');

    my $whole = sub {
        my ($path, $n) = @_;

        return scalar grep {
            $nginx->get($path)->{headers}{'x-gateway-completed'} eq 'true'
        } 1 .. $n;
    };

    is($whole->('/three/bad', 30), 30,
       'part: never twice at the peer that fails');
    is($whole->('/weighted/bad', 10), 10,
       'part: though the balancer prefers it');

    cmp_ok($bad->count('request', '/bad') - $before, '>=', 5,
           'part: it was asked');

    my ($r, $n) = ask('/three/status/503/p', '/status/503/p');

    is($n, 2, 'part: two calls');
    like($r->{body}, qr/"error_type":"upstream_status","status_code":503,"attempts":2,/,
         'part: attempts in errors[]');
    ($r, $n) = ask('/tries/status/503/p', '/status/503/p');
    is($n, 3, 'part, tries=3: three calls');
    like($r->{body}, qr/"attempts":3,/, 'part, tries=3: attempts');

    ($r, $n) = ask('/single/once/a', '/once/a');
    is("$n $r->{headers}{'x-gateway-completed'}", '2 true',
       'part: the same peer where there is one only');

    for my $status (404, 429, 500) {
        (undef, $n) = ask("/three/status/$status/p", "/status/$status/p");
        is($n, 1, "part: $status");
    }

    ($r, $n) = ask('/single/later-once', '/later-once');
    is("$n $r->{headers}{'x-gateway-completed'}", '2 true',
       'part: 429 that says when');
    cmp_ok($r->{time}, '>=', 1, 'part: then it is');

    for my $name (sort keys %when) {
        my ($value, @n) = @{ $when{$name} };

        for my $status (503, 429) {
            for my $way (qw(plain three)) {
                (undef, $n) = ask("/$way/when/$name/$status", "/when/$name/$status");
                is($n, shift @n, "Retry-After: $value, $status, $way");
            }
        }
    }

    (undef, $n) = until_bad('/three/bad/garbage', '/bad/garbage');
    is($n, 2, 'part: no HTTP');

    ($r, $n) = ask('/single/never', '/never');
    is($n, 1, 'Retry-After: more seconds than there are');
    ($r, $n) = ask('/single/much-later', '/much-later');
    is($n, 1, 'part: Retry-After beyond its time');
    cmp_ok($r->{time}, '<', 2, 'part: is not waited for');

    ($r, $n) = ask('/short/half-body', '/half-body');
    is($n, 1, 'part: out of time');
    like($r->{body}, qr/"error_type":"timeout","status_code":504,"attempts":1,/,
         'part: out of time, timeout');

    (undef, $n) = until_bad('/three/bad/half', '/bad/half');
    is($n, 1, 'part: never after the first byte');

    ($r, $n) = ask('/body/status/503/p', '/status/503/p', method => 'POST',
                   body => '{}');
    is($n, 1, 'part: POST');
    ($r, $n) = ask('/keyed/status/503/p', '/status/503/p', method => 'POST',
                   body => '{}', headers => ['Idempotency-Key: k']);
    is($n, 2, 'part: POST with Idempotency-Key');

    for (1 .. 4) {
        $r = $nginx->get('/dead/ok/x');
        is($r->{headers}{'x-gateway-completed'}, 'true',
           'part: a peer that is not there');
    }

    $r = $nginx->get('/gone/ok/x');
    like($r->{body}, qr/"error_type":"connect","status_code":502,"attempts":2,/,
         'part: connect, twice');

    ($r, $n) = ask('/each', '/once/item');
    is("$n $r->{headers}{'x-gateway-completed'}", '2 true', 'part: an item');
}

# between two attempts

{
    my $client = $nginx->client;

    $client->request('/slow/status/503/abort');
    until_ok(5, sub { state_of('slow')->{retries}{now} == 1 },
             'wait: counts as one that runs');
    is(state_of('slow')->{inflight}, 0, 'wait: no call is in flight');
    undef $client;
    until_ok(5, sub { state_of('slow')->{retries}{now} == 0 },
             'wait: the client leaves');

    my $r = $nginx->get('/soft/status/503/soft');

    cmp_ok($r->{time}, '<', 5, 'wait: the soft deadline ends it');
    like($r->{body}, qr/"error_type":"upstream_status","status_code":503,"attempts":1,/,
         'wait: with what had gone wrong');
    is(state_of('slow')->{retries}{now}, 0, 'wait: given back');
    is(calls('/status/503/soft'), 1, 'wait: one call');
}

# breaker and ejection see each attempt once

{
    my ($r, $n) = ask('/breaks/status/503/b', '/status/503/b');

    is($n, 2, 'breaker: the second failure opens it, no third call');
    like($r->{body}, qr/"error_type":"upstream_status","status_code":503,"attempts":2,/,
         'breaker: the failure is told');

    my $service = state_of('breaks');

    is($service->{breaker}{state}, 'open', 'breaker: open');
    is(sum0(map { $_->{calls}{status} } @{ $service->{peers} }), 2,
       'breaker: each attempt is counted once');
    is(sum0(map { $_->{failures_in_a_row} } @{ $service->{peers} }), 2,
       'outlier: each attempt is counted once');
    is($service->{retries}{made}, 1, 'breaker: one was made again');
}

# the budget

{
    my $n = sum0(map { calls("/status/503/p$_") } 1 .. 10);
    my $r = $nginx->get('/ten');

    $n = sum0(map { calls("/status/503/p$_") } 1 .. 10) - $n;

    is($r->{status}, 502, 'budget: all parts have failed');
    cmp_ok($n, '>', 10, 'budget: some of ten parts are called again');
    cmp_ok($n, '<=', 13, 'budget: three of one request');

    # others have earned enough for all ten parts, twice
    my $client = $nginx->client;

    for (1 .. 300) {
        $client->request('/busy');
        $client->response(10);
    }

    $n = calls('/status/503/busy');
    $nginx->get('/busy-page');
    is(calls('/status/503/busy') - $n, 13, 'budget: nor of one among many');

    for my $way (qw(local nested)) {
        $nginx->get("/busy-$way");
        is(calls("/status/503/$way"), 13, "budget: nor by parts of this server, $way");
    }

    $n = sum0(map { calls("/status/503/p$_") } 1 .. 10);

    my $retries = state_of('down')->{retries};

    is($retries->{made}, $n - 10, 'budget: made');
    cmp_ok($retries->{refused}, '>=', 7, 'budget: refused');

    my %told = $nginx->get('/metrics')->{body}
        =~ /^mlsec_upstream_retries_total\{service="down",.*decision="(\w+)"\} (\d+)$/mg;

    is("$told{made} $told{refused}", "$retries->{made} $retries->{refused}",
       'budget: the metrics say so too');
    is($retries->{now}, 0, 'budget: none runs');

    $n = calls('/status/503/seq');
    $nginx->get('/seq/status/503/seq') for 1 .. 100;
    $n = calls('/status/503/seq') - $n;
    cmp_ok($n, '>=', 110, 'budget: one after the other, ten of the floor');
    cmp_ok($n, '<=', 131, 'budget: and a fifth');
}

$nginx->finish('one worker');

done_testing;
