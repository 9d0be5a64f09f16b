"""Scenes: images rendered from known factors, with a switch for each shortcut.

A scene is an object of one of ten classes in front of a landscape. Since we render it, we know its
class, colour, position, size, tilt, sky and ground. A lesson can therefore ask which of these a
representation keeps, and can remove a shortcut that solves a task without looking at the object.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.data.dataset import Dataset, as_names
from ssl_teach.data.sprites import CLASSES, sprites

SHORTCUTS = ("horizon", "light", "background", "object_color", "aberration")
"""Shortcuts that can be left in, independently of one another:

horizon: The landscape is upright; without it, it is rotated by a random angle.
light: The image is brighter towards the top; without it, towards a random side.
background: Each image has its own landscape; without it, all have the same plain grey.
object_color: The class of the object determines its colour; without it, colours are random.
aberration: Red is rendered slightly larger and blue slightly smaller, as by a simple lens, so
    that colours separate towards the border; without it, they coincide.
"""

DEFAULT_SHORTCUTS = ("horizon", "light", "background")

FACTORS = (
    "hue", "x", "y", "scale", "tilt", "mirrored", "sky", "ground", "horizon", "upright", "light",
)  # fmt: skip

CHUNK = 250  # scenes rendered at a time: they fit in the cache, and hold 25 of each class
ABERRATION = 0.06  # as a fraction of the distance from the centre


def scenes(
    count: int = 12_500,
    *,
    size: int = 32,
    seed: int = 0,
    shortcuts: Iterable[str] | None = None,
) -> Dataset:
    """Render scenes: 76% for training, 8% for validation, 16% for the test.

    The same seed gives the same scenes, and a smaller count gives the first of them.

    Args:
        count: Number of scenes, at least 25.
        size: Height and width of an image in pixels, at least 8.
        seed: Seed of everything random.
        shortcuts: Some of `SHORTCUTS`; None for `DEFAULT_SHORTCUTS`.

    Returns:
        Images (count, 3, size, size); the label is the class of the object. The factors, (count,)
        each, are the "hue" of the object, "x" and "y" (its centre, in units of half the image's
        side, y upwards), "scale" (half its side, in the same units), "tilt" (anticlockwise),
        "mirrored" (bool), "sky" and "ground" (hues), "horizon" (height), "upright" (rotation of
        the landscape) and "light" (the side it comes from, 0 for the top). Hues are in [0, 1),
        angles in radians.

    Raises:
        ValueError: If there are too few scenes, they are too small, or a shortcut is unknown.
    """
    chosen = DEFAULT_SHORTCUTS if shortcuts is None else as_names(shortcuts)
    unknown = [name for name in chosen if name not in SHORTCUTS]
    if unknown:
        raise ValueError(f"no shortcut is called {unknown[0]!r}; there are {', '.join(SHORTCUTS)}")
    if count < 25 or size < 8:
        raise ValueError(f"scenes need count >= 25 and size >= 8, got {count} and {size}")
    images, labels, factors = [], [], []
    for chunk in range(math.ceil(count / CHUNK)):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + chunk)
        drawn = Factors.draw(generator, chosen)
        images.append(render(drawn, size, generator, "aberration" in chosen))
        labels.append(drawn.label)
        factors.append(drawn.named())
    n_val, n_test = round(0.08 * count), round(0.16 * count)
    cuts = torch.arange(count).split([count - n_val - n_test, n_val, n_test])
    return Dataset(
        "scenes",
        torch.cat(images)[:count],
        torch.cat(labels)[:count],
        tuple(CLASSES),
        {name: torch.cat([f[name] for f in factors])[:count] for name in factors[0]},
        dict(zip(("train", "val", "test"), cuts, strict=True)),
    )


@dataclass(frozen=True)
class Factors:
    """The factors of a chunk of scenes, (B,) each unless a comment says otherwise."""

    label: Tensor
    hue: Tensor
    x: Tensor
    y: Tensor
    scale: Tensor
    tilt: Tensor
    mirrored: Tensor  # bool
    sky: Tensor
    ground: Tensor
    horizon: Tensor
    upright: Tensor
    light: Tensor
    colors: Tensor  # (B, 3, 8), of ground, hills, sun, sky, body, accent, dark, light
    hills: Tensor  # (B, 2, 3): height, frequency and phase of the near and the far ridge
    sun: Tensor  # (B, 3): horizontal position, height, radius

    def named(self) -> dict[str, Tensor]:
        """Return the factors that are part of the data set, by name."""
        return {name: getattr(self, name) for name in FACTORS}

    @classmethod
    def draw(cls, generator: torch.Generator, shortcuts: tuple[str, ...]) -> Factors:
        """Draw a chunk. A switch changes no random number, so that the rest stays the same."""
        B = CHUNK

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return low + (high - low) * torch.rand(B, *shape, generator=generator)

        label = torch.arange(B)[torch.randperm(B, generator=generator)] % len(CLASSES)
        free_hue, near_hue = uniform(0, 1), (label / len(CLASSES) + uniform(-0.03, 0.03)) % 1
        hue = near_hue if "object_color" in shortcuts else free_hue
        sky, ground, horizon = uniform(0, 1), uniform(0, 1), uniform(-0.4, 0.2)
        upright, light = uniform(-math.pi, math.pi), uniform(-math.pi, math.pi)
        tone = uniform(0, 1, 8)
        colors = torch.stack(
            [
                hsv(ground, 0.3 + 0.4 * tone[:, 0], 0.3 + 0.3 * tone[:, 1]),
                hsv(ground + 0.1, 0.2 + 0.3 * tone[:, 0], 0.45 + 0.3 * tone[:, 1]),
                hsv(sky + 0.5, 0.1 + 0.4 * tone[:, 2], torch.ones(B)),
                hsv(sky, 0.15 + 0.35 * tone[:, 2], 0.65 + 0.3 * tone[:, 3]),
                hsv(hue, 0.55 + 0.45 * tone[:, 4], 0.55 + 0.45 * tone[:, 5]),
                hsv(hue + 0.3 + 0.4 * tone[:, 6], 0.5 + 0.4 * tone[:, 4], 0.5 + 0.5 * tone[:, 7]),
                hsv(free_hue + tone[:, 6], 0.6 * tone[:, 7], 0.05 + 0.3 * tone[:, 3]),
                hsv(sky + tone[:, 7], 0.3 * tone[:, 6], 0.75 + 0.25 * tone[:, 5]),
            ],
            dim=2,
        )  # (B, 3, 8)
        if "background" not in shortcuts:
            colors[:, :, :4] = 0.5
        scale = uniform(0.5, 0.85)
        place = uniform(-1, 1, 2) * (0.95 - scale[:, None])
        ridges = uniform(0, 1, 2, 3) * torch.tensor([0.1, 3.0, 2 * math.pi])
        return cls(
            label=label, hue=hue, sky=sky, ground=ground, horizon=horizon, colors=colors,
            x=place[:, 0], y=place[:, 1], scale=scale, tilt=uniform(-0.25, 0.25),
            mirrored=uniform(0, 1) < 0.5,
            upright=torch.zeros(B) if "horizon" in shortcuts else upright,
            light=torch.zeros(B) if "light" in shortcuts else light,
            hills=ridges + torch.tensor([0.02, 1.5, 0.0]),
            sun=torch.stack([uniform(-0.8, 0.8), uniform(0.25, 0.9), uniform(0.1, 0.25)], dim=1),
        )  # fmt: skip


def hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Convert colours to RGB: three (B,) in [0, 1], the hue modulo 1, -> (B, 3)."""
    k = (hue[:, None] * 6 + torch.tensor([5.0, 3.0, 1.0])) % 6
    ramp = torch.minimum(k, 4 - k).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * ramp)


