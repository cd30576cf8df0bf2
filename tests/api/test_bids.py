import asyncio
import json
from hashlib import sha256

import pytest

from auction.services.bid_rate import BURST_S, BidRate
from auction.services.context import AppContext
from auction.signing.bidder_codes import BidderCodes
from auction.signing.public_keys import PublicKeys
from auction.signing.receipts import StatedBid
from auction.workers.archiver import Archiver
from tests.api.conftest import SECRET, new_key, signed

FIELDS = [
    "lot_id",
    "seq",
    "amount_fen",
    "price_fen",
    "minimum_fen",
    "leading",
    "ends_at_ms",
    "at_ms",
    "at_seq",
    "paddle",
    "receipt",
]


async def test_an_accepted_bid_is_answered_with_its_receipt(asker):
    lot_id = await asker.open_lot()

    answer = await asker.bid(lot_id, 500, key="the-first-key")

    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    bid = answer.json()
    assert list(bid) == FIELDS
    assert (bid["lot_id"], bid["amount_fen"], bid["price_fen"], bid["minimum_fen"]) == (lot_id, 500, 500, 600)
    assert (bid["leading"], bid["paddle"], bid["at_seq"]) == (True, 1, bid["seq"])
    stated = StatedBid.parse(bid["receipt"])
    assert (stated.lot_id, stated.epoch, stated.size) == (lot_id, 1, 1)
    for name in ("seq", "amount_fen", "price_fen", "leading", "ends_at_ms", "at_ms", "paddle"):
        assert getattr(stated, name) == bid[name], name
    assert stated.key_sha256 == sha256(b"the-first-key").hexdigest()
    assert stated.bidder == BidderCodes.derive(SECRET).code("ann")
    listed = await asker.http.get("/.well-known/auction-keys.json")
    assert stated.is_signed(PublicKeys.parse(listed.content))


async def test_a_retry_gets_the_same_bytes_however_much_later(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    first = await asker.bid(lot_id, 100, key="the-first-key")
    await asker.bid(lot_id, 200, bidder="bob")
    await asker.bid(lot_id, 300, key="another-key")
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})

    again = [await asker.bid(lot_id, 100, key="the-first-key") for _ in range(3)]

    assert [answer.status_code for answer in again] == [200, 200, 200]
    assert {answer.content for answer in again} == {first.content}


async def test_bids_of_one_call_have_one_signature_and_each_retry_its_own_receipt(asker, context: AppContext):
    names = tuple(f"bidder-{number:02d}" for number in range(24))
    lot_id = await asker.open_lot(bidders=names)

    async def bid(number: int):
        return await asker.bid(lot_id, 100 * (number + 1), bidder=names[number], key=f"key-of-{number:04d}")

    first = await asyncio.gather(*map(bid, range(24)))
    accepted = {number: answer for number, answer in enumerate(first) if answer.status_code == 201}
    stated = {number: StatedBid.parse(answer.json()["receipt"]) for number, answer in accepted.items()}
    assert max(one.size for one in stated.values()) > 1
    for number, one in stated.items():
        assert one.is_signed(context.house_keys.public)
        assert (one.seq, one.amount_fen) == (accepted[number].json()["seq"], 100 * (number + 1))
    calls = {(one.at_ms, one.chain, one.size): one.signature for one in stated.values()}
    assert len({one.signature for one in stated.values()}) == len(calls)

    # from the stream, from the archive once the stream is trimmed, and once the ledger has dropped the lot
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    ledger = context.ledger
    for step in ("stream", "archive", "ended"):
        if step == "archive":
            await Archiver(context.books, context.stream).catch_up()
            await ledger.redis.xtrim(ledger.keys.stream_of(lot_id), maxlen=0, approximate=False)
        elif step == "ended":
            await ledger.redis.delete(ledger.keys.lot(lot_id))
        for number, answer in accepted.items():
            again = await bid(number)
            assert (again.status_code, again.content) == (200, answer.content), step


