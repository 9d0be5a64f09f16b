"""The protocol: what is a representation worth? Frozen features, a linear probe, k-NN, fine-tuning.

Probes take features, not models. So raw pixels and random weights are baselines of one line each,
and the check that frozen means frozen sits where the features are taken.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssl_teach.data.images import to_float
from ssl_teach.encoders.base import Encoder


class NotFrozenError(RuntimeError):
    """An encoder changed while its features were taken."""


@contextmanager
def frozen(encoder: Encoder) -> Iterator[None]:
    """Hold an encoder still: evaluation mode, no gradients, and proof that nothing moved.

    Batch norm in training mode updates its running statistics at every forward pass, without any
    optimiser; so buffers are checked as well as parameters.

    Raises:
        NotFrozenError: on leaving, if a parameter or a buffer has changed.
    """
    before = {name: value.detach().clone() for name, value in encoder.state_dict().items()}
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
    after = encoder.state_dict()
    changed = [
        name
        for name, value in before.items()
        if not torch.allclose(value, after[name], rtol=0, atol=0, equal_nan=True)
    ]
    if changed:
        raise NotFrozenError(
            f"the encoder was to stay frozen, but {', '.join(changed[:3])} changed; "
            "was it put in training mode, or stepped by an optimiser?"
        )


def _grid(features: int, channels: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns to pool a map to, so that channels × rows × columns is about `features`."""
    cells = max(1, features // channels)
    rows = 1
    while rows * rows < cells:  # the smallest power of two at or above the root
        rows *= 2
    return min(rows, height), min(max(1, cells // rows), width)


@torch.no_grad()
def features(
    encoder: Encoder, images: Tensor, *, batch_size: int = 500, size: int | None = None
) -> list[np.ndarray]:
    """Features of every stage, each averaged over a grid so that all have the same number.

    An early stage has few channels and a large map, a late one many channels and a small map.
    Pooled to one number per channel, an early stage would lose by its size alone; so its map is
    averaged over a grid of cells such that channels × cells = the channels of the last stage.

    Args:
        encoder: f; frozen meanwhile, and checked to have been.
        images: (N, C, H, W) uint8.
        batch_size: images per forward pass.
        size: features per stage; None for the width of the last stage.

    Returns:
        One (N, D) float32 array per stage, first to last. The last is h = f(x).

    Raises:
        NotFrozenError: if parameters or batch-norm statistics changed meanwhile.
    """
    device = next(encoder.parameters()).device
    size = size or encoder.widths[-1]
    parts: list[list[Tensor]] = [[] for _ in encoder.widths]
    with frozen(encoder):
        for chunk in images.split(batch_size):
            for part, x in zip(parts, encoder.stages(to_float(chunk.to(device))), strict=True):
                pooled = F.adaptive_avg_pool2d(x, _grid(size, *x.shape[1:]))
                part.append(pooled.flatten(1).cpu())
    return [torch.cat(part).numpy() for part in parts]


def raw_pixels(images: Tensor) -> np.ndarray:
    """The baseline to beat: the pixels themselves, (N, C, H, W) uint8 -> (N, C·H·W) in [0, 1]."""
    return to_float(images).flatten(1).cpu().numpy()


def random_weights(encoder: Encoder, seed: int) -> Encoder:
    """The same architecture with fresh weights: what the pretraining itself is worth.

    Every layer draws its weights by its `reset_parameters`, as it did when it was made. A module
    that draws those of its layers otherwise says how in a `reset_parameters` of its own, which has
    the last word.

    Args:
        encoder: is copied, not changed.
        seed: of the new weights.

    Raises:
        ValueError: if a layer holds parameters and has no such method, nor has one around it.
    """
    fresh = copy.deepcopy(encoder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _draw_anew(fresh, "", drawn=False)
    return fresh


def _draw_anew(module: nn.Module, name: str, drawn: bool) -> None:
    """Reset what is inside, then the module; `drawn` tells that one around it will reset all."""
    # nn.MultiheadAttention and nn.Transformer hide the method
    hidden = getattr(module, "_reset_parameters", None)
    reset = getattr(module, "reset_parameters", hidden)
    for inner, child in module.named_children():
        _draw_anew(child, f"{name}.{inner}".lstrip("."), drawn or callable(reset))
    if callable(reset):
        reset()
    elif not drawn and any(True for _ in module.parameters(recurse=False)):
        which = f"its {name!r}, a {type(module).__name__}," if name else "it"
        raise ValueError(
            f"the encoder has no known random weights: {which} holds parameters that nothing draws "
            "anew; give it a method reset_parameters"
        )
