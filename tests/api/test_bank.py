"""Bank transfers over HTTP: who may, which answers there are, and what winner and finance see."""

from dataclasses import replace
from typing import Any

import pytest

from auction.domain.payment_reference import BankAccount, grouped
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from tests.api.conftest import OPS, Asker, signed
from tests.api.money_snapshot import nothing_moves
from tests.api.test_money import refused
from tests.settlement.conftest import YUAN, Stage

FIN, FLO, AMY = signed("fin", Role.FINANCE), signed("flo", Role.FINANCE), signed("amy", Role.AUDITOR)
ACCOUNT = BankAccount("易拍（上海）拍卖有限公司", "4000 0212 1900 0000 123", "工商银行上海浦东支行")
CONFIRMED = {"bank_reference": "OUT-1", "value_date": "2025-10-24"}


@pytest.fixture
def context(stage: Stage) -> AppContext:
    stage.context = replace(stage.context, money=replace(stage.context.money, bank_account=ACCOUNT))
    return stage.context


def receipt(reference: str, yuan: int, **more: str) -> dict[str, Any]:
    told = {"bank_reference": reference, "amount_fen": yuan * YUAN, "value_date": "2025-10-23", "payer_name": "李四"}
    return told | more


async def test_a_winner_sees_how_to_pay_by_transfer_what_has_arrived_and_what_is_missing(
    stage: Stage, asker: Asker
) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    award = await stage.award(lot_id)

    async def transfer() -> dict[str, Any]:
        (found,) = (await asker.get("/me/awards", signed("ann"))).json()["awards"]
        told: dict[str, Any] = found["transfer"]
        return told

    before = await transfer()
    assert before["account"] == {"holder": ACCOUNT.holder, "number": ACCOUNT.number, "bank": ACCOUNT.bank}
    assert before["payment_reference"] == grouped(award.payment_reference)
    assert (before["arrived"], before["missing_fen"]) == ([], 8_900 * YUAN)
    answer = await asker.post(
        "/ops/receipts/bank", receipt("B1", 3_000, remittance=before["payment_reference"], payer_account="6222 1"), FIN
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["parts"][0]["lot_id"] == lot_id
    after = await transfer()
    assert [(one["amount_fen"], one["value_date"]) for one in after["arrived"]] == [(3_000 * YUAN, "2025-10-23")]
    assert (after["arrived_fen"], after["missing_fen"]) == (3_000 * YUAN, 5_900 * YUAN)

    assert (await asker.post(f"/ops/settlements/{lot_id}/extend-payment", {"reason": "on its way"}, FIN)).is_success
    refused(
        await asker.post(f"/ops/settlements/{lot_id}/extend-payment", {"reason": "once more"}, FIN),
        409,
        "already-extended",
    )
    assert (await transfer())["extended_until_ms"] == (await stage.award(lot_id)).default_at_ms
    assert (await asker.post(f"/me/awards/{award.award_id}/refuse", None, signed("ann"))).is_success
    assert (await transfer())["returned"] == [{"amount_fen": 3_000 * YUAN, "status": "asked"}]


async def test_two_persons_book_a_large_receipt_and_the_second_time_it_is_known(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 90_000)])
    told = receipt("B1", 50_000, remittance=(await stage.award(lot_id)).payment_reference)

    first = await asker.post("/ops/receipts/bank", told, FIN)
    assert (first.status_code, first.json()["status"]) == (202, "waiting")
    assert first.json()["approval"]["asked_by"] == "fin"
    assert first.json()["proposal"]["lot_id"] == lot_id
    refused(await asker.post("/ops/receipts/bank", told, FIN), 409, "same-person")
    assert (await asker.post("/ops/receipts/bank", told, FLO)).status_code == 201
    again = await asker.post("/ops/receipts/bank", told, FIN)
    assert (again.status_code, again.json()["matched_fen"]) == (200, 50_000 * YUAN)
    other = refused(await asker.post("/ops/receipts/bank", receipt("B1", 1), FIN), 409, "bank-reference-used")
    assert other["field"] == "amount_fen"
    no_day = receipt("B2", 1, value_date="2025-02-30")
    refused(await asker.post("/ops/receipts/bank", no_day, FIN), 422, "value-date-invalid")
    actions = (await asker.get("/ops/audit", AMY)).json()["actions"]
    assert [one["action"] for one in actions[:3]] == ["book-receipt", "bank-receipt", "ask-bank-receipt"]


