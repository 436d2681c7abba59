# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_merge array: the bodies in declared order.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'SERVICE', http => <<'HTTP');
    location = /1 { return 200 ' { "n" : 1.10 } '; }
    location = /2 { return 200 '[2, 3]'; }
    location = /3 { return 200 '"three"'; }
    location = /204 { return 204; }
    location = /errors { return 200 '{"errors":[1]}'; }
SERVICE
    upstream slow {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== every type of body
--- config
    location = /t { mlsec_merge array; mlsec_call a http://u/1; mlsec_call b http://u/2; mlsec_call c http://u/3; mlsec_call d http://u/204; mlsec_call e http://u/errors; }
--- request
GET /t
--- response_headers
Content-Type: application/json
X-Gateway-Completed: true
! X-Gateway-Failed
--- response_body chomp
[{ "n" : 1.10 },[2, 3],"three",null,{"errors":[1]}]



=== the first answers last
--- config
    location = /t { mlsec_merge array; mlsec_call a http://slow/; mlsec_call b http://u/1; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" . '"slow"'
--- request
GET /t
--- response_body chomp
["slow",{ "n" : 1.10 }]



=== a failed part is null in its place and named in a header
--- config
    location = /t { mlsec_merge array; mlsec_call a http://u/3; mlsec_call b http://dead/; mlsec_call c http://u/2; mlsec_call d http://dead/; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
X-Gateway-Failed: b,d
--- response_body chomp
["three",null,[2, 3],null]
--- error_log
part failed, part: "b"
part failed, part: "d"



=== on_conflict= has no meaning here
--- config
    location = /t { mlsec_merge array on_conflict=first; mlsec_call a http://u/3; }
--- must_die
--- error_log
[emerg]
"on_conflict=" in "mlsec_merge array", only "flat" can have conflicts
