# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# X-Forwarded-For, -Proto and -Host: what the gateway says of the client.
# The client's own count only behind a proxy that realip trusts.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'SERVICE', config => <<'CONFIG');
    location / {
        return 200 '"$http_x_forwarded_for|$http_x_forwarded_proto|$http_x_forwarded_host"';
    }
SERVICE
    location = /t { mlsec_call a http://u/; }
    location = /local { proxy_pass http://u/; }
    location = /v {
        return 200 '$mlsec_forwarded_for|$mlsec_forwarded_proto|$mlsec_forwarded_host';
    }
CONFIG

run_tests();

__DATA__

=== made by the gateway
--- config
--- request
GET /t
--- response_body chomp
{"a":"127.0.0.1|http|localhost"}



=== the client's Host
--- config
--- request
GET /t
--- more_headers
Host: Example.ORG:8007
--- response_body chomp
{"a":"127.0.0.1|http|Example.ORG:8007"}



=== a stranger's own do not count
--- config
--- request
GET /t
--- more_headers
X-Forwarded-For: 1.2.3.4
X-Forwarded-Proto: https
X-Forwarded-Host: evil.example
--- response_body chomp
{"a":"127.0.0.1|http|localhost"}



=== a trusted proxy's do
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
--- request
GET /t
--- more_headers
X-Forwarded-For: 192.0.2.7
X-Forwarded-Proto: https
X-Forwarded-Host: shop.example
--- response_body chomp
{"a":"192.0.2.7, 127.0.0.1|https|shop.example"}



=== a trusted proxy that says only who the client is
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
--- request
GET /t
--- more_headers
X-Forwarded-For: 192.0.2.7
--- response_body chomp
{"a":"192.0.2.7, 127.0.0.1|http|localhost"}



=== a chain of trusted proxies
--- config
    set_real_ip_from 127.0.0.1;
    set_real_ip_from 10.0.0.0/8;
    real_ip_header X-Forwarded-For;
    real_ip_recursive on;
--- request
GET /t
--- more_headers
X-Forwarded-For: 192.0.2.7, 10.1.1.1
X-Forwarded-Proto: https
--- response_body chomp
{"a":"192.0.2.7, 10.1.1.1, 127.0.0.1|https|localhost"}



=== another header names the client
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
--- request
GET /t
--- more_headers
X-Real-IP: 192.0.2.7
X-Forwarded-Proto: https
--- response_body chomp
{"a":"192.0.2.7, 127.0.0.1|https|localhost"}



=== a proxy that realip does not trust
--- config
    set_real_ip_from 10.0.0.0/8;
    real_ip_header X-Forwarded-For;
--- request
GET /t
--- more_headers
X-Forwarded-For: 192.0.2.7
X-Forwarded-Proto: https
X-Forwarded-Host: evil.example
--- response_body chomp
{"a":"127.0.0.1|http|localhost"}



=== a trusted proxy that names nobody
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
--- request
GET /t
--- more_headers
X-Forwarded-Host: evil.example
--- response_body chomp
{"a":"127.0.0.1|http|localhost"}



=== an address that is none is not believed
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
--- request
GET /t
--- more_headers
X-Forwarded-For: nonsense
X-Forwarded-Proto: https
--- response_body chomp
{"a":"127.0.0.1|http|localhost"}



=== local parts and parts of parts hear the same
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    location = /n { mlsec_call a /local; mlsec_call b /t; }
--- request
GET /n
--- more_headers
X-Forwarded-For: 192.0.2.7
X-Forwarded-Proto: https
X-Forwarded-Host: shop.example
--- response_body chomp
{"a":"192.0.2.7, 127.0.0.1|https|shop.example","b":{"a":"192.0.2.7, 127.0.0.1|https|shop.example"}}



=== the variables, for plain proxying
--- config
--- request
GET /v
--- more_headers
X-Forwarded-For: 1.2.3.4
--- response_body chomp
127.0.0.1|http|localhost



=== the variables behind a trusted proxy
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
--- request
GET /v
--- more_headers
X-Forwarded-For: 192.0.2.7
X-Forwarded-Proto: https
--- response_body chomp
192.0.2.7, 127.0.0.1|https|localhost



=== a request without Host
--- config
--- raw_request eval
"GET /t HTTP/1.0\r\n\r\n"
--- response_body chomp
{"a":"127.0.0.1|http|"}
