"""Tests that can fail: each promise has a change to the code that breaks it, and a named test that must go red.

The change is made in a copy of the tree, and the test is run there, from the copy.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.deployment import ROOT

COPIED = ("auction", "api", "migrations", "tests")
PATIENCE_S = 600

Change = tuple[str, str, str]
"""A file, what stands there exactly once, and what is put in its place."""

# a shell's background jobs ignore SIGINT, and so would their children
INTERRUPTIBLE = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""

TWENTY_THOUSAND = "tests/concurrency/test_twenty_thousand_bids.py"
DEADLINES = "tests/concurrency/test_deadlines.py::test_in_40_rounds_no_bid_is_accepted_at_or_after_the_end"
AWAY = "tests/chaos/test_servers_away.py"
LOSS = "tests/recovery/test_loss.py"
MATRIX = "tests/chaos/test_matrix.py::test_what_was_acknowledged_is_kept_or_named"
DAMAGED = "tests/cli/test_verify.py::test_one_damage_fails_the_check_and_the_broken_promise_is_named"


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is changed, the test that must fail for it, and what its failure must say (a pattern)."""

    test: str
    says: str
    changes: tuple[Change, ...]
    seed: int | None = None
    """What must drive the test's chances, where not every seed shows it."""


MUTATIONS = {
    "the ledger syncs every second": Mutation(
        "tests/chaos/test_power_loss.py::test_what_was_acknowledged_survives_a_power_loss",
        "acknowledged bids are gone",
        (("auction/embedded/valkey.py", '"appendfsync": "always"', '"appendfsync": "everysec"'),),
    ),
    "no key is looked up": Mutation(
        TWENTY_THOUSAND,
        "promise 7:",
        (
            (
                "auction/ledger/lua/place_bids.lua",
                "local first = fresh[fields[i]] or (receipts[i] and cmsgpack.unpack(receipts[i]))",
                "local first = false",
            ),
        ),
    ),
    "a bid at the end is still in time": Mutation(
        DEADLINES,
        "promise [57]:",
        (
            ("auction/ledger/lua/include/closing.lua", "or now < lot.ends_at", "or now <= lot.ends_at"),
            ("auction/ledger/lua/include/refusal.lua", "or now >= lot.ends_at", "or now > lot.ends_at"),
        ),
    ),
    "the archive's cursor is saved before what it covers": Mutation(
        "tests/chaos/test_kills.py::test_a_worker_killed_15_times_archives_each_bid_once",
        # a lot whose entries are missing is frozen, and then nobody decides its bids
        'the archive (stands still|does not catch up)|"cause": "incomplete"',
        (
            (
                "auction/books/archive.py",
                "    heads = await heads_of(",
                """\
    moved = update(archive_cursors).where(archive_cursors.c.shard == shard)
    await tx.session.execute(moved.values(stream_id=fresh[-1].stream_id))
    await tx.session.commit()
    heads = await heads_of(""",
            ),
        ),
    ),
    "a bid without an answer is called undone": Mutation(
        f"{AWAY}::test_a_ledger_that_says_nothing_accepts_nothing_and_what_it_had_heard_counts_once",
        "assert 0 > 0",
        (("auction/ledger/connection.py", "if writing and not _never_sent(error):", "if writing and not error:"),),
    ),
    "a forgotten script is not told again": Mutation(
        f"{AWAY}::test_a_ledger_that_forgets_its_scripts_is_told_them_again",
        "No matching script",
        (
            (
                "auction/ledger/scripts.py",
                'reply = await self._run("EVAL", script.source, keys, arguments)',
                "raise",
            ),
        ),
    ),
    "a refusal says the wrong place": Mutation(
        TWENTY_THOUSAND,
        "promise 7:",
        (("auction/ledger/lua/place_bids.lua", "or {code, lot.seq + made.count,", "or {code, lot.seq,"),),
    ),
    "a look is answered from memory": Mutation(
        TWENTY_THOUSAND,
        "promise 7:",
        (
            (
                "auction/ledger/bid_ledger.py",
                "        return self._decode_snapshot(lot_id, reply)[1]",
                "        return self.__dict__.setdefault(lot_id, self._decode_snapshot(lot_id, reply)[1])",
            ),
        ),
    ),
    "an entry's checksum leaves out the one before": Mutation(
        TWENTY_THOUSAND,
        'promise=8|"cause": "forked"',
        (("auction/ledger/lua/include/commit.lua", "{lot.chain, lot.id,", "{'', lot.id,"),),
    ),
    "a read waits longer than the client does": Mutation(
        f"{AWAY}::test_a_short_time_out_does_not_make_a_quiet_stream_look_like_a_lost_ledger",
        "LedgerAway",
        (("auction/ledger/stream.py", "block_ms = min(block_ms, self._block_ms_max)", "pass"),),
    ),
    "a record that goes on past the ledger's state is believed": Mutation(
        f"{DAMAGED}[stream: a forged bid that fits]",
        "'promise': 3",  # the bid itself is believed then, and its key is missed
        (
            (
                "auction/services/verification/state_checks.py",
                "    at_seq = 0 if later is None else later.seq\n",
                "    return None\n    at_seq = 0 if later is None else later.seq\n",
            ),
        ),
    ),
    "the archive passes over what lies below its head": Mutation(
        f"{LOSS}::test_a_fork_never_closes_the_lot_in_the_archive",
        "forked",
        (
            (
                "auction/books/archive_rows.py",
                "        fault = _fault(entry, head)\n",
                "        if last_seq <= head.last_seq:\n            continue\n        fault = None\n",
            ),
        ),
    ),
    "another server is used unchecked": Mutation(
        f"{LOSS}::test_a_folder_put_back_takes_no_bid_until_it_is_restored",
        "DID NOT RAISE",
        (
            (
                "auction/ledger/server_guard.py",
                "        if server != self.checked:\n            await",
                '        if server == "nobody":\n            await',
            ),
        ),
    ),
    "a record of the same length is taken for the same": Mutation(
        f"{LOSS}::test_another_record_up_to_the_same_seq_is_found_by_its_checksum",
        "forked",
        (
            (
                "auction/services/recovery/continuity.py",
                "(mark.epoch, mark.seq) and state.chain != mark.chain:",
                "(mark.epoch, mark.seq) and not mark:",
            ),
            (
                "auction/services/recovery/continuity.py",
                "return (last_seq, chain) == (mark.seq, mark.chain)",
                "return last_seq == mark.seq or not chain",
            ),
        ),
    ),
    "a process believes the others rather than what it acknowledged itself": Mutation(
        "tests/recovery/test_replaced_servers.py::test_a_lot_that_went_on_further_without_this_process_is_frozen",
        "forked",
        (
            (
                "auction/services/recovery/continuity.py",
                "forked = await self._forked(found)",
                "forked: dict[str, Fault] = {}",
            ),
        ),
    ),
    "nobody writes down what was acknowledged": Mutation(
        f"{MATRIX}[FLUSHALL]",
        "promise 12: .* lost and not named",
        (
            (
                "auction/services/recovery/marks.py",
                "        if not marks:\n",
                "        if marks is not None:\n",
            ),
        ),
        seed=1,
    ),
    "keys leave the ledger before the archive has them": Mutation(
        "tests/api/test_ended_lots.py::test_the_keys_of_a_lot_get_an_end_once_its_own_is_archived_and_not_before",
        r"assert \d == 0",
        (("auction/books/ledger_expiry.py", "lots.c.status.in_(ENDED)", 'lots.c.status != "draft"'),),
    ),
    "a stream that ends before the archive does is used": Mutation(
        f"{LOSS}::test_a_folder_put_back_takes_no_bid_until_it_is_restored",
        "DID NOT RAISE",
        (
            (
                "auction/services/recovery/continuity.py",
                "if StreamPosition.parse(last_id) < StreamPosition.parse(cursor):",
                "if StreamPosition.parse(last_id) == (-1, -1):",
            ),
        ),
    ),
    "an edge does not notice that it hears nothing": Mutation(
        "tests/ledger/test_edge.py::test_an_edge_that_hears_nothing_refuses_nothing[valkey]",
        "refused at the edge by a price that has fallen",
        (
            (
                "auction/ledger/edge.py",
                "now_s - self._confirmed_at_s > LAG_MS_MAX / 1000",
                "now_s < self._confirmed_at_s",
            ),
        ),
    ),
    "an edge forgets accepted keys": Mutation(
        "tests/ledger/test_edge.py::test_a_key_that_was_accepted_always_goes_to_the_ledger[valkey]",
        "assert Refused",
        (
            (
                "auction/ledger/edge.py",
                "                self.keys.add(event.bidder_id, event.key)\n",
                "                pass\n",
            ),
        ),
    ),
    "of equal amounts the later one wins against a maximum": Mutation(
        "tests/ledger/test_maxima.py::test_of_equal_amounts_the_earlier_wins[valkey]",
        "AcceptedBid",
        (("auction/ledger/lua/include/maxima.lua", "defence >= offered or", "defence > offered or"),),
    ),
    "two bids may be of one price": Mutation(
        TWENTY_THOUSAND,
        "promise 4:",
        (
            (
                "auction/ledger/lua/include/refusal.lua",
                "amount < floor_of(lot)",
                "amount < math.min(lot.price, floor_of(lot))",
            ),
        ),
    ),
}


