"""Contrastive learning: views of one image attract, views of different images repel."""

from ssl_teach.contrastive.losses import (
    affinity_matrix,
    info_nce,
    nt_xent,
    nt_xent_two_loops,
    partners,
)
from ssl_teach.contrastive.simclr import ProjectionHead, SimCLR, two_views
from ssl_teach.contrastive.sphere import alignment, uniformity

__all__ = [
    "ProjectionHead",
    "SimCLR",
    "affinity_matrix",
    "alignment",
    "info_nce",
    "nt_xent",
    "nt_xent_two_loops",
    "partners",
    "two_views",
    "uniformity",
]
