"""The demo: the whole road on real servers, shown to a person."""

from worker.settings import Settings


async def show(settings: Settings) -> None:
    """x"""
