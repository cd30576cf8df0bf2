"""A maximum in a direct lot over HTTP: who sees what, what is kept of it, and that it comes back after a loss."""

import json
from hashlib import sha256
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from auction.domain.terms import Bidding
from auction.services.context import AppContext
from auction.services.ledger_expiry import expire_ended_lots
from auction.services.verification.published_record import check_record
from auction.services.verification.receipt_in_record import PublishedEvents
from auction.services.verification.verdicts import verify_all
from auction.signing.public_keys import PublicKeys
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, Asker, new_key, signed

AUTO = {"auto_bids": True, "soft_close": None}


async def maximum(
    asker: Asker, lot_id: str, maximum_fen: object, *, bidder: str = "ann", key: str | None = None
) -> httpx.Response:
    headers = {**signed(bidder), "Idempotency-Key": key or new_key()}
    return await asker.post(f"/lots/{lot_id}/bids", {"maximum_fen": maximum_fen}, headers)


async def auto_lot(asker: Asker, **terms: Any) -> str:
    """A lot that ann leads at 100 with a maximum of 5,000."""
    lot_id = await asker.open_lot(bidders=("ann", "bob"), terms={**AUTO, **terms})
    answer = await maximum(asker, lot_id, 5_000, key="maximum-of-ann")
    assert answer.status_code == 201, answer.text
    assert {name: answer.json()[name] for name in ("amount_fen", "price_fen", "leading")} == {
        "amount_fen": 5_000,
        "price_fen": 100,
        "leading": True,
    }
    return lot_id


async def shown(asker: Asker, lot_id: str, who: dict[str, str] | None = None) -> dict[str, Any]:
    lot: dict[str, Any] = (await asker.get(f"/lots/{lot_id}", who)).json()
    return lot


async def test_a_bid_below_a_maximum_is_answered_and_its_bidder_told(asker: Asker):
    lot_id = await auto_lot(asker)
    answer = (await asker.bid(lot_id, 700, bidder="bob")).json()
    assert (answer["price_fen"], answer["leading"], answer["minimum_fen"]) == (700, False, 900)
    second = await asker.bid(lot_id, 4_950, bidder="bob")
    assert (second.status_code, second.json()["code"], second.json()["minimum_fen"]) == (409, "bid-too-low", 5_100)
    bids = (await asker.get(f"/lots/{lot_id}/bids")).json()["bids"]
    assert [(bid["paddle"], bid["amount_fen"], bid["leading"]) for bid in bids] == [
        (1, 100, True),
        (2, 700, False),
        (1, 800, True),
        (1, 5_000, True),
    ]


async def test_its_owner_alone_sees_a_maximum(asker: Asker):
    lot_id = await auto_lot(asker)
    assert (await maximum(asker, lot_id, 7_777)).status_code == 201
    assert (await shown(asker, lot_id, signed("ann")))["my_maximum_fen"] == 7_777
    for who in (None, signed("bob"), OPS):
        lot = await asker.get(f"/lots/{lot_id}", who)
        assert lot.json()["my_maximum_fen"] is None
        assert "7777" not in lot.text
    events = await asker.get(f"/ops/lots/{lot_id}/events", OPS)
    assert [word for word in ("5000", "7777", "maximum") if word in events.text] == []
    assert (await asker.get(f"/lots/{lot_id}/bids")).json()["bids"][0]["amount_fen"] == 100
    terms = (await shown(asker, lot_id))["terms"]
    assert (terms["auto_bids"], terms["bidding"]) == (True, str(Bidding.DIRECT))


async def test_a_leader_raises_lowers_and_withdraws_without_a_bid(asker: Asker):
    lot_id = await auto_lot(asker)
    for maximum_fen, own in [(9_000, 9_000), (300, 300), (0, None)]:
        answer = await maximum(asker, lot_id, maximum_fen)
        assert (answer.status_code, answer.json()["amount_fen"], answer.json()["price_fen"]) == (201, maximum_fen, 100)
        lot = await shown(asker, lot_id, signed("ann"))
        assert (lot["my_maximum_fen"], lot["bids"], lot["price_fen"]) == (own, 1, 100)
    withdrawn = await maximum(asker, lot_id, 0)
    assert (withdrawn.status_code, withdrawn.json()["code"]) == (409, "no-maximum")
    low = await maximum(asker, lot_id, 99)
    assert (low.json()["code"], low.json()["least_fen"]) == ("maximum-too-low", 100)
    assert (await maximum(asker, lot_id, 200, bidder="bob")).json()["leading"] is True


