"""The names of the ledger's keys, and the shard of each lot; no other file builds a key.

In the bid's way: the key names of a bid follow from the lot's id alone, which names its sale (`launch-001` is lot 1 of
sale `launch`). The lots of a sale are on one shard, so that a script can share a purse between them; the shard is the
key's hash tag.
"""

from binascii import crc_hqx
from dataclasses import dataclass

from auction.domain.ledger_layout import LAYOUT


def lot_id_of(sale_id: str, number: int) -> str:
    """The id of a sale's n-th lot, n from 1."""
    return f"{sale_id}-{number:03d}"


def sale_of(lot_id: str) -> str:
    """The id of a lot's sale."""
    return lot_id.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class KeySpace:
    """The key names of a ledger with that number of shards."""

    shards: int

    def shard_of(self, lot_id: str) -> int:
        """The shard of a lot: CRC-16 (XModem, as Redis Cluster uses) of its sale's id."""
        return self.shard_of_sale(sale_of(lot_id))

    def shard_of_sale(self, sale_id: str) -> int:
        """The shard of a sale."""
        return crc_hqx(sale_id.encode(), 0) % self.shards

    def _prefix(self, lot_id: str) -> str:
        return f"{LAYOUT}:{{{self.shard_of(lot_id):02d}}}"

    def lot(self, lot_id: str) -> str:
        """Hash: the lot's state and packed terms."""
        return f"{self._prefix(lot_id)}:lot:{lot_id}"

    def bidders(self, lot_id: str) -> str:
        """Hash: admitted bidder -> packed paddle and limit."""
        return f"{self._prefix(lot_id)}:lot:{lot_id}:bidders"

    def accepted(self, lot_id: str) -> str:
        """Hash: idempotency key, space, bidder -> packed receipt of the accepted bid."""
        return f"{self._prefix(lot_id)}:lot:{lot_id}:keys"

    def purse(self, lot_id: str) -> str:
        """Hash: the bidders' purses on the lots of the sale, and the shares that lots take of what is held."""
        return f"{self._prefix(lot_id)}:purse:{sale_of(lot_id)}"

    def due(self, shard: int) -> str:
        """Sorted set: lot -> its next deadline, UTC ms."""
        return f"{LAYOUT}:{{{shard:02d}}}:due"

    def stream(self, shard: int) -> str:
        """Stream: the ledger's entries of a shard."""
        return f"{LAYOUT}:{{{shard:02d}}}:ledger"

    @staticmethod
    def restored(key: str) -> str:
        """The name under which a key is rebuilt before it takes the place of the one that stands."""
        return f"{key}:restored"

    def lineage(self, shard: int) -> str:
        """String: the id of the ledger that the shard belongs to; scripts refuse callers who know another one."""
        return f"{LAYOUT}:{{{shard:02d}}}:lineage"

    def lineage_of(self, lot_id: str) -> str:
        """The lineage of the lot's shard."""
        return self.lineage(self.shard_of(lot_id))

    def activity(self, shard: int) -> str:
        """Hash: when bids could last be decided on the shard, and its last outage (`include/outage.lua`)."""
        return f"{LAYOUT}:{{{shard:02d}}}:activity"

    def activity_of(self, lot_id: str) -> str:
        """The bidding activity of the lot's shard."""
        return self.activity(self.shard_of(lot_id))

    def watchers(self, lot_id: str) -> str:
        """Hash: live gateway -> its number of watchers of the lot and when it reported it. No bid depends on it."""
        return f"{self._prefix(lot_id)}:watchers:{lot_id}"

    def refusals(self, lot_id: str) -> str:
        """Hash: code -> number of bids on the lot that were refused with it. No bid depends on it."""
        return f"{self._prefix(lot_id)}:refusals:{lot_id}"

    def due_of(self, lot_id: str) -> str:
        """The deadlines of the lot's shard."""
        return self.due(self.shard_of(lot_id))

    def stream_of(self, lot_id: str) -> str:
        """The stream of the lot's shard."""
        return self.stream(self.shard_of(lot_id))

    @staticmethod
    def lineage_key() -> str:
        """String: the id of the ledger on this server, given at its first start."""
        return f"{LAYOUT}:lineage"

    @staticmethod
    def shards_key() -> str:
        """String: the number of shards with which this ledger was first opened."""
        return f"{LAYOUT}:shards"
