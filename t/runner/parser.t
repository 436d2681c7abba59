# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The response parser of the built-in runner, byte by byte.

use strict;
use warnings;

use lib 't/lib';

use MlsecTest::Response qw(parse_responses);
use Test::More;

my $OK = "HTTP/1.1 200 OK\r\n";

# name, bytes, methods, bodies, error of the last response
my @CASES = (
    ['counted', "${OK}Content-Length: 3\r\n\r\nabc", ['GET'], ['abc']],
    ['counted, nothing', "${OK}Content-Length: 0\r\n\r\n", ['GET'], ['']],
    ['up to the end', "${OK}\r\nab\r\n\r\n", ['GET'], ["ab\r\n\r\n"]],
    ['no reason', "HTTP/1.1 200\r\n\r\n", ['GET'], ['']],
    ['chunked', "${OK}Transfer-Encoding: chunked\r\n\r\n"
        . "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        ['GET'], ['abc0123456789']],
    ['HEAD', "${OK}Content-Length: 3\r\n\r\n", ['HEAD'], ['']],
    ['HEAD chunked', "${OK}Transfer-Encoding: chunked\r\n\r\n", ['HEAD'], ['']],
    ['204', "HTTP/1.1 204 No Content\r\n\r\n", ['GET'], ['']],
    ['304 with a length', "HTTP/1.1 304 Not Modified\r\n"
        . "Content-Length: 9\r\n\r\n", ['GET'], ['']],
    ['100 first', "HTTP/1.1 100 Continue\r\n\r\n"
        . "${OK}Content-Length: 1\r\n\r\na",
        ['POST'], ['a']],
    ['103 first', "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        . "${OK}Content-Length: 1\r\n\r\na", ['GET'], ['a']],
    ['101 and then anything', "HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\0",
        ['GET'], ["\x81\0"]],
    ['pipelined', "${OK}Content-Length: 1\r\n\r\na"
        . "HTTP/1.1 204 None\r\n\r\n"
        . "${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n"
        . "${OK}Content-Length: 7\r\n\r\n"
        . "${OK}\r\nrest",
        [qw(GET GET GET HEAD GET)], ['a', '', 'b', '', 'rest']],

    ['nothing', '', ['GET'], [''], qr/^no response$/],
    ['half a status line', 'HTTP/1.1 20', ['GET'], [''],
        qr/ends in the status line/],
    ['half a header', "${OK}A: b", ['GET'], [''], qr/ends in the header/],
    ['not HTTP', "hello\r\n\r\n", ['GET'], [''], qr/bad status line/],
    ['HTTP/2', "HTTP/2 200\r\n\r\n", ['GET'], [''], qr/bad status line/],
    ['status of two digits', "HTTP/1.1 20 OK\r\n\r\n", ['GET'], [''],
        qr/bad status line/],
    ['bare LF', "HTTP/1.1 200 OK\nA: b\r\n\r\n", ['GET'], [''],
        qr/bare CR or LF/],
    ['space before the colon', "${OK}A : b\r\n\r\n", ['GET'], [''],
        qr/bad field line/],
    ['folded', "${OK}A: b\r\n c\r\n\r\n", ['GET'], [''], qr/bad field line/],
    ['no name', "${OK}: b\r\n\r\n", ['GET'], [''], qr/bad field line/],
    ['NUL in a value', "${OK}A: b\0c\r\n\r\n", ['GET'], [''],
        qr/control character/],
    ['cut short', "${OK}Content-Length: 5\r\n\r\nabc", ['GET'], ['abc'],
        qr/ends after 3 of 5 bytes/],
    ['too long', "${OK}Content-Length: 2\r\n\r\nabc", ['GET'], ['ab'],
        qr/^1 bytes after the end of the response: c/],
    ['a body on HEAD', "${OK}Content-Length: 2\r\n\r\nab", ['HEAD'], [''],
        qr/2 bytes after the end/],
    ['a body on 204', "HTTP/1.1 204 No\r\n\r\nab", ['GET'], [''],
        qr/2 bytes after the end/],
    ['a length that is none', "${OK}Content-Length: 2x\r\n\r\nab", ['GET'],
        [''], qr/bad Content-Length/],
    ['two lengths', "${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        ['GET'], [''], qr/more than one Content-Length/],
    ['length and chunked', "${OK}Content-Length: 2\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ['GET'], [''],
        qr/together/],
    ['unknown coding', "${OK}Transfer-Encoding: gzip\r\n\r\n", ['GET'], [''],
        qr/unknown Transfer-Encoding/],
    ['no last chunk', "${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ['GET'], ['abc'], qr/ends in a chunk size/],
    ['half a chunk', "${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        ['GET'], ['abc'], qr/ends in a chunk, after 3 of 5/],
    ['chunk too long', "${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        ['GET'], ['ab'], qr/no CRLF after a chunk/],
    ['chunk size that is none', "${OK}Transfer-Encoding: chunked\r\n\r\n"
        . "0x3\r\nabc\r\n0\r\n\r\n", ['GET'], [''], qr/bad chunk size/],
    ['no end of trailers', "${OK}Transfer-Encoding: chunked\r\n\r\n"
        . "0\r\nA: b\r\n",
        ['GET'], [''], qr/ends in the trailer section/],
    ['one response missing', "${OK}Content-Length: 1\r\n\r\na",
        ['GET', 'GET'], ['a', ''], qr/^no response$/],
    ['nothing found after a broken one',
        "${OK}Content-Length: x\r\n\r\n$OK\r\n",
        ['GET', 'GET'], ['', ''], qr/the one before it is broken/],
);

for my $case (@CASES) {
    my ($name, $raw, $methods, $bodies, $error) = @$case;
    my @responses = parse_responses($raw, @$methods);

    is_deeply([map { $_->{body} } @responses], $bodies, "$name - bodies");

    if ($error) {
        like($responses[-1]{error} // '', $error, "$name - error");

    } else {
        is_deeply([grep { defined } map { $_->{error} } @responses], [],
                  "$name - no error");
    }
}

my ($full) = parse_responses(
    "HTTP/1.0 404 Not  Found\r\nA:b\r\nX-Long:  c d \t\r\na: \r\n"
    . "Transfer-Encoding: Chunked\r\n\r\n0\r\nT: u\r\n\r\n", 'GET');

is_deeply([@$full{qw(version status reason)}], ['1.0', 404, 'Not  Found'],
          'the status line in parts');
is_deeply($full->{headers}, [['A', 'b'], ['X-Long', 'c d'], ['a', ''],
                             ['Transfer-Encoding', 'Chunked']],
          'fields in order, without outer space');
is_deeply($full->{trailers}, [['T', 'u']], 'trailers');
is_deeply([MlsecTest::Response::values_of($full, 'a')], ['b', ''],
          'fields by name, in any case');
is($full->{head}, "HTTP/1.0 404 Not  Found\r\nA:b\r\nX-Long:  c d \t\r\na: \r\n"
                  . "Transfer-Encoding: Chunked\r\n", 'the head as sent');

done_testing();
