"""The kill matrix: kill -9 of each part of a node while a group serves calls in a loop, and what must hold afterwards.
Arguments: actorctl, the counter example, caller."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
import tty

from node import Calls, Node, alive, run_tests, until

actorctl, counter, caller = (os.path.abspath(p) for p in sys.argv[1:4])
node = Node(actorctl, "faults").up()

# This program leaves a double-forked grandchild in a session of its own.
DAEMON = """
import os, sys, time
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        os.write(w, b"x")
        time.sleep(1000)
    os._exit(0)
os.read(r, 1)
time.sleep(1000)
"""


# This program says so when another one of it runs.
SINGLE = """
import fcntl, sys, time
lock = open(sys.argv[1], "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    open(sys.argv[1] + ".two", "w").close()
open(sys.argv[1] + ".ran", "a").write("x")
time.sleep(1000)
"""


def under_load():
    """A caller in a loop. In the end the group that served must be the same process."""
    pid = node.child("counter")["pid"]

    def after():
        assert node.child("counter")["pid"] == pid and alive(pid)

    return Calls(node, caller, after)


def names_resolve(since):
    until(lambda: node.ctl("whereis", "counter", rc=None).returncode == 0, "counter resolves")
    print(f"# names resolved {time.monotonic() - since:.3f} s after the kill")


def status():
    return node.ctl_json("status")


def kill_and_time(pid):
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def many_restarts_at_once_never_run_two():
    path = node.root + "/single"
    node.ctl("spawn", "--name", "single", "--", sys.executable, "-c", SINGLE, path)
    until(lambda: os.path.exists(path + ".ran"), "it runs")
    before = node.child("single")["pid"]
    restarts = [subprocess.Popen([actorctl, "restart", "single"], env=node.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(20)]
    for restart in restarts:
        out, _ = restart.communicate(timeout=120)
        assert restart.returncode == 0, out
    child = node.child("single")
    assert child["state"] == "up" and child["pid"] != before and alive(child["pid"]) and not alive(before), child
    assert os.path.getsize(path + ".ran") >= 1 and not os.path.exists(path + ".two")
    node.ctl("stop", "single")
    assert not os.path.exists(path + ".two")


def one_that_does_not_stop_holds_up_nobody_else():
    node.ctl("spawn", "--name", "deaf", "--stop-timeout", "1h", "--", "/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done")
    node.ctl("spawn", "--name", "quick", "--", "sleep", "1000")
    until(lambda: "deaf" in node.ctl("logs", "deaf").stdout, "it ignores TERM")
    stop = subprocess.Popen([actorctl, "stop", "deaf"], env=node.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until(lambda: node.child("deaf")["state"] == "stopping", "it is asked to stop")
    pids = {node.child("quick")["pid"]}
    for n in range(2, 12):
        node.ctl("restart", "quick")
        pids.add(node.child("quick")["pid"])
        assert len(pids) == n
    assert node.child("deaf")["state"] == "stopping" and stop.poll() is None
    node.ctl("kill", "-s", "KILL", "deaf")
    assert stop.wait(120) == 0
    node.ctl("stop", "quick")


def calls_are_served_while_another_group_is_killed():
    node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
    node.ctl("spawn", "--name", "other", "--wait=ready", "--", counter, "--name", "other")
    with under_load():
        for restarts in range(1, 4):
            old = node.child("other")["pid"]
            kill_and_time(old)
            # After the first kill it comes back at once, after the others when its backoff is over.
            until(lambda: (c := node.child("other"))["state"] == "ready" and c["pid"] != old and c["restarts"] == restarts, "other is back")
        exit_ = node.child("other")["last_exit"]
        assert (exit_["kind"], exit_["signal"]) == ("signal", "SIGKILL"), exit_
        until(lambda: node.ctl("call", "other", "get", rc=None).returncode == 0, "other serves again")


def calls_are_served_while_the_broker_is_killed():
    with under_load():
        for _ in range(3):
            old = status()["broker"]["pid"]
            since = kill_and_time(old)
            names_resolve(since)
            assert node.ctl_json("ls"), "process verbs work without asking the broker"
            until(lambda: status()["broker"]["pid"] not in (None, old), "a new broker")
        assert node.ctl("call", "counter", "get").stdout.strip().isdigit()


def calls_are_served_while_the_supervisor_is_killed_and_exits_meanwhile_are_told():
    with under_load():
        for code in range(3, 6):
            fifo = f"{node.root}/fifo{code}"
            os.mkfifo(fifo)
            name = f"exits{code}"
            node.ctl("spawn", "--name", name, "--restart", "temporary", "--", "sh", "-c", f"read x < {fifo}; exit {code}")
            old = status()["supervisor"]["pid"]
            os.kill(old, signal.SIGSTOP)  # the exit is now certain to come while the supervisor is away
            with open(fifo, "w") as f:
                f.write("go\n")
            since = kill_and_time(old)
            until(lambda: status()["supervisor"]["pid"] != old if node.ctl("status", rc=None).returncode == 0 else False, "a new supervisor")
            child = until(lambda: (c := node.child(name))["state"] == "down" and c, f"{name} is down")
            assert (child["last_exit"]["kind"], child["last_exit"]["code"]) == ("exit", code), child
            names_resolve(since)


def a_killed_group_takes_its_setsid_grandchildren_along():
    pidfile = node.root + "/grandchild"
    node.ctl("spawn", "--name", "daemon", "--restart", "temporary", "--", "python3", "-c", DAEMON, pidfile)
    until(lambda: os.path.exists(pidfile) and open(pidfile).read(), "the grandchild")
    pid = int(open(pidfile).read())
    kill_and_time(node.child("daemon")["pid"])
    until(lambda: not alive(pid), "the end of the grandchild")


def keeper_killed(with_supervisor):
    pidfile = node.root + f"/grandchild-{with_supervisor}"
    if node.ctl("status", rc=None).returncode:
        node.up()  # this node takes over what the last one has left
    node.ctl("spawn", "--name", "plain", "--", "sleep", "1000")
    node.ctl("spawn", "--name", "again", "--wait=ready", "--", counter, "--name", "again")
    if not with_supervisor:
        node.ctl("spawn", "--name", "daemon2", "--", "python3", "-c", DAEMON, pidfile)
        until(lambda: os.path.exists(pidfile) and open(pidfile).read(), "the grandchild")
    s = status()
    assert len(node.processes()) >= 5
    since = time.monotonic()
    if with_supervisor:
        os.kill(s["supervisor"]["pid"], signal.SIGSTOP)  # otherwise it would see the end of the keeper first
        os.kill(s["keeper"]["pid"], signal.SIGSTOP)
        os.kill(s["supervisor"]["pid"], signal.SIGKILL)
    os.kill(s["keeper"]["pid"], signal.SIGKILL)
    until(lambda: not node.processes(), "the end of every process of the node")
    print(f"# the last process of the node ended {time.monotonic() - since:.3f} s after the kill")


def nothing_is_left_when_the_keeper_is_killed():
    keeper_killed(False)
    assert not os.path.exists(node.env["ACTOR_RUNTIME_DIR"] + "/broker.ipc"), "the supervisor cleans up"


def nothing_is_left_when_keeper_and_supervisor_are_killed():
    keeper_killed(True)


def a_stale_directory_is_taken_over():
    node.up()
    node.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
    assert node.ctl("call", "counter", "add", "5").stdout.strip() == "5"


def a_job_runs_once_although_the_supervisor_dies():
    mark = node.root + "/mark"
    job = subprocess.Popen([actorctl, "spawn", "--name", "job", "--restart", "temporary", "--wait=exit", "--", "sh", "-c",
                            f"echo x >>{mark}; while [ ! -e {mark}.go ]; do sleep 0.02; done; exit 23"],
                           env=node.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: os.path.exists(mark) and os.path.getsize(mark), "it runs")
    old = status()["supervisor"]["pid"]
    kill_and_time(old)
    until(lambda: (p := node.ctl("--json", "status", rc=None)).returncode == 0 and json.loads(p.stdout)["supervisor"]["pid"] != old, "another supervisor")
    open(mark + ".go", "w").close()
    out, err = job.communicate(timeout=60)
    assert job.returncode == 23, (job.returncode, out, err)  # this is the job's status, no status of actorctl itself
    assert open(mark).read() == "x\n", "it ran once"


def another_supervisor(old):
    return until(lambda: (p := node.ctl("--json", "status", rc=None)).returncode == 0 and (s := json.loads(p.stdout)["supervisor"])["pid"] != old and s,
                 "another supervisor")


def kills_from_outside_cost_no_state_and_five_faults_do_and_that_is_said():
    node.ctl("spawn", "--name", "kept", "--", "sleep", "1000")
    node.ctl("spawn", "--name", "idle", "--", "sleep", "1000")
    node.ctl("stop", "idle")
    supervisor = status()["supervisor"]
    for signo, n in (signal.SIGKILL, 6), (signal.SIGUSR1, 5), (signal.SIGKILL, 1):
        for _ in range(n):
            os.kill(supervisor["pid"], signo)
            supervisor = another_supervisor(supervisor["pid"])
        if signo == signal.SIGKILL and n == 6:
            assert supervisor["state_lost_ms"] is None and not node.child("kept")["adopted"], supervisor
            assert "set aside" not in node.ctl("status").stdout and "adopted" not in node.ctl("ls").stdout
            assert node.child("idle")["state"] == "down"
        else:
            assert supervisor["state_lost_ms"] is not None and supervisor["adopted"] == 1, supervisor
            assert "lost" in node.ctl("status").stdout and "adopted" in node.ctl("ls", "kept").stdout
    node.ctl("stop", "kept")
    node.ctl("rm", "kept")
    # Left are the directories of the broker, of this supervisor and of clients, and none of the killed supervisors.
    until(lambda: len([d for d in os.listdir(f"{node.root}/node/g") if int(d) < 1 << 62]) == 2, "the directories of the dead are gone")


def fill(fd):
    """Fills @fd until it takes no further byte. The flags of @fd do not change."""
    mine = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    for size in 4096, 1:
        try:
            while os.write(mine, b"x" * size):
                pass
        except BlockingIOError:
            pass
    os.close(mine)


def a_log_that_nobody_reads_stops_nobody():
    for kind in "pipe", "terminal":
        own = Node(actorctl, f"unread-{kind}")
        reader, writer = os.pipe() if kind == "pipe" else pty.openpty()
        if kind == "terminal":
            tty.setraw(writer)
            termios.tcflow(writer, termios.TCOOFF)  # Ctrl-S does this, too
        up = subprocess.Popen([actorctl, "up"], env=own.env, stdout=subprocess.DEVNULL, stderr=writer, start_new_session=True)
        until(lambda: own.ctl("status", rc=None).returncode == 0, "the node is ready")
        fill(writer)
        own.ctl("spawn", "--name", "counter", "--wait=ready", "--", counter)
        pid, keeper = own.child("counter")["pid"], own.ctl_json("status")["keeper"]["pid"]
        for _ in range(3):
            old = own.ctl_json("status")["supervisor"]["pid"]
            os.kill(old, signal.SIGKILL)
            until(lambda: (p := own.ctl("--json", "status", rc=None)).returncode == 0 and json.loads(p.stdout)["supervisor"]["pid"] != old,
                  f"another supervisor, although its end cannot be told ({kind})")
        assert own.child("counter")["pid"] == pid and own.ctl_json("status")["keeper"]["pid"] == keeper
        if kind == "terminal":
            termios.tcflow(writer, termios.TCOON)
        os.set_blocking(reader, False)
        said = b""

        def heard():
            nonlocal said
            try:
                said += os.read(reader, 1 << 20)
            except BlockingIOError:
                pass
            return b"lines are missing here: nobody read them\n" in said

        for _ in range(2):
            own.ctl("status")
            heard()
        os.kill(own.ctl_json("status")["supervisor"]["pid"], signal.SIGKILL)
        until(heard, f"how many lines are missing ({kind})")
        until(lambda: own.ctl("down", rc=None).returncode == 0, "the end of the node")
        assert up.wait(60) is not None
        os.close(reader)
        os.close(writer)
        own.down()


def a_crash_that_nobody_reads_is_an_end_all_the_same():
    reader, writer = os.pipe()
    fill(writer)
    # The own report of a sanitizer would wait for the reader.
    env = {**node.env, "ASAN_OPTIONS": node.env.get("ASAN_OPTIONS", "") + ":handle_segv=0"}
    group = subprocess.Popen([counter, "--name", "unheard"], env=env, stderr=writer)
    try:
        until(lambda: node.ctl("whereis", "unheard", rc=None).returncode == 0, "it is there")
        group.send_signal(signal.SIGSEGV)
        assert group.wait(60) == -signal.SIGSEGV
    finally:
        group.kill()
        group.wait()
        os.close(reader)
        os.close(writer)


def a_supervisor_whose_program_is_away_for_a_while_comes_back_with_its_state():
    own = Node(actorctl, "away").up()
    daemons = {daemon: os.readlink(f"/proc/{own.ctl_json('status')[daemon]['pid']}/exe") for daemon in ("keeper", "supervisor", "broker")}
    own.ctl("down")
    program = shutil.copy2(daemons["supervisor"], own.root)
    with open(own.env["ACTOR_LOG_DIR"] + "/actor-spawner.log", "a") as log:
        keeper = subprocess.Popen([daemons["keeper"], "--supervisor", program, "--broker", daemons["broker"]], env=own.env, stderr=log)
    try:
        until(lambda: own.ctl("status", rc=None).returncode == 0, "the node is ready")
        own.ctl("spawn", "--name", "up", "--", "sleep", "1000")
        own.ctl("spawn", "--name", "stopped", "--", "sleep", "1000")
        own.ctl("stop", "stopped")
        pid, old = own.child("up")["pid"], own.ctl_json("status")["supervisor"]["pid"]
        os.rename(program, program + ".away")
        os.kill(old, signal.SIGKILL)
        until(lambda: "(8 times in a row now)" in open(log.name).read(), "it is tried again and again")
        assert alive(pid) and keeper.poll() is None
        os.rename(program + ".away", program)
        until(lambda: own.ctl("status", rc=None).returncode == 0, "another supervisor")
        assert own.ctl_json("status")["supervisor"]["state_lost_ms"] is None
        assert own.child("up")["pid"] == pid and not own.child("up")["adopted"] and own.child("stopped")["outcome"] == "stopped"
    finally:
        keeper.terminate()
        keeper.wait(60)
        own.down()


def joining(name):
    """Starts a client, and returns when it looks for the node and waits."""
    process = subprocess.Popen([caller, name], env=node.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def waits():
        if process.poll() is not None:
            return True
        try:
            with open(f"/proc/{process.pid}/stat") as f:
                asleep = f.read().rsplit(")", 1)[1].split()[0] == "S"
            return asleep and any("eventpoll" in os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd"))
        except OSError:
            return False

    until(waits, "the client waits")
    return process


def a_client_that_comes_while_there_is_no_broker_waits_for_the_next():
    """A socket may be left of the old broker, at which nobody listens, or none."""
    for swept in False, True:
        then = status()
        os.kill(then["supervisor"]["pid"], signal.SIGSTOP)
        os.kill(then["broker"]["pid"], signal.SIGKILL)
        if swept:
            os.unlink(node.env["ACTOR_RUNTIME_DIR"] + "/broker.ipc")
        client = joining("counter")
        started = time.monotonic()
        if not swept:
            until(lambda: client.poll() is not None or time.monotonic() - started > 1.5, "longer than a restart takes")
        os.kill(then["supervisor"]["pid"], signal.SIGCONT)
        first = client.stdout.readline()
        client.send_signal(signal.SIGTERM)
        out, err = client.communicate(timeout=60)
        assert first == "calling\n", (swept, first, err)


def a_client_that_comes_when_the_node_is_gone_is_told_so_at_once():
    for name in "broker.ipc", "spawner.ipc":
        assert not os.path.exists(node.env["ACTOR_RUNTIME_DIR"] + "/" + name)
    client = subprocess.run([caller, "counter"], env=node.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert client.returncode == 1 and "not connected" in client.stderr, client


run_tests([many_restarts_at_once_never_run_two,
           one_that_does_not_stop_holds_up_nobody_else,
           a_job_runs_once_although_the_supervisor_dies,
           kills_from_outside_cost_no_state_and_five_faults_do_and_that_is_said,
           a_supervisor_whose_program_is_away_for_a_while_comes_back_with_its_state,
           calls_are_served_while_another_group_is_killed,
           a_crash_that_nobody_reads_is_an_end_all_the_same,
           calls_are_served_while_the_broker_is_killed,
           a_client_that_comes_while_there_is_no_broker_waits_for_the_next,
           calls_are_served_while_the_supervisor_is_killed_and_exits_meanwhile_are_told,
           a_killed_group_takes_its_setsid_grandchildren_along,
           nothing_is_left_when_the_keeper_is_killed,
           a_client_that_comes_when_the_node_is_gone_is_told_so_at_once,
           nothing_is_left_when_keeper_and_supervisor_are_killed,
           a_stale_directory_is_taken_over,
           a_log_that_nobody_reads_stops_nobody], node)
