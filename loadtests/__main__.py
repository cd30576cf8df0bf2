"""`python -m loadtests`: a storm of bidders against a house of its own, then the record is checked (`make load`)."""

import sys

from loadtests.run import main

if __name__ == "__main__":
    sys.exit(main())