def render(f: Factors, size: int, generator: torch.Generator, aberration: bool) -> Tensor:
    """Render a chunk of scenes: (B, 3, size, size) uint8."""
    B = len(f.label)
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    points = torch.stack([axis.repeat(size), -axis.repeat_interleave(size)])  # (2, P), y upwards
    if aberration:
        zoom = [
            1 - ABERRATION,
            1.0,
            1 + ABERRATION,
        ]  # red is enlarged by sampling points nearer the centre
        parts = [paint(f, points * z, size)[:, c] for c, z in enumerate(zoom)]
        pixels = torch.stack(parts, dim=1)
    else:
        pixels = paint(f, points, size)  # (B, 3, P)
    towards = torch.stack([-f.light.sin(), f.light.cos()], dim=1)  # (B, 2): the top at 0
    brightness = (towards @ points).mul_(0.25).add_(1)  # (B, P)
    clouds = torch.randn(B, 1, 8, 8, generator=generator).mul_(0.03)
    clouds = F.interpolate(clouds, size=(size, size), mode="bilinear")
    grain = torch.randn(B, 1, size * size, generator=generator).mul_(0.015)
    pixels.mul_(brightness[:, None]).add_(clouds.view(B, 1, -1)).add_(grain)
    return pixels.clamp_(0, 1).mul_(255).round_().to(torch.uint8).view(B, 3, size, size)


