"""Random commands on one sale, given to the scripts and to the model alike; whatever differs is a failure."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, ClassVar, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from redis.asyncio import Redis

from auction.domain.bidding import Accepted, Bid, Decision, Refused, Repeated
from auction.domain.errors import AuctionError
from auction.domain.events import BidPlaced, FreezeCause, is_made_key
from auction.domain.lot import LASTS_MS_MAX, LotStatus
from auction.domain.pricing import LeadingBid
from auction.domain.terms import Terms
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.keys import lot_id_of
from auction.ledger.replies import AcceptedBid, BidAnswer, Snapshot
from tests.model.comparison import Comparison
from tests.model.ledger_model import LedgerModel
from tests.model.steered_clock import SteeredCaller
from tests.model.strategies import BIDDERS, PADDLES, Ask, Near, amounts, any_terms, asks, bidders, edges, offers, rising

SALE = "launch"
LOTS = 6
SHARDS = 16
NEVER_LATE_MS = 2**50
"""The test moves the clock as it likes."""
LIMIT_MS = 300
"""A longer silence is an outage here."""
NO_LOT = "launch-999"
CLOCK_START_MS = 1_761_120_000_000

moments = st.sampled_from(["end", "window", "window", "end", "hard stop", "opening"])
numbers = st.sampled_from([1, 1, 1, 1, 2, 2, 3])
lasts_ms = st.integers(50, 1500) | st.sampled_from([300, 3_600_000, 14_400_000, 0])
years = st.sampled_from([LASTS_MS_MAX, LASTS_MS_MAX - 1, LASTS_MS_MAX + 1])
powers = st.builds(Near, st.just("minimum"), steps=st.integers(0, 30), fen=st.integers(-1, 1))
limits = st.none() | powers | edges
parts = st.sampled_from([(1, 10), (1, 3), (3, 20), (1, 1), (3, 2), (999_983, 7_919_999)])
"""What is held, as a part of the purse: rarely a whole number of times."""
batches = st.lists(asks, min_size=1, max_size=20) | st.lists(asks, min_size=8, max_size=20)
rush_or_none = st.lists(rising, max_size=2)
seldom = st.sampled_from([True, False, False])
rushes = st.lists(rising, min_size=1, max_size=20) | st.lists(rising, min_size=10, max_size=20)

DONE = ("ok", "done")
ERROR_CODES = {"in-the-past": "schedule-invalid", "too-far": "schedule-invalid"}
"""Where the code that callers see is another than the script's."""


