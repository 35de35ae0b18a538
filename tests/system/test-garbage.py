"""What a node does with peers that lie: at most it ends their own connection, with a reason in the log. Nobody else notices.
Arguments: actorctl, the counter example, caller. GARBAGE_N scales the floods (default 1)."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

from node import Calls, Node, alive, run_tests, until
from rawpeer import Link, Ref, connect, depth, ended, hello, message, pack, read_exactly, read_message, sp_header, unpack_all, PAIR0, REQ0

actorctl, counter, caller = (os.path.abspath(p) for p in sys.argv[1:4])
scale = float(os.environ.get("GARBAGE_N", "1"))
node = Node(actorctl, "garbage").up()
node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
node.ctl("spawn", "--name", "victim", "--wait=ready", "--", counter, "--name", "victim")
BROKER, SPAWNER = node.root + "/node/broker.ipc", node.root + "/node/spawner.ipc"
STATUS = node.ctl_json("status")
PIDS = {part: STATUS[part]["pid"] for part in ("keeper", "supervisor", "broker")}
PIDS.update({name: node.child(name)["pid"] for name in ("counter", "victim")})
rng = random.Random(1)
MORE_KIB = (96 if not os.environ.get("SANITIZED") else 1024) << 10  # a sanitizer keeps what was freed for a while


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


FDS = {part: fds(pid) for part, pid in PIDS.items()}
RSS = {part: rss_kib(pid) for part, pid in PIDS.items()}


def logged():
    text = ""
    for at, _, files in os.walk(node.root + "/logs"):
        for name in files:
            with open(os.path.join(at, name), errors="replace") as f:
                text += f.read()
    return text


def bystander():
    """Calls counter in a loop; no lie may make a call fail. Afterwards the same processes live, idle, with their fds back."""
    def after():
        for part, pid in PIDS.items():
            assert alive(pid), f"{part} is gone"
        unchanged()

    return Calls(node, caller, after)


def unchanged():
    status = node.ctl_json("status")
    assert {part: status[part]["pid"] for part in ("keeper", "supervisor", "broker")} == {k: PIDS[k] for k in ("keeper", "supervisor", "broker")}
    for part, pid in PIDS.items():
        # A process may open two files once and keep them.
        until(lambda: fds(pid) <= FDS[part] + 2, f"fds of {part} back from {fds(pid)} to {FDS[part]}")
        assert rss_kib(pid) < RSS[part] + MORE_KIB, f"{part}: {RSS[part]} -> {rss_kib(pid)} KiB"
    before = {part: cpu_s(pid) for part, pid in PIDS.items()}
    time.sleep(0.3)
    for part, pid in PIDS.items():
        assert cpu_s(pid) - before[part] < 0.2, f"{part} spins"


def expect_end(path, data, what):
    s = connect(path)
    try:
        s.sendall(data)
    except OSError:
        pass
    assert ended(s), what
    s.close()


# ---- before there is a link --------------------------------------------------------------------------------------

def bytes_that_are_no_sp_end_the_connection():
    with bystander():
        for path in BROKER, SPAWNER:
            for what, data in {"text": b"GET / HTTP/1.1\r\n\r\n", "zeros": b"\0" * 100, "random": rng.randbytes(5000),
                               "pair": sp_header(PAIR0) + message(b"x"), "version": b"\0SP\1\0\x30\0\0",
                               "ff": b"\xff" * 64}.items():
                expect_end(path, data, what)


def connections_that_say_half_or_nothing_can_be_dropped():
    with bystander():
        for path in BROKER, SPAWNER:
            for data in b"", b"\0S", sp_header(REQ0), sp_header(REQ0) + b"\1\0\0", sp_header(REQ0) + message(b"abc"), \
                    sp_header(REQ0) + b"\1" + b"\0" * 6 + b"\1\0" + b"half":
                for _ in range(5):
                    s = connect(path)
                    s.sendall(data)
                    s.close()


def messages_that_are_too_long_end_the_connection():
    with bystander():
        for path in BROKER, SPAWNER:
            for n in (65 << 10, 17 << 20, 1 << 40, (1 << 64) - 1):
                expect_end(path, sp_header(REQ0) + b"\1" + n.to_bytes(8, "big") + b"x" * 1000, n)
            expect_end(path, sp_header(REQ0) + b"\7" + bytes(8), "unknown kind")


def bad_hellos_are_refused_in_words():
    good = {"v": [1, 1], "name": "raw", "pid": os.getpid()}
    bad = [b"", b"\xc1", rng.randbytes(300), pack(7), pack("hello"), pack([]), pack({}), b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff",
           pack({**good, "name": "x" * 60000}), pack({**good, "name": 7}), pack({**good, "name": "a\nb"}), pack({**good, "v": [2, 9]}),
           pack({**good, "v": "1"}), pack({**good, "v": [1]}), pack({**good, "v": [9, 1]}), pack({**good, "pid": "x"}),
           pack({**good, "pid": -1}),
           pack({**good, "token": "text"}), pack({**good, "features": 7}), pack({**good, "features": [7]}), pack(good) + b"x",
           pack(good)[:-1], b"\x81\xa1x" + depth(200), b"\x81\xa1x" + depth(60000), b"\x81\xa1x\xc6\xff\xff\xff\xff"]
    bad_tokens = [pack({**good, "token": b"junk"}), pack({**good, "token": b"\1" + rng.randbytes(40)})]
    with bystander():
        for path in BROKER, SPAWNER: # a client of the supervisor needs no token
            for body in bad + (bad_tokens if path == BROKER else []):
                answer, = unpack_all(hello(path, body))
                assert "error" in answer and "url" not in answer, (body[:80], answer)
            for _ in range(200):
                body = bytearray(pack(good))
                body[rng.randrange(len(body))] = rng.randrange(256)
                assert isinstance(unpack_all(hello(path, bytes(body)))[0], dict)


def hellos_that_never_take_up_their_link_are_forgotten():
    n = int(300 * scale)
    body = pack({"v": [1, 1], "name": "raw", "pid": os.getpid()})
    with bystander():
        for path in BROKER, SPAWNER:
            for _ in range(n):
                hello(path, body)


def silent_connections_do_no_harm():
    with bystander():
        for path in BROKER, SPAWNER:
            silent = [connect(path) for _ in range(int(500 * max(scale, 1)))]
            assert ended(silent[0]) # the oldest must make room for others
            for s in silent:
                s.close()


# ---- on a link ---------------------------------------------------------------------------------------------------

def links():
    """For each kind of peer a function that makes a fresh link with it, for one lie."""
    yield "broker", lambda: Link(BROKER)
    yield "supervisor", lambda: Link(SPAWNER)
    yield "group", direct


def direct():
    link = Link(BROKER)
    direct_link = link.introduce(link.call("whereis", "victim")[4][1])
    direct_link.to_broker = link
    return direct_link


def lies(link):
    """Lies of which each must end the link."""
    me, you = link.me, link.service
    foreign = Ref((me[0], you[1], 1))
    yield "garbage", rng.randbytes(1000)
    yield "never used byte", b"\xc1"
    yield "truncated", pack([1, you, me, "get", []])[:-1]
    yield "frame and a half", pack([12, 1]) + pack([12, 1])[:-3]
    yield "no array", pack({"a": 1})
    yield "empty array", pack([])
    yield "type is text", pack(["cast", you, me, "get", []])
    yield "count bomb", b"\xdd\xff\xff\xff\xff"
    yield "length bomb", b"\x95\x01\xc6\xff\xff\xff\xff"
    yield "depth bomb", depth(100000)
    yield "deep args", b"\x95\x01" + pack(you) + pack(me) + b"\xa3get" + depth(66)
    yield "foreign from", pack([1, you, foreign, "get", []])
    yield "foreign call", pack([2, you, foreign, "get", [], 1, 0])
    yield "nobody calls", pack([2, you, Ref((0, 0, 0)), "get", [], 1, 0])
    yield "args no array", pack([1, you, me, "get", 7])
    yield "method empty or not", pack([1, you, me, 7, []])
    yield "17 MiB", b"\0" * (17 << 20)
    yield "after bye", pack([14, "normal"]) + pack([1, you, me, "get", []]) * 100


def lies_end_the_link_they_came_on_and_no_other():
    with bystander():
        for kind, make in links():
            link = make()
            cases = [what for what, _ in lies(link)]
            link.close()
            for i, what in enumerate(cases):
                link, other = make(), make()
                data = [body for _, body in lies(link)][i]
                try:
                    link.send_bytes(data)
                except OSError:
                    pass
                assert link.ended(), f"{kind}: {what}"
                other.send([12, 77])
                assert other.receive() == [13, 77], f"{kind}: {what}: another link of mine does not answer"
                link.close()
                other.close()


def a_daemon_says_why_it_ends_a_link():
    for path, name in (BROKER, "$broker"), (SPAWNER, "$spawner"):
        for data, why in (message(b"")[:1] + (17 << 20).to_bytes(8, "big"), "more than 16 MiB"), (b"\7" + bytes(8), "no message"), \
                (message(b"\xc1"), "malformed"):
            link = Link(path)
            link.socket.sendall(data)
            bye = link.receive()
            assert bye[0] == 14 and why in bye[1], (name, bye)
            assert link.ended()
            until(lambda: why in logged(), f"{name} logs {why}")


def answers_nobody_asked_for_go_nowhere():
    with bystander():
        for kind, make in links():
            link = make()
            me, you = link.me, link.service
            for serial in 0, 1, 2, 3, 99, (1 << 64) - 1:
                to = Ref((you[0], you[1], serial))
                frames = [[3, to, me, n, "surprise"] for n in (0, 1, 2, 1 << 63)]
                frames += [[4, to, me, n, "noproc", "x"] for n in (0, 1, 2)]
                frames += [[9, to, me, n, {"reason": "normal"}] for n in (0, 1, 2)]
                frames += [[8, to, me, n] for n in (0, 1, 2)]
                frames += [[10, Ref((me[0], me[1], 7))], [11, Ref((me[0], me[1], 7))], [11, None], [10, None], [11, None]]
                link.send(*frames)
            link.send([200, "unknown", {"x": [1]}], [12, 5])
            got = link.receive()
            while got != [13, 5]:
                got = link.receive()
            link.close()


def no_frame_ends_a_daemon():
    with bystander():
        for path, name in (SPAWNER, "$spawner"), (BROKER, "$broker"):
            link = Link(path)
            for to in link.service, Ref((*link.service[:2], 0)), name:
                for _ in range(5):
                    link.send([6, to, link.me], [5, to, link.me, "enough"])
            # The same is tried by the broker, and in the name of nobody.
            link.send([6, link.service, Ref((0, 0, 0))], [12, 9])
            while link.receive() != [13, 9]:
                pass
            link.close()
        link = Link(BROKER)
        for _ in range(5):
            link.send([6, "$spawner", link.me], [5, "$spawner", link.me, "enough"])
        link.send([12, 9])
        while link.receive() != [13, 9]:
            pass
        link.close()
        assert node.ctl_json("ls"), "the supervisor answers"
    assert "asks by a frame that $spawner ends: refused" in logged(), logged()[-2000:]


def casts_that_only_the_daemon_itself_may_send_do_nothing():
    with bystander():
        link = Link(SPAWNER)
        for serial in 1, 0:
            to = Ref((*link.service[:2], serial))
            for method in "broker_down", "broker_up", "turn", "io", "timer", "tell_held", "broker_late", "group_ready", "group_hello", "watch_owner":
                link.cast(method, to=to)
                link.cast(method, 1, link.me, to=to)
        assert link.call("status")[0] == 3
        link.close()


def monitors_in_the_name_of_another_group_are_refused():
    link = Link(SPAWNER)
    group, foreign = node.child("victim")["group"], Ref((link.me[0], node.child("counter")["group"], 1))
    assert link.call("monitor", group, foreign, 1)[4] == "permission"
    assert link.call("demonitor", foreign, 1)[4] == "permission"
    assert link.call("monitor", group, link.me, 1)[0] == 3
    assert link.call("demonitor", link.me, 1)[4] is True
    link.close()


def an_answer_of_a_third_group_hits_no_call_and_ends_its_link():
    """A caller waits for the answer of one group of this test. Another group of this test guesses the call's id, 2,000 times for each lie."""
    asked = Link(BROKER)
    ref = Ref((asked.me[0], asked.me[1], 1))
    assert asked.call("register", "asked", ref)[0] == 3
    with bystander(), subprocess.Popen([caller, "asked", "60000"], env=node.env, stdout=subprocess.PIPE, text=True) as process:
        try:
            link = asked.introduced()
            _, _, to, _, _, call_id, _ = link.receive()[:7]
            guesses = [n << 32 | slot for n in range(500) for slot in range(1, 5)]
            assert call_id in guesses, call_id
            for lie in (lambda liar, n: [3, to, liar, n, "lie"], lambda liar, n: [4, to, liar, n, "noproc", "lie"],
                        lambda liar, n: [3, to, ref, n, "lie"], lambda liar, n: [3, to, Ref((0, 0, 0)), n, "lie"]):
                broker = Link(BROKER)
                third = broker.introduce(to[1])
                third.to_broker = broker
                try:
                    third.send(*(lie(third.me, n) for n in guesses))
                except OSError:
                    pass # the link was cut in the middle of it
                assert third.ended()
                third.close()
            # The broker knows that the liar was not asked.
            single = Link(BROKER, features=["single"])
            single.send(*([3, to, single.me, n, "lie"] for n in guesses), [12, 1])
            while single.receive() != [13, 1]:
                pass
            single.close()
            link.send([12, 5])
            assert link.receive() == [13, 5], "the caller has gone on: a lie was taken for the answer"
            assert process.poll() is None
            link.send([3, to, ref, call_id, 1])
            assert process.stdout.readline() == "calling\n" # the first call was answered
            process.send_signal(signal.SIGTERM)
            frame = link.receive() # the caller ends when its next call is answered, unless it had not begun that
            if frame[0] == 2:
                link.send([3, to, ref, frame[5], 1])
            result = json.loads(process.stdout.readlines()[-1])
            assert result["failures"] == 0, result
            link.close()
            asked.close()
        finally:
            process.kill()


