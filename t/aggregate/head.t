# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# HEAD is answered as GET is, without the body; the parts are GET.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /ok { return 200 '"$request_method"'; }
    location = /bad { return 200 '{'; }
EOT

run_tests();

__DATA__

=== the same header, no body
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/ok; }
--- request
HEAD /t
--- response_headers
Content-Type: application/json
Content-Length: 21
X-Gateway-Completed: true
--- response_body



=== what GET says
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/ok; }
--- request
GET /t
--- response_headers
Content-Type: application/json
Content-Length: 21
X-Gateway-Completed: true
--- response_body chomp
{"a":"GET","b":"GET"}



=== a part that fails
--- config
    location = /t { mlsec_merge array; mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
--- request
HEAD /t
--- response_headers
Content-Length: 12
X-Gateway-Completed: false
X-Gateway-Failed: b
--- response_body



=== local parts and aggregates inside give their bodies
--- config
    location = /t { mlsec_call a /in; mlsec_call b /local; }
    location = /in { mlsec_call x http://u/ok; }
    location = /local { mlsec_respond '[1]'; }
--- request
HEAD /t
--- response_headers
Content-Length: 25
--- response_body



=== an envelope
--- config
    location = /t { mlsec_call a http://u/bad; }
--- request
HEAD /t
--- error_code: 502
--- response_headers_like
Content-Type: application/json
Content-Length: \d{3}
--- response_body



=== method= and body=on do not change it
--- config
    location = /t { mlsec_call a http://u/ok body=on; mlsec_call b http://u/ok method=POST; }
--- request
HEAD /t
--- response_headers
Content-Length: 22
--- response_body
