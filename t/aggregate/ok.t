# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# ok= of mlsec_call: which statuses are an answer.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /200 { return 200 '{"s":200}'; }
    location = /201 { return 201 '{"s":201}'; }
    location = /202 { return 202 '{"s":202}'; }
    location = /204 { return 204; }
    location = /206 { return 206 '{"s":206}'; }
    location = /299 { return 299 '{"s":299}'; }
    location = /300 { add_header Location /200; return 300 '{"s":300}'; }
    location = /302 { return 302 /200; }
    location = /304 { return 304; }
    location = /400 { return 400 '{"s":400}'; }
    location = /404 { return 404 '{"s":404}'; }
    location = /410 { return 410 '<html>'; }
    location = /503 { return 503 '{"s":503}'; }
EOT

run_tests();

__DATA__

=== the default is 2xx
--- config
    location = /t {
        mlsec_call a http://u/200;
        mlsec_call b http://u/201;
        mlsec_call c http://u/202;
        mlsec_call d http://u/204;
        mlsec_call e http://u/206;
        mlsec_call f http://u/299;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":{"s":200},"b":{"s":201},"c":{"s":202},"d":null,"e":{"s":206},"f":{"s":299}}



=== nothing else is
--- config
    location = /t {
        mlsec_call a http://u/200;
        mlsec_call b http://u/302;
        mlsec_call c http://u/304;
        mlsec_call d http://u/400;
        mlsec_call e http://u/404;
        mlsec_call f http://u/503;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
! Location
--- response_body chomp
{"a":{"s":200},"b":null,"c":null,"d":null,"e":null,"f":null,"errors":[{"service":"u","part":"b","error_type":"upstream_status","status_code":302,"attempts":1,"elapsed_ms":0},{"service":"u","part":"c","error_type":"upstream_status","status_code":304,"attempts":1,"elapsed_ms":0},{"service":"u","part":"d","error_type":"upstream_status","status_code":400,"attempts":1,"elapsed_ms":0},{"service":"u","part":"e","error_type":"upstream_status","status_code":404,"attempts":1,"elapsed_ms":0},{"service":"u","part":"f","error_type":"upstream_status","status_code":503,"attempts":1,"elapsed_ms":0}]}



=== a list replaces the default
--- config
    location = /t {
        mlsec_call a http://u/404 ok=404;
        mlsec_call b http://u/200 ok=404;
    }
--- request
GET /t
--- response_body chomp
{"a":{"s":404},"b":null,"errors":[{"service":"u","part":"b","error_type":"upstream_status","status_code":200,"attempts":1,"elapsed_ms":0}]}



=== a range and a status
--- config
    location = /t {
        mlsec_call a http://u/404 ok=2xx,404;
        mlsec_call b http://u/201 ok=404,2xx;
        mlsec_call c http://u/400 ok=2xx,404;
    }
--- request
GET /t
--- response_body chomp
{"a":{"s":404},"b":{"s":201},"c":null,"errors":[{"service":"u","part":"c","error_type":"upstream_status","status_code":400,"attempts":1,"elapsed_ms":0}]}



=== a redirect that is wanted is not followed
--- config
    location = /t { mlsec_call a http://u/300 ok=3xx; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
! Location
--- response_body chomp
{"a":{"s":300}}



=== a server error that is wanted
--- config
    location = /t { mlsec_call a http://u/503 ok=2xx,5xx; }
--- request
GET /t
--- response_body chomp
{"a":{"s":503}}



=== a wanted status still needs JSON
--- config
    location = /t { mlsec_call a http://u/410 ok=410; mlsec_call b http://u/200; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"s":200},"errors":[{"service":"u","part":"a","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== an answer without a body is null
--- config
    location = /t { mlsec_call a http://u/304 ok=304; }
--- request
GET /t
--- response_body chomp
{"a":null}



=== a local part's status
--- config
    location = /t { mlsec_call a /local ok=404; mlsec_call b /local; }
    location = /local { return 404 '{"s":404}'; }
--- request
GET /t
--- response_body chomp
{"a":{"s":404},"b":null,"errors":[{"service":"b","part":"b","error_type":"upstream_status","status_code":404,"attempts":0,"elapsed_ms":0}]}



=== an error_page of a local part is its answer
--- config
    location = /t { mlsec_call a /local ok=410; mlsec_call b /other; }
    location = /local { error_page 403 =410 /page; return 403; }
    location = /other { error_page 403 =200 /page; return 403; }
    location = /page { return 200 '{"page":true}'; }
--- request
GET /t
--- response_body chomp
{"a":{"page":true},"b":{"page":true}}
