"""Alignment and uniformity against their definitions, one pair at a time."""

import math
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from ssl_teach.losses.alignment_uniformity import alignment, uniformity
from ssl_teach.losses.contrastive import nt_xent


def vectors(count=9, dimension=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimension, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0])
def test_alignment_is_the_mean_distance_of_partners(alpha):
    first, second = vectors(seed=0), vectors(seed=1)
    pairs = zip(first, second, strict=True)
    slow = sum((a / a.norm() - b / b.norm()).norm() ** alpha for a, b in pairs) / len(first)
    torch.testing.assert_close(alignment(first, second, alpha=alpha), slow)


@pytest.mark.parametrize("t", [0.5, 2.0])
def test_uniformity_is_the_log_of_the_mean_over_pairs(t):
    z = vectors()
    unit = [v / v.norm() for v in z]
    terms = [torch.exp(-t * (a - b).norm() ** 2) for a, b in combinations(unit, 2)]
    torch.testing.assert_close(uniformity(z, t=t), torch.log(sum(terms) / len(terms)))


def test_what_all_vectors_in_one_place_give():
    same = torch.ones(6, 4)
    assert alignment(same, 3 * same).item() == pytest.approx(0, abs=1e-6)
    assert uniformity(same).item() == pytest.approx(0, abs=1e-6)
    assert alignment(same, -same).item() == pytest.approx(4)


def test_lengths_and_turns_do_not_count():
    first, second = vectors(seed=0), vectors(seed=1)
    turn = torch.linalg.qr(vectors(5, 5, seed=2)).Q
    torch.testing.assert_close(alignment(7 * first @ turn, second @ turn), alignment(first, second))
    torch.testing.assert_close(uniformity(7 * first @ turn), uniformity(first))


def test_uniformity_of_many_even_points_is_known():
    """On the sphere in three dimensions the cosine of two random points is even in [-1, 1]."""
    even = math.log((1 - math.exp(-8)) / 8)
    assert uniformity(vectors(2000, 3)).item() == pytest.approx(even, abs=0.02)


def test_no_arrangement_is_more_even_than_the_best():
    """A regular triangle on the circle: turning one point away can only raise the number."""
    at = [2 * math.pi * k / 3 for k in range(3)]
    best = uniformity(torch.tensor([[math.cos(a), math.sin(a)] for a in at]))
    for shift in (-0.5, 0.1, 0.9):
        moved = [at[0] + shift, *at[1:]]
        z = torch.tensor([[math.cos(a), math.sin(a)] for a in moved])
        assert uniformity(z) > best


def test_many_negatives_make_the_loss_its_two_parts():
    """NT-Xent = (alignment - 2) / 2τ + log Σ exp s/τ: no third term (theorem 1 of the paper)."""
    z, tau = F.normalize(vectors(40, 3), dim=1), 0.5
    s = (z @ z.T).fill_diagonal_(-math.inf)
    spread = torch.logsumexp(s / tau, dim=1).mean()
    near = (alignment(z[0::2], z[1::2]) - 2) / (2 * tau)
    torch.testing.assert_close(nt_xent(z, temperature=tau), near + spread)


def test_gradients_are_finite_where_partners_coincide():
    z = vectors().requires_grad_()
    (alignment(z, z.detach().clone()) + uniformity(torch.cat([z, z]))).backward()
    assert torch.isfinite(z.grad).all()


def test_half_precision_is_computed_in_float32():
    z = vectors().half()
    assert uniformity(z).dtype == alignment(z, z).dtype == torch.float32


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: alignment(torch.ones(3, 2), torch.ones(4, 2)), "partner"),
        (lambda: alignment(torch.ones(3, 2), torch.ones(3, 2), alpha=0), "α"),
        (lambda: alignment(torch.ones(3), torch.ones(3)), "first"),
        (lambda: uniformity(torch.ones(1, 2)), "at least two"),
        (lambda: uniformity(torch.zeros(3, 2)), "zeros"),
        (lambda: uniformity(torch.full((3, 2), math.nan)), "NaN"),
        (lambda: uniformity(torch.ones(3, 2), t=-1), "t must"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 3.0])
def test_a_pair_that_coincides_pulls_nowhere(alpha):
    first = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    second = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = alignment(first, second, alpha=alpha)
    assert loss.item() == pytest.approx(2 ** (alpha / 2) / 2)
    loss.backward()
    assert torch.equal(first.grad[0], torch.zeros(2)) and first.grad[1].isfinite().all()
