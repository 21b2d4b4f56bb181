"""The points that a run of many seeds must have seen: a fate or a race that never happened proves nothing."""

from collections import Counter
from typing import Any

from tests.deposits_play.fates import FATES

POINTS = frozenset(
    {
        *FATES,
        *(f"webhooks {how}" for how in ("as they should", "lost", "late", "twice", "for a time lost")),
        *(f"killed {moment} a call: {role}" for moment in ("before", "after") for role in ("worker", "web")),
        *(f"fault {kind}" for kind in ("reset", "http_500", "hang", "non_json", "truncated_json", "lag")),
        "webhook forged",
        "payment forged",
        "credit: credited",
        "credit: known",
        "credit: changed",
        "credit: repeated",
        "credited: user",
        "credited: app",
        "credited with its order: payOrder",
        "credited with its order: rescan",
        "explained: risky",
        "explained: failed",
        "explained: repeated",
        "user heard of",
        "user unheard of",
        "contradicted and shown",
        "payOrder succeeded",
        "payOrder failed",
        "rescan succeeded",
        "rescan failed",
        "paid late",
        "webhook seen before",
        "settled on an old revision",
    }
)


def see_call(name: str, result: Any, seen: Counter[str]) -> None:
    """What can be seen of a call of a port."""
    match name, result:
        case "ledger.credit_deposit", verdict:
            seen[f"credit: {verdict}"] += 1
        case "ledger.remember_webhook", False:
            seen["webhook seen before"] += 1
        case "ledger.settle", "stale":
            seen["settled on an old revision"] += 1
