"""InfoNCE and its gradient: right answers pass, however written; wrong ones fail for a reason."""

import math
import time

import pytest
import torch
import torch.nn.functional as F

from ssl_teach.exercises import exercise, judge
from ssl_teach.losses.contrastive import info_nce as the_packages

from ..answers import Bad, assert_right, assert_wrong
from ..forms import graded


def query_by_query(scores, positive, tau):
    total = 0
    for row, j in zip(scores.float() / tau, positive, strict=True):
        total = total - torch.log_softmax(row, dim=0)[j]
    return total / len(scores)


def by_one_hot(scores, positive, tau):
    scores = scores.double() / tau
    right = F.one_hot(positive, scores.shape[1])
    return (torch.logsumexp(scores, dim=1) - (right * scores).sum(dim=1)).mean()


def relative_to_the_positive(scores, positive, tau):
    # -log of 1 / (1 + Σ exp(s_k - s⁺)), the sum over all others
    scores = scores.float() / tau
    differences = scores - scores.gather(1, positive[:, None])
    return torch.logsumexp(differences, dim=1).mean()


def weighted(scores, positive, tau):
    return F.nll_loss(F.log_softmax(scores.float() / tau, dim=-1), positive)


def negatives_only(scores, positive, tau):
    others = (scores / tau).scatter(1, positive[:, None], -torch.inf)
    own = (scores / tau).gather(1, positive[:, None])[:, 0]
    return (torch.logsumexp(others, dim=1) - own).mean()


def with_a_shift_of_all(scores, positive, tau):
    s = scores.float() / tau
    s = s - s.max()  # one number for all queries: rows far below it vanish
    e = s.exp()
    return -torch.log(e.gather(1, positive[:, None])[:, 0] / e.sum(dim=1)).mean()


def in_place(scores, positive, tau):
    scores /= tau
    return F.cross_entropy(scores, positive)


def cross_entropy(scores, positive, tau):
    return F.cross_entropy(scores.float() / tau, positive)


INFO_NCE_RIGHT = [
    cross_entropy,
    query_by_query,
    by_one_hot,
    relative_to_the_positive,
    weighted,
    lambda s, j, tau: F.cross_entropy(s.T[None].float() / tau, j[None]),
]
INFO_NCE_WRONG = [
    Bad(lambda s, j, tau: F.cross_entropy(s, j), "value", "cross-entropy of the softmax"),
    Bad(lambda s, j, tau: F.cross_entropy(s * tau, j), "value", "1/τ instead of τ"),
    Bad(lambda s, j, tau: -F.cross_entropy(s / tau, j), "value", "not the loss at chance"),
    Bad(lambda s, j, tau: F.cross_entropy(s / tau, 0 * j), "value", "candidates were put"),
    Bad(
        lambda s, j, tau: F.cross_entropy(s / tau, j, reduction="sum"),
        "value",
        "not the loss at chance",
    ),
    Bad(lambda s, j, tau: F.cross_entropy(s / tau, j, reduction="none"), "shape", "(4,)"),
    Bad(
        lambda s, j, tau: F.cross_entropy(s / tau, j) / math.log(2),
        "value",
        "not the loss at chance",
    ),
    Bad(lambda s, j, tau: F.cross_entropy(s / tau, j, label_smoothing=0.1), "value", "another"),
    Bad(
        lambda s, j, tau: F.nll_loss(torch.log_softmax(s / tau, dim=0), j),
        "value",
        "not the loss at chance",
    ),
    Bad(
        lambda s, j, tau: F.cross_entropy(torch.softmax(s / tau, dim=1), j),
        "value",
        "another loss",
    ),
    Bad(
        lambda s, j, tau: F.cross_entropy(F.normalize(s, dim=1) / tau, j),
        "value",
        "same number was added",
    ),
    Bad(
        lambda s, j, tau: -(torch.softmax(s / tau, dim=1)[range(len(s)), j]).mean().log(),
        "value",
        "another loss",
    ),
    Bad(
        lambda s, j, tau: -torch.log(torch.softmax(s.float() / tau, 1)[range(len(s)), j]).mean(),
        "value",
        "overflowed, or it took log 0",
    ),
    Bad(
        lambda s, j, tau: (
            -torch.log(torch.softmax(s.float() / tau, 1)[range(len(s)), j] + 1e-8).mean()
        ),
        "value",
        "double precision",
    ),
    Bad(lambda s, j, tau: F.cross_entropy(s / tau, j), "value", "half precision"),
    Bad(lambda s, j, tau: cross_entropy(s, j, tau).detach(), "value", "no gradient"),
    Bad(lambda s, j, tau: cross_entropy(s, j, tau).item(), "value", "no gradient"),
    Bad(
        lambda s, j, tau: cross_entropy(s.detach(), j, tau) + 0 * s.sum(),
        "value",
        "but its gradient is not",
    ),
    Bad(lambda s, j, tau: F.cross_entropy(s[:, j] / tau, j), "exception", "IndexError"),
    Bad(
        lambda s, j, tau: the_packages(s, torch.eye(s.shape[1]), j, temperature=tau).mean(),
        "borrowed",
        "of the package",
    ),
    Bad(with_a_shift_of_all, "value", "it took log 0"),
    Bad(negatives_only, "value", "not the loss at chance"),
    Bad(in_place, "changed input", "argument number 1"),
]


