"""The augmentation lab in a real browser: its transforms are those of `ssl_teach.augment`."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from ssl_teach.augment import (
    RandomResizedCrop,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    color_jitter,
    gaussian_blur,
    grayscale,
    resized_crop,
    simclr_augmentation,
)
from ssl_teach.explorables import (
    AugmentationLab,
)

from .made import noise
from .page import mount

SIZE = 24
ALL = ["crop", "flip", "color", "gray", "blur"]


def pictures(channels=3, count=4, size=SIZE):
    """Smooth pictures in different colours, so that colours tell them apart."""
    rng = np.random.default_rng(0)
    coarse = torch.tensor(rng.random((count, channels, 3, 3)) * 0.35)
    base = torch.tensor(rng.random((count, channels, 1, 1)) * 0.65)
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear") + base
    return (255 * smooth).byte().permute(0, 2, 3, 1).contiguous().numpy()


@pytest.fixture
def widget():
    return AugmentationLab(pictures(), labels=["one", "two", "three", "four"], crop=0.3)


@pytest.fixture(scope="module")
def bench(browser, tmp_path_factory):
    """A page whose functions the tests call."""
    lab = AugmentationLab(pictures())
    with mount(browser, tmp_path_factory.mktemp("bench"), lab) as mounted:
        yield mounted.page


def floats(picture):
    """(H, W, C) uint8 to (1, C, H, W) in [0, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def apply(x, made):
    """What the package makes of an image (1, C, S, S), from the numbers that the page drew."""

    def one(value, dtype=torch.float32):
        return torch.tensor([value], dtype=dtype)

    size, box = x.shape[-1], made["box"]
    corners = [one(box[name]) for name in ("top", "left", "height", "width")]
    x = resized_crop(x, *corners, size=(size, size), flip=one(made["flip"], torch.bool))
    if color := made["color"]:
        names = ["brightness", "contrast"] + ["saturation", "hue"] * (x.shape[1] == 3)
        given = {name: one(color[name]) for name in names}
        x = color_jitter(x, torch.tensor([color["order"]]), **given)
    x = grayscale(x) if made["gray"] else x
    kernel = max(3, size // 20 * 2 + 1)
    return gaussian_blur(x, one(made["sigma"]), kernel) if made["sigma"] else x


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [17, 40])
def test_views_are_those_of_the_package(bench, channels, size):
    """Forty draws of everything, applied by the page and by torch."""
    x = torch.rand(1, channels, size, size, generator=torch.Generator().manual_seed(1))
    found = bench.evaluate(
        """([image, channels, size]) => {
          const { recipeOf, drawView, applyView } = window.module;
          const transforms = ["crop", "color", "gray", "blur"];
          const recipe = recipeOf(channels, { hue: 0.4, transforms });
          let state = 1;
          const random = () => (state = (state * 16807) % 2147483647) / 2147483647;
          return Array.from({ length: 40 }, () => {
            const made = drawView(random, recipe, size);
            return [made, [...applyView(Float32Array.from(image), channels, size, made)]];
          });
        }""",
        [x.flatten().tolist(), channels, size],
    )
    for made, view in found:
        expected = apply(x, made).flatten().numpy()
        np.testing.assert_allclose(view, expected, atol=1e-4, err_msg=str(made))
    drawn = [made for made, _ in found]
    assert {made["flip"] for made in drawn} == {True, False}
    assert any(made["sigma"] for made in drawn) and any(made["color"] for made in drawn)
    assert any(made["gray"] for made in drawn) == (channels == 3)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("blend(image, 3, 1.6, 0)", lambda x: adjust_brightness(x, torch.tensor([1.6]))),
        ("blend(image, 3, 0.2, 1)", lambda x: adjust_contrast(x, torch.tensor([0.2]))),
        ("blend(image, 3, 2.0, 2)", lambda x: adjust_saturation(x, torch.tensor([2.0]))),
        ("turnHue(image, 0.3)", lambda x: adjust_hue(x, torch.tensor([0.3]))),
        ("turnHue(image, -0.5)", lambda x: adjust_hue(x, torch.tensor([-0.5]))),
        ("grayscale(image, 3)", grayscale),
        (
            "gaussianBlur(image, 16, 1.7, 7)",
            lambda x: gaussian_blur(x, torch.tensor([1.7]), kernel_size=7),
        ),
    ],
)
def test_each_step_is_that_of_the_package(bench, call, expected):
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    x[0, :, 0] = 0.5  # grey has no hue
    x[0, :, 1] = torch.tensor([1.0, 0.0, 0.0])[:, None]
    found = bench.evaluate(
        f"(given) => {{ const image = Float32Array.from(given); "
        f"return [...window.module.{call}]; }}",
        x.flatten().tolist(),
    )
    np.testing.assert_allclose(found, expected(x).flatten().numpy(), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"crop": 0.3, "hue": 0.5},
        {"strength": 1.0, "transforms": ["color", "blur"]},
        {"transforms": ["crop"]},
    ],
)
def test_the_recipe_is_that_of_the_package(bench, channels, given):
    found = bench.evaluate(
        "([channels, given]) => window.module.recipeOf(channels, given)", [channels, given]
    )
    expected = {}
    for part in simclr_augmentation(channels, **given).transforms:
        kind = type(part).__name__
        if kind == "RandomResizedCrop":
            expected["crop"] = {"scale": list(part.scale), "ratio": list(part.ratio)}
            expected["flip"] = {"p": part.flip}
        elif kind == "ColorJitter":
            names = ("brightness", "contrast", "saturation", "hue", "p")
            expected["color"] = {name: getattr(part, name) for name in names}
        elif kind == "RandomGrayscale":
            expected["gray"] = {"p": part.p}
        else:
            expected["blur"] = {"sigma": list(part.sigma), "p": part.p}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        for key, value in values.items():
            assert found[name][key] == pytest.approx(value), (name, key)


