"""What `auction serve` says about settings that give up safety."""

import os
from typing import Any

import pytest

from auction.console.unsafe_settings import NO_LIMIT, unsafe_settings
from auction.settings import load_settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults, without what the other tests run under."""
    for variable in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(variable)


def named(**given: Any) -> set[str]:
    settings = load_settings(**given)
    return {variable.removeprefix("AUCTION_").lower() for variable, _ in unsafe_settings(settings)}


def test_the_defaults_are_safe():
    assert named() == set()


@pytest.mark.parametrize(
    "given, expected",
    [
        *(({name: 0}, {name}) for name in NO_LIMIT),
        ({"accept_unsafe_ledger": True}, {"accept_unsafe_ledger"}),
        ({"two_persons": False}, {"two_persons"}),
        ({"second_factor": False}, {"second_factor"}),
        ({"payment_provider": "sandbox"}, {"payment_provider"}),
        ({"token_lifetime_s": 86_401}, {"token_lifetime_s"}),
        ({"trusted_proxies": "0.0.0.0/0"}, {"trusted_proxies"}),
        ({"trusted_proxies": "::/0"}, {"trusted_proxies"}),
        ({"trusted_proxies": "10.0.0.0/8"}, set()),
        ({"http_host": "0.0.0.0"}, {"http_host", "docs"}),  # noqa: S104 - not listened on
        ({"http_host": "0.0.0.0", "docs": False}, {"http_host"}),  # noqa: S104 - not listened on
        ({"http_host": "::1"}, set()),
    ],
    # a set is written in another order in each process
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
def test_each_setting_that_gives_up_safety_is_named(given: dict[str, Any], expected: set[str]):
    assert named(**given) == expected
