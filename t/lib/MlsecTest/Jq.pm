# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Programs of conf/filters, run by whatever understands them: jq, gojq, and
# mlsec-jq, which has the engine of the module.
#
#   for my $engine (engines($build)) {
#       my @results = run_jq($engine, ['lib.jq', 'x.jq'], $tail, @jobs);
#
# A job is {input, vars => {args => ...}}; a result the value, or {caught =>
# what the program said with error}. One process does all jobs.

package MlsecTest::Jq;

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use JSON::PP;
use MlsecTest::Shape ();
use POSIX ();

our @EXPORT_OK = qw(engines run_jq program_text vars query_args same);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my %decoded;
my @names = qw(args captures claims now request_id status errors elapsed
               parts);

sub engines {
    my ($build) = @_;
    my @found;
    for my $name (qw(jq gojq)) {
        my ($path) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
        push @found, { name => $name, path => $path } if $path;
    }
    push @found, { name => 'mlsec-jq', path => "$build/mlsec-jq" }
        if -x "$build/mlsec-jq";
    return @found;
}

sub program_text {
    my ($folder, @files) = @_;
    return join "\n", map {
        my $name = m{/} ? $_ : "$folder/$_";
        open my $f, '<:raw', $name or die "$name: $!\n";
        local $/;
        <$f>;
    } @files;
}

# The variables that a program may use, with what the test says of them.
sub vars {
    my (%given) = @_;
    return { args => {}, captures => {}, claims => undef, status => {},
             now => 1736421600.5, request_id => 'r1', errors => [],
             elapsed => {}, parts => {}, %given };
}

# A query as $args has it.
sub query_args {
    my ($query) = @_;
    my %args;
    for (split /&/, $query // '') {
        my ($name, $value) = map { s/%(..)/chr hex $1/ger } split /=/, $_, 2;
        $value //= '';
        $args{$name} = !exists $args{$name} ? $value
            : [ref $args{$name} ? @{ $args{$name} } : $args{$name}, $value];
    }
    return \%args;
}

sub run_jq {
    my ($engine, $text, @jobs) = @_;

    my $dir = File::Temp->newdir;
    my $bind = '. as {' . join(', ', map { "\$$_" } @names) . ', input: $in}';
    put("$dir/program", "$bind | \$in | try (\n$text\n) catch {caught: .}\n");
    # (the same jobs are for each engine, and most results alike)
    put("$dir/in", join "\n", map {
        $_->{text} //= $json->encode({ %{ $_->{vars} },
                                       input => $_->{input} })
    } @jobs);

    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<', "$dir/in";
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        exec $engine->{path}, '-c', '-f', "$dir/program"
            or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $status = $?;

    %decoded = () if keys %decoded > 1000;
    my @results = map { ($decoded{$_} //= [$json->decode($_)])->[0] }
                  split /\n/, slurp("$dir/out");
    die "$engine->{name}: status $status, " . @results . ' of ' . @jobs
        . ' results: ' . slurp("$dir/err") . "\n"
        if $status || @results != @jobs;
    return @results;
}

sub put {
    my ($name, $text) = @_;
    open my $f, '>:raw', $name or die "$name: $!\n";
    print {$f} $text;
    close $f or die "$name: $!\n";
}

sub slurp {
    open my $f, '<:raw', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar(<$f>) // '';
}

# Where two values differ, or nothing. Numbers are the same when they are so
# to 12 digits: engines print them with different numbers of digits. JSON in
# a text is compared as JSON: gojq sorts members.
sub same {
    my ($x, $y, $at) = @_;
    $at //= '$';

    return if ref $x && ref $y && $x == $y;
    if (ref $x eq 'HASH' && ref $y eq 'HASH') {
        my %all = (%$x, %$y);
        for (sort keys %all) {
            return "$at.$_: in one of them only"
                if !exists $x->{$_} || !exists $y->{$_};
            my $differs = same($x->{$_}, $y->{$_}, "$at.$_");
            return $differs if $differs;
        }
        return;
    }
    if (ref $x eq 'ARRAY' && ref $y eq 'ARRAY') {
        return "$at: " . @$x . ' and ' . @$y . ' elements' if @$x != @$y;
        for (0 .. $#$x) {
            my $differs = same($x->[$_], $y->[$_], "$at\[$_]");
            return $differs if $differs;
        }
        return;
    }
    my ($tx, $ty) = map { MlsecTest::Shape::type_of($_) } $x, $y;
    if ("$tx $ty" eq 'str str' && "$x $y" =~ /^[\[{].*? [\[{]/s) {
        my @both = eval { map { $json->decode($_) } $x, $y };
        return same(@both, $at) if @both == 2;
    }
    if ("$tx $ty" =~ /^(?:int|num) (?:int|num)\z/) {
        my $max = (sort { $b <=> $a } abs $x, abs $y)[0];
        return if abs($x - $y) <= 1e-12 * $max;
    }
    my @texts = map { $json->encode($_) } $x, $y;
    return $texts[0] eq $texts[1] ? () : "$at: $texts[0] and $texts[1]";
}

1;
