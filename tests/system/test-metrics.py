"""What an operator sees: actorctl quota, actorctl metrics and its HTTP, and a receiver that does not read.

Arguments: actorctl, counter, actor-spawner, actor-broker."""

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys

from node import PATIENCE, Node, run_tests, until
from rawpeer import Link, Ref

actorctl, counter, spawner, broker = (os.path.abspath(p) for p in sys.argv[1:5])
STALL_MS = 300


class StallingNode(Node):
    """A node whose broker waits STALL_MS for a receiver, and not half a minute."""

    def up(self):
        script = self.root + "/broker"
        with open(script, "w") as f:
            f.write(f"#!/bin/sh\nexec {broker} --stall-timeout-ms {STALL_MS}\n")
        os.chmod(script, 0o755)
        self.spawner = subprocess.Popen([spawner, "--broker", script], env=self.env, stderr=subprocess.DEVNULL)
        until(lambda: self.ctl("metrics", rc=None).stdout.count("actor_up") == 4, "a node that answers")
        until(lambda: "} 0" not in self.ctl("metrics").stdout[:200], "both daemons")
        self.ctl("spawn", "--wait=ready", "--", counter)
        return self

    def down(self):
        super().down()
        self.spawner.wait(PATIENCE)

    def link(self, name):
        return Link(self.root + "/node/broker.ipc", name=name, features=["single"])

    def broker_log(self):
        with open(self.root + "/logs/$broker.log") as f:
            return f.read()


node = StallingNode(actorctl, "metrics").up()


