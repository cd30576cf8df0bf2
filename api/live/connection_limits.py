"""Decides who may connect to a live gateway: pages of known origin, up to a number of sockets in all and an address."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from api.http.connection_counts import ConnectionCounts
from api.live.config import LiveConfig


class ConnectionLimits:
    """The sockets of one process, counted by address."""

    def __init__(self, config: LiveConfig) -> None:
        self._origins = frozenset(origin.rstrip("/").lower() for origin in config.origins)
        self._counts = ConnectionCounts(
            config.sockets_max, config.sockets_per_address, loopback_counts=config.loopback_counts
        )

    def add(self, address: str) -> str | None:
        """Count a socket of an address; returns the reason where it is above a limit, else None. `remove` undoes it."""
        return self._counts.add(address)

    def remove(self, address: str) -> None:
        """Count one socket of an address less."""
        self._counts.remove(address)

    @property
    def sockets(self) -> int:
        """How many there are."""
        return self._counts.total

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
