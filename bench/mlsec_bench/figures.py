# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Medians, quartiles, paired ratios, verdicts, the file of results."""

import json
import os
import statistics

from mlsec_bench.settings import BUILD, TOP


def spread(values):
    """What is kept of the values of all rounds."""
    values = list(values)
    low, mid, high = statistics.quantiles(values, n=4, method="inclusive") \
        if len(values) > 1 else values * 3
    return {"median": mid, "quartiles": [low, high], "min": min(values),
            "max": max(values), "n": len(values)}


def of(rows, name, key="cpu_us"):
    """The values of one variant, a round each."""
    return [row[name][key] for row in rows]


def ratio(rows, name, base, key="cpu_us"):
    """Of one by another, round by round, so that what the machine did
    meanwhile is in both."""
    return spread(a / b for a, b in zip(of(rows, name, key),
                                        of(rows, base, key)))


def ratio_of_starts(starts, name, base, key="cpu_us"):
    """ratio() of the rounds of all starts, and the median of each start."""
    value = ratio(sum(starts, []), name, base, key)
    value["starts"] = [ratio(rows, name, base, key)["median"]
                       for rows in starts]
    return value


def between(value):
    """Of the medians of the starts: from the least to the largest, and their
    mean with its standard error."""
    starts = value["starts"]
    text = f"starts {min(starts):.3f}-{max(starts):.3f}"
    if len(starts) > 1:
        error = statistics.stdev(starts) / len(starts) ** 0.5
        text += f", mean {statistics.mean(starts):.3f} +-{error:.3f}"
    return text


def shown(value, digits=1, width=0, rounds=False):
    """Median and quartiles, and of how many rounds."""
    low, high = value["quartiles"]
    return (f"{value['median']:{width}.{digits}f} "
            f"({low:.{digits}f}-{high:.{digits}f})"
            + (f" of {value['n']}" if rounds else ""))


def verdict(value, aim, most=True):
    """"<= AIM  met"; nothing when there is no aim.  Kept with the value."""
    if aim is None:
        return ""
    met = value["median"] <= aim if most else value["median"] >= aim
    value["aim"], value["met"] = aim, met
    return f"{'<=' if most else '>='} {aim}  {'met' if met else 'MISSED'}"


def save(name, data):
    """build/bench/NAME.json; the path, as it is printed."""
    path = os.path.join(BUILD, "bench", f"{name}.json")
    with open(path, "w", encoding="ascii") as handle:
        json.dump(data, handle, indent=1)
    return os.path.relpath(path, TOP)
