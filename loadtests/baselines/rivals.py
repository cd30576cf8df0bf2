"""The rivals of the bid endpoint by name: what a house would build first, each doing as much for a bid."""

from loadtests.baselines.bid_api import OpenStore
from loadtests.baselines.log_file import open_log_file
from loadtests.baselines.postgres import open_one_statement, open_select_for_update
from loadtests.baselines.redis_lot import open_one_script, open_watch_multi

RIVALS: dict[str, OpenStore] = {
    "one-statement": open_one_statement,
    "select-for-update": open_select_for_update,
    "watch-multi": open_watch_multi,
    "one-script": open_one_script,
    "log-file": open_log_file,
}
