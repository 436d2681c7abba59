#!/usr/bin/perl

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/lint: all checkers run, and the analysers find what is planted.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Planted;

my $lint = "$FindBin::Bin/../../util/lint";
my $c = 'src/lib/mlsec_a.c';

sub source {
    return spdx_c() . "\n\n#include <lib/mlsec_a.h>\n\n"
           . "#include <stddef.h>\n\n\n" . join('', @_);
}

my %base = (
    'config' => spdx() . "ngx_module_srcs=\$ngx_addon_dir/$c\n"
        . "ngx_module_deps=\$ngx_addon_dir/src/lib/mlsec_a.h\n"
        . ". auto/module\n",
    '.clang-tidy' => spdx() . "Checks: '-*,bugprone-suspicious-semicolon'\n",
    'src/lib/mlsec_a.h' => spdx_c() . "#ifndef _MLSEC_A_H_INCLUDED_\n"
        . "#define _MLSEC_A_H_INCLUDED_\n\n"
        . "/* The greater of two numbers. */\nint mlsec_a(int a, int b);\n\n"
        . "#endif\n",
    $c => source("int\nmlsec_a(int a, int b)\n{\n",
                 "    return a > b ? a : b;\n}\n"),
    'util/tool.sh' => "#!/bin/sh\n" . spdx() . "echo \"\$1\"\n",
);

my @names = ('check-layers', 'check-size', 'check-headers',
             'check-directives', 'check-words', 'check-environment',
             'check-routes', 'check-metrics', 'cppcheck', 'gcc -fanalyzer', 'clang-tidy',
             'shellcheck');

delete @ENV{qw(LINT_STRICT NGINX_SRC NGX_OBJS)};

my %installed;
for my $tool (@names[8 .. 11]) {
    my ($program) = split / /, $tool;
    $installed{$tool} = grep { -x "$_/$program" } split /:/, $ENV{PATH};
}


# The exit code, the findings, and {name => state} of the summary lines.

sub lint {
    my ($files, @args) = @_;

    my $dir = tree({ %base, %$files });
    my ($code, @lines) = run($dir, $lint, @args, $dir);
    my $known = join '|', @names;
    my %state = map { /^lint: ($known) (\w+)/ ? ($1 => $2) : () } @lines;

    return ($code, [grep { !/^lint: / } @lines], \%state, $dir);
}

my ($code, $found, $state, $dir) = lint({});
is($code, 0, 'clean tree');
is_deeply($found, [], 'clean tree: no finding');
is_deeply([sort keys %$state], [sort @names], 'clean tree: a line each');
is($state->{$_}, 'ok', "clean tree: $_")
    for @names[0 .. 7], grep { $installed{$_} } @names[8 .. 11];

SKIP: {
    skip 'gcc not installed', 3 if !$installed{'gcc -fanalyzer'};

    # A result is kept under the text's hash: the second run reads what the
    # first wrote, and a new text drives the old result out.

    my @kept = glob "$dir/build/lint/gcc.mlsec_a.c.*";
    is(scalar @kept, 1, 'a result is kept');

    open my $out, '>', $kept[0] or die "$kept[0]: $!";
    print $out "$c:1: kept";
    close $out or die "$kept[0]: $!";
    my (undef, @again) = run($dir, $lint, $dir);
    is(scalar(grep { $_ eq "$c:1: kept" } @again), 1, 'second run');

    open $out, '>>', "$dir/$c" or die "$c: $!";
    print $out "\n\nextern int  mlsec_z;\n";
    close $out or die "$c: $!";
    (undef, @again) = run($dir, $lint, $dir);
    my @now = glob "$dir/build/lint/gcc.mlsec_a.c.*";
    ok(@now == 1 && $now[0] ne $kept[0] && !grep({ /kept/ } @again),
       'another text');
}

