"""The experiments behind the book's tables: every choice of each, by the name of its record."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

from ssl_teach.data.sketches import choose_classes, sketch_names
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.transfer import IMAGENET, Transfer
from ssl_teach.tasks.wrong_losses import WRONG_LOSSES

# Lessons 7 and 8: the adversary joins halfway.
INPAINTING_GAN = {"lambda_gan": 0.01, "warmup_steps": 300}
SUPER_RESOLUTION_CONTENT = {"content_steps": 150, "content_stage": 0, "warmup_steps": 300}
SUPER_RESOLUTION_GAN = {**SUPER_RESOLUTION_CONTENT, "lambda_gan": 0.001}

_FREE = ("background",)  # only the object has an upright direction
_TASKS = {
    "simclr": Experiment("simclr", "scenes", steps=1000),
    "rotation": Experiment("rotation", "scenes", steps=1000, batch_size=32),
    "supervised": Experiment("supervised", "scenes", steps=1000),
    "random": Experiment("random", "scenes"),
    "pixels": Experiment("pixels", "scenes"),
}
_DATA: dict[str, dict[str, Any]] = {
    "scenes": {},
    "scenes-free": {"shortcuts": _FREE},
    "sketches": {"data": "sketches", "classes": 10},
    "cifar10": {"data": "cifar10"},
}
# Views of SimCLR. The objects of scenes have any colour, so views may have any hue. Crops are large
# enough to contain the object.
_VIEWS: dict[str, dict[str, Any]] = {"scenes": {"crop": 0.3, "hue": 0.5}}


def _with_simclr(experiment: Experiment, **options: Any) -> Experiment:
    """Return the experiment with these options and the views of its data, if it trains SimCLR."""
    options |= _VIEWS.get(experiment.data, {})
    if experiment.task == "super_resolution" and experiment.options["content_steps"]:
        return _changed(experiment, **{f"content_{name}": v for name, v in options.items()})
    return _changed(experiment, **options) if experiment.task == "simclr" else experiment


def _changed(experiment: Experiment, **options: Any) -> Experiment:
    return replace(experiment, options=experiment.options | options)


# Lesson 5: patches of 16 pixels from scenes of 64. Both budgets read about the same number of
# pixels: 1,500 steps of 64 pairs of patches, or 150 steps of 64 images.
_PATCHES = Experiment(
    "patch_position", "scenes", steps=1500, batch_size=64, size=64, count=6000, shortcuts=_FREE,
    options={"patch": 16},
)  # fmt: skip
_PLAIN = replace(_PATCHES, task="random", steps=0, options={})
_LENS = (*_FREE, "aberration")
_LESSON_5 = {
    "apart": _PATCHES,
    "touching": replace(_PATCHES, options={"patch": 16, "gap": 0, "jitter": 0}),
    "aberration": replace(_PATCHES, shortcuts=_LENS),
    "aberration-dropped": replace(
        _PATCHES, shortcuts=_LENS, options={"patch": 16, "drop_color": True}
    ),
    "random": _PLAIN,
    "aberration-random": replace(_PLAIN, shortcuts=_LENS),
    "pixels": replace(_PLAIN, task="pixels"),
    "supervised": replace(_PLAIN, task="supervised", steps=150),
}

# Lesson 6: puzzles of nine tiles from scenes of 64 pixels, and from sketches.
_PUZZLES = Experiment(
    "jigsaw", "scenes", steps=1000, batch_size=64, size=64, shortcuts=_FREE,
    options={"num_permutations": 100},
)  # fmt: skip
_WHOLE = replace(_PUZZLES, task="random", steps=0, options={})
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
    "scenes64-random": _WHOLE,
    "scenes64-light-random": replace(_WHOLE, shortcuts=_LIT),
    "scenes64-pixels": replace(_WHOLE, task="pixels"),
    "scenes64-supervised": replace(_WHOLE, task="supervised", steps=1000),
    "sketches-jigsaw": replace(_PUZZLES, data="sketches", size=None, shortcuts=None, classes=10),
}

# Lesson 9: every task on one encoder and one split, 600 steps of 64 images for each. The scenes
# have a seed of their own, so that no choice was made on these images.
_LEAGUE: dict[str, dict[str, Any]] = {
    "pixels": {"task": "pixels", "steps": 0},
    "random": {"task": "random", "steps": 0},
    "rotation": {"task": "rotation"},
    "patch-position": {"task": "patch_position", "options": {"patch": 8}},
    "jigsaw": {"task": "jigsaw", "options": {"num_permutations": 100}},
    "inpainting": {"task": "inpainting"},
    "inpainting-gan": {"task": "inpainting", "options": INPAINTING_GAN},
    "super-resolution": {"task": "super_resolution"},
    "super-resolution-gan": {"task": "super_resolution", "options": SUPER_RESOLUTION_GAN},
    "simclr": {"task": "simclr"},
    "supervised": {"task": "supervised"},
}
_LEAGUE_DATA = {
    "scenes": Experiment(
        "", "scenes", steps=600, batch_size=64, shortcuts=_FREE, data_seed=9,
        fractions=(1.0, 0.1, 0.01), factors=True,
    ),
    # 70 labels per class: 1% of them would be less than one
    "sketches": Experiment(
        "", "sketches", steps=600, batch_size=64, size=32, classes=50, data_seed=9,
        fractions=(1.0, 0.1),
    ),
    "cifar10": Experiment(
        "", "cifar10", steps=600, batch_size=64, fractions=(1.0, 0.1, 0.01),
    ),
}  # fmt: skip

# The larger sizes of the lessons (ssl_teach/lessons/cifar10.py): the league's rows on CIFAR-10.
# "gpu" trains the book's own small encoder for longer; "full" has the encoder and the length of
# training of the papers, with the same budget for all tasks. Neither was tuned.
_SIZES = {
    "gpu": Experiment(
        "", "cifar10", steps=20_000, batch_size=128, lr=3e-3, fractions=(1.0, 0.1),
    ),
    "full": Experiment(
        "", "cifar10", steps=200 * (45_000 // 512), batch_size=512, lr=2e-3, encoder="resnet18",
        fractions=(1.0, 0.1), compiled=True,
    ),
}  # fmt: skip
# the rows that cannot be compiled: with an adversary, and inpainting, which blends images
_NOT_COMPILED = ("inpainting", "inpainting-gan", "super-resolution-gan")

# Lesson 3: the whole protocol, fine-tuning included, on the same scenes.
_PROTOCOL = replace(_LEAGUE_DATA["scenes"], steps=300, factors=False, fine_tune_steps=150)
_LESSON_3 = {
    "random": replace(_PROTOCOL, task="random", steps=0),
    "rotation": replace(_PROTOCOL, task="rotation"),
    "simclr": _with_simclr(replace(_PROTOCOL, task="simclr")),
}

# Lesson 1: supervised training on the league's images with a fraction of their labels, in per cent.
# With all labels it is the league's own row. No probe is trained: the head is evaluated instead.
_LABELS = {"scenes": (0.3, 1, 3, 10, 30), "sketches": (4, 10, 30)}

# Lesson 11: one choice of SimCLR changed at a time, on the league's images. All see the same number
# of images, except in the rows that vary the length of training.
_ABLATED = {
    data: _with_simclr(
        replace(
            settings, task="simclr", steps=300, every_stage=False, factors=data == "scenes",
            fractions=(0.1,) if data == "cifar10" else (1.0,),
        )
    )
    for data, settings in _LEAGUE_DATA.items()
}  # fmt: skip
_TRANSFORMS = {
    "scenes": ("crop", "color", "gray", "blur"),
    "sketches": ("crop", "color", "blur"),
    "cifar10": ("crop", "color", "gray"),
}


def ablations(data: str) -> dict[str, Experiment]:
    """Return the ablations of SimCLR on "scenes", "sketches" or "cifar10", by the end of the name.

    "base" has the usual settings. "views-A" and "views-A-B" make views by only one or two
    transforms, "head-none" and "head-linear" have another head, and "temperature-T", "batch-N" and
    "steps-N" set these numbers. A batch half as large takes twice as many steps. CIFAR-10 has no
    "batch-N" and "steps-N".
    """
    base, known = _ABLATED[data], _TRANSFORMS[data]
    single = [(name,) for name in known]
    found = (
        {"base": base}
        | {
            f"views-{'-'.join(names)}": _changed(base, transforms=names)
            for names in [*single, *combinations(known, 2)]
        }
        | {f"head-{head}": _changed(base, head=head) for head in ("none", "linear")}
        | {f"temperature-{t:g}": _changed(base, temperature=t) for t in (0.05, 0.5, 1.0)}
    )
    if data == "cifar10":
        return found
    sizes, lengths = (16, 256), (75, 1200)
    return (
        found
        | {
            f"batch-{size}": replace(base, batch_size=size, steps=300 * 64 // size)
            for size in sizes
        }
        | {f"steps-{steps}": replace(base, steps=steps) for steps in lengths}
    )


# The mistakes in the loss, trained on views that differ in colour, with which 300 steps are
# enough to learn much. The sixth, `zero_labels`, stops at its first step with an infinite loss.
_MISTAKES = {
    name: replace(
        _ABLATED["scenes"],
        task="wrong_loss",
        options=_ABLATED["scenes"].options | {"transforms": ("color",), "mistake": name},
    )
    for name in WRONG_LOSSES
    if name != "zero_labels"
}

# Real photographs: only the generated images are evaluated, because training and test photographs
# have no labels in common.
_PHOTOS = Experiment("inpainting", "photos", steps=600, batch_size=64, fractions=())
_CENTRE = {"masks": "centre"}
_PICTURES = {
    "photos-inpainting": replace(_PHOTOS, options=_CENTRE),
    "photos-inpainting-gan": replace(_PHOTOS, options=_CENTRE | INPAINTING_GAN),
    "photos-sr": replace(_PHOTOS, task="super_resolution", options={}),
    "photos-sr-content": replace(
        _PHOTOS, task="super_resolution", options=SUPER_RESOLUTION_CONTENT
    ),
    "photos-sr-gan": replace(_PHOTOS, task="super_resolution", options=SUPER_RESOLUTION_GAN),
}

EXPERIMENTS: dict[str, Experiment] = (
    {
        f"{data}-{task}": _with_simclr(replace(experiment, **changes))
        for data, changes in _DATA.items()
        for task, experiment in _TASKS.items()
    }
    | {
        f"scenes-{shortcut}-{task}": replace(_TASKS[task], shortcuts=(*_FREE, shortcut))
        for shortcut in ("horizon", "light")
        for task in ("rotation", "random")
    }
    | {f"protocol-scenes-{name}": experiment for name, experiment in _LESSON_3.items()}
    | {f"patches-{name}": experiment for name, experiment in _LESSON_5.items()}
    | _LESSON_6
    | _PICTURES
    | {
        f"ablation-{data}-{name}": experiment
        for data in _ABLATED
        for name, experiment in ablations(data).items()
    }
    | {f"mistake-scenes-{name}": experiment for name, experiment in _MISTAKES.items()}
    | {
        f"league-{data}-{row}": _with_simclr(replace(experiment, **changes))
        for data, experiment in _LEAGUE_DATA.items()
        for row, changes in _LEAGUE.items()
    }
    | {
        f"{size}-cifar10-{row}": _with_simclr(
            replace(
                experiment, **changes,
                compiled=experiment.compiled and row not in _NOT_COMPILED,
            ),
            temperature=0.5 if size == "full" else 0.1,
        )
        for size, experiment in _SIZES.items()
        for row, changes in _LEAGUE.items()
    }
    | {
        f"labels-{data}-{percent}": replace(
            _LEAGUE_DATA[data], task="supervised", label_share=percent / 100, fractions=(),
            factors=False,
        )
        for data, percentages in _LABELS.items()
        for percent in percentages
    }
)  # fmt: skip
"""The experiments on encoders, by the name of their record.