def draws(bench, recipe, count=4000, size=32):
    return bench.evaluate(
        """([recipe, count, size]) => Array.from({ length: count }, (_, k) => {
          const { drawsFor } = window.module;
          return drawsFor(k, recipe, size, 0)[k % 8];
        })""",
        [recipe, count, size],
    )


def test_draws_are_distributed_as_in_the_package(bench):
    recipe = bench.evaluate("() => window.module.recipeOf(3, { strength: 0.5 })")
    drawn = draws(bench, recipe)
    crop = RandomResizedCrop()
    own = torch.stack(crop.boxes(4000, (32, 32), torch.Generator().manual_seed(0))).double()
    for row, name in zip(own, ("top", "left", "height", "width"), strict=True):
        mine = np.array([made["box"][name] for made in drawn], float)
        error = 4 * float(row.std()) * np.sqrt(2 / 4000)
        assert abs(mine.mean() - float(row.mean())) < error, name
        assert mine.std() == pytest.approx(float(row.std()), rel=0.06), name
    for made in drawn:
        box = made["box"]
        assert 0 <= box["top"] <= 32 - box["height"] and 0 <= box["left"] <= 32 - box["width"]
        assert min(box["height"], box["width"]) >= 1
    shares = {"flip": 0.5, "color": 0.8, "gray": 0.2}
    for name, share in shares.items():
        assert np.mean([bool(made[name]) for made in drawn]) == pytest.approx(share, abs=0.03)
    colors = [made["color"] for made in drawn if made["color"]]
    for name, (low, high) in {"brightness": (0.6, 1.4), "hue": (-0.1, 0.1)}.items():
        values = np.array([color[name] for color in colors])
        assert low <= values.min() and values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.02 * (high - low))
    first = np.bincount([color["order"][0] for color in colors], minlength=4) / len(colors)
    np.testing.assert_allclose(first, 0.25, atol=0.03)


def test_a_box_that_does_not_fit_becomes_the_largest_in_the_middle(bench):
    recipe = {"crop": {"scale": [1, 1], "ratio": [1.8, 2]}}
    crop = RandomResizedCrop(scale=(1, 1), ratio=(1.8, 2.0))
    expected = [v[0].item() for v in crop.boxes(1, (21, 21), torch.Generator())]
    for made in draws(bench, recipe, count=5, size=21):
        assert [made["box"][name] for name in ("top", "left", "height", "width")] == expected


def test_other_strengths_change_the_same_draw(bench):
    weak, strong = (
        draws(bench, bench.evaluate("(s) => window.module.recipeOf(3, { strength: s })", s), 50)
        for s in (0.25, 0.5)
    )
    for a, b in zip(weak, strong, strict=True):
        assert (a["box"], a["flip"], a["gray"]) == (b["box"], b["flip"], b["gray"])
        if a["color"]:
            assert a["color"]["order"] == b["color"]["order"]
            assert 2 * a["color"]["hue"] == pytest.approx(b["color"]["hue"])


