"""`auction verify` and `auction doctor` compute the audit log's chain again, and compare it with heads that were kept."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from auction.books import audit
from auction.bootstrap import open_context
from auction.services.context import AppContext
from auction.services.verification.audit_log import published_head
from auction.settings import load_settings
from auction.workers.audit_chain import AuditChainWriter
from tests.cli.commands import auction_aside

SECRET = "a secret of the command line, long enough"


@pytest.fixture
async def context(
    valkey_url: str, redis: object, books_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AppContext]:
    """A house with three rows, whose commands find the same servers."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUCTION_REDIS_URL", valkey_url)
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url)
    monkeypatch.setenv("AUCTION_SECRET_KEY", SECRET)
    async with open_context(load_settings(payment_provider="sandbox")) as opened:
        for number in range(3):
            async with opened.books.transaction() as tx:
                await audit.record_action(tx, actor="olga", action="create-sale", reason=f"no. {number}")
        yield opened


async def tamper(context: AppContext, *statements: str) -> None:
    async with context.books.transaction() as tx:
        for statement in statements:
            await tx.session.execute(text(statement))


async def test_the_log_is_checked_by_itself_and_against_kept_heads(context: AppContext, tmp_path: Path) -> None:
    waiting = await auction_aside("verify", "--all", "--json")
    assert (waiting.code, waiting.json()["audit"]["waiting"]) == (0, 3)
    await AuditChainWriter(context.books).append()
    head = await published_head(context.books, context.house_keys)
    kept, keys = tmp_path / "heads.jsonl", tmp_path / "keys.json"
    kept.write_bytes(msgspec.json.encode(head) + b"\n\n")
    keys.write_bytes(msgspec.json.encode({"keys": context.house_keys.published()}))
    command = ("verify", "--all", "--audit-head", str(kept), "--keys", str(keys))
    good = await auction_aside(*command)
    assert (good.code, "The audit log is as it was written: 3 rows" in good.out) == (0, True), good

    await tamper(
        context,
        "ALTER TABLE staff_actions DISABLE TRIGGER USER",
        "UPDATE staff_actions SET actor = 'eve' WHERE reason = 'no. 1'",
    )
    changed = await auction_aside(*command, "--json")
    assert changed.code == 1
    assert "(position 2) was changed" in changed.json()["audit"]["broken"][0]
    sick = await auction_aside("doctor", "--json")
    assert sick.code == 1
    assert "was changed" in sick.out

    await tamper(context, "ALTER TABLE audit_chain DISABLE TRIGGER USER", "DELETE FROM audit_chain")
    await AuditChainWriter(context.books).append()
    assert (await auction_aside("verify", "--all")).code == 0
    anew = await auction_aside(*command)
    assert (anew.code, "not those that were published" in anew.out) == (1, True), anew


async def test_what_is_no_kept_head_is_said(context: AppContext, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    for content, said in (("", "holds no head"), ("{}", "is no head of an audit log")):
        heads.write_text(content)
        refused = await auction_aside("verify", "--all", "--audit-head", str(heads))
        assert (refused.code, said in refused.err) == (2, True), refused
    await AuditChainWriter(context.books).append()
    head = await published_head(context.books, context.house_keys)
    heads.write_bytes(msgspec.json.encode(msgspec.structs.replace(head, rows=2)))
    keys = tmp_path / "keys.json"
    keys.write_bytes(msgspec.json.encode({"keys": context.house_keys.published()}))
    refused = await auction_aside("verify", "--all", "--audit-head", str(heads), "--keys", str(keys))
    assert (refused.code, "was not signed with any of these keys" in refused.err) == (2, True), refused
    missing = await auction_aside("verify", "--all", "--audit-head", str(tmp_path / "none"))
    assert (missing.code, "cannot be read" in missing.err) == (2, True)
    assert (await auction_aside("verify", str(keys), "--audit-head", str(heads))).code == 2
