"""Exercises on the affinity matrix: all its cosines, and where each view's partner is."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import call, close, require, seeded, tensor_like
from ssl_teach.exercises.checks.reference import ORDERS, partner_of
from ssl_teach.exercises.core import Exercise, Property, Variant

Matrix = Callable[[Tensor], Tensor]
LESSON = "11_simclr"


def _square(answer: Matrix, z: Tensor, on: str) -> Tensor:
    """The learner's matrix of z, (M, D) -> (M, M)."""
    return tensor_like(call(answer, z, on=on), (len(z), len(z)), on=on, names="one row a vector")


def _shape(answer: Matrix) -> None:
    z = torch.randn(6, 4, generator=seeded())
    _square(answer, z, "z of 6 vectors with 4 numbers each")


def _cosines(answer: Matrix) -> None:
    z = torch.tensor([[3.0, 4.0], [4.0, 3.0], [-3.0, -4.0], [-4.0, 3.0]])
    s = _square(answer, z, "z = [[3, 4], [4, 3], [-3, -4], [-4, 3]]")
    for i, j, what in ((0, 2, "opposite"), (0, 3, "perpendicular"), (0, 1, "neighbouring")):
        cosine = float(z[i] @ z[j]) / 25
        require(
            abs(float(s[i, j]) - cosine) < 1e-4,
            f"for the {what} vectors {z[i].tolist()} and {z[j].tolist()} it gives "
            f"{float(s[i, j]):.4f}, which is not the cosine of the angle between them",
            "each product is to be divided by both lengths",
        )


def _lengths(answer: Matrix) -> None:
    z = torch.randn(5, 3, generator=seeded(1))
    lengths = torch.tensor([[0.1], [1.0], [7.0], [30.0], [2.0]])
    s, scaled = (_square(answer, x, "5 random vectors") for x in (z, z * lengths))
    require(
        close(s, scaled),
        "vectors were made longer and shorter, which changes no angle, and the matrix changed",
        "along which axis is the length taken? dim=1 runs over the numbers of one vector",
    )


def _order(answer: Matrix) -> None:
    z = torch.randn(6, 3, generator=seeded(2))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    s, moved = (_square(answer, x, "6 random vectors") for x in (z, z[order]))
    require(
        close(s[order][:, order], moved),
        "the vectors were put in another order, and the matrix did not follow in rows and columns",
        "does any vector get a treatment of its own?",
    )


def _symmetric(answer: Matrix) -> None:
    s = _square(answer, torch.randn(7, 5, generator=seeded(3)), "7 random vectors")
    require(close(s, s.T), "s_ij and s_ji differ: the matrix is not symmetric")
    require(
        close(s.diagonal(), torch.ones(7)),
        f"a vector with itself gives {float(s[0, 0]):.4f} on the diagonal",
        "the diagonal is left out later, in the loss; the matrix itself holds all cosines",
    )


def _half(answer: Matrix) -> None:
    z = torch.randn(4, 64, generator=seeded(4)) * 60
    s = _square(answer, z.half(), "4 long vectors in half precision")
    require(
        torch.isfinite(s).all() and float(s.abs().max()) < 1.01,
        "in half precision it gives numbers that are no cosines: a sum of squares ran over 65,504",
        "divide by the lengths before you multiply, or compute in float32",
    )


def _gradient(answer: Matrix) -> None:
    z = torch.randn(3, 4, generator=seeded(5), dtype=torch.float64, requires_grad=True)
    s = call(answer, z, on="3 random vectors that want gradients")
    require(
        isinstance(s, Tensor) and s.requires_grad,
        "no gradient comes back through the result, so nothing could be trained",
        "was it detached, or rebuilt from numbers (.item(), .tolist(), torch.tensor)?",
    )


