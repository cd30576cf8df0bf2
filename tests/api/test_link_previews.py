"""What messengers show of a link to a lot, and what a phone installs of the site."""

import re

from tests.api.conftest import TERMS, Asker

HTML = {"Accept": "text/html", "Accept-Language": "en"}


async def tags(asker: Asker, lot_id: str) -> dict[str, str]:
    answer = await asker.http.get(f"/lots/{lot_id}", headers=HTML)
    assert answer.status_code == 200
    return dict(re.findall(r'<meta property="(og:[a-z_]+)" content="([^"]*)">', answer.text))


async def test_a_link_to_a_lot_shows_title_and_price(asker: Asker):
    lot_id = await asker.open_lot()
    found = await tags(asker, lot_id)
    assert found["og:title"] == "A lot"
    assert found["og:description"] == "Start price ¥1.00"
    assert found["og:url"] == f"http://house/lots/{lot_id}"
    assert (await asker.http.get(found["og:image"])).headers["content-type"] == "image/png"


async def test_a_price_and_the_end_are_told(asker: Asker):
    running, over = await asker.open_lot(), await asker.open_lot()
    for lot_id in (running, over):
        assert (await asker.bid(lot_id, 123_456)).status_code == 201
    await asker.ops(f"/lots/{over}/close", {"reason": "for the test"})
    assert (await tags(asker, running))["og:description"] == "Current price ¥1,234.56, 1 bid"
    assert (await tags(asker, over))["og:description"] == "Sold for ¥1,234.56"


async def test_a_title_is_no_markup_and_a_draft_is_not_shown(asker: Asker):
    sale = await asker.ops("/sales", {"title": "A sale", "sale_id": "previews"}, 201)
    lot = {"sale_id": sale["sale_id"], "title": '"><script>x</script>', "terms": TERMS}
    lot_id = (await asker.ops("/lots", lot, 201))["lot_id"]
    assert await tags(asker, lot_id) == {}
    assert await tags(asker, "nowhere-001") == {}
    await asker.ops(f"/lots/{lot_id}/open", {"duration_ms": 3_600_000})
    assert (await tags(asker, lot_id))["og:title"] == "&quot;&gt;&lt;script&gt;x&lt;/script&gt;"


async def test_the_site_can_be_installed(asker: Asker):
    answer = await asker.http.get("/static/manifest.webmanifest")
    assert answer.headers["content-type"].startswith("application/manifest+json")
    for icon in answer.json()["icons"]:
        assert (await asker.http.get(icon["src"])).headers["content-type"] == icon["type"]
    page = await asker.http.get("/", headers=HTML)
    assert '<link rel="manifest" href="/static/manifest.webmanifest">' in page.text
    assert "manifest-src 'self'" in page.headers["content-security-policy"]
