from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain import dispute_entries, journal, share_entries
from auction.domain.accounts import MEMO, PER_BIDDER, JournalAccount
from auction.domain.journal import JournalEntry, JournalLine
from auction.domain.money import FEN_MAX
from auction.domain.waterfall import Need, Share, Split, split
from tests.unit.examples import by_rule

WHO: dict[str, Any] = {"lot_id": "lot-1", "bidder_id": "ada"}
DEPOSIT: dict[str, Any] = {"deposit_id": "d1", **WHO}
AWARD: dict[str, Any] = {"award_id": "a1", **WHO}
DEFAULT: dict[str, Any] = {"default_id": "f1", **WHO}
REVERSAL: dict[str, Any] = {"reversal_id": "v1", **WHO}

amounts = st.integers(1, FEN_MAX)
or_none = st.integers(0, FEN_MAX)


def moves(entry: JournalEntry) -> list[tuple[str, int]]:
    """An entry's lines as (account, amount)."""
    return [(str(line.account), line.amount_fen) for line in entry.lines]


def balances(*entries: JournalEntry) -> dict[str, int]:
    """What the accounts hold after these entries; those at 0 left out."""
    held: Counter[str] = Counter()
    for entry in entries:
        for account, amount in moves(entry):
            held[account] += amount
    return {account: amount for account, amount in held.items() if amount}


# --- an entry ---------------------------------------------------------------------------------------------------------


def entry(*lines: tuple[JournalAccount, int]) -> JournalEntry:
    return JournalEntry("some:1", "some", "lot-1", tuple(JournalLine(account, amount) for account, amount in lines))


def test_an_entry_has_at_least_a_debit_and_a_credit():
    for lines in [(), ((JournalAccount.CASH, 1),)]:
        with pytest.raises(ValueError, match=f"some:1 has {len(lines)} lines"):
            entry(*lines)


def test_an_entry_that_does_not_balance_is_none():
    with pytest.raises(ValueError, match="does not balance: 1 fen over in money, 0 in memo"):
        entry((JournalAccount.CASH, 2), (JournalAccount.DEPOSITS_HELD, -1))


def test_an_entry_has_no_line_of_0():
    with pytest.raises(ValueError, match="a line of 0"):
        entry((JournalAccount.CASH, 1), (JournalAccount.DEPOSITS_HELD, -1), (JournalAccount.REFUND_PAYABLE, 0))


def test_what_is_only_authorised_never_balances_money():
    with pytest.raises(ValueError, match="5 fen over in money, -5 in memo accounts"):
        entry((JournalAccount.CASH, 5), (JournalAccount.MEMO_AUTHORISED, -5))


def test_memo_accounts_and_money_may_move_in_one_entry_when_each_balances():
    both = entry(
        (JournalAccount.MEMO_AUTHORISED_CONTRA, 5),
        (JournalAccount.MEMO_AUTHORISED, -5),
        (JournalAccount.CASH, 3),
        (JournalAccount.DEPOSITS_HELD, -3),
    )
    assert len(both.lines) == 4


# --- each kind of entry ------------------------------------------------------------------------------------------------


def test_an_award_makes_the_winner_owe_price_and_fee():
    made = journal.award(**AWARD, price_fen=1_000, fee_fen=50)
    assert (made.key, made.kind, made.lot_id) == ("award:a1", "award", "lot-1")
    assert moves(made) == [("buyer_receivable", 1_050), ("seller_clearing", -1_000), ("commission_deferred", -50)]


def test_without_a_fee_an_award_has_no_line_for_one():
    made = journal.award(**AWARD, price_fen=1_000, fee_fen=0)
    assert moves(made) == [("buyer_receivable", 1_000), ("seller_clearing", -1_000)]


def test_a_reversed_award_leaves_nothing_behind():
    facts = {**AWARD, "price_fen": 1_000, "fee_fen": 50}
    back = journal.award_reversed(**facts)
    assert (back.key, back.kind) == ("award-reversed:a1", "award-reversed")
    assert balances(journal.award(**facts), back) == {}


