"""Checks the published record of a lot, a file of JSON lines, with nothing but the file.

Off the bid's way; used by `auction verify FILE`. Each line is the public line of an event
(`auction.books.public_lines`) with the head of the chain after it; the last one says how many there are and where the
chain ends, signed by the house. A line that was changed, left out, put elsewhere, doubled or added is named, as is a
file that was cut. Who changes a line and computes every later head anew ends with another head, under which the house's
signature is not right; to check it, its public keys are needed.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from auction.books.chain import GENESIS
from auction.signing.public_keys import PublicKeys, decode_url
from auction.signing.record_end import RecordEnd

_HEAD = re.compile(rb'^(?P<line>\{.*),"head":"(?P<head>[0-9a-f]{64})"\}$')
FAULTS_MAX = 100
"""Faults that are kept: of a file that is something else, each line is one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a line of the file, from 1."""

    line: int
    what: str


@dataclass(slots=True)
class RecordVerdict:
    """What was found in a file: its lot, its events, the head of its chain (hex), and what is wrong with it.

    `signed_by` is the id of the key that signed its end, where that was checked.
    """

    lot_id: str = ""
    events: int = 0
    head: str = GENESIS.hex()
    faults: list[Fault] = field(default_factory=list)
    signed_by: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def add(self, line: int, what: str) -> None:
        """Note a fault."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(line, what))


@dataclass(frozen=True, slots=True)
class _Line:
    """One line that can be read."""

    number: int
    facts: dict[str, Any]
    body: bytes
    """What was hashed."""
    head: str

    @property
    def seq(self) -> int:
        return int(self.facts["seq"])

    @property
    def expects_seq(self) -> int | None:
        """The seq of the event before it, for a `restored` event, which leaves some out; None: the one below."""
        return int(self.facts["archived_seq"]) if self.facts["type"] == "restored" else None


def check_record(lines: Iterable[bytes], keys: PublicKeys | None = None) -> RecordVerdict:
    """Check a file's lines, in their order, and with the house's public keys also who signed its end."""
    verdict = RecordVerdict()
    events, end = _read(lines, verdict)
    _check_order(events, verdict)
    _check_chain(events, verdict)
    if events:
        verdict.lot_id, verdict.head = str(events[0].facts["lot_id"]), events[-1].head
    verdict.events = len(events)
    _check_end(end, events, verdict)
    if end is not None and keys is not None:
        _check_signature(end, keys, verdict)
    verdict.faults.sort(key=lambda fault: fault.line)
    return verdict


def _read(lines: Iterable[bytes], verdict: RecordVerdict) -> tuple[list[_Line], tuple[int, dict[str, Any]] | None]:
    """The lines of events, and the one of the end with its number."""
    events: list[_Line] = []
    end: tuple[int, dict[str, Any]] | None = None
    for number, raw in enumerate(lines, 1):
        text = raw.rstrip(b"\r\n")
        if end is not None:
            verdict.add(number, f"it stands after the end of the record, which is line {end[0]}: it was added")
            continue
        found = _HEAD.match(text)
        facts = _facts(text)
        if facts is not None and facts.get("type") == "end":
            end = number, facts
        elif found is None or facts is None:
            verdict.add(number, "it is no line of a record: it was changed, or cut")
        else:
            events.append(_Line(number, facts, found["line"] + b"}", found["head"].decode()))
    return events, end


def _facts(text: bytes) -> dict[str, Any] | None:
    try:
        facts = json.loads(text)
    except ValueError:
        return None
    if not isinstance(facts, dict):
        return None
    if facts.get("type") == "end":
        return facts
    is_event = type(facts.get("seq")) is int and isinstance(facts.get("type"), str) and "lot_id" in facts
    if not is_event or (facts["type"] == "restored" and type(facts.get("archived_seq")) is not int):
        return None
    return facts


def _check_order(events: list[_Line], verdict: RecordVerdict) -> None:
    """Name what is doubled, put elsewhere, added or missing by its seqs."""
    all_seqs = {line.seq for line in events}
    first_at: dict[int, _Line] = {}
    expected = 1
    for line in events:
        before = first_at.setdefault(line.seq, line)
        if before is not line:
            same = (before.body, before.head) == (line.body, line.head)
            what = "is there again" if same else "is there with other facts: one of them was added"
            verdict.add(line.number, f"seq {line.seq} of line {before.number} {what}")
            continue
        if line.facts["lot_id"] != events[0].facts["lot_id"]:
            verdict.add(line.number, f"it is of lot {line.facts['lot_id']}, the record of {events[0].facts['lot_id']}")
        if line.seq < expected:
            verdict.add(line.number, f"seq {line.seq} stands after a later one: it was put elsewhere")
            continue
        is_restored = line.expects_seq == expected - 1 and line.seq >= expected
        if line.seq > expected and not is_restored:
            missing = next(seq for seq in range(expected, line.seq + 1) if seq not in all_seqs or seq == line.seq)
            if missing < line.seq:
                verdict.add(line.number, f"seq {missing} is missing before seq {line.seq}: a line was left out")
            else:
                verdict.add(line.number, f"seq {line.seq} stands before seq {expected}: it was put elsewhere")
        expected = line.seq + 1


def _check_chain(events: list[_Line], verdict: RecordVerdict) -> None:
    """Name the lines whose head is not that of their content.

    Not those that are out of their place, which are named already, nor those after them, whose heads cannot be checked.
    """
    out_of_place = {fault.line for fault in verdict.faults}
    before = GENESIS
    for line in events:
        head = sha256(before + line.body).hexdigest()
        if head != line.head and line.number not in out_of_place and line.number - 1 not in out_of_place:
            verdict.add(line.number, f"seq {line.seq} is not what its head says: it was changed")
        before = bytes.fromhex(line.head)


def _check_end(end: tuple[int, dict[str, Any]] | None, events: list[_Line], verdict: RecordVerdict) -> None:
    if end is None:
        last = events[-1].number if events else 0
        verdict.add(last + 1, "the end of the record is missing: the file was cut")
        return
    number, facts = end
    if facts.get("events") != len(events):
        verdict.add(number, f"the record has {facts.get('events')} events, the file {len(events)}")
    if facts.get("head") != verdict.head:
        verdict.add(number, "the record ends with another head than the file's last event")
    if events and facts.get("lot_id") != verdict.lot_id:
        verdict.add(number, f"it is the end of lot {facts.get('lot_id')}")
    if events and "signature" in facts:
        reached = events[-1].facts
        for name in ("epoch", "seq"):
            if facts.get(name) != reached.get(name):
                verdict.add(number, f"the record ends at {name} {facts.get(name)}, the file at {reached.get(name)}")


def _check_signature(end: tuple[int, dict[str, Any]], keys: PublicKeys, verdict: RecordVerdict) -> None:
    number, facts = end
    kid = facts.get("kid")
    if "signature" not in facts or not isinstance(kid, str):
        verdict.add(number, "the end of the record is not signed")
        return
    if kid not in keys:
        verdict.add(number, f"the end of the record is signed with a key that is not among those given: {kid}")
        return
    try:
        signature = decode_url(facts["signature"])
        statement = RecordEnd(**{name: facts[name] for name in RecordEnd.__slots__}).statement()
    except (ValueError, TypeError, KeyError):
        signature, statement = b"", b""
    if keys.verify(kid, signature, statement):
        verdict.signed_by = kid
    else:
        verdict.add(
            number, "the signature is not of this end: the end was changed, or lines were changed and chained anew"
        )
