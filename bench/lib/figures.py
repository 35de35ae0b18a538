# SPDX-License-Identifier: Apache-2.0
"""From rounds to figures: medians, ratios, pooled tails, and what moved between two runs. Numbers in, numbers out."""

import statistics

from .workloads import KINDS

LIMIT = 0.15                                            # a ratio that moves more between two runs is named
MAIN = {"latency": "p50", "rate": "msgs_per_s", "bytes": "bytes"}
TAILS = {"p99": 0.99, "p999": 0.999}


def tail(samples):
    """p99 and p99.9 of the samples of all rounds together; None where no sample lies beyond it."""
    ordered, n = sorted(samples), len(samples)
    found = {name: ordered[int(q * n)] if n * (1 - q) >= 0.999 else None for name, q in TAILS.items()}
    return {"n": n, **found}


def cell(results, kind, tails=None):
    """One figure of all rounds: the median of each number, the spread of the first, how much was counted in all."""
    main = MAIN[kind]
    series = {x.get("round", i): x[main] for i, x in enumerate(results)}
    c = {"rounds": len(results), "n": sum(x["n"] for x in results), "value": statistics.median(series.values()),
         "low": min(series.values()), "high": max(series.values()), "series": series}
    if kind == "latency":
        c.update({name: (tails or {}).get(name) for name in TAILS})
    if kind == "rate":
        c["cpu_s_per_mmsg"] = statistics.median(x["cpu_s_per_mmsg"] for x in results)
    return c


def summarise(data):
    """{key: {system id: cell}} of a run's rounds."""
    tails = data.get("tails", {})
    return {key: {sid: cell(rounds, KINDS[key.split("@")[0]], tails.get(key, {}).get(sid)) for sid, rounds in row.items()}
            for key, row in data["cells"].items()}


def ratios(a, b):
    """`a` as a multiple of `b`, in each round that both have been through."""
    if a is None or b is None:
        return []
    return [value / b["series"][r] for r, value in a["series"].items() if b["series"].get(r)]


def ratio(a, b):
    """The median of the rounds' ratios, so that what slowed a whole round cancels out; or None."""
    every = ratios(a, b)
    return statistics.median(every) if every else None


def losses(cells, ours):
    """[(key, ours, system id, its cell, how many times better it is)]: the best of those that beat ours, for each workload."""
    found = []
    for key, row in cells.items():
        mine = row.get(ours)
        if not mine:
            continue
        better = []
        for sid, c in row.items():
            r = ratio(c, mine) if sid != ours else None
            if r:
                better.append((r if KINDS[key.split("@")[0]] == "rate" else 1 / r, sid))
        times, sid = max(better, default=(0, None))
        if times > 1:
            found.append((key, mine, sid, row[sid], times))
    return found


def base_of(row, systems):
    """What a row's ratios are to: the floor, else ours, else its first system."""
    for wanted in ("floor", "ours"):
        for s in systems:
            if s[wanted] and s["id"] in row:
                return s["id"]
    return next(s["id"] for s in systems if s["id"] in row)


def _quartiles(values):
    if len(values) < 2:
        return values * 2
    q = statistics.quantiles(values, n=4)
    return [q[0], q[2]]


def compare(first, second):
    """Two runs of the same: how many ratios there are, and each that moved by more than LIMIT, with the middle half of its rounds in both."""
    a, b = summarise(first), summarise(second)
    moved, total = [], 0
    for key in a:
        row = {sid: c for sid, c in a[key].items() if sid in b.get(key, {})}
        if not row:
            continue
        base = base_of(row, first["systems"])
        for sid in row:
            every = [ratios(x[key][sid], x[key][base]) for x in (a, b)]
            if sid == base or not all(every):
                continue
            r1, r2 = (statistics.median(e) for e in every)
            total += 1
            change = r2 / r1 - 1
            if abs(change) > LIMIT:
                half = [_quartiles(e) for e in every]
                moved.append({"key": key, "system": sid, "base": base, "first": r1, "second": r2, "change": change, "half": half,
                              "overlap": half[0][0] <= half[1][1] and half[1][0] <= half[0][1]})
    moved.sort(key=lambda m: -abs(m["change"]))
    return {"total": total, "moved": moved, "date": second["date"], "rounds": [first["rounds"], second["rounds"]],
            "stolen": [first["machine"].get("stolen"), second["machine"].get("stolen")]}
