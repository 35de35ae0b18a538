"""A pool of processes and a port between processes, as their users see them: workers crash, hang and stand still; supervisor and broker are killed
meanwhile; a pool is killed itself. Arguments: actorctl, the folder of the examples."""

import json
import os
import signal
import sys

from node import Node, alive, run_tests, until
from rawpeer import Link, Ref

EXAMPLES = os.path.abspath(sys.argv[2])
SANITIZED = os.environ.get("SANITIZED")  # a sanitizer turns signals into an exit status
node = Node(sys.argv[1], "pool").up()


def call(to, method, *args, rc=0, timeout=60):
    p = node.ctl("--timeout", str(timeout), "call", to, method, *(json.dumps(a) for a in args), rc=rc)
    return json.loads(p.stdout) if rc == 0 else p.stderr


def job(pool, method, *args, rc=0, **options):
    return call(pool, "job", options.pop("key", None), method, list(args), options, rc=rc)


def stats(pool):
    found = call(pool, "stats")
    return dict(found["$map"]) if "$map" in found else found


def workers(pool):
    return call(pool, "workers")


def start(name, n, program="pool"):
    args = ["--workers", str(n)] if program == "pool" else []
    node.ctl("spawn", "--name", f"p-{name}", "--restart", "temporary", "--wait=ready", "--", f"{EXAMPLES}/{program}", "--name", name, *args)
    if n:
        until(lambda: stats(name)["workers_up"] == n, "its workers are up")
    return node.child(f"p-{name}")["pid"]


def test_a_worker_does_a_job():
    start("primes", 2)
    assert job("primes", "primes", 1, 100) == 25
    assert "bad_args" in job("primes", "primes", "x", rc=6)
    assert {w["state"] for w in workers("primes")} == {"up"}


def test_workers_know_who_they_are():
    for w in workers("primes"):
        with open(f"/proc/{w['pid']}/environ") as f:
            env = dict(v.split("=", 1) for v in f.read().split("\0") if v)
        assert env["ACTOR_POOL_WORKER"] == str(w["worker"]), env
        assert env["ACTOR_POOL"].startswith("<"), env


def test_a_job_that_kills_its_worker_is_reported_with_the_cause():
    before = {w["pid"] for w in workers("primes")}
    error = job("primes", "crash", rc=6)
    assert "crashed" in error and "attempt 2" in error and ("SIGABRT" in error or "signal" in error or SANITIZED), error
    until(lambda: stats("primes")["workers_up"] == 2, "new workers")
    assert not before & {w["pid"] for w in workers("primes")}, "each of two workers has died of it"
    assert job("primes", "primes", 1, 100) == 25
    assert stats("primes")["retried"] == 1 and stats("primes")["crashed"] == 1


def test_a_hung_worker_is_really_killed():
    before = {w["pid"] for w in workers("primes")}
    error = job("primes", "hang", rc=6, limit_ms=200, retries=0)
    assert "stuck" in error, error
    until(lambda: stats("primes")["workers_up"] == 2, "a new worker")
    gone = before - {w["pid"] for w in workers("primes")}
    assert len(gone) == 1 and not alive(gone.pop())


def test_who_stands_still_is_killed_and_its_job_done_by_another():
    for w in workers("primes"):
        os.kill(w["pid"], signal.SIGSTOP)
    assert job("primes", "primes", 1, 100, limit_ms=200, retries=5) == 25
    assert stats("primes")["kills"] >= 2


def test_a_key_goes_to_one_worker_and_settings_change():
    assert call("primes", "settings", {"queue_max": 5, "retries": 0}) is None
    assert stats("primes")["queue_max"] == 5
    assert call("primes", "resize", 3) is None
    until(lambda: stats("primes")["workers_up"] == 3, "one more")
    assert call("primes", "resize", 1) is None
    until(lambda: len(workers("primes")) == 1, "two are gone")
    until(lambda: len([c for c in node.ctl_json("ls") if c["name"].startswith("primes.") and c["pid"]]) == 1, "their processes too")


def test_a_pool_goes_on_while_supervisor_and_broker_are_killed():
    status = node.ctl_json("status")
    os.kill(status["supervisor"]["pid"], signal.SIGKILL)
    os.kill(status["broker"]["pid"], signal.SIGKILL)
    # The worker must be killed by a supervisor, which is only just starting.
    assert "stuck" in until(lambda: (e := job("primes", "hang", rc=None, limit_ms=100)) and "stuck" in e and e, "the end of a stuck job")
    assert job("primes", "primes", 1, 100) == 25


