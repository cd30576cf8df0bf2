"""What staff give a new sale and a new lot, before anything is scheduled."""

import re

import pytest

from auction.domain.errors import RequestRefused
from auction.domain.text import is_id
from auction.ledger.keys import lot_id_of
from auction.services.catalogue.lots import create_sale
from auction.services.context import AppContext
from auction.services.identity.roles import STAFF
from tests.api.conftest import Asker, signed


async def review_limit_of(asker: Asker, **lot: object) -> int | None:
    created = await asker.ops("/lots", {"sale_id": "launch", "title": "No. 001", "preset": "guarded-flash", **lot}, 201)
    limit: int | None = created["terms"]["review_above_fen"]
    assert created["review_above_fen"] == limit
    assert "review_above_list_price_times" not in created["terms"]
    return limit


async def test_a_guarded_lots_review_limit_is_five_times_its_list_price(asker: Asker):
    await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)
    assert await review_limit_of(asker, list_price_fen=129_900) == 649_500
    assert await review_limit_of(asker) == 44_950_000
    own = {"review_above_fen": 70_000}
    assert await review_limit_of(asker, list_price_fen=129_900, terms=own) == 70_000
    assert await review_limit_of(asker, list_price_fen=129_900, terms={"review_above_fen": None}) is None


async def test_a_guarded_lot_is_offered_down_to_half_its_list_price(asker: Asker):
    await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)
    asked: dict[str, object] = {"sale_id": "launch", "title": "No. 001", "preset": "guarded-flash"}
    own = {"settlement": {"cascade": {"floor_fen": 70_000}}}
    lots: list[tuple[dict[str, object], int]] = [
        ({"list_price_fen": 129_900}, 64_950),
        ({}, 4_495_000),
        ({"list_price_fen": 129_900, "terms": own}, 70_000),
    ]
    for lot, floor_fen in lots:
        created = await asker.ops("/lots", {**asked, **lot}, 201)
        assert created["terms"]["settlement"]["cascade"]["floor_fen"] == floor_fen
        assert "floor_list_price_percent" not in created["terms"]


@pytest.mark.parametrize("sale_id", ["s" * 49, "s" * 64, "Launch", "a--b", "-a"])
async def test_the_service_refuses_an_id_that_no_sale_may_have(context: AppContext, sale_id: str):
    with pytest.raises(RequestRefused, match="at most 48 characters") as caught:
        await create_sale(context, title="Launch day", actor="olga", sale_id=sale_id)
    assert caught.value.code == "sale-id-invalid"


async def test_a_sale_with_the_longest_id_has_lots_with_ids(context: AppContext):
    sale = await create_sale(context, title="Launch day", actor="olga", sale_id="s" * 48)
    assert sale.sale_id == "s" * 48
    assert is_id(lot_id_of(sale.sale_id, 10**14))


async def test_a_draft_is_seen_by_staff_alone_and_is_to_others_as_if_nobody_had_entered_it(
    asker: Asker, context: AppContext
):
    await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)
    for title in ("A secret", "A public lot"):
        await asker.ops("/lots", {"sale_id": "launch", "title": title, "preset": "jd-flash"}, 201)
    await asker.ops("/lots/launch-002/open", {"duration_ms": 60_000})

    async def answers(lot_id: str, headers: dict[str, str] | None) -> list[tuple[int, str]]:
        claim = {"seq": 1, "amount_fen": 100, "at_ms": 1, "receipt": "r" * 43}
        found = [await asker.get(f"/lots/{lot_id}{end}", headers) for end in ("", "/bids")]
        if headers is not None:
            found += [
                await asker.post(f"/lots/{lot_id}/registrations", {"accept_terms": True}, headers),
                await asker.post(
                    f"/lots/{lot_id}/deposits", {"amount_fen": 100}, {**headers, "Idempotency-Key": "deposit-1"}
                ),
                await asker.post(
                    f"/lots/{lot_id}/bids", {"amount_fen": 100}, {**headers, "Idempotency-Key": "bid-0001"}
                ),
                await asker.post(f"/lots/{lot_id}/claims", claim, headers),
            ]
        return [
            (answer.status_code, re.sub(r'"now_ms":\d+', "", answer.text.replace(lot_id, "LOT"))) for answer in found
        ]

    for headers in (None, signed("ann")):
        assert await answers("launch-001", headers) == await answers("launch-777", headers)
        for path in ("/sales", "/sales/launch"):
            shown = await asker.get(path, headers)
            assert "A public lot" in shown.text
            assert "launch-001" not in shown.text
            assert "A secret" not in shown.text
    assert await context.ledger.read("launch-001") is None, "the live channel shows what is in the ledger"
    for role in STAFF:
        staff = signed("olga", role)
        assert (await asker.get("/lots/launch-001", staff)).json()["title"] == "A secret"
        for path in ("/sales", "/sales/launch", "/ops/lots"):
            assert "A secret" in (await asker.get(path, staff)).text

    await asker.ops("/lots/launch-001/open", {"duration_ms": 60_000})
    assert (await asker.get("/lots/launch-001")).json()["title"] == "A secret"
