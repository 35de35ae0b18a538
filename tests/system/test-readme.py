#!/usr/bin/env python3
"""The shell session in README.md is run on a terminal, in the order in which it is shown. It must print what is shown there, except for numbers.

usage: test-readme.py ACTORCTL EXAMPLES-DIR SOURCE-DIR [--show]      (writes TAP; --show: prints the session as it is now)
"""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import time

from node import PATIENCE, Node, run_tests

EXAMPLES, SOURCE = os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
node = Node(sys.argv[1], "readme")
node.env.update(PATH=f"{os.path.dirname(node.actorctl)}:{EXAMPLES}:{os.environ['PATH']}", NO_COLOR="1", TERM="xterm",
                HOME=node.root, XDG_RUNTIME_DIR=node.root, XDG_STATE_HOME=node.root + "/state")
del node.env["ACTOR_RUNTIME_DIR"], node.env["ACTOR_LOG_DIR"]


def session():
    """The [command, output] pairs of all console blocks."""
    with open(SOURCE + "/README.md") as f:
        blocks = re.findall(r"```console\n(.*?)```", f.read(), re.S)
    pairs = []
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            pairs.append([line[2:], ""])
        else:
            pairs[-1][1] += line + "\n"
    return pairs


def on_terminal(command):
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.chdir(SOURCE)
        os.execvpe("sh", ["sh", "-c", command], node.env)
    out = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(fd)
    os.waitpid(pid, 0)
    return out.decode().replace("\r\n", "\n")


def shape(text):
    """What stays the same in @text from one run to the next."""
    text = re.sub(r"<[0-9a-f.]+>", "<REF>", text)
    text = re.sub(r"/\S+", "/PATH", text)
    text = re.sub(r"[\d.]+(ms|s)?( \d+m?s)?\b", "N", text)
    return re.sub(r"[ \t]+", " ", text).strip()


def test_there_is_a_session():
    assert len(session()) > 10


def run_and_compare(command, shown):
    deadline = time.monotonic() + PATIENCE / 4
    while True:
        out = on_terminal(command)
        if shape(out) == shape(shown):
            return
        # A process that was killed may not be back yet, nor a child that crashed.
        assert command in ("actorctl ls", "actorctl call family read") and time.monotonic() < deadline, f"$ {command}\n{out}\nbut README.md shows\n{shown}"
        time.sleep(0.1)


def session_test(i, command, shown):
    def test():
        run_and_compare(command, shown)
    test.__name__ = f"line {i}: {command}"
    return test


if "--show" in sys.argv:
    for command, _ in session():
        if command == "actorctl ls":
            time.sleep(1)
        print(f"$ {command}\n{on_terminal(command)}", end="")
    sys.exit(0)

run_tests([test_there_is_a_session] + [session_test(i, *pair) for i, pair in enumerate(session(), 1)], node)