@pytest.mark.parametrize("answer", INFO_NCE_RIGHT)
def test_info_nce_accepts(answer):
    assert_right(exercise("info-nce-cross-entropy"), answer)


@pytest.mark.parametrize("bad", INFO_NCE_WRONG)
def test_info_nce_refuses(bad):
    assert_wrong(exercise("info-nce-cross-entropy"), bad)


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        (negatives_only, "the positive is a candidate too"),
        (lambda s, j, tau: cross_entropy(s, j, tau) / math.log(2), "unit"),
        (lambda s, j, tau: len(s) * cross_entropy(s, j, tau), "be combined"),
    ],
)
def test_info_nce_says_where_to_look(bad, where):
    verdict = judge(exercise("info-nce-cross-entropy"), bad)
    assert verdict.failure is not None and where in verdict.failure.where


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (
            "scores in columns, each in bits",
            lambda s, j, tau: [
                F.cross_entropy(column.float() / tau, k) / math.log(2)
                for column, k in zip(s.T, j, strict=True)
            ],
            Bad(
                lambda s, j, tau: F.cross_entropy(s.T.float() / tau, j, reduction="none"),
                "value",
                "not the loss at chance",
            ),
        ),
        (
            "scores in columns, sum in share",
            lambda s, j, tau: (
                F.cross_entropy(s.T.float() / tau, j, reduction="sum") / math.log(len(s))
            ),
            Bad(
                lambda s, j, tau: F.cross_entropy(s.T / tau, j) / math.log(len(s)),
                "value",
                "not the loss at chance",
            ),
        ),
        (
            "scores in columns, sum in bits",
            lambda s, j, tau: (
                F.cross_entropy(s.T.float() / tau, j, reduction="sum") * math.log2(math.e)
            ),
            Bad(
                lambda s, j, tau: F.cross_entropy(s / tau, j, reduction="sum"),
                "exception",
                "ValueError",
            ),
        ),
    ],
)
def test_info_nce_in_graded_forms(form, right, wrong):
    asked = graded("info-nce-cross-entropy", form)
    assert_right(asked, right)
    assert_wrong(asked, wrong)


def by_autograd(cosines, positive, tau):
    cosines = cosines.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(F.cross_entropy(cosines / tau, torch.tensor(positive)), cosines)
    return slopes


def by_terms(cosines, positive, tau):
    top = float(cosines.max())
    e = [math.exp((x - top) / tau) for x in cosines.tolist()]
    return [(x / sum(e) - (k == positive)) / tau for k, x in enumerate(e)]


def by_jacobian(cosines, positive, tau):
    p = F.softmax(cosines / tau, dim=0)
    return (p - torch.eye(len(p))[positive]) / tau


def unstable(cosines, positive, tau):
    e = (cosines / tau).exp()
    return (e / e.sum() - F.one_hot(torch.tensor(positive), len(e))) / tau


def squared(cosines, positive, tau):
    p = F.softmax(cosines / tau, dim=0) ** 2
    p = p / p.sum()
    return (p - torch.eye(len(p))[positive]) / tau


def swapped_sign(cosines, positive, tau):
    return -by_jacobian(cosines, positive, tau)


def only_probabilities(cosines, positive, tau):
    return F.softmax(cosines / tau, dim=0) / tau


