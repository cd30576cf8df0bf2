"""The roles of accounts and tokens; light to import, as the command line's help needs it."""

from enum import StrEnum


class Role(StrEnum):
    """What a token allows."""

    BIDDER = "bidder"
    OPS = "ops"
    FINANCE = "finance"
    AUDITOR = "auditor"


STAFF = (Role.OPS, Role.FINANCE, Role.AUDITOR)
