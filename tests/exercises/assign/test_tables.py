"""The tables of the instructor's guide hold every lesson, and are made of what lessons say."""

from pathlib import Path

import pytest

from ssl_teach.exercises import all_exercises
from ssl_teach.exercises.assign import tables as guide

LESSONS = sorted(path.stem for path in guide.NOTEBOOKS.glob("*.ipynb"))


def test_every_lesson_says_what_it_needs_of_earlier_ones_and_what_one_can_do_after_it():
    assert list(guide.NEEDS) == LESSONS
    numbers = [lesson.split("_")[0] for lesson in LESSONS]
    for place, (before, knowledge) in enumerate(guide.NEEDS.values()):
        assert knowledge
        assert all(each in numbers[:place] for each in before.split())
    for lesson in LESSONS:
        assert len(guide.objectives(lesson)) >= 3
    rows = guide.lesson_table().data.splitlines()[2:]
    assert len(rows) == len(LESSONS)
    assert all(row.count(" | ") == 3 for row in rows)
    assert "lessons 3, 4 and 11; " in rows[-1]
    assert "read the affinity matrix of SimCLR cell by cell" in guide.lesson_table().data


def test_the_list_names_points_minutes_and_objective_of_every_exercise():
    rows = guide.exercise_table().data.splitlines()[2:]
    every = all_exercises()
    assert len(rows) == len(every)
    for row, (key, each) in zip(rows, every.items(), strict=True):
        assert f"`{key}`" in row and each.objective in row
        assert f"| {each.points} | {each.minutes} |" in row


def test_every_lesson_says_where_people_get_stuck():
    words = guide.stuck().data
    for lesson in LESSONS:
        assert (
            f"**Lesson {lesson.split('_')[0].lstrip('0') or '0'}: {guide.title(lesson)}**" in words
        )


def test_answers_stand_in_the_instructors_build_alone(monkeypatch):
    monkeypatch.delenv(guide.TEACHER, raising=False)
    assert "make book-teacher" in guide.answers_to_read().data
    monkeypatch.setenv(guide.TEACHER, "7")
    told = guide.answers_to_read().data
    for key, each in all_exercises(7).items():
        assert f"**`{key}`**" in told and all(what in told for what in each.rubric)


def test_outside_a_clone_the_guide_says_where_it_looked(monkeypatch):
    monkeypatch.setattr(guide, "NOTEBOOKS", Path("nowhere"))
    with pytest.raises(ValueError, match="clone of the repository"):
        guide.lesson_table()
