"""SimCLR on CIFAR-10 at full size: accuracy, speed, and what the GPU could do at best.

Runs the book's experiment `full-cifar10-simclr` on one GPU, and reads the frozen encoder with a
k-NN vote after every epoch. Two figures come out: the accuracy after the last epoch, and the best
of all epochs on the test pictures, which is the rule of the published run that it stands beside.
That rule lets the test choose the epoch, so its figure flatters; ours at the last epoch does not.

Run: python benchmarks/full_size.py --root cifar10.npz [--epochs 200] [--out runs/full-simclr]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ssl_teach.data import Dataset
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.features import frozen
from ssl_teach.evaluation.label_budget import label_arrays
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import environment
from ssl_teach.experiments.registry import EXPERIMENTS
from ssl_teach.experiments.run import TASKS, init_encoder, train_experiment
from ssl_teach.files import write_atomically

# lightly's benchmark page: SimCLR, ResNet-18, CIFAR-10, 200 epochs, batch 512, on its own hardware
PUBLISHED = {"accuracy": 0.847, "minutes": 97.7}
# dense bfloat16 products, from NVIDIA's data sheets, in 10¹² a second
PEAKS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L4": 121.0}
NEIGHBOURS, SHARPNESS = 200, 0.1


@torch.no_grad()
def encode(encoder: Encoder, images: Tensor, device: torch.device) -> Tensor:
    """(N, D) representations of length 1, half precision; images (N, C, H, W) uint8."""
    with frozen(encoder), torch.autocast(device.type, torch.bfloat16, device.type == "cuda"):
        parts = [encoder(part.to(device).float() / 255) for part in images.split(1000)]
    return F.normalize(torch.cat(parts).float()).half()


def weighted_vote(z: Tensor, labels: Tensor, bank: Tensor, known: Tensor) -> float:
    """Accuracy of the vote of the 200 nearest, each weighted by exp(s / 0.1) (Wu et al., 2018).

    Args:
        z: (M, D) to classify, of length 1.
        labels: (M,) of these.
        bank: (N, D) of length 1.
        known: (N,) labels of these.
    """
    right = 0
    for part, wanted in zip(z.split(1000), labels.split(1000), strict=True):
        near, index = (part.float() @ bank.float().T).topk(min(NEIGHBOURS, len(bank)))  # (m, k)
        votes = torch.zeros(len(part), int(known.max()) + 1, device=z.device)
        votes.scatter_add_(1, known[index], (near / SHARPNESS).exp())
        right += int((votes.argmax(1) == wanted).sum())
    return right / len(z)


def work_of_a_step(settings: Experiment, data: Dataset) -> float:
    """Floating-point operations of one step, forward and backward."""
    encoder = init_encoder(settings, data, 0)
    device = next(encoder.parameters()).device
    task = TASKS[settings.task](settings, encoder, data, 0).to(device)
    pixels = data.unlabelled[:8].to(device).float() / 255
    with FlopCounterMode(display=False) as counter:
        batch = task.make_batch(pixels, None, torch.Generator(device).manual_seed(0))
        task(encoder, batch)[0].backward()
    return counter.get_total_flops() * settings.batch_size / 8


def main() -> None:
    """Train, watch, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", help="a copy of CIFAR-10 (default: download it)")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--batch-size", type=int, help="(default: the experiment's)")
    parser.add_argument("--encoder", help="(default: the experiment's)")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/full-simclr"))
    args = parser.parse_args()

    settings = EXPERIMENTS["full-cifar10-simclr"]
    settings = replace(
        settings, root=args.root, batch_size=args.batch_size or settings.batch_size,
        encoder=args.encoder or settings.encoder, compiled=not args.no_compile,
    )  # fmt: skip
    data = settings.load()
    epoch = len(data.unlabelled) // settings.batch_size
    settings = replace(settings, steps=args.epochs * epoch)
    device = next(init_encoder(settings, data, args.seed).parameters()).device
    train, test = data.train, data.test
    known, wanted = (torch.from_numpy(y).to(device) for y in label_arrays(train, test))
    seen = args.out / "k-nn.json"  # beside the checkpoint, so that a resumed run knows them
    watched = {int(k): v for k, v in json.loads(seen.read_text()).items()} if seen.exists() else {}
    spent = 0.0

    def watch(step: int, encoder: Encoder) -> None:
        nonlocal spent
        if step % epoch:
            return
        begin = time.monotonic()
        bank, z = (encode(encoder, part.images, device) for part in (train, test))
        watched[step // epoch] = weighted_vote(z, wanted, bank, known)
        write_atomically(seen, lambda file: file.write(json.dumps(watched).encode()))
        spent += time.monotonic() - begin
        print(f"epoch {step // epoch}: k-NN {watched[step // epoch]:.3f}", flush=True)

    _, _, curve = train_experiment(
        settings, data, args.seed, checkpoint=args.out / "run.pt", after_step=watch
    )
    seconds = curve.seconds - spent
    rate = settings.steps * settings.batch_size / seconds
    done = work_of_a_step(settings, data) * settings.steps / 1e12
    found = {
        "last": watched[args.epochs],
        "highest": max(watched.values()),
        "minutes": seconds / 60,
        "images a second": rate,
        "10^12 operations a second": done / seconds,
    }
    gpu = environment()["gpu"]
    peak = next((value for name, value in PEAKS.items() if name in gpu), None)
    if peak:
        found |= {"share of the peak": done / seconds / peak, "floor, minutes": done / peak / 60}
    for name, value in found.items():
        print(f"{name:28s}{value:10.3f}")
    print(f"published, its highest: {PUBLISHED['accuracy']} in {PUBLISHED['minutes']} minutes")
    report = {"found": found, "k-NN by epoch": watched, "environment": environment()}
    text = json.dumps(report, indent=1).encode()
    write_atomically(args.out / "report.json", lambda file: file.write(text))


if __name__ == "__main__":
    main()
