# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on asyncio: keepalive, Content-Length and chunked bodies, bounds
on everything that a peer can make grow. One thread, no dependency."""

import asyncio
import hashlib
import json
import re
import socket
from urllib.parse import parse_qs, quote, unquote

from websocket import handshake, echo

MAX_HEAD = 16 * 1024
MAX_BODY = 32 * 1024 * 1024
MAX_CONNECTIONS = 512
IDLE_SECONDS = 120
READ_SECONDS = 30

REASONS = {200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content',
           400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed',
           408: 'Request Timeout', 409: 'Conflict',
           411: 'Length Required', 413: 'Content Too Large',
           422: 'Unprocessable Content', 426: 'Upgrade Required',
           431: 'Request Header Fields Too Large',
           500: 'Internal Server Error', 501: 'Not Implemented',
           503: 'Service Unavailable', 505: 'HTTP Version Not Supported'}

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class Failure(Exception):
    """An answer other than 200, raised by routes and by the parser."""

    def __init__(self, status, detail, headers=()):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class Text(str):
    """A body that is sent as text/plain and not as JSON."""


class File(Text):
    """The same, to be kept under a name (RFC 6266)."""

    def __new__(cls, text, name):
        self = super().__new__(cls, text)
        plain = re.sub(r'[^ !#-\[\]-~]', '_', name)
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.headers = [
            ('Content-Disposition', f'attachment; filename="{plain}"; '
             f"filename*=UTF-8''{quote(name, safe='')}"),
            ('ETag', f'"{digest[:16]}"')]
        return self


class Request:
    def __init__(self, method, target, headers, body):
        path, _, query = target.partition('?')
        self.method = method
        self.path = unquote(path)
        self.query = parse_qs(query, keep_blank_values=True)
        self.headers = headers
        self.body = body

    def arg(self, name, default=None):
        return self.query.get(name, [default])[0]

    def number(self, name, default, low, high):
        """A whole number of the query, or 422 as the services give it."""

        text = self.arg(name, str(default))
        if not re.fullmatch(r'-?\d{1,9}', text) \
           or not low <= int(text) <= high:
            raise invalid('query', name,
                          f'expected an integer from {low} to {high}', text)
        return int(text)

    def json(self):
        try:
            return json.loads(self.body or b'null')
        except (ValueError, RecursionError):
            raise invalid('body', None, 'JSON decode error', None) from None

    def field(self, name):
        """A required non-empty string of an object body."""

        body = self.json()
        if not isinstance(body, dict):
            raise invalid('body', None, 'expected an object', body)
        value = body.get(name)
        if not isinstance(value, str) or not value:
            raise invalid('body', name, 'field required', value)
        return value


def invalid(where, name, message, value):
    loc = [where] if name is None else [where, name]
    return Failure(422, [{'type': 'value_error', 'loc': loc,
                          'msg': message, 'input': value}])


class Routes:
    """Method and path pattern -> function of the request and the pieces of
    the path. "{x}" matches one segment."""

    def __init__(self):
        self.table = []

    def add(self, method, pattern, function):
        regex = re.sub(r'\{\w+\}', '([^/]+)', pattern)
        self.table.append((method, re.compile(regex + r'\Z'), function))

    def answer(self, request):
        method = 'GET' if request.method == 'HEAD' else request.method
        allowed = []

        for known, pattern, function in self.table:
            match = pattern.match(request.path)
            if not match:
                continue
            if known == method:
                return function(request, *match.groups())
            allowed.append(known)

        if allowed:
            raise Failure(405, 'Method Not Allowed',
                          [('Allow', ', '.join(sorted(set(allowed))))])
        raise Failure(404, 'Not Found')


class Server:
    def __init__(self, routes, websocket=None):
        self.routes = routes
        self.websocket = websocket
        self.tasks = set()
        self.closing = False

    async def serve(self, sock, stop):
        start = asyncio.start_unix_server \
            if sock.family == socket.AF_UNIX else asyncio.start_server
        server = await start(self.connection, sock=sock, limit=MAX_HEAD)
        await stop.wait()

        # requests under way get a moment, idle connections are cut
        self.closing = True
        server.close()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=0.2)
        for task in set(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def connection(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)

        try:
            if len(self.tasks) > MAX_CONNECTIONS:
                self.reply(writer, 503, {'detail': 'too many connections'},
                           close=True)
            else:
                while await self.exchange(reader, writer):
                    pass
            await writer.drain()
        except (OSError, EOFError, asyncio.TimeoutError,
                asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def exchange(self, reader, writer):
        """One request. False: the connection ends."""

        method = None

        try:
            head = await self.read_head(reader)
            if head is None:
                return False

            method, target, version, headers = parse_head(head)
            if 'upgrade' in headers and target.partition('?')[0] \
               == self.websocket:
                writer.write(handshake(headers))
                await writer.drain()
                await echo(reader, writer)
                return False

            keep = version == 'HTTP/1.1' \
                and 'close' not in headers.get('connection', '').lower()

            body = await asyncio.wait_for(
                self.read_body(reader, writer, headers), READ_SECONDS)

        except Failure as failure:
            # what follows on the wire is not known: close
            self.reply(writer, failure.status, {'detail': failure.detail},
                       failure.headers, head=method == 'HEAD', close=True)
            return False

        request = Request(method, target, headers, body)
        extra = ()

        try:
            status, answer = 200, self.routes.answer(request)
        except Failure as failure:
            status, answer = failure.status, {'detail': failure.detail}
            extra = failure.headers
        except Exception as error:      # a bug here is a 500, not an end
            print(f'{method} {request.path}: {error!r}', flush=True)
            status, answer = 500, {'detail': 'Internal Server Error'}

        keep = keep and not self.closing
        self.reply(writer, status, answer, extra, head=method == 'HEAD',
                   close=not keep)
        await asyncio.wait_for(writer.drain(), READ_SECONDS)
        return keep

    async def read_head(self, reader):
        try:
            return await asyncio.wait_for(reader.readuntil(b'\r\n\r\n'),
                                          IDLE_SECONDS)
        except asyncio.IncompleteReadError as error:
            if not error.partial.strip():
                return None
            raise Failure(400, 'incomplete request') from None
        except asyncio.LimitOverrunError:
            raise Failure(431, 'request head is too large') from None

    async def read_body(self, reader, writer, headers):
        if headers.get('expect', '').lower() == '100-continue':
            writer.write(b'HTTP/1.1 100 Continue\r\n\r\n')

        coding = headers.get('transfer-encoding')
        if coding is not None:
            if coding.lower() != 'chunked' or 'content-length' in headers:
                raise Failure(400, 'bad Transfer-Encoding')
            return await self.read_chunks(reader)

        length = headers.get('content-length', '0')
        if not re.fullmatch(r'\d{1,15}', length):
            raise Failure(400, 'bad Content-Length')
        if int(length) > MAX_BODY:
            raise Failure(413, f'body is over {MAX_BODY} bytes')
        return await reader.readexactly(int(length))

    async def read_chunks(self, reader):
        body = bytearray()

        while True:
            try:
                line = await reader.readuntil(b'\r\n')
            except asyncio.LimitOverrunError:
                raise Failure(400, 'bad chunk') from None
            size = re.match(rb'([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?\r\n\Z', line)
            if not size:
                raise Failure(400, 'bad chunk')
            size = int(size[1], 16)
            if len(body) + size > MAX_BODY:
                raise Failure(413, f'body is over {MAX_BODY} bytes')
            if not size:
                break
            body += await reader.readexactly(size)
            if await reader.readexactly(2) != b'\r\n':
                raise Failure(400, 'bad chunk')

        for _ in range(64):             # trailers
            if await reader.readuntil(b'\r\n') == b'\r\n':
                return bytes(body)
        raise Failure(431, 'too many trailers')

    @staticmethod
    def reply(writer, status, answer, extra=(), head=False, close=False):
        if isinstance(answer, Text):
            kind, data = 'text/plain; charset=utf-8', answer.encode()
        else:
            kind = 'application/json'
            data = json.dumps(answer, separators=(',', ':'),
                              ensure_ascii=False).encode()

        lines = [f'HTTP/1.1 {status} {REASONS[status]}',
                 f'Content-Type: {kind}',
                 f'Content-Length: {len(data)}',
                 'Cache-Control: no-store',
                 'X-Demo: true',
                 'Connection: ' + ('close' if close else 'keep-alive')]
        lines += [f'{name}: {value}' for name, value
                  in (*getattr(answer, 'headers', ()), *extra)]

        writer.write('\r\n'.join(lines).encode() + b'\r\n\r\n'
                     + (b'' if head else data))


def parse_head(head):
    """(method, target, version, {lower-case name: value}) or Failure."""

    try:
        first, *lines = head[:-4].decode('latin-1').lstrip('\r\n') \
            .split('\r\n')
        method, target, version = first.split(' ')
    except ValueError:
        raise Failure(400, 'bad request line') from None

    if not TOKEN.match(method) or not target.startswith('/'):
        raise Failure(400, 'bad request line')
    if version not in ('HTTP/1.0', 'HTTP/1.1'):
        raise Failure(505, 'expected HTTP/1.0 or HTTP/1.1')

    headers = {}
    for line in lines:
        name, colon, value = line.partition(':')
        name = name.lower()
        if not colon or not TOKEN.match(name):
            raise Failure(400, 'bad header')
        if name in headers and name in ('content-length',
                                        'transfer-encoding'):
            raise Failure(400, 'repeated ' + name)
        value = value.strip(' \t')
        headers[name] = headers[name] + ', ' + value \
            if name in headers else value

    return method, target, version, headers
