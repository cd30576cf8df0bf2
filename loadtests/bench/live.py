"""Live prices to many watchers: the CPU cost of one delivery, against a C loop of bare sends and against `broadcast()`.

Five ticks a second to every socket, so that conflation has nothing to do. The server runs on one core, the watchers and
the ledger on the other. Each server is measured for the same number of seconds in one run; its CPU time is the kernel's
figure.
"""

import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auction.domain.bidding import Bid
from auction.domain.terms_reader import read_terms
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect
from auction.ledger.replies import AcceptedBid
from auction.presets import load_preset
from auction.servers import running_servers
from auction.settings import Settings, load_settings
from loadtests.bench.cpu import cpu_ns

LOT = "bench-001"
SERVER_CORE, LOAD_CORE = 0, 1
TICK_S = 0.2
BASELINE_SOURCE = Path(__file__).parents[1] / "baselines" / "send_floor.c"
TICK_BYTES = 240
"""About the size of a `tick`."""
STALLED_ONE_IN = 100
"""In the runs with stalled sockets one in so many is not read after its first tick."""
GOALS = {
    "goal_gateway_to_floor_ratio": 1.25,
    "goal_last_socket_p99_ms": 200,
    "goal_kb_a_socket": 20,
    "goal_stalled_p99_ratio": 1.1,
}


@dataclass(frozen=True, slots=True)
class LiveRun:
    """One server with one number of watchers. Latencies (ms): from the decision until the last socket had it."""

    us_a_delivery: float
    kb_a_socket: float
    deliveries: int
    share: float
    """Delivered, of all deliveries due."""
    last_p50_ms: float
    last_p99_ms: float


def bench_live(
    *, socket_counts: tuple[int, ...] = (1_000, 5_000, 10_000), seconds: int = 10, runs: int = 3
) -> dict[str, Any]:
    """Medians of alternating runs, and the gateway's ratio to both baselines, by the number of sockets.

    In a fourth run one in a hundred sockets is never read; its latencies are those of the others.
    """
    if shutil.which("cc") is None:
        raise SystemExit("this benchmark compiles its baseline with cc: apt-get install gcc")
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="auction-bench-") as folder:
        baseline_program = Path(folder) / "send_floor"
        subprocess.run(["cc", "-O2", "-o", baseline_program, BASELINE_SOURCE], check=True)
        wanted = load_settings(
            data_dir=Path(folder) / "data", redis_url=None, database_url=None, secret_key=os.urandom(32).hex()
        )
        with running_servers(wanted, books=False) as settings, _Bidder(settings) as bidder:
            for count in socket_counts:
                found: dict[str, list[LiveRun]] = {"send_floor": [], "broadcast": [], "gateway": [], "stalled": []}
                for _ in range(runs):
                    found["send_floor"].append(
                        _measure([str(baseline_program), "{port}", str(TICK_BYTES)], count, seconds)
                    )
                    baseline = [sys.executable, "-m", "loadtests.baselines.broadcast", "{port}", str(TICK_BYTES)]
                    found["broadcast"].append(_measure(baseline, count, seconds))
                    gateway = [sys.executable, "-m", "api.live", "--port", "{port}"]
                    found["gateway"].append(_measure(gateway, count, seconds, settings, bidder))
                    found["stalled"].append(
                        _measure(gateway, count, seconds, settings, bidder, stalled=count // STALLED_ONE_IN)
                    )
                figures[f"{count} sockets"] = _report(found)
    return figures


class _Bidder:
    """Bids on the lot five times a second, in a thread of its own, and records when each bid was decided."""

    def __init__(self, settings: Settings) -> None:
        self.decided: dict[int, int] = {}
        """Seq -> the ledger's time (UTC ms) of the bid."""
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._bid()))

    def __enter__(self) -> "_Bidder":
        self._thread.start()
        while not self.decided:
            if not self._thread.is_alive():
                raise SystemExit("no bid was accepted")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    async def _bid(self) -> None:
        redis = connect(str(self._settings.redis_url), timeout_ms=60_000)
        try:
            # the first to use it begins it
            ledger = await BidLedger.open(redis, self._settings.ledger_shards)
            now_ms = await ledger.now_ms()
            terms = read_terms(load_preset("jd-flash"))
            await ledger.schedule(LOT, terms, opens_at_ms=now_ms, ends_at_ms=now_ms + 86_400_000, hard_stop_at_ms=0)
            for paddle in (1, 2):
                await ledger.admit(LOT, bidder_id=f"bidder-{paddle}", paddle=paddle, limit_fen=None, purse_fen=None)
            await ledger.open_now(LOT, ends_at_ms=now_ms + 86_400_000, by="bench")
            number = 0
            while not self._stopping.is_set():
                number += 1
                bid = Bid(f"bidder-{1 + number % 2}", 100 * number, f"key-{number:08d}")
                (answer,) = await ledger.place_bids(LOT, [bid])
                if not isinstance(answer, AcceptedBid):
                    raise SystemExit(f"a bid was refused: {answer}")
                self.decided[answer.receipt.seq] = answer.receipt.at_ms
                await asyncio.sleep(TICK_S)
        finally:
            await redis.aclose()


