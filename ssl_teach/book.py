"""The experiments behind the book's tables: every choice of each, by the name of its record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ssl_teach.experiments import Experiment

_FREE = ("background",)  # nothing but the object has an up
_TASKS = {
    "simclr": Experiment("simclr", "scenes", steps=1000),
    "rotation": Experiment("rotation", "scenes", steps=1000, batch_size=32),
    "supervised": Experiment("supervised", "scenes", steps=1000),
    "random": Experiment("random", "scenes"),
    "pixels": Experiment("pixels", "scenes"),
}
_DATA: dict[str, dict[str, Any]] = {
    # objects of any colour: so views of any hue, and crops that still hold the object
    "scenes": {"crop": 0.3, "hue": 0.5},
    "scenes-free": {"crop": 0.3, "hue": 0.5, "shortcuts": _FREE},
    "sketches": {"data": "sketches", "classes": 10},
    "cifar10": {"data": "cifar10"},
}

# Lesson 5: patches of 16 pixels from scenes of 64. Both budgets read about as many pixels: 1,500
# steps of 64 pairs of patches, 150 steps of 64 pictures.
_PATCHES = Experiment(
    "patch_position", "scenes", steps=1500, batch_size=64, size=64, count=6000, shortcuts=_FREE,
    options={"patch": 16},
)  # fmt: skip
_PLAIN = replace(_PATCHES, steps=0, options={})
_LENS = (*_FREE, "aberration")
_LESSON_5 = {
    "apart": _PATCHES,
    "touching": replace(_PATCHES, options={"patch": 16, "gap": 0, "jitter": 0}),
    "aberration": replace(_PATCHES, shortcuts=_LENS),
    "aberration-dropped": replace(
        _PATCHES, shortcuts=_LENS, options={"patch": 16, "drop_color": True}
    ),
    "random": replace(_PLAIN, task="random"),
    "aberration-random": replace(_PLAIN, task="random", shortcuts=_LENS),
    "pixels": replace(_PLAIN, task="pixels"),
    "supervised": replace(_PLAIN, task="supervised", steps=150),
}

# Lesson 6: puzzles of nine tiles from scenes of 64 pixels, and from sketches.
_PUZZLES = Experiment(
    "jigsaw", "scenes", steps=1000, batch_size=64, size=64, shortcuts=_FREE,
    options={"num_permutations": 100},
)  # fmt: skip
_WHOLE = replace(_PUZZLES, steps=0, options={})
_LIT = (*_FREE, "light")
_LESSON_6 = {
    **{
        f"scenes64-jigsaw-{count}": replace(_PUZZLES, options={"num_permutations": count})
        for count in (10, 100, 1000)
    },
    "scenes64-jigsaw-touching": replace(_PUZZLES, options={"num_permutations": 100, "gap": 0}),
    "scenes64-light-jigsaw": replace(_PUZZLES, shortcuts=_LIT),
    "scenes64-light-jigsaw-raw": replace(
        _PUZZLES, shortcuts=_LIT, options={"num_permutations": 100, "normalize_tiles": False}
    ),
    "scenes64-random": replace(_WHOLE, task="random"),
    "scenes64-light-random": replace(_WHOLE, task="random", shortcuts=_LIT),
    "scenes64-pixels": replace(_WHOLE, task="pixels"),
    "scenes64-supervised": replace(_WHOLE, task="supervised", steps=1000),
    "sketches-jigsaw": replace(_PUZZLES, data="sketches", size=None, shortcuts=None, classes=10),
}

BOOK: dict[str, Experiment] = (
    {
        f"{data}-{task}": replace(experiment, **changes)
        for data, changes in _DATA.items()
        for task, experiment in _TASKS.items()
    }
    | {
        f"scenes-{shortcut}-{task}": replace(_TASKS[task], shortcuts=(*_FREE, shortcut))
        for shortcut in ("horizon", "light")
        for task in ("rotation", "random")
    }
    | {f"patches-{name}": experiment for name, experiment in _LESSON_5.items()}
    | _LESSON_6
)
"""Remade by `python -m ssl_teach experiment`."""
