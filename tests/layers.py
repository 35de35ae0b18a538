#!/usr/bin/env python3
"""tests/layers.py SOURCE_ROOT BUILD_ROOT: each room touches only what it may.

Three facts for each room: its include lines name only rooms that stand below it in ARROWS, its objects use only symbols of those rooms, and its
README names the same rooms. One fact for each program: its files do not use each other in a circle. Which file uses which is read with nm from the
symbols of the objects, so a declaration in a faraway header hides nothing."""

import collections
import glob
import os
import re
import subprocess
import sys

# A room → the rooms that it may touch; it may also touch all that those may touch. A room may always touch itself.
ARROWS = {
    "libactor/util": [],
    "libactor/protocol": ["libactor/util"],
    "libactor/supervision": ["libactor/util"],
    "libactor/message": ["libactor/protocol"],
    "libactor/transport": ["libactor/protocol"],
    "libactor/transport/native": ["libactor/transport"],
    "libactor/transport/nng": ["libactor/transport"],
    "libactor/loop": ["libactor/util"],
    "libactor/base": ["libactor/loop", "libactor/transport"],
    "libactor/peer": ["libactor/base"],
    "libactor/actor": ["libactor/peer", "libactor/message"],
    "libactor/node": ["libactor/actor"],
    "libactor/place": [],
    "libactor": ["libactor/node", "libactor/place"],
    "libactor/pool": ["libactor", "libactor/supervision"],
    "libactor/port": ["libactor"],
    "libactor/tree": ["libactor", "libactor/supervision"],
    "spawner/shared": ["libactor/place"],
    "spawner/keeper": ["spawner/shared"],
    "spawner/logs": ["spawner/shared", "libactor/protocol"],
    "spawner/node": ["spawner/shared", "libactor/protocol", "libactor/supervision"],
    "spawner/supervisor": ["spawner/node", "spawner/logs", "libactor"],
    "broker": ["spawner/shared", "libactor/transport"],
    "tools/lib": ["libactor/protocol"],
    "tools/view": ["tools/lib", "spawner/shared", "libactor"],
    "tools/logs": ["tools/view", "spawner/logs"],
    "tools/commands": ["tools/logs"],
    "tools": ["tools/commands"],
}
# The two transports have one interface: what they define counts as defined by the room that declares it.
BEHIND = {"libactor/transport/native": "libactor/transport", "libactor/transport/nng": "libactor/transport"}

PUBLIC = {"actor/actor.h", "actor/overload.h", "actor/pool.h", "actor/port.h", "actor/supervisor.h", "actor/test.h", "actor/trace.h"}

# A header that has only words, as #defines of strings, belongs to no room: any file may include it.
VARIABLES = "libactor/protocol/variables.h"

# Known circles that are still to be opened: files that reach each other. A file that is in no circle any more must leave the list.
KNOWN_CIRCLES = set()
# Known uses upwards: (file, room).
KNOWN_ARROWS = set()

PROGRAMS = ["libactor", "broker", "spawner/keeper", "spawner/supervisor", "tools"]


def room_of(path):
    return os.path.dirname(path)


def allowed(room, seen=None):
    rooms = {room}
    for below in ARROWS[room]:
        rooms |= allowed(below)
    return rooms


