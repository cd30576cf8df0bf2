"""The ledger's scripts against the rules: the same random commands to both, every answer and every key compared.

A failure prints the shrunken commands and its seed; `AUCTION_MODEL_SEED=<seed>` runs the same commands again.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from auction.domain.errors import RefusalCode
from auction.ledger.connection import connect
from tests.ledger.server_process import PATIENT_MS
from tests.model.ledger_machine import LedgerMachine

STEPS = 40
"""Steps an example; some are several commands, and the set-up of its first lots comes on top."""
COMMANDS_AN_EXAMPLE = 60

MANNER = settings(
    stateful_step_count=STEPS,
    deadline=None,
    database=None,  # a run depends on its seed alone
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.normal,
    print_blob=True,
    report_multiple_bugs=False,  # one difference at a time, and soon
)

SMALL_RUN = 800
LONG_RUN = 100_000
MEETINGS = {"met no maximum", "was answered", "came second", "passed a maximum"}
EVERY_CODE = {*map(str, RefusalCode), "taken False", "taken True", *MEETINGS}


@pytest.fixture
def machine(valkey_url: str) -> Iterator[type[LedgerMachine]]:
    """The machine on a server, with an event loop that lives as long as the test."""
    with asyncio.Runner() as runner:
        # answers come late on a busy machine
        client = connect(valkey_url, timeout_ms=PATIENT_MS)
        yield type("BoundMachine", (LedgerMachine,), {"redis": client, "runner": runner, "codes": Counter()})
        runner.run(client.aclose())


def _hold(machine: type[LedgerMachine], commands: int) -> None:
    """Run until so many commands were compared, each round from a seed of its own that follows from the first."""
    number = int(os.environ.get("AUCTION_MODEL_SEED") or random.getrandbits(48))
    while machine.commands < commands:
        examples = (commands - machine.commands) // COMMANDS_AN_EXAMPLE + 1
        try:
            run_state_machine_as_test(seed(number)(machine), settings=settings(MANNER, max_examples=examples))
        except BaseException as failure:
            failure.add_note(f"AUCTION_MODEL_SEED={number}")
            raise
        print(f"seed {number}: {machine.commands} commands, {machine.bids} bids, {dict(machine.codes)}")
        number += 1


def test_the_scripts_decide_as_the_rules_do(machine: type[LedgerMachine]) -> None:
    """800 commands."""
    _hold(machine, SMALL_RUN)


@pytest.mark.slow
def test_the_scripts_decide_as_the_rules_do_for_a_long_time(machine: type[LedgerMachine]) -> None:
    """100,000 commands; so many that every code has been answered."""
    _hold(machine, LONG_RUN)
    assert set(machine.codes) >= EVERY_CODE
