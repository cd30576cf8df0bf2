"""`python -m auction.workers`: the worker process, with all workers. `auction serve` starts one. Off the bid's way."""

import argparse
import asyncio
import signal
import sys

import uvloop

from auction.domain.errors import AuctionError
from auction.embedded import EmbeddedError
from auction.logs import configure_logs
from auction.servers import servers_of_process
from auction.settings import Settings, SettingsError, load_settings
from auction.startup import open_context_when_ledger_answers
from auction.workers.memory_alarm import log_memory_level
from auction.workers.runner import run_workers

STOPPING = (signal.SIGTERM, signal.SIGINT)


async def run(settings: Settings) -> None:
    """Run all workers on the servers of these settings until SIGTERM or SIGINT; waits for a ledger that is away."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stopping.set)
    async with open_context_when_ledger_answers(settings, stopping) as context:
        if context is not None:
            watch = context.ledger_memory.run(context.ledger.redis, on_change=log_memory_level)
            watching = asyncio.create_task(watch, name="watch the ledger's memory")
            try:
                await run_workers(context, stopping, keep_ms=settings.stream_keep_ms)
            finally:
                watching.cancel()
                await asyncio.wait({watching})


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped; returns 0, or 1 after one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m auction.workers", description=__doc__)
    parser.add_argument("--supervised", action="store_true", help="the embedded servers are started by a supervisor")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
        with servers_of_process(settings, supervised=given.supervised) as found:
            uvloop.run(run(found))
    except (AuctionError, EmbeddedError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
