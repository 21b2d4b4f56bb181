"""CoinQ Pay signatures against the published Ed25519 vectors, and against vectors that other code computed."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from worker.providers.coinqpay.auth import Signer
from worker.providers.coinqpay.recipe import Encoding, Prehash, Recipe

PIPES = "{method}|{path}|{timestamp}|{params}|{body}"
# With every other part empty, the text is the body alone.
BODY_ALONE = "{path}{timestamp}{body}"

KEY_1 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
KEY_2 = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

# RFC 8032, section 7.1: seed, public key, message, signature.
RFC_8032 = {
    "an empty message": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    "one byte": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    "two bytes": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
}

QUERY = ("GET", "/api/v1/pay_order", "order_id=OR00000002", b"")
PAYOUT = (
    *("POST", "/api/v1/payout", ""),
    b'{"coin":"TRON_USDT","address":"TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1","amount":"5"}',
)
ORDER = ("POST", "/api/v1/pay_order", "", b'{"coin":"ETH","order_id":"OR00000001","amount":"0.001"}')

# Not the provider's own vectors, for it publishes none: they pin the primitive and two possible recipes.
VECTORS: dict[str, tuple[str, Prehash, tuple[str, str, str, bytes], str]] = {
    "a query": (
        *(KEY_1, "none", QUERY),
        (
            "cfe783f530776a293bdd3d8fe9d9384ebc4335a3e150824c175e9382b42a73f8227a4da5e801103e92d55a987c87caf8"
            "0b16b25e7d950b4178de8f0c24d7800e"
        ),
    ),
    "a query, hashed twice": (
        *(KEY_1, "dsha256", QUERY),
        (
            "0b02afb41443bbec95040661dfd4526aa3e8a4a63db9a69723a0b7c62a372d02e85d70b8804d452294f16faf958befce"
            "48e4ab3b203fc9a4dbc3f3c42ffa7703"
        ),
    ),
    "a payout": (
        *(KEY_1, "none", PAYOUT),
        (
            "a0b15f531f7bf1e8536421ff3747c00f55e55e18e9a414857c719dd26238211bf3bf71740d4e73247e2497a1ba0a686c"
            "fa8f2b8955d0c16cd1f6d09fb696b706"
        ),
    ),
    "a payout, hashed twice": (
        *(KEY_1, "dsha256", PAYOUT),
        (
            "1b5fcae1dcb64220bbdbf8157ec6c931783290c35326b9c0809f5dd7e0d5fa0b2071b62e085d1542487455cb990b9d03"
            "7a7105708755840b14ae5bf9dcbcde05"
        ),
    ),
    "a pay order": (
        *(KEY_1, "none", ORDER),
        (
            "243e6ccbe03ac976a32f8f6a3162336a70b1af751037fbef44411a89c4f0160025ccf0e7d8f13d63de0d44b1e7cf0393"
            "71a57a51872c658bdcdd3272277f5407"
        ),
    ),
    "a pay order by another key": (
        *(KEY_2, "none", ORDER),
        (
            "b12e48b1d6b796a2edc781717400f534eeeb17cb484a18001a1c6baa65127ee57da54ba9a5df3e2804e8a33ffec0a656"
            "27eb242a5a6adc61d09c088e4817b705"
        ),
    ),
}


def recipe(template: str = PIPES, prehash: Prehash = "none", encoding: Encoding = "hex") -> Recipe:
    return Recipe("Key", "Time", "Signature", template, prehash, "ms", encoding)


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032.values(), ids=RFC_8032.keys())
def test_the_published_vectors_are_met(seed: str, public: str, message: str, signature: str) -> None:
    signer = Signer(seed, recipe(BODY_ALONE))
    assert signer.public_key == public
    assert signer.sign("", "", "", bytes.fromhex(message), "") == signature
    other = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    assert other.sign(bytes.fromhex(message)).hex() == signature


@pytest.mark.parametrize(
    ("seed", "signature"),
    [
        (
            KEY_1,
            (
                "5b3afcbbb773232034fe26092edeb87c2164c5d900481e9c803484c252a48f9e26dcdd3cf1f7e16fa9bf4308cba92440"
                "da4e12ce386c2388d62f5a0efb3ee006"
            ),
        ),
        (
            KEY_2,
            (
                "3de4098e7436476f8e7dc35c5662da59aa15f5fa1e22ddd077ad0c1b8f8ee3ff5f26da465d139f1e10db4a29c096723f"
                "c9d5da21df49911bb9c277acc06ffa07"
            ),
        ),
    ],
)
def test_a_text_is_signed_directly(seed: str, signature: str) -> None:
    assert Signer(seed, recipe(BODY_ALONE)).sign("", "", "", b"coinq-vector", "") == signature


@pytest.mark.parametrize(("seed", "prehash", "parts", "signature"), VECTORS.values(), ids=VECTORS.keys())
def test_a_request_is_signed_by_the_recipe(
    seed: str, prehash: Prehash, parts: tuple[str, str, str, bytes], signature: str
) -> None:
    assert Signer(seed, recipe(prehash=prehash)).sign(*parts, "1700000000000") == signature


@pytest.mark.parametrize(
    ("prehash", "digest_of_abc"),
    [
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("dsha256", "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358"),
    ],
)
def test_the_digest_is_signed_in_place_of_the_text(prehash: Prehash, digest_of_abc: str) -> None:
    signer = Signer(KEY_1, recipe(BODY_ALONE, prehash))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer.public_key))
    public.verify(bytes.fromhex(signer.sign("", "", "", b"abc", "")), bytes.fromhex(digest_of_abc))


@pytest.mark.parametrize(
    ("seed", "encoding", "public"),
    [
        (KEY_1, "hex", "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"),
        (KEY_1, "base64", "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="),
        (KEY_2, "hex", "2e4e83fdb2d88f88c5f03e663c39ea3f9c7536312b62a2b09a95712dccf11a40"),
    ],
)
def test_the_public_key_is_encoded_as_the_recipe_says(seed: str, encoding: Encoding, public: str) -> None:
    assert Signer(seed, recipe(encoding=encoding)).public_key == public


def test_the_signature_is_encoded_as_the_recipe_says() -> None:
    parts = ("GET", "/p", "", b"", "1")
    plain = Signer(KEY_1, recipe()).sign(*parts)
    encoded = Signer(KEY_1, recipe(encoding="base64")).sign(*parts)
    assert len(encoded) == 88
    assert encoded != plain


def test_the_headers_are_named_by_the_recipe() -> None:
    signer = Signer(KEY_1, recipe())
    assert signer.headers("17", "abc") == {"Key": signer.public_key, "Time": "17", "Signature": "abc"}


def test_the_same_request_at_another_moment_has_another_signature() -> None:
    signer = Signer(KEY_1, recipe())
    assert signer.sign(*PAYOUT, "1700000000000") == signer.sign(*PAYOUT, "1700000000000")
    assert signer.sign(*PAYOUT, "1700000000000") != signer.sign(*PAYOUT, "1700000000001")


def test_the_key_is_in_no_text_of_the_signer() -> None:
    signer = Signer(KEY_1, recipe())
    texts = [shown for thing in (signer, *vars(signer).values()) for shown in (repr(thing), str(thing))]
    seed = bytes.fromhex(KEY_1)
    for text in [*texts, repr(vars(signer))]:
        assert KEY_1 not in text
        assert repr(seed)[2:-1] not in text


@pytest.mark.parametrize("seed", ["", "canary", KEY_1[:-2], KEY_1 + KEY_2, KEY_1[:-1] + "g"])
def test_what_is_not_a_seed_is_refused_without_being_quoted(seed: str) -> None:
    with pytest.raises(ValueError, match=r"^seed_hex: must be the raw 32-byte seed") as refused:
        Signer(seed, recipe())
    assert not seed or seed not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
