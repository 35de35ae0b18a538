# SPDX-License-Identifier: Apache-2.0
"""actorctl trace shows what one message causes. Arguments: actorctl, traced, the counter example, caller."""

import json
import os
import select
import signal
import subprocess
import sys
import time

from node import PATIENCE, Node, run_tests, until

actorctl, traced, counter, caller = (os.path.abspath(p) for p in sys.argv[1:5])
node = Node(actorctl, "trace").up()
node.ctl("spawn", "--name", "c", "--wait=ready", "--", traced, "c")
node.ctl("spawn", "--name", "b", "--wait=ready", "--", traced, "b", "c")
node.ctl("spawn", "--name", "a", "--wait=ready", "--", traced, "a", "b")
node.ctl("spawn", "--name", "routed", "--wait=up", "--", traced, "routed", "a", "--broker")
node.ctl("whereis", "--wait=60s", "routed")


def trace(*args, rc=0):
    return json.loads(node.ctl("--json", "trace", *args, rc=rc).stdout)


def who(end):
    """The name of an actor; for one without a name, that of its process and a plus."""
    return end["name"] or f"{end['process']}+"


def short(said):
    """Each message as (depth, from, to, method), in order."""
    return [(m["depth"], who(m["from"]), "/".join(sorted(map(who, m["to"]))), m["method"]) for m in said["messages"]]


def outcomes(said):
    return [(m["answer"]["result"] if m["answer"]["kind"] == "reply" else m["answer"]["error"]) if m["answer"] else m["ended"]
            for m in said["messages"] if m["kind"] == "call"]


def consistent(said):
    """Asserts that each message names the one above it, and comes after it."""
    above = []
    for m in said["messages"]:
        del above[m["depth"]:]
        assert m["parent"] == (above[-1]["span"] if above else None), (m, above)
        assert not above or m["time_us"] >= above[-1]["time_us"], (m, above)
        above.append(m)
    assert said["missed"] == 0 and not said["broker_lost"], said
    return said


GO = [(0, "actorctl", "a", "go"),
      (1, "a", "a+", "note"),
      (1, "a", "b", "go"),
      (2, "b", "b+", "note"),
      (2, "b", "c", "go"),
      (3, "c", "c+", "note")]


def a_call_through_three_groups_is_a_tree():
    node.ctl("call", "a", "go", "1")  # this call makes the groups be introduced
    said = consistent(trace("a", "go", "5"))
    assert short(said) == GO, short(said)
    assert outcomes(said) == [8, 7, 6] and said["result"] == 8 and said["failure"] is None, said
    for m in said["messages"]:
        assert m["body"] == (["going"] if m["kind"] == "cast" else [5]), m
        assert not m["answer"] or m["answer"]["time_us"] >= m["time_us"], m


def only_what_it_causes_is_shown():
    node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
    others = subprocess.Popen([caller, "counter"], env=node.env, stdout=subprocess.PIPE, text=True)
    others.stdout.readline()
    assert short(consistent(trace("a", "go", "5"))) == GO
    others.send_signal(signal.SIGTERM)
    assert json.loads(others.communicate()[0].splitlines()[-1])["failures"] == 0


def what_a_timer_sends_is_caused_by_who_set_it():
    said = consistent(trace("--wait", "1s", "a", "later", "5"))
    assert short(said) == [(0, "actorctl", "a", "later"), (1, "a", "a", "due"), (2, "a", "b", "note")], short(said)
    assert said["messages"][0]["answer"]["time_us"] >= said["messages"][1]["time_us"], said


def a_forwarded_answer_is_caused_by_its_call():
    said = consistent(trace("a", "forward", "5"))
    assert short(said) == [(0, "actorctl", "a", "forward"), (1, "a", "b", "go"), (2, "b", "b+", "note"), (2, "b", "c", "go"),
                           (3, "c", "c+", "note"), (2, "a", "a+", "note")], short(said)
    assert said["messages"][-1]["body"] == [7], said


