"""The checks of a lot's keys in the ledger that need no server: what a paused lot says of its cause."""

import pytest

from auction.domain.events import Interrupted, Opened, Paused, Scheduled
from auction.domain.lot import Lot, apply
from auction.domain.proof import LotProof, RuleBroken
from auction.ledger.stored_lot import StoredLot
from auction.ledger.terms_codec import pack_terms
from auction.services.verification.record_checks import LotCheck
from auction.services.verification.state_checks import _fields_of, check_state
from tests.unit.examples import terms


def checked(event: Paused | Interrupted, cause: bytes | None) -> None:
    """Check a lot that the event paused, and that has that cause in the ledger (None: none)."""
    lot = Lot(terms())
    for before in (Scheduled(lot.terms.sha256(), 10, 90, 0), Opened(90, 0, "eve"), event):
        lot = apply(lot, before, 50)
    check = LotCheck("launch-001", LotProof(lot.terms))
    check.proof.lot = lot
    fields = {name: value.encode() for name, value in _fields_of(lot, check.chain).items()}
    fields["terms"] = pack_terms(lot.terms)
    check_state(check, StoredLot(fields if cause is None else {**fields, "pause_cause": cause}, None))


def test_a_pause_has_the_cause_that_its_record_says() -> None:
    outage, staff = Interrupted(40, 20, 50, 80), Paused(40, "a look", "eve")
    for event, cause in ((outage, b"outage"), (staff, b"staff"), (outage, None)):
        checked(event, cause)
    for event, cause in ((outage, b"staff"), (staff, b"outage")):
        with pytest.raises(RuleBroken, match="cause"):
            checked(event, cause)