def _measure(
    command: list[str],
    count: int,
    seconds: int,
    settings: Settings | None = None,
    bidder: _Bidder | None = None,
    *,
    stalled: int = 0,
) -> LiveRun:
    """Measure one server with so many sockets, so many of which are stalled, for so many seconds."""
    environment = {} if settings is None else _environment(settings)
    with _server(command, environment) as (process, port):
        kb_before = _resident_kb(process.pid)
        with _watchers(port, count, stalled) as watchers:
            kb_after = _resident_kb(process.pid)
            before_ns = cpu_ns(process.pid)
            time.sleep(seconds)
            used_ns = cpu_ns(process.pid) - before_ns
            received = json.loads(watchers.communicate("stop\n", timeout=60)[0])
    sent_at_ms = {seq: noted[2] for seq, noted in received["by_seq"].items()}
    if bidder is not None:
        sent_at_ms = {seq: bidder.decided.get(int(seq), 0) for seq in sent_at_ms}
    # some sockets may have received the first and the last tick before or after the counting
    complete = sorted(received["by_seq"], key=int)[1:-1]
    last_ms = [received["by_seq"][seq][1] - sent_at_ms[seq] for seq in complete]
    return LiveRun(
        us_a_delivery=used_ns / 1_000 / (received["ticks"] * seconds / received["seconds"]),
        kb_a_socket=(kb_after - kb_before) / count,
        deliveries=received["ticks"],
        share=sum(received["by_seq"][seq][0] for seq in complete) / (len(complete) * (count - stalled)),
        last_p50_ms=statistics.median(last_ms),
        last_p99_ms=statistics.quantiles(last_ms, n=100)[98],
    )


@contextmanager
def _server(command: list[str], environment: dict[str, str]) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Run a server process on a core of its own; the process and its port, once it accepts connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    words = ["taskset", "-c", str(SERVER_CORE), *(word.replace("{port}", str(port)) for word in command)]
    process = subprocess.Popen(words, env={**os.environ, **environment})
    try:
        deadline_s = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline_s:
                    raise SystemExit(f"{command} did not start") from None
                time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def _watchers(port: int, count: int, stalled: int) -> Iterator["subprocess.Popen[str]"]:
    """Run the watchers' process on the other core; each has received a tick when the block begins."""
    numbers = (str(port), str(count), str(stalled))
    words = ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "loadtests.bench.watchers", *numbers]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watchers:
        try:
            if watchers.stdout is None or watchers.stdout.readline() != "ready\n":
                raise SystemExit("the watchers could not connect")
            yield watchers
        finally:
            watchers.kill()


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "AUCTION_REDIS_URL": str(settings.redis_url),
        "AUCTION_SECRET_KEY": settings.secret,
        "AUCTION_LOG_LEVEL": "warning",
    }


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _report(found: dict[str, list[LiveRun]]) -> dict[str, Any]:
    medians = {name: _median(runs) for name, runs in found.items()}
    ours = medians["gateway"]["us_a_delivery"]
    return {
        **medians,
        "gateway_to_floor_ratio": round(ours / medians["send_floor"]["us_a_delivery"], 2),
        "gateway_to_broadcast_ratio": round(ours / medians["broadcast"]["us_a_delivery"], 2),
        "stalled_p99_ratio": round(
            medians["stalled"]["last_socket_p99_ms"] / medians["gateway"]["last_socket_p99_ms"], 2
        ),
        **GOALS,
        "ticks_a_second": round(1 / TICK_S),
        "durability": "appendfsync always",
    }


def _median(runs: list[LiveRun]) -> dict[str, Any]:
    costs_us = [run.us_a_delivery for run in runs]
    return {
        "us_a_delivery": round(statistics.median(costs_us), 2),
        "lowest_us": round(min(costs_us), 2),
        "highest_us": round(max(costs_us), 2),
        "kb_a_socket": round(statistics.median(run.kb_a_socket for run in runs), 1),
        "last_socket_p50_ms": round(statistics.median(run.last_p50_ms for run in runs), 1),
        "last_socket_p99_ms": round(statistics.median(run.last_p99_ms for run in runs), 1),
        "delivered": round(min(run.share for run in runs), 4),
    }
