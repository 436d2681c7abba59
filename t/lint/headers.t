#!/usr/bin/perl

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/check-headers: one planted fault each.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Planted;

my $lib = 'src/lib/mlsec_a.h';
my $core = 'src/core/ngx_mlsec_b.h';
my $contract = "/* Counts the bytes of a text.  Returns the number. */\n";

sub header {
    return spdx_c() . join('', @_);
}

# Stand-ins for nginx's headers, found as the real ones are.

my %nginx = (
    'nginx/src/core/nginx.h' => spdx_c(),
    'nginx/src/core/ngx_core.h' => spdx_c() . "typedef int ngx_int_t;\n",
    'nginx/extra/found.h' => spdx_c(),
    'objs/ngx_auto_config.h' => spdx_c(),
    'objs/Makefile' => spdx() . "ALL_INCS = -I src/core \\\n\t-I extra\n",
);

delete @ENV{qw(CC NGX_OBJS LINT_STRICT)};
$ENV{NGINX_SRC} = '/nonexistent';

base('check-headers', {
    $lib => header("#include <stddef.h>\n", $contract,
                   "size_t mlsec_a(const char *p,\n    size_t n);\n",
                   "typedef struct {\n    int  (*handler)(void);\n} m_t;\n",
                   "extern int  (*mlsec_hook)(void);\n",
                   "#define mlsec_m(x)  mlsec_a(x, 1)\n", $contract,
                   "static inline int\nmlsec_i(void)\n{\n    return 1;\n}\n"),
    'util/tool' => "#!/bin/sh\n" . spdx(),
    'docs/a.md' => "# a page\n",
    'LICENSE' => "a licence\n",
    't/fixtures/body.conf' => "x\n",
    'Makefile' => spdx(),
});

clean();

# contracts

finds('no contract', { $lib => header("int mlsec_a(void);\n") },
    "$lib:5: mlsec_a: no contract comment right above");

finds('an empty line between', {
    $lib => header($contract, "\nint mlsec_a(void);\n"),
}, "$lib:7: mlsec_a: no contract comment right above");

finds('one contract for two', {
    $lib => header($contract, "int mlsec_a(void);\nint mlsec_b(void);\n"),
}, "$lib:7: mlsec_b: no contract comment right above");

finds('inline function', {
    $lib => header("static inline int\nmlsec_a(void)\n{\n    return 1;\n}\n"),
}, "$lib:5: mlsec_a: no contract comment right above");

finds('attribute', {
    $lib => header("int mlsec_a(char *f, ...)\n    "
                   . "__attribute__((format(printf, 1, 2)));\n"),
}, "$lib:5: mlsec_a: no contract comment right above");

finds('a title is no contract', {
    $lib => header("/* ----- readers ----- */\nint mlsec_a(void);\n"),
}, "$lib:6: mlsec_a: the comment above is no contract");

# compiling alone

finds('type of another header', {
    $lib => header($contract, "mlsec_size_t mlsec_a(void);\n"),
}, "$lib:6: does not compile alone: unknown type name 'mlsec_size_t'");

finds('fault of an included header', {
    $lib => header("#include <lib/mlsec_b.h>\n"),
    'src/lib/mlsec_b.h' => header("#error no\n"),
}, "$lib:1: does not compile alone: #error no (src/lib/mlsec_b.h:5)",
   'src/lib/mlsec_b.h:5: does not compile alone: #error no');

finds('warning', {
    $lib => header($contract, "static int mlsec_unused(void);\n"),
},
    "$lib:6: does not compile alone: 'mlsec_unused' declared 'static' but "
    . "never defined [-Werror=unused-function]");

finds('lib sees no nginx', { %nginx, $lib => header("#include <nginx.h>\n") },
    "$lib:5: does not compile alone: nginx.h: No such file or directory");

# against nginx

my $b = header("#include <ngx_core.h>\n#include <found.h>\n", $contract,
               "ngx_int_t ngx_mlsec_b(void);\n");

finds('nginx missing', { $core => $b },
    'skipped: 1 headers with nginx not compiled: nginx-dev not installed');

{
    local $ENV{LINT_STRICT} = 1;
    finds('nginx missing, strict', { $core => $b },
        'check-headers:0: skipped: 1 headers with nginx not compiled: '
        . 'nginx-dev not installed');
}

# The trees move with each test, so NGINX_SRC is relative to the folder.

sub finds_nginx {
    my ($what, $files, $objs, @expected) = @_;

    my $dir = tree({ %nginx, $lib => header(''), %$files });
    local $ENV{NGINX_SRC} = "$dir/nginx";
    local $ENV{NGX_OBJS} = $objs ? "$dir/objs" : undef;
    delete $ENV{NGX_OBJS} if !$objs;

    my (undef, @lines) = run($dir, "$FindBin::Bin/../../util/check-headers",
                             $dir);
    pop @lines;
    is_deeply(\@lines, \@expected, $what);
}

finds_nginx('with nginx', { $core => $b }, 1);

finds_nginx('generated headers in build/', {
    $core => $b,
    'build/nginx/objs/ngx_auto_config.h' => '',
    'build/nginx/objs/Makefile' => $nginx{'objs/Makefile'},
}, 0);

finds_nginx('generated headers of the other nginx', {
    $core => $b,
    'build/objs/ngx_auto_config.h' => '',
    'build/nginx/objs/ngx_auto_config.h' => '',
    'build/nginx/objs/Makefile' => $nginx{'objs/Makefile'},
}, 0);

finds_nginx('generated headers missing', { $core => $b }, 0,
    'skipped: 1 headers with nginx not compiled: no ngx_auto_config.h below '
    . 'build/ (make build)');

finds_nginx('with nginx, a fault', {
    $core => header("#include <ngx_core.h>\n", $contract,
                    "gone_t ngx_mlsec_b(void);\n"),
}, 1, "$core:7: does not compile alone: unknown type name 'gone_t'");

# licence lines

my @spdx = ('SPDX-FileCopyrightText: The ngx_mlsec_module authors',
            'SPDX-License-Identifier: Apache-2.0');

for my $file ('t/a.t', 'conf/nginx.conf', 'conf/nginx.conf.template',
              'compose.yaml', 'config', 'Dockerfile', 'util/x.py', 'bench/x.c',
              'filters/a.jq')
{
    finds("licence of $file", { $file => "#\n" },
        map { "$file:1: no line \"$_\"" } @spdx);
}

finds('licence of a script', { 'util/tool' => "#!/bin/sh\n" },
    map { "util/tool:1: no line \"$_\"" } @spdx);

finds('licence of another', {
    'util/tool' => "#!/bin/sh\n# $spdx[0]\n# SPDX-License-Identifier: MIT\n",
}, "util/tool:1: no line \"$spdx[1]\"");

finds('licence too late', { 'Makefile' => "\n" x 9 . spdx() },
    "Makefile:1: no line \"$spdx[1]\"");

done_testing();
