"""Checks of what the losses are given, and the precision that they compute in."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_teach.checks import check_positive


class NotFiniteError(ValueError, FloatingPointError):
    """Vectors contain NaN or infinite values.

    It is a bad input like any other and, where `pretrain` meets it, a training that diverged.
    """


def check_vectors(z: Tensor, name: str) -> None:
    """Raise a ValueError that names z unless it is (M, D), floating point and finite."""
    if not isinstance(z, Tensor):
        raise ValueError(
            f"{name} must be a tensor (M, D), got a {type(z).__name__}: use torch.as_tensor({name})"
        )
    if z.ndim != 2 or not z.is_floating_point():
        raise ValueError(
            f"{name} must be floating-point vectors (M, D), got {tuple(z.shape)} of {z.dtype}"
        )
    if not len(z):
        raise ValueError(f"{name} must hold at least one vector, got {tuple(z.shape)}")
    if not torch.isfinite(z).all():
        raise NotFiniteError(
            f"{name} holds NaN or infinite values: look at the step that made them"
        )


def check_lengths(z: Tensor, name: str) -> None:
    """Raise a ValueError if a row is too short or too long to be scaled to length one.

    Its squares would leave the range of float32. Rows of zeros are allowed here.
    """
    peak = z.detach().abs().amax(dim=1)
    if (peak > 1e18).any():
        raise NotFiniteError(
            f"{name} holds values of {peak.max():g}: look at the step that made them"
        )
    if ((peak > 0) & (peak < 1e-12)).any():
        raise ValueError(
            f"{name} has rows of values below 1e-12, too small to be scaled to length one: "
            "multiply them by a constant"
        )


def check_temperature(temperature: float) -> None:
    """Raise a ValueError unless τ is a positive number."""
    if check_positive(temperature, "the temperature τ") < 1e-6:
        raise ValueError(f"the temperature τ must be at least 1e-6, got {temperature}")


def full_precision(z: Tensor) -> Tensor:
    """Return float64 vectors as they are and all others in float32; half precision loses digits."""
    return z if z.dtype == torch.float64 else z.float()