def affinity_matrix(variant: Variant) -> Exercise:
    """Cosine of every view with every other (Chen et al., 2020, Algorithm 1)."""
    return Exercise(
        key="affinity-matrix",
        lesson=LESSON,
        kind="implement",
        title="The affinity matrix",
        points=4,
        minutes=10,
        objective="compute all cosines of a batch without a loop, and say what they are blind to",
        statement="""Write `affinity(z)`: all pairwise cosines of the rows of `z`.

$$s_{ij} = \\frac{z_i^\\top z_j}{\\lVert z_i \\rVert\\, \\lVert z_j \\rVert}$$

`z` is $(M, D)$, and the result $(M, M)$. No loop is needed.""",
        function="affinity",
        starter='''def affinity(z):
    """Cosines of all pairs: (M, D) -> (M, M)."""
    ...
''',
        solution='''def affinity(z):
    """Cosines of all pairs: (M, D) -> (M, M)."""
    z = torch.nn.functional.normalize(z, dim=1)
    return z @ z.T
''',
        hints=(
            "What is the length of each row, and which shape must it have to divide `z` by it?",
            "If all rows have length one, the cosines are the products `z @ z.T`.",
        ),
        properties=(
            Property("gives a matrix with one row and one column for each vector", _shape),
            Property("gives the cosine of the angle between two vectors", _cosines),
            Property("does not depend on how long the vectors are", _lengths),
            Property("follows when the vectors change places", _order),
            Property("is symmetric, with ones on the diagonal", _symmetric),
            Property("bears half precision", _half),
            Property("lets gradients through", _gradient),
        ),
        mistakes=(
            "Normalising over the batch (`dim=0`): features get length one, and vectors do not.",
            "Dividing by the squared lengths, or by one of the two lengths only.",
            "Taking the diagonal out here, where it belongs to the loss.",
        ),
        discuss="To which changes of an image should the cosine be blind, and to which not?",
    )


def partner_index(variant: Variant) -> Exercise:
    """Where each view's partner stands, in one of three orders."""
    order = variant.choose("partner order", tuple(ORDERS))
    solution = {
        "pairs": "    return torch.arange(num_views) ^ 1",
        "halves": "    return (torch.arange(num_views) + num_views // 2) % num_views",
        "mirrored": "    return torch.arange(num_views).flip(0)",
    }

    def index(answer: Callable[[int], Tensor], views: int) -> Tensor:
        on = f"{views} views"
        return tensor_like(call(answer, views, on=on), (views,), on=on, whole=True)

    def shape(answer: Callable[[int], Tensor]) -> None:
        for views in (2, 6, 10):
            index(answer, views)

    def no_fixed_point(answer: Callable[[int], Tensor]) -> None:
        found = index(answer, 8)
        itself = (found == torch.arange(8)).nonzero().flatten().tolist()
        require(not itself, f"of 8 views, number {itself[:1]} is said to be its own partner")
        outside = [place for place in found.tolist() if not 0 <= place < 8]
        require(not outside, f"of 8 views, a partner is said to stand at {outside[:1]}")

    def mutual(answer: Callable[[int], Tensor]) -> None:
        found = index(answer, 8)
        back = found[found]
        lost = (back != torch.arange(8)).nonzero().flatten().tolist()
        require(
            not lost,
            f"of 8 views, the partner of number {lost[:1]} has another partner itself",
            "belonging together is mutual: twice to the partner leads back",
        )

    def right_order(answer: Callable[[int], Tensor]) -> None:
        for views in (4, 12):
            found = index(answer, views).tolist()
            in_orders = {o: [partner_of(i, views, o) for i in range(views)] for o in ORDERS}
            strays = [i for i in range(views) if found[i] != in_orders[order][i]]
            i = strays[0] if strays else 0
            other = found in in_orders.values()
            require(
                not strays,
                f"of {views} views, number {i} is paired with number {found[i]}"
                + (": that is another of the orders in use" if other else ""),
                "read again how the views lie in the batch",
            )

    return Exercise(
        key="partner-index",
        lesson=LESSON,
        kind="implement",
        title="Where is the partner?",
        points=3,
        minutes=5,
        objective="give each row of the affinity matrix its label, in the order that the batch has",
        statement=f"""A batch of $2N$ views is given in this order: {ORDERS[order]}.
Write `partner(num_views)`: for each view the place of its partner, $(2N,)$ whole numbers.""",
        function="partner",
        starter='''def partner(num_views):
    """Place of each view's partner: 2N -> (2N,)."""
    ...
''',
        solution=f'''def partner(num_views):
    """Place of each view's partner: 2N -> (2N,)."""
{solution[order]}
''',
        hints=("Write down the answer for six views first.",),
        properties=(
            Property("gives one whole number for each view", shape),
            Property("pairs no view with itself", no_fixed_point),
            Property("is mutual", mutual),
            Property("fits the order of the batch", right_order),
        ),
        mistakes=(
            "Another order: nothing fails, and the loss pulls strangers together.",
            "Counting from 1, as the paper does.",
        ),
        discuss="How would you notice in a training that labels and batch have different orders?",
        form=f"views in {order}",
    )
