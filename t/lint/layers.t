#!/usr/bin/perl

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/check-layers: one planted fault each.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Planted;

sub header {
    my ($guard, $body) = @_;

    return "/* what it is */\n#ifndef _${guard}_H_INCLUDED_\n"
           . "#define _${guard}_H_INCLUDED_\n$body\n"
           . "#endif /* _${guard}_H_INCLUDED_ */\n";
}

my $nginx = "#include <ngx_config.h>\n#include <ngx_core.h>\n"
            . "#include <ngx_http.h>\n";
my $limit = "$nginx\n#include <limit/ngx_mlsec_limit.h>\n"
            . "#include <lib/mlsec_a.h>\n";
my $sources = 'lib/mlsec_a.c core/ngx_mlsec_b.c limit/ngx_mlsec_limit.c';
my $headers = 'lib/mlsec_a.h core/ngx_mlsec_b.h limit/ngx_mlsec_limit.h '
              . 'auth/ngx_mlsec_auth.h core/ngx_mlsec_b_internal.h';

sub config {
    my ($srcs, $deps) = @_;

    return <<"CONFIG";
ngx_feature_libs=-lpq
. auto/feature
test \$ngx_found = yes || exit 1
for f in $srcs; do
    ngx_module_srcs="\$ngx_module_srcs \$ngx_addon_dir/src/\$f"
done
for f in $deps; do
    ngx_module_deps="\$ngx_module_deps \$ngx_addon_dir/src/\$f"
done
ngx_module_srcs="\$ngx_module_srcs \$ngx_addon_dir/ngx_mlsec_module.c"
. auto/module
CONFIG
}

base('check-layers', {
    'config' => config($sources, $headers),
    'ngx_mlsec_module.c' => "$nginx\n#include <auth/ngx_mlsec_auth.h>\n"
        . "#include <limit/ngx_mlsec_limit.h>\n",
    'src/lib/mlsec_a.h' => header('MLSEC_A', "#include <stddef.h>"),
    'src/lib/mlsec_a.c' => "#include <lib/mlsec_a.h>\n\n#include <errno.h>\n"
        . "#include <openssl/evp.h>\n#include <string.h>\n"
        . "/* time(NULL) */\nint\nmlsec_a(mlsec_m_t *m)\n{\n"
        . "    m->free(m); return 0;\n}\n",
    'src/core/ngx_mlsec_b.h' => header('NGX_MLSEC_B', $nginx),
    'src/core/ngx_mlsec_b_internal.h' =>
        header('NGX_MLSEC_B_INTERNAL', ''),
    'src/core/ngx_mlsec_b.c' => "$nginx\n#include <core/ngx_mlsec_b.h>\n"
        . "#include <core/ngx_mlsec_b_internal.h>\n#include <zlib.h>\n"
        . "static void helper(void)\n{\n    free(NULL);\n}\n",
    'src/limit/ngx_mlsec_limit.h' => header('NGX_MLSEC_LIMIT', $nginx),
    'src/limit/ngx_mlsec_limit.c' => $limit,
    'src/auth/ngx_mlsec_auth.h' => header('NGX_MLSEC_AUTH', $nginx),
    't/core/b.t' => '', 't/limit/limit.t' => '', 't/auth/auth.t' => '',
});

clean();

# layers

finds('upwards', {
    'src/core/ngx_mlsec_b.c' => "$nginx#include <limit/ngx_mlsec_limit.h>\n",
}, 'src/core/ngx_mlsec_b.c:4: core may not include limit');

finds('neighbour', {
    'src/limit/ngx_mlsec_limit.c' => "$limit\n"
        . "#include <auth/ngx_mlsec_auth.h>\n",
}, 'src/limit/ngx_mlsec_limit.c:8: limit may not include auth');

finds('nginx in lib', {
    'src/lib/mlsec_a.h' => header('MLSEC_A', '#include <ngx_config.h>'),
}, 'src/lib/mlsec_a.h:4: lib may not include <ngx_config.h>');

