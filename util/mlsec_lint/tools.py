# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The analysers of others: cppcheck, gcc, clang-tidy, shellcheck."""

import os
import re

from mlsec_lint import nginxtree
from mlsec_lint.runner import Missing, all_of, findings, need, run

WARNINGS = ['-Wall', '-Wextra', '-Wshadow', '-Wno-unused-parameter']
ANALYZER = ['gcc', '-fanalyzer', '-S', '-o', '/dev/null',
            '-fno-diagnostics-show-caret', '-fdiagnostics-path-format=none']
CPPCHECK = ['cppcheck', '--enable=warning,performance,portability',
            '--inline-suppr', '--quiet', '--std=c11', '-j2',
            '--template={file}:{line}: {severity}: {message} [{id}]']
# What nginx gives to `config` or takes from it.
CONFIG_EXCLUDES = 'SC1091,SC2034,SC2148,SC2154'


def cppcheck(tree):
    """Without nginx's headers: with them it is slow and finds no more."""
    need('cppcheck')
    names = tree.sources('.c')
    if not names:
        return [], 0
    os.makedirs(tree.path('build/lint/cppcheck'), exist_ok=True)
    code, out, err = run(CPPCHECK + [
        '--cppcheck-build-dir=build/lint/cppcheck', '-Isrc', *names],
        tree.root)
    found = findings(tree.root, out + err)
    if code != 0:
        last = (out + err).strip().split('\n')[-1]
        found.append(f'src:1: cppcheck: {last}')
    return found, len(names)


def compiled(tree, command):
    """(findings, count) of command(name, flags) on each C file.

    Raises Missing, with what was found in lib, without nginx's headers.
    """
    nginx, reason = nginxtree.include_flags(tree.root)
    names, jobs = tree.sources('.c'), []
    for name in names:
        lib = name.startswith('src/lib/')
        if lib or nginx:
            flags = ['-Isrc'] + (['-std=c11'] if lib else nginx)
            jobs.append((tree, name, command(name, flags), flags))
    found = all_of(jobs)
    if len(jobs) < len(names):
        raise Missing(f'{reason}; {len(jobs)} of {len(names)} files checked',
                      found)
    return found, len(jobs)


def analyzer(tree):
    """gcc -fanalyzer."""
    need('gcc')
    return compiled(tree, lambda name, flags: [
        *ANALYZER, *WARNINGS, *flags, name])


def clang_tidy(tree):
    """The checks of .clang-tidy."""
    need('clang-tidy')
    return compiled(tree, lambda name, flags: [
        'clang-tidy', '--quiet', name, '--', *WARNINGS, *flags])


def shellcheck(tree):
    """Every shell script, and `config`, which nginx sources."""
    need('shellcheck')
    shebang = re.compile(r'#!.*\b(ba|da)?sh\b')
    names = [n for n in tree.files if n.endswith('.sh') or (
        '.' not in os.path.basename(n) and shebang.match(tree.read(n)))]
    found = []
    if names:
        found += findings(tree.root, run(
            ['shellcheck', '-S', 'info', '-f', 'gcc', *names], tree.root)[1])
    if 'config' in tree.files:
        names.append('config')
        found += findings(tree.root, run(
            ['shellcheck', '-s', 'sh', '-S', 'info', '-e', CONFIG_EXCLUDES,
             '-f', 'gcc', 'config'], tree.root)[1])
    return found, len(names)


TOOLS = (('cppcheck', cppcheck), ('gcc -fanalyzer', analyzer),
         ('clang-tidy', clang_tidy), ('shellcheck', shellcheck))
