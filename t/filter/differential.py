#!/usr/bin/python3
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""differential.py [--seed N] [--count N] [--against jq,gojq]: the filter
language against other implementations of it.

Programs and inputs are made at random, with a weight on what is hard:
backtracking, updates of paths, errors, unicode, the edges of numbers.  Each
is run by build/mlsec-jq and by jq and gojq.  The results must be those of at
least one of them, as JSON values; where the other two fail, so must ours.
What the others disagree about is counted, and is no failure if ours is one of
the two answers.  The seed is printed; MLSEC_JQ names another binary.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
OURS = os.environ.get('MLSEC_JQ', os.path.join(TOP, 'build/mlsec-jq'))

SCALARS = ['null', 'true', 'false', '0', '1', '-1', '2', '3.5', '-0.25',
           '10', '1000', '100000', '0.1', '"a"', '"b"', '"abc"', '""',
           '"\u00e9t\u00e9"', '"\U0001f600x"', '"a,b,c"', '"10"', '"x\\ny"']
KEYS = ['a', 'b', 'c', 'k']
# Where we follow a newer jq, or say so in docs/filter-language.md.
DELIBERATE = re.compile(r'\blast\(|\berror\b|\* ?0|\blimit\(|\bnth\(|\bisempty'
                        r'|trimstr\(|\bimplode|\* \(|"\) \*')
UNARY = ['length', 'keys', 'type', 'not', 'tostring', 'tojson', 'sort',
         'reverse', 'add', 'unique', 'min', 'max', 'to_entries', 'flatten',
         'ascii_downcase', 'ascii_upcase', 'explode', 'floor', 'sqrt',
         'any', 'all', 'first', 'last', 'values', 'scalars', 'iterables',
         'numbers', 'strings', 'arrays', 'objects', 'nulls', 'booleans',
         'keys_unsorted', 'utf8bytelength', 'tonumber', 'fromjson',
         'transpose', '@base64', '@html', '@uri', '@json', '@text', '@csv',
         '@tsv', '@sh', 'paths', 'leaf_paths', 'recurse', 'from_entries',
         'tostream', 'error', 'empty', 'isnan', 'fabs', 'ceil', 'round',
         'group_by(.)', 'unique_by(length)', 'map_values(.)', 'walk(.)',
         'ascii', 'implode', 'combinations', 'infinite', 'isinfinite']
ONE = ['map({})', 'select({})', '[{}]', 'first({})', 'last({})',
       'path({})', '[paths({})]', 'del({})', 'map_values({})', '[.[] | {}]',
       'any({})', 'all({})', 'sort_by({})', 'group_by({})', 'min_by({})',
       'max_by({})', 'unique_by({})', 'with_entries({})', '[recurse({})?]',
       '[limit(3; {})]', 'isempty({})', 'try ({}) catch .', '({})?',
       '[.[]? | {}]', '-({})', '[range({})]', 'has({})', 'contains({})',
       'inside({})', 'index({})', 'indices({})', 'join({})', 'split({})',
       'startswith({})', 'ltrimstr({})', 'rtrimstr({})', 'flatten({})',
       'error({})', '"<\\({})>"', 'tojson | {}', 'getpath([{}])',
       'walk({})', '@base64 "\\({})"', '{{a: ({})}}',
       'label $l | ({}), break $l', '[foreach .[]? as $x (0; . + 1; {})]',
       'splits({})', 'in({})', 'bsearch({})', 'delpaths([path({})])',
       'to_entries | {}', '[.[]?] | {}', 'path(.. | {})', '[{}] | add',
       'reduce .[]? as $x (null; {})', 'nth(1; {})', '[first({}), .]']
TWO = ['{} | {}', '{}, {}', '{} + {}', '{} - {}', '{} * {}', '{} / {}',
       '{} % {}', '{} == {}', '{} < {}', '{} >= {}', '{} and {}',
       '{} or {}', '{} // {}', '[{}, {}]', '{{a: ({}), b: ({})}}',
       '({}) as $x | {}', '.a |= ({} | {})', '({}) = ({})',
       '({}) |= ({})', '({}) += ({})', '({}) //= ({})', '({}) -= ({})',
       'if {} then {} end', 'reduce ({}) as $x (0; {})',
       '[foreach ({}) as $x (.; {})]', 'setpath([{}]; {})', 'try ({}) catch '
       '({})', 'def f: ({}); [f, f] | {}', 'def f(g): [g, g]; f({}) | {}',
       '[limit({}; {})]', '[.[{}:{}]]', '({}) as [$x, $y] | [$y, {}]',
       '({}) as {{a: $x}} | {}', '[({}) as [$x] ?// $x | $x, {}]',
       'del(({}), ({}))', '[path(({}), ({}))]', 'until({}; {})',
       '[while({}; {})]', 'until(true; {}) | {}', 'to_entries | map(({}), '
       '({}))', '(.[]? | select({})) |= ({})', 'first(({}), ({}))',
       'path(if {} then .a else {} end)', 'def r: if type == "array" then '
       '.[] | r else ({}) end; [r] | {}', 'reduce .[]? as [$x, $y] ({}; '
       '.[$x | tostring] += ({}))', '[any(({}); {})]', 'sub("a"; ({})) | {}',
       'label $f | ({}) | if {} then break $f else . end']
