"""How a CoinQ Pay request is signed: which headers, over which text, hashed how, in which encoding.

CoinQ Pay documents Ed25519 and the raw 32-byte key as hex, and that a request carries a public key, a signature and
a time. Header names, signed text, hash, time unit and encoding are not documented: they are settings, and a recipe
is what they amount to. None of them has a default here, for none could be a documented one.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from worker.providers.reading import EPOCH

Prehash = Literal["none", "sha256", "dsha256"]
TimeUnit = Literal["s", "ms"]
Encoding = Literal["hex", "base64"]

PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
PLACEHOLDERS = frozenset({"method", "path", "timestamp", "params", "body"})
# Without one of them a signature would do for another moment, another route or another amount.
INDISPENSABLE = ("timestamp", "path", "body")

HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # a token of RFC 9110
# The HTTP client's own: overwritten, they would break the request.
OCCUPIED = frozenset({"host", "content-type", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a signature covers and how it travels. Raises ValueError naming the field that cannot be.

    `template` is the text to sign, with {method} {path} {timestamp} {params} {body} in the places of the request's
    parts: the path as sent, from its first slash up to the query; the query as sent, without its question mark; the
    body's bytes. A part that the request does not have is empty. `prehash` says what of the text goes into Ed25519:
    itself, its SHA-256, or the SHA-256 of that. `encoding` is that of the public key and of the signature.
    """

    key_header: str
    time_header: str
    signature_header: str
    template: str
    prehash: Prehash
    time_unit: TimeUnit
    encoding: Encoding

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_headers()
        self._check_template()
        self._check_choice("prehash", self.prehash, get_args(Prehash))
        self._check_choice("time_unit", self.time_unit, get_args(TimeUnit))
        self._check_choice("encoding", self.encoding, get_args(Encoding))

    def _check_headers(self) -> None:
        taken = set(OCCUPIED)
        for field in ("key_header", "time_header", "signature_header"):
            name: str = getattr(self, field)
            if HEADER_NAME.fullmatch(name) is None:
                raise ValueError(f"{field}: must be the name of an HTTP header")
            if name.lower() in taken:
                raise ValueError(f"{field}: must be a header of its own")
            taken.add(name.lower())

    def _check_template(self) -> None:
        names = PLACEHOLDER.findall(self.template)
        if not PLACEHOLDERS.issuperset(names) or re.search(r"[{}]", PLACEHOLDER.sub("", self.template)):
            allowed = " ".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS))
            raise ValueError(f"template: may have {allowed} and no other braces")
        missing = [name for name in INDISPENSABLE if name not in names]
        if missing:
            raise ValueError(f"template: must have {{{missing[0]}}}")

    @staticmethod
    def _check_choice(field: str, value: str, allowed: tuple[str, ...]) -> None:
        if value not in allowed:
            raise ValueError(f"{field}: must be one of {', '.join(allowed)}")


def text_of(recipe: Recipe, method: str, path: str, timestamp: str, params: str, body: bytes) -> bytes:
    """The bytes that the signature covers. One pass: braces inside the parts themselves mean nothing."""
    parts = {
        "method": method.encode(),
        "path": path.encode(),
        "timestamp": timestamp.encode(),
        "params": params.encode(),
        "body": body,
    }
    return b"".join(
        # Split by a pattern with one group, text and name take turns, and text comes first.
        parts[piece] if index % 2 else piece.encode()
        for index, piece in enumerate(PLACEHOLDER.split(recipe.template))
    )


def timestamp_of(recipe: Recipe, at: datetime) -> str:
    """The moment as Unix seconds or milliseconds, cut, never rounded up into the future. Needs an aware datetime."""
    unit = timedelta(seconds=1) if recipe.time_unit == "s" else timedelta(milliseconds=1)
    return str((at - EPOCH) // unit)
