#!/usr/bin/env python3
"""An actor group in Python, written from docs/protocol.md alone: standard library only, no nng, nothing of ours.

It keeps one link (`single`): the broker routes all it sends. It shows that any language can take part, and is small enough to be
read as the example of how: msgpack, sockets, and then the frames of a link. What it does when the link ends, when it is told to pause,
and when it ends itself is the protocol's word too, so read that with care.

usage: client.py call DEST METHOD [JSON]...      asks an actor, prints the answer as JSON
       client.py stream DEST METHOD [JSON]...    takes a stream, prints each item as JSON
       client.py serve NAME [SECONDS]            is an actor of that name: methods `echo`, `add`, `fail`, `ask`, `tell`, `monitor`,
                                                 `downs`, `quit`
"""

import json
import os
import re
import signal
import socket
import struct
import sys
import time
import weakref

# ---- msgpack --------------------------------------------------------------------------------------


class Ref(tuple):
    """(node, group, serial)"""

    def __str__(self):
        return "<%x.%x.%x>" % self

    @classmethod
    def parse(cls, text):
        m = re.fullmatch("<([0-9a-f]+)\\.([0-9a-f]+)\\.([0-9a-f]+)>", text)
        return cls(int(x, 16) for x in m.groups()) if m else None


class Pairs(list):
    """A map with keys that a dict would mix up, as [key, value] pairs."""


class Ext:
    """An extension type that has no meaning here."""

    def __init__(self, kind, data):
        self.kind, self.data = kind, data


NOBODY = Ref((0, 0, 0))


def head(n, fix, fix_max, codes):
    if n <= fix_max:
        return bytes([fix | n])
    for code, form, top in zip(codes, (">B", ">H", ">I"), (0xff, 0xffff, 0xffffffff)):
        if code and n <= top:
            return bytes([code]) + struct.pack(form, n)
    raise ValueError(n)


def pack(v):
    if v is None:
        return b"\xc0"
    if isinstance(v, bool):
        return b"\xc3" if v else b"\xc2"
    if isinstance(v, int):
        if v >= 0:
            return head(v, 0, 0x7f, (0xcc, 0xcd, 0xce)) if v < 1 << 32 else b"\xcf" + struct.pack(">Q", v)
        if v >= -32:
            return struct.pack(">b", v)
        forms = ((0xd0, ">b", 7), (0xd1, ">h", 15), (0xd2, ">i", 31), (0xd3, ">q", 63))
        code, form = next((code, form) for code, form, bits in forms if v >= -1 << bits)
        return bytes([code]) + struct.pack(form, v)
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, str):
        v = v.encode(errors="surrogateescape")
        return head(len(v), 0xa0, 31, (0xd9, 0xda, 0xdb)) + v
    if isinstance(v, bytes):
        return head(len(v), 0, -1, (0xc4, 0xc5, 0xc6)) + v
    if isinstance(v, Ref):
        return b"\xc7\x18\x01" + struct.pack(">QQQ", *v)
    if isinstance(v, Ext):
        fixed = {1: 0xd4, 2: 0xd5, 4: 0xd6, 8: 0xd7, 16: 0xd8}.get(len(v.data))
        return (bytes([fixed]) if fixed else head(len(v.data), 0, -1, (0xc7, 0xc8, 0xc9))) + struct.pack(">b", v.kind) + v.data
    if isinstance(v, Pairs):
        return head(len(v), 0x80, 15, (None, 0xde, 0xdf)) + b"".join(pack(k) + pack(x) for k, x in v)
    if isinstance(v, (list, tuple)):
        return head(len(v), 0x90, 15, (None, 0xdc, 0xdd)) + b"".join(map(pack, v))
    if isinstance(v, dict):
        return head(len(v), 0x80, 15, (None, 0xde, 0xdf)) + b"".join(pack(k) + pack(x) for k, x in v.items())
    raise TypeError(v)


