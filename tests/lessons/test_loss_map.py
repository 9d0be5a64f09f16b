"""Lesson 12's matrices hold what each method compares."""

import pytest
import torch
import torch.nn.functional as F

from ssl_teach.lessons.loss_map import loss_map


def test_the_map_of_losses_compares_what_each_method_compares():
    torch.manual_seed(0)
    n, D = 3, 5
    z = torch.randn(2 * n, D)
    queue, prototypes = (F.normalize(torch.randn(4, D), dim=1) for _ in range(2))
    codes, fits = torch.rand(n, 4), torch.rand(n, n)
    views = torch.rand(2 * n, 1, 8, 8)
    figure = loss_map(
        views,
        z,
        queue=queue,
        correlation=torch.eye(4),
        prototypes=prototypes,
        codes=codes,
        images=torch.rand(n, 1, 8, 8),
        words=["cat", "fish", "tree"],
        word_cosines=fits,
    )
    shown = [torch.as_tensor(ax.images[0].get_array().filled(torch.nan)) for ax in figure.axes[:6]]
    u, v = F.normalize(z[0::2], dim=1), F.normalize(z[1::2], dim=1)
    simclr, moco, byol, _, swav, clip = shown
    assert simclr[0, 1] == pytest.approx(float(u[0] @ v[0])) and simclr.diagonal().isnan().all()
    torch.testing.assert_close(moco[:, 0], (u * v).sum(dim=1))
    torch.testing.assert_close(moco[:, 1:], u @ queue.T)
    torch.testing.assert_close(byol.diagonal(), (u * v).sum(dim=1))
    assert int(byol.isnan().sum()) == n * n - n
    torch.testing.assert_close(swav, codes)
    torch.testing.assert_close(clip, fits)
    framed = {p.get_xy() for p in figure.axes[4].patches if p.get_facecolor()[3] == 0}
    assert framed == {(int(c), r) for r, c in enumerate((v @ prototypes.T).argmax(dim=1))}
