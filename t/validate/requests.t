# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_validate, mlsec_validate_file: what is refused, with which status and
# words, that the service behind sees nothing of it, and that what is good
# comes there byte by byte; in plain and aggregate locations, after internal
# redirects, in chunks, from files, over HTTP/2.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

use MlsecTest::Faulty;
use MlsecTest::H2;
use MlsecTest::Instance;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $http2 = `$binary -V 2>&1` =~ /--with-http_v2_module/;
my $h2 = $http2 ? 'listen unix:$DIR/h2.sock http2;' : '';
my $json = JSON::PP->new->utf8->allow_nonref;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/echo' => sub {
        my ($request) = @_;

        return MlsecTest::Faulty::json(sprintf
            '{"method":"%s","length":%d,"sum":%d}', $request->{method},
            length $request->{body}, unpack '%32C*', $request->{body});
    },
});

my $rules = <<'EOT';
# loc, msg and type as FastAPI has them
def problem($loc; $type; $msg): {type: $type, loc: $loc, msg: $msg};
[if type != "object" then problem(["body"]; "dict_type"; "no object")
 elif (.name | type) != "string" or (.name | test("^[a-z]+$") | not)
 then problem(["body", "name"]; "string_type"; "no name") else empty end,
 if $args.n == "0" then problem(["query", "n"]; "zero"; "n is 0")
 else empty end,
 if $captures.id == "bad" then problem(["path", "id"]; "id"; "bad id")
 else empty end]
EOT

my %files = (
    'rules.jq' => $rules,
    'method.jq' => '[if $method == "PUT" and . == null then {loc: ["body"], '
        . 'msg: "m", type: "missing"} else empty end]',
    'object.jq' => '{loc: [], msg: "", type: ""}',
    'shape.jq' => '[{loc: "body", msg: "", type: ""}]',
    'members.jq' => '[{loc: ["body"], msg: ""}]',
    'none.jq' => 'empty',
    'two.jq' => '[], []',
    'fails.jq' => '.a.b.c',
    'endless.jq' => 'def f: f; f',
    'thrown.jq' => 'error({status: 409, message: "taken", '
        . 'errors: [{loc: ["body"]}]})',
    'many.jq' => '[range(150) | {loc: ["body", .], msg: "m", type: "t"}]',
    'claims.jq' => '[if $claims == null and $parts == null and $now > 1e9 and '
        . '($request_id | length) > 0 then empty else {loc: [], msg: "", '
        . 'type: ""} end]',
);

