"""The bound on data whose mutual information is known."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from ssl_teach.lessons.mutual_information import (
    Cosine,
    LogRatio,
    Quadratic,
    batch_losses,
    correlation,
    draw_pairs,
    fit_score,
    mi_lower_bound,
)
from ssl_teach.losses.contrastive import info_nce

D = 4


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_pairs_have_the_correlation_that_gives_the_information():
    x, y = draw_pairs((200_000, 2), 1.5, seeded())
    rho = correlation(1.5, 2)
    assert -math.log(1 - rho**2) == pytest.approx(1.5)
    found = torch.corrcoef(torch.cat([x, y], dim=1).T)
    expected = torch.eye(4) + rho * (torch.eye(4)[[2, 3, 0, 1]])
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0)
    assert y.std(dim=0) == pytest.approx(torch.ones(2), abs=0.01)


def test_log_ratio_is_that_of_the_densities():
    information = 2.0
    rho = correlation(information, D)
    x, y = draw_pairs((5, D), information, seeded())
    alone = MultivariateNormal(torch.zeros(D), torch.eye(D))
    scores = LogRatio(information, D)(x, y)
    for i in range(5):
        known = MultivariateNormal(rho * x[i], (1 - rho**2) * torch.eye(D))
        expected = known.log_prob(y) - alone.log_prob(y)
        torch.testing.assert_close(scores[i], expected, atol=1e-4, rtol=1e-4)


def test_log_ratio_of_true_pairs_is_the_information_in_the_mean():
    x, y = draw_pairs((400, 50, D), 3.0, seeded())
    positive = LogRatio(3.0, D)(x, y).diagonal(dim1=1, dim2=2)
    assert positive.mean().item() == pytest.approx(3.0, abs=0.05)


def test_quadratic_can_say_what_log_ratio_says():
    rho = correlation(2.0, D)
    score = Quadratic(D)
    with torch.no_grad():
        score.a.copy_(torch.eye(D) * rho / (1 - rho**2))
        score.b.copy_(-torch.eye(D) * rho**2 / (2 * (1 - rho**2)))
    x, y = draw_pairs((3, 8, D), 2.0, seeded())
    torch.testing.assert_close(
        batch_losses(score, x, y), batch_losses(LogRatio(2.0, D), x, y), atol=1e-4, rtol=1e-4
    )


def test_losses_are_those_of_info_nce():
    score = Cosine(D, temperature=0.3)
    x, y = draw_pairs((2, 7, D), 2.0, seeded())
    for batch in range(2):
        u = torch.nn.functional.normalize(score.f(x[batch]), dim=1)
        v = torch.nn.functional.normalize(score.f(y[batch]), dim=1)
        loss = info_nce(u, v, torch.arange(7), temperature=0.3).mean()
        torch.testing.assert_close(batch_losses(score, x, y)[batch], loss)


@pytest.mark.parametrize("tau", [0.5, 1.0])
def test_no_cosine_certifies_more_than_its_scale_allows(tau):
    """Scores made as good as can be: 1 for the positive, -1 for all negatives."""
    N = 128

    def best(x, y):
        return (2 * torch.eye(N) - 1).expand(len(x), N, N) / tau

    found = mi_lower_bound(best, 5.0, D, N, batches=2)
    limit = math.log(N) - math.log(1 + (N - 1) * math.exp(-2 / tau))
    assert found.tolist() == pytest.approx([limit, limit], abs=1e-5)
    assert limit < min(math.log(N), 2 / tau)


def test_untrained_quadratic_certifies_nothing():
    assert mi_lower_bound(Quadratic(D), 3.0, D, 16).tolist() == pytest.approx([0.0] * 50, abs=1e-6)


@pytest.mark.parametrize("ways", [4, 64])
def test_the_bound_holds_and_training_approaches_the_best(ways):
    torch.manual_seed(0)
    score = fit_score(Quadratic(D), 2.0, D, ways, steps=150, lr=0.05)
    found = mi_lower_bound(score, 2.0, D, ways, batches=200).mean().item()
    best = mi_lower_bound(LogRatio(2.0, D), 2.0, D, ways, batches=200).mean().item()
    assert found < min(2.0, math.log(ways))
    assert best - 0.1 < found <= best + 0.02


def test_the_same_seed_gives_the_same_score():
    first, second = (fit_score(Quadratic(D), 1.0, D, 8, steps=5, seed=3) for _ in range(2))
    assert torch.equal(first.a, second.a)
    other = fit_score(Quadratic(D), 1.0, D, 8, steps=5, seed=4)
    assert not torch.equal(first.a, other.a)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="information"):
        correlation(-1.0, 3)
    with pytest.raises(ValueError, match="dimension"):
        correlation(1.0, 0)
    with pytest.raises(ValueError, match="τ"):
        Cosine(D, temperature=0.0)
