"""The garbage collector of a worker: what is there at the start is left alone, the rest is looked at seldom."""

import gc

from worker.boot import COLLECT_AFTER, _collect_seldom


def test_what_is_there_when_the_worker_begins_is_left_out() -> None:
    before = gc.get_threshold()
    try:
        _collect_seldom()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == COLLECT_AFTER
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
