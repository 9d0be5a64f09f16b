"""The registry of tasks: a name, the options with their types and ranges, and how to build one.

A task registers itself where it is defined::

    @register("rotation")
    class Rotation(Task): ...

    @register("jigsaw", Option("num_permutations", int, 100, "size of the set", low=2))
    class Jigsaw(Task): ...

Experiments, records and the command line take a task's name and options from here. What a task
measures in addition to its loss is its own method `Task.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ssl_teach.tasks.base import Task
from ssl_teach.tasks.options import BuildContext, Option

T = TypeVar("T", bound=type[Task])


@dataclass(frozen=True)
class TaskEntry:
    """A registered task.

    Attributes:
        name: The name that experiments and the command line use.
        task: The class.
        options: The options that its `build` takes.
    """

    name: str
    task: type[Task]
    options: tuple[Option, ...]

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value for every option: those given, checked, and defaults for the others.

        Raises:
            ValueError: If an option is unknown or its value not valid.
        """
        known = {option.name: option for option in self.options}
        for name in given:
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise ValueError(f"{self.name} takes no option {name!r}; {takes}")
        return {
            name: option.check(given.get(name, option.default)) for name, option in known.items()
        }

    def build(self, context: BuildContext, options: Mapping[str, Any]) -> Task:
        """Build the task with these options; see `complete` for errors."""
        return self.task.build(context, **self.complete(options))


TASKS: dict[str, TaskEntry] = {}
"""Every task by its name."""


def register(name: str, *options: Option) -> Callable[[T], T]:
    """Register a subclass of `Task` under a name, with the options of its `build`.

    Raises:
        ValueError: If another task has that name.
    """

    def add(task: T) -> T:
        if name in TASKS:
            raise ValueError(f"a task named {name!r} is registered already")
        TASKS[name] = TaskEntry(name, task, options)
        return task

    return add
