"""Processes and what descends from them: what a stop reaches, what a death takes along, and what is left when those who should end the rest are
killed or hang themselves. Arguments: actorctl, actor-spawner, kill-at. CYCLES and SEED are for the test that kills the daemons one after the
other."""

import ctypes
import fcntl
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from node import Node, alive, run_tests, until

actorctl, spawner, kill_at = (os.path.abspath(p) for p in sys.argv[1:4])
node = Node(actorctl, "trees").up()
CYCLES = int(os.environ.get("CYCLES", "12"))
SEED = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
NODE_INFO_MAGIC, KEEPER_VERSION = 0x4e504141, 4  # spawner/shared/protocol.h
GONE_S = 30  # far longer than any of this takes


def said(name):
    """The pid that a script has written into the file @name."""
    path = f"{node.root}/{name}"
    return int(until(lambda: os.path.exists(path) and open(path).read().strip(), f"{name} says its pid"))


def program(name, then="exec /bin/sleep 1000", first=":"):
    """A command that does @first, writes its pid into the file @name, and then does @then."""
    path = f"{node.root}/{name}"
    with open(path + ".sh", "w") as f:
        f.write(f"{first}\necho $$ >{path}.tmp; mv {path}.tmp {path}\n{then}\n")
    return f"sh {path}.sh"


def stranger(name):
    """A command that leaves a process in a session of its own, with an empty environment and without its parent, and a child of that."""
    return f"(env -i PATH=$PATH setsid sh -c '{program(name, '/bin/sleep 1000; :')} &') & "


def gone(*pids):
    deadline = time.monotonic() + GONE_S
    while time.monotonic() < deadline:
        left = [pid for pid in pids if alive(pid)]
        if not left:
            return
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    raise AssertionError(f"{len(left)} of {len(pids)} live {GONE_S} s later")


def spawn(name, text, *options):
    node.ctl("spawn", "--name", name, "--restart", "temporary", *options, "--", "sh", "-c", text)


def a_program_behind_a_shell_ends_in_its_own_order():
    worker = program("worker", "while :; do sleep 0.05; done", f"trap 'sleep 0.2; echo clean >{node.root}/saved; exit 0' TERM")
    spawn("web", worker + " & wait", "--stop-timeout", "60s")
    pid = said("worker")
    node.ctl("stop", "web")
    assert not alive(pid), "stop returned, and the program behind the shell lives"
    assert open(node.root + "/saved").read() == "clean\n"


def a_stopped_process_is_woken_to_hear_of_its_stop():
    spawn("frozen", "exec " + program("frozen", "while :; do sleep 0.05; done", f"trap 'echo heard >{node.root}/heard; exit 0' TERM"),
          "--stop-timeout", "60s")
    os.kill(said("frozen"), signal.SIGSTOP)
    node.ctl("stop", "frozen")
    assert open(node.root + "/heard").read() == "heard\n"


def strangers_are_gone_when_stop_returns():
    node.ctl("spawn", "--name", "older", "--", "sleep", "1000")
    spawn("family", stranger("s1") + "exec " + program("leader1"), "--stop-timeout", "60s")
    pids = [said("s1"), said("leader1")]
    node.ctl("stop", "family")
    assert not any(alive(pid) for pid in pids)


def strangers_end_with_a_leader_that_is_killed():
    spawn("victim", stranger("s2") + "exec " + program("leader2"))
    pids = [said("s2"), said("leader2")]
    os.kill(pids[1], signal.SIGKILL)
    gone(*pids)
    assert node.child("older")["state"] == "up"


def what_hangs_on_a_stranger_ends_with_it():
    """Nothing about the child says to whom it belongs, but its parent is known."""
    spawn("nested", f"env -i PATH=$PATH setsid {program('s3', '/bin/sleep 1000; :')} & exec " + program("leader3"))
    pid = said("s3")
    child = int(until(lambda: open(f"/proc/{pid}/task/{pid}/children").read(), "its child").split()[0])
    node.ctl("kill", "-s", "KILL", "nested")
    gone(pid, child)


def restart_node():
    until(lambda: not node.processes(), "the end of every marked process")
    node.up()


