"""A load run from end to end: a house, a sale, locust's bidders for a minute, the counts, and `auction verify`.

Bidders and house share this machine: the figures are for comparing runs, not for promising anything.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from auction.domain.money import yuan
from loadtests.house import House, HouseFailed, run_command, standing_house, tail
from loadtests.sale import Staff
from loadtests.tally import Tally

USERS_MAX, SECONDS_MAX, LOTS_MAX, WORKERS_MAX = 1_000, 600, 64, 16
LAST_ANSWERS_S = 10
"""How long begun bids may go on after the time is over."""
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing failed and every promise held, else 1."""
    given = _parse(arguments)
    try:
        with _stoppable(), tempfile.TemporaryDirectory(prefix="auction-load-") as folder:
            return _run(given, Path(folder))
    except (HouseFailed, httpx.HTTPError) as error:
        print(f"the load run failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    parser.add_argument("--users", type=_within(USERS_MAX), default=64, help="bidders at once (64)")
    parser.add_argument("--seconds", type=_within(SECONDS_MAX), default=60, help="how long they bid (60)")
    parser.add_argument("--lots", type=_within(LOTS_MAX), default=1, help="lots they share (1)")
    parser.add_argument("--workers", type=_within(WORKERS_MAX), default=1, help="HTTP processes of the house (1)")
    return parser.parse_args(arguments)


def _within(most: int) -> Any:
    def whole(text: str) -> int:
        if not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {most}, got {text}")
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
    with standing_house(folder, workers=given.workers) as house:
        staff = Staff(house)
        sale_id, lot_ids = staff.open_sale(given.lots)
        print(
            f"{given.users} bidders on {_number(given.lots, 'lot')} at {house.address} "
            f"({_number(given.workers, 'HTTP process', 'es')}) for {given.seconds} s ...",
            flush=True,
        )
        tally = _bid(house, folder, lot_ids, given)
        closed = [staff.close(lot_id) for lot_id in lot_ids]
        staff.leave()
        print(report(tally, closed))
        verified = run_command(house, "verify", "--sale", sale_id)
    print((verified.stdout + verified.stderr).strip())
    return 1 if tally.failed or not tally.accepted or verified.returncode else 0


def _bid(house: House, folder: Path, lot_ids: Sequence[str], given: argparse.Namespace) -> Tally:
    """Locust's run; what became of the bids."""
    counts, log = folder / "tally.json", folder / "locust.log"
    environment = dict(house.environment) | {
        "LOAD_LOTS": ",".join(lot_ids),
        "LOAD_TALLY": str(counts),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
    command += ["--host", house.address, "-u", str(given.users), "-r", str(given.users), "-t", f"{given.seconds}s"]
    command += ["--stop-timeout", str(LAST_ANSWERS_S), "--exit-code-on-error", "0"]
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=given.seconds + 120,
            check=False,
        )
    if done.returncode != 0 or not counts.exists():
        raise HouseFailed(f"locust ended with {done.returncode}:\n{tail(log)}")
    return Tally.read(counts)


def report(tally: Tally, closed: Sequence[Mapping[str, Any]]) -> str:
    """The counts as people read them: accepted, refused and failed apart."""
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
    return "\n".join([*lines, ""])


def _by_code(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return "  " + ", ".join(f"{code} {count:,}" for code, count in ordered) if counts else ""


def _number(count: int, what: str, plural: str = "s") -> str:
    return f"{count} {what}{plural if count > 1 else ''}"
