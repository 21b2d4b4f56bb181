"""Names of accounts and coins that Beancount takes, each for one account or coin alone."""

import hashlib
import re

# What begins an escape in a commodity's name; it stands for itself in none.
QUOTE = "'"
# More than that Beancount does not take as a commodity's name.
COMMODITY_CHARACTERS = 24
_DIGEST_CHARACTERS = 10

_LOWER_OR_DIGIT = re.compile(r"[a-z0-9]")
_LETTER_OR_DIGIT = re.compile(r"[A-Za-z0-9]")
_IN_COMMODITY = re.compile(r"[A-Z0-9._-]")


def account_name(provider: str, account: str) -> str:
    """Where an account stands: Assets:Ccpayment:User:Ualice1, Assets:Ccpayment:Merchant, Equity:Ccpayment:Custody.

    Letters and digits stay; anything else stands as - and two hexadecimal digits.
    """
    holder = _escaped(provider, _LOWER_OR_DIGIT, "-")
    # A name begins with a letter or a digit; of a provider that begins with neither it begins so.
    holder = f"P-{holder}" if holder.startswith("-") else holder[:1].upper() + holder[1:]
    kind, _, user_id = account.partition(":")
    root = f"{'Equity' if account == 'custody' else 'Assets'}:{holder}:{kind.capitalize()}"
    return f"{root}:U{_escaped(user_id, _LETTER_OR_DIGIT, '-')}" if user_id else root


def user_id_of(name: str) -> str:
    """The user id that such a name was made of."""
    return re.sub(r"-([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), name.rpartition(":")[2][1:])


def commodity_name(provider: str, coin: str) -> str:
    """A name for a provider's coin, such as CCPAYMENT-1280.

    Capitals, digits, dots, lines and hyphens of a coin stay; anything else stands as ' and two hexadecimal digits. A
    name that is too long, or begins in another way than names must, is cut and ends in a digest of the whole.
    """
    name = f"{_escaped(provider, _LOWER_OR_DIGIT, QUOTE).upper()}-{_escaped(coin, _IN_COMMODITY, QUOTE)}"
    if not _LETTER_OR_DIGIT.fullmatch(name[-1]):
        name = f"{name[:-1]}{QUOTE}{ord(name[-1]):02X}"
    if len(name) <= COMMODITY_CHARACTERS and name[0].isalpha():
        return name
    digest = hashlib.sha256(f"{provider}/{coin}".encode()).hexdigest()[:_DIGEST_CHARACTERS].upper()
    beginning = name[: COMMODITY_CHARACTERS - _DIGEST_CHARACTERS - 2] if name[0].isalpha() else "P"
    # No escape begins like this, so that no other coin has this name.
    return f"{beginning}{QUOTE}-{digest}"


def _escaped(text: str, kept: re.Pattern[str], sign: str) -> str:
    return "".join(character if kept.fullmatch(character) else f"{sign}{ord(character):02X}" for character in text)
