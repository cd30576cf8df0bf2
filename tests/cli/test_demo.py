import os
import pty
import re
import shlex
import signal
import socket
import threading
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import PATIENCE_S, Command, commanded, free_port, until

pytestmark = pytest.mark.timeout(4 * PATIENCE_S)

FAST = ("--speed", "20")


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where a demo puts what it throws away."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def demo(folder: Path, temporary: Path, *words: str):
    return commanded(folder, "demo", "--port", str(free_port()), *words, TMPDIR=str(temporary))


def has_left_nothing(temporary: Path) -> bool:
    """No data, and so no server: the embedded ones end before their directory goes."""
    return not list(temporary.iterdir())


def test_without_a_terminal_it_plays_to_the_end_and_checks_the_record(tmp_path, temporary):
    with demo(tmp_path, temporary, *FAST) as command:
        assert command.ended() == 0, command.story()
    assert "Traceback" not in command.story()
    results = re.findall(
        r"^launch-00(\d)  sold at [\d,]+\.\d\d yuan to paddle \d+, [\d,]+ bids", command.said, re.MULTILINE
    )
    assert results == ["1", "2", "3", "4"]
    assert "verified: all promises held" in command.said
    assert re.search(r"All \d+ rules of money hold", command.said)
    assert " failed" not in command.said
    assert has_left_nothing(temporary)


def test_on_a_terminal_it_shows_a_table_and_stays_until_ctrl_c(tmp_path, temporary):
    ours, theirs = pty.openpty()
    shown: list[bytes] = []
    with demo_on(theirs, tmp_path, temporary, *FAST) as command:
        os.close(theirs)
        reader = threading.Thread(target=read_all, args=(ours, shown), daemon=True)
        reader.start()

        def seen(words: str) -> bool:
            assert command.process.poll() is None, b"".join(shown).decode()
            return words in b"".join(shown).decode("utf-8", "replace")

        for words in ("price, yuan", "launch-004", "The hammer has fallen", "all promises held", "stays open"):
            until(partial(seen, words), words)
        address = re.search(r"stays open at (http://[\d.:]+)", b"".join(shown).decode("utf-8", "replace"))
        assert address is not None
        assert httpx.get(f"{address[1]}/readyz").json()["ready"]
        command.process.send_signal(signal.SIGINT)
        assert command.ended() == 0
        reader.join(PATIENCE_S)
    os.close(ours)
    assert b"Everything is stopped." in b"".join(shown)
    assert b"Traceback" not in b"".join(shown)
    assert has_left_nothing(temporary)


def demo_on(terminal: int, folder: Path, temporary: Path, *words: str):
    return commanded(
        folder, "demo", "--port", str(free_port()), *words, TMPDIR=str(temporary), TERM="xterm", terminal=terminal
    )


def read_all(terminal: int, shown: list[bytes]) -> None:
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            # the other end is closed
            return
        if not data:
            return
        shown.append(data)


def test_the_bid_that_it_prints_can_be_pasted(tmp_path, temporary):
    with demo(tmp_path, temporary, "--no-bots") as command:
        command.until_said("curl -s")
        tokens = dict(re.findall(r"^export (\w+)=(\S+)$", command.said, re.MULTILINE))
        assert set(tokens) == {"GUEST_A", "GUEST_B", "CLERK"}
        (line,) = [line for line in command.said.splitlines() if line.startswith("curl -s")]
        command.until_said("launch-001 is open")
        answer = as_curl_would(line, tokens)
        assert (answer.status_code, answer.json()["leading"]) == (201, True), answer.text
        command.process.send_signal(signal.SIGINT)
        assert command.ended() == 0, command.story()
    assert "Traceback" not in command.story()
    assert has_left_nothing(temporary)


def as_curl_would(line: str, variables: dict[str, str]) -> httpx.Response:
    words = shlex.split(line)
    headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
    headers["Authorization"] = re.sub(r"\$(\w+)", lambda name: variables[name[1]], headers["Authorization"])
    headers["Idempotency-Key"] = re.sub(r"\$(\w+|\(.*?\))", "123456", headers["Idempotency-Key"])
    return httpx.post(words[2], headers=headers, content=words[words.index("-d") + 1])


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path, temporary):
    with demo(tmp_path, temporary) as command:
        until(lambda: list(temporary.glob("*/ledger")), "the ledger's folder")
        command.process.send_signal(signal.SIGINT)
        assert command.ended() == 0, command.story()
    assert "Traceback" not in command.story()
    assert has_left_nothing(temporary)


def test_sigterm_while_bots_bid_leaves_nothing(tmp_path, temporary):
    with demo(tmp_path, temporary) as command:
        command.until_said("launch-001 is open")
        command.process.send_signal(signal.SIGTERM)
        assert command.ended() == 0, command.story()
    assert "Traceback" not in command.story()
    assert has_left_nothing(temporary)


def test_a_taken_port_is_one_sentence(tmp_path, temporary):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with commanded(tmp_path, "demo", "--port", str(port), TMPDIR=str(temporary)) as command:
            assert command.ended() == 1
    (sentence,) = command.complained.strip().splitlines()
    assert f"port {port} on 127.0.0.1 is taken" in sentence
    assert has_left_nothing(temporary)


def test_a_kept_directory_takes_one_demo_after_another(tmp_path, temporary):
    kept = tmp_path / "kept"
    for sale in ("launch", "launch-2"):
        with demo(tmp_path, temporary, "--no-bots", "--data-dir", str(kept)) as command:
            command.until_said(f"/?sale={sale}\n")
            stop(command)
    assert (kept / "processes.log").exists()


def stop(command: Command) -> None:
    command.process.send_signal(signal.SIGINT)
    assert command.ended() == 0, command.story()
