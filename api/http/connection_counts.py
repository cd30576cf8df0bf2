"""Counts the connections of one process, in all and by address, and says which is one too many."""

from collections import Counter

from api.http.networks import network_of


class ConnectionCounts:
    """The connections of one process. `per_address_max` 0: no limit; `loopback_counts`: whether 127.0.0.1 has one."""

    def __init__(self, total_max: int, per_address_max: int, *, loopback_counts: bool = False) -> None:
        self._total_max = total_max
        self._per_address_max = per_address_max
        self._loopback_counts = loopback_counts
        self._by_address: Counter[str] = Counter()
        self.total = 0

    def add(self, address: str) -> str | None:
        """Count a connection of an address; the reason where it is above a limit, else None. `remove` undoes it."""
        self.total += 1
        key = network_of(address, loopback_counts=self._loopback_counts)
        self._by_address[key] += 1
        if self.total > self._total_max:
            return "too many connections here"
        if key and self._per_address_max and self._by_address[key] > self._per_address_max:
            return "too many connections from this address"
        return None

    def remove(self, address: str) -> None:
        """Count one connection of an address less."""
        self.total -= 1
        key = network_of(address, loopback_counts=self._loopback_counts)
        self._by_address[key] -= 1
        if not self._by_address[key]:
            del self._by_address[key]
