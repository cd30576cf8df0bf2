"""`python -m loadtests`: bidders and watchers against a server of its own, then `auction verify` (`make load`)."""

import sys

from loadtests.run import main

if __name__ == "__main__":
    sys.exit(main())
