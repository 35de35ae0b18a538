# SPDX-License-Identifier: Apache-2.0
"""Finds the systems by their directories, installs packages for them, and builds them, as far as this machine allows."""

import glob
import json
import os
import shlex
import shutil
import subprocess

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HERE)
CFLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wno-unused-parameter"]
ORDER = ["raw", "nng", "zeromq", "nats", "sdbus", "erlang", "ractor", "ractor_cluster", "python", "ours_nng", "ours"]


class System:
    def __init__(self, manifest, entry, directory, build):
        self.id = entry["id"]
        self.title = entry["title"]
        self.floor = entry.get("floor", False)
        self.ours = entry.get("ours", False)
        self.settings = entry.get("settings", "")
        self.workloads = entry["workloads"]
        self.manifest = manifest
        self.directory = directory
        self.run = [a.replace("{build}", build).replace("{dir}", directory).replace("{root}", ROOT) for a in entry["run"]]
        self.missing = None                             # why the system is not run here, in words
        self.version = "?"

    def has(self, workload):
        """system.json lists a workload by the name that the programs use, or by its id if the system has only some workloads of that name."""
        return workload.program in self.workloads or workload.id in self.workloads


def load(build, say=print):
    systems = []
    found = {os.path.basename(os.path.dirname(p)): p for p in glob.glob(os.path.join(HERE, "*", "system.json"))}
    for name in [n for n in ORDER if n in found] + sorted(set(found) - set(ORDER)):
        try:
            with open(found[name], encoding="utf-8") as f:
                manifest = json.load(f)
            systems += [System(manifest, entry, os.path.dirname(found[name]), build) for entry in manifest["systems"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
            say(f"{os.path.relpath(found[name])}: left out, it cannot be read: {e!r}")
    return systems


def _sh(command, log, cwd=None, timeout=1800):
    """Runs a command: (True, ''), or (False, the line of its output that says why)."""
    with open(log, "ab") as out:
        out.write(f"\n$ {command}\n".encode())
        out.flush()
        began = out.tell()
        try:
            r = subprocess.run(command, shell=isinstance(command, str), cwd=cwd, stdout=out, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            return False, f"took more than {timeout} s"
    if r.returncode == 0:
        return True, ""
    with open(log, "rb") as f:
        f.seek(began)
        text = f.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return False, (errors or lines or ["no output"])[-1][:160]


def _apt_missing(packages):
    missing = []
    for p in packages:
        r = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", p], capture_output=True, text=True, check=False)
        if "install ok installed" not in r.stdout:
            missing.append(p)
    return missing


def install(systems, say, log):
    """Installs the Debian packages of the chosen systems. If one is missing after that, building its system reports it."""
    wanted = sorted({p for s in systems for p in s.manifest.get("apt", [])})
    if not shutil.which("dpkg-query"):
        say("not a Debian system: nothing is installed, what is here is used")
        return
    missing = _apt_missing(wanted)
    if not missing:
        return
    if os.geteuid() != 0:
        say(f"not root, so these packages stay missing: {' '.join(missing)}")
        return
    say(f"installing {' '.join(missing)}")
    env = "DEBIAN_FRONTEND=noninteractive RUNLEVEL=1"
    _sh("apt-get update -qq", log)
    for p in missing:                                   # one by one, so that a package that cannot be installed does not prevent others
        ok, why = _sh(f"{env} apt-get install -y -qq --no-install-recommends {shlex.quote(p)}", log)
        if not ok:
            say(f"  {p}: {why}")


def _build_cc(manifest, directory, build, log):
    out = os.path.join(build, manifest["cc"]["out"])
    sources = sorted(glob.glob(os.path.join(HERE, "driver", "*.c")) + glob.glob(os.path.join(directory, "*.c")))
    inputs = sources + glob.glob(os.path.join(HERE, "driver", "*.h")) + glob.glob(os.path.join(directory, "*.h"))
    if os.path.exists(out) and all(os.path.getmtime(s) < os.path.getmtime(out) for s in inputs):
        return True, ""
    cc = os.environ.get("CC", "cc")
    return _sh([cc, *CFLAGS, "-o", out, *sources, *manifest["cc"]["libs"]], log)


def build_all(systems, build, say, log):
    done = {}
    for s in systems:
        if s.directory not in done:
            done[s.directory] = _build_one(s, build, say, log)
        s.missing, s.version = done[s.directory]
        if s.missing:
            say(f"{s.title}: not run here: {s.missing}")


def _placed(command, s, build):
    """A command of system.json for the shell. Its placeholders are replaced by quoted paths."""
    for name, value in (("{build}", build), ("{dir}", s.directory), ("{root}", ROOT)):
        command = command.replace(name, shlex.quote(value))
    return command


def _build_one(s, build, say, log):
    for tool in s.manifest.get("tools", []):
        if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return f"there is no {tool} on this machine", "?"
    ok, why = True, ""
    if "cc" in s.manifest:
        ok, why = _build_cc(s.manifest, s.directory, build, log)
    for command in s.manifest.get("build", []):
        if not ok:
            break
        say(f"building {os.path.basename(s.directory)}")
        ok, why = _sh(_placed(command, s, build), log, cwd=s.directory)
    if not ok:
        return f"does not build: {why} (see {os.path.relpath(log, ROOT)})", "?"
    version = "?"
    if "version" in s.manifest:
        r = subprocess.run(_placed(s.manifest["version"], s, build), shell=True,
                           capture_output=True, text=True, check=False)
        version = r.stdout.strip() or "?"
    return None, version