finds('a system header in lib', {
    'src/lib/mlsec_a.h' => header('MLSEC_A', '#include <sys/socket.h>'),
}, 'src/lib/mlsec_a.h:4: lib may not include <sys/socket.h>');

finds('private header', {
    'src/limit/ngx_mlsec_limit.c' => "$limit\n"
        . "#include <core/ngx_mlsec_b_internal.h>\n",
}, 'src/limit/ngx_mlsec_limit.c:8: <core/ngx_mlsec_b_internal.h> is private '
   . 'to core');

finds('.c included', {
    'src/limit/ngx_mlsec_limit.c' => "$limit\n#include <lib/mlsec_a.c>\n",
}, 'src/limit/ngx_mlsec_limit.c:8: includes the .c file lib/mlsec_a.c');

finds('quotes', {
    'src/limit/ngx_mlsec_limit.c' => "$limit\n#include \"mlsec_a.h\"\n",
}, 'src/limit/ngx_mlsec_limit.c:8: "mlsec_a.h" is not folder-qualified, '
   . 'write <lib/mlsec_a.h>');

finds('no folder', {
    'src/limit/ngx_mlsec_limit.c' => "$limit\n#include <mlsec_a.h>\n",
}, 'src/limit/ngx_mlsec_limit.c:8: "mlsec_a.h" is not folder-qualified, '
   . 'write <lib/mlsec_a.h>');

finds('missing header', {
    'src/limit/ngx_mlsec_limit.c' => "$limit\n#include <lib/mlsec_z.h>\n",
}, 'src/limit/ngx_mlsec_limit.c:8: <lib/mlsec_z.h> does not exist in src/');

finds('a comment is no include', {
    'src/limit/ngx_mlsec_limit.c' => "$limit\n/*\n"
        . "#include <auth/ngx_mlsec_auth.h>\n*/\n",
});

finds('unknown layer', {
    'src/extra/ngx_mlsec_e.h' => header('NGX_MLSEC_E', ''),
    'config' => config($sources, "$headers extra/ngx_mlsec_e.h"),
}, 'src/extra/ngx_mlsec_e.h:1: "extra" is no layer of util/check-layers');

# order

finds('nginx headers not first', {
    'src/limit/ngx_mlsec_limit.c' => "#include <limit/ngx_mlsec_limit.h>\n"
        . "#include <ngx_config.h>\n",
}, 'src/limit/ngx_mlsec_limit.c:2: <ngx_config.h>: nginx headers come first: '
   . 'ngx_config.h, ngx_core.h, others');

finds('nginx headers out of order', {
    'src/limit/ngx_mlsec_limit.c' => "#include <ngx_config.h>\n"
        . "#include <ngx_http.h>\n#include <ngx_core.h>\n",
}, 'src/limit/ngx_mlsec_limit.c:3: <ngx_core.h>: nginx headers come first: '
   . 'ngx_config.h, ngx_core.h, others');

finds('without ngx_config.h', {
    'src/limit/ngx_mlsec_limit.c' => "#include <ngx_http.h>\n",
}, 'src/limit/ngx_mlsec_limit.c:1: <ngx_http.h>: nginx headers come first: '
   . 'ngx_config.h, ngx_core.h, others');

finds('own header late', {
    'src/limit/ngx_mlsec_limit.c' => "$nginx\n#include <lib/mlsec_a.h>\n"
        . "#include <limit/ngx_mlsec_limit.h>\n",
}, "src/limit/ngx_mlsec_limit.c:6: <limit/ngx_mlsec_limit.h> is the own "
   . "header: it comes right after nginx's");

finds('not alphabetic', {
    'src/core/ngx_mlsec_b.c' => "$nginx\n#include <string.h>\n"
        . "#include <errno.h>\n",
}, 'src/core/ngx_mlsec_b.c:6: <errno.h> belongs before <string.h>');

# guards and names

