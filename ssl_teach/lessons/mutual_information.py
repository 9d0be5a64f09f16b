"""InfoNCE as a bound on mutual information, on data whose mutual information is known.

Pairs (x, y) of Gaussian vectors, each coordinate of y correlated with the same one of x by ρ, have
I(x; y) = -(d/2) log(1 - ρ²). For any score, I ≥ log N - ℒ if the N - 1 negatives are independent
of x (van den Oord et al., 2018; Poole et al., 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssl_teach.losses.checks import check_temperature

Score = Callable[[Tensor, Tensor], Tensor]
"""Scores every x with every y; (…, N, d) and (…, N, d) in, (…, N, N) out."""

ScoreModule = TypeVar("ScoreModule", bound=nn.Module)


def correlation(information: float, dimension: int) -> float:
    """The correlation ρ of each coordinate that gives so much mutual information.

    Args:
        information: I in nats, at least 0.
        dimension: d of x and of y.

    Example:
        >>> rho = correlation(4.0, 8)
        >>> round(-8 / 2 * math.log(1 - rho**2), 6)
        4.0
    """
    if information < 0 or dimension < 1:
        raise ValueError(
            f"information must be at least 0 and the dimension at least 1, got {information} "
            f"and {dimension}"
        )
    return math.sqrt(1 - math.exp(-2 * information / dimension))


def draw_pairs(
    shape: tuple[int, ...], information: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Pairs of correlated Gaussian vectors.

    Args:
        shape: (…, d), of x and of y.
        information: I(x; y) in nats.
        generator: source of randomness.

    Returns:
        x and y, both of that shape; each is standard normal.
    """
    rho = correlation(information, shape[-1])
    x = torch.randn(shape, generator=generator)
    noise = torch.randn(shape, generator=generator)
    return x, rho * x + math.sqrt(1 - rho**2) * noise


class LogRatio(nn.Module):
    """The score that knows the answer: log p(y | x) / p(y) of these Gaussians."""

    def __init__(self, information: float, dimension: int) -> None:
        """For pairs with so many nats between vectors of so many numbers."""
        super().__init__()
        self.rho = correlation(information, dimension)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(…, N, d), (…, N, d) -> (…, N, N): every x with every y."""
        rho, left = self.rho, 1 - self.rho**2  # left: variance of y where x is known
        squares = (x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]) * rho**2
        products = 2 * rho * x @ y.mT
        return (products - squares) / (2 * left) - x.shape[-1] / 2 * math.log(left)


class Quadratic(nn.Module):
    """s(x, y) = xᵀAy + yᵀBy, learnt: with the right A and B this is `LogRatio`.

    It lacks the terms of that score that depend only on x. They are the same for all y, so they
    cancel in the softmax over y.
    """

    def __init__(self, dimension: int) -> None:
        """Start from zeros, where all answers are equally likely."""
        super().__init__()
        self.a = nn.Parameter(torch.zeros(dimension, dimension))
        self.b = nn.Parameter(torch.zeros(dimension, dimension))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(…, N, d), (…, N, d) -> (…, N, N): every x with every y."""
        alone = (y @ self.b * y).sum(dim=-1)  # (…, N): yᵀBy
        return x @ self.a @ y.mT + alone[..., None, :]


class Cosine(nn.Module):
    """s(x, y) = cos(f(x), f(y)) / τ, f a small network; never above 1/τ nor below -1/τ."""

    def __init__(self, dimension: int, temperature: float = 1.0, width: int = 128) -> None:
        """Build f: `dimension` numbers in, `width` hidden ones, a quarter of that out."""
        super().__init__()
        check_temperature(temperature)
        self.temperature = temperature
        self.f = nn.Sequential(nn.Linear(dimension, width), nn.ReLU(), nn.Linear(width, width // 4))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(…, N, d), (…, N, d) -> (…, N, N): every x with every y."""
        u, v = F.normalize(self.f(x), dim=-1), F.normalize(self.f(y), dim=-1)
        return u @ v.mT / self.temperature


def batch_losses(score: Score, x: Tensor, y: Tensor) -> Tensor:
    """InfoNCE of each of B batches: y_i is the positive of x_i, the other y of its batch negatives.

    Args:
        score: (B, N, d), (B, N, d) -> (B, N, N).
        x: (B, N, d).
        y: (B, N, d).

    Returns:
        (B,) losses, means over the N rows.
    """
    scores = score(x, y)  # (B, N, N)
    B, N, _ = scores.shape
    right = torch.arange(N, device=scores.device).expand(B, N)
    return F.cross_entropy(scores.mT, right, reduction="none").mean(dim=1)


def fit_score(
    score: ScoreModule,
    information: float,
    dimension: int,
    ways: int,
    *,
    steps: int = 300,
    pairs: int = 512,
    lr: float = 0.02,
    seed: int = 0,
) -> ScoreModule:
    """Lower the loss of finding y among `ways` candidates, on new pairs at every step.

    Args:
        score: is trained in place.
        information: I(x; y) of the pairs.
        dimension: d.
        ways: N.
        steps: of Adam, its rate falling in a straight line.
        pairs: per step, in batches of N; at least one batch.
        lr: rate at the start.
        seed: of the pairs.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(score.parameters(), lr=lr)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        x, y = draw_pairs((max(1, pairs // ways), ways, dimension), information, generator)
        optimizer.zero_grad()
        batch_losses(score, x, y).mean().backward()
        optimizer.step()
    return score


@torch.no_grad()
def mi_lower_bound(
    score: Score,
    information: float,
    dimension: int,
    ways: int,
    *,
    batches: int = 50,
    seed: int = 1_000_000,
) -> Tensor:
    """What fresh pairs certify: log N - ℒ of each batch; its mean is at most I for any score.

    Args:
        score: trained on other pairs: on those it was fitted to, the bound need not hold.
        information: I(x; y) of the pairs.
        dimension: d.
        ways: N.
        batches: B, independent of each other, so that their spread tells the error of the mean.
        seed: of the fresh pairs.

    Returns:
        (B,) nats.
    """
    generator = torch.Generator().manual_seed(seed)
    x, y = draw_pairs((batches, ways, dimension), information, generator)
    return math.log(ways) - batch_losses(score, x, y)
