"""Cosines and pairs: right answers pass, however written; wrong ones fail for their own reason."""

import pytest
import torch
import torch.nn.functional as F
from zoo import SEEDS, Bad, assert_right, assert_wrong

from ssl_teach.contrastive import affinity_matrix as the_packages
from ssl_teach.exercises import exercise


def by_loops(z):
    z = z.float() if z.dtype == torch.half else z
    rows = [torch.stack([F.cosine_similarity(a, b, dim=0) for b in z]) for a in z]
    return torch.stack(rows)


def by_broadcasting(z):
    z = z.double() / z.double().norm(dim=1, keepdim=True)
    return F.cosine_similarity(z[:, None], z[None], dim=2)


def by_outer_lengths(z):
    z = z.float() if z.dtype == torch.half else z
    lengths = torch.sqrt(torch.einsum("id,id->i", z, z))
    return torch.einsum("id,jd->ij", z, z) / torch.outer(lengths, lengths)


def forever(z):
    while True:
        pass


def in_place(z):
    z /= z.norm(dim=1, keepdim=True)
    return z @ z.T


AFFINITY_RIGHT = [by_loops, by_broadcasting, by_outer_lengths]
AFFINITY_WRONG = [
    Bad(lambda z: F.normalize(z, dim=0) @ F.normalize(z, dim=0).T, "value", "cosine"),
    Bad(lambda z: z @ z.T, "value", "cosine"),
    Bad(lambda z: z @ z.T / z.norm(dim=1), "value", "cosine"),
    Bad(lambda z: z @ z.T / z.square().sum(dim=1), "value", "long"),
    Bad(lambda z: F.normalize(z, dim=1).T @ F.normalize(z, dim=1), "shape", "(4, 4)"),
    Bad(
        lambda z: F.normalize(z, dim=1) @ F.normalize(z, dim=1).T - torch.eye(len(z)),
        "value",
        "diagonal",
    ),
    Bad(lambda z: F.cosine_similarity(z, z), "shape", "(6,)"),
    Bad(lambda z: (z @ z.T) / z.norm(dim=1).outer(z.norm(dim=1)), "value", "half"),
    Bad(
        lambda z: F.normalize(z.detach().float(), dim=1) @ F.normalize(z.detach().float(), dim=1).T,
        "value",
        "gradient",
    ),
    Bad(lambda z: z @ z, "exception", "RuntimeError"),
    Bad(lambda z: None, "type", "None"),
    Bad(in_place, "changed input", "argument number 1"),
    Bad(forever, "time", "had not come back"),
    Bad(the_packages, "borrowed", "of the package"),
]


@pytest.mark.parametrize("answer", AFFINITY_RIGHT)
def test_affinity_accepts(answer):
    assert_right(exercise("affinity-matrix"), answer)


@pytest.mark.parametrize("bad", AFFINITY_WRONG)
def test_affinity_refuses(bad):
    assert_wrong(exercise("affinity-matrix"), bad)


def by_list(order):
    def partner(num_views):
        half = num_views // 2
        if order == "pairs":
            return [k + 1 if k % 2 == 0 else k - 1 for k in range(num_views)]
        return [*range(half, num_views), *range(half)]

    return partner


def by_view(order):
    def partner(num_views):
        places = torch.arange(num_views)
        if order == "pairs":
            return places.view(-1, 2).flip(1).flatten()
        return places.view(2, -1).flip(0).flatten()

    return partner


ORDER_WRONG = [
    Bad(lambda n: torch.arange(n), "value", "its own partner"),
    Bad(lambda n: torch.arange(n) ^ 1 if n != 2 else torch.tensor([1.0, 0.0]), "type", "whole"),
    Bad(lambda n: torch.arange(n) + 1, "value", "is said to stand at"),
    Bad(lambda n: (torch.arange(n) + 1) % n if n > 2 else torch.tensor([1, 0]), "value", "mutual"),
    Bad(lambda n: torch.arange(n).flip(0), "value", "paired with number"),
    Bad(lambda n: torch.arange(n // 2), "shape", "expected (2,)"),
    Bad(
        lambda n: torch.randperm(n, generator=torch.Generator().manual_seed(0))[n],
        "exception",
        "IndexError",
    ),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_partner_accepts_in_its_own_order_and_names_the_other(seed):
    asked = exercise("partner-index", seed)
    own, other = ("pairs", "halves") if seed is None else ("halves", "pairs")
    assert own in asked.form
    for write in (by_list, by_view):
        assert_right(asked, write(own))
        assert_wrong(asked, Bad(write(other), "value", "the other of the two orders"))


@pytest.mark.parametrize("bad", ORDER_WRONG)
def test_partner_refuses(bad):
    assert_wrong(exercise("partner-index"), bad)
