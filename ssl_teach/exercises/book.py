"""All exercises of the book, by their keys."""

from __future__ import annotations

from collections.abc import Callable

from ssl_teach.exercises import (
    backbone,
    cosine,
    evaluation,
    frozen,
    inpainting,
    jigsaw,
    labels,
    losses,
    mending,
    nt_xent,
    patches,
    psnr,
    pushes,
    reading_contrast,
    reading_labels,
    reading_pretext,
    rotation,
    similarity,
    transfer,
)
from ssl_teach.exercises.core import Exercise, Variant

MAKERS: tuple[Callable[[Variant], Exercise], ...] = (
    labels.draw_labels,
    transfer.transfer_strategy,
    frozen.frozen_probe,
    backbone.unfrozen_backbone,
    evaluation.seen_test,
    rotation.rotation_batch,
    patches.patch_pair,
    jigsaw.permutation_set,
    inpainting.masked_l2,
    psnr.psnr,
    losses.info_nce_cross_entropy,
    pushes.push_and_pull,
    cosine.cosine_similarity,
    similarity.affinity_matrix,
    similarity.partner_index,
    nt_xent.two_loops,
    nt_xent.nt_xent,
    mending.s_minus_identity,
    mending.will_not_fall,
    *reading_labels.MAKERS,
    *reading_pretext.MAKERS,
    *reading_contrast.MAKERS,
)


def all_exercises(seed: int | None = None) -> dict[str, Exercise]:
    """Every exercise by its key, in the order of the book.

    Args:
        seed: None for the practice forms, else of the graded forms.
    """
    made = [make(Variant(seed)) for make in MAKERS]
    made.sort(key=lambda each: each.lesson)  # within a lesson as above: code first, then words
    return {each.key: each for each in made}


def exercise(key: str, seed: int | None = None) -> Exercise:
    """One exercise.

    Args:
        key: its name.
        seed: None for the practice form, else of the graded form.

    Raises:
        ValueError: if there is none of that name; the message lists those that there are.
    """
    found = all_exercises(seed)
    if key not in found:
        raise ValueError(f"no exercise is called {key!r}; there are {', '.join(found)}")
    return found[key]
