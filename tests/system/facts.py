# SPDX-License-Identifier: Apache-2.0
"""FACT=TEXT in the environment chooses the facts of a test program whose names contain TEXT, as it does for the programs in C (tests/fact.h)."""

import os
import sys


def chosen(tests):
    text = os.environ.get("FACT", "").replace(" ", "_")
    tests = [t for t in tests if text in t.__name__]
    if not tests:
        sys.exit(f"FACT={text}: no fact of this program has that in its name")
    return tests
