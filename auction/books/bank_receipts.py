"""Stores transfers that came in at the house's bank, and which awards they pay.

After the bid's way. The same bank reference is stored once, whoever enters it how often. A receipt's row is locked
after the settlement of the lot that it pays for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, any_, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.settlements import Award
from auction.books.tables import Id, awards, bank_receipts, deposits, receipt_matches
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.domain.states import AwardStatus, DepositStatus, ReceiptStatus


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What the bank says of a transfer that came in, in fen; `value_date` as YYYY-MM-DD."""

    bank_reference: str
    amount_fen: int
    value_date: str
    payer_name: str
    payer_account: str = ""
    remittance: str = ""


@dataclass(frozen=True, slots=True)
class BankReceipt:
    """A transfer that came in. Columns: `auction.books.tables.bank`."""

    receipt_id: int
    bank_reference: str
    status: ReceiptStatus
    amount_fen: int
    value_date: str
    payer_name: str
    payer_account: str
    remittance: str
    source: str
    matched_fen: int
    returned_fen: int
    entered_by: str
    entered_at_ms: int
    booked_by: str | None
    booked_at_ms: int | None

    @property
    def is_booked(self) -> bool:
        """Whether it is in the journal."""
        return self.status is ReceiptStatus.BOOKED

    @property
    def unmatched_fen(self) -> int:
        """What of a booked receipt is in suspense."""
        return self.amount_fen - self.matched_fen - self.returned_fen if self.is_booked else 0

    @property
    def facts(self) -> ReceiptFacts:
        """What the bank says of it."""
        return ReceiptFacts(
            self.bank_reference,
            self.amount_fen,
            self.value_date,
            self.payer_name,
            self.payer_account,
            self.remittance,
        )


@dataclass(frozen=True, slots=True)
class ReceiptMatch:
    """A part of a receipt that pays an award, in fen, with what the payer sees of the receipt."""

    receipt_id: int
    award_id: str
    amount_fen: int
    matched_by: str
    at_ms: int
    bank_reference: str
    value_date: str
    payer_name: str
    payer_account: str


async def enter(tx: Transaction, facts: ReceiptFacts, *, source: str, actor: str, at_ms: int) -> BankReceipt:
    """The receipt with this bank reference, locked; a new one waits to be booked, one that is there is unchanged."""
    values = {
        "bank_reference": facts.bank_reference,
        "status": ReceiptStatus.WAITING,
        **_values(facts),
        "source": source,
        "entered_by": actor,
        "entered_at_ms": at_ms,
    }
    await tx.session.execute(postgresql.insert(bank_receipts).values(values).on_conflict_do_nothing())
    statement = select(bank_receipts).where(bank_receipts.c.bank_reference == facts.bank_reference)
    return BankReceipt(**await tx.returned(statement.with_for_update()))


def _values(facts: ReceiptFacts) -> dict[str, object]:
    return {
        "amount_fen": facts.amount_fen,
        "value_date": facts.value_date,
        "payer_name": facts.payer_name,
        "payer_account": facts.payer_account,
        "remittance": facts.remittance,
    }


async def correct(tx: Transaction, receipt_id: int, facts: ReceiptFacts, *, actor: str, at_ms: int) -> BankReceipt:
    """Replace what was entered of a receipt that waits. Raises InvalidTransition where it is booked."""
    return await _change(
        tx, receipt_id, _is(ReceiptStatus.WAITING), **_values(facts), entered_by=actor, entered_at_ms=at_ms
    )


async def mark_booked(tx: Transaction, receipt_id: int, *, actor: str, at_ms: int) -> BankReceipt:
    """Waiting -> booked."""
    booked = {"status": ReceiptStatus.BOOKED, "booked_by": actor, "booked_at_ms": at_ms}
    return await _change(tx, receipt_id, _is(ReceiptStatus.WAITING), **booked)


async def add_match(
    tx: Transaction, receipt_id: int, award_id: str, *, amount_fen: int, actor: str, at_ms: int
) -> BankReceipt:
    """Match a part of a booked receipt to an award. Raises InvalidTransition where so much is not unmatched."""
    values = {"receipt_id": receipt_id, "award_id": award_id, "amount_fen": amount_fen, "at_ms": at_ms}
    await tx.session.execute(insert(receipt_matches).values(**values, matched_by=actor))
    return await _take(tx, receipt_id, amount_fen, matched_fen=bank_receipts.c.matched_fen + amount_fen)


async def add_returned(tx: Transaction, receipt_id: int, *, amount_fen: int) -> BankReceipt:
    """Note that an unmatched part is to be returned. Raises InvalidTransition where so much is not unmatched."""
    return await _take(tx, receipt_id, amount_fen, returned_fen=bank_receipts.c.returned_fen + amount_fen)


async def _take(tx: Transaction, receipt_id: int, amount_fen: int, **values: object) -> BankReceipt:
    table = bank_receipts.c
    left = table.amount_fen - table.matched_fen - table.returned_fen >= amount_fen
    return await _change(tx, receipt_id, and_(_is(ReceiptStatus.BOOKED), left), **values)