``python -m ssl_teach experiment`` runs them again.
"""

# Lesson 2: an encoder trained to classify 325 classes of sketches is transferred to the other 20
# classes, which it never saw, and to scenes, which are in colour and not drawings.
_NEW_CLASSES = choose_classes(20)
_OLD_CLASSES = tuple(name for name in sketch_names() if name not in _NEW_CLASSES)
_SOURCE = Experiment(
    "supervised", "sketches", steps=1500, batch_size=64, size=32, classes=_OLD_CLASSES
)
_TARGETS = {
    "similar": Experiment("random", "sketches", size=32, classes=_NEW_CLASSES),
    "different": Experiment("random", "scenes", shortcuts=_FREE, data_seed=2),
}

# Its larger sizes: the encoder is trained on six classes of photographs and transferred to the four
# others and to the same sketches.
_NEW_PHOTOGRAPHS = ("automobile", "bird", "frog", "ship")
_OLD_PHOTOGRAPHS = ("airplane", "cat", "deer", "dog", "horse", "truck")
_LARGER_TARGETS = {
    "similar": Experiment("random", "cifar10", classes=_NEW_PHOTOGRAPHS),
    "different": _TARGETS["similar"],
}
_BORROWED = {"sketches": _TARGETS["similar"], "cifar10": Experiment("random", "cifar10")}
TRANSFERS: dict[str, Transfer] = {
    f"transfer-{relation}-{amount}": Transfer(_SOURCE, target, labels=labels, steps=300)
    for relation, target in _TARGETS.items()
    for amount, labels in (("little", 5), ("much", 70))
} | {
    f"transfer-imagenet-{data}-{amount}": Transfer(
        IMAGENET, target, labels=labels, steps=100, batch_size=32, rates=(3e-4, 1e-3),
        blocks=(1, 5), test=2000, features=256,
    )
    for data, target in _BORROWED.items()
    for amount, labels in (("little", 5), ("much", 70))
} | {
    f"{size}-cifar10-transfer-{relation}-{amount}": Transfer(
        replace(source, task="supervised", classes=_OLD_PHOTOGRAPHS), target, labels=labels,
        steps=300,
    )
    for size, source in _SIZES.items()
    for relation, target in _LARGER_TARGETS.items()
    for amount, labels in (("little", 5), ("much", 70))
}  # fmt: skip
"""The experiments of transfer learning, by the name of their record.

``python -m ssl_teach experiment`` runs them again as well.
"""

ALL_EXPERIMENTS: dict[str, Experiment | Transfer] = {**EXPERIMENTS, **TRANSFERS}
"""Everything that ``python -m ssl_teach experiment`` can run, by the name of its record."""
