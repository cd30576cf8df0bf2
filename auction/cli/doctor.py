"""`auction doctor`: checks servers, versions, persistence, clocks, migrations and disk, and says what to do."""

import typer

from auction.console.output import Json, print_json


def doctor(*, as_json: Json = False) -> None:
    """Check the servers and settings that a sale depends on.

    Versions, persistence, clocks, migrations, what a loss has stopped, payments and free disk space; exit code 1 if any
    check is bad.
    """
    from auction.console.diagnostics import FindingState, print_findings, run_checks
    from auction.servers import running_servers
    from auction.settings import load_settings

    with running_servers(load_settings()) as settings:
        findings = run_checks(settings)
    is_bad = any(finding.state is FindingState.BAD for finding in findings)
    if as_json:
        print_json({"ok": not is_bad, "findings": [finding.as_mapping() for finding in findings]})
    else:
        print_findings(findings)
    if is_bad:
        raise typer.Exit(1)
