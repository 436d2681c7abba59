# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a tree and the report of a checker."""

import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED_DIRS = {'.git', 'build', '__pycache__'}


class Tree:
    """The files below a root, as paths relative to it, sorted.

    In a git checkout these are the tracked files and the new ones that
    .gitignore lets through; anywhere else, all files.
    """

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.files = sorted(self._git() or self._walk())
        self._cache = {}

    def _git(self):
        cmd = ['git', '-C', self.root, 'ls-files', '-coz',
               '--exclude-standard']
        try:
            run = subprocess.run(cmd, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, check=False)
        except OSError:
            return []
        names = run.stdout.decode('utf-8', 'replace').split('\0')
        return [n for n in set(names) if n and os.path.isfile(self.path(n))]

    def _walk(self):
        found = []
        for top, dirs, names in os.walk(self.root):
            dirs[:] = [d for d in dirs if d not in SKIPPED_DIRS]
            found += [os.path.relpath(os.path.join(top, n), self.root)
                      for n in names]
        return found

    def path(self, name):
        """The absolute path of a file of the tree."""
        return os.path.join(self.root, name)

    def read(self, name):
        """The text of a file; '' for a binary one (it holds a NUL)."""
        if name not in self._cache:
            with open(self.path(name), 'rb') as handle:
                data = handle.read()
            text = '' if b'\0' in data else data.decode('utf-8', 'replace')
            self._cache[name] = text
        return self._cache[name]

    def sources(self, *suffixes):
        """Our own C: the root module and everything below src/."""
        return [n for n in self.files if n.endswith(suffixes)
                and (n.startswith('src/') or n == 'ngx_mlsec_module.c')]


class Report:
    """Findings, printed as `file:line: message` when the checker ends."""

    def __init__(self, verbose=False):
        self.findings = []
        self.verbose = verbose
        self.notes = []

    def add(self, name, line, message):
        """A finding: the checker will exit with 1."""
        self.findings.append((name, line, message))

    def note(self, text):
        """A line for the reader that is not a finding."""
        self.notes.append(text)

    def skip(self, text):
        """A check that could not be made: a finding if LINT_STRICT=1."""
        if os.environ.get('LINT_STRICT') == '1':
            self.add(os.path.basename(sys.argv[0]), 0, f'skipped: {text}')
        else:
            self.note(f'skipped: {text}')

    def detail(self, text):
        """A note that is shown with -v only."""
        if self.verbose:
            self.notes.append(text)

    def finish(self, checker, count, unit):
        """Prints all and returns the exit code."""
        for text in self.notes:
            print(text)
        for name, line, message in sorted(set(self.findings)):
            print(f'{name}:{line}: {message}')
        total = len(set(self.findings))
        state = f'{total} finding{"s" * (total > 1)}' if total else 'ok'
        print(f'{checker} {state} ({count} {unit})')
        return 1 if total else 0


def main(doc, check, unit='files'):
    """Runs check(tree, report), which returns how much it looked at."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('-v', '--verbose', action='store_true',
                        help='print figures and near misses too')
    parser.add_argument('root', nargs='?', help='default: this tree',
                        default=os.path.dirname(os.path.dirname(HERE)))
    args = parser.parse_args()
    report = Report(args.verbose)
    count = check(Tree(args.root), report)
    sys.exit(report.finish(os.path.basename(sys.argv[0]), count, unit))
