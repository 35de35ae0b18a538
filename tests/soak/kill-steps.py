"""Kill at every step. The same story of a node is told again and again. Each time one of its processes gets SIGKILL at another of its system calls:
at the first, the second, the third … (kill-at.c).

The story: a node starts. A counter that nobody may disturb is called in a loop over a direct link. A second program is started, watched, called, cast
to, killed, stopped, started. A job ends with 3. The node goes down.

These must hold wherever the kill is. Every request is answered, or its link ends. There is one process for each child. The counter keeps its process,
and calls to it fail only when the node dies. Three watchers hear of each end with its true cause: over a link with the supervisor, by the broker, and
as an actor program, which hears of it exactly once. The last two outlive the supervisor and do not ask again. What was promised before the kill (a
spawn, a stop) is so after it. Exit statuses are told truly. After `down` nothing is left, and the directory can be used again.

usage: kill-steps.py ACTORCTL COUNTER CALLER KILL-AT WATCHER [--parts supervisor,broker,keeper,group] [--points N | --every N] [--seed N] [--seconds
N] [--jobs N]
--points: so many steps of each part, chosen by chance (default 12). --every: each N-th step of each part. --seconds: no step is begun after that
time."""

import argparse
import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from node import PATIENCE, alive, plain, until  # noqa: E402
from rawpeer import Link, Ref  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("programs", nargs=5)
options.add_argument("--parts", default="supervisor,broker,keeper,group")
options.add_argument("--points", type=int, default=12)
options.add_argument("--every", type=int, default=0)
options.add_argument("--seed", type=int, default=1)
options.add_argument("--seconds", type=float, default=1e9)
options.add_argument("--jobs", type=int, default=2)
options.add_argument("--at", type=int, default=0)
options = options.parse_args()
actorctl, counter, caller, kill_at, watcher = (os.path.abspath(p) for p in options.programs)
build = os.path.dirname(os.path.dirname(actorctl))
spawner = os.path.join(build, "spawner/actor-spawner")
PROGRAMS = {"supervisor": "actor-supervisor", "broker": "actor-broker", "keeper": "actor-spawner", "group": "victim"}
REPLY, ERROR, DOWN = 3, 4, 9
RETRY = ("shutdown", "down", "noconnection", "not_ready", "noproc")


class NodeIsGone(Exception):
    """The keeper was killed. The story is over, and only what is left matters."""


def wait_for(condition, what):
    return until(condition, what, 0.005)


