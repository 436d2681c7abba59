# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Directives of src/auth: bad values with their exact text, defaults,
# inheritance, what a load warns of.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Token;

repeat_each(1);

our $T = MlsecTest::Token->new;
our $Good = $T->token;

$ENV{TEST_NGINX_KEYS} = $T->dir;
$T->write('empty', '');
$T->write('none.json', '{"keys":[]}');
$T->write('weak.json', '{"keys":[{"kty":"RSA","n":"DKE","e":"AQ"}]}');
$T->write('bad_keys', "# x\n{\"id\":\"a b\"}\n");
$T->write('bad_revoked', "\nfoo\n");
$T->write('open.pem', $T->read('key.pem'));
chmod 0644, $T->dir . '/open.pem';
system('cd ' . $T->dir . ' && openssl genrsa -out weak.pem 1024 2>/dev/null');
($main::Line) = $T->api_key('ci');
$T->write('api_keys', $main::Line);

our $Jwt = <<'EOT';
    mlsec_auth jwt;
    mlsec_jwt_key_file $TEST_NGINX_KEYS/jwks.json;
    mlsec_jwt_issuer any;
    mlsec_jwt_audience any;
EOT

no_long_string();
no_shuffle();
no_root_location();
run_tests();

__DATA__

=== mlsec_auth: a word that is none
--- config
    mlsec_auth password;
--- must_die
--- error_log
invalid value "password" in "mlsec_auth", expected "off" or a list of "jwt", "api_key", "mtls", which "any" or "all" may end

=== mlsec_auth: no way at all
--- config
    mlsec_auth any;
--- must_die
--- error_log
"mlsec_auth" names no way to authenticate, expected "jwt", "api_key" or "mtls"

=== mlsec_auth jwt without keys
--- config
    mlsec_auth jwt;
--- must_die
--- error_log
"mlsec_auth jwt" without "mlsec_jwt_key_file" or "mlsec_jwt_key_uri"

=== mlsec_jwt_key_uri: no scheme
--- config
    mlsec_jwt_key_uri id.example/keys;
--- must_die
--- error_log
invalid URI "id.example/keys" in "mlsec_jwt_key_uri", expected "https://HOST[:PORT]/PATH"

=== mlsec_jwt_key_uri: another scheme
--- config
    mlsec_jwt_key_uri ftp://id.example/keys;
--- must_die
--- error_log
invalid URI "ftp://id.example/keys" in "mlsec_jwt_key_uri", expected "https://HOST[:PORT]/PATH"

=== mlsec_jwt_key_uri: no host
--- config
    mlsec_jwt_key_uri https:///keys;
--- must_die
--- error_log
invalid URI "https:///keys" in "mlsec_jwt_key_uri", expected "https://HOST[:PORT]/PATH"

=== mlsec_jwt_key_uri: a user
--- config
    mlsec_jwt_key_uri https://a:b@id.example/keys;
--- must_die
--- error_log
invalid URI "https://a:b@id.example/keys" in "mlsec_jwt_key_uri", expected "https://HOST[:PORT]/PATH"

=== mlsec_jwt_key_uri: a fragment
--- config
    mlsec_jwt_key_uri https://id.example/keys#x;
--- must_die
--- error_log
invalid URI "https://id.example/keys#x" in "mlsec_jwt_key_uri", expected "https://HOST[:PORT]/PATH"

=== mlsec_jwt_key_uri: a query without a path
--- config
    mlsec_jwt_key_uri https://id.example?x;
--- must_die
--- error_log
invalid URI "https://id.example?x" in "mlsec_jwt_key_uri", expected "https://HOST[:PORT]/PATH"

=== mlsec_jwt_key_uri: a blank
--- config
    mlsec_jwt_key_uri "https://id.example/a b";
--- must_die
--- error_log
invalid URI "https://id.example/a b" in "mlsec_jwt_key_uri", expected "https://HOST[:PORT]/PATH"

=== mlsec_jwt_key_uri: a bad port
--- config
    mlsec_jwt_key_uri https://id.example:0/;
--- must_die
--- error_log
invalid host "id.example:0" in "mlsec_jwt_key_uri": invalid port

=== mlsec_jwt_key_uri: http
--- config
    mlsec_jwt_key_uri http://127.0.0.1/;
--- must_die
--- error_log
"http://127.0.0.1/" in "mlsec_jwt_key_uri" is not "https", and whoever is on the way may change the keys; add "insecure" if that is nobody

