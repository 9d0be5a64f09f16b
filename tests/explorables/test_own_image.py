"""The reader's own image: its central square, in the size that a network takes."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from ssl_teach import explorables
from ssl_teach.explorables.nn.packing import weight_count

from .page import mount

SQUARE = """async ([base64, size, channels]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  return [...window.module.squareOf(picture, size, channels)];
}"""


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def game(channels=3):
    layers = [
        {"kind": "conv", "in": channels, "out": 4, "stride": 2},
        {"kind": "linear", "in": 4, "out": 4},
    ]
    weights = np.zeros(weight_count(layers), "<f2").tobytes()
    pictures = np.zeros((2, 8, 8, channels), np.uint8)
    return explorables.RotationGame(
        {"one": pictures}, [{"name": "a", "layers": layers, "weights": weights}]
    )


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    with mount(browser, tmp_path_factory.mktemp("own"), game()) as mounted:
        yield mounted


def square_of(page, pixels, size, channels=3):
    packed = base64.b64encode(png(pixels)).decode()
    found = page.page.evaluate(SQUARE, [packed, size, channels])
    return np.array(found).reshape(size, size, channels)


def test_a_picture_of_the_right_size_stays_as_it_is(page):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(square_of(page, pixels, 8), pixels)


@pytest.mark.parametrize(("factor", "size"), [(2, 8), (4, 8), (16, 4)])
def test_a_wide_picture_is_cropped_to_its_middle_and_averaged(page, factor, size):
    side = factor * size
    middle = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    for shape, edge in [((side, side // 2, 3), 1), ((side // 2, side, 3), 0)]:
        margin = np.full(shape, (255, 0, 255), np.uint8)
        found = square_of(page, np.concatenate([margin, middle, margin], axis=edge), size)
        expected = middle.reshape(size, factor, size, factor, 3).mean(axis=(1, 3))
        assert np.abs(found - expected).max() <= 3  # each halving rounds to whole levels


def test_no_pixel_is_skipped_whatever_the_size(page):
    """A white line, one pixel thin, leaves a trace wherever it lies."""
    for side in (19, 31, 32, 33, 47, 63, 100):
        for at in range(side // 3, side // 3 + 8):
            pixels = np.zeros((side, side, 3), np.uint8)
            pixels[:, at] = 255
            light = square_of(page, pixels, 8).mean()
            assert light == pytest.approx(255 / side, rel=0.5)


def test_a_small_picture_grows(page):
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[:, 1] = 200
    found = square_of(page, pixels, 8)
    assert (found[:, 0] == 0).all() and (abs(found[:, -1] - 200) < 10).all()
    assert (np.diff(found[0, 1:-2, 0]) > 0).all()


def test_what_is_transparent_becomes_white(page):
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, :8] = (10, 60, 90, 255)  # the right half is clear
    found = square_of(page, pixels, 8)
    assert (found[:, :4] == (10, 60, 90)).all() and (found[:, 4:] == 255).all()


def test_a_grey_network_gets_the_brightness(page):
    pixels = np.random.default_rng(2).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    expected = pixels @ [0.299, 0.587, 0.114]
    assert np.abs(square_of(page, pixels, 8, 1)[..., 0] - expected).max() <= 0.51


def test_a_photograph_is_turned_as_its_camera_says(page):
    """Cameras note which way up they were held."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32] = 255  # light above
    photo = Image.fromarray(pixels)
    exif = photo.getexif()
    exif[0x0112] = 3  # turned by half a circle
    file = io.BytesIO()
    photo.save(file, "JPEG", exif=exif)
    packed = base64.b64encode(file.getvalue()).decode()
    code = SQUARE.replace("image/png", "image/jpeg")
    found = np.array(page.page.evaluate(code, [packed, 8, 3])).reshape(8, 8, 3)
    assert found[:3].max() < 20 and found[-3:].min() > 235