class Story:
    def __init__(self, part, at):
        self.part, self.at = part, at
        self.root = tempfile.mkdtemp(prefix="test-steps-")
        self.dir = self.root + "/node"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("ACTOR_", "XDG_"))}
        self.env.update(ACTOR_RUNTIME_DIR=self.dir, ACTOR_LOG_DIR=self.root + "/logs", LC_ALL="C.UTF-8")
        self.env["ASAN_OPTIONS"] = self.env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # LeakSanitizer does not work under ptrace
        self.victim_program = self.root + "/victim"
        shutil.copy(counter, self.victim_program)
        self.keeper = self.load = self.watching_program = None
        self.said = ""

    # ---- the node ----

    def start(self, traced=True):
        argv = [spawner, "--runtime-dir", self.dir, "--log-dir", self.root + "/logs"]
        if traced:
            argv = [kill_at, PROGRAMS[self.part], str(self.at), *argv]
        self.keeper = subprocess.Popen(argv, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.errors = []
        self.readers = [threading.Thread(target=self.read_out), threading.Thread(target=self.read_errors)]
        for reader in self.readers:
            reader.start()

    def read_out(self):
        for line in self.keeper.stdout:
            self.said = line.strip()

    def read_errors(self):
        for line in self.keeper.stderr:
            self.errors.append(line.rstrip())

    def ended(self):
        return self.keeper.poll() is not None

    def processes(self):
        """The living processes that carry this node's directory."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            text = b""
            for part in "environ", "cmdline":
                try:
                    with open(f"/proc/{pid}/{part}", "rb") as f:
                        text += f.read()
                except OSError:
                    pass
            if self.root.encode() in text and int(pid) != self.keeper.pid and alive(pid):
                found[int(pid)] = text
        return found

    def gone(self):
        if self.ended():
            raise NodeIsGone

    # ---- asking ----

    def link(self, door="spawner.ipc", **more):
        """A link to the supervisor or the broker, as soon as one can be had."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.gone()
            try:
                return Link(f"{self.dir}/{door}", **more)
            except (OSError, EOFError, AssertionError):
                assert time.monotonic() < deadline, f"nobody answers at {door}"
                time.sleep(0.005)

    def ask(self, method, *args, may=()):
        """What the supervisor answers. Asks again when the link has ended. An error named in @may counts as an answer if the request had to be asked
        again, because it may have been carried out before."""
        again = False
        while True:
            link = None
            try:
                link = self.link()
                link.socket.settimeout(PATIENCE)
                frame = link.call(method, *args)
            except (EOFError, ConnectionError, AssertionError):
                self.gone()
                again = True
                continue
            finally:
                if link:
                    link.close()
            if frame[0] == ERROR:
                if frame[4] in ("shutdown", "down", "noconnection", "not_ready"):
                    again = True
                    continue
                told = self.part == "group" and frame[4] == "ended"  # that was the injected kill
                assert told or (again and frame[4] in may), f"{method} {args}: {frame[4]}: {frame[5]}"
                return None
            return frame[4]

    def child(self, name):
        found = self.ask("ls", name)
        assert len(found) == 1, f"{name}: {found}"
        return found[0]

    def until_state(self, name, states):
        return wait_for(lambda: (c := self.child(name))["state"] in states and c, f"{name} is {states}: {self.child(name)}")

    def spawn(self, wait, **spec):
        self.ask("spawn", spec, wait, 0, may=("in_use", "ended"))

    # ---- the story ----

    def watch(self, group):
        """Watches a process until its end, and returns its causes. Watches again when its link has ended; a process that is gone by then has the
        cause `noproc`."""
        causes = []
        while not causes:
            link = self.link()
            try:
                link.socket.settimeout(PATIENCE)
                link.send([2, link.service, link.me, "monitor", [group, Ref((link.me[0], link.me[1], 0)), 77], 9, 0])
                while True:
                    frame = link.receive() if not causes else self.receive_what_is_there(link)
                    if frame is None:
                        break
                    if frame[0] == DOWN and frame[3] == 77:  # if the process is gone, this can come before the answer
                        causes.append(frame[4])
                    elif frame[0] in (REPLY, ERROR):
                        assert frame[0] == REPLY, frame
                        self.watching.set()
            except (EOFError, ConnectionError):
                self.gone()
            finally:
                link.close()
        return causes

    def watch_by_broker(self, group, watching):
        """Watches as a group whose only link is with the broker: its monitor must outlive a supervisor. Asks again only if it got no answer, or if
        the broker has ended."""
        while True:
            link, causes, answered = self.link("broker.ipc", features=["single"]), [], False
            try:
                link.socket.settimeout(PATIENCE)
                while not answered:
                    frame = link.call("whereis", "$spawner")
                    if frame[0] != REPLY or not frame[4]:
                        time.sleep(0.005)
                        continue
                    link.send([2, frame[4], link.me, "monitor", [group, link.me, 78], 9, 0])
                    while not causes:  # if the process is gone, the DOWN can come before the answer
                        frame = link.receive()
                        if frame[0] == DOWN and frame[3] == 78:
                            causes.append(frame[4])
                        elif frame[0] in (REPLY, ERROR) and frame[3] == 9:
                            break
                    answered = causes or frame[0] == REPLY
                    assert answered or frame[4] in RETRY, frame
                watching.set()
                while not causes:
                    frame = link.receive()
                    if frame[0] == DOWN and frame[3] == 78:
                        causes.append(frame[4])
                return causes
            except TimeoutError:
                self.gone()
                raise AssertionError("by the broker: a watch is lost, its end is never told") from None
            except (EOFError, ConnectionError):
                self.gone()
                assert self.part in ("broker", "keeper"), "the broker ended the link"
            finally:
                link.close()

    def watch_as_program(self, ref):
        """Starts an actor program, which hears of the end by whatever link it has. Returns a function that waits for its notices."""
        env = {**self.env, "LD_LIBRARY_PATH": os.path.join(build, "libactor")}
        while True:
            program = subprocess.Popen([watcher, "<{:x}.{:x}.0>".format(*ref[:2])], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.watching_program = program
            lines = [program.stdout.readline()]
            if lines[0]:
                break
            program.wait()
            self.gone()
            assert self.part == "broker", f"the watching program ended: {program.returncode}"
        reader = threading.Thread(target=lambda: lines.extend(program.stdout))
        reader.start()

        def notices():
            return [line.split()[1:] for line in list(lines) if line.startswith("down")]

        def told():
            try:
                wait_for(lambda: notices() or program.poll() is not None or self.ended(), "as a program: a watch is lost, its end is never told")
                self.gone()
                self.ask("status")  # when it answers, the next supervisor has told all notices that it owed
                return notices()
            finally:
                program.kill()
                program.wait()
                reader.join()

        return told

    @staticmethod
    def receive_what_is_there(link):
        """The next frame of all that was sent until now; None: there is none. The answer to a ping comes after them."""
        if not hasattr(link, "pinged"):
            link.pinged = True
            link.send([12, 5])
        frame = link.receive()
        return None if frame == [13, 5] else frame

    def tell(self):
        self.ask("status")
        self.spawn("ready", name="steady", argv=[counter, "--name", "steady"], ready="actor")
        steady = self.until_state("steady", ("ready",))
        self.steady_pid = steady["pid"]
        self.load = subprocess.Popen([caller, "steady"], env=self.env, stdout=subprocess.PIPE, text=True)
        first = self.load.stdout.readline()
        if first != "calling\n":
            self.gone()
            raise AssertionError(f"the load says {first!r}")

        self.spawn("ready", name="victim", argv=[self.victim_program, "--name", "victim"], ready="actor",
                   env={"LD_LIBRARY_PATH": os.path.join(build, "libactor")}, backoff_min_ms=10, backoff_max_ms=50)
        victim = self.until_state("victim", ("ready",))
        self.called("victim")

        # The end is told once, with its cause.
        self.watching = threading.Event()
        pool = concurrent.futures.ThreadPoolExecutor(2)
        by_link = pool.submit(self.watch, victim["group"])
        wait_for(lambda: self.watching.is_set() or by_link.done(), "it is watched")
        watching = threading.Event()
        by_broker = pool.submit(self.watch_by_broker, victim["group"], watching)
        wait_for(lambda: watching.is_set() or by_broker.done(), "it is watched by the broker")
        as_program = self.watch_as_program(victim["ref"])
        try:
            os.kill(victim["pid"], signal.SIGKILL)
        except ProcessLookupError:
            pass  # that was the injected kill
        causes = by_link.result(PATIENCE)
        assert len(causes) == 1, causes
        assert causes[0]["reason"] in ("signal", "noproc"), causes
        if causes[0]["reason"] == "signal":
            assert causes[0]["signal"] == "SIGKILL", causes
        true = ("signal", "noproc") if self.part in ("group", "broker") else ("signal",)  # noproc: it ended before it was watched, or was watched again
        for cause in by_broker.result(2 * PATIENCE):
            assert cause["reason"] in true and cause.get("signal") in ("SIGKILL", None), f"by the broker: {cause}"
        notices = as_program()
        assert len(notices) == 1 and (notices[0] == ["signal", "9"] or notices[0][0] in true[1:]), f"as a program: {notices}"
        back = wait_for(lambda: (c := self.child("victim"))["state"] == "ready" and c["pid"] != victim["pid"] and c, "the victim is back")
        assert back["restarts"] >= 1 and back["last_exit"]["signal"] == "SIGKILL", back
        self.called("victim")

        # The status of a job is told.
        self.spawn("none", name="job", argv=["/bin/sh", "-c", "exit 3"], restart="temporary")
        job = self.until_state("job", ("down",))
        assert (job["last_exit"]["kind"], job["last_exit"]["code"]) == ("exit", 3), job

        # What was asked for stays so.
        self.ask("stop", "victim", True)
        assert self.child("victim")["state"] == "down"
        self.ask("status")
        assert self.child("victim")["state"] == "down"
        self.ask("start", "victim", True, may=("running",))
        self.until_state("victim", ("ready",))
        self.called("victim")

        # Nobody was disturbed, and there is one process for each child.
        self.load.send_signal(signal.SIGTERM)
        result = self.load.stdout.readlines()[-1]
        assert '"failures": 0,' in result, result
        assert self.load.wait(PATIENCE) == 0
        assert self.child("steady")["pid"] == self.steady_pid and alive(self.steady_pid)
        for name in ("steady", "victim"):
            pids = [pid for pid, text in self.processes().items() if f"--name\0{name}\0".encode() in text]
            assert len(pids) == 1, f"{name}: {pids}"
        os.kill(self.keeper_pid(), signal.SIGTERM)
        wait_for(self.ended, "the node's end")
        if self.part != "keeper":
            assert self.keeper.returncode == 0, (self.keeper.returncode, self.errors[-5:])

    def keeper_pid(self):
        with open(self.dir + "/lock") as f:
            return int(f.read().split()[0])

    def called(self, name):
        """Waits until an actor answers under that name, which the broker finds and through which it is called."""
        def answered():
            link = None
            try:
                link = self.link("broker.ipc")
                frame = link.call("whereis", name)
                return frame[0] == REPLY and frame[4] and link.call("add", 0, to=frame[4])[0] == REPLY
            except (EOFError, ConnectionError, AssertionError):
                self.gone()
                return False
            finally:
                if link:
                    link.close()

        wait_for(answered, f"{name} answers")

    def end(self):
        """Ends the node: nothing may be left, and the directory must be usable again. Returns what is wrong."""
        if self.watching_program and self.watching_program.poll() is None:
            self.watching_program.kill()
            self.watching_program.wait()
        if self.load and self.load.poll() is None:
            self.load.send_signal(signal.SIGTERM)  # each of its calls ends, whatever else was killed
            try:
                self.load.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.load.kill()
                return "the load hangs"
        if not self.ended():
            self.keeper.terminate()
            try:
                self.keeper.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.keeper.kill()
                return "the node does not end"
        for reader in self.readers:
            reader.join()
        try:
            wait_for(lambda: not self.processes(), "no process is left")
        except AssertionError as e:
            return f"{e}: {self.processes()}"
        said = self.said
        if self.part == "keeper":
            self.start(traced=False)
            try:
                self.ask("status")
            except (AssertionError, NodeIsGone) as e:
                return f"no second start: {e} {self.errors[-5:]}"
            self.keeper.terminate()
            if self.keeper.wait(PATIENCE) != 0:
                return f"the second start ended with {self.keeper.returncode}: {self.errors[-5:]}"
            for reader in self.readers:
                reader.join()
        self.said = said
        return None

    def run(self):
        """Tells the story. Returns None, or what went wrong."""
        problem = None
        self.start()
        try:
            self.tell()
        except NodeIsGone:
            if self.part != "keeper":
                problem = f"the node ended: {self.errors[-5:]}"
        except Exception as e:
            problem = f"{type(e).__name__}: {e}"
        if problem and self.ended() and self.part == "keeper":
            problem = None  # the node's end is what broke the story
        problem = self.end() or problem
        if problem:
            for at, _, files in os.walk(self.root + "/logs"):
                for name in sorted(f for f in files if not f.endswith(".times")):
                    with open(os.path.join(at, name), errors="replace") as f:
                        for line in f.readlines()[-15:]:
                            problem += f"\n#   {name}: {plain(line.rstrip())}"
        if not problem or not os.environ.get("KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)
        return problem


def steps(part):
    """How many system calls @part makes in the story."""
    story = Story(part, 0)
    problem = story.run()
    assert not problem, f"the undisturbed story: {problem}"
    assert story.said.startswith("ended after "), story.said
    return int(story.said.split()[-1])


def main():
    start = time.monotonic()
    rng = random.Random(options.seed)
    parts = options.parts.split(",")
    points = []
    print(f"1..{len(parts)}")
    print(f"# seed {options.seed}")
    for part in parts:
        if options.at:
            points.append((part, options.at))
            continue
        n = steps(part)
        chosen = range(1, n + 1, options.every) if options.every else sorted(rng.sample(range(1, n + 1), min(options.points, n)))
        print(f"# {part}: {n} system calls, {len(chosen)} of them tried", flush=True)
        points += [(part, at) for at in chosen]
    if options.every:
        rng.shuffle(points)  # a run that is cut short should have tried steps of all parts

    failed, tried, missed = {part: [] for part in parts}, dict.fromkeys(parts, 0), 0
    def one(point):
        if time.monotonic() - start > options.seconds:
            return None
        story = Story(*point)
        return story.run(), story.said

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for (part, at), result in zip(points, pool.map(one, points)):
            if result is None:
                continue
            problem, said = result
            tried[part] += 1
            missed += not said.startswith("killed")
            if problem:
                failed[part].append(at)
                print(f"# {part} killed at {at} ({said}): {problem}", flush=True)
    for i, part in enumerate(parts, 1):
        print(f"{'not ok' if failed[part] or not tried[part] else 'ok'} {i} - what_must_hold_holds_wherever_the_{part}_is_killed", flush=True)
        if failed[part] or not tried[part]:
            print(f"# {part}: violations at {failed[part]}; again: --parts {part} --at N")
    print(f"# {sum(tried.values())} points, {missed} of them after the last call, {sum(map(len, failed.values()))} violations, "
          f"{time.monotonic() - start:.0f} s")
    sys.exit(any(failed.values()) or not all(tried.values()))


main()