def test_a_charged_deposit_is_cash_that_is_held():
    made = journal.deposit_charged(**DEPOSIT, amount_fen=7)
    assert (made.key, moves(made)) == ("deposit-charged:d1", [("cash", 7), ("deposits_held", -7)])


def test_an_authorised_deposit_is_a_memo_until_it_ends():
    made = journal.deposit_authorised(**DEPOSIT, amount_fen=7)
    ended = journal.authorisation_ended(**DEPOSIT, amount_fen=7)
    assert (made.key, moves(made)) == (
        "deposit-authorised:d1",
        [("memo_authorised", 7), ("memo_authorised_contra", -7)],
    )
    assert (ended.key, balances(made, ended)) == ("authorisation-ended:d1", {})


@pytest.mark.parametrize(
    "is_cash, where, whose", [(True, "cash", "deposits_held"), (False, "memo_authorised", "memo_authorised_contra")]
)
def test_a_share_of_a_purse_moves_from_the_purses_lot_to_its_own(is_cash, where, whose):
    taken = share_entries.share_taken(**DEPOSIT, amount_fen=7, is_cash=is_cash)
    held = share_entries.share_held(**DEPOSIT | {"lot_id": "launch-002"}, amount_fen=7, is_cash=is_cash)
    assert (taken.key, moves(taken)) == ("share-taken:d1", [(whose, 7), (where, -7)])
    assert (held.key, held.lot_id, moves(held)) == ("share-held:d1", "launch-002", [(where, 7), (whose, -7)])


@pytest.mark.parametrize("captured", [1, 6, 7])
def test_a_captured_deposit_turns_the_memo_into_what_was_captured(captured):
    made = journal.deposit_captured(**DEPOSIT, held_fen=7, captured_fen=captured)
    assert made.key == "deposit-captured:d1"
    held = balances(journal.deposit_authorised(**DEPOSIT, amount_fen=7), made)
    assert held == {"cash": captured, "deposits_held": -captured}


def test_no_more_can_be_captured_than_was_held():
    with pytest.raises(ValueError, match="8 fen captured of deposit d1, which holds 7"):
        journal.deposit_captured(**DEPOSIT, held_fen=7, captured_fen=8)


@pytest.mark.parametrize("source", [JournalAccount.DEPOSITS_HELD, JournalAccount.BUYER_RECEIVABLE])
def test_a_refund_is_owed_out_of_an_account_and_then_paid(source):
    owed = journal.refund_owed(key_id="r1", **WHO, amount_fen=7, source=source)
    paid = journal.refund_paid(key_id="r1", **WHO, amount_fen=7)
    assert (owed.key, paid.key) == ("refund-owed:r1", "refund-paid:r1")
    assert moves(owed) == [(str(source), 7), ("refund_payable", -7)]
    assert moves(paid) == [("refund_payable", 7), ("cash", -7)]


def test_an_authorisation_is_no_source_of_a_refund():
    with pytest.raises(ValueError, match="does not balance"):
        journal.refund_owed(key_id="r1", **WHO, amount_fen=7, source=JournalAccount.MEMO_AUTHORISED)


@pytest.mark.parametrize(
    "amount, owed, paid",
    [
        (7, 10, [("buyer_receivable", -7)]),
        (10, 10, [("buyer_receivable", -10)]),
        (12, 10, [("buyer_receivable", -10), ("refund_payable", -2)]),
        (12, 0, [("refund_payable", -12)]),
    ],
)
def test_an_applied_deposit_pays_what_is_owed_and_the_rest_goes_back(amount, owed, paid):
    made = journal.deposit_applied(**DEPOSIT, amount_fen=amount, owed_fen=owed)
    assert made.key == "deposit-applied:d1"
    assert moves(made) == [("deposits_held", amount), *paid]


