"""The settings in force that give up safety, each with what it gives up: `auction serve` says them at its start."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from auction.payments.registry import PROVIDERS
from auction.settings import PREFIX, Settings

DAY_S = 86_400
NETWORK_ADDRESSES_MAX = 2**24
"""Of IPv4: a larger network of trusted proxies is hardly one's own."""
NO_LIMIT = {
    "bids_per_bidder_s": "one bidder may send any number of bids",
    "bids_in_flight": "one bidder may have any number of bids unanswered",
    "requests_per_client_s": "one client may send any number of requests",
    "sign_ins_per_client_minute": "one client may try any number of passwords of different accounts",
    "http_sockets_per_address": "one address may take every HTTP connection",
    "live_sockets_per_address": "one address may take every live connection",
    "outage_pause_ms": "a lot may end in an outage in which nobody could bid",
}


def unsafe_settings(settings: Settings) -> list[tuple[str, str]]:
    """Pairs of a variable and what its value gives up."""
    return [(f"{PREFIX}{name.upper()}", risk) for name, risk in _found(settings)]


def _found(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, risk in NO_LIMIT.items():
        if getattr(settings, name) == 0:
            yield name, risk
    if settings.accept_unsafe_ledger:
        yield "accept_unsafe_ledger", "a ledger that could lose accepted bids is used"
    if not settings.two_persons:
        yield "two_persons", "one person of staff may void bids, and close or extend running lots"
    if not settings.second_factor:
        yield "second_factor", "a password alone signs staff in, and one person with two accounts is two persons"
    if settings.payment_provider is not None and not PROVIDERS[settings.payment_provider].moves_money:
        yield "payment_provider", f"{settings.payment_provider} moves no money: deposits and payments are not real"
    if settings.token_lifetime_s > DAY_S:
        yield "token_lifetime_s", f"a copied token of a bidder is good for {settings.token_lifetime_s // DAY_S} days"
    for part in filter(None, settings.trusted_proxies.split(",")):
        network = ip_network(part.strip())
        if (network.version == 4 and network.num_addresses > NETWORK_ADDRESSES_MAX) or network.prefixlen == 0:
            yield "trusted_proxies", f"anybody in {network} may claim any address"
    if not _is_loopback(settings.http_host):
        yield "http_host", "passwords and tokens are sent in clear text unless a proxy with TLS is in front"
        if settings.docs:
            yield "docs", "/docs runs in the origin of the staff's pages"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