=== mlsec_jwt_key_uri: interva=1h
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ interva=1h;
--- must_die
--- error_log
invalid parameter "interva=1h" in "mlsec_jwt_key_uri", expected "interval=TIME", "miss=TIME", "timeout=TIME", "stale=TIME", "wait=TIME", "max_size=SIZE" of 1k to 256k, "trusted=FILE" or "insecure"

=== mlsec_jwt_key_uri: max_size=1023
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ max_size=1023;
--- must_die
--- error_log
invalid parameter "max_size=1023" in "mlsec_jwt_key_uri", expected "interval=TIME", "miss=TIME", "timeout=TIME", "stale=TIME", "wait=TIME", "max_size=SIZE" of 1k to 256k, "trusted=FILE" or "insecure"

=== mlsec_jwt_key_uri: max_size=257k
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ max_size=257k;
--- must_die
--- error_log
invalid parameter "max_size=257k" in "mlsec_jwt_key_uri", expected "interval=TIME", "miss=TIME", "timeout=TIME", "stale=TIME", "wait=TIME", "max_size=SIZE" of 1k to 256k, "trusted=FILE" or "insecure"

=== mlsec_jwt_key_uri: max_size=x
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ max_size=x;
--- must_die
--- error_log
invalid parameter "max_size=x" in "mlsec_jwt_key_uri", expected "interval=TIME", "miss=TIME", "timeout=TIME", "stale=TIME", "wait=TIME", "max_size=SIZE" of 1k to 256k, "trusted=FILE" or "insecure"

=== mlsec_jwt_key_uri: trusted=
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ trusted=;
--- must_die
--- error_log
invalid parameter "trusted=" in "mlsec_jwt_key_uri", expected "interval=TIME", "miss=TIME", "timeout=TIME", "stale=TIME", "wait=TIME", "max_size=SIZE" of 1k to 256k, "trusted=FILE" or "insecure"

=== mlsec_jwt_key_uri: insecur
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ insecur;
--- must_die
--- error_log
invalid parameter "insecur" in "mlsec_jwt_key_uri", expected "interval=TIME", "miss=TIME", "timeout=TIME", "stale=TIME", "wait=TIME", "max_size=SIZE" of 1k to 256k, "trusted=FILE" or "insecure"

=== mlsec_jwt_key_uri: interval=0
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ interval=0;
--- must_die
--- error_log
"interval=" of "mlsec_jwt_key_uri"

=== mlsec_jwt_key_uri: miss=0
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ miss=0;
--- must_die
--- error_log
"miss=" of "mlsec_jwt_key_uri"

=== mlsec_jwt_key_uri: timeout=0
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ timeout=0;
--- must_die
--- error_log
"timeout=" of "mlsec_jwt_key_uri"

=== mlsec_jwt_key_uri: stale=0
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ stale=0;
--- must_die
--- error_log
"stale=" of "mlsec_jwt_key_uri"

=== mlsec_jwt_key_uri: wait=0
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ wait=0;
--- must_die
--- error_log
"wait=" of "mlsec_jwt_key_uri"

=== mlsec_jwt_key_uri: timeout=61s
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ timeout=61s;
--- must_die
--- error_log
"timeout=" or "wait=" of "mlsec_jwt_key_uri" is too long, expected at most "60s"

=== mlsec_jwt_key_uri: wait=61s
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ wait=61s;
--- must_die
--- error_log
"timeout=" or "wait=" of "mlsec_jwt_key_uri" is too long, expected at most "60s"

=== mlsec_jwt_key_uri: miss=2h
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ miss=2h;
--- must_die
--- error_log
"mlsec_jwt_key_uri" expects "miss=" not above "interval=", and that not above "stale="

=== mlsec_jwt_key_uri: interval=2d
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ interval=2d;
--- must_die
--- error_log
"mlsec_jwt_key_uri" expects "miss=" not above "interval=", and that not above "stale="

