"""What finance, auditors and ops ask about money: who may, what is refused, what is read and taken along."""

import csv
import io
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.http import csv_export
from auction.books.invariants import INVARIANTS
from auction.domain.currency import CNY
from auction.domain.settlement import BidderPolicy
from auction.services.catalogue import lots
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from auction.services.payments import registration_deposits
from auction.services.registration.identity_levels import set_identity
from auction.services.settlement import award_payment
from tests.api.conftest import OPS, Asker, signed
from tests.api.money_snapshot import nothing_moves
from tests.api.test_money import CASCADE, LADDER, refused
from tests.settlement.conftest import DAY_MS, YUAN, Stage

FIN, FLO = signed("fin", Role.FINANCE), signed("flo", Role.FINANCE)
AUDITOR = signed("amy", Role.AUDITOR)
REASON = {"reason": "a reason"}
SHORTFALL = {
    "settlement": {
        "payment_window_ms": DAY_MS,
        "default_liability": "shortfall",
        "reauction_cost_fen": 500 * YUAN,
        "resale_window_ms": DAY_MS,
    }
}
# what finance does to a lot's settlement, and a body for it
ACTS: dict[str, object] = {
    "default": REASON,
    "offer": None,
    "relist": {"cost_fen": 1},
    "handover-confirmed": None,
    "writeoff": REASON,
    "void": REASON,
}
READ_BY_ALL_STAFF = (
    "/ops/settlements",
    "/ops/settlements/{lot_id}",
    "/ops/journal",
    "/ops/journal.csv",
    "/ops/results.csv",
    "/ops/recovery",
    "/ops/recovery.csv",
)
READ_BY_AUDITORS = ("/ops/invariants", "/ops/audit")


@pytest.fixture
def context(stage: Stage) -> AppContext:
    return stage.context


async def act(asker: Asker, lot_id: str, what: str, who: dict[str, str] = FIN) -> httpx.Response:
    return await asker.post(f"/ops/settlements/{lot_id}/{what}", ACTS[what], who)


async def agree(asker: Asker, lot_id: str, what: str, who: dict[str, str] = FLO) -> httpx.Response:
    """Agree to the act that another person has requested, having read it."""
    settlement = (await told(asker, f"/ops/settlements/{lot_id}", who))["settlement"]
    (waiting,) = [one for one in settlement["approvals"] if one["action"] == what]
    body = {"reason": "a reason", "pending_id": waiting["pending_id"]}
    return await asker.post(f"/ops/settlements/{lot_id}/{what}", body, who)


