"""Double entry: one function for each kind of entry in the journal.

Each of these functions takes the facts and returns a balanced `JournalEntry`. Entries are appended and never edited: a
mistake is reversed by another entry. Amounts in fen; in a line a debit is above 0 and a credit below. An entry's key is
its kind and the id of what caused it, unique in the journal, so the same fact is never posted twice. Source: domain
rules, "Deposits" and "Settlement".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from auction.domain.accounts import MEMO, PER_BIDDER, JournalAccount
from auction.domain.waterfall import RestTo, Share, Split


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A debit (above 0) or a credit (below 0) of an account, in fen."""

    account: JournalAccount
    amount_fen: int
    bidder_id: str | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A balanced movement of a lot's money; ValueError where it does not balance."""

    key: str
    kind: str
    lot_id: str
    lines: tuple[JournalLine, ...]

    def __post_init__(self) -> None:
        if len(self.lines) < 2:
            raise ValueError(f"entry {self.key} has {len(self.lines)} lines; a debit and a credit are the least")
        if any(line.amount_fen == 0 for line in self.lines):
            raise ValueError(f"entry {self.key} has a line of 0")
        memo = sum(line.amount_fen for line in self.lines if line.account in MEMO)
        real = sum(line.amount_fen for line in self.lines if line.account not in MEMO)
        if memo or real:
            raise ValueError(f"entry {self.key} does not balance: {real} fen over in money, {memo} in memo accounts")


Part = tuple[JournalAccount, int]


def _entry(
    kind: str, of: str, lot_id: str, bidder_id: str | None, *, debit: Sequence[Part], credit: Sequence[Part]
) -> JournalEntry:
    """An entry of debits and credits, all given as amounts of at least 0; those of 0 are left out."""
    if any(amount < 0 for _, amount in (*debit, *credit)):
        raise ValueError(f"entry {kind}:{of} was given an amount below 0")
    signed = [*debit, *((account, -amount) for account, amount in credit)]
    lines = tuple(
        JournalLine(account, amount, bidder_id if account in PER_BIDDER else None)
        for account, amount in signed
        if amount
    )
    return JournalEntry(f"{kind}:{of}", kind, lot_id, lines)


balanced_entry = _entry
"""For the entries of other subjects."""


# --- the award and its payment ----------------------------------------------------------------------------------------


def award(*, award_id: str, lot_id: str, bidder_id: str, price_fen: int, fee_fen: int) -> JournalEntry:
    """The winner owes the price and the buyer's fee."""
    return _entry(
        "award",
        award_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.BUYER_RECEIVABLE, price_fen + fee_fen)],
        credit=[(JournalAccount.SELLER_CLEARING, price_fen), (JournalAccount.COMMISSION_DEFERRED, fee_fen)],
    )


def award_reversed(*, award_id: str, lot_id: str, bidder_id: str, price_fen: int, fee_fen: int) -> JournalEntry:
    """The award of an unpaid lot is undone, by a default or because the lot is void: the winner owes nothing."""
    return _entry(
        "award-reversed",
        award_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.SELLER_CLEARING, price_fen), (JournalAccount.COMMISSION_DEFERRED, fee_fen)],
        credit=[(JournalAccount.BUYER_RECEIVABLE, price_fen + fee_fen)],
    )


def deposit_applied(*, deposit_id: str, lot_id: str, bidder_id: str, amount_fen: int, owed_fen: int) -> JournalEntry:
    """A charged or captured deposit pays what its bidder owes; the part above `owed_fen` is owed back to them."""
    paid_fen = min(amount_fen, owed_fen)
    return _entry(
        "deposit-applied",
        deposit_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.DEPOSITS_HELD, amount_fen)],
        credit=[(JournalAccount.BUYER_RECEIVABLE, paid_fen), (JournalAccount.REFUND_PAYABLE, amount_fen - paid_fen)],
    )


