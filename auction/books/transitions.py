"""Changes of a record's state that check the state they leave. Used by the modules that store money."""

from sqlalchemy import Executable, RowMapping

from auction.books.unit_of_work import Transaction


class InvalidTransition(RuntimeError):
    """A record was not in a state that the transition leaves: a fault of the program. Nothing was changed."""


async def transition(tx: Transaction, update: Executable, what: str) -> RowMapping:
    """Execute an UPDATE of one row whose WHERE names the states it leaves, and that returns the row.

    `what` names record and transition for the error. Raises InvalidTransition where the row is in another state.
    """
    row = await tx.row(update)
    if row is None:
        raise InvalidTransition(f"{what}: no such record in a state that allows it")
    return row
