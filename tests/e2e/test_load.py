"""Many transfers at once while the provider fails in every way it can: SEED=… repeats a run."""

from tests.e2e.load import Load, draw_seed, fund_users, have_faults, judge, publish, run_out
from tests.e2e.secrecy import check_secrecy
from tests.e2e.stage import Stage, opened


async def test_a_thousand_transfers_leave_every_book_in_order(stage: Stage) -> None:
    load = Load(draw_seed(), orders=1000)
    async with opened(stage) as client:
        await fund_users(stage, client)
        await have_faults(stage)
        await publish(load, client)
        await run_out(load, stage, client)
        results = await judge(load, stage, client)
        assert min(results["succeeded"], results["rejected"]) > 200
        assert results["failed"] == 0  # whoever is covered in the ledger is covered at the provider
        await check_secrecy(stage, client)
