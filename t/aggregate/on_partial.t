# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_on_partial: the status of an answer that lacks something.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /ok { return 200 '{"ok":1}'; }
    location = /bad { return 200 '{'; }
    location = /404 { return 404 '{}'; }
EOT

run_tests();

__DATA__

=== the default is 200
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
--- request
GET /t
--- error_code: 200



=== another success
--- config
    location = /t { mlsec_on_partial 206; mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
--- request
GET /t
--- error_code: 206
--- response_headers
X-Gateway-Completed: false
--- response_body_like: ^\{"a":\{"ok":1\},"b":null,"errors":\[



=== an error with the aggregate as its body
--- config
    mlsec_errors on;
    location = /t { mlsec_on_partial 502; mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
--- request
GET /t
--- error_code: 502
--- response_headers
Content-Type: application/json
X-Gateway-Completed: false
--- response_body_like: ^\{"a":\{"ok":1\},"b":null,"errors":\[



=== nothing is missing
--- config
    location = /t { mlsec_on_partial 502; mlsec_call a http://u/ok; }
--- request
GET /t
--- error_code: 200



=== a fallback was used
--- config
    location = /t { mlsec_on_partial 203; mlsec_call a http://u/bad fallback=null; }
--- request
GET /t
--- error_code: 203



=== an aggregate inside lacks something
--- config
    location = /t { mlsec_on_partial 203; mlsec_call a /in; }
    location = /in { mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
--- request
GET /t
--- error_code: 203



=== every part failed
--- config
    location = /t { mlsec_on_partial 203; mlsec_call a http://u/bad; }
--- request
GET /t
--- error_code: 502



=== inherited from http and server, own wins
--- http_config eval
$::Http . "mlsec_on_partial 202;"
--- config
    location = /h { mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
    location = /o { mlsec_on_partial 203; mlsec_call a http://u/ok; mlsec_call b http://u/bad; }
--- request eval
["GET /h", "GET /o"]
--- error_code eval
[202, 203]



=== the server's wins over http's
--- http_config eval
$::Http . "mlsec_on_partial 202;"
--- config
    mlsec_on_partial 206;
    location /h { location = /h/t { mlsec_call a http://u/ok; mlsec_call b http://u/bad; } }
--- request
GET /h/t
--- error_code: 206
