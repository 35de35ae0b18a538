"""What users say about one process beside its command: each setting of `actorctl spawn`, with real processes. Arguments: actorctl."""

import os
import pwd
import re
import signal
import sys
import time

from node import Node, run_tests, until

node = Node(sys.argv[1], "settings").up()
tests = []


def fact(f):
    tests.append(f)
    return f


def spawn(name, *options, program="exec sleep 1000", rc=0):
    return node.ctl("spawn", "--name", name, *options, "--", "sh", "-c", program, rc=rc)


def is_state(name, state):
    return lambda: (c := node.child(name))["state"] == state and c


def supervisor():
    return node.ctl_json("status")["supervisor"]["pid"]


def kill_supervisor():
    pid = supervisor()
    os.kill(pid, signal.SIGKILL)
    until(lambda: node.ctl("--timeout", "1", "status", rc=None).returncode == 0 and supervisor() != pid, "the next supervisor")


# ---- restarts ------------------------------------------------------------------------------------------------------------------------

@fact
def one_that_fails_too_often_is_given_up_and_a_start_begins_anew():
    log = node.root + "/storm"
    spawn("storm", "--wait=none", "--backoff", "0", "--max-restarts", "5/1m", program=f"echo x >> {log}; exit 3")
    storm = until(is_state("storm", "failed"), "it is given up")
    assert storm["restarts"] == 5 and storm["outcome"] == "failed" and storm["last_exit"]["code"] == 3, storm
    with open(log) as f:
        assert len(f.readlines()) == 6
    assert re.search(r"storm\tfailed\t-\t-\t5\texit 3 .* ago, failed\n", node.ctl("ls", "storm").stdout), node.ctl("ls", "storm")
    assert "state  failed\n" in node.ctl("status", "storm").stdout, node.ctl("status", "storm")
    explained = node.ctl("explain", "storm").stdout
    assert re.search(r"why  it failed once more after 5 restarts in 60 s, which is its limit \(exit 3\)", explained), explained
    node.ctl("start", "--no-wait", "storm")
    until(lambda: len(open(log).readlines()) == 12, "six lives more")
    until(is_state("storm", "failed"), "it is given up again")
    assert node.ctl_json("status")["children"]["failed"] == 1
    node.ctl("rm", "storm")


@fact
def the_count_of_restarts_outlives_the_supervisor():
    go = node.root + "/go"
    spawn("counted", "--wait=none", "--backoff", "0", "--max-restarts", "3/1h", program=f"while ! test -e {go}; do sleep 0.02; done; rm {go}; exit 1")
    for n in range(1, 4):
        open(go, "w").close()
        until(lambda: node.child("counted")["restarts"] == n and not os.path.exists(go), "a restart")
        kill_supervisor()
        assert node.ctl_json("explain", "counted")["recent_restarts"] == n
    open(go, "w").close()
    until(is_state("counted", "failed"), "it is given up")
    kill_supervisor()
    assert node.child("counted")["state"] == "failed"
    node.ctl("rm", "counted")


@fact
def ends_may_be_fatal_or_good():
    spawn("fatal", "--wait=none", "--fatal-on", "2,SIGUSR1", program="exit 2")
    until(is_state("fatal", "down"), "its end")
    assert node.child("fatal")["outcome"] == "failed" and node.child("fatal")["restarts"] == 0
    assert "its fatal_on has this end" in node.ctl("explain", "fatal").stdout
    spawn("good", "--wait=none", "--restart", "transient", "--ok-exit", "3,USR2", program="kill -USR2 $$")
    until(is_state("good", "down"), "its end")
    assert node.child("good")["outcome"] == "done"
    explained = node.ctl("explain", "good").stdout
    assert "good ends  0, 3, SIGUSR2\n" in explained and "it ended well by itself (SIGUSR2)" in explained, explained
    spawn("asks", "--wait=none", program="exit 125")
    until(is_state("asks", "down"), "its end")
    assert "asks not to be started again" in node.ctl("explain", "asks").stdout
    node.ctl("rm", "fatal", "good", "asks")


