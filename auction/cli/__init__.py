"""The command line, `auction ...`: one module for each command, gathered here; expected errors become one sentence.

A command imports what it runs when it runs: `auction --help` and the shell's completion load none of it.
"""

import gc
import sys

import typer

from auction.cli.account import account
from auction.cli.accounts import accounts
from auction.cli.backup import backup
from auction.cli.bench import bench
from auction.cli.demo import demo
from auction.cli.doctor import doctor
from auction.cli.keys import keys
from auction.cli.migrate import migrate
from auction.cli.replay import replay
from auction.cli.restore import restore
from auction.cli.scenario import scenario
from auction.cli.serve import serve
from auction.cli.tape import tape
from auction.cli.token import token
from auction.cli.verify import verify
from auction.console.output import print_error
from auction.console.termination import sigterm_as_interrupt

GC_NEW_OBJECTS = 50_000
"""So many new objects start a collection."""

app = typer.Typer(
    name="auction",
    help="A flash-auction engine: records every bid in order, shows the current price live, and settles no-shows.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # plain help: rich's costs more time than everything else that `auction --help` does
    rich_markup_mode=None,
    add_completion=False,
)
app.command()(demo)
app.command()(serve)
app.command()(migrate)
app.command()(account)
app.command()(token)
app.command()(replay)
app.command()(tape)
app.command()(verify)
app.command()(backup)
app.command()(restore)
app.command()(doctor)
app.command()(bench)
app.add_typer(accounts, name="accounts")
app.add_typer(keys, name="keys")
app.add_typer(scenario, name="scenario")


def main() -> None:
    """Run a command; an expected error becomes one sentence on standard error and exit code 1."""
    # most of what a command creates are its imports, which stay: to collect among them takes a fifth of its time
    gc.set_threshold(GC_NEW_OBJECTS)
    try:
        with sigterm_as_interrupt():
            app()
    except Exception as error:
        if not isinstance(error, _expected_errors()):
            raise
        print_error(str(error))
        sys.exit(1)


def _expected_errors() -> tuple[type[Exception], ...]:
    """The errors whose text is a sentence for people."""
    from auction.backups.errors import BackupError
    from auction.domain.errors import AuctionError
    from auction.embedded import EmbeddedError
    from auction.replay.csv_import import RecordingInvalid
    from auction.replay.tape import TapeDiffers, TapeInvalid
    from auction.settings import SettingsError
    from auction.signing.key_files import KeyFileError

    servers = (AuctionError, BackupError, EmbeddedError, KeyFileError, SettingsError)
    return *servers, RecordingInvalid, TapeDiffers, TapeInvalid
