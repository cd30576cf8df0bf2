"""Makes a calendar file of a lot: its opening and its end, each with a reminder (iCalendar, RFC 5545). Pure text."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auction.domain.lot import LotStatus

IN_CALENDAR = (LotStatus.SCHEDULED, LotStatus.OPEN)
"""Statuses in which the times of a lot are known."""
REMINDER_MINUTES = 15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINE_BYTES_MAX = 75


@dataclass(frozen=True, slots=True)
class CalendarWords:
    """What the entries say, in one language; `{title}` is the lot's."""

    opening: str
    end: str
    note: str


def calendar_file(
    *,
    lot_id: str,
    title: str,
    url: str,
    opens_at_ms: int | None,
    ends_at_ms: int | None,
    now_ms: int,
    seq: int,
    words: CalendarWords,
) -> bytes:
    """The file; times in UTC ms, None or past: no entry for it. `seq` grows with every change of the times."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Flash auction//Lots//EN", "METHOD:PUBLISH"]
    for name, at_ms, said in (("opening", opens_at_ms, words.opening), ("end", ends_at_ms, words.end)):
        if at_ms is None or at_ms <= now_ms:
            continue
        summary = _escaped(said.format(title=title))
        lines += [
            "BEGIN:VEVENT",
            f"UID:{lot_id}-{name}@flash-auction",
            f"SEQUENCE:{seq}",
            f"DTSTAMP:{_moment(now_ms)}",
            f"DTSTART:{_moment(at_ms)}",
            f"DTEND:{_moment(at_ms + 60_000)}",
            f"SUMMARY:{summary}",
            f"DESCRIPTION:{_escaped(words.note)}",
            f"URL:{url}",
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            f"DESCRIPTION:{summary}",
            f"TRIGGER:-PT{REMINDER_MINUTES}M",
            "END:VALARM",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line)).encode()


def _moment(at_ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=at_ms)).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    for plain in ("\\", ";", ","):
        text = text.replace(plain, f"\\{plain}")
    return " ".join(text.split())


def _folded(line: str) -> Iterator[str]:
    """The line in parts of at most 75 bytes, of which all but the first begin with a space."""
    part, size = "", 0
    for character in line:
        length = len(character.encode())
        if size + length > _LINE_BYTES_MAX:
            yield part
            part, size = " ", 1
        part, size = part + character, size + length
    yield part
