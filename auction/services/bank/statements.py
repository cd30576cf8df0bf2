"""Previews and imports a bank's statement: each line side by side with the award it may pay, then booked as a receipt.

A line is a receipt like one entered by hand (`auction.services.bank.receipts`): its bank reference books nothing twice,
and a large one waits for a second person, who imports the same statement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auction.books import accounts, audit, bank_receipts, statement_mappings
from auction.books.bank_receipts import BankReceipt, ReceiptFacts
from auction.books.statement_mappings import SavedMapping
from auction.domain.errors import NotFound, ProblemCode, RequestRefused
from auction.domain.states import ReceiptStatus
from auction.services.bank.mt940_reader import is_mt940, read_mt940
from auction.services.bank.proposals import Proposal, propose
from auction.services.bank.receipts import book_receipt, check_value_date
from auction.services.bank.statement_columns import PRESETS, StatementColumns
from auction.services.bank.statement_reader import LineError, Statement, StatementLine, read_statement
from auction.services.context import AppContext
from auction.services.second_person import NO_CONFIRMATION, Confirmation, accept_once


class LineStatus(StrEnum):
    """What became of a line, or will become of it."""

    NEW = "new"
    """Not entered yet."""
    BOOKED = "booked"
    """Booked by this import."""
    WAITING = "waiting"
    """Another person has to import the same."""
    KNOWN = "known"
    """Booked before."""
    INVALID = "invalid"
    """Something is wrong with it."""
    REFUSED = "refused"
    """It cannot be booked as it is."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """A line of a statement: what it says, what it may pay, and what became of it."""

    line: StatementLine
    status: LineStatus
    proposal: Proposal | None = None
    receipt: BankReceipt | None = None
    refusal: str = ""
    """The code of what refused it."""


@dataclass(frozen=True, slots=True)
class StatementResult:
    """A statement's lines, and how many of its lines went out."""

    lines: Sequence[LineResult]
    outgoing: int
    encoding: str
    booked: bool
    """Whether this was an import, and not a preview."""
    names: Mapping[str, str]
    """Id of a bidder -> their name."""


async def preview_statement(context: AppContext, raw: bytes, mapping: str) -> StatementResult:
    """What an import would do; nothing is changed. Raises NotFound(mapping-unknown), RequestRefused, BooksAway."""
    statement = await _read(context, raw, mapping)
    async with context.books.reading() as tx:
        known = await bank_receipts.by_bank_reference(tx, [one.bank_reference for one in _facts(statement)])
        found = await propose(tx, [(one.remittance, one.amount_fen) for one in _facts(statement)])
        names = await accounts.names_of(tx, {one.award.bidder_id for one in found if one is not None})
    proposals = iter(found)
    results = []
    for line in statement.lines:
        if line.facts is None:
            results.append(LineResult(line, LineStatus.INVALID))
            continue
        receipt = known.get(line.facts.bank_reference)
        proposal = next(proposals)
        results.append(_previewed(line, line.facts, receipt, proposal, context.clock_ms()))
    return StatementResult(results, statement.outgoing, statement.encoding, booked=False, names=names)


