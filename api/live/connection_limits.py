"""Decides who may connect to a live gateway: pages of known origin, up to a number of sockets in all and an address."""

from collections import Counter
from ipaddress import ip_address
from urllib.parse import urlsplit

from api.live.config import LiveConfig

_IPV6_NETWORK_BITS = 64
"""The size of the smallest network that one household or server has to itself."""


class ConnectionLimits:
    """The sockets of one process, counted by address."""

    def __init__(self, config: LiveConfig) -> None:
        self._config = config
        self._origins = frozenset(origin.rstrip("/").lower() for origin in config.origins)
        self._by_address: Counter[str] = Counter()
        self.sockets = 0

    def add(self, address: str) -> str | None:
        """Count a socket of an address; returns the reason where it is above a limit, else None. `remove` undoes it."""
        self.sockets += 1
        key = self._key(address)
        self._by_address[key] += 1
        if self.sockets > self._config.sockets_max:
            return "too many connections here"
        limit = self._config.sockets_per_address
        if key and limit and self._by_address[key] > limit:
            return "too many connections from this address"
        return None

    def remove(self, address: str) -> None:
        """Count one socket of an address less."""
        self.sockets -= 1
        key = self._key(address)
        self._by_address[key] -= 1
        if not self._by_address[key]:
            del self._by_address[key]

    def _key(self, address: str) -> str:
        """What counts as one address; empty: not limited."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        mapped = getattr(parsed, "ipv4_mapped", None) or parsed
        if mapped.is_loopback and not self._config.loopback_counts:
            return ""
        return str(mapped) if mapped.version == 4 else str(int(mapped) >> _IPV6_NETWORK_BITS)

    def allows_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of that origin may connect to a gateway addressed as `host`; None: a program, not a page."""
        if origin is None:
            return True
        if self._origins:
            return origin.lower() in self._origins
        page_host, own_host = _host_of(origin), _host_of(f"//{host}") if host else None
        if page_host is None or own_host is None:
            return False
        return page_host == own_host or (_is_loopback(page_host) and _is_loopback(own_host))


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
