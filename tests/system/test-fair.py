"""One who asks or sends for much is slowed, refused or cut. Nobody else is. Arguments: actorctl, answerer."""

import os
import signal
import sys

from node import Node, run_tests, until
from rawpeer import Link, pack

actorctl, answerer = (os.path.abspath(p) for p in sys.argv[1:3])
node = Node(actorctl, "fair").up()
node.ctl("spawn", "--name", "answerer", "--wait=ready", "--", answerer, "answerer")
BROKER = node.root + "/node/broker.ipc"
MIB = 1 << 20


def single():
    return Link(BROKER, features=["single"])


def direct(name):
    link = Link(BROKER)
    direct_link = link.introduce(link.call("whereis", name)[4][1])
    direct_link.to_broker = link
    return direct_link


def handled_by_broker(link):
    """All that @link has sent was handled by the broker."""
    link.send([12, 7])
    while link.receive() != [13, 7]:
        pass


def answers(link, n):
    """The next @n answers: how many are results, and the names of the errors."""
    results, errors = 0, []
    while results + len(errors) < n:
        frame = link.receive()
        if frame[0] == 3:
            results += 1
        elif frame[0] == 4:
            errors.append(frame[4])
    return results, errors


def who_asks_for_much_has_no_other_refused():
    """The broker stands still, and 100 MiB of answers that it has to bring to one group wait at the callee."""
    much, other, direct_link = single(), single(), direct("answerer")
    to = much.call("whereis", "answerer")[4]
    callee, broker = node.child("answerer")["pid"], node.ctl_json("status")["broker"]["pid"]
    os.kill(callee, signal.SIGSTOP)
    try:
        much.send_bytes(b"".join(pack([2, to, much.me, "big", [MIB], i, 0]) for i in range(1, 101)))
        handled_by_broker(much)
        other.send_bytes(b"".join(pack([2, to, other.me, "big", [MIB], i, 0]) for i in range(1, 4)))
        handled_by_broker(other)
        os.kill(broker, signal.SIGSTOP)
        os.kill(callee, signal.SIGCONT)
        until(lambda: direct_link.call("handled")[4] == 103, "all calls are handled")
    finally:
        os.kill(callee, signal.SIGCONT)
        os.kill(broker, signal.SIGCONT)
    results, errors = answers(much, 100)
    assert 60 <= results <= 68 and set(errors) == {"overloaded"}, (results, errors)
    assert answers(other, 3) == (3, []), "who asked for little has its answers"
    for link in much, other, direct_link:
        link.close()


def who_takes_a_large_stream_has_no_other_refused():
    """The same with items: each group's part of what waits at the callee is its answers and its items."""
    much, other, direct_link = single(), single(), direct("answerer")
    to = much.call("whereis", "answerer")[4]
    callee, broker = node.child("answerer")["pid"], node.ctl_json("status")["broker"]["pid"]
    before = direct_link.call("handled")[4]
    os.kill(callee, signal.SIGSTOP)
    try:
        no_bound = (1 << 64) - 1
        much.send([2, to, much.me, "items", [200, MIB], 1, 0, {"stream": [no_bound, no_bound]}])
        handled_by_broker(much)
        other.send_bytes(b"".join(pack([2, to, other.me, "big", [MIB], i, 0]) for i in range(1, 4)))
        handled_by_broker(other)
        os.kill(broker, signal.SIGSTOP)
        os.kill(callee, signal.SIGCONT)
        until(lambda: direct_link.call("handled")[4] == before + 4, "all calls are handled")
    finally:
        os.kill(callee, signal.SIGCONT)
        os.kill(broker, signal.SIGCONT)
    results, errors = answers(much, 1)
    assert (results, errors) == (0, ["overloaded"]), (results, errors)
    assert answers(other, 3) == (3, []), "who asked for little has its answers"
    for link in much, other, direct_link:
        link.close()


def who_ignores_pause_has_no_other_wait_behind_it():
    """A direct peer sends 24 MiB to an actor that is busy. Of that little is handled before the next caller's call, and all of it in the end."""
    deaf, other = direct("answerer"), direct("answerer")
    to, note = deaf.service, pack([1, deaf.service, deaf.me, "note", []])
    n = 24 * MIB // len(note)
    before = other.call("handled")[4]
    deaf.cast("slow", 1500, to=to)
    deaf.socket.settimeout(60)
    for _ in range(n // 1000):
        deaf.send_bytes(note * 1000)
    sent = n // 1000 * 1000
    handled = other.call("handled")[4] - before
    print(f"# {handled} of {sent} casts were handled before the call of another peer")
    assert handled < sent / 5, (handled, sent)
    until(lambda: other.call("handled")[4] - before == sent, "all that it has sent is handled")
    for link in deaf, other:
        link.close()


def who_goes_on_sending_is_cut_for_a_reason_that_is_logged():
    deaf, other = direct("answerer"), direct("answerer")
    notes = pack([1, deaf.service, deaf.me, "note", ["x" * 1000]]) * 200
    deaf.cast("slow", 3000, to=deaf.service)
    deaf.socket.settimeout(60)
    sent = 0
    try:
        while sent < 64 * MIB:
            deaf.send_bytes(notes)
            sent += len(notes)
    except OSError:
        pass
    assert 32 * MIB < sent < 40 * MIB, sent
    assert other.call("handled")[0] == 3
    text = node.ctl("logs", "answerer").stdout
    assert "it goes on sending to an actor whose mailbox is full" in text, text
    for link in deaf, other:
        link.close()


run_tests([who_asks_for_much_has_no_other_refused, who_takes_a_large_stream_has_no_other_refused, who_ignores_pause_has_no_other_wait_behind_it,
           who_goes_on_sending_is_cut_for_a_reason_that_is_logged], node)
