# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The recorded bodies, with their times moved so that the newest is a moment
old: a dashboard of last year's jobs would look broken."""

import copy
import datetime
import json
import os
import re
import time

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fixtures')

# The moment that the recorded bodies take for "now". It is a little after
# the latest time in them, so that nothing lies in the future.
RECORDED = datetime.datetime(2025, 1, 9, 11, 20)
EPOCH = 1736421600

INSTANT = re.compile(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z?)')
DATE = re.compile(r'\d{4}-\d\d-\d\d\Z')

# What a live service computes anew for each reply.
FRESH = ('timestamp', 'last_updated', 'last_check', 'classified_at')


def now():
    """The services write local time without an offset."""

    return datetime.datetime.now().isoformat(timespec='microseconds')


class Fixtures:
    def __init__(self, service):
        self.folder = os.path.join(HERE, service)
        self.started = time.time()
        self.cache = {}

        self.local = datetime.datetime.now() - RECORDED
        self.utc = datetime.datetime.now(datetime.timezone.utc) \
            .replace(tzinfo=None) - RECORDED
        self.seconds = int(self.started) - EPOCH

    def text(self, name):
        with open(os.path.join(self.folder, name), encoding='utf-8') as f:
            return f.read()

    def load(self, name):
        """A body of its own, which the caller may change and keep."""

        if name not in self.cache:
            body = json.loads(self.text(name + '.json'))
            self.cache[name] = self.moved(body)
        return copy.deepcopy(self.cache[name])

    def live(self, name):
        """A body as for this request: its own times are now."""

        body = self.load(name)
        if isinstance(body, dict):
            for key in FRESH:
                if isinstance(body.get(key), str):
                    body[key] = now()
                elif isinstance(body.get(key), (int, float)):
                    body[key] = round(time.time(), 2)
            if 'uptime_seconds' in body:
                body['uptime_seconds'] = self.uptime()
        return body

    def uptime(self):
        return round(time.time() - self.started, 1)

    def moved(self, value):
        if isinstance(value, dict):
            return {k: self.moved(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.moved(v) for v in value]
        if isinstance(value, str):
            if DATE.match(value):
                day = datetime.date.fromisoformat(value) + self.local
                return day.isoformat()
            return INSTANT.sub(self.moved_instant, value)
        # seconds and milliseconds since the epoch
        if isinstance(value, float) and 1.7e9 < value < 1.8e9:
            return value + self.seconds
        if isinstance(value, int) and 17 * 10**11 < value < 18 * 10**11:
            return value + self.seconds * 1000
        return value

    def moved_instant(self, match):
        shift = self.utc if match[3] else self.local
        instant = datetime.datetime.fromisoformat(match[1]) + shift
        return instant.isoformat(timespec='seconds') + (match[2] or '') \
            + match[3]


def static(routes, fixtures, table):
    """Routes that answer with a recorded body: {"GET /path": "name"}."""

    for where, name in table.items():
        method, path = where.split(' ')
        if '.' in name:
            from server import Text
            text = Text(fixtures.text(name))
            routes.add(method, path, lambda r, *a, text=text: text)
        else:
            routes.add(method, path,
                       lambda r, *a, name=name: fixtures.live(name))
