"""The affinity matrix of SimCLR, to be touched cell by cell."""

from __future__ import annotations

import numpy as np
import traitlets
from numpy.typing import ArrayLike

from ssl_teach.widgets.frame import Explorable, join, to_pictures

MOST_IMAGES = 64  # the page redraws 128 x 128 cells well within a frame


def _normalised(embeddings: ArrayLike, name: str) -> np.ndarray:
    """Rows of unit length as float16; the shapes and the numbers are checked on the way."""
    z = np.asarray(embeddings, dtype=np.float64)
    if z.ndim != 2 or len(z) % 2 or len(z) < 4:
        raise ValueError(
            f"{name} must be (2N, D), two views of each of at least two images, got {z.shape}"
        )
    if len(z) > 2 * MOST_IMAGES:
        raise ValueError(
            f"{name} holds {len(z) // 2} images, the page shows at most {MOST_IMAGES}: "
            f"pass the first {2 * MOST_IMAGES} rows"
        )
    if not np.isfinite(z).all():
        raise ValueError(f"{name} holds NaN or infinity")
    length = np.linalg.norm(z, axis=1, keepdims=True)  # (2N, 1)
    if (length == 0).any():
        raise ValueError(f"{name} has a row of zeros, whose cosine with others is undefined")
    return (z / length).astype("<f2")


class AffinityMatrix(Explorable):
    """Cosine of every pair of 2N views, its share of the softmax, its loss and its gradient.

    Source: Chen et al., 2020, Algorithm 1. The page computes everything but the embeddings.
    What the reader sets can be read back: `n`, `tau`, `order`, `trained`, `show`, `step` and
    `selected`, the pair of rows of `embeddings` (whatever the order on the page).
    """

    _esm = join("frame.js", "nt_xent.js", "affinity.js")
    _css = join("frame.css", "affinity.css")

    z_after = traitlets.Bytes().tag(sync=True)  # (2N, D) float16, little endian, rows of length 1
    z_before = traitlets.Bytes().tag(sync=True)  # the same of the untrained encoder, or empty
    thumbnails = traitlets.Bytes().tag(sync=True)  # (2N, H, W, C) uint8
    dimension = traitlets.Int().tag(sync=True)  # D
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [2N, H, W, C]

    n = traitlets.Int(8, min=2).tag(sync=True)  # images in the batch shown
    tau = traitlets.Float(0.5).tag(sync=True)
    order = traitlets.Enum(("pairs", "halves"), "pairs").tag(sync=True)
    trained = traitlets.Bool(True).tag(sync=True)
    show = traitlets.Enum(("cosine", "share"), "cosine").tag(sync=True)
    selected = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 1)).tag(
        sync=True
    )
    step = traitlets.Int(0, min=0, max=8).tag(sync=True)  # of Algorithm 1; 0: no walk

    def __init__(
        self,
        embeddings: ArrayLike,
        images: ArrayLike,
        *,
        before: ArrayLike | None = None,
        order: str = "pairs",
        tau: float = 0.5,
    ) -> None:
        """Hand the views over to the page.

        Args:
            embeddings: (2N, D) z of the trained encoder, in the paper's order: rows 2k and 2k+1
                (counted from 0) are the two views of image k; N at most 64.
            images: (2N, H, W, 1 or 3) uint8, the views themselves.
            before: (2N, D') z of the same views from the untrained encoder; D' = D.
            order: of rows and columns on the page, "pairs" or "halves".
            tau: temperature at the start, above 0; the slider goes from 0.05 to 2.

        Raises:
            ValueError: if shapes disagree, or embeddings are not finite.
        """
        z = _normalised(embeddings, "embeddings")
        pictures = to_pictures(images, "images")
        if len(pictures) != len(z):
            raise ValueError(
                f"{len(z)} embeddings but {len(pictures)} images: one per view, please"
            )
        if not tau > 0:
            raise ValueError(f"tau must be above 0, got {tau}")
        untrained = b""
        if before is not None:
            z_before = _normalised(before, "before")
            if z_before.shape != z.shape:
                raise ValueError(f"before is {z_before.shape}, embeddings are {z.shape}")
            untrained = z_before.tobytes()
        super().__init__(
            z_after=z.tobytes(),
            z_before=untrained,
            thumbnails=pictures.tobytes(),
            dimension=z.shape[1],
            shape=list(pictures.shape),
            n=min(8, len(z) // 2),
            tau=float(tau),
            order=order,
        )

    def __repr__(self) -> str:
        """What is shown, the same in every run."""
        return f"AffinityMatrix(N={self.shape[0] // 2}, tau={self.tau:g}, order={self.order!r})"
