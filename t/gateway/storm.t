# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Random aggregates of good and faulty parts, several clients at once, against
# an oracle: what each part does is known, so the status, the members and the
# errors of each answer are known too.  MLSEC_STORM_SEED repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use List::Util qw(shuffle);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Faulty;
use MlsecTest::Instance;

use constant {
    LOCATIONS => 60,
    ROUNDS    => 2,        # how often each client asks for all
    CLIENTS   => 4,
};

my $seed = $ENV{MLSEC_STORM_SEED} // int(time) % 1_000_000;

srand $seed;
diag("MLSEC_STORM_SEED=$seed");

my $json = \&MlsecTest::Faulty::json;
my $head = \&MlsecTest::Faulty::header;
my $big  = '"' . 'x' x 70_000 . '"';

my %replies = (
    '/reset'       => [['reset']],
    '/reset-body'  => [$head->(length => 100), [out => '{"a":'],
                       [wait => 0.02], ['reset']],
    '/close-chunk' => [$head->(chunked => 1), [out => "7\r\n{\"a\":1}\r\n"],
                       ['close']],
    '/garbage'     => [[out => "no HTTP\r\n\r\n"], ['close']],
    '/gzip'        => [$json->("\x1f\x8b\x08", lines =>
                               ['Content-Encoding: gzip'])],
    '/bad'         => [$json->('{"a":1')],
    '/bomb'        => [$json->('[' x 50_000)],
    '/204'         => [[out => "HTTP/1.1 204 No Content\r\n\r\n"]],
    '/404'         => [$json->('{}', status => 404)],
    '/500'         => [$json->('{"e":1}', status => 500)],
    '/slow500'     => [[wait => 0.05], $json->('{}', status => 500)],
    '/big'         => [$json->($big)],
    '/big-chunked' => [MlsecTest::Faulty::chunked($big)],
    '/one'         => [$json->('1')],
);

# target => the JSON that it gives, or [error_type]
my %targets = (
    'http://faulty/one'         => '1',
    'http://faulty/ok/x'        => '{"name":"x"}',
    'http://faulty/slow/30/y'   => '{"name":"y"}',
    'http://faulty/slow/60/z'   => '{"name":"z"}',
    'http://faulty/204'         => 'null',
    'http://faulty/big'         => $big,
    'http://faulty/big-chunked' => $big,
    '/local/one'                => '1',
    '/local/slow/20/l'          => '{"name":"l"}',
    '/local/big-chunked'        => $big,
    '/cached/ok/c'              => '{"name":"c"}',
    '/return'                   => '[1,2]',
    '/nested'                   => '{"a":{"name":"n"},"b":[1,2]}',
    '/rescued'                  => '[1,2]',
    'http://faulty/reset'       => ['reset'],
    'http://faulty/reset-body'  => ['reset'],
    'http://faulty/close-chunk' => ['reset'],
    'http://faulty/garbage'     => ['reset'],
    'http://faulty/gzip'        => ['bad_json'],
    'http://faulty/bad'         => ['bad_json'],
    'http://faulty/bomb'        => ['bad_json'],
    'http://faulty/404'         => ['upstream_status'],
    'http://faulty/500'         => ['upstream_status'],
    'http://faulty/slow500'     => ['upstream_status'],
    'http://faulty/hang/h'      => ['timeout'],
    'http://faulty/half-body/h' => ['timeout'],
    'http://faulty/drip/20/h'   => ['timeout'],
    'http://faulty/endless/e'   => ['too_large'],
    'http://faulty/size/200000' => ['too_large'],
    'http://none/'              => ['connect'],
    'http://hole/'              => ['connection_timeout'],
    '/local/hang/lh'            => ['timeout'],
    '/local/endless/le'         => ['too_large'],
    '/nested-fails'             => ['upstream_status'],
    '/nested-hangs'             => ['timeout'],
);

