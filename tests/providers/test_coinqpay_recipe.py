"""The recipe of a CoinQ Pay signature: what it refuses to be, and the text and time that it makes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.coinqpay.recipe import Recipe, TimeUnit, text_of, timestamp_of

PIPES = "{method}|{path}|{timestamp}|{params}|{body}"
RECIPE = Recipe("X-Key", "X-Time", "X-Signature", PIPES, "none", "ms", "hex")

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an empty header name": ({"key_header": ""}, "key_header"),
    "a header name with a space": ({"time_header": "X Time"}, "time_header"),
    "a header name with a colon": ({"signature_header": "X:"}, "signature_header"),
    "a header name with a line break": ({"signature_header": "X-Signature\n"}, "signature_header"),
    "a header name beyond ASCII": ({"key_header": "Schlüssel"}, "key_header"),
    "two headers of one name": ({"time_header": "X-Key"}, "time_header"),
    "two headers that differ in case alone": ({"signature_header": "x-time"}, "signature_header"),
    "a header of the HTTP client": ({"key_header": "HOST"}, "key_header"),
    "a part nobody knows": ({"template": PIPES + "{nonce}"}, "template"),
    "a part in capitals": ({"template": PIPES + "{BODY}"}, "template"),
    "a part with a format": ({"template": PIPES + "{body!r}"}, "template"),
    "a part with an attribute": ({"template": PIPES + "{body.decode}"}, "template"),
    "an empty part": ({"template": PIPES + "{}"}, "template"),
    "an open brace": ({"template": PIPES + "{"}, "template"),
    "a closed brace": ({"template": "}" + PIPES}, "template"),
    "doubled braces": ({"template": "{{path}}{timestamp}{body}"}, "template"),
    "no timestamp": ({"template": "{path}{body}"}, "template"),
    "no path": ({"template": "{timestamp}{body}"}, "template"),
    "no body": ({"template": "{timestamp}{path}"}, "template"),
    "an empty template": ({"template": ""}, "template"),
    "an unknown hash": ({"prehash": "md5"}, "prehash"),
    "an unknown time unit": ({"time_unit": "us"}, "time_unit"),
    "an unknown encoding": ({"encoding": "base32"}, "encoding"),
}


@pytest.mark.parametrize(("changes", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_sign_a_request_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: must|^{field}: may"):
        replace(RECIPE, **changes)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (PIPES, b"POST|/api/v1/payout|17|a=b|{}"),
        ("{body}{timestamp}{path}", b"{}17/api/v1/payout"),
        ("{timestamp}\n{path}?{params}\n{body}\n", b"17\n/api/v1/payout?a=b\n{}\n"),
        ("§{timestamp}{path}{body}{body}", "§17/api/v1/payout{}{}".encode()),
    ],
)
def test_the_parts_stand_where_the_template_has_them(template: str, text: bytes) -> None:
    recipe = replace(RECIPE, template=template)
    assert text_of(recipe, "POST", "/api/v1/payout", "17", "a=b", b"{}") == text


def test_a_part_that_is_missing_leaves_its_separators() -> None:
    assert text_of(RECIPE, "GET", "/p", "17", "", b"") == b"GET|/p|17||"


def test_a_body_that_reads_like_a_template_is_signed_as_it_is() -> None:
    body = b'{"order_id":"{timestamp}{path}{body}","amount":"{0}"}\xff'
    assert text_of(RECIPE, "POST", "/p", "17", "{body}", body) == b"POST|/p|17|{body}|" + body


@given(st.binary(), st.text("{}abodyptimes", max_size=20))
def test_the_signed_text_ends_with_exactly_the_body(body: bytes, params: str) -> None:
    assert text_of(RECIPE, "GET", "/p", "1", params, body) == f"GET|/p|1|{params}|".encode() + body


@pytest.mark.parametrize(
    ("at", "unit", "text"),
    [
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), "s", "1700000000"),
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), "ms", "1700000000000"),
        (datetime(2023, 11, 14, 22, 13, 20, 999_999, tzinfo=UTC), "s", "1700000000"),
        (datetime(2023, 11, 14, 22, 13, 20, 1_999, tzinfo=UTC), "ms", "1700000000001"),
        (datetime(2023, 11, 15, 0, 13, 20, tzinfo=timezone(timedelta(hours=2))), "s", "1700000000"),
        (datetime(2099, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), "ms", "4102444799999"),
    ],
)
def test_a_moment_is_cut_to_its_unit(at: datetime, unit: TimeUnit, text: str) -> None:
    assert timestamp_of(replace(RECIPE, time_unit=unit), at) == text


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        timestamp_of(RECIPE, datetime(2023, 11, 14))  # noqa: DTZ001 - this is what must not pass
