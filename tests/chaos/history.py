"""What bidders saw: every call's beginning, end and answer, by the monotonic clock of this process."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from time import monotonic
from typing import Any

from tests.chaos.http_connection import HttpConnection, NoAnswer, NotSent, Reply, bid_request, get_request


class Outcome(StrEnum):
    """What a call's answer says."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REFUSED = "refused"
    NOT_TAKEN = "not-taken"
    """A server says, or the lack of a connection shows, that nothing was done."""
    UNKNOWN = "unknown"


STANDS = (Outcome.ACCEPTED, Outcome.REPEATED)
CERTAINLY_NOT = (Outcome.REFUSED, Outcome.NOT_TAKEN)
_NOTHING_DONE = ("ledger-away", "ledger-full", "over-capacity")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of one bid. `returned_s` is infinite where no answer came: it may take effect at any time."""

    bidder_id: str
    key: str
    amount_fen: int
    invoked_s: float
    returned_s: float
    outcome: Outcome
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def whose(self) -> tuple[str, str]:
        """What a bid is known by: bidder and key."""
        return self.bidder_id, self.key

    @property
    def is_edge(self) -> bool:
        """Whether it was refused before the ledger, by an earlier state: right, and no witness of order."""
        return bool(self.answer.get("edge"))


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of the lot."""

    invoked_s: float
    returned_s: float
    answer: dict[str, Any]


class History:
    """The calls on one lot, in the order in which they returned."""

    def __init__(self, lot_id: str) -> None:
        self.lot_id = lot_id
        self.attempts: list[Attempt] = []
        self.looks: list[Look] = []
        self.surprises: list[str] = []
        """Answers that no call should ever get."""

    async def bid(self, connection: HttpConnection, bidder_id: str, token: str, amount_fen: int, key: str) -> Attempt:
        """Bid once, and note what came of it."""
        request = bid_request(self.lot_id, token, key, amount_fen)
        invoked_s = monotonic()
        try:
            reply = await connection.ask(request)
        except NotSent:
            attempt = Attempt(bidder_id, key, amount_fen, invoked_s, monotonic(), Outcome.NOT_TAKEN)
        except NoAnswer:
            attempt = Attempt(bidder_id, key, amount_fen, invoked_s, inf, Outcome.UNKNOWN)
        else:
            outcome = self._outcome(reply)
            returned_s = inf if outcome is Outcome.UNKNOWN else monotonic()
            attempt = Attempt(bidder_id, key, amount_fen, invoked_s, returned_s, outcome, reply.json())
        self.attempts.append(attempt)
        return attempt

    async def look(self, connection: HttpConnection) -> Look | None:
        """Read the lot; nothing where nobody answers."""
        invoked_s = monotonic()
        try:
            reply = await connection.ask(get_request(f"/api/v1/lots/{self.lot_id}"))
        except (NotSent, NoAnswer):
            return None
        if reply.status != 200:
            if reply.status != 503:
                self.surprises.append(f"{reply.status} to a look: {reply.body[:300]!r}")
            return None
        look = Look(invoked_s, monotonic(), reply.json())
        self.looks.append(look)
        return look

    def _outcome(self, reply: Reply) -> Outcome:
        match reply.status:
            case 201:
                return Outcome.ACCEPTED
            case 200:
                return Outcome.REPEATED
            case 409:
                return Outcome.REFUSED
            case 503 if b"retry-after:" in reply.head:
                code = reply.json()["code"]
                if code == "outcome-unknown":
                    return Outcome.UNKNOWN
                if code in _NOTHING_DONE:
                    return Outcome.NOT_TAKEN
        self.surprises.append(f"{reply.status} to a bid: {reply.body[:300]!r}")
        return Outcome.UNKNOWN

    def count(self, *outcomes: Outcome) -> int:
        """How many attempts ended so."""
        return sum(attempt.outcome in outcomes for attempt in self.attempts)

    def tally(self) -> str:
        """How many of each, for people."""
        counts = {outcome: self.count(outcome) for outcome in Outcome}
        said = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
        return f"{len(self.attempts)} attempts ({said}), {len(self.looks)} looks"
