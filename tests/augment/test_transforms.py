"""Each transform against torchvision's, one image at a time, given the same parameters."""

import math
from itertools import permutations

import pytest
import torch
import torchvision.transforms.v2.functional as reference
from scipy.stats import chisquare, ks_2samp
from torchvision.transforms import RandomResizedCrop as ReferenceCrop

from ssl_teach.augment import (
    ColorJitter,
    Compose,
    GaussianBlur,
    RandomGrayscale,
    RandomResizedCrop,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    color_jitter,
    crop_augmentation,
    gaussian_blur,
    grayscale,
    resized_crop,
    simclr_augmentation,
)

SHAPES = [(24, 3, 32, 32), (24, 3, 20, 29), (24, 1, 31, 18)]
COLOR = SHAPES[:2]
ROUNDING = dict(atol=3e-6, rtol=0)
PLACES = dict(atol=1e-5, rtol=0)  # the grid counts from -1 to 1, and rounds the places
TRANSFORMS = [
    RandomResizedCrop(),
    ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
    RandomGrayscale(0.5),
    GaussianBlur(),
    simclr_augmentation(3),
    crop_augmentation(),
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(shape=SHAPES[0], seed=0):
    """Noise, and among it the pixels that colour arithmetic stumbles over: greys and pure tones."""
    images = torch.rand(shape, generator=generator(seed))
    images[0] = 0
    images[1] = 1
    images[2] = images[2, :1]  # grey
    images[3] = images[3].round()  # pure colours, with ties for the highest and the lowest channel
    images[4] = (images[4] * 255).round() / 255
    images[5] = 0.5 + (images[5] - 0.5) * 1e-6  # all but grey
    return images


def draws(low, high, count=24, seed=1):
    values = low + (high - low) * torch.rand(count, generator=generator(seed))
    values[:2] = torch.tensor([low, high])
    return values


def each(function, images, *parameters):
    """A transform of one image, applied to each with its parameters."""
    rows = zip(images, *(p.tolist() for p in parameters), strict=True)
    return torch.stack([function(*row) for row in rows])


def boxes(shape, seed=0):
    """Boxes of every size, a single pixel and the whole image among them."""
    count, _, H, W = shape
    height = torch.randint(1, H + 1, (count,), generator=generator(seed))
    width = torch.randint(1, W + 1, (count,), generator=generator(seed + 1))
    height[:3], width[:3] = torch.tensor([1, H, H]), torch.tensor([1, W, 1])
    top = (torch.rand(count, generator=generator(seed + 2)) * (H - height + 1)).long()
    left = (torch.rand(count, generator=generator(seed + 3)) * (W - width + 1)).long()
    return top, left, height, width


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(32, 32), (7, 40), (1, 1)])
def test_resized_crop(shape, size):
    images, box = pictures(shape), boxes(shape)
    flip = torch.arange(len(images)) % 2 == 0

    def expected(image, top, left, height, width, flipped):
        image = reference.resized_crop(image, top, left, height, width, size, antialias=False)
        return reference.horizontal_flip(image) if flipped else image

    ours = resized_crop(images, *box, size=size, flip=flip)
    torch.testing.assert_close(ours, each(expected, images, *box, flip), **PLACES)
    upright = each(expected, images, *box, torch.zeros_like(flip))
    torch.testing.assert_close(resized_crop(images, *box, size=size), upright, **PLACES)


