"""InfoNCE a few rows at a time: its memory grows with the number of views, not with its square.

The loss of a row needs all scores of that row and of no other row. So rows are taken in blocks, the
scores of a block are used and forgotten, and the backward pass computes them again: a third more
arithmetic, in exchange for a matrix that never exists as a whole. Dao et al. (2022) do the same for
attention.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def block_scores(
    queries: Tensor, keys: Tensor, exclude: Tensor | None, temperature: float
) -> Tensor:
    """Score some queries against all keys: (b, D), (K, D) -> (b, K), with -∞ where excluded."""
    scores = (queries @ keys.T).div_(temperature)
    return scores if exclude is None else scores.scatter_(1, exclude[:, None], -torch.inf)


class BlockwiseInfoNCE(torch.autograd.Function):
    """The cross-entropy of each query's row of scores, and whether its positive scores highest."""

    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        keys: Tensor,
        positive: Tensor,
        exclude: Tensor | None,
        temperature: float,
        block: int,
    ) -> tuple[Tensor, Tensor]:
        """Compute (M,) losses and (M,) bool from (M, D), (K, D), (M,) and (M,) or None."""
        normaliser, at_positive = queries.new_empty(2, len(queries))  # (M,) each
        nearest = torch.empty_like(positive)
        for rows in torch.arange(len(queries), device=queries.device).split(block):
            here = None if exclude is None else exclude[rows]
            scores = block_scores(queries[rows], keys, here, temperature)  # (b, K)
            at_positive[rows] = scores.gather(1, positive[rows, None])[:, 0]
            highest, nearest[rows] = scores.max(dim=1)
            total = scores.sub_(highest[:, None]).exp_().sum(dim=1)
            normaliser[rows] = highest + total.log()
        correct = nearest == positive
        ctx.save_for_backward(queries, keys, positive, exclude, normaliser)
        ctx.mark_non_differentiable(correct)
        ctx.temperature, ctx.block = temperature, block
        return normaliser - at_positive, correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_losses: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """∂ℓ/∂s is the softmax, minus 1 at the positive; the rest is the chain rule."""
        queries, keys, positive, exclude, normaliser = ctx.saved_tensors
        grad_queries, grad_keys = torch.empty_like(queries), torch.zeros_like(keys)
        with torch.autocast(queries.device.type, enabled=False):  # as in the forward pass
            for rows in torch.arange(len(queries), device=queries.device).split(ctx.block):
                here = None if exclude is None else exclude[rows]
                scores = block_scores(queries[rows], keys, here, ctx.temperature)
                grad = scores.sub_(normaliser[rows, None]).exp_()  # (b, K): the softmax
                grad.scatter_add_(1, positive[rows, None], grad.new_full((len(rows), 1), -1))
                grad.mul_(grad_losses[rows, None] / ctx.temperature)
                grad_queries[rows] = grad @ keys
                grad_keys.addmm_(grad.T, queries[rows])
        return grad_queries, grad_keys, None, None, None, None
