"""Unit tests run on rules alone: no server, no network."""

import socket
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test that opens a connection is in the wrong folder."""

    def refuse(*args: object) -> NoReturn:
        raise AssertionError(f"a unit test tried to connect: {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
