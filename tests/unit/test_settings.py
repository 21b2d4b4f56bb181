"""Settings: every variable of the contract, refused by name and never by value."""

import os
from pathlib import Path

import pytest

from worker.errors import BadSettings
from worker.providers.registry import configured, read_recipe
from worker.settings import Settings, read_settings, required

# What must never be repeated: it stands in every malformed value here.
CANARY = "hush-hush"
SEED = "ab" * 32

DEFAULTS: dict[str, object] = {
    "database_url": None,
    "database_owner_url": None,
    "amqp_url": None,
    "ccpayment_base_url": "https://ccpayment.com",
    "ccpayment_v1_base_url": "https://admin.ccpayment.com",
    "ccpayment_app_id": None,
    "ccpayment_app_secret": None,
    "coinqpay_base_url": "https://api.coinqpay.com",
    "coinqpay_private_key": None,
    "coinqpay_withdraw_addresses": {},
    "coinqpay_second_confirmation": True,
    "coinqpay_signature_key_header": "Biz-Api-Key",
    "coinqpay_signature_time_header": "Biz-Api-Nonce",
    "coinqpay_signature_header": "Biz-Api-Signature",
    "coinqpay_signature_prehash": "dsha256",
    "coinqpay_signature_time_unit": "ms",
    "coinqpay_signature_encoding": "hex",
    "coinqpay_signature_validity_seconds": 300,
    "coinqpay_clock_skew_seconds": 30,
    "coinqpay_list_lag_seconds": 300,
    "coinqpay_resend": False,
    "ccpayment_requests_per_second": None,
    "coinqpay_requests_per_second": None,
    "http_host": "127.0.0.1",
    "http_port": 8080,
    "resume_after_seconds": 30,
    "provider_timeout_seconds": 10,
    "poll_seconds": 2,
    "review_after_seconds": 900,
    "rescan_seconds": 60,
    "rescan_give_up_seconds": 604800,
    "reconcile_seconds": 3600,
    "concurrency": 200,
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the person who runs the tests."""
    monkeypatch.chdir(tmp_path)


def refusal(**environment: str) -> str:
    """What is said of these variables."""
    with pytest.raises(BadSettings) as refused:
        read_settings(environment)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    said = str(refused.value)
    assert CANARY not in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_setting_that_is_not_set_has_its_default(name: str) -> None:
    assert getattr(read_settings({}), name) == DEFAULTS[name]


def test_a_variable_is_read_from_the_environment() -> None:
    settings = read_settings(
        {
            "LEDGER_DATABASE_URL": "postgresql://a:b@localhost/c",
            "LEDGER_HTTP_PORT": "0",
            "LEDGER_POLL_SECONDS": "0.5",
            "LEDGER_COINQPAY_SECOND_CONFIRMATION": "false",
            "LEDGER_COINQPAY_WITHDRAW_ADDRESSES": '{"TRON_USDT": "TDD1"}',
            "LEDGER_COINQPAY_PRIVATE_KEY": SEED,
            "PATH": "/bin",
        }
    )
    assert required(settings.database_url, "LEDGER_DATABASE_URL") == "postgresql://a:b@localhost/c"
    assert required(settings.coinqpay_private_key, "x") == SEED
    assert (settings.http_port, settings.poll_seconds) == (0, 0.5)
    assert settings.coinqpay_second_confirmation is False
    assert settings.coinqpay_withdraw_addresses == {"TRON_USDT": "TDD1"}


def test_the_process_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LEDGER_CONCURRENCY", "7")
    assert read_settings().concurrency == 7


def test_an_empty_variable_is_not_set() -> None:
    assert read_settings({"LEDGER_DATABASE_URL": "", "LEDGER_HTTP_PORT": ""}) == read_settings({})


@pytest.mark.parametrize("name", ["LEDGER_NOTHING", "LEDGER_", "LEDGER_database_url", "LEDGER_HTTP_PORT_FILE"])
def test_a_variable_that_is_no_setting_is_refused(name: str) -> None:
    for value in (CANARY, ""):
        assert refusal(**{name: value}) == f"{name}: is not a setting"


MALFORMED = [
    ("DATABASE_URL", f"mysql://{CANARY}"),
    ("DATABASE_URL", f"postgresql://user:{CANARY}@host:port/x"),
    ("DATABASE_URL", f"postgresql://user:{CANARY}@host:99999/x"),
    ("DATABASE_URL", CANARY),
    ("DATABASE_OWNER_URL", CANARY),
    ("AMQP_URL", f"http://{CANARY}"),
    ("CCPAYMENT_BASE_URL", f"ftp://{CANARY}"),
    ("CCPAYMENT_V1_BASE_URL", CANARY),
    ("COINQPAY_BASE_URL", f"//{CANARY}"),
    ("CCPAYMENT_APP_ID", f"{CANARY} x"),
    ("CCPAYMENT_APP_ID", f"{CANARY}\n"),
    ("CCPAYMENT_APP_ID", CANARY * 10),
    ("COINQPAY_PRIVATE_KEY", CANARY),
    ("COINQPAY_PRIVATE_KEY", "ab" * 31),
    ("COINQPAY_PRIVATE_KEY", "ab" * 33),
    ("COINQPAY_PRIVATE_KEY", "zz" * 32),
    ("COINQPAY_WITHDRAW_ADDRESSES", CANARY),
    ("COINQPAY_WITHDRAW_ADDRESSES", f'["{CANARY}"]'),
    ("COINQPAY_WITHDRAW_ADDRESSES", f'{{"{CANARY}": 5}}'),
    ("COINQPAY_WITHDRAW_ADDRESSES", f'{{"USDT": "T1", "USDT": "{CANARY}"}}'),
    ("COINQPAY_SECOND_CONFIRMATION", CANARY),
    ("COINQPAY_SIGNATURE_PREHASH", CANARY),
    ("COINQPAY_SIGNATURE_TIME_UNIT", CANARY),
    ("COINQPAY_SIGNATURE_ENCODING", CANARY),
    ("COINQPAY_RESEND", CANARY),
    ("HTTP_PORT", CANARY),
    ("HTTP_PORT", "65536"),
    ("HTTP_PORT", "-1"),
    ("HTTP_PORT", "80.5"),
    ("CONCURRENCY", "0"),
    ("CONCURRENCY", "1.5"),
    ("CONCURRENCY", CANARY),
    *(
        (name, value)
        for name in (
            *("RESUME_AFTER_SECONDS", "POLL_SECONDS", "PROVIDER_TIMEOUT_SECONDS", "REVIEW_AFTER_SECONDS"),
            *("COINQPAY_SIGNATURE_VALIDITY_SECONDS", "COINQPAY_CLOCK_SKEW_SECONDS", "COINQPAY_LIST_LAG_SECONDS"),
        )
        for value in ("0", "-1", "nan", "inf", "1e300", "2 s", CANARY)
    ),
]


@pytest.mark.parametrize(("name", "value"), MALFORMED, ids=[f"{name}={value[:24]!r}" for name, value in MALFORMED])
def test_a_malformed_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    said = refusal(**{f"LEDGER_{name}": value})
    assert said.startswith(f"LEDGER_{name}: ")
    assert len(value) < 4 or value not in said


SECRETS = [
    ("DATABASE_URL", f"postgresql://user:{CANARY}@host/x"),
    ("DATABASE_OWNER_URL", f"postgresql://user:{CANARY}@host/x"),
    ("AMQP_URL", f"amqp://user:{CANARY}@host/"),
    ("CCPAYMENT_APP_SECRET", CANARY),
    ("COINQPAY_PRIVATE_KEY", SEED),
]


@pytest.mark.parametrize(("name", "secret"), SECRETS)
def test_a_secret_may_come_from_a_file(tmp_path: Path, name: str, secret: str) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{secret}\n")
    settings = read_settings({f"LEDGER_{name}_FILE": str(path)})
    assert getattr(settings, name.lower()).get_secret_value() == secret


@pytest.mark.parametrize(("name", "secret"), SECRETS)
def test_a_secret_is_in_no_repr_and_no_dump(name: str, secret: str) -> None:
    settings = read_settings({f"LEDGER_{name}": secret})
    said = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert secret not in said
    assert CANARY not in said


@pytest.mark.parametrize(("name", "secret"), SECRETS)
def test_a_secret_and_its_file_are_not_set_both(tmp_path: Path, name: str, secret: str) -> None:
    path = tmp_path / "secret"
    path.write_text(secret)
    said = refusal(**{f"LEDGER_{name}": secret, f"LEDGER_{name}_FILE": str(path)})
    assert said == f"LEDGER_{name}_FILE: is set beside LEDGER_{name}"


def test_an_empty_variable_beside_a_file_is_not_in_its_way(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(CANARY)
    settings = read_settings({"LEDGER_CCPAYMENT_APP_SECRET": "", "LEDGER_CCPAYMENT_APP_SECRET_FILE": str(path)})
    assert required(settings.ccpayment_app_secret, "x") == CANARY


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        pytest.param(None, "the file cannot be read", id="there is none"),
        pytest.param(b"\xff\xfe\xff", "the file cannot be read", id="not text"),
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b" \n\n", "the file is empty", id="white space"),
    ],
)
def test_a_file_without_a_secret_is_refused_by_its_variable(tmp_path: Path, content: bytes | None, rule: str) -> None:
    path = tmp_path / CANARY
    if content is not None:
        path.write_bytes(content)
    assert refusal(LEDGER_CCPAYMENT_APP_SECRET_FILE=str(path)) == f"LEDGER_CCPAYMENT_APP_SECRET_FILE: {rule}"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert refusal(LEDGER_AMQP_URL_FILE=str(tmp_path)) == "LEDGER_AMQP_URL_FILE: the file cannot be read"


def test_a_file_may_be_named_in_the_env_file_and_the_environment_wins_over_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LEDGER_CONCURRENCY=7\nLEDGER_HTTP_PORT=9000\nOTHER=x\n")
    settings = read_settings({"LEDGER_HTTP_PORT": "9001"})
    assert (settings.concurrency, settings.http_port) == (7, 9001)


def test_an_unknown_name_in_the_env_file_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"LEDGER_NOTHING={CANARY}\n")
    assert refusal() == "LEDGER_NOTHING: is not a setting"


@pytest.mark.parametrize(
    "half", [{"LEDGER_CCPAYMENT_APP_ID": "merchant"}, {"LEDGER_CCPAYMENT_APP_SECRET": CANARY}], ids=["id", "secret"]
)
def test_half_a_provider_is_refused(half: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="LEDGER_CCPAYMENT_APP_ID and LEDGER_CCPAYMENT_APP_SECRET") as refused:
        configured(read_settings(half))
    assert CANARY not in str(refused.value)


def test_a_provider_is_configured_when_its_credentials_are_set() -> None:
    assert configured(read_settings({})) == ()
    whole = {"LEDGER_CCPAYMENT_APP_ID": "merchant", "LEDGER_CCPAYMENT_APP_SECRET": CANARY}
    assert configured(read_settings(whole)) == ("ccpayment",)
    assert configured(read_settings({"LEDGER_COINQPAY_PRIVATE_KEY": SEED})) == ("coinqpay",)
    both = whole | {"LEDGER_COINQPAY_PRIVATE_KEY": SEED}
    assert configured(read_settings(both)) == ("ccpayment", "coinqpay")


RECIPES = [
    ("KEY_HEADER", "no header"),
    ("TIME_HEADER", "Content-Type"),
    ("HEADER", "Biz-Api-Key"),
    ("TEMPLATE", "{path}|{timestamp}"),
    ("TEMPLATE", "{path}|{timestamp}|{body}|{nothing}"),
]


@pytest.mark.parametrize(("name", "value"), RECIPES, ids=[f"{name}={value}" for name, value in RECIPES])
def test_a_signing_recipe_that_cannot_be_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=rf"^LEDGER_COINQPAY_SIGNATURE_{name}: "):
        read_recipe(read_settings({f"LEDGER_COINQPAY_SIGNATURE_{name}": value}))


def test_the_signing_recipe_is_the_settings() -> None:
    recipe = read_recipe(read_settings({"LEDGER_COINQPAY_SIGNATURE_PREHASH": "none"}))
    assert (recipe.key_header, recipe.prehash, recipe.time_unit) == ("Biz-Api-Key", "none", "ms")


def test_what_a_command_needs_is_asked_for_by_name() -> None:
    with pytest.raises(BadSettings, match="LEDGER_DATABASE_URL: is required"):
        required(read_settings({}).database_url, "LEDGER_DATABASE_URL")


def test_no_setting_is_missing_here() -> None:
    assert Settings.model_fields.keys() - DEFAULTS.keys() == {"coinqpay_signature_template"}
