"""Images change their size without losing their content."""

import torch
import torch.nn.functional as F

from ssl_teach.data.images import pad_or_average, resize


def test_resize_keeps_a_flat_picture_flat_and_averages_a_chequered_one():
    flat = torch.full((3, 3, 10, 10), 77, dtype=torch.uint8)
    assert resize(flat, 10) is flat
    for size in (4, 25):
        assert (resize(flat, size) == 77).all()
    chequered = ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 200).to(torch.uint8)
    small = resize(chequered[None, None], 8)[0, 0, 1:-1, 1:-1].float()
    assert (small - 100).abs().max() < 10


def test_padding_is_black_around_the_whole_drawing():
    images = torch.randint(1, 256, (2, 1, 28, 28), dtype=torch.uint8)
    padded = pad_or_average(images, 33)
    assert torch.equal(padded[:, :, 2:30, 2:30], images)
    assert padded.long().sum() == images.long().sum()
    halved = pad_or_average(images, 14)
    torch.testing.assert_close(halved.float(), F.avg_pool2d(images.float(), 2), atol=0.5, rtol=0)
