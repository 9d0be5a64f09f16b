"""The encoders that the lessons train, built by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from torch import nn
from torchvision.models import resnet18

from ssl_teach.checks import check_integer, check_widths
from ssl_teach.encoders.base import Encoder


def _norm(name: str, channels: int) -> nn.Module:
    """Build a normalisation layer by name."""
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "group":  # independent of the other images, so the same on any number of devices
        return nn.GroupNorm(min(8, channels), channels)
    if name == "sync":  # statistics of the whole batch over all processes; needs GPUs
        return nn.SyncBatchNorm(channels)
    raise ValueError(f"norm must be 'batch', 'group' or 'sync', got {name!r}")


class ConvNet(Encoder):
    """The default encoder: four strided 3×3 convolutions, quick to train on a CPU."""

    def __init__(
        self, channels: int = 3, widths: Sequence[int] = (32, 64, 128, 256), norm: str = "batch"
    ) -> None:
        """Initialise the weights with PyTorch's defaults.

        Args:
            channels: Channels of the images: 3 for colour, 1 for grey.
            widths: Channels of each stage; each stage halves height and width.
            norm: "batch", "group" or "sync" (batch norm over several processes, only on GPUs).
        """
        super().__init__()
        self.channels = check_integer(channels, "channels", 1)
        self.widths = check_widths(widths)
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
    """A VGG-style network: in each stage two 3×3 convolutions and 2×2 max pooling.

    Source: Simonyan and Zisserman, 2015, configuration B, with fewer channels and normalisation.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (32, 64, 128, 256, 256),
        norm: str = "batch",
    ) -> None:
        """Take the same arguments as `ConvNet`."""
        super().__init__()
        self.channels = check_integer(channels, "channels", 1)
        self.widths = check_widths(widths)
        sizes = [channels, *widths]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c_in, c_out, kernel_size=3, padding=1, bias=False),
                _norm(norm, c_out),
                nn.ReLU(inplace=True),
                nn.Conv2d(c_out, c_out, kernel_size=3, padding=1, bias=False),
                _norm(norm, c_out),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2, ceil_mode=True),  # ceil keeps at least one pixel
            )
            for c_in, c_out in pairwise(sizes)
        )


class ResNet18(Encoder):
    """ResNet-18 with a stem for small images: a 3×3 convolution and no max pooling.

    Source: He et al., 2016; SimCLR uses this stem for CIFAR-10 (Chen et al., 2020, B.9).
    """

    def __init__(self, channels: int = 3, norm: str = "batch") -> None:
        """Take the same arguments as `ConvNet`."""
        super().__init__()
        self.channels = check_integer(channels, "channels", 1)
        self.widths = (64, 128, 256, 512)
        net = resnet18(weights=None, norm_layer=lambda c: _norm(norm, c))
        stem = nn.Sequential(
            nn.Conv2d(channels, 64, kernel_size=3, padding=1, bias=False), net.bn1, net.relu
        )
        self.blocks = nn.ModuleList(
            [nn.Sequential(stem, net.layer1), net.layer2, net.layer3, net.layer4]
        )

    def reset_parameters(self) -> None:
        """Initialise again: the stem with PyTorch's defaults, all others as torchvision does."""
        stem, *others = (module for module in self.modules() if isinstance(module, nn.Conv2d))
        stem.reset_parameters()
        init_as_torchvision(others)


def init_as_torchvision(convolutions: Iterable[nn.Conv2d]) -> None:
    """Initialise the convolutions of a ResNet as torchvision does.

    Source: He et al., 2015, equation 10, with the number of outputs instead of inputs.
    """
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")


ENCODERS = {"convnet": ConvNet, "vgg": VGG, "resnet18": ResNet18}


def build_encoder(name: str, channels: int = 3, norm: str = "batch") -> Encoder:
    """Build an encoder by name.

    Args:
        name: "convnet", "vgg" or "resnet18".
        channels: Channels of the images: 3 for colour, 1 for grey.
        norm: "batch", "group" or "sync".

    Raises:
        ValueError: If the name is unknown, or channels is not a positive integer.
    """
    if name not in ENCODERS:
        raise ValueError(f"no encoder is called {name!r}; there are {', '.join(ENCODERS)}")
    return ENCODERS[name](channels=channels, norm=norm)
