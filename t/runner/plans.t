# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Blocks that are skipped, chosen or expected to fail count as planned.

use Test::Nginx::Socket;

repeat_each(3);

plan tests => repeat_each() * (2 * blocks());

run_tests();

__DATA__

=== TEST 1: runs
--- config
    location /t { return 200 "a"; }
--- request
GET /t
--- response_body: a


=== TEST 2: skipped for the version
--- skip_nginx: 2: > 1.0.0
--- config
    location /t { no_such_directive; }
--- request
GET /t
--- response_body: a


=== TEST 3: not skipped for the version
--- skip_nginx: 2: < 1.0.0: too old
--- config
    location /t { return 200 "a"; }
--- request
GET /t
--- response_body: a


=== TEST 4: skipped by an expression
--- skip_eval: 2: $^O ne 'plan9'
--- config
    location /t { no_such_directive; }
--- request
GET /t
--- response_body: a


=== TEST 5: not skipped by an expression
--- skip_eval: 2: $^O eq 'plan9'
--- config
    location /t { return 200 "a"; }
--- request
GET /t
--- response_body: a


=== TEST 6: a block with SKIP does not count
--- SKIP
--- config
    location /t { no_such_directive; }
--- request
GET /t


=== TEST 7: expected to fail
--- todo
2: not written yet
--- config
    location /t { return 200 "a"; }
--- request
GET /t
--- error_code: 404
--- response_body: b
