"""Awards that are paid by bank transfer: parts, excess, what matches nothing, what goes back, and more time."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from auction.books import bank_receipts, journal, outgoing_transfers
from auction.books.bank_receipts import BankReceipt, ReceiptFacts
from auction.books.outgoing_transfers import OutgoingTransfer
from auction.books.settlements import Award
from auction.domain.accounts import JournalAccount
from auction.domain.errors import AuctionError, NotFound, ProblemCode, RequestRefused, WrongState
from auction.domain.payment_reference import grouped
from auction.domain.states import DefaultCause, StepName
from auction.services.bank.outgoing_transfers import record_confirmed, record_failed, record_sent
from auction.services.bank.payment_extension import TRANSFER_EXTENSION_MS, extend_payment
from auction.services.bank.receipts import Entered, book_receipt, match_receipt, return_receipt
from auction.services.settlement.payment_default import declare_default
from tests.settlement.acts import charged, deposit, either_way, refuse, settlement, void
from tests.settlement.conftest import DAY_MS, YUAN, Stage
from tests.settlement.test_locks import in_this_order

TODAY = "2025-10-23"


def facts(reference: str, yuan: int, remittance: str = "", **more: str) -> ReceiptFacts:
    return ReceiptFacts(reference, yuan * YUAN, TODAY, "李四", "6222 0200 1", remittance, **more)


def paying(award: Award) -> str:
    """What the winner writes on a transfer."""
    return f"汽车款 {grouped(award.payment_reference).lower()} 请查收"


async def receive(stage: Stage, told: ReceiptFacts) -> BankReceipt:
    """Book a receipt with as many persons as it needs."""
    entered = await book_receipt(stage.context, told, actor="olga")
    if entered.waiting is not None:
        entered = await book_receipt(stage.context, told, actor="petra")
    assert entered.waiting is None
    await stage.settle()
    return entered.receipt


async def transfers(stage: Stage) -> list[OutgoingTransfer]:
    async with stage.context.books.reading() as tx:
        return await outgoing_transfers.find_all(tx)


async def everywhere(stage: Stage, account: JournalAccount) -> int:
    """An account's balance over all lots, and what belongs to none, in yuan."""
    async with stage.context.books.reading() as tx:
        return (await journal.balances(tx)).get(account, 0) // YUAN