def test_a_crop_sees_nothing_outside_its_box():
    images = torch.zeros(1, 1, 8, 8)
    images[:, :, 2:5, 3:7] = 1
    box = (torch.tensor([value]) for value in (2, 3, 3, 4))
    torch.testing.assert_close(
        resized_crop(images, *box, size=(16, 16)), torch.ones(1, 1, 16, 16), **PLACES
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel_size", [1, 3, 9])
def test_gaussian_blur(shape, kernel_size):
    images, sigma = pictures(shape), draws(0.1, 2.0)
    expected = each(lambda x, s: reference.gaussian_blur(x, [kernel_size] * 2, [s]), images, sigma)
    torch.testing.assert_close(gaussian_blur(images, sigma, kernel_size), expected, **ROUNDING)


@pytest.mark.parametrize("shape", COLOR)
def test_grayscale(shape):
    images = pictures(shape)
    expected = reference.rgb_to_grayscale(images, num_output_channels=3)
    torch.testing.assert_close(grayscale(images), expected, **ROUNDING)


BLENDS = [
    (adjust_brightness, reference.adjust_brightness, SHAPES),
    (adjust_contrast, reference.adjust_contrast, SHAPES),
    (adjust_saturation, reference.adjust_saturation, COLOR),
]


@pytest.mark.parametrize(
    "ours, torchvisions, shape",
    [(ours, theirs, shape) for ours, theirs, shapes in BLENDS for shape in shapes],
)
def test_blends(ours, torchvisions, shape):
    images, factor = pictures(shape), draws(0.0, 3.0)
    torch.testing.assert_close(ours(images, factor), each(torchvisions, images, factor), **ROUNDING)


@pytest.mark.parametrize("shape", COLOR)
@pytest.mark.parametrize("seed", range(3))
def test_hue_is_hsvs(shape, seed):
    images, turns = pictures(shape, seed), draws(-0.5, 0.5)
    expected = each(reference.adjust_hue, images, turns)
    torch.testing.assert_close(adjust_hue(images, turns), expected, **ROUNDING)


def test_hue_of_every_colour_of_eighteen_levels():
    levels = torch.linspace(0, 1, 18)
    images = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, 72, 81)
    for turns in torch.linspace(-0.5, 0.5, 13):
        expected = reference.adjust_hue(images, turns.item())
        torch.testing.assert_close(adjust_hue(images, turns[None]), expected, **ROUNDING)


STEPS = (
    reference.adjust_brightness,
    reference.adjust_contrast,
    reference.adjust_saturation,
    reference.adjust_hue,
)


def jitter_one(image, order, factors):
    for step in order:
        if factors[step] is not None:
            image = STEPS[step](image, factors[step])
    return image


@pytest.mark.parametrize("with_saturation", [True, False])
@pytest.mark.parametrize("with_hue", [True, False])
def test_color_jitter_in_all_24_orders(with_saturation, with_hue):
    images, order = pictures(), torch.tensor(list(permutations(range(4))))
    factors = [draws(0.2, 1.8, seed=seed) for seed in range(3)] + [draws(-0.5, 0.5)]
    factors[2] = factors[2] if with_saturation else None
    factors[3] = factors[3] if with_hue else None
    expected = [
        jitter_one(image, order[i].tolist(), [None if f is None else f[i].item() for f in factors])
        for i, image in enumerate(images)
    ]
    ours = color_jitter(images, order, *factors)
    # a clamp between two steps can double what rounding did before it
    torch.testing.assert_close(ours, torch.stack(expected), atol=1e-5, rtol=0)


def test_the_order_matters():
    images = pictures()
    factors = [draws(0.5, 1.5, seed=seed) for seed in range(3)] + [draws(-0.5, 0.5)]
    forward = torch.arange(4).expand(24, 4)
    assert not torch.allclose(
        color_jitter(images, forward, *factors), color_jitter(images, forward.flip(1), *factors)
    )


@pytest.mark.parametrize("image_size", [(32, 32), (20, 48), (8, 64)])
def test_boxes_are_distributed_as_torchvisions(image_size):
    scale, ratio, count = (0.2, 1.0), (3 / 4, 4 / 3), 3000
    crop = RandomResizedCrop(scale, ratio)
    ours = torch.stack(crop.boxes(count, image_size, generator()), dim=1)
    blank = torch.zeros(1, *image_size)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = [ReferenceCrop.get_params(blank, list(scale), list(ratio)) for _ in range(count)]
    theirs = torch.tensor(theirs).float()
    area, their_area = ours[:, 2] * ours[:, 3], theirs[:, 2] * theirs[:, 3]
    shape, their_shape = ours[:, 3] / ours[:, 2], theirs[:, 3] / theirs[:, 2]
    pairs = [*zip(ours.T, theirs.T, strict=True), (area, their_area), (shape, their_shape)]
    for mine, reference_draws in pairs:
        assert ks_2samp(mine, reference_draws).pvalue > 1e-4
    inside = (ours[:, 0] + ours[:, 2] <= image_size[0]) & (ours[:, 1] + ours[:, 3] <= image_size[1])
    assert inside.all() and (ours[:, :2] >= 0).all() and (ours[:, 2:] >= 1).all()
    assert torch.equal(ours, ours.round())


