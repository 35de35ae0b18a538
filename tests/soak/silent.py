"""Connections that say nothing: thousands to the broker, the supervisor and a group's door at once. While they are there, in each round a new client
calls by the broker, the supervisor is asked for its table, and the broker is killed. These must hold. Control answers within 100 ms. A client that
had a name is found again within a second of the kill, and also after the silent connections are gone.
usage: silent.py ACTORCTL COUNTER [--connections N] [--rounds N] [--assert-times]"""

import argparse
import os
import resource
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from node import Node, run_tests, until  # noqa: E402
from rawpeer import Link  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("programs", nargs=2)
options.add_argument("--connections", type=int, default=5000)
options.add_argument("--rounds", type=int, default=20)
options.add_argument("--assert-times", action="store_true")
options = options.parse_args()
actorctl, counter = (os.path.abspath(p) for p in options.programs)
CONTROL_MS, RECOVERY_MS = 100, 1000
REPLY = 3
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
node = Node(actorctl, "silent").up()
node.ctl("spawn", "--wait=ready", "--", counter)
BROKER, SPAWNER = node.root + "/node/broker.ipc", node.root + "/node/spawner.ipc"


def median(values):
    return sorted(values)[len(values) // 2]


def expect(what, value, at_most):
    print(f"# {what}: {value:.1f} ms, at most {at_most}", flush=True)
    assert not options.assert_times or value <= at_most, f"{what}: {value:.1f} ms, more than {at_most}"


def silent(path, n):
    """Makes @n connections that say nothing. One that is refused is not tried again, and one that is cut stays in the list."""
    sockets = []
    for _ in range(n):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(path)
        except (BlockingIOError, ConnectionRefusedError, FileNotFoundError):
            time.sleep(0.001)  # the backlog is full; the listener takes them in turns
        sockets.append(s)
    return sockets


def ms_of(what):
    start = time.monotonic()
    what()
    return (time.monotonic() - start) * 1000


def control():
    """Asks for the supervisor's table by a link that is there already: its answer is measured, not the start of a program."""
    assert supervisor.call("list") is not None


def newcomer():
    """Says hello, gets a link, and asks for a name."""
    link = Link(BROKER)
    assert link.call("whereis", "counter")
    link.close()


def recovery():
    """The milliseconds from the kill of the broker until a newcomer is told where the counter is."""
    os.kill(node.ctl_json("status")["broker"]["pid"], signal.SIGKILL)
    start = time.monotonic()

    def is_back():
        try:
            newcomer()
            return True
        except (OSError, EOFError, AssertionError):
            return False
    until(is_back, "the counter is found again")
    return (time.monotonic() - start) * 1000


def measure(when):
    tables = [ms_of(control) for _ in range(options.rounds)]
    newcomers = [ms_of(newcomer) for _ in range(options.rounds)]
    print(f"# {when}: the supervisor answers in {median(tables):.1f} ms (longest {max(tables):.1f}), "
          f"a newcomer at the broker in {median(newcomers):.1f} ms (longest {max(newcomers):.1f})", flush=True)
    return max(tables), max(newcomers)


def control_answers_beside_thousands_that_say_nothing():
    measure("alone")
    print(f"# alone: found again {recovery():.0f} ms after the broker was killed")
    connections.extend(silent(BROKER, options.connections) + silent(SPAWNER, options.connections))
    tables_ms, newcomers_ms = measure(f"beside {len(connections)}")
    expect("the supervisor's answer, the longest", tables_ms, CONTROL_MS)
    expect("the broker's answer to a newcomer, the longest", newcomers_ms, CONTROL_MS)


def names_are_found_again_beside_them():
    expect("from a kill of the broker to the counter's ref", recovery(), RECOVERY_MS)


def when_they_are_gone_a_call_is_answered():
    for s in connections:
        s.close()
    expect("a call by actorctl", ms_of(
        lambda: until(lambda: node.ctl("call", "counter", "get", rc=None).returncode == 0, "a call")), RECOVERY_MS)
    supervisor.close()


connections = []
supervisor = Link(SPAWNER)
run_tests([control_answers_beside_thousands_that_say_nothing, names_are_found_again_beside_them, when_they_are_gone_a_call_is_answered], node)
