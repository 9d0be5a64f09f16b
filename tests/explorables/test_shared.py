"""Checks and names that all figures share."""

import numpy as np
import pytest

from ssl_teach.explorables import (
    AffinityMatrix,
    RotationGame,
)
from ssl_teach.explorables.shared.frame import to_pictures

from .made import network, noise


def test_channels_first_is_named():
    with pytest.raises(ValueError, match="channels last"):
        to_pictures(np.zeros((4, 3, 32, 32), np.uint8), "images")


def test_floats_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        to_pictures(np.zeros((4, 32, 32, 3)), "images")


def test_names_do_not_change_from_run_to_run():
    affinity = AffinityMatrix(np.eye(4), noise(4, 4, 4, 3), tau=0.1)
    game = RotationGame({"one": noise(2, 8, 8, 3)}, [network("a"), network("b")])
    assert repr(affinity) == "AffinityMatrix(N=2, tau=0.1, order='pairs')"
    assert repr(game) == "RotationGame(2 pictures, networks: a, b)"
