# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_zone, mlsec_breaker, mlsec_outlier, mlsec_health, mlsec_via,
# mlsec_services: what does not load, and what it says.

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

=== a zone of the least size
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker; mlsec_outlier; }
--- config
    location = /x { return 204; }
--- request
GET /x
--- error_code: 204
--- no_error_log
[error]



=== the zone behind the upstream
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_breaker; } mlsec_zone m:64k;
--- config
    location = /x { return 204; }
--- request
GET /x
--- error_code: 204
--- no_error_log
[error]



=== all parameters
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker ratio=1% volume=1 window=1s open=1ms max_open=1ms trials=15 slow=1s slow_ratio=100%; mlsec_outlier consecutive=255 base=1s max=1s; }
--- config
    location = /x { return 204; }
--- request
GET /x
--- error_code: 204
--- no_error_log
[error]



=== a balancer, keepalive and backup servers around
--- http_config
    mlsec_zone m:64k; upstream u { mlsec_breaker; least_conn; server 127.0.0.1:1; server 127.0.0.1:2 backup; server 127.0.0.1:3 down; keepalive 2; mlsec_outlier; }
--- config
    location = /x { return 204; }
--- request
GET /x
--- error_code: 204
--- no_error_log
[error]



=== a zone twice
--- http_config
    mlsec_zone m:64k; mlsec_zone n:64k;
--- must_die
--- error_log
[emerg]
"mlsec_zone" directive is duplicate



=== zone "m"
--- http_config
    mlsec_zone m;
--- must_die
--- error_log
[emerg]
invalid zone "m" in "mlsec_zone", expected a name and a size such as "mlsec:32m"



=== zone "m:"
--- http_config
    mlsec_zone m:;
--- must_die
--- error_log
[emerg]
invalid zone "m:" in "mlsec_zone", expected a name and a size such as "mlsec:32m"



=== zone "m:x"
--- http_config
    mlsec_zone m:x;
--- must_die
--- error_log
[emerg]
invalid zone "m:x" in "mlsec_zone", expected a name and a size such as "mlsec:32m"



=== zone ":64k"
--- http_config
    mlsec_zone :64k;
--- must_die
--- error_log
[emerg]
invalid zone ":64k" in "mlsec_zone", expected a name and a size such as "mlsec:32m"



=== a small zone
--- http_config
    mlsec_zone m:63k;
--- must_die
--- error_log
[emerg]
zone "m:63k" in "mlsec_zone" is too small, expected at least "64k"



=== a zone in server
--- http_config
    
--- config
    mlsec_zone m:64k;
--- must_die
--- error_log
[emerg]
"mlsec_zone" directive is not allowed here



=== a zone without room for all services
--- http_config
    mlsec_zone m:64k; upstream u0 { server 127.0.0.1:1; mlsec_service s0; } upstream u1 { server 127.0.0.1:1; mlsec_service s1; } upstream u2 { server 127.0.0.1:1; mlsec_service s2; } upstream u3 { server 127.0.0.1:1; mlsec_service s3; } upstream u4 { server 127.0.0.1:1; mlsec_service s4; } upstream u5 { server 127.0.0.1:1; mlsec_service s5; } upstream u6 { server 127.0.0.1:1; mlsec_service s6; } upstream u7 { server 127.0.0.1:1; mlsec_service s7; } upstream u8 { server 127.0.0.1:1; mlsec_service s8; } upstream u9 { server 127.0.0.1:1; mlsec_service s9; } upstream u10 { server 127.0.0.1:1; mlsec_service s10; } upstream u11 { server 127.0.0.1:1; mlsec_service s11; } upstream u12 { server 127.0.0.1:1; mlsec_service s12; } upstream u13 { server 127.0.0.1:1; mlsec_service s13; } upstream u14 { server 127.0.0.1:1; mlsec_service s14; } upstream u15 { server 127.0.0.1:1; mlsec_service s15; } upstream u16 { server 127.0.0.1:1; mlsec_service s16; } upstream u17 { server 127.0.0.1:1; mlsec_service s17; } upstream u18 { server 127.0.0.1:1; mlsec_service s18; } upstream u19 { server 127.0.0.1:1; mlsec_service s19; } upstream u20 { server 127.0.0.1:1; mlsec_service s20; } upstream u21 { server 127.0.0.1:1; mlsec_service s21; } upstream u22 { server 127.0.0.1:1; mlsec_service s22; } upstream u23 { server 127.0.0.1:1; mlsec_service s23; } upstream u24 { server 127.0.0.1:1; mlsec_service s24; } upstream u25 { server 127.0.0.1:1; mlsec_service s25; } upstream u26 { server 127.0.0.1:1; mlsec_service s26; } upstream u27 { server 127.0.0.1:1; mlsec_service s27; } upstream u28 { server 127.0.0.1:1; mlsec_service s28; } upstream u29 { server 127.0.0.1:1; mlsec_service s29; } upstream u30 { server 127.0.0.1:1; mlsec_service s30; } upstream u31 { server 127.0.0.1:1; mlsec_service s31; } upstream u32 { server 127.0.0.1:1; mlsec_service s32; } upstream u33 { server 127.0.0.1:1; mlsec_service s33; } upstream u34 { server 127.0.0.1:1; mlsec_service s34; } upstream u35 { server 127.0.0.1:1; mlsec_service s35; } upstream u36 { server 127.0.0.1:1; mlsec_service s36; } upstream u37 { server 127.0.0.1:1; mlsec_service s37; } upstream u38 { server 127.0.0.1:1; mlsec_service s38; } upstream u39 { server 127.0.0.1:1; mlsec_service s39; }
