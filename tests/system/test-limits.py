"""A node under low limits of open files: it works, or says which limit is too low. Arguments: actorctl, counter, caller."""

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
from rawpeer import Link

actorctl, counter, caller = (os.path.abspath(p) for p in sys.argv[1:4])


class LimitedNode(Node):
    def __init__(self, limit):
        super().__init__(actorctl, f"limit{limit}")
        self.started = subprocess.run([actorctl, "up", "-d"], env=self.env, capture_output=True, text=True,
                                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))

    def fill(self):
        """Spawns until it is refused. How many run, and what was said."""
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


def dial(path, n):
    """So many connections that say nothing."""
    held = []
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


def hold_links(path):
    """All that one process gets."""
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
    """Not "Resource temporarily unavailable"."""
    node = LimitedNode(128)
    holders = []
    for _ in range(2): # one process gets half of the places
        r, w = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                links = hold_links(f"{node.root}/node/spawner.ipc")
                os.write(w, b"full" if links else b"none")
                signal.pause()
            finally:
                os._exit(1)
        os.close(w)
        holders.append((pid, r))
    try:
        assert [os.read(r, 4) for _, r in holders] == [b"full"] * 2
        p = node.ctl("--timeout", "1s", "ls", rc=None)
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
           a_full_node_says_so_answers_and_comes_back,
           a_program_gets_the_limit_that_the_node_was_started_with,
           who_connects_and_says_nothing_keeps_out_nobody,
           who_says_nothing_at_a_small_group_keeps_out_nobody,
           groups_leave_places_for_clients,
           one_process_that_holds_all_links_it_can_get_keeps_out_nobody,
           who_finds_no_place_is_told_so], last)
