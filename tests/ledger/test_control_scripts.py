import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from auction.domain.deposits import Power
from auction.domain.errors import LedgerFault, NotFound, RequestRefused, WrongStatus
from auction.domain.events import (
    Admitted,
    BidVoided,
    Closed,
    Event,
    Extended,
    LotVoided,
    Opened,
    Paused,
    Rescheduled,
    Resumed,
    Scheduled,
)
from auction.domain.lot import LASTS_MS_MAX, LotStatus
from auction.domain.pricing import LeadingBid
from auction.domain.terms import SoftClose
from auction.ledger.admissions import ADMITTED_AT_ONCE, AdmissionCall
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.keys import lot_id_of
from auction.ledger.replies import Snapshot, control_error
from tests.ledger.event_sequences import (
    LONG_MS,
    LOT,
    OTHER_LOT,
    PURSE,
    bid,
    contents,
    entries,
    kinds,
    opened,
    refused,
    scheduled,
    taken,
    terms,
)

NOBODY = LeadingBid()


async def last_event(ledger: BidLedger) -> Event:
    """What happened last to the lot."""
    return (await entries(ledger))[-1].events[-1]


async def past(ledger: BidLedger, at_ms: int) -> None:
    """Wait until the ledger's clock has reached a time."""
    # the same clock, with 10 ms for the timer's rounding
    await asyncio.sleep((at_ms - await ledger.now_ms() + 10) / 1000)
    assert await ledger.now_ms() >= at_ms


# --- schedule ---------------------------------------------------------------------------------------------------------


async def test_a_scheduled_lot_begins_its_ledger_with_its_terms(ledger: BidLedger) -> None:
    of = terms(soft_close=SoftClose(1000, 1000, 5000), review_above_fen=900)
    snapshot = await ledger.schedule(
        LOT, of, opens_at_ms=5, ends_at_ms=4_000_000_000_000, hard_stop_at_ms=4_000_000_005_000
    )
    assert snapshot.status is LotStatus.SCHEDULED
    assert (snapshot.seq, snapshot.epoch, snapshot.price_fen, snapshot.minimum_fen) == (1, 1, 0, 100)
    assert snapshot.review_above_fen == 900
    assert await last_event(ledger) == Scheduled(of.sha256(), 5, 4_000_000_000_000, 4_000_000_005_000)
    assert (await ledger.deadlines(per_shard_max=5)).upcoming == [(5, LOT)]


async def test_scheduling_again_with_the_same_terms_changes_nothing(ledger: BidLedger) -> None:
    await scheduled(ledger)
    before = await contents(ledger)
    assert (await scheduled(ledger, lasts_ms=99_000)).seq == 1
    assert await contents(ledger) == before


async def test_scheduling_again_with_other_terms_is_refused(ledger: BidLedger) -> None:
    await scheduled(ledger)
    with pytest.raises(WrongStatus) as caught:
        await scheduled(ledger, of=terms(start_price_fen=200))
    assert caught.value.facts["status"] == "scheduled"


async def test_a_lot_cannot_be_scheduled_into_the_past(ledger: BidLedger) -> None:
    with pytest.raises(RequestRefused) as caught:
        await ledger.schedule(LOT, terms(), opens_at_ms=1, ends_at_ms=await ledger.now_ms(), hard_stop_at_ms=0)
    assert caught.value.code == "schedule-invalid"
    assert await ledger.read(LOT) is None


# --- admit ------------------------------------------------------------------------------------------------------------


async def test_admitting_again_changes_nothing(ledger: BidLedger) -> None:
    await scheduled(ledger, of=terms(deposit=PURSE))
    power: dict[str, Any] = {"bidder_id": "ada", "paddle": 7, "limit_fen": None, "purse_fen": 500}
    first = await ledger.admit(LOT, **power)
    before = await contents(ledger)
    assert (await ledger.admit(LOT, **power)).seq == first.seq == 2
    assert (await ledger.admit(LOT, **power | {"purse_fen": None})).seq == 2
    assert await contents(ledger) == before
    assert await last_event(ledger) == Admitted("ada", 7, -1, 500)


