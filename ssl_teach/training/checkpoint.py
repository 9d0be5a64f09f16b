"""Checkpoints: everything a run needs to continue as if it had never stopped."""

from __future__ import annotations

import math
import signal
import textwrap
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

RUN_SCHEMA, ENCODER_SCHEMA = 5, 2


def save_checkpoint(
    path: Path,
    settings: dict[str, Any],
    learner: nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    generator: torch.Generator,
    curve: Curve,
) -> None:
    """Save every player, optimiser and generator, and the curve so far, atomically.

    If several processes train together, all of them must call this function: each contributes the
    states of its generators, and process 0 writes the file.

    Args:
        path: The file to write.
        settings: The settings of the run; a run with different settings cannot resume from it.
        learner: The encoder and the task as one module.
        optimizers: The optimiser of each player.
        generator: The generator that the task draws from.
        curve: The training curve, with one entry per step done.
    """
    state = {
        "schema": RUN_SCHEMA,
        "settings": settings,
        "learner": learner.state_dict(),
        "optimizers": {player: o.state_dict() for player, o in optimizers.items()},
        "generators": _gather_states(generator.get_state(), generator.device),
        "global_generators": {
            device: _gather_states(state, generator.device)
            for device, state in _global_states(generator.device).items()
        },
        "curve": curve.values,
        "seconds": curve.seconds,
    }
    if distributed.rank() == 0:
        write_atomically(path, lambda file: torch.save(state, file))


def _global_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the global generators of the CPU and, if used, the GPU.

    Layers such as dropout draw from them.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _gather_states(state: Tensor, device: torch.device) -> Tensor:
    """Return the state of a generator in each of W processes: (n,) bytes -> (W, n), on the CPU."""
    return distributed.gather(state[None].to(device)).cpu()


def load_checkpoint(
    path: Path,
    settings: dict[str, Any],
    learner: nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    generator: torch.Generator,
) -> Curve:
    """Restore a run to the state in which its checkpoint was saved.

    The whole file is checked before anything in the run is changed. The file is never changed. See
    `save_checkpoint` for the arguments.

    Returns:
        The curve so far; its length is the number of steps done.

    Raises:
        ValueError: If the file is not a checkpoint, or belongs to a run with different settings or
            shapes.
    """
    state = _read(path, RUN_SCHEMA)
    saved_settings = state.get("settings")
    if not isinstance(saved_settings, dict):
        raise ValueError(f"{path} is not a checkpoint of a run; {_REMEDY}")
    saved, current = dict(_flatten(saved_settings)), dict(_flatten(settings))
    changed = [
        CONTENT.get(name)
        or f"{name} is {_short(saved.get(name))} in the checkpoint and "
        f"{_short(current.get(name))} in this run"
        for name in {**saved, **current}
        if not _equal(saved.get(name), current.get(name))
    ]
    if changed:
        raise ValueError(
            f"{path} belongs to a different run ({'; '.join(changed)}); "
            "use the same settings or a different checkpoint file"
        )
    try:
        curve = _curve(state["curve"], state["seconds"])
        _check_weights(state["learner"], learner.state_dict())
        for player, optimizer in optimizers.items():
            _check_optimizer(state["optimizers"][player], optimizer)
        # clone, because set_state reads from the start of the storage, which is process 0's row
        own_state = state["generators"][distributed.rank()].clone()
        global_states = {
            device: dict(state["global_generators"])[device][distributed.rank()].clone()
            for device in _global_states(generator.device)
        }
        for device, global_state in global_states.items():  # raises if a state is not valid
            torch.Generator(device).set_state(global_state)
        generator.set_state(own_state)
    except Exception as error:  # a missing or wrong entry can raise any exception
        raise ValueError(f"{path} does not fit this run: {_describe(error)}; {_REMEDY}") from error
    torch.set_rng_state(global_states["cpu"])
    if "cuda" in global_states:
        torch.cuda.set_rng_state(global_states["cuda"], generator.device)
    learner.load_state_dict(state["learner"])
    for player, optimizer in optimizers.items():
        optimizer.load_state_dict(state["optimizers"][player])
    return curve


def steps_of(path: Path) -> int:
    """Return the total number of steps of the run that a checkpoint belongs to.

    Raises:
        ValueError: If the file is not a checkpoint.
    """
    settings = _read(path, RUN_SCHEMA).get("settings")
    steps = settings.get("steps") if isinstance(settings, dict) else None
    if type(steps) is not int:
        raise ValueError(f"{path} is not a checkpoint of a run; {_REMEDY}")
    return steps


