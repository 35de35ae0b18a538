# SPDX-License-Identifier: Apache-2.0
"""Tests the benchmark: the checker refuses wrong results, the document describes the workloads, and every workload's counts add up."""

import array
import os
import re

from . import figures, measure, table
from .systems import ROOT
from .workloads import BY_ID, WORKLOADS


def facts():
    """[(fact, does it hold?)] about the checker, the arithmetic and the document."""
    good = {"n": 9, "p50": 1, "p99": 2, "p999": 3, "samples": [1] * 9, "msgs_per_s": 5.0, "cpu_s_per_mmsg": 1.0, "size": 64,
            "check": {"sent": 9, "received": 9, "errors": 0}}
    latency, rate, sizes = BY_ID["call_hot"], BY_ID["oneway"], BY_ID["oneway_sizes"]

    def refused(w, *results, **change):
        results = results or ({**good, "workload": w.program, **change},)
        return measure.check(list(results), w) is not None

    every_size = [{**good, "workload": "oneway", "size": z} for z in sizes.sizes]

    def row(w):
        return next((line for line in document.splitlines() if line.startswith("|") and f"`{w.id}`" in line), "")

    with open(os.path.join(ROOT, "docs", "benchmarks.md"), encoding="utf-8") as f:
        document = f.read()
    tail = figures.tail(array.array("I", range(1, 1001)))
    systems = [{"id": "a", "floor": True, "ours": False}, {"id": "b", "floor": False, "ours": True}]

    def run(*b):
        return {"cells": {"call_hot": {"a": [{"round": r, "n": 1, "p50": 10} for r in range(len(b))],
                                       "b": [{"round": r, "n": 1, "p50": v} for r, v in enumerate(b)]}},
                "systems": systems, "date": "", "rounds": len(b), "machine": {}}

    twice, moved = figures.compare(run(20, 20, 20, 20, 90), run(20, 21, 21, 21, 2)), figures.compare(run(20, 20), run(24, 24))
    return [("a good result is accepted", not refused(latency) and not refused(rate)),
            ("a lost message is refused", refused(rate, check={"sent": 9, "received": 8, "errors": 0})),
            ("a message out of order is refused", refused(rate, check={"sent": 9, "received": 9, "errors": 1})),
            ("nothing sent is refused", refused(latency, check={"sent": 0, "received": 0, "errors": 0})),
            ("nothing measured is refused", refused(rate, n=0) and refused(rate, msgs_per_s=0.0)),
            ("what is no number is refused", all(refused(rate, msgs_per_s=x) for x in (None, "5", True, float("nan"), float("inf")))
             and refused(latency, check=[1]) and refused(latency, check={"sent": "9", "received": "9", "errors": 0}) and refused(latency, 1)),
            ("another workload's result is refused", refused(latency, workload="call_idle")),
            ("a result too many is refused", refused(latency, {**good, "workload": "call_hot"}, {**good, "workload": "call_hot"})),
            ("a size that is missing is refused", not refused(sizes, *every_size) and refused(sizes, *every_size[1:])),
            ("samples that are missing are refused", refused(latency, samples=[1])),
            ("the tail is that of all samples, by nearest rank", (tail["p99"], tail["p999"]) == (990, 999)),
            ("a tail of too few samples is none", figures.tail(array.array("I", range(99)))["p99"] is None and figures.tail(array.array("I", range(100)))["p99"] == 98),
            ("a ratio that holds in two runs is not named", twice["total"] == 1 and not twice["moved"]),
            ("a ratio that moves by a fifth is named", [round(m["change"], 2) for m in moved["moved"]] == [0.2]),
            ("why it moved is said", [m["why"] for m in moved["moved"]] == ["shift"] and figures.why_moved(1.3, 1.25, None) == "base"),
            ("where another system is better, it is said by how much",
             [f[2] for f in figures.losses(figures.summarise(run(20, 20)), systems)] == [{"a": 2.0}]),
            ("every workload is described", all(row(w) for w in WORKLOADS)),
            ("what processors do in it is described", all(("| awake |" in row(w)) == w.awake for w in WORKLOADS)),
            ("no workload is described that there is not", set(re.findall(r"^\| `(\w+)`", document, re.M)) <= set(BY_ID)),
            ("the figures have their place in the document", table.BEGIN in document and table.END in document)]


def run(chosen, workloads, seconds):
    """Prints TAP: the facts, then one point for each workload of each system."""
    points = [(s, w) for s in chosen for w in workloads if s.has(w)]
    told, failed = facts(), 0
    print(f"1..{len(told) + len(points)}")
    for i, (fact, holds) in enumerate(told, 1):
        failed += not holds
        print(f"{'ok' if holds else 'not ok'} {i} - {fact}", flush=True)
    for i, (s, w) in enumerate(points, len(told) + 1):
        name = f"{s.id} {w.id}"
        if s.missing:
            print(f"ok {i} - {name} # SKIP {s.missing}", flush=True)
            continue
        results, why = measure.run_one(s, w, min(seconds, 0.1) if w.sizes else seconds)
        failed += results is None
        print(f"{'not ok' if results is None else 'ok'} {i} - {name}{': it ' + why if results is None else ''}", flush=True)
    return 1 if failed else 0