@pytest.mark.parametrize("change", [{"limit_fen": 10**13}, {"limit_fen": 0}, {"purse_fen": 501}])
async def test_a_changed_power_is_an_event(ledger: BidLedger, change: dict[str, int]) -> None:
    await opened(ledger, of=terms(deposit=PURSE), bidders=(), purse_fen=500)
    power: dict[str, Any] = {"bidder_id": "ada", "paddle": 7, "limit_fen": None, "purse_fen": 500}
    first = await ledger.admit(LOT, **power)
    assert (await ledger.admit(LOT, **power | change)).seq == first.seq + 1
    event = await last_event(ledger)
    assert isinstance(event, Admitted)
    assert event.limit_fen == change.get("limit_fen", -1)


def crowd(lot_id: str, count: int) -> list[AdmissionCall]:
    return [
        AdmissionCall(lot_id, f"bidder{number}", number, 100 * number, None, None) for number in range(1, count + 1)
    ]


async def test_a_crowd_is_admitted_in_messages_of_so_many(ledger: BidLedger) -> None:
    await scheduled(ledger)
    some = crowd(LOT, ADMITTED_AT_ONCE + 3)
    await ledger.redis.script_flush()

    assert [code for code, _ in await ledger.admit_all(some)] == ["ok"] * len(some)
    assert [code for code, _ in await ledger.admit_all(some)] == ["done"] * len(some)
    assert await ledger.power(LOT, some[-1].bidder_id) == Power(100 * len(some))
    seqs = [snapshot.seq for _, snapshot in await ledger.admit_all(some) if snapshot is not None]
    assert set(seqs) == {1 + len(some)}


async def test_one_admission_that_is_refused_or_fails_spoils_no_reply_of_another(ledger: BidLedger) -> None:
    await scheduled(ledger)
    mixed = [*crowd(LOT, 2), *crowd(OTHER_LOT, 1), AdmissionCall(LOT, "bidder3", 3, None, None, None)]
    assert [code for code, _ in await ledger.admit_all(mixed)] == ["ok", "ok", "lot-unknown", "ok"]

    await ledger.redis.set(ledger.keys.lot(OTHER_LOT), "no hash")
    with pytest.raises(LedgerFault):
        await ledger.admit_all(mixed)
    # the replies after the failed one were read: they are not taken for those of the next call
    assert [code for code, _ in await ledger.admit_all(crowd(LOT, 2))] == ["done", "done"]


async def test_a_bidder_has_one_paddle(ledger: BidLedger) -> None:
    await opened(ledger)
    with pytest.raises(RequestRefused) as caught:
        await ledger.admit(LOT, bidder_id="ada", paddle=9, limit_fen=None, purse_fen=None)
    assert caught.value.code == "paddle-differs"


async def test_nobody_new_is_admitted_to_a_lot_that_is_over_and_nothing_is_wrong_with_the_old(
    ledger: BidLedger,
) -> None:
    await opened(ledger)
    await ledger.close_now(LOT, reason="", by="eve")
    with pytest.raises(WrongStatus) as caught:
        await ledger.admit(LOT, bidder_id="dee", paddle=9, limit_fen=None, purse_fen=None)
    assert caught.value.facts == {"status": "closed", "allowed": ["scheduled", "open", "paused", "held"]}
    assert (await ledger.admit(LOT, bidder_id="ada", paddle=1, limit_fen=None, purse_fen=None)).status == "closed"


async def test_a_top_up_after_the_end_closes_the_lot_first(ledger: BidLedger) -> None:
    end = (await opened(ledger, lasts_ms=30)).ends_at_ms
    await past(ledger, end)
    with pytest.raises(WrongStatus):
        await ledger.admit(LOT, bidder_id="ada", paddle=1, limit_fen=10**13, purse_fen=None)
    assert (await kinds(ledger))[-1] == "closed"


# --- open -------------------------------------------------------------------------------------------------------------


