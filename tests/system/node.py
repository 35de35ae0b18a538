"""A node of its own for a system test in Python, and the few lines of TAP that such a test needs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from facts import chosen

PATIENCE = int(os.environ.get("PATIENCE", "120"))  # this limit only turns a hang into a failure


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def plain(text):
    """@text in printable characters, whatever a log holds: test results end up in XML."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def until(condition, what, pause_s=0.02):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(pause_s)
    raise AssertionError(f"never happened: {what}")


class Calls:
    """The program @caller calls counter in a loop as long as the block runs, and no call may fail. What else must hold then is @after's to say."""

    def __init__(self, node, caller, after):
        self.node, self.caller, self.after = node, caller, after

    def __enter__(self):
        self.process = subprocess.Popen([self.caller, "counter"], env=self.node.env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "calling\n"
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        out = self.process.stdout.readlines()
        assert self.process.wait(30) == 0
        if kind:
            return
        result = json.loads(out[-1])
        print(f"# {result}")
        assert result["calls"] > 0 and result["failures"] == 0, result
        self.after()


class Node:
    def __init__(self, actorctl, name):
        self.actorctl = os.path.abspath(actorctl)
        self.root = tempfile.mkdtemp(prefix=f"test-{name}-")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("ACTOR_", "XDG_"))}
        self.env.update(ACTOR_RUNTIME_DIR=self.root + "/node", ACTOR_LOG_DIR=self.root + "/logs", LC_ALL="C.UTF-8")

    def run(self, *argv, rc=0):
        p = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, env=self.env, cwd=self.root)
        assert rc is None or p.returncode == rc, f"{' '.join(argv)}: expected {rc}, got {p.returncode}\n{p.stdout}\n{p.stderr}"
        return p

    def ctl(self, *args, rc=0):
        return self.run(self.actorctl, *args, rc=rc)

    def ctl_json(self, *args):
        return json.loads(self.ctl("--json", *args).stdout)

    def child(self, name):
        return self.ctl_json("ls", name)[0]

    def up(self):
        self.ctl("up", "-d")
        return self

    def processes(self):
        """The living processes that carry the directory of this node in their environment or command line."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            text = b""
            for part in "environ", "cmdline":
                try:
                    with open(f"/proc/{pid}/{part}", "rb") as f:
                        text += f.read()
                except OSError:
                    pass
            if int(pid) != os.getpid() and self.root.encode() in text and alive(pid):
                found.append((int(pid), text.split(b"\0")[0]))
        return found

    def down(self):
        self.ctl("down", rc=None)
        left = []
        try:
            until(lambda: not self.processes(), "the end of all processes")
        except AssertionError:
            left = self.processes()
        if left or os.environ.get("KEEP"):
            print(f"# kept: {self.root}")
        else:
            shutil.rmtree(self.root, ignore_errors=True)
        assert not left, f"still there after down: {left}"

    def logs(self):
        """Prints what the node's processes have logged, for a test that failed."""
        for at, _, files in os.walk(self.root + "/logs"):
            for name in sorted(f for f in files if ".times" not in f):
                with open(os.path.join(at, name), errors="replace") as f:
                    for line in f.readlines()[-30:]:
                        print(f"#   {name}: {plain(line.rstrip())}")


def run_tests(tests, node):
    """Runs each function of @tests and then ends @node, which is a test as well: nothing may be left. Exits with 1 if one failed."""
    tests = chosen(tests)
    n_failed = 0
    print(f"1..{len(tests) + 1}")
    for i, test in enumerate([*tests, node.down], 1):
        title = test.__name__ if test != node.down else "nothing_is_left_after_down"
        try:
            test()
            print(f"ok {i} - {title}", flush=True)
        except Exception:
            n_failed += 1
            print(f"not ok {i} - {title}")
            for line in traceback.format_exc().splitlines():  # the reason is written behind the result, where scripts/count-tests looks for it
                print(f"# {line}")
            node.logs()
            sys.stdout.flush()
    sys.exit(1 if n_failed else 0)
