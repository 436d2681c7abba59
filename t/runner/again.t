# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/test-files: what is run a second time, what is said of it, and how the
# run ends.

use strict;
use warnings;

use Cwd 'abs_path';
use File::Temp 'tempdir';
use FindBin '$Bin';
use Test::More;

my $top = abs_path("$Bin/../..");
my $plan = "use Test::More tests => 1;\n";

# what a file does, and in which run
my %kinds = (
    good   => 'ok(1);',
    once   => 'my $first = !-e "$0.seen"; open my $f, ">", "$0.seen"; ok(!$first);',
    always => 'ok(0);',
    # without a test that fails
    died   => 'my $first = !-e "$0.seen"; open my $f, ">", "$0.seen";'
              . ' die "now" if $first; ok(1);',
    # while another one runs
    beside => 'opendir my $d, "."; my $n = () = grep { /^running/ } readdir $d;'
              . ' open my $f, ">", "running.$$"; select undef, undef, undef, 0.5;'
              . ' opendir $d, "."; $n += grep { /^running/ } readdir $d;'
              . ' unlink "running.$$"; ok($n < 2);',
    bail   => 'BAIL_OUT("enough");',
    slow   => 'select undef, undef, undef, 0.5; ok(1);',
);

# Files of these kinds: the exit code, what was printed, how often each ran.
sub run_files {
    my ($jobs, @kinds) = @_;
    my $dir = tempdir(CLEANUP => 1);
    my (@names, %runs);
    for my $i (0 .. $#kinds) {
        my $name = "$kinds[$i]$i.t";
        open my $f, '>', "$dir/$name" or die "$name: $!";
        print {$f} $plan, "open my \$n, '>>', '$name.runs'; print {\$n} 'x';\n",
            $kinds{ $kinds[$i] }, "\n";
        close $f or die "$name: $!";
        push @names, $name;
    }
    local %ENV = (%ENV, JOBS => $jobs, BUILD_DIR => "$dir/build");
    delete @ENV{qw(HARNESS_ACTIVE HARNESS_OPTIONS PERL5OPT)};
    my $out = `cd '$dir' && '$top/util/test-files' @names 2>&1`;
    my $code = $? >> 8;
    my $runs = join ' ', map { -s "$dir/$_.runs" // 0 } @names;
    return ($code, $out, $runs);
}

sub last_line { return (split /\n/, $_[0])[-1] }

sub unstable {
    my ($out) = @_;
    return join ' ', $out =~ /^unstable: (\S+) failed beside the others and passed alone: mend it$/mg;
}

my ($code, $out, $runs) = run_files(2, qw(good good));
is("$code $runs " . last_line($out), '0 1 1 Result: PASS', 'all is well: one run');
unlike($out, qr/once more|unstable/, 'and no word of another');

($code, $out, $runs) = run_files(2, qw(good once good));
is("$code $runs " . last_line($out), '0 1 2 1 Result: PASS', 'one fails once: it alone is run again');
is(unstable($out), 'once1.t', 'and it is named');
like($out, qr/^mlsec: once more, one at a time: once1\.t$/m, 'as what is run');

($code, $out, $runs) = run_files(2, qw(good always));
is("$runs " . last_line($out), '1 2 Result: FAIL', 'one fails always');
isnt($code, 0, 'the run fails');
is(unstable($out), '', 'that is not unstable');

($code, $out, $runs) = run_files(2, qw(once always good));
is("$runs " . last_line($out), '2 2 1 Result: FAIL', 'one fails once, one always');
isnt($code, 0, 'the run fails');
is(unstable($out), 'once0.t', 'the first one is named all the same');

($code, $out, $runs) = run_files(2, qw(died good));
is("$code $runs " . last_line($out), '0 2 1 Result: PASS', 'a file that dies has failed');
is(unstable($out), 'died0.t', 'and is named');

($code, $out, $runs) = run_files(2, qw(once once once good));
is("$code $runs " . last_line($out), '0 2 2 2 1 Result: PASS', 'three');
($code, $out, $runs) = run_files(2, qw(once once once once good));
is("$runs " . last_line($out), '1 1 1 1 1 Result: FAIL', 'four are no accident: no second run');
isnt($code, 0, 'the run fails');
is(unstable($out), '', 'and none is said to be unstable');

($code, $out, $runs) = run_files(3, qw(beside beside beside));
is("$code " . last_line($out), '0 Result: PASS', 'files that cannot run together');
isnt(unstable($out), '', 'pass one at a time, and are named');

# what comes after "Bail out!" has not been run: nothing can be said of it
($code, $out, $runs) = run_files(1, qw(once bail good));
is($runs, '1 1 0', 'a run that was given up is not gone on with');
isnt($code, 0, 'and fails');

done_testing();
