# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_call: where a part goes, and how values get into its URI.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

BEGIN {
    use File::Temp;

    # a certificate that nobody has signed

    our $Tls = File::Temp->newdir();
    $ENV{TEST_NGINX_MLSEC_TLS} = "$Tls";

    system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tls"
           . " -keyout $Tls/key.pem -out $Tls/cert.pem 2>$Tls/log") == 0
        or die "cannot make a certificate: openssl req failed\n";
}

parts(service => <<'SERVICE', http => <<'HTTP');
    listen unix:$TEST_NGINX_HTML_DIR/tls.sock ssl;
    ssl_certificate $TEST_NGINX_MLSEC_TLS/cert.pem;
    ssl_certificate_key $TEST_NGINX_MLSEC_TLS/key.pem;

    location / {
        return 200 '{"uri":"$request_uri"}';
    }

    location /who {
        return 200 '{"scheme":"$scheme","host":"$http_host",
                     "sni":"$ssl_server_name"}';
    }
SERVICE
    upstream tls {
        server unix:$TEST_NGINX_HTML_DIR/tls.sock;
    }
HTTP

run_tests();

__DATA__

=== an upstream and a local path in one aggregate
--- config
    location = /t {
        mlsec_call remote http://u/x/y?z=1;
        mlsec_call local /local;
    }
    location = /local { mlsec_respond '{"l":[1,2]}'; }
--- request
GET /t
--- response_headers
Content-Type: application/json
Content-Length: 49
X-Gateway-Completed: true
! X-Gateway-Failed
! Transfer-Encoding
--- response_body chomp
{"remote":{"uri":"/x/y?z=1"},"local":{"l":[1,2]}}
--- no_error_log
[error]



