"""Contrastive learning: views of one image attract, views of different images repel."""

from ssl_teach.contrastive.losses import (
    affinity_matrix,
    info_nce,
    nt_xent,
    nt_xent_two_loops,
    partners,
)
from ssl_teach.contrastive.simclr import ProjectionHead, SimCLR, two_views

__all__ = [
    "ProjectionHead",
    "SimCLR",
    "affinity_matrix",
    "info_nce",
    "nt_xent",
    "nt_xent_two_loops",
    "partners",
    "two_views",
]