async def import_statement(
    context: AppContext,
    raw: bytes,
    mapping: str,
    *,
    actor: str,
    source: str,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> StatementResult:
    """Book every line that can be; the others say why not. The same again books nothing twice.

    One code confirms all receipts that another person has entered. Raises NotFound(mapping-unknown),
    RequestRefused(statement-invalid, code-required, code-wrong), TooManySignIns, BooksAway (the lines before are
    booked).
    """
    statement = await _read(context, raw, mapping)
    accepted = await accept_once(context, actor, confirmation)
    results = []
    for line in statement.lines:
        if line.facts is None:
            results.append(LineResult(line, LineStatus.INVALID))
        else:
            results.append(await _booked(context, line, line.facts, actor=actor, source=source, confirmation=accepted))
    details = {"mapping": mapping, "source": source, "outgoing": statement.outgoing}
    for status in LineStatus:
        details[status] = sum(one.status is status for one in results)
    async with context.books.transaction() as tx:
        await audit.record_action(tx, actor=actor, action="import-statement", details=details)
    return StatementResult(results, statement.outgoing, statement.encoding, booked=True, names={})


async def list_mappings(context: AppContext) -> list[SavedMapping]:
    """The saved mappings by name."""
    async with context.books.reading() as tx:
        return await statement_mappings.find_all(tx)


async def save_mapping(
    context: AppContext, name: str, columns: Mapping[str, Sequence[str]], *, actor: str
) -> SavedMapping:
    """Save a mapping, or replace the one with this name. Raises RequestRefused(mapping-exists) for a preset's name."""
    if name in PRESETS:
        raise RequestRefused(ProblemCode.MAPPING_EXISTS, f"{name} is a preset; choose another name.", {"mapping": name})
    saved = SavedMapping(name, columns, actor, context.clock_ms())
    async with context.books.transaction() as tx:
        await statement_mappings.save(tx, saved)
        details = {"mapping": name, "columns": {field: list(found) for field, found in columns.items()}}
        await audit.record_action(tx, actor=actor, action="save-statement-mapping", details=details)
    return saved


async def _read(context: AppContext, raw: bytes, mapping: str) -> Statement:
    """A statement in either format; MT940 needs no mapping. Raises NotFound(mapping-unknown), RequestRefused."""
    if is_mt940(raw):
        return read_mt940(raw, context.money.currency)
    return read_statement(raw, await _columns(context, mapping), context.money.currency)


async def _columns(context: AppContext, mapping: str) -> StatementColumns:
    if mapping in PRESETS:
        return PRESETS[mapping]
    async with context.books.reading() as tx:
        saved = await statement_mappings.find(tx, mapping)
    if saved is None:
        raise NotFound(
            ProblemCode.MAPPING_UNKNOWN,
            f"There is no mapping {mapping}: it is one of {', '.join(PRESETS)}, or one that was saved.",
            {"mapping": mapping},
        )
    return StatementColumns(**saved.columns)


def _facts(statement: Statement) -> list[ReceiptFacts]:
    return [line.facts for line in statement.lines if line.facts is not None]


def _previewed(
    line: StatementLine, facts: ReceiptFacts, receipt: BankReceipt | None, proposal: Proposal | None, now_ms: int
) -> LineResult:
    try:
        check_value_date(facts.value_date, now_ms)
    except RequestRefused:
        return LineResult(StatementLine(line.number, None, LineError.DATE, facts.value_date), LineStatus.INVALID)
    if receipt is None:
        return LineResult(line, LineStatus.NEW, proposal)
    if receipt.status is ReceiptStatus.WAITING:
        return LineResult(line, LineStatus.WAITING, proposal, receipt)
    if (receipt.amount_fen, receipt.value_date) != (facts.amount_fen, facts.value_date):
        return LineResult(line, LineStatus.REFUSED, None, receipt, ProblemCode.BANK_REFERENCE_USED)
    return LineResult(line, LineStatus.KNOWN, None, receipt)


async def _booked(
    context: AppContext,
    line: StatementLine,
    facts: ReceiptFacts,
    *,
    actor: str,
    source: str,
    confirmation: Confirmation,
) -> LineResult:
    try:
        entered = await book_receipt(context, facts, actor=actor, source=source, confirmation=confirmation)
    except RequestRefused as refused:
        if refused.code == ProblemCode.CODE_REQUIRED:
            raise
        if refused.code == ProblemCode.SAME_PERSON:
            return LineResult(line, LineStatus.WAITING)
        if refused.code == ProblemCode.VALUE_DATE_INVALID:
            return LineResult(StatementLine(line.number, None, LineError.DATE, facts.value_date), LineStatus.INVALID)
        return LineResult(line, LineStatus.REFUSED, refusal=refused.code)
    if entered.waiting is not None:
        return LineResult(line, LineStatus.WAITING, receipt=entered.receipt)
    return LineResult(line, LineStatus.BOOKED if entered.is_new else LineStatus.KNOWN, receipt=entered.receipt)
