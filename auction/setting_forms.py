"""The forms of settings' values: each function gives the value as it is used, and raises ValueError for any other form.

What the form must be is said in the field's description (`auction.settings`).
"""

from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from auction.domain.currency import CURRENCIES
from auction.domain.money import FEN_MAX
from auction.domain.text import DELIVERY_CENTRE
from auction.payments.registry import PROVIDERS


def ledger_address(url: str) -> str:
    """An address of the ledger's server, as it was given."""
    parts = urlsplit(url)
    # reading the port checks it
    by_host = parts.scheme in {"redis", "rediss"} and parts.hostname and parts.port != 0
    if not (parts.path if parts.scheme == "unix" else by_host):
        raise ValueError
    return url


def books_address(url: str) -> str:
    """Check a PostgreSQL address in any usual form; the form that SQLAlchemy's asyncpg dialect needs."""
    scheme, _, rest = url.partition("://")
    parts = urlsplit(url)
    if scheme not in {"postgresql", "postgres", "postgresql+asyncpg"} or parts.port == 0:
        raise ValueError
    if not parts.path.strip("/") or not (parts.hostname or dict(parse_qsl(parts.query)).get("host")):
        raise ValueError
    return f"postgresql+asyncpg://{rest}"


def live_address(url: str) -> str:
    """An address of the live channel, as it was given."""
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError
    return url


def origins(listed: str) -> str:
    """Origins of pages, with commas between them, as they were given."""
    for origin in filter(None, listed.split(",")):
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or origin.rstrip("/") != f"{parts.scheme}://{parts.netloc}":
            raise ValueError
    return listed


def networks(listed: str) -> str:
    """Addresses and networks, with commas between them, as they were given."""
    for part in filter(None, listed.split(",")):
        ip_network(part.strip())
    return listed


def names(listed: str) -> str:
    """Different names with commas between them, without blanks around them."""
    names = [DELIVERY_CENTRE.accept(name.strip()) for name in listed.split(",")]
    if len(set(names)) < len(names):
        raise ValueError
    return ",".join(names)


def limits(listed: str) -> str:
    """Levels of identity with limits, as they were given."""
    pairs = [pair.split(":") for pair in filter(None, listed.split(","))]
    levels = [(int(level), int(limit)) for level, limit in pairs]
    if not all(0 <= level <= 9 and 0 <= limit <= FEN_MAX for level, limit in levels):
        raise ValueError
    if len({level for level, _ in levels}) < len(levels):
        raise ValueError
    return listed


def web_address(url: str) -> str:
    """An address of a web server, as it was given."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    return url


def provider_names(names: str) -> str:
    """Names of payment providers, with commas, as they were given."""
    for name in filter(None, (part.strip() for part in names.split(","))):
        provider_name(name)
    return names


def provider_name(name: str) -> str:
    """The name of a payment provider."""
    if name not in PROVIDERS:
        raise ValueError
    return name


def currency(code: str) -> str:
    """The code of a currency."""
    if code not in CURRENCIES:
        raise ValueError
    return code


def absolute(path: Path) -> Path:
    """A path from the root."""
    return path.expanduser().absolute()


def above_heartbeats(silence_ms: int) -> int:
    """Shorter silences lie between two heartbeats."""
    if 0 != silence_ms < 1_000:
        raise ValueError
    return silence_ms
