"""kill -9 of whoever moves money, wherever its work can be cut in two: around calls of the provider and commits.

What was begun is taken up by the house that is left, and by whoever asks again; the books are then those of a house
that was never killed. At no moment is a rule of money broken.
"""

import multiprocessing
import multiprocessing.context
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from auction.books import waiting_operations
from auction.domain.errors import AuctionError, ProblemCode
from auction.payments.sandbox.file import Movements
from auction.services.catalogue import lots
from auction.services.payments.deposit_outcomes import RETRY_MS_MIN
from auction.services.payments.gateway_calls import perform_due
from auction.services.registration import power_sync
from auction.services.settlement import award_payment, awards, voids, waterfall
from auction.services.settlement.deadlines import process_deadlines
from auction.services.settlement.finance_views import list_settlements
from auction.services.verification.money_checks import check_money
from tests.settlement.conftest import DAY_MS, YUAN, Stage
from tests.settlement.killed_worker import ACTIONS, Deployment, KillSwitch, Moment, Point, counted, work_until_killed

CASCADE = {"settlement": {"payment_window_ms": DAY_MS, "cascade": {"depth": 1, "price": "own_bid"}}}
SHORTFALL = {
    "settlement": {
        "payment_window_ms": DAY_MS,
        "default_liability": "shortfall",
        "reauction_cost_fen": 500 * YUAN,
        "resale_window_ms": DAY_MS,
    }
}
LADDER = {
    "deposit": {
        "policy": "ladder",
        "bands": [
            {"deposit_fen": 10_000, "limit_fen": 1_000_000},
            {"deposit_fen": 100_000, "limit_fen": 10_000_000},
        ],
    }
}
JOIN_S = 300
TAKEN_UP_MS = 60_000
"""Within a minute of a kill nothing of it is left lying."""
DONE_ALREADY = (ProblemCode.WRONG_STATE, ProblemCode.NO_CLAIM)


# --- how far a lot has come when the worker starts --------------------------------------------------------------------


async def open_lot(stage: Stage) -> str:
    return await stage.open_lot()


async def small_deposit(stage: Stage) -> str:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann")
    return lot_id


async def slow_deposit(stage: Stage) -> str:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann", payment_method="sandbox-slow")
    stage.clock.forward(4_000)
    return lot_id


async def hammered(stage: Stage) -> str:
    """Closed and archived; nobody has looked at it since."""
    lot_id = await stage.open_lot()
    for bidder in ("ann", "bob"):
        await stage.register(lot_id, bidder)
    await stage.bid(lot_id, "bob", 900)
    await stage.bid(lot_id, "ann", 1_000)
    await lots.close_lot(stage.context, lot_id, reason="the test says so", actor="olga")
    await stage.archive()
    return lot_id


async def awarded(stage: Stage) -> str:
    """Bob's deposit is to go back, and was not asked for."""
    lot_id = await hammered(stage)
    await awards.open_settlements(stage.context)
    return lot_id


async def refund_failed(stage: Stage) -> str:
    """The provider would not give bob's deposit back at first; it is to be asked again now."""
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    await stage.register(lot_id, "bob", payment_method="sandbox-refund-fails-once")
    await stage.bid(lot_id, "ann", 1_000)
    await stage.close(lot_id)
    stage.clock.forward(RETRY_MS_MIN)
    return lot_id


async def promise_running_out(stage: Stage) -> str:
    """Ann has longer to pay than the provider keeps her deposit aside."""
    lot_id = await stage.sold_lot([("ann", 1_000)], {"settlement": {"payment_window_ms": 30 * DAY_MS}})
    stage.clock.forward(6 * DAY_MS + 1)
    return lot_id


async def sold(stage: Stage) -> str:
    return await stage.sold_lot([("ann", 1_000)])


async def to_be_confirmed(stage: Stage) -> str:
    """Ann has paid with a card whose bank wants her to confirm."""
    lot_id = await sold(stage)
    await stage.pay(lot_id, method="sandbox-3ds")
    return lot_id


