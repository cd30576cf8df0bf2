"""Serves a rival of the bid endpoint: `python -m loadtests.baselines NAME PORT`; servers are in the environment."""

import os
import sys
from pathlib import Path

from loadtests.baselines.bid_api import Servers, serve_rival
from loadtests.baselines.rivals import RIVALS

if __name__ == "__main__":
    servers = Servers(os.environ["RIVAL_DATABASE_URL"], os.environ["RIVAL_REDIS_URL"], Path(os.environ["RIVAL_FOLDER"]))
    serve_rival(RIVALS[sys.argv[1]], servers, int(sys.argv[2]))
