# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_limit_zone, mlsec_limit, mlsec_limit_conn, mlsec_limit_headers,
# mlsec_limit_status: what does not load, and what it says.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->config) {
        $block->set_value(config => 'location = /x { return 204; }');
    }

    if (!defined $block->request) {
        $block->set_value(must_die => '');
        $block->set_value(request => 'GET /x');
    }
});

run_tests();

__DATA__

=== everything that there is
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit_zone u:64k "key=$http_x_user/$arg_t"; mlsec_limit_zone b:64k key=$binary_remote_addr;
    mlsec_limit zone=a rate=100r/s burst=5 cost=2 name=x.Y_1- change=LIMIT dry_run; mlsec_limit_headers both;
--- config
    mlsec_limit zone=u rate=off; mlsec_limit zone=u quota=5/month name=m; mlsec_limit zone=u rate=$arg_r burst=$arg_b cost=$arg_c name=v;
    mlsec_limit_conn zone=u max=5 name=c dry_run; mlsec_limit zone=b rate=1r/h count=401,4xx;
    location = /x { mlsec_limit off; return 204; }
    location = /s { mlsec_limit_status; mlsec_limit_headers off; }
--- request
GET /x
--- error_code: 204
--- no_error_log
[error]



=== a zone without a size
--- http_config
    mlsec_limit_zone user key=address;
--- error_log
invalid zone "user" in "mlsec_limit_zone", expected a name and a size such as "user:16m"



=== a zone that is too small
--- http_config
    mlsec_limit_zone user:4k key=address;
--- error_log
zone "user:4k" in "mlsec_limit_zone" is too small, expected at least "64k"



=== a zone without a key
--- http_config
    mlsec_limit_zone user:64k on=x;
--- error_log
invalid parameter "on=x" in "mlsec_limit_zone", expected "key=" and what is counted, such as "key=$mlsec_identity" or "key=address"



=== a key that is the same for all
--- http_config
    mlsec_limit_zone user:64k key=all;
--- error_log
no variable in "key=all" of "mlsec_limit_zone", expected what is counted, such as "key=$mlsec_identity" or "key=address"



=== a key of an unknown variable
--- http_config
    mlsec_limit_zone user:64k key=$nothing;
--- error_log
unknown "nothing" variable



=== a zone twice
--- http_config
    mlsec_limit_zone user:64k key=address; mlsec_limit_zone user:64k key=address;
--- error_log
zone "user" in "mlsec_limit_zone" is there already



=== no zone
--- http_config
    mlsec_limit rate=1r/s;
--- error_log
no "zone=" in "mlsec_limit"



=== an unknown zone
--- http_config
    mlsec_limit_conn zone=z max=1;
--- error_log
no zone "z" for "mlsec_limit_conn", add "mlsec_limit_zone z:16m key=...;" to "http" before this line



=== no rate
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a burst=1;
--- error_log
no "rate=" in "mlsec_limit"



=== no max
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit_conn zone=a dry_run;
--- error_log
no "max=" in "mlsec_limit_conn"



=== a max that is none
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit_conn zone=a max=0;
--- error_log
invalid "max=0" in "mlsec_limit_conn", expected a number of requests at once, 1-1000000



=== a rate that is none
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=100;
--- error_log
invalid "rate=" in "mlsec_limit", expected a rate such as "100r/s" (r/m, r/h, r/d), a quota such as "1000/day" or "1000/month", a burst and a cost in whole numbers



=== a quota that is none
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a quota=5/week;
--- error_log
invalid "quota=" in "mlsec_limit", expected



=== a burst of nothing
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s burst=0;
--- error_log
invalid "burst=" in "mlsec_limit", expected



=== a cost below 0, beside a variable rate
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=$arg_r cost=-1;
--- error_log
invalid "cost=" in "mlsec_limit", expected



=== a rate and a quota
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s quota=5/day;
--- error_log
"5/day" for a parameter of "mlsec_limit" that has a value already (there is one of "rate=" and "quota=")



=== a burst of a quota
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a quota=5/day burst=5;
--- error_log
"burst=" beside "quota=" in "mlsec_limit", expected it beside "rate="



=== statuses that are none
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s count=999;
--- error_log
invalid status "999" of "count=" of "mlsec_limit", expected a list such as "2xx,404"



=== a name that does not fit into a header
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s "name=a b";
--- error_log
invalid name "a b" of a limit in "mlsec_limit", expected 1 to 64 of A-Z a-z 0-9 _ - .



=== when without a variable
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s when=POST;
--- error_log
invalid "when=POST" in "mlsec_limit", expected a variable and its values such as "when=$request_method:PUT,POST"



=== when without a value
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s when=$uri:;
--- error_log
invalid "when=$uri:" in "mlsec_limit", expected a variable and its values such as "when=$request_method:PUT,POST"



=== unless with an empty value
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit_conn zone=a max=1 unless=$uri:a,,b;
--- error_log
invalid "unless=$uri:a,,b" in "mlsec_limit_conn", expected a variable and its values such as "unless=$request_method:PUT,POST"



=== unless with nothing
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s unless=;
--- error_log
invalid "unless=" in "mlsec_limit", expected a variable and its values such as "unless=$request_method:PUT,POST"



=== when of an unknown variable
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s when=$nothing:a;
--- error_log
unknown "nothing" variable



=== when beside unless
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s when=$uri:/a unless=$uri:/b;
--- error_log
"unless=$uri:/b" in "mlsec_limit" beside another "when=" or "unless=", expected one of them



