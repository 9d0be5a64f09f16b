"""Decoders: from feature maps back to images, for the tasks whose answer is an image.

Neither decoder normalises. Batch norm would make an image depend on its batch, and normalising each
image by itself would remove the colours that the decoder has to produce. Instead, the weights are
initialised so that the variance of the signal stays the same from layer to layer (He et al., 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssl_teach.checks import check_widths

SLOPE = 0.2
"""The slope of the leaky ReLU below zero."""


def convolution(c_in: int, c_out: int) -> nn.Sequential:
    """Return a 3×3 convolution and a leaky ReLU: (B, c_in, H, W) -> (B, c_out, H, W)."""
    conv = nn.Conv2d(c_in, c_out, kernel_size=3, padding=1)
    nn.init.kaiming_normal_(conv.weight, a=SLOPE)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return nn.Sequential(conv, nn.LeakyReLU(SLOPE, inplace=True))


def doubling(c_in: int, c_out: int) -> nn.Sequential:
    """Return a sub-pixel convolution (Shi et al., 2016): (B, c_in, H, W) -> (B, c_out, 2H, 2W).

    The convolution makes 4·c_out channels, and each four of them become 2×2 pixels of one channel.
    """
    return nn.Sequential(convolution(c_in, 4 * c_out), nn.PixelShuffle(2))


class MapDecoder(nn.Module):
    """A decoder from the last feature map to an image, through the sizes of the earlier stages.

    It reads only the last map, so everything in the image must have passed through the encoder's
    last stage. It is half as wide as the encoder, to leave the work there. Upsampling repeats
    pixels before a 3×3 convolution. This fits any size, and avoids the chequerboard pattern that a
    strided transposed convolution can leave.
    """

    def __init__(self, widths: Sequence[int], channels: int = 3) -> None:
        """Initialise the convolutions as in He et al., 2015, and the last with PyTorch's defaults.

        Args:
            widths: The widths of the encoder's stages.
            channels: The number of channels of the images.
        """
        super().__init__()
        widths = check_widths(widths)
        halved = [max(1, width // 2) for width in (*widths[-2::-1], widths[0])]
        self.blocks = nn.ModuleList(
            convolution(c_in, c_out) for c_in, c_out in pairwise([widths[-1], *halved])
        )
        self.last = nn.Conv2d(halved[-1], channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """Decode a feature map.

        Args:
            x: The feature map (B, D, h, w) of the encoder's last stage.
            sizes: The height and width to pass through, one pair per stage; the last is the size of
                the image.

        Returns:
            The images (B, C, H, W) in [0, 1].
        """
        for block, size in zip(self.blocks, sizes, strict=True):
            x = block(F.interpolate(x, size=size))
        return torch.sigmoid(self.last(x).float())


class SkipDecoder(nn.Module):
    """A decoder from the maps of all stages and the image to the detail missing at 4× its size.

    It goes from the last stage to the first, takes in the map of each stage and then the image, and
    doubles the size twice. Its last convolution is initialised with zeros, and so its output is
    zero at first.
    """

    def __init__(self, widths: Sequence[int], channels: int = 3) -> None:
        """Initialise the convolutions as in He et al., 2015, and the last one with zeros.

        Args:
            widths: The widths of the encoder's stages.
            channels: The number of channels of the images.
        """
        super().__init__()
        widths = check_widths(widths)
        skips = [*widths[-2::-1], channels]
        outs = [*widths[-2::-1], widths[0]]
        below = [widths[-1], *outs[:-1]]
        self.merges = nn.ModuleList(
            convolution(c_in + skip, out)
            for c_in, skip, out in zip(below, skips, outs, strict=True)
        )
        half = max(1, widths[0] // 2)
        self.enlarge = nn.Sequential(doubling(widths[0], widths[0]), doubling(widths[0], half))
        self.last = nn.Conv2d(half, channels, kernel_size=3, padding=1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, maps: Sequence[Tensor], images: Tensor) -> Tensor:
        """Decode the feature maps of all stages.

        Args:
            maps: The feature map (B, C_l, H_l, W_l) of each stage, of any size.
            images: The images (B, C, H, W) from which the encoder computed the maps.

        Returns:
            The missing detail (B, C, 4H, 4W).
        """
        x = maps[-1]
        for merge, skip in zip(self.merges, [*maps[-2::-1], images], strict=True):
            # resize to the skip's own size, since halving an odd side rounds up
            x = merge(torch.cat([F.interpolate(x, size=skip.shape[-2:]), skip], dim=1))
        return self.last(self.enlarge(x)).float()
