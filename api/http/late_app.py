"""The application of a process whose ledger is away at its start: every request is answered 503 until it is there."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.middleware import new_request_id
from api.http.problems import problem_of
from api.schemas.public import HealthzResponse, ReadyzResponse
from auction.domain.errors import LedgerAway
from auction.services.verification.readiness import Readiness

_UNKNOWN = "unknown until the ledger answers"


class LateApp:
    """Passes requests on to `app` once that is set."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.reason = ""
        """Why the ledger is away, for `/readyz`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it: alive, not ready, and nothing else can be done."""
        if self.app is not None:
            await self.app(scope, receive, send)
        elif scope["path"] == "/healthz":
            await _send_json(send, 200, HealthzResponse(status="ok").model_dump_json().encode())
        elif scope["path"] == "/readyz":
            unready = Readiness(ledger=self.reason, books=_UNKNOWN, migrations=_UNKNOWN, ledger_memory=_UNKNOWN)
            await _send_json(send, 503, ReadyzResponse.of(unready, failing=()).model_dump_json().encode())
        else:
            problem = problem_of(LedgerAway())
            body = problem.body()
            headers = [*problem.all_headers(len(body)), (b"x-request-id", new_request_id())]
            await send({"type": "http.response.start", "status": problem.status, "headers": headers})
            await send({"type": "http.response.body", "body": body})


async def _send_json(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"retry-after", b"1"),
        (b"x-request-id", new_request_id()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
