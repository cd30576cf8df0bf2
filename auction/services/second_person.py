"""Whether whoever agrees to an act of two persons is another person: another session, another browser, a fresh code.

Where the house does without second factors (`AUCTION_SECOND_FACTOR`), another account is enough.
"""

from dataclasses import dataclass, field, replace

from auction.books import second_factors
from auction.books.approvals import Approval
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.authenticator_codes import accept_code
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a call of staff shows beside their account: its session (token id), a hash for the browser, a code."""

    session_id: str = ""
    device: str = ""
    code: str = field(default="", repr=False)
    is_accepted: bool = False
    """The code was accepted already, for several requests that are agreed to at once."""


NO_CONFIRMATION = Confirmation()
"""Agrees to nothing where the house uses second factors."""


async def confirm_agreement(
    context: AppContext, tx: Transaction, waiting: Approval, actor: str, confirmation: Confirmation
) -> None:
    """Check that another person agrees to a request, and use their code, in this transaction.

    Raises RequestRefused(same-session, second-factor-missing, code-required, code-wrong), TooManySignIns.
    """
    if context.authenticator_key is None:
        return
    if _is_same(waiting.asked_session, confirmation.session_id) or _is_same(waiting.asked_device, confirmation.device):
        raise RequestRefused(
            ProblemCode.SAME_SESSION,
            f"{waiting.asked_by} requested this from the same session or browser; agree from one of your own.",
            {
                "asked_by": waiting.asked_by,
                "asked_at_ms": waiting.asked_at_ms,
                "expires_at_ms": waiting.expires_at_ms,
            },
        )
    if not confirmation.is_accepted:
        factor = await second_factors.find(tx, actor, locked=True)
        await accept_code(context, tx, factor, context.authenticator_key, confirmation.code)


async def accept_once(context: AppContext, actor: str, confirmation: Confirmation) -> Confirmation:
    """Use a code for everything that one call agrees to; without a code, or a second factor, nothing is checked.

    Raises RequestRefused(second-factor-missing, code-wrong), TooManySignIns, BooksAway.
    """
    if context.authenticator_key is None or not confirmation.code:
        return confirmation
    async with context.books.transaction() as tx:
        factor = await second_factors.find(tx, actor, locked=True)
        await accept_code(context, tx, factor, context.authenticator_key, confirmation.code)
    return replace(confirmation, is_accepted=True)


def _is_same(asked: str | None, agreeing: str) -> bool:
    return bool(asked) and asked == agreeing
