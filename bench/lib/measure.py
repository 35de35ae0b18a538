# SPDX-License-Identifier: Apache-2.0
"""Runs one program at a time. The systems are interleaved, and every result is checked before it counts."""

import array
import ctypes
import json
import math
import os
import shutil
import signal
import subprocess
import tempfile
import time

from . import figures, machine
from .human import human_bytes, human_n, human_ns

TIMEOUT_S = 90
PR_SET_CHILD_SUBREAPER = 36


class Fault(Exception):
    """What is wrong with a run, as the rest of a sentence that begins with "it"."""


def adopt_orphans():
    """Makes processes that a program leaves behind children of this process, so that they can be found even in a session of their own."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run_one(system, workload, seconds):
    """(the checked results that one program printed, ""), or (None, why). The result of a latency also has its samples."""
    directory = tempfile.mkdtemp(prefix="bench-")
    try:
        return _checked(system, workload, seconds, directory), ""
    except (Fault, OSError) as e:
        return None, str(e)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _checked(system, workload, seconds, directory):
    out = _output(system, workload, seconds, directory)
    results = []
    for line in out.splitlines():
        if line.startswith("{"):
            try:
                results.append(json.loads(line))
            except ValueError as e:
                raise Fault(f"printed no JSON: {line[:80]}") from e
    if workload.kind == "latency" and len(results) == 1 and isinstance(results[0], dict):
        results[0].update(_samples(os.path.join(directory, "samples")))
    fault = check(results, workload)
    if fault:
        raise Fault(fault)
    return results


def _output(system, workload, seconds, directory):
    command = [*system.run, workload.program, "--seconds", str(seconds), "--dir", directory, *workload.args]
    with machine.Awake(workload.awake), tempfile.TemporaryFile("w+", errors="replace") as err:
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL, text=True, errors="replace",
                             cwd=directory, start_new_session=True)
        try:
            out, _ = p.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise Fault(f"was not done, or something of it still ran, after {TIMEOUT_S} s") from None
        finally:
            end_descendants(p)
        err.seek(0)
        said = [line.strip() for line in err if line.strip()]
    if p.returncode != 0:                               # the first line that begins with "bench:" has the reason; later lines are consequences
        why = next((line for line in said if line.startswith("bench:")), said[-1] if said else "said nothing")
        raise Fault(f"ended with {p.returncode}: {why[:200]}")
    return out


def _descendants():
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                    parents[int(entry)] = int(f.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue                                # the process has ended meanwhile
    found, new = set(), {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return found


def end_descendants(reaped=None):
    """Kills all descendants until there are none: a process that is killed may have just made a child. `reaped`: a Popen, which is waited for by
    its own wait()."""
    while True:
        left = _descendants() - ({reaped.pid} if reaped and reaped.returncode is not None else set())
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if reaped:
            reaped.wait()
        for pid in left:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass                                    # it is not a child of this process yet, or is gone
        if not left:
            return


def _samples(path):
    """Reads every sample of a latency from a file beside the sockets, in 32-bit integers of the machine, and adds their quantiles."""
    samples = array.array("I")
    if not os.path.exists(path):
        raise Fault("wrote no samples")
    with open(path, "rb") as f:
        samples.fromfile(f, os.path.getsize(path) // samples.itemsize)
    if not samples:
        raise Fault("measured nothing")
    return {"samples": samples, **figures.quantiles(samples)}


def _numbers(r, *names):
    return all(isinstance(r.get(n), (int, float)) and not isinstance(r.get(n), bool) and math.isfinite(r[n]) for n in names)


def check(results, workload):
    """What is wrong with the results that a program printed, or None. For instance, no message may be lost, and something must have been measured."""
    if not all(isinstance(r, dict) for r in results):
        return "printed no JSON object"
    sizes = [r.get("size") for r in results]
    if workload.sizes and sizes != workload.sizes:
        return f"measured the sizes {sizes} for {workload.sizes}"
    if not workload.sizes and len(results) != 1:
        return f"printed {len(results)} results for one"
    return next((fault for fault in (_fault(r, workload) for r in results) if fault), None)


def _fault(r, workload):
    c = r.get("check")
    if r.get("workload") not in (workload.id, workload.program):
        return f"measured {r.get('workload')}"
    if not isinstance(c, dict) or not _numbers(c, "sent", "received", "errors") or not _numbers(r, "n", *figures.NEEDED[workload.kind]):
        return f"printed no numbers for n, check or {', '.join(figures.NEEDED[workload.kind])}"
    if c["sent"] <= 0 or c["sent"] != c["received"]:
        return f"lost messages: {c['sent']} sent, {c['received']} received"
    if c["errors"]:
        return f"had {c['errors']} messages lost, repeated or out of order"
    if r["n"] <= 0:
        return "measured nothing"
    if workload.kind == "latency" and len(r.get("samples", ())) != r["n"]:
        return f"told of {r['n']} samples, wrote {len(r.get('samples', ()))}"
    if not all(r[n] > 0 for n in figures.NEEDED[workload.kind] if n != "cpu_s_per_mmsg") or r.get("cpu_s_per_mmsg", 0) < 0:
        return "measured " + ", ".join(f"{n} {r[n]}" for n in figures.NEEDED[workload.kind])
    return None


def run_rounds(systems, workloads, rounds, say, keep):
    """Returns what was measured: `cells` {key: {system id: [result of each round]}}, `tails` {key: {system id: tail of all rounds}}, `failures` and
    `again` (runs that failed once and then succeeded) [(system, workload, why)]. `keep` is called with it after each round, so that an interrupted
    run keeps its complete rounds."""
    cells, pools, failures, again, hung = {}, {}, [], [], set()
    todo = [(s, w) for w in workloads for s in systems if s.has(w) and not s.missing]
    done, start = 0, time.monotonic()

    def measured(complete):
        return {"rounds": complete, "cells": cells, "tails": {key: {sid: figures.tail(p) for sid, p in row.items()} for key, row in pools.items()},
                "failures": failures, "again": again}

    for r in range(rounds):
        for s, w in todo:
            left = (time.monotonic() - start) / done * (rounds * len(todo) - done) if done else 0
            at = f"round {r + 1}/{rounds}  {w.id:16} {s.title.strip('*'):18}"
            done += 1
            if (s.id, w.id) in hung:
                failures.append((s.id, w.id, f"round {r + 1}: not tried, it hung before"))
                continue
            say(f"{at} … {left / 60:.1f} min left", progress=True)
            results, why = run_one(s, w, w.seconds)
            if results is None and "was not done" in why:
                hung.add((s.id, w.id))
            elif results is None:                       # one more try, which is reported: a busy machine may miss a deadline
                first = why
                results, why = run_one(s, w, w.seconds)
                if results is not None:
                    again.append((s.id, w.id, f"round {r + 1}: it {first}"))
                    say(f"{s.title}, {w.id}: made once more, for it {first}")
            if results is None:
                failures.append((s.id, w.id, f"round {r + 1}: it {why}"))
                say(f"FAILED {s.title}, {w.id}: it {why}")
                continue
            for x in results:
                if "samples" in x:
                    pools.setdefault(w.key(x), {}).setdefault(s.id, array.array("I")).extend(x.pop("samples"))
                cells.setdefault(w.key(x), {}).setdefault(s.id, []).append({"round": r + 1, **x})
            say(f"{at} {brief(results[0], w):28} {done}/{rounds * len(todo)}, {left / 60:.1f} min left", progress=None)
        keep(measured(r + 1))
    return measured(rounds)


def brief(r, workload):
    if workload.kind == "latency":
        return f"p50 {human_ns(r['p50'])}"
    if workload.kind == "rate":
        return f"{human_n(r['msgs_per_s'])}/s"
    return human_bytes(r["bytes"])