@fact
def the_coming_delays_are_explained():
    spawn("slow", "--backoff", "1h:5h", "--backoff-factor", "3", "--backoff-jitter", "0", "--backoff-reset", "30s")
    assert "next delays  none, 1h00m, 3h00m, 5h00m ...\n" in node.ctl("explain", "slow").stdout, node.ctl("explain", "slow")
    assert "new series  when it has run for 30s\n" in node.ctl("explain", "slow").stdout
    node.ctl("kill", "-s", "KILL", "slow")
    until(lambda: node.child("slow")["restarts"] == 1 and node.child("slow")["state"] == "up", "it is back at once")
    node.ctl("kill", "-s", "KILL", "slow")
    until(is_state("slow", "backoff"), "it waits")
    explained = node.ctl("explain", "slow").stdout
    assert re.search(r"why  it ended \(SIGKILL\), and is started again in 3[56]\d\d(\.\d)? s\n", explained), explained
    assert "next delays  3h00m, 5h00m ..." in explained, explained
    node.ctl("rm", "-f", "slow")


# ---- start and stop ------------------------------------------------------------------------------------------------------------------

@fact
def started_is_said_only_of_one_that_stayed_up():
    p = spawn("short", "--up-for", "30s", "--backoff", "1h:1h", program="echo cannot bind >&2; exit 3", rc=1)
    assert "short ended before it was ready: exit 3: cannot bind; it is started again" in p.stderr, p.stderr
    node.ctl("rm", "-f", "short")
    begin = time.monotonic()
    assert re.match(r"steady: ready, pid \d+\n", spawn("steady", "--up-for", "0.6s").stdout)
    assert time.monotonic() - begin >= 0.6
    begin = time.monotonic()
    node.ctl("restart", "steady")
    assert time.monotonic() - begin >= 0.6 and node.child("steady")["state"] == "ready"
    node.ctl("rm", "-f", "steady")
    spawn("late", "--up-for", "1h", "--wait=up")
    assert node.child("late")["state"] == "up"
    assert "it must have been up for 3600 s" in node.ctl("explain", "late").stdout, node.ctl("explain", "late")
    node.ctl("rm", "-f", "late")


@fact
def a_stop_sends_its_signal_to_the_whole_group_and_kills_what_is_left():
    for i, name in enumerate(("HUP", "SIGALRM", "USR1", "12")):
        said = node.root + f"/said{i}"
        spawn(f"asked{i}", "--stop-signal", name, program=f"(trap 'echo child >> {said}; exit 0' HUP ALRM USR1 USR2; while :; do sleep 0.02; done) & "
              f"trap 'wait; echo parent >> {said}; exit 0' HUP ALRM USR1 USR2; touch {said}; while :; do sleep 0.02; done")
        until(lambda: os.path.exists(said), "its traps are set")
        node.ctl("stop", f"asked{i}")
        with open(said) as f:
            assert sorted(f.read().split()) == ["child", "parent"], name
        assert node.child(f"asked{i}")["outcome"] == "stopped"
        node.ctl("rm", f"asked{i}")
    spawn("plain", "--stop-signal", "INT", "--stop-timeout", "1h")
    assert "stop  SIGINT, and SIGKILL after 1h00m\n" in node.ctl("explain", "plain").stdout, node.ctl("explain", "plain")
    node.ctl("stop", "plain")
    assert node.child("plain")["last_exit"]["signal"] == "SIGINT" and node.child("plain")["outcome"] == "stopped"
    node.ctl("rm", "plain")


# ---- what it may do and use ----------------------------------------------------------------------------------------------------------

def says(name, *options, program):
    """What @program writes, run once with these options."""
    spawn(name, "--restart", "temporary", "--wait", *options, program=program)
    with open(f"{node.root}/logs/{name}.log") as f:
        text = f.read()
    node.ctl("rm", name)
    return text