async def never_confirmed(stage: Stage) -> str:
    lot_id = await to_be_confirmed(stage)
    stage.clock.forward(stage.context.money.confirm_ms)
    return lot_id


async def overdue(stage: Stage) -> str:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    stage.clock.forward(DAY_MS)
    return lot_id


async def defaulted(stage: Stage) -> str:
    """Ann's deposit is to be captured, and was not asked for."""
    lot_id = await overdue(stage)
    await process_deadlines(stage.context)
    return lot_id


async def captured(stage: Stage) -> str:
    lot_id = await defaulted(stage)
    await perform_due(stage.context)
    return lot_id


async def defaulted_with_runner_up(stage: Stage) -> str:
    lot_id = await stage.sold_lot([("bob", 900), ("ann", 1_000)], CASCADE)
    await award_payment.refuse_award(stage.context, f"a-{lot_id}-1", bidder_id="ann")
    return lot_id


async def offered(stage: Stage) -> str:
    lot_id = await defaulted_with_runner_up(stage)
    await stage.settle()
    return lot_id


async def ignored_offer(stage: Stage) -> str:
    lot_id = await offered(stage)
    stage.clock.forward(DAY_MS)
    return lot_id


async def resold(stage: Stage) -> str:
    """The lot that it was relisted as, sold to bob for less than his deposit."""
    lot_id = await stage.sold_lot([("ann", 1_000)], {"settlement": {"payment_window_ms": DAY_MS}})
    await stage.pass_time(DAY_MS)
    return await stage.resell(lot_id, [("bob", 80)])


async def resold_to_be_fetched(stage: Stage) -> str:
    """Paid by bob, who has chosen where: with the handover ann's deposit may be shared out."""
    lot_id = await resold(stage)
    await stage.pay(lot_id)
    await award_payment.choose_centre(stage.context, f"a-{lot_id}-1", bidder_id="bob", delivery_centre="Beijing")
    return lot_id


async def nobody_resold(stage: Stage) -> str:
    lot_id = await stage.sold_lot([("ann", 1_000)], SHORTFALL)
    await stage.pass_time(DAY_MS)
    stage.clock.forward(DAY_MS)
    return lot_id


async def shared_out(stage: Stage) -> str:
    """Ann's deposit was not enough, and she owes the rest."""
    lot_id = await nobody_resold(stage)
    await stage.settle()
    return lot_id


async def claimed(stage: Stage) -> str:
    lot_id = await shared_out(stage)
    await waterfall.write_off(stage.context, lot_id, actor="fin", reason="nothing to be had")
    return lot_id


async def paid(stage: Stage) -> str:
    lot_id = await sold(stage)
    await stage.pay(lot_id)
    return lot_id


async def to_be_fetched(stage: Stage) -> str:
    lot_id = await paid(stage)
    await award_payment.choose_centre(stage.context, f"a-{lot_id}-1", bidder_id="ann", delivery_centre="Beijing")
    return lot_id


async def to_be_voided(stage: Stage) -> str:
    lot_id = await paid(stage)
    await voids.void_settlement(stage.context, lot_id, actor="fin", reason="wrong description")
    return lot_id


# --- what is to come of it --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KillCase:
    """A thing to be done: how it begins, what it takes, and the books and the provider once it is done."""

    begins: Callable[[Stage], Awaitable[str]]
    calls: int
    commits: int
    entries: dict[str, int]
    moved: Movements
    state: str | None = None
    method: str = "authorisation"
    more: dict[str, int] = field(default_factory=dict)
    """Rows of other tables that there are to be."""


HELD = {"deposit-authorised": 1, "award": 1}
PAID = HELD | {"payment-received": 1, "deposit-captured": 1, "deposit-applied": 1}
FORFEITED = HELD | {"award-reversed": 1, "deposit-captured": 1, "deposit-forfeited": 1}
OFFERED = FORFEITED | {"deposit-authorised": 2}
RESOLD = FORFEITED | {"deposit-authorised": 2, "award": 2, "deposit-captured": 2, "deposit-applied": 1}
DEPOSIT_FEN, REST_FEN = 100 * YUAN, 900 * YUAN

