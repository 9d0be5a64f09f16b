"""What lessons set up in the same way: device, random numbers, the usual measurements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ssl_teach.data import Dataset
from ssl_teach.encoders import Encoder
from ssl_teach.evaluation import ProbeData, features, knn_probe, label_arrays, linear_probe
from ssl_teach.losses import affinity_matrix

Represent = Callable[[Tensor], np.ndarray]
"""Images (N, C, H, W), uint8, to representations (N, D)."""


def prepare_device() -> str:
    """Return "cuda" or "cpu", and limit PyTorch to the two threads that small networks can use."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    return "cuda" if torch.cuda.is_available() else "cpu"


def seeded(seed: int) -> torch.Generator:
    """A new generator of random numbers on the CPU with this seed."""
    return torch.Generator().manual_seed(seed)


def first_of_each(labels: Tensor, count: int = 1) -> list[int]:
    """Rows of the first examples of every class, one example of each class at a time.

    Args:
        labels: (N,), each of the K classes at least `count` times.
        count: of examples a class.

    Returns:
        count · K rows: the first example of class 0, of class 1, …, then the second ones.
    """
    rows = [(labels == label).nonzero()[:count, 0] for label in labels.unique()]
    return [int(row) for row in torch.stack(rows, dim=1).flatten()]


def last_stage(encoder: Encoder) -> Represent:
    """The function that gives images' features at the encoder's last stage."""
    return lambda images: features(encoder, images)[-1]


def cosine_neighbours(encoder: Encoder, images: Tensor, count: int) -> Tensor:
    """Rows of each image's nearest other images, by the cosine of the last stage's features.

    Args:
        encoder: is not trained.
        images: (N, C, H, W), uint8.
        count: of neighbours, nearest first.

    Returns:
        (N, count).
    """
    h = torch.from_numpy(features(encoder, images)[-1])
    cosines = affinity_matrix(h).fill_diagonal_(-torch.inf)  # an image is not its own neighbour
    return cosines.topk(count).indices


def probe_accuracies(represent: Represent, data: Dataset) -> dict[str, float]:
    """Test accuracy of a representation under the linear probe ("linear") and k-NN ("knn").

    Both are fitted on the training images and choose their setting on the validation images.
    """
    parts = (data.train, data.val, data.test)
    inputs = [represent(part.images) for part in parts]
    given = ProbeData(*zip(inputs, label_arrays(*parts), strict=True))
    return {"linear": linear_probe(given).test, "knn": knn_probe(given).test}