def payment_received(*, operation_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The winner paid this amount in addition to the deposit."""
    return _entry(
        "payment-received",
        operation_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.CASH, amount_fen)],
        credit=[(JournalAccount.BUYER_RECEIVABLE, amount_fen)],
    )


def lot_settled(
    *, award_id: str, lot_id: str, bidder_id: str, price_fen: int, fee_fen: int, commission_fen: int
) -> JournalEntry:
    """The lot was handed over: the seller is owed the price less their commission; commission and fee are earned."""
    return _entry(
        "lot-settled",
        award_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.SELLER_CLEARING, price_fen), (JournalAccount.COMMISSION_DEFERRED, fee_fen)],
        credit=[
            (JournalAccount.SELLER_PAYABLE, price_fen - commission_fen),
            (JournalAccount.COMMISSION_INCOME, commission_fen),
            (JournalAccount.COMMISSION_INCOME, fee_fen),
        ],
    )


def seller_paid(*, key_id: str, lot_id: str, amount_fen: int) -> JournalEntry:
    """The seller was paid what they were owed, or a part of it; `key_id` tells payouts of one lot apart."""
    return _entry(
        "seller-paid",
        key_id,
        lot_id,
        None,
        debit=[(JournalAccount.SELLER_PAYABLE, amount_fen)],
        credit=[(JournalAccount.CASH, amount_fen)],
    )


def sale_reversed(*, award_id: str, lot_id: str, bidder_id: str, price_fen: int, fee_fen: int) -> JournalEntry:
    """A paid lot was declared void before the handover: the buyer is owed everything they paid."""
    return _entry(
        "sale-reversed",
        award_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.SELLER_CLEARING, price_fen), (JournalAccount.COMMISSION_DEFERRED, fee_fen)],
        credit=[(JournalAccount.REFUND_PAYABLE, price_fen + fee_fen)],
    )


# --- deposits ---------------------------------------------------------------------------------------------------------


def deposit_charged(*, deposit_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """A deposit was charged."""
    return _entry(
        "deposit-charged",
        deposit_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.CASH, amount_fen)],
        credit=[(JournalAccount.DEPOSITS_HELD, amount_fen)],
    )


def deposit_authorised(*, deposit_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The provider reserved a deposit; no money moved."""
    return _entry(
        "deposit-authorised",
        deposit_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.MEMO_AUTHORISED, amount_fen)],
        credit=[(JournalAccount.MEMO_AUTHORISED_CONTRA, amount_fen)],
    )


def authorisation_ended(*, deposit_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The provider reserves the deposit no longer: it was released, or it lapsed."""
    return _entry(
        "authorisation-ended",
        deposit_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.MEMO_AUTHORISED_CONTRA, amount_fen)],
        credit=[(JournalAccount.MEMO_AUTHORISED, amount_fen)],
    )


def deposit_captured(*, deposit_id: str, lot_id: str, bidder_id: str, held_fen: int, captured_fen: int) -> JournalEntry:
    """An authorised deposit of `held_fen` was captured; the provider releases what was not captured of it.

    ValueError where more is captured than was held.
    """
    if captured_fen > held_fen:
        raise ValueError(f"{captured_fen} fen captured of deposit {deposit_id}, which holds {held_fen}")
    return _entry(
        "deposit-captured",
        deposit_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.MEMO_AUTHORISED_CONTRA, held_fen), (JournalAccount.CASH, captured_fen)],
        credit=[(JournalAccount.MEMO_AUTHORISED, held_fen), (JournalAccount.DEPOSITS_HELD, captured_fen)],
    )


def refund_owed(*, key_id: str, lot_id: str, bidder_id: str, amount_fen: int, source: JournalAccount) -> JournalEntry:
    """The bidder is owed a refund out of the account `source`: `deposits_held` for a released deposit.

    `key_id` tells this refund from others of the lot.
    """
    return _entry(
        "refund-owed",
        key_id,
        lot_id,
        bidder_id,
        debit=[(source, amount_fen)],
        credit=[(JournalAccount.REFUND_PAYABLE, amount_fen)],
    )


def refund_paid(*, key_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The provider confirmed the refund."""
    return _entry(
        "refund-paid",
        key_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.REFUND_PAYABLE, amount_fen)],
        credit=[(JournalAccount.CASH, amount_fen)],
    )


def refund_failed(*, key_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """A refund that the provider had confirmed failed after all: the money is back, and owed again."""
    return _entry(
        "refund-failed",
        key_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.CASH, amount_fen)],
        credit=[(JournalAccount.REFUND_PAYABLE, amount_fen)],
    )


def refunded_otherwise(*, key_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """Staff paid a refund in another way than through the provider, such as a bank transfer."""
    return _entry(
        "refunded-otherwise",
        key_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.REFUND_PAYABLE, amount_fen)],
        credit=[(JournalAccount.CASH, amount_fen)],
    )


# --- a default --------------------------------------------------------------------------------------------------------