@pytest.mark.parametrize("image_size", [(4, 64), (64, 4), (16, 16)])
def test_a_box_that_never_fits_becomes_torchvisions_central_one(image_size):
    scale, ratio = (1.0, 1.0), (1.4, 1.5)
    box = torch.stack(RandomResizedCrop(scale, ratio).boxes(3, image_size, generator()), dim=1)
    blank = torch.zeros(1, *image_size)
    expected = ReferenceCrop.get_params(blank, list(scale), list(ratio))
    assert box.tolist() == [list(map(float, expected))] * 3


def binomial(share, p, count, deviations=4.5):
    """Whether a share of so many draws is believable for a probability."""
    return abs(share - p) <= deviations * math.sqrt(p * (1 - p) / count)


def changed(transform, images):
    after = transform(images, generator())
    return ((after - images).abs().amax(dim=(1, 2, 3)) > 1e-4).float().mean().item()


@pytest.mark.parametrize("p", [0.0, 0.3, 0.8, 1.0])
def test_probabilities(p):
    images = torch.rand(4000, 3, 6, 6, generator=generator())
    # a factor as weak as to change nothing is rare, and each image has three of them
    assert binomial(changed(ColorJitter(0.9, 0.9, 0.9, p=p), images), p, len(images))
    assert binomial(changed(RandomGrayscale(p), images), p, len(images))
    assert binomial(changed(GaussianBlur((1.0, 2.0), p), images), p, len(images))
    whole = RandomResizedCrop(scale=(1, 1), ratio=(1, 1), flip=p)
    assert binomial(changed(whole, images), p, len(images))
    flipped = torch.isclose(whole(images, generator()), images.flip(3), atol=1e-6).all(3)
    assert binomial(flipped.all(2).all(1).float().mean().item(), p, len(images))


def test_brightness_and_contrast_factors_fill_their_range():
    grey = torch.full((4000, 1, 2, 2), 0.25)
    factors = ColorJitter(brightness=0.4)(grey, generator())[:, 0, 0, 0] / 0.25
    assert ks_2samp(factors, torch.linspace(0.6, 1.4, 4000)).pvalue > 1e-4
    halves = torch.tensor([0.25, 0.75]).view(1, 1, 1, 2).expand(4000, 1, 2, 2)
    after = ColorJitter(contrast=1.5)(halves, generator())[:, 0, 0]
    factors = ((after[:, 1] - after[:, 0]) / 0.5).clamp(max=1.99)
    expected = torch.linspace(0, 2.5, 4000).clamp(max=1.99)  # at 2 the pixels reach the clamp
    assert ks_2samp(factors, expected).pvalue > 1e-4


def test_saturation_and_hue_factors_fill_their_range():
    tone = torch.tensor([0.6, 0.4, 0.4]).view(1, 3, 1, 1).expand(4000, 3, 1, 1)
    after = ColorJitter(saturation=0.5)(tone, generator())[:, :, 0, 0]
    factors = (after[:, 0] - after[:, 1]) / 0.2
    assert ks_2samp(factors, torch.linspace(0.5, 1.5, 4000)).pvalue > 1e-4
    after = ColorJitter(hue=0.15)(tone, generator())[:, :, 0, 0]
    turns = (after[:, 1] - after[:, 2]) / 0.2 / 6  # near red, green over blue tells the angle
    assert ks_2samp(turns, torch.linspace(-0.15, 0.15, 4000)).pvalue > 1e-4


def test_blurs_fill_their_range():
    dots = torch.zeros(2000, 1, 9, 9)
    dots[:, :, 4, 4] = 1
    centre = GaussianBlur((0.5, 2.0), p=1, kernel_size=9)(dots, generator())[:, 0, 4, 4]
    expected = gaussian_blur(dots, torch.linspace(0.5, 2.0, 2000), 9)[:, 0, 4, 4]
    assert ks_2samp(centre, expected).pvalue > 1e-4