def paint(f: Factors, points: Tensor, size: int) -> Tensor:
    """Return the colours at points (2, P), without light: (B, 3, P).

    Each point is a mixture of eight materials, so the colours are one matrix product.
    """
    land, thing = landscape(f, points, size), objects(f, points, size)  # (B, 4, P) each
    land.mul_(
        (1 - thing.sum(dim=1, keepdim=True)).clamp_(min=0)
    )  # the part that the object does not cover
    return f.colors @ torch.cat([land, thing], dim=1)


def landscape(f: Factors, points: Tensor, size: int) -> Tensor:
    """Return the fractions of ground, hills, sun and sky at each point: (B, 4, P)."""
    cos, sin = f.upright.cos(), f.upright.sin()
    frame = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], dim=1)
    across, up = (frame @ points).unbind(dim=1)  # (B, P): the landscape's own axes

    def below(line: Tensor) -> Tensor:  # with an edge one pixel wide
        return line.sub_(up).mul_(size / 2).add_(0.5).clamp_(0, 1)

    def ridge(which: int, base: Tensor) -> Tensor:
        height, frequency, phase = f.hills[:, which, :, None].unbind(dim=1)  # (B, 1)
        return (across * frequency).add_(phase).sin_().mul_(height).add_(base[:, None])

    fractions = torch.empty(len(f.label), 4, points.shape[1])
    ground, hills = below(ridge(0, f.horizon)), below(ridge(1, f.horizon + 0.18))
    place, height, radius = f.sun[:, :, None].unbind(dim=1)  # (B, 1)
    distance = (across - place).square_().add_((up - height).square_()).sqrt_()
    sun = (radius - distance).mul_(size / 2).add_(0.5).clamp_(0, 1)
    left = 1 - ground
    fractions[:, 0] = ground
    torch.mul(hills, left, out=fractions[:, 1])
    left.sub_(fractions[:, 1])
    torch.mul(sun, left, out=fractions[:, 2])
    torch.sub(left, fractions[:, 2], out=fractions[:, 3])
    return fractions


def objects(f: Factors, points: Tensor, size: int) -> Tensor:
    """Return the fractions of body, accent, dark and light at each point: (B, 4, P)."""
    cos, sin = f.tilt.cos() / f.scale, f.tilt.sin() / f.scale
    frame = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], dim=1)
    centre = torch.stack([f.x, f.y], dim=1)[:, :, None]
    places = frame @ points - frame @ centre  # (B, 2, P): the object's own axes
    places[:, 1].neg_()  # rows of a sprite run downwards
    places[:, 0].mul_(1 - 2.0 * f.mirrored[:, None])
    grid = places.transpose(1, 2)[:, None]  # (B, 1, P, 2)
    maps = sprites(size * 5 // 4)[f.label]
    return F.grid_sample(maps, grid, align_corners=False, padding_mode="zeros")[:, :, 0]
