# SPDX-License-Identifier: Apache-2.0
"""Running: one program at a time, systems interleaved, every result checked before it counts."""

import array
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from . import figures, machine
from .human import human_bytes, human_n, human_ns

TIMEOUT_S = 90


def run_one(system, workload, seconds):
    """The JSON objects one program printed, or (None, why). A latency has its samples with it, apart from what is kept of the round."""
    directory = tempfile.mkdtemp(prefix="bench-")
    command = [*system.run, workload.program, "--seconds", str(seconds), "--dir", directory, *workload.args]
    try:
        with machine.Awake(workload.awake), tempfile.TemporaryFile("w+", errors="replace") as err:
            p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL, text=True,
                                 cwd=directory, start_new_session=True)
            try:
                out, _ = p.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                return None, f"was not done, or something of it still running, after {TIMEOUT_S} s"
            finally:
                _end(p)
            err.seek(0)
            said = [line.strip() for line in err if line.strip()]
        results = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        if workload.kind == "latency" and p.returncode == 0:
            _samples_read(results, os.path.join(directory, "samples"))
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


def _samples_read(results, path):
    """Every sample of a latency, as 32-bit integers of the machine, in a file beside the sockets: too many to print, and needed for the tail."""
    samples = array.array("I")
    size = os.path.getsize(path) if os.path.exists(path) else 0
    with open(path, "rb") as f:
        samples.fromfile(f, size // samples.itemsize)
    for r in results:
        r["samples"] = samples


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
        return f"lost messages: {c.get('sent')} sent, {c.get('received')} received"
    if c.get("errors", 0):
        return f"had {c['errors']} messages lost, repeated or out of order"
    if r.get("n", 0) <= 0:
        return "measured nothing"
    if workload.kind == "latency" and len(r.get("samples", ())) != r["n"]:
        return f"told of {r['n']} samples, wrote {len(r.get('samples', ()))}"
    if workload.kind == "latency" and not 0 < r["p50"] <= r["p99"] <= r["p999"] <= r["max"]:
        return f"has quantiles out of order: {r['p50']} {r['p99']} {r['p999']} {r['max']}"
    if workload.kind == "rate" and not (r["msgs_per_s"] > 0 and r["cpu_s_per_mmsg"] >= 0):
        return f"has a rate of {r['msgs_per_s']}, CPU {r['cpu_s_per_mmsg']}"
    if workload.kind == "bytes" and r["bytes"] <= 0:
        return "measured no memory"
    return None


def run_rounds(systems, workloads, rounds, seconds_of, say):
    """What was measured: `cells` {key: {system id: [result of each round]}}, `tails` {key: {system id: tail of all rounds}}, `failures` and
    `again` (run a second time, and then well) [(system, workload, why)]."""
    cells, pools, failures, again, broken = {}, {}, [], [], {}
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
                if results is None:                     # once more, and it is told: a busy machine may miss one deadline
                    first = why
                    say(f"{s.title}, {w.id}: once more, for it {why}")
                    results, why = run_one(s, w, seconds_of(w))
                    if results is not None:
                        again.append((s.id, w.id, f"round {r + 1}: {first}"))
                if results is None:
                    failures.append((s.id, w.id, f"round {r + 1}: {why}"))
                    broken[s.id, w.id] = broken.get((s.id, w.id), 0) + 1
                    say(f"FAILED {s.title}, {w.id}: {why}")
                    continue
                for x in results:
                    if "samples" in x:
                        pools.setdefault(w.key(x), {}).setdefault(s.id, array.array("I")).extend(x.pop("samples"))
                    cells.setdefault(w.key(x), {}).setdefault(s.id, []).append({"round": r + 1, **x})
                left = (time.monotonic() - start) / done * (total - done)
                say(f"round {r + 1}/{rounds}  {w.id:16} {s.title:18} {brief(results[0], w):28} "
                    f"{done}/{total}, {left / 60:.1f} min left", progress=True)
    tails = {key: {sid: figures.tail(pool) for sid, pool in row.items()} for key, row in pools.items()}
    return {"cells": cells, "tails": tails, "failures": failures, "again": again}


def brief(r, workload):
    if workload.kind == "latency":
        return f"p50 {human_ns(r['p50'])}"
    if workload.kind == "rate":
        return f"{human_n(r['msgs_per_s'])}/s"
    return human_bytes(r["bytes"])
