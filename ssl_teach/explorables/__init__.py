"""The interactive figures of the book: they compute in the page, without a kernel."""

from ssl_teach.explorables.affinity import AffinityMatrix
from ssl_teach.explorables.augmentation_lab import AugmentationLab
from ssl_teach.explorables.book_map import BookMap
from ssl_teach.explorables.circle import Circle
from ssl_teach.explorables.embedding_map import EmbeddingMap
from ssl_teach.explorables.inpainting import InpaintingStudio
from ssl_teach.explorables.jigsaw import JigsawGame
from ssl_teach.explorables.kept import WhatIsKept
from ssl_teach.explorables.league import LeagueTable
from ssl_teach.explorables.patch_position import PatchGame
from ssl_teach.explorables.rotation import RotationGame
from ssl_teach.explorables.scores import ScoresToLoss
from ssl_teach.explorables.sketch_pad import SketchPad
from ssl_teach.explorables.transfer import TransferTable
from ssl_teach.explorables.wipe import PictureWipe

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
