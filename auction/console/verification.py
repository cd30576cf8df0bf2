"""What `auction verify` does, and how a verdict is printed: as plain data for `--json`, and for people."""

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path

from auction.bootstrap import open_context
from auction.console.output import out
from auction.domain.proof import PROMISES
from auction.services.verification.audit_log import AuditVerdict, check_audit_log
from auction.services.verification.money_checks import MoneyCheck, check_money
from auction.services.verification.verdicts import Verdict, verify_all, verify_lot, verify_sale
from auction.settings import Settings
from auction.signing.audit_head import HeadMalformed, PublishedHead
from auction.signing.public_keys import PublicKeys

Found = tuple[Verdict, list[MoneyCheck], AuditVerdict]


def read_heads(file: Path, keys_file: Path | None) -> list[PublishedHead]:
    """Heads of the audit log that were kept, one a line. Raises OSError, HeadMalformed, KeysMalformed."""
    heads = [PublishedHead.parse(line) for line in file.read_bytes().splitlines() if line.strip()]
    if not heads:
        raise HeadMalformed("it holds no head of an audit log")
    keys = None if keys_file is None else PublicKeys.parse(keys_file.read_bytes())
    for head in heads:
        if keys is not None and not head.is_signed(keys):
            raise HeadMalformed(f"the head of {head.rows} rows was not signed with any of these keys")
    return heads


def verify(settings: Settings, *, lot: str | None, sale: str | None, heads: Sequence[PublishedHead] = ()) -> Found:
    """Check the record of a lot, a sale or everything, and in the whole database money and the audit log.

    Raises NotFound, LedgerAway, BooksAway.
    """
    return asyncio.run(_verify(settings, lot, sale, heads))


async def _verify(settings: Settings, lot: str | None, sale: str | None, heads: Sequence[PublishedHead]) -> Found:
    # nothing is signed here, no money moves, and what is wrong with the ledger is to be seen
    async with open_context(settings, secret=secrets.token_hex(32), with_payments=False, for_checks=True) as context:
        if lot is not None:
            verdict = await verify_lot(context, lot)
        else:
            verdict = await (verify_sale(context, sale) if sale is not None else verify_all(context))
        return verdict, await check_money(context), await check_audit_log(context.books, heads)


def all_hold(verdict: Verdict, money: Sequence[MoneyCheck], audit: AuditVerdict) -> bool:
    """Whether no promise and no rule of money is broken, and the audit log is as it was written."""
    return not verdict.breaches and not any(rule.broken for rule in money) and not audit.broken


def as_mapping(verdict: Verdict, money: Sequence[MoneyCheck], audit: AuditVerdict) -> dict[str, object]:
    """The verdict as `--json` prints it."""
    return {
        "ok": all_hold(verdict, money, audit),
        "lots": verdict.lots,
        "events": verdict.events,
        "bids": verdict.bids,
        "breaches": [
            {
                "lot_id": breach.lot_id,
                "promise": breach.promise,
                "name": PROMISES[breach.promise],
                "seq": breach.seq,
                "what": breach.what,
            }
            for breach in verdict.breaches
        ],
        "money": money_as_mapping(money),
        "audit": {
            "rows": audit.rows,
            "sha256": audit.sha256,
            "waiting": audit.waiting,
            "broken": list(audit.broken),
        },
        "seconds": round(verdict.seconds, 3),
    }


def money_as_mapping(money: Sequence[MoneyCheck]) -> dict[str, object]:
    """The rules of money as `--json` prints them: how many hold, and where the others are broken."""
    return {
        "rules": len(money),
        "held": sum(not rule.broken for rule in money),
        "broken": [{"name": rule.name, "rule": rule.rule, "what": list(rule.broken)} for rule in money if rule.broken],
    }


def money_line(money: Sequence[MoneyCheck]) -> str:
    """The result of checking the rules of money, in one line."""
    broken = [rule for rule in money if rule.broken]
    if not broken:
        return f"All {len(money)} rules of money hold"
    first = broken[0]
    return f"{len(broken)} of {len(money)} rules of money are broken; first {first.name}: {first.broken[0]}"


def print_verdict(verdict: Verdict) -> None:
    """Print each breach, then one line about everything that was checked."""
    for breach in verdict.breaches:
        out.print(f"[bold red]broken[/]  lot {breach.lot_id}, seq {breach.seq}: ", end="")
        out.print(f"promise {breach.promise} ({PROMISES[breach.promise]}): {breach.what}", markup=False)
    checked = f"{verdict.lots:,} lots, {verdict.events:,} events, {verdict.bids:,} bids in {verdict.seconds:.2f} s"
    if verdict.breaches:
        out.print(f"[bold red]{len(verdict.breaches)} of {verdict.lots:,} lots break a promise[/] ({checked})")
    else:
        kept = ", ".join(f"{number} {name}" for number, name in PROMISES.items())
        out.print(f"[bold green]All promises held[/] ({kept}): {checked}")


def print_money(money: Sequence[MoneyCheck]) -> None:
    """Print each violation of a rule of money, then one line about all rules."""
    for rule in money:
        for sentence in rule.broken:
            out.print("[bold red]broken[/]  ", end="")
            out.print(f"rule of money {rule.name}: {sentence}", markup=False)
    broken = any(rule.broken for rule in money)
    out.print(money_line(money), style="bold red" if broken else "bold green", markup=False)


def print_audit(audit: AuditVerdict) -> None:
    """Print what is wrong with the audit log, then one line about it."""
    for sentence in audit.broken:
        out.print("[bold red]broken[/]  ", end="")
        out.print(f"audit log: {sentence}", markup=False)
    out.print(audit.sentence(), style="bold red" if audit.broken else "bold green", markup=False)
