# SPDX-License-Identifier: Apache-2.0
"""actorctl monitor shows frames as they pass. Arguments: actorctl, the counter example, caller."""

import json
import os
import select
import signal
import subprocess
import sys

from node import PATIENCE, Node, run_tests, until

actorctl, counter, caller = (os.path.abspath(p) for p in sys.argv[1:4])
node = Node(actorctl, "monitor").up()
node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
ref = node.ctl("whereis", "counter").stdout.strip()


class Monitor:
    def __init__(self, *args):
        self.process = subprocess.Popen([actorctl, "--json", "monitor", *args], env=node.env, text=True, bufsize=1,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def next(self):
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def has_line(self):
        return bool(select.select([self.process.stdout], [], [], 0.05)[0])

    def end(self):
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, (self.process.returncode, err)


def begun(*args):
    """Starts a monitor. Returns when it has shown a call of this test."""
    monitor = Monitor(*args)
    while not monitor.has_line():
        node.ctl("call", "counter", "get")
    monitor.next()
    return monitor


def what_goes_through_the_broker_is_shown():
    monitor = begun("--to", "counter")
    node.ctl("call", "counter", "add", "5")
    frame = monitor.next()
    while frame["method"] == "get":
        frame = monitor.next()
    assert frame["kind"] == "call" and frame["method"] == "add" and frame["body"] == [5] and frame["path"] == "broker", frame
    assert frame["to"] == {"$ref": ref} and frame["missed"] == 0, frame
    node.ctl("send", "counter", "add", "1")
    frame = monitor.next()
    assert (frame["kind"], frame["method"], frame["body"]) == ("cast", "add", [1]), frame
    monitor.end()


def answers_and_errors_are_shown_with_what_they_say():
    monitor = begun("--from", "counter")
    node.ctl("call", "counter", "nothing", rc=6)
    frame = monitor.next()
    while frame["kind"] == "reply":
        frame = monitor.next()
    assert (frame["kind"], frame["method"], frame["body"]) == ("error", "no_method", "nothing"), frame
    assert frame["from"] == {"$ref": ref}, frame
    monitor.end()


def what_goes_directly_is_shown_by_who_gets_it():
    monitor = begun("--to", "counter", "--rate", "200")
    calls = subprocess.Popen([caller, "counter"], env=node.env, stdout=subprocess.PIPE, text=True)
    frame = until(lambda: (f := monitor.next())["path"] == "direct" and f, "a direct frame")
    assert (frame["kind"], frame["method"], frame["body"]) == ("call", "add", [1]), frame
    assert until(lambda: (f := monitor.next())["path"] == "direct" and f["missed"] and f, "one after missed ones")
    calls.send_signal(signal.SIGTERM)
    said = json.loads(calls.communicate()[0].splitlines()[-1])
    assert said["failures"] == 0, said
    monitor.end()


def it_ends_after_as_many_as_were_asked_for():
    p = begun("--to", "counter", "--count", "3")
    for _ in range(2):
        node.ctl("call", "counter", "get")
    assert p.process.wait(PATIENCE) == 0
    assert len(p.process.stdout.read().splitlines()) == 2


def it_goes_on_over_a_restart_of_the_broker():
    monitor = begun("--to", "counter", "--method", "get")
    old = node.ctl_json("status")["broker"]["pid"]
    os.kill(old, signal.SIGKILL)
    until(lambda: node.ctl_json("status")["broker"]["pid"] not in (None, old), "the next broker")
    while not monitor.has_line():
        node.ctl("call", "counter", "get", rc=None)
    assert monitor.next()["method"] == "get"
    monitor.end()


def what_cannot_be_is_said():
    assert "there is no such actor" in node.ctl("monitor", "--to", "nobody", rc=4).stderr
    assert "--count is a number" in node.ctl("monitor", "--count", "0", rc=2).stderr
    assert "is no ref" in node.ctl("monitor", "--from", "<x>", rc=2).stderr


class Follower:
    """A command that goes on until somebody ends it, of a node of its own."""

    def __init__(self, other, *args):
        self.args = args
        self.process = subprocess.Popen([actorctl, *args], env=other.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ends(self, says):
        out, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 7, (self.args, self.process.returncode, out, err)
        assert says in err and err.count("\n") == 1, (self.args, out, err)


def begun_in(other, followers):
    """Each of those commands; the broker has what they asked for."""
    for args in (["monitor"], ["names", "-w"], ["pg", "watch"], ["whereis", "--wait", "nobody"],
                 ["trace", "--wait", "600s", "counter", "get"]):
        followers.append(Follower(other, *args))
    until(lambda: sum(g["name"] == "actorctl" and g["frames_in"] > 0 for g in other.ctl_json("metrics")["broker"]["groups"]) >= 5,
          "all of them ask")


def ended(followers):
    for follower in followers:
        follower.process.kill()
        follower.process.communicate()


def what_goes_on_ends_with_its_node():
    other = Node(actorctl, "monitor-end").up()
    followers = []
    try:
        other.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
        begun_in(other, followers)
        other.ctl("down")
        for follower in followers[:4]:
            follower.ends("the node has ended")
        # the answer was there before
        assert followers[4].process.wait(PATIENCE) == 0
    finally:
        ended(followers)
        other.down()


def what_goes_on_ends_with_a_node_that_is_killed_and_replaced():
    other = Node(actorctl, "monitor-next").up()
    followers = []
    try:
        other.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
        begun_in(other, followers)
        for follower in followers:
            follower.process.send_signal(signal.SIGSTOP)  # it sees the end when the next node is there
        keeper = other.ctl_json("status")["keeper"]["pid"]
        os.kill(keeper, signal.SIGKILL)
        until(lambda: other.run(actorctl, "up", "-d", rc=None).returncode == 0, "the next node")
        for follower in followers:
            follower.process.send_signal(signal.SIGCONT)
        for follower in followers[:4]:
            follower.ends("the node has ended, and another one has its place; watch the new one" if follower.args[0] != "whereis"
                          else "the connection to the broker was lost; try again")
        assert followers[4].process.wait(PATIENCE) == 0
    finally:
        ended(followers)
        other.down()


run_tests([what_goes_through_the_broker_is_shown,
           answers_and_errors_are_shown_with_what_they_say,
           what_goes_directly_is_shown_by_who_gets_it,
           it_ends_after_as_many_as_were_asked_for,
           it_goes_on_over_a_restart_of_the_broker,
           what_cannot_be_is_said,
           what_goes_on_ends_with_its_node,
           what_goes_on_ends_with_a_node_that_is_killed_and_replaced], node)
