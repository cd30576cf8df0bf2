import socket

import pytest

from auction.serving.sockets import listen, local_address, reserve_port
from auction.settings import SettingsError


def test_a_port_that_is_listened_on_is_refused_to_everyone_else():
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 is in use"):
            listen("127.0.0.1", port)


def test_a_free_port_is_named_that_is_free():
    with listen("127.0.0.1", 0) as listener, pytest.raises(SettingsError) as refused:
        listen("127.0.0.1", listener.getsockname()[1])
    free = int(str(refused.value).rpartition("(")[2].split()[0])
    with socket.create_server(("127.0.0.1", free)):
        pass


def test_an_address_of_another_machine_is_refused_in_words():
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1 is not an address of this machine"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    "host, address",
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 - read, not bound
        ("::", "http://[::1]:8000"),
        ("auction.example", "http://auction.example:8000"),
    ],
)
def test_this_machine_gets_an_address_that_reaches_the_host(host, address):
    assert local_address(host, 8000) == address


def test_a_reserved_port_is_for_gateways_that_share_it_and_for_nobody_else():
    with reserve_port("127.0.0.1", 0) as reservation:
        port = reservation.getsockname()[1]
        with socket.socket() as gateway:
            gateway.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            gateway.bind(("127.0.0.1", port))
            gateway.listen()
            with pytest.raises(SettingsError, match="--live-port"):
                reserve_port("127.0.0.1", port)
            with pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 is in use"):
                listen("127.0.0.1", port)
