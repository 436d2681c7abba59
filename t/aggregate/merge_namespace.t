# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_merge namespace, the default: {"NAME": body, ...}.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

our $Bytes = <<'EOT';
{ "big" : 1e400, "id":9223372036854775809 ,"p":1.10,"z":-0.0E+00,
 "s":"\u00e9\ud83d\ude00 é😀\/\"","a":[ 1 , 2 ],"e":{ } ,"dup":1,"dup":2 }
EOT
chomp $Bytes;

parts(fixed => 1, service => <<'SERVICE', http => <<'HTTP');
    location = /1 { return 200 '{"n":1}'; }
    location = /2 { return 200 '[2]'; }
    location = /3 { return 200 '"three"'; }
    location = /4 { return 200 '4'; }
    location = /5 { return 200 'true'; }
    location = /6 { return 200 'null'; }
    location = /e { return 200 '{"errors":[1]}'; }
    location / { root $TEST_NGINX_HTML_DIR; }
SERVICE
    upstream slow {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== every type of body, in declared order
--- config
    location = /t {
        mlsec_call z http://u/1;
        mlsec_call a http://u/2;
        mlsec_call m http://u/3;
        mlsec_call A http://u/4;
        mlsec_call _1 http://u/5;
        mlsec_call x-y http://u/6;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
! X-Gateway-Failed
--- response_body chomp
{"z":{"n":1},"a":[2],"m":"three","A":4,"_1":true,"x-y":null}



=== said
--- config
    location = /t { mlsec_call b http://u/1; mlsec_merge namespace; mlsec_call a http://u/2; }
--- request
GET /t
--- response_body chomp
{"b":{"n":1},"a":[2]}



=== the first answers last
--- config
    location = /t {
        mlsec_call a http://slow/;
        mlsec_call b http://u/1;
        mlsec_call c /local;
    }
    location = /local { mlsec_respond 3; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" . '[1]'
--- request
GET /t
--- response_body chomp
{"a":[1],"b":{"n":1},"c":3}



=== the bytes of a body stay, but for white space around it
--- config
    location = /t { mlsec_call a http://u/f.json; mlsec_call b http://u/f.json; }
--- user_files eval
">>> f.json\n\n \t" . $::Bytes . "\r\n"
--- request
GET /t
--- response_body eval
'{"a":' . $::Bytes . ',"b":' . $::Bytes . '}'



=== the longest name
--- config eval
"location = /t { mlsec_call " . 'n' x 64 . ' http://u/4; }'
--- request
GET /t
--- response_body eval
'{"' . 'n' x 64 . '":4}'



=== names that differ by case
--- config
    location = /t { mlsec_call a http://u/4; mlsec_call A http://u/5; mlsec_call Errors http://u/6; }
--- request
GET /t
--- response_body chomp
{"a":4,"A":true,"Errors":null}



=== a failed part is null, the list of errors comes last
--- config
    location = /t { mlsec_call a http://dead/; mlsec_call b http://u/4; mlsec_call c http://dead/; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
! X-Gateway-Failed
--- response_body chomp
{"a":null,"b":4,"c":null,"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"dead","part":"c","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== errors inside of a body are the body's own
--- config
    location = /t { mlsec_call a http://u/e; mlsec_call b http://dead/; }
--- request
GET /t
--- response_body chomp
{"a":{"errors":[1]},"b":null,"errors":[{"service":"dead","part":"b","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== the list follows the declared order when the first fails last
--- config
    location = /t { mlsec_call a http://slow/; mlsec_call b http://dead/; mlsec_call c http://u/4; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.2
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" . '{"x":'
--- request
GET /t
--- response_body chomp
{"a":null,"b":null,"c":4,"errors":[{"service":"slow","part":"a","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"dead","part":"b","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== one part
--- config
    location = /t { mlsec_call a http://u/1; }
--- request
GET /t
--- response_body chomp
{"a":{"n":1}}



=== many parts
--- config eval
"mlsec_max_calls 30; location = /t { " . CORE::join(' ', map { "mlsec_call p$_ http://u/@{[$_ % 6 + 1]};" } 0 .. 29) . " }"
--- request
GET /t
--- response_body eval
'{' . CORE::join(',', map { "\"p$_\":" . ('{"n":1}', '[2]', '"three"', 4, 'true', 'null')[$_ % 6] } 0 .. 29) . '}'