my $programs = join '', map { my $n = $_; $n =~ s/\.jq//; <<"EOT" }
    location = /p/$n {
        mlsec_validate_file \$DIR/$_;
        mlsec_filter_max_steps 100000;
        proxy_pass http://faulty/echo;
    }
EOT
    grep { !/^rules/ } sort keys %files;

{
    no warnings 'redefine';
    my $configure = \&MlsecTest::Instance::configure;
    *MlsecTest::Instance::configure = sub {
        my ($self, @o) = @_;
        $self->write_file($_, $files{$_}) for keys %files;
        return $configure->($self, @o);
    };
}

my $nginx = MlsecTest::Instance->start(
    http => <<"EOT",
    mlsec_errors on;
    mlsec_metrics_zone 4m;
    client_max_body_size 3m;
    client_body_timeout 2s;
    upstream faulty { server @{[$faulty->address]}; keepalive 8; }
    log_format found '\$uri \$status \$mlsec_validation';
    large_client_header_buffers 8 16k;
EOT
    server => <<"EOT",
    $h2
    access_log \$DIR/logs/found.log found;
    include \$CONF/mlsec_parts.conf;

    location = /metrics { mlsec_metrics; }
    location = /plain { mlsec_validate; proxy_pass http://faulty/echo; }
    location = /bare { proxy_pass http://faulty/echo; }
    location = /size { mlsec_validate max_size=100; proxy_pass http://faulty/echo; }
    location = /depth { mlsec_validate depth=3; proxy_pass http://faulty/echo; }
    location = /twice { mlsec_validate duplicates=allow; proxy_pass http://faulty/echo; }
    location = /csv { mlsec_validate content_type=text/CSV,application/json; proxy_pass http://faulty/echo; }
    location = /any { mlsec_validate content_type=any depth=3; proxy_pass http://faulty/echo; }
    location = /upload { mlsec_validate content_type=multipart/form-data; proxy_request_buffering off; proxy_pass http://faulty/echo; }
    location = /args { mlsec_validate args=3 args_size=40; proxy_pass http://faulty/echo; }
    location = /headers { mlsec_validate headers=6 header_size=200; proxy_pass http://faulty/echo; }
    location = /file { mlsec_validate max_size=2m; client_body_buffer_size 1k; proxy_pass http://faulty/echo; }
    location = /streamed { mlsec_validate_file \$DIR/rules.jq; proxy_request_buffering off; proxy_pass http://faulty/echo; }
    location = /rules { mlsec_validate_file \$DIR/rules.jq; proxy_pass http://faulty/echo; }
    location ~ ^/rules/(?<id>[^/]+)\$ { mlsec_validate_file \$DIR/rules.jq; rewrite ^ /echo break; proxy_pass http://faulty; }
    location = /report {
        mlsec_validate report depth=3 max_size=100 args=1;
        mlsec_validate_file \$DIR/rules.jq;
        proxy_pass http://faulty/echo;
    }
    location = /aggregate {
        mlsec_validate_file \$DIR/rules.jq;
        mlsec_call a http://faulty/echo body=on;
        mlsec_call b http://faulty/echo;
    }
    location = /mapped {
        mlsec_validate max_size=1k;
        mlsec_call a http://faulty/echo 'body=filter:.name';
    }

    # internal redirects: by each location's own rules
    location = /to-plain { rewrite ^ /plain last; }
    location = /rules-to-plain { mlsec_validate_file \$DIR/rules.jq; try_files /nothing /plain; }
    location = /named { mlsec_validate; try_files /nothing \@rules; }
    location \@rules { mlsec_validate_file \$DIR/rules.jq; rewrite ^ /echo break; proxy_pass http://faulty; }
    location = /fallback { mlsec_validate; error_page 502 = \@rules; proxy_pass http://unix:\$DIR/nobody.sock; }
    location = /page { mlsec_validate_file \$DIR/rules.jq; error_page 415 422 /why.html; proxy_pass http://faulty/echo; }
    location = /why.html { mlsec_validate_file \$DIR/rules.jq; }
    location = /self { mlsec_validate_file \$DIR/rules.jq; error_page 422 /self; proxy_pass http://faulty/echo; }
    location = /mirrored { mlsec_validate; mirror /mirror; proxy_pass http://faulty/echo; }
    location = /mirror { internal; proxy_pass http://faulty/mirror; }
    location = /off { mlsec_validate off; proxy_pass http://faulty/echo; }

    location /in/ {
        mlsec_validate depth=2;
        mlsec_validate_file \$DIR/rules.jq;
        location = /in/both { proxy_pass http://faulty/echo; }
        location = /in/own { mlsec_validate depth=9; proxy_pass http://faulty/echo; }
        location = /in/off { mlsec_validate off; proxy_pass http://faulty/echo; }
        location = /in/if { if (\$arg_x) { set \$y 1; } proxy_pass http://faulty/echo; }
    }
    $programs
EOT
);

$nginx->write_file('html/why.html', "see the manual\n");

my $JSON = 'Content-Type: application/json';
my $seen = 0;

# One request; what has come of it: status, details, and whether the service
# was asked. A body that is code is given the client instead.
sub check {
    my ($name, $path, $body, $status, $want, %o) = @_;
    my $method = $o{method} // (defined $body ? 'POST' : 'GET');
    my $headers = $o{headers} // [defined $body ? $JSON : ()];
    my $client = $nginx->client;

    if ($o{chunked}) {
        $client->request($path, method => $method,
                         headers => [@$headers, 'Transfer-Encoding: chunked']);
        for my $piece (ref $body ? @$body : unpack '(a50)*', $body) {
            $client->send(sprintf "%x\r\n%s\r\n", length $piece, $piece);
        }
        $client->send("0\r\n\r\n");
        $body = join '', @$body if ref $body;
    }
    else {
        $client->request($path, method => $method, body => $body,
                         headers => $headers);
    }

    my $response = $client->response(10);

    is($response->{status}, $status, "$name: status")
        or diag $response->{body};

    my $calls = $o{calls} // ($status == 200 ? 1 : 0);
    $seen += $calls;

    if ($status == 200 && !defined $want && $calls == 1) {
        my $text = $body // '';
        is($response->{body}, sprintf('{"method":"%s","length":%d,"sum":%d}',
            $method, length $text, unpack '%32C*', $text), "$name: body");
    }
    elsif (ref $want eq 'ARRAY') {
        my $told = eval { $json->decode($response->{body}) } // {};
        my $errors = $told->{details}{errors};
        is_deeply($errors, $want, "$name: errors")
            or diag $response->{body};
        is($told->{status_code}, $status, "$name: envelope");
        is($told->{detail}, $status == 422 ? 'Validation error'
            : $want->[0]{msg}, "$name: detail");
        is($told->{details}{error_type}, 'validation', "$name: error_type");
    }
    elsif (defined $want) {
        like($response->{body}, $want, "$name: words");
    }

    $faulty->wait_for('request', undef, 5, $seen) if $calls;
    is($faulty->count('request'), $seen, "$name: the service");

    return $response;
}

sub problem {
    my ($type, $loc, $msg, $error) = @_;
    return [{ type => $type, loc => $loc, msg => $msg,
              $error ? (ctx => { error => $error }) : () }];
}

my $no_type = problem('content_type', ['header', 'content-type'],
                      'The Content-Type must be application/json');

# ---- type ----

check('no body', '/plain', undef, 200);
check('no body, POST', '/plain', undef, 200, undef, method => 'POST');
check('an empty body', '/plain', '', 200);
check('JSON', '/plain', '{"a":[1,2.50,"\u00e9"]}', 200);
check('JSON of another kind', '/plain', '[]', 200, undef,
      headers => ['Content-Type: Application/Problem+JSON ; charset="utf-8"']);

# in UTF-7 this has two members, and others go by what the type says
my $utf7 = '{"a":"+ACI-,+ACI-b+ACI-:+ACI-x"}';
my $no_utf8 = problem('content_type', ['header', 'content-type'],
                      'JSON must be UTF-8, in its Content-Type too');
check("charset: $_", '/plain', $utf7, 415, $no_utf8,
      headers => ["Content-Type: application/json$_"])
    for ';charset=utf-7', '; Charset="UTF-7"', '; charset=utf-16', '; charset=',
        '; charset', "; charset=utf-8; charset=utf-7", '; charset =utf-7',
        "; charset*=utf-7''x", '; charset=utf-80', '; charset="utf-8', '; charset=utf-8,x',
        '; x="; charset=utf-8"; charset=utf-7';
check("charset: $_", '/plain', '{}', 200, undef, headers => ["Content-Type: application/json$_"])
    for '; charset=UTF8', '; x=y ; charset=utf-8 ; z', ';';
check('charset of any', '/any', $utf7, 415, $no_utf8,
      headers => ['Content-Type: application/json; charset=utf-7']);
check('charset of what is no JSON', '/any', "\xe9", 200, undef,
      headers => ['Content-Type: text/plain; charset=latin1']);
check('no type', '/plain', '{}', 415, $no_type, headers => []);
check('text', '/plain', '{}', 415, $no_type,
      headers => ['Content-Type: text/plain']);
check('a longer type', '/plain', '{}', 415, $no_type,
      headers => ['Content-Type: application/jsonp']);
check('a type before a type', '/plain', '{}', 415, $no_type,
      headers => ['Content-Type: application/json, text/html']);
check('two types', '/plain', '{}', 415, $no_type,
      headers => [$JSON, 'Content-Type: text/plain']);
check('two types of any', '/any', '{}', 415, undef,
      headers => [$JSON, 'Content-Type: text/plain']);
check('a coded body', '/plain', '{}', 415, problem('content_type',
      ['header', 'content-type'], 'The body must not have a Content-Encoding'),
      headers => [$JSON, 'Content-Encoding: gzip']);
check('a body as it is', '/plain', '{}', 200, undef,
      headers => [$JSON, 'Content-Encoding: Identity']);
check('GET with a body', '/plain', '{', 422, undef, method => 'GET');
check('DELETE with a body', '/plain', '{}', 415, undef, method => 'DELETE',
      headers => []);
check('in a list', '/csv', "a,b\n", 200, undef,
      headers => ['Content-Type: TEXT/csv; header=present']);
check('in a list, JSON', '/csv', '{', 422, undef);
check('not in a list', '/csv', 'a', 415, problem('content_type',
      ['header', 'content-type'], 'This Content-Type is not taken here'),
      headers => ['Content-Type: text/plain']);
check('a suffix is no list', '/csv', '{}', 415, undef,
      headers => ['Content-Type: application/x+json']);
check('any', '/any', "\x00\xff", 200, undef,
      headers => ['Content-Type: image/png']);
check('any, no type', '/any', "\x00\xff", 200, undef, headers => []);
check('any is JSON', '/any', '[[[[]]]]', 422, undef);

# ---- size ----

my $too_large = problem('too_large', ['body'],
                        'Body should have at most 100 bytes');

check('size', '/size', '"' . 'a' x 98 . '"', 200);
check('too large', '/size', '"' . 'a' x 99 . '"', 413, $too_large);
check('size, chunked', '/size', '"' . 'a' x 98 . '"', 200, undef,
      chunked => 1);
check('too large, chunked', '/size', '"' . 'a' x 99 . '"', 413, $too_large,
      chunked => 1);
check('in a file', '/file', '"' . 'b' x 1_000_000 . '"', 200);
check('in a file, chunked', '/file',
      [map { ($_ ? '' : '"') . 'b' x 100_000 . ($_ == 9 ? '"' : '') } 0 .. 9],
      200, undef, chunked => 1);
check('in a file, wrong at its end', '/file', '"' . 'b' x 1_000_000, 422,
      problem('json_invalid', ['body', 1_000_001], 'JSON decode error',
              'truncated'));
check('in a file, too large', '/file', '"' . 'b' x 2_100_000 . '"', 413);

{
    # nothing is asked for that will not be taken
    my $client = $nginx->client;
    $client->request('/size', method => 'POST',
                     headers => [$JSON, 'Content-Length: 101',
                                 'Expect: 100-continue']);
    my $response = $client->response(5);
    is($response->{status}, 413, 'too large: told before the body');
    is($faulty->count('request'), $seen, 'too large: the service');
}

check('another type', '/upload', "\0" x 200_000, 200, undef,
      headers => ['Content-Type: multipart/form-data; boundary=x']);
check('another type, chunked', '/upload', "\0" x 100, 200, qr/"length":100,/,
      chunked => 1, headers => ['Content-Type: multipart/form-data']);

# ---- JSON ----

for my $case (['{', 1, 'truncated'], ['{"a":1,}', 7, 'unexpected byte'],
              ["[\"\xff\"]", 2, 'invalid UTF-8'],
              ["\xef\xbb\xbf{}", 0, 'unexpected byte'],
              ['{} {}', 3, 'second document'],
              ['[01]', 2, 'invalid number'], ['"\ud800"', 7, undef],
              ['nul', 3, 'truncated'], ["[\"\x00\"]", 2, undef],
              ['NaN', 0, undef], ['  ', 2, 'empty'], ["{'a':1}", 1, undef]) {
    my ($body, $offset, $error) = @$case;
    my $response = check("not JSON: $body", '/plain', $body, 422);
    my $got = $json->decode($response->{body})->{details}{errors}[0];

    is_deeply($got->{loc}, ['body', $offset], "not JSON: $body: where");
    is($got->{type}, 'json_invalid', "not JSON: $body: type");
    is($got->{ctx}{error}, $error, "not JSON: $body: why") if $error;
}

check('depth', '/depth', '[[{}]]', 200);
check('too deep', '/depth', '[[{"a":[]}]]', 422, problem('json_depth',
      ['body', 7], 'JSON should be nested at most 3 levels deep'));
check('depth by default', '/plain', '[' x 64 . ']' x 64, 200);
check('too deep by default', '/plain', '[' x 65 . ']' x 65, 422);
check('100000 levels', '/plain', '[' x 100_000, 422);

my $twice = sub {
    return problem('json_duplicate', ['body', $_[0]],
                   'An object should not have a name twice');
};

check('a name twice', '/plain', '{"role":"a","role":"admin"}', 422,
      $twice->(12));
check('a name twice, escaped', '/plain', '{"role":1,"\u0072ole":2}', 422,
      $twice->(10));
check('a name twice, inside', '/plain', '[{"a":{"b":1,"b":1}}]', 422,
      $twice->(13));
check('a name in two objects', '/plain', '[{"a":1},{"a":{"a":1}}]', 200);
check('a name twice, allowed', '/twice', '{"a":1,"a":2}', 200);
check('many names', '/file', '{' . join(',', map { qq("n$_":$_) } 1 .. 50_000)
      . '}', 200);
check('many names, one twice', '/file',
      '{' . join(',', map { qq("n$_":$_) } 1 .. 50_000) . ',"n1":0}', 422);

# ---- query and headers ----

check('args', '/args?a=1&b=2&a=3&', undef, 200);
check('too many args', '/args?a=1&b=2&a=3&c', undef, 400,
      problem('too_many', ['query'], 'Query should have at most 3 arguments'));
check('query', '/args?a=' . 'a' x 38, undef, 200);
check('a long query', '/args?a=' . 'a' x 39, undef, 414,
      problem('too_long', ['query'], 'Query should have at most 40 bytes'));

for my $query ('a=%zz', 'a=%', 'a=%0', 'a=%00', 'a=%ff', "a=\xff", 'a=%c0%af',
               '%ed%a0%80=1') {
    check("query $query", "/args?$query", undef, 400,
          problem('query_invalid', ['query'], 'Query should be UTF-8, '
                  . 'percent-encoded, without NUL'));
}

check('headers', '/headers', undef, 200, undef,
      headers => [map { "X-$_: a" } 1 .. 5]);
check('too many headers', '/headers', undef, 431,
      problem('too_large', ['header'], 'There should be at most 6 headers'),
      headers => [map { "X-$_: a" } 1 .. 6]);
check('a header', '/headers', undef, 200, undef,
      headers => ['X-A: ' . 'a' x 197]);
check('a long header', '/headers', undef, 431,
      problem('too_large', ['header'], 'A header should have at most 200 '
              . 'bytes'), headers => ['X-A: ' . 'a' x 198]);
check('no limit', '/plain', undef, 200, undef,
      headers => [map { "X-$_: a" } 1 .. 60]);

# ---- rules ----

my $no_name = problem('string_type', ['body', 'name'], 'no name');

check('rules: good', '/rules', '{"name":"a"}', 200);
check('rules: no body', '/rules', undef, 422,
      problem('dict_type', ['body'], 'no object'));
check('rules: no body, HEAD', '/rules', undef, 422, undef, method => 'HEAD');
check('rules: list', '/rules', '[]', 422,
      problem('dict_type', ['body'], 'no object'));
check('rules: wrong', '/rules', '{"name":1}', 422, $no_name);
check('rules: two of them', '/rules?n=0', '{"name":"A"}', 422,
      [@$no_name, @{ problem('zero', ['query', 'n'], 'n is 0') }]);
check('rules: captures', '/rules/bad', '{"name":"a"}', 422,
      problem('id', ['path', 'id'], 'bad id'));
check('rules: captures, good', '/rules/good', '{"name":"a"}', 200);
check('rules: not JSON', '/rules', '{"name":', 422, undef);
check('rules: another type', '/rules', '{"name":"a"}', 415, $no_type,
      headers => ['Content-Type: text/plain']);
check('rules: chunked', '/rules', '{"name":"a"}', 200, undef, chunked => 1);
check('rules: chunked, wrong', '/rules', '{"name":"B"}', 422, $no_name,
      chunked => 1);
check('rules: in pieces', '/rules', ['{"na', 'me":', '"abc"}'], 200, undef,
      chunked => 1);
check('rules: unbuffered', '/streamed', '{"name":"abc"}', 200);
check('rules: unbuffered, wrong', '/streamed', '{"name":7}', 422, $no_name);
check('rules: method', '/p/method', undef, 200, undef, method => 'DELETE');
check('rules: method, wrong', '/p/method', undef, 422,
      problem('missing', ['body'], 'm'), method => 'PUT');
check('rules: bound', '/p/claims', '{}', 200);
check('rules: thrown', '/p/thrown', '{}', 409, qr/"message":"taken".*"errors":\[\{"loc":\["body"\]\}\]/);

{
    my $response = check('rules: a long list', '/p/many', '{}', 422);
    is(scalar @{ $json->decode($response->{body})->{details}{errors} }, 100,
       'rules: the first 100 are told');
}

my $defect = qr/"message":"The rules of this route failed".*"details":\{"error_type":"filter"\}/;

check("rules: $_", "/p/$_", '{}', 500, $defect) for qw(object shape members);
check('rules: none', '/p/none', '{}', 500, qr/The filter gave no result/);
check('rules: two', '/p/two', '{}', 500, qr/more than one result/);
check('rules: fails', '/p/fails', '{"a":1}', 500, qr/The filter failed/);
check('rules: endless', '/p/endless', '{}', 500, qr/too many steps/);

my $log = $nginx->error_log;
my $dir = $nginx->dir;

like($log, qr/mlsec validate: the rules gave no list of \{loc, msg, type\}, file: "$dir\/object.jq", location: "\/p\/object"/, 'the log names the file');
like($log, qr/mlsec filter: program failed, reason: "too many steps", location: "\/p\/endless", file: "$dir\/endless.jq"/, 'also of one that fails');
like($log, qr/\[info\].*mlsec validate: refused, reason: "json", status: 422, location: "\/plain"/, 'what is refused is logged');

# ---- where ----

check('aggregate', '/aggregate', '{"name":"a"}', 200,
      qr/^\{"a":\{"method":"POST","length":12,/, calls => 2);
check('aggregate, wrong', '/aggregate', '{"name":7}', 422, $no_name);
check('aggregate, mapped', '/mapped', '{"name":"abc"}', 200,
      qr/"length":5,/, calls => 1);
check('aggregate, mapped, wrong', '/mapped', '{"a":1,"a":2}', 422);
check('after a rewrite', '/to-plain', '{', 422);
check('after a rewrite, good', '/to-plain', '{}', 200);
check('after try_files', '/rules-to-plain', '{"name":"a"}', 200);
check('before try_files', '/rules-to-plain', '{"name":1}', 422, $no_name);
check('in a named location', '/named', '{"name":"a"}', 200);
check('in a named location, wrong', '/named', '{"name":1}', 422, $no_name);
check('after error_page', '/fallback', '{"name":"a"}', 200);
check('after error_page, wrong', '/fallback', '{"name":1}', 422, $no_name);
check('a page for it', '/page', '{"name":1}', 422, qr/^see the manual/);
check('a page for a type', '/page', '{}', 415, qr/^see the manual/,
      headers => []);
check('a page that is the location', '/self', '{"name":1}', 422, $no_name);
check('not where it is off', '/off', '{', 200);
check('not where it is not', '/bare', '{', 200);
check('inherited: rules', '/in/both', '{"name":1}', 422, $no_name);
check('inherited: depth', '/in/both', '[[[]]]', 422);
check('inherited: good', '/in/both', '{"name":"a"}', 200);
check('own, rules inherited', '/in/own', '{"name":"a","b":[[[]]]}', 200);
check('own, rules inherited, wrong', '/in/own', '{"name":1}', 422, $no_name);
check('inherited, off', '/in/off', '{', 200);
check('inherited by an if', '/in/if?x=1', '{"name":1}', 422, $no_name);
check('inherited by an if, good', '/in/if?x=1', '{"name":"a"}', 200);

# a mirror gets what is good
check('mirror, wrong', '/mirrored', '{', 422);
{
    my $before = $seen;
    $nginx->get('/mirrored', method => 'POST', body => '{}',
                headers => [$JSON]);
    $faulty->wait_for('request', undef, 5, ++$seen);
    ok(defined $faulty->wait_for('request', '/mirror', 5), 'mirror, good');
    $seen++;
    is($seen, $before + 2, 'mirror, good: both');
}

# ---- report ----

for my $case (['json', '{'], ['depth', '[[[[]]]]'], ['rules', '{"name":1}'],
              ['duplicate', '{"name":"a","name":"b"}'],
              ['size', '"' . 'a' x 200 . '"'],
              ['args', undef, '?a&b'], ['query', undef, '?%'],
              ['passed', '{"name":"a"}'],
              ['content_type', '{}', '', ['Content-Type: text/html']]) {
    my ($reason, $body, $query, $headers) = @$case;
    check("report: $reason", '/report' . ($query // ''), $body, 200, undef,
          $headers ? (headers => $headers) : ());
    next if $reason eq 'passed';
    like($nginx->error_log, qr/\[warn\].*mlsec validate: would be refused, reason: "$reason", status: \d+, location: "\/report"/, "report: $reason: log");
}

# ---- HTTP/2 ----

SKIP: {
    skip 'nginx without HTTP/2', 6 unless $http2;

    my $client = MlsecTest::H2->new($nginx->dir . '/h2.sock');
    my @headers = (headers => [['content-type', 'application/json']]);

    for my $case (['{"name":"abc"}', 200], ['{"name":7}', 422]) {
        my ($body, $status) = @$case;
        my $id = $client->request('/rules', method => 'POST', end => 0,
                                  @headers);
        $client->data($id, substr($body, 0, 5), 0);
        sleep 0.02;
        $client->data($id, substr($body, 5), 1);
        my $response = $client->response($id, 5);
        is($response && $response->{status}, $status, "HTTP/2: $body");
        $seen++ if $status == 200;
        is($faulty->count('request'), $seen, "HTTP/2: $body: the service");
    }

    my $id = $client->request('/rules', method => 'POST', @headers);
    my $response = $client->response($id, 5);
    is($response && $response->{status}, 422, 'HTTP/2: no body');
    is($faulty->count('request'), $seen, 'HTTP/2: no body: the service');
}

# ---- clients that go away, and a connection that is kept ----

{
    my $client = $nginx->client;
    $client->request('/rules', method => 'POST',
                     headers => [$JSON, 'Content-Length: 100']);
    $client->send('{"name"');
    $client->close;
}

{
    my $client = $nginx->client;
    for my $case (['{"name":1}', 422], ['{"name":"ab"}', 200], ['{', 422],
                  ['{"name":"b"}', 200]) {
        my ($body, $status) = @$case;
        $client->request('/rules', method => 'POST', body => $body,
                         headers => [$JSON]);
        is($client->response(5)->{status}, $status, "kept: $body");
        $seen++ if $status == 200;
    }
    is($faulty->count('request'), $seen, 'kept: the service');
}

# ---- what is told of it ----

my $metrics = $nginx->get('/metrics')->{body};

like($metrics, qr/^mlsec_validations_total\{route="\/size",mode="refuse",result="size"\} 3$/m, 'metrics: size');
like($metrics, qr/^mlsec_validations_total\{route="\/size",mode="refuse",result="passed"\} 2$/m, 'metrics: passed');
like($metrics, qr/^mlsec_validations_total\{route="\/report",mode="report",result="rules"\} 1$/m, 'metrics: report');
like($metrics, qr/^mlsec_validations_total\{route="\/p\/shape",mode="refuse",result="failed"\} 1$/m, 'metrics: failed');

# all of it is logged when nginx has ended

$nginx->finish;
my $found = $nginx->log_file('found.log');

like($found, qr{^/plain 200 passed$}m, 'variable: passed');
like($found, qr{^/plain 415 content_type$}m, 'variable: content_type');
like($found, qr{^/plain 422 duplicate$}m, 'variable: duplicate');
like($found, qr{^/report 200 rules$}m, 'variable: rules');
like($found, qr{^/bare 200 -$}m, 'variable: none');
like($found, qr{^/why.html 422 rules$}m, 'variable: after error_page');

unlike($nginx->error_log, qr/abc|"name"|admin|n is 0/,
       'nothing of bodies in the log');

done_testing();
