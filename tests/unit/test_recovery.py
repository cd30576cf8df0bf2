"""Freezing and restoring a lot: what remains of its time, where its seqs go on, and what counts as lost."""

from dataclasses import replace

import pytest

from auction.domain.events import Event, FreezeCause, Frozen, Restored, follows
from auction.domain.lot import Lot, LotStatus, NotAllowed, apply
from auction.domain.proof import LotProof, RuleBroken
from auction.domain.recovery import HighMark, freeze, restore
from tests.unit.examples import open_lot, scheduled_lot, terms

NO_MARK = HighMark(0, 0)


def frozen(lot: Lot, now_ms: int) -> Lot:
    action = freeze(lot, now_ms, FreezeCause.FORKED)
    assert isinstance(action, tuple)
    return apply(lot, action[0], now_ms)


def restored(lot: Lot, highest: HighMark = NO_MARK, last_sign_ms: int | None = None) -> tuple[Restored, Lot]:
    sign_ms = lot.last_at_ms if last_sign_ms is None else last_sign_ms
    event = restore(lot, highest, sign_ms, reason="a loss", by="eve")
    assert event is not None
    return event, apply(lot, event, lot.last_at_ms + 5)


def test_a_frozen_lot_keeps_its_time_and_never_ends():
    lot = open_lot()
    stopped = frozen(lot, lot.ends_at_ms - 700)
    assert (stopped.status, stopped.remaining_ms) == (LotStatus.FROZEN, 700)
    assert frozen(lot, lot.ends_at_ms + 5).remaining_ms == 0
    assert freeze(stopped, lot.ends_at_ms, FreezeCause.FORKED) == ()


@pytest.mark.parametrize("status", [LotStatus.CLOSED, LotStatus.VOID])
def test_a_lot_that_is_over_is_neither_frozen_nor_continued(status):
    lot = replace(open_lot(), status=status)
    assert freeze(lot, 1, FreezeCause.FORKED) == NotAllowed("wrong-status", status)
    assert restore(lot, NO_MARK, 1, reason="", by="") is None


def test_a_lot_restored_is_paused_with_the_time_it_had_at_its_last_sign():
    lot = open_lot()
    event, after = restored(lot, last_sign_ms=lot.ends_at_ms - 900)
    assert (after.status, after.remaining_ms, after.epoch, after.seq) == (LotStatus.PAUSED, 900, 2, 1_000_000)
    assert after.stopped_at_ms == lot.ends_at_ms - 900
    assert (after.price_fen, after.leader_id) == (lot.price_fen, lot.leader_id)
    assert event.lost_to_seq == 0


def test_a_lot_frozen_before_its_opening_waits_for_it_again():
    lot = scheduled_lot(terms())
    _, after = restored(frozen(lot, 1))
    assert after.status is LotStatus.SCHEDULED
    _, after = restored(frozen(open_lot(), 1))
    assert after.status is LotStatus.PAUSED


@pytest.mark.parametrize(
    "highest, seq, epoch, lost_to",
    [(HighMark(1, 999_999), 1_000_000, 2, 999_999), (HighMark(4, 1_000_000), 2_000_000, 5, 1_000_000)],
)
def test_no_seq_and_no_epoch_is_given_out_twice(highest, seq, epoch, lost_to):
    event, after = restored(open_lot(), highest)
    assert (after.seq, after.epoch, event.lost_to_seq) == (seq, epoch, lost_to)


def test_only_a_restored_event_may_leave_seqs_out():
    event, _ = restored(open_lot())
    assert follows(1_000_000, (event,), 7)
    assert not follows(7, (event,), 7)
    assert not follows(9, (Frozen(1, "forked"),), 7)


def proof_of(lot_events: list[tuple[int, int, Event]]) -> LotProof:
    proof = LotProof(terms())
    for epoch, at_ms, event in lot_events:
        seq = event.seq if isinstance(event, Restored) else proof.lot.seq + 1
        proof.fold_entry(epoch, seq, at_ms, (event,))
    return proof


def test_the_proof_takes_what_the_rules_give_and_nothing_else():
    from auction.domain.events import Opened
    from auction.domain.lot import schedule

    begun: list[tuple[int, int, Event]] = [
        (1, 10, schedule(terms(), opens_at_ms=5, ends_at_ms=5_000)),
        (1, 20, Opened(5_000, 0, "the clerk")),
        (1, 30, Frozen(4_970, "damaged")),
    ]
    good = Restored(2, 1_000_000, 3, 0, "paused", 4_970, "a loss", "eve")
    assert proof_of([*begun, (2, 40, good)]).lot.status is LotStatus.PAUSED
    for wrong in (
        replace(good, seq=900_000),
        replace(good, status="open"),
        replace(good, remaining_ms=5_000),
        replace(good, lost_to_seq=1_000_000),
        replace(good, archived_seq=2),
    ):
        with pytest.raises(RuleBroken):
            proof_of([*begun, (2, 40, wrong)])
    with pytest.raises(RuleBroken, match="frozen for"):
        proof_of([*begun[:2], (1, 30, Frozen(4_970, "a whim"))])
    with pytest.raises(RuleBroken):
        proof_of([*begun[:2], (1, 30, Frozen(1, "damaged"))])
