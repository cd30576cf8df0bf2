"""The sandbox's file: payments, operations and queued notifications in SQLite, shared by several processes.

Not used while bidding. Every use is a transaction that locks the file at its start (`BEGIN IMMEDIATE`), so calls of all
processes run one after the other; the operation's id is the primary key, so no operation is done twice. In WAL mode,
without waiting for the disk: a killed process loses nothing, a power failure may lose the last transactions. Calls
block, and belong to the thread that opened the file.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from auction.domain.states import OperationKind
from auction.payments.gateway import ReplyStatus
from auction.payments.sandbox.rules import Behaviour, PaymentState, SandboxPayment, UnaskedStep

BUSY_MS = 10_000
"""How long a call waits for the file's lock before it fails."""
_SWITCH_ATTEMPTS = 100
_SWITCH_PAUSE_S = 0.02

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS payments (
        ref TEXT PRIMARY KEY, operation_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, state TEXT NOT NULL,
        amount_fen INTEGER NOT NULL, behaviour TEXT NOT NULL, instrument TEXT NOT NULL, captured_fen INTEGER NOT NULL,
        refunded_fen INTEGER NOT NULL, refunds_failed INTEGER NOT NULL, expires_at_ms INTEGER,
        CHECK (0 <= refunded_fen AND refunded_fen <= captured_fen AND captured_fen <= amount_fen)
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS payments_held ON payments (expires_at_ms) WHERE state = 'held'",
    """
    CREATE TABLE IF NOT EXISTS operations (
        operation_id TEXT PRIMARY KEY, kind TEXT NOT NULL, about TEXT NOT NULL, asked_fen INTEGER NOT NULL,
        payment_method TEXT NOT NULL, payer TEXT NOT NULL,
        ref TEXT NOT NULL, status TEXT NOT NULL, failure TEXT, moved_fen INTEGER, settles_at_ms INTEGER
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS operations_pending ON operations (settles_at_ms) WHERE status = 'pending'",
    """
    CREATE TABLE IF NOT EXISTS notices (
        number INTEGER PRIMARY KEY, body BLOB NOT NULL, due_at_ms INTEGER NOT NULL, place REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS notices_by_place ON notices (place)",
    "CREATE TABLE IF NOT EXISTS unasked (ref TEXT PRIMARY KEY, step TEXT NOT NULL, due_at_ms INTEGER NOT NULL) STRICT",
    """
    CREATE TABLE IF NOT EXISTS disputes (
        dispute TEXT PRIMARY KEY, ref TEXT NOT NULL UNIQUE, amount_fen INTEGER NOT NULL, won INTEGER NOT NULL
    ) STRICT
    """,
)
_TOTALS = """
SELECT
    COALESCE(SUM(amount_fen) FILTER (WHERE state = 'held'), 0),
    COALESCE(SUM(captured_fen) FILTER (WHERE kind = 'charge'), 0),
    COALESCE(SUM(captured_fen) FILTER (WHERE kind = 'hold'), 0),
    (SELECT COALESCE(SUM(moved_fen), 0) FROM operations WHERE kind = 'refund' AND status = 'succeeded'),
    (SELECT COALESCE(SUM(amount_fen), 0) FROM disputes WHERE won = 0)
FROM payments
"""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What was requested. `about`: the hold or charge that the operation refers to, where it does not make one."""

    operation_id: str
    kind: OperationKind
    about: str = ""
    asked_fen: int = 0
    payment_method: str = ""
    payer: str = ""


@dataclass(frozen=True, slots=True)
class SandboxOperation:
    """A request and its outcome. `ref`: the payment of a hold or charge, else as in `Reply`."""

    request: OperationRequest
    ref: str
    status: ReplyStatus
    failure: str | None = None
    moved_fen: int | None = None
    settles_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Movements:
    """Totals in fen: held now, ever charged, captured and refunded, and taken back by disputes that are not won."""

    held_fen: int
    charged_fen: int
    captured_fen: int
    refunded_fen: int
    disputed_fen: int = 0

    @property
    def cash_fen(self) -> int:
        """Received and not refunded, in fen: the cash of the journal, before sellers are paid."""
        return self.charged_fen + self.captured_fen - self.refunded_fen - self.disputed_fen


class SandboxFile:
    """The file. Every method but `transaction` and `close` is called inside a transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None)
        try:
            self._write_ahead()
            self._file.execute("PRAGMA synchronous = NORMAL")
            with self.transaction():
                for statement in _SCHEMA:
                    self._file.execute(statement)
        except BaseException:
            self._file.close()
            raise

    def _write_ahead(self) -> None:
        """Switch a new file to WAL. Where several processes do so at once, SQLite refuses some without waiting."""
        for attempts_left in reversed(range(_SWITCH_ATTEMPTS)):
            try:
                self._file.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if attempts_left == 0:
                    raise
                time.sleep(_SWITCH_PAUSE_S)
            else:
                return

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block atomically, with no other call in between; an exception in it undoes everything."""
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def payment(self, ref: str) -> SandboxPayment | None:
        """A hold or charge by its ref."""
        rows = self._file.execute("SELECT * FROM payments WHERE ref = ?", (ref,))
        return next(map(_payment, rows), None)

    def keep_payment(self, payment: SandboxPayment) -> None:
        """Insert a payment, or update what can change of it."""
        self._file.execute(
            """
            INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (ref) DO UPDATE SET state = excluded.state, captured_fen = excluded.captured_fen,
                refunded_fen = excluded.refunded_fen, refunds_failed = excluded.refunds_failed,
                expires_at_ms = excluded.expires_at_ms
            """,
            astuple(payment),
        )

    def lapsed_payments(self, now_ms: int) -> list[SandboxPayment]:
        """Holds that have expired and are still recorded as held, oldest first."""
        rows = self._file.execute(
            "SELECT * FROM payments WHERE state = 'held' AND expires_at_ms <= ? ORDER BY expires_at_ms", (now_ms,)
        )
        return list(map(_payment, rows))

    def operation(self, operation_id: str) -> SandboxOperation | None:
        """An operation by its id."""
        rows = self._file.execute("SELECT * FROM operations WHERE operation_id = ?", (operation_id,))
        return next(map(_operation, rows), None)

    def add_operation(self, operation: SandboxOperation) -> None:
        """Insert a new operation."""
        row = (
            *astuple(operation.request),
            operation.ref,
            operation.status,
            operation.failure,
            operation.moved_fen,
            operation.settles_at_ms,
        )
        self._file.execute("INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def settle_operation(self, operation: SandboxOperation) -> None:
        """Record the outcome of an operation that was pending, or that has failed after it had succeeded."""
        self._file.execute(
            """
            UPDATE operations SET status = ?, failure = ?, moved_fen = ?, settles_at_ms = NULL
            WHERE operation_id = ?
            """,
            (operation.status, operation.failure, operation.moved_fen, operation.request.operation_id),
        )

    def settling_operations(self, now_ms: int) -> list[SandboxOperation]:
        """Pending operations whose outcome is due, oldest first."""
        rows = self._file.execute(
            "SELECT * FROM operations WHERE status = 'pending' AND settles_at_ms <= ? ORDER BY settles_at_ms", (now_ms,)
        )
        return list(map(_operation, rows))

    def failing_refunds(self, now_ms: int) -> list[SandboxOperation]:
        """Refunds that have succeeded and fail by now, oldest first."""
        rows = self._file.execute(
            "SELECT * FROM operations WHERE kind = 'refund' AND status = 'succeeded' "
            "AND settles_at_ms <= ? ORDER BY settles_at_ms",
            (now_ms,),
        )
        return list(map(_operation, rows))

    def plan_step(self, ref: str, step: UnaskedStep, *, due_at_ms: int) -> None:
        """Plan what happens next to a payment without an operation of ours."""
        self._file.execute("INSERT OR REPLACE INTO unasked VALUES (?, ?, ?)", (ref, step, due_at_ms))

    def take_steps(self, now_ms: int) -> list[tuple[str, UnaskedStep, int]]:
        """What happens to payments by now: the ref, the step, and when it was due, the earliest first; once."""
        rows = self._file.execute(
            "SELECT ref, step, due_at_ms FROM unasked WHERE due_at_ms <= ? ORDER BY due_at_ms, ref", (now_ms,)
        ).fetchall()
        self._file.executemany("DELETE FROM unasked WHERE ref = ?", [(ref,) for ref, _, _ in rows])
        return [(ref, UnaskedStep(step), due_at_ms) for ref, step, due_at_ms in rows]

    def dispute_of(self, ref: str) -> tuple[str, int, bool] | None:
        """The dispute about a payment, its amount, and whether it is won; or None."""
        row = self._file.execute("SELECT dispute, amount_fen, won FROM disputes WHERE ref = ?", (ref,)).fetchone()
        return None if row is None else (row[0], row[1], bool(row[2]))

    def keep_dispute(self, dispute: str, ref: str, amount_fen: int, *, is_won: bool) -> None:
        """Insert a dispute, or update whether it is won."""
        self._file.execute("INSERT OR REPLACE INTO disputes VALUES (?, ?, ?, ?)", (dispute, ref, amount_fen, is_won))

    def queue_notice(self, body: bytes, *, due_at_ms: int, place: float) -> None:
        """Queue a notification; the queue is ordered by `place`."""
        self._file.execute("INSERT INTO notices (body, due_at_ms, place) VALUES (?, ?, ?)", (body, due_at_ms, place))

    def take_notices(self, limit: int, *, now_ms: int, again_at_ms: int) -> list[tuple[int, bytes]]:
        """Notifications that are due, with their numbers; each is due again at `again_at_ms` unless it is dropped."""
        due: list[tuple[int, bytes]] = self._file.execute(
            "SELECT number, body FROM notices WHERE due_at_ms <= ? ORDER BY place, number LIMIT ?", (now_ms, limit)
        ).fetchall()
        self._file.executemany(
            "UPDATE notices SET due_at_ms = ? WHERE number = ?", [(again_at_ms, number) for number, _ in due]
        )
        return due

    def drop_notice(self, number: int) -> None:
        """Remove a notification from the queue."""
        self._file.execute("DELETE FROM notices WHERE number = ?", (number,))

    def movements(self) -> Movements:
        """The totals."""
        return Movements(*self._file.execute(_TOTALS).fetchone())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _payment(row: tuple[Any, ...]) -> SandboxPayment:
    ref, operation_id, kind, state, amount_fen, behaviour, *rest = row
    opened = (ref, operation_id, OperationKind(kind), PaymentState(state), amount_fen, Behaviour(behaviour))
    return SandboxPayment(*opened, *rest)


def _operation(row: tuple[Any, ...]) -> SandboxOperation:
    operation_id, kind, about, asked_fen, payment_method, payer, ref, status, *rest = row
    request = OperationRequest(operation_id, OperationKind(kind), about, asked_fen, payment_method, payer)
    return SandboxOperation(request, ref, ReplyStatus(status), *rest)


def copy_file(source: Path, target: Path) -> None:
    """Copy the file, as of one moment, while others use it. Raises sqlite3.Error."""
    with closing(sqlite3.connect(source, timeout=BUSY_MS / 1000)) as ours, closing(sqlite3.connect(target)) as copy:
        ours.backup(copy)
    target.chmod(0o600)
