"""SimCLR steps per second: our training loop against the same network trained with lightly's parts.

Ours is `pretrain` as the lessons call it: batched views, ConvNet, projection head, NT-Xent, AdamW,
and the accuracy that it reports. Lightly's is the loop of its own tutorial: SimCLRTransform in a
DataLoader over PIL images, without worker processes and with two, its SimCLRProjectionHead, its
NTXentLoss, and AdamW with the same settings. Both train the same ConvNet, channels last, on the
same scenes.

Each run has some steps to warm up, followed by the timed steps. Time is measured from the start of
one step to the start of another, so that loading the images counts. The table shows the median of
several runs, which alternate between the libraries.

Run: .venv-bench/bin/python benchmarks/training.py [--batch 128 256] [--size 32] [--threads 2]
[--steps 20] [--repeats 3]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import islice

import torch
from augment import lightly_transform, pil_images
from losses import versions
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler

from ssl_teach.augment import simclr_augmentation
from ssl_teach.data import load
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.tasks.base import Augment, Batch
from ssl_teach.tasks.simclr import SimCLR
from ssl_teach.training.pretrain import pretrain

WARM = 8  # steps before the timed ones; workers prepare up to four batches ahead
LEARNING_RATE, WEIGHT_DECAY, TEMPERATURE = 3e-3, 1e-4, 0.5
WORKERS = (0, 2)
GOAL = 3  # our rate must be at least this many times lightly's better one


class TimedSimCLR(SimCLR):
    """SimCLR that records when each batch is requested, which is when a step begins."""

    def __init__(self, widths: Sequence[int], augment: Augment, *, temperature: float) -> None:
        """Set up the task, and an empty list of times in seconds."""
        super().__init__(widths, augment, temperature=temperature)
        self.begun: list[float] = []

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Record the time, and make the batch as SimCLR does."""
        self.begun.append(time.perf_counter())
        return super().make_batch(images, labels, generator)


class Views(Dataset[list[Tensor]]):
    """A data set of PIL images that are transformed when they are read."""

    def __init__(
        self, images: list[Image.Image], transform: Callable[[Image.Image], list[Tensor]]
    ) -> None:
        """Store the images and the transform."""
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> list[Tensor]:
        """Two views (3, H, W) of one image."""
        return self.transform(self.images[index])


def rate_ours(images: Tensor, batch: int, steps: int) -> float:
    """Steps per second of `pretrain` on images (N, 3, H, W) uint8."""
    encoder = ConvNet()
    task = TimedSimCLR(encoder.widths, simclr_augmentation(3), temperature=TEMPERATURE)
    pretrain(
        encoder,
        task,
        images,
        steps=WARM + steps + 1,  # the start of the last step ends the one before it
        batch_size=batch,
        lr=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        progress=False,
    )
    return steps / (task.begun[-1] - task.begun[WARM])


def lightly_steps(loader: DataLoader[list[Tensor]]) -> Generator[None, None, None]:
    """Train with lightly's parts, as its tutorial does; each `next` is one step."""
    from lightly.loss import NTXentLoss  # type: ignore[import-not-found]
    from lightly.models.modules import SimCLRProjectionHead  # type: ignore[import-not-found]

    encoder = ConvNet()
    features = encoder.widths[-1]
    # the same sizes as our head; lightly's also has batch norm after the last layer
    head = SimCLRProjectionHead(features, features, 128)
    model = nn.Sequential(encoder, head).train()
    model.to(memory_format=torch.channels_last)
    criterion = NTXentLoss(temperature=TEMPERATURE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for first, second in loader:
        loss = criterion(model(first), model(second))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        yield


def rate_lightly(images: list[Image.Image], batch: int, steps: int, workers: int) -> float:
    """Steps per second with this number of worker processes."""
    views = Views(images, lightly_transform(images[0].height))
    # one endless epoch, so that restarting the workers after an epoch is not timed
    drawn = RandomSampler(views, replacement=True, num_samples=2**40)
    training = lightly_steps(DataLoader(views, batch, sampler=drawn, num_workers=workers))
    begun = [time.perf_counter() for _ in islice(training, WARM + steps)]
    training.close()
    return steps / (begun[-1] - begun[WARM - 1])


def print_rates(images: Tensor, batch: int, steps: int, repeats: int) -> None:
    """Print the rows of one batch size, and whether the goal is met."""
    ways: dict[str, Callable[[], float]] = {"ours": partial(rate_ours, images, batch, steps)}
    if find_spec("lightly") is not None:
        inputs = pil_images(images)
        for workers in WORKERS:
            way = partial(rate_lightly, inputs, batch, steps, workers)
            ways[f"lightly, {workers} workers"] = way
    runs = [{name: way() for name, way in ways.items()} for _ in range(repeats)]
    rates = {name: statistics.median(run[name] for run in runs) for name in ways}
    for name, rate in rates.items():
        shown = f"{rate:9.2f}{batch * rate:11,.0f}{rates['ours'] / rate:8.1f} x"
        print(f"{batch:6d}  {name:20s}{shown}")
    peer = max((rate for name, rate in rates.items() if name != "ours"), default=None)
    if peer is None:
        print(f"{batch:6d}  lightly: not installed")
        return
    met = rates["ours"] >= GOAL * peer
    print(f"goal: at least {GOAL} x lightly's better rate: {'met' if met else 'missed'}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 256], help="images per step")
    parser.add_argument("--size", type=int, default=32, help="height and width in pixels")
    parser.add_argument("--count", type=int, default=2000, help="scenes to train on")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--steps", type=int, default=20, help="timed steps per run")
    parser.add_argument("--repeats", type=int, default=3, help="runs; their median is shown")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    images = load("scenes", count=args.count, size=args.size).images
    print(f"SimCLR, ConvNet, scenes of {args.size} x {args.size} x 3, {args.threads} threads")
    print(versions("torch", "torchvision", "lightly", "pillow"))
    print(f"{'batch':>6s}  {'':20s}{'steps/s':>9s}{'images/s':>11s}{'speed-up':>10s}")
    for batch in args.batch:
        print_rates(images, batch, args.steps, args.repeats)


if __name__ == "__main__":
    main()