=== mlsec_jwt_key_uri: other parameters
--- config
    mlsec_jwt_key_uri https://127.0.0.1/ miss=1s;
    location /a { mlsec_jwt_key_uri https://127.0.0.1/ miss=2s; }
--- must_die
--- error_log
"https://127.0.0.1/" of "mlsec_jwt_key_uri" has other parameters in

=== mlsec_jwt_key_uri: no resolver
--- config
    mlsec_auth jwt; mlsec_jwt_issuer any; mlsec_jwt_audience any; mlsec_allow any; 
    mlsec_jwt_key_uri https://id.example/;
--- must_die
--- error_log
"mlsec_jwt_key_uri" without "resolver", add "resolver ADDRESS;" with the address of your DNS server, to find "id.example" in

=== mlsec_jwt_key_uri: no CAs
--- config
    mlsec_auth jwt; mlsec_jwt_issuer any; mlsec_jwt_audience any; mlsec_allow any; 
    mlsec_jwt_key_uri https://127.0.0.1/ trusted=$TEST_NGINX_KEYS/absent;
--- must_die
--- error_log
/absent", "trusted=" of "mlsec_jwt_key_uri" in

=== mlsec_jwt_key_uri: too many
--- config
    mlsec_jwt_key_uri https://127.0.0.1/0;
    mlsec_jwt_key_uri https://127.0.0.1/1;
    mlsec_jwt_key_uri https://127.0.0.1/2;
    mlsec_jwt_key_uri https://127.0.0.1/3;
    mlsec_jwt_key_uri https://127.0.0.1/4;
    mlsec_jwt_key_uri https://127.0.0.1/5;
    mlsec_jwt_key_uri https://127.0.0.1/6;
    mlsec_jwt_key_uri https://127.0.0.1/7;
    mlsec_jwt_key_uri https://127.0.0.1/8;
    mlsec_jwt_key_uri https://127.0.0.1/9;
    mlsec_jwt_key_uri https://127.0.0.1/10;
    mlsec_jwt_key_uri https://127.0.0.1/11;
    mlsec_jwt_key_uri https://127.0.0.1/12;
    mlsec_jwt_key_uri https://127.0.0.1/13;
    mlsec_jwt_key_uri https://127.0.0.1/14;
    mlsec_jwt_key_uri https://127.0.0.1/15;
    mlsec_jwt_key_uri https://127.0.0.1/16;
--- must_die
--- error_log
too many "mlsec_jwt_key_uri", expected at most 16 at one level

=== without issuer
--- config
    mlsec_auth jwt;
    mlsec_jwt_key_file $TEST_NGINX_KEYS/jwks.json;
    mlsec_jwt_audience any;
--- must_die
--- error_log
"mlsec_auth jwt" without "mlsec_jwt_issuer", name who issues tokens or write "any"

=== without audience
--- config
    mlsec_auth jwt;
    mlsec_jwt_key_file $TEST_NGINX_KEYS/jwks.json;
    mlsec_jwt_issuer https://id.example;
--- must_die
--- error_log
"mlsec_auth jwt" without "mlsec_jwt_audience", name who tokens are for or write "any"

=== mlsec_auth api_key without keys
--- config
    mlsec_auth api_key;
--- must_die
--- error_log
"mlsec_auth api_key" without "mlsec_api_key"

=== key file: missing
--- config
    mlsec_jwt_key_file $TEST_NGINX_KEYS/absent;
--- must_die
--- error_log
/absent" of "mlsec_jwt_key_file": there is no such file

=== key file: empty
--- config
    mlsec_jwt_key_file $TEST_NGINX_KEYS/empty;
--- must_die
--- error_log
/empty" of "mlsec_jwt_key_file": it is neither JSON nor PEM

=== key file: no keys
--- config
    mlsec_jwt_key_file $TEST_NGINX_KEYS/none.json;
--- must_die
--- error_log
/none.json" of "mlsec_jwt_key_file": it has no keys

=== key file: a weak one alone
--- config
    mlsec_jwt_key_file $TEST_NGINX_KEYS/weak.json;
--- must_die
--- error_log
/weak.json" of "mlsec_jwt_key_file": RSA of less than 2048 or more than 8192 bits

=== key file: a private key
--- config
    mlsec_jwt_key_file $TEST_NGINX_KEYS/key.pem;
--- must_die
--- error_log
/key.pem" of "mlsec_jwt_key_file": it is a private key, expected the public one

=== API keys: a bad line
--- config
    mlsec_api_key $TEST_NGINX_KEYS/bad_keys;
--- must_die
--- error_log
/bad_keys" of "mlsec_api_key", line 2: "id" is not 1 to 64 of A-Z a-z 0-9 _ -

=== API keys: a bad parameter
--- config
    mlsec_api_key $TEST_NGINX_KEYS/api_keys query=key;
--- must_die
--- error_log
invalid parameter "query=key" in "mlsec_api_key", expected "header=NAME"

=== revocations: a bad line
--- config
    mlsec_jwt_revoke $TEST_NGINX_KEYS/bad_revoked;
--- must_die
--- error_log
/bad_revoked" of "mlsec_jwt_revoke", line 2: expected "jti ID" or "sub NAME SECONDS"

=== mlsec_jwt_cache: a size that is none
--- http_config
    mlsec_jwt_cache tokens:1k;
--- config
--- must_die
--- error_log
invalid zone "tokens:1k" in "mlsec_jwt_cache", expected a name and a size of at least 64k such as "tokens:4m"

=== mlsec_jwt_cache: a time that is none
--- http_config
    mlsec_jwt_cache tokens:64k ttl=0;
--- config
--- must_die
--- error_log
invalid parameter "ttl=0" in "mlsec_jwt_cache", expected "ttl=TIME" of at least 1s

=== mlsec_jwt_alg
--- config
    mlsec_jwt_alg RS256 none;
--- must_die
--- error_log
unknown algorithm "none" in "mlsec_jwt_alg", expected a list out of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA HS256 HS384 HS512

=== mlsec_jwt_leeway
--- config
    mlsec_jwt_leeway 301s;
--- must_die
--- error_log
"mlsec_jwt_leeway" is too long, expected at most "300s"

=== mlsec_jwt_source
--- config
    mlsec_jwt_source header;
--- must_die
--- error_log
invalid value "header" in "mlsec_jwt_source", expected a list of "bearer", "websocket", "cookie=NAME", "query=NAME"

=== mlsec_jwt_claim
--- config
    mlsec_jwt_claim name sub;
--- must_die
--- error_log
invalid value "name" in "mlsec_jwt_claim", expected "identity", "roles" or "tenant"

=== mlsec_jwt_claim: path
--- config
    mlsec_jwt_claim roles a..b;
--- must_die
--- error_log
invalid path "a..b" in "mlsec_jwt_claim", expected up to 8 names with dots between, or a JSON pointer

=== mlsec_jwt_require
--- config
    mlsec_jwt_require a like b;
--- must_die
--- error_log
invalid "mlsec_jwt_require", expected PATH "exists", or PATH, one of "eq", "ne", "in", "has", "gt", "ge", "lt", "le", and a value

=== mlsec_jwt_require: error=
--- config
    mlsec_jwt_require a eq b error=404;
--- must_die
--- error_log
invalid value "error=404" in "mlsec_jwt_require", expected "error=401" or "error=403"

=== mlsec_role: a role that is not declared
--- http_config
    mlsec_role viewer;
--- config
    location / { mlsec_allow GET veiwer; mlsec_respond '{}'; }
--- must_die
--- error_log
unknown role "veiwer" in "mlsec_allow", declare it with "mlsec_role veiwer;"

=== mlsec_role: includes one that is not declared
--- http_config
    mlsec_role admin operator;
--- config
--- must_die
--- error_log
unknown role "operator" in "mlsec_role" or "mlsec_mtls", declare it with "mlsec_role operator;"

=== mlsec_role: twice
--- http_config
    mlsec_role admin;
    mlsec_role admin;
--- config
--- must_die
--- error_log
role "admin" is declared twice in "mlsec_role"

=== mlsec_role: not a word
--- http_config
    mlsec_role "a b";
--- config
--- must_die
--- error_log
invalid role "a b" in "mlsec_role", expected letters, digits and . _ : -

=== mlsec_allow: not a word
--- config
    location / { mlsec_allow GET a,b; mlsec_respond '{}'; }
--- must_die
--- error_log
invalid role "a,b" in "mlsec_allow", expected letters, digits and . _ : -

=== a location without a policy: a warning, and 403 for everybody
--- config eval
$main::Jwt . <<'EOT'
    location = /open { mlsec_respond '{}'; }
    location = /public { mlsec_auth off; mlsec_respond '{}'; }
EOT
--- request eval
["GET /open", "GET /public", "GET /open"]
--- more_headers eval
["Authorization: Bearer $main::Good", "", ""]
--- error_code eval
[403, 200, 401]

=== a location without a policy: "return" and "rewrite" are no way in
--- config eval
$main::Jwt =~ s/jwt;/jwt api_key;/r . <<'EOT'
    mlsec_api_key $TEST_NGINX_KEYS/api_keys;
    location = /return { return 200 in; }
    location = /rewrite { rewrite ^ /public; }
    location = /public { mlsec_auth off; return 200 public; }
    location = /page { return 200 page; }
    location = /error { mlsec_auth off; error_page 418 =200 /page; return 418; }
    location = /any { satisfy any; allow all; return 200 any; }
    location = /allowed { mlsec_allow GET; return 200 allowed; }
    location = /none { mlsec_respond '"in"'; }
EOT
--- request eval
["GET /none", "GET /none", "GET /none", "GET /return", "GET /return", "GET /return", "GET /return", "GET /return",
 "GET /rewrite", "GET /public", "GET /error", "GET /any", "GET /allowed"]
--- more_headers eval
["", "Authorization: Bearer $main::Good", "X-API-Key: x",
 "", "Authorization: Bearer $main::Good", "X-API-Key: x", "Authorization: Basic eA==",
 "Authorization: Bearer", "", "", "", "", ""]
--- error_code eval
[401, 403, 401, 401, 403, 403, 401, 400, 401, 200, 200, 200, 200]

=== the warning
--- config eval
$main::Jwt . "location = /open { mlsec_respond '{}'; }"
--- request
GET /open
--- error_code: 401
--- error_log
mlsec auth: location "/open" refuses everything, it has no "mlsec_allow" and no "mlsec_auth off"

=== inheritance: a location has its own lines or those of the server
--- config eval
$main::Jwt . <<'EOT'
    mlsec_allow GET viewer;

    location / {
        mlsec_respond '{}';
        location /a/ {
            mlsec_allow GET admin;
            mlsec_respond '{}';
            location /a/b/ { mlsec_respond '{}'; }
        }
        location /issuer/ {
            mlsec_jwt_issuer https://other;
            mlsec_respond '{}';
        }
        location /claim/ {
            mlsec_jwt_claim roles /realm/roles;
            mlsec_respond '{}';
        }
        location /alg/ { mlsec_jwt_alg ES256; mlsec_respond '{}'; }
        location /age/ { mlsec_jwt_max_age 1s; mlsec_jwt_leeway 0s;
                         mlsec_respond '{}'; }
    }
EOT
--- request eval
["GET /", "GET /a/", "GET /a/b/", "GET /issuer/", "GET /claim/", "GET /claim/",
 "GET /alg/", "GET /age/"]
--- more_headers eval
my $nested = $main::T->token(roles => undef, realm => { roles => ['viewer'] });
my $old = $main::T->token(iat => time - 5);
[map { "Authorization: Bearer $_" } ($main::Good) x 5, $nested, $main::Good,
 $old]
--- error_code eval
[200, 403, 403, 401, 403, 200, 401, 401]

=== satisfy any: an address is enough, and then nobody is known
--- config eval
$main::Jwt . <<'EOT'
    mlsec_allow GET;
    location = /t {
        satisfy any;
        allow 127.0.0.1;
        deny all;
        mlsec_respond '{"i":"$mlsec_identity"}';
    }
EOT
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["", "Authorization: Bearer $main::Good"]
--- error_code eval
[200, 200]
--- response_body eval
['{"i":""}', '{"i":"ann"}']

=== mlsec_upstream_token: who, for whom
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/key.pem issuer=gw;
--- must_die
--- error_log
"mlsec_upstream_token" without "issuer=" or "audience=", say who signs and who it is for in

=== an unknown parameter
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/key.pem issuer=gw audience=a alg=none;
--- must_die
--- error_log
invalid parameter "alg=none" in "mlsec_upstream_token", expected "issuer=NAME", "audience=NAME,NAME", "ttl=TIME" from 4s to 1h, "kid=ID" or "request_id" in

=== a list with a hole
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/key.pem issuer=gw audience=a,,b;
--- must_die
--- error_log
invalid parameter "audience=a,,b" in "mlsec_upstream_token"

=== too long a life
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/key.pem issuer=gw audience=a ttl=2h;
--- must_die
--- error_log
invalid parameter "ttl=2h" in "mlsec_upstream_token"

=== a key that only verifies
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/public.pem issuer=gw audience=a;
--- must_die
--- error_log
public.pem" of "mlsec_upstream_token" is no key that signs, expected a private key in PEM without a password: RSA of 2048 bits or more, or EC P-256, P-384 or P-521 in

=== no file
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/nothing issuer=gw audience=a;
--- must_die
--- error_log
nothing" of "mlsec_upstream_token"

=== an empty file
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/empty issuer=gw audience=a;
--- must_die
--- error_log
empty" of "mlsec_upstream_token" is no key that signs

=== a weak key
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/weak.pem issuer=gw audience=a;
--- must_die
--- error_log
weak.pem" of "mlsec_upstream_token" is no key that signs

=== a key that everybody can read
--- config
    mlsec_upstream_token $TEST_NGINX_KEYS/open.pem issuer=gw audience=a;
    location / { return 204; }
--- request
    GET /
--- error_code: 204
--- error_log
[warn]
open.pem" of "mlsec_upstream_token" can be read by others than its owner in

=== twice
--- config
    mlsec_upstream_token off;
    mlsec_upstream_token off;
--- must_die
--- error_log
"mlsec_upstream_token" directive is duplicate in
