"""Lesson 12: the matrix that each method's loss reads, for the same few drawings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from ssl_teach.lessons.figures import LossMatrix, loss_matrices
from ssl_teach.losses import affinity_matrix, partners


def loss_map(
    views: Tensor,
    z: Tensor,
    *,
    queue: Tensor,
    correlation: Tensor,
    prototypes: Tensor,
    codes: Tensor,
    images: Tensor,
    words: Sequence[str],
    word_cosines: Tensor,
) -> Figure:
    """Draw what six methods compare: SimCLR, MoCo, BYOL, Barlow Twins, SwAV and CLIP.

    Args:
        views: Two views of each of n drawings, (2n, 1, H, W) in [0, 1], pairs side by side.
        z: Their projections, (2n, D).
        queue: MoCo's keys as far as they are drawn, (K, D), of length one.
        correlation: Barlow Twins' correlation of features, (d, d).
        prototypes: SwAV's, (P, D), of length one.
        codes: SwAV's codes of the first views, (n, P).
        images: The drawings, (n, 1, H, W) in [0, 1].
        words: The class of each drawing, n words.
        word_cosines: CLIP's cosines of drawings and words, (n, n).
    """
    n = len(images)
    u, v = (F.normalize(side, dim=1) for side in (z[0::2], z[1::2]))  # (n, D) each
    first, second = [*views[0::2, 0]], [*views[1::2, 0]]
    own = (u * v).sum(dim=1, keepdim=True)  # (n, 1): cosines of the positives
    itself = torch.eye(2 * n, dtype=torch.bool)
    others = ~torch.eye(n, dtype=torch.bool)
    diagonal = [(i, i) for i in range(n)]
    swapped = (v @ prototypes.T).argmax(dim=1)  # the prototype that the other view chooses
    return loss_matrices(
        [
            LossMatrix(
                "SimCLR: $2N \\times 2N$",
                affinity_matrix(z).masked_fill(itself, torch.nan),
                [*views[:, 0]],
                [*views[:, 0]],
                ("views", "views"),
                list(enumerate(partners(2 * n).tolist())),
            ),
            LossMatrix(
                "MoCo: $N \\times (1 + K)$",
                torch.cat([own, u @ queue.T], dim=1),
                first,
                labels=("queries", "own key, then the queue"),
                framed=[(i, 0) for i in range(n)],
            ),
            LossMatrix(
                "BYOL, SimSiam: $N$ cells",
                (u @ v.T).masked_fill(others, torch.nan),
                first,
                second,
                ("first views", "second views"),
                diagonal,
            ),
            LossMatrix(
                "Barlow Twins: $D \\times D$",
                correlation,
                labels=("features, first views", "features, second views"),
            ),
            LossMatrix(
                "SwAV: $N \\times K$",
                codes,
                first,
                labels=("first views", "prototypes"),
                framed=list(enumerate(swapped.tolist())),
            ),
            LossMatrix(
                "CLIP: $N \\times N$",
                word_cosines,
                [*images[:, 0]],
                [*words],
                ("pictures", "words"),
                diagonal,
            ),
        ]
    )
