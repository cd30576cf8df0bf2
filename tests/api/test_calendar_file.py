"""A lot's times as a calendar file."""

import re

from hypothesis import given
from hypothesis import strategies as st

from auction.services.catalogue.calendar_file import CalendarWords, calendar_file
from tests.api.conftest import TERMS, Asker

WORDS = CalendarWords("opens: {title}", "ends: {title}", "may move")


def made(title: str = "A lot", *, opens_at_ms: int | None = 2_000_000, ends_at_ms: int | None = 9_000_000) -> str:
    return calendar_file(
        lot_id="launch-001",
        title=title,
        url="https://house.example/lots/launch-001",
        opens_at_ms=opens_at_ms,
        ends_at_ms=ends_at_ms,
        now_ms=1_000_000,
        seq=7,
        words=WORDS,
    ).decode()


def test_opening_and_end_have_an_entry_and_a_reminder_each():
    text = made()
    assert re.findall(r"DTSTART:(\S+)", text) == ["19700101T003320Z", "19700101T023000Z"]
    assert text.count("BEGIN:VEVENT") == text.count("BEGIN:VALARM") == text.count("END:VEVENT") == 2
    assert "UID:launch-001-opening@flash-auction\r\nSEQUENCE:7\r\n" in text


def test_what_is_past_or_unknown_has_no_entry():
    assert "launch-001-opening" not in made(opens_at_ms=1_000_000)
    assert made(opens_at_ms=None, ends_at_ms=None).count("VEVENT") == 0


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=200))
def test_any_title_stays_one_line_of_75_bytes_a_part(title: str):
    text = made(title)
    lines = text.split("\r\n")
    assert lines[-1] == ""
    assert all(len(line.encode()) <= 75 for line in lines)
    unfolded = text.replace("\r\n ", "")
    shown = re.search(r"SUMMARY:opens: (.*)\r\n", unfolded)
    plain = " ".join(f"opens: {title}".split()).removeprefix("opens:").strip()
    assert shown is not None
    assert re.sub(r"\\([\\;,])", r"\1", shown[1]).strip() == plain


async def test_a_lot_is_put_in_a_calendar_while_its_times_are_known(asker: Asker):
    lot_id = await asker.open_lot()
    english = await asker.get(f"/lots/{lot_id}/calendar.ics", {"Accept-Language": "en"})
    assert english.headers["content-type"] == "text/calendar; charset=utf-8"
    assert f"URL:http://house/lots/{lot_id}\r\n" in english.text
    assert "SUMMARY:Bidding ends: A lot\r\n" in english.text
    assert "SUMMARY:竞价结束：A lot" in (await asker.get(f"/lots/{lot_id}/calendar.ics")).text
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    over = await asker.get(f"/lots/{lot_id}/calendar.ics")
    assert (over.status_code, over.json()["code"]) == (409, "wrong-status")
    sale = await asker.ops("/sales", {"title": "A sale", "sale_id": "drafts"}, 201)
    draft = await asker.ops("/lots", {"sale_id": sale["sale_id"], "title": "A draft", "terms": TERMS}, 201)
    assert (await asker.get(f"/lots/{draft['lot_id']}/calendar.ics")).status_code == 404
