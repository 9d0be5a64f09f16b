"""How made pictures are judged."""

import math

import pytest
import torch

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.evaluation.reconstruction import psnr, sharpness, ssim
from ssl_teach.tasks.inpainting import Inpainting
from ssl_teach.tasks.super_resolution import SuperResolution


def some_pictures(count=6):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)


def test_psnr_of_a_known_error():
    x = torch.full((2, 3, 8, 8), 0.5)
    assert psnr(x + 0.1, x) == pytest.approx(20, abs=1e-3)
    assert psnr(x + 0.05, x) == pytest.approx(20 + 20 * math.log10(2), abs=1e-3)


def test_ssim_falls_from_one():
    x = some_pictures().float() / 255
    assert ssim(x, x) == pytest.approx(1)
    assert ssim((x + torch.roll(x, 1, 0)) / 2, x) < 0.9


def test_sharpness_is_the_step_between_neighbours():
    ramp = (torch.arange(8.0) / 10).expand(1, 3, 8, 8)  # 0.1 across, 0 down
    assert sharpness(ramp) == pytest.approx(0.05)
    assert sharpness(torch.rand(1, 3, 8, 8)) > sharpness(ramp)


def test_sharpness_within_a_mask_ignores_what_lies_outside():
    x = torch.rand(1, 3, 8, 8)
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    flat = torch.where(mask, torch.tensor(0.5), x)
    assert sharpness(flat, mask) == 0 and sharpness(flat) > 0


def test_inpainting_is_judged_within_its_holes():
    encoder = ConvNet(widths=(4, 8))
    plain = Inpainting(encoder.widths)
    found = plain.reconstruction_metrics(encoder, some_pictures(), batch_size=4)
    assert set(found) == {"l2", "sharpness"} and found["l2"] > 0
    with_gan = Inpainting(encoder.widths, lambda_gan=1.0)
    auc = with_gan.reconstruction_metrics(encoder, some_pictures())["discriminator_auc"]
    assert 0 <= auc <= 1


def test_an_untrained_super_resolution_is_as_good_as_bicubic():
    encoder = ConvNet(widths=(4, 8))
    found = SuperResolution(encoder.widths).reconstruction_metrics(encoder, some_pictures())
    assert found["psnr"] == pytest.approx(found["psnr_bicubic"], abs=1e-3)
    assert found["ssim"] == pytest.approx(found["ssim_bicubic"], abs=1e-4)
    assert found["sharpness_nearest"] > 0


def test_judging_leaves_encoder_and_task_as_they_were():
    encoder = ConvNet(widths=(4, 8))
    task = Inpainting(encoder.widths, lambda_gan=1.0)
    before = {k: v.clone() for k, v in task.state_dict().items()}
    task.reconstruction_metrics(encoder, some_pictures())
    assert task.training
    assert all(torch.equal(value, before[name]) for name, value in task.state_dict().items())
