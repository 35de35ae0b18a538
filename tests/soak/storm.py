"""A storm of kills on several nodes at once: kill -9 of groups, brokers, supervisors, and of two of them together, one after the other. After each
kill the ledger is checked. These must hold. There is one DOWN for each group that ended and none for others, with the true cause if the supervisor
lived to tell it. No name leads to a dead actor after its DOWN. No other process is touched. All come back and answer by name. In the end no
process is left.
usage: storm.py ACTORCTL MEETER [--groups N] [--brokers N] [--supervisors N] [--pairs N] [--nodes N] [--seed N]"""

import argparse
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from node import Node, alive, until  # noqa: E402
from rawpeer import Link, Ref  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("programs", nargs=2)
for kind, n in (("groups", 40), ("brokers", 20), ("supervisors", 12), ("pairs", 12), ("nodes", 4), ("seed", 1)):
    options.add_argument("--" + kind, type=int, default=n)
options = options.parse_args()
actorctl, meeter = (os.path.abspath(p) for p in options.programs)
REPLY = 3
VICTIMS = ["v0", "v1", "v2"]


def text_of(ref):
    return "<%x.%x.%x>" % tuple(ref)


def kill(*pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Storm:
    """One node, its victims, and a watcher that is never hit."""

    def __init__(self, n, todo, lock):
        self.node = Node(actorctl, f"storm{n}").up()
        self.rng, self.todo, self.lock = random.Random(options.seed * 1000 + n), todo, lock
        self.names_s, self.answers_s, self.done, self.problems = {}, [], {}, []
        self.ledger = self.node.root + "/watcher.ledger"
        self.read_to, self.lines = 0, {}
        for name in ["watcher", *VICTIMS]:
            self.ask("spawn", {"name": name, "argv": [meeter, name, f"{self.node.root}/{name}.ledger"], "ready": "actor", "backoff_min_ms": 10,
                               "backoff_max_ms": 50}, "none", 0, may=("in_use",))
        self.watcher = self.ready("watcher")

    def ask(self, method, *args, may=()):
        def attempt():
            try:
                link = Link(self.node.root + "/node/spawner.ipc")
            except (OSError, EOFError, AssertionError):
                return None
            try:
                answer = link.call(method, *args)
                assert answer[0] == REPLY or answer[4] in may, f"{method}: {answer}"
                return answer
            except (OSError, EOFError):
                return None
            finally:
                link.close()
        return until(attempt, f"{method} {args} is answered")[4]

    def tell(self, to, method, *args):
        def attempt():
            try:
                link = Link(self.node.root + "/node/broker.ipc", features=["single"])
            except (OSError, EOFError, AssertionError):
                return False
            try:
                link.cast(method, *args, to=to)
                return link.call("ask", "x", to=to)[0] == REPLY  # the call comes behind the cast, by the same way
            except (OSError, EOFError):
                return False
            finally:
                link.close()
        until(attempt, f"{method} is heard")

    def found(self, name):
        """Where the name leads for a client that has just come."""
        try:
            link = Link(self.node.root + "/node/broker.ipc", features=["single"])
        except (OSError, EOFError, AssertionError):
            return None
        try:
            answer = link.call("whereis", name)
            return answer[4] if answer[0] == REPLY else None
        except (OSError, EOFError):
            return None
        finally:
            link.close()

    def ready(self, name, but=None):
        def look():
            child = self.ask("ls", name)
            return child and child[0]["state"] == "ready" and child[0]["pid"] != but and child[0]
        return until(look, f"{name} is ready")

    def news(self):
        """The lines of the watcher's ledger, by kind and target, with the new ones."""
        with open(self.ledger) as f:
            f.seek(self.read_to)
            for line in f:
                if not line.endswith("\n"):
                    break
                self.read_to += len(line)
                kind, _, target, *rest = line.split()
                self.lines.setdefault((kind, target), []).append(rest)
        return self.lines

    def blow(self, what):
        name = self.rng.choice(VICTIMS)
        child = self.ready(name)
        ref = Ref(child["ref"])
        n = len(self.news().get(("call", text_of(ref)), []))
        self.tell(Ref(self.watcher["ref"]), "meet", ref, self.rng.choice([0, 100]), 20000, name)
        until(lambda: len(self.news().get(("call", text_of(ref)), [])) > n, f"the watcher met {name}")
        call = self.lines["call", text_of(ref)][-1]
        assert call[0] == "0" and call[1] == call[2], f"meeting {name}: {call}"
        status = self.ask("status")
        parts = {"group": child["pid"], "broker": status["broker"]["pid"], "supervisor": status["supervisor"]["pid"]}
        start = time.monotonic()
        for part in self.rng.sample(what, len(what)):
            if parts[part]:
                kill(parts[part])
        if "broker" in what or "group" in what:
            until(lambda: (r := self.found(name)) and (Ref(r) == ref) == ("group" not in what), f"{name} is found again after {what}")
            self.names_s.setdefault("+".join(sorted(what)), []).append(time.monotonic() - start)
        if "supervisor" in what:
            until(lambda: self.ask("status")["supervisor"]["pid"] != parts["supervisor"], f"another supervisor answers after {what}")
            if what == ["supervisor"]:
                self.answers_s.append(time.monotonic() - start)
        if "group" in what:
            meetings = len(self.lines["call", text_of(ref)])
            until(lambda: len(self.news().get(("down", text_of(ref)), [])) >= meetings, f"{meetings} DOWNs of {name} after {what}")
            reasons = {rest[0] for rest in self.lines["down", text_of(ref)]}
            allowed = {"signal"} if what == ["group"] else {"signal", "noconnection", "noproc"}
            assert reasons <= allowed, f"{name} killed with {what}: {reasons}"
            self.ready(name, but=child["pid"])
        else:
            assert self.ready(name)["pid"] == child["pid"], f"{name} has another process after {what}"

    def look_at_the_books(self):
        """Each watcher has had one DOWN of each end. Nothing is stale or missing. The watcher and the supervisor's state are as before."""
        for (kind, target), lines in self.news().items():
            if kind == "down":
                met = len(self.lines.get(("call", target), []))
                assert len(lines) == met, f"{len(lines)} DOWNs for {met} watchers of {target}"
            assert kind not in ("stale", "hole"), f"{kind} {target} {lines}"
        now = self.ready("watcher")
        assert now["restart"] == "permanent" and not now["adopted"], "the supervisor's state was lost"
        assert now["pid"] == self.watcher["pid"], "the watcher has another process"

    def next(self):
        with self.lock:
            kinds = [kind for kind, n in self.todo.items() if n > 0]
            if not kinds:
                return None
            kind = self.rng.choice(kinds)
            self.todo[kind] -= 1
            return kind

    def run(self):
        try:
            while kind := self.next():
                what = {"groups": ["group"], "brokers": ["broker"], "supervisors": ["supervisor"]}.get(kind) or self.rng.sample(["group", "broker", "supervisor"], 2)
                self.blow(what)
                self.look_at_the_books()
                self.done[kind] = self.done.get(kind, 0) + 1
            time.sleep(1.5)  # a second DOWN would have come by now: the limit for the true cause is 1 s
            self.look_at_the_books()
        except Exception as e:
            self.problems.append(f"{self.node.root}: {type(e).__name__}: {e}")
            self.node.logs()
        try:
            self.node.down()
        except Exception as e:
            self.problems.append(str(e))


def main():
    todo = {kind: getattr(options, kind) for kind in ("groups", "brokers", "supervisors", "pairs")}
    start, lock = time.monotonic(), threading.Lock()
    print(f"1..1\n# seed {options.seed}", flush=True)
    storms = [Storm(n, todo, lock) for n in range(options.nodes)]
    threads = [threading.Thread(target=storm.run) for storm in storms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    problems = [p for storm in storms for p in storm.problems]
    done = {kind: sum(storm.done.get(kind, 0) for storm in storms) for kind in todo}
    downs = sum(len(lines) for storm in storms for (kind, _), lines in storm.lines.items() if kind == "down")
    print(f"# {done}, {downs} DOWNs, {time.monotonic() - start:.0f} s in all")
    for kind in sorted({kind for storm in storms for kind in storm.names_s}):
        s = sorted(s for storm in storms for s in storm.names_s.get(kind, []))
        print(f"# names back after a kill of {kind}: {s[len(s) // 2]:.3f} s (median), {s[len(s) * 99 // 100]:.3f} s (99 of 100), {s[-1]:.3f} s (longest of {len(s)})")
    print(f"{'not ok' if problems else 'ok'} 1 - nobody_is_lost_or_disturbed_in_a_storm_of_kills")
    for problem in problems:
        print("# " + problem.replace("\n", "\n# "))
    s = sorted(s for storm in storms for s in storm.answers_s)
    if s:
        print(f"# answers again after a kill of supervisor: {s[len(s) // 2]:.3f} s (median), {s[len(s) * 99 // 100]:.3f} s (99 of 100), {s[-1]:.3f} s (longest of {len(s)})")
    sys.exit(bool(problems))


main()
