"""The drawn stack says what is frozen, to the eye and in words."""

import xml.etree.ElementTree as ET

import pytest

from ssl_teach.lessons.vgg_diagram import LAYERS, vgg_stacks

ALL = ["frozen"] * len(LAYERS)
SVG = "{http://www.w3.org/2000/svg}"


def drawn(strategies):
    markup = vgg_stacks(strategies).data
    return ET.fromstring(markup[markup.index("<svg") : markup.index("</svg>") + 6])


def test_every_layer_is_drawn_as_it_is_said():
    svg = drawn({"top": ([*ALL[:-1], "new"], None), "stage": (["frozen", *["unused"] * 7], 0)})
    kinds = [group.get("class") for group in svg.iter(f"{SVG}g")]
    assert kinds == [*["frozen"] * 7, "new", "frozen", *["unused"] * 7, "new"]
    words = svg.find(f"{SVG}desc").text
    assert "top: 2 × Conv-64 frozen" in words and "FC-1000 new" in words
    assert "new linear on 2 × Conv-64" in words


def test_the_image_lies_at_the_bottom():
    svg = drawn({"x": (ALL, None)})
    tops = [float(rect.get("y")) for rect in svg.iter(f"{SVG}rect")]
    assert tops == sorted(tops, reverse=True)
    image = next(t for t in svg.iter(f"{SVG}text") if t.text == "image")
    assert float(image.get("y")) > tops[0] + 26
    assert float(image.get("y")) < float(svg.get("viewBox").split()[3])


def test_what_is_not_said_is_named():
    with pytest.raises(ValueError, match="each of 8 layers"):
        vgg_stacks({"x": (ALL[:3], None)})
    with pytest.raises(ValueError, match="no layer 8"):
        vgg_stacks({"x": (ALL, 8)})


def test_words_take_the_colour_of_the_page_and_a_narrow_page_scrolls():
    markup = vgg_stacks({"x": (ALL, None)}).data
    style = markup[: markup.index("</style>")]
    assert "fill: currentColor" in style and "color: #" not in style
    assert "overflow-x: auto" in style and 'tabindex="0"' in markup
