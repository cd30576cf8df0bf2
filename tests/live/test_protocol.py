"""The words of the channel, without a socket."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.live import frames
from api.live.frames import EventPosition, SnapFrame, TickFrame, encode_frame
from api.live.protocol import FINAL, CloseCode, Malformed, Sub, Sync, read_message
from auction.domain.events import (
    Admitted,
    BidPlaced,
    BidVoided,
    Closed,
    Extended,
    Held,
    LotVoided,
    Opened,
    Paused,
    Rescheduled,
    Resumed,
    Scheduled,
)
from auction.domain.lot import Lot, LotStatus
from tests.ledger.event_sequences import LOT, terms

AT = EventPosition(LOT, seq=7, at_ms=5_000, epoch=2, ends_before_ms=9_000)


def unpacked(frame: bytes) -> dict[str, object]:
    assert frame[0] == 0x81
    size, start = frame[1], 2
    if size == 126:
        size, start = int.from_bytes(frame[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(frame[2:10], "big"), 10
    assert len(frame) == start + size
    found: dict[str, object] = json.loads(frame[start:])
    return found


def happening(event, *, price_fen=0, leader=0) -> dict[str, object] | None:
    frame = frames.event_frame(AT, event, price_fen, leader)
    return None if frame is None else unpacked(frame)


# -- what clients say ---------------------------------------------------------------------------------------------------


def test_a_sub_says_which_lot_and_how():
    assert read_message(b'{"type":"sub","lot_id":"a-001","mode":"feed"}') == Sub("a-001", "feed")
    assert read_message(b'{"type":"sub","lot_id":"a-001"}') == Sub("a-001", "state")


def test_a_sub_goes_on_where_it_left_off_only_with_both_epoch_and_seq():
    known = read_message(b'{"type":"sub","lot_id":"a-001","epoch":2,"seq":9}')
    assert isinstance(known, Sub)
    assert known.after == (2, 9)
    new = read_message(b'{"type":"sub","lot_id":"a-001","epoch":null,"seq":null}')
    assert isinstance(new, Sub)
    assert new.after is None
    for half in (b'{"type":"sub","lot_id":"a-001","epoch":2}', b'{"type":"sub","lot_id":"a-001","seq":2}'):
        with pytest.raises(Malformed, match="go together"):
            read_message(half)


@pytest.mark.parametrize("c0", [0, 1.5, 1_795_358_298_825, -3])
def test_a_sync_brings_its_number(c0):
    assert read_message(json.dumps({"type": "sync", "c0": c0}).encode()) == Sync(c0)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"sub"',
        b"{}",
        b'{"type":"subscribe","lot_id":"a-001"}',
        b'{"type":"sub"}',
        b'{"type":"sub","lot_id":""}',
        b'{"type":"sub","lot_id":7}',
        b'{"type":"sub","lot_id":"' + b"a" * 65 + b'"}',
        b'{"type":"sub","lot_id":"a-001","mode":"everything"}',
        b'{"type":"sub","lot_id":"a-001","colour":"red"}',
        b'{"type":"sub","lot_id":"a-001","epoch":-1,"seq":1}',
        b'{"type":"sub","lot_id":"a-001","epoch":1.5,"seq":1}',
        b'{"type":"sub","lot_id":"a-001","epoch":1e400,"seq":1}',
        b'{"type":"sub","lot_id":"\xff"}',
        b'{"type":"sync"}',
        b'{"type":"sync","c0":"now"}',
        b'{"type":"sync","c0":NaN}',
        b'{"type":"sync","c0":true}',
        b"[" * 1000,
        b'{"type":"sync","c0":' + b"[" * 900,
    ],
)
def test_anything_else_is_malformed_and_the_reason_fits_a_close_frame(said):
    with pytest.raises(Malformed) as refused:
        read_message(said)
    assert 0 < len(str(refused.value)) <= 100


@given(st.binary(max_size=1024))
def test_random_bytes_are_malformed(said):
    # messages that stand in the code are among what is tried
    assume(not said.lstrip().startswith(b"{"))
    with pytest.raises(Malformed):
        read_message(said)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
near_misses = st.fixed_dictionaries(
    {"type": st.sampled_from(["sub", "sync", "tick", "hello"]) | json_values},
    optional=dict.fromkeys(("lot_id", "mode", "token", "epoch", "seq", "c0"), json_values),
)


@given(json_values | near_misses)
def test_wrong_json_is_malformed_and_nothing_else_goes_wrong(value):
    said = json.dumps(value).encode(errors="surrogatepass")
    try:
        message = read_message(said)
    except Malformed:
        return
    assert isinstance(message, Sub | Sync)
    assert isinstance(value, dict)
    assert value["type"] in {"sub", "sync"}


def test_codes_say_which_failures_are_final():
    assert {code for code in CloseCode if code in FINAL} == {1000, 4500, 4501, 4502, 4504}
    assert {code for code in CloseCode if code not in FINAL} == {1012, 4000, 4008, 4012, 4013}


# -- what gateways say --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 40, 60, 61, 62, 63, 1000, 65_470, 65_480, 70_000])
def test_a_frame_of_any_size_is_one_whole_text_message(length):
    frame = frames.PausedFrame(lot_id="x" * length, seq=1, at_ms=2, ends_at_ms=3, remaining_ms=4, reason="")
    assert unpacked(encode_frame(frame))["lot_id"] == "x" * length


def test_a_state_tells_all_that_there_is_to_know_of_a_lot():
    lot = Lot(terms(), LotStatus.OPEN, 2, 9, 500, "ada", 3, 500, 4, 1_000, 9_000)
    told = unpacked(frames.state_frame(SnapFrame, LOT, lot, now_ms=77, watchers=12))
    assert told == {
        "type": "snap", "lot_id": LOT, "epoch": 2, "seq": 9, "status": "open", "price_fen": 500, "leader": 3, "bids": 4,
        "minimum_fen": 600, "ends_at_ms": 9_000, "remaining_ms": 0, "now_ms": 77, "watchers": 12,
        "reserve_met": None, "outcome": None,
    }  # fmt: skip
    reserved = Lot(terms(reserve_fen=501), LotStatus.CLOSED, 2, 9, 500, "ada", 3, 500, 4, 1_000, 9_000)
    ended = unpacked(frames.state_frame(SnapFrame, LOT, reserved, now_ms=77, watchers=12))
    assert (ended["reserve_met"], ended["outcome"]) == (False, "reserve-unmet")
    assert unpacked(frames.state_frame(TickFrame, LOT, lot, now_ms=77, watchers=12)) == {**told, "type": "tick"}
    assert unpacked(frames.state_frame(TickFrame, LOT, Lot(terms()), now_ms=0, watchers=0))["leader"] is None


def test_a_bid_is_told_by_the_price_it_made_and_never_by_its_maximum():
    event = BidPlaced("ada", 3, 99_900, "key-0001", 500, 1, 9_000)
    told = unpacked(frames.bid_frame(AT, event, 5))
    assert told == {
        "type": "bid", "lot_id": LOT, "seq": 7, "prev_seq": 5, "paddle": 3, "amount_fen": 500, "at_ms": 5_000,
        "leading": True,
    }  # fmt: skip
    assert b"99900" not in frames.bid_frame(AT, event, 5)
    assert b"ada" not in frames.bid_frame(AT, event, 5)


def test_what_nobody_may_miss_has_a_frame_of_its_own():
    common = {"lot_id": LOT, "seq": 7, "at_ms": 5_000}
    late = BidPlaced("ada", 3, 500, "key-0001", 500, 1, 9_500)
    assert happening(late) == {"type": "extended", **common, "ends_at_ms": 9_500, "by_bid": True, "reason": ""}
    assert happening(Extended(9_700, 0, "why", "eve")) == {
        "type": "extended", **common, "ends_at_ms": 9_700, "by_bid": False, "reason": "why",
    }  # fmt: skip
    assert happening(Rescheduled(9_100, 9_800, 0, "eve")) == {
        "type": "rescheduled", **common, "ends_at_ms": 9_800, "opens_at_ms": 9_100,
    }  # fmt: skip
    assert happening(Held(44)) == {"type": "held", **common, "ends_at_ms": 9_000, "remaining_ms": 44}
    assert happening(Paused(44, "why", "eve")) == {
        "type": "paused", **common, "ends_at_ms": 9_000, "remaining_ms": 44, "reason": "why", "cause": "staff",
    }  # fmt: skip
    assert happening(Resumed(9_900, 0, 0, "eve")) == {"type": "resumed", **common, "ends_at_ms": 9_900}
    assert happening(BidVoided(4, 300, "bo", 2, 300, "why", "eve")) == {
        "type": "voided", **common, "ends_at_ms": 9_000, "epoch": 2, "bid_seq": 4, "price_fen": 300, "leader": 2,
        "reason": "why",
    }  # fmt: skip
    assert happening(Closed("sold", 500, "ada", 3, "staff", "why", "eve"), price_fen=500, leader=3) == {
        "type": "closed", **common, "ends_at_ms": 5_000, "status": "closed", "outcome": "sold", "price_fen": 500,
        "leader": 3, "reason": "why",
    }  # fmt: skip
    assert happening(LotVoided("why", "eve"), price_fen=500, leader=3) == {
        "type": "closed", **common, "ends_at_ms": 5_000, "status": "void", "outcome": "void", "price_fen": 500,
        "leader": 3, "reason": "why",
    }  # fmt: skip


@pytest.mark.parametrize(
    "event",
    [
        Scheduled("f" * 64, 1, 2, 0),
        Opened(9_000, 0, "eve"),
        Admitted("ada", 3, -1, -1),
        BidPlaced("ada", 3, 500, "key-0001", 500, 1, 9_000),
    ],
)
def test_other_events_show_in_the_state_alone(event):
    assert happening(event) is None


def test_no_frame_names_a_bidder_or_staff():
    for event in (
        Rescheduled(9_100, 9_800, 0, "eve"),
        Extended(9_700, 0, "why", "eve"),
        Paused(44, "why", "eve"),
        BidVoided(4, 300, "ada", 2, 300, "why", "eve"),
        Closed("sold", 500, "ada", 3, "staff", "why", "eve"),
    ):
        told = frames.event_frame(AT, event, 500, 3)
        assert told is not None
        assert b"ada" not in told
        assert b"eve" not in told


@pytest.mark.parametrize(
    "leader, outbid, expected",
    [
        ("ada", False, {"leading": True}),
        ("ada", True, {"leading": True}),
        ("bo", True, {"leading": False, "outbid_by": 2}),
        ("bo", False, {"leading": False}),
        ("", True, {"leading": False}),
    ],
)
def test_a_bidder_is_told_whether_they_lead_and_who_outbid_them(leader, outbid, expected):
    lot = Lot(terms(), leader_id=leader, leader_paddle={"ada": 1, "bo": 2, "": 0}[leader])
    told = unpacked(frames.you_frame(LOT, lot, "ada", (1, None), was_outbid=outbid))
    assert told == {"type": "you", "lot_id": LOT, "paddle": 1, "limit_fen": None, **expected}
    assert unpacked(frames.you_frame(LOT, lot, "cai", None, was_outbid=False))["paddle"] is None
