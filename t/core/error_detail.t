# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_error_detail: how much of a service's own error is shown.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /ok { return 200 '{"ok":1}'; }
    location = /422 { default_type application/json; return 422 '{"secret":[1.10, 2]}'; }
    location = /500 { default_type text/html; return 500 "<p>\"stack\"</p>"; }
    location = /503 { error_page 503 /empty.txt; return 503; }
    location = /bad { return 200 '{"secret":'; }
    location / { root $TEST_NGINX_HTML_DIR; error_page 404 =500 /big.txt; }
EOT

run_tests();

__DATA__

=== off by default
--- config
    location = /t { mlsec_call a http://u/422; mlsec_call b http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"upstream_status","status_code":422,"attempts":1,"elapsed_ms":0}]}



=== off
--- config
    mlsec_error_detail off;
    location = /t { mlsec_call a http://u/422; mlsec_call b http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"upstream_status","status_code":422,"attempts":1,"elapsed_ms":0}]}



=== status
--- config
    mlsec_error_detail status;
    location = /t { mlsec_call a http://u/422; mlsec_call b http://dead/; mlsec_call c http://u/bad; mlsec_call d http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":null,"c":null,"d":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"upstream_status","status_code":422,"attempts":1,"elapsed_ms":0,"upstream_status":422},{"service":"dead","part":"b","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"c","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0,"upstream_status":200}]}



=== body: JSON as it came, other text as a string
--- config
    mlsec_error_detail body;
    location = /t { mlsec_call a http://u/422; mlsec_call b http://u/500; mlsec_call c http://u/503; mlsec_call d http://dead/; mlsec_call e http://u/ok; }
--- user_files
>>> empty.txt
--- request
GET /t
--- response_body chomp
{"a":null,"b":null,"c":null,"d":null,"e":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"upstream_status","status_code":422,"attempts":1,"elapsed_ms":0,"upstream_status":422,"upstream_body":{"secret":[1.10, 2]}},{"service":"u","part":"b","error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0,"upstream_status":500,"upstream_body":"<p>\"stack\"</p>"},{"service":"u","part":"c","error_type":"upstream_status","status_code":503,"attempts":1,"elapsed_ms":0,"upstream_status":503,"upstream_body":""},{"service":"dead","part":"d","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== body: what was to be merged is not shown
--- config
    mlsec_error_detail body;
    location = /t { mlsec_call a http://u/bad; mlsec_call b http://u/ok; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0,"upstream_status":200}]}



=== body: at most 2048 bytes of it
--- config
    mlsec_error_detail body;
    location = /t { mlsec_call a http://u/nothing; mlsec_call b http://u/ok; }
--- user_files eval
">>> big.txt\n[" . "1" x 5000 . "]\n"
--- request
GET /t
--- response_body eval
'{"a":null,"b":{"ok":1},"errors":[{"service":"u","part":"a","error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0,"upstream_status":500,"upstream_body":"['
. "1" x 2047 . '"}]}'



=== in an envelope
--- config
    mlsec_error_detail body;
    location = /t { mlsec_call a http://u/422 required; }
--- request
GET /t
--- error_code: 422
--- response_body chomp
{"error":true,"status_code":422,"message":"Service u answered with status 422","path":"/t","timestamp":"T","request_id":"R","detail":"Service u answered with status 422","details":{"service":"u","part":"a","error_type":"upstream_status","status_code":422,"attempts":1,"elapsed_ms":0,"upstream_status":422,"upstream_body":{"secret":[1.10, 2]},"errors":[{"service":"u","part":"a","error_type":"upstream_status","status_code":422,"attempts":1,"elapsed_ms":0,"upstream_status":422,"upstream_body":{"secret":[1.10, 2]}}]}}



=== inherited, own wins
--- http_config eval
$::Http . "mlsec_error_detail status;"
--- config
    location = /s { mlsec_call a http://u/422; mlsec_call b http://u/ok; }
    location = /o { mlsec_error_detail off; mlsec_call a http://u/422; mlsec_call b http://u/ok; }
--- request eval
["GET /s", "GET /o"]
--- response_body_like eval
[qr/"upstream_status":422/, qr/"elapsed_ms":0\}\]\}$/]



=== another value
--- config
    mlsec_error_detail all;
--- must_die
--- error_log
[emerg]
invalid value "all"



=== given twice
--- config
    mlsec_error_detail off;
    mlsec_error_detail off;
--- must_die
--- error_log
[emerg]
"mlsec_error_detail" directive is duplicate
