#!/usr/bin/env python3
"""Writes the test vectors of docs/protocol.md into this directory.

y_*.msgpack must parse and mean what y_*.json says; n_*.msgpack must be refused. README.md describes both. The encoder below is this script's own
(standard library only), so that no implementation is tested against itself. Without arguments all is written anew; with --check it is compared with
what is there."""
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Ref:
    def __init__(self, node, group, serial):
        self.numbers = (node, group, serial)

    def bytes(self):
        return struct.pack(">QQQ", *self.numbers)

    def __str__(self):
        return "<%x.%x.%x>" % self.numbers


class Ext:
    def __init__(self, number, data):
        self.number, self.data = number, data


class Raw:
    """Bytes that are written as they are, and what they mean."""

    def __init__(self, data, means=None):
        self.data, self.means = data, means


class Pairs:
    """A map with any keys, in this order."""

    def __init__(self, *pairs):
        self.pairs = pairs


# ---- msgpack ----

def head(n, fix, fix_max, codes):
    if n <= fix_max:
        return bytes([fix | n])
    for code, fmt, limit in zip(codes, (">B", ">H", ">I"), (0xff, 0xffff, 0xffffffff)):
        if code is not None and n <= limit:
            return bytes([code]) + struct.pack(fmt, n)
    raise ValueError(n)


def integer(v):
    if 0 <= v < 0x80:
        return bytes([v])
    if -32 <= v < 0:
        return struct.pack(">b", v)
    codes = ((0xcc, ">B"), (0xcd, ">H"), (0xce, ">I"), (0xcf, ">Q")) if v >= 0 else \
            ((0xd0, ">b"), (0xd1, ">h"), (0xd2, ">i"), (0xd3, ">q"))
    for code, fmt in codes:
        try:
            return bytes([code]) + struct.pack(fmt, v)
        except struct.error:
            pass
    raise ValueError(v)


def ext(number, data):
    n = len(data)
    if n in (1, 2, 4, 8, 16):
        first = bytes([0xd4 + n.bit_length() - 1])
    else:
        first = head(n, 0, -1, (0xc7, 0xc8, 0xc9))
    return first + struct.pack(">b", number) + data


def pack(v):
    if isinstance(v, Raw):
        return v.data
    if isinstance(v, Ref):
        return ext(1, v.bytes())
    if isinstance(v, Ext):
        return ext(v.number, v.data)
    if v is None:
        return b"\xc0"
    if isinstance(v, bool):
        return b"\xc3" if v else b"\xc2"
    if isinstance(v, int):
        return integer(v)
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, str):
        data = v.encode()
        return head(len(data), 0xa0, 31, (0xd9, 0xda, 0xdb)) + data
    if isinstance(v, bytes):
        return head(len(v), 0, -1, (0xc4, 0xc5, 0xc6)) + v
    if isinstance(v, (list, tuple)):
        return head(len(v), 0x90, 15, (None, 0xdc, 0xdd)) + b"".join(map(pack, v))
    if isinstance(v, dict):
        v = Pairs(*v.items())
    if isinstance(v, Pairs):
        return head(len(v.pairs), 0x80, 15, (None, 0xde, 0xdf)) + b"".join(pack(k) + pack(x) for k, x in v.pairs)
    raise TypeError(v)


# ---- what it means, in JSON ----

def mean(v):
    if isinstance(v, Raw):
        return mean(v.means)
    if isinstance(v, Ref):
        return {"$ref": str(v)}
    if isinstance(v, Ext):
        return {"$ext": [v.number, v.data.hex()]}
    if isinstance(v, bytes):
        return {"$bin": v.hex()}
    if isinstance(v, bool) or v is None or isinstance(v, (str, float)):
        return v
    if isinstance(v, int):
        return v if v < 1 << 63 else {"$uint": str(v)}
    if isinstance(v, (list, tuple)):
        return [mean(x) for x in v]
    if isinstance(v, dict):
        return {k: mean(x) for k, x in v.items()}
    if isinstance(v, Pairs):
        return {"$map": [[mean(k), mean(x)] for k, x in v.pairs]}
    raise TypeError(v)


FILES = {}


def write(name, data, meaning=None):
    assert name + ".msgpack" not in FILES, name
    FILES[name + ".msgpack"] = data
    if meaning is not None:
        FILES[name + ".json"] = (json.dumps(meaning, indent=1, ensure_ascii=False) + "\n").encode()


# ---- frames ----