def call_many(link, frames):
    """Sends calls and takes their answers. Returns how many were answered by a reply, and the names of the errors."""
    n_replies, errors = 0, []
    frames = list(frames)
    for at in range(0, len(frames), 200):
        some = frames[at:at + 200]
        link.send(*some)
        left = len(some)
        while left:
            frame = link.receive()
            if frame[0] == 3:
                n_replies += 1
            elif frame[0] == 4:
                errors.append(frame[4])
            left -= frame[0] in (3, 4)
    return n_replies, errors


def monitors_go_with_the_client_that_made_them():
    group = node.child("victim")["group"]
    with bystander():
        for kind in "supervisor", "broker", "single":
            for _ in range(int(70 * max(scale, 1)) // (1 if kind == "supervisor" else 7)):
                link = Link(SPAWNER) if kind == "supervisor" else Link(BROKER, **({"features": ["single"]} if kind == "single" else {}))
                to = link.service if kind == "supervisor" else link.call("whereis", "$spawner")[4]
                at = link if kind != "broker" else link.introduce(to[1])
                assert call_many(at, ([2, to, link.me, "monitor", [group, link.me, i], 10 + i, 0] for i in range(1000))) == (1000, [])
                if at != link:
                    at.close()
                link.close()
        link = Link(SPAWNER)
        assert link.call("monitor", group, link.me, 1)[0] == 3, "a bystander is not refused for what others left"
        link.close()


def a_client_gets_what_one_may_have():
    link, other = Link(SPAWNER), Link(SPAWNER)
    group = node.child("victim")["group"]
    n, errors = call_many(link, ([2, link.service, link.me, "monitor", [group, link.me, i], 10 + i, 0] for i in range(16384 + 5)))
    assert (n, errors) == (16384, ["overloaded"] * 5), (n, errors)
    n_waits = int(20000 * max(scale, 1))
    for at in range(0, n_waits, 200): # the first calls wait, the others are refused at once
        link.send(*([2, link.service, link.me, "wait", ["victim", "down", 0], 1000000 + at + i, 0] for i in range(200)))
    refused = 0
    while refused < n_waits - 4096:
        frame = link.receive()
        assert frame[0] == 4 and frame[4] == "overloaded", frame
        refused += 1
    assert other.call("monitor", group, other.me, 1)[0] == 3
    assert other.call("wait", "victim", "up", 0)[0] == 3
    link.send([12, 7])
    assert link.receive() == [13, 7], "and no more is answered"
    link.close()
    other.close()


def floods_cost_only_the_flooder():
    n = int(20000 * scale)
    with bystander():
        for kind, make in links():
            link = make()
            me, you = link.me, link.service
            floods = {
                "pause and resume": lambda i: [10 + i % 2, None],
                "monitors": lambda i: [7, Ref((you[0], you[1], 1)), me, i + 1],
                "monitors of the dead": lambda i: [7, Ref((you[0], you[1], 1000 + i)), me, 1000000 + i],
                "calls of the dead": lambda i: [2, Ref((you[0], you[1], 1000 + i)), me, "get", [], 2000000 + i, 0],
                "casts": lambda i: [1, you, me, "get", [i]],
            }
            if kind == "broker":
                floods["names"] = lambda i: [2, you, me, "register", [f"flood.{i}", me], 3000000 + i, 0]
            for what, frame in floods.items():
                link.socket.settimeout(5)
                try:
                    for at in range(0, n, 500):
                        link.send(*(frame(i) for i in range(at, min(at + 500, n))))
                        drain(link)
                except OSError as e:
                    print(f"# {kind}: {what}: {e}")
                    link.close()
                    link = make()
                    me, you = link.me, link.service
            link.close()


def drain(link):
    link.socket.setblocking(False)
    try:
        while link.socket.recv(1 << 20):
            pass
    except OSError:
        pass
    link.socket.setblocking(True)
    link.socket.settimeout(5)


def a_receiver_that_stopped_reading_is_cut_or_held_and_nobody_else():
    node.ctl("spawn", "--name", "stalled", "--wait=ready", "--", counter, "--name", "stalled")
    pid = node.child("stalled")["pid"]
    with bystander():
        links = []
        for single in (False, True):
            link = Link(BROKER, **({"features": ["single"]} if single else {}))
            ref = link.call("whereis", "stalled")[4]
            links.append((single, link, link if single else link.introduce(ref[1])))
        os.kill(pid, signal.SIGSTOP)
        try:
            for single, link, to in links:
                to.socket.settimeout(2)
                frames = b"".join(pack([1, ref, link.me, "reset", ["x" * 1000]]) for _ in range(200))
                sent = 0
                try:
                    while sent < (64 << 20) * scale:
                        to.send_bytes(frames)
                        sent += len(frames)
                except OSError as e:
                    print(f"# {'by the broker' if single else 'direct'}: {sent >> 20} MiB, then {e}")
                assert rss_kib(PIDS["broker"]) < RSS["broker"] + MORE_KIB, rss_kib(PIDS["broker"])
                to.close()
                link.close()
        finally:
            os.kill(pid, signal.SIGCONT)
        node.ctl("stop", "stalled")
        node.ctl("rm", "stalled")


def answers_that_nobody_reads_cost_their_caller_its_link_and_nobody_memory():
    with bystander():
        for kind, make in links():
            if kind == "broker":
                continue  # the broker has a quota of its own
            link = make()
            link.socket.settimeout(60)
            ask = "ls" if kind == "supervisor" else "get"
            calls = b"".join(pack([2, link.service, link.me, ask, [], i, 0]) for i in range(1, 2001))
            sent, most = 0, (256 << 20) * scale
            pid = PIDS["supervisor" if kind == "supervisor" else "victim"]
            kib = before = rss_kib(pid)
            try:
                while sent < most:
                    link.send_bytes(calls)
                    sent += len(calls)
                    kib = max(kib, rss_kib(pid))
            except OSError as e:
                print(f"# {kind}: {sent >> 20} MiB of calls, then {e}; {before} -> {kib} KiB")
            assert sent < most, f"{kind}: not cut; {before} -> {kib} KiB"
            assert kib - before < MORE_KIB, (kind, before, kib)
            link.close()
        assert "does not read its answers" in logged()


def liars_at_a_door_are_closed_and_do_not_fill_the_log():
    door = f"{node.root}/node/g/{node.child('victim')['group']}/door.ipc"
    if not os.path.exists(door):
        return  # in the build over libnng there are no doors
    before, n = logged().count("closed a connection"), 500
    with bystander():
        for what, data in {"no frame": b"x", "no join": pack([12, 1]), "of nobody": pack([15, 12345])}.items():
            for _ in range(n):
                expect_end(door, sp_header(PAIR0) + message(data), what)
    until(lambda: logged().count("closed a connection") > before, "a reason in the log")
    assert logged().count("closed a connection") - before < n // 5, "the log grows with each of them"


def who_gave_up_before_it_was_let_in_can_begin_anew():
    victim = node.child("victim")
    if not os.path.exists(f"{node.root}/node/g/{victim['group']}/door.ipc"):
        return
    with bystander():
        link = Link(BROKER)
        to = link.call("whereis", "victim")[4]
        for _ in range(3):
            link.send([2, link.service, link.me, "introduce", [to[1]], 1, 0])
            while (frame := link.receive())[0] != 1 or frame[3] != "introduce":
                pass
            intro, role = frame[4][:2]
            assert role == "join", role
            link.cast("link_down", to[1], intro) # the dialer never went to the door
        there = link.introduce(to[1])
        assert there.call("get", to=to)[0] == 3
        there.close()
        link.close()


def a_caller_that_reads_late_gets_every_answer_in_order():
    with bystander():
        link = direct()
        n = 100000  # the answers are 7 MB and the calls 10 MB, which fit neither the sockets nor what may be unread
        for at in range(1, n, 1000):
            link.send(*([2, link.service, link.me, "get", [], i, 0] for i in range(at, at + 1000)))
        for i in range(1, n + 1):
            while (frame := link.receive())[0] in (10, 11):
                pass  # pause and resume
            assert frame[0] == 3 and frame[3] == i, (i, frame)
        link.close()


def requests_of_the_runtime_beyond_a_turn_are_all_answered_in_order():
    """64 are answered in a turn, and of a link 256 wait. The others wait aside; no event but these wakes the group."""
    with bystander():
        link = direct()
        n = 3000
        link.send(*([2, link.service, link.me, "$sys_status", [], i, 0] for i in range(1, n + 1)))
        for i in range(1, n + 1):
            frame = link.receive()
            assert frame[0] == 3 and frame[3] == i, (i, frame[:4])
        link.close()


def what_is_said_of_a_liar_is_bounded():
    """Each peer has a burst of lines and then a slow rate, whatever it lies about and wherever: it must not be able to fill the log of the process to
    which it lies."""
    victim = node.child("victim")
    door = f"{node.root}/node/g/{victim['group']}/door.ipc"

    def knocks(n):
        for _ in range(n):
            s = connect(door)
            s.sendall(sp_header(PAIR0) + message(b"\xc0"))
            s.close()

    def failures(n):
        link = Link(BROKER)
        for i in range(n):
            link.send([2, link.service, link.me, "introduce", [victim["group"]], i + 1, 0])
            while (frame := link.receive())[0] != 1 or frame[3] != "introduce":
                pass
            link.cast("introduce_failed", frame[4][0], "it is a lie")
        link.close()

    with bystander():
        for liar, line in (knocks, "closed a connection of pid"), (failures, "it is a lie"):
            before = logged().count(line)
            liar(int(3000 * max(scale, 1)))
            until(lambda: logged().count(line) > before, line)
            assert logged().count(line) - before < 200, (line, logged().count(line) - before)


def who_is_turned_away_at_a_door_is_not_told_of_a_death_and_comes_again():
    """A dialer writes before it is let in. If the door is closed to it before that, it was told of no death: it asks again, and says again what it
    had said."""
    place = f"{node.root}/node/raw"
    os.mkdir(place, 0o700)
    door = socket.socket(socket.AF_UNIX)
    door.bind(f"{place}/door.ipc")
    door.listen(8)
    door.settimeout(60)
    link = Link(BROKER)
    me = Ref((link.me[0], link.me[1], 1))
    link.call("announce", [], [], [], f"{place}/door.ipc")
    link.call("announced")
    assert link.call("register", "doorman", me)[0] == 3
    p = subprocess.Popen([caller, "doorman", "60000"], env=node.env, stdout=subprocess.PIPE, text=True)
    try:
        for times in range(4):
            s, _ = door.accept()
            s.settimeout(60)
            s.sendall(sp_header(PAIR0))
            read_exactly(s, 8)
            dialer = unpack_all(read_message(s))[0]
            assert dialer[0] == 15, dialer
            if times == 3:
                break
            if times:  # the dialer has spoken
                assert unpack_all(read_message(s))[0][3] == "add"
            s.close()
            while (frame := link.receive())[3] != "introduce_failed":  # the dialer gave the link up and asks again
                assert frame[3] == "expect", frame
            link.cast("link_down", frame[4][1], frame[4][0])
        direct = Link.__new__(Link)
        direct.socket, direct.queue, direct.to_broker = s, [], None
        direct.send([15, me[1]])
        call = direct.receive()
        assert call[0] == 2 and call[3] == "add", call
        direct.send([3, call[2], me, call[5], 1])
        assert p.stdout.readline() == "calling\n"
        second = direct.receive()  # each call came once
        assert second[0] == 2 and second[5] != call[5], (call, second)
        p.send_signal(signal.SIGTERM)
        direct.send([3, second[2], me, second[5], 2])
        frame = direct.receive()
        while frame[0] != 14:  # 14 is a bye
            direct.send([3, frame[2], me, frame[5], 3])
            frame = direct.receive()
        direct.send([14, "normal"])
        result = json.loads(p.stdout.readlines()[-1])
        assert result["failures"] == 0 and result["calls"] >= 2, result
        assert p.wait(60) == 0
    finally:
        p.kill()
        p.wait()
        p.stdout.close()
        door.close()
        link.close()
        s.close()
        os.unlink(f"{place}/door.ipc")
        os.rmdir(place)


def reasons_are_in_the_log():
    log = logged()
    assert "raw" in log and ("malformed" in log or "EPROTO" in log or "not valid" in log), log[-3000:]
    assert "Sanitizer" not in log and "runtime error" not in log, log[-3000:]


ONLY = os.environ.get("ONLY", "")
run_tests([t for t in [bytes_that_are_no_sp_end_the_connection,
           connections_that_say_half_or_nothing_can_be_dropped,
           messages_that_are_too_long_end_the_connection,
           bad_hellos_are_refused_in_words,
           hellos_that_never_take_up_their_link_are_forgotten,
           silent_connections_do_no_harm,
           lies_end_the_link_they_came_on_and_no_other,
           a_daemon_says_why_it_ends_a_link,
           answers_nobody_asked_for_go_nowhere,
           an_answer_of_a_third_group_hits_no_call_and_ends_its_link,
           no_frame_ends_a_daemon,
           casts_that_only_the_daemon_itself_may_send_do_nothing,
           monitors_in_the_name_of_another_group_are_refused,
           monitors_go_with_the_client_that_made_them,
           a_client_gets_what_one_may_have,
           floods_cost_only_the_flooder,
           a_receiver_that_stopped_reading_is_cut_or_held_and_nobody_else,
           answers_that_nobody_reads_cost_their_caller_its_link_and_nobody_memory,
           liars_at_a_door_are_closed_and_do_not_fill_the_log,
           who_is_turned_away_at_a_door_is_not_told_of_a_death_and_comes_again,
           who_gave_up_before_it_was_let_in_can_begin_anew,
           a_caller_that_reads_late_gets_every_answer_in_order, requests_of_the_runtime_beyond_a_turn_are_all_answered_in_order,
           what_is_said_of_a_liar_is_bounded,
           reasons_are_in_the_log] if ONLY in t.__name__], node)