class Malformed(Exception):
    pass


class Reader:
    SCALARS = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b", 0xd1: ">h", 0xd2: ">i",
               0xd3: ">q"}
    LENGTHS = {0xc4: ">B", 0xc5: ">H", 0xc6: ">I", 0xc7: ">B", 0xc8: ">H", 0xc9: ">I", 0xd9: ">B", 0xda: ">H", 0xdb: ">I",
               0xdc: ">H", 0xdd: ">I", 0xde: ">H", 0xdf: ">I"}

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Malformed("cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self, n):
        return self.take(n).decode(errors="surrogateescape")  # a str need not be UTF-8, except where the protocol says so

    def items(self, n, depth):
        if depth == 0 or n > len(self.data) - self.at:  # each item takes at least a byte
            raise Malformed("too deep, or cut short")
        return [self.value(depth - 1) for _ in range(n)]

    def mapping(self, n, depth):
        flat = self.items(2 * n, depth)
        pairs = Pairs(zip(flat[::2], flat[1::2]))
        return dict(pairs) if all(isinstance(k, str) for k, _ in pairs) and len({k for k, _ in pairs}) == n else pairs

    def ext(self, n, code):
        kind, data = self.number(">b"), self.take(n)
        if kind != 1:
            return Ext(kind, data)
        if n != 24 or code != 0xc7:
            raise Malformed("a ref has one encoding")
        return Ref(struct.unpack(">QQQ", data))

    def value(self, depth=65):
        c = self.take(1)[0]
        if c <= 0x7f or c >= 0xe0:
            return c if c <= 0x7f else c - 256
        if c <= 0x8f:
            return self.mapping(c & 15, depth)
        if c <= 0x9f:
            return self.items(c & 15, depth)
        if c <= 0xbf:
            return self.text(c & 31)
        if c in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[c]
        if c in self.SCALARS:
            return self.number(self.SCALARS[c])
        if 0xd4 <= c <= 0xd8:
            return self.ext(1 << (c - 0xd4), c)
        if c not in self.LENGTHS:
            raise Malformed("0xc1")
        n = self.number(self.LENGTHS[c])
        if c <= 0xc6:
            return self.take(n)
        if c <= 0xc9:
            return self.ext(n, c)
        return self.text(n) if c <= 0xdb else self.items(n, depth) if c <= 0xdd else self.mapping(n, depth)


# ---- nng's wire over a Unix socket (docs/protocol.md §6) ------------------------------------------

PAIR0, REQ0, REP0 = 0x10, 0x30, 0x31
MESSAGE_MAX_BYTES = 16 << 20


class Lost(Exception):
    """The link or the node is gone."""


class Interrupted(Exception):
    """A signal came while a message was waited for."""


class Pipe:
    def __init__(self, path, us, them, timeout):
        self.waits = False
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        directory = os.open(os.path.dirname(path), os.O_PATH)  # by this folder a path may be longer than the 107 bytes of an address
        try:
            self.socket.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)
        self.socket.sendall(b"\0SP\0" + struct.pack(">HH", us, 0))
        if self.exactly(8) != b"\0SP\0" + struct.pack(">HH", them, 0):
            raise Lost("not the protocol that was expected")

    def exactly(self, n):
        data = bytearray()
        while len(data) < n:
            part = self.socket.recv(min(n - len(data), 1 << 20))
            if not part:
                raise Lost("the other end has closed the connection")
            data += part
        return bytes(data)

    def send(self, message):
        self.socket.sendall(b"\1" + struct.pack(">Q", len(message)) + message)

    def receive(self, timeout):
        """A message, or None when none begins in time."""
        self.socket.settimeout(timeout)
        self.waits = True  # a wait for the beginning of a message may be interrupted
        try:
            kind = self.socket.recv(1)
        except (TimeoutError, BlockingIOError):
            return None
        finally:
            self.waits = False
        if not kind:
            raise Lost("the other end has closed the connection")
        self.socket.settimeout(None)
        n, = struct.unpack(">Q", self.exactly(8))
        if kind != b"\1" or n > MESSAGE_MAX_BYTES:
            raise Malformed("message header")
        return self.exactly(n)


