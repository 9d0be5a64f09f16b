"""All exercises of the book, by their keys."""

from __future__ import annotations

from collections.abc import Callable

from ssl_teach.exercises.bank import (
    backbone,
    contrastive_learning,
    cosine,
    evaluation,
    inpainting,
    introduction,
    jigsaw,
    mending,
    patch_position,
    pushes,
    reading_contrast,
    reading_labels,
    reading_pretext,
    rotation,
    self_supervised_learning,
    simclr,
    similarity,
    super_resolution,
    transfer_learning,
)
from ssl_teach.exercises.core import Exercise, Variant

MAKERS: tuple[Callable[[Variant], Exercise], ...] = (
    introduction.draw_labels,
    transfer_learning.transfer_strategy,
    self_supervised_learning.frozen_probe,
    backbone.unfrozen_backbone,
    evaluation.seen_test,
    rotation.rotation_batch,
    patch_position.patch_pair,
    jigsaw.permutation_set,
    inpainting.masked_l2,
    super_resolution.psnr,
    contrastive_learning.info_nce_cross_entropy,
    pushes.push_and_pull,
    cosine.cosine_similarity,
    similarity.affinity_matrix,
    similarity.partner_index,
    simclr.two_loops,
    simclr.nt_xent,
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
