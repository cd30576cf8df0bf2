"""What can be wrong with terms: one row a code, with the English sentence that its facts fill in.

`terms` and `terms_reader` return contradictions as values; the API and the command line make sentences of them
(`Contradiction.sentence`), pages make their own in both languages from the code and its facts (`ops.wrong.<code>`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ContradictionCode(StrEnum):
    """What is wrong, as a stable code; `template` is the sentence, with the names of its facts in braces."""

    template: str

    def __new__(cls, code: str, template: str) -> Self:
        """A member from its row."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.template = template
        return member

    # one field, while it is read
    MISSING = "missing", "{field} is missing"
    NOT_IN_RANGE = "not-in-range", "{field} must be a whole number from {least} to {most}, got {given}"
    NOT_A_CHOICE = "not-a-choice", "{field} must be {count} {allowed}, got {given}"
    NOT_A_BOOLEAN = "not-a-boolean", "{field} must be true or false, got {given}"
    NOT_A_TABLE = "not-a-table", "{field} must be a table of fields, got {given}"
    NOT_A_LIST = "not-a-list", "{field} must be a list of {least} to {most} tables, got {given}"
    UNKNOWN_FIELD = "unknown-field", "{field} is not a known field; known here: {known}"
    JUMP_EMPTY = "jump-empty", "{field} must give at least one of steps, percent, fen (or be null)"
    # prices and times
    RESERVE_UNDER_START = (
        "reserve-under-start",
        "reserve_fen {reserve_fen} is under start_price_fen {start_fen}; give a reserve of at least the start, or null",
    )
    CAP_UNDER_START = "cap-under-start", "cap_fen {cap_fen} is under start_price_fen {start_fen}; no bid could be made"
    CAP_UNDER_RESERVE = (
        "cap-under-reserve",
        "cap_fen {cap_fen} is under reserve_fen {reserve_fen}; the lot could never sell",
    )
    REVIEW_UNDER_START = (
        "review-under-start",
        "review_above_fen {review_fen} is under start_price_fen {start_fen}; every bid would be held",
    )
    REVIEW_ABOVE_CAP = (
        "review-above-cap",
        "review_above_fen {review_fen} is above cap_fen {cap_fen}; no bid could reach it",
    )
    HARD_STOP_UNDER_EXTENSION = (
        "hard-stop-under-extension",
        (
            "soft_close.hard_stop_ms {hard_stop_ms} is under soft_close.extension_ms {extension_ms}; "
            "no late bid could have its full extension"
        ),
    )
    # increments and jumps
    INCREMENTS_GAP = (
        "increments-gap",
        (
            "increments leave a gap: the first begins at {from_fen}, above start_price_fen {start_fen}; "
            "begin it at the start or below"
        ),
    )
    INCREMENTS_FALL = "increments-fall", "increments must rise: from_fen {from_fen} follows {previous_fen}"
    JUMP_IN_PROXY = (
        "jump-in-proxy",
        "max_jump applies to direct bidding only; a proxy bid is a maximum, not a price",
    )
    AUTO_BIDS_IN_PROXY = (
        "auto-bids-in-proxy",
        "auto_bids applies to direct bidding only; a proxy bid is a maximum already",
    )
    JUMP_TOO_SMALL = (
        "jump-too-small",
        "max_jump allows {allowed_fen} at {price_fen}, less than the increment {step_fen}; no bid could be made",
    )
    # deposits
    BANDS_DEPOSIT_FALLS = (
        "bands-deposit-falls",
        "deposit.bands must rise: deposit_fen {deposit_fen} follows {previous_fen}",
    )
    BANDS_LIMIT_FALLS = "bands-limit-falls", "deposit.bands must rise: limit_fen {limit_fen} follows {previous_fen}"
    BANDS_OPEN_EARLY = "bands-open-early", "only the last of deposit.bands may have no limit_fen"
    BANDS_UNDER_START = (
        "bands-under-start",
        "the first deposit band allows bids up to {limit_fen}, under start_price_fen {start_fen}",
    )
    # settlement
    PERCENT_ALONE = (
        "percent-alone",
        "settlement.percent_bps goes with default_liability 'percent', and only with it",
    )
    WATERFALL_NOT_EACH_ONCE = (
        "waterfall-not-each-once",
        "settlement.waterfall must name {allowed}, each once; got {given}",
    )
    RESALE_UNDER_PAYMENT = (
        "resale-under-payment",
        (
            "settlement.resale_window_ms {resale_ms} is under settlement.payment_window_ms {payment_ms}; "
            "a resale could be paid in its window and still come too late"
        ),
    )
    RESALE_UNDER_CASCADE = (
        "resale-under-cascade",
        (
            "settlement.resale_window_ms {resale_ms} is under {cascade_ms}, the grace and the time of {depth} "
            "runners-up to answer and to pay; an offer could be paid and count for nothing"
        ),
    )
    FLOOR_ABOVE_CAP = (
        "floor-above-cap",
        "settlement.cascade.floor_fen {floor_fen} is above cap_fen {cap_fen}; no runner-up could be asked",
    )
    CLEAN_WITHOUT_FLOOR = (
        "clean-without-floor",
        (
            "settlement.cascade.floor_fen is needed with the price 'clean'; without it the lot might be offered for "
            "next to nothing"
        ),
    )


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One thing wrong with terms: the path of the field to correct, a code, and the facts of that code.

    Facts are numbers in the unit of their name (`_fen`, `_ms`), or short texts.
    """

    field: str
    code: ContradictionCode
    facts: Mapping[str, int | str]

    def sentence(self) -> str:
        """The contradiction in English, with the field and what is allowed."""
        return self.code.template.format(field=self.field, **self.facts)
