# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Programs that fail, at run time.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /jobs { return 200 '{"jobs":[{"id":1,"p":0.10},{"id":2,"p":0.9}]}'; }
    location = /kpis { return 200 '{"k":[1,2,3],"big":12345678901234567890}'; }
    location = /bad { return 503 '{}'; }
    location = /204 { return 204; }
    location = /echo { return 200 $request_body; }
EOT

run_tests();

__DATA__

=== an error of the language
--- config
    location = /t { mlsec_errors on; mlsec_call k http://u/kpis; mlsec_filter '.k.big.x'; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "status_code":500,"message":"The filter failed","path":"/t".*"details":\{"error_type":"filter"\}
--- error_log
mlsec filter: program failed, reason: "error", location: "/t"



=== what it said, where details are shown
--- config
    location = /t { mlsec_errors on; mlsec_error_detail body; mlsec_call k http://u/kpis; mlsec_filter 'error("no \\"data\\"")'; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "details":\{"error_type":"filter","filter_error":"no \\"data\\""\}
--- no_error_log
no "data"



=== on purpose
--- config
    location = /t {
        mlsec_errors on;
        mlsec_call k http://u/kpis;
        mlsec_filter 'error({status: 422, message: "limit: expected a number", error_type: "validation", errors: [{loc: ["query", "limit"]}], other: 1})';
    }
--- request
GET /t
--- error_code: 422
--- response_body_like: "status_code":422,"message":"limit: expected a number".*"details":\{"error_type":"validation","errors":\[\{"loc":\["query","limit"\]\}\]\}
--- no_error_log
[error]



=== on purpose, without a message
--- config
    location = /t { mlsec_errors on; mlsec_call k http://u/kpis; mlsec_filter 'error({status: 404})'; }
--- request
GET /t
--- error_code: 404
--- response_body_like: "status_code":404,"message":"Not Found"



=== a status that is none
--- config
    location = /t { mlsec_errors on; mlsec_call k http://u/kpis; mlsec_filter 'error({status: 200, message: "x"})'; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "details":\{"error_type":"filter"\}



=== a status that closes connections
--- config
    location = /t { mlsec_errors on; mlsec_call k http://u/kpis; mlsec_filter 'error({status: 444})'; }
--- request
GET /t
--- error_code: 500



=== no result
--- config
    location = /t { mlsec_errors on; mlsec_call k http://u/kpis; mlsec_filter 'empty'; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "message":"The filter gave no result"
--- error_log
reason: "no result"



=== more than one
--- config
    location = /t { mlsec_errors on; mlsec_call k http://u/kpis; mlsec_filter '.k.k[]'; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "message":"The filter gave more than one result"
--- error_log
reason: "several results"



=== error(null) is an error
--- config
    location = /t { mlsec_errors on; mlsec_call k http://u/kpis; mlsec_filter 'error(null)'; }
--- request
GET /t
--- error_code: 500



=== too many steps; the worker lives on
--- config
    location = /t { mlsec_errors on; mlsec_filter_max_steps 10000; mlsec_call k http://u/kpis; mlsec_filter 'last(repeat(1))'; }
    location = /ok { mlsec_call k http://u/kpis; mlsec_filter '.k.k'; }
--- pipelined_requests eval
["GET /ok", "GET /t"]
--- error_code eval
[200, 500]
--- response_body_like eval
[qr/^\[1,2,3\]$/, qr/"message":"The filter took too many steps"/]



=== too much memory
--- config
    location = /t { mlsec_errors on; mlsec_filter_max_memory 1m; mlsec_call k http://u/kpis; mlsec_filter '[range(1000000)] | length'; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "message":"The filter took too much memory"
--- error_log
reason: "too much memory"



=== a result over the cap
--- config
    location = /t { mlsec_errors on; mlsec_total_max_size 1000; mlsec_call k http://u/kpis; mlsec_filter '[range(1000)]'; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "message":"The result of the filter is too large"
--- error_log
reason: "result too large"



=== error_page of the location wins
--- config
    location = /t { mlsec_errors on; error_page 500 /page; mlsec_call k http://u/kpis; mlsec_filter 'error'; }
    location = /page { return 200 "page\n"; }
--- request
GET /t
--- error_code: 500
--- response_body
page
