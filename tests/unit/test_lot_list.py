"""Times in a list of lots: those of the zone or of their offset, and what a change of clocks makes of them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.errors import RequestRefused
from auction.services.catalogue.lot_list import CellError, ListedLot, read_lot_list

NOW = datetime(2027, 3, 1, tzinfo=UTC)
NOW_MS = int(NOW.timestamp()) * 1000
MINUTE_MS = 60_000


def read(text: str, zone: str = "Europe/Berlin") -> list[ListedLot]:
    return read_lot_list(text.encode(), preset="jd-flash", zone=zone, now_ms=NOW_MS)


def errors(found: list[ListedLot]) -> list[tuple[int, str, CellError]]:
    return [(one.line, cell.column, cell.error) for one in found for cell in one.wrong]


def test_a_time_that_the_clocks_skip_or_repeat_is_refused_unless_it_has_its_offset() -> None:
    rows = (
        "A,2027-03-28 02:30,2027-03-28 05:00",
        "B,2027-10-31 02:30,2027-10-31 05:00",
        "C,2027-10-31 02:30+01:00,2027/10/31 05:00:30",
        "D,2027-10-31T02:30:00+02:00,2027-10-31 05:00",
    )
    found = read("title,opens_at,closes_at\n" + "\n".join(rows))
    assert errors(found) == [(2, "opens_at", CellError.SKIPPED), (3, "opens_at", CellError.DOUBLED)]
    lasted = [one.lot.times[1] - one.lot.times[0] for one in found if one.lot is not None and one.lot.times]
    assert lasted == [150 * MINUTE_MS + 30_000, 210 * MINUTE_MS]


@given(
    minutes=st.integers(1, 300 * 24 * 60),
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe"]),
)
def test_every_time_is_read_as_the_moment_that_clocks_of_the_zone_show_or_refused(minutes: int, zone: str) -> None:
    moment = NOW + timedelta(minutes=minutes)
    local = moment.astimezone(ZoneInfo(zone))
    (one,) = read(
        f"title,opens_at,closes_at\nA,{local:%Y-%m-%d %H:%M},{local + timedelta(days=1):%Y-%m-%d %H:%M%z}", zone
    )
    if one.lot is None:
        assert {cell.error for cell in one.wrong} <= {CellError.DOUBLED}
        return
    assert one.lot.times is not None
    assert one.lot.times[0] == int(moment.timestamp()) * 1000


@given(raw=st.binary(max_size=200))
def test_no_bytes_are_more_than_refused(raw: bytes) -> None:
    for begins in (b"", b"title,start_price,opens_at,closes_at\n"):
        with suppress(RequestRefused):
            found = read_lot_list(begins + raw, preset=None, zone="UTC", now_ms=NOW_MS)
            assert all(one.wrong or one.lot for one in found)


@pytest.mark.parametrize("headings", ["名称,起拍价", "Title,Start price", "TITLE;start_price", "标题\t起拍价"])
def test_columns_are_known_by_either_name(headings: str) -> None:
    mark = next(one for one in ",;\t" if one in headings)
    (one,) = read(f"{headings}\n一号{mark}12.50\n")
    assert one.lot is not None
    assert (one.title, one.lot.terms.start_price_fen) == ("一号", 1250)
