"""CCPayment's version 1: it is refused as version 2 is, and its signed answers are believed."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.conformance.ends import APP_ID, Ends, open_ends, open_v1
from tests.conformance.test_signing import OTHER_MERCHANT, OTHER_SECRET
from worker.providers.ccpayment.api import ReadFailed


@pytest.mark.parametrize(
    ("settings", "ahead", "code"),
    [({}, -121, 11006), ({}, 121, 11006), (OTHER_SECRET, 0, 11005), (OTHER_MERCHANT, 0, 12001)],
    ids=["clock behind", "clock ahead", "another secret", "another merchant"],
)
async def test_version_1_is_refused_as_version_2_is(settings: Mapping[str, str], ahead: int, code: int) -> None:
    async with open_ends(worker=settings) as ends, open_v1(ends) as v1:
        ends.clock.ahead = timedelta(seconds=ahead)
        with pytest.raises(ReadFailed) as refused:
            await v1.assets()
        assert refused.value.code == code


@pytest.mark.parametrize("ahead", [-119, 0, 119])
async def test_version_1_believes_an_answer_that_is_signed_within_two_minutes(ends: Ends, ahead: int) -> None:
    ends.sandbox.fund(APP_ID, 1280, "1")
    ends.clock.ahead = timedelta(seconds=ahead)
    async with open_v1(ends) as v1:
        assert len(await v1.assets()) == 1
