# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The grammar of Syntax lines: how many arguments a form allows."""

from mlsec_lint.commands import MOST


def tokens(text):
    """Words, brackets, `|` and `...` of a form; quotes make one word."""
    found, at = [], 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char in '[](){}|':
            found.append(char)
            at += 1
        elif text.startswith('...', at):
            found.append('...')
            at += 3
        else:
            start, quote, depth = at, None, 0
            while at < len(text):
                char = text[at]
                if quote:
                    quote = None if char == quote else quote
                elif char in '\'"':
                    quote = char
                elif char.isspace() or (depth == 0 and char in '])'):
                    break
                elif text.startswith('...', at) and text[at - 1] not in ':=':
                    break
                depth += (char in '[(') - (char in '])')
                at += 1
            found.append(text[start:at])
    return found


def counts(form):
    """The numbers of arguments that a form allows; MOST - 1 is "any"."""
    words = tokens(form)[1:]
    return _sequence(words[:words.index('{')] if '{' in words else words)


def _add(left, right):
    return {min(a + b, MOST - 1) for a in left for b in right}


def _sequence(words):
    total = {0}
    while words and words[0] not in (']', ')'):
        item = _item(words)
        while words and words[0] == '|':
            words.pop(0)
            item = item | _item(words)
        total = _add(total, item)
    return total


def _item(words):
    word = words.pop(0) if words else ''
    if word in ('[', '('):
        item = _sequence(words)
        if words:
            words.pop(0)
        item = item | {0} if word == '[' else item
    elif word == '...':
        return {0}
    else:
        item = {1}
    if words and words[0] == '...':
        words.pop(0)
        more = item
        for _ in range(MOST):
            more = more | _add(more, item)
        return more
    return item