def what_is_done_with_an_answer_is_caused_by_its_request():
    said = consistent(trace("a", "request", "5"))
    assert short(said)[-1] == (2, "a", "a+", "note") and said["messages"][-1]["body"] == ["answered"], said
    assert said["messages"][-1]["parent"] == said["messages"][1]["span"], said


def a_cast_to_all_is_one_message():
    said = consistent(trace("a", "all"))
    assert short(said) == [(0, "actorctl", "a", "all"), (1, "a", "a/b/c/traced", "note")] or \
        short(said) == [(0, "actorctl", "a", "all"), (1, "a", "a/b/c/routed", "note")], short(said)


def a_child_sends_in_its_init_because_it_was_spawned():
    assert short(consistent(trace("a", "spawn"))) == [(0, "actorctl", "a", "spawn"), (1, "a+", "a+", "note")]


def a_group_that_only_the_broker_reaches_carries_it_on():
    said = consistent(trace("routed", "go", "1"))
    assert short(said)[0] == (0, "actorctl", "routed", "go") and short(said)[1][3] == "note", short(said)
    assert [(depth - 1, *rest) for depth, *rest in short(said)[2:]] == [(0, "routed", "a", "go"), *GO[1:]], short(said)
    assert outcomes(said) == [5, 4, 3, 2], said
    assert short(consistent(trace("routed", "all")))[1][2] == "$broker"  # the broker passes the message on


def a_cast_can_be_followed_too():
    said = consistent(trace("--cast", "a", "note", "5"))
    assert short(said) == [(0, "actorctl", "a", "note")] and said["messages"][0]["kind"] == "cast", said


def a_process_that_is_killed_in_the_middle_is_named():
    before = node.child("c")["pid"]
    said = consistent(trace("a", "die", "5", rc=6))
    assert short(said) == [(0, "actorctl", "a", "die"), (1, "a", "b", "die"), (2, "b", "c", "die"), (3, "c", "c+", "note")], short(said)
    assert outcomes(said) == ["traced.lost", "traced.lost", "SIGKILL"], outcomes(said)
    assert said["failure"]["code"] == "traced.lost", said
    until(lambda: node.child("c")["state"] == "ready" and node.child("c")["pid"] != before, "the next c")


def a_call_that_nobody_took_is_shown_by_its_sender():
    before = node.child("c")["pid"]
    os.kill(before, signal.SIGSTOP)
    tracing = subprocess.Popen([actorctl, "--json", "trace", "-t", "60s", "a", "go", "5"], env=node.env, text=True, stdout=subprocess.PIPE)
    # While b waits for c, b answers nothing.
    until(lambda: node.ctl("call", "-t", "200ms", "b", "which", rc=None).returncode == 5, "b's call")
    os.kill(before, signal.SIGKILL)
    said = consistent(json.loads(tracing.communicate(timeout=PATIENCE)[0]))
    assert short(said) == GO[:5] and outcomes(said) == ["traced.lost", "traced.lost", "SIGKILL"], said
    until(lambda: node.child("c")["state"] == "ready" and node.child("c")["pid"] != before, "the next c")


def what_is_more_than_a_tap_shows_is_counted():
    said = trace("a", "many", "20000")
    assert said["missed"] > 0 and len(said["messages"]) < 20000, (said["missed"], len(said["messages"]))
    assert said["result"] is None and said["failure"] is None, said["failure"]


def people_see_it_as_lines():
    out = node.ctl("trace", "a", "go", "5").stdout
    lines = out.splitlines()
    assert len(lines) == 6 and "\033" not in out, out
    assert "actorctl -> a: call go [5]  = 8  after " in lines[0], out
    assert [line.index("ms ") for line in lines] == [lines[0].index("ms ")] * 6, out
    assert "ms   a -> b: call go" in lines[2] and "ms     b -> c: call go" in lines[4], out
    assert "\033[2m" in node.ctl("--color=always", "trace", "a", "go", "5").stdout
    error = node.ctl("trace", "a", "die", "5", rc=6)
    assert "b -> c: call die [5]  no answer: its process ended (SIGKILL)" in error.stdout, error.stdout
    assert "traced.lost" in error.stderr, error.stderr


