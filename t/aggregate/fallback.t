# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# fallback= of mlsec_call: what stands in for a part that has failed.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /ok { return 200 '{"ok":1}'; }
    location = /arr { return 200 '[1,2]'; }
    location = /bad { return 200 '{"a":'; }
    location = /500 { return 500 '{}'; }
    location = /204 { return 204; }
EOT

run_tests();

__DATA__

=== a JSON text, byte for byte
--- config
    location = /t {
        mlsec_call a http://dead/ 'fallback=json:{"n" : 1.10, "id":9007199254740993}';
        mlsec_call b http://u/ok;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"a":{"n" : 1.10, "id":9007199254740993},"b":{"ok":1},"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== white space around the text goes
--- config
    location = /t { mlsec_call a http://dead/ 'fallback=json: [] '; }
--- request
GET /t
--- response_body chomp
{"a":[],"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== null
--- config
    location = /t { mlsec_call a http://dead/ fallback=null; mlsec_call b http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"ok":1},"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== omit
--- config
    location = /t { mlsec_call a http://dead/ fallback=omit; mlsec_call b http://u/ok; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"b":{"ok":1},"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== for whatever reason the part has failed
--- config
    location = /t {
        mlsec_call a http://u/bad fallback=json:1;
        mlsec_call b http://u/500 fallback=json:2;
        mlsec_call c http://u/ok target=x fallback=json:3;
        mlsec_call d /nowhere fallback=json:4;
    }
--- request
GET /t
--- response_body chomp
{"a":1,"b":2,"c":3,"d":4,"errors":[{"service":"u","part":"a","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"u","part":"b","error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"u","part":"c","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"d","part":"d","error_type":"upstream_status","status_code":404,"attempts":0,"elapsed_ms":0,"fallback":true}]}



=== a part that answers does not need it
--- config
    location = /t {
        mlsec_call a http://u/ok fallback=json:1;
        mlsec_call b http://u/204 fallback=json:2;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":{"ok":1},"b":null}



=== a required part with a fallback does not fail the request
--- config
    location = /t {
        mlsec_call a http://dead/ required 'fallback=json:{}';
        mlsec_call b http://u/ok;
    }
--- request
GET /t
--- response_body chomp
{"a":{},"b":{"ok":1},"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== every part failed, one has a fallback
--- config
    location = /t { mlsec_call a http://dead/ fallback=null; mlsec_call b http://dead/; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"a":null,"b":null,"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"dead","part":"b","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== every part failed and is omitted
--- config
    location = /t { mlsec_call a http://dead/ fallback=omit; }
--- request
GET /t
--- response_body chomp
{"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== in flat
--- config
    location = /t {
        mlsec_merge flat;
        mlsec_call a http://dead/ 'fallback=json:{"x":1,"y":2}';
        mlsec_call b http://u/ok;
        mlsec_call c http://dead/ fallback=omit;
    }
--- request
GET /t
--- response_body chomp
{"x":1,"y":2,"ok":1,"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"dead","part":"c","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== in array
--- config
    location = /t {
        mlsec_merge array;
        mlsec_call a http://dead/ fallback=json:7;
        mlsec_call b http://dead/ fallback=null;
        mlsec_call c http://dead/ fallback=omit;
        mlsec_call d http://u/ok;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
X-Gateway-Failed: a,b,c
--- response_body chomp
[7,null,{"ok":1}]



=== in concat
--- config
    location = /t {
        mlsec_merge concat;
        mlsec_call a http://dead/ 'fallback=json:[7, 8]';
        mlsec_call b http://dead/ fallback=omit;
        mlsec_call c http://u/arr;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
X-Gateway-Failed: a,b
--- response_body chomp
[7, 8,1,2]



=== one that does not fit flat does not load
--- config
    location = /t { mlsec_call a http://dead/ fallback=json:[1]; mlsec_merge flat; }
--- must_die
--- error_log
[emerg]
"fallback=" of part "a" does not fit "mlsec_merge flat", expected an object in



=== null does not fit flat
--- config
    location = /t { mlsec_merge flat; mlsec_call a http://dead/ fallback=null; }
--- must_die
--- error_log
[emerg]
"fallback=" of part "a" does not fit "mlsec_merge flat", expected an object in



=== one that does not fit concat does not load
--- config
    location = /t { mlsec_merge concat; mlsec_call a http://dead/ 'fallback=json:{}'; }
--- must_die
--- error_log
[emerg]
"fallback=" of part "a" does not fit "mlsec_merge concat", expected an array in