def test_a_payment_is_cash_against_what_the_buyer_owes():
    made = journal.payment_received(operation_id="o1", **WHO, amount_fen=7)
    assert (made.key, moves(made)) == ("payment-received:o1", [("cash", 7), ("buyer_receivable", -7)])


def test_a_settled_lot_owes_the_seller_the_price_less_commission_and_earns_both_fees():
    made = journal.lot_settled(**AWARD, price_fen=1_000, fee_fen=50, commission_fen=30)
    assert made.key == "lot-settled:a1"
    assert balances(made) == {
        "seller_clearing": 1_000,
        "commission_deferred": 50,
        "seller_payable": -970,
        "commission_income": -80,
    }


def test_a_commission_above_the_price_cannot_be_kept_from_it():
    with pytest.raises(ValueError, match="lot-settled:a1 was given an amount below 0"):
        journal.lot_settled(**AWARD, price_fen=10, fee_fen=0, commission_fen=11)


def test_a_payout_to_the_seller_names_no_bidder():
    made = journal.seller_paid(key_id="p1", lot_id="lot-1", amount_fen=970)
    assert (made.key, moves(made)) == ("seller-paid:p1", [("seller_payable", 970), ("cash", -970)])
    assert {line.bidder_id for line in made.lines} == {None}


def test_a_paid_lot_declared_void_owes_the_buyer_all_they_paid():
    award = journal.award(**AWARD, price_fen=1_000, fee_fen=50)
    paid = journal.payment_received(operation_id="o1", **WHO, amount_fen=1_050)
    back = journal.sale_reversed(**AWARD, price_fen=1_000, fee_fen=50)
    refund = journal.refund_paid(key_id="a1", **WHO, amount_fen=1_050)
    assert back.key == "sale-reversed:a1"
    assert balances(award, paid, back) == {"cash": 1_050, "refund_payable": -1_050}
    assert balances(award, paid, back, refund) == {}


def test_a_forfeited_deposit_waits_in_suspense_and_can_be_given_back():
    lost = journal.deposit_forfeited(**DEPOSIT, amount_fen=7)
    back = journal.forfeiture_returned(**DEPOSIT, amount_fen=7)
    assert (lost.key, back.key) == ("deposit-forfeited:d1", "forfeiture-returned:d1")
    assert moves(lost) == [("deposits_held", 7), ("forfeit_suspense", -7)]
    assert balances(lost, back) == {"deposits_held": 7, "refund_payable": -7}


@pytest.mark.parametrize("rest_to, receiver", [("house", "forfeiture_income"), ("seller", "seller_payable")])
def test_a_waterfall_empties_the_suspense_to_whom_the_split_says(rest_to, receiver):
    made = journal.waterfall_paid(**DEFAULT, split=split(100, Need(10, 20, 30), rest_to=rest_to))
    assert made.key == "waterfall:f1"
    assert moves(made) == [
        ("forfeit_suspense", 100),
        ("reauction_cost", -10),
        ("seller_payable", -20),
        ("commission_income", -30),
        (receiver, -40),
    ]


def test_where_nothing_was_forfeited_there_is_no_waterfall_to_enter():
    with pytest.raises(ValueError, match="waterfall:f1 has 0 lines"):
        journal.waterfall_paid(**DEFAULT, split=split(0, Need(1, 1, 1)))


def test_a_claim_is_raised_and_can_be_written_off():
    raised = journal.claim_raised(**DEFAULT, amount_fen=7)
    off = journal.claim_written_off(**DEFAULT, amount_fen=7)
    assert (raised.key, off.key) == ("claim-raised:f1", "claim-written-off:f1")
    assert moves(raised) == [("shortfall_receivable", 7), ("claim_clearing", -7)]
    assert balances(raised, off) == {}