def test_every_mutation_fits_the_code_and_names_a_test_that_exists() -> None:
    stale = []
    for name, mutation in MUTATIONS.items():
        for file, old, _ in mutation.changes:
            path = ROOT / file
            places = path.read_text().count(old) if path.exists() else 0
            if places != 1:
                stale.append(f"{name}: {file} has {places} places like {old!r}")
        file, _, test = mutation.test.partition("::")
        path = ROOT / file
        if not path.exists() or (f"def {test.partition('[')[0]}(" not in path.read_text() and test):
            stale.append(f"{name}: there is no test {mutation.test}")
    assert stale == []


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_change_that_breaks_a_promise_is_caught(tmp_path: Path, name: str) -> None:
    mutation = MUTATIONS[name]
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, old, new in mutation.changes:
        source = (tmp_path / file).read_text()
        assert source.count(old) == 1, f"{file}: the mutation is out of date"
        (tmp_path / file).write_text(source.replace(old, new))
    status, said = _run(tmp_path, mutation.test, seed=mutation.seed)
    if " skipped" in said and status == 0:
        pytest.skip(f"{mutation.test} cannot run here")
    assert status == 1, f"{mutation.test} did not notice: {name}\n{said[-3000:]}"
    assert f"FAILED {mutation.test}" in said, said[-3000:]
    assert re.search(mutation.says, said), said[-6000:]


def _run(tree: Path, test: str, *, seed: int | None) -> tuple[int, str]:
    """Run a test of a tree; its exit status and output. Nothing of it is left behind."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "PYTEST_", "COV"))}
    kept |= {} if seed is None else {"CHAOS_SEED": str(seed)}
    options = ("-x", "-rf", "-m", "", "-p", "no:cacheprovider", "-p", "no:randomly", f"--timeout={PATIENCE_S}")
    command = (sys.executable, "-c", INTERRUPTIBLE, *options, test)
    with subprocess.Popen(
        command, cwd=tree, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    ) as run:
        try:
            said, _ = run.communicate(timeout=2 * PATIENCE_S)
        except BaseException:
            # interrupted, it stops its servers in order
            os.killpg(run.pid, signal.SIGINT)
            run.communicate()
            raise
    return run.returncode, said
