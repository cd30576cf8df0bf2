"""Follows the directory of keys, so that a process takes up a new key while it runs. Off the bid's way.

A key's file is there seconds before the key signs (`auction keys rotate`), so that every process has read it by then. A
directory that cannot be read changes nothing; it is logged once, and again when it can.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from auction.ledger.cancellation import raise_if_cancelled
from auction.signing.key_files import Fingerprint, KeyFileError, fingerprint

CHECK_S = 1.0

log = structlog.get_logger("auction.signing_keys")


class FollowedKeys(Protocol):
    """Keys that are read from the directory."""

    def load(self, folder: Path) -> bool:
        """Read the directory again; whether anything is different. Raises KeyFileError, and changes nothing then."""
        ...


class KeyFollower:
    """Reads the keys again whenever a file of the directory was added, removed or replaced."""

    def __init__(self, folder: Path | None, keys: Sequence[FollowedKeys] = ()) -> None:
        """`folder`: None where there is none to follow; `keys`: those that were read from it already."""
        self._folder = folder
        self._keys = list(keys)
        self._read: Fingerprint | None = None
        self._said = ""

    def follow(self, keys: FollowedKeys) -> None:
        """Read further keys, and keep them up to date. Raises KeyFileError."""
        if self._folder is not None:
            keys.load(self._folder)
            self._keys.append(keys)

    def check(self) -> None:
        """Look once."""
        if self._folder is None:
            return
        try:
            found = fingerprint(self._folder)
            if found == self._read:
                return
            changed = [keys.load(self._folder) for keys in self._keys]
        except (OSError, KeyFileError) as error:
            if str(error) != self._said:
                self._said = str(error)
                log.error("keys_not_read", folder=str(self._folder), reason=self._said)
            return
        self._read = found
        if any(changed) or self._said:
            self._said = ""
            log.info("keys_read", folder=str(self._folder), files=[name for name, *_ in found])

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            raise_if_cancelled()
            self.check()
            await asyncio.sleep(CHECK_S)
