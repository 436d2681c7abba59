# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Filters are registered when a configuration has something for them to do.
# Their chain is one for the process: after a reload that has failed a worker
# that is begun has the configuration that was there, and the chain of the one
# that is not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/person' => [MlsecTest::Faulty::json('{"name":"Ann","secret":"s"}')],
});
my $upstream = 'upstream u { server ' . $faulty->address . '; } ';

my %plain = (
    http => $upstream,
    server => q{
        location = /person { proxy_pass http://u; }
        location = /config { return 200 plain; }
    });
my %full = (
    http => $upstream,
    server => q{
        include $CONF/mlsec_parts.conf;
        location = /person { mlsec_redact secret; mlsec_cors https://spa.example;
                             proxy_pass http://u; }
        location = /parts { mlsec_call a http://u/person; }
        location = /config { return 200 full; }
    });

# by something that is found out when all of it has been read
sub broken {
    my (%o) = @_;

    return (%o, http => $o{http} . 'access_log $DIR/none/access.log;');
}

my $nginx = MlsecTest::Instance->start(workers => 1, %plain);
my $failures = 0;

$nginx->allow(qr/\[emerg\].*none.access\.log/);
$nginx->allow(qr/exited on signal 9/);

sub reload {
    my ($config, %o) = @_;

    my ($before) = $nginx->worker_pids;

    $nginx->configure(workers => 1, %o);
    $nginx->signal('HUP');

    # as long as it is there the worker of before may answer, too
    until_ok(10, sub { !grep { $_ == $before } $nginx->worker_pids }, "reload: $config");
    is($nginx->get('/config')->{body}, $config, "reload: $config, in force");

    return;
}

# and a worker that is begun after that
sub fail_to_reload {
    my (%o) = @_;

    my ($worker) = $nginx->worker_pids;

    $nginx->configure(workers => 1, broken(%o));
    $nginx->signal('HUP');
    $failures++;

    until_ok(10, sub { $failures == (() = $nginx->error_log =~ /\[emerg\]/g) }, 'a reload fails');
    kill 'KILL', $worker;
    until_ok(10, sub {
        my @pids = $nginx->worker_pids;
        return @pids == 1 && $pids[0] != $worker;
    }, 'another worker');

    return;
}

sub is_plain {
    my ($name) = @_;

    my $r = $nginx->get('/person', headers => ['Origin: https://spa.example']);

    is("$r->{status} $r->{body}", '200 {"name":"Ann","secret":"s"}', "$name: body");
    ok(!defined $r->{headers}{'access-control-allow-origin'}, "$name: headers");

    return;
}

sub is_full {
    my ($name) = @_;

    my $r = $nginx->get('/person', headers => ['Origin: https://spa.example']);

    is("$r->{status} $r->{body}", '200 {"name":"Ann"}', "$name: redacted");
    is($r->{headers}{'access-control-allow-origin'}, 'https://spa.example', "$name: headers");

    $r = $nginx->get('/parts');
    is("$r->{status} $r->{body}", '200 {"a":{"name":"Ann","secret":"s"}}', "$name: parts");

    return;
}

is_plain('without');
fail_to_reload(%full);
is_plain('without, after a reload that would have needed them');
reload('full', %full);
is_full('with');
fail_to_reload(%plain);
is_full('with, after a reload that would not have needed them');
reload('plain', %plain);
is_plain('without again');

$nginx->finish;

done_testing();
