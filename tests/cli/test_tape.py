"""`auction tape` and `auction replay --tape`: the same bytes from the same seed, and the same outcome on a ledger."""

from pathlib import Path

import pytest

from tests.cli.commands import auction


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting and no server of this machine is used."""
    monkeypatch.chdir(tmp_path)


def test_a_recorded_tape_is_played_with_the_outcome_that_it_says(tmp_path: Path) -> None:
    file = tmp_path / "tape.jsonl"
    recorded = auction("tape", str(file), "--bids", "200", "--seed", "3", "--json")
    assert recorded.code == 0
    end = recorded.json()
    assert sum(end["bids"].values()) >= 200
    assert auction("tape", str(tmp_path / "again.jsonl"), "--bids", "200", "--seed", "3").code == 0
    assert (tmp_path / "again.jsonl").read_bytes() == file.read_bytes()

    played = auction("replay", "--tape", str(file), "--json")

    assert played.code == 0, played.err
    shown = played.json()
    assert shown.pop("seconds") > 0
    assert shown == end
    # nothing of it stays
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.jsonl", "tape.jsonl"]


def test_a_changed_tape_fails_and_the_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tape.jsonl"
    auction("tape", str(file), "--bids", "50")
    lines = file.read_text().splitlines()
    del lines[-2]
    file.write_text("\n".join(lines))

    played = auction("replay", "--tape", str(file))

    assert played.code == 1
    assert f"by line {len(lines)} the outcome is" in " ".join(played.err.split())


@pytest.mark.parametrize(
    "words, says",
    [
        (("replay",), "a bid tape with --tape FILE"),
        (("replay", "there.csv", "--tape", "there.csv"), "a bid tape with --tape FILE"),
        (("replay", "--tape", "nowhere.jsonl"), "cannot be read: No such file"),
        (("tape", "there.csv"), "cannot be written: File exists"),
        (("tape", "no/folder.jsonl"), "cannot be written: No such file"),
    ],
)
def test_a_file_that_is_not_to_be_had_is_said_so(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    (tmp_path / "there.csv").touch()
    said = auction(*words)
    assert said.code == 2
    assert says in " ".join(said.err.split())
