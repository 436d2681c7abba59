#!/usr/bin/python3
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Services for tests of WebSockets: websocket_service.py LOG SOCKET|PORT...

Every request is a line of LOG, as JSON: the socket's name, the request line,
the headers; so is the end of each connection. What is done is in the path:

  .../refuse/NUMBER   that status, with a body of its own
  .../drop            the connection is closed without an answer
  .../plain           200, no upgrade
  .../ping            101, a ping at once, then echo
  .../end             101, one message, then the end from this side
  anything else       101, echo; 200 and the request line when no WebSocket
                      is asked for
"""

import asyncio
import base64
import hashlib
import json
import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../../util/demo'))

import websocket                                         # noqa: E402


# what no request of a client has caused
PROBE = object()


class Service:
    """One socket."""

    def __init__(self, path, log):
        self.name = os.path.basename(path).rsplit('.', 1)[0]
        self.log = log

    def note(self, **what):
        """A line of the log."""
        self.log.write(json.dumps({'service': self.name, **what}) + '\n')
        self.log.flush()

    async def client(self, reader, writer):
        """One connection."""
        told = True
        try:
            told = await self.answer(reader, writer) is not PROBE
        except (OSError, asyncio.IncompleteReadError):
            pass
        if told:
            self.note(event='end')
        writer.close()

    async def answer(self, reader, writer):
        """Reads the handshake, does what its path says."""
        head = (await reader.readuntil(b'\r\n\r\n')).decode('latin-1')
        first, *lines = head.rstrip().split('\r\n')
        headers = {k.lower(): v for k, v in
                   (line.split(': ', 1) for line in lines)}
        path = first.split(' ')[1].split('?')[0]
        if headers.get('user-agent') == 'mlsec_health':
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
            return PROBE
        self.note(event='head', first=first, headers=headers)

        if path.endswith('/drop'):
            return
        if '/refuse/' in path or path.endswith('/plain'):
            status = 200 if path.endswith('/plain') else path.split('/')[-1]
            writer.write(f'HTTP/1.1 {status} Mine\r\nContent-Length: 4\r\n'
                         'X-Mine: 1\r\n\r\nmine'.encode())
            await writer.drain()
            return

        if 'upgrade' not in headers:
            writer.write('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n'
                         f'Content-Length: {len(first)}\r\n\r\n{first}'
                         .encode('latin-1'))
            await writer.drain()
            return

        key = headers['sec-websocket-key'].encode() + websocket.GUID
        accept = base64.b64encode(hashlib.sha1(key).digest()).decode()
        writer.write('HTTP/1.1 101 Switching Protocols\r\n'
                     'Upgrade: websocket\r\nConnection: Upgrade\r\n'
                     f'Sec-WebSocket-Accept: {accept}\r\n\r\n'.encode())
        if path.endswith('/ping'):
            writer.write(websocket.frame(websocket.PING, b'are you there'))
            _, opcode, data = await websocket.read_frame(reader)
            self.note(event='frame', opcode=opcode, data=data.decode())
        if path.endswith('/end'):
            writer.write(websocket.frame(websocket.TEXT, b'the last word'))
            await writer.drain()
            writer.write_eof()
            while await reader.read(65536):
                pass
            return
        await websocket.echo(reader, writer)


async def main(log, paths):
    """Until it is killed."""
    for path in paths:
        if path.isdigit():
            await asyncio.start_server(Service('port', log).client,
                                       '127.0.0.1', int(path))
            continue
        await asyncio.start_unix_server(Service(path, log).client, path,
                                        backlog=4096)
        os.chmod(path, 0o666)
    await asyncio.Event().wait()


if __name__ == '__main__':
    _, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
    with open(sys.argv[1], 'a', encoding='utf-8') as LOG:
        asyncio.run(main(LOG, sys.argv[2:]))
