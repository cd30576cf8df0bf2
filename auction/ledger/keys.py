"""Every name of a key in the ledger, and which shard a lot lives on. No other file spells a key.

A sale lives on one shard, so its lots can share a purse inside one script; the shard is the hash tag. A lot's id
names its sale (`launch-001` is lot 1 of sale `launch`), so nothing has to be looked up to place a bid.
"""

from binascii import crc_hqx
from dataclasses import dataclass

LAYOUT = "a1"


def lot_id_of(sale_id: str, number: int) -> str:
    """The id of the sale's n-th lot, n from 1."""
    return f"{sale_id}-{number:03d}"


def sale_of(lot_id: str) -> str:
    """The sale a lot belongs to, from the lot's id."""
    return lot_id.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class KeySpace:
    """Key names for a ledger of so many shards."""

    shards: int

    def shard_of(self, lot_id: str) -> int:
        """The shard of a lot: CRC-16 (XModem, as Redis Cluster uses) of its sale's id."""
        return self.shard_of_sale(sale_of(lot_id))

    def shard_of_sale(self, sale_id: str) -> int:
        """The shard of a sale."""
        return crc_hqx(sale_id.encode(), 0) % self.shards

    def _tag(self, lot_id: str) -> str:
        return f"{LAYOUT}:{{{self.shard_of(lot_id):02d}}}"

    def lot(self, lot_id: str) -> str:
        """Hash: the lot's state and packed terms."""
        return f"{self._tag(lot_id)}:lot:{lot_id}"

    def bidders(self, lot_id: str) -> str:
        """Hash: admitted bidder -> packed paddle and limit."""
        return f"{self._tag(lot_id)}:lot:{lot_id}:bidders"

    def accepted(self, lot_id: str) -> str:
        """Hash: idempotency key and bidder -> packed receipt of the accepted bid."""
        return f"{self._tag(lot_id)}:lot:{lot_id}:keys"

    def purse(self, lot_id: str) -> str:
        """Hash: each bidder's purse over the lot's sale, and what they lead with."""
        return f"{self._tag(lot_id)}:purse:{sale_of(lot_id)}"

    def due(self, shard: int) -> str:
        """Sorted set: lot -> its next deadline, UTC ms."""
        return f"{LAYOUT}:{{{shard:02d}}}:due"

    def stream(self, shard: int) -> str:
        """Stream: the ledger itself."""
        return f"{LAYOUT}:{{{shard:02d}}}:ledger"

    def watchers(self, lot_id: str) -> str:
        """Hash: live gateway -> how many watch the lot there, and when it said so. No bid depends on it."""
        return f"{self._tag(lot_id)}:watchers:{lot_id}"

    def due_of(self, lot_id: str) -> str:
        """The deadlines of the lot's shard."""
        return self.due(self.shard_of(lot_id))

    def stream_of(self, lot_id: str) -> str:
        """The stream of the lot's shard."""
        return self.stream(self.shard_of(lot_id))

    @staticmethod
    def shards_key() -> str:
        """String: the number of shards this ledger was first started with."""
        return f"{LAYOUT}:shards"


def accepted_field(bidder_id: str, key: str) -> str:
    """The field of the accepted-keys hash; a key has no space, so the first one parts it from the bidder."""
    return f"{key} {bidder_id}"
