# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_merge flat: the members of all bodies in one object.  What happens to
# members that occur twice is on_conflict=.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'SERVICE', http => <<'HTTP');
    location = /ab { return 200 ' { "a" : 1.10 , "b":{"x":1} } '; }
    location = /cd { return 200 '{"c":3,"d":[4]}'; }
    location = /bc { return 200 '{"b":"other","c":"other"}'; }
    location = /b { return 200 '{"b":"third"}'; }
    location = /esc { return 200 '{"\u0061":2}'; }
    location = /dup { return 200 '{"a":1,"b":2,"a":3}'; }
    location = /errors { return 200 '{"errors":["own"],"x":1}'; }
    location = /empty { return 200 '{}'; }
    location = /arr { return 200 '[1]'; }
    location = /str { return 200 '"x"'; }
    location = /204 { return 204; }
    location / { root $TEST_NGINX_HTML_DIR; }
SERVICE
    upstream slow {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== members in declared order, their bytes unchanged
--- config
    location = /t {
        mlsec_merge flat;
        mlsec_call p http://u/cd;
        mlsec_call q http://u/ab;
        mlsec_call r http://u/empty;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
! X-Gateway-Failed
--- response_body chomp
{"c":3,"d":[4],"a" : 1.10 , "b":{"x":1}}



=== the first answers last
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://slow/; mlsec_call q http://u/ab; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" . '{"z":0}'
--- request
GET /t
--- response_body chomp
{"z":0,"a" : 1.10 , "b":{"x":1}}



=== numbers and strings as they came
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/f.json; mlsec_call q http://u/empty; }
--- user_files eval
">>> f.json\n{ \"a\" : 1e400,\"b\":9223372036854775809 ,\n\"c\":-0.0E+00,\"d\":\"\\u00e9\xc3\xa9\\/\"}\n"
--- request
GET /t
--- response_body eval
"{\"a\" : 1e400,\"b\":9223372036854775809 ,\n\"c\":-0.0E+00,\"d\":\"\\u00e9\xc3\xa9\\/\"}"



=== nothing but empty objects
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/empty; mlsec_call q http://u/empty; }
--- request
GET /t
--- response_body chomp
{}



=== a conflict: the first is kept, and it is told
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/ab; mlsec_call q http://u/bc; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
! X-Gateway-Failed
--- response_body chomp
{"a" : 1.10 , "b":{"x":1},"c":"other","errors":[{"service":"u","part":"q","error_type":"conflict","member":"b","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== on_conflict=error says the same
--- config
    location = /t { mlsec_merge flat on_conflict=error; mlsec_call p http://u/ab; mlsec_call q http://u/bc; mlsec_call r http://u/b; }
--- request
GET /t
--- response_body chomp
{"a" : 1.10 , "b":{"x":1},"c":"other","errors":[{"service":"u","part":"q","error_type":"conflict","member":"b","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"r","error_type":"conflict","member":"b","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== on_conflict=first
--- config
    location = /t { mlsec_merge flat on_conflict=first; mlsec_call p http://u/ab; mlsec_call q http://u/bc; mlsec_call r http://u/b; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a" : 1.10 , "b":{"x":1},"c":"other"}



=== on_conflict=last
--- config
    location = /t { mlsec_merge flat on_conflict=last; mlsec_call p http://u/ab; mlsec_call q http://u/bc; mlsec_call r http://u/b; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a" : 1.10,"b":"third","c":"other"}



=== first and last are the declared ones, whoever answers first
--- config
    location = /t { mlsec_merge flat on_conflict=first; mlsec_call p http://slow/; mlsec_call q http://u/b; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" . '{"b":"slow"}'
--- request
GET /t
--- response_body chomp
{"b":"slow"}



=== the same with last
--- config
    location = /t { mlsec_merge flat on_conflict=last; mlsec_call p http://slow/; mlsec_call q http://u/b; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" . '{"b":"slow"}'
--- request
GET /t
--- response_body chomp
{"b":"third"}



=== names are compared as they read
--- config
    location = /t { mlsec_merge flat on_conflict=last; mlsec_call p http://u/ab; mlsec_call q http://u/esc; }
--- request
GET /t
--- response_body chomp
{"a":2,"b":{"x":1}}



=== a name with escapes in the entry of a conflict
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/ab; mlsec_call q http://u/esc; }
--- request
GET /t
--- response_body chomp
{"a" : 1.10 , "b":{"x":1},"errors":[{"service":"u","part":"q","error_type":"conflict","member":"\u0061","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== a duplicate inside of one body is no conflict, the last counts
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/dup; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":3,"b":2}



=== a failed part adds nothing
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://dead/; mlsec_call q http://u/cd; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
! X-Gateway-Failed
--- response_body chomp
{"c":3,"d":[4],"errors":[{"service":"dead","part":"p","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== failures and conflicts in declared order
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/ab; mlsec_call q http://dead/; mlsec_call r http://u/b; mlsec_call s http://dead/; }
--- request
GET /t
--- response_body chomp
{"a" : 1.10 , "b":{"x":1},"errors":[{"service":"dead","part":"q","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"r","error_type":"conflict","member":"b","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"dead","part":"s","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== bodies of the wrong type
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/arr; mlsec_call q http://u/str; mlsec_call r http://u/204; mlsec_call s http://u/cd; }
--- request
GET /t
--- response_body chomp
{"c":3,"d":[4],"errors":[{"service":"u","part":"p","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"q","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"r","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== a member errors is kept
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/errors; mlsec_call q http://u/cd; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
! X-Gateway-Failed
--- response_body chomp
{"errors":["own"],"x":1,"c":3,"d":[4]}



=== a member errors is kept, the failed parts are named in a header
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://dead/; mlsec_call q http://u/errors; mlsec_call r http://dead/; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
X-Gateway-Failed: p,r
--- response_body chomp
{"errors":["own"],"x":1}



=== two members errors are an ordinary conflict
--- config
    location = /t { mlsec_merge flat on_conflict=first; mlsec_call p http://u/errors; mlsec_call q http://u/errors; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"errors":["own"],"x":1}



=== a part with a conflict is named where the list has no place
--- config
    location = /t { mlsec_merge flat; mlsec_call p http://u/errors; mlsec_call q http://dead/; mlsec_call r http://u/errors; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
X-Gateway-Failed: q,r
--- response_body chomp
{"errors":["own"],"x":1}



=== a part named like another's member is no clash
--- config
    location = /t { mlsec_merge flat; mlsec_call a http://u/ab; mlsec_call b http://u/cd; }
--- request
GET /t
--- response_body chomp
{"a" : 1.10 , "b":{"x":1},"c":3,"d":[4]}
