"""The gateway of processes that never move money, such as `auction verify`: every request fails as unanswered.

An operation that is intended in such a process stays in the database until a process of `auction serve` performs it.
"""

from typing import NoReturn

from auction.domain.charge_limits import UNLIMITED
from auction.payments.gateway import GatewayAway, NoticeRefused

_REASON = "this process has no payment provider"


class AbsentGateway:
    """See `PaymentGateway`."""

    provider = "none"
    charge_limits = UNLIMITED
    default_payment_method = None
    accepts_tokens = False
    publishable_key = None

    async def _fail(self, *_arguments: object, **_named: object) -> NoReturn:
        raise GatewayAway(_REASON)

    prepare = hold = charge = capture = release = refund = look_up = _fail
    start_saving = saved_card = forget_card = open_confirmation = cancel = _fail

    def read_notice(self, *_arguments: object) -> NoReturn:
        """Raises NoticeRefused."""
        raise NoticeRefused(_REASON)

    async def close(self) -> None:
        """Do nothing: nothing is open."""
