"""The bid tape: a recorded stream of commands to a ledger, and the hash of everything that must come of it.

A tape follows from a seed and is decided by the rules themselves (`auction.domain`), not by the ledger that it is held
against. Nothing in it depends on the clock: lots are opened for a day, and times are no part of the outcome. Any other
engine may be held against the same bytes.

A tape is JSON lines: a header, commands (arrays, the command's name first), check lines `["check", hash so far]`, and a
last line with the counts and the hash of the whole outcome, SHA-256 over the answers, a line of compact JSON each:

    ["lot", lot, terms]                       scheduled and opened      -> state
    ["admit", lot, bidder, paddle, limit]     limit null: none          -> state
    ["bids", lot, [[bidder, amount, key]..]]  a line for each bid       -> [accepted|repeated, seq, amount, price,
                                              minimum, leads, paddle] or [code, seq, price, minimum, fact]
    ["pause", lot], ["resume", lot, review], ["void-bid", lot, seq], ["close", lot]   -> state

where a state is [status, epoch, seq, price, leader's paddle, bids, minimum].
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from auction.domain.bidding import Accepted, Admission, Bid, Receipt, Refused, Repeated, decide, highest_jump_fen
from auction.domain.deposits import NoDeposit
from auction.domain.events import Admitted, BidPlaced, Event
from auction.domain.lot import (
    Action,
    Lot,
    LotStatus,
    NotAllowed,
    apply,
    close_now,
    open_now,
    pause,
    restate,
    resume,
    schedule,
)
from auction.domain.pricing import LeadingBid, fold_bids
from auction.domain.terms import Bidding, Increment, MaxJump, SettlementTerms, Terms, terms_as_mapping

FORMAT, VERSION = "auction-tape", 1
SALE = "tape"
DAY_MS = 86_400_000
CHECK_EVERY = 1_000
"""Commands between two check lines."""
BATCH_MAX = 64
BIDS_A_LOT = 500
BIDDERS = 24

Line = list[Any] | dict[str, Any]
Answer = list[Any]


class TapeInvalid(Exception):
    """The file is no tape, or a part of one; the text says what is wrong."""


class TapeDiffers(Exception):
    """What came of the commands is not what the tape says; the text says by which line."""


class Engine(Protocol):
    """Whatever a tape is played on."""

    async def answers(self, command: list[Any]) -> list[Answer]:
        """What comes of a command: an answer, or one for each bid."""
        ...


@dataclass(slots=True)
class Outcome:
    """The hash of all answers so far, and how many there were of each kind."""

    hash: Any = field(default_factory=hashlib.sha256)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, answers: Sequence[Answer], *, are_bids: bool) -> None:
        """Add the answers of one command."""
        for answer in answers:
            self.hash.update(_compact(answer).encode() + b"\n")
            if are_bids:
                self.counts[answer[0]] += 1

    def end(self) -> dict[str, Any]:
        """The last line of a tape."""
        return {"bids": dict(sorted(self.counts.items())), "outcome_sha256": self.hash.hexdigest()}


def _compact(line: Line) -> str:
    return json.dumps(line, separators=(",", ":"), sort_keys=True)


def read_line(text: str) -> Line:
    """A line of a tape. Raises TapeInvalid."""
    try:
        line = json.loads(text)
    except ValueError as error:
        raise TapeInvalid(f"a line is no JSON: {error}") from None
    if not isinstance(line, list | dict) or not line:
        raise TapeInvalid(f"a line is neither a command nor a header: {text[:60]!r}")
    return line


async def play(engine: Engine, lines: Iterator[str]) -> dict[str, Any]:
    """Play a tape on an engine; its last line. Raises TapeDiffers at the first check that fails, TapeInvalid."""
    header = read_line(next(lines, "[0]"))
    if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (FORMAT, VERSION):
        raise TapeInvalid(f"the first line must be that of a tape of version {VERSION}")
    outcome = Outcome()
    for number, text in enumerate(lines, start=2):
        line = read_line(text)
        if isinstance(line, dict):
            if line != outcome.end():
                raise TapeDiffers(f"by line {number} the outcome is {_compact(outcome.end())}, not {_compact(line)}")
            return line
        if line[0] == "check":
            if line[1] != outcome.hash.hexdigest():
                raise TapeDiffers(f"the answers differ by line {number}, and not yet at the check before it")
            continue
        outcome.take(await engine.answers(line), are_bids=line[0] == "bids")
    raise TapeInvalid("the last line is missing: it is a part of a tape")


def state_answer(lot: Lot) -> Answer:
    """A lot's state as it is answered."""
    return [str(lot.status), lot.epoch, lot.seq, lot.price_fen, lot.leader_paddle, lot.bids, lot.minimum_fen()]


