#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/cpus: quotas of control groups, version 2 and 1; and that the workers
# are as many.

use strict;
use warnings;

use File::Path 'make_path';
use FindBin '$Bin';
use lib $Bin;
use Run;
use Test::More;

my ($dir, $n) = (run_dir(), 0);

# A tree of files, what /proc/self/cgroup says, processors: what comes out.
sub cpus {
    my ($self, $online, %files) = @_;
    my $root = "$dir/root" . ++$n;
    make_path($root);
    for my $name (keys %files) {
        make_path("$root/" . ($name =~ s{/?[^/]*\z}{}r));
        open my $f, '>', "$root/$name" or die "$name: $!";
        print {$f} $files{$name};
        close $f;
    }
    open my $f, '>', "$root/self" or die;
    print {$f} $self;
    close $f;
    my ($status, $out, $err) = run({}, 'util/cpus', $root, "$root/self", $online);
    return "$status|$out|$err" =~ s/\n//r;
}

my $v2 = "0::/\n";
for (['max 100000', 8, 8, 'no quota'], ['200000 100000', 8, 2, 'two'],
     ['150000 100000', 8, 2, 'one and a half is two'],
     ['1000 100000', 8, 1, 'a hundredth is one'],
     ['100000 100000', 8, 1, 'one'], ['50000 25000', 8, 2, 'another period'],
     ['1600000 100000', 8, 8, 'more than there are'],
     ['0 100000', 8, 1, 'none at all is one'], ['junk', 8, 8, 'no numbers'],
     ['1 0', 8, 8, 'a period of nothing'], ['', 8, 8, 'nothing'])
{
    my ($text, $online, $expected, $name) = @$_;
    is(cpus($v2, $online, 'cpu.max' => "$text\n"), "0|$expected|", "v2: $name");
}
is(cpus($v2, 8), '0|8|', 'v2: no file');
is(cpus("0::/a/b\n", 8, 'a/b/cpu.max' => "max 100000\n",
        'a/cpu.max' => "300000 100000\n"), '0|3|', 'v2: the group above counts');
is(cpus("0::/a/b\n", 8, 'a/b/cpu.max' => "100000 100000\n",
        'a/cpu.max' => "300000 100000\n"), '0|1|', 'v2: the smaller one');
is(cpus("0::/on/the/host\n", 8, 'cpu.max' => "200000 100000\n"), '0|2|',
   "v2: a container that sees the host's path");

my $v1 = "5:memory:/x\n4:cpu,cpuacct:/x\n1:name=systemd:/\n";
my %v1 = ('cpu,cpuacct/x/cpu.cfs_quota_us' => "250000\n",
          'cpu,cpuacct/x/cpu.cfs_period_us' => "100000\n",
          'memory/x/cpu.cfs_quota_us' => "100000\n",
          'memory/x/cpu.cfs_period_us' => "100000\n");
is(cpus($v1, 8, %v1), '0|3|', 'v1: a quota');
is(cpus($v1, 8, %v1, 'cpu,cpuacct/x/cpu.cfs_quota_us' => "-1\n"), '0|8|',
   'v1: none');
is(cpus("4:cpu,cpuacct:/docker/1\n", 8, 'cpu/cpu.cfs_quota_us' => "100000\n",
        'cpu/cpu.cfs_period_us' => "100000\n"), '0|1|',
   "v1: a container that sees the host's path");
is(cpus("3:cpuset:/\n", 8, 'cpu/cpu.cfs_quota_us' => "100000\n",
        'cpu/cpu.cfs_period_us' => "100000\n"), '0|8|',
   'v1: cpuset is not cpu');
is(cpus('', 8), '0|8|', 'no groups at all');

# ---- the configuration has it ----

my ($status, $here) = run({}, 'util/cpus');
chomp $here;
my ($all) = `getconf _NPROCESSORS_ONLN` =~ /(\d+)/;
open my $f, '>', "$dir/module.so" or die;
close $f;
sub workers {
    my ($prefix) = @_;
    run({ MODULE => "$dir/module.so" }, @$prefix, 'util/render');
    return slurp("$dir/conf/nginx.conf") =~ /^worker_processes +(\S+);/m
        ? $1 : 'none';
}
is(workers([]), $here < $all ? $here : 'auto', 'worker_processes');
is(workers(['taskset', '-c', 0]), $all > 1 ? 1 : 'auto',
   'a process that may use one processor');

done_testing();
