# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# More requests at once than a worker has memory ready for: each has its own
# attempts, and those that come later get what was given back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use JSON::PP ();
use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

use constant MANY => 150;

my $dir = File::Temp->newdir;

# says who it is when the file of its round is there
sub reply {
    my ($round, $path, $status) = @_;

    return [[until => "$dir/$round"], MlsecTest::Faulty::json(qq{"$path"}, status => $status)];
}

# one of them refuses each third request
sub service {
    my ($refuses) = @_;

    my %replies;

    for my $i (1 .. MANY) {
        my $status = $refuses && $i % 3 == 0 ? 503 : 200;

        $replies{"/$_/$i"} = reply($_, "/$_/$i", $status) for 1, 2;
    }

    return MlsecTest::Faulty->start(replies => \%replies);
}

my @faulty = (service(0), service(1));
my $servers = join ' ', map { 'server ' . $_->address . ' max_fails=0;' } @faulty;

my $nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    upstream u { zone u 64k; $servers keepalive 4;
        mlsec_breaker volume=1000; mlsec_retry budget=100% min=1000; }
}, server => q{
    include $CONF/mlsec_parts.conf;
    location = /state { mlsec_services; }
    location = /parts { mlsec_call a http://u/1/1; mlsec_call b http://u/1/2; }
    location / { mlsec_via u; proxy_pass http://u; proxy_read_timeout 20s; }
});

sub inflight {
    return JSON::PP::decode_json($nginx->get('/state')->{body})->{services}[0]{inflight};
}

for my $r (1, 2) {
    my @clients = map { $nginx->client } 1 .. MANY;

    $clients[$_ - 1]->request("/$r/$_") for 1 .. MANY;
    until_ok(10, sub { inflight() == MANY }, "round $r: all at once");

    # some do not wait
    $clients[$_ - 1]->close for grep { $_ % 10 == 1 } 1 .. MANY;

    open my $fh, '>', "$dir/$r" or die "$dir/$r: $!\n";
    close $fh;

    for my $i (grep { $_ % 10 != 1 } 1 .. MANY) {
        my $response = $clients[$i - 1]->response(10);

        is("$response->{status} $response->{body}", qq{200 "/$r/$i"}, "round $r: $i");
    }

    until_ok(5, sub { inflight() == 0 }, "round $r: nothing is left");
}

my $parts = $nginx->get('/parts');

is($parts->{status}, 200, 'then an aggregate');
$nginx->finish;

done_testing();
