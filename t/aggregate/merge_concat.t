# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_merge concat: the elements of array bodies in one array.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'SERVICE', http => <<'HTTP');
    location = /1 { return 200 ' [ 1.10 , {"a":[1]} ] '; }
    location = /2 { return 200 '["x","y"]'; }
    location = /empty { return 200 '[ ]'; }
    location = /obj { return 200 '{"a":1}'; }
    location = /num { return 200 '1'; }
    location = /204 { return 204; }
SERVICE
    upstream slow {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== elements in declared order, their bytes unchanged
--- config
    location = /t { mlsec_merge concat; mlsec_call a http://u/2; mlsec_call b http://u/empty; mlsec_call c http://u/1; mlsec_call d http://u/empty; }
--- request
GET /t
--- response_headers
Content-Type: application/json
X-Gateway-Completed: true
! X-Gateway-Failed
--- response_body chomp
["x","y",1.10 , {"a":[1]}]



=== the first answers last
--- config
    location = /t { mlsec_merge concat; mlsec_call a http://slow/; mlsec_call b http://u/2; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" . '["slow"]'
--- request
GET /t
--- response_body chomp
["slow","x","y"]



=== nothing but empty arrays
--- config
    location = /t { mlsec_merge concat; mlsec_call a http://u/empty; mlsec_call b http://u/empty; }
--- request
GET /t
--- response_body chomp
[]



=== a failed part adds nothing and is named in a header
--- config
    location = /t { mlsec_merge concat; mlsec_call a http://dead/; mlsec_call b http://u/2; mlsec_call c http://dead/; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
X-Gateway-Failed: a,c
--- response_body chomp
["x","y"]



=== bodies of the wrong type
--- config
    location = /t { mlsec_merge concat; mlsec_call a http://u/obj; mlsec_call b http://u/num; mlsec_call c http://u/204; mlsec_call d http://u/2; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
X-Gateway-Failed: a,b,c
--- response_body chomp
["x","y"]
--- error_log
part: "a", service: "u", type: bad_type
part: "b", service: "u", type: bad_type
part: "c", service: "u", type: bad_type



=== every part failed
--- config
    location = /t { mlsec_merge concat; mlsec_call a http://u/obj; mlsec_call b http://dead/; }
--- request
GET /t
--- error_code: 502
--- response_headers
! X-Gateway-Completed
! X-Gateway-Failed
--- response_body_like: ^\{"error":true,"status_code":502,



=== on_conflict= has no meaning here
--- config
    location = /t { mlsec_merge concat on_conflict=last; mlsec_call a http://u/2; }
--- must_die
--- error_log
[emerg]
"on_conflict=" in "mlsec_merge concat", only "flat" can have conflicts
