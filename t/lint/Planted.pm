# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Trees of a few files with a planted fault, for the tests of the checkers.

package Planted;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use POSIX qw(_exit);
use Test::More;

our @EXPORT = qw(base clean finds run spdx spdx_c tree);

my $top = abs_path(dirname(__FILE__) . '/../..');
my (@checker, %base);


# The checker under test, and the tree in which it finds nothing.

sub base {
    my ($checker, $files) = @_;

    @checker = ("$top/util/$checker");
    %base = %$files;
}


sub spdx {
    return "# SPDX-FileCopyrightText: The ngx_mlsec_module authors\n"
           . "# SPDX-License-Identifier: Apache-2.0\n";
}


sub spdx_c {
    return "/*\n * SPDX-FileCopyrightText: The ngx_mlsec_module authors\n"
           . " * SPDX-License-Identifier: Apache-2.0\n */\n";
}


# Writes files into a new folder; undef as the text leaves the file out.

sub tree {
    my ($files) = @_;

    my $dir = tempdir(CLEANUP => 1);

    for my $name (sort keys %$files) {
        next if !defined $files->{$name};
        make_path(dirname("$dir/$name"));
        open my $out, '>:utf8', "$dir/$name" or die "$name: $!";
        print $out $files->{$name};
        close $out or die "$name: $!";
        chmod 0755, "$dir/$name" if $files->{$name} =~ /^#!/;
    }

    return $dir;
}


# Exit code and lines of a command; what it prints of its folder is cut out.

sub run {
    my ($dir, @cmd) = @_;

    my $pid = open my $out, '-|';
    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        { no warnings 'exec'; exec @cmd; }
        _exit(127);
    }

    my @lines = <$out>;
    close $out;
    chomp @lines;
    s/\Q$dir\E/DIR/g for @lines;

    return ($? >> 8, @lines);
}


# The base tree with some files replaced has exactly these findings.

sub finds {
    my ($what, $files, @expected) = @_;

    my $dir = tree({ %base, %$files });
    my ($code, @lines) = run($dir, @checker, $dir);
    my $summary = pop @lines;

    is_deeply(\@lines, \@expected, $what);

    my $findings = grep { !/^skipped: / } @expected;
    my $word = $findings == 1 ? '1 finding' : "$findings findings";
    $word = 'ok' if $findings == 0;
    like($summary, qr/^[\w-]+ $word \(\d+ \w+\)$/, "$what: summary");
    is($code, $findings ? 1 : 0, "$what: exit code");
}


sub clean {
    finds('clean tree', {});
}


1;