--- must_die
--- error_log
[emerg]
of "mlsec_zone", make it larger



=== a zone without room for all peers
--- http_config
    mlsec_zone m:64k; upstream u { mlsec_service s; server 127.0.0.1:1; server 127.0.0.1:2; server 127.0.0.1:3; server 127.0.0.1:4; server 127.0.0.1:5; server 127.0.0.1:6; server 127.0.0.1:7; server 127.0.0.1:8; server 127.0.0.1:9; server 127.0.0.1:10; server 127.0.0.1:11; server 127.0.0.1:12; server 127.0.0.1:13; server 127.0.0.1:14; server 127.0.0.1:15; server 127.0.0.1:16; server 127.0.0.1:17; server 127.0.0.1:18; server 127.0.0.1:19; server 127.0.0.1:20; server 127.0.0.1:21; server 127.0.0.1:22; server 127.0.0.1:23; server 127.0.0.1:24; server 127.0.0.1:25; server 127.0.0.1:26; server 127.0.0.1:27; server 127.0.0.1:28; server 127.0.0.1:29; server 127.0.0.1:30; server 127.0.0.1:31; server 127.0.0.1:32; server 127.0.0.1:33; server 127.0.0.1:34; server 127.0.0.1:35; server 127.0.0.1:36; server 127.0.0.1:37; server 127.0.0.1:38; server 127.0.0.1:39; server 127.0.0.1:40; server 127.0.0.1:41; server 127.0.0.1:42; server 127.0.0.1:43; server 127.0.0.1:44; server 127.0.0.1:45; server 127.0.0.1:46; server 127.0.0.1:47; server 127.0.0.1:48; server 127.0.0.1:49; server 127.0.0.1:50; server 127.0.0.1:51; server 127.0.0.1:52; server 127.0.0.1:53; server 127.0.0.1:54; server 127.0.0.1:55; server 127.0.0.1:56; server 127.0.0.1:57; server 127.0.0.1:58; server 127.0.0.1:59; server 127.0.0.1:60; server 127.0.0.1:61; server 127.0.0.1:62; server 127.0.0.1:63; server 127.0.0.1:64; server 127.0.0.1:65; server 127.0.0.1:66; server 127.0.0.1:67; server 127.0.0.1:68; server 127.0.0.1:69; server 127.0.0.1:70; server 127.0.0.1:71; server 127.0.0.1:72; server 127.0.0.1:73; server 127.0.0.1:74; server 127.0.0.1:75; server 127.0.0.1:76; server 127.0.0.1:77; server 127.0.0.1:78; server 127.0.0.1:79; server 127.0.0.1:80; server 127.0.0.1:81; server 127.0.0.1:82; server 127.0.0.1:83; server 127.0.0.1:84; server 127.0.0.1:85; server 127.0.0.1:86; server 127.0.0.1:87; server 127.0.0.1:88; server 127.0.0.1:89; server 127.0.0.1:90; server 127.0.0.1:91; server 127.0.0.1:92; server 127.0.0.1:93; server 127.0.0.1:94; server 127.0.0.1:95; server 127.0.0.1:96; server 127.0.0.1:97; server 127.0.0.1:98; server 127.0.0.1:99; server 127.0.0.1:100; server 127.0.0.1:101; server 127.0.0.1:102; server 127.0.0.1:103; server 127.0.0.1:104; server 127.0.0.1:105; server 127.0.0.1:106; server 127.0.0.1:107; server 127.0.0.1:108; server 127.0.0.1:109; server 127.0.0.1:110; server 127.0.0.1:111; server 127.0.0.1:112; server 127.0.0.1:113; server 127.0.0.1:114; server 127.0.0.1:115; server 127.0.0.1:116; server 127.0.0.1:117; server 127.0.0.1:118; server 127.0.0.1:119; server 127.0.0.1:120; server 127.0.0.1:121; server 127.0.0.1:122; server 127.0.0.1:123; server 127.0.0.1:124; server 127.0.0.1:125; server 127.0.0.1:126; server 127.0.0.1:127; server 127.0.0.1:128; server 127.0.0.1:129; server 127.0.0.1:130; server 127.0.0.1:131; server 127.0.0.1:132; server 127.0.0.1:133; server 127.0.0.1:134; server 127.0.0.1:135; server 127.0.0.1:136; server 127.0.0.1:137; server 127.0.0.1:138; server 127.0.0.1:139; server 127.0.0.1:140; server 127.0.0.1:141; server 127.0.0.1:142; server 127.0.0.1:143; server 127.0.0.1:144; server 127.0.0.1:145; server 127.0.0.1:146; server 127.0.0.1:147; server 127.0.0.1:148; server 127.0.0.1:149; server 127.0.0.1:150; server 127.0.0.1:151; server 127.0.0.1:152; server 127.0.0.1:153; server 127.0.0.1:154; server 127.0.0.1:155; server 127.0.0.1:156; server 127.0.0.1:157; server 127.0.0.1:158; server 127.0.0.1:159; server 127.0.0.1:160; server 127.0.0.1:161; server 127.0.0.1:162; server 127.0.0.1:163; server 127.0.0.1:164; server 127.0.0.1:165; server 127.0.0.1:166; server 127.0.0.1:167; server 127.0.0.1:168; server 127.0.0.1:169; server 127.0.0.1:170; server 127.0.0.1:171; server 127.0.0.1:172; server 127.0.0.1:173; server 127.0.0.1:174; server 127.0.0.1:175; server 127.0.0.1:176; server 127.0.0.1:177; server 127.0.0.1:178; server 127.0.0.1:179; server 127.0.0.1:180; server 127.0.0.1:181; server 127.0.0.1:182; server 127.0.0.1:183; server 127.0.0.1:184; server 127.0.0.1:185; server 127.0.0.1:186; server 127.0.0.1:187; server 127.0.0.1:188; server 127.0.0.1:189; server 127.0.0.1:190; server 127.0.0.1:191; server 127.0.0.1:192; server 127.0.0.1:193; server 127.0.0.1:194; server 127.0.0.1:195; server 127.0.0.1:196; server 127.0.0.1:197; server 127.0.0.1:198; server 127.0.0.1:199; }
