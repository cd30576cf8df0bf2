"""Requests and responses about a bank's statements: their lines, what each may pay, and mappings of columns."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from api.schemas.bank import ProposalResponse
from api.schemas.requests import RequestModel
from api.schemas.text import Name
from auction.books.statement_mappings import SavedMapping
from auction.services.bank.statement_columns import PRESETS
from auction.services.bank.statements import LineResult, StatementResult

Headings = Annotated[list[Name], Field(max_length=20)]
NeededHeadings = Annotated[list[Name], Field(min_length=1, max_length=20)]


class StatementColumnsModel(RequestModel):
    """Headings of a statement's columns; of several the first that a statement has counts, of `remittance` all."""

    bank_reference: NeededHeadings = Field(examples=[["流水号"]])
    amount: NeededHeadings = Field(description="The credit: what came in.", examples=[["贷方金额"]])
    value_date: NeededHeadings = Field(examples=[["交易日期"]])
    payer_name: NeededHeadings = Field(examples=[["对方户名"]])
    payer_account: Headings = Field([], examples=[["对方账号"]])
    remittance: Headings = Field([], examples=[["摘要", "附言"]])


class MappingResponse(BaseModel):
    """Which columns of a statement hold what."""

    name: str
    preset: bool
    columns: StatementColumnsModel
    changed_by: str | None
    changed_at_ms: int | None

    @classmethod
    def of(cls, saved: SavedMapping) -> Self:
        """The response for a saved mapping."""
        columns = StatementColumnsModel(**{field: list(found) for field, found in saved.columns.items()})
        return cls(
            name=saved.name,
            preset=False,
            columns=columns,
            changed_by=saved.changed_by,
            changed_at_ms=saved.changed_at_ms,
        )


class MappingsResponse(BaseModel):
    """The presets, and the saved mappings by name."""

    mappings: list[MappingResponse]

    @classmethod
    def of(cls, saved: list[SavedMapping]) -> Self:
        """The response for the saved mappings, the presets before them."""
        presets = [
            MappingResponse(
                name=name,
                preset=True,
                columns=StatementColumnsModel(**columns.as_mapping()),
                changed_by=None,
                changed_at_ms=None,
            )
            for name, columns in PRESETS.items()
        ]
        return cls(mappings=[*presets, *(MappingResponse.of(one) for one in saved)])


class StatementLineResponse(BaseModel):
    """A line about a transfer that came in."""

    line: int = Field(description="In the file, from 1.")
    status: str = Field(description="new, booked, waiting (for a second person), known, invalid or refused.")
    error: str | None = Field(description="What is wrong: amount, date, reference, payer or repeated; else null.")
    value: str = Field(description="The value that is wrong.")
    refusal: str = Field(description="The code of what refused it, or empty.")
    bank_reference: str | None
    amount_fen: int | None
    value_date: str | None
    payer_name: str | None
    payer_account: str | None
    remittance: str | None
    receipt_id: int | None
    matched_fen: int | None = Field(description="How much of the receipt pays awards.")
    proposal: ProposalResponse | None = Field(
        description="The award that it will pay (by reference), or may pay once somebody matches it (by amount)."
    )

    @classmethod
    def of(cls, found: LineResult) -> Self:
        """The response for a line."""
        facts, receipt = found.line.facts, found.receipt
        return cls(
            line=found.line.number,
            status=found.status,
            error=found.line.error,
            value=found.line.value,
            refusal=found.refusal,
            bank_reference=None if facts is None else facts.bank_reference,
            amount_fen=None if facts is None else facts.amount_fen,
            value_date=None if facts is None else facts.value_date,
            payer_name=None if facts is None else facts.payer_name,
            payer_account=None if facts is None else facts.payer_account,
            remittance=None if facts is None else facts.remittance,
            receipt_id=None if receipt is None else receipt.receipt_id,
            matched_fen=None if receipt is None else receipt.matched_fen,
            proposal=None if found.proposal is None else ProposalResponse.of(found.proposal),
        )


class StatementResponse(BaseModel):
    """A statement's lines in their order."""

    booked: bool = Field(description="false: this is a preview, and nothing was changed.")
    encoding: str
    outgoing: int = Field(description="Lines about money that went out, which are left alone.")
    names: dict[str, str] = Field(description="Id of a bidder -> name.")
    lines: list[StatementLineResponse]

    @classmethod
    def of(cls, found: StatementResult) -> Self:
        """The response for a preview or an import."""
        return cls(
            booked=found.booked,
            encoding=found.encoding,
            outgoing=found.outgoing,
            names=dict(found.names),
            lines=[StatementLineResponse.of(one) for one in found.lines],
        )
