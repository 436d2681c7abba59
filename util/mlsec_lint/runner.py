# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Runs an analyser and reads its findings.

What a slow one said of a file is kept in build/lint/ under the hash of the
command and of the preprocessed text, so that a second run is short.
"""

import functools
import glob
import hashlib
import os
import re
import shutil
import subprocess
from multiprocessing.pool import ThreadPool

TIMEOUT = 300        # seconds; only what hangs takes as long
FINDING = re.compile(r'(.+?):(\d+):(?:\d+:)? '
                     r'(?:fatal )?(error|warning|performance|portability'
                     r'|note|style): (.*)')


class Missing(Exception):
    """A tool or a tree that the check needs is not there."""


def need(tool):
    """Raises Missing when a tool is not installed."""
    if shutil.which(tool) is None:
        raise Missing(f'{tool} not installed')


def run(cmd, cwd):
    """(exit code, stdout, stderr); the code is None after TIMEOUT seconds."""
    try:
        done = subprocess.run(cmd, cwd=cwd, capture_output=True, check=False,
                              timeout=TIMEOUT,
                              env=dict(os.environ, LC_ALL='C'))
    except subprocess.TimeoutExpired:
        return None, '', f'no result within {TIMEOUT} s'
    return (done.returncode, done.stdout.decode('utf-8', 'replace'),
            done.stderr.decode('utf-8', 'replace'))


def findings(root, text):
    """The `file:line: message` lines in a tool's output, own files only."""
    found = []
    for row in text.split('\n'):
        match = FINDING.match(row)
        if not match or match.group(3) == 'note':
            continue
        name = os.path.relpath(os.path.join(root, match.group(1)), root)
        if not name.startswith('..'):
            found.append(f'{name}:{match.group(2)}: {match.group(4)}')
    return found


@functools.lru_cache(maxsize=None)
def version_of(tool):
    """What a tool says of itself."""
    return run([tool, '--version'], None)[1]


@functools.lru_cache(maxsize=None)
def preprocessed(root, name, flags):
    """The digest of what the compiler sees of a file: for all analysers."""
    text = run(['cc', '-E', *flags, name], root)[1]
    return hashlib.sha256(text.encode()).hexdigest()


def cached(job):
    """Findings of one command on one file, from build/lint/ if it can be."""
    tree, name, cmd, flags = job
    text = preprocessed(tree.root, name, tuple(flags))
    version = version_of(cmd[0])
    config = tree.read('.clang-tidy') if '.clang-tidy' in tree.files else ''
    key = hashlib.sha256('\0'.join(
        [version, config, *cmd, *flags, text]).encode()).hexdigest()
    base = tree.path(f'build/lint/{cmd[0]}.{os.path.basename(name)}')
    stamp = f'{base}.{key[:24]}'
    if os.path.isfile(stamp):
        with open(stamp, encoding='utf-8') as handle:
            return handle.read().splitlines()
    code, out, err = run(cmd, tree.root)
    found = findings(tree.root, out + err)
    if code is None or (code and not found):
        last = (err.strip() or out.strip() or 'fails').split('\n')[-1]
        return [f'{name}:1: {cmd[0]}: {last}']
    if code == 0:
        os.makedirs(os.path.dirname(stamp), exist_ok=True)
        for old in glob.glob(base + '.*'):
            os.remove(old)
        with open(stamp, 'w', encoding='utf-8') as handle:
            handle.write('\n'.join(found))
    return found


def all_of(jobs):
    """The findings of all jobs, two at a time."""
    with ThreadPool(2) as pool:
        return sorted({f for part in pool.map(cached, jobs) for f in part})
