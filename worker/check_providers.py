"""Ask each configured provider one harmless thing, and say in a line whether it accepts us."""

from typing import Any

from worker.clock import SystemClock
from worker.providers.protocol import ReadFailed
from worker.providers.registry import open_providers
from worker.settings import Settings


async def check_providers(settings: Settings) -> list[dict[str, Any]]:
    """A row per provider: its name, whether it accepts credentials, clock and signature, and what is wrong."""
    rows = []
    async with open_providers(settings, SystemClock()) as providers:
        for name, provider in providers.items():
            try:
                await provider.check()
            except ReadFailed as error:
                rows.append({"provider": name, "accepted": False, "answer": str(error)})
            else:
                said = "credentials, clock and signature are accepted"
                rows.append({"provider": name, "accepted": True, "answer": said})
    return rows