async def test_the_clerk_opens_a_lot_once(ledger: BidLedger) -> None:
    end = (await scheduled(ledger)).ends_at_ms
    code, snapshot = await ledger.open_due(LOT, by="clerk")
    assert (code, snapshot and snapshot.status) == ("ok", LotStatus.OPEN)
    before = await contents(ledger)
    assert (await ledger.open_due(LOT, by="clerk"))[0] == "done"
    assert await contents(ledger) == before
    assert await last_event(ledger) == Opened(end, 0, "clerk")
    assert (await ledger.deadlines(per_shard_max=5)).upcoming == [(end, LOT)]


async def test_the_clerk_waits_for_the_opening(ledger: BidLedger) -> None:
    await scheduled(ledger, opens_in_ms=LONG_MS)
    assert (await ledger.open_due(LOT, by="clerk"))[0] == "not-due"
    assert await kinds(ledger) == ["scheduled"]


async def test_a_lot_whose_whole_time_has_passed_waits_for_staff(ledger: BidLedger) -> None:
    await past(ledger, (await scheduled(ledger, lasts_ms=500)).ends_at_ms)
    code, snapshot = await ledger.open_due(LOT, by="clerk")
    assert (code, snapshot and snapshot.status) == ("missed", LotStatus.SCHEDULED)
    assert (await ledger.deadlines(per_shard_max=5)).upcoming == []
    end = await ledger.now_ms() + LONG_MS
    assert (await ledger.open_now(LOT, ends_at_ms=end, by="eve")).ends_at_ms == end


async def test_the_clerk_leaves_a_closed_lot_alone(ledger: BidLedger) -> None:
    await opened(ledger)
    await ledger.close_now(LOT, reason="", by="eve")
    assert (await ledger.open_due(LOT, by="clerk"))[0] == "wrong-status"
    assert (await ledger.open_due(OTHER_LOT, by="clerk")) == ("lot-unknown", None)


async def test_staff_open_a_lot_with_a_new_end_and_hard_stop(ledger: BidLedger) -> None:
    await scheduled(ledger, of=terms(soft_close=SoftClose(1000, 1000, 5000)), opens_in_ms=LONG_MS)
    end = await ledger.now_ms() + 2 * LONG_MS
    snapshot = await ledger.open_now(LOT, ends_at_ms=end, by="eve")
    assert (snapshot.ends_at_ms, snapshot.hard_stop_at_ms) == (end, end + 5000)
    with pytest.raises(WrongStatus, match="The lot is open; to open it it must be scheduled"):
        await ledger.open_now(LOT, ends_at_ms=end, by="eve")


async def test_staff_cannot_open_a_lot_into_the_past(ledger: BidLedger) -> None:
    await scheduled(ledger)
    with pytest.raises(RequestRefused) as caught:
        await ledger.open_now(LOT, ends_at_ms=await ledger.now_ms(), by="eve")
    assert caught.value.code == "schedule-invalid"


# --- pause, resume, extend --------------------------------------------------------------------------------------------


async def test_a_paused_lot_keeps_its_remaining_time_and_a_resumed_one_has_it_again(ledger: BidLedger) -> None:
    end = (await opened(ledger, of=terms(soft_close=SoftClose(1, 1, 5000)))).ends_at_ms
    stopped = await ledger.pause(LOT, reason="a look", by="eve")
    assert stopped.remaining_ms == end - stopped.now_ms
    assert await last_event(ledger) == Paused(stopped.remaining_ms, "a look", "eve")
    assert (await ledger.deadlines(per_shard_max=5)).upcoming == []
    assert refused(await bid(ledger, "ada", 100, "key-0001")).facts == {"status": "paused"}
    await past(ledger, stopped.now_ms + 5)
    snapshot = await ledger.resume(LOT, review_above_fen=None, by="eve")
    stood = snapshot.now_ms - stopped.now_ms
    assert (snapshot.ends_at_ms, snapshot.hard_stop_at_ms) == (end + stood, end + 5000 + stood)
    assert await last_event(ledger) == Resumed(end + stood, end + 5000 + stood, 0, "eve")
    assert snapshot.remaining_ms == 0


