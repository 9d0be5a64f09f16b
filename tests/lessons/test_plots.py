"""What the figures show, pixel by pixel where that matters."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ssl_teach.lessons.plots import by_stage, show_images


def drawn(figure) -> np.ndarray:
    """The figure as a notebook would show it: (height, width, 3) uint8."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize(("channels", "titles"), [(3, None), (1, None), (3, ["a", "b", "c"])])
def test_each_pixel_becomes_a_square_of_the_screen(channels, titles):
    images = torch.randint(
        0, 256, (3, channels, 20, 20), generator=torch.Generator().manual_seed(0)
    )
    screen = drawn(show_images(images.to(torch.uint8), titles, columns=2))
    head, gap, side = (20 if titles else 0), 4, 100
    assert screen.shape == (2 * (side + gap + head), 2 * (side + gap), 3)
    top, left = side + gap + 2 * head + gap // 2, gap // 2  # of the third picture
    shown = screen[top : top + side, left : left + side]
    exact = images[2].permute(1, 2, 0).numpy().repeat(5, axis=0).repeat(5, axis=1)
    np.testing.assert_array_equal(shown, np.broadcast_to(exact, shown.shape))


def test_pictures_larger_than_their_place_are_shrunk():
    screen = drawn(show_images(torch.rand(1, 3, 300, 400), size=1.0))
    assert screen.shape == (75 + 4, 100 + 4, 3)


def looks(figure) -> dict[str, tuple]:
    """Colour, marker and dash by the name of each line."""
    return {
        line.get_label(): (line.get_color(), line.get_marker(), line.get_linestyle())
        for line in figure.axes[0].lines
        if not line.get_label().startswith("_")
    }


def test_no_two_lines_look_alike():
    names = [*"abcdef", "random weights", "random weights, 8 × 8", "supervised"]
    found = looks(by_stage({name: [0.5, 0.6] for name in names}))
    assert list(found) == names
    assert len(set(found.values())) == len(names)


def test_a_baseline_looks_the_same_in_all_figures():
    alone = looks(by_stage({"random weights": [0.5]}))["random weights"]
    named = looks(by_stage({"a": [0.5], "random weights, 32 × 32": [0.4]}))
    assert named["random weights, 32 × 32"] == alone


@pytest.mark.parametrize(
    "names", ["abcdefg", [f"random weights, {size}" for size in (4, 8, 16, 32)]]
)
def test_more_lines_than_looks_are_refused(names):
    with pytest.raises(ValueError, match="no look left"):
        by_stage({name: [0.5] for name in names})