async def test_what_is_unmatched_is_proposed_by_amount_matched_or_sent_back(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    award = await stage.award(lot_id)
    for reference, yuan in (("B1", 9_000), ("B2", 40)):
        assert (await asker.post("/ops/receipts/bank", receipt(reference, yuan), FIN)).status_code == 201
    listed = (await asker.get("/ops/receipts/bank?open=true", AMY)).json()
    assert (listed["bank_fen"], listed["unmatched_fen"]) == (9_040 * YUAN, 9_040 * YUAN)
    other, whole = listed["receipts"]
    assert (whole["proposal"]["award_id"], whole["proposal"]["by"]) == (award.award_id, "amount")
    assert other["proposal"] is None

    path = f"/ops/receipts/bank/{whole['receipt_id']}"
    refused(await asker.post(f"{path}/match", {"award": "RF00 0000 0001"}, FIN), 404, "award-unknown")
    matched = await asker.post(f"{path}/match", {"award": grouped(award.payment_reference)}, FIN)
    assert matched.json()["unmatched_fen"] == 0
    assert await stage.state(lot_id) == "paid"
    refused(await asker.post(f"{path}/return", {"reason": "a reason"}, FIN), 409, "nothing-unmatched")

    back = f"/ops/receipts/bank/{other['receipt_id']}/return"
    assert (await asker.post(back, {"reason": "not ours", "payee_account": "6222 9"}, FIN)).is_success
    (transfer,) = (await asker.get("/ops/transfers?open=true", OPS)).json()["transfers"]
    assert (transfer["amount_fen"], transfer["payee_account"]) == (40 * YUAN, "6222 9")
    path = f"/ops/transfers/{transfer['transfer_id']}"
    refused(await asker.post(f"{path}/confirmed", CONFIRMED, FIN), 409, "wrong-state")
    assert (await asker.post(f"{path}/sent", None, FIN)).json()["status"] == "sent"
    assert (await asker.post(f"{path}/failed", {"reason": "no such account"}, FIN)).json()["status"] == "failed"
    assert (await asker.post(f"{path}/sent", None, FIN)).json()["attempts"] == 2
    assert (await asker.post(f"{path}/confirmed", CONFIRMED, FIN)).json()["status"] == "confirmed"
    assert (await asker.get("/ops/transfers?open=true", OPS)).json()["transfers"] == []
    found = (await asker.get("/ops/receipts/bank?q=b2&from_date=2025-10-23&to_date=2025-10-23", FIN)).json()
    assert [one["bank_reference"] for one in found["receipts"]] == ["B2"]


async def test_only_finance_acts_and_what_is_not_there_is_not_found(stage: Stage, asker: Asker) -> None:
    acts = (
        ("/ops/receipts/bank", receipt("B1", 1), None),
        ("/ops/receipts/bank/7/match", {"award": "a-1"}, "bank-receipt-unknown"),
        ("/ops/receipts/bank/7/return", {"reason": "a reason"}, "bank-receipt-unknown"),
        ("/ops/transfers/return-7/sent", None, "transfer-unknown"),
        ("/ops/transfers/return-7/confirmed", CONFIRMED, "transfer-unknown"),
        ("/ops/transfers/return-7/failed", {"reason": "a reason"}, "transfer-unknown"),
    )
    async with nothing_moves(stage):
        for path, body, code in acts:
            refused(await asker.post(path, body), 401, "unauthorized")
            for who in (signed("ann"), OPS, AMY):
                refused(await asker.post(path, body, who), 403, "forbidden")
            if code is not None:
                refused(await asker.post(path, body, FIN), 404, code)
    for path in ("/ops/receipts/bank", "/ops/transfers"):
        refused(await asker.get(path, signed("ann")), 403, "forbidden")
        assert (await asker.get(path, AMY)).is_success


# --- statements -------------------------------------------------------------------------------------------------------

HEADINGS = "交易日期,对方户名,对方账号,贷方金额,摘要,流水号\n"


async def statement(asker: Asker, text: str, who: dict[str, str] = FIN, **query: str) -> Any:
    return await asker.http.post(
        "/api/v1/ops/statements", content=text.encode("gbk"), params=query, headers=who | {"Content-Type": "text/csv"}
    )


async def test_a_statement_is_shown_beside_the_awards_before_it_is_booked_and_books_nothing_twice(
    stage: Stage, asker: Asker
) -> None:
    first, second = await stage.sold_lot([("ann", 9_000)]), await stage.sold_lot([("ann", 90_000)])
    by_name, by_amount = await stage.award(first), await stage.award(second)
    text = HEADINGS + "".join(
        f"2025-10-24,李四,6222,{yuan},{remittance},{reference}\n"
        for yuan, remittance, reference in (
            ("8900.00", f"车款 {grouped(by_name.payment_reference)}", "B1"),
            ("89900.00", "车款", "B2"),
            ("7.00", "?", "B3"),
            ("x", "", "B4"),
            ("", "手续费", "B5"),
        )
    )
    async with nothing_moves(stage):
        shown = (await statement(asker, text)).json()
    assert (shown["booked"], shown["outgoing"], shown["encoding"]) == (False, 1, "gb18030")
    assert [one["status"] for one in shown["lines"]] == ["new", "new", "new", "invalid"]
    assert [one["proposal"] and (one["proposal"]["award_id"], one["proposal"]["by"]) for one in shown["lines"]] == [
        (by_name.award_id, "reference"),
        (by_amount.award_id, "amount"),
        None,
        None,
    ]
    assert (shown["lines"][3]["error"], shown["lines"][3]["value"], shown["lines"][3]["line"]) == ("amount", "x", 5)

    done = (await statement(asker, text, book="true", source="october.csv")).json()
    assert [one["status"] for one in done["lines"]] == ["booked", "waiting", "booked", "invalid"]
    await stage.settle()
    assert await stage.state(first) == "paid"
    again = (await statement(asker, text, FIN, book="true")).json()
    assert [one["status"] for one in again["lines"]] == ["known", "waiting", "known", "invalid"]
    other = (await statement(asker, text, FLO, book="true")).json()
    assert [one["status"] for one in other["lines"]] == ["known", "booked", "known", "invalid"]
    async with nothing_moves(stage):
        assert [one["status"] for one in (await statement(asker, text, book="true")).json()["lines"]] == [
            *("known",) * 3,
            "invalid",
        ]
    listed = (await asker.get("/ops/receipts/bank", FIN)).json()["receipts"]
    assert {one["source"] for one in listed} == {"october.csv"}
    assert {one["bank_reference"]: one["unmatched_fen"] for one in listed} == {"B1": 0, "B2": 8_990_000, "B3": 700}


async def test_a_banks_own_headings_are_saved_as_a_mapping(asker: Asker) -> None:
    text = "日子,谁,多少,号\n2025-10-24,李四,8.00,B1\n"
    refused(await statement(asker, text), 422, "statement-invalid")
    refused(await statement(asker, text, mapping="ours"), 404, "mapping-unknown")
    columns = {"bank_reference": ["号"], "amount": ["多少"], "value_date": ["日子"], "payer_name": ["谁"]}
    path = "/api/v1/ops/statement-mappings"
    refused(await asker.http.put(f"{path}/icbc", json=columns, headers=FIN), 409, "mapping-exists")
    refused(await asker.http.put(f"{path}/ours", json=columns, headers=AMY), 403, "forbidden")
    for _ in range(2):
        assert (await asker.http.put(f"{path}/ours", json=columns, headers=FIN)).is_success
    found = (await asker.get("/ops/statement-mappings", AMY)).json()["mappings"]
    assert [(one["name"], one["preset"]) for one in found][-2:] == [("abc", True), ("ours", False)]
    assert (await statement(asker, text, mapping="ours")).json()["lines"][0]["amount_fen"] == 800


async def test_mt940_is_booked_without_a_mapping_and_books_nothing_twice(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    reference = (await stage.award(lot_id)).payment_reference
    text = (
        ":20:S1\n:25:4000\n:28C:1/1\n:60F:C251023CNY0,00\n:61:2510241024C8900,00NTRFNONREF//M1\n"
        f":86:166?20{reference}?32李四\n:61:2510241024D5,00NCHG//M2\n:86:fee\n:62F:C251024CNY8895,00\n"
    )
    shown = (await statement(asker, text)).json()
    assert (shown["outgoing"], [one["status"] for one in shown["lines"]]) == (1, ["new"])
    assert [one["status"] for one in (await statement(asker, text, book="true")).json()["lines"]] == ["booked"]
    await stage.settle()
    assert await stage.state(lot_id) == "paid"
    again = (await statement(asker, text, book="true", mapping="our-bank")).json()
    assert [one["status"] for one in again["lines"]] == ["known"]
    refused(await statement(asker, text.replace("CNY", "EUR")), 422, "statement-invalid")


async def test_a_statement_may_be_longer_than_other_bodies_and_not_much_longer(asker: Asker) -> None:
    text = HEADINGS + "2025-10-24,李四,6222,7.00,,B1\n" + "合计,,,,,\n" * 5_000
    assert (await statement(asker, text)).is_success
    answer = await statement(asker, text * 40)
    assert (answer.status_code, answer.json()["limit_bytes"]) == (413, 1_048_576)
    refused(await statement(asker, text, signed("ann")), 403, "forbidden")


async def test_settlements_are_found_by_what_somebody_knows_of_them(stage: Stage, asker: Asker) -> None:
    ann, bob = await stage.sold_lot([("ann", 9_000)]), await stage.sold_lot([("bob", 700)])
    begun_ms = (await stage.detail(ann)).row.settlement.opened_at_ms

    async def found(**query: object) -> set[str]:
        answer = await asker.http.get("/api/v1/ops/settlements", params=query, headers=AMY)  # type: ignore[arg-type]
        assert answer.is_success, answer.text
        told = answer.json()
        assert sum(told["counts"].values()) == len(told["settlements"])
        return {one["lot_id"] for one in told["settlements"]}

    assert await found() == {ann, bob}
    for text in (ann, "ANN", "Ann", grouped((await stage.award(ann)).payment_reference)):
        assert await found(q=text) == {ann}
    assert await found(q="no. 001") == {ann, bob}
    assert await found(q="1") == {ann, bob}
    assert await found(q="%") == set()
    refused(await asker.http.get("/api/v1/ops/settlements?q=%00", headers=AMY), 422, "wrong-text")
    refused(await asker.http.get("/api/v1/ops/receipts/bank?q=%00", headers=AMY), 422, "wrong-text")
    assert await found(from_ms=begun_ms + 1, to_ms=begun_ms + 1) == set()
    assert await found(from_ms=begun_ms, to_ms=begun_ms + 1, q="Ann") == {ann}
