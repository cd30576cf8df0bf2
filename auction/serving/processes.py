"""What `auction serve` and `auction demo` share: which processes a house has, their settings, and when they answer."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from enum import StrEnum

import httpx
from alembic.util import CommandError
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from auction.books.migrate import head, upgrade
from auction.serving.supervisor import ProcessSpec
from auction.settings import PREFIX, Settings, SettingsError

READY_S = 60.0
"""How long the first process may take to answer."""
_ASK_AGAIN_S = 0.1


class Role(StrEnum):
    """What `--role` chooses."""

    ALL = "all"
    HTTP = "http"
    LIVE = "live"
    WORKER = "worker"


def process_specs(part: Role, settings: Settings, listener: socket.socket | None) -> list[ProcessSpec]:
    """The processes of a part of the house; those that take bids are stopped before the one that writes them down."""
    duties = []
    if part in {Role.ALL, Role.HTTP} and listener is not None:
        fd = listener.fileno()
        duties += [
            ProcessSpec(f"http {number}", "api", ("--fd", str(fd)), (fd,), rank=0)
            for number in range(1, settings.workers + 1)
        ]
    if part in {Role.ALL, Role.LIVE}:
        where = ("--host", settings.http_host, "--port", str(settings.live_port))
        duties += [
            ProcessSpec(f"live {number}", "api.live", where, rank=0) for number in range(1, settings.gateways + 1)
        ]
    if part in {Role.ALL, Role.WORKER}:
        duties.append(ProcessSpec("worker", "auction.workers", rank=1))
    return duties


def environment_of(settings: Settings) -> Mapping[str, str]:
    """The environment in which a process finds these settings, whatever this one was told by options.

    Given settings without addresses, the processes are users of the embedded servers like this one: the last of them
    to leave stops the servers, even where this one was killed.
    """
    mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            mine[PREFIX + name.upper()] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return mine


def migrate_books(url: str) -> None:
    """Bring the books to the version that this code expects; BooksAway, or SettingsError where that cannot be."""
    try:
        upgrade(url)
    except (CommandError, SQLAlchemyError) as error:
        # the first line says it; what follows is SQL
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"the books of AUCTION_DATABASE_URL cannot be migrated to {head()} ({reason}): use a database of this "
            "version or an older one, as a user who may create tables there"
        ) from error


async def until_ready(address: str, path: str = "/readyz") -> bool:
    """Wait until the house answers that it can take bids; False where it does not within READY_S."""
    deadline_s = time.monotonic() + READY_S
    async with httpx.AsyncClient(base_url=address, timeout=5.0, trust_env=False) as visitor:
        while time.monotonic() < deadline_s:
            try:
                if (await visitor.get(path)).status_code == httpx.codes.OK:
                    return True
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_ASK_AGAIN_S)
    return False
