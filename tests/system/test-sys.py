# SPDX-License-Identifier: Apache-2.0
"""actorctl actors, inspect, suspend and resume. Arguments: actorctl, actor-mirror, the counter example, traced."""

import json
import os
import re
import signal
import subprocess
import sys
import time

from node import PATIENCE, Node, run_tests, until

actorctl, mirror, counter, traced = (os.path.abspath(p) for p in sys.argv[1:5])
node = Node(actorctl, "sys").up()
node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
node.ctl("spawn", "--name", "mirror", "--wait=ready", "--", mirror, "looking.glass")
node.ctl("spawn", "--name", "routed", "--wait=up", "--", traced, "routed", "counter", "--broker")
node.ctl("whereis", "--wait=60s", "routed")


def actors(*args):
    return node.ctl_json("actors", *args)


def inspect(*args):
    return node.ctl_json("inspect", *args)


def ref_of(name):
    return node.ctl_json("whereis", name)["ref"]["$ref"]


def actors_lists_all_processes_also_those_with_one_link():
    rows = actors()
    by_name = {name: row for row in rows for name in row["names"]}
    assert {"counter", "looking.glass", "routed"} <= set(by_name), rows
    assert by_name["counter"]["process"] == "counter" and by_name["counter"]["behavior"] == "counter", rows
    assert by_name["counter"]["ref"]["$ref"] == ref_of("counter"), rows
    assert by_name["counter"]["status"] == "idle" and by_name["counter"]["memory"] > 0, rows
    assert not [row for row in rows if row["process"] == "actorctl"], rows


def actors_of_one_process_by_name_number_and_ref():
    one = actors("counter")
    assert [row["names"] for row in one] == [["counter"]], one
    for other in one[0]["group"], ref_of("counter"):
        assert [row["ref"] for row in actors(other)] == [one[0]["ref"]], other
    assert [row["names"] for row in actors("looking.glass")] == [["looking.glass"]]
    node.ctl("actors", "nobody-has-this-name", rc=4)
    lines = [line.split("\t") for line in node.ctl("--no-headings", "actors", "counter").stdout.splitlines()]
    assert len(lines) == 1 and lines[0][:5] == ["counter", ref_of("counter"), "counter", "counter", "idle"], lines


def a_table_line_says_what_a_handler_waits_in():
    call = subprocess.Popen([actorctl, "call", "-t", "60s", "looking.glass", "sleep", "30000"], env=node.env)
    try:
        until(lambda: inspect("-t", "100ms", "looking.glass")["method"] == "sleep", "it sleeps")
        assert node.ctl("--no-headings", "actors", "mirror").stdout.rstrip("\n").split("\t")[-1] == "sleep, in time"
        about = inspect("-t", "100ms", "looking.glass")
        assert about["status"] == "handling" and about["waits_in"] == "time" and about["state"] is None, about
    finally:
        call.kill()
        call.wait()
    node.ctl("restart", "mirror")
    node.ctl("whereis", "--wait=60s", "looking.glass")


def inspect_shows_state_and_the_last_messages():
    node.ctl("call", "counter", "add", "5")
    about = inspect("--keep", "2", "counter")
    assert about["state"]["total"] == 5 and about["last"] == [], about
    for n in 1, 2, 3:
        node.ctl("call", "counter", "add", str(n))
    about = inspect("counter")
    assert about["state"]["total"] == 11 and about["kept"] == 2 and len(about["last"]) == 2, about
    calls = [m for m in about["last"] if m["kind"] == "call"]  # a tick of its timer may be the other one
    assert calls[-1]["method"] == "add" and calls[-1]["args"] == [3], about
    text = node.ctl("inspect", "counter").stdout
    assert re.search(r"^state +\{\"total\": ?11", text, re.M) and re.search(r"call +<\S+> add \[3\]", text), text
    assert inspect("--keep", "0", "counter")["last"] is None
    assert inspect("looking.glass")["state"] is None
    node.ctl("inspect", "--keep", "many", "counter", rc=2)
    node.ctl("inspect", "nobody-has-this-name", rc=4)


def inspect_shows_what_cannot_be_asked():
    error = json.loads(node.run(actorctl, "--json", "inspect", "$broker", rc=6).stdout)
    assert "$broker" in json.dumps(error) and "no_method" in json.dumps(error), error


def a_suspended_actor_takes_no_message_and_goes_on_where_it_was():
    before = node.ctl_json("call", "counter", "get")
    for name in "counter", "routed":
        node.ctl("suspend", name)
        about = inspect(name)
        assert about["status"] == "suspended" and about["suspended"], about
    node.ctl("call", "-t", "200ms", "counter", "get", rc=5)
    assert inspect("counter")["state"]["total"] == before
    waits = subprocess.Popen([actorctl, "call", "-t", "60s", "counter", "add", "1"], env=node.env, stdout=subprocess.PIPE, text=True)
    until(lambda: inspect("counter")["messages"] >= 2, "the calls wait")
    assert actors("counter")[0]["status"] == "suspended"
    for name in "counter", "routed":
        node.ctl("resume", name)
    assert json.loads(waits.communicate(timeout=PATIENCE)[0]) == before + 1
    assert not inspect("routed")["suspended"]


def a_suspended_process_can_be_stopped():
    node.ctl("spawn", "--name", "spare", "--wait=ready", "--", counter, "--name", "spare")
    node.ctl("suspend", "spare")
    began = time.monotonic()
    node.ctl("stop", "spare")
    assert node.child("spare")["outcome"] == "stopped", node.child("spare")
    assert time.monotonic() - began < PATIENCE / 4


def the_supervisor_is_not_suspended():
    error = json.loads(node.run(actorctl, "--json", "suspend", "$spawner", rc=None).stdout)
    assert "permission" in json.dumps(error), error
    assert inspect("$spawner")["behavior"] == "spawner"
    node.ctl("ls")


def a_process_that_does_not_answer_is_counted():
    pid = node.child("mirror")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        listed = node.ctl("actors", "-t", "500ms")
        assert "did not list their actors" in listed.stderr and "counter" in listed.stdout, (listed.stdout, listed.stderr)
        node.ctl("actors", "-t", "200ms", "mirror", rc=6)
    finally:
        os.kill(pid, signal.SIGCONT)


run_tests([
    actors_lists_all_processes_also_those_with_one_link,
    actors_of_one_process_by_name_number_and_ref,
    a_table_line_says_what_a_handler_waits_in,
    inspect_shows_state_and_the_last_messages,
    inspect_shows_what_cannot_be_asked,
    a_suspended_actor_takes_no_message_and_goes_on_where_it_was,
    a_suspended_process_can_be_stopped,
    the_supervisor_is_not_suspended,
    a_process_that_does_not_answer_is_counted,
], node)
