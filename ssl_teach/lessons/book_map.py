"""The nodes of lesson 1's map of the book: each lesson with its question and an example."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ssl_teach.augment import simclr_augmentation
from ssl_teach.data import Dataset, load
from ssl_teach.data.images import to_float
from ssl_teach.experiments.registry import EXPERIMENTS
from ssl_teach.tasks import Jigsaw, centre_mask, patch_pairs, shrink, two_views
from ssl_teach.tasks.inpainting import GREY
from ssl_teach.tasks.rotation import rotate

SIDES = (
    "above, left",
    "above",
    "above, right",
    "left",
    "right",
    "below, left",
    "below",
    "below, right",
)


def book_map() -> dict[str, list[dict[str, Any]]]:
    """The nodes of each part of the book, by its title, as `BookMap` takes them.

    A node's page is the name of its notebook. Where the folder of this process holds notebooks of
    lessons, but not that one, the node has no page.
    """
    large = load("scenes", size=64, count=250, shortcuts=("background",), seed=9)
    sketches = EXPERIMENTS["labels-sketches-10"].load()
    mug, boat, cat, car = (
        _example(large, "mug", 2),
        *(_example(large, kind, 1) for kind in ("boat", "cat", "car")),
    )
    bicycle = 1 - _example(sketches.test, "bicycle", 0)  # (1, 1, 32, 32)
    draws = torch.Generator().manual_seed(2)
    pair, place = patch_pairs(mug, patch=16, gap=6, jitter=1, generator=draws)
    puzzle = Jigsaw((8,), num_permutations=100, normalize_tiles=False)
    shuffled = puzzle.make_batch(mug, None, draws)
    hole = centre_mask(mug)
    views = two_views(torch.cat([mug, boat, cat]), simclr_augmentation(3, crop=0.3, hue=0.5), draws)
    masked_blocks = (
        torch.rand(1, 1, 8, 8, generator=draws) < 0.75
    )  # of 8×8 blocks, as masked autoencoders do
    masked_blocks = masked_blocks.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    grey_hole = mug.masked_fill(hole, GREY)
    part_1 = [
        _node(
            "tools",
            "Before the lessons",
            "Which tools does every lesson need?",
            car,
            "(1, 3, 64, 64)",
            _facts(
                "a picture",
                "its shape, a loss, a spread",
                "the picture and the run itself",
                "nothing",
            ),
            "00_before_the_lessons",
        ),
        _node(
            "labels",
            "1 What labels cost",
            "How well does a network learn from few labels?",
            bicycle,
            "bicycle",
            _facts(
                "a picture",
                "what it shows",
                "a person, for each picture",
                "nothing: this is the supervised mark that all others are compared with",
            ),
            after=["tools"],
        ),
        _node(
            "transfer",
            "2 Transfer learning",
            "What of one task serves for another?",
            boat,
            "boat; later, with few labels, bicycle",
            _facts(
                "pictures of a task with many labels, then of one with few",
                "the class, twice",
                "people: many labels for the first task, few for the second",
                "the late layers, which belong to the first task",
            ),
            "02_transfer_learning",
            ["labels"],
        ),
        _node(
            "protocol",
            "3 Self-supervised learning",
            "What is a representation worth?",
            cat,
            "h = f(x); then, from h alone, cat",
            _facts(
                "a picture; its frozen features go into a simple classifier",
                "its class",
                "for learning: the picture itself; for judging: a few people",
                "the head that answered the pretext task, and each probe after use",
            ),
            "03_self_supervised_learning",
            ["transfer"],
        ),
    ]
    head = "the head that named the answer; the encoder is kept"
    part_2 = [
        _node(
            "rotation",
            "4 Rotation",
            "By how much was the picture turned?",
            rotate(mug, 1),
            "y = 1: by 90°",
            _facts(
                "a picture, turned by 0°, 90°, 180° or 270°",
                "which of the four turns",
                "whoever turned it",
                head,
            ),
            "04_rotation",
            ["protocol"],
        ),
        _node(
            "patches",
            "5 Relative patch position",
            "Where does the second patch lie?",
            pair[0],
            f"y = {int(place)}: {SIDES[int(place)]}",
            _facts(
                "two patches of one picture",
                "on which of eight sides of the first the second lies",
                "whoever cut them out",
                head,
            ),
            "05_patch_position",
            ["protocol"],
        ),
        _node(
            "jigsaw",
            "6 Jigsaw",
            "How were the nine tiles shuffled?",
            _board(shuffled.images),
            f"permutation {int(shuffled.targets)} of 100",
            _facts(
                "nine tiles in a wrong order",
                "which of a fixed set of permutations it is",
                "whoever shuffled them",
                head,
            ),
            "06_jigsaw",
            ["protocol"],
        ),
        _node(
            "inpainting",
            "7 Inpainting",
            "What was in the hole?",
            grey_hole,
            mug[:, :, 16:48, 16:48],
            _facts(
                "a picture with a hole",
                "the missing pixels",
                "the picture, before the hole was cut",
                "the decoder that paints, and the adversary that judged the painting",
            ),
            "07_inpainting",
            ["protocol"],
        ),
        _node(
            "super-resolution",
            "8 Super-resolution",
            "What did the picture look like when it was large?",
            shrink(mug),
            mug,
            _facts(
                "a small picture",
                "the same, four times as wide and high",
                "the large picture",
                "the decoder that paints, and the adversary",
            ),
            "08_super_resolution",
            ["protocol"],
        ),
        _node(
            "league",
            "9 Tied to the task?",
            "Which task teaches most, and what does each keep?",
            car,
            "kind, colour, place, size, background",
            _facts(
                "the frozen features of all tasks",
                "the kind, and what else we know of a scene",
                "the program that drew the scene",
                "the probes: nothing is trained for long here",
            ),
            "09_tied_to_the_task",
            ["rotation", "patches", "jigsaw", "inpainting", "super-resolution"],
        ),
    ]
    part_3 = [
        _node(
            "contrastive",
            "10 Contrastive learning",
            "Which of these was made from the same picture?",
            torch.cat([views[:1], views[2:3], views[1:2], views[4:5]]),
            "the third goes with the first",
            _facts(
                "a view of a picture, and N candidates",
                "which candidate is a view of the same picture",
                "whoever made the views",
                "the score; the encoder is kept",
            ),
            "10_contrastive_learning",
            ["league"],
        ),
        _node(
            "simclr",
            "11 SimCLR",
            "Which two of 2N views belong together?",
            views[:2],
            "each is the other's answer",
            _facts(
                "two views of each of N pictures",
                "for each view, its partner among 2N − 1 others",
                "whoever made the views",
                "the projection head g; the representation h is kept",
            ),
            "11_simclr",
            ["contrastive"],
        ),
        _node(
            "apart",
            "11b SimCLR, taken apart",
            "Which part of SimCLR does the work?",
            views[:2],
            "crop, colour, head, temperature or batch",
            _facts(
                "SimCLR with one part changed at a time",
                "how good the representation becomes",
                "the records of those runs",
                "one part after another, to see what it was for",
            ),
            "11b_simclr_taken_apart",
            ["simclr"],
        ),
    ]
    part_4 = [
        _node(
            "after",
            "12 What came after",
            "What if there are no negatives, or only masks?",
            mug.masked_fill(masked_blocks, GREY),
            mug,
            _facts(
                "two views again, or a picture that is mostly hidden",
                "the other view's representation, its cluster, or the hidden part",
                "the picture itself",
                "heads, teachers, queues or decoders: it depends on the method",
            ),
            "12_what_came_after",
            ["simclr", "inpainting"],
        ),
        _node(
            "devices",
            "13 Many devices",
            "Can several devices train one network on one batch?",
            views,
            "one loss, and one gradient",
            _facts(
                "each device's part of the views",
                "that device's rows of the affinity matrix",
                "whoever made the views",
                "the head; the gradients are added up and kept",
            ),
            "13_many_devices",
            ["simclr"],
        ),
        _node(
            "pad",
            "14 Sketch pad",
            "What does a network hold to be alike?",
            bicycle,
            "its nearest sketches, for three encoders",
            _facts(
                "your own drawing",
                "which of the shipped sketches lie nearest",
                "nobody: the encoders are only asked",
                "nothing: all three are kept",
            ),
            "14_sketch_pad",
            ["rotation", "simclr"],
        ),
    ]
    return {
        "Part I: why learn without labels": part_1,
        "Part II: pretext tasks": part_2,
        "Part III: contrastive learning": part_3,
        "Going on": part_4,
    }


def _example(data: Dataset, kind: str, which: int) -> Tensor:
    """One image of a class: (1, C, H, W) in [0, 1]."""
    assert data.labels is not None  # drawn data sets have labels
    rows = torch.where(data.labels == data.classes.index(kind))[0]
    return to_float(data.images[rows[which : which + 1]])


def _board(tiles: Tensor) -> Tensor:
    """Nine tiles as one image, with white between them: (9, C, h, w) -> (1, C, H, W)."""
    framed = torch.nn.functional.pad(tiles, (1, 1, 1, 1), value=1.0)
    return rearrange(framed, "(i j) c h w -> 1 c (i h) (j w)", i=3)


def _pixels(images: Tensor) -> list[np.ndarray]:
    """(B, C, H, W) in [0, 1] -> B arrays (H, W, C), uint8."""
    rounded = (255 * images.clamp(0, 1)).round().byte()
    return list(rearrange(rounded, "b c h w -> b h w c").numpy())


def _facts(goes_in: str, answer: str, source: str, thrown_away: str) -> dict[str, str]:
    return {
        "goes in": goes_in,
        "must be answered": answer,
        "the answer comes from": source,
        "thrown away afterwards": thrown_away,
    }


def _node(
    name: str,
    title: str,
    question: str,
    given: Tensor,
    wanted: Tensor | str,
    facts: dict[str, str],
    page: str = "",
    after: Sequence[str] = (),
) -> dict[str, Any]:
    """One node; images (B, C, H, W) in [0, 1] become pixels."""
    lessons = {path.stem for path in Path().glob("[0-9][0-9]*_*.ipynb")}
    return {
        "name": name, "title": title, "question": question, "given": _pixels(given),
        "wanted": wanted if isinstance(wanted, str) else _pixels(wanted), "facts": facts,
        "page": page if page in lessons or not lessons else "", "after": after,
    }  # fmt: skip