FRAMES = {
    "cast": (1, "to from method args"),
    "call": (2, "to from method args id deadline_us"),
    "reply": (3, "to from id result"),
    "error": (4, "to from id name text"),
    "stop": (5, "to from reason"),
    "kill": (6, "to from"),
    "monitor": (7, "to from id"),
    "demonitor": (8, "to from id"),
    "down": (9, "to from id cause"),
    "pause": (10, "ref"),
    "resume": (11, "ref"),
    "ping": (12, "n"),
    "pong": (13, "n"),
    "bye": (14, "reason"),
    "join": (15, "group"),
    "exit": (16, "to from id cause"),
    "link": (17, "to from id"),
    "unlink": (18, "to from id"),
    "cancel": (19, "to from id"),
    "item": (20, "to from id value"),
    "credit": (21, "to from id items bytes"),
}

A = Ref(0x1f2e3d4c5b6a7988, 2, 1)
B = Ref(0x1f2e3d4c5b6a7988, 3, 0x1234)
NOBODY = Ref(0, 0, 0)
BIG = (1 << 64) - 1


class Frame:
    """One frame: its bytes and its meaning. extra: fields after the last one listed. waits: that of a call. trace: that of a message or answer. name:
    that of a pause. stream: the first credit of a call. items: how many came before a reply."""

    def __init__(self, kind, *fields, extra=(), waits=None, trace=None, name=None, stream=None, items=None):
        number, names = FRAMES[kind]
        names = names.split()
        assert len(fields) == len(names), kind
        more = {key: value for key, value in (("waits", waits), ("stream", stream), ("items", items), ("trace", trace)) if value}
        self.data = pack([number, *fields, *([more] if more else []), *([name] if name else []), *extra])
        self.means = {"type": kind}
        self.means.update((n, mean(f)) for n, f in zip(names, fields))
        if waits:
            self.means["waits"] = mean(waits)
        if stream:
            self.means["stream"] = mean(stream)
        if items:
            self.means["items"] = mean(items)
        if name:
            self.means["name"] = name
        if trace:
            self.means["trace"] = mean(trace)


class Unknown:
    def __init__(self, number, *fields):
        self.data = pack([number, *fields])
        self.means = {"type": "unknown", "number": mean(number)}


def y_frames(name, *frames, canonical=True):
    """canonical: whoever writes what the JSON says in the shortest form gets exactly these bytes."""
    write("y_frame_" + name, b"".join(f.data for f in frames),
          {"what": "frames", "canonical": canonical, "frames": [f.means for f in frames]})


def n_frames(name, *parts):
    write("n_frame_" + name, b"".join(p if isinstance(p, bytes) else p.data if isinstance(p, Frame) else pack(p) for p in parts))


def nest(depth, inner=b"\x90"):
    """Arrays in arrays, `depth` of them in all."""
    return b"\x91" * (depth - 1) + inner


def nested(depth):
    v = []
    for _ in range(depth - 1):
        v = [v]
    return v


