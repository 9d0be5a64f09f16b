"""All exercises of the book, by their keys."""

from __future__ import annotations

from collections.abc import Callable

from ssl_teach.exercises import similarity
from ssl_teach.exercises.core import Exercise, Variant

MAKERS: tuple[Callable[[Variant], Exercise], ...] = (
    similarity.affinity_matrix,
    similarity.partner_index,
)


def all_exercises(seed: int | None = None) -> dict[str, Exercise]:
    """Every exercise by its key, in the order of the book.

    Args:
        seed: None for the practice forms, else of the graded forms.
    """
    made = [make(Variant(seed)) for make in MAKERS]
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
