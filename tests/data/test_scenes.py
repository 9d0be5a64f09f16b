"""Scenes: deterministic, with factors that tell the truth and switches that act alone."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ssl_teach.data.scenes import ABERRATION, DEFAULT_SHORTCUTS, FACTORS, SHORTCUTS, hsv, scenes
from ssl_teach.data.sprites import CLASSES, draw_sprite, sprites


def test_a_seed_draws_the_same_and_the_first_of_many_are_those_of_few():
    few, many, other = scenes(100), scenes(600), scenes(100, seed=1)
    assert torch.equal(few.images, many.images[:100])
    assert torch.equal(few.labels, many.labels[:100])
    assert torch.equal(few.factors["hue"], many.factors["hue"][:100])
    assert not torch.equal(few.images, other.images)


def test_what_comes_back():
    data = scenes(500, size=48)
    assert data.images.shape == (500, 3, 48, 48) and data.images.dtype == torch.uint8
    assert torch.bincount(data.labels).tolist() == [50] * len(CLASSES)
    assert data.classes == tuple(CLASSES) and tuple(data.factors) == FACTORS
    assert {name: len(rows) for name, rows in data.splits.items()} == {
        "train": 380, "val": 40, "test": 80,
    }  # fmt: skip


def test_place_and_size_are_where_the_factors_say():
    """Seen on balls, which fill their place evenly: their pixels follow x, y and scale."""
    a, b = (scenes(1000, shortcuts=names) for names in ((), ("object_color",)))
    ball = a.labels == a.classes.index("ball")
    changed = (a.images.int() - b.images.int()).abs().sum(1)[ball].float()  # (n, 32, 32)
    weight = (changed > 30).float()
    weight = weight / weight.sum(dim=(1, 2), keepdim=True)
    seen = weight.sum(dim=(1, 2)) > 0  # not where the colour happened to stay
    axis = (torch.arange(32) + 0.5) / 16 - 1
    x, y = (weight.sum(1) * axis).sum(1), -(weight.sum(2) * axis).sum(1)
    spread = (weight.sum(1) * (axis - x[:, None]) ** 2).sum(1).sqrt()
    for found, name in ((x, "x"), (y, "y"), (spread, "scale")):
        assert np.corrcoef(found[seen], a.factors[name][ball][seen])[0, 1] > 0.8, name


def test_each_shortcut_changes_the_picture_and_its_own_factor_alone():
    factor = {"horizon": "upright", "light": "light", "object_color": "hue"}
    plain = scenes(250, shortcuts=("background",))
    for shortcut in SHORTCUTS:
        one = scenes(250, shortcuts={"background"} ^ {shortcut})
        assert not torch.equal(one.images, plain.images), shortcut
        assert torch.equal(one.labels, plain.labels)
        moved = {n for n in FACTORS if not torch.equal(one.factors[n], plain.factors[n])}
        assert moved == ({factor[shortcut]} if shortcut in factor else set()), shortcut


def test_horizon_upright_means_ground_below_and_sky_above():
    """With the horizon, upper and lower rows differ more than left and right columns."""
    for shortcuts, level in ((("background", "horizon"), True), (("background",), False)):
        pixels = scenes(500, shortcuts=shortcuts).images.float()
        vertical = (pixels[:, :, :4].mean(dim=(2, 3)) - pixels[:, :, -4:].mean(dim=(2, 3))).abs()
        across = (pixels[..., :4].mean(dim=(2, 3)) - pixels[..., -4:].mean(dim=(2, 3))).abs()
        assert (vertical.mean() > 2 * across.mean()) == level


def test_light_from_the_top_brightens_the_top():
    top = scenes(250, shortcuts=("light",)).images.float()
    assert top[:, :, :6].mean() > 1.2 * top[:, :, -6:].mean()
    free = scenes(250, shortcuts=()).images.float()
    assert free[:, :, :6].mean() < 1.1 * free[:, :, -6:].mean()


def test_background_switched_off_is_the_same_grey_everywhere():
    data = scenes(250, shortcuts=("light",))
    corner = data.images[:, :, 0, 0].float()
    assert corner.std(dim=0).max() < 20  # clouds and grain alone, but for an object that reaches in
    varied = scenes(250, shortcuts=("light", "background")).images[:, :, 0, 0].float()
    assert varied.std(dim=0).min() > 25


def test_object_color_ties_hue_to_kind():
    tied, free = scenes(500, shortcuts=("object_color",)), scenes(500, shortcuts=())

    def spread(data):  # of the hue within a kind, round the circle
        angle = 2 * math.pi * data.factors["hue"]
        means = [torch.exp(1j * angle[data.labels == k]).mean().abs() for k in range(10)]
        return torch.stack(means).mean()

    assert spread(tied) > 0.97 and spread(free) < 0.4


def zoomed(planes, zoom):
    """(N, H, W) seen from nearer or farther; beyond the rim it goes on as at the rim."""
    grid = F.affine_grid(
        torch.tensor([[[zoom, 0, 0], [0, zoom, 0]]]).expand(len(planes), 2, 3),
        [len(planes), 1, *planes.shape[1:]],
        align_corners=False,
    )
    return F.grid_sample(planes[:, None], grid, align_corners=False, padding_mode="border")[:, 0]


def test_aberration_enlarges_red_and_shrinks_blue():
    plain = scenes(250, shortcuts=("background",)).images.float()
    shifted = scenes(250, shortcuts=("background", "aberration")).images.float()
    assert torch.equal(plain[:, 1], shifted[:, 1])  # green stays
    for channel, zoom in ((0, 1 - ABERRATION), (2, 1 + ABERRATION)):
        error = [
            (zoomed(plain[:, channel], z) - shifted[:, channel]).abs().mean()
            for z in (zoom, 1 / zoom)
        ]
        assert error[0] < 0.8 * error[1]


def test_sprites_share_out_each_pixel():
    maps = sprites(40)
    assert maps.shape == (len(CLASSES), 4, 40, 40)
    assert maps.min() >= 0 and maps.sum(dim=1).max() <= 1 + 1e-6
    assert (maps.sum(dim=(1, 2, 3)) > 100).all()


def test_the_ball_has_no_up_and_everything_else_has():
    for kind in CLASSES:
        sprite = draw_sprite(kind, 64)
        change = (sprite - sprite.rot90(1, (1, 2))).abs().sum() / sprite.sum()
        assert (change < 0.1) == (kind == "ball"), (kind, change)


def test_hsv_is_the_usual_one():
    from colorsys import hsv_to_rgb

    values = torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.tensor([hsv_to_rgb(*row) for row in values.tolist()])
    torch.testing.assert_close(hsv(*values.unbind(1)), expected)


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match="horizon, light"):
        scenes(100, shortcuts=("horizont",))
    with pytest.raises(ValueError, match="count >= 25"):
        scenes(10)
    with pytest.raises(ValueError, match="size >= 8"):
        scenes(100, size=4)
    assert set(DEFAULT_SHORTCUTS) < set(SHORTCUTS)