--- must_die
--- error_log
[emerg]
in zone "m" of "mlsec_zone", make it larger



=== a long name
--- http_config
    mlsec_zone m:64k; upstream nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn { server 127.0.0.1:1; mlsec_service s; }
--- must_die
--- error_log
[emerg]
of "mlsec_zone", the name is longer than 128 bytes



=== mlsec_breaker without a zone
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_breaker; }
--- must_die
--- error_log
[emerg]
"mlsec_breaker" in upstream "u" without "mlsec_zone", add "mlsec_zone mlsec:32m;" to "http" in 



=== mlsec_breaker twice
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker; mlsec_breaker; }
--- must_die
--- error_log
[emerg]
"mlsec_breaker" directive is duplicate



=== mlsec_breaker in a location
--- http_config
    mlsec_zone m:64k; 
--- config
    location / { mlsec_breaker; }
--- must_die
--- error_log
[emerg]
"mlsec_breaker" directive is not allowed here



=== mlsec_outlier without a zone
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_outlier; }
--- must_die
--- error_log
[emerg]
"mlsec_outlier" in upstream "u" without "mlsec_zone", add "mlsec_zone mlsec:32m;" to "http" in 



=== mlsec_outlier twice
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_outlier; mlsec_outlier; }
--- must_die
--- error_log
[emerg]
"mlsec_outlier" directive is duplicate



