"""Export of trained networks to the interactive figures, as half-precision weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ssl_teach.encoders.base import Encoder
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.tasks.decoders import SLOPE, MapDecoder
from ssl_teach.tasks.inpainting import Inpainting


def export_weights(
    encoder: Encoder, head: nn.Linear | nn.Sequential
) -> tuple[list[dict[str, object]], bytes]:
    """Export the weights of a trained `ConvNet` and its head for the network in the page.

    Batch norm in evaluation mode is a scale and a shift per channel. It is folded into the
    convolution or linear layer before it: w' = w · γ/σ, b' = β + (b - μ) · γ/σ.

    Args:
        encoder: A `ConvNet` with batch norm.
        head: A linear layer, or several with batch norm and ReLUs between them, such as a
            `ProjectionHead`. It takes the pooled representation of an image, or those of several
            images concatenated.

    Returns:
        The layers, each a dict with "kind", "in" and "out", and "stride" or "relu" (whether a ReLU
        follows); and the weights in little-endian half precision, for each layer the weight in C
        order and then the bias.

    Raises:
        ValueError: If the page cannot compute this type of encoder or head.
    """
    normed = any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())
    if not isinstance(encoder, ConvNet) or not normed:
        raise ValueError("only a ConvNet with batch norm can be exported to a page")
    layers: list[dict[str, object]] = []
    parts: list[np.ndarray] = []
    with torch.no_grad():
        for block in encoder.blocks:
            assert isinstance(block, nn.Sequential)
            conv, norm, _ = block
            assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            c_out, c_in = conv.weight.shape[:2]
            layers.append({"kind": "conv", "in": c_in, "out": c_out, "stride": conv.stride[0]})
            parts += _folded(conv, norm)
        modules = [head] if isinstance(head, nn.Linear) else list(head)
        for before, module in zip([None, *modules], modules, strict=False):
            if isinstance(module, nn.Linear):
                sizes = {"in": module.in_features, "out": module.out_features}
                layers.append({"kind": "linear", **sizes, "relu": False})
                parts += _folded(module)
            elif isinstance(module, nn.BatchNorm1d) and isinstance(before, nn.Linear):
                parts[-2:] = _folded(before, module)
            elif isinstance(module, nn.ReLU) and layers[-1]["kind"] == "linear":
                layers[-1]["relu"] = True
            else:
                raise ValueError(
                    f"a head of Linear, BatchNorm1d after it, and ReLU can be exported to a page, "
                    f"not {module}"
                )
    return layers, b"".join(part.astype("<f2").tobytes() for part in parts)


def page_network(name: str, encoder: Encoder, head: nn.Linear | nn.Sequential) -> dict[str, object]:
    """A trained network as an interactive figure takes it; the arguments are `export_weights`'s."""
    layers, weights = export_weights(encoder, head)
    return {"name": name, "layers": layers, "weights": weights}


def _folded(
    layer: nn.Conv2d | nn.Linear, norm: nn.BatchNorm1d | nn.BatchNorm2d | None = None
) -> list[np.ndarray]:
    """Return weight and bias of a layer, with the batch norm after it, if any, folded in."""
    weight = layer.weight
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias
    if norm is not None:
        assert norm.running_var is not None and norm.running_mean is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # (out,)
        bias = norm.bias + (bias - norm.running_mean) * scale
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    return [weight.cpu().numpy(), bias.cpu().numpy()]


def export_painter(encoder: Encoder, task: Inpainting) -> tuple[list[dict[str, object]], bytes]:
    """Export an encoder and the decoder trained with it, for inpainting in the page.

    Args:
        encoder: A `ConvNet` with batch norm, which is folded into its convolutions.
        task: The task with which the encoder was trained.

    Returns:
        The encoder's layers, then the decoder's, and their weights; see
        `ssl_teach.export.export_weights` and `ssl_teach.export.export_decoder`.

    Raises:
        ValueError: If the encoder is not a `ConvNet` with batch norm.
    """
    layers, weights = export_weights(encoder, nn.Sequential())  # it has no head
    decoder_layers, decoder_weights = export_decoder(task.decoder)
    return [*layers, *decoder_layers], weights + decoder_weights


def export_decoder(decoder: MapDecoder) -> tuple[list[dict[str, object]], bytes]:
    """Export the weights of a trained `MapDecoder` for the page.

    Args:
        decoder: The decoder.

    Returns:
        The layers, each a dict with "kind", "in", "out", "stride", "up" (whether the map is
        enlarged to the next size before the layer) and "slope" (of the leaky ReLU after it; 1 for
        none); and the weights in little-endian half precision, for each layer the weight in C
        order and then the bias. The sigmoid after the last layer is not listed.
    """
    convs = []
    for block in decoder.blocks:
        assert isinstance(block, nn.Sequential) and isinstance(block[0], nn.Conv2d)
        convs.append((block[0], {"up": True, "slope": SLOPE}))
    convs.append((decoder.last, {"up": False, "slope": 1.0}))
    layers: list[dict[str, object]] = []
    parts: list[np.ndarray] = []
    for conv, more in convs:
        assert conv.bias is not None
        sizes = {"in": conv.in_channels, "out": conv.out_channels, "stride": 1}
        layers.append({"kind": "conv", **sizes, **more})
        parts += [each.detach().cpu().numpy() for each in (conv.weight, conv.bias)]
    return layers, b"".join(part.astype("<f2").tobytes() for part in parts)
