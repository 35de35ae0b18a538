#!/usr/bin/env python3
"""What programs say and read, against a real node: their output on the terminal of `actorctl up`.

usage: test-output.py ACTORCTL      (writes TAP)
"""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from facts import chosen
from node import alive, until

ACTORCTL = os.path.abspath(sys.argv[1])
PATIENCE = int(os.environ.get("PATIENCE", "120"))  # this limit only turns a hang into a failure
ROOT = tempfile.mkdtemp(prefix="test-output-")
RUNTIME = os.path.join(ROOT, "node")
LOGS = os.path.join(ROOT, "logs")
ENV = {k: v for k, v in os.environ.items() if not k.startswith(("ACTOR_", "XDG_")) and k not in ("NO_COLOR", "TERM")}
ENV.update(ACTOR_RUNTIME_DIR=RUNTIME, ACTOR_LOG_DIR=LOGS, LC_ALL="C.UTF-8", TERM="xterm", TZ="UTC")

tests = []


def fact(f):
    tests.append(f)
    return f


def ctl(*args, rc=0, data=None):
    p = subprocess.run([ACTORCTL, *args], capture_output=True, timeout=PATIENCE, env=ENV, cwd=ROOT, input=data)
    assert p.returncode == rc, f"actorctl {' '.join(args)}: {p}"
    return p.stdout.decode(errors="surrogateescape")


def job(name, script, *options):
    ctl("spawn", "-n", name, *options, "-r", "temporary", "--wait", "--", "sh", "-c", script)


class Up:
    """A node in the foreground, and what it has said on stdout."""

    def __init__(self, *options, terminal=False, reads=True):
        self.text = bytearray()
        self.reads = reads
        if terminal:
            self.pid, self.fd = pty.fork()
            if self.pid == 0:
                os.chdir(ROOT)
                os.execve(ACTORCTL, [ACTORCTL, *options], ENV)
        else:
            self.fd, write_end = os.pipe()
            self.process = subprocess.Popen([ACTORCTL, *options], stdout=write_end, stderr=subprocess.DEVNULL, env=ENV, cwd=ROOT)
            self.pid = self.process.pid
            os.close(write_end)
        self.until(lambda: b"\n" in self.text)

    def read(self, wait_s=0.0):
        while self.fd >= 0 and select.select([self.fd], [], [], wait_s)[0]:
            try:
                part = os.read(self.fd, 65536)
            except OSError:
                part = b""
            if not part:
                self.close()
            self.text += part

    def close(self):
        os.close(self.fd)
        self.fd = -1

    def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end and self.fd >= 0, self.text[-3000:]
            self.read(0.02)

    def lines(self):
        return self.text.decode(errors="surrogateescape").replace("\r\n", "\n").split("\n")[1:-1]

    def end(self):
        ctl("down")
        end = time.monotonic() + PATIENCE
        while self.reads and self.fd >= 0 and time.monotonic() < end:
            self.read(0.02)
        rc = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if hasattr(self, "process"):
            self.process.returncode = rc
        if self.fd >= 0:
            self.read()
        if self.fd >= 0:
            self.close()
        assert rc == 0, rc
        shutil.rmtree(LOGS, ignore_errors=True)


# ---- on the terminal ----------------------------------------------------------------------------------------------------------------

@fact
def up_shows_what_programs_write_with_their_names():
    up = Up("up")
    job("web", "echo one; echo two >&2; printf three")
    job("a/b", "echo four")
    up.until(lambda: b"four" in up.text)
    lines = up.lines()
    assert sorted(lines) == sorted(["web | one", "web ! two", "web | three", "a/b | four"]), lines
    assert open(os.path.join(LOGS, "web.log")).read().count("three") == 1, "it is in the log, too"
    up.end()


@fact
def up_shows_only_what_this_node_wrote():
    os.makedirs(LOGS, exist_ok=True)
    with open(os.path.join(LOGS, "web.log"), "w") as f:
        f.write("of an earlier node\n")
    up = Up("up")
    job("web", "echo now")
    up.until(lambda: b"now" in up.text)
    assert up.lines() == ["web | now"], up.lines()
    up.end()


@fact
def up_shows_last_words():
    up = Up("up")
    ctl("spawn", "-n", "slow", "--", "sh", "-c", "trap 'echo bye; exit' TERM; echo armed; while :; do sleep 0.05; done")
    up.until(lambda: b"armed" in up.text)
    up.end()
    assert up.lines()[0] == "slow | armed" and up.lines()[-1] == "slow | bye", up.lines()


