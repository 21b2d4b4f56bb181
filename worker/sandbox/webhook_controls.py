"""The controls of webhooks: where they go, how they are sent, and what became of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from worker.sandbox.errors import InputError, require
from worker.sandbox.webhook_plans import PLANS
from worker.sandbox.webhooks import Delivery, Switch, Webhooks

FLAGS = {"on": "is_on", "duplicate": "duplicate"}
SECONDS = {"delaySeconds": "delay_seconds", "retrySeconds": "retry_seconds"}

# Some thirty years; also refuses NaN and infinity.
LONGEST_SECONDS = 1e9


def set_webhooks(webhooks: Webhooks, fields: Mapping[str, Any]) -> None:
    """Apply fields to, kind, on, delaySeconds, retrySeconds and duplicate; without kind, to every kind.

    `to` null turns all off, `retrySeconds` null brings the documented gaps back. Raises
    `InputError` before anything has changed.
    """
    known = ("to", "kind", *FLAGS, *SECONDS)
    for name in fields:
        require(name in known, name, "is unknown; known are " + ", ".join(known))
    if "to" in fields:
        require(is_base_url(fields["to"]), "to", "must be a http or https URL, or null")
    changes: dict[str, Any] = {FLAGS[name]: _flag(name, fields[name]) for name in FLAGS if name in fields}
    changes |= {SECONDS[name]: _seconds(name, fields[name]) for name in SECONDS if name in fields}
    for kind in _kinds(fields):
        webhooks.switches[kind] = replace(webhooks.switches[kind], **changes)
    if "to" in fields:
        webhooks.to = fields["to"]


def show_webhooks(webhooks: Webhooks) -> Mapping[str, object]:
    """The switches, and every delivery: those to come, then those ended, oldest first."""
    deliveries = [*webhooks.pending(), *webhooks.ended]
    return {
        "to": webhooks.to,
        "kinds": {kind: _switch_view(switch) for kind, switch in webhooks.switches.items()},
        "deliveries": [_delivery_view(delivery) for delivery in deliveries],
    }


def is_base_url(value: object) -> bool:
    """Whether this is the URL of a server, or None."""
    if not isinstance(value, str):
        return value is None
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _kinds(fields: Mapping[str, Any]) -> list[str]:
    if "kind" not in fields:
        return list(PLANS)
    kind = fields["kind"]
    if not isinstance(kind, str) or kind not in PLANS:
        raise InputError("kind", "must be one of " + ", ".join(PLANS))
    return [kind]


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError(name, "must be true or false")
    return value


def _seconds(name: str, value: object) -> float | None:
    if value is None and name == "retrySeconds":
        return None
    # `true` is an int to Python.
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LONGEST_SECONDS:
        raise InputError(name, "must be a number from 0 to a thousand million")
    return value


def _switch_view(switch: Switch) -> dict[str, object]:
    return {name: getattr(switch, attribute) for name, attribute in (FLAGS | SECONDS).items()}


def _delivery_view(delivery: Delivery) -> dict[str, object]:
    return {
        "id": delivery.delivery_id,
        "kind": delivery.kind,
        "outcome": delivery.outcome,
        "tries": delivery.tries,
        "lastStatus": delivery.last_status,
        "due": delivery.due,
        "body": delivery.body.decode("utf-8", "replace"),
    }
