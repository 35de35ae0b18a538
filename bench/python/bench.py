#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's multiprocessing: a Pipe between two processes, and a Queue if many send to one. The start
method is fork, the default on Linux. For memory it is spawn, since a forked child shares pages with its parent."""

import argparse
import array
import json
import math
import multiprocessing as mp
import os
import signal
import struct
import sys
import time
from multiprocessing import connection

TAIL_NS = 30_000_000
END = 1 << 63


def cpu_ns(pid):
    """CPU time of all threads of a process. The clock id is the one that clock_getcpuclockid() makes."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
        return 1024 * sum(int(line.split()[1]) for line in f if line.startswith(("Private_Clean:", "Private_Dirty:")))


def report(workload, size, unit, n, check, **figures):
    print(json.dumps({"workload": workload, "size": size, "unit": unit, "n": n, **figures, "check": check}), flush=True)


def report_latency(args, size, samples):
    """Also writes every sample to DIR/samples, as native 32-bit integers, since bench/compare pools the tails of many runs."""
    with open(os.path.join(args.dir, "samples"), "wb") as f:
        array.array("I", samples).tofile(f)
    s, n = sorted(samples), len(samples)
    q = [s[math.ceil(p * n) - 1] for p in (0.5, 0.99, 0.999)]
    report(args.workload, size, "ns", n, {"sent": n, "received": n, "errors": 0}, p50=q[0], p99=q[1], p999=q[2],
           mean=sum(s) / n, min=s[0], max=s[-1])


# ---- calls ----

def echo(conn):
    try:
        while True:
            conn.send(conn.recv())
    except EOFError:
        pass


def server():
    ours, theirs = mp.Pipe()
    p = mp.Process(target=echo, args=(theirs,), daemon=True)
    p.start()
    theirs.close()
    return p, ours


def call(conn, request):
    conn.send(request)
    if conn.recv() != request:
        raise SystemExit("bench: a call was not answered with its own request")


def calls(args, idle):
    for size in args.size:
        process, conn = server()
        pad = bytes(size - 8)
        seq = 0
        for seconds in (args.seconds / 4, args.seconds):        # warm-up, then the window
            samples, end = [], time.monotonic_ns() + int(seconds * 1e9)
            while time.monotonic_ns() < end:
                if idle:
                    time.sleep(0.001)
                request = struct.pack("<Q", seq) + pad
                start = time.monotonic_ns()
                call(conn, request)
                samples.append(time.monotonic_ns() - start)
                seq += 1
        report_latency(args, size, samples)
        process.kill()
        process.join()


# ---- one way: the window is the receiver's ----

def receive(source, senders, size, warm_ns, window_ns, result):
    expected, n, errors, ended = [0] * senders, 0, 0, 0
    first = start = window = None
    result.put("ready")
    while ended < senders:
        data = source.recv_bytes() if hasattr(source, "recv_bytes") else source.get()
        seq, tag = struct.unpack_from("<QQ", data)
        sender = tag & 0xffff
        if len(data) != size or seq != expected[sender]:
            errors += 1
        expected[sender] = seq + 1
        n += 1
        if window is None:
            now = time.monotonic_ns()
            if first is None:
                first = now
            elif start is None:
                if now - first >= warm_ns:
                    start, start_n = now, n
            elif now - start >= window_ns:
                window = (n - start_n, now - start)
        if tag & END:
            ended += 1
    # bursts were so long that no window can be cut, so the whole run counts
    result.put((window or (n, max(1, time.monotonic_ns() - first)), n, errors, window is None))


def send(targets, index, size, go, duration_ns, result):
    pad = bytes(size - 16)
    puts = [t.send_bytes if hasattr(t, "send_bytes") else t.put for t in targets]
    result.put("ready")
    go.wait()
    end, n, last = time.monotonic_ns() + duration_ns, 0, False
    while not last:
        last = time.monotonic_ns() >= end
        data = struct.pack("<QQ", n, index | (END if last else 0)) + pad
        for put in puts:
            put(data)
        n += 1
    result.put(n)


def flows(args, senders, receivers):
    for size in args.size:
        flow(args, size, senders, receivers)


