"""Evaluation: frozen features, and the probes and metrics that read them."""

from __future__ import annotations

from ssl_teach.evaluation.factors import FACTORS, factor_probe
from ssl_teach.evaluation.features import (
    NotFrozenError,
    features,
    frozen,
    random_weights,
    raw_pixels,
)
from ssl_teach.evaluation.interpret import (
    correlation_ratio,
    max_activating_patches,
    receptive_field,
)
from ssl_teach.evaluation.label_budget import draw_labels, label_arrays
from ssl_teach.evaluation.probes import (
    PENALTIES,
    ProbeData,
    ProbeResult,
    knn_probe,
    linear_probe,
    stage_features,
)
from ssl_teach.evaluation.reconstruction import psnr, sharpness, ssim

__all__ = [
    "FACTORS",
    "PENALTIES",
    "NotFrozenError",
    "ProbeData",
    "ProbeResult",
    "correlation_ratio",
    "draw_labels",
    "factor_probe",
    "features",
    "frozen",
    "knn_probe",
    "label_arrays",
    "linear_probe",
    "max_activating_patches",
    "psnr",
    "random_weights",
    "raw_pixels",
    "receptive_field",
    "sharpness",
    "ssim",
    "stage_features",
]
