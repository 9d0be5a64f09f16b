"""How the time of a training step divides between making the batch and the network.

A task is fast enough if the network takes at least 70% of a step. The table shows medians: the time
of the batch, and the time of the losses and gradients of all players.

Run: python benchmarks/tasks.py [--batch 64] [--threads 2] [--steps 15]
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

import torch

from ssl_teach.experiments.registry import EXPERIMENTS
from ssl_teach.experiments.run import TASKS, build_task, init_encoder


def step_times(name: str, batch_size: int, steps: int) -> tuple[float, float]:
    """Median seconds of batch and network in a step of one task, on scenes of 32 pixels."""
    row = f"league-scenes-{name.replace('_', '-')}"
    settings = replace(EXPERIMENTS[row], count=batch_size * 4)
    data = settings.load()
    encoder = init_encoder(settings, data, 0).train()
    device = next(encoder.parameters()).device
    task = build_task(settings, encoder, data, 0).to(device)
    images = data.images[:batch_size].to(device).float() / 255
    labels = None if data.labels is None else data.labels[:batch_size].to(device)
    generator = torch.Generator(device).manual_seed(0)
    batch_times, network_times = [], []
    for step in range(steps + 3):
        begin = time.perf_counter()
        batch = task.make_batch(images, labels, generator)
        middle = time.perf_counter()
        for player in task.players(step):
            loss, _ = task.loss_of(player, encoder, batch, step)
            loss.backward()
        end = time.perf_counter()
        batch_times.append(middle - begin)
        network_times.append(end - middle)
    return statistics.median(batch_times[3:]), statistics.median(network_times[3:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=64, help="images per step")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--steps", type=int, default=15, help="steps; their median is shown")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"{'task':18s}{'batch, ms':>11s}{'network, ms':>13s}{'in the network':>16s}")
    for name in TASKS:
        batch_time, network_time = step_times(name, args.batch, args.steps)
        fraction = network_time / (batch_time + network_time)
        print(f"{name:18s}{1000 * batch_time:11.1f}{1000 * network_time:13.1f}{fraction:16.0%}")


if __name__ == "__main__":
    main()
