"""Routes for staff: a list of lots, previewed and created, and a template for it."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query
from starlette.responses import Response

from api.http.auth import Ops
from api.http.csv_export import BYTE_ORDER_MARK
from api.http.openapi import SIGNED_IN, WRITE, Responses, problems
from api.routes.dependencies import Context
from api.schemas.lot_list import LotListResponse
from api.schemas.text import IdReference, Name
from auction.domain.errors import ProblemCode
from auction.services.catalogue import lot_import
from auction.services.catalogue.lot_list import COLUMNS

router = APIRouter(prefix="/ops/lots/import", tags=["ops"])

_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
_EXAMPLES = {
    "en": ("No. 001 of the launch", "No. 002 of the launch"),
    "zh-CN": ("首发限量版 No. 001", "首发限量版 No. 002"),
}
LotListBody = Annotated[
    bytes,
    Body(
        media_type="text/csv",
        description="A CSV file with a line of column headings, in UTF-8 or GBK, at most 300 lots and 1 MiB.",
        examples=["title,list_price,start_price\nNo. 001,89900,1\n"],
    ),
]


@router.post(
    "",
    responses=problems(
        ProblemCode.LOT_LIST_INVALID,
        ProblemCode.SALE_UNKNOWN,
        ProblemCode.PRESET_UNKNOWN,
        ProblemCode.TITLES_EXIST,
        *SIGNED_IN,
        *WRITE,
    ),
)
async def import_lots(  # noqa: PLR0917 - what FastAPI gives
    context: Context,
    ops: Ops,
    lots: LotListBody,
    sale_id: Annotated[IdReference, Query(examples=["launch"])],
    preset: Annotated[IdReference | None, Query(description="For lines without one.", examples=["jd-flash"])] = None,
    zone: Annotated[Name, Query(description="Of times without an offset.", examples=["Asia/Shanghai"])] = "UTC",
    *,
    create: Annotated[bool, Query(description="false: only show what would be created.")] = False,
) -> LotListResponse:
    """Preview the lots of a list, with what is wrong by line and column; or create all of them, or none."""
    if create:
        found = await lot_import.create(context, lots, sale_id=sale_id, preset=preset, zone=zone, actor=ops.subject)
    else:
        found = await lot_import.preview(context, lots, sale_id=sale_id, preset=preset, zone=zone)
    return LotListResponse.of(found)


@router.get("/template.csv", responses={**_CSV, **problems(*SIGNED_IN)}, response_class=Response)
async def download_template(
    context: Context,
    _ops: Ops,
    language: Annotated[Literal["en", "zh-CN"], Query(description="Of the headings.")] = "en",
) -> Response:
    """A list with every column and two lots, to be filled in."""
    headings = [names[0] if language == "zh-CN" else name for name, names in COLUMNS.items()]
    day = datetime.fromtimestamp(context.clock_ms() / 1000 + 30 * 86_400, tz=UTC).strftime("%Y-%m-%d")
    values = ("jd-flash", "89900", "1", "100", "", "", "", "1000", f"{day} 20:00", f"{day} 20:30")
    rows = [headings, *([title, *values] for title in _EXAMPLES[language])]
    text = BYTE_ORDER_MARK + "".join(",".join(row) + "\r\n" for row in rows)
    disposition = {"Content-Disposition": 'attachment; filename="lots.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=disposition)
