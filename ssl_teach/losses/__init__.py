"""Losses: one N-way softmax, read once in general (InfoNCE) and once as SimCLR (NT-Xent)."""

from __future__ import annotations

from ssl_teach.losses.alignment_uniformity import alignment, uniformity
from ssl_teach.losses.checked import affinity_matrix, info_nce, nt_xent, nt_xent_and_accuracy
from ssl_teach.losses.contrastive import nt_xent_two_loops, partners

__all__ = [
    "affinity_matrix",
    "alignment",
    "info_nce",
    "nt_xent",
    "nt_xent_and_accuracy",
    "nt_xent_two_loops",
    "partners",
    "uniformity",
]