def readme_complaints(root, room):
    """What the README of a room says wrongly about the rooms that it may include."""
    path = os.path.join(root, room, "README.md")
    if not os.path.exists(path):
        return [f"{room}/README.md is missing: what does the room own, what may it include, what must it not?"]
    with open(path) as f:
        text = f.read()
    said = re.search(r"^- \*\*May include\*\*:(.*?)^- ", text, re.M | re.S)
    if not said:
        return [f"{room}/README.md has no line '- **May include**: …' with another one after it"]
    said = set(re.findall(r"`([^`]+)`", said.group(1)))
    may = allowed(room) - {room}
    missing, folder = [], ""
    tests = re.search(r"^- \*\*Tests\*\*:(.*?)(?=^- |\Z)", text, re.M | re.S)
    for name in re.findall(r"`([^`]+)`", tests.group(1)) if tests else []:
        folder = os.path.dirname(name) if name.startswith("tests/") and "." in name else name if "/" in name else folder
        if not glob.glob(os.path.join(root, name if "/" in name else os.path.join(folder, name))):
            missing.append(f"{room}/README.md: names {name}, which does not exist")
    long = missing + [f"{room}/README.md has more than 15 lines"] if text.count("\n") > 15 else []
    return long + [f"{room}/README.md: says that it may include {to}; ARROWS does not" for to in sorted(said - may)] + [
        f"{room}/README.md: does not name {to}, which it may include" for to in sorted(may - said)]


def sources(root):
    for top in ["libactor", "broker", "spawner", "tools"]:
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = [f for f in folders if f not in ("include", "completion")]
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def includes(root, path):
    with open(os.path.join(root, path)) as f:
        return re.findall(r'^#include "([^"]+)"', f.read(), re.M)


def more_than_words(root, path):
    with open(os.path.join(root, path)) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    return [f"{path}: {line}" for line in text.splitlines()
            if line.strip() and not re.fullmatch(r'#pragma once|#define \w+\s+"\w+"\s*', line)]


def named_elsewhere(root, files):
    """Finds variables whose name is written as a whole string, or at the beginning of a format. Within a sentence for people a name may stand."""
    complaints = []
    for path in files:
        with open(os.path.join(root, path)) as f:
            found = re.findall(r'"(ACTOR_[A-Z_]+)(?:=(?:%[^" ]*)?)?"', f.read()) if path != VARIABLES else []
        complaints += [f"{path}: {name} is to come from {VARIABLES}" for name in found]
    return complaints


def objects(build):
    """Source path → object path, for what is built in the core's own folders. What the tests compile again is not among these."""
    found = {}
    for folder, _, names in os.walk(build):
        rel = os.path.relpath(folder, build)
        if rel.split(os.sep)[0] not in ("libactor", "broker", "spawner", "tools"):
            continue
        for name in names:
            if name.endswith(".c.o"):
                top = rel.split(os.sep)[0]
                found[(top, name[:-2])] = os.path.join(folder, name)
    return found


def symbols(path):
    defined, used = set(), set()
    for line in subprocess.run(["nm", "-P", path], capture_output=True, text=True, check=True).stdout.splitlines():
        name, kind = line.split()[:2]
        if kind in "Uw":
            used.add(name)
        elif kind.isupper() and kind not in "VW":  # a weak one is the same in each file (util/clock.h)
            defined.add(name)
    return defined, used


def circles(graph):
    """Tarjan's algorithm: the sets of more than one file that reach each other."""
    index, low, stack, on, out, counter = {}, {}, [], set(), [], [0]

    def visit(v):
        index[v] = low[v] = counter[0]
        counter[0] += 1
        stack.append(v)
        on.add(v)
        for w in graph.get(v, ()):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            scc = []
            while True:
                w = stack.pop()
                on.discard(w)
                scc.append(w)
                if w == v:
                    break
            if len(scc) > 1:
                out.append(sorted(scc))

    sys.setrecursionlimit(10000)
    for v in sorted(graph):
        if v not in index:
            visit(v)
    return out


