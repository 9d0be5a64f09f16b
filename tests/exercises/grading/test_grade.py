"""From a folder of submissions to scores, whatever the submissions are."""

import csv
import os

import nbformat
import pytest

from ssl_teach.exercises import exercise
from ssl_teach.exercises.__main__ import main
from ssl_teach.exercises.assign.notebooks import answers, write_assignment
from ssl_teach.exercises.grading.grade import Plan, grade_submissions, submissions
from ssl_teach.exercises.grading.gradebook import LateRule, grade_class, read_days, update_marks
from ssl_teach.exercises.grading.sandbox import Limits

SEED = 5
CODE = ["affinity-matrix", "partner-index"]
TOTAL = sum(exercise(key, SEED).points for key in CODE)
WRONG = {"affinity-matrix": "def affinity(z):\n    return z @ z.T"}
REFUSED = {"partner-index": "import os\ndef partner(n):\n    os.remove('x')"}


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def assignment(tmp_path):
    """An assignment, and a way to hand something in."""
    paths = write_assignment(tmp_path / "assignment", CODE, "Week 1", SEED)
    folder = tmp_path / "handed-in"
    folder.mkdir()

    def hand_in(name, **other):
        made = nbformat.read(paths["student"], as_version=4)
        for cell in made.cells:
            mark = cell.metadata.get("ssl_teach", {})
            if mark.get("role") == "answer":
                key = mark["exercise"]
                cell.source = other.get(key.replace("-", "_"), exercise(key, SEED).solution)
        nbformat.write(made, folder / f"{name}.ipynb")
        return folder / f"{name}.ipynb"

    return paths, folder, hand_in


def named(codes):
    return {key.replace("-", "_"): code for key, code in codes.items()}


def test_a_class_is_graded_and_broken_ones_harm_nobody(assignment, tmp_path):
    paths, folder, hand_in = assignment
    hand_in("ada")
    hand_in("ben_late_file", **named(WRONG))
    hand_in("cleo", **named(REFUSED))
    (folder / "dan.ipynb").write_text("{ not a notebook", encoding="utf-8")
    out = tmp_path / "graded"
    late = tmp_path / "late.csv"
    late.write_text("student,days\nada,2\n", encoding="utf-8")
    roster = tmp_path / "roster.csv"
    roster.write_text("student,name,id,email,section\nada,Ada Byron,17,ada@x,A\n", encoding="utf-8")
    plan = Plan.read(paths["grader"])
    scores = {s.student: s for s in grade_class(folder, plan, out, late=late, roster=roster)}
    assert scores["ada"].total == pytest.approx(0.8 * TOTAL)
    assert scores["ben"].points["affinity-matrix"] < exercise("affinity-matrix").points
    assert scores["ben"].points["partner-index"] == exercise("partner-index").points
    assert (scores["cleo"].points["partner-index"], scores["cleo"].open) == (0, 1)
    assert scores["dan"].total == 0
    assert "cannot be read" in (out / "feedback/dan.html").read_text(encoding="utf-8")
    assert "cosine" in (out / "feedback/ben.html").read_text(encoding="utf-8")
    assert rows(out / "canvas.csv")[1]["Student"] == "Ada Byron"
    assert rows(out / "canvas.csv")[0]["Week 1"] == str(TOTAL)
    assert rows(out / "gradescope.csv")[0]["Last Name"] == "Byron"
    assert rows(out / "scores.csv")[0]["late days"] == "2"


def test_a_persons_marks_are_kept_and_counted(assignment, tmp_path):
    paths, folder, hand_in = assignment
    hand_in("cleo", **named(REFUSED))
    out, plan = tmp_path / "graded", Plan.read(paths["grader"])
    grade_class(folder, plan, out)
    marks = out / "marks.csv"
    assert [row["what"] for row in rows(marks)] == ["code that was not run"]
    text = marks.read_text(encoding="utf-8").replace(",,\n", ",2,well tried\n")
    marks.write_text(text, encoding="utf-8")
    (cleo,) = grade_class(folder, plan, out)
    assert cleo.points["partner-index"] == 2 and cleo.open == 0
    assert "well tried" in (out / "feedback/cleo.html").read_text(encoding="utf-8")
    hand_in("cleo")  # handed in anew, and right: what was written is kept all the same
    grade_class(folder, plan, out)
    assert "well tried" in marks.read_text(encoding="utf-8")


@pytest.mark.parametrize(("mark", "words"), [("ten", "is not a number"), ("99", "is not in 0")])
def test_marks_that_cannot_be_are_named(mark, words, tmp_path):
    path, asked = tmp_path / "marks.csv", [("ada", "x", "the answer", 3)]
    update_marks(path, asked)
    path.write_text(path.read_text().replace(",,\n", f",{mark},\n"))
    with pytest.raises(ValueError, match=words):
        update_marks(path, asked)
    assert mark in path.read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("who,days\nada,2\n", "no column 'student'"),
        ("student,days\nada,two\n", "ada: 'two' is not a whole number"),
        ("", "it names nothing"),
    ],
)
def test_late_days_that_cannot_be_read_are_named(text, words, tmp_path):
    path = tmp_path / "late.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_days(path)


