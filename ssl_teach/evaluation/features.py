"""Features of a frozen encoder, and the baselines to compare them with.

Probes take features, not models. Raw pixels and random weights are therefore baselines of one line
each, and the check that the encoder is frozen is made where its features are computed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssl_teach.checks import as_images, check_channels, check_integer, check_seed
from ssl_teach.data.images import to_float
from ssl_teach.encoders.base import Encoder


def check_encoder(encoder: object) -> Encoder:
    """Return an encoder; raise a ValueError if it is anything else."""
    if not isinstance(encoder, Encoder):
        raise ValueError(
            f"an encoder of ssl_teach.encoders is needed, got a {type(encoder).__name__}; "
            "wrap another network in a subclass of Encoder"
        )
    return encoder


class NotFrozenError(RuntimeError):
    """An encoder changed while its features were computed."""


@contextmanager
def frozen(encoder: Encoder) -> Iterator[None]:
    """Freeze an encoder: evaluation mode, no gradients, and a check that nothing has changed.

    Batch norm in training mode updates its running statistics in every forward pass, without any
    optimizer. Buffers are therefore checked as well as parameters.

    Raises:
        NotFrozenError: On exit, if a parameter or a buffer has changed.
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
            f"the encoder should have stayed frozen, but {', '.join(changed[:3])} changed; "
            "was it put in training mode, or updated by an optimizer?"
        )


def _grid(features: int, channels: int, height: int, width: int) -> tuple[int, int]:
    """Return the grid to pool a map to, with channels × rows × columns close to `features`."""
    cells = max(1, features // channels)
    rows = 1
    while rows * rows < cells:  # the smallest power of two that is not below the root
        rows *= 2
    return min(rows, height), min(max(1, cells // rows), width)


@torch.no_grad()
def features(
    encoder: Encoder, images: Tensor, *, batch_size: int = 500, size: int | None = None
) -> list[np.ndarray]:
    """Compute features of every stage, with the same number of features for each.

    An early stage has few channels and a large map, a late one many channels and a small map. With
    one value per channel an early stage would be at a disadvantage simply because it is narrow. Its
    map is therefore averaged over a grid such that channels × cells = channels of the last stage,
    or over all its pixels where it has fewer.

    Args:
        encoder: The encoder. It is frozen during the call, and this is verified.
        images: (N, C, H, W) uint8.
        batch_size: Images per forward pass.
        size: Features per stage; None for the number of channels of the last stage.

    Returns:
        One (N, D) float32 array per stage, first to last. The last is h = f(x).

    Raises:
        ValueError: If the images are not uint8 (N, C, H, W), or have another number of channels
            than the encoder reads.
        NotFrozenError: If parameters or batch-norm statistics changed during the call.
    """
    images = as_images(images)
    check_channels(images, check_encoder(encoder).channels)
    check_integer(batch_size, "batch_size", 1)
    device = next(encoder.parameters()).device
    size = encoder.widths[-1] if size is None else check_integer(size, "size", 1)
    parts: list[list[Tensor]] = [[] for _ in encoder.widths]
    with frozen(encoder):
        for chunk in images.split(batch_size):
            for part, x in zip(parts, encoder.stages(to_float(chunk.to(device))), strict=True):
                pooled = F.adaptive_avg_pool2d(x, _grid(size, *x.shape[1:]))
                part.append(pooled.flatten(1).cpu())
    return [torch.cat(part).numpy() for part in parts]


def raw_pixels(images: Tensor) -> np.ndarray:
    """Return the pixels as a baseline, (N, C, H, W) uint8 -> (N, C·H·W) in [0, 1]."""
    return to_float(as_images(images)).flatten(1).cpu().numpy()


def random_weights(encoder: Encoder, seed: int) -> Encoder:
    """Copy an encoder with new random weights, the baseline for the effect of pretraining.

    Every layer is initialised by its `reset_parameters`, as in its constructor. A module that
    initialises its layers differently has a `reset_parameters` of its own, which is called after
    those of its layers.

    Args:
        encoder: The encoder; it is not changed.
        seed: Seed of the new weights.

    Raises:
        ValueError: If a layer has parameters but neither it nor a module around it has this method,
            or the seed is not valid.
    """
    check_seed(seed)
    fresh = copy.deepcopy(encoder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _reset(fresh, "", covered=False)
    return fresh


def _reset(module: nn.Module, name: str, covered: bool) -> None:
    """Reset a module's children, then itself; `covered` if an enclosing module resets it too."""
    # nn.MultiheadAttention and nn.Transformer hide the method
    hidden = getattr(module, "_reset_parameters", None)
    reset = getattr(module, "reset_parameters", hidden)
    for inner, child in module.named_children():
        _reset(child, f"{name}.{inner}".lstrip("."), covered or callable(reset))
    if callable(reset):
        reset()
    elif not covered and any(True for _ in module.parameters(recurse=False)):
        which = f"its {name!r}, a {type(module).__name__}," if name else "it"
        raise ValueError(
            f"the encoder cannot be initialised again: {which} holds parameters that nothing "
            "resets; give it a method reset_parameters"
        )
