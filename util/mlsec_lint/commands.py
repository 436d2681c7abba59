# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The ngx_command_t and ngx_http_variable_t tables of C sources."""

import re
from collections import namedtuple

from mlsec_lint import csource

CONTEXTS = {
    'NGX_MAIN_CONF': 'main', 'NGX_EVENT_CONF': 'events',
    'NGX_HTTP_MAIN_CONF': 'http', 'NGX_HTTP_SRV_CONF': 'server',
    'NGX_HTTP_LOC_CONF': 'location', 'NGX_HTTP_UPS_CONF': 'upstream',
    'NGX_HTTP_SIF_CONF': 'if in server', 'NGX_HTTP_LIF_CONF': 'if in location',
    'NGX_HTTP_LMT_CONF': 'limit_except',
}
MOST = 32       # stands for "any number of arguments"

# counts: the numbers of arguments it takes; open: without an upper limit;
# flag: on or off; type and field: of its offsetof(), or None
Command = namedtuple('Command', 'name file line contexts counts open flag '
                     'setter type field')


def defines(texts):
    """{name: value} of the object-like macros in all texts."""
    found = {}
    for text in texts:
        joined = csource.mask(text, False).replace('\\\n', ' ')
        found.update(re.findall(r'^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+)$',
                                joined, re.M))
    return found


def expand(text, macros):
    """The text with our own macros replaced by their values."""
    for _ in range(8):
        new = re.sub(r'\b[A-Za-z_]\w*\b',
                     lambda m: macros.get(m.group(), m.group()), text)
        if new == text:
            break
        text = new
    return text


def split(real, bare):
    """Parts of `real` between the top-level commas of `bare`."""
    parts, depth, last = [], 0, 0
    for at, char in enumerate(bare + ','):
        depth += {'(': 1, '{': 1, ')': -1, '}': -1}.get(char, 0)
        if char == ',' and depth == 0:
            parts.append(' '.join(real[last:at].split()))
            last = at + 1
    return parts


def tables(text, kind):
    """(line, parts) of each `{ ... }` in the arrays of a type."""
    bare = csource.code(text)
    real = csource.without_directives(csource.mask(text, False))
    for match in re.finditer(r'\b%s\s+\w+\s*\[\s*\w*\s*\]\s*=\s*\{' % kind,
                             bare):
        depth, start = 1, 0
        for brace in re.compile(r'[{}]').finditer(bare, match.end()):
            depth += 1 if brace.group() == '{' else -1
            if depth == 2 and brace.group() == '{':
                start = brace.end()
            elif depth == 1:
                end = brace.start()
                yield (csource.line_of(bare, start),
                       split(real[start:end], bare[start:end]))
            elif depth == 0:
                break


def table_name(part):
    """The text of ngx_string("text"), or None."""
    match = re.match(r'ngx_string\(\s*"([^"]*)"\s*\)$', part)
    return match.group(1) if match else None


def arity(words):
    """(counts, open, flag) of the NGX_CONF_ words of a command."""
    counts, is_open = set(), False
    for word in words:
        take = re.match(r'NGX_CONF_TAKE(\d+)$', word)
        more = {'NGX_CONF_1MORE': 1, 'NGX_CONF_2MORE': 2,
                'NGX_CONF_ANY': 0}.get(word)
        if take:
            counts |= {int(digit) for digit in take.group(1)}
        elif word == 'NGX_CONF_NOARGS':
            counts.add(0)
        elif word == 'NGX_CONF_FLAG':
            counts.add(1)
        elif more is not None:
            counts |= set(range(more, MOST))
            is_open = True
    return counts, is_open, 'NGX_CONF_FLAG' in words


def commands(tree, report):
    """Every directive that the sources define."""
    texts = {name: tree.read(name) for name in tree.sources('.c', '.h')}
    macros = {name: value for name, value in defines(texts.values()).items()
              if name not in CONTEXTS and not name.startswith('NGX_CONF_')}
    found = []
    for name, text in texts.items():
        for line, parts in tables(text, 'ngx_command_t'):
            directive = table_name(parts[0])
            if directive is None or len(parts) < 6:
                report.add(name, line, 'cannot read this ngx_command_t entry')
                continue
            words = re.findall(r'\w+', expand(parts[1], macros))
            for word in words:
                if word not in CONTEXTS and not word.startswith('NGX_CONF_'):
                    report.add(name, line, f'{directive}: unknown flag {word}')
            where = re.match(r'offsetof\(\s*(\w+)\s*,\s*([\w.]+)\s*\)$',
                             parts[4])
            found.append(Command(
                directive, name, line,
                {CONTEXTS[w] for w in words if w in CONTEXTS}, *arity(words),
                parts[2], *(where.groups() if where else (None, None))))
    return found


def variables(tree):
    """{name: (file, line)}; the name of a prefix ends in `_`."""
    found = {}
    for name in tree.sources('.c', '.h'):
        for line, parts in tables(tree.read(name), 'ngx_http_variable_t'):
            variable = table_name(parts[0])
            if variable:
                found[variable] = (name, line)
    return found
