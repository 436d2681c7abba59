# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Waits for what happens some time: until it has, and not for a fixed time.
#
#   until_ok(10, sub { peers($nginx)->{$a}{state} eq 'up' }, 'it is up');
#
# is ok() as soon as the code returns what is true, and not ok() when it has
# not within so many seconds.  Returns what ok() does.

package MlsecTest::Until;

use strict;
use warnings;

use Exporter 'import';
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(until_ok);


sub until_ok {
    my ($limit, $test, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $until = time + $limit;
    my $pass;

    sleep 0.01 until ($pass = $test->()) || time > $until;

    return Test::More::ok($pass, $name);
}


1;
