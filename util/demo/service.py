#!/usr/bin/python3
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The demo services: service.py DIR NAME... [--owner PID] [--speed N]

Each NAME becomes a process of its own that serves HTTP/1.1 on DIR/NAME.sock
until SIGTERM; DIR/NAME.pid has its number, DIR/NAME.log what it says. This
command returns when all of them listen. With --owner they also end when that
process is gone, so that nothing outlives a killed "make run". --speed makes
the jobs of the training service run that much faster.
"""

import argparse
import asyncio
import importlib
import os
import signal
import socket
import sys

sys.dont_write_bytecode = True

from fixtures import Fixtures  # noqa: E402
from server import Server      # noqa: E402

NAMES = ('model-api', 'training', 'analytics', 'business-metrics',
         'data-privacy', 'model-cache', 'tracing', 'mlflow', 'red-team')


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


async def watch(owner, stop):
    while alive(owner):
        await asyncio.sleep(1)
    stop.set()


def listen(path):
    """A socket that others may connect to; a stale one is replaced."""

    if os.path.exists(path):
        os.unlink(path)

    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(path)
    os.chmod(path, 0o666)
    sock.listen(128)
    sock.setblocking(False)
    return sock


async def serve(name, sock, speed, owner=None):
    module = importlib.import_module('services.' + name.replace('-', '_'))
    routes = module.routes(Fixtures(name), speed)
    server = Server(routes, websocket=getattr(module, 'WEBSOCKET', None))

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)

    watcher = owner and asyncio.create_task(watch(owner, stop))

    try:
        await server.serve(sock, stop)
    finally:
        if watcher:
            watcher.cancel()


def serve_file(name, path, sock, args):
    """serve(), and the socket's name goes with it."""

    inode = os.stat(path).st_ino

    try:
        asyncio.run(serve(name, sock, args.speed, args.owner))
    finally:
        # not the socket of a successor that has come meanwhile
        try:
            if os.stat(path).st_ino == inode:
                os.unlink(path)
        except FileNotFoundError:
            pass


def spawn(name, args):
    path = os.path.join(args.dir, name)
    sock = listen(path + '.sock')
    pid = os.fork()

    if pid:
        with open(path + '.pid', 'w', encoding='ascii') as f:
            f.write(f'{pid}\n')
        sock.close()
        return

    # a session of its own: Ctrl-C is for the one who reads the terminal
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(path + '.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                  0o644)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)

    try:
        with open('/proc/self/comm', 'w', encoding='ascii') as f:
            f.write('demo-' + name)     # what ps and top show
    except OSError:
        pass

    serve_file(name, path + '.sock', sock, args)
    sys.exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('dir')
    parser.add_argument('names', nargs='+', choices=NAMES)
    parser.add_argument('--owner', type=int)
    parser.add_argument('--speed', type=float, default=1.0)
    args = parser.parse_args()

    if not args.speed > 0:
        parser.error('--speed: expected a number above 0')

    for name in args.names:
        spawn(name, args)


if __name__ == '__main__':
    main()