@fact
def names_have_colours_on_a_terminal_only():
    up = Up("up", terminal=True)
    job("web", "echo one")
    up.until(lambda: b"one" in up.text)
    assert re.search(rb"\x1b\[\d+mweb \| \x1b\[0mone\r\n", up.text), up.text
    up.end()
    ENV["NO_COLOR"] = "1"
    try:
        up = Up("up", terminal=True)
        job("web", "echo one")
        up.until(lambda: b"one" in up.text)
        assert b"\x1b" not in up.text, up.text
        up.end()
    finally:
        del ENV["NO_COLOR"]


@fact
def up_is_quiet_if_asked():
    up = Up("up", "--quiet")
    job("web", "echo one")
    up.end()
    assert up.lines() == [], up.lines()


@fact
def with_json_each_line_is_an_object():
    up = Up("--json", "up")
    job("web", r"echo one; printf '\377\n' >&2")
    up.until(lambda: b"$str" in up.text)
    lines = [json.loads(line) for line in up.lines()]
    by_stream = {line["stream"]: line for line in lines}
    assert by_stream["stdout"]["text"] == "one" and by_stream["stderr"]["text"] == {"$str": "/w=="}, lines
    assert by_stream["stdout"]["name"] == "web" and by_stream["stdout"]["life"] == 1 and by_stream["stdout"]["at_us"] > 0, lines
    up.end()


@fact
def all_lines_of_a_flood_come_once_and_in_order():
    up = Up("up")
    ctl("spawn", "-n", "flood", "-r", "temporary", "--", "seq", "1", "1500000")
    up.until(lambda: b"| 1500000\n" in up.text)
    lines = up.lines()
    assert lines == [f"flood | {i}" for i in range(1, 1500001)], (len(lines), lines[:2], lines[-2:])
    up.end()


@fact
def a_terminal_that_does_not_read_stops_nobody_and_what_is_missing_is_counted():
    up = Up("up", reads=False)
    for i in range(4):  # 48 MB: more than is shown later, and no more than the logs keep; what they no longer keep may be uncounted
        job("flood", f"seq {1000000 + i * 1500000} {2499999 + i * 1500000}")
    job("web", "echo one")
    assert "web" in ctl("ls")
    up.reads = True
    up.until(lambda: b"| 6999999\n" in up.text and b"web" in up.text)
    said = [int(n) for n in re.findall(rb"flood +--- (\d+) bytes are missing here", up.text)]
    shown = sum(len(m) for m in re.findall(rb"flood +\| (\d+\n)", up.text))
    assert said and sum(said) + shown == 6000000 * 8, (said, shown)
    up.end()


@fact
def a_reader_that_goes_away_does_not_end_the_node():
    up = Up("up")
    up.close()
    job("web", "seq 1 100000")
    assert "web" in ctl("ls") and alive(up.pid)
    up.end()


@fact
def a_node_ends_while_its_terminal_does_not_read():
    up = Up("up", reads=False)
    job("flood", "seq 1 100000")
    up.end()


