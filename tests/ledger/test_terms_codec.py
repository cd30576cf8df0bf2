from hypothesis import given, settings

from auction.domain.deposits import NoDeposit, PurseDeposit
from auction.domain.terms import MaxJump, SoftClose, Terms
from auction.ledger.terms_codec import pack_terms, unpack_terms
from tests.ledger.event_sequences import terms
from tests.model.strategies import any_terms


@settings(deadline=None, database=None)
@given(any_terms())
def test_packed_terms_decide_as_the_terms_they_came_from(of: Terms) -> None:
    packed = pack_terms(of)
    again = unpack_terms(packed)
    assert pack_terms(again) == packed
    assert isinstance(again.deposit, PurseDeposit) is isinstance(of.deposit, PurseDeposit)
    for name in ("bidding", "start_price_fen", "increments", "on_grid", "max_jump", "reserve_fen", "cap_fen"):
        assert getattr(again, name) == getattr(of, name)
    assert (again.review_above_fen, again.soft_close) == (of.review_above_fen, of.soft_close)


def test_what_the_terms_do_not_have_comes_back_as_nothing() -> None:
    plain = unpack_terms(pack_terms(terms()))
    assert (plain.max_jump, plain.soft_close, plain.cap_fen, plain.deposit) == (None, None, None, NoDeposit())
    full = terms(max_jump=MaxJump(steps=2), soft_close=SoftClose(1, 2), cap_fen=500)
    again = unpack_terms(pack_terms(full))
    assert (again.max_jump, again.soft_close, again.cap_fen) == (MaxJump(steps=2), SoftClose(1, 2), 500)
