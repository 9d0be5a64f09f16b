"""Permutations that are far apart: the classes of the jigsaw (Noroozi and Favaro, 2016)."""

from __future__ import annotations

import math

import numpy as np


def all_permutations(tiles: int) -> np.ndarray:
    """Every order of 0 … tiles-1, the identity first: (tiles!, tiles), in lexicographic order.

    Example:
        >>> all_permutations(3).tolist()
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    """
    table = np.zeros((1, 0), dtype=np.int64)
    for n in range(1, tiles + 1):
        starts = np.arange(n).repeat(len(table))[:, None]  # (n!, 1)
        rests = np.tile(table, (n, 1))  # (n!, n-1): of 0 … n-2
        table = np.hstack([starts, rests + (rests >= starts)])  # what lies above the start moves up
    return table


def hamming_distances(permutations: np.ndarray) -> np.ndarray:
    """In how many places each two permutations differ: (P, T) -> (P, P), on the diagonal 0.

    Example:
        >>> hamming_distances(np.array([[0, 1, 2], [0, 2, 1], [1, 2, 0]])).tolist()
        [[0, 2, 3], [2, 0, 2], [3, 2, 0]]
    """
    return (permutations[:, None] != permutations[None]).sum(axis=2)


def permutation_set(
    count: int, seed: int = 0, criterion: str = "mean", tiles: int = 9
) -> np.ndarray:
    """Choose permutations one by one, each as far as can be from those before.

    The first is the identity: a set that starts elsewhere is the same one with its tiles renamed.
    Of several that are equally far, the one that comes first in an order shuffled by the seed.

    Args:
        count: P, how many.
        seed: of the order that decides ties; there are very many.
        criterion: what to maximise, the "mean" Hamming distance to those chosen (the paper), or
            the "minimum", which is stricter: one near neighbour is enough to rule out.
        tiles: T, how many are permuted; all T! orders are searched.

    Returns:
        (P, T) whole numbers.

    Raises:
        ValueError: if there are not as many, or the criterion or the number of tiles is unknown.

    Source: Noroozi and Favaro, 2016, algorithm 1.
    """
    if not 1 <= tiles <= 9:
        raise ValueError(f"tiles must lie between 1 and 9, got {tiles}: all orders are searched")
    if not 1 <= count <= math.factorial(tiles):
        raise ValueError(
            f"{tiles} tiles have {math.factorial(tiles)} permutations, cannot choose {count}"
        )
    if criterion not in ("mean", "minimum"):
        raise ValueError(f"criterion must be 'mean' or 'minimum', got {criterion!r}")
    table = all_permutations(tiles)
    # RandomState, since numpy promises that its numbers will never change: a set is for good
    order = np.random.RandomState(seed).permutation(np.arange(1, len(table)))
    table = table[np.concatenate([[0], order])]
    return table[_far_apart(table, count, criterion)]


def _far_apart(table: np.ndarray, count: int, criterion: str) -> list[int]:
    """Rows of the table (N, T), the first one first; of equals argmax takes the first."""
    places = np.ascontiguousarray(table.T.astype(np.uint8))  # (T, N): one run of memory per place
    join = np.add if criterion == "mean" else np.minimum  # the largest sum has the largest mean
    score = np.full(len(table), 0 if criterion == "mean" else len(places), dtype=np.int32)
    chosen = [0]
    while len(chosen) < count:
        distance = np.zeros(len(table), dtype=np.uint8)
        for place in places:
            distance += place != place[chosen[-1]]
        join(score, distance, out=score)
        score[chosen] = -1  # nobody is chosen twice
        chosen.append(int(score.argmax()))
    return chosen
