#!/usr/bin/python3
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""One demo service on TCP: listen.py NAME [[ADDRESS:]PORT] [--speed N]

In the foreground until SIGTERM, what it says on stdout: the way of a
container. Default: all addresses, the port that the service is known by.
"""

import argparse
import asyncio
import socket
import sys

sys.dont_write_bytecode = True

from service import serve      # noqa: E402

PORTS = {'model-api': 8000, 'red-team': 8001, 'training': 8002,
         'model-cache': 8003, 'business-metrics': 8004, 'data-privacy': 8005,
         'analytics': 8006, 'tracing': 8009, 'mlflow': 5000}


def address(text):
    """(host, port) of "[ADDRESS:]PORT", an IPv6 address in brackets."""

    host, _, port = text.rpartition(':')
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(
            f'"{text}": expected [ADDRESS:]PORT')
    return host.strip('[]') or '0.0.0.0', int(port)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('name', choices=PORTS)
    parser.add_argument('address', nargs='?', type=address)
    parser.add_argument('--speed', type=float, default=1.0)
    args = parser.parse_args()

    if not args.speed > 0:
        parser.error('--speed: expected a number above 0')

    where = args.address or ('0.0.0.0', PORTS[args.name])

    try:
        family = socket.AF_INET6 if ':' in where[0] else socket.AF_INET
        sock = socket.create_server(where, family=family, backlog=128)
    except OSError as error:
        # create_server adds the address to the text
        why = (error.strerror or str(error)).partition(' (')[0]
        sys.exit(f'mlsec: cannot listen on {where[0]}:{where[1]}: {why}')

    sock.setblocking(False)
    print(f'mlsec: demo service {args.name} on {where[0]}:{where[1]}',
          flush=True)
    asyncio.run(serve(args.name, sock, args.speed))


if __name__ == '__main__':
    main()