def only_the_pushes(cosines, positive, tau):
    p = by_jacobian(cosines, positive, tau)
    p[positive] = 0
    return p


def in_place_push(cosines, positive, tau):
    cosines[positive] -= 1
    return cosines


PUSH_RIGHT = [by_autograd, by_terms, by_jacobian]
PUSH_WRONG = [
    Bad(swapped_sign, "value", "descent would repel it"),
    Bad(only_probabilities, "value", "descent would repel it"),
    Bad(only_the_pushes, "value", "descent would repel it"),
    Bad(
        lambda c, j, tau: F.softmax(c / tau, dim=0) - 2 * torch.eye(len(c))[j],
        "value",
        "they should balance",
    ),
    Bad(lambda c, j, tau: tau * by_jacobian(c, j, tau), "value", "τ times what it should be"),
    Bad(lambda c, j, tau: by_jacobian(c, j, tau) / tau, "value", "1/τ times"),
    Bad(lambda c, j, tau: by_jacobian(c, j, 1.0), "value", "times as strongly as the third"),
    Bad(lambda c, j, tau: by_jacobian(c, j, 1 / tau), "value", "times as strongly as the third"),
    Bad(lambda c, j, tau: by_jacobian(-c, j, tau), "value", "closer negative"),
    Bad(squared, "value", "times as strongly as the third"),
    Bad(unstable, "value", "at τ = 0.005"),
    Bad(lambda c, j, tau: by_jacobian(c, j, tau)[:-1], "shape", "expected (5,)"),
    Bad(lambda c, j, tau: by_jacobian(c, j, tau).sum(), "shape", "expected (5,)"),
    Bad(in_place_push, "changed input", "argument number 1"),
]


@pytest.mark.parametrize("answer", PUSH_RIGHT)
def test_push_accepts(answer):
    assert_right(exercise("push-and-pull"), answer)


@pytest.mark.parametrize("bad", PUSH_WRONG)
def test_push_refuses(bad):
    assert_wrong(exercise("push-and-pull"), bad)


def score_slopes(c, j, tau):
    return F.softmax(c.float() / tau, dim=1) - F.one_hot(j, c.shape[1])


def shares(c, j, tau):
    return (c / tau).scatter(1, j[:, None], -torch.inf).softmax(dim=1)


def shares_of_pushes(c, j, tau):
    s = c / tau
    e = (s - s.max(dim=1, keepdim=True).values).exp() * (1 - F.one_hot(j, c.shape[1]))
    return e / e.sum(dim=1, keepdim=True)


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (
            "by scores, rows",
            score_slopes,
            Bad(lambda c, j, tau: score_slopes(c, j, tau) / tau, "value", "1/τ times"),
        ),
        (
            "by scores, rows",
            lambda c, j, tau: torch.stack(
                [score_slopes(x[None], y[None], tau)[0] for x, y in zip(c, j, strict=True)]
            ),
            Bad(lambda c, j, tau: score_slopes(c, j, tau) / len(c), "value", "number of queries"),
        ),
        (
            "by scores, columns",
            lambda c, j, tau: score_slopes(c.T, j, tau).T,
            Bad(score_slopes, "exception", "RuntimeError"),
        ),
        (
            "by shares, rows",
            shares,
            Bad(score_slopes, "value", "a positive is given a share"),
        ),
        (
            "by shares, rows",
            shares_of_pushes,
            Bad(
                lambda c, j, tau: F.softmax(c / tau, dim=1).scatter(1, j[:, None], 0.0),
                "value",
                "of the negatives of one query add up to",
            ),
        ),
        (
            "by shares, columns",
            lambda c, j, tau: shares(c.T, j, tau).T,
            Bad(lambda c, j, tau: shares(c.T, j, 1.0).T, "value", "as strongly as the third"),
        ),
    ],
)
def test_push_in_graded_forms(form, right, wrong):
    asked = graded("push-and-pull", form)
    assert_right(asked, right)
    assert_wrong(asked, wrong)


@pytest.mark.parametrize(
    ("key", "answer"),
    [("info-nce-cross-entropy", query_by_query), ("push-and-pull", by_terms)],
)
def test_a_right_answer_is_judged_within_a_second_of_work(key, answer):
    start = time.process_time()
    assert_right(exercise(key), answer)
    assert time.process_time() - start < 1
