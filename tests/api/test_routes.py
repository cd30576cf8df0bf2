from contextlib import closing

import httpx
import pytest
import structlog

from api.app import create_app
from api.http.config import ApiConfig
from auction.services.identity.tokens import Role
from auction.serving.status import SupervisorStatus
from tests.api.conftest import OPS, SECRET, TERMS, Asker, signed

PUBLIC = {
    "lot_id",
    "sale_id",
    "title",
    "status",
    "terms",
    "price_fen",
    "leader",
    "bids",
    "seq",
    "epoch",
    "opens_at_ms",
    "ends_at_ms",
    "now_ms",
    "minimum_fen",
    "watchers",
}
RESERVED = {"reserve_fen": 5000}


async def test_config_tells_a_page_where_to_go_live(asker):
    config = (await asker.get("/config")).json()

    assert config.pop("now_ms") > 1_700_000_000_000
    money = {"payment_provider": "sandbox", "two_persons": False, "delivery_centres": []}
    assert config == {
        "live_url": "wss://live.example/",
        "currency": "CNY",
        "currency_exponent": 2,
        "locale": "zh-CN",
        **money,
    }


async def test_a_draft_is_edited_until_it_is_scheduled_and_what_changed_is_kept(asker):
    sale = await asker.ops("/sales", {"title": "A sale"}, 201)
    terms = {**TERMS, "reserve_fen": 5_000}
    lot = await asker.ops("/lots", {"sale_id": sale["sale_id"], "title": "A lot", "terms": terms}, 201)
    path = f"/api/v1/ops/lots/{lot['lot_id']}"
    body = {"title": "Another", "list_price_fen": 8_990_000, "terms": {"start_price_fen": 200, "reserve_fen": None}}

    async def edit(given, who=OPS):
        return await asker.http.put(path, json=given, headers=who)

    for _ in range(2):
        edited = await edit(body)
        assert edited.status_code == 200, edited.text
    found = edited.json()
    assert (found["title"], found["list_price_fen"], found["status"]) == ("Another", 8_990_000, "draft")
    assert (found["terms"]["start_price_fen"], found["terms"]["reserve_fen"]) == (200, None)
    assert found["terms"]["increments"] == lot["terms"]["increments"]
    assert (await edit({**body, "terms": {"cap_fen": 100}})).json()["code"] == "terms-invalid"
    assert (await edit(body, signed("ann"))).status_code == 403
    log = (await asker.get("/ops/audit", signed("fay", Role.FINANCE))).json()["actions"]
    (change,) = [one for one in log if one["action"] == "edit-lot"]
    assert change["details"]["title"] == {"before": "A lot", "after": "Another"}
    assert change["details"]["terms.reserve_fen"] == {"before": 5_000, "after": None}
    await asker.ops(f"/lots/{lot['lot_id']}/open", {"duration_ms": 60_000})
    assert (await edit(body)).json()["code"] == "wrong-status"


async def test_a_lot_from_draft_to_close(asker):
    sale = await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)
    assert sale == {"sale_id": "launch", "title": "Launch day"}
    lot = await asker.ops(
        "/lots", {"sale_id": "launch", "title": "No. 001", "preset": "jd-flash", "list_price_fen": 8_990_000}, 201
    )
    assert set(lot) >= PUBLIC
    assert (lot["lot_id"], lot["status"], lot["minimum_fen"]) == ("launch-001", "draft", 100)
    times = {"opens_at_ms": lot["now_ms"] + 3_600_000, "closes_at_ms": lot["now_ms"] + 7_200_000}

    scheduled = await asker.ops("/lots/launch-001/schedule", times)
    assert (scheduled["status"], scheduled["seq"], scheduled["opens_at_ms"]) == ("scheduled", 1, times["opens_at_ms"])
    assert (await asker.register("launch-001")).status_code == 201
    later = {"opens_at_ms": times["opens_at_ms"] + 60_000, "closes_at_ms": times["closes_at_ms"] + 60_000}
    for _ in range(2):
        answer = await asker.http.put("/api/v1/ops/lots/launch-001/schedule", json=later, headers=OPS)
        assert (answer.status_code, answer.json()["opens_at_ms"]) == (200, later["opens_at_ms"])
        assert (answer.json()["ends_at_ms"], answer.json()["seq"]) == (later["closes_at_ms"], 3)
    opened = await asker.ops("/lots/launch-001/open", {"duration_ms": 60_000})
    assert opened["status"] == "open"
    assert 59_000 < opened["ends_at_ms"] - opened["now_ms"] <= 60_000
    await asker.bid("launch-001", 100)
    paused = await asker.ops("/lots/launch-001/pause", {"reason": "a doubt"})
    assert paused["status"] == "paused"
    assert paused["remaining_ms"] > 50_000
    resumed = await asker.ops("/lots/launch-001/resume")
    assert resumed["status"] == "open"
    extended = await asker.ops("/lots/launch-001/extend", {"by_ms": 5000, "reason": "a slow line"})
    assert extended["ends_at_ms"] == resumed["ends_at_ms"] + 5000
    answer = await asker.http.put("/api/v1/ops/lots/launch-001/schedule", json=later, headers=OPS)
    assert (answer.status_code, answer.json()["code"], answer.json()["lot_status"]) == (409, "wrong-status", "open")
    await asker.ops("/lots/launch-001/pause", {"reason": "a doubt"})
    closed = await asker.ops("/lots/launch-001/close", {"reason": "enough"})
    assert (closed["status"], closed["price_fen"], closed["leader"], closed["bids"]) == ("closed", 100, 1, 1)

    seen = (await asker.get("/lots/launch-001")).json()
    assert {**seen, "now_ms": 0} == {
        **closed,
        "now_ms": 0,
        "terms": {name: term for name, term in closed["terms"].items() if name != "reserve_fen"},
    }


