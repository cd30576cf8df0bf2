"""The configuration of a live gateway: who may connect, how often it sends, and how far a watcher may fall behind."""

from dataclasses import dataclass, field
from pathlib import Path

from api.http.trusted_proxies import TrustedProxies


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """Durations in ms. `secret` is the one that the first secrets of tokens follow from."""

    secret: str = field(repr=False)
    keys_dir: Path | None = None
    """The directory of the later ones, which is followed; None: there are none."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    """Where metrics are served; None: on the port of the connections."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may connect, such as `https://auction.example.com`; none: those of the same host."""
    sockets_max: int = 15_000
    """Per process, below the number of files it may open."""
    sockets_per_address: int = 1_000
    """Per process; 0: no limit. Many phones share an address, as does everyone behind a proxy."""
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    """Whose word is taken for where a client comes from."""
    loopback_counts: bool = False
    """Whether sockets from this machine, such as a proxy's, are limited like those of any other address."""
    send_buffer_bytes: int = 65_536
    """The kernel's buffer of a socket, and so the amount of outdated prices that a stalled watcher may still get."""

    tick_ms: int = 100
    """The least time between two turns of a busy lot."""
    ping_ms: int = 15_000
    """The time between two pings, and the longest silence of the server."""
    sub_within_ms: int = 5_000
    behind_ms_max: int = 10_000
    behind_bytes_max: int = 65_536
    linger_ms: int = 120_000
    """How long a lot is followed after its last watcher has left."""
    ended_ms: int = 600_000
    """How long after a lot's end its watchers' connections are closed."""
    report_ms: int = 2_000
    """How often watchers are reported and the ledger's clock is sampled."""
    block_ms: int = 1_000
    """How long one call waits for the ledger's next entry; well below the ledger's time-out."""

    messages_at_once: int = 40
    messages_per_s: float = 4.0
    lots_per_socket: int = 64