def trace_in(rest):
    """[id, span, parent] from what stands behind the fields of a cast or call. None: there is no trace, or one of another form."""
    trace = rest[0].get("trace") if rest and isinstance(rest[0], dict) else None
    if not isinstance(trace, (list, tuple)) or len(trace) < 3 or not all(type(n) is int and n >= 0 for n in trace[:3]):
        return None
    return list(trace[:3]) if trace[0] and trace[1] else None


# ---- a group --------------------------------------------------------------------------------------

CAST, CALL, REPLY, ERROR, STOP, KILL, MONITOR, DEMONITOR, DOWN, PAUSE, RESUME, PING, PONG, BYE, JOIN, EXIT, LINK, UNLINK, \
    CANCEL, ITEM, CREDIT = range(1, 22)


FRAME_FIELDS = {
    "cast": ("to", "from", "method", "args"),
    "call": ("to", "from", "method", "args", "id", "deadline_us"),
    "reply": ("to", "from", "id", "result"),
    "error": ("to", "from", "id", "name", "text"),
    "stop": ("to", "from", "reason"),
    "kill": ("to", "from"),
    "monitor": ("to", "from", "id"),
    "demonitor": ("to", "from", "id"),
    "down": ("to", "from", "id", "cause"),
    "pause": ("ref",),
    "resume": ("ref",),
    "ping": ("n",),
    "pong": ("n",),
    "bye": ("reason",),
    "join": ("group",),
    "exit": ("to", "from", "id", "cause"),
    "link": ("to", "from", "id"),
    "unlink": ("to", "from", "id"),
    "cancel": ("to", "from", "id"),
    "item": ("to", "from", "id", "value"),
    "credit": ("to", "from", "id", "items", "bytes"),
}


def is_uint(v, bits=64):
    return type(v) is int and 0 <= v < 1 << bits


def is_name(v):
    """Whether @v may be the name of an actor, a method or an error."""
    return isinstance(v, str) and 1 <= len(v.encode(errors="replace")) <= 255 and \
        all(c >= " " and c != "\x7f" and not "\ud800" <= c <= "\udfff" for c in v)


def known(v):
    """A map as a dict. Keys that are no strings are left out: no use of them is known yet."""
    return v if isinstance(v, dict) else {k: x for k, x in v if isinstance(k, str)} if isinstance(v, Pairs) else {}


def is_cause(v):
    v = known(v)
    kinds = {"reason": lambda x: isinstance(x, str) and x, "kind": lambda x: isinstance(x, str),
             "code": lambda x: type(x) is int and -1 << 31 <= x < 1 << 31, "signal": lambda x: isinstance(x, str),
             "core": lambda x: isinstance(x, bool), "text": lambda x: isinstance(x, str)}
    return "reason" in v and all(kinds[k](x) for k, x in v.items() if k in kinds)


def check_frame(frame):
    """Raises Malformed unless @frame is a frame, of a known or unknown kind."""
    if not isinstance(frame, list) or not frame or not is_uint(frame[0]):
        raise Malformed("no frame")
    if not 1 <= frame[0] <= len(FRAME_FIELDS):
        return
    kind, fields = list(FRAME_FIELDS.items())[frame[0] - 1]
    if len(frame) <= len(fields):
        raise Malformed(f"a {kind} of {len(frame)} fields")
    to_may_be_a_name = kind in ("cast", "call", "stop", "kill", "monitor")
    checks = {
        "to": lambda v: isinstance(v, Ref) or to_may_be_a_name and is_name(v),
        "from": lambda v: isinstance(v, Ref) and (v != NOBODY or kind not in ("call", "monitor", "demonitor", "exit", "link", "unlink", "cancel", "credit")),
        "method": is_name, "name": is_name, "id": is_uint, "n": is_uint, "group": is_uint,
        "deadline_us": lambda v: type(v) is int and -1 << 63 <= v < 1 << 63,
        "args": lambda v: isinstance(v, list), "result": lambda v: True, "value": lambda v: True, "items": is_uint, "bytes": is_uint,
        "text": lambda v: isinstance(v, str), "reason": lambda v: isinstance(v, str),
        "ref": lambda v: v is None or isinstance(v, Ref), "cause": is_cause,
    }
    for field, value in zip(fields, frame[1:]):
        if not checks[field](value):
            raise Malformed(f"{field} of a {kind}")


