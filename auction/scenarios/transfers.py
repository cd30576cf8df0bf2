"""The ending in which the winner pays after all: three bank transfers, the last after an extension, and the handover.

A fourth transfer has a wrong digit in its reference; it waits in suspense and is sent back. Finance works from the
bank's statement, two persons each time.
"""

from dataclasses import dataclass, field

from auction.books import journal
from auction.books.settlements import Award
from auction.domain.accounts import JournalAccount
from auction.domain.payment_reference import grouped
from auction.scenarios.bank import BankEntry, StandInBank
from auction.scenarios.harness import ScenarioHarness
from auction.services.bank import views
from auction.services.bank.outgoing_transfers import record_confirmed, record_sent
from auction.services.bank.payment_extension import extend_payment
from auction.services.bank.receipts import return_receipt
from auction.services.bank.statements import import_statement
from auction.services.settlement.bidder_views import own_award_view

FINANCE = ("finance", "finance-2")
"""Two persons, as from 10,000 yuan on."""
HOUR_MS = 3_600_000
PARTS = 3
STRAY_FEN = 5_000_000
PAYER, ACCOUNT = "李四", "6222 0202 0001 1234 567"


@dataclass(slots=True)
class TransferPayment:
    """What came in and went out at the bank, in fen, and whether its books and the house's agree."""

    reference: str
    received: list[BankEntry] = field(default_factory=list)
    """What paid the award."""
    returned: list[BankEntry] = field(default_factory=list)
    extended_until_ms: int = 0
    bank_fen: int = 0
    """By the bank's own books."""
    journal_fen: int = 0
    """By the journal."""

    @property
    def agrees(self) -> bool:
        """Whether bank and journal agree to the fen."""
        return self.bank_fen == self.journal_fen


async def pay_by_transfers(harness: ScenarioHarness, award: Award) -> TransferPayment:
    """Pay what is to be paid of an award by three transfers."""
    context, bank = harness.context, StandInBank()
    to_pay_fen = (await own_award_view(context, award)).to_pay_fen
    result = TransferPayment(grouped(award.payment_reference))
    parts = [to_pay_fen // PARTS // 100 * 100] * (PARTS - 1)
    parts.append(to_pay_fen - sum(parts))
    for number, amount_fen in enumerate(parts, 1):
        is_last = number == PARTS
        if is_last:
            # an hour before the time is over the last part is on its way
            await harness.pass_time(award.pay_by_ms - harness.clock.ms - HOUR_MS)
            await extend_payment(context, award.lot_id, actor=FINANCE[0], reason="the bank has confirmed the order")
            result.extended_until_ms = (await harness.settlement(award.lot_id)).awards[-1].pay_by_ms
            await harness.pass_time(2 * HOUR_MS)
        else:
            await harness.pass_time(HOUR_MS)
        text = f"汽车款 {result.reference} 第{number}笔"
        result.received.append(
            bank.receive(amount_fen, at_ms=harness.clock.ms, name=PAYER, account=ACCOUNT, remittance=text)
        )
        if number == 1:
            wrong = result.reference[:-1] + str((int(result.reference[-1]) + 1) % 10)
            bank.receive(STRAY_FEN, at_ms=harness.clock.ms, name=PAYER, account=ACCOUNT, remittance=f"汽车款 {wrong}")
        for person in FINANCE:
            await import_statement(context, bank.statement(), "cmb", actor=person, source=f"statement-{number}.csv")
        await harness.settle()
        await _send_back(harness, bank, result)
    result.bank_fen = bank.balance_fen
    async with context.books.reading() as tx:
        result.journal_fen = (await journal.balances(tx)).get(JournalAccount.BANK_CASH, 0)
    return result


async def _send_back(harness: ScenarioHarness, bank: StandInBank, result: TransferPayment) -> None:
    """Have what pays nothing sent back, and record what the bank did."""
    context = harness.context
    for row in (await views.list_receipts(context, only_open=True)).rows:
        await return_receipt(context, row.receipt.receipt_id, actor=FINANCE[0], reason="its reference is not valid")
    for transfer in [row.transfer for row in (await views.list_transfers(context, only_open=True)).rows]:
        waiting = await record_sent(context, transfer.transfer_id, actor=FINANCE[0])
        if waiting is not None:
            await record_sent(context, transfer.transfer_id, actor=FINANCE[1], agrees_to=waiting.approval_id)
        sent = bank.send(
            transfer.amount_fen, at_ms=harness.clock.ms, name=transfer.payee_name, account=transfer.payee_account
        )
        result.returned.append(sent)
        await record_confirmed(
            context, transfer.transfer_id, bank_reference=sent.reference, value_date=sent.day, actor=FINANCE[0]
        )