my @good = grep { !ref $targets{$_} } sort keys %targets;
my @bad  = grep { ref $targets{$_} } sort keys %targets;

my $faulty = MlsecTest::Faulty->start(replies => \%replies);
my $hole   = MlsecTest::Faulty::Blackhole->new;

my @aggregates = map { aggregate($_) } 1 .. LOCATIONS;

my $nginx = MlsecTest::Instance->start(
    workers => 2,
    http => qq{
    error_log \$DIR/logs/error.log alert;
    proxy_cache_path \$DIR/cache keys_zone=c:1m;
    upstream faulty { server @{[$faulty->address]}; keepalive 16; }
    upstream hole   { server @{[$hole->address]}; }
    upstream none   { server unix:\$DIR/nobody.sock; }
    mlsec_call_max_size 100k;
    },
    server => join("\n", "include \$CONF/mlsec_parts.conf;",
                   map({ $_->{conf} } @aggregates), qq{
    location /local/ {
        internal;
        proxy_pass http://faulty/;
    }

    location /cached/ {
        internal;
        proxy_pass http://faulty/;
        proxy_cache c;
        proxy_cache_valid 1m;
        proxy_cache_lock on;
    }

    location = /return {
        return 200 '[1,2]';
    }

    location = /nested {
        mlsec_call a http://faulty/slow/10/n;
        mlsec_call b /return;
    }

    location = /nested-fails {
        mlsec_call a http://faulty/hang/nf;
        mlsec_call b http://faulty/slow500 required;
    }

    location = /nested-hangs {
        mlsec_deadline 10s;
        mlsec_call a http://faulty/hang/nh;
        mlsec_call b /nested-hangs2;
    }

    location = /nested-hangs2 {
        mlsec_deadline 10s;
        mlsec_call a http://faulty/half-body/nh;
    }

    # the timer of the outer one is set anew, behind that of the inner one
    location = /tied {
        mlsec_call a http://faulty/hang/t1 timeout=100ms;
        mlsec_call b /nested-hangs timeout=600ms;
        mlsec_call c http://faulty/one;
    }

    location = /rescued {
        mlsec_call a http://faulty/slow500 required;
        mlsec_call b http://faulty/hang/r;
        error_page 502 = /return;
    }
    }),
);


# A random aggregate: {path}, {conf}, {parts}.
sub aggregate {
    my ($n) = @_;

    my $size = 1 + int rand 8;
    my @parts;

    for my $i (1 .. $size) {
        my $pool   = rand() < 0.6 ? \@good : \@bad;
        my $target = $pool->[rand @$pool];

        push @parts, {
            name     => "p$i", target => $target, want => $targets{$target},
            required => rand() < 0.2,
            fallback => rand() < 0.15,
        };
    }

    my @lines = map {
        "mlsec_call $_->{name} $_->{target} timeout="
            . (ref $_->{want} && $_->{want}[0] =~ /timeout/ ? '200ms' : '20s')
            . ($_->{required} ? ' required' : '')
            . ($_->{fallback} ? " 'fallback=json:{\"f\":0}'" : '') . ';'
    } @parts;

    return {
        path  => "/agg/$n", parts => \@parts,
        conf  => "location = /agg/$n {\n" . join("\n", @lines) . "\n}",
    };
}


