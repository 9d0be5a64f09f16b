"""How fast a class is graded: submissions per minute, and peak memory.

A hundred submissions of one assignment are made from the exercises' own starters and solutions. As
in a real class, a few of them loop forever, crash, or allocate too much memory. Peak memory is the
maximum of the sum over all processes, sampled from outside. Pages that processes share count once
for each process, so it is an upper bound.

Run: python benchmarks/grading.py [--students 100] [--workers 2]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import nbformat

from ssl_teach.exercises import all_exercises
from ssl_teach.exercises.assign.notebooks import write_assignment
from ssl_teach.exercises.core import Exercise
from ssl_teach.exercises.grading.grade import Plan
from ssl_teach.exercises.grading.gradebook import grade_class

SEED = 1


def resident(process: int) -> int:
    """Resident memory of a process and its descendants, in bytes."""
    total, waiting = 0, [process]
    while waiting:
        each = waiting.pop()
        try:
            statm = Path(f"/proc/{each}/statm").read_text(encoding="ascii")
            threads = list(Path(f"/proc/{each}/task").iterdir())
            children = [(t / "children").read_text(encoding="ascii") for t in threads]
        except OSError:
            continue  # the process has ended
        total += int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
        waiting += [int(child) for line in children for child in line.split()]
    return total


class Peak:
    """Samples the memory of this process and its descendants every 0.2 seconds."""

    def __init__(self) -> None:
        """Start sampling."""
        self.most = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._end.wait(0.2):
            self.most = max(self.most, resident(os.getpid()))

    def stop(self) -> int:
        """Stop sampling, and return the maximum in bytes."""
        self._end.set()
        self._thread.join()
        return self.most


def answer(exercise: Exercise, student: int, place: int) -> str:
    """The answer of a student: mostly correct, often unfinished, sometimes malicious."""
    head = exercise.starter.split(":\n")[0]
    odd = (7 * student + 3 * place) % 20
    if odd == 0:
        return f"{head}:\n    while True:\n        pass"
    if odd == 1:
        return f"{head}:\n    return bytes(10**11)"
    if odd == 2:
        return "import os\nos._exit(0)"
    return exercise.starter if odd < 6 else exercise.solution


def main() -> None:
    """Print throughput and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lesson", default="11_simclr", help="lesson whose exercises are graded")
    args = parser.parse_args()
    chosen = {
        key: each
        for key, each in all_exercises(SEED).items()
        if each.checked and each.lesson == args.lesson
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_assignment(folder / "assignment", list(chosen), "Benchmark", SEED)
        (folder / "in").mkdir()
        for student in range(args.students):
            made = nbformat.read(paths["student"], as_version=4)
            for cell in made.cells:
                mark = cell.metadata.get("ssl_teach", {})
                if mark.get("role") == "answer":
                    key = mark["exercise"]
                    cell.source = answer(chosen[key], student, list(chosen).index(key))
            nbformat.write(made, folder / "in" / f"student{student:03d}.ipynb")
        peak, start = Peak(), time.perf_counter()
        plan = Plan.read(paths["grader"])
        scores = grade_class(folder / "in", plan, folder / "out", workers=args.workers)
        seconds, most = time.perf_counter() - start, peak.stop()
        again = time.perf_counter()
        grade_class(folder / "in", plan, folder / "out", workers=args.workers)
        resumed = time.perf_counter() - again
    mean = sum(each.total for each in scores) / len(scores)
    print(f"{len(scores)} submissions of {len(chosen)} exercises, {args.workers} at a time")
    rate = 60 * len(scores) / seconds
    print(f"  {seconds:.1f} s, {rate:.0f} per minute, mean {mean:.1f} of {plan.total()} points")
    print(f"  {most / 2**20:.0f} MB at the peak; graded again, unchanged: {resumed:.1f} s")


if __name__ == "__main__":
    main()
