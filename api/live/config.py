"""What a live gateway is told at its start: who may connect, how often it speaks, and how slow a watcher may be."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """Durations in ms. The secret is the house's own: tokens are verified with it."""

    secret: str = field(repr=False)
    origins: tuple[str, ...] = ()
    """Origins whose pages may connect, such as `https://auction.example.com`; none: those of the same host."""
    sockets_max: int = 15_000
    """Per process, below what it may have open."""
    sockets_per_address: int = 1_000
    """Per process; 0: no limit. Many phones share an address, and so does everyone behind a proxy."""
    loopback_counts: bool = False
    """Whether sockets from this machine, such as a proxy's, are limited like those of any other address."""
    send_buffer_bytes: int = 65_536
    """What the kernel holds for a socket: a watcher that stalls gets no more stale prices than this."""

    tick_ms: int = 100
    """The least time between two frames of a busy lot."""
    ping_ms: int = 15_000
    """The longest silence of a live connection, and the time between two pings."""
    sub_within_ms: int = 5_000
    behind_ms_max: int = 10_000
    behind_bytes_max: int = 65_536
    linger_ms: int = 120_000
    """How long a lot without watchers is still followed."""
    ended_ms: int = 600_000
    """How long after its end a lot's watchers are told that nothing more will come."""
    report_ms: int = 2_000
    """How often watchers are counted and the ledger's clock is read."""
    block_ms: int = 1_000
    """How long one call waits for the ledger's next entry; well below the ledger's time-out."""

    messages_at_once: int = 40
    messages_per_s: float = 4.0
    lots_per_socket: int = 64
