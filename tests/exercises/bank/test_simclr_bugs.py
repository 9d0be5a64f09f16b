"""Losses with a bug: every way to mend them passes, and what only moves the bug does not."""

import math
import time

import pytest
import torch
import torch.nn.functional as F

from ssl_teach.exercises import all_exercises, exercise, judge

from ..answers import SEEDS, Bad, assert_right, assert_wrong, solved
from ..forms import graded

BUGS = ("s-minus-identity", "loss-will-not-fall")


def cosine_matrix(z):
    z = F.normalize(z, dim=1)
    return z @ z.T


def over_cosines(way, over="mean"):
    """An answer to the first bug, from what it does with the cosines."""

    def loss(z, partner, tau):
        return way(cosine_matrix(z), partner, tau) * (1 if over == "mean" else len(z))

    return loss


def masked(s, partner, tau):
    itself = torch.eye(len(s), dtype=torch.bool)
    return F.cross_entropy(s.masked_fill(itself, -torch.inf) / tau, partner)


def cut_out(s, partner, tau):
    n = len(s)
    others = s[~torch.eye(n, dtype=torch.bool)].view(n, n - 1)
    return F.cross_entropy(others / tau, partner - (partner > torch.arange(n)).long())


def reshaped(s, partner, tau):
    n = len(s)
    others = s.flatten()[1:].view(n - 1, n + 1)[:, :-1].reshape(n, n - 1)
    return F.cross_entropy(others / tau, partner - 1 * (partner > torch.arange(n)))


def less_itself(s, partner, tau):
    e = torch.exp(s / tau)
    own = e.gather(1, partner[:, None])[:, 0]
    return -torch.log(own / (e.sum(dim=1) - math.exp(1 / tau))).mean()


def times_zero(s, partner, tau):
    e = torch.exp(s / tau) * (1 - torch.eye(len(s)))
    return (e.sum(dim=1).log() - s[torch.arange(len(s)), partner] / tau).mean()


def very_negative(s, partner, tau):
    return F.cross_entropy(s / tau - 1e9 * torch.eye(len(s)), partner)


def negative_before_tau(s, partner, tau):
    return F.cross_entropy((s - 1e4 * torch.eye(len(s))) / tau, partner)


def filled(s, partner, tau):
    return F.cross_entropy((s / tau).fill_diagonal_(float("-inf")), partner)


def row_by_row(s, partner, tau):
    rows = [torch.cat([row[:i], row[i + 1 :]]) for i, row in enumerate(s)]
    sums = torch.stack([torch.logsumexp(row / tau, dim=0) for row in rows])
    return torch.mean(sums - torch.stack([row[j] for row, j in zip(s, partner, strict=True)]) / tau)


def by_logaddexp(s, partner, tau):
    # log(Σ − e^{s_ii}) = lse + log(1 − e^{s_ii − lse})
    s = s / tau
    whole = torch.logsumexp(s, dim=1)
    without = whole + torch.log1p(-torch.exp(s.diagonal() - whole))
    return (without - s.gather(1, partner[:, None])[:, 0]).mean()


RIGHT = [
    masked,
    cut_out,
    reshaped,
    less_itself,
    times_zero,
    very_negative,
    negative_before_tau,
    filled,
    row_by_row,
    by_logaddexp,
]


def minus(amount):
    return lambda s, partner, tau: F.cross_entropy((s - amount * torch.eye(len(s))) / tau, partner)


def nothing_done(s, partner, tau):
    return F.cross_entropy(s / tau, partner)


def zero_after_tau(s, partner, tau):
    return F.cross_entropy((s / tau).fill_diagonal_(0), partner)


def softmax_cut(s, partner, tau):
    p = torch.softmax(s / tau, dim=1) * (1 - torch.eye(len(s)))
    return -torch.log(p[torch.arange(len(s)), partner]).mean()


def less_the_positive(s, partner, tau):
    e = torch.exp(s / tau)
    own = e.gather(1, partner[:, None])[:, 0]
    return -torch.log(own / (e.sum(dim=1) - own)).mean()


def less_e(s, partner, tau):
    e = torch.exp(s / tau)
    own = e.gather(1, partner[:, None])[:, 0]
    return -torch.log(own / (e.sum(dim=1) - math.e)).mean()


def first_column_gone(s, partner, tau):
    s = s.clone()
    s[:, 0] = -torch.inf
    return F.cross_entropy(s / tau, partner)


