"""CoinQ Pay signing: Ed25519 with the merchant's own key, over the text that the recipe makes of a request."""

import base64
import hashlib

from nacl.signing import SigningKey

from worker.providers.coinqpay.recipe import Encoding, Prehash, Recipe, text_of


class Signer:
    """The merchant's key and what it signs by. No text of this object, nor of anything it holds, shows the key.

    Ed25519 makes no random choice: equal requests of the same moment are equal byte for byte, and the second can be
    answered as a replay.
    """

    def __init__(self, seed_hex: str, recipe: Recipe) -> None:
        """Take the raw 32-byte private key as hex. Raises ValueError, which does not quote it."""
        key = _read_seed(seed_hex)
        self.public_key = _encode(bytes(key.verify_key), recipe.encoding)
        self._recipe = recipe

        # Held by a closure: the text of a SigningKey is its seed.
        def sign_bytes(data: bytes) -> bytes:
            return key.sign(data).signature

        self._sign_bytes = sign_bytes

    def sign(self, method: str, path: str, params: str, body: bytes, timestamp: str) -> str:
        """The signature, encoded. Path, params and body exactly as they are sent; the timestamp as its header."""
        text = text_of(self._recipe, method, path, timestamp, params, body)
        return _encode(self._sign_bytes(_hash(text, self._recipe.prehash)), self._recipe.encoding)

    def headers(self, timestamp: str, signature: str) -> dict[str, str]:
        """The three headers of a signed request."""
        return {
            self._recipe.key_header: self.public_key,
            self._recipe.time_header: timestamp,
            self._recipe.signature_header: signature,
        }


def _read_seed(seed_hex: str) -> SigningKey:
    try:
        seed = bytes.fromhex(seed_hex)
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise ValueError("seed_hex: must be the raw 32-byte seed as 64 hex characters")
    return SigningKey(seed)


def _hash(text: bytes, prehash: Prehash) -> bytes:
    match prehash:
        case "none":
            return text
        case "sha256":
            return hashlib.sha256(text).digest()
        case "dsha256":
            return hashlib.sha256(hashlib.sha256(text).digest()).digest()


def _encode(raw: bytes, encoding: Encoding) -> str:
    match encoding:
        case "hex":
            return raw.hex()
        case "base64":
            return base64.b64encode(raw).decode()
