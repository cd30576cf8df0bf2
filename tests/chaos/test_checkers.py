"""The checkers find what they are for: a small true history passes, and each lie told in it is named."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import msgspec
import pytest

from auction.domain.bidding import Accepted, Admission, Bid, decide
from auction.domain.events import Admitted, BidPlaced, Closed, Event, Opened, Scheduled
from auction.domain.lot import Lot
from auction.domain.terms_reader import read_terms
from auction.ledger.entry import StreamEntry
from tests.chaos.bidders import TERMS
from tests.chaos.checkers import PromiseBroken, check_history
from tests.chaos.history import Attempt, History, Look, Outcome
from tests.chaos.linearizable import calls_of, is_linearizable
from tests.chaos.record import Record
from tests.lot_events import apply_all, to_row

LOT, ENDS_AT_MS, AT_MS = "launch-001", 100_000, 1_000
ADMITTED = {"ada": Admission(1), "bo": Admission(2)}
BIDS = (Bid("ada", 100, "key-of-ada-1"), Bid("bo", 200, "key-of-bo-1"), Bid("ada", 500, "key-of-ada-2"))
OPENED_SEQ = 4


def entry(first_seq: int, *events: Event) -> StreamEntry:
    packed = msgspec.msgpack.encode([to_row(event) for event in events])
    return StreamEntry(f"{first_seq}-0", LOT, 1, first_seq, AT_MS, events, packed, "")


def placed(bidder: str, amount: int, key: str) -> BidPlaced:
    return BidPlaced(bidder, ADMITTED[bidder].paddle, amount, key, amount, 1, ENDS_AT_MS)


@dataclass
class RecordBuilder:
    """Three bids one after the other, two refused, a retry and a look; with their record. Its methods tell lies."""

    history: History
    record: Record

    def answer(self, number: int, **answer: object) -> None:
        """The n-th attempt was answered otherwise."""
        attempt = self.history.attempts[number]
        self.history.attempts[number] = replace(attempt, answer={**attempt.answer, **answer})

    def attempt(self, number: int, **fields: Any) -> None:
        """The n-th attempt was another."""
        self.history.attempts[number] = replace(self.history.attempts[number], **fields)

    def look(self, **answer: object) -> None:
        """Something else was seen."""
        self.history.looks[0] = replace(self.history.looks[0], answer={**self.history.looks[0].answer, **answer})

    def entry(self, seq: int, **fields: Any) -> None:
        """The entry at a seq is another."""
        self.record.entries[seq - 1] = replace(self.record.entries[seq - 1], **fields)

    def stored(self, seq: int, **fields: Any) -> None:
        """The bid at a seq is another."""
        event = self.record.entries[seq - 1].events[0]
        assert isinstance(event, BidPlaced)
        self.entry(seq, events=(replace(event, **fields),))

    def append(self, event: Event) -> None:
        """The record goes on."""
        self.record.entries.append(entry(len(self.record.entries) + 1, event))


@pytest.fixture
def builder() -> RecordBuilder:
    """What happened, told truly."""
    terms = read_terms(TERMS)
    before: list[Event] = [
        Scheduled(terms.sha256(), 0, ENDS_AT_MS, 0),
        Admitted("ada", 1, -1, -1),
        Admitted("bo", 2, -1, -1),
        Opened(ENDS_AT_MS, 0, "olga"),
    ]
    told = RecordBuilder(
        History(LOT), Record(LOT, terms, [entry(seq, event) for seq, event in enumerate(before, start=1)])
    )
    lot = apply_all(Lot(terms), before, AT_MS)
    for at_s, one in enumerate(BIDS):
        accepted = decide(lot, ADMITTED[one.bidder_id], None, one, AT_MS)
        assert isinstance(accepted, Accepted)
        receipt = {name: getattr(accepted.receipt, name) for name in accepted.receipt.__slots__}
        answer = {**receipt, "at_seq": accepted.receipt.seq, "receipt": f"signed-{at_s}"}
        told.history.attempts.append(
            Attempt(one.bidder_id, one.key, one.amount_fen, at_s, at_s + 0.5, Outcome.ACCEPTED, answer)
        )
        told.append(accepted.events[0])
        lot = apply_all(lot, accepted.events, AT_MS)
    seen = {
        "at_seq": 7, "price_fen": 500, "minimum_fen": 600, "ends_at_ms": ENDS_AT_MS, "now_ms": AT_MS,
    }  # fmt: skip
    told.history.attempts += [
        Attempt("bo", "key-of-bo-2", 400, 3.0, 3.1, Outcome.REFUSED, {**seen, "code": "bid-too-low"}),
        Attempt("bo", "key-of-bo-1", 900, 3.2, 3.3, Outcome.REFUSED, {**seen, "code": "key-reused"}),
        replace(told.history.attempts[0], invoked_s=3.4, returned_s=3.5, outcome=Outcome.REPEATED),
    ]
    told.history.looks.append(Look(3.6, 3.7, {**seen, "seq": 7, "status": "open", "epoch": 1, "leader": 1, "bids": 3}))
    return told


def a_bid_after_the_close(builder: RecordBuilder) -> None:
    last = builder.record.entries.pop()
    builder.append(Closed("sold", 200, "bo", 2, "staff", "", "olga"))
    builder.append(last.events[0])
    builder.answer(2, seq=8, at_seq=8)


def two_bids_at_one_price(builder: RecordBuilder) -> None:
    builder.attempt(1, amount_fen=100)
    builder.answer(1, amount_fen=100, price_fen=100)


Lie = Callable[[RecordBuilder], object]
LIES: dict[str, tuple[int, Lie]] = {
    "an acknowledged bid is gone": (1, lambda builder: builder.record.entries.pop()),
    "an acknowledged bid is another bidder's": (1, lambda builder: builder.stored(6, bidder_id="ada")),
    "an acknowledged bid has another amount": (1, lambda builder: builder.stored(7, amount_fen=400, price_fen=400)),
    "a bid that nobody made": (2, lambda builder: builder.append(placed("bo", 700, "key-of-bo-9"))),
    "a refused bid stands": (2, lambda builder: builder.append(placed("bo", 400, "key-of-bo-2"))),
    "a bid stands of which nothing was done": (2, lambda builder: builder.attempt(2, outcome=Outcome.NOT_TAKEN)),
    "one key stands twice": (3, lambda builder: builder.append(placed("ada", 500, "key-of-ada-2"))),
    "a retry gets another receipt": (3, lambda builder: builder.answer(5, receipt="signed-99")),
    "an unused key is called used": (3, lambda builder: builder.attempt(4, key="key-of-bo-7")),
    "a hole in seq": (4, lambda builder: builder.entry(3, first_seq=4)),
    "a price that does not rise": (4, lambda builder: builder.stored(7, price_fen=200)),
    "a bid at the end in force": (5, lambda builder: builder.entry(7, at_ms=ENDS_AT_MS)),
    "a bid after the close": (5, a_bid_after_the_close),
    "an answer too early for its place": (7, lambda builder: builder.attempt(2, invoked_s=-2.0, returned_s=-1.0)),
    "a refusal that the rules do not give": (7, lambda builder: builder.attempt(3, amount_fen=600)),
    "a refusal with another fact": (7, lambda builder: builder.answer(3, minimum_fen=700)),
    "a refusal at another place": (7, lambda builder: builder.answer(3, at_seq=6)),
    "a receipt with another minimum": (7, lambda builder: builder.answer(1, minimum_fen=400)),
    "a stale look": (7, lambda builder: builder.look(seq=6)),
    "a look at what never was": (7, lambda builder: builder.look(leader=2)),
}
SEARCHED_LIES: dict[str, Lie] = {
    "two bids at one price": two_bids_at_one_price,
    "a stale look": lambda builder: builder.look(price_fen=200, leader=2, bids=2),
    "a refusal before its time": lambda builder: builder.attempt(3, invoked_s=0.6, returned_s=0.7),
    "a retry before the first try": lambda builder: builder.attempt(5, invoked_s=-2.0, returned_s=-1.0),
}


def searched(builder: RecordBuilder) -> bool:
    return is_linearizable(builder.record.states()[OPENED_SEQ], ADMITTED, calls_of(builder.history))


def test_a_true_history_passes_every_check_and_the_search(builder):
    check_history(builder.history, builder.record)
    assert searched(builder)


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_and_the_broken_promise_named(builder, lie):
    promise, tell = LIES[lie]
    tell(builder)
    with pytest.raises(PromiseBroken) as found:
        check_history(builder.history, builder.record)
    assert found.value.promise == promise, found.value


def test_an_answer_that_no_call_should_get_is_found(builder):
    builder.history.surprises.append("500 to a bid")
    with pytest.raises(AssertionError, match="500 to a bid"):
        check_history(builder.history, builder.record)


@pytest.mark.parametrize("lie", SEARCHED_LIES)
def test_the_search_finds_no_order_for_a_lie(builder, lie):
    SEARCHED_LIES[lie](builder)
    assert not searched(builder)


def test_the_search_lets_a_call_without_an_answer_take_effect_or_not(builder):
    builder.history.attempts.append(Attempt("bo", "key-of-bo-8", 50, 0.0, inf, Outcome.UNKNOWN))
    assert searched(builder)
    # this one got no answer, yet what was decided after it shows that it stands
    builder.attempt(1, returned_s=inf, outcome=Outcome.UNKNOWN, answer={})
    assert searched(builder)


def test_the_search_takes_overlapping_calls_in_any_order(builder):
    for number in range(3):
        builder.attempt(number, invoked_s=0.0, returned_s=2.9)
    builder.history.attempts.reverse()
    assert searched(builder)


def test_the_search_refuses_a_history_it_could_not_finish(builder):
    builder.history.attempts *= 20
    with pytest.raises(ValueError, match="100 calls"):
        searched(builder)
