"""How commands speak: results on standard output, complaints and progress on standard error."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]


def complain(sentence: str) -> None:
    """An error for people, on standard error."""
    err.print("[bold red]error:[/] ", end="")
    err.print(sentence, markup=False)


def print_json(result: Any) -> None:
    """A result for programs, as one JSON document."""
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
