#!/usr/bin/env python3
"""The examples do what they say, and the node sees what becomes of those that die.

usage: test-examples.py ACTORCTL EXAMPLES-DIR SOURCE-DIR      (writes TAP)
"""

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys

from node import Node, run_tests, until

EXAMPLES, SOURCE = os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
node = Node(sys.argv[1], "examples")


def spawn(program, *args, name=None, restart="permanent"):
    name = name or program
    node.ctl("spawn", "--name", name, "--restart", restart, "--backoff", "0", "--wait=ready", "--", f"{EXAMPLES}/{program}", *args)
    return node.child(name)


def call(to, method, *args, rc=0):
    p = node.ctl("call", to, method, *(json.dumps(a) for a in args), rc=rc)
    return json.loads(p.stdout) if rc == 0 else p.stderr


def test_counter_counts():
    spawn("counter")
    assert call("counter", "add", 5) == 5
    assert call("counter", "add", -2) == 3
    assert call("counter", "get") == 3
    node.ctl("send", "counter", "reset")
    assert call("counter", "get") == 0
    until(lambda: call("counter", "uptime") >= 1, "a tick")


def test_counter_refuses_nonsense():
    assert "bad_args" in call("counter", "add", "five", rc=6)
    assert call("counter", "add", 2**63 - 1) == 2**63 - 1
    assert "counter.overflow" in call("counter", "add", 1, rc=6)
    assert "no_method" in call("counter", "subtract", 1, rc=6)
    assert call("counter", "get") == 2**63 - 1


def test_counter_by_another_name():
    spawn("counter", "--name", "other", name="another-process")
    assert call("other", "add", 1) == 1
    assert node.run(f"{EXAMPLES}/counter", "--nme", "x", rc=2).stderr == "usage: counter [--name NAME]\n"


def test_first_counts():
    spawn("first")
    assert call("first", "add", 40) == 40
    assert call("first", "add", 2) == 42
    assert "counter.overflow" in call("first", "add", 2**63 - 1, rc=6)
    assert call("first", "add", 0) == 42, "a sum that was refused is not kept"


def test_readme_shows_the_first_actor_as_it_is():
    with open(f"{SOURCE}/README.md") as readme, open(f"{SOURCE}/examples/first.c") as first:
        code = re.findall(r"```c\n(.*?)```", readme.read(), re.S)  # README.md shows the program without the line of the licence
        assert first.read().split("\n", 1)[1] in code, "README.md does not show examples/first.c as it is"


def test_session_ticks_and_merges_what_it_misses():
    spawn("session")
    ticks, merged = until(lambda: (t := call("session", "ticks"))[0] >= 2 and t, "two ticks")
    call("session", "busy", 350)  # that is seven ticks, of which one waits
    after = until(lambda: (t := call("session", "ticks"))[0] > ticks and t, "another tick")
    assert after[1] >= merged + 5, (ticks, merged, after)


def test_session_ends_at_its_limit_and_when_it_is_idle():
    spawn("session", name="limited", restart="temporary", *("--name", "limited"))
    assert call("limited", "limit", 600000) is None
    assert 0 < call("limited", "limit", 1) <= 600000
    until(lambda: node.ctl("whereis", "limited", rc=None).returncode != 0, "its end")
    spawn("session", name="idle", restart="temporary", *("--name", "idle"))
    assert call("idle", "idle", 20) is None
    until(lambda: node.ctl("whereis", "idle", rc=None).returncode != 0, "its end")


def test_lines_of_a_thread_and_signals_come_to_the_actor():
    fifo = os.path.join(node.root, "fifo")
    os.mkfifo(fifo)
    child = spawn("lines", fifo, restart="temporary")
    assert call("lines", "get") == [0, "", 0]
    with open(fifo, "w") as writer:
        writer.write("".join(f"line {i}\n" for i in range(20000)))
        writer.flush()
        until(lambda: call("lines", "get") == [20000, "line 19999", 0], "all lines, in order")
        os.kill(child["pid"], signal.SIGUSR1)
        until(lambda: call("lines", "get")[2] == 1, "the signal")
    until(lambda: node.ctl("whereis", "lines", rc=None).returncode != 0, "its end")


