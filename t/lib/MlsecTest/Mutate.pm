# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# JSON like the JSON that is given, drawn from rand. Names stay.
#
#   $other = mutate($value);        # the same members with other values
#   $other = mutate($value, 0.1);   # and one value in ten null, of another
#                                   # type or not there

package MlsecTest::Mutate;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use MlsecTest::Shape 'type_of';

our @EXPORT_OK = qw(mutate);

my @odd = (undef, sub { int rand 1000 }, sub { 'x' . int rand 10 }, sub { {} },
           sub { [] }, sub { [1, 'a', undef] }, sub { JSON::PP::true() },
           sub { rand() - 0.5 }, sub { '' }, sub { { a => { b => 1 } } });

sub mutate {
    my ($value, $wild) = @_;
    my %seen;
    collect($value, '', \%seen);
    return change($value, '', \%seen, $wild // 0);
}

# what texts stand at which member: another value is one of these
sub collect {
    my ($value, $at, $seen) = @_;
    if (ref $value eq 'HASH') {
        collect($value->{$_}, $_, $seen) for keys %$value;
    }
    elsif (ref $value eq 'ARRAY') {
        collect($_, $at, $seen) for @$value;
    }
    elsif (type_of($value) eq 'str') {
        $seen->{$at}{$value} = 1;
    }
}

sub change {
    my ($value, $at, $seen, $wild) = @_;

    if (rand() < $wild) {
        my $odd = $odd[rand @odd];
        return $odd && $odd->();
    }
    if (ref $value eq 'HASH') {
        return { map { $_ => change($value->{$_}, $_, $seen, $wild) }
                 grep { rand() >= $wild / 2 } sort keys %$value };
    }
    if (ref $value eq 'ARRAY') {
        my @some = map { change($_, $at, $seen, $wild) } @$value;
        for my $i (reverse 1 .. $#some) {
            my $j = int rand($i + 1);
            @some[$i, $j] = @some[$j, $i];
        }
        my $keep = rand() < 0.1 ? int rand(@some + 1) : @some;
        return [@some[0 .. $keep - 1]];
    }

    my $type = type_of($value);
    return rand() < 0.3 ? int rand 500 : $value if $type eq 'int';
    return rand() < 0.5 ? sprintf('%.4f', rand()) + 0 : $value
        if $type eq 'num';
    return rand() < 0.2 ? JSON::PP::false() : $value if $type eq 'bool';
    if ($type eq 'str' && $at ne 'name' && rand() < 0.3) {
        my @texts = sort keys %{ $seen->{$at} };
        return $texts[rand @texts];
    }
    return $value;
}

1;
