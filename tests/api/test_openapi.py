"""The OpenAPI page against the API: what is not documented does not happen."""

import asyncio
import sys
from typing import Any

import httpx
import pytest

from api.http.problems import ROWS
from tests.api.conftest import OPS, TERMS, signed

# JSON Schema takes 100.0 for an integer and cannot say which terms contradict themselves; this house is stricter
STRICTER = "positive_data_acceptance"


@pytest.fixture
async def page(client: httpx.AsyncClient) -> Any:
    return (await client.get("/openapi.json")).json()


async def explored(port: int, tmp_path, *options: str) -> None:
    address = f"http://127.0.0.1:{port}/openapi.json"
    async with httpx.AsyncClient(timeout=300.0, trust_env=False) as client:
        # the document is made when it is first asked for, and schemathesis does not wait long for it
        assert (await client.get(address)).status_code == 200
    command = ["run", address, "--checks", "all", "--exclude-checks", STRICTER, "--continue-on-failure", "--no-color"]
    command += ["--request-timeout", "300"]
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        *command,
        *options,
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()


@pytest.mark.parametrize("examples", [3, pytest.param(20, marks=pytest.mark.slow)])
async def test_what_anyone_and_bidders_may_ask_is_as_documented(asker, port, tmp_path, examples):
    await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)
    await asker.ops("/lots", {"sale_id": "launch", "title": "No. 001", "terms": TERMS}, 201)
    await asker.ops("/lots/launch-001/open", {"duration_ms": 3_600_000})
    await asker.register("launch-001")

    bidder = [
        "--header",
        f"Authorization: {signed()['Authorization']}",
        "--exclude-path-regex",
        "^/api/v1/(ops|auth/session)",
    ]
    await explored(port, tmp_path, *bidder, "--phases", "examples,coverage,fuzzing", "--max-examples", str(examples))


@pytest.mark.parametrize("examples", [2, pytest.param(10, marks=pytest.mark.slow)])
async def test_what_staff_may_ask_is_as_documented(asker, port, tmp_path, examples):
    await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)

    staff = ["--header", f"Authorization: {OPS['Authorization']}", "--include-path-regex", "^/api/v1/ops"]
    await explored(
        port, tmp_path, *staff, "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples)
    )


def test_every_route_documents_its_problems_as_problems(page):
    for path, operations in page["paths"].items():
        for method, operation in operations.items():
            failing = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
            assert {"413", "422", "500"} <= set(failing), (method, path)
            for status, answer in failing.items():
                media = "application/json" if (path, status) == ("/readyz", "503") else "application/problem+json"
                assert list(answer["content"]) == [media], (method, path, status)
    assert "HTTPValidationError" not in page["components"]["schemas"]
    assert page["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(ROWS)


def test_the_bid_is_documented_with_its_key_its_body_and_both_answers(page):
    bid = page["paths"]["/api/v1/lots/{lot_id}/bids"]["post"]

    assert {"200", "201", "401", "403", "404", "409", "413", "415", "422", "429", "500", "503"} == set(bid["responses"])
    assert [(one["name"], one["required"]) for one in bid["parameters"]] == [
        ("lot_id", True),
        ("Idempotency-Key", True),
    ]
    forms = bid["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    for body, (name, least) in zip(forms, {"amount_fen": 1, "maximum_fen": 0}.items(), strict=True):
        amount = body["properties"][name]
        assert (amount["type"], amount["minimum"], amount["maximum"]) == ("integer", least, 10**13)
        assert body["additionalProperties"] is False
    assert bid["security"] == [{"token": []}]
    assert "lot-unknown" in bid["responses"]["404"]["description"]


def test_who_may_ask_is_documented(page):
    def security(method, path):
        return page["paths"][f"/api/v1{path}"][method].get("security")

    assert security("post", "/ops/sales") == [{"token": []}]
    assert security("get", "/me/registrations") == [{"token": []}]
    assert security("get", "/lots/{lot_id}") == [{}, {"token": []}]
    assert security("get", "/config") is None
