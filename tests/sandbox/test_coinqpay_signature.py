"""The recipe and the signature check: golden vectors, and everything that is not signed as the recipe says."""

import base64
from dataclasses import replace

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from worker.sandbox.coinqpay.account import CoinQPayAccount, public_key_of
from worker.sandbox.coinqpay.recipe import Recipe
from worker.sandbox.errors import InputError
from worker.sandbox.message import Request

from .caller import NOW, Clock
from .coinqpay_caller import KEY, PUBLIC, SEED, CoinQPayCaller, code_of, refusal_of

OTHER_SEED = bytes.fromhex("ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100")
PAYOUT = b'{"coin":"TRON_USDT","address":"TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1","amount":"5"}'
ORDER = b'{"coin":"ETH","order_id":"OR00000001","amount":"0.001"}'
STAMP = "1700000000000"

# seed, prehash, (method, path, query, body), signature; computed outside of this project.
VECTORS = {
    "query direct": (
        SEED,
        "none",
        ("GET", "/api/v1/pay_order", "order_id=OR00000002", b""),
        (
            "cfe783f530776a293bdd3d8fe9d9384ebc4335a3e150824c175e9382b42a73f8"
            "227a4da5e801103e92d55a987c87caf80b16b25e7d950b4178de8f0c24d7800e"
        ),
    ),
    "query hashed twice": (
        SEED,
        "dsha256",
        ("GET", "/api/v1/pay_order", "order_id=OR00000002", b""),
        (
            "0b02afb41443bbec95040661dfd4526aa3e8a4a63db9a69723a0b7c62a372d02"
            "e85d70b8804d452294f16faf958befce48e4ab3b203fc9a4dbc3f3c42ffa7703"
        ),
    ),
    "body direct": (
        SEED,
        "none",
        ("POST", "/api/v1/payout", "", PAYOUT),
        (
            "a0b15f531f7bf1e8536421ff3747c00f55e55e18e9a414857c719dd26238211b"
            "f3bf71740d4e73247e2497a1ba0a686cfa8f2b8955d0c16cd1f6d09fb696b706"
        ),
    ),
    "body hashed twice": (
        SEED,
        "dsha256",
        ("POST", "/api/v1/payout", "", PAYOUT),
        (
            "1b5fcae1dcb64220bbdbf8157ec6c931783290c35326b9c0809f5dd7e0d5fa0b"
            "2071b62e085d1542487455cb990b9d037a7105708755840b14ae5bf9dcbcde05"
        ),
    ),
    "order direct": (
        SEED,
        "none",
        ("POST", "/api/v1/pay_order", "", ORDER),
        (
            "243e6ccbe03ac976a32f8f6a3162336a70b1af751037fbef44411a89c4f01600"
            "25ccf0e7d8f13d63de0d44b1e7cf039371a57a51872c658bdcdd3272277f5407"
        ),
    ),
    "other key": (
        OTHER_SEED,
        "none",
        ("POST", "/api/v1/pay_order", "", ORDER),
        (
            "b12e48b1d6b796a2edc781717400f534eeeb17cb484a18001a1c6baa65127ee5"
            "7da54ba9a5df3e2804e8a33ffec0a65627eb242a5a6adc61d09c088e4817b705"
        ),
    ),
}
ROWS = pytest.mark.parametrize(("seed", "prehash", "call", "signature"), VECTORS.values(), ids=VECTORS)


def caller(recipe: Recipe | None = None, seed: bytes = SEED) -> CoinQPayCaller:
    account = CoinQPayAccount(public_key=public_key_of(seed), recipe=recipe or Recipe())
    return CoinQPayCaller(account=account)


def asked(call: tuple[str, str, str, bytes], seed: bytes, signature: str) -> Request:
    method, path, query, body = call
    headers = {
        "Biz-Api-Key": public_key_of(seed).hex(),
        "Biz-Api-Nonce": STAMP,
        "Biz-Api-Signature": signature,
    }
    return Request(method, path, headers, body, query)


def test_public_keys_are_derived_from_raw_seeds() -> None:
    assert PUBLIC.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    assert public_key_of(OTHER_SEED).hex() == "2e4e83fdb2d88f88c5f03e663c39ea3f9c7536312b62a2b09a95712dccf11a40"
    assert Recipe(encoding="base64").write(PUBLIC) == "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="


@ROWS
def test_a_vector_verifies_over_the_recipes_message(
    seed: bytes, prehash: str, call: tuple[str, str, str, bytes], signature: str
) -> None:
    method, path, query, body = call
    key = VerifyKey(public_key_of(seed))
    message = Recipe(prehash=prehash).message(method, path, STAMP, query, body)
    key.verify(message, bytes.fromhex(signature))
    with pytest.raises(BadSignatureError):
        key.verify(Recipe(prehash="sha256").message(method, path, STAMP, query, body), bytes.fromhex(signature))


@ROWS
def test_a_request_with_a_vectors_signature_passes_the_gate(
    seed: bytes, prehash: str, call: tuple[str, str, str, bytes], signature: str
) -> None:
    simulated = caller(Recipe(prehash=prehash), seed)
    business = {"GET": 12016, "/api/v1/payout": 12007, "/api/v1/pay_order": 0}
    expected = business["GET"] if call[0] == "GET" else business[call[1]]
    assert code_of(simulated.sandbox.handle(asked(call, seed, signature))) == expected


