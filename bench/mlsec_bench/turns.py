# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Clients that keep their connections, and ask when it is their turn.

h2load begins with new connections each time, so a round of it cannot be much
shorter than a tenth of a second, in which a machine may change its mind.  Here
each server has a wrk of its own for as long as it runs, which is stopped
(SIGSTOP) but for its turns of some milliseconds.  The servers themselves count
the requests, and the kernel the CPU that they took.
"""

import os
import re
import signal
import subprocess
import time
import urllib.request

from mlsec_bench import rounds
from mlsec_bench.load import STEADY

COUNT = "location = /requests { stub_status; }"    # each server has to have it
TURN = 0.02             # s
DONE = 0.002            # s, until what was asked in a turn is answered
FOREVER = "24h"


class Client:
    """wrk, on core 1, with a server and the load.Target on it."""

    def __init__(self, server, target):
        self.server, self.target = server, target
        self.count = re.sub(r"(//[^/]*).*", r"\1/requests", target.url)
        command = ["taskset", "-c", "1", "wrk", "-t1",
                   f"-c{target.connections}", f"-d{FOREVER}", target.url]
        for header in target.headers:
            command += ["-H", header]
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE,
                                        text=True)
        self.turn(TURN)

    def turn(self, seconds):
        """Asks for so long."""
        if self.process.poll() is not None:
            raise SystemExit(f"bench: {self.target.url}: wrk has ended")
        self.process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(DONE)

    def taken(self):
        """(CPU in ns, requests) of the server so far."""
        with urllib.request.urlopen(self.count) as answer:
            requests = int(answer.read().split(b"\n")[2].split()[2])
        return self.server.cpu_ns(), requests

    def interrupted(self):
        """What it says when it is told to end: again and again, since it does
        not unless it is the first of its threads that is told."""
        for _ in range(100):
            self.process.send_signal(signal.SIGINT)
            try:
                return self.process.communicate(timeout=0.1)[0]
            except subprocess.TimeoutExpired:
                pass
        raise SystemExit(f"bench: {self.target.url}: wrk does not end")

    def end(self):
        """Whether all answers were as meant."""
        self.process.send_signal(signal.SIGCONT)
        said = self.interrupted()
        asked = int(re.search(r"(\d+) requests in", said)[1])
        other = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
        broken = re.search(r"connect (\d+), read (\d+), write (\d+)", said)
        return ((int(other[1]) if other else 0)
                == (0 if self.target.wants == "2xx" else asked)
                and (broken is None or not any(map(int, broken.groups()))))


def taking(clients, seconds, number):
    """{name: {"cpu_us"}} of the round of a number, from 0: so long for each,
    in turns, whose order goes on where that of the round before has ended."""
    before = {name: client.taken() for name, client in clients.items()}
    turns = max(1, round(seconds / TURN))
    for turn in range(number * turns, (number + 1) * turns):
        for name in rounds.order(clients, turn):
            clients[name].turn(TURN)
    row = {}
    for name, client in clients.items():
        cpu, requests = client.taken()
        row[name] = {"cpu_us": (cpu - before[name][0]) / 1e3
                               / (requests - before[name][1])}
    return row


def punctual():
    """Has turns end when they should, whatever else runs, if that may be."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK,
                              os.sched_param(1))
    except OSError:
        pass


def run(what, count, targets, seconds):
    """[{name: {"cpu_us"}}] of the rounds, of targets {name: (server, load.
    Target)}, all of which have been asked STEADY times before."""
    punctual()
    clients = {name: Client(*pair) for name, pair in targets.items()}
    try:
        while min(client.taken()[1] for client in clients.values()) < STEADY:
            taking(clients, TURN * len(clients), 0)
        rows = []
        for number in range(count):
            rows.append(taking(clients, seconds, number))
            rounds.progress(what, number, count)
    finally:
        right = {name: client.end() for name, client in clients.items()}
    bad = [name for name, well in right.items() if not well]
    if bad:
        raise SystemExit(f"bench: {what}: answers that were not as meant: "
                         + " ".join(bad))
    return rows
