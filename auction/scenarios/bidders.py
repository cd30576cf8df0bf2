"""How the bidders of a scenario follow a price path through the real ledger, and what stops them on the way.

Nobody is spared a refusal: a bid over the limit is refused before its bidder raises the deposit, one that leaps too far
before it comes down, and one past the review limit stops the lot until staff have looked.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auction.demo.fixtures import YUAN
from auction.domain.bidding import Bid
from auction.domain.deposits import LadderDeposit
from auction.domain.errors import RefusalCode
from auction.domain.terms import Terms
from auction.ledger.bid_ledger import Answer, Taken
from auction.scenarios.price_path import WALKER_DEPOSIT_FEN, Person, PlannedBid
from auction.services.catalogue import lots
from auction.services.context import AppContext
from auction.services.registration import registrations

STAFF = "front-desk"
BATCH, BATCH_UNDER_LIMITS = 256, 8
"""How many bids come at once; fewer where a refusal changes what the next bidder does."""
CARELESS = 0.1
"""The part of bidders who do not look how far one bid may go."""
NEXT_REVIEW = 2
"""Staff who let a held lot go on want to look again at so many times the review limit."""


@dataclass(frozen=True, slots=True)
class Review:
    """A lot that was held for staff, in fen: the price, who led, and what the leader had put down."""

    at_ms: int
    price_fen: int
    paddle: int
    deposit_fen: int
    next_review_fen: int


@dataclass(slots=True)
class Course:
    """What became of a path."""

    planned: int
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    top_ups: int = 0
    topped_up_fen: int = 0
    reviews: list[Review] = field(default_factory=list)
    price_fen: int = 0
    prices: list[tuple[int, int]] = field(default_factory=list)
    """The price after each accepted bid: (ms since the opening, fen)."""
    stopped_at_ms: int | None = None
    """When nobody went on, before the path's end."""

    def price_at(self, at_ms: int) -> int:
        """The price that stood at a time, in fen."""
        return max((price_fen for when_ms, price_fen in self.prices if when_ms <= at_ms), default=0)


