"""One source, three notebooks; and nothing of a solution in the student's."""

import json

import nbformat
import pytest

from ssl_teach.exercises import all_exercises
from ssl_teach.exercises.__main__ import main
from ssl_teach.exercises.assign.notebooks import PLACEHOLDER, answers, notebook, write_assignment

SEED = 7
COMMON = {"with torch.no_grad():"}  # code that many cells hold, and that gives nothing away
EVERY = all_exercises(SEED)


def lines_of(code):
    """Lines that say something of a solution: not its head, not what any code holds."""
    return {line.strip() for line in code.splitlines() if len(line.strip()) > 14}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assignment")
    return write_assignment(folder, list(EVERY), "All of it", SEED)


@pytest.mark.parametrize("key", EVERY)
def test_no_line_of_a_solution_is_in_the_students_notebook(key, paths):
    raw = json.dumps(json.loads(paths["student"].read_text(encoding="utf-8")), ensure_ascii=False)
    each = EVERY[key]
    given = lines_of(each.starter) | lines_of(each.statement)
    secret = lines_of(each.solution) - given - COMMON
    assert secret
    for line in secret:
        assert json.dumps(line, ensure_ascii=False)[1:-1] not in raw, line


def test_students_notebook_has_no_outputs_and_names_its_form(paths):
    made = nbformat.read(paths["student"], as_version=4)
    assert made.metadata["ssl_teach"] == {"seed": SEED, "exercises": list(EVERY)}
    for cell in made.cells:
        assert not cell.get("outputs")
        assert cell.metadata.get("ssl_teach", {}).get("role") not in ("solution", "instructor")
    checks = [c.source for c in made.cells if c.source.startswith("check(")]
    assert len(checks) == sum(each.checked for each in EVERY.values())
    assert all(f"seed={SEED})" in source for source in checks)


def test_instructors_notebook_holds_solutions_rubrics_and_mistakes(paths):
    text = "\n".join(c.source for c in nbformat.read(paths["instructor"], as_version=4).cells)
    for each in EVERY.values():
        assert each.solution.strip() in text
        assert all(mistake in text for mistake in each.mistakes)
        assert all(what in text for what in each.rubric)


def test_answers_are_found_again_even_where_a_cell_was_split(paths):
    made = nbformat.read(paths["student"], as_version=4)
    found = answers(made)
    assert list(found) == list(EVERY)
    assert all(found[k] == PLACEHOLDER for k, each in EVERY.items() if not each.checked)
    key = next(k for k, each in EVERY.items() if each.checked)
    place = next(i for i, c in enumerate(made.cells) if c.id == f"answer-{key}")
    extra = nbformat.from_dict(dict(made.cells[place]))
    extra.source = "more = 1"
    made.cells.insert(place + 1, extra)
    assert answers(made)[key].endswith("\nmore = 1")


def test_two_cohorts_get_different_forms():
    forms = [{key: each.form for key, each in all_exercises(seed).items()} for seed in range(6)]
    varied = [key for key, each in all_exercises().items() if each.form]
    assert varied
    published = {key: each.form for key, each in all_exercises().items()}
    for key in varied:
        assert all(form[key] != published[key] for form in forms)


def test_practice_and_graded_notebooks_are_whole_in_themselves():
    made = notebook(list(all_exercises().values()), "Practice", instructor=True)
    nbformat.validate(made)
    assert "check(" in "\n".join(c.source for c in notebook(list(EVERY.values()), "x", SEED).cells)


def test_the_command_writes_an_assignment_and_names_unknown_exercises(tmp_path, capsys):
    keys = list(EVERY)[:2]
    out = str(tmp_path / "assignment")
    assert main(["assign", *keys, "--title", "Week 1", "--seed", "3", "--out", out]) == 0
    assert (tmp_path / "assignment/student/week-1.ipynb").exists()
    assert main(["assign", "nonsense", "--title", "Week 1", "--out", out]) == 1
    assert "no exercise is called 'nonsense'" in capsys.readouterr().err
    assert main(["list"]) == 0
    assert keys[0] in capsys.readouterr().out
