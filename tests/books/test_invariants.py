"""Every rule of money on books that a house has played into, and on the same books with one thing wrong.

A damage is done in a transaction that is rolled back, with the database's own triggers off: no program gets so far.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from auction.books import journal
from auction.books.bank_receipts import ReceiptFacts
from auction.books.invariants import INVARIANTS
from auction.books.unit_of_work import Books, Transaction
from auction.domain.accounts import JournalAccount
from auction.domain.states import DepositMethod
from auction.services.bank.receipts import book_receipt, return_receipt
from auction.services.catalogue import lots
from auction.services.provider_events.receipt import receive_notice
from auction.services.settlement import award_payment, handover
from auction.services.settlement.deadlines import settle
from tests.conftest import _database, _execute, _run
from tests.settlement.conftest import DAY_MS, YUAN, Stage, open_stage

TABLES = (
    "journal_entries", "journal_lines", "deposits", "payment_operations", "awards", "defaults", "lot_results",
    "offers", "lots", "runners_up", "bank_receipts", "receipt_matches", "outgoing_transfers", "provider_events",
    "reversals",
)  # fmt: skip
FEES = {"settlement": {"payment_window_ms": DAY_MS, "buyer_fee_bps": 500, "seller_commission_bps": 300}}
FORFEITING = {
    "settlement": {
        "payment_window_ms": DAY_MS,
        "default_liability": "shortfall",
        "reauction_cost_fen": 500 * YUAN,
        "resale_window_ms": DAY_MS,
    }
}


async def play(stage: Stage) -> None:
    """A bit of everything, so that no account and no rule is empty.

    dan: defaulted, shared out, still owes. eve: defaulted, in suspense. joe: defaulted, had paid a part by transfer.
    ann: handed over. bob: paid. cho: is to pay. fay and gus: registered, gus for money. hal: lost, and is owed his deposit back.
    """
    await stage.sold_lot([("dan", 2_000)], FORFEITING)
    await stage.pass_time(DAY_MS)
    await stage.sold_lot([("eve", 3_000)])
    await stage.pass_time(DAY_MS)
    parted = await stage.sold_lot([("joe", 4_000)])
    for reference, remittance in (("B1", (await stage.award(parted)).payment_reference), ("B2", ""), ("B3", "")):
        facts = ReceiptFacts(reference, 1_500 * YUAN, "2025-10-23", "Joe", remittance=remittance)
        receipt = (await book_receipt(stage.context, facts, actor="fin")).receipt
    await return_receipt(stage.context, receipt.receipt_id, actor="fin", reason="paid twice")
    await stage.pass_time(DAY_MS)
    handed_over = await stage.sold_lot([("ann", 1_000)], FEES)
    award = await stage.pay(handed_over)
    await award_payment.choose_centre(stage.context, award.award_id, bidder_id="ann", delivery_centre="Beijing")
    await handover.confirm_handover(stage.context, handed_over, actor="fin")
    await stage.pay(await stage.sold_lot([("bob", 1_200)], FEES))
    await stage.sold_lot([("cho", 1_300)], FEES)
    await stage.register(await stage.open_lot(), "fay")

    charging = replace(
        stage, context=replace(stage.context, money=replace(stage.context.money, deposit_method=DepositMethod.CHARGE))
    )
    await charging.register(await charging.open_lot(), "gus")
    lost = await charging.open_lot({"settlement": {"payment_window_ms": DAY_MS, "cascade": {"depth": 0}}})
    for bidder in ("hal", "ida"):
        await charging.register(lost, bidder)
    await charging.bid(lost, "hal", 10)
    await charging.bid(lost, "ida", 20)
    await lots.close_lot(stage.context, lost, reason="the test says so", actor="olga")
    await stage.archive()
    # decided and not yet asked of the provider
    await settle(stage.context)
    disputed = await charging.open_lot()
    await charging.register(disputed, "jim", payment_method="sandbox-dispute-won")
    stage.clock.forward(3_000)
    for notice in await stage.gateway.due_notices(1_000):
        await receive_notice(stage.context, "sandbox", notice.body, notice.headers)


@pytest.fixture(scope="module")
def played_url(
    valkey_url: str, postgres_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of books that a house has played into; nobody changes them any more."""
    name = f"played_{os.getpid()}"
    url = _database(postgres_url, name)

    async def played(folder: Path) -> None:
        client = Redis.from_url(valkey_url)
        await client.flushall()
        await client.aclose()
        async with open_stage(valkey_url, url, folder) as stage:
            await play(stage)

    _run(_execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    _run(played(tmp_path_factory.mktemp("played")))
    yield url
    _run(_execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def played(played_url: str) -> AsyncIterator[Books]:
    """The books themselves."""
    opened = Books.connect(played_url)
    yield opened
    await opened.close()


async def broken_rules(tx: Transaction) -> dict[str, list[str]]:
    """Rule -> where it is broken; rules that hold are missing."""
    return {one.name: found for one in INVARIANTS if (found := await one.violations(tx))}


async def test_on_clean_books_no_rule_is_broken(played: Books) -> None:
    async with played.reading() as tx:
        assert await broken_rules(tx) == {}


async def test_on_empty_books_no_rule_is_broken(books: Books) -> None:
    async with books.reading() as tx:
        assert await broken_rules(tx) == {}


async def test_the_books_of_these_tests_use_every_account_that_a_rule_is_about(played: Books) -> None:
    async with played.reading() as tx:
        balances = await journal.balances(tx)
    rare = {
        JournalAccount.FORFEITURE_INCOME,
        JournalAccount.SELLER_RECEIVABLE,
        JournalAccount.DISPUTE_LOSS,
        JournalAccount.STORAGE_INCOME,
        JournalAccount.REST_WAIVED,
    }
    unused = set(JournalAccount) - set(balances) - rare
    assert unused == set()
    settled_to_nothing = {account for account, fen in balances.items() if fen == 0}
    assert settled_to_nothing <= {JournalAccount.SELLER_PAYABLE}


def test_every_rule_has_a_name_of_its_own_and_a_sentence() -> None:
    assert len({one.name for one in INVARIANTS}) == len(INVARIANTS) == 27
    assert all(one.rule.endswith(".") and " " in one.rule for one in INVARIANTS)
    assert all("_" not in one.name for one in INVARIANTS)


@dataclass(frozen=True)
class Damage:
    """Something wrong in the books, the rule that it breaks, and what that rule says of it."""

    rule: str
    done: str
    told: str | Callable[[str], bool]


ANNS_PAYMENT = "(SELECT key FROM journal_entries WHERE kind = 'payment-received' ORDER BY entry_id LIMIT 1)"
BOBS_DEPOSIT = "(SELECT deposit_id FROM deposits WHERE bidder_id = 'bob')"
FAYS_DEPOSIT = "(SELECT deposit_id FROM deposits WHERE bidder_id = 'fay')"
ANOTHER_END = (
    "INSERT INTO journal_entries (key, kind, lot_id, cause, cause_ref, at_ms) "
    "SELECT 'deposit-forfeited:' || deposit_id, 'deposit-forfeited', lot_id, 'deadline', 'x', 1 FROM deposits "
)
DAMAGES = {
    "a line is changed": Damage(
        "entries-balance",
        f"UPDATE journal_lines SET amount_fen = amount_fen + 3 WHERE number = 1 AND key = {ANNS_PAYMENT}",
        "is 3 fen over, 0 of it in memo accounts",
    ),
    "an entry has lost a line": Damage(
        "entries-balance",
        f"DELETE FROM journal_lines WHERE number = 1 AND key = {ANNS_PAYMENT}",
        "entry payment-received:charge-a-",
    ),
    "an entry has lost all its lines": Damage(
        "entries-balance", f"DELETE FROM journal_lines WHERE key = {ANNS_PAYMENT}", "or has no lines"
    ),
    "money is mixed with promises": Damage(
        "entries-balance",
        f"UPDATE journal_lines SET account = 'memo_authorised' WHERE number = 1 AND key = {ANNS_PAYMENT}",
        lambda told: "is 0 fen over, " in told and ", 0 of it in memo" not in told,
    ),
    "a deposit is less than was charged": Damage(
        "deposits-held",
        "UPDATE deposits SET captured_fen = captured_fen - 1 WHERE bidder_id = 'gus'",
        "bidder gus: 10000 fen in deposits_held, 9999 held",
    ),
    "a deposit that was charged is called released": Damage(
        "deposits-held",
        "UPDATE deposits SET status = 'released', disposition = 'release' WHERE bidder_id = 'gus'",
        "bidder gus: 10000 fen in deposits_held, 0 held",
    ),
    "a charged deposit was never booked": Damage(
        "deposits-held",
        "DELETE FROM journal_lines WHERE key LIKE 'deposit-charged:%' AND key IN "
        "(SELECT key FROM journal_lines WHERE bidder_id = 'gus')",
        "bidder gus: 0 fen in deposits_held, 10000 held",
    ),
    "a promise is larger than was booked": Damage(
        "authorisations",
        "UPDATE deposits SET amount_fen = amount_fen + 1 WHERE bidder_id = 'fay'",
        "bidder fay: 10000 fen in memo_authorised, 10001 authorised",
    ),
    "a promise ended without an entry": Damage(
        "authorisations",
        "UPDATE deposits SET status = 'lapsed' WHERE bidder_id = 'fay'",
        "bidder fay: 10000 fen in memo_authorised, 0 authorised",
    ),
    "a promise was booked for another bidder": Damage(
        "authorisations",
        "UPDATE journal_lines SET bidder_id = 'gus' WHERE account = 'memo_authorised' AND bidder_id = 'fay'",
        "bidder fay: 0 fen in memo_authorised, 10000 authorised",
    ),
    "a deposit has two ends": Damage(
        "deposits-end-once",
        f"{ANOTHER_END} WHERE deposit_id = {BOBS_DEPOSIT}",
        "is applied, to apply: applied 1, forfeited 1",
    ),
    "a deposit ended as it was not decided": Damage(
        "deposits-end-once",
        "UPDATE deposits SET disposition = 'forfeit' WHERE bidder_id = 'bob'",
        "is applied, to forfeit: applied 1",
    ),
    "a deposit has an end that nobody decided": Damage(
        "deposits-end-once",
        f"{ANOTHER_END} WHERE deposit_id = {FAYS_DEPOSIT}",
        "is held, to None: applied 0, forfeited 1",
    ),
    "a deposit is called released and was not": Damage(
        "deposits-end-once",
        "UPDATE deposits SET status = 'released', disposition = 'release' WHERE bidder_id = 'fay'",
        "is released, to release: applied 0, forfeited 0, authorisation ended 0, refund owed 0 times",
    ),
    "a deposit was released twice": Damage(
        "deposits-end-once",
        "INSERT INTO journal_entries (key, kind, lot_id, cause, cause_ref, at_ms) "
        "SELECT 'authorisation-ended:' || deposit_id, 'authorisation-ended', lot_id, 'deadline', 'x', 1 "
        "FROM deposits WHERE bidder_id = 'hal'",
        "authorisation ended 1, refund owed 1 times",
    ),
    "a lot is sold to two at once": Damage(
        "one-live-award",
        "DROP INDEX uq_awards_live; INSERT INTO awards SELECT 'a-x', lot_id, 'ned', paddle, source, price_fen, fee_fen, "
        "received_fen, status, awarded_at_ms, pay_by_ms, default_at_ms, paid_at_ms, delivery_centre, settled_at_ms "
        "FROM awards WHERE bidder_id = 'bob'",
        lambda told: told.startswith("lot ") and told.endswith(" has 2 live awards"),
    ),
    "a payment does not count for its award": Damage(
        "one-live-award",
        "UPDATE awards SET received_fen = received_fen + 1 WHERE bidder_id = 'cho'",
        "bidder cho owes 136500 fen in the journal, 136499 by awards",
    ),
    "an award is gone": Damage(
        "one-live-award",
        "DELETE FROM awards WHERE bidder_id = 'cho'",
        "bidder cho owes 136500 fen in the journal, 0 by awards",
    ),
    "a default is called resolved and nothing was shared out": Damage(
        "suspense-cleared",
        "UPDATE defaults SET status = 'resolved' WHERE bidder_id = 'eve'",
        "bidder eve: 10000 fen in suspense, 0 of unresolved defaults",
    ),
    "a forfeited deposit was shared out twice": Damage(
        "suspense-cleared",
        "UPDATE defaults SET status = 'collected' WHERE bidder_id = 'dan'",
        "bidder dan: 0 fen in suspense, 10000 of unresolved defaults",
    ),
    "a refund is owed and nobody asked for it": Damage(
        "refunds-owed",
        "DELETE FROM payment_operations WHERE kind = 'refund' AND bidder_id = 'hal'",
        "bidder hal: 10000 fen owed back, 0 in unconfirmed refunds",
    ),
    "a refund was done and is still owed": Damage(
        "refunds-owed",
        "UPDATE payment_operations SET status = 'succeeded' WHERE kind = 'refund' AND bidder_id = 'hal'",
        "bidder hal: 10000 fen owed back, 0 in unconfirmed refunds",
    ),
    "a refund is asked for and not owed": Damage(
        "refunds-owed",
        "DELETE FROM journal_lines WHERE account = 'refund_payable' AND bidder_id = 'hal'",
        "bidder hal: 0 fen owed back, 10000 in unconfirmed refunds",
    ),
    "a charge was booked as another amount": Damage(
        "cash-is-with-the-provider",
        "UPDATE payment_operations SET amount_fen = amount_fen + 5 WHERE kind = 'charge' AND bidder_id = 'bob'",
        "fen of cash in the journal",
    ),
    "a charge was booked and never taken": Damage(
        "cash-is-with-the-provider",
        "UPDATE payment_operations SET status = 'failed' WHERE kind = 'charge' AND bidder_id = 'bob'",
        "by resolved operations",
    ),
    "the ledger named another winner": Damage(
        "awards-follow-the-ledger",
        "UPDATE lot_results SET winner_id = 'ned' WHERE winner_id = 'bob'",
        "is awarded to bob at 120000 fen, the ledger named ned at 120000",
    ),
    "the ledger named another price": Damage(
        "awards-follow-the-ledger",
        "UPDATE lot_results SET hammer_price_fen = 120001 WHERE winner_id = 'bob'",
        "is awarded to bob at 120000 fen, the ledger named bob at 120001",
    ),
    "the ledger knows of no result": Damage(
        "awards-follow-the-ledger", "DELETE FROM lot_results WHERE winner_id = 'bob'", "the ledger named None at None"
    ),
    "an entry names an answer that there is not": Damage(
        "causes-exist",
        f"UPDATE journal_entries SET cause_ref = 'charge-ghost' WHERE key = {ANNS_PAYMENT}",
        "names the operation charge-ghost, which does not exist",
    ),
    "a claim is higher than was booked": Damage(
        "claims-stand",
        "UPDATE defaults SET claim_fen = claim_fen + 1 WHERE bidder_id = 'dan'",
        "bidder dan: 40000 fen in shortfall_receivable, 40001 claimed",
    ),
    "a claim was written off without an entry": Damage(
        "claims-stand",
        "UPDATE defaults SET written_off = true WHERE bidder_id = 'dan'",
        "bidder dan: 40000 fen in shortfall_receivable, 0 claimed",
    ),
    "a seller was not paid": Damage(
        "sellers-are-paid",
        "DELETE FROM journal_lines WHERE key LIKE 'seller-paid:%'",
        "sellers are owed 97000 fen",
    ),
    "a resale counts before it was handed over": Damage(
        "shared-out-at-handover",
        "UPDATE defaults SET resale_lot_id = (SELECT lot_id FROM awards WHERE bidder_id = 'bob') "
        "WHERE bidder_id = 'dan'",
        "as its resale, which is paid",
    ),
    "a runner-up is kept though the lot is paid": Damage(
        "runners-up-are-secured",
        "INSERT INTO runners_up SELECT lot_id, 'ned', 1, null FROM awards WHERE bidder_id = 'bob'",
        "bidder ned is kept as a runner-up of lot",
    ),
    "a claim is called paid without a receipt": Damage(
        "claims-are-collected-once",
        "UPDATE defaults SET collected_fen = 5 WHERE bidder_id = 'dan'",
        "5 fen are collected, 0 by receipts",
    ),
    "a receipt was booked as another amount": Damage(
        "bank-cash-is-at-the-bank",
        "UPDATE bank_receipts SET amount_fen = amount_fen + 5 WHERE bank_reference = 'B1'",
        "450000 fen of bank cash in the journal, 450005 by receipts",
    ),
    "a return is called done and nobody booked it": Damage(
        "bank-cash-is-at-the-bank",
        "UPDATE outgoing_transfers SET status = 'confirmed', bank_reference = 'x', value_date = '2025-10-23' "
        "WHERE award_id IS NULL",
        "450000 fen of bank cash in the journal, 300000 by receipts",
    ),
    "a receipt in suspense is called matched": Damage(
        "receipts-in-suspense",
        "UPDATE bank_receipts SET matched_fen = amount_fen WHERE bank_reference = 'B2'",
        "150000 fen in unmatched_receipts, 0 unmatched by receipts",
    ),
    "a receipt pays an award and does not know it": Damage(
        "receipts-in-suspense",
        "UPDATE receipt_matches SET amount_fen = amount_fen - 1",
        lambda told: told.endswith(" says 150000 matched, 0 returned; it has 149999 and 0"),
    ),
    "a return is lost": Damage(
        "receipts-in-suspense",
        "DELETE FROM outgoing_transfers WHERE award_id IS NULL",
        "300000 fen in transfers_payable, 150000 in outgoing transfers",
    ),
    "a part of a defaulted award is kept": Damage(
        "transfers-of-ended-awards-go-back",
        "DELETE FROM outgoing_transfers WHERE award_id IS NOT NULL",
        "is defaulted: 150000 fen came by bank transfer, 0 are on their way back",
    ),
    "a part of an award in force goes back": Damage(
        "transfers-of-ended-awards-go-back",
        "UPDATE awards SET status = 'due' WHERE bidder_id = 'joe'",
        "is due: 150000 fen came by bank transfer, 150000 are on their way back",
    ),
    "a seller owes what nobody booked": Damage(
        "sellers-owe",
        "UPDATE defaults SET seller_owes_fen = 7 WHERE bidder_id = 'dan'",
        "0 fen in seller_receivable, 7 owed by sellers",
    ),
    "a winner who has paid everything still owes": Damage(
        "covered-awards-are-paid",
        "UPDATE awards SET received_fen = price_fen + fee_fen WHERE bidder_id = 'cho'",
        "of 136500 fen is due, 136500 are there",
    ),
    "a dispute is called decided and nothing was booked": Damage(
        "disputes-balance",
        "UPDATE reversals SET status = 'won' WHERE bidder_id = 'jim'",
        "bidder jim: 10000 fen in dispute_receivable, 0 undecided",
    ),
    "a dispute was told by nobody": Damage(
        "events-are-decided",
        "DELETE FROM provider_events WHERE type = 'dispute-opened'",
        "no event tells of the dispute sandbox:sbd_",
    ),
    "an event was never decided": Damage(
        "events-are-decided",
        "UPDATE provider_events SET status = 'received', tries = 21 WHERE type = 'dispute-opened'",
        "is not decided after 21 tries",
    ),
    "an offer is above the bid": Damage(
        "offers-are-within-bounds",
        "INSERT INTO offers SELECT 'o-x', lot_id, 'ned', 1, 1, 101, 100, 'open', 1, 2, null "
        "FROM awards WHERE bidder_id = 'bob'",
        "offer o-x at 101 fen: the floor is 0, the bid was 100",
    ),
    "an offer is below the floor": Damage(
        "offers-are-within-bounds",
        "INSERT INTO offers SELECT 'o-x', lot_id, 'ned', 1, 1, 99, 100, 'open', 1, 2, null "
        "FROM awards WHERE bidder_id = 'bob'; "
        "UPDATE lots SET terms = jsonb_set(terms, '{settlement,cascade,floor_fen}', '100') "
        "WHERE lot_id IN (SELECT lot_id FROM offers)",
        "offer o-x at 99 fen: the floor is 100, the bid was 100",
    ),
    "a deposit left a rest before the seller had all": Damage(
        "cash-before-claims",
        "UPDATE defaults SET resale_lot_id = lot_id, resale_price_fen = price_fen - 7, "
        "split = jsonb_set(split, '{rest_fen}', '1') WHERE bidder_id = 'dan'",
        "left a rest, but of a gap of 7 fen only 0 were paid",
    ),
    "a purse gave a share that is nowhere": Damage(
        "purses-are-divided",
        "UPDATE deposits SET shared_fen = 5 WHERE bidder_id = 'gus'",
        "has given 5 fen, its shares have 0",
    ),
    "a share is not captured, and its purse is": Damage(
        "purses-are-divided",
        "UPDATE deposits SET part_of = (SELECT deposit_id FROM deposits WHERE bidder_id = 'gus') WHERE bidder_id = 'fay'",
        "is not captured, and its purse is",
    ),
    "an award stands on more than is held": Damage(
        "purses-are-divided",
        "UPDATE registrations SET share_fen = 7 WHERE bidder_id = 'cho'",
        "has awards and offers that take 7 fen of a purse of 0",
    ),
    "a share stands for nothing": Damage(
        "purses-are-divided",
        "UPDATE registrations SET share_fen = 7 WHERE bidder_id = 'fay'",
        "bidder fay has neither an award nor an offer of lot",
    ),
    "the parts of a payment are more than its sum": Damage(
        "sums-are-charged-once",
        "UPDATE payment_operations SET sum_fen = amount_fen + 1, first_operation_id = 'charge-x' "
        "WHERE kind = 'charge' AND award_id IS NOT NULL",
        " in parts, 0 under way",
    ),
    "two parts of a payment are under way": Damage(
        "sums-are-charged-once",
        "UPDATE payment_operations SET sum_fen = 999999999, status = 'pending', first_operation_id = 'charge-x' "
        "WHERE kind = 'charge' AND award_id IS NOT NULL",
        "charge-x of 999999999 fen: ",
    ),
    "more is waived than the journal says": Damage(
        "rests-are-waived-once",
        "UPDATE awards SET waived_fen = 7, received_fen = received_fen - 7 WHERE bidder_id = 'bob'",
        ": 0 fen in rest_waived, 7 waived of awards",
    ),
    "a rest is waived, and the award is due": Damage(
        "rests-are-waived-once",
        "UPDATE awards SET waived_fen = 7 WHERE bidder_id = 'cho'",
        "is due, and 7 of it are waived, 0 received",
    ),
    "a lot is called settled and its seller got nothing": Damage(
        "sellers-are-paid", "UPDATE awards SET status = 'settled' WHERE bidder_id = 'bob'", "fen in seller_clearing"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
async def test_a_damage_is_found_and_its_place_is_named(played: Books, damage: Damage) -> None:
    async with played.engine.connect() as connection:
        for table in TABLES:
            await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        changed = 0
        for statement in damage.done.split("; "):
            changed += max(0, (await connection.execute(text(statement))).rowcount)
        assert changed, "the damage has not been done"

        found = await broken_rules(Transaction(connection))  # type: ignore[arg-type]

        assert damage.rule in found
        told = damage.told
        assert any(told(one) if callable(told) else told in one for one in found[damage.rule]), found[damage.rule]
        await connection.rollback()


def test_every_rule_is_broken_by_one_of_these_damages() -> None:
    assert {damage.rule for damage in DAMAGES.values()} == {one.name for one in INVARIANTS}