def test_it_goes_on_where_it_stopped_and_asks_mended_checks_again(assignment, tmp_path):
    paths, folder, hand_in = assignment
    first = hand_in("ada")
    hand_in("ben", **named(WRONG))
    out, plan = tmp_path / "graded", Plan.read(paths["grader"])
    grade_submissions(folder, plan, out)
    kept = out / "results/ada.json"
    stamp = kept.stat().st_mtime_ns
    (out / "results/ben.json").write_text("{ cut off", encoding="utf-8")
    grade_submissions(folder, plan, out)
    assert kept.stat().st_mtime_ns == stamp
    assert (out / "results/ben.json").read_text(encoding="utf-8").endswith("}")
    plan.exercises["affinity-matrix"]["points"] = 9  # as a mended check, another assignment
    grade_submissions(folder, plan, out)
    assert kept.stat().st_mtime_ns > stamp
    stamp = kept.stat().st_mtime_ns
    grade_submissions(
        folder, plan, out, limits=Limits(seconds=90)
    )  # who ran out of time has more now
    assert kept.stat().st_mtime_ns > stamp
    again = nbformat.read(first, as_version=4)
    assert set(answers(again)) == set(CODE)


def test_the_newest_of_two_files_of_a_student_counts(tmp_path):
    for k, name in enumerate(("ada_1.ipynb", "ada_2.ipynb", "ben/work.ipynb")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
        os.utime(path, (k, k))
    assert {s: p.name for s, p in submissions(tmp_path).items()} == {
        "ada": "ada_2.ipynb",
        "ben": "work.ipynb",
    }
    with pytest.raises(ValueError, match="no notebook"):
        submissions(tmp_path / "nothing")


def put(folder, *names):
    """Empty notebooks, each newer than the one before."""
    for k, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        os.utime(path, (k, k))


def test_a_students_folder_may_hold_folders(tmp_path):
    put(tmp_path, "ada/week-4/a.ipynb", "ada/week-4/new/b.ipynb", "ben/c.ipynb", "cleo_1.ipynb")
    assert {s: p.name for s, p in submissions(tmp_path).items()} == {
        "ada": "b.ipynb",
        "ben": "c.ipynb",
        "cleo": "cleo_1.ipynb",
    }
    put(tmp_path / "one", "ada/week_1.ipynb", "ada/week_2.ipynb")
    assert [*submissions(tmp_path / "one")] == ["ada"]


@pytest.mark.parametrize(
    "names",
    [
        ("week-4/ada/a.ipynb", "week-4/ben/b.ipynb"),
        ("week-4/ada.ipynb", "week-4/ben_1.ipynb"),
        ("week-4/ada/a.ipynb", "week-4/ben/b.ipynb", "solution.ipynb"),
        ("week-4/ada/a.ipynb", "week-4/ben/b.ipynb", "week-5/cleo/c.ipynb", "week-5/dan/d.ipynb"),
    ],
)
def test_a_class_one_folder_deeper_is_not_taken_for_a_student(names, tmp_path):
    put(tmp_path, *names)
    with pytest.raises(ValueError, match=r"week-4 holds ada.*, ben.*: if these are students"):
        submissions(tmp_path)
    assert [*submissions(tmp_path / "week-4")] == ["ada", "ben"]


def test_an_answer_is_read_when_every_line_of_its_rubric_is_marked(tmp_path):
    path = tmp_path / "marks.csv"
    asked = [("ada", "x", "the reason", 2), ("ada", "x", "the example", 1), ("ben", "x", "it", 1)]
    assert update_marks(path, asked) == ({}, {("ada", "x"), ("ben", "x")})
    for written, left in ((",2,,\n", {("ada", "x"), ("ben", "x")}), (",1,,\n", set())):
        path.write_text(path.read_text().replace(written, written[:3] + "1,\n"))
        given, waiting = update_marks(path, asked)
        assert waiting == left
    assert given == {("ada", "x"): 2.0, ("ben", "x"): 1.0}


def test_late_days_cost_what_the_rule_says():
    rule = LateRule(share=0.1, most=3, free=1)
    assert [rule.factor(days) for days in (0, 1, 2, 4, 9)] == pytest.approx([1, 1, 0.9, 0.7, 0.7])


def test_the_command_grades_and_says_what_is_wrong(assignment, tmp_path, capsys):
    paths, folder, hand_in = assignment
    hand_in("ada")
    arguments = ["grade", str(folder), "--out", str(tmp_path / "graded"), "--plan"]
    assert main([*arguments, str(paths["grader"])]) == 0
    assert "students graded: 1" in capsys.readouterr().out
    assert main([*arguments, str(paths["student"])]) == 1
    assert "is not the plan" in capsys.readouterr().err
