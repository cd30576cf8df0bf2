import json

import pytest

from api.bids.body import offer_of
from api.http.bodies import BODY_BYTES_MAX, BodyMalformed, is_json, is_too_long, quoted, read_json
from api.http.problems import Unacceptable

WRONG = [
    # what is sent, the code it is answered with, the field it names
    (b'{"amount_fen": 0}', "out-of-range", "amount_fen"),
    (b'{"amount_fen": -1}', "out-of-range", "amount_fen"),
    (b'{"amount_fen": -0}', "out-of-range", "amount_fen"),
    (b'{"amount_fen": 10000000000001}', "out-of-range", "amount_fen"),
    (b'{"amount_fen": 9007199254740993}', "out-of-range", "amount_fen"),
    (b'{"amount_fen": 99999999999999999999999999999999999}', "out-of-range", "amount_fen"),
    (b'{"amount_fen": 1.5}', "wrong-type", "amount_fen"),
    (b'{"amount_fen": 100.0}', "wrong-type", "amount_fen"),
    (b'{"amount_fen": 1e3}', "wrong-type", "amount_fen"),
    (b'{"amount_fen": 1e999}', "wrong-type", "amount_fen"),
    (b'{"amount_fen": "100"}', "wrong-type", "amount_fen"),
    (b'{"amount_fen": true}', "wrong-type", "amount_fen"),
    (b'{"amount_fen": null}', "wrong-type", "amount_fen"),
    (b'{"amount_fen": [100]}', "wrong-type", "amount_fen"),
    (b'{"amount_fen": {"amount_fen": 100}}', "wrong-type", "amount_fen"),
    (b"{}", "missing-field", "amount_fen"),
    (b'{"Amount_fen": 100}', "unknown-field", "Amount_fen"),
    (b'{"amount_fen": 100, "currency": "CNY"}', "unknown-field", "currency"),
    (b'{"amount_fen": 100, "amount_fen": 100}', "duplicate-field", "amount_fen"),
    (b'{"amount_fen": 100, "amount\\u005ffen": 200}', "duplicate-field", "amount_fen"),
    (b'{"amount_fen": NaN}', "malformed", ""),
    (b'{"amount_fen": Infinity}', "malformed", ""),
    (b'{"amount_fen": 0100}', "malformed", ""),
    (b'{"amount_fen": 0x64}', "malformed", ""),
    (b'{"amount_fen": 100,}', "malformed", ""),
    (b'{"amount_fen": 100', "malformed", ""),
    (b'{"amount_fen": 100} {}', "malformed", ""),
    (b"{'amount_fen': 100}", "malformed", ""),
    (b"amount_fen=100", "malformed", ""),
    (b"", "malformed", ""),
    (b"   ", "malformed", ""),
    (b"\xff", "malformed", ""),
    (b'\xef\xbb\xbf{"amount_fen": 100}', "malformed", ""),
    ('{"amount_fen": 100}'.encode("utf-16"), "malformed", ""),
    (b'{"amount_fen": ' + b"9" * 5000 + b"}", "malformed", ""),
    (b'{"amount_fen": ' + b"[" * 8000 + b"]" * 8000 + b"}", "malformed", ""),
    (b'{"amount_fen": 100, "\\u0000": 1}', "wrong-text", ""),
    (b'{"amount_fen": "\\u0000"}', "wrong-text", "amount_fen"),
    (b'{"amount_fen": "\\ud800"}', "wrong-text", "amount_fen"),
    (b"100", "wrong-type", ""),
    (b"null", "wrong-type", ""),
    (b"[]", "wrong-type", ""),
    (b'[{"amount_fen": 100}]', "wrong-type", ""),
    (b'"amount_fen"', "wrong-type", ""),
]


@pytest.mark.parametrize("raw", [b'{"amount_fen":1}', b' {"amount_fen" : 1 }\n', b'{"amount\\u005ffen":1}'])
def test_a_whole_number_of_fen_is_an_amount(raw):
    assert offer_of(raw) == (1, False)


def test_the_largest_amount_is_exact():
    assert offer_of(b'{"amount_fen":10000000000000}') == (10**13, False)


@pytest.mark.parametrize("raw, code, field", WRONG, ids=[raw[:40].decode("latin-1") for raw, _, _ in WRONG])
def test_any_other_body_is_told_what_is_wrong_with_it(raw, code, field):
    with pytest.raises(Unacceptable) as refused:
        offer_of(raw)

    problem = refused.value.problem
    content = json.loads(problem.body())
    assert (problem.code, problem.status, content["field"]) == (code, 422, field)
    assert content["detail"].endswith(".")
    assert len(problem.body()) < 1000
    assert content["errors"][0] == {"field": field, "code": code, "detail": content["detail"]}


def test_every_fault_of_a_bid_is_named_the_first_leads():
    with pytest.raises(Unacceptable) as refused:
        offer_of(b'{"amount_fen": "100", "currency": "CNY"}')

    assert [(e["field"], e["code"]) for e in refused.value.problem.facts["errors"]] == [
        ("currency", "unknown-field"),
        ("amount_fen", "wrong-type"),
    ]


@pytest.mark.parametrize(
    "raw, code, field",
    [
        ('{"terms": {"a": 1, "a": 2}}', "duplicate-field", "a"),
        ('{"terms": {"list": ["\\u0000"]}}', "wrong-text", "terms.list[0]"),
        ('{"terms": {"b": "\\udfff"}}', "wrong-text", "terms.b"),
        ("[" * 17 + "]" * 17, "malformed", ""),
        ("[" * 100_000, "malformed", ""),
        ('{"a": -' + "1" * 101 + "}", "malformed", ""),
    ],
)
def test_json_with_tricks_is_refused_wherever_it_is(raw, code, field):
    with pytest.raises(BodyMalformed) as refused:
        read_json(raw.encode())

    assert (refused.value.fault.code, refused.value.fault.field) == (code, field)


def test_other_json_is_read_as_it_is():
    value = {"a": [1, -2.5, None, True, "文", {"b": {}}], "c": 10**99, "": "\u2028"}

    assert read_json(json.dumps(value).encode()) == value
    assert read_json(b"[" * 15 + b"1" + b"]" * 15) is not None


@pytest.mark.parametrize(
    "length, too_long",
    [(b"0", False), (b"16384", False), (b"00016384", False), (b"16385", True), (b"1000000", True), (b"9" * 30, True)],
)
def test_a_length_over_the_limit_is_seen_before_the_body(length, too_long):
    assert BODY_BYTES_MAX == 16_384
    assert is_too_long(length) is too_long


@pytest.mark.parametrize(
    "content_type, is_one",
    [
        (b"application/json", True),
        (b"Application/JSON; charset=utf-8", True),
        (b"application/json ;x", True),
        (b"application/jsonp", False),
        (b"text/json", False),
        (b"", False),
    ],
)
def test_only_json_is_json(content_type, is_one):
    assert is_json(content_type) is is_one


def test_what_is_shown_of_a_value_is_short_and_can_be_sent():
    assert quoted("x" * 1000) == '"' + "x" * 56 + "..."
    assert quoted("\ud800") == '"?"'
    assert quoted(b"raw") == '"bytes"'
    assert quoted({1j: 2}) == "dict"
