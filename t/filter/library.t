# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_filter_library: what stands in front of which programs, at load.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /jobs { return 200 '{"jobs":[{"id":1,"p":0.10},{"id":2,"p":0.9}]}'; }
    location = /kpis { return 200 '{"k":[1,2,3],"big":12345678901234567890}'; }
    location = /sink { return 200 $http_x_body; }
    location = /echo {
        proxy_set_header X-Body $request_body;
        proxy_set_header Content-Length "";
        proxy_pass_request_body off;
        proxy_method GET;
        proxy_pass http://unix:$TEST_NGINX_HTML_DIR/u.sock:/sink;
    }
EOT

run_tests();

__DATA__

=== in front of every program from files, the answer's too
--- http_config eval
"mlsec_filter_library \$TEST_NGINX_HTML_DIR/lib.jq answer=\$TEST_NGINX_HTML_DIR/answer.jq;\n" . $::Http
--- user_files
>>> lib.jq
def two: . * 2;
>>> answer.jq
def all($of): {all: $of, failed: ($errors | length)};
>>> part.jq
map(.id | two)
>>> body.jq
map(two)
>>> rule.jq
[if any(.[]; two > 10) then {loc: ["body"], msg: "too much", type: "x"} else empty end]
>>> answers.jq
all([.j, .e, (.k.k | map(two))])
--- config
    location = /t {
        mlsec_allow any;
        mlsec_validate_file $TEST_NGINX_HTML_DIR/rule.jq;
        mlsec_call j http://u/jobs target=jobs filter_file=$TEST_NGINX_HTML_DIR/part.jq;
        mlsec_call e http://u/echo method=POST body=file:$TEST_NGINX_HTML_DIR/body.jq;
        mlsec_call k http://u/kpis;
        mlsec_filter_file $TEST_NGINX_HTML_DIR/answers.jq;
    }
--- request eval
["POST /t\n[1,5]", "POST /t\n[1,6]"]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 422]
--- response_body_like eval
[qr/\A\{"all":\[\[2,4\],\[2,10\],\[2,4,6\]\],"failed":0\}\z/, qr/"msg":"too much"/]



=== a program of nginx.conf has none
--- http_config eval
"mlsec_filter_library \$TEST_NGINX_HTML_DIR/lib.jq;\n" . $::Http
--- user_files
>>> lib.jq
def two: . * 2;
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '.k.k | map(two)'; }
--- must_die
--- error_log eval
qr{invalid program in "mlsec_filter", line 1, column \d+: }



=== answer= is not for a part
--- http_config eval
"mlsec_filter_library answer=\$TEST_NGINX_HTML_DIR/answer.jq;\n" . $::Http
--- user_files
>>> answer.jq
def two: . * 2;
>>> part.jq
map(two)
--- config
    location = /t { mlsec_call j http://u/kpis target=k filter_file=$TEST_NGINX_HTML_DIR/part.jq; }
--- must_die
--- error_log eval
qr{invalid program "\S+/part\.jq" in "mlsec_call", line 1, column \d+: }



=== what is wrong in it is said with its name and line
--- http_config eval
"mlsec_filter_library \$TEST_NGINX_HTML_DIR/a.jq \$TEST_NGINX_HTML_DIR/lib.jq;\n" . $::Http
--- user_files
>>> a.jq
def a: 1;

>>> lib.jq
def b: 2;
def c: | ;
>>> p.jq
a
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter_file $TEST_NGINX_HTML_DIR/p.jq; }
--- must_die
--- error_log eval
qr{invalid program "\S+/lib\.jq" in "mlsec_filter_file", line 2, column \d+: }



=== a file that is not there, though no program asks for it
--- http_config
    mlsec_filter_library none.jq;
--- config
    location = /t { return 200; }
--- must_die
--- error_log eval
qr{cannot open "\S+/none\.jq" of "mlsec_filter_library" \(2: No such file or directory\)}



=== twice
--- http_config
    mlsec_filter_library $TEST_NGINX_HTML_DIR/a.jq;
    mlsec_filter_library $TEST_NGINX_HTML_DIR/a.jq;
--- user_files
>>> a.jq
def a: 1;
--- config
    location = /t { return 200; }
--- must_die
--- error_log
"mlsec_filter_library" directive is duplicate



=== behind a program
--- http_config
    server {
        listen unix:$TEST_NGINX_HTML_DIR/x.sock;
        location = /r { mlsec_validate_file $TEST_NGINX_HTML_DIR/a.jq; }
    }
    mlsec_filter_library $TEST_NGINX_HTML_DIR/a.jq;
--- user_files
>>> a.jq
.
--- config
    location = /t { return 200; }
--- must_die
--- error_log
"mlsec_filter_library" stands behind a program that it would be for, move it to the beginning of "http" in



=== in a server
--- user_files
>>> a.jq
def a: 1;
--- config
    mlsec_filter_library $TEST_NGINX_HTML_DIR/a.jq;
--- must_die
--- error_log
"mlsec_filter_library" directive is not allowed here



=== nothing
--- http_config
    mlsec_filter_library;
--- config
    location = /t { return 200; }
--- must_die
--- error_log
invalid number of arguments in "mlsec_filter_library" directive
