"""The losses for real use: `ssl_teach.losses.contrastive` with a layer around it.

The layer checks the input, computes in float32 at least whatever autocast says, takes the rows in
blocks when the matrix of scores is large, and accepts the views of other processes as negatives.
The values are those of the plain functions; the tests hold the two together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.checks import check_several
from ssl_teach.losses import contrastive
from ssl_teach.losses.blockwise import BlockwiseInfoNCE
from ssl_teach.losses.checks import check_lengths, check_temperature, check_vectors, full_precision
from ssl_teach.losses.contrastive import partners

WHOLE = 2**21
"""The number of scores up to which the whole matrix is held at once: 8 MB."""
CACHED = 2**20
"""The number of scores in a block beyond that: 4 MB."""


def affinity_matrix(z: Tensor, negatives: Tensor | None = None) -> Tensor:
    """Cosine similarity of every vector with every other: s_ij = z_iᵀz_j / (‖z_i‖ ‖z_j‖).

    Args:
        z: (M, D) projections; for SimCLR M = 2N, both views of N images.
        negatives: (K, D) more vectors, compared with all of z; see `nt_xent`.

    Returns:
        (M, M), symmetric, ones on the diagonal, in float32 or better; with negatives (M, M + K).

    Raises:
        ValueError: If z or negatives are not floating-point matrices of one width, or contain NaN.

    Source: Chen et al., 2020, Algorithm 1.
    """
    keys = _unit_vectors(z, negatives)
    with torch.autocast(z.device.type, enabled=False):  # which would round the cosines
        return keys[: len(z)] @ keys.T


def info_nce(
    queries: Tensor,
    keys: Tensor,
    positive: Tensor,
    *,
    exclude: Tensor | None = None,
    temperature: float = 1.0,
    block: int | None = None,
) -> Tensor:
    """InfoNCE: the cross-entropy of finding each query's positive among the keys.

    The score is the inner product over the temperature, s(q, k) = qᵀk / τ; for a cosine, pass
    vectors of length one.

    Args:
        queries: (M, D).
        keys: (K, D): one positive for each query; the others are its negatives.
        positive: (M,) the index of each query's positive key.
        exclude: (M,) the index of one key that each query must not see (itself), or None.
        temperature: τ > 0.
        block: The number of rows of scores held at a time; None for all of them while they are few,
            else for as many as fit in a cache. The result is the same up to rounding.

    Returns:
        (M,) losses in nats; log K (log(K-1) with `exclude`) when all scores are equal.

    Raises:
        ValueError: If shapes do not fit, an index names no key, a value is NaN, τ ≤ 0, or there
            are no negatives.

    Source: van den Oord et al., 2018, equation 4.
    """
    check_vectors(queries, "queries")
    check_vectors(keys, "keys")
    check_temperature(temperature)
    if queries.shape[1] != keys.shape[1]:
        raise ValueError(f"queries are {queries.shape[1]} wide but keys are {keys.shape[1]} wide")
    check_several(len(keys) - (exclude is not None), "key for each query")
    if block is not None and block < 1:
        raise ValueError(f"block is a number of rows, so at least 1, got {block}")
    for name, index in (("positive", positive), ("exclude", exclude)):
        if index is None:
            continue
        if not isinstance(index, Tensor) or index.is_floating_point() or index.is_complex():
            raise ValueError(f"{name} must be a tensor of indices, so integers, got {index!r}")
        if index.shape != queries.shape[:1]:
            raise ValueError(f"{name} must name one key per query, got {tuple(index.shape)}")
        if ((index < 0) | (index >= len(keys))).any():
            raise ValueError(f"{name} must name one of the {len(keys)} keys, from 0")
    if exclude is not None and (positive == exclude).any():
        raise ValueError("exclude names the positive of a query, which then has no right answer")
    dtype = torch.promote_types(torch.promote_types(queries.dtype, keys.dtype), torch.float32)
    queries, keys = queries.to(dtype), keys.to(dtype)
    small = len(queries) * len(keys) <= WHOLE if block is None else block >= len(queries)
    if exclude is None and small:
        with torch.autocast(queries.device.type, enabled=False):
            return contrastive.info_nce(queries, keys, positive, temperature=temperature)
    return _in_blocks(queries, keys, positive, exclude, temperature, block)[0]


def nt_xent(
    z: Tensor,
    *,
    temperature: float = 0.5,
    order: str = "pairs",
    negatives: Tensor | None = None,
) -> Tensor:
    """SimCLR's loss: normalised, temperature-scaled cross-entropy over the affinity matrix.

    Row i of the 2N×2N matrix is a classifier with 2N-1 classes: the view itself is excluded, its
    partner is the correct class, and the other 2(N-1) views are negatives.

    Args:
        z: (2N, D) projections of both views of N images.
        temperature: τ > 0.
        order: "pairs", (2k-1, 2k) as in the paper, or "halves", (k, k+N) as in most code.
        negatives: (K, D) more views, none of them of these images: those that other processes
            hold. Each row is then a classifier with 2N-1+K classes.

    Returns:
        The mean over all 2N rows, in nats; log(2N-1+K) when all views look alike.

    Raises:
        ValueError: On a wrong shape, an odd number of views, NaN, τ ≤ 0, an unknown order, or
            only one image, which leaves no negatives.

    Source: Chen et al., 2020, equation 1 and Algorithm 1.

    Example:
        >>> import math
        >>> round(nt_xent(torch.ones(8, 3)).item(), 3), round(math.log(7), 3)
        (1.946, 1.946)
    """
    keys, positive = _keys_and_partners(z, temperature, order, negatives)
    plain = order == "pairs" and negatives is None and len(z) * len(keys) <= WHOLE
    return _loss(z, keys, positive, temperature, plain=plain)


def nt_xent_and_accuracy(
    z: Tensor,
    *,
    temperature: float = 0.5,
    order: str = "pairs",
    negatives: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`nt_xent` together with its accuracy: how often the partner is the nearest of all others.

    The arguments and errors are those of `nt_xent`. When N is large, both come from the same blocks
    of rows, so that a matrix of all scores is built for neither.

    Returns:
        The loss, and the fraction of views whose partner is nearest, without gradient.
    """
    keys, positive = _keys_and_partners(z, temperature, order, negatives)
    if len(z) * len(keys) > WHOLE:
        return _blockwise_nt_xent(z, keys, positive, temperature)
    with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
        nearest = (keys[: len(z)] @ keys.T).fill_diagonal_(-torch.inf).argmax(dim=1)
    plain = order == "pairs" and negatives is None
    loss = _loss(z, keys, positive, temperature, plain=plain)
    return loss, (nearest == positive).float().mean()