=== mlsec_outlier in a location
--- http_config
    mlsec_zone m:64k; 
--- config
    location / { mlsec_outlier; }
--- must_die
--- error_log
[emerg]
"mlsec_outlier" directive is not allowed here



=== breaker, unknown parameter
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker colour=red; }
--- must_die
--- error_log
[emerg]
unknown parameter "colour=red" in "mlsec_breaker", expected "ratio=", "volume=", "window=", "open=", "max_open=", "trials=", "slow=" or "slow_ratio="



=== breaker, ratio=0%
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker ratio=0%; }
--- must_die
--- error_log
[emerg]
invalid value "0%" of "ratio=" in "mlsec_breaker", expected a share such as "50%"



=== breaker, ratio=101%
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker ratio=101%; }
--- must_die
--- error_log
[emerg]
invalid value "101%" of "ratio=" in "mlsec_breaker", expected a share such as "50%"



=== breaker, ratio=50
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker ratio=50; }
--- must_die
--- error_log
[emerg]
invalid value "50" of "ratio=" in "mlsec_breaker", expected a share such as "50%"



=== breaker, ratio=%
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker ratio=%; }
--- must_die
--- error_log
[emerg]
invalid value "%" of "ratio=" in "mlsec_breaker", expected a share such as "50%"



=== breaker, ratio=x%
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker ratio=x%; }
--- must_die
--- error_log
[emerg]
invalid value "x%" of "ratio=" in "mlsec_breaker", expected a share such as "50%"



=== breaker, ratio=
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker ratio=; }
--- must_die
--- error_log
[emerg]
invalid value "" of "ratio=" in "mlsec_breaker", expected a share such as "50%"



=== breaker, volume=0
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker volume=0; }
--- must_die
--- error_log
[emerg]
invalid value "0" of "volume=" in "mlsec_breaker", expected a number, 1-1000000



=== breaker, volume=x
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker volume=x; }
--- must_die
--- error_log
[emerg]
invalid value "x" of "volume=" in "mlsec_breaker", expected a number, 1-1000000



=== breaker, volume=-1
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker volume=-1; }
--- must_die
--- error_log
[emerg]
invalid value "-1" of "volume=" in "mlsec_breaker", expected a number, 1-1000000



=== breaker, volume=1000001
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker volume=1000001; }
--- must_die
--- error_log
[emerg]
invalid value "1000001" of "volume=" in "mlsec_breaker", expected a number, 1-1000000



=== breaker, trials=16
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker trials=16; }
--- must_die
--- error_log
[emerg]
invalid value "16" of "trials=" in "mlsec_breaker", expected a number, 1-15



=== breaker, window=x
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker window=x; }
--- must_die
--- error_log
[emerg]
invalid time "x" in "window=" of "mlsec_breaker", expected a time such as "3s" or "250ms"



=== breaker, open=0
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker open=0; }
--- must_die
--- error_log
[emerg]
invalid time "0" in "open=" of "mlsec_breaker", expected a time such as "3s" or "250ms"



=== breaker, open= over max_open=
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker open=2s max_open=1s; }
--- must_die
--- error_log
[emerg]
"open=" is longer than "max_open=" in "mlsec_breaker"



=== breaker, slow_ratio= alone
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker slow_ratio=50%; }
--- must_die
--- error_log
[emerg]
"slow_ratio=" without "slow=" in "mlsec_breaker", say from which time on a call is slow



=== outlier, unknown parameter
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_outlier colour=red; }
--- must_die
--- error_log
[emerg]
unknown parameter "colour=red" in "mlsec_outlier", expected "consecutive=", "base=" or "max="



=== outlier, consecutive=256
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_outlier consecutive=256; }
--- must_die
--- error_log
[emerg]
invalid value "256" of "consecutive=" in "mlsec_outlier", expected a number, 1-255



=== outlier, base= over max=
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_outlier base=2s max=1s; }
--- must_die
--- error_log
[emerg]
"base=" is longer than "max=" in "mlsec_outlier"



=== retry, all parameters
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry tries=10 base=1ms cap=1ms attempt=1ms budget=100% min=1000 on=connect,timeout,reset,429,500,502,503,504 methods=GET,POST; } upstream v { server 127.0.0.1:1; mlsec_retry; } upstream w { server 127.0.0.1:1; mlsec_retry base=2s; }
--- config
    location = /x { return 204; } location /v { mlsec_via v; proxy_pass http://v; }
--- request
GET /x
--- error_code: 204
--- no_error_log
[error]



=== retry, without a zone
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_retry; }
--- error_log
"mlsec_retry" in upstream "u" without "mlsec_zone", add "mlsec_zone mlsec:32m;" to "http" in 



