"""Cosines and pairs: right answers pass, however written; wrong ones fail for their own reason."""

import pytest
import torch
import torch.nn.functional as F

from ssl_teach.exercises import exercise
from ssl_teach.losses import affinity_matrix as the_packages

from ..answers import SEEDS, Bad, assert_right, assert_wrong
from ..forms import graded


def pair_by_pair(a, b):
    a, b = a.float(), b.float()
    return torch.stack([x @ y / x.norm() / y.norm() for x, y in zip(a, b, strict=True)])


def by_directions(a, b):
    return torch.einsum("md,md->m", F.normalize(a.float(), dim=1), F.normalize(b.float(), dim=1))


def by_the_law_of_cosines(a, b):
    a, b = a.double(), b.double()
    lengths = [x.square().sum(dim=-1) for x in (a, b, a - b)]
    return (lengths[0] + lengths[1] - lengths[2]) / (2 * (lengths[0] * lengths[1]).sqrt())


def diagonal_of_all(a, b):
    return (F.normalize(a, dim=1) @ F.normalize(b, dim=1).T).diagonal()


COSINE_RIGHT = [
    F.cosine_similarity,
    pair_by_pair,
    by_directions,
    by_the_law_of_cosines,
    diagonal_of_all,
]


def cosine_in_place(a, b):
    a /= a.norm(dim=1, keepdim=True)
    return (a * F.normalize(b, dim=1)).sum(dim=1)


COSINE_WRONG = [
    Bad(lambda a, b: (a * b).sum(dim=1), "value", "[3, 4] and [3.0, 4.0], the same"),
    Bad(lambda a, b: (a * b).sum(dim=0), "shape", "expected (6,)"),
    Bad(lambda a, b: F.cosine_similarity(a, b, dim=0), "shape", "expected (6,)"),
    Bad(lambda a, b: F.normalize(a, dim=1) @ F.normalize(b, dim=1).T, "shape", "(6, 6)"),
    Bad(lambda a, b: (a * b).sum(dim=1) / b.norm(dim=1), "value", "the same"),
    Bad(lambda a, b: (a * b).sum(dim=1) / (a * a).sum(dim=1), "value", "parallel"),
    Bad(lambda a, b: (a * b).sum(dim=1) / (a.norm() * b.norm()), "value", "the same"),
    Bad(lambda a, b: 1 - F.cosine_similarity(a, b), "value", "the same"),
    Bad(lambda a, b: F.cosine_similarity(a, b).abs(), "value", "opposite"),
    Bad(lambda a, b: F.cosine_similarity(a, b).clamp(max=0.9), "value", "the same"),
    Bad(lambda a, b: F.cosine_similarity(a, b, eps=1.0), "value", "longer and shorter"),
    Bad(lambda a, b: F.cosine_similarity(a[:1].expand_as(b), b), "value", "were exchanged"),
    Bad(
        lambda a, b: (a * b).sum(dim=1) / (a.norm(dim=1) * b.norm(dim=1)),
        "value",
        "half precision",
    ),
    Bad(lambda a, b: F.cosine_similarity(a, b.detach()), "value", "one of the two sides"),
    Bad(lambda a, b: F.cosine_similarity(a, b).detach(), "value", "no gradient"),
    Bad(
        lambda a, b: (
            (a.float() * b.float()).sum(dim=1)
            / (a.float().norm(dim=1) * b.float().norm(dim=1)).detach()
        ),
        "value",
        "along the vector",
    ),
    Bad(cosine_in_place, "changed input", "argument number 1"),
    Bad(lambda a, b: a @ b, "exception", "RuntimeError"),
]


@pytest.mark.parametrize("answer", COSINE_RIGHT)
def test_cosine_accepts(answer):
    assert_right(exercise("cosine-similarity"), answer)


@pytest.mark.parametrize("bad", COSINE_WRONG)
def test_cosine_refuses(bad):
    assert_wrong(exercise("cosine-similarity"), bad)


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (
            "distance, columns",
            lambda a, b: 1 - F.cosine_similarity(a, b, dim=0),
            Bad(lambda a, b: F.cosine_similarity(a, b, dim=0), "value", "the same vectors"),
        ),
        (
            "chord, columns",
            lambda a, b: (
                (F.normalize(a, dim=0) - F.normalize(b, dim=0)).float().square().sum(dim=0)
            ),
            Bad(lambda a, b: 1 - F.cosine_similarity(a, b, dim=0), "value", "opposite"),
        ),
        (
            "distance, one",
            lambda a, b: torch.stack([1 - F.cosine_similarity(a, x, dim=0) for x in b]),
            Bad(lambda a, b: 1 - b @ a / b.norm(dim=1), "value", "the same"),
        ),
        (
            "chord, one",
            lambda a, b: torch.cdist(
                F.normalize(a.float(), dim=0)[None], F.normalize(b.float(), dim=1)
            )[0].square(),
            Bad(lambda a, b: torch.acos(F.cosine_similarity(a[None], b)), "value", "opposite"),
        ),
    ],
)
def test_cosine_in_graded_forms(form, right, wrong):
    asked = graded("cosine-similarity", form)
    assert_right(asked, right)
    assert_wrong(asked, wrong)


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
    Bad(forever, "time", "had not returned"),
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
        if order == "mirrored":
            return list(reversed(range(num_views)))
        return [*range(half, num_views), *range(half)]

    return partner


def by_view(order):
    def partner(num_views):
        places = torch.arange(num_views)
        if order == "pairs":
            return places.view(-1, 2).flip(1).flatten()
        if order == "mirrored":
            return num_views - 1 - places
        return places.view(2, -1).flip(0).flatten()

    return partner


ORDER_WRONG = [
    Bad(lambda n: torch.arange(n), "value", "its own partner"),
    Bad(lambda n: torch.arange(n) ^ 1 if n != 2 else torch.tensor([1.0, 0.0]), "type", "whole"),
    Bad(lambda n: torch.arange(n) + 1, "value", "is said to be number"),
    Bad(lambda n: (torch.arange(n) + 1) % n if n > 2 else torch.tensor([1, 0]), "value", "mutual"),
    Bad(lambda n: torch.arange(n).flip(0), "value", "paired with number"),
    Bad(lambda n: torch.arange(n // 2), "shape", "expected (2,)"),
    Bad(
        lambda n: torch.randperm(n, generator=torch.Generator().manual_seed(0))[n],
        "exception",
        "IndexError",
    ),
]


@pytest.mark.parametrize("seed", (*SEEDS, 3, 4, 5))
def test_partner_accepts_in_its_own_order_and_names_the_others(seed):
    asked = exercise("partner-index", seed)
    own = asked.form.removeprefix("views in ")
    assert (own == "pairs") == (seed is None)
    for write in (by_list, by_view):
        assert_right(asked, write(own))
        for other in {"pairs", "halves", "mirrored"} - {own}:
            assert_wrong(asked, Bad(write(other), "value", "another of the usual orders"))


@pytest.mark.parametrize("bad", ORDER_WRONG)
def test_partner_refuses(bad):
    assert_wrong(exercise("partner-index"), bad)
