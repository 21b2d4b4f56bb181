"""Signatures of the providers, made by code of its own: a webhook of CCPayment, a request to CoinQ Pay."""

import hashlib
import hmac
import json
import time

import httpx
from nacl.signing import SigningKey

from tests.e2e.stage import APP_ID, APP_SECRET


def ccpayment_headers(body: bytes, timestamp: int | None = None, secret: str = APP_SECRET) -> dict[str, str]:
    """The headers of a webhook, signed now unless a time is given."""
    stamp = str(int(time.time()) if timestamp is None else timestamp)
    signature = hmac.new(secret.encode(), APP_ID.encode() + stamp.encode() + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Appid": APP_ID, "Timestamp": stamp, "Sign": signature}


async def ask_coinqpay(url: str, seed: str, name: str, **fields: str) -> dict[str, object]:
    """A POST by whoever has the merchant's key, past the worker; its result."""
    key, path = SigningKey(bytes.fromhex(seed)), f"/api/v1/{name}"
    body, stamp = json.dumps(fields).encode(), str(int(time.time() * 1000))
    digest = hashlib.sha256(hashlib.sha256(f"POST|{path}|{stamp}||".encode() + body).digest()).digest()
    headers = {
        "Content-Type": "application/json",
        "Biz-Api-Key": bytes(key.verify_key).hex(),
        "Biz-Api-Nonce": stamp,
        "Biz-Api-Signature": key.sign(digest).signature.hex(),
    }
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        answer = (await client.post(path, content=body, headers=headers)).json()
    assert answer["success"], answer
    result: dict[str, object] = answer["result"]
    return result
