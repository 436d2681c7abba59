# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# 100 parts in one aggregate, all at the same time.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;

use constant PARTS => 100;

my $faulty = MlsecTest::Faulty->start;

my %calls = (
    all    => sub { "http://faulty/slow/300/$_[0]" },
    mixed  => sub { $_[0] % 2 ? "http://faulty/ok/$_[0]"
                              : "http://faulty/status/500" },
    hang   => sub { "http://faulty/hang/$_[0] timeout=400ms" },
    cancel => sub { $_[0] == 50 ? 'http://faulty/slow/200/no/such ok=404 '
                                  . 'required target=missing'
                                : "http://faulty/hang/c$_[0]" },
    local  => sub { '/one' },
);

my $server = join '', map {
    my $name = $_;

    "location = /$name {\n"
        . join('', map { "    mlsec_call p$_ " . $calls{$name}->($_) . ";\n" }
                   1 .. PARTS)
        . "}\n";
} sort keys %calls;

my $nginx = MlsecTest::Instance->start(
    http => qq{
    upstream faulty { server @{[$faulty->address]}; keepalive 100; }
    mlsec_max_calls @{[PARTS]};
    },
    server => qq{
    include \$CONF/mlsec_parts.conf;
    $server
    location = /one { return 200 1; }
    },
);

my $client = $nginx->client;


sub ask {
    my ($path) = @_;

    $client->request($path);

    return $client->response(20) // { status => 0, body => '' };
}


my $response = ask('/all');

is($response->{body},
   '{' . join(',', map { qq("p$_":{"name":"$_"}) } 1 .. PARTS) . '}',
   'all, in declared order');

# one after the other would be 30 s
cmp_ok($response->{time}, '<', 10, 'in parallel');

$response = ask('/local');
is($response->{body}, '{' . join(',', map { qq("p$_":1) } 1 .. PARTS) . '}',
   'local parts');

$response = ask('/mixed');
is($response->{status}, 200, 'every second fails: status');
is(() = $response->{body} =~ /"error_type":"upstream_status"/g, PARTS / 2,
   'every second fails: entries');
like($response->{body}, qr/^\{"p1":\{"name":"1"\},"p2":null,"p3":/,
     'every second fails: body');

$response = ask('/hang');
is($response->{status}, 504, 'all out of time');
is(() = $response->{body} =~ /"part":"p\d+","error_type":"timeout"/g,
   PARTS + 1, 'all out of time: entries');

my $bad = 0;

for (1 .. PARTS) {
    $bad++ unless defined $faulty->wait_for('gone', "/hang/$_", 10);
}

is($bad, 0, 'all out of time: all are stopped');

$response = ask('/cancel');
is($response->{status}, 502, 'one fails');
is(() = $response->{body} =~ /"error_type":"canceled"/g, PARTS - 1,
   'one fails: the rest is canceled');

$bad = 0;

for (grep { $_ != 50 } 1 .. PARTS) {
    $bad++ unless defined $faulty->wait_for('gone', "/hang/c$_", 10);
}

is($bad, 0, 'one fails: all are stopped');

is(ask('/local')->{status}, 200, 'the connection goes on');

$nginx->finish;

done_testing;
