"""The command line: pretrain an encoder, evaluate it, and run the book's experiments again."""

from __future__ import annotations

import argparse
import fnmatch
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

import torch

from ssl_teach import distributed
from ssl_teach.checks import SEEDS, check_integer, check_seed
from ssl_teach.data import BUILTIN, SHORTCUTS, Dataset, names
from ssl_teach.evaluation.label_budget import check_fraction
from ssl_teach.experiments import reproduce
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import KEPT, RESULTS, Record, clear_partial, load_record
from ssl_teach.experiments.registry import ALL_EXPERIMENTS
from ssl_teach.experiments.run import (
    TASKS,
    evaluate_encoder,
    evaluate_pixels,
    init_encoder,
    record_experiment,
    steps_in,
    train_experiment,
)
from ssl_teach.experiments.run_folder import RunFolder, load_run
from ssl_teach.experiments.transfer import Transfer, record_transfer
from ssl_teach.tasks.options import Option
from ssl_teach.training.checkpoint import steps_of

EXIT_STATUS = (
    "Exit status: 0 on success; 1 if a record differs from its experiment or cannot be reproduced; "
    "2 for wrong arguments or data, with one line that says what to do; 130 if interrupted."
)
UNFINISHED = Path("runs")
"""The folder of finished seeds and checkpoints of an interrupted command, until it is done."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports a wrong argument in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m ssl_teach", description=__doc__, epilog=EXIT_STATUS)
    commands = parser.add_subparsers(dest="command", required=True)

    p = commands.add_parser(
        "pretrain", help="train an encoder and save it with its record",
        epilog="example: python -m ssl_teach pretrain --task simclr --data sketches --minutes 5",
    )  # fmt: skip
    p.add_argument("--task", required=True, choices=[*TASKS, "random"])
    p.add_argument("--data", required=True, help=f"{', '.join(names())}, or a folder of images")
    budget = p.add_mutually_exclusive_group()
    budget.add_argument(
        "--steps", type=_steps_given, help="number of training steps (default: 450)"
    )
    budget.add_argument(
        "--minutes", type=_number, help="time to train, from which a trial finds the steps"
    )
    for option in Experiment.command_line_options():
        p.add_argument(
            _flag(option.name), type=_argument(option.parse), default=option.default,
            help=_help(option),
        )  # fmt: skip
    p.add_argument(
        "--classes", type=_classes, help="of sketches: a number, or names with commas (default: 10)"
    )
    p.add_argument("--shortcuts", help=f"of scenes: none, or some of {','.join(SHORTCUTS)}")
    p.add_argument("--seed", type=_seed, default=0, help=f"0 to {SEEDS - 1} (default: 0)")
    p.add_argument("--out", type=_path, help="folder for the run (default: runs/TASK-DATA-seedN)")
    p.add_argument("--overwrite", action="store_true", help="replace a finished run in that folder")
    task_group = p.add_argument_group("options of the tasks")
    for name, tasks in _options_by_task().items():
        task_group.add_argument(
            _flag(name), dest=f"option {name}", metavar="VALUE", default=argparse.SUPPRESS,
            help="; ".join(f"{task}: {_help(option)}" for task, option in tasks.items()),
        )  # fmt: skip

    e = commands.add_parser(
        "evaluate", help="probe a pretrained encoder",
        description="Probe a pretrained encoder on the data of its run: the linear probe and k-NN, "
        "next to random weights and raw pixels. Data that have changed since are refused.",
        epilog="example: python -m ssl_teach evaluate runs/simclr-sketches-seed0 --fraction 0.1",
    )  # fmt: skip
    e.add_argument("run", type=_path, help="the folder that pretrain wrote")
    e.add_argument("--fraction", type=_number, default=1.0, help="fraction of the labels")
    e.add_argument("--overwrite", action="store_true", help="replace an earlier evaluation")

    x = commands.add_parser(
        "experiment", help="run experiments of the book again",
        epilog="example: python -m ssl_teach experiment 'league-*' --seeds 0 1 2 --out my-results",
    )  # fmt: skip
    x.add_argument(
        "names", nargs="*",
        help="names of experiments, or patterns such as 'league-*'; see --list",
    )  # fmt: skip
    x.add_argument("--list", action="store_true", help="print the names of all experiments")
    x.add_argument("--all", action="store_true", help="all experiments that need no local data")
    x.add_argument("--seeds", type=_seed, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    x.add_argument("--root", help="local copy of cifar10")
    x.add_argument(
        "--out", type=_path, default=RESULTS,
        help="folder for the records (default: those that the book shows)",
    )  # fmt: skip
    x.add_argument("--overwrite", action="store_true", help="replace records that exist")

    r = commands.add_parser(
        "reproduce", help="run a record again and report the differences",
        description="Run a record again with its stored settings and one of its seeds, and report "
        "the differences. The exit status is 0 if each metric is the same or within the interval "
        "for one more seed, else 1. With --check, nothing is run: the status is 1 if the settings "
        "of a record differ from those of its experiment, or it has no experiment.",
        epilog="example: python -m ssl_teach reproduce league-scenes-simclr --seed 1",
    )  # fmt: skip
    r.add_argument("name", nargs="?", help="name of the record")
    r.add_argument("--seed", type=_seed, help="one of the record's seeds (default: the first)")
    r.add_argument("--check", action="store_true", help="compare records with experiments")
    r.add_argument("--root", help="local copy of cifar10")
    r.add_argument("--records", type=_path, default=RESULTS, help="folder that holds the records")
    return parser


def _argument(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader of an argument whose ValueErrors argparse reports in one line."""

    def read_or_report(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read_or_report


def _whole(text: str) -> int | str:
    """Return an integer, or the text as it is, which the check that follows names."""
    try:
        return int(text)
    except ValueError:
        return text


@_argument
def _path(text: str) -> Path:
    if not text:
        raise ValueError("the path is empty")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError(f"{text}: {error}") from None


@_argument
def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"a number such as 0.5 is needed, got {text!r}") from None


