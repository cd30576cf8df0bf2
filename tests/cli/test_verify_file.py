"""`auction verify FILE`: a published record is checked without any server."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import auction
from tests.unit.test_published_record import KEYS, LOT, RECORD
from tests.unit.test_receipt_in_record import published


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


def test_with_the_houses_public_keys_the_signature_is_checked(file: Path):
    keys = file.with_name("keys.json")
    keys.write_text(json.dumps({"keys": KEYS.published()}))
    kid = KEYS.key_at(0).kid
    said = auction("verify", str(file), "--keys", str(keys), "--json")
    assert (said.code, said.json()["signed_by"]) == (0, kid)
    assert f"signed with key {kid}" in auction("verify", str(file), "--keys", str(keys)).out
    end = json.loads(RECORD[-1])
    file.write_bytes(b"".join([*RECORD[:-1], json.dumps(end | {"signature": "A" * 86}).encode()]))
    assert auction("verify", str(file)).code == 0
    said = auction("verify", str(file), "--keys", str(keys))
    assert (said.code, "line 9: the signature is not of this end" in said.out) == (1, True)

    keys.write_text("{}")
    said = auction("verify", str(file), "--keys", str(keys))
    assert (said.code, "keys.json cannot be used" in said.err) == (2, True)
    assert auction("verify", str(file), "--keys", str(file.with_name("none.json"))).code == 2
    assert auction("verify", "--all", "--keys", str(keys)).code == 2


def test_a_receipt_is_held_against_the_record(tmp_path: Path):
    record = published([2, 3])
    file, keys = tmp_path / "record.jsonl", tmp_path / "keys.json"
    file.write_bytes(b"".join(record.lines))
    keys.write_text(json.dumps({"keys": KEYS.published()}))
    receipt = record.receipts[4]
    said = auction("verify", str(file), "--keys", str(keys), "--receipt", receipt, "--json")
    verdict = said.json()
    assert (said.code, verdict["ok"], verdict["receipt"]["ok"]) == (0, True, True)
    assert (verdict["receipt"]["stated"]["seq"], verdict["receipt"]["stated"]["price_fen"]) == (4, 400)
    (tmp_path / "receipt").write_text(f"{receipt}\n")
    people = auction("verify", str(file), "--keys", str(keys), "--receipt", str(tmp_path / "receipt"))
    assert (people.code, "of seq 4 of the record: paddle 5, price_fen 400" in people.out) == (0, True)

    file.write_bytes(b"".join([*record.lines[:3], *record.lines[4:]]))
    said = auction("verify", str(file), "--keys", str(keys), "--receipt", receipt)
    assert said.code == 1
    assert "line 4: seq 4 is missing" in said.out
    assert "receipt: the record has no seq 4: the bid was left out" in said.out
    assert auction("verify", str(file), "--receipt", receipt).code == 2
    assert auction("verify", str(file), "--keys", str(keys), "--receipt", "no-such-file").code == 2


def test_a_line_that_was_left_out_is_named(file: Path):
    file.write_bytes(b"".join([*RECORD[:4], *RECORD[5:]]))
    said = auction("verify", str(file))
    assert said.code == 1
    assert "line 5: seq 5 is missing" in said.out


def test_a_file_that_is_not_there_and_two_things_to_check_are_refused(file: Path):
    assert auction("verify", str(file.with_name("none.jsonl"))).code == 2
    assert auction("verify", str(file), "--all").code == 2
