"""CCPayment's error codes, and what each says about a request that moves money.

The code of an answer speaks of that request alone. Anything that is not listed promises nothing.
"""

from worker.providers.meaning import Meaning

SUCCESS = 10000

_REFUSED = {
    11000: "invalid_argument",
    11003: "not_found",
    11008: "query_duration_too_long",
    11010: "query_number_too_large",
    11012: "expired_at_too_late",
    11015: "user_id_not_found",
    11016: "not_online_deposit",
    11017: "cwallet_closed",
    13000: "invalid_coin",
    13001: "invalid_chain",
    13006: "coin_stop_swap",
    14000: "balance_insufficient",
    14002: "address_not_active",
    14003: "address_empty_memo",
    14005: "value_less_than_limit",
    14006: "value_more_than_limit",
    14007: "address_format",
    14008: "address_is_own",
    14009: "coin_without_memo",
    14011: "fee_balance_insufficient",
    14012: "merchant_transfer_not_supported",
    14013: "coin_precision_exceeded",
    14015: "contract_address",
    14016: "address_type_invalid",
    14017: "address_in_blacklist",
    14019: "amount_less_fee_too_small",
    14023: "test_mode_single_limit",
    14024: "address_format_error",
    14025: "address_memo_format_error",
    14026: "risk_address",
    14029: "address_blacklisted",
    15002: "order_expired",
    15004: "order_url_expired",
    16001: "coin_unavailable_for_swap",
    16002: "swap_amount_in_too_low",
    16003: "amount_out_minimum_too_high",
    16006: "swap_not_supported",
    17000: "address_unused",
    17001: "address_of_other_merchant",
    17002: "address_with_memo",
    17003: "address_already_unbound",
    17004: "address_type_wrong",
    17005: "address_chain_wrong",
    17007: "address_not_of_provider",
}
_LATER = {
    11004: "rate_limit",
    11006: "request_expired",
    11009: "daily_limit",
    11018: "frequent_operation",
    13002: "abnormal_coin_price",
    13003: "abnormal_coin_price_mode",
    13004: "unstable_blockchain",
    13005: "abnormal_coin_status",
    14001: "withdraw_fee_too_low",
    14004: "chain_stop_withdraw",
    15000: "generate_address_failed",
    15003: "chain_stop_deposit",
    16004: "merchant_swap_limit",
    17006: "address_unbinding_failed",
}
_OPERATOR = {
    11001: "invalid_header",
    11005: "signature_refused",
    11013: "version_not_supported",
    11014: "ip_banned",
    12000: "merchant_disabled",
    12001: "merchant_not_found",
    12002: "ip_not_in_whitelist",
    12003: "merchant_api_disabled",
    14010: "coin_not_in_token_list",
    14014: "collection_not_finished",
    14018: "withdraw_disabled",
    14020: "withdraw_whitelist_missing",
    14021: "swap_whitelist_missing",
    14022: "test_mode_limit",
    15001: "too_many_addresses",
    16005: "swap_disabled",
}
_UNCERTAIN = {
    10001: "failed",
    11002: "internal_error",
    11007: "repeated_submit",
    14028: "unable_to_abort",
}
_DUPLICATE = {
    11011: "order_duplicate",
    14027: "sequence_duplicate",
}

CODES: dict[int, tuple[Meaning, str]] = {
    code: (meaning, name)
    for meaning, names in (
        (Meaning.REFUSED, _REFUSED),
        (Meaning.LATER, _LATER),
        (Meaning.OPERATOR, _OPERATOR),
        (Meaning.UNCERTAIN, _UNCERTAIN),
        (Meaning.DUPLICATE, _DUPLICATE),
    )
    for code, name in names.items()
}

NOT_FOUND = 11003
UNKNOWN_USER = 11015
# They are about how often the merchant asks, whatever it asks: everybody has to slow down. 11018 is not among them:
# it is also said when a lock on one order was not to be had.
TOO_OFTEN = frozenset({11004, 11009})


def meaning_of(code: int) -> tuple[Meaning, str]:
    """What a code says of the request that moves money, and its name."""
    return CODES.get(code, (Meaning.UNCERTAIN, "unlisted_code"))
