# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""A server that is measured: configuration, start, CPU, end."""

import os
import re
import socket
import subprocess
import sys
import time

from mlsec_bench.settings import MODULE, NGINX

PATIENCE = 10           # s until a server must have started, or ended

TEMPS = ("client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; "
         "fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4; "
         "scgi_temp_path {0}/t5;")

FRAME = """
{load}
worker_processes {workers};
{pin}
pid {where}/pid;
error_log {where}/error.log {level};
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    default_type application/json;
    {temps}
    {http}
    server {{
        {listen}
        {server}
    }}
}}
"""


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def until(what, get):
    """The first result of get() that is true."""
    end = time.monotonic() + PATIENCE
    while True:
        found = get()
        if found:
            return found
        if time.monotonic() > end:
            sys.exit(f"bench: {what}: not within {PATIENCE} s")
        time.sleep(0.01)


def read(path):
    """A file's text; none of a file that is not there (any more)."""
    try:
        with open(path, encoding="ascii") as handle:
            return handle.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Server:
    """One that runs: its main process, and those that do the work."""

    def __init__(self, main, workers):
        self.main, self.workers = main, workers

    def cpu_ns(self):
        """What the kernel has booked on all threads of the workers, in ns."""
        total = 0
        for worker in self.workers:
            for task in os.listdir(f"/proc/{worker}/task"):
                total += int(read(f"/proc/{worker}/task/{task}/schedstat")
                             .split()[0])
        return total

    def cpu_split(self):
        """User and system, in ticks: only their relation is of use."""
        fields = [read(f"/proc/{worker}/stat").rsplit(")", 1)[1].split()
                  for worker in self.workers]
        return (sum(int(row[11]) for row in fields),
                sum(int(row[12]) for row in fields))

    def memory_kb(self, what):
        """"Rss" or "Private_Dirty" of the first worker."""
        rollup = read(f"/proc/{self.workers[0]}/smaps_rollup")
        return int(re.search(rf"{what}:\s+(\d+)", rollup)[1])

    def stop(self):
        """Until its main process has gone."""
        os.kill(self.main, 15)
        until(f"the end of {self.main}", self.gone)

    def gone(self):
        """Whether it has; a child of this program is reaped."""
        try:
            return os.waitpid(self.main, os.WNOHANG)[0] == self.main
        except ChildProcessError:
            stat = read(f"/proc/{self.main}/stat")
            return not stat or stat.rsplit(")", 1)[1].split()[0] == "Z"


def start(conf, pid_file, workers=1):
    """The nginx of a configuration, when all of its workers are there."""
    where = os.path.dirname(conf)
    subprocess.run([NGINX, "-e", f"{where}/start.log", "-p", where, "-c",
                    conf], check=True)
    main = int(until(pid_file, lambda: read(pid_file).strip()))
    children = f"/proc/{main}/task/{main}/children"

    def ready():
        found = read(children).split()
        return found if len(found) >= workers else None

    return Server(main, [int(pid) for pid in until(children, ready)])


def nginx(where, ports, server, http="", *, workers=1, core=None,
          module=False, level="crit"):
    """Writes where/nginx.conf, with these directives, and starts it.

    core: of 0 and 1, the one that all workers are bound to.
    """
    os.makedirs(where, exist_ok=True)
    conf = f"{where}/nginx.conf"
    pin = "" if core is None else \
        f"worker_cpu_affinity {('01', '10')[core]};"
    with open(conf, "w", encoding="ascii") as handle:
        handle.write(FRAME.format(
            load=f"load_module {MODULE};" if module else "",
            workers=workers, pin=pin, where=where, level=level, http=http,
            temps=TEMPS.format(where), server=server,
            listen=" ".join(f"listen 127.0.0.1:{port};" for port in ports)))
    return start(conf, f"{where}/pid", workers)


def render(template, path, **values):
    """A file with @NAME@ in it, written with the values of these names."""
    with open(template, encoding="ascii") as handle:
        text = handle.read()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    with open(path, "w", encoding="ascii") as handle:
        handle.write(text)


def stop(servers):
    """All of them."""
    for server in servers:
        server.stop()
