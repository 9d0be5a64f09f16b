"""Two processes that share a batch are one process with the whole batch, to rounding."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from ssl_teach import distributed
from ssl_teach.command_line import main
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.experiments.records import load_record
from ssl_teach.losses import nt_xent, partners
from ssl_teach.tasks.base import Batch
from ssl_teach.tasks.simclr import ProjectionHead, SimCLR
from ssl_teach.training.checkpoint import load_encoder
from ssl_teach.training.pretrain import Learner, pretrain

WIDTHS = (4, 8)
IMAGES = torch.randint(
    0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


class Mirrored:
    """Views without chance: every second call mirrors, so that any split sees the same ones."""

    def __init__(self):
        self.calls = 0

    def __call__(self, images, generator):
        self.calls += 1
        return images if self.calls % 2 else images.flip(-1)

    def __repr__(self):
        return "Mirrored()"


def parts():
    """Encoder and task of which no layer mixes the rows of a batch."""
    torch.manual_seed(0)
    encoder = ConvNet(widths=WIDTHS, norm="group")
    head = ProjectionHead(8, 8, 16, norm="group")
    return encoder, SimCLR(encoder.widths, Mirrored(), temperature=0.2, head=head)


def gradient(share_of_views, wrap):
    """Loss and gradients of one pass over this process's views, in double precision."""
    learner = Learner(*parts()).double()
    views = IMAGES[:16].double() / 255
    views = views[share_of_views]
    model = wrap(learner)
    loss, metrics = model("learner", Batch(views, partners(len(views))), 0)
    loss.backward()
    told = distributed.mean({"loss": loss.item(), "accuracy": metrics["accuracy"].item()})
    return told, {name: p.grad for name, p in learner.named_parameters()}


def trained(steps=4):
    """Weights and curve of a short training."""
    encoder, task = parts()
    curve = pretrain(encoder, task, IMAGES, steps=steps, batch_size=8, lr=1e-2, progress=False)
    return curve.values, encoder.state_dict()


def work(rank, count, meeting, out):
    """What each of the started processes does."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count)
    share = slice(rank * 16 // count, (rank + 1) * 16 // count)
    found = gradient(share, DistributedDataParallel), trained()
    assert distributed.rank() == rank and distributed.world_size() == count
    with pytest.raises(ValueError, match=f"divided equally among {count}"):
        distributed.share(count + 1)
    if rank == 0:
        torch.save(found, out)
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What two processes found."""
    folder = tmp_path_factory.mktemp("together")
    mp.spawn(work, (2, folder / "meeting", folder / "found.pt"), 2)
    return torch.load(folder / "found.pt")


def test_loss_accuracy_and_gradients_are_those_of_one_process(together):
    (told, gradients), _ = together
    alone, expected = gradient(slice(None), lambda learner: learner)
    assert told == pytest.approx(alone, rel=1e-12)
    for name, grad in expected.items():
        assert grad.abs().max() > 1e-6, f"{name} has no gradient to compare"
        torch.testing.assert_close(gradients[name], grad, rtol=1e-9, atol=1e-12)


def test_a_training_goes_the_same_way(together):
    _, (values, weights) = together
    alone, expected = trained()
    assert values["loss"] == pytest.approx(alone["loss"], abs=1e-5)
    assert values["accuracy"] == pytest.approx(alone["accuracy"])
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-4)


def test_other_processes_views_are_more_negatives():
    z = torch.nn.functional.normalize(torch.randn(12, 5, dtype=torch.float64), dim=1)
    first, second = (
        nt_xent(mine, temperature=0.3, negatives=others)
        for mine, others in ((z[:6], z[6:]), (z[6:], z[:6]))
    )
    torch.testing.assert_close((first + second) / 2, nt_xent(z, temperature=0.3))
    same = torch.ones(4, 3)
    lost = nt_xent(same, temperature=1.0, negatives=same)
    assert lost.item() == pytest.approx(torch.tensor(7.0).log().item())


def test_alone_there_is_nobody_to_ask():
    x = torch.randn(3, 2)
    assert distributed.world_size() == 1 and distributed.rank() == 0
    assert distributed.gather(x) is x and distributed.gather_negatives(x) is None
    assert distributed.share(7) == slice(0, 7)
    assert distributed.mean({"loss": 2.0}) == {"loss": 2.0}


def torchrun(out, steps, *more):
    """The command of the book's page on many devices, on small data."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", "-m", "ssl_teach", "pretrain", "--task", "simclr"]
    command += ["--data", "scenes", "--count", "300", "--batch-size", "8", "--steps", str(steps)]
    return [*command, "--norm", "group", "--out", str(out), *more]


def children(pid):
    """Process numbers of those that a process started."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_run_with_a_killed_process_goes_on_from_its_checkpoint(tmp_path):
    run = subprocess.Popen(
        torchrun(tmp_path / "killed", 260), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 240
    while not (tmp_path / "killed" / "run.pt").exists():  # written after 200 steps
        assert run.poll() is None and time.monotonic() < deadline, run.communicate()
        time.sleep(0.02)
    os.kill(children(run.pid)[1], signal.SIGKILL)
    run.communicate()
    assert run.returncode != 0 and not (tmp_path / "killed" / "encoder.pt").exists()

    for name in ("killed", "whole"):
        subprocess.run(torchrun(tmp_path / name, 260), check=True, capture_output=True)
    resumed, whole = (load_record(tmp_path / n / "record.json") for n in ("killed", "whole"))
    assert resumed.runs[0]["metrics"] == whole.runs[0]["metrics"]
    weights = [load_encoder(tmp_path / n / "encoder.pt").state_dict() for n in ("killed", "whole")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--norm", "sync"], "synchronised batch norm needs GPUs"),
        (["--minutes", "1"], "use --steps"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="of machines without a GPU")
def test_options_unfit_for_several_processes_are_rejected(
    more, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    command = ["pretrain", "--task", "simclr", "--data", "scenes", "--out", str(tmp_path)]
    assert main([*command, *more]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "encoder.pt").exists()
