# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_filter, mlsec_filter_file and their limits, at load.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /jobs { return 200 '{"jobs":[{"id":1,"p":0.10},{"id":2,"p":0.9}]}'; }
    location = /kpis { return 200 '{"k":[1,2,3],"big":12345678901234567890}'; }
    location = /bad { return 503 '{}'; }
    location = /204 { return 204; }
    location = /echo { return 200 $request_body; }
EOT

run_tests();

__DATA__

=== a program that is wrong
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '.a | | .b'; }
--- must_die
--- error_log
[emerg]
invalid program in "mlsec_filter", line 1, column 6: 



=== a line of its own
--- config
    location = /t {
        mlsec_call k http://u/kpis;
        mlsec_filter '
          .a
          | nonsense';
    }
--- must_die
--- error_log
invalid program in "mlsec_filter", line 3, column 13: 



=== what is not in the language
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter 'input'; }
--- must_die
--- error_log
invalid program in "mlsec_filter", line 1, column 1: 



=== twice
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter .; mlsec_filter_file x.jq; }
--- must_die
--- error_log
a second program in one location, join them with "|" or list the files in one "mlsec_filter_file"



=== without parts
--- config
    location = /t { mlsec_filter .; }
--- must_die
--- error_log
"mlsec_filter" in a location without "mlsec_call" in



=== with mlsec_merge
--- config
    location = /t { mlsec_merge flat; mlsec_call k http://u/kpis; mlsec_filter .; }
--- must_die
--- error_log
"mlsec_filter" with "mlsec_merge" in one location, one of them makes the answer in



=== not in a server
--- config
    mlsec_filter .;
--- must_die
--- error_log
"mlsec_filter" directive is not allowed here



=== files, joined
--- user_files
>>> a.jq
def n: .k.k | length;
>>> b.jq
# a comment at the end
{n: n} # and no newline
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter_file $TEST_NGINX_HTML_DIR/a.jq $TEST_NGINX_HTML_DIR/b.jq; }
--- request
GET /t
--- response_body chop
{"n":3}



=== the file that is wrong is named, with its own lines
--- user_files
>>> a.jq
def n: 1;

>>> b.jq
n
| )
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter_file $TEST_NGINX_HTML_DIR/a.jq $TEST_NGINX_HTML_DIR/b.jq; }
--- must_die
--- error_log eval
qr{invalid program "\S+/b\.jq" in "mlsec_filter_file", line 2, column 3: }



=== no file
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter_file /nonexistent/x.jq; }
--- must_die
--- error_log
cannot open "/nonexistent/x.jq" of "mlsec_filter_file" (2: No such file or directory)



=== a folder
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter_file $TEST_NGINX_HTML_DIR; }
--- must_die
--- error_log eval
qr{"\S+" of "mlsec_filter_file" is not a file of at most 1048576 bytes}



=== max_steps: not a number
--- config
    mlsec_filter_max_steps 0;
--- must_die
--- error_log
invalid number "0" in "mlsec_filter_max_steps", expected at least 1



=== max_steps: twice
--- config
    mlsec_filter_max_steps 1;
    mlsec_filter_max_steps 1;
--- must_die
--- error_log
"mlsec_filter_max_steps" directive is duplicate



=== max_memory: not a size
--- config
    mlsec_filter_max_memory much;
--- must_die
--- error_log
"mlsec_filter_max_memory" directive invalid value



=== limits are inherited, and set anew
--- config
    mlsec_filter_max_steps 5;
    location = /out { mlsec_call k http://u/kpis; mlsec_filter '[range(100)] | length'; }
    location = /in { mlsec_filter_max_steps 100000; mlsec_call k http://u/kpis; mlsec_filter '[range(100)] | length'; }
--- pipelined_requests eval
["GET /in", "GET /out"]
--- error_code eval
[200, 500]
--- response_body_like eval
[qr/^100$/, qr/500/]



=== a location inside has no program
--- config
    location /t {
        mlsec_call k http://u/kpis;
        mlsec_filter '.k.k';
        location = /t/in { mlsec_call k http://u/kpis pick=k; }
    }
--- pipelined_requests eval
["GET /t", "GET /t/in"]
--- response_body eval
["[1,2,3]", '{"k":{"k":[1,2,3]}}']
