"""SimCLR's random transforms, one by one and together, on images of the reader's choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets
from numpy.typing import ArrayLike

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable, check_sets, to_pictures

TRANSFORMS = ("crop", "flip", "color", "gray", "blur")  # in the order in which they are applied
SMALLEST = 8  # pixels on a side: the blur of a page mirrors a border of at least one
MOST_DRAWS = 999


def transforms_of(channels: int) -> tuple[str, ...]:
    """The transforms that have an effect: images of one channel are already grey."""
    return tuple(name for name in TRANSFORMS if channels == 3 or name != "gray")


def check_recipe(recipe: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """Check arguments of `simclr_augmentation`, which the page uses too.

    Args:
        recipe: some of its arguments "strength", "crop", "hue" and "transforms".
        channels: of the images.

    Returns:
        A copy.

    Raises:
        ValueError: if a name is unknown or a value out of range.
    """
    limits = {"strength": (0, 2.5), "crop": (1e-3, 1), "hue": (0, 0.5)}
    unknown = set(recipe) - set(limits) - {"transforms"}
    if unknown:
        raise ValueError(f"recipe knows {', '.join(limits)} and transforms, not {sorted(unknown)}")
    for name, (least, most) in limits.items():
        value = recipe.get(name)
        if value is not None and not least <= value <= most:
            raise ValueError(f"{name} must lie in [{least:g}, {most:g}], got {value}")
    names = recipe.get("transforms")
    known = [name for name in transforms_of(channels) if name != "flip"]  # it comes with the crop
    if names is not None and (not names or not set(names) <= set(known)):
        raise ValueError(
            f"views of {channels} channels are made by some of {', '.join(known)}, not by {names}"
        )
    return dict(recipe) | ({} if names is None else {"transforms": list(names)})


class AugmentationLab(Explorable):
    """Many draws of each random transform, and of all together; two views as a positive pair.

    Source: Chen et al., 2020, appendix A. The page computes the transforms as
    `ssl_teach.augment.simclr_augmentation` does; only the random numbers are its own.
    The state of the figure can be read: `picture`, `seed` (which draw), `on` (the transforms in
    use), and the strengths `crop`, `strength`, `hue`, `gray` and `blur`. An image of the reader's
    own stays in the page; while it is shown, `picture` is n, one past the last.
    """

    _esm = script("augmentation_lab/augmentation_lab.js")
    _css = styles("augmentation_lab/augmentation_lab.css")

    pictures = traitlets.Bytes().tag(sync=True)  # (n, S, S, C) uint8
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [n, S, S, C]
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # what each shows, or empty
    transforms = traitlets.List(traitlets.Unicode()).tag(sync=True)  # those that are available

    picture = traitlets.Int(0, min=0).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=MOST_DRAWS).tag(sync=True)
    on = traitlets.List(traitlets.Enum(TRANSFORMS)).tag(sync=True)
    crop = traitlets.Float(0.08, min=0.05, max=1).tag(
        sync=True
    )  # least area, as a fraction of the image
    strength = traitlets.Float(0.5, min=0, max=1.25).tag(sync=True)  # of the colour change; s
    hue = traitlets.Float(None, min=0, max=0.5, allow_none=True).tag(sync=True)  # None: 0.2 s
    gray = traitlets.Float(0.2, min=0, max=1).tag(sync=True)  # probability
    blur = traitlets.Float(2.0, min=0.1, max=4).tag(sync=True)  # greatest σ, in pixels

    def __init__(
        self,
        images: ArrayLike,
        *,
        labels: Sequence[str] | None = None,
        on: Sequence[str] | None = None,
        crop: float = 0.08,
        strength: float = 0.5,
        hue: float | None = None,
        seed: int = 0,
    ) -> None:
        """Send images to the page.

        Args:
            images: (n, S, S, 1 or 3) uint8; S at least 8.
            labels: n words for what the images show ("boat"), for screen readers.
            on: transforms in use at the start, of "crop", "flip", "color", "gray" and "blur"; None
                for all but the blur, as in the paper for small images.
            crop: least area of the crop at the start, as a fraction of the image.
            strength: of the colour change at the start, the paper's s.
            hue: greatest rotation of the hue at the start; None for the paper's 0.2 s, without a
                slider of its own.
            seed: which draw is shown at the start, 0 to 999.

        Raises:
            ValueError: if images have another shape, labels have another length, or a transform is
                unknown.
            traitlets.TraitError: if a strength or the seed is out of range.
        """
        pictures = to_pictures(images, "images")
        check_sets({"images": pictures}, labels)
        if pictures.shape[1] < SMALLEST:
            raise ValueError(
                f"pictures must be at least {SMALLEST} pixels wide, got {pictures.shape[1]}"
            )
        known = transforms_of(pictures.shape[-1])
        used = [name for name in known if name != "blur"] if on is None else list(on)
        if not set(used) <= set(known):
            raise ValueError(f"these pictures have {', '.join(known)}, not {used}")
        super().__init__(
            pictures=pictures.tobytes(),
            shape=list(pictures.shape),
            labels=list(labels or []),
            transforms=list(known),
            on=used,
            crop=float(crop),
            strength=float(strength),
            hue=None if hue is None or pictures.shape[-1] == 1 else float(hue),
            seed=seed,
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"AugmentationLab({self.shape[0]} pictures, {', '.join(self.transforms)})"
