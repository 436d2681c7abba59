# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# as= of mlsec_call: a body that is no JSON becomes a string.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /plain { default_type text/plain; return 200 "he said \"hi\"\\ \t\r\n"; }
    location = /json { return 200 '{"a":1}'; }
    location = /empty { return 204; }
    location = /none { return 200 ''; }
    location = /500 { return 500 'boom'; }
    location / { root $TEST_NGINX_HTML_DIR; }
EOT

run_tests();

__DATA__

=== text, escaped
--- config
    location = /t { mlsec_call a http://u/plain as=text; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
Content-Type: application/json
--- response_body chomp
{"a":"he said \"hi\"\\ \t\r\n"}



=== JSON is text like any other
--- config
    location = /t { mlsec_call a http://u/json as=text; mlsec_call b http://u/json as=json; }
--- request
GET /t
--- response_body chomp
{"a":"{\"a\":1}","b":{"a":1}}



=== without it text is not JSON
--- config
    location = /t { mlsec_call a http://u/plain; mlsec_call b http://u/json; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":{"a":1},"errors":[{"service":"u","part":"a","error_type":"bad_json","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== no content is null
--- config
    location = /t { mlsec_call a http://u/empty as=text; mlsec_call b http://u/none as=text; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":null}



=== control characters and bytes that are no UTF-8
--- config
    location = /t { mlsec_call a http://u/f.bin as=text; }
--- user_files eval
">>> f.bin\n\x00\x01\x1f\x7f/\xc3\xa9\xff\xed\xa0\x80\xf0\x9f\x98\x80"
--- request
GET /t
--- response_body eval
qq({"a":"\\u0000\\u0001\\u001f\x7f/\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80"})



=== an error stays an error
--- config
    location = /t { mlsec_call a http://u/500 as=text; mlsec_call b http://u/500 as=text ok=500; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":"boom","errors":[{"service":"u","part":"a","error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0}]}



=== in array
--- config
    location = /t { mlsec_merge array; mlsec_call a http://u/500 as=text ok=500; mlsec_call b http://u/json; }
--- request
GET /t
--- response_body chomp
["boom",{"a":1}]



=== a string fits neither flat nor concat
--- config
    location = /t { mlsec_merge flat; mlsec_call a http://u/json as=text; mlsec_call b http://u/json; }
--- request
GET /t
--- response_body chomp
{"a":1,"errors":[{"service":"u","part":"a","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0}]}
