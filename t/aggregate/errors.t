# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# errors[]: an entry for each failed part, in declared order, field by field.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, repeat => 1, service => <<'SERVICE', http => <<'HTTP');
    location = /ok { return 200 '{"ok":1}'; }
    location = /bad { return 200 '{"ok":1}}'; }
    location = /nan { return 200 '{"ok":NaN}'; }
    location = /two { return 200 '{"ok":1} {"ok":2}'; }
    location = /cut { return 200 '{"ok":1'; }
    location = /418 { return 418 'teapot'; }
    location = /gzip { add_header Content-Encoding gzip; return 200 '{"ok":1}'; }
    location = /identity { add_header Content-Encoding identity; return 200 '{"ok":1}'; }
    location = /spaces { return 200 '   '; }
SERVICE
    upstream dead2 {
        server unix:$TEST_NGINX_HTML_DIR/nobody.sock;
        server unix:$TEST_NGINX_HTML_DIR/nobody2.sock;
        mlsec_service pair;
    }

    upstream mock {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
HTTP

run_tests();

__DATA__

=== no entry, no list
--- config
    location = /t { mlsec_call a http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":{"ok":1}}



=== connect
--- config
    location = /t { mlsec_call a http://dead/; mlsec_call z http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"dead","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}
--- error_log eval
qr/\[error\] .*mlsec aggregate: part failed, part: "a", service: "dead", type: connect, status: 502, attempts: 1, after \d+ ms/



=== connect, every peer tried
--- config
    location = /t { mlsec_call a http://dead2/; mlsec_call z http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"pair","part":"a","error_type":"connect","status_code":502,"attempts":2,"elapsed_ms":0}]}



=== no_peer
--- config
    location = /t { mlsec_call a http://down/; mlsec_call z http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"down","part":"a","error_type":"no_peer","status_code":503,"attempts":0,"elapsed_ms":0}]}



=== upstream_status
--- config
    location = /t { mlsec_call a http://u/418; mlsec_call z http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"upstream_status","status_code":418,"attempts":1,"elapsed_ms":0}]}



=== bad_json: more than a document, an odd word, two documents, half a one, blanks are none
--- config
    location = /t { mlsec_call a http://u/bad; mlsec_call b http://u/nan; mlsec_call c http://u/two; mlsec_call d http://u/cut; mlsec_call e http://u/spaces; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":null,"c":null,"d":null,"e":null,"errors":[{"service":"u","part":"a","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"b","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"c","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"d","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== bad_json: gzip that nobody asked for
--- config
    location = /t { mlsec_call a http://u/gzip; mlsec_call b http://u/identity; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0}]}
--- error_log
mlsec aggregate: body is encoded though not asked for, part: "a", encoding: "gzip"



=== bad_type
--- config
    location = /t { mlsec_call a http://u/ok target=no; mlsec_call z http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== too_large
--- config
    location = /t { mlsec_call_max_size 8; mlsec_call a http://u/bad; mlsec_call z http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"too_large","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== timeout
--- config
    location = /t { mlsec_call a http://mock/ timeout=100ms; mlsec_call z http://u/ok; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"mock","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":0}]}



=== reset: the end comes before the header
--- config
    location = /t { mlsec_call a http://mock/; mlsec_call z http://u/ok; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
"HTTP/1.1 200 O"
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"mock","part":"a","error_type":"reset","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== reset: the end comes before all of the body
--- config
    location = /t { mlsec_call a http://mock/; mlsec_call z http://u/ok; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntrue"
--- request
GET /t
--- response_body chomp
{"a":null,"z":{"ok":1},"errors":[{"service":"mock","part":"a","error_type":"reset","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== a local part
--- config
    location = /t { mlsec_call a /local; mlsec_call b /dead; mlsec_call z http://u/ok; }
    location = /local { return 503; }
    location = /dead { proxy_pass http://dead; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":null,"z":{"ok":1},"errors":[{"service":"a","part":"a","error_type":"upstream_status","status_code":503,"attempts":0,"elapsed_ms":0},{"service":"b","part":"b","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== time that is measured is a number of milliseconds
--- config
    location = /t { mlsec_call a http://mock/ timeout=150ms; mlsec_call z http://u/ok; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
--- response_body_filters eval
[sub { $_[0] }]
--- request
GET /t
--- response_body_like: "elapsed_ms":(?:1[5-9]\d|[2-9]\d\d|\d{4,})\}
