#!/usr/bin/python3
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/filter-language.md, run by build/mlsec-jq: TAP."""

import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
OURS = os.environ.get('MLSEC_JQ', os.path.join(TOP, 'build/mlsec-jq'))
RECIPE = re.compile(r'```jq\n(.*?)```\n```json\n(.*?)```\n```result\n(.*?)```',
                    re.S)


def main():
    """Ten recipes at least, each as it is written."""
    with open(os.path.join(TOP, 'docs/filter-language.md'),
              encoding='utf-8') as handle:
        recipes = RECIPE.findall(handle.read())
    failed = len(recipes) < 10
    print(f'{"not " * failed}ok 1 - {len(recipes)} recipes')
    for number, (program, text, want) in enumerate(recipes, 2):
        done = subprocess.run([OURS, '-c', program], input=text, check=False,
                              capture_output=True, encoding='utf-8')
        bad = done.stdout != want or done.returncode != 0
        failed = failed or bad
        first = program.split('\n', maxsplit=1)[0]
        print(f'{"not " * bad}ok {number} - {first}')
        if bad:
            print(f'# {done.stdout}{done.stderr}'.replace('\n', '\n# '))
    print(f'1..{len(recipes) + 1}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
