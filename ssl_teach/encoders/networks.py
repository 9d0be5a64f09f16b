"""Encoders f: images in, features of every stage out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from torch import nn
from torchvision.models import resnet18

from ssl_teach.encoders.base import Encoder


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":  # mixes no images of a batch, so it is the same on any number of devices
        return nn.GroupNorm(min(8, channels), channels)
    if kind == "sync":  # statistics of the whole batch, wherever its parts lie; needs GPUs
        return nn.SyncBatchNorm(channels)
    raise ValueError(f"norm must be 'batch', 'group' or 'sync', got {kind!r}")


class ConvNet(Encoder):
    """The default: four strided 3×3 convolutions, quick to train on a processor."""

    def __init__(
        self, channels: int = 3, widths: Sequence[int] = (32, 64, 128, 256), norm: str = "batch"
    ) -> None:
        """Its weights are random, drawn as torch draws them.

        Args:
            channels: of the images: 3 for colour, 1 for grey.
            widths: channels of each stage; each stage halves height and width.
            norm: "batch", "group" or "sync" (batch norm over several processes; on GPUs alone).
        """
        super().__init__()
        self.widths = tuple(widths)
        sizes = [channels, *widths]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c_in, c_out, kernel_size=3, stride=2, padding=1, bias=False),
                _norm(norm, c_out),
                nn.ReLU(inplace=True),
            )
            for c_in, c_out in pairwise(sizes)
        )


class VGG(Encoder):
    """A VGG-style stack: per stage two 3×3 convolutions, then a 2×2 maximum.

    Source: Simonyan and Zisserman, 2015, configuration B, narrower and with normalisation.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (32, 64, 128, 256, 256),
        norm: str = "batch",
    ) -> None:
        """The arguments are those of `ConvNet`."""
        super().__init__()
        self.widths = tuple(widths)
        sizes = [channels, *widths]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c_in, c_out, kernel_size=3, padding=1, bias=False),
                _norm(norm, c_out),
                nn.ReLU(inplace=True),
                nn.Conv2d(c_out, c_out, kernel_size=3, padding=1, bias=False),
                _norm(norm, c_out),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2, ceil_mode=True),  # ceil: a 1-pixel map stays a map
            )
            for c_in, c_out in pairwise(sizes)
        )


class ResNet18(Encoder):
    """ResNet-18 with the stem for small images: a 3×3 convolution and no first pooling.

    Source: He et al., 2016; the stem is the one SimCLR uses for CIFAR-10 (Chen et al., 2020, B.9).
    """

    def __init__(self, channels: int = 3, norm: str = "batch") -> None:
        """The arguments are those of `ConvNet`."""
        super().__init__()
        self.widths = (64, 128, 256, 512)
        net = resnet18(weights=None, norm_layer=lambda c: _norm(norm, c))
        stem = nn.Sequential(
            nn.Conv2d(channels, 64, kernel_size=3, padding=1, bias=False), net.bn1, net.relu
        )
        self.blocks = nn.ModuleList(
            [nn.Sequential(stem, net.layer1), net.layer2, net.layer3, net.layer4]
        )

    def reset_parameters(self) -> None:
        """Draw the weights anew, as they were drawn: all but the stem's as torchvision does."""
        stem, *others = (module for module in self.modules() if isinstance(module, nn.Conv2d))
        stem.reset_parameters()
        init_as_torchvision(others)


def init_as_torchvision(convolutions: Iterable[nn.Conv2d]) -> None:
    """Draw the weights of a ResNet's convolutions as torchvision does.

    Source: He et al., 2015, equation 10, with the number of outputs in place of that of inputs.
    """
    for each in convolutions:
        nn.init.kaiming_normal_(each.weight, mode="fan_out", nonlinearity="relu")


ENCODERS = {"convnet": ConvNet, "vgg": VGG, "resnet18": ResNet18}


def build_encoder(name: str, channels: int = 3, norm: str = "batch") -> Encoder:
    """An encoder by its name.

    Args:
        name: "convnet", "vgg" or "resnet18".
        channels: of the images.
        norm: "batch", "group" or "sync".

    Raises:
        ValueError: if there is no encoder of that name.
    """
    if name not in ENCODERS:
        raise ValueError(f"no encoder is called {name!r}; there are {', '.join(ENCODERS)}")
    return ENCODERS[name](channels=channels, norm=norm)