def test_the_answer_to_a_job_leaves_before_the_next_one_begins():
    # else who dies of a job takes along what it had done before, and a pool with a pipeline thinks that it died of that
    start("pipeline", 1)
    pid = None
    for _ in range(5):
        # the pool may not have heard yet that the last worker is dead
        until(lambda: [w["pid"] for w in workers("pipeline")] != [pid] and stats("pipeline")["workers_up"] == 1, "a worker")
        pid = workers("pipeline")[0]["pid"]
        ref = Ref(int(x, 16) for x in workers("pipeline")[0]["ref"]["$ref"].strip("<>").split("."))
        link = Link(f"{node.root}/node/broker.ipc")
        direct = link.introduce(ref[1])
        direct.send(*([2, ref, link.me, method, [], i, 0] for i, method in enumerate(("pid", "pid", "crash"), 1)))
        assert [direct.receive()[3:] for _ in range(2)] == [[1, pid], [2, pid]]
        assert direct.ended()
        direct.close()
        link.close()


def test_crashes_leave_nothing_behind():
    pid = start("tidy", 1)
    job("tidy", "crash", rc=6, retries=0)
    until(lambda: stats("tidy")["workers_up"] == 1, "a new worker")
    job("tidy", "pid")
    fds = len(os.listdir(f"/proc/{pid}/fd"))
    for _ in range(5):
        job("tidy", "pid")
        job("tidy", "crash", rc=6, retries=0)
        until(lambda: stats("tidy")["workers_up"] == 1, "a new worker")
    job("tidy", "pid")
    until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= fds, "the links of the dead are closed")


def test_a_killed_pool_takes_its_workers_along():
    pids = [w["pid"] for w in workers("tidy")]
    os.kill(node.child("p-tidy")["pid"], signal.SIGKILL)
    until(lambda: not any(map(alive, pids)), "the end of its workers")


def test_a_drained_pool_ends_with_its_workers():
    pids = [w["pid"] for w in workers("primes")]
    assert call("primes", "drain") is None
    assert not any(map(alive, pids)), "drain is answered when they are gone"
    until(lambda: node.child("p-primes")["state"] == "down", "the end of the program")
    assert node.child("p-primes")["last_exit"]["code"] == 0


def test_a_stopped_pool_ends_with_its_workers():
    start("stopped", 2)
    pids = [w["pid"] for w in workers("stopped")]
    node.ctl("stop", "p-stopped")
    until(lambda: not any(map(alive, pids)), "the end of its workers")


# ---- the port ----


def log(name):
    return node.ctl("logs", name).stdout.splitlines()


def listen(name, *args):
    node.ctl("spawn", "--name", name, "--restart", "temporary", "--no-stamps", "--wait=ready", "--", f"{EXAMPLES}/port", "listen", *args)


def heard(name, n):
    return until(lambda: len(found := [line for line in log(name) if line.split()[-2:][0] in ("weather", "news")]) >= n and found, f"{name} hears {n}")


def test_subscribers_in_other_processes_get_what_they_asked_for():
    start("publisher", 0, "port")
    listen("all", "publisher.port")
    listen("weather", "publisher.port", "weather")
    assert call("publisher", "say", "weather", 21) == 2
    assert call("publisher", "say", "news", 1) == 1
    assert call("publisher", "say", "weather", 22) == 2
    assert [line.split()[-2:] for line in heard("all", 3)] == [["weather", "21"], ["news", "1"], ["weather", "22"]]
    assert [line.split()[-2:] for line in heard("weather", 2)] == [["weather", "21"], ["weather", "22"]]


def test_a_subscriber_that_is_killed_is_forgotten():
    os.kill(node.child("weather")["pid"], signal.SIGKILL)
    until(lambda: call("publisher", "say", "weather", 23) == 1, "it is forgotten")


def test_a_subscriber_that_stands_still_holds_up_nobody_and_hears_what_it_lost():
    listen("calm", "publisher.port", "weather")
    listen("slow", "publisher.port")
    pid = node.child("slow")["pid"]
    os.kill(pid, signal.SIGSTOP)
    big = "x" * 60000  # a few of these fill the socket, what may wait for the link, and the queue
    until(lambda: call("publisher", "say", big, 1) == 2 and call("publisher.port", "stats")["lost"] > 0, "the first loss")
    call("publisher", "say", "weather", 99)
    until(lambda: any(line.endswith("weather 99") for line in log("calm")), "who listens hears all the same")
    os.kill(pid, signal.SIGCONT)
    until(lambda: any(line.endswith("were lost") for line in log("slow")), "it is told what it has lost")
    until(lambda: any(line.endswith("weather 99") for line in log("slow")), "and goes on from there")


run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], node)
