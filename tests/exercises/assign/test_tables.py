"""The tables of the instructor's page hold every lesson, and agree with what lessons say."""

from pathlib import Path

import pytest

from ssl_teach.exercises import all_exercises
from ssl_teach.exercises.assign import tables

LESSONS = sorted(path.stem for path in tables.NOTEBOOKS.glob("*.ipynb"))


def test_every_lesson_says_what_it_needs_of_earlier_ones_and_what_one_can_do_after_it():
    assert list(tables.PREREQUISITES) == LESSONS
    numbers = [lesson.split("_")[0] for lesson in LESSONS]
    for place, (before, knowledge) in enumerate(tables.PREREQUISITES.values()):
        assert knowledge
        assert all(each in numbers[:place] for each in before.split())
    for lesson in LESSONS:
        assert len(tables.objectives(lesson)) >= 3
    rows = tables.lesson_table().data.splitlines()[2:]
    assert len(rows) == len(LESSONS)
    assert all(row.count(" | ") == 3 for row in rows)
    assert "lessons 3, 4 and 11; " in rows[-1]
    assert "read the affinity matrix of SimCLR cell by cell" in tables.lesson_table().data


def test_the_list_names_points_minutes_and_objective_of_every_exercise():
    rows = tables.exercise_table().data.splitlines()[2:]
    every = all_exercises()
    assert len(rows) == len(every)
    for row, (key, each) in zip(rows, every.items(), strict=True):
        assert f"`{key}`" in row and each.objective in row
        assert f"| {each.points} | {each.minutes} |" in row


def test_every_lesson_says_where_people_get_stuck():
    words = tables.common_mistakes().data
    for lesson in LESSONS:
        assert (
            f"**Lesson {lesson.split('_')[0].lstrip('0') or '0'}: {tables.title(lesson)}**" in words
        )


def test_only_the_instructors_build_shows_answers(monkeypatch):
    monkeypatch.delenv(tables.SEED_VARIABLE, raising=False)
    assert "make book-teacher" in tables.model_answers().data
    monkeypatch.setenv(tables.SEED_VARIABLE, "7")
    text = tables.model_answers().data
    for key, each in all_exercises(7).items():
        assert f"**`{key}`**" in text and all(what in text for what in each.rubric)


def test_outside_a_clone_the_error_says_where_it_looked(monkeypatch):
    monkeypatch.setattr(tables, "NOTEBOOKS", Path("nowhere"))
    with pytest.raises(ValueError, match="clone of the repository"):
        tables.lesson_table()
