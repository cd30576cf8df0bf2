"""Payment references: found however they are written, and never taken for another one."""

import pytest

from auction.domain.payment_reference import NUMBER_MAX, grouped, numbers_in, reference_of


def test_the_check_digits_are_those_of_iso_11649() -> None:
    # the standard's own example is RF18 5390 0754 7034
    assert (98 - int("539007547034271500") % 97) == 18
    assert reference_of(123) == "RF" + f"{98 - int('00000123271500') % 97:02d}" + "00000123"
    assert int(f"{reference_of(123)[4:]}2715{reference_of(123)[2:4]}") % 97 == 1


@pytest.mark.parametrize(
    "written",
    [
        "{plain}",
        "货款 {spaced} 谢谢",
        "{lower}",
        "附言：{wide}",
        "Lot 001/{dashed}, 3rd part",
        "REF:{plain}.",
        "{spaced} 2025-10-24",
    ],
)
def test_a_reference_is_found_however_it_is_written(written: str) -> None:
    plain = reference_of(123)
    forms = {
        "plain": plain,
        "spaced": grouped(plain),
        "lower": grouped(plain).lower(),
        "wide": "".join(chr(ord(one) + 0xFEE0) for one in plain),
        "dashed": grouped(plain).replace(" ", "-"),
    }
    assert numbers_in(written.format_map(forms)) == [123]


def test_one_wrong_digit_or_two_exchanged_make_no_other_reference() -> None:
    plain = reference_of(20_251_022)
    for place in range(2, len(plain)):
        for digit in "0123456789":
            if digit != plain[place]:
                assert numbers_in(plain[:place] + digit + plain[place + 1 :]) == []
    for place in range(2, len(plain) - 1):
        swapped = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
        assert numbers_in(swapped) == ([] if swapped != plain else [20_251_022])


def test_longer_numbers_and_other_texts_hold_no_reference() -> None:
    assert numbers_in(reference_of(123) + "7") == []
    assert numbers_in("RF and 6222 0211 0200 1234 567") == []
    assert numbers_in("RF98 0000 0000") == []
    assert numbers_in("") == []


def test_several_references_are_all_found_once() -> None:
    assert numbers_in(f"{reference_of(7)} {grouped(reference_of(9))} {reference_of(7)}") == [7, 9]


@pytest.mark.parametrize("number", [0, -1, NUMBER_MAX + 1])
def test_a_number_out_of_range_has_no_reference(number: int) -> None:
    with pytest.raises(ValueError, match="from 1 to"):
        reference_of(number)
