# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_audit_log: bad values.

use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_long_string();
no_shuffle();
no_root_location();

run_tests();

__DATA__

=== no path
--- config
    mlsec_audit_log;
--- must_die
--- error_log
invalid number of arguments in "mlsec_audit_log" directive

=== twice
--- config
    mlsec_audit_log logs/a;
    mlsec_audit_log logs/b;
--- must_die
--- error_log
"mlsec_audit_log" directive is duplicate

=== a variable
--- config
    mlsec_audit_log logs/$host;
--- must_die
--- error_log
invalid path "logs/$host" in "mlsec_audit_log", expected a file, without variables, or "off"

=== syslog
--- config
    mlsec_audit_log syslog:server=unix:/dev/log;
--- must_die
--- error_log
invalid path "syslog:server=unix:/dev/log" in "mlsec_audit_log", expected a file, without variables, or "off"

=== an unknown parameter
--- config
    mlsec_audit_log logs/a gzip=9;
--- must_die
--- error_log
unknown parameter "gzip" in "mlsec_audit_log", expected "buffer=", "flush=" or "block"

=== a small buffer
--- config
    mlsec_audit_log logs/a buffer=4k;
--- must_die
--- error_log
invalid size "4k" of "buffer=" in "mlsec_audit_log", expected one such as "64k", at least "8k"

=== no buffer
--- config
    mlsec_audit_log logs/a buffer=x;
--- must_die
--- error_log
invalid size "x" of "buffer=" in "mlsec_audit_log", expected one such as "64k", at least "8k"

=== no time
--- config
    mlsec_audit_log logs/a flush=x;
--- must_die
--- error_log
invalid time "x" in "flush=" of "mlsec_audit_log", expected a time such as "3s" or "250ms"

=== off with more
--- config
    mlsec_audit_log off block;
--- must_die
--- error_log
"mlsec_audit_log off" has no parameters

=== one log with two buffers
--- http_config
    mlsec_audit_log logs/a buffer=64k flush=1s;
--- config
    location = /a { mlsec_audit_log logs/a buffer=32k; }
--- must_die
--- error_log eval
qr{"buffer=" and "flush=" of "\S+/logs/a" in "mlsec_audit_log" are others than in \S+/nginx\.conf:\d+ in }

=== the file of another log
--- http_config
    access_log logs/a combined buffer=4k;
    mlsec_audit_log logs/a;
--- config
--- must_die
--- error_log eval
qr{"\S+/logs/a" in "mlsec_audit_log" is another log, too, expected a file of its own in }

=== a file that cannot be made
--- config
    mlsec_audit_log /dev/null/a;
--- must_die
--- error_log
open() "/dev/null/a" failed