@fact
def limits_umask_nice_and_oom_score_are_those_that_were_said():
    text = says("limits", "--limit", "nofile=123", "--limit", "core=0:unlimited" if os.geteuid() == 0 else "core=0", "--limit", "fsize=1M", "--umask", "027", "--nice", "5",
                "--oom-score-adj", "700", "--no-new-privs",
                program="ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Sf; umask; cut -d' ' -f19 /proc/$$/stat; cat /proc/$$/oom_score_adj; grep NoNewPrivs /proc/$$/status")
    assert text.split() == ["123", "123", "0", "2048", "0027", "5", "700", "NoNewPrivs:", "1"], text


@fact
def a_limit_that_cannot_be_set_is_named():
    with open("/proc/sys/fs/nr_open") as f:
        above = int(f.read()) + 1
    p = spawn("above", "--limit", f"nofile={above}", rc=8)
    assert re.search(r"cannot spawn 'above': sh: cannot set its resource limits \(nofile\): Operation not permitted\n", p.stderr), p.stderr
    assert not [c for c in node.ctl_json("ls") if c["name"] == "above"]
    for value, hint in (("nofile", "nofile=4096"), ("rttime=1", "names: as core"), ("nofile=2:1", "SOFT:HARD"), ("nofile=-1", "nofile=4096")):
        assert hint in spawn("wrong", "--limit", value, rc=2).stderr
    assert "octal" in spawn("wrong", "--umask", "8", rc=2).stderr and "-20 to 19" in spawn("wrong", "--nice", "20", rc=2).stderr
    assert "-1000 to 1000" in spawn("wrong", "--oom-score-adj", "x", rc=2).stderr


@fact
def the_user_of_a_process_is_changed_by_a_node_of_root_only():
    if os.geteuid() != 0:
        for option in ("--user", "--group"):
            assert "only a node of root can change the user or group" in spawn("other", option, "root", rc=8).stderr
        return
    nobody = pwd.getpwnam("nobody")
    text = says("nobody", "--user", "nobody", "--cwd", "/", program="id -u; id -g; id -G; echo $HOME $USER; cat /proc/self/oom_score_adj >/dev/null")
    assert text.split() == [str(nobody.pw_uid), str(nobody.pw_gid), " ".join(map(str, os.getgrouplist("nobody", nobody.pw_gid))), nobody.pw_dir, "nobody"], text
    text = says("both", "--user", str(nobody.pw_uid), "--group", "daemon", "--cwd", "/", program="id -u; id -gn")
    assert text.split() == [str(nobody.pw_uid), "daemon"], text
    text = says("number", "--user", "54321", "--group", "54322", "--cwd", "/", program="id -u; id -G")
    assert text.split() == ["54321", "54322"], text
    assert "no user is called noone" in spawn("wrong", "--user", "noone", rc=2).stderr
    assert "no group is called noone" in spawn("wrong", "--group", "noone", rc=2).stderr
    assert "user 54321 is unknown here, so say its group" in spawn("wrong", "--user", "54321", rc=2).stderr
    assert "cannot change the working directory to" in spawn("wrong", "--user", "nobody", rc=8).stderr  # the directory of the test is root's


@fact
def variables_come_from_files_and_a_clear_environment_keeps_the_language():
    path = node.root + "/env"
    with open(path, "w") as f:
        f.write("# a comment\n\n  A=1 \nexport B=two words\nC=\"quoted \"\nD='x'\nE=\"half\nA=2\n")
    text = says("vars", "--env-file", path, "--env", "B=3", program="env")
    assert {"A=2", "B=3", "C=quoted ", "D=x", 'E="half', "LC_ALL=C.UTF-8"} <= set(text.splitlines()) and "HOME=" in text, text
    text = says("clear", "--clear-env", "--env", "MINE=1", program="env")
    assert {line.split("=")[0] for line in text.splitlines()} - {"PWD", "_", "SHLVL", "OLDPWD"} == {
        "MINE", "LC_ALL", "ACTOR_GROUP", "ACTOR_RUNTIME_DIR", "ACTOR_TOKEN", *(["LANG"] if "LANG" in node.env else []), *(["TZ"] if "TZ" in node.env else [])}, text
    with open(path, "w") as f:
        f.write("A=1\nwrong\n")
    assert f"{path}:2: 'wrong' is no variable" in spawn("wrong", "--env-file", path, rc=2).stderr
    assert "cannot read /nowhere" in spawn("wrong", "--env-file", "/nowhere", rc=1).stderr


