#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The tour of the README: each command as it stands there, in its order, says
# what stands below it. "..." is anything; blanks and line ends do not count,
# nor do ids, times and how many jobs run at the moment.

use strict;
use warnings;

use FindBin '$Bin';
use lib $Bin;
use Run;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my ($dir, $port) = (run_dir(), free_port());
my %env = (SERVICE_PORT => $port);

END {
    my $code = $?;
    run(\%env, 'util/gateway', 'stop', '--quiet') if defined $dir;
    $? = $code;
}

# ---- what stands there: [command, output] ----

my ($tour) = slurp(top() . '/README.md') =~ /^### A tour\n(.*?)^## /ms;
my @steps;
for (split /\n/, $tour // '') {
    if    (/^    \$ (.*)/)         { push @steps, [$1, '']; }
    elsif (/^    (.*)/ && @steps) { $steps[-1][1] .= "$1\n"; }
}
cmp_ok(scalar @steps, '>', 10, 'commands');
cmp_ok(scalar(grep { length $_->[1] } @steps), '>', 9, 'with their output');

# ---- and what comes of it ----

sub plain {
    my ($text) = @_;
    $text =~ s/\s+//g;
    $text =~ s/\d{4}-\d\d-\d\dT[\d:.]+Z?/TIME/g;
    $text =~ s/"request_id":"[0-9a-f]{32}"/"request_id":ID/g;
    $text =~ s/(dur=|"elapsed_ms":|"active_jobs":)[0-9.]+/$1N/g;
    return $text;
}

my ($status, $out, $err) = run(\%env, 'util/gateway', 'start');
is($status, 0, 'make start') or die("$out$err");

my $before = '';
for my $step (@steps) {
    my ($command, $output) = @$step;
    my $real = $command =~ s/\b8007\b/$port/gr =~ s{build/run/}{$dir/}gr;
    if ($command =~ /^[A-Z]+=/) {
        $before .= "$real\n";
        next;
    }
    ($status, $out, $err) = run(\%env, 'bash', '-c', "cd @{[top()]}\n$before$real");
    is($status, 0, $command) or diag $err;
    next if !length $output;
    my $like = join '.*', map { quotemeta } split /\.\.\./, plain($output), -1;
    like(plain($out), qr/\A$like\z/s, 'says what stands there');
}

done_testing();