($code, $found, $state) = lint({ 'util/tool.sh' => "#!/bin/sh\n" }, '--own');
is($code, 1, 'a finding of a checker');
is(scalar @$found, 2, 'a finding of a checker: printed');
is($state->{'check-headers'}, 2, 'a finding of a checker: counted');
is_deeply([sort keys %$state], [sort @names[0 .. 7]], '--own');

# what each analyser must see

my @planted = (
    ['cppcheck', { $c => source("int\nmlsec_a(int a, int b)\n{\n",
                                "    int  x[2];\n\n    x[2] = a;\n",
                                "    return x[2] + b;\n}\n") },
     qr/^\Q$c\E:17: .*out of bounds/],
    ['gcc -fanalyzer', { $c => source("int\nmlsec_a(int a, int b)\n{\n",
                                      "    int  *p = NULL;\n\n",
                                      "    if (a) {\n        p = &b;\n",
                                      "    }\n    return *p;\n}\n") },
     qr/^\Q$c\E:20: .*NULL/],
    ['clang-tidy', { $c => source("int\nmlsec_a(int a, int b)\n{\n",
                                  "    if (a > b);\n",
                                  "    return a > b ? a : b;\n}\n") },
     qr/^\Q$c\E:15: potentially unintended semicolon/],
    ['shellcheck', { 'util/tool.sh' => "#!/bin/sh\n" . spdx()
                                       . "cd \$1\nls\n" },
     qr/^util\/tool\.sh:4: .*SC2164/],
    ['shellcheck', { 'config' => $base{config} . "[ \$x == y ]\n" },
     qr/^config:6: .*SC/],
);

for my $case (@planted) {
    my ($tool, $files, $expected) = @$case;

  SKIP: {
        skip "$tool not installed", 3 if !$installed{$tool};

        ($code, $found, $state) = lint($files);
        is($code, 1, "$tool: exit code");
        like($state->{$tool}, qr/^[1-9]/, "$tool: counted");
        is(scalar(grep { /$expected/ } @$found), 1, "$tool: $expected")
            or diag(join "\n", @$found);
    }
}

# Code that needs nginx, without nginx's headers: only lib is looked at.

SKIP: {
    my @both = @names[9, 10];
    skip 'gcc or clang-tidy not installed', 5
        if grep { !$installed{$_} } @both;

    local $ENV{NGINX_SRC} = '/nonexistent';
    my $module = spdx_c() . "\n\n#include <ngx_config.h>\n";
    my $both = "\$ngx_addon_dir/$c \$ngx_addon_dir/ngx_mlsec_module.c";
    my %nginx = (
        'ngx_mlsec_module.c' => $module,
        'config' => $base{config} =~ s/^(ngx_module_srcs=).*/$1"$both"/mr,
    );
    ($code, $found, $state) = lint(\%nginx);
    is($state->{$_}, 'skipped', "$_ without nginx") for @both;
    is_deeply($found, [], 'without nginx: no finding');

    ($code, $found) = lint({ %nginx, %{ $planted[2][1] } });
    is($code, 1, 'without nginx: exit code');
    is(scalar(grep { /$planted[2][2]/ } @$found), 1,
       'without nginx: what is found in lib');
}

# Without the tools: only what the checkers themselves need is in the PATH.

my $bin = tree({ x => '' });
for my $tool (qw(cc as sh git)) {
    # (a link to ccache would look for the compiler in there)
    my ($path) = grep { -x && (readlink // '') !~ /ccache$/ } map { "$_/$tool" } split /:/, $ENV{PATH};
    symlink $path, "$bin/$tool" if $path;
}

{
    local $ENV{PATH} = $bin;
    ($code, $found, $state) = lint({});
    is($code, 0, 'tools missing');
    is($state->{$_}, 'skipped', "tools missing: $_") for @names[8 .. 11];

    local $ENV{LINT_STRICT} = 1;
    ($code) = lint({});
    is($code, 1, 'tools missing, strict');
}

done_testing();
