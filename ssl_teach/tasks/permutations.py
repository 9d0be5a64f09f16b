"""Permutations that are far apart: the classes of the jigsaw (Noroozi and Favaro, 2016)."""

from __future__ import annotations

import math

import numpy as np


def all_permutations(tiles: int) -> np.ndarray:
    """Return every order of 0 … tiles-1 in lexicographic order, as an array (tiles!, tiles).

    Example:
        >>> all_permutations(3).tolist()
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    """
    table = np.zeros((1, 0), dtype=np.int64)
    for n in range(1, tiles + 1):
        starts = np.arange(n).repeat(len(table))[:, None]  # (n!, 1)
        rests = np.tile(table, (n, 1))  # (n!, n-1), with values 0 … n-2
        table = np.hstack([starts, rests + (rests >= starts)])  # skip the start itself
    return table


def hamming_distances(permutations: np.ndarray) -> np.ndarray:
    """Return the number of positions in which each pair of permutations differs: (P, T) -> (P, P).

    Example:
        >>> hamming_distances(np.array([[0, 1, 2], [0, 2, 1], [1, 2, 0]])).tolist()
        [[0, 2, 3], [2, 0, 2], [3, 2, 0]]
    """
    return (permutations[:, None] != permutations[None]).sum(axis=2)


def permutation_set(
    count: int, seed: int = 0, criterion: str = "mean", tiles: int = 9
) -> np.ndarray:
    """Choose permutations one by one, each as far as possible from those chosen before.

    The first is the identity; a set that starts with another permutation is the same set with the
    tiles renumbered. Of several that are equally far, the first in a shuffled order is chosen.

    Args:
        count: The number P of permutations.
        seed: The seed of the shuffled order; ties are very frequent.
        criterion: The quantity to maximise: the "mean" Hamming distance to those chosen (as in the
            paper) or the "minimum", which is stricter: one near neighbour rules a candidate out.
        tiles: The number T of tiles; all T! orders are searched.

    Returns:
        The permutations, as integers (P, T).

    Raises:
        ValueError: If there are fewer than P permutations, the criterion is unknown, or T is not
            between 1 and 9.

    Source: Noroozi and Favaro, 2016, algorithm 1.
    """
    if not 1 <= tiles <= 9:
        raise ValueError(f"tiles must be between 1 and 9, got {tiles}: all orders are searched")
    if not 1 <= count <= math.factorial(tiles):
        raise ValueError(
            f"{tiles} tiles have {math.factorial(tiles)} permutations, cannot choose {count}"
        )
    if criterion not in ("mean", "minimum"):
        raise ValueError(f"criterion must be 'mean' or 'minimum', got {criterion!r}")
    table = all_permutations(tiles)
    # RandomState: NumPy guarantees its numbers for all versions, so a set never changes
    order = np.random.RandomState(seed).permutation(np.arange(1, len(table)))
    table = table[np.concatenate([[0], order])]
    return table[_greedy_choice(table, count, criterion)]


def _greedy_choice(table: np.ndarray, count: int, criterion: str) -> list[int]:
    """Return the chosen rows of the table (N, T); argmax takes the first of equals."""
    places = np.ascontiguousarray(table.T.astype(np.uint8))  # (T, N), each position contiguous
    join = np.add if criterion == "mean" else np.minimum  # the largest sum has the largest mean
    score = np.full(len(table), 0 if criterion == "mean" else len(places), dtype=np.int32)
    chosen = [0]
    while len(chosen) < count:
        distance = np.zeros(len(table), dtype=np.uint8)
        for place in places:
            distance += place != place[chosen[-1]]
        join(score, distance, out=score)
        score[chosen] = -1  # no row is chosen twice
        chosen.append(int(score.argmax()))
    return chosen
