# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_jwt_key_uri: keys that are fetched, rotated under load, and kept when
# the issuer is slow, lies, or is not there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Audit;
use MlsecTest::Dns;
use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Metrics;
use MlsecTest::Ports;
use MlsecTest::Token;
use MlsecTest::Until;

my $t     = MlsecTest::Token->new;
my $other = MlsecTest::Token->new;
my $ports = MlsecTest::Ports->claim_block;
my ($api_line, $api_key) = $t->api_key('ci');

$t->write('api_keys', $api_line);

# The issuer: what it answers at a path is in a file, so that it can change.
#   answer(NAME => [STEPS])
sub answer {
    my ($name, @steps) = @_;

    $t->write("answer-$name", JSON::PP::encode_json(\@steps));
    return;
}

sub keys_of {
    my ($jwks, @more) = @_;

    return MlsecTest::Faulty::json($jwks, @more);
}

sub replies {
    my $dir = $t->dir;

    return map {
        my $file = "$dir/answer-$_";
        ("/$_" => sub {
            open my $in, '<', $file or return ['close'];
            local $/;
            return @{ JSON::PP::decode_json(scalar <$in>) };
        });
    } @_;
}

my $none = '{"keys":[]}';
my $weak = '{"keys":[{"kty":"RSA","kid":"k1","n":"DKE","e":"AQ"}]}';
my $secret = '{"keys":[{"kty":"oct","kid":"k1","k":"' . 'A' x 43 . '"}]}';

# sets that are none: what is answered, and why it is not taken
my %bad = (
    garbage  => ['it is neither JSON nor PEM', 200, keys_of("\x01\x02garbage")],
    html     => ['it is neither JSON nor PEM', 200, keys_of('<html></html>')],
    half     => ['it is not a JSON object', 200, keys_of('{"keys":[')],
    empty    => ['it has no keys', 200, keys_of($none)],
    weak     => ['RSA of less than 2048 or more than 8192 bits', 200, keys_of($weak)],
    secret   => ['it is a secret', 200, keys_of($secret)],
    nothing  => ['its status is not 200', 204, keys_of('', status => 204)],
    missing  => ['its status is not 200', 404, keys_of('{}', status => 404)],
    broken   => ['its status is not 200', 500, keys_of($t->jwks('k1'), status => 500)],
    moved    => ['its status is not 200', 302,
                 [out => "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"]],
    gzip     => ['it is neither JSON nor PEM', 200,
                 keys_of("\x1f\x8b\x08\x00", lines => ['Content-Encoding: gzip'])],
    large    => ['body too large', 200, keys_of('{"keys":[' . ' ' x 1024 . ']}')],
    endless  => ['body too large', 200, [out => "HTTP/1.1 200 OK\r\n\r\n"], [loop => ' ' x 4096]],
    cut      => ['connection broken', 200,
                 [out => "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"], ['close']],
    silent   => ['timed out', 0, ['hang']],
    drip     => ['timed out', '(?:0|200)', [out => "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n"],
                 [drip => ' ' x 90, 0.02]],
    reset    => ['connection broken', 0, ['reset']],
    nohttp   => ['no HTTP', 0, [out => "SSH-2.0-x\r\n"]],
);

my @good = qw(ok rotate later flood slow abort age kill tls);

