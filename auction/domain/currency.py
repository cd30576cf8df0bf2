"""The currencies that a house can run in: how many decimals they have, and how amounts are written.

Amounts are whole minor units everywhere. Names end in `_fen` whatever the currency: those of the public interface are
fixed, and one name for one thing is kept inside. Of the yuan a minor unit is a fen; the yen has none, so it is a yen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of ISO 4217. `exponent`: how many decimals it has; `unit`: its name after an amount, in English."""

    code: str
    exponent: int
    unit: str

    def digits(self, amount_fen: int) -> str:
        """An amount as people read it: 7819339900 -> '78,193,399.00' of the yuan, '7,819,339,900' of the yen."""
        sign = "-" if amount_fen < 0 else ""
        whole, rest = divmod(abs(amount_fen), 10**self.exponent)
        decimals = f".{rest:0{self.exponent}d}" if self.exponent else ""
        return f"{sign}{whole:,}{decimals}"

    def text(self, amount_fen: int) -> str:
        """An amount with its unit: '1,204,000.00 yuan'."""
        return f"{self.digits(amount_fen)} {self.unit}"


CNY = Currency("CNY", 2, "yuan")
CURRENCIES: Mapping[str, Currency] = MappingProxyType({one.code: one for one in (CNY, Currency("JPY", 0, "yen"))})
"""Those that the pages can write: both have the sign ¥."""
