# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# X-Gateway-Completed: true only where nothing is missing; absent on
# envelopes.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /ok { return 200 '{"ok":1}'; }
    location = /bad { return 200 '{'; }
    location = /204 { return 204; }
    location = /claims { add_header X-Gateway-Completed true; add_header X-Gateway-Failed x; return 200 '{"ok":2}'; }
    location = /lacks { add_header X-Gateway-Completed false; return 200 '{"ok":2}'; }
EOT

run_tests();

__DATA__

=== everything is there
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/204; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true



=== a part has failed
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false



=== a fallback was used
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/bad fallback=json:1; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false



=== a fallback was used to leave a part out
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/bad fallback=omit; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false



=== a part was left out by its condition
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/bad if=$arg_b; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true



=== in the other modes
--- config
    location = /t { mlsec_merge array; mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
X-Gateway-Failed: b



=== an envelope has neither
--- config
    location = /t { mlsec_merge array; mlsec_call a http://u/bad; mlsec_call b http://u/bad; }
--- request
GET /t
--- error_code: 502
--- response_headers
! X-Gateway-Completed
! X-Gateway-Failed



=== an aggregate inside lacks something
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b /inner; }
    location = /inner { mlsec_call c http://u/ok; mlsec_call d http://u/bad; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body_like: ^\{"a":\{"ok":1\},"b":\{"c":\{"ok":1\},"d":null,"errors":\[.*"part":"d".*\]\}\}$



=== an aggregate inside is complete
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b /inner; }
    location = /inner { mlsec_call c http://u/ok; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true



=== a service's own headers of that name do not come through
--- config
    location = /t { mlsec_call a http://u/claims; mlsec_call b http://u/bad; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
! X-Gateway-Failed



=== a gateway behind the gateway says that it lacks something
--- config
    location = /t { mlsec_call a http://u/lacks; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"a":{"ok":2}}



=== once, also where an error_page answers
--- config
    mlsec_errors on;
    location = /t { error_page 502 = /other; mlsec_call a http://u/bad; }
    location = /other { mlsec_call a http://u/ok; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- raw_response_headers_unlike: Completed.*Completed
--- response_body chomp
{"a":{"ok":1}}
