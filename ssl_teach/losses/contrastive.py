"""The contrastive losses: one N-way softmax, read once in general and once as SimCLR.

Notation: z a projection, s a score, τ the temperature, N images, 2N views.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.losses.blockwise import BlockwiseInfoNCE, block_scores

ORDERS = ("pairs", "halves")

WHOLE = 2**21  # scores up to which the whole matrix is held, 8 MB
CACHED = 2**20  # scores in a block beyond that, 4 MB


class NotFiniteError(ValueError, FloatingPointError):
    """Vectors hold NaN or infinite values.

    A bad input like any other; and where `pretrain` meets it, the sign of a training that diverged.
    """


def check_vectors(z: Tensor, name: str) -> None:
    """Raise a ValueError that calls z by its name unless it is (M, D), real and finite."""
    if z.ndim != 2 or not z.is_floating_point():
        raise ValueError(
            f"{name} must be floating-point vectors (M, D), got {tuple(z.shape)} of {z.dtype}"
        )
    if not torch.isfinite(z).all():
        raise NotFiniteError(
            f"{name} holds NaN or infinite values: look at the step that made them"
        )


def check_temperature(temperature: float) -> None:
    """Raise a ValueError unless τ is a positive number."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"the temperature τ must be a positive number, got {temperature}")


def full_precision(z: Tensor) -> Tensor:
    """Vectors in float32, or as they are if in float64: half precision would cost digits."""
    return z if z.dtype == torch.float64 else z.float()


def _directions(z: Tensor, negatives: Tensor | None) -> Tensor:
    """Rows of z, below them the negatives, (M + K, D), all of length one and in full precision."""
    check_vectors(z, "z")
    if negatives is None:
        return F.normalize(full_precision(z), dim=1)
    check_vectors(negatives, "negatives")
    if negatives.shape[1] != z.shape[1]:
        raise ValueError(f"z is {z.shape[1]} wide but negatives are {negatives.shape[1]} wide")
    return F.normalize(full_precision(torch.cat([z, negatives])), dim=1)


def affinity_matrix(z: Tensor, negatives: Tensor | None = None) -> Tensor:
    """Cosine similarity of every vector with every other: s_ij = z_iᵀz_j / (‖z_i‖ ‖z_j‖).

    Args:
        z: (M, D) projections; for SimCLR M = 2N, both views of N images.
        negatives: (K, D) more vectors, compared with all of z; see `nt_xent`.

    Returns:
        (M, M), symmetric, ones on the diagonal, in float32 or better; with negatives (M, M + K).

    Raises:
        ValueError: if z or negatives are no floating-point matrices of one width, or hold NaN.

    Source: Chen et al., 2020, Algorithm 1.
    """
    keys = _directions(z, negatives)
    with torch.autocast(z.device.type, enabled=False):  # which would round the cosines
        return keys[: len(z)] @ keys.T