class ScenarioBidders:
    """The registered bidders of one lot."""

    def __init__(
        self, context: AppContext, lot_id: str, terms: Terms, *, sober: bool, chance: random.Random, number: int
    ) -> None:
        self._context = context
        self._lot_id = lot_id
        self._terms = terms
        self._sober = sober or isinstance(terms.deposit, LadderDeposit)
        self._chance = chance
        self._number = number
        self._keys = 0
        self._persons: dict[str, Person] = {}
        self._held_fen: dict[str, int] = {}
        self._paddles: dict[str, int] = {}
        self._leader_id: str | None = None
        self._price_fen = 0
        guarded = isinstance(terms.deposit, LadderDeposit) or terms.max_jump or terms.review_above_fen
        self._batch = BATCH_UNDER_LIMITS if guarded else BATCH

    @property
    def paddles(self) -> Mapping[str, int]:
        """Bidder -> paddle."""
        return self._paddles

    async def register(self, person: Person) -> None:
        """Let a bidder in on the least deposit; one who cannot afford it stays away."""
        minimum_fen = self._terms.deposit.minimum_fen()
        if minimum_fen > person.budget_fen:
            return
        asked = await registrations.register(self._context, self._lot_id, bidder_id=person.bidder_id, name=person.name)
        if asked.registration is None:
            raise RuntimeError(f"the sandbox did not decide on the deposit of {person.bidder_id}")
        self._persons[person.bidder_id] = person
        self._held_fen[person.bidder_id] = minimum_fen
        self._paddles[person.bidder_id] = asked.registration.paddle

    def held_fen(self) -> int:
        """What all of them together have put down, in fen."""
        return sum(self._held_fen.values())

    async def follow(self, plan: Sequence[PlannedBid]) -> Course:
        """Bid along the path to its end, or to where nobody goes on."""
        course = Course(planned=len(plan))
        for start in range(0, len(plan), self._batch):
            offered = list(self._offered(plan[start : start + self._batch], ending=plan[-2:]))
            if not offered:
                course.stopped_at_ms = course.prices[-1][0] if course.prices else 0
                break
            bids = [self._bid(person.bidder_id, one.amount_fen) for person, one in offered]
            answers = await self._context.ledger.place_bids(self._lot_id, bids)
            for (person, one), answer in zip(offered, answers, strict=True):
                await self._take(course, person, one, answer)
        return course

    def _offered(
        self, planned: Sequence[PlannedBid], *, ending: Sequence[PlannedBid]
    ) -> Iterator[tuple[Person, PlannedBid]]:
        """Who offers what of the path: whoever does not lead and would go so far; the last word is the walker's."""
        leader_id, price_fen = self._leader_id, self._price_fen
        for said in planned:
            one = self._in_reach(said, price_fen)
            willing = [
                person
                for person in self._persons.values()
                if person.bidder_id != leader_id and one.amount_fen <= self._amount_fen_max(person)
            ]
            if not willing:
                continue
            if said in ending:
                last = said is ending[-1]
                willing = [person for person in willing if person.walks_away is last] or willing
            person = self._chance.choice(willing)
            leader_id, price_fen = person.bidder_id, one.amount_fen
            yield person, one

    def _in_reach(self, said: PlannedBid, price_fen: int) -> PlannedBid:
        """What the path says, or as far as one bid may go; some do not think of that."""
        jump = self._terms.max_jump
        if jump is None or not price_fen or self._chance.random() < CARELESS:
            return said
        reach_fen = (price_fen + jump.above(price_fen, self._terms.step_at(price_fen))) // YUAN * YUAN
        return said if said.amount_fen <= reach_fen else PlannedBid(said.at_ms, reach_fen)

    def _amount_fen_max(self, person: Person) -> int:
        """How far somebody goes: as far as they can pay where bids are backed, as far as they dare where not."""
        policy = self._terms.deposit
        if person.walks_away and isinstance(policy, LadderDeposit):
            return policy.power(WALKER_DEPOSIT_FEN).limit_fen or person.bluff_fen
        return person.budget_fen if self._sober else person.bluff_fen

    async def _take(self, course: Course, person: Person, one: PlannedBid, answer: Answer) -> None:
        if isinstance(answer, Taken):
            self._leader_id, self._price_fen = person.bidder_id, answer.receipt.price_fen
            course.accepted += 1
            course.price_fen = answer.receipt.price_fen
            course.prices.append((one.at_ms, course.price_fen))
            return
        course.refused[str(answer.code)] += 1
        match answer.code:
            case RefusalCode.OVER_LIMIT:
                await self._top_up(course, person, one.amount_fen)
            case RefusalCode.JUMP_TOO_LARGE if self._leader_id != person.bidder_id:
                nearer = PlannedBid(one.at_ms, int(answer.facts["maximum_fen"]) // YUAN * YUAN)
                bid = self._bid(person.bidder_id, nearer.amount_fen)
                (again,) = await self._context.ledger.place_bids(self._lot_id, [bid])
                await self._take(course, person, nearer, again)
            case RefusalCode.LOT_NOT_OPEN:
                await self._review(course, one.at_ms)
            case _:
                # somebody was quicker, or the bidder leads already: they look, and wait for the next price
                pass

    async def _top_up(self, course: Course, person: Person, amount_fen: int) -> None:
        """Raise the deposit to the first band that allows the amount."""
        policy = self._terms.deposit
        if not isinstance(policy, LadderDeposit):
            return
        held_fen = self._held_fen[person.bidder_id]
        enough = [band.deposit_fen for band in policy.bands if band.limit_fen is None or band.limit_fen >= amount_fen]
        if not enough or enough[0] <= held_fen:
            return
        more_fen = enough[0] - held_fen
        await registrations.top_up(
            self._context, self._lot_id, bidder_id=person.bidder_id, amount_fen=more_fen, key=self._key()
        )
        self._held_fen[person.bidder_id] = enough[0]
        course.top_ups += 1
        course.topped_up_fen += more_fen

    async def _review(self, course: Course, at_ms: int) -> None:
        """Staff look at a held lot: the bids are backed by deposits, so it goes on, to be looked at again."""
        snapshot = await self._context.ledger.read(self._lot_id)
        if snapshot is None or snapshot.status != "held":
            return
        again_fen = NEXT_REVIEW * (snapshot.review_above_fen or snapshot.price_fen)
        course.reviews.append(
            Review(
                at_ms=at_ms,
                price_fen=snapshot.price_fen,
                paddle=snapshot.leader_paddle,
                deposit_fen=self._held_fen.get(snapshot.leader_id, 0),
                next_review_fen=again_fen,
            )
        )
        await lots.resume_lot(self._context, self._lot_id, actor=STAFF, review_above_fen=again_fen)

    def _bid(self, bidder_id: str, amount_fen: int) -> Bid:
        return Bid(bidder_id, amount_fen, self._key())

    def _key(self) -> str:
        self._keys += 1
        return f"scenario-{self._number}-{self._keys:06d}"
