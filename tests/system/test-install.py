#!/usr/bin/env python3
"""What `meson install` leaves is enough for a program of somebody else: it is built with pkg-config and with meson, and run.

usage: test-install.py BUILD-DIR SOURCE-DIR [CC...]      (writes TAP)
"""

import os
import shutil
import signal
import subprocess
import sys
from glob import glob

BUILD, SOURCE, CC = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3:] or ["cc"]
if os.environ.get("SANITIZED"):
    CC.append("-fsanitize=" + os.environ["SANITIZED"])

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from node import Node, run_tests, until  # noqa: E402

node = Node("/nowhere", "install")
DESTDIR = node.root + "/dest"
node.run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", DESTDIR)
node.actorctl, = glob(DESTDIR + "/**/bin/actorctl", recursive=True)
PC_DIR = os.path.dirname(glob(DESTDIR + "/**/pkgconfig/actor.pc", recursive=True)[0])
LIB_DIR = os.path.dirname(PC_DIR)
node.env.update(PKG_CONFIG_PATH=PC_DIR, PKG_CONFIG_SYSROOT_DIR=DESTDIR, LD_LIBRARY_PATH=LIB_DIR)


def answers(program, name):
    """Run by hand, the program joins the node, answers a call, and ends in order when it is asked to."""
    p = subprocess.Popen([program, name], env=node.env)
    try:
        until(lambda: node.ctl("whereis", name, rc=None).returncode == 0 or p.poll() is not None, "the name")
        assert node.ctl("call", name, "add", "42").stdout == "42\n"
        p.send_signal(signal.SIGTERM)
        assert p.wait(60) == 0
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()


def test_the_installed_node_starts():
    node.up()
    status = node.ctl_json("status")
    for daemon in "keeper", "supervisor", "broker":
        program = os.readlink(f"/proc/{status[daemon]['pid']}/exe")
        assert program.startswith(DESTDIR), program


def test_a_program_built_with_pkg_config():
    flags = node.run("pkg-config", "--cflags", "--libs", "actor").stdout.split()
    node.run(*CC, "-std=c11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Werror",
             SOURCE + "/examples/first.c", "-o", node.root + "/first", *flags)
    answers(node.root + "/first", "by-pkg-config")


def test_a_program_built_with_meson():
    project = node.root + "/project"
    os.mkdir(project)
    shutil.copy(SOURCE + "/examples/first.c", project)
    with open(project + "/meson.build", "w") as f:
        f.write("project('other', 'c')\nexecutable('first', 'first.c', dependencies: dependency('actor'))\n")
    sanitize = ["-Db_lundef=false", "-Db_sanitize=" + os.environ["SANITIZED"]] if os.environ.get("SANITIZED") else []
    node.run("meson", "setup", project + "/build", project, *sanitize)
    node.run("ninja", "-C", project + "/build")
    answers(project + "/build/first", "by-meson")


def test_a_program_run_by_hand_ends_with_a_word_when_another_node_has_its_node_s_place():
    p = subprocess.Popen([node.root + "/first", "by-hand"], env=node.env, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: node.ctl("whereis", "by-hand", rc=None).returncode == 0, "the name")
        node.ctl("down")
        node.up()
        _, said = p.communicate(timeout=60)
        assert p.returncode == 1 and "start it again" in said and len(said.splitlines()) <= 2, (p.returncode, said)
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()


def test_the_manual_is_installed():
    if not shutil.which("scdoc"):
        return
    assert glob(DESTDIR + "/**/man1/actorctl.1*", recursive=True)


run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], node)
