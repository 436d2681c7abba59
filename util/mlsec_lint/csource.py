# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Reading C without a compiler: enough for size, contracts and tables.

All functions keep offsets and line numbers: what is left out of a text is
replaced by blanks of the same length.
"""

import re

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*'
                   r'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r'\s*#\s*(\w+)\s*(.*)')


def line_of(text, offset):
    """The number, from 1, of the line that holds the offset."""
    return text.count('\n', 0, offset) + 1


def blank(text):
    """The text with everything but line ends replaced by blanks."""
    return re.sub(r'[^\n]', ' ', text)


def mask(text, strings=True):
    """The text without comments and, if asked, without string contents."""
    def one(match):
        token = match.group()
        if token[0] == '/':
            return blank(token)
        return token[0] + blank(token[1:-1]) + token[0] if strings else token
    return TOKEN.sub(one, text)


def comments(text):
    """(offset, comment) of each comment."""
    return [(m.start(), m.group()) for m in TOKEN.finditer(text)
            if m.group()[0] == '/']


def without_directives(masked):
    """Masked text less its preprocessor lines.

    Of a conditional whose first branch opens or closes a brace only that
    branch is kept, so that braces still match.
    """
    out, stack, depth, keep, continued = [], [], 0, True, False
    for line in masked.split('\n'):
        match = DIRECTIVE.match(line)
        directive = continued or bool(match)
        if match and not continued:
            word, rest = match.groups()
            if word in ('if', 'ifdef', 'ifndef'):
                stack.append((depth, keep))
                keep = keep and rest.strip() not in ('0', '__cplusplus')
            elif word in ('else', 'elif') and stack:
                keep = stack[-1][1] and depth == stack[-1][0]
            elif word == 'endif' and stack:
                keep = stack.pop()[1]
        continued = directive and line.endswith('\\')
        if directive or not keep:
            out.append(blank(line))
            continue
        depth += line.count('{') - line.count('}')
        out.append(line)
    return '\n'.join(out)


def code(text):
    """The bare code: no comments, string contents, preprocessor lines."""
    return without_directives(mask(text))


def split_arguments(text):
    """The parts of a text between commas that stand outside brackets."""
    parts, depth, last = [], 0, 0
    for at, char in enumerate(text):
        depth += {'(': 1, '{': 1, '[': 1, ')': -1, '}': -1, ']': -1}.get(
            char, 0)
        if char == ',' and depth == 0:
            parts.append(text[last:at].strip())
            last = at + 1
    parts.append(text[last:].strip())
    return [p for p in parts if p]
