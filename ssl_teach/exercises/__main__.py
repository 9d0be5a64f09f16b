"""Make assignments and grade them: `python -m ssl_teach.exercises --help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ssl_teach.exercises.assign.notebooks import write_assignment
from ssl_teach.exercises.bank.registry import all_exercises
from ssl_teach.exercises.grading.grade import Plan
from ssl_teach.exercises.grading.gradebook import LateRule, grade_class
from ssl_teach.exercises.grading.sandbox import Limits


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m ssl_teach.exercises", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="all exercises, with type, points and minutes")

    assign = commands.add_parser("assign", help="write notebooks and grading plan of an assignment")
    assign.add_argument("exercises", nargs="+", help="keys, in order")
    assign.add_argument("--title", required=True, help="title of the assignment")
    assign.add_argument("--seed", type=int, help="chooses the graded form (default: practice form)")
    assign.add_argument(
        "--out", type=Path, default=Path("assignment"), help="folder (default: assignment)"
    )

    grade = commands.add_parser("grade", help="grade a folder of submissions")
    grade.add_argument("submissions", type=Path, help="folder of notebooks")
    grade.add_argument("--plan", type=Path, required=True, help="file in the folder grader")
    grade.add_argument("--out", type=Path, default=Path("graded"), help="folder (default: graded)")
    grade.add_argument("--late", type=Path, help="CSV file with the columns student, days")
    grade.add_argument("--late-share", type=float, default=0.1, help="lost per day (default: 0.1)")
    grade.add_argument("--roster", type=Path, help="CSV: student, name, id, email, section")
    grade.add_argument("--workers", type=int, default=2, help="submissions at a time (default: 2)")
    grade.add_argument("--seconds", type=float, default=60, help="per submission (default: 60)")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 1 and prints the reason if it fails."""
    args = parser().parse_args(arguments)
    try:
        if args.command == "list":
            for key, each in all_exercises().items():
                about = f"{each.type:10}{each.points:3} points {each.minutes:3} min"
                print(f"{key:28}{about}  {each.lesson}")
        elif args.command == "assign":
            paths = write_assignment(args.out, args.exercises, args.title, args.seed)
            for who, path in paths.items():
                print(f"{who:12}{path}")
        else:
            scores = grade_class(
                args.submissions,
                Plan.read(args.plan),
                args.out,
                late=args.late,
                rule=LateRule(share=args.late_share),
                roster=args.roster,
                workers=args.workers,
                limits=Limits(seconds=args.seconds),
            )
            left = sum(each.open for each in scores)
            print(f"students graded: {len(scores)}; {args.out / 'scores.csv'}")
            if left:
                print(f"{left} answers remain to be marked in {args.out / 'marks.csv'}")
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
