"""The record of a lot that is over, as anybody may download it, and what opens its commitments to a bidder."""

import json
from hashlib import sha256

import pytest
from sqlalchemy import text

from auction.services.catalogue import published_ledger
from auction.services.context import AppContext
from auction.services.verification.published_record import check_record
from auction.signing.public_keys import PublicKeys
from auction.workers.archiver import Archiver
from tests.api.conftest import Asker, signed

PROXY = {"bidding": "proxy", "reserve_fen": 400, "soft_close": None, "max_jump": None}


async def ended_lot(asker: Asker, context: AppContext) -> str:
    """A proxy lot on which ann's maximum of 5,000 holds against bob; closed, not archived yet."""
    lot_id = await asker.open_lot(bidders=("ann", "bob"), terms=PROXY)
    assert (await asker.bid(lot_id, 5_000, key="key-of-ann")).status_code == 201
    assert (await asker.bid(lot_id, 700, bidder="bob", key="key-of-bob")).status_code == 201
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    return lot_id


async def test_anybody_may_download_the_record_of_a_lot_that_is_over(asker: Asker, context: AppContext):
    lot_id = await ended_lot(asker, context)
    early = await asker.get(f"/lots/{lot_id}/ledger.jsonl")
    assert (early.status_code, early.json()["code"]) == (409, "record-not-published")
    await Archiver(context.books, context.stream).catch_up()

    answer = await asker.get(f"/lots/{lot_id}/ledger.jsonl")

    assert answer.headers["content-type"].startswith("application/jsonl")
    lines = answer.content.splitlines(keepends=True)
    listed = await asker.http.get("/.well-known/auction-keys.json")
    verdict = check_record(lines, PublicKeys.parse(listed.content))
    assert (verdict.faults, verdict.lot_id, verdict.events) == ([], lot_id, len(lines) - 1)
    assert verdict.signed_by == listed.json()["keys"][0]["kid"]
    assert (await asker.get(f"/lots/{lot_id}/ledger.jsonl")).content == answer.content
    async with context.books.reading() as tx:
        row = await tx.returned(text("SELECT head FROM ledger_entries ORDER BY first_seq DESC LIMIT 1"))
    assert verdict.head == bytes(row["head"]).hex()
    events = [json.loads(line) for line in lines[:-1]]
    bids = [(event["paddle"], event["price_fen"]) for event in events if event["type"] == "bid"]
    assert bids == [(1, 400), (2, 800)]
    assert events[-1]["leader_paddle"] == 1
    for secret in (b"ann", b"bob", b"5000", b"key-of"):
        assert secret not in answer.content


async def test_a_record_is_made_once_and_anew_when_it_has_another_head(asker: Asker, context: AppContext):
    lot_id = await ended_lot(asker, context)
    await Archiver(context.books, context.stream).catch_up()
    first = await asker.get(f"/lots/{lot_id}/ledger.jsonl")
    async with context.books.transaction() as tx:
        await tx.session.execute(text("UPDATE ledger_entries SET at_ms = at_ms + 1 WHERE first_seq = 4"))
    assert (await asker.get(f"/lots/{lot_id}/ledger.jsonl")).content == first.content

    async with context.books.transaction() as tx:
        await tx.session.execute(text("UPDATE ledger_entries SET head = sha256(head)"))
    changed = await asker.get(f"/lots/{lot_id}/ledger.jsonl")
    assert changed.status_code == 200
    assert len(changed.content) < len(first.content)


async def test_a_record_that_is_too_long_to_keep_is_made_for_each_reader(
    asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch
):
    lot_id = await ended_lot(asker, context)
    await Archiver(context.books, context.stream).catch_up()
    monkeypatch.setattr(published_ledger, "KEPT_BYTES_MAX", 100)
    first = await asker.get(f"/lots/{lot_id}/ledger.jsonl")
    assert (await asker.get(f"/lots/{lot_id}/ledger.jsonl")).content == first.content
    assert len(context.published_records) == 0


async def test_a_bidder_can_open_the_commitments_to_their_own_bids_and_to_no_others(asker: Asker, context: AppContext):
    lot_id = await ended_lot(asker, context)
    await Archiver(context.books, context.stream).catch_up()
    lines = (await asker.get(f"/lots/{lot_id}/ledger.jsonl")).content.splitlines()
    committed = {event["seq"]: event.get("commitment") for event in map(json.loads, lines[:-1])}

    openings = (await asker.get(f"/lots/{lot_id}/openings", signed("ann"))).json()

    assert openings["next_after_seq"] is None
    (own,) = openings["openings"]
    assert json.loads(own["private"]) == {"bidder_id": "ann", "amount_fen": 5_000, "key": "key-of-ann"}
    assert sha256(bytes.fromhex(own["salt"]) + own["private"].encode()).hexdigest() == committed[own["seq"]]
    assert (await asker.get(f"/lots/{lot_id}/openings")).status_code == 401


async def test_openings_come_in_pages(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot(terms=PROXY)
    for amount_fen in (500, 900):
        assert (await asker.bid(lot_id, amount_fen)).status_code == 201
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    await Archiver(context.books, context.stream).catch_up()
    first = (await asker.get(f"/lots/{lot_id}/openings?limit=1", signed("ann"))).json()
    rest = f"/lots/{lot_id}/openings?limit=1&after_seq={first['next_after_seq']}"
    second = (await asker.get(rest, signed("ann"))).json()
    amounts = [json.loads(one["private"])["amount_fen"] for page in (first, second) for one in page["openings"]]
    assert (amounts, second["next_after_seq"]) == ([500, 900], None)


async def test_a_record_that_was_begun_under_full_lines_is_not_published(asker: Asker, context: AppContext):
    lot_id = await ended_lot(asker, context)
    await Archiver(context.books, context.stream).catch_up()
    async with context.books.transaction() as tx:
        await tx.session.execute(text("DELETE FROM lot_chains"))
    answer = await asker.get(f"/lots/{lot_id}/ledger.jsonl")
    assert (answer.status_code, answer.json()["code"], answer.json()["lot_status"]) == (
        409, "record-not-published", "closed",
    )  # fmt: skip
    assert (await asker.get("/lots/nowhere-001/ledger.jsonl")).status_code == 404


async def test_of_a_damaged_record_what_is_sound_is_published_and_seen_to_be_cut(asker: Asker, context: AppContext):
    lot_id = await ended_lot(asker, context)
    await Archiver(context.books, context.stream).catch_up()
    async with context.books.transaction() as tx:
        await tx.session.execute(text("UPDATE ledger_entries SET at_ms = at_ms + 1 WHERE first_seq = 4"))
    lines = (await asker.get(f"/lots/{lot_id}/ledger.jsonl")).content.splitlines()
    assert len(lines) == 3
    assert [fault.what for fault in check_record(lines).faults] == [
        "the end of the record is missing: the file was cut"
    ]
