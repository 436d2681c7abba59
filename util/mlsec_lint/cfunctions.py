# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Functions and prototypes in a text made by csource.code()."""

import re
from collections import namedtuple

from mlsec_lint.csource import line_of

PROTOTYPE = re.compile(r'([\w\s*]*[\s*])(\w+)\s*\((?!\s*\*)')
NOT_NAMES = {'void', 'int', 'char', 'if', 'for', 'while', 'switch', 'return',
             'sizeof', '__attribute__', '_Static_assert'}

# A function: name; line of the name; first and last line; the text between
# the parentheses; offsets of the body's braces; the text in front.
Function = namedtuple('Function',
                      'name line first last params start end head')
# A declaration or inline definition in a header.
Prototype = namedtuple('Prototype', 'name line')


def _named_parens(bare, end):
    """(name, its offset, parameters) of the `name(...)` ending at end."""
    while end > 0 and bare[end - 1] == ')':
        depth, at = 0, end
        while at > 0:
            at -= 1
            depth += {')': 1, '(': -1}.get(bare[at], 0)
            if depth == 0:
                break
        base = max(0, at - 200)
        match = re.search(r'(\w+)\s*$', bare[base:at])
        if not match:
            return None
        begin = base + match.start(1)
        if match.group(1) != '__attribute__':
            return match.group(1), begin, bare[at + 1:end - 1]
        end = len(bare[:begin].rstrip())
    return None


def _top_level(bare):
    """(start, end, start of body or None) of each statement outside braces."""
    depth, start, body = 0, 0, None
    for match in re.finditer(r'[{};]', bare):
        char = match.group()
        if char == '{':
            if depth == 0:
                body = match.start()
            depth += 1
        elif char == '}':
            depth = max(depth - 1, 0)
            if depth == 0 and body is not None and _named_parens(
                    bare, len(bare[:body].rstrip())):
                yield start, match.end(), body
                start, body = match.end(), None
        elif depth == 0:
            yield start, match.end(), body
            start, body = match.end(), None


def functions(bare):
    """The function definitions of a text made by code()."""
    found = []
    for start, end, body in _top_level(bare):
        if body is None or '=' in re.sub(r'\([^()]*\)', '', bare[start:body]):
            continue
        named = _named_parens(bare, len(bare[:body].rstrip()))
        if named is None:
            continue
        first = start + len(bare[start:body]) - len(bare[start:body].lstrip())
        found.append(Function(
            named[0], line_of(bare, named[1]), line_of(bare, first),
            line_of(bare, end - 1), named[2], body, end - 1,
            bare[first:named[1]]))
    return found


def prototypes(bare):
    """The functions that a header's text, made by code(), declares."""
    found = []
    for start, end, body in _top_level(bare):
        text = bare[start:end if body is None else body]
        match = PROTOTYPE.match(text.lstrip())
        if match and not text.split()[0] == 'typedef' \
                and match.group(1).strip() and match.group(2) not in NOT_NAMES:
            first = start + len(text) - len(text.lstrip())
            found.append(Prototype(match.group(2), line_of(bare, first)))
    return found