def deposit_forfeited(*, deposit_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The winner defaulted: the charged or captured deposit goes to suspense until the waterfall runs."""
    return _entry(
        "deposit-forfeited",
        deposit_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.DEPOSITS_HELD, amount_fen)],
        credit=[(JournalAccount.FORFEIT_SUSPENSE, amount_fen)],
    )


def forfeiture_returned(*, deposit_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The lot was declared void after the default and before the waterfall: the deposit is owed back."""
    return _entry(
        "forfeiture-returned",
        deposit_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.FORFEIT_SUSPENSE, amount_fen)],
        credit=[(JournalAccount.REFUND_PAYABLE, amount_fen)],
    )


def waterfall_paid(*, default_id: str, lot_id: str, bidder_id: str, split: Split) -> JournalEntry:
    """The forfeited deposit is divided by the waterfall; ValueError where nothing was forfeited."""
    to_seller = split.rest_to == "seller"
    return _entry(
        "waterfall",
        default_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.FORFEIT_SUSPENSE, split.forfeited_fen)],
        credit=[
            (JournalAccount.REAUCTION_COST, split.cost_fen),
            (JournalAccount.SELLER_PAYABLE, split.gap_fen),
            (JournalAccount.COMMISSION_INCOME, split.commission_fen),
            (JournalAccount.SELLER_PAYABLE if to_seller else JournalAccount.FORFEITURE_INCOME, split.rest_fen),
        ],
    )


def claim_raised(*, default_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The defaulter still owes this amount after the waterfall (`auction.domain.waterfall.claim_fen`)."""
    return _entry(
        "claim-raised",
        default_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.SHORTFALL_RECEIVABLE, amount_fen)],
        credit=[(JournalAccount.CLAIM_CLEARING, amount_fen)],
    )


def claim_collected(
    *, key_id: str, lot_id: str, bidder_id: str, share: Share, rest_fen: int, rest_to: RestTo
) -> JournalEntry:
    """A defaulter paid a part of the claim: it makes good what was unmet; the rest goes where a deposit's rest goes."""
    amount_fen = share.total_fen + rest_fen
    to_seller = rest_to == "seller"
    return _entry(
        "claim-collected",
        key_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.CASH, amount_fen), (JournalAccount.CLAIM_CLEARING, amount_fen)],
        credit=[
            (JournalAccount.SHORTFALL_RECEIVABLE, amount_fen),
            (JournalAccount.REAUCTION_COST, share.cost_fen),
            (JournalAccount.SELLER_PAYABLE, share.gap_fen),
            (JournalAccount.COMMISSION_INCOME, share.commission_fen),
            (JournalAccount.SELLER_PAYABLE if to_seller else JournalAccount.FORFEITURE_INCOME, rest_fen),
        ],
    )


def _claim_lowered(kind: str, of: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    debit, credit = [(JournalAccount.CLAIM_CLEARING, amount_fen)], [(JournalAccount.SHORTFALL_RECEIVABLE, amount_fen)]
    return _entry(kind, of, lot_id, bidder_id, debit=debit, credit=credit)


def claim_reduced(*, key_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """A later defaulter paid what this one owed: the claim is that much lower."""
    return _claim_lowered("claim-reduced", key_id, lot_id, bidder_id, amount_fen)


def claim_written_off(*, default_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The claim against the defaulter is given up."""
    return _claim_lowered("claim-written-off", default_id, lot_id, bidder_id, amount_fen)


# --- a void after the waterfall ---------------------------------------------------------------------------------------


def waterfall_reversed(*, default_id: str, lot_id: str, bidder_id: str, split: Split) -> JournalEntry:
    """The lot was declared void after the waterfall: the deposit is in suspense again, the seller owes their part."""
    return _entry(
        "waterfall-reversed",
        default_id,
        lot_id,
        bidder_id,
        debit=[
            (JournalAccount.REAUCTION_COST, split.cost_fen),
            (JournalAccount.SELLER_RECEIVABLE, split.seller_fen),
            (JournalAccount.COMMISSION_INCOME, split.commission_fen),
            (JournalAccount.FORFEITURE_INCOME, 0 if split.rest_to == "seller" else split.rest_fen),
        ],
        credit=[(JournalAccount.FORFEIT_SUSPENSE, split.forfeited_fen)],
    )


def claim_reversed(*, default_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The lot was declared void: the defaulter owes nothing any more."""
    return _claim_lowered("claim-reversed", default_id, lot_id, bidder_id, amount_fen)


def seller_repaid(*, default_id: str, lot_id: str, amount_fen: int) -> JournalEntry:
    """The seller has paid back what they were paid from a deposit that was given back."""
    return _entry(
        "seller-repaid",
        default_id,
        lot_id,
        None,
        debit=[(JournalAccount.CASH, amount_fen)],
        credit=[(JournalAccount.SELLER_RECEIVABLE, amount_fen)],
    )
