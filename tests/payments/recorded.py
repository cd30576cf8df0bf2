"""A small HTTP server that answers as Stripe does, from a list: what localstripe never says (faults, expiry, search)."""

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

RESET = "reset"
"""Instead of an answer: the connection breaks."""


@dataclass
class Recorded:
    """What will be answered, oldest first (the last one stays), and what was asked."""

    address: str
    answers: list[tuple[int, Any] | str] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], Mapping[str, str]]] = field(default_factory=list)

    def answer(self, status: int, body: Any) -> None:
        self.answers.append((status, body))

    def refuse(self, status: int, **error: Any) -> None:
        self.answer(status, {"error": {"type": "invalid_request_error", "message": "no", **error}})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorded: Recorded

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path, _, query = self.path.partition("?")
        form = dict(parse_qsl(body or query))
        self.recorded.asked.append((self.command, path, form, dict(self.headers)))
        answers = self.recorded.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, str):
            # closed without waiting for anything: the other side is told that the connection is reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        status, said = answer
        sent = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def shutdown_request(self, request: Any) -> None:
        # without the farewell that would come first otherwise
        self.close_request(request)

    def handle_error(self, *_: object) -> None:
        """A connection that was broken on purpose is no news."""


@contextmanager
def recorded_stripe() -> Iterator[Recorded]:
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    recorded = Recorded(f"http://127.0.0.1:{server.server_address[1]}")
    handler.recorded = recorded  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield recorded
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def intent(**other: Any) -> dict[str, Any]:
    """A PaymentIntent that holds 10,000 fen, in the shape of today's API."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 10_000,
        "amount_received": 0,
        "cancellation_reason": None,
        "capture_method": "manual",
        "created": 1_800_000_000,
        "currency": "cny",
        "last_payment_error": None,
        "latest_charge": {
            "id": "ch_1",
            "object": "charge",
            "created": 1_800_000_000,
            "payment_method_details": {
                "type": "card",
                "card": {"fingerprint": "Xt5EWLLDS7FJjR1c", "capture_before": 1_800_500_000},
            },
            "status": "succeeded",
        },
        "metadata": {"operation": "hold-1", "payer": "bidder-1"},
        "payment_method": "pm_1",
        "status": "requires_capture",
        **other,
    }


def refund(**other: Any) -> dict[str, Any]:
    """A refund of 4,000 fen."""
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 4_000,
        "currency": "cny",
        "metadata": {"operation": "refund-1"},
        "payment_intent": "pi_1",
        "status": "succeeded",
        **other,
    }


def event(kind: str, about: Mapping[str, Any]) -> bytes:
    """A webhook's body."""
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": about}}).encode()
