# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Blocks that do not count: skip_nginx, skip_eval, todo.

package MlsecTest::Skip;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(skip_of todo_of);

my %COMPARE = (
    '<'  => sub { $_[0] < 0 },
    '<=' => sub { $_[0] <= 0 },
    '>'  => sub { $_[0] > 0 },
    '>=' => sub { $_[0] >= 0 },
    '='  => sub { $_[0] == 0 },
    '==' => sub { $_[0] == 0 },
    '!=' => sub { $_[0] != 0 },
);


# Returns how many tests of BLOCK to skip and why, or nothing:
#
#     --- skip_nginx: N: OP VERSION [and OP VERSION ...] [: REASON]
#     --- skip_eval: N: PERL EXPRESSION
sub skip_of {
    my ($block, $settings) = @_;

    if (defined(my $spec = $block->skip_nginx)) {
        my ($n, $conditions, $reason)
            = $spec =~ /^\s*(\d+)\s*:\s*([^:]+?)\s*(?::\s*(.*?)\s*)?$/s
            or die "--- skip_nginx: not \"N: OP VERSION\": $spec\n";

        return ($n, $reason // "nginx $conditions")
            if _holds($conditions, version($settings));
    }

    if (defined(my $spec = $block->skip_eval)) {
        my ($n, $code) = $spec =~ /^\s*(\d+)\s*:\s*(.*)$/s
            or die "--- skip_eval: not \"N: EXPRESSION\": $spec\n";

        my $result = eval "package main; $code";
        die "--- skip_eval: $@" if $@;

        return ($n, "skip_eval: $code") if $result;
    }

    return;
}


# Returns how many tests of BLOCK are expected to fail and why, or nothing.
sub todo_of {
    my ($block) = @_;

    my $spec = $block->todo;

    return unless defined $spec;

    my ($n, $reason) = $spec =~ /^\s*(\d+)\s*:\s*(.*?)\s*$/s
        or die "--- todo: not \"N: REASON\": $spec\n";

    return ($n, $reason);
}


sub _holds {
    my ($conditions, $have) = @_;

    for my $condition (split /\s+and\s+/, $conditions) {
        my ($op, $version) = $condition =~ /^([<>=!]+)\s*(\d+\.\d+\.\d+)$/
            or die "--- skip_nginx: not \"OP VERSION\": $condition\n";

        my $test = $COMPARE{$op}
            or die "--- skip_nginx: unknown operator $op\n";

        return 0 unless $test->(_compare($have, $version));
    }

    return 1;
}


# Returns a number below, equal to or above 0 as version A is to version B.
sub _compare {
    my ($a, $b) = @_;

    my @a = split /\./, $a;
    my @b = split /\./, $b;

    for my $i (0 .. 2) {
        my $order = $a[$i] <=> $b[$i];
        return $order if $order;
    }

    return 0;
}


# Returns the version of the nginx binary, "1.22.1".
sub version {
    my ($settings) = @_;

    return $settings->{version} if $settings->{version};

    open my $pipe, '-|', 'sh', '-c', 'exec "$0" -v 2>&1', $settings->{binary}
        or die "$settings->{binary}: $!\n";
    local $/;
    my $text = <$pipe> // '';
    close $pipe;

    my ($version) = $text =~ m{nginx/(\d+\.\d+\.\d+)}
        or die "cannot tell the version of $settings->{binary}: $text\n";

    return $settings->{version} = $version;
}


1;
