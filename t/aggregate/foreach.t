# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# foreach= of mlsec_call: a call for each element of a list.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, config => 'mlsec_errors on;', service => <<'EOT');
    location = /jobs { return 200 '{"jobs":[{"id":"a"},{"id":"b","model":"m/1"},{"id":"c","model":null}],"ids":["x",2,true],"none":[],"null":null,"one":"solo"}'; }
    location = /ids { return 200 '["a","b","c"]'; }
    location = /odd { return 200 '["a/b","..",".","","x\u0000y",{"id":1},[2],null,"é ?&","z\\nz"]'; }
    location = /big { return 200 '[9007199254740993,1.10,-0]'; }
    location = /hdr { return 200 '"$http_x"'; }
    location /at { return 200 '{"at":"$request_uri","pad":[1]}'; }
    location = /item/b { return 500 '{"no":1}'; }
    location = /item/bad { return 200 '{'; }
    location ~ ^/item/(.*)$ { return 200 ' {"id":"$1"} '; }
    location = /text/b { return 404; }
    location ~ ^/text/(.*)$ { return 200 'it is "$1"'; }
    location ~ ^/list/(.*)$ { return 200 '[{"of":"$1","n":[1,2]}]'; }
    location /all { return 500; }
EOT

no_long_string();
run_tests();

__DATA__

=== an element, a call, a place in the list
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call items http://u/at/$mlsec_item/x?id=$mlsec_item foreach=ids pick=at;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"ids":["a","b","c"],"items":[{"at":"/at/a/x?id=a"},{"at":"/at/b/x?id=b"},{"at":"/at/c/x?id=c"}]}



=== a path, through objects and arrays; the list declared behind
--- config
    location = /t {
        mlsec_call a http://u/at/$mlsec_item foreach=jobs.ids target=at;
        mlsec_call b http://u/at/$mlsec_item foreach=jobs.jobs.id target=at;
        mlsec_call c http://u/at/$mlsec_item foreach=jobs.one target=at;
        mlsec_call jobs http://u/jobs pick=jobs.id,ids,one;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":["/at/x","/at/2","/at/true"],"b":["/at/a","/at/b","/at/c"],"c":["/at/solo"],"jobs":{"jobs":[{"id":"a"},{"id":"b"},{"id":"c"}],"ids":["x",2,true],"one":"solo"}}



=== over nothing
--- config
    location = /t {
        mlsec_call jobs http://u/jobs target=none;
        mlsec_call j http://u/jobs pick=none,null;
        mlsec_call e /empty;
        mlsec_call a http://u/at/$mlsec_item foreach=jobs;
        mlsec_call b http://u/at/$mlsec_item foreach=j.none;
        mlsec_call c http://u/at/$mlsec_item foreach=j.null;
        mlsec_call d http://u/at/$mlsec_item foreach=j.no.such;
        mlsec_call f http://u/at/$mlsec_item foreach=e required;
    }
    location = /empty { return 204; }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"jobs":[],"j":{"none":[],"null":null},"e":null,"a":[],"b":[],"c":[],"d":[],"f":[]}
--- no_error_log
[error]



