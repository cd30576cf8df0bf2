"""Random settlements hold every rule of money. A failure prints its acts and their seed.

`AUCTION_SETTLEMENT_SEED=<seed>` runs the same acts again, and shrinks them to the least that fail, which takes minutes.
"""

import asyncio
import itertools
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from redis.asyncio import Redis
from sqlalchemy.engine import make_url

from tests.settlement.settlement_machine import SettlementMachine

USUAL_KINDS = {
    "award",
    "award-reversed",
    "authorisation-ended",
    "claim-raised",
    "deposit-applied",
    "deposit-authorised",
    "deposit-captured",
    "deposit-charged",
    "deposit-forfeited",
    "dispute-opened",
    "lot-settled",
    "payment-received",
    "refund-owed",
    "refund-paid",
    "receipt-cleared",
    "receipt-suspended",
    "sale-reversed",
    "seller-paid",
    "transfer-received",
    "transfer-return-owed",
    "transfer-returned",
    "waterfall",
}
"""What random acts enter into the journal sooner or later; two kinds more are too rare to wait for."""

Machine = type[SettlementMachine]

MANNER = settings(
    deadline=None,
    database=None,  # a run depends on its seed alone
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.normal,
    print_blob=True,
    report_multiple_bugs=False,
)


@pytest.fixture
def machine(valkey_url: str, postgres_url: str, migrated_template: str, tmp_path: Path) -> Iterator[Machine]:
    """The machine on real servers, with an event loop that lives as long as the test."""
    numbers = itertools.count(1)
    names: list[str] = []

    async def fresh_books() -> str:
        """An emptied ledger, and migrated books with nothing in them."""
        client = Redis.from_url(valkey_url)
        await client.flushall()
        await client.aclose()
        for name in names:
            await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")
        names[:] = [f"settlements_{os.getpid()}_{next(numbers)}"]
        await _execute(postgres_url, f"CREATE DATABASE {names[0]} TEMPLATE {migrated_template}")
        return make_url(postgres_url).set(database=names[0]).render_as_string(hide_password=False)

    def fresh_dir() -> Path:
        path = tmp_path / f"house{next(numbers)}"
        path.mkdir()
        return path

    with asyncio.Runner() as runner:
        yield type(
            "BoundMachine",
            (SettlementMachine,),
            {
                "runner": runner,
                "valkey_url": valkey_url,
                "fresh_books": staticmethod(fresh_books),
                "fresh_dir": staticmethod(fresh_dir),
                "codes": Counter(),
                "kinds": Counter(),
            },
        )
        for name in names:
            runner.run(_execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _hold(machine: Machine, *, sales: int, acts: int) -> None:
    given = os.environ.get("AUCTION_SETTLEMENT_SEED")
    number = int(given or random.getrandbits(48))
    phases = [Phase.generate, Phase.shrink] if given else [Phase.generate]
    try:
        run_state_machine_as_test(
            seed(number)(machine),
            settings=settings(MANNER, max_examples=sales, stateful_step_count=acts, phases=phases),
        )
    except BaseException as failure:
        failure.add_note(f"AUCTION_SETTLEMENT_SEED={number}")
        raise
    print(f"seed {number}: {machine.steps} checks, {dict(machine.codes)}, {dict(machine.kinds)}")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of random acts would fill the screen with their log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def test_money_is_conserved_whatever_happens_after_the_hammer(machine: Machine) -> None:
    _hold(machine, sales=3, acts=30)
    assert machine.codes["done"] > 0


@pytest.mark.slow
def test_money_is_conserved_whatever_happens_after_the_hammer_for_a_long_time(machine: Machine) -> None:
    _hold(machine, sales=300, acts=60)
    assert set(machine.codes) >= {"done", "wrong-state", "payment-pending", "payments-away", "same-person"}
    assert set(machine.kinds) >= USUAL_KINDS
