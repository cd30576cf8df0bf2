"""Holds a receipt against the published record of its lot, with nothing but both and the house's public keys.

Off the bid's way; used by `auction verify FILE --receipt R`. Whatever differs is named. A bid that was voided, and the
end of seqs that a restoring left out, are in the record, and no fault of the receipt.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from auction.signing.public_keys import PublicKeys
from auction.signing.receipts import ReceiptMalformed, StatedBid

_COMPARED = ("epoch", "at_ms", "paddle", "price_fen", "leading", "ends_at_ms")


@dataclass(slots=True)
class ReceiptVerdict:
    """What a receipt states, where it can be read; what is wrong with it; the seq that voided its bid (None: none)."""

    stated: StatedBid | None = None
    faults: list[str] = field(default_factory=list)
    voided_by_seq: int | None = None

    @property
    def is_sound(self) -> bool:
        """Whether the bid stands in the record as the receipt states it, voided or not."""
        return not self.faults


class PublishedEvents:
    """The events of one published record, as far as its lines can be read, whether they are sound or not."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.lot_id = ""
        self._events: dict[int, dict[str, Any]] = {}
        self._gaps: list[tuple[int, int]] = []
        self._voided: dict[int, int] = {}
        for line in lines:
            event = _event(line)
            if event is not None:
                self._add(event)

    def _add(self, event: dict[str, Any]) -> None:
        seq = event["seq"]
        self.lot_id = self.lot_id or str(event.get("lot_id"))
        self._events.setdefault(seq, event)
        if event.get("type") == "restored" and type(event.get("archived_seq")) is int:
            self._gaps.append((event["archived_seq"], seq))
        elif event.get("type") == "voided" and type(event.get("bid_seq")) is int:
            self._voided[event["bid_seq"]] = seq

    def check(self, text: str, keys: PublicKeys) -> ReceiptVerdict:
        """Check one receipt."""
        verdict = ReceiptVerdict()
        try:
            stated = verdict.stated = StatedBid.parse(text)
        except ReceiptMalformed as error:
            verdict.faults.append(str(error))
            return verdict
        if stated.kid not in keys:
            verdict.faults.append(f"it is signed with a key that is not among those given: {stated.kid}")
        elif not stated.is_signed(keys):
            verdict.faults.append("its signature is not of what it states: it was changed, or never given")
        if stated.lot_id != self.lot_id:
            verdict.faults.append(f"it is of lot {stated.lot_id}, the record of {self.lot_id or 'none'}")
            return verdict
        verdict.faults += self._differences(stated)
        verdict.voided_by_seq = self._voided.get(stated.seq)
        return verdict

    def _differences(self, stated: StatedBid) -> list[str]:
        event = self._events.get(stated.seq)
        if event is None:
            if any(after < stated.seq < until for after, until in self._gaps):
                return [f"seq {stated.seq} was lost: the record was restored without it, and says so"]
            return [f"the record has no seq {stated.seq}: the bid was left out"]
        if event.get("type") not in {"bid", "maximum"}:
            return [f"seq {stated.seq} of the record is no bid but {event.get('type')}: the bid was replaced"]
        found = {name: event.get(name) for name in _COMPARED}
        return [
            f"seq {stated.seq} has {name} {found[name]} in the record, and {int(getattr(stated, name))} in the receipt"
            for name in _COMPARED
            if found[name] != int(getattr(stated, name))
        ]


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and type(event.get("seq")) is int and event.get("type") != "end" else None
