"""Token buckets: no more than the rate and the burst allow, and all that they allow."""

from hypothesis import given
from hypothesis import strategies as st

from auction.services.token_buckets import TokenBuckets
from tests.unit.examples import by_rule


class Clock:
    """Seconds, as the test sets them."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@by_rule
@given(
    per_s=st.integers(1, 50),
    burst=st.integers(1, 100),
    pauses=st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=150),
)
def test_as_many_are_taken_as_a_bucket_that_is_counted_in_tokens_holds(per_s: int, burst: int, pauses: list[float]):
    clock = Clock()
    buckets = TokenBuckets(per_s, burst, clock)
    tokens = float(burst)
    for pause in pauses:
        clock.now_s += pause
        tokens = min(burst, tokens + pause * per_s)
        wait_s = buckets.take("ann")
        assert buckets.take("bob") >= 0
        if tokens >= 1 + 1e-3:
            assert wait_s == 0
        if tokens < 1 - 1e-3:
            assert abs(wait_s - (1 - tokens) / per_s) < 1e-3
        tokens -= wait_s == 0


def test_a_key_that_waited_as_long_as_it_was_told_has_a_token():
    clock = Clock()
    buckets = TokenBuckets(20, 1, clock)
    assert buckets.take("ann") == 0
    clock.now_s += buckets.take("ann")
    assert buckets.take("ann") == 0


def test_of_more_keys_than_are_remembered_those_used_last_count():
    buckets = TokenBuckets(1, 1, Clock(), keys_max=2)
    assert [buckets.take(key) > 0 for key in ("a", "b", "c", "c", "a")] == [False, False, False, True, False]
