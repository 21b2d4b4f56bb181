"""Whose account a user id is."""


def account_of(user_id: str, merchant_user_id: str) -> str:
    """The ledger account of a provider's user; the merchant has one user id of its own there."""
    return "merchant" if user_id == merchant_user_id else f"user:{user_id}"
