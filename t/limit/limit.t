# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_limit on running workers: exact counts, stacks, costs, quotas, dry run,
# by status, headers, envelopes, reload, a killed worker, mlsec_limit_status.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Instance;
use MlsecTest::Until;

my %options = (workers => 4, http => q{
    mlsec_limit_zone user:1m key=$http_x_user;
    mlsec_limit_zone tenant:1m key=$arg_tenant;
    mlsec_limit_zone ip:64k key=address;
    mlsec_limit_zone client:64k key=address;
    map $http_x_plan $plan { gold 100r/h; fast 100r/m; free 2r/h; none off; default broken; }
    set_real_ip_from unix:;
    real_ip_header X-Real;
}, server => q{
    mlsec_errors on;
    error_page 418 = @teapot;

    location = /many { mlsec_limit zone=user rate=1r/h burst=50; mlsec_respond 1; }
    location = /two {
        mlsec_limit zone=user rate=1r/h burst=10 name=two;
        mlsec_limit zone=tenant rate=1r/h burst=3;
        mlsec_respond 1;
    }
    location = /both {
        mlsec_limit zone=ip rate=1r/h burst=4;
        mlsec_limit zone=user rate=1r/h burst=2 name=both;
        mlsec_respond 1;
    }
    location = /cost {
        mlsec_limit zone=user rate=1r/h burst=10 cost=$arg_cost name=cost;
        mlsec_respond 1;
    }
    location = /plan {
        mlsec_limit zone=user rate=$plan name=plan change=LIMIT_PLAN;
        mlsec_respond 1;
    }
    location = /stack {
        mlsec_limit zone=user rate=$plan name=stack;
        mlsec_limit zone=user rate=1000r/s name=second;
        mlsec_respond 1;
    }
    location = /when {
        mlsec_limit zone=user rate=1r/h burst=2 name=when when=$arg_area:b,ab;
        mlsec_limit zone=user rate=1r/h burst=3 name=unless unless=$arg_area:free,none;
        mlsec_limit_conn zone=user max=1 name=conn when=$arg_area:never;
        mlsec_respond 1;
    }
    location = /quota {
        mlsec_limit zone=user quota=3/day name=daily;
        mlsec_limit zone=user quota=1000/month name=monthly;
        mlsec_respond 1;
    }
    location = /dry {
        mlsec_limit zone=user rate=1r/h burst=1 name=dry dry_run; mlsec_respond 1;
    }
    location = /login {
        mlsec_limit zone=client rate=1r/h burst=3 count=401,403 name=failures;
        proxy_pass http://unix:$DIR/http.sock:/$arg_to;
    }
    location = /match { mlsec_limit zone=client rate=1r/h burst=2 count=412 name=match; empty_gif; }
    location = /never {
        mlsec_limit zone=client rate=off name=never;
        mlsec_limit zone=user rate=off name=never;
        mlsec_limit zone=user rate=1r/h burst=2 name=ever;
        mlsec_respond 1;
    }
    location = /s401 { return 401; }
    location = /s200 { return 200; }
    location = /address { mlsec_limit zone=client rate=1r/h burst=2 name=a; mlsec_respond 1; }
    location = /soon { mlsec_limit zone=user rate=2r/s burst=1 name=soon; mlsec_respond 1; }
    location = /legacy { mlsec_limit_headers both; mlsec_limit zone=user rate=1r/s burst=5 name=l; mlsec_respond 1; }
    location = /silent { mlsec_limit_headers off; mlsec_limit zone=user rate=1r/h burst=1 name=s; mlsec_respond 1; }
    location = /teapot { mlsec_limit zone=user rate=1r/h burst=2 name=pot; return 418; }
    location @teapot { mlsec_limit zone=user rate=1r/h burst=2 name=pot; mlsec_respond 1; }
    location = /redirect {
        mlsec_limit zone=user rate=1r/h burst=2 name=pot; try_files /none /redirected;
    }
    location = /redirected { mlsec_limit zone=user rate=1r/h burst=2 name=pot; mlsec_respond 1; }
    location = /page {
        mlsec_limit zone=user rate=1r/h burst=1 name=page; error_page 429 =200 /sorry; mlsec_respond 1;
    }
    location = /sorry { mlsec_limit zone=user rate=1r/h burst=1 name=page; mlsec_respond '"sorry"'; }
    location = /any { satisfy any; allow all; mlsec_limit zone=user rate=1r/h burst=2 name=any; mlsec_respond 1; }
    location = /part { mlsec_limit zone=user rate=1r/h burst=1 name=part; mlsec_respond 1; }
    location = /parts { mlsec_call a /part; mlsec_call b /part; mlsec_call c /part; }
    location = /state { mlsec_limit_status; }
    location = /net { mlsec_respond '"$mlsec_client_net"'; }
});

