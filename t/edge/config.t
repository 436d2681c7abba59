# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Directives of src/edge: bad values with their exact text, and what a load
# warns of.

use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_long_string();
no_shuffle();
no_root_location();
run_tests();

__DATA__

=== mlsec_cors: no origin
--- config
    mlsec_cors credentials;
--- must_die
--- error_log
"mlsec_cors" names no origin, expected origins such as "https://app.example", "*", "none" or "off"

=== everybody, with credentials
--- config
    mlsec_cors * credentials;
--- must_die
--- error_log
"mlsec_cors *" with "credentials" would let every page act as whoever is signed in, list the origins that may in

=== everybody
--- config
    mlsec_cors *;
    location / { return 204; }
--- request
    GET /
--- error_code: 204
--- error_log
[warn]
"mlsec_cors *": pages of every origin may read answers in

=== null
--- config
    mlsec_cors null;
--- must_die
--- error_log
invalid origin "null" in "mlsec_cors", expected it as browsers send it: http(s)://host[:port] in lower case, without the port 80 of http and 443 of https, or "*" in

=== a slash at the end
--- config
    mlsec_cors https://a.example/;
--- must_die
--- error_log
invalid origin "https://a.example/" in "mlsec_cors"

=== upper case
--- config
    mlsec_cors https://A.example;
--- must_die
--- error_log
invalid origin "https://A.example" in "mlsec_cors"

=== a port that is not said
--- config
    mlsec_cors https://a.example:443;
--- must_die
--- error_log
invalid origin "https://a.example:443" in "mlsec_cors"

=== a port that is none
--- config
    mlsec_cors https://a.example:70000;
--- must_die
--- error_log
invalid origin "https://a.example:70000" in "mlsec_cors"

=== a pattern
--- config
    mlsec_cors https://*.example;
--- must_die
--- error_log
invalid origin "https://*.example" in "mlsec_cors"

=== user and password
--- config
    mlsec_cors https://u:p@a.example;
--- must_die
--- error_log
invalid origin "https://u:p@a.example" in "mlsec_cors"

=== another scheme
--- config
    mlsec_cors ftp://a.example;
--- must_die
--- error_log
invalid origin "ftp://a.example" in "mlsec_cors"

=== ports and addresses that are said
--- config
    mlsec_cors http://a.example:443 https://a.example:80 http://[::1]:3000
               http://127.0.0.1 max_age=0;
    location / { return 204; }
--- request
    GET /
--- error_code: 204
--- no_error_log
[warn]

=== an unknown parameter
--- config
    mlsec_cors https://a.example age=3;
--- must_die
--- error_log
unknown parameter "age=3" in "mlsec_cors", expected "methods=", "headers=", "expose=" or "max_age=" in

=== too long a time
--- config
    mlsec_cors https://a.example max_age=2d;
--- must_die
--- error_log
invalid time "2d" in "max_age=" of "mlsec_cors", expected at most 24h in

=== a list with a hole
--- config
    mlsec_cors https://a.example headers=A,,B;
--- must_die
--- error_log
invalid list "A,,B" in "headers=" of "mlsec_cors", expected names with commas between in

=== a list with a star
--- config
    mlsec_cors https://a.example methods=*;
--- must_die
--- error_log
invalid list "*" in "methods=" of "mlsec_cors", expected names with commas between in

=== twice
--- config
    mlsec_cors none;
    mlsec_cors off;
--- must_die
--- error_log
"mlsec_cors" directive is duplicate in

=== mlsec_https: no mode
--- config
    mlsec_https on;
--- must_die
--- error_log
invalid value "on" in "mlsec_https", expected "redirect" or "refuse" with parameters, or "off" alone in

=== off with a parameter
--- config
    mlsec_https off hsts=1d;
--- must_die
--- error_log
invalid value "off" in "mlsec_https"

=== no time
--- config
    mlsec_https refuse hsts=soon;
--- must_die
--- error_log
invalid parameter "hsts=soon" in "mlsec_https", expected "hsts=TIME", "hsts=off", "subdomains" or "port=NUMBER" in

=== no port
--- config
    mlsec_https redirect port=0;
--- must_die
--- error_log
invalid parameter "port=0" in "mlsec_https"

=== https twice
--- config
    mlsec_https refuse;
    mlsec_https off;
--- must_die
--- error_log
"mlsec_https" directive is duplicate in

=== mlsec_browser_headers: no word
--- config
    mlsec_browser_headers yes;
--- must_die
--- error_log
invalid value "yes" in "mlsec_browser_headers", expected "on" with parameters, or "off" alone in

=== an unknown header
--- config
    mlsec_browser_headers on frames=none;
--- must_die
--- error_log
invalid parameter "frames=none" in "mlsec_browser_headers", expected "csp=POLICY" or "referrer=POLICY" in

=== a policy with a line end
--- config
    mlsec_browser_headers on "csp=a
b";
--- must_die
--- error_log
"mlsec_browser_headers", expected "csp=POLICY" or "referrer=POLICY" in

=== browser headers twice
--- config
    mlsec_browser_headers on;
    mlsec_browser_headers off;
--- must_die
--- error_log
"mlsec_browser_headers" directive is duplicate in

=== mlsec_uri_strict: no flag
--- config
    mlsec_uri_strict yes;
--- must_die
--- error_log
invalid value "yes" in "mlsec_uri_strict" directive, it must be "on" or "off" in

=== in a location
--- config
    location / { mlsec_uri_strict on; }
--- must_die
--- error_log
"mlsec_uri_strict" directive is not allowed here in
