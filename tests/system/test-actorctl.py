#!/usr/bin/env python3
"""Every verb of actorctl against a real node of its own: what works, what does not, what it says, how it exits.

usage: test-actorctl.py ACTORCTL ACTOR-MIRROR      (writes TAP)
"""

import base64
import ctypes
import fcntl
import json
import os
import pty
import re
import resource
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

from facts import chosen
from node import alive, plain, until

ACTORCTL = os.path.abspath(sys.argv[1])
MIRROR = os.path.abspath(sys.argv[2])
COMPLETION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/completion/actorctl.bash")
PATIENCE = 60 if os.environ.get("SLOW_TESTS") else 20  # this limit only turns a hang into a failure

ROOT = tempfile.mkdtemp(prefix="test-actorctl-")
RUNTIME = os.path.join(ROOT, "node")
LOGS = os.path.join(ROOT, "logs")
ENV = {k: v for k, v in os.environ.items() if not k.startswith(("ACTOR_", "XDG_")) and k not in ("NO_COLOR", "TERM")}
ENV.update(ACTOR_RUNTIME_DIR=RUNTIME, ACTOR_LOG_DIR=LOGS, LC_ALL="C.UTF-8", TERM="xterm", CALLERS_OWN="secret")

tests = []


def fact(f):
    tests.append(f)
    return f


class Result:
    def __init__(self, rc, out, err):
        self.rc, self.out, self.err = rc, out, err

    def __repr__(self):
        return f"rc {self.rc}\nout: {self.out!r}\nerr: {self.err!r}"


def ctl(*args, rc=0, **kw):
    p = subprocess.run([ACTORCTL, *args], capture_output=True, text=True, timeout=PATIENCE, env=kw.pop("env", ENV),
                       cwd=kw.pop("cwd", ROOT), **kw)
    r = Result(p.returncode, p.stdout, p.stderr)
    assert r.rc == rc, f"actorctl {' '.join(args)}: expected {rc}, got {r}"
    if rc == 0:
        assert r.err == "", f"actorctl {' '.join(args)}: {r}"
    return r


def fails(*args, rc, says, **kw):
    """Asserts that actorctl fails with one line on stderr and nothing on stdout, and with --json with the same as one object on stdout."""
    r = ctl(*args, rc=rc, **kw)
    assert r.out == "", r
    assert r.err.startswith("actorctl: ") and r.err.count("\n") == 1 and r.err.endswith("\n"), r
    assert re.search(says, r.err), f"{says!r} is not in {r}"
    r = ctl("--json", *args, rc=rc, **kw)
    assert r.err == "", r
    error = json.loads(r.out)["error"]
    assert set(error) == {"code", "message", "hint"} and error["code"] and error["message"], r
    return error


def ctl_json(*args, **kw):
    return json.loads(ctl("--json", *args, **kw).out)


def child(name):
    found = ctl_json("ls", name)
    assert len(found) == 1, found
    return found[0]


def logged(name):
    """The log of @name as it is by now. It may not exist yet."""
    return subprocess.run([ACTORCTL, "logs", name], capture_output=True, text=True, timeout=PATIENCE, env=ENV).stdout


def names():
    return [c["name"] for c in ctl_json("ls")]


