"""NT-Xent, forward and backward: ours against lightly's and pytorch-metric-learning's.

All libraries get the same random projections of 2N views, D = 128, and the same temperature. Each
cell of the table is measured in a process of its own, which first compares the library's loss with
the two nested loops of the paper on a few views. The table shows the median time, and the peak
memory of the process minus its memory before. A cell that exceeds the limit of memory or time says
so. All libraries must find the same loss. The last column is a whole step of our SimCLR with a tiny
encoder on images of 8×8: views, forward, metrics, backward.

Run: .venv-bench/bin/python benchmarks/losses.py [--images 64 256 1024 4096 16384] [--threads 2]
[--repeats 15] [--seconds 300] [--gigabytes 16]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

# Only the cells import torch: on Linux a child process inherits the peak memory of its parent.
if TYPE_CHECKING:
    from torch import Tensor

MODULES = {
    "ours": "ssl_teach",
    "lightly": "lightly",
    "pytorch-metric-learning": "pytorch_metric_learning",
}
STEP = "SimCLR step"
DIMENSION, TEMPERATURE = 128, 0.5
CHECKED = 16  # number of images in the comparison with the loops
TOLERANCE = 1e-4  # relative, of the loss
FEWEST, ENOUGH = 3, 20.0  # runs per cell, at least; seconds after which no further run starts
MOST_TIME = 0.6  # goals: our time over lightly's, at every N that lightly completes,
MOST_IMAGES, MOST_MEGABYTES = 16384, 1000.0  # and our peak memory at this N


@dataclass(frozen=True)
class Cell:
    """Result of one process: median seconds, peak MB (10⁶ bytes) and loss in nats, or a failure."""

    seconds: float = math.nan
    megabytes: float = math.nan
    loss: float = math.nan
    failure: str = ""

    def __str__(self) -> str:
        """Time and memory, or the failure, as the table shows them."""
        return self.failure or f"{1000 * self.seconds:,.1f} ms {self.megabytes:6,.0f} MB"


def versions(*packages: str) -> str:
    """One line with the machine, Python, and the version of each package."""
    parts = [f"{platform.machine()}, Python {platform.python_version()}"]
    for package in packages:
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"{package} not installed")
    return ", ".join(parts)


def build(library: str) -> Callable[[Tensor], Tensor]:
    """A library's loss of (2N, D): the first views of all images, then the second views."""
    if library == "ours":
        from ssl_teach.losses import nt_xent

        return partial(nt_xent, temperature=TEMPERATURE, order="halves")
    if library == "lightly":
        from lightly.loss import NTXentLoss  # type: ignore[import-not-found]

        two_halves = NTXentLoss(temperature=TEMPERATURE)
    else:
        from pytorch_metric_learning import losses  # type: ignore[import-not-found]

        two_halves = losses.SelfSupervisedLoss(losses.NTXentLoss(temperature=TEMPERATURE))
    return lambda z: two_halves(*z.chunk(2))


def projections(images: int) -> Tensor:
    """Random projections (2N, D), the same for every library."""
    import torch

    return torch.randn(2 * images, DIMENSION, generator=torch.Generator().manual_seed(0))


def step(loss: Callable[[Tensor], Tensor], z: Tensor) -> float:
    """Run forward and backward, and return the loss."""
    value = loss(z.detach().requires_grad_())
    value.backward()
    return value.item()


def check(loss: Callable[[Tensor], Tensor]) -> None:
    """Raise an AssertionError unless the loss is the paper's; this also warms torch up."""
    from einops import rearrange

    from ssl_teach.losses.contrastive import nt_xent_two_loops

    z = projections(CHECKED)
    z[CHECKED:] += z[:CHECKED]  # similar partners make the loss depend on the temperature
    in_pairs = rearrange(z, "(view n) d -> (n view) d", view=2)
    expected = nt_xent_two_loops(in_pairs, temperature=TEMPERATURE).item()
    found = step(loss, z)
    assert math.isclose(found, expected, rel_tol=TOLERANCE), f"the loss is {found}, not {expected}"


def simclr_step(images: int) -> Callable[[], float]:
    """Return a whole step of SimCLR on that many images, to be run again and again."""
    import torch

    from ssl_teach.augment import RandomResizedCrop
    from ssl_teach.encoders import ConvNet
    from ssl_teach.tasks import SimCLR

    torch.manual_seed(0)
    encoder = ConvNet(channels=1, widths=(8, 16))
    task = SimCLR(encoder.widths, RandomResizedCrop(), temperature=TEMPERATURE)
    pixels, generator = torch.rand(images, 1, 8, 8), torch.Generator().manual_seed(0)

    def run() -> float:
        batch = task.make_batch(pixels, None, generator)
        loss, metrics = task(encoder, batch)
        encoder.zero_grad()
        task.zero_grad()
        loss.backward()
        assert 0 <= metrics["accuracy"] <= 1
        return loss.item()

    return run


