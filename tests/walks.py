#!/usr/bin/env python3
"""tests/walks.py SOURCE_ROOT: the walks in docs/architecture.md lead through the tree as it is.

A walk is a heading below *Four walks*, a leg a numbered list in it. A line of a leg names a file first, then functions of
that file. No file stands twice in a leg."""

import os
import re
import sys


def walks(text):
    """heading → (legs, text); a leg is a list of (file, functions)"""
    section = re.search(r"^## Four walks$(.*?)^## ", text, re.M | re.S).group(1)
    for walk in re.split(r"^### ", section, flags=re.M)[1:]:
        title, body = walk.split("\n", 1)
        legs = []
        for item in re.finditer(r"^(\d+)\. (.*(?:\n +\S.*)*)", body, re.M):
            if item.group(1) == "1":
                legs.append([])
            words = re.findall(r"`([^`]+)`", item.group(2))
            legs[-1].append((words[0], [w[:-2] for w in words[1:] if re.fullmatch(r"\w+\(\)", w)]))
        yield title, legs, body


def defines(path, function):
    """Whether @path defines @function. A definition begins in the first column; its parameters may go on in the next lines."""
    with open(path) as f:
        return re.search(rf"^\w[^;=\n]*\b{function}\([^;{{]*\)\s*\{{", f.read(), re.M) is not None


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "docs", "architecture.md")) as f:
        text = f.read()
    facts = []
    n_legs = 0
    for title, legs, body in walks(text):
        missing, twice, elsewhere = [], [], []
        n_legs += len(legs)
        for name in re.findall(r"`([\w-]+(?:/[\w-]+)+\.[ch])`", body):
            if not os.path.isfile(os.path.join(root, name)):
                missing.append(name)
        for leg in legs:
            names = [name for name, _ in leg]
            twice += sorted({name for name in names if names.count(name) > 1})
            for name, functions in leg:
                path = os.path.join(root, name)
                if not os.path.isfile(path):
                    missing.append(name)
                    continue
                elsewhere += [f"{name}: does not define {f}()" for f in functions if not defines(path, f)]
        title = re.sub(r"\W+", "_", title.lower()).strip("_")
        facts.append((f"the files of {title} exist", sorted(set(missing))))
        facts.append((f"no file stands twice in a leg of {title}", twice))
        facts.append((f"each function of {title} is in the file of its line", elsewhere))
    facts.append(("there are four walks of at least ten legs", [] if len(facts) == 12 and n_legs >= 10 else
                  [f"{len(facts) // 3} walks, {n_legs} legs: has the form changed?"]))

    print(f"1..{len(facts)}")
    for n, (name, bad) in enumerate(facts, 1):
        print(f"{'not ok' if bad else 'ok'} {n} - {name.replace(' ', '_')}")
        for b in bad:
            print(f"# {b}")
    return 1 if any(bad for _, bad in facts) else 0


sys.exit(main())
