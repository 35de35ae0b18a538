# SPDX-License-Identifier: Apache-2.0
"""Makes figures of rounds: medians, ratios, pooled tails, and the ratios that moved between two runs. Its input and output are numbers."""

import math
import statistics

from .workloads import KINDS

LIMIT = 0.15                                            # a ratio that moves by more between two runs is named
MAIN = {"latency": "p50", "rate": "msgs_per_s", "bytes": "bytes"}
NEEDED = {"latency": ["p50", "p99", "p999"], "rate": ["msgs_per_s", "cpu_s_per_mmsg"], "bytes": ["bytes"]}
QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def quantiles(samples):
    """By nearest rank, so each quantile is a sample."""
    ordered = sorted(samples)
    return {name: ordered[math.ceil(q * len(ordered)) - 1] for name, q in QUANTILES.items()}


def tail(samples):
    """p99 and p99.9 of the samples of all rounds together. None if there is no sample beyond the quantile."""
    n = len(samples)
    return {"n": n, **{name: value if math.ceil(QUANTILES[name] * n) < n else None for name, value in quantiles(samples).items() if name != "p50"}}


def cell(results, kind, tails=None):
    """One figure of all rounds: the median of each number, the spread of the main number, and how many samples or messages there were."""
    main = MAIN[kind]
    series = {x.get("round", i): x[main] for i, x in enumerate(results)}
    c = {"rounds": len(results), "n": sum(x["n"] for x in results), "value": statistics.median(series.values()),
         "low": min(series.values()), "high": max(series.values()), "series": series}
    if kind == "latency":
        c.update({name: (tails or {}).get(name) for name in ("p99", "p999")})
    if kind == "rate":
        c["cpu_s_per_mmsg"] = statistics.median(x["cpu_s_per_mmsg"] for x in results)
        c["whole"] = sum(bool(x.get("whole")) for x in results)
    return c


def summarise(data):
    """{key: {system id: cell}} of a run's rounds."""
    tails = data.get("tails", {})
    return {key: {sid: cell(rounds, KINDS[key.split("@")[0]], tails.get(key, {}).get(sid)) for sid, rounds in row.items()}
            for key, row in data["cells"].items()}


def ratios(a, b):
    """`a` as a multiple of `b`, for each round that has both."""
    if a is None or b is None:
        return []
    return [value / b["series"][r] for r, value in a["series"].items() if b["series"].get(r)]


def middle(values):
    """The geometric mean of the middle half. Outliers influence it as little as a median, and it is steadier where values fall into two heaps."""
    values = sorted(values)
    cut = len(values) // 4
    return math.exp(statistics.fmean(math.log(v) for v in values[cut:len(values) - cut]))


def ratio(a, b):
    """The middle of the rounds' ratios, or None. What slows a whole round cancels out in its ratio."""
    every = ratios(a, b)
    return middle(every) if every else None


def marked(systems, what):
    """The id of the system that is marked "floor" or "ours", or None."""
    return next((s["id"] for s in systems if s[what]), None)


def better_by(c, mine, kind):
    """How many times better `c` is than ours, or None. It is below 1 if `c` is worse."""
    r = ratio(c, mine)
    return None if not r else r if kind == "rate" else 1 / r


def losses(cells, systems):
    """Where another system beats ours: [(key, ours, {system id: how many times better it is})], the greatest loss first."""
    ours, found = marked(systems, "ours"), []
    for key, row in cells.items():
        if ours not in row:
            continue
        times = {sid: better_by(c, row[ours], KINDS[key.split("@")[0]]) for sid, c in row.items() if sid != ours}
        above = {sid: t for sid, t in times.items() if t and t > 1}
        if above:
            found.append((key, row[ours], dict(sorted(above.items(), key=lambda x: -x[1]))))
    return sorted(found, key=lambda f: -max(f[2].values()))


def base_of(row, systems):
    """The system to which a row's ratios are made: the floor, else ours, else the row's first system."""
    here = [s["id"] for s in systems if s["id"] in row]
    return next((sid for sid in (marked(systems, "floor"), marked(systems, "ours")) if sid in row), here[0])


def _quartiles(values):
    if len(values) < 2:
        return values * 2
    q = statistics.quantiles(values, n=4, method="inclusive")
    return [q[0], q[2]]


def why_moved(change, row_change, halves):
    """Why a ratio moved. "base": most ratios of its row moved by as much, so their base has moved. "noise": the middle halves of the rounds
    overlap, so the rounds of one run differ by as much. "shift": neither."""
    if row_change and max(change / row_change, row_change / change) - 1 <= LIMIT:
        return "base"
    return "noise" if halves[0][0] <= halves[1][1] and halves[1][0] <= halves[0][1] else "shift"


def compare(first, second):
    """Compares two runs of the same workloads: how many ratios there are, and each ratio that moved by more than LIMIT, with the middle half of its
    rounds in both runs."""
    a, b = summarise(first), summarise(second)
    moved, total = [], 0
    for key in a:
        row = {sid: c for sid, c in a[key].items() if sid in b.get(key, {})}
        if not row:
            continue
        base = base_of(row, first["systems"])
        pairs = {sid: [ratios(x[key][sid], x[key][base]) for x in (a, b)] for sid in row if sid != base}
        pairs = {sid: every for sid, every in pairs.items() if all(every)}
        changes = {sid: middle(every[1]) / middle(every[0]) for sid, every in pairs.items()}
        row_change = statistics.median(changes.values()) if len(changes) >= 3 else None
        if row_change and max(row_change, 1 / row_change) - 1 <= LIMIT / 2:
            row_change = None
        total += len(pairs)
        for sid, every in pairs.items():
            change = changes[sid]
            if max(change, 1 / change) - 1 > LIMIT:
                half = [_quartiles(e) for e in every]
                moved.append({"key": key, "system": sid, "base": base, "first": middle(every[0]), "second": middle(every[1]), "change": change - 1,
                              "half": half, "why": why_moved(change, row_change, half)})
    moved.sort(key=lambda m: -max(m["first"] / m["second"], m["second"] / m["first"]))
    return {"total": total, "moved": moved, "date": second["date"], "rounds": [first["rounds"], second["rounds"]],
            "stolen": [first["machine"].get("stolen"), second["machine"].get("stolen")]}
