# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_validate, mlsec_validate_file: what does not load, and what it says.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(user_files => ">>> r.jq\n[]\n>>> bad.jq\n[\n  .a ||\n]\n");

    if (!defined $block->request) {
        $block->set_value(must_die => '');
        $block->set_value(request => 'GET /x');
    }
});

run_tests();

__DATA__

=== everything that there is
--- http_config
    mlsec_validate report;
--- config
    mlsec_validate content_type=application/json,application/x+json max_size=64k depth=512 duplicates=reject args=1 args_size=1k headers=1000000 header_size=4k;
    mlsec_validate_file $TEST_NGINX_HTML_DIR/r.jq $TEST_NGINX_HTML_DIR/r.jq;
    location = /a { mlsec_validate off; return 204; }
    location = /b { mlsec_validate content_type=application/json duplicates=allow; }
    location /c { mlsec_validate off; location = /c/d { mlsec_validate content_type=text/csv; return 204; } }
    location = /e { mlsec_validate; mlsec_validate_file $TEST_NGINX_HTML_DIR/r.jq; }
--- request
GET /c/d
--- error_code: 204
--- no_error_log
[error]



=== an unknown parameter
--- config
    mlsec_validate size=1k;
--- error_log
unknown parameter "size" in "mlsec_validate", expected content_type=, max_size=, depth=, duplicates=, args=, args_size=, headers=, header_size= or report, or "off" alone



=== off with something
--- config
    mlsec_validate off depth=3;
--- error_log
unknown parameter "off" in "mlsec_validate", expected content_type=, max_size=, depth=, duplicates=, args=, args_size=, headers=, header_size= or report, or "off" alone



=== twice
--- config
    mlsec_validate; mlsec_validate;
--- error_log
"mlsec_validate" directive is duplicate



=== off and on
--- config
    mlsec_validate off; mlsec_validate;
--- error_log
"mlsec_validate" directive is duplicate



=== no type
--- config
    mlsec_validate content_type=;
--- error_log
invalid value "" of "content_type=" in "mlsec_validate", expected types such as "application/json,text/csv", or "any"



=== half a type
--- config
    mlsec_validate content_type=text/csv,json;
--- error_log
invalid value "text/csv,json" of "content_type=" in "mlsec_validate", expected types such as "application/json,text/csv", or "any"



=== a type with a parameter
--- config
    mlsec_validate 'content_type=text/csv; header=present';
--- error_log
of "content_type=" in "mlsec_validate", expected types such as "application/json,text/csv", or "any"



=== a size that is none
--- config
    mlsec_validate max_size=big;
--- error_log
invalid value "big" of "max_size=" in "mlsec_validate", expected a size such as "64k"



=== no size at all
--- config
    mlsec_validate max_size=0;
--- error_log
invalid value "0" of "max_size=" in "mlsec_validate", expected a size such as "64k"



=== too deep
--- config
    mlsec_validate depth=513;
--- error_log
invalid value "513" of "depth=" in "mlsec_validate", expected a number from 1 to 512



=== no depth
--- config
    mlsec_validate depth=0;
--- error_log
invalid value "0" of "depth=" in "mlsec_validate", expected a number from 1 to 512



=== duplicates
--- config
    mlsec_validate duplicates=last;
--- error_log
invalid value "last" of "duplicates=" in "mlsec_validate", expected "reject" or "allow"



=== no args
--- config
    mlsec_validate args=0;
--- error_log
invalid value "0" of "args=" in "mlsec_validate", expected a number from 1 to 1000000



=== the size of args
--- config
    mlsec_validate args_size=-1;
--- error_log
invalid value "-1" of "args_size=" in "mlsec_validate", expected a size such as "4k"



=== headers
--- config
    mlsec_validate headers=1000001;
--- error_log
invalid value "1000001" of "headers=" in "mlsec_validate", expected a number from 1 to 1000000



=== the size of a header
--- config
    mlsec_validate header_size=x;
--- error_log
invalid value "x" of "header_size=" in "mlsec_validate", expected a size such as "4k"



=== no file
--- config
    mlsec_validate_file;
--- error_log
invalid number of arguments in "mlsec_validate_file" directive



=== a file that is not there
--- config
    mlsec_validate_file $TEST_NGINX_HTML_DIR/nobody.jq;
--- error_log
nobody.jq" of "mlsec_validate_file" (2: No such file or directory)



=== a program that is wrong
--- config
    mlsec_validate_file $TEST_NGINX_HTML_DIR/r.jq $TEST_NGINX_HTML_DIR/bad.jq;
--- error_log
bad.jq" in "mlsec_validate_file", line 2, column 7: syntax error: unexpected "|"



=== two of them
--- config
    mlsec_validate_file $TEST_NGINX_HTML_DIR/r.jq;
    mlsec_validate_file $TEST_NGINX_HTML_DIR/r.jq;
--- error_log
a second "mlsec_validate_file" at one level, list the files in one



=== rules that a body could go past
--- config
    location = /x {
        mlsec_validate content_type=application/json,text/csv;
        mlsec_validate_file $TEST_NGINX_HTML_DIR/r.jq;
    }
--- error_log
"mlsec_validate_file" with a "content_type=" of "mlsec_validate" that is not JSON, which the rules would not see, in



=== the same, from two levels
--- config
    mlsec_validate_file $TEST_NGINX_HTML_DIR/r.jq;
    location = /x { mlsec_validate content_type=any; }
--- error_log
that is not JSON, which the rules would not see, in
