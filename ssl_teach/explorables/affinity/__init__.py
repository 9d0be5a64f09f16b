"""The affinity matrix of SimCLR, which the reader explores cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike

from ssl_teach.explorables.augmentation_lab import MOST_DRAWS, check_recipe
from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.nn.packing import check_network, pack_weights
from ssl_teach.explorables.shared.frame import Explorable, to_pictures

MOST_IMAGES = 64  # the page redraws 128 x 128 cells well within a frame


def _normalised(embeddings: ArrayLike, name: str) -> np.ndarray:
    """Rows scaled to length 1 as float16, after checks of their shape and values."""
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
    """The cosine of every pair of 2N views, with its softmax share, loss and gradient.

    Source: Chen et al., 2020, Algorithm 1. The page computes everything except the embeddings. With
    a network it also computes those of the reader's own image, which stays in the page: two views
    of it take the place of the first image.
    The state of the figure can be read: `n`, `tau`, `order`, `trained`, `show`, `step`, `selected`
    (a pair of rows of `embeddings`, whatever the order on the page), and `seed`, the draw of the
    views of the reader's own image.
    """

    _esm = script("affinity/affinity.js")
    _css = styles("affinity/affinity.css")

    z_after = traitlets.Bytes().tag(sync=True)  # (2N, D) float16, little endian, rows of length 1
    z_before = traitlets.Bytes().tag(sync=True)  # the same for the untrained encoder, or empty
    thumbnails = traitlets.Bytes().tag(sync=True)  # (2N, H, W, C) uint8
    dimension = traitlets.Int().tag(sync=True)  # D
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [2N, H, W, C]
    weights = traitlets.Bytes().tag(sync=True)  # of the network, or empty; see nn/packing.py
    layers = traitlets.List(traitlets.Dict()).tag(sync=True)
    recipe = traitlets.Dict().tag(sync=True)  # for own views: arguments of simclr_augmentation

    n = traitlets.Int(8, min=2).tag(sync=True)  # images in the batch shown
    tau = traitlets.Float(0.5, min=1e-3).tag(sync=True)
    order = traitlets.Enum(("pairs", "halves"), "pairs").tag(sync=True)
    trained = traitlets.Bool(True).tag(sync=True)
    show = traitlets.Enum(("cosine", "share"), "cosine").tag(sync=True)
    selected = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 1)).tag(
        sync=True
    )
    step = traitlets.Int(0, min=0, max=8).tag(sync=True)  # of Algorithm 1; 0 shows the result
    seed = traitlets.Int(0, min=0, max=MOST_DRAWS).tag(sync=True)  # for own views

    def __init__(
        self,
        embeddings: ArrayLike,
        images: ArrayLike,
        *,
        before: ArrayLike | None = None,
        order: str = "pairs",
        tau: float = 0.5,
        network: Mapping[str, Any] | None = None,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        """Send the views to the page.

        Args:
            embeddings: (2N, D) z of the trained encoder, in the paper's order: rows 2k and 2k+1
                (counted from 0) are the two views of image k; N at most 64.
            images: (2N, H, W, 1 or 3) uint8, the views themselves.
            before: (2N, D') z of the same views from the untrained encoder; D' = D.
            order: of rows and columns on the page, "pairs" or "halves".
            tau: temperature at the start, above 0; the slider goes from 0.05 to 2.
            network: dict of "layers" and "weights", as `ssl_teach.export.export_weights` gives
                them for encoder and head together, and a "name". The reader can then put an image
                of their own in the place of the first. It must be the network that computed
                `embeddings`, in evaluation mode.
            recipe: the arguments of `ssl_teach.augment.simclr_augmentation` for these views: some
                of "strength", "crop", "hue" and "transforms".

        Raises:
            ValueError: if shapes disagree, embeddings are not finite, or the network does not fit.
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
        if network is not None:
            if pictures.shape[1] != pictures.shape[2]:
                raise ValueError(f"with a network images must be square, got {pictures.shape}")
            check_network(network, pictures.shape[-1], z.shape[1])
        given = network or {"layers": [], "weights": b""}
        super().__init__(
            z_after=z.tobytes(),
            z_before=untrained,
            thumbnails=pictures.tobytes(),
            dimension=z.shape[1],
            shape=list(pictures.shape),
            n=min(8, len(z) // 2),
            tau=float(tau),
            order=order,
            layers=[dict(layer) for layer in given["layers"]],
            weights=pack_weights(given["layers"], bytes(given["weights"])),
            recipe=check_recipe(recipe or {}, pictures.shape[-1]),
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"AffinityMatrix(N={self.shape[0] // 2}, tau={self.tau:g}, order={self.order!r})"
