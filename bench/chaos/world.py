# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of bench/chaos/run are made of, all of it processes:
services with a mood, a gateway, a DNS server, clients that do not wait for
each other.
"""

import asyncio
import json
import multiprocessing
import multiprocessing.sharedctypes
import os
import random
import re
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DIR = os.path.join(TOP, "build", "bench", "chaos")
NGINX = os.environ.get("NGINX_BINARY", "/usr/sbin/nginx")
DNSMASQ = "/usr/sbin/dnsmasq"
HANG = -1
RESET = -2          # half of the body, then a TCP reset
PATIENCE = 20       # s, longest wait for anything
RUNNING = []        # what has to be stopped

fork = multiprocessing.get_context("fork")

FRAME = """
load_module {top}/build/{build}ngx_mlsec_module.so;
env MLSEC_CHAOS;
worker_processes {workers};
pid {dir}/{name}.pid;
error_log {dir}/{name}.log notice;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
    fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
    scgi_temp_path {dir}/t5;
    default_type application/json;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_connect_timeout 1s;
    mlsec_zone chaos:2m;
    {http}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{spread} reuseport;
        include {top}/conf/mlsec_parts.conf;
        mlsec_errors on;
        location = /state {{ mlsec_services; }}
        location /admin/ {{ mlsec_services admin; }}
        {server}
    }}
}}
"""


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def until(test, limit=PATIENCE, pause=0.01):
    """Seconds until test() is true; None when it does not become so."""
    start = time.monotonic()
    while time.monotonic() - start < limit:
        if test():
            return time.monotonic() - start
        time.sleep(pause)
    return None


class Answer(asyncio.Protocol):
    """One connection to a service."""

    def __init__(self, mood, counts):
        self.mood, self.counts = mood, counts
        self.rest, self.transport = b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.rest += data
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            line = self.rest[:self.rest.find(b"\r\n")]
            self.rest = self.rest[end + 4:]
            probe = b" /health" in line
            self.counts[probe] += 1
            n = re.search(rb"[?&]n=(\d+)", line)
            self.answer(b'{"n":%d}' % (int(n[1]) if n else 0))

    def answer(self, body):
        kind, delay, share = int(self.mood[0]), self.mood[1], self.mood[2]
        if share < 1 and random.random() >= share:
            kind = 200
        if kind == HANG:
            return
        status, text = (200, body[:len(body) // 2]) if kind == RESET \
            else (kind, body)
        text = (b"HTTP/1.1 %d Status\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (status, len(body), text))
        if delay:
            asyncio.get_running_loop().call_later(
                delay, self.transport.write, text)
        else:
            self.transport.write(text)
        if kind == RESET:
            # what was sent has to be read before it is lost with the reset
            asyncio.get_running_loop().call_later(0.005, self.reset)

    def reset(self):
        s = self.transport.get_extra_info("socket")
        if s is not None and not self.transport.is_closing():
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))
            self.transport.abort()


class Service:
    """A service: a process at an address, which may be killed and come back.
    It answers {"n":N} to /x?n=N."""

    def __init__(self, host="127.0.0.1", port=None, delay=0.0):
        self.host, self.port = host, port or free_ports(1)[0]
        self.state = multiprocessing.sharedctypes.RawArray(
            "d", [200, delay, 1])
        self.counts = multiprocessing.sharedctypes.RawArray("q", 2)
        self.process = None
        RUNNING.append(self)
        self.start()

    def mood(self, kind=200, delay=0.0, share=1.0):
        """A status, HANG or RESET, for a share of the requests; the others
        have 200."""
        self.state[2] = share
        self.state[1] = delay
        self.state[0] = kind

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def reached(self):
        return self.counts[0]

    def start(self, wait=True):
        self.process = fork.Process(target=self._run, daemon=True)
        self.process.start()
        while wait:
            try:
                socket.create_connection((self.host, self.port)).close()
                return
            except OSError:
                time.sleep(0.002)

    def _run(self):
        async def serve():
            server = await asyncio.get_running_loop().create_server(
                lambda: Answer(self.state, self.counts), self.host, self.port,
                backlog=1024)
            await server.serve_forever()

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        asyncio.run(serve())

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.join()
            self.process = None

    stop = kill


class Gateway:
    """nginx with the module."""

    def __init__(self, name, http, server, workers=2, env=None, build=""):
        self.port, self.spread = free_ports(2)
        conf = f"{DIR}/{name}.conf"
        with open(conf, "w", encoding="ascii") as f:
            f.write(FRAME.format(
                top=TOP, workers=workers, dir=DIR, name=name, http=http,
                build=build,
                port=self.port, spread=self.spread, server=server))
        subprocess.run([NGINX, "-e", f"{DIR}/start.log", "-p", DIR, "-c",
                        conf], check=True, env=dict(os.environ, **(env or {})))
        pidfile = f"{DIR}/{name}.pid"
        until(lambda: os.path.exists(pidfile) and os.path.getsize(pidfile))
        with open(pidfile, encoding="ascii") as f:
            self.master = int(f.read())
        self.log = f"{DIR}/{name}.log"
        RUNNING.append(self)
        until(lambda: len(self.workers()) == workers)

    def workers(self):
        with open(f"/proc/{self.master}/task/{self.master}/children",
                  encoding="ascii") as f:
            return set(f.read().split())

    def reload(self):
        """Returns when the new workers are there."""
        before = self.workers()
        os.kill(self.master, signal.SIGHUP)
        return until(lambda: self.workers() - before)

    def ask(self, path, method="GET"):
        """(status, headers, body)"""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as r:
                return r.status, r.headers, r.read()
        except urllib.error.HTTPError as r:
            return r.code, r.headers, r.read()

    def state(self, name="u"):
        services = json.loads(self.ask("/state")[2])["services"]
        return next(s for s in services if s["name"] == name)

    def peer(self, service, name="u"):
        return next(p for p in self.state(name)["peers"]
                    if p["address"] == service.address)

    def calls(self, name="u"):
        total = {}
        for peer in self.state(name)["peers"]:
            for what, n in peer["calls"].items():
                total[what] = total.get(what, 0) + n
        return total

    def faults(self, fine="(?!)"):
        """Lines of the log that nobody should ever see."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return [line.rstrip() for line in f
                    if re.search(r"\[(alert|emerg|crit)\]", line)
                    and not re.search(fine, line)]

    def stop(self):
        if self.master:
            os.kill(self.master, signal.SIGTERM)
            until(lambda: not os.path.exists(f"/proc/{self.master}"))
            self.master = None