=== retry, twice
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry; mlsec_retry; }
--- error_log
"mlsec_retry" directive is duplicate



=== retry, unknown parameter
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry colour=red; }
--- error_log
unknown parameter "colour=red" in "mlsec_retry", expected "tries=", "base=", "cap=", "attempt=", "budget=", "min=", "on=" or "methods="



=== retry, attempt
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry attempt=0; }
--- error_log
invalid time "0" in "attempt=" of "mlsec_retry", expected a time such as "3s" or "250ms"



=== retry, tries
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry tries=11; }
--- error_log
invalid value "11" of "tries=" in "mlsec_retry", expected a number, 1-10



=== retry, budget
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry budget=20; }
--- error_log
invalid value "20" of "budget=" in "mlsec_retry", expected a share such as "50%"



=== retry, base
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry base=x; }
--- error_log
invalid time "x" in "base=" of "mlsec_retry", expected a time such as "3s" or "250ms"



=== retry, base above cap
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry base=2s cap=1s; }
--- error_log
"base=" is longer than "cap=" in "mlsec_retry"



=== retry, on
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry on=connect,404; }
--- error_log
invalid word "404" of "on=" in "mlsec_retry", expected a list of "connect", "timeout", "reset", "429", "500", "502", "503" and "504"



=== retry, an empty on
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry on=; }
--- error_log
invalid word "" of "on=" in "mlsec_retry", expected a list of 



=== retry, methods
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry methods=GET,put; }
--- error_log
invalid method "put" of "methods=" in "mlsec_retry", expected a list such as "GET,HEAD"



=== retry, the end of methods
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_retry methods=GET,; }
--- error_log
invalid method "" of "methods=" in "mlsec_retry", expected a list such as "GET,HEAD"



=== via, nobody of that name
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker; }
--- config
    location /v { mlsec_via v; }
--- must_die
--- error_log
[emerg]
no service or upstream is called "v" in "mlsec_via" in 



=== via, two of that name
--- http_config
    mlsec_zone m:64k; upstream a { server 127.0.0.1:1; mlsec_service v; mlsec_breaker; } upstream b { server 127.0.0.1:1; mlsec_service v; mlsec_breaker; }
--- config
    location /v { mlsec_via v; }
--- must_die
--- error_log
[emerg]
two services are called "v" in "mlsec_via" in 



=== via, no breaker
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_service v; }
--- config
    location /v { mlsec_via v; }
--- must_die
--- error_log
[emerg]
there is no "mlsec_breaker", "mlsec_health", "mlsec_max_inflight", "mlsec_outlier", "mlsec_resolve" or "mlsec_retry" in the upstream of "v" in "mlsec_via" in 



=== via twice
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker; }
--- config
    location /v { mlsec_via u; mlsec_via u; }
--- must_die
--- error_log
[emerg]
"mlsec_via" directive is duplicate



=== via, the name of the upstream
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_breaker; }
--- config
    location = /x { return 204; } location /v { mlsec_via u; proxy_pass http://u; }
--- request
GET /x
--- error_code: 204
--- no_error_log
[error]



=== services without a zone
--- http_config
    
--- config
    location /s { mlsec_services; }
--- must_die
--- error_log
[emerg]
"mlsec_services" without "mlsec_zone", add "mlsec_zone mlsec:32m;" to "http" before its servers



=== services twice
--- http_config
    mlsec_zone m:64k; 
--- config
    location /s { mlsec_services; mlsec_services; }
--- must_die
--- error_log
[emerg]
"mlsec_services" directive is duplicate



=== services beside another handler
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1;  }
--- config
    location /s { proxy_pass http://u; mlsec_services; }
--- must_die
--- error_log
[emerg]
 in location "/s" that already has a content handler



=== services before another handler
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1;  }
--- config
    location /s { mlsec_services; proxy_pass http://u; }
--- must_die
--- error_log
[emerg]
"mlsec_services" in location "/s" that also has another content handler, use one of them or a location of its own in 



=== health, all parameters
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=/health?a=b host=h.example:80 port=65535 interval=1h jitter=100% timeout=1ms fails=255 passes=255 expect=2xx,404; } upstream v { server 127.0.0.1:1; mlsec_health jitter=0%; }
--- config
    location = /x { return 204; }
