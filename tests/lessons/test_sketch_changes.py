"""Lesson 14: changed drawings compared with unchanged ones."""

import pytest
import torch

from ssl_teach.lessons.sketch_changes import Comparison, compare_changed, resemblance_rows


def test_cosines_with_the_own_original_and_with_others():
    c = Comparison(torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.7, 0.3], [0.0, 0.4, 0.5]]))
    assert c.found == pytest.approx(2 / 3)  # the second drawing is nearer to the first
    assert c.with_itself == pytest.approx(0.7)
    assert c.with_others == pytest.approx(0.3)


def test_a_change_that_moves_every_drawing_to_the_next_finds_none():
    images = torch.eye(4, dtype=torch.uint8).view(4, 1, 2, 2)
    compared = compare_changed(
        lambda x: x.flatten(1).float().numpy(), images, {"next": lambda x: x.roll(1, 0)}
    )
    assert compared["as it is"].found == 1 and compared["next"].found == 0
    assert torch.equal(compared["next"].cosines, torch.eye(4).roll(1, 0))
    row = resemblance_rows({"pixels": compared}, ("next",))["pixels"]
    assert row == {"two unrelated drawings": "0.000", "a drawing and itself, next": "0.000"}
