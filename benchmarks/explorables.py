"""Time that the script of an interactive figure takes for one redraw, in a real browser.

A frame lasts 16 ms. Each figure gets the most images or pairs that a lesson would give it, and a
value that changes at every redraw. Timed is the script, from the call of the animation frame to its
return, without the browser's own painting. The table shows the median and the maximum.

Run: python benchmarks/explorables.py [--repeats 30]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import anywidget
import numpy as np
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from chromium import launch

from ssl_teach.explorables import (
    AffinityMatrix,
    AugmentationLab,
    Circle,
    EmbeddingMap,
    ScoresToLoss,
)
from ssl_teach.explorables.embedding_map import Layout
from tests.explorables.page import mount

FRAME = 16.0  # milliseconds
TIMED = """async ([name, values]) => {
  const times = [], ask = window.requestAnimationFrame;
  window.requestAnimationFrame = (call) => ask((now) => {
    const start = performance.now();
    call(now);
    times.push(performance.now() - start);
  });
  for (const value of values) {
    window.model.set(name, value);
    await new Promise((done) => setTimeout(done, 40));
  }
  window.requestAnimationFrame = ask;
  return times;
}"""


def affinity() -> AffinityMatrix:
    """The affinity matrix of 64 images."""
    z = np.random.default_rng(0).normal(size=(128, 128))
    matrix = AffinityMatrix(z, np.zeros((128, 8, 8), np.uint8))
    matrix.n = 64
    return matrix


def lab() -> AugmentationLab:
    """The augmentation lab with six images of 64 pixels; every draw renews all views."""
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    return AugmentationLab(images, hue=0.5)


def embedding() -> EmbeddingMap:
    """The map of the embeddings of 500 images."""
    draw = np.random.default_rng(0)
    near = np.stack([(np.arange(500) + shift) % 500 for shift in range(1, 9)], axis=1)
    layout = Layout(draw.normal(size=(500, 2)), near)
    images = draw.integers(0, 256, (500, 32, 32, 3), dtype=np.uint8)
    return EmbeddingMap({"random": layout}, images, np.arange(500) % 10, [*"abcdefghij"])


def work(repeats: int) -> dict[str, tuple[anywidget.AnyWidget, str, list[float]]]:
    """Figures by name, each with the trait that changes and the values that it takes."""
    steps = range(repeats)
    return {
        "affinity matrix, N = 64": (affinity(), "tau", [0.1 + k / 100 for k in steps]),
        "scores to loss": (ScoresToLoss(), "tau", [0.1 + k / 100 for k in steps]),
        "circle, 16 pairs": (Circle(pairs=16), "tau", [0.1 + k / 100 for k in steps]),
        "augmentation lab, 64 pixels": (lab(), "seed", [float(k + 1) for k in steps]),
        "map of 500 images": (embedding(), "selected", [7 * k + 1 for k in steps]),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=30, help="redraws of each figure")
    args = parser.parse_args()
    print(f"{'ms per redraw':28s}{'median':>9s}{'maximum':>9s}   a frame is {FRAME:g} ms")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        for name, (widget, value, values) in work(args.repeats).items():
            with mount(browser, Path(folder), widget) as page:
                times = page.page.evaluate(TIMED, [value, values])
            verdict = "met" if statistics.median(times) < FRAME else "missed"
            print(f"{name:28s}{statistics.median(times):9.1f}{max(times):9.1f}   {verdict}")
        browser.close()


if __name__ == "__main__":
    main()
