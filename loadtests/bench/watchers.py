"""A crowd of watchers for the live bench, in a process of its own: holds sockets, reads all of them, notes when.

`python -m loadtests.bench.watchers PORT SOCKETS` prints `ready` once everyone has been told something, and after a line
on its standard input what was heard: the frames, and for each seq how many sockets had it and when (ms) the last one
did.
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
    """A short text as a client sends it, under a mask that changes nothing."""
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


class WatcherSockets:
    """So many open sockets and what they were told."""

    def __init__(self, port: int, count: int) -> None:
        self.forget()
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        for _ in range(count):
            watcher = socket.create_connection(("127.0.0.1", port))
            watcher.sendall(REQUEST)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += watcher.recv(4096)
            watcher.sendall(masked(SUB))
            watcher.setblocking(False)
            self.poll.register(watcher.fileno(), select.EPOLLIN)
            self.sockets[watcher.fileno()] = watcher
            self.read(0)

    def forget(self) -> None:
        """Begin to count."""
        self.ticks = 0
        self.heard: dict[int, list[float]] = {}
        """Seq -> how many sockets heard it, when the last one did, and when it was sent, where it says so."""

    def read(self, timeout_s: float) -> None:
        """Read whatever has come."""
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
                noted = self.heard.get(int(data[start:end]))
                if noted is None:
                    noted = self.heard[int(data[start:end])] = [0, 0.0, _number(data, _AT, at)]
                noted[0] += 1
                noted[1] = now_ms
                self.ticks += 1
                at = data.find(_TICK, end)


def _number(data: bytes, name: bytes, start: int) -> int:
    """The whole number that follows a name; 0 where there is none."""
    at = data.find(name, start)
    return int(data[at + len(name) : data.find(b",", at)]) if at >= 0 else 0


def main(port: int, count: int) -> None:
    """Hold the sockets until told to stop."""
    crowd = WatcherSockets(port, count)
    while crowd.ticks < count:
        crowd.read(1)
    crowd.forget()
    print("ready", flush=True)
    began_s = time.monotonic()
    while not select.select([sys.stdin], [], [], 0)[0]:
        crowd.read(0.2)
    print(json.dumps({"ticks": crowd.ticks, "seconds": time.monotonic() - began_s, "heard": crowd.heard}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
