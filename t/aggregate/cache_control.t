# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Cache-Control of an aggregate is the strictest of its parts'; no other
# response header of a part reaches the client.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location = /none { return 200 '1'; }
    location = /60 { add_header Cache-Control max-age=60; return 200 '1'; }
    location = /300 { add_header Cache-Control "public, max-age=300, s-maxage=20"; return 200 '1'; }
    location = /p60 { add_header Cache-Control "Public , MAX-AGE=\"60\",s-maxage=30"; return 200 '1'; }
    location = /private { add_header Cache-Control "private, max-age=600"; return 200 '1'; }
    location = /no-store { add_header Cache-Control no-store; return 200 '1'; }
    location = /no-cache { add_header Cache-Control no-cache; return 200 '1'; }
    location = /must { add_header Cache-Control "max-age=30, must-revalidate"; return 200 '1'; }
    location = /odd { add_header Cache-Control "max-age=x, made-up=\"a, no-store\""; return 200 '1'; }
    location = /two { add_header Cache-Control max-age=60; add_header Cache-Control no-store; return 200 '1'; }
    location = /500 { add_header Cache-Control max-age=60 always; return 500; }
    location = /cookie { add_header Set-Cookie a=b; add_header ETag '"x"'; add_header X-Own 1; add_header Last-Modified "Tue, 15 Nov 1994 08:12:31 GMT"; add_header Link x; add_header Vary Cookie; return 200 '1'; }
EOT

run_tests();

__DATA__

=== nobody says anything
--- config
    location = /t {
        mlsec_call a http://u/none;
        mlsec_call b http://u/none;
    }
--- request
GET /t
--- response_headers
! Cache-Control



=== one part
--- config
    location = /t {
        mlsec_call a http://u/60;
    }
--- request
GET /t
--- response_headers
Cache-Control: max-age=60



=== the smallest age
--- config
    location = /t {
        mlsec_call a http://u/60;
        mlsec_call b http://u/p60;
    }
--- request
GET /t
--- response_headers
Cache-Control: max-age=60



=== what every part gives
--- config
    location = /t {
        mlsec_call a http://u/300;
        mlsec_call b http://u/p60;
    }
--- request
GET /t
--- response_headers
Cache-Control: public, max-age=60, s-maxage=20



=== a part that says nothing has promised nothing
--- config
    location = /t {
        mlsec_call a http://u/60;
        mlsec_call b http://u/none;
    }
--- request
GET /t
--- response_headers
! Cache-Control



=== private wins over public
--- config
    location = /t {
        mlsec_call a http://u/300;
        mlsec_call b http://u/private;
    }
--- request
GET /t
--- response_headers
Cache-Control: private, max-age=300



=== no-store wins over all
--- config
    location = /t {
        mlsec_call a http://u/300;
        mlsec_call b http://u/no-store;
        mlsec_call c http://u/private;
    }
--- request
GET /t
--- response_headers
Cache-Control: no-store



=== no-store of one part, silence of another
--- config
    location = /t {
        mlsec_call a http://u/none;
        mlsec_call b http://u/no-store;
    }
--- request
GET /t
--- response_headers
Cache-Control: no-store



=== no-cache
--- config
    location = /t {
        mlsec_call a http://u/none;
        mlsec_call b http://u/no-cache;
    }
--- request
GET /t
--- response_headers
Cache-Control: no-cache



=== no-cache with private
--- config
    location = /t {
        mlsec_call a http://u/private;
        mlsec_call b http://u/no-cache;
    }
--- request
GET /t
--- response_headers
Cache-Control: no-cache, private



=== must-revalidate
--- config
    location = /t {
        mlsec_call a http://u/60;
        mlsec_call b http://u/must;
    }
--- request
GET /t
--- response_headers
Cache-Control: must-revalidate, max-age=30



=== an age that is none counts as 0
--- config
    location = /t {
        mlsec_call a http://u/odd;
        mlsec_call b http://u/60;
    }
--- request
GET /t
--- response_headers
Cache-Control: max-age=0



=== a header in two lines
--- config
    location = /t {
        mlsec_call a http://u/two;
    }
--- request
GET /t
--- response_headers
Cache-Control: no-store



=== a part that was left out has no say
--- config
    location = /t {
        mlsec_call a http://u/60;
        mlsec_call b http://u/no-store if=$arg_x;
    }
--- request
GET /t
--- response_headers
Cache-Control: max-age=60



=== something is missing: not for any cache
--- config
    location = /t {
        mlsec_call a http://u/60;
        mlsec_call b http://u/500;
    }
--- request
GET /t
--- response_headers
Cache-Control: no-store



=== something is missing and nobody says anything
--- config
    location = /t {
        mlsec_call a http://u/none;
        mlsec_call b http://dead/;
    }
--- request
GET /t
--- response_headers
Cache-Control: no-store



=== a fallback was used
--- config
    location = /t {
        mlsec_call a http://u/60;
        mlsec_call b http://dead/ fallback=null;
    }
--- request
GET /t
--- response_headers
Cache-Control: no-store



=== aggregates inside
--- config
    location = /t {
        mlsec_call a /in;
        mlsec_call b http://u/60;
    }
    location = /in { mlsec_call x http://u/must; mlsec_call y http://u/60; }
--- request
GET /t
--- response_headers
Cache-Control: must-revalidate, max-age=30



=== an envelope says nothing of its own
--- config
    location = /t { mlsec_call a http://u/500; }
--- request
GET /t
--- error_code: 502
--- response_headers
! Cache-Control



=== no other header of a part comes through
--- config
    location = /t { mlsec_call a http://u/cookie; mlsec_call b /local; }
    location = /local { add_header Set-Cookie c=d; add_header X-Own 1; return 200 1; }
--- request
GET /t
--- response_headers
Content-Type: application/json
Content-Length: 13
! Set-Cookie
! ETag
! Last-Modified
! X-Own
! Link
! Vary
! Accept-Ranges
--- response_body chomp
{"a":1,"b":1}
