"""`auction migrate`: brings the books' tables to the version this code expects."""

from auction.books import migrate as migrations
from auction.bootstrap import running_servers
from auction.console.output import Json, out, print_json
from auction.settings import load_settings


def migrate(*, as_json: Json = False) -> None:
    """Bring the books to the latest migration."""
    with running_servers(load_settings()) as settings:
        before = migrations.current(str(settings.database_url))
        migrations.upgrade(str(settings.database_url))
    after = migrations.head()
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        out.print(f"The books are at migration {after} already.")
    else:
        out.print(f"The books were at migration {before or 'none'} and are at {after} now.")
