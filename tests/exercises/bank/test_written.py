"""Written exercises: each lesson shows its own, and their numbers are right."""

import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from einops import rearrange, reduce

from ssl_teach.exercises import all_exercises, exercise, judge, show
from ssl_teach.exercises.assign.display import SEED_VARIABLE
from ssl_teach.exercises.bank import written
from ssl_teach.lessons.communication import bytes_per_step

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
SEEDS = (None, *range(1, 8))
WRITTEN = {key: each for key, each in all_exercises().items() if not each.checked}


def test_every_lesson_has_two_that_a_person_marks():
    stems = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    by_lesson = {stem: [each for each in WRITTEN.values() if each.lesson == stem] for stem in stems}
    for stem in stems:
        assert len(by_lesson[stem]) >= 2, stem
    assert {each.type for each in WRITTEN.values()} == {"predict", "flaw", "explore"}


def test_every_file_is_an_exercise():
    assert {path.stem for path in written.FOLDER.glob("*.md")} == set(WRITTEN)


def test_each_lesson_shows_its_exercises_once_and_no_others():
    for path in NOTEBOOKS.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        source = "\n".join("".join(cell["source"]) for cell in cells)
        shown = re.findall(r'^show\("(.+)"\)$', source, re.MULTILINE)
        mine = [key for key, each in all_exercises().items() if each.lesson == path.stem]
        assert sorted(shown) == sorted(mine), path.stem


def test_a_lesson_shows_statement_points_hints_and_an_answer_but_no_report():
    for key, each in WRITTEN.items():
        text = show(key)._repr_markdown_()
        assert f"{each.points} points, about {each.minutes} minutes" in text
        assert each.objective in text and each.statement in text
        assert all(hint in text for hint in each.hints)
        assert (each.solution in text) == each.solution_in_lesson, key
    reports = {key for key, each in WRITTEN.items() if not each.solution_in_lesson}
    files = {path.stem: path.read_text(encoding="utf-8") for path in written.FOLDER.glob("*.md")}
    assert reports == {key for key, text in files.items() if "## Report" in text} != set()


def test_the_instructors_book_shows_the_graded_form_and_every_answer(monkeypatch):
    monkeypatch.setenv(SEED_VARIABLE, "3")
    for key, each in WRITTEN.items():
        graded, text = exercise(key, 3), show(key)._repr_markdown_()
        assert each.solution in text and graded.solution in text


FILE = """---
lesson: 04_rotation
type: predict
title: A title
minutes: 5
objective: do it
rubric: {one: 1, two: 2}
mistakes: [None]
---
Asked.

## Hint
First.

## Answer
Given.
"""


def test_a_file_becomes_an_exercise_and_a_faulty_one_is_refused():
    made = written.parse("key", FILE)
    assert (made.statement, made.hints, made.solution, made.points) == (
        "Asked.",
        ("First.",),
        "Given.",
        3,
    )
    with pytest.raises(ValueError, match="has a section 'Hints'"):
        written.parse("key", FILE.replace("## Hint", "## Hints"))
    for wrong in (FILE.replace("## Answer", "## Hint"), f"{FILE}\n## Report\nMore.\n"):
        with pytest.raises(ValueError, match="one section Answer or one section Report"):
            written.parse("key", wrong)
    with pytest.raises(KeyError, match="minutes"):
        written.parse("key", FILE.replace("minutes: 5\n", ""))


@pytest.mark.parametrize("key", WRITTEN)
def test_every_form_has_a_name_of_its_own_and_asks_something_else(key):
    text, forms = written._read(written.FOLDER / f"{key}.md")
    made = [written._in_form(written.FOLDER / f"{key}.md", k) for k in range(len(forms))]
    assert len(forms) != 1, "one form needs no template"
    assert len({each.form for each in made}) == len({each.statement for each in made}) == len(forms)
    assert "{{" in text or not forms
    assert not any("{{" in each.statement + each.solution for each in made or [WRITTEN[key]])


@pytest.mark.parametrize("seed", SEEDS)
def test_rubric_gives_the_points_and_nothing_is_checked_by_code(seed):
    for key, each in all_exercises(seed).items():
        if key in WRITTEN:
            assert sum(each.rubric.values()) == each.points >= 3
            assert len(each.mistakes) >= 1 and len(each.solution) > 60
            with pytest.raises(ValueError, match="a person marks it"):
                judge(each, "my answer")


@pytest.mark.parametrize("seed", SEEDS)
def test_forms_that_ask_for_a_number_ask_for_another_one(seed):
    for key, published in WRITTEN.items():
        now = exercise(key, seed)
        if published.form and seed is not None:
            assert now.form != published.form and now.statement != published.statement
            assert now.solution != published.solution
            assert now.lesson == published.lesson and now.points == published.points


