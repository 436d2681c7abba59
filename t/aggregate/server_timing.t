# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_server_timing: a Server-Timing metric for each part.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /ok { return 200 '{"ok":1}'; }
    location = /bad { return 200 '{'; }
    location = /404 { return 404 '{}'; }
EOT

run_tests();

__DATA__

=== off by default
--- config
    location = /t { mlsec_call a http://u/ok; }
--- request
GET /t
--- response_headers
! Server-Timing



=== on, in declared order
--- config
    location = /t { mlsec_server_timing on; mlsec_call b http://u/ok; mlsec_call a http://u/ok; }
--- request
GET /t
--- response_headers_like
Server-Timing: b;dur=\d+, a;dur=\d+



=== the reason of a failure
--- config
    location = /t { mlsec_server_timing on; mlsec_call a http://u/ok; mlsec_call b http://dead/; mlsec_call c http://u/404 fallback=omit; }
--- request
GET /t
--- response_headers_like
Server-Timing: a;dur=\d+, b;dur=\d+;desc="connect", c;dur=\d+;desc="upstream_status"



=== a part that was left out has none
--- config
    location = /t { mlsec_server_timing on; mlsec_call a http://u/ok if=$arg_a; mlsec_call b http://u/ok; }
--- request
GET /t
--- response_headers_like
Server-Timing: b;dur=\d+



=== all were left out
--- config
    location = /t { mlsec_server_timing on; mlsec_call a http://u/ok if=$arg_a; }
--- request
GET /t
--- response_headers
! Server-Timing
--- response_body chomp
{}



=== on an envelope too
--- config
    location = /t { mlsec_server_timing on; mlsec_call a http://dead/; }
--- request
GET /t
--- error_code: 502
--- response_headers_like
Server-Timing: a;dur=\d+;desc="connect"



=== an aggregate inside is one metric
--- config
    mlsec_server_timing on;
    location = /t { mlsec_call a /in; }
    location = /in { mlsec_call x http://u/ok; mlsec_call y http://u/ok; }
--- request
GET /t
--- response_headers_like
Server-Timing: a;dur=\d+



=== inherited, own wins
--- http_config eval
$::Http . "mlsec_server_timing on;"
--- config
    location = /on { mlsec_call a http://u/ok; }
    location = /off { mlsec_server_timing off; mlsec_call a http://u/ok; }
--- request eval
["GET /on", "GET /off"]
--- response_headers_like eval
["Server-Timing: a;dur=\\d+", "X-Gateway-Completed: true"]
--- raw_response_headers_unlike eval
["Gateway-Failed", "Server-Timing"]



=== neither on nor off
--- config
    mlsec_server_timing yes;
--- must_die
--- error_log
[emerg]
invalid value "yes" in "mlsec_server_timing" directive, it must be "on" or "off"



=== given twice
--- config
    mlsec_server_timing on;
    mlsec_server_timing on;
--- must_die
--- error_log
[emerg]
"mlsec_server_timing" directive is duplicate