def nobody_is_left_when_the_keeper_is_killed():
    spawn("same-session", f"env -i PATH=$PATH {program('s4')} & {stranger('s5')} wait")
    pids = [said("s4"), said("s5")]
    os.kill(node.ctl_json("status")["keeper"]["pid"], signal.SIGKILL)
    gone(*pids)
    restart_node()


def a_node_starts_while_the_one_before_is_ended_by_its_supervisor():
    """The keeper of the old node is a zombie meanwhile, because this test does not reap it."""
    dead = PatientNode()
    pids = []
    for i in range(3):
        dead.ctl("spawn", "--name", f"p{i}", "--", "sleep", "1000")
        pids.append(dead.child(f"p{i}")["pid"])
    os.kill(dead.keeper.pid, signal.SIGKILL)
    until(lambda: not alive(dead.keeper.pid), "the keeper is a zombie")
    dead.ctl("up", "-d")
    assert not any(alive(pid) for pid in pids)
    assert dead.ctl_json("ls") == []
    dead.keeper.wait()
    dead.down()


def nobody_is_left_when_the_supervisor_is_stopped_and_the_keeper_killed():
    spawn("asleep", stranger("s6") + "exec " + program("leader6"))
    pids = [said("s6"), said("leader6")]
    daemons = node.ctl_json("status")
    os.kill(daemons["supervisor"]["pid"], signal.SIGSTOP)
    os.kill(daemons["keeper"]["pid"], signal.SIGKILL)
    gone(*pids, daemons["supervisor"]["pid"], daemons["broker"]["pid"])
    restart_node()


