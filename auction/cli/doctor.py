"""`auction doctor`: asks everything the house depends on how it is, and says what to do about what is wrong."""

import typer

from auction.bootstrap import running_servers
from auction.console.diagnostics import CHECKS, Finding, FindingState
from auction.console.output import Json, out, print_json
from auction.settings import load_settings

MARKS = {
    FindingState.GOOD: "[green]good[/]",
    FindingState.WARN: "[yellow]warn[/]",
    FindingState.BAD: "[bold red]bad [/]",
}


def doctor(*, as_json: Json = False) -> None:
    """Check servers, versions, persistence, clocks, migrations, disk; exit code 1 where something is bad."""
    with running_servers(load_settings()) as settings:
        findings: list[Finding] = []
        for check in CHECKS:
            findings.extend(check(settings))
    bad = any(finding.state is FindingState.BAD for finding in findings)
    if as_json:
        print_json({"ok": not bad, "findings": [finding.as_mapping() for finding in findings]})
    else:
        _print(findings, bad=bad)
    if bad:
        raise typer.Exit(1)


def _print(findings: list[Finding], *, bad: bool) -> None:
    for finding in findings:
        out.print(f"{MARKS[finding.state]}  [bold]{finding.about}[/]: ", end="")
        out.print(finding.found, markup=False)
        if finding.advice:
            out.print(f"      {finding.advice}", markup=False)
    out.print("\n[bold red]Do not open a lot like this.[/]" if bad else "\n[bold green]Fit for a sale.[/]")