def bid_answer(decision: Accepted | Repeated | Refused) -> Answer:
    """A decision as it is answered, without its times."""
    if isinstance(decision, Refused):
        fact = next(iter(decision.facts.values()), None)
        return [str(decision.code), decision.at_seq, decision.price_fen, decision.minimum_fen, fact]
    said = "accepted" if isinstance(decision, Accepted) else "repeated"
    receipt = decision.receipt
    return [
        said,
        receipt.seq,
        receipt.amount_fen,
        receipt.price_fen,
        receipt.minimum_fen,
        int(receipt.leading),
        receipt.paddle,
    ]


# -- recording ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class RecordedLot:
    """A lot by the rules, with all that they look at."""

    lot: Lot
    admitted: dict[str, Admission] = field(default_factory=dict)
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    standing: dict[int, BidPlaced] = field(default_factory=dict)
    """Seq -> the bids that are not void."""

    def take(self, events: Sequence[Event]) -> None:
        """Apply events at the one time there is."""
        for event in events:
            self.lot = apply(self.lot, event, 0)
            if isinstance(event, BidPlaced):
                self.standing[self.lot.seq] = event

    def act(self, action: Action) -> None:
        """Carry an action out that the rules must allow."""
        if isinstance(action, NotAllowed):
            raise ValueError(f"a tape does nothing that is not allowed: {action}")
        self.take(action)

    def leading_without(self, seq: int) -> LeadingBid:
        """The leading bid that the others make."""
        return fold_bids(self.lot.terms, [bid for at, bid in sorted(self.standing.items()) if at != seq])

    def place(self, bid: Bid) -> Answer:
        """Decide a bid."""
        first = self.receipts.get((bid.bidder_id, bid.key))
        decision = decide(self.lot, self.admitted.get(bid.bidder_id), first, bid, 0)
        if isinstance(decision, Accepted):
            self.take(decision.events)
            self.receipts[bid.bidder_id, bid.key] = decision.receipt
        return bid_answer(decision)


