"""A load run: starts a server, creates a sale, runs locust's bidders and watchers, prints statistics, verifies.

Bidders, watchers and server share this machine: the figures compare runs with each other, and promise nothing.
"""

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from auction.domain.money import yuan
from loadtests.runners import run_bidders, running_watchers
from loadtests.sale import Staff
from loadtests.server import AuctionServerFailed, run_command, running_server
from loadtests.statistics import BidderStatistics, WatchStatistics

USERS_MAX, WATCHERS_MAX, SECONDS_MAX, LOTS_MAX, WORKERS_MAX = 1_000, 1_000, 600, 64, 16


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where nothing failed and every promise held, otherwise 1."""
    given = _parse(arguments)
    try:
        with _sigterm_as_interrupt(), tempfile.TemporaryDirectory(prefix="auction-load-") as folder:
            return _run(given, Path(folder))
    except (AuctionServerFailed, httpx.HTTPError) as error:
        print(f"the load run failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    parser.add_argument("--users", type=_whole_number(USERS_MAX), default=64, help="bidders at once (64)")
    parser.add_argument(
        "--watchers",
        type=_whole_number(WATCHERS_MAX, minimum=0),
        default=100,
        help="watchers of the live channel, half of them in mode feed (100)",
    )
    parser.add_argument(
        "--seconds",
        type=_whole_number(SECONDS_MAX),
        default=60,
        help="how long they bid, from the first accepted bid (60)",
    )
    parser.add_argument("--lots", type=_whole_number(LOTS_MAX), default=1, help="how many lots (1)")
    parser.add_argument("--workers", type=_whole_number(WORKERS_MAX), default=1, help="HTTP processes (1)")
    return parser.parse_args(arguments)


def _whole_number(maximum: int, *, minimum: int = 1) -> Any:
    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(f"must be a whole number from {minimum} to {maximum}, got {text}")
        return int(text)

    return parse


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C: the server is stopped either way."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(given: argparse.Namespace, folder: Path) -> int:
    print("starting embedded servers and processes ...", flush=True)
    with running_server(folder, workers=given.workers) as server:
        staff = Staff(server)
        sale_id, lot_ids = staff.open_sale(given.lots)
        print(
            f"{_number(given.users, 'bidder')} and {_number(given.watchers, 'watcher')} on "
            f"{_number(given.lots, 'lot')} at {server.address} "
            f"({_number(given.workers, 'HTTP process', 'es')}) for {given.seconds} s ...",
            flush=True,
        )
        with running_watchers(server, folder, lot_ids, given.watchers, staff) as watchers:
            bidders = run_bidders(server, folder, lot_ids, users=given.users, seconds=given.seconds)
            closed = [staff.close(lot_id) for lot_id in lot_ids]
            watched = watchers.finish()
        staff.close_connections()
        print(report(bidders, closed, watched))
        verified = run_command(server, "verify", "--sale", sale_id)
    print((verified.stdout + verified.stderr).strip())
    return 1 if bidders.failed or not bidders.accepted or not watched.holds or verified.returncode else 0


def report(bidders: BidderStatistics, closed: Sequence[Mapping[str, Any]], watched: WatchStatistics) -> str:
    """The statistics for people: accepted, refused and failed bids apart; then what the watchers received."""
    answered, accepted = bidders.bids / bidders.seconds, bidders.accepted / bidders.seconds
    lines = [
        f"\n  {bidders.bids:,} bids answered in {bidders.seconds:.1f} s: {answered:,.0f}/s, {accepted:,.0f}/s accepted",
        f"  response  {bidders.p50_ms:>9,.0f}  ms p50, {bidders.p99_ms:,.0f} ms p99",
        f"  accepted  {bidders.accepted:>9,}"
        + (f"  ({bidders.repeated:,} of them in an earlier attempt)" if bidders.repeated else ""),
        f"  refused   {bidders.refused.total():>9,}{_by_code(bidders.refused)}",
        f"  failed    {bidders.failed.total():>9,}{_by_code(bidders.failed)}",
        f"  retried   {bidders.retried:>9,}  with the same key",
        f"  reads     {bidders.reads:>9,}  of a lot",
    ]
    lines += [f"  {lot['lot_id']}: {lot['bids']:,} bids, closed at {yuan(lot['price_fen'])} yuan" for lot in closed]
    if watched.state.watchers + watched.feed.watchers:
        lines += ["", *_watcher_lines(watched)]
    return "\n".join([*lines, ""])


def _watcher_lines(watched: WatchStatistics) -> list[str]:
    """What the watchers received, by mode."""
    lines = []
    for mode, each in (("state", watched.state), ("feed", watched.feed)):
        lines.append(
            f"  {mode:<9} {each.frames:>9,}  frames to {_number(each.watchers, 'watcher')}, "
            f"{_number(each.faults, 'fault')}, {_number(each.reconnects, 'reconnect')}, "
            f"{each.closed:,} received the close"
        )
        if each.timed:
            lines.append(
                f"  {'delay':<9} {each.delay_ms(0.5):>9,}  ms p50, {each.delay_ms(0.99):,} ms p99, "
                f"{each.delay_ms(1.0):,} ms max ({each.timed:,} timed)"
            )
        lines += [f"  fault     {fault}" for fault in each.first_faults]
    lines += [f"  failed    {reason} ({count:,})" for reason, count in watched.failed.items()]
    return [
        *lines,
        "  Delay: from a bid's at_ms (the ledger's time) to when a watcher has read it, both by this machine's clock;",
        "  a state is timed from the bid whose price it shows. It includes the watchers' own processing.",
    ]


def _by_code(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return "  " + ", ".join(f"{code} {count:,}" for code, count in ordered) if counts else ""


def _number(count: int, what: str, plural: str = "s") -> str:
    return f"{count:,} {what}{plural if count != 1 else ''}"
