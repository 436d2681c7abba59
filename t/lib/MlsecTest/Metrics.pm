# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Reads what mlsec_metrics says.
#
#   my $m = MlsecTest::Metrics->new($text);
#   $m->value('mlsec_http_requests_total', route => '/x', code => '2xx')
#                              the sum of all samples that have these labels
#   $m->names, $m->samples     {name}{labels} = value

package MlsecTest::Metrics;

use strict;
use warnings;


sub new {
    my ($class, $text) = @_;

    my $self = bless { samples => {}, odd => [] }, $class;

    for my $line (split /\n/, $text) {
        next if $line =~ /^#/;

        if ($line =~ /^(\w+)(?:\{(.*)\})? (\d+(?:\.\d+)?)$/) {
            push @{ $self->{odd} }, "twice: $line"
                if exists $self->{samples}{$1}{ $2 // '' };
            $self->{samples}{$1}{ $2 // '' } = $3;

        } else {
            push @{ $self->{odd} }, $line;
        }
    }

    return $self;
}


sub samples { return $_[0]{samples} }
sub odd     { return $_[0]{odd} }


sub value {
    my ($self, $name, %labels) = @_;

    my ($sum, $found) = (0, 0);

    for my $text (keys %{ $self->{samples}{$name} // {} }) {
        my %has = $text =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;

        next if grep { ($has{$_} // '') ne $labels{$_} } keys %labels;

        $sum += $self->{samples}{$name}{$text};
        $found = 1;
    }

    return $found ? $sum : undef;
}


1;
