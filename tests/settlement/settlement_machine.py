"""Random sales from the hammer on: bidders, staff, workers and time in any order, behind a provider with a bad line.

After each step every rule of money holds. At the end everything comes to rest: each deposit has ended, the provider has
what the journal says, and all that was ever said said again changes nothing.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import text

from auction.books import archive, journal, operations
from auction.books.outgoing_transfers import OutgoingTransfer
from auction.domain.accounts import JournalAccount
from auction.domain.bidding import Bid
from auction.domain.charge_limits import UNLIMITED, ChargeLimits
from auction.domain.errors import AuctionError
from auction.domain.ledger_layout import STREAM_START
from auction.domain.states import AwardStatus, FailureCode, OperationKind
from auction.payments.gateway import DueNotice
from auction.payments.sandbox import FILE_NAME, SandboxGateway
from auction.payments.sandbox.notices import signed_headers
from auction.scenarios.bank import StandInBank
from auction.services.bank import views
from auction.services.bank.outgoing_transfers import record_confirmed, record_failed, record_sent
from auction.services.bank.payment_extension import extend_payment
from auction.services.bank.receipts import match_receipt, return_receipt
from auction.services.bank.statements import import_statement
from auction.services.catalogue import lots
from auction.services.payments import gateway_calls, registration_deposits
from auction.services.payments.gateway_calls import perform_due
from auction.services.provider_events.receipt import receive_notice
from auction.services.registration import power_sync
from auction.services.settlement import (
    award_payment,
    claim_collection,
    handover,
    payment_default,
    relists,
    runner_up_offers,
    voids,
    waterfall,
)
from auction.services.settlement.deadlines import settle
from auction.services.settlement.finance_views import show_settlement
from tests.settlement.conftest import DAY_MS, HOUR_MS, NOTICE_SECRET, YUAN, Stage, open_stage
from tests.settlement.unreliable import Fault, UnreliableGateway

SALE = "launch"
BIDDERS = ("ann", "bob", "cleo", "dora", "eve")
STAFF = ("olga", "petra")
LOTS_MAX = 4
AT_REST_MS = 40 * DAY_MS
"""Past every deadline that the terms below set."""

CARDS = (
    *("sandbox-ok",) * 4,
    "sandbox-ok:shared",
    "sandbox-slow",
    "sandbox-declines",
    "sandbox-capture-fails",
    "sandbox-refund-fails-once",
    "sandbox-refund-fails-late",
    "sandbox-expires",
    "sandbox-no-answer",
    "sandbox-cancelled",
    "sandbox-captured",
    "sandbox-refunded",
    "sandbox-dispute-won",
    "sandbox-dispute-lost",
)
"""What a card does; the last five do it unasked, after a delay."""
GOOD_CARDS = ("sandbox-ok", "sandbox-ok", "sandbox-refunded", "sandbox-dispute-won", "sandbox-dispute-lost")
DEPOSITS: tuple[dict[str, Any], ...] = (
    {"policy": "flat", "amount_fen": 100 * YUAN},
    {"policy": "flat", "amount_fen": 900 * YUAN},
    {
        "policy": "ladder",
        "bands": [
            {"deposit_fen": 100 * YUAN, "limit_fen": 300 * YUAN},
            {"deposit_fen": 200 * YUAN, "limit_fen": None},
        ],
    },
    *({"policy": "purse", "multiplier": 10, "amount_fen": 100 * YUAN},) * 2,
    {"policy": "purse", "multiplier": 3, "amount_fen": 333 * YUAN + 1},
    {"policy": "none"},
)
NARROW = ChargeLimits(5 * YUAN, 120 * YUAN)
"""What a narrow provider takes at once: most prices are charged in parts."""
LASTING = "SELECT * FROM {} ORDER BY 1, 2"
TABLES = (
    "journal_entries",
    "journal_lines",
    "deposits",
    "awards",
    "offers",
    "defaults",
    "settlements",
    "bank_receipts",
    "receipt_matches",
    "outgoing_transfers",
)


def _with_liability(drawn: dict[str, Any]) -> dict[str, Any]:
    """Settlement terms with the fields of a liability among the others."""
    liability: dict[str, Any] = drawn["liability"]
    return {name: value for name, value in drawn.items() if name != "liability"} | liability


numbers = st.integers(0, LOTS_MAX - 1)
bidders = st.sampled_from(BIDDERS)
staff = st.sampled_from(STAFF)
cards = st.sampled_from(CARDS)
agreed = st.fixed_dictionaries(
    {
        "deposit": st.sampled_from(DEPOSITS),
        "settlement": st.fixed_dictionaries(
            {
                "payment_window_ms": st.sampled_from([HOUR_MS, DAY_MS]),
                "grace_ms": st.sampled_from([0, HOUR_MS]),
                "buyer_fee_bps": st.sampled_from([0, 250]),
                "seller_commission_bps": st.sampled_from([0, 300]),
                "liability": st.sampled_from(
                    [
                        {"default_liability": "deposit_only"},
                        {"default_liability": "shortfall"},
                        {"default_liability": "percent", "percent_bps": 2_000},
                    ]
                ),
                "decision_window_ms": st.sampled_from([0, 0, HOUR_MS]),
                "cure_ms": st.sampled_from([0, HOUR_MS]),
                "when_exhausted": st.sampled_from(["relist", "unsold"]),
                "rest_to": st.sampled_from(["house", "seller"]),
                "reauction_cost_fen": st.sampled_from([0, 30 * YUAN]),
                "cascade": st.fixed_dictionaries(
                    {
                        "depth": st.integers(0, 3),
                        "price": st.sampled_from(["own_bid", "clean"]),
                        "floor_percent": st.sampled_from([0, 50]),
                        "floor_fen": st.sampled_from([1, 200 * YUAN]),
                        "offer_window_ms": st.just(HOUR_MS),
                    }
                ),
            }
        ).map(_with_liability),
    }
)
lapses_ms = st.sampled_from([1, 3_000, 3_000, 6_000, 21_000, 21_000, HOUR_MS, HOUR_MS, DAY_MS, 8 * DAY_MS])


class SettlementMachine(RuleBasedStateMachine):
    """One sale under random acts. Bound to servers by `on`."""

    runner: asyncio.Runner
    valkey_url: str
    fresh_books: Callable[[], Awaitable[str]]
    fresh_dir: Callable[[], Path]
    codes: ClassVar[Counter[str]]
    kinds: ClassVar[Counter[str]]
    """What was entered into the journal, by kind: what the acts reached."""
    steps = 0

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.open = AsyncExitStack()
        self.bank = StandInBank()
        self.lots: list[str] = []
        self.closed: list[str] = []
        self.delivered: list[DueNotice] = []
        self.keys = 0
        self.bad_line = 0.0
        self.chance = random.Random(0)
        self.sound = True

    # --- before the first act ---

    @initialize(
        seed=st.integers(0, 2**32),
        provider=st.tuples(st.sampled_from(["authorisation", "charge"]), st.sampled_from([UNLIMITED, NARROW])),
        terms=st.lists(agreed, min_size=1, max_size=2),
        bids=st.lists(bidders, min_size=3, max_size=6),
        fates=st.lists(st.sampled_from(["paid", "paid", "paying", "refused", "open"]), min_size=2, max_size=2),
    )
    def begin(
        self,
        seed: int,
        provider: tuple[str, ChargeLimits],
        terms: list[dict[str, Any]],
        bids: list[str],
        fates: list[str],
    ) -> None:
        """Most of it happens after the hammer: begin with lots that were bid on, at different points of it."""
        self.chance = random.Random(seed)
        self.runner.run(self._begin(seed, *provider))
        for one in terms:
            self._do(self._open_lot(one))
        for number in range(len(self.lots)):
            for bidder in bids:
                self._do(self._bid(number, bidder, "sandbox-ok"))
        for number, fate in zip(range(len(self.lots)), fates, strict=False):
            self._do(self._close(number))
            if fate == "refused":
                self.refuse(0)
                self._do(self._work("settler"))
            elif fate != "open":
                self.end_well(0, works=fate == "paid", fetches=False)
        self.bad_line = self.chance.choice((0.0, 0.0, 0.2, 0.5))

    async def _begin(self, seed: int, method: str, limits: ChargeLimits) -> None:
        data_dir = self.fresh_dir()
        opened = open_stage(self.valkey_url, await self.fresh_books(), data_dir, deposit_method=method)
        self.stage = await self.open.enter_async_context(opened)
        stage = self.stage
        sandbox = SandboxGateway(
            data_dir / FILE_NAME,
            notice_secret=NOTICE_SECRET,
            clock_ms=stage.clock,
            duplicate=True,
            shuffle=seed,
            limits=limits,
        )
        self.open.push_async_callback(stage.gateway.close)
        stage.gateway = sandbox
        stage.context = replace(stage.context, gateway=UnreliableGateway(sandbox, self._fault))
        await lots.create_sale(stage.context, title="A sale", sale_id=SALE, actor="olga")

    def _fault(self, kind: OperationKind) -> Fault | None:
        del kind
        return self.chance.choice(("before", "after")) if self.chance.random() < self.bad_line else None

    # --- acts ---

    @rule(terms=agreed, bids=st.lists(bidders, min_size=2, max_size=4), card=st.sampled_from(GOOD_CARDS))
    def one_more_lot(self, terms: dict[str, Any], bids: list[str], card: str) -> None:
        # no precondition: which acts there are must not depend on how far servers have come
        if len(self.lots) >= LOTS_MAX:
            return
        self._do(self._open_lot(terms))
        for bidder in bids:
            self._do(self._bid(len(self.lots) - 1, bidder, card))

    @rule(number=numbers, bidder=bidders, card=cards)
    def register(self, number: int, bidder: str, card: str) -> None:
        device = "a phone" if bidder in {"ann", "eve"} else None
        self._do(
            registration_deposits.register(
                self.stage.context, self._lot(number), bidder_id=bidder, name=bidder, payment_method=card, device=device
            )
        )

    @rule(number=numbers, bidder=bidders, card=cards, yuan=st.sampled_from([50, 100, 700]))
    def top_up(self, number: int, bidder: str, card: str, yuan: int) -> None:
        key = self._key()
        self._do(
            registration_deposits.top_up(
                self.stage.context,
                self._lot(number),
                bidder_id=bidder,
                amount_fen=yuan * YUAN,
                key=key,
                payment_method=card,
            )
        )

    @rule(number=numbers, bidder=bidders, card=cards)
    def bid(self, number: int, bidder: str, card: str) -> None:
        self._do(self._bid(number, bidder, card))

    @rule(number=numbers)
    def hammer(self, number: int) -> None:
        self._do(self._close(number))

    @rule(number=numbers, card=cards, again=st.booleans(), twice=st.booleans())
    def pay(self, number: int, card: str, again: bool, twice: bool) -> None:
        """Pay, perhaps under a key that was used before, and perhaps at once under another."""
        for key in ("pay-key-0001" if again else self._key(), *((self._key(),) if twice else ())):
            self._do(self._by_winner(number, award_payment.pay_award, key=key, payment_method=card))

    @rule(number=numbers, works=st.booleans(), fetches=st.booleans(), card=st.sampled_from(GOOD_CARDS))
    def end_well(self, number: int, works: bool, fetches: bool, card: str = "sandbox-ok") -> None:
        """Pay with a card that is good at first, and perhaps fetch the lot."""
        self._do(self._by_winner(number, award_payment.pay_award, key=self._key(), payment_method=card))
        if works:
            self.every_worker()
        if fetches:
            self.one_person(number, "olga", "handover")

    @rule(number=numbers, accepts=st.sampled_from([True, True, False]), pays=st.booleans())
    def give_a_second_chance(self, number: int, accepts: bool, pays: bool) -> None:
        """The winner refuses, and the runner-up is asked."""
        self.refuse(number)
        self.every_worker()
        self._do(self._answer(number, accepts))
        if pays:
            self.end_well(number, works=True, fetches=False)

    @rule(number=numbers)
    def refuse(self, number: int) -> None:
        self._do(self._by_winner(number, award_payment.refuse_award))

    @rule(number=numbers, accepts=st.sampled_from([True, True, False]))
    def answer_an_offer(self, number: int, accepts: bool) -> None:
        self._do(self._answer(number, accepts))

    @rule(number=numbers, actor=staff, what=st.sampled_from(["void", "default", "write-off"]), both=st.booleans())
    def two_persons(self, number: int, actor: str, what: str, both: bool) -> None:
        lot_id, context = self._sold(number), self.stage.context
        act = {
            "void": voids.void_settlement,
            "default": payment_default.default_by_staff,
            "write-off": waterfall.write_off,
        }[what]
        for person in STAFF if both else (actor, actor):
            self._do(act(context, lot_id, actor=person, reason="a reason"))

    @rule(
        number=numbers,
        actor=staff,
        what=st.sampled_from(["relist", "offer", "handover", "extend", "repaid", "collect"]),
    )
    def one_person(
        self, number: int, actor: str, what: Literal["relist", "offer", "handover", "extend", "repaid", "collect"]
    ) -> None:
        lot_id, context = self._sold(number), self.stage.context
        if what == "extend":
            self._do(runner_up_offers.extend_decision(context, lot_id, by_ms=HOUR_MS, actor=actor, reason="a reason"))
        elif what == "collect":
            self._do(self._collect(number, actor))
        elif what == "repaid":
            self._do(voids.record_seller_repaid(context, lot_id, actor=actor, reason="a receipt"))
        elif what == "relist":
            self._do(relists.relist_by_staff(context, lot_id, actor=actor, cost_fen=20 * YUAN))
        elif what == "offer":
            self._do(runner_up_offers.offer_by_staff(context, lot_id, actor=actor))
        else:
            self._do(self._by_winner(number, award_payment.choose_centre, delivery_centre="Wuhan"))
            self._do(handover.confirm_handover(context, lot_id, actor=actor))

    @rule(
        number=numbers,
        share=st.sampled_from([30, 50, 98, 100, 100, 120]),
        named=st.sampled_from([True, True, False]),
        is_prompt=st.sampled_from([True, True, False]),
    )
    def transfer(self, number: int, share: int, named: bool, is_prompt: bool) -> None:
        """The winner transfers a part of what is due, or too much, with the reference or without.

        Most of it needs a second person, who enters the statement at once or with one that comes later.
        """
        self._do(self._transfer(number, share, named))
        self._do(self._import("olga"))
        if is_prompt:
            self._do(self._import("petra"))

    @rule(number=numbers, named=st.booleans(), fetches=st.booleans())
    def transfer_all(self, number: int, named: bool, fetches: bool) -> None:
        """The winner transfers just what is due, two persons enter the statement, and what names no award is matched."""
        self.transfer(number, 100, named=named, is_prompt=True)
        if not named:
            self.at_the_bank(number, "match")
        if fetches:
            self.one_person(number, "olga", "handover")

    @rule(number=numbers, what=st.sampled_from(["match", "return", "send", "done", "refused", "extend"]))
    def at_the_bank(self, number: int, what: Literal["match", "return", "send", "done", "refused", "extend"]) -> None:
        self._do(self._at_the_bank(number, what))

    @rule(number=numbers, bids=st.lists(bidders, min_size=1, max_size=3))
    def sell_again(self, number: int, bids: list[str]) -> None:
        """Open what a lot was relisted as, and bid on it."""
        self._do(self._open_relisted(number))
        for bidder in bids:
            self._do(self._bid(len(self.lots) - 1, bidder, "sandbox-ok"))

    @rule(by_ms=lapses_ms)
    def time_passes(self, by_ms: int) -> None:
        self.stage.clock.forward(by_ms)

    @rule(share=st.sampled_from([0.0, 0.0, 0.3, 0.6]))
    def line(self, share: float) -> None:
        """How many of the calls fail from now on."""
        self.bad_line = share

    @rule(who=st.sampled_from(["archiver", "settler", "cashier", "courier"]))
    def one_worker(self, who: str) -> None:
        self._do(self._work(who))

    @rule()
    def every_worker(self) -> None:
        for who in ("archiver", "settler", "cashier", "courier", "settler"):
            self._do(self._work(who))

    # --- what always holds, and what holds at the end ---

    @invariant()
    def money_is_conserved(self) -> None:
        if self.sound and hasattr(self, "stage"):
            type(self).steps += 1
            self._run(self._check())

    async def _check(self) -> None:
        # the clerk's part: within a second the ledger hears of it
        await power_sync.sync_waiting_powers(self.stage.context)
        await self.stage.check()

    def teardown(self) -> None:
        """Let everything come to rest, and say all that was ever said again."""
        try:
            if self.sound and hasattr(self, "stage"):
                self._run(self._come_to_rest())
        finally:
            self.runner.run(self.open.aclose())

    async def _come_to_rest(self) -> None:
        stage = self.stage
        self.bad_line = 0.0
        for lot_id in self.lots:
            with suppress(AuctionError):
                await lots.close_lot(stage.context, lot_id, reason="the end", actor="olga")
        for lapse_ms in (21_000, DAY_MS, DAY_MS, DAY_MS, DAY_MS, 21_000, AT_REST_MS, HOUR_MS, HOUR_MS):
            stage.clock.forward(lapse_ms)
            await self._rest()
        await self._hand_everything_over()
        await self._close_the_bank()
        await self._check()
        await self._nothing_is_left()
        await self._count_entries()
        before = await self._dump()
        await self._say_everything_again()
        assert await self._dump() == before, "what was said before changed something"
        await self._check()

    async def _hand_everything_over(self) -> None:
        """What is paid is fetched in the end: until then the waterfalls before it wait."""
        for lot_id in self.lots:
            with suppress(AuctionError):
                detail = await show_settlement(self.stage.context, lot_id)
                if detail.row.settlement.state != "paid":
                    continue
                award = detail.awards[-1]
                await award_payment.choose_centre(
                    self.stage.context, award.award_id, bidder_id=award.bidder_id, delivery_centre="Wuhan"
                )
                await handover.confirm_handover(self.stage.context, lot_id, actor="olga")
        await self._rest()

    async def _close_the_bank(self) -> None:
        """Everything is imported, nothing is unmatched or on its way, and bank and journal agree to the fen."""
        context = self.stage.context
        for person in STAFF:
            await self._import(person)
        for row in (await views.list_receipts(context, only_open=True)).rows:
            await return_receipt(context, row.receipt.receipt_id, actor="olga", reason="the end")
        while any(row.transfer.status != "confirmed" for row in (await views.list_transfers(context)).rows):
            await self._at_the_bank(0, "send")
            await self._at_the_bank(0, "done")
        async with context.books.reading() as tx:
            booked_fen = (await journal.balances(tx)).get(JournalAccount.BANK_CASH, 0)
        assert booked_fen == self.bank.balance_fen, "the journal does not agree with the bank"

    async def _count_entries(self) -> None:
        async with self.stage.context.books.reading() as tx:
            found = await tx.rows(text("SELECT kind, count(*) AS entries FROM journal_entries GROUP BY kind"))
        self.kinds.update({row["kind"]: row["entries"] for row in found})

    async def _rest(self) -> None:
        for _ in range(60):
            done = 0
            for who in ("archiver", "settler", "cashier", "courier"):
                done += await self._work(who)
            if not done:
                return
        raise AssertionError("the house does not come to rest")

    async def _nothing_is_left(self) -> None:
        """Each deposit has ended, nothing waits for the provider, and it keeps nothing aside."""
        async with self.stage.context.books.reading() as tx:
            left = await tx.rows(
                text(
                    "SELECT deposit_id, lot_id, bidder_id, status, disposition FROM deposits "
                    "WHERE status IN ('pending', 'held', 'releasing')"
                )
            )
            waiting = await tx.rows(
                text("SELECT operation_id, status FROM payment_operations WHERE status IN ('intended', 'pending')")
            )
            stuck = await tx.rows(
                text("SELECT lot_id, state FROM settlements WHERE state IN ('awarded', 'offered', 'defaulted')")
            )
            defaults = await tx.rows(
                text("SELECT default_id, status FROM defaults WHERE status IN ('collecting', 'collected')")
            )
        assert not left, f"deposits that did not end: {left}"
        assert not waiting, f"operations that wait: {waiting}"
        assert not stuck, f"lots that stand still: {stuck}"
        assert not defaults, f"defaults that were not shared out: {defaults}"
        assert (await self.stage.gateway.movements()).held_fen == 0

    async def _say_everything_again(self) -> None:
        """Every entry of the ledger, every answer and every notice of the provider, in another order."""
        stage = self.stage
        for shard in stage.context.stream.shards:
            entries = await stage.context.stream.read(shard, STREAM_START, block_ms=None, count=500)
            if entries:
                async with stage.context.books.transaction() as tx:
                    await archive.append(tx, shard, entries)
        notices = list(self.delivered)
        self.chance.shuffle(notices)
        for notice in notices:
            headers = signed_headers(notice.body, NOTICE_SECRET, stage.clock() / 1000)
            await receive_notice(stage.context, "sandbox", notice.body, headers)
        async with stage.context.books.reading() as tx:
            asked = [one for lot_id in self.lots for one in await operations.operations_of_lot(tx, lot_id)]
        for person in STAFF:
            await self._import(person)
        for one in asked:
            if one.failure == FailureCode.ABANDONED:
                # the provider does not know it: that is why it has failed
                continue
            reply = await stage.gateway.look_up(one.operation_id, OperationKind(one.kind))
            if reply is None and one.failure in (FailureCode.EXPIRED, FailureCode.ALREADY_RELEASED):
                # the hold's end was told before the operation came there
                continue
            assert reply is not None, one
            await gateway_calls.resolve(stage.context, one.operation_id, reply)
            await gateway_calls.perform(stage.context, one.operation_id)
        await self._rest()

    async def _dump(self) -> dict[str, list[str]]:
        async with self.stage.context.books.reading() as tx:
            return {table: [str(dict(row)) for row in await tx.rows(text(LASTING.format(table)))] for table in TABLES}

    # --- how an act is done ---

    def _do(self, act: Awaitable[Any]) -> None:
        """An act that may be refused, or meet a provider that is away; anything else is a failure."""

        async def attempt() -> str:
            try:
                await act
            except AuctionError as refused:
                return refused.code
            return "done"

        self.codes.update([self._run(attempt())])

    def _run(self, act: Any) -> Any:
        try:
            return self.runner.run(act)
        except BaseException:
            self.sound = False
            raise

    def _lot(self, number: int) -> str:
        return self.lots[number % len(self.lots)]

    def _sold(self, number: int) -> str:
        """One of the lots that are over, where there is one; the latest first."""
        return self.closed[-1 - number % len(self.closed)] if self.closed else self._lot(number)

    def _key(self) -> str:
        self.keys += 1
        return f"key-{self.keys:08d}"

    async def _open_lot(self, terms: dict[str, Any]) -> None:
        self.lots.append(await self.stage.open_lot(terms, sale_id=SALE))

    async def _open_relisted(self, number: int) -> None:
        detail = await show_settlement(self.stage.context, self._sold(number))
        relisted = detail.row.settlement.relisted_as
        if relisted is not None:
            await lots.open_lot(self.stage.context, relisted, duration_ms=HOUR_MS, actor="olga")
            self.lots.append(relisted)

    async def _bid(self, number: int, bidder: str, card: str) -> None:
        """The least bid that counts, and a registration where it is missing."""
        lot_id, context = self._lot(number), self.stage.context
        await registration_deposits.register(context, lot_id, bidder_id=bidder, name=bidder, payment_method=card)
        snapshot = await context.ledger.read(lot_id)
        if snapshot is not None:
            amount_fen = snapshot.minimum_fen + self.chance.randrange(90) * YUAN
            await context.ledger.place_bids(lot_id, [Bid(bidder, amount_fen, self._key())])

    async def _close(self, number: int) -> None:
        lot_id = self._lot(number)
        await lots.close_lot(self.stage.context, lot_id, reason="sold", actor="olga")
        self.closed.append(lot_id)
        for who in ("archiver", "settler"):
            await self._work(who)

    async def _by_winner(self, number: int, verb: Callable[..., Awaitable[Any]], **more: Any) -> None:
        detail = await show_settlement(self.stage.context, self._sold(number))
        if detail.awards:
            award = detail.awards[-1]
            await verb(self.stage.context, award.award_id, bidder_id=award.bidder_id, **more)

    async def _answer(self, number: int, accepts: bool) -> None:
        detail = await show_settlement(self.stage.context, self._sold(number))
        if detail.offers:
            offer = detail.offers[-1]
            verb = runner_up_offers.accept_offer if accepts else runner_up_offers.decline_offer
            await verb(self.stage.context, offer.offer_id, bidder_id=offer.bidder_id)

    async def _collect(self, number: int, actor: str) -> None:
        """A part of what is claimed of the first defaulter, or all of it."""
        detail = await show_settlement(self.stage.context, self._sold(number))
        for one in detail.defaults:
            if one.claim_left_fen:
                amount_fen = self.chance.choice((one.claim_left_fen, -(-one.claim_left_fen // 3)))
                await claim_collection.collect_claim(
                    self.stage.context,
                    one.lot_id,
                    one.default_id,
                    amount_fen=amount_fen,
                    reference=self._key(),
                    actor=actor,
                )
                return

    async def _transfer(self, number: int, share: int, named: bool) -> None:
        details = [await show_settlement(self.stage.context, self._sold(number + more)) for more in range(3)]
        awards = [detail.awards[-1] for detail in details if detail.awards]
        if awards:
            # most awards are paid by the time that a random lot is looked at
            award = next((one for one in awards if one.status is AwardStatus.DUE), awards[0])
            amount_fen = max(1, award.total_fen * share // 100)
            text = award.payment_reference if named else "no reference"
            self.bank.receive(
                amount_fen, at_ms=self.stage.clock(), name=award.bidder_id, account="6222", remittance=text
            )

    async def _import(self, person: str) -> None:
        statement = self.bank.statement()
        await import_statement(self.stage.context, statement, "cmb", actor=person, source="statement.csv")

    async def _at_the_bank(self, number: int, what: str) -> None:
        """Match or return the receipts that are open, order or confirm what goes back, or extend the time to pay."""
        context = self.stage.context
        if what == "extend":
            await extend_payment(context, self._sold(number), actor="olga", reason="on its way")
        elif what in {"match", "return"}:
            for row in (await views.list_receipts(context, only_open=True)).rows:
                receipt_id = row.receipt.receipt_id
                if what == "return":
                    await return_receipt(context, receipt_id, actor="olga", reason="a reason")
                elif row.proposal is not None:
                    await match_receipt(context, receipt_id, row.proposal.award.award_id, actor="olga")
        else:
            for back in (await views.list_transfers(context, only_open=True)).rows:
                await self._outgoing(back.transfer, what)

    async def _outgoing(self, transfer: OutgoingTransfer, what: str) -> None:
        context, transfer_id = self.stage.context, transfer.transfer_id
        if what == "send" and transfer.status != "sent":
            waiting = await record_sent(context, transfer_id, actor="olga")
            if waiting is not None:
                await record_sent(context, transfer_id, actor="petra", agrees_to=waiting.approval_id)
        elif what == "refused" and transfer.status == "sent":
            await record_failed(context, transfer_id, reason="no such account", actor="olga")
        elif what == "done" and transfer.status == "sent":
            sent = self.bank.send(
                transfer.amount_fen, at_ms=self.stage.clock(), name=transfer.payee_name, account="6222"
            )
            await record_confirmed(
                context, transfer_id, bank_reference=sent.reference, value_date=sent.day, actor="olga"
            )

    async def _work(self, who: str) -> int:
        stage = self.stage
        if who == "archiver":
            return await stage.archiver.catch_up()
        if who == "settler":
            return await settle(stage.context)
        if who == "cashier":
            return await perform_due(stage.context)
        due = await stage.gateway.due_notices(100)
        for notice in due:
            self.delivered.append(notice)
            await receive_notice(stage.context, "sandbox", notice.body, notice.headers)
            await stage.gateway.notice_delivered(notice.id)
        return len(due)
