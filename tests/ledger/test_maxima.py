"""A leader's maximum in the ledger itself: what one call writes for it. The rules are those of the model tests."""

from auction.domain.bidding import Bid, Receipt
from auction.domain.events import BidPlaced, MaximumSet, is_made_key
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.replies import AcceptedBid
from tests.ledger.event_sequences import LOT, contents, entries, opened, refused, taken, terms


async def maximum(ledger: BidLedger, bidder: str, amount_fen: int, key: str) -> Receipt:
    (answer,) = await ledger.place_bids(LOT, [Bid(bidder, amount_fen, key, is_maximum=True)])
    assert isinstance(answer, AcceptedBid), answer
    return answer.receipt


async def last_bids(ledger: BidLedger) -> list[tuple[str, int, int]]:
    """Who bid in the last call, at which price, and with which maximum behind it."""
    events = (await entries(ledger))[-1].events
    return [(one.bidder_id, one.price_fen, one.amount_fen) for one in events if isinstance(one, BidPlaced)]


async def test_a_bid_below_a_maximum_is_answered_in_the_same_entry(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(auto_bids=True))
    await maximum(ledger, "ada", 5_000, "key-00001")
    receipt = await taken(ledger, "bo", 700, "key-00002")
    assert (receipt.leading, receipt.price_fen, receipt.minimum_fen) == (False, 700, 900)
    assert await last_bids(ledger) == [("bo", 700, 700), ("ada", 800, 5_000)]
    snapshot = await ledger.read(LOT)
    assert snapshot is not None
    assert (snapshot.leader_id, snapshot.price_fen, snapshot.ceiling_fen, snapshot.bids) == ("ada", 800, 5_000, 3)


async def test_of_equal_amounts_the_earlier_wins(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(auto_bids=True))
    await maximum(ledger, "ada", 5_000, "key-00001")
    (answer,) = await ledger.place_bids(LOT, [Bid("bo", 5_000, "key-00002")])
    assert (refused(answer).code, refused(answer).price_fen) == ("bid-too-low", 5_000)
    assert await last_bids(ledger) == [("ada", 5_000, 5_000)]
    again = await taken(ledger, "bo", 5_100, "key-00002")
    assert again.leading


async def test_a_batch_of_maxima_settles_as_they_come(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(auto_bids=True))
    offers = [("ada", 3_000), ("bo", 5_000), ("cai", 4_000), ("bo", 9_000)]
    batch = [Bid(bidder, fen, f"key-{fen:05d}", is_maximum=True) for bidder, fen in offers]
    answers = await ledger.place_bids(LOT, batch)
    assert all(isinstance(answer, AcceptedBid) for answer in answers)
    (entry,) = [entry for entry in await entries(ledger) if isinstance(entry.events[0], BidPlaced)]
    told = [(one.kind, one.bidder_id, one.price_fen) for one in entry.events if isinstance(one, BidPlaced | MaximumSet)]
    assert told == [
        ("bid", "ada", 100),
        ("bid", "ada", 3_000),
        ("bid", "bo", 3_100),
        ("bid", "cai", 4_000),
        ("bid", "bo", 4_100),
        ("maximum", "bo", 4_100),
    ]
    made = [is_made_key(one.key) for one in entry.events if isinstance(one, BidPlaced)]
    assert made == [False, True, False, False, True]


async def test_a_refused_maximum_changes_nothing(ledger: BidLedger) -> None:
    await opened(ledger)
    before = await contents(ledger)
    (answer,) = await ledger.place_bids(LOT, [Bid("ada", 5_000, "key-00001", is_maximum=True)])
    assert refused(answer).code == "maxima-off"
    assert await contents(ledger) == before
