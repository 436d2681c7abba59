# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What a program knows of the request.

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

=== $args: decoded, repeats are arrays
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '$args'; }
--- request
GET /t?a=1&b=x%20y+z&b=%22&c
--- response_body chop
{"a":"1","b":["x y z","\""],"c":""}



=== $args: no query
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '$args'; }
--- request
GET /t
--- response_body chop
{}



=== $captures: by number and by name
--- config
    location ~ ^/t/(?<id>[^/]+)/([a-z]+)(x)?$ { mlsec_call k http://u/kpis; mlsec_filter '$captures'; }
--- request
GET /t/a%22%2Fb/run
--- error_code: 404

=== $captures: by number and by name, decoded
--- config
    location ~ ^/t/(?<id>[^/]+)/([a-z]+)(9)?$ { mlsec_call k http://u/kpis; mlsec_filter '$captures'; }
--- request
GET /t/a%22b/run
--- response_body chop
{"0":"/t/a\"b/run","1":"a\"b","2":"run","id":"a\"b"}



=== $captures: a group that took no part
--- config
    location ~ ^/t(?<a>x)?/(?<b>y)$ { mlsec_call k http://u/kpis; mlsec_filter '[$captures.a, $captures.b]'; }
--- request
GET /t/y
--- response_body_like: ^\[(null|""),"y"\]$



=== $captures: no regex
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '$captures'; }
--- request
GET /t
--- response_body chop
{"0":"/t"}



=== a map with a regex does not change $captures
--- http_config eval
"$::Http
    map \$arg_m \$m { ~^(.*)\$ \$1; }
"
--- config
    location ~ ^/t/(.*)$ { mlsec_call k http://u/kpis if=$m; mlsec_filter '$captures["1"]'; }
--- request
GET /t/mine?m=evil
--- response_body chop
"mine"



=== $request_id
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '$request_id'; }
--- request
GET /t
--- more_headers
X-Request-ID: abc-1
--- response_body chop
"abc-1"



=== $method
--- config
    location = /t { mlsec_allow any; mlsec_call k http://u/kpis 'filter=$method'; mlsec_filter '[.k, $method]'; }
--- request
PUT /t
--- response_body chop
["PUT","PUT"]



=== $now
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '[$now > 1700000000, $now == now, ($now | floor | tostring | length)]'; }
--- request
GET /t
--- response_body chop
[true,true,10]



=== $claims: nobody has been asked
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '[$claims, $claims.sub]'; }
--- request
GET /t
--- response_body chop
[null,null]



=== hostile bytes in the query
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '$args | keys'; }
--- request eval
"GET /t?%ff=%00&\"}=1"
--- response_body chop eval
"[\"\\\"}\",\"\xef\xbf\xbd\"]"


=== $elapsed: finer than nginx's clock, null for what was not called
--- config
    location = /t {
        mlsec_call k http://u/kpis;
        mlsec_call no http://u/kpis if=$arg_no;
        mlsec_call bad http://dead/;
        mlsec_filter '[($elapsed | keys), ($elapsed.k > 0 and $elapsed.k < 5000), $elapsed.no, ($elapsed.bad | type)]';
    }
--- request
GET /t
--- response_body chop
[["bad","k","no"],true,null,"number"]
--- error_log
part failed



=== $elapsed: of the whole answer only
--- config
    location = /t { mlsec_call k http://u/kpis 'filter=$elapsed'; }
--- must_die
--- error_log
invalid program in "mlsec_call", line 1, column 1



=== $parts: null for the whole answer
--- config
    location = /t { mlsec_call k http://u/kpis; mlsec_filter '[$parts]'; }
--- request
GET /t
--- response_body chop
[null]
