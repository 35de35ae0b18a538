"""A peer made of plain sockets: it can say what no library would let it say. It has SP framing, a REQ0 hello, a PAIR0 link, and msgpack."""

import os
import random
import socket
import struct
import time

PAIR0, REQ0, REP0 = 16, 48, 49


# ---- msgpack, what the protocol needs ----------------------------------------------------------------------------

class Ref(tuple):
    """(node, group, serial)"""


def pack(value):
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, Ref):
        return b"\xc7\x18\x01" + struct.pack(">QQQ", *value)
    if isinstance(value, int):
        if 0 <= value < 128:
            return bytes([value])
        return b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        return b"\xdb" + struct.pack(">I", len(data)) + data
    if isinstance(value, bytes):
        return b"\xc6" + struct.pack(">I", len(value)) + value
    if isinstance(value, (list, tuple)):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    if isinstance(value, dict):
        return b"\xdf" + struct.pack(">I", len(value)) + b"".join(pack(k) + pack(v) for k, v in value.items())
    raise TypeError(type(value))


def unpack_at(data, at):
    def take(fmt):
        nonlocal at
        value, = struct.unpack_from(">" + fmt, data, at)
        at += struct.calcsize(fmt)
        return value

    def blob(n):
        nonlocal at
        at += n
        return data[at - n:at]

    def array(n):
        nonlocal at
        values = []
        for _ in range(n):
            value, at = unpack_at(data, at)
            values.append(value)
        return values

    def mapping(n):
        flat = array(2 * n)
        return dict(zip(flat[::2], flat[1::2]))

    c = take("B")
    if c < 0x80:
        value = c
    elif c < 0x90:
        value = mapping(c & 15)
    elif c < 0xa0:
        value = array(c & 15)
    elif c < 0xc0:
        value = blob(c & 31).decode(errors="replace")
    elif c in (0xc0, 0xc2, 0xc3):
        value = {0xc0: None, 0xc2: False, 0xc3: True}[c]
    elif c <= 0xc6:
        value = blob(take("BHI"[c - 0xc4]))
    elif c <= 0xc9:
        n, _ = take("BHI"[c - 0xc7]), take("b")
        value = Ref(struct.unpack(">QQQ", blob(n)))
    elif c in (0xca, 0xcb):
        value = take("fd"[c - 0xca])
    elif c <= 0xcf:
        value = take("BHIQ"[c - 0xcc])
    elif c <= 0xd3:
        value = take("bhiq"[c - 0xd0])
    elif 0xd9 <= c <= 0xdb:
        value = blob(take("BHI"[c - 0xd9])).decode(errors="replace")
    elif c in (0xdc, 0xdd):
        value = array(take("HI"[c - 0xdc]))
    elif c in (0xde, 0xdf):
        value = mapping(take("HI"[c - 0xde]))
    elif c >= 0xe0:
        value = c - 256
    else:
        raise ValueError(hex(c))
    return value, at


def unpack_all(data):
    values, at = [], 0
    while at < len(data):
        value, at = unpack_at(data, at)
        values.append(value)
    return values


# ---- SP over a Unix socket ---------------------------------------------------------------------------------------

def connect(path, timeout=30):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(path)
    return s


def sp_header(protocol):
    return b"\0SP\0" + struct.pack(">HH", protocol, 0)


def message(body):
    return b"\1" + struct.pack(">Q", len(body)) + body


def read_exactly(s, n):
    data = bytearray()
    while len(data) < n:
        part = s.recv(min(n - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def read_message(s):
    kind, n = struct.unpack(">BQ", read_exactly(s, 9))
    assert kind == 1, kind
    return read_exactly(s, n)


def ended(s, timeout=30):
    """Whether the other side ends the connection within @timeout seconds. What it says until then is thrown away."""
    s.settimeout(timeout)
    try:
        while s.recv(1 << 20):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True


def hello(path, body, timeout=30):
    """Sends @body as a hello; returns the bytes of the answer."""
    s = connect(path, timeout)
    try:
        s.sendall(sp_header(REQ0))
        assert read_exactly(s, 8) == sp_header(REP0)
        s.sendall(message(struct.pack(">I", 0x80000000 | random.getrandbits(31)) + body))
        return read_message(s)[4:]
    finally:
        s.close()


class Link:
    """A PAIR0 link: to a daemon whose rendezvous is @path, or over a socket that is connected already."""

    def __init__(self, path=None, sock=None, first=(), **more):
        self.queue, self.next_id, self.to_broker = [], 1, None # to_broker: the link to the broker, closed with this one
        if path:
            self.answer, = unpack_all(hello(path, pack({"v": [1, 1], "name": "raw", "pid": os.getpid(), **more})))
            assert "url" in self.answer, self.answer
            self.me = Ref((self.answer["node"], self.answer["group"], 0))
            self.service = self.answer["self"]
            sock = connect(self.answer["url"][len("ipc://"):])
        self.socket = sock
        sock.settimeout(30)
        sock.sendall(sp_header(PAIR0))
        if first: # the first frames are sent before the other end has looked at its door
            self.send(*first)
        assert read_exactly(sock, 8) == sp_header(PAIR0)

    def send_bytes(self, body):
        self.socket.sendall(message(body))

    def send(self, *frames):
        self.send_bytes(b"".join(map(pack, frames)))

    def receive(self):
        while not self.queue:
            self.queue = [frame for frame in unpack_all(read_message(self.socket)) if frame[0] != 15]  # 15 is `join`, which says that we were let in
        return self.queue.pop(0)

    def call(self, method, *args, to=None):
        self.next_id += 1
        call_id = self.next_id
        self.send([2, to or self.service, self.me, method, list(args), call_id, 0])
        while True:
            frame = self.receive()
            if frame[0] in (3, 4) and frame[3] == call_id:
                return frame

    def cast(self, method, *args, to=None):
        self.send([1, to or self.service, self.me, method, list(args)])

    def introduce(self, group):
        """Makes a direct link with another group."""
        self.call("introduce", group)
        return self.introduced(group)

    def introduced(self, group=None):
        """Makes the direct link that the broker has told of, with @group or else with whoever asked for it."""
        while True:
            frame = self.receive()
            if frame[0] == 1 and frame[3] == "introduce" and group in (None, frame[4][2]):
                break
        intro, role, group, path = frame[4][:4]
        if role in ("dial", "join"):
            sock = connect(path)
        else:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(30)
            self.cast("listening", intro)
            sock, _ = listener.accept()
            listener.close()
        link = Link(sock=sock, first=[[15, self.me[1]]] if role == "join" else [])
        link.me, link.service = self.me, Ref((self.me[0], group, 1))
        return link

    def ended(self, timeout=30):
        return ended(self.socket, timeout)

    def close(self):
        self.socket.close()
        if self.to_broker:
            self.to_broker.close()


def depth(n, leaf=b"\xc0"):
    return b"\x91" * n + leaf
