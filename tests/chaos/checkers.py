"""Compares what bidders saw with what is stored: one function a promise, each raises `PromiseBroken`.

Promises 1 to 3 are questions about sets. 4 and 5 are a fold written here once more, in the plainest way; the house's
own, deeper one is `auction verify`. For 7, `at_seq` says where each answer stands: that order must respect real
time, and the rules, replayed along it, must give every answer again.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from auction.domain.bidding import Accepted, Admission, Bid, Receipt, Refused, decide
from auction.domain.events import Admitted, BidPlaced, BidVoided, Closed, Extended, LotVoided, Opened, Restored, Resumed
from auction.domain.lot import Lot
from auction.services.context import AppContext
from auction.services.verification.verdicts import verify_lot
from tests.chaos.history import CERTAINLY_NOT, STANDS, Attempt, History, Look, Outcome
from tests.chaos.record import Record, read_archive, read_stream


class PromiseBroken(AssertionError):
    """A promise that was not kept: its number, and what was found."""

    def __init__(self, promise: int, what: str) -> None:
        super().__init__(f"promise {promise}: {what}")
        self.promise = promise


async def check_lot(context: AppContext, history: History) -> Record:
    """Everything, on an archive that has caught up; the record that was checked."""
    archive = await read_archive(context, history.lot_id)
    stream = await read_stream(context, history.lot_id)
    assert archive.entries == stream.entries, "the archive is not what the ledger's stream holds"
    check_history(history, archive)
    verdict = await verify_lot(context, history.lot_id)
    assert not verdict.breaches, verdict.breaches
    return archive


def check_history(history: History, record: Record) -> None:
    """Promises 1 to 5 and 7 of one lot, as its bidders saw it."""
    assert not history.surprises, history.surprises[:5]
    check_durable(history, record)
    check_no_phantoms(history, record)
    check_once(history, record)
    check_order(record)
    check_deadline(record)
    check_linear(history, record)


def check_durable(history: History, record: Record) -> None:
    """1: what was answered as accepted is there, with that seq, amount and bidder."""
    stored = {bid.seq: bid.event for bid in record.bids()}
    for attempt in history.attempts:
        if attempt.outcome not in STANDS:
            continue
        bid = stored.get(attempt.answer["seq"])
        if bid is None:
            raise PromiseBroken(1, f"acknowledged and gone: {attempt}")
        if (bid.bidder_id, bid.key, bid.amount_fen) != (*attempt.whose, attempt.amount_fen):
            raise PromiseBroken(1, f"acknowledged as {attempt}, stored as {bid}")


def check_no_phantoms(history: History, record: Record) -> None:
    """2: every stored bid was asked for, and not by calls that were all answered with no."""
    asked = _by_bid(history.attempts)
    for bid in record.bids():
        attempts = asked.get((bid.event.bidder_id, bid.event.key, bid.event.amount_fen), [])
        if not attempts:
            raise PromiseBroken(2, f"nobody asked for {bid}")
        if all(attempt.outcome in CERTAINLY_NOT for attempt in attempts):
            raise PromiseBroken(2, f"stored as {bid}, answered with {[attempt.outcome for attempt in attempts]}")


def check_once(history: History, record: Record) -> None:
    """3: one entry a key; every answer to it the same; another amount under it refused."""
    stored: dict[tuple[str, str], int] = {}
    for bid in record.bids():
        whose = (bid.event.bidder_id, bid.event.key)
        if whose in stored:
            raise PromiseBroken(3, f"the key {whose} stands at seq {stored[whose]} and {bid.seq}")
        stored[whose] = bid.seq
    receipts: dict[tuple[str, str], dict[str, object]] = {}
    for attempt in history.attempts:
        if attempt.outcome in STANDS and receipts.setdefault(attempt.whose, attempt.answer) != attempt.answer:
            raise PromiseBroken(3, f"two receipts for one bid: {receipts[attempt.whose]} and {attempt.answer}")
        if attempt.answer.get("code") == "key-reused" and attempt.whose not in stored:
            raise PromiseBroken(3, f"a key was called used that never was: {attempt}")


def check_order(record: Record) -> None:
    """4: seq counts every event from 1 without a hole but a restored one's, and the price of direct bids only rises."""
    seq, price = 0, 0
    for entry in record.entries:
        for event in entry.events:
            seq = event.seq if isinstance(event, Restored) and event.seq > seq else seq + 1
            if isinstance(event, BidVoided):
                price = event.price_fen
            if isinstance(event, BidPlaced):
                if event.price_fen <= price:
                    raise PromiseBroken(4, f"seq {seq} makes the price {event.price_fen} after {price}")
                price = event.price_fen
        if entry.last_seq != seq:
            raise PromiseBroken(4, f"entry {entry.stream_id} ends at seq {entry.last_seq}, counted {seq}")