--- request
GET /x
--- error_code: 204



=== mlsec_health without a zone
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_health; }
--- must_die
--- error_log
[emerg]
"mlsec_health" in upstream "u" without "mlsec_zone", add "mlsec_zone mlsec:32m;" to "http" in 



=== mlsec_health twice
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health; mlsec_health; }
--- must_die
--- error_log
[emerg]
"mlsec_health" directive is duplicate



=== health, unknown parameter
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health colour=red; }
--- must_die
--- error_log
[emerg]
unknown parameter "colour=red" in "mlsec_health", expected "uri=", "host=", "port=", "interval=", "jitter=", "timeout=", "fails=", "passes=", "expect=", "match=", "match_file=", "tls", "sni=" or "trusted="



=== health, all of match and tls
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=/h 'match=.status == "healthy"' tls sni=a.example; }
--- config
    location = /x { return 204; }
--- request
GET /x
--- error_code: 204
--- no_error_log
[error]



=== health, match= that is no program
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=/h 'match=.status =='; }
--- must_die
--- error_log
invalid program in "match=" of "mlsec_health", line 1, column



=== health, match= with an unknown variable
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=/h 'match=$args'; }
--- must_die
--- error_log
invalid program in "match=" of "mlsec_health", line 1, column 1: 



=== health, match= and match_file=
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=/h match=. match_file=a; }
--- must_die
--- error_log
"match=" and "match_file=" in "mlsec_health", expected one of them



=== health, match_file= that is not there
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=/h match_file=none.jq; }
--- must_die
--- error_log eval
qr/cannot open ".*none.jq" of "mlsec_health"/



=== health, match= without uri=
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health match=.; }
--- must_die
--- error_log
"match=" without "uri=" in "mlsec_health", a probe without it only connects



=== health, tls with a value
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health tls=on; }
--- must_die
--- error_log
unknown parameter "tls=on" in "mlsec_health", expected "uri=", "host=", "port=", "interval=", "jitter=", "timeout=", "fails=", "passes=", "expect=", "match=", "match_file=", "tls", "sni=" or "trusted="



=== health, sni= without tls
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health sni=a.example; }
--- must_die
--- error_log
"sni=" without "tls" in "mlsec_health", a probe without it does not encrypt



=== health, trusted= without tls
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health trusted=ca.pem; }
--- must_die
--- error_log
"trusted=" without "tls" in "mlsec_health", a probe without it does not encrypt



=== health, trusted= that is not there
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health tls trusted=none.pem; }
--- must_die
--- error_log
none.pem



=== health, sni= that is no name
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health tls 'sni=a b'; }
--- must_die
--- error_log
invalid value "a b" of "sni=" in "mlsec_health", expected a name such as "training.internal"



=== health, uri= without a slash
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=health; }
--- must_die
--- error_log
[emerg]
invalid value "health" of "uri=" in "mlsec_health", expected a path such as "/health", escaped



=== health, uri= with a blank
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health 'uri=/a b'; }
--- must_die
--- error_log
[emerg]
invalid value "/a b" of "uri=" in "mlsec_health", expected a path such as "/health", escaped



=== health, uri= with a line end
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health "uri=/a\r\nX: y"; }
--- must_die
--- error_log
[emerg]
of "uri=" in "mlsec_health", expected a path such as "/health", escaped



=== health, host= with a blank
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=/a 'host=a b'; }
--- must_die
--- error_log
[emerg]
invalid value "a b" of "host=" in "mlsec_health", expected a name such as "training.internal"



=== health, empty uri=
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=; }
--- must_die
--- error_log
[emerg]
empty "uri=" in "mlsec_health", leave it out



=== health, host= without uri=
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health host=a; }
--- must_die
--- error_log
[emerg]
"host=" without "uri=" in "mlsec_health", a probe without it only connects



=== health, expect= without uri=
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health expect=200; }
--- must_die
--- error_log
[emerg]
"expect=" without "uri=" in "mlsec_health", a probe without it only connects



=== health, expect=x
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health uri=/h expect=200,x; }
--- must_die
--- error_log
[emerg]
invalid status "x" of "expect=" in "mlsec_health", expected a list such as "2xx,404"



