# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""A directive's section of a page against the entries of its table."""

import re

from mlsec_lint import commands, pages, syntax
from mlsec_lint.defaults import differs

NONE = ('none', '-', '\u2014', '\u2013', '')


def page_of(command):
    """The page that must describe a command."""
    parts = command.file.split('/')
    word = parts[1] if parts[0] == 'src' and len(parts) > 2 else 'core'
    return f'docs/directives/{word}.md'


def check_arity(report, page, section, found):
    """The Syntax lines against NGX_CONF_TAKE and the like."""
    forms, allowed, documented = pages.syntaxes(section), set(), set()
    for line, form in forms:
        if form.split(' ')[0] != section.name:
            report.add(page, line, f'Syntax must begin with {section.name}')
        documented |= syntax.counts(form)
    for command in found:
        allowed |= command.counts
    line = forms[0][0] if forms else section.line
    if not forms:
        report.add(page, line, f'{section.name}: no Syntax')
    elif all(c.flag for c in found):
        if [f for _, f in forms] != [f'{section.name} on | off']:
            report.add(page, line, f'{section.name}: Syntax must be '
                       f'"{section.name} on | off"')
    elif any(c.open for c in found):
        if not documented <= allowed:
            report.add(page, line, f'{section.name}: C takes '
                       f'{min(allowed)} or more arguments, the page '
                       f'{min(documented)}')
    elif documented != allowed:
        report.add(page, line, f'{section.name}: C takes {shown(allowed)} '
                   f'arguments, the page {shown(documented)}')


def shown(numbers):
    """Numbers of arguments for a reader."""
    words = [str(n) for n in sorted(numbers) if n < commands.MOST - 1]
    more = ['more'] if commands.MOST - 1 in numbers else []
    return ', '.join(words[:8] + more) or 'no'


def check_section(report, page, section, found, defaults):
    """One directive's section against its table entries."""
    check_arity(report, page, section, found)
    name = section.name
    line, value = section.fields.get('Context', [(section.line, '')])[0]
    listed = {w.strip(' `') for w in pages.plain(value).split(',')} - {''}
    listed = {'if in location' if w == 'if' else w for w in listed}
    wanted = set().union(*(c.contexts for c in found))
    if listed != wanted:
        report.add(page, line, f'{name}: Context is {join(listed)}, '
                   f'in C {join(wanted)}')
    if 'Default' not in section.fields:
        report.add(page, section.line, f'{name}: no Default')
        return
    line, value = section.fields['Default'][0]
    text = re.sub(rf'^{name}\s+', '', pages.first_code(value))
    text = None if text in NONE else text
    message = differs(defaults, found[0], text)
    if message:
        report.add(page, line, f'{name}: {message}')
    elif message == '':
        report.detail(f'{page}:{line}: {name}: default not compared')


def join(words):
    """A set of words for a reader."""
    return ', '.join(sorted(words)) or 'missing'