async def _change(tx: Transaction, receipt_id: int, leaving: ColumnElement[bool], **values: object) -> BankReceipt:
    statement = update(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id, leaving).values(**values)
    what = f"bank receipt {receipt_id} to {values.get('status', ', '.join(values))}"
    return BankReceipt(**await transition(tx, statement.returning(*bank_receipts.c), what))


def _is(status: ReceiptStatus) -> ColumnElement[bool]:
    return bank_receipts.c.status == status


# --- finding ----------------------------------------------------------------------------------------------------------


async def find(tx: Transaction, receipt_id: int, *, locked: bool = False) -> BankReceipt | None:
    """A receipt, or None; `locked` for a change by this transaction."""
    statement = select(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id)
    row = await tx.row(statement.with_for_update() if locked else statement)
    return None if row is None else BankReceipt(**row)


async def find_all(
    tx: Transaction,
    *,
    only_open: bool = False,
    text: str = "",
    from_date: str | None = None,
    to_date: str | None = None,
    limit: int = 200,
) -> list[BankReceipt]:
    """Receipts, the latest first: all, or those that wait for a person or are not matched whole."""
    table = bank_receipts.c
    which: list[ColumnElement[bool]] = []
    if only_open:
        which.append(or_(_is(ReceiptStatus.WAITING), table.matched_fen + table.returned_fen < table.amount_fen))
    if text:
        which.append(
            or_(*(column.icontains(text, autoescape=True) for column in (
                table.bank_reference, table.payer_name, table.payer_account, table.remittance
            )))
        )  # fmt: skip
    if from_date is not None:
        which.append(table.value_date >= from_date)
    if to_date is not None:
        which.append(table.value_date <= to_date)
    statement = select(bank_receipts).where(*which).order_by(table.receipt_id.desc()).limit(limit)
    return [BankReceipt(**row) for row in await tx.rows(statement)]


async def by_bank_reference(tx: Transaction, references: Collection[str]) -> dict[str, BankReceipt]:
    """Bank reference -> its receipt; those that are not entered are missing."""
    statement = select(bank_receipts).where(
        bank_receipts.c.bank_reference == any_(literal(list(references), ARRAY(Id)))
    )
    return {row["bank_reference"]: BankReceipt(**row) for row in await tx.rows(statement)}


async def matches_of_awards(tx: Transaction, award_ids: Sequence[str]) -> list[ReceiptMatch]:
    """What pays these awards, in the order of the receipts."""
    return await _matches(tx, receipt_matches.c.award_id == any_(literal(list(award_ids), ARRAY(Id))))


async def matches_of_receipts(tx: Transaction, receipt_ids: Sequence[int]) -> list[ReceiptMatch]:
    """What these receipts pay."""
    return await _matches(tx, receipt_matches.c.receipt_id.in_(receipt_ids))


async def _matches(tx: Transaction, which: ColumnElement[bool]) -> list[ReceiptMatch]:
    receipt = bank_receipts.c
    told = (receipt.bank_reference, receipt.value_date, receipt.payer_name, receipt.payer_account)
    statement = (
        select(*receipt_matches.c, *told)
        .join(bank_receipts, receipt.receipt_id == receipt_matches.c.receipt_id)
        .where(which)
        .order_by(receipt_matches.c.receipt_id, receipt_matches.c.award_id)
    )
    return [ReceiptMatch(**row) for row in await tx.rows(statement)]


async def awards_by_number(tx: Transaction, numbers: Collection[int]) -> dict[int, Award]:
    """Number -> its award; numbers that no award has are missing."""
    rows = await tx.rows(select(awards).where(awards.c.number.in_(numbers))) if numbers else []
    return {row["number"]: Award(**row) for row in rows}


async def awards_due_by_amount(tx: Transaction, amounts_fen: Collection[int]) -> dict[int, list[Award]]:
    """Amount -> the due awards of which exactly so much is missing, with or without what the winner deposited for the
    lot; amounts without any are missing.
    """
    if not amounts_fen:
        return {}
    missing = awards.c.price_fen + awards.c.fee_fen - awards.c.received_fen - awards.c.waived_fen
    theirs = and_(
        deposits.c.lot_id == awards.c.lot_id,
        deposits.c.bidder_id == awards.c.bidder_id,
        deposits.c.status == DepositStatus.HELD,
    )
    held = select(func.coalesce(func.sum(deposits.c.amount_fen), 0)).where(theirs).scalar_subquery()
    statement = select(awards, (missing - held).label("to_pay_fen")).where(
        awards.c.status == AwardStatus.DUE, or_(missing.in_(amounts_fen), (missing - held).in_(amounts_fen))
    )
    found: dict[int, list[Award]] = {}
    for row in await tx.rows(statement.order_by(awards.c.award_id)):
        facts = dict(row)
        to_pay_fen = int(facts.pop("to_pay_fen"))
        award = Award(**facts)
        for amount_fen in {award.due_fen, to_pay_fen}:
            found.setdefault(amount_fen, []).append(award)
    return found


async def suspense_fen(tx: Transaction) -> int:
    """What is unmatched in all, in fen."""
    table = bank_receipts.c
    total = func.coalesce(func.sum(table.amount_fen - table.matched_fen - table.returned_fen), 0)
    return int(await tx.session.scalar(select(total).where(_is(ReceiptStatus.BOOKED))) or 0)