@pytest.mark.parametrize("rest_to, left", [("house", {"seller_receivable": 20}), ("seller", {"seller_receivable": 60})])
def test_a_waterfall_that_is_reversed_leaves_what_the_seller_was_paid_owed_to_the_house(rest_to, left):
    divided = split(100, Need(10, 20, 30), rest_to=rest_to)
    paid = journal.waterfall_paid(**DEFAULT, split=divided)
    payout = journal.seller_paid(key_id="waterfall-f1", lot_id="lot-1", amount_fen=divided.seller_fen)
    back = journal.waterfall_reversed(**DEFAULT, split=divided)
    repaid = journal.seller_repaid(default_id="f1", lot_id="lot-1", amount_fen=divided.seller_fen)
    assert (back.key, repaid.key) == ("waterfall-reversed:f1", "seller-repaid:f1")
    assert balances(paid, payout, back) == {"cash": -divided.seller_fen, **left}
    assert balances(paid, payout, back, repaid) == {}


def test_a_refund_that_came_back_is_owed_again_and_may_be_paid_otherwise():
    owed = journal.refund_owed(key_id="r1", **WHO, amount_fen=7, source=JournalAccount.DEPOSITS_HELD)
    paid = journal.refund_paid(key_id="r1", **WHO, amount_fen=7)
    back = journal.refund_failed(key_id="r1", **WHO, amount_fen=7)
    otherwise = journal.refunded_otherwise(key_id="r1", **WHO, amount_fen=7)
    assert (back.key, otherwise.key) == ("refund-failed:r1", "refunded-otherwise:r1")
    assert balances(owed, paid, back) == balances(owed)
    assert balances(owed, paid, back, otherwise) == {"deposits_held": 7, "cash": -7}


@pytest.mark.parametrize("rest_to, receiver", [("house", "forfeiture_income"), ("seller", "seller_payable")])
def test_what_is_collected_of_a_claim_goes_to_whom_the_loss_was_unmet(rest_to, receiver):
    raised = journal.claim_raised(**DEFAULT, amount_fen=107)
    about = {"lot_id": DEFAULT["lot_id"], "bidder_id": DEFAULT["bidder_id"]}
    paid = journal.claim_collected(key_id="f1:R-1", **about, share=Share(10, 20, 30), rest_fen=40, rest_to=rest_to)
    lower = journal.claim_reduced(key_id="f1:R-2", **about, amount_fen=7)
    assert (paid.key, lower.key) == ("claim-collected:f1:R-1", "claim-reduced:f1:R-2")
    assert moves(paid)[-1] == (receiver, -40)
    left = balances(raised, paid, lower)
    assert left.pop("cash") == 100
    assert not {"shortfall_receivable", "claim_clearing"} & set(left)


def test_a_claim_that_is_reversed_is_owed_no_more():
    back = journal.claim_reversed(**DEFAULT, amount_fen=7)
    assert back.key == "claim-reversed:f1"
    assert balances(journal.claim_raised(**DEFAULT, amount_fen=7), back) == {}


# --- all of them ------------------------------------------------------------------------------------------------------


@st.composite
def any_split(draw: st.DrawFn) -> Split:
    need = Need(draw(or_none), draw(or_none), draw(or_none))
    return split(draw(amounts), need, rest_to=draw(st.sampled_from(["house", "seller"])))


