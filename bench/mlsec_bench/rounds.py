# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Who is measured when.

What a machine does besides changes within seconds, so a round measures each
variant once, shortly, and is compared only within itself; and what a variant
leaves behind (caches, the clock of a core) falls on the next one, so the
order rotates, and turns around when each has been the first.

Two servers of the same program differ by a hundredth or two for as long as
they run, which no number of rounds takes away: where less than that is looked
for, all servers are started anew now and then.
"""

import os
import sys

SHOWN = sys.stderr.isatty() or os.environ.get("PROGRESS") == "1"


def order(names, number):
    """The names, as they follow each other in a round."""
    names = list(names)
    turn = number % len(names)
    turned = names[turn:] + names[:turn]
    return turned[::-1] if number // len(names) % 2 else turned


def of_starts(starts, count, started):
    """[rows of a start], of started(number of its rounds), count in all."""
    return [started(-(-count // starts)) for _ in range(starts)]


def progress(what, number, count, more=""):
    """The line of a round that has ended, if somebody wants it."""
    if SHOWN:
        print(f"{what}: round {number + 1}/{count}{more}", file=sys.stderr,
              flush=True)


def run(what, count, names, measure):
    """[{name: measure(name)}] of the rounds in which none of them is None.

    what: in the line of progress.
    """
    names, rows = list(names), []
    for number in range(count):
        row = {name: measure(name) for name in order(names, number)}
        bad = [name for name in names if row[name] is None]
        if not bad:
            rows.append({name: row[name] for name in names})
        progress(what, number, count,
                 f", not counted: {' '.join(bad)}" if bad else "")
    if not rows:
        sys.exit(f"bench: {what}: no round without errors")
    return rows
