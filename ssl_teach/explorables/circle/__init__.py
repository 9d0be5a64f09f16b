"""Points on the circle or the sphere, moved in the page by the gradient of the contrastive loss."""

from __future__ import annotations

import math
from typing import Any

import traitlets

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable


class Circle(Explorable):
    """Pairs of views as points on the circle or the sphere, trained live with or without negatives.

    The state can be read: `pairs`, `tau`, `space`, `negatives`, `seed`; and, after each pause,
    `found` (the steps taken, with loss, alignment and uniformity) and `walked` (how they were
    taken: [steps, tau, negatives] of each stretch). If `walked` is set, its steps are repeated.
    """

    _esm = script("circle/circle.js")
    _css = styles("circle/circle.css")

    pairs = traitlets.Int(8, min=2, max=16).tag(sync=True)
    tau = traitlets.Float(0.2, min=0.05, max=1).tag(sync=True)
    space = traitlets.Enum(["circle", "sphere"], default_value="circle").tag(sync=True)
    negatives = traitlets.Bool(True).tag(sync=True)
    seed = traitlets.Int(1).tag(sync=True)
    found = traitlets.Dict().tag(sync=True)
    walked: traitlets.List[list[object]] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        *,
        pairs: int = 8,
        tau: float = 0.2,
        space: str = "circle",
        negatives: bool = True,
        seed: int = 1,
    ) -> None:
        """Choose the initial state.

        Args:
            pairs: number of images N, 2 to 16, with two views each.
            tau: temperature τ, 0.05 to 1.
            space: "circle" (two dimensions) or "sphere" (three).
            negatives: whether the views of other images repel.
            seed: of the initial vectors and of the views.

        Raises:
            ValueError: if one of them is out of range.
        """
        if not 2 <= pairs <= 16:
            raise ValueError(f"pairs must lie between 2 and 16, got {pairs}")
        if not (math.isfinite(tau) and 0.05 <= tau <= 1):
            raise ValueError(f"tau must lie in [0.05, 1], got {tau}")
        if space not in ("circle", "sphere"):
            raise ValueError(f"space must be 'circle' or 'sphere', got {space!r}")
        chosen: dict[str, Any] = {"pairs": pairs, "tau": tau, "space": space}
        super().__init__(**chosen, negatives=negatives, seed=seed)

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        repel = "with" if self.negatives else "without"
        return (
            f"Circle({self.pairs} pairs on the {self.space}, {repel} negatives, tau={self.tau:g})"
        )
