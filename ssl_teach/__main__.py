"""The command line: pretrain an encoder, evaluate it, and run the book's experiments again."""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import torch

from ssl_teach import distributed
from ssl_teach.data import SHORTCUTS, Dataset, names
from ssl_teach.encoders.base import Encoder
from ssl_teach.experiments import reproduce
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import RESULTS, Record, clear_partial, load_record
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
from ssl_teach.experiments.transfer import Transfer, record_transfer
from ssl_teach.tasks.base import Task
from ssl_teach.tasks.options import Option
from ssl_teach.training.checkpoint import load_encoder, save_encoder, steps_of
from ssl_teach.training.curve import Curve

UNFINISHED = Path("runs")
"""The folder of finished seeds and checkpoints of an interrupted command, until it is done."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports a wrong argument in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m ssl_teach", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    p = commands.add_parser("pretrain", help="train an encoder and save it with its record")
    p.add_argument("--task", required=True, choices=[*TASKS, "random"])
    p.add_argument("--data", required=True, help=f"{', '.join(names())}, or a folder of images")
    budget = p.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=int, help="number of training steps (default: 450)")
    budget.add_argument(
        "--minutes", type=float, help="time to train, from which a trial finds the steps"
    )
    for option in Experiment.command_line_options():
        p.add_argument(
            _flag(option.name), type=_reader(option), default=option.default,
            help=_help(option),
        )  # fmt: skip
    p.add_argument("--classes", help="of sketches: a number, or names with commas (default: 10)")
    p.add_argument("--shortcuts", help=f"of scenes: none, or some of {','.join(SHORTCUTS)}")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", type=Path, help="folder for the run (default: runs/TASK-DATA-seedN)")
    task_group = p.add_argument_group("options of the tasks")
    for name, tasks in _options_by_task().items():
        task_group.add_argument(
            _flag(name), dest=f"option {name}", metavar="VALUE", default=argparse.SUPPRESS,
            help="; ".join(f"{task}: {_help(option)}" for task, option in tasks.items()),
        )  # fmt: skip

    e = commands.add_parser("evaluate", help="probe a pretrained encoder")
    e.add_argument("run", type=Path, help="the folder that pretrain wrote")
    e.add_argument("--fraction", type=float, default=1.0, help="fraction of the labels")

    x = commands.add_parser("experiment", help="run experiments of the book again")
    x.add_argument(
        "names", nargs="*",
        help=f"names, or patterns such as 'league-*', of {', '.join(ALL_EXPERIMENTS)}",
    )  # fmt: skip
    x.add_argument("--all", action="store_true", help="all experiments that need no local data")
    x.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    x.add_argument("--root", help="local copy of cifar10")
    x.add_argument("--out", type=Path, default=RESULTS)

    r = commands.add_parser(
        "reproduce", help="run a record again and report the differences",
        description="Run a record again with its stored settings and one of its seeds, and report "
        "the differences. The exit status is 0 if each metric is the same or within the interval "
        "for one more seed, else 1. With --check, nothing is run: the status is 1 if the settings "
        "of a record differ from those of its experiment, or it has no experiment.",
    )  # fmt: skip
    r.add_argument("name", nargs="?", help="name of the record")
    r.add_argument("--seed", type=int, help="one of the record's seeds (default: the first)")
    r.add_argument("--check", action="store_true", help="compare records with experiments")
    r.add_argument("--root", help="local copy of cifar10")
    r.add_argument("--records", type=Path, default=RESULTS, help="folder that holds the records")
    return parser


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _help(option: Option) -> str:
    return f"{option.help} ({option.domain()}; default: {option.default})".replace("%", "%%")


def _reader(option: Option) -> Callable[[str], Any]:
    """Return a function that reads an option from the command line and reports its errors."""

    def read(text: str) -> Any:
        try:
            return option.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


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
    given = {k.removeprefix("option "): v for k, v in vars(args).items() if k[:7] == "option "}
    known = {o.name: o for o in TASKS[args.task].options} if args.task in TASKS else {}
    for name in given:
        if name not in known:
            takes = ", ".join(map(_flag, known)) or "no options"
            raise ValueError(f"{args.task} does not take {_flag(name)}; it takes {takes}")
    return {name: known[name].parse(text) for name, text in given.items()}


def _settings(args: argparse.Namespace) -> Experiment:
    classes = args.classes or ("10" if args.data == "sketches" else None)
    shortcuts = args.shortcuts
    steps = 450 if args.steps is None else args.steps
    if args.task == "random":
        if args.steps or args.minutes is not None:
            raise ValueError("random weights are not trained: leave out --steps and --minutes")
        steps = 0
    return Experiment(
        task=args.task, data=args.data, steps=steps, options=_task_options(args),
        classes=None if classes is None
        else int(classes) if classes.isdigit() else tuple(classes.split(",")),
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
        settings = replace(settings, batch_size=min(settings.batch_size, len(data.unlabelled)))
        out = args.out or Path("runs") / f"{args.task}-{Path(args.data).name}-seed{args.seed}"
        checkpoint = out / "run.pt"
        if args.minutes is not None:
            settings = replace(settings, steps=_steps(args.minutes, settings, data, out))
            if first:
                print(f"{settings.steps} steps in all")
        encoder, task, curve = train_experiment(settings, data, args.seed, checkpoint=checkpoint)
        if first:
            _save(out, settings, args.seed, encoder, task, curve)


def _steps(minutes: float, settings: Experiment, data: Dataset, out: Path) -> int:
    """Return the number of steps that fill the minutes, or that of the interrupted run."""
    if (out / "record.json").exists():
        raise ValueError(f"{out} holds a finished run: choose another folder with --out")
    checkpoint = out / "run.pt"
    return steps_of(checkpoint) if checkpoint.exists() else steps_in(minutes, settings, data)


def _check_processes(args: argparse.Namespace) -> None:
    count = distributed.world_size()
    if count > 1 and args.minutes is not None:
        raise ValueError("several processes need one number of steps: use --steps")
    if count > 1 and args.norm == "sync" and not torch.cuda.is_available():
        raise ValueError("synchronised batch norm needs GPUs: use --norm group or --norm batch")


def _save(
    out: Path, settings: Experiment, seed: int, encoder: Encoder, task: Task | None, curve: Curve
) -> None:
    run: dict[str, Any] = {"seed": seed, "seconds": curve.seconds, "metrics": {}}
    if task is not None:
        run["metrics"] = {f"pretext_{name}": curve.last(name) for name in curve.values}
    save_encoder(encoder, out / "encoder.pt")
    Record(out.name, asdict(settings), [run]).save(out / "record.json")
    print(f"saved {out}; next: python -m ssl_teach evaluate {out}")


def _evaluate(args: argparse.Namespace) -> None:
    record = load_record(args.run / "record.json")
    settings = Experiment.from_record(record)
    data = settings.load()
    seed = record.runs[0]["seed"]
    trained = load_encoder(args.run / "encoder.pt")
    untrained = init_encoder(settings, data, seed)
    rows = {
        "pretrained": evaluate_encoder(trained, data, fraction=args.fraction, seed=seed),
        "random weights": evaluate_encoder(untrained, data, fraction=args.fraction, seed=seed),
        "raw pixels": evaluate_pixels(data, fraction=args.fraction, seed=seed),
    }
    print(f"{'test accuracy, %':<16}{'linear':>9}{'best stage':>12}{'k-NN':>9}")
    for name, metrics in rows.items():
        best = metrics.get("linear_best", metrics["linear"])
        print(f"{name:<16}{metrics['linear']:>9.1%}{best:>12.1%}{metrics['knn']:>9.1%}")
    flat = {
        f"{row.replace(' ', '_')}_{metric}": v
        for row, metrics in rows.items()
        for metric, v in metrics.items()
    }
    found = {"seed": seed, "seconds": record.runs[0]["seconds"], "metrics": flat}
    name = f"evaluation-{args.fraction:g}"
    path = Record(name, record.settings | {"fraction": args.fraction}, [found]).save(
        args.run / f"{name}.json"
    )
    print(f"saved {path}")


def _experiment(args: argparse.Namespace) -> None:
    known = ALL_EXPERIMENTS
    named = {name: fnmatch.filter(known, name) for name in args.names}
    unknown = [name for name, found in named.items() if not found]
    chosen = list(dict.fromkeys(name for found in named.values() for name in found))
    if args.all:
        chosen = [name for name in known if "cifar10" not in name]
    if unknown or not chosen:
        raise ValueError(f"no experiment is called {unknown}; there are {', '.join(known)}")
    kept = {name: UNFINISHED / f"experiment-{name}" for name in chosen}
    for name, keep in kept.items():
        record = _record(name, args.seeds, args.root, keep)
        path = record.save(args.out / f"{name}.json")
        means = [
            f"{metric} {record.spread(metric).mean:.4g}" for metric in record.runs[0]["metrics"]
        ]
        print(f"{path}: {', '.join(means)}")
    for keep in kept.values():  # only when all are done, so that nothing is done twice
        clear_partial(keep, args.seeds)


def _reproduce(args: argparse.Namespace) -> int:
    if args.check == (args.name is not None):
        raise ValueError("give the name of one record, or --check for all")
    if args.name:
        record = reproduce.named(args.name, args.records)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The arguments of the command line; None for those of the process.

    Returns:
        The exit status: 0 on success, 1 for bad input (reported in one line) or a record that
        differs, 130 if interrupted.
    """
    args = _parser().parse_args(arguments)
    commands: dict[str, Callable[[argparse.Namespace], int | None]] = {
        "pretrain": _pretrain, "evaluate": _evaluate, "experiment": _experiment,
        "reproduce": _reproduce,
    }  # fmt: skip
    try:
        return commands[args.command](args) or 0
    except (ValueError, OSError, FloatingPointError) as error:  # errors that the user can fix
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        after = "nothing was saved" if args.command == "evaluate" else "run it again to continue"
        print(f"\nstopped; {after}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