class Frame(list):
    data = b""  # the frame's bytes


def frames(message):
    """Checks and gives each frame of a message."""
    reader = Reader(message)
    while reader.at < len(message):
        start = reader.at
        frame = reader.value()
        check_frame(frame)
        frame = Frame(frame)
        frame.data = message[start:reader.at]
        yield frame


def value_bytes(item):
    """The size of an item's value as it came: by this its sender counts, and a value can be encoded in more than one way."""
    reader = Reader(item.data)
    reader.take({0xdc: 3, 0xdd: 5}.get(item.data[0], 1))  # the array's head
    for _ in range(4):
        reader.value()
    start = reader.at
    reader.value()
    return reader.at - start


class NamedError(Exception):
    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text


def runtime_dir():
    if os.environ.get("ACTOR_RUNTIME_DIR"):
        return os.environ["ACTOR_RUNTIME_DIR"]
    if os.environ.get("XDG_RUNTIME_DIR"):
        return os.environ["XDG_RUNTIME_DIR"] + "/actor"
    if os.getuid() == 0:
        return "/run/actor"
    session = f"/run/user/{os.getuid()}"
    if os.path.isdir(session) and not os.path.islink(session) and os.stat(session).st_uid == os.getuid():
        return session + "/actor"
    return f"/tmp/actor-{os.getuid()}"


