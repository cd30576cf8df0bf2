"""Whether `auction serve` may start on the ledger's server: refuses one that could lose accepted bids."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import structlog

from auction.ledger.connection import connect
from auction.ledger.server_settings import CheckedSetting, read_server_settings
from auction.settings import PREFIX, Settings, SettingsError

OVERRIDE = f"{PREFIX}ACCEPT_UNSAFE_LEDGER=1"

log = structlog.get_logger("auction.serve")


def require_safe_ledger(settings: Settings) -> None:
    """Check a configured server; one that was started here is set as it must be. Raises SettingsError, LedgerAway.

    With AUCTION_ACCEPT_UNSAFE_LEDGER what is given up is logged instead.
    """
    if settings.redis_url is not None:
        asyncio.run(check_ledger_safety(settings))


async def check_ledger_safety(settings: Settings) -> None:
    """`require_safe_ledger` within an event loop; the ledger's address must be set."""
    redis = connect(str(settings.redis_url), timeout_ms=settings.ledger_timeout_ms, connections=1)
    try:
        found = await read_server_settings(redis)
    finally:
        await redis.aclose()
    unsafe = [one for one in found.checked() if one.to_serve and not one.is_safe]
    if not unsafe:
        return
    if not settings.accept_unsafe_ledger:
        raise SettingsError(_refusal(settings, unsafe))
    for one in unsafe:
        log.warning(
            "ledger_unsafe", setting=one.name, found=_shown(one), required=one.required, given_up=one.consequence
        )


def _refusal(settings: Settings, unsafe: Sequence[CheckedSetting]) -> str:
    parts = urlsplit(str(settings.redis_url))
    address = f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    lines = [f"the ledger at {address} could lose accepted bids; auction does not serve on it:"]
    lines += [f"  {one.name}: {_shown(one)}, must be {one.required}: {one.consequence}" for one in unsafe]
    if any(one.found is not None for one in unsafe):
        lines.append("Set each with CONFIG SET and in the server's configuration file, or where its host is managed.")
    if any(one.found is None for one in unsafe):
        lines.append("The server does not allow CONFIG GET: make sure of what could not be checked with its provider.")
    lines.append(f"{OVERRIDE} serves all the same, and logs what is given up at each start.")
    return "\n".join(lines)


def _shown(one: CheckedSetting) -> str:
    return "could not be checked" if one.found is None else one.found