my $i = 0;


sub user { return 'user' . ++$i . "\x7f" . ('x' x ($i % 50)) }


sub get {
    my ($nginx, $path, $user, @headers) = @_;

    return $nginx->get($path, headers => [
        defined $user ? "X-User: $user" : (), @headers,
    ]);
}


# Statuses of n requests, one after the other.
sub series {
    my ($nginx, $n, @request) = @_;

    return join ' ', map { get($nginx, @request)->{status} } 1 .. $n;
}


# The same on one connection: what a request is counted for when it ends has
# been counted when the next one comes, whichever worker it is.
sub series_of_one {
    my ($nginx, $n, $path, @headers) = @_;

    my $client = $nginx->client;

    return join ' ', map {
        $client->request($path, headers => \@headers);
        $client->response(20)->{status};
    } 1 .. $n;
}


# Statuses of requests that are sent at the same time, counted.
sub crowd {
    my ($nginx, $n, $path, $user) = @_;

    my @clients = map { $nginx->client } 1 .. $n;
    my %count;

    $_->request($path, headers => ["X-User: $user"]) for @clients;
    $count{ $_->response(20)->{status} }++ for @clients;

    return \%count;
}


sub details {
    my ($response) = @_;

    return JSON::PP::decode_json($response->{body})->{details};
}


sub zone {
    my ($nginx, $name) = @_;

    my $state = JSON::PP::decode_json($nginx->get('/state')->{body});

    return (grep { $_->{zone} eq $name } @{ $state->{zones} })[0];
}

my $nginx = MlsecTest::Instance->start(%options);

# exactly
{
    my $user = user();

    is_deeply(crowd($nginx, 51, '/many', $user), { 200 => 50, 429 => 1 },
              'N+1 at once on 4 workers: exactly N');
    is_deeply(crowd($nginx, 100, '/many', $user), { 429 => 100 },
              'and no more');
    is_deeply(crowd($nginx, 100, '/many', user()), { 200 => 50, 429 => 50 },
              'another key has its own');
    is(series($nginx, 60, '/many', undef) =~ /429/ ? 1 : 0, 0,
       'no key, no limit');
}

