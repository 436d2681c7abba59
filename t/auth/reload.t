# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Files of keys and revocations that change under a running nginx: what is new
# counts in every worker, what cannot be read changes nothing.

use strict;
use warnings;
use MIME::Base64 qw(encode_base64url);
use Test::More;
use Time::HiRes qw(sleep time);
use lib 't/lib';
use MlsecTest::Audit;
use MlsecTest::Instance;
use MlsecTest::Token;
use MlsecTest::Until;

use constant QUIET => 0.4;          # s: files change for less, or twice

my $t = MlsecTest::Token->new;
my ($line, $key) = $t->api_key('ci');
my ($line2, $key2) = $t->api_key('new');

$t->write('api_keys', $line);
$t->write('revoked', '');

my $nginx = MlsecTest::Instance->start(workers => 2,
    http => 'mlsec_jwt_cache tokens:64k; mlsec_audit_log $DIR/logs/audit.log flush=0;', server => <<"END");
    location / {
        mlsec_auth jwt api_key;
        mlsec_jwt_key_file @{[$t->dir]}/jwks.json;
        mlsec_jwt_issuer any;
        mlsec_jwt_audience any;
        mlsec_jwt_revoke @{[$t->dir]}/revoked;
        mlsec_api_key @{[$t->dir]}/api_keys;
        mlsec_allow GET;
        mlsec_respond '{}';

        location = /debug {
            error_log @{[$t->dir]}/debug.log debug;
            mlsec_respond '{}';
        }

        location = /alg {
            error_log @{[$t->dir]}/debug.log debug;
            mlsec_jwt_alg RS256;
            mlsec_respond '{}';
        }
    }
END

# each worker looks at files for itself
my @workers = $nginx->worker_clients;

# What all workers say: one status, or "200 401".
my %all;
sub status {
    my ($header, $path) = (@_, '/');
    my %said;
    for my $client (@workers) {
        $client->request($path, headers => [$header]);
        $said{ ($client->response(20) // {})->{status} // 'none' }++;
    }
    $all{$_} += $said{$_} for keys %said;
    return join ' ', sort keys %said;
}

# In all workers, in at most 20 s.
sub becomes {
    my ($header, $want, $name) = @_;
    return until_ok(20, sub { status($header) eq $want }, $name);
}

my $old = 'Authorization: Bearer ' . $t->token(jti => 'one');
my $api = "X-API-Key: $key";

is(status($old), 200, 'a token');
is(status($api), 200, 'an API key');
is(status("X-API-Key: $key2"), 401, 'not yet');

# a token that workers know, and others that end as it does

my ($head, $payload, $signature) = split /\./, $old;
for my $forged ("$head." . encode_base64url($t->payload(roles => ['admin'])),
                "$head." . ($payload =~ s/\A(.)/$1 eq 'e' ? 'f' : 'e'/er))
{
    status($old) for 1 .. 5;
    is(status("$forged.$signature"), 401, 'J23: another payload with its signature')
        for 1 .. 2;
}
is(status($old), 200, 'the token is still good');

# what the cache says: unknown, known; under other algorithms unknown; a bad
# signature unknown, known to be bad

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';

SKIP: {
    skip 'nginx without --with-debug', 1
        if `$binary -V 2>&1` !~ /--with-debug/;

    my $fresh = 'Authorization: Bearer ' . $t->token(sub => 'bob');
    my $bad = $fresh =~ s/\.e/.f/r;

    # what one worker has found out the other one knows
    status(@$_) for [$fresh, '/debug'], [$fresh, '/alg'], [$bad, '/debug'];

    my @said = $t->read('debug.log') =~ /cache of signatures says (-?\d+)/g;
    is("@said", '-1 0 -1 0 -1 -5', 'what the cache says');
}

$t->write('api_keys', $line2);
becomes("X-API-Key: $key2", 200, 'a new API key');
becomes($api, 401, 'J23: the old one is gone');

$t->write('revoked', "jti one\n");
becomes($old, 401, 'J23: a revoked token');
is(status('Authorization: Bearer ' . $t->token(jti => 'two')), 200,
    'another one');

# written in place: within a second, of the same size; and cut to nothing first

# Returns how long it took.
sub in_place {
    my ($name, @texts) = @_;
    my $start = time;
    open my $out, '>', $t->dir . "/$name" or die "$name: $!";
    for my $text (@texts) {
        sleep 0.1;
        syswrite $out, $text;
    }
    return time - $start;
}

my @jti = map { 'Authorization: Bearer ' . $t->token(jti => $_) } qw(six ten);

in_place('revoked', "jti one\njti six\r\n");
becomes($jti[0], 401, 'J23: revoked in place, with a line end of another system');
is(status($jti[1]), 200, 'not yet');
in_place('revoked', "jti one\njti ten\r\n");
becomes($jti[1], 401, 'J23: the same size, in the same second perhaps');
is(status($jti[0]), 200, 'that one is good again');

# A machine that stops the writer for long enough has the half of a file taken
# for the whole: then it is written once more.

my ($open, $rounds) = (0, 0);
for (1 .. 100) {
    if (in_place('revoked', "jti one\n", "jti ten\n") < QUIET) {
        $open += (status($old) ne '401') + (status($jti[1]) ne '401') for 1 .. 5;
        last if ++$rounds == 8;
    } else {
        becomes($_, 401, 'a slow writer is done') for $old, $jti[1];
    }
}
is("$open, $rounds", '0, 8', 'J23: never open while the file is being written');

my $other = MlsecTest::Token->new;
my $new = 'Authorization: Bearer '
          . $other->sign('{"alg":"RS256","kid":"k2"}', $other->payload);
is(status($new), 401, 'a key that is not there');
$t->write('jwks.json', $other->jwks('k2'));
becomes($new, 200, 'a new key');
is(status('Authorization: Bearer ' . $t->token), 401, 'J23: the old one is gone');

# bad files: nothing changes, and it is said

$t->write('jwks.json', '{"keys":[]}');
$t->write('api_keys', "{\n");
unlink $t->dir . '/revoked';
sub complaints {
    return scalar(() = $nginx->error_log =~ /file cannot be used, what it said before stays/g);
}

until_ok(20, sub { complaints() >= 6 }, 'three files, two workers');
becomes($new, 200, 'J23: keys stay');
becomes("X-API-Key: $key2", 200, 'API keys stay');
is(status($old), 401, 'J23: revocations stay');

$nginx->finish;
is(complaints(), 6, 'said once each');
my @denied = grep { $_->{event} eq 'deny' && $_->{status} == 401 }
    MlsecTest::Audit->new($nginx->dir . '/logs/audit.log')->requests;
is(scalar grep({ $_->{reason} } @denied), $all{401} + @workers,
   'J23: the audit log has one line, and why, for each refusal');
unlike($nginx->error_log, qr/eyJ|secret-of/, 'no token and no key in the log');
done_testing();
