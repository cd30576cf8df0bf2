from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.events import (
    KINDS,
    Admitted,
    BidPlaced,
    BidVoided,
    Closed,
    Event,
    Extended,
    Frozen,
    Held,
    Interrupted,
    LotVoided,
    MaximumSet,
    Opened,
    Paused,
    Rescheduled,
    Restored,
    Resumed,
    Scheduled,
    from_row,
)
from tests.lot_events import to_row
from tests.unit.examples import by_rule

ROWS: list[tuple[Event, list[Any]]] = [
    (Scheduled("ab" * 32, 1, 2, 0), ["scheduled", "ab" * 32, 1, 2, 0]),
    (Rescheduled(1, 2, 0, "li"), ["rescheduled", 1, 2, 0, "li"]),
    (Admitted("ada", 3, -1, 900), ["admitted", "ada", 3, -1, 900]),
    (Opened(5, 9, "clerk"), ["opened", 5, 9, "clerk"]),
    (BidPlaced("ada", 3, 100, "key-0001", 90, 1, 77), ["bid", "ada", 3, 100, "key-0001", 90, 1, 77]),
    (MaximumSet("ada", 3, 0, "key-0001", 90, 1, 77), ["maximum", "ada", 3, 0, "key-0001", 90, 1, 77]),
    (Held(12), ["held", 12]),
    (Paused(12, "a look", "li"), ["paused", 12, "a look", "li"]),
    (Interrupted(12, 3, 7, 11), ["interrupted", 12, 3, 7, 11]),
    (Resumed(5, 9, 0, "li"), ["resumed", 5, 9, 0, "li"]),
    (Extended(5, 9, "late", "li"), ["extended", 5, 9, "late", "li"]),
    (BidVoided(4, 100, "bo", 2, 300, "fraud", "li"), ["voided", 4, 100, "bo", 2, 300, "fraud", "li"]),
    (Closed("sold", 100, "bo", 2, "time", "", ""), ["closed", "sold", 100, "bo", 2, "time", "", ""]),
    (LotVoided("recall", "li"), ["void", "recall", "li"]),
    (Frozen(12, "forked"), ["frozen", 12, "forked"]),
    (
        Restored(2, 1_000_000, 6, 9, "paused", 12, "a loss", "li"),
        ["restored", 2, 1_000_000, 6, 9, "paused", 12, "a loss", "li"],
    ),
]


@pytest.mark.parametrize("event, row", ROWS)
def test_an_event_is_written_as_its_kind_and_its_fields_in_order(event, row):
    assert to_row(event) == row


@pytest.mark.parametrize("event, row", ROWS)
def test_an_event_is_read_back_from_its_row(event, row):
    assert from_row(row) == event


def test_every_kind_of_event_is_among_these_rows():
    assert {row[0] for _, row in ROWS} == set(KINDS)


@pytest.mark.parametrize("row", [[], ["sold"], [None, 1], [3], [b"held", 12]])
def test_a_row_of_no_known_kind_is_named(row):
    with pytest.raises(ValueError, match="not an event of the ledger"):
        from_row(row)


@pytest.mark.parametrize(
    "row",
    [["held"], ["held", 1, 2], ["held", "12"], ["held", 12.0], ["held", True], ["held", None], ["void", "recall", 7]],
)
def test_a_row_with_other_fields_than_its_kind_has_is_refused_and_shown(row):
    with pytest.raises(ValueError, match=f"a {row[0]} event has fields") as caught:
        from_row(row)
    assert repr(row) in str(caught.value)


def test_the_fields_a_kind_has_are_named_where_they_are_missing():
    with pytest.raises(ValueError, match=r"remaining_ms.*reason.*by"):
        from_row(["paused", 12])


@by_rule
@given(st.text(), st.integers(1, 10**13), st.integers(1, 10**13), st.integers(0, 1))
def test_a_bid_of_any_text_and_amount_survives_the_ledger(bidder, amount, price, leading):
    placed = BidPlaced(bidder, 1, amount, "key-0001", price, leading, 10**12)
    assert from_row(to_row(placed)) == placed
