"""The bidders of a scenario follow a price path through the real ledger, within what its terms allow them.

Every refusal is real: a bid over the limit is refused before its bidder raises the deposit, one that jumps too far
before it is repeated lower, and a price above the review limit holds the lot until staff resume it.
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
from auction.ledger.replies import AcceptedBid, BidAnswer
from auction.scenarios.price_path import DEFAULTER_DEPOSIT_FEN, BidderProfile, PlannedBid
from auction.services.catalogue import lots
from auction.services.context import AppContext
from auction.services.payments import registration_deposits

STAFF = "front-desk"
BATCH, BATCH_WITH_LIMITS = 256, 8
"""How many bids are sent at once; fewer where a refusal changes what the next bidder does."""
IGNORES_JUMP_LIMIT = 0.1
"""The part of bids that ignore the largest jump."""
NEXT_REVIEW_TIMES = 2
"""Staff who resume a held lot set the next review limit to so many times the one before."""


@dataclass(frozen=True, slots=True)
class Review:
    """A lot that was held for review, in fen: its price, its leader's paddle and deposit, and the next review limit."""

    at_ms: int
    price_fen: int
    paddle: int
    deposit_fen: int
    next_review_fen: int


@dataclass(slots=True)
class BiddingResult:
    """How the bids of a path were answered."""

    planned: int
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By code."""
    top_ups: int = 0
    topped_up_fen: int = 0
    reviews: list[Review] = field(default_factory=list)
    price_fen: int = 0
    prices: list[tuple[int, int]] = field(default_factory=list)
    """The price after each accepted bid: (ms since the opening, fen)."""
    stopped_at_ms: int | None = None
    """When no bidder would go further, before the path's end."""

    def price_at(self, at_ms: int) -> int:
        """The price at a time (ms since the opening), in fen."""
        return max((price_fen for when_ms, price_fen in self.prices if when_ms <= at_ms), default=0)


