"""What `auction keys` does: list the keys that sign, and add new ones that processes take up while they run."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum

from auction.books import audit
from auction.bootstrap import open_context
from auction.console.account import COMMAND_LINE
from auction.domain.errors import AuctionError
from auction.embedded import EmbeddedError
from auction.migration import migrated_servers
from auction.services.identity.tokens import TokenKeys
from auction.settings import Settings, SettingsError
from auction.signing.house_keys import HouseKeys, create_key, keep_public_part
from auction.signing.key_files import KeyFileError

CLOCK_SKEW_MS = 60_000
"""How far the clocks of several hosts may be apart: tokens of an earlier secret are accepted as much longer."""


class Kind(StrEnum):
    """Which keys are replaced."""

    TOKENS = "tokens"
    """Those of sessions and live connections."""
    RECEIPTS = "receipts"
    """The house's, which signs receipts and published records."""


class State(StrEnum):
    """What a key does now."""

    SIGNS = "signs"
    SIGNS_LATER = "signs later"
    CHECKS = "checks"
    ENDED = "ended"
    """What it signed is not accepted any more."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One key; times in UTC ms. `until_ms`: until when what it signed is accepted, None: without an end."""

    purpose: str
    kid: str
    state: State
    from_ms: int
    until_ms: int | None


def list_keys(settings: Settings, now_ms: int) -> list[ListedKey]:
    """All keys, by purpose, oldest first. Raises KeyFileError, SettingsError."""
    house = HouseKeys.load_or_create(settings.keys_dir)
    signing = house.key_at(now_ms)
    found = [
        ListedKey("receipts", key.kid, _state(key.from_ms, None, now_ms, signs=key is signing), key.from_ms, None)
        for key in house.listed()
    ]
    for purpose, listed in TokenKeys(settings.secret, settings.keys_dir).listed().items():
        newest = max((one.from_ms for one in listed if one.from_ms <= now_ms), default=0)
        found += [
            ListedKey(
                str(purpose),
                one.kid,
                _state(one.from_ms, one.until_ms, now_ms, signs=one.from_ms == newest),
                one.from_ms,
                one.until_ms,
            )
            for one in listed
        ]
    return found


def _state(from_ms: int, until_ms: int | None, now_ms: int, *, signs: bool) -> State:
    if until_ms is not None and until_ms <= now_ms:
        return State.ENDED
    if signs:
        return State.SIGNS
    return State.SIGNS_LATER if from_ms > now_ms else State.CHECKS


def rotate(settings: Settings, kinds: list[Kind], *, after_s: int, end_earlier: bool) -> int:
    """Add a new key of each kind, which signs from `after_s` seconds on; returns that time (UTC ms).

    What earlier ones signed is accepted as before; with `end_earlier` tokens of earlier secrets are not accepted from
    then on, and the house's earlier keys are kept as public parts alone. Raises KeyFileError, SettingsError.
    """
    tokens = TokenKeys(settings.secret, settings.keys_dir)
    earlier = HouseKeys.load_or_create(settings.keys_dir).listed()
    now_ms = time.time_ns() // 1_000_000
    from_ms = now_ms + after_s * 1000
    if any(one.state is State.SIGNS_LATER for one in list_keys(settings, now_ms)):
        raise KeyFileError(
            f"there is a new key in {settings.keys_dir} that does not sign yet (`auction keys list`): "
            "rotate again once it does, or remove its file first"
        )
    try:
        if Kind.TOKENS in kinds:
            lifetime_ms = 0 if end_earlier else settings.token_lifetime_s * 1000 + CLOCK_SKEW_MS
            tokens.rotate(settings.keys_dir, now_ms=now_ms, from_ms=from_ms, earlier_until_ms=from_ms + lifetime_ms)
        if Kind.RECEIPTS in kinds:
            create_key(settings.keys_dir, from_ms=from_ms)
            for key in earlier if end_earlier else ():
                keep_public_part(settings.keys_dir, key)
    except OSError as error:
        raise KeyFileError(f"keys in {settings.keys_dir} cannot be written: {error.strerror}") from error
    return from_ms


def record(settings: Settings, kinds: list[Kind], from_ms: int, *, end_earlier: bool, reason: str) -> str | None:
    """Put a rotation into the audit log; the reason as a sentence where it could not be."""
    details = {"kinds": [str(kind) for kind in kinds], "from_ms": from_ms, "end_earlier": end_earlier}
    try:
        with migrated_servers(settings) as found:
            asyncio.run(_record(found, details, reason))
    except (AuctionError, EmbeddedError, SettingsError) as error:
        return str(error)
    return None


async def _record(settings: Settings, details: dict[str, object], reason: str) -> None:
    async with (
        open_context(settings, secret=secrets.token_hex(32), with_payments=False) as context,
        context.books.transaction() as tx,
    ):
        await audit.record_action(tx, actor=COMMAND_LINE, action="rotate-keys", reason=reason, details=details)
