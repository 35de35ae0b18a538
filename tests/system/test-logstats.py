#!/usr/bin/env python3
"""logstats is compared with a count of this test: it counts every good line once and sets every bad line aside, whatever crashes on the way.

usage: test-logstats.py ACTORCTL LOGSTATS MAKELOG      (writes TAP)
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter

from node import Node, run_tests, until

LOGSTATS, MAKELOG = (os.path.abspath(p) for p in sys.argv[2:4])
node = Node(sys.argv[1], "logstats")


def make_log(name, lines, bad, seed=1):
    """Makes a log. Returns its path, and the numbers of its bad lines."""
    path, numbers = f"{node.root}/{name}", f"{node.root}/{name}.bad"
    with open(path, "wb") as f:
        subprocess.run([MAKELOG, str(lines), str(bad), str(seed), "--bad-lines", numbers], stdout=f, check=True)
    with open(numbers) as f:
        return path, [int(n) for n in f]


def count(path, bad):
    """Computes the same figures by splitting at quotes and blanks, over the lines that are not in @bad."""
    status, status_bytes, methods, paths, total = Counter(), Counter(), Counter(), Counter(), 0
    with open(path, errors="surrogateescape") as f:
        for n, line in enumerate(f, 1):
            if n in bad:
                continue
            parts = line.split('"')
            method, target, _ = parts[1].split(" ")
            code, sent = parts[2].split()[:2]
            sent = 0 if sent == "-" else int(sent)
            status[code] += 1
            status_bytes[code] += sent
            methods[method] += 1
            paths[target.split("?")[0]] += 1
            total += sent
    return status, status_bytes, methods, paths, total


def logstats(*args, rc=0):
    return node.run(LOGSTATS, *args, rc=rc)


def check(path, bad, *args):
    got = json.loads(logstats(path, "--json", *args).stdout)
    status, status_bytes, methods, paths, total = count(path, set(bad))
    with open(path, "rb") as f:
        assert got["lines"] == sum(1 for _ in f), got
    assert got["bad_lines"] == bad, (got["bad_lines"], bad)
    assert got["good_lines"] == got["lines"] - len(bad), got
    assert got["status"] == status, (got["status"], status)
    assert got["bytes"] == total, (got["bytes"], total)
    assert {k: v for k, v in got["bytes_by_status"].items()} == status_bytes, got
    assert got["methods"] == methods, (got["methods"], methods)
    assert [p["requests"] for p in got["paths"]] == [n for _, n in paths.most_common(10)], got["paths"]
    assert all(paths[p["path"]] == p["requests"] for p in got["paths"]), got["paths"]
    assert got["crashes"] >= len(bad) and (bad or got["crashes"] == 0), got["crashes"]
    return got


def test_totals_are_those_of_the_good_lines():
    got = check(*make_log("some.log", 50000, 5), "--parsers", "3")
    assert got["parsers"] == 3


def test_without_bad_lines_nothing_crashes():
    check(*make_log("none.log", 20000, 0), "--parsers", "2")


def test_only_bad_lines():
    got = check(*make_log("all.log", 10, 10), "--parsers", "2")
    assert got["good_lines"] == 0 and got["paths"] == []


def test_bad_lines_side_by_side_at_the_first_and_at_the_last():
    path, _ = make_log("edge.log", 3000, 0)
    with open(path) as f:
        lines = f.read().splitlines()
    bad = [1, 2, 3, 1500, 1502, 3000]
    for n in bad:
        lines[n - 1] = "this is no log line"
    with open(path, "w") as f:
        f.write("\n".join(lines))  # there is no newline at the end
    check(path, bad, "--parsers", "2")


def test_one_parser_does():
    check(*make_log("one.log", 3000, 2, 9), "--parsers", "1")


def test_an_empty_file():
    path, _ = make_log("empty.log", 0, 0)
    got = json.loads(logstats(path, "--json").stdout)
    assert (got["lines"], got["bad_lines"], got["crashes"], got["status"], got["bytes"]) == (0, [], 0, {}, 0), got


def parsers():
    return [c["pid"] for c in node.ctl_json("ls") if c["pid"] and "--parse-for" in c["argv"]]


def test_a_parser_killed_from_outside_costs_no_line():
    path, bad = make_log("killed.log", 20000, 0)
    fifo = node.root + "/fifo"
    os.mkfifo(fifo)  # a pipe without a writer: logstats cannot be done before its parser is killed
    until(lambda: not parsers(), "the end of the parsers before")
    p = subprocess.Popen([LOGSTATS, fifo, "--json", "--parsers", "2"], env=node.env, stdout=subprocess.PIPE, text=True)
    try:
        with open(path, "rb") as log, open(fifo, "wb") as f:
            f.write(log.read(1 << 20))
            f.flush()
            os.kill(until(parsers, "a parser")[0], signal.SIGKILL)
            f.write(log.read())
        out, _ = p.communicate(timeout=120)
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
    got = json.loads(out)
    status, _, _, _, total = count(path, set())
    assert (got["lines"], got["bad_lines"], got["status"], got["bytes"]) == (20000, [], status, total), got
    assert got["crashes"] <= 1, got  # none if the parser was killed before it had said that it is there


def test_the_parsers_end_with_their_collector():
    fifo = node.root + "/fifo-of-nothing"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)
    until(lambda: not parsers(), "the end of the parsers before")
    p = subprocess.Popen([LOGSTATS, fifo, "--parsers", "2"], env=node.env, stdout=subprocess.DEVNULL)
    pids = until(parsers, "a parser")
    p.kill()
    p.wait()
    until(lambda: not parsers(), f"the end of {pids}")
    os.close(writer)


def test_quotes_in_a_request_and_odd_methods():
    lines = [
        rb'192.0.2.16 - - [10/Oct/2021:13:55:36 +0000] "GET /s?q=\"x\" HTTP/1.1" 200 7 "-" "-"',
        rb'192.0.2.16 - - [10/Oct/2021:13:55:36 +0000] "GET /\"quoted\" HTTP/1.1" 200 7 "-" "an \"agent\""',
        rb'192.0.2.16 - - [10/Oct/2021:13:55:36 +0000] "VERSION-CONTROL /back\\ HTTP/1.1" 200 7 "-" "-"',
        rb'192.0.2.16 - - [10/Oct/2021:13:55:36 +0000] "  " 200 726 "-" "-"',
        rb'192.0.2.16 - - [10/Oct/2021:13:55:36 +0000] "G=T / HTTP/1.1" 200 726 "-" "-"',
        rb'192.0.2.16 - - [10/Oct/2021:13:55:36 +0000] "GET /never-ends\" HTTP/1.1 200 726 -',
    ]
    path = f"{node.root}/quotes.log"
    with open(path, "wb") as f:
        f.write(b"\n".join(lines))
    got = json.loads(logstats(path, "--json", "--parsers", "2").stdout)
    assert got["bad_lines"] == [4, 5, 6] and got["methods"] == {"GET": 2, "VERSION-CONTROL": 1} and got["bytes"] == 21, got
    assert {p["path"] for p in got["paths"]} == {"/s", '/\\"quoted\\"', "/back\\\\"}, got


def test_a_file_of_another_kind_is_given_up_and_told():
    path = f"{node.root}/other.log"
    with open(path, "w") as f:
        for i in range(3000):
            f.write(f"{1700000000 + i}.{i % 1000:03} {i} 192.0.2.{i % 250} TCP_MISS/200 {i} GET http://example.org/{i} - HIER_DIRECT/198.51.100.7\n")
    p = logstats(path, "--parsers", "4", rc=1)
    assert p.stderr.endswith("other.log is not an access log in the common or combined format: more than half of its first 1000 lines are bad\n"), p
    assert p.stderr.count("\n") == 1 and not p.stdout, p
    until(lambda: not parsers(), "the end of the parsers")


def test_a_table_for_people():
    path, bad = make_log("table.log", 2000, 1)
    out = logstats(path).stdout
    assert "2000 lines" in out and f"line {bad[0]}\n" in out and "GET" in out, out


def test_errors_are_one_line():
    for args, rc, text in (
        (["/nonexistent.log"], 1, "cannot read /nonexistent.log: No such file or directory"),
        (["/"], 1, "Is a directory"),
        ([], 2, "usage: logstats FILE"),
        (["x", "--parsers", "0"], 2, "--parsers wants a number"),
        (["x", "--parsers", "2x"], 2, "--parsers wants a number"),
    ):
        p = logstats(*args, rc=rc)
        assert text in p.stderr and p.stderr.count("\n") == 1 and not p.stdout, p
    path, _ = make_log("nonode.log", 10, 0)
    p = subprocess.run([LOGSTATS, path], env={**node.env, "ACTOR_RUNTIME_DIR": node.root + "/nowhere"},
                       capture_output=True, text=True, timeout=60)
    assert p.returncode == 1 and "no node" in p.stderr and p.stderr.count("\n") == 1, p


node.up()
run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], node)
