"""One positive and its negatives: drag the scores to change softmax, loss and gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence

import traitlets

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable

WAYS = (4, 8, 16)
"""The numbers of candidates that can be shown: one positive, the others negatives."""


class ScoresToLoss(Explorable):
    """The scores of one positive and N-1 negatives, with softmax, InfoNCE and its gradient.

    The state of the figure can be read: `scores` (the positive first), `tau` and `selected`.
    """

    _esm = script("scores/scores.js")
    _css = styles("scores/scores.css")

    scores = traitlets.List(traitlets.Float()).tag(sync=True)
    tau = traitlets.Float(0.2, min=0.05, max=2).tag(sync=True)
    selected = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        scores: Sequence[float] = (0.6, 0.55, 0.2, 0.1, -0.1, -0.2, -0.35, -0.5),
        *,
        tau: float = 0.2,
    ) -> None:
        """Choose the initial state.

        Args:
            scores: cosines in [-1, 1], the positive first; 4, 8 or 16 of them.
            tau: temperature τ, 0.05 to 2.

        Raises:
            ValueError: if there are not 4, 8 or 16 scores, a score is not a cosine, or τ is out of
                range.
        """
        given = [float(score) for score in scores]
        if len(given) not in WAYS:
            raise ValueError(f"scores must be {WAYS} many, the positive's first, got {len(given)}")
        if not all(-1 <= score <= 1 for score in given):
            raise ValueError(f"scores are cosines, so they lie in [-1, 1], got {given}")
        if not (math.isfinite(tau) and 0.05 <= tau <= 2):
            raise ValueError(f"tau must lie in [0.05, 2], got {tau}")
        super().__init__(scores=given, tau=tau)

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"ScoresToLoss(1 positive, {len(self.scores) - 1} negatives, tau={self.tau:g})"