class Recorder:
    """Makes a tape: one lot after another, each with bids of every kind, stops, voids and a close."""

    def __init__(self, seed: int, bids: int) -> None:
        """A tape of at least so many bids."""
        self._seed = seed
        self._bids = bids
        self._chance = random.Random(seed)  # noqa: S311 - a tape follows from its seed
        self._outcome = Outcome()
        self._sent: list[Bid] = []

    @property
    def end(self) -> dict[str, Any]:
        """The last line, once all were made."""
        return self._outcome.end()

    def lines(self) -> Iterator[str]:
        """The lines of the tape, without line ends."""
        yield _compact({"format": FORMAT, "version": VERSION, "seed": self._seed})
        for number, (command, answers) in enumerate(self._commands(), start=1):
            self._outcome.take(answers, are_bids=command[0] == "bids")
            yield _compact(command)
            if number % CHECK_EVERY == 0:
                yield _compact(["check", self._outcome.hash.hexdigest()])
        yield _compact(self.end)

    def _commands(self) -> Iterator[tuple[list[Any], list[Answer]]]:
        lots = 0
        while self._outcome.counts.total() < self._bids:
            lots += 1
            yield from self._lot(f"{SALE}-{lots:03d}")

    def _lot(self, lot_id: str) -> Iterator[tuple[list[Any], list[Answer]]]:
        terms = self._terms()
        recorded = RecordedLot(Lot(terms))
        recorded.take([schedule(terms, opens_at_ms=0, ends_at_ms=DAY_MS)])
        recorded.act(open_now(recorded.lot, 0, ends_at_ms=DAY_MS, by=""))
        # what follows the close is nothing to a ledger, and has more terms from version to version
        of_bidding = {
            name: term
            for name, term in terms_as_mapping(terms).items()
            # tapes have no maxima, and those of before do not name the term
            if name not in {"settlement", "auto_bids"}
        }
        yield ["lot", lot_id, of_bidding], [state_answer(recorded.lot)]
        for paddle in range(1, BIDDERS + 1):
            limit = self._chance.randrange(1, 40_000) * 100 if paddle % 8 == 0 else None
            recorded.admitted[f"bidder-{paddle}"] = Admission(paddle, limit)
            recorded.take([Admitted(f"bidder-{paddle}", paddle, -1 if limit is None else limit, -1)])
            yield ["admit", lot_id, f"bidder-{paddle}", paddle, limit], [state_answer(recorded.lot)]
        self._sent = []
        wanted = self._outcome.counts.total() + min(BIDS_A_LOT, self._bids)
        while self._outcome.counts.total() < wanted and recorded.lot.status is not LotStatus.CLOSED:
            yield from self._step(lot_id, recorded)
        if recorded.lot.status in {LotStatus.PAUSED, LotStatus.HELD}:
            yield self._resume(lot_id, recorded)
        if recorded.lot.status is LotStatus.OPEN:
            recorded.act(close_now(recorded.lot, reason="", by=""))
            yield ["close", lot_id], [state_answer(recorded.lot)]

    def _step(self, lot_id: str, recorded: RecordedLot) -> Iterator[tuple[list[Any], list[Answer]]]:
        bids, answers = [], []
        for _ in range(self._chance.randint(1, BATCH_MAX)):
            bids.append(self._bid(recorded, lot_id))
            answers.append(recorded.place(bids[-1]))
        self._sent += bids
        yield ["bids", lot_id, [[bid.bidder_id, bid.amount_fen, bid.key] for bid in bids]], answers
        if recorded.lot.status is LotStatus.OPEN and self._chance.random() < 0.02:
            recorded.act(pause(recorded.lot, 0, reason="", by=""))
            yield ["pause", lot_id], [state_answer(recorded.lot)]
        if recorded.lot.status in {LotStatus.PAUSED, LotStatus.HELD} and self._chance.random() < 0.7:
            if recorded.standing and self._chance.random() < 0.5:
                yield self._void_bid(lot_id, recorded)
            yield self._resume(lot_id, recorded)

    def _void_bid(self, lot_id: str, recorded: RecordedLot) -> tuple[list[Any], list[Answer]]:
        seqs = sorted(recorded.standing)
        seq = seqs[-1 - self._chance.randrange(min(5, len(seqs)))]
        recorded.act(restate(recorded.lot, sorted(recorded.standing.items()), seq, reason="", by=""))
        del recorded.standing[seq]
        return ["void-bid", lot_id, seq], [state_answer(recorded.lot)]

    def _resume(self, lot_id: str, recorded: RecordedLot) -> tuple[list[Any], list[Answer]]:
        review = recorded.lot.price_fen + 100 * self._chance.randrange(1, 4_000)
        recorded.act(resume(recorded.lot, 0, review_above_fen=review, by=""))
        return ["resume", lot_id, review], [state_answer(recorded.lot)]

    def _terms(self) -> Terms:
        chance = self._chance
        start, step = 100 * chance.randint(1, 50), 100 * chance.randint(1, 5)
        bidding = chance.choice(list(Bidding))
        jump = MaxJump(steps=chance.randint(5, 50)) if bidding is Bidding.DIRECT and chance.random() < 0.5 else None
        return Terms(
            bidding=bidding,
            start_price_fen=start,
            increments=(Increment(0, step), Increment(start + 50_000, 2 * step)),
            on_grid=chance.random() < 0.3,
            max_jump=jump,
            reserve_fen=start + 100 * chance.randrange(2_000) if chance.random() < 0.5 else None,
            cap_fen=start + 5_000_000 if chance.random() < 0.3 else None,
            review_above_fen=start + 100 * chance.randrange(1, 5_000) if chance.random() < 0.5 else None,
            soft_close=None,
            deposit=NoDeposit(),
            settlement=SettlementTerms(),
        )

    def _bid(self, recorded: RecordedLot, lot_id: str) -> Bid:
        chance, lot = self._chance, recorded.lot
        kind = chance.random()
        if kind < 0.08 and self._sent:
            again = chance.choice(self._sent)
            # a retry, or its key for another amount
            return again if kind < 0.05 else Bid(again.bidder_id, again.amount_fen + 100, again.key)
        bidder = f"bidder-{chance.randint(1, BIDDERS)}" if kind > 0.09 else "stranger"
        step = lot.terms.step_at(lot.price_fen)
        above = chance.choice((0, 0, 0, 1, 1, 2, 5, 30, -1, -3, 0.5))
        amount = max(1, lot.minimum_fen() + int(above * step))
        if chance.random() < 0.02:
            amount = (lot.terms.cap_fen or highest_jump_fen(lot) or amount) + step
        return Bid(bidder, amount, f"{lot_id}-{len(recorded.receipts)}-{chance.getrandbits(40):010x}")
