"""SimCLR's loss, in two loops and all at once: what is right passes, what is wrong is named."""

import math
import time

import pytest
import torch
import torch.nn.functional as F

from ssl_teach.exercises import exercise, judge
from ssl_teach.losses import nt_xent as the_packages

from ..answers import SEEDS, Bad, assert_right, assert_wrong
from ..forms import graded

PARTNERS = {
    "pairs": lambda i, n: i ^ 1,
    "halves": lambda i, n: (i + n // 2) % n,
    "mirrored": lambda i, n: n - 1 - i,
}


def ell(s, i, j, tau, among):
    return -torch.log(torch.exp(s[i, j] / tau) / sum(torch.exp(s[i, k] / tau) for k in among))


def loops(order="pairs", sought=None, among=None, rows=None, total=None):
    """An answer with two loops; each argument is something that one may get wrong."""
    partner = PARTNERS[sought or order]
    among = among or (lambda n, i, j: (k for k in range(n) if k != i))
    total = total or (lambda terms, n: sum(terms) / n)

    def two_loops(s, tau):
        n = len(s)
        turns = (rows or range)(n)
        terms = [ell(s, i, partner(i, n), tau, among(n, i, partner(i, n))) for i in turns]
        return total(terms, n)

    return two_loops


def with_math(s, tau):
    e = [[math.exp(x / tau) for x in row] for row in s.tolist()]
    terms = [math.log(sum(row) - row[i]) - math.log(row[i ^ 1]) for i, row in enumerate(e)]
    return sum(terms) / len(terms)


def less_the_diagonal(s, tau):
    e = torch.exp(s / tau)
    total = torch.zeros(())
    for k in range(0, len(s), 2):
        for i, j in ((k, k + 1), (k + 1, k)):
            total = total + torch.log(e[i].sum() - math.exp(1 / tau)) - s[i, j] / tau
    return total / len(s)


def from_columns(s, tau):  # the matrix is symmetric
    n = len(s)
    terms = [
        torch.logsumexp(torch.stack([s[k, i] for k in range(n) if k != i]) / tau, dim=0)
        - s[i ^ 1, i] / tau
        for i in reversed(range(n))
    ]
    return torch.stack(terms).mean()


LOOPS_RIGHT = [loops(), with_math, less_the_diagonal, from_columns]
LOOPS_WRONG = [
    Bad(loops(among=lambda n, i, j: range(n)), "value", "6 identical vectors"),
    Bad(
        loops(among=lambda n, i, j: [k for k in range(n) if k not in (i, j)] or [i]),
        "value",
        "6 identical vectors",
    ),
    Bad(
        loops(among=lambda n, i, j: [k for k in range(n) if k != j]),
        "value",
        "term by term",
    ),
    Bad(loops(among=lambda n, i, j: range(i % 2 ^ 1, n, 2)), "value", "6 identical"),
    Bad(loops(sought="halves"), "value", "partners are identical"),
    Bad(loops(sought="mirrored"), "value", "partners are identical"),
    Bad(loops(total=lambda terms, n: sum(terms)), "value", "if the sum over the views"),
    Bad(loops(total=lambda terms, n: 2 * sum(terms) / n), "value", "number of images"),
    Bad(loops(total=lambda terms, n: -sum(terms) / n), "value", "6 identical"),
    Bad(loops(rows=lambda n: range(0, n, 2)), "value", "6 identical"),
    Bad(
        loops(rows=lambda n: range(0, n, 2), total=lambda terms, n: 2 * sum(terms) / n),
        "value",
        "were exchanged",
    ),
    Bad(loops(rows=lambda n: range(1, n + 1)), "exception", "IndexError"),
    Bad(loops(total=lambda terms, n: terms), "shape", "(8,)"),
    Bad(
        loops(total=lambda terms, n: -torch.log(torch.exp(-torch.stack(terms)).mean())),
        "value",
        "term by term",
    ),
    Bad(lambda s, tau: loops()(s, 1 / tau), "value", "partners are identical"),
    Bad(lambda s, tau: loops()(s, 1.0), "value", "partners are identical"),
    Bad(lambda s, tau: loops()(s.square(), tau), "value", "term by term"),
    Bad(lambda s, tau: loops()(s.fill_diagonal_(0), tau), "changed input", "argument number 1"),
    Bad(lambda s, tau: the_packages(s, temperature=tau), "borrowed", "of the package"),
    Bad(lambda s, tau: print(end=""), "type", "None"),
]


@pytest.mark.parametrize("answer", LOOPS_RIGHT)
def test_two_loops_accepts(answer):
    assert_right(exercise("nt-xent-two-loops"), answer)


@pytest.mark.parametrize("bad", LOOPS_WRONG)
def test_two_loops_refuses(bad):
    assert_wrong(exercise("nt-xent-two-loops"), bad)


@pytest.mark.parametrize(
    ("among", "where"),
    [
        (lambda n, i, j: range(n), "a view itself"),
        (lambda n, i, j: [k for k in range(n) if k not in (i, j)] or [i], "the positive is"),
    ],
)
def test_two_loops_says_which_candidate_is_too_many_or_missing(among, where):
    verdict = judge(exercise("nt-xent-two-loops"), loops(among=among))
    assert verdict.failure is not None and where in verdict.failure.where


def first_half(n):
    return range(n // 2)


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (
            "views in mirrored, the sum over all views",
            loops("mirrored", total=lambda terms, n: sum(terms)),
            Bad(loops("mirrored"), "value", "the mean over the views"),
        ),
        (
            "views in halves, the sum over all views",
            loops("halves", total=lambda terms, n: sum(terms)),
            Bad(loops("pairs", total=lambda terms, n: sum(terms)), "value", "are identical"),
        ),
        (
            "views in mirrored, the mean over the first views",
            loops("mirrored", rows=first_half, total=lambda terms, n: 2 * sum(terms) / n),
            Bad(loops("mirrored"), "value", "the mean over the views"),
        ),
        (
            "views in halves, the mean over the first views",
            loops("halves", rows=first_half, total=lambda terms, n: sum(terms) / len(terms)),
            Bad(loops("halves", rows=lambda n: range(n // 2, n)), "value", "6 identical"),
        ),
    ],
)
def test_two_loops_in_graded_forms(form, right, wrong):
    asked = graded("nt-xent-two-loops", form)
    assert_right(asked, right)
    assert_wrong(asked, wrong)


def matrix(first, second, normalise=1, half=False):
    z = torch.cat([first, second])
    z = F.normalize(z if half else z.float(), dim=normalise)
    return z, z @ z.T


def labels(z):
    return torch.arange(len(z)).roll(len(z) // 2)


def masked(s):
    return s.masked_fill(torch.eye(len(s)).bool(), -torch.inf)


def usual(first, second, tau):
    z, s = matrix(first, second)
    return F.cross_entropy(masked(s) / tau, labels(z))


def four_blocks(first, second, tau):
    a, b = F.normalize(first.float(), dim=-1), F.normalize(second.float(), dim=-1)
    aa, ab, bb = masked(a @ a.T), a @ b.T, masked(b @ b.T)
    of_a = torch.logsumexp(torch.cat([ab, aa], dim=1) / tau, dim=1)
    of_b = torch.logsumexp(torch.cat([ab.T, bb], dim=1) / tau, dim=1)
    return ((of_a + of_b).mean() - 2 * ab.diagonal().mean() / tau) / 2


def diagonal_cut_out(first, second, tau):
    z, s = matrix(first, second)
    M = len(z)
    others = s.flatten()[1:].view(M - 1, M + 1)[:, :-1].reshape(M, M - 1)
    places = labels(z)
    return F.cross_entropy(others / tau, places - (places > torch.arange(M)).long())


def very_negative(first, second, tau):
    z, s = matrix(first, second)
    return F.cross_entropy(s / tau - 1e9 * torch.eye(len(z)), labels(z))


def indexed_and_stable(first, second, tau):
    z = torch.cat([first, second]).double()
    s = F.cosine_similarity(z[:, None], z[None], dim=2) / tau
    s = s.clone()
    s[range(len(z)), range(len(z))] = -1e6
    top = s.amax(dim=1, keepdim=True)
    p = (s - top).exp()
    own = (s - top)[torch.arange(len(z)), labels(z)]
    return (p.sum(dim=1).log() - own).mean()


def in_float32_throughout(first, second, tau):
    first, second = first.float(), second.float()
    # interleaved, which is another order and the same loss
    z = F.normalize(torch.stack([first, second], dim=1).flatten(0, 1), dim=1)
    return F.cross_entropy(masked(z @ z.T / tau), torch.arange(len(z)) ^ 1)


def by_pairs_of_loops(first, second, tau):
    z = F.normalize(torch.cat([first, second]).float(), dim=1)
    n = len(z)
    rows = [torch.stack([z[i] @ z[k] / tau for k in range(n) if k != i]) for i in range(n)]
    own = torch.stack([z[i] @ z[(i + n // 2) % n] / tau for i in range(n)])
    return (torch.stack([row.logsumexp(0) for row in rows]) - own).mean()


def exponentials_first(first, second, tau):
    z, s = matrix(first, second)
    e = (s / tau).exp()
    e = e - e.diagonal().diag()
    return -(e[torch.arange(len(z)), labels(z)] / e.sum(dim=1)).log().mean()


def one_direction(first, second, tau):
    _, s = matrix(first, second)
    n = len(first)
    return F.cross_entropy(masked(s)[:n] / tau, torch.arange(n) + n)


def between_halves(first, second, tau):
    a, b = F.normalize(first.float(), dim=1), F.normalize(second.float(), dim=1)
    s = a @ b.T / tau
    return (
        F.cross_entropy(s, torch.arange(len(a))) + F.cross_entropy(s.T, torch.arange(len(a)))
    ) / 2


def unmasked(first, second, tau):
    z, s = matrix(first, second)
    return F.cross_entropy(s / tau, labels(z))


def halted(first, second, tau):
    return usual(first, second.detach(), tau)


def lengths_detached(first, second, tau):
    z = torch.cat([first, second]).float()
    z = z / z.norm(dim=1, keepdim=True).detach()
    return F.cross_entropy(masked(z @ z.T) / tau, labels(z))


def without_lengths(first, second, tau):
    z = torch.cat([first, second]).float()
    return F.cross_entropy(masked(z @ z.T) / tau, labels(z))


def with_a_guard(first, second, tau):
    z, s = matrix(first, second)
    p = torch.softmax(masked(s) / tau, dim=1)
    return -torch.log(p[range(len(z)), labels(z)] + 1e-6).mean()


def clamped(first, second, tau):
    z, s = matrix(first, second)
    return F.cross_entropy(masked((s / tau).clamp(-50, 50)), labels(z))


def in_half(first, second, tau):
    z, s = matrix(first, second, half=True)
    return F.cross_entropy(masked(s) / tau, labels(z))


def products_in_half(first, second, tau):
    z = torch.cat([first, second])
    s = (z @ z.T) / (z.norm(dim=1)[:, None] * z.norm(dim=1))
    return F.cross_entropy(masked(s) / tau, labels(z))


def swapped_weights(first, second, tau):
    z, s = matrix(first, second)
    losses = F.cross_entropy(masked(s) / tau, labels(z), reduction="none")
    weights = torch.tensor([1.2, 0.8]).repeat_interleave(len(first))
    return (weights * losses).mean()


def first_image_counts_more(first, second, tau):
    z, s = matrix(first, second)
    losses = F.cross_entropy(masked(s) / tau, labels(z), reduction="none")
    weights = torch.ones(len(first))
    weights[0], weights[-1] = 1.2, 0.8 if len(first) > 1 else 1.2
    return (weights.repeat(2) * losses).mean()


def diagonal_of_minus_ten(first, second, tau):
    z, s = matrix(first, second)
    return F.cross_entropy((s - 11 * torch.eye(len(z))) / tau, labels(z))


def spoils(first, second, tau):
    first /= first.norm(dim=1, keepdim=True)
    return usual(first, second, tau)


NT_XENT_RIGHT = [
    usual,
    four_blocks,
    diagonal_cut_out,
    very_negative,
    indexed_and_stable,
    in_float32_throughout,
]
NT_XENT_WRONG = [
    Bad(unmasked, "value", "6 identical"),
    Bad(between_halves, "value", "6 identical"),
    Bad(one_direction, "value", "first and second views were exchanged"),
    Bad(
        lambda a, b, tau: F.cross_entropy(
            masked(matrix(a, b)[1]) / tau, torch.arange(2 * len(a)) ^ 1
        ),
        "value",
        "are identical",
    ),
    Bad(lambda a, b, tau: usual(a, b, 1 / tau), "value", "are identical"),
    Bad(lambda a, b, tau: usual(a, b, max(tau, 0.3)), "value", "are identical"),
    Bad(lambda a, b, tau: usual(a, b, 0.05), "value", "a very large τ"),
    Bad(diagonal_of_minus_ten, "value", "a very large τ"),
    Bad(lambda a, b, tau: 2 * usual(a, b, tau), "value", "number of images"),
    Bad(lambda a, b, tau: 2 * len(a) * usual(a, b, tau), "value", "if the sum over the views"),
    Bad(without_lengths, "value", "longer and shorter"),
    Bad(
        lambda a, b, tau: F.cross_entropy(
            masked(matrix(a, b, 0)[1]) / tau, labels(torch.cat([a, b]))
        ),
        "value",
        "longer and shorter",
    ),
    Bad(first_image_counts_more, "value", "images were put in another order"),
    Bad(swapped_weights, "value", "first and second views were exchanged"),
    Bad(
        lambda a, b, tau: (
            usual(a, b, tau) ** 2 / math.log(2 * len(a) - 1 or 1)
            if len(a) > 1
            else usual(a, b, tau)
        ),
        "value",
        "term by term",
    ),
    Bad(exponentials_first, "value", "too large for float32"),
    Bad(with_a_guard, "value", "at τ = 0.01"),
    Bad(clamped, "value", "at τ = 0.01"),
    Bad(in_half, "value", "less precise than float32"),
    Bad(products_in_half, "value", "exceeded 65,504"),
    Bad(halted, "value", "but its gradient is not"),
    Bad(lengths_detached, "value", "but its gradient is not"),
    Bad(lambda a, b, tau: usual(a, b, tau).detach(), "value", "no gradient"),
    Bad(by_pairs_of_loops, "time", "512 images"),
    Bad(spoils, "changed input", "argument number 1"),
    Bad(
        lambda a, b, tau: the_packages(torch.cat([a, b]), temperature=tau, order="halves"),
        "borrowed",
        "of the package",
    ),
    Bad(lambda z, tau: usual(*z.chunk(2), tau), "exception", "TypeError"),
]


@pytest.mark.parametrize("answer", NT_XENT_RIGHT)
def test_nt_xent_accepts(answer):
    assert_right(exercise("nt-xent"), answer)


@pytest.mark.parametrize("bad", NT_XENT_WRONG)
def test_nt_xent_refuses(bad):
    assert_wrong(exercise("nt-xent"), bad)


UNPACK = {
    "two": lambda first, second: (first, second),
    "stacked": lambda views: views.unbind(dim=1),
    "mirrored": lambda z: (z[: len(z) // 2], z.flip(0)[: len(z) // 2]),
    "columns": lambda z: z.T.chunk(2),
}
TAU = {"tau": lambda tau: tau, "scale": lambda scale: 1 / scale, "t": lambda t: torch.exp(-t)}


@pytest.mark.parametrize("loss", [usual, four_blocks, diagonal_cut_out])
@pytest.mark.parametrize("seed", [*SEEDS, *range(3, 9)])
def test_nt_xent_in_every_form_accepts_other_ways_and_refuses_what_another_form_asks(seed, loss):
    asked = exercise("nt-xent", seed)
    layout, given, over = (part.split()[-1] for part in (asked.form + ",").split(",")[:3])
    layout, given = (
        asked.form.split(", ")[0].removeprefix("views "),
        asked.form.split(", ")[1].split()[0],
    )
    over = asked.form.split(", ", 2)[2]

    def answer(*args, tau=TAU[given], reduce=True):
        views = UNPACK[layout](*args[:-1])
        value = loss(*views, tau(args[-1]))
        if not reduce or over == "the mean over all 2N views":
            return value
        return 2 * value if "divided" in over else 2 * len(views[0]) * value

    assert_right(asked, answer)
    if seed is not None:
        assert_wrong(asked, Bad(lambda *args: answer(*args, reduce=False), "value", "6 identical"))
        as_tau = Bad(lambda *args: answer(*args, tau=TAU["tau"]), "value", "")
        assert_wrong(asked, as_tau)


def test_a_right_answer_is_judged_within_a_second_of_work():
    for key, answer in (("nt-xent", four_blocks), ("nt-xent-two-loops", from_columns)):
        start = time.process_time()
        assert_right(exercise(key), answer)
        assert time.process_time() - start < 1
