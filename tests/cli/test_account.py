"""`auction account`: who may sign in, under names that every other part of the system accepts."""

import os
from io import StringIO
from pathlib import Path

import httpx
import pytest
from pyotp import TOTP

from api.app import create_app
from api.http.config import ApiConfig
from auction.books import audit
from auction.bootstrap import open_context
from auction.domain.errors import RequestRefused
from auction.services.identity import accounts, second_factor
from auction.settings import load_settings
from tests.cli.commands import auction, auction_aside

SECRET = "a secret of the command line, long enough"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUCTION_SECRET_KEY", SECRET)


@pytest.fixture
def servers(valkey_url: str, redis: object, books_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers of the tests, for the command."""
    monkeypatch.setenv("AUCTION_REDIS_URL", valkey_url)
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url)


@pytest.mark.parametrize(
    "name, complaint",
    [
        ("安\u3000娜", "--name must not contain U+3000 (IDEOGRAPHIC SPACE)"),
        ("A\xa0B", "--name must not contain U+00A0 (NO-BREAK SPACE)"),
        ("A\u200dB", "--name must not contain U+200D (ZERO WIDTH JOINER)"),
        ("A\u202eB", "--name must not contain U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        ("A\tB", "--name must not contain U+0009"),
        ("A\udcffB", "--name must not contain U+DCFF"),
        ("   ", "--name must hold more than blanks"),
        ("x" * 101, "--name must have at most 100 characters"),
    ],
    ids=["ideographic", "no-break", "joiner", "bidi", "tab", "no-utf-8", "blank", "long"],
)
def test_a_name_that_no_text_may_be_is_refused_before_anything_is_started(name, complaint):
    said = auction("account", "--username", "olga", "--role", "ops", "--name", name, "--password-stdin")

    assert (said.code, said.out) == (2, "")
    assert complaint in said.err


async def test_whoever_gets_an_account_signs_in_under_the_name_it_was_given(servers, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))

    said = await auction_aside(
        "account", "--username", "Olga", "--role", "ops", "--name", "Rene\u0301 王", "--password-stdin", "--json"
    )

    assert (said.code, said.json()["name"]) == (0, "Ren\xe9 王"), said.err
    monkeypatch.setenv("AUCTION_SECOND_FACTOR", "0")
    async with open_context(load_settings(data_dir=tmp_path), with_payments=False) as context:
        transport = httpx.ASGITransport(app=create_app(context, ApiConfig(secret=SECRET)))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
            answer = await http.post("/api/v1/auth/session", json={"username": "olga", "password": PASSWORD})
    assert answer.json()["identity"]["name"] == "Ren\xe9 王"
    assert answer.json()["identity"]["role"] == "ops"


async def test_a_user_name_that_is_none_is_one_sentence(servers, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))

    said = await auction_aside("account", "--username", "ol\u202ega", "--role", "ops", "--password-stdin")

    assert (said.code, said.out) == (1, "")
    assert "A user name is 3 to 32 letters" in said.err


async def test_an_authenticator_is_reset_on_the_command_line_with_a_reason(servers, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))
    await auction_aside("account", "--username", "olga", "--role", "ops", "--password-stdin")
    reset = ("accounts", "reset-factor", "--username", "Olga", "--reason")
    assert "has no authenticator" in (await auction_aside(*reset, "a lost phone")).out
    async with open_context(load_settings(data_dir=tmp_path), with_payments=False) as context:
        known = await accounts.authenticate(context, username="olga", password=PASSWORD)
        secret = (await second_factor.begin_enrolment(context, known, "")).secret
        await second_factor.confirm_enrolment(context, known, TOTP(secret).now())

        said = await auction_aside(*reset, "a lost phone", "--json")

        assert (said.code, said.json()) == (0, {"username": "Olga", "reset": True}), said.err
        with pytest.raises(RequestRefused, match="needs an authenticator"):
            await second_factor.check_sign_in(context, known, TOTP(secret).now())
        async with context.books.reading() as tx:
            (last, *_) = await audit.staff_actions_of(tx)
    assert (last.actor, last.action, last.reason) == ("command-line", "reset-second-factor", "a lost phone")
    nobody = await auction_aside("accounts", "reset-factor", "--username", "nobody", "--reason", "a lost phone")
    assert (nobody.code, nobody.out) == (1, "")
    assert "no account with the user name nobody" in nobody.err
    blank = await auction_aside(*reset, " ")
    assert (blank.code, blank.out) == (2, "")


async def test_an_account_is_changed_on_the_command_line_with_a_reason(servers, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))
    await auction_aside("account", "--username", "olga", "--role", "ops", "--password-stdin")
    who = ("--username", "olga", "--reason", "leaves the house")
    for name, more in (("disable", ()), ("enable", ()), ("set-role", ("--role", "auditor"))):
        said = await auction_aside("accounts", name, *who, *more, "--json")
        assert (said.code, said.json()) == (0, {"username": "olga", "changed": True}), said.err
    monkeypatch.setattr("sys.stdin", StringIO("short\n"))
    refused = await auction_aside("accounts", "set-password", *who, "--password-stdin")
    assert (refused.code, "10 to 200 characters" in refused.err) == (1, True)
    monkeypatch.setattr("sys.stdin", StringIO("another password\n"))
    said = await auction_aside("accounts", "set-password", *who, "--password-stdin")
    assert "olga has a new password" in said.out
    async with open_context(load_settings(data_dir=tmp_path), with_payments=False) as context:
        known = await accounts.authenticate(context, username="olga", password="another password")
        async with context.books.reading() as tx:
            found = [(one.actor, one.action, one.reason) for one in await audit.staff_actions_of(tx)]
    assert (known.role, known.version) == ("auditor", 5)
    names = ("change-password", "change-role", "enable-account", "disable-account")
    assert found == [("command-line", name, "leaves the house") for name in names]
