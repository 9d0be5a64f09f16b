"""The losses against Algorithm 1 read literally, and the bugs that everyone makes."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.losses import (
    affinity_matrix,
    checked,
    contrastive,
    info_nce,
    nt_xent,
    nt_xent_and_accuracy,
    nt_xent_two_loops,
    partners,
)
from ssl_teach.tasks.simclr import SimCLR, two_views


def vectors(views=12, width=7, dtype=torch.float64, seed=0):
    return torch.randn(views, width, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def halves(z):
    """The same views, first views before second views."""
    return torch.cat([z[0::2], z[1::2]])


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0, 5.0])
@pytest.mark.parametrize("views", [4, 6, 10])
def test_vectorised_equals_algorithm_1(views, temperature):
    z = vectors(views)
    slow = nt_xent_two_loops(z, temperature=temperature)
    torch.testing.assert_close(nt_xent(z, temperature=temperature), slow)


def test_gradients_equal_algorithm_1():
    fast, slow = vectors().requires_grad_(), vectors().requires_grad_()
    nt_xent(fast, temperature=0.3).backward()
    nt_xent_two_loops(slow, temperature=0.3).backward()
    torch.testing.assert_close(fast.grad, slow.grad)


def test_both_orders_give_the_same_loss():
    z = vectors()
    torch.testing.assert_close(nt_xent(halves(z), order="halves"), nt_xent(z, order="pairs"))
    assert abs(nt_xent(z, order="halves") - nt_xent(z, order="pairs")) > 1e-3  # misread order


@pytest.mark.parametrize("order", ["pairs", "halves"])
def test_partners_are_mutual_and_never_oneself(order):
    p = partners(10, order)
    assert torch.equal(p[p], torch.arange(10))
    assert (p != torch.arange(10)).all()


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_identical_views_give_chance(temperature):
    """log(2N-1), not log 2N: the diagonal must be gone from the sum, not set to e⁰."""
    z = torch.ones(8, 5)
    assert nt_xent(z, temperature=temperature).item() == pytest.approx(math.log(7), abs=1e-5)
    scores = (affinity_matrix(z) - torch.eye(8)) / temperature  # the famous bug
    wrong = F.cross_entropy(scores, partners(8)).item()
    assert wrong > math.log(7) + 1e-6


def test_affinity_is_a_cosine():
    z = vectors()
    s = affinity_matrix(z)
    torch.testing.assert_close(s, s.T)
    torch.testing.assert_close(s.diagonal(), torch.ones(12, dtype=torch.float64))
    torch.testing.assert_close(s[2, 5], F.cosine_similarity(z[2], z[5], dim=0))
    torch.testing.assert_close(affinity_matrix(3.7 * z), s)  # lengths do not matter
    with torch.autocast("cpu", torch.bfloat16):  # as pretrain does on a GPU
        torch.testing.assert_close(affinity_matrix(z.float()), s.float())


def test_loss_ignores_the_order_of_images_and_of_views():
    z = vectors()
    images = z.reshape(6, 2, -1)
    shuffled = images[torch.randperm(6, generator=torch.Generator().manual_seed(1))]
    swapped = images.flip(1)
    for same in (shuffled, swapped):
        torch.testing.assert_close(nt_xent(same.reshape(12, -1)), nt_xent(z))


def test_info_nce_is_cross_entropy_over_n():
    query, keys = vectors(1, 4), vectors(9, 4, seed=1)
    s = (keys @ query[0]).tolist()
    by_formula = -math.log(math.exp(s[0]) / (math.exp(s[0]) + sum(math.exp(t) for t in s[1:])))
    loss = info_nce(query, keys, torch.tensor([0]))
    assert loss.item() == pytest.approx(by_formula)


@pytest.mark.parametrize("block", [1, 3, 12, 50])
@pytest.mark.parametrize("excluding", [False, True])
def test_blocks_change_neither_losses_nor_gradients(block, excluding):
    positive, exclude = partners(12), torch.arange(12) if excluding else None
    weights = torch.rand(12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    results = []
    for rows in (12, block):
        q, k = vectors(seed=2).requires_grad_(), vectors(seed=3).requires_grad_()
        loss = info_nce(q, k, positive, exclude=exclude, temperature=0.3, block=rows)
        (loss * weights).sum().backward()
        results.append((loss.detach(), q.grad, k.grad))
    torch.testing.assert_close(results[1], results[0])


def test_many_views_are_taken_in_blocks_and_agree(monkeypatch):
    z = vectors(64, dtype=torch.float32)
    whole = nt_xent(z, temperature=0.1)
    monkeypatch.setattr(checked, "WHOLE", 100)
    monkeypatch.setattr(checked, "CACHED", 640)
    spy = []
    real = checked.BlockwiseInfoNCE.apply
    monkeypatch.setattr(
        checked.BlockwiseInfoNCE, "apply", lambda *given: spy.append(given[-1]) or real(*given)
    )
    torch.testing.assert_close(nt_xent(z, temperature=0.1), whole)
    assert spy == [10]


@pytest.mark.parametrize("views", [4, 12, 64])
def test_the_shown_losses_are_those_with_checks(views):
    z = vectors(views)
    torch.testing.assert_close(contrastive.nt_xent(z, temperature=0.2), nt_xent(z, temperature=0.2))
    given = (z, vectors(views + 3, seed=1), torch.arange(views))
    shown, checked_ = (f(*given, temperature=0.2) for f in (contrastive.info_nce, info_nce))
    torch.testing.assert_close(shown, checked_)
    blocks = info_nce(*given, temperature=0.2, block=5)
    torch.testing.assert_close(shown, blocks)


@pytest.mark.parametrize("negatives", [None, 5])
@pytest.mark.parametrize("order", ["pairs", "halves"])
def test_accuracy_in_blocks_is_that_of_the_whole_matrix(monkeypatch, order, negatives):
    z = vectors(40, dtype=torch.float32)
    z[1::2] += 1.5 * z[0::2]  # partners that are often, not always, the nearest
    more = None if negatives is None else vectors(negatives, dtype=torch.float32, seed=4)
    nearest = affinity_matrix(z, more).fill_diagonal_(-torch.inf).argmax(dim=1)
    expected = (nearest == partners(40, order)).float().mean()
    whole = nt_xent_and_accuracy(z, order=order, negatives=more)
    monkeypatch.setattr(checked, "WHOLE", 0)
    monkeypatch.setattr(checked, "CACHED", 7 * 45)
    blocks = nt_xent_and_accuracy(z, order=order, negatives=more)
    assert whole[1] == blocks[1] == expected
    assert order == "halves" or 0.1 < expected < 1
    torch.testing.assert_close(whole[0], blocks[0])


def test_no_matrix_of_all_scores_is_built_when_there_are_many_views(monkeypatch):
    monkeypatch.setattr(checked, "WHOLE", 1000)
    monkeypatch.setattr(checked, "CACHED", 8 * 512)
    largest = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            found = function(*args, **(kwargs or {}))
            largest.extend(t.numel() for t in pytree.tree_leaves(found) if torch.is_tensor(t))
            return found

    torch.manual_seed(0)
    encoder = ConvNet(channels=1, widths=(2, 4))
    task = SimCLR(encoder.widths, noise)
    images = torch.rand(256, 1, 4, 4)
    with Watch():
        batch = task.make_batch(images, None, torch.Generator().manual_seed(0))
        loss, _ = task(encoder, batch)
        loss.backward()
    assert 512 * 128 <= max(largest) < 512 * 512 // 2  # z is the largest thing there is


def test_block_gradients_against_finite_differences():
    z = vectors(6, 3).requires_grad_()
    itself = torch.arange(6)

    def loss(z):
        return info_nce(z, z, partners(6), exclude=itself, temperature=0.5, block=2)

    assert torch.autograd.gradcheck(loss, z)


def test_info_nce_exclude_removes_one_key():
    queries, keys = vectors(3, 4), vectors(5, 4, seed=1)
    positive, exclude = torch.tensor([0, 1, 2]), torch.tensor([4, 4, 4])
    without = info_nce(queries, keys[:4], positive)
    torch.testing.assert_close(info_nce(queries, keys, positive, exclude=exclude), without)


def test_half_precision_input_is_scored_in_single():
    z = vectors(64, 32, dtype=torch.float32)
    exact = nt_xent(z.bfloat16().float(), temperature=0.05)
    torch.testing.assert_close(nt_xent(z.bfloat16(), temperature=0.05), exact)
    assert nt_xent(z.half(), temperature=0.01).isfinite()


def test_gradient_against_finite_differences():
    z = vectors(6, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: nt_xent(z, temperature=0.5), (z,))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nt_xent(torch.ones(7, 3)), "even"),
        (lambda: nt_xent(torch.ones(0, 3)), "at least one vector"),
        (lambda: nt_xent(torch.ones(8)), r"\(M, D\)"),
        (lambda: nt_xent(torch.ones(8, 3, dtype=torch.int64)), "floating"),
        (lambda: nt_xent(torch.ones(8, 3), temperature=0.0), "τ"),
        (lambda: nt_xent(torch.ones(8, 3), temperature=-1.0), "τ"),
        (lambda: nt_xent(torch.ones(8, 3), temperature=math.nan), "τ"),
        (lambda: nt_xent(torch.ones(8, 3), order="rows"), "order"),
        (lambda: nt_xent(torch.full((8, 3), torch.nan)), "NaN"),
        (lambda: nt_xent_two_loops(torch.ones(7, 3)), "even"),
        (lambda: info_nce(torch.ones(2, 3), torch.ones(5, 4), torch.zeros(2).long()), "wide"),
        (lambda: info_nce(torch.ones(2, 3), torch.ones(5, 3), torch.zeros(3).long()), "positive"),
        (lambda: info_nce(vectors(), vectors(), partners(12), block=0), "block"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def noise(images, generator):
    return images + torch.rand(images.shape, generator=generator)


def test_views_stand_in_the_papers_order():
    images = 10.0 * torch.arange(3)[:, None, None, None] * torch.ones(3, 1, 2, 2)
    views = two_views(images, noise, torch.Generator().manual_seed(0))
    assert torch.equal((views.mean(dim=(1, 2, 3)) // 10).long(), torch.tensor([0, 0, 1, 1, 2, 2]))
    assert not torch.equal(views[0], views[1])  # two draws


def test_simclr_scores_its_encoder():
    torch.manual_seed(0)
    encoder = ConvNet()
    task = SimCLR(encoder.widths, noise, temperature=0.5)
    batch = task.make_batch(torch.rand(6, 3, 16, 16), None, torch.Generator().manual_seed(0))
    loss, metrics = task(encoder, batch)
    z = task.head(encoder(batch.images))
    torch.testing.assert_close(loss, nt_xent(z, temperature=0.5))
    assert batch.images.shape == (12, 3, 16, 16)
    s = affinity_matrix(z).fill_diagonal_(-2)
    assert metrics["accuracy"] == (s.argmax(1) == partners(12)).float().mean()


def test_a_backward_pass_inside_autocast_computes_in_full(monkeypatch):
    monkeypatch.setattr(checked, "WHOLE", 0)
    monkeypatch.setattr(checked, "CACHED", 16 * 64)
    torch.manual_seed(0)
    z = torch.randn(64, 8)
    grads = []
    for enabled in (False, True):
        leaf = z.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            nt_xent(leaf).backward()
        grads.append(leaf.grad)
    assert torch.equal(*grads)


@pytest.mark.parametrize("function", [nt_xent, affinity_matrix])
def test_negatives_of_another_width_or_kind_are_named(function):
    z = torch.randn(4, 3)
    with pytest.raises(ValueError, match="z is 3 wide but negatives are 5 wide"):
        function(z, negatives=torch.randn(2, 5))
    with pytest.raises(ValueError, match="negatives holds NaN"):
        function(z, negatives=torch.full((2, 3), torch.nan))


@pytest.mark.parametrize("wrong", [-100, -1, 5])
@pytest.mark.parametrize("name", ["positive", "exclude"])
def test_an_index_that_names_no_key_is_refused(name, wrong):
    given = {"positive": torch.tensor([0, 1]), name: torch.tensor([0, wrong])}
    with pytest.raises(ValueError, match=f"{name} must name one of the 5 keys"):
        info_nce(torch.randn(2, 3), torch.randn(5, 3), **given)


def test_keys_in_double_precision_are_compared_in_it():
    torch.manual_seed(0)
    queries, keys, positive = torch.randn(3, 4), torch.randn(5, 4).double(), torch.tensor([0, 1, 2])
    for a, b in ((queries, keys), (queries.double(), keys.float())):
        assert info_nce(a, b, positive).dtype == torch.float64
    assert info_nce(queries.bfloat16(), keys.half(), positive).dtype == torch.float32
    with pytest.raises(ValueError, match="keys must hold at least one"):
        info_nce(queries, keys[:0], positive)
