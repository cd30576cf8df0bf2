"""A series of lots is created at once: numbered in their titles, all or none, and scheduled one after the other."""

from typing import Any

import pytest

from auction.books import audit, catalogue
from auction.services.catalogue import lot_series, lots
from auction.services.context import AppContext
from tests.api.conftest import OPS, TERMS, Asker

MINUTE_MS = 60_000


async def in_a_sale(asker: Asker, **series: Any) -> dict[str, Any]:
    """The body of a request for a series in a sale that there is from here on."""
    await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)
    return {"sale_id": "launch", "title": "No. {number} of 100", "count": 100, "terms": TERMS, **series}


async def test_a_hundred_lots_are_numbered_in_their_titles_after_those_that_are_there(asker: Asker) -> None:
    body = await in_a_sale(asker)
    await asker.ops("/lots", {"sale_id": "launch", "title": "The first", "terms": TERMS}, 201)
    made = (await asker.ops("/lots/series", body, 201))["lots"]
    assert [lot["title"] for lot in made] == [f"No. {number:03} of 100" for number in range(1, 101)]
    assert [lot["lot_id"] for lot in made] == [f"launch-{number:03}" for number in range(2, 102)]
    assert {lot["opens_at_ms"] for lot in made} == {None}
    shown = (await asker.get("/sales/launch", OPS)).json()["lots"]
    assert {lot["status"] for lot in shown} == {"draft"}
    assert len(shown) == 101


async def test_a_request_that_is_repeated_creates_no_second_series(asker: Asker) -> None:
    body = await in_a_sale(asker, count=3)
    await asker.ops("/lots/series", body, 201)
    again = await asker.post("/ops/lots/series", body, OPS)
    assert (again.status_code, again.json()["code"]) == (409, "titles-exist")
    assert again.json()["titles"] == [f"No. {number:03} of 100" for number in (1, 2, 3)]
    more = (await asker.ops("/lots/series", {**body, "first_number": 4, "digits": 1}, 201))["lots"]
    assert [lot["title"] for lot in more] == [f"No. {number} of 100" for number in (4, 5, 6)]


@pytest.mark.parametrize("every_ms", [0, 5 * MINUTE_MS, 10 * MINUTE_MS])
async def test_they_are_scheduled_at_once_one_after_the_other(asker: Asker, context: AppContext, every_ms: int) -> None:
    body = await in_a_sale(asker, count=4)
    opens_at_ms = await context.ledger.now_ms() + 3_600_000
    times = {"opens_at_ms": opens_at_ms, "duration_ms": 10 * MINUTE_MS, "every_ms": every_ms}
    made = (await asker.ops("/lots/series", {**body, "times": times}, 201))["lots"]
    for place, lot in enumerate(made):
        shown = (await asker.get(f"/lots/{lot['lot_id']}")).json()
        assert (shown["status"], shown["opens_at_ms"]) == ("scheduled", opens_at_ms + place * every_ms)
        assert shown["ends_at_ms"] == lot["closes_at_ms"] == shown["opens_at_ms"] + 10 * MINUTE_MS
        async with context.books.reading() as tx:
            acts = [one.action for one in await audit.staff_actions_of(tx, audit.AuditFilter(lot_id=lot["lot_id"]))]
        assert set(acts) == {"create-lot", "schedule-lot"}


async def test_what_a_crash_interrupted_is_entered_in_the_ledger_later(
    asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_a_sale(asker)
    entered: list[object] = []

    async def crash_at_the_second(*given: Any) -> None:
        if entered:
            raise ConnectionError
        entered.append(await real(*given))

    real = lots.install
    monkeypatch.setattr(lots, "install", crash_at_the_second)
    opens_at_ms = await context.ledger.now_ms() + 3_600_000
    with pytest.raises(ConnectionError):
        await lot_series.create_series(
            context,
            sale_id="launch",
            title="No. {number}",
            numbers=lot_series.SeriesNumbers(3),
            times=lot_series.SeriesTimes(opens_at_ms, MINUTE_MS, MINUTE_MS),
            actor="olga",
            terms=TERMS,
        )
    monkeypatch.undo()
    assert set(await lots.install_scheduled_lots(context)) >= {"launch-002", "launch-003"}
    for number in (1, 2, 3):
        snapshot = await context.ledger.read(f"launch-{number:03}")
        assert snapshot is not None
        assert snapshot.opens_at_ms == opens_at_ms + (number - 1) * MINUTE_MS


YEAR_MS = 366 * 86_400_000


@pytest.mark.parametrize(
    "wrong, status, code",
    [
        ({"title": "No. 1"}, 422, "malformed"),
        ({"count": 0}, 422, "out-of-range"),
        ({"count": 301}, 422, "out-of-range"),
        ({"digits": 7}, 422, "out-of-range"),
        ({"sale_id": "elsewhere"}, 404, "sale-unknown"),
        ({"terms": {**TERMS, "start_price_fen": 0}}, 422, "terms-invalid"),
        ({"times": {"opens_at_ms": 1_700_000_000_000, "duration_ms": 1, "every_ms": 0}}, 409, "schedule-invalid"),
        ({"times": {"opens_at_ms": 1_893_456_000_000, "duration_ms": 1, "every_ms": -1}}, 422, "out-of-range"),
    ],
)
async def test_a_wrong_series_creates_nothing(
    asker: Asker, context: AppContext, wrong: dict[str, Any], status: int, code: str
) -> None:
    body = await in_a_sale(asker, count=3)
    answer = await asker.post("/ops/lots/series", {**body, **wrong}, OPS)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    async with context.books.reading() as tx:
        assert await catalogue.lots_of_sales(tx, ["launch"]) == []


async def test_a_series_whose_last_lot_is_over_a_year_ahead_creates_nothing(asker: Asker, context: AppContext) -> None:
    body = await in_a_sale(asker, count=3)
    opens_at_ms = await context.ledger.now_ms() + MINUTE_MS
    times = {"opens_at_ms": opens_at_ms, "duration_ms": MINUTE_MS, "every_ms": YEAR_MS // 2}
    answer = await asker.post("/ops/lots/series", {**body, "times": times}, OPS)
    assert (answer.status_code, answer.json()["code"]) == (409, "schedule-invalid")
    async with context.books.reading() as tx:
        assert await catalogue.lots_of_sales(tx, ["launch"]) == []
