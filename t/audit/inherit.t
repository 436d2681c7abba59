# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_audit_log: which log a request is recorded in, and when it is written.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Audit;
use MlsecTest::Instance;

my $nginx = MlsecTest::Instance->start(http => q{
    mlsec_audit_log $DIR/logs/a flush=1m buffer=8k;
}, server => q{
    location = /a { mlsec_fail 403 no; }
    location = /b { mlsec_audit_log logs/b flush=0; mlsec_fail 403 no; }
    location = /b/again { mlsec_audit_log $DIR/logs/b; mlsec_fail 403 no; }
    location = /off { mlsec_audit_log off; mlsec_fail 403 no; }
    location /nested {
        mlsec_audit_log logs/b flush=0;
        if ($arg_x) { return 403; }
        location = /nested/off { mlsec_audit_log off; return 403; }
        location = /nested/b { return 403; }
    }
});

my %log = map { $_ => MlsecTest::Audit->new($nginx->dir . "/logs/$_") }
          qw(a b);

sub paths { return join ' ', map { $_->{path} } $log{ $_[0] }->requests }

$nginx->get($_) for '/b', '/a', '/b/again', '/off', '/nested?x=1',
                    '/nested/off', '/nested/b', '/nothing', '/b';

$log{b}->wait(sub { 2 == grep { ($_->{path} // '') eq '/b' } @_ });
is(paths('b'), '/b /b/again /nested /nested/b /b', 'each in its own log');
is(paths('a'), '', 'what is in a buffer is not in the file');

# a buffer that is full is written

$nginx->get('/a') for 1 .. 20;
ok($log{a}->wait(sub { @_ > 5 }), 'until it is full');
ok($log{a}->requests < 21, 'in pieces');

$nginx->finish;
is(paths('a'), join(' ', ('/a') x 21), 'and when the worker ends, all of it');

my ($code, $said) = $log{a}->verify('--ended', map { $_->path } $log{a});
is($code, 0, 'as a chain of its own') or diag($said);
($code, $said) = $log{b}->verify('--ended', $log{b}->path);
is($code, 0, 'each') or diag($said);

done_testing();
