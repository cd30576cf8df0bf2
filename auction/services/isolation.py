"""Runs one item of a worker's stage so that its failure stops neither the other items nor the other stages.

Off the bid's way. An unexpected error is logged and stored with the item (`auction.books.faults`), where finance sees
it; the item is tried again later and later. An unavailable server is no fault of the item, and is raised.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from auction.books import faults
from auction.books.faults import Fault
from auction.domain.errors import RequestRefused, Unavailable, WrongState
from auction.services.context import AppContext

log = structlog.get_logger()


class Stage(StrEnum):
    """The stages whose items are isolated."""

    OPENING = "opening"
    """A lot's settlement is opened."""
    DEADLINE = "deadline"
    """A settlement whose deadline has passed is moved on."""
    COLLECTING = "collecting"
    WATERFALL = "waterfall"
    PAYMENT = "payment"
    """An operation is requested from the provider, and its outcome recorded."""
    NOTICE = "notice"
    """A notice of the provider is recorded."""


@dataclass(frozen=True, slots=True)
class Isolated:
    """The items of a stage that are set aside: those are skipped until their time."""

    context: AppContext
    stage: Stage
    aside: Mapping[str, Fault]

    async def run(self, item_id: str, lot_id: str, work: Callable[[], Awaitable[int]]) -> int:
        """Process one item: how much was done; 0 where it is set aside, waits, or fails now. Raises Unavailable."""
        known = self.aside.get(item_id)
        if known is not None and self.context.clock_ms() < known.next_try_at_ms:
            return 0
        try:
            done = await work()
        except Unavailable:
            raise
        except (RequestRefused, WrongState) as error:
            log.info("settlement_waits", stage=self.stage, lot=lot_id, item=item_id, reason=error.code)
            return 0
        except Exception as error:
            log.exception("item_set_aside", stage=self.stage, lot=lot_id, item=item_id)
            await record_fault(self.context, self.stage, item_id, lot_id, error)
            return 0
        if known is not None:
            async with self.context.books.transaction() as tx:
                await faults.clear(tx, stage=self.stage, item_ids=[item_id])
        return done


async def isolated(context: AppContext, stage: Stage) -> Isolated:
    """The isolation of one stage, with what is set aside now. Raises BooksAway."""
    async with context.books.reading() as tx:
        return Isolated(context, stage, await faults.of_stage(tx, stage))


async def record_fault(context: AppContext, stage: Stage, item_id: str, lot_id: str, error: Exception) -> Fault:
    """Set an item aside with its error. Raises BooksAway."""
    async with context.books.transaction() as tx:
        return await faults.record(
            tx,
            stage=stage,
            item_id=item_id,
            lot_id=lot_id,
            error=f"{type(error).__name__}: {error}",
            at_ms=context.clock_ms(),
        )