# the answer
{
    my $user = user();
    my $r = get($nginx, '/many', $user);

    is($r->{headers}{'ratelimit-policy'}, '"user";q=50;w=180000', 'RateLimit-Policy');
    like($r->{headers}{ratelimit}, qr/^"user";r=49;t=3600$/, 'RateLimit');
    ok(!exists $r->{headers}{'retry-after'}, 'no Retry-After when admitted');
    ok(!exists $r->{headers}{'x-ratelimit-limit'}, 'no X-RateLimit');

    get($nginx, '/many', $user) for 1 .. 49;
    $r = get($nginx, '/many', $user);
    is($r->{status}, 429, 'refused');
    like($r->{headers}{ratelimit}, qr/^"user";r=0;t=3(?:600|59\d)$/, 'refused: RateLimit');
    cmp_ok($r->{headers}{'retry-after'}, '>=', 3590, 'refused: Retry-After');
    cmp_ok($r->{headers}{'retry-after'}, '<=', 3600 * 9 / 8, 'refused: not much later');
    like($r->{body}, qr/"message":"Too many requests: limit \\"user\\" is 1r\/h, try again in \d+ s"/,
         'refused: message');
    my $d = details($r);

    is($d->{retry_after}, $r->{headers}{'retry-after'}, 'refused: the same in the body');
    delete $d->{retry_after};
    is_deeply($d, { error_type => 'rate_limited', policy => 'user', limit => '1r/h',
                    burst => 50, change => 'mlsec_limit zone=user' }, 'refused: details');
    unlike($r->{body}, qr/\Q$user\E/, 'refused: the key is not told');

    $user = user();
    $r = get($nginx, '/legacy', $user);
    is(join(' ', map { $r->{headers}{"x-ratelimit-$_"} } qw(limit remaining reset)), '5 4 1',
       'mlsec_limit_headers both: X-RateLimit');
    is($r->{headers}{ratelimit}, '"l";r=4;t=1', 'and RateLimit');
    $user = user();
    get($nginx, '/silent', $user);
    $r = get($nginx, '/silent', $user);
    is_deeply([$r->{status}, grep { /ratelimit/ } sort keys %{ $r->{headers} }], [429],
              'mlsec_limit_headers off');
    ok($r->{headers}{'retry-after'}, 'but Retry-After');

    my $until = time + 20;
    my ($start, $two, $status);

    # two within half a second, which a machine that is busy may not manage
    do {
        ($user, $start) = (user(), time);
        $two = series($nginx, 2, '/soon', $user);
    } while (time - $start > 0.4 && time < $until);

    is($two, '200 429', 'half a second to wait');
    $until = time + 20;

    sleep 0.1 until ($status = get($nginx, '/soon', $user)->{status}) == 200 || time > $until;
    is($status, 200, 'and it is over');
}

# stacks
{
    my $user = user();

    is(series($nginx, 5, '/two?tenant=t1', $user), '200 200 200 429 429', 'two: the second refuses');
    is(details(get($nginx, '/two?tenant=t1', $user))->{policy}, 'tenant', 'two: and is named');
    is(series($nginx, 4, '/two', $user), '200 200 200 200', 'two: what it refused was not taken from the first');
    is(series($nginx, 4, '/two?tenant=t2', $user), '200 200 200 429', 'two: 10 of the first in all');
    is(details(get($nginx, '/two?tenant=t2', user()))->{policy}, 'tenant', 'two: another user, this tenant');

    my $r = get($nginx, '/two?tenant=t3', user());

    is($r->{headers}{ratelimit}, '"tenant";r=2;t=3600', 'two: the stricter one is told');

    my @ip = ('X-Real: 192.0.2.1');

    is(get($nginx, '/both', user(), @ip)->{headers}{ratelimit}, '"both";r=1;t=3600',
       'both phases: the stricter one is told');
    is(join(' ', map { get($nginx, '/both', user(), @ip)->{status} } 1 .. 4), '200 200 200 429',
       'both phases: the address is counted');
    is(series($nginx, 3, '/both', 'fixed', 'X-Real: 192.0.2.2'), '200 200 429', 'both phases: the user');
}

# addresses
{
    my @of = map { get($nginx, '/address', undef, "X-Real: $_")->{status} }
        qw(2001:db8:1:2::1 2001:db8:1:2:ffff::2 2001:db8:1:2:3:4:5:6 2001:db8:1:3::1
           198.51.100.1 198.51.100.2 198.51.100.1 ::ffff:198.51.100.1);

    is("@of", '200 200 429 200 200 200 200 429', 'IPv6 by /64, IPv4 by address, mapped ones too');
}

is(join(' ', map { get($nginx, '/net', undef, "X-Real: $_")->{body} } qw(2001:db8:1:2:3:4:5:6 198.51.100.255 ::ffff:198.51.100.1)),
   '"2001:db8:1:2::/64" "198.51.100.255" "198.51.100.1"', '$mlsec_client_net');
is(get($nginx, '/net', undef)->{body}, '"unix"', '$mlsec_client_net: a unix socket');

