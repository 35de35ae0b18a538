#!/usr/bin/env python3
"""scripts/count-tests reads what a real `meson test` leaves: it counts facts, and says of each that failed why.

usage: test-count-tests.py SOURCE-DIR      (writes TAP)
"""

import os
import shutil
import subprocess
import sys
import tempfile
import traceback

from facts import chosen

COUNT = os.path.join(os.path.abspath(sys.argv[1]), "scripts/count-tests")
ROOT = tempfile.mkdtemp(prefix="test-count-tests-")

PROGRAMS = {
    "good": (True, 'print("1..2\\nok 1 - one\\nok 2 - two # SKIP not here")'),
    "fails": (True, r'''print("""1..4
ok 1 - one
not ok 2 - two is three
# 2 != 3
# here.c:7: error: Failure!
ok 3 - three
not ok 4 - four
# no reason of four
# not ok - fails""")
raise SystemExit(1)'''),
    "crashes": (True, r'''import os, sys
print("1..2\nok 1 - one", flush=True)
print("ERROR: AddressSanitizer: boom", file=sys.stderr, flush=True)
os.kill(os.getpid(), 11)'''),
    "plain": (False, 'print("what went wrong"); raise SystemExit(3)'),
}


def count(programs):
    """Runs these programs by meson, and then count-tests. Returns its lines and its exit status."""
    source = tempfile.mkdtemp(dir=ROOT)
    with open(source + "/meson.build", "w") as f:
        f.write("project('x')\npy = find_program('python3')\n")
        for name in programs:
            tap, text = PROGRAMS[name]
            f.write(f"test('{name}', py, args: files('{name}.py'), suite: ['unit', 'all']{', protocol: ' + repr('tap') if tap else ''})\n")
            with open(f"{source}/{name}.py", "w") as program:
                program.write(text + "\n")
    subprocess.run(["meson", "setup", source + "/b", source], check=True, capture_output=True)
    subprocess.run(["meson", "test", "-C", source + "/b"], capture_output=True)
    p = subprocess.run([sys.executable, COUNT, source + "/b"], capture_output=True, text=True)
    assert not p.stderr, p
    return p.stdout.replace(source + "/", ""), p.returncode


def facts_are_counted_and_skips_apart():
    out, rc = count(["good"])
    assert (out, rc) == ("1 passed, 0 failed, 1 skipped\n", 0), (out, rc)


def a_failed_fact_prints_its_assertion():
    out, rc = count(["good", "fails"])
    assert out == (
        "failed: b: fails: 2 - two is three\n    # 2 != 3\n    # here.c:7: error: Failure!\n"
        "failed: b: fails: 4 - four\n    # no reason of four\n"
        "3 passed, 2 failed, 1 skipped\n"), out
    assert rc == 1


def a_program_that_crashed_prints_what_it_said_last():
    out, rc = count(["crashes", "plain"])
    assert "failed: b: crashes: error, see b/meson-logs/testlog.txt\n" in out and "    ERROR: AddressSanitizer: boom\n" in out, out
    assert "failed: b: plain: fail, see b/meson-logs/testlog.txt\n    what went wrong\n" in out, out
    assert out.endswith("1 passed, 2 failed\n") and rc == 1, out


def a_directory_without_results_is_a_failure():
    p = subprocess.run([sys.executable, COUNT, ROOT], capture_output=True, text=True)
    assert p.returncode == 1 and "no results" in p.stdout and p.stdout.endswith("0 passed, 1 failed\n"), p


facts = [facts_are_counted_and_skips_apart, a_failed_fact_prints_its_assertion, a_program_that_crashed_prints_what_it_said_last,
         a_directory_without_results_is_a_failure]
failed = 0
facts = chosen(facts)
print(f"1..{len(facts)}", flush=True)
for n, fact in enumerate(facts, 1):
    try:
        fact()
        print(f"ok {n} - {fact.__name__.replace('_', ' ')}", flush=True)
    except BaseException:
        failed += 1
        print(f"not ok {n} - {fact.__name__.replace('_', ' ')}", flush=True)
        for line in traceback.format_exc().splitlines():
            print("# " + line, flush=True)
shutil.rmtree(ROOT, ignore_errors=True)
sys.exit(1 if failed else 0)
