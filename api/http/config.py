"""The configuration of the HTTP API."""

import re
from dataclasses import dataclass, field

_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """The key of tokens, and what `GET /config` tells pages."""

    secret: str = field(repr=False)
    live_url: str | None = None
    currency: str = "CNY"
    locale: str = "zh-CN"
    token_lifetime_s: int = 43_200
    delivery_centres: tuple[str, ...] = ()
    live_port: int | None = None
    """The port of the live gateways, used with the host of the page's own address unless `live_url` is set."""
    docs: bool = True
    """Whether the page `/docs` is served."""
    metrics_apart: bool = False
    """Whether metrics are served on a port of their own alone."""
    status_fd: int | None = None
    """The file in which the supervisor publishes what keeps ending; None without a supervisor."""

    def live_url_for(self, host: str | None, *, secure: bool) -> str | None:
        """The address of the live channel for a page with this Host header; None: there is no live channel."""
        if self.live_url is not None or self.live_port is None or not host:
            return self.live_url
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if _HOST.fullmatch(name) is None:
            return None
        return f"{'wss' if secure else 'ws'}://{name}:{self.live_port}/"
