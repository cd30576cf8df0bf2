import re
from pathlib import Path

import pytest
from redis.asyncio import Redis

from auction.ledger import scripts
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.keys import KeySpace
from auction.ledger.scripts import ScriptCaller, ScriptInvalid, expand, load_scripts, parse
from tests.ledger.event_sequences import LOT, opened, taken

SOUND = """--[[ count_bids: tell how many bids a lot has.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  ARGV[1]  lot id
  ARGV[2]  since which seq
  Returns  msgpack [code, bids,
           and what is on the next line]
  Mirrors  auction/domain/lot.py::Lot ]]
-- include: number
return cmsgpack.pack({KEYS[1], ARGV[1], number(ARGV[2], 'seq')})
"""
INCLUDES = {"number": "-- number: exact text\nlocal function number(s) return tonumber(s) end"}


def test_a_header_is_a_scripts_contract() -> None:
    script = parse("count_bids", SOUND, INCLUDES)
    assert script.purpose == "tell how many bids a lot has."
    assert script.keys == ("lot state hash       a1:{shard}:lot:<id>",)
    assert script.arguments == ("lot id", "since which seq")
    assert script.returns == "msgpack [code, bids, and what is on the next line]"
    assert script.mirrors == "auction/domain/lot.py::Lot"
    assert "local function number" in script.source
    assert "-- include" not in script.source


@pytest.mark.parametrize(
    "found, instead, complaint",
    [
        ("--[[ count_bids: tell", "-- count_bids: tell", "must open with"),
        ("::Lot ]]\n", "::Lot\n", "must open with"),
        ("count_bids: ", "count: ", "calls itself count"),
        ("  Returns  ", "  Gives    ", "does not say what it returns"),
        ("  Mirrors  ", "  Like     ", "does not say what it mirrors"),
        ("  KEYS[1]  ", "  KEYS[2]  ", "must list KEYS[1], KEYS[2], ... in order"),
        ("  ARGV[2]  since which seq\n", "", "uses ARGV [1, 2] but its header lists 1"),
        ("number(ARGV[2], 'seq')", "0", "uses ARGV [1] but its header lists 2"),
        ("{KEYS[1], ", "{", "uses KEYS [] but its header lists 1"),
        ("-- include: number", "-- include: numbers", "no include named numbers"),
    ],
)
def test_a_wrong_header_is_named(found: str, instead: str, complaint: str) -> None:
    assert SOUND.count(found) == 1
    with pytest.raises(ScriptInvalid, match=re.escape(complaint)):
        parse("count_bids", SOUND.replace(found, instead), INCLUDES)


def test_an_include_comes_once_and_after_what_it_needs_itself() -> None:
    includes = {
        "lot": "-- include: number\nlot()",
        "number": "number()",
        "closing": "-- include: lot number\nclosing()",
        "ring": "-- include: ring lot\nring()",
    }
    expanded = expand("-- include: closing lot ring\nmain()", includes)
    assert [line for line in expanded.splitlines() if line] == ["number()", "lot()", "closing()", "ring()", "main()"]


def test_every_script_of_the_package_loads() -> None:
    files = (Path(scripts.__file__).parent / "lua").glob("*.lua")
    assert set(load_scripts()) == {path.stem for path in files}
    for script in load_scripts().values():
        assert script.source.count("redis.call('TIME')") == 1, f"{script.name} reads the clock once"
        for name in ("local function text(", "local function clock("):
            assert script.source.count(name) == 1, f"{script.name} has {name} once"


async def test_a_call_with_a_word_too_few_is_a_mistake_in_the_code(client: "Redis") -> None:
    caller = ScriptCaller(client)
    keys = KeySpace(16)
    with pytest.raises(TypeError, match="read_lot takes keys"):
        await caller.call("read_lot", (), (LOT,))
    with pytest.raises(TypeError, match="read_lot takes keys"):
        await caller.call("read_lot", (keys.lot(LOT),), ())


async def test_a_server_that_lost_its_scripts_is_given_them_again(ledger: BidLedger) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    await ledger.redis.script_flush()
    receipt = await taken(ledger, "bo", 200, "key-0002")
    assert receipt.price_fen == 200
    assert await ledger.redis.script_exists(load_scripts()["place_bids"].sha1) == [True]
    assert (await taken(ledger, "cai", 300, "key-0003")).seq == receipt.seq + 1
