# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The server's side of RFC 6455: handshake, then every message comes back."""

import base64
import binascii
import hashlib
import struct

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'     # RFC 6455, 1.3
MAX_MESSAGE = 1024 * 1024

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Refuse(Exception):
    """The peer broke the protocol: close with this code (RFC 6455, 7.4)."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def handshake(headers):
    """The 101 response, or a Failure."""

    from server import Failure          # this module is imported by it

    key = headers.get('sec-websocket-key', '')

    try:
        nonce = base64.b64decode(key, validate=True)
    except binascii.Error:
        nonce = b''

    if headers['upgrade'].lower() != 'websocket' or len(nonce) != 16 \
       or 'upgrade' not in headers.get('connection', '').lower():
        raise Failure(400, 'not a WebSocket handshake')

    if headers.get('sec-websocket-version') != '13':
        raise Failure(426, 'WebSocket version 13 is needed',
                      [('Sec-WebSocket-Version', '13')])

    accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())
    return (b'HTTP/1.1 101 Switching Protocols\r\n'
            b'Upgrade: websocket\r\nConnection: Upgrade\r\n'
            b'X-Demo: true\r\n'
            b'Sec-WebSocket-Accept: ' + accept + b'\r\n\r\n')


def frame(opcode, data):
    """An unmasked frame: masking is for clients only."""

    if len(data) < 126:
        size = bytes([len(data)])
    elif len(data) < 65536:
        size = b'\x7e' + struct.pack('>H', len(data))
    else:
        size = b'\x7f' + struct.pack('>Q', len(data))
    return bytes([0x80 | opcode]) + size + data


async def read_frame(reader):
    """(final, opcode, payload)"""

    first, second = await reader.readexactly(2)
    final, opcode, size = first & 0x80, first & 0x0f, second & 0x7f

    if first & 0x70 or not second & 0x80 \
       or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
        raise Refuse(1002)
    if opcode >= CLOSE and (size > 125 or not final):
        raise Refuse(1002)

    if size == 126:
        size, = struct.unpack('>H', await reader.readexactly(2))
    elif size == 127:
        size, = struct.unpack('>Q', await reader.readexactly(8))
    if size > MAX_MESSAGE:
        raise Refuse(1009)

    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    whole = int.from_bytes(data, 'big') \
        ^ int.from_bytes((mask * (size // 4 + 1))[:size], 'big')
    return final, opcode, whole.to_bytes(size, 'big')


async def echo(reader, writer):
    """Until the peer closes, or breaks the protocol."""

    try:
        await echo_messages(reader, writer)
    except Refuse as refuse:
        writer.write(frame(CLOSE, struct.pack('>H', refuse.code)))
    await writer.drain()


async def echo_messages(reader, writer):
    kind, message = None, b''

    while True:
        final, opcode, data = await read_frame(reader)

        if opcode == CLOSE:
            if len(data) == 1:
                raise Refuse(1002)
            writer.write(frame(CLOSE, data[:2]))
            return

        if opcode == PING:
            writer.write(frame(PONG, data))
            await writer.drain()
            continue

        if opcode == PONG:
            continue

        if (opcode == CONTINUATION) == (kind is None):
            raise Refuse(1002)
        kind = kind or opcode
        message += data
        if len(message) > MAX_MESSAGE:
            raise Refuse(1009)

        if final:
            if kind == TEXT:
                try:
                    message.decode('utf-8')
                except UnicodeDecodeError:
                    raise Refuse(1007) from None
            writer.write(frame(kind, message))
            await writer.drain()
            kind, message = None, b''
