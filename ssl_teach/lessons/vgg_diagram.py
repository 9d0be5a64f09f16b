"""A picture of transfer: a VGG-style stack for each strategy, and what is frozen in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from IPython.display import HTML

LAYERS = (
    "2 × Conv-64", "2 × Conv-128", "2 × Conv-256", "2 × Conv-512", "2 × Conv-512",
    "FC-4096", "FC-4096", "FC-1000",
)  # fmt: skip
"""From the image up; each pair of convolutions is followed by a maximum over 2×2 pixels."""

MEANING = {
    "frozen": "frozen",
    "trained": "trained on",
    "new": "new",
    "unused": "not used",
}
"""What may become of a layer."""

STYLE = """
.ssl-vgg-frame { overflow-x: auto; }
.ssl-vgg { max-width: 100%; min-width: 600px; height: auto; font: 12px system-ui, sans-serif; }
.ssl-vgg text { fill: currentColor; text-anchor: middle; }
.ssl-vgg rect { stroke: currentColor; stroke-width: 1.2; fill: none; }
.ssl-vgg .frozen rect { fill: #2166ac; fill-opacity: 0.22; }
.ssl-vgg .trained rect { fill: #c24e00; fill-opacity: 0.28; }
.ssl-vgg .new rect { fill: #c24e00; fill-opacity: 0.28; stroke-width: 2.6; }
.ssl-vgg .unused { opacity: 0.72; }
.ssl-vgg .unused rect { stroke-dasharray: 3 3; }
.ssl-vgg .small { font-size: 10.5px; }
"""

WIDTH, BOX, STEP, TOP = 168, 26, 34, 46


def vgg_stacks(strategies: Mapping[str, tuple[Sequence[str], int | None]]) -> HTML:
    """Draw the stack once for each strategy, side by side.

    Args:
        strategies: by title: what becomes of each of `LAYERS`, from the image up, one of `MEANING`;
            and the number of the layer that a new linear classifier sits on, 0 for the first; None
            if the last layer is itself the classifier.

    Raises:
        ValueError: if a strategy does not say what becomes of every layer.
    """
    for title, (states, head) in strategies.items():
        if len(states) != len(LAYERS) or not set(states) <= set(MEANING):
            raise ValueError(
                f"{title!r} must give each of {len(LAYERS)} layers one of {[*MEANING]}"
            )
        if head is not None and not 0 <= head < len(LAYERS):
            raise ValueError(f"{title!r}: there is no layer {head} for the classifier")
    width, height = WIDTH * len(strategies), TOP + STEP * (len(LAYERS) + 2)
    words = "; ".join(_words(title, *each) for title, each in strategies.items())
    columns = "".join(
        _column(number * WIDTH, title, states, head)
        for number, (title, (states, head)) in enumerate(strategies.items())
    )
    return HTML(
        f'<style>{STYLE}</style><div class="ssl-vgg-frame" tabindex="0" role="group" '
        f'aria-label="Stacks side by side"><svg class="ssl-vgg" role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>What each strategy trains</title><desc>{words}.</desc>{columns}</svg></div>"
    )


def _words(title: str, states: Sequence[str], head: int | None) -> str:
    """A strategy in words, for those who do not see it."""
    layers = ", ".join(f"{n} {MEANING[s]}" for n, s in zip(LAYERS, states, strict=True))
    return f"{title}: {layers}" + ("" if head is None else f", new linear on {LAYERS[head]}")


def _box(x: float, y: float, text: str, state: str, width: float = 104) -> str:
    what = f'<text class="small" x="{x + width / 2}" y="{y + BOX - 4}">{MEANING[state]}</text>'
    return (
        f'<g class="{state}"><rect x="{x}" y="{y}" width="{width}" height="{BOX}" rx="4"/>'
        f'<text x="{x + width / 2}" y="{y + 12}">{text}</text>{what}</g>'
    )


def _column(x: float, title: str, states: Sequence[str], head: int | None) -> str:
    """One stack, the image at the bottom."""
    lines = title.split("\n")
    parts = [
        f'<text x="{x + WIDTH / 2}" y="{16 + 15 * i}" font-weight="600">{line}</text>'
        for i, line in enumerate(lines)
    ]
    left = x + (WIDTH - 104) / 2 - (0 if head is None else 22)
    bottom = TOP + STEP * (len(LAYERS) + 1)
    for number, (name, state) in enumerate(zip(LAYERS, states, strict=True)):
        parts.append(_box(left, bottom - STEP * (number + 1), name, state))
    parts.append(f'<text x="{left + 52}" y="{bottom + 17}">image</text>')
    if head is not None:
        parts.append(_box(left + 110, bottom - STEP * (head + 1), "linear", "new", 46))
    return "".join(parts)