def test_each_image_draws_its_own_of_the_24_orders_evenly(monkeypatch):
    orders = []

    def spy(images, order, **factors):
        orders.append(order)
        return color_jitter(images, order, **factors)

    monkeypatch.setattr("ssl_teach.augment.transforms.color_jitter", spy)
    ColorJitter(0.4, 0.4, 0.4, 0.1)(torch.zeros(4800, 3, 1, 1), generator())
    _, counts = orders[0].unique(dim=0, return_counts=True)
    assert len(counts) == 24
    assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_draws_follow_the_generator_and_differ_by_image(transform):
    one = torch.rand(1, 3, 24, 24, generator=generator())
    images = one.expand(64, 3, 24, 24)
    before = images.clone()
    first, again, other = (transform(images, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first.unique(dim=0)) > 1
    assert torch.equal(images, before)
    assert first.shape == images.shape and first.dtype == images.dtype
    assert first.min() >= -1e-6 and first.max() <= 1 + 1e-6


def test_global_randomness_is_left_alone():
    state = torch.get_rng_state()
    simclr_augmentation(3)(pictures(), generator())
    assert torch.equal(state, torch.get_rng_state())


def test_the_draw_of_an_image_does_not_depend_on_its_neighbours():
    images = pictures()
    other = torch.cat([images[:1], images[1:].flip(0)])
    augment = Compose([*simclr_augmentation(3).transforms, GaussianBlur()])
    first = augment(images, generator())[0]
    torch.testing.assert_close(first, augment(other, generator())[0], **ROUNDING)


@pytest.mark.parametrize("shape", SHAPES)
def test_simclr_of_any_shape(shape):
    augment = simclr_augmentation(shape[1])
    assert augment(pictures(shape), generator()).shape == shape


def test_simclr_is_the_papers():
    crop, jitter, grey = simclr_augmentation(3, strength=0.5).transforms
    assert crop == RandomResizedCrop((0.08, 1.0), (3 / 4, 4 / 3), flip=0.5)
    assert jitter == ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8)
    assert grey == RandomGrayscale(0.2)


def test_another_size_and_half_precision():
    images = pictures((24, 3, 16, 16))
    assert RandomResizedCrop(size=(10, 12))(images, generator()).shape == (24, 3, 10, 12)
    assert simclr_augmentation(3)(images.double(), generator()).dtype == torch.double
    assert simclr_augmentation(3)(images.half(), generator()).dtype == torch.half
    whole = RandomResizedCrop((1.0, 1.0), (1.0, 1.0), flip=0)
    for dtype in (torch.half, torch.bfloat16):  # places are computed more exactly than pixels
        given = images.to(dtype)
        close = {"atol": 5e-3, "rtol": 0}
        torch.testing.assert_close(whole(given, generator()), given, **close)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_on_a_gpu(transform):
    images = pictures().cuda()
    on_gpu = transform(images, torch.Generator("cuda").manual_seed(0))
    assert on_gpu.device == images.device and on_gpu.shape == images.shape


WRONG_IMAGES = [
    (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), TypeError, "255"),
    (torch.zeros(3, 8, 8), ValueError, r"\(B, C, H, W\)"),
    (torch.zeros(0, 3, 8, 8), ValueError, "empty"),
    (torch.full((2, 3, 8, 8), 200.0), ValueError, r"\[0, 1\]"),
    (torch.full((2, 3, 8, 8), -0.5), ValueError, r"\[0, 1\]"),
    (torch.full((2, 3, 8, 8), float("nan")), ValueError, r"\[0, 1\]"),
]


@pytest.mark.parametrize("images, error, message", WRONG_IMAGES)
def test_wrong_images(images, error, message):
    with pytest.raises(error, match=message):
        simclr_augmentation(3)(images, generator())
    with pytest.raises(error, match=message):
        adjust_brightness(images, torch.ones(len(images)))
    with pytest.raises(error, match=message):
        adjust_saturation(images, torch.ones(len(images)))


