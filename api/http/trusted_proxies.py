"""Who a client is behind proxies: address and scheme as a trusted proxy tells them. For HTTP and live alike.

A proxy appends the address that it was called from to `X-Forwarded-For`. Read from its end, the first address that is
no trusted proxy's is the client's; what lies before it was written by the client and is not believed.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

ENTRIES_MAX = 32
"""Of an X-Forwarded-For, from its end."""


class Origin(NamedTuple):
    """Where a request comes from."""

    address: str
    scheme: str


class TrustedProxies:
    """The networks whose word is taken; none: nobody's."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._networks = tuple(networks)

    @classmethod
    def parse(cls, listed: str) -> "TrustedProxies":
        """From addresses and networks with commas between them. Raises ValueError."""
        return cls([ip_network(part.strip()) for part in listed.split(",") if part.strip()])

    def trusts(self, address: str) -> bool:
        """Whether this is a trusted proxy's address."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(parsed in network for network in self._networks if network.version == parsed.version)

    def origin(self, peer: str, scheme: str, forwarded_for: Sequence[str], forwarded_proto: Sequence[str]) -> Origin:
        """Where a request of this peer comes from, by the values of its headers, in their order."""
        if not self.trusts(peer):
            return Origin(peer, scheme)
        told = forwarded_proto[-1].rpartition(",")[2].strip().lower() if forwarded_proto else ""
        return Origin(self._client(peer, forwarded_for), told if told in {"http", "https"} else scheme)

    def _client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        entries = ",".join(forwarded_for).split(",")[-ENTRIES_MAX:]
        for entry in reversed(entries):
            address = _address(entry.strip())
            if address is None:
                break
            peer = address
            if not self.trusts(address):
                break
        return peer


def _address(entry: str) -> str | None:
    """The address of an entry, which may have a port; None where it is none."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        return str(ip_address(entry))
    except ValueError:
        return None
