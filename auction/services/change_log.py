"""Tells which of many things changed since a reader last asked, for pages that ask every second. Off the bid's way.

Each process numbers the changes that it sees. A reader's revision has a part for each process that it has asked: the
last number which that told it, and what others have told it since. So a reader who comes to another process gets what
changed there since, with what may have changed and changed back unseen by it; and all only from one that it is new to.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from zlib import crc32

PROCESSES_MAX = 8
"""Processes that a revision names; the one that was asked longest ago is dropped first."""
TOLD_MAX = 40
"""What others have told since, for one process; where it is more, the reader is as new to it."""
_PART = rf"[0-9a-f]{{8}}-[0-9]{{1,15}}(~[0-9a-f]{{4}}){{0,{TOLD_MAX}}}"
REVISION_PATTERN = rf"^{_PART}(\.{_PART}){{0,{PROCESSES_MAX - 1}}}$"
REVISION_LENGTH_MAX = PROCESSES_MAX * (25 + 5 * TOLD_MAX)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """A thing as it is now; its fingerprint differs once it has changed."""

    thing: T
    fingerprint: Hashable


@dataclass(frozen=True, slots=True)
class Changes(Generic[T]):
    """By name what changed since a revision, or everything (`is_complete`); and the revision from here on."""

    things: dict[str, T]
    is_complete: bool
    revision: str


class ChangeLog(Generic[T]):
    """The changes that one process has seen."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(4)
        self._number = 0
        self._latest: Mapping[str, Seen[T]] = {}
        self._changed_at: dict[str, int] = {}

    def note(self, found: Mapping[str, Seen[T]]) -> None:
        """Take what there is now; where something is gone, every reader gets everything once."""
        if self._latest.keys() - found.keys():
            self._process = secrets.token_hex(4)
            self._changed_at.clear()
        changed = [
            name
            for name, seen in found.items()
            if name not in self._changed_at or self._latest[name].fingerprint != seen.fingerprint
        ]
        if changed:
            self._number += 1
            self._changed_at.update(dict.fromkeys(changed, self._number))
        self._latest = found

    def since(self, revision: str | None) -> Changes[T]:
        """What changed after a revision that any process gave; None: the reader has nothing yet."""
        parts = revision.split(".") if revision else []
        own = next((part for part in parts if part.startswith(f"{self._process}-")), None)
        if own is None:
            names = list(self._latest)
        else:
            number, *told_by_others = own.partition("-")[2].split("~")
            names = [
                name
                for name, changed_at in self._changed_at.items()
                if changed_at > int(number) or _short(name) in told_by_others
            ]
        following = [f"{self._process}-{self._number}"]
        for part in parts:
            process, *told_before = part.split("~")
            told = {*told_before, *map(_short, names)}
            if part != own and len(told) <= TOLD_MAX:
                following.append("~".join([process, *sorted(told)]))
        wanted = set(names)
        things = {name: seen.thing for name, seen in self._latest.items() if name in wanted}
        return Changes(things, own is None, ".".join(following[:PROCESSES_MAX]))


def _short(name: str) -> str:
    """A name as revisions have it; names that share one are only told more often."""
    return f"{crc32(name.encode()) & 0xFFFF:04x}"


class SharedReading:
    """A reading that several ask for at the same time: whoever comes while one is under way shares the next one.

    So nobody gets what was read before they asked, and at most two readings are under way or wait.
    """

    def __init__(self) -> None:
        self._newest: tuple[list[bool], asyncio.Task[None]] | None = None

    async def join(self, read: Callable[[], Awaitable[None]]) -> None:
        """Wait for a reading that begins from now on. Raises what it raises."""
        if self._newest is None or self._newest[0][0]:
            before = None if self._newest is None else self._newest[1]
            has_begun = [False]
            self._newest = has_begun, asyncio.create_task(_read_after(before, read, has_begun), name="shared reading")
        await asyncio.shield(self._newest[1])


async def _read_after(
    before: "asyncio.Task[None] | None", read: Callable[[], Awaitable[None]], has_begun: list[bool]
) -> None:
    if before is not None:
        await asyncio.wait([before])
    has_begun[0] = True
    await read()