# What is wrong with an answer; nothing when it is right.
sub wrong {
    my ($aggregate, $response) = @_;

    return 'no response' unless $response;

    my $body = eval { JSON::PP->new->allow_nonref->decode($response->{body}) };

    return "no JSON: $response->{body}" unless ref $body eq 'HASH';

    my @parts  = @{ $aggregate->{parts} };
    my @failed = grep { ref $_->{want} } @parts;
    my @fatal  = grep { $_->{required} && !$_->{fallback} } @failed;

    @fatal = @parts if @failed == @parts && !grep { $_->{fallback} } @parts;

    return wrong_envelope($response, $body, @fatal) if @fatal;

    return "status $response->{status}" if $response->{status} != 200;

    my $completed = @failed ? 'false' : 'true';

    return "completed, expected $completed"
        if ($response->{headers}{'x-gateway-completed'} // '') ne $completed;

    my @members = map {
        qq("$_->{name}":) . (!ref $_->{want} ? $_->{want}
                             : $_->{fallback} ? '{"f":0}' : 'null')
    } @parts;

    my $start = '{' . join ',', @members;

    return "body $response->{body}, expected $start"
        if index($response->{body}, $start) != 0;

    my $got  = join ' ', map { "$_->{part}:$_->{error_type}"
                                   . ($_->{fallback} ? ':fallback' : '') }
                   @{ $body->{errors} // [] };
    my $want = join ' ', map { "$_->{name}:$_->{want}[0]"
                                   . ($_->{fallback} ? ':fallback' : '') }
                   @failed;

    return "errors $got, expected $want" if $got ne $want;

    return;
}


sub wrong_envelope {
    my ($response, $body, @fatal) = @_;

    my $details = $body->{details} // {};
    my ($part)  = grep { $_->{name} eq ($details->{part} // '') } @fatal;

    return "envelope names no failed part: $response->{body}" unless $part;

    return "error_type $details->{error_type}, expected $part->{want}[0]"
        if $details->{error_type} ne $part->{want}[0];

    my $type   = $part->{want}[0];
    my $status = $type =~ /timeout/ ? 504
               : $part->{target} =~ m{/404$} ? 404 : 502;

    return "status $response->{status}, expected $status"
        if $response->{status} != $status;

    return;
}


sub client {
    my ($n) = @_;

    my $client = $nginx->client;
    my @wrong;

    for my $round (1 .. ROUNDS) {
        for my $aggregate (shuffle @aggregates) {

            # now and then a client leaves in the middle

            if (rand() < 0.05) {
                my $other = $nginx->client;

                $other->request($aggregate->{path});
                sleep rand 0.05;
                $other->close;
            }

            $client->request($aggregate->{path});

            my $response = $client->response(15);
            my $wrong    = wrong($aggregate, $response) // next;

            push @wrong, substr "$aggregate->{path}: $wrong", 0, 500;
            $client = $nginx->client unless $response;
        }
    }

    return @wrong;
}


my $tied = $nginx->get('/tied', limit => 15);
is(join(' ', $tied->{body} =~ /"part":"(\w)","error_type":"(\w+)","status_code":(\d+)/g),
   'a timeout 504 b timeout 504', 'a part that was told its time has taken it');

pipe my $in, my $out or die "pipe: $!";

my @pids;

for my $n (1 .. CLIENTS) {
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        srand $seed + $n;

        my @wrong = eval { client($n) };

        syswrite $out, join '', map { s/\n/ /gr . "\n" } @wrong, $@ || ();
        syswrite $out, "end\n";
        POSIX::_exit(0);
    }

    push @pids, $pid;
}

close $out;

my @lines = <$in>;

waitpid $_, 0 for @pids;

is(scalar(grep { $_ eq "end\n" } @lines), CLIENTS, 'all clients have ended');
is(join('', grep { $_ ne "end\n" } @lines), '',
   LOCATIONS * ROUNDS * CLIENTS . ' answers are as they should be')
    or diag(map { "$_->{conf}\n" } @aggregates);

ok($hole->wait_for(0, 30), 'nobody is connecting any more')
    or diag $hole->waiting;

my $left = $faulty->count('request') - $faulty->count('done')
    - $faulty->count('gone') - $faulty->count('reset')
    - $faulty->count('close');

for (1 .. 3000) {
    last if $left == 0;
    sleep 0.01;
    $left = $faulty->count('request') - $faulty->count('done')
        - $faulty->count('gone') - $faulty->count('reset')
        - $faulty->count('close');
}

is($left, 0, 'no service is still asked for anything');

$nginx->finish;

done_testing;
