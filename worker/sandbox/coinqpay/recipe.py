"""The signing recipe of CoinQ Pay: which headers, which text, how it is hashed and written.

The provider documents Ed25519 and authentication headers, and no more in public. The defaults
are those of a closely related interface; every part can be set, so that the true recipe is a
matter of settings.
"""

import base64
import binascii
import hashlib
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from worker.sandbox.errors import require

TEMPLATE_FIELDS = frozenset({"method", "path", "timestamp", "params", "body"})

# A timestamp of the other unit is thereby malformed instead of fifty thousand years away.
DIGITS = MappingProxyType({"s": re.compile("[0-9]{10}"), "ms": re.compile("[0-9]{13}")})

HEX = re.compile("(?:[0-9a-f]{2})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a request is signed. Raises `InputError` naming the part that makes no sense."""

    key_header: str = "Biz-Api-Key"
    time_header: str = "Biz-Api-Nonce"
    signature_header: str = "Biz-Api-Signature"
    template: str = "{method}|{path}|{timestamp}|{params}|{body}"
    """`params` is the query as sent, `body` the body as sent; both may be empty."""
    prehash: str = "dsha256"
    time_unit: str = "ms"
    encoding: str = "hex"

    def __post_init__(self) -> None:
        for name in ("key_header", "time_header", "signature_header"):
            require(getattr(self, name) != "", name, "must not be empty")
        require(_has_known_fields(self.template), "template", "may have " + ", ".join(sorted(TEMPLATE_FIELDS)))
        require(self.prehash in PREHASHES, "prehash", "must be one of " + ", ".join(PREHASHES))
        require(self.time_unit in DIGITS, "time_unit", "must be one of " + ", ".join(DIGITS))
        require(self.encoding in ENCODINGS, "encoding", "must be one of " + ", ".join(ENCODINGS))

    def message(self, method: str, path: str, timestamp: str, params: str, body: bytes) -> bytes:
        """The bytes that the signature is over. A body that is no text goes in byte for byte."""
        text = self.template.format(
            method=method,
            path=path,
            timestamp=timestamp,
            params=params,
            body=body.decode("utf-8", "surrogateescape"),
        )
        return PREHASHES[self.prehash](text.encode("utf-8", "surrogateescape"))

    def seconds(self, timestamp: str) -> float | None:
        """Unix seconds of a time header, None when it is not of this recipe's unit."""
        if DIGITS[self.time_unit].fullmatch(timestamp) is None:
            return None
        return int(timestamp) / 1000 if self.time_unit == "ms" else int(timestamp)

    def write(self, raw: bytes) -> str:
        """A key or signature as it stands in a header."""
        return raw.hex() if self.encoding == "hex" else base64.b64encode(raw).decode()

    def read(self, text: str) -> bytes | None:
        """The bytes of a key or signature, None when it is not written as the recipe says."""
        return ENCODINGS[self.encoding](text)


def _has_known_fields(template: str) -> bool:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return False
    # A field's format or conversion would change what is signed; there is none in any recipe.
    return all(name is None or (name in TEMPLATE_FIELDS and not (form or how)) for _, name, form, how in parts)


def _as_it_is(text: bytes) -> bytes:
    return text


def _sha256(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def _double_sha256(text: bytes) -> bytes:
    return _sha256(_sha256(text))


def _from_hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if HEX.fullmatch(text) else None


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


PREHASHES: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"none": _as_it_is, "sha256": _sha256, "dsha256": _double_sha256}
)
ENCODINGS: Mapping[str, Callable[[str], bytes | None]] = MappingProxyType({"hex": _from_hex, "base64": _from_base64})
