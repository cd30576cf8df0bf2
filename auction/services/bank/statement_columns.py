"""Which columns of a bank's CSV statement hold what: presets for the usual ones, and the form of saved mappings.

Headings are compared without blanks, in half-width characters and without what a bank adds in square brackets, so
`贷方发生额（收入）` and `交易流水号[ Transaction reference number ]` are found.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

FIELDS = ("bank_reference", "amount", "value_date", "payer_name", "payer_account", "remittance")
REQUIRED = FIELDS[:4]
"""Without these no receipt can be booked."""


@dataclass(frozen=True, slots=True)
class StatementColumns:
    """Names of columns for each field; of several the first that a statement has counts, of `remittance` all."""

    bank_reference: Sequence[str]
    amount: Sequence[str]
    """The credit: what came in. Lines in which it is empty, 0 or negative went out."""
    value_date: Sequence[str]
    payer_name: Sequence[str]
    payer_account: Sequence[str] = ()
    remittance: Sequence[str] = ()

    def as_mapping(self) -> dict[str, list[str]]:
        """Field -> names of columns."""
        return {field: list(getattr(self, field)) for field in FIELDS}


def normal_heading(heading: str) -> str:
    """A heading as it is compared."""
    plain = unicodedata.normalize("NFKC", heading).partition("[")[0]
    return re.sub(r"[\s\ufeff'\"=]+", "", plain).casefold()


ICBC = StatementColumns(
    bank_reference=("交易流水号", "流水号", "凭证号"),
    amount=("贷方发生额", "贷方金额", "收入金额"),
    value_date=("入账日期", "交易日期", "交易时间"),
    payer_name=("对方单位名称", "对方单位", "对方户名"),
    payer_account=("对方账号", "对方帐号"),
    remittance=("附言", "用途", "摘要", "个性化信息"),
)
CCB = StatementColumns(
    bank_reference=("账户明细编号-交易流水号", "交易流水号", "企业流水号", "流水号"),
    amount=("贷方发生额(收入)", "贷方发生额", "贷方金额"),
    value_date=("记账日期", "交易日期", "交易时间"),
    payer_name=("对方户名",),
    payer_account=("对方账号", "对方帐号"),
    remittance=("附言", "摘要", "备注"),
)
CMB = StatementColumns(
    bank_reference=("流水号", "交易流水号", "业务参考号"),
    amount=("贷方金额", "贷方发生额"),
    value_date=("起息日", "交易日", "交易日期"),
    payer_name=("收/付方名称", "收(付)方名称", "对方户名"),
    payer_account=("收/付方帐号", "收/付方账号", "收(付)方帐号", "收(付)方账号", "对方账号"),
    remittance=("附言", "摘要", "用途", "业务摘要", "其它摘要"),
)
ABC = StatementColumns(
    bank_reference=("交易流水号", "日志号", "流水号"),
    amount=("收入金额", "贷方金额", "贷方发生额"),
    value_date=("记账日期", "交易日期", "交易时间"),
    payer_name=("对方户名", "对方名称"),
    payer_account=("对方账号", "对方帐号"),
    remittance=("附言", "交易用途", "交易摘要", "摘要"),
)
_ENGLISH = StatementColumns(
    bank_reference=("bank reference", "reference", "transaction id"),
    amount=("credit", "credit amount", "amount"),
    value_date=("value date", "date", "booking date"),
    payer_name=("payer", "payer name", "name", "counterparty"),
    payer_account=("payer account", "account", "counterparty account"),
    remittance=("remittance", "remittance text", "description", "details", "purpose"),
)


def _joined(*some: StatementColumns) -> StatementColumns:
    """All names of several mappings, each once, in their order."""
    found = {field: tuple(dict.fromkeys(name for one in some for name in getattr(one, field))) for field in FIELDS}
    return StatementColumns(**found)


PRESETS: Mapping[str, StatementColumns] = MappingProxyType(
    {"generic": _joined(CMB, ICBC, CCB, ABC, _ENGLISH), "icbc": ICBC, "ccb": CCB, "cmb": CMB, "abc": ABC}
)
"""By name: any of the usual columns; Industrial and Commercial Bank of China, China Construction Bank, China Merchants
Bank, Agricultural Bank of China."""