def test_the_shared_part_is_counted_pixel_by_pixel(bench):
    rng = np.random.default_rng(5)
    seen = set()
    for _ in range(300):
        boxes, masks = [], []
        for _ in range(2):
            height, width = (int(v) for v in rng.integers(1, 13, 2))
            top, left = int(rng.integers(0, 13 - height)), int(rng.integers(0, 13 - width))
            mask = np.zeros((12, 12), bool)
            mask[top : top + height, left : left + width] = True
            boxes.append({"top": top, "left": left, "height": height, "width": width})
            masks.append(mask)
        found = bench.evaluate("([a, b]) => window.module.sharedPart(a, b, 12)", boxes)
        both, (first, second) = masks[0] & masks[1], masks
        assert found["share"] == pytest.approx(both.mean())
        relation = (
            "apart" if not both.any()
            else "same" if (first == second).all()
            else "first inside" if (both == first).all()
            else "second inside" if (both == second).all()
            else "overlap"
        )  # fmt: skip
        assert found["relation"] == relation
        seen.add(relation)
    assert seen >= {"apart", "first inside", "second inside", "overlap"}


def in_common(x, y):
    """Histogram intersection of two images (C, S, S), by numpy."""

    def shares(image):
        pixels = image.reshape(len(image), -1).T
        bins = [8] * 3 if len(image) == 3 else [16]
        return np.histogramdd(pixels, bins, [(0, 1)] * len(image))[0] / len(pixels)

    return np.minimum(shares(x), shares(y)).sum()


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_in_common_are_those_of_numpy(bench, channels):
    x, y = np.random.default_rng(3).random((2, channels, 9, 9)).astype(np.float32) ** 2
    x[:, 0, 0] = 1  # the upper end belongs to the last bin
    found = bench.evaluate(
        """([x, y, channels]) => {
          const { colourShares, inCommon } = window.module;
          const shares = (image) => colourShares(Float32Array.from(image), channels);
          return inCommon(shares(x), shares(y));
        }""",
        [x.flatten().tolist(), y.flatten().tolist(), channels],
    )
    assert found == pytest.approx(in_common(x, y))


def drawn_by(page, seed, recipe):
    """The draws that the page makes for the four pictures, with this recipe."""
    return page.page.evaluate(
        """([seed, recipe, size]) => {
          const { drawsFor, recipeOf } = window.module;
          const transforms = ["crop", "color", "gray", "blur"];
          return drawsFor(seed, recipeOf(3, { ...recipe, transforms }), size, 4);
        }""",
        [seed, recipe, SIZE],
    )


def percents(text):
    return [
        0 if found == "under 1" else int(found) for found in re.findall(r"(\d+|under 1)%", text)
    ]


def tale(page):
    """The rows of the table: view 2, the closest other, found or not."""
    rows = page.page.locator(".ssl-lab-tale tbody tr")
    return [row.locator("td").all_inner_texts() for row in rows.all()]


def shown(page, selector):
    """Pixels of a canvas, (S, S, 3)."""
    values = page.page.evaluate(
        """(selector) => {
          const { width, height } = document.querySelector(selector);
          const copy = new OffscreenCanvas(width, height);
          const context = copy.getContext("2d", { willReadFrequently: true });
          context.drawImage(document.querySelector(selector), 0, 0);
          return [...context.getImageData(0, 0, width, height).data];
        }""",
        selector,
    )
    side = int(np.sqrt(len(values) / 4))
    return np.array(values).reshape(side, side, 4)[..., :3]


@pytest.mark.parametrize("seed", [0, 3, 11])
def test_what_is_shown_follows_from_the_draw(browser, widget, tmp_path, seed):
    images = [floats(picture) for picture in pictures()]
    with mount(browser, tmp_path, widget) as page:
        page.set("seed", seed)
        made = drawn_by(page, seed, {"crop": 0.3})
        for draw in made:
            draw["sigma"] = 0  # no blur at the start
        boxes = [made[k]["box"] for k in (0, 1)]
        seen = [100 * box["height"] * box["width"] / SIZE**2 for box in boxes]
        both = 100 * page.page.evaluate(
            "([boxes, size]) => window.module.sharedPart(...boxes, size).share", [boxes, SIZE]
        )
        said = percents(page.text(".ssl-lab-words"))
        assert said[:2] == pytest.approx(seen, abs=0.51)
        assert (said[2:] or [0])[0] == pytest.approx(both, abs=0.51)

        views = [apply(images[0], draw) for draw in made[:8]]
        for name, view in zip(("first", "second"), views[:2], strict=True):
            expected = 255 * view[0].permute(1, 2, 0).numpy()
            assert abs(shown(page, f".ssl-lab-{name} canvas") - expected).max() <= 1

        plain = [{**draw, "color": None, "gray": False} for draw in made]
        for row, draws_used in zip(tale(page), (plain, made), strict=True):
            first, second = (apply(images[0], draws_used[k])[0].numpy() for k in (0, 1))
            others = [apply(images[k], draws_used[8 + k])[0].numpy() for k in (1, 2, 3)]
            partner, rival = in_common(first, second), max(in_common(first, y) for y in others)
            assert [percents(cell)[0] for cell in row[:2]] == pytest.approx(
                [100 * partner, 100 * rival],
                abs=2,  # a value on the edge of a bin may fall over it
            )
            if abs(partner - rival) > 0.02:
                assert row[2] == ("yes" if partner > rival else "no")