CONTENT = {
    "images.sha256": "the images or their order have changed",
    "labels.sha256": "the labels have changed",
}
"""What it means that a hash differs."""
_REMEDY = "use a different file, or delete this one to start from scratch"


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings by name, nested ones as "task.augment.strength"."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + str(name), value


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except Exception:  # for example, a tensor in place of a number
        return False


def _short(value: Any) -> str:
    """Return a setting for a message, in one line of at most 200 characters."""
    return textwrap.shorten(str(value), 200, placeholder=" …")


def _describe(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) or type(error).__name__


def _curve(values: Any, seconds: Any) -> Curve:
    """Return the curve of a file, checked to have one number per step of each quantity."""
    steps = len(values["loss"])
    for name, series in values.items():
        if len(series) != steps or not all(type(v) in {int, float} for v in series):
            raise ValueError(f"{name} does not have one number for each of the {steps} steps")
    if type(seconds) is not float or not 0 <= seconds < math.inf:
        raise ValueError(f"seconds must be a number of at least 0, got {seconds}")
    return Curve(values, seconds)


def _check_weights(state: Any, expected: Mapping[str, Tensor]) -> None:
    """Raise a ValueError unless the tensors have the expected names and shapes."""
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{name}: expected {wanted.get(name, 'nothing')}, got {found.get(name, 'nothing')}"
            )


def _check_optimizer(state: Any, optimizer: torch.optim.Optimizer) -> None:
    """Raise an exception unless the saved averages have the shapes of the parameters."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    saved = [i for group in state["param_groups"] for i in group["params"]]
    if saved != list(range(len(parameters))):
        raise ValueError(f"expected {len(parameters)} parameters, got {len(saved)}")
    for i, averages in state["state"].items():
        for name, value in averages.items():
            if value.shape not in {(), parameters[i].shape}:
                raise ValueError(f"{name} of parameter {i} has the shape {tuple(value.shape)}")


def save_encoder(encoder: Encoder, path: Path) -> None:
    """Save an encoder that `build_encoder` built, with the arguments to build it again.

    Raises:
        ValueError: If it was built in another way, so that `load_encoder` could not build it.
    """
    name = next((name for name, cls in ENCODERS.items() if type(encoder) is cls), None)
    if name is None:
        raise ValueError(
            f"a {type(encoder).__name__} cannot be built again by its name; save its state_dict()"
        )
    batched = (nn.BatchNorm2d, nn.SyncBatchNorm)  # the same in evaluation mode
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
    """Return the encoder of a file, in evaluation mode and on the CPU.

    Raises:
        ValueError: If the file is not an encoder saved by `save_encoder`.
    """
    state = _read(path, ENCODER_SCHEMA)
    if "built" not in state:
        raise ValueError(f"{path} is not a saved encoder; pretrain writes one as encoder.pt")
    try:
        with torch.device("meta"):  # uses no memory, however many channels the file asks for
            _check_weights(state["weights"], build_encoder(**state["built"]).state_dict())
        encoder = build_encoder(**state["built"])
        encoder.load_state_dict(state["weights"])
    except Exception as error:  # a missing or wrong entry can raise any exception
        raise ValueError(f"{path} is not a complete encoder: {_describe(error)}") from error
    return encoder.eval()


def _read(path: Path, wanted: int) -> dict[str, Any]:
    """Return the content of a file of this package: numbers, strings and tensors, never code."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a regular file; {_REMEDY}")
    try:
        _check_size(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # torch raises several, depending on the damage
        raise ValueError(
            f"{path} cannot be read: it is damaged, or was not written by this package; "
            f"nothing in it was run; {_REMEDY}"
        ) from error
    schema = state.get("schema") if isinstance(state, dict) else None
    if type(schema) is not int or schema != wanted:
        raise ValueError(
            f"{path} has schema {schema}, not {wanted}: it is of a different version or type; "
            f"{_REMEDY}"
        )
    return state


def _check_size(path: Path) -> None:
    """Raise a ValueError if a file is compressed, which torch never does.

    A small compressed file could otherwise fill the memory.
    """
    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > path.stat().st_size:
            raise ValueError("the file is compressed")


@contextmanager
def defer_interrupt() -> Iterator[threading.Event]:
    """Defer an interrupt (Ctrl-C, the notebook's stop button) to the end of the training step.

    The same holds for SIGTERM, which a cluster sends before it takes a machine away.

    An incomplete step would leave the weights inconsistent with the optimiser, and a checkpoint
    saved then would not continue to the same result. A second interrupt stops at once.

    Yields:
        An event that is set when an interrupt arrives.

    Raises:
        KeyboardInterrupt: On leaving, if an interrupt has arrived.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread can handle signals
        return

    def handle(number: int, frame: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if interrupted.is_set():  # it arrived after the caller last checked
        raise KeyboardInterrupt
