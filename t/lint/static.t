# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# In a server that the module is compiled into (--add-module) filters stand
# where they do in one that loads it: nginx calls them from the end of its list,
# so what is to run after add_header stands before it.

use strict;
use warnings;

use File::Temp ();
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/../..";
my $dir = File::Temp->newdir;

mkdir "$dir/auto";
open my $out, '>', "$dir/auto/module" or die $!;
print {$out} <<'END';
eval "HTTP_MODULES=\$HTTP_MODULES; ${ngx_module_type}_MODULES=\"\$${ngx_module_type}_MODULES $ngx_module_name\""
END
close $out;

open $out, '>', "$dir/run" or die $!;
print {$out} <<"END";
ngx_addon_dir=$top ngx_module_link=ADDON HTTP_MODULES= HTTP_AUX_FILTER_MODULES=
HTTP_FILTER_MODULES=' ngx_http_header_filter_module ngx_http_userid_filter_module ngx_http_headers_filter_module'
HTTP_INIT_FILTER_MODULES='ngx_http_copy_filter_module'
. $top/config
echo \$HTTP_MODULES \$HTTP_FILTER_MODULES \$HTTP_AUX_FILTER_MODULES \$HTTP_INIT_FILTER_MODULES
END
close $out;

my @modules = split ' ', `cd $dir && sh ./run`;
my %at = map { $modules[$_] => $_ } 0 .. $#modules;
my @order = sort { $at{$a} <=> $at{$b} } grep { /filter/ && $_ ne 'ngx_mlsec_filter_module' } @modules;

is("@order", 'ngx_http_header_filter_module ngx_http_userid_filter_module ngx_mlsec_edge_filter_module'
   . ' ngx_http_headers_filter_module ngx_mlsec_error_filter_module ngx_mlsec_redact_filter_module'
   . ' ngx_mlsec_capture_filter_module ngx_http_copy_filter_module', 'filters of a static build');

my ($dynamic) = do { open my $in, '<', "$top/config" or die $!; local $/; <$in> }
    =~ /^ngx_module_order="([^"]+)"/m;
like($dynamic, qr/\Angx_mlsec_edge_filter_module ngx_http_headers_filter_module\s/, 'and of one that is loaded');

my %count;
$count{$_}++ for @modules;
is(join(' ', grep { $count{$_} > 1 } sort keys %count), '', 'each once');

done_testing();