ONE = torch.ones(2)
GREY, RGB = torch.zeros(2, 1, 8, 8), torch.zeros(2, 3, 8, 8)
WRONG_CALLS = [
    (lambda: grayscale(GREY), "3 channels"),
    (lambda: adjust_saturation(GREY, ONE), "3 channels"),
    (lambda: adjust_hue(GREY, 0 * ONE), "3 channels"),
    (lambda: RandomGrayscale()(GREY, generator()), "3 channels"),
    (lambda: ColorJitter(hue=0.1, p=0)(GREY, generator()), "3 channels"),
    (lambda: simclr_augmentation(3)(GREY, generator()), "3 channels"),
    (lambda: adjust_brightness(RGB, torch.ones(3)), "one value per image"),
    (lambda: adjust_contrast(RGB, -ONE), "factor must lie"),
    (lambda: adjust_contrast(RGB, ONE * float("nan")), "factor must lie"),
    (lambda: adjust_hue(RGB, ONE), r"hue must lie in \[-0.5, 0.5\]"),
    (lambda: color_jitter(RGB, torch.zeros(2, 4, dtype=torch.long), ONE, ONE), "permutation"),
    (lambda: color_jitter(RGB, torch.arange(3).expand(2, 3), ONE, ONE), "permutation"),
    (lambda: resized_crop(RGB, ONE, 0 * ONE, 8 * ONE, 8 * ONE, (8, 8)), "beyond"),
    (lambda: resized_crop(RGB, ONE, ONE, 0 * ONE, ONE, (8, 8)), "height must lie"),
    (lambda: resized_crop(RGB, ONE, ONE, ONE, 9 * ONE, (8, 8)), "width must lie"),
    (lambda: resized_crop(RGB, ONE, ONE, ONE, ONE, (0, 8)), "size"),
    (lambda: resized_crop(RGB, ONE, ONE, ONE, ONE, (8, 8), flip=torch.ones(3) > 0), "flip"),
    (lambda: gaussian_blur(RGB, ONE, 4), "odd"),
    (lambda: gaussian_blur(RGB, ONE, 17), "at most 15"),
    (lambda: gaussian_blur(RGB, 0 * ONE, 3), "sigma must lie"),
    (lambda: RandomResizedCrop(scale=(0.0, 1.0)), "positive"),
    (lambda: RandomResizedCrop(scale=(0.5, 1.5)), "scale must rise"),
    (lambda: RandomResizedCrop(ratio=(2.0, 1.0)), "ratio must rise"),
    (lambda: RandomResizedCrop(flip=1.5), "probability"),
    (lambda: RandomResizedCrop(size=32), "height, width"),
    (lambda: ColorJitter(brightness=-0.1), "brightness"),
    (lambda: ColorJitter(hue=0.6), "hue"),
    (lambda: ColorJitter(p=-1), "probability"),
    (lambda: RandomGrayscale(2), "probability"),
    (lambda: GaussianBlur(sigma=(0.0, 1.0)), "positive"),
    (lambda: GaussianBlur(p=2), "probability"),
    (lambda: GaussianBlur(kernel_size=4), "odd"),
    (lambda: simclr_augmentation(4), "channels"),
    (lambda: simclr_augmentation(1, transforms=["gray"]), "made by some of crop, color, blur"),
    (lambda: simclr_augmentation(3, transforms=[]), "made by some of"),
    (lambda: simclr_augmentation(3, strength=3), "strength"),
]


@pytest.mark.parametrize("call, message", WRONG_CALLS)
def test_wrong_parameters(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_everything_on_one_device():
    elsewhere = torch.zeros(2, 3, 8, 8, device="meta")
    with pytest.raises(ValueError, match="generator is on cpu"):
        RandomResizedCrop()(elsewhere, generator())
    with pytest.raises(ValueError, match="factor is on meta"):
        adjust_brightness(RGB, torch.ones(2, device="meta"))


def test_four_channels_are_neither_grey_nor_colour():
    images = torch.rand(2, 4, 3, 3)
    for adjust in (adjust_brightness, adjust_contrast):
        with pytest.raises(ValueError, match=r"1 channel .* or 3 .*, got 4"):
            adjust(images, torch.ones(2))
    with pytest.raises(ValueError, match="got 4"):
        color_jitter(images, torch.arange(4).expand(2, 4), torch.ones(2), torch.ones(2))