=== where an element has no id it keeps its place, and nothing is asked
--- config
    location = /t {
        mlsec_call jobs http://u/jobs pick=jobs.model;
        mlsec_call m http://u/at/$mlsec_item foreach=jobs.jobs.model target=at fallback=omit;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"jobs":{"jobs":[{},{"model":"m/1"},{"model":null}]},"m":[null,"/at/m%2F1",null]}
--- no_error_log
[error]



=== values that cannot be asked for are that item's failure
--- config
    location = /t {
        mlsec_call odd http://u/odd target=x fallback=json:1;
        mlsec_call o http://u/odd;
        mlsec_call i http://u/at/$mlsec_item foreach=o target=at;
    }
--- request
GET /t
--- response_body chomp
{"odd":1,"o":["a/b","..",".","","x\u0000y",{"id":1},[2],null,"é ?&","z\nz"],"i":["/at/a%2Fb",null,null,null,null,null,null,null,"/at/%C3%A9%20%3F%26","/at/z%0Az"],"errors":[{"service":"u","part":"odd","error_type":"bad_type","status_code":502,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"u","part":"i","index":1,"error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0},{"service":"u","part":"i","index":2,"error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0},{"service":"u","part":"i","index":3,"error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0},{"service":"u","part":"i","index":4,"error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0},{"service":"u","part":"i","index":5,"error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0},{"service":"u","part":"i","index":6,"error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0}]}



=== the same in a header, where other values are good
--- config
    location = /t {
        mlsec_call o http://u/odd;
        mlsec_call i http://u/hdr 'header=X: <$mlsec_item>' foreach=o;
    }
--- request
GET /t
--- response_body_like eval
qr/"i":\["<a\/b>","<\.\.>","<\.>","<>",null,null,null,null,"<é \?&>",null\],"errors":\[\{"service":"u","part":"i","index":4,"error_type":"dependency","status_code":502,"attempts":0,"elapsed_ms":0\},\{[^}]+"index":5,[^}]+\},\{[^}]+"index":6,[^}]+\},\{[^}]+"index":9,[^}]+\}\]\}$/



=== numbers keep their bytes
--- config
    location = /t {
        mlsec_call n http://u/big;
        mlsec_call i http://u/at/$mlsec_item foreach=n target=at;
    }
--- request
GET /t
--- response_body chomp
{"n":[9007199254740993,1.10,-0],"i":["/at/9007199254740993","/at/1.10","/at/-0"]}



=== an item fails
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/item/$mlsec_item foreach=ids required;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"ids":["a","b","c"],"i":[{"id":"a"},null,{"id":"c"}],"errors":[{"service":"u","part":"i","index":1,"error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0}]}
--- error_log
part failed, part: "i", service: "u", type: upstream_status, status: 500



=== fallback= is that of an item
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/item/$mlsec_item foreach=ids 'fallback=json:{"id":null}';
        mlsec_call o http://u/item/$mlsec_item foreach=ids fallback=omit;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body chomp
{"ids":["a","b","c"],"i":[{"id":"a"},{"id":null},{"id":"c"}],"o":[{"id":"a"},{"id":"c"}],"errors":[{"service":"u","part":"i","index":1,"error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0,"fallback":true},{"service":"u","part":"o","index":1,"error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0,"fallback":true}]}



=== ok=, as=text, drop= of an item
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call a http://u/item/$mlsec_item foreach=ids ok=2xx,500;
        mlsec_call b http://u/text/$mlsec_item foreach=ids as=text;
        mlsec_call c http://u/at/$mlsec_item foreach=ids drop=pad;
        mlsec_call d http://u/item/bad foreach=ids fallback=null;
    }
--- request
GET /t
--- response_body_like eval
qr/"a":\[\{"id":"a"\},\{"no":1\},\{"id":"c"\}\],"b":\["it is \\"a\\"",null,"it is \\"c\\""\],"c":\[\{"at":"\/at\/a"\},\{"at":"\/at\/b"\},\{"at":"\/at\/c"\}\],"d":\[null,null,null\],"errors":\[\{"service":"u","part":"b","index":1,"error_type":"upstream_status","status_code":404,[^}]+\},(?:\{"service":"u","part":"d","index":[012],"error_type":"bad_json",[^}]+"fallback":true\},?){3}\]/



=== every item fails: optional
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/all/$mlsec_item foreach=ids;
        mlsec_call after http://u/at after=i;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"ids":\["a","b","c"\],"i":\[null,null,null\],"after":null,"errors":\[(?:\{"service":"u","part":"i","index":[012],[^}]+\},){3}\{"service":"u","part":"after","error_type":"dependency"/



=== every item fails: required
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/all/$mlsec_item foreach=ids required;
    }
