# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_jwt_cache changes no answer: all of jwt.t, each block twice, so that
# the second time is one from the cache.

use strict;
use warnings;
no warnings 'once';

$ENV{TEST_NGINX_CACHE} = 'mlsec_jwt_cache tokens:64k;';
$ENV{TEST_NGINX_REPEAT} = 2;

my $file = 't/auth/jwt.t';
open my $f, '<', $file or die "$file: $!";
my $code = do { local $/; <$f> };
close $f;

my ($perl, $data) = split /^__DATA__\n/m, $code, 2;
open main::DATA, '<', \$data or die $!;
eval "#line 1 $file\n$perl; 1" or die $@;
