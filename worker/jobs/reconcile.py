"""The reconcile job: each provider's books against ours."""

from worker.providers.protocol import Provider
from worker.reconcile.run import reconcile
from worker.world import World


async def run_reconcile(provider: Provider, world: World) -> str:
    """One run; what it found, in words. Raises ReadFailed."""
    return (await reconcile(provider, world)).words
