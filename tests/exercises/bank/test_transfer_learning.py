"""Lesson 2: right answers pass, however written; wrong ones fail for their own reason."""

import pytest

from ssl_teach.exercises import exercise, judge
from ssl_teach.exercises.bank.transfer_learning import CASES, RULE, STRATEGIES

from ..answers import SEEDS, Bad, assert_right, assert_wrong, solved

# transfer-strategy


def cells_of(asked):
    """The right names, by letter."""
    return {letter: solved(asked)(letter) for letter in "ABCD"}


@pytest.mark.parametrize("seed", SEEDS)
def test_strategies_accepts_functions_of_any_kind(seed):
    asked = exercise("transfer-strategy", seed)
    right = cells_of(asked)
    assert_right(asked, right.get)

    def by_questions(case):
        much, different = next(cell for cell, name in RULE.items() if name == right[case])
        if much:
            return "fine-tune many" if different else "fine-tune few"
        return "linear on stages" if different else "linear on top"

    assert_right(asked, by_questions)


@pytest.mark.parametrize("seed", SEEDS)
def test_strategies_refuses_and_asks_about_the_right_thing(seed):
    asked = exercise("transfer-strategy", seed)
    right = cells_of(asked)
    for letter, name in right.items():
        much, different = next(cell for cell, each in RULE.items() if each == name)
        for other, where in (
            ((not much, different), "how many labels are there for each class"),
            ((much, not different), "what do the late layers of this network respond to"),
            ((not much, not different), "how many labels are there for each class"),
        ):
            answers = right | {letter: RULE[other]}
            bad = Bad(answers.get, "value", f"for case {letter} the rule does not say")
            assert_wrong(asked, bad)
            said = judge(asked, answers.get).failure
            assert where in said.where
            assert name not in f"{said} {said.where}"  # never the answer
        bad = Bad((right | {letter: "from scratch"}).get, "value", "throws away")
        assert_wrong(asked, bad)
    for bad in (
        Bad((right | {"C": "fine-tune"}).get, "value", "not one of the five names"),
        Bad(lambda case: None, "type", "not a name"),
        Bad(lambda case: {"A": 1}[case], "type", "not a name"),
        Bad(lambda case: {}[case], "exception", "KeyError"),
        Bad(lambda case: "linear on top", "value", "the rule does not say"),
    ):
        assert_wrong(asked, bad)


def test_every_cell_and_every_strategy_has_its_place():
    assert set(RULE) == set(CASES) and set(RULE.values()) < set(STRATEGIES)
    words = [case.words for cases in CASES.values() for case in cases]
    assert len(set(words)) == len(words)
    for seed in (None, *range(12)):
        asked = exercise("transfer-strategy", seed)
        assert sorted(cells_of(asked).values()) == sorted(RULE.values())
        assert all(name in asked.statement for name in STRATEGIES)
        published = exercise("transfer-strategy").statement
        if seed is not None:  # no case of the practice form comes back
            lines = [line[6:] for line in asked.statement.splitlines() if line.startswith("- **")]
            assert len(lines) == 4 and not any(line in published for line in lines)
