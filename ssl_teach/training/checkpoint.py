"""Checkpoints: everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import math
import signal
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssl_teach import distributed
from ssl_teach.encoders.base import Encoder
from ssl_teach.encoders.networks import ENCODERS, build_encoder
from ssl_teach.files import write_atomically
from ssl_teach.training.curve import Curve

RUN_SCHEMA, ENCODER_SCHEMA = 4, 2


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
        "schema": RUN_SCHEMA,
        "settings": settings,
        "learner": learner.state_dict(),
        "optimizers": {player: o.state_dict() for player, o in optimizers.items()},
        "generators": _of_all(generator.get_state(), generator.device),
        "global_generators": {
            kind: _of_all(state, generator.device)
            for kind, state in _global_states(generator.device).items()
        },
        "curve": curve.values,
        "seconds": curve.seconds,
    }
    if distributed.rank() == 0:
        write_atomically(path, lambda file: torch.save(state, file))


def _global_states(device: torch.device) -> dict[str, Tensor]:
    """Of the generators that layers such as dropout draw from: the CPU's, and the GPU's if used."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _of_all(state: Tensor, device: torch.device) -> Tensor:
    """The state of a generator in each process, (n,) bytes -> (W, n), on the CPU."""
    return distributed.gather(state[None].to(device)).cpu()


def load_checkpoint(
    path: Path,
    settings: dict[str, Any],
    learner: nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    generator: torch.Generator,
) -> Curve:
    """Put a run back to where its checkpoint was taken.

    Nothing of the run is changed before all of the file was found to fit; the file never is.

    Returns:
        The curve up to there; its length is the number of steps done.

    Raises:
        ValueError: if the file is no checkpoint, or one of a run with other settings or shapes.
    """
    state = _read(path, RUN_SCHEMA)
    there = state.get("settings")
    if not isinstance(there, dict):
        raise ValueError(f"{path} is no checkpoint of a run; {_WHAT_TO_DO}")
    theirs, ours = dict(_flat(there)), dict(_flat(settings))
    changed = [
        f"{name} is {theirs.get(name)} in the checkpoint and {ours.get(name)} in this run"
        for name in {**theirs, **ours}
        if not _same(theirs.get(name), ours.get(name))
    ]
    if changed:
        raise ValueError(
            f"{path} belongs to a different run ({'; '.join(changed)}); "
            "use the same settings or another checkpoint file"
        )
    try:
        curve = _curve(state["curve"], state["seconds"])
        _check_weights(state["learner"], learner.state_dict())
        for player, optimizer in optimizers.items():
            _check_optimizer(state["optimizers"][player], optimizer)
        # clone: a generator reads the state from the start of its storage, process 0's row
        mine = state["generators"][distributed.rank()].clone()
        everyones = {
            kind: dict(state["global_generators"])[kind][distributed.rank()].clone()
            for kind in _global_states(generator.device)
        }
        for kind, each in everyones.items():
            torch.Generator(kind).set_state(each)
        generator.set_state(mine)
    except Exception as error:  # what is missing or of another kind can raise anything
        raise ValueError(f"{path} does not fit this run: {_told(error)}; {_WHAT_TO_DO}") from error
    torch.set_rng_state(everyones["cpu"])
    if "cuda" in everyones:
        torch.cuda.set_rng_state(everyones["cuda"], generator.device)
    learner.load_state_dict(state["learner"])
    for player, optimizer in optimizers.items():
        optimizer.load_state_dict(state["optimizers"][player])
    return curve


def steps_of(path: Path) -> int:
    """How many steps the run of a checkpoint takes in all.

    Raises:
        ValueError: if the file is no checkpoint.
    """
    settings = _read(path, RUN_SCHEMA).get("settings")
    steps = settings.get("steps") if isinstance(settings, dict) else None
    if type(steps) is not int:
        raise ValueError(f"{path} is no checkpoint of a run; {_WHAT_TO_DO}")
    return steps


_WHAT_TO_DO = "give another file, or delete this one to start anew"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings by name, those inside others as "task.augment.strength"."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + str(name), value


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except Exception:  # a tensor in a file in place of a number has no one truth
        return False