class LotBidders:
    """The registered bidders of one lot; `within_budget`: nobody bids more than they would pay."""

    def __init__(
        self, context: AppContext, lot_id: str, terms: Terms, *, within_budget: bool, rng: random.Random, number: int
    ) -> None:
        self._context = context
        self._lot_id = lot_id
        self._terms = terms
        self._within_budget = within_budget or isinstance(terms.deposit, LadderDeposit)
        self._rng = rng
        self._number = number
        self._keys = 0
        self._profiles: dict[str, BidderProfile] = {}
        self._held_fen: dict[str, int] = {}
        self._paddles: dict[str, int] = {}
        self._leader_id: str | None = None
        self._price_fen = 0
        has_limits = isinstance(terms.deposit, LadderDeposit) or terms.max_jump or terms.review_above_fen
        self._batch = BATCH_WITH_LIMITS if has_limits else BATCH

    @property
    def paddles(self) -> Mapping[str, int]:
        """Bidder -> paddle."""
        return self._paddles

    async def register(self, profile: BidderProfile) -> None:
        """Register a bidder with the smallest deposit, unless it is above their budget. Raises AuctionError."""
        minimum_fen = self._terms.deposit.minimum_fen()
        if minimum_fen > profile.budget_fen:
            return
        outcome = await registration_deposits.register(
            self._context, self._lot_id, bidder_id=profile.bidder_id, name=profile.name
        )
        if outcome.registration is None:
            raise RuntimeError(f"the sandbox did not decide on the deposit of {profile.bidder_id}")
        self._profiles[profile.bidder_id] = profile
        self._held_fen[profile.bidder_id] = minimum_fen
        self._paddles[profile.bidder_id] = outcome.registration.paddle

    def held_fen(self) -> int:
        """The sum of all deposits held, in fen."""
        return sum(self._held_fen.values())

    async def follow(self, plan: Sequence[PlannedBid]) -> BiddingResult:
        """Bid along the path to its end, or until no bidder would go further."""
        result = BiddingResult(planned=len(plan))
        for start in range(0, len(plan), self._batch):
            batch = list(self._assign(plan[start : start + self._batch], last_two=plan[-2:]))
            if not batch:
                result.stopped_at_ms = result.prices[-1][0] if result.prices else 0
                break
            bids = [self._bid(profile.bidder_id, planned.amount_fen) for profile, planned in batch]
            answers = await self._context.ledger.place_bids(self._lot_id, bids)
            for (profile, planned), answer in zip(batch, answers, strict=True):
                await self._record(result, profile, planned, answer)
        return result

    def _assign(
        self, batch: Sequence[PlannedBid], *, last_two: Sequence[PlannedBid]
    ) -> Iterator[tuple[BidderProfile, PlannedBid]]:
        """A bidder for each planned bid: any but the leader who would go so far; the last bid is the defaulter's."""
        leader_id, price_fen = self._leader_id, self._price_fen
        for original in batch:
            planned = self._within_jump(original, price_fen)
            willing = [
                profile
                for profile in self._profiles.values()
                if profile.bidder_id != leader_id and planned.amount_fen <= self._amount_fen_max(profile)
            ]
            if not willing:
                continue
            if original in last_two:
                is_last = original is last_two[-1]
                willing = [profile for profile in willing if profile.is_defaulter is is_last] or willing
            profile = self._rng.choice(willing)
            leader_id, price_fen = profile.bidder_id, planned.amount_fen
            yield profile, planned

    def _within_jump(self, planned: PlannedBid, price_fen: int) -> PlannedBid:
        """The planned bid, lowered to the largest jump; the part IGNORES_JUMP_LIMIT is left as it is."""
        jump = self._terms.max_jump
        if jump is None or not price_fen or self._rng.random() < IGNORES_JUMP_LIMIT:
            return planned
        largest_fen = (price_fen + jump.above(price_fen, self._terms.step_at(price_fen))) // YUAN * YUAN
        return planned if planned.amount_fen <= largest_fen else PlannedBid(planned.at_ms, largest_fen)

    def _amount_fen_max(self, profile: BidderProfile) -> int:
        """The highest amount a bidder bids: their budget where deposits limit bids, their bluff where not."""
        policy = self._terms.deposit
        if profile.is_defaulter and isinstance(policy, LadderDeposit):
            return policy.power(DEFAULTER_DEPOSIT_FEN).limit_fen or profile.bluff_fen
        return profile.budget_fen if self._within_budget else profile.bluff_fen

    async def _record(
        self, result: BiddingResult, profile: BidderProfile, planned: PlannedBid, answer: BidAnswer
    ) -> None:
        if isinstance(answer, AcceptedBid):
            self._leader_id, self._price_fen = profile.bidder_id, answer.receipt.price_fen
            result.accepted += 1
            result.price_fen = answer.receipt.price_fen
            result.prices.append((planned.at_ms, result.price_fen))
            return
        result.refused[str(answer.code)] += 1
        match answer.code:
            case RefusalCode.OVER_LIMIT:
                await self._top_up(result, profile, planned.amount_fen)
            case RefusalCode.JUMP_TOO_LARGE if self._leader_id != profile.bidder_id:
                lower = PlannedBid(planned.at_ms, int(answer.facts["maximum_fen"]) // YUAN * YUAN)
                bid = self._bid(profile.bidder_id, lower.amount_fen)
                (second,) = await self._context.ledger.place_bids(self._lot_id, [bid])
                await self._record(result, profile, lower, second)
            case RefusalCode.LOT_NOT_OPEN:
                await self._review(result, planned.at_ms)
            case _:
                # another bid was faster, or the bidder leads already: wait for the next price
                pass

    async def _top_up(self, result: BiddingResult, profile: BidderProfile, amount_fen: int) -> None:
        """Raise the deposit to the first band that allows the amount."""
        policy = self._terms.deposit
        if not isinstance(policy, LadderDeposit):
            return
        held_fen = self._held_fen[profile.bidder_id]
        enough = [band.deposit_fen for band in policy.bands if band.limit_fen is None or band.limit_fen >= amount_fen]
        if not enough or enough[0] <= held_fen:
            return
        more_fen = enough[0] - held_fen
        await registration_deposits.top_up(
            self._context, self._lot_id, bidder_id=profile.bidder_id, amount_fen=more_fen, key=self._key()
        )
        self._held_fen[profile.bidder_id] = enough[0]
        result.top_ups += 1
        result.topped_up_fen += more_fen

    async def _review(self, result: BiddingResult, at_ms: int) -> None:
        """Resume a lot held for review, as its bids are covered by deposits, with a higher review limit."""
        snapshot = await self._context.ledger.read(self._lot_id)
        if snapshot is None or snapshot.status != "held":
            return
        next_review_fen = NEXT_REVIEW_TIMES * (snapshot.review_above_fen or snapshot.price_fen)
        result.reviews.append(
            Review(
                at_ms=at_ms,
                price_fen=snapshot.price_fen,
                paddle=snapshot.leader_paddle,
                deposit_fen=self._held_fen.get(snapshot.leader_id, 0),
                next_review_fen=next_review_fen,
            )
        )
        await lots.resume_lot(self._context, self._lot_id, actor=STAFF, review_above_fen=next_review_fen)

    def _bid(self, bidder_id: str, amount_fen: int) -> Bid:
        return Bid(bidder_id, amount_fen, self._key())

    def _key(self) -> str:
        self._keys += 1
        return f"scenario-{self._number}-{self._keys:06d}"
