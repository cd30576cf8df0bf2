"""Acts that change who wins need two persons of staff: one requests, the other does the same."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from auction.books import approvals, audit
from auction.services.catalogue import lots, two_person_acts
from auction.services.catalogue.two_person_acts import StaffCall
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from tests.api.conftest import OPS, TERMS, Asker, new_key, signed

DORA, EVE = signed("dora", Role.OPS), signed("eve", Role.OPS)
REASON = {"reason": "a typing error"}


@pytest.fixture
async def context(context: AppContext) -> AppContext:
    """A house in which such acts need two persons, at a time that the tests set."""
    return replace(context, two_persons=True)


async def paused_with_bids(asker: Asker) -> str:
    """A paused lot with a bid of ann's, and one of bob's above it."""
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    assert (await asker.bid(lot_id, 100)).status_code == 201
    assert (await asker.bid(lot_id, 200, bidder="bob")).status_code == 201
    await asker.ops(f"/lots/{lot_id}/pause", REASON)
    return lot_id


async def act(  # noqa: PLR0917 - a call and its parts
    asker: Asker,
    path: str,
    who: dict[str, str],
    body: dict[str, Any] | None = None,
    key: str = "",
    agrees_to: int | None = None,
) -> httpx.Response:
    headers = {**who, **({"Idempotency-Key": key} if key else {})}
    named = {} if agrees_to is None else {"pending_id": agrees_to}
    return await asker.post(f"/ops{path}", {**(REASON if body is None else body), **named}, headers)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def pending_of(asker: Asker, who: dict[str, str] = DORA) -> list[dict[str, Any]]:
    answer = await asker.get("/ops/pending", who)
    found: list[dict[str, Any]] = answer.json()["pending"]
    assert (await asker.get("/ops/lots", who)).json()["pending"] == found
    return found


async def test_one_clerk_cannot_hand_the_lot_to_a_friend(asker: Asker, context: AppContext):
    lot_id = await paused_with_bids(asker)
    before = (await asker.get(f"/lots/{lot_id}")).json()
    void = f"/lots/{lot_id}/bids/{before['seq'] - 1}/void"
    requested = await act(asker, void, DORA)
    assert requested.status_code == 202
    waiting = requested.json()
    assert (waiting["act"], waiting["asked_by"], waiting["lot_id"]) == ("void-bid", "dora", lot_id)
    assert await pending_of(asker) == [waiting]
    # the same person again, and everything else but pausing
    assert (await act(asker, void, DORA)).json() == waiting
    assert code_of(await act(asker, f"/lots/{lot_id}/resume", EVE, {})) == (409, "act-pending")
    assert code_of(await act(asker, f"/lots/{lot_id}/void", EVE)) == (409, "act-pending")
    assert code_of(await act(asker, f"/lots/{lot_id}/bids/1/void", EVE)) == (409, "act-pending")
    now = (await asker.get(f"/lots/{lot_id}")).json()
    assert (now["leader"], now["price_fen"], now["epoch"]) == (before["leader"], 200, before["epoch"])
    # whoever does the same without having read the request does not agree to it
    unaware = await act(asker, void, EVE)
    assert code_of(unaware) == (409, "approval-waiting")
    assert unaware.json()["pending_id"] == waiting["pending_id"]
    # another person does the same, and again where the answer was lost
    key = new_key()
    for _ in range(2):
        done = await act(asker, void, EVE, key=key, agrees_to=waiting["pending_id"])
        assert done.status_code == 200, done.text
        assert (done.json()["price_fen"], done.json()["epoch"]) == (100, before["epoch"] + 1)
    assert await pending_of(asker) == []
    assert (await act(asker, f"/lots/{lot_id}/resume", EVE, {})).status_code == 200
    async with context.books.reading() as tx:
        acts = [(one.actor, one.action) for one in await audit.staff_actions_of(tx, audit.AuditFilter(lot_id=lot_id))]
    assert {("dora", "ask-void-bid"), ("eve", "approve-void-bid")} <= set(acts)


async def test_each_act_on_a_lot_with_bids_needs_two(asker: Asker):
    lot_id = await asker.open_lot()
    more = {"by_ms": 60_000, **REASON}
    # before the first bid one person may
    extended = await act(asker, f"/lots/{lot_id}/extend", DORA, more)
    assert extended.status_code == 200
    ends_at_ms = extended.json()["ends_at_ms"]
    await asker.bid(lot_id, 100)
    requested = await act(asker, f"/lots/{lot_id}/extend", DORA, more)
    assert requested.status_code == 202
    agrees_to = requested.json()["pending_id"]
    # another length is another act
    assert code_of(await act(asker, f"/lots/{lot_id}/extend", EVE, {**more, "by_ms": 1})) == (409, "act-pending")
    key = new_key()
    for _ in range(2):
        extended = await act(asker, f"/lots/{lot_id}/extend", EVE, more, key, agrees_to)
        assert (extended.status_code, extended.json()["ends_at_ms"]) == (200, ends_at_ms + 60_000)
    assert (await act(asker, f"/lots/{lot_id}/close", EVE)).status_code == 202
    assert (await act(asker, f"/lots/{lot_id}/pause", DORA)).status_code == 200
    # what was asked for is not possible any more, and waits for nobody once it is withdrawn
    (waiting,) = await pending_of(asker)
    pending_id = waiting["pending_id"]
    for _ in range(2):
        withdrawn = await asker.http.delete(f"/api/v1/ops/pending/{waiting['pending_id']}", headers=DORA)
        assert withdrawn.status_code == 204
    assert await pending_of(asker) == []
    # a paused lot is extended and closed by two as well
    requested = await act(asker, f"/lots/{lot_id}/extend", DORA, {**more, "move_hard_stop": True})
    assert (requested.status_code, requested.json()["subject"]) == (202, "moves_hard_stop by_ms=60000")
    agrees_to = requested.json()["pending_id"]
    assert code_of(await act(asker, f"/lots/{lot_id}/extend", EVE, more, "", agrees_to)) == (409, "act-pending")
    withdrawn = await asker.http.delete(f"/api/v1/ops/pending/{agrees_to}", headers=DORA)
    assert withdrawn.status_code == 204
    assert (await act(asker, f"/lots/{lot_id}/resume", DORA, {})).status_code == 200
    # one that was withdrawn is not agreed to any more
    assert code_of(await act(asker, f"/lots/{lot_id}/close", DORA, agrees_to=pending_id)) == (404, "pending-unknown")
    pending_id = (await act(asker, f"/lots/{lot_id}/close", DORA)).json()["pending_id"]
    closed = await act(asker, f"/lots/{lot_id}/close", EVE, agrees_to=pending_id)
    assert closed.json()["status"] == "closed"
    assert code_of(await asker.http.delete("/api/v1/ops/pending/999", headers=DORA)) == (404, "pending-unknown")


async def test_a_lot_with_bids_is_voided_by_two_and_an_empty_one_by_one(asker: Asker):
    empty, full = await asker.open_lot(), await asker.open_lot()
    await asker.bid(full, 100)
    assert (await act(asker, f"/lots/{empty}/void", DORA)).json()["status"] == "void"
    requested = await act(asker, f"/lots/{full}/void", DORA)
    assert requested.status_code == 202
    voided = await act(asker, f"/lots/{full}/void", EVE, agrees_to=requested.json()["pending_id"])
    assert voided.json()["status"] == "void"


async def test_what_is_not_possible_is_not_left_to_the_ledger_which_may_find_it_possible_by_then(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
):
    # a lot that opens between the look and the act must not be closed by one person
    await asker.ops("/sales", {"title": "A sale", "sale_id": "later"}, 201)
    lot = await asker.ops("/lots", {"sale_id": "later", "title": "A lot", "terms": TERMS}, 201)
    lot_id, opens_at_ms = lot["lot_id"], lot["now_ms"] + 3_600_000
    times = {"opens_at_ms": opens_at_ms, "closes_at_ms": opens_at_ms + 3_600_000}
    await asker.ops(f"/lots/{lot_id}/schedule", times)
    monkeypatch.setattr(lots, "close_lot", crash)
    monkeypatch.setattr(lots, "extend_lot", crash)
    more = {"by_ms": 60_000, **REASON}
    for path, body in (("close", REASON), ("extend", more)):
        assert code_of(await act(asker, f"/lots/{lot_id}/{path}", DORA, body)) == (409, "wrong-status")


async def test_a_request_expires(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot()
    await asker.bid(lot_id, 100)
    waiting = (await act(asker, f"/lots/{lot_id}/close", DORA)).json()
    assert waiting["expires_at_ms"] == waiting["asked_at_ms"] + two_person_acts.VALID_MS
    later = replace(context, clock_ms=lambda: waiting["expires_at_ms"])
    assert await two_person_acts.all_waiting(later) == []
    again = await two_person_acts.close_lot(later, lot_id, StaffCall("eve", "b"))
    assert isinstance(again, approvals.Approval)
    assert again.asked_by == "eve"


async def test_an_act_that_was_confirmed_before_a_crash_is_done_once(
    asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch
):
    lot_id = await asker.open_lot()
    await asker.bid(lot_id, 100)
    ends_at_ms = (await asker.get(f"/lots/{lot_id}")).json()["ends_at_ms"]

    async def extend(actor: str, agrees_to: int | None = None) -> Any:
        call = StaffCall(actor, "more", agrees_to=agrees_to)
        return await two_person_acts.extend_lot(context, lot_id, call, by_ms=1_000)

    pending_id = (await extend("dora")).approval_id
    with monkeypatch.context() as patched:
        patched.setattr(two_person_acts, "_note_approved", crash)
        with pytest.raises(ConnectionError):
            await extend("eve", pending_id)
    done = await extend("eve", pending_id)
    assert done.ends_at_ms == ends_at_ms + 1_000


async def crash(*_: object, **__: object) -> None:
    raise ConnectionError


async def test_an_identity_level_needs_two(asker: Asker):
    await asker.open_lot()
    path, level = "/bidders/ann/identity", {"level": 2, "identity": "310101"}
    assert code_of(await act(asker, "/bidders/nobody/identity", DORA, level)) == (404, "bidder-unknown")
    requested = await act(asker, path, DORA, level)
    assert (requested.status_code, requested.json()["act"]) == (202, "set-identity")
    assert (await act(asker, path, DORA, level)).status_code == 202
    # another level is another request
    assert (await act(asker, path, EVE, {"level": 3})).status_code == 202
    assert code_of(await act(asker, path, EVE, level)) == (409, "approval-waiting")
    agrees_to = requested.json()["pending_id"]
    assert (await act(asker, path, EVE, level, agrees_to=agrees_to)).json() == {"bidder_id": "ann", "identity_level": 2}
    assert [one["subject"].partition(" identity")[0] for one in await pending_of(asker)] == ["ann level=3"]


async def test_terms_say_whether_two_are_needed(asker: Asker):
    assert (await asker.get("/config")).json()["two_persons"] is True
    assert (await asker.get("/ops/pending", OPS)).status_code == 200
    assert (await asker.get("/ops/pending")).status_code == 401
