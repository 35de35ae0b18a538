"""What the retries of children that cannot be run cost the supervisor in SECONDS (default 60), and how promptly it answers meanwhile.
Arguments: actorctl [SECONDS]. Prints figures; fails when the supervisor takes 2 % of a processor or more, or ls cannot answer."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from node import Node, until  # noqa: E402

actorctl = sys.argv[1]
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
node = Node(actorctl, "crash-loop").up()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


try:
    status = node.ctl_json("status")
    daemons = {name: status[name]["pid"] for name in ("supervisor", "keeper")}
    node.ctl("spawn", "--name", "missing", "--wait=none", "--", "/no/such/program")
    node.ctl("spawn", "--name", "eager", "--wait=none", "--backoff", "0", "--", "/no/such/program")
    node.ctl("spawn", "--name", "false", "--wait=none", "--", "false")
    before = {name: cpu_seconds(pid) for name, pid in daemons.items()}
    start = time.monotonic()
    answers = []
    while time.monotonic() < start + seconds:
        at = time.monotonic()
        children = {child["name"]: child for child in node.ctl_json("ls")}
        answers.append(time.monotonic() - at)
        time.sleep(1)
    took = time.monotonic() - start
    # The time that the daemons took to answer these questions is included.
    for name, pid in daemons.items():
        percent = (cpu_seconds(pid) - before[name]) / took * 100
        print(f"{name}: {percent:.2f} % of a processor over {took:.0f} s")
        assert percent < 2, name
    answers.sort()
    print(f"actorctl ls, its own start included: median {answers[len(answers) // 2] * 1000:.0f} ms, longest {answers[-1] * 1000:.0f} ms")
    for child in children.values():
        last = child["last_exit"]
        print(f"{child['name']}: {child['state']}, {child['restarts']} restarts, last: {last['kind']} {last['code']} {last.get('text') or ''}")
    assert children["missing"]["last_exit"]["kind"] == "exec" and children["missing"]["last_exit"]["code"] == 2
    assert "/no/such/program" in children["missing"]["last_exit"]["text"]
finally:
    node.down()