async def test_the_public_never_sees_a_reserve_and_staff_do(asker):
    lot_id = await asker.open_lot(terms=RESERVED)
    await asker.bid(lot_id, 100)
    sale_id = lot_id.rpartition("-")[0]

    for path in (f"/lots/{lot_id}", f"/lots/{lot_id}/bids", "/sales", f"/sales/{sale_id}"):
        for headers in (None, signed()):
            answer = await asker.get(path, headers)
            assert answer.status_code == 200
            assert "reserve_fen" not in answer.text
            assert "5000" not in answer.text
    for role in (Role.OPS, Role.FINANCE, Role.AUDITOR):
        staff = signed("olga", role)
        assert (await asker.get(f"/lots/{lot_id}", staff)).json()["terms"]["reserve_fen"] == 5000
        assert (await asker.get("/sales", staff)).json()["sales"][0]["lots"][0]["terms"]["reserve_fen"] == 5000


async def test_a_bad_token_is_refused_even_where_none_is_needed(asker):
    answer = await asker.get("/sales", {"Authorization": "Bearer made-up"})

    assert (answer.status_code, answer.json()["code"]) == (401, "token-invalid")


async def test_bids_are_listed_in_pages_by_paddle(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    for n in range(1, 6):
        await asker.bid(lot_id, n * 100, bidder="ann" if n % 2 else "bob")

    first = (await asker.get(f"/lots/{lot_id}/bids?limit=3")).json()
    rest = (await asker.get(f"/lots/{lot_id}/bids?limit=3&after_seq={first['next_after_seq']}")).json()

    bids = first["bids"] + rest["bids"]
    assert [bid["amount_fen"] for bid in bids] == [100, 200, 300, 400, 500]
    assert [bid["paddle"] for bid in bids] == [1, 2, 1, 2, 1]
    assert set(bids[0]) == {"seq", "paddle", "amount_fen", "at_ms", "leading", "voided"}
    assert rest["next_after_seq"] is None


async def test_a_proxy_lot_lists_prices_and_never_a_maximum(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"), terms={"bidding": "proxy"})
    await asker.bid(lot_id, 77_700)
    await asker.bid(lot_id, 500, bidder="bob")

    answer = await asker.get(f"/lots/{lot_id}/bids")

    assert [bid["amount_fen"] for bid in answer.json()["bids"]] == [100, 600]
    assert "77700" not in answer.text + (await asker.get(f"/lots/{lot_id}")).text


async def test_voiding_a_bid_lowers_the_price_in_a_new_epoch(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    await asker.bid(lot_id, 100)
    high = (await asker.bid(lot_id, 90_000, bidder="bob")).json()
    await asker.ops(f"/lots/{lot_id}/pause", {"reason": "a doubt"})

    voided = await asker.ops(f"/lots/{lot_id}/bids/{high['seq']}/void", {"reason": "a mistyped amount"})
    again = await asker.post(f"/ops/lots/{lot_id}/bids/{high['seq']}/void", {"reason": "a mistyped amount"}, OPS)
    other = await asker.post(f"/ops/lots/{lot_id}/bids/1/void", {"reason": "no bid at all"}, OPS)

    assert (voided["price_fen"], voided["leader"], voided["epoch"]) == (100, 1, 2)
    assert (again.status_code, again.json()["code"]) == (409, "bid-already-void")
    assert (other.status_code, other.json()["code"]) == (404, "bid-unknown")
    assert [bid["voided"] for bid in (await asker.get(f"/lots/{lot_id}/bids")).json()["bids"]] == [False, True]


async def test_an_action_in_the_wrong_status_names_the_status(asker):
    lot_id = await asker.open_lot()
    await asker.ops(f"/lots/{lot_id}/void", {"reason": "not ours to sell"})

    answer = await asker.post(f"/ops/lots/{lot_id}/pause", {"reason": "a doubt"}, OPS)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "wrong-status")
    assert (problem["status"], problem["lot_status"], problem["allowed"]) == (409, "void", ["open"])


async def test_a_review_limit_holds_the_lot_until_staff_raise_it(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"), terms={"review_above_fen": 1000})
    await asker.bid(lot_id, 2000)

    too_low = await asker.post(f"/ops/lots/{lot_id}/resume", {"review_above_fen": 2000}, OPS)
    resumed = await asker.ops(f"/lots/{lot_id}/resume", {"review_above_fen": 5000})

    assert (too_low.status_code, too_low.json()["code"]) == (409, "review-limit-too-low")
    assert (resumed["status"], resumed["review_above_fen"]) == ("open", 5000)
    assert (await asker.bid(lot_id, 3000, bidder="bob")).status_code == 201


async def test_registering_gives_a_paddle_a_limit_and_a_deposit_once(asker):
    lot_id = await asker.open_lot(bidders=(), terms={"deposit": {"policy": "flat", "amount_fen": 10_000}})

    first = await asker.register(lot_id)
    again = await asker.register(lot_id)
    second = await asker.register(lot_id, "bob", deposit_fen=20_000)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    registered = first.json()
    assert (registered["paddle"], registered["limit_fen"]) == (1, None)
    assert set(registered["deposit"]) == {"deposit_id", "status", "held_fen"}
    assert (registered["deposit"]["status"], registered["deposit"]["held_fen"]) == ("held", 10_000)
    assert (second.json()["paddle"], second.json()["deposit"]["held_fen"]) == (2, 20_000)
    mine = (await asker.get("/me/registrations", signed())).json()["registrations"]
    assert mine == [registered]
    assert (await asker.get("/me/registrations", signed("eve"))).json() == {"registrations": []}


async def test_registering_asks_for_the_terms_to_be_accepted_and_a_deposit_that_is_enough(asker):
    lot_id = await asker.open_lot(bidders=(), terms={"deposit": {"policy": "flat", "amount_fen": 10_000}})

    async def asked(body, headers=None):
        answer = await asker.post(f"/lots/{lot_id}/registrations", body, headers or signed())
        return answer.status_code, answer.json()["code"]

    assert await asked({"accept_terms": False}) == (409, "terms-not-accepted")
    assert await asked({"accept_terms": True, "deposit_fen": 9_999}) == (409, "deposit-too-low")
    assert await asked({}) == (422, "missing-field")
    assert await asked({"accept_terms": 1}) == (422, "wrong-type")
    assert await asked({"accept_terms": "true"}) == (422, "wrong-type")
    assert await asked({"accept_terms": True, "deposit_fen": 10_000.0}) == (422, "wrong-type")
    assert await asked({"accept_terms": True}, OPS) == (403, "forbidden")
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    assert await asked({"accept_terms": True}) == (409, "registration-closed")


OPS_ROUTES = [
    ("/ops/sales", {"title": "A sale"}),
    ("/ops/lots", {"sale_id": "s", "title": "A lot", "terms": TERMS}),
    *(
        (f"/ops/lots/s-001/{verb}", {"reason": "for the test"})
        for verb in ("pause", "resume", "extend", "close", "void")
    ),
    ("/ops/lots/s-001/open", {"duration_ms": 1000}),
    ("/ops/lots/s-001/schedule", {"opens_at_ms": 1, "closes_at_ms": 2}),
    ("/ops/lots/s-001/bids/1/void", {"reason": "for the test"}),
]


async def test_what_is_for_staff_is_for_nobody_else(asker, ledger_as_it_is):
    before = await ledger_as_it_is()

    for path, body in OPS_ROUTES:
        nobody = await asker.post(path, body)
        assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthorized"), path
        assert nobody.headers["www-authenticate"] == 'Bearer realm="auction"'
        for role in (Role.BIDDER, Role.FINANCE, Role.AUDITOR):
            other = await asker.post(path, body, signed("eve", role))
            assert (other.status_code, other.json()["code"]) == (403, "forbidden"), path
            assert (other.json()["role"], other.json()["allowed"]) == (role, ["ops"])

    assert await ledger_as_it_is() == before
    assert (await asker.get("/sales")).json() == {"sales": [], "next_cursor": None}


async def test_a_sale_id_is_taken_once_and_made_up_where_none_is_given(asker):
    await asker.ops("/sales", {"title": "A sale", "sale_id": "mine"}, 201)

    again = await asker.post("/ops/sales", {"title": "A sale", "sale_id": "mine"}, OPS)
    made_up = await asker.ops("/sales", {"title": "A sale"}, 201)

    assert (again.status_code, again.json()["code"]) == (409, "sale-exists")
    assert made_up["sale_id"].startswith("s")


async def test_alive_and_ready(client, context):
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {
        "ready": True,
        "ledger": "ok",
        "books": "ok",
        "migrations": "ok",
        "ledger_memory": "ok",
        "shards_stopped": [],
        "lots_frozen": [],
        "processes": "ok",
    }

    pool = context.ledger.redis.connection_pool
    await pool.disconnect()
    for connection in pool._available_connections:
        connection.path = "/nowhere/at/all"
    unready = await client.get("/readyz")

    assert unready.status_code == 503
    assert unready.json()["ready"] is False
    assert unready.json()["ledger"] != "ok"
    assert unready.json()["books"] == "ok"
    assert (await client.get("/healthz")).status_code == 200


async def test_a_process_that_keeps_ending_is_named_and_the_others_stay_ready(context):
    with closing(SupervisorStatus()) as status:
        app = create_app(context, ApiConfig(secret=SECRET, status_fd=status.fd))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://house") as client:
            assert (await client.get("/readyz")).json()["processes"] == "ok"
            status.publish({"worker"})
            answer = await client.get("/readyz")

            assert (answer.status_code, answer.json()["ready"]) == (200, True)
            assert "worker" in answer.json()["processes"]

            status.publish(())
            assert (await client.get("/readyz")).json()["processes"] == "ok"


async def test_books_that_are_not_migrated_are_not_ready(client, context):
    async with context.books.transaction() as tx:
        await tx.session.connection()
        from sqlalchemy import text

        await tx.session.execute(text("UPDATE alembic_version SET version_num = 'older'"))

    unready = await client.get("/readyz")

    assert unready.status_code == 503
    assert "older" in unready.json()["migrations"]


async def test_every_answer_carries_a_request_id_its_own_or_the_proxys(client):
    own = [(await client.get("/healthz")).headers["x-request-id"] for _ in range(2)]
    given = await client.get("/healthz", headers={"X-Request-Id": "from-the-proxy"})
    odd = await client.get("/healthz", headers={"X-Request-Id": "short"})

    assert own[0] != own[1]
    assert given.headers["x-request-id"] == "from-the-proxy"
    assert odd.headers["x-request-id"] not in {"short", *own}


async def test_what_nobody_foresaw_is_logged_under_its_request_id_and_not_told(client, monkeypatch):
    async def broken(_context):
        raise RuntimeError("a secret inside")

    monkeypatch.setattr("auction.services.catalogue.lot_views.list_sales", broken)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        answer = await client.get("/api/v1/sales", headers=signed())

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "secret" not in answer.text
    assert [(event["event"], event["request_id"]) for event in logged] == [
        ("request_failed", answer.headers["x-request-id"])
    ]


async def test_logs_hold_neither_token_nor_maximum(asker):
    lot_id = await asker.open_lot(terms={"bidding": "proxy"})
    with structlog.testing.capture_logs() as logged:
        await asker.bid(lot_id, 87_654_300)
        await asker.register(lot_id, "bob")

    said = repr(logged)
    assert "87654300" not in said
    assert signed("bob")["Authorization"].split()[1] not in said
    assert any(event["event"] == "request" and event["status"] == 201 for event in logged)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_the_page_that_documents_all_this_is_there(client, path):
    assert (await client.get(path)).status_code == 200


async def test_an_extension_sent_again_under_its_key_moves_the_end_once(asker: Asker) -> None:
    """Staff whose answer was lost press again."""
    lot_id = await asker.open_lot()
    key = {**OPS, "Idempotency-Key": "extend-0001"}
    more = {"by_ms": 60_000, "reason": "rain"}
    first = await asker.post(f"/ops/lots/{lot_id}/extend", more, key)
    again = await asker.post(f"/ops/lots/{lot_id}/extend", more, key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["ends_at_ms"] == first.json()["ends_at_ms"]
    refused = await asker.post(f"/ops/lots/{lot_id}/extend", more, {**OPS, "Idempotency-Key": "short"})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-key-invalid")
