"""What is derived about communication is what the kernel counts."""

import json
import subprocess
import sys

import pytest

from ssl_teach.lessons.communication import bytes_per_step, sent


def test_one_process_sends_nothing_and_many_send_no_more_than_twice_what_there_is():
    assert set(bytes_per_step(1000, 64, 128, 1).values()) == {0}
    many = bytes_per_step(1000, 64, 128, 1000)
    assert many["gradients of parameters"] == pytest.approx(2 * 4 * 1000, rel=2e-3)
    assert many["views"] == pytest.approx(4 * 64 * 128, rel=2e-3)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process writes")
def test_the_kernel_counts_what_was_derived():
    before = sent()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", "-m", "ssl_teach.lessons.communication", "--batch-size", "64"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    counted = found.pop("counted")
    derived = bytes_per_step(**found)
    assert counted == pytest.approx(sum(derived.values()), rel=0.005)
    # leaving out any part would be seen
    assert all(value > 0.01 * counted for value in derived.values())
    assert sent() >= before
