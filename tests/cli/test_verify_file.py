"""`auction verify FILE`: a published record is checked without any server."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import auction
from tests.unit.test_published_record import LOT, RECORD


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "record.jsonl"
    file.write_bytes(b"".join(RECORD))
    return file


def test_a_record_as_it_was_published_is_said_to_be_sound_with_its_head(file: Path):
    said = auction("verify", str(file), "--json")
    verdict = json.loads(said.out)
    assert (said.code, verdict["ok"], verdict["lot_id"], verdict["events"]) == (0, True, LOT, 8)
    people = auction("verify", str(file), "--head", verdict["head"])
    assert people.code == 0
    assert verdict["head"] in people.out
    assert auction("verify", str(file), "--head", "00").code == 1


def test_a_line_that_was_left_out_is_named(file: Path):
    file.write_bytes(b"".join([*RECORD[:4], *RECORD[5:]]))
    said = auction("verify", str(file))
    assert said.code == 1
    assert "line 5: seq 5 is missing" in said.out


def test_a_file_that_is_not_there_and_two_things_to_check_are_refused(file: Path):
    assert auction("verify", str(file.with_name("none.jsonl"))).code == 2
    assert auction("verify", str(file), "--all").code == 2
