# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Statements about error.log and access.log.

use Test::Nginx::Socket;

repeat_each(2);

plan tests => repeat_each() * (3 + 3 + 3 + 3 + 2 + 2 + 3 + 2 + 4 + 2);

log_level('info');

run_tests();

__DATA__

=== TEST 1: lines of error_log, each an assertion
--- config
    location /t { root html; }
--- request
GET /t
--- error_code: 404
--- error_log
No such file or directory
client: 127.0.0.1


=== TEST 2: a line stands for itself, not for a pattern
--- config
    location /t { rewrite_log on; rewrite ^/t(.*)$ /u$1; return 200 ""; }
--- log_level: notice
--- request
GET /t
--- error_log
"^/t(.*)$" matches "/t"
--- no_error_log
"^/t(.)$" matches


=== TEST 3: error_log by qr and array
--- config
    location /t { root html; }
--- request
GET /t
--- error_code: 404
--- error_log eval
[qr/open\(\) ".+" failed/, "(2: No such file"]


=== TEST 4: no_error_log in lines
--- config
    location /t { return 200 ""; }
--- request
GET /t
--- no_error_log
[error]
[alert]


=== TEST 5: no_error_log by qr
--- config
    location /t { return 200 ""; }
--- request
GET /t
--- no_error_log eval
qr/\[(?:error|crit|emerg)\]/


=== TEST 6: log_level of a block
--- config
    location /t { return 200 ""; }
--- log_level: debug
--- request
GET /t
--- error_log
[debug]


=== TEST 7: log_level of the file
--- config
    location /t { root html; }
--- request
GET /t
--- error_code: 404
--- error_log
[error]
--- no_error_log
[debug]


=== TEST 8: grep_error_log collects what matches
--- config
    location /t { rewrite_log on; rewrite ^ /u; rewrite ^ /v; return 200 ""; }
--- log_level: notice
--- request
GET /t
--- grep_error_log eval
qr/rewritten data: "[^"]+"/
--- grep_error_log_out
rewritten data: "/u"
rewritten data: "/v"


=== TEST 9: access_log
--- http_config
    log_format probe 'probe $request_method $uri $status';
--- config
    location /t {
        access_log $TEST_NGINX_SERVER_ROOT/logs/access.log probe;
        return 202 "";
    }
--- request
GET /t
--- error_code: 202
--- access_log eval
[qr/^probe GET/m, "probe GET /t 202", qr/ 20[2]$/m]


=== TEST 10: a line that comes late
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/u;
        post_action /late;
    }
    location /u { return 200 ""; }
    location /late { root html; }
--- request
GET /t
--- wait: 0.1
--- error_log
/late" failed
