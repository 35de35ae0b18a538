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


run_tests([who_asks_for_much_has_no_other_refused], node)
