"""The house's signature under an accepted bid: what a bidder holds to prove that the house took it.

Computed from the ledger's answer on the way back to the bidder, never stored: the same bid has the same receipt
for as long as the house keeps its secret.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Self

_PURPOSE = b"flash-auction: receipts, version 1"
_BYTES = 18
"""144 bits of the signature: 24 characters, beyond guessing."""


class ReceiptKey:
    """Signs and verifies receipts. The key is derived from the house's secret, and used for nothing else."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def derive(cls, secret: str) -> Self:
        """The key for receipts of a house with this secret."""
        return cls(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))

    def sign(self, lot_id: str, seq: int, bidder_id: str, amount_fen: int, at_ms: int) -> str:
        """The receipt of one accepted bid: 24 URL-safe characters."""
        # ids hold no line break, so no two bids are written the same way
        bid = f"{lot_id}\n{seq}\n{bidder_id}\n{amount_fen}\n{at_ms}"
        return urlsafe_b64encode(hmac.digest(self._key, bid.encode(), "sha256")[:_BYTES]).decode()

    def verify(self, receipt: str, *, lot_id: str, seq: int, bidder_id: str, amount_fen: int, at_ms: int) -> bool:
        """Whether the house gave this receipt for this bid."""
        ours = self.sign(lot_id, seq, bidder_id, amount_fen, at_ms)
        return hmac.compare_digest(ours.encode(), receipt.encode("utf-8", "surrogatepass"))

    def __repr__(self) -> str:
        return "ReceiptKey(...)"