=== the internal location is closed to clients
--- config
    location = /t { mlsec_call a http://u/; }
--- request
GET /_mlsec_part/a
--- error_code: 404



=== https with a certificate that nobody has signed
--- config
    location = /t {
        mlsec_call a https://tls/who pick=scheme,host,sni;
        mlsec_call b http://u/who pick=scheme,host;
    }
--- request
GET /t
--- response_body chomp
{"a":{"scheme":"https","host":"tls","sni":"tls"},"b":{"scheme":"http","host":"u"}}
--- no_error_log
[error]



=== the upstream's name in another case
--- config
    location = /t { mlsec_call a http://U/x; }
--- request
GET /t
--- response_body chomp
{"a":{"uri":"/x"}}



=== a query without a path value
--- config
    location = /t { mlsec_call a http://u/?q=1&q=2; }
--- request
GET /t
--- response_body chomp
{"a":{"uri":"/?q=1&q=2"}}



=== escapes that the configuration writes stay
--- config
    location = /t { mlsec_call a http://u/a%2Fb%20c?d=%26; }
--- request
GET /t
--- response_body chomp
{"a":{"uri":"/a%2Fb%20c?d=%26"}}



=== the client's query stays out without args=
--- config
    location = /t { mlsec_call a http://u/x; mlsec_call b /l; }
    location = /l { return 200 '{"args":"$args"}'; }
--- request
GET /t?a=1&b=2
--- response_body chomp
{"a":{"uri":"/x"},"b":{"args":""}}



=== a path variable keeps its slashes
--- config
    location /t/ { mlsec_call a http://u$uri; }
--- request
GET /t/a%20b/c%3Fd/e
--- response_body chomp
{"a":{"uri":"/t/a%20b/c%3Fd/e"}}



=== a capture is one segment
--- config
    location ~ ^/jobs/(.+)/(.+)$ { mlsec_call a http://u/v2/$2/$1?id=$1; }
--- request
GET /jobs/x%2Fy/z%20%25
--- response_body chomp
{"a":{"uri":"/v2/z%20%25/x%2Fy?id=x%2Fy"}}



=== a named capture, in braces
--- config
    location ~ ^/jobs/(?<id>[^/]+)$ { mlsec_call a http://u/v2/${id}x/$id; }
--- request
GET /jobs/7
--- response_body chomp
{"a":{"uri":"/v2/7x/7"}}



=== captures serve every part
--- config
    location ~ ^/jobs/([^/]+)$ {
        mlsec_call a http://u/$1;
        mlsec_call b http://u/b/$1;
        mlsec_call c /local/$1;
    }
    location ~ ^/local/(.)(.*)$ { mlsec_call d http://u/d/$2/$1; }
--- request
GET /jobs/xyz
--- response_body chomp
{"a":{"uri":"/xyz"},"b":{"uri":"/b/xyz"},"c":{"d":{"uri":"/d/yz/x"}}}



=== an argument is decoded once and escaped for where it stands
--- config
    location = /t { mlsec_call a http://u/j/$arg_x/k?k=$arg_y&l=1; }
--- request
GET /t?x=a%2Fb%20c&y=1%262%3D3+4%2B5
--- response_body chomp
{"a":{"uri":"/j/a%2Fb%20c/k?k=1%262%3D3%204%2B5&l=1"}}



=== question mark, hash, percent and semicolon in a segment
--- config
    location = /t { mlsec_call a http://u/j/$arg_x/k; }
--- request
GET /t?x=a%3Fb%23c%2525d%3Be
--- response_body chomp
{"a":{"uri":"/j/a%3Fb%23c%2525d%3Be/k"}}



=== an escape that was escaped twice stays what it is
--- config
    location = /t { mlsec_call a http://u/j/$arg_x/k; }
--- request
GET /t?x=%252e%252e
--- response_body chomp
{"a":{"uri":"/j/%252e%252e/k"}}



=== UTF-8 in a segment
--- config
    location = /t { mlsec_call a http://u/j/$arg_x; }
--- request
GET /t?x=%C3%A9
--- response_body chomp
{"a":{"uri":"/j/%C3%A9"}}



=== a header's value is escaped too
--- config
    location = /t { mlsec_call a http://u/j/$http_x_id?t=$http_x_id; }
--- request
GET /t
--- more_headers
X-Id: a/b?c=d&e f
--- response_body chomp
{"a":{"uri":"/j/a%2Fb%3Fc%3Dd%26e%20f?t=a%2Fb%3Fc%3Dd%26e%20f"}}



=== the whole query
--- config
    location = /t {
        mlsec_call a http://u/x?$args;
        mlsec_call b http://u/y?k=1&$query_string;
    }
--- request
GET /t?a=%26&b=+1
--- response_body chomp
{"a":{"uri":"/x?a=%26&b=+1"},"b":{"uri":"/y?k=1&a=%26&b=+1"}}



=== a variable without a value is empty
--- config
    location = /t { mlsec_call a http://u/x/$arg_no?y=$arg_no; }
--- request
GET /t
--- response_body chomp
{"a":{"uri":"/x/?y="}}



=== two dots in a segment of their own
--- config
    mlsec_errors on;
    location = /t { mlsec_call a http://u/j/$arg_x/k; }
--- request
GET /t?x=..
--- error_code: 400
--- response_headers
Content-Type: application/json
! X-Gateway-Completed
--- response_body_like: ^\{"error":true,"status_code":400,"message":"A value in the path or query is not allowed","path":"/t",
--- no_error_log
[error]



=== one dot
--- config
    location = /t { mlsec_call a http://u/j/$arg_x/k; }
--- request
GET /t?x=.
--- error_code: 400



=== escaped dots
--- config
    location = /t { mlsec_call a http://u/j/$arg_x; }
--- request
GET /t?x=%2e%2E
--- error_code: 400



=== dots put together from the text and the value
--- config
    location = /t { mlsec_call a http://u/j/.$arg_x; }
--- request
GET /t?x=.
--- error_code: 400



=== dots before an escaped slash, which services read as a slash
--- config
    location = /t { mlsec_call a http://u/j/$arg_x; }
--- request
GET /t?x=..%2Fadmin
--- error_code: 400



=== dots between escaped slashes
--- config
    location = /t { mlsec_call a http://u/j/$arg_x/k; }
--- request
GET /t?x=a%2F..%2F..%2Fadmin
--- error_code: 400



=== dots after an escaped slash
--- config
    location = /t { mlsec_call a http://u/j/$arg_x/k; }
--- request
GET /t?x=a%2F..
--- error_code: 400



=== dots before a backslash, which some services read as a slash
--- config
    location = /t { mlsec_call a http://u/j/$arg_x; }
--- request
GET /t?x=..%5Cadmin
--- error_code: 400



=== dots in a path variable that nginx has not normalized
--- config
    location = /t { mlsec_call a http://u$http_x_path; }
--- request
GET /t
--- more_headers
X-Path: /a/../b
--- error_code: 400



=== dots that are no segment
--- config
    location = /t { mlsec_call a http://u/j/$arg_x/$arg_y/v$arg_z; }
--- request
GET /t?x=...&y=a..b&z=..
--- response_body chomp
{"a":{"uri":"/j/.../a..b/v.."}}



=== dots in a query are no segments
--- config
    location = /t { mlsec_call a http://u/j?k=$arg_x; }
--- request
GET /t?x=..
--- response_body chomp
{"a":{"uri":"/j?k=.."}}



=== NUL in a segment
--- config
    location = /t { mlsec_call a http://u/j/$arg_x; }
--- request
GET /t?x=a%00b
--- error_code: 400



=== NUL in a query
--- config
    location = /t { mlsec_call a http://u/j?k=$arg_x; }
--- request
GET /t?x=a%00b
--- error_code: 400



=== a refused value stops the parts that were started before
--- config
    location = /t {
        mlsec_call a http://u/x;
        mlsec_call b /local;
        mlsec_call c http://u/j/$arg_x;
    }
    location = /local { mlsec_respond '{}'; }
--- request
GET /t?x=..
--- error_code: 400
--- no_error_log
[error]



=== line breaks stay inside the segment and the query
--- config
    location = /t { mlsec_call a http://u/j/$arg_x?k=$arg_x; }
--- request
GET /t?x=a%0d%0aX-Evil:%201
--- response_body chomp
{"a":{"uri":"/j/a%0D%0AX-Evil%3A%201?k=a%0D%0AX-Evil%3A%201"}}



=== line breaks in a path variable
--- config
    location /t/ { mlsec_call a http://u$uri; }
--- request
GET /t/a%0d%0ab%20HTTP/1.1
--- response_body chomp
{"a":{"uri":"/t/a%0D%0Ab%20HTTP/1.1"}}



=== variables in a local path and its query
--- config
    location = /t { mlsec_call a /local/$arg_x/z?k=$arg_y; }
    location /local/ { mlsec_respond '{"uri":"$uri","args":"$args"}'; }
--- request
GET /t?x=a%20b%3Fc%25&y=1%262
--- response_body chomp
{"a":{"uri":"/local/a b?c%/z","args":"k=1%262"}}



=== escapes that the configuration writes in a local path
--- config
    location = /t { mlsec_call a /local/a%20b%3Fc?d=%20; }
    location /local/ { mlsec_respond '{"uri":"$uri","args":"$args"}'; }
--- request
GET /t
--- response_body chomp
{"a":{"uri":"/local/a b?c","args":"d=%20"}}



=== a slash would make two segments of a local path
--- config
    location = /t { mlsec_call a /local/$arg_x; }
    location ~ / { mlsec_respond '{"uri":"$uri"}'; }
--- request
GET /t?x=a%2Fb
--- error_code: 400



=== dots in a local path
--- config
    location = /t { mlsec_call a /local/$arg_x; }
    location ~ / { mlsec_respond '{"uri":"$uri"}'; }
--- request
GET /t?x=..
--- error_code: 400



=== a local path that is proxied
--- config
    location = /t { mlsec_call a /svc/x?y=1 args=z; }
    location /svc/ { proxy_pass http://u/base/; }
--- request
GET /t?z=2
--- response_body chomp
{"a":{"uri":"/base/x?y=1&z=2"}}



=== a local path that nobody serves
--- config
    mlsec_errors on;
    location = /t { mlsec_call a /nowhere; mlsec_call b http://u/x; }
--- request
GET /t
--- response_body_like: ^\{"a":null,"b":\{"uri":"/x"\},"errors":\[\{"service":"a","part":"a","error_type":"upstream_status","status_code":404,"attempts":0,"elapsed_ms":\d+\}\]\}$



=== an internal location can be a part
--- config
    location = /t { mlsec_call a /inside; }
    location = /inside { internal; mlsec_respond '{"in":true}'; }
--- request
GET /t
--- response_body chomp
{"a":{"in":true}}



=== a map with a regex between two captures
--- http_config eval
$::Http . 'map $arg_x $mapped { default no; "~(.)(.)" "$2"; }'
--- config
    location ~ ^/jobs/(.+)$ {
        mlsec_call a http://u/1/$1;
        mlsec_call b http://u/2/$mapped;
        mlsec_call c http://u/3/$1;
        mlsec_call d http://u/4/$mapped/$1;
    }
--- request
GET /jobs/7?x=xy
--- response_body chomp
{"a":{"uri":"/1/7"},"b":{"uri":"/2/y"},"c":{"uri":"/3/7"},"d":{"uri":"/4/y/7"}}
