# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Every way of adding to @INC prepends, so this file is found before an
# installed Test::Nginx.  It steps aside for the real distribution when there
# is one further down @INC, and otherwise serves the built-in runner.

use strict;
use warnings;

BEGIN {
    my $key  = 'Test/Nginx/Socket.pm';
    my @self = stat __FILE__;
    my @rest = grep {
        my @other = ref $_ ? () : stat "$_/$key";
        !@other || "@other[0, 1]" ne "@self[0, 1]";
    } @INC;

    if (!$ENV{TEST_NGINX_BUILTIN} && grep { !ref && -f "$_/$key" } @rest) {
        delete $INC{$key};
        local @INC = @rest;
        require Test::Nginx::Socket;

    } else {
        require MlsecTest::Nginx;
        *Test::Nginx::Socket::import = sub {
            shift;
            unshift @_, 'MlsecTest::Nginx';
            goto &{ MlsecTest::Nginx->can('import') };
        };
    }
}

1;