async def test_a_lot_on_hold_goes_on_with_a_higher_review_limit_only_above_the_price(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(review_above_fen=500))
    await taken(ledger, "ada", 500, "key-0001")
    with pytest.raises(RequestRefused) as caught:
        await ledger.resume(LOT, review_above_fen=500, by="eve")
    assert (caught.value.code, caught.value.facts) == ("review-limit-too-low", {"price_fen": 500})
    assert (await ledger.resume(LOT, review_above_fen=501, by="eve")).review_above_fen == 501
    await taken(ledger, "bo", 600, "key-0002")
    assert (await ledger.resume(LOT, review_above_fen=0, by="eve")).review_above_fen == 0
    await taken(ledger, "ada", 700, "key-0003")
    assert (await kinds(ledger))[-6:] == ["held", "resumed", "bid", "held", "resumed", "bid"]


async def test_staff_move_the_end_and_the_hard_stop_with_it_if_they_say_so(ledger: BidLedger) -> None:
    end = (await opened(ledger, of=terms(soft_close=SoftClose(1, 1, 5000)))).ends_at_ms
    snapshot = await ledger.extend(LOT, by_ms=700, moves_hard_stop=True, reason="crowd", by="eve")
    assert (snapshot.ends_at_ms, snapshot.hard_stop_at_ms) == (end + 700, end + 5700)
    assert await last_event(ledger) == Extended(end + 700, end + 5700, "crowd", "eve")
    assert (await ledger.deadlines(per_shard_max=5)).upcoming == [(end + 700, LOT)]


async def test_no_extension_passes_the_hard_stop_or_a_year(ledger: BidLedger) -> None:
    end = (await opened(ledger, of=terms(soft_close=SoftClose(1, 1, 5000)))).ends_at_ms
    before = await contents(ledger)
    with pytest.raises(RequestRefused) as caught:
        await ledger.extend(LOT, by_ms=5001, reason="crowd", by="eve")
    facts = {"ends_at_ms": end, "hard_stop_at_ms": end + 5000}
    assert (caught.value.code, caught.value.facts) == ("past-hard-stop", facts)
    with pytest.raises(RequestRefused) as caught:
        await ledger.extend(LOT, by_ms=LASTS_MS_MAX, moves_hard_stop=True, reason="crowd", by="eve")
    assert caught.value.code == "schedule-invalid"
    assert await contents(ledger) == before
    snapshot = await ledger.extend(LOT, by_ms=5000, reason="crowd", by="eve")
    assert (snapshot.ends_at_ms, snapshot.hard_stop_at_ms) == (end + 5000, end + 5000)


async def test_a_paused_lot_is_extended_and_closed(ledger: BidLedger) -> None:
    end = (await opened(ledger)).ends_at_ms
    await taken(ledger, "ada", 100, "key-0001")
    paused = await ledger.pause(LOT, reason="a look", by="eve")
    longer = await ledger.extend(LOT, by_ms=700, reason="crowd", by="eve")
    assert (longer.status, longer.remaining_ms, longer.ends_at_ms) == (
        LotStatus.PAUSED,
        paused.remaining_ms + 700,
        end + 700,
    )
    assert (await ledger.deadlines(per_shard_max=5)).upcoming == []
    closed = await ledger.close_now(LOT, reason="it rains", by="eve")
    assert await last_event(ledger) == Closed("sold", 100, "ada", 1, "staff", "it rains", "eve")
    assert closed.ends_at_ms <= closed.now_ms


# --- reschedule ---------------------------------------------------------------------------------------------------


