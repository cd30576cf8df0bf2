"""Records renewals: a deposit is held again before its hold expires, and the old hold is given back.

Beside the bid's way. So a long sale turns no hold into a charge. Where the card refuses, or a deposit was decided about
meanwhile, the old hold stays what it was, and is captured before it expires where it is still needed.
"""

from dataclasses import replace

from auction.books import deposits, expiring_holds, operations
from auction.books.expiring_holds import RENEWAL
from auction.books.operations import Operation
from auction.books.unit_of_work import Transaction
from auction.domain.states import OperationKind
from auction.payments.gateway import Reply
from auction.services.payments.deposit_outcomes import release_of


def is_renewal(operation: Operation) -> bool:
    """Whether an operation holds a deposit again that is held."""
    return operation.operation_id.startswith(RENEWAL)


async def record_renewal(tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> None:
    """Record a successful renewal: the deposit rests on the new hold. The one that it does not rest on is released."""
    before = await deposits.lock(tx, str(operation.deposit_id))
    after = await expiring_holds.mark_renewed(
        tx,
        before.deposit_id,
        provider_ref=reply.ref,
        instrument=reply.instrument,
        expires_at_ms=reply.expires_at_ms,
    )
    unneeded_ref = reply.ref if after is None else before.provider_ref
    release = replace(
        release_of(before), operation_id=f"{OperationKind.RELEASE}-{operation.operation_id}", target_ref=unneeded_ref
    )
    await operations.intend(tx, [release], at_ms=now_ms)