async def told(asker: Asker, path: str, who: dict[str, str] = FIN) -> dict[str, Any]:
    answer = await asker.get(path, who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_only_finance_acts_on_settlements(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    async with nothing_moves(stage):
        for what in ACTS:
            refused(await act(asker, lot_id, what, {}), 401, "unauthorized")
            for who in (signed("ann"), OPS, AUDITOR):
                assert refused(await act(asker, lot_id, what, who), 403, "forbidden")["allowed"] == ["finance"]


async def test_money_is_read_by_staff_and_its_rules_by_those_who_audit(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    for path in (*READ_BY_ALL_STAFF, *READ_BY_AUDITORS):
        where = path.format(lot_id=lot_id)
        refused(await asker.get(where), 401, "unauthorized")
        refused(await asker.get(where, signed("ann")), 403, "forbidden")
        for who in (FIN, AUDITOR):
            assert (await asker.get(where, who)).status_code == 200, where
        assert (await asker.get(where, OPS)).status_code == (403 if path in READ_BY_AUDITORS else 200), where


async def test_money_of_ones_own_is_for_bidders(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    async with nothing_moves(stage):
        for who in (FIN, OPS, AUDITOR):
            for path in ("/me/awards", "/me/offers", "/me/deposits", "/me/registrations"):
                refused(await asker.get(path, who), 403, "forbidden")
            headers = {**who, "Idempotency-Key": "pay-key-1"}
            refused(await asker.post(f"/me/awards/a-{lot_id}-1/payment", headers=headers), 403, "forbidden")
            refused(await asker.post(f"/me/offers/o-{lot_id}-1/accept", headers=who), 403, "forbidden")


async def test_a_bidder_sees_their_own_money_and_no_one_elses(stage: Stage, asker: Asker) -> None:
    await stage.sold_lot([("bob", 900), ("ann", 1_000)])
    for bidder, awards in (("ann", 1), ("bob", 0), ("cho", 0)):
        assert len((await told(asker, "/me/awards", signed(bidder)))["awards"]) == awards
    (bobs,) = (await told(asker, "/me/deposits", signed("bob")))["deposits"]
    assert (bobs["status"], bobs["why"]) == ("released", "not-won")
    assert (await told(asker, "/me/deposits", signed("cho")))["deposits"] == []


# --- acts that are refused --------------------------------------------------------------------------------------------


async def test_nothing_can_be_done_about_a_lot_that_there_is_not_or_that_has_not_ended(
    stage: Stage, asker: Asker
) -> None:
    running = await stage.open_lot()
    async with nothing_moves(stage):
        for what in ACTS:
            refused(await act(asker, "no-such-lot", what), 404, "lot-unknown")
            refused(await act(asker, "No_Such", what), 404, "lot-unknown")
            assert refused(await act(asker, running, what), 404, "settlement-unknown")["lot_id"] == running
        refused(await asker.get(f"/ops/settlements/{running}", FIN), 404, "settlement-unknown")
        refused(await asker.get("/ops/settlements/no-such-lot", FIN), 404, "lot-unknown")


STATES: dict[str, set[str]] = {
    # state -> what cannot be done in it; write-offs are about claims, not states
    "awarded": {"offer", "relist", "handover-confirmed"},
    "paid": {"default", "offer", "relist"},
    "settled": {"default", "offer", "relist", "handover-confirmed", "void"},
    "offered": {"default", "offer", "relist", "handover-confirmed"},
    "relisted": {"default", "offer", "relist", "handover-confirmed"},
    "void": {"default", "offer", "relist", "handover-confirmed", "void"},
}


async def lot_in(stage: Stage, asker: Asker, state: str) -> str:
    """A lot whose settlement is in that state."""
    if state == "offered":
        lot_id = await stage.sold_lot([("bob", 900), ("ann", 1_000)], CASCADE)
    else:
        lot_id = await stage.sold_lot([("ann", 1_000)])
    if state in {"offered", "relisted"}:
        await stage.pass_time(DAY_MS)
    if state in {"paid", "settled"}:
        award = await stage.pay(lot_id)
        await award_payment.choose_centre(stage.context, award.award_id, bidder_id="ann", delivery_centre="Beijing")
    if state == "settled":
        assert (await act(asker, lot_id, "handover-confirmed")).status_code == 200
    if state == "void":
        assert (await act(asker, lot_id, "void")).status_code == 202
        assert (await agree(asker, lot_id, "void")).status_code == 200
    await stage.settle()
    assert await stage.state(lot_id) == state
    return lot_id


@pytest.mark.parametrize("state", STATES)
async def test_what_a_state_does_not_allow_is_refused_by_its_name(stage: Stage, asker: Asker, state: str) -> None:
    lot_id = await lot_in(stage, asker, state)
    async with nothing_moves(stage):
        for what in sorted(STATES[state]):
            problem = refused(await act(asker, lot_id, what), 409, "wrong-state")
            assert problem["state"] == state
            assert state not in problem["allowed"]
        assert refused(await act(asker, lot_id, "writeoff"), 409, "no-claim")["lot_id"] == lot_id


async def test_a_handover_is_confirmed_where_the_winner_chose_and_not_before(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    await stage.pay(lot_id)
    async with nothing_moves(stage):
        refused(await act(asker, lot_id, "handover-confirmed"), 409, "delivery-centre-missing")

    await award_payment.choose_centre(stage.context, f"a-{lot_id}-1", bidder_id="ann", delivery_centre="Beijing")
    detail = (await act(asker, lot_id, "handover-confirmed")).json()
    assert (detail["settlement"]["state"], detail["settlement"]["delivery_centre"]) == ("settled", "Beijing")
    assert detail["balances"]["seller_payable"] == 0


async def test_a_lot_with_nobody_left_to_offer_it_to_is_not_offered(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    await award_payment.refuse_award(stage.context, f"a-{lot_id}-1", bidder_id="ann")
    async with nothing_moves(stage):
        refused(await act(asker, lot_id, "offer"), 409, "nobody-to-offer")


BODIES: list[tuple[str, object]] = [
    ("default", None),
    ("default", {}),
    ("default", {"reason": ""}),
    ("default", {"reason": "  "}),
    ("default", {"reason": "no"}),
    ("default", {"reason": "x" * 501}),
    ("default", {"reason": 7}),
    ("default", {"reason": "a reason", "actor": "somebody else"}),
    ("void", {"reason": "nul \x00"}),
    ("writeoff", []),
    ("relist", {"cost_fen": -1}),
    ("relist", {"cost_fen": 10**13 + 1}),
    ("relist", {"cost_fen": 1.5}),
    ("relist", {"cost_fen": "1"}),
]


async def test_an_act_of_another_form_is_refused(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    async with nothing_moves(stage):
        for what, body in BODIES:
            answer = await asker.post(f"/ops/settlements/{lot_id}/{what}", body, FIN)
            assert answer.status_code == 422, (what, body, answer.text)
        answer = await asker.http.post(f"/api/v1/ops/settlements/{lot_id}/void", content=b"reason=x", headers=FIN)
        assert answer.status_code in {415, 422}
        assert (await asker.get("/ops/settlements?state=lost", FIN)).status_code == 422
        assert (await asker.get("/ops/settlements?limit=0", FIN)).status_code == 422


# --- two persons ------------------------------------------------------------------------------------------------------


async def claimed_lot(stage: Stage) -> str:
    """A default that is shared out, with a claim of 400 yuan."""
    lot_id = await stage.sold_lot([("ann", 1_000)], SHORTFALL)
    await stage.pass_time(DAY_MS)
    await stage.pass_time(DAY_MS)
    return lot_id


@pytest.mark.parametrize("what, state", [("default", "relisted"), ("void", "void"), ("writeoff", "relisted")])
async def test_an_act_for_two_is_asked_for_by_one_and_done_by_another(
    stage: Stage, asker: Asker, what: str, state: str
) -> None:
    lot_id = await (claimed_lot(stage) if what == "writeoff" else stage.sold_lot([("ann", 1_000)]))
    async with nothing_moves(stage):
        asked = await act(asker, lot_id, what)
        assert asked.status_code == 202
        (waiting,) = asked.json()["settlement"]["approvals"]
        assert (waiting["action"], waiting["asked_by"], waiting["reason"]) == (what, "fin", "a reason")
        problem = refused(await act(asker, lot_id, what), 409, "same-person")
        assert (problem["asked_by"], problem["expires_at_ms"]) == ("fin", waiting["expires_at_ms"])

        # who asks for the same, and has not read that somebody did, agrees to nothing
        unaware = refused(await act(asker, lot_id, what, FLO), 409, "approval-waiting")
        assert (unaware["asked_by"], unaware["pending_id"]) == ("fin", waiting["pending_id"])
        other = {"reason": "a reason", "pending_id": waiting["pending_id"] + 1}
        answer = await asker.post(f"/ops/settlements/{lot_id}/{what}", other, FLO)
        refused(answer, 404, "pending-unknown")

    done = await agree(asker, lot_id, what)
    assert (done.status_code, done.json()["settlement"]["approvals"]) == (200, [])
    await stage.settle()
    assert await stage.state(lot_id) == state
    async with nothing_moves(stage):
        assert (await act(asker, lot_id, what)).status_code == 409
    acts = [(one["actor"], one["action"]) for one in (await told(asker, f"/ops/audit?lot_id={lot_id}"))["actions"]]
    assert ("fin", f"ask-{what}") in acts
    assert ("flo", what) in acts


async def test_a_request_for_a_second_person_expires(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)], {"settlement": {"payment_window_ms": 3 * DAY_MS}})
    await act(asker, lot_id, "void")
    await stage.pass_time(DAY_MS)
    async with nothing_moves(stage):
        assert (await told(asker, f"/ops/settlements/{lot_id}"))["settlement"]["approvals"] == []
        # the second comes too late, and is the first of another two
        assert (await act(asker, lot_id, "void", FLO)).status_code == 202
    assert (await agree(asker, lot_id, "void", FIN)).status_code == 200


async def test_an_agreement_to_one_act_is_none_to_another(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    async with nothing_moves(stage):
        assert (await act(asker, lot_id, "void")).status_code == 202
        assert (await act(asker, lot_id, "default", FLO)).status_code == 202
    assert (await agree(asker, lot_id, "default", FIN)).json()["settlement"]["state"] == "defaulted"


# --- what is read -----------------------------------------------------------------------------------------------------


async def test_the_journal_is_paged_without_a_hole_or_a_double(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("bob", 900), ("ann", 1_000)])
    await stage.pay(lot_id)
    other = await stage.sold_lot([("cho", 10)])
    everything = await told(asker, "/ops/journal")
    assert everything["next_after_id"] is None
    assert {entry["lot_id"] for entry in everything["entries"]} == {lot_id, other}
    assert all(sum(line["amount_fen"] for line in entry["lines"]) == 0 for entry in everything["entries"])

    for size in (1, 2, 3, len(everything["entries"])):
        pages: list[dict[str, Any]] = []
        after_id: int | None = 0
        while after_id is not None:
            page = await told(asker, f"/ops/journal?limit={size}&after_id={after_id}")
            assert len(page["entries"]) <= size
            pages += page["entries"]
            after_id = page["next_after_id"]
        assert pages == everything["entries"]

    of_lot = (await told(asker, f"/ops/journal?lot_id={other}"))["entries"]
    assert [entry["kind"] for entry in of_lot] == ["deposit-authorised", "award"]
    assert (await told(asker, "/ops/journal?lot_id=no-such-lot"))["entries"] == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=ten", "after_id=-1", "after_id=9007199254740992", "lot_id=No_Such", "lot_id=a'--"],
)
async def test_a_question_about_the_journal_of_another_form_is_refused(stage: Stage, asker: Asker, query: str) -> None:
    assert (await asker.get(f"/ops/journal?{query}", FIN)).status_code == 422
    if "after" not in query:
        assert (await asker.get(f"/ops/audit?{query}", FIN)).status_code == 422


async def rows_of(asker: Asker, path: str) -> list[list[str]]:
    answer = await asker.get(path, FIN)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.content.startswith(b"\xef\xbb\xbf"), "spreadsheets know UTF-8 by its byte order mark"
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_the_journal_is_taken_along_as_csv_line_by_line_over_many_pages(
    stage: Stage, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export, "PAGE", 2)
    lot_id = await stage.sold_lot([("bob", 900), ("ann", 1_000)])
    await stage.pay(lot_id)
    await stage.sold_lot([("cho", 10)])

    header, *rows = await rows_of(asker, "/ops/journal.csv")
    assert header == [
        "entry_id", "at_ms", "kind", "lot_id", "cause", "cause_ref", "key", "account", "bidder", "amount_fen",
        "amount_yuan", "at_utc",
    ]  # fmt: skip
    shown = [
        [str(entry["entry_id"]), entry["key"], line["account"], line["bidder"] or "", str(line["amount_fen"])]
        for entry in (await told(asker, "/ops/journal"))["entries"]
        for line in entry["lines"]
    ]
    assert [[row[0], row[6], row[7], row[8], row[9]] for row in rows] == shown
    assert sum(int(row[9]) for row in rows) == 0
    assert any(int(row[9]) < 0 for row in rows), "a credit stays a number"
    assert [row[10] for row in rows] == [f"{int(row[9]) / 100:.2f}" for row in rows]
    assert [row[11] for row in rows] == [iso_8601(row[1]) for row in rows]

    assert {row[3] for row in (await rows_of(asker, f"/ops/journal.csv?lot_id={lot_id}"))[1:]} == {lot_id}


@pytest.mark.parametrize(
    "amount_fen, in_yuan",
    [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (10_000, "100.00"), (1 - 10**13, "-99999999999.99")],
)
def test_an_amount_in_yuan_is_exact(amount_fen: int, in_yuan: str) -> None:
    assert str(csv_export._decimal(amount_fen, CNY)) == in_yuan


def iso_8601(at_ms: str) -> str:
    """That many milliseconds since 1970 as a date and time, worked out another way than the export does."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(at_ms) // 1000)) + f".{int(at_ms) % 1000:03d}Z"


async def test_the_results_are_taken_along_as_csv_a_lot_a_row(stage: Stage, asker: Asker) -> None:
    defaulted = await stage.sold_lot([("ann", 1_000)], SHORTFALL)
    await stage.pass_time(DAY_MS)
    await stage.pass_time(DAY_MS)
    due = await stage.sold_lot([("bob", 20)])
    unsold = await stage.open_lot()
    await stage.close(unsold)

    header, *rows = await rows_of(asker, "/ops/results.csv")
    found = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert found.keys() == {defaulted, due, unsold}
    assert header == [
        "lot_id", "title", "state", "outcome", "hammer_price_fen", "paddle", "bidder", "price_fen", "due_fen",
        "held_fen", "forfeited_fen", "claim_fen", "relisted_from", "relisted_as", "changed_at_ms",
        "hammer_price_yuan", "price_yuan", "due_yuan", "held_yuan", "forfeited_yuan", "claim_yuan", "changed_at_utc",
    ]  # fmt: skip
    assert found[defaulted]["state"] == "relisted"
    assert found[defaulted]["relisted_as"] != ""
    assert (found[defaulted]["forfeited_fen"], found[defaulted]["claim_fen"]) == ("10000", "40000")
    assert (found[defaulted]["forfeited_yuan"], found[defaulted]["claim_yuan"]) == ("100.00", "400.00")
    assert (found[due]["bidder"], found[due]["price_fen"], found[due]["due_fen"]) == ("bob", "2000", "2000")
    assert (found[due]["price_yuan"], found[due]["forfeited_yuan"]) == ("20.00", "0.00")
    assert found[due]["changed_at_utc"] == iso_8601(found[due]["changed_at_ms"])
    assert (found[unsold]["outcome"], found[unsold]["bidder"], found[unsold]["price_fen"]) == ("no-bids", "", "")
    assert (found[unsold]["hammer_price_yuan"], found[unsold]["price_yuan"]) == ("", "")


@pytest.mark.parametrize(
    "title", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "\t=1", "\r\n=1", '=cmd|"/c calc"!A1', "a,b\nc", "No. 001"]
)
async def test_a_title_that_a_spreadsheet_would_run_is_text(stage: Stage, asker: Asker, title: str) -> None:
    await lots.create_sale(stage.context, title="A sale", sale_id="launch", actor="olga")
    terms = {
        "bidding": "direct",
        "start_price_fen": 100,
        "increments": [{"from_fen": 0, "step_fen": 100}],
        "deposit": {"policy": "none"},
    }
    view = await lots.create_lot(stage.context, sale_id="launch", title=title, terms=terms, actor="olga")
    await lots.open_lot(stage.context, view.record.lot_id, duration_ms=3_600_000, actor="olga")
    await stage.close(view.record.lot_id)

    header, row = await rows_of(asker, "/ops/results.csv")
    shown = row[header.index("title")]
    assert shown == (f"'{title}" if title[0] in "=+-@＝\t\r" else title)


async def test_the_rules_of_money_are_checked_when_asked_and_say_where_they_are_broken(
    stage: Stage, asker: Asker
) -> None:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann")
    shown = await told(asker, "/ops/invariants", AUDITOR)
    assert shown["holds"] is True
    assert [one["name"] for one in shown["invariants"]] == [*(one.name for one in INVARIANTS), "power-within-deposits"]
    assert all(one["broken"] == [] and one["rule"] for one in shown["invariants"])

    async with stage.context.books.transaction() as tx:
        await tx.session.execute(text("UPDATE registrations SET limit_fen = limit_fen + 1"))
    shown = await told(asker, "/ops/invariants")
    assert shown["holds"] is False
    assert [one["broken"] for one in shown["invariants"] if one["broken"]] == [
        [f"ann on lot {lot_id}: the books give more than a limit of 1000000 fen"]
    ]

    async with stage.context.books.transaction() as tx:
        await tx.session.execute(text("UPDATE registrations SET limit_fen = limit_fen - 1"))
    await stage.context.ledger.admit(lot_id, bidder_id="ann", paddle=1, limit_fen=1_000_001, purse_fen=None)
    shown = await told(asker, "/ops/invariants")
    assert [one["broken"] for one in shown["invariants"] if one["broken"]] == [
        [f"ann on lot {lot_id}: the ledger gives more than a limit of 1000000 fen"]
    ]
    await stage.context.ledger.admit(lot_id, bidder_id="ann", paddle=1, limit_fen=1_000_000, purse_fen=None)


async def test_acts_of_staff_are_read_newest_first_page_by_page(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    await act(asker, lot_id, "void")
    await agree(asker, lot_id, "void")
    everything = await told(asker, "/ops/audit", AUDITOR)
    ids = [one["action_id"] for one in everything["actions"]]
    assert ids == sorted(ids, reverse=True)
    assert everything["next_before_id"] is None
    newest = everything["actions"][0]
    assert (newest["actor"], newest["action"], newest["lot_id"], newest["reason"]) == (
        "flo",
        "void",
        lot_id,
        "a reason",
    )
    assert newest["details"] == {"asked_by": "fin", "asked_for": "a reason"}

    first = await told(asker, "/ops/audit?limit=1")
    rest = await told(asker, f"/ops/audit?before_id={first['next_before_id']}")
    assert first["actions"] + rest["actions"] == everything["actions"]


async def test_the_board_shows_what_waits_for_the_provider(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    await asker.post(
        f"/me/awards/a-{lot_id}-1/payment",
        {"payment_method": "sandbox-slow"},
        {**signed(), "Idempotency-Key": "pay-key-1"},
    )
    (row,) = (await told(asker, "/ops/settlements?state=awarded"))["settlements"]
    assert (row["lot_id"], row["waiting_operations"], row["due_fen"]) == (lot_id, 1, 1_000 * YUAN)
    async with nothing_moves(stage):
        await act(asker, lot_id, "default")
        refused(await agree(asker, lot_id, "default"), 409, "payment-pending")
        await act(asker, lot_id, "void")
        refused(await agree(asker, lot_id, "void"), 409, "payment-pending")
    await stage.pass_time(5_000)
    assert (await told(asker, "/ops/settlements"))["counts"] == {"paid": 1}


# --- who bidders are --------------------------------------------------------------------------------------------------


async def test_a_bidders_identity_is_noted_by_ops_alone_and_only_of_those_who_are_known(
    stage: Stage, asker: Asker
) -> None:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann")
    async with nothing_moves(stage):
        for who, status in (({}, 401), (signed("ann"), 403), (FIN, 403), (AUDITOR, 403)):
            answer = await asker.post("/ops/bidders/ann/identity", {"level": 1}, who)
            assert answer.status_code == status
        refused(await asker.post("/ops/bidders/ghost/identity", {"level": 1}, OPS), 404, "bidder-unknown")
        for wrong in ({}, {"level": -1}, {"level": 10}, {"level": "1"}, {"level": 1, "identity": ""}, {"levels": 1}):
            assert (await asker.post("/ops/bidders/ann/identity", wrong, OPS)).status_code == 422
    answer = await asker.post("/ops/bidders/ann/identity", {"level": 2, "identity": "passport 7"}, OPS)
    assert answer.json() == {"bidder_id": "ann", "identity_level": 2}
    assert "passport" not in str(await told(asker, "/ops/audit"))


async def test_a_limit_follows_what_the_house_knows_of_a_bidder_up_and_down_at_once(stage: Stage) -> None:
    rules = BidderPolicy(identity_limits=((0, 300_000), (1, 700_000)))
    strict = replace(stage.context, money=replace(stage.context.money, bidders=rules))
    lot_id = await stage.open_lot(LADDER)
    asked = await registration_deposits.register(strict, lot_id, bidder_id="ann", name="Ann")
    assert asked.registration is not None
    limits = [asked.registration.limit_fen]
    for level in (1, 2, 0):
        await set_identity(strict, "ann", level=level, identity_mark=None, actor="olga")
        told_of = await stage.context.ledger.power(lot_id, "ann")
        assert told_of is not None
        limits.append(told_of.limit_fen)
    # at level 2 nothing but the deposit limits
    assert limits == [300_000, 700_000, 1_000_000, 300_000]


async def test_accounts_of_one_identity_are_linked_by_it(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("bob", 900), ("ann", 1_000)], CASCADE)
    for bidder in ("ann", "bob"):
        answer = await asker.post(f"/ops/bidders/{bidder}/identity", {"level": 1, "identity": "passport 7"}, OPS)
        assert answer.status_code == 200
    await stage.pass_time(DAY_MS)
    # the runner-up is the defaulter under another name
    assert await stage.state(lot_id) == "relisted"
    relisted = (await stage.detail(lot_id)).row.settlement.relisted_as
    await asker.ops(f"/lots/{relisted}/open", {"duration_ms": 3_600_000})
    async with nothing_moves(stage):
        for bidder in ("ann", "bob"):
            refused(await asker.register(str(relisted), bidder), 409, "bidder-barred")