--- request
GET /t
--- error_code: 502
--- response_body_like eval
qr/"message":"Service u answered with status 500",.*"details":\{"service":"u","part":"i","index":0,"error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0,"errors":\[(?:\{"service":"u","part":"i","index":[012],[^}]+\},?){3}\]\}\}$/



=== every item fails: status of the first
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/text/b foreach=ids required;
    }
--- request
GET /t
--- error_code: 404



=== every part fails, and the list is one of them
--- config
    location = /t {
        mlsec_call ids http://dead/ fallback=omit;
        mlsec_call i http://u/at/$mlsec_item foreach=ids;
    }
    location = /s {
        mlsec_call ids http://dead/;
        mlsec_call i http://u/at/$mlsec_item foreach=ids;
    }
--- request eval
["GET /t", "GET /s"]
--- error_code eval
[200, 502]
--- response_body_like eval
[qr/^\{"i":null,"errors":\[\{"service":"dead","part":"ids","error_type":"connect",[^}]+\},\{"service":"u","part":"i","error_type":"dependency",[^}]+\}\]\}$/,
 qr/"details":\{"service":"dead","part":"ids","error_type":"connect"/]



=== the list has failed: with a fallback of the items it is empty
--- config
    location = /t {
        mlsec_call ids http://dead/;
        mlsec_call i http://u/at/$mlsec_item foreach=ids 'fallback=json:{"x":1}';
        mlsec_call n http://u/at/$mlsec_item foreach=ids fallback=null;
        mlsec_call o http://u/at/$mlsec_item foreach=ids fallback=omit;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"ids":null,"i":\[\],"n":\[\],"errors":\[.*"part":"i","error_type":"dependency",[^}]+"fallback":true\}/



=== the list is a fallback
--- config
    location = /t {
        mlsec_call ids http://dead/ 'fallback=json:["p","q"]';
        mlsec_call i http://u/at/$mlsec_item foreach=ids target=at;
    }
--- request
GET /t
--- response_body_like eval
qr/^\{"ids":\["p","q"\],"i":\["\/at\/p","\/at\/q"\],"errors":\[\{[^}]+\}\]\}$/



=== the list is left out
--- config
    location = /t {
        mlsec_call ids http://u/ids if=$arg_x;
        mlsec_call i http://u/at/$mlsec_item foreach=ids required;
        mlsec_call a http://u/at/a target=at;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: true
--- response_body chomp
{"a":"/at/a"}



=== a list over a list, and a value of a third part
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call one http://u/jobs target=one;
        mlsec_call l http://u/list/$mlsec_item foreach=ids;
        mlsec_call i 'http://u/at/{one}/$mlsec_item' foreach=l.of target=at after=one;
        mlsec_call n http://u/at/$mlsec_item foreach=l.n target=at;
    }
--- request
GET /t
--- response_body chomp
{"ids":["a","b","c"],"one":"solo","l":[[{"of":"a","n":[1,2]}],[{"of":"b","n":[1,2]}],[{"of":"c","n":[1,2]}]],"i":["/at/solo/a","/at/solo/b","/at/solo/c"],"n":["/at/1","/at/2","/at/1","/at/2","/at/1","/at/2"]}



=== array and concat
--- config
    location = /array {
        mlsec_merge array;
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/item/$mlsec_item foreach=ids;
    }
    location = /concat {
        mlsec_merge concat;
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/item/$mlsec_item foreach=ids fallback=json:7;
        mlsec_call d http://u/item/$mlsec_item foreach=dead fallback=json:7;
        mlsec_call dead http://dead/;
    }
--- request eval
["GET /array", "GET /concat"]
--- response_headers eval
["X-Gateway-Failed: i", "X-Gateway-Failed: i,d,dead"]
--- response_body eval
['[["a","b","c"],[{"id":"a"},null,{"id":"c"}]]',
 '["a","b","c",{"id":"a"},7,{"id":"c"}]']



