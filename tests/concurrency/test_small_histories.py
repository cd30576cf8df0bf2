"""Short histories of two API processes, searched exhaustively for one order in which every answer is right."""

import pytest

from auction.domain.bidding import Admission
from auction.domain.events import Admitted, Opened
from auction.domain.lot import Lot
from auction.services.catalogue.lots import create_sale
from auction.services.context import AppContext
from tests.chaos.bidders import BiddingClients, open_in_sale
from tests.chaos.checkers import check_lot
from tests.chaos.deployment import RunningDeployment
from tests.chaos.history import History
from tests.chaos.linearizable import CALLS_MAX, calls_of, is_linearizable
from tests.chaos.record import Record, caught_up

CLIENTS = 8


async def test_four_short_histories_have_an_order_that_explains_them(
    deployment: RunningDeployment, context: AppContext, seed: int
) -> None:
    await _histories(deployment, context, seed, 4)


@pytest.mark.slow
async def test_150_short_histories_have_an_order_that_explains_them(
    deployment: RunningDeployment, context: AppContext, seed: int
) -> None:
    await _histories(deployment, context, seed, 150)


async def _histories(deployment: RunningDeployment, context: AppContext, seed: int, number: int) -> None:
    sale = await create_sale(context, title="Short histories", actor="olga")
    addresses = [api.address for api in deployment.apis]
    for one in range(number):
        history = History(await open_in_sale(context, sale.sale_id, bidders=CLIENTS))
        await BiddingClients(seed + one, history, addresses, CLIENTS, looks_percent=15).bid_for(CALLS_MAX)
        await caught_up(context)
        record = await check_lot(context, history)
        start, admissions = _opened(record)
        assert is_linearizable(start, admissions, calls_of(history)), f"history {one}: {history.tally()}"


def _opened(record: Record) -> tuple[Lot, dict[str, Admission]]:
    """The lot as it was when it opened, and who may bid."""
    events = [event for entry in record.entries for event in entry.events]
    seq = next(seq for seq, event in enumerate(events, start=1) if isinstance(event, Opened))
    admissions = {event.bidder_id: Admission(event.paddle) for event in events if isinstance(event, Admitted)}
    return record.states()[seq], admissions