=== health, port=65536
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health port=65536; }
--- must_die
--- error_log
[emerg]
invalid value "65536" of "port=" in "mlsec_health", expected a number, 1-65535



=== health, fails=256
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health fails=256; }
--- must_die
--- error_log
[emerg]
invalid value "256" of "fails=" in "mlsec_health", expected a number, 1-255



=== health, jitter=1
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health jitter=1; }
--- must_die
--- error_log
[emerg]
invalid value "1" of "jitter=" in "mlsec_health", expected a share such as "50%"



=== health, timeout=x
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_health timeout=x; }
--- must_die
--- error_log
[emerg]
invalid time "x" in "timeout=" of "mlsec_health", expected a time such as "3s" or "250ms"



=== mlsec_health in a location
--- http_config
    mlsec_zone m:64k; 
--- config
    location / { mlsec_health; }
--- must_die
--- error_log
[emerg]
"mlsec_health" directive is not allowed here



=== services, unknown parameter
--- http_config
    mlsec_zone m:64k;
--- config
    location /s { mlsec_services write; }
--- must_die
--- error_log
[emerg]
unknown parameter "write" in "mlsec_services", expected "admin" or "admin=any"



=== mlsec_max_inflight without a zone
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_max_inflight 1; }
--- must_die
--- error_log
[emerg]
"mlsec_max_inflight" in upstream "u" without "mlsec_zone", add "mlsec_zone mlsec:32m;" to "http" in 



=== mlsec_max_inflight twice
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_max_inflight 1; mlsec_max_inflight 1; }
--- must_die
--- error_log
[emerg]
"mlsec_max_inflight" directive is duplicate



=== mlsec_max_inflight 0
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_max_inflight 0; }
--- must_die
--- error_log
[emerg]
invalid number "0" in "mlsec_max_inflight", expected 1-1000000



=== mlsec_max_inflight x
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_max_inflight x; }
--- must_die
--- error_log
[emerg]
invalid number "x" in "mlsec_max_inflight", expected 1-1000000



=== mlsec_max_inflight, queue 0
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_max_inflight 1 queue=0; }
--- must_die
--- error_log
[emerg]
invalid value "0" of "queue=" in "mlsec_max_inflight", expected a number, 1-65535



=== mlsec_max_inflight, wait without queue
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_max_inflight 1 wait=1s; }
--- must_die
--- error_log
[emerg]
"wait=" without "queue=" in "mlsec_max_inflight", say how many calls may wait



=== mlsec_max_inflight, bad wait
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_max_inflight 1 queue=1 wait=x; }
--- must_die
--- error_log
[emerg]
invalid time "x" in "wait=" of "mlsec_max_inflight", expected a time such as "3s" or "250ms"



=== mlsec_max_inflight, unknown parameter
--- http_config
    mlsec_zone m:64k; upstream u { server 127.0.0.1:1; mlsec_max_inflight 1 line=1; }
--- must_die
--- error_log
[emerg]
unknown parameter "line=1" in "mlsec_max_inflight", expected "queue=" or "wait="



=== system, all parameters
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_service u timeout=1s host=h weight=0 critical; }
--- config
    location = /x { mlsec_system disk=/; }
--- request
GET /x
--- error_code: 200
--- response_body_like: "zone":null
--- no_error_log
[error]



=== system, twice
--- config
    location = /x { mlsec_system; mlsec_system; }
--- must_die
--- error_log
"mlsec_system" directive is duplicate



=== system, a relative path
--- config
    location = /x { mlsec_system disk=tmp; }
--- must_die
--- error_log
invalid parameter "disk=tmp" in "mlsec_system", expected "disk=" and an absolute path



=== system, another parameter
--- config
    location = /x { mlsec_system all; }
--- must_die
--- error_log
invalid parameter "all" in "mlsec_system", expected "disk=" and an absolute path



=== system beside another content handler
--- config
    location = /x { mlsec_system; return 204; mlsec_respond '{}'; }
--- must_die
--- error_log
"mlsec_respond" in location "/x" that already has a content handler



=== system, then a handler of nginx's own
--- config
    location = /x { mlsec_system; proxy_pass http://127.0.0.1:1; }
--- must_die
--- error_log
"mlsec_system" in location "/x" that also has another content handler



=== service, a weight that is none
--- http_config
    upstream u { server 127.0.0.1:1; mlsec_service u weight=101; }
--- must_die
--- error_log
invalid value "101" of "weight=" in "mlsec_service", expected a number, 0-100
