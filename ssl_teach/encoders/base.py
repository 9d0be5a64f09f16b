"""The base class of encoders: blocks that can be frozen, a feature map of each stage, and h."""

from __future__ import annotations

from typing import Self

from torch import Tensor, nn

from ssl_teach.checks import check_channels, check_integer

PIXEL_MEAN, PIXEL_STD = 0.5, 0.25
"""Roughly the mean and the standard deviation of pixels in [0, 1], the same for every data set."""


def standardize(images: Tensor) -> Tensor:
    """Centre and scale images in [0, 1], so that the first layer sees both signs."""
    return (images - PIXEL_MEAN) / PIXEL_STD


class Encoder(nn.Module):
    """The base class of all encoders: stages, most of which halve the image, and a global mean.

    A subclass sets `widths` and fills `blocks`; tasks and probes rely on nothing else.

    Attributes:
        widths: Number of channels of each stage, first to last.
        blocks: One module per stage, applied in turn.
        channels: Number of channels of the images; None if several numbers are accepted.
        num_frozen: Number of blocks that are frozen, counted from the image; see `freeze`.
    """

    widths: tuple[int, ...]
    blocks: nn.ModuleList
    channels: int | None = None
    num_frozen: int = 0

    def __init__(self) -> None:
        """Create an encoder without stages; a subclass fills `blocks`."""
        super().__init__()

    def freeze(self, count: int) -> None:
        """Freeze the first blocks and train the others, as partial fine-tuning does.

        Frozen blocks get no gradients, and they stay in evaluation mode whatever `train` says, so
        that their batch norm keeps its running statistics as well as its weights.

        Args:
            count: Number of blocks to freeze, counted from the image; 0 trains all of them.

        Raises:
            ValueError: If count is negative or exceeds the number of blocks.
        """
        self.num_frozen = count = check_integer(count, "blocks to freeze", 0, len(self.blocks))
        for number, block in enumerate(self.blocks):
            block.requires_grad_(number >= count)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training mode for all but the frozen blocks; see `torch.nn.Module.train`."""
        super().train(mode)
        for block in self.blocks[: self.num_frozen]:
            block.eval()
        return self

    def prepare(self, images: Tensor) -> Tensor:
        """Bring images in [0, 1] to what the first block expects; see `standardize`."""
        return standardize(images)

    def stages(self, images: Tensor) -> list[Tensor]:
        """Compute the feature maps of all stages.

        Args:
            images: (B, C, H, W) in [0, 1]; any H and W.

        Returns:
            One (B, C_l, H_l, W_l) tensor per stage, first to last.

        Raises:
            ValueError: If the images are not floats of four dimensions, or have another number of
                channels than the encoder reads.
        """
        if not isinstance(images, Tensor):
            raise ValueError(
                f"an encoder takes a tensor (B, C, H, W), got a {type(images).__name__}"
            )
        if images.ndim != 4 or not images.is_floating_point():
            raise ValueError(
                f"an encoder takes float images (B, C, H, W) in [0, 1], "
                f"got {tuple(images.shape)} of {images.dtype}; divide uint8 images by 255"
            )
        check_channels(images, self.channels)
        x = self.prepare(images)
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Compute the representation h = f(x): the last stage averaged over its positions.

        Args:
            images: (B, C, H, W) in [0, 1].

        Returns:
            (B, D) with D = widths[-1].
        """
        return self.stages(images)[-1].mean(dim=(2, 3))