async def test_a_scheduled_lot_gets_other_times_once(ledger: BidLedger) -> None:
    first = await scheduled(ledger, of=terms(soft_close=SoftClose(1, 1, 5000)), opens_in_ms=LONG_MS)
    times = {"opens_at_ms": first.opens_at_ms + 60_000, "ends_at_ms": first.ends_at_ms + 90_000}
    for _ in range(2):
        snapshot = await ledger.reschedule(LOT, **times, by="eve")
        assert (snapshot.seq, snapshot.opens_at_ms, snapshot.ends_at_ms) == (2, *times.values())
    assert snapshot.hard_stop_at_ms == times["ends_at_ms"] + 5000
    assert await last_event(ledger) == Rescheduled(
        times["opens_at_ms"], times["ends_at_ms"], times["ends_at_ms"] + 5000, "eve"
    )
    assert (await ledger.deadlines(per_shard_max=5)).upcoming == [(times["opens_at_ms"], LOT)]
    with pytest.raises(RequestRefused) as caught:
        await ledger.reschedule(LOT, opens_at_ms=1, ends_at_ms=2, by="eve")
    assert caught.value.code == "schedule-invalid"
    with pytest.raises(LedgerFault):
        await ledger.reschedule(LOT, opens_at_ms=2, ends_at_ms=2, by="eve")


async def test_a_lot_whose_time_was_missed_is_rescheduled_and_opens(ledger: BidLedger) -> None:
    first = await scheduled(ledger, lasts_ms=500)
    await past(ledger, first.ends_at_ms)
    assert (await ledger.open_due(LOT, by="clerk"))[0] == "missed"
    now = await ledger.now_ms()
    await ledger.reschedule(LOT, opens_at_ms=now, ends_at_ms=now + LONG_MS, by="eve")
    assert (await ledger.open_due(LOT, by="clerk"))[0] == "ok"


async def test_a_race_of_rescheduling_and_opening_has_one_winner(ledger: BidLedger) -> None:
    for number in range(1, 11):
        lot_id = lot_id_of("race", number)
        first = await scheduled(ledger, lot_id)
        times = {"opens_at_ms": first.opens_at_ms + LONG_MS, "ends_at_ms": first.ends_at_ms + LONG_MS}
        moving = asyncio.create_task(ledger.reschedule(lot_id, **times, by="eve"))
        code, _ = await ledger.open_due(lot_id, by="clerk")
        (moved,) = await asyncio.gather(moving, return_exceptions=True)
        if isinstance(moved, WrongStatus):
            assert (code, moved.facts["status"]) == ("ok", "open")
            assert await kinds(ledger, lot_id) == ["scheduled", "opened"]
        else:
            assert code == "not-due"
            assert await kinds(ledger, lot_id) == ["scheduled", "rescheduled"]


# --- close, void --------------------------------------------------------------------------------------------------


async def test_the_clerk_closes_a_lot_once_and_not_before_its_end(ledger: BidLedger) -> None:
    assert await ledger.close_due(LOT) == ("lot-unknown", None)
    end = (await opened(ledger, lasts_ms=200)).ends_at_ms
    await taken(ledger, "ada", 100, "key-0001")
    assert (await ledger.close_due(LOT))[0] == "not-due"
    await past(ledger, end)
    code, snapshot = await ledger.close_due(LOT)
    assert (code, snapshot and snapshot.status) == ("ok", LotStatus.CLOSED)
    before = await contents(ledger)
    assert (await ledger.close_due(LOT))[0] == "done"
    assert await contents(ledger) == before
    assert await last_event(ledger) == Closed("sold", 100, "ada", 1, "time", "", "")


@pytest.mark.parametrize("amount, outcome", [(None, "no-bids"), (900, "reserve-unmet"), (1000, "sold")])
async def test_staff_close_a_lot_and_the_ledger_names_the_outcome(
    ledger: BidLedger, amount: int | None, outcome: str
) -> None:
    await opened(ledger, of=terms(reserve_fen=1000))
    if amount is not None:
        await taken(ledger, "bo", amount, "key-0001")
    snapshot = await ledger.close_now(LOT, reason="done", by="eve")
    assert snapshot.ends_at_ms == snapshot.now_ms
    leader = ("", 0) if amount is None else ("bo", 2)
    assert await last_event(ledger) == Closed(outcome, amount or 0, *leader, "staff", "done", "eve")


