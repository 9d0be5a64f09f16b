"""Reference values for the checks: losses by explicit sums, in Python's double precision.

Slow but obvious. Nothing here is shared with the package's own losses, so that a mistake in one
cannot hide a mistake in the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

ORDERS = {
    "pairs": "views $2k$ and $2k + 1$ (counted from 0) belong together",
    "halves": "view $k$ of the first half and view $k$ of the second half belong together",
    "mirrored": "views $k$ and $2N - 1 - k$ (counted from 0) belong together: the second views "
    "are in the reverse order of the first",
}
"""Possible orders of the views of a batch, in words."""


def partner_of(i: int, views: int, order: str) -> int:
    """The index of the partner of view i."""
    if order == "pairs":
        return i + 1 if i % 2 == 0 else i - 1
    return (i + views // 2) % views if order == "halves" else views - 1 - i


def arrange_views(first: Tensor, second: Tensor, order: str) -> Tensor:
    """First and second views as one batch in this order: (N, D), (N, D) -> (2N, D)."""
    if order == "pairs":
        return torch.stack([first, second], dim=1).flatten(0, 1)
    return torch.cat([first, second if order == "halves" else second.flip(0)])


def cosine_matrix(z: Tensor) -> Tensor:
    """Cosines of all pairs of vectors, in double precision: (M, D) -> (M, M)."""
    z = z.detach().double()
    return (z @ z.T) / torch.outer(z.norm(dim=1), z.norm(dim=1))


def cross_entropy_of(scores: Sequence[float], j: int) -> float:
    """Cross-entropy of one row of scores for answer j, in nats."""
    top = max(scores)
    return top + math.log(sum(math.exp(score - top) for score in scores)) - scores[j]


def info_nce_losses(scores: Tensor, positive: Tensor, tau: float) -> Tensor:
    """The loss of each query: (M, K), (M,), τ -> (M,), in nats."""
    rows = (scores.detach().double() / tau).tolist()
    found = [cross_entropy_of(row, j) for row, j in zip(rows, positive.tolist(), strict=True)]
    return torch.tensor(found, dtype=torch.float64)


def nt_xent_losses(z: Tensor, order: str, tau: float) -> list[float]:
    """ℓ(i, j) for every view of a batch: (2N, D) -> 2N numbers, in nats."""
    found = []
    for i, row in enumerate((cosine_matrix(z) / tau).tolist()):
        j = partner_of(i, len(row), order)
        others = row[:i] + row[i + 1 :]  # without itself
        found.append(cross_entropy_of(others, j - (j > i)))
    return found


def cross_view_losses(first: Tensor, second: Tensor, tau: float) -> list[float]:
    """Losses of the first views with the second as candidates, then the other way round."""
    both = cosine_matrix(torch.cat([first, second])) / tau
    s = both[: len(first), len(first) :].tolist()  # first views with second views
    rows = [cross_entropy_of(row, i) for i, row in enumerate(s)]
    columns = [cross_entropy_of(list(column), i) for i, column in enumerate(zip(*s, strict=True))]
    return rows + columns


def recognise(value: float, guesses: dict[str, float], tolerance: float = 1e-3) -> str:
    """A description of a wrong number if it equals a known one; otherwise ""."""
    for words, guess in guesses.items():
        if abs(value - guess) <= tolerance * max(1.0, abs(guess)):
            return words
    return ""
