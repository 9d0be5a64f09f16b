"""What holds for every exercise, and for the checks themselves."""

import linecache
import time

import pytest
import torch

from ssl_teach.exercises import Variant, all_exercises, check, exercise, judge
from ssl_teach.exercises.core import is_starter

from .answers import SEEDS, assert_right, solved

CODE = [key for key, each in all_exercises().items() if each.checked]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("key", CODE)
def test_the_solution_passes_and_the_starter_does_not(key, seed):
    asked = exercise(key, seed)
    assert_right(asked, solved(asked))
    space = {"torch": torch}
    exec(asked.starter, space)
    assert not judge(asked, space[asked.function]).correct


def tried(asked, code, folder):
    """The verdict on a function whose source can be looked up, as in a notebook."""
    path = folder / "cell.py"
    path.write_text(code, encoding="utf-8")
    linecache.checkcache(str(path))
    space = {"torch": torch}
    exec(compile(code, str(path), "exec"), space)
    return judge(asked, space[asked.function])


@pytest.mark.parametrize("seed", (None, *range(1, 7)))
def test_an_untouched_starter_earns_nothing_and_is_named(seed, tmp_path):
    for key in CODE:
        asked = exercise(key, seed)
        for code in (asked.starter, f"import math\n{asked.starter}\nprint(1)  # my answer\n"):
            assert is_starter(asked, code)
        assert not is_starter(asked, asked.solution)
        verdict = tried(asked, asked.starter, tmp_path)
        assert verdict.unchanged and verdict.points == 0 and not verdict.correct
        assert "this is the starter, unchanged, and earns no points" in repr(verdict)
        assert not tried(asked, asked.solution, tmp_path).unchanged


def test_a_starter_mended_by_one_more_statement_is_not_unchanged():
    asked = exercise("unfrozen-backbone")
    line = "    backbone.requires_grad = False\n"
    assert line in asked.starter
    mended = asked.starter.replace(line, f"{line}    backbone.requires_grad_(False)\n")
    assert not is_starter(asked, mended)


@pytest.mark.parametrize("key", CODE)
def test_an_answer_is_judged_within_two_seconds(key):
    asked = exercise(key)
    answer = solved(asked)
    start = time.process_time()
    judge(asked, answer)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("seed", SEEDS)
def test_every_exercise_is_whole(seed):
    for key, each in all_exercises(seed).items():
        assert each.key == key and each.title and each.objective and each.statement
        assert each.points > 0 and each.minutes > 0
        assert each.solution and each.mistakes
        if each.checked:
            assert f"def {each.function}(" in each.starter
            assert each.hints


def test_seeds_choose_other_forms_than_the_published_one_and_repeat_themselves():
    options = ("published", "a", "b", "c")
    drawn = [Variant(seed).choose("x", options) for seed in range(40)]
    assert Variant().choose("x", options) == "published"
    assert set(drawn) == {"a", "b", "c"}
    assert drawn == [Variant(seed).choose("x", options) for seed in range(40)]
    assert drawn != [Variant(seed).choose("y", options) for seed in range(40)]


def test_a_verdict_tells_what_holds_what_does_not_and_where_to_look():
    verdict = check("partner-index", lambda n: torch.arange(n))
    words = repr(verdict)
    assert words.startswith("Where is the partner? not yet")
    assert "✓ gives one integer" in words and "✗ pairs no view with itself" in words
    assert "more to check" in words
    assert 0 < verdict.points < verdict.exercise.points
    assert "<b>" in verdict._repr_html_() and "✗" in verdict._repr_html_()


def test_unknown_keys_and_calls_instead_of_functions_are_named():
    with pytest.raises(ValueError, match="no exercise is called 'x'; there are"):
        check("x", print)
    with pytest.raises(ValueError, match="without brackets"):
        check("partner-index", torch.arange(4))