finds('guard of another name', {
    'src/lib/mlsec_a.h' => header('MLSEC_B', ''),
}, 'src/lib/mlsec_a.h:2: the guard _MLSEC_A_H_INCLUDED_ must enclose the '
   . 'whole header');

finds('guard too short', {
    'src/lib/mlsec_a.h' => header('MLSEC_A', '') . "int mlsec_late;\n",
}, 'src/lib/mlsec_a.h:2: the guard _MLSEC_A_H_INCLUDED_ must enclose the '
   . 'whole header');

finds('file prefix', {
    'src/lib/ngx_mlsec_n.h' => header('NGX_MLSEC_N', ''),
    'config' => config($sources, "$headers lib/ngx_mlsec_n.h"),
}, 'src/lib/ngx_mlsec_n.h:1: the file name must begin with mlsec_');

finds('vague name', {
    'src/core/ngx_mlsec_util.h' => header('NGX_MLSEC_UTIL', ''),
    'config' => config($sources, "$headers core/ngx_mlsec_util.h"),
}, 'src/core/ngx_mlsec_util.h:1: a name that says nothing: name it by a noun');

finds('function prefix', {
    'src/core/ngx_mlsec_b.c' => "void\nmlsec_f(void)\n{\n}\n",
}, 'src/core/ngx_mlsec_b.c:2: mlsec_f: the name must begin with ngx_mlsec_');

finds('clock in lib', {
    'src/lib/mlsec_a.c' => "#include <lib/mlsec_a.h>\nlong\nmlsec_now(void)\n"
        . "{\n    return time(NULL);\n}\n",
}, 'src/lib/mlsec_a.c:5: lib may not call time()');

# the whole

finds('same basename', {
    'src/auth/ngx_mlsec_b.c' => $nginx,
    'config' => config("$sources auth/ngx_mlsec_b.c", $headers),
}, 'src/core/ngx_mlsec_b.c:1: src/auth/ngx_mlsec_b.c has the same basename: '
   . 'their object files collide');

finds('folder without tests', { 't/auth/auth.t' => undef },
    'src/auth:1: no tests in t/auth/');

finds('source not in config', {
    'config' => config('lib/mlsec_a.c core/ngx_mlsec_b.c', $headers),
}, 'config:1: src/limit/ngx_mlsec_limit.c is not in ngx_module_srcs');

finds('header not in config', {
    'config' => config($sources, $headers =~ s/ core\S+internal\.h//r),
}, 'config:1: src/core/ngx_mlsec_b_internal.h is not in ngx_module_deps');

finds('config lists what is not there', {
    'config' => config("$sources lib/mlsec_gone.c", $headers),
}, 'config:4: src/lib/mlsec_gone.c is listed but does not exist');

finds('config lists twice', {
    'config' => config("$sources lib/mlsec_a.c", $headers),
}, 'config:4: src/lib/mlsec_a.c is listed twice');

finds('a filter in the wrong place of a static build', {
    'config' => config($sources, $headers)
        =~ s{(?=\. auto/module)}{ngx_module_type=HTTP
ngx_module_name='ngx_mlsec_a_module ngx_mlsec_filter_module'
ngx_module_order='ngx_mlsec_a_module ngx_http_copy_filter_module'
}r,
}, 'config:1: ngx_mlsec_a_module is no filter in a server built with '
   . '--add-module');

finds('a file of a dynamic build only', {
    'config' => config($sources, $headers)
        =~ s{(?=\. auto/module)}{
[ \$ngx_module_link = DYNAMIC ] || ngx_module_srcs=
}r,
}, map { "config:1: $_ is not in both kinds of build" }
   'ngx_mlsec_module.c', map { "src/$_" } sort split ' ', $sources);

finds('config fails', { 'config' => "echo 'no library' >&2\nexit 1\n" },
    'config:1: does not run: no library');

finds('no config', { 'config' => undef },
    'config:1: no such file: nothing builds src/');

done_testing();
