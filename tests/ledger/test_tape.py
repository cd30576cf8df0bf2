"""A bid tape comes out the same on every ledger, and what is not the same is noticed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from auction.domain.errors import RefusalCode
from auction.ledger.bid_ledger import BidLedger
from auction.replay import tape
from auction.replay.tape import Recorder, TapeDiffers, TapeInvalid, play
from auction.replay.tape_player import LedgerEngine

SMALL = Path(__file__).parent / "tapes" / "small.jsonl"
SEED = 20170321
MILLION = 1_000_000


def lines_of(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


async def test_the_recorded_tape_comes_out_as_it_says(ledger: BidLedger) -> None:
    """The bytes and the hash of every earlier version."""
    end = await play(LedgerEngine(ledger), iter(lines_of(SMALL)))
    assert end == json.loads(lines_of(SMALL)[-1])
    never = {RefusalCode.LOT_UNKNOWN, RefusalCode.LOT_FROZEN, RefusalCode.OVER_PURSE}
    never |= {RefusalCode.MAXIMA_OFF, RefusalCode.NO_MAXIMUM, RefusalCode.MAXIMUM_TOO_LOW}
    assert set(end["bids"]) == {*map(str, set(RefusalCode) - never), "accepted", "repeated"}


def test_a_tape_follows_from_its_seed() -> None:
    assert list(Recorder(SEED, 3_000).lines()) == lines_of(SMALL)
    assert list(Recorder(SEED + 1, 3_000).lines()) != lines_of(SMALL)


async def test_a_long_tape_has_checks_on_its_way(ledger: BidLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "CHECK_EVERY", 10)
    lines = list(Recorder(5, 500).lines())
    checks = [number for number, line in enumerate(lines) if line.startswith('["check"')]
    assert len(checks) > 2
    lines[checks[1]] = '["check","0"]'
    with pytest.raises(TapeDiffers, match=f"differ by line {checks[1] + 1},"):
        await play(LedgerEngine(ledger), iter(lines))


async def test_another_outcome_is_told(ledger: BidLedger) -> None:
    *lines, end = lines_of(SMALL)[:2] + lines_of(SMALL)[-1:]
    with pytest.raises(TapeDiffers, match="by line 3 the outcome is"):
        await play(LedgerEngine(ledger), iter([*lines, end]))


@pytest.mark.parametrize(
    "lines, says",
    [
        ([], "first line"),
        (['{"format":"auction-tape","version":2}'], "first line"),
        (["[1]"], "first line"),
        (["no JSON"], "no JSON"),
        (["HEADER", "7"], "neither a command"),
        (["HEADER", "[]"], "neither a command"),
        (["HEADER", '["dance","tape-001"]'], "no such command"),
        (["HEADER"], "the last line is missing"),
    ],
)
async def test_what_is_no_tape_is_refused(ledger: BidLedger, lines: list[str], says: str) -> None:
    given: Iterator[str] = (line.replace("HEADER", '{"format":"auction-tape","version":1}') for line in lines)
    with pytest.raises(TapeInvalid, match=says):
        await play(LedgerEngine(ledger), given)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
async def test_a_million_bids_come_out_as_the_rules_say(ledger: BidLedger) -> None:
    end = await play(LedgerEngine(ledger), Recorder(SEED, MILLION).lines())
    assert sum(end["bids"].values()) >= MILLION
