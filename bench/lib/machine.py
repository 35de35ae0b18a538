# SPDX-License-Identifier: Apache-2.0
"""The machine: its description, which is published with the figures, and a way to keep its processors from halting.

An idle processor halts, and waking a halted virtual processor takes longer than most of what is measured here. Linux's haltpoll governor
polls before it halts, for a time that it learns from the last wake-ups. So during calls back and forth either both processors keep polling or
both halt, by chance: the raw socket's call takes 15 µs or 110 µs in runs of the same code. Therefore workloads of continuous work are
measured while /dev/cpu_dma_latency asks for a wake-up latency of 0 (the kernel's PM QoS, which cyclictest also uses). Then idle processors
poll. This costs the measured processes no time and moves none of them. The kernel ends it when the file is closed, however the program ends.
"""

import os
import struct

DEVICE = "/dev/cpu_dma_latency"
DRIVER = "/sys/devices/system/cpu/cpuidle/current_driver"


def _first_line(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.readline().strip()
    except OSError:
        return ""


class Awake:
    """Inside of `with` idle processors poll instead of halting. Without permission this has no effect: ask cannot_wake() first."""

    def __init__(self, wanted=True):
        self.wanted = wanted
        self.fd = -1

    def __enter__(self):
        if self.wanted and not cannot_wake():
            self.fd = os.open(DEVICE, os.O_WRONLY | os.O_CLOEXEC)
            os.write(self.fd, struct.pack("i", 0))
        return self

    def __exit__(self, *_):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def cannot_wake():
    """Why processors cannot be kept from halting here, in words, or None."""
    if _first_line(DRIVER) in ("", "none"):
        return "this kernel has no cpuidle driver to ask"
    if not os.access(DEVICE, os.W_OK):
        return f"{DEVICE} cannot be written (it takes root)"
    return None


def facts():
    cpu = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": os.uname().release, "load": _first_line("/proc/loadavg").split()[0],
            "idle": _first_line(DRIVER) or "none", "cannot_wake": cannot_wake()}


def times():
    """(time that the hypervisor gave to others, all time), in ticks of all processors since the machine started."""
    ticks = [int(x) for x in _first_line("/proc/stat").split()[1:9]]
    return ticks[7], sum(ticks)


def stolen(before, after):
    """The share of the processors' time that the hypervisor gave to others."""
    return (after[0] - before[0]) / max(after[1] - before[1], 1)
