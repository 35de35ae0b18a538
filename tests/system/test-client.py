#!/usr/bin/env python3
"""An actor group in another language, written from docs/protocol.md: the vectors, asking, answering, watching, being supervised.

usage: test-client.py ACTORCTL EXAMPLES-DIR SOURCE-DIR      (writes TAP)
"""

import json
import os
import signal
import subprocess
import sys

from node import Node, run_tests, until
from rawpeer import Link, Ref as RawRef

EXAMPLES, SOURCE = os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
CLIENT, VECTORS = SOURCE + "/tests/conformance/client.py", SOURCE + "/sdk/vectors/"
sys.path.insert(0, os.path.dirname(CLIENT))
from client import FRAME_FIELDS, Malformed, Ref, frames, pack  # noqa: E402

node = Node(sys.argv[1], "client")


def client(*args, rc=0):
    return node.run(sys.executable, CLIENT, *args, rc=rc)


def vector(name):
    with open(VECTORS + name, "rb") as f:
        return f.read()


def test_every_frame_of_the_vectors_is_understood_and_written_alike():
    n = 0
    for name in sorted(os.listdir(VECTORS)):
        if name.startswith("y_frame_") and name.endswith(".json"):
            data, meaning = vector(name[:-5] + ".msgpack"), json.loads(vector(name))
            found = list(frames(data))
            assert len(found) == len(meaning["frames"]), name
            for frame, means in zip(found, meaning["frames"]):
                number = means["number"] if means["type"] == "unknown" else list(FRAME_FIELDS).index(means["type"]) + 1
                assert frame[0] == (int(number["$uint"]) if isinstance(number, dict) else number), name
                for field, value in zip(FRAME_FIELDS.get(means["type"], ()), frame[1:]):
                    if isinstance(value, (int, str, Ref)) and not isinstance(means[field], dict):
                        assert value == means[field], (name, field)
                    elif isinstance(value, Ref):
                        assert means[field] == {"$ref": str(value)}, (name, field)
            if meaning["canonical"]:
                assert b"".join(map(pack, found)) == data, name
            n += 1
    assert n > 30


def test_every_bad_frame_of_the_vectors_is_refused():
    n = 0
    for name in sorted(os.listdir(VECTORS)):
        if name.startswith("n_frame_"):
            try:
                list(frames(vector(name)))
            except Malformed:
                n += 1
            else:
                raise AssertionError(f"{name} was accepted")
    assert n > 100


def test_it_says_what_is_missing():
    assert "client.py: " in client("call", "counter", "get", rc=1).stderr


def test_it_asks_actors():
    node.up()
    for program in "counter", "flaky":
        node.ctl("spawn", "--wait=ready", "--", f"{EXAMPLES}/{program}")
    assert client("call", "counter", "add", "5").stdout == "5\n"
    ref = node.ctl("whereis", "counter").stdout.strip()
    assert client("call", ref, "get").stdout == "5\n"
    assert "bad_args: add wants one integer" in client("call", "counter", "add", '"five"', rc=1).stderr
    assert "no_method" in client("call", "counter", "nonsense", rc=1).stderr
    assert "noproc" in client("call", "nobody", "get", rc=1).stderr
    assert "noproc" in client("call", "<1.2.3>", "get", rc=1).stderr
    assert ["counter", {"$ref": ref}] in json.loads(client("call", "$broker", "names").stdout)


def test_it_hears_at_once_that_the_answer_will_not_come():
    assert "down" in client("call", "flaky", "crash", '"segv"', rc=1).stderr


def test_it_is_an_actor_under_supervision():
    node.ctl("spawn", "--name", "py", "--wait=ready", "--backoff", "0", "--", sys.executable, CLIENT, "serve", "py")
    assert node.child("py")["state"] == "ready"
    assert node.ctl("call", "py", "add", "1", "2", "3").stdout == "6\n"
    values = [None, True, -1, -33, 127, 128, 65536, 2**32, 2**62, -2**62, 1.5, "ü", "x" * 300, [], {"a": [1]}, list(range(20))]
    assert json.loads(node.ctl("call", "py", "echo", *map(json.dumps, values)).stdout) == values
    assert "client.failed: as asked" in node.ctl("call", "py", "fail", rc=6).stderr
    assert client("call", "py", "add", "2", "3").stdout == "5\n"


def test_it_asks_while_it_is_asked():
    assert node.ctl("call", "py", "ask", '"counter"', '"add"', "1").stdout == "6\n"


def test_it_watches():
    monitor = int(node.ctl("call", "py", "monitor", '"flaky"').stdout)
    dead = int(node.ctl("call", "py", "monitor", '{"$ref": "<1.2.3>"}').stdout)
    until(lambda: [dead, "noproc"] in node.ctl_json("call", "py", "downs"), "the down of a dead ref")
    os.kill(node.child("flaky")["pid"], signal.SIGKILL)
    until(lambda: [monitor, "signal"] in node.ctl_json("call", "py", "downs"), "the down of flaky")
    assert len(node.ctl_json("call", "py", "downs")) == 2


def test_it_watches_a_whole_group():
    ref = Ref.parse(node.ctl("whereis", "counter").stdout.strip())
    monitor = int(node.ctl("call", "py", "monitor", json.dumps({"$ref": str(Ref((*ref[:2], 0)))})).stdout)
    assert node.ctl("call", "py", "ask", '"counter"', '"get"').returncode == 0  # what it had to say of that came before
    assert monitor not in dict(node.ctl_json("call", "py", "downs"))
    os.kill(node.child("counter")["pid"], signal.SIGKILL)
    until(lambda: [monitor, "signal"] in node.ctl_json("call", "py", "downs"), "the down of counter as a whole")


def test_over_a_direct_link_a_whole_group_is_watched_without_an_answer():
    until(lambda: node.child("counter")["state"] == "ready", "counter is back")
    group = Ref.parse(node.ctl("whereis", "counter").stdout.strip())[1]
    link = Link(node.root + "/node/broker.ipc")
    direct = link.introduce(group)
    direct.send([7, RawRef((link.me[0], group, 0)), link.me, 99], [12, 1])
    assert direct.receive()[0] == 13  # the pong: no down before it
    direct.close()
    link.close()


def test_it_is_back_after_a_crash_and_its_name_leads_to_the_new_one():
    before = node.child("py")["pid"]
    os.kill(before, signal.SIGKILL)
    until(lambda: (c := node.child("py"))["state"] == "ready" and c["pid"] != before, "py is back")
    assert node.ctl("call", "py", "add", "1").stdout == "1\n"


def test_it_is_told_who_has_its_name():
    assert "in_use" in client("serve", "counter", rc=1).stderr


def test_run_by_hand_it_is_a_group_like_any_other():
    p = subprocess.Popen([sys.executable, CLIENT, "serve", "hand"], env=node.env, stdout=subprocess.PIPE, text=True)
    try:
        assert p.stdout.readline().startswith("serving <")
        assert node.ctl("call", "hand", "add", "4").stdout == "4\n"
        assert node.ctl("call", "hand", "quit").stdout == "null\n"  # said before bye: it arrives
        assert p.wait(60) == 0
        until(lambda: node.ctl("whereis", "hand", rc=None).returncode == 4, "the name is free")
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], node)
