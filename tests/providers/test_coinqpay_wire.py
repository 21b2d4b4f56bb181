"""CoinQ Pay's envelope: at every HTTP status, and with its error wherever that may stand."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.coinqpay.errors import CODES
from worker.providers.coinqpay.wire import Failure, Result, read_envelope
from worker.providers.http import Answer
from worker.providers.protocol import Unreadable
from worker.providers.reading import clean_message

STATUSES = [200, 201, 400, 401, 403, 404, 429, 500, 503]


def read(body: object, status: int = 200) -> Result | Failure:
    return read_envelope(Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode()))


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("result", [{}, [], {"id": "1"}, [{"coin": "ETH"}], None])
def test_a_success_is_its_result_at_any_status(result: object, status: int) -> None:
    assert read({"success": True, "result": result, "more": 1}, status) == Result(result)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("code", CODES)
def test_an_error_is_its_code_and_words_at_any_status(code: int, status: int) -> None:
    body = {"success": False, "error_code": code, "error_description": "words", "error_id": "e-1"}
    assert read(body, status) == Failure(status, code, "words")


PLACES: dict[str, tuple[dict[str, Any], Failure]] = {
    "error_code and error_message": ({"error_code": 12007, "error_message": "a"}, Failure(200, 12007, "a")),
    "code and message": ({"code": 12007, "message": "a"}, Failure(200, 12007, "a")),
    "code and msg": ({"code": 12007, "msg": "a"}, Failure(200, 12007, "a")),
    "inside error": ({"error": {"code": 12007, "message": "a"}}, Failure(200, 12007, "a")),
    "words beside error": ({"error": {"code": 12007}, "message": "a"}, Failure(200, 12007, "a")),
    "the code as text": ({"error_code": "12007"}, Failure(200, 12007, "")),
    "error_code before code": ({"code": 400, "error_code": 12007}, Failure(200, 12007, "")),
    "code before error": ({"error": {"code": 1}, "code": 12007}, Failure(200, 12007, "")),
    "a code that is none, then one": ({"error_code": "", "code": 12007}, Failure(200, 12007, "")),
    "error as text": ({"error": "oh", "code": 12007}, Failure(200, 12007, "")),
    "description before message": (
        {"code": 1, "message": "b", "error_description": "a"},
        Failure(200, 1, "a"),
    ),
    "words that are none, then some": ({"code": 1, "error_description": None, "msg": "a"}, Failure(200, 1, "a")),
    "empty words, then some": ({"code": 1, "error_message": "\n", "msg": "a"}, Failure(200, 1, "a")),
    "words that are no text": ({"code": 1, "message": {"en": "a"}}, Failure(200, 1, "")),
    "an empty result": ({"code": 1, "result": None}, Failure(200, 1, "")),
    "code zero": ({"code": 0}, Failure(200, 0, "")),
}


@pytest.mark.parametrize("success", [{"success": False}, {}], ids=["called a failure", "called nothing"])
@pytest.mark.parametrize(("body", "failure"), PLACES.values(), ids=PLACES.keys())
def test_an_error_is_found_wherever_it_may_stand(
    body: dict[str, Any], failure: Failure, success: dict[str, Any]
) -> None:
    assert read({**success, **body}) == failure


UNREADABLE: dict[str, object] = {
    "no JSON": b"<html>",
    "empty": b"",
    "half a JSON": b'{"success":true,"result":{"id":"18',
    "a trailing comma, as in the documented example": b'{"success": true, "result": {"create_time": 1720101293,}}',
    "a missing comma, as in the documented example": b'{"original_amount": "0.01" "pay_amount": "0.01"}',
    "a list": [],
    "text": "OK",
    "a number": 12007,
    "null": None,
    "an empty object": {},
    "a success without a result": {"success": True},
    "a success without a result, with a code": {"success": True, "code": 12007},
    "a failure without a code": {"success": False, "message": "a"},
    "a failure with a result": {"success": False, "code": 12007, "result": {"id": "1"}},
    "a code with a result": {"code": 12007, "result": {"id": "1"}},
    "success as text": {"success": "true", "result": {}},
    "success as a number": {"success": 1, "result": {}},
    "success as null": {"success": None, "code": 12007},
    "the code true": {"success": False, "code": True},
    "the code with a fraction": {"success": False, "code": 12007.0},
    "the code negative": {"success": False, "code": -1},
    "the code a word": {"success": False, "code": "E12007"},
    "the code of other digits": {"success": False, "code": "１２００７"},
    "the code with a line break": {"success": False, "code": "12007\n"},
    "the code endless": {"success": False, "code": 10**12},
    "a number of thousands of digits": b'{"code":' + b"1" * 5000 + b"}",
    "a number of an exponent beyond all": b'{"success":true,"result":1e99999999999999999999}',
    "not UTF-8": b'{"success":true,"result":"\xff"}',
    "UTF-16": '{"success":true,"result":1}'.encode("utf-16"),
    "nested too deeply": b"[" * 200_000,
    "NaN": b'{"success":true,"result":NaN}',
    "the result twice": b'{"success":true,"result":{"id":"1"},"result":{"id":"2"}}',
    "an amount twice": b'{"success":true,"result":{"amount":"1","amount":"2"}}',
}


@pytest.mark.parametrize("status", [200, 403, 502])
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_anything_else_cannot_be_read(body: object, status: int) -> None:
    with pytest.raises(Unreadable, match=f"^HTTP status {status} with"):
        read(body, status)


def test_numbers_in_a_result_stay_exact() -> None:
    body = b'{"success":true,"result":{"id":1816745214862295041,"amount":0.1000000000000000055511151231257827}}'
    assert read(body) == Result(
        {"id": 1816745214862295041, "amount": Decimal("0.1000000000000000055511151231257827")}
    )


def test_the_providers_words_are_cut_and_cleaned() -> None:
    failure = read({"success": False, "code": 12007, "message": "a\nb\x00\u202e\ud800" + "x" * 1000})
    assert failure == Failure(200, 12007, "ab" + "x" * 298)


@given(st.text())
def test_cleaned_words_can_be_stored_and_shown(text: str) -> None:
    cleaned = clean_message(text)
    assert cleaned.isprintable()
    assert len(cleaned) <= 300
    cleaned.encode()


@given(st.binary(max_size=200), st.sampled_from(STATUSES))
def test_no_bytes_at_all_do_anything_but_read_or_not(body: bytes, status: int) -> None:
    with pytest.raises(Unreadable):
        read_envelope(Answer(status, body))
