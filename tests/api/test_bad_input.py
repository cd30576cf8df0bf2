from typing import Any

import pytest

from auction.services.identity.tokens import Role
from tests.api.conftest import OPS, new_key, signed, token
from tests.api.test_bodies import WRONG

AT_MS = 1_893_456_000_000


async def test_each_wrong_body_is_its_own_problem_and_the_ledger_is_unchanged(asker, client, ledger_as_it_is):
    lot_id = await asker.open_lot()
    before = await ledger_as_it_is()

    for raw, code, field in WRONG:
        headers = {**signed(), "Idempotency-Key": new_key(), "Content-Type": "application/json"}
        answer = await client.post(f"/api/v1/lots/{lot_id}/bids", content=raw, headers=headers)
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["field"]) == (422, code, field), raw
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"]

    assert await ledger_as_it_is() == before


HEADERS: list[tuple[dict[str, Any], int, str]] = [
    # headers instead of the good ones, status, code
    ({"Authorization": None}, 401, "unauthorized"),
    ({"Authorization": "Bearer made.up.token"}, 401, "token-invalid"),
    ({"Authorization": "Basic YW5uOmFubg=="}, 401, "token-invalid"),
    ({"Authorization": f"Bearer {token(now_s=1_500_000_000)}"}, 401, "token-expired"),
    ({"Authorization": f"Bearer {token(secret='another secret, quite as long as ours')}"}, 401, "token-invalid"),
    ({"Authorization": f"Bearer {token('olga', Role.OPS)}"}, 403, "forbidden"),
    ({"Authorization": f"Bearer {token('fay', Role.FINANCE)}"}, 403, "forbidden"),
    ({"Authorization": f"Bearer {token('amy', Role.AUDITOR)}"}, 403, "forbidden"),
    ({"Content-Type": None}, 415, "unsupported-media-type"),
    ({"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported-media-type"),
    ({"Idempotency-Key": None}, 422, "idempotency-key-missing"),
    ({"Idempotency-Key": ""}, 422, "idempotency-key-invalid"),
    ({"Idempotency-Key": "7-chars"}, 422, "idempotency-key-invalid"),
    ({"Idempotency-Key": "x" * 65}, 422, "idempotency-key-invalid"),
    ({"Idempotency-Key": "with a space"}, 422, "idempotency-key-invalid"),
    ({"Idempotency-Key": "with-a-tab\t-"}, 422, "idempotency-key-invalid"),
    ({"Idempotency-Key": b"with-\xc3\xa9-in-it"}, 422, "idempotency-key-invalid"),
    ({"Idempotency-Key": b"with-\x7f-in-it"}, 422, "idempotency-key-invalid"),
]


async def test_each_wrong_header_is_its_own_problem_and_the_ledger_is_unchanged(asker, client, ledger_as_it_is):
    lot_id = await asker.open_lot()
    before = await ledger_as_it_is()

    for wrong, status, code in HEADERS:
        good: dict[str, Any] = {**signed(), "Idempotency-Key": "good-key-1", "Content-Type": "application/json"}
        headers = {name: value for name, value in (good | wrong).items() if value is not None}
        answer = await client.post(f"/api/v1/lots/{lot_id}/bids", content=b'{"amount_fen":100}', headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), wrong
        assert ("www-authenticate" in answer.headers) == (status == 401)

    assert await ledger_as_it_is() == before


async def test_a_header_given_twice_is_refused(asker, client):
    lot_id = await asker.open_lot()
    good = [*signed().items(), ("Content-Type", "application/json"), ("Idempotency-Key", "good-key-1")]

    codes = []
    for twice in (("Idempotency-Key", "good-key-2"), ("Idempotency-Key", "good-key-1"), good[0]):
        answer = await client.post(f"/api/v1/lots/{lot_id}/bids", content=b'{"amount_fen":100}', headers=[*good, twice])
        codes.append(answer.json()["code"])

    assert codes == ["idempotency-key-invalid", "idempotency-key-invalid", "unauthorized"]


@pytest.mark.parametrize("key", ["8-chars!", "x" * 64, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"])
async def test_a_key_of_8_to_64_visible_characters_is_taken(asker, key):
    lot_id = await asker.open_lot()

    assert (await asker.bid(lot_id, 100, key=key)).status_code == 201


async def test_a_body_over_the_limit_is_refused_on_every_route(asker, client):
    lot_id = await asker.open_lot()
    headers = {**signed(), "Idempotency-Key": new_key(), "Content-Type": "application/json"}

    for body in (b" " * 16_385, b'{"amount_fen":100}' + b" " * 1_000_000):
        for path in (f"/lots/{lot_id}/bids", f"/lots/{lot_id}/registrations", "/ops/sales", "/nowhere"):
            answer = await client.post(f"/api/v1{path}", content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (413, "payload-too-large")
            assert answer.json()["limit_bytes"] == 16_384

    just = b'{"amount_fen":100}' + b" " * (16_384 - 18)
    assert (await client.post(f"/api/v1/lots/{lot_id}/bids", content=just, headers=headers)).status_code == 201


SALE = {"title": "A sale"}
LOT = {"sale_id": "s1", "title": "A lot", "preset": "jd-flash"}
TERMS = {**LOT, "terms": {}}
BODIES: list[tuple[str, Any, str, str | None]] = [
    # path under /ops, body, code, field
    ("/sales", {}, "missing-field", "title"),
    ("/sales", {"title": ""}, "wrong-text", "title"),
    ("/sales", {"title": "   "}, "wrong-text", "title"),
    ("/sales", {"title": "x" * 201}, "wrong-text", "title"),
    ("/sales", {"title": 7}, "wrong-type", "title"),
    ("/sales", {"title": None}, "wrong-type", "title"),
    ("/sales", {"title": "a\0b"}, "wrong-text", "title"),
    ("/sales", {**SALE, "sale_id": "With Capitals"}, "wrong-text", "sale_id"),
    ("/sales", {**SALE, "sale_id": "x" * 49}, "wrong-text", "sale_id"),
    ("/sales", {**SALE, "owner": "me"}, "unknown-field", "owner"),
    ("/sales", [], "wrong-type", ""),
    ("/sales", "title", "wrong-type", ""),
    ("/lots", {**LOT, "list_price_fen": 0}, "out-of-range", "list_price_fen"),
    ("/lots", {**LOT, "list_price_fen": 10**13 + 1}, "out-of-range", "list_price_fen"),
    ("/lots", {**LOT, "list_price_fen": 1.0}, "wrong-type", "list_price_fen"),
    ("/lots", {**LOT, "list_price_fen": "100"}, "wrong-type", "list_price_fen"),
    ("/lots", {**LOT, "list_price_fen": True}, "wrong-type", "list_price_fen"),
    ("/lots", {**LOT, "preset": "no-such"}, "preset-unknown", None),
    ("/lots", {**LOT, "preset": "../jd-flash"}, "preset-unknown", None),
    ("/lots", {**LOT, "preset": ""}, "wrong-text", "preset"),
    ("/lots", {**LOT, "terms": []}, "wrong-type", "terms"),
    ("/lots", {**LOT, "terms": {"start_price_fen": 1.5}}, "terms-invalid", None),
    ("/lots", {**LOT, "terms": {"start_price_fen": 10**30}}, "terms-invalid", None),
    ("/lots", {**LOT, "terms": {"bidding": ["direct"]}}, "terms-invalid", None),
    ("/lots", {**LOT, "terms": {"soft_close": "none"}}, "terms-invalid", None),
    ("/lots", {**LOT, "terms": {"increments": {"0": 1}}}, "terms-invalid", None),
    ("/lots", {**LOT, "terms": {"deposit": {"policy": {}}}}, "terms-invalid", None),
    ("/lots", {**LOT, "terms": {"cap_fen": 50, "reserve_fen": 900}}, "terms-invalid", None),
    ("/lots", {**LOT, "terms": {"nested": {"a": [{}] * 100}}}, "terms-invalid", None),
    ("/lots", {**LOT, "terms": {"text": "\0"}}, "wrong-text", "terms.text"),
    ("/lots", {**LOT, "terms": {"t\0ext": 1}}, "wrong-text", "terms"),
    ("/lots/{lot}/schedule", {"opens_at_ms": AT_MS}, "missing-field", "closes_at_ms"),
    ("/lots/{lot}/schedule", {"opens_at_ms": 1, "closes_at_ms": AT_MS}, "out-of-range", "opens_at_ms"),
    ("/lots/{lot}/schedule", {"opens_at_ms": AT_MS, "closes_at_ms": 10**15}, "out-of-range", "closes_at_ms"),
    ("/lots/{lot}/schedule", {"opens_at_ms": AT_MS, "closes_at_ms": AT_MS + 0.5}, "wrong-type", "closes_at_ms"),
    ("/lots/{lot}/open", {}, "malformed", ""),
    ("/lots/{lot}/open", {"duration_ms": 1000, "closes_at_ms": AT_MS}, "malformed", ""),
    ("/lots/{lot}/open", {"duration_ms": None}, "malformed", ""),
    ("/lots/{lot}/open", {"duration_ms": 0}, "out-of-range", "duration_ms"),
    ("/lots/{lot}/open", {"duration_ms": 10**12}, "out-of-range", "duration_ms"),
    ("/lots/{lot}/pause", {}, "missing-field", "reason"),
    ("/lots/{lot}/pause", {"reason": "no"}, "wrong-text", "reason"),
    ("/lots/{lot}/pause", {"reason": "x" * 501}, "wrong-text", "reason"),
    ("/lots/{lot}/pause", {"reason": "    "}, "wrong-text", "reason"),
    ("/lots/{lot}/resume", {"review_above_fen": -1}, "out-of-range", "review_above_fen"),
    ("/lots/{lot}/resume", {"review_above_fen": "1"}, "wrong-type", "review_above_fen"),
    ("/lots/{lot}/extend", {"reason": "more time"}, "missing-field", "by_ms"),
    ("/lots/{lot}/extend", {"reason": "more time", "by_ms": -5}, "out-of-range", "by_ms"),
    ("/lots/{lot}/close", {"reason": ["x"]}, "wrong-type", "reason"),
    ("/lots/{lot}/bids/1/void", {"why": "a mistake"}, "unknown-field", "why"),
]


async def test_each_wrong_body_of_staff_is_its_own_problem_and_nothing_is_changed(asker, ledger_as_it_is):
    lot_id = await asker.open_lot()
    await asker.ops("/sales", {"title": "A sale", "sale_id": "s1"}, 201)
    before, sales = await ledger_as_it_is(), (await asker.get("/sales", OPS)).json()["sales"]

    for path, body, code, field in BODIES:
        answer = await asker.post("/ops" + path.format(lot=lot_id), body, OPS)
        problem = answer.json()
        named = [error["field"] for error in problem.get("errors", [])]
        assert (answer.status_code, code in (problem["code"], *(e["code"] for e in problem.get("errors", [])))) == (
            422,
            True,
        ), (body, problem)
        assert field is None or field in named, (body, problem)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "pydantic" not in answer.text

    for sale in (sales_after := (await asker.get("/sales", OPS)).json()["sales"]) + sales:
        for lot in sale["lots"]:
            lot.pop("now_ms")
    assert sales_after == sales
    assert await ledger_as_it_is() == before


async def test_a_sentence_names_what_was_wrong_and_what_is_allowed(asker):
    answer = await asker.post("/ops/lots", {**LOT, "list_price_fen": 10**13 + 1}, OPS)

    assert answer.json()["detail"] == "list_price_fen must be at most 10000000000000, got 10000000000001."
    answer = await asker.post("/ops/sales", {"title": " ", "sale_id": "Launch"}, OPS)
    assert [error["detail"] for error in answer.json()["errors"]] == [
        "title must hold more than blanks.",
        "sale_id must be lower-case letters and digits, with single hyphens between them.",
    ]


async def test_a_body_that_is_no_json_or_is_not_there_is_told_so(client):
    async def asked(content, **headers):
        answer = await client.post("/api/v1/ops/sales", content=content, headers={**OPS, **headers})
        return answer.status_code, answer.json()["code"]

    json = {"Content-Type": "application/json"}
    assert await asked(b"", **json) == (422, "missing-field")
    assert await asked(b"") == (422, "missing-field")
    assert await asked(b"{", **json) == (422, "malformed")
    assert await asked(b'{"title": "a", "title": "b"}', **json) == (422, "duplicate-field")
    assert await asked(b'{"title": NaN}', **json) == (422, "malformed")
    assert await asked(b"[" * 16_000, **json) == (422, "malformed")
    assert await asked(b'{"title": ' + b"1" * 5000 + b"}", **json) == (422, "malformed")
    assert await asked(b'{"title": "a"}') == (415, "unsupported-media-type")
    assert await asked(b"title=a", **{"Content-Type": "application/x-www-form-urlencoded"}) == (
        415,
        "unsupported-media-type",
    )


async def test_ids_that_no_lot_or_sale_can_have_are_not_found(asker):
    for lot_id in ("none", "UPPER", "a--b", "%00", "%ff", "x" * 65, "a'b", "%F0%9F%8D%8E"):
        for answer in (
            await asker.get(f"/lots/{lot_id}"),
            await asker.get(f"/lots/{lot_id}/bids"),
            await asker.post(f"/lots/{lot_id}/registrations", {"accept_terms": True}, signed()),
            await asker.post(f"/ops/lots/{lot_id}/open", {"duration_ms": 1000}, OPS),
            await asker.post(f"/ops/lots/{lot_id}/resume", None, OPS),
            await asker.post(f"/ops/lots/{lot_id}/bids/1/void", {"reason": "a mistake"}, OPS),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "lot-unknown"), lot_id
        sale = await asker.get(f"/sales/{lot_id}")
        assert (sale.status_code, sale.json()["code"]) == (404, "sale-unknown"), lot_id


@pytest.mark.parametrize("seq", ["0", "-1", "x", "1.5", "9" * 30, str(2**53), "%00"])
async def test_a_seq_that_no_bid_can_have_is_not_found(asker, seq):
    lot_id = await asker.open_lot()

    answer = await asker.post(f"/ops/lots/{lot_id}/bids/{seq}/void", {"reason": "a mistake"}, OPS)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "after_seq=-1", "after_seq=", f"after_seq={2**53}", "after_seq=%00"]
)
async def test_a_page_that_cannot_be_is_refused(asker, query):
    lot_id = await asker.open_lot()

    answer = await asker.get(f"/lots/{lot_id}/bids?{query}")

    assert answer.status_code == 422
    assert answer.json()["field"] == query.partition("=")[0]


async def test_unknown_paths_and_methods_are_problems_too(client):
    async def asked(method, path):
        answer = await client.request(method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, answer.json()["code"], answer.headers.get("allow")

    assert await asked("GET", "/nowhere") == (404, "not-found", None)
    assert await asked("GET", "/api/v1/lots/a/b/bids") == (404, "not-found", None)
    assert await asked("POST", "/api/v1/lots//bids") == (404, "not-found", None)
    assert await asked("GET", "/api/v1/sales/") == (404, "not-found", None)
    assert await asked("PUT", "/api/v1/sales") == (405, "method-not-allowed", "GET")
    assert await asked("DELETE", "/api/v1/lots/a-001/bids") == (405, "method-not-allowed", "GET, POST")
    assert await asked("POST", "/healthz") == (405, "method-not-allowed", "GET")
