"""Explorables: figures that compute in the page, without a kernel."""

from ssl_teach.widgets.affinity import AffinityMatrix
from ssl_teach.widgets.augmentation_lab import AugmentationLab
from ssl_teach.widgets.book_map import BookMap
from ssl_teach.widgets.circle import Circle
from ssl_teach.widgets.embedding_map import EmbeddingMap
from ssl_teach.widgets.inpainting import InpaintingStudio
from ssl_teach.widgets.jigsaw import JigsawGame
from ssl_teach.widgets.kept import WhatIsKept
from ssl_teach.widgets.league import LeagueTable
from ssl_teach.widgets.mixer import PictureWipe
from ssl_teach.widgets.patch_position import PatchGame
from ssl_teach.widgets.rotation import RotationGame
from ssl_teach.widgets.scores import ScoresToLoss
from ssl_teach.widgets.sketch_pad import SketchPad
from ssl_teach.widgets.transfer import TransferTable

__all__ = [
    "AffinityMatrix",
    "AugmentationLab",
    "BookMap",
    "Circle",
    "EmbeddingMap",
    "InpaintingStudio",
    "JigsawGame",
    "LeagueTable",
    "PatchGame",
    "PictureWipe",
    "RotationGame",
    "ScoresToLoss",
    "SketchPad",
    "TransferTable",
    "WhatIsKept",
]
