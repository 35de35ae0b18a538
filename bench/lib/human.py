# SPDX-License-Identifier: Apache-2.0
"""Figures for people: three digits and a unit."""


def human_ns(ns):
    for limit, div, unit in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if ns < limit:
            return f"{ns / div:.3g} {unit}"
    return f"{ns / 1e9:.3g} s"


def human_n(n):
    for limit, div, unit in ((1e3, 1, ""), (1e6, 1e3, " k"), (1e9, 1e6, " M")):
        if n < limit:
            return f"{n / div:.3g}{unit}"
    return f"{n / 1e9:.3g} G"


def human_bytes(n):
    for limit, unit in ((2 ** 20, "MiB"), (2 ** 10, "KiB")):
        if n >= limit:
            return f"{n / limit:.3g} {unit}"
    return f"{n:.0f} B"


def human_ratio(r):
    if r is None:
        return "–"
    return f"{r:.0f}" if r >= 10 else f"{r:.2f}" if r >= 0.1 else f"{r:.2g}"


UNIT = {"latency": human_ns, "rate": lambda v: human_n(v) + "/s", "bytes": human_bytes}
