#!/usr/bin/perl

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/check-size: one planted fault each, and the value just within.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Planted;

my $name = 'src/lib/mlsec_a.c';

# A function in nginx's style, $lines long from its name to its brace.

sub function {
    my ($lines, $params) = @_;

    return "\n\nint\nmlsec_f(" . ($params // 'void') . ")\n{\n"
           . "    x = 1;\n" x ($lines - 3) . "}\n";
}


# A body with $levels blocks in each other.

sub nested {
    my ($levels) = @_;

    return "void\nmlsec_f(void)\n{\n    int  a[] = { { { { { { 1 } } } } } };\n"
           . "    if (x) {\n" x $levels . "    }\n" x $levels . "}\n";
}

my $leftover = 'TO' . 'DO';

base('check-size', {
    $name => function(80, 'int a, int b, int c, int (*d)(int, int), int e,'
                      . "\n    int f") =~ s/    x = 1;\n//r,
    'src/lib/mlsec_n.c' => nested(4),
    'src/lib/mlsec_s.c' => "char  *mlsec_s = \"// no comment $leftover\";\n",
    'src/lib/mlsec_l.c' => "\n" x 800,
    't/unit/lib/test_a.c' => '// ' . $leftover . "\n" . function(900),
    'util/check-size.allow' => "# exceptions\n",
    'util/tool' => "#!/bin/sh\n" . ':' x 80 . "\n",
    'Makefile' => "all:\n\ttrue\n",
});

clean();

finds('long function', { $name => function(81) },
    "$name:4: mlsec_f: 81 lines (at most 80)");

finds('long function with the brace on its line', {
    $name => "int mlsec_f(void) {\n" . "    x = 1;\n" x 79 . "}\n",
}, "$name:1: mlsec_f: 81 lines (at most 80)");

finds('a conditional that opens a brace twice', {
    $name => "int\nmlsec_f(void)\n{\n#if (A)\n    if (a) {\n#else\n"
        . "    if (b) {\n#endif\n    }\n}\n" . function(81),
}, "$name:14: mlsec_f: 81 lines (at most 80)");

finds('functions on both sides of #else', {
    $name => "#if (A)\n" . function(81) . "#else\n" . function(82)
        . "#endif\n",
}, "$name:5: mlsec_f: 81 lines (at most 80)",
   "$name:90: mlsec_f: 82 lines (at most 80)");

finds('parameters', {
    $name => function(9, 'int a, int b, int c, int d, int e, int f, int g'),
}, "$name:4: mlsec_f: 7 parameters (at most 6)");

finds('nesting', { $name => nested(5) },
    "$name:2: mlsec_f: 5 levels of nesting (at most 4)");

finds('long file', { $name => "\n" x 801 },
    "$name:801: 801 lines (at most 800)");

finds('long script', { 'util/tool' => "#!/bin/sh\n" . "\n" x 800 },
    'util/tool:801: 801 lines (at most 800)');

finds('columns', { $name => "\n" . 'x' x 81 . "\n" },
    "$name:2: 81 columns (at most 80)");

finds('columns are characters', { $name => "\x{e9}" x 80 . "\n" });

finds('tab', { $name => "\tint  x;\n" }, "$name:1: tab");

finds('blank at the end', { $name => "int  x; \n" },
    "$name:1: blank at the end of the line");

finds('comment of C++', { $name => "int  x;   // why\n" },
    "$name:1: // comment, write /* */");

finds('left over', { $name => "/*\n * $leftover: later\n */\n" },
    "$name:2: $leftover in a comment");

finds('switched off', { $name => "int  x;\n#if 0\nint  y;\n#endif\n" },
    "$name:2: #if 0: code that is commented out");

finds('columns and tabs in a test', {
    't/unit/lib/test_a.c' => "\tint  x;\n" . 'x' x 81 . "\n",
}, 't/unit/lib/test_a.c:1: tab',
   't/unit/lib/test_a.c:2: 81 columns (at most 80)');

finds('script', { 'util/tool' => "#!/bin/sh\n" . ':' x 81 . "\n" },
    'util/tool:2: 81 columns (at most 80)');

# the allow-list

finds('allowed', {
    $name => function(81),
    'util/check-size.allow' => "$name:mlsec_f  a table of states\n",
});

finds('allowed file', {
    $name => "\n" x 801,
    'util/check-size.allow' => "$name  a table\n",
});

finds('stale entry', {
    'util/check-size.allow' => "\n$name:mlsec_f  a table of states\n",
}, "util/check-size.allow:2: $name:mlsec_f: stale, remove it");

finds('entry without a reason', {
    $name => function(81),
    'util/check-size.allow' => "$name:mlsec_f\n",
}, "util/check-size.allow:1: $name:mlsec_f: the reason is missing");

finds('entry twice', {
    $name => function(81),
    'util/check-size.allow' => "$name:mlsec_f  why\n$name:mlsec_f  why\n",
}, "util/check-size.allow:2: $name:mlsec_f: listed twice");

# figures

my $dir = tree({ $name => "\n" x 401 . function(9) });
my ($code, @lines) = run($dir, "$FindBin::Bin/../../util/check-size", '-v',
                         $dir);
is_deeply([$code, @lines], [0, "$name: 413 lines (aim: 400)",
          'functions: 1, median 9 lines, 90 % within 9',
          'check-size ok (1 files)'], 'figures with -v');

done_testing();
