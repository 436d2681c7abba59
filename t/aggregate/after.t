# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# after= of mlsec_call, and "{NAME.path}": a part starts when those that it
# needs have ended well, with values of their bodies.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, config => 'mlsec_errors on;', service => <<'EOT');
    location = /job {
        return 200 '{"id":"j1","model":{"name":"fraud/v2 é?#%..\\u0026x","n":9007199254740993,"ok":true,"none":null,"tags":["a"]},"empty":"","dots":"..","nul":"a\u0000b","nl":"a\\nb"}';
    }

    location = /id { return 200 '"m7"'; }
    location = /list { return 200 '["m7"]'; }
    location = /status { return 418; }
    location = /empty { return 204; }
    location = /hdr { return 200 '{"x":"$http_x","y":"$http_y"}'; }
    location /at { return 200 '{"at":"$request_uri"}'; }
EOT

no_long_string();
run_tests();

__DATA__

=== values stay in the segment or the query value where they stand
--- config
    location = /t {
        mlsec_call job http://u/job pick=id;
        mlsec_call a 'http://u/at/{job.id}/x' after=job;
        mlsec_call full http://u/job;
        mlsec_call b 'http://u/at/{full.model.name}/x?n={full.model.n}&ok={full.model.ok}&q={full.model.name}';
        mlsec_call c 'http://u/at?{full.id}=1' after=a,b;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"job":{"id":"j1"},"a":{"at":"/at/j1/x"},"full":{"id":"j1","model":{"name":"fraud/v2 é?#%..\u0026x","n":9007199254740993,"ok":true,"none":null,"tags":["a"]},"empty":"","dots":"..","nul":"a\u0000b","nl":"a\nb"},"b":{"at":"/at/fraud%2Fv2%20%C3%A9%3F%23%25..%26x/x?n=9007199254740993&ok=true&q=fraud%2Fv2%20%C3%A9%3F%23%25..%26x"},"c":{"at":"/at?j1=1"}}



=== the body of a part is what stands in the answer for it
--- config
    location = /t {
        mlsec_call job http://u/job target=model.name;
        mlsec_call id http://u/id;
        mlsec_call text http://u/id as=text;
        mlsec_call a 'http://u/at/{job}';
        mlsec_call b 'http://u/at/{id}';
        mlsec_call c 'http://u/at/{text}';
    }
--- request
GET /t
--- response_body chomp
{"job":"fraud/v2 é?#%..\u0026x","id":"m7","text":"\"m7\"","a":{"at":"/at/fraud%2Fv2%20%C3%A9%3F%23%25..%26x"},"b":{"at":"/at/m7"},"c":{"at":"/at/%22m7%22"}}



