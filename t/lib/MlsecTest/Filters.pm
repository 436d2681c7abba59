# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Reads t/gateway/filters.txt, which says what the computed routes make of
# what: read_cases() -> a hash a block, with its words and
#
#   input    {PART: body}, less mlflow's where health => 1
#   required {PART: 1}
#   calls    [{part, service, method, target, body}]
#   captures {id}
#
# values_of($check): [name, good or bad, value] of a line "check";
# with_argument($query, $name, $value): the query with another value.

package MlsecTest::Filters;

use strict;
use warnings;

use Exporter 'import';
use FindBin ();
use JSON::PP;

our @EXPORT_OK = qw(read_cases values_of with_argument body slurp @services);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
our @services = qw(model_api training model_cache business_metrics analytics
                   data_privacy tracing);

sub slurp {
    open my $f, '<:raw', $_[0] or die "$_[0]: $!\n";
    local $/;
    return <$f>;
}

sub body {
    my ($name) = @_;
    my $file = $name =~ m{/} ? "$FindBin::Bin/../../util/demo/fixtures/$name"
                             : "$FindBin::Bin/bodies/$name";
    my $text = slurp($file);
    return $name =~ /\.json\z/ ? $json->decode($text) : $text;
}

sub read_cases {
    my @cases;
    for my $block (split /\n\n+/, slurp("$FindBin::Bin/filters.txt")) {
        my @lines = grep { !/^#/ } split /\n/, $block;
        my $route = shift @lines or next;
        my %case = (route => $route, check => [], calls => [],
                    required => {});
        $case{captures}{id} = $1 if $route =~ /\{(.*)\}/;
        for (@lines) {
            my ($word, $rest) = split / /, $_, 2;
            if ($word eq 'check') { push @{ $case{check} }, $rest; next; }
            if ($word eq 'call') {
                my %call;
                @call{qw(part service method target body)} =
                    split / /, $rest, 5;
                push @{ $case{calls} }, \%call;
                next;
            }
            $case{$word} = $rest;
        }
        for (split ' ', $case{parts}) {
            if ($_ eq 'HEALTH') {
                $case{health} = 1;
                $case{input}{$_} = body(tr/_/-/r . '/health.json')
                    for @services;
                next;
            }
            my ($need, $name, $file) = /^(!?)(\w+)=(\S+)\z/ or die "$_\n";
            $case{required}{$name} = 1 if $need;
            $case{input}{$name} = body($file);
        }
        push @cases, \%case;
    }
    return @cases;
}

my %bad = (
    range => ['', '7', '7x', '0d', '366d', '25h', '3w', '-1d', '7d ', "7d\n",
              '1.5d'],
    good_range => ['1h', '24h', '48h', '1d', '7d', '30d', '365d', '2w', '1y'],
);

# [argument, bad or good, value] of a line "check"
sub values_of {
    my ($check) = @_;
    my ($name, $kind, @rest) = split ' ', $check;
    if ($kind eq 'int') {
        my ($min, $max) = @rest;
        return (map({ [$name, 'bad', $_] } '', 'x', '1.5', '1e1', ' 1', '٣',
                    "$min\n", '99999999999', $min - 1, -1, $max + 1),
                map { [$name, 'good', $_] } $min, $max, "0$max");
    }
    if ($kind eq 'range') {
        return (map({ [$name, 'bad', $_] } @{ $bad{range} }),
                map { [$name, 'good', $_] } @{ $bad{good_range} });
    }
    return map { [$name, 'bad', $_] } $rest[0], "a\n" if $kind eq 'word';
    return ([$name, 'bad', ''], [$name, 'bad', undef]) if $kind eq 'required';
    die "check $check\n";
}

sub with_argument {
    my ($args, $name, $value) = @_;
    my @rest = grep { !/^\Q$name\E=/ } split /&/, $args // '';
    $value =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge if defined $value;
    return join '&', @rest, defined $value ? "$name=$value" : ();
}

1;