def now_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class Stream:
    """
    Many answers to one call, one after the other: `for item in group.stream(to, method, *args): ...`

    The callee may be ahead by @window items and WINDOW_BYTES, so a slow loop makes nobody's memory grow. When the loop is over, `result` is
    the value with which the callee ended the stream. A stream that fails raises NamedError, after all items that had come: an error of the
    callee, `down` (the callee has ended), `noconnection` (the link has), `timeout`, or `lost` (items are missing). If the loop is left
    earlier, the stream is cancelled when nothing refers to it any more, by close(), or by the end of `with`: its callee sends no more.
    """

    WINDOW_BYTES = 256 << 10

    def __init__(self, group, to, method, args, window, timeout):
        self.group, self.window, self.until, self.result = group, window, time.monotonic() + timeout, None
        self.id, self.to = group.next_id(), to if isinstance(to, Ref) else NOBODY
        self.items, self.n_come = [], 0  # those that were not taken yet, with their sizes
        self.taken = self.credited_at = (0, 0)  # items and bytes since the beginning; the same when credit was given last
        more = group.more()[0] if group.more() else {}
        deadline_us = now_us() + int(timeout * 1e6) if timeout < float("inf") else 0
        group.answers[self.id], group.streams[self.id] = None, self
        try:
            group.send_when_not_paused(min(self.until, time.monotonic() + 5), to, CALL, to, group.actor, method, list(args), self.id,
                                       deadline_us, {**more, "stream": [window, self.WINDOW_BYTES]})
        except BaseException:
            self.forget()
            raise

    def __iter__(self):
        return self

    def __next__(self):
        while not self.items:
            if self.id not in self.group.streams:
                raise StopIteration
            if self.group.answers[self.id] is not None:
                self.end(*self.forget())
            if time.monotonic() > self.until:
                self.close()
                raise NamedError("timeout", "the stream has not ended in time")
            self.group.receive(min(self.until - time.monotonic(), 3600))
        value, size = self.items.pop(0)
        self.taken = self.taken[0] + 1, self.taken[1] + size
        self.give_credit()
        return value

    def give_credit(self):
        """Credit counts from the beginning of the stream. It is given when half a window is used up, so that it costs few frames."""
        items, size = self.taken[0] - self.credited_at[0], self.taken[1] - self.credited_at[1]
        if self.is_open() and (2 * items >= self.window or 2 * size >= self.WINDOW_BYTES):
            self.credited_at = self.taken
            self.say(CREDIT, self.taken[0] + self.window, self.taken[1] + self.WINDOW_BYTES)

    def is_open(self):
        return self.id in self.group.streams and self.group.answers[self.id] is None

    def say(self, kind, *fields):
        try:
            self.group.send(kind, self.to, self.group.actor, self.id, *fields)
        except NamedError:
            pass  # the end of the link is also the end of the stream, which comes after its items

    def end(self, kind, *fields):
        if kind == ERROR:
            raise NamedError(fields[3], fields[4])
        n_sent = known(fields[4]).get("items", 0) if len(fields) > 4 else 0
        if n_sent != self.n_come:
            raise NamedError("lost", f"{n_sent} items were sent, and {self.n_come} came")
        self.result = fields[3]
        raise StopIteration

    def forget(self):
        self.group.streams.pop(self.id, None)
        return self.group.answers.pop(self.id, None)

    def close(self):
        was_open = self.is_open()
        self.forget()
        self.items.clear()
        if was_open:
            self.say(CANCEL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()


class Group:
    """This process, with one actor (serial 1). @handle(method, args) returns the result of a call, or raises NamedError."""

    def __init__(self, name, handle=None):
        self.name, self.handle = name, handle
        self.names = []      # under which the actor is registered
        self.is_ready = False
        self.answers = {}    # id of each open call → its answer; None: not there yet
        self.streams = weakref.WeakValueDictionary()  # id of each call that is a stream → its Stream, as long as somebody has it
        self.monitors = {}   # id of each open monitor → whom it watches
        self.downs = {}      # id of each monitor that has fired → cause
        self.paused = set()  # refs to which nothing may be sent now; None among them: nothing may be sent at all
        self.paused_names = {}  # name by which this client called a paused actor → its ref
        self.trace = None  # the trace of the message that is being handled
        self.inbox = []      # frames that have come and wait to be handled
        self.n_ids = 0
        self.stopped = None
        self.group = self.link = None
        token = os.environ.pop("ACTOR_TOKEN", None)  # programs that are started from here must not be taken for this one
        self.token = bytes.fromhex(token) if token else None
        self.connect()

    # ---- the link, and the next one

    def connect(self):
        """hello → link → announce (docs/protocol.md §2)."""
        hello = {"v": [1, 1], "name": self.name, "pid": os.getpid(), "features": ["single"]}
        if self.token:
            hello["token"] = self.token
        rendezvous = Pipe(runtime_dir() + "/broker.ipc", REQ0, REP0, 5)
        request_id = struct.pack(">I", 1 << 31 | 1)
        rendezvous.send(request_id + pack(hello))
        answer = rendezvous.receive(5)
        rendezvous.socket.close()
        if answer is None or answer[:4] != request_id:
            raise Lost("the broker does not answer")
        answer = known(Reader(answer[4:]).value())
        if "error" in answer:
            raise NamedError(answer["error"], answer.get("text", ""))
        group, again = Ref((answer["node"], answer["group"], 0)), self.group is not None
        if again and group != self.group:
            raise NamedError("gone", "the node takes us for a new group: nobody knows our refs any more")
        self.broker, self.group, self.actor = answer["self"], group, Ref((*group[:2], 1))
        self.token = answer.get("resume", self.token)
        self.link = Pipe(answer["url"][len("ipc://"):], PAIR0, PAIR0, 5)
        if again or answer.get("restarted"):
            self.names = [name for name in self.names if name not in
                          self.ask_broker("announce", [[name, self.actor] for name in self.names], [], [])]
            self.ask_broker("announced")
            if self.is_ready:
                self.ask_broker("ready")

    def lost(self):
        """All that was open by that link ends with it. Nothing is sent again."""
        self.link.socket.close()
        self.link = None
        self.paused.clear()
        self.paused_names.clear()
        self.inbox.clear()
        for call_id, answer in self.answers.items():
            if answer is None:
                self.answers[call_id] = [ERROR, self.actor, NOBODY, call_id, "noconnection", "the link to the broker was lost"]
        for monitor_id in self.monitors:
            self.downs[monitor_id] = {"reason": "noconnection"}
        self.monitors.clear()

    def reconnect(self):
        """Tries again until the broker is back, for ever, unless the broker gives an answer that is final."""
        pause_s = 0.01
        while self.stopped is None:
            try:
                return self.connect()
            except NamedError as e:
                if e.name not in ("in_use", "overloaded", "noconnection"):
                    raise
            except (Lost, OSError):
                pass
            if self.link:
                self.lost()
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.5)

    # ---- saying something

    def send(self, *frame):
        if not self.link:
            raise NamedError("noconnection", "there is no link to the broker now")
        try:
            self.link.send(pack(frame))
        except OSError:
            self.lost()
            raise NamedError("noconnection", "the link to the broker was lost")

    def send_when_not_paused(self, until, to, *frame):
        """Casts and calls are held back while their receiver is paused. All else goes at once."""
        while None in self.paused or to in self.paused or to in self.paused_names:
            if time.monotonic() > until:
                raise NamedError("overloaded", "the receiver takes nothing now")
            self.receive(until - time.monotonic())
        self.send(*frame)

    def next_id(self):
        self.n_ids += 1
        return self.n_ids

    def call(self, to, method, *args, timeout=5, sender=None):
        """Sends a call, and handles all that comes until its answer is there: calls, and also answers to other calls."""
        call_id, until, deadline_us = self.next_id(), time.monotonic() + timeout, now_us() + int(timeout * 1e6)
        self.answers[call_id] = None
        try:
            self.send_when_not_paused(until, to, CALL, to, sender or self.actor, method, list(args), call_id, deadline_us, *self.more())
            while self.answers[call_id] is None:
                if time.monotonic() > until:
                    raise NamedError("timeout", f"no answer within {timeout} s")
                self.receive(until - time.monotonic())
            kind, *fields = self.answers[call_id]
        finally:
            del self.answers[call_id]
        if kind == ERROR:
            raise NamedError(fields[3], fields[4])
        return fields[3]

    def stream(self, to, method, *args, window=64, timeout=float("inf")):
        """Opens a stream and returns its iterator. What comes meanwhile is handled while the iterator waits, as in call()."""
        return Stream(self, to, method, args, window, timeout)

    def cast(self, to, method, *args):
        self.send_when_not_paused(time.monotonic() + 5, to, CAST, to, self.actor, method, list(args), *self.more())

    def more(self):
        """What stands behind the fields of a cast or call: the trace of the message which is being handled."""
        if not self.trace:
            return ()
        span = int.from_bytes(os.urandom(8), "big") or 1
        return ({"trace": [self.trace[0], span, self.trace[1]]},)

    def monitor(self, who):
        monitor_id = self.next_id()
        self.monitors[monitor_id] = who
        self.send(MONITOR, who, self.actor, monitor_id)
        return monitor_id

    def ask_broker(self, method, *args):
        return self.call(self.broker, method, *args, sender=self.group)

    def register(self, name):
        self.ask_broker("register", name, self.actor)
        self.names.append(name)

    def ready(self):
        self.ask_broker("ready")
        self.is_ready = True

    # ---- hearing something

    def receive(self, timeout):
        """
        Handles the next frame, if one comes in time. It is only one: a handler may call this itself, to wait for the next frame, which
        may be in the same message. If the link ends meanwhile, that is handled like any other event.
        """
        if not self.link:
            raise NamedError("noconnection", "there is no link to the broker now")
        if not self.inbox:
            try:
                self.inbox += frames(self.link.receive(max(timeout, 0.001)) or b"")
            except Malformed as e:  # this ends the link, not the client
                print("client.py: the link is ended: malformed message:", e, file=sys.stderr)
                self.send(BYE, f"malformed message: {e}")
                self.lost()
            except (Lost, OSError):
                self.lost()
        if self.inbox:
            try:
                frame = self.inbox.pop(0)
                if frame[0] == ITEM:
                    self.take_item(frame)
                else:
                    self.handle_frame(*frame)
            except NamedError:
                pass  # an answer that cannot be sent any more, because its caller is gone

    def take_item(self, frame):
        to, callee, call_id, value = frame[1:5]
        stream = self.streams.get(call_id)
        if stream and stream.is_open():
            stream.items.append((value, value_bytes(frame)))
            stream.n_come += 1
        else:
            self.send(CANCEL, callee, self.actor, call_id)

    def handle_frame(self, kind, *fields):
        if kind == CALL:
            self.answer(*fields[:6], trace_in(fields[6:]))
        elif kind == CAST:
            self.handle_cast(*fields[:4], trace_in(fields[4:]))
        elif kind in (REPLY, ERROR):
            if fields[2] in self.answers:  # otherwise it is late, and nobody waits for it
                self.answers[fields[2]] = [kind, *fields]
        elif kind in (MONITOR, LINK):  # a link is taken like a monitor: this client does not end by the end of others
            if fields[0][2] > 1:  # the end of this actor or process is told by the broker
                self.send(DOWN, fields[1], fields[0], fields[2], {"reason": "noproc"})
        elif kind == DOWN:
            if self.monitors.pop(fields[2], None):
                self.downs[fields[2]] = known(fields[3])
        elif kind in (STOP, KILL):
            if fields[0] == self.actor:
                self.stopped = fields[2] if kind == STOP else "killed"
        elif kind == EXIT:
            reason = known(fields[3])["reason"]
            if fields[0] == self.actor and not fields[2] and reason != "normal":
                self.stopped = "killed" if reason == "kill" else reason
        elif kind == PAUSE:
            self.paused.add(fields[0])
            if len(fields) > 1 and is_name(fields[1]):
                self.paused_names[fields[1]] = fields[0]
        elif kind == RESUME:
            self.paused.discard(fields[0])
            self.paused_names = {name: ref for name, ref in self.paused_names.items() if ref != fields[0]}
        elif kind == PING:
            self.send(PONG, fields[0])
        elif kind == BYE:
            print("client.py: the broker ends the link:", fields[0], file=sys.stderr)
            self.send(BYE, "")
            self.lost()
        # All other frames, of now or of later versions, are skipped.

    def handle_of(self, trace, method, args):
        """What the handler sends belongs to the trace of the message that it handles. While it waits, it may handle another message."""
        before, self.trace = self.trace, trace
        try:
            return self.handle(method, args)
        finally:
            self.trace = before

    def handle_cast(self, to, sender, method, args, trace):
        if to == self.actor and self.handle:
            try:
                self.handle_of(trace, method, args)
            except NamedError:
                pass  # a cast has no answer

    def answer(self, to, sender, method, args, call_id, deadline_us, trace):
        if deadline_us and deadline_us < now_us():
            return  # the caller does not wait any more
        link = self.link
        try:
            if to != self.actor or not self.handle:
                raise NamedError("noproc", "")
            result = self.handle_of(trace, method, args)
        except NamedError as e:
            answer = (ERROR, sender, to, call_id, e.name, e.text)
        else:
            answer = (REPLY, sender, to, call_id, result)
        if trace:
            answer += ({"trace": trace},)  # the trace of the call, unchanged
        if self.link is link:  # an answer goes back by the link by which the call came, or nowhere
            self.send(*answer)

    # ---- a whole life

    def serve(self, seconds):
        until = time.monotonic() + seconds
        try:
            while self.stopped is None and time.monotonic() < until:
                if self.link:
                    self.receive(until - time.monotonic())
                else:
                    self.reconnect()
        except Interrupted:
            pass

    def terminate(self, *_):
        """SIGTERM is an order to end in order."""
        self.stopped = "shutdown"
        if self.link and self.link.waits:
            raise Interrupted

    def close(self):
        """Says bye and waits for the bye of the other end, so that all that was sent has arrived. Nothing is said after it."""
        if not self.link:
            return
        try:
            self.link.send(pack([BYE, self.stopped or "normal"]))
            until = time.monotonic() + 1
            while (left := until - time.monotonic()) > 0:
                if any(frame[0] == BYE for frame in frames(self.link.receive(left) or b"")):
                    break
        except (Lost, Malformed, OSError):
            pass
        self.link.socket.close()