@st.composite
def any_entry(draw: st.DrawFn) -> JournalEntry:
    price, fee, amount = draw(amounts), draw(or_none), draw(amounts)
    sale = {**AWARD, "price_fen": price, "fee_fen": fee}
    deposit = {**DEPOSIT, "amount_fen": amount}
    made: list[Callable[[], JournalEntry]] = [
        lambda: journal.award(**sale),
        lambda: journal.award_reversed(**sale),
        lambda: journal.sale_reversed(**sale),
        lambda: journal.lot_settled(**sale, commission_fen=draw(st.integers(0, price))),
        lambda: journal.deposit_charged(**deposit),
        lambda: journal.deposit_authorised(**deposit),
        lambda: journal.authorisation_ended(**deposit),
        lambda: journal.deposit_captured(**DEPOSIT, held_fen=amount, captured_fen=draw(st.integers(0, amount))),
        lambda: journal.deposit_applied(**deposit, owed_fen=draw(or_none)),
        lambda: journal.deposit_forfeited(**deposit),
        lambda: journal.forfeiture_returned(**deposit),
        lambda: journal.payment_received(operation_id="o1", **WHO, amount_fen=amount),
        lambda: journal.refund_owed(key_id="r1", **WHO, amount_fen=amount, source=JournalAccount.DEPOSITS_HELD),
        lambda: journal.refund_paid(key_id="r1", **WHO, amount_fen=amount),
        lambda: journal.seller_paid(key_id="p1", lot_id="lot-1", amount_fen=amount),
        lambda: journal.waterfall_paid(**DEFAULT, split=draw(any_split())),
        lambda: journal.claim_raised(**DEFAULT, amount_fen=amount),
        lambda: journal.claim_written_off(**DEFAULT, amount_fen=amount),
        lambda: journal.waterfall_reversed(**DEFAULT, split=draw(any_split())),
        lambda: journal.claim_reversed(**DEFAULT, amount_fen=amount),
        lambda: journal.refund_failed(key_id="r1", **WHO, amount_fen=amount),
        lambda: journal.refunded_otherwise(key_id="r1", **WHO, amount_fen=amount),
        lambda: journal.seller_repaid(default_id="f1", lot_id="lot-1", amount_fen=amount),
        lambda: dispute_entries.dispute_opened(**REVERSAL, amount_fen=amount),
        lambda: dispute_entries.dispute_won(**REVERSAL, amount_fen=amount),
        lambda: dispute_entries.dispute_lost(
            **REVERSAL,
            amount_fen=amount,
            account=draw(st.sampled_from([JournalAccount.DISPUTE_LOSS, JournalAccount.BUYER_RECEIVABLE])),
            seller_fen=draw(st.integers(0, amount)),
        ),
        lambda: dispute_entries.deposit_lost(**DEPOSIT, held_fen=amount, disputed_fen=draw(st.integers(0, amount))),
        lambda: dispute_entries.dispute_recovered(**REVERSAL, amount_fen=amount),
        lambda: dispute_entries.claw_back_repaid(reversal_id="v1", lot_id="lot-1", amount_fen=amount),
    ]
    return draw(st.sampled_from(made))()


@by_rule
@given(any_entry())
def test_every_entry_balances_in_money_and_in_memo_without_a_line_of_0(made):
    assert sum(line.amount_fen for line in made.lines if line.account in MEMO) == 0
    assert sum(line.amount_fen for line in made.lines if line.account not in MEMO) == 0
    assert len(made.lines) >= 2
    assert all(line.amount_fen for line in made.lines)


@by_rule
@given(any_entry())
def test_every_entry_names_the_bidder_where_accounts_are_kept_for_bidders_and_only_there(made):
    assert all((line.bidder_id == "ada") == (line.account in PER_BIDDER) for line in made.lines)


@by_rule
@given(any_entry())
def test_the_key_of_an_entry_is_its_kind_and_what_caused_it(made):
    kind, _, of = made.key.partition(":")
    assert (kind, made.lot_id) == (made.kind, "lot-1")
    assert of in {"a1", "d1", "f1", "o1", "r1", "p1", "v1"}


def test_a_dispute_takes_cash_until_it_is_won_or_somebody_bears_it():
    opened = dispute_entries.dispute_opened(**REVERSAL, amount_fen=100)
    won = dispute_entries.dispute_won(**REVERSAL, amount_fen=100)
    seller = dispute_entries.dispute_lost(
        **REVERSAL, amount_fen=100, account=JournalAccount.DISPUTE_LOSS, seller_fen=90
    )
    repaid = dispute_entries.claw_back_repaid(reversal_id="v1", lot_id="lot-1", amount_fen=90)
    assert balances(opened) == {"dispute_receivable": 100, "cash": -100}
    assert balances(opened, won) == {}
    assert balances(opened, seller) == {"cash": -100, "seller_receivable": 90, "dispute_loss": 10}
    assert balances(opened, seller, repaid) == {"cash": -10, "dispute_loss": 10}