# costs
{
    my $user = user();
    my $r = get($nginx, '/cost?cost=11', $user);

    is($r->{status}, 429, 'cost over the burst');
    ok(!exists $r->{headers}{'retry-after'}, 'never: no Retry-After');
    like($r->{body}, qr/"message":"Request costs 11, limit \\"cost\\" admits at most 10 at once"/, 'never: message');
    ok(details($r)->{permanent}, 'never: permanent');
    is(series($nginx, 3, '/cost?cost=0', $user), '200 200 200', 'a cost of 0');
    is(get($nginx, '/cost?cost=7', $user)->{headers}{ratelimit}, '"cost";r=3;t=25200', 'a cost of 7');
    is(series($nginx, 1, '/cost?cost=4', $user), '429', '4 of 3');
    is(series($nginx, 1, '/cost?cost=3', $user), '200', '3 of 3');
    is(series($nginx, 1, '/cost', user()), '200', 'an empty cost is 1');
    for my $bad (qw(-1 1e3 NaN 1.5 18446744073709551616)) {
        is(series($nginx, 1, "/cost?cost=$bad", $user), '500', "a cost of $bad");
    }
    like($nginx->error_log, qr/\[error\] .*mlsec limit: invalid value of "cost=", limit: "cost"/, 'is logged');
}

# rates by map
{
    my $user = user();

    is(series($nginx, 3, '/plan', $user, 'X-Plan: free'), '200 200 429', 'free: 2');
    is(details(get($nginx, '/plan', $user, 'X-Plan: free'))->{change}, 'LIMIT_PLAN', 'change=');
    is(series($nginx, 3, '/plan', $user, 'X-Plan: none'), '200 200 200', 'off');
    is(series($nginx, 3, '/plan', user(), 'X-Plan: gold'), '200 200 200', 'gold: 100');
    cmp_ok(get($nginx, '/plan', $user, 'X-Plan: free')->{headers}{'retry-after'}, '>', 1700, 'free: half an hour to wait');
    cmp_ok(get($nginx, '/plan', $user, 'X-Plan: gold')->{headers}{'retry-after'}, '<=', 41, 'a new rate counts at once');
    $user = user();
    is(series($nginx, 3, '/stack', $user, 'X-Plan: free'), '200 200 429', 'a stack, free: 2');
    cmp_ok(get($nginx, '/stack', $user, 'X-Plan: fast')->{headers}{'retry-after'}, '<=', 1,
           'a stack: a faster rate counts at once');
    $user = user();
    is(series($nginx, 3, '/plan', $user, 'X-Plan: free'), '200 200 429', 'free: 2');
    cmp_ok(get($nginx, '/plan', $user, 'X-Plan: fast')->{headers}{'retry-after'}, '<=', 1,
           'a faster rate counts at once');
    is(series($nginx, 1, '/plan', $user, 'X-Plan: x'), '500', 'no rate at all');
    like($nginx->error_log, qr/\[error\] .*mlsec limit: invalid value of "rate=", limit: "plan"/, 'is logged');
}

# when= and unless=
{
    my $user = user();
    is(series($nginx, 5, '/when?area=free', $user), '200 200 200 200 200', 'unless: not for one of the values');
    is(series($nginx, 3, '/when?area=ab', $user), '200 200 429', 'when: for the last of the values');
    is(get($nginx, '/when?area=b', $user)->{headers}{'ratelimit-policy'}, '"when";q=2;w=7200', 'the one that refuses is told');
    is(series($nginx, 2, '/when?area=a', $user), '200 429', 'a part of a value is none, nothing was taken by the other');
    is(series($nginx, 4, '/when', user()), '200 200 200 429', 'no such variable: unless, and not when');
    is(series($nginx, 1, '/when?area=none', $user), '200', 'the last value of unless');
}

# quotas
{
    # what is asked before midnight and after it are two days
    sleep 1 while time - 86400 * int(time / 86400) > 86400 - 20;

    my $user = user();
    my $r = get($nginx, '/quota', $user);

    {
        is($r->{headers}{'ratelimit-policy'}, '"daily";q=3;w=86400', 'quota: policy');
        like($r->{headers}{ratelimit}, qr/^"daily";r=2;t=\d+$/, 'quota: 2 are left');
        is(series($nginx, 3, '/quota', $user), '200 200 429', 'quota: 3 a day');
        like(get($nginx, '/quota', $user)->{body}, qr/limit \\"daily\\" is 3\/day, try again in \d+ s/,
             'quota: message');
    }
}

