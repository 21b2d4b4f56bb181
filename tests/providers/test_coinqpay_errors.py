"""CoinQ Pay's error codes: each one that is documented has one meaning, and nothing else promises anything."""

import pytest

from worker.providers.coinqpay.errors import CODES, NOT_FOUND, ORDER_NOT_FOUND, TRANSACTION_NOT_FOUND, judge
from worker.providers.meaning import Meaning

# Written out a second time, so that a slip in the table itself is seen.
MEANINGS = {
    1000: (Meaning.UNCERTAIN, "internal_error"),
    1002: (Meaning.OPERATOR, "method_not_supported"),
    1003: (Meaning.UNCERTAIN, "unexpected_request"),
    1004: (Meaning.LATER, "request_expired"),
    1005: (Meaning.UNCERTAIN, "replay_detected"),
    12000: (Meaning.OPERATOR, "signature_missing"),
    12001: (Meaning.OPERATOR, "signature_refused"),
    12002: (Meaning.REFUSED, "coin_not_supported"),
    12003: (Meaning.OPERATOR, "permission_denied"),
    12004: (Meaning.UNCERTAIN, "transaction_not_found"),
    12005: (Meaning.OPERATOR, "key_without_permission"),
    12006: (Meaning.OPERATOR, "ip_not_allowed"),
    12007: (Meaning.REFUSED, "balance_insufficient"),
    12008: (Meaning.LATER, "coin_unavailable"),
    12010: (Meaning.OPERATOR, "account_frozen"),
    12011: (Meaning.REFUSED, "amount_too_small"),
    12012: (Meaning.REFUSED, "address_invalid"),
    12015: (Meaning.REFUSED, "address_not_found"),
    12016: (Meaning.UNCERTAIN, "order_not_found"),
    12017: (Meaning.DUPLICATE, "order_duplicate"),
    12204: (Meaning.REFUSED, "coin_precision_exceeded"),
}


def test_every_documented_code_is_listed_and_no_other() -> None:
    assert CODES.keys() == MEANINGS.keys()


def test_every_code_has_a_name_of_its_own() -> None:
    assert len({name for _, name in CODES.values()}) == len(CODES)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429])
@pytest.mark.parametrize("code", MEANINGS)
def test_a_code_means_what_the_provider_means(code: int, status: int) -> None:
    assert judge(status, code) == MEANINGS[code]


@pytest.mark.parametrize("status", [500, 502, 503, 599])
@pytest.mark.parametrize("code", MEANINGS)
def test_a_fault_inside_the_provider_promises_nothing_whatever_its_code(code: int, status: int) -> None:
    assert judge(status, code) == (Meaning.UNCERTAIN, MEANINGS[code][1])


@pytest.mark.parametrize("code", [0, 200, 400, 1001, 12009, 12013, 12014, 12205, 99999])
def test_a_code_that_is_not_documented_promises_nothing(code: int) -> None:
    assert judge(200, code) == (Meaning.UNCERTAIN, "unlisted_code")


def test_look_ups_are_told_of_absence_by_two_codes() -> None:
    assert {TRANSACTION_NOT_FOUND, ORDER_NOT_FOUND} == {12004, 12016} == NOT_FOUND