def partners(num_views: int, order: str = "pairs", device: torch.device | None = None) -> Tensor:
    """Where each view's partner stands.

    "pairs" is the paper's order: views 2k-1 and 2k of one image are neighbours.
    "halves" is most code's: view k of the first half belongs to view k of the second.

    Args:
        num_views: 2N.
        order: "pairs" or "halves".
        device: where the result is to live.

    Returns:
        (2N,) indices; a permutation without fixed point that is its own inverse.

    Raises:
        ValueError: if the number of views is odd or below 2, or the order unknown.

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


def info_nce(
    queries: Tensor,
    keys: Tensor,
    positive: Tensor,
    *,
    exclude: Tensor | None = None,
    temperature: float = 1.0,
    block: int | None = None,
) -> Tensor:
    """Cross-entropy of finding each query's positive among the keys: InfoNCE.

    The score is the inner product over the temperature, s(q, k) = qᵀk / τ; for a cosine, pass
    vectors of length one. Scores are computed in float32 at least, whatever comes in.

    Args:
        queries: (M, D).
        keys: (K, D): for each query one positive, the rest negatives.
        positive: (M,) index of each query's positive key.
        exclude: (M,) index of one key that each query must not see (itself), or None.
        temperature: τ > 0.
        block: rows of scores held at a time; None for all of them while they are few, else for as
            many as fit in a cache. The result is the same to rounding.

    Returns:
        (M,) losses in nats; log K (log(K-1) with `exclude`) when all scores are equal.

    Raises:
        ValueError: on shapes that do not fit, NaN, or τ ≤ 0.

    Source: van den Oord et al., 2018, equation 4.
    """
    check_vectors(queries, "queries")
    check_vectors(keys, "keys")
    check_temperature(temperature)
    if queries.shape[1] != keys.shape[1]:
        raise ValueError(f"queries are {queries.shape[1]} wide but keys are {keys.shape[1]} wide")
    if block is not None and block < 1:
        raise ValueError(f"block is a number of rows, so at least 1, got {block}")
    for name, index in (("positive", positive), ("exclude", exclude)):
        if index is not None and index.shape != queries.shape[:1]:
            raise ValueError(f"{name} must name one key per query, got {tuple(index.shape)}")
        if index is not None and ((index < 0) | (index >= len(keys))).any():
            raise ValueError(f"{name} must name one of the {len(keys)} keys, from 0")
    return _cross_entropies(queries, keys, positive, exclude, temperature, block)


def _cross_entropies(
    queries: Tensor,
    keys: Tensor,
    positive: Tensor,
    exclude: Tensor | None,
    temperature: float,
    block: int | None = None,
) -> Tensor:
    """What `info_nce` returns, of input that was checked."""
    with torch.autocast(queries.device.type, enabled=False):  # half precision would cost digits
        dtype = torch.promote_types(torch.promote_types(queries.dtype, keys.dtype), torch.float32)
        queries, keys = queries.to(dtype), keys.to(dtype)
        M, K = len(queries), len(keys)
        if block is None:
            block = M if M * K <= WHOLE else max(1, CACHED // K)
        if block < M:
            losses = BlockwiseInfoNCE.apply(queries, keys, positive, exclude, temperature, block)
            return cast(Tensor, losses)
        scores = block_scores(queries, keys, exclude, temperature)  # (M, K)
        return F.cross_entropy(scores, positive, reduction="none")


def nt_xent(
    z: Tensor,
    *,
    temperature: float = 0.5,
    order: str = "pairs",
    negatives: Tensor | None = None,
) -> Tensor:
    """SimCLR's loss: normalised, temperature-scaled cross-entropy over the affinity matrix.

    Row i of the 2N×2N matrix is a classifier of 2N-1 ways: itself is excluded, its partner is
    the right answer, the other 2(N-1) views are negatives.

    Args:
        z: (2N, D) projections of both views of N images.
        temperature: τ > 0.
        order: "pairs", (2k-1, 2k) as in the paper, or "halves", (k, k+N) as in most code.
        negatives: (K, D) more views, none of them of these images: those that other processes
            hold. Each row is then a classifier of 2N-1+K ways.

    Returns:
        The mean over all 2N rows, in nats; log(2N-1+K) when all views look alike.

    Raises:
        ValueError: on a wrong shape, an odd number of views, NaN, τ ≤ 0, or an unknown order.

    Source: Chen et al., 2020, equation 1 and Algorithm 1.

    Example:
        >>> round(nt_xent(torch.ones(8, 3)).item(), 3), round(math.log(7), 3)
        (1.946, 1.946)
    """
    check_temperature(temperature)
    keys = _directions(z, negatives)
    positive = partners(len(z), order, z.device)
    itself = torch.arange(len(z), device=z.device)
    return _cross_entropies(keys[: len(z)], keys, positive, itself, temperature).mean()


def nt_xent_two_loops(z: Tensor, *, temperature: float = 0.5) -> Tensor:
    """Algorithm 1 read literally, one pair at a time: slow, obvious, and the reference.

    Args:
        z: (2N, D) projections in the paper's order.
        temperature: τ > 0.

    Returns:
        ℒ = 1/2N Σ_k [ℓ(2k-1, 2k) + ℓ(2k, 2k-1)].

    Source: Chen et al., 2020, Algorithm 1.
    """
    check_vectors(z, "z")
    check_temperature(temperature)
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
