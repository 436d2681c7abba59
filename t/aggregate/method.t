# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# method= of mlsec_call.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location / {
        return 200 '"$request_method $content_length"';
    }
EOT

run_tests();

__DATA__

=== the default is GET
--- config
    location = /t { mlsec_call a http://u/; mlsec_call b /local; }
    location = /local { proxy_pass http://u; }
--- request
GET /t
--- response_body chomp
{"a":"GET ","b":"GET "}



=== the default is GET for a POST too
--- config
    location = /t { mlsec_call a http://u/; mlsec_call b /local; }
    location = /local { proxy_pass http://u; }
--- request
POST /t
some=body
--- response_body chomp
{"a":"GET ","b":"GET "}



=== each method
--- config
    location = /t {
        mlsec_call a http://u/ method=GET;
        mlsec_call b http://u/ method=POST;
        mlsec_call c http://u/ method=PUT;
        mlsec_call d http://u/ method=PATCH;
        mlsec_call e http://u/ method=DELETE;
    }
--- request
GET /t
--- response_body chomp
{"a":"GET ","b":"POST 0","c":"PUT 0","d":"PATCH 0","e":"DELETE "}



=== a local path
--- config
    location = /t { mlsec_call a /local method=POST; }
    location = /local { proxy_pass http://u; }
--- request
GET /t
--- response_body chomp
{"a":"POST 0"}



=== method= wins over the client's with body=on
--- config
    location = /t { mlsec_call a http://u/ method=PUT body=on; }
--- request
POST /t
12345
--- response_body chomp
{"a":"PUT 5"}



=== the client's method with body=on
--- config
    location = /t {
        mlsec_call a http://u/ body=on;
        mlsec_call b http://u/;
    }
--- request
PATCH /t
12345
--- response_body chomp
{"a":"PATCH 5","b":"GET "}



=== the client's GET with body=on stays a GET
--- config
    location = /t { mlsec_call a http://u/ body=on; }
--- request
GET /t
--- response_body chomp
{"a":"GET 0"}
