"""Random first meetings: groups start, meet for the first time, compute for up to 4 s, stop and die, while broker and supervisor are killed and
stopped. These must hold. Each call ends once and truly. No note that was accepted for a receiver that lives is lost, doubled or out of order. A
DOWN comes for each group that ended, and for no other. Each stream ends once and truly, its items are in order and none is missing, and who tells
them hears that nobody takes them. The same seed does the same in the same order (not at the same moments).
usage: meetings.py ACTORCTL MEETER [--seconds N] [--seed N]"""

import argparse
import errno
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from node import Node, run_tests, until  # noqa: E402
from rawpeer import Link, Ref  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("programs", nargs=2)
options.add_argument("--seconds", type=float, default=12)
options.add_argument("--seed", type=int, default=1)
options = options.parse_args()
actorctl, meeter = (os.path.abspath(p) for p in options.programs)
node = Node(actorctl, "meetings").up()
BROKER, SPAWNER = node.root + "/node/broker.ipc", node.root + "/node/spawner.ipc"
rng = random.Random(options.seed)
LIVING = 10
TIMEOUTS_MS = [300, 2000, 20000]
REPLY = 3


def text_of(ref):
    return "<%x.%x.%x>" % tuple(ref)


def link_to(path, **more):
    def attempt():
        try:
            return Link(path, **more)
        except (OSError, EOFError, AssertionError):
            return None
    return until(attempt, f"a link to {path}")


class Voice:
    """A link for commands. When it has ended, a new one is made, and what was said last is said again: hearing it twice does no harm."""

    def __init__(self, path, **more):
        self.path, self.more, self.link = path, more, None

    def ask(self, method, *args, to=None):
        while True:
            try:
                self.link = self.link or link_to(self.path, **self.more)
                self.link.socket.settimeout(60)
                return self.link.call(method, *args, to=to)
            except (OSError, EOFError):
                self.link.close()
                self.link = None

    def tell(self, to, method, *args):
        """Casts @method. True: it is certain that it was sent."""
        try:
            self.link = self.link or link_to(self.path, **self.more)
            self.link.cast(method, *args, to=to)
            self.link.send([12, 1])
            while self.link.receive() != [13, 1]:
                pass
            return True
        except (OSError, EOFError):
            self.link.close()
            self.link = None
            return False


spawner, broker = Voice(SPAWNER), Voice(BROKER, features=["single"])


