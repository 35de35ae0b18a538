"""A node under low limits of open files works, or says which limit is too low. Arguments: actorctl, counter, caller."""

import collections
import ctypes
import errno
import glob
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys

from node import Node, run_tests, until
from rawpeer import Link, connect, hello, pack, read_exactly, unpack_all

PR_CAPBSET_DROP, CAP_SYS_RESOURCE = 24, 24

actorctl, counter, caller = (os.path.abspath(p) for p in sys.argv[1:4])


class LimitedNode(Node):
    def __init__(self, limit):
        super().__init__(actorctl, f"limit{limit}")
        self.started = subprocess.run([actorctl, "up", "-d"], env=self.env, capture_output=True, text=True,
                                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))

    def fill(self):
        """Spawns processes until one is refused. Returns how many run, and what was said."""
        for i in range(1000):
            p = self.ctl("spawn", "--name", f"c{i}", "--", "sleep", "1000", rc=None)
            if p.returncode:
                return i, p.stderr
        raise AssertionError("a thousand, and no refusal")

    def states(self):
        return [child["state"] for child in self.ctl_json("ls")]


def under_a_low_limit_programs_are_started():
    for limit in 1024, 512, 257, 256, 200, 128, 64:
        node = LimitedNode(limit)
        assert node.started.returncode == 0, (limit, node.started.stderr)
        node.ctl("spawn", "--name", "a", "--", "sleep", "1000")
        node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
        assert node.ctl("call", "counter", "add", "5").stdout.strip() == "5", limit
        node.down()


def a_limit_that_is_too_low_for_anything_is_named():
    for limit in 63, 32, 20:
        node = LimitedNode(limit)
        assert node.started.returncode, limit
        assert "limit of open files" in node.started.stderr and str(limit) in node.started.stderr, node.started.stderr
        node.down()


def a_limit_of_memory_that_is_too_low_for_a_node_is_named():
    """Under the lowest the kernel ends the keeper while it is executed, under others the supervisor finds no memory."""
    n = 0
    for what, letter, limit in [(resource.RLIMIT_DATA, "d", n) for n in (1000000, 2000000, 4000000)] + \
            [(resource.RLIMIT_AS, "v", n) for n in (4000000, 5000000)] + [(resource.RLIMIT_STACK, "s", n) for n in (60000, 100000)]:
        def low():
            resource.setrlimit(what, (limit, limit))

        def under(*args):
            return subprocess.run([actorctl, *args], env=node.env, capture_output=True, text=True, preexec_fn=low, timeout=60)

        node = Node(actorctl, "memory")
        if under("--version").returncode == 0:  # else actorctl itself needs more, as a build with a sanitizer does
            n += 1
            for said in under("up", "-d").stderr, under("up").stderr:
                assert f"is {limit} bytes (ulimit -{letter}): a node needs" in said, (letter, limit, said)
        node.down()
    print(f"# {n} limits")


