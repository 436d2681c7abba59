# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_redis, mlsec_redis_status: what does not load, and what it says.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $line = $block->line // 'redis://127.0.0.1:1';

    $block->set_value(request => 'GET /x');
    $block->set_value(http_config => "mlsec_redis $line;" . ($block->more // ''))
        if $line ne 'none';
    $block->set_value(config => 'location = /x { return 204; }' . ($block->place // ''));

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
--- line: redis://127.0.0.1



=== all of it
--- line: rediss://u:p%40w@[::1]:6380/7 name=far connect_timeout=10ms timeout=5s queue=65536 max_reply=512m verify=on sni=cache.internal
--- more: mlsec_redis unix:/nowhere/redis.sock:3 queue=1 max_reply=1k; mlsec_redis unix://:p@/nowhere/redis.sock?db=1 name=b; mlsec_redis rediss://127.0.0.1 name=c verify=off;
--- place: location = /s { mlsec_redis_status name=far check=ping,write,pubsub; } location = /t { mlsec_redis_status; } location = /u { mlsec_redis_status check=off name=b; }



=== a directive before the server that it means
--- line: none
--- place: location = /s { mlsec_redis_status name=later; } } mlsec_redis redis://127.0.0.1:1 name=later; server { listen 127.0.0.1:1999;



=== no scheme
--- line: 127.0.0.1:6379
--- error_log
invalid scheme in the URL of "mlsec_redis", expected one such as "redis://HOST:6379/0", "rediss://USER:PASSWORD@HOST" or "unix:/run/redis/redis.sock"



=== no host, with a password that is not told
--- line: redis://:sesame@
--- error_log
invalid host in the URL of "mlsec_redis", expected one such as
--- no_error_log
sesame



=== a port that is none
--- line: redis://127.0.0.1:0
--- error_log
invalid port in the URL of "mlsec_redis"



=== a database that is none
--- line: redis://127.0.0.1/a
--- error_log
invalid database in the URL of "mlsec_redis"



=== a password that cannot be decoded
--- line: redis://:a%@127.0.0.1
--- error_log
invalid password in the URL of "mlsec_redis"



=== a path that is none
--- line: unix:redis.sock
--- error_log
invalid path in the URL of "mlsec_redis"



=== no IPv6 address
--- line: redis://[1:2]
--- error_log
invalid host in the URL of "mlsec_redis", expected an IPv6 address in the brackets



=== two without a name
--- more: mlsec_redis redis://127.0.0.2;
--- error_log
"mlsec_redis" directive is duplicate, give one of them a "name="



=== two with the same
--- line: redis://127.0.0.1 name=a
--- more: mlsec_redis redis://127.0.0.2 name=a;
--- error_log
"mlsec_redis" directive with this name is duplicate



=== a name that is none
--- line: redis://127.0.0.1 "name=a b"
--- error_log
invalid value "a b" of "name=" in "mlsec_redis", expected a word such as "limits"



=== a parameter that there is not
--- line: redis://127.0.0.1 pool=3
--- error_log
unknown parameter "pool" in "mlsec_redis", expected "name=", "password_file=", "connect_timeout=", "timeout=", "queue=", "max_reply=", "trusted=", "sni=" or "verify="



=== a parameter without a value
--- line: rediss://127.0.0.1 sni=
--- error_log
no value of "sni=" in "mlsec_redis"



=== a time that is none
--- line: redis://127.0.0.1 timeout=soon
--- error_log
"timeout=" of "mlsec_redis"



=== another
--- line: redis://127.0.0.1 connect_timeout=0
--- error_log
"connect_timeout=" of "mlsec_redis"



=== no queue
--- line: redis://127.0.0.1 queue=0
--- error_log
invalid value "0" of "queue=" in "mlsec_redis", expected a number of calls, 1-65536



=== too long a queue
--- line: redis://127.0.0.1 queue=65537
--- error_log
invalid value "65537" of "queue=" in "mlsec_redis", expected a number of calls, 1-65536



=== replies that are too small
--- line: redis://127.0.0.1 max_reply=1
--- error_log
invalid value "1" of "max_reply=" in "mlsec_redis", expected a size, 1k-512m



=== replies that are too large
--- line: redis://127.0.0.1 max_reply=513m
--- error_log
invalid value "513m" of "max_reply=" in "mlsec_redis", expected a size, 1k-512m



=== verify= that is none
--- line: rediss://127.0.0.1 verify=no
--- error_log
invalid value "no" of "verify=" in "mlsec_redis", expected "on" or "off"



=== two passwords
--- line: redis://:a@127.0.0.1 password_file=/etc/hostname
--- error_log
"password_file=" in "mlsec_redis" and a password in the URL, expected one of them



=== a password file that is not there
--- line: redis://127.0.0.1 password_file=/nowhere/password
--- error_log
cannot open "/nowhere/password" of "mlsec_redis"



=== an empty password file
--- line: redis://127.0.0.1 password_file=../html/empty
--- user_files
>>> empty

--- error_log
"../html/empty" of "password_file=" in "mlsec_redis" is empty, expected a line with the password



=== a user without a password
--- line: redis://gateway@127.0.0.1
--- error_log
a user without a password in "mlsec_redis", add "password_file=PATH"



=== trusted= without TLS
--- line: redis://127.0.0.1 trusted=ca.pem
--- error_log
"trusted=" in "mlsec_redis" without TLS, expected a URL such as "rediss://HOST"



=== sni= without TLS
--- line: unix:/nowhere.sock sni=cache
--- error_log
"sni=" in "mlsec_redis" without TLS, expected a URL such as "rediss://HOST"



=== verify=off without TLS
--- line: redis://127.0.0.1 verify=off
--- error_log
"verify=" in "mlsec_redis" without TLS, expected a URL such as "rediss://HOST"



=== CAs that are not there
--- line: rediss://127.0.0.1 trusted=/nowhere/ca.pem
--- error_log
cannot read CAs from "/nowhere/ca.pem", "trusted=" of "mlsec_redis" in



=== a name that is not there, without a resolver
--- line: redis://redis.invalid
--- error_log eval
qr/host "redis.invalid" of "mlsec_redis" in \S+:\d+ is not found, add "resolver ADDRESS;" with the address of your DNS server to "http" if it comes later/



=== the same with one
--- line: redis://redis.invalid
--- more: resolver 127.0.0.1:1;



=== a status of nothing
--- line: none
--- place: location = /s { mlsec_redis_status; }
--- error_log eval
qr/"mlsec_redis_status" in \S+:\d+ needs "mlsec_redis URL;" in "http"/



=== a status of something else
--- place: location = /s { mlsec_redis_status name=far; }
--- error_log eval
qr/"mlsec_redis_status" in \S+:\d+ needs "mlsec_redis URL name=far;" in "http"/



=== a parameter of the status that there is not
--- place: location = /s { mlsec_redis_status on; }
--- error_log
unknown parameter "on" in "mlsec_redis_status", expected "name=" or "check="



=== a check that there is not
--- place: location = /s { mlsec_redis_status check=ping,set; }
--- error_log
invalid value "ping,set" of "check=" in "mlsec_redis_status", expected "off" or a list of "ping", "write" and "pubsub"



=== an empty list of checks
--- place: location = /s { mlsec_redis_status check=; }
--- error_log
invalid value "" of "check=" in "mlsec_redis_status"



=== two contents
--- place: location = /s { mlsec_redis_status; mlsec_limit_status; }
--- error_log
"mlsec_limit_status"



=== twice
--- place: location = /s { mlsec_redis_status; mlsec_redis_status; }
--- error_log
"mlsec_redis_status" directive is duplicate
