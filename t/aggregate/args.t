# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# args= of mlsec_call: which of the client's arguments a part gets.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location / {
        return 200 '"$request_uri"';
    }
EOT

run_tests();

__DATA__

=== named arguments
--- config
    location = /t { mlsec_call a http://u/x args=limit,offset; }
--- request
GET /t?a=1&limit=10&b=2&offset=20&limitx=3&x-limit=4
--- response_body chomp
{"a":"/x?limit=10&offset=20"}



=== none of them is there
--- config
    location = /t { mlsec_call a http://u/x args=limit; }
--- request
GET /t?a=1
--- response_body chomp
{"a":"/x"}



=== the client has no query
--- config
    location = /t {
        mlsec_call a http://u/x args=*;
        mlsec_call b http://u/x?y=1 args=*;
    }
--- request
GET /t
--- response_body chomp
{"a":"/x","b":"/x?y=1"}



=== all of them
--- config
    location = /t { mlsec_call a http://u/x args=*; }
--- request
GET /t?a=1&b=2&c
--- response_body chomp
{"a":"/x?a=1&b=2&c"}



=== they come after the URI's own query
--- config
    location = /t {
        mlsec_call a http://u/x?v=2&w args=*;
        mlsec_call b http://u/x?v=2 args=b,a;
    }
--- request
GET /t?a=1&b=2
--- response_body chomp
{"a":"/x?v=2&w&a=1&b=2","b":"/x?v=2&a=1&b=2"}



=== own names win
--- config
    location = /t { mlsec_call a http://u/x?limit=5&flag args=*; }
--- request
GET /t?limit=100&a=1&limit=200&flag=1&limi=3&limits=4
--- response_body chomp
{"a":"/x?limit=5&flag&a=1&limi=3&limits=4"}



=== own names win over the list
--- config
    location = /t { mlsec_call a http://u/x?limit=5 args=limit,a; }
--- request
GET /t?limit=100&a=1
--- response_body chomp
{"a":"/x?limit=5&a=1"}



=== own names win over an escaped spelling of the client's
--- config
    location = /t { mlsec_call a http://u/x?limit=5 args=*; }
--- request
GET /t?%6cimit=100&lim%69t=7&a=1
--- response_body chomp
{"a":"/x?limit=5&a=1"}



=== an escaped spelling of a name in the list is that name
--- config
    location = /t { mlsec_call a http://u/x args=limit; }
--- request
GET /t?%6Cimit=100&a=1
--- response_body chomp
{"a":"/x?%6Cimit=100"}



=== a space in a name in its two spellings
--- config
    location = /t { mlsec_call a "http://u/x?a%20b=5" args=*; }
--- request
GET /t?a+b=1&a%20b=2&ab=3
--- response_body chomp
{"a":"/x?a%20b=5&ab=3"}



=== names differ by case
--- config
    location = /t { mlsec_call a http://u/x?limit=5 args=*; }
--- request
GET /t?Limit=100
--- response_body chomp
{"a":"/x?limit=5&Limit=100"}



=== own names that a variable has made win too
--- config
    location = /t { mlsec_call a http://u/x?$http_x_name=5 args=*; }
--- request
GET /t?limit=100&a=1
--- more_headers
X-Name: limit
--- response_body chomp
{"a":"/x?limit=5&a=1"}



=== repeats are kept, in the client's order
--- config
    location = /t { mlsec_call a http://u/x args=tag,id; }
--- request
GET /t?tag=b&id=1&tag=a&other=1&tag=b
--- response_body chomp
{"a":"/x?tag=b&id=1&tag=a&tag=b"}



=== values go through raw
--- config
    location = /t { mlsec_call a http://u/x args=*; }
--- request
GET /t?a=%26%3d+%zz&b==c&d=%C3%A9&e=a/b?c
--- response_body chomp
{"a":"/x?a=%26%3d+%zz&b==c&d=%C3%A9&e=a/b?c"}



=== empty pieces are left out, empty values are kept
--- config
    location = /t { mlsec_call a http://u/x args=*; }
--- request
GET /t?&&a=&&b&=c&
--- response_body chomp
{"a":"/x?a=&b&=c"}



=== an own query that is empty
--- config
    location = /t { mlsec_call a http://u/x? args=*; }
--- request
GET /t?a=1
--- response_body chomp
{"a":"/x?a=1"}



=== every part has its own list
--- config
    location = /t {
        mlsec_call a http://u/x args=a;
        mlsec_call b http://u/x args=b;
        mlsec_call c http://u/x;
        mlsec_call d /local args=a;
    }
    location = /local { mlsec_respond '"$args"'; }
--- request
GET /t?a=1&b=2
--- response_body chomp
{"a":"/x?a=1","b":"/x?b=2","c":"/x","d":"a=1"}



=== the arguments are the client's after a rewrite too
--- config
    location = /t { rewrite ^ /u?c=3; }
    location = /u { mlsec_call a http://u/x args=a,c; }
--- request
GET /t?a=1
--- response_body chomp
{"a":"/x?c=3&a=1"}