@_argument
def _seed(text: str) -> int:
    return check_seed(_whole(text))


@_argument
def _steps_given(text: str) -> int:
    return check_integer(_whole(text), "steps", 1)


@_argument
def _classes(text: str) -> int | tuple[str, ...]:
    number = _whole(text)
    return tuple(text.split(",")) if isinstance(number, str) else number


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _help(option: Option) -> str:
    return f"{option.help} ({option.domain()}; default: {option.default})".replace("%", "%%")


def _options_by_task() -> dict[str, dict[str, Option]]:
    """Return the options of all tasks by name, each with the tasks that take it."""
    found: dict[str, dict[str, Option]] = {}
    for entry in TASKS.values():
        for option in entry.options:
            found.setdefault(option.name, {})[entry.name] = option
    return found


def _task_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options given for the task, with values of the right types.

    Raises:
        ValueError: If the task does not take one of them, or its value is not valid.
    """
    prefix = "option "
    given = {k.removeprefix(prefix): v for k, v in vars(args).items() if k.startswith(prefix)}
    known = {o.name: o for o in TASKS[args.task].options} if args.task in TASKS else {}
    for name in given:
        if name not in known:
            takes = ", ".join(map(_flag, known)) or "no options"
            raise ValueError(f"{args.task} does not take {_flag(name)}; it takes {takes}")
    return {name: known[name].parse(text) for name, text in given.items()}


def _settings(args: argparse.Namespace) -> Experiment:
    plain = args.data.removeprefix(BUILTIN)
    data = plain if plain in names() else args.data  # `load` refuses what else has the prefix
    if data == args.data and data in names() and Path(data).is_dir():
        raise ValueError(
            f"{data!r} is a data set of this book and also a folder here: "
            f"write --data ./{data} for the folder, --data {BUILTIN}{data} for the data set"
        )
    classes = 10 if args.classes is None and data == "sketches" else args.classes
    shortcuts = args.shortcuts
    steps = 450 if args.steps is None else args.steps
    if args.task == "random":
        if args.steps is not None or args.minutes is not None:
            raise ValueError("random weights are not trained: leave out --steps and --minutes")
        steps = 0
    return Experiment(
        task=args.task, data=data, steps=steps, options=_task_options(args),
        classes=classes,
        shortcuts=None if shortcuts is None
        else () if shortcuts == "none" else tuple(shortcuts.split(",")),
        **{option.name: getattr(args, option.name) for option in Experiment.command_line_options()},
    )  # fmt: skip


def _pretrain(args: argparse.Namespace) -> None:
    with distributed.process_group():
        _check_processes(args)
        settings = _settings(args)
        data = settings.load()
        first = distributed.rank() == 0
        if first:
            print(data)
        settings = replace(settings, batch_size=_batch_size(settings, data, tell=first))
        out = args.out or Path("runs") / f"{args.task}-{Path(settings.data).name}-seed{args.seed}"
        folder = RunFolder(out, overwrite=args.overwrite)
        checkpoint = folder.checkpoint
        if first:
            folder.prepare(settings, data)
        if args.minutes is not None:
            settings = replace(settings, steps=_steps(args.minutes, settings, data, checkpoint))
            if first:
                print(f"{settings.steps} steps in all")
        encoder, _, curve = train_experiment(settings, data, args.seed, checkpoint=checkpoint)
        if first:
            folder.save(settings, args.seed, encoder, curve)
            _print_next(out, data)


def _batch_size(settings: Experiment, data: Dataset, *, tell: bool) -> int:
    """Return the number of images per step: all there are, if fewer than asked for."""
    count = len(data.unlabelled)
    if count < settings.batch_size and tell:
        print(f"note: each step takes all {count} images, fewer than {settings.batch_size}",
              file=sys.stderr)  # fmt: skip
    return min(settings.batch_size, count)


def _steps(minutes: float, settings: Experiment, data: Dataset, checkpoint: Path) -> int:
    """Return the number of steps that fill the minutes, or that of the interrupted run."""
    return steps_of(checkpoint) if checkpoint.exists() else steps_in(minutes, settings, data)


def _check_processes(args: argparse.Namespace) -> None:
    count = distributed.world_size()
    if count > 1 and args.minutes is not None:
        raise ValueError("several processes need one number of steps: use --steps")
    if count > 1 and args.norm == "sync" and not torch.cuda.is_available():
        raise ValueError("synchronised batch norm needs GPUs: use --norm group or --norm batch")


def _print_next(out: Path, data: Dataset) -> None:
    """Say where the run is, and print the command that evaluates it, if it can be."""
    named = f"./{out}" if str(out).startswith("-") else str(out)
    if len(data.classes) > 1 and "test" in data.splits:
        print(f"saved {out}; next: python -m ssl_teach evaluate {shlex.quote(named)}")
    else:
        print(f"saved {out}; there are no labels to probe it with")


def _evaluate(args: argparse.Namespace) -> None:
    check_fraction(args.fraction, "--fraction")
    name = f"evaluation-{args.fraction:g}"
    path = args.run / f"{name}.json"
    if path.exists() and not args.overwrite:
        raise ValueError(f"{path} exists; replace it with --overwrite, or move it")
    record, data, trained = load_run(args.run)
    seed = record.runs[0]["seed"]
    untrained = init_encoder(Experiment.from_record(record), data, seed)
    rows = {
        "pretrained": evaluate_encoder(trained, data, fraction=args.fraction, seed=seed),
        "random weights": evaluate_encoder(untrained, data, fraction=args.fraction, seed=seed),
        "raw pixels": evaluate_pixels(data, fraction=args.fraction, seed=seed),
    }
    print(f"{'test accuracy, %':<16}{'linear':>9}{'best stage':>12}{'k-NN':>9}")
    for row, metrics in rows.items():
        best = metrics.get("linear_best", metrics["linear"])
        print(f"{row:<16}{metrics['linear']:>9.1%}{best:>12.1%}{metrics['knn']:>9.1%}")
    flat = {
        f"{row.replace(' ', '_')}_{metric}": v
        for row, metrics in rows.items()
        for metric, v in metrics.items()
    }
    found = {"seed": seed, "seconds": record.runs[0].get("seconds", 0.0), "metrics": flat}
    Record(name, record.settings | {"fraction": args.fraction}, [found]).save(path)
    print(f"saved {path}")


def _experiment(args: argparse.Namespace) -> None:
    known = ALL_EXPERIMENTS
    if args.list:
        print(*known, sep="\n")
        return
    named = {name: fnmatch.filter(known, name) for name in args.names}
    unknown = [name for name, found in named.items() if not found]
    chosen = list(dict.fromkeys(name for found in named.values() for name in found))
    if args.all:
        chosen = [name for name in known if "cifar10" not in name]
    if unknown:
        raise ValueError(
            f"no experiment is called {', '.join(map(repr, unknown))}"
            f"{reproduce.suggestions(unknown[0], list(known))}; --list shows all"
        )
    if not chosen:
        raise ValueError("name one or more experiments; --list shows them, --all runs them")
    kept = {name: UNFINISHED / f"experiment-{name}" for name in chosen}
    existing = [
        name for name, keep in kept.items()
        if (args.out / f"{name}.json").exists()
        and not _written_before(args.out / f"{name}.json", keep)
    ]  # fmt: skip
    if existing and not args.overwrite:
        raise ValueError(
            f"{args.out} holds records of {', '.join(existing)}: choose another folder with "
            "--out, or replace them with --overwrite"
        )
    for name, keep in kept.items():
        record = _record(name, args.seeds, args.root, keep)
        path = record.save(args.out / f"{name}.json")
        means = [
            f"{metric} {record.spread(metric).mean:.4g}" for metric in record.runs[0]["metrics"]
        ]
        print(f"{path}: {', '.join(means)}")
    for keep in kept.values():  # only when all are done, so that nothing is done twice
        clear_partial(keep, args.seeds)


def _written_before(path: Path, keep: Path) -> bool:
    """Return whether this command wrote a record before it was interrupted: its runs are kept."""
    kept = keep / KEPT
    if not kept.exists():
        return False
    runs = load_record(kept).runs
    return all(run in runs for run in load_record(path).runs)


def _reproduce(args: argparse.Namespace) -> int:
    if args.check == (args.name is not None):
        raise ValueError("give the name of one record, or --check for all")
    if args.check and (args.seed is not None or args.root is not None):
        raise ValueError("--check runs nothing: leave out --seed and --root")
    if not args.records.is_dir():
        raise ValueError(f"{args.records} is not a folder of records")
    if args.name is not None:
        record = reproduce.named(args.name, args.records)
        if not record.runs or not all(run["metrics"] for run in record.runs):
            raise ValueError(f"the record {args.name!r} has no results to reproduce")
        seed = record.runs[0]["seed"] if args.seed is None else args.seed
        keep = UNFINISHED / f"reproduce-{args.name}"
        found, report = reproduce.reproduce(record, seed, args.root, keep)
        print(report, flush=True)
        clear_partial(keep, [seed])
        return int(found == reproduce.DIFFERS)
    groups = reproduce.check(args.records)
    for heading, lines in groups.items():
        print(f"{heading}: {len(lines)}", *(f"  {line}" for line in lines), sep="\n")
    return int(bool(groups["out of date"] or groups["orphaned"]))


def _record(name: str, seeds: Sequence[int], root: str | None, keep: Path) -> Record:
    """Run an experiment of the book; its record does not contain the path of CIFAR-10."""
    settings = ALL_EXPERIMENTS[name]
    if isinstance(settings, Transfer):
        record = record_transfer(name, settings.with_data_root(root), seeds, keep=keep)
    else:
        record = record_experiment(name, settings.with_data_root(root), seeds, keep=keep)
    return replace(record, settings=asdict(settings))


def _show_note(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """Print a warning, such as which files of a folder were skipped, as one line."""
    word = "note" if category is UserWarning else "warning"
    print(f"{word}: {message}", file=file or sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The arguments of the command line; None for those of the process.

    Returns:
        The exit status; see `EXIT_STATUS`.
    """
    args = _parser().parse_args(arguments)
    commands: dict[str, Callable[[argparse.Namespace], int | None]] = {
        "pretrain": _pretrain, "evaluate": _evaluate, "experiment": _experiment,
        "reproduce": _reproduce,
    }  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_note
            return commands[args.command](args) or 0
    except (ValueError, OSError, FloatingPointError) as error:  # errors that the user can fix
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        after = "nothing was saved" if args.command == "evaluate" else "run it again to continue"
        print(f"\nstopped; {after}", file=sys.stderr)
        return 130
