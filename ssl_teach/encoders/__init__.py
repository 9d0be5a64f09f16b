"""Encoders: networks that turn an image into a representation, stage by stage."""

from __future__ import annotations

from ssl_teach.encoders.base import Encoder
from ssl_teach.encoders.networks import ENCODERS, VGG, ConvNet, ResNet18, build_encoder

__all__ = [
    "ENCODERS",
    "VGG",
    "ConvNet",
    "Encoder",
    "ResNet18",
    "build_encoder",
]