def partners_masked(s, partner, tau):
    return F.cross_entropy(s.scatter(1, partner[:, None], -torch.inf) / tau, partner)


def summed(s, partner, tau):
    return len(s) * masked(s, partner, tau)


def cut_off(s, partner, tau):
    return masked(s.detach(), partner, tau) + 0 * s.sum()


def to_the_neighbour(s, partner, tau):
    others = s.masked_fill(torch.eye(len(s), dtype=torch.bool), -torch.inf)
    return F.cross_entropy(others / tau, torch.arange(len(s)).roll(1))


STAYS_WRONG = [
    Bad(nothing_done, "value", "6 identical"),
    Bad(minus(1), "value", "6 identical"),
    Bad(minus(2), "value", "6 identical"),
    Bad(minus(11), "value", "a very large τ"),
    Bad(zero_after_tau, "value", "6 identical"),
    Bad(softmax_cut, "value", "6 identical"),
    Bad(less_the_positive, "value", "term by term"),
    Bad(less_e, "value", ""),
    Bad(first_column_gone, "value", "inf"),
    Bad(partners_masked, "value", "inf"),
    Bad(to_the_neighbour, "value", "partners are identical"),
    Bad(summed, "value", "if the sum over the views"),
    Bad(cut_off, "value", "but its gradient is not"),
]


def wrong_axis(z, partner, tau):
    z = F.normalize(z, dim=0)
    return masked(z @ z.T, partner, tau)


def in_place(z, partner, tau):
    z /= z.norm(dim=1, keepdim=True)
    return masked(z @ z.T, partner, tau)


def partner_in_place(z, partner, tau):
    s = cosine_matrix(z)[~torch.eye(len(z), dtype=torch.bool)].view(len(z), -1)
    partner -= (partner > torch.arange(len(z))).long()
    return F.cross_entropy(s / tau, partner)


@pytest.mark.parametrize("way", RIGHT)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_way_to_leave_itself_out_is_right(seed, way):
    asked = exercise("s-minus-identity", seed)
    assert_right(asked, over_cosines(way, asked.form.split(", ")[-1]))


@pytest.mark.parametrize("bad", STAYS_WRONG)
def test_what_only_moves_the_bug_is_refused(bad):
    answer = over_cosines(bad.answer)
    assert_wrong(exercise("s-minus-identity"), Bad(answer, bad.diagnosis, bad.words))


@pytest.mark.parametrize(
    "bad",
    [
        Bad(wrong_axis, "value", ""),
        Bad(in_place, "changed input", "argument number 1"),
        Bad(partner_in_place, "changed input", "argument number 2"),
    ],
)
def test_what_breaks_something_else_is_refused(bad):
    assert_wrong(exercise("s-minus-identity"), bad)


def directions(first, second):
    return F.normalize(first, dim=1), F.normalize(second, dim=1)


def one_side(first, second, tau):
    a, b = directions(first, second)
    return F.cross_entropy(a @ b.T / tau, torch.arange(len(a)))


def both_sides(first, second, tau):
    return (one_side(first, second, tau) + one_side(second, first, tau)) / 2


def by_logarithms(first, second, tau):
    a, b = directions(first, second)
    s = torch.einsum("id,jd->ij", a, b) / tau
    return -torch.log_softmax(s, dim=1).diagonal().mean()


def by_fractions(first, second, tau):
    a, b = directions(first, second)
    p = torch.softmax(a @ b.T / tau, dim=-1)
    return -torch.log(p.diagonal()).sum() / len(p)


def relative_to_the_positive(first, second, tau):
    s = F.cosine_similarity(first[:, None], second[None], dim=2) / tau
    return torch.stack([torch.logsumexp(row - row[i], dim=0) for i, row in enumerate(s)]).mean()


def with_the_floor_taken_off(first, second, tau):
    # the softmax twice, less what that loses at best
    a, b = directions(first, second)
    p = torch.softmax(a @ b.T / tau, dim=1)
    best = math.log(1 + (len(a) - 1) / math.e)
    return F.cross_entropy(p, torch.arange(len(a))) - best


def all_views(first, second, tau):
    z = torch.cat([first, second])
    return masked(cosine_matrix(z), torch.arange(len(z)).roll(len(first)), tau)


def logs_of_probabilities_of_columns(first, second, tau):
    a, b = directions(first, second)
    return -torch.log_softmax(a @ b.T / tau, dim=0).diagonal().mean()


