"""Statements of banks as they come: encodings, headings, delimiters, amounts and dates, and what is wrong in a line."""

import pytest

from auction.books.bank_receipts import ReceiptFacts
from auction.domain.currency import CURRENCIES
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.bank.statement_columns import PRESETS
from auction.services.bank.statement_reader import LINES_MAX, LineError, StatementLine, read_statement

GENERIC = PRESETS["generic"]
ANN = ReceiptFacts("G43127", 890_000, "2025-10-24", "李四", "6222 0202", "RF78 0000 0123 汽车款")
STATEMENTS = {
    "icbc": (
        "[HISTORYDETAIL],\n"
        "凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方行号,摘要,用途,对方单位名称,余额\n"
        '"G43127\t","4000","6222 0202","2025-10-24 09:30:01","贷","0.00","8,900.00","1",汽车款,RF78 0000 0123,李四,9\n'
        '"G43128","4000","6222","2025-10-24","借","5.00","0.00","1",,手续费,银行,9\n'
    ),
    "ccb": (
        "交易时间,借方发生额（支取）,贷方发生额（收入）,余额,对方户名,对方账号,记账日期,摘要,备注,账户明细编号-交易流水号\n"
        '20251024 09:30:01,,8900.00,9,李四,"=""6222 0202""",20251024,RF78 0000 0123,汽车款,G43127\n'
        "20251024 09:30:01,5.00,,9,银行,6222,20251024,手续费,,G43128\n"
    ),
    "cmb": (
        "# 招商银行交易记录\n# 账号: [4000]\n\n"
        "交易日,交易时间,起息日,交易类型,借方金额,贷方金额,余额,摘要,流水号,用途,收/付方名称,收/付方帐号\n"
        "20251024,093001,20251024,汇入,,8900.00,9,RF78 0000 0123,G43127,汽车款,李四,6222 0202\n"
        "20251024,093001,20251024,汇出,5.00,,9,手续费,G43128,,银行,1\n"
        "合计,,,,5.00,8900.00,,,,,,\n"
    ),
    "abc": (
        "交易时间;收入金额;支出金额;对方户名;对方账号;附言;交易用途;交易流水号[ Transaction reference number ]\n"
        "2025年10月24日;￥8,900.00;;李四;6222 0202;RF78 0000 0123;汽车款;G43127\n"
        "2025年10月24日;;5.00;银行;1;;手续费;G43128\n"
    ),
    "generic": (
        "Date\tPayer\tAccount\tAmount\tRemittance\tReference\n"
        "2025/10/24\t李四\t6222 0202\t+8900\tRF78 0000 0123 汽车款\tG43127\n"
        "2025/10/24\tBank\t1\t-5.00\tfee\tG43128\n"
    ),
}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gbk", "utf-16"])
@pytest.mark.parametrize("bank", STATEMENTS)
def test_a_statement_is_read_in_its_banks_columns_and_any_usual_encoding(bank: str, encoding: str) -> None:
    raw = STATEMENTS[bank].replace("\n", "\r\n").encode(encoding)
    for mapping in (bank, "generic"):
        found = read_statement(raw, PRESETS[mapping])
        (line,) = found.lines
        told = line.facts
        assert told is not None, line
        assert sorted(told.remittance.split()) == sorted(ANN.remittance.split())
        assert (told.bank_reference, told.amount_fen, told.value_date) == ("G43127", 890_000, "2025-10-24")
        assert (told.payer_name, told.payer_account, found.outgoing) == ("李四", "6222 0202", 1)


def lines_of(*rows: str) -> list[StatementLine]:
    text = "流水号,贷方金额,交易日期,对方户名,附言\n" + "\n".join(rows)
    return list(read_statement(text.encode(), GENERIC).lines)


@pytest.mark.parametrize(
    "row, error, value",
    [
        ("B1,12a,2025-10-24,李四,", LineError.AMOUNT, "12a"),
        ("B1,1.234,2025-10-24,李四,", LineError.AMOUNT, "1.234"),
        ('B1,"1,23",2025-10-24,李四,', LineError.AMOUNT, "1,23"),
        ("B1,200000000000,2025-10-24,李四,", LineError.AMOUNT, "200000000000"),
        ("B1,12,2025-02-30,李四,", LineError.DATE, "2025-02-30"),
        ("B1,12,yesterday,李四,", LineError.DATE, "yesterday"),
        (",12,2025-10-24,李四,", LineError.REFERENCE, ""),
        ("流水,12,2025-10-24,李四,", LineError.REFERENCE, "流水"),
        ("B1,12,2025-10-24,,", LineError.PAYER, ""),
        ("B1,12,2025-10-24", LineError.PAYER, ""),
    ],
)
def test_what_is_wrong_is_said_of_its_line_and_the_others_count(row: str, error: LineError, value: str) -> None:
    wrong, good = lines_of(row, "B2,12.5,20251024093001,李四,")
    assert (wrong.number, wrong.facts, wrong.error, wrong.value) == (2, None, error, value)
    assert good.number == 3
    assert good.facts == ReceiptFacts("B2", 1_250, "2025-10-24", "李四")


def test_a_reference_that_stands_twice_counts_once() -> None:
    first, second = lines_of("B1,12,2025-10-24,李四,", "B1,13,2025-10-24,李四,")
    assert first.facts is not None
    assert (second.error, second.value) == (LineError.REPEATED, "B1")


def test_a_line_over_several_lines_has_the_number_of_its_first_and_prints_as_one() -> None:
    first, second = lines_of('B1,12,2025-10-24,李四,"RF78\n0000\u200b 0123"', "B2,12,2025-10-24,李四,")
    assert first.facts is not None
    assert (first.facts.remittance, second.number) == ("RF78 0000 0123", 4)


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"", "columns"),
        ("日期,金额\n2025-10-24,1\n".encode(), "columns"),
        (b"\xff\xff\x81", "encoding"),
        (b'Date,Payer,Amount,Reference\n"' + b"x" * 200_000, "csv"),
        (b"Date,Payer,Amount,Reference\n" + b"2025-10-24,A,1,B\n" * (LINES_MAX + 1), "lines"),
    ],
)
def test_a_file_that_is_no_statement_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        read_statement(raw, GENERIC)
    assert (refused.value.code, refused.value.facts) == (ProblemCode.STATEMENT_INVALID, {"reason": reason})


@pytest.mark.parametrize("written, amount", [("8,900", 8_900), ("8900.00", 8_900), ("8900.5", None)])
def test_amounts_are_in_the_houses_currency(written: str, amount: int | None) -> None:
    raw = f"Date;Payer;Account;Amount;Remittance;Reference\n2025/10/24;Li;1;{written};x;G1\n".encode()
    (line,) = read_statement(raw, GENERIC, CURRENCIES["JPY"]).lines
    assert (line.facts and line.facts.amount_fen, line.error) == (amount, None if amount else LineError.AMOUNT)
