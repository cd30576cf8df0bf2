"""Stores what many people's holds need at once: their intents, and that the provider has made them.

Beside the bid's way.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, Integer, Text, bindparam, literal, select, update
from sqlalchemy.dialects import postgresql

from auction.books.given_rows import GivenRows
from auction.books.operations import CLAIM_MS, UNRESOLVED, Intent, Operation, check_all, row_of
from auction.books.tables import Id, payment_operations
from auction.books.unit_of_work import Transaction
from auction.domain.states import OperationStatus

_ROW = (*Intent.__slots__, "created_at_ms")
_NUMBERS = {"amount_fen": BigInteger, "attempt_number": Integer, "sum_fen": BigInteger, "created_at_ms": BigInteger}
_CLAIMED = GivenRows(*((name, _NUMBERS.get(name, Text)) for name in _ROW))
_INTEND_CLAIMED = (
    postgresql.insert(payment_operations)
    .from_select(
        [*_ROW, "attempts", "next_try_at_ms"],
        select(*(_CLAIMED.c[name] for name in _ROW), literal(1), bindparam("until", type_=BigInteger)),
    )
    .on_conflict_do_nothing()
    .returning(*payment_operations.c)
)


async def intend_claimed(tx: Transaction, intents: Sequence[Intent], *, at_ms: int) -> list[Operation]:
    """Store intents, each claimed for the caller, who requests it as soon as they are committed. The new operations."""
    if not intents:
        return []
    given = _CLAIMED.values([list(row_of(one, at_ms).values()) for one in intents])
    return [Operation(**row) for row in await tx.rows(_INTEND_CLAIMED, {"until": at_ms + CLAIM_MS, **given})]


_OPENED = GivenRows(("operation_id", Id), ("provider_ref", Text))
_MARK_OPENED = (
    update(payment_operations)
    .where(payment_operations.c.operation_id == _OPENED.c.operation_id, UNRESOLVED)
    .values(
        status=OperationStatus.SUCCEEDED,
        provider_ref=_OPENED.c.provider_ref,
        failure=None,
        resolved_at_ms=bindparam("at", type_=BigInteger),
    )
    .returning(*payment_operations.c)
)


async def mark_all_opened(tx: Transaction, opened: Mapping[str, str | None], *, at_ms: int) -> list[Operation]:
    """Intended or pending -> succeeded, for many holds or charges, locked by the caller: id -> the provider's id.

    Raises InvalidTransition where one of them is resolved.
    """
    given = _OPENED.values(sorted(opened.items()))
    changed = [Operation(**row) for row in await tx.rows(_MARK_OPENED, {"at": at_ms, **given})]
    check_all(opened, {one.operation_id for one in changed})
    return changed