REGEX = ['test("a.?")', '[match("a|b"; "g").offset]', 'sub("a"; "x")',
         'gsub("[ab]"; "<\\(.)>")', '[scan("[a-c]")]', 'split(", *"; null)',
         'capture("(?<x>a)(?<y>b)?")', 'ascii_downcase | test("B"; "i")']


class Maker:
    """Random programs and inputs."""

    def __init__(self, rng):
        self.rng = rng

    def value(self, depth=3):
        """A JSON text."""
        pick = self.rng.random()
        if depth == 0 or pick < 0.4:
            return self.rng.choice(SCALARS)
        count = self.rng.randrange(4)
        if pick < 0.7:
            return '[' + ','.join(self.value(depth - 1)
                                  for _ in range(count)) + ']'
        keys = self.rng.sample(KEYS, count)
        return '{' + ','.join(f'"{k}":{self.value(depth - 1)}'
                              for k in keys) + '}'

    def leaf(self):
        """The simplest expressions."""
        rng = self.rng
        pick = rng.random()
        if pick < 0.3:
            return rng.choice(['.', '.', '.a', '.b', '.[0]', '.[]', '.[]?',
                               '.a?', '.[-1]', '.a.b', '.a[]', '.[1:]',
                               '.[:-1]', '..', '.["a","b"]', '.[0,1]'])
        if pick < 0.55:
            return rng.choice(SCALARS)
        if pick < 0.65:
            return rng.choice(['$x', '$y'])
        if pick < 0.7:
            return rng.choice(REGEX)
        return rng.choice(UNARY)

    def program(self, depth):
        """An expression of some depth, in parentheses where it matters."""
        rng = self.rng
        pick = rng.random()
        if depth == 0 or pick < 0.15:
            return self.leaf()
        if pick < 0.5:
            return rng.choice(ONE).format(self.program(depth - 1))
        return '(' + rng.choice(TWO).format(
            self.program(depth - 1), self.program(depth - 1)) + ')'


def run(command, program, text):
    """(results, failed): results as text, or None if it took too long."""
    try:
        done = subprocess.run(command + ['-c', program], input=text,
                              capture_output=True, timeout=10, check=False,
                              encoding='utf-8', errors='replace')
    except subprocess.TimeoutExpired:
        return None, True
    if done.returncode < 0:
        return f'signal {-done.returncode}', True
    return done.stdout, done.returncode != 0


def canonical(text):
    """Results as values: members in order, numbers as doubles."""
    if text is None:
        return None
    values = []
    for row in text.split('\n'):
        if row:
            try:
                value = json.loads(row, parse_int=float)
            except ValueError:
                return 'not JSON: ' + row
            values.append(json.dumps(value, sort_keys=True))
    return values


def one(case):
    """(verdict, case, answers): same, split, skipped or different."""
    program, text, others = case
    ours = run([OURS, '--max-steps', '2000000'], program, text)
    if ours[0] and str(ours[0]).startswith('signal'):
        return 'different', case, {'mlsec-jq': ours}
    theirs = {}
    for name in others:
        answer = run([name], program, text)
        if answer[0] is None or answer[0].startswith('signal'):
            return 'skipped', case, {}
        theirs[name] = (canonical(answer[0]), answer[1])
    mine = (canonical(ours[0]), ours[1])
    if all(answer == mine for answer in theirs.values()):
        return 'same', case, {}
    answers = {'mlsec-jq': mine, **theirs}
    if mine in theirs.values():
        return 'split', case, answers
    if len({json.dumps(a) for a in theirs.values()}) > 1:
        return 'open', case, answers
    if DELIBERATE.search(program):
        return 'deliberate', case, answers
    return 'different', case, answers


def main():
    """Prints what differs; exits with 1 if something does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int,
                        default=random.randrange(1 << 30))
    parser.add_argument('--count', type=int, default=2000)
    parser.add_argument('--against', default='jq,gojq')
    parser.add_argument('-v', '--verbose', action='store_true')
    args = parser.parse_args()
    rng = random.Random(args.seed)
    maker = Maker(rng)
    print(f'# seed {args.seed}', flush=True)
    cases = []
    for _ in range(args.count):
        program = maker.program(rng.randrange(1, 4))
        if '$x' in program or '$y' in program:
            program = f'1 as $x | 2 as $y | {program}'
        cases.append((program, maker.value(), args.against.split(',')))
    tally = {}
    with ThreadPoolExecutor(2) as pool:
        for verdict, case, answers in pool.map(one, cases):
            tally[verdict] = tally.get(verdict, 0) + 1
            if verdict == 'different' or (args.verbose and answers):
                print(f'{verdict}: {case[0]}\n  input {case[1]}')
                for name, answer in answers.items():
                    print(f'  {name}: {answer}')
    print(f'# {tally}')
    return 1 if tally.get('different') else 0


if __name__ == '__main__':
    sys.exit(main())