def check_deadline(record: Record) -> None:
    """5: no bid at or after the end in force; nothing but facts of the settlement after the close."""
    ends_at_ms, last_at_ms, over = 0, 0, False
    for entry in record.entries:
        if entry.at_ms < last_at_ms:
            raise PromiseBroken(5, f"entry {entry.stream_id} is of {entry.at_ms}, the one before of {last_at_ms}")
        last_at_ms = entry.at_ms
        for seq, event in enumerate(entry.events, entry.first_seq):
            if over:
                raise PromiseBroken(5, f"seq {seq} follows the close: {event}")
            match event:
                case BidPlaced():
                    if entry.at_ms >= ends_at_ms:
                        raise PromiseBroken(5, f"seq {seq} was accepted at {entry.at_ms}, the end was {ends_at_ms}")
                    ends_at_ms = event.ends_at_ms
                case Opened() | Resumed() | Extended():
                    ends_at_ms = event.ends_at_ms
                case Closed() | LotVoided():
                    over = True


def check_linear(history: History, record: Record) -> None:
    """7: there is one order in which every answer, refusals and looks included, is the right one."""
    check_real_time(history)
    replay = Replay(record)
    for attempt in history.attempts:
        if attempt.outcome in (Outcome.ACCEPTED, Outcome.REPEATED, Outcome.REFUSED):
            replay.check(attempt)
    for look in history.looks:
        replay.check_look(look)


# where an answer stands: the bid that made seq n stands at (n, 0), what saw the lot at seq n stands at (n, 1)
_Place = tuple[int, int]


def check_real_time(history: History) -> None:
    """7, first half: what had returned before another call began stands before it."""
    begun: list[tuple[float, _Place, object]] = []
    returned: list[tuple[float, _Place, object]] = []
    for attempt in history.attempts:
        if attempt.outcome not in (Outcome.ACCEPTED, Outcome.REPEATED, Outcome.REFUSED) or attempt.is_edge:
            continue
        place = (attempt.answer["at_seq"], int(attempt.outcome is Outcome.REFUSED))
        returned.append((attempt.returned_s, place, attempt))
        # a repeated receipt tells of the past, so nothing holds it back
        if attempt.outcome is not Outcome.REPEATED:
            begun.append((attempt.invoked_s, place, attempt))
    for look in history.looks:
        place = (look.answer["seq"], 1)
        begun.append((look.invoked_s, place, look))
        returned.append((look.returned_s, place, look))
    begun.sort(key=lambda call: call[0])
    returned.sort(key=lambda call: call[0])
    latest: tuple[_Place, object] = ((0, 0), None)
    done = 0
    for invoked_s, place, call in begun:
        while done < len(returned) and returned[done][0] < invoked_s:
            if returned[done][1] > latest[0]:
                latest = returned[done][1:]
            done += 1
        if place < latest[0]:
            raise PromiseBroken(7, f"{call} began after {latest[1]} had returned, and stands before it")


