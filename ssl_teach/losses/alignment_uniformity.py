"""Alignment and uniformity, the two effects of a contrastive loss on the unit sphere.

Source: Wang and Isola, 2020, section 4.1. Both are losses: smaller is better.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.checks import check_positive
from ssl_teach.losses.checks import check_lengths, check_vectors, full_precision


def _unit_vectors(z: Tensor, name: str) -> Tensor:
    """Return the rows of z, (N, D), scaled to length one, or raise a ValueError."""
    check_vectors(z, name)
    check_lengths(z, name)
    if (z == 0).all(dim=1).any():
        raise ValueError(f"{name} has a row of zeros, which has no direction")
    return F.normalize(full_precision(z), dim=1)


def alignment(first: Tensor, second: Tensor, *, alpha: float = 2.0) -> Tensor:
    """Return the mean distance of positive pairs: the mean of ‖u_k - v_k‖^α.

    Args:
        first: The vectors (N, D) of one view, which are scaled to length one.
        second: The vectors (N, D) of the other view, in the same order.
        alpha: The exponent α > 0; 2 as in the paper's experiments.

    Returns:
        A scalar: 0 if all pairs coincide, 2^α if all are opposite; for α = 2, the mean of
        2 - 2 cos(u_k, v_k).

    Raises:
        ValueError: If the shapes differ, a vector is zero or has a NaN, or α ≤ 0.

    Source: Wang and Isola, 2020, section 4.1, ℒ_align.

    Example:
        >>> alignment(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]])).item()
        2.0
    """
    u, v = _unit_vectors(first, "first"), _unit_vectors(second, "second")
    if u.shape != v.shape:
        raise ValueError(
            f"each row needs its partner: first is {tuple(u.shape)}, second {tuple(v.shape)}"
        )
    check_positive(alpha, "the exponent α")
    squares = (u - v).square().sum(dim=1)  # (N,)
    if alpha == 2:
        return squares.mean()
    apart = squares > 0  # at 0 the gradient of the power would be infinite
    return squares.where(apart, 1).pow(alpha / 2).where(apart, 0).mean()


def uniformity(z: Tensor, *, t: float = 2.0) -> Tensor:
    """Return the log of the mean of exp(-t ‖z_i - z_j‖²) over pairs: lower is more uniform.

    Args:
        z: At least two vectors (M, D), which are scaled to length one.
        t: The inverse scale t > 0: the larger, the nearer two vectors must be to count; 2 as in the
            paper's experiments.

    Returns:
        A scalar: 0 if all vectors coincide, and smaller the more evenly they are distributed, down
        to about -2t in many dimensions, where most pairs are nearly orthogonal.

    Raises:
        ValueError: If the shape is wrong, there are fewer than two vectors, a vector is zero or has
            a NaN, or t ≤ 0.

    Source: Wang and Isola, 2020, section 4.1, ℒ_uniform.

    Example:
        >>> uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])).item()
        -8.0
    """
    z = _unit_vectors(z, "z")
    if len(z) < 2:
        raise ValueError("uniformity compares vectors, so it needs at least two")
    check_positive(t, "t")
    first, second = torch.triu_indices(len(z), len(z), offset=1, device=z.device)
    with torch.autocast(z.device.type, enabled=False):  # autocast would round the cosines
        cosines = (z @ z.T)[first, second]
    squares = (2 - 2 * cosines).clamp_min(0)  # ‖u - v‖² of unit vectors
    return torch.logsumexp(-t * squares, dim=0) - torch.log(z.new_tensor(len(squares)))
