"""Decoders: from feature maps back to pictures, for the tasks whose answer is a picture.

Neither normalises: batch norm would tie a picture to its batch, and normalising each picture by
itself takes away the very colours that it is to paint. Instead the weights start at the scale
that keeps the signal's variance from layer to layer (He et al., 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
"""Of the leaky ReLU below zero."""


def convolution(c_in: int, c_out: int) -> nn.Sequential:
    """A 3×3 convolution and a leaky ReLU, which keep the size: (B, c_in, H, W) -> (B, c_out, …)."""
    conv = nn.Conv2d(c_in, c_out, kernel_size=3, padding=1)
    nn.init.kaiming_normal_(conv.weight, a=SLOPE)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return nn.Sequential(conv, nn.LeakyReLU(SLOPE, inplace=True))


def doubling(c_in: int, c_out: int) -> nn.Sequential:
    """Sub-pixel convolution (Shi et al., 2016): four times the channels become 2×2 pixels."""
    return nn.Sequential(convolution(c_in, 4 * c_out), nn.PixelShuffle(2))


class MapDecoder(nn.Module):
    """From the last feature map to a picture, through the sizes of the earlier stages.

    It sees no earlier map: everything must have gone through the encoder's last stage. It is half
    as wide as the encoder, to leave the work there. Upsampling repeats pixels before a 3×3
    convolution, which fits any size and leaves no chequerboard as a strided transposed one can.
    """

    def __init__(self, widths: Sequence[int], channels: int = 3) -> None:
        """Its weights are random, drawn as torch draws them.

        Args:
            widths: of the encoder.
            channels: of the pictures.
        """
        super().__init__()
        halved = [max(1, width // 2) for width in (*widths[-2::-1], widths[0])]
        self.blocks = nn.ModuleList(
            convolution(c_in, c_out) for c_in, c_out in pairwise([widths[-1], *halved])
        )
        self.last = nn.Conv2d(halved[-1], channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """Decode a feature map.

        Args:
            x: (B, D, h, w), the encoder's last stage.
            sizes: height and width to pass through, one per stage; the last is the picture's.

        Returns:
            (B, C, H, W) in [0, 1].
        """
        for block, size in zip(self.blocks, sizes, strict=True):
            x = block(F.interpolate(x, size=size))
        return torch.sigmoid(self.last(x).float())


class SkipDecoder(nn.Module):
    """From the maps of all stages and the picture itself to what is missing at four times its size.

    It climbs from the last stage to the first, taking in each stage's map, then the picture, and
    doubles the size twice. Its last convolution starts at zero, and so does its answer.
    """

    def __init__(self, widths: Sequence[int], channels: int = 3) -> None:
        """Its weights are random, drawn as torch draws them.

        Args:
            widths: of the encoder.
            channels: of the pictures.
        """
        super().__init__()
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
        """Decode.

        Args:
            maps: (B, C_l, H_l, W_l) of every stage, of any sizes.
            images: (B, C, H, W), what the maps were made from.

        Returns:
            (B, C, 4H, 4W).
        """
        x = maps[-1]
        for merge, skip in zip(self.merges, [*maps[-2::-1], images], strict=True):
            # to the skip's size, whatever it is: halving an odd side rounds up
            x = merge(torch.cat([F.interpolate(x, size=skip.shape[-2:]), skip], dim=1))
        return self.last(self.enlarge(x)).float()
