"""Encoders: shapes at any size, and weights that survive the way to the page."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ssl_teach.encoders.networks import ENCODERS, ConvNet, build_encoder
from ssl_teach.export import export_weights
from ssl_teach.tasks.simclr import ProjectionHead


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (1, 1, 40, 28)])
def test_stages_and_representation(name, norm, shape):
    encoder = build_encoder(name, channels=shape[1], norm=norm).eval()
    images = torch.rand(shape)
    maps = encoder.stages(images)
    assert [m.shape[1] for m in maps] == list(encoder.widths)
    assert all(m.shape[0] == shape[0] for m in maps)
    torch.testing.assert_close(encoder(images), maps[-1].mean(dim=(2, 3)))


def test_an_image_is_encoded_alike_in_any_batch_when_evaluating():
    encoder = ConvNet().eval()
    images = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(encoder(images)[1], encoder(images[1:2])[0])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="255"):
        ConvNet()(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="resnet18"):
        build_encoder("transformer")
    with pytest.raises(ValueError, match="norm"):
        build_encoder("convnet", norm="layer")


@pytest.mark.parametrize(
    "make_head",
    [
        lambda: torch.nn.Linear(8, 4),
        lambda: torch.nn.Sequential(
            torch.nn.Linear(8, 6), torch.nn.ReLU(inplace=True), torch.nn.Linear(6, 4)
        ),
        lambda: ProjectionHead(8, 6, 4),
        lambda: torch.nn.Sequential(
            torch.nn.Linear(8, 6),
            torch.nn.BatchNorm1d(6),
            torch.nn.ReLU(),
            torch.nn.Linear(6, 4, bias=False),
            torch.nn.BatchNorm1d(4),
        ),
    ],
)
def test_exported_weights_compute_the_same(make_head):
    """The page's network: convolution with bias, ReLU, mean, linear, from the bytes alone."""
    torch.manual_seed(0)
    encoder, head = ConvNet(widths=(4, 8)), make_head()
    for module in (*encoder.modules(), *head.modules()):
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
    for _ in range(20):  # moves the running statistics
        head.train()(encoder.train()(torch.rand(16, 3, 16, 16)))
    encoder.eval()
    head.eval()
    layers, data = export_weights(encoder, head)
    numbers = torch.from_numpy(np.frombuffer(data, "<f2").astype(np.float32))
    x = images = torch.rand(3, 3, 16, 16)
    x = (x - 0.5) / 0.25
    at, pooled = 0, False

    def take(*shape):
        nonlocal at
        size = int(np.prod(shape))
        at += size
        return numbers[at - size : at].reshape(shape)

    for layer in layers:
        c_in, c_out = layer["in"], layer["out"]
        if layer["kind"] == "conv":
            x = F.relu(F.conv2d(x, take(c_out, c_in, 3, 3), take(c_out), stride=2, padding=1))
        else:
            x = x if pooled else x.mean(dim=(2, 3))
            x, pooled = x @ take(c_out, c_in).T + take(c_out), True
            x = F.relu(x) if layer["relu"] else x
    assert at == len(numbers)
    torch.testing.assert_close(x, head(encoder(images)), atol=5e-3, rtol=5e-3)


def test_only_the_small_network_goes_to_the_page():
    with pytest.raises(ValueError, match="ConvNet"):
        export_weights(build_encoder("vgg"), torch.nn.Linear(256, 4))


@pytest.mark.parametrize(
    ("between", "words"),
    [
        ([torch.nn.Tanh()], "Tanh"),
        ([torch.nn.ReLU(), torch.nn.BatchNorm1d(8)], "BatchNorm1d"),  # nothing to fold it into
        ([torch.nn.BatchNorm1d(8), torch.nn.BatchNorm1d(8)], "BatchNorm1d"),
        ([torch.nn.GroupNorm(1, 8)], "GroupNorm"),  # depends on the picture
    ],
)
def test_what_cannot_be_folded_makes_no_head_for_the_page(between, words):
    head = torch.nn.Sequential(torch.nn.Linear(256, 8), *between, torch.nn.Linear(8, 4))
    with pytest.raises(ValueError, match=words):
        export_weights(ConvNet(), head)
