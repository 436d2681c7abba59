# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The tree itself: all that "make lint" looks at. It stands among the tests
# since it needs a core for minutes while they wait for their timers.

use strict;
use warnings;

use FindBin;

use Test::More;

my $top = "$FindBin::Bin/../..";

plan skip_all => 'util/lint is not there' if !-x "$top/util/lint";

my @said = `cd '$top' && nice util/lint 2>&1`;
my $code = $? >> 8;

is($code, 0, 'make lint') or diag @said;

my @checks = grep { /^lint: / } @said;

cmp_ok(scalar @checks, '>=', 12, 'each check has said something');
note @said;

done_testing;
