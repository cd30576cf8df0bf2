import pytest

from auction.domain.storage import DAY_MS, storage_fee_fen, storage_fee_paid


@pytest.mark.parametrize(
    "late_ms, fee", [(-1, 0), (0, 0), (1, 500), (DAY_MS, 500), (DAY_MS + 1, 1_000), (10 * DAY_MS, 5_000)]
)
def test_a_lot_that_is_fetched_late_costs_a_fee_for_each_day_that_has_begun(late_ms: int, fee: int) -> None:
    assert storage_fee_fen(500, fetch_by_ms=1_000_000, now_ms=1_000_000 + late_ms) == fee


def test_terms_without_a_fee_cost_nothing() -> None:
    assert storage_fee_fen(0, fetch_by_ms=0, now_ms=10 * DAY_MS) == 0


def test_a_fee_that_was_paid_is_income() -> None:
    made = storage_fee_paid(award_id="a1", lot_id="lot-1", amount_fen=500)
    assert made.key == "storage-fee-paid:a1"
    assert [(line.account, line.amount_fen) for line in made.lines] == [("cash", 500), ("storage_income", -500)]
