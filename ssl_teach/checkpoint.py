"""Checkpoints: everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssl_teach import processes
from ssl_teach.encoders import ENCODERS, Encoder, build_encoder
from ssl_teach.progress import Curve
from ssl_teach.records import write_atomically

SCHEMA = 2


def save_checkpoint(
    path: Path,
    settings: dict[str, Any],
    learner: nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    generator: torch.Generator,
    curve: Curve,
) -> None:
    """Save every player, optimiser and generator, and the curve so far, atomically.

    Where several processes train together all of them must call this: each gives the states of its
    generators, and process 0 writes the file.

    Args:
        path: the file.
        settings: of the run; a run with other settings will refuse to resume from the file.
        learner: encoder and task.
        optimizers: by player.
        generator: that the task draws from.
        curve: one entry per step done.
    """
    state = {
        "schema": SCHEMA,
        "settings": settings,
        "learner": learner.state_dict(),
        "optimizers": {player: o.state_dict() for player, o in optimizers.items()},
        "generators": _of_all(generator.get_state(), generator.device),
        "global_generators": _of_all(torch.get_rng_state(), generator.device),
        "curve": curve.values,
        "seconds": curve.seconds,
    }
    if processes.rank() == 0:
        write_atomically(path, lambda file: torch.save(state, file))


def _of_all(state: Tensor, device: torch.device) -> Tensor:
    """The state of a generator in each process, (n,) bytes -> (W, n), on the CPU."""
    return processes.gather(state[None].to(device)).cpu()


def load_checkpoint(
    path: Path,
    settings: dict[str, Any],
    learner: nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    generator: torch.Generator,
) -> Curve:
    """Put a run back to where its checkpoint was taken.

    Returns:
        The curve up to there; its length is the number of steps done.

    Raises:
        ValueError: if the file is no checkpoint, or one of a run with other settings.
    """
    state = _read(path)
    differing = [k for k in settings if state.get("settings", {}).get(k) != settings[k]]
    if differing:
        told = "; ".join(
            f"{k}: {state['settings'].get(k)} there, {settings[k]} here" for k in differing
        )
        raise ValueError(
            f"{path} is of another run ({told}); use the same settings or another checkpoint file"
        )
    learner.load_state_dict(state["learner"])
    for player, optimizer in optimizers.items():
        optimizer.load_state_dict(state["optimizers"][player])
    # clone: a generator reads the state from the start of its storage, which is process 0's row
    generator.set_state(state["generators"][processes.rank()].clone())
    torch.set_rng_state(state["global_generators"][processes.rank()].clone())
    return Curve(state["curve"], state["seconds"])


def save_encoder(encoder: Encoder, path: Path) -> None:
    """Save an encoder that was made by `build_encoder`, with what is needed to build it again."""
    name = next(name for name, kind in ENCODERS.items() if type(encoder) is kind)
    batched = (nn.BatchNorm2d, nn.SyncBatchNorm)  # in evaluation mode they are the same
    norm = "batch" if any(isinstance(m, batched) for m in encoder.modules()) else "group"
    first = next(m for m in encoder.modules() if isinstance(m, nn.Conv2d))
    built = {"name": name, "channels": first.in_channels, "norm": norm}
    state = {"schema": SCHEMA, "built": built, "weights": encoder.state_dict()}
    write_atomically(path, lambda file: torch.save(state, file))


def load_encoder(path: Path) -> Encoder:
    """Read an encoder back, in evaluation mode, on the CPU.

    Raises:
        ValueError: if the file is not an encoder saved by `save_encoder`.
    """
    state = _read(path)
    if "built" not in state:
        raise ValueError(f"{path} is not a saved encoder; pretrain writes one as encoder.pt")
    encoder = build_encoder(**state["built"])
    encoder.load_state_dict(state["weights"])
    return encoder.eval()


def _read(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch raises several kinds, one per way a file can be broken
        raise ValueError(f"{path} cannot be read; delete it to start anew") from error
    if not isinstance(state, dict) or state.get("schema") != SCHEMA:
        raise ValueError(f"{path} is not a file of schema {SCHEMA}; delete it to start anew")
    return state


@contextmanager
def finish_the_step() -> Iterator[threading.Event]:
    """Let an interrupt (Ctrl-C, the notebook's stop button) wait for the end of the step.

    So does the polite end that a cluster asks for before it takes a machine away (SIGTERM).

    A step cut in half would leave weights and optimiser out of tune, and a checkpoint taken then
    would not continue to the same result. A second interrupt stops at once.

    Yields:
        An event that is set once an interrupt has come.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may handle signals
        return

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    previous = {kind: signal.signal(kind, ask) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for kind, handler in previous.items():
            signal.signal(kind, handler)
