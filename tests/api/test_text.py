"""What no text may hold is refused wherever a request takes text, and what is accepted comes back whole."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auction.domain.text import NAME, TextRefused
from auction.services.identity.accounts import create_account
from auction.services.identity.tokens import Role
from tests.api.conftest import OPS, new_key, signed

PASSWORD = "correct horse battery"
# a control, a tab, two blanks that are not the ordinary one, a joiner, a bidi mark and override, a filler, half a character
CHARACTERS = ["\0", "\t", "\n", "\xa0", "\u3000", "\u200b", "\u200d", "\u200f", "\u202e", "\u3164", "\ufeff", "\ud800"]
# one application serves all examples of a test
SHARED: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


OF_FINANCE = tuple(
    f"/api/v1/ops/{subject}"
    for subject in ("settlements", "journal", "audit", "receipts", "transfers", "statement", "exceptions")
)


@dataclass(frozen=True)
class TextField:
    """One place where an operation of the API takes text."""

    method: str
    path: str
    place: str
    """body, form, path or query."""
    name: str
    others: dict[str, Any]
    """The other fields of the body, with the values of the page's examples."""
    numbers: frozenset[str] = frozenset()
    """The parameters of the path that are whole numbers."""
    needed: frozenset[str] = frozenset()
    """The parameters of the query that a request has to have."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.name} ({self.place})"

    def request(self, text: str) -> dict[str, Any]:
        """The arguments of a request with that text in this field."""
        ids = {"lot_id": "launch-001", "sale_id": "launch", **dict.fromkeys(self.numbers, "1")}
        path = self.path
        for name in [part[1:-1] for part in self.path.split("/") if part.startswith("{")]:
            value = text if self.place == "path" and name == self.name else ids.get(name, "some-id")
            path = path.replace(f"{{{name}}}", quote(value.encode("utf-8", "surrogatepass"), safe=""))
        asked = {name: ids.get(name, "some-id") for name in self.needed}
        if self.place == "query":
            asked[self.name] = text
        if asked:
            given = (
                f"{name}={quote(value.encode('utf-8', 'surrogatepass'), safe='')}" for name, value in asked.items()
            )
            path += f"?{'&'.join(given)}"
        request: dict[str, Any] = {"method": self.method, "url": path, "headers": self._headers()}
        if self.place == "form":
            fields = {**self.others, self.name: text}
            request["content"] = "&".join(
                f"{name}={quote(value.encode('utf-8', 'surrogatepass'), safe='')}" for name, value in fields.items()
            )
            request["headers"]["Content-Type"] = "application/x-www-form-urlencoded"
        elif self.method in {"POST", "PUT"}:
            body = {**self.others, self.name: text} if self.place == "body" else self.others
            request["content"] = json.dumps(body)
            request["headers"]["Content-Type"] = "application/json"
        return request

    def _headers(self) -> dict[str, str]:
        if self.path.startswith(OF_FINANCE):
            who = signed("fay", Role.FINANCE)
        else:
            who = OPS if self.path.startswith("/api/v1/ops") else signed()
        return {**who, "Idempotency-Key": new_key()}


def text_fields(page: Any) -> Iterator[TextField]:
    """Every place where the documented API takes text."""
    for path, operations in page["paths"].items():
        for method, operation in operations.items():
            numbers = frozenset(
                parameter["name"]
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "path" and parameter["schema"].get("type") == "integer"
            )
            needed = frozenset(
                parameter["name"]
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "query" and parameter.get("required")
            )
            contents = operation.get("requestBody", {}).get("content", {})
            for media_type, content in contents.items():
                place = "form" if "form" in media_type else "body"
                properties = _resolved(page, content["schema"]).get("properties", {})
                others = {name: _example(name, schema) for name, schema in properties.items()}
                others = {name: value for name, value in others.items() if value is not None}
                for name, schema in properties.items():
                    if _is_text(page, schema):
                        yield TextField(method.upper(), path, place, name, others, numbers, needed)
            body = {} if not contents else others
            for parameter in operation.get("parameters", ()):
                if parameter["in"] in {"path", "query"} and _is_text(page, parameter["schema"]):
                    yield TextField(method.upper(), path, parameter["in"], parameter["name"], body, numbers, needed)


def _resolved(page: Any, schema: Any) -> Any:
    for option in schema.get("anyOf", schema.get("oneOf", ())):
        if option.get("type") != "null":
            return _resolved(page, option)
    if "$ref" in schema:
        return _resolved(page, page["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return schema


def _is_text(page: Any, schema: Any) -> bool:
    resolved = _resolved(page, schema)
    return resolved.get("type") == "string" and "enum" not in resolved


def _example(name: str, schema: Any) -> Any:
    needed: dict[str, Any] = {"password": PASSWORD, "username": "ann", "lots": [{"lot_id": "launch-001"}]}
    if schema.get("type") == "integer":
        needed[name] = 1
    return schema.get("examples", [needed.get(name)])[0]


@pytest.fixture
async def fields(client: httpx.AsyncClient) -> list[TextField]:
    page = (await client.get("/openapi.json")).json()
    return list(text_fields(page))


def test_the_fields_that_the_other_tests_go_through_are_those_there_are(fields):
    names = {(field.place, field.name) for field in fields}
    assert {("body", "name"), ("body", "username"), ("form", "username"), ("form", "password")} <= names
    assert {("body", "title"), ("body", "sale_id"), ("body", "preset"), ("body", "reason")} <= names
    assert {("body", "delivery_centre"), ("body", "identity"), ("body", "payment_method")} <= names
    assert {("path", "lot_id"), ("path", "sale_id"), ("path", "award_id"), ("path", "offer_id")} <= names
    assert {("path", "bidder_id"), ("path", "provider"), ("query", "lot_id")} <= names
    assert len(fields) > 50


async def test_what_does_not_show_is_refused_in_every_field_over_http(asker, port, fields):
    await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)
    await asker.ops("/lots", {"sale_id": "launch", "title": "No. 001", "preset": "jd-flash"}, 201)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        for field in fields:
            # a secret may hold any character but NUL
            characters = ["\0"] if field.name == "password" else CHARACTERS
            for character in characters:
                answer = await http.request(**field.request(f"ab{character}cd"))
                told = f"{field}: U+{ord(character):04X} -> {answer.status_code} {answer.text}"
                if character == "\ud800" and field.place in {"path", "query"} and answer.status_code == 200:
                    # bytes that are no UTF-8 arrive as replacement characters: they may be searched for, or be a name
                    continue
                assert answer.headers["content-type"] == "application/problem+json", told
                problem = answer.json()
                if field.place == "path" and "statement-mappings" in field.path:
                    # the name of what is written there
                    assert (answer.status_code, problem["code"]) == (404, "not-found"), told
                elif field.place == "path":
                    assert (answer.status_code, problem["code"].endswith("-unknown")) == (404, True), told
                elif character == "\ud800" and field.place in {"form", "query"}:
                    # bytes that are no UTF-8 arrive as replacement characters
                    assert answer.status_code in {401, 422}, told
                else:
                    assert (answer.status_code, problem["code"]) == (422, "wrong-text"), told
                    assert problem["field"] == field.name, told
                    assert field.name in problem["detail"], told

    sales = (await asker.get("/sales", OPS)).json()["sales"]
    assert [(sale["title"], [lot["title"] for lot in sale["lots"]]) for sale in sales] == [("Launch day", ["No. 001"])]


async def test_a_refusal_says_which_character_it_is_and_what_is_allowed(asker):
    new = {"username": "ann", "password": PASSWORD, "name": "安\u3000娜"}

    answer = await asker.post("/auth/accounts", new)

    assert answer.json()["detail"] == (
        "name must not contain U+3000 (IDEOGRAPHIC SPACE): only visible characters and the ordinary space are allowed."
    )
    assert (await asker.post("/auth/session", {"username": "ann", "password": PASSWORD})).status_code == 401


async def test_an_id_in_a_path_that_nothing_can_have_is_told_what_ids_are(asker):
    award = (await asker.post("/me/awards/a%00b/payment", {}, {**signed(), "Idempotency-Key": new_key()})).json()
    lot = (await asker.get("/lots/UPPER")).json()
    bid = (await asker.post("/ops/lots/launch-001/bids/0/void", {"reason": "a mistake"}, OPS)).json()

    assert award["code"] == "award-unknown"
    assert "award_id must be 1 to 100 visible ASCII characters" in award["detail"]
    assert lot["code"] == "lot-unknown"
    assert "lot_id must be lower-case letters" in lot["detail"]
    assert bid["code"] == "not-found"
    assert "seq must be at least 1" in bid["detail"]


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/vnd.api+json; charset=utf-8"])
async def test_json_by_another_name_is_checked_like_json(client, media_type):
    async def answered(body):
        headers = {**OPS, "Content-Type": media_type}
        answer = await client.post("/api/v1/ops/lots", content=body, headers=headers)
        return answer.status_code, answer.json()["code"]

    assert await answered('{"sale_id": "s1", "title": "A", "terms": {"text": "\\u0000"}}') == (422, "wrong-text")
    assert await answered('{"sale_id": "s1", "sale_id": "s1", "title": "A"}') == (422, "duplicate-field")


@pytest.mark.parametrize(
    "path",
    ["/static/%00", "/static/js/%00.js", "/static/" + "x" * 5000, "/lots/%00", "/%00", "/static/%ff", "/ops/%00"],
)
async def test_a_path_that_no_file_can_have_is_not_a_fault(port, path):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        assert (await http.get(path)).status_code in {200, 404}


ACCEPTED_NAMES = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=NAME.length_max
)


@settings(max_examples=4, **SHARED)
@given(name=ACCEPTED_NAMES, number=st.integers(0, 10**9))
async def test_whoever_signs_up_under_an_accepted_name_signs_in_under_it(asker, name, number):
    try:
        expected = NAME.accept(name)
    except TextRefused:
        expected = None
    username = f"u{number}-{new_key()}"
    new = {"username": username, "password": PASSWORD, "name": name}

    created = await asker.post("/auth/accounts", new)

    if expected is None:
        assert (created.status_code, created.json()["code"]) == (422, "wrong-text")
        return
    assert (created.status_code, created.json()["name"]) == (201, expected)
    token = await asker.http.post("/api/v1/auth/token", data={"username": username, "password": PASSWORD})
    assert token.status_code == 200
    answer = await asker.get("/auth/session", {"Authorization": f"Bearer {token.json()['access_token']}"})
    assert answer.json()["identity"]["name"] == expected


@settings(**SHARED)
@given(data=st.data(), text=st.text(st.characters(codec=None), max_size=600))
async def test_no_text_in_any_field_is_a_fault_of_the_server(client, fields, data, text):
    field = data.draw(st.sampled_from(fields))

    answer = await client.request(**field.request(text))

    assert answer.status_code < 500, f"{field}: {answer.text}"


STORED = [
    # a name that an account was created with before there was the rule, and what its owner goes by now
    ("王\u3000小明", "王 小明"),
    ("Ann\xa0Lee", "Ann Lee"),
    ("Ann\tLee", "Ann Lee"),
    ("A\u200dn\u202en", "Ann"),
    ("\u200b\u202e", "ann"),
    ("x" * 300, "x" * 100),
]


@pytest.mark.parametrize("stored, shown", STORED, ids=["ideographic", "no-break", "tab", "joiner", "nothing", "long"])
async def test_an_account_whose_stored_name_breaks_the_rule_signs_in_and_takes_part(
    asker, context, books_url, stored, shown
):
    await create_account(context, username="ann", password=PASSWORD, name="Ann", subject="ann")
    connection = await asyncpg.connect(books_url.replace("postgresql+asyncpg://", "postgresql://"))
    await connection.execute("UPDATE accounts SET name = $1", stored)
    await connection.close()
    lot_id = await asker.open_lot(bidders=())

    answer = await asker.http.post("/api/v1/auth/token", data={"username": "ann", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await asker.get("/auth/session", bearer)).json()["identity"]["name"] == shown
    assert (await asker.post("/auth/live-token", None, bearer)).status_code == 200
    registered = await asker.post(f"/lots/{lot_id}/registrations", {"accept_terms": True}, bearer)
    assert registered.status_code == 201
    session = await asker.post("/auth/session", {"username": "ann", "password": PASSWORD})
    assert session.json()["identity"]["name"] == shown
