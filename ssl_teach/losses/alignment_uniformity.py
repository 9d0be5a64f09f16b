"""What a contrastive loss does on the sphere, in two numbers: alignment and uniformity.

Source: Wang and Isola, 2020, section 4.1. Both are losses: smaller is better.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.losses.checks import check_vectors, full_precision


def _on_sphere(z: Tensor, name: str) -> Tensor:
    check_vectors(z, name)
    if (z == 0).all(dim=1).any():
        raise ValueError(f"{name} has a row of zeros, which has no direction")
    return F.normalize(full_precision(z), dim=1)


def alignment(first: Tensor, second: Tensor, *, alpha: float = 2.0) -> Tensor:
    """How far apart the two of a positive pair lie: the mean of ‖u_k - v_k‖^α.

    Args:
        first: (N, D) vectors of one view; scaled to length one here.
        second: (N, D) vectors of the other view, row by row.
        alpha: α > 0; 2 as in the paper's experiments.

    Returns:
        A number: 0 if all pairs coincide, 2^α if all are opposite; for α = 2 it is 2 - 2 cos.

    Raises:
        ValueError: on shapes that differ, NaN, a row of zeros, or α ≤ 0.

    Source: Wang and Isola, 2020, section 4.1, ℒ_align.

    Example:
        >>> alignment(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]])).item()
        2.0
    """
    u, v = _on_sphere(first, "first"), _on_sphere(second, "second")
    if u.shape != v.shape:
        raise ValueError(
            f"each row needs its partner: first is {tuple(u.shape)}, second {tuple(v.shape)}"
        )
    if alpha <= 0:
        raise ValueError(f"the exponent α must be positive, got {alpha}")
    squares = (u - v).square().sum(dim=1)  # (N,)
    if alpha == 2:
        return squares.mean()
    apart = squares > 0  # a pair that coincides pulls nowhere; the power's slope there is infinite
    return squares.where(apart, 1).pow(alpha / 2).where(apart, 0).mean()


def uniformity(z: Tensor, *, t: float = 2.0) -> Tensor:
    """How evenly vectors are spread: the log of the mean of exp(-t ‖z_i - z_j‖²) over pairs.

    Args:
        z: (M, D), at least two; scaled to length one here.
        t: how near two vectors must be to count, t > 0; 2 as in the paper's experiments.

    Returns:
        A number: 0 if all vectors coincide; the smaller, the more evenly they are spread, down to
        about -2t in many dimensions, where most pairs stand at right angles.

    Raises:
        ValueError: on a wrong shape, fewer than two vectors, NaN, a row of zeros, or t ≤ 0.

    Source: Wang and Isola, 2020, section 4.1, ℒ_uniform.

    Example:
        >>> uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])).item()
        -8.0
    """
    z = _on_sphere(z, "z")
    if len(z) < 2:
        raise ValueError("uniformity compares vectors, so it needs at least two")
    if t <= 0:
        raise ValueError(f"t must be positive, got {t}")
    first, second = torch.triu_indices(len(z), len(z), offset=1, device=z.device)
    with torch.autocast(z.device.type, enabled=False):  # which would round the cosines
        cosines = (z @ z.T)[first, second]
    squares = (2 - 2 * cosines).clamp_min(0)  # ‖u - v‖² of unit vectors
    return torch.logsumexp(-t * squares, dim=0) - torch.log(z.new_tensor(len(squares)))
