"""The contrastive losses, as few lines as they are: this is what lesson 11 prints.

Notation: z is a projection, τ the temperature; N images give 2N views. The functions that
`ssl_teach.losses` exports under the same names are these in `ssl_teach.losses.checked`: with checks
of the input, in full precision, in blocks of rows when N is large, and across several processes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ORDERS = ("pairs", "halves")


def info_nce(
    queries: Tensor, keys: Tensor, positive: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """InfoNCE: the cross-entropy of finding each query's positive among the keys.

    Args:
        queries: (M, D).
        keys: (K, D): one positive for each query; the others are its negatives.
        positive: (M,) the index of each query's positive key.
        temperature: τ > 0.

    Returns:
        (M,) losses in nats; log K when all scores are equal.

    Source: van den Oord et al., 2018, equation 4.
    """
    scores = queries @ keys.T / temperature  # (M, K)
    return F.cross_entropy(scores, positive, reduction="none")


def nt_xent(z: Tensor, *, temperature: float = 0.5) -> Tensor:
    """SimCLR's loss: normalised, temperature-scaled cross-entropy over the affinity matrix.

    Row i of the 2N×2N matrix is a classifier with 2N-1 classes: the view itself is excluded, its
    partner is the correct class, and the other 2(N-1) views are negatives.

    Args:
        z: (2N, D) projections; rows 2k-1 and 2k are the views of image k.
        temperature: τ > 0.

    Returns:
        The mean over all 2N rows, in nats; log(2N-1) when all views look alike.

    Source: Chen et al., 2020, equation 1 and Algorithm 1.
    """
    z = F.normalize(z, dim=1)
    scores = (z @ z.T / temperature).fill_diagonal_(-torch.inf)  # (2N, 2N)
    return F.cross_entropy(scores, partners(len(z), device=z.device))


def partners(num_views: int, order: str = "pairs", device: torch.device | None = None) -> Tensor:
    """The index of each view's partner, the other view of its image.

    "pairs" is the order of the paper: views 2k-1 and 2k of one image are neighbours.
    "halves" is the order of most code: view k of the first half belongs to view k of the second.

    Args:
        num_views: 2N.
        order: "pairs" or "halves".
        device: The device of the result.

    Returns:
        (2N,) indices; a permutation without fixed points that is its own inverse.

    Raises:
        ValueError: If the number of views is odd or below 2, or the order unknown.

    Example:
        >>> partners(6, "pairs").tolist(), partners(6, "halves").tolist()
        ([1, 0, 3, 2, 5, 4], [3, 4, 5, 0, 1, 2])
    """
    if num_views < 2 or num_views % 2:
        raise ValueError(f"every view needs a partner, so their number must be even: {num_views}")
    views = torch.arange(num_views, device=device)
    if order == "pairs":
        return views ^ 1  # 0↔1, 2↔3, …: flip the last bit
    if order == "halves":
        return (views + num_views // 2) % num_views
    raise ValueError(f"order must be one of {ORDERS}, got {order!r}")


def nt_xent_two_loops(z: Tensor, *, temperature: float = 0.5) -> Tensor:
    """Algorithm 1 read literally, one pair at a time: slow, obvious, and the reference.

    Args:
        z: (2N, D) projections in the paper's order.
        temperature: τ > 0.

    Returns:
        ℒ = 1/2N Σ_k [ℓ(2k-1, 2k) + ℓ(2k, 2k-1)].

    Source: Chen et al., 2020, Algorithm 1.
    """
    M = len(z)
    partners(M)  # refuses an odd number of views

    def s(i: int, j: int) -> Tensor:
        return z[i] @ z[j] / (z[i].norm() * z[j].norm())

    def ell(i: int, j: int) -> Tensor:
        others = sum(torch.exp(s(i, k) / temperature) for k in range(M) if k != i)
        return -torch.log(torch.exp(s(i, j) / temperature) / others)

    total = torch.zeros((), dtype=z.dtype, device=z.device)
    for first in range(0, M, 2):  # the paper counts from 1: views 2k-1 and 2k
        total = total + ell(first, first + 1) + ell(first + 1, first)
    return total / M
