# SPDX-License-Identifier: Apache-2.0
"""The workloads. docs/benchmarks.md says what each one means, and the self-test checks that every id is named there."""

SIZES_ALL = [2 ** i for i in range(4, 21)]              # 16 B to 1 MiB
SIZES_TABLE = [4 ** i for i in range(2, 11)]


class Workload:
    """`args`: arguments for a system's program. `seconds`: the length of one run. Many short runs are better than few long ones, since disturbances
    last longer than a run. `quick`: the workload is part of --quick. `awake`: idle processors poll while it runs (machine.py says why);
    workloads that begin with all processes asleep let them halt."""

    def __init__(self, wid, title, kind, seconds, args=(), program=None, quick=True, awake=True):
        self.id = wid
        self.title = title
        self.kind = kind                                # latency | rate | bytes
        self.seconds = seconds
        self.args = list(args)
        self.program = program or wid                   # the name that the programs use
        self.quick = quick
        self.awake = awake
        self.sizes = [int(n) for n in self.args[1].split(",")] if "--size" in self.args else []

    def key(self, result):
        """The key of a result. A sweep over sizes prints one result for each size, so its keys have the size."""
        return f"{self.id}@{result['size']}" if self.sizes else self.id


WORKLOADS = [
    Workload("call_hot", "call round trip between two processes, 64 B, hot", "latency", 0.15),
    Workload("call_hot_halting", "the same, hot, but idle processors may halt", "latency", 0.15, program="call_hot", quick=False, awake=False),
    Workload("call_idle", "call round trip between two processes, 64 B, both asleep before each", "latency", 0.25, awake=False),
    Workload("oneway", "one-way messages between two processes, 64 B", "rate", 0.2),
    Workload("oneway_sizes", "one-way messages by size", "rate", 0.04, ["--size", ",".join(map(str, SIZES_ALL))],
             program="oneway", quick=False),
    Workload("fanin_4", "fan-in, 4 senders", "rate", 0.15, ["--peers", "4"], program="fanin", quick=False),
    Workload("fanin_16", "fan-in, 16 senders", "rate", 0.15, ["--peers", "16"], program="fanin", quick=False),
    Workload("fanin_64", "fan-in, 64 senders to one receiver, 64 B", "rate", 0.2, ["--peers", "64"], program="fanin"),
    Workload("fanout_64", "fan-out to 64 receivers, 64 B (deliveries)", "rate", 0.2, ["--peers", "64"], program="fanout"),
    Workload("death", "kill -9 of a process, to the notice in another", "latency", 0.25, awake=False),
    Workload("restart", "kill -9, to the replacement having answered a call", "latency", 0.25, awake=False),
    Workload("local_call", "call within one process", "latency", 0.12),
    Workload("local_oneway", "one-way within one process", "rate", 0.12),
    Workload("local_spawn", "spawn within one process", "latency", 0.12),
    Workload("suite_create", "ractor's suite: creation of 10,000 actors, per actor", "latency", 0.15, quick=False),
    Workload("suite_self", "ractor's suite: 100,000 messages to oneself, per message", "latency", 0.12),
    Workload("suite_small", "ractor's suite: 10,000 messages of 8 B, per message", "latency", 0.12, quick=False),
    Workload("suite_large", "ractor's suite: 1,000 messages of 256 B, per message", "latency", 0.12, quick=False),
    Workload("suite_spawn_stop", "ractor's suite: spawn and stop of 1,000 actors, per actor", "latency", 0.12),
    Workload("name_lookup", "look up a registered name", "latency", 0.08),
    Workload("name_register", "register a name", "latency", 0.1),
    Workload("group_join", "join a process group", "latency", 0.1),
    Workload("group_cast", "cast to a process group of 1,000 (deliveries)", "rate", 0.15),
    Workload("mem_actor", "memory of one idle actor", "bytes", 0.1),
    Workload("mem_process", "private memory of an idle process with one actor", "bytes", 0.1),
]

BY_ID = {w.id: w for w in WORKLOADS}
KINDS = {w.id: w.kind for w in WORKLOADS}
