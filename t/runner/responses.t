# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Each kind of statement about a response, and which one wins.

use Test::Nginx::Socket;

repeat_each(2);

plan tests => repeat_each() * (2 * blocks() + 13);

our $Letters = join '', 'a' .. 'z';

run_tests();

__DATA__

=== TEST 1: the status is checked without being asked
--- config
    location /t { return 200 "ok\n"; }
--- request
GET /t
--- response_body
ok


=== TEST 2: error_code on one line
--- config
    location /t { return 418 "tea\n"; }
--- request
GET /t
--- error_code: 418
--- response_body
tea


=== TEST 3: error_code_like beats error_code
--- config
    location /t { return 502 "bad\n"; }
--- request
GET /t
--- error_code: 200
--- error_code_like: ^50[234]$
--- response_body
bad


=== TEST 4: response_body by eval and chomp
--- config
    location /t { return 200 "abcdefghijklmnopqrstuvwxyz"; }
--- request
GET /t
--- response_body eval
$::Letters


=== TEST 5: response_body by chomp
--- config
    location /t { return 200 "abc"; }
--- request
GET /t
--- response_body chomp
abc


=== TEST 6: response_body on one line
--- config
    location /t { return 200 "abc"; }
--- request
GET /t
--- response_body: abc


=== TEST 7: response_body beats response_body_like
--- config
    location /t { return 200 "abc\n"; }
--- request
GET /t
--- response_body
abc
--- response_body_like: never


=== TEST 8: response_body_like as text, a dot matches a line break
--- config
    location /t { return 200 "abc\ndef\n"; }
--- request
GET /t
--- response_body_like: ^abc.def
--- response_body_unlike: abc


=== TEST 9: response_body_like as a multi-line section
--- config
    location /t { return 200 "abc-1\n"; }
--- request
GET /t
--- response_body_like
^abc-\d$


=== TEST 10: response_body_like by eval
--- config
    location /t { return 200 "ABC"; }
--- request
GET /t
--- response_body_like eval
qr/^abc\z/i


=== TEST 11: response_body_unlike
--- config
    location /t { return 200 "abc\n"; }
--- request
GET /t
--- response_body_unlike: [0-9]


=== TEST 12: response_headers, present and absent
--- config
    location /t {
        add_header X-One 1;
        add_header X-Two "a  b";
        return 204;
    }
--- request
GET /t
--- response_headers
X-One: 1
x-two: a  b
! X-Three
--- response_body
--- error_code: 204


=== TEST 13: response_headers_like is anchored
--- config
    location /t { add_header X-Id $request_id; return 200 "a\n"; }
--- request
GET /t
--- response_headers_like
X-Id: [0-9a-f]{32}
Content-Type: text/.*
--- response_body
a


=== TEST 14: response_headers beats response_headers_like
--- config
    location /t { add_header X-Id 7; return 200 "a\n"; }
--- request
GET /t
--- response_headers
X-Id: 7
--- response_headers_like
X-Id: [a-z]
X-Other: .+


=== TEST 15: raw_response_headers_like and _unlike
--- config
    location /t { add_header X-Id 7; return 200 "a\n"; }
--- request
GET /t
--- raw_response_headers_like: X-Id: 7\r\n
--- raw_response_headers_unlike: X-Id: 8


=== TEST 16: ignore_response leaves out even the status
--- config
    location /t { return 500 "a\n"; }
--- request
GET /t
--- ignore_response
--- no_error_log
[alert]
[crit]


=== TEST 17: a chunked body is decoded
--- config
    location /t {
        ssi on;
        default_type text/html;
        alias $TEST_NGINX_SERVER_ROOT/html/page.html;
    }
--- user_files
>>> page.html
one<!--#echo var="x" default="two" -->three
--- request
GET /t
--- response_headers
Transfer-Encoding: chunked
! Content-Length
--- response_body
onetwothree


=== TEST 18: a body that ends with the connection
--- config
    location /t {
        ssi on;
        default_type text/html;
        alias $TEST_NGINX_SERVER_ROOT/html/page.html;
    }
--- user_files
>>> page.html
one<!--#echo var="x" default="two" -->three
--- request
GET /t HTTP/1.0
--- response_headers
! Transfer-Encoding
! Content-Length
--- response_body
onetwothree


=== TEST 19: HEAD announces a length and sends nothing
--- config
    location /t { return 200 "abcdef"; }
--- request
HEAD /t
--- response_headers
Content-Length: 6
--- response_body


=== TEST 20: 304 has no body
--- config
    if_modified_since before;
--- user_files
>>> old.txt 201001020304.05
old
--- request
GET /old.txt
--- more_headers
If-Modified-Since: Wed, 01 Jan 2020 00:00:00 GMT
--- error_code: 304
--- response_headers
! Content-Length
--- response_body


=== TEST 21: 101 ends HTTP
--- config
    location /t { return 101; }
--- request
GET /t
--- more_headers
Connection: upgrade
Upgrade: x
--- error_code: 101
--- response_body
--- abort
--- timeout: 1


=== TEST 22: a connection that is closed without a response
--- config
    location /t { return 444; }
--- request
GET /t
--- error_code:
--- response_body


=== TEST 23: $TEST_NGINX names and $ServerPort in an expected value
--- config
    location /t { add_header X-Port $server_port; return 200 "$server_port"; }
--- request
GET /t
--- response_headers
X-Port: $ServerPort
--- response_body chomp
$TEST_NGINX_SERVER_PORT


=== TEST 24: a body bigger than a buffer
--- config
--- user_files eval
">>> big.txt\n" . "0123456789abcdef" x 16384
--- request
GET /big.txt
--- response_body eval
"0123456789abcdef" x 16384


=== TEST 25: fields of one name are joined
--- config
    location /t { add_header X-A 1; add_header X-A 2; return 200 "a"; }
--- request
GET /t
--- response_headers
X-A: 1, 2


=== TEST 26: response_body_filters by name
--- config
    location /t { return 200 "abc"; }
--- request
GET /t
--- response_body_filters
uc
--- response_body: ABC


=== TEST 27: response_body_filters by code
--- config
    location /t { return 200 "a1b22"; }
--- request
GET /t
--- response_body_filters eval
sub { my $body = shift; $body =~ s/\d+/N/g; $body }
--- response_body: aNbN


=== TEST 28: the head as sent, from the status line to the last field
--- config
    location /t { return 200 "a"; }
--- request
GET /t
--- raw_response_headers_like: ^HTTP/1.1 200 OK\r\n.*Connection: close\r\n$
