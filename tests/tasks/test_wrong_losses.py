"""The right one is right, and every mistake is one: it differs where it should, and runs."""

import pytest
import torch

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.losses.contrastive import nt_xent, partners
from ssl_teach.tasks.base import Batch
from ssl_teach.tasks.simclr import SimCLR
from ssl_teach.tasks.wrong_losses import WRONG_LOSSES, WrongLoss, no_mistake

DRAW = torch.Generator().manual_seed(0)
IMAGES = torch.randn(6, 1, 5, generator=DRAW, dtype=torch.float64)
Z = (IMAGES + 0.5 * torch.randn(6, 2, 5, generator=DRAW, dtype=torch.float64)).flatten(0, 1)


def test_the_right_one_is_nt_xent():
    for tau in (0.1, 1.0):
        torch.testing.assert_close(no_mistake(Z, tau), nt_xent(Z, temperature=tau))


@pytest.mark.parametrize("name", WRONG_LOSSES)
def test_a_mistake_runs_and_gives_another_loss(name):
    loss = WRONG_LOSSES[name](Z, 1.0)
    assert loss.shape == ()
    assert abs(loss - nt_xent(Z, temperature=1.0)) > 0.02
    assert not torch.isnan(loss)


def test_subtracting_the_identity_leaves_one_term_too_many():
    same = torch.ones(8, 3, dtype=torch.float64)
    for tau in (0.2, 1.0):
        left = torch.log(7 + torch.exp(torch.tensor(-1 / tau, dtype=torch.float64)))
        torch.testing.assert_close(WRONG_LOSSES["minus_identity"](same, tau), left)


def test_the_mistaken_task_descends_the_mistake_and_tells_the_true_accuracy():
    encoder = ConvNet(widths=(4, 8))
    task = WrongLoss(encoder.widths, lambda images, generator: images, "wrong_axis")
    views = torch.rand(8, 3, 16, 16, generator=DRAW.manual_seed(1))
    batch = Batch(views, partners(8))
    loss, metrics = task(encoder, batch)
    z = task.head(encoder(views))
    torch.testing.assert_close(loss, WRONG_LOSSES["wrong_axis"](z, task.temperature))
    assert metrics == SimCLR.forward(task, encoder, batch)[1]
    with pytest.raises(ValueError, match="no mistake 'none'"):
        WrongLoss(encoder.widths, task.augment, "none")


@pytest.mark.parametrize("loss", [no_mistake, *WRONG_LOSSES.values()])
def test_autocast_rounds_no_score(loss):
    torch.manual_seed(0)
    z = torch.randn(16, 8)
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(z, 0.1)
    assert torch.equal(inside, loss(z, 0.1))