async def test_a_withdrawn_lot_is_void_and_takes_nothing_more(ledger: BidLedger) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    assert (await ledger.void(LOT, reason="a scratch", by="eve")).status is LotStatus.VOID
    assert await last_event(ledger) == LotVoided("a scratch", "eve")
    assert (await ledger.close_due(LOT))[0] == "done"
    assert refused(await bid(ledger, "bo", 200, "key-0002")).facts == {"status": "void"}
    assert (await ledger.deadlines(per_shard_max=5)).upcoming == []


# --- void a bid -------------------------------------------------------------------------------------------------------


async def test_a_voided_bid_restates_the_lot_in_a_new_epoch(ledger: BidLedger) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    slip = await taken(ledger, "bo", 90_000, "key-0002")
    stopped = await ledger.pause(LOT, reason="a slip", by="eve")
    restated: dict[str, Any] = {
        "voided_seq": slip.seq,
        "leading": LeadingBid(100, "ada", 1, 100),
        "reason": "a slip",
        "by": "eve",
    }
    with pytest.raises(RequestRefused) as caught:
        await ledger.restate(LOT, at_seq=stopped.seq - 1, **restated)
    assert (caught.value.code, caught.value.facts) == ("ledger-moved", {"at_seq": stopped.seq})
    snapshot = await ledger.restate(LOT, at_seq=stopped.seq, **restated)
    assert (snapshot.epoch, snapshot.bids, snapshot.price_fen, snapshot.leader_id) == (2, 1, 100, "ada")
    assert await last_event(ledger) == BidVoided(slip.seq, 100, "ada", 1, 100, "a slip", "eve")
    assert (await entries(ledger))[-1].epoch == 2
    with pytest.raises(RequestRefused):
        await ledger.restate(LOT, at_seq=stopped.seq, **restated)


# --- statuses and strangers -------------------------------------------------------------------------------------------

Staff = Callable[[BidLedger, str], Awaitable[Snapshot]]
STAFF_ACTIONS: dict[str, Staff] = {
    "open": lambda ledger, lot: ledger.open_now(lot, ends_at_ms=9_000_000_000_000, by="eve"),
    "pause": lambda ledger, lot: ledger.pause(lot, reason="", by="eve"),
    "resume": lambda ledger, lot: ledger.resume(lot, review_above_fen=None, by="eve"),
    "reschedule": lambda ledger, lot: ledger.reschedule(
        lot, opens_at_ms=8_000_000_000_000, ends_at_ms=9_000_000_000_000, by="eve"
    ),
    "extend": lambda ledger, lot: ledger.extend(lot, by_ms=1, reason="", by="eve"),
    "close": lambda ledger, lot: ledger.close_now(lot, reason="", by="eve"),
    "void": lambda ledger, lot: ledger.void(lot, reason="", by="eve"),
    "restate": lambda ledger, lot: ledger.restate(lot, at_seq=2, voided_seq=2, leading=NOBODY, reason="", by="eve"),
    "admit": lambda ledger, lot: ledger.admit(lot, bidder_id="dee", paddle=4, limit_fen=None, purse_fen=None),
}
ALLOWED = {
    "scheduled": {"open", "reschedule", "void", "admit"},
    "open": {"pause", "extend", "close", "void", "admit"},
    "paused": {"resume", "extend", "close", "void", "restate", "admit"},
    "closed": set[str](),
    "void": set[str](),
}


