"""What the ledger's server must be set to so that no accepted bid is lost, and how one that is running is set.

Off the bid's way: `auction serve` refuses to start on a server that is set otherwise, and `auction doctor` reports it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from auction.ledger.connection import ledger_errors

_PATTERNS = ("append*", "maxmemory*", "aof-load-truncated", "min-*")
_REPLICAS = "min-replicas-to-write"


@dataclass(frozen=True, slots=True)
class RequiredValue:
    """What one setting must be and what is lost otherwise. `to_serve` false: `auction serve` starts all the same."""

    name: str
    value: str
    consequence: str
    to_serve: bool = True


REQUIRED_VALUES = (
    RequiredValue("appendonly", "yes", "accepted bids would be lost when the server ends"),
    RequiredValue("appendfsync", "always", "accepted bids would be lost in a power cut"),
    RequiredValue("maxmemory-policy", "noeviction", "the server would delete lots when memory runs out"),
    RequiredValue("aof-load-truncated", "no", "the server would cut a damaged log without saying so", to_serve=False),
)


@dataclass(frozen=True, slots=True)
class CheckedSetting:
    """One setting as it was found (None: it could not be read), what it must be, and what is lost otherwise."""

    name: str
    found: str | None
    required: str
    consequence: str
    is_safe: bool
    to_serve: bool = True

    @property
    def advice(self) -> str:
        """What to do; empty where it is as it must be."""
        return "" if self.is_safe else f"set {self.name} to {self.required}: {self.consequence}"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A running server: its INFO, and its configuration as far as it may be read."""

    info: Mapping[str, Any]
    config: Mapping[str, str]

    def checked(self) -> list[CheckedSetting]:
        """Every setting that matters, safe or not; one that could not be read is not safe."""
        return [*map(self._checked, REQUIRED_VALUES), self._memory(), *self._replicas()]

    def _checked(self, required: RequiredValue) -> CheckedSetting:
        found = self.config.get(required.name)
        is_safe = found == required.value
        return CheckedSetting(
            required.name, found, required.value, required.consequence, is_safe, to_serve=required.to_serve
        )

    def _memory(self) -> CheckedSetting:
        found = self.config.get("maxmemory")
        return CheckedSetting(
            "maxmemory",
            found,
            "a limit below the machine's memory, such as 4gb",
            "the system would kill the server when the machine's memory runs out",
            found not in (None, "0"),
        )

    def _replicas(self) -> list[CheckedSetting]:
        """With replicas only: a failover loses what no replica has."""
        replicas = int(self.info.get("connected_slaves", 0))
        if not replicas:
            return []
        found = self.config.get(_REPLICAS)
        return [
            CheckedSetting(
                _REPLICAS,
                found,
                f"1 or more ({replicas} connected)",
                "a failover would lose accepted bids that no replica has",
                found not in (None, "0"),
            )
        ]


async def read_server_settings(redis: "Redis") -> ServerSettings:
    """How the server is set. Raises LedgerAway."""
    with ledger_errors():
        info: dict[str, Any] = await redis.info()
        config: dict[str, str] = {}
        for pattern in _PATTERNS:
            config |= await _config(redis, pattern)
    return ServerSettings(info, config)


async def _config(redis: "Redis", pattern: str) -> dict[str, str]:
    """CONFIG GET; empty where a hosted server does not allow it."""
    command: Any = redis.execute_command
    try:
        # the client gives text, even where other replies are bytes
        found: dict[str, str] = await command("CONFIG GET", pattern)
    except ResponseError as error:
        if any(words in str(error).lower() for words in ("unknown command", "noperm", "no permissions")):
            return {}
        raise
    return found