def of_this_test():
    """The processes that carry this test's directory in their command line or environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                text = f.read()
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                text += f.read()
        except OSError:
            continue
        if ROOT.encode() in text and alive(pid):
            found.append(int(pid))
    return found


def on_terminal(*args, env=ENV, columns=100, meanwhile=None):
    """
    The exit status of actorctl with stdout and stderr on a terminal, and its output. @meanwhile is called with the output
    until now, at each new part, until it returns something else than False.
    """
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        os.chdir(ROOT)
        os.execve(ACTORCTL, [ACTORCTL, *args], env)
    text = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
        if meanwhile and meanwhile(text.decode(errors="replace")) is not False:
            meanwhile = None
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode().replace("\r\n", "\n")


def exchange(one, other):
    """Gives each of two files the name of the other, in one step."""
    AT_FDCWD, RENAME_EXCHANGE = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.renameat2(AT_FDCWD, one.encode(), AT_FDCWD, other.encode(), RENAME_EXCHANGE) == 0, os.strerror(ctypes.get_errno())


def read_until(stream, what):
    """Reads an unbuffered pipe until @what has come."""
    text, deadline = b"", time.monotonic() + PATIENCE
    while what not in text:
        left = deadline - time.monotonic()
        assert left > 0, f"waited for {what!r}, got {text!r}"
        if select.select([stream], [], [], left)[0]:
            part = os.read(stream.fileno(), 65536)
            assert part, f"waited for {what!r}, end after {text!r}"
            text += part
    return text


class Watch:
    """A command that goes on, and its lines as they come."""

    def __init__(self, *args):
        self.process = subprocess.Popen([ACTORCTL, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, bufsize=0)

    def lines(self, n):
        text, deadline = b"", time.monotonic() + PATIENCE
        while text.count(b"\n") < n:
            assert select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0], f"only {text!r}"
            part = os.read(self.process.stdout.fileno(), 65536)
            assert part, f"ended after {text!r}, {self.process.stderr.read()}"
            text += part
        return text.decode().splitlines()

    def end(self, sig):
        self.process.send_signal(sig)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


def script(name, text, mode=0o755):
    path = os.path.join(ROOT, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


# ---- without a node ---------------------------------------------------------------------------------------------------------------

@fact
def a_stack_that_is_too_small_is_refused_and_no_crash():
    def small():
        resource.setrlimit(resource.RLIMIT_STACK, (32 << 10, resource.RLIM_INFINITY))
    if not os.environ.get("SANITIZED"):
        fails("ls", rc=1, says=r"the limit of the stack is below 64 KiB; raise the limit: ulimit -s", preexec_fn=small)


@fact
def without_a_node_every_verb_says_how_to_start_one():
    for args in (["ls"], ["status"], ["status", "x"], ["spawn", "true"], ["stop", "x"], ["start", "x"], ["restart", "x"],
                 ["kill", "x"], ["rm", "x"], ["logs", "x"], ["call", "x", "y"], ["send", "x", "y"], ["whereis", "x"], ["names"],
                 ["pg", "ls"], ["pg", "members", "x"], ["pg", "join", "x", "y"], ["pg", "leave", "x", "y"],
                 ["pg", "call", "x", "y"], ["pg", "call", "--all", "x", "y"], ["pg", "cast", "x", "y"], ["pg", "watch"], ["down"]):
        error = fails(*args, rc=7, says=r"no node is running in .*/node; start one with: actorctl up -d")
        assert error["code"] == "no_node", error


@fact
def unknown_command_is_answered_with_the_nearest():
    error = fails("spwan", rc=2, says=r"unknown command 'spwan'; did you mean 'spawn'\?")
    assert error["hint"] == "did you mean 'spawn'?"
    fails("pg", "member", rc=2, says=r"unknown command 'pg member'; did you mean 'pg members'\?")
    fails("pg", "zebra", rc=2, says="unknown command 'pg zebra'; see actorctl pg --help")
    fails("zebra", rc=2, says="unknown command 'zebra'; see actorctl --help")
    fails("help", "lss", rc=2, says="did you mean 'ls'")
    fails("help", "pg", "member", rc=2, says="did you mean 'pg members'")


@fact
def wrong_usage_exits_2_before_any_node_is_asked():
    fails("ls", "--jsn", rc=2, says=r"unknown option '--jsn'; did you mean --json\?")
    fails("logs", rc=2, says="logs needs an argument")
    fails("call", "x", rc=2, says="call needs more arguments: actorctl call \\[--stream\\] DEST METHOD")
    fails("whereis", "a", "b", rc=2, says="unexpected argument 'b'")
    fails("help", "ls", "x", rc=2, says="unexpected argument 'x'")
    fails("whereis", "--wait=soon", "x", rc=2, says="'soon' is no time to wait; write seconds")
    fails("whereis", "--wait=0", "x", rc=2, says="'0' is no time to wait")
    fails("pg", rc=2, says="pg needs a command: actorctl pg COMMAND")
    fails("pg", "--scope", "s", "ls", rc=2, says="pg: unknown option '--scope'")
    fails("pg", "members", rc=2, says=r"pg members needs an argument: actorctl pg members \[-s SCOPE\] GROUP; see actorctl pg members --help")
    fails("pg", "join", "x", rc=2, says="pg join needs more arguments")
    fails("pg", "ls", "a", "b", rc=2, says="pg ls: unexpected argument 'b'")
    for args in (["pg", "ls", ""], ["pg", "members", "a\nb"], ["pg", "members", "-s", "", "x"], ["pg", "join", "x", ""], ["pg", "leave", "x" * 256, "y"]):
        fails(*args, rc=2, says="cannot be a name")
    fails("pg", "join", "x", "<zz>", rc=2, says="'<zz>' is no ref")
    fails("pg", "watch", "", rc=2, says="cannot be a name")
    fails("pg", "call", "x", rc=2, says="pg call needs more arguments")
    fails("pg", "call", "--all", "--key", "k", "x", "y", rc=2, says="--all and --key exclude each other")
    fails("pg", "cast", "--all", "x", "y", rc=2, says="unknown option '--all'")
    fails("-t", "soon", "ls", rc=2, says="'soon' is no time to wait")
    fails("--color=pink", "ls", rc=2, says="unknown colour mode 'pink'")
    fails("logs", "-n", "few", "x", rc=2, says="'few' is no number of lines")
    fails("kill", "-s", "FOO", "x", rc=2, says="no signal 'FOO'")
    fails("spawn", "--restart", "always", "true", rc=2, says="'always' is no restart type")
    fails("spawn", "--backoff", "9s:1s", "true", rc=2, says="'9s:1s' is no backoff")
    fails("spawn", "--stop-timeout", "x", "true", rc=2, says="'x' is no stop timeout")
    fails("spawn", "--env", "FOO", "true", rc=2, says="'FOO' is no variable")
    fails("spawn", "--wait=tomorrow", "true", rc=2, says="cannot wait for 'tomorrow'")
    fails("spawn", "--name", "", "true", rc=2, says="cannot be a name")
    fails("spawn", rc=2, says="spawn needs an argument")
    assert ctl(rc=2).err.startswith("Run crash-isolated")


@fact
def broken_json_says_where_and_what_to_do():
    fails("call", "x", "y", "hello", rc=2, says="argument 1 .'hello'. is not JSON: line 1, column 5: .*a string needs its quotes")
    fails("call", "x", "y", "1", '{"a":\n 1,}', rc=2, says="argument 2 .* line 2, column 4")
    fails("send", "x", "y", '{"$ref": 1}', rc=2, says=r'argument 1 cannot be sent: "\$ref" must look like')
    fails("call", "x", "y", "1", "[" * 64 + "]" * 64, rc=2, says="argument 2 cannot be sent: nested deeper than 64")
    fails("call", "x", "y", "@/no/such/file", rc=1, says="cannot read /no/such/file: No such file or directory")
    fails("call", "<zz>", "y", rc=2, says="'<zz>' is no ref")
    for verb in (["call"], ["call", "--all"], ["cast"], ["cast", "--one"]):
        fails("pg", *verb, "x", "y", "1", "hello", rc=2, says="argument 2 .'hello'. is not JSON")


@fact
def help_begins_with_examples():
    r = ctl("--help")
    assert r.out.index("Examples:") < r.out.index("Usage:") < r.out.index("Commands:"), r
    listed = re.findall(r"^  (\w+) {2,}\S", r.out[r.out.index("Commands:"):r.out.index("Options:")], re.M)
    assert set(listed) >= set("up down status ls spawn stop start restart kill rm logs call send whereis names help version".split())
    for verb in listed:
        text = ctl(verb, "--help").out
        assert "Usage: actorctl " + verb in text and text == ctl("help", verb).out, verb
        if verb != "version":
            assert text.index("Examples:") < text.index("Usage:"), verb
    family = ctl("pg", "--help").out
    for verb in re.findall(r"^  (\w+) {2,}\S", family[family.index("Commands:"):family.index("Global options:")], re.M):
        text = ctl("pg", verb, "--help").out
        assert text.index("Examples:") < text.index("Usage: actorctl pg " + verb) and text == ctl("help", "pg", verb).out, verb
    assert re.fullmatch(r"actorctl \d+\.\d+\.\d+\n", ctl("version").out)
    assert ctl_json("version").keys() == {"version"}
    assert ctl("--version").out == ctl("version").out


@fact
def output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "w") as full:
        p = subprocess.run([ACTORCTL, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, env=ENV)
    assert p.returncode == 1 and "cannot write the output: No space left on device" in p.stderr, p
    p = subprocess.run(["sh", "-c", '"$0" --help >&-', ACTORCTL], stderr=subprocess.PIPE, text=True, env=ENV)
    assert p.returncode == 1 and "cannot write the output: Bad file descriptor" in p.stderr, p
    reader, writer = os.pipe()
    os.close(reader)
    p = subprocess.run([ACTORCTL, "--help"], stdout=writer, stderr=subprocess.PIPE, env=ENV)
    os.close(writer)
    assert p.returncode == -signal.SIGPIPE and p.stderr == b"", p


@fact
def a_node_that_cannot_start_says_why():
    os.mkdir(RUNTIME, 0o755)
    os.chmod(RUNTIME, 0o777)
    fails("up", "-d", rc=1, says=r"the node did not start: runtime directory .* is refused: its mode is 0777.* \(log: .*/actor-spawner.log\)")
    os.rmdir(RUNTIME)
    with open(os.path.join(ROOT, "file"), "w"):
        pass
    fails("up", "-d", "--log-dir", os.path.join(ROOT, "file", "logs"), rc=1, says="cannot make the log directory")


@fact
def up_waits_for_a_node_that_is_just_letting_go_of_the_log_directory():
    os.makedirs(LOGS, exist_ok=True)
    with open(os.path.join(LOGS, ".node"), "w") as f:
        f.write(RUNTIME + "\n")
        f.flush()
        fcntl.flock(f, fcntl.LOCK_EX)
        p = subprocess.Popen([ACTORCTL, "up", "-d"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV, cwd=ROOT)
        until(lambda: os.path.exists(RUNTIME + "/lock"), "the new node has the runtime directory")
    out, err = p.communicate(timeout=PATIENCE)
    assert p.returncode == 0 and not err, (p.returncode, out, err)
    ctl("down")


# ---- up, status -------------------------------------------------------------------------------------------------------------------

@fact
def up_in_a_directory_with_somebodys_files_is_refused_and_removes_nothing():
    home = os.path.join(ROOT, "home")
    os.makedirs(os.path.join(home, "sub"), 0o700)
    os.chmod(home, 0o700)
    for name in ("thesis", "sub/notes"):
        with open(os.path.join(home, name), "w") as f:
            f.write("mine")
    before = sorted(os.walk(home))
    fails("--runtime-dir", home, "up", "-d", rc=1, says="no node made it and it is not empty")
    assert sorted(os.walk(home)) == before, list(os.walk(home))
    shutil.rmtree(home)


@fact
def two_nodes_do_not_share_a_log_directory():
    second = os.path.join(ROOT, "second")
    try:
        assert ctl_json("--runtime-dir", second, "up", "-d")["runtime_dir"] == second
        error = fails("up", "-d", rc=1, says="log directory .*/logs is in use by the node in .*/second; give this node another one")
        assert not os.path.exists(RUNTIME), error
    finally:
        ctl("--runtime-dir", second, "down")
    # By default a node in another place than usual has its logs in a directory of its own.
    env = {k: v for k, v in ENV.items() if not k.startswith("ACTOR_")}
    env.update(XDG_STATE_HOME=os.path.join(ROOT, "state"), XDG_RUNTIME_DIR=ROOT)
    for args, expected in ((["--runtime-dir", second], "actor/nodes/" + second[1:].replace("/", "-")), ([], "actor")):
        ctl(*args, "up", "-d", env=env)
        try:
            assert ctl_json(*args, "status", env=env)["log_dir"] == os.path.join(ROOT, "state", expected)
        finally:
            ctl(*args, "down", env=env)


@fact
def a_log_directory_stays_the_nodes_whatever_is_removed_from_it():
    logs, second = os.path.join(ROOT, "kept-logs"), os.path.join(ROOT, "second")
    ctl("up", "-d", "--log-dir", logs)
    try:
        for take_away in (lambda: os.unlink(os.path.join(logs, ".node")), lambda: os.rename(logs, logs + ".old"), lambda: shutil.rmtree(logs, ignore_errors=True)):
            take_away()
            until(lambda: os.path.exists(os.path.join(logs, ".node")), "the log directory is claimed again")
            until(lambda: open(os.path.join(logs, ".node")).read().strip() == RUNTIME, "the claim says whose")
            fails("--runtime-dir", second, "up", "-d", "--log-dir", logs, rc=1, says="is in use by the node in .*; give this node another one")
    finally:
        ctl("down")
    assert not os.path.exists(second)


@fact
def the_log_of_the_node_turns_over_and_no_child_writes_to_it():
    second, logs = os.path.join(ROOT, "second"), os.path.join(ROOT, "second-logs")
    args = ["--runtime-dir", second]
    log = os.path.join(logs, "actor-spawner.log")

    def complain():  # then keeper and supervisor say that the one before died
        status = ctl_json(*args, "status")["supervisor"]
        os.kill(status["pid"], signal.SIGKILL)
        until(lambda: subprocess.run([ACTORCTL, *args, "status"], capture_output=True, env=ENV).returncode == 0
              and ctl_json(*args, "status")["supervisor"]["pid"] != status["pid"], "another supervisor")

    ctl(*args, "up", "-d", "--log-dir", logs)
    try:
        with open(log, "a") as f:
            f.write("x" * 99 + "\n" + "much\n" * (1 << 18))
        complain()
        until(lambda: os.path.exists(log + ".1"), "the older log")
        assert os.path.getsize(log + ".1") > 1 << 20 and os.path.getsize(log) < 1 << 16
        os.rename(log, log + "-moved")
        complain()
        until(lambda: os.path.exists(log) and os.path.getsize(log), "a new log")
        ctl(*args, "spawn", "--name", "actor-spawner", "--restart", "temporary", "--wait", "--", "echo", "of the child")
        with open(log) as f:
            assert "of the child" not in f.read()
        assert ctl(*args, "logs", "actor-spawner").out == "of the child\n"
    finally:
        ctl(*args, "down")


@fact
def up_returns_when_the_node_is_ready():
    r = ctl("up", "-d")
    m = re.fullmatch(r"node is ready: pid (\d+), runtime directory (\S+), log (\S+)\n", r.out)
    assert m and m[2] == RUNTIME and m[3] == LOGS + "/actor-spawner.log", r
    assert alive(int(m[1]))
    with open(f"/proc/{m[1]}/stat") as f:
        assert f.read().rsplit(")", 1)[1].split()[3] == m[1], "the keeper leads a session of its own"
    assert ctl_json("ls") == []
    for fd, mode in ((0, "/dev/null"), (1, m[3]), (2, m[3])):
        assert os.readlink(f"/proc/{m[1]}/fd/{fd}") == mode


@fact
def second_up_is_a_conflict():
    pid = ctl_json("status")["keeper"]["pid"]
    for args in (["up", "-d"], ["up"]):
        error = fails(*args, rc=9, says=f"a node is already running, pid {pid}, in {RUNTIME}")
        assert error["code"] == "running", error


@fact
def status_describes_the_node():
    node = ctl_json("status")
    for daemon in ("keeper", "supervisor", "broker"):
        assert alive(node[daemon]["pid"]), node
    assert node["runtime_dir"] == RUNTIME and node["log_dir"] == LOGS
    text = ctl("status").out
    for word in ("keeper", "supervisor", "broker", "processes", RUNTIME, f"pid {node['broker']['pid']}"):
        assert word in text, text


# ---- spawn ------------------------------------------------------------------------------------------------------------------------

@fact
def spawn_tells_name_and_pid():
    r = ctl("spawn", "--name", "web", "--", "sleep", "1000")
    m = re.fullmatch(r"web: (up|ready), pid (\d+)\n", r.out)
    assert m and alive(int(m[2])), r
    web = child("web")
    assert web["pid"] == int(m[2]) and web["restarts"] == 0 and web["last_exit"] is None and web["uptime_ms"] >= 0
    assert web["restart"] == "permanent"
    assert list(web)[:6] == ["name", "state", "pid", "restarts", "uptime_ms", "last_exit"]
    assert ctl_json("ls") == [child("web")] or ctl_json("ls")[0]["name"] == "web"


@fact
def made_names_get_numbers():
    assert ctl_json("spawn", "sleep", "1000")["name"] == "sleep"
    assert ctl_json("spawn", "/bin/sleep", "1000")["name"] == "sleep.2"
    assert ctl("spawn", "--", "sleep", "1000").out.startswith("sleep.3: ")
    ctl("rm", "-f", "sleep", "sleep.2", "sleep.3")


@fact
def a_name_that_is_not_utf8_is_refused_everywhere():
    before = names()
    fails("spawn", "--name", "a\udcff", "--", "true", rc=2, says="cannot be a name; .*UTF-8")
    for verb in "ls", "status", "logs", "stop", "rm":
        fails(verb, "a\udcff", rc=2, says="cannot be a name; .*UTF-8")
    fails("names", "a\udcff", rc=2, says="cannot be a name")
    fails("call", "web", "a\udcff", rc=2, says="not a valid request")
    assert names() == before


@fact
def only_permission_is_not_permitted():
    missing = os.path.join(ROOT, "not-a-directory")
    open(missing, "w").close()
    fails("spawn", "--cwd", missing, "--", "true", rc=1, says="Not a directory")
    fails("spawn", "--", missing, rc=8, says="Permission denied")


@fact
def taken_name_is_a_conflict_and_changes_nothing():
    before = child("web")["pid"]
    error = fails("spawn", "--name", "web", "--", "true", rc=9, says="cannot spawn 'web': .*taken.*--name.*actorctl rm")
    assert error["code"] == "in_use", error
    assert child("web")["pid"] == before and names() == ["web"]


@fact
def missing_executable_leaves_nothing_behind():
    error = fails("spawn", "--name", "ghost", "--", "/no/such/program", rc=1,
                  says="cannot spawn 'ghost': No such file or directory: /no/such/program")
    assert error["code"] == "exec", error
    fails("spawn", "--", "no-such-program-in-path", rc=1, says="No such file or directory")
    assert names() == ["web"]


@fact
def file_without_permission_exits_8():
    path = script("locked", "#!/bin/sh\n", mode=0o644)
    fails("spawn", path, rc=8, says="Permission denied")
    fails("spawn", "--wait=exit", "--restart", "temporary", path, rc=126, says="Permission denied")
    assert names() == ["web"]


@fact
def wait_none_keeps_trying_a_missing_executable():
    path = os.path.join(ROOT, "later")
    ctl("spawn", "--name", "later", "--wait=none", "--backoff", "20ms:50ms", "--", path)
    later = until(lambda: (c := child("later"))["last_exit"] and c, "an exec failure")
    assert later["last_exit"]["kind"] == "exec" and later["last_exit"]["code"] == 2, later
    assert later["last_exit"]["signal"] is None and later["last_exit"]["core"] is False
    until(lambda: "exec: No such file or directory, next try in" in ctl("ls", "later").out, "the table says so")
    script("later", "#!/bin/sh\nexec sleep 1000\n")
    until(lambda: child("later")["state"] in ("up", "ready"), "it runs now that it is there")
    ctl("rm", "-f", "later")


@fact
def wait_of_a_temporary_process_returns_its_status():
    assert ctl("spawn", "--restart", "temporary", "--wait", "--name", "seven", "--", "sh", "-c", "exit 7", rc=7).out \
        == "seven: down, exit 7\n"
    r = ctl("--json", "spawn", "--restart", "temporary", "--wait", "--name", "killed", "--", "sh", "-c", "kill -9 $$", rc=137)
    killed = json.loads(r.out)
    assert killed["pid"] is None and killed["state"] == "down"
    assert {k: killed["last_exit"][k] for k in ("kind", "code", "signal", "core")} == \
        {"kind": "signal", "code": 9, "signal": "SIGKILL", "core": False}, killed
    ctl("spawn", "--restart", "temporary", "--wait", "--name", "fine", "--", "true")
    fails("spawn", "--restart", "temporary", "--wait", "--", "/no/such/program", rc=127, says="No such file")
    r = ctl("spawn", "-t", "200ms", "--restart", "temporary", "--wait", "--name", "slow", "--", "sleep", "1000", rc=5)
    assert "'slow' has not ended after 200ms; it goes on" in r.err, r
    ctl("rm", "-f", "slow", "seven", "killed", "fine")


@fact
def ended_process_stays_listed_and_its_name_is_free():
    ctl("spawn", "--restart", "temporary", "--wait", "--name", "once", "--", "sh", "-c", "exit 3", rc=3)
    assert child("once")["state"] == "down" and child("once")["last_exit"]["code"] == 3
    ctl("spawn", "--restart", "temporary", "--wait", "--name", "once", "--", "true")
    assert child("once")["last_exit"]["code"] == 0 and names().count("once") == 1
    ctl("rm", "once")
    assert "once" not in names()


@fact
def callers_environment_is_not_passed():
    ctl("spawn", "--restart", "temporary", "--wait", "--name", "env", "-e", "GIVEN=a b=c", "--", "env")
    text = ctl("logs", "env").out
    assert "GIVEN=a b=c\n" in text and "PATH=" in text, text
    assert "CALLERS_OWN" not in text, text
    ctl("rm", "env")


@fact
def paths_are_taken_from_the_callers_directory():
    script("here", "#!/bin/sh\npwd\n")
    os.mkdir(os.path.join(ROOT, "sub"))
    ctl("spawn", "--restart", "temporary", "--wait", "./here", cwd=ROOT)
    assert ctl("logs", "here").out == ROOT + "\n"
    ctl("spawn", "--restart", "temporary", "--wait", "--name", "there", "--cwd", "sub", "./here", cwd=ROOT)
    assert ctl("logs", "there").out == ROOT + "/sub\n"
    ctl("rm", "here", "there")


@fact
def options_behind_the_command_are_the_commands():
    assert ctl("spawn", "--restart", "temporary", "--wait", "--name", "own", "sh", "-c", "echo $0 $@", "--json", "-x", "--").rc == 0
    assert ctl("logs", "own").out == "--json -x --\n"
    ctl("rm", "own")


@fact
def any_bytes_but_nul_are_arguments_variables_and_directories():
    raw = b"caf\xe9 100%% 'q' \xff\n"
    place = os.path.join(os.fsencode(ROOT), b"caf\xe9")
    os.mkdir(place)
    with open(os.path.join(place, b"show"), "wb") as f:
        f.write(b'#!/bin/sh\nprintf "%s|%s|" "$1" "$V"; pwd\n')
    os.chmod(f.name, 0o755)
    p = subprocess.run([ACTORCTL, "spawn", "--restart", "temporary", "--wait", "-n", "bytes", "-e", b"V=" + raw, "--", b"./show", raw],
                       capture_output=True, env=ENV, cwd=place, timeout=PATIENCE)
    assert p.returncode == 0, p
    with open(child("bytes")["log"], "rb") as f:
        assert raw + b"|" + raw + b"|" + place + b"\n" in f.read()
    argv = child("bytes")["argv"]
    assert argv[1] == {"$str": base64.b64encode(raw).decode()} and argv[0]["$str"], argv
    shown = re.search(r"command  (.*)", ctl("status", "bytes").out)[1]
    out = subprocess.run(["bash", "-c", "printf '%s|' " + shown], capture_output=True, check=True).stdout
    assert out == place + b"/show|" + raw + b"|", (shown, out)
    ctl("rm", "bytes")


@fact
def pass_gives_a_variable_as_it_is_here():
    ctl("spawn", "--restart", "temporary", "--wait", "-n", "env", "--pass", "CALLERS_OWN", "--pass", "NOT_SET_ANYWHERE", "--", "env")
    text = ctl("logs", "env").out
    assert "CALLERS_OWN=secret\n" in text and "NOT_SET_ANYWHERE" not in text, text
    fails("spawn", "--pass", "A=B", "--", "true", rc=2, says="'A=B' cannot be the name of a variable")
    ctl("rm", "env")


@fact
def a_program_that_ends_before_it_is_ready_is_told_with_how_it_ended():
    r = ctl("spawn", "--name", "broken", "--wait=ready", "--backoff", "50ms:50ms", "--", "sh", "-c", "echo cannot bind >&2; exit 127", rc=1)
    assert "cannot spawn 'broken': broken ended before it was ready: exit 127: cannot bind; it is started again; see actorctl logs broken" in r.err, r
    until(lambda: "exit 127 (command not found?)" in ctl("ls", "broken").out, "the list says so")
    until(lambda: "last words  cannot bind\n" in ctl("status", "broken").out, "what it said last")
    ctl("rm", "-f", "broken")
    r = ctl("spawn", "--name", "slow", "--wait=ready", "-t", "200ms", "--", "sleep", "1000", rc=5)
    assert "'slow' is not ready after 200ms; it goes on" in r.err, r
    ctl("rm", "-f", "slow")


def spawn_stubborn(stop_timeout):
    """Spawns a process that does not end by TERM."""
    log = os.path.join(LOGS, "stubborn.log")
    if os.path.exists(log):
        os.unlink(log)  # the log of an earlier process with this name is no longer wanted
    ctl("spawn", "--name", "stubborn", "--stop-timeout", stop_timeout, "--restart", "temporary", "--", "sh", "-c",
        "trap '' TERM; echo armed; while :; do sleep 0.05; done")
    until(lambda: "armed\n" in logged("stubborn"), "the trap is set")


def remove_by_force(name):
    p = subprocess.Popen([ACTORCTL, "rm", "-f", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENV)

    def gone():
        subprocess.run([ACTORCTL, "kill", "-s", "KILL", name], capture_output=True, env=ENV)
        return p.poll() is not None and name not in names()

    until(gone, f"the end of {name}")


def interrupted(*args, when, sig=signal.SIGINT, json=False):
    """Ends actorctl by a signal as soon as @when holds. Returns what it said."""
    p = subprocess.Popen([ACTORCTL, *(["--json"] if json else []), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV,
                         cwd=ROOT)
    until(when, f"{args} is under way")
    p.send_signal(sig)
    out, err = p.communicate(timeout=PATIENCE)
    assert p.returncode == -sig, (p.returncode, out, err)  # a shell would call this 128 + sig
    return Result(p.returncode, out, err)


@fact
def an_interrupted_spawn_says_what_goes_on_without_it():
    r = interrupted("spawn", "-n", "job", "--restart", "temporary", "--wait", "--", "sleep", "1000",
                    when=lambda: "job" in names() and child("job")["state"] == "up")
    pid = child("job")["pid"]
    assert r.err == f"actorctl: interrupted; 'job', pid {pid}, goes on; end it with: actorctl stop job\n" and alive(pid), r
    ctl("rm", "-f", "job")
    r = interrupted("spawn", "-n", "job", "--wait=exit", "--", "sleep", "1000", json=True, sig=signal.SIGTERM,
                    when=lambda: "job" in names() and child("job")["state"] == "up")
    assert json.loads(r.out)["error"]["code"] == "interrupted" and not r.err, r
    ctl("rm", "-f", "job")


@fact
def an_interrupted_stop_says_that_it_goes_on():
    for verb, says in (("stop", "asked to end, and killed when its stop timeout is over"), ("restart", "stopped and started again without us"),
                       ("rm -f", "asked to end, and removed without us")):
        spawn_stubborn("1h")
        r = interrupted(*verb.split(), "stubborn", when=lambda: child("stubborn")["state"] == "stopping")
        assert r.err == f"actorctl: interrupted; stubborn: {says}; see actorctl ls\n", r
        remove_by_force("stubborn")


# ---- ls ---------------------------------------------------------------------------------------------------------------------------

@fact
def in_a_pipe_columns_are_separated_by_tabs():
    lines = ctl("ls").out.splitlines()
    assert lines[0] == "NAME\tSTATE\tPID\tUPTIME\tRESTARTS\tLAST EXIT"
    cells = lines[1].split("\t")
    assert cells[0] == "web" and cells[2] == str(child("web")["pid"]) and cells[4:] == ["0", "-"], cells
    assert ctl("ls", "--no-headings").out.startswith("web\t")
    assert "\033" in ctl("ls", "--color=always").out


@fact
def on_a_terminal_columns_are_aligned_and_coloured():
    rc, text = on_terminal("ls")
    assert rc == 0 and "\033[32m" in text and "\t" not in text, text
    plain = re.sub(r"\033\[[0-9;]*m", "", text).splitlines()
    assert re.match(r"NAME +STATE +PID +UPTIME +RESTARTS +LAST EXIT", plain[0]), plain
    assert plain[0].index("STATE") == plain[1].index(child("web")["state"]), plain
    for env in (dict(ENV, NO_COLOR="1"), dict(ENV, TERM="dumb")):
        assert "\033" not in on_terminal("ls", env=env)[1]
    assert "\033" not in on_terminal("ls", "--color=never")[1]
    assert json.loads(on_terminal("ls", "--json")[1])[0]["name"] == "web"
    assert on_terminal("ls", "web")[0] == 0


@fact
def narrow_terminal_cuts_only_the_last_column():
    ctl("spawn", "--name", "gone", "--wait=none", "--backoff", "1h:1h", "--", "/no/such/program")
    until(lambda: child("gone")["state"] == "backoff", "backoff")
    lines = on_terminal("ls", "gone", "--color=never", columns=50)[1].splitlines()
    assert all(len(line) <= 50 for line in lines) and lines[1].startswith("gone"), lines
    assert "No such file or directory, next try in" in ctl("ls", "gone").out
    ctl("rm", "-f", "gone")


@fact
def unknown_names_exit_4():
    for args in (["ls", "nobody"], ["status", "nobody"], ["stop", "nobody"], ["start", "nobody"], ["restart", "nobody"],
                 ["kill", "nobody"], ["rm", "nobody"], ["logs", "nobody"]):
        error = fails(*args, rc=4, says="'nobody': .*; see actorctl ls")
        assert error["code"] == "noproc", error


@fact
def stopped_done_and_failed_are_told_apart():
    for name, program in ("good", "exit 0"), ("bad", "exit 3"), ("told", "exec sleep 1000"):
        ctl("spawn", "--name", name, "--restart", "temporary", "--wait=none", "--", "sh", "-c", program)
    until(lambda: child("told")["state"] == "up", "a start")
    ctl("stop", "told")
    until(lambda: child("good")["state"] == child("bad")["state"] == "down", "their ends")
    lines = {line.split("\t")[0]: line for line in ctl("ls").out.splitlines()}
    for name, outcome, end, says in (("good", "done", "exit 0", "it ended well by itself"), ("bad", "failed", "exit 3", "failed"),
                                     ("told", "stopped", "SIGTERM", "stopped by a command")):
        assert child(name)["outcome"] == outcome and re.search(rf"\tdown\t-\t-\t0\t{end} .* ago, {outcome}$", lines[name]), lines
        assert re.search(rf"state  down, .*{says}", ctl("status", name).out), ctl("status", name)
    ctl("rm", "good", "bad", "told")


@fact
def a_program_that_went_into_the_background_is_told():
    ctl("spawn", "--name", "daemon", "--backoff", "1h:1h", "--", "sh", "-c", "sleep 1000 & exit 0")
    until(lambda: "exit 0 (left processes behind), next try in" in ctl("ls", "daemon").out, "the list says so")
    assert "run it in the foreground" in ctl("status", "daemon").out, ctl("status", "daemon")
    assert child("daemon")["last_exit"]["left"] is True, child("daemon")
    ctl("rm", "-f", "daemon")


@fact
def last_words_before_a_good_end_do_not_mean_that_processes_were_left():
    for name, program in ("polite", "echo bye >&2; exit 0"), ("asked", "trap 'echo bye >&2; exit 0' TERM; echo armed; while :; do sleep 0.05; done"):
        ctl("spawn", "--name", name, "--restart", "temporary", "--wait=none", "--", "sh", "-c", program)
    until(lambda: "armed\n" in logged("asked"), "the trap is set")
    ctl("stop", "asked")
    until(lambda: child("polite")["state"] == "down", "its end")
    for name, outcome in ("polite", "done"), ("asked", "stopped"):
        last = child(name)["last_exit"]
        assert last["code"] == 0 and last["text"].endswith("bye") and "left" not in last, last
        assert re.search(rf"\texit 0 .* ago, {outcome}$", ctl("ls", name).out, re.M) and "left" not in ctl("ls", name).out, ctl("ls", name)
    ctl("rm", "polite", "asked")


# ---- stop, start, restart, kill, rm ------------------------------------------------------------------------------------------------

@fact
def killed_process_comes_back():
    before = child("web")["pid"]
    assert ctl("kill", "-s", "KILL", "web").out == "web: signalled\n"
    web = until(lambda: (c := child("web"))["restarts"] == 1 and c["pid"] and c, "a restart")
    assert web["pid"] != before and not alive(before)
    assert web["last_exit"]["signal"] == "SIGKILL" and web["last_exit"]["kind"] == "signal" and web["last_exit"]["code"] == 9
    assert re.search(r"\tSIGKILL \S+ ago\n", ctl("ls", "web").out)


@fact
def kill_knows_signals_by_name_and_number():
    ctl("spawn", "--name", "trap", "--", "sh", "-c", "trap 'echo got usr1' USR1; echo armed; while :; do sleep 0.05; done")
    until(lambda: "armed\n" in logged("trap"), "the trap is set")
    for n, name in enumerate(("USR1", "SIGUSR1", str(int(signal.SIGUSR1))), 1):
        ctl("kill", "-s", name, "trap")
        until(lambda: logged("trap").count("got usr1") == n, f"signal {name}")
    ctl("rm", "-f", "trap")


@fact
def stop_start_and_restart():
    first = child("web")["pid"]
    assert ctl("stop", "web").out == "web: stopped\n"
    assert not alive(first)
    assert child("web")["state"] == "down" and child("web")["pid"] is None
    ctl("stop", "web")
    m = re.fullmatch(r"web: started, pid (\d+)\n", ctl("start", "web").out)
    assert m and alive(int(m[1])) and child("web")["pid"] == int(m[1])
    m2 = re.fullmatch(r"web: restarted, pid (\d+)\n", ctl("restart", "web").out)
    assert m2 and m2[1] != m[1] and not alive(int(m[1])) and alive(int(m2[1]))
    assert ctl_json("stop", "web")["state"] == "down"
    assert ctl_json("start", "web")["state"] in ("up", "ready")


@fact
def start_of_what_runs_says_so():
    pid = child("web")["pid"] or ctl_json("start", "web")["pid"]
    until(lambda: child("web")["uptime_ms"] > 100, "some time")
    assert ctl("start", "web").out == f"web: already up, pid {pid}\n"
    assert ctl("stop", "--no-wait", "web").out.startswith("web: stop")


@fact
def stop_of_many_asks_all_before_it_waits():
    """Each process ends only when it sees that all others were asked, too."""
    many = [f"m{i}" for i in range(5)]
    for name in many:
        ctl("spawn", "--name", name, "--stop-timeout", "1h", "--env", f"ROOT={ROOT}", "--env", f"ME={name}", "--", "sh", "-c",
            'all() { touch $ROOT/asked-$ME; until [ $(ls $ROOT | grep -c asked-) = 5 ]; do sleep 0.02; done; exit 0; };'
            'trap all TERM; echo armed; while :; do sleep 0.02; done')
    for name in many:
        until(lambda: "armed\n" in ctl("logs", name).out, "the trap is set")
    assert ctl("stop", *many).out == "".join(f"{name}: stopped\n" for name in many)
    assert [child(name)["last_exit"]["code"] for name in many] == [0] * 5
    ctl("rm", *many)


@fact
def json_of_several_names_is_one_array():
    ctl("spawn", "--name", "a", "sleep", "1000")
    ctl("spawn", "--name", "b", "sleep", "1000")
    r = ctl("--json", "stop", "a", "nobody", "b", rc=4)
    got = json.loads(r.out)
    assert [g["name"] for g in got] == ["a", "nobody", "b"] and got[0]["state"] == got[2]["state"] == "down" and not r.err, r
    assert got[1]["error"]["code"] == "noproc" and got[1]["error"]["hint"], r
    assert json.loads(ctl("--json", "rm", "a", "b").out) == [None, None]


@fact
def waiting_for_more_than_a_second_says_what_for():
    spawn_stubborn("1500ms")
    rc, text = on_terminal("stop", "stubborn")
    assert rc == 0 and text == "waiting for stubborn to end\nstubborn: stopped\n", (rc, text)
    ctl("rm", "stubborn")


@fact
def who_waits_for_the_end_of_a_process_is_told_who_debugs_it():
    PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
    ctl("spawn", "--name", "held", "--restart", "temporary", "--", "sleep", "1000")
    pid = child("held")["pid"]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0, os.strerror(ctypes.get_errno())

    def let_go(text):
        if not re.search(said, text.replace("\r", "")):
            return False
        os.waitpid(pid, 0)  # the kernel asks the debugger before the process gets its TERM
        return libc.ptrace(PTRACE_DETACH, pid, None, signal.SIGTERM) == 0

    said = rf"held does not end: {pid} is traced by {os.getpid()} \([^\n]+\)\n"
    rc, text = on_terminal("stop", "held", meanwhile=let_go)
    assert rc == 0 and re.fullmatch(r"waiting for held to end\n" + said + r"held: stopped\n", text), (rc, text)
    ctl("rm", "held")


@fact
def one_unknown_name_does_not_keep_the_others_from_being_stopped():
    ctl("spawn", "--name", "a", "sleep", "1000")
    ctl("spawn", "--name", "b", "sleep", "1000")
    r = ctl("stop", "a", "nobody", "b", rc=4)
    assert r.out == "a: stopped\nb: stopped\n" and "cannot stop 'nobody'" in r.err, r
    assert child("a")["state"] == child("b")["state"] == "down"
    assert ctl("rm", "a", "b").out == "a: removed\nb: removed\n"


@fact
def rm_of_a_running_process_needs_force():
    pid = ctl_json("spawn", "--name", "busy", "sleep", "1000")["pid"]
    error = fails("rm", "busy", rc=9, says="cannot rm 'busy': .*rm -f")
    assert error["code"] == "running" and alive(pid)
    ctl("rm", "-f", "busy")
    assert not alive(pid) and "busy" not in names()


@fact
def stop_that_takes_too_long_exits_5():
    spawn_stubborn("1h")
    fails("stop", "-t", "100ms", "stubborn", rc=5, says="cannot stop 'stubborn': no answer within 100ms")
    assert ctl("stop", "--no-wait", "stubborn").out.startswith("stubborn: ")
    assert child("stubborn")["state"] == "stopping"
    ctl("kill", "-s", "KILL", "stubborn")
    until(lambda: child("stubborn")["state"] == "down", "its end")
    ctl("rm", "stubborn")


# ---- places that are taken away ------------------------------------------------------------------------------------------------------

@fact
def a_node_whose_sockets_and_lock_were_removed_is_reached_again():
    ctl("spawn", "--name", "stays", "--wait=ready", "--", MIRROR, "stays.mirror")
    pid = child("stays")["pid"]
    before = {name: ctl_json("status")[name]["pid"] for name in ("keeper", "supervisor", "broker")}

    def reached():
        for args in ["ls"], ["call", "stays.mirror", "counted"]:
            if subprocess.run([ACTORCTL, *args], capture_output=True, env=ENV, timeout=PATIENCE).returncode:
                return False
        return True

    taken = os.path.join(ROOT, "taken")
    for what in ["spawner.ipc", "broker.ipc"], ["lock"], ["b"], ["g"], ["."]:
        for name in what:
            path = os.path.normpath(os.path.join(RUNTIME, name))
            os.rename(path, taken)  # a rename takes the files away in one step; they would come back while a tree is being removed
            shutil.rmtree(taken) if os.path.isdir(taken) else os.unlink(taken)
        until(reached, f"an answer after {what} was removed")
        until(lambda: os.path.exists(os.path.join(RUNTIME, "lock")), "the lock")
        assert {name: ctl_json("status")[name]["pid"] for name in before} == before and child("stays")["pid"] == pid
        fails("up", "-d", rc=9, says="already running, pid " + str(before["keeper"]))
    # A process that comes later finds the daemons, and they find it.
    ctl("spawn", "--name", "comes", "--wait=ready", "--", MIRROR, "comes.mirror")
    assert ctl("call", "comes.mirror", "counted").out == "0\n"
    ctl("rm", "-f", "comes")
    ctl("rm", "-f", "stays")


@fact
def a_node_whose_lock_is_another_thing_is_not_taken_for_none():
    pid = ctl_json("status")["keeper"]["pid"]
    lock = os.path.join(RUNTIME, "lock")
    for make, remove in (os.mkdir, os.rmdir), (os.mkfifo, os.unlink), (lambda path: os.symlink("/dev/null", path), os.unlink):
        make(os.path.join(ROOT, "other"))
        exchange(os.path.join(ROOT, "other"), lock)
        os.unlink(os.path.join(ROOT, "other"))
        for args, rc in ((["down"], 7), (["up", "-d"], 9), (["up"], 9)):
            error = fails(*args, rc=rc, says=f"a node runs in {RUNTIME}, but {lock} is not its file, so its pid is not known; remove that")
            assert error["code"] == "no_lock", error
        ctl("ls")
        remove(lock)
        until(lambda: os.path.isfile(lock), "the lock")
        assert ctl_json("status")["keeper"]["pid"] == pid


@fact
def a_node_whose_place_was_moved_or_written_over_is_reached_again():
    above = os.path.join(ROOT, "above")
    place = os.path.join(above, "node")
    lock = os.path.join(place, "lock")
    os.mkdir(above)
    env = {**ENV, "ACTOR_RUNTIME_DIR": place, "ACTOR_LOG_DIR": os.path.join(ROOT, "above-logs")}

    def asked(command):
        return subprocess.run([ACTORCTL, command], capture_output=True, env=env, timeout=PATIENCE).returncode == 0

    def keeper():
        try:
            with open(lock) as f:
                return f.readline().strip()
        except OSError:
            return None

    ctl("up", "-d", env=env)
    pid = keeper()
    try:
        for what in "", "1", "99999999999999999999", "text\n" * 100:
            with open(lock, "w") as f:
                f.write(what)
            until(lambda: keeper() == pid, f"the keeper after {what!r}")
        os.rename(above, above + "-moved")  # whoever is asked first makes nothing: the node comes back by itself
        until(lambda: keeper() == pid and asked("ls") and asked("names"), "an answer after a directory above was moved")
        for other in (lambda: os.symlink(above + "-moved/node", place), lambda: os.mkdir(place)):
            os.rename(place, place + "-away")
            try:
                other()
                shutil.rmtree(place) if not os.path.islink(place) else os.unlink(place)
            except FileExistsError:
                pass  # the keeper was faster
            until(lambda: keeper() == pid and asked("ls") and asked("names"), "an answer after another thing was there")
            shutil.rmtree(place + "-away")
    finally:
        until(lambda: asked("down") or not alive(int(pid)), "its end")


# ---- status of one, logs ------------------------------------------------------------------------------------------------------------

@fact
def status_describes_one_process_with_its_last_lines():
    ctl("spawn", "--name", "talker", "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exec sleep 1000")
    until(lambda: "line 12" in logged("talker"), "all lines")
    shown = ctl_json("status", "talker")
    assert shown["log_lines"] == [f"line {i}" for i in range(3, 13)] and shown["state"] in ("up", "ready")
    text = ctl("status", "talker").out
    assert f"pid {shown['pid']}" in text and "permanent" in text and "line 12\n" in text and "line 2\n" not in text, text
    assert "\033[32m" in on_terminal("status", "talker")[1]


@fact
def logs_shows_the_last_lines():
    assert ctl("logs", "talker").out == "".join(f"line {i}\n" for i in range(1, 13))
    assert ctl("logs", "-n", "2", "talker").out == "line 11\nline 12\n"
    assert ctl("logs", "-n0", "talker").out == ""
    ctl("rm", "-f", "talker")


@fact
def logs_says_when_and_in_which_life_a_line_was_written():
    ctl("spawn", "--name", "lives", "--backoff", "10ms:10ms", "--", "sh", "-c",
        "echo out; echo err >&2; test -e second && exec sleep 600; touch second; printf last; kill -SEGV $$")
    until(lambda: child("lives")["restarts"] == 1 and logged("lives").count("err") == 2, "the second life")
    time_re = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} "
    for text in (ctl("logs", "--stamps", "lives").out, on_terminal("logs", "lives")[1]):
        lines = [re.sub("^" + time_re, "", line) for line in text.splitlines()]
        assert lines[0].startswith("#1 --- started pid ") and set(lines[1:4]) == {"#1 | out", "#1 ! err", "#1 | last"}, text
        assert lines[4] == "#1 --- ended: SIGSEGV" and lines[5] == f"#2 --- started pid {child('lives')['pid']}", text
        assert set(lines[6:]) == {"#2 | out", "#2 ! err"} and len(lines) == 8, text
    # Into a pipe goes what was written, and each life begins on a line of its own.
    text = ctl("logs", "lives").out
    assert text == on_terminal("logs", "--no-stamps", "lives")[1] and "last" in text and "---" not in text, text
    assert text.splitlines()[-2:] in (["out", "err"], ["err", "out"]), text
    fails("logs", "--stamps", "--no-stamps", "lives", rc=2, says="exclude each other")
    ctl("spawn", "--name", "bare", "--no-stamps", "--restart", "temporary", "--wait", "--", "echo", "bare")
    text = ctl("logs", "--stamps", "bare").out.splitlines()
    assert len(text) == 3 and " #1 --- started pid " in text[0] and text[1] == "bare" and text[2].endswith(" #1 --- ended: exit 0"), text
    ctl("rm", "-f", "lives")


@fact
def a_log_that_was_moved_or_removed_is_made_anew():
    fifo = os.path.join(ROOT, "moved.fifo")
    os.mkfifo(fifo)
    ctl("spawn", "--name", "moved", "--", "sh", "-c", "exec cat <>" + fifo)
    log = child("moved")["log"]
    with open(fifo, "w") as f:
        f.write("one\n")
    until(lambda: logged("moved") == "one\n", "the first line")
    os.rename(log, log + "-old")
    with open(fifo, "w") as f:
        f.write("two\n")
    until(lambda: logged("moved") == "two\n", "a new file")
    os.unlink(log)
    with open(fifo, "w") as f:
        f.write("three\n")
    until(lambda: logged("moved") == "three\n", "a new file again")
    with open(log + "-old") as f:
        assert f.read() == "one\n"
    ctl("rm", "-f", "moved")


@fact
def what_is_in_the_place_of_a_log_is_named():
    ctl("spawn", "--name", "placed", "--", "sh", "-c", "while :; do echo line; sleep 0.05; done")
    log = child("placed")["log"]
    until(lambda: logged("placed"), "the first line")
    for what, make in [("a FIFO", os.mkfifo), ("a directory", os.mkdir), ("a symlink", lambda path: os.symlink("/dev/null", path))]:
        make(log + "-new")
        exchange(log + "-new", log)  # in one step, since the log would be made anew
        os.unlink(log + "-new")
        for args in ["logs"], ["logs", "-f"]:
            error = fails(*args, "placed", rc=1, says=f"cannot read {log}: it is {what}, not a log; remove it, and the next line makes the log anew")
            assert error["code"] == "no_log", error
        os.rmdir(log) if what == "a directory" else os.unlink(log)
        until(lambda: os.path.isfile(log) and logged("placed"), "a new log")
    ctl("rm", "-f", "placed")


@fact
def what_could_not_be_logged_is_counted():
    fifo = os.path.join(ROOT, "lost.fifo")
    os.mkfifo(fifo)
    log = os.path.join(LOGS, "lost.log")
    os.mkdir(log)  # a folder in the place of the log: nothing can be written to it
    ctl("spawn", "--name", "lost", "--", "sh", "-c", "exec cat <>" + fifo)
    assert "log_lost_bytes" not in child("lost")
    with open(fifo, "w") as f:
        f.write("gone\n")
    until(lambda: child("lost").get("log_lost_bytes") == 5, "the count")
    os.rmdir(log)
    with open(fifo, "w") as f:
        f.write("there\n")
    until(lambda: "there" in logged("lost"), "the next line")
    assert "--- 5 bytes are lost: they could not be written here\n" in ctl("logs", "--stamps", "lost").out
    assert child("lost")["log_lost_bytes"] == 5
    assert re.search(r"lost  5 bytes of its output could not be written to the log\n", ctl("status", "lost").out)
    ctl("rm", "-f", "lost")


@fact
def logs_follows_until_it_is_interrupted():
    fifo = os.path.join(ROOT, "fifo")
    os.mkfifo(fifo)
    ctl("spawn", "--name", "tail", "--", "sh", "-c", "echo first; exec cat <>" + fifo)
    until(lambda: "first" in logged("tail"), "the first line")
    p = subprocess.Popen([ACTORCTL, "logs", "-f", "tail"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=ENV)
    read_until(p.stdout, b"first\n")
    with open(fifo, "w") as f:
        f.write("second\n")
    read_until(p.stdout, b"second\n")
    log = child("tail")["log"]
    os.rename(log, log + ".1")  # a rotation of logs does this, too; a later line may go to either file
    with open(log, "w") as f:
        f.write("rotated\n")
    read_until(p.stdout, b"rotated\n")
    p.send_signal(signal.SIGINT)
    assert p.wait(PATIENCE) == 0 and p.stderr.read() == b"", p
    p.stdout.close()
    p.stderr.close()


@fact
def logs_ends_when_nobody_reads_any_more():
    p = subprocess.Popen([ACTORCTL, "logs", "-f", "tail"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=ENV)
    read_until(p.stdout, b"rotated\n")
    p.stdout.close()
    p.wait(PATIENCE)
    assert p.stderr.read() == b""
    p.stderr.close()
    ctl("rm", "-f", "tail")


# ---- call, send, whereis, names -----------------------------------------------------------------------------------------------------

@fact
def spawn_waits_until_an_actor_program_is_ready():
    r = ctl("spawn", "--name", "mirror", "--wait=ready", "--", MIRROR, "looking.glass")
    assert re.fullmatch(r"mirror: ready, pid \d+, actor <[0-9a-f]+\.[0-9a-f]+\.1>\n", r.out), r
    assert ctl("call", "looking.glass", "counted").out == "0\n"


@fact
def a_supervised_program_with_one_link_is_the_child_that_is_listed():
    r = ctl("spawn", "--name", "single", "--wait=ready", "-t", "20s", "--", MIRROR, "--single", "single.glass")
    assert re.fullmatch(r"single: ready, pid \d+, actor <[0-9a-f]+\.[0-9a-f]+\.1>\n", r.out), r
    ref = ctl("whereis", "single.glass").out.strip()
    assert child("single")["ref"] == {"$ref": ref}
    assert ctl("call", ref, "counted").out == "0\n"
    broker = ctl_json("status")["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    until(lambda: ctl_json("status")["broker"]["pid"] not in (None, broker), "a new broker")
    assert ctl("whereis", "--wait=9s", "single.glass").out.strip() == ref
    assert child("single")["state"] == "ready"
    # a life that crashes has another ref, and is ready again
    ctl("kill", "-s", "KILL", "single")
    until(lambda: child("single")["state"] == "ready" and child("single")["ref"] != {"$ref": ref}, "the next life")
    assert ctl("call", "single.glass", "counted").out == "0\n"
    ctl("rm", "-f", "single")


@fact
def whereis_and_names_show_refs():
    ref = ctl("whereis", "looking.glass").out.strip()
    assert re.fullmatch(r"<[0-9a-f]+\.[0-9a-f]+\.1>", ref)
    assert ctl_json("whereis", "looking.glass") == {"name": "looking.glass", "ref": {"$ref": ref}}
    assert {"name": "looking.glass", "ref": {"$ref": ref}} in ctl_json("names")
    assert ctl_json("names", "looking.") == [{"name": "looking.glass", "ref": {"$ref": ref}}]
    assert ctl_json("names", "nothing.begins.like.this") == []
    assert f"looking.glass\t{ref}\n" in ctl("names").out
    fails("whereis", "nobody", rc=4, says="no actor has the name 'nobody'; see actorctl names")
    assert ctl("call", ref, "counted").out == "0\n"


@fact
def whereis_wait_returns_when_some_actor_has_the_name():
    assert ctl("whereis", "--wait", "looking.glass").out == ctl("whereis", "--wait=9s", "looking.glass").out == \
        ctl("whereis", "looking.glass").out
    before = ctl_json("call", "$broker", "stats")["waiting"]
    waiting = Watch("whereis", "--wait", "late.glass")
    until(lambda: ctl_json("call", "$broker", "stats")["waiting"] > before, "it waits at the broker")
    os.kill(ctl_json("status")["broker"]["pid"], signal.SIGKILL)
    ctl("spawn", "--name", "late", "--wait=ready", "--", MIRROR, "late.glass")
    assert waiting.lines(1) == [ctl("whereis", "late.glass").out.strip()]
    assert waiting.process.wait(PATIENCE) == 0
    ctl("rm", "-f", "late")


@fact
def whereis_wait_that_takes_too_long_exits_5():
    for args in (["--wait=1s"], ["--wait", "-t", "1s"]):
        error = fails("whereis", *args, "nobody", rc=5, says="no actor has had the name 'nobody' within 1.0s; see actorctl names")
        assert error["code"] == "timeout", error
    assert on_terminal("whereis", "--wait=1100ms", "nobody")[1].startswith("waiting for an actor with the name nobody\n")
    waiting = Watch("whereis", "--wait", "nobody")
    assert waiting.end(signal.SIGINT)[0] == -signal.SIGINT


@fact
def every_json_value_comes_back_as_it_went():
    values = ["null", "true", "5", "-5", "5.0", "0.1", "-9223372036854775808", '"text"', '"\\u00e4\\ud83d\\ude00\\u0000"', "[]", "{}",
              '[1, [2, {"a": [null]}]]', '{"$ref": "<1f.2.1>"}', '{"$bin": "AP8Q"}', '{"$str": "//4="}',
              '{"$uint": "18446744073709551615"}', '{"$float": "nan"}', '{"$map": [[1, 2]]}', '{"$ext": [7, "qg=="]}']
    r = ctl("call", "looking.glass", "echo", *values)
    assert json.loads(r.out) == [json.loads(v) for v in values], r
    assert "5.0" in r.out and "0.1," in r.out and r.out.count("\n") == 1, r
    said = '"\\u009b31mred\\u007f\\u0080\\u009f\u00a0ä"'
    for r in ctl("call", "looking.glass", "echo", said).out, on_terminal("call", "looking.glass", "echo", said)[1]:
        assert said in r, r  # a terminal would take U+009B for the beginning of a sequence
        assert json.loads(r) == ["\x9b31mred\x7f\x80\x9f\xa0ä"], r
    assert ctl("call", "looking.glass", "echo").out == "[]\n"
    with open(os.path.join(ROOT, "big.json"), "w") as f:
        json.dump(["x" * 1000] * 1000, f)
    assert len(ctl("call", "looking.glass", "echo", "@big.json").out) > 1000000
    assert ctl("call", "looking.glass", "echo", "-", input="[1]\n").out == "[[1]]\n"


@fact
def call_prints_a_stream_line_by_line():
    lines = [json.dumps({"number": i}) for i in range(1000)]
    assert ctl("call", "--stream", "looking.glass", "numbers", "1000").out.splitlines() == lines + ["1000"]
    r = ctl("call", "--stream", "looking.glass", "numbers", "3", rc=6)
    assert r.out.splitlines() == lines[:3] and "mirror.refused: odd" in r.err, r
    assert ctl("call", "--stream", "looking.glass", "echo", "1").out == "[1]\n"
    fails("call", "looking.glass", "numbers", "2", rc=6, says="mirror.refused")


@fact
def errors_of_the_called_actor_exit_6():
    error = fails("call", "looking.glass", "refuse", rc=6, says="it answered mirror.refused: it never does this")
    assert error["code"] == "mirror.refused"
    assert fails("call", "looking.glass", "sleep", '"x"', rc=6, says="bad_args: milliseconds")["code"] == "bad_args"
    assert fails("call", "looking.glass", "no-such-method", rc=6, says="no_method")["code"] == "no_method"
    error = fails("call", "looking.glass", "count", rc=6, says="no_method: count is a cast, not a call; use actorctl send")
    assert error["code"] == "no_method", error
    ctl("send", "looking.glass", "counted")
    until(lambda: "its method 'counted' is a call, not a cast" in logged("mirror"), "its log says so")
    assert fails("call", "looking.glass", "silence", rc=6, says="no_reply")["code"] == "no_reply"


@fact
def describe_shows_methods_with_their_arguments_and_what_they_do():
    about = ctl_json("describe", "$spawner")
    rows = {m["name"]: m for m in about["methods"]}
    assert about["behavior"] == "spawner" and rows["kill"]["args"] == "name:str signal:int", about
    assert rows["kill"]["call"] and not rows["kill"]["cast"] and "signal" in rows["kill"]["doc"], about
    lines = [line.split("\t") for line in ctl("--no-headings", "describe", "$spawner").out.splitlines()]
    assert ["kill", "call", "name:str signal:int", rows["kill"]["doc"]] in lines, lines
    assert {line[1] for line in lines} == {"call", "send", "call, send"}, lines


@fact
def describe_of_what_cannot_describe_itself_says_so():
    fails("describe", "nobody-has-this-name", rc=4, says="nobody")
    fails("describe", "$broker", rc=6, says="does not describe itself")


@fact
def call_of_who_is_overloaded_says_when_to_try_again():
    error = fails("call", "looking.glass", "overload", '"retry_ms=250; its mailbox is full"', rc=10,
                  says=r"it takes no more for now \(its mailbox is full\); try again in 250 ms")
    assert error["code"] == "overloaded" and "250" in error["hint"], error
    fails("call", "looking.glass", "overload", '"no memory"', rc=10, says=r"no more for now \(no memory\); try again later")
    fails("call", "looking.glass", "overload", '"retry_ms=-1; x"', rc=10, says=r"\(retry_ms=-1; x\); try again later")


@fact
def call_that_takes_too_long_exits_5():
    error = fails("call", "-t", "100ms", "looking.glass", "sleep", "1000", rc=5, says="no answer within 100ms; give it longer with --timeout")
    assert error["code"] == "timeout"
    ctl("restart", "mirror")
    until(lambda: subprocess.run([ACTORCTL, "whereis", "looking.glass"], env=ENV, capture_output=True).returncode == 0, "its name again")
    ctl("call", "-t", "60", "looking.glass", "sleep", "1")
    assert on_terminal("call", "-t", "60", "looking.glass", "sleep", "1100") == \
        (0, "waiting for looking.glass to answer sleep\nnull\n")


@fact
def call_to_nobody_exits_4_at_once():
    assert fails("call", "nobody", "x", rc=4, says="no such actor")["code"] == "noproc"
    fails("call", "<1.2.3>", "x", rc=4, says="no such actor")
    fails("send", "nobody", "x", rc=4, says="no such actor")


@fact
def sent_messages_arrive():
    for _ in range(3):
        r = ctl("send", "looking.glass", "count")
        assert r.out == "", r
    until(lambda: ctl("call", "looking.glass", "counted").out == "3\n", "three casts")


# ---- process groups -------------------------------------------------------------------------------------------------------------

def ref_of(name):
    return ctl_json("whereis", name)["ref"]


@fact
def pg_join_and_leave_make_an_actor_a_member_and_none_again():
    ctl("spawn", "--name", "twin", "--wait=ready", "--", MIRROR, "twin.glass")
    assert ctl_json("pg", "ls") == []
    assert ctl("pg", "join", "glasses", "looking.glass").out == ""
    assert ctl("--json", "pg", "join", "glasses", ref_of("twin.glass")["$ref"]).out == ""
    assert [m["ref"] for m in ctl_json("pg", "members", "glasses")] == [ref_of("looking.glass"), ref_of("twin.glass")]
    ctl("pg", "leave", "glasses", "looking.glass")
    assert [m["ref"] for m in ctl_json("pg", "members", "glasses")] == [ref_of("twin.glass")]
    ctl("pg", "leave", "glasses", "twin.glass")
    assert ctl_json("pg", "ls") == []


@fact
def pg_join_and_leave_of_who_cannot_say_why():
    assert fails("pg", "join", "glasses", "nobody", rc=4, says="cannot make nobody join glasses: there is no such actor")["code"] == "noproc"
    fails("pg", "join", "glasses", "<1.2.3>", rc=4, says="no such actor")
    fails("pg", "join", "glasses", "$broker", rc=6, says=r"make \$broker join glasses: it answered no_method")
    fails("pg", "join", "glasses", "$spawner", rc=8, says="a daemon's actor joins no process group")
    error = fails("pg", "leave", "glasses", "twin.glass", rc=6,
                  says="twin.glass is no member of 'glasses' in scope 'pg'; see actorctl pg members")
    assert error["code"] == "not_joined", error
    ctl("pg", "join", "-s", "elsewhere", "glasses", "twin.glass")
    fails("pg", "leave", "glasses", "twin.glass", rc=6, says="no member of 'glasses' in scope 'pg'")
    ctl("pg", "leave", "--scope", "elsewhere", "glasses", "twin.glass")


@fact
def pg_ls_shows_the_process_groups_of_one_scope_or_of_all():
    for scope, group, who in (("pg", "glasses", "looking.glass"), ("pg", "glasses", "twin.glass"), ("pg", "a b", "twin.glass"),
                              ("app", "glasses", "twin.glass")):
        ctl("pg", "join", "-s", scope, group, who)
    everything = [{"scope": s, "group": g, "members": n} for s, g, n in (("app", "glasses", 1), ("pg", "a b", 1), ("pg", "glasses", 2))]
    assert ctl_json("pg", "ls") == everything
    assert ctl_json("pg", "--json", "ls", "pg") == everything[1:]
    assert ctl_json("pg", "ls", "nothing-here") == []
    assert ctl("pg", "ls", "app").out == "SCOPE\tGROUP\tMEMBERS\napp\tglasses\t1\n"
    assert ctl("--no-headings", "pg", "ls").out == "app\tglasses\t1\npg\ta b\t1\npg\tglasses\t2\n"
    assert "app    glasses        1\n" in on_terminal("--color=never", "pg", "ls")[1]


@fact
def pg_members_shows_every_membership_with_names_and_metadata():
    ctl("call", "twin.glass", "enlist", '"glasses"', '{"weight": 0.5, "rack": "b\\n"}')
    refs = [ref_of("looking.glass"), ref_of("twin.glass"), ref_of("twin.glass")]
    members = ctl_json("pg", "members", "glasses")
    assert [m["ref"] for m in members] == refs and [m["names"] for m in members] == [["looking.glass"], ["twin.glass"], ["twin.glass"]]
    assert [m["metadata"] for m in members] == [None, None, {"weight": 0.5, "rack": "b\n"}]
    assert members[1]["id"] != members[2]["id"]
    assert ctl("pg", "members", "glasses").out.splitlines() == [
        "REF\tNAMES\tMETADATA", refs[0]["$ref"] + "\tlooking.glass\tnull", refs[1]["$ref"] + "\ttwin.glass\tnull",
        refs[2]["$ref"] + '\ttwin.glass\t{"weight": 0.5, "rack": "b\\n"}']
    ctl("pg", "leave", "glasses", "twin.glass")
    assert ctl_json("pg", "members", "glasses") == members[:2], "the newest membership goes first"
    assert fails("pg", "members", "nobodies", rc=4, says="no actor is a member of 'nobodies' in scope 'pg'; see actorctl pg ls")["code"] == "noproc"
    fails("pg", "members", "-s", "app", "a b", rc=4, says="no actor is a member of 'a b' in scope 'app'")


def counted(name):
    return ctl_json("call", name, "counted")


@fact
def pg_call_asks_one_member():
    both = {counted("looking.glass"), counted("twin.glass")}
    assert len(both) == 2
    assert {ctl_json("pg", "call", "glasses", "counted") for _ in range(2)} == both, "each in its turn"
    assert ctl("pg", "call", "-s", "app", "glasses", "echo", "-5", '"x"').out == '[-5, "x"]\n'
    assert {ctl_json("pg", "call", "--key", str(key), "glasses", "counted") for key in range(20)} == both
    assert len({ctl_json("pg", "call", "--key", "k", "glasses", "counted") for _ in range(4)}) == 1, "a key keeps its member"


@fact
def pg_call_of_all_asks_every_member_once():
    ctl("pg", "join", "glasses", "twin.glass")
    first, second = ref_of("looking.glass"), ref_of("twin.glass")
    try:
        assert ctl("pg", "call", "--all", "glasses", "echo", "1", '"x"').out == \
            f"{first['$ref']}\t[1, \"x\"]\n{second['$ref']}\t[1, \"x\"]\n"
        assert ctl_json("pg", "call", "--all", "glasses", "counted") == [
            {"ref": first, "answer": counted("looking.glass")}, {"ref": second, "answer": counted("twin.glass")}]
    finally:
        ctl("pg", "leave", "glasses", "twin.glass")


@fact
def pg_call_says_why_there_is_no_answer():
    error = fails("pg", "call", "glasses", "refuse", rc=6, says="call glasses refuse: it answered mirror.refused")
    assert error["code"] == "mirror.refused", error
    r = ctl("pg", "call", "--all", "glasses", "refuse", rc=1)
    assert r.out == "" and r.err.count("it answered mirror.refused") == r.err.count("\n") == 2, r


@fact
def pg_call_of_all_tells_the_answers_of_those_who_answered():
    first, second = ref_of("looking.glass"), ref_of("twin.glass")
    pid = child("twin")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        r = ctl("pg", "call", "-t", "1s", "-s", "app", "glasses", "echo", rc=5)
        assert "cannot call glasses echo: no answer within 1.0s; give it longer with --timeout" in r.err, r
        r = ctl("pg", "call", "-t", "1s", "--all", "glasses", "echo", rc=1)
        assert r.out == first["$ref"] + "\t[]\n", r
        assert r.err.startswith(f"actorctl: cannot call {second['$ref']} echo: no answer within 1.0s"), r
        r = ctl("--json", "pg", "call", "-t", "1s", "--all", "glasses", "echo", rc=1)
        answers = json.loads(r.out)
        assert answers[0] == {"ref": first, "answer": []} and r.err == "", r
        assert answers[1]["ref"] == second and answers[1]["error"]["code"] == "timeout", r
    finally:
        os.kill(pid, signal.SIGCONT)


@fact
def pg_cast_reaches_all_members_or_one():
    def counts():
        return [counted("looking.glass"), counted("twin.glass")]

    def grow(n, *args):
        was = counts()
        assert ctl("pg", "cast", *args, "glasses", "count").out == ""
        until(lambda: sum(counts()) >= sum(was) + n, "the casts")
        return [a - b for a, b in zip(counts(), was)]

    assert grow(2) == [1, 1]
    assert sorted(grow(1, "--one") + grow(1, "--one")) == [0, 0, 1, 1]
    assert grow(1, "--key", "k") == grow(1, "--key", "k")
    assert grow(1, "-s", "app") == [0, 1]


@fact
def a_message_to_a_process_group_without_members_exits_4():
    for args in (["call"], ["call", "--all"], ["call", "--key", "k"], ["cast"], ["cast", "--one"], ["cast", "--key", "k"]):
        error = fails("pg", *args, "nobodies", "x", rc=4, says="no actor is a member of 'nobodies' in scope 'pg'; see actorctl pg ls")
        assert error["code"] == "noproc", error


@fact
def pg_watch_tells_who_is_there_then_every_change():
    first, second = ref_of("looking.glass")["$ref"], ref_of("twin.glass")["$ref"]
    watch = Watch("pg", "watch", "glasses")
    assert watch.lines(2) == [f"is\tpg\tglasses\t{first}\tnull", f"is\tpg\tglasses\t{second}\tnull"]
    ctl("pg", "leave", "glasses", "looking.glass")
    assert watch.lines(1) == [f"leave\tpg\tglasses\t{first}\tnull"]
    ctl("pg", "join", "-s", "app", "glasses", "looking.glass")
    ctl("pg", "leave", "-s", "app", "glasses", "looking.glass")
    ctl("call", "looking.glass", "enlist", '"glasses"', '["a\\n"]')
    assert watch.lines(1) == [f'join\tpg\tglasses\t{first}\t["a\\n"]'], "nothing of another scope"
    assert watch.end(signal.SIGINT) == (0, b"", b"")


@fact
def pg_watch_without_a_group_is_of_a_scope_or_of_everything():
    twin = ref_of("twin.glass")
    everything, app = Watch("--json", "pg", "watch"), Watch("--json", "pg", "watch", "-s", "app")
    assert {(e["event"], e["scope"], e["group"]) for e in map(json.loads, everything.lines(4))} == \
        {("is", "app", "glasses"), ("is", "pg", "glasses"), ("is", "pg", "a b")}
    there = [json.loads(line) for line in app.lines(1)]
    assert there == [{"event": "is", "scope": "app", "group": "glasses", "ref": twin, "id": there[0]["id"], "metadata": None}]
    ctl("pg", "join", "another", "twin.glass")
    ctl("pg", "join", "-s", "app", "another", "twin.glass")
    told = [json.loads(line) for line in everything.lines(2)]
    assert [(e["event"], e["scope"], e["group"], e["ref"]) for e in told] == \
        [("join", "pg", "another", twin), ("join", "app", "another", twin)]
    assert [json.loads(line) for line in app.lines(1)] == told[1:]
    ctl("pg", "leave", "-s", "app", "another", "twin.glass")
    ctl("pg", "leave", "another", "twin.glass")
    assert everything.end(signal.SIGTERM)[::2] == (0, b"")
    assert app.end(signal.SIGINT)[::2] == (0, b"")


@fact
def pg_watch_goes_on_over_a_restart_of_the_broker():
    watch = Watch("pg", "watch", "glasses")
    watch.lines(2)
    pid = ctl_json("status")["broker"]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: (b := ctl_json("status")["broker"])["pid"] not in (None, pid) and b, "another broker")
    twin = child("twin")["pid"]
    ref = until(lambda: (p := subprocess.run([ACTORCTL, "whereis", "twin.glass"], env=ENV, capture_output=True, text=True)).stdout.strip(),
                "its name again")
    os.kill(twin, signal.SIGKILL)
    assert watch.lines(1) == [f"leave\tpg\tglasses\t{ref}\tnull"], "only what has changed"
    assert watch.end(signal.SIGINT) == (0, b"", b"")


@fact
def names_are_listed_by_a_pattern():
    # The fact before this one killed the broker, and `names` does not wait for names that are still to be announced.
    until(lambda: [n["name"] for n in ctl_json("names", "*.glass")] == ["looking.glass", "twin.glass"], "the names are announced")
    assert [n["name"] for n in ctl_json("names", "t[a-z]in?glass")] == ["twin.glass"]
    assert [n["name"] for n in ctl_json("names", "\\twin.glass")] == ["twin.glass"]
    assert ctl_json("names", "\\twin.glas") == []
    fails("names", "[a", rc=2, says="cannot be a name or a pattern of names")


@fact
def lists_are_shown_to_the_last():
    ctl("call", "looking.glass", "crowd", "true")
    crowd = [f"crowd.{i:05}" for i in range(17000)]
    assert [n["name"] for n in ctl_json("names", "crowd")] == crowd
    assert [g["group"] for g in ctl_json("pg", "ls", "crowd")] == crowd[:1200]
    assert ctl_json("pg", "members", "-s", "crowd", crowd[0])[0]["names"] == crowd
    assert "twin.glass" in [n["name"] for n in ctl_json("names")]
    ctl("call", "looking.glass", "crowd", "false")
    until(lambda: ctl_json("names", "crowd") == [], "its end")


@fact
def names_watch_tells_what_is_there_then_every_change():
    twin, looking = ref_of("twin.glass")["$ref"], ref_of("looking.glass")["$ref"]
    watch, lines = Watch("names", "-w", "*.glass"), Watch("--json", "names", "-w", "twin")
    assert watch.lines(2) == [f"is\tlooking.glass\t{looking}", f"is\ttwin.glass\t{twin}"]
    assert json.loads(lines.lines(1)[0]) == {"event": "is", "name": "twin.glass", "ref": {"$ref": twin}}
    pid = ctl_json("status")["broker"]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: (b := ctl_json("status")["broker"])["pid"] not in (None, pid) and b, "another broker")
    until(lambda: subprocess.run([ACTORCTL, "whereis", "twin.glass"], env=ENV, capture_output=True).returncode == 0, "its name again")
    os.kill(child("twin")["pid"], signal.SIGKILL)
    gone, came = watch.lines(2)
    assert gone == f"unregistered\ttwin.glass\t{twin}" and came.startswith("registered\ttwin.glass\t<"), "only what has changed"
    gone, came = map(json.loads, lines.lines(2))
    assert gone == {"event": "unregistered", "name": "twin.glass", "ref": {"$ref": twin}}
    assert came == {"event": "registered", "name": "twin.glass", "ref": ref_of("twin.glass")}
    assert watch.end(signal.SIGINT) == (0, b"", b"") and lines.end(signal.SIGTERM) == (0, b"", b"")


@fact
def pg_watch_ends_when_nobody_reads_any_more():
    watch = Watch("pg", "watch")
    watch.lines(1)
    watch.process.stdout.close()
    assert watch.process.wait(PATIENCE) == 0
    watch.process.stderr.close()


@fact
def death_during_a_call_is_told():
    pid = child("mirror")["pid"]
    r = ctl("call", "looking.glass", "die", rc=1)
    assert "it ended before it answered" in r.err or "its process ended before it answered" in r.err, r
    until(lambda: child("mirror")["pid"] not in (None, pid), "a restart")
    until(lambda: subprocess.run([ACTORCTL, "whereis", "looking.glass"], env=ENV, capture_output=True).returncode == 0, "its name again")


@fact
def process_verbs_work_while_the_broker_is_down():
    pid = ctl_json("status")["broker"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        fails("names", "-t", "100ms", rc=7, says="the broker of the node in .* does not answer")
        assert "web" in names()
        ctl("restart", "web")
    finally:
        os.kill(pid, signal.SIGKILL)
    assert "web" in names()
    until(lambda: (b := ctl_json("status")["broker"])["pid"] not in (None, pid) and b, "another broker")
    until(lambda: subprocess.run([ACTORCTL, "call", "looking.glass", "counted"], env=ENV, capture_output=True).returncode == 0,
          "names again")


@fact
def completion_knows_commands_options_and_live_names():
    assert "spawn" in ctl("__complete", "commands").out.split()
    assert "__complete" not in ctl("__complete", "commands").out
    assert {"--name=", "--wait", "--json"} <= set(ctl("__complete", "options", "spawn").out.split())
    assert {"web", "mirror"} <= set(ctl("__complete", "processes").out.split())
    until(lambda: "looking.glass" in ctl("__complete", "names").out.split(), "its name is announced to the new broker")
    ctl("pg", "join", "-s", "app", "glasses", "looking.glass")
    assert {"ls", "members", "join", "leave"} <= set(ctl("__complete", "commands", "pg").out.split())
    assert {"--all", "--key=", "--scope="} <= set(ctl("__complete", "options", "pg", "call").out.split())
    assert ctl("__complete", "commands", "zebra").out == ""
    assert {"--scope=", "--json"} <= set(ctl("__complete", "options", "pg", "members").out.split())
    assert "--scope=" not in ctl("__complete", "options", "pg").out
    assert "app" in ctl("__complete", "scopes").out.split() and ctl("__complete", "pgs", "app").out == "glasses\n"


@fact
def completion_of_a_shell_offers_what_fits():
    def complete(line):
        text = f"""
            PATH={os.path.dirname(ACTORCTL)}:$PATH
            . {COMPLETION}
            COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
            COMP_WORDS=({line.replace("$", "")} {"''" if line.endswith(" ") else ""}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _actorctl
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        p = subprocess.run(["bash", "--norc", "-c", text], capture_output=True, text=True, env=ENV, timeout=PATIENCE)
        return p.stdout.split()

    assert {"spawn", "send-input", "start", "status", "stop", "send", "set", "suspend"} == set(complete("actorctl s")), complete("actorctl s")
    assert complete("actorctl --json sta") == ["status", "start"]
    assert complete("actorctl stop w") == ["web"]
    assert complete("actorctl stop web mir") == ["mirror"]
    assert complete("actorctl call look") == ["looking.glass"]
    assert complete("actorctl spawn --restart t") == ["transient", "temporary"]
    assert complete("actorctl kill -s US") == ["USR1", "USR2"]
    assert "--stop-timeout=" in complete("actorctl spawn --st")
    assert "CALLERS_OWN" in complete("actorctl spawn --pass CALLERS") and complete("actorctl stop --pass CALLERS_OWN w") == ["web"]
    assert complete("actorctl spawn --wait=r") == ["ready"] and complete("actorctl whereis --wait=r") == []
    assert complete("actorctl pg me") == ["members"]
    assert complete("actorctl help pg me") == ["members"]
    assert complete("actorctl pg members --sc") == ["--scope="]
    assert complete("actorctl pg ls a") == ["app"] and complete("actorctl pg members -s a") == ["app"]
    assert complete("actorctl pg members -s app g") == complete("actorctl pg members --scope=app g") == ["glasses"]
    assert complete("actorctl -t 1s pg join glasses twin") == ["twin.glass"]
    assert complete("actorctl pg ls app ") == []
    assert complete("actorctl pg cast --one --key glasses -s app gl") == complete("actorctl pg call -s app gl") == ["glasses"]
    assert complete("actorctl pg watch -s app gl") == ["glasses"] and complete("actorctl pg call --key gl") == []
    assert complete(f"actorctl --runtime-dir /nowhere stop w") == []


@fact
def other_users_are_refused():
    if os.geteuid() != 0:
        return
    copy = shutil.copy(ACTORCTL, os.path.join(ROOT, "actorctl"))
    os.chmod(ROOT, 0o755)
    for args in (["ls"], ["names"], ["down"], ["stop", "web"]):
        p = subprocess.run([copy, *args], capture_output=True, text=True, env=ENV, cwd="/", user=65534, group=65534, extra_groups=[])
        assert p.returncode == 8 and "not allowed to use the node in" in p.stderr, (args, p)
    assert child("web")["state"] in ("up", "ready")


# ---- down ---------------------------------------------------------------------------------------------------------------------------

@fact
def down_signals_nobody_whom_a_refused_directory_names():
    """Anybody who can write to the directory can write the lock file, and so could have processes of the caller stopped."""
    directory = os.path.join(ROOT, "not-ours")
    os.mkdir(directory, 0o777)
    os.chmod(directory, 0o777)
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        with open(os.path.join(directory, "lock"), "w") as f:
            f.write(f"{stranger.pid}\n")
            f.flush()
            fcntl.flock(f, fcntl.LOCK_EX)
            fails("down", rc=8, says="is refused: its mode is 0777", env={**ENV, "ACTOR_RUNTIME_DIR": directory})
            if os.geteuid() == 0:
                os.chmod(directory, 0o700)
                os.chown(directory, 65534, 65534)
                fails("down", rc=8, says="it belongs to uid 65534", env={**ENV, "ACTOR_RUNTIME_DIR": directory})
        assert stranger.poll() is None, "somebody who has nothing to do with it got the signal"
    finally:
        stranger.kill()
        stranger.wait()
        shutil.rmtree(directory)


@fact
def down_leaves_nothing():
    ctl("spawn", "--name", "family", "--", "sh", "-c", "setsid sleep 1000 & sleep 1000 & wait")
    assert len(of_this_test()) >= 5
    pid = ctl_json("status")["keeper"]["pid"]
    assert ctl("down").out == f"node is down: {RUNTIME}\n"
    assert not alive(pid) and not os.path.exists(RUNTIME)
    assert of_this_test() == []
    fails("down", rc=7, says="no node is running")


@fact
def an_interrupted_up_says_that_the_node_goes_on_starting():
    place = os.path.join(ROOT, "slow")
    os.mkdir(place)
    copy = shutil.copy(ACTORCTL, place)
    script("slow/actor-spawner", f"#!/bin/sh\necho $$ >{place}/pid\nexec sleep 1000\n")  # this spawner never gets ready
    p = subprocess.Popen([copy, "up", "-d"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV, cwd=ROOT)
    until(lambda: os.path.exists(place + "/pid") and os.path.getsize(place + "/pid"), "the start")
    with open(place + "/pid") as f:
        pid = int(f.read())
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=PATIENCE)
    assert p.returncode == -signal.SIGINT and not out, (p.returncode, out, err)
    assert err == f"actorctl: interrupted; the node (pid {pid}) goes on starting; see actorctl status, or stop it with: actorctl down\n", err
    os.kill(pid, signal.SIGKILL)
    shutil.rmtree(place)


@fact
def an_interrupted_down_says_that_the_node_goes_on_stopping():
    ctl("up", "-d")
    spawn_stubborn("1h")
    pid = child("stubborn")["pid"]
    r = interrupted("down", when=lambda: ctl_json("status")["stopping"])
    assert r.err == f"actorctl: interrupted; the node in {RUNTIME} goes on stopping; see actorctl ls\n", r
    os.kill(pid, signal.SIGKILL)
    until(lambda: of_this_test() == [], "the node's end")


@fact
def down_shows_how_it_goes_and_gives_up_when_told_to():
    ctl("up", "-d")
    ctl("spawn", "--name", "stubborn", "--stop-timeout", "1h", "--", "sh", "-c", "trap '' TERM; echo armed; while :; do sleep 0.05; done")
    until(lambda: "armed" in logged("stubborn"), "the trap is set")
    stubborn = child("stubborn")["pid"]
    fails("down", "-t", "100ms", rc=5, says="the node in .* is still stopping; see actorctl ls")
    rc, text = on_terminal("down", meanwhile=lambda text: "stopping 1 process..." in text and os.kill(stubborn, signal.SIGKILL))
    assert rc == 0 and f"node is down: {RUNTIME}\n" in text, text
    assert of_this_test() == []


@fact
def down_says_as_the_others_that_a_directory_is_refused():
    refused = os.path.join(ROOT, "refused")
    os.mkdir(refused, 0o755)
    for command in "ls", "down", "status":
        fails("--runtime-dir", refused, command, rc=8, says="is refused: its mode is 0755; make it 0700")
    os.rmdir(refused)
    fails("--runtime-dir", refused, "down", rc=7, says="no node is running in .*refused; start one with: actorctl up -d")


@fact
def a_look_up_takes_the_time_it_is_given():
    ctl("up", "-d")
    ctl("spawn", "--name", "mirror", "--wait=ready", "--", MIRROR, "mirror")
    os.kill(child("mirror")["pid"], signal.SIGSTOP)
    os.kill(ctl_json("status")["broker"]["pid"], signal.SIGKILL)  # the next broker waits for the names of the mirror
    fails("whereis", "-t", "300ms", "mirror", rc=5, says="no answer within 300ms")
    fails("send", "-t", "300ms", "mirror", "nothing", rc=5, says="no answer within 300ms")
    os.kill(child("mirror")["pid"], signal.SIGCONT)
    ctl("whereis", "mirror")
    ctl("down")


@fact
def completion_is_silent_without_a_node():
    assert ctl("__complete", "processes").out == "" and ctl("__complete", "names").out == ""


@fact
def foreground_node_ends_with_ctrl_c():
    for sig in (signal.SIGINT, signal.SIGTERM):
        p = subprocess.Popen([ACTORCTL, "up"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=ENV, cwd=ROOT)
        text = read_until(p.stdout, b"\n").decode()
        m = re.fullmatch(r"node is ready: pid (\d+), runtime directory (\S+); stop it with Ctrl-C or: actorctl down\n", text)
        assert m and m[2] == RUNTIME, text
        ctl("spawn", "sleep", "1000")
        p.send_signal(sig)
        assert p.wait(PATIENCE) == 0, p.stderr.read()
        p.stdout.close()
        p.stderr.close()
        until(lambda: of_this_test() == [], "all gone")


@fact
def terminals_interrupt_is_counted_once():
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execve(ACTORCTL, [ACTORCTL, "up"], ENV)
    text = b""
    while b"node is ready" not in text:
        text += os.read(fd, 65536)
    ctl("spawn", "--name", "slow", "--", "sh", "-c", "trap 'echo bye; exit' TERM; echo armed; while :; do sleep 0.05; done")
    until(lambda: "armed" in logged("slow"), "the trap is set")
    os.write(fd, b"\x03")
    try:
        while True:
            part = os.read(fd, 65536)
            if not part:
                break
            text += part
    except OSError:
        pass
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, text
    assert b"killed" not in text, text
    with open(os.path.join(LOGS, "slow.log")) as f:
        assert "bye" in f.read(), "it was asked, not killed"
    until(lambda: of_this_test() == [], "all gone")


@fact
def foreground_node_ends_with_its_actorctl():
    p = subprocess.Popen([ACTORCTL, "up"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, env=ENV, cwd=ROOT)
    read_until(p.stdout, b"\n")
    ctl("spawn", "sleep", "1000")
    p.kill()
    p.wait()
    p.stdout.close()
    until(lambda: of_this_test() == [], "all gone")


@fact
def down_stops_a_node_whose_supervisor_does_not_answer():
    ctl("up", "-d")
    node = ctl_json("status")
    os.kill(node["supervisor"]["pid"], signal.SIGSTOP)
    p = subprocess.Popen([ACTORCTL, "down"], stdout=subprocess.PIPE, env=ENV)
    os.kill(node["supervisor"]["pid"], signal.SIGCONT)
    assert p.wait(PATIENCE) == 0
    p.stdout.close()
    assert of_this_test() == []


@fact
def runtime_dir_option_stands_before_or_behind_the_command():
    other = os.path.join(ROOT, "other")
    assert ctl_json("up", "-d", "--runtime-dir", "other")["runtime_dir"] == other
    assert ctl_json("--runtime-dir", other, "ls") == ctl_json("ls", "--runtime-dir=other") == []
    fails("ls", rc=7, says="no node is running in .*/node")
    rc, text = on_terminal("down", "--runtime-dir", other)
    assert rc == 0 and f"node is down: {other}\n" in text, text
    assert of_this_test() == []


# ---- the run ------------------------------------------------------------------------------------------------------------------------

def main():
    tests[:] = chosen(tests)
    failed = 0
    print(f"1..{len(tests) + 1}", flush=True)
    for n, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        try:
            test()
            print(f"ok {n} - {name}", flush=True)
        except BaseException:
            failed += 1
            print(f"not ok {n} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print("# " + plain(line), flush=True)
    left = of_this_test()
    print(f"{'not ok' if left else 'ok'} {len(tests) + 1} - no process is left behind{' ' + str(left) if left else ''}", flush=True)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    if failed:
        for dirpath, _, files in os.walk(LOGS):
            for file in (f for f in files if ".times" not in f):
                with open(os.path.join(dirpath, file), errors="replace") as f:
                    for line in f.read().splitlines()[-20:]:
                        print(f"# {file}: {plain(line)}")
    shutil.rmtree(ROOT, ignore_errors=True)
    return 1 if failed or left else 0


sys.exit(main())
