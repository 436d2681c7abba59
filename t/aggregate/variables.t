# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Variables of an aggregate: how many parts, which failed, which was the
# slowest, how many attempts.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(repeat => 1, service => <<'SERVICE', http => <<'HTTP');
    location = /ok { return 200 '{"ok":1}'; }
    location = /bad { return 200 '{'; }
    location = /404 { return 404 '{}'; }
    location = /part { return 200 '["$http_x_part","$http_x_url"]'; }
SERVICE
    upstream pair {
        server unix:$TEST_NGINX_HTML_DIR/nobody.sock max_fails=0;
        server unix:$TEST_NGINX_HTML_DIR/u.sock;
    }

    upstream mock {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }

    log_format vars '<$uri|$mlsec_parts|$mlsec_failed|$mlsec_slowest|$mlsec_slowest_ms|$mlsec_attempts>';
    log_format json escape=json '{"uri":"$request_uri","ua":"$http_user_agent","failed":"$mlsec_failed","id":"$mlsec_request_id"}';
    access_log logs/access.log vars;
HTTP

run_tests();

__DATA__

=== all is well
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/ok; mlsec_call c /local; }
    location = /local { mlsec_respond 1; }
--- request
GET /t
--- access_log eval
qr{</t\|3\|-\|[abc]\|\d+\|2>}



=== parts that failed, in declared order
--- config
    location = /t { mlsec_call a http://u/bad; mlsec_call b http://u/ok; mlsec_call c http://u/404 fallback=null; mlsec_call d http://dead/; }
--- request
GET /t
--- access_log eval
qr{</t\|4\|a,c,d\|[abcd]\|\d+\|4>}



=== the slowest
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://mock/ timeout=150ms; mlsec_call c http://u/ok; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
--- request
GET /t
--- access_log eval
qr{</t\|3\|b\|b\|[1-9]\d\d+\|3>}



=== a part that was left out does not count
--- config
    location = /t { mlsec_call a http://u/ok if=$arg_x; mlsec_call b http://u/ok; }
--- request
GET /t
--- access_log eval
qr{</t\|1\|-\|b\|\d+\|1>}



=== all were left out
--- config
    location = /t { mlsec_call a http://u/ok if=$arg_x; }
--- request
GET /t
--- access_log
</t|0|-|-|-|0>



=== attempts of one part add up
--- config
    location = /t { mlsec_call a http://pair/ok; mlsec_call b http://pair/ok; mlsec_call c http://pair/ok; }
--- request
GET /t
--- response_body chomp
{"a":{"ok":1},"b":{"ok":1},"c":{"ok":1}}
--- access_log eval
qr{</t\|3\|-\|[abc]\|\d+\|[456]>}



=== after an envelope
--- config
    location = /t { mlsec_call a http://u/ok; mlsec_call b http://u/404 required; }
--- request
GET /t
--- error_code: 404
--- access_log eval
qr{</t\|2\|(?:a,)?b\|[ab]\|\d+\|\d>}



=== after an error_page has sent the request elsewhere
--- config
    location = /t { error_page 502 = /page; mlsec_call a http://dead/; }
    location = /page { return 200 "page"; }
--- request
GET /t
--- response_body chomp
page
--- access_log eval
qr{</page\|1\|a\|a\|\d+\|1>}



=== after an error_page has sent the request to a named location
--- config
    location = /t { error_page 502 = @page; mlsec_call a http://dead/; }
    location @page { return 200 "page"; }
--- request
GET /t
--- access_log eval
qr{</t\|1\|a\|a\|\d+\|1>}



=== where there is no aggregate
--- config
    location = /t { return 200 "x"; }
--- request
GET /t
--- access_log
</t|-|-|-|-|->



=== in a response header
--- config
    location = /t {
        add_header X-Parts "$mlsec_parts,$mlsec_failed,$mlsec_attempts";
        mlsec_call a http://u/404;
        mlsec_call b http://u/ok;
    }
--- request
GET /t
--- response_headers
X-Parts: 2,a,2



=== each aggregate has its own
--- config
    location = /t { mlsec_call a /in; mlsec_call b http://u/ok; }
    location = /in { log_subrequest on; mlsec_call x http://dead/; mlsec_call y http://u/ok; mlsec_call z http://u/ok; }
--- request
GET /t
--- access_log eval
[qr{</in\|3\|x\|[xyz]\|\d+\|3>}, qr{</t\|2\|-\|[ab]\|\d+\|1>}]



=== a log of JSON stays JSON whatever the client sends
--- config
    access_log logs/access.log json;
    location = /t { mlsec_call a http://dead/; mlsec_call b http://u/ok; }
--- request
GET /t?x="}{\
--- more_headers eval
"User-Agent: a\"b\\c\x01\xff\tz\nX-Request-ID: \"},{"
--- access_log eval
qr/\{"uri":"\/t\?x=\\"\}\{\\\\","ua":"a\\"b\\\\c\\u0001\xff\\tz","failed":"a","id":"[0-9a-f]{32}"\}/
