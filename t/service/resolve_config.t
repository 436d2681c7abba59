# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_resolve: what does not load, and what it says.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $line = $block->line;

    $block->set_value(config => 'location = /x { return 204; }');
    $block->set_value(request => 'GET /x');

    return $block->set_value(error_code => 204) if $block->http_config;

    $block->set_value(http_config => "mlsec_zone m:64k; resolver 127.0.0.1:1; upstream u { $line }");

    if ($block->error_log) {
        $block->set_value(must_die => '');
    } else {
        $block->set_value(error_code => 204);
        $block->set_value(no_error_log => '[emerg]');
    }
});

run_tests();

__DATA__

=== the least
--- line: mlsec_resolve training:8002;



=== all of it
--- line: least_conn; mlsec_resolve _http._tcp.training.internal srv min=100ms max=5m slots=64; keepalive 4;



=== a name in capitals, a dot at its end
--- line: mlsec_resolve Training.Internal.:8002;



=== an address, beside a server
--- line: server 127.0.0.1:1 backup; mlsec_resolve 10.0.0.1:8002;



=== an address of IPv6
--- line: mlsec_resolve [::1]:8002;



=== beside servers, after keepalive, one place
--- line: server 127.0.0.1:1; keepalive 4; mlsec_resolve training:8002 slots=1;



=== with a balancer after it
--- line: hash $uri consistent; mlsec_resolve training:8002;



=== an address needs neither zone nor resolver
--- http_config
    upstream u { mlsec_resolve 127.0.0.1:1; }
--- no_error_log
[emerg]



=== the resolver behind the upstream
--- http_config
    upstream u { mlsec_resolve training:8002; } mlsec_zone m:64k; resolver 127.0.0.1:1;
--- no_error_log
[emerg]



=== mlsec_via to it
--- http_config
    upstream u { mlsec_resolve training:8002; } mlsec_zone m:64k; resolver 127.0.0.1:1;
    server { listen unix:$TEST_NGINX_SERVER_ROOT/v.sock; location / { mlsec_via u; } }
--- no_error_log
[emerg]



=== no resolver
--- http_config
    mlsec_zone m:64k;
    upstream u { mlsec_resolve training:8002; }
--- must_die
--- error_log eval
qr/\[emerg\].* "mlsec_resolve" in upstream "u" without "resolver", add "resolver ADDRESS;" with the address of your DNS server to "http" in \S+nginx\.conf:\d+/



=== a resolver of a server is not that of http
--- http_config
    mlsec_zone m:64k;
    upstream u { mlsec_resolve training:8002; }
    server { listen unix:$TEST_NGINX_SERVER_ROOT/v.sock; resolver 127.0.0.1:1; }
--- must_die
--- error_log
"mlsec_resolve" in upstream "u" without "resolver", add "resolver ADDRESS;"



=== no zone
--- http_config
    resolver 127.0.0.1:1;
    upstream u { mlsec_resolve training:8002; }
--- must_die
--- error_log
[emerg]
"mlsec_resolve" in upstream "u" without "mlsec_zone", add "mlsec_zone mlsec:32m;" to "http" in 



=== twice
--- line: mlsec_resolve a:1; mlsec_resolve b:1;
--- error_log
[emerg]
"mlsec_resolve" directive is duplicate



=== twice, an address first
--- line: mlsec_resolve 127.0.0.1:1; mlsec_resolve b:1;
--- error_log
[emerg]
"mlsec_resolve" directive is duplicate



=== no port
--- line: mlsec_resolve training;
--- error_log
[emerg]
invalid address "training" in "mlsec_resolve", expected a name and a port such as "training:8002"



=== a port of 0
--- line: mlsec_resolve training:0;
--- error_log
[emerg]
invalid address "training:0" in "mlsec_resolve", expected a name and a port such as "training:8002"



=== a port that is too large
--- line: mlsec_resolve training:65536;
--- error_log
[emerg]
invalid address "training:65536" in "mlsec_resolve", expected a name and a port such as "training:8002"



=== a URL
--- line: mlsec_resolve http://training:8002;
--- error_log
[emerg]
invalid address "http://training:8002" in "mlsec_resolve", expected a name and a port such as "training:8002"



=== a path
--- line: mlsec_resolve training:8002/x;
--- error_log
[emerg]
invalid address "training:8002/x" in "mlsec_resolve", expected a name and a port such as "training:8002"



=== a unix socket
--- line: mlsec_resolve unix:/tmp/x;
--- error_log
[emerg]
invalid address "unix:/tmp/x" in "mlsec_resolve", expected a name and a port such as "training:8002"



=== a name with a space in it
--- line: mlsec_resolve "train ing:8002";
--- error_log
[emerg]
invalid address "train ing:8002" in "mlsec_resolve", expected a name and a port such as "training:8002"



=== a name that is too long
--- line eval: "mlsec_resolve " . "a" x 254 . ":80;"
--- error_log
in "mlsec_resolve", expected a name and a port such as "training:8002"



=== an unknown parameter
--- line: mlsec_resolve training:8002 ttl=1s;
--- error_log
[emerg]
unknown parameter "ttl=1s" in "mlsec_resolve", expected "srv", "min=", "max=" or "slots="



=== a bad time
--- line: mlsec_resolve training:8002 min=x;
--- error_log
[emerg]
invalid time "x" in "min=" of "mlsec_resolve", expected a time such as "3s" or "250ms"



=== a bad time, the other
--- line: mlsec_resolve training:8002 max=0;
--- error_log
[emerg]
invalid time "0" in "max=" of "mlsec_resolve", expected a time such as "3s" or "250ms"



=== the wrong way round
--- line: mlsec_resolve training:8002 min=10s max=5s;
--- error_log
[emerg]
"min=" is longer than "max=" in "mlsec_resolve"



=== no place
--- line: mlsec_resolve training:8002 slots=0;
--- error_log
[emerg]
invalid value "0" of "slots=" in "mlsec_resolve", expected a number, 1-64



=== too many places
--- line: mlsec_resolve training:8002 slots=65;
--- error_log
[emerg]
invalid value "65" of "slots=" in "mlsec_resolve", expected a number, 1-64



=== SRV of an address
--- line: mlsec_resolve 10.0.0.1:8002 srv;
--- error_log
[emerg]
"srv" with the address "10.0.0.1:8002" in "mlsec_resolve", expected a name



=== SRV of a name with one label too few
--- line: mlsec_resolve _http._tcp srv;
--- error_log
[emerg]
invalid name "_http._tcp" for "srv" in "mlsec_resolve", expected one such as "_http._tcp.training.internal"
