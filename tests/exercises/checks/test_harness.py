"""The harness calls any answer and says exactly how it went."""

import contextlib
import threading
import time

import pytest
import torch

from ssl_teach.exercises.checks.harness import CallTimeout, CheckFailed, call, time_limit


def test_a_call_leaves_no_timer_behind_and_works_in_other_threads():
    told = []

    def endless():
        try:
            call(lambda: [None for _ in iter(int, 1)], seconds=0.2, on="nothing")
        except CheckFailed as wrong:
            told.append(wrong.diagnosis)

    endless()
    thread = threading.Thread(target=endless)
    thread.start()
    thread.join()
    assert told == ["time", "time"]
    with time_limit(0.05):
        pass
    time.sleep(0.1)


@pytest.mark.parametrize("end", ["returns", "raises"])
def test_an_answer_computes_on_one_thread(end):
    """With more, a right answer runs out of time when another program computes as well."""
    before, seen = torch.get_num_threads(), []

    def answer():
        seen.append(torch.get_num_threads())
        if end == "raises":
            raise KeyError

    torch.set_num_threads(2)
    try:
        with contextlib.suppress(CheckFailed):
            call(answer)
        assert seen == [1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_answer_cannot_swallow_the_end_of_its_time():
    def stubborn():
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    with pytest.raises(CheckFailed, match="had not returned"):
        call(stubborn, seconds=0.2, on="nothing")
    assert not issubclass(CallTimeout, Exception)


def test_modules_as_arguments_are_watched_too():
    layer = torch.nn.Linear(2, 2)

    def spoil(module):
        with torch.no_grad():
            module.weight.zero_()

    with pytest.raises(CheckFailed, match="changed its argument"):
        call(spoil, layer)
