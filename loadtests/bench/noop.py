"""The baseline of the HTTP benchmark: an ASGI app that reads a POST and answers with as many bytes as a receipt has."""

import sys

import uvloop
from starlette.types import Receive, Scope, Send

from api.http.server import ApiServer, bind, serve

BODY = b'{"lot_id":"bench-001","seq":123456,"amount_fen":12345600,"price_fen":12345600,' + b" " * 214 + b"}"
START = {
    "type": "http.response.start",
    "status": 201,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())],
}
END = {"type": "http.response.body", "body": BODY}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole request and answer."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(END)


if __name__ == "__main__":
    with bind("127.0.0.1", int(sys.argv[1])) as listener:
        uvloop.run(serve(ApiServer(app), listener))
