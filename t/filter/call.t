# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# filter= and filter_file= of mlsec_call: a program changes one body.

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

=== after target, pick and drop
--- config
    location = /t { mlsec_call j http://u/jobs target=jobs 'filter=map(.id)'; }
--- request
GET /t
--- response_body chop
{"j":[1,2]}



=== in a file
--- user_files
>>> two.jq
map(two)
>>> lib.jq
def two: .id * 2;
--- config
    location = /t { mlsec_call j http://u/jobs target=jobs filter_file=$TEST_NGINX_HTML_DIR/lib.jq,$TEST_NGINX_HTML_DIR/two.jq; }
--- request
GET /t
--- response_body chop
{"j":[2,4]}



=== on a text
--- config
    location = /t { mlsec_call j http://u/jobs as=text 'filter=fromjson | .jobs | length'; }
--- request
GET /t
--- response_body chop
{"j":2}



=== the query of the client
--- config
    location = /t { mlsec_call j http://u/jobs target=jobs 'filter=.[:($args.limit | tonumber)]'; }
--- request
GET /t?limit=1
--- response_body chop
{"j":[{"id":1,"p":0.10}]}



=== a program that fails fails its part
--- config
    location = /t {
        mlsec_call k http://u/kpis pick=k;
        mlsec_call j http://u/jobs 'filter=error("secret")';
    }
--- request
GET /t
--- response_body_like: ^\{"k":\{"k":\[1,2,3\]\},"j":null,"errors":\[\{"service":"u","part":"j","error_type":"filter","status_code":500,"attempts":1,"elapsed_ms":\d+\}\]\}$
--- error_log
mlsec filter: program failed, reason: "error", location: "/t"
--- no_error_log
secret



=== a required part
--- config
    location = /t { mlsec_errors on; mlsec_call j http://u/jobs required 'filter=1 + "x"'; }
--- request
GET /t
--- error_code: 500
--- response_body_like: "status_code":500,"message":"Service u sent an answer that the filter of its part failed on",.*"error_type":"filter"



=== its fallback
--- config
    location = /t { mlsec_call j http://u/jobs 'filter=empty' fallback=json:[]; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body_like: ^\{"j":\[\],"errors":\[\{"service":"u","part":"j","error_type":"filter",.*"fallback":true\}\]\}$



=== of a wrong type for the merge
--- config
    location = /t { mlsec_merge concat; mlsec_call j http://u/jobs 'filter=.jobs'; mlsec_call k http://u/kpis 'filter=.'; }
--- request
GET /t
--- response_headers
X-Gateway-Failed: k
--- response_body chop
[{"id":1,"p":0.10},{"id":2,"p":0.9}]



=== the result may be as large as a body
--- config
    location = /t { mlsec_call_max_size 100; mlsec_call j http://u/jobs 'filter=[range(100)]'; mlsec_call k http://u/kpis; }
--- request
GET /t
--- response_body_like: "j":null.*"error_type":"filter"
--- error_log
reason: "result too large"



=== $status is not known here
--- config
    location = /t { mlsec_call j http://u/jobs 'filter=$status'; }
--- must_die
--- error_log
[emerg]
invalid program in "mlsec_call", line 1, column 1: 



=== a second program
--- config
    location = /t { mlsec_call j http://u/jobs filter=. filter=.; }
--- must_die
--- error_log
a second program of part "j" in "mlsec_call", join them with "|" or list the files in one "filter_file="
