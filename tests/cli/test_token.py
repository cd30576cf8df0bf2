"""`auction token`: one signed token, alone on standard output; nothing there where none can be given."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auction.services.identity.tokens import Role, TokenKeys
from tests.cli.commands import auction

SECRET = "a secret of the command line, long enough"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret, and nothing else; servers that are not there are not missed."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUCTION_SECRET_KEY", SECRET)


@pytest.mark.parametrize("role", list(Role))
def test_it_is_alone_on_standard_output_and_its_signature_is_valid(role):
    said = auction("token", "--subject", "olga", "--role", role, "--name", "Olga 王")
    assert (said.code, said.err) == (0, "")
    assert said.out.count("\n") == 1
    identity = TokenKeys(SECRET).verify(said.out.strip(), time.time())
    assert (identity.subject, identity.name, identity.role) == ("olga", "Olga 王", role)


def test_without_a_name_the_subject_serves():
    said = auction("token", "--subject", "ada", "--role", "bidder")
    assert TokenKeys(SECRET).verify(said.out.strip(), time.time()).name == "ada"


def test_it_lives_as_long_as_the_settings_say(monkeypatch):
    monkeypatch.setenv("AUCTION_TOKEN_LIFETIME_S", "600")
    before_s = int(time.time())
    said = auction("token", "--subject", "ada", "--role", "bidder")
    identity = TokenKeys(SECRET).verify(said.out.strip(), time.time())
    assert before_s + 600 <= identity.expires_at_s <= int(time.time()) + 600


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("--subject", "", "--role", "bidder"), "subject (sub) must be 1 to 64 visible ASCII characters"),
        (("--subject", "a b", "--role", "bidder"), "subject (sub) must be 1 to 64 visible ASCII characters"),
        (("--subject", "a" * 65, "--role", "bidder"), "subject (sub) must be 1 to 64 visible ASCII characters"),
        (("--subject", "ada", "--role", "bidder", "--name", "a\nb"), "name must not contain U+000A"),
        (("--subject", "ada", "--role", "bidder", "--name", "安\u3000娜"), "U+3000 (IDEOGRAPHIC SPACE)"),
        (("--subject", "ada", "--role", "bidder", "--name", "a\u202eb"), "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        (("--subject", "ada", "--role", "bidder", "--name", "\udcff"), "U+DCFF"),
        (("--subject", "ada", "--role", "bidder", "--name", "x" * 101), "name must have at most 100 characters"),
        (("--subject", "ada", "--role", "queen"), "queen"),
        (("--subject", "ada"), "--role"),
        (("--role", "bidder"), "--subject"),
    ],
)
def test_what_no_token_can_say_is_refused_and_nothing_printed(words, complaint):
    said = auction("token", *words)
    assert (said.code, said.out) == (2, "")
    assert complaint in said.err


def test_without_a_secret_there_is_no_token(monkeypatch):
    monkeypatch.delenv("AUCTION_SECRET_KEY")
    said = auction("token", "--subject", "ada", "--role", "bidder")
    assert (said.code, said.out) == (1, "")
    assert "AUCTION_SECRET_KEY must be set" in said.err


def test_a_secret_that_is_too_short_is_not_repeated(monkeypatch):
    monkeypatch.setenv("AUCTION_SECRET_KEY", "open sesame")
    said = auction("token", "--subject", "ada", "--role", "bidder")
    assert (said.code, said.out) == (1, "")
    assert "AUCTION_SECRET_KEY must be a secret of at least 32 characters, got 11 characters" in said.err
    assert "sesame" not in said.err


def test_a_shell_can_take_it_as_it_is():
    command = [sys.executable, "-m", "auction.cli", "token", "--subject", "ada", "--role", "bidder"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert TokenKeys(SECRET).verify(done.stdout.removesuffix("\n"), time.time()).subject == "ada"
