"""Routes for finance: a bank's statements, previewed and imported, and mappings of their columns."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query

from api.http.auth import Finance, MoneyReader
from api.http.openapi import AGREEMENT, SIGNED_IN, WRITE, problems
from api.routes.dependencies import Confirmed, Context
from api.schemas.statements import MappingResponse, MappingsResponse, StatementColumnsModel, StatementResponse
from api.schemas.text import Name
from auction.domain.errors import ProblemCode
from auction.services.bank import statements

router = APIRouter(prefix="/ops", tags=["finance"])

Statement = Annotated[
    bytes,
    Body(
        media_type="text/csv",
        description="The bank's CSV or MT940 file as it is, in UTF-8 or GBK, at most 1 MiB.",
        examples=["交易日期,对方户名,贷方金额,摘要,流水号\n2025-10-24,李四,8900.00,RF78 0000 0123,G43127\n"],
    ),
]


@router.post(
    "/statements",
    responses=problems(
        ProblemCode.STATEMENT_INVALID,
        ProblemCode.MAPPING_UNKNOWN,
        ProblemCode.LOT_UNKNOWN,
        ProblemCode.SETTLEMENT_UNKNOWN,
        *AGREEMENT,
        *SIGNED_IN,
        *WRITE,
    ),
)
async def take_statement(
    context: Context,
    finance: Finance,
    statement: Statement,
    *,
    confirmation: Confirmed,
    mapping: Annotated[Name, Query(description="A preset, or a saved mapping.", examples=["generic"])] = "generic",
    source: Annotated[Name, Query(description="What the statement is called.", examples=["2025-10.csv"])] = "statement",
    book: Annotated[bool, Query(description="false: only show what would be booked.")] = False,
) -> StatementResponse:
    """Preview a statement's lines beside the awards they may pay, or book them.

    The same statement books nothing twice. Lines from 10,000 yuan on wait until another person imports the same.
    """
    if book:
        found = await statements.import_statement(
            context,
            statement,
            mapping,
            actor=finance.subject,
            source=source,
            confirmation=confirmation,
        )
    else:
        found = await statements.preview_statement(context, statement, mapping)
    return StatementResponse.of(found)


@router.get("/statement-mappings", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def list_mappings(context: Context, _reader: MoneyReader) -> MappingsResponse:
    """Which columns of a statement hold what: the presets for the usual banks, and what was saved."""
    return MappingsResponse.of(await statements.list_mappings(context))


@router.put("/statement-mappings/{name}", responses=problems(ProblemCode.MAPPING_EXISTS, *SIGNED_IN, *WRITE))
async def save_mapping(
    context: Context,
    finance: Finance,
    name: Annotated[Name, Path(examples=["our-bank"])],
    columns: StatementColumnsModel,
) -> MappingResponse:
    """Save a mapping under a name, or replace the one that has it."""
    saved = await statements.save_mapping(context, name, columns.model_dump(), actor=finance.subject)
    return MappingResponse.of(saved)
