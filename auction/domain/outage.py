"""Outages of bidding, and the pause of a lot whose end one may have taken from its bidders.

Beside the bid's way; the executable specification of `ledger/lua/include/outage.lua`. Each shard keeps when bids could
last be decided: an accepted bid shows it, and so does the heartbeat of each process that takes bids. A longer silence
is an outage. Source: domain rules, "Numbers", a bid outage.
"""

from dataclasses import dataclass, replace

from auction.domain.events import Interrupted
from auction.domain.lot import Lot, LotStatus

REFRESH_MS = 250
"""A sign that follows the last one within this time is not written."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which bids could not be decided, UTC ms.

    `until_ms`: a lot that ends by then, at most as long after the outage as that lasted, is paused.
    """

    from_ms: int
    to_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class BidActivity:
    """When bids could last be decided on a shard, what is an outage, and the last one (times in UTC ms)."""

    seen_at_ms: int
    limit_ms: int
    """A longer silence is an outage."""
    outage: Outage | None = None

    def outage_at(self, now_ms: int) -> Outage | None:
        """The outage that counts at that time: the present silence where it is one, else the last one.

        One that begins while lots are still paused for the last one continues it.
        """
        if now_ms - self.seen_at_ms <= self.limit_ms:
            return self.outage
        current = Outage(self.seen_at_ms, now_ms, 2 * now_ms - self.seen_at_ms)
        last = self.outage
        if last is None or last.until_ms < current.from_ms:
            return current
        return Outage(last.from_ms, now_ms, max(last.until_ms, current.until_ms))

    def after_sign(self, now_ms: int) -> "BidActivity":
        """After a bid was accepted, or a heartbeat came, at that time. A clock that was set back is followed."""
        if abs(now_ms - self.seen_at_ms) < REFRESH_MS:
            return self
        return replace(self, seen_at_ms=now_ms, outage=self.outage_at(now_ms))


def interrupt_if_due(lot: Lot, outage: Outage | None) -> tuple[Interrupted, ...]:
    """Pause an open lot whose end fell into the outage or comes soon after, else nothing; before all but a closing.

    It keeps the time it had left when bids could last be decided, or after its own last event in the outage. A lot
    with an event since the outage, which is opened or resumed by then, is not paused for it.
    """
    if lot.status is not LotStatus.OPEN or outage is None or lot.last_at_ms >= outage.to_ms:
        return ()
    last_sign_ms = max(outage.from_ms, lot.last_at_ms)
    if not last_sign_ms < lot.ends_at_ms <= outage.until_ms:
        return ()
    return (Interrupted(lot.ends_at_ms - last_sign_ms, outage.from_ms, outage.to_ms, outage.until_ms),)
