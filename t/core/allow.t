# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_allow: methods, and what 405 says.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(fixed => 1, service => <<'EOT');
    location = /405 { add_header Allow PURGE always; return 405 mine; }
    location / { return 200 '{"m":"$request_method"}'; }
EOT

no_long_string();
run_tests();

__DATA__

=== nothing is refused where nothing is said
--- config
    location = /t { proxy_pass http://u; }
--- request eval
["GET /t", "POST /t\nx", "DELETE /t", "PURGE /t"]
--- response_body eval
[map { qq({"m":"$_"}) } qw(GET POST DELETE PURGE)]



=== a method that is not in the list
--- config
    location = /t { mlsec_allow POST,DELETE; proxy_pass http://u/t?x; }
--- request
PUT /t?q=1
body
--- error_code: 405
--- response_headers
Content-Type: application/json
Allow: POST, DELETE
--- response_body chomp
{"error":true,"status_code":405,"message":"Method Not Allowed","path":"/t","timestamp":"T","request_id":"R","detail":"Method Not Allowed","details":{}}



=== those in the list, and no others
--- config
    location = /t { mlsec_allow POST,DELETE; proxy_pass http://u; }
--- request eval
["POST /t\nx", "DELETE /t", "GET /t", "HEAD /t", "OPTIONS /t", "PURGE /t"]
--- error_code eval
[200, 200, 405, 405, 405, 405]
--- response_headers eval
["! Allow", "! Allow", ("Allow: POST, DELETE") x 4]



=== GET has HEAD with it
--- config
    location = /t { mlsec_allow GET; proxy_pass http://u; }
--- request eval
["GET /t", "HEAD /t", "POST /t\nx"]
--- error_code eval
[200, 200, 405]
--- response_headers eval
["! Allow", "! Allow", "Allow: GET, HEAD"]



=== all methods there are, in one order
--- config
    location = /t {
        mlsec_allow OPTIONS,DELETE,PATCH,PUT,POST,HEAD,GET;
        proxy_pass http://u;
    }
--- request eval
[(map { "$_ /t" } qw(GET HEAD POST PUT PATCH DELETE OPTIONS)), "PROPFIND /t"]
--- error_code eval
[(200) x 7, 405]
--- response_headers eval
[("! Allow") x 7, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]



=== lines add up
--- config
    location = /t {
        mlsec_allow DELETE;
        mlsec_allow GET;
        proxy_pass http://u;
    }
--- request eval
["GET /t", "DELETE /t", "PUT /t\nx"]
--- error_code eval
[200, 200, 405]
--- response_headers eval
["! Allow", "! Allow", "Allow: GET, HEAD, DELETE"]



=== any
--- config
    mlsec_allow GET;
    location /t { mlsec_allow any; proxy_pass http://u; }
--- request eval
["GET /t", "POST /t\nx", "PURGE /t"]
--- error_code eval
[200, 200, 200]



=== http level, replaced by the server's
--- http_config eval
"mlsec_allow GET;$::Http"
--- config
    mlsec_allow PUT;
    location = /t { proxy_pass http://u; }
--- request eval
["GET /t", "PUT /t\nx"]
--- error_code eval
[405, 200]
--- response_headers eval
["Allow: PUT", "! Allow"]



=== http level
--- http_config eval
"mlsec_allow DELETE;$::Http"
--- config
    location = /t { proxy_pass http://u; }
--- request eval
["GET /t", "DELETE /t"]
--- error_code eval
[405, 200]
--- response_headers eval
["Allow: DELETE", "! Allow"]



=== a list from above makes no route of what is none
--- config
    mlsec_errors on;
    mlsec_allow GET;
    location /t { return 404; location = /t/in { proxy_pass http://u; } }
--- request eval
["POST /t/none\nx", "POST /t/in\nx", "GET /t/in"]
--- error_code eval
[404, 405, 200]



=== a list of its own counts without a content handler too
--- config
    mlsec_errors on;
    location = /t { mlsec_allow POST; return 418; }
--- request eval
["GET /t", "POST /t\nx"]
--- error_code eval
[405, 418]
--- response_headers eval
["Allow: POST", "! Allow"]



=== before "if" and "return"
--- config
    mlsec_allow GET;
    location = /t { if ($arg_x = "") { return 422; } proxy_pass http://u; }
--- request eval
["POST /t\nx", "GET /t", "GET /t?x=1"]
--- error_code eval
[405, 422, 200]



=== an if inside is the location
--- config
    mlsec_errors on;
    location = /t {
        mlsec_allow PUT;
        if ($arg_x) { return 405; }
        proxy_pass http://u;
    }
--- request eval
["GET /t?x=1", "PUT /t?x=1\nx"]
--- error_code eval
[405, 405]
--- response_headers eval
["Allow: PUT", "Allow: PUT"]



=== the place that a rewrite leads to decides
--- config
    location = /t { rewrite ^ /in last; }
    location = /in { mlsec_allow DELETE; proxy_pass http://u; }
--- request eval
["GET /t", "DELETE /t"]
--- error_code eval
[405, 200]
--- response_headers eval
["Allow: DELETE", "! Allow"]



=== mlsec_respond answers what the list has
--- config
    location = /t { mlsec_allow POST; mlsec_respond 1; }
    location = /u { mlsec_allow any; mlsec_respond 1; }
--- request eval
["POST /t\nx", "GET /t", "PURGE /u"]
--- error_code eval
[200, 405, 200]
--- response_headers eval
["! Allow", "Allow: POST", "! Allow"]



=== an aggregate
--- config
    location = /t { mlsec_allow GET; mlsec_call a http://u/a; }
--- request eval
["POST /t\nx", "HEAD /t", "GET /t"]
--- error_code eval
[405, 200, 200]
--- response_headers eval
["Allow: GET, HEAD", "! Allow", "! Allow"]



=== a part has its own method
--- config
    location = /t { mlsec_allow GET; mlsec_call a /in method=POST; }
    location = /in { mlsec_allow DELETE; proxy_pass http://u; }
--- request
GET /t
--- response_body chomp
{"a":{"m":"POST"}}



=== a page for an error is shown for every method
--- config
    mlsec_allow POST;
    location = /t { return 503; error_page 503 /page; }
    location = /page { proxy_pass http://u; }
--- request
POST /t
x
--- error_code: 503
--- response_body chomp
{"m":"GET"}



=== error_page for 405 itself
--- config
    location = /t { mlsec_allow POST; error_page 405 /page; proxy_pass http://u; }
    location = /page { return 200 page; }
--- request
GET /t
--- error_code: 405
--- response_body chomp
page



=== a service's own 405 and Allow
--- config
    mlsec_errors on;
    mlsec_allow GET;
    location = /405 { proxy_pass http://u; }
--- request
GET /405
--- error_code: 405
--- response_headers
Allow: PURGE
--- response_body chomp
mine



=== files: nginx refuses by itself
--- config
    mlsec_errors on;
    mlsec_allow POST;
    location = /index.html { root html; }
--- request
POST /index.html
x
--- error_code: 405
--- response_headers
Allow: GET, HEAD



=== mlsec_errors off: nginx's own page
--- config
    mlsec_errors off;
    location = /t { mlsec_allow POST; proxy_pass http://u; }
--- request
GET /t
--- error_code: 405
--- response_headers
Content-Type: text/html



=== an unknown method
--- config
    location = /t { mlsec_allow GET,PURGE; }
--- must_die
--- error_log
[emerg]
unknown method "PURGE" in "mlsec_allow", expected "any" or a comma list out of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS in



=== small letters
--- config
    location = /t { mlsec_allow get; }
--- must_die
--- error_log
[emerg]
unknown method "get" in "mlsec_allow", expected



=== an empty method
--- config
    location = /t { mlsec_allow GET,; }
--- must_die
--- error_log
[emerg]
unknown method "" in "mlsec_allow", expected



=== blanks between
--- config
    location = /t { mlsec_allow GET POST; }
--- must_die
--- error_log
[emerg]
"POST" in "mlsec_allow" is a method where a role is expected, put commas between methods



=== not in an if
--- config
    location = /t { if ($arg_x) { mlsec_allow GET; } }
--- must_die
--- error_log
[emerg]
"mlsec_allow" directive is not allowed here