@fact
def output_goes_on_over_a_restart_of_the_supervisor():
    up = Up("up")
    ctl("spawn", "-n", "count", "--", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done")
    up.until(lambda: b"| 5\n" in up.text)
    os.kill(json.loads(ctl("--json", "status"))["supervisor"]["pid"], signal.SIGKILL)
    n = len(up.lines())
    up.until(lambda: len(up.lines()) > n + 20)
    assert up.lines() == [f"count | {i}" for i in range(1, len(up.lines()) + 1)], up.lines()
    up.end()


# ---- stdin --------------------------------------------------------------------------------------------------------------------------

class Node:
    def __enter__(self):
        ctl("up", "-d")

    def __exit__(self, *_):
        ctl("down")
        shutil.rmtree(LOGS, ignore_errors=True)


def log_of(name):
    try:
        with open(os.path.join(LOGS, name + ".log")) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def supervisor():
    return json.loads(ctl("--json", "status"))["supervisor"]["pid"]


def supervisor_is_replaced(old):
    p = subprocess.run([ACTORCTL, "--json", "status"], capture_output=True, env=ENV, cwd=ROOT, check=False)
    return p.returncode == 0 and json.loads(p.stdout)["supervisor"]["pid"] != old


@fact
def stdin_is_empty_unless_asked_for():
    with Node():
        job("cat", "cat; echo done")
        assert log_of("cat") == "done\n", log_of("cat")


@fact
def stdin_may_be_a_file():
    with open(os.path.join(ROOT, "in.txt"), "w") as f:
        f.write("from a file\n")
    with Node():
        job("cat", "cat", "--stdin", "in.txt")
        assert log_of("cat") == "from a file\n", log_of("cat")
        os.remove(os.path.join(ROOT, "in.txt"))
        p = subprocess.run([ACTORCTL, "spawn", "--stdin", "in.txt", "cat"], capture_output=True, env=ENV, cwd=ROOT, check=False)
        assert p.returncode == 1 and b"in.txt: No such file" in p.stderr, p


@fact
def stdin_may_be_a_pipe_that_is_fed():
    with Node():
        ctl("spawn", "-n", "cat", "-r", "temporary", "--stdin", "pipe", "--", "sh", "-c", "cat; echo at its end")
        ctl("send-input", "cat", data=b"one\n")
        until(lambda: log_of("cat") == "one\n", "one")
        assert json.loads(ctl("--json", "send-input", "--eof", "cat", data=b"two\n")) == {"name": "cat", "bytes": 4}
        until(lambda: log_of("cat") == "one\ntwo\nat its end\n", "the end")


@fact
def a_pipe_outlives_the_supervisor_and_a_feeder_goes_on():
    with Node():
        ctl("spawn", "-n", "cat", "--stdin", "pipe", "--", "cat")
        feeder = subprocess.Popen([ACTORCTL, "send-input", "cat"], stdin=subprocess.PIPE, env=ENV, cwd=ROOT)
        feeder.stdin.write(b"before\n")
        feeder.stdin.flush()
        until(lambda: log_of("cat") == "before\n", "before")
        old = supervisor()
        os.kill(old, signal.SIGKILL)
        until(lambda: supervisor_is_replaced(old), "the next supervisor")
        feeder.stdin.write(b"after\n")
        feeder.stdin.close()
        assert feeder.wait(PATIENCE) == 0
        ctl("send-input", "cat", data=b"of another feeder\n")
        until(lambda: log_of("cat") == "before\nafter\nof another feeder\n", "all lines")
        assert json.loads(ctl("--json", "ls", "cat"))[0]["restarts"] == 0
        ctl("send-input", "--eof", "cat", data=b"")
        until(lambda: json.loads(ctl("--json", "ls", "cat"))[0]["restarts"] == 1, "its next life")
        ctl("send-input", "cat", data=b"a new pipe\n")
        until(lambda: "a new pipe" in log_of("cat"), "the new pipe")


@fact
def a_program_that_does_not_read_makes_only_its_feeder_wait():
    with Node():
        ctl("spawn", "-n", "deaf", "--stdin", "pipe", "--", "sleep", "1000")
        p = subprocess.run([ACTORCTL, "-t", "0.3", "send-input", "deaf"], input=b"x" * 1000000, capture_output=True, env=ENV, cwd=ROOT, check=False)
        assert p.returncode == 5 and b"65536 bytes were written" in p.stderr, p
        job("other", "echo works")
        assert log_of("other") == "works\n"
        feeder = subprocess.Popen([ACTORCTL, "send-input", "deaf"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, cwd=ROOT)
        feeder.stdin.write(b"x")
        feeder.stdin.flush()
        until(lambda: any("pipe:" in os.readlink(f"/proc/{feeder.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{feeder.pid}/fd") if int(fd) > 2), "it feeds")
        ctl("rm", "-f", "deaf")
        assert feeder.wait(PATIENCE) == 1 and b"has ended" in feeder.stderr.read()
        feeder.stdin.close()
        feeder.stderr.close()


@fact
def who_has_no_pipe_is_not_fed():
    with Node():
        ctl("spawn", "-n", "plain", "--", "sleep", "1000")
        ctl("spawn", "-n", "piped", "--stdin", "pipe", "--", "sleep", "1000")
        assert json.loads(ctl("--json", "send-input", "plain", rc=1, data=b""))["error"]["code"] == "no_input"
        assert json.loads(ctl("--json", "send-input", "nobody", rc=4, data=b""))["error"]["code"] == "noproc"
        ctl("send-input", "--eof", "piped", data=b"")
        assert json.loads(ctl("--json", "send-input", "piped", rc=1, data=b"x"))["error"]["code"] == "no_input"
        ctl("stop", "piped")
        assert json.loads(ctl("--json", "send-input", "piped", rc=1, data=b"x"))["error"]["code"] == "not_running"


# ---- the run ------------------------------------------------------------------------------------------------------------------------

def main():
    tests[:] = chosen(tests)
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for n, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        try:
            test()
            print(f"ok {n} - {name}", flush=True)
        except BaseException:
            failed += 1
            print(f"not ok {n} - {name}", flush=True)
            print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
            subprocess.run([ACTORCTL, "down"], env=ENV, capture_output=True, check=False)
            shutil.rmtree(LOGS, ignore_errors=True)
    shutil.rmtree(ROOT, ignore_errors=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
