"""Fixtures of the simulator's tests: a caller with a funded user, and its sandbox."""

import pytest

from worker.sandbox.sandbox import Sandbox

from .caller import Caller


@pytest.fixture
def caller() -> Caller:
    caller = Caller()
    caller.sandbox.fund("alice1", 1280, "10")
    return caller


@pytest.fixture
def sandbox(caller: Caller) -> Sandbox:
    return caller.sandbox