=== what was picked away is not there
--- config
    location = /t {
        mlsec_call job http://u/job pick=id;
        mlsec_call a 'http://u/at/{job.model.n}';
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"job":{"id":"j1"},"a":null,"errors":[{"service":"u","part":"a","error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0}]}
--- error_log
mlsec aggregate: part failed, part: "a", service: "u", type: dependency, status: 502, attempts: 0, after 0 ms



=== missing, null, object, array, dots, NUL, empty: this part fails
--- config
    location = /t {
        mlsec_call job http://u/job pick=id;
        mlsec_call j http://u/job fallback=omit;
        mlsec_call a 'http://u/at/{j.no}' fallback=json:1;
        mlsec_call b 'http://u/at/{j.model.none}' fallback=json:2;
        mlsec_call c 'http://u/at/{j.model}' fallback=json:3;
        mlsec_call d 'http://u/at/{j.model.tags}' fallback=json:4;
        mlsec_call e 'http://u/at/{j.dots}' fallback=json:5;
        mlsec_call f 'http://u/at/{j.nul}' fallback=json:6;
        mlsec_call g 'http://u/at/{j.empty}' fallback=json:7;
        mlsec_call h 'http://u/at?q={j.empty}';
        mlsec_call i 'http://u/at/x' 'header=X: {j.nl}' fallback=json:9;
        mlsec_call k '/local/{j.model.name}' fallback=json:10;
        mlsec_call l 'http://u/at/{j.id.x}' fallback=json:11;
        mlsec_call m 'http://u/at/{list.x}' fallback=json:12;
        mlsec_call list http://u/list;
    }
    location /local/ { return 200 1; }
--- request
GET /t
--- response_body_like eval
qr/"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":\{"at":"\/at\?q="\},"i":9,"k":10,"l":11,"m":12,"list":\["m7"\],"errors":\[(?:\{"service":"[uk]","part":"[a-gik-m]","error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0,"fallback":true\},?){11}\]\}$/



=== values in headers, text in braces that is no name
--- config
    location = /t {
        mlsec_call job http://u/job pick=id;
        mlsec_call id http://u/id;
        mlsec_call a http://u/hdr 'header=X: {id}' 'header=Y: j={job.id};a=$arg_a;';
        mlsec_call b http://u/hdr 'header=X: {id 1}' 'header=Y: {}{a b}{.}{';
    }
--- request
GET /t?a=7
--- response_body chomp
{"job":{"id":"j1"},"id":"m7","a":{"x":"m7","y":"j=j1;a=7;"},"b":{"x":"{id 1}","y":"{}{a b}{.}{"}}



=== an escaped brace is text
--- config
    location = /t {
        mlsec_call a 'http://u/at/%7Bb%7D';
        mlsec_call b '/local/%7Ba%7D/%24x/{id}';
        mlsec_call id http://u/id;
    }
    location /local/ { return 200 '"$uri"'; }
--- request
GET /t
--- response_body chomp
{"a":{"at":"/at/%7Bb%7D"},"b":"/local/{a}/$x/m7","id":"m7"}



=== an unescaped one is put together with the client's
--- config
    location ~ ^/t/(.*)$ {
        mlsec_call id http://u/id;
        mlsec_call a 'http://u/at/{id}$1?x=$arg_x' args=y;
    }
--- request
GET /t/a%20b?x=%26&y=1
--- response_body chomp
{"id":"m7","a":{"at":"/at/m7a%20b?x=%26&y=1"}}



=== a client's bad value is refused before any service is called
--- config
    log_subrequest on;
    location = /t {
        mlsec_call id http://u/id;
        mlsec_call a 'http://u/at/{id}/$arg_p' after=id;
    }
--- request
GET /t?p=..
--- error_code: 400
--- response_body_like chomp
"message":"A value in the path or query is not allowed"
--- no_error_log
mlsec capture done
[error]



=== the same for a header
--- config
    location /t/ {
        mlsec_call id http://u/id;
        mlsec_call a http://u/at after=id 'header=X: $uri';
        mlsec_call b http://u/at 'header=X: {id}$uri';
    }
--- request
GET /t/a%0Ab
--- error_code: 400
--- no_error_log
mlsec capture done
[error]



=== a value that leads out together with what stands beside it
--- config
    location = /t {
        mlsec_call dot /dot;
        mlsec_call a 'http://u/at/{dot}$arg_d/x';
    }
    location = /dot { return 200 '"."'; }
--- request eval
["GET /t?d=.", "GET /t?d=x"]
--- response_body eval
['{"dot":".","a":null,"errors":[{"service":"u","part":"a","error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0}]}',
 '{"dot":".","a":{"at":"/at/.x/x"}}']



=== after a failure
--- config
    location = /t {
        mlsec_call d http://dead/;
        mlsec_call a http://u/at after=d;
        mlsec_call b http://u/at/b after=a;
        mlsec_call c http://u/at/c;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"d":null,"a":null,"b":null,"c":{"at":"/at/c"},"errors":[{"service":"dead","part":"d","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0},{"service":"u","part":"a","error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0},{"service":"u","part":"b","error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0}]}



=== one of two has failed
--- config
    location = /t {
        mlsec_merge array;
        mlsec_call d http://dead/;
        mlsec_call a http://u/at after=c,d;
        mlsec_call c http://u/at/c;
    }
--- request
GET /t
--- response_headers
X-Gateway-Failed: d,a
--- response_body chomp
[null,null,{"at":"/at/c"}]



=== its fallback is used
--- config
    location = /t {
        mlsec_call d http://dead/ 'fallback=json:{"id":"none/0"}';
        mlsec_call a 'http://u/at/{d.id}';
    }
--- request
GET /t
--- response_body chomp
{"d":{"id":"none/0"},"a":{"at":"/at/none%2F0"},"errors":[{"service":"dead","part":"d","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== fallback=null has no value, but the part ended well
--- config
    location = /t {
        mlsec_call d http://dead/ fallback=null;
        mlsec_call a 'http://u/at/{d.id}';
        mlsec_call b http://u/at after=d;
    }
--- request
GET /t
--- response_body chomp
{"d":null,"a":null,"b":{"at":"/at"},"errors":[{"service":"dead","part":"d","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"u","part":"a","error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0}]}



=== fallback=omit leaves nothing
--- config
    location = /t {
        mlsec_call d http://dead/ fallback=omit;
        mlsec_call a http://u/at after=d;
        mlsec_call c http://u/at/c;
    }
--- request
GET /t
--- response_body chomp
{"a":null,"c":{"at":"/at/c"},"errors":[{"service":"dead","part":"d","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"u","part":"a","error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0}]}



=== left out by if=: so are those behind it
--- config
    location = /t {
        mlsec_call d http://u/id if=$arg_d;
        mlsec_call a 'http://u/at/{d}' required;
        mlsec_call b http://u/at after=a;
        mlsec_call c http://u/at/c;
        mlsec_call e http://u/at/e after=dead,d;
        mlsec_call dead http://dead/ fallback=json:0;
    }
--- request eval
["GET /t", "GET /t?d=1"]
--- response_body eval
['{"c":{"at":"/at/c"},"dead":0,"errors":[{"service":"dead","part":"dead","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}',
 '{"d":"m7","a":{"at":"/at/m7"},"b":{"at":"/at"},"c":{"at":"/at/c"},"e":{"at":"/at/e"},"dead":0,"errors":[{"service":"dead","part":"dead","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true}]}']



=== if= of a part that waits
--- config
    location = /t {
        mlsec_call d http://u/id;
        mlsec_call a 'http://u/at/{d}' if=$arg_a;
        mlsec_call b http://u/at after=a;
    }
--- request eval
["GET /t", "GET /t?a=1"]
--- response_body eval
['{"d":"m7"}', '{"d":"m7","a":{"at":"/at/m7"},"b":{"at":"/at"}}']



=== left out counts more than failed, whoever comes first
--- config
    location = /t {
        mlsec_call dead http://dead/;
        mlsec_call a http://u/at after=dead,no if=$arg_a;
        mlsec_call no http://u/at if=$arg_no;
        mlsec_call b http://u/at after=dead,no;
        mlsec_call c http://u/at/c;
    }
--- request
GET /t?a=1
--- response_body chomp
{"dead":null,"c":{"at":"/at/c"},"errors":[{"service":"dead","part":"dead","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":0}]}



=== required, and what it needs has failed
--- config
    location = /t {
        mlsec_call d http://dead/;
        mlsec_call a http://u/at after=d required;
        mlsec_call c http://u/at/c;
    }
--- request
GET /t
--- error_code: 502
--- response_body_like eval
qr/^\{"error":true,"status_code":502,"message":"Service u was not called, what it depends on failed or is missing",.*"details":\{"service":"u","part":"a","error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0,"errors":\[\{"service":"dead","part":"d","error_type":"connect"/



=== what it needs is required too: that one is the cause
--- config
    location = /t {
        mlsec_call a http://u/at after=s required;
        mlsec_call s http://u/status required ok=2xx;
        mlsec_call c http://u/at after=a;
    }
--- request
GET /t
--- error_code: 502
--- response_body_like eval
qr/"message":"Service u answered with status 418",.*"details":\{"service":"u","part":"s",.*"errors":\[\{"service":"u","part":"a","error_type":"canceled","status_code":503,"attempts":0,"elapsed_ms":0\},\{"service":"u","part":"s".*\{"service":"u","part":"c","error_type":"canceled"/



=== all failed: the first that is no consequence names the cause
--- config
    location = /t {
        mlsec_call a http://u/at after=d;
        mlsec_call d http://dead/;
    }
--- request
GET /t
--- error_code: 502
--- response_body_like eval
qr/"details":\{"service":"dead","part":"d","error_type":"connect"/



=== mlsec_on_failure
--- config
    location = /t {
        mlsec_on_failure 503;
        mlsec_call d http://dead/;
        mlsec_call a http://u/at after=d required;
        mlsec_call c http://u/at;
    }
--- request
GET /t
--- error_code: 503



=== flat and concat
--- config
    location = /flat {
        mlsec_merge flat on_conflict=last;
        mlsec_call b 'http://u/at/{a.id}' after=a;
        mlsec_call a http://u/job pick=id;
    }
    location = /concat {
        mlsec_merge concat;
        mlsec_call a http://u/list;
        mlsec_call b http://u/list after=a;
    }
--- request eval
["GET /flat", "GET /concat"]
--- response_body eval
['{"at":"/at/j1","id":"j1"}', '["m7","m7"]']



=== an if inside the location, and limit_except
--- config
    location = /t {
        mlsec_call id http://u/id;
        mlsec_call a 'http://u/at/{id}';
        if ($arg_x) { set $y 1; }
        limit_except GET { allow all; }
    }
--- request eval
["GET /t?x=1", "PUT /t"]
--- response_body eval
['{"id":"m7","a":{"at":"/at/m7"}}', '{"id":"m7","a":{"at":"/at/m7"}}']



=== a chain through an aggregate that is a part
--- config
    location = /t {
        mlsec_call in /inner;
        mlsec_call a 'http://u/at/{in.b.at}';
    }
    location = /inner {
        internal;
        mlsec_call id http://u/id;
        mlsec_call b 'http://u/at/{id}';
    }
--- request
GET /t
--- response_body chomp
{"in":{"id":"m7","b":{"at":"/at/m7"}},"a":{"at":"/at/%2Fat%2Fm7"}}



=== with the client's body
--- config
    location = /t {
        mlsec_call id http://u/id;
        mlsec_call a 'http://echo/{id}' body=on;
        mlsec_call b http://echo/b body=on after=a;
    }
--- http_config eval
$::Http . <<'EOT'
    upstream echo { server unix:$TEST_NGINX_HTML_DIR/echo.sock; }
    server {
        listen unix:$TEST_NGINX_HTML_DIR/echo.sock;
        location / {
            proxy_method GET;
            proxy_pass http://unix:$TEST_NGINX_HTML_DIR/echo2.sock;
            proxy_set_header X $request_method-$request_uri-$http_content_length;
        }
    }
    server {
        listen unix:$TEST_NGINX_HTML_DIR/echo2.sock;
        location / { return 200 '"$http_x"'; }
    }
EOT
--- request
POST /t
12345
--- response_body chomp
{"id":"m7","a":"POST-/m7-5","b":"POST-/b-5"}



=== HEAD
--- config
    location = /t {
        mlsec_call id http://u/id;
        mlsec_call a 'http://u/at/{id}';
    }
--- request
HEAD /t
--- response_headers
Content-Length: 31
X-Gateway-Completed: true
--- response_body



=== variables and Server-Timing
--- config
    location = /t {
        mlsec_server_timing on;
        mlsec_call d http://dead/;
        mlsec_call a http://u/at after=d;
        mlsec_call id http://u/id;
        mlsec_call b 'http://u/at/{id}';
        mlsec_call c http://u/at if=$arg_c;
        mlsec_call e http://u/at after=c;
        add_header X-Values "$mlsec_parts $mlsec_failed $mlsec_attempts";
    }
--- request
GET /t
--- response_headers_like
X-Values: 4 d,a 3
Server-Timing: d;dur=\d+;desc="connect", a;dur=0;desc="dependency", id;dur=\d+, b;dur=\d+



=== Cache-Control is the strictest of all
--- config
    location = /t {
        mlsec_call a /a;
        mlsec_call b /b after=a;
    }
    location = /a { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/c.sock:/a; }
    location = /b { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/c.sock:/b; }
--- http_config
    server {
        listen unix:$TEST_NGINX_HTML_DIR/c.sock;
        location = /a { add_header Cache-Control "public, max-age=60"; return 200 1; }
        location = /b { add_header Cache-Control "public, max-age=10"; return 200 1; }
    }
--- request
GET /t
--- response_headers
Cache-Control: public, max-age=10
--- response_body chomp
{"a":1,"b":1}



=== a path that begins with a variable has to begin with a slash
--- config
    location = /t {
        mlsec_call a http://u$arg_p;
    }
--- request eval
["GET /t?p=.example.com", "GET /t"]
--- error_code eval
[400, 400]
