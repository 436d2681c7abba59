# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_filter: a program makes the answer of all bodies.

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

=== the input is an object of all parts
--- config
    location = /t {
        mlsec_call jobs http://u/jobs;
        mlsec_call kpis http://u/kpis;
        mlsec_filter '{names: keys_unsorted, n: (.jobs.jobs | length), high: [.jobs.jobs[] | select(.p > 0.5) | .id], sum: (.kpis.k | add)}';
    }
--- request
GET /t
--- response_headers
Content-Type: application/json
X-Gateway-Completed: true
--- response_body chop
{"names":["jobs","kpis"],"n":2,"high":[2],"sum":6}
--- no_error_log
[error]



=== what is moved keeps its bytes
--- config
    location = /t {
        mlsec_call jobs http://u/jobs;
        mlsec_call kpis http://u/kpis;
        mlsec_filter '[.kpis.big, .jobs.jobs[0].p, .jobs.jobs[1]]';
    }
--- request
GET /t
--- response_body chop
[12345678901234567890,0.10,{"id":2,"p":0.9}]



=== HEAD has the headers of GET
--- config
    location = /t { mlsec_call kpis http://u/kpis; mlsec_filter '.kpis.k'; }
--- request
HEAD /t
--- response_headers
Content-Length: 7
--- response_body



=== a failed part is null, its status and its entry are known
--- config
    location = /t {
        mlsec_call kpis http://u/kpis;
        mlsec_call bad http://u/bad;
        mlsec_call dead http://dead/x;
        mlsec_filter '{bad, dead, $status, errors: [$errors[] | [.part, .error_type, .status_code]]}';
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
!X-Gateway-Failed
--- response_body chop
{"bad":null,"dead":null,"status":{"kpis":200,"bad":503,"dead":null},"errors":[["bad","upstream_status",503],["dead","connect",502]]}



=== all is well: no errors
--- config
    location = /t { mlsec_call kpis http://u/kpis; mlsec_filter '$errors'; }
--- request
GET /t
--- response_body chop
[]



=== fallbacks, parts that are left out
--- config
    location = /t {
        mlsec_call a http://u/bad 'fallback=json:{"x":1}';
        mlsec_call b http://u/bad fallback=omit;
        mlsec_call c http://u/kpis if=$arg_c;
        mlsec_call d http://u/204;
        mlsec_filter '.';
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chop
{"a":{"x":1},"d":null}



=== every part has failed: the envelope, the program does not run
--- config
    location = /t { mlsec_errors on; mlsec_call dead http://dead/x; mlsec_filter '1'; }
--- request
GET /t
--- error_code: 502
--- response_body_like: ^\{"error":true,"status_code":502,



=== mlsec_on_partial
--- config
    location = /t {
        mlsec_on_partial 206;
        mlsec_call kpis http://u/kpis;
        mlsec_call bad http://u/bad;
        mlsec_filter '1';
    }
--- request
GET /t
--- error_code: 206
--- response_body chop
1



=== an aggregate inside, filtered twice
--- config
    location = /in { mlsec_call kpis http://u/kpis; mlsec_filter '.kpis.k'; }
    location = /t { mlsec_call in /in; mlsec_filter '.in | map(. * 2)'; }
--- request
GET /t
--- response_body chop
[2,4,6]



=== the program counts inside of an "if"
--- config
    location = /t {
        mlsec_call kpis http://u/kpis;
        mlsec_filter '.kpis.k';
        if ($arg_x) { set $y 1; }
    }
--- request
GET /t?x=1
--- response_body chop
[1,2,3]