# ---- OpenMetrics, as strict as its text ----------------------------------------------------------------------------

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? ([0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')
SUFFIXES = {"gauge": [""], "counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}


def parse(text):
    """{(sample, labels): value}. Asserts that all of @text obeys the format."""
    assert text.endswith("# EOF\n"), text[-40:]
    families, samples, family = {}, {}, None
    for line in text[:-len("# EOF\n")].splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in families, family
            families[family] = kind
        elif line.startswith(("# HELP ", "# UNIT ")):
            assert line.split(" ")[2] == family, line
            assert not line.startswith("# UNIT ") or family.endswith("_" + line.split(" ")[3]), line
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            assert found[1] in [family + suffix for suffix in SUFFIXES[families[family]]], line
            key = found[1], tuple(sorted(LABEL.findall(found[2] or "")))
            assert key not in samples, line
            samples[key] = float(found[3])
    return samples


def metrics(*args):
    return parse(node.ctl("metrics", *args).stdout)


def of(samples, sample, /, **labels):
    """The value of the only sample that has these labels; it may have others, too."""
    found = [v for (n, have), v in samples.items() if n == sample and set(labels.items()) <= set(have)]
    assert len(found) == 1, (sample, labels, found)
    return found[0]


def quota_of(name):
    found = node.ctl_json("quota", name)
    assert len(found) == 1, found
    return found[0]


# ---- quota ---------------------------------------------------------------------------------------------------------

def quota_is_a_line_for_each_group_and_of_one_a_line_for_each_kind():
    rows = [line.split("\t") for line in node.ctl("quota").stdout.splitlines()]
    assert rows[0][:5] == ["GROUP", "NAME", "PID", "STATE", "UNREAD"], rows
    counter_row = [row for row in rows if row[1] == "counter"][0]
    assert counter_row[2:4] == [str(node.child("counter")["pid"]), "up"], counter_row
    rows = [line.split("\t") for line in node.ctl("quota", "counter").stdout.splitlines()]
    assert rows[0] == ["GROUP", "NAME", "KIND", "USED", "LIMIT"], rows
    assert [row[3:] for row in rows if row[2] == "names"] == [["1", "1052672"]], rows
    assert node.ctl("quota", counter_row[0]).stdout == node.ctl("quota", "counter").stdout


def quota_says_what_a_group_has_made():
    link = node.link("maker")
    for i in range(3):
        assert link.call("register", f"made.{i}", Ref((*link.me[:2], 1)))[0] == 3
    link.call("whereis", "nobody")
    quota = quota_of("made.1")
    assert quota["name"] == "maker" and quota["pid"] == os.getpid() and quota["group"] == str(link.me[1]), quota
    assert quota["quota"]["names"] == {"used": 3, "limit": 1052672}, quota
    assert quota["quota"]["watches"]["used"] == 1, quota
    assert not (quota["congested"] or quota["stalled"] or quota["late"]) and quota["top_sender"] is None, quota
    link.close()
    until(lambda: "maker" not in node.ctl("quota").stdout, "nothing of it any more")


def quota_of_nobody_is_no_such_name():
    for name in "nobody", "4711", "99999999999999999999":
        p = node.ctl("quota", name, rc=4)
        assert p.stdout == "" and p.stderr.count("\n") == 1, p
    node.ctl("quota", "a", "b", rc=2)


# ---- a receiver that does not read ---------------------------------------------------------------------------------

def a_receiver_that_does_not_read_loses_what_waits_and_nothing_else():
    deaf, loud = node.link("deaf"), node.link("loud")
    me = Ref((*deaf.me[:2], 1))
    assert deaf.call("register", "deaf", me)[0] == 3
    before = metrics()
    for _ in range(40):
        loud.cast("m", b"x" * 200000, to=me)
    until(lambda: quota_of("deaf")["stalled"], "a stall")
    quota = quota_of("deaf")
    assert quota["state"] == "up" and quota["stalls"] == 1 and quota["dropped"] > 0, quota
    assert quota["top_sender"]["name"] == "loud", quota
    p = node.ctl("call", "deaf", "m", rc=10)
    assert "does not read" in p.stderr, p.stderr
    assert node.ctl("call", "counter", "get").stdout, "others go on"
    lines = [line for line in node.broker_log().splitlines() if "has read nothing" in line]
    assert len(lines) == 1, lines
    for part in f"group {deaf.me[1]} 'deaf' (pid {os.getpid()})", "limit 1048576", f"group {loud.me[1]} 'loud'":
        assert part in lines[0], lines
    assert node.ctl_json("whereis", "deaf"), "its name is its own"
    after = metrics()
    assert of(after, "actor_group_stalled", name="deaf") == 1
    assert of(after, "actor_stalls_total") == of(before, "actor_stalls_total") + 1
    assert of(after, "actor_groups_ended_total") >= of(before, "actor_groups_ended_total")

    n = 0
    while quota_of("deaf")["stalled"]:  # the deaf receiver reads what is in its pipe
        assert deaf.receive()[3] == "m"
        n += 1
    assert 1 <= n < 30, n  # the rest of the pipe is read below; nothing else waits
    call = subprocess.Popen([actorctl, "call", "deaf", "answer"], env=node.env, stdout=subprocess.PIPE, text=True)
    while (frame := deaf.receive())[0] != 2:
        pass
    deaf.send([3, frame[2], me, frame[5], "here"])
    assert call.communicate(timeout=PATIENCE)[0] == '"here"\n'
    assert "reads again" in node.broker_log()
    assert loud.receive()[0] == 10 and loud.receive()[0] == 11  # the sender was told to pause, and to go on
    deaf.close()
    loud.close()


# ---- metrics -------------------------------------------------------------------------------------------------------

def metrics_are_openmetrics_and_count():
    before = metrics()
    assert of(before, "actor_up", daemon="broker") == of(before, "actor_up", daemon="supervisor") == 1
    for _ in range(5):
        node.ctl("call", "counter", "get")
    after = metrics()
    assert of(after, "actor_call_seconds_count") == of(before, "actor_call_seconds_count") + 5
    assert of(after, "actor_call_seconds_bucket", le="+Inf") == of(after, "actor_call_seconds_count")
    assert of(after, "actor_group_answers_total", name="counter") == \
        of(before, "actor_group_answers_total", name="counter") + 5
    assert of(after, "actor_hellos_total") >= of(before, "actor_hellos_total") + 6
    for sample in "frames_in_total", "in_bytes_total", "frames_out_total", "out_bytes_total":
        assert of(after, "actor_group_" + sample, name="counter") > of(before, "actor_group_" + sample, name="counter")
    assert of(after, "actor_children", state="ready") == 1
    assert of(after, "actor_child_up", child="counter") == 1
    assert not [labels for _, labels in after if ("name", "actorctl") in labels], "who asks is no series"


def metrics_of_a_restarted_child_say_so():
    before = of(metrics(), "actor_child_restarts_total", child="counter")
    node.ctl("kill", "-s", "KILL", "counter")
    until(lambda: node.child("counter")["state"] == "ready", "a counter again")
    assert of(metrics(), "actor_child_restarts_total", child="counter") == before + 1


def metrics_have_at_most_so_many_groups():
    samples = metrics("--max", "1")
    assert len([n for n, _ in samples if n == "actor_group_late"]) == 1
    assert of(samples, "actor_groups_left_out") == of(samples, "actor_groups") - 2  # all groups are left out but the one that is shown and the one that asks
    for bad in "x", "-1", "4097", "1x", "":
        node.ctl("metrics", f"--max={bad}", rc=2)
    raw = node.ctl_json("metrics")
    assert raw["broker"]["broker"]["groups"] >= 2 and raw["node"]["children"] and raw["children"], raw


# ---- over HTTP -----------------------------------------------------------------------------------------------------

class Server:
    def __init__(self, address):
        self.process = subprocess.Popen([actorctl, "metrics", "--listen", address], env=node.env,
                                        stdout=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()
        found = re.fullmatch(r"listening at http://(.*):(\d+)/metrics\n", self.line)
        self.host, self.port = (found[1].strip("[]"), int(found[2])) if found else (None, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE) == 0, self.process.returncode

    def ask(self, method, path, timeout=PATIENCE, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer

    def raw(self, data=b""):
        s = socket.create_connection((self.host, self.port), timeout=PATIENCE)
        s.sendall(data)
        return s


def http_serves_what_metrics_prints():
    for address in "127.0.0.1:0", "[::1]:0":
        with Server(address) as server:
            answer = server.ask("GET", "/metrics?x=y")
            assert answer.status == 200 and answer.version == 11
            assert answer.getheader("Content-Type") == \
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            assert int(answer.getheader("Content-Length")) == len(answer.text.encode())
            assert of(parse(answer.text), "actor_up", daemon="broker") == 1
            first = of(parse(answer.text), "actor_hellos_total")
            assert of(parse(server.ask("GET", "/metrics").text), "actor_hellos_total") > first  # the figures are new at each request
            head = server.ask("HEAD", "/metrics")
            assert head.status == 200 and head.text == "" and int(head.getheader("Content-Length")) > 1000


def http_refuses_what_it_does_not_serve():
    with Server("127.0.0.1:0") as server:
        assert server.ask("GET", "/").status == 404
        answer = server.ask("POST", "/metrics", body="x" * 1000)
        assert answer.status == 405 and answer.getheader("Allow") == "GET, HEAD"
        for request, status in (b"hello\r\n\r\n", 400), (b"GET / HTTP/3\r\n\r\n", 505), \
                (b"GET / HTTP/1.1\r\nx: " + b"x" * 9000, 431):
            with server.raw(request) as s:
                assert s.recv(4096).startswith(f"HTTP/1.1 {status} ".encode()), (request[:20], status)
        assert server.ask("GET", "/metrics").status == 200


def http_visitors_that_are_slow_or_leave_do_not_delay_others():
    with Server("127.0.0.1:0") as server:
        slow = [server.raw(b"GET /metrics HTTP/1.1\r\nHo") for _ in range(100)]  # more clients than there are places for
        assert server.ask("GET", "/metrics").status == 200
        for _ in range(50):  # these clients leave before they are answered
            server.raw(b"GET /metrics HTTP/1.1\r\n\r\n").close()
        asked = [server.raw(b"GET /metrics HTTP/1.1\r\n\r\n") for _ in range(10)]  # these clients never read
        assert server.ask("GET", "/metrics").status == 200
        assert slow[0].recv(1) == b"", "the oldest made room"
        for s in slow + asked:
            s.close()


def http_over_a_unix_socket_is_for_its_owner_and_leaves_nothing():
    path = node.root + "/metrics.ipc"
    with Server("unix:" + path) as server:
        assert server.line == f"listening at unix:{path}\n", server.line
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(path)
        s.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        answer = http.client.HTTPResponse(s)
        answer.begin()
        assert answer.status == 200 and of(parse(answer.read().decode()), "actor_up", daemon="broker") == 1
        s.close()
        p = node.ctl("metrics", "--listen", "unix:" + path, rc=9)
        assert "somebody does already" in p.stderr, p.stderr
    assert not os.path.exists(path)
    stale = socket.socket(socket.AF_UNIX)  # nobody listens there any more
    stale.bind(path)
    stale.close()
    with Server("unix:" + path) as server:
        assert server.line.startswith("listening"), server.line
        os.unlink(path)
        open(path, "w").close()  # now the path is somebody else's file
    assert os.path.exists(path)
    p = node.ctl("metrics", "--listen", "unix:" + path, rc=9)
    assert os.path.exists(path) and "no socket" in p.stderr, p.stderr
    os.unlink(path)


def http_is_for_this_machine_alone():
    for address in "0.0.0.0:9", "192.0.2.1:9", "[::]:9", "localhost:9", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", \
            "127.0.0.1:", ":9", "[::1:9", "unix:", "unix:/" + "x" * 108, "":
        p = node.ctl("metrics", "--listen", address, rc=2)
        assert p.stderr.count("\n") == 1, p.stderr
    with Server("127.0.0.1:0") as server:
        node.ctl("metrics", "--listen", f"127.0.0.1:{server.port}", rc=9)


def http_outlives_the_node_and_says_503():
    server = Server("127.0.0.1:0")
    node.ctl("down")
    node.spawner.wait(PATIENCE)
    answer = server.ask("GET", "/metrics")
    assert answer.status == 503 and "does not answer" in answer.text, answer.text
    node.ctl("metrics", rc=7)
    node.ctl("quota", rc=7)
    node.up()
    assert of(parse(server.ask("GET", "/metrics").text), "actor_up", daemon="broker") == 1
    with server:
        pass


run_tests([
    quota_is_a_line_for_each_group_and_of_one_a_line_for_each_kind,
    quota_says_what_a_group_has_made,
    quota_of_nobody_is_no_such_name,
    a_receiver_that_does_not_read_loses_what_waits_and_nothing_else,
    metrics_are_openmetrics_and_count,
    metrics_of_a_restarted_child_say_so,
    metrics_have_at_most_so_many_groups,
    http_serves_what_metrics_prints,
    http_refuses_what_it_does_not_serve,
    http_visitors_that_are_slow_or_leave_do_not_delay_others,
    http_over_a_unix_socket_is_for_its_owner_and_leaves_nothing,
    http_is_for_this_machine_alone,
    http_outlives_the_node_and_says_503,
], node)