async def test_an_unknown_lot_is_named_unknown(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    for name, act in STAFF_ACTIONS.items():
        with subtests.test(name):
            with pytest.raises(NotFound) as caught:
                await act(ledger, LOT)
            assert caught.value.code == "lot-unknown"
            assert await ledger.redis.exists(ledger.keys.lot(LOT), ledger.keys.stream_of(LOT)) == 0


async def a_lot_that_is(ledger: BidLedger, status: str, lot_id: str) -> Snapshot:
    """A lot in a status."""
    await scheduled(ledger, lot_id)
    if status != "scheduled":
        await ledger.open_now(lot_id, ends_at_ms=await ledger.now_ms() + LONG_MS, by="eve")
    if status == "paused":
        await ledger.pause(lot_id, reason="", by="eve")
    elif status == "closed":
        await ledger.close_now(lot_id, reason="", by="eve")
    elif status == "void":
        await ledger.void(lot_id, reason="", by="eve")
    snapshot = await ledger.read(lot_id)
    assert snapshot is not None
    return snapshot


@pytest.mark.parametrize("status", ALLOWED)
async def test_each_status_allows_its_actions_and_no_other(
    ledger: BidLedger, subtests: pytest.Subtests, status: str
) -> None:
    for number, (name, act) in enumerate(STAFF_ACTIONS.items(), start=1):
        lot_id = lot_id_of("matrix", number)
        snapshot = await a_lot_that_is(ledger, status, lot_id)
        with subtests.test(name):
            if name in ALLOWED[status]:
                if name == "restate":
                    await ledger.restate(lot_id, at_seq=snapshot.seq, voided_seq=2, leading=NOBODY, reason="", by="eve")
                else:
                    await act(ledger, lot_id)
                assert len(await kinds(ledger, lot_id)) == snapshot.seq + 1
            else:
                before = await contents(ledger)
                with pytest.raises(WrongStatus) as caught:
                    await act(ledger, lot_id)
                assert caught.value.facts["status"] == status
                assert await contents(ledger) == before


async def test_lots_are_read_one_or_many(ledger: BidLedger) -> None:
    first = await opened(ledger)
    second = await scheduled(ledger, OTHER_LOT)
    assert await ledger.read("elsewhere-001") is None
    found = await ledger.read_many([LOT, "elsewhere-001", OTHER_LOT])
    assert {lot_id: (snapshot.status, snapshot.seq) for lot_id, snapshot in found.items()} == {
        LOT: (LotStatus.OPEN, first.seq),
        OTHER_LOT: (LotStatus.SCHEDULED, second.seq),
    }


async def test_an_answer_that_nobody_knows_is_a_mistake_in_the_code(ledger: BidLedger) -> None:
    snapshot = await scheduled(ledger)
    with pytest.raises(AssertionError, match="no error for the ledger's code out-of-tune"):
        raise control_error("out-of-tune", snapshot, "play", ())


# --- an action repeated under its key ---------------------------------------------------------------------------------


async def test_an_action_repeated_under_its_key_changes_nothing(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    """An unknown answer is asked for again: the end must not move twice."""
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    by: Any = {"reason": "a look", "by": "eve"}
    actions: dict[str, Callable[[str], Awaitable[Snapshot]]] = {
        "extend": lambda key: ledger.extend(LOT, by_ms=500, **by, action_key=key),
        "pause": lambda key: ledger.pause(LOT, **by, action_key=key),
        "resume": lambda key: ledger.resume(LOT, review_above_fen=None, by="eve", action_key=key),
        "close": lambda key: ledger.close_now(LOT, **by, action_key=key),
    }
    for name, act in actions.items():
        with subtests.test(name):
            first = await act("key-0001")  # the same for all: a key belongs to its action
            before = await contents(ledger)
            again = await act("key-0001")
            assert await contents(ledger) == before
            assert (again.seq, again.ends_at_ms, again.status) == (first.seq, first.ends_at_ms, first.status)


async def test_an_extension_under_another_key_is_another_one(ledger: BidLedger) -> None:
    await opened(ledger)
    first = await ledger.extend(LOT, by_ms=500, reason="", by="eve", action_key="key-0001")
    second = await ledger.extend(LOT, by_ms=500, reason="", by="eve", action_key="key-0002")
    third = await ledger.extend(LOT, by_ms=500, reason="", by="eve")
    assert [one.ends_at_ms - first.ends_at_ms for one in (second, third)] == [500, 1000]
