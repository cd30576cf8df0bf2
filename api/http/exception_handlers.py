"""Exception handlers of FastAPI: typed errors, invalid input, unknown paths and methods become problem responses."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.http.bodies import quoted
from api.http.problems import MEDIA_TYPE, Fault, Header, HttpCode, Problem, Unacceptable, problem_of, problem_of_faults
from api.schemas.text import PATTERNS_IN_WORDS, REFUSED
from auction.domain.errors import AuctionError

_HTTP_CODES: Mapping[int, HttpCode] = {
    401: HttpCode.UNAUTHORIZED,
    403: HttpCode.FORBIDDEN,
    404: HttpCode.NOT_FOUND,
    405: HttpCode.METHOD_NOT_ALLOWED,
    413: HttpCode.PAYLOAD_TOO_LARGE,
    415: HttpCode.UNSUPPORTED_MEDIA_TYPE,
    422: HttpCode.MALFORMED,
}
_VALIDATION_ERRORS: Mapping[str, tuple[HttpCode, str]] = {
    # pydantic's type of error: our code, and the sentence after the field's name
    "missing": (HttpCode.MISSING_FIELD, "is missing"),
    "extra_forbidden": (HttpCode.UNKNOWN_FIELD, "is not a field of this request"),
    "int_type": (HttpCode.WRONG_TYPE, "must be a whole number"),
    "int_parsing": (HttpCode.WRONG_TYPE, "must be a whole number"),
    "int_from_float": (HttpCode.WRONG_TYPE, "must be a whole number"),
    "int_parsing_size": (HttpCode.OUT_OF_RANGE, "is larger than any number that is accepted"),
    "bool_type": (HttpCode.WRONG_TYPE, "must be true or false"),
    "string_type": (HttpCode.WRONG_TYPE, "must be text"),
    "list_type": (HttpCode.WRONG_TYPE, "must be a list"),
    "too_short": (HttpCode.OUT_OF_RANGE, "must have at least {min_length} entries"),
    "too_long": (HttpCode.OUT_OF_RANGE, "must have at most {max_length} entries"),
    "dict_type": (HttpCode.WRONG_TYPE, "must be an object"),
    "model_type": (HttpCode.WRONG_TYPE, "must be an object"),
    "model_attributes_type": (HttpCode.WRONG_TYPE, "must be an object"),
    "enum": (HttpCode.WRONG_TEXT, "must be one of {expected}"),
    "greater_than_equal": (HttpCode.OUT_OF_RANGE, "must be at least {ge}"),
    "less_than_equal": (HttpCode.OUT_OF_RANGE, "must be at most {le}"),
    "string_too_short": (HttpCode.WRONG_TEXT, "must have at least {min_length} characters"),
    "string_too_long": (HttpCode.WRONG_TEXT, "must have at most {max_length} characters"),
    "string_pattern_mismatch": (HttpCode.WRONG_TEXT, "must match {pattern}"),
    REFUSED: (HttpCode.WRONG_TEXT, "{reason}"),
}


class ProblemResponse(Response):
    """A problem as a Starlette response."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.body(), problem.status)
        self.raw_headers.extend([(b"cache-control", b"no-store"), *problem.headers])


def install(app: FastAPI) -> None:
    """Adds the handlers to an application. Unexpected exceptions are left to `RequestMiddleware`."""
    app.exception_handler(AuctionError)(_on_auction_error)
    app.exception_handler(Unacceptable)(_on_unacceptable)
    app.exception_handler(RequestValidationError)(_on_validation_error)
    app.exception_handler(HTTPException)(_on_http_exception)


async def _on_auction_error(_request: Request, error: AuctionError) -> Response:
    return ProblemResponse(problem_of(error))


async def _on_unacceptable(_request: Request, error: Unacceptable) -> Response:
    return ProblemResponse(error.problem)


async def _on_validation_error(_request: Request, error: RequestValidationError) -> Response:
    found: Sequence[Mapping[str, Any]] = error.errors()
    in_path = [_fault(one) for one in found if one["loc"][0] == "path"]
    if in_path:
        return ProblemResponse(Problem(HttpCode.NOT_FOUND, f"There is nothing at this path: {in_path[0].detail}"))
    if any(tuple(one["loc"]) == ("body",) and isinstance(one["input"], bytes) for one in found):
        detail = "The body must be JSON: send it with Content-Type: application/json."
        return ProblemResponse(Problem(HttpCode.UNSUPPORTED_MEDIA_TYPE, detail, {"allowed": ["application/json"]}))
    return ProblemResponse(problem_of_faults([_fault(one) for one in found]))


def _fault(error: Mapping[str, Any]) -> Fault:
    field = _path(error["loc"][1:])
    code, what = _VALIDATION_ERRORS.get(error["type"], (HttpCode.MALFORMED, "is not acceptable"))
    if error["type"] == "value_error":
        # raised by one of our validators, with a complete sentence
        return Fault(field, code, str(error["ctx"]["error"]))
    if error["type"] == "string_pattern_mismatch":
        what = PATTERNS_IN_WORDS.get(error["ctx"]["pattern"], what)
    sentence = f"{field or 'The body'} {what.format(**error.get('ctx', {}))}"
    if code in {HttpCode.WRONG_TYPE, HttpCode.OUT_OF_RANGE}:
        sentence += f", got {quoted(error['input'])}"
    return Fault(field, code, f"{sentence}.")


def _path(location: Sequence[str | int]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{quoted(part)[1:-1]}" if path else quoted(part)[1:-1]
    return path


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    code = _HTTP_CODES.get(error.status_code)
    if code is HttpCode.METHOD_NOT_ALLOWED:
        allowed = _allowed_methods(request, error)
        detail = f"{request.method} is not allowed here; allowed: {', '.join(allowed)}."
        allow: Header = (b"allow", ", ".join(allowed).encode())
        return ProblemResponse(Problem(code, detail, {"allowed": allowed}, (allow,)))
    if code is HttpCode.NOT_FOUND:
        return ProblemResponse(Problem(code, "There is nothing at this path."))
    fallback = HttpCode.INTERNAL_ERROR if error.status_code >= 500 else HttpCode.REQUEST_REFUSED
    return ProblemResponse(Problem(code or fallback, str(error.detail)))


def _allowed_methods(request: Request, error: HTTPException) -> list[str]:
    """Every method of the path; Starlette's exception lists only those of the first route that matched.

    Of a path that fits several templates, those of the template with the fewest parameters.
    """
    found: dict[int, set[str]] = {}
    for template, operations in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), request.url.path):
            found.setdefault(template.count("{"), set()).update(method.upper() for method in operations)
    if found:
        return sorted(found[min(found)])
    return sorted(set((error.headers or {}).get("Allow", "").replace(" ", "").split(",")) - {""})
