"""`python -m auction.cli`: the same as the `auction` command."""

from auction.cli import main

if __name__ == "__main__":
    main()
