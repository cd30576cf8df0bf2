"""Events in the form in which the scripts write them, and lots folded from several events."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from auction.domain.events import Event
from auction.domain.lot import Lot, apply


def to_row(event: Event) -> list[Any]:
    """The array that a script writes for an event: its kind, then its fields in order."""
    return [event.kind, *(getattr(event, field.name) for field in fields(event))]


def apply_all(lot: Lot, events: Iterable[Event], at_ms: int) -> Lot:
    """The lot after several events at `at_ms`."""
    for event in events:
        lot = apply(lot, event, at_ms)
    return lot
