"""Many people register at the same moment, in shared transactions: each gets what they would have got alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from auction.books import operations
from auction.books.unit_of_work import Books, StatementRejected, Transaction
from auction.domain.errors import AuctionError, LedgerAway, PaymentsAway, ProblemCode
from auction.domain.states import DepositStatus
from auction.ledger.admissions import AdmissionCall
from auction.ledger.bid_ledger import BidLedger
from auction.services.catalogue import lots
from auction.services.payments import registration_deposits
from auction.services.payments.gateway_calls import perform_due
from auction.services.registration.power_sync import sync_waiting_powers
from auction.services.registration.registrations import RegistrationOutcome
from tests.settlement.acts import PURSE, refuse
from tests.settlement.conftest import YUAN, Stage

CROWD = 64


async def all_at_once(stage: Stage, *people: tuple[str, str] | tuple[str, str, dict[str, Any]]) -> list[Any]:
    """Register (lot, bidder, how) at once: of each the outcome, or the error."""
    return await asyncio.gather(
        *(stage.register(lot_id, bidder, **(how[0] if how else {})) for lot_id, bidder, *how in people),
        return_exceptions=True,
    )


def codes(ends: Sequence[Any]) -> list[str]:
    """The refusals' codes, and whether the others were registered just now."""
    found = []
    for end in ends:
        if isinstance(end, AuctionError):
            found.append(str(end.code))
        else:
            assert isinstance(end, RegistrationOutcome), end
            assert end.registration is not None
            found.append("created" if end.created else "known")
    return found


async def paddles_of(stage: Stage, sale_id: str) -> list[int]:
    async with stage.context.books.reading() as tx:
        rows = await tx.rows(text(f"SELECT paddle FROM paddles WHERE sale_id = '{sale_id}' ORDER BY paddle"))
    return [row["paddle"] for row in rows]


async def limits_in_ledger(stage: Stage, lot_id: str, bidders: Sequence[str]) -> set[int | None]:
    powers = [await stage.context.ledger.power(lot_id, bidder) for bidder in bidders]
    assert None not in powers
    return {power.limit_fen for power in powers if power is not None}


@asynccontextmanager
async def refused_by_the_database(stage: Stage, table: str, bidder: str) -> AsyncIterator[None]:
    """The database takes no new row of a table that is this bidder's."""
    async with stage.context.books.transaction() as tx:
        await tx.session.execute(
            text(
                "CREATE FUNCTION refuse_bidder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'not %', NEW.bidder_id; END $$"
            )
        )
        await tx.session.execute(
            text(
                f"CREATE TRIGGER refuse_bidder BEFORE INSERT ON {table} FOR EACH ROW "
                f"WHEN (NEW.bidder_id = '{bidder}') EXECUTE FUNCTION refuse_bidder()"
            )
        )
    yield
    async with stage.context.books.transaction() as tx:
        await tx.session.execute(text(f"DROP TRIGGER refuse_bidder ON {table}"))
        await tx.session.execute(text("DROP FUNCTION refuse_bidder"))


class CountedBooks(Books):
    """Books whose transactions are counted."""

    begun = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """See `Books.transaction`."""
        self.begun += 1
        async with super().transaction() as tx:
            yield tx


