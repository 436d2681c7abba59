# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# target= of mlsec_call: the value inside the body that counts.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /o { return 200 ' { "a" : { "b" : [1, 2.50] , "s":"x" } , "n":null, "z":0 } '; }
    location = /arr { return 200 '[{"a":1}]'; }
    location = /dup { return 200 '{"a":1,"a":{"b":2}}'; }
    location = /esc { return 200 '{"\u0061":{"b.c":1,"é":2}}'; }
    location = /deep { return 200 '{"a":{"b":{"c":{"d":{"e":[true]}}}}}'; }
    location = /empty { return 204; }
EOT

run_tests();

__DATA__

=== a member, its bytes unchanged
--- config
    location = /t {
        mlsec_call a http://u/o target=a;
        mlsec_call b http://u/o target=a.b;
        mlsec_call c http://u/o target=a.s;
        mlsec_call d http://u/o target=z;
        mlsec_call e http://u/deep target=a.b.c.d.e;
    }
--- request
GET /t
--- response_body chomp
{"a":{ "b" : [1, 2.50] , "s":"x" },"b":[1, 2.50],"c":"x","d":0,"e":[true]}



=== a member that is null is there
--- config
    location = /t { mlsec_call a http://u/o target=n; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":null}



=== a member that is not there
--- config
    location = /t {
        mlsec_call a http://u/o target=x;
        mlsec_call b http://u/o target=a.x;
        mlsec_call c http://u/o target=a.b.x;
        mlsec_call d http://u/o target=z.x;
        mlsec_call e http://u/arr target=a;
        mlsec_call f http://u/empty target=a;
        mlsec_call g http://u/o target=z;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"a":null,"b":null,"c":null,"d":null,"e":null,"f":null,"g":0,"errors":[{"service":"u","part":"a","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"b","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"c","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"d","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"e","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"f","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== of duplicates the last counts
--- config
    location = /t { mlsec_call a http://u/dup target=a.b; }
--- request
GET /t
--- response_body chomp
{"a":2}



=== names are compared as they read
--- config
    location = /t { mlsec_call a http://u/esc target=a.é; }
--- request
GET /t
--- response_body chomp
{"a":2}



=== before pick and drop
--- config
    location = /t {
        mlsec_call a http://u/o target=a pick=s;
        mlsec_call b http://u/o target=a drop=s;
        mlsec_call c http://u/o drop=a target=a pick=b;
    }
--- request
GET /t
--- response_body chomp
{"a":{"s":"x"},"b":{"b":[1, 2.50]},"c":{"b":[1, 2.50]}}



=== it decides what concat sees
--- config
    location = /t { mlsec_merge concat; mlsec_call a http://u/o target=a.b; mlsec_call b http://u/deep target=a.b.c.d.e; }
--- request
GET /t
--- response_body chomp
[1, 2.50,true]



=== it decides what flat sees
--- config
    location = /t { mlsec_merge flat; mlsec_call a http://u/o target=a; mlsec_call b http://u/deep target=a.b; }
--- request
GET /t
--- response_body chomp
{"b" : [1, 2.50] , "s":"x","c":{"d":{"e":[true]}}}
