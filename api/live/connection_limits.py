"""Who may connect to a live gateway: pages of known origin, so many sockets in all, so many from one address."""

from collections import Counter
from ipaddress import ip_address
from urllib.parse import urlsplit

from api.live.config import LiveConfig

_IPV6_NETWORK_BITS = 64
"""One household or server has at least so large a network to itself."""


class ConnectionLimits:
    """Counts the sockets of one process by where they come from."""

    def __init__(self, config: LiveConfig) -> None:
        self._config = config
        self._origins = frozenset(origin.rstrip("/").lower() for origin in config.origins)
        self._by_address: Counter[str] = Counter()
        self.sockets = 0

    def enter(self, address: str) -> str | None:
        """Count a socket from an address; the reason why it is one too many, or None. To be undone by `leave`."""
        self.sockets += 1
        key = self._key(address)
        self._by_address[key] += 1
        if self.sockets > self._config.sockets_max:
            return "too many connections here"
        limit = self._config.sockets_per_address
        if key and limit and self._by_address[key] > limit:
            return "too many connections from this address"
        return None

    def leave(self, address: str) -> None:
        """One socket less."""
        self.sockets -= 1
        key = self._key(address)
        self._by_address[key] -= 1
        if not self._by_address[key]:
            del self._by_address[key]

    def _key(self, address: str) -> str:
        """What is counted as one address; empty: not limited."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        mapped = getattr(parsed, "ipv4_mapped", None) or parsed
        if mapped.is_loopback and not self._config.loopback_counts:
            return ""
        return str(mapped) if mapped.version == 4 else str(int(mapped) >> _IPV6_NETWORK_BITS)

    def welcomes(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of that origin may connect to a gateway asked for as `host`; programs send no origin."""
        if origin is None:
            return True
        if self._origins:
            return origin.lower() in self._origins
        theirs, ours = _host_of(origin), _host_of(f"//{host}") if host else None
        if theirs is None or ours is None:
            return False
        return theirs == ours or (_is_loopback(theirs) and _is_loopback(ours))


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