def frames_good():
    y_frames("none")  # an empty message
    y_frames("cast", Frame("cast", B, A, "add", [5]))
    y_frames("cast_no_args", Frame("cast", B, A, "tick", []))
    y_frames("cast_to_name", Frame("cast", "counter", A, "add", [5]))
    y_frames("cast_from_nobody", Frame("cast", B, NOBODY, "add", [5]))
    y_frames("cast_to_process", Frame("cast", Ref(1, 7, 0), A, "x", []))
    y_frames("cast_name_utf8", Frame("cast", "größe-計数器-🧮", A, "méthode", ["naïve"]))
    y_frames("cast_name_255", Frame("cast", "n" * 255, A, "m" * 255, []))
    y_frames("cast_name_system", Frame("cast", "$broker", A, "ready", []))
    y_frames("cast_refs_inside", Frame("cast", B, A, "meet", [A, [B, NOBODY], {"who": Ref(BIG, BIG, BIG)}]))
    y_frames("cast_all_types", Frame("cast", B, A, "all", [
        None, True, False, 0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, BIG,
        -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -(1 << 63),
        1.5, -0.25, "", "x" * 31, "x" * 32, "x" * 256, b"", b"\x00\xff", b"y" * 256, b"y" * 65536,
        [], list(range(15)), list(range(16)), {}, {"k": {"k": []}}, {"key%02d" % i: i for i in range(16)},
        Ext(5, b"z"), Ext(-1, b"12345678"), Ext(7, b"123"), Ext(7, b"w" * 300)]))
    y_frames("cast_map_keys_of_any_type", Frame("cast", B, A, "m", [Pairs((1, "one"), (None, 2), ([1], {}), (A, B))]))
    y_frames("cast_args_64_deep", Frame("cast", B, A, "deep", nested(64)))
    y_frames("cast_extra_fields", Frame("cast", B, A, "add", [5], extra=({"trace": "t"}, [1, [2]], None)), canonical=False)
    # Process groups: joining, leaving, what a watcher is told, a cast to all members.
    y_frames("pg_join", Frame("call", Ref(1, 2, 1), Ref(1, 7, 0), "pg_join", ["pg", "workers", [[A, 1, None], [A, 2, {"zone": "a"}]]], 4, 0))
    y_frames("pg_leave", Frame("call", Ref(1, 2, 1), Ref(1, 7, 0), "pg_leave", ["pg", "workers", [2]], 5, 0))
    y_frames("pg_told", Frame("cast", Ref(1, 7, 0), Ref(1, 2, 1), "pg", ["is", "pg", "workers", [[A, 1, None]]]),
             Frame("cast", Ref(1, 7, 0), Ref(1, 2, 1), "pg", ["join", "pg", "workers", [[B, BIG, [1, "two"]]]]),
             Frame("cast", Ref(1, 7, 0), Ref(1, 2, 1), "pg", ["leave", "pg", "workers", [[A, 1, None]]]))
    y_frames("pg_cast", Frame("cast", Ref(1, 7, 0), A, "pg_cast", ["pg", "workers", "add", [5]]))
    y_frames("call", Frame("call", B, A, "get", [], 1, 123456789012))
    y_frames("call_no_deadline", Frame("call", "counter", A, "get", ["k"], BIG, 0))
    y_frames("call_deadline_in_the_past", Frame("call", B, A, "get", [], 300, -1))
    y_frames("call_extra_fields", Frame("call", B, A, "get", [], 1, 5, extra=({"trace": b"\x01"},)), canonical=False)
    y_frames("call_waits", Frame("call", B, A, "get", [], 7, 5, waits=[5, Ref(1, 7, 2), 300]))
    y_frames("call_waits_16", Frame("call", B, A, "get", [], 7, 0, waits=[0, *[x for i in range(16) for x in (Ref(1, i + 1, BIG), BIG)]]))
    # A hint that is not understood counts as none.
    for what, odd in {"nil": None, "empty": [], "no_calls": [5], "id_missing": [5, A], "until_str": ["5", A, 1], "id_negative": [5, A, -1],
                      "no_ref": [5, "counter", 1], "17": [0, *[x for i in range(17) for x in (A, i)]]}.items():
        y_frames("call_waits_odd_" + what, Frame("call", B, A, "get", [], 7, 5, extra=({"waits": odd},)), canonical=False)
    y_frames("call_waits_among_others", Frame("call", B, A, "get", [], 7, 5, extra=(Pairs((1, "x"), ("trace", b"t"), ("later", [])), "y")),
             canonical=False)
    y_frames("reply", Frame("reply", A, B, 1, {"n": 3}))
    y_frames("reply_nil", Frame("reply", A, B, 1, None))
    y_frames("reply_ref", Frame("reply", A, B, 70000, A))
    y_frames("error", Frame("error", A, B, 1, "counter.too_big", "5 is more than 4"))
    y_frames("error_empty_text", Frame("error", A, B, 1, "noproc", ""))
    y_frames("error_from_nobody", Frame("error", A, NOBODY, 1, "noproc", ""))
    y_frames("call_spawn", Frame("call", Ref(1, 2, 0), A, "$spawn", ["counter", [5]], 6, 5),
             Frame("call", Ref(1, 2, 0), A, "$spawn", ["counter", [], True, True], 7, 0))
    y_frames("reply_spawn", Frame("reply", A, Ref(1, 2, 0), 6, Ref(1, 2, 9)),
             Frame("error", A, Ref(1, 2, 0), 7, "init_failed", "EIO: counter: init: Input/output error"))
    y_frames("call_sys_actors", Frame("call", Ref(1, 2, 0), Ref(1, 7, 1), "$sys_actors", [100, 0], 6, 0))
    y_frames("reply_sys_actors", Frame("reply", Ref(1, 7, 1), Ref(1, 2, 0), 6, [
        {"ref": Ref(1, 2, 1), "behavior": "counter", "names": ["counter"], "status": "handling", "suspended": False, "method": "add",
         "waits_in": "call", "waits_for": Ref(1, 3, 1), "messages": 2, "bytes": 340, "handled": 17, "memory": 800, "links": 1, "monitors": 0,
         "watchers": 2}, 1]))
    y_frames("error_overloaded", Frame("error", A, B, 1, "overloaded", "retry_ms=250; its mailbox is full"))
    # Traces.
    y_frames("cast_trace", Frame("cast", B, A, "add", [5], trace=[1, 2, 0]))
    y_frames("cast_trace_big", Frame("cast", "counter", A, "add", [5], trace=[BIG, BIG - 1, BIG - 2]))
    y_frames("call_trace", Frame("call", B, A, "get", [], 7, 5, trace=[1, 3, 2]))
    y_frames("call_waits_trace", Frame("call", B, A, "get", [], 7, 5, waits=[5, Ref(1, 7, 2), 300], trace=[70000, 3, 2]))
    y_frames("reply_trace", Frame("reply", A, B, 7, None, trace=[1, 3, 2]))
    y_frames("error_trace", Frame("error", A, B, 7, "noproc", "", trace=[1, 3, 2]))
    longer = Frame("cast", B, A, "add", [5], trace=[1, 2, 0, "later", {}])
    longer.means["trace"] = [1, 2, 0]
    y_frames("cast_trace_longer", longer, canonical=False)
    # A trace of a wrong form counts as none.
    for what, odd in {"nil": None, "id_0": [0, 2, 0], "span_0": [1, 0, 0], "of_two": [1, 2], "str": ["1", 2, 0], "negative": [1, 2, -1],
                      "map": {"id": 1}}.items():
        y_frames("cast_trace_odd_" + what, Frame("cast", B, A, "add", [5], extra=({"trace": odd},)), canonical=False)
    y_frames("cast_waits", Frame("cast", B, A, "add", [5], extra=({"waits": [5, A, 1]},)), canonical=False)
    y_frames("stop", Frame("stop", B, A, "normal"))
    y_frames("stop_name", Frame("stop", "counter", A, ""))
    y_frames("kill", Frame("kill", B, A))
    y_frames("kill_name", Frame("kill", "counter", A))
    y_frames("monitor", Frame("monitor", B, A, 9))
    y_frames("monitor_name", Frame("monitor", "counter", A, 9))
    y_frames("monitor_process", Frame("monitor", Ref(1, 7, 0), A, 9))
    y_frames("demonitor", Frame("demonitor", B, A, 9))
    y_frames("demonitor_process", Frame("demonitor", Ref(1, 7, 0), A, 9))
    y_frames("down_normal", Frame("down", A, B, 9, {"reason": "normal"}))
    y_frames("down_noproc", Frame("down", A, NOBODY, 9, {"reason": "noproc"}))
    y_frames("down_exit", Frame("down", A, B, 9, {"reason": "exit", "kind": "exit", "code": 3}))
    y_frames("down_signal", Frame("down", A, B, 9, {
        "reason": "signal", "kind": "signal", "code": 11, "signal": "SIGSEGV", "core": True, "text": "in counter.add"}))
    y_frames("down_process", Frame("down", A, Ref(1, 7, 0), 9, {"reason": "signal", "kind": "signal", "code": 9, "signal": "SIGKILL", "core": False}))
    y_frames("exit_sent", Frame("exit", B, A, 0, {"reason": "odd"}))
    y_frames("exit_of_a_link", Frame("exit", B, A, 9, {"reason": "crash: EIO", "text": "counter: add: Input/output error"}))
    y_frames("link", Frame("link", B, A, 9))
    y_frames("unlink", Frame("unlink", B, A, 0))
    y_frames("unlink_known", Frame("unlink", B, A, BIG))
    # Streams and cancel.
    y_frames("cancel", Frame("cancel", B, A, 7))
    y_frames("cancel_to_nobody", Frame("cancel", NOBODY, A, BIG))
    y_frames("item", Frame("item", A, B, 7, {"n": 3}), Frame("item", A, B, 7, None))
    y_frames("credit", Frame("credit", B, A, 7, 128, 262144), Frame("credit", NOBODY, A, 7, BIG, BIG))
    y_frames("call_stream", Frame("call", B, A, "list", [], 7, 0, stream=[64, 262144]))
    y_frames("call_stream_no_credit", Frame("call", "counter", A, "list", [], 7, 5, stream=[0, 0]))
    y_frames("call_stream_trace", Frame("call", B, A, "list", [], 7, 0, stream=[1, BIG], trace=[1, 3, 2]))
    longer = Frame("call", B, A, "list", [], 7, 0, stream=[64, 262144, "later"])
    longer.means["stream"] = [64, 262144]
    y_frames("call_stream_longer", longer, canonical=False)
    # A credit of a wrong form counts as none: the call wants no stream.
    for what, odd in {"nil": None, "of_one": [5], "str": ["5", 1], "negative": [5, -1], "map": {"items": 1}, "true": True}.items():
        y_frames("call_stream_odd_" + what, Frame("call", B, A, "list", [], 7, 0, extra=({"stream": odd},)), canonical=False)
    y_frames("cast_stream", Frame("cast", B, A, "add", [5], extra=({"stream": [1, 1]},)), canonical=False)
    y_frames("reply_items", Frame("reply", A, B, 7, None, items=70000))
    y_frames("reply_items_trace", Frame("reply", A, B, 7, {}, items=1, trace=[1, 3, 2]))
    y_frames("reply_items_odd", Frame("reply", A, B, 7, None, extra=({"items": "3"},)), Frame("reply", A, B, 7, None, extra=({"items": -3},)),
             canonical=False)
    y_frames("error_items", Frame("error", A, B, 7, "noproc", "", extra=({"items": 3},)), canonical=False)
    y_frames("down_exec", Frame("down", A, B, 9, {"reason": "exec", "kind": "exec", "code": 2, "text": "No such file or directory: /x"}))
    y_frames("down_unknown_keys", Frame("down", A, B, 9, Pairs((5, 6), ("x", [1]), ("reason", "crash: -22"))))
    y_frames("pause_ref", Frame("pause", B))
    y_frames("pause_all", Frame("pause", None))
    y_frames("pause_name", Frame("pause", B, name="counter"), Frame("pause", Ref(1, 7, 0)))
    y_frames("pause_odd", Frame("pause", B, extra=("",)), Frame("pause", B, extra=("a\nb",)), Frame("pause", B, extra=(5, "x")),
             Frame("pause", B, name="n" * 255, extra=("more",)), Frame("pause", None, extra=([],)),
             Frame("pause", None, extra=("counter",)), canonical=False)
    y_frames("resume_ref", Frame("resume", B))
    y_frames("resume_all", Frame("resume", None))
    y_frames("ping", Frame("ping", 0))
    y_frames("pong", Frame("pong", BIG))
    y_frames("bye", Frame("bye", "normal"))
    y_frames("join", Frame("join", 7))
    y_frames("join_of_a_client", Frame("join", 1 << 63 | 2 << 32 | 9))
    y_frames("join_extra_fields", Frame("join", 7, extra=("x", [])), canonical=False)
    y_frames("bye_extra_fields", Frame("bye", "", extra=(1, 2, 3)), canonical=False)
    y_frames("batch", Frame("cast", B, A, "add", [1]), Frame("cast", B, A, "add", [2]), Frame("call", B, A, "get", [], 2, 0),
             Frame("ping", 1))
    y_frames("batch_with_unknown", Frame("ping", 1), Unknown(22), Unknown(31, A, [B]), Frame("ping", 2), canonical=False)
    y_frames("unknown_type_with_anything", Unknown(BIG, {"a": [1, 2]}, Ext(9, b"q"), Raw(nest(64))), canonical=False)
    y_frames("unknown_type_zero", Unknown(0, "reserved"), canonical=False)
    # Encodings that are longer than needed are allowed.
    plain = Frame("ping", 7)
    plain.data = b"\xdd\x00\x00\x00\x02\xcf" + struct.pack(">Q", 12) + b"\xd3" + struct.pack(">q", 7)
    y_frames("longer_encodings", plain, canonical=False)
    cast = Frame("cast", "bob", A, "hi", [1])
    cast.data = (b"\xdc\x00\x05\xd0\x01" + b"\xdb\x00\x00\x00\x03bob" + pack(A) + b"\xd9\x02hi" +
                 b"\xdd\x00\x00\x00\x01\xce\x00\x00\x00\x01")
    y_frames("longer_encodings_cast", cast, canonical=False)