class LedgerMachine(RuleBasedStateMachine):
    """One sale of up to six lots under random commands. Bound to a server by `on`."""

    redis: "Redis"
    runner: asyncio.Runner
    commands = 0
    bids = 0
    codes: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.runner.run(_awaited(self.redis.flushall()))
        self.context = LedgerModel()
        self.caller = SteeredCaller(self.redis, CLOCK_START_MS)
        self.ledger = self.runner.run(BidLedger.open(self.redis, SHARDS, patience_ms=NEVER_LATE_MS))
        self.ledger._scripts = self.caller
        self.comparison = Comparison(self.redis, self.ledger.keys, SALE, self.context)
        self.sent: dict[str, list[Bid]] = {lot_id_of(SALE, number): [] for number in range(1, LOTS + 1)}
        self.whole = True

    @property
    def clock_ms(self) -> int:
        """The server's time as the test set it."""
        return self.caller.clock_ms

    # --- what happens before the first command ---

    @initialize(lots=st.lists(st.tuples(any_terms(), lasts_ms), min_size=1, max_size=2), purse=powers, power=limits)
    def open_lots(self, lots: list[tuple[Terms, int]], purse: Near, power: Near | None) -> None:
        """Most of a sale's life is open lots with bidders: begin with them, the power of two of four in doubt."""
        for number, (terms, lasts) in enumerate(lots, start=1):
            self._an_open_lot(lot_id_of(SALE, number), terms, lasts, purse, power)

    # --- commands ---

    @precondition(lambda self: len(self.context.lots) < LOTS and not self._open_lots())
    @rule(terms=any_terms(), lasts=lasts_ms, purse=powers, power=limits)
    def one_more_lot(self, terms: Terms, lasts: int, purse: Near, power: Near | None) -> None:
        """When all that was open is over: the sale goes on."""
        unused = next(lot_id for lot_id in self.sent if lot_id not in self.context.lots)
        self._an_open_lot(unused, terms, lasts, purse, power)

    @rule(number=numbers, terms=any_terms(), opens_in=st.integers(0, 60), lasts=lasts_ms)
    def schedule(self, number: int, terms: Terms, opens_in: int, lasts: int) -> None:
        self._schedule(lot_id_of(SALE, number), terms, opens_in, lasts)

    @rule(number=numbers)
    def schedule_again(self, number: int) -> None:
        lot_id = lot_id_of(SALE, number)
        if lot_id in self.context.lots:
            self._schedule(lot_id, self.context.lots[lot_id].lot.terms, 0, 1000)

    @rule(
        number=numbers,
        bidder=bidders,
        limit=limits,
        purse=st.tuples(st.none() | powers | edges, parts),
        other_paddle=st.sampled_from([0, 0, 0, 0, 10]),
    )
    def admit(
        self,
        number: int,
        bidder: str,
        limit: Near | None,
        purse: tuple[Near | None, tuple[int, int]],
        other_paddle: int,
    ) -> None:
        of, part = purse
        self._admit(lot_id_of(SALE, number), bidder, limit, of, PADDLES[bidder] + other_paddle, part=part)

    @rule(number=numbers)
    def admit_everybody(self, number: int) -> None:
        for bidder in BIDDERS[:4]:
            self._admit(lot_id_of(SALE, number), bidder, None, Near("most"), PADDLES[bidder])

    @rule(number=numbers, by_clerk=st.booleans(), lasts=st.integers(-1, 200))
    def open(self, number: int, by_clerk: bool, lasts: int) -> None:
        lot_id = lot_id_of(SALE, number)
        if by_clerk:
            self._open_due(lot_id)
            return
        ends_at = self.clock_ms + lasts
        code = self.context.open_now(lot_id, ends_at_ms=ends_at, by="eve", clock_ms=self.clock_ms)
        self._compare(lot_id, code, self.ledger.open_now(lot_id, ends_at_ms=ends_at, by="eve"))

    @rule(number=numbers, ask=asks)
    def one_bid(self, number: int, ask: Ask) -> None:
        self._bid(lot_id_of(SALE, number), [ask])

    @rule(number=numbers, batch=batches)
    def bids_together(self, number: int, batch: list[Ask]) -> None:
        self._bid(self._lively(number), batch)

    @rule(batch=rushes)
    def a_rush(self, batch: list[Ask]) -> None:
        self._bid(self._lively(1), batch)

    @rule(number=numbers)
    def pause(self, number: int) -> None:
        lot_id = lot_id_of(SALE, number)
        code = self.context.pause(lot_id, reason="a look", by="eve", clock_ms=self.clock_ms)
        self._compare(lot_id, code, self.ledger.pause(lot_id, reason="a look", by="eve"))

    @rule(number=numbers, review=st.none() | st.just(0) | edges | amounts)
    def resume(self, number: int, review: Near | int | None) -> None:
        lot_id = lot_id_of(SALE, number)
        limit = review.on(self.context, lot_id, BIDDERS[0]) if isinstance(review, Near) else review
        code = self.context.resume(lot_id, review_above_fen=limit, by="eve", clock_ms=self.clock_ms)
        self._compare(lot_id, code, self.ledger.resume(lot_id, review_above_fen=limit, by="eve"))

    @rule(number=numbers, by_ms=st.integers(1, 200) | years, moves=st.booleans(), pause_first=seldom)
    def extend(self, number: int, by_ms: int, moves: bool, pause_first: bool) -> None:
        if pause_first:
            self.pause(number)
        lot_id = lot_id_of(SALE, number)
        how: Any = {"by_ms": by_ms, "moves_hard_stop": moves, "reason": "一会儿", "by": "eve"}
        code = self.context.extend(lot_id, **how, clock_ms=self.clock_ms)
        self._compare(lot_id, code, self.ledger.extend(lot_id, **how))

    @rule(number=numbers, opens_in=st.integers(-5, 60), lasts=st.integers(1, 200))
    def reschedule(self, number: int, opens_in: int, lasts: int) -> None:
        self._reschedule(lot_id_of(SALE, number), self.clock_ms + opens_in, lasts)

    @rule(number=numbers, terms=any_terms(), off_ms=st.integers(-1, 1), clerk_first=st.booleans())
    def a_race_with_the_opening(self, number: int, terms: Terms, off_ms: int, clerk_first: bool) -> None:
        """Other times and the clerk at the moment at which a lot is to open: whoever comes first."""
        lot_id = lot_id_of(SALE, number)
        if lot_id not in self.context.lots:
            self._schedule(lot_id, terms, 20, 300)
        self._come_to(lot_id, "opening", off_ms)
        if clerk_first:
            self._open_due(lot_id)
        self._reschedule(lot_id, self.clock_ms + 20, 300)
        self._open_due(lot_id)
        entry = self.context.lots[lot_id]
        if entry.lot.status is LotStatus.SCHEDULED:
            self._reschedule(lot_id, entry.lot.opens_at_ms, entry.lot.ends_at_ms - entry.lot.opens_at_ms)

    @rule(number=numbers, which=st.integers(0, 8), stale=st.sampled_from([0, 0, 1]), pause_first=st.booleans())
    def void_a_bid(self, number: int, which: int, stale: int, pause_first: bool) -> None:
        if pause_first:
            self.pause(number)
        lot_id = lot_id_of(SALE, number)
        entry = self.context.lots.get(lot_id)
        bids = entry.standing_bids() if entry else []
        voided = bids[-1 - which % len(bids)][0] if bids else 0
        if entry is not None and not bids:
            return  # the service refuses to void what is no bid
        leading = self.context.fold_without(lot_id, voided) if entry else LeadingBid()
        at_seq = entry.lot.seq - stale if entry else 1
        said = {"reason": "a slip", "by": "eve"}
        code = self.context.void_bid(lot_id, at_seq=at_seq, voided_seq=voided, **said, clock_ms=self.clock_ms)
        call = self.ledger.restate(lot_id, at_seq=at_seq, voided_seq=voided, leading=leading, **said)
        self._compare(lot_id, code, call)

    @rule(number=numbers, how=st.sampled_from(["due", "due", "due", "staff", "void"]))
    def end(self, number: int, how: Literal["due", "staff", "void"]) -> None:
        lot_id = lot_id_of(SALE, number)
        said = {"reason": "it rains", "by": "eve"}
        if how == "due":
            self._compare_pair(lot_id, self.context.close_due(lot_id, self.clock_ms), self.ledger.close_due(lot_id))
        elif how == "staff":
            code = self.context.close_now(lot_id, **said, clock_ms=self.clock_ms)
            self._compare(lot_id, code, self.ledger.close_now(lot_id, **said))
        else:
            code = self.context.void(lot_id, **said, clock_ms=self.clock_ms)
            self._compare(lot_id, code, self.ledger.void(lot_id, **said))

    @rule(number=numbers, bidder=bidders, fen=st.integers(0, 90) | st.just(0))
    def the_award_ends(self, number: int, bidder: str, fen: int) -> None:
        """Or the lot is offered to a runner-up: what the database says once a lot is over."""
        lot_id = lot_id_of(SALE, number)
        entry = self.context.lots.get(lot_id)
        if entry is not None and entry.has_purse and entry.lot.outcome is not None and bidder in entry.admitted:
            self.context.set_share(lot_id, bidder, fen)
            with self._broken_if_raised():
                self.runner.run(self.ledger.set_share(lot_id, bidder_id=bidder, share_fen=fen))
            self._compare_all()

    @rule(number=numbers, really=st.sampled_from([0, 0, 0, 1]))
    def freeze(self, number: int, really: int) -> None:
        """Seldom: it is the end of the lot here."""
        lot_id = lot_id_of(SALE, number)
        if really:
            code = self.context.freeze(lot_id, FreezeCause.FORKED, self.clock_ms)
            self._compare_pair(lot_id, code, self.ledger.freeze(lot_id, FreezeCause.FORKED))

    @rule(limit_ms=st.sampled_from([LIMIT_MS, 0, 0]))
    def heartbeat(self, limit_ms: int) -> None:
        """A process that takes bids says so, or that silences do not count."""
        self._beat(limit_ms)

    @rule(
        number=numbers,
        before_ms=st.integers(-1, 400),
        length_ms=st.integers(250, 700),
        batch=rush_or_none,
        goes_on=seldom,
    )
    def an_outage_near_the_end(
        self, number: int, before_ms: int, length_ms: int, batch: list[Ask], goes_on: bool
    ) -> None:
        """Silence from shortly before a lot's end; then a bid or a heartbeat comes first."""
        lot_id = self._lively(number)
        self._come_to(lot_id, "end", -before_ms)
        self._beat(LIMIT_MS)
        self.caller.clock_ms += length_ms
        self._compare_all()
        if batch:
            self._bid(lot_id, batch)
        else:
            self._beat(LIMIT_MS)
        if not goes_on:
            self._beat(0)

    @rule(by_ms=st.integers(0, 40) | st.integers(0, 9) | st.integers(-200, 400) | st.sampled_from([-3_600_000, 5000]))
    def time_passes(self, by_ms: int) -> None:
        self.caller.clock_ms += by_ms
        self._compare_all()

    @rule(number=numbers, to=moments, off_ms=st.integers(-1, 1))
    def time_comes_to(self, number: int, to: str, off_ms: int) -> None:
        self._come_to(self._lively(number), to, off_ms)

    @rule(number=numbers, to=moments, off_ms=st.integers(-1, 1), batch=st.lists(rising, min_size=1, max_size=3))
    def bids_at_an_edge(self, number: int, to: str, off_ms: int, batch: list[Ask]) -> None:
        lot_id = self._lively(number)
        self._come_to(lot_id, to, off_ms)
        self._bid(lot_id, batch)

    @rule(number=numbers, batch=st.lists(rising, min_size=1, max_size=6))
    def bids_to_the_last(self, number: int, batch: list[Ask]) -> None:
        """Each in the last millisecond there is: what soft closes and hard stops are for."""
        lot_id = self._lively(number)
        for ask in batch:
            self._come_to(lot_id, "end", -1)
            self._bid(lot_id, [ask])

    @rule(number=numbers, first=rising, second=rising, third=rising)
    def a_lead_lost_and_won(self, number: int, first: Ask, second: Ask, third: Ask) -> None:
        """A leader of before is outbid and answers, all in one batch."""
        lot_id = self._lively(number)
        self._bid(lot_id, [first])
        self._bid(lot_id, [second, replace(third, bidder=first.bidder)])

    @rule(number=numbers, first=offers, second=offers, batch=st.lists(offers | rising, min_size=1, max_size=8))
    def maxima_that_meet(self, number: int, first: Ask, second: Ask, batch: list[Ask]) -> None:
        """A maximum, and others and bids that come up to it, past it or just short of it."""
        lot_id = self._lively(number)
        self._bid(lot_id, [first])
        self._bid(lot_id, [second])
        self._bid(lot_id, batch)

    @rule(number=numbers, first=offers, limit=powers, batch=st.lists(offers | rising, min_size=1, max_size=4))
    def a_limit_lowered_under_a_maximum(self, number: int, first: Ask, limit: Near, batch: list[Ask]) -> None:
        lot_id = self._lively(number)
        self._bid(lot_id, [first])
        self._admit(lot_id, first.bidder, limit, Near("most"), PADDLES[first.bidder])
        self._bid(lot_id, batch)

    @rule(number=numbers, to=moments, off_ms=st.integers(-1, 1), opens=st.booleans())
    def the_clerk_at_an_edge(self, number: int, to: str, off_ms: int, opens: bool) -> None:
        lot_id = self._lively(number)
        self._come_to(lot_id, to, off_ms)
        if opens:
            self._open_due(lot_id)
        else:
            self._compare_pair(lot_id, self.context.close_due(lot_id, self.clock_ms), self.ledger.close_due(lot_id))

    def teardown(self) -> None:
        """The whole stream once more, from its first entry."""
        if self.whole:
            self.runner.run(self.comparison.check_whole_stream())

    # --- how a command is given to both ---

    def _an_open_lot(self, lot_id: str, terms: Terms, lasts: int, purse: Near, power: Near | None) -> None:
        self._schedule(lot_id, terms, 0, max(50, lasts))
        for bidder in BIDDERS[2:4]:
            self._admit(lot_id, bidder, None, Near("most"), PADDLES[bidder])
        self._admit(lot_id, BIDDERS[0], power, purse, PADDLES[BIDDERS[0]])
        self._admit(lot_id, BIDDERS[1], None, purse, PADDLES[BIDDERS[1]])
        self._open_due(lot_id)

    def _open_lots(self) -> list[str]:
        return [lot_id for lot_id, entry in self.context.lots.items() if entry.lot.status is LotStatus.OPEN]

    def _lively(self, number: int) -> str:
        """The n-th of the lots that are open, where there is one."""
        open_lots = self._open_lots()
        return open_lots[(number - 1) % len(open_lots)] if open_lots else lot_id_of(SALE, number)

    def _come_to(self, lot_id: str, to: str, off_ms: int) -> None:
        entry = self.context.lots.get(lot_id)
        if entry is None:
            return
        lot, soft = entry.lot, entry.lot.terms.soft_close
        moment = {
            "window": lot.ends_at_ms - (soft.window_ms if soft else 0),
            "end": lot.ends_at_ms,
            "opening": lot.opens_at_ms,
            "hard stop": lot.hard_stop_at_ms or lot.ends_at_ms,
        }[to]
        self.caller.clock_ms = moment + off_ms
        self._compare_all()

    def _schedule(self, lot_id: str, terms: Terms, opens_in: int, lasts: int) -> None:
        opens_at = self.clock_ms + opens_in
        ends_at = opens_at + lasts
        hard = terms.soft_close.hard_stop_ms if terms.soft_close else None
        code = self.context.schedule(lot_id, terms, opens_at_ms=opens_at, ends_at_ms=ends_at, clock_ms=self.clock_ms)
        hard_stop = 0 if hard is None else ends_at + hard
        call = self.ledger.schedule(lot_id, terms, opens_at_ms=opens_at, ends_at_ms=ends_at, hard_stop_at_ms=hard_stop)
        self._compare(lot_id, code, call)

    def _reschedule(self, lot_id: str, opens_at: int, lasts: int) -> None:
        times: Any = {"opens_at_ms": opens_at, "ends_at_ms": opens_at + lasts, "by": "eve"}
        code = self.context.reschedule(lot_id, **times, clock_ms=self.clock_ms)
        self._compare(lot_id, code, self.ledger.reschedule(lot_id, **times))

    def _admit(
        self,
        lot_id: str,
        bidder: str,
        limit: Near | None,
        purse: Near | None,
        paddle: int,
        *,
        part: tuple[int, int] = (1, 10),
    ) -> None:
        limit_fen = None if limit is None else limit.on(self.context, lot_id, bidder)
        purse_fen = None if purse is None else purse.on(self.context, lot_id, bidder)
        held_fen = None if purse_fen is None else -(-purse_fen * part[0] // part[1])
        power = {"limit_fen": limit_fen, "purse_fen": purse_fen, "held_fen": held_fen}
        code = self.context.admit(lot_id, bidder, paddle, **power, clock_ms=self.clock_ms)
        self._compare(lot_id, code, self.ledger.admit(lot_id, bidder_id=bidder, paddle=paddle, **power))

    def _open_due(self, lot_id: str) -> None:
        code = self.context.open_due(lot_id, by="clerk", clock_ms=self.clock_ms)
        self._compare_pair(lot_id, code, self.ledger.open_due(lot_id, by="clerk"))

    def _beat(self, limit_ms: int) -> None:
        self.context.heartbeat(limit_ms, self.clock_ms)
        shard = self.ledger.keys.shard_of_sale(SALE)
        self.runner.run(self.ledger.note_activity(shard, limit_ms=limit_ms))
        self._compare_all()

    def _bid(self, lot_id: str, batch: list[Ask]) -> None:
        bids: list[Bid] = []
        expected: list[BidAnswer] = []
        for ask in batch:
            bid = self._made(lot_id, ask)
            self.sent[lot_id].append(bid)
            bids.append(bid)
            decision = self.context.place(lot_id, bid, self.clock_ms)
            expected.append(_as_answer(decision))
            self.codes[_meeting(decision)] += 1
        with self._broken_if_raised():
            answers = self.runner.run(self.ledger.place_bids(lot_id, bids))
            for bid, answer, wanted in zip(bids, answers, expected, strict=True):
                assert answer == wanted, f"{bid}: the script says {answer}, the rules say {wanted}"
        type(self).bids += len(bids)
        self.codes.update(str(row.code) if isinstance(row, Refused) else f"taken {row.repeated}" for row in expected)
        self._compare_all()

    def _made(self, lot_id: str, ask: Ask) -> Bid:
        sent = self.sent[lot_id]
        if ask.again is None or not sent:
            amount = 0 if ask.withdraws else ask.amount.on(self.context, lot_id, ask.bidder)
            return Bid(ask.bidder, amount, f"key-{len(sent):05d}", ask.is_maximum)
        taken = (
            [bid for bid in sent if (bid.bidder_id, bid.key) in self.context.lots[lot_id].receipts]
            if (lot_id in self.context.lots)
            else []
        )
        pool = taken or sent
        first = pool[-1 - ask.again % len(pool)]
        if ask.twist == "same":
            return first
        bidder = ask.bidder if ask.twist == "bidder" else first.bidder_id
        return Bid(bidder, ask.amount.on(self.context, lot_id, bidder), first.key, ask.is_maximum)

    def _compare(self, lot_id: str, code: str, call: Awaitable[Snapshot]) -> None:
        """An action of staff: a snapshot where it was done, else the error of its code."""
        self.codes[code] += 1
        with self._broken_if_raised():
            outcome = self.runner.run(_outcome(call))
            if isinstance(outcome, AuctionError):
                said = outcome.code
                assert said == ERROR_CODES.get(code, code), f"the script says {said}, the rules {code}"
                self._compare_facts(lot_id, outcome)
            else:
                assert code in DONE, f"the script has done what the rules answer with {code}"
        self._compare_all({lot_id: outcome} if isinstance(outcome, Snapshot) else {})

    def _compare_pair(self, lot_id: str, code: str, call: Awaitable[tuple[str, Snapshot | None]]) -> None:
        """An action of the clerk: its code and a snapshot, whatever came of it."""
        self.codes[code] += 1
        with self._broken_if_raised():
            said, snapshot = self.runner.run(_awaited(call))
            assert said == code, f"the script says {said}, the rules {code}"
            assert (snapshot is not None) == (lot_id in self.context.lots)
        self._compare_all({lot_id: snapshot} if snapshot is not None else {})

    def _compare_facts(self, lot_id: str, error: AuctionError) -> None:
        if lot_id not in self.context.lots:
            return
        lot = self.context.lots[lot_id].lot
        for name, value in {"status": str(lot.status), "price_fen": lot.price_fen, "at_seq": lot.seq}.items():
            assert error.facts.get(name, value) == value

    def _compare_all(self, answered: dict[str, Snapshot] | None = None) -> None:
        """After each command: every key, the new entries, what the command answered and what a reader sees."""
        type(self).commands += 1
        with self._broken_if_raised():
            seen = self.runner.run(self._looked_over())
            expected = {lot_id: self.comparison.snapshot_of(lot_id, self.clock_ms) for lot_id in self.context.lots}
            assert seen == expected
            for lot_id, snapshot in (answered or {}).items():
                assert snapshot == expected[lot_id]

    async def _looked_over(self) -> dict[str, Snapshot]:
        await self.comparison.check()
        return await self.ledger.read_many([*self.context.lots, NO_LOT])

    def _broken_if_raised(self) -> "_Watch":
        return _Watch(self)


class _Watch:
    """Notes that an example has failed already, so that its end adds no second failure."""

    def __init__(self, machine: LedgerMachine) -> None:
        self._machine = machine

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self._machine.whole = False


async def _awaited(call: Awaitable[Any]) -> Any:
    return await call


async def _outcome(call: Awaitable[Snapshot]) -> Snapshot | AuctionError:
    try:
        return await call
    except AuctionError as error:
        return error


def _meeting(decision: Decision) -> str:
    """How a bid met the leader's maximum."""
    made = [] if isinstance(decision, Repeated) else [e for e in decision.events if isinstance(e, BidPlaced)]
    if not any(is_made_key(bid.key) for bid in made):
        return "met no maximum"
    if isinstance(decision, Refused):
        return "came second"
    return "was answered" if is_made_key(made[-1].key) else "passed a maximum"


def _as_answer(decision: Decision) -> BidAnswer:
    match decision:
        case Accepted():
            return AcceptedBid(decision.receipt, repeated=False)
        case Repeated():
            return AcceptedBid(decision.receipt, repeated=True)
        case Refused():
            # what the leader's maximum bid before it stands in the stream
            return replace(decision, events=())
