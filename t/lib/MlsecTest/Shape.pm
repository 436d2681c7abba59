# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Shapes of JSON, in the notation of the contract:
#
#   my @wrong = shape_errors('{id:str,times:[dt],*:int|null}', $value);
#
# {...} an object that has these members, and may have others; "*" is every
# member that is not named. [shape] a list, [] an empty one. a|b one of them.
# str, int, num, bool, null, obj, list, any; dt and date: times as text.

package MlsecTest::Shape;

use strict;
use warnings;

use B ();
use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(shape_errors type_of);

sub type_of {
    my ($v) = @_;
    return 'null' if !defined $v;
    return 'obj'  if ref $v eq 'HASH';
    return 'list' if ref $v eq 'ARRAY';
    return 'bool' if JSON::PP::is_bool($v);
    return ref $v if ref $v;

    my $flags = B::svref_2object(\$v)->FLAGS;
    return 'str' if $flags & B::SVp_POK;
    return $v == int $v ? 'int' : 'num';
}

my %words = (
    any  => sub { 1 },
    num  => sub { type_of($_[0]) =~ /^(?:int|num)\z/ },
    dt   => sub { type_of($_[0]) eq 'str'
                      && $_[0] =~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/ },
    date => sub { type_of($_[0]) eq 'str' && $_[0] =~ /^\d{4}-\d\d-\d\d\z/ },
    map { my $t = $_; ($t => sub { type_of($_[0]) eq $t }) }
        qw(str int bool null obj list),
);

sub shape_errors {
    my ($text, $value) = @_;
    my $rest = $text;
    my $shape = parse(\$rest);
    die "shape $text: at \"$rest\"\n" if length $rest;
    return check($shape, $value, '$');
}

sub parse {
    my ($t) = @_;
    my @or;
    do { push @or, parse_one($t) } while $$t =~ s/\A\|//;
    return \@or;
}

sub parse_one {
    my ($t) = @_;

    if ($$t =~ s/\A\[//) {
        return { list => $$t =~ s/\A\]// ? undef : do {
            my $inner = parse($t);
            $$t =~ s/\A\]// or die "no ] at \"$$t\"\n";
            $inner;
        } };
    }
    if ($$t =~ s/\A\{//) {
        my %members;
        while ($$t =~ s/\A(\w+|\*)://) {
            my $name = $1;
            $members{$name} = parse($t);
            last if $$t !~ s/\A,//;
        }
        $$t =~ s/\A\}// or die "no } at \"$$t\"\n";
        return { members => \%members };
    }
    $$t =~ s/\A(\w+)// && $words{$1} or die "no shape at \"$$t\"\n";
    return { word => $1 };
}

# of several the one that fits, else what the first has to say
sub check {
    my ($or, $value, $at) = @_;
    my @first;
    for my $shape (@$or) {
        my @wrong = check_one($shape, $value, $at);
        return () if !@wrong;
        @first = @wrong if !@first;
    }
    return @first;
}

sub check_one {
    my ($shape, $value, $at) = @_;

    if ($shape->{word}) {
        return $words{ $shape->{word} }->($value) ? ()
            : "$at: " . type_of($value) . ", expected $shape->{word}";
    }
    if (exists $shape->{list}) {
        return "$at: " . type_of($value) . ', expected a list'
            if ref $value ne 'ARRAY';
        return @$value ? "$at: not empty" : () if !$shape->{list};
        return map { check($shape->{list}, $value->[$_], "$at\[$_]") }
            0 .. $#$value;
    }
    return "$at: " . type_of($value) . ', expected an object'
        if ref $value ne 'HASH';

    my %members = %{ $shape->{members} };
    my $others = delete $members{'*'};
    my @wrong = map {
        exists $value->{$_} ? check($members{$_}, $value->{$_}, "$at.$_")
                            : "$at.$_: is not there"
    } sort keys %members;
    if ($others) {
        push @wrong, map { check($others, $value->{$_}, "$at.$_") }
            grep { !$members{$_} } sort keys %$value;
    }
    return @wrong;
}

1;