def test_the_lines_of_einops_do_what_the_answer_says():
    cat = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    _, forms = written._read(written.FOLDER / "what-does-it-show.md")
    sets, made = [form["lines"] for form in forms], {}
    for line, shape, _ in itertools.chain.from_iterable(sets):
        code = line if "[" not in line else line.replace("[", "torch.stack([").replace("]", "])")
        made[line] = eval(
            code, {"cat": cat, "rearrange": rearrange, "reduce": reduce, "torch": torch}
        )
        assert str(tuple(made[line].shape)) == shape, line
    first, second, third = ([made[line] for line, _, _ in lines] for lines in sets)
    assert torch.equal(first[0], cat.mT)
    assert torch.equal(first[1][:, 0::2], cat[:, :48]) and torch.equal(
        first[1][:, 1::2], cat[:, 48:]
    )
    assert torch.allclose(first[2], cat.mean(dim=0))
    assert torch.equal(first[3], torch.cat([cat, 1 - cat], dim=2))
    assert torch.equal(second[0], cat.permute(1, 2, 0))
    assert torch.equal(second[1][:, :48], cat[:, 0::2]) and torch.equal(
        second[1][:, 48:], cat[:, 1::2]
    )
    assert torch.equal(second[2], F.max_pool2d(cat, 4))
    assert torch.equal(second[3], torch.cat([cat, 1 - cat], dim=1))
    assert torch.equal(third[0], torch.cat(list(cat)))
    assert torch.equal(third[1][..., 0::2], cat[..., :48])
    assert torch.allclose(third[2], cat.mean(dim=(1, 2)))
    assert torch.equal(third[3][..., 0::2], cat) and torch.equal(third[3][..., 1::2], cat.flip(2))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stuck_loss_is_that_of_torch(seed):
    asked = exercise("stuck-loss", seed)
    K = int(asked.form.split()[0])
    best = torch.zeros(1, K, dtype=torch.double)
    best[0, 0] = 1
    loss = F.cross_entropy(best, torch.tensor([0])).item()
    assert f"{loss:.2f}" in asked.solution and f"{K - 1}/e" in asked.solution


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_are_counted_right(seed):
    asked = exercise("count-labels", seed)
    few, val, draws = (int(n) for n in re.findall(r"\d+", asked.form))
    assert f"{few + val:,} for this one draw, and {few * draws + val:,} in all" in asked.solution
    small = exercise("one-percent", seed)
    _, fit, val = (int(n) for n in re.findall(r"\d+", small.form))
    assert f"{fit + val:,} and not {fit}" in small.solution


@pytest.mark.parametrize("seed", SEEDS)
def test_ways_and_chance_are_right(seed):
    asked = exercise("gathered-ways", seed)
    W, N = (int(n) for n in re.findall(r"\d+", asked.form))
    assert N % W == 0
    for views in (2 * N, 2 * N // W):
        scores = torch.zeros(views, views).fill_diagonal_(-torch.inf)
        chance = F.cross_entropy(scores, torch.arange(views) ^ 1).item()
        assert f"{views - 1:,} ways" in asked.solution
        assert f"{chance:.1f}" in asked.solution
    puzzle = exercise("two-by-two", seed)
    rows, columns = (int(n) for n in puzzle.form.split("×"))
    count = math.factorial(rows * columns)
    assert f"= {count}$" in puzzle.statement
    assert f"{math.log(count):.2f}" in puzzle.solution


def test_the_best_of_ten_gains_what_the_answer_says():
    runs = np.random.default_rng(0).normal(70, 2, (20000, 11, 3))
    means = runs.mean(axis=2)
    best = means[:, :10].argmax(axis=1)
    gain = means[:, :10].max(axis=1) - means[:, 10]
    assert 1.6 < gain.mean() < 2  # nearly two points
    assert abs(gain.mean() / (2 / math.sqrt(3)) - 1.5) < 0.1  # one and a half standard errors
    chosen = np.take_along_axis(runs[:, :10], best[:, None, None], axis=1)[:, 0]
    paired = chosen - runs[:, 10]
    low = paired.mean(axis=1) - 4.303 * paired.std(axis=1, ddof=1) / math.sqrt(3)
    assert (low > 0).mean() > 3 * 0.025  # several times as often


def test_the_slow_link_is_counted_by_the_package():
    found = re.findall(r"N = ([\d,]+)", exercise("slow-link").solution)
    (N,) = (int(number.replace(",", "")) for number in found)
    many = bytes_per_step(11_000_000, 2 * N, 128, 10_000)
    assert abs(many["views"] / 50e6 - 1) < 0.001
    assert abs(many["gradients of views"] / many["views"] - 2) < 1e-9


def test_without_a_predictor_the_stop_gradient_halves_the_gradient():
    generator = torch.Generator().manual_seed(0)
    z, other = (torch.randn(5, 8, generator=generator).requires_grad_() for _ in range(2))
    plain = -F.cosine_similarity(z, other).mean()
    stopped = (
        -F.cosine_similarity(z, other.detach()) / 2 - F.cosine_similarity(z.detach(), other) / 2
    )
    for a, b in zip(
        torch.autograd.grad(plain, (z, other)),
        torch.autograd.grad(stopped.mean(), (z, other)),
        strict=True,
    ):
        assert torch.allclose(a, 2 * b)


def test_an_average_of_two_pictures_is_no_worse_than_their_mean_error():
    generator = torch.Generator().manual_seed(0)
    true, one, two = (torch.rand(3, 8, 8, generator=generator) for _ in range(3))
    errors = [F.mse_loss(made, true) for made in (one, two)]
    assert F.mse_loss((one + two) / 2, true) <= sum(errors) / 2
    assert F.mse_loss((one + two) / 2, true) < min(errors)  # here even better than both