# ---- the two commands -----------------------------------------------------------------------------


def from_json(v):
    if isinstance(v, dict) and list(v) == ["$ref"]:
        return Ref.parse(v["$ref"])
    return v


def to_json(v):
    if isinstance(v, Ref):
        return {"$ref": str(v)}
    if isinstance(v, (list, tuple)):
        return [to_json(x) for x in v]
    if isinstance(v, dict):
        return {str(k): to_json(x) for k, x in v.items()}
    return v.hex() if isinstance(v, bytes) else v


def command_call(to, method, *args):
    group = Group("client.py")
    try:
        print(json.dumps(to_json(group.call(Ref.parse(to) or to, method, *(from_json(json.loads(a)) for a in args)))))
    finally:
        group.close()


def command_stream(to, method, *args):
    group = Group("client.py")
    try:
        with group.stream(Ref.parse(to) or to, method, *(from_json(json.loads(a)) for a in args)) as items:
            for item in items:
                print(json.dumps(to_json(item)), flush=True)
    finally:
        group.close()


def command_serve(name, seconds="3600"):
    wants = {"ask": [(Ref, str), str], "tell": [(Ref, str), int], "monitor": [(Ref, str)]}  # the arguments with which each must begin

    def handle(method, args):
        kinds = wants.get(method, [])
        if len(args) < len(kinds) or not all(map(isinstance, args, kinds)):  # wrong arguments must not end this actor
            raise NamedError("bad_args", method)
        if method == "echo":
            return args
        if method == "add":
            if not all(isinstance(a, int) for a in args):
                raise NamedError("bad_args", "add wants integers")
            return sum(args)
        if method == "fail":
            raise NamedError("client.failed", "as asked")
        if method == "ask":  # this calls while it handles a call: what comes meanwhile is handled
            return group.call(*args)
        if method == "tell":  # [DEST, N]: casts N messages
            for i in range(args[1]):
                group.cast(args[0], "told", i)
            return args[1]
        if method == "monitor":
            return group.monitor(args[0])
        if method == "downs":
            return [[i, cause["reason"]] for i, cause in group.downs.items()]
        if method == "quit":
            group.stopped = "normal"
            return None
        raise NamedError("no_method", method)

    group = Group(name, handle)
    signal.signal(signal.SIGTERM, group.terminate)
    group.register(name)
    group.ready()
    print("serving", group.actor, flush=True)
    group.serve(float(seconds))
    group.close()


def main():
    commands = {"call": command_call, "stream": command_stream, "serve": command_serve}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__[__doc__.index("usage"):])
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except (NamedError, Lost, Malformed, OSError) as e:
        sys.exit(f"client.py: {e}")


if __name__ == "__main__":
    main()
