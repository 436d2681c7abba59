# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_service: the name of an upstream{} in errors, and defaults for calls.

use Test::Nginx::Socket 'no_plan';

BEGIN {
    use Cwd;
    $ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf';
}

repeat_each(2);

$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

our $Http = <<'EOT';
    server {
        listen unix:$TEST_NGINX_HTML_DIR/u.sock;
        location / { return 200 '"$http_host"'; }
        location /500 { return 500; }
    }
EOT

# what differs from run to run

sub fixed {
    my $body = shift;

    $body =~ s/"elapsed_ms":\d+/"elapsed_ms":0/g;
    $body =~ s/"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"/"timestamp":"T"/;
    $body =~ s/"request_id":"[0-9a-f]{32}"/"request_id":"R"/;

    return $body;
}

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value(http_config => $Http);
    }

    $block->set_value(config => "include \$TEST_NGINX_MLSEC_CONF"
                                . "/mlsec_parts.conf;\n" . $block->config);
    $block->set_value(response_body_filters => [\&fixed]);
});

run_tests();

__DATA__

=== without it the upstream's own name
--- http_config eval
$::Http . 'upstream u { server unix:$TEST_NGINX_HTML_DIR/u.sock; }'
--- config
    location = /t { mlsec_call a http://u/x; mlsec_call b http://u/500; }
--- request
GET /t
--- response_body chomp
{"a":"u","b":null,"errors":[{"service":"u","part":"b","error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0}]}



=== the name in errors and in the log, the Host stays
--- http_config eval
$::Http . 'upstream u { server unix:$TEST_NGINX_HTML_DIR/u.sock; mlsec_service training; }'
--- config
    location = /t { mlsec_call a http://u/x; mlsec_call b http://u/500; }
--- request
GET /t
--- response_body chomp
{"a":"u","b":null,"errors":[{"service":"training","part":"b","error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0}]}
--- error_log eval
qr/\[error\] .*mlsec aggregate: part failed, part: "b", service: "training", type: upstream_status, status: 500, attempts: 1, after \d+ ms/



=== service= of a call wins
--- http_config eval
$::Http . 'upstream u { server unix:$TEST_NGINX_HTML_DIR/u.sock; mlsec_service training; }'
--- config
    location = /t { mlsec_call a http://u/500 'service=jobs of "x"'; mlsec_call b http://u/x; mlsec_call c /no service=local; mlsec_call d /no; }
--- request
GET /t
--- response_body chomp
{"a":null,"b":"u","c":null,"d":null,"errors":[{"service":"jobs of \"x\"","part":"a","error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0},{"service":"local","part":"c","error_type":"upstream_status","status_code":404,"attempts":0,"elapsed_ms":0},{"service":"d","part":"d","error_type":"upstream_status","status_code":404,"attempts":0,"elapsed_ms":0}]}



=== in the envelope
--- http_config eval
$::Http . 'upstream u { server unix:$TEST_NGINX_HTML_DIR/u.sock; mlsec_service training; }'
--- config
    location = /t { mlsec_call a http://u/500 required; }
--- request
GET /t
--- error_code: 502
--- response_body_like: "message":"Service training answered with status 500",.*"details":\{"service":"training","part":"a",



=== host=
--- http_config eval
$::Http . 'upstream u { server unix:$TEST_NGINX_HTML_DIR/u.sock; mlsec_service training host=t.example:81; }'
--- config
    location = /t { mlsec_call a http://u/x; mlsec_call b http://u/x 'header=Host: own'; }
--- request
GET /t
--- response_body chomp
{"a":"t.example:81","b":"own"}



=== timeout= is the default of its calls, host= and timeout= in any order
--- http_config
    upstream u {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        mlsec_service training timeout=100ms host=t;
    }
--- config
    location = /t { mlsec_call a http://u/x; mlsec_call b /local; }
    location = /local { mlsec_respond 1; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
--- request
GET /t
--- response_body chomp
{"a":null,"b":1,"errors":[{"service":"training","part":"a","error_type":"timeout","status_code":504,"attempts":1,"elapsed_ms":0}]}



=== timeout= of a call wins
--- http_config
    upstream u {
        server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        mlsec_service training timeout=50ms;
    }
--- config
    location = /t { mlsec_call a http://u/x timeout=5s; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 0.3
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
--- request
GET /t
--- response_body chomp
{"a":true}



=== outside of upstream{}
--- config
    mlsec_service training;
--- must_die
--- error_log
[emerg]
"mlsec_service" directive is not allowed here



=== given twice
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_service a; mlsec_service b; }
--- config
--- must_die
--- error_log
[emerg]
"mlsec_service" directive is duplicate



=== an empty name
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_service ""; }
--- config
--- must_die
--- error_log
[emerg]
empty name in "mlsec_service", expected a name for logs and errors



=== a bad time
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_service a timeout=3x; }
--- config
--- must_die
--- error_log
[emerg]
invalid time "3x" in "timeout=" of "mlsec_service", expected a time such as "3s" or "250ms"



=== no time at all
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_service a timeout=0; }
--- config
--- must_die
--- error_log
[emerg]
invalid time "0" in "timeout=" of "mlsec_service", expected a time such as "3s" or "250ms"



=== an unknown parameter
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_service a colour=red; }
--- config
--- must_die
--- error_log
[emerg]
unknown parameter "colour=red" in "mlsec_service", expected "timeout=", "host=", "weight=" or "critical"



=== an empty host=
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_service a host=; }
--- config
--- must_die
--- error_log
[emerg]
unknown parameter "host=" in "mlsec_service", expected "timeout=", "host=", "weight=" or "critical"
