"""CoinQ Pay's error codes, all that are documented, and what each says about a request that moves money.

The code of an answer speaks of that request alone. Anything that is not listed promises nothing.
"""

from worker.providers.meaning import Meaning

_REFUSED = {
    12002: "coin_not_supported",
    12007: "balance_insufficient",
    12011: "amount_too_small",
    12012: "address_invalid",
    # Of a payout, the address that was given; of a withdrawal, presumably that none is bound at the provider. Either
    # way nothing left, and the same again cannot do better before a person has changed something.
    12015: "address_not_found",
    12204: "coin_precision_exceeded",
}
_LATER = {
    1004: "request_expired",
    12008: "coin_unavailable",
}
_OPERATOR = {
    1002: "method_not_supported",
    12000: "signature_missing",
    12001: "signature_refused",
    12003: "permission_denied",
    12005: "key_without_permission",
    12006: "ip_not_allowed",
    12010: "account_frozen",
}
_UNCERTAIN = {
    1000: "internal_error",
    # "Unexpected request" does not say that it was not carried out.
    1003: "unexpected_request",
    # An identical copy was received before, and may have been carried out.
    1005: "replay_detected",
}
# They answer look-ups. To a request that moves money they say nothing that can be relied on.
_NOT_FOUND = {
    12004: "transaction_not_found",
    12016: "order_not_found",
}
_DUPLICATE = {
    12017: "order_duplicate",
}

CODES: dict[int, tuple[Meaning, str]] = {
    code: (meaning, name)
    for meaning, names in (
        (Meaning.REFUSED, _REFUSED),
        (Meaning.LATER, _LATER),
        (Meaning.OPERATOR, _OPERATOR),
        (Meaning.UNCERTAIN, _UNCERTAIN | _NOT_FOUND),
        (Meaning.DUPLICATE, _DUPLICATE),
    )
    for code, name in names.items()
}

TRANSACTION_NOT_FOUND = 12004
ORDER_NOT_FOUND = 12016
NOT_FOUND = frozenset(_NOT_FOUND)


def judge(status: int, code: int) -> tuple[Meaning, str]:
    """What an error says of the request that moves money, and its name, by its HTTP status and its code.

    Which status an error comes with is not documented. One of 500 or more speaks of a fault inside the provider:
    whatever code comes with it, the request may have been carried out.
    """
    meaning, name = CODES.get(code, (Meaning.UNCERTAIN, "unlisted_code"))
    return (Meaning.UNCERTAIN if status >= 500 else meaning), name
