#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The programs of conf/filters on what services send: filters.txt. Each is
# run by jq, by gojq and by mlsec-jq, on recorded bodies, with each part
# missing, and on bodies like them that are drawn anew. MLSEC_SEED=N repeats
# a run, MLSEC_FILTERS=WORD takes routes with that word alone.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../lib";
use JSON::PP;
use MlsecTest::Filters qw(read_cases values_of with_argument slurp);
use MlsecTest::Jq qw(engines run_jq program_text vars query_args same);
use MlsecTest::Mutate 'mutate';
use MlsecTest::Shape 'shape_errors';
use Test::More;

my $top = "$Bin/../..";
my $filters = "$top/conf/filters";
my $build = $ENV{BUILD_DIR} // "$top/build";
my $seed = $ENV{MLSEC_SEED} // time ^ $$;
srand $seed;
diag "MLSEC_SEED=$seed";

my @engines = engines($build);
plan skip_all => 'neither jq nor gojq nor build/mlsec-jq' if !@engines;
diag 'engines: ' . join ' ', map { $_->{name} } @engines;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
sub failure {
    my ($part) = @_;
    return { service => $part, part => $part, error_type => 'timeout',
             status_code => 504, attempts => 1, elapsed_ms => 3001 };
}

# A run of the program on these bodies, less those that are missing.
sub job {
    my ($case, $input, $args, @missing) = @_;
    my %input = (%$input, $case->{health} ? (mlflow => "OK\n") : ());
    @input{@missing} = (undef) x @missing;
    return {
        input => \%input,
        vars => vars(
            captures => $case->{captures} // {}, args => query_args($args),
            errors => [map { failure($_) } @missing],
            status => { map { $_ => defined $input{$_} ? 200 : undef }
                        keys %input },
            elapsed => { map { $_ => 1500 * length($_) } keys %input }),
    };
}

# ---- what has to come of it ----

sub check_shape {
    my ($case, $name, $job, $result) = @_;
    my @wrong = ref $result eq 'HASH' && exists $result->{caught}
        ? 'failed: ' . $json->encode($result->{caught})
        : shape_errors($case->{shape}, $result);
    ok(!@wrong, "$name: shape")
        or diag join "\n", @wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)];

    my $errors = $job->{vars}{errors};
    if (ref $result eq 'HASH' && @$errors) {
        my $differs = same($result->{errors}, $errors);
        ok(!$differs, "$name: errors") or diag $differs;
    }
    elsif (ref $result eq 'HASH') {
        ok(!exists $result->{errors}, "$name: no errors");
    }
}

# Members of what is expected; the figure that the original had is not.
sub check_members {
    my ($name, $expected, $result) = @_;
    my @differ;
    if (ref $expected eq 'HASH' && ref $result eq 'HASH') {
        for (grep { !/_original\z/ } sort keys %$expected) {
            push @differ, same($expected->{$_}, $result->{$_}, "\$.$_");
        }
    }
    else {
        @differ = same($expected, $result);
    }
    ok(!@differ, $name) or diag @differ;
}

