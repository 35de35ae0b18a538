#!/usr/bin/env python3
"""An actor group in another language, written from docs/protocol.md: the vectors, asking, answering, watching, being supervised.

usage: test-client.py ACTORCTL EXAMPLES-DIR SOURCE-DIR      (writes TAP)
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile

from node import Node, run_tests, until
from rawpeer import Link, PAIR0, REP0, Ref as RawRef, message, pack as raw_pack, read_exactly, read_message, sp_header, unpack_all

EXAMPLES, SOURCE = os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
CLIENT, VECTORS = SOURCE + "/tests/conformance/client.py", SOURCE + "/sdk/vectors/"
sys.path.insert(0, os.path.dirname(CLIENT))
from client import FRAME_FIELDS, Group, Malformed, NamedError, Ref, frames, pack, trace_in  # noqa: E402

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
                if means["type"] in ("cast", "call", "reply", "error"):
                    trace = means.get("trace") and [int(n["$uint"]) if isinstance(n, dict) else n for n in means["trace"]]
                    assert trace_in(frame[1 + len(FRAME_FIELDS[means["type"]]):]) == trace, name
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


def test_the_session_in_the_text_is_what_it_writes():
    with open(SOURCE + "/docs/protocol.md") as f:
        session = f.read().split("## 8. A session in bytes")[1].split("```")[1]
    messages = [bytes.fromhex("".join(re.findall(r"(?m)(?<= )(?:[0-9a-f]{2}(?: |$))+$", part)))
                for part in re.split(r"\n(?=[CB] →)", session)]
    messages = {len(m): m for m in messages if m[:1] == b"\1"}
    hello, answer, call, reply, bye = (body[9:] for body in messages.values())
    assert all(len(m) == 9 + struct.unpack(">Q", m[1:9])[0] for m in messages.values())
    assert hello[4:] == pack({"v": [1, 1], "name": "me", "pid": 4711, "features": ["single"]})
    node_id, group, me = 0x1f2e3d4c5b6a7988, 0x8000000200000001, Ref((0x1f2e3d4c5b6a7988, 0x8000000200000001, 1))
    assert answer[4:] == pack({"v": 1, "url": "ipc:///run/actor/b/2.1.ipc", "node": node_id, "group": group,
                               "self": Ref((node_id, 2, 1)), "resume": b"\1\2"})
    assert list(frames(call + reply + bye)) == [[2, "counter", me, "add", [5], 1, 123456789012],
                                                [3, me, Ref((node_id, 7, 1)), 1, 5], [14, "normal"]]


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


def test_it_spawns_an_actor_in_a_group_of_another_language():
    node.ctl("spawn", "--name", "host", "--wait", EXAMPLES + "/guest", "host")
    counter = json.loads(client("call", "host", "$spawn", '"counter"', "[5]").stdout)["$ref"]
    assert client("call", counter, "add", "1").stdout == "6\n"
    group = counter.rsplit(".", 1)[0] + ".0>"  # the group itself does as well as an actor of it
    assert json.loads(client("call", group, "$spawn", '"counter"', "[5]").stdout)["$ref"] != counter
    assert "unknown_behavior: stranger" in client("call", group, "$spawn", '"stranger"', "[]", rc=1).stderr
    assert "unknown_behavior" in client("call", "counter", "$spawn", '"counter"', "[5]", rc=1).stderr  # it has none at all
    assert "init_failed: EINVAL: counter: init: " in client("call", group, "$spawn", '"counter"', "[]", rc=1).stderr
    assert "bad_args" in client("call", group, "$spawn", '"counter"', "5", rc=1).stderr


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


def test_a_trace_goes_on_through_it():
    traced = node.ctl_json("trace", "py", "ask", '"counter"', '"get"')
    asked, asks = traced["messages"]
    assert (asks["from"]["name"], asks["to"][0]["name"], asks["method"]) == ("py", "counter", "get"), asks
    assert asks["parent"] == asked["span"] and asked["parent"] is None, traced
    assert asked["answer"]["result"] == asks["answer"]["result"] == traced["result"], traced
    told = node.ctl_json("trace", "py", "tell", '"counter"', "3")["messages"]
    assert [(m["depth"], m["kind"]) for m in told] == [(0, "call")] + 3 * [(1, "cast")], told
    assert len({m["span"] for m in told}) == 4, told
    failed = json.loads(node.ctl("--json", "trace", "py", "fail", rc=6).stdout)["messages"][0]
    assert failed["answer"]["error"] == "client.failed", failed


def test_it_asks_while_it_is_asked():
    assert node.ctl("call", "py", "ask", '"counter"', '"add"', "1").stdout == "6\n"


def test_no_arguments_end_it():
    pid = node.child("py")["pid"]
    for method, args in ("ask", []), ("ask", ["5", '"add"']), ("tell", ['"counter"', '"many"']), ("monitor", ["5"]), ("add", ['"1"']):
        assert "bad_args" in node.ctl("call", "py", method, *args, rc=6).stderr, (method, args)
    assert node.child("py")["pid"] == pid


class Peer:
    """A group of the test itself. Its actor of serial 1 answers when the test says so."""

    def __enter__(self):
        self.link = Link(node.root + "/node/broker.ipc", features=["single"])
        self.actor = RawRef((*self.link.me[:2], 1))
        self.py = self.link.call("whereis", "py")[4]
        return self

    def __exit__(self, *_):
        self.link.close()

    def ask(self, call_id, method, *args):
        self.link.send([2, self.py, self.link.me, method, list(args), call_id, 0])

    def expect(self, kind):
        frame = self.link.receive()
        assert frame[0] == kind, frame
        return frame


def test_it_takes_each_answer_while_it_waits_for_another():
    with Peer() as peer:
        peer.ask(101, "ask", peer.actor, "first")
        first = peer.expect(2)
        peer.ask(102, "ask", peer.actor, "second")  # py handles this call while it waits: the second has to be answered first
        second = peer.expect(2)
        for call, result in (first, "one"), (second, "two"):
            peer.link.send([3, call[2], call[1], call[5], result])
        assert [peer.expect(3)[3:] for _ in range(2)] == [[102, "two"], [101, "one"]]


def test_it_holds_back_while_it_is_paused_and_answers_all_the_same():
    with Peer() as peer:
        peer.link.send([10, peer.actor])
        peer.ask(100, "tell", peer.actor, 1)  # the broker holds the cast, and tells py to pause
        assert peer.expect(3)[3:] == [100, 1]
        peer.ask(101, "tell", peer.actor, 2)
        peer.ask(102, "add", 1, 2)
        assert peer.expect(3)[3:] == [102, 3]
        peer.link.send([11, peer.actor])
        assert [peer.expect(1)[3:] for _ in range(3)] == [["told", [i]] for i in (0, 0, 1)]
        assert peer.expect(3)[3:] == [101, 2]


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
    assert node.ctl("call", "py", "ask", '"counter"', '"get"').returncode == 0  # a DOWN would have come before this
    assert monitor not in dict(node.ctl_json("call", "py", "downs"))
    os.kill(node.child("counter")["pid"], signal.SIGKILL)
    until(lambda: [monitor, "signal"] in node.ctl_json("call", "py", "downs"), "the down of counter as a whole")


def test_over_a_direct_link_a_whole_group_is_watched_without_an_answer():
    until(lambda: node.child("counter")["state"] == "ready", "counter is back")
    group = Ref.parse(node.ctl("whereis", "counter").stdout.strip())[1]
    link = Link(node.root + "/node/broker.ipc")
    direct = link.introduce(group)
    direct.send([7, RawRef((link.me[0], group, 0)), link.me, 99], [12, 1])
    assert direct.receive()[0] == 13  # the first frame is the pong: no DOWN came before it
    direct.close()
    link.close()


def test_answers_go_back_by_the_link_that_was_asked_by():
    until(lambda: node.child("flaky")["state"] == "ready", "flaky is back")
    link = Link(node.root + "/node/broker.ipc")
    flaky = RawRef(link.call("whereis", "flaky")[4])
    direct = link.introduce(flaky[1])
    for by, i in (link, 80), (direct, 90):
        by.send([2, flaky, link.me, "no such method", [], i, 0], [7, flaky, link.me, i + 1],
                [7, RawRef((*flaky[:2], 99)), link.me, i + 2])
        got = [by.receive() for _ in range(2)]
        assert sorted((f[0], f[3]) for f in got) == [(4, i), (9, i + 2)], got
    assert link.call("stats")[4]["calls"] == 0  # no call is open at the broker
    os.kill(node.child("flaky")["pid"], signal.SIGTERM)
    for by, i in (link, 80), (direct, 90):  # the actor ends before its process, and its group says so
        while (frame := by.receive())[0] != 9:
            pass
        assert frame[3] == i + 1, frame
    direct.close()
    link.close()


def test_it_is_back_after_a_crash_and_its_name_leads_to_the_new_one():
    before = node.child("py")["pid"]
    os.kill(before, signal.SIGKILL)
    until(lambda: (c := node.child("py"))["state"] == "ready" and c["pid"] != before, "py is back")
    assert node.ctl("call", "py", "add", "1").stdout == "1\n"


def test_it_is_there_again_after_the_broker_was_killed():
    pid = node.child("py")["pid"]
    hand = subprocess.Popen([sys.executable, CLIENT, "serve", "hand"], env=node.env, stdout=subprocess.PIPE, text=True)
    try:
        assert hand.stdout.readline().startswith("serving <")
        refs = {name: node.ctl("whereis", name).stdout for name in ("py", "hand")}
        for _ in range(3):
            broker = node.ctl_json("status")["broker"]["pid"]
            os.kill(broker, signal.SIGKILL)
            until(lambda: node.ctl_json("status")["broker"]["pid"] not in (broker, None), "there is a broker again")
            for name in refs:
                until(lambda: node.ctl("whereis", name, rc=None).stdout == refs[name], f"{name} has its name again")
                assert node.ctl("call", name, "add", "1", "2").stdout == "3\n"
        assert node.child("py")["pid"] == pid
        hand.send_signal(signal.SIGTERM)
        assert hand.wait(60) == 0
        until(lambda: node.ctl("whereis", "hand", rc=None).returncode == 4, "the name is free")
    finally:
        hand.kill()
        hand.wait()
        hand.stdout.close()


def test_what_it_asked_and_watched_by_a_killed_broker_ends():
    with Peer() as peer:
        monitor = int(node.ctl("call", "py", "monitor", json.dumps({"$ref": str(Ref(peer.actor))})).stdout)
        peer.ask(101, "ask", peer.actor, "never answered")
        while peer.link.receive()[0] != 2:
            pass
        os.kill(node.ctl_json("status")["broker"]["pid"], signal.SIGKILL)
        until(lambda: (p := node.ctl("--json", "call", "py", "downs", rc=None)).returncode == 0 and
              [monitor, "noconnection"] in json.loads(p.stdout), "its monitor ended")


def listen_at(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(8)
    s.settimeout(60)
    return s


def test_what_a_daemon_calls_a_client_counts_only_once_there_was_a_link():
    """The daemon dies between its answer to the hello and the link. The next daemon calls the client by another id; the node is the same."""
    for daemon, arguments, method in ("broker", ["names"], "names"), ("spawner", ["ls"], "ls"):
        with tempfile.TemporaryDirectory(prefix="actor-hello-") as place:
            os.chmod(place, 0o700)
            with open(f"{place}/lock", "w") as f:  # says that the keeper lives, so a client expects the daemon to come back
                f.write(f"{os.getpid()}\n")
            tokens = []

            def answer(group, url):
                s, _ = rendezvous.accept()
                s.sendall(sp_header(REP0))
                read_exactly(s, 8)
                request = read_message(s)
                tokens.append(unpack_all(request[4:])[0].get("token"))
                s.sendall(message(request[:4] + raw_pack({"v": 1, "url": "ipc://" + url, "node": 7, "group": group, "self": RawRef((7, 2, 1)),
                    "resume": b"token of %d" % (group & 7)})))
                s.close()

            rendezvous = listen_at(f"{place}/{daemon}.ipc")
            second = listen_at(f"{place}/second.ipc")
            env = dict(node.env, ACTOR_RUNTIME_DIR=place)
            p = subprocess.Popen([sys.argv[1], *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                answer(1 << 63 | 1, f"{place}/nobody-is-there.ipc")
                answer(1 << 63 | 2, f"{place}/second.ipc")
                s, _ = second.accept()
                s.settimeout(60)
                s.sendall(sp_header(PAIR0))
                read_exactly(s, 8)
                calls = []
                while not calls:
                    calls = [f for f in unpack_all(read_message(s)) if f[0] == 2 and f[3] == method]
                assert calls[0][2][:2] == (7, 1 << 63 | 2), calls
                assert tokens == [None, None], tokens
                s.close()
            finally:
                p.kill()
                p.wait()
                p.stdout.close()
                p.stderr.close()
                rendezvous.close()
                second.close()


def test_it_is_told_who_has_its_name():
    assert "in_use" in client("serve", "counter", rc=1).stderr


# ---- streams


class Client:
    """A group of client.py inside the test."""

    def __enter__(self):
        os.environ["ACTOR_RUNTIME_DIR"] = node.env["ACTOR_RUNTIME_DIR"]
        self.group = Group("streams")
        return self.group

    def __exit__(self, *_):
        self.group.close()


def book(name, lines):
    """A producer: the example that reads a file as a stream of its lines."""
    path = os.path.join(node.root, name)
    with open(path, "w") as f:
        f.writelines(line + "\n" for line in lines)
    node.ctl("spawn", "--name", name, "--wait=ready", "--backoff", "0", "--", f"{EXAMPLES}/book", path, "--name", name)


def book_state(name):
    return json.loads(node.ctl("call", name, "state").stdout)


def test_a_stream_is_taken_item_by_item_and_its_end_has_a_value():
    book("numbers", map(str, range(1000)))
    with Client() as group:
        stream = group.stream("numbers", "read")
        assert [int(line) for line in stream] == list(range(1000))
        assert stream.result == 1000 and list(stream) == []
        assert group.call("numbers", "state") == {"readers": 0, "lines_sent": 1000}
        by_ref = group.stream(Ref.parse(node.ctl("whereis", "numbers").stdout.strip()), "read", window=1)
        assert sum(1 for _ in by_ref) == 1000
        assert list(group.stream("counter", "get")) == [], "a callee without streams answers at once"
        assert not group.answers and not group.streams
    assert client("stream", "numbers", "read").stdout == "".join(f'"{i}"\n' for i in range(1000))


def test_two_streams_and_a_call_at_once():
    with Client() as group:
        pairs = zip(group.stream("numbers", "read", window=3), group.stream("numbers", "read"))
        for i, pair in enumerate(pairs):
            assert pair == (str(i), str(i))
            if i % 100 == 0:
                assert group.call("numbers", "state")["readers"] >= 1
        assert i == 999


def test_a_stream_that_is_left_early_is_cancelled_and_its_window_bounds_what_was_sent():
    with Client() as group:
        for leave in "break", "close", "with":
            before = book_state("numbers")["lines_sent"]
            if leave == "break":
                for line in group.stream("numbers", "read", window=8):
                    if line == "9":
                        break
            elif leave == "close":
                stream = group.stream("numbers", "read", window=8)
                assert [next(stream) for _ in range(10)][-1] == "9"
                stream.close()
                assert list(stream) == []
            else:
                with group.stream("numbers", "read", window=8) as stream:
                    assert [next(stream) for _ in range(10)][-1] == "9"
            state = until(lambda: (s := book_state("numbers"))["readers"] == 0 and s, f"the end of the reading ({leave})")
            assert 10 <= state["lines_sent"] - before <= 18, (leave, state, before)
            assert not group.answers and not group.streams
        assert group.call("counter", "get") is not None, "the link goes on"


def test_large_items_are_bounded_by_their_bytes():
    book("large", ["x" * 100000] * 50)
    with Client() as group:
        stream = group.stream("large", "read", window=50)
        assert len(next(stream)) == 100000
        assert book_state("large")["lines_sent"] <= 5
        assert sum(map(len, stream)) == 49 * 100000 and stream.result == 50


def test_a_stream_whose_producer_dies_gives_what_had_come_and_then_the_error():
    with Client() as group:
        before = book_state("numbers")["lines_sent"]
        stream = group.stream("numbers", "read", window=8)
        assert next(stream) == "0"
        until(lambda: book_state("numbers")["lines_sent"] == before + 8, "the window")
        os.kill(node.child("numbers")["pid"], signal.SIGKILL)
        came = []
        try:
            for line in stream:
                came.append(line)
        except NamedError as e:
            assert e.name == "down", e
        else:
            raise AssertionError("the stream ended in order")
        assert came == [str(i) for i in range(1, len(came) + 1)] and len(came) >= 7, came
        assert list(stream) == [] and not group.answers


def test_a_stream_ends_with_a_named_error_with_its_time_and_where_nobody_is():
    os.unlink(os.path.join(node.root, "large"))
    with Client() as group:
        for to, name, timeout in ("large", "book.unreadable", 5), ("nobody", "noproc", 5), ("py", "timeout", 0.2):
            args = ("ask", Ref((1, 2, 3)), "get") if to == "py" else ("read",)
            try:
                if to == "py":
                    os.kill(node.child("py")["pid"], signal.SIGSTOP)
                list(group.stream(to, *args, timeout=timeout))
            except NamedError as e:
                assert e.name == name, (to, e)
            else:
                raise AssertionError(to)
            finally:
                if to == "py":
                    os.kill(node.child("py")["pid"], signal.SIGCONT)
        assert not group.answers and not group.streams


def test_credit_counts_bytes_as_they_came_and_lost_items_are_an_error():
    with Peer() as peer, Client() as group:
        stream = group.stream(Ref(peer.actor), "read", window=2)
        call = peer.expect(2)
        assert call[6:] == [0, {"stream": [2, 256 << 10]}], call
        item = b"\x95" + b"".join(map(raw_pack, (20, call[2], call[1], call[5])))
        peer.link.send_bytes(item + b"\xcf" + bytes(7) + b"\5")  # 5 in nine bytes
        assert next(stream) == 5
        credit = peer.expect(21)
        assert credit[3:] == [call[5], 3, (256 << 10) + 9], credit
        peer.link.send([3, call[2], call[1], call[5], None, {"items": 2}])
        try:
            next(stream)
        except NamedError as e:
            assert e.name == "lost", e
        else:
            raise AssertionError("the loss was not seen")
        stream = group.stream(Ref(peer.actor), "read")
        call = peer.expect(2)
        stream.close()
        cancel = peer.expect(19)
        assert cancel[3] == call[5], (cancel, call)


def test_run_by_hand_it_is_a_group_like_any_other():
    p = subprocess.Popen([sys.executable, CLIENT, "serve", "hand"], env=node.env, stdout=subprocess.PIPE, text=True)
    try:
        assert p.stdout.readline().startswith("serving <")
        assert node.ctl("call", "hand", "add", "4").stdout == "4\n"
        assert node.ctl("call", "hand", "quit").stdout == "null\n"  # the answer is sent before bye, so it arrives
        assert p.wait(60) == 0
        until(lambda: node.ctl("whereis", "hand", rc=None).returncode == 4, "the name is free")
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], node)
