#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
tests/parity.py SOURCE_ROOT: docs/parity.md says the truth about itself.

Each thing that ractor, OTP, its test suites and other supervisors have is a row of one of the tables in docs/parity/, under its
own id. This test checks that each id stands there once; that a row that works names facts that exist, in programs that meson
runs; that a row that does not work says when or why; and that the counts in docs/parity.md are those of the tables.

  parity.py ROOT --write-counts    writes the counts
  parity.py ROOT --sample SEED     picks one of every twenty rows that work. Each is to have a fault in tests/mutants that breaks what
                                   it says and is seen by a fact that it names; `# row: ID` stands over such a fault
  parity.py ROOT --ran BUILD       says which named facts the last `meson test` in BUILD did not run, and which failed
"""

import glob
import hashlib
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

# What there is to compare with: file → section → how its ids begin, and their numbers.
SECTIONS = {
    "ractor.md": [
        ("Actors and their life", "R1.1.", "1-21"),
        ("References, messages, mailboxes", "R1.2.", "1-27"),
        ("Supervision, links, monitors", "R1.3.", "1-10"),
        ("Registry and process groups", "R1.4.", "1-14"),
        ("Calls", "R1.5.", "1-9"),
        ("Timers", "R1.6.", "1-5"),
        ("Output ports", "R1.7.", "1-5"),
        ("Worker pools", "R1.8.", "1-31"),
        ("Threads, macros, runtimes", "R1.9.", "1-8"),
        ("In short: what must be matched", "R7.M.", "1-13"),
        ("In short: what should be beaten", "R7.B.", "1-11"),
    ],
    "otp.md": [
        ("Supervisors", "S", "1-7 10-18 20-26 30-41 50-54 60-65"),
        ("Restart types and reasons", "ST.", "1-3"),
        ("gen_server", "G", "1-22"),
        ("Links", "L", "1-6"),
        ("Monitors", "M", "1-8"),
        ("Order and delivery", "O", "1-9"),
        ("Exit signals", "X.", "1-7"),
        ("pg", "PG", "1-11"),
        ("global", "GL", "1-5"),
        ("sys and observability", "SYS.", "1-11"),
        ("Programs outside", "C8.5.", "1-10"),
    ],
    "otp-suite.md": [("supervisor_SUITE", "SUP.", "1-54")],
    "peers.md": [
        ("What users of supervisors ask for", "P1.3.", "1-24"),
        ("Verbs of the command line", "P4.2.", "1-36"),
        ("Tests with numbers", "P7.3.", "1-27"),
    ],
}
NOT_YET = []  # titles of sections that are still to be written
STATES = ["works", "partly", "later", "declined"]
ISSUES = range(7, 14)
BEGIN, END = "<!-- counts: tests/parity.py --write-counts -->", "<!-- end of counts -->"


def ids_of(prefix, numbers):
    for part in numbers.split():
        first, _, last = part.partition("-")
        for n in range(int(first), int(last or first) + 1):
            yield f"{prefix}{n}"


class Row:
    def __init__(self, cells):
        self.id, self.there, self.state, self.here, self.by = cells
        # The cell has the form: `file`: fact, fact; `file`: fact
        self.facts = [(path, fact) for path, facts in re.findall(r"`([\w./-]+\.(?:c|py))`: ([\w, \n]+)", self.by)
                      for fact in re.findall(r"\w+", facts)]


def cells_of(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def read_rows(root):
    """file → section → rows; and the lines that are no rows"""
    tables, bad = {}, []
    for name in SECTIONS:
        tables[name] = {}
        path = os.path.join(root, "docs", "parity", name)
        if not os.path.isfile(path):
            continue
        section = None
        with open(path) as f:
            for n, line in enumerate(f, 1):
                if line.startswith("## "):
                    section = tables[name].setdefault(line[3:].strip(), [])
                elif line.startswith("|") and not re.match(r"\| id |\|---", line):
                    cells = cells_of(line)
                    if len(cells) != 5 or section is None:
                        bad.append(f"docs/parity/{name}:{n}: {len(cells)} cells, not 5 below a heading")
                    else:
                        section.append(Row(cells))
    return tables, bad


class Facts:
    """Knows whether a fact exists, and whether meson runs its program."""

    def __init__(self, root):
        self.root = root
        self.texts = {}
        self.meson = self.text("meson.build") + self.text("fuzz/meson.build")

    def text(self, path):
        if path not in self.texts:
            full = os.path.join(self.root, "tests", path)
            self.texts[path] = None
            if os.path.isfile(full):
                with open(full) as f:
                    self.texts[path] = f.read()
        return self.texts[path]

    def why_not(self, path, fact):
        text = self.text(path)
        if text is None:
            return f"there is no tests/{path}"
        program = re.match(r"(?:test-)?(.*)\.\w+$", os.path.basename(path)).group(1)
        if f"{os.path.basename(path)}'" not in self.meson and not re.search(rf"'{re.escape(program)}': ", self.meson):
            return f"meson runs no tests/{path}"
        if fact == "program":  # stands for all of a program that has no facts with names
            return None
        definition = rf"^def {fact}\(" if path.endswith(".py") else rf"^(?:static )?void {fact}\("
        if not re.search(definition, text, re.M):
            return f"tests/{path} has no {fact}"
        chosen = len(re.findall(rf"\b{fact}\b", text)) > 1 or (path.endswith(".py") and (
            re.search(rf"^@fact\ndef {fact}\(", text, re.M) or (fact.startswith("test_") and 'startswith("test_")' in text)))
        return None if chosen else f"tests/{path} never runs {fact}"


def wrong_in(row, facts):
    if row.state not in STATES:
        return f"the state is none of {', '.join(STATES)}: {row.state}"
    if not row.there or (not row.here and row.state in ("works", "partly")):
        return "a cell is empty"
    if row.state in ("works", "partly"):
        if not row.facts:
            return f"{row.state}, and no fact is named"
        for path, fact in row.facts:
            why = facts.why_not(path, fact)
            if why:
                return why
        left = re.sub(r"`[\w./-]+`: [\w, ]+;?", "", row.by).strip()
        if left:
            return f"what is this among the facts: {left}"
    if row.state == "partly" and not re.search(r"[Mm]issing: ", row.here):
        return "partly, and it does not say what is missing"
    if row.state == "later" or (row.state == "partly" and "issue" in row.here):
        issues = re.findall(r"issue (\d+)", row.by if row.state == "later" else row.here)
        if not issues or any(int(i) not in ISSUES for i in issues):
            return "which issue?"
    if row.state == "declined" and len(row.by.split()) < 4:
        return "declined, and it does not say why"
    return None


def counts(tables):
    lines = ["| | " + " | ".join(STATES) + " | all |", "|---|" + "--:|" * (len(STATES) + 1)]
    sums = dict.fromkeys(STATES, 0)
    for name, sections in SECTIONS.items():
        for title, prefix, numbers in sections:
            states = [row.state for row in tables[name].get(title, [])]
            if not states:
                continue
            for state in STATES:
                sums[state] += states.count(state)
            anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            lines.append(f"| [{title}](parity/{name}#{anchor}) | " + " | ".join(str(states.count(s)) for s in STATES) + f" | {len(states)} |")
    lines.append("| **all** | " + " | ".join(str(sums[s]) for s in STATES) + f" | {sum(sums.values())} |")
    return "\n".join(lines) + "\n"


def check(root, tables, bad_lines):
    facts = Facts(root)
    known = [i for sections in SECTIONS.values() for title, *ids in sections if title not in NOT_YET for i in ids_of(*ids)]
    rows = [row for sections in tables.values() for section in sections.values() for row in section]
    there = [row.id for row in rows]
    yield "each id stands in a table", sorted(set(known) - set(there))
    yield "no id stands there twice", sorted({i for i in there if there.count(i) > 1})
    yield "nothing else stands there", [i for i in there if i not in known] + bad_lines
    strays = []
    for name, sections in SECTIONS.items():
        for title, prefix, numbers in sections:
            ids = list(ids_of(prefix, numbers))
            here = [row.id for row in tables[name].get(title, [])]
            if here and here != ids:
                strays.append(f"{name}, {title}")
    yield "each section has its ids, in order", strays
    yield "each row says what its state asks for", [f"{row.id}: {why}" for row in rows for why in [wrong_in(row, facts)] if why]
    works = {row.id for row in working(tables)}
    yield "faults are planted for rows that work", sorted(set(faults(root)) - works)
    with open(os.path.join(root, "docs", "parity.md")) as f:
        text = f.read()
    stands = text.partition(BEGIN)[2].partition(END)[0].strip()
    yield "the counts are those of the tables", [] if stands == counts(tables).strip() else ["run tests/parity.py . --write-counts"]


def write_counts(root, tables):
    path = os.path.join(root, "docs", "parity.md")
    with open(path) as f:
        text = f.read()
    before, _, rest = text.partition(BEGIN)
    with open(path, "w") as f:
        f.write(before + BEGIN + "\n\n" + counts(tables) + "\n" + END + rest.partition(END)[2])


def working(tables):
    return [row for sections in tables.values() for section in sections.values() for row in section if row.state == "works"]


def faults(root):
    """id of a row → the faults that break it"""
    found = {}
    for path in sorted(glob.glob(os.path.join(root, "tests", "mutants", "*.mut"))):
        with open(path) as f:
            for ids, fault in re.findall(r"^# row: (.*)\n== (.*)$", f.read(), re.M):
                for one in ids.split():
                    found.setdefault(one, []).append(f"{os.path.basename(path)}: {fault}")
    return found


def sample(root, tables, seed):
    planted = faults(root)
    # The order is by a hash of each id, so that a row that comes or goes changes one pick and not all.
    rows = sorted(working(tables), key=lambda row: hashlib.sha256(f"{seed} {row.id}".encode()).digest())
    for row in rows[:(len(rows) + 19) // 20]:
        print(f"{row.id}: {row.there}\n  {row.by}")
        for fault in planted.get(row.id, ["NO FAULT"]):
            print(f"  {fault}")


def ran(tables, build):
    """Says which named facts did not run, or failed, in the last `meson test` of @build and where it was run again. A fact that was skipped was not
    possible there, and counts as run."""
    went_well, bad = {}, 0
    for base in ("testlog", "again"):
        path = os.path.join(build, "meson-logs", base + ".junit.xml")
        results = {}
        for case in ElementTree.parse(path).iter("testcase") if os.path.isfile(path) else ():
            # A case is "12 - test_something (variant)". A fact went well if all its variants did.
            fact = re.sub(r"^\d+ - | \(.*\)$", "", case.get("name").split(" / ")[-1]).replace(" ", "_")
            well = case.find("failure") is None and case.find("error") is None
            results[fact] = results.get(fact, True) and well
        went_well.update(results)
    named = {f for sections in tables.values() for section in sections.values() for row in section for f in row.facts}
    for path, fact in sorted(named):
        if fact != "program" and not went_well.get(fact):
            print(f"{path}: {fact}")
            bad += 1
    print(f"docs/parity.md names {len(named)} facts, {bad} of them did not run well")
    return 1 if bad else 0


def main():
    root = sys.argv[1]
    tables, bad_lines = read_rows(root)
    if sys.argv[2:] == ["--write-counts"]:
        return write_counts(root, tables)
    if sys.argv[2:3] == ["--sample"]:
        return sample(root, tables, int(sys.argv[3]))
    if sys.argv[2:3] == ["--ran"]:
        return ran(tables, sys.argv[3])
    facts = list(check(root, tables, bad_lines))
    print(f"1..{len(facts)}")
    for n, (name, bad) in enumerate(facts, 1):
        print(f"{'not ok' if bad else 'ok'} {n} - {re.sub(r'[ ,]+', '_', name)}")
        for b in bad:
            print(f"# {b}")
    return 1 if any(bad for _, bad in facts) else 0


sys.exit(main())
