#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The filter language as build/mlsec-jq runs it: the recipes of the
# documentation, random programs against jq and gojq, options and exit codes.

use strict;
use warnings;
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/../..";
my $jq = $ENV{MLSEC_JQ} || "$top/build/mlsec-jq";

plan skip_all => "no $jq: make build" unless -x $jq;

$ENV{MLSEC_JQ} = $jq;

# (output, exit code) of a command line of the shell

sub sh {
    my ($command) = @_;
    my $output = `$command 2>&1`;
    return ($output, $? >> 8);
}

sub case_is {
    my ($command, $expected, $code) = @_;
    my ($output, $got) = sh($command =~ s/\bmlsec-jq (?=-|\.)/$jq /gr);
    is($output, $expected, $command);
    is($got, $code, "exit code of $command");
}

case_is(q(echo '{"a": [1.50, "x"]}' | mlsec-jq -c .), qq({"a":[1.50,"x"]}\n),
    0);
case_is(q(echo '{"a": [1]}' | mlsec-jq .),
    qq({\n  "a": [\n    1\n  ]\n}\n), 0);
case_is(q(echo '{"a": [1, 2]}' | mlsec-jq --verbatim .a), qq([1, 2]\n), 0);
case_is(q(echo '1 2 "x"[3]' | mlsec-jq -c .), qq(1\n2\n"x"\n[3]\n), 0);
case_is(q(echo '1 2' | mlsec-jq -s -c .), qq([1,2]\n), 0);
case_is(q(printf 'a\nb"' | mlsec-jq -R .), qq("a"\n"b\\""\n), 0);
case_is(q(printf '%s' '"a\nb"' | mlsec-jq -r .), qq(a\nb\n), 0);
case_is(q(echo '{"b":1,"a":{"d":1,"c":2}}' | mlsec-jq -S -c .),
    qq({"a":{"c":2,"d":1},"b":1}\n), 0);
case_is(q(mlsec-jq -n -c --arg a 1 --argjson b '{"c":2}' '[$a, $b]'),
    qq(["1",{"c":2}]\n), 0);
case_is(q(printf '1 2' > /tmp/mlsec-jq.$$; mlsec-jq -n -c )
    . q(--slurpfile f /tmp/mlsec-jq.$$ '$f'; rm /tmp/mlsec-jq.$$),
    qq([1,2]\n), 0);
case_is(q(echo null | mlsec-jq -e .), qq(null\n), 1);
case_is(q(echo null | mlsec-jq -e empty), '', 4);
case_is(q(echo 1 | mlsec-jq .a), "mlsec-jq: error (at <stdin>:0): Cannot "
    . qq(index number with string ("a")\n), 5);
case_is(q(mlsec-jq -n '1 +'), "mlsec-jq: error: syntax error: the program "
    . "ends here, expected an expression at line 1, column 4\n", 3);
case_is(q(echo '{"a":' | mlsec-jq .), "mlsec-jq: error: input is not JSON: "
    . "truncated at byte 6\n", 2);
case_is(q(mlsec-jq -n 'def f: f; f'), "mlsec-jq: error (at <stdin>:0): too "
    . "many steps\n", 5);

my ($output, $code) = sh("python3 $FindBin::Bin/recipes.py");
is($code, 0, 'recipes of the documentation') or diag($output);

SKIP: {
    skip 'no jq and gojq', 1
        if (sh('jq --version && gojq --version'))[1] != 0;

    # what a seed finds, it finds again; FILTER_SEED=N looks elsewhere

    my $count = $ENV{FILTER_PROGRAMS} || 300;
    my $seed = $ENV{FILTER_SEED} || 103;

    ($output, $code) = sh("python3 $FindBin::Bin/differential.py"
        . " --count $count --seed $seed");
    is($code, 0, "$count random programs against jq and gojq")
        or diag($output);
    diag((split /\n/, $output)[0]);
}

done_testing();
