"""Pretext tasks: questions about an image whose answers are known without a label."""

from ssl_teach.pretext.rotation import Rotation, rotate

__all__ = ["Rotation", "rotate"]