# ---- changes -------------------------------------------------------------------------------------------------------------------------

@fact
def a_change_of_policy_goes_without_a_restart_and_another_command_by_one():
    spawn("changed", "--stop-timeout", "1h", "--limit", "core=0")
    pid = node.child("changed")["pid"]
    p = node.ctl("set", "changed", "restart=transient", "max-restarts=5/1m", "backoff=1s:9s", "backoff-factor=3", "fatal-on=2", "ok-exit=3", "stop-signal=INT", "stop-timeout=9s")
    assert p.stdout == f"changed: up, pid {pid}\n", p.stdout
    spec = node.ctl_json("explain", "changed")["spec"]
    for key, value in (("restart", "transient"), ("intensity", 5), ("period_ms", 60000), ("backoff_min_ms", 1000), ("backoff_max_ms", 9000), ("backoff_factor", 3),
                       ("fatal_on", [2]), ("ok_exit", [3]), ("stop_signal", "SIGINT"), ("stop_timeout_ms", 9000), ("limits", {"core": [0, 0]})):
        assert spec[key] == value, (key, spec)
    kill_supervisor()
    assert node.ctl_json("explain", "changed")["spec"] == spec and node.child("changed")["pid"] == pid
    log = node.root + "/lives"
    node.ctl("set", "changed", "nice=3", "limit=nofile=99", "--", "sh", "-c", f"echo $(ulimit -n) $(cut -d' ' -f19 /proc/$$/stat) >> {log}; exec sleep 1000")
    until(lambda: os.path.exists(log) and os.path.getsize(log), "it runs anew")
    changed = node.child("changed")
    with open(log) as f:
        assert f.read() == "99 3\n"  # one life, which has all of it
    assert changed["pid"] != pid and changed["restarts"] == 0 and changed["last_exit"]["signal"] == "SIGINT", changed
    node.ctl("set", "changed", "nice=3")
    assert node.child("changed")["pid"] == changed["pid"]  # nothing differs
    assert "there is no setting 'colour'" in node.ctl("set", "changed", "colour=red", rc=2).stderr
    assert "'often' is no limit of restarts" in node.ctl("set", "changed", "max-restarts=often", rc=2).stderr
    assert "no process" in node.ctl("set", "nobody-here", "nice=1", rc=4).stderr
    assert "have the same exit status" in node.ctl("set", "changed", "ok-exit=2", rc=2).stderr
    node.ctl("rm", "-f", "changed")


@fact
def wrong_settings_are_refused_with_what_is_expected():
    for option, value, says in (("--max-restarts", "5", "N/PERIOD"), ("--max-restarts", "5/0", "N/PERIOD"), ("--max-restarts", "1001/1m", "at most 1000"),
                                ("--backoff-factor", "0", "1 to 100"), ("--backoff-jitter", "101", "0 to 100"), ("--backoff-reset", "x", "10s"),
                                ("--fatal-on", "256", "exit statuses"), ("--ok-exit", "SIGNO", "exit statuses"), ("--stop-timeout", "25h", "a day"),
                                ("--up-for", "x", "10s"), ("--stop-signal", "NO", "SIGQUIT"), ("--stop-signal", "0", "SIGQUIT")):
        p = spawn("wrong", option, value, rc=2)
        assert f"'{value}' is no" in p.stderr and says in p.stderr, p.stderr
    p = spawn("wrong", "--ok-exit", "3", "--fatal-on", "3", rc=2)
    assert "have the same exit status" in p.stderr, p.stderr


run_tests(tests, node)
