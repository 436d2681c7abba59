# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11) as
# whoever reads them by the book finds them: structured fields, once in an
# answer, numbers that fit together; on every way that an answer is made.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;

use MlsecTest::Instance;
use MlsecTest::StructuredField 'parse_list';

my $nginx = MlsecTest::Instance->start(workers => 2, http => q{
    mlsec_limit_zone user:256k key=$http_x_user;
    mlsec_limit_zone ip:64k key=address;
}, server => q{
    listen unix:$DIR/h2.sock http2;
    mlsec_errors on;
    include $CONF/mlsec_parts.conf;

    mlsec_limit_headers both;
    mlsec_limit zone=ip rate=1000000r/s name=address;
    mlsec_limit zone=user rate=100r/s burst=200;

    location = /plain { mlsec_respond 1; }
    location = /static { alias $DIR/nginx.conf; }
    location = /redirect { try_files /none /plain; }
    location = /deep { error_page 418 = /redirect; return 418; }
    location = /accel { proxy_pass http://unix:$DIR/http.sock:/service/accel; }
    location = /service/accel { mlsec_limit off; add_header X-Accel-Redirect /plain; return 204; }
    location = /proxied { proxy_pass http://unix:$DIR/http.sock:/service/limits; }
    location = /service/limits { mlsec_limit off; return 200 1; }
    location = /parts { mlsec_call a /plain; mlsec_call b /tight?x; mlsec_call c /slow; mlsec_on_partial 200; }
    location = /missing { alias $DIR/none; }
    location = /page { error_page 404 /sorry; return 404; }
    location = /sorry { mlsec_respond '"sorry"'; }
    location = /named { error_page 404 = @named; return 404; }
    location @named { mlsec_respond 1; }
    location = /broken { proxy_pass http://unix:$DIR/nobody.sock; }
    location = /match { error_page 412 = /matched; empty_gif; }
    location = /matched { mlsec_limit zone=user rate=7r/h name=matched; add_header X-Kept kept always; mlsec_respond 1; }

    location = /tight { mlsec_limit zone=user rate=1r/h burst=1 name=tight; mlsec_respond 1; }
    location = /slow { mlsec_limit zone=user rate=1000r/m burst=3 name=slow; mlsec_respond 1; }
    location = /tight/page { mlsec_limit zone=user rate=1r/h burst=1 name=tp; error_page 429 /sorry; mlsec_respond 1; }
    location = /day { mlsec_limit zone=user quota=5/day name=day; mlsec_respond 1; }
    location = /month { mlsec_limit zone=user quota=549755813887/month name=month; mlsec_respond 1; }
    location = /large { mlsec_limit zone=user rate=1000000r/s burst=1000000000 name=x.Y_1- cost=$arg_cost; mlsec_respond 1; }
    location = /conn { mlsec_limit_conn zone=user max=1 name=conn; mlsec_call a /hang timeout=5s; }
    location = /hang { mlsec_limit off; proxy_pass http://unix:$DIR/silent.sock; }
    location = /bare { mlsec_errors off; mlsec_limit zone=user rate=1r/h burst=1 name=bare; mlsec_respond 1; }
    location = /off { mlsec_limit_headers off; mlsec_respond 1; }
});

my $i = 0;


# Lines of a header, over HTTP/1.1 or HTTP/2 (curl has its own reader), by
# lower-case name: [values]; "status".
sub lines {
    my ($path, %o) = @_;

    my $user = $o{user} // 'user-' . ++$i;
    my $version = $o{h2} ? '--http2-prior-knowledge' : '--http1.1';
    my $socket = $nginx->dir . ($o{h2} ? '/h2.sock' : '/http.sock');

    open my $in, '-|', 'curl', '-s', '-S', '-i', $version, '-m', 20, '--unix-socket', $socket,
        '-H', "X-User: $user", ($o{head} ? '-I' : ()), @{ $o{more} // [] }, "http://localhost$path"
        or die "curl: $!";

    my %lines;

    while (my $line = <$in>) {
        $line =~ s/\r?\n\z//;
        if ($line =~ m{^HTTP/\S+ (\d+)}) { %lines = (status => $1); next }
        last if $line eq '';
        my ($name, $value) = $line =~ /^([^:]+): ?(.*)$/ or next;
        push @{ $lines{ lc $name } }, $value;
    }
    local $/;
    $lines{body} = <$in>;
    close $in;

    return \%lines;
}


# Everything that has to be so in any answer that tells of a limit.
sub fits {
    my ($name, $l, %want) = @_;

    my @wrong;
    my ($policy, $limit);

    for my $field (qw(ratelimit ratelimit-policy)) {
        my $n = @{ $l->{$field} // [] };
        push @wrong, "$n lines of $field" if $n != 1;
    }
    if (!@wrong) {
        ($policy) = eval { my @m = @{ parse_list($l->{'ratelimit-policy'}[0]) };
                           push @wrong, 'members of the policy: ' . @m if @m != 1; $m[0] };
        push @wrong, $@ if $@;
        ($limit) = eval { my @m = @{ parse_list($l->{ratelimit}[0]) };
                          push @wrong, 'members of the limit: ' . @m if @m != 1; $m[0] };
        push @wrong, $@ if $@;
    }
    if (!@wrong) {
        push @wrong, 'the names differ' if $policy->{value} ne $limit->{value};
        push @wrong, 'a name is no string' if "$policy->{type} $limit->{type}" ne 'string string';
        push @wrong, "$_ is no integer" for grep { $policy->{types}{$_} ne 'integer' } grep { !/^qu$/ } keys %{ $policy->{types} };
        push @wrong, "$_ is no integer" for grep { $limit->{types}{$_} ne 'integer' } keys %{ $limit->{types} };
        push @wrong, 'q is not there' if !defined $policy->{params}{q};
        push @wrong, 'r is not there' if !defined $limit->{params}{r};
        push @wrong, 'unknown parameters' if grep { !/^(?:q|w|qu)$/ } keys %{ $policy->{params} };
        push @wrong, 'unknown parameters' if grep { !/^(?:r|t)$/ } keys %{ $limit->{params} };
        push @wrong, 'more is left than there is' if $limit->{params}{r} > $policy->{params}{q};
        push @wrong, 'r is less than 0' if $limit->{params}{r} < 0;
        push @wrong, 't is longer than w'
            if defined $limit->{params}{t} && $limit->{params}{t} > $policy->{params}{w};
        push @wrong, "it is $policy->{value}" if $want{policy} && $policy->{value} ne $want{policy};
        my @old = map { join ',', @{ $l->{"x-ratelimit-$_"} // [] } } qw(limit remaining reset);
        push @wrong, "X-RateLimit-: @old" if "@old[0, 1]" ne "$policy->{params}{q} $limit->{params}{r}";
    }

    my $retry = $l->{'retry-after'} // [];

    if ($l->{status} == 429) {
        my $d = eval { JSON::PP::decode_json($l->{body})->{details} };
        push @wrong, 'lines of Retry-After: ' . @$retry if @$retry != 1;
        push @wrong, "Retry-After: @$retry" if "@$retry" !~ /^[1-9]\d*$/;
        push @wrong, 'Retry-After is before t' if defined $limit->{params}{t} && $retry->[0] < $limit->{params}{t};
        push @wrong, 'something is left' if $limit->{params}{r} != 0;
        push @wrong, 'the envelope names another limit'
            if length $l->{body} && $d && $d->{policy} ne $limit->{value};
        push @wrong, 'the envelope has another time' if $d && $d->{retry_after} != $retry->[0];
        push @wrong, 'nothing to change' if $d && !length $d->{change};
    } else {
        push @wrong, 'Retry-After' if @$retry && $l->{status} == 200;
    }
    push @wrong, "status $l->{status}" if ($want{status} // 200) != $l->{status};

    is(join("\n", @wrong), '', $name);

    return $policy && $limit && { %{ $policy->{params} }, %{ $limit->{params} } };
}

# who answers, and how
for my $h2 (0, 1) {
    my $v = $h2 ? 'HTTP/2' : 'HTTP/1.1';

    for my $head (0, 1) {
        my %o = (h2 => $h2, head => $head);
        my $m = $head ? 'HEAD' : 'GET';

        fits("$v $m $_->[0]", lines("/$_->[0]", %o), policy => 'user', status => $_->[1] // 200)
            for ['plain'], ['static'], ['redirect'], ['deep'], ['accel'], ['proxied'], ['parts'],
                ['named'], ['missing', 404], ['page', 404], ['broken', 502];

        my $user = "tight-$h2$head";

        fits("$v $m: the last one", lines('/tight', %o, user => $user), policy => 'tight');
        my $l = lines('/tight', %o, user => $user);
        my $n = fits("$v $m: refused", $l, policy => 'tight', status => 429);
        is($n->{w}, 3600, "$v $m: w is what the bucket takes to fill");
        is($l->{body} // '', '', 'HEAD: no body') if $head;

        $user = "page-$h2$head";
        lines('/tight/page', %o, user => $user);
        $l = lines('/tight/page', %o, user => $user);
        is(join(' ', $l->{status}, map { scalar @{ $l->{$_} // [] } } qw(ratelimit ratelimit-policy retry-after)),
           '429 1 1 1', "$v $m: a page of its own for 429");

        $user = "bare-$h2$head";
        lines('/bare', %o, user => $user);
        $l = lines('/bare', %o, user => $user);
        is(join(' ', $l->{status}, map { scalar @{ $l->{$_} // [] } } qw(ratelimit ratelimit-policy retry-after)),
           '429 1 1 1', "$v $m: without an envelope");
    }
}

# numbers
{
    my $n = fits('rate', lines('/plain'));

    is("$n->{q} $n->{w} $n->{r} $n->{t}", '200 2 199 1', 'rate: q, w, r, t');
    $n = fits('a quota of a day', lines('/day'), policy => 'day');
    is("$n->{q} $n->{w} $n->{r}", '5 86400 4', 'a quota of a day: q, w, r');
    $n = fits('a quota of a month', lines('/month'), policy => 'month');
    is("$n->{q} $n->{r}", '549755813887 549755813886', 'a quota of a month: q, r, all digits');
    cmp_ok($n->{w} / 86400, '>=', 28, 'a quota of a month: w');
    is($n->{w} % 86400, 0, 'a quota of a month: in days');
    $n = fits('large numbers', lines('/large?cost=999999999'), policy => 'x.Y_1-');
    cmp_ok($n->{r}, '>=', 1, 'large numbers: r');

    my $l = lines('/large?cost=1000000001');

    is($l->{status}, 429, 'a cost that is too much');
    ok(!$l->{'retry-after'}, 'is not to be tried again');
    is(scalar @{ $l->{ratelimit} }, 1, 'and told once');
    is(join(' ', grep { /ratelimit/ } sort keys %{ lines('/off') }), '', 'off: nothing');
}

# requests at once
{
    my $silent = IO::Socket::UNIX->new(Local => $nginx->dir . '/silent.sock', Listen => 5) or die $!;
    my $client = $nginx->client;

    $client->request('/conn', headers => ['X-User: at-once']);
    my $held = $silent->accept;

    my $l = lines('/conn', user => 'at-once');
    my ($policy) = @{ parse_list($l->{'ratelimit-policy'}[0]) };

    is_deeply([$l->{status}, $policy->{value}, $policy->{params}], [429, 'conn', { q => 1, qu => 'concurrent-requests' }],
              'at once: a policy of another unit');
    is($policy->{types}{qu}, 'string', 'at once: which is a string');
    is_deeply(parse_list($l->{ratelimit}[0])->[0]{params}, { r => 0 }, 'at once: nothing is left');
    is_deeply($l->{'retry-after'}, [1], 'at once: Retry-After');
}

# nginx throws headers away when a filter finds the fault: what is told then is
# not written over somebody else's
{
    my $l = lines('/match', more => ['-H', 'If-Match: "x"']);

    is($l->{status}, 200, 'If-Match: its page');
    is_deeply($l->{'x-kept'}, ['kept'], 'If-Match: headers of the page are left alone');
    fits('If-Match: the limit of the page', $l, policy => 'matched');
}

$nginx->finish;
done_testing();
