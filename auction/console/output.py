"""Terminal output of commands: results on standard output, errors and progress on standard error."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]


def print_error(sentence: str) -> None:
    """Print an error for people on standard error; bytes of an argument that are not UTF-8 are escaped."""
    err.print("[bold red]error:[/] ", end="")
    err.print(sentence.encode("utf-8", "backslashreplace").decode(), markup=False)


def print_json(result: Any) -> None:
    """Print a result for programs on standard output, as one JSON document."""
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
