"""All exercises of the book, by their keys."""

from __future__ import annotations

from collections.abc import Callable

from ssl_teach.exercises.bank import (
    contrastive_learning,
    inpainting,
    introduction,
    jigsaw,
    patch_position,
    rotation,
    self_supervised_learning,
    simclr,
    super_resolution,
    transfer_learning,
    written,
)
from ssl_teach.exercises.core import Exercise, Variant

BUILDERS: tuple[Callable[[Variant], Exercise], ...] = (
    introduction.draw_labels,
    transfer_learning.transfer_strategy,
    self_supervised_learning.frozen_probe,
    self_supervised_learning.unfrozen_backbone,
    self_supervised_learning.seen_test,
    rotation.rotation_batch,
    patch_position.patch_pair,
    jigsaw.permutation_set,
    inpainting.masked_l2,
    super_resolution.psnr,
    contrastive_learning.info_nce_cross_entropy,
    contrastive_learning.push_and_pull,
    simclr.cosine_similarity,
    simclr.affinity_matrix,
    simclr.partner_index,
    simclr.two_loops,
    simclr.nt_xent,
    simclr.s_minus_identity,
    simclr.will_not_fall,
    *written.BUILDERS,
)


def all_exercises(seed: int | None = None) -> dict[str, Exercise]:
    """Every exercise by its key: lesson by lesson, checked ones first.

    Args:
        seed: of the graded forms; None for the practice forms.
    """
    built = [build(Variant(seed)) for build in BUILDERS]
    return {each.key: each for each in sorted(built, key=lambda each: each.lesson)}


def exercise(key: str, seed: int | None = None) -> Exercise:
    """One exercise.

    Args:
        key: name of the exercise.
        seed: of the graded form; None for the practice form.

    Raises:
        ValueError: if no exercise has this key; the message lists the keys that exist.
    """
    found = all_exercises(seed)
    if key not in found:
        raise ValueError(f"no exercise is called {key!r}; there are {', '.join(found)}")
    return found[key]
