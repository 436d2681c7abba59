# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Services that misbehave: each fault has its outcome, no reply is empty, and the
# rest of the aggregate is not harmed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd ();
use Test::Nginx::Socket;

use MlsecTest::Faulty;

$ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf';

my $json = \&MlsecTest::Faulty::json;
my $head = \&MlsecTest::Faulty::header;


# a body that comes with a proper header
sub body {
    my ($text, %o) = @_;

    return [$json->($text, %o)];
}


our $faulty = MlsecTest::Faulty->start(replies => {
    '/reset'        => [['reset']],
    '/reset-header' => [[out => "HTTP/1.1 200 OK\r\nContent"], [wait => 0.05],
                        ['reset']],
    '/reset-body'   => [$head->(length => 100), [out => '{"a":'],
                        [wait => 0.05], ['reset']],
    '/reset-chunk'  => [$head->(chunked => 1), [out => "5\r\n{\"a\":\r\n"],
                        [wait => 0.05], ['reset']],
    '/reset-eof'    => [$head->(), [out => '{"a":1}'], [wait => 0.05],
                        ['reset']],
    '/close'        => [['close']],
    '/close-header' => [[out => "HTTP/1.1 200 OK\r\nContent"], ['close']],
    '/close-body'   => [$head->(length => 100), [out => '{"a":1}'], ['close']],
    '/close-chunk'  => [$head->(chunked => 1), [out => "7\r\n{\"a\":1}\r\n"],
                        ['close']],
    '/close-eof'    => [$head->(), [out => '{"a":1}'], ['close']],
    '/garbage'      => [[out => "\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n"],
                        ['close']],
    '/version'      => [[out => "HTTP/9.9 200 OK\r\n\r\n{}"], ['close']],
    '/http09'       => [[out => '{"a":1}'], ['close']],
    '/status-line'  => [[out => "HTTP/1.1 20x OK\r\n\r\n{}"], ['close']],
    '/101'          => [[out => "HTTP/1.1 101 Switching Protocols\r\n"
                         . "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"
                         . '{"a":1}'], ['close']],
    '/100'          => [[out => "HTTP/1.1 100 Continue\r\n\r\n"
                         . "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
                         . '{"a":1}'], ['close']],
    '/103'          => [[out => "HTTP/1.1 103 Early Hints\r\n"
                         . "Link: </a>\r\n\r\n"
                         . "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
                         . '{"a":1}'], ['close']],
    '/gzip'         => body("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
                            lines => ['Content-Encoding: gzip']),
    '/identity'     => body('{"a":1}',
                            lines => ['Content-Encoding: identity']),
    '/truncated'    => body('{"a":[1,2'),
    '/html'         => body('<html><body>oops</body></html>',
                            type => 'text/html'),
    '/typed-html'   => body('{"a":1}', type => 'text/html'),
    '/latin1'       => body("{\"a\":\"caf\xe9\"}",
                            type => 'application/json; charset=iso-8859-1'),
    '/utf8'         => body("{\"a\":\"caf\xc3\xa9\"}"),
    '/overlong'     => body("{\"a\":\"\xc0\xaf\"}"),
    '/two'          => body('{"a":1}{"b":2}'),
    '/two-lines'    => body("{\"a\":1}\n{\"b\":2}\n"),
    '/nul'          => body("{\"a\":\"x\0y\"}"),
    '/nul-end'      => body("{\"a\":1}\0"),
    '/nul-escaped'  => body('{"a":"\u0000"}'),
    '/surrogate'    => body('{"a":"\ud800"}'),
    '/surrogate-raw' => body("{\"a\":\"\xed\xa0\x80\"}"),
    '/surrogates'   => body('{"a":"\ud83d\ude00"}'),
    '/bomb'         => body('[' x 100_000),
    '/bomb-closed'  => body('[' x 100_000 . ']' x 100_000),
    '/bomb-objects' => body('{"a":' x 100_000),
    '/duplicate'    => body('{"a":1,"a":2}'),
    '/bom'          => body("\xef\xbb\xbf{\"a\":1}"),
    '/nan'          => body('{"a":NaN}'),
    '/comma'        => body('{"a":1,}'),
    '/single'       => body("{'a':1}"),
    '/space'        => body(" \r\n\t{\"a\":1}\n \n"),
    '/spaces'       => body("  \n "),
    '/empty'        => body(''),
    '/empty-chunked' => [$head->(chunked => 1), [out => "0\r\n\r\n"]],
    '/204'          => [[out => "HTTP/1.1 204 No Content\r\n\r\n"]],
    '/205'          => body('', status => 205),
    '/304'          => [[out => "HTTP/1.1 304 Not Modified\r\n"
                         . "ETag: \"x\"\r\n\r\n"]],
    '/206'          => body('{"a":1}', status => 206,
                            lines => ['Content-Range: bytes 0-6/100']),
    '/302'          => body('{}', status => 302,
                            lines => ['Location: http://localhost/secret']),
    '/accel'        => body('{"a":1}',
                            lines => ['X-Accel-Redirect: /secret']),
    '/accel-expires' => body('{"a":1}', lines => [
                            'X-Accel-Expires: 100', 'X-Accel-Limit-Rate: 1',
                            'X-Accel-Buffering: no', 'X-Accel-Charset: koi8-r',
                        ]),
    '/bad-chunk'    => [$head->(chunked => 1), [out => "zz\r\n{\"a\":1}\r\n"]],
    '/huge-chunk'   => [$head->(chunked => 1),
                        [out => "ffffffffffffffff\r\n{\"a\":1}\r\n"]],
    '/after-chunks' => [MlsecTest::Faulty::chunked('{"a":1}'),
                        [out => 'more']],
    '/too-long'     => [$head->(length => 7), [out => '{"a":1}{"b":2}']],
    '/twice-length' => [[out => "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n"
                         . "Content-Length: 2\r\n\r\n{\"a\":1}"]],
    '/negative'     => [[out => "HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n"
                         . '{"a":1}'], ['close']],
    '/no-status'    => [[out => "HTTP/1.1\r\n\r\n{}"], ['close']],
    '/500-endless'  => [$head->(status => 500, chunked => 1),
                        [loop => "4\r\nxxxx\r\n"]],
    '/500-hang'     => [$head->(status => 500, length => 100), ['hang']],
    '/cookie'       => body('{"a":1}',
                            lines => ['Set-Cookie: a=b', 'X-Leak: yes']),
    '/chunks-1'     => [$head->(chunked => 1),
                        map({ [out => "1\r\n$_\r\n"] } split //, '{"a":1}'),
                        [out => "0\r\n\r\n"]],
});

$ENV{TEST_NGINX_FAULTY} = $faulty->address;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    upstream faulty { server $TEST_NGINX_FAULTY; keepalive 4; }
    upstream nobody { server unix:/nonexistent/nobody.sock; }
CONF

    $block->set_value(config => <<'CONF' . ($block->config // ''));
    include $TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;

    location ~ ^/t(/.*)$ {
        mlsec_call a http://faulty$1 timeout=2s;
        mlsec_call z http://faulty/ok/z required;
    }

    location = /secret {
        return 200 "secret";
    }
CONF

    # the common form: PATH and the outcome of part "a"

    my $path = $block->fault or return;
    my $want = $block->outcome;

    $block->set_value(request => "GET /t$path");

    if ($want =~ /^(\w+) (\d+)(?: (.*))?$/) {
        my ($type, $status, $more) = ($1, $2, $3 // '1');

        $block->set_value(response_body_like =>
            qr/^\{"a":null,"z":\{"name":"z"\},"errors":\[\{"service":"faulty","part":"a","error_type":"$type","status_code":$status,"attempts":$more,"elapsed_ms":\d+\}\]\}$/);
        $block->set_value(response_headers => 'X-Gateway-Completed: false');

    } else {
        $block->set_value(response_body =>
                          qq({"a":$want,"z":{"name":"z"}}));
        $block->set_value(response_headers => 'X-Gateway-Completed: true');
    }

    $block->set_value(no_error_log => "[alert]\n[emerg]");
});

no_long_string();
no_shuffle();
plan('no_plan');
run_tests();

__DATA__

=== TEST 1: nobody listens
--- config
    location = /nobody {
        mlsec_call a http://nobody/;
        mlsec_call z http://faulty/ok/z;
    }
--- request
GET /nobody
--- response_body_like eval
qr/^\{"a":null,"z":\{"name":"z"\},"errors":\[\{"service":"nobody","part":"a","error_type":"connect","status_code":502,"attempts":1,"elapsed_ms":\d+\}\]\}$/
--- no_error_log
[alert]



=== TEST 2: reset at once
--- fault chomp
/reset
--- outcome chomp
reset 502



=== TEST 3: reset in the header
--- fault chomp
/reset-header
--- outcome chomp
reset 502



=== TEST 4: reset in the body
--- fault chomp
/reset-body
--- outcome chomp
reset 502



=== TEST 5: reset between chunks
--- fault chomp
/reset-chunk
--- outcome chomp
reset 502



=== TEST 6: reset of a body that ends with the connection
--- fault chomp
/reset-eof
--- outcome chomp
reset 502



=== TEST 7: closed at once
--- fault chomp
/close
--- outcome chomp
reset 502



=== TEST 8: closed in the header
--- fault chomp
/close-header
--- outcome chomp
reset 502



=== TEST 9: closed in the body: shorter than its Content-Length
--- fault chomp
/close-body
--- outcome chomp
reset 502



=== TEST 10: closed before the last chunk
--- fault chomp
/close-chunk
--- outcome chomp
reset 502



=== TEST 11: closed at the end of a body without a length: a good one
--- fault chomp
/close-eof
--- outcome chomp
{"a":1}



=== TEST 12: no HTTP
--- fault chomp
/garbage
--- outcome chomp
reset 502



=== TEST 13: a version of HTTP that is not there is no obstacle to nginx
--- fault chomp
/version
--- outcome chomp
{}



=== TEST 14: HTTP/0.9
--- fault chomp
/http09
--- outcome chomp
reset 502



=== TEST 15: status that is no number
--- fault chomp
/status-line
--- outcome chomp
reset 502



=== TEST 16: header without a status
--- fault chomp
/no-status
--- outcome chomp
reset 502



=== TEST 17: 101 that nobody asked for
--- fault chomp
/101
--- outcome chomp
upstream_status 101



=== TEST 18: gzip that nobody asked for
--- fault chomp
/gzip
--- outcome chomp
bad_json 502



=== TEST 19: Content-Encoding: identity
--- fault chomp
/identity
--- outcome chomp
{"a":1}



=== TEST 20: truncated JSON
--- fault chomp
/truncated
--- outcome chomp
bad_json 502



=== TEST 21: HTML
--- fault chomp
/html
--- outcome chomp
bad_json 502



=== TEST 22: JSON that says it is HTML
--- fault chomp
/typed-html
--- outcome chomp
{"a":1}



=== TEST 23: latin1
--- fault chomp
/latin1
--- outcome chomp
bad_json 502



=== TEST 24: UTF-8
--- fault chomp
/utf8
--- outcome chomp
{"a":"café"}



=== TEST 25: overlong UTF-8
--- fault chomp
/overlong
--- outcome chomp
bad_json 502



=== TEST 26: two documents
--- fault chomp
/two
--- outcome chomp
bad_json 502



=== TEST 27: two documents on two lines
--- fault chomp
/two-lines
--- outcome chomp
bad_json 502



=== TEST 28: NUL in a string
--- fault chomp
/nul
--- outcome chomp
bad_json 502



=== TEST 29: NUL after the end
--- fault chomp
/nul-end
--- outcome chomp
bad_json 502



=== TEST 30: escaped NUL
--- fault chomp
/nul-escaped
--- outcome chomp
{"a":"\u0000"}



=== TEST 31: lone surrogate
--- fault chomp
/surrogate
--- outcome chomp
bad_json 502



=== TEST 32: surrogate in UTF-8
--- fault chomp
/surrogate-raw
--- outcome chomp
bad_json 502



=== TEST 33: pair of surrogates
--- fault chomp
/surrogates
--- outcome chomp
{"a":"\ud83d\ude00"}



=== TEST 34: 100000 times [
--- fault chomp
/bomb
--- outcome chomp
bad_json 502



=== TEST 35: 100000 times [ and ]
--- fault chomp
/bomb-closed
--- outcome chomp
bad_json 502



=== TEST 36: 100000 times {
--- fault chomp
/bomb-objects
--- outcome chomp
bad_json 502



=== TEST 37: duplicate keys are the service's own affair
--- fault chomp
/duplicate
--- outcome chomp
{"a":1,"a":2}



=== TEST 38: byte order mark
--- fault chomp
/bom
--- outcome chomp
bad_json 502



=== TEST 39: NaN
--- fault chomp
/nan
--- outcome chomp
bad_json 502



=== TEST 40: comma too many
--- fault chomp
/comma
--- outcome chomp
bad_json 502



=== TEST 41: quotes of the wrong kind
--- fault chomp
/single
--- outcome chomp
bad_json 502



=== TEST 42: only white space
--- fault chomp
/spaces
--- outcome chomp
null



=== TEST 43: empty body
--- fault chomp
/empty
--- outcome chomp
null



=== TEST 44: empty body in chunks
--- fault chomp
/empty-chunked
--- outcome chomp
null



=== TEST 45: 204
--- fault chomp
/204
--- outcome chomp
null



=== TEST 46: 205
--- fault chomp
/205
--- outcome chomp
null



=== TEST 47: 304 without a condition
--- fault chomp
/304
--- outcome chomp
upstream_status 304



=== TEST 48: 206 without a range
--- fault chomp
/206
--- outcome chomp
{"a":1}



=== TEST 49: redirect is not followed
--- fault chomp
/302
--- outcome chomp
upstream_status 302



=== TEST 50: X-Accel-Redirect is not obeyed
--- fault chomp
/accel
--- outcome chomp
{"a":1}



=== TEST 51: nor are its relatives
--- fault chomp
/accel-expires
--- outcome chomp
{"a":1}



=== TEST 52: size of a chunk that is no number
--- fault chomp
/bad-chunk
--- outcome chomp
reset 502



=== TEST 53: size of a chunk out of range
--- fault chomp
/huge-chunk
--- outcome chomp
reset 502



=== TEST 54: bytes after the last chunk
--- fault chomp
/after-chunks
--- outcome chomp
{"a":1}



=== TEST 55: more bytes than Content-Length
--- fault chomp
/too-long
--- outcome chomp
{"a":1}



=== TEST 56: a byte a chunk
--- fault chomp
/chunks-1
--- outcome chomp
{"a":1}



=== TEST 57: header of 100 kB
--- fault chomp
/header-bomb/100000
--- outcome chomp
too_large 502



=== TEST 58: error without end
--- fault chomp
/500-endless
--- outcome chomp
upstream_status 500



=== TEST 59: error whose body does not come
--- fault chomp
/500-hang
--- outcome chomp
upstream_status 500



=== TEST 60: unknown path
--- fault chomp
/no/such
--- outcome chomp
upstream_status 404



=== TEST 100: white space around the text is kept or cut, the text is not touched
--- request
GET /t/space
--- response_body_like eval
qr/^\{"a":\s*\{"a":1\}\s*,"z":\{"name":"z"\}\}$/
--- no_error_log
[alert]



=== TEST 101: 100 and 103 ahead of the answer: not spliced as if they were it
--- pipelined_requests eval
["GET /t/100", "GET /t/103", "GET /t/ok/a"]
--- response_body_like eval
[qr/^\{"a":(?:null,"z":.*"error_type":"\w+".*|\{"a":1\},"z":\{"name":"z"\})\}$/,
 qr/^\{"a":(?:null,"z":.*"error_type":"\w+".*|\{"a":1\},"z":\{"name":"z"\})\}$/,
 qr/^\{"a":\{"name":"a"\},"z":\{"name":"z"\}\}$/]
--- no_error_log
[alert]



=== TEST 102: two lengths, and one below zero
--- pipelined_requests eval
["GET /t/twice-length", "GET /t/negative"]
--- response_body_like eval
[qr/^\{"a":(?:null,"z":.*"error_type":"(?:reset|bad_json)".*|\{"a":1\},"z":\{"name":"z"\})\}$/,
 qr/^\{"a":(?:null,"z":.*"error_type":"reset".*|\{"a":1\},"z":\{"name":"z"\})\}$/]
--- no_error_log
[alert]



=== TEST 103: headers of a service do not get out
--- request
GET /t/cookie
--- response_headers
! Set-Cookie
! X-Leak
--- response_body chomp
{"a":{"a":1},"z":{"name":"z"}}
--- no_error_log
[alert]



=== TEST 104: the same faults in a required part are envelopes, never empty
--- config
    location ~ ^/r(/.*)$ {
        mlsec_call a http://faulty$1 required timeout=2s;
        mlsec_call z http://faulty/ok/z;
    }
--- pipelined_requests eval
["GET /r/reset", "GET /r/reset-body", "GET /r/close-chunk", "GET /r/bomb",
 "GET /r/gzip", "GET /r/204", "GET /r/302", "GET /r/304", "GET /r/101",
 "GET /r/header-bomb/100000", "GET /r/ok/a"]
--- error_code eval
[502, 502, 502, 502, 502, 200, 502, 502, 502, 502, 200]
--- response_body_like eval
[(map { qr/^\{"error":true,"status_code":502,.*"error_type":"$_"/ }
      qw(reset reset reset bad_json bad_json)),
 qr/^\{"a":null,"z":\{"name":"z"\}\}$/,
 (map { qr/^\{"error":true,"status_code":502,.*"error_type":"$_"/ }
      qw(upstream_status upstream_status upstream_status too_large)),
 qr/^\{"a":\{"name":"a"\},"z":\{"name":"z"\}\}$/]
--- no_error_log
[alert]



=== TEST 105: as=text takes any bytes and makes valid JSON of them
--- config
    location ~ ^/text(/.*)$ {
        mlsec_call a http://faulty$1 as=text;
    }
--- pipelined_requests eval
["GET /text/html", "GET /text/latin1", "GET /text/nul", "GET /text/two-lines",
 "GET /text/surrogate-raw", "GET /text/empty", "GET /text/204"]
--- response_body_like eval
[qr{^\{"a":"<html><body>oops<\\?/body><\\?/html>"\}$},
 qr/^\{"a":"\{\\"a\\":\\"caf(?:\\ufffd|\xef\xbf\xbd)\\"\}"\}$/,
 qr/^\{"a":"\{\\"a\\":\\"x\\u0000y\\"\}"\}$/,
 qr/^\{"a":"\{\\"a\\":1\}\\n\{\\"b\\":2\}\\n"\}$/,
 qr/^\{"a":"\{\\"a\\":\\"(?:\\ufffd|\xef\xbf\xbd)+\\"\}"\}$/,
 qr/^\{"a":null\}$/, qr/^\{"a":null\}$/]
--- no_error_log
[alert]