def frames_bad():
    good = pack([1, B, A, "add", [5]])
    for cut in (1, 2, 3, 10, 28, 29, 30, 56, 57, 60, len(good) - 1):
        n_frames("truncated_%02d" % cut, good[:cut])
    n_frames("second_truncated", good, good[:-1])
    n_frames("garbage_behind", good, b"\xc1")
    n_frames("reserved_byte", b"\xc1")
    n_frames("reserved_byte_in_args", [1, B, A, "x", Raw(b"\x92\x01\xc1")])
    n_frames("reserved_byte_in_unknown_frame", [77, Raw(b"\xc1")])
    n_frames("not_an_array_map", {"type": 1})
    n_frames("not_an_array_uint", b"\x0c")
    n_frames("not_an_array_nil", b"\xc0")
    n_frames("empty_array", b"\x90")
    n_frames("type_negative", [-1])
    n_frames("type_str", ["cast", B, A, "x", []])
    n_frames("type_float", [1.0, B, A, "x", []])
    n_frames("type_nil", [None])
    for kind, (number, names) in FRAMES.items():
        fields = {"to": A, "from": B, "method": "m", "args": [], "id": 1, "deadline_us": 0, "result": 1, "name": "x.y", "text": "",
                  "reason": "r", "cause": {"reason": "r"}, "ref": A, "n": 1, "group": 7, "value": 1, "items": 1, "bytes": 1}
        whole = [fields[n] for n in names.split()]
        n_frames(kind + "_field_missing", [number, *whole[:-1]])
        n_frames(kind + "_alone", [number])
        for i, name in enumerate(names.split()):
            if name in ("result", "text", "reason", "value") and kind in ("reply", "item"):
                continue
            wrong = {"args": {}, "cause": [], "text": 5, "reason": b"bin", "method": 5, "name": None, "ref": "name"}.get(name, Ext(1, b"x" * 8))
            n_frames("%s_wrong_%s" % (kind, name), [number, *whole[:i], wrong, *whole[i + 1:]])
    for kind in ("reply", "error", "demonitor", "down", "exit", "link", "unlink", "cancel", "item", "credit"):
        number, names = FRAMES[kind]
        fields = {"from": B, "id": 1, "result": 1, "name": "x.y", "text": "", "cause": {"reason": "r"},
                  "value": 1, "items": 1, "bytes": 1}
        n_frames(kind + "_to_a_name", [number, "counter", *[fields[n] for n in names.split()[1:]]])
    n_frames("cast_to_nil", [1, None, A, "x", []])
    n_frames("cast_to_bin", [1, b"counter", A, "x", []])
    n_frames("cast_from_name", [1, B, "counter", "x", []])
    n_frames("cast_args_nil", [1, B, A, "x", None])
    n_frames("cast_args_one_value", [1, B, A, "x", 5])
    n_frames("call_id_negative", [2, B, A, "x", [], -1, 0])
    n_frames("call_id_float", [2, B, A, "x", [], 1.0, 0])
    n_frames("call_deadline_too_big", [2, B, A, "x", [], 1, 1 << 63])
    n_frames("call_from_nobody", [2, B, NOBODY, "x", [], 1, 0])
    n_frames("monitor_from_nobody", [7, B, NOBODY, 1])
    n_frames("demonitor_from_nobody", [8, B, NOBODY, 1])
    n_frames("exit_from_nobody", [16, B, NOBODY, 1, {"reason": "r"}])
    n_frames("link_from_nobody", [17, B, NOBODY, 1])
    n_frames("unlink_from_nobody", [18, B, NOBODY, 1])
    n_frames("cancel_from_nobody", [19, B, NOBODY, 1])
    n_frames("credit_from_nobody", [21, B, NOBODY, 1, 1, 1])
    n_frames("credit_items_negative", [21, B, A, 1, -1, 1])
    n_frames("call_stream_reserved_byte", [2, B, A, "x", [], 1, 0, {"stream": Raw(b"\xc1")}])
    for what, bad in {
            "empty": "", "256_bytes": "n" * 256, "newline": "a\nb", "nul": "a\0b", "delete": "a\x7f", "escape": "\x1b[31m",
            "latin1": Raw(b"\xa3\xe4bc"), "overlong": Raw(b"\xa2\xc0\xaf"), "surrogate": Raw(b"\xa3\xed\xa0\x80"),
            "cut_utf8": Raw(b"\xa2a\xc3"), "above_unicode": Raw(b"\xa4\xf4\x90\x80\x80"),
            "late_control": "a" * 20 + "\x01", "late_bad_utf8": Raw(b"\xb5" + b"a" * 20 + b"\x80")}.items():
        n_frames("name_" + what, [1, bad, A, "x", []])
        n_frames("method_" + what, [1, B, A, bad, []])
        n_frames("error_name_" + what, [4, A, B, 1, bad, ""])
    ref24 = A.bytes()
    n_frames("ref_23_bytes", [1, Ext(1, ref24[:23]), A, "x", []])
    n_frames("ref_25_bytes", [1, Ext(1, ref24 + b"\0"), A, "x", []])
    n_frames("ref_16_bytes", [1, Ext(1, ref24[:16]), A, "x", []])
    n_frames("ref_other_ext_type", [1, Ext(2, ref24), A, "x", []])
    n_frames("ref_as_bin", [1, ref24, A, "x", []])
    n_frames("ref_ext16", [1, Raw(b"\xc8\x00\x18\x01" + ref24), A, "x", []])
    n_frames("ref_array", [1, [1, 2, 3], A, "x", []])
    # Counts and lengths that are larger than the bytes that follow.
    for what, data in {
            "array32": b"\xdd\xff\xff\xff\xff", "array16": b"\xdc\xff\xff", "map32": b"\xdf\xff\xff\xff\xff", "map32_half": b"\xdf\x80\x00\x00\x00",
            "map16": b"\xde\xff\xff", "fixarray": b"\x9f", "fixmap": b"\x8f"}.items():
        n_frames("huge_count_frame_" + what, data + b"\x01")
        n_frames("huge_count_args_" + what, b"\x95\x01", B, A, "x", data + b"\x01")
        n_frames("huge_count_unknown_" + what, b"\x92\x4d", data + b"\x01")
    for what, data in {
            "str8": b"\xd9\xff", "str16": b"\xda\xff\xff", "str32": b"\xdb\xff\xff\xff\xff", "bin8": b"\xc4\xff", "bin16": b"\xc5\xff\xff",
            "bin32": b"\xc6\xff\xff\xff\xff", "ext8": b"\xc7\xff\x01", "ext16": b"\xc8\xff\xff\x01", "ext32": b"\xc9\xff\xff\xff\xff\x01",
            "fixext16": b"\xd8\x01", "fixstr": b"\xbf", "uint64": b"\xcf\x00", "float64": b"\xcb\x00", "float32": b"\xca\x00"}.items():
        n_frames("huge_length_" + what, b"\x95\x01", B, A, "x", b"\x91" + data + b"\x01")
        n_frames("huge_length_unknown_" + what, b"\x92\x4d", data + b"\x01")
    # Nesting that is too deep.
    n_frames("depth_65", [1, B, A, "x", Raw(nest(65))])
    n_frames("depth_65_map", [1, B, A, "x", [Raw(b"\x81\x01" * 64 + b"\x01")]])
    n_frames("depth_65_map_key", [1, B, A, "x", [Raw(b"\x81" * 64 + b"\x01" * 65)]])
    n_frames("depth_65_unknown", [77, Raw(nest(65))])
    n_frames("depth_65_call_waits", [2, B, A, "x", [], 1, 0, {"waits": Raw(nest(65))}])
    n_frames("call_more_cut", [2, B, A, "x", [], 1, 0, Raw(b"\x81\xa5waits")])
    n_frames("depth_65_cast_trace", [1, B, A, "x", [], {"trace": Raw(nest(65))}])
    n_frames("cast_more_cut", [1, B, A, "x", [], Raw(b"\x81\xa5trace")])
    n_frames("depth_65_extra_field", [12, 1, Raw(nest(65))])
    n_frames("depth_bomb", b"\x95\x01", B, A, "x", b"\x91" * 8192)
    n_frames("depth_bomb_frame", b"\x91" * 8192)
    n_frames("depth_bomb_maps", b"\x95\x01", B, A, "x", b"\x91" + b"\x81\x00" * 4096)
    n_frames("depth_bomb_wide", b"\x95\x01", B, A, "x", b"\xdc\x00\x02" * 2048)
    n_frames("cause_without_reason", [9, A, B, 1, {"kind": "exit", "code": 1}])
    n_frames("cause_empty", [9, A, B, 1, {}])
    n_frames("cause_empty_reason", [9, A, B, 1, {"reason": ""}])
    n_frames("cause_reason_nil", [9, A, B, 1, {"reason": None}])
    n_frames("cause_kind_uint", [9, A, B, 1, {"reason": "exit", "kind": 1}])
    n_frames("cause_code_str", [9, A, B, 1, {"reason": "exit", "kind": "exit", "code": "1"}])
    n_frames("cause_code_too_big", [9, A, B, 1, {"reason": "exit", "kind": "exit", "code": 1 << 31}])
    n_frames("cause_core_uint", [9, A, B, 1, {"reason": "signal", "kind": "signal", "code": 9, "core": 1}])


