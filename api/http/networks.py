"""What counts as one client by its address: an IPv4 address, or the IPv6 network of a household or server."""

from functools import lru_cache
from ipaddress import ip_address

_IPV6_NETWORK_BITS = 64
"""The size of the smallest network that one household or server has to itself."""


@lru_cache(maxsize=10_000)
def network_of(address: str, *, loopback_counts: bool = False) -> str:
    """The network that an address is counted under; empty: not counted (this machine's own, or no address)."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    if mapped.is_loopback and not loopback_counts:
        return ""
    return str(mapped) if mapped.version == 4 else str(int(mapped) >> _IPV6_NETWORK_BITS)
