"""What the API is told at its start."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """The secret that tokens are signed with, and what pages are told of the house."""

    secret: str = field(repr=False)
    live_url: str | None = None
    currency: str = "CNY"
    locale: str = "zh-CN"
    token_lifetime_s: int = 43_200
