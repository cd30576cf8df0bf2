"""A bank that stands in for the house's: it keeps an account of its own, and gives statements as a real one does.

It knows nothing of the house's books; at the end the two have to agree to the fen.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

HEADINGS = ("交易日", "起息日", "借方金额", "贷方金额", "余额", "摘要", "流水号", "收/付方名称", "收/付方帐号")
"""As in statements of China Merchants Bank (the preset `cmb`)."""


@dataclass(frozen=True, slots=True)
class BankEntry:
    """A movement of the account, in fen: above 0 came in, below 0 went out."""

    reference: str
    amount_fen: int
    day: str
    """As YYYY-MM-DD."""
    name: str
    account: str
    remittance: str
    balance_fen: int


@dataclass
class StandInBank:
    """The house's account at the bank."""

    entries: list[BankEntry] = field(default_factory=list)

    @property
    def balance_fen(self) -> int:
        """What is on the account."""
        return self.entries[-1].balance_fen if self.entries else 0

    def receive(self, amount_fen: int, *, at_ms: int, name: str, account: str, remittance: str) -> BankEntry:
        """A transfer comes in, whatever is written on it."""
        return self._enter(amount_fen, at_ms, name, account, remittance)

    def send(self, amount_fen: int, *, at_ms: int, name: str, account: str) -> BankEntry:
        """Do a transfer that the house has ordered. ValueError where there is not so much on the account."""
        if amount_fen > self.balance_fen:
            raise ValueError(f"{amount_fen} fen were to be sent, {self.balance_fen} are on the account")
        return self._enter(-amount_fen, at_ms, name, account, "")

    def statement(self) -> bytes:
        """Everything so far as CSV in GBK, with the title and the totals that banks put around it."""
        rows = [
            (
                one.day.replace("-", ""),
                one.day.replace("-", ""),
                _yuan(-one.amount_fen) if one.amount_fen < 0 else "",
                _yuan(one.amount_fen) if one.amount_fen > 0 else "",
                _yuan(one.balance_fen),
                f'"{one.remittance}"',
                one.reference,
                one.name,
                f"{one.account}\t",
            )
            for one in self.entries
        ]
        came_fen = sum(max(0, one.amount_fen) for one in self.entries)
        went_fen = came_fen - self.balance_fen
        total = ("合计", "", _yuan(went_fen), _yuan(came_fen), "", "", "", "", "")
        lines = ["# 交易明细", "", *(",".join(row) for row in (HEADINGS, *rows, total))]
        return "\r\n".join(lines).encode("gbk")

    def _enter(self, amount_fen: int, at_ms: int, name: str, account: str, remittance: str) -> BankEntry:
        day = date_of(at_ms)
        reference = f"G{len(self.entries) + 1:013d}"
        entry = BankEntry(reference, amount_fen, day, name, account, remittance, self.balance_fen + amount_fen)
        self.entries.append(entry)
        return entry


def date_of(at_ms: int) -> str:
    """The day of a time, as YYYY-MM-DD."""
    day: date = datetime.fromtimestamp(at_ms / 1000, UTC).date()
    return day.isoformat()


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
