# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Times in the sections of a test.

package MlsecTest::Duration;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(seconds);


# Returns the seconds in TEXT, a number that may have the unit s or ms.  Dies
# when it is none; SECTION is named then.
sub seconds {
    my ($text, $section) = @_;

    my ($number, $unit) = $text =~ /^\s*(\d+\.?\d*|\.\d+)\s*(ms|s)?\s*$/
        or die "--- $section: not a time: $text\n";

    return $number / (($unit // 's') eq 'ms' ? 1000 : 1);
}


1;