def burst(name, policy):
    """Sends 500 readings at once. Returns how many were taken and refused, and then how many were shown, the last of them, and how many were lost."""
    spawn("overload", "--name", name, policy, name=name)
    taken, refused = call(name, "burst", 500)
    shown = lambda: node.ctl("--json", "describe", name).stdout
    until(lambda: (lambda m: m["handled"] + sum(m["lost"].values()) == m["received"])(json.loads(shown())["mailbox"]), "all of them")
    until(lambda: call(name, "seen")[2] == sum(json.loads(shown())["mailbox"]["lost"].values()), "its being told of them")
    return taken, refused, call(name, "seen")


def test_overload_shows_what_is_new_where_the_oldest_are_dropped():
    taken, refused, (shown, last, lost) = burst("new", "drop-oldest")
    assert (taken, refused, shown, last, lost) == (500, 0, 10, 499, 490), (taken, refused, shown, last, lost)
    text = node.ctl("describe", "new").stdout
    assert "mailbox: drop_oldest" in text and "lost 490 (oldest 490)" in text, text
    until(lambda: "reading 489 was lost" in node.ctl("logs", "new").stdout, "the letters")


def test_overload_shows_what_was_first_where_the_newest_are_dropped():
    taken, refused, (shown, last, lost) = burst("first-ones", "drop-newest")
    assert (taken, refused, shown, last, lost) == (500, 0, 10, 9, 490), (taken, refused, shown, last, lost)


def test_overload_says_that_it_refuses():
    taken, refused, (shown, last, lost) = burst("refusing", "refuse")
    assert (taken, refused, shown, last, lost) == (10, 490, 10, 9, 490), (taken, refused, shown, last, lost)
    assert "usage" in node.run(f"{EXAMPLES}/overload", "block", rc=2).stderr


def test_checksum_answers_others_while_a_file_is_read():
    spawn("checksum")
    fifo, path = os.path.join(node.root, "slow"), os.path.join(node.root, "file")
    os.mkfifo(fifo)
    with open(path, "w") as file:
        file.write("foobar")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(call, "checksum", "of", fifo)  # waits until somebody writes
        assert call("checksum", "of", path) == [6, "85944171f73967e8"]
        assert call("checksum", "ping") == "pong"
        assert not slow.done()
        with open(fifo, "w") as writer:
            writer.write("foobar")
        assert slow.result() == [6, "85944171f73967e8"]
    assert "No such file" in call("checksum", "of", path + "-not", rc=6)


def test_guest_spawns_an_actor_in_another_process():
    for name in "left", "right":
        node.ctl("spawn", "--name", name, "--wait=ready", "--", f"{EXAMPLES}/guest", name)
    counter = call("left", "make", "right", 5)["$ref"]
    assert counter.split(".")[1] == call("right", "make", "right", 1)["$ref"].split(".")[1]
    assert call(counter, "add", 1) == 6
    assert "no such actor" in call("left", "make", "nobody", 1, rc=6)
    node.ctl("kill", "right")
    until(lambda: f"{counter} has ended: " in node.ctl("logs", "left").stdout, "the DOWN of the counter")


