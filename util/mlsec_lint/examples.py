# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the examples of a page through `nginx -t`."""

import os
import re
import shutil
import subprocess
import tempfile

MODULE = 'build/ngx_mlsec_module.so'
PLACES = ('main', 'http', 'upstream', 'server', 'location')
TEMP = ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi')
FOREIGN = re.compile(r'is not binary compatible|module ".*" version')


def place(block):
    """The context that a block is marked with, or None."""
    return block.words[0] if block.words and block.words[0] in PLACES else None


def rows_of(block):
    """(text, line on the page) of each row of a block."""
    return list(enumerate_from(block.rows, block.line))


def enumerate_from(rows, line):
    """Pairs of a row and its number."""
    return [(row, line + at) for at, row in enumerate(rows)]


def temp_paths():
    """Directives that keep nginx's own files inside the prefix."""
    return ''.join(f'{name}_temp_path {name}; ' for name in TEMP) \
        + 'access_log off;'


def assemble(blocks, module):
    """The rows of a configuration in which all blocks stand."""
    groups = {p: [b for b in blocks if place(b) == p] for p in PLACES}
    out = [(f'load_module {module};', 0)]
    whole = [b for b in groups['main'] if re.search(
        r'^\s*http\s*\{', '\n'.join(b.rows), re.M)]
    for block in groups['main']:
        out += [(row, line) for row, line in rows_of(block)
                if not re.match(r'\s*load_module\b.*ngx_mlsec_module', row)]
    if not any(re.match(r'\s*events\b', row) for row, _ in out):
        out.append(('events {}', 0))
    if whole:
        return [(re.sub(r'^(\s*http\s*\{)', r'\1 ' + temp_paths(), row), line)
                for row, line in out]
    out.append((f'http {{ {temp_paths()}', 0))
    for block in groups['http']:
        out += rows_of(block)
    for number, block in enumerate(groups['upstream']):
        text = '\n'.join(block.rows)
        out.append((f'upstream example{number} {{', 0))
        if not re.search(r'^\s*(server|mlsec_resolve)\s', text, re.M):
            out.append(('server 127.0.0.1:9;', 0))
        out += rows_of(block) + [('}', 0)]
    for number, block in enumerate(groups['server']):
        out += [(f'server {{ listen unix:s.sock; server_name s{number};', 0)]
        out += rows_of(block) + [('}', 0)]
    out.append(('server { listen unix:l.sock;', 0))
    for number, block in enumerate(groups['location']):
        out += [(f'location /example{number} {{', 0)]
        out += rows_of(block) + [('}', 0)]
    return out + [('}', 0), ('}', 0)]


def write(path, text):
    """Writes a file, with the folders on its way."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as handle:
        handle.write(text)


def test(tree, nginx, blocks):
    """(line or None, message) when nginx refuses the blocks, else None."""
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        if os.path.isdir(tree.path('conf')):
            shutil.copytree(tree.path('conf'), top + '/conf')
        for block in blocks:
            for word in block.words:
                if word.startswith('file='):
                    write(os.path.join(top, 'conf', word[5:]),
                          '\n'.join(block.rows) + '\n')
        rows = assemble(blocks, tree.path(MODULE))
        text = '\n'.join(row for row, _ in rows) + '\n'
        write(top + '/conf/lint.conf', text.replace('unix:', f'unix:{top}/'))
        cmd = [nginx, '-t', '-q', '-e', 'stderr', '-p', top + '/', '-c',
               'conf/lint.conf', '-g', f'pid {top}/pid; error_log stderr;']
        try:
            done = subprocess.run(cmd, capture_output=True, text=True,
                                  timeout=20, check=False)
        except subprocess.TimeoutExpired:
            return None, 'nginx -t did not end within 20 s'
        if done.returncode == 0:
            return None
        return explain(done.stderr.replace(top + '/', ''), rows)


def explain(stderr, rows):
    """The first error of nginx and the page's line that it stands for."""
    errors = re.findall(r'\[(?:emerg|alert|crit)\] (.*)', stderr)
    message = re.sub(r'^\d+#\d+: ', '', errors[0] if errors else stderr)
    where = re.search(r' in conf/lint\.conf:(\d+)$', message)
    if not where:
        return None, message.strip()
    number = min(int(where.group(1)), len(rows))
    return rows[number - 1][1] or None, message[:where.start()]