def main():
    root, build = sys.argv[1:3]
    files = list(sources(root))
    complaints, facts = [], []

    # --- include lines ---
    known_arrows = set()
    by_room = collections.defaultdict(list)
    for path in files:
        room = room_of(path)
        if room not in ARROWS:
            by_room[room].append(f"{path}: stands in no room of the table")
            continue
        may = allowed(room)
        by_room[room] += []
        for inc in includes(root, path):
            if inc in PUBLIC or inc == VARIABLES:
                continue
            to = room_of(inc)
            if not os.path.exists(os.path.join(root, inc)):
                by_room[room].append(f'{path}: "{inc}" does not say its room')
            elif to not in may:
                if (path, to) in KNOWN_ARROWS:
                    known_arrows.add((path, to))
                else:
                    by_room[room].append(f"{path}: includes {inc}, and {room} may not touch {to}")
    for room in sorted(by_room):
        facts.append((f"includes of {room} look down", by_room[room]))
    facts.append(("a header of words has words alone", more_than_words(root, VARIABLES)))
    facts.append(("a variable of the environment is named in one place", named_elsewhere(root, files)))
    for room in sorted(ARROWS):
        facts.append((f"the README of {room} says what it may include and names tests that exist", readme_complaints(root, room)))

    # --- symbols ---
    found = objects(build)
    obj = {}
    for path in files:
        if path.endswith(".c"):
            top, rest = path.split("/", 1)
            o = found.get((top, rest.replace("/", "_")))
            if o:
                obj[path] = o
    define, use = {}, {}
    for path, o in obj.items():
        define[path], use[path] = symbols(o)
    graph = collections.defaultdict(set)
    tops = lambda p: p.split("/")[0] if not p.startswith("spawner/") else "/".join(p.split("/")[:2])
    owner = collections.defaultdict(list)
    for path, names in define.items():
        for name in names:
            owner[name].append(path)
    for path, names in use.items():
        for name in names:
            own = owner.get(name, [])
            if len(own) > 1:  # two programs define the same word: its own program's counts, or else the library's
                own = [p for p in own if tops(p) == tops(path)] or [p for p in own if p.startswith("libactor/")]
            for p in own:
                if p != path:
                    graph[path].add((p, name))
    by_room = collections.defaultdict(list)
    for path in obj:
        room = room_of(path)
        if room not in ARROWS:
            continue
        may = allowed(room)
        by_room[room] += []
        for to, name in sorted(graph[path]):
            if room_of(to) not in may and BEHIND.get(room_of(to)) not in may:
                if (path, room_of(to)) in KNOWN_ARROWS:
                    known_arrows.add((path, room_of(to)))
                else:
                    by_room[room].append(f"{path}: uses {name} of {to}")
    for room in sorted(by_room):
        facts.append((f"symbols of {room} are its own or from below", by_room[room]))

    # Any program may be linked with the whole library, as the fuzzers are.
    facts.append(("no function of the library has a namesake outside", sorted(
        f"{name}: {' and '.join(sorted(own))}" for name, own in owner.items()
        if {p.startswith("libactor/") for p in own} == {True, False})))

    rings = circles({p: {t for t, _ in e} for p, e in graph.items()})
    known = set()
    for program in ["libactor", "broker", "spawner", "tools"]:
        bad = []
        for ring in rings:
            if ring[0].startswith(program + "/"):
                inside = [p for p in ring if p in KNOWN_CIRCLES]
                known |= set(inside)
                if len(inside) < len(ring):
                    bad.append(f"{len(ring)} files reach each other: " + " ".join(ring))
        facts.append((f"no circle of files in {program}", bad))
    stale = [f"{p}: is in no circle any more; take it out of KNOWN_CIRCLES" for p in sorted(KNOWN_CIRCLES - known) if p in obj]
    stale += [f"{p} → {r}: does not look up any more; take it out of KNOWN_ARROWS" for p, r in sorted(KNOWN_ARROWS - known_arrows)]
    facts.append(("the exceptions are still needed", stale))
    facts.append(("objects of every program were found", [] if len(obj) > 100 else [f"{len(obj)} objects below {build}: is it built?"]))

    print(f"1..{len(facts)}")
    for n, (name, bad) in enumerate(facts, 1):
        print(f"{'not ok' if bad else 'ok'} {n} - {name.replace(' ', '_')}")
        for b in bad:
            print(f"# {b}")
    return 1 if any(bad for _, bad in facts) else 0


sys.exit(main())
