"""Receipts of earlier versions, which the house alone can check: bidders who have one may still claim a lost bid.

Off the bid's way. New receipts are those of `auction.signing.receipts`.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Self

_PURPOSE = b"flash-auction: receipts, version 1"
_BYTES = 18
"""144 bits of the HMAC, 24 characters: enough that no signature can be guessed."""


class ReceiptKey:
    """Signs and verifies receipts, with a key that is derived from the secret for this purpose alone."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def derive(cls, secret: str) -> Self:
        """The key that follows from a secret."""
        return cls(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))

    def sign(self, lot_id: str, seq: int, bidder_id: str, amount_fen: int, at_ms: int) -> str:
        """The signature of one accepted bid: 24 URL-safe characters."""
        # ids have no line break, so that no two bids give the same text
        bid = f"{lot_id}\n{seq}\n{bidder_id}\n{amount_fen}\n{at_ms}"
        return urlsafe_b64encode(hmac.digest(self._key, bid.encode(), "sha256")[:_BYTES]).decode()

    def verify(self, receipt: str, *, lot_id: str, seq: int, bidder_id: str, amount_fen: int, at_ms: int) -> bool:
        """Whether `receipt` is the signature of this bid."""
        ours = self.sign(lot_id, seq, bidder_id, amount_fen, at_ms)
        return hmac.compare_digest(ours.encode(), receipt.encode("utf-8", "surrogatepass"))

    def __repr__(self) -> str:
        return "ReceiptKey(...)"