class Dns:
    """dnsmasq on a port of its own."""

    def __init__(self, hosts):
        self.port, self.process = free_ports(1)[0], None
        RUNNING.append(self)
        self.set(hosts)
        self.start()

    def set(self, hosts):
        with open(f"{DIR}/hosts.new", "w", encoding="ascii") as f:
            f.writelines(f"{host} peers.test\n" for host in hosts)
        os.rename(f"{DIR}/hosts.new", f"{DIR}/hosts")
        if self.process:
            self.process.send_signal(signal.SIGHUP)

    def start(self):
        self.process = subprocess.Popen(
            [DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null",
             f"--port={self.port}", "--listen-address=127.0.0.1",
             "--bind-interfaces", "--no-resolv", "--no-hosts",
             f"--addn-hosts={DIR}/hosts", "--local-ttl=30", "--local=/test/",
             f"--pid-file={DIR}/dns.pid", "--log-facility=-",
             f"--user={os.environ.get('USER', 'root')}"],
            stderr=subprocess.DEVNULL)

        def listens():
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
            except OSError:
                return False

        if until(listens) is None:
            raise RuntimeError("dnsmasq does not start")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Asker(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, load):
        self.load, self.transport = load, None
        self.n = self.sent = None
        self.data = b""

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, n):
        self.n, self.sent, self.data = n, time.monotonic(), b""
        close = b"Connection: close\r\n" if self.load.fresh else b""
        self.transport.write(b"GET %b?n=%d HTTP/1.1\r\nHost: u\r\n%b\r\n"
                             % (self.load.path.encode(), n, close))

    def data_received(self, data):
        self.data += data
        head, found, body = self.data.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        if found and length and len(body) >= int(length[1]):
            self._end(int(head[9:12]), body)
            if self.load.fresh:
                self.transport.close()
            else:
                self.load.idle.append(self)

    def _end(self, status, body):
        wrong = status == 200 and not body.startswith(
            self.load.expected or b'{"n":%d}' % self.n)
        self.load.results.append(
            (self.sent, time.monotonic() - self.sent, status, wrong))
        self.n = None

    def connection_lost(self, exc):
        if self in self.load.idle:
            self.load.idle.remove(self)
        if self.n is not None:
            self._end(0, b"")