# dry run, by status
{
    my $user = user();

    is(series($nginx, 5, '/dry', $user), '200 200 200 200 200', 'dry_run refuses nobody');
    my ($policy) = grep { $_->{name} eq 'dry' } @{ zone($nginx, 'user')->{policies} };

    is($policy->{dry_run}, 4, 'dry_run counts');
    is($policy->{refused}, 0, 'dry_run: as such');
    ok(!exists get($nginx, '/dry', $user)->{headers}{ratelimit}, 'dry_run says nothing');
    like($nginx->error_log, qr/mlsec limit: would be refused \(dry_run\), limit: "dry"/, 'dry_run logs');
}

{
    my @login = ('X-Real: 203.0.113.9');

    is(series($nginx, 9, '/login?to=s200', undef, @login), join(' ', (200) x 9),
       'count=: others are not counted');
    is(series_of_one($nginx, 4, '/login?to=s401', @login), '401 401 401 429', 'count=: three failures');
    is(series($nginx, 2, '/login?to=s200', undef, @login), '429 429', 'count=: then nothing');
    is(series($nginx, 2, '/login?to=s200', undef, 'X-Real: 203.0.113.10'), '200 200', 'count=: others may');

    my @match = ($nginx, 2, '/match', undef, 'X-Real: 203.0.113.11', 'If-Match: "x"');

    is(series(@match), '412 412', 'count=: where a filter has found the fault');
    until_ok(20, sub { series(@match) eq '429 429' }, 'count=: that is counted too');
}

is(series($nginx, 4, '/never', user()), '200 200 429 429', 'a limit that is off beside one that is not');

# redirects, pages, parts, satisfy
{
    is(series($nginx, 3, '/redirect', user()), '200 200 429', 'an internal redirect counts once');
    is(get($nginx, '/page', 'p')->{body}, '1', 'page: at first');
    is(get($nginx, '/page', 'p')->{body}, '"sorry"', 'page: error_page is not refused again');
    is(series($nginx, 3, '/any', user()), '200 200 429', 'satisfy any: counted, once');
    is(get($nginx, '/parts', 'parts')->{body}, '{"a":1,"b":1,"c":1}', 'parts are not counted');
    is(series($nginx, 3, '/teapot', user()), '200 200 429', 'a named location');
}

# who is limited
{
    my $z = zone($nginx, 'user');

    cmp_ok($z->{limited_keys}, '>', 3, 'status: some are limited');
    is($z->{evicted}, 0, 'status: none evicted');
    is($z->{limited_keys}, scalar @{ $z->{limited} }, 'status: all are shown');
    like($z->{limited}[0]{key}, qr/^[0-9a-f]{16}$/, 'status: a hash');
    ok(!(grep { $_->{refused_seconds_ago} > 60 } @{ $z->{limited} }), 'status: now');
    cmp_ok((grep { $_->{name} eq 'user' } @{ $z->{policies} })[0]{refused}, '>=', 102,
           'status: refusals');
    is($nginx->get('/state', method => 'POST')->{status}, 405, 'status: GET only');
}

# reload, kill
{
    my $user = user();

    get($nginx, '/many', $user) for 1 .. 49;
    my @old = $nginx->worker_pids;

    $nginx->signal('HUP');
    my $until = time + 20;

    sleep 0.05 until time > $until || !grep { my $p = $_; grep { $_ == $p } $nginx->worker_pids } @old;
    is(series($nginx, 2, '/many', $user), '200 429', 'a reload keeps counts');

    my ($pid) = $nginx->worker_pids;

    $nginx->allow(qr/exited on signal 9/) if $nginx->can('allow');
    kill KILL => $pid;
    sleep 0.05 until time > $until || !grep { $_ == $pid } $nginx->worker_pids;
    is(series($nginx, 2, '/many', $user), '429 429', 'so does a killed worker');
    is_deeply(crowd($nginx, 60, '/many', user()), { 200 => 50, 429 => 10 }, 'and counting goes on');
}

$nginx->finish;
done_testing();