def test_family_restarts_those_who_rely_on_who_failed():
    spawn("family")
    before = call("family", "ls")
    assert (before["store"], before["reader"], before["helper"]) == (0, 0, 0)
    assert call("family", "read") == 42
    assert "family.no_child" in call("family", "crash", "uncle", rc=6)
    call("family", "crash", "reader")  # and the helper after it, but not the store
    until(lambda: call("family", "ls")["helper"] == 1, "the helper's restart")
    after = call("family", "ls")
    assert (after["store"], after["reader"]) == (0, 1) and after["pid"] != before["pid"]
    until(lambda: not os.path.exists(f"/proc/{before['pid']}"), "the former helper's end")
    assert call("family", "read") == 42
    os.kill(after["pid"], signal.SIGKILL)
    until(lambda: call("family", "ls")["helper"] == 2, "the helper's restart after a kill")
    last = call("family", "ls")["pid"]
    node.ctl("stop", "family")
    assert not os.path.exists(f"/proc/{last}")
    lines = node.ctl("logs", "family").stdout
    for line in ["started store", "all have started", "ended reader: crash: EIO", "ended helper: shutdown",
                 "restarted helper", "ended helper: signal", "all have ended"]:
        assert line in lines, (line, lines)


def read(*args, rc=0):
    return node.run(f"{EXAMPLES}/reader", *map(str, args), rc=rc).stdout.splitlines()


def big_book(n_lines):
    path = os.path.join(node.root, "big")
    with open(path, "w") as file:
        file.writelines(f"line {i}{' even' if i % 2 == 0 else ''}\n" for i in range(1, n_lines + 1))
    return path


def test_book_is_read_to_its_end_by_any_number_of_readers():
    spawn("book", big_book(20000))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for lines in pool.map(lambda i: read("book", "even"), range(4)):
            assert len(lines) == 10001 and lines[0] == "2: line 2 even", lines[:2]
            assert lines[-2:] == ["20000: line 20000 even", "the end, after 20000 lines"], lines[-2:]
    assert call("book", "state") == {"readers": 0, "lines_sent": 80000}
    assert read("book", "uneven", rc=1) == ["the end, after 20000 lines"]
    assert "book.no_stream" in call("book", "read", rc=6)
    assert node.run(f"{EXAMPLES}/reader", "nobody", "word", rc=2).stderr.startswith("reader: nobody: ")


def test_book_sends_no_more_than_its_reader_takes():
    before = call("book", "state")["lines_sent"]
    assert read("book", "even", 2) == ["2: line 2 even", "4: line 4 even", "enough, after 4 lines"]
    state = until(lambda: (s := call("book", "state"))["readers"] == 0 and s, "the end of the reading")
    assert 4 <= state["lines_sent"] - before <= 4 + 16, (state, before)