async def test_a_lot_without_the_term_takes_no_maximum(asker: Asker):
    direct = await asker.open_lot()
    proxy = await asker.open_lot(terms={"bidding": "proxy", "max_jump": None})
    for lot_id in (direct, proxy):
        answer = await maximum(asker, lot_id, 5_000)
        assert (answer.status_code, answer.json()["code"]) == (409, "maxima-off")
    assert (await asker.bid(proxy, 4_000)).status_code == 201
    assert (await shown(asker, proxy, signed("ann")))["my_maximum_fen"] == 4_000


@pytest.mark.parametrize(
    "body, field, code",
    [
        ({"maximum_fen": -1}, "maximum_fen", "out-of-range"),
        ({"maximum_fen": 10**13 + 1}, "maximum_fen", "out-of-range"),
        ({"maximum_fen": "5000"}, "maximum_fen", "wrong-type"),
        ({"maximum_fen": True}, "maximum_fen", "wrong-type"),
        ({"maximum_fen": None}, "maximum_fen", "wrong-type"),
        ({"amount_fen": 100, "maximum_fen": 500}, "maximum_fen", "unknown-field"),
        ({"maximum_fen": 500, "auto": True}, "auto", "unknown-field"),
    ],
)
async def test_what_is_no_maximum_is_named(asker: Asker, body: dict[str, Any], field: str, code: str):
    lot_id = await asker.open_lot(terms=AUTO)
    headers = {**signed("ann"), "Idempotency-Key": new_key()}
    answer = await asker.post(f"/lots/{lot_id}/bids", body, headers)
    assert answer.status_code == 422
    assert (field, code) in {(fault["field"], fault["code"]) for fault in answer.json()["errors"]}


async def test_retries_get_the_same_bytes_from_ledger_and_archive(asker: Asker, context: AppContext):
    lot_id = await auto_lot(asker)

    async def asked() -> list[tuple[int, bytes]]:
        answers = [
            await maximum(asker, lot_id, 5_000, key="maximum-of-ann"),
            await maximum(asker, lot_id, 6_000, key="raised-by-ann"),
            await asker.bid(lot_id, 700, bidder="bob", key="answered-bid"),
            await maximum(asker, lot_id, 9_000, bidder="bob", key="passed-by-bob"),
        ]
        return [(answer.status_code, answer.content) for answer in answers]

    first = await asked()
    assert [status for status, _ in first] == [200, 201, 201, 201]
    again = [(200, content) for _, content in first]
    assert await asked() == again
    other = await maximum(asker, lot_id, 6_100, key="raised-by-ann")
    assert (other.status_code, other.json()["code"]) == (409, "key-reused")
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    await Archiver(context.books, context.stream).catch_up()
    assert (await verify_all(context)).breaches == []
    await expire_ended_lots(context)
    keys = context.ledger.keys
    for name in (keys.lot(lot_id), keys.bidders(lot_id), keys.accepted(lot_id)):
        await context.ledger.redis.delete(name)
    assert await asked() == again


