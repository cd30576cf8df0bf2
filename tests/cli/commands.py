"""A command under test inside this process: quicker than a process of its own, with the same output and exit code."""

import asyncio
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any
from unittest.mock import patch

from auction.cli import main


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


def auction(*words: str) -> Said:
    """Run `auction ...` to its end, without a running event loop."""
    out, err = StringIO(), StringIO()
    with patch.object(sys, "argv", ["auction", *words]), redirect_stdout(out), redirect_stderr(err):
        code = _exit_code()
    return Said(code, out.getvalue(), err.getvalue())


async def auction_aside(*words: str) -> Said:
    """The same for tests that have an event loop."""
    return await asyncio.to_thread(auction, *words)


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
