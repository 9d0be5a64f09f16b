"""The tool that changes solutions: what it makes, and what it says of a weak check."""

import mutate_exercises
import pytest
import torch
from mutants import mutants
from mutate_exercises import ANY, EXPLAINED, Outcome, outcomes, report, try_mutants

from ssl_teach.exercises import Exercise, Property, all_exercises, judge
from ssl_teach.exercises.checks.harness import call, require

CODE = '''def f(first, second, n=2):
    """Something: 1 + 1."""
    total = 0
    for i in range(n):
        if i < n and first[i, 0] == 1:
            total += torch.cat([first, second], dim=1).max(keepdim=True).sum()
    return total.T / second[:, 1:]
'''


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("return total.T * second[:, 1:]", "an operator"),
        ("return second[:, 1:] / total.T", "two sides"),
        ("return total.T", "one side alone"),
        ("return total / second[:, 1:]", "no transposing"),
        ("return total.T / first[:, 1:]", "another argument"),
        ("return total.T / second[:, 2:]", "a constant more"),
        ("return total.T / second[:, 0:]", "a constant less"),
        ("return total.T / second[:, :]", "no bound"),
        ("return total.T / second[1:, :]", "axes swapped"),
        ("if i <= n and first[i, 0] == 1:", "a comparison"),
        ("if i < n or first[i, 0] == 1:", "and, or"),
        ("if i < n and first[0, i] == 1:", "[i, j] swapped"),
        ("if i < n and first[i, 0] == -1:", "a sign"),
        ("if True:", "no condition"),
        ("total = torch.cat([first, second], dim=1).max(keepdim=True).sum()", "+= to ="),
        ("total -= torch.cat([first, second], dim=1).max(keepdim=True).sum()", "+= to -="),
        ("total += torch.cat([first, second], dim=0).max(keepdim=True).sum()", "the axis"),
        ("total += torch.cat([first, second]).max(keepdim=True).sum()", "no axis"),
        ("total += torch.cat([second, first], dim=1).max(keepdim=True).sum()", "a list's order"),
        ("total += [first, second].max(keepdim=True).sum()", "f(x) -> x"),
        ("total += torch.cat([first, second], dim=1).min(keepdim=True).sum()", "max, min"),
        ("total += torch.cat([first, second], dim=1).max(keepdim=False).sum()", "True, False"),
        ("total += torch.cat([first, second], dim=1).sum()", "x.f() -> x"),
        ("total += torch.cat([first, second], dim=1).max(keepdim=True).mean()", "sum, mean"),
        ("without return total.T / second[:, 1:]", "a statement less"),
        ("without total = 0", "an assignment less"),
        ("break", "one turn of a loop"),
    ],
)
def test_it_makes_this_change(line, what):
    assert line in [mutant.line for mutant in mutants(CODE)], what


def test_each_mutant_compiles_differs_and_comes_once_and_docstrings_are_left_alone():
    made = mutants(CODE)
    assert len({mutant.source for mutant in made}) == len(made) > 60
    for mutant in made:
        compile(mutant.source, "mutant", "exec")
        assert '"""Something: 1 + 1."""' in mutant.source and mutant.line
    assert mutants("x = y") and not mutants("'''Words: 1 + 1.'''")


def exercise_with(test):
    return Exercise(
        key="twice",
        lesson="none",
        type="implement",
        title="Twice",
        points=1,
        minutes=1,
        objective="double a number",
        statement="",
        function="twice",
        starter="def twice(x):\n    ...\n",
        solution="def twice(x):\n    return x + x * 1\n",
        properties=(Property("is twice the number", test),),
    )


def strong(answer):
    for x in (3, -5):
        require(call(answer, x) == 2 * x, "no")


def weak(answer):
    require(call(answer, 2) in (4, 0), "no")


def broken(answer):
    assert len(answer(3)) > 2


def tried(monkeypatch, test):
    monkeypatch.setattr("ssl_teach.exercises.exercise", lambda key, seed: exercise_with(test))
    return try_mutants("twice", None)


def test_a_strong_check_lets_only_right_answers_through_and_a_weak_one_more(monkeypatch):
    same = {"return x + x / 1", "return x + x", "return x * 1 + x"}
    survivors = {mutant.line for mutant in tried(monkeypatch, strong).survivors}
    assert survivors <= same and "return x + x / 1" in survivors
    more = {mutant.line for mutant in tried(monkeypatch, weak).survivors}
    assert more > survivors and {"return x - x * 1", "return x * (x * 1)"} <= more


def test_a_check_that_breaks_is_reported_as_a_fault_of_the_check(monkeypatch):
    outcome = tried(monkeypatch, broken)
    assert outcome.broken and not outcome.survivors
    words, share = report([outcome])
    assert "the check broke: " in words and "TypeError" in words
    assert share < 1


def test_the_report_counts_what_is_explained(monkeypatch):
    outcome = tried(monkeypatch, strong)
    words, share = report([outcome])
    assert share == 1 - len(outcome.survivors) / outcome.total
    assert "survives: return x + x / 1    (was: return x + x * 1)" in words
    monkeypatch.setitem(EXPLAINED, ("twice", "return x + x / 1"), "one is one")
    words, better = report([outcome])
    assert better == pytest.approx(share + 1 / outcome.total)
    assert "explained: return x + x / 1: one is one" in words
    monkeypatch.setitem(EXPLAINED, (ANY, outcome.survivors[0].line), "for all")
    assert outcome.why(outcome.survivors[0]) in ("for all", "one is one")
    assert report([]) == (report([])[0], 1.0)


def test_unknown_keys_are_named():
    with pytest.raises(ValueError, match="no checked exercise is called 'x'; there are"):
        outcomes(["x"])


def test_it_runs_on_real_exercises_in_each_form_once():
    found = outcomes(["partner-index", "push-and-pull"], workers=1)
    assert len({(each.key, each.form) for each in found}) == len(found) >= 5
    assert all(isinstance(each, Outcome) and each.total for each in found)
    words, share = report(found)
    assert share == 1.0, words


def test_in_a_pool_too_and_from_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["mutate_exercises.py", "affinity-matrix", "--workers", "2"])
    assert mutate_exercises.main() == 0
    assert "100.0% caught or explained" in capsys.readouterr().out


def test_what_is_explained_passes_in_some_form():
    left, seen = set(EXPLAINED), set()
    for seed in (None, *range(1, 41)):
        for key, each in all_exercises(seed).items():
            lines = {line for owner, line in left if owner in (key, ANY)}
            if not lines or not each.function or (key, each.solution) in seen:
                continue
            seen.add((key, each.solution))
            for mutant in mutants(each.solution):
                if mutant.line in lines:
                    space = {"torch": torch}
                    exec(mutant.source, space)
                    if judge(each, space[each.function]).correct:
                        left -= {(key, mutant.line), (ANY, mutant.line)}
    assert not left, f"explained, but no mutant that passes: {left}"