def born(pid):
    """The start time of @pid, which makes a process unique together with its pid: pids are used again. None: there is no such process, or it is dead."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


class Meeter:
    n = 0

    def __init__(self):
        Meeter.n += 1
        self.name = f"m{Meeter.n}"
        self.ledger = f"{node.root}/{self.name}.ledger"
        self.end = None  # "stopped" or "killed"
        answer = spawner.ask("spawn", {"name": self.name, "argv": [meeter, self.name, self.ledger], "restart": "temporary", "ready": "actor"}, "none", 0)
        assert answer[0] == REPLY or answer[4] == "in_use", answer
        self.ref = None

    def ready(self):
        def child():
            found = spawner.ask("ls", self.name)[4]
            return found and found[0]["state"] == "ready" and found[0]
        child = until(child, f"{self.name} is ready")
        self.pid, self.ref = child["pid"], Ref(child["ref"])
        self.born = born(self.pid)
        self.text = text_of(self.ref)

    def lines(self):
        try:
            with open(self.ledger) as f:
                return [line.split() for line in f if line.endswith("\n")]
        except OSError:
            return []


def signal_to(pid, what):
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        pass


def pause(pid):
    """Stops a process for a while, without waiting for that."""
    signal_to(pid, signal.SIGSTOP)
    timer = threading.Timer(0.1 + 3.4 * rng.random(), signal_to, (pid, signal.SIGCONT))
    timer.start()
    return timer


def check_stream(sender, target, lines, counts):
    """What is wrong with the end of a stream that @sender read from @target."""
    if "read" not in lines:
        return [] if sender.end else [f"no end of the stream: {lines}"]
    r, came, value, wanted, took_ms, timeout_ms = map(int, lines["read"][1:])
    r = -r
    counts["items"] += came
    if r == 0:
        return [] if came == value == wanted else [f"a whole stream has {came} of {wanted} items, and ended with {value}"]
    if r == errno.ETIMEDOUT:
        return [] if took_ms >= timeout_ms - 1 else [f"a stream timed out after {took_ms} of {timeout_ms} ms"]
    if r == errno.ECANCELED or (r in (errno.ESRCH, errno.ECONNRESET) and target.end) or r == errno.EBUSY:
        return []
    return [f"a stream ended with {errno.errorcode.get(r, r)} after {came} of {wanted} items"]


def check(meeters):
    """What the ledgers say that must not be so."""
    problems, counts = [], {"meetings": 0, "calls": 0, "downs": 0, "notes": 0, "timeouts": 0, "streams": 0, "items": 0}
    by_text = {m.text: m for m in meeters}
    for sender in meeters:
        visitors = {}
        for kind, visitor, *rest in sender.lines():
            lines = visitors.setdefault(visitor, {})
            if kind == "hole":
                problems.append(f"{sender.name}: of {visitor} came {rest[1]}, expected {rest[0]}")
                continue
            if kind in lines:
                problems.append(f"{sender.name}: {visitor}: two lines {kind}: {lines[kind]} and {rest}")
            lines[kind] = rest
        for visitor, lines in visitors.items():
            if not lines or "tell" in lines:
                continue
            target = by_text[next(iter(lines.values()))[0]]
            what = f"{sender.name} {visitor} -> {target.name} ({target.end or 'alive'})"
            if "open" in lines:
                counts["streams"] += 1
                problems += [f"{what}: {p}" for p in check_stream(sender, target, lines, counts)]
                continue
            counts["meetings"] += 1
            sent = None
            if "sent" in lines:
                sent, r = int(lines["sent"][1]), -int(lines["sent"][2])
                counts["notes"] += sent
                if r and not (r == errno.EBUSY or (r == errno.ESRCH and target.end) or (r == errno.ECANCELED and sender.end)):
                    problems.append(f"{what}: a cast failed: {errno.errorcode.get(r, r)}")
            if "call" in lines:
                _, r, noted, sent_, took_ms, timeout_ms = lines["call"]
                r, counts["calls"] = -int(r), counts["calls"] + 1
                if r == 0 and noted != sent_:
                    problems.append(f"{what}: answered with {noted} of {sent_} notes")
                elif r == errno.ETIMEDOUT:
                    counts["timeouts"] += 1
                    if int(took_ms) < int(timeout_ms) - 1:
                        problems.append(f"{what}: timed out after {took_ms} of {timeout_ms} ms")
                elif r in (errno.ESRCH, errno.ECONNRESET) and not target.end:
                    problems.append(f"{what}: a call ended with {errno.errorcode[r]}")
                elif r not in (0, errno.ESRCH, errno.ECONNRESET) and not (r == errno.ECANCELED and sender.end):
                    problems.append(f"{what}: a call ended with {errno.errorcode.get(r, r)}")
            elif not sender.end:
                problems.append(f"{what}: no end of the call: {lines}")
            if "down" in lines:
                counts["downs"] += 1
                if not target.end:
                    problems.append(f"{what}: a false DOWN: {lines['down'][1]}")
                elif lines["down"][1] not in {"killed": ("signal", "noproc", "noconnection"),
                                              "stopped": ("normal", "shutdown", "noproc", "noconnection")}[target.end]:
                    problems.append(f"{what}: a DOWN with the reason {lines['down'][1]}")
            elif target.end and not sender.end:
                problems.append(f"{what}: no DOWN")
            if not target.end and sent is not None:
                noted = broker.ask("ask", visitor, to=target.ref)
                if noted[0] != REPLY or (noted[4] != sent if sender.end != "killed" else noted[4] > sent):
                    problems.append(f"{what}: {sent} notes were accepted, {noted[4:]} came")
    print(f"# {counts}")
    return problems


def those_who_meet_tell_the_truth():
    meeters = [Meeter() for _ in range(LIVING)]
    for m in meeters:
        m.ready()
    timers, deaths = [], []
    end = time.monotonic() + options.seconds
    done = {}
    while time.monotonic() < end:
        living = [m for m in meeters if not m.end]
        what = rng.choices(["meet", "read", "busy", "stop", "kill", "kill broker", "pause broker", "kill supervisor", "pause supervisor", "pause one"],
                           [50, 20, 12, 3, 5, 2, 3, 1, 2, 6])[0]
        if what == "kill supervisor":
            deaths = [t for t in deaths if time.monotonic() - t < 31]  # after a fifth death its state is set aside, which is another test
            if len(deaths) == 3:
                continue
            deaths.append(time.monotonic())
        done[what] = done.get(what, 0) + 1
        one = rng.choice(living)
        if what == "meet":
            other = rng.choice([m for m in meeters[-20:] if m is not one])
            broker.tell(one.ref, "meet", other.ref, rng.choice([0, 1, 10, 1000, 20000]), rng.choice(TIMEOUTS_MS))
        elif what == "read":
            other = rng.choice([m for m in meeters[-20:] if m is not one])
            wanted = rng.choice([0, 1, 100, 5000])
            broker.tell(one.ref, "read", other.ref, wanted, rng.choice(TIMEOUTS_MS), rng.choice([-1, -1, -1, 1, max(1, wanted // 2)]))
        elif what == "busy":
            broker.tell(one.ref, "busy", rng.randrange(4000))
        elif what in ("stop", "kill"):
            one.end = {"stop": "stopped", "kill": "killed"}[what]
            if what == "kill":
                signal_to(one.pid, signal.SIGKILL)
            else:
                signal_to(one.pid, signal.SIGTERM)
        elif what == "pause one":
            timers.append(pause(one.pid))
        else:
            status = spawner.ask("status")[4]
            pid = status[what.split()[1]]["pid"]
            if pid and what.startswith("kill"):
                signal_to(pid, signal.SIGKILL)
            elif pid:
                timers.append(pause(pid))
        if len([m for m in meeters if not m.end]) < LIVING:
            meeters.append(Meeter())
            meeters[-1].ready()
        time.sleep(rng.random() * 0.05)
    for timer in timers:
        timer.join()
    print(f"# {done}")

    # All that was begun must end by itself: busy groups go on, calls end within their time, each death is heard of.
    unsettled = []  # why it was not settled the last time

    def settled():
        unsettled.clear()
        silent = [m.name for m in meeters if not m.end and broker.ask("ask", "nobody", to=m.ref)[0] != REPLY]
        if silent:
            unsettled.append(f"no answer of {silent}")
            return False
        for m in meeters: # each has answered, so it has made all the visitors that it was told to make
            if m.end == "stopped" and born(m.pid) == m.born:
                unsettled.append(f"{m.name} (pid {m.pid}) was stopped and lives")
                return False
            if m.end:
                continue
            state = {}
            for kind, visitor, *rest in m.lines():
                if kind != "hole":
                    state.setdefault(visitor, {})[kind] = rest
            for lines in state.values():
                if "tell" in lines or "open" in lines:
                    if len(lines) == 1:
                        unsettled.append(f"a stream at {m.name} has only {lines}")
                        return False
                    continue
                target = next(t for t in meeters if t.text == next(iter(lines.values()))[0])
                if "call" not in lines or (target.end and "down" not in lines):
                    unsettled.append(f"a visitor of {m.name} at {target.name} (group {target.text}, {target.end or 'lives'}) has only {lines}")
                    return False
        return True

    problems = []
    try:
        until(settled, "all meetings are over")
    except AssertionError as e:
        problems.append(f"{e}: {' '.join(unsettled)}")
    problems += check(meeters)
    for m in meeters:
        if not m.end and born(m.pid) != m.born:
            problems.append(f"{m.name} ended although nobody ended it")
    assert not problems, "\n".join(problems[:40] + [f"{len(problems)} problems"])


print(f"# seed {options.seed}")
run_tests([those_who_meet_tell_the_truth], node)