def a_full_node_says_so_answers_and_comes_back():
    node = LimitedNode(128)
    n, said = node.fill()
    assert "limit of open files (128" in said and "raise it" in said, said
    assert node.states() == ["up"] * n and n >= 16, (n, node.states())
    daemons = node.ctl_json("status")
    for daemon in "broker", "supervisor":
        os.kill(daemons[daemon]["pid"], signal.SIGKILL)
        until(lambda: node.ctl("status", rc=None).returncode == 0 and
              node.ctl_json("status")[daemon]["pid"] not in (None, daemons[daemon]["pid"]), f"a new {daemon}")
        assert node.states() == ["up"] * n
    pid = node.child("c0")["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: (c := node.child("c0"))["state"] == "up" and c["pid"] != pid, "the one that was killed is back")
    assert "limit of open files" in node.ctl("spawn", "--name", "more", "--", "sleep", "1000", rc=None).stderr
    node.ctl("stop", "c1", "c2")
    node.ctl("spawn", "--name", "more", "--", "sleep", "1000")
    node.ctl("spawn", "--name", "more2", "--", "sleep", "1000")
    p = node.ctl("start", "c1", rc=None)
    assert "limit of open files" in node.ctl("status", "c1").stdout + p.stderr, (p.stderr, node.ctl("status", "c1").stdout)
    node.ctl("stop", "more")
    until(lambda: node.child("c1")["state"] == "up", "the one that found no room comes up")
    node.down()


def a_program_gets_the_limit_that_the_node_was_started_with():
    node = LimitedNode(200)
    node.ctl("spawn", "--name", "l", "--restart", "temporary", "--wait=exit", "--", "sh", "-c", "ulimit -Sn; ulimit -Hn")
    assert node.ctl("logs", "l").stdout.count("200\n") == 2, node.ctl("logs", "l").stdout
    node.down()


def why_a_node_does_not_start_is_said_although_its_log_takes_nothing():
    """The keeper hands its last line to `up` as well."""
    for size in 0, 20:
        node = Node(actorctl, "silent")

        def limit():
            if may_raise_limits():
                assert ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0) == 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        for args in ["up", "-d"], ["--json", "up", "-d"], ["--json", "up"]:
            p = subprocess.run([actorctl, *args], env=node.env, capture_output=True, text=True, preexec_fn=limit)
            said = json.loads(p.stdout)["error"]["message"] if "--json" in args else p.stderr
            assert p.returncode == 1 and f"did not start: the limit of the size of a file is {size} bytes (ulimit -Hf): a node needs" in said, (args, p)
        node.down()


class SizeLimitedNode(Node):
    """A node with a limit of the size of a file. @may_raise: it may raise a hard limit, as root may."""

    def __init__(self, soft, hard, may_raise=False):
        super().__init__(actorctl, f"size{soft}")

        def limit():
            if not may_raise and may_raise_limits():
                assert ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0) == 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        self.started = subprocess.run([actorctl, "up", "-d"], env=self.env, capture_output=True, text=True, preexec_fn=limit)


def may_raise_limits():
    with open("/proc/self/status") as f:
        return bool(int(next(line for line in f if line.startswith("CapEff:")).split()[1], 16) >> CAP_SYS_RESOURCE & 1)


def a_limit_of_the_size_of_a_file_is_for_the_programs_alone():
    unlimited = resource.RLIM_INFINITY
    for soft, hard, may_raise in [(8192, unlimited, False), (8192, 16 << 20, False), (8192, 8192, True)]:
        if may_raise and not may_raise_limits():
            continue
        node = SizeLimitedNode(soft, hard, may_raise)
        assert node.started.returncode == 0, (soft, node.started.stderr)
        for i in range(20):
            node.ctl("spawn", "--name", f"c{i}", "--env", "SOME=" + "x" * 5000, "--", "sleep", "1000")
        node.ctl("spawn", "--name", "l", "--restart", "temporary", "--wait=exit", "--", sys.executable, "-c",
                 "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE))")
        assert node.ctl("logs", "l").stdout == f"({soft}, {hard})\n", node.ctl("logs", "l").stdout
        daemons = node.ctl_json("status")
        os.kill(daemons["supervisor"]["pid"], signal.SIGKILL)
        until(lambda: node.ctl("status", rc=None).returncode == 0 and
              node.ctl_json("status")["supervisor"]["pid"] != daemons["supervisor"]["pid"], "another supervisor")
        assert node.ctl_json("status")["supervisor"]["state_lost_ms"] is None
        assert [c["adopted"] for c in node.ctl_json("ls")] == [False] * 21, node.ctl("ls").stdout
        with open(f"{node.env['ACTOR_LOG_DIR']}/actor-spawner.log") as f:
            assert "cannot be written" not in f.read()
        node.down()


def a_limit_of_the_size_of_a_file_that_is_too_low_is_named():
    for hard in 8192, (16 << 20) - 1:
        node = SizeLimitedNode(hard, hard)
        assert node.started.returncode == 1, (hard, node.started)
        assert "limit of the size of a file" in node.started.stderr and str(hard) in node.started.stderr, node.started.stderr
        node.down()
    node = SizeLimitedNode(0, 0)  # with this limit not even the line that tells of the limit can be written
    assert node.started.returncode == 1 and "was ended by" not in node.started.stderr, node.started
    node.down()