# ---- hello ----

def y_map(prefix, what, name, fields, meaning=None, canonical=True):
    data = pack(fields)
    if meaning is None:
        meaning = {k: mean(v) for k, v in fields.items()}
    write("y_%s_%s" % (prefix, name), data, {"what": what, "canonical": canonical, what: meaning})


def n_map(prefix, name, fields):
    write("n_%s_%s" % (prefix, name), fields if isinstance(fields, bytes) else pack(fields))


def without(d, key):
    return {k: v for k, v in d.items() if k != key}


def hellos():
    hello = {"v": [1, 1], "name": "counter", "pid": 4242, "features": []}
    token = bytes(range(40))
    with_token = {"v": [1, 3], "name": "counter", "pid": 4242, "token": token, "features": []}
    y_map("hello", "hello", "newcomer", hello)
    y_map("hello", "hello", "token", with_token)
    y_map("hello", "hello", "no_features", without(hello, "features"), canonical=False)
    y_map("hello", "hello", "features", {**hello, "features": ["one", "two"]}, {**hello}, canonical=False)
    y_map("hello", "hello", "name_empty", {**hello, "name": ""})
    y_map("hello", "hello", "name_255", {**hello, "name": "n" * 255})
    y_map("hello", "hello", "other_order", dict(reversed(list(with_token.items()))), canonical=False)
    y_map("hello", "hello", "unknown_keys", Pairs(("zone", {"a": [1]}), *hello.items(), (7, 8), (None, None), ("vv", 1)), hello, canonical=False)

    for key in ("v", "name", "pid"):
        n_map("hello", "no_" + key, without(hello, key))
    for key, wrong in {"v": [1], "name": b"counter", "pid": "4242", "token": "0011", "features": {}}.items():
        n_map("hello", "wrong_" + key, {**hello, key: wrong})
    n_map("hello", "v_uint", {**hello, "v": 1})
    n_map("hello", "v_three", {**hello, "v": [1, 1, 1]})
    n_map("hello", "v_negative", {**hello, "v": [-1, 1]})
    n_map("hello", "v_backwards", {**hello, "v": [2, 1]})
    n_map("hello", "pid_negative", {**hello, "pid": -1})
    n_map("hello", "name_256", {**hello, "name": "n" * 256})
    n_map("hello", "name_control", {**hello, "name": "a\nb"})
    n_map("hello", "name_latin1", {**hello, "name": Raw(b"\xa1\xe4")})
    n_map("hello", "features_of_uint", {**hello, "features": [1]})
    n_map("hello", "key_twice", Pairs(*hello.items(), ("pid", 1)))
    n_map("hello", "empty", b"")
    n_map("hello", "empty_map", {})
    n_map("hello", "array", [1, "counter"])
    n_map("hello", "truncated", pack(hello)[:-1])
    n_map("hello", "garbage_behind", pack(hello) + b"\xc0")
    n_map("hello", "huge_map", b"\xdf\xff\xff\xff\xff" + pack(hello)[1:])
    n_map("hello", "unknown_key_depth_65", {**hello, "x": Raw(nest(65))})
    n_map("hello", "unknown_value_missing", b"\x85" + pack(hello)[1:] + pack("x"))

    answer = {"v": 1, "url": "ipc:///run/actor/g/5/a", "node": BIG, "group": 5, "self": Ref(BIG, 1, 1)}
    y_map("answer", "answer", "admitted", {**answer, "restarted": False})
    y_map("answer", "answer", "resume", {**answer, "resume": token, "restarted": True})
    y_map("answer", "answer", "short", answer, {**mean(answer), "restarted": False}, canonical=False)
    y_map("answer", "answer", "unknown_keys", Pairs((1, 2), *answer.items(), ("restarted", True), ("more", [[]])),
          {**mean(answer), "restarted": True}, canonical=False)
    y_map("answer", "answer", "refused", {"error": "version", "text": "this node speaks version 1"})
    y_map("answer", "answer", "refused_unknown_keys", {"retry_ms": 100, "error": "in_use", "text": ""}, {"error": "in_use", "text": ""},
          canonical=False)

    for key in answer:
        n_map("answer", "no_" + key, without(answer, key))
    for key, wrong in {"v": [1], "url": b"ipc:///x", "node": -1, "group": "5", "self": Ext(1, b"x" * 16), "resume": "00", "restarted": 1}.items():
        n_map("answer", "wrong_" + key, {**answer, key: wrong})
    n_map("answer", "url_tcp", {**answer, "url": "tcp://127.0.0.1:80"})
    n_map("answer", "url_empty", {**answer, "url": "ipc://"})
    n_map("answer", "url_nul", {**answer, "url": "ipc:///run/x\0y"})
    n_map("answer", "key_twice", Pairs(*answer.items(), ("url", "ipc:///other")))
    n_map("answer", "error_without_text", {"error": "version"})
    n_map("answer", "error_empty", {"error": "", "text": ""})
    n_map("answer", "error_uint", {"error": 5, "text": ""})
    n_map("answer", "text_alone", {"text": "what?"})
    n_map("answer", "empty_map", {})
    n_map("answer", "nil", b"\xc0")
    n_map("answer", "truncated", pack(answer)[:-1])
    n_map("answer", "garbage_behind", pack(answer) + b"\x00")


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    frames_good()
    frames_bad()
    hellos()
    there = {f for f in os.listdir(HERE) if f.startswith(("y_", "n_"))}
    stale = there - FILES.keys()
    differ = []
    for name, data in FILES.items():
        path = os.path.join(HERE, name)
        if check:
            same = name in there and open(path, "rb").read() == data
            if not same:
                differ.append(name)
        else:
            with open(path, "wb") as f:
                f.write(data)
    if check:
        for name in sorted(differ) + sorted(stale):
            print("differs from what generate.py writes: %s" % name, file=sys.stderr)
        sys.exit(1 if differ or stale else 0)
    for name in stale:
        os.unlink(os.path.join(HERE, name))
    print("%d vectors must parse, %d must be refused" % (sum(f.startswith("y_") and f.endswith("k") for f in FILES),
                                                         sum(f.startswith("n_") for f in FILES)))


main()
