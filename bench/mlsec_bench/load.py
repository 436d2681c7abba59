# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""h2load, on core 1, and whether the answers were the right ones."""

import re
import subprocess

WARM = 1000             # requests before it is known how many take how long
STEADY = 50000          # and before anything is measured: until then a worker
                        # may take a tenth more or less, with or without us


class Target:
    """What is asked, and the class of status that is right: "2xx"..."""

    def __init__(self, port, path="/", connections=32, *, headers=(),
                 wants="2xx"):
        self.url = f"http://127.0.0.1:{port}{path}"
        self.connections, self.headers, self.wants = \
            connections, headers, wants

    def ask(self, requests):
        """Answers a second; None when one of them was not as meant.

        A number of requests and not a time: a round may be as short as one
        likes, and all variants do the same.
        """
        command = ["taskset", "-c", "1", "h2load", "--h1", "-t1",
                   f"-c{self.connections}", f"-n{requests}", self.url]
        for header in self.headers:
            command += ["-H", header]
        out = subprocess.run(command, check=True, capture_output=True,
                             text=True).stdout
        good = int(re.search(rf"(\d+) {self.wants}", out)[1])
        rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", out)[1])
        return rate if good == requests else None


def requests_for(target, seconds):
    """How many requests take about so long; the first ones warm up."""
    for _ in range(2):
        rate = target.ask(max(WARM, target.connections))
        if rate is None:
            raise SystemExit(f"bench: {target.url}: not what was expected")
    target.ask(max(STEADY, target.connections))
    return max(target.connections, round(rate * seconds))


def cost(server, target, requests):
    """{"cpu_us", "rps"}: CPU of a request, rate; None after an error."""
    before = server.cpu_ns()
    rate = target.ask(requests)
    if rate is None:
        return None
    return {"cpu_us": (server.cpu_ns() - before) / 1e3 / requests,
            "rps": rate}
