"""A load run from end to end: a house, a sale, locust's bidders and watchers for a minute, counts, `auction verify`.

Bidders, watchers and house share this machine: the figures are for comparing runs, not for promising anything.
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
from loadtests.runners import bid, watching
from loadtests.sale import Staff
from loadtests.server import AuctionServerFailed, run_command, running_server
from loadtests.statistics import BidderStatistics, WatchStatistics

USERS_MAX, WATCHERS_MAX, SECONDS_MAX, LOTS_MAX, WORKERS_MAX = 1_000, 1_000, 600, 64, 16


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing failed and every promise held, else 1."""
    given = _parse(arguments)
    try:
        with _stoppable(), tempfile.TemporaryDirectory(prefix="auction-load-") as folder:
            return _run(given, Path(folder))
    except (AuctionServerFailed, httpx.HTTPError) as error:
        print(f"the load run failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    parser.add_argument("--users", type=_within(USERS_MAX), default=64, help="bidders at once (64)")
    parser.add_argument(
        "--watchers",
        type=_within(WATCHERS_MAX, least=0),
        default=100,
        help="watchers of the live channel, half of them told every bid (100)",
    )
    parser.add_argument("--seconds", type=_within(SECONDS_MAX), default=60, help="how long they bid (60)")
    parser.add_argument("--lots", type=_within(LOTS_MAX), default=1, help="lots they share (1)")
    parser.add_argument("--workers", type=_within(WORKERS_MAX), default=1, help="HTTP processes of the house (1)")
    return parser.parse_args(arguments)


def _within(most: int, *, least: int = 1) -> Any:
    def whole(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, got {text}")
        return int(text)

    return whole


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM like Ctrl-C: the house is stopped either way."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(given: argparse.Namespace, folder: Path) -> int:
    print("starting a house on embedded servers ...", flush=True)
    with running_server(folder, workers=given.workers) as server:
        staff = Staff(server)
        sale_id, lot_ids = staff.open_sale(given.lots)
        print(
            f"{_number(given.users, 'bidder')} and {_number(given.watchers, 'watcher')} on "
            f"{_number(given.lots, 'lot')} at {server.address} "
            f"({_number(given.workers, 'HTTP process', 'es')}) for {given.seconds} s ...",
            flush=True,
        )
        with watching(server, folder, lot_ids, given.watchers, staff) as crowd:
            tally = bid(server, folder, lot_ids, users=given.users, seconds=given.seconds)
            closed = [staff.close(lot_id) for lot_id in lot_ids]
            watched = crowd.leave()
        staff.leave()
        print(report(tally, closed, watched))
        verified = run_command(server, "verify", "--sale", sale_id)
    print((verified.stdout + verified.stderr).strip())
    return 1 if tally.failed or not tally.accepted or not watched.holds or verified.returncode else 0


def report(tally: BidderStatistics, closed: Sequence[Mapping[str, Any]], watched: WatchStatistics) -> str:
    """The counts as people read them: accepted, refused and failed apart; then what the watchers saw."""
    answered, accepted = tally.bids / tally.seconds, tally.accepted / tally.seconds
    lines = [
        f"\n  {tally.bids:,} bids answered in {tally.seconds:.1f} s: {answered:,.0f}/s, {accepted:,.0f}/s accepted",
        f"  answer    {tally.p50_ms:>9,.0f}  ms in the middle, {tally.p99_ms:,.0f} ms for the slowest in a hundred",
        f"  accepted  {tally.accepted:>9,}" + (f"  ({tally.found:,} found by a retry)" if tally.found else ""),
        f"  refused   {tally.refused.total():>9,}{_by_code(tally.refused)}",
        f"  failed    {tally.failed.total():>9,}{_by_code(tally.failed)}",
        f"  retried   {tally.retried:>9,}  with the same key",
        f"  looks     {tally.looks:>9,}",
    ]
    lines += [f"  {lot['lot_id']}: {lot['bids']:,} bids, closed at {yuan(lot['price_fen'])} yuan" for lot in closed]
    if watched.state.watchers + watched.feed.watchers:
        lines += ["", *_seen(watched)]
    return "\n".join([*lines, ""])


def _seen(watched: WatchStatistics) -> list[str]:
    """What the watchers saw, by mode."""
    lines = []
    for mode, each in (("state", watched.state), ("feed", watched.feed)):
        lines.append(
            f"  {mode:<9} {each.frames:>9,}  frames to {_number(each.watchers, 'watcher')}, "
            f"{_number(each.faults, 'fault')}, {_number(each.reconnects, 'reconnect')}, {each.closed:,} saw the end"
        )
        if each.timed:
            lines.append(
                f"  {'late':<9} {each.late(0.5):>9,}  ms in the middle, {each.late(0.99):,} ms for the slowest in a "
                f"hundred, {each.late(1.0):,} ms at most ({each.timed:,} timed)"
            )
        lines += [f"  fault     {fault}" for fault in each.first_faults]
    lines += [f"  failed    {why} ({count:,})" for why, count in watched.failed.items()]
    return [
        *lines,
        "  Late: from a bid's at_ms, the ledger's time, to a watcher's having read it, both by this machine's clock;",
        "  a state is timed from the bid that made the price it shows. The watchers' own work is in it.",
    ]


def _by_code(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return "  " + ", ".join(f"{code} {count:,}" for code, count in ordered) if counts else ""


def _number(count: int, what: str, plural: str = "s") -> str:
    return f"{count:,} {what}{plural if count != 1 else ''}"
