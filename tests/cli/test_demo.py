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

from auction.demo.accounts import FINANCE, PASSWORD
from tests.cli.processes import TIMEOUT_S, Command, commanded, free_port, until

FAST = ("--speed", "20")
WHOLE_DEMO_S = 3 * TIMEOUT_S
"""For a demo that hangs: forty bots on a busy machine take minutes to register."""


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where a demo creates its temporary directory."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def demo(folder: Path, temporary: Path, *words: str, terminal: int | None = None, **settings: str):
    environment = {"TMPDIR": str(temporary), "TERM": "xterm", **settings}
    return commanded(folder, "demo", "--port", str(free_port()), *words, terminal=terminal, **environment)


def has_left_nothing(temporary: Path) -> bool:
    """No data, and so no server: the embedded ones end before their directory is removed."""
    return not list(temporary.iterdir())


def check_report(said: str) -> None:
    """Every lot has ended, the one that is open longest with a sale, and the record of it is sound."""
    sold = r"sold at [\d,]+\.\d\d yuan to paddle \d+, [\d,]+ bids"
    # the others are open for seconds: on a busy machine the bots may come too late
    results = re.findall(rf"^(launch-00\d)  ({sold}|no-bids|reserve-unmet)", said, re.MULTILINE)
    assert [lot for lot, _ in results] == [f"launch-00{number}" for number in (1, 2, 3, 4)]
    assert results[0][1].startswith("sold"), results
    assert "all promises held" in said
    assert re.search(r"All \d+ rules of money hold", said)
    assert " failed" not in said


@pytest.mark.slow
def test_with_exit_it_ends_by_itself_and_verifies_the_record(tmp_path, temporary):
    with demo(tmp_path, temporary, "--exit", *FAST) as command:
        assert command.ended(timeout_s=WHOLE_DEMO_S) == 0, command.output()
    assert "Traceback" not in command.output()
    check_report(command.said)
    assert has_left_nothing(temporary)


def test_when_all_lots_are_closed_it_verifies_the_record_and_stays_up_and_the_silent_winner_can_be_acted_on(
    tmp_path, temporary
):
    with demo(tmp_path, temporary, *FAST) as command:
        command.until_said("until Ctrl-C: http://", timeout_s=WHOLE_DEMO_S)
        check_report(command.said)
        (line,) = [line for line in command.said.splitlines() if "until Ctrl-C: http://" in line]
        pages = re.findall(r"(http://[\d.:]+)(\S+) \(as", line)
        assert [path for _, path in pages] == ["/me", "/ops/settlements", "/ops"]
        for address, path in pages:
            assert httpx.get(address + path, trust_env=False).headers["content-type"].startswith("text/html")
        default_by_staff(f"{pages[0][0]}/api/v1", "launch-001")
        until(lambda: re.search(r"launch-001: paddle \d+ default", command.said), "the default among the news")
        command.process.send_signal(signal.SIGINT)
        assert command.ended() == 0, command.output()
    assert "Traceback" not in command.output()
    assert has_left_nothing(temporary)


def default_by_staff(api: str, lot_id: str) -> None:
    """Declare, as two persons of finance, that the winner does not pay."""
    for person in FINANCE:
        with httpx.Client(trust_env=False, timeout=30.0) as client:
            signed_in = client.post(f"{api}/auth/token", data={"username": person, "password": PASSWORD})
            client.headers["Authorization"] = f"Bearer {signed_in.raise_for_status().json()['access_token']}"
            found = client.get(f"{api}/ops/settlements/{lot_id}").raise_for_status().json()
            assert found["awards"][0]["status"] == "due"
            waiting = [one["pending_id"] for one in found["settlement"]["approvals"]]
            body = {"reason": "does not pay", "pending_id": waiting[0] if waiting else None}
            act = client.post(f"{api}/ops/settlements/{lot_id}/default", json=body)
            act.raise_for_status()


@pytest.mark.slow
def test_on_a_terminal_it_shows_a_table_and_stays_until_ctrl_c(tmp_path, temporary):
    ours, theirs = pty.openpty()
    shown: list[bytes] = []
    with demo(tmp_path, temporary, *FAST, terminal=theirs) as command:
        os.close(theirs)
        reader = threading.Thread(target=read_all, args=(ours, shown), daemon=True)
        reader.start()

        def seen(pattern: str) -> re.Match[str] | None:
            text = b"".join(shown).decode("utf-8", "replace")
            assert command.process.poll() is None, text
            return re.search(pattern, text)

        for pattern in ("price, yuan", "launch-004", "all promises held"):
            until(partial(seen, pattern), pattern, timeout_s=WHOLE_DEMO_S)
        address = until(partial(seen, r"until Ctrl-C: (http://[\d.:]+)"), "the address")[1]
        assert httpx.get(f"{address}/readyz", trust_env=False).json()["ready"]
        command.process.send_signal(signal.SIGINT)
        assert command.ended() == 0
        reader.join(TIMEOUT_S)
    os.close(ours)
    assert b"Traceback" not in b"".join(shown)
    assert has_left_nothing(temporary)


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


def test_the_bid_that_it_prints_can_be_pasted_and_a_kept_directory_takes_another_demo(tmp_path, temporary):
    kept = tmp_path / "kept"
    with demo(tmp_path, temporary, "--no-bots", "--data-dir", str(kept)) as command:
        command.until_said("/?sale=launch\n")
        command.until_said(str(kept))
        command.until_said("curl -s")
        tokens = dict(re.findall(r"^export (\w+)=(\S+)$", command.said, re.MULTILINE))
        assert set(tokens) == {"GUEST_A", "GUEST_B", "CLERK"}
        (line,) = [line for line in command.said.splitlines() if line.startswith("curl -s")]
        command.until_said("launch-001 is open")
        answer = as_curl_would(line, tokens)
        assert (answer.status_code, answer.json()["leading"]) == (201, True), answer.text
        stop(command)
    assert "Traceback" not in command.output()
    with demo(tmp_path, temporary, "--no-bots", AUCTION_DATA_DIR=str(kept)) as command:
        command.until_said("/?sale=launch-2\n")
        stop(command)
    assert (kept / "processes.log").exists()
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
        stop(command)
    assert "Traceback" not in command.output()
    assert has_left_nothing(temporary)


@pytest.mark.slow
def test_sigterm_while_bots_bid_leaves_nothing(tmp_path, temporary):
    with demo(tmp_path, temporary) as command:
        command.until_said("launch-001 is open", timeout_s=WHOLE_DEMO_S)
        command.process.send_signal(signal.SIGTERM)
        assert command.ended() == 0, command.output()
    assert "Traceback" not in command.output()
    assert has_left_nothing(temporary)


def test_a_port_in_use_is_one_sentence(tmp_path, temporary):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with commanded(tmp_path, "demo", "--port", str(port), TMPDIR=str(temporary)) as command:
            assert command.ended() == 1
    (sentence,) = command.complained.strip().splitlines()
    assert f"port {port} on 127.0.0.1" in sentence
    assert has_left_nothing(temporary)


def test_the_option_for_the_directory_wins_over_the_setting(tmp_path, temporary):
    option, setting = tmp_path / "option", tmp_path / "setting"
    with demo(tmp_path, temporary, "--data-dir", str(option), AUCTION_DATA_DIR=str(setting)) as command:
        until(lambda: list(option.glob("ledger")), "the ledger's folder")
        stop(command)
    assert not setting.exists()


def stop(command: Command) -> None:
    command.process.send_signal(signal.SIGINT)
    assert command.ended() == 0, command.output()
