"""Claims the port that the house is reached at, before anything is started; its processes inherit the socket.

One socket for all HTTP processes: a taken port is one clear error at the start, and while a process is replaced its
visitors wait in the queue instead of being turned away.
"""

import errno
import os
import socket

from auction.settings import SettingsError

BACKLOG = 4096
"""Connections that may wait to be accepted: a storm arrives at once."""
_LOOKED_AT_PORTS = 20


def claim(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A listening socket on that address. SettingsError: one sentence where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise SettingsError(
            f"the host {host!r} cannot be listened on ({error.strerror}): --host and AUCTION_HTTP_HOST take a name or "
            "an address of this machine"
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # without it a second claim of the same port would succeed
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(_why_not(host, port, error, option)) from None
    return listener


def reserve(host: str, port: int) -> socket.socket:
    """That address for live gateways, who listen there each on a socket of its own while this one, which does not
    listen, keeps it from others. SettingsError: one sentence where it cannot be had.
    """
    with claim(host, port, option="--live-port"):
        # nobody listens there: gateways of another house would let ours in beside them
        pass
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    kept = socket.socket(family, kind, protocol)
    try:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind(address)
    except OSError as error:
        kept.close()
        raise SettingsError(_why_not(host, port, error, "--live-port")) from None
    return kept


def _why_not(host: str, port: int, error: OSError, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        free = free_port_above(host, port)
        return (
            f"port {port} on {host} is taken: stop what listens there, or choose another with {option}"
            f"{f' ({free} is free)' if free else ''}"
        )
    if error.errno == errno.EACCES:
        return f"port {port} on {host} may not be listened on by this user: choose one above 1023 with {option}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: --host and AUCTION_HTTP_HOST take one, such as 127.0.0.1"
    return f"port {port} on {host} cannot be listened on ({os.strerror(error.errno or 0)})"


def free_port_above(host: str, port: int) -> int | None:
    """The next port that nobody listens on, of the few that are looked at; None where there is none."""
    for candidate in range(port + 1, min(port + _LOOKED_AT_PORTS, 65_535) + 1):
        try:
            with socket.create_server((host, candidate)):
                return candidate
        except OSError:
            continue
    return None


def address_for_visitors(host: str, port: int) -> str:
    """The `http://` address that reaches a host from this machine, where the host says "everywhere"."""
    reachable = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