CASES = {
    "hold": KillCase(
        open_lot, 1, 3, {"deposit-authorised": 1}, Movements(DEPOSIT_FEN, 0, 0, 0), more={"registrations": 1}
    ),
    "top-up": KillCase(
        small_deposit, 1, 3, {"deposit-authorised": 2}, Movements(DEPOSIT_FEN + 90_000, 0, 0, 0), more={"deposits": 2}
    ),
    "notice": KillCase(
        slow_deposit, 0, 4, {"deposit-authorised": 1}, Movements(DEPOSIT_FEN, 0, 0, 0), more={"registrations": 1}
    ),
    "award": KillCase(
        hammered,
        0,
        1,
        HELD | {"deposit-authorised": 2, "authorisation-ended": 1},
        Movements(DEPOSIT_FEN, 0, 0, 0),
        "awarded",
    ),
    "release": KillCase(
        awarded,
        1,
        2,
        HELD | {"deposit-authorised": 2, "authorisation-ended": 1},
        Movements(DEPOSIT_FEN, 0, 0, 0),
        "awarded",
    ),
    "refund": KillCase(
        awarded,
        1,
        2,
        {"deposit-charged": 2, "award": 1, "refund-owed": 1, "refund-paid": 1},
        Movements(0, 2 * DEPOSIT_FEN, 0, DEPOSIT_FEN),
        "awarded",
        method="charge",
    ),
    "refund again": KillCase(
        refund_failed,
        1,
        2,
        {"deposit-charged": 2, "award": 1, "refund-owed": 1, "refund-paid": 1},
        Movements(0, 2 * DEPOSIT_FEN, 0, DEPOSIT_FEN),
        "awarded",
        method="charge",
    ),
    "keep": KillCase(
        promise_running_out, 0, 1, HELD | {"deposit-captured": 1}, Movements(0, 0, DEPOSIT_FEN, 0), "awarded"
    ),
    "charge": KillCase(sold, 2, 5, PAID, Movements(0, REST_FEN, DEPOSIT_FEN, 0), "paid"),
    "confirmation": KillCase(to_be_confirmed, 1, 2, PAID, Movements(0, REST_FEN, DEPOSIT_FEN, 0), "paid"),
    "confirmation cancelled": KillCase(to_be_confirmed, 1, 3, HELD, Movements(DEPOSIT_FEN, 0, 0, 0), "awarded"),
    "confirmation missed": KillCase(never_confirmed, 1, 2, HELD, Movements(DEPOSIT_FEN, 0, 0, 0), "awarded"),
    "default": KillCase(overdue, 0, 1, FORFEITED, Movements(0, 0, DEPOSIT_FEN, 0), "relisted", more={"defaults": 1}),
    "refusal": KillCase(sold, 0, 1, FORFEITED, Movements(0, 0, DEPOSIT_FEN, 0), "relisted", more={"defaults": 1}),
    "capture": KillCase(defaulted, 1, 2, FORFEITED, Movements(0, 0, DEPOSIT_FEN, 0), "relisted"),
    "collect": KillCase(captured, 0, 1, FORFEITED, Movements(0, 0, DEPOSIT_FEN, 0), "relisted"),
    "offer": KillCase(
        defaulted_with_runner_up,
        0,
        1,
        OFFERED,
        Movements(DEPOSIT_FEN, 0, DEPOSIT_FEN, 0),
        "offered",
        more={"offers": 1},
    ),
    "accept": KillCase(
        offered, 0, 1, OFFERED | {"award": 2}, Movements(DEPOSIT_FEN, 0, DEPOSIT_FEN, 0), "awarded", more={"awards": 2}
    ),
    "decline": KillCase(
        offered, 0, 1, OFFERED | {"authorisation-ended": 1}, Movements(0, 0, DEPOSIT_FEN, 0), "relisted"
    ),
    "lapse": KillCase(
        ignored_offer, 0, 1, OFFERED | {"authorisation-ended": 1}, Movements(0, 0, DEPOSIT_FEN, 0), "relisted"
    ),
    "relist": KillCase(captured, 0, 1, FORFEITED, Movements(0, 0, DEPOSIT_FEN, 0), "relisted", more={"lots": 2}),
    "resale": KillCase(
        resold,
        1,
        3,
        RESOLD,
        Movements(0, 0, DEPOSIT_FEN + 80 * YUAN, 0),
        "paid",
    ),
    "resale handed over": KillCase(
        resold_to_be_fetched,
        0,
        1,
        RESOLD | {"lot-settled": 1, "waterfall": 1, "seller-paid": 2},
        Movements(0, 0, DEPOSIT_FEN + 80 * YUAN, 0),
        "settled",
    ),
    "claim paid": KillCase(
        shared_out,
        0,
        1,
        FORFEITED | {"waterfall": 1, "claim-raised": 1, "claim-collected": 1},
        Movements(0, 0, DEPOSIT_FEN, 0),
        "relisted",
    ),
    "waterfall": KillCase(
        nobody_resold,
        0,
        1,
        FORFEITED | {"waterfall": 1, "claim-raised": 1},
        Movements(0, 0, DEPOSIT_FEN, 0),
        "relisted",
    ),
    "writeoff": KillCase(
        claimed,
        0,
        1,
        FORFEITED | {"waterfall": 1, "claim-raised": 1, "claim-written-off": 1},
        Movements(0, 0, DEPOSIT_FEN, 0),
        "relisted",
    ),
    "handover": KillCase(
        to_be_fetched,
        0,
        1,
        PAID | {"lot-settled": 1, "seller-paid": 1},
        Movements(0, REST_FEN, DEPOSIT_FEN, 0),
        "settled",
    ),
    "void": KillCase(
        to_be_voided,
        0,
        1,
        PAID | {"sale-reversed": 1, "refund-paid": 2},
        Movements(0, REST_FEN, DEPOSIT_FEN, REST_FEN + DEPOSIT_FEN),
        "void",
    ),
}


