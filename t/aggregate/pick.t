# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# pick= of mlsec_call: the members that stay.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /o { return 200 ' { "z": 1.10 , "a" : { "b" : [ 1, 2 ] , "c":"x y" } , "l": [ {"k":1,"m":2}, 5, {"m" : 3}, [{"k":9}] ] , "n":null } '; }
    location = /dup { return 200 '{"a":1,"b":2,"a":3}'; }
    location = /esc { return 200 '{"\u0061":1,"b":2}'; }
    location = /arr { return 200 '[{"k":1,"m":2},{"k":3}]'; }
    location = /num { return 200 '12'; }
    location = /str { return 200 '"x"'; }
    location = /empty { return 204; }
EOT

run_tests();

__DATA__

=== members, in the body's order, their bytes unchanged
--- config
    location = /t {
        mlsec_call a http://u/o pick=z;
        mlsec_call b http://u/o pick=a,z;
        mlsec_call c http://u/o pick=n;
    }
--- request
GET /t
--- response_body chomp
{"a":{"z":1.10},"b":{"z":1.10,"a":{ "b" : [ 1, 2 ] , "c":"x y" }},"c":{"n":null}}



=== a member inside
--- config
    location = /t {
        mlsec_call a http://u/o pick=a.c;
        mlsec_call b http://u/o pick=a.c,z;
        mlsec_call c http://u/o pick=a.c,a;
    }
--- request
GET /t
--- response_body chomp
{"a":{"a":{"c":"x y"}},"b":{"z":1.10,"a":{"c":"x y"}},"c":{"a":{ "b" : [ 1, 2 ] , "c":"x y" }}}



=== a member that is not there is absent
--- config
    location = /t {
        mlsec_call a http://u/o pick=x,z;
        mlsec_call b http://u/o pick=x;
        mlsec_call c http://u/o pick=a.x;
        mlsec_call d http://u/o pick=z.x;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":{"z":1.10},"b":{},"c":{"a":{}},"d":{}}



=== in an array the path applies to every element
--- config
    location = /t {
        mlsec_call a http://u/o pick=l.k;
        mlsec_call b http://u/arr pick=k;
    }
--- request
GET /t
--- response_body chomp
{"a":{"l":[{"k":1},{},[{"k":9}]]},"b":[{"k":1},{"k":3}]}



=== an array is looked into
--- config
    location = /t { mlsec_call b http://u/arr pick=k; }
--- request
GET /t
--- response_body chomp
{"b":[{"k":1},{"k":3}]}



=== of duplicates the last counts
--- config
    location = /t { mlsec_call a http://u/dup pick=a; }
--- request
GET /t
--- response_body chomp
{"a":{"a":3}}



=== names are compared as they read
--- config
    location = /t { mlsec_call a http://u/esc pick=a; }
--- request
GET /t
--- response_body chomp
{"a":{"\u0061":1}}



=== a body without members
--- config
    location = /t {
        mlsec_call a http://u/num pick=a;
        mlsec_call b http://u/str pick=a;
        mlsec_call c http://u/empty pick=a;
        mlsec_call d http://u/num;
    }
--- request
GET /t
--- response_body chomp
{"a":null,"b":null,"c":null,"d":12,"errors":[{"service":"u","part":"a","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"b","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"c","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== before drop
--- config
    location = /t { mlsec_call a http://u/o drop=a.b pick=a,n; }
--- request
GET /t
--- response_body chomp
{"a":{"a":{"c":"x y"},"n":null}}
