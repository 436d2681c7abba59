# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Pages of directives and variables."""

import re

FIELD = re.compile(r'[\s|*-]*?\*\*(\w+):?\*\*:?\s*\|?\s*(.*)$')
NAME = re.compile(r'`?(\$?mlsec_\w+)`?$')


class Block:
    """A fenced block: its first line inside, language, words, text."""

    def __init__(self, line, info):
        words = info.split()
        self.line, self.rows = line, []
        self.lang, self.words = (words or [''])[0], words[1:]


class Section:
    """What stands below a heading; name is None if it is no directive."""

    def __init__(self, title, line):
        self.title, self.line = title, line
        match = NAME.match(title)
        self.name = match.group(1) if match else None
        self.fields, self.blocks = {}, []


def parse(text):
    """The sections of a page; the first is what precedes any `##`."""
    sections, block, value = [Section('', 1)], None, None
    for line, row in enumerate(text.split('\n'), 1):
        fence = re.match(r'\s*```(.*)$', row)
        field = FIELD.match(row)
        heading = re.match(r'#{2,3} +(.*\S)', row)
        if fence and block is None:
            block = Block(line + 1, fence.group(1))
            sections[-1].blocks.append(block)
        elif fence:
            block = None
        elif block is not None:
            block.rows.append(row)
        elif heading:
            sections.append(Section(heading.group(1), line))
            value = None
        elif field:
            value = [line, field.group(2)]
            sections[-1].fields.setdefault(field.group(1), []).append(value)
        elif not row.strip():
            value = None
        elif re.match(r'[|\s:-]+$', row):
            continue
        elif value is not None:
            value[1] += ' ' + row.strip()
    return sections


def plain(value):
    """A field's value without Markdown."""
    value = re.sub(r'<br ?/?>|\\(?=\|)', '', value).strip().rstrip('|')
    return value.strip().strip('`').rstrip(';').strip()


def first_code(value):
    """The first `...` of a field's value, else the whole of it."""
    match = re.search(r'`([^`]*)`', value)
    return plain(match.group(1) if match else value)


def syntaxes(section):
    """(line, text) of each form that the Syntax lines give."""
    found = []
    for line, value in section.fields.get('Syntax', []):
        value = value.replace('\\|', '|')
        for form in re.findall(r'`([^`]+)`', value) or [value]:
            found.append((line, plain(form)))
    return found
