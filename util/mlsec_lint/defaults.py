# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The default of a directive, as its merge or init call gives it."""

import os
import re

from mlsec_lint import commands, csource
from mlsec_lint.cfunctions import functions

CALL = re.compile(r'\bngx_conf_(merge|init)_(?:(\w+)_)?value\s*\(')
MILLISECONDS = {'ms': 1, 's': 1000, 'm': 60000, 'h': 3600000, 'd': 86400000,
                'w': 604800000, 'M': 2592000000, 'y': 31536000000, '': 1000}
BYTES = {'': 1, 'k': 1024, 'm': 1024 ** 2, 'g': 1024 ** 3}
ARITHMETIC = re.compile(r'[\d\s()+*-]+$')


class Defaults:
    """Looks up defaults in the C sources of a tree."""

    def __init__(self, tree):
        self.tree = tree
        self.macros = commands.defines(
            tree.read(n) for n in tree.sources('.c', '.h'))
        self.words = {}
        for name in tree.sources('.c', '.h'):
            for kind in ('ngx_conf_enum_t', 'ngx_conf_bitmask_t'):
                for _, parts in commands.tables(tree.read(name), kind):
                    word = commands.table_name(parts[0])
                    if word and len(parts) > 1:
                        self.words[parts[1]] = word

    def literal(self, command):
        """(kind, C text) of the one default that is found, or None.

        The call is looked for in functions that name the type of the
        command's offsetof(), in the folder of its table.
        """
        if command.field is None:
            return None
        found = set()
        folder = os.path.dirname(command.file)
        for name in self.tree.sources('.c'):
            if os.path.dirname(name) != folder:
                continue
            text = self.tree.read(name)
            if command.field.split('.')[-1] not in text:
                continue
            bare = csource.code(text)
            real = csource.without_directives(csource.mask(text, False))
            for func in functions(bare):
                body = real[func.start:func.end]
                if re.search(rf'\b{command.type}\b', body + func.params):
                    found |= set(self._calls(body, bare[func.start:func.end],
                                             command.field))
        return found.pop() if len(found) == 1 else None

    @staticmethod
    def _calls(real, bare, field):
        for match in CALL.finditer(bare):
            depth, at = 1, match.end()
            while depth and at < len(bare):
                depth += {'(': 1, ')': -1}.get(bare[at], 0)
                at += 1
            parts = commands.split(real[match.end():at - 1],
                                   bare[match.end():at - 1])
            wanted = 3 if match.group(1) == 'merge' else 2
            if len(parts) == wanted and re.search(
                    rf'(->|\.){re.escape(field)}$', parts[0]):
                yield match.group(2) or '', parts[-1]

    def value(self, literal):
        """A number, a text, or None for what cannot be worked out."""
        for _ in range(8):
            if literal in self.words:
                return self.words[literal]
            if literal not in self.macros:
                break
            literal = self.macros[literal].strip()
        text = re.match(r'"(.*)"$', literal)
        if text:
            return text.group(1)
        literal = re.sub(r'\((ngx_\w+|size_t|off_t|time_t)\)|(?<=\d)[UuLl]+',
                         '', commands.expand(literal, self.macros))
        if not ARITHMETIC.match(literal):
            return None
        try:
            return eval(literal, {'__builtins__': {}})  # digits and + - * ()
        except (SyntaxError, TypeError):
            return None


def parse_time(text):
    """Milliseconds of an nginx time, or None."""
    parts = re.findall(r'(\d+)(ms|[smhdwMy]?)', text)
    if not parts or ''.join(n + u for n, u in parts) != text:
        return None
    return sum(int(number) * MILLISECONDS[unit] for number, unit in parts)


def documented(text, kind, flag):
    """What a page's default means in the C code's unit, or None."""
    if flag:
        return {'on': 1, 'off': 0}.get(text)
    if kind in ('msec', 'sec'):
        time = parse_time(text)
        return time if time is None or kind == 'msec' else time // 1000
    if kind in ('size', 'off'):
        size = re.match(r'(\d+)([kmg]?)$', text.lower())
        return int(size.group(1)) * BYTES[size.group(2)] if size else None
    if kind == 'str':
        return text.strip('"\'')
    return int(text) if re.match(r'\d+$', text) else text


def differs(defaults, command, text):
    """A message when page and code disagree; None; or '' for "unknown".

    text: the page's default without the directive's name, None for none.
    """
    found = defaults.literal(command)
    value = defaults.value(found[1]) if found else None
    if value is None:
        return ''
    kind, literal = found
    if text is None:
        empty = value in (0, '') and not command.flag
        return None if empty else f'default: page says none, C {literal}'
    if documented(text, kind, command.flag) == value:
        return None
    return f'default: page says "{text}", C {literal}'
