"""Sales and their lots are listed page by page: each once, in their order, whoever adds some meanwhile."""

from typing import Any

import pytest

from auction.services.catalogue import lot_views
from tests.api.conftest import OPS, TERMS, Asker


async def page(asker: Asker, path: str, who: dict[str, str] | None = None) -> dict[str, Any]:
    answer = await asker.get(path, who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_sales_are_listed_newest_first_each_once(asker: Asker) -> None:
    for number in range(1, 8):
        await asker.ops("/sales", {"title": f"Sale {number}", "sale_id": f"sale-{number}"}, 201)
    whole = await page(asker, "/sales")
    order = [sale["sale_id"] for sale in whole["sales"]]
    assert set(order) == {f"sale-{number}" for number in range(1, 8)}
    assert whole["next_cursor"] is None
    for limit in (7, 1, 3):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            part = await page(asker, f"/sales?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            assert len(part["sales"]) <= limit
            seen += [sale["sale_id"] for sale in part["sales"]]
            cursor = part["next_cursor"]
            # a newer one is no part of the later pages
            if len(seen) == limit == 3:
                await asker.ops("/sales", {"title": "Late", "sale_id": "late"}, 201)
        assert seen == order


async def test_the_lots_of_a_sale_are_listed_by_number_each_once(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    for sale_id in ("big", "small"):
        await asker.ops("/sales", {"title": sale_id, "sale_id": sale_id}, 201)
        for number in range(1, 6 if sale_id == "big" else 3):
            await asker.ops("/lots", {"sale_id": sale_id, "title": f"No. {number}", "terms": TERMS}, 201)
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        part = await page(asker, f"/sales/big?limit=2&after_number={after}", OPS)
        seen += [lot["lot_id"] for lot in part["lots"]]
        after = part["next_after_number"]
    assert seen == [f"big-{number:03}" for number in range(1, 6)]
    # the public sees no draft, and goes through the pages all the same
    assert (await page(asker, "/sales/big?limit=2"))["lots"] == []
    assert (await page(asker, "/sales/big?limit=2"))["next_after_number"] == 2

    monkeypatch.setattr(lot_views, "LOTS_PAGE_MAX", 3)
    sales = {sale["sale_id"]: sale for sale in (await page(asker, "/sales", OPS))["sales"]}
    assert [len(sales[name]["lots"]) for name in ("big", "small")] == [3, 2]
    assert [sales[name]["next_after_number"] for name in ("big", "small")] == [3, None]


@pytest.mark.parametrize(
    "path, status, code",
    [
        ("/sales?limit=0", 422, "out-of-range"),
        ("/sales?limit=101", 422, "out-of-range"),
        ("/sales?limit=many", 422, "wrong-type"),
        ("/sales?cursor=nowhere", 404, "sale-unknown"),
        ("/sales?cursor=%00", 422, "wrong-text"),
        ("/sales/big?after_number=-1", 422, "out-of-range"),
        ("/sales/big?limit=501", 422, "out-of-range"),
    ],
)
async def test_a_wrong_page_is_refused_in_words(asker: Asker, path: str, status: int, code: str) -> None:
    answer = await asker.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
