"""A pool of processes does jobs, while workers are killed and hung at random: each job is done once, or reported with its cause. Then the throughput
is measured in turns with that of Python's ProcessPoolExecutor.
usage: pool-jobs.py ACTORCTL POOL-JOBS [--jobs N] [--workers N] [--callers N] [--spin US] [--every MS] [--seed N] [--throughput N]
--every: how often a worker is killed or stopped. --throughput: so many jobs without faults, three turns of each; 0: none."""

import argparse
import array
import collections
import concurrent.futures
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from node import Node, run_tests, until  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("programs", nargs=2)
options.add_argument("--jobs", type=int, default=100000)
options.add_argument("--workers", type=int, default=8)
options.add_argument("--callers", type=int, default=64)
options.add_argument("--spin", type=int, default=200)
options.add_argument("--every", type=float, default=50)
options.add_argument("--seed", type=int, default=1)
options.add_argument("--throughput", type=int, default=0)
options = options.parse_args()
actorctl, program = (os.path.abspath(p) for p in options.programs)
node = Node(actorctl, "pool-jobs").up()
STUCK_MS = 500


def start(name, workers, pipeline, retries, log, stuck_ms=STUCK_MS):
    node.ctl("spawn", "--name", f"p-{name}", "--restart", "temporary", "--wait=ready", "--", program, "pool", name, str(workers),
             str(pipeline), str(retries), str(stuck_ms), log)
    until(lambda: stats(name)["workers_up"] == workers, "all workers are up")


def stats(name):
    return json.loads(node.ctl("call", name, "stats").stdout)


def workers(name):
    p = node.ctl("call", name, "workers", rc=None)
    return json.loads(p.stdout) if p.returncode == 0 else []


def run_jobs(name, jobs, callers, spin):
    out = f"{node.root}/{name}.outcomes"
    p = subprocess.run([program, "call", name, str(jobs), str(callers), str(spin), out], capture_output=True, text=True, env=node.env, check=True)
    assert not p.stderr, p.stderr
    lines = p.stdout.splitlines()
    return float(lines[-1]), open(out).read(), [line for line in lines if line.startswith("# ")]


def trouble(name, rng, over, done):
    """Kills and stops workers until @over is set."""
    while not over.wait(options.every / 1000):
        there = [w["pid"] for w in workers(name) if w["pid"] and w["state"] == "up"]
        if not there:
            continue
        what = rng.choice([signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGSEGV])
        try:
            os.kill(rng.choice(there), what)
            done[what.name] += 1
        except ProcessLookupError:
            pass


def under_faults(name, pipeline, retries):
    log = f"{node.root}/{name}.log"
    over, done = threading.Event(), collections.Counter()
    start(name, options.workers, pipeline, retries, log)
    thread = threading.Thread(target=trouble, args=(name, random.Random(options.seed), over, done))
    thread.start()
    try:
        seconds, outcomes, causes = run_jobs(name, options.jobs, options.callers, options.spin)
    finally:
        over.set()
        thread.join()
    counts, s = collections.Counter(outcomes), stats(name)
    print(f"# {name}: {options.jobs} jobs in {seconds:.1f} s under {dict(done)}: {counts['.']} done, {counts['c']} crashed, {counts['s']} stuck; "
          f"{s['deaths']} deaths, {s['kills']} killed as stuck, {s['retried']} given again, {s['returned']} not begun")
    assert len(outcomes) == options.jobs and set(outcomes) <= set(".cs"), counts
    assert len(causes) == counts["c"] + counts["s"] and all("attempt" in c and c.rstrip()[-1] != ":" for c in causes), causes[:3]
    ran = collections.Counter(array.array("Q", open(log, "rb").read()))
    assert all(ran[i] >= 1 for i, end in enumerate(outcomes) if end == "."), "one was answered and not done"
    twice = sum(n > 1 for n in ran.values())
    assert twice <= s["retried"], f"{twice} were done twice, and {s['retried']} were given again"
    assert all(n <= retries + 1 for n in ran.values()), ran.most_common(3)
    assert s["queued"] == s["running"] == 0 and s["done"] == counts["."], s
    assert s["done"] + s["crashed"] + s["stuck"] == options.jobs and s["jobs"] == options.jobs + s["overloaded"], s
    node.ctl("call", name, "drain")
    until(lambda: not [c for c in node.ctl_json("ls") if c["name"].startswith(name + ".") and c["pid"]], "the end of its workers")
    return done


def test_each_job_is_done_once_or_reported_with_its_cause():
    done = under_faults("once", 1, 0)
    assert options.jobs < 50000 or len(done) == 4, done


def test_jobs_are_given_again():
    under_faults("again", 2, 5)


def work(n):
    return n * 3 + 1


def of_python(jobs, n_workers):
    with concurrent.futures.ProcessPoolExecutor(n_workers) as pool:
        list(pool.map(work, range(100)))
        begin = time.monotonic()
        futures = [pool.submit(work, i) for i in range(jobs)]
        assert all(f.result() == i * 3 + 1 for i, f in enumerate(futures))
        return time.monotonic() - begin


def test_throughput_beside_python():
    if not options.throughput:
        return
    ours, theirs = [], []
    start("plain", 2, 1, 0, "-", 0)
    start("piped", 2, 8, 0, "-", 0)
    piped = []
    for _ in range(3):
        for name, into in ("plain", ours), ("piped", piped):
            seconds, outcomes, _ = run_jobs(name, options.throughput, 64, 0)
            assert set(outcomes) == {"."}
            into.append(options.throughput / seconds)
        theirs.append(options.throughput / of_python(options.throughput, 2))
    print(f"# jobs/s, 2 workers, median of 3 in turns: pool {statistics.median(ours):.0f}, with a pipeline of 8 {statistics.median(piped):.0f}, "
          f"ProcessPoolExecutor {statistics.median(theirs):.0f}")


if __name__ == "__main__":
    run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], node)
