"""Opens the listening sockets before anything else is started; the processes inherit them.

All HTTP processes share one socket: a port in use is one clear error at the start, and while a process is replaced new
connections wait in the backlog instead of being refused.
"""

import errno
import os
import socket

from auction.settings import SettingsError

BACKLOG = 4096
"""Connections that may wait to be accepted."""
_PORTS_TRIED_MAX = 20


def listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A listening socket on that address. Raises SettingsError; `option` is the one that its sentence names."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise SettingsError(
            f"the host {host!r} cannot be listened on ({error.strerror}): --host and AUCTION_HTTP_HOST take a name or "
            "an address of this machine, such as 127.0.0.1"
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # without it a second bind to the same port would succeed
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(_refusal(host, port, error, option)) from None
    return listener


def reserve_port(host: str, port: int) -> socket.socket:
    """Reserve an address for live gateways, which each listen there on a socket of their own.

    The socket returned does not listen; while it is open, no other program can have the port. Raises SettingsError.
    """
    with listen(host, port, option="--live-port"):
        # nothing listens there: gateways of another installation would share the port with ours
        pass
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    reservation = socket.socket(family, kind, protocol)
    try:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reservation.bind(address)
    except OSError as error:
        reservation.close()
        raise SettingsError(_refusal(host, port, error, "--live-port")) from None
    return reservation


def _refusal(host: str, port: int, error: OSError, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        free = free_port_above(host, port)
        return (
            f"port {port} on {host} is in use: stop what listens there, or choose another port with {option}"
            f"{f' ({free} is free)' if free else ''}"
        )
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port} of {host}: choose a port above 1023 with {option}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: --host and AUCTION_HTTP_HOST take one, such as 127.0.0.1"
    return f"port {port} on {host} cannot be listened on ({os.strerror(error.errno or 0)})"


def free_port_above(host: str, port: int) -> int | None:
    """The next free port above `port`, of the first _PORTS_TRIED_MAX; None where all are in use."""
    for candidate in range(port + 1, min(port + _PORTS_TRIED_MAX, 65_535) + 1):
        try:
            with socket.create_server((host, candidate)):
                return candidate
        except OSError:
            continue
    return None


def local_address(host: str, port: int) -> str:
    """The `http://` address at which this machine reaches a listening host; a wildcard becomes loopback."""
    reachable = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