def points_of(case: KillCase) -> Iterator[Point]:
    """Before and after each call of the provider, before each commit of the books and after the last.

    After one of the others nothing lasting has happened that there was not before the next.
    """
    for nth in range(1, case.calls + 1):
        yield Point("before the call", nth)
        yield Point("after the call", nth)
    for nth in range(1, case.commits + 1):
        yield Point("before the commit", nth)
    yield Point("after the commit", case.commits)


def is_usual(action: str, point: Point) -> bool:
    """Whether a point is one of `make test`: all of a hold, and of everything else the one that leaves most to do.

    That is where the provider has done what the books do not know yet, or where nothing is written down at all.
    """
    first: Moment = "after the call" if CASES[action].calls else "before the commit"
    return action == "hold" or point == Point(first, 1)


POINTS = [
    pytest.param(
        case.method, action, point,
        id=f"{action}, {point}", marks=() if is_usual(action, point) else pytest.mark.slow,
    )
    for action, case in CASES.items()
    for point in points_of(case)
]  # fmt: skip


# --- the worker, and what is left of its work -------------------------------------------------------------------------


@dataclass
class Workers:
    """Starts workers in processes of their own, for the house of a test."""

    deployment: Callable[[Stage], Deployment]
    context: multiprocessing.context.ForkServerContext

    def run(self, stage: Stage, action: str, lot_id: str, point: Point) -> int:
        """The worker's exit code."""
        worker = self.context.Process(
            target=work_until_killed, args=(self.deployment(stage), action, lot_id, point), daemon=True
        )
        worker.start()
        worker.join(JOIN_S)
        exit_code = worker.exitcode
        assert exit_code is not None, "the worker does not end"
        worker.close()
        return exit_code