def dial(path, n, held=None):
    """Makes @n connections that say nothing."""
    held = [] if held is None else held
    for _ in range(n):
        held.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        held[-1].connect(path)
    return held


def who_connects_and_says_nothing_keeps_out_nobody():
    for limit in 64, 128, 256:
        node = LimitedNode(limit)
        node.ctl("spawn", "--name", "counter", "--wait=ready", "--backoff", "0", "--", counter)
        daemons = node.ctl_json("status")
        for place in "spawner", "broker":
            held = dial(f"{node.root}/node/{place}.ipc", 300)
            for i in range(1, 11):
                pid = node.child("counter")["pid"]
                os.kill(pid, signal.SIGKILL)
                until(lambda: (c := node.child("counter"))["state"] == "ready" and c["pid"] != pid, (limit, place, "it is back"))
                assert node.ctl("call", "counter", "add", "5").stdout.strip() == "5", (limit, place)
            for connection in held:
                connection.close()
        after = node.ctl_json("status")
        assert [daemons[d]["pid"] for d in ("broker", "supervisor")] == [after[d]["pid"] for d in ("broker", "supervisor")], limit
        node.down()


def occupy(node, told_fd):
    """
    Takes all that an outsider can get: it says hello over and over, dials each link that it is given and each socket that it
    finds, several times each, and is silent there.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held, told = collections.deque(), False
    while True:
        for place in glob.glob(f"{node.root}/node/*.ipc") + glob.glob(f"{node.root}/node/g/*/door.ipc"):
            try:
                dial(place, 20, held)
            except OSError: # the backlog is full, or the listener has ended
                pass
        refusals = 0
        for place in "spawner", "broker":
            try:
                answer, = unpack_all(hello(f"{node.root}/node/{place}.ipc",
                                           pack({"v": [1, 1], "name": "outsider", "pid": os.getpid()})))
            except (OSError, EOFError): # another one was let in instead
                continue
            refusals += "url" not in answer
            try:
                if "url" in answer:
                    dial(answer["url"][len("ipc://"):], 6, held)
            except OSError: # this client is so late that its link is over
                pass
        while len(held) > min(hard - 200, 4000):
            held.popleft().close()
        if refusals == 2 and not told:
            os.write(told_fd, b"full")
            told = True


class Outsiders:
    """@n processes that occupy a node. Each has been refused more before this returns."""

    def __init__(self, node, n):
        self.pids = []
        for _ in range(n):
            r, w = os.pipe()
            self.pids.append(os.fork())
            if not self.pids[-1]:
                try:
                    occupy(node, w)
                finally:
                    os._exit(1)
            os.close(w)
            said = os.read(r, 4)
            os.close(r)
            assert said == b"full", said

    def end(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def pids_of(node, program):
    """The pids as the kernel knows them: the supervisor may have no place for a client."""
    def runs(pid):
        try:
            return os.path.samefile(f"/proc/{pid}/exe", program)
        except OSError:
            return False
    return [pid for pid, _ in node.processes() if runs(pid)]


def answered(p, n_outsiders):
    return p.returncode == 0 or (n_outsiders > 1 and "has no place for another client" in p.stderr)


def outsiders_who_take_all_they_get_take_nothing_that_the_node_needs():
    for limit in 64, 128, 256, 1024:
        node = LimitedNode(limit)
        assert node.started.returncode == 0, (limit, node.started.stderr)
        node.ctl("spawn", "--name", "counter", "--wait=ready", "--backoff", "0", "--", counter)
        daemons = node.ctl_json("status")

        def start_again():
            pids = pids_of(node, counter)
            os.kill(pids[0], signal.SIGKILL)
            until(lambda: set(pids_of(node, counter)) - set(pids), f"{limit}: it is started again")

        for n in 1, 2: # one process gets at most half of a daemon's places
            outsiders = Outsiders(node, n)
            try:
                for i in range(5):
                    start_again()
                    # Of all who crowd there, a newcomer may be silent the longest, and so be turned out: then it comes again.
                    until(lambda: answered(node.ctl("--timeout", "5s", "ls", rc=None), n), f"{limit}, {n}: ls is answered")
                if n == 1:
                    until(lambda: node.child("counter")["state"] == "ready", f"{limit}: it is ready again")
                    node.ctl("spawn", "--name", "more", "--", "sleep", "1000")
                    assert node.ctl("call", "counter", "add", "5").stdout.strip() == "5", limit
            finally:
                outsiders.end()
        until(lambda: node.ctl("ls", rc=None).returncode == 0, "the places are free")
        until(lambda: node.child("counter")["state"] == "ready", f"{limit}: it is ready again")
        until(lambda: node.ctl("call", "counter", "add", "5", rc=None).stdout.strip() != "", "the broker's places are free")
        after = node.ctl_json("status")
        assert [daemons[d]["pid"] for d in ("broker", "supervisor")] == [after[d]["pid"] for d in ("broker", "supervisor")], limit
        with open(f"{node.root}/logs/actor-spawner.log") as f:
            said = f.read()
        assert "Too many open files" not in said and "no descriptor is left" not in said and "no file descriptors" not in said, (limit, said[-3000:])
        node.down()


def who_says_nothing_at_a_small_group_keeps_out_nobody():
    node = LimitedNode(1024)
    node.ctl("spawn", "--name", "small", "--wait=ready", "--", "sh", "-c", f"ulimit -n 32; exec {counter} --name small")
    calls = subprocess.Popen([caller, "small"], env=node.env, stdout=subprocess.PIPE, text=True)
    assert calls.stdout.readline() == "calling\n"
    doors = [path for path in glob.glob(f"{node.root}/node/g/*/*") if stat.S_ISSOCK(os.stat(path).st_mode)]
    assert len(doors) >= 2, doors
    held = [connection for door in doors for connection in dial(door, 60)]
    stranger = subprocess.Popen([caller, "small", "20000"], env=node.env, stdout=subprocess.PIPE, text=True)
    assert stranger.stdout.readline() == "calling\n", stranger.poll()
    broker = node.ctl_json("status")["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    until(lambda: node.ctl("--timeout", "1s", "call", "small", "get", rc=None).returncode == 0, "it is back at the next broker")
    for client in calls, stranger:
        client.send_signal(signal.SIGTERM)
        said = json.loads(client.communicate()[0])
        assert said["failures"] == 0, said
    for connection in held:
        connection.close()
    node.down()


def groups_leave_places_for_clients():
    for limit in 100, 200:
        node = LimitedNode(limit)
        n = 0
        while True:
            p = node.ctl("spawn", "--name", f"c{n}", "--wait=ready", "--", counter, "--name", f"c{n}", rc=None)
            if p.returncode:
                break
            n += 1
        assert n >= 4, (limit, n)
        assert "limit of open files" in p.stderr, p.stderr
        assert node.ctl("call", "c0", "add", "1").stdout.strip() == "1"
        assert node.ctl("whereis", "c1").returncode == 0
        node.down()


def sockets_of(pid):
    n = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            n += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
        except OSError: # closed meanwhile
            pass
    return n


def strangers_who_speak_with_the_supervisor_take_few_of_its_descriptors():
    """Each stranger is answered: some over a link of their own, the others by the broker."""
    for limit, n_links in (64, 1), (256, 4):
        node = LimitedNode(limit)
        supervisor = node.ctl_json("status")["supervisor"]["pid"]
        before = sockets_of(supervisor)
        callers = []
        for _ in range(7): # half of the 15 places at the broker are for clients
            callers.append(subprocess.Popen([caller, "$spawner"], env=node.env, stdout=subprocess.PIPE, text=True))
            assert callers[-1].stdout.readline() == "calling\n", (limit, callers[-1].poll())
        assert sockets_of(supervisor) <= before + n_links, (limit, before, sockets_of(supervisor))
        node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
        assert node.ctl_json("status")["supervisor"]["pid"] == supervisor
        for p in callers:
            p.send_signal(signal.SIGTERM)
            said = json.loads(p.communicate()[0])
            assert said["last_error"] == errno.EREMOTEIO, said # the supervisor has no `add`, and says so
        node.down()


def links_that_wait_are_counted_with_all_that_they_may_take():
    """Each link that waits counts for two: a listener, and a connection that has not greeted. One process has half of 16."""
    node = LimitedNode(128)
    supervisor = node.ctl_json("status")["supervisor"]["pid"]
    before = sockets_of(supervisor)
    held = []
    while True:
        answer, = unpack_all(hello(f"{node.root}/node/spawner.ipc", pack({"v": [1, 1], "name": "raw", "pid": os.getpid()})))
        if "url" not in answer:
            break
        held.append(connect(answer["url"][len("ipc://"):]))
        assert read_exactly(held[-1], 8) # the connection is accepted
    assert held
    # The supervisor may not have seen yet that the last hellos hung up.
    assert sockets_of(supervisor) <= before + 8 + 2, (before, sockets_of(supervisor), len(held))
    for connection in held:
        connection.close()
    node.down()


def hold_links(path):
    """All the links that one process gets."""
    links = []
    try:
        for _ in range(1000):
            links.append(Link(path))
    except AssertionError as refused:
        assert "overloaded" in str(refused), refused
        return links
    raise AssertionError("a thousand, and no refusal")


def one_process_that_holds_all_links_it_can_get_keeps_out_nobody():
    node = LimitedNode(128)
    node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
    for place in "spawner", "broker":
        links = hold_links(f"{node.root}/node/{place}.ipc")
        assert len(links) >= 4, (place, len(links))
        assert node.ctl_json("ls")[0]["state"] == "ready"
        assert node.ctl("call", "counter", "get").stdout.strip() == "0"
        node.ctl("spawn", "--name", place, "--wait=ready", "--", counter, "--name", place)
        for link in links:
            link.close()
    node.down()


def who_finds_no_place_is_told_so():
    """The message is about places, and is not "Resource temporarily unavailable"."""
    node = LimitedNode(128)
    holders = []

    def hold():
        r, w = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                links = hold_links(f"{node.root}/node/spawner.ipc")  # the name keeps the links open
                os.write(w, b"full")
                signal.pause()
            finally:
                os._exit(1)
        os.close(w)
        holders.append((pid, r))
        assert os.read(r, 4) == b"full"

    try:
        for _ in range(3):  # one process gets at most half of the places
            hold()
        # The place of a client that has just gone may come free after they have come.
        while (p := node.ctl("--timeout", "1s", "ls", rc=None)).returncode == 0 and len(holders) < 10:
            hold()
        assert p.returncode == 7 and "has no place for another client" in p.stderr and "actor-spawner.log" in p.stderr, p
    finally:
        for pid, r in holders:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(r)
    until(lambda: node.ctl("ls", rc=None).returncode == 0, "the places are free")
    node.down()


last = LimitedNode(1024)
run_tests([under_a_low_limit_programs_are_started,
           a_limit_that_is_too_low_for_anything_is_named,
           a_limit_of_memory_that_is_too_low_for_a_node_is_named,
           a_full_node_says_so_answers_and_comes_back,
           a_program_gets_the_limit_that_the_node_was_started_with,
           why_a_node_does_not_start_is_said_although_its_log_takes_nothing,
           a_limit_of_the_size_of_a_file_is_for_the_programs_alone,
           a_limit_of_the_size_of_a_file_that_is_too_low_is_named,
           who_connects_and_says_nothing_keeps_out_nobody,
           outsiders_who_take_all_they_get_take_nothing_that_the_node_needs,
           who_says_nothing_at_a_small_group_keeps_out_nobody,
           groups_leave_places_for_clients,
           strangers_who_speak_with_the_supervisor_take_few_of_its_descriptors,
           links_that_wait_are_counted_with_all_that_they_may_take,
           one_process_that_holds_all_links_it_can_get_keeps_out_nobody,
           who_finds_no_place_is_told_so], last)
