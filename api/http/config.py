"""What the API is told at its start."""

import re
from dataclasses import dataclass, field

_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """The secret that tokens are signed with, and what pages are told of the house."""

    secret: str = field(repr=False)
    live_url: str | None = None
    currency: str = "CNY"
    locale: str = "zh-CN"
    token_lifetime_s: int = 43_200
    payment_provider: str = "sandbox"
    """Who takes the money; pages offer the sandbox's cards where it is the sandbox."""
    delivery_centres: tuple[str, ...] = ()
    live_port: int | None = None
    """Where the gateways listen, on the host that a page came from, unless `live_url` says it all."""

    def live_url_for(self, host: str | None, *, secure: bool) -> str | None:
        """Where a page that was asked for at a host finds the live channel; None: nowhere."""
        if self.live_url is not None or self.live_port is None or not host:
            return self.live_url
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if _HOST.fullmatch(name) is None:
            return None
        return f"{'wss' if secure else 'ws'}://{name}:{self.live_port}/"