def a_message_of_no_trace_is_none():
    assert node.ctl_json("call", "a", "which") is None
    said = trace("a", "which")
    ids = [int(n["$uint"]) if isinstance(n, dict) else n for n in said["result"]]
    assert [f"{n:016x}" for n in ids[:2]] == [said["trace"], said["messages"][0]["span"]] and ids[2] == 0, said
    assert node.ctl_json("call", "a", "which") is None


def monitor_says_the_trace():
    monitor = subprocess.Popen([actorctl, "--json", "monitor", "--method", "which"], env=node.env, text=True, stdout=subprocess.PIPE)
    while not select.select([monitor.stdout], [], [], 0.05)[0]:
        node.ctl("call", "a", "which")
    said = trace("a", "which")
    frame = until(lambda: (f := json.loads(monitor.stdout.readline())) and f["trace"] and f, "a frame of a trace")
    assert frame["trace"] == {"id": said["trace"], "span": said["messages"][0]["span"]}, (frame, said)
    monitor.send_signal(signal.SIGINT)
    monitor.communicate(timeout=PATIENCE)


def what_cannot_be_is_said():
    said = trace("nobody", "go", rc=4)
    assert said["failure"]["code"] == "noproc" and outcomes(said) == ["noproc"], said
    assert "there is no such actor" in node.ctl("trace", "--cast", "nobody", "go", rc=4).stderr
    assert "no time to wait" in node.ctl("trace", "--wait", "x", "a", "go", rc=2).stderr
    assert "is not JSON" in node.ctl("trace", "a", "go", "{", rc=2).stderr


def a_node_ends_at_once_though_somebody_follows():
    """The supervisor has word for the follower, who has no link with it, and the broker that would make one has ended."""
    other = Node(actorctl, "trace-end").up()
    try:
        other.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
        follower = subprocess.Popen([actorctl, "trace", "--wait", "600s", "counter", "get"], env=other.env,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: any(g["name"] == "counter" and g["answers"] for g in other.ctl_json("metrics")["broker"]["groups"]), "an answer")
        other.ctl("down")
        follower.communicate(timeout=PATIENCE)
        with open(other.root + "/logs/actor-spawner.log") as f:
            said = f.read()
        assert "not sent yet" not in said, said
    finally:
        other.down()


def turns_of(pid):
    """How often all threads of the process went to sleep."""
    n = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            n += int(next(line for line in f if line.startswith("voluntary_ctxt_switches")).split()[1])
    return n


def who_waits_for_more_of_a_trace_sleeps():
    node.ctl("spawn", "--name", "slept", "--wait=ready", "--", counter, "--name", "slept")
    follower = subprocess.Popen([actorctl, "trace", "--wait", "600s", "slept", "add", "5"], env=node.env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def turns_of_a_second():
        before = turns_of(follower.pid)
        time.sleep(1)
        return turns_of(follower.pid) - before

    until(lambda: node.ctl("call", "slept", "get").stdout == "5\n", "the message has come")
    until(lambda: turns_of_a_second() < 10, "a second with hardly a turn")
    follower.send_signal(signal.SIGINT)
    said = follower.communicate(timeout=PATIENCE)[0].decode()
    assert "add" in said, said
    node.ctl("rm", "-f", "slept")


run_tests([a_call_through_three_groups_is_a_tree,
           only_what_it_causes_is_shown,
           what_a_timer_sends_is_caused_by_who_set_it,
           a_forwarded_answer_is_caused_by_its_call,
           what_is_done_with_an_answer_is_caused_by_its_request,
           a_cast_to_all_is_one_message,
           a_child_sends_in_its_init_because_it_was_spawned,
           a_group_that_only_the_broker_reaches_carries_it_on,
           a_cast_can_be_followed_too,
           who_waits_for_more_of_a_trace_sleeps,
           a_process_that_is_killed_in_the_middle_is_named,
           a_call_that_nobody_took_is_shown_by_its_sender,
           what_is_more_than_a_tap_shows_is_counted,
           people_see_it_as_lines,
           a_message_of_no_trace_is_none,
           monitor_says_the_trace,
           what_cannot_be_is_said,
           a_node_ends_at_once_though_somebody_follows], node)
