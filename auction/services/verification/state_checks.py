"""The steps by which a lot's keys in the ledger are checked: each must be what the lot's record folds to.

After the bid's way; called by `auction.services.verification.verdicts`. Each step raises RuleBroken. A lot on which
bids came meanwhile is beyond its record, and what those changed is left out.
"""

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter

import msgspec

from auction.domain.bidding import Admission, Receipt
from auction.domain.lot import Lot, LotStatus
from auction.domain.proof import CHAINED, DEADLINE, NO_PHANTOMS, ONCE, ORDER, RuleBroken
from auction.domain.terms import Terms
from auction.ledger.stored_lot import StoredLot
from auction.ledger.terms_codec import pack_terms, unpack_terms
from auction.services.verification.record_checks import LotCheck

STAFF = b" "
"""With it begin the fields of the accepted keys that are of no bid: what staff did."""
_receipt_values = attrgetter(*(field.name for field in fields(Receipt)))


def state_to_check(check: LotCheck, before: StoredLot | None, later: StoredLot | None) -> StoredLot | None:
    """The stored state that the record must fold to; None where the lot is beyond its record by now.

    `before` was read before the record, which so reaches at least as far, and `later` after it. Raises RuleBroken.
    """
    lot = check.proof.lot
    if before is None:
        raise RuleBroken(CHAINED, lot.seq, "the ledger does not know this lot any more; see the restore command")
    if before.seq > lot.seq:
        raise RuleBroken(ORDER, lot.seq, f"the ledger is at seq {before.seq}, its record ends at {lot.seq}")
    if before.seq == lot.seq:
        return before
    at_seq = 0 if later is None else later.seq
    if later is not None and at_seq >= lot.seq:
        return later if at_seq == lot.seq else None
    # a script writes stream and state in one step
    if check.archived_seq > at_seq:
        raise RuleBroken(
            CHAINED, at_seq, f"the ledger ends here, its archive at seq {check.archived_seq}: the ledger has lost some"
        )
    raise RuleBroken(NO_PHANTOMS, at_seq + 1, f"stands in the stream, the ledger's state is at seq {at_seq}")


def check_state(check: LotCheck, stored: StoredLot) -> None:
    """State, terms and deadline are what the record folds to. Raises RuleBroken."""
    lot = check.proof.lot
    for name, expected in _fields_of(lot, check.chain).items():
        found = stored.fields.get(name, b"nothing").decode(errors="replace")
        if found != expected:
            raise RuleBroken(ORDER, lot.seq, f"the ledger has {name} {found!r}, the lot's record makes it {expected!r}")
    cause = stored.fields.get("pause_cause")
    # a lot that was paused by an earlier version has none, nor has one that was restored
    if lot.status is LotStatus.PAUSED and cause is not None and cause.decode(errors="replace") != lot.pause_cause:
        raise RuleBroken(ORDER, lot.seq, f"the ledger has the pause's cause {cause!r}, the record {lot.pause_cause!r}")
    if not _are_terms(stored.fields.get("terms", b""), lot.terms):
        raise RuleBroken(ORDER, lot.seq, "the ledger decides bids by other terms than those that were published")
    _check_deadline(lot, stored.due_at_ms)


def _fields_of(lot: Lot, chain: str) -> dict[str, str]:
    """The fields of the lot's hash, as the scripts write them (`auction/ledger/lua/include/commit.lua`)."""
    return {
        "status": str(lot.status),
        "epoch": str(lot.epoch),
        "seq": str(lot.seq),
        "price": str(lot.price_fen),
        "leader": lot.leader_id,
        "paddle": str(lot.leader_paddle),
        "ceiling": str(lot.ceiling_fen),
        "bids": str(lot.bids),
        "opens_at": str(lot.opens_at_ms),
        "ends_at": str(lot.ends_at_ms),
        "hard_stop": str(lot.hard_stop_at_ms),
        "remaining": str(lot.remaining_ms),
        "stopped_at": str(lot.stopped_at_ms),
        "review": str(lot.review_above_fen),
        "last_at": str(lot.last_at_ms),
        "chain": chain,
        "terms_sha256": lot.terms.sha256(),
    }


def _are_terms(packed: bytes, terms: Terms) -> bool:
    try:
        return unpack_terms(packed) == unpack_terms(pack_terms(terms))
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return False