answer($_ => keys_of($t->jwks('k1'))) for @good;
answer($_ => @{ $bad{$_} }[2 .. $#{ $bad{$_} }]) for keys %bad;
answer(age => keys_of($t->jwks('k1'), lines => ['Cache-Control: public, max-age=1']));

my $issuer = MlsecTest::Faulty->start(replies => { replies(@good, keys %bad) });
my $at     = 'http://' . $issuer->address;
my $late   = $ports->main;

# TLS in front of the issuer, by nginx itself; names by a DNS server
my $dns = MlsecTest::Dns::binary() ? MlsecTest::Dns->start : undef;
my ($tls_port, $tls_http, $tls_locations) = ($ports->named('tls'), '', '');
my %tls;

sub certificate {
    my ($name, $san, $ca) = @_;

    $t->write("$name.ext", "subjectAltName=$san\n");
    $t->_run("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
             . " -subj /CN=$name -keyout $name.key -out $name.csr");
    $t->_run($ca
        ? "openssl x509 -req -days 2 -in $name.csr -CA $ca.pem -CAkey $ca.key"
          . " -CAcreateserial -extfile $name.ext -out $name.pem"
        : "openssl x509 -req -days 2 -in $name.csr -signkey $name.key -out $name.pem");
    return;
}

if ($dns) {
    my $dir = $t->dir;

    certificate('ca', 'DNS:ca');
    certificate('foreign', 'DNS:ca');
    certificate('id.test', 'DNS:id.test', 'ca');
    $dns->set('id.test' => ['127.0.0.1'], 'else.test' => ['127.0.0.1'],
              'two.test' => ['127.0.0.9', '127.0.0.1']);

    %tls = (
        good     => ["https://id.test:$tls_port/tls?1", "trusted=$dir/ca.pem"],
        foreign  => ["https://id.test:$tls_port/tls?2", "trusted=$dir/foreign.pem",
                     'certificate not trusted'],
        system   => ["https://id.test:$tls_port/tls?3", '', 'certificate not trusted'],
        misnamed => ["https://else.test:$tls_port/tls?4", "trusted=$dir/ca.pem",
                     'certificate of another name'],
        unknown  => ["https://nobody.test:$tls_port/tls?5", "trusted=$dir/ca.pem",
                     'the name is not known'],
        plain    => ["https://127.0.0.1:@{[$issuer->port]}/tls?6", 'timeout=500ms', 'timed out'],
        second   => ["http://two.test:@{[$issuer->port]}/ok?7", 'insecure'],
    );

    $tls_http = "resolver @{[$dns->address]} ipv6=off;
        server {
            listen 127.0.0.1:$tls_port ssl;
            ssl_certificate $dir/id.test.pem;
            ssl_certificate_key $dir/id.test.key;
            location / { proxy_pass $at; }
        }";
    $tls_locations = join '', map {
        "location = /tls/$_ { mlsec_jwt_key_uri $tls{$_}[0] $tls{$_}[1] interval=1h;"
            . " mlsec_respond '{}'; }\n"
    } sort keys %tls;
}

my $locations = join '', map {
    my $size = $_ =~ /large|endless/ ? 'max_size=1k' : '';
    my $time = $_ =~ /silent|drip/ ? 'timeout=300ms' : '';
    "location = /bad/$_ { mlsec_jwt_key_uri $at/$_ insecure $size $time;"
        . " mlsec_respond '{}'; }\n"
} sort keys %bad;

my $nginx = MlsecTest::Instance->start(workers => 2, http => <<"HTTP", server => <<"SERVER");
    mlsec_errors on;
    mlsec_jwt_cache tokens:256k;
    mlsec_audit_log \$DIR/logs/audit.log flush=0;
    $tls_http
HTTP
    mlsec_auth jwt;
    mlsec_jwt_key_uri $at/ok insecure;
    mlsec_jwt_issuer https://id.example;
    mlsec_jwt_audience gateway;
    mlsec_allow GET;

    location = /metrics { mlsec_auth off; mlsec_metrics prometheus; }

    location = /ok {
        add_header X-Age "\$mlsec_jwt_keys_age";
        mlsec_respond '{}';
    }
    location = /rotate {
        mlsec_jwt_key_uri $at/rotate insecure miss=20ms wait=20s;
        mlsec_respond '{}';
    }
    location = /late {
        mlsec_jwt_key_uri http://127.0.0.1:$late/ok insecure;
        add_header X-Age "\$mlsec_jwt_keys_age" always;
        mlsec_respond '{}';
    }
    location = /late-or-key {
        mlsec_auth jwt api_key;
        mlsec_api_key @{[$t->dir]}/api_keys;
        mlsec_jwt_key_uri http://127.0.0.1:$late/ok insecure;
        mlsec_respond '{}';
    }
    location = /late-and-file {
        mlsec_jwt_key_uri http://127.0.0.1:$late/ok insecure;
        mlsec_jwt_key_file @{[$t->dir]}/jwks.json;
        mlsec_respond '{}';
    }
    location = /later {
        mlsec_jwt_key_uri $at/later insecure miss=50ms;
        mlsec_respond '{}';
    }
    location = /flood {
        mlsec_jwt_key_uri $at/flood insecure miss=1h interval=1h;
        mlsec_respond '{}';
    }
    location = /slow {
        mlsec_jwt_key_uri $at/slow insecure miss=10ms wait=20s timeout=20s;
        mlsec_jwt_source bearer query=token;
        mlsec_respond '{"args":"\$args"}';
    }
    location = /abort {
        mlsec_jwt_key_uri $at/abort insecure miss=10ms wait=30s timeout=30s;
        mlsec_respond '{}';
    }
    location = /age {
        mlsec_jwt_key_uri $at/age insecure miss=100ms;
        mlsec_respond '{}';
    }
    location = /kill {
        mlsec_jwt_key_uri $at/kill insecure miss=10ms wait=300ms timeout=30s;
        mlsec_respond '{}';
    }
    $locations
    $tls_locations
SERVER

# refusals of each path, for the audit log
my %refused;

sub ask {
    my ($path, $token) = @_;

    my $r = $nginx->get($path, limit => 30, headers => $token
        ? ["Authorization: Bearer $token"] : []) // { status => 0, headers => {} };

    $refused{$path}++ if $r->{status} =~ /^(?:401|503)$/;

    return $r;
}

sub status { return ask(@_)->{status} }

sub eventually {
    my ($name, $code) = @_;

    return until_ok(30, $code, $name);
}

sub signed {
    my ($kid, $by) = @_;

    return ($by // $t)->sign(qq({"alg":"RS256","kid":"$kid"}), $t->payload);
}

sub fetches { return $issuer->count(request => "/$_[0]") }

my $good = $t->token;
my $fixed = qr/"timestamp":"[^"]+","request_id":"[0-9a-f]{32}"/;

# a set that is there

is(status('/ok', $good), 200, 'a token of a fetched key');
my $r = ask('/ok', $good);
like($r->{headers}{'x-age'}, qr/^\d$/, '$mlsec_jwt_keys_age');
is(status('/ok', signed('k1', $other)), 401, 'the same kid, another key');
$r = ask('/ok');
is($r->{status}, 401, 'no token');
is($r->{headers}{'www-authenticate'}, 'Bearer realm="mlsec"', 'and its challenge');
is(fetches('ok'), 1, 'one worker has fetched, once');

# an issuer that is not there when nginx starts

$r = ask('/late', $good);
is($r->{status}, 503, 'J20: no keys yet');
cmp_ok($r->{headers}{'retry-after'} // 0, '>=', 1, 'J20: Retry-After');
cmp_ok($r->{headers}{'retry-after'} // 0, '<=', 31, 'not later than the next try');
is($r->{headers}{'www-authenticate'}, undef, 'J20: no challenge');
is($r->{headers}{'x-age'}, undef, 'no age');
my $body = $r->{body} =~ s/$fixed/FIXED/r;
is($body, '{"error":true,"status_code":503,"message":"Service Unavailable",'
   . '"path":"/late",FIXED,"detail":"Service Unavailable","details":{}}', 'the envelope');
is(status('/late'), 401, 'J20: without a token 401 all the same');
is(status('/late', 'x.y.z'), 401, 'J20: what is no token too');
is(status('/late-or-key', $good), 503, 'J20: jwt or api_key: a token');
is($nginx->get('/late-or-key', headers => ["X-API-Key: $api_key"])->{status}, 200,
   'jwt or api_key: a key');
is(status('/late-and-file', $good), 200, 'J20: a key of a file does not wait');
is(status('/late-and-file', signed('new')), 503, 'J20: another one might come');
eventually('it is said', sub {
    $nginx->error_log =~ m{mlsec auth: keys cannot be fetched, there are none yet, uri: "http://127.0.0.1:$late/ok", reason: "no connection", status: 0};
});

my $late_issuer = MlsecTest::Faulty->start(port => $late, replies => { replies('ok') });
eventually('it comes later', sub { status('/late', $good) == 200 });
is(status('/late-and-file', signed('new')), 401, 'then an unknown key is one');
is(() = $nginx->error_log =~ /cannot be fetched, there are none yet, uri: "http:..127.0.0.1:$late/g, 1,
   'said once, not for each try');

# answers that are no set

for my $name (sort keys %bad) {
    my ($why, $code) = @{ $bad{$name} };

    eventually("$name: $why", sub {
        $nginx->error_log =~ m{uri: "$at/$name", reason: "\Q$why\E", status: $code\b};
    });
    is(status("/bad/$name", $good), 503, "J20: $name: 503");
}

# TLS

for my $name (sort keys %tls) {
    my ($uri, undef, $why) = @{ $tls{$name} };

    eventually("tls $name: " . ($why // 'good'), sub {
        !$why ? status("/tls/$name", $good) == 200
              : $nginx->error_log =~ m{uri: "\Q$uri\E", reason: "$why", status: 0};
    });
    is(status("/tls/$name", $good), 503, "J20: tls $name: 503") if $why;
}

# max-age of one second, in place of an hour

my $before = fetches('age');
eventually('max-age has it fetched again', sub { fetches('age') > $before + 1 });

# Rotation under load: the issuer signs with a new key at once, the one before
# stays in the set, as issuers do.

my @by = ($t, $other);
my $rotations = 100;
my @n = map { $_->{n} } @by;

sub set_of {
    return JSON::PP::encode_json({ keys => [map {
        JSON::PP::decode_json($t->jwks("r$_", $n[$_ % 2]))->{keys}[0]
    } @_] });
}

# before there is load: openssl is run for each
my @tokens = map { signed("r$_", $by[$_ % 2]) } 0 .. $rotations;

answer(rotate => keys_of(set_of(0)));
my $token = $tokens[0];
$t->write('current', 0);
eventually('the first of the rotation', sub { status('/rotate', $token) == 200 });

my $from = fetches('rotate');
my $began = time;

my @load = map {
    my $pid = fork // die $!;
    if ($pid == 0) {
        my ($asked, $refused, $client) = (0, '');
        until (-e $t->dir . '/stop') {
            my $i = $t->read('current');
            $client //= $nginx->client;
            $client->request('/rotate', headers => ["Authorization: Bearer $tokens[$i]"]);
            my $response = $client->response(30) // { status => 0 };
            $client = undef if !$response->{status} || $asked % 50 == 49;
            $asked++;
            # it was good all the time that it took: the set has the next one
            # already, at most
            $refused .= " $response->{status}"
                if $response->{status} != 200 && $i == $t->read('current');
            sleep 0.002;
        }
        $t->write("load-$$", "$asked$refused");
        POSIX::_exit(0);
    }
    $pid;
} 1 .. 2;

my $refused = 0;

for my $i (1 .. $rotations) {
    $token = $tokens[$i];
    answer(rotate => keys_of(set_of($i - 1, $i)));
    $t->write('current', $i);
    $refused++ if status('/rotate', $token) != 200;
}

my $took = time - $began;
$t->write('stop', '');
waitpid $_, 0 for @load;

my @results = map { [split / /, $t->read("load-$_")] } @load;
my $asked = 0;
$asked += $_->[0] for @results;
my $made = fetches('rotate') - $from;

is($refused, 0, "$rotations rotations: no token of a new key is refused");
is(join(' ', map { @$_[1 .. $#$_] } @results), '', 'and none of the load');
cmp_ok($asked, '>', $rotations, "which was $asked requests");
cmp_ok($made, '>=', $rotations, "$made fetches");
cmp_ok($made, '<=', $took / 0.02 + 1, 'not more than one in miss=');
is(status('/rotate', $tokens[1]), 401, 'a key that was taken out is not good any more, nor what the cache had');
is(status('/rotate', $token), 200, 'the last one is');

# who makes key ids up

is(status('/flood', $good), 200, 'J19: before the flood');
$before = fetches('flood');
my @flood = map { $nginx->client } 1 .. 8;
my %answers;

for my $round (1 .. 50) {
    for my $client (@flood) {
        my $made_up = $good =~ s/^[^.]+/MIME::Base64::encode_base64url(
            '{"alg":"RS256","kid":"' . rand . '"}')/er;
        $client->request('/flood', headers => ["Authorization: Bearer $made_up"]);
    }
    $answers{ ($_->response(10) // {})->{status} // 0 }++ for @flood;
}

is_deeply(\%answers, { 401 => 400 }, '400 made-up key ids');
$refused{'/flood'} += $answers{401};
is(fetches('flood') - $before, 0, 'J19: no fetch before its time');
is(status('/flood', $good), 200, 'J19: good tokens are good meanwhile');

# requests that wait for a slow issuer, in both workers, and one fetch for all

is(status('/slow', $good), 200, 'before the issuer is slow');
sleep 0.05;
answer(slow => [until => $t->dir . '/slow-is-asked'], keys_of($t->jwks('slow')));
my $slow = signed('slow');
$before = fetches('slow');
my @waiting = map { $nginx->client } 1 .. 20;
$_->request('/slow', headers => ["Authorization: Bearer $slow"]) for @waiting[0 .. 18];
$waiting[19]->request("/slow?token=$slow");
eventually('the issuer is asked', sub { fetches('slow') > $before });
$t->write('slow-is-asked', '');
my @came = map { $_->response(30) // {} } @waiting;
is(join(' ', map { $_->{status} // 0 } @came), join(' ', (200) x 20), '20 requests wait and are answered');
is(fetches('slow') - $before, 1, 'by one fetch');
like($came[19]{body}, qr/"args":"token=\*+"/, 'a token of the query is found again, and not shown');

# a client that does not wait, and a reload while some wait

is(status('/abort', $good), 200, 'J23: before somebody goes away');
sleep 0.05;
answer(abort => [until => $t->dir . '/all-is-seen'], keys_of($t->jwks('abort')));
my $abort = signed('abort');
my @gone = map { $nginx->client } 1 .. 4;
$_->request('/abort', headers => ["Authorization: Bearer $abort"]) for @gone;
my $stays = $nginx->client;
$stays->request('/abort', headers => ["Authorization: Bearer $abort"]);
eventually('the fetch is under way', sub { fetches('abort') >= 2 });
$_->close for @gone;
eventually('clients that go away are seen', sub {
    4 == (() = $nginx->access_log =~ m{"GET /abort HTTP/1.1" 499}g);
});
my @old = $nginx->worker_pids;
$nginx->signal('HUP');
eventually('a reload', sub { 2 == grep { my $new = $_; !grep { $_ == $new } @old } $nginx->worker_pids });
$t->write('all-is-seen', '');
is(($stays->response(30) // {})->{status}, 200, 'J23: a reload while a request waits: it is answered');
eventually('the old workers end', sub { !grep { kill 0, $_ } @old });

# a reload, with an issuer that has gone

answer(ok => ['close']);
$late_issuer->stop;
my $good_log = length $nginx->error_log;
@old = $nginx->worker_pids;
$nginx->signal('HUP');
eventually('a reload', sub { !grep { kill 0, $_ } @old });
is(status($_, $good), 200, "J23: keys of before a reload: $_") for '/ok', '/late', '/flood';

# the issuer dies, later

is(status('/later', $good), 200, 'before the issuer dies');
answer(later => ['close']);
sleep 0.06;
is(status('/later', signed('later')), 401, 'J20: a key that cannot be fetched');
eventually('that is said', sub {
    $nginx->error_log =~ m{keys cannot be fetched, those of before stay, uri: "$at/later", reason: "connection broken"};
});
is(status('/later', $good), 200, 'J20: keys that are there stay');
for my $name (qw(garbage empty)) {
    $before = fetches('later');
    answer(later => @{ $bad{$name} }[2]);
    eventually("$name in their place", sub { fetches('later') > $before + 1 });
    is(status('/later', $good), 200, 'J20: they stay');
}
answer(later => keys_of($t->jwks('k1')));
eventually('the issuer is back', sub {
    $nginx->error_log =~ m{keys can be fetched again, uri: "$at/later"};
});
is(() = $nginx->error_log =~ m{those of before stay, uri: "$at/later"}g, 1, 'J20: each said once');

# workers are killed while one of them fetches

is(status('/kill', $good), 200, 'before workers are killed');
sleep 0.05;
$before = fetches('kill');
answer(kill => ['hang']);
is(status('/kill', signed('kill')), 401, 'J23: an issuer that hangs: the request does not');
eventually('it was asked', sub { fetches('kill') == $before + 1 });
answer(kill => keys_of($t->jwks('kill')));
$nginx->allow(qr/worker process \d+ exited on signal 9/);
kill KILL => $nginx->worker_pids;
eventually('killed: others fetch in their place', sub { status('/kill', signed('kill')) == 200 });
is(status('/ok', $good), 200, 'keys are still there');
eventually('all workers are back', sub { $nginx->worker_pids == 2 });

# metrics

my $m = MlsecTest::Metrics->new($nginx->get('/metrics')->{body});
is($m->value('mlsec_jwt_keys', uri => "$at/ok"), 1, 'metrics: keys');
cmp_ok($m->value('mlsec_jwt_keys_fetches_total', uri => "$at/rotate", result => 'good'), '>=', $made,
       'metrics: fetches');
cmp_ok($m->value('mlsec_jwt_keys_fetches_total', uri => "$at/later", result => 'failed'), '>=', 3,
       'metrics: failed ones');
like($m->value('mlsec_jwt_keys_age_seconds', uri => "$at/ok"), qr/^\d+(\.\d+)?$/, 'metrics: age');

$nginx->finish;

# the lines of the audit log: one for each refusal, and none for what was a
# question of time only

my %lines;

for my $record (MlsecTest::Audit->new($nginx->dir . '/logs/audit.log')->requests) {
    $lines{ $record->{path} }++ if $record->{event} eq 'deny' && $record->{policy} eq 'mlsec_auth';
}

for my $row (['J19', '/flood'], ['J20', '/late', '/late-and-file', '/late-or-key', '/later',
             (map { "/bad/$_" } sort keys %bad), map { "/tls/$_" } sort keys %tls],
             ['J23', '/abort', '/slow', '/ok'], ['J23', '/kill'])
{
    my ($name, @paths) = @$row;

    is(join(' ', map { "$_:" . ($lines{$_} // 0) } @paths),
       join(' ', map { "$_:" . ($refused{$_} // 0) } @paths),
       "$name: the audit log has one line for each refusal");
}

cmp_ok($lines{'/flood'}, '>=', 400, 'J19: those of the flood too');

unlike($nginx->error_log, qr/eyJ/, 'no token in the log');
done_testing();
