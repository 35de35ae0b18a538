# SPDX-License-Identifier: Apache-2.0
"""Running: one program at a time, systems interleaved, every result checked before it counts."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

TIMEOUT_S = 90


def run_one(system, workload, seconds):
    """The JSON objects one program printed, or (None, why)."""
    directory = tempfile.mkdtemp(prefix="bench-")
    command = [*system.run, workload.program, "--seconds", str(seconds), "--dir", directory, *workload.args]
    try:
        with tempfile.TemporaryFile("w+", errors="replace") as err:
            p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL, text=True,
                                 cwd=directory, start_new_session=True)
            try:
                out, _ = p.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                return None, f"not done, or something of it still running, after {TIMEOUT_S} s"
            finally:
                _end(p)
            err.seek(0)
            said = [line.strip() for line in err if line.strip()]
        results = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    except (OSError, ValueError) as e:
        return None, str(e)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if p.returncode != 0:
        why = said[-1] if said else "said nothing"
        return None, f"ended with {p.returncode}: {why[:200]}"
    for r in results:
        fault = check(r, workload)
        if fault:
            return None, fault
    return (results, "") if results else (None, "printed no result")


def _end(p):
    """Only the session that we started, by its id; process groups are not enough, a VM gives its children their own."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                session = int(f.read().rpartition(")")[2].split()[3])
            if session == p.pid:
                os.kill(int(entry), signal.SIGKILL)
        except (OSError, ValueError, IndexError):
            continue                                    # gone meanwhile
    p.wait()


def check(r, workload):
    """What is wrong with a result, or None: a benchmark that loses messages or measures nothing is no benchmark."""
    c = r.get("check", {})
    if c.get("sent", 0) <= 0 or c.get("sent") != c.get("received"):
        return f"{c.get('sent')} sent, {c.get('received')} received"
    if c.get("errors", 0):
        return f"{c['errors']} messages lost, repeated or out of order"
    if r.get("n", 0) <= 0:
        return "measured nothing"
    if workload.kind == "latency" and not 0 < r["p50"] <= r["p99"] <= r["p999"] <= r["max"]:
        return f"quantiles out of order: {r['p50']} {r['p99']} {r['p999']} {r['max']}"
    if workload.kind == "rate" and not (r["msgs_per_s"] > 0 and r["cpu_s_per_mmsg"] >= 0):
        return f"rate {r['msgs_per_s']}, CPU {r['cpu_s_per_mmsg']}"
    if workload.kind == "bytes" and r["bytes"] <= 0:
        return "no memory measured"
    return None


def run_rounds(systems, workloads, rounds, seconds_of, say):
    """{key: {system id: [result of each round]}}, and [(system, workload, why)] of what failed."""
    cells, failures, broken = {}, [], {}
    total = rounds * sum(1 for w in workloads for s in systems if s.has(w) and not s.missing)
    done, start = 0, time.monotonic()
    for r in range(rounds):
        for w in workloads:
            for s in systems:
                if s.missing or not s.has(w):
                    continue
                done += 1
                if broken.get((s.id, w.id), 0) > 1:     # twice in two rounds, each with a second try: leave it
                    continue
                results, why = run_one(s, w, seconds_of(w))
                if results is None:                     # once more: a busy machine may miss one deadline
                    results, why = run_one(s, w, seconds_of(w))
                if results is None:
                    failures.append((s.id, w.id, f"round {r + 1}: {why}"))
                    broken[s.id, w.id] = broken.get((s.id, w.id), 0) + 1
                    say(f"FAILED {s.title}, {w.id}: {why}")
                    continue
                for x in results:
                    cells.setdefault(w.key(x), {}).setdefault(s.id, []).append(x)
                left = (time.monotonic() - start) / done * (total - done)
                say(f"round {r + 1}/{rounds}  {w.id:16} {s.title:18} {brief(results[0], w):28} "
                    f"{done}/{total}, {left / 60:.1f} min left", progress=True)
    return cells, failures


def brief(r, workload):
    if workload.kind == "latency":
        return f"p50 {human_ns(r['p50'])}"
    if workload.kind == "rate":
        return f"{human_n(r['msgs_per_s'])}/s"
    return f"{human_n(r['bytes'])}B"


def human_ns(ns):
    for limit, div, unit in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if ns < limit:
            return f"{ns / div:.3g} {unit}"
    return f"{ns / 1e9:.3g} s"


def human_n(n):
    for limit, div, unit in ((1e3, 1, ""), (1e6, 1e3, " k"), (1e9, 1e6, " M")):
        if n < limit:
            return f"{n / div:.3g}{unit}"
    return f"{n / 1e9:.3g} G"


def median_cell(results, kind):
    """One figure of all rounds: the median of each number, the spread of the first, how much was counted in all."""
    def of(name):
        return statistics.median(x[name] for x in results)

    main = {"latency": "p50", "rate": "msgs_per_s", "bytes": "bytes"}[kind]
    cell = {"rounds": len(results), "n": sum(x["n"] for x in results), "value": of(main),
            "low": min(x[main] for x in results), "high": max(x[main] for x in results),
            "series": [x[main] for x in results]}
    if kind == "latency":
        cell["p99"], cell["p999"] = of("p99"), of("p999")
    if kind == "rate":
        cell["cpu_s_per_mmsg"] = of("cpu_s_per_mmsg")
    return cell


def cell_ratio(a, b):
    """`a` as a multiple of `b`: round by round, then the median, so that what slowed a whole round cancels out."""
    if a is None or b is None or not all(b["series"]):
        return None
    if len(a["series"]) != len(b["series"]):
        return a["value"] / b["value"]
    return statistics.median(x / y for x, y in zip(a["series"], b["series"]))