def nobody_is_left_when_supervisor_and_keeper_are_killed_one_after_the_other():
    print(f"# SEED={SEED} CYCLES={CYCLES}")
    rng = random.Random(SEED)
    for cycle in range(CYCLES):
        names = [f"c{cycle}-{i}" for i in range(2)]
        spawn(f"group{cycle}", f"{stranger(names[0])} (setsid {program(names[1])} &); exec sleep 1000")
        pids = [said(name) for name in names]
        daemons = node.ctl_json("status")
        keeper, supervisor, broker = (daemons[key]["pid"] for key in ("keeper", "supervisor", "broker"))
        first, second = (supervisor, keeper) if rng.random() < 0.7 else (keeper, supervisor)
        os.kill(first, signal.SIGKILL)
        time.sleep(rng.choice([0, 0.001, 0.003, 0.01, 0.03, 0.1]) * rng.random())
        try:
            os.kill(second, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the first one's end has ended it already
        gone(*pids, broker, keeper)
        restart_node()


class PatientNode(Node):
    """A node whose keeper is started by hand: actorctl has no option for how long the supervisor may be silent."""

    def __init__(self, *options, killed=()):
        super().__init__(actorctl, "hung")
        tracer = [kill_at, *killed] if killed else []
        self.keeper = subprocess.Popen([*tracer, spawner, *options], env=self.env, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        until(lambda: self.ctl("status", rc=None).returncode == 0, "the node is up")


def nobody_is_left_at_whichever_signal_the_supervisor_is_killed_that_ends_the_node():
    """The supervisor is killed before its first signal to a shell, to a sleep, to the broker; then before its second one, and so on. The broker must
    be ended last, because it can still end the rest."""
    for program in "/bin/sh", "/bin/sleep", "actor-broker":
        name = os.path.basename(os.path.realpath(program))
        for at in range(1, 100):
            ending = PatientNode(killed=("actor-supervisor", f"{name}:{at}"))
            ending.ctl("spawn", "--name", "a", "--", "sh", "-c", f"{stranger(f'{name}{at}')} exec sleep 1000")
            pids = [said(f"{name}{at}"), ending.child("a")["pid"]]
            daemons = ending.ctl_json("status")
            os.kill(daemons["keeper"]["pid"], signal.SIGKILL)
            gone(*pids, *(daemons[key]["pid"] for key in ("keeper", "supervisor", "broker")))
            last = ending.keeper.communicate()[0].splitlines()[-1]
            print(f"# {name}:{at}: {last}")
            ending.down()
            if last.startswith("ended after"):
                break
            assert last.startswith("killed pid"), last
        assert at > 1, f"no signal to {name} was seen"


def marked(node_id, program="/bin/sleep"):
    """Starts a process that carries a node's mark and has no parent in it."""
    return subprocess.Popen([program, "1000"], env={"ACTOR_GROUP": f"{node_id:016x}.7"}, start_new_session=True)


def a_supervisor_that_never_heard_its_keeper_ends_the_broker_last():
    """If the supervisor is killed meanwhile, the broker must be able to go on."""
    node_id = random.randrange(1, 1 << 64)
    broker_program = f"{node.root}/actor-broker"
    shutil.copy(os.path.realpath("/bin/sleep"), broker_program)
    broker, other = marked(node_id, broker_program), marked(node_id)
    place = tempfile.mkdtemp(dir=node.root)
    ours, keepers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keepers.close()
    lock = os.open(place, os.O_RDONLY)
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 16) for fd in (ours.fileno(), lock)]

    def place_descriptors():
        for fd, wanted in zip(high, (3, 4)):
            os.dup2(fd, wanted)

    # The variables are set by env, because kill-at itself must not carry the mark.
    env = [f"ACTOR_GROUP={node_id:016x}.1", f"ACTOR_RUNTIME_DIR={place}", f"ACTOR_LOG_DIR={place}", f"ACTOR_DAEMON_PID={broker.pid}"]
    supervisor = subprocess.run([kill_at, "actor-supervisor", "actor-broker:1", "env", *env, f"{os.path.dirname(spawner)}/actor-supervisor"],
                                preexec_fn=place_descriptors, close_fds=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=GONE_S)
    for fd in (lock, *high):
        os.close(fd)
    ours.close()
    assert supervisor.stdout.startswith("killed pid"), supervisor.stdout
    assert other.wait(GONE_S) == -signal.SIGKILL
    assert broker.poll() is None and open(f"/proc/{broker.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "S", "it could go on"
    broker.kill()
    broker.wait()


def a_broker_that_starts_when_its_keeper_is_gone_ends_the_node_and_takes_no_place():
    node_id = random.randrange(1, 1 << 64)
    keeper = subprocess.Popen(["true"])
    keeper.wait()
    for place in tempfile.mkdtemp(dir=node.root), f"{node.root}/nowhere":
        left = marked(node_id)
        info = os.memfd_create("node")
        os.write(info, struct.pack("@IIQQ16siI", NODE_INFO_MAGIC, KEEPER_VERSION, node_id, 2, b"k" * 16, keeper.pid, 0))
        broker = subprocess.run([f"{os.path.dirname(os.path.dirname(spawner))}/broker/actor-broker"], pass_fds=[info], capture_output=True, text=True,
                                env={"ACTOR_NODE_FD": str(info), "ACTOR_RUNTIME_DIR": place}, timeout=GONE_S)
        os.close(info)
        assert broker.returncode == 0, broker.stderr
        assert left.wait(GONE_S) == -signal.SIGKILL
        assert "ready on" not in broker.stderr, "the directory may be the next node's"
    assert not os.path.exists(f"{node.root}/nowhere")


def a_supervisor_that_hangs_is_started_again_and_its_processes_live():
    hung = PatientNode("--hang-limit", "1")
    hung.ctl("spawn", "--name", "a", "--", "sleep", "1000")
    pid = hung.child("a")["pid"]
    supervisor = hung.ctl_json("status")["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGSTOP)
    until(lambda: not alive(supervisor), "the end of the one that hangs")
    until(lambda: hung.ctl("ls", rc=None).returncode == 0, "a new supervisor")
    assert hung.child("a")["pid"] == pid and alive(pid)
    hung.down()
    assert hung.keeper.wait(GONE_S) == 0


def a_broker_that_hangs_is_started_again():
    hung = PatientNode("--hang-limit", "1")
    hung.ctl("spawn", "--name", "a", "--", "sleep", "1000")
    broker, pid = hung.ctl_json("status")["broker"]["pid"], hung.child("a")["pid"]
    until(lambda: hung.ctl("names", rc=None).returncode == 0, "the broker answers")
    os.kill(broker, signal.SIGSTOP)
    until(lambda: not alive(broker), "the end of the one that hangs")
    until(lambda: hung.ctl("names", rc=None).returncode == 0, "a new broker")
    assert hung.child("a")["pid"] == pid and alive(pid)
    # The same for a broker that hangs before anybody has a link with it.
    broker = hung.ctl_json("status")["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    early = until(lambda: (p := hung.ctl_json("status")["broker"]["pid"]) not in (None, broker) and p, "another broker")
    os.kill(early, signal.SIGSTOP)
    until(lambda: not alive(early), "the end of the one that hangs early")
    until(lambda: hung.ctl("names", rc=None).returncode == 0, "a new broker")
    hung.down()
    assert hung.keeper.wait(GONE_S) == 0


def down_ends_a_node_whose_supervisor_hangs():
    hung = PatientNode("--hang-limit", "1")
    hung.ctl("spawn", "--name", "a", "--", "sh", "-c",
             f"trap 'echo heard >{hung.root}/heard; exit' TERM; echo >{hung.root}/up; while :; do sleep 0.05; done")
    until(lambda: os.path.exists(hung.root + "/up"), "it can hear")
    os.kill(hung.ctl_json("status")["supervisor"]["pid"], signal.SIGSTOP)
    hung.ctl("down")
    assert open(hung.root + "/heard").read() == "heard\n", "in order, for the next supervisor sees to it"
    assert hung.keeper.wait(GONE_S) == 0
    hung.down()


def a_node_that_sees_the_processes_of_others_in_proc_does_not_start():
    other = tempfile.mkdtemp(prefix="test-proc-")
    env = dict(node.env, ACTOR_RUNTIME_DIR=other + "/node", ACTOR_LOG_DIR=other + "/logs")

    def run(*command):
        return subprocess.run(["unshare", "--pid", "--fork", *command], env=env, capture_output=True, text=True, timeout=GONE_S)

    try:
        if run("true").returncode:
            print("# no namespaces may be made here")
            return
        p = run(actorctl, "up")
        assert p.returncode == 1 and "another pid namespace" in p.stderr, p
        if run("--mount-proc", "true").returncode == 0:
            p = run("--mount-proc", "sh", "-c", f"{actorctl} up -d && {actorctl} ls && {actorctl} down")
            assert p.returncode == 0, p
    finally:
        shutil.rmtree(other)


def up_says_what_is_full_and_leaves_nothing_behind():
    place = tempfile.mkdtemp(prefix="test-full-")
    env = dict(node.env, ACTOR_RUNTIME_DIR=place + "/full/node", ACTOR_LOG_DIR=place + "/logs")
    os.mkdir(place + "/full")

    def up(options, **more):
        script = f"mount -t tmpfs -o {options} none {place}/full && {actorctl} up -d; s=$?; ls -A {place}/full; exit $s"
        return subprocess.run(["unshare", "--mount", "sh", "-c", script], env=dict(env, **more), capture_output=True, text=True, timeout=GONE_S)

    try:
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
            print("# no mounts may be made here: not tested")
            return
        for n in range(1, 9):  # the root of the file system, the directory, the lock, and not enough of the others
            p = up(f"nr_inodes={n}")
            assert p.returncode == 1 and p.stdout == "", (n, p)
            assert f"{place}/full" in p.stderr and "inode" in p.stderr and "df -i" in p.stderr and "--runtime-dir" in p.stderr, (n, p)
        p = up("nr_inodes=2", ACTOR_RUNTIME_DIR=place + "/node", ACTOR_LOG_DIR=place + "/full/logs")
        assert p.returncode == 1 and p.stdout == "logs\n", p
        assert "/full/logs/actor-spawner.log: no inode is left" in p.stderr and "--log-dir" in p.stderr, p
    finally:
        shutil.rmtree(place)


def a_supervisor_without_a_place_for_its_socket_keeps_its_state():
    place = tempfile.mkdtemp(prefix="test-ro-")
    env = dict(node.env, ACTOR_RUNTIME_DIR=place + "/fs/node", ACTOR_LOG_DIR=place + "/logs")
    os.mkdir(place + "/fs")
    script = f"""
        mount -t tmpfs none {place}/fs && {actorctl} up -d && {actorctl} spawn -n kept -- sleep 1000 || exit
        first=$({actorctl} --json ls kept | grep -o '"pid": [0-9]*')
        supervisor=$(pgrep -P $(head -1 {place}/fs/node/lock) actor-supervis)
        mount --bind {place}/fs {place}/fs && mount -o remount,bind,ro {place}/fs && kill -KILL $supervisor || exit
        n=0; until [ $(grep -c 'service cannot be started' {place}/logs/actor-spawner.log) -ge 6 ]; do sleep 0.1; n=$((n + 1)); [ $n -lt 300 ] || break; done
        umount {place}/fs
        n=0; until {actorctl} status >/dev/null; do sleep 0.1; n=$((n + 1)); [ $n -lt 300 ] || break; done
        [ "$first" = "$({actorctl} --json ls kept | grep -o '"pid": [0-9]*')" ] && echo the same process
        {actorctl} --json ls kept; {actorctl} down"""
    try:
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
            print("# no mounts may be made here: not tested")
            return
        p = subprocess.run(["unshare", "--mount", "sh", "-c", script], env=env, capture_output=True, text=True, timeout=120)
        assert "the same process" in p.stdout and '"adopted": false' in p.stdout, p
        with open(place + "/logs/actor-spawner.log") as f:
            said = f.read()
        assert "Read-only file system" in said and "set aside" not in said, said
        assert "the supervisor has no place for its service (" in said, said
    finally:
        shutil.rmtree(place)


def nodes_that_start_at_once_leave_no_directory_behind():
    place = tempfile.mkdtemp(prefix="test-race-")
    env = dict(node.env, ACTOR_RUNTIME_DIR=place + "/node", ACTOR_LOG_DIR=place + "/logs")
    try:
        for n in range(8):
            os.mkdir(f"{place}/node.new-abcde{n}", 0o700)  # a node was killed here before it renamed this
            ups = [subprocess.Popen([spawner], env=env, stderr=subprocess.DEVNULL) for _ in range(4)]
            until(lambda: subprocess.run([actorctl, "status"], env=env, capture_output=True).returncode == 0, "one of them is the node")
            until(lambda: sum(up.poll() is not None for up in ups) == 3, "the others have ended")
            subprocess.run([actorctl, "down"], env=env, capture_output=True, check=True, timeout=GONE_S)
            assert sorted(up.wait(GONE_S) for up in ups) == [0, 9, 9, 9]
            assert os.listdir(place) == ["logs"], os.listdir(place)
    finally:
        shutil.rmtree(place)


class InnerNode(Node):
    """One that a child of another node has started."""

    def __init__(self, outer):
        super().__init__(actorctl, "inner")
        self.outer = outer
        node.ctl("spawn", "--name", outer, "--", "sh", "-c",
                 f"ACTOR_RUNTIME_DIR={self.root}/node ACTOR_LOG_DIR={self.root}/logs {actorctl} up -d && exec sleep 1000")
        until(lambda: self.ctl("status", rc=None).returncode == 0, "the inner node is up")


def a_node_within_a_node_knows_its_own_by_a_mark():
    inner, other = InnerNode("outer1"), InnerNode("outer2")
    inner.ctl("spawn", "--name", "older", "--", "sleep", "1000")
    inner.ctl("spawn", "--name", "family", "--", "sh", "-c", stranger("in1") + "exec sleep 1000")
    inner.ctl("spawn", "--name", "stays", "--", "sh", "-c", stranger("in2") + "exec sleep 1000")
    other.ctl("spawn", "--name", "beside", "--", "sh", "-c", stranger("in3") + "exec sleep 1000")
    node.ctl("spawn", "--name", "outside", "--", "sh", "-c", stranger("out1") + "exec sleep 1000")
    gone_one, lost, beside, outside = said("in1"), said("in2"), said("in3"), said("out1")
    inner.ctl("stop", "family")
    assert not alive(gone_one), "the stop of its group, while an older one lives"
    assert all(alive(pid) for pid in (lost, beside, outside))
    # whoever sees to the rest of the inner node finds all that is of it, and nobody else
    os.kill(inner.ctl_json("status")["keeper"]["pid"], signal.SIGKILL)
    gone(lost)
    until(lambda: not os.path.exists(inner.root + "/node/lock"), "the end of the inner node")
    assert alive(beside) and alive(outside)
    assert node.child("outer1")["state"] == node.child("outer2")["state"] == "up"
    # and all of an inner node descends from a child of the outer one
    node.ctl("rm", "-f", "outer1", "outer2")
    assert not alive(beside) and alive(outside)
    node.ctl("rm", "-f", "outside")
    for each in inner, other:
        each.down()


PR_CAPBSET_DROP, CAP_KILL, OTHER_UID = 24, 5, 65534


def other_user(then="exec /bin/sleep 1000"):
    """A command as another user, as sudo or a setuid program would run it."""
    return f"setpriv --reuid {OTHER_UID} --clear-groups sh -c '{then}'"


class PowerlessNode(Node):
    """One that may not signal the processes of other users: started by root without CAP_KILL, as in many containers. To processes that
    have become another user it is what a node of a plain user is to what sudo runs."""

    def __init__(self, name):
        super().__init__(actorctl, name)
        subprocess.run([actorctl, "up", "-d"], env=self.env, check=True, capture_output=True, timeout=GONE_S,
                       preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0))

    def says(self, name, then):
        """A command that says its pid in the file NAME, and may do so as any user."""
        path = f"{self.root}/{name}"
        open(path, "w").close()
        os.chmod(path, 0o666)
        os.chmod(self.root, 0o755)
        return other_user(f"echo $$ >{path}; {then}")

    def said(self, name):
        return int(until(lambda: open(f"{self.root}/{name}").read().strip(), f"{name} says its pid"))


def may_test_other_users():
    if os.geteuid() == 0 and shutil.which("setpriv"):
        return True
    print("# not root, or no setpriv: not tested")
    return False


def is_not_stopped(p, pid):
    assert p.returncode == 1, p
    assert f"{pid} runs as another user (uid {OTHER_UID}); not stopped: " in p.stderr, p.stderr
    assert alive(pid)


def a_leader_of_another_user_is_not_said_to_be_stopped():
    if not may_test_other_users():
        return
    powerless = PowerlessNode("foreign")
    powerless.ctl("spawn", "--name", "web", "--stop-timeout", "50ms", "--", "sh", "-c", "exec " + powerless.says("web", "exec /bin/sleep 1000"))
    pid = powerless.said("web")
    for verb in ["stop"], ["stop"], ["restart"], ["rm", "-f"]:
        is_not_stopped(powerless.ctl(*verb, "web", rc=None), pid)
        web = powerless.child("web")
        assert web["state"] == "stopping" and web["pid"] == pid and web["denied"] == {"pid": pid, "uid": OTHER_UID}, web
    assert f"{pid} runs as another user (uid {OTHER_UID}), not stopped" in powerless.ctl("ls").stdout
    assert f"{pid} runs as another user (uid {OTHER_UID})" in powerless.ctl("kill", "-s", "HUP", "web", rc=8).stderr
    # a next supervisor hears it as well
    supervisor = powerless.ctl_json("status")["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: powerless.ctl_json("status")["supervisor"]["pid"] not in (None, supervisor), "a new supervisor")
    is_not_stopped(powerless.ctl("rm", "-f", "web", rc=None), pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: powerless.ctl_json("ls") == [], "it is down, and removed as it was asked for")
    powerless.down()


def what_a_leader_left_as_another_user_is_not_said_to_be_stopped():
    if not may_test_other_users():
        return
    powerless = PowerlessNode("foreigner")
    powerless.ctl("spawn", "--name", "web", "--stop-timeout", "50ms", "--", "sh", "-c",
                  powerless.says("left", "trap \"\" TERM; exec /bin/sleep 1000") + " & exec sleep 1000")
    pid = powerless.said("left")
    is_not_stopped(powerless.ctl("stop", "web", rc=None), pid)
    web = powerless.child("web")
    assert web["state"] == "down" and web["outcome"] == "stopped" and web["denied"] == {"pid": pid, "uid": OTHER_UID}, web
    assert f"{pid} runs as another user (uid {OTHER_UID}), not stopped" in powerless.ctl("ls").stdout
    powerless.ctl("start", "web")
    assert "denied" not in powerless.child("web")
    other = int(until(lambda: (p := open(f"{powerless.root}/left").read().strip()) != str(pid) and p, "the next one"))
    is_not_stopped(powerless.ctl("rm", "-f", "web", rc=None), other)
    assert powerless.ctl_json("ls") == []
    for left in pid, other:
        os.kill(left, signal.SIGKILL)
    powerless.down()


def a_node_goes_down_without_what_runs_as_another_user_and_says_so():
    if not may_test_other_users():
        return
    powerless = PowerlessNode("foreigners")
    powerless.ctl("spawn", "--name", "web", "--stop-timeout", "50ms", "--", "sh", "-c", "exec " + powerless.says("web", "exec /bin/sleep 1000"))
    pid = powerless.said("web")
    keeper = powerless.ctl_json("status")["keeper"]["pid"]
    is_not_stopped(powerless.ctl("down", rc=None), pid)
    assert not alive(keeper) and not os.path.exists(powerless.env["ACTOR_RUNTIME_DIR"] + "/lock")
    assert f"{pid} runs as another user" in open(powerless.root + "/logs/actor-spawner.log").read()
    os.kill(pid, signal.SIGKILL)
    powerless.down()


def a_node_starts_beside_what_a_node_before_left_as_another_user():
    if not may_test_other_users():
        return
    powerless = PowerlessNode("survivor")
    powerless.ctl("spawn", "--name", "web", "--", "sh", "-c", "exec " + powerless.says("web", "exec /bin/sleep 1000"))
    pid = powerless.said("web")
    daemons = powerless.ctl_json("status")
    for daemon in "supervisor", "broker", "keeper":
        os.kill(daemons[daemon]["pid"], signal.SIGSTOP)
    for daemon in "supervisor", "broker", "keeper":
        os.kill(daemons[daemon]["pid"], signal.SIGKILL)
    until(lambda: not any(alive(daemons[d]["pid"]) for d in ("supervisor", "broker", "keeper")), "all three are dead")
    subprocess.run([actorctl, "up", "-d"], env=powerless.env, check=True, capture_output=True, timeout=GONE_S,
                   preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0))
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    powerless.down()


run_tests([a_node_that_sees_the_processes_of_others_in_proc_does_not_start,
           up_says_what_is_full_and_leaves_nothing_behind,
           a_supervisor_without_a_place_for_its_socket_keeps_its_state,
           nodes_that_start_at_once_leave_no_directory_behind,
           a_node_within_a_node_knows_its_own_by_a_mark,
           a_program_behind_a_shell_ends_in_its_own_order,
           a_stopped_process_is_woken_to_hear_of_its_stop,
           a_leader_of_another_user_is_not_said_to_be_stopped,
           what_a_leader_left_as_another_user_is_not_said_to_be_stopped,
           a_node_goes_down_without_what_runs_as_another_user_and_says_so,
           a_node_starts_beside_what_a_node_before_left_as_another_user,
           strangers_are_gone_when_stop_returns,
           strangers_end_with_a_leader_that_is_killed,
           what_hangs_on_a_stranger_ends_with_it,
           nobody_is_left_when_the_keeper_is_killed,
           a_node_starts_while_the_one_before_is_ended_by_its_supervisor,
           nobody_is_left_when_the_supervisor_is_stopped_and_the_keeper_killed,
           nobody_is_left_when_supervisor_and_keeper_are_killed_one_after_the_other,
           nobody_is_left_at_whichever_signal_the_supervisor_is_killed_that_ends_the_node,
           a_supervisor_that_never_heard_its_keeper_ends_the_broker_last,
           a_broker_that_starts_when_its_keeper_is_gone_ends_the_node_and_takes_no_place,
           a_supervisor_that_hangs_is_started_again_and_its_processes_live,
           a_broker_that_hangs_is_started_again,
           down_ends_a_node_whose_supervisor_hangs], node)