class Load:
    """Requests at a rate, sent whether those before were answered or not, by
    a process.  Results: (when sent, seconds, status or 0, wrong answer)."""

    def __init__(self, gateway, path, rate, fresh=False, expected=None):
        self.port, self.path, self.rate = gateway.port, path, rate
        self.fresh, self.expected = fresh, expected
        self.idle, self.results = [], []
        self.flag = multiprocessing.sharedctypes.RawValue("b", 0)
        self.here, there = fork.Pipe()
        self.process = fork.Process(target=self._run, args=(there,),
                                    daemon=True)
        self.process.start()
        there.close()

    def _run(self, there):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        asyncio.run(self._offer())
        there.send(self.results)

    async def _one(self, n):
        started = time.monotonic()
        try:
            asker = self.idle.pop() if self.idle else (
                await asyncio.get_running_loop().create_connection(
                    lambda: Asker(self), "127.0.0.1", self.port))[1]
        except OSError:
            self.results.append((started, 0, 0, False))
            return
        asker.ask(n)

    async def _offer(self):
        start, sent, tasks = time.monotonic(), 0, set()
        while not self.flag.value:
            due = (time.monotonic() - start) * self.rate
            while sent < due:
                sent += 1
                if self.idle:
                    self.idle.pop().ask(sent)
                    continue
                task = asyncio.ensure_future(self._one(sent))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.001)
        stop = time.monotonic()
        while len(self.results) < sent and time.monotonic() < stop + 3:
            await asyncio.sleep(0.01)
        # what has no answer by then is lost
        self.results += [(stop, 3, 0, False)] * (sent - len(self.results))

    def stop(self):
        self.flag.value = 1
        results = self.here.recv()
        self.process.join()
        return results


class Hammer:
    """Connections that ask again as soon as they are answered, each a process
    of few instructions: {status: how often}."""

    def __init__(self, port, paths, n, method="GET"):
        self.flag = multiprocessing.sharedctypes.RawValue("b", 0)
        self.pipes, self.processes = [], []
        for i in range(n):
            here, there = fork.Pipe()
            process = fork.Process(
                target=self._run, daemon=True,
                args=(there, port, [
                    f"{method} {p} HTTP/1.1\r\nHost: u\r\n\r\n".encode()
                    for p in paths], i))
            process.start()
            there.close()
            self.pipes.append(here)
            self.processes.append(process)
        RUNNING.append(self)

    def _run(self, there, port, lines, i):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        counts = [0] * 600
        s = socket.create_connection(("127.0.0.1", port))
        while not self.flag.value:
            try:
                s.sendall(lines[i % len(lines)])
                answer = s.recv(65536)
            except OSError:
                answer = b""
            i += 1
            if answer:
                counts[int(answer[9:12])] += 1
                continue
            counts[0] += 1
            s.close()
            s = socket.create_connection(("127.0.0.1", port))
        there.send({k: n for k, n in enumerate(counts) if n})

    def stop(self):
        if not self.processes:
            return None
        self.flag.value = 1
        total = {}
        for pipe, process in zip(self.pipes, self.processes):
            for status, n in pipe.recv().items():
                total[status] = total.get(status, 0) + n
            process.join()
        self.processes = []
        return total


def stop_all():
    while RUNNING:
        RUNNING.pop().stop()


def percentile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


def told(results, since=None, before=None, fine=(200,)):
    """The figures of the requests that were sent in a time."""
    some = [r for r in results if (since is None or r[0] >= since)
            and (before is None or r[0] < before)]
    statuses = {}
    for r in some:
        statuses[r[2]] = statuses.get(r[2], 0) + 1
    times = [r[1] * 1000 for r in some] or [0]
    return {"requests": len(some),
            "lost": sum(n for s, n in statuses.items() if s not in fine),
            "wrong": sum(r[3] for r in some),
            "statuses": dict(sorted(statuses.items())),
            "p50_ms": round(percentile(times, 0.5), 2),
            "p99_ms": round(percentile(times, 0.99), 2),
            "max_ms": round(max(times), 2)}
