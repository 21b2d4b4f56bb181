"""Settings: environment variables with the prefix LEDGER_, or a `.env` file. Refused by name, never by value."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from schemas.fields import Address, CoinName
from schemas.strict_json import MalformedJson, read_object
from worker.errors import BadSettings

PREFIX = "LEDGER_"


def _check_url(*schemes: str) -> AfterValidator:
    def check(url: Any) -> Any:
        text = url.get_secret_value() if isinstance(url, SecretStr) else url
        if not any(text.startswith(f"{scheme}://") for scheme in schemes):
            raise ValueError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if not _has_readable_ports(text):
            raise ValueError("must have a number as its port")
        if _lacks_a_host(text):
            raise ValueError("must name a host on both sides of each comma")
        return url

    return AfterValidator(check)


def _has_readable_ports(url: str) -> bool:
    """Checked here, because the libraries find out only when they connect, and then quote the URL."""
    try:
        return all(urlsplit(f"//{host}").port != 0 for host in _hosts(url))
    except ValueError:
        return False


def _lacks_a_host(url: str) -> bool:
    """A comma too many would lead to this very machine."""
    hosts = _hosts(url)
    return len(hosts) > 1 and not all(urlsplit(f"//{host}").hostname for host in hosts)


def _hosts(url: str) -> list[str]:
    """PostgreSQL and RabbitMQ take several."""
    return urlsplit(url).netloc.rpartition("@")[2].split(",")


def _check_seed(seed: SecretStr) -> SecretStr:
    try:
        raw = bytes.fromhex(seed.get_secret_value())
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ValueError("must be the raw 32-byte seed as 64 hex characters")
    return seed


def _read_addresses(value: Any) -> Any:
    """A JSON map, read here so that a broken one is refused like any other malformed setting.

    Strictly: of two addresses of one coin the last would be taken, and money sent there.
    """
    if not isinstance(value, str):
        return value
    try:
        return _addresses.validate_python(read_object(value.encode("utf-8", "surrogateescape")))
    except MalformedJson as error:
        raise ValueError(str(error).removeprefix("body: ")) from None


_addresses = TypeAdapter(dict[CoinName, Address])

HttpUrl = Annotated[str, _check_url("https", "http")]
DatabaseUrl = Annotated[SecretStr, _check_url("postgresql", "postgres")]
AmqpUrl = Annotated[SecretStr, _check_url("amqp", "amqps")]
# Down to one request in a hundred seconds; above what one process can do it would be no limit.
PerSecond = Annotated[float, Field(ge=0.01, le=10_000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]


class Settings(BaseModel):
    """Every setting there is; the README explains each to an operator."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database_url: DatabaseUrl | None = None
    database_owner_url: DatabaseUrl | None = None
    amqp_url: AmqpUrl | None = None

    ccpayment_base_url: HttpUrl = "https://ccpayment.com"
    ccpayment_v1_base_url: HttpUrl = "https://admin.ccpayment.com"
    ccpayment_app_id: Annotated[str, Field(pattern=r"^[!-~]{1,64}$")] | None = None
    ccpayment_app_secret: SecretStr | None = None

    # How fast this process may ask; None: as fast as commands come. Processes share the provider's limit.
    ccpayment_requests_per_second: PerSecond | None = None

    coinqpay_base_url: HttpUrl = "https://api.coinqpay.com"
    coinqpay_private_key: Annotated[SecretStr, AfterValidator(_check_seed)] | None = None
    coinqpay_withdraw_addresses: Annotated[dict[str, str], BeforeValidator(_read_addresses)] = {}
    coinqpay_second_confirmation: bool = True
    coinqpay_signature_key_header: str = "Biz-Api-Key"
    coinqpay_signature_time_header: str = "Biz-Api-Nonce"
    coinqpay_signature_header: str = "Biz-Api-Signature"
    coinqpay_signature_template: str = "{method}|{path}|{timestamp}|{params}|{body}"
    coinqpay_signature_prehash: Literal["none", "sha256", "dsha256"] = "dsha256"
    coinqpay_signature_time_unit: Literal["s", "ms"] = "ms"
    coinqpay_signature_encoding: Literal["hex", "base64"] = "hex"
    # What is assumed where the provider documents nothing: longer is safer, and leaves lost answers in doubt longer.
    coinqpay_signature_validity_seconds: Seconds = 300
    coinqpay_clock_skew_seconds: Seconds = 30
    coinqpay_list_lag_seconds: Seconds = 300
    # Off: a payment that the provider does not list goes to a person, and is never sent again by itself.
    coinqpay_resend: bool = False
    coinqpay_requests_per_second: PerSecond | None = None

    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080

    # How long an order may lie with a worker that says nothing: longer than one provider call takes.
    resume_after_seconds: Seconds = 30
    provider_timeout_seconds: Seconds = 10
    poll_seconds: Seconds = 2
    review_after_seconds: Seconds = 900
    rescan_seconds: Seconds = 60
    rescan_give_up_seconds: Seconds = 604_800
    reconcile_seconds: Seconds = 3600
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 200


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises BadSettings naming the variable, never its value."""
    values = dict(_gather(os.environ if environment is None else environment))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise BadSettings(f"{name}: {_rule(first['msg'])}") from None


def required(value: SecretStr | None, variable: str) -> str:
    """The value of a setting without which the command cannot run. Raises BadSettings."""
    if value is None:
        raise BadSettings(f"{variable}: is required")
    return value.get_secret_value()


def _gather(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The variables as fields: the environment over `.env`, secrets also from the file named by `…_FILE`."""
    variables = {name: value or "" for name, value in dotenv_values(".env").items()}
    variables |= environment
    values: dict[str, str] = {}
    for variable, text in variables.items():
        if not variable.startswith(PREFIX):
            continue
        field = variable.removeprefix(PREFIX).lower()
        if variable == variable.upper() and field in Settings.model_fields:
            if text != "":
                values[field] = text
        elif variable.endswith("_FILE") and field.removesuffix("_file") in _SECRETS:
            if text == "":
                continue
            if variables.get(variable.removesuffix("_FILE")):
                raise BadSettings(f"{variable}: is set beside {variable.removesuffix('_FILE')}")
            values[field.removesuffix("_file")] = _read_secret(variable, text)
        else:
            raise BadSettings(f"{variable}: is not a setting")
    return values


def _read_secret(variable: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise BadSettings(f"{variable}: the file cannot be read") from None
    if not text:  # an empty key would sign, and every request be refused
        raise BadSettings(f"{variable}: the file is empty")
    return text


def _rule(message: str) -> str:
    return message.removeprefix("Value error, ")


_SECRETS = frozenset(
    {
        "database_url",
        "database_owner_url",
        "amqp_url",
        "ccpayment_app_secret",
        "coinqpay_private_key",
    }
)