def test_a_dispute_that_was_lost_before_the_sale_was_void_takes_the_place_of_the_refund():
    opened = dispute_entries.dispute_opened(**REVERSAL, amount_fen=100)
    lost = dispute_entries.dispute_lost(**REVERSAL, amount_fen=100, account=JournalAccount.DISPUTE_LOSS, seller_fen=0)
    void = dispute_entries.dispute_recovered(**REVERSAL, amount_fen=100)
    assert balances(opened, lost, void) == {"cash": -100, "refund_payable": 100}


def test_a_deposit_that_was_disputed_with_success_has_gone_back_to_its_bidder():
    charged = journal.deposit_charged(**DEPOSIT, amount_fen=100)
    opened = dispute_entries.dispute_opened(**REVERSAL, amount_fen=70)
    lost = dispute_entries.deposit_lost(**DEPOSIT, held_fen=100, disputed_fen=70)
    assert balances(charged, opened, lost) == {"cash": 30, "refund_payable": -30}


@pytest.mark.parametrize("amount", [-1, -100])
def test_no_entry_is_made_of_an_amount_below_0(amount):
    with pytest.raises(ValueError, match="deposit-charged:d1 was given an amount below 0"):
        journal.deposit_charged(**DEPOSIT, amount_fen=amount)
    with pytest.raises(ValueError, match="award:a1 was given an amount below 0"):
        journal.award(**AWARD, price_fen=100, fee_fen=amount)


def test_an_entry_that_moves_nothing_is_none():
    with pytest.raises(ValueError, match="refund-paid:r1 has 0 lines"):
        journal.refund_paid(key_id="r1", **WHO, amount_fen=0)


# --- whole stories ----------------------------------------------------------------------------------------------------


def test_a_paid_lot_ends_with_the_house_holding_only_its_commissions():
    price, fee, commission, deposit = 1_000_000, 50_000, 30_000, 200_000
    told = [
        journal.deposit_charged(**DEPOSIT, amount_fen=deposit),
        journal.award(**AWARD, price_fen=price, fee_fen=fee),
        journal.deposit_applied(**DEPOSIT, amount_fen=deposit, owed_fen=price + fee),
        journal.payment_received(operation_id="o1", **WHO, amount_fen=price + fee - deposit),
        journal.lot_settled(**AWARD, price_fen=price, fee_fen=fee, commission_fen=commission),
        journal.seller_paid(key_id="a1", lot_id="lot-1", amount_fen=price - commission),
    ]
    assert balances(*told) == {"cash": 80_000, "commission_income": -80_000}


def test_a_defaulted_lot_leaves_no_suspense_and_claims_what_the_deposit_did_not_cover():
    divided = split(500_000, Need(120_000, 300_000, 500_000))
    told = [
        journal.deposit_authorised(**DEPOSIT, amount_fen=500_000),
        journal.award(**AWARD, price_fen=10_000_000, fee_fen=500_000),
        journal.award_reversed(**AWARD, price_fen=10_000_000, fee_fen=500_000),
        journal.deposit_captured(**DEPOSIT, held_fen=500_000, captured_fen=500_000),
        journal.deposit_forfeited(**DEPOSIT, amount_fen=500_000),
        journal.waterfall_paid(**DEFAULT, split=divided),
        journal.claim_raised(**DEFAULT, amount_fen=divided.unmet_fen),
    ]
    assert balances(*told) == {
        "cash": 500_000,
        "reauction_cost": -120_000,
        "seller_payable": -300_000,
        "commission_income": -80_000,
        "shortfall_receivable": 420_000,
        "claim_clearing": -420_000,
    }