async def test_a_bid_that_is_sent_twice_at_once_gets_one_receipt(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    await asker.bid(lot_id, 100, bidder="bob")
    both = await asyncio.gather(*(asker.bid(lot_id, 500, key="sent-at-once") for _ in range(3)))
    assert sorted(answer.status_code for answer in both) == [200, 200, 201]
    assert len({answer.content for answer in both}) == 1


async def test_a_retry_whose_entry_is_nowhere_yet_is_told_to_try_again(asker, context: AppContext):
    lot_id = await asker.open_lot()
    await asker.bid(lot_id, 100, key="the-first-key")
    ledger = context.ledger
    await ledger.redis.xtrim(ledger.keys.stream_of(lot_id), maxlen=0, approximate=False)
    again = await asker.bid(lot_id, 100, key="the-first-key")
    assert (again.status_code, again.json()["code"]) == (503, "ledger-away")
    assert "accepted with seq" in again.json()["detail"]


async def test_a_key_stands_for_one_amount_of_one_bidder(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    await asker.bid(lot_id, 100, key="the-same-key")

    other_amount = await asker.bid(lot_id, 200, key="the-same-key")
    other_bidder = await asker.bid(lot_id, 200, bidder="bob", key="the-same-key")

    assert (other_amount.status_code, other_amount.json()["code"]) == (409, "key-reused")
    assert other_bidder.status_code == 201


async def test_a_refused_bid_is_told_why_what_would_do_and_how_the_lot_stood(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    first = (await asker.bid(lot_id, 500)).json()

    answer = await asker.bid(lot_id, 599, bidder="bob")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    now_ms = problem.pop("now_ms")
    assert problem == {
        "type": "urn:auction:problem:bid-too-low",
        "title": "Bid too low",
        "status": 409,
        "detail": "Bid at least 6.00.",
        "code": "bid-too-low",
        "at_seq": first["seq"],
        "price_fen": 500,
        "minimum_fen": 600,
        "ends_at_ms": first["ends_at_ms"],
    }
    assert first["at_ms"] <= now_ms < first["ends_at_ms"]


async def test_each_rule_refuses_with_its_own_code_and_facts(asker):
    lot_id = await asker.open_lot(
        bidders=("ann", "bob"), terms={"cap_fen": 100_000, "on_grid": True, "max_jump": {"steps": 10}}
    )

    async def refusal(amount_fen, bidder):
        answer = await asker.bid(lot_id, amount_fen, bidder=bidder)
        assert answer.status_code == 409, answer.text
        return answer.json()

    assert (await refusal(100, "eve"))["code"] == "not-registered"
    await asker.bid(lot_id, 100)
    assert (await refusal(200, "ann"))["code"] == "already-leading"
    above = await refusal(100_100, "bob")
    assert (above["code"], above["cap_fen"]) == ("above-cap", 100_000)
    assert (await refusal(250, "bob"))["code"] == "off-grid"
    jump = await refusal(5000, "bob")
    assert (jump["code"], jump["maximum_fen"]) == ("jump-too-large", 1100)
    await asker.ops(f"/lots/{lot_id}/pause", {"reason": "for the test"})
    paused = await refusal(200, "bob")
    assert (paused["code"], paused["lot_status"], paused["status"]) == ("lot-not-open", "paused", 409)


@pytest.mark.parametrize(
    "lot_id", ["no-such-lot", "UPPER", "a--b", "x" * 65, "%00", "%F0%9F%8D%8E", "a b", "...", "{lot}"]
)
async def test_a_lot_that_there_is_not_is_not_found(asker, lot_id):
    answer = await asker.bid(lot_id, 100)

    assert (answer.status_code, answer.json()["code"]) == (404, "lot-unknown")
    assert answer.json()["at_seq"] == 0


async def test_a_deposits_ladder_limits_the_bid(asker):
    bands = [{"deposit_fen": 10_000, "limit_fen": 1_000_000}, {"deposit_fen": 100_000, "limit_fen": None}]
    lot_id = await asker.open_lot(bidders=(), terms={"deposit": {"policy": "ladder", "bands": bands}})
    registered = (await asker.register(lot_id)).json()
    assert registered["limit_fen"] == 1_000_000

    over = (await asker.bid(lot_id, 1_000_100)).json()

    assert (over["code"], over["limit_fen"]) == ("over-limit", 1_000_000)
    assert "10,000.00" in over["detail"]


async def test_bids_at_once_get_every_seq_once(asker):
    names = tuple(f"bidder{n}" for n in range(8))
    lot_id = await asker.open_lot(bidders=names)

    answers = await asyncio.gather(
        *(asker.bid(lot_id, 100 * n, bidder=names[n % 8]) for n in range(1, 65)),
    )

    accepted = [answer.json() for answer in answers if answer.status_code == 201]
    assert accepted
    assert {answer.status_code for answer in answers} <= {201, 409}
    by_seq = sorted(accepted, key=lambda bid: bid["seq"])
    assert [bid["seq"] for bid in by_seq] == list(range(by_seq[0]["seq"], by_seq[0]["seq"] + len(accepted)))
    assert [bid["price_fen"] for bid in by_seq] == sorted({bid["price_fen"] for bid in accepted})


async def test_the_routes_of_the_same_path_are_not_the_doors(asker, client):
    lot_id = await asker.open_lot()
    await asker.bid(lot_id, 100)

    listed = await asker.get(f"/lots/{lot_id}/bids")
    deleted = await client.delete(f"/api/v1/lots/{lot_id}/bids")

    assert [bid["amount_fen"] for bid in listed.json()["bids"]] == [100]
    assert (deleted.status_code, deleted.headers["allow"]) == (405, "GET, POST")


async def test_the_documented_route_takes_a_bid_like_the_door(asker, app):
    lot_id = await asker.open_lot()
    key = new_key()
    at_the_door = await asker.bid(lot_id, 100, key=key)
    asker.http._transport.app = app._app

    behind_it = await asker.bid(lot_id, 100, key=key)

    assert (behind_it.status_code, behind_it.content) == (200, at_the_door.content)
    assert (await asker.bid(lot_id, 0)).json()["code"] == "out-of-range"


async def test_answers_are_counted_for_prometheus(asker, client):
    lot_id = await asker.open_lot()
    key = new_key()
    for amount_fen, key_used in ((100, key), (100, key), (200, new_key()), (0, new_key())):
        await asker.bid(lot_id, amount_fen, key=key_used)
    await asker.post(f"/lots/{lot_id}/bids", {"amount_fen": 1})

    metrics = (await client.get("/metrics")).text.splitlines()

    for line in (
        "auction_bids_accepted_total 1.0",
        "auction_bids_repeated_total 1.0",
        'auction_bids_refused_total{code="already-leading"} 1.0',
        'auction_bids_refused_total{code="bid-too-low"} 0.0',
        'auction_bids_unanswered_total{code="out-of-range"} 1.0',
        'auction_bids_unanswered_total{code="unauthorized"} 1.0',
        "auction_bid_seconds_count 3.0",
        'auction_bid_seconds_bucket{le="+Inf"} 3.0',
    ):
        assert line in metrics


async def test_a_ledger_that_is_away_takes_no_bid_and_says_when_to_try_again(asker, context):
    lot_id = await asker.open_lot()
    pool = context.ledger.redis.connection_pool
    await pool.disconnect()
    for connection in pool._available_connections:
        connection.path = "/nowhere/at/all"

    answer = await asker.bid(lot_id, 100)

    assert (answer.status_code, answer.json()["code"]) == (503, "ledger-away")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("wrong", [RuntimeError("a secret inside"), KeyError("x")])
async def test_what_nobody_foresaw_is_logged_and_answered_without_a_word_of_it(
    asker, context, monkeypatch, capsys, wrong
):
    lot_id = await asker.open_lot()

    def broken(*_):
        raise wrong

    monkeypatch.setattr(type(context.combiner), "submit", broken)
    answer = await asker.bid(lot_id, 100)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "secret" not in answer.text
    logged = capsys.readouterr().out
    assert "bid_failed" in logged
    assert answer.headers["x-request-id"] in logged
    assert signed()["Authorization"].split()[1] not in logged


async def test_an_answer_is_valid_json_with_whole_numbers(asker):
    lot_id = await asker.open_lot()

    answer = await asker.bid(lot_id, 10**13)

    assert json.loads(answer.content, parse_float=pytest.fail)["amount_fen"] == 10**13


async def test_a_bidder_who_bids_too_fast_is_told_to_wait_and_the_others_are_served(
    asker, context, monkeypatch: pytest.MonkeyPatch
):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    # no time passes for whoever counts
    rate = BidRate(per_s=1, clock_s=lambda: 1_000.0)
    monkeypatch.setattr(context.bid_rate, "_buckets", rate._buckets)
    answers = [await asker.bid(lot_id, 100 * n, key=f"too-fast-{n}") for n in range(1, 9)]
    over = [answer for answer in answers if answer.status_code == 429]
    assert len(over) == 8 - BURST_S
    assert {answer.json()["code"] for answer in over} == {"too-many-bids"}
    assert {answer.headers["retry-after"] for answer in over} == {"1"}
    assert (await asker.bid(lot_id, 900, bidder="bob")).status_code == 201