class Replay:
    """The rules along the record: what each answer should have been, at the place where it stands."""

    def __init__(self, record: Record) -> None:
        self._states = record.states()
        self._admitted: dict[str, list[tuple[int, Admission]]] = defaultdict(list)
        self._stored: dict[tuple[str, str], int] = {}
        for entry in record.entries:
            for seq, event in enumerate(entry.events, entry.first_seq):
                if isinstance(event, Admitted):
                    limit = None if event.limit_fen < 0 else event.limit_fen
                    self._admitted[event.bidder_id].append((seq, Admission(event.paddle, limit)))
                elif isinstance(event, BidPlaced):
                    self._stored[event.bidder_id, event.key] = seq
        self._receipts: dict[tuple[str, str], Receipt] = {}

    def check(self, attempt: Attempt) -> None:
        """One answer to a bid."""
        if attempt.outcome is Outcome.REFUSED:
            self._check_refusal(attempt)
        else:
            given, right = _receipt(attempt.answer), self._receipt_of(attempt)
            if given != right:
                raise PromiseBroken(7, f"{attempt} was answered with {given}, the rules give {right}")

    def check_look(self, look: Look) -> None:
        """One reading of the lot."""
        seq = look.answer["seq"]
        lot = self._state(seq, look)
        names = ("status", "epoch", "price_fen", "leader", "bids", "minimum_fen", "ends_at_ms")
        seen = tuple(look.answer[name] for name in names)
        right = (
            str(lot.status), lot.epoch, lot.price_fen, lot.leader_paddle or None,
            lot.bids, lot.minimum_fen(), lot.ends_at_ms,
        )  # fmt: skip
        if seen != right:
            raise PromiseBroken(7, f"a look at seq {seq} saw {seen}, it was {right}")

    def _receipt_of(self, attempt: Attempt) -> Receipt | None:
        """The receipt that the rules give at the place where the bid is stored."""
        if attempt.whose not in self._receipts:
            seq, at_ms = attempt.answer["seq"], attempt.answer["at_ms"]
            before = self._state(seq - 1, attempt)
            bid = Bid(attempt.bidder_id, attempt.amount_fen, attempt.key)
            decision = decide(before, self._admission(attempt.bidder_id, seq - 1), None, bid, at_ms)
            if not isinstance(decision, Accepted):
                raise PromiseBroken(7, f"{attempt} was accepted where the rules say {decision}")
            self._receipts[attempt.whose] = decision.receipt
        return self._receipts[attempt.whose]

    def _check_refusal(self, attempt: Attempt) -> None:
        answer = attempt.answer
        at_seq = answer["at_seq"]
        lot = self._state(at_seq, attempt)
        stored = self._stored.get(attempt.whose)
        first = None
        if stored is not None and stored <= at_seq:
            kept = self._states[stored]
            # only its amount counts here
            first = Receipt(stored, kept.ceiling_fen, kept.price_fen, 0, True, 0, 0, 0)
        bid = Bid(attempt.bidder_id, attempt.amount_fen, attempt.key)
        right = decide(lot, self._admission(attempt.bidder_id, at_seq), first, bid, answer["now_ms"])
        if not isinstance(right, Refused):
            raise PromiseBroken(7, f"{attempt} was refused where the rules say {right}")
        fact = next(iter(right.code.facts), None)
        # a problem's own `status` is that of HTTP
        facts: dict[str, Any] = {} if fact is None else {fact: answer.get("lot_status" if fact == "status" else fact)}
        given = Refused(
            right.code, facts, at_seq, answer["price_fen"], answer["minimum_fen"], answer["ends_at_ms"],
            answer["now_ms"],
        )  # fmt: skip
        if answer["code"] != right.code or given != right:
            raise PromiseBroken(7, f"{attempt} was refused, the rules give {right}")

    def _state(self, seq: int, call: object) -> Lot:
        if seq not in self._states:
            raise PromiseBroken(7, f"{call} tells of seq {seq}, which is not in the record up to {max(self._states)}")
        return self._states[seq]

    def _admission(self, bidder_id: str, seq: int) -> Admission | None:
        known = [admission for at, admission in self._admitted[bidder_id] if at <= seq]
        return known[-1] if known else None


def _receipt(answer: dict[str, object]) -> object:
    names = ("seq", "amount_fen", "price_fen", "minimum_fen", "leading", "paddle", "ends_at_ms", "at_ms")
    return Receipt(*(answer[name] for name in names))  # type: ignore[arg-type]


def _by_bid(attempts: Iterable[Attempt]) -> dict[tuple[str, str, int], list[Attempt]]:
    found: dict[tuple[str, str, int], list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        found[(*attempt.whose, attempt.amount_fen)].append(attempt)
    return found