=== $mlsec_item in the location of a local part, and in an aggregate there
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call a /local foreach=ids target=at;
        mlsec_call b /inner foreach=ids;
        mlsec_call c /path/$mlsec_item foreach=ids;
    }
    location = /local {
        set $x "";
        proxy_pass http://u/at/x-$mlsec_item;
    }
    location = /inner {
        mlsec_call x http://u/at/$mlsec_item target=at;
        mlsec_call y http://u/at/$mlsec_item target=at after=x;
        mlsec_call z http://u/ids;
        mlsec_call w http://u/at/$mlsec_item target=at foreach=z;
        mlsec_call v /local target=at;
    }
    location /path/ { return 200 '"$uri"'; }
    location = /none { return 200 "<$mlsec_item>"; }
--- request eval
["GET /t", "GET /none"]
--- response_body eval
['{"ids":["a","b","c"],"a":["/at/x-a","/at/x-b","/at/x-c"],"b":[' . CORE::join(',', map { qq({"x":"/at/$_","y":"/at/$_","z":["a","b","c"],"w":["/at/a","/at/b","/at/c"],"v":"/at/x-$_"}) } qw(a b c)) . '],"c":["/path/a","/path/b","/path/c"]}',
 '<>']



=== $mlsec_item where there is no item
--- config
    location = /path { mlsec_call x http://u/at/$mlsec_item; }
    location = /query { mlsec_call x http://u/at?x=$mlsec_item; }
--- request eval
["GET /path", "GET /query"]
--- error_code eval
[400, 200]
--- response_body_like eval
[qr/not allowed/, qr/^\{"x":\{"at":"\/at\?x=","pad":\[1\]\}\}$/]



=== an item that is an incomplete aggregate
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i /inner foreach=ids;
    }
    location = /inner {
        mlsec_call x http://u/item/$mlsec_item;
        mlsec_call y http://u/at;
    }
--- request
GET /t
--- response_headers
X-Gateway-Completed: false
--- response_body_like eval
qr/"i":\[\{"x":\{"id":"a"\},"y":\{[^}]+\}\},\{"x":null,"y":\{[^}]+\},"errors":\[\{[^}]+\}\]\},\{"x":\{"id":"c"\},"y":\{[^}]+\}\}\]\}$/



=== a client's bad value, before any service is called
--- config
    log_subrequest on;
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/at/$mlsec_item/$arg_p foreach=ids;
    }
--- request
GET /t?p=..
--- error_code: 400
--- no_error_log
mlsec capture done
[error]



=== a client's value and an item that lead out together
--- config
    location = /t {
        mlsec_call ids /ids;
        mlsec_call i http://u/at/$arg_p$mlsec_item/x foreach=ids target=at;
    }
    location = /ids { return 200 '["a",".","b"]'; }
--- request eval
["GET /t?p=.", "GET /t?p=x"]
--- response_body_like eval
[qr/"i":\["\/at\/\.a\/x",null,"\/at\/\.b\/x"\],"errors":\[\{"service":"u","part":"i","index":1,"error_type":"dependency",[^}]+\}\]/,
 qr/"i":\["\/at\/xa\/x","\/at\/x\.\/x","\/at\/xb\/x"\]\}$/]



=== an item at the very beginning of the path stays a segment
--- config
    location = /t {
        mlsec_call ids /ids;
        mlsec_call i http://u$mlsec_item foreach=ids target=at fallback=json:0;
    }
    location = /ids { return 200 '["/at/x",".example.com/at","at"]'; }
--- request
GET /t
--- error_code: 400



=== variables, headers, Server-Timing, one entry a group
--- config
    location = /t {
        mlsec_server_timing on;
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/item/$mlsec_item foreach=ids;
        mlsec_call k http://u/at/$mlsec_item foreach=ids;
        add_header X-Values "$mlsec_parts $mlsec_failed $mlsec_attempts";
    }
