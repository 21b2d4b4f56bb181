"""The line between the worker's providers and the sandbox."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.conformance.ends import Ends, open_ends


@pytest.fixture(scope="module", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """Nothing here is https, and reading the machine's certificates for every client would be half of the time."""
    context = httpx.create_ssl_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", lambda **_: context)
        yield


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """Both ends with the same settings, opened for one test."""
    async with open_ends() as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared_ends() -> AsyncIterator[Ends]:
    """The same, opened once for all tests of a file that look only at what they made themselves."""
    async with open_ends() as opened:
        yield opened
