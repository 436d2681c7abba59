# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_auth api_key, any, all: which keys are taken, and files that change.

use Test::Nginx::Socket 'no_plan';
use MlsecTest::Token;

repeat_each(1);
log_level('info');

our $T = MlsecTest::Token->new;
our $Good = $T->token;
our (%Key, $Lines);

$ENV{TEST_NGINX_KEYS} = $T->dir;

sub key {
    my ($id, %more) = @_;
    my ($line, $text) = $T->api_key($id, %more);

    $Key{$id} = $text;
    $Lines .= $line;
}

key('ci', roles => ['service'], tenant => 'acme');
key('old', expires => time - 1);
key('off', state => 'disabled');
key('far', cidr => ['10.0.0.0/8', '2001:db8::/32']);
key('near', cidr => ['127.0.0.0/8'], roles => ['service']);
key('none');
key('other', roles => ['service'], tenant => 'other');
$T->write('api_keys', "# keys\n$Lines");

our $Config = <<'EOT';
    mlsec_auth api_key;
    mlsec_api_key $TEST_NGINX_KEYS/api_keys;
    mlsec_jwt_key_file $TEST_NGINX_KEYS/jwks.json;
    mlsec_jwt_issuer any;
    mlsec_jwt_audience any;
    mlsec_allow any;
    mlsec_errors on;

    location / {
        mlsec_respond '{"i":"$mlsec_identity","r":"$mlsec_roles","t":"$mlsec_tenant","k":"$http_x_api_key"}';
    }

    location = /service { mlsec_allow GET service; mlsec_respond '{}'; }
    location = /any { mlsec_auth jwt api_key any; mlsec_respond '{"i":"$mlsec_identity"}'; }
    location = /all { mlsec_auth jwt api_key all; mlsec_respond '{"i":"$mlsec_identity"}'; }
    location = /named {
        mlsec_api_key $TEST_NGINX_KEYS/api_keys header=X-Service-Key;
        mlsec_respond '{}';
    }
EOT

our $Wrong = $Key{ci} =~ s/x\z/y/r;

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(config => $Config) if !defined $block->config;
    $block->set_value(no_error_log => ['secret-of', 'eyJ', '[alert]'])
        if !defined $block->no_error_log && !defined $block->must_die;
});

no_long_string();
no_shuffle();
no_root_location();
run_tests();

__DATA__

=== a key: id, roles, tenant
--- request
GET /
--- more_headers eval
"X-API-Key: $main::Key{ci}"
--- response_body eval
qq({"i":"ci","r":"service","t":"acme","k":"$main::Key{ci}"})

=== those that are not good: one answer
--- request eval
[map { 'GET /' } 1 .. 9]
--- more_headers eval
["", "X-API-Key: $main::Wrong", "X-API-Key: nobody.$main::Key{ci}",
 "X-API-Key: $main::Key{ci}x", "X-API-Key: " . substr($main::Key{ci}, 0, -1),
 "X-API-Key: $main::Key{old}", "X-API-Key: $main::Key{off}",
 "X-API-Key: $main::Good", "X-API-Key: ci."]
--- error_code eval
[(401) x 9]
--- response_headers eval
[('WWW-Authenticate: ApiKey realm="mlsec"') x 9]
--- response_body_like eval
[('^\{"error":true,"status_code":401,"message":"Unauthorized","path":"/","timestamp":"[^"]+","request_id":"[^"]+","detail":"Unauthorized","details":\{\}\}$') x 9]

=== the reason is in the log, and the key is not
--- request
GET /
--- more_headers eval
"X-API-Key: $main::Key{off}"
--- error_code: 401
--- error_log
mlsec auth: refused with 401, reason: "the key is disabled"

=== address
--- request eval
["GET /", "GET /"]
--- more_headers eval
["X-API-Key: $main::Key{far}", "X-API-Key: $main::Key{near}"]
--- error_code eval
[403, 200]

=== twice
--- request
GET /
--- more_headers eval
"X-API-Key: $main::Key{ci}\nX-API-Key: $main::Key{ci}"
--- error_code: 400

=== roles
--- request eval
["GET /service", "GET /service"]
--- more_headers eval
["X-API-Key: $main::Key{ci}", "X-API-Key: $main::Key{none}"]
--- error_code eval
[200, 403]

=== another header
--- request eval
["GET /named", "GET /named"]
--- more_headers eval
["X-Service-Key: $main::Key{ci}", "X-API-Key: $main::Key{ci}"]
--- error_code eval
[200, 401]

=== any of two: the first that is good
--- request eval
[map { 'GET /any' } 1 .. 5]
--- more_headers eval
["X-API-Key: $main::Key{ci}", "Authorization: Bearer $main::Good",
 "Authorization: Bearer $main::Good\nX-API-Key: $main::Key{ci}",
 "Authorization: Bearer x.y.z\nX-API-Key: $main::Key{ci}",
 "Authorization: Bearer $main::Key{ci}"]
--- error_code eval
[200, 200, 200, 200, 401]
--- response_body_like eval
['"ci"', '"ann"', '"ann"', '"ci"', 'Unauthorized']

=== all of them, of one tenant
--- request eval
[map { 'GET /all' } 1 .. 5]
--- more_headers eval
my $acme = "Authorization: Bearer " . $main::T->token(tenant => 'acme');
["X-API-Key: $main::Key{ci}", $acme, "$acme\nX-API-Key: $main::Key{ci}",
 "$acme\nX-API-Key: $main::Key{other}", "$acme\nX-API-Key: $main::Wrong"]
--- error_code eval
[401, 401, 200, 403, 401]
