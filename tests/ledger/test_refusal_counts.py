"""Refused bids are counted by lot and reason, over all processes that report theirs."""

from auction.ledger.bid_ledger import BidLedger
from auction.ledger.refusal_counts import add_refusals, refusals_of


async def test_counts_of_several_reports_add_up_most_frequent_first(ledger: BidLedger) -> None:
    first = {("sale-001", "bid-too-low"): 2, ("sale-001", "over-limit"): 3, ("sale-002", "off-grid"): 1}
    await add_refusals(ledger, first)
    await add_refusals(ledger, {("sale-001", "bid-too-low"): 4})
    assert list((await refusals_of(ledger, "sale-001")).items()) == [("bid-too-low", 6), ("over-limit", 3)]
    assert await refusals_of(ledger, "sale-002") == {"off-grid": 1}
    assert await refusals_of(ledger, "sale-003") == {}
    assert 0 < await ledger.redis.ttl(ledger.keys.refusals("sale-001")) <= 30 * 86_400
