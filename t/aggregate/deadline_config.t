# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_deadline: what loads and what does not.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Parts;

parts(service => <<'EOT');
    location / { return 200 1; }
EOT

run_tests();

__DATA__

=== no time
--- config
    mlsec_deadline soon;
--- must_die
--- error_log
[emerg]
invalid time "soon" in "mlsec_deadline", expected a time such as "3s" or "250ms"



=== zero
--- config
    mlsec_deadline 0;
--- must_die
--- error_log
[emerg]
invalid time "0" in "mlsec_deadline", expected a time such as "3s" or "250ms"



=== a negative one
--- config
    mlsec_deadline -1s;
--- must_die
--- error_log
[emerg]
invalid time "-1s" in "mlsec_deadline", expected a time such as "3s" or "250ms"



=== nothing
--- config
    mlsec_deadline;
--- must_die
--- error_log
[emerg]
invalid number of arguments in "mlsec_deadline" directive



=== an unknown parameter
--- config
    mlsec_deadline 3s hard=1s;
--- must_die
--- error_log
[emerg]
unknown parameter "hard=1s" in "mlsec_deadline", expected "soft="



=== a bad soft time
--- config
    mlsec_deadline 3s soft=x;
--- must_die
--- error_log
[emerg]
invalid time "x" in "soft=" of "mlsec_deadline", expected a time such as "3s" or "250ms"



=== an empty soft time
--- config
    mlsec_deadline 3s soft=;
--- must_die
--- error_log
[emerg]
invalid time "" in "soft=" of "mlsec_deadline", expected a time such as "3s" or "250ms"



=== soft as late as hard
--- config
    mlsec_deadline 3s soft=3000ms;
--- must_die
--- error_log
[emerg]
"soft=3000ms" is not below the deadline of "3s"



=== soft after hard
--- config
    mlsec_deadline 3s soft=4s;
--- must_die
--- error_log
[emerg]
"soft=4s" is not below the deadline of "3s"



=== given twice
--- config
    location = /t { mlsec_deadline 3s; mlsec_deadline 4s; mlsec_call a http://u/; }
--- must_die
--- error_log
[emerg]
"mlsec_deadline" directive is duplicate



=== what loads
--- http_config eval
$::Http . "mlsec_deadline 1m soft=500ms;"
--- config
    mlsec_deadline 250ms;
    location = /t { mlsec_deadline 10s soft=9s; mlsec_call a http://u/; }
    location = /u { mlsec_call a http://u/; }
--- request eval
["GET /t", "GET /u"]
--- response_body eval
['{"a":1}', '{"a":1}']
