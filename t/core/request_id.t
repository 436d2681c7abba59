# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# $mlsec_request_id: the client's X-Request-ID if it is sane, else a new one;
# the same in every part, in the envelope and in the log.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'SERVICE', http => <<'HTTP', config => <<'CONFIG');
    access_log off;
    location / {
        return 200 '"$http_x_request_id"';
    }
    location = /id {
        return 200 '"$mlsec_request_id"';
    }
SERVICE
    log_format id '[$mlsec_request_id] [$sent_http_x_id]';
HTTP
    mlsec_errors on;
    access_log logs/access.log id;
    location = /t {
        add_header X-Id $mlsec_request_id always;
        mlsec_call a http://u/;
        mlsec_call b /local;
        mlsec_call c /t2;
    }
    location = /t2 { mlsec_call d http://u/; }
    location = /two {
        mlsec_call a http://u/id header=X-Request-ID:;
        mlsec_call b http://u/id header=X-Request-ID:;
    }
    location = /local { proxy_pass http://u/; }
    location = /e { add_header X-Id $mlsec_request_id always; return 403; }
CONFIG

run_tests();

__DATA__

=== made where the client has none, the same everywhere
--- request
GET /t
--- response_headers_like
X-Id: [0-9a-f]{32}
--- response_body_like: ^\{"a":"([0-9a-f]{32})","b":"\1","c":\{"d":"\1"\}\}$
--- access_log eval
qr/\[([0-9a-f]{32})\] \[\1\]/



=== the client's
--- request
GET /t
--- more_headers
X-Request-ID: Abc.9_:@/+=-
--- response_headers
X-Id: Abc.9_:@/+=-
--- response_body chomp
{"a":"Abc.9_:@/+=-","b":"Abc.9_:@/+=-","c":{"d":"Abc.9_:@/+=-"}}
--- access_log
[Abc.9_:@/+=-] [



=== every request has another
--- request
GET /two
--- response_body_like: ^\{"a":"([0-9a-f]{32})","b":"(?!\1)[0-9a-f]{32}"\}$



=== 128 characters are taken
--- request
GET /t
--- more_headers eval
"X-Request-ID: " . "a" x 128
--- response_headers eval
"X-Id: " . "a" x 128



=== 129 are not
--- request
GET /t
--- more_headers eval
"X-Request-ID: " . "a" x 129
--- response_headers_like
X-Id: [0-9a-f]{32}
--- response_body_like: ^\{"a":"([0-9a-f]{32})","b":"\1",



=== an empty one
--- request
GET /t
--- more_headers
X-Request-ID:
--- response_headers_like
X-Id: [0-9a-f]{32}



=== a space in it
--- request
GET /t
--- more_headers
X-Request-ID: a b
--- response_headers_like
X-Id: [0-9a-f]{32}



=== a quote in it
--- request
GET /t
--- more_headers
X-Request-ID: a"b
--- response_headers_like
X-Id: [0-9a-f]{32}



=== a comma in it
--- request
GET /t
--- more_headers
X-Request-ID: a,b
--- response_headers_like
X-Id: [0-9a-f]{32}



=== a byte above ASCII in it
--- request
GET /t
--- more_headers eval
"X-Request-ID: a\xc3\xa9"
--- response_headers_like
X-Id: [0-9a-f]{32}



=== two of them
--- request
GET /t
--- more_headers
X-Request-ID: abc
X-Request-ID: def
--- response_headers_like
X-Id: [0-9a-f]{32}



=== in the envelope, the client's
--- request
GET /e
--- more_headers
X-Request-ID: abc-1
--- error_code: 403
--- response_headers
X-Id: abc-1
--- response_body_like: "request_id":"abc-1"



=== in the envelope, a made one, as in the log
--- request
GET /e
--- error_code: 403
--- response_body_like: "request_id":"[0-9a-f]{32}"
--- access_log eval
qr/\[([0-9a-f]{32})\] \[\1\]/



=== a request line that cannot be read has one too
--- raw_request eval
"GET /e HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_body_like: "request_id":"[0-9a-f]{32}"