async def test_a_crowd_of_all_kinds_gets_what_each_would_have_got_alone(stage: Stage) -> None:
    for _ in range(2):
        lot_id = await stage.open_lot()
        await stage.register(lot_id, "barred", deposit_fen=150 * YUAN, device="phone-1")
        await stage.bid(lot_id, "barred", 500)
        await stage.close(lot_id)
        await refuse(stage, lot_id)
        stage.clock.forward(1)
    lot_id = await stage.open_lot()
    sale_id = lot_id.rpartition("-")[0]
    closed = await stage.open_lot(sale_id=sale_id)
    await lots.close_lot(stage.context, closed, reason="early", actor="olga")
    good = [f"good{number:02}" for number in range(CROWD)]

    ends = await all_at_once(
        stage,
        (lot_id, "declined", {"payment_method": "sandbox-declines"}),
        (lot_id, "barred"),
        (lot_id, "linked", {"device": "phone-1"}),
        (closed, "late"),
        ("no-lot-1", "lost"),
        (lot_id, "mean", {"deposit_fen": 1}),
        (lot_id, "cardless", {"payment_method": "card-of-somebody"}),
        *((lot_id, bidder) for bidder in good),
        (lot_id, good[0]),
    )

    assert codes(ends) == [
        ProblemCode.DEPOSIT_DECLINED,
        ProblemCode.BIDDER_BARRED,
        ProblemCode.BIDDER_BARRED,
        ProblemCode.REGISTRATION_CLOSED,
        ProblemCode.LOT_UNKNOWN,
        ProblemCode.DEPOSIT_TOO_LOW,
        ProblemCode.PAYMENT_METHOD_UNKNOWN,
        *(["created"] * CROWD),
        "known",
    ]
    # the refused have none, but for whoever's card was declined
    assert await paddles_of(stage, sale_id) == list(range(1, CROWD + 2))
    given = {end.registration.paddle for end in ends if isinstance(end, RegistrationOutcome) and end.registration}
    assert len(given) == CROWD
    assert await limits_in_ledger(stage, lot_id, good) == {None}
    assert Counter(one.status for one in await stage.deposits_of(lot_id)) == {"held": CROWD, "failed": 1}
    async with stage.context.books.reading() as tx:
        (row,) = await tx.rows(
            text(
                "SELECT (SELECT count(*) FROM bidders WHERE bidder_id IN ('linked', 'mean', 'cardless')) AS bidders, "
                "(SELECT count(*) FROM bidder_marks WHERE bidder_id = 'linked') AS marks"
            )
        )
    assert dict(row) == {"bidders": 0, "marks": 0}, "a refusal leaves nothing of its person behind"


