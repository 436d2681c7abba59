# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the routes out of conf/templates and writes docs/routes.md.

A route is a location. What it does is told by its directives: `mlsec_allow` has
its methods, `rewrite` its path at the service, `include to/NAME.conf` the
service, `mlsec_call` a part, `include pending/...` and `none/...` what is
missing.
"""

import re
from collections import Counter

PAGE = 'docs/routes.md'
TEMPLATES = 'conf/templates/'
AREAS = TEMPLATES + 'routes/'
OTHERS = ('health', 'metrics', 'aggregates', 'page')
HEALTH = TEMPLATES + 'health_parts.conf.template'
# where parts go that stay inside, and what these places call
INSIDE = {'/_asked': [], '/_nothing': [], '/_about': [], '/_services': [],
          '/_system': [], '/_breakers': [], '/_metrics': [],
          '/_predict': ['model-cache POST /predict',
                        'model-api POST /predict']}
STATES = ('done', 'pending', 'no upstream', 'refused')

TOKEN = re.compile(r'''\s+|\#[^\n]*|([{};])|'((?:[^'\\]|\\.)*)'
                       |"((?:[^"\\]|\\.)*)"|((?:\$\{\w+\}|[^\s{};"'])+)''',
                   re.X)

HEAD = '''<!--
SPDX-FileCopyrightText: The ngx_mlsec_module authors
SPDX-License-Identifier: Apache-2.0
-->

# Routes

Written by `util/routes` from `conf/templates`: a change here is lost. Every
route answers below `/api` and `/api/v1` too. HEAD is answered where GET is.

| state | meaning | routes | of the API that is taken over | calls of the page |
|---|---|---|---|---|
'''

MEANING = {
    'done': 'the gateway or its service answers',
    'pending': '501 `... pending`: the gateway cannot make the answer yet',
    'no upstream': '501, names the service that would have to offer it',
    'refused': '403'}


# Why a service would have to: what the routes of a word are for, and what is
# there instead.
REASONS = {
    'admin': 'nothing behind the gateway administrates the platform: no '
             'service shows or changes its configuration, starts another one, '
             'has its log or counts what is in the database',
    'business-metrics': 'the service has key figures, costs and '
                        'effectiveness; revenue, engagement, returns and '
                        'reports are not in them, and numbers for them would '
                        'be invented',
    'data-privacy': 'the handlers of data subjects, retention and audit logs '
                    'are not mounted in the service',
    'grafana': 'dashboards are Grafana\'s own; no address of one is part of '
               'the configuration',
    'jaeger': 'traces are Jaeger\'s own; no address of one is part of the '
              'configuration',
    'mlflow': 'MLflow\'s REST interface cleans nothing up, and no run says '
              'that it is the red team\'s',
    'prometheus': 'targets are Prometheus\' own; no address of one is part '
                  'of the configuration',
    'red-team': 'the service learns by itself: no call makes it',
    'tracing': 'the service lists no traces and no logs',
    'training': 'the service neither exports, imports nor deletes data sets '
                'as such'}


class Bad(Exception):
    """A configuration that this does not understand: (path, what)."""


class Route:
    """One location."""

    def __init__(self, pattern, is_regex, directives):
        self.is_regex = is_regex
        self.path = re.sub(r'\(\?<(\w+)>(?:[^()\\]|\\.)*?\)', r'{\1}',
                           pattern).lstrip('^').rstrip('$') \
            if is_regex else pattern
        self.regex = re.compile(re.sub(r'\(\?<', '(?P<', pattern)) \
            if is_regex else None
        self.directives = directives
        self.methods, self.said = ['GET'], False
        self.state = self.note = ''
        self.calls = {}             # method -> what is called
        self.elsewhere = {}         # method -> the path that answers
        for words in directives:
            self.read(words)

    def read(self, words):
        """One directive."""
        name, rest = words[0], words[1:]
        if name == 'mlsec_allow':
            self.methods = (self.methods if self.said else []) \
                + rest[0].split(',')
            self.said = True
        elif name == 'set' and rest[0] == '$allow':
            raise Bad(f'{self.path}: methods are said by mlsec_allow')
        elif name == 'include' and rest[0] == 'upload.conf':
            self.methods = ['POST']
        elif name == 'include' and '/' in rest[0]:
            kind, word = rest[0][:-len('.conf')].split('/')
            self.state = {'to': 'done', 'pending': 'pending',
                          'none': 'no upstream'}[kind]
            self.note = word
        elif name == 'mlsec_fail':
            self.state = {'403': 'refused'}.get(rest[0], '')
        elif name in ('mlsec_respond', 'try_files', 'mlsec_call',
                      'mlsec_metrics', 'mlsec_services'):
            self.state = 'done'
        elif name == 'rewrite' and '$named_service' in rest[1]:
            self.state, self.note = 'done', '{id}'

    def finish(self):
        """The calls, once everything is known."""
        own = re.sub(r'\{id\}', '$id', self.path)
        verb = None
        parts = []
        for words in self.directives:
            if words[0] == 'rewrite' and len(words) == 3:
                own = words[2].rstrip('?')
            elif words[0] == 'rewrite' and '$named_service' in words[2]:
                own = re.sub('.*named_service', '', words[2])
            elif words[:2] == ['set', '$call']:
                verb = words[2]
            elif words[0] == 'mlsec_call':
                parts += part_of(words)
            elif words[0] == 'if' and words[1] == '($request_method':
                method = words[3].rstrip(')')
                self.elsewhere[method] = words[6]
        for method in self.methods:
            if parts:
                self.calls[method] = [p.replace(' METHOD ', f' {method} ')
                                      for p in parts]
            elif self.state == 'done' and self.note:
                path = own.replace('$id', '{id}')
                self.calls[method] = [f'{self.note} {verb or method} {path}']


def part_of(words):
    """What one mlsec_call calls."""
    uri = words[2].replace('$id', '{id}')
    if uri in INSIDE:
        return INSIDE[uri]
    found = re.match(r'\$\{(\w+)_BASE\}(.*)', uri)
    if not found:
        raise Bad(f'mlsec_call {uri}')
    path = found[2]
    for item in (w for w in words if w.startswith('foreach=')):
        # a call for each of them
        path = path.replace('$mlsec_item', f'{{{item[len("foreach="):]}}}')
    verbs = [w[len('method='):] for w in words if w.startswith('method=')]
    verb = 'METHOD' if 'body=on' in words else (verbs or ['GET'])[0]
    return [f'{found[1].lower().replace("_", "-")} {verb} {path}']


def tokens(text, name):
    """Words, with {, } and ; as (word, True)."""
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise Bad(f'{name}: "{text[at:at + 20]}"')
        at = found.end()
        if found[1]:
            yield found[1], True
        elif found.lastindex:
            yield found[found.lastindex], False


def locations(text, name):
    """(modifier, name, directives) of each location, in file order."""
    stack, words, result = [], [], []
    for token, special in tokens(text, name):
        if not special:
            words.append(token)
            continue
        if token == '{':
            if words[0] == 'location':
                modifier = words[1] if len(words) == 3 else ''
                stack.append([modifier, words[-1], []])
                result.append(stack[-1])
            else:                       # if: its content is the location's
                stack.append([None, words, stack[-1][2]])
        elif token == ';' and stack:
            before = stack[-1][1] if stack[-1][0] is None else []
            stack[-1][2].append(before + words)
        elif token == '}':
            stack.pop()
        words = []
    return result


def read(tree):
    """[(area, [Route])] of a tree."""
    names = [AREAS + n for n in sorted(
        f[len(AREAS):] for f in tree.files if f.startswith(AREAS))]
    names = [f'{TEMPLATES}{o}.conf.template' for o in OTHERS] + names
    areas = []
    health = [[w for w, special in tokens(line, HEALTH) if not special]
              for line in tree.read(HEALTH).split('\n')
              if line.startswith('mlsec_call')]
    for name in names:
        routes = []
        for modifier, pattern, directives in locations(tree.read(name), name):
            if modifier in ('', '^~') or pattern.startswith('/_'):
                continue                # holds routes, or is inside: none
            if ['include', 'health_parts.conf'] in directives:
                directives = health + directives
            route = Route(pattern, modifier == '~', directives)
            if not route.state:
                raise Bad(f'{name}: {route.path} does nothing that is known')
            routes.append(route)
        area = name.rsplit('/', 1)[1].split('.')[0].replace('_', '-')
        areas.append((area, routes))
    everything = [r for _, routes in areas for r in routes]
    for route in everything:
        route.finish()
    for route in everything:
        for method, path in route.elsewhere.items():
            other = match(everything, path.replace('$id', 'x'))
            if other is None:
                raise Bad(f'{route.path}: {path} is no route')
            route.calls[method] = other.calls[method]
    return areas


def match(routes, path):
    """The route of a path, as nginx would choose it, or None."""
    for route in routes:
        if not route.is_regex and route.path == path:
            return route
    for route in routes:
        if route.is_regex and route.regex.match(path):
            return route
    return None


def state_of(route, method):
    """A method with a call of its own is done, whatever the others are."""
    return 'done' if method in route.elsewhere else route.state


def table(tree, name, columns):
    """The rows of one of the lists in t/gateway."""
    rows = [line.split('\t') for line in tree.read(name).split('\n')
            if line and not line.startswith('#')]
    if any(len(row) != columns for row in rows):
        raise Bad(f'{name}: expected {columns} columns')
    return rows


def states(routes, rows):
    """[(row, state, route)]: method and path are the last two of a row."""
    result = []
    for row in rows:
        method, path = row[-2].replace('WS', 'GET'), row[-1].split('?')[0]
        route = match(routes, re.sub(r'\{\w+\}', 'x', path))
        if route is None or method not in route.methods:
            raise Bad(f'{method} {path} has no route')
        result.append((row, state_of(route, method), route))
    return result


def row_of(route):
    """One line of an area's table a set of methods with one call."""
    lines = {}
    for method in route.methods:
        state = state_of(route, method)
        calls = '<br>'.join(f'`{c}`' for c in route.calls.get(method, ()))
        shown = f'{state}: {route.note}' \
            if state in ('pending', 'no upstream') else state
        key = (calls.replace(f' {method} ', ' METHOD '), shown)
        lines.setdefault(key, []).append(method)
    for (calls, shown), methods in lines.items():
        verb = methods[0] if len(methods) == 1 else 'METHOD'
        yield (f'| `{route.path}` | {" ".join(methods)} '
               f'| {calls.replace(" METHOD ", f" {verb} ") or "-"} '
               f'| {shown} |')


