# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# $mlsec_uptime.

use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== seconds since the start
--- config
    location = /t { return 200 $mlsec_uptime; }
--- request
GET /t
--- response_body_like: ^[0-9]{1,4}$
