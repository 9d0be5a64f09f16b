"""Training: one explicit loop for all tasks, with checkpoints, curves and fine-tuning."""

from __future__ import annotations

from ssl_teach.training.checkpoint import load_encoder, save_encoder
from ssl_teach.training.curve import Curve
from ssl_teach.training.fine_tune import LEARNING_RATES, fine_tune
from ssl_teach.training.loop import batch_indices, learning_rate
from ssl_teach.training.pretrain import pretrain

__all__ = [
    "LEARNING_RATES",
    "Curve",
    "batch_indices",
    "fine_tune",
    "learning_rate",
    "load_encoder",
    "pretrain",
    "save_encoder",
]
