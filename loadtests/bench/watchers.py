"""The watchers of the live benchmark, in a process of their own: many sockets, and when each tick was received.

`python -m loadtests.bench.watchers PORT SOCKETS STALLED` prints `ready` once every socket has received a tick; from
then on so many of them are not read any more. After a line on its standard input it prints what was received since: the
number of ticks, and for each seq on how many sockets it was received and when (ms) on the last one.
"""

import json
import select
import socket
import sys
import time

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SUB = b'{"type":"sub","lot_id":"bench-001","mode":"state"}'
_SEQ, _AT, _TICK = b'"seq":', b'"at_ms":', b'"type":"tick"'


def masked(text: bytes) -> bytes:
    """A short text frame of a client, with a mask of zeros."""
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


class WatcherSockets:
    """So many open sockets and the ticks that they received."""

    def __init__(self, port: int, count: int) -> None:
        self.reset()
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        for _ in range(count):
            watcher = socket.create_connection(("127.0.0.1", port))
            watcher.sendall(REQUEST)
            response = b""
            while b"\r\n\r\n" not in response:
                response += watcher.recv(4096)
            watcher.sendall(masked(SUB))
            watcher.setblocking(False)
            self.poll.register(watcher.fileno(), select.EPOLLIN)
            self.sockets[watcher.fileno()] = watcher
            self.read(0)

    def stall(self, count: int) -> None:
        """Read so many of the sockets no more."""
        for number in list(self.sockets)[:count]:
            self.poll.unregister(number)

    def reset(self) -> None:
        """Start counting from zero."""
        self.ticks = 0
        self.by_seq: dict[int, list[float]] = {}
        """Seq -> how many sockets received it, when (ms) the last one did, and when it was sent (0: unknown)."""

    def read(self, timeout_s: float) -> None:
        """Read everything that has arrived."""
        for number, _ in self.poll.poll(timeout_s):
            data = self.sockets[number].recv(65536)
            if not data:
                raise SystemExit("the server closed a watcher's connection")
            now_ms = time.time() * 1000
            at = data.find(_TICK)
            while at >= 0:
                start = data.find(_SEQ, at) + len(_SEQ)
                end = data.find(b",", start)
                if start < len(_SEQ) or end < 0:
                    break
                entry = self.by_seq.get(int(data[start:end]))
                if entry is None:
                    entry = self.by_seq[int(data[start:end])] = [0, 0.0, _number(data, _AT, at)]
                entry[0] += 1
                entry[1] = now_ms
                self.ticks += 1
                at = data.find(_TICK, end)


def _number(data: bytes, name: bytes, start: int) -> int:
    """The whole number that follows a name; 0 where there is none."""
    at = data.find(name, start)
    return int(data[at + len(name) : data.find(b",", at)]) if at >= 0 else 0


def main(port: int, count: int, stalled: int) -> None:
    """Read the sockets until a line on standard input."""
    watchers = WatcherSockets(port, count)
    while watchers.ticks < count:
        watchers.read(1)
    watchers.stall(stalled)
    watchers.reset()
    print("ready", flush=True)
    started_s = time.monotonic()
    while not select.select([sys.stdin], [], [], 0)[0]:
        watchers.read(0.2)
    seconds = time.monotonic() - started_s
    print(json.dumps({"ticks": watchers.ticks, "seconds": seconds, "by_seq": watchers.by_seq}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
