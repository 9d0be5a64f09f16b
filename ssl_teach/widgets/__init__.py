"""Explorables: figures that compute in the page, without a kernel."""

from ssl_teach.widgets.affinity import AffinityMatrix
from ssl_teach.widgets.jigsaw import JigsawGame
from ssl_teach.widgets.patch_position import PatchGame
from ssl_teach.widgets.rotation import RotationGame

__all__ = ["AffinityMatrix", "JigsawGame", "PatchGame", "RotationGame"]
