"""Kill races: kill -9 and SIGSTOP/SIGCONT hit groups, broker and supervisor at random moments while others call, watch, spawn, stop and remove.
Afterwards the promises must hold. The same seed does the same things in the same order (not at the same moments).
usage: kills.py ACTORCTL COUNTER CALLER [--seconds N] [--seed N]"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from node import Node, alive, run_tests, until  # noqa: E402
from rawpeer import Link, Ref  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("programs", nargs=3)
options.add_argument("--seconds", type=float, default=12)
options.add_argument("--seed", type=int, default=1)
options = options.parse_args()
actorctl, counter, caller = (os.path.abspath(p) for p in options.programs)
node = Node(actorctl, "kills").up()
BROKER, SPAWNER = node.root + "/node/broker.ipc", node.root + "/node/spawner.ipc"
VICTIMS = ["v0", "v1", "v2", "v3"]
over = threading.Event()
problems = []
deaths = []
watched = []  # for each process whose end was waited for, how many monitors it had


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def status():
    return node.ctl_json("status")


def children_of(pid):
    """The children of @pid: pid → state letter"""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found[int(entry)] = fields[0]
    return found


class Worker(threading.Thread):
    """Runs @turn until the time is over, with a random source of its own. An exception of @turn is a problem."""

    def __init__(self, name, turn, seed):
        super().__init__(name=name)
        self.turn, self.rng, self.n = turn, random.Random(seed), 0
        self.start()

    def run(self):
        while not over.is_set():
            try:
                self.turn(self.rng)
                self.n += 1
            except Exception as e:
                problems.append(f"{self.name}: {type(e).__name__}: {e}")
                return


def send_signal(pid, what):
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        pass


def children():
    """The children that the supervisor lists; none while it does not answer."""
    p = node.ctl("--json", "ls", rc=None)
    return {c["name"]: c for c in json.loads(p.stdout)} if p.returncode == 0 else {}


def killer(rng):
    """Kills or stops one process."""
    kind = rng.choices(["group", "stop group", "broker", "stop broker", "supervisor", "stop supervisor"], [10, 4, 3, 2, 2, 1])[0]
    pid = None
    if kind == "supervisor":
        # After a fifth death in 30 s the node goes on without its state, which is another test.
        deaths[:] = [t for t in deaths if time.monotonic() - t < 31]
        if len(deaths) == 4:
            kind = "group"
        else:
            deaths.append(time.monotonic())
    if "group" in kind:
        pid = children().get(rng.choice(VICTIMS), {}).get("pid")
    else:
        p = node.ctl("--json", "status", rc=None)
        if p.returncode == 0:
            pid = json.loads(p.stdout)[kind.split()[-1]]["pid"]
    pause_s = rng.random() * 0.3
    if pid and kind.startswith("stop"):
        send_signal(pid, signal.SIGSTOP)
        over.wait(pause_s)
        send_signal(pid, signal.SIGCONT)
    elif pid:
        send_signal(pid, signal.SIGKILL)
    over.wait(rng.random() * 0.4)


def processes(rng):
    """Spawns, stops, restarts, kills and removes. A verb succeeds or ends with one of the named errors."""
    name = rng.choice(["p0", "p1", "p2"])
    verb = rng.choice([["spawn", "--name", name, "--restart", rng.choice(["permanent", "transient", "temporary"]), "--backoff", "10ms:100ms",
                        "--", "/bin/sh", "-c", rng.choice(["exit 0", "exit 3", "sleep 0.05", "sleep 100", "kill -9 $$"])],
                       ["stop", name], ["start", name], ["restart", name], ["kill", name], ["rm", "--force", name], ["ls"], ["status"]])
    p = node.ctl(*verb, rc=None)
    assert 0 <= p.returncode < 64, f"{verb}: {p.returncode} {p.stderr}"
    assert p.returncode == 0 or p.stderr, f"{verb}: {p.returncode} without a word"


def callers(rng):
    """Makes calls, which may fail, but must end."""
    start = time.monotonic()
    p = node.ctl("call", rng.choice(VICTIMS), *rng.choice([["add", "1"], ["get"], ["nothing"]]), rc=None)
    took_s = time.monotonic() - start
    assert took_s < 30, f"a call took {took_s:.1f} s: {p.stderr}"


def watcher(rng):
    """Watches through the supervisor: each monitor of a process gets one `down`, neither none nor two."""
    try:
        link = Link(SPAWNER)
        listed = link.call("ls", rng.choice(VICTIMS))
        if listed[0] != 3 or not listed[4] or not listed[4][0]["group"] or not listed[4][0]["pid"]:
            link.close()
            over.wait(0.02)
            return
        child = listed[4][0]
        n = rng.randrange(1, 5)
        for i in range(n):
            assert link.call("monitor", child["group"], Ref((link.me[0], link.me[1], 0)), 100 + i)[0] == 3
    except (OSError, EOFError, AssertionError):
        over.wait(0.02)
        return  # the supervisor was hit
    try:
        send_signal(child["pid"], signal.SIGKILL)
        seen, causes = [], []
        link.socket.settimeout(20)
        while len(seen) < n:
            frame = link.receive()
            if frame[0] == 9:
                seen.append(frame[3])
                causes.append(frame[4])
        link.send([12, 1])
        while (frame := link.receive()) != [13, 1]:
            if frame[0] == 9:
                seen.append(frame[3])
                causes.append(frame[4])
        assert sorted(seen) == [100 + i for i in range(n)], f"downs {seen} of {n} monitors: {causes}"
        watched.append(n)
    except (EOFError, ConnectionError):
        pass  # the supervisor was hit
    except TimeoutError:
        # The supervisor is stopped or dead, so nobody waits for a `down` on this link any more.
        assert not link_alive(link), f"downs {seen} of {n} monitors of {child['name']}, pid {child['pid']}"
    finally:
        link.close()


def link_alive(link):
    try:
        link.send([12, 2])
        link.socket.settimeout(5)
        while link.receive() != [13, 2]:
            pass
        return True
    except (OSError, EOFError):
        return False


def everything_holds_after_a_storm():
    node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
    for name in VICTIMS:
        node.ctl("spawn", "--name", name, "--backoff", "10ms:200ms", "--wait=ready", "--", counter, "--name", name)
    before = status()
    keeper = before["keeper"]["pid"]
    untouched = node.child("counter")["pid"]
    load = subprocess.Popen([caller, "counter"], env=node.env, stdout=subprocess.PIPE, text=True)
    assert load.stdout.readline() == "calling\n"
    fds_before = {part: fds(before[part]["pid"]) for part in ("keeper", "supervisor", "broker")}

    workers = [Worker(f"{turn.__name__} {i}", turn, options.seed * 1000 + i)
               for i, turn in enumerate([killer, processes, processes, callers, callers, watcher])]
    over.wait(options.seconds)
    over.set()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive(), f"{worker.name} hangs"
        print(f"# {worker.name}: {worker.n} turns")

    print(f"# {sum(watched)} monitors on {len(watched)} processes, one down each")
    load.send_signal(signal.SIGTERM)
    result = json.loads(load.stdout.readlines()[-1])
    assert load.wait(30) == 0
    print(f"# {result}")
    assert not problems, problems
    assert watched
    # Calls over the direct link must not fail, whoever else is hit, and its two ends must keep their processes.
    assert result["failures"] == 0, result
    assert node.child("counter")["pid"] == untouched and alive(untouched)

    # The victims must come back. Each name has one owner, and each child has only one process.
    for name in VICTIMS:
        until(lambda: children().get(name, {}).get("state") == "ready", f"{name} is ready: {children().get(name)}")
        until(lambda: node.ctl("call", name, "get", rc=None).returncode == 0, f"{name} answers")
    for name in ("p0", "p1", "p2"):
        node.ctl("rm", "--force", name, rc=None)
    until(lambda: not any(n.startswith("p") for n in children()), "the others are gone")
    after = status()
    assert after["keeper"]["pid"] == keeper
    expected = {c["pid"] for c in children().values()} | {after["supervisor"]["pid"], after["broker"]["pid"]}
    until(lambda: set(children_of(keeper)) == expected, f"no process but {expected}: {children_of(keeper)}")
    assert "Z" not in children_of(keeper).values(), children_of(keeper)
    carried = [pid for pid, _ in node.processes()]
    assert len(carried) == len(set(carried)) and set(carried) == expected | {keeper}, (carried, expected, keeper)
    for part, n in fds_before.items():
        until(lambda: fds(after[part]["pid"]) <= n + 2, f"fds of {part} back from {fds(after[part]['pid'])} to {n}")


print(f"# seed {options.seed}")
run_tests([everything_holds_after_a_storm], node)