def peak_megabytes() -> float:
    """Peak memory of this process so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def limit_memory(gigabytes: float) -> None:
    """Limit the memory of this process to so much more than its present address space.

    This works only on Linux, which reports that size: torch maps much memory that it never uses.
    """
    if sys.platform == "linux":
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (mapped + int(gigabytes * 1e9), hard))


def measure(library: str, images: int, threads: int, repeats: int, gigabytes: float) -> Cell:
    """Measure one cell of the table in this process."""
    import torch

    torch.set_num_threads(threads)
    if library == STEP:
        simclr_step(CHECKED)()  # warms torch up
        run = simclr_step(images)
    else:
        loss, z = build(library), projections(images)
        check(loss)
        run = partial(step, loss, z)
    limit_memory(gigabytes)
    before, begin = peak_megabytes(), time.perf_counter()
    times: list[float] = []
    try:
        value = run()
        while len(times) < repeats:
            if len(times) >= FEWEST and time.perf_counter() - begin > ENOUGH:
                break
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            return Cell(failure="out of memory")
        raise
    return Cell(statistics.median(times), peak_megabytes() - before, value)


def in_a_process(library: str, images: int, args: argparse.Namespace) -> Cell:
    """Measure one cell of the table in a process of its own, within the limits."""
    if find_spec(MODULES.get(library, "ssl_teach")) is None:
        return Cell(failure="not installed")
    options = {"cell": library, "images": images, "threads": args.threads}
    options |= {"repeats": args.repeats, "gigabytes": args.gigabytes}
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, __file__, *words]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=args.seconds)
    except subprocess.TimeoutExpired:
        return Cell(failure=f"over {args.seconds:g} s")
    if done.returncode < 0:  # the system itself ends a process when memory runs out
        return Cell(failure=f"ended by signal {-done.returncode}")
    done.check_returncode()
    return Cell(**json.loads(done.stdout.splitlines()[-1]))


def row(images: int, cells: dict[str, Cell]) -> str:
    """Format a row of the table."""
    ratio = cells["ours"].seconds / cells["lightly"].seconds
    shown = "" if math.isnan(ratio) else f"{ratio:.2f}"
    return f"{images:8,d}" + "".join(f"{cell!s:>25s}" for cell in cells.values()) + f"{shown:>14s}"


def agree(images: int, cells: dict[str, Cell]) -> None:
    """Raise an AssertionError unless all libraries that finished found the same loss."""
    found = {
        name: cell.loss for name, cell in cells.items() if name in MODULES and not cell.failure
    }
    least, most = min(found.values(), default=0.0), max(found.values(), default=0.0)
    assert math.isclose(least, most, rel_tol=TOLERANCE), f"N = {images}: the losses are {found}"


def goals(table: dict[int, dict[str, Cell]]) -> list[str]:
    """One sentence for each goal: met, missed (and where), or not measured."""
    both = {
        images: cells["ours"].seconds / cells["lightly"].seconds
        for images, cells in table.items()
        if not cells["lightly"].failure
    }
    # if ours fails, the ratio is NaN, and the goal is missed
    slow = ", ".join(f"{images:,}" for images, ratio in both.items() if not ratio <= MOST_TIME)
    time_goal = (f"missed at N = {slow}" if slow else "met") if both else "not measured"
    lines = [
        f"goal: at most {MOST_TIME} of lightly's time at every N that it completes: {time_goal}"
    ]
    for name in ("ours", STEP):
        cell = table.get(MOST_IMAGES, {}).get(name)
        result = "not measured"
        if cell is not None:
            result = "met" if cell.megabytes <= MOST_MEGABYTES else f"missed: {cell}"
        lines.append(
            f"goal: {name} at N = {MOST_IMAGES:,} within {MOST_MEGABYTES:,.0f} MB: {result}"
        )
    return lines


def parse() -> argparse.Namespace:
    """Parse the command line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--images", type=int, nargs="+", default=[64, 256, 1024, 4096, 16384], help="N"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--repeats", type=int, default=15, help="runs; their median is shown")
    parser.add_argument("--seconds", type=float, default=300, help="time limit of a cell")
    parser.add_argument(
        "--gigabytes", type=float, default=memory * 2 / 3, help="memory limit of a cell, on Linux"
    )
    parser.add_argument("--cell", choices=[*MODULES, STEP], help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Print the table; in the process of one cell, print that cell."""
    args = parse()
    if args.cell:
        cell = measure(args.cell, args.images[0], args.threads, args.repeats, args.gigabytes)
        print(json.dumps(asdict(cell)))
        return
    print(f"NT-Xent of 2N views, D = {DIMENSION}, forward and backward, {args.threads} threads,")
    print(f"at most {args.seconds:g} s and {args.gigabytes:.1f} GB per cell")
    names = (*MODULES, STEP)
    print(versions("torch", "lightly", "pytorch-metric-learning"))
    print(f"{'N':>8s}" + "".join(f"{name:>25s}" for name in names) + f"{'ours/lightly':>14s}")
    table = {}
    for images in args.images:
        table[images] = {name: in_a_process(name, images, args) for name in names}
        print(row(images, table[images]), flush=True)
        agree(images, table[images])
    print("\n".join(goals(table)))


if __name__ == "__main__":
    main()
