"""Requests registrations, many at once: checks each, and states which deposit is to be held for it.

Beside the bid's way. What is read is read for all together, and what is written is one transaction; a refusal is its
own person's, and leaves nothing of them behind.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auction.books import bidders, deposits, paddles, registration_batches
from auction.books.bidders import Registration
from auction.books.catalogue import LotRecord
from auction.books.deposits import REGISTRATION, Deposit
from auction.books.registration_batches import Place
from auction.books.saved_methods import SavedMethod
from auction.books.unit_of_work import Transaction
from auction.domain.deposits import PurseDeposit
from auction.domain.errors import AuctionError, NotFound, ProblemCode, RequestRefused
from auction.domain.settlement import required_deposit_fen
from auction.domain.states import DepositStatus
from auction.domain.terms_reader import read_terms
from auction.services.catalogue.lot_views import visible_lot
from auction.services.context import AppContext
from auction.services.registration.bidding_power import (
    Standings,
    defaulters_before,
    link,
    register_bidders,
    standings_of,
)
from auction.services.registration.deposit_amounts import check_holdable, deposit_to_hold
from auction.services.registration.hold_intents import HoldRequest, IntendedHold, intend_holds
from auction.services.registration.payment_methods import METHOD_PREFIX, method_named, own_methods_of_all
from auction.services.registration.registrations import RegistrationOutcome, barred, check_admitting

DEVICE = "device"


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """A person's request to be registered for a lot, with a deposit in fen (None: the smallest)."""

    lot_id: str
    bidder_id: str
    name: str
    deposit_fen: int | None = None
    payment_method: str | None = None
    device: str | None = None

    @property
    def place(self) -> Place:
        """The registration that is asked for."""
        return self.lot_id, self.bidder_id

    @property
    def device_mark(self) -> str | None:
        """What links accounts that use the same device."""
        return None if self.device is None else hashlib.sha256(self.device.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Requested:
    """What a request has led to: a hold to be made, or none.

    `outcome` without a hold: the registration that there was, unless it is new. `is_told` False: the ledger may not
    have it.
    """

    intended: IntendedHold | None = None
    outcome: RegistrationOutcome | None = None
    is_told: bool = False


async def request_registrations(
    context: AppContext, requests: Sequence[RegistrationRequest]
) -> list[Requested | AuctionError]:
    """Request registrations, of different people: of each what it has led to, or its refusal.

    The refusals: NotFound, RequestRefused(registration-closed, deposit-too-low, deposit-too-high,
    payment-method-missing, bidder-barred). Raises LedgerAway, BooksAway.
    """
    results: dict[str, Requested | AuctionError] = {}
    records = await _visible_lots(context, requests, results)
    visible = [one for one in requests if one.bidder_id not in results]
    if visible:
        refused = await _lots_that_admit_nobody(context, {one.lot_id for one in visible})
        results |= await _Batch(context, records, refused).store(visible)
    return [results[one.bidder_id] for one in requests]


async def _visible_lots(
    context: AppContext, requests: Sequence[RegistrationRequest], results: dict[str, Requested | AuctionError]
) -> dict[str, LotRecord]:
    """The lots of the requests; who asks for one that is not there gets that as their result."""
    records: dict[str, LotRecord] = {}
    missing: dict[str, AuctionError] = {}
    for one in requests:
        if one.lot_id not in records and one.lot_id not in missing:
            try:
                records[one.lot_id] = await visible_lot(context, one.lot_id)
            except NotFound as error:
                missing[one.lot_id] = error
        if one.lot_id in missing:
            results[one.bidder_id] = missing[one.lot_id]
    return records


async def _lots_that_admit_nobody(context: AppContext, lot_ids: set[str]) -> dict[str, AuctionError]:
    refused: dict[str, AuctionError] = {}
    for lot_id in sorted(lot_ids):
        try:
            await check_admitting(context, lot_id)
        except AuctionError as error:
            refused[lot_id] = error
    return refused


class _Batch:
    """The people whose registrations are stored by one transaction."""

    def __init__(
        self, context: AppContext, records: Mapping[str, LotRecord], refused: Mapping[str, AuctionError]
    ) -> None:
        """Takes the lots, and those of them that admit nobody new, with the refusal."""
        self._context = context
        self._records = records
        self._refused = refused
        self._terms = {lot_id: read_terms(record.terms) for lot_id, record in records.items()}

    async def store(self, requests: Sequence[RegistrationRequest]) -> dict[str, Requested | AuctionError]:
        """Store what is requested: bidder -> what it has led to, or its refusal."""
        async with self._context.books.transaction() as tx:
            known = await registration_batches.find_registrations(tx, [one.place for one in requests])
            results: dict[str, Requested | AuctionError] = {
                bidder_id: _known(found) for (_, bidder_id), found in known.items()
            }
            new = []
            for one in requests:
                if one.place not in known and (refusal := self._refused.get(one.lot_id)) is not None:
                    results[one.bidder_id] = refusal
                elif one.place not in known:
                    new.append(one)
            if new:
                results |= await self._store_new(tx, new)
        return results

    async def _store_new(
        self, tx: Transaction, requests: Sequence[RegistrationRequest]
    ) -> dict[str, Requested | AuctionError]:
        context, results = self._context, dict[str, Requested | AuctionError]()
        now_ms = context.clock_ms()
        standings = await self._standings(tx, requests)
        defaulters = {lot_id: await defaulters_before(tx, record) for lot_id, record in self._records.items()}
        found = await self._deposits(tx, requests)
        naming = {one.bidder_id for one in requests if (one.payment_method or "").startswith(METHOD_PREFIX)}
        own = await own_methods_of_all(context, tx, naming)
        holds: list[HoldRequest] = []
        accepted: list[RegistrationRequest] = []
        for one in requests:
            is_barred = standings.is_barred_after(defaulters[one.lot_id], one.bidder_id)
            try:
                past = _check_history(context, standings, one.bidder_id, now_ms, is_barred_here=is_barred)
                hold = self._hold_for(one, past, found, own)
            except AuctionError as refusal:
                results[one.bidder_id] = refusal
                continue
            accepted.append(one)
            if hold is None:
                results[one.bidder_id] = Requested()
            else:
                holds.append(hold)
        if accepted:
            await self._write(tx, accepted, holds, results, now_ms)
        return results

    async def _standings(self, tx: Transaction, requests: Sequence[RegistrationRequest]) -> Standings:
        """What counts against these people, what comes of the devices that they use now included."""
        mark_of = {one.bidder_id: one.device_mark for one in requests if one.device_mark is not None}
        with_mark = await bidders.bidders_with(tx, kind=DEVICE, marks=set(mark_of.values())) if mark_of else {}
        linked = {bidder_id: with_mark.get(mark, set()) for bidder_id, mark in mark_of.items()}
        return await standings_of(self._context, tx, [one.bidder_id for one in requests], linked_too=linked)

    async def _deposits(self, tx: Transaction, requests: Sequence[RegistrationRequest]) -> dict[str, list[Deposit]]:
        """Bidder and sale -> their deposits there."""
        sales = {record.sale_id for record in self._records.values()}
        found: dict[str, list[Deposit]] = {}
        bidder_ids = [one.bidder_id for one in requests]
        for sale_id, deposit in await deposits.deposits_on_sales(tx, sale_ids=sales, bidder_ids=bidder_ids):
            found.setdefault(f"{sale_id} {deposit.bidder_id}", []).append(deposit)
        return found

    def _hold_for(
        self,
        request: RegistrationRequest,
        past: int,
        found: Mapping[str, Sequence[Deposit]],
        own: Mapping[str, Sequence[SavedMethod]],
    ) -> HoldRequest | None:
        """The deposit that a request needs after so many defaults; None: it needs none. Raises its refusal."""
        context, record, terms = self._context, self._records[request.lot_id], self._terms[request.lot_id]
        of_sale = found.get(f"{record.sale_id} {request.bidder_id}", ())
        of_lot = [one for one in of_sale if one.lot_id == record.lot_id]
        serving = [one for one in of_sale if one.is_purse] if isinstance(terms.deposit, PurseDeposit) else of_lot
        held_fen = sum(one.left_fen for one in serving if one.is_available)
        minimum_fen = required_deposit_fen(terms.deposit.minimum_fen(), past, context.money.bidders)
        amount_fen = deposit_to_hold(minimum_fen, request.deposit_fen, held_fen, context.money.currency)
        check_holdable(context, amount_fen)
        if amount_fen == 0:
            return None
        declined = sum(1 for one in of_lot if one.status is DepositStatus.FAILED)
        return HoldRequest(
            record=record,
            terms=terms,
            bidder_id=request.bidder_id,
            # after a declined deposit, another may be tried under a new key
            request_key=REGISTRATION if not declined else f"{REGISTRATION}-{declined + 1}",
            amount_fen=amount_fen,
            payment_method=method_named(context.gateway, request.payment_method, own.get(request.bidder_id, ())),
        )

    async def _write(
        self,
        tx: Transaction,
        accepted: Sequence[RegistrationRequest],
        holds: Sequence[HoldRequest],
        results: dict[str, Requested | AuctionError],
        now_ms: int,
    ) -> None:
        context = self._context
        await bidders.ensure_bidders(tx, {one.bidder_id: one.name for one in accepted})
        devices = [(one.bidder_id, DEVICE, mark) for one in accepted if (mark := one.device_mark)]
        if devices:
            await link(context, tx, devices, [bidder_id for bidder_id, _, _ in devices])
        for hold, intended in zip(holds, await intend_holds(context, tx, holds, now_ms=now_ms), strict=True):
            results[hold.bidder_id] = Requested(intended)
        # last, as whoever gives new numbers on a sale keeps others from it until the end of the transaction
        for sale_id in sorted({self._records[one.lot_id].sale_id for one in accepted}):
            of_sale = [one.bidder_id for one in accepted if self._records[one.lot_id].sale_id == sale_id]
            await paddles.assign(tx, sale_id=sale_id, bidder_ids=of_sale)
        held = {hold.bidder_id for hold in holds}
        without = [(self._records[one.lot_id], one.bidder_id) for one in accepted if one.bidder_id not in held]
        if without:
            await register_bidders(context, tx, without)


def _known(found: Registration) -> Requested:
    is_told = found.synced_version >= found.power_version and found.admitted_at_ms is not None
    return Requested(outcome=RegistrationOutcome(found, None, created=False), is_told=is_told)


def _check_history(
    context: AppContext, standings: Standings, bidder_id: str, now_ms: int, *, is_barred_here: bool
) -> int:
    """How many defaults count against the bidder, those of accounts linked to them included.

    Raises RequestRefused(bidder-barred) where they may not bid on the lot.
    """
    until_ms = standings.bar_of(bidder_id, context.money.bidders)
    if until_ms is not None and now_ms < until_ms:
        raise RequestRefused(
            ProblemCode.BIDDER_BARRED,
            "Lots that you, or an account linked to yours, won were not paid for; you may bid again later.",
            {"until_ms": until_ms, "cause": "defaults"},
        )
    if bidder_id in standings.blocked:
        raise RequestRefused(
            ProblemCode.BIDDER_BARRED,
            "The auction house has blocked this account from bidding; ask the house about it.",
            {"cause": "blocked"},
        )
    if bidder_id in standings.disputing:
        raise RequestRefused(
            ProblemCode.BIDDER_BARRED,
            "A payment of yours was disputed with your bank; you may bid again once that is decided for the house.",
            {"cause": "dispute"},
        )
    if is_barred_here:
        raise barred()
    return len(standings.past.get(bidder_id, ()))
