# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_redact, mlsec_redact_max_size: what does not load, and what it says.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->request) {
        $block->set_value(must_die => '');
        $block->set_value(request => 'GET /x');
    }
});

run_tests();

__DATA__

=== everything that there is
--- http_config
    mlsec_redact .password;
    mlsec_redact_max_size 8m;
--- config
    mlsec_redact a.b.c *.x *.* * **.y "with blank" q"uote mask=email,card,phone mask=card;
    location = /a { mlsec_redact off; return 204; }
    location = /b { mlsec_redact **.z; mlsec_redact_max_size 1k; }
--- request
GET /a
--- error_code: 204
--- no_error_log
[error]



=== twice
--- config
    mlsec_redact a; mlsec_redact b;
--- error_log
"mlsec_redact" directive is duplicate



=== nothing
--- config
    mlsec_redact;
--- error_log
invalid number of arguments in "mlsec_redact" directive



=== no name
--- config
    mlsec_redact a..b;
--- error_log
invalid path "a..b" in "mlsec_redact", expected names with dots between them such as "user.token", "*" for any name, "**.token" for one at any depth, or "mask="



=== a path of jq
--- config
    mlsec_redact .users[].token;
--- error_log
invalid path ".users[].token" in "mlsec_redact", expected names with dots



=== any depth in the middle
--- config
    mlsec_redact a.**.b;
--- error_log
invalid path "a.**.b" in "mlsec_redact", expected names with dots



=== any depth, and more
--- config
    mlsec_redact **.a.b;
--- error_log
invalid path "**.a.b" in "mlsec_redact", expected names with dots



=== any depth of nothing
--- config
    mlsec_redact **;
--- error_log
invalid path "**" in "mlsec_redact", expected names with dots



=== any depth of anything
--- config
    mlsec_redact **.*;
--- error_log
invalid path "**.*" in "mlsec_redact", expected names with dots



=== half a name
--- config
    mlsec_redact a*;
--- error_log
invalid path "a*" in "mlsec_redact", expected names with dots



=== too many names
--- config
    mlsec_redact a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q;
--- error_log
invalid path "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q" in "mlsec_redact", expected names with dots



=== too many paths
--- config eval
"mlsec_redact " . join(' ', map { "a$_" } 1 .. 65) . ";"
--- error_log
too many paths in "mlsec_redact", expected at most 64



=== a mask that is none
--- config
    mlsec_redact mask=email,iban;
--- error_log
unknown mask "iban" in "mlsec_redact", expected a comma list out of email, card, phone



=== a size that is none
--- config
    mlsec_redact_max_size big;
--- error_log
"mlsec_redact_max_size" directive invalid value
