# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# K1: whether answers to API keys tell something by their time is measured by
# "make timing", which needs minutes. Here: that it would see a difference,
# and none where there is none.

use strict;
use warnings;
use FindBin;
use Test::More;

my $said = `$FindBin::Bin/../../bench/timing check 2>&1`;

is("$? $said", "0 the arithmetic is right\n", 'K1: signed ranks, rounds, verdicts');

done_testing();