def test_book_closes_what_a_dead_reader_read_and_a_reader_hears_of_a_dead_book():
    spawn("book", big_book(100000), "--name", "long", name="long")
    reader = subprocess.Popen([f"{EXAMPLES}/reader", "long", "line"], env=node.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    reader.stdout.readline()  # it has begun, and nobody reads the rest: it stands still when the pipe is full
    assert call("long", "state")["readers"] == 1
    reader.kill()
    reader.communicate()
    until(lambda: call("long", "state")["readers"] == 0, "the end of the reading")
    reader = subprocess.Popen([f"{EXAMPLES}/reader", "long", "line"], env=node.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    reader.stdout.readline()
    os.kill(node.child("long")["pid"], signal.SIGKILL)
    _, err = reader.communicate()
    assert reader.returncode == 2 and err.startswith("reader: long: "), (reader.returncode, err)


def test_shop_serves_the_orders_of_the_night_first_when_it_opens():
    spawn("shop")
    for what in "tea", "cake":
        node.ctl("send", "shop", "order", json.dumps(what))
    assert call("shop", "served") == ""
    assert call("shop", "open") == 2
    node.ctl("send", "shop", "order", '"milk"')
    assert call("shop", "served") == "tea cake milk"
    assert "no_method" in call("shop", "open", rc=6), "it is open"
    assert call("shop", "close") is None
    node.ctl("send", "shop", "order", '"bread"')
    assert call("shop", "served") == "tea cake milk"
    assert call("shop", "open") == 1
    assert call("shop", "served") == "tea cake milk bread"


def test_family_gives_up_and_the_node_starts_it_again():
    before = spawn("family", "--name", "others", name="others")
    for _ in range(4):
        call("others", "crash", "store")
        until(lambda: node.ctl("call", "others", "read", rc=None).returncode == 0, "the store")
    assert "too many restarts of store" in node.ctl("logs", "others").stdout
    assert node.child("others")["pid"] != before["pid"]


def ends_with(how, **cause):
    """A flaky process is asked to crash. Its call fails, the node reports @cause, and it is back under its name."""
    name = f"flaky-{how}"
    before = spawn("flaky", "--name", name, name=name)
    assert call(name, "ping") == "pong"
    assert call(name, "get") == 1
    call(name, "crash", how, rc=None)
    after = until(lambda: (c := node.child(name))["pid"] not in (None, before["pid"]) and c, "a restart")
    assert after["restarts"] == 1, after
    for key, value in cause.items():
        assert after["last_exit"][key] == value, after
    until(lambda: node.ctl("whereis", name, rc=None).returncode == 0, "the name")
    assert call(name, "get") == 0


SANITIZED = os.environ.get("SANITIZED")  # a sanitizer turns signals into an exit status


def signal_or_report(name):
    return {"kind": "exit"} if SANITIZED else {"kind": "signal", "signal": name}


def test_a_bad_pointer():
    ends_with("segv", **signal_or_report("SIGSEGV"))
    if not SANITIZED:
        text = node.child("flaky-segv")["last_exit"]["text"]
        assert re.search(r"crash: SIGSEGV at address 0x4 in actor <[0-9a-f.]+> \(flaky\), method 'crash', in crash_segv$", text), text


def test_an_abort():
    ends_with("abort", kind="signal", signal="SIGABRT")


def test_an_exit():
    ends_with("exit", kind="exit", code=3)


def test_an_exit_with_a_code_of_its_own():
    spawn("flaky", "--name", "flaky-code", name="flaky-code", restart="temporary")
    call("flaky-code", "crash", "exit", 42, rc=None)
    child = until(lambda: (c := node.child("flaky-code"))["state"] == "down" and c, "its end")
    assert child["last_exit"]["kind"] == "exit" and child["last_exit"]["code"] == 42, child


def test_memory_that_runs_out():
    ends_with("oom", **signal_or_report("SIGSEGV"))


def test_a_hang_ends_by_kill():
    before = spawn("flaky", "--name", "flaky-hang", name="flaky-hang")
    p = node.ctl("--timeout", "0.3", "call", "flaky-hang", "crash", '"hang"', rc=5)
    assert p.stderr.count("\n") == 1, p
    assert node.child("flaky-hang")["pid"] == before["pid"]
    node.ctl("kill", "-s", "KILL", "flaky-hang")
    after = until(lambda: (c := node.child("flaky-hang"))["pid"] not in (None, before["pid"]) and c, "a restart")
    assert after["last_exit"]["signal"] == "SIGKILL", after
    until(lambda: node.ctl("whereis", "flaky-hang", rc=None).returncode == 0, "the name")
    assert call("flaky-hang", "ping") == "pong"


def test_an_unknown_crash_is_refused():
    assert "flaky.unknown_kind" in call("flaky-hang", "crash", "boom", rc=6)


def test_pingpong_in_one_process_and_in_two():
    one = node.run(f"{EXAMPLES}/pingpong", "--seconds", "1").stdout
    two = node.run(f"{EXAMPLES}/pingpong", "--seconds", "1", "--processes").stdout
    assert re.fullmatch(r"two actors in one process: \d+ round trips/s, [\d.]+ us each\n", one), one
    assert re.fullmatch(r"two actors in two processes: \d+ round trips/s, [\d.]+ us each\n", two), two
    until(lambda: not [c for c in node.ctl_json("ls") if "pingpong" in c["name"] and c["pid"]], "the partner's end")


node.up()
run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], node)