@ROWS
def test_a_vector_of_another_recipe_is_refused(
    seed: bytes, prehash: str, call: tuple[str, str, str, bytes], signature: str
) -> None:
    other = {"none": "dsha256", "dsha256": "none"}[prehash]
    for recipe in (
        Recipe(prehash=other),
        Recipe(prehash="sha256"),
        Recipe(prehash=prehash, template="{method}{path}{timestamp}{params}{body}"),
        Recipe(prehash=prehash, template="{timestamp}|{method}|{path}|{params}|{body}"),
    ):
        simulated = caller(recipe, seed)
        assert refusal_of(simulated.sandbox.handle(asked(call, seed, signature))) == (401, 12001)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"path": "/api/v1/withdraws"},
        {"query": "order_id=OR00000003"},
        {"query": "order_id=OR0000000%32"},
        {"body": b"{}"},
    ],
)
def test_every_part_of_the_request_is_signed(change: dict[str, object]) -> None:
    _, _, call, signature = VECTORS["query hashed twice"]
    changed = replace(asked(call, SEED, signature), **change)  # type: ignore[arg-type]
    assert refusal_of(caller().sandbox.handle(changed)) == (401, 12001)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.upper(),
        lambda text: text[:-2],
        lambda text: text + "00",
        lambda text: text[:-1],
        lambda text: " " + text[1:],
        lambda text: "é" + text[1:],
        lambda text: base64.b64encode(bytes.fromhex(text)).decode(),
        lambda text: "00" * 64,
    ],
)
def test_a_signature_is_64_bytes_in_lower_case_hex(spoil: object) -> None:
    assert callable(spoil)
    _, _, call, signature = VECTORS["query hashed twice"]
    assert refusal_of(caller().sandbox.handle(asked(call, SEED, spoil(signature)))) == (401, 12001)


def test_every_part_of_the_recipe_can_be_another() -> None:
    recipe = Recipe(
        key_header="X-Key",
        time_header="X-Time",
        signature_header="X-Sign",
        template="{timestamp}.{params}.{body}",
        prehash="sha256",
        time_unit="s",
        encoding="base64",
    )
    stamp = str(NOW)
    message = recipe.message("GET", "/ignored", stamp, "", b"")
    headers = {
        "x-key": base64.b64encode(PUBLIC).decode(),
        "x-time": stamp,
        "x-sign": base64.b64encode(KEY.sign(message).signature).decode(),
    }
    simulated = caller(recipe)
    good = Request("GET", "/api/v1/supported_coins", headers, b"")
    assert code_of(simulated.sandbox.handle(replace(good, headers={**headers, "x-time": stamp + "000"}))) == 1004
    assert code_of(simulated.sandbox.handle(replace(good, headers={**headers, "x-sign": "!"}))) == 12001
    assert code_of(simulated.sandbox.handle(good)) == 0


def test_a_body_that_is_no_text_is_signed_byte_for_byte() -> None:
    simulated = CoinQPayCaller()
    path, body = "/api/v1/payout", b'{"coin":"\xff"}'
    message = Recipe().message("POST", path, STAMP, "", body)
    headers = {
        "Biz-Api-Key": PUBLIC.hex(),
        "Biz-Api-Nonce": STAMP,
        "Biz-Api-Signature": SigningKey(SEED).sign(message).signature.hex(),
    }
    assert code_of(simulated.sandbox.handle(Request("POST", path, headers, body))) == 1003


@pytest.mark.parametrize(
    ("seconds", "code"), [(0.0, 0), (120.0, 0), (-120.0, 0), (120.5, 1004), (-120.5, 1004), (3600.0, 1004)]
)
def test_a_timestamp_is_good_for_two_minutes_either_way(seconds: float, code: int) -> None:
    simulated = CoinQPayCaller(Clock(NOW + 0.0))
    simulated.sent = -1
    request = simulated.request("GET", "supported_coins")
    simulated.clock.seconds += seconds
    assert code_of(simulated.sandbox.handle(request)) == code


@pytest.mark.parametrize("stamp", ["1700000000", "soon", "+170000000000", "170000000000٠", " 170000000000"])
def test_a_timestamp_of_another_form_is_expired(stamp: str) -> None:
    simulated = CoinQPayCaller()
    request = simulated.request("GET", "supported_coins")
    wrong = replace(request, headers={**request.headers, "biz-api-nonce": stamp})
    assert refusal_of(simulated.sandbox.handle(wrong)) == (401, 1004)


def test_the_same_signature_is_a_replay_for_as_long_as_it_would_be_accepted() -> None:
    simulated = CoinQPayCaller()
    ahead = CoinQPayCaller(Clock(NOW + 100.0)).request("GET", "supported_coins")
    assert code_of(simulated.sandbox.handle(ahead)) == 0
    assert refusal_of(simulated.sandbox.handle(ahead)) == (401, 1005)
    simulated.clock.seconds += 219
    assert code_of(simulated.sandbox.handle(ahead)) == 1005
    simulated.clock.seconds += 3
    assert code_of(simulated.sandbox.handle(ahead)) == 1004


def test_a_replayed_payout_pays_once() -> None:
    simulated = CoinQPayCaller()
    simulated.ask("fund", coin="TRON_USDT", amount="100")
    body = b'{"coin":"TRON_USDT","address":"TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1","amount":"5"}'
    request = simulated.request("POST", "payout", body=body)
    assert [code_of(simulated.sandbox.handle(request)) for _ in range(3)] == [0, 1005, 1005]
    assert simulated.balance() == "95"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("key_header", ""),
        ("time_header", ""),
        ("signature_header", ""),
        ("template", "{secret}"),
        ("template", "{body!r}"),
        ("template", "{body:>5}"),
        ("template", "{body.x}"),
        ("template", "{}"),
        ("template", "{body"),
        ("prehash", "md5"),
        ("time_unit", "us"),
        ("encoding", "base58"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(part: str, value: str) -> None:
    with pytest.raises(InputError) as refused:
        Recipe(**{part: value})
    assert refused.value.field == part
