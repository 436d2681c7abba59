# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# drop= of mlsec_call: the members that go.

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

=== members; the rest keeps its order and its bytes
--- config
    location = /t {
        mlsec_call a http://u/o drop=l,n;
        mlsec_call b http://u/o drop=z,l,n;
    }
--- request
GET /t
--- response_body chomp
{"a":{"z":1.10,"a":{ "b" : [ 1, 2 ] , "c":"x y" }},"b":{"a":{ "b" : [ 1, 2 ] , "c":"x y" }}}



=== a member inside
--- config
    location = /t { mlsec_call a http://u/o drop=a.b,l,n; }
--- request
GET /t
--- response_body chomp
{"a":{"z":1.10,"a":{"c":"x y"}}}



=== everything
--- config
    location = /t { mlsec_call a http://u/o drop=z,a,l,n; }
--- request
GET /t
--- response_body chomp
{"a":{}}



=== a member that is not there
--- config
    location = /t { mlsec_call a http://u/dup drop=x,b.y; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":{"a":1,"b":2,"a":3}}



=== in an array the path applies to every element
--- config
    location = /t {
        mlsec_call a http://u/arr drop=m;
        mlsec_call b http://u/o drop=l.m,a,z,n;
    }
--- request
GET /t
--- response_body chomp
{"a":[{"k":1},{"k":3}],"b":{"l":[{"k":1},5,{},[{"k":9}]]}}



=== every duplicate goes
--- config
    location = /t { mlsec_call a http://u/dup drop=a; }
--- request
GET /t
--- response_body chomp
{"a":{"b":2}}



=== names are compared as they read
--- config
    location = /t { mlsec_call a http://u/esc drop=a; }
--- request
GET /t
--- response_body chomp
{"a":{"b":2}}



=== a body without members
--- config
    location = /t {
        mlsec_call a http://u/num drop=a;
        mlsec_call b http://u/empty drop=a;
        mlsec_call c http://u/num;
    }
--- request
GET /t
--- response_body chomp
{"a":null,"b":null,"c":12,"errors":[{"service":"u","part":"a","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"b","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0}]}