def _check_deadline(lot: Lot, due_at_ms: int | None) -> None:
    expected = {LotStatus.SCHEDULED: lot.opens_at_ms, LotStatus.OPEN: lot.ends_at_ms}.get(lot.status)
    # a scheduled lot whose end has passed has no deadline any more: staff must open it
    if due_at_ms == expected or (lot.status is LotStatus.SCHEDULED and due_at_ms is None):
        return
    if due_at_ms is None:
        what = f"the {lot.status} lot has no deadline in the ledger, and would not end at {expected}"
    elif expected is None:
        what = f"the {lot.status} lot has a deadline in the ledger, at {due_at_ms}"
    else:
        what = f"the {lot.status} lot's deadline in the ledger is {due_at_ms}, by its record {expected}"
    raise RuleBroken(DEADLINE, lot.seq, what)


def check_receipts(check: LotCheck, stored: Mapping[bytes, bytes], *, until_seq: int) -> None:
    """The accepted keys are those of the record's bids, each with its receipt, and of bids since, up to `until_seq`.

    Raises RuleBroken.
    """
    lot, expected = check.proof.lot, check.proof.receipts
    for (bidder_id, key), receipt in expected.items():
        packed = stored.get(f"{key} {bidder_id}".encode())
        if packed is None:
            what = f"the ledger has forgotten the key of {bidder_id}'s bid: a retry would be taken for a new bid"
            raise RuleBroken(ONCE, receipt.seq, what)
        if _receipt_row(packed) != list(map(int, _receipt_values(receipt))):
            raise RuleBroken(
                ONCE, receipt.seq, f"the ledger would answer a retry of {bidder_id}'s bid with another receipt"
            )
    known = {f"{key} {bidder_id}".encode() for bidder_id, key in expected}
    for name, packed in stored.items():
        row = None if name.startswith(STAFF) or name in known else _receipt_row(packed)
        if row is not None and not (row and lot.seq < row[0] <= until_seq):
            readable = name.decode(errors="replace")
            raise RuleBroken(ONCE, lot.seq, f"the ledger holds the key {readable!r} of a bid that nobody made")


def _receipt_row(packed: bytes) -> list[int]:
    """The numbers of a packed receipt; empty where it is none."""
    try:
        return msgspec.msgpack.decode(packed, type=list[int])
    except msgspec.MsgspecError:
        return []


def check_admissions(check: LotCheck, stored: Mapping[str, Admission | None]) -> None:
    """The admitted bidders in the ledger are those of the record, with their paddles and limits. Raises RuleBroken."""
    seq, recorded = check.proof.lot.seq, check.proof.admissions
    for bidder_id, expected in recorded.items():
        found = stored.get(bidder_id)
        if found is None:
            raise RuleBroken(NO_PHANTOMS, seq, f"the ledger has forgotten {bidder_id}, who was admitted")
        if found.paddle != expected.paddle:
            what = f"{bidder_id} bids with paddle {found.paddle} in the ledger, was admitted with {expected.paddle}"
            raise RuleBroken(NO_PHANTOMS, seq, what)
        if found.limit_fen != expected.limit_fen:
            what = f"{bidder_id} has {_limit(found)} in the ledger, was admitted with {_limit(expected)}"
            raise RuleBroken(NO_PHANTOMS, seq, what)
    if strangers := sorted(stored.keys() - recorded.keys()):
        raise RuleBroken(NO_PHANTOMS, seq, f"{strangers[0]} may bid in the ledger, and was admitted by nobody")


def _limit(admission: Admission) -> str:
    return "no limit" if admission.limit_fen is None else f"a limit of {admission.limit_fen} fen"


def check_registrations(check: LotCheck, paddles: Mapping[str, int]) -> None:
    """Whoever the record admits is registered in the database, with the same paddle. Raises RuleBroken."""
    seq = check.proof.lot.seq
    for bidder_id, admission in check.proof.admissions.items():
        if bidder_id not in paddles:
            raise RuleBroken(NO_PHANTOMS, seq, f"{bidder_id} was admitted to the lot, and never registered for it")
        if paddles[bidder_id] != admission.paddle:
            what = f"{bidder_id} was admitted with paddle {admission.paddle}, is registered with {paddles[bidder_id]}"
            raise RuleBroken(NO_PHANTOMS, seq, what)