=== an unknown parameter
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s delay=1;
--- error_log
unknown parameter "delay" in "mlsec_limit", expected "zone=", "rate=", "quota=", "burst=", "cost=", "count=", "when=", "unless=", "name=", "change=" or "dry_run"



=== an unknown parameter of the other one
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit_conn zone=a rate=1r/s;
--- error_log
unknown parameter "rate" in "mlsec_limit_conn", expected "zone=", "max=", "when=", "unless=", "name=", "change=" or "dry_run"



=== two limits of one name
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit zone=a rate=1r/s; mlsec_limit zone=a rate=2r/s;
--- error_log eval
qr/limit "a" of zone "a" is another one in .*nginx\.conf:\d+, give this one a "name=" of its own/



=== off beside a limit
--- http_config
    mlsec_limit_zone a:64k key=address; mlsec_limit off; mlsec_limit zone=a rate=2r/s;
--- error_log
"mlsec_limit" beside "mlsec_limit off"



=== too many
--- http_config eval
"mlsec_limit_zone a:64k key=address; " . CORE::join '', map { "mlsec_limit zone=a rate=1r/s name=n$_; " } 1 .. 9
--- error_log
more than 8 limits with "mlsec_limit"



=== a status route with another handler
--- config
    location = /x { mlsec_limit_status; mlsec_respond 1; }
--- error_log
already has a content handler



=== headers
--- http_config
    mlsec_limit_headers none;
--- error_log
invalid value "none"



=== sync: everything that there is
--- http_config
    mlsec_redis redis://127.0.0.1:1/0 name=limits;
    mlsec_limit_store redis=limits "prefix={t}:" nodes=3;
    mlsec_limit_zone u:64k key=$http_x_user;
    mlsec_limit_sync lease=0.5% every=1s timeout=5ms fail=open;
--- config
    mlsec_limit_sync on;
    location = /x { mlsec_limit_sync off; mlsec_limit zone=u rate=1r/s; return 204; }
    location = /y { mlsec_limit_sync every=0 fail=closed; mlsec_limit zone=u quota=1/day name=y; return 204; }
    location = /z { mlsec_limit_sync lease=100% fail=local; return 204; }
--- request
GET /x
--- error_code: 204



=== sync without redis
--- http_config
    mlsec_limit_sync on;
--- error_log eval
qr/"mlsec_limit_sync" in \S+nginx\.conf:\d+ needs "mlsec_redis URL;" in "http"/



=== sync with nothing known
--- http_config
    mlsec_limit_sync rate=1;
--- error_log
unknown parameter "rate" in "mlsec_limit_sync", expected "lease=", "every=", "timeout=", "fail=", or "on" or "off" alone



=== sync, on and more
--- http_config
    mlsec_limit_sync on lease=10%;
--- error_log
unknown parameter "on" in "mlsec_limit_sync", expected "lease=", "every=", "timeout=", "fail=", or "on" or "off" alone



=== sync with a lease that is none
--- http_config
    mlsec_limit_sync lease=0%;
--- error_log
invalid "lease=0%" in "mlsec_limit_sync", expected a part of the limit, such as "lease=10%", up to 100%



=== sync with a lease of more than all
--- http_config
    mlsec_limit_sync lease=101%;
--- error_log
invalid "lease=101%" in "mlsec_limit_sync"



=== sync with a lease without a unit
--- http_config
    mlsec_limit_sync lease=10;
--- error_log
invalid "lease=10" in "mlsec_limit_sync"



=== sync with a time that is none
--- http_config
    mlsec_limit_sync every=x;
--- error_log
invalid "every=x" in "mlsec_limit_sync", expected a time such as "every=100ms", up to 60s, or "every=0" to ask each time



=== sync that is too seldom
--- http_config
    mlsec_limit_sync every=61s;
--- error_log
invalid "every=61s" in "mlsec_limit_sync"



=== sync without patience
--- http_config
    mlsec_limit_sync timeout=0;
--- error_log
invalid "timeout=0" in "mlsec_limit_sync", expected a time such as "timeout=25ms", from 1ms to 10s



=== sync with too much patience
--- http_config
    mlsec_limit_sync timeout=11s;
--- error_log
invalid "timeout=11s" in "mlsec_limit_sync"



=== sync that fails in no way
--- http_config
    mlsec_limit_sync fail=maybe;
--- error_log
invalid "fail=maybe" in "mlsec_limit_sync", expected "fail=local", "fail=open" or "fail=closed"



=== sync twice
--- http_config
    mlsec_limit_sync off; mlsec_limit_sync off;
--- error_log
"mlsec_limit_sync" directive is duplicate



=== a store without a word
--- http_config
    mlsec_limit_store size=1;
--- error_log
unknown parameter "size" in "mlsec_limit_store", expected "redis=", "prefix=" or "nodes="



=== a store with a prefix of blanks
--- http_config
    mlsec_limit_store "prefix=a b";
--- error_log
invalid "prefix=a b" in "mlsec_limit_store", expected up to 64 printable characters without blanks



=== a store of nobody
--- http_config
    mlsec_limit_store nodes=0;
--- error_log
invalid "nodes=0" in "mlsec_limit_store", expected a number of gateways, 1-10000



=== a store that comes too late
--- http_config
    mlsec_redis redis://127.0.0.1:1; mlsec_limit_sync on; mlsec_limit_store nodes=2;
--- error_log
"mlsec_limit_store" after "mlsec_limit_sync", expected it before the first of them



=== a store twice
--- http_config
    mlsec_limit_store nodes=2; mlsec_limit_store nodes=2;
--- error_log
"mlsec_limit_store" directive is duplicate