# All that one program is asked, as [what, name, job, more].
sub jobs_of {
    my ($case) = @_;
    my $input = $case->{input};
    my @missing = $case->{health} ? 'mlflow' : ();
    my @jobs = ['base', '', job($case, $input, $case->{args}, @missing)];

    push @jobs, ['shape', 'all of them well',
                 job($case, $input, $case->{args})] if @missing;
    for my $part (grep { !$case->{required}{$_} } sort keys %$input) {
        push @jobs, ['shape', "without $part",
                     job($case, $input, $case->{args}, $part)];
    }
    my @optional = grep { !$case->{required}{$_} } sort keys %$input;
    push @jobs, ['shape', 'without any of them',
                 job($case, $input, $case->{args}, @optional)]
        if @optional > 1;
    for my $n (1 .. 5) {
        push @jobs, ['like', "drawn $n",
            job($case, { map { $_ => mutate($input->{$_}) } keys %$input },
                $case->{args})];
        push @jobs, ['wild', "wild $n",
            job($case, { map { $_ => mutate($input->{$_}, 0.02 * $n) }
                         keys %$input }, $case->{args})];
    }
    for my $check (map { values_of($_) } @{ $case->{check} }) {
        my ($name, $kind, $value) = @$check;
        push @jobs, [$kind, "$name=" . ($value // '(none)'),
            job($case, $input, with_argument($case->{args}, $name, $value)),
            $name];
    }
    return @jobs;
}

# each engine has its own words for what is wrong
sub message_left_out {
    my ($result) = @_;
    return ref $result eq 'HASH' && defined $result->{caught}
        && !ref $result->{caught} ? { caught => 'words' } : $result;
}

sub check_job {
    my ($case, $where, $kind, $job, $result, $more) = @_;

    check_shape($case, $where, $job, $result) if $kind =~ /^(?:base|shape)$/;
    if ($kind eq 'base' && $case->{expect}) {
        check_members("$where: $case->{expect}",
                      $json->decode(slurp("$Bin/expected/$case->{expect}")),
                      $result);
    }
    my $caught = ref $result eq 'HASH' ? $result->{caught} : undef;
    if ($kind eq 'bad') {
        my $status = ref $caught eq 'HASH' ? $caught->{status} : 'no error';
        my $first = ref $caught eq 'HASH' ? $caught->{errors}[0] : {};
        is(join(' ', $status, @{ $first->{loc} // [] }, ref $first),
           "422 query $more HASH", "$where: refused");
    }
    elsif ($kind eq 'good' || $kind eq 'like' || $kind eq 'wild') {
        # whatever a service sends, the program itself does not fail
        my $fine = !defined $caught
            || ref $caught eq 'HASH' && ($caught->{status} // 0) == 404
            # what a probe of the gateway says on purpose
            || exists $case->{live} && ref $caught eq 'HASH'
               && ($caught->{status} // 0) == 503;
        ok($fine, "$where: an answer")
            or diag $json->encode($caught);
    }
}

# ---- run ----

for my $case (read_cases()) {
    next if index("$case->{route} $case->{program}",
                  $ENV{MLSEC_FILTERS} // '') < 0;
    my @files = ('lib.jq', 'answer.jq', split ' ', $case->{program});
    my $text = program_text($filters, @files);
    my @jobs = jobs_of($case);
    my ($first, @expected);

    for my $engine (@engines) {
        my @results = eval { run_jq($engine, $text, map { $_->[2] } @jobs) };
        ok(!$@, "$case->{route}: $engine->{name}") or do { diag $@; next };

        if (!$first) {
            $first = $engine->{name};
            @expected = @results;
            for my $i (0 .. $#jobs) {
                my ($kind, $name, $job, $more) = @{ $jobs[$i] };
                check_job($case, "$case->{route} $name", $kind, $job,
                          $results[$i], $more);
            }
            next;
        }
        my @differ = grep { $_ } map {
            my $differs = same(map { message_left_out($_) }
                               $expected[$_], $results[$_]);
            $differs && "$jobs[$_][1]: $differs"
        } 0 .. $#jobs;
        ok(!@differ, "$case->{route}: $engine->{name} as $first")
            or diag join "\n", @differ;
    }

    # the contract's own words, on the same bodies
    next if !$case->{contract};
    my @like = grep { $jobs[$_][0] =~ /^(?:base|like)$/ } 0 .. $#jobs;
    my $formula = program_text($filters, @files[0 .. $#files - 1],
                               "$Bin/contract.jq") . "\n$case->{contract}";
    my @wanted = run_jq($engines[0], $formula, map { $jobs[$_][2] } @like);
    check_members("$case->{route} $jobs[$like[$_]][1]: the contract",
                  $wanted[$_], $expected[$like[$_]]) for 0 .. $#like;
}

# ---- programs that make one body of another ----

sub read_blocks {
    my ($file) = @_;
    my %by;
    for my $block (split /\n\n+/, slurp($file)) {
        my %run = (parts => {});
        for (grep { !/^#/ } split /\n/, $block) {
            my ($word, $rest) = split / /, $_, 2;
            if ($word eq 'part') {
                my ($name, $text) = split / /, $rest, 2;
                $run{parts}{$name} = $json->decode($text);
                next;
            }
            $run{$word} = $rest;
        }
        push @{ $by{ $run{program} } }, \%run if $run{program};
    }
    return \%by;
}

sub check_run {
    my ($name, $run, $result) = @_;
    if (defined $run->{gives}) {
        my $differs = same($json->decode($run->{gives}), $result);
        return ok(!$differs, "$name: gives") || diag $differs;
    }
    my $caught = ref $result eq 'HASH' ? $result->{caught} : undef;
    my $places = ref $caught eq 'HASH'
        ? join ' ', $caught->{status},
                    map { join '/', @{ $_->{loc} } } @{ $caught->{errors} }
        : 'nothing: ' . $json->encode($result);
    is($places, "422 $run->{refuses}", "$name: refuses");
}

my $by = read_blocks("$Bin/filter_bodies.txt");
for my $program (sort keys %$by) {
    next if index($program, $ENV{MLSEC_FILTERS} // '') < 0;
    my @runs = @{ $by->{$program} };
    my $text = program_text($filters, 'lib.jq', split ' ', $program);
    my @jobs = map { {
        input => $json->decode($_->{input}),
        vars => vars(parts => $_->{parts}, args => query_args($_->{args}),
                     captures => { id => $_->{id} }) } } @runs;
    for my $engine (@engines) {
        my @results = eval { run_jq($engine, $text, @jobs) };
        ok(!$@, "$program: $engine->{name}") or do { diag $@; next };
        check_run("$program: $engine->{name} $_", $runs[$_], $results[$_])
            for 0 .. $#runs;
    }
}

# ---- no program is left out ----

my $named = slurp("$Bin/filters.txt") . slurp("$Bin/filter_bodies.txt");
for my $file (glob "$filters/*.jq") {
    my ($name) = $file =~ m{([^/]+)\z};
    ok($named =~ /^program .*\b\Q$name\E/m || $name =~ /^(?:lib|answer)\.jq/,
       "$name is tried");
}

done_testing();