--- request
GET /t
--- response_headers_like
X-Values: 3 i 7
Server-Timing: ids;dur=\d+, i;dur=\d+;desc="upstream_status", k;dur=\d+



=== Cache-Control of items counts
--- config
    location = /t {
        mlsec_call ids /ids;
        mlsec_call i /c/$mlsec_item foreach=ids.ids;
        mlsec_call n /c/$mlsec_item foreach=ids.x;
    }
    location = /ids { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/c.sock; }
    location /c/ { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/c.sock; }
--- http_config
    server {
        listen unix:$TEST_NGINX_HTML_DIR/c.sock;
        location = /ids { add_header Cache-Control "public, max-age=60"; return 200 '{"x":[],"ids":[]}'; }
        location = /c/9 { add_header Cache-Control "public, max-age=9"; return 200 1; }
        location = /c/8 { add_header Cache-Control "public, max-age=8"; return 200 1; }
        location = /list { add_header Cache-Control "public, max-age=60"; return 200 '[9,8,null]'; }
    }
--- request
GET /t
--- response_headers
Cache-Control: public, max-age=60



=== Cache-Control of items is the strictest
--- config
    location = /t {
        mlsec_call ids /list;
        mlsec_call i /c/$mlsec_item foreach=ids;
    }
    location = /u {
        mlsec_call ids /list;
        mlsec_call i /plain/$mlsec_item foreach=ids;
    }
    location = /list { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/c.sock; }
    location /c/ { proxy_pass http://unix:$TEST_NGINX_HTML_DIR/c.sock; }
    location /plain/ { return 200 1; }
--- http_config
    server {
        listen unix:$TEST_NGINX_HTML_DIR/c.sock;
        location = /c/9 { add_header Cache-Control "public, max-age=9"; return 200 1; }
        location = /c/8 { add_header Cache-Control "public, max-age=8"; return 200 1; }
        location = /list { add_header Cache-Control "public, max-age=60"; return 200 '[9,8,null]'; }
    }
--- request eval
["GET /t", "GET /u"]
--- response_headers eval
["Cache-Control: public, max-age=8", "! Cache-Control"]
--- response_body eval
['{"ids":[9,8,null],"i":[1,1,null]}', '{"ids":[9,8,null],"i":[1,1,null]}']



=== each element is asked for, also when it stands twice
--- config
    location = /t {
        mlsec_call ids /ids;
        mlsec_call i http://u/at/$mlsec_item foreach=ids target=at;
        add_header X-Attempts $mlsec_attempts;
    }
    location = /ids { return 200 '["a","a","b","a"]'; }
--- request
GET /t
--- response_headers
X-Attempts: 4
--- response_body chomp
{"ids":["a","a","b","a"],"i":["/at/a","/at/a","/at/b","/at/a"]}



=== mlsec_error_detail
--- config
    mlsec_error_detail body;
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/item/$mlsec_item foreach=ids;
    }
--- request
GET /t
--- response_body_like eval
qr/"errors":\[\{"service":"u","part":"i","index":1,"error_type":"upstream_status","status_code":500,"attempts":1,"elapsed_ms":0,"upstream_status":500,"upstream_body":\{"no":1\}\}\]/



=== mlsec_on_partial
--- config
    location = /t {
        mlsec_on_partial 206;
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/item/$mlsec_item foreach=ids;
    }
--- request
GET /t
--- error_code: 206



=== POST for each
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://echo/$mlsec_item foreach=ids body=on method=POST;
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
{"ids":["a","b","c"],"i":["POST-/a-5","POST-/b-5","POST-/c-5"]}



=== HEAD
--- config
    location = /t {
        mlsec_call ids http://u/ids;
        mlsec_call i http://u/at/$mlsec_item foreach=ids target=at;
    }
--- request
HEAD /t
--- response_headers
Content-Length: 51
X-Gateway-Completed: true
--- response_body
