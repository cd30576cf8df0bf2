"""`auction --help` is quick and complete: it imports nothing that only a command needs, and cuts no sentence off."""

import subprocess
import sys

import pytest

from tests.cli.commands import auction

COMMANDS = (
    "demo",
    "serve",
    "migrate",
    "account",
    "token",
    "replay",
    "tape",
    "verify",
    "backup",
    "restore",
    "doctor",
    "bench",
    "accounts",
    "keys",
    "scenario",
)
HEAVY = ("alembic", "asyncio", "asyncpg", "fastapi", "httpx", "joserfc", "pydantic", "redis", "sqlalchemy", "stripe")


def test_help_imports_nothing_that_only_a_command_needs():
    program = f"import auction.cli, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_lists_every_command_in_whole_sentences(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = auction("--help")
    assert said.code == 0
    listed = said.out.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in listed if line.strip()] == list(COMMANDS)
    assert "..." not in "".join(listed)


@pytest.mark.parametrize(
    "words",
    [(command,) for command in COMMANDS]
    + [
        ("scenario", "no-show"),
        *(("accounts", name) for name in ("reset-factor", "disable", "enable", "set-role", "set-password")),
        ("keys", "list"),
        ("keys", "rotate"),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(words):
    said = auction(*words, "--help")
    assert said.code == 0, said
    assert f"{' '.join(words)} [OPTIONS]" in said.out
