"""The command line: `auction ...`. Each command is a file; this one gathers them and speaks for their errors."""

import sys

import typer

from auction.cli.account import account
from auction.cli.bench import bench
from auction.cli.demo import demo
from auction.cli.doctor import doctor
from auction.cli.migrate import migrate
from auction.cli.replay import replay
from auction.cli.scenario import scenario
from auction.cli.serve import serve
from auction.cli.token import token
from auction.cli.verify import verify
from auction.console.output import complain
from auction.domain.errors import AuctionError
from auction.embedded import EmbeddedError
from auction.replay.csv_import import RecordingInvalid
from auction.settings import SettingsError

app = typer.Typer(
    name="auction",
    help="A flash-auction engine: takes the storm of bids, shows everyone the true price, handles the no-show.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(demo)
app.command()(serve)
app.command()(migrate)
app.command()(account)
app.command()(token)
app.command()(replay)
app.command()(verify)
app.command()(doctor)
app.command()(bench)
app.add_typer(scenario, name="scenario")


def main() -> None:
    """Run a command; what the house refuses is one sentence on standard error and exit code 1."""
    try:
        app()
    except (AuctionError, EmbeddedError, RecordingInvalid, SettingsError) as error:
        complain(str(error))
        sys.exit(1)