async def test_a_crowd_takes_few_transactions(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    books = CountedBooks(stage.context.books.engine)
    stage.context = replace(stage.context, books=books)
    ends = await all_at_once(stage, *((lot_id, f"bidder{number}") for number in range(CROWD)))

    assert set(codes(ends)) == {"created"}
    assert books.begun < CROWD / 2


async def test_one_who_asks_four_times_at_once_puts_down_one_deposit(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    ends = await all_at_once(stage, *((lot_id, "ann") for _ in range(4)), (lot_id, "bob"))

    assert Counter(codes(ends)) == {"created": 2, "known": 3}
    assert (await stage.gateway.movements()).held_fen == 200 * YUAN
    assert await paddles_of(stage, lot_id.rpartition("-")[0]) == [1, 2]


async def test_one_purse_serves_two_lots_that_are_asked_for_at_once(stage: Stage) -> None:
    first = await stage.open_lot(PURSE)
    second = await stage.open_lot(PURSE, sale_id=first.rpartition("-")[0])
    ends = await all_at_once(stage, (first, "ann"), (second, "ann"), (first, "bob"), (second, "bob"))

    assert set(codes(ends)) == {"created"}
    assert (await stage.gateway.movements()).held_fen == 2_000 * YUAN
    for lot_id in (first, second):
        for bidder in ("ann", "bob"):
            power = await stage.context.ledger.power(lot_id, bidder)
            assert power is not None
            assert power.purse_fen == 10_000 * YUAN


async def test_lots_without_a_deposit_are_registered_for_in_one_transaction(stage: Stage) -> None:
    lot_id = await stage.open_lot({"deposit": {"policy": "none"}})
    ends = await all_at_once(stage, *((lot_id, f"bidder{number}") for number in range(8)))

    assert set(codes(ends)) == {"created"}
    assert await paddles_of(stage, lot_id.rpartition("-")[0]) == list(range(1, 9))
    assert await limits_in_ledger(stage, lot_id, [f"bidder{number}" for number in range(8)]) == {None}


async def test_a_request_that_the_database_refuses_fails_nobody_else(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    async with refused_by_the_database(stage, "deposits", "mallory"):
        *others, mallory = await all_at_once(
            stage, *((lot_id, f"bidder{number}") for number in range(8)), (lot_id, "mallory")
        )

    assert set(codes(others)) == {"created"}
    assert isinstance(mallory, StatementRejected)
    assert await paddles_of(stage, lot_id.rpartition("-")[0]) == list(range(1, 9))
    assert (await stage.gateway.movements()).held_fen == 800 * YUAN


async def test_an_outcome_that_cannot_be_recorded_fails_nobody_else_and_is_recorded_later(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    async with refused_by_the_database(stage, "registrations", "mallory"):
        *others, mallory = await all_at_once(
            stage, *((lot_id, f"bidder{number}") for number in range(8)), (lot_id, "mallory")
        )
    assert set(codes(others)) == {"created"}
    assert isinstance(mallory, StatementRejected)
    (deposit,) = [one for one in await stage.deposits_of(lot_id) if one.bidder_id == "mallory"]
    assert deposit.status is DepositStatus.PENDING

    stage.clock.forward(operations.CLAIM_MS)
    await perform_due(stage.context)
    (again,) = await all_at_once(stage, (lot_id, "mallory"))
    assert codes([again]) == ["known"]
    assert (await stage.gateway.movements()).held_fen == 900 * YUAN


async def test_a_lost_answer_of_the_provider_is_one_persons_alone(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    ends = await all_at_once(
        stage, (lot_id, "ann"), (lot_id, "bob", {"payment_method": "sandbox-no-answer"}), (lot_id, "cho")
    )
    assert [type(end) for end in ends] == [RegistrationOutcome, PaymentsAway, RegistrationOutcome]

    stage.clock.forward(operations.CLAIM_MS)
    await perform_due(stage.context)
    assert codes(await all_at_once(stage, (lot_id, "bob"))) == ["known"]


async def test_who_hangs_up_takes_nobody_along_and_loses_nothing(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    names = [f"bidder{number:02}" for number in range(32)]
    tasks = [asyncio.create_task(stage.register(lot_id, bidder)) for bidder in names]
    for task in tasks[::4]:
        await asyncio.sleep(0.01)
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    stayed = [end for end in ends if not isinstance(end, asyncio.CancelledError)]
    assert set(codes(stayed)) == {"created"}

    stage.clock.forward(operations.CLAIM_MS)
    await perform_due(stage.context)
    await sync_waiting_powers(stage.context)
    again = await all_at_once(stage, *((lot_id, bidder) for bidder in names))
    assert set(codes(again)) <= {"created", "known"}
    assert await paddles_of(stage, lot_id.rpartition("-")[0]) == list(range(1, 33))
    assert (await stage.gateway.movements()).held_fen == 32 * 100 * YUAN


async def test_while_the_ledger_is_away_all_are_told_so_and_the_clerk_tells_it_later(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    whole = stage.context

    class AwayLedger(BidLedger):
        async def admit_all(self, admissions: Sequence[AdmissionCall]) -> list[Any]:
            raise LedgerAway(f"{len(admissions)} are not told")

    away = AwayLedger(whole.ledger.redis, whole.ledger.keys, whole.ledger.lineage)
    stage.context = replace(whole, ledger=away)
    ends = await all_at_once(stage, *((lot_id, f"bidder{number}") for number in range(8)))
    assert {type(end) for end in ends} == {LedgerAway}

    stage.context = whole
    assert await sync_waiting_powers(whole) == 8
    assert codes(await all_at_once(stage, *((lot_id, f"bidder{number}") for number in range(8)))) == ["known"] * 8
    assert (await stage.gateway.movements()).held_fen == 800 * YUAN


async def test_top_ups_at_the_same_moment_are_recorded_together(stage: Stage) -> None:
    terms = {"deposit": {"policy": "ladder", "bands": [
        {"deposit_fen": 10_000, "limit_fen": 1_000_000}, {"deposit_fen": 20_000, "limit_fen": 2_000_000},
    ]}}  # fmt: skip
    lot_id = await stage.open_lot(terms)
    names = [f"bidder{number}" for number in range(12)]
    await all_at_once(stage, *((lot_id, bidder) for bidder in names))
    more = [
        registration_deposits.top_up(stage.context, lot_id, bidder_id=bidder, amount_fen=10_000, key="top-up-key")
        for bidder in [*names, names[0]]
    ]
    ends = await asyncio.gather(*more)

    assert Counter(end.created for end in ends) == {True: 12, False: 1}
    assert await limits_in_ledger(stage, lot_id, names) == {2_000_000}
    assert (await stage.gateway.movements()).held_fen == 12 * 20_000
