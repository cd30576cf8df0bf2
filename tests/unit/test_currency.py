"""How amounts of each currency are written."""

import pytest

from auction.domain.currency import CNY, CURRENCIES


@pytest.mark.parametrize(
    "code, amount_fen, text",
    [
        ("CNY", 7_819_339_900, "78,193,399.00 yuan"),
        ("CNY", 5, "0.05 yuan"),
        ("JPY", 7_819_339_900, "7,819,339,900 yen"),
        ("JPY", 5, "5 yen"),
        ("JPY", -1_234, "-1,234 yen"),
        ("JPY", 0, "0 yen"),
    ],
)
def test_an_amount_is_written_with_the_decimals_of_its_currency(code: str, amount_fen: int, text: str) -> None:
    assert CURRENCIES[code].text(amount_fen) == text


def test_the_yuan_has_two_decimals_and_the_yen_none() -> None:
    assert {code: one.exponent for code, one in CURRENCIES.items()} == {"CNY": 2, "JPY": 0}
    assert CURRENCIES["CNY"] is CNY
