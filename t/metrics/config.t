# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_metrics, mlsec_metrics_zone: where they stand, what does not load.

use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== without mlsec_metrics nothing is counted
--- http_config
    mlsec_metrics_zone 1m;
--- config
    location = /t { return 200 x; }
--- request
GET /t
--- response_body: x


=== the format has a name
--- config
    location = /t { mlsec_metrics prometheus; }
--- request
GET /t
--- response_body_like: ^# HELP mlsec_build_info


=== an unknown format
--- config
    location = /t { mlsec_metrics xml; }
--- must_die
--- error_log
[emerg]
unknown format "xml" in "mlsec_metrics", expected "prometheus" or "json" in


=== twice
--- config
    location = /t { mlsec_metrics; mlsec_metrics json; }
--- must_die
--- error_log
"mlsec_metrics" directive is duplicate in


=== two content handlers
--- config
    location = /t { mlsec_metrics; mlsec_respond 1; }
--- must_die
--- error_log eval
qr/\[emerg\].*"mlsec_(?:metrics|respond)"/


=== a size that is none
--- http_config
    mlsec_metrics_zone big;
--- config
--- must_die
--- error_log
[emerg]
invalid size "big" in "mlsec_metrics_zone", expected one such as "32m" in


=== a size that is too small
--- http_config
    mlsec_metrics_zone 64k;
--- config
--- must_die
--- error_log
[emerg]
size "64k" in "mlsec_metrics_zone" is too small, expected at least "1m" in


=== two sizes
--- http_config
    mlsec_metrics_zone 1m;
    mlsec_metrics_zone 2m;
--- config
--- must_die
--- error_log
"mlsec_metrics_zone" directive is duplicate in


=== more locations than there is room for
--- http_config
    mlsec_metrics_zone 1m;
--- config eval
"location = /m { mlsec_metrics; }\n"
. CORE::join '', map { "location = /$_ { return 200; }\n" } 1 .. 60
--- must_die
--- error_log eval
qr/\[emerg\].* no room for the metrics of 6\d locations, services and upstreams in 1048576 bytes, make "mlsec_metrics_zone" larger/


=== a location with "if" and "limit_except" is one route
--- config
    location = /m { mlsec_metrics json; }
    location = /t {
        limit_except GET { deny all; }
        if ($arg_a) { return 204; }
        return 200 x;
    }
--- request eval
["GET /t", "POST /t", "GET /t?a=1", "GET /m"]
--- error_code eval
[200, 403, 204, 200]
--- response_body_like eval
["x", "", "", qr/"route":"\/t","requests":3,.*?"2xx":2,"3xx":0,"4xx":1,/]