@pytest.fixture(scope="session")
def fork_server() -> multiprocessing.context.ForkServerContext:
    """Starts processes from one that has imported everything and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.settlement.killed_worker"])
    return context


@pytest.fixture
def workers(
    fork_server: multiprocessing.context.ForkServerContext,
    valkey_url: str,
    books_url: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Workers:
    method = request.node.callspec.params["stage"]
    return Workers(lambda stage: Deployment(valkey_url, books_url, tmp_path, method, stage.clock.ms), fork_server)


async def rules_hold(stage: Stage) -> None:
    assert {one.name: one.broken for one in await check_money(stage.context) if one.broken} == {}


async def nothing_waits_unseen(stage: Stage) -> None:
    """What the provider was asked, and has not answered, is on the board if its lot is."""
    board = {row.settlement.lot_id: row.waiting_operations for row in (await list_settlements(stage.context)).rows}
    async with stage.context.books.reading() as tx:
        rows = await tx.rows(
            text(
                "SELECT lot_id, count(*) AS waiting FROM payment_operations "
                "WHERE status IN ('intended', 'pending') GROUP BY lot_id"
            )
        )
    for row in rows:
        assert board.get(row["lot_id"], row["waiting"]) == row["waiting"]


async def retry_operation(stage: Stage, action: str, lot_id: str) -> None:
    """Whoever asked asks once more, under the same key; what is done already is refused or done no second time."""
    try:
        await ACTIONS[action](stage.context, lot_id)
    except AuctionError as error:
        if error.code not in DONE_ALREADY:
            raise
    await power_sync.sync_waiting_powers(stage.context)
    await stage.settle()


async def is_done_once(stage: Stage, lot_id: str, case: KillCase) -> None:
    """The journal, the provider and the settlement are those of a house that was never killed."""
    async with stage.context.books.reading() as tx:
        kinds = await tx.rows(text("SELECT kind, count(*) AS entries FROM journal_entries GROUP BY kind"))
        counts = {}
        for table in case.more:
            counts[table] = await tx.session.scalar(text(f"SELECT count(*) FROM {table}"))
        unresolved = await waiting_operations.unresolved_of_lots(tx, [lot_id])
        unsynced = await tx.session.scalar(
            text("SELECT count(*) FROM registrations WHERE synced_version < power_version")
        )
    assert Counter({row["kind"]: row["entries"] for row in kinds}) == Counter(case.entries)
    assert await stage.gateway.movements() == case.moved
    assert counts == case.more
    assert unresolved == {}
    assert unsynced == 0
    if case.state is not None:
        assert await stage.state(lot_id) == case.state
        assert not any(row.stuck for row in (await list_settlements(stage.context)).rows)


@pytest.mark.parametrize("stage, action, point", POINTS, indirect=["stage"])
async def test_a_kill_at_any_point_loses_nothing_and_does_nothing_twice(
    stage: Stage, workers: Workers, action: str, point: Point
) -> None:
    case = CASES[action]
    lot_id = await case.begins(stage)

    assert workers.run(stage, action, lot_id, point) == -signal.SIGKILL, "the worker outlived its point"

    await rules_hold(stage)
    await nothing_waits_unseen(stage)
    # what it had claimed is left to it for a while, and then taken up by another
    await stage.pass_time(TAKEN_UP_MS)
    await rules_hold(stage)
    await retry_operation(stage, action, lot_id)
    await is_done_once(stage, lot_id, case)


@pytest.mark.parametrize("stage, action", [(case.method, action) for action, case in CASES.items()], indirect=["stage"])
async def test_the_points_are_all_there_are(stage: Stage, tmp_path: Path, action: str) -> None:
    case = CASES[action]
    lot_id = await case.begins(stage)

    kill_switch = KillSwitch(None)
    async with counted(stage.context, tmp_path, stage.clock.ms, kill_switch) as context:
        await ACTIONS[action](context, lot_id)
    assert (kill_switch.calls, kill_switch.commits) == (case.calls, case.commits)

    await stage.settle()
    await retry_operation(stage, action, lot_id)
    await is_done_once(stage, lot_id, case)


def test_every_way_money_moves_has_its_points() -> None:
    assert CASES.keys() == ACTIONS.keys()
