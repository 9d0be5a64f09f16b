"""Decoders: sizes that fit every encoder, and the initial output."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ssl_teach.export import export_decoder
from ssl_teach.tasks.decoders import MapDecoder, SkipDecoder, convolution, doubling


def test_a_convolution_keeps_size_and_scale():
    torch.manual_seed(0)
    x = torch.randn(2, 64, 16, 16)
    for _ in range(6):
        x = convolution(64, 64)(x)
    assert x.shape == (2, 64, 16, 16)
    assert 0.5 < x.square().mean() < 2  # six layers have neither swelled nor starved the signal


def test_doubling_spreads_channels_over_pixels():
    layer = doubling(5, 2)
    x = torch.rand(1, 5, 3, 4)
    y = layer(x)
    assert y.shape == (1, 2, 6, 8)
    flat = layer[0](x)  # (1, 8, 3, 4): channels 4 to 7 are the 2×2 pixels of the second image
    assert torch.equal(y[0, 1, 2:4, 4:6].flatten(), flat[0, 4:8, 1, 2])


def test_the_map_decoder_passes_through_the_sizes_asked_for():
    decoder = MapDecoder((4, 8, 8), channels=1)
    seen = []
    for block in decoder.blocks:
        block.register_forward_hook(lambda module, args, out: seen.append(tuple(out.shape[2:])))
    sizes = [(3, 2), (5, 4), (9, 7)]
    image = decoder(torch.rand(2, 8, 2, 1), sizes)
    assert seen == sizes and image.shape == (2, 1, 9, 7)
    assert image.min() > 0 and image.max() < 1
    with pytest.raises(ValueError):
        decoder(torch.rand(2, 8, 2, 1), sizes[1:])


def decode(layers, data, x, sizes):
    """By the words of the export alone, as a page does it."""
    weights, start = torch.from_numpy(np.frombuffer(data, "<f2").astype(np.float32)), 0
    sizes = iter(sizes)
    for layer in layers:
        assert layer["kind"] == "conv" and layer["stride"] == 1
        shape = (layer["out"], layer["in"], 3, 3)
        count = int(np.prod(shape))
        weight = weights[start : start + count].view(shape)
        bias = weights[start + count : start + count + layer["out"]]
        start += count + layer["out"]
        if layer["up"]:
            x = F.interpolate(x, size=next(sizes))
        x = F.leaky_relu(F.conv2d(x, weight, bias, padding=1), layer["slope"])
    assert start == len(weights) and next(sizes, None) is None
    return torch.sigmoid(x)


@pytest.mark.parametrize("widths", [(4,), (4, 8, 9)])
def test_an_exported_decoder_computes_the_same(widths):
    torch.manual_seed(0)
    decoder = MapDecoder(widths, channels=2)
    for parameter in decoder.parameters():
        torch.nn.init.uniform_(parameter, -0.3, 0.3)
    x, sizes = torch.randn(3, widths[-1], 2, 1), [(3, 2), (5, 4), (9, 7)][-len(widths) :]
    layers, data = export_decoder(decoder)
    assert len(layers) == len(widths) + 1
    with torch.no_grad():
        torch.testing.assert_close(
            decode(layers, data, x, sizes), decoder(x, sizes), atol=2e-3, rtol=0
        )


def test_the_skip_decoder_starts_at_zero_and_reads_every_map():
    torch.manual_seed(0)
    decoder = SkipDecoder((4, 8), channels=2)
    maps = [torch.rand(1, 4, 3, 3, requires_grad=True), torch.rand(1, 8, 2, 2, requires_grad=True)]
    images = torch.rand(1, 2, 5, 5, requires_grad=True)
    assert torch.equal(decoder(maps, images), torch.zeros(1, 2, 20, 20))
    torch.nn.init.normal_(decoder.last.weight)
    decoder(maps, images).sum().backward()
    assert all(x.grad.abs().sum() > 0 for x in [*maps, images])


def test_one_stage_is_enough():
    assert MapDecoder((4,))(torch.rand(1, 4, 2, 2), [(4, 4)]).shape == (1, 3, 4, 4)
    low = torch.rand(1, 3, 4, 4)
    assert SkipDecoder((4,))([torch.rand(1, 4, 2, 2)], low).shape == (1, 3, 16, 16)
