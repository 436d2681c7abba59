# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_on_failure: the status when nothing can be answered.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /ok { return 200 '{"ok":1}'; }
    location = /bad { return 200 '{'; }
    location = /404 { return 404 '{}'; }
EOT

run_tests();

__DATA__

=== the default is by cause: 502
--- config
    location = /t { mlsec_call a http://u/bad; mlsec_call b http://dead/; }
--- request
GET /t
--- error_code: 502
--- response_headers
Content-Type: application/json
! X-Gateway-Completed
--- response_body_like: ^\{"error":true,"status_code":502,"message":"Service u sent an answer that is not valid JSON",.*"errors":\[\{"service":"u","part":"a",.*\},\{"service":"dead","part":"b",.*\}\]\}\}$



=== by cause: 503
--- config
    location = /t { mlsec_call a http://down/; mlsec_call b http://dead/; }
--- request
GET /t
--- error_code: 503
--- response_headers
Retry-After: 10



=== by cause: the first part in declared order gives it
--- config
    location = /t { mlsec_call a http://dead/; mlsec_call b http://down/; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Retry-After



=== given
--- config
    location = /t { mlsec_on_failure 503; mlsec_call a http://u/bad; mlsec_call b http://dead/; }
--- request
GET /t
--- error_code: 503
--- response_body_like: ^\{"error":true,"status_code":503,.*"details":\{"service":"u","part":"a","error_type":"bad_json","status_code":502,



=== for a required part
--- config
    location = /t { mlsec_on_failure 504; mlsec_call a http://u/ok; mlsec_call b http://dead/ required; }
--- request
GET /t
--- error_code: 504



=== what the client can do something about stays
--- config
    location = /t { mlsec_on_failure 504; mlsec_call b http://u/404 required; }
--- request
GET /t
--- error_code: 404



=== one part of several is no failure
--- config
    location = /t { mlsec_on_failure 504; mlsec_call a http://u/ok; mlsec_call b http://dead/; }
--- request
GET /t
--- error_code: 200



=== never 200 with nulls
--- config
    location = /t { mlsec_on_partial 200; mlsec_call a http://dead/; mlsec_call b http://dead/; mlsec_call c http://u/ok if=$arg_c; }
--- request
GET /t
--- error_code: 502
--- response_body_unlike: null



=== inherited from http and server, own wins
--- http_config eval
$::Http . "mlsec_on_failure 503;"
--- config
    location = /h { mlsec_call b http://dead/; }
    location = /o { mlsec_on_failure 500; mlsec_call b http://dead/; }
--- request eval
["GET /h", "GET /o"]
--- error_code eval
[503, 500]



=== the server's wins over http's
--- http_config eval
$::Http . "mlsec_on_failure 503;"
--- config
    mlsec_on_failure 500;
    location /h { location = /h/t { mlsec_call b http://dead/; } }
--- request
GET /h/t
--- error_code: 500
