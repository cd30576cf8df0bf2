"""What `auction scenario no-show` starts and stops: temporary servers, and the scenario once for each preset."""

from collections.abc import Sequence

from auction.console.interruptible import run_interruptible
from auction.console.output import err
from auction.logs import configure_logs
from auction.scenarios.harness import open_harness, temporary_servers
from auction.scenarios.no_show import NoShow, run_no_show, terms_of
from auction.settings import Settings

SIDE_BY_SIDE = ("jd-flash", "guarded-flash")


def run_scenario(preset: str | None, *, seed: int, bids: int, pays: bool = False) -> list[NoShow]:
    """The results under a preset, or under both of SIDE_BY_SIDE, or, where the winner pays, under the first of them.

    Raises NotFound, RequestRefused, EmbeddedError.
    """
    presets = (preset,) if preset is not None else SIDE_BY_SIDE[:1] if pays else SIDE_BY_SIDE
    for name in presets:
        # a preset that does not exist or does not fit is refused before servers are started for it
        terms_of(name)
    with err.status("starting the ledger and the database ..."), temporary_servers() as settings:
        configure_logs("error", settings.log_format)
        return run_interruptible(_run(settings, presets, seed=seed, bids=bids, pays=pays))


async def _run(settings: Settings, presets: Sequence[str], *, seed: int, bids: int, pays: bool) -> list[NoShow]:
    async with open_harness(settings) as harness:
        return [await run_no_show(harness, preset, seed=seed, bids=bids, pays=pays) for preset in presets]