def _told(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__


def _curve(values: Any, seconds: Any) -> Curve:
    """A curve from a file: one number per step of each quantity."""
    steps = len(values["loss"])
    for name, series in values.items():
        if len(series) != steps or not all(type(v) in {int, float} for v in series):
            raise ValueError(f"{name} has not one number for each of the {steps} steps")
    if type(seconds) is not float or not 0 <= seconds < math.inf:
        raise ValueError(f"seconds are {seconds}")
    return Curve(values, seconds)


def _check_weights(state: Any, here: Mapping[str, Tensor]) -> None:
    """Raise a ValueError unless a file's tensors have the names and shapes of those here."""
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in here.items()}
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{name}: {found.get(name, 'nothing')} there, {wanted.get(name, 'nothing')} here"
            )


def _check_optimizer(state: Any, optimizer: torch.optim.Optimizer) -> None:
    """Raise an exception unless a file's averages have the shapes of the parameters here."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    saved = [i for group in state["param_groups"] for i in group["params"]]
    if saved != list(range(len(parameters))):
        raise ValueError(f"{len(saved)} parameters there, {len(parameters)} here")
    for i, averages in state["state"].items():
        for name, value in averages.items():
            if value.shape not in {(), parameters[i].shape}:
                raise ValueError(f"{name} of parameter {i} is {tuple(value.shape)}")


def save_encoder(encoder: Encoder, path: Path) -> None:
    """Save an encoder that was made by `build_encoder`, with what is needed to build it again.

    Raises:
        ValueError: if it was made otherwise, so that `load_encoder` could not build it.
    """
    name = next((name for name, kind in ENCODERS.items() if type(encoder) is kind), None)
    if name is None:
        raise ValueError(
            f"a {type(encoder).__name__} cannot be built again by its name; save its state_dict()"
        )
    batched = (nn.BatchNorm2d, nn.SyncBatchNorm)  # in evaluation mode they are the same
    norm = "batch" if any(isinstance(m, batched) for m in encoder.modules()) else "group"
    first = next(m for m in encoder.modules() if isinstance(m, nn.Conv2d))
    built: dict[str, Any] = {"name": name, "channels": first.in_channels, "norm": norm}
    try:
        with torch.device("meta"):
            _check_weights(encoder.state_dict(), build_encoder(**built).state_dict())
    except ValueError as error:
        raise ValueError(
            f"the encoder is not what build_encoder makes ({error}); save its state_dict()"
        ) from None
    state = {"schema": ENCODER_SCHEMA, "built": built, "weights": encoder.state_dict()}
    write_atomically(path, lambda file: torch.save(state, file))


def load_encoder(path: Path) -> Encoder:
    """Read an encoder back, in evaluation mode, on the CPU.

    Raises:
        ValueError: if the file is not an encoder saved by `save_encoder`.
    """
    state = _read(path, ENCODER_SCHEMA)
    if "built" not in state:
        raise ValueError(f"{path} is not a saved encoder; pretrain writes one as encoder.pt")
    try:
        with torch.device("meta"):  # takes no memory, however many channels the file asks for
            _check_weights(state["weights"], build_encoder(**state["built"]).state_dict())
        encoder = build_encoder(**state["built"])
        encoder.load_state_dict(state["weights"])
    except Exception as error:  # what is missing or of another kind can raise anything
        raise ValueError(f"{path} is not a whole encoder: {_told(error)}") from error
    return encoder.eval()


def _read(path: Path, wanted: int) -> dict[str, Any]:
    """What a file of this package holds: numbers, words and tensors, never code."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a regular file; {_WHAT_TO_DO}")
    try:
        _check_size(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # torch raises several kinds, one per way a file can be broken
        raise ValueError(
            f"{path} cannot be read: it is damaged, or was not written by this package; "
            f"nothing in it was run; {_WHAT_TO_DO}"
        ) from error
    schema = state.get("schema") if isinstance(state, dict) else None
    if type(schema) is not int or schema != wanted:
        raise ValueError(
            f"{path} is of schema {schema}, not {wanted}: it is of another version or kind; "
            f"{_WHAT_TO_DO}"
        )
    return state


def _check_size(path: Path) -> None:
    """Raise a ValueError if a file unpacks to more than itself; torch does not compress."""
    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > path.stat().st_size:
            raise ValueError("compressed")


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
    if asked.is_set():  # it came after the last look: what was asked to stop here stops here
        raise KeyboardInterrupt