@either_way
async def test_three_transfers_pay_what_the_deposit_does_not_cover(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    award = await stage.award(lot_id)

    for number, yuan in enumerate((3_000, 5_000), 1):
        assert (await receive(stage, facts(f"B{number}", yuan, paying(award)))).unmatched_fen == 0
    assert await stage.state(lot_id) == "awarded"
    assert (await stage.award(lot_id)).due_fen == 1_000 * YUAN
    assert await stage.balance(lot_id, JournalAccount.BUYER_RECEIVABLE) == 1_000
    await receive(stage, facts("B3", 900, paying(award)))

    assert await stage.state(lot_id) == "paid"
    assert await stage.balance(lot_id, JournalAccount.BANK_CASH) == 8_900
    assert await stage.balance(lot_id, JournalAccount.BUYER_RECEIVABLE) == 0
    assert [one.status for one in await stage.deposits(lot_id)] == ["applied"]
    assert [one.step for one in (await stage.detail(lot_id)).steps].count(StepName.TRANSFER_RECEIVED) == 3


async def test_transfers_and_a_card_pay_one_award(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    await receive(stage, facts("B1", 3_000, paying(await stage.award(lot_id))))
    await stage.pay(lot_id)
    assert await stage.state(lot_id) == "paid"
    assert await stage.balance(lot_id, JournalAccount.BANK_CASH) == 3_000
    assert await stage.balance(lot_id, JournalAccount.CASH) == 6_000


@charged
async def test_who_transfers_the_whole_price_gets_the_deposit_back(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    await receive(stage, facts("B1", 9_000, paying(await stage.award(lot_id))))
    assert await stage.state(lot_id) == "paid"
    assert [one.status for one in await stage.deposits(lot_id)] == ["released"]


async def test_the_same_bank_reference_books_nothing_twice(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    told = facts("B1", 3_000, paying(await stage.award(lot_id)))
    first = await receive(stage, told)
    again = await book_receipt(stage.context, told, actor="petra")
    assert (again.receipt, again.is_new) == (first, False)
    with pytest.raises(RequestRefused) as other:
        await book_receipt(stage.context, replace(told, amount_fen=1), actor="petra")
    assert (other.value.code, other.value.facts) == (ProblemCode.BANK_REFERENCE_USED, {"field": "amount_fen"})
    assert (await stage.award(lot_id)).received_fen == 3_000 * YUAN


async def test_from_10000_yuan_on_two_persons_book_a_receipt(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 90_000)])
    told = facts("B1", 10_000, paying(await stage.award(lot_id)))

    async def enter(actor: str, what: ReceiptFacts = told) -> Entered:
        return await book_receipt(stage.context, what, actor=actor)

    wrong = replace(told, amount_fen=10_001 * YUAN)
    assert (await enter("olga", wrong)).waiting is not None
    with pytest.raises(RequestRefused) as alone:
        await enter("olga", wrong)
    assert alone.value.code == ProblemCode.SAME_PERSON
    assert (await stage.award(lot_id)).received_fen == 0
    await stage.check()
    # what one person mistyped another one does not agree to by entering the right amount
    assert (await enter("petra")).waiting is not None
    assert (await enter("olga")).waiting is None
    assert (await stage.award(lot_id)).received_fen == 10_000 * YUAN


async def test_what_is_too_much_is_in_suspense_and_matched_to_another_award(stage: Stage) -> None:
    lot_id, other = await stage.sold_lot([("ann", 1_000)]), await stage.sold_lot([("ann", 3_000)])
    receipt = await receive(stage, facts("B1", 2_500, paying(await stage.award(lot_id))))
    assert (receipt.matched_fen, receipt.unmatched_fen) == (1_000 * YUAN, 1_500 * YUAN)
    assert await everywhere(stage, JournalAccount.UNMATCHED_RECEIPTS) == -1_500
    await stage.check()

    award = await stage.award(other)
    for _ in range(2):
        receipt = await match_receipt(stage.context, receipt.receipt_id, award.award_id, actor="olga")
    assert receipt.unmatched_fen == 0
    assert (await stage.award(other)).received_fen == 1_500 * YUAN
    assert await everywhere(stage, JournalAccount.UNMATCHED_RECEIPTS) == 0
    assert await stage.balance(other, JournalAccount.BANK_CASH) == 1_500


async def test_what_matches_nothing_is_sent_back_and_sent_again_when_the_bank_refuses(stage: Stage) -> None:
    receipt = await receive(stage, facts("B1", 12_000, "RF00 0000 0001 no such reference"))
    for _ in range(2):
        receipt = await return_receipt(stage.context, receipt.receipt_id, actor="olga", reason="not ours")
    assert receipt.unmatched_fen == 0
    (transfer,) = await transfers(stage)
    assert (transfer.amount_fen, transfer.payee_name, transfer.payee_account) == (12_000 * YUAN, "李四", "6222 0200 1")
    await stage.check()

    async def confirm(reference: str = "OUT-1") -> None:
        await record_confirmed(
            stage.context, transfer.transfer_id, bank_reference=reference, value_date=TODAY, actor="olga"
        )

    with pytest.raises(WrongState):
        await confirm()
    for attempt in range(2):
        asked = await record_sent(stage.context, transfer.transfer_id, actor="olga")
        assert asked is not None
        with pytest.raises(RequestRefused) as unaware:
            await record_sent(stage.context, transfer.transfer_id, actor="petra")
        assert unaware.value.code == ProblemCode.APPROVAL_WAITING
        agreed = asked.approval_id
        assert await record_sent(stage.context, transfer.transfer_id, actor="petra", agrees_to=agreed) is None
        if attempt == 0:
            for _ in range(2):
                await record_failed(stage.context, transfer.transfer_id, reason="account closed", actor="olga")
    assert await everywhere(stage, JournalAccount.TRANSFERS_PAYABLE) == -12_000
    for _ in range(2):
        await confirm()
    (transfer,) = await transfers(stage)
    assert (transfer.status, transfer.attempts, transfer.failure) == ("confirmed", 2, "account closed")
    assert await everywhere(stage, JournalAccount.BANK_CASH) == 0
    with pytest.raises(WrongState):
        await confirm("OUT-2")


async def test_parts_of_an_award_that_ends_in_default_go_back_and_are_not_forfeited(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)], deposit(100) | settlement(buyer_fee_bps=200))
    award = await stage.award(lot_id)
    await receive(stage, facts("B1", 3_000, paying(award)))
    await receive(stage, facts("B2", 500, paying(award)))
    await stage.pass_time(3 * DAY_MS)

    assert (await stage.the_default(lot_id)).forfeited_fen == 100 * YUAN
    assert sorted(one.amount_fen // YUAN for one in await transfers(stage)) == [500, 3_000]
    assert {one.why for one in await transfers(stage)} == {"default"}
    assert await stage.balance(lot_id, JournalAccount.TRANSFERS_PAYABLE) == -3_500
    assert await stage.balance(lot_id, JournalAccount.BUYER_RECEIVABLE) == 0
    late = await receive(stage, facts("B3", 700, paying(award)))
    assert late.unmatched_fen == 700 * YUAN, "what comes too late pays nothing"
    with pytest.raises(WrongState):
        await match_receipt(stage.context, late.receipt_id, award.award_id, actor="olga")
    for number, one in enumerate(await transfers(stage)):
        assert await record_sent(stage.context, one.transfer_id, actor="olga") is None
        await record_confirmed(
            stage.context, one.transfer_id, bank_reference=f"OUT-{number}", value_date=TODAY, actor="olga"
        )
    assert await stage.balance(lot_id, JournalAccount.BANK_CASH) == 0
    steps = [one.step for one in (await stage.detail(lot_id)).steps]
    assert steps.count(StepName.TRANSFER_RETURNED) == 2


@either_way
@pytest.mark.parametrize("yuan", [3_000, 8_900, 9_000])
async def test_a_void_sends_transfers_back_and_refunds_the_rest(stage: Stage, yuan: int) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    await receive(stage, facts("B1", yuan, paying(await stage.award(lot_id))))
    assert await stage.state(lot_id) == ("awarded" if yuan == 3_000 else "paid")
    await void(stage, lot_id)
    (transfer,) = await transfers(stage)
    assert (transfer.amount_fen, transfer.why) == (yuan * YUAN, "void")
    moved = await stage.gateway.movements()
    assert moved.held_fen + moved.cash_fen == 0
    assert await stage.balance(lot_id, JournalAccount.REFUND_PAYABLE) == 0


async def test_a_refusal_sends_back_what_had_come(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    await receive(stage, facts("B1", 3_000, paying(await stage.award(lot_id))))
    await refuse(stage, lot_id)
    (transfer,) = await transfers(stage)
    assert transfer.amount_fen == 3_000 * YUAN


async def test_the_time_to_pay_is_extended_once_while_a_transfer_is_on_its_way(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    award = await stage.award(lot_id)
    await extend_payment(stage.context, lot_id, actor="olga", reason="the bank has confirmed the order")
    later = await stage.award(lot_id)
    assert later.pay_by_ms - award.pay_by_ms == later.default_at_ms - award.default_at_ms == TRANSFER_EXTENSION_MS
    with pytest.raises(RequestRefused) as twice:
        await extend_payment(stage.context, lot_id, actor="olga", reason="again")
    assert twice.value.code == ProblemCode.ALREADY_EXTENDED
    await stage.pass_time(award.default_at_ms - stage.clock() + 1)
    assert await stage.state(lot_id) == "awarded"
    await receive(stage, facts("B1", 8_900, paying(award)))
    assert await stage.state(lot_id) == "paid"
    with pytest.raises(WrongState):
        await extend_payment(stage.context, lot_id, actor="olga", reason="too late")


async def test_an_award_that_is_not_paid_within_the_extension_defaults(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    await extend_payment(stage.context, lot_id, actor="olga", reason="on its way")
    await stage.pass_time((await stage.award(lot_id)).default_at_ms - stage.clock())
    assert await stage.state(lot_id) in {"defaulted", "relisted"}


async def test_a_remittance_with_two_references_is_left_to_a_person(stage: Stage) -> None:
    awards = [await stage.award(await stage.sold_lot([("ann", yuan)])) for yuan in (1_000, 3_000)]
    receipt = await receive(stage, facts("B1", 3_800, " ".join(one.payment_reference for one in awards)))
    assert receipt.unmatched_fen == 3_800 * YUAN
    for award in awards:
        receipt = await match_receipt(stage.context, receipt.receipt_id, award.award_id, actor="olga")
    assert receipt.unmatched_fen == 0
    async with stage.context.books.reading() as tx:
        parts = await bank_receipts.matches_of_receipts(tx, [receipt.receipt_id])
    assert [one.amount_fen // YUAN for one in parts] == [1_000, 2_800]


async def test_what_cannot_be_is_refused_with_its_code(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 90_000)])
    award = await stage.award(lot_id)
    waiting = (await book_receipt(stage.context, facts("B1", 20_000), actor="olga")).receipt
    booked = await receive(stage, facts("B2", 100, paying(award)))
    refusals: list[tuple[object, type[AuctionError], str]] = [
        (match_receipt(stage.context, 999, award.award_id, actor="olga"), NotFound, "bank-receipt-unknown"),
        (match_receipt(stage.context, booked.receipt_id, "a-x", actor="olga"), NotFound, "award-unknown"),
        (match_receipt(stage.context, waiting.receipt_id, award.award_id, actor="olga"), WrongState, "wrong-state"),
        (return_receipt(stage.context, waiting.receipt_id, actor="olga", reason="x"), WrongState, "wrong-state"),
        (
            return_receipt(stage.context, booked.receipt_id, actor="olga", reason="x"),
            RequestRefused,
            "nothing-unmatched",
        ),
        (record_sent(stage.context, "return-9", actor="olga"), NotFound, "transfer-unknown"),
        *(
            (
                book_receipt(stage.context, replace(facts("B3", 1), value_date=day), actor="olga"),
                RequestRefused,
                "value-date-invalid",
            )
            for day in ("2025-02-30", "1999-12-31", "2999-01-01", "20251023", "today")
        ),
    ]
    for act, kind, code in refusals:
        with pytest.raises(kind) as refused:
            await act  # type: ignore[misc]
        assert refused.value.code == code


@pytest.mark.parametrize("default_first", [True, False])
async def test_a_transfer_and_the_deadline_at_the_same_moment_never_lose_money(
    stage: Stage, default_first: bool
) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    award = await stage.award(lot_id)
    stage.clock.forward(award.default_at_ms - stage.clock())
    told = facts("B1", 8_900, paying(award))

    async def deadline() -> None:
        with suppress(RequestRefused):  # once everything has come, the deposit is being captured
            await declare_default(stage.context, lot_id, cause=DefaultCause.DEADLINE)

    acts = [
        deadline(),
        book_receipt(stage.context, told, actor="olga"),
    ]
    await in_this_order(stage, lot_id, *(acts if default_first else acts[::-1]))
    await stage.settle()
    paid = not default_first
    assert (await stage.state(lot_id) == "paid") is paid
    assert await everywhere(stage, JournalAccount.UNMATCHED_RECEIPTS) == (0 if paid else -8_900)


async def test_one_receipt_that_two_enter_at_once_is_booked_once(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 9_000)])
    told = facts("B1", 3_000, paying(await stage.award(lot_id)))
    entered = await asyncio.gather(*(book_receipt(stage.context, told, actor=one) for one in ("olga", "petra")))
    assert sorted(one.is_new for one in entered) == [False, True]
    assert (await stage.award(lot_id)).received_fen == 3_000 * YUAN
