# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The include lines of a C file: layers and order."""

import os
import re
from collections import namedtuple

from mlsec_lint import csource

LAYERS = [['lib'], ['core'], ['metrics', 'trace'], ['redis', 'postgres'],
          ['filter'],
          ['service', 'auth', 'edge', 'limit', 'validate', 'cache', 'ws',
           'audit'],
          ['aggregate'], ['']]
RANK = {word: rank for rank, words in enumerate(LAYERS) for word in words}
LIB_HEADERS = re.compile(
    r'(assert|ctype|errno|fenv|float|inttypes|limits|locale|math|setjmp'
    r'|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib'
    r'|stdnoreturn|string|strings|time|wchar|sys/types'
    r'|openssl/\w+|hiredis/\w+|jansson|pcre2|[a-z]mmintrin|arm_neon)\.h$')
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
Include = namedtuple('Include', 'line name quote block')


def folder_of(name):
    """'limit' for src/limit/x.c, '' for the root module."""
    return name.split('/')[1] if name.startswith('src/') else ''


def is_nginx(header):
    """Whether the header is one of nginx's own."""
    return header.startswith('ngx_') and '/' not in header


def parse(text):
    """The include lines; lines that touch each other share a block."""
    found, block, previous = [], 0, 0
    for line, row in enumerate(csource.mask(text, False).split('\n'), 1):
        match = INCLUDE.match(row)
        if match:
            block += line != previous + 1
            previous = line
            found.append(Include(line, match.group(2), match.group(1), block))
    return found


def check_layer(tree, report, name, inc):
    """One include line against the layers."""
    mine = folder_of(name)
    top = inc.name.split('/')[0] if '/' in inc.name else None
    same = [f for f in tree.files if f.startswith('src/')
            and os.path.basename(f) == os.path.basename(inc.name)]
    if inc.name.endswith('.c'):
        report.add(name, inc.line, f'includes the .c file {inc.name}')
    elif inc.quote == '"' or (top is None and same):
        hint = f', write <{same[0][4:]}>' if same else ', write <...>'
        report.add(name, inc.line, f'"{inc.name}" is not folder-qualified'
                   + hint)
    elif top in RANK and 'src/' + inc.name not in tree.files:
        report.add(name, inc.line, f'<{inc.name}> does not exist in src/')
    elif top in RANK and top != mine:
        if RANK[top] >= RANK.get(mine, 0):
            report.add(name, inc.line, f'{mine} may not include {top}')
        elif inc.name.endswith('_internal.h'):
            report.add(name, inc.line, f'<{inc.name}> is private to {top}')
    elif mine == 'lib' and top != 'lib' and not LIB_HEADERS.match(inc.name):
        report.add(name, inc.line, f'lib may not include <{inc.name}>')


def check_order(report, name, incs):
    """nginx's headers, own header, then alphabetic blocks."""
    rest, last = [], -1
    for inc in incs:
        if not is_nginx(inc.name):
            rest.append(inc)
            continue
        rank = {'ngx_config.h': 0, 'ngx_core.h': 1}.get(inc.name, 2)
        if rest or rank < last or (last == -1 and rank != 0):
            report.add(name, inc.line, f'<{inc.name}>: nginx headers come '
                       'first: ngx_config.h, ngx_core.h, others')
        last = max(rank, last)
    own = os.path.splitext(name[4:])[0] + '.h'
    for inc in rest[1:]:
        if inc.name == own and name.endswith('.c'):
            report.add(name, inc.line, f'<{own}> is the own header: it '
                       "comes right after nginx's")
    if rest and folder_of('src/' + rest[0].name) == folder_of(name):
        rest = rest[1:]
    for one, two in zip(rest, rest[1:]):
        if one.block == two.block and one.name > two.name:
            report.add(name, two.line,
                       f'<{two.name}> belongs before <{one.name}>')