async def test_the_record_proves_each_bid_and_its_owner_opens_the_maximum(asker: Asker, context: AppContext):
    lot_id = await auto_lot(asker)
    raised = (await maximum(asker, lot_id, 6_000, key="raised-by-ann")).json()
    answered = (await asker.bid(lot_id, 700, bidder="bob")).json()
    passed = (await maximum(asker, lot_id, 9_000, bidder="bob")).json()
    assert (passed["price_fen"], passed["leading"]) == (6_100, True)
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    await Archiver(context.books, context.stream).catch_up()

    record = (await asker.get(f"/lots/{lot_id}/ledger.jsonl")).content
    keys = PublicKeys.parse((await asker.http.get("/.well-known/auction-keys.json")).content)

    assert check_record(record.splitlines(keepends=True), keys).is_sound
    events = [json.loads(line) for line in record.splitlines()[:-1]]
    made = [event for event in events if event["type"] in {"bid", "maximum"}]
    assert [(event["type"], event["paddle"], event["price_fen"]) for event in made] == [
        ("bid", 1, 100),
        ("maximum", 1, 100),
        ("bid", 2, 700),
        ("bid", 1, 800),
        ("bid", 1, 6_000),
        ("bid", 2, 6_100),
    ]
    told = [value for event in events for value in event.values()]
    assert [value for value in told if value in {5_000, 9_000, "ann", "bob"}] == []
    published = PublishedEvents(record.splitlines())
    for answer in (raised, answered, passed):
        assert published.check(answer["receipt"], keys).is_sound
    committed = {event["seq"]: event["commitment"] for event in events if "commitment" in event}
    openings = (await asker.get(f"/lots/{lot_id}/openings", signed("ann"))).json()["openings"]
    assert [json.loads(one["private"])["amount_fen"] for one in openings] == [5_000, 6_000, 6_000, 6_000]
    for one in openings:
        assert sha256(bytes.fromhex(one["salt"]) + one["private"].encode()).hexdigest() == committed[one["seq"]]
    claim = {name: raised[name] for name in ("seq", "amount_fen", "at_ms", "receipt")}
    found = await asker.post(f"/lots/{lot_id}/claims", claim, signed("ann"))
    assert (found.status_code, found.json()["standing"]) == (200, "stands")


async def test_a_maximum_goes_with_its_voided_bid_and_stays_with_another(asker: Asker, context: AppContext):
    lot_id = await auto_lot(asker)
    answered = (await asker.bid(lot_id, 700, bidder="bob")).json()
    await asker.ops(f"/lots/{lot_id}/pause", {"reason": "a look"})
    stopped = await maximum(asker, lot_id, 0)
    assert (stopped.json()["code"], stopped.json()["lot_status"]) == ("lot-not-open", "paused")
    await asker.ops(f"/lots/{lot_id}/bids/{answered['seq']}/void", {"reason": "a slip"})
    assert (await shown(asker, lot_id, signed("ann")))["my_maximum_fen"] == 5_000
    await asker.ops(f"/lots/{lot_id}/bids/{answered['seq'] + 1}/void", {"reason": "and what answered it"})
    lot = await shown(asker, lot_id, signed("ann"))
    assert (lot["price_fen"], lot["leader"], lot["my_maximum_fen"]) == (100, 1, None)
    await asker.ops(f"/lots/{lot_id}/resume")
    assert (await asker.bid(lot_id, 200, bidder="bob")).json()["leading"] is True
    await Archiver(context.books, context.stream).catch_up()
    assert (await verify_all(context)).breaches == []


async def test_a_purse_secures_the_whole_maximum(asker: Asker):
    purse = {"deposit": {"policy": "purse", "multiplier": 10, "amount_fen": 1_000}}
    sale = await asker.ops("/sales", {"title": "A sale", "sale_id": "purses"}, 201)
    lots = []
    for title in ("first", "second"):
        terms = {"bidding": "direct", "start_price_fen": 100, "increments": [{"from_fen": 0, "step_fen": 100}]}
        wanted = {"sale_id": sale["sale_id"], "title": title, "terms": {**terms, **AUTO, **purse}}
        lot_id = (await asker.ops("/lots", wanted, 201))["lot_id"]
        await asker.ops(f"/lots/{lot_id}/open", {"duration_ms": 3_600_000})
        answer = await asker.register(lot_id, "ann", deposit_fen=1_000, payment_method="sandbox-ok")
        assert answer.status_code in {200, 201}, answer.text
        lots.append(lot_id)
    # each registration deposits: together they let her bid up to 20,000
    assert (await maximum(asker, lots[0], 19_000)).status_code == 201
    over = await maximum(asker, lots[1], 2_000)
    assert (over.json()["code"], over.json()["available_fen"]) == ("over-purse", 1_000)
    assert (await maximum(asker, lots[0], 3_000)).status_code == 201
    assert (await maximum(asker, lots[1], 2_000)).status_code == 201


async def test_what_the_ledger_holds_of_a_maximum_is_the_lots_ceiling_alone(asker: Asker, redis: Redis):
    lot_id = await auto_lot(asker)
    before = set(await redis.keys())
    assert (await maximum(asker, lot_id, 8_000)).status_code == 201
    assert set(await redis.keys()) == before
