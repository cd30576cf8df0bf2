"""The processes of `auction serve` and `auction demo`: what is started, with which settings, and when it is ready."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping

import httpx
from pydantic import SecretStr

from auction.serving.roles import ServingRole
from auction.serving.status import SupervisorStatus
from auction.serving.supervisor import ProcessSpec
from auction.settings import PREFIX, Settings

SUPERVISED = "--supervised"
"""The option of a program that is started by a supervisor, which starts and restarts the embedded servers."""
READY_S = 300.0
"""How long the first process may take to answer."""
_POLL_S = 0.1


def process_specs(
    role: ServingRole, settings: Settings, listener: socket.socket | None, status: SupervisorStatus
) -> list[ProcessSpec]:
    """The processes of a role; those that accept bids are stopped before the worker that archives them.

    They wait for servers that do not answer: the supervisor restarts embedded ones.
    """
    specs = []
    if role in {ServingRole.ALL, ServingRole.HTTP} and listener is not None:
        fds = (listener.fileno(), status.fd)
        words = (SUPERVISED, "--fd", str(listener.fileno()), "--status-fd", str(status.fd))
        specs += [ProcessSpec(f"http {number}", "api", words, fds, rank=0) for number in range(1, settings.workers + 1)]
    if role in {ServingRole.ALL, ServingRole.LIVE}:
        address = (SUPERVISED, "--host", settings.http_host, "--port", str(settings.live_port))
        specs += [
            ProcessSpec(f"live {number}", "api.live", address, rank=0) for number in range(1, settings.gateways + 1)
        ]
    if role in {ServingRole.ALL, ServingRole.WORKER}:
        specs.append(ProcessSpec("worker", "auction.workers", (SUPERVISED,), rank=1))
    return specs


def process_environment(settings: Settings) -> Mapping[str, str]:
    """The environment in which a started process reads exactly these settings, options of the command included.

    With settings that have no addresses, each process uses the embedded servers as this one does: the last of them to
    end stops the servers, even where this process was killed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            environment[PREFIX + name.upper()] = (
                value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            )
    return environment


async def wait_until_ready(address: str, path: str = "/readyz") -> bool:
    """Wait until GET `path` answers 200; False where it does not within READY_S."""
    deadline_s = time.monotonic() + READY_S
    async with httpx.AsyncClient(base_url=address, timeout=5.0, trust_env=False) as client:
        while time.monotonic() < deadline_s:
            try:
                if (await client.get(path)).status_code == httpx.codes.OK:
                    return True
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_POLL_S)
    return False
