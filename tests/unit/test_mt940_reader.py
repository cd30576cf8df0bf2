"""MT940 statements as banks send them: what came in, who paid it and what for, and what is wrong in a line."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.books.bank_receipts import ReceiptFacts
from auction.domain.currency import CNY, CURRENCIES
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.bank.mt940_reader import is_mt940, read_mt940
from auction.services.bank.statement_reader import LINES_MAX, LineError

ANN = ReceiptFacts("G43127", 890_000, "2025-10-24", "Li Si", "62220202", "RF78 0000 0123 car")
HEAD = ":20:S1\n:25:4000\n:28C:1/1\n:60F:C251023CNY1000,00\n"
TAIL = ":62F:C251024CNY9895,00\n"
CREDIT = ":61:2510241024C8900,00NTRFNONREF//G43127\n"
DETAILS = {
    "numbered": ":86:166?00CREDIT?20RF78 0000?21 0123 car?31 62220202?32Li?33Si\n",
    "named": ":86:/TRCD/00100/NAME/Li Si/IBAN/62220202/REMI/RF78 0000 0123 car\n",
    "counterparty": ":86:/CNTP/62220202/BANKBIC/Li Si//REMI/RF78 0000\n 0123 car\n",
}


def statement(*entries: str, head: str = HEAD, tail: str = TAIL) -> bytes:
    return (head + "".join(entries) + tail).encode()


def read(raw: bytes, currency: str = "CNY") -> tuple[list[ReceiptFacts | None], int]:
    found = read_mt940(raw, CURRENCIES[currency])
    return [line.facts for line in found.lines], found.outgoing


@pytest.mark.parametrize("how", DETAILS)
def test_a_transfer_is_read_with_its_payer_and_remittance(how: str) -> None:
    raw = statement(CREDIT, DETAILS[how])
    assert is_mt940(raw)
    assert read(raw) == ([ANN], 0)


def test_text_without_parts_names_the_payer_in_its_first_line() -> None:
    facts, _ = read(statement(CREDIT, ":86:Li Si\nRF78 0000 0123 car\n"))
    assert facts[0] is not None
    assert (facts[0].payer_name, facts[0].remittance) == ("Li Si", "RF78 0000 0123 car")


def test_messages_in_envelopes_one_after_the_other_are_one_statement() -> None:
    message = "{1:F01BANKXXXX}{2:I940}{4:\n" + HEAD + "%s" + TAIL + "-}\n"
    second = CREDIT.replace("G43127", "G43129")
    raw = (message % (CREDIT + DETAILS["numbered"]) + message % (second + DETAILS["numbered"])).replace("\n", "\r\n")
    facts, _ = read(raw.encode("gb18030"))
    assert [one and one.bank_reference for one in facts] == ["G43127", "G43129"]


@pytest.mark.parametrize("mark, came_in", [("C", True), ("RD", True), ("D", False), ("RC", False), ("CN", True)])
def test_what_went_out_is_left_alone_and_a_reversed_debit_comes_in(mark: str, came_in: bool) -> None:
    raw = statement(CREDIT.replace("1024C8900", f"1024{mark}8900"), DETAILS["numbered"])
    facts, outgoing = read(raw)
    assert (facts, outgoing) == (([ANN], 0) if came_in else ([], 1))


def test_details_after_a_balance_are_the_statements_own() -> None:
    facts, _ = read(statement(CREDIT, DETAILS["numbered"], tail=TAIL + ":86:?32Somebody else\n"))
    assert facts == [ANN]


def test_without_the_banks_reference_the_payers_own_counts() -> None:
    facts, _ = read(statement(CREDIT.replace("NONREF//G43127", "OWN-7"), DETAILS["numbered"]))
    assert facts[0] is not None
    assert facts[0].bank_reference == "OWN-7"


@pytest.mark.parametrize(
    "entry, error",
    [
        (CREDIT.replace("8900,00", "8900,005"), LineError.AMOUNT),
        (CREDIT.replace("8900,00", "0,00"), LineError.AMOUNT),
        (":61:rubbish\n", LineError.AMOUNT),
        (CREDIT.replace("251024", "251399", 1), LineError.DATE),
        (CREDIT.replace("//G43127", ""), LineError.REFERENCE),
    ],
)
def test_what_is_wrong_is_said_of_the_line_and_the_others_count(entry: str, error: LineError) -> None:
    other = CREDIT.replace("G43127", "G43129")
    found = read_mt940(statement(entry, DETAILS["numbered"], other, DETAILS["numbered"]), CNY)
    assert [line.error for line in found.lines] == [error, None]
    assert [line.number for line in found.lines] == [5, 7]


def test_a_line_without_a_payer_and_one_that_repeats_a_reference_are_wrong() -> None:
    found = read_mt940(statement(CREDIT, CREDIT, DETAILS["numbered"], CREDIT, DETAILS["numbered"]), CNY)
    assert [line.error for line in found.lines] == [LineError.PAYER, None, LineError.REPEATED]


def test_amounts_are_in_the_houses_currency() -> None:
    raw = statement(CREDIT.replace("8900,00", "8900,"), DETAILS["numbered"]).replace(b"CNY", b"JPY")
    facts, _ = read(raw, "JPY")
    assert facts[0] is not None
    assert facts[0].amount_fen == 8_900
    with pytest.raises(RequestRefused, match="in JPY") as caught:
        read(raw)
    assert caught.value.facts == {"reason": "currency"}


@pytest.mark.parametrize("raw", [b":20:S1\n:25:4000\n", HEAD.replace("C251023CNY", "what").encode() + CREDIT.encode()])
def test_what_is_no_statement_is_refused(raw: bytes) -> None:
    assert is_mt940(raw)
    with pytest.raises(RequestRefused) as caught:
        read_mt940(raw, CNY)
    assert caught.value.code == ProblemCode.STATEMENT_INVALID


def test_too_many_lines_are_refused() -> None:
    entries = [CREDIT.replace("G43127", f"G{number}") + DETAILS["numbered"] for number in range(LINES_MAX + 1)]
    with pytest.raises(RequestRefused, match="divide it"):
        read_mt940(statement(*entries), CNY)


@pytest.mark.parametrize("raw", [b"", b"date,amount\n", "交易日期,金额\n".encode()])
def test_csv_is_no_mt940(raw: bytes) -> None:
    assert not is_mt940(raw)


@given(st.text(max_size=400))
def test_whatever_follows_is_read_or_refused_in_words(text: str) -> None:
    with suppress(RequestRefused):
        found = read_mt940((HEAD + text + "\n" + CREDIT + text).encode("utf-8", "replace"), CNY)
        assert all((line.facts is None) is (line.error is not None) for line in found.lines)


@given(st.integers(1, 10**13))
def test_an_amount_is_read_to_the_fen(fen: int) -> None:
    written = f"{fen // 100},{fen % 100:02d}"
    facts, _ = read(statement(CREDIT.replace("8900,00", written), DETAILS["numbered"]))
    assert facts[0] is not None
    assert facts[0].amount_fen == fen