def _keys_and_partners(
    z: Tensor, temperature: float, order: str, negatives: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Check the input; return unit vectors (2N + K, D) and each view's partner (2N,)."""
    check_temperature(temperature)
    keys, positive = _unit_vectors(z, negatives), partners(len(z), order, z.device)
    check_several(len(keys) - 1, "view for each view to find: a batch needs two images")
    return keys, positive


def _loss(z: Tensor, keys: Tensor, positive: Tensor, temperature: float, *, plain: bool) -> Tensor:
    """Return NT-Xent of checked input: `contrastive.nt_xent` where that applies, else in blocks."""
    if not plain:
        return _blockwise_nt_xent(z, keys, positive, temperature)[0]
    with torch.autocast(z.device.type, enabled=False):
        return contrastive.nt_xent(full_precision(z), temperature=temperature)


def _blockwise_nt_xent(
    z: Tensor, keys: Tensor, positive: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return loss and accuracy from the same blocks of rows."""
    itself = torch.arange(len(z), device=z.device)
    losses, correct = _in_blocks(keys[: len(z)], keys, positive, itself, temperature)
    return losses.mean(), correct.float().mean()


def _in_blocks(
    queries: Tensor,
    keys: Tensor,
    positive: Tensor,
    exclude: Tensor | None,
    temperature: float,
    block: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (M,) losses and (M,) bool, whether the positive scores highest."""
    with torch.autocast(queries.device.type, enabled=False):
        block = max(1, CACHED // len(keys)) if block is None else block
        found: tuple[Tensor, Tensor] = BlockwiseInfoNCE.apply(
            queries, keys, positive, exclude, temperature, block
        )
        return found


def _unit_vectors(z: Tensor, negatives: Tensor | None) -> Tensor:
    """Return the rows of z and below them the negatives, (M + K, D), with length one."""
    check_vectors(z, "z")
    check_lengths(z, "z")
    if negatives is None:
        return F.normalize(full_precision(z), dim=1)
    check_vectors(negatives, "negatives")
    check_lengths(negatives, "negatives")
    if negatives.shape[1] != z.shape[1]:
        raise ValueError(f"z is {z.shape[1]} wide but negatives are {negatives.shape[1]} wide")
    return F.normalize(full_precision(torch.cat([z, negatives])), dim=1)
