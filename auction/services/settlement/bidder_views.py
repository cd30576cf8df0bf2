"""A bidder's own money: awards to pay, offers to answer, deposits. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass

from auction.books import (
    bank_receipts,
    catalogue,
    deposits,
    operations,
    outgoing_transfers,
    runners_up,
    settlements,
    waiting_operations,
)
from auction.books.bank_receipts import ReceiptMatch
from auction.books.deposits import Deposit
from auction.books.operations import Operation
from auction.books.outgoing_transfers import OutgoingTransfer
from auction.books.settlements import Award, Offer
from auction.books.unit_of_work import Transaction
from auction.domain.money import share
from auction.domain.states import AwardStatus
from auction.domain.terms_reader import read_terms
from auction.services.context import AppContext
from auction.services.settlement.handover import fee_owed_fen, fetch_by_ms
from auction.services.settlement.payment_outcomes import secured_fen


@dataclass(frozen=True, slots=True)
class OwnAward:
    """An award with what its winner needs to know, in fen."""

    award: Award
    title: str
    deposit_fen: int
    """What their deposits will pay of it."""
    to_pay_fen: int
    """What they have to pay themselves."""
    missing_fen: int
    """What their deposits do not cover; `to_pay_fen` is more where the provider charges no amount so small."""
    charges: int
    """In how many charges a card pays that."""
    payment_under_way: bool
    unconfirmed: Operation | None
    """The charge that they are to confirm with their bank."""
    transfers: Sequence[ReceiptMatch]
    """What came for it by bank transfer."""
    returns: Sequence[OutgoingTransfer]
    """What of that is sent back."""
    fetch_by_ms: int | None
    """Until when it is to be fetched, once it is paid."""
    storage_fee_fen: int
    """What it costs by now to have fetched it late."""


@dataclass(frozen=True, slots=True)
class OwnOffer:
    """An offer with the fee that would be added, in fen."""

    offer: Offer
    title: str
    fee_fen: int


@dataclass(frozen=True, slots=True)
class OwnDeposit:
    """A deposit with its lot's title."""

    deposit: Deposit
    title: str
    kept_as_runner_up: bool
    """Whether it stays held because a lot may still be offered to the bidder."""
    unconfirmed: Operation | None
    """The hold or charge of it that they are to confirm with their bank."""


async def awards_of(context: AppContext, bidder_id: str) -> list[OwnAward]:
    """A bidder's awards, newest first."""
    async with context.books.reading() as tx:
        return [await _own_award(context, tx, award) for award in await settlements.awards_of_bidder(tx, bidder_id)]


async def own_award_view(context: AppContext, award: Award) -> OwnAward:
    """One award as its winner sees it."""
    async with context.books.reading() as tx:
        return await _own_award(context, tx, award)


async def _own_award(context: AppContext, tx: Transaction, award: Award) -> OwnAward:
    record = await catalogue.find_lot(tx, award.lot_id)
    terms = read_terms(record.terms)
    is_due = award.status is AwardStatus.DUE
    limits = context.gateway.charge_limits
    secured = await secured_fen(tx, record, terms, award)
    to_pay_fen = limits.sum_to_charge_fen(award.due_fen, secured) or max(0, award.due_fen - secured)
    requested = await operations.operations_of_award(tx, award.award_id)
    return OwnAward(
        award=award,
        title=record.title,
        deposit_fen=award.due_fen - to_pay_fen if is_due else 0,
        to_pay_fen=to_pay_fen if is_due else 0,
        missing_fen=max(0, award.due_fen - secured) if is_due else 0,
        charges=limits.parts(to_pay_fen) if is_due and to_pay_fen else 0,
        payment_under_way=any(one.is_open_charge for one in requested),
        unconfirmed=next((one for one in requested if one.waits_for_owner), None),
        transfers=await bank_receipts.matches_of_awards(tx, [award.award_id]),
        returns=await outgoing_transfers.of_awards(tx, [award.award_id]),
        fetch_by_ms=fetch_by_ms(award, terms) if award.status is AwardStatus.PAID else None,
        storage_fee_fen=fee_owed_fen(award, terms, context.clock_ms()),
    )


async def offers_of(context: AppContext, bidder_id: str) -> list[OwnOffer]:
    """A bidder's offers, newest first."""
    async with context.books.reading() as tx:
        found = await settlements.offers_of_bidder(tx, bidder_id)
        lots = await catalogue.lots_by_id(tx, [offer.lot_id for offer in found])
    return [own_offer(offer, lots[offer.lot_id]) for offer in found]


def own_offer(offer: Offer, record: catalogue.LotRecord) -> OwnOffer:
    """One offer as the runner-up sees it."""
    return OwnOffer(offer, record.title, share(offer.price_fen, read_terms(record.terms).settlement.buyer_fee_bps))


async def deposits_of(context: AppContext, bidder_id: str) -> Sequence[OwnDeposit]:
    """A bidder's deposits, newest first."""
    async with context.books.reading() as tx:
        found = await deposits.deposits_of_bidder(tx, bidder_id)
        lots = await catalogue.lots_by_id(tx, [deposit.lot_id for deposit in found])
        kept = await runners_up.kept_lots_of_bidder(tx, bidder_id)
        unconfirmed = {one.deposit_id: one for one in await waiting_operations.waiting_for_owner(tx, bidder_id)}
    return [
        OwnDeposit(
            deposit,
            lots[deposit.lot_id].title,
            kept_as_runner_up=deposit.is_available
            and (deposit.lot_id in kept or (deposit.is_purse and lots[deposit.lot_id].sale_id in kept.values())),
            unconfirmed=unconfirmed.get(deposit.deposit_id),
        )
        for deposit in found
    ]