def write(tree):
    """(the page, how many routes)."""
    areas = read(tree)
    routes = [r for _, inside in areas for r in inside]
    counts = [Counter(state_of(r, m) for r in routes for m in r.methods)]
    page = states(routes, table(tree, 't/gateway/spa_calls.tsv', 3))
    contract = states(routes, table(tree, 't/gateway/contract.tsv', 2))
    counts += [Counter(s for _, s, _ in rows) for rows in (contract, page)]
    out = [HEAD + '\n'.join(
        f'| {s} | {MEANING[s]} | ' + ' | '.join(str(c[s]) for c in counts)
        + ' |' for s in STATES)]
    out[0] += '\n| all | | ' + ' | '.join(str(sum(c.values()))
                                         for c in counts) + ' |'
    for area, inside in areas:
        out.append(f'\n## {area}\n\n| route | methods | calls | state |\n'
                   '|---|---|---|---|')
        for route in inside:
            out += row_of(route)
    missing = sorted({r.note for r in routes if r.state == 'no upstream'})
    if any(note not in REASONS for note in missing):
        raise Bad('no reason in REASONS for one of ' + ' '.join(missing))
    out.append('\n## Without a service\n\n| service | why |\n|---|---|')
    out += [f'| {note} | {REASONS[note]} |' for note in missing]
    out.append('\n## Calls of the page\n\n| function | call | state |\n'
               '|---|---|---|')
    for (function, method, path), state, route in page:
        note = f': {route.note}' if state in STATES[1:3] else ''
        out.append(f'| {function} | `{method} {path}` | {state}{note} |')
    return '\n'.join(out) + '\n', sum(counts[0].values())