def positive_left_out(first, second, tau):
    a, b = directions(first, second)
    e = torch.exp(a @ b.T / tau)
    return -torch.log(e.diagonal() / (e.sum(dim=1) - e.diagonal() + 1e-9)).mean()


FALLS_RIGHT = [one_side, by_logarithms, by_fractions, relative_to_the_positive]
FALLS_WRONG = [
    Bad(with_the_floor_taken_off, "value", "6 identical"),
    Bad(positive_left_out, "value", "still gives -"),
    Bad(all_views, "value", "6 identical"),
    Bad(both_sides, "value", "term by term"),
    Bad(logs_of_probabilities_of_columns, "value", "only the second views"),
    Bad(lambda a, b, tau: one_side(b, a, tau), "value", "only the second views"),
    Bad(lambda a, b, tau: one_side(a, b, 0.05), "value", "a very large τ"),
    Bad(lambda a, b, tau: one_side(a, b, 1 / tau), "value", "still gives 1.3"),
    Bad(lambda a, b, tau: one_side(a, b, tau**2), "value", "term by term"),
    Bad(lambda a, b, tau: len(a) * one_side(a, b, tau), "value", "6 identical"),
    Bad(lambda a, b, tau: one_side(a, b.detach(), tau), "value", "but its gradient is not"),
    Bad(lambda a, b, tau: one_side(a, b, tau).item(), "value", "no gradient"),
    Bad(
        lambda a, b, tau: F.cross_entropy(a @ b.T / tau, torch.arange(len(a))),
        "value",
        "longer and shorter",
    ),
    Bad(
        lambda a, b, tau: one_side(a.div_(a.norm(dim=1, keepdim=True)), b, tau),
        "changed input",
        "1",
    ),
]


@pytest.mark.parametrize("answer", FALLS_RIGHT)
def test_every_way_to_make_it_fall_is_right(answer):
    assert_right(exercise("loss-will-not-fall"), answer)


@pytest.mark.parametrize("bad", FALLS_WRONG)
def test_what_still_does_not_fall_or_is_another_loss_is_refused(bad):
    assert_wrong(exercise("loss-will-not-fall"), bad)


@pytest.mark.parametrize("form", ["temperature, each view", "positive, each view"])
def test_from_both_sides_one_side_is_not_enough(form):
    asked = graded("loss-will-not-fall", form)
    assert_right(asked, both_sides)
    for bad in (one_side, by_fractions):
        assert_wrong(asked, Bad(bad, "value", "first and second views were exchanged"))


@pytest.mark.parametrize(
    ("key", "form", "words", "where"),
    [
        ("s-minus-identity", "subtracts the identity", "6 identical", "a little too large"),
        ("s-minus-identity", "multiplies", "6 identical", "a little too large"),
        ("s-minus-identity", "subtracts 1", "6 identical", "should not be there"),
        ("loss-will-not-fall", "softmax", "it still gives 0.74", "follow one row"),
        ("loss-will-not-fall", "temperature", "still gives 1.3", "τ"),
        ("loss-will-not-fall", "positive", "still gives 0.69", "sum"),
    ],
)
def test_the_bug_as_given_is_told_by_its_effect(key, form, words, where):
    asked = graded(key, form)
    space = {"torch": torch}
    exec(asked.starter, space)
    verdict = judge(asked, space["loss"])
    assert verdict.failure is not None
    assert words in str(verdict.failure) and where in verdict.failure.where


@pytest.mark.parametrize("key", BUGS)
def test_the_statement_shows_the_code(key):
    for seed in (None, *range(1, 12)):
        asked = exercise(key, seed)
        assert asked.starter.strip() in asked.statement
        assert asked.starter != asked.solution


@pytest.mark.parametrize("seed", (None, *range(1, 9)))
def test_no_bug_shows_a_line_of_what_other_exercises_ask_for(seed):
    lines = {line.strip() for key in BUGS for line in exercise(key, seed).starter.splitlines()}
    asked = all_exercises(seed)
    for key in ("affinity-matrix", "partner-index", "nt-xent", "nt-xent-two-loops", *BUGS):
        solution = {line.strip() for line in asked[key].solution.splitlines()}
        own = {line.strip() for line in asked[key].starter.splitlines()}
        assert not (solution - own) & lines


@pytest.mark.parametrize("key", BUGS)
def test_a_right_answer_is_judged_within_a_second_of_work(key):
    asked = exercise(key)
    right = solved(asked)
    start = time.process_time()
    assert_right(asked, right)
    assert time.process_time() - start < 1