def test_it_starts_in_a_telling_state(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        assert page.get("on") == ["crop", "flip", "color", "gray"]
        assert "both see" in page.text(".ssl-lab-words")
        assert tale(page)[0][2] == "yes"
        assert page.page.locator(".ssl-lab-row").count() == 6
        assert page.page.locator(".ssl-lab-all figure").count() == 8
        assert "not used" in page.text('[aria-label="blur"]')
        assert "What to notice" in page.text(".ssl-notice")


def test_mouse_draws_again_and_chooses_pictures_and_transforms(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        before = shown(page, ".ssl-lab-first canvas")
        page.page.get_by_role("button", name="Draw again").click()
        page.settle()
        assert page.get("seed") == 1
        assert (shown(page, ".ssl-lab-first canvas") != before).any()
        page.page.get_by_role("button", name="three").click()
        page.settle()
        assert page.get("picture") == 2
        for name in ("crop and enlarge", "mirror", "change colours", "take colours out"):
            page.page.get_by_label(name, exact=True).get_by_role("checkbox").click()
        page.settle()
        assert page.get("on") == []
        assert page.text(".ssl-lab-words").startswith("Both views see the same part. View 1 sees")
        assert np.array_equal(shown(page, ".ssl-lab-second canvas"), pictures()[2])
        assert [row[0] for row in tale(page)] == ["100%"] * 2
        page.page.get_by_label("blur", exact=True).get_by_role("checkbox").click()
        page.page.get_by_label("mirror", exact=True).get_by_role("checkbox").click()
        assert page.get("on") == ["flip", "blur"]  # in the order in which they are applied


def test_keyboard_draws_and_is_heard(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.locator(".ssl-lab-stage").focus()
        for key in ["ArrowRight", "ArrowRight", "ArrowLeft", "n"]:
            page.page.keyboard.press(key)
        page.settle()
        assert page.get("seed") == 2
        assert page.text("[aria-live]").startswith("Draw 3 of one. ")
        assert "both see" in page.text("[aria-live]")
        for _ in range(5):
            page.page.keyboard.press("b")
        assert page.get("seed") == 0
        page.page.get_by_label("least area").focus()
        page.page.keyboard.press("End")
        page.settle()
        assert page.get("crop") == 1
        areas = page.page.get_by_label("crop and enlarge", exact=True).locator("figcaption")
        assert {int(text.rstrip("%")) > 60 for text in areas.all_inner_texts()} == {True}


def test_strengths_reach_python(browser, tmp_path):
    lab = AugmentationLab(pictures(), hue=0.1)
    with mount(browser, tmp_path, lab) as page:
        ends = {"strength": ("strength", 1.25), "hue ±": ("hue", 0.5), "probability": ("gray", 1)}
        for label, (name, end) in (ends | {"σ, at most": ("blur", 4)}).items():
            page.page.get_by_label(label).press("End")
            assert page.get(name) == end
        page.settle()
        greys = page.page.get_by_label("take colours out", exact=True).locator("figcaption")
        assert set(greys.all_inner_texts()) == {"grey"}
        pixels = shown(page, ".ssl-lab-first canvas")
        assert (abs(np.diff(pixels, axis=2)) <= 1).all()


def test_hue_follows_the_strength_without_a_slider_of_its_own(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        assert page.page.get_by_label("hue ±").count() == 0
        assert page.get("hue") is None


def test_grey_pictures(browser, tmp_path):
    lab = AugmentationLab(pictures(channels=1))
    with mount(browser, tmp_path, lab) as page:
        assert page.get("on") == ["crop", "flip", "color"]
        rows = page.page.locator(".ssl-lab-row")
        names = [row.get_attribute("aria-label") for row in rows.all()]
        assert names == ["crop and enlarge", "mirror", "change shades", "blur", "all together"]
        pixels = shown(page, ".ssl-lab-second canvas")
        assert (np.diff(pixels, axis=2) == 0).all()
        assert "shades" in page.text(".ssl-lab-tale")
        assert "colour" not in page.text(".ssl-explorable")


def test_one_picture_has_no_rivals(browser, tmp_path):
    with mount(browser, tmp_path, AugmentationLab(pictures(count=1))) as page:
        assert not page.page.get_by_text("view 2 found?").is_visible()
        assert [len(percents(row[0])) for row in tale(page)] == [1, 1]


def test_own_picture(browser, widget, tmp_path):
    mine = np.random.default_rng(9).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(mine).save(file, "PNG")
    with mount(browser, tmp_path, widget) as page:
        page.set("on", [])
        page.page.locator("input[type=file]").set_input_files(
            {"name": "mine.png", "mimeType": "image/png", "buffer": file.getvalue()}
        )
        page.page.get_by_role("button", name="your image", exact=True).wait_for()
        page.settle()
        assert page.get("picture") == 4
        assert np.array_equal(shown(page, ".ssl-lab-first canvas"), mine)
        assert "closest of 4 others" in page.text(".ssl-lab-tale")
        assert "of your image" in page.page.locator("[aria-live]").first.text_content()


def test_an_own_picture_that_is_not_there_falls_back(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.set("picture", 4)
        assert page.page.locator('[aria-pressed="true"]').get_attribute("aria-label") == "four"


def test_a_link_brings_back_the_state(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        address = f"{page.page.url}?place.seed=7&place.on=blur,crop&place.crop=0.5&place.gray=2"
        page.page.goto(address)
        page.page.wait_for_selector("body[data-ready]")
        assert (page.get("seed"), page.get("on"), page.get("crop")) == (7, ["crop", "blur"], 0.5)
        assert page.get("gray") == 0.2  # no probability
        known = [*ALL[:3], "blur"]
        for text, expected in [("", []), ("crop,gray", None), ("color,crop", ["crop", "color"])]:
            found = page.page.evaluate(
                "([text, known]) => window.module.transformsNamed(text, known) ?? null",
                [text, known],
            )
            assert found == expected


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_themes_and_a_phone(browser, tmp_path, width, theme, channels):
    lab = AugmentationLab(pictures(channels), hue=0.5)
    with mount(browser, tmp_path, lab, width=width, theme=theme, touch=width == 360) as page:
        assert page.overflow() <= 0
        assert page.page.locator(".ssl-explorable").get_attribute("data-theme") == theme
        assert page.page.locator(".ssl-lab-all figure").count() == (4 if width == 360 else 8)
        stage = page.page.locator(".ssl-lab-first canvas").bounding_box()
        assert stage["width"] >= 140  # large enough to see


def test_clean_up_leaves_nothing(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.take_back()
        page.set("seed", 3)  # nothing draws any more, nothing complains


# ---- what Python sends, and what it refuses ----


LAB = noise(3, 8, 8, 3)


def test_augmentation_lab_hands_over_pictures_and_state():
    widget = AugmentationLab(LAB, labels=["a", "b", "c"], crop=0.3, hue=0.5, seed=7)
    assert np.array_equal(np.frombuffer(widget.pictures, np.uint8).reshape(LAB.shape), LAB)
    assert widget.on == ["crop", "flip", "color", "gray"]
    assert (widget.crop, widget.strength, widget.hue, widget.seed) == (0.3, 0.5, 0.5, 7)
    assert repr(widget) == "AugmentationLab(3 pictures, crop, flip, color, gray, blur)"
    widget.set_state({"on": ["blur"], "picture": 2, "gray": 0.4, "blur": 1.0, "strength": 1.0})
    assert (widget.on, widget.picture, widget.gray, widget.blur) == (["blur"], 2, 0.4, 1.0)


def test_grey_pictures_have_no_colours_to_take_out():
    widget = AugmentationLab(noise(2, 8, 8), hue=0.5)
    assert (widget.transforms, widget.hue) == (["crop", "flip", "color", "blur"], None)
    assert widget.on == ["crop", "flip", "color"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": noise(2, 8, 9, 3)}, "square"),
        ({"images": noise(0, 8, 8, 3)}, "at least one"),
        ({"images": noise(2, 4, 4, 3)}, "at least 8 pixels"),
        ({"images": LAB / 255}, "uint8"),
        ({"labels": ["one"]}, "1 labels for 3"),
        ({"on": ["crop", "rotate"]}, "rotate"),
        ({"images": noise(2, 8, 8), "on": ["gray"]}, "these pictures have crop, flip"),
        ({"crop": 0.0}, "crop"),
        ({"strength": 2}, "strength"),
        ({"hue": 0.6}, "hue"),
        ({"seed": -1}, "seed"),
    ],
)
def test_augmentation_lab_refuses(change, words):
    with pytest.raises(Exception, match=words):
        AugmentationLab(**{"images": LAB} | change)
