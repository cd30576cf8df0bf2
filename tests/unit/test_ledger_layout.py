import pytest

from auction.domain.ledger_layout import STREAM_START, StreamPosition


def test_stream_positions_are_ordered_by_time_then_by_number():
    ids = [STREAM_START, "0-1", "9-2", "10-0", "10-9", "10-10"]
    positions = [StreamPosition.parse(stream_id) for stream_id in ids]
    assert positions == sorted(positions)
    assert positions[-1] == (10, 10)


@pytest.mark.parametrize("wrong", ["", "10", "10-", "-1", "ten-1"])
def test_what_is_no_stream_id_has_no_position(wrong):
    with pytest.raises(ValueError, match="invalid literal"):
        StreamPosition.parse(wrong)