def flow(args, size, senders, receivers):
    warm_ns, window_ns = int(args.seconds * 0.25e9), int(args.seconds * 1e9)
    result, go = mp.Queue(), mp.Event()
    if senders == 1:
        pairs = [mp.Pipe(duplex=False) for _ in range(receivers)]
        sources, targets = [p[0] for p in pairs], [p[1] for p in pairs]
    else:
        queue = mp.Queue(16384)
        sources, targets = [queue], [queue]
    sent_q = mp.Queue()
    rx = [mp.Process(target=receive, args=(s, senders, size, warm_ns, window_ns, result), daemon=True) for s in sources]
    tx = [mp.Process(target=send, args=(targets, i, size, go, 2 * warm_ns + window_ns + TAIL_NS, sent_q), daemon=True) for i in range(senders)]
    processes = rx + tx
    for p in processes:
        p.start()
    for _ in rx:
        result.get(timeout=30)
    for _ in tx:
        sent_q.get(timeout=30)

    def cpu():
        return time.process_time_ns() + sum(cpu_ns(p.pid) for p in processes)

    at_go = cpu()
    go.set()
    time.sleep(warm_ns / 1e9)
    before, t0 = cpu(), time.monotonic_ns()
    time.sleep(window_ns / 1e9)
    share = (cpu() - before) / (time.monotonic_ns() - t0)
    sent = sum(sent_q.get(timeout=30) for _ in tx) * receivers
    results = [result.get(timeout=30) for _ in rx]
    whole = any(r[3] for r in results)
    n, received = sum(r[0][0] for r in results), sum(r[1] for r in results)
    rate = sum(r[0][0] * 1e9 / r[0][1] for r in results)
    report(args.workload, size, "msgs/s", n, {"sent": sent, "received": received, "errors": sum(r[2] for r in results)}, msgs_per_s=rate,
           whole=whole, cpu_s_per_mmsg=(cpu() - at_go) / 1e3 / max(received, 1) if whole else share * 1e6 / rate)
    for p in processes:
        p.kill()
        p.join()


# ---- death, restart, memory ----

def death(args):
    samples, end = [], time.monotonic_ns() + int(args.seconds * 1e9)
    while len(samples) < 3 or time.monotonic_ns() < end:
        process, conn = server()
        call(conn, b"x")
        time.sleep(0.002)
        start = time.monotonic_ns()
        os.kill(process.pid, signal.SIGKILL)
        connection.wait([process.sentinel])
        samples.append(time.monotonic_ns() - start)
        process.join()
    report_latency(args, 64, samples[1:])


def restart(args):
    samples, end = [], time.monotonic_ns() + int(args.seconds * 1e9)
    process, conn = server()
    call(conn, b"x")
    while len(samples) < 3 or time.monotonic_ns() < end:
        time.sleep(0.002)
        start = time.monotonic_ns()
        os.kill(process.pid, signal.SIGKILL)
        connection.wait([process.sentinel])
        process.join()
        process, conn = server()
        call(conn, b"x")
        samples.append(time.monotonic_ns() - start)
    process.kill()
    report_latency(args, 64, samples[1:])


def mem_process(args):
    process, conn = server()
    call(conn, b"x")
    time.sleep(0.1)
    report("mem_process", 0, "bytes", 1, {"sent": 1, "received": 1, "errors": 0}, bytes=private_bytes(process.pid))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("workload")
    p.add_argument("--seconds", type=float, default=1.0)
    p.add_argument("--size", default="64", type=lambda s: [int(x) for x in s.split(",")])
    p.add_argument("--peers", type=int, default=1)
    p.add_argument("--dir", default=".")
    args = p.parse_args()
    mp.set_start_method("spawn" if args.workload == "mem_process" else "fork")
    run = {"call_hot": lambda: calls(args, False), "call_idle": lambda: calls(args, True), "oneway": lambda: flows(args, 1, 1),
           "fanin": lambda: flows(args, args.peers, 1), "fanout": lambda: flows(args, 1, args.peers), "death": lambda: death(args),
           "restart": lambda: restart(args), "mem_process": lambda: mem_process(args)}
    if args.workload not in run:
        raise SystemExit(f"bench: python has no workload '{args.workload}'")
    run[args.workload]()
    sys.stdout.flush()
    os._exit(0)                                         # messages that the queue's thread still holds do not matter


if __name__ == "__main__":
    main()
